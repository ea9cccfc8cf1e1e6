"""Population from a layer of counts, or from a zone's total divided among the zone's streets."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet
import shapely

from siting.demand.cells import Floats, Ints, Shapes
from siting.errors import Fault, InputError, needs_extra, refuse, require_kind
from siting.files import (
    LONLAT_ALIASES,
    PAKISTAN_WSEN,
    missing_columns,
    plain_column,
    read_csv,
    read_layer,
    rows_fault,
    unreadable_in_words,
)
from siting.roads import Network

ID_COLUMNS = ("id", "zone_id", "cell_id")
H3_COLUMNS = ("h3", "h3_index")
H3_NAME = re.compile("[0-9a-f]{15,16}")
THOUSANDS = re.compile(r"\s*-?\d{1,3}(,\d{3})+(\.\d+)?\s*")
DECIMAL_COMMA = re.compile(r"\s*-?(\d+|\d{1,3}(\.\d{3})+),\d+\s*")
HOME_STREETS = ("residential", "living_street", "unclassified")


def read_people(
    path: Path | str, column: str = "people", raster_deg: float | None = None
) -> gpd.GeoDataFrame:
    """Return the population as points or polygons in lon/lat (EPSG:4326) with head counts.

    Parameters
    ----------
    path
        A layer file, or a CSV with ``lon`` and ``lat`` (or ``longitude`` and ``latitude``). A CSV
        or Parquet file may have H3 cells in place of coordinates, in a column ``h3`` or
        ``h3_index`` (string or 64-bit integer).
    column
        The column with the number of people.
    raster_deg
        Width of raster cells in degrees, if each point is the centre of one (1/120 for WorldPop
        at about 1 km). Each point becomes a square, whose people are divided among demand cells.

    Returns
    -------
    GeoDataFrame
        ``people`` (persons), ``geometry`` and, for hexagons, ``h3``, in the order of the file's
        rows. Other columns of the file are renamed ``user_NAME``.

    Raises
    ------
    InputError
        If the file is invalid. The message lists every error: semicolons instead of commas; a
        missing column; counts that are missing, negative, not numbers or written with a decimal
        comma; no people; repeated ids; geometry that is missing, invalid or a line; H3 cells that
        are invalid, repeated, of several resolutions or outside Pakistan.
    MissingExtraError
        If the file has H3 cells and the package ``h3`` is not installed.
    """
    require_kind("path", path, str | Path, "name a file; a table needs no reading")
    path = Path(path)
    require_commas(path)
    h3_column = _h3_column(path)
    if h3_column is not None and raster_deg is None:
        return _read_h3(path, h3_column, column)
    layer = read_layer(path)
    faults = count_faults(layer, path, column) + id_faults(layer, path)
    faults += shape_faults(layer, path, ("Point", "Polygon", "MultiPolygon"), "points or polygons")
    if raster_deg is not None and not (np.isfinite(raster_deg) and raster_deg > 0):
        faults.append(Fault("raster_deg", f"{raster_deg} is not a width", "enter degrees above 0"))
    elif raster_deg is not None and not (layer.geom_type == "Point").all():
        faults.append(Fault(f"{path}, geometry", "raster_deg needs points", "leave it out"))
    refuse(faults)
    geometry = layer.geometry
    if raster_deg is not None:
        x, y, half = geometry.x.to_numpy(), geometry.y.to_numpy(), raster_deg / 2
        geometry = gpd.GeoSeries(shapely.box(x - half, y - half, x + half, y + half), crs=4326)
    people = pd.to_numeric(layer[column]).to_numpy(dtype=float)
    own = {} if raster_deg is not None else user_columns(layer, (column,))
    return gpd.GeoDataFrame({"people": people} | own, geometry=geometry.to_numpy(), crs=4326)


def user_columns(layer: pd.DataFrame, used: Collection[str]) -> dict[str, Any]:
    """Return the user's columns that the package does not use, renamed ``user_NAME``."""
    known = {*used, *LONLAT_ALIASES, *LONLAT_ALIASES.values()}
    own = [c for c in layer.columns if c not in known and layer[c].dtype != "geometry"]
    return {f"user_{column}": plain_column(layer[column]).array for column in own}


