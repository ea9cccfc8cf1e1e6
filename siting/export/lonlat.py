"""Geometry for export: valid shapes in longitude and latitude with seven decimals."""

from __future__ import annotations

import logging
from typing import Any, cast

import geopandas as gpd
import numpy as np
import shapely
from shapely import LineString, MultiLineString
from shapely.geometry.base import BaseGeometry

from siting.errors import InputError

logger = logging.getLogger(__name__)

# 1e-7 degrees are about a centimetre; RFC 7946 (section 11.2) advises against more precision.
COORDINATE_DECIMALS = 7
_GRID = 10.0**-COORDINATE_DECIMALS
_POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


def to_lonlat(layer: gpd.GeoDataFrame, where: str = "layer") -> gpd.GeoDataFrame:
    """Return the layer in longitude and latitude (degrees, WGS 84), rounded to 7 decimals.

    Exterior rings run counter-clockwise and holes clockwise (RFC 7946, section 3.1.6). A polygon
    that rounding would make invalid is mended. A polygon or line too small for seven decimals
    becomes about 1 cm wide or long. Empty shapes become missing, and heights are dropped.

    `layer` is not changed. `where` is the name of the layer in error messages. The shapes are in
    column ``geometry`` (EPSG:4326). Raises `InputError` if the layer has no geometry or no
    coordinate reference system.

    >>> centre = gpd.points_from_xy([320_000.0], [3_730_000.0], crs=32643)
    >>> to_lonlat(gpd.GeoDataFrame({"site_id": ["s0001"]}, geometry=centre)).geometry[0]
    <POINT (73.058 33.695)>
    """
    if layer.active_geometry_name is None:
        raise InputError(where, "has no geometry")
    if layer.crs is None:
        raise InputError(where, "has no coordinate reference system", "declare it, e.g. EPSG:4326")
    shapes = shapely.force_2d(layer.geometry.to_crs(4326).to_numpy())
    shapes[shapely.is_empty(shapes)] = None
    drawn = shapely.transform(shapes, _round)
    broken = ~shapely.is_valid(drawn) & ~shapely.is_missing(drawn)
    for i in np.flatnonzero(broken):
        drawn[i] = _mend(shapes[i], drawn[i])
    # A line of zero length is not an error, because a station may be at the centre of a cell.
    faulty = broken & np.isin(shapely.get_type_id(shapes), _POLYGONS)
    if faulty.any():
        what = "%s: %s polygons are broken or too small for 7 decimals"
        count = f"{faulty.sum():,} of {len(drawn):,}"
        logger.warning(what + "; they are drawn with errors of up to 2 cm", where, count)
    table = layer.drop(columns=list(layer.columns[layer.dtypes == "geometry"]))
    return gpd.GeoDataFrame(table, geometry=shapely.orient_polygons(drawn), crs=4326)


def _round(coordinates: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Round to seven decimals; adding zero turns -0.0 into 0.0."""
    return cast("np.ndarray[Any, Any]", np.round(coordinates, COORDINATE_DECIMALS) + 0.0)


def _mend(exact: BaseGeometry, drawn: BaseGeometry) -> BaseGeometry:
    """Return a valid, rounded shape in place of a polygon or line that rounding made invalid."""
    if exact.geom_type in ("LineString", "MultiLineString"):
        return _mend_line(drawn)
    valid = exact
    if not shapely.is_valid(exact):
        valid = shapely.make_valid(exact, method="structure", keep_collapsed=False)
    snapped = shapely.set_precision(valid, _GRID)
    if snapped.is_empty:
        flat = shapely.make_valid(exact) if valid.is_empty else valid
        snapped = shapely.set_precision(flat.buffer(_GRID), _GRID)
    return shapely.transform(snapped, _round)


def _mend_line(drawn: BaseGeometry) -> BaseGeometry:
    """Return the parts of a line that have a length or, if none has, a line about 1 cm long."""
    parts = shapely.get_parts(drawn)
    lasting = parts[shapely.is_valid(parts)]
    if len(lasting):
        return MultiLineString(list(lasting)) if len(lasting) > 1 else lasting[0]
    lon, lat = shapely.get_coordinates(drawn)[0]
    return LineString(_round(np.array([[lon, lat], [lon + _GRID, lat]])))
