"""Density: limits that require a station in every map square or on every stretch of road.

An area ``a`` is a square of the map or a stretch of a road. ``J_a`` are the sites in the square or
near the stretch::

    sum of z_o over the offers of all sites of J_a   >=  1          for each area a

An existing station satisfies the constraint row of its area. Squares without a candidate site are
left out. A road is cut into equal stretches, none longer than the configured length. Two
neighbouring stations on a road are therefore at most two stretches apart.

A minimum power per vehicle gives another lower bound::

    sum of kW_o z_o over all offers      >=  kW per vehicle x vehicles

Sources: Pakistan's National Electric Vehicles Policy 2019 and India's guidelines of 2022 (a station
in every 3 km x 3 km); India's guidelines of 2024 (1 km x 1 km in towns by 2030); Regulation (EU)
2023/1804 (AFIR), articles 3 and 4 (1.3 kW per battery-electric car; stations along roads).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import naming, refuse
from siting.program.limits import Limit
from siting.program.obligations import offers_left


def squares(points: gpd.GeoSeries, square_m: float) -> pd.Series:
    """Return the name of the square that contains each point, indexed like the points.

    Coordinates are in metres. Squares are numbered from the westernmost and southernmost points:
    ``square 1 km E2 N1`` is the second square from the west and the first from the south.

    >>> at = gpd.GeoSeries(gpd.points_from_xy([10.0, 1200.0], [0.0, 0.0]), crs=32642)
    >>> squares(at, 1000.0).tolist()
    ['square 1 km E1 N1', 'square 1 km E2 N1']
    """
    column, row = (np.floor(at / square_m).astype(int) for at in (points.x, points.y))
    if len(points):
        column, row = column - column.min() + 1, row - row.min() + 1
    name = f"square {square_m / 1000:g} km"
    named = [f"{name} E{c} N{r}" for c, r in zip(column, row, strict=True)]
    return pd.Series(named, index=points.index, dtype=object)


def stretches(
    lines: Mapping[str, Sequence[shapely.LineString]],
    points: gpd.GeoSeries,
    every_m: float,
    within_m: float,
) -> dict[str, list[object]]:
    """Return, for each stretch of the lines, the index labels of the points near it.

    `lines` are the roads by name, in the points' coordinate system (m). No stretch is longer than
    `every_m` metres. A point at most `within_m` metres from a line belongs to the nearest stretch
    of that line.

    >>> road = shapely.LineString([(0, 0), (150, 0)])
    >>> at = gpd.GeoSeries(gpd.points_from_xy([10.0, 140.0], [5.0, 0.0]), crs=32642)
    >>> stretches({"N-5": [road]}, at, 100.0, 10.0)
    {'N-5, km 0.0 to 0.1': [0], 'N-5, km 0.1 to 0.1': [1]}
    """
    by_stretch: dict[str, list[object]] = {}
    at = points.to_numpy()
    for name, parts in sorted(lines.items()):
        for number, line in enumerate(parts, 1):
            label = name if len(parts) == 1 else f"{name} ({number})"
            count = max(math.ceil(line.length / every_m - 1e-9), 1)
            length = line.length / count
            near = np.flatnonzero(shapely.distance(line, at) <= within_m)
            spot = shapely.line_locate_point(line, at[near]) / max(length, 1e-9)
            which = np.clip(np.floor(spot).astype(int), 0, count - 1)
            for k in range(count):
                ends = f"km {k * length / 1000:.1f} to {(k + 1) * length / 1000:.1f}"
                by_stretch[f"{label}, {ends}"] = points.index[near[which == k]].tolist()
    return by_stretch


def one_in_each(
    offers: pd.DataFrame,
    sites: Mapping[str, Collection[str]],
    kind: str,
    where: str,
    forbidden: Collection[str] = (),
) -> tuple[Limit, ...]:
    """Return, for each area, a limit that requires at least one station at the area's sites.

    Existing and new stations count. `kind` is the kind of area, e.g. ``square``. `where` is the
    input named in error messages. Nothing may be built at the sites in `forbidden`.

    >>> offers = pd.DataFrame({"offer_id": ["a", "b"], "site_id": ["s1", "s2"],
    ...     "existing": [False, False], "reason": ["", ""]})
    >>> one_in_each(offers, {"east": ["s1", "s2"]}, "square", "limits")
    (Limit east (square): at least 1 station over 2 offers,)
    """
    by_site = offers_left(offers, forbidden).groupby("site_id")["offer_id"].agg(list).to_dict()
    limits = []
    for name in sorted(sites):
        use = {o: 1.0 for site in sorted(set(sites[name])) for o in by_site.get(site, ())}
        limits.append(Limit(name, kind, "stations", math.inf, use, at_least=1.0))
    empty = [limit.name for limit in limits if not limit.use]
    areas = "stretches" if kind == "stretch" else f"{kind}s"
    what = f"some {areas} have no candidate that can meet the rule"
    fix = "add candidates there (offers.csv says why offers are ruled out), or relax the rule"
    refuse(naming(where, what, empty, fix))
    return tuple(limits)
