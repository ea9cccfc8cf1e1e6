"""Population from GeoTIFF rasters (WorldPop, GHSL, HRSL): read, checked and summed by cell."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely import MultiPolygon, Polygon

from siting.demand.cells import MOST_CELLS, Floats, cells_on_roads, squares
from siting.errors import Fault, InputError, needs_extra, refuse
from siting.files import extent, unreadable_in_words
from siting.roads import Network

log = logging.getLogger(__name__)

# If a pixel's width is at most this share of a cell's width, the cell that contains the pixel's
# centre gets all its people.
WHOLE_PIXEL = 1 / 4
# A wider pixel is split into parts so small that at least this many fit across a cell.
PARTS_PER_CELL = 16
BLOCK = 1_000_000

Area = Polygon | MultiPolygon

MOST_PIXELS = 20_000_000  # of a window (half a gigabyte); Karachi division at 30 m has half as many
DENSITY_WORDS = re.compile(r"densit|per[ _-]?(?:sq[ _-]?)?km|/ ?km|km-?2", re.IGNORECASE)
AUTHALIC_RADIUS_M = 6_371_007.2  # of the WGS 84 ellipsoid


def read_raster(
    path: Path, area: Area | None = None, *, density: bool = False, nodata: float | None = None
) -> gpd.GeoDataFrame:
    """Return the population from a raster, as pixel outlines with head counts.

    `path` is a single-band GeoTIFF, north up, in any coordinate reference system. `area` is a
    polygon in lon/lat. Only pixels whose centre is in `area` are read (default: all pixels). If
    `density` is true, values are persons per km2, not persons per pixel. `nodata` is the value that
    marks missing data, if the file does not declare one.

    Columns: ``people`` (persons, above 0) and ``geometry``, EPSG:4326. Rows are from north to
    south, then from west to east. Raises `InputError` if the file is unreadable or unsuitable, has
    no data in `area`, or has undeclared negative values. Raises `MissingExtraError` if ``rasterio``
    is not installed.
    """
    window = read_window(path, area, density, nodata)
    x, y, people = window.pixels(window.people != 0)
    if window.area is not None:
        inside = shapely.contains_xy(window.area, x, y)
        x, y, people = x[inside], y[inside], people[inside]
    _require_people(people.sum(), path)
    half_x, half_y = abs(window.width) / 2, abs(window.height) / 2
    shapes = shapely.box(x - half_x, y - half_y, x + half_x, y + half_y)
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
    """Return square demand cells with their population, read directly from a raster.

    A pixel's people belong to the cell that contains its centre. A pixel wider than a quarter of a
    cell is first split into equal parts, each at most a sixteenth of a cell wide. Arguments and
    errors are as in `read_raster` and `make_cells`, and the result is as in `make_cells`.
    """
    window = read_window(path, area, density, nodata)
    keys, people = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0)]
    for x, y, part in _parts(window, network.crs, size_m):
        row = np.floor(y / size_m).astype(np.int64)
        column = np.floor(x / size_m).astype(np.int64)
        low, left = row.min(), column.min()
        wide = int(column.max() - left) + 1
        cells = (int(row.max() - low) + 1) * wide
        if cells > 4 * MOST_CELLS:
            what = f"would make millions of squares of {size_m:g} m"
            raise InputError(str(path), what, "raise size_m")
        sums = np.bincount((row - low) * wide + column - left, weights=part, minlength=cells)
        filled = np.flatnonzero(sums)
        keys.append(np.column_stack([filled // wide + low, filled % wide + left]))
        people.append(sums[filled])
    total = float(sum(p.sum() for p in people))
    _require_people(total, path)
    if also is not None and len(also):
        at = shapely.get_coordinates(also.geometry.to_crs(network.crs).representative_point())
        keys.append(np.floor(at[:, ::-1] / size_m).astype(np.int64))
        people.append(np.zeros(len(at)))
    cell_keys, at_key = np.unique(np.concatenate(keys), axis=0, return_inverse=True)
    counts = np.bincount(at_key.ravel(), weights=np.concatenate(people), minlength=len(cell_keys))
    log.info("%s: %s people in %s cells", path.name, f"{total:,.0f}", f"{len(cell_keys):,}")
    high, wide = window.people.shape
    east, south = window.west + wide * window.width, window.north + high * window.height
    box = gpd.GeoSeries([shapely.box(window.west, south, east, window.north)], crs=window.crs)
    return cells_on_roads(squares(cell_keys, size_m), counts, network, max_snap_m, extent(box))


def _parts(window: Window, crs: Any, size_m: float) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Yield the positions (m) and populations of all parts of pixels, block by block."""
    to_metres = pyproj.Transformer.from_crs(window.crs, crs, always_xy=True)
    rows, columns = np.nonzero(window.people)
    if not len(rows):
        return
    middle_x = window.west + np.median(columns) * window.width
    middle_y = window.north + np.median(rows) * window.height
    corners_x = [middle_x, middle_x + window.width, middle_x]
    x, y = to_metres.transform(corners_x, [middle_y, middle_y, middle_y + window.height])
    pixel_m = max(math.hypot(x[i] - x[0], y[i] - y[0]) for i in (1, 2))
    whole = pixel_m <= WHOLE_PIXEL * size_m * (1 + 1e-6)
    split = 1 if whole else math.ceil(pixel_m * PARTS_PER_CELL / size_m - 1e-6)
    if float(len(rows)) * split**2 > 100 * MOST_CELLS:
        what = f"{len(rows):,} pixels of {pixel_m:,.0f} m are too many for cells of {size_m:g} m"
        raise InputError("size_m", what, "raise size_m")
    offset = (np.arange(split) + 0.5) / split
    step = max(1, BLOCK // split**2)
    for at in range(0, len(rows), step):
        row, column = rows[at : at + step], columns[at : at + step]
        px = window.west + (column[:, None, None] + offset[None, None, :]) * window.width
        py = window.north + (row[:, None, None] + offset[None, :, None]) * window.height
        px, py = (grid.ravel() for grid in np.broadcast_arrays(px, py))
        part = np.repeat(window.people[row, column] / split**2, split**2)
        if window.area is not None:
            inside = shapely.contains_xy(window.area, px, py)
            px, py, part = px[inside], py[inside], part[inside]
        if len(part):
            x, y = to_metres.transform(px, py)
            yield np.asarray(x), np.asarray(y), part


def _require_people(people: float, path: Path) -> None:
    if not people > 0:
        raise InputError(str(path), "nobody lives in the area: every pixel is 0")


# --- a window of a GeoTIFF ------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """Part of a raster: the people per pixel, and the pixels' positions."""

    people: Floats
    west: float
    north: float
    width: float
    height: float
    crs: pyproj.CRS
    area: Area | None

    def pixels(
        self, chosen: npt.NDArray[np.bool_]
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any], Floats]:
        """Return the centres (x, y) and the values of the chosen pixels, row by row."""
        row, column = np.nonzero(chosen)
        x = self.west + (column + 0.5) * self.width
        return x, self.north + (row + 0.5) * self.height, self.people[row, column]


