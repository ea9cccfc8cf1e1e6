"""A grid of street corners, for places without mapped fuel stations or car parks."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import InputError
from siting.roads import Network

# Best corner first: a station needs passing traffic and access. A motorway has no access.
CLASS_ORDER = (
    *("primary", "secondary", "trunk", "tertiary"),
    *("unclassified", "residential", "living_street", "service"),
    *("primary_link", "secondary_link", "tertiary_link", "trunk_link", "motorway_link"),
    "motorway",
)


def candidates_from_streets(network: Network, spacing_m: float) -> gpd.GeoDataFrame:
    """Return one street corner per square of `spacing_m` metres, in lon/lat (EPSG:4326).

    A square's best corner is on the best class of road; ties go to the corner with the most
    streets, then to the one nearest the square's centre.

    `spacing_m`: side of the squares in metres, which begin at its multiples. Columns: ``name`` (of
    the best street there), ``kind`` ("street"), ``source``, ``geometry``; from south to north, then
    west to east. Raises `InputError` if the spacing is not above 0.
    """
    if not (np.isfinite(spacing_m) and spacing_m > 0):
        raise InputError("spacing_m", f"{spacing_m} is not a distance", "give metres above 0")
    edges = network.edges[["highway", "name"]].reset_index()
    rank = {name: i for i, name in enumerate(CLASS_ORDER)}
    edges["rank"] = edges["highway"].map(rank).fillna(len(rank))
    edges["name"] = edges["name"].astype("str").where(edges["name"].notna())
    ends = pd.concat([edges, edges.rename(columns={"u": "v", "v": "u"})])
    ends = ends.sort_values(["u", "rank", "name"], na_position="last", kind="stable")
    corners = ends.groupby("u").agg(
        rank=("rank", "first"), name=("name", "first"), streets=("v", "nunique")
    )
    points = network.nodes.geometry
    corners = corners.reindex(points.index)
    x, y = points.x.to_numpy(), points.y.to_numpy()
    corners["column"], corners["row"] = np.floor(x / spacing_m), np.floor(y / spacing_m)
    middle_x, middle_y = ((corners[of] + 0.5) * spacing_m for of in ("column", "row"))
    corners["off_m"] = np.hypot(x - middle_x, y - middle_y)
    corners["id"] = points.index
    order = ["row", "column", "rank", "streets", "off_m", "id"]
    best = corners.sort_values(order, ascending=[True, True, True, False, True, True])
    best = best.drop_duplicates(["row", "column"])
    return gpd.GeoDataFrame(
        {
            "name": best["name"].array,
            "kind": "street",
            "source": f"street grid of {spacing_m:g} m, not a surveyed place",
        },
        geometry=points.loc[best["id"]].array,
        crs=network.crs,
    ).to_crs(4326)
