"""Isochrones: the areas from which drivers reach a place within a number of minutes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from shapely import MultiPolygon

from siting.roads.network import Network

# Side of the squares that form an area (m), and the number of squares on each side of a street.
SQUARE_M = 100.0
ASIDE = 2


def isochrones(
    network: Network, node_min: pd.Series[float], within_min: Sequence[float]
) -> gpd.GeoDataFrame:
    """Return one area for each band of driving time to the nearest place.

    An area consists of squares of side `SQUARE_M`, at most `ASIDE` squares away from a street.
    Outlines are simplified so that no gaps open between bands.

    `node_min` is the result of `minutes_to_nearest`. `within_min` holds the upper limits of the
    bands (minutes, ascending). Columns: ``over_min``, ``within_min`` (minutes) and ``geometry``
    (MultiPolygon, in the network's coordinates). Empty bands are left out.
    """
    spots, minutes = _street_spots(network, node_min)
    near = minutes <= within_min[-1]
    square = np.floor(spots[near] / SQUARE_M).astype(np.int64)
    limits = np.array([0.0, *within_min])
    shapes: list[Any] = []
    bands: list[int] = []
    if len(square):
        least = square.min(axis=0) - ASIDE
        ground = np.full(square.max(axis=0) - least + ASIDE + 1, np.inf)
        np.minimum.at(ground, tuple((square - least).T), minutes[near])
        away = np.arange(-ASIDE, ASIDE + 1)
        round_ = np.hypot(away[:, None], away[None, :]) <= ASIDE + 0.5
        from scipy.ndimage import minimum_filter

        ground = minimum_filter(ground, footprint=round_, mode="constant", cval=np.inf)
        band = np.searchsorted(within_min, ground)
        for number in range(len(within_min)):
            low = (np.argwhere(band == number) + least) * SQUARE_M
            if len(low):
                boxes = shapely.box(low[:, 0], low[:, 1], *(low + SQUARE_M).T)
                shapes.append(shapely.coverage_union_all(boxes))
                bands.append(number)
        shapes = list(shapely.coverage_simplify(shapes, SQUARE_M))
    whole = [of if isinstance(of, MultiPolygon) else MultiPolygon([of]) for of in shapes]
    ends = {"over_min": limits[bands], "within_min": limits[1:][bands]}
    return gpd.GeoDataFrame(ends, geometry=whole, crs=network.crs)


def _street_spots(network: Network, node_min: pd.Series[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return points (x, y) along streets that lead to a place, and the minutes to the place."""
    edges = network.edges
    on = node_min.reindex(edges.index.get_level_values("v")).to_numpy(dtype=float)
    reached = np.isfinite(on)
    lines = edges.geometry.to_numpy()[reached]
    counts = np.ceil(shapely.length(lines) / (SQUARE_M / 2)).astype(np.int64) + 1
    which = np.repeat(np.arange(len(lines)), counts)
    step = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    done = step / np.maximum(counts - 1, 1)[which]
    spots = shapely.line_interpolate_point(lines[which], done, normalized=True)
    drive = edges["travel_min"].to_numpy(dtype=float)[reached]
    return shapely.get_coordinates(spots), on[reached][which] + (1 - done) * drive[which]