def read_window(
    path: Path,
    area: Area | None,
    density: bool,
    nodata: float | None,
    *,
    least: float = 0.0,
    blank: float = 0.0,
) -> Window:
    """Return the part of a raster that touches an area, checked as in `read_raster`.

    `least` is the minimum valid value. Pixels without data are set to `blank`.
    """
    with needs_extra("raster", "rasterio", "is needed to read rasters"):
        import rasterio
        import rasterio.errors
        import rasterio.windows
    if not path.is_file():
        raise InputError(str(path), "no such file")
    with (
        unreadable_in_words(path, also=(rasterio.errors.RasterioError,)),
        warnings.catch_warnings(),
    ):
        # A file without coordinates is reported below, with a remedy.
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path) as source:
            _require_usable(source, path)
            crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
            at = source.transform
            _require_on_earth(source, crs, path)
            if area is not None:
                # Lines in lon/lat are curved in `crs`. Corners every 0.01 degrees limit the error
                # to about 1 m.
                corners = gpd.GeoSeries([area.segmentize(0.01)], crs=4326)
                area = cast(Area, corners.to_crs(crs).iloc[0])
            column, row, wide, high = _extent_in_pixels(source, area, crs, path)
            if wide * high > MOST_PIXELS:
                what = f"{wide * high:,} pixels are too many"
                raise InputError(str(path), what, "use a smaller area")
            part = rasterio.windows.Window(column, row, wide, high)
            band = source.read(1, window=part, masked=True)
            scale, shift = source.scales[0], source.offsets[0]
            said = " ".join(map(str, (path.name, source.descriptions[0], source.units[0])))
    west, north = at.c + column * at.a, at.f + row * at.e
    people, missing = _persons(band, nodata, (row, column), path, least)
    people = np.where(missing, blank, people * scale + shift)
    if density:
        people = people * _pixel_km2(crs, north, at.a, at.e, high)[:, None]
    elif DENSITY_WORDS.search(said):
        text = "%s is read as persons per pixel, but describes itself as %r: set "
        log.warning(text + "density=True if its values are persons per km2", path.name, said)
    return Window(people, west, north, at.a, at.e, crs, area)


