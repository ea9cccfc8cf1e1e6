"""Zones clipped to the study area, so that people beyond it are not placed inside."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from siting.errors import InputError
from siting.roads.network import utm_epsg


def clip_zones(zones: gpd.GeoDataFrame, area: Polygon | MultiPolygon) -> gpd.GeoDataFrame:
    """Return the part of each zone inside an area, with its share of the zone's people (persons).

    People are assumed to live evenly over a zone, which the caller has to state.

    `zones`: polygons in lon/lat with ``zone_id`` and ``people``, as `siting.demand.read_zones`
    returns them; `area`: polygon in lon/lat. Result: the zones that reach into the area, clipped,
    columns as before; ``people`` times ``area_share``, the share of the zone's area that is inside
    (0 to 1). Raises `InputError` if no zone reaches into the area.

    >>> zones = gpd.GeoDataFrame(
    ...     {"zone_id": ["a"], "people": [100.0]},
    ...     geometry=[shapely.box(73, 33, 73.2, 33.1)],
    ...     crs=4326,
    ... )
    >>> clip_zones(zones, shapely.box(73, 33, 73.1, 33.1))["people"].round(1).to_list()
    [50.0]
    """
    west, south, east, north = area.bounds
    utm = utm_epsg((west + east) / 2, (south + north) / 2)
    # Clipped in degrees, where edges of both stay straight, so that neighbours have no gaps.
    inside = shapely.intersection(zones.geometry.to_numpy(), area)
    whole_m2 = zones.geometry.to_crs(utm).area.to_numpy()
    part_m2 = gpd.GeoSeries(inside, crs=4326).to_crs(utm).area.to_numpy()
    share = np.clip(part_m2 / whole_m2, 0.0, 1.0)
    kept = share > 0
    if not kept.any():
        raise InputError(
            "zones", "none reaches into the area of the roads", "give the zones of this city"
        )
    clipped = zones.assign(people=zones["people"] * share, area_share=share).set_geometry(
        gpd.GeoSeries(inside, index=zones.index, crs=4326)
    )
    return clipped[kept].reset_index(drop=True)
