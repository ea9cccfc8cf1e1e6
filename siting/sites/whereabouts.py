"""The location of a site in words: its street, a crossing street and a nearby place."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.files import texts_of

# Maximum distances (m) to the street, corner, nearby street, named place and part of the city.
STREET_M, CORNER_M, NEAR_STREET_M, PLACE_M, PART_M = 150.0, 45.0, 800.0, 400.0, 1500.0
MIDDLE_M = 250.0  # a site at most this far from the point of a city part is in that part


def with_whereabouts(
    sites: gpd.GeoDataFrame,
    edges: gpd.GeoDataFrame,
    parts: gpd.GeoDataFrame,
    named: gpd.GeoDataFrame | None = None,
) -> gpd.GeoDataFrame:
    """Return the sites, each with a name and a description of its location (``whereabouts``).

    A place without a name is named after its location. So is a street corner, because its only
    name is that of its street, which other corners share.

    `sites` are points with ``name`` and ``kind``. `edges` are the roads: lines with ``name``, in a
    projection in metres. `parts` are the parts of the city: points with ``name``. `named` are the
    sites whose names can describe other locations (default: all sites with a name of their own).

    >>> site = gpd.GeoDataFrame({"name": [None, "Pump"], "kind": ["parking", "fuel"]},
    ...     geometry=gpd.points_from_xy([0.0, 100.0], [0.0, 0.0]), crs=32643)
    >>> road = gpd.GeoDataFrame({"name": ["Mall Road"]},
    ...     geometry=[shapely.LineString([(-500, 5), (500, 5)])], crs=32643)
    >>> none = gpd.GeoDataFrame({"name": []}, geometry=[], crs=32643)
    >>> with_whereabouts(site, road, none)[["name", "whereabouts"]].values.tolist()
    [['near Pump, Mall Road', 'near Pump, Mall Road'], ['Pump', 'Mall Road']]
    """
    points = np.asarray(sites.geometry.array)
    name = texts_of(sites, "name")
    has_name = (name != "") & (sites["kind"].astype(str) != "street")
    if named is None:
        named = sites[has_name]
    streets = _streets(points, edges)
    places = _nearest(points, named, PLACE_M)
    around = _nearest(points, parts.to_crs(sites.crs), PART_M)
    lonlat = sites.geometry.to_crs(4326)
    known = zip(streets, places, around, has_name, lonlat.x, lonlat.y, strict=True)
    texts = [
        _in_words(street, "" if has else place[0], part) or f"at {y:.4f} N, {x:.4f} E"
        for street, place, part, has, x, y in known
    ]
    told = pd.Series(texts, index=sites.index)
    out = sites.copy()
    out["name"] = name.where(has_name, told).astype("str")
    out.insert(out.columns.get_loc("name") + 1, "whereabouts", told.astype("str"))
    return out


def _streets(points: np.ndarray, edges: gpd.GeoDataFrame) -> list[Sequence[str]]:
    """Return, for each point, the names of the nearest street and of a street that crosses it."""
    names = texts_of(edges, "name").to_numpy()
    lines, names = np.asarray(edges.geometry.array)[names != ""], names[names != ""]
    out: list[Sequence[str]] = [()] * len(points)
    if not len(lines) or not len(points):
        return out
    point, line = shapely.STRtree(lines).query(points, predicate="dwithin", distance=NEAR_STREET_M)
    near = pd.DataFrame({"point": point, "name": names[line]})
    near["far_m"] = shapely.distance(points[point], lines[line]).round(1)
    near = near.sort_values(["point", "far_m", "name"]).drop_duplicates(["point", "name"])
    for at, rows in near.groupby("point"):
        if rows["far_m"].iloc[0] > STREET_M:
            out[int(str(at))] = [f"near {rows['name'].iloc[0]}"]
            continue
        crossing = rows["name"].iloc[1:][rows["far_m"].iloc[1:] <= CORNER_M]
        out[int(str(at))] = [rows["name"].iloc[0], *crossing[:1]]
    return out


def _nearest(
    points: np.ndarray, places: gpd.GeoDataFrame, within_m: float
) -> list[tuple[str, float]]:
    """Return the name (blank if none) and distance (m) of the place nearest to each point."""
    out = [("", np.inf)] * len(points)
    if not len(places) or not len(points):
        return out
    names = places["name"].astype(str).str.strip().to_numpy()
    index, far_m = shapely.STRtree(places.geometry.to_numpy()).query_nearest(
        points, max_distance=within_m, return_distance=True, all_matches=False
    )
    for at, place, far in zip(*index, far_m, strict=True):
        out[at] = (names[place], float(far))
    return out


def _in_words(streets: Sequence[str], place: str, part: tuple[str, float]) -> str:
    """Return a location as text, such as ``near Pump, Mall Road at Canal Road, Garhi Shahu``."""
    told = [f"near {place}"] if place else []
    if streets and not (place and streets[0].startswith("near ")):
        told.append(" at ".join(streets))
    if part[0] and part[0] != place:
        told.append(part[0] if part[1] <= MIDDLE_M or told else f"near {part[0]}")
    return ", ".join(told)