def _require_usable(source: Any, path: Path) -> None:
    faults = []
    if source.count != 1:
        what = f"has {source.count} bands instead of one"
        faults.append(Fault(str(path), what, "save the band with the people in its own file"))
    if np.dtype(source.dtypes[0]).kind == "c":
        faults.append(Fault(str(path), "contains complex numbers", "use real numbers"))
    if source.crs is None:
        fix = "declare it, e.g. with gdal_edit -a_srs EPSG:4326"
        faults.append(Fault(str(path), "has no coordinate reference system", fix))
    at = source.transform
    if at.is_identity:
        fix = "use the GeoTIFF, not a picture of it"
        faults.append(Fault(str(path), "does not state where its pixels are", fix))
    elif not (at.a and at.e and np.isfinite(at).all()):
        what = f"has pixels of {at.a:g} by {at.e:g}"
        faults.append(Fault(str(path), what, "correct its geotransform"))
    elif at.b or at.d:
        faults.append(Fault(str(path), "is rotated, not north up", "warp it, e.g. with gdalwarp"))
    refuse(faults)


def _require_on_earth(source: Any, crs: pyproj.CRS, path: Path) -> None:
    bounds = gpd.GeoSeries([shapely.box(*source.bounds)], crs=crs).to_crs(4326).total_bounds
    if not (np.abs(bounds) <= [180.0 + 1e-6, 90.0 + 1e-6] * 2).all():
        what = "lies beyond 180 degrees of longitude or 90 of latitude"
        raise InputError(str(path), what, "check its coordinate reference system")


def _extent_in_pixels(
    source: Any, area: Area | None, crs: pyproj.CRS, path: Path
) -> tuple[int, int, int, int]:
    """Return the first column and row, and the size, of the pixels that cover an area in `crs`."""
    if area is None:
        return 0, 0, source.width, source.height
    at, bounds = source.transform, area.bounds
    across = sorted((x - at.c) / at.a for x in (bounds[0], bounds[2]))
    down = sorted((y - at.f) / at.e for y in (bounds[1], bounds[3]))
    left, right = max(0, math.floor(across[0])), min(source.width, math.ceil(across[1]))
    top, bottom = max(0, math.floor(down[0])), min(source.height, math.ceil(down[1]))
    if left >= right or top >= bottom:
        shapes = (shapely.box(*source.bounds), area)
        there, wanted = (extent(gpd.GeoSeries([shape], crs=crs)) for shape in shapes)
        what = f"does not cover the area: it covers {there}, but the area is {wanted}"
        raise InputError(str(path), what, "use a raster that covers the area")
    return left, top, right - left, bottom - top


def _persons(
    band: Any, nodata: float | None, corner: tuple[int, int], path: Path, least: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the people of each pixel (0 without data), and a mask of the pixels without data."""
    values = np.asarray(band.data, dtype=float)
    missing = np.ma.getmaskarray(band) | np.isnan(values)
    if nodata is not None:
        missing |= values == nodata
    if missing.all():
        what = "has no data in the area: every pixel is empty"
        raise InputError(str(path), what, "use another raster")
    bad = ~missing & ((values < least) | ~np.isfinite(values))
    if bad.any():
        first = values[bad][0]
        pixels = np.argwhere(bad)[:100] + corner + 1
        ids = tuple(f"row {row} column {column}" for row, column in pixels)
        what = f"{bad.sum():,} of {(~missing).sum():,} pixels are negative or not finite, "
        fix = f"if this value marks missing data, set nodata={first:g}"
        raise InputError(str(path), f"{what}e.g. {first:g}", fix, ids)
    values[missing] = 0.0
    return values, missing


def _pixel_km2(crs: pyproj.CRS, north: float, width: float, height: float, rows: int) -> Floats:
    """Return the area (km2) of one pixel in each row."""
    if not crs.is_geographic:
        metres = crs.axis_info[0].unit_conversion_factor
        return np.full(rows, abs(width * height) * metres**2 / 1e6)
    edges = np.sin(np.radians(north + np.arange(rows + 1) * height))
    bands = np.abs(np.diff(edges)) * np.radians(abs(width)) * AUTHALIC_RADIUS_M**2
    return np.asarray(bands / 1e6, dtype=float)
