"""A window of a GeoTIFF: the pixels that touch an area, checked, as persons by pixel."""

from __future__ import annotations

import logging
import math
import re
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from shapely import MultiPolygon, Polygon

from siting.errors import Fault, InputError, MissingExtraError, refuse
from siting.files import extent, unreadable_in_words

log = logging.getLogger(__name__)

# Pixels of a window of about half a gigabyte; Karachi division in 30 m pixels has half of it.
MOST_PIXELS = 20_000_000
DENSITY_WORDS = re.compile(r"densit|per[ _-]?(?:sq[ _-]?)?km|/ ?km|km-?2", re.IGNORECASE)
AUTHALIC_RADIUS_M = 6_371_007.2  # of the WGS 84 ellipsoid

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Part of a raster: persons by pixel (0 without data) and the pixels' positions."""

    people: Floats
    west: float
    north: float
    width: float
    height: float
    crs: pyproj.CRS
    area: Polygon | MultiPolygon | None


def read_window(
    path: Path,
    area: Polygon | MultiPolygon | None,
    density: bool,
    nodata: float | None,
    *,
    least: float = 0.0,
    blank: float = 0.0,
) -> Window:
    """Return the part of a raster that touches an area, checked as in `read_raster`.

    `least` is the smallest valid value, `blank` the value of pixels without data.
    """
    try:
        rasterio = import_module("rasterio")
        errors = import_module("rasterio.errors")
        windows = import_module("rasterio.windows")
    except ImportError as err:
        raise MissingExtraError(
            'rasters need another package: pip install "siting[raster]"'
        ) from err
    if not path.is_file():
        raise InputError(str(path), "no such file")
    try:
        with unreadable_in_words(path), warnings.catch_warnings():
            # A file without a place on earth is reported below, with the fix.
            warnings.simplefilter("ignore", errors.NotGeoreferencedWarning)
            with rasterio.open(path) as source:
                _require_usable(source, path)
                crs = pyproj.CRS.from_wkt(source.crs.to_wkt())
                at = source.transform
                _require_on_earth(source, crs, path)
                area_in_crs = None if area is None else _to_crs(area, crs)
                column, row, wide, high = _extent_in_pixels(source, area_in_crs, area, crs, path)
                if wide * high > MOST_PIXELS:
                    raise InputError(
                        str(path), f"{wide * high:,} pixels are wanted", "give a smaller area"
                    )
                part = windows.Window(column, row, wide, high)
                band = source.read(1, window=part, masked=True)
                scale, shift = source.scales[0], source.offsets[0]
                said = " ".join(map(str, (path.name, source.descriptions[0], source.units[0])))
    except errors.RasterioError as err:
        first = (str(err).strip() or type(err).__name__).splitlines()[0]
        raise InputError(str(path), f"cannot be read: {first}") from err
    west, north = at.c + column * at.a, at.f + row * at.e
    people, missing = _persons(band, nodata, (row, column), path, least)
    people = np.where(missing, blank, people * scale + shift)
    if density:
        people = people * _pixel_km2(crs, north, at.a, at.e, high)[:, None]
    elif DENSITY_WORDS.search(said):
        log.warning(
            "%s is read as persons per pixel, but calls itself %r: give density=True if its values "
            "are persons per km2",
            path.name,
            said,
        )
    return Window(people, west, north, at.a, at.e, crs, area_in_crs)


def _require_usable(source: Any, path: Path) -> None:
    faults = []
    if source.count != 1:
        what = f"has {source.count} bands, one is wanted"
        faults.append(Fault(str(path), what, "save the band with the people by itself"))
    if np.dtype(source.dtypes[0]).kind == "c":
        faults.append(Fault(str(path), "holds complex numbers", "give real ones"))
    if source.crs is None:
        fix = "declare it, e.g. with gdal_edit -a_srs EPSG:4326"
        faults.append(Fault(str(path), "has no coordinate reference system", fix))
    if source.transform.is_identity:
        fix = "take the GeoTIFF, not a picture of it"
        faults.append(Fault(str(path), "does not say where its pixels lie", fix))
    elif not (source.transform.a and source.transform.e and np.isfinite(source.transform).all()):
        what = f"has pixels of {source.transform.a:g} by {source.transform.e:g}"
        faults.append(Fault(str(path), what, "give the size and corner of its pixels"))
    elif source.transform.b or source.transform.d:
        faults.append(Fault(str(path), "is turned, not north up", "warp it, e.g. with gdalwarp"))
    refuse(faults)