def _read_h3(path: Path, name: str, column: str) -> gpd.GeoDataFrame:
    """Return the population in a table of H3 cells named in the column `name`, with outlines."""
    with needs_extra("h3", "h3", "is needed to read a table of H3 cells"):
        import h3
    with unreadable_in_words(path):
        is_parquet = path.suffix.lower() == ".parquet"
        frame: pd.DataFrame = pd.read_parquet(path) if is_parquet else read_csv(path)
    if frame.empty:
        raise InputError(str(path), "has no rows")
    refuse(missing_columns(frame, (name,), str(path)))  # Parquet may hold it as an index
    where = f"{path}, column {name}"
    faults = count_faults(frame, path, column)
    cells = [_h3_text(value) for value in frame[name]]
    bad = np.array([not h3.is_valid_cell(cell) for cell in cells], dtype=bool)
    what = f"{bad.sum():,} of {len(frame):,} rows are not H3 cells"
    faults += rows_fault(where, bad, path, what, "use names such as 8842f5a001fffff")
    if bad.any():
        raise InputError(faults)
    twice = pd.Series(cells).duplicated(keep=False)
    faults += rows_fault(where, twice, cells, "the same cell in several rows", "add up these rows")
    resolutions = sorted({h3.get_resolution(cell) for cell in cells})
    if len(resolutions) > 1:
        what = f"has cells of several resolutions: {', '.join(map(str, resolutions))}"
        faults.append(Fault(where, what, "use a single resolution"))
    west, south, east, north = PAKISTAN_WSEN
    lat, lon = np.array([h3.cell_to_latlng(cell) for cell in cells]).T
    outside = (lon < west) | (lon > east) | (lat < south) | (lat > north)
    faults += rows_fault(where, outside, path, f"{outside.sum():,} cells lie outside Pakistan")
    refuse(faults)
    hexagons = [shapely.Polygon([at[::-1] for at in h3.cell_to_boundary(c)]) for c in cells]
    people = pd.to_numeric(frame[column]).to_numpy(dtype=float)
    own = user_columns(frame, (name, column))
    return gpd.GeoDataFrame({"h3": cells, "people": people} | own, geometry=hexagons, crs=4326)


def people_on_streets(network: Network, total: float) -> gpd.GeoDataFrame:
    """Return the midpoints of a zone's streets, in lon/lat, each with a part of the zone's people.

    People are assumed to be proportional to street length; the caller must state this assumption.
    `total` is the number of people in the zone. The result has one row, with ``people``, for each
    street (both directions count once) of a class in `HOME_STREETS`. Raises `InputError` if there
    is no such street.
    """
    at, lines = streets_once(network, HOME_STREETS)
    length_m = network.edges["length_m"].to_numpy(dtype=float)[at]
    if not length_m.sum() > 0:
        have = "it has: " + ", ".join(sorted(set(network.edges["highway"].astype(str))))
        what = f"has no street of the classes {', '.join(HOME_STREETS)}"
        raise InputError("network, column highway", what, have)
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    people = {"people": total * length_m / length_m.sum()}
    return gpd.GeoDataFrame(people, geometry=middles, crs=network.crs).to_crs(4326)


