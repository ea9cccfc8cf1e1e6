"""Files in and out: layers read with every fault named, files written whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio.errors

from siting.errors import Fault, InputError

# Pakistan with its coast; a point outside is a slip, most often latitude and longitude swapped.
PAKISTAN_WSEN = (60.0, 23.0, 78.0, 38.0)

LONLAT_ALIASES = {"longitude": "lon", "latitude": "lat"}
REPEATED_ID = re.compile(r"Several features with id = (\S+)")

LAYER_SUFFIXES = (".geojson", ".json", ".gpkg", ".parquet", ".csv", ".fgb", ".shp")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all: `write` fills a file beside it, which then takes its place.

    Parameters
    ----------
    path
        Where the file shall stand; its folder is made where it is missing.
    write
        Called with the path of the file to fill, which has the same ending.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", suffix="".join(path.suffixes), dir=path.parent)
    os.close(handle)
    part = Path(name)
    try:
        part.unlink()  # some writers refuse, or append to, a file that is there
        write(part)
        part.chmod(0o644)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to fill that becomes `path` if all goes well, and vanishes if anything fails.

    Parameters
    ----------
    path
        Where the folder shall stand. An empty folder there is replaced.

    Raises
    ------
    InputError
        If `path` is a file, or a folder that holds something.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(Fault(str(path), "is there already and not empty", "name another folder"))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}-part-", dir=path.parent))
    try:
        yield part
        part.chmod(0o755)
        if path.exists():
            path.rmdir()
        part.replace(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def clear_parts(path: Path) -> None:
    """Delete what writers of `whole_folder` that were killed have left beside `path`.

    Only for who knows that nobody is writing there.
    """
    for part in path.parent.glob(f".{glob.escape(path.name)}-part-*"):
        shutil.rmtree(part, ignore_errors=True)


def read_layer(path: Path, *, unique_ids: bool = True) -> gpd.GeoDataFrame:
    """Return the rows of a layer file in lon/lat (EPSG:4326), each fault of the file named.

    GeoJSON, GeoPackage, FlatGeobuf and Shapefile are read by GDAL; GeoParquet by GeoPandas; a CSV
    needs columns ``lon`` and ``lat`` (or ``longitude`` and ``latitude``) in degrees.

    Parameters
    ----------
    path
        The file; its ending says what it is.
    unique_ids
        Whether features of a GeoJSON that share an id are a fault. GDAL would renumber them with
        no more than a warning. OpenStreetMap numbers nodes and ways apart, so its files may.

    Returns
    -------
    GeoDataFrame
        The file's columns and ``geometry``, EPSG:4326, rows in the file's order.

    Raises
    ------
    InputError
        If the file is missing, has another ending, cannot be parsed, is empty, has no coordinate
        reference system, repeats feature ids, or holds points outside Pakistan.
    """
    suffix = path.suffix.lower()
    if suffix not in LAYER_SUFFIXES:
        raise InputError(
            Fault(
                str(path),
                f"ending {suffix or '(none)'} is not a layer this reads",
                "use one of " + ", ".join(LAYER_SUFFIXES),
            )
        )
    if not path.is_file():
        raise InputError(Fault(str(path), "no such file"))
    if suffix == ".csv":
        layer = _read_csv_points(path)
    else:
        try:
            layer = gpd.read_parquet(path) if suffix == ".parquet" else _read_file(path, unique_ids)
        except InputError:
            raise
        except (
            pyogrio.errors.DataSourceError,
            pyogrio.errors.DataLayerError,
            ValueError,
            OSError,
        ) as err:
            raise InputError(Fault(str(path), f"cannot be read: {_first_line(err)}")) from err
    if not isinstance(layer, gpd.GeoDataFrame) or layer.active_geometry_name is None:
        raise InputError(Fault(str(path), "has no geometry"))
    if layer.empty:
        raise InputError(Fault(str(path), "has no rows"))
    if layer.crs is None:
        raise InputError(
            Fault(str(path), "has no coordinate reference system", "declare it, e.g. EPSG:4326")
        )
    layer = layer.to_crs(4326)
    _require_pakistan(layer, path)
    return layer


def extent(layer: gpd.GeoDataFrame | gpd.GeoSeries) -> str:
    """Return where a layer lies, in degrees, in words for a message.

    Parameters
    ----------
    layer
        Any layer with a coordinate reference system.

    Examples
    --------
    >>> points = gpd.GeoSeries.from_xy([73.0, 73.1], [33.6, 33.7], crs=4326)
    >>> extent(points)
    '73.000-73.100 E, 33.600-33.700 N'
    """
    west, south, east, north = layer.geometry.to_crs(4326).total_bounds
    return f"{west:.3f}-{east:.3f} E, {south:.3f}-{north:.3f} N"


def row_labels(path: Path, rows: Iterable[int]) -> tuple[str, ...]:
    """Return what to call rows of a file, by position from 0: line of a CSV, else row from 1.

    Examples
    --------
    >>> row_labels(Path("people.csv"), [0, 3])
    ('line 2', 'line 5')
    >>> row_labels(Path("people.gpkg"), [0])
    ('row 1',)
    """
    first, word = (2, "line") if path.suffix.lower() == ".csv" else (1, "row")
    return tuple(f"{word} {i + first}" for i in rows)


def _read_file(path: Path, unique_ids: bool) -> gpd.GeoDataFrame:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        layer = gpd.read_file(path)
    for warning in caught:
        repeated = REPEATED_ID.search(str(warning.message))
        if not repeated:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
        elif unique_ids and "id" not in layer.columns:  # a column is looked at by who reads it
            raise InputError(
                Fault(
                    f"{path}, feature id",
                    f"{repeated[1]} stands at several features, perhaps others too",
                    "give each feature its own id",
                )
            )
    return layer


def _read_csv_points(path: Path) -> gpd.GeoDataFrame:
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except UnicodeDecodeError as err:
        raise InputError(
            Fault(str(path), f"is not UTF-8 (byte {err.start:,})", "save it as CSV UTF-8")
        ) from err
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as err:
        raise InputError(Fault(str(path), f"cannot be read as CSV: {_first_line(err)}")) from err
    if not {"lon", "lat"} & set(frame.columns):
        frame = frame.rename(columns=LONLAT_ALIASES)
    missing = [c for c in ("lon", "lat") if c not in frame.columns]
    if missing:
        raise InputError(
            Fault(
                str(path),
                f"has no column {' and no column '.join(missing)}",
                "it has: " + ", ".join(map(str, frame.columns)),
            )
        )
    faults = []
    for column in ("lon", "lat"):
        numbers = pd.to_numeric(frame[column], errors="coerce")
        bad = ~np.isfinite(numbers.to_numpy(dtype=float, na_value=np.nan))
        if bad.any():
            faults.append(
                Fault(
                    f"{path}, column {column}",
                    f"{bad.sum():,} of {len(frame):,} not a number",
                    "use degrees with a decimal point",
                    row_labels(path, np.flatnonzero(bad)),
                )
            )
    if faults:
        raise InputError(faults)
    points = gpd.points_from_xy(frame["lon"], frame["lat"], crs=4326)
    return gpd.GeoDataFrame(frame, geometry=points)


def _require_pakistan(layer: gpd.GeoDataFrame, path: Path) -> None:
    west, south, east, north = PAKISTAN_WSEN
    bounds = layer.geometry.bounds
    x0, y0, x1, y1 = (bounds[c].to_numpy() for c in ("minx", "miny", "maxx", "maxy"))
    outside = (x0 < west) | (x1 > east) | (y0 < south) | (y1 > north)
    if not outside.any():
        return
    swapped = outside & (x0 >= south) & (x1 <= north) & (y0 >= west) & (y1 <= east)
    if swapped.any():
        what, rows = "longitude and latitude are swapped", swapped
    else:
        what, rows = "outside Pakistan (60-78 E, 23-38 N)", outside
    raise InputError(
        Fault(
            f"{path}, geometry",
            f"{rows.sum():,} of {len(layer):,} rows: {what}",
            "",
            row_labels(path, np.flatnonzero(rows)),
        )
    )


def _first_line(err: BaseException) -> str:
    return (str(err).strip() or type(err).__name__).splitlines()[0]


def file_date(path: Path) -> str:
    """Return the day a file was last written, as ISO text."""
    return date.fromtimestamp(path.stat().st_mtime).isoformat()