def _require_on_earth(source: Any, crs: pyproj.CRS, path: Path) -> None:
    """Refuse corners without a place in lon/lat, and systems without one."""
    corners = gpd.GeoSeries([shapely.box(*source.bounds)], crs=crs).to_crs(4326)
    bounds = np.abs(corners.total_bounds)
    if not (bounds <= [180.0 + 1e-6, 90.0 + 1e-6] * 2).all():
        what = "lies beyond 180 degrees of longitude or 90 of latitude"
        raise InputError(str(path), what, "check its coordinate reference system")


def _extent_in_pixels(
    source: Any,
    area_in_crs: Polygon | MultiPolygon | None,
    area: Polygon | MultiPolygon | None,
    crs: pyproj.CRS,
    path: Path,
) -> tuple[int, int, int, int]:
    """Return first column, first row, width and height of the pixels that touch the area."""
    if area_in_crs is None or area is None:
        return 0, 0, source.width, source.height
    at, bounds = source.transform, area_in_crs.bounds
    across = sorted((x - at.c) / at.a for x in (bounds[0], bounds[2]))
    down = sorted((y - at.f) / at.e for y in (bounds[1], bounds[3]))
    left, right = max(0, math.floor(across[0])), min(source.width, math.ceil(across[1]))
    top, bottom = max(0, math.floor(down[0])), min(source.height, math.ceil(down[1]))
    if left >= right or top >= bottom:
        box = gpd.GeoSeries([shapely.box(*source.bounds)], crs=crs)
        wanted = extent(gpd.GeoSeries([area], crs=4326))
        raise InputError(
            str(path),
            f"does not cover the area: it lies at {extent(box)}, the area at {wanted}",
            "give the raster of this place",
        )
    return left, top, right - left, bottom - top


def _persons(
    band: Any,
    nodata: float | None,
    corner: tuple[int, int],
    path: Path,
    least: float,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the number of each pixel, 0 where there is no data, and where that is."""
    values = np.asarray(band.data, dtype=float)
    missing = np.ma.getmaskarray(band) | np.isnan(values)
    if nodata is not None:
        missing |= values == nodata
    if missing.all():
        raise InputError(
            str(path), "has no data in the area: every pixel is empty", "give another raster"
        )
    bad = ~missing & ((values < least) | ~np.isfinite(values))
    if bad.any():
        rows, columns = np.nonzero(bad)
        first = values[rows[0], columns[0]]
        ids = tuple(
            f"row {r + corner[0] + 1} column {c + corner[1] + 1}"
            for r, c in zip(rows[:100], columns[:100], strict=True)
        )
        raise InputError(
            str(path),
            f"{bad.sum():,} of {(~missing).sum():,} pixels are negative or not finite, "
            f"e.g. {first:g}",
            f"if that value means no data, give nodata={first:g}",
            ids,
        )
    values[missing] = 0.0
    return values, missing


def _pixel_km2(crs: pyproj.CRS, north: float, width: float, height: float, rows: int) -> Floats:
    """Return the area of the pixels of each row, km2."""
    if not crs.is_geographic:
        metres = crs.axis_info[0].unit_conversion_factor
        return np.full(rows, abs(width * height) * metres**2 / 1e6)
    edges = np.sin(np.radians(north + np.arange(rows + 1) * height))
    bands = np.abs(np.diff(edges)) * np.radians(abs(width)) * AUTHALIC_RADIUS_M**2
    return np.asarray(bands / 1e6, dtype=float)


def _to_crs(area: Polygon | MultiPolygon, crs: pyproj.CRS) -> Polygon | MultiPolygon:
    # A line straight in lon/lat is bent elsewhere: corners every 0.01 degrees follow it to a metre
    # or so.
    moved = gpd.GeoSeries([area.segmentize(0.01)], crs=4326).to_crs(crs).iloc[0]
    projected: Polygon | MultiPolygon = moved
    return projected
