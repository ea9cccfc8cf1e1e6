"""Coordinates for the page: integers, a line as its first point and steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

SCALE = 100_000


def flat_lines(lines: np.ndarray) -> list[list[int]]:
    """Return lines on the page's grid as flat lists: the first point, then the step to each next.

    >>> flat_lines(shapely.linestrings([[[7300000, 3300000], [7300000, 3300001]]]))
    [[7300000, 3300000, 0, 1]]
    """
    points, of = shapely.get_coordinates(lines, return_index=True)
    on_grid = np.rint(points).astype(np.int64)
    begins = np.diff(of, prepend=-1) != 0
    steps = np.where(begins[:, None], on_grid, np.diff(on_grid, axis=0, prepend=0))
    moves = begins | (steps != 0).any(axis=1)
    values, first = steps[moves].ravel().tolist(), np.flatnonzero(begins[moves]) * 2
    ends = [*first.tolist(), len(values)]
    return [values[i:j] for i, j in pairwise(ends)]


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
    return polygons_of_all([shape])[0]


def polygons_of_all(shapes: Sequence[Any]) -> list[list[list[list[int]]]]:
    """Return `polygons_of` of each of many shapes.

    >>> polygons_of_all([shapely.box(0, 0, 1e-5, 2e-5), shapely.Point(0, 0)])
    [[[[1, 0, 0, 2, -1, 0, 0, -2]]], []]
    """
    parts, of_shape = shapely.get_parts(np.asarray(shapes, dtype=object), return_index=True)
    areas = shapely.get_type_id(parts) == shapely.GeometryType.POLYGON
    parts, of_shape = parts[areas], of_shape[areas]
    rings, of_part = shapely.get_rings(parts, return_index=True)
    points, of_ring = shapely.get_coordinates(rings, return_index=True)
    # A ring's last point is its first again.
    open_ = np.diff(of_ring, append=-1) == 0
    lines = flat_lines(shapely.linestrings(points[open_] * SCALE, indices=of_ring[open_]))
    out: list[list[list[list[int]]]] = [[] for _ in shapes]
    polygons: list[list[list[int]]] = [[] for _ in parts]
    for part, line in zip(of_part.tolist(), lines, strict=True):
        polygons[part].append(line)
    for shape, polygon in zip(of_shape.tolist(), polygons, strict=True):
        out[shape].append(polygon)
    return out
