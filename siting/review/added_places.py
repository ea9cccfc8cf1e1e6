"""Match given points to a study's sites, and add unmatched points as new sites."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.config import Config
from siting.sites import with_whereabouts
from siting.study.pipeline import Study
from siting.study.read_sources import on_the_grid
from siting.tables import capacity_columns

# Two points with the same id are one place if they are at most this far apart (m).
SAME_M = 25.0


def match_places(
    xy: np.ndarray,
    ids: Sequence[str],
    there_xy: np.ndarray,
    there_ids: Sequence[str],
    within_m: float = SAME_M,
) -> np.ndarray:
    """Return, for each point, the index in `there_xy` of the place that it matches; -1 if none.

    A place matches at most one point. A point matches the place with the same id if that place is
    within 25 m, and otherwise the nearest place within `within_m` that no other point matches.

    >>> there = np.array([[0.0, 0.0], [20.0, 0.0]])
    >>> match_places(np.array([[18.0, 0.0], [90.0, 0.0]]), ["a", "c"], there, ["a", "b"])
    array([ 0, -1])
    """
    out = np.full(len(ids), -1)
    if not len(ids) or not len(there_ids):
        return out
    from scipy.spatial import cKDTree

    pairs = []
    for point, near in enumerate(cKDTree(there_xy).query_ball_point(xy, max(within_m, SAME_M))):
        for place in near:
            away_m = float(np.hypot(*(there_xy[place] - xy[point])))
            other = ids[point] != there_ids[place] or away_m > SAME_M
            if not other or away_m <= within_m:
                pairs.append((other, away_m, point, place))
    for _, _, point, place in sorted(pairs):
        if out[point] < 0 and place not in out:
            out[point] = place
    return out


def located(study: Study, added: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return added sites with a description of each location, and with grid data if configured."""
    if added.empty:
        return added
    named = study.candidates[study.candidates["kind"].astype(str) != "street"]
    added = with_whereabouts(added, study.network.edges, study.neighbourhoods, named)
    return on_the_grid(study.config, added, study.site_costs.line_detour)


def study_of_sites(study: Study, sites: gpd.GeoDataFrame, config: Config | None = None) -> Study:
    """Return a copy of a study with only these sites; other stages are reused if possible."""
    made = study.with_stages({"candidates": sites}, config)
    made.progress = None  # the original study reports progress
    return made


def study_with_sites(
    study: Study,
    more: gpd.GeoDataFrame,
    offers: pd.DataFrame,
    dropped: gpd.GeoDataFrame | None = None,
) -> Study:
    """Return a study with added sites and offers; compute drive times only for the added sites.

    `more`: the added sites, with new ids; `offers`: the added offers, at any site; `dropped`:
    places not added because they are too far from a road.
    """
    reach, all_offers = study.reach, study.offers
    if len(more):
        reach = pd.concat([reach, study_of_sites(study, more).reach], ignore_index=True)
        reach = reach.sort_values(["cell_id", "site_id"], ignore_index=True)
    if len(offers):
        all_offers = pd.concat([all_offers, offers], ignore_index=True)
        capacity = capacity_columns(all_offers)
        all_offers[capacity] = all_offers[capacity].fillna(0.0)
    given = {
        "candidates": _joined(study.candidates, more),
        "dropped": _joined(study.dropped, dropped),
        "offers": all_offers,
        "reach": reach,
    }
    return study.with_stages(given)


def _joined(there: gpd.GeoDataFrame, more: gpd.GeoDataFrame | None) -> gpd.GeoDataFrame:
    """Append `more` to a layer; columns of `there` keep their types if possible."""
    if more is None or more.empty:
        return there
    parts = [there, more.reindex(columns=[*there.columns, *more.columns.difference(there.columns)])]
    joined = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=there.crs)
    for column, kind in there.dtypes.items():
        if joined[column].dtype != kind and joined[column].notna().all():
            joined[column] = joined[column].astype(kind)
    return joined
