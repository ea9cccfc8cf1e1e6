"""Coordinates as the page has them: whole numbers, a line as its first point and steps."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely

SCALE = 100_000


def flat_line(points: np.ndarray) -> list[int]:
    """Return a line in degrees as one flat list: its first point, then the step to each next.

    >>> flat_line(np.array([[73.0, 33.0], [73.0, 33.00001], [73.00002, 33.00001]]))
    [7300000, 3300000, 0, 1, 2, 0]
    """
    on_grid = np.rint(np.asarray(points)[:, :2] * SCALE).astype(np.int64)
    steps = np.diff(on_grid, axis=0)
    steps = steps[(steps != 0).any(axis=1)]
    return [*map(int, on_grid[0]), *map(int, steps.ravel())]


def utm_of(layer: gpd.GeoDataFrame) -> int:
    """Return the EPSG code of the UTM zone in the middle of a layer in degrees.

    >>> utm_of(gpd.GeoDataFrame(geometry=[shapely.Point(73.0, 33.6)], crs=4326))
    32643
    """
    west, south, east, north = layer.total_bounds
    zone = min(int(((west + east) / 2 + 180) // 6) + 1, 60)
    return (32600 if south + north >= 0 else 32700) + zone


def polygons_of(shape: Any) -> list[list[list[int]]]:
    """Return the polygons of a shape, each its outer ring and its holes; none for a point."""
    return [
        [flat_line(shapely.get_coordinates(ring)[:-1]) for ring in (part.exterior, *part.interiors)]
        for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon"
    ]