def require_commas(path: Path) -> None:
    """Reject a CSV file with semicolon separators; it usually has decimal commas too."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return
    with path.open("rb") as file:
        header = file.readline(65_536)
    if header.count(b";") > header.count(b","):
        fix = "save it with commas between columns and a decimal point"
        raise InputError(f"{path}, line 1", "separated by semicolons", fix)


def count_faults(layer: pd.DataFrame, path: Path, column: str) -> list[Fault]:
    """Return a list of the errors in a column of head counts."""
    where = f"{path}, column {column}"
    if faults := missing_columns(layer, (column,), str(path)):
        return faults
    values = layer[column]
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    blank = values.isna().to_numpy()
    if pd.api.types.is_bool_dtype(values):
        return [Fault(where, "contains true or false, not numbers of people")]
    odd = ~blank & ~np.isfinite(numbers)
    decimal, thousands = np.zeros_like(odd), np.zeros_like(odd)
    texts = values.astype(str).to_numpy()
    thousands[odd] = [THOUSANDS.fullmatch(text) is not None for text in texts[odd]]
    decimal[odd] = [DECIMAL_COMMA.fullmatch(text) is not None for text in texts[odd]]
    decimal &= ~thousands
    for mask, what, fix in (
        (blank, "have no number", "enter 0 where nobody lives, or leave the row out"),
        (decimal, "are written with a decimal comma", "write 1.5 for 1,5"),
        (thousands, "are written with commas", "write plain digits, 1234 for 1,234"),
        (odd & ~decimal & ~thousands, "are not numbers", "write plain digits"),
        (np.isfinite(numbers) & (numbers < 0), "are negative", "correct them (some rasters mark "
         "missing data with a negative number: leave those rows out)"),
    ):  # fmt: skip
        text = f"{mask.sum():,} of {len(layer):,} rows {what}"
        faults += rows_fault(where, mask, path, text, fix)
    if not faults and not (numbers > 0).any():
        faults.append(Fault(where, "every row is 0, so nobody lives there", "name another column"))
    return faults


def id_faults(
    layer: pd.DataFrame, path: Path, columns: Collection[str] = ID_COLUMNS
) -> list[Fault]:
    """Return one error for each of the given columns that repeats an id."""
    what, fix = "the same id in several rows", "give each row its own id"
    faults = []
    for name in [column for column in columns if column in layer.columns]:
        twice = layer[name].duplicated(keep=False) & layer[name].notna()
        faults += rows_fault(f"{path}, column {name}", twice, layer[name], what, fix)
    return faults


def shape_faults(
    layer: gpd.GeoDataFrame, path: Path, kinds: Collection[str], wanted: str
) -> list[Fault]:
    """Return errors for rows with missing or invalid geometry, or geometry of another kind.

    `wanted` describes the allowed `kinds` in messages.
    """
    shapes = layer.geometry
    missing = (shapes.isna() | shapes.is_empty).to_numpy()
    wrong = ~missing & ~shapes.geom_type.isin(kinds).to_numpy()
    broken = ~missing & ~wrong & ~shapes.is_valid.to_numpy()
    reason = shapely.is_valid_reason(shapes.to_numpy()[broken][0]) if broken.any() else ""
    others = ", ".join(sorted(set(shapes.geom_type[wrong])))
    faults = []
    for mask, what, fix in (
        (missing, "have no geometry", "leave them out or draw them"),
        (wrong, f"are {others}", f"use {wanted}"),
        (broken, f"are not valid polygons ({reason})", "repair them, e.g. with make_valid"),
    ):
        text = f"{mask.sum():,} of {len(layer):,} rows {what}"
        faults += rows_fault(f"{path}, geometry", mask, path, text, fix)
    return faults


def _h3_column(path: Path) -> str | None:
    """Return the name of a table's H3 column, or ``None`` without one or with coordinates."""
    names: Collection[str] = ()
    # A later step reads the whole file and reports any error.
    with suppress(OSError, ValueError, pyarrow.ArrowException):
        if path.suffix.lower() == ".csv":
            names = read_csv(path, nrows=0).columns
        elif path.suffix.lower() == ".parquet":
            names = pyarrow.parquet.read_schema(path).names
    if not {"lon", "lat", "longitude", "latitude", "geometry"}.isdisjoint(names):
        return None
    return next((name for name in H3_COLUMNS if name in names), None)


def _h3_text(value: object) -> str:
    """Return the name of an H3 cell as H3 writes it, or a blank if the name is invalid."""
    import h3

    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(h3.int_to_str(int(value))) if 0 <= value < 2**64 else ""
    text = str(value).strip().lower()
    return text if H3_NAME.fullmatch(text) else ""


def along(lines: Shapes, step_m: float) -> tuple[Shapes, Ints, Floats]:
    """Cut lines into equal pieces up to `step_m` long; return midpoints, line indices, lengths (m).

    >>> points, line, length_m = along(np.array([shapely.LineString([(0, 0), (300, 0)])]), 150)
    >>> [p.x for p in points], line.tolist(), length_m.tolist()
    ([75.0, 225.0], [0, 0], [150.0, 150.0])
    """
    length_m = shapely.length(lines)
    pieces = np.maximum(1, np.ceil(length_m / step_m - 1e-9)).astype(np.intp)
    line = np.repeat(np.arange(len(lines)), pieces)
    nth = np.arange(len(line)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    share = (nth + 0.5) / pieces[line]
    points = shapely.line_interpolate_point(lines[line], share, normalized=True)
    return points, line, length_m[line] / pieces[line]


def streets_once(network: Network, highway: Collection[str]) -> tuple[Ints, Shapes]:
    """Return the positions and lines of edges of given road classes; two-way streets count once."""
    edges = network.edges
    at = np.flatnonzero(edges["highway"].isin(list(highway)).to_numpy())
    # A normalised line has the same direction whichever way it was drawn.
    lines = shapely.normalize(edges.geometry.to_numpy()[at])
    once = ~pd.Series(shapely.to_wkb(lines)).duplicated().to_numpy()
    return at[once], lines[once]
