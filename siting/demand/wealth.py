"""Relative wealth of demand cells, a proxy for vehicle ownership within an area."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.demand.cells import Floats
from siting.demand.rasters import read_window
from siting.errors import InputError, refuse
from siting.files import extent, missing_columns, read_layer, row_labels, rows_fault

# Relative wealth is published on a 2.4 km grid. Figures over 5 km away say little about a cell.
FARTHEST_M = 5000.0
MARGIN_DEG = FARTHEST_M / 100_000
# Largest valid index. The exponential of a larger index would give one cell all vehicles.
MOST_INDEX = 10.0


def relative_wealth(
    cells: gpd.GeoDataFrame,
    path: Path,
    column: str = "rwi",
    *,
    index: bool = False,
    nodata: float | None = None,
) -> Floats:
    """Return each cell's wealth (the nearest known figure), relative to the mean over people.

    `cells` are demand cells with ``people``, and with coordinates in metres. `path` is a
    single-band GeoTIFF, or a layer of points with the figures in `column`, such as Meta's Relative
    Wealth Index in CSV. If `index` is true, the figures are an index around zero, and their
    exponential is used. `nodata` marks missing data in a raster that does not declare such a value.

    Raises `InputError` if the file cannot be read, a cell with people has no figure within 5 km, a
    figure is missing or below 0 (or, in an index, beyond -10 to 10), or all figures for populated
    cells are 0. Raises `MissingExtraError` if a GeoTIFF is given and ``rasterio`` is not installed.
    """
    is_raster = path.suffix.lower() in (".tif", ".tiff")
    if is_raster:
        area = shapely.box(*cells.to_crs(4326).total_bounds).buffer(MARGIN_DEG)
        window = read_window(path, area, False, nodata, least=-np.inf, blank=np.nan)
        x, y, value = window.pixels(~np.isnan(window.people))
        points = gpd.GeoSeries(shapely.points(x, y), crs=window.crs)
    else:
        layer = read_layer(path)
        refuse(missing_columns(layer, (column,), str(path)))
        value = pd.to_numeric(layer[column], errors="coerce").to_numpy(dtype=float)
        points = layer.geometry.representative_point()
    bad = ~np.isfinite(value) | ((np.abs(value) > MOST_INDEX) if index else (value < 0))
    if bad.any():
        what = "are below zero or not numbers"
        fix = "for an index around zero, such as Meta's, set demand.wealth.index: true"
        if index:
            what = "are not an index around zero"
            fix = "set demand.wealth.nodata if this value means no data, or index: false"
        what = f"{bad.sum():,} of {len(value):,} figures {what}, e.g. {value[bad][0]:g}"
        rows = np.flatnonzero(bad)[:100]
        ids = row_labels(path, rows)
        if is_raster:
            ids = tuple(f"pixel at {at.x:.4f}, {at.y:.4f}" for at in points.iloc[rows])
        raise InputError(str(path), what, fix, ids)
    # Imported here, because most studies use no wealth data.
    from scipy.spatial import cKDTree

    at = shapely.get_coordinates(cells.geometry.centroid.to_numpy())
    apart, nearest = cKDTree(shapely.get_coordinates(points.to_crs(cells.crs))).query(at)
    people = cells["people"].to_numpy(dtype=float)
    far = (apart > FARTHEST_M) & (people > 0)
    if far.any():
        what = f"has no figure within 5 km of {far.sum():,} of {len(cells):,} cells: "
        what += f"it covers {extent(points)}, but the cells cover {extent(cells.geometry)}"
        fix = "use a file that covers the study area"
        raise InputError(rows_fault(str(path), far, cells["cell_id"], what, fix))
    wealth = (np.exp(value) if index else value)[nearest]
    mean = float(wealth @ people / max(people.sum(), 1e-9))
    if not mean > 0:
        raise InputError(str(path), "all figures for populated cells are zero")
    return np.asarray(wealth / mean, dtype=float)
