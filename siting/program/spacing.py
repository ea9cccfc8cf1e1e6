"""Spacing: a minimum distance (m) between new stations, as limits on the offers.

Two sites are in conflict if they are nearer to each other than the minimum distance. A clique is a
set of sites that are all in conflict with each other. At most one site of a clique has a new
station::

    sum of z_o over the new offers of all sites of C  <=  1      for each clique C

One constraint row per clique gives a far tighter relaxation than one row per conflict. With one row
per conflict, the relaxation allows 2.5 stations in a clique of five sites. Maximal cliques are
found greedily until every conflict is in a clique. An existing station excludes new stations within
the minimum distance. An extension is not a new station.

Source: A. T. Murray, R. L. Church: Facets for node packing. European Journal of Operational
Research 101 (1997), 598-608 (the anti-covering location problem).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, naming, refuse
from siting.program.limits import Limit, new_offers


def spacing(
    candidates: gpd.GeoDataFrame,
    offers: pd.DataFrame,
    min_m: float,
    kinds: Collection[str] | None = None,
) -> tuple[Limit, ...]:
    """Return the limits that keep new stations at least `min_m` metres from other stations.

    `candidates` are the sites (`siting.tables.CANDIDATES`), in a coordinate system in metres.
    `min_m` is a straight-line distance. `kinds` are the kinds of candidate to which the rule
    applies, e.g. ``["fuel"]``; all by default. Existing stations of any kind exclude new stations.
    """
    refuse(_faults(candidates, offers, min_m, kinds))
    sites = candidates.assign(site_id=candidates["site_id"].astype(str)).sort_values("site_id")
    offer_site = offers["site_id"].astype(str)
    standing = set(offer_site[offers["existing"].to_numpy(bool)])
    old = sites["site_id"].isin(standing).to_numpy()
    new = sites["site_id"].isin(set(offer_site)).to_numpy() & ~old
    if kinds is not None:
        new &= sites["kind"].isin(list(kinds)).to_numpy()
    xy = np.column_stack([sites.geometry.x, sites.geometry.y])
    names = sites["site_id"].to_numpy(object)
    from scipy.spatial import KDTree

    near_old = np.zeros(len(sites), dtype=bool)
    distance_m, _ = KDTree(xy[old]).query(xy[new])  # infinite without existing stations
    near_old[new] = distance_m < min_m
    rows = offers[["site_id", "offer_id"]].astype(str).sort_values(["site_id", "offer_id"])
    rows = rows[rows["offer_id"].isin(new_offers(offers))]
    offers_at = rows.groupby("site_id")["offer_id"].agg(list).to_dict()
    limits = []
    if near_old.any():
        use = {o: 1.0 for s in names[near_old].tolist() for o in offers_at[s]}
        limits.append(Limit("spacing from existing stations", "spacing", "stations", 0.0, use))
    left = np.flatnonzero(new & ~near_old)
    for clique in conflict_cliques(xy[left], min_m):
        members = names[left[clique]].tolist()
        use = {o: 1.0 for s in members for o in offers_at[s]}
        shown = ", ".join(members[:3]) + (", …" if len(members) > 3 else "")
        name = f"spacing {len(limits):04d} ({shown})"
        limits.append(Limit(name, "spacing", "stations", 1.0, use))
    return tuple(limits)


def conflict_cliques(xy_m: np.ndarray, min_m: float) -> list[list[int]]:
    """Return cliques of points that together contain every pair of points nearer than `min_m`.

    >>> conflict_cliques(np.array([[0.0, 0], [1, 0], [0, 1], [9, 9], [10, 9]]), 2.0)
    [[0, 1, 2], [3, 4]]
    """
    from scipy.spatial import KDTree

    pairs = KDTree(xy_m).query_pairs(min_m, output_type="ndarray")
    distance_m = np.hypot(*(xy_m[pairs[:, 0]] - xy_m[pairs[:, 1]]).T)
    edges = sorted((a, b) for a, b in pairs[distance_m < min_m].tolist())  # a < b in each
    near: dict[int, set[int]] = defaultdict(set)
    for a, b in edges:
        near[a].add(b)
        near[b].add(a)
    covered: set[tuple[int, int]] = set()
    cliques = []
    for a, b in edges:
        if (a, b) in covered:
            continue
        clique = [a, b]
        common = near[a] & near[b]
        while common:
            # Add the point that keeps the largest number of common neighbours; if tied, the first.
            best = min(common, key=lambda c: (-len(near[c] & common), c))
            clique.append(best)
            common &= near[best]
        clique.sort()
        covered.update(combinations(clique, 2))
        cliques.append(clique)
    return cliques


def _faults(
    candidates: gpd.GeoDataFrame, offers: pd.DataFrame, min_m: float, kinds: Collection[str] | None
) -> list[Fault]:
    faults = []
    if not (math.isfinite(min_m) and min_m > 0):
        faults.append(Fault("spacing, min_m", f"is {min_m}", "enter a distance above 0 m"))
    crs = candidates.crs
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_name not in ("metre", "meter"):
        what = "the coordinates are not in metres"
        if crs is None:
            what = "the layer has no coordinate reference system"
        fix = "project the candidates, e.g. to EPSG:32642"
        faults.append(Fault("candidates, geometry", what, fix))
    stray = sorted(set(offers["site_id"].astype(str)) - set(candidates["site_id"].astype(str)))
    what, fix = "some sites are not among the candidates", "add these sites to the candidates"
    faults += naming("offers, column site_id", what, stray, fix)
    if kinds is not None:
        there = set(candidates["kind"].astype(str))
        unknown = sorted(set(kinds) - there)
        fix = f"use {', '.join(sorted(there))}"
        faults += naming("spacing, kinds", "no candidate is of some of these kinds", unknown, fix)
    return faults
