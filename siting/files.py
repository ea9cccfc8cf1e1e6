"""Read and hash input files, and report every problem in them."""

from __future__ import annotations

import hashlib
import re
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, cast
from xml.sax import SAXException

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyogrio
import shapely

from siting.errors import Fault, InputError, SitingError, first_line, naming, refuse, require_kind
from siting.writing import GEO_ERRORS

# Box around Pakistan and its coast. Points outside it usually have longitude and latitude swapped.
PAKISTAN_WSEN = (60.0, 23.0, 78.0, 38.0)

LONLAT_ALIASES = {"longitude": "lon", "latitude": "lat"}
REPEATED_ID = re.compile(r"Several features with id = (\S+)")

# Exceptions that libraries raise if a file's content does not match its extension.
UNREADABLE = (
    *GEO_ERRORS, OSError, EOFError, zlib.error, SyntaxError, SAXException, ValueError, LookupError,
    TypeError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
LAYER_SUFFIXES = (".geojson", ".json", ".gpkg", ".parquet", ".csv", ".fgb", ".shp")

ABOVE_0 = np.nextafter(0.0, 1.0)  # the smallest number above 0


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_layer(path: Path, *, unique_ids: bool = True) -> gpd.GeoDataFrame:
    """Return the rows of a layer file in lon/lat (EPSG:4326).

    The formats are GeoJSON, GeoPackage, FlatGeobuf, Shapefile, GeoParquet and CSV. A CSV needs the
    columns ``lon`` and ``lat`` (or ``longitude`` and ``latitude``) in degrees. With `unique_ids`,
    a repeated id in a GeoJSON is an error. Files from OpenStreetMap may repeat ids, because nodes
    and ways are numbered separately. Raises `InputError` if the file is missing, unreadable or
    empty, has an unknown extension or no coordinate reference system, or has points outside
    Pakistan.
    """
    suffix, where = path.suffix.lower(), str(path)
    if suffix not in LAYER_SUFFIXES:
        what = f"{suffix or '(none)'} is not the extension of a layer file"
        raise InputError(where, what, f"use one of {', '.join(LAYER_SUFFIXES)}")
    if not path.is_file():
        raise InputError(where, "no such file")
    with unreadable_in_words(path):
        if suffix == ".csv":
            layer = _read_csv_points(path)
        elif suffix == ".parquet":
            layer = gpd.read_parquet(path)
        else:
            layer = _read_file(path, unique_ids)
    if not isinstance(layer, gpd.GeoDataFrame) or layer.active_geometry_name is None:
        raise InputError(where, "has no geometry")
    if layer.empty:
        raise InputError(where, "has no rows")
    if layer.crs is None:
        raise InputError(where, "has no coordinate reference system", "declare it, e.g. EPSG:4326")
    _require_finite(layer, path, "coordinates that are not finite numbers")
    with unreadable_in_words(path, "cannot be converted to lon/lat"):
        layer = layer.to_crs(4326)
    _require_finite(layer, path, "no place on earth in the declared coordinate system")
    _require_pakistan(layer, path)
    return layer


def read_csv(path: Path, **reading: Any) -> pd.DataFrame:
    """Return the rows of a user's CSV file, which must be UTF-8 with commas and a header line.

    `reading` is passed to `pandas.read_csv`. Raises `InputError` if the file is missing or
    unreadable, or if a line has more values than the header has names.
    """
    if not path.is_file():
        raise InputError(str(path), "no such file")
    with unreadable_in_words(path, "cannot be read as CSV"):
        try:
            frame: pd.DataFrame = pd.read_csv(path, encoding="utf-8-sig", **reading)
        except UnicodeDecodeError as err:
            what = f"is not UTF-8 (byte {err.start:,})"
            raise InputError(str(path), what, "save it as CSV UTF-8") from err
    if not isinstance(frame.index, pd.RangeIndex):
        what = "lines have more values than the header has names"
        raise InputError(str(path), what, 'enclose text that contains commas in "quotes"')
    return frame


def texts_of(table: pd.DataFrame, column: str) -> pd.Series[str]:
    """Return a column as stripped strings; missing values, or a missing column, become blanks.

    >>> texts_of(pd.DataFrame({"a": [" x", None]}), "a").tolist()
    ['x', '']
    """
    given = table.get(column, pd.Series("", index=table.index)).astype(object)
    return given.where(given.notna(), "").astype(str).str.strip()


class UserTable:
    """A user's CSV file, with faults that name lines of the file; `texts` are the text columns."""

    def __init__(self, path: Path, texts: Iterable[str]) -> None:
        self.path = path
        self.table = read_csv(path, dtype=dict.fromkeys(texts, "str"))
        self.labels = row_labels(path, range(len(self.table)))
        self.faults: list[Fault] = []

    def text(self, column: str) -> pd.Series[str]:
        """Return a column as stripped strings."""
        return texts_of(self.table, column)

    def number(self, column: str, what: str, least: float = 0.0) -> pd.Series[float]:
        """Return a column as numbers; NaN for blanks, and for values that are not >= `least`."""
        given = self.text(column)
        read = pd.to_numeric(given.where(given != ""), errors="coerce").astype(float)
        bad = (given != "") & not_numbers(read, least)
        self.fault(column, f"not {what}", "write a number, or leave the cell blank", bad)
        return read.mask(bad)

    def fault(self, column: str, what: str, fix: str, bad: pd.Series[bool]) -> None:
        """Add a fault for the flagged rows of a column or, if `column` is blank, of the file."""
        where = f"{self.path}, column {column}" if column else str(self.path)
        self.faults += rows_fault(where, bad, self.path, what, fix)

    def require(self, *columns: Iterable[str]) -> None:
        """Require rows and at least one column of each group; raise an `InputError` otherwise."""
        there = set(self.table.columns)
        lost = (" or ".join(some) for some in columns if there.isdisjoint(some))
        have = f"it has: {', '.join(map(str, self.table.columns))}"
        refuse(naming(str(self.path), "columns are missing", lost, have))
        if self.table.empty:
            raise InputError(str(self.path), "has no rows", "add a line for each place")


@contextmanager
def unreadable_in_words(
    path: Path, what: str = "cannot be read", also: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Turn a library's error about a file's content into an `InputError` that states `what`."""
    try:
        yield
    except SitingError:
        raise
    except (*UNREADABLE, *also) as err:
        raise InputError(str(path), f"{what}: {first_line(err)}") from err


def extent(layer: gpd.GeoDataFrame | gpd.GeoSeries) -> str:
    """Return the extent of a layer in degrees, as text for a message.

    >>> points = gpd.GeoSeries.from_xy([73.0, 73.1], [33.6, 33.7], crs=4326)
    >>> extent(points)
    '73.000-73.100 E, 33.600-33.700 N'
    """
    west, south, east, north = layer.geometry.to_crs(4326).total_bounds
    return f"{west:.3f}-{east:.3f} E, {south:.3f}-{north:.3f} N"


def row_labels(path: Path, rows: Iterable[int]) -> tuple[str, ...]:
    """Return labels for rows (counted from 0): line numbers of a CSV, else row numbers from 1.

    >>> row_labels(Path("people.csv"), [0, 3])
    ('line 2', 'line 5')
    >>> row_labels(Path("people.gpkg"), [0])
    ('row 1',)
    """
    first, word = (2, "line") if path.suffix.lower() == ".csv" else (1, "row")
    return tuple(f"{word} {i + first}" for i in rows)


def rows_fault(
    where: str, bad: npt.ArrayLike, ids: npt.ArrayLike | Path, what: str, fix: str = ""
) -> list[Fault]:
    """Return a list of one fault that names the rows flagged `bad`, or an empty list if none is.

    `ids` are the ids of all rows. If `ids` is the path of a file, rows are named by number.

    >>> rows_fault("sites, column bays", [False, True], ["s1", "s2"], "below 0")
    [Fault(where='sites, column bays', what='below 0', fix='', ids=('s2',))]
    """
    rows = np.flatnonzero(np.asarray(bad, dtype=bool))
    if not len(rows):
        return []
    if isinstance(ids, Path):
        return [Fault(where, what, fix, row_labels(ids, rows))]
    named = pd.Series(np.asarray(ids, dtype=object)[rows]).astype("str")
    return [Fault(where, what, fix, tuple(dict.fromkeys(named)))]


def not_numbers(
    values: pd.Series[Any], least: float = 0.0, most: float = np.inf
) -> npt.NDArray[np.bool_]:
    """Return a mask of the values that are not finite numbers from `least` to `most`.

    >>> not_numbers(pd.Series(["1", "x", None, -2.0]), 1.0).tolist()
    [False, True, True, True]
    """
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return ~(np.isfinite(numbers) & (numbers >= least) & (numbers <= most))


def missing_columns(table: pd.DataFrame, columns: Iterable[str], where: str) -> list[Fault]:
    """Return a fault for each column that a table lacks."""
    have = ", ".join(map(str, table.columns[table.dtypes != "geometry"]))
    return [
        Fault(f"{where}, column {column}", "missing", f"it has: {have}")
        for column in columns
        if column not in table.columns
    ]


def require_layer(where: str, layer: object) -> None:
    """Raise an `InputError` unless a value is a GeoDataFrame with a geometry."""
    require_kind(where, layer, gpd.GeoDataFrame, "give a GeoDataFrame")
    if cast(gpd.GeoDataFrame, layer).active_geometry_name is None:
        raise InputError(where, "has no geometry", "set it: set_geometry(…)")


def _read_file(path: Path, unique_ids: bool) -> gpd.GeoDataFrame:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if not len(pyogrio.list_layers(path)):
            raise InputError(str(path), "holds no layer", "save the layer again with its rows")
        layer = gpd.read_file(path)
    for warning in caught:
        repeated = REPEATED_ID.search(str(warning.message))
        if not repeated:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )
        elif unique_ids and "id" not in layer.columns:  # the caller checks a column named id
            what = f"{repeated[1]} is the id of several features; other ids may also repeat"
            raise InputError(f"{path}, feature id", what, "give each feature its own id")
    return layer


def _read_csv_points(path: Path) -> gpd.GeoDataFrame:
    frame = read_csv(path)
    if not {"lon", "lat"} & set(frame.columns):
        frame = frame.rename(columns=LONLAT_ALIASES)
    if missing := [c for c in ("lon", "lat") if c not in frame.columns]:
        what = f"has no column {' and no column '.join(missing)}"
        raise InputError(str(path), what, f"it has: {', '.join(map(str, frame.columns))}")
    faults = []
    for column in ("lon", "lat"):
        bad = not_numbers(frame[column], -np.inf)
        what = f"{bad.sum():,} of {len(frame):,} values are not numbers"
        fix = "use degrees with a decimal point"
        faults += rows_fault(f"{path}, column {column}", bad, path, what, fix)
    refuse(faults)
    points = gpd.points_from_xy(frame["lon"], frame["lat"], crs=4326)
    return gpd.GeoDataFrame(frame, geometry=points)


def _require_pakistan(layer: gpd.GeoDataFrame, path: Path) -> None:
    west, south, east, north = PAKISTAN_WSEN
    x0, y0, x1, y1 = layer.geometry.bounds.to_numpy().T
    outside = (x0 < west) | (x1 > east) | (y0 < south) | (y1 > north)
    swapped = outside & (x0 >= south) & (x1 <= north) & (y0 >= west) & (y1 <= east)
    if swapped.any():
        what, rows = "have longitude and latitude swapped", swapped
    else:
        what, rows = "lie outside Pakistan (60-78 E, 23-38 N)", outside
    text = f"{rows.sum():,} of {len(layer):,} rows {what}"
    refuse(rows_fault(f"{path}, geometry", rows, path, text))


def _require_finite(layer: gpd.GeoDataFrame, path: Path, what: str) -> None:
    spots, row = shapely.get_coordinates(layer.geometry.to_numpy(), return_index=True)
    bad = np.unique(row[~np.isfinite(spots).all(axis=1)])
    if len(bad):
        text = f"{len(bad):,} of {len(layer):,} rows have {what}"
        raise InputError(f"{path}, geometry", text, "redraw these shapes", row_labels(path, bad))


def file_date(path: Path) -> str:
    """Return a file's modification date in ISO format."""
    return date.fromtimestamp(path.stat().st_mtime).isoformat()


def plain_column(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column as numbers, flags or strings, which every file format can store."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    return column.astype("str").where(column.notna())
