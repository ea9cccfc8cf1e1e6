"""People from GeoTIFF rasters (WorldPop, GHSL, HRSL): a window read, checked, summed to cells."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely import MultiPolygon, Polygon

from siting.demand.cells import MOST_CELLS, also_faults, cells_on_roads, squares
from siting.demand.raster_window import Window, read_window
from siting.errors import Fault, InputError, refuse
from siting.files import extent
from siting.roads import Network
from siting.roads.download import require_area

log = logging.getLogger(__name__)

# Pixels of at most this share of a cell's width count whole in the cell of their centre …
WHOLE_PIXEL = 1 / 4
# … and others are split until that many parts fit into a cell's width.
PARTS_PER_CELL = 16
BLOCK = 1_000_000

Area = Polygon | MultiPolygon | tuple[float, float, float, float]
Floats = npt.NDArray[np.float64]


def read_raster(
    path: Path,
    area: Area | None = None,
    *,
    density: bool = False,
    nodata: float | None = None,
    pixel_squares: bool = False,
) -> gpd.GeoDataFrame:
    """Return the population from a raster: pixel centres (or squares) with a head count.

    `path`: a GeoTIFF of one band, north up, in any coordinate reference system; `area`: polygon, or
    west, south, east, north, in lon/lat, in which the centres of pixels must lie (default: all);
    `density`: whether the values are persons per km2, not persons per pixel; `nodata`: the value
    that means no data, where the file does not name it. With `pixel_squares` each pixel's outline
    is returned, so that its people spread over the cells it covers; `raster_to_cells` does so by
    itself and is much faster.

    Columns: ``people`` (persons, above 0) and ``geometry``, EPSG:4326; from north to south, then
    west to east. Raises `InputError` if the file cannot be read, is not of one band or not north
    up; has no coordinate reference system; does not overlap `area` (with both extents); has no data
    there; holds negative values that are not marked as no data; `MissingExtraError` without the
    package ``rasterio``.
    """
    window = read_window(path, None if area is None else _polygon(area), density, nodata)
    row, column = np.nonzero(window.people)
    x = window.west + (column + 0.5) * window.width
    y = window.north + (row + 0.5) * window.height
    people = window.people[row, column]
    if window.area is not None:
        inside = _inside(window.area, x, y)
        x, y, people = x[inside], y[inside], people[inside]
    _require_people(people, path)
    if pixel_squares:
        half_x, half_y = abs(window.width) / 2, abs(window.height) / 2
        shapes = np.asarray(shapely.box(x - half_x, y - half_y, x + half_x, y + half_y))
    else:
        shapes = np.asarray(shapely.points(x, y))
    return gpd.GeoDataFrame({"people": people}, geometry=shapes, crs=window.crs).to_crs(4326)


def raster_to_cells(
    path: Path,
    network: Network,
    size_m: float = 500.0,
    max_snap_m: float = 1000.0,
    area: Area | None = None,
    *,
    density: bool = False,
    nodata: float | None = None,
    also: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Return square demand cells with their people (persons) straight from a raster.

    The same squares as `siting.demand.make_cells` makes. A pixel counts in the cell of its centre;
    one wider than a quarter of a cell is split into equal parts, each at most a sixteenth of a cell
    wide, which do. The people in `area` are conserved.

    `path`, `density`, `nodata`: as in `read_raster`; `network`, `size_m`, `max_snap_m`, `also`: as
    in `siting.demand.make_cells`; `area`: polygon, or west, south, east, north, in lon/lat, to
    count people in (default: the box around the roads, `max_snap_m` wider on each side). Result and
    errors are those of the two functions.
    """
    faults = [
        Fault(name, f"{value:g} m is not above 0", "give metres above 0")
        for name, value in (("size_m", size_m), ("max_snap_m", max_snap_m))
        if not (np.isfinite(value) and value > 0)
    ]
    faults += also_faults(also)
    refuse(faults)
    around = _around(network, max_snap_m) if area is None else _polygon(area)
    window = read_window(path, around, density, nodata)
    keys, people = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0)]
    for x, y, part in _parts(window, network.crs, size_m):
        row = np.floor(y / size_m).astype(np.int64)
        column = np.floor(x / size_m).astype(np.int64)
        low, left = row.min(), column.min()
        wide = int(column.max() - left) + 1
        cells = (int(row.max() - low) + 1) * wide
        if cells > 4 * MOST_CELLS:
            raise InputError(
                str(path), f"would make squares of {size_m:g} m by the million", "raise size_m"
            )
        sums = np.bincount((row - low) * wide + column - left, weights=part, minlength=cells)
        filled = np.flatnonzero(sums)
        keys.append(np.column_stack([filled // wide + low, filled % wide + left]))
        people.append(sums[filled])
    total = float(sum(p.sum() for p in people))
    _require_people(np.array([total]), path)
    if also is not None and len(also):
        at = shapely.get_coordinates(also.geometry.to_crs(network.crs).representative_point())
        keys.append(np.floor(at[:, ::-1] / size_m).astype(np.int64))
        people.append(np.zeros(len(at)))
    cell_keys, at_key = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    counts = np.bincount(at_key.ravel(), weights=np.concatenate(people), minlength=len(cell_keys))
    log.info("%s: %s people in %s cells", path.name, f"{total:,.0f}", f"{len(cell_keys):,}")
    corners = gpd.GeoSeries(_raster_box(window), crs=window.crs)
    return cells_on_roads(squares(cell_keys, size_m), counts, network, max_snap_m, extent(corners))


def _parts(window: Window, crs: Any, size_m: float) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Yield positions in metres and people of parts of pixels, a block at a time."""
    to_metres = pyproj.Transformer.from_crs(window.crs, crs, always_xy=True)
    rows, columns = np.nonzero(window.people)
    if not len(rows):
        return
    middle_x = window.west + np.median(columns) * window.width
    middle_y = window.north + np.median(rows) * window.height
    x, y = to_metres.transform(
        [middle_x, middle_x + window.width, middle_x],
        [middle_y, middle_y, middle_y + window.height],
    )
    pixel_m = max(math.hypot(x[1] - x[0], y[1] - y[0]), math.hypot(x[2] - x[0], y[2] - y[0]))
    whole = pixel_m <= WHOLE_PIXEL * size_m * (1 + 1e-6)
    split = 1 if whole else math.ceil(pixel_m * PARTS_PER_CELL / size_m - 1e-6)
    if float(len(rows)) * split**2 > 100 * MOST_CELLS:
        what = f"{len(rows):,} pixels of {pixel_m:,.0f} m are too many for cells of {size_m:g} m"
        raise InputError("size_m", what, "raise size_m")
    offset = (np.arange(split) + 0.5) / split
    step = max(1, BLOCK // split**2)
    if window.area is not None:
        shapely.prepare(window.area)
    for at in range(0, len(rows), step):
        row, column = rows[at : at + step], columns[at : at + step]
        shape = (len(row), split, split)
        px = window.west + (column[:, None, None] + offset[None, None, :]) * window.width
        py = window.north + (row[:, None, None] + offset[None, :, None]) * window.height
        px, py = np.broadcast_to(px, shape).ravel(), np.broadcast_to(py, shape).ravel()
        part = np.repeat(window.people[row, column] / split**2, split**2)
        if window.area is not None:
            inside = _inside(window.area, px, py)
            px, py, part = px[inside], py[inside], part[inside]
        if len(part):
            x, y = to_metres.transform(px, py)
            yield np.asarray(x), np.asarray(y), part


def _inside(area: Polygon | MultiPolygon, x: Any, y: Any) -> npt.NDArray[np.bool_]:
    return np.asarray(shapely.contains_xy(area, x, y), dtype=np.bool_)


def _around(network: Network, margin_m: float) -> Polygon:
    box = shapely.box(*network.nodes.total_bounds).buffer(margin_m, join_style="mitre")
    degrees = gpd.GeoSeries([box.segmentize(1000.0)], crs=network.crs).to_crs(4326)
    around: Polygon = degrees.iloc[0]
    return around


def _polygon(area: Area) -> Polygon | MultiPolygon:
    shape = shapely.box(*area) if isinstance(area, tuple) else area
    require_area(shape, "area")
    return shape


def _raster_box(window: Window) -> list[Polygon]:
    rows, columns = window.people.shape
    east, south = window.west + columns * window.width, window.north + rows * window.height
    return [shapely.box(window.west, south, east, window.north)]


def _require_people(people: Floats, path: Path) -> None:
    if not people.sum() > 0:
        raise InputError(str(path), "nobody lives in the area: every pixel is 0")
