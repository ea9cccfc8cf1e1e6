"""What a planner asks of each new station: what is lost without it, and where else it could stand.

What is lost is the energy that all other stations together cannot take over within reach and
capacity (`siting.engine.marginal`): as things stand, and once the money goes to another place. The
place named is the nearest one where a station could be built and none stands; with it goes the
share of the station's energy that could drive there too.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.engine.marginal import Marginal, lost_without
from siting.plan import Plan
from siting.program.instance import Instance
from siting.program.program import Program
from siting.study.ask import instance_of
from siting.study.asked import Asked
from siting.study.revalue import in_the_end

# Shares of a station's energy below and above which it is none or all of it.
NONE_SHARE, ALL_SHARE = 0.005, 0.995
# Stations times pairs of a cell and a site: above this the flows take minutes and are left out.
MOST_WORK = 40_000_000


def losses_of(plan: Plan, instance: Instance, reach: pd.DataFrame) -> dict[str, float]:
    """Return the energy lost without each new station of a plan (kWh/day), by ``site_id``.

    Empty where the plan is so large that it takes minutes.
    """
    new = plan.new_sites["site_id"].astype(str).tolist()
    if not new or len(new) * len(reach) > MOST_WORK:
        return {}
    return lost_without(Program(instance, plan.outcome.model), plan.outcome.offers, new)


@dataclass(frozen=True)
class Replanned:
    """What is still lost (kWh/day) without a station once the best other one is built instead."""

    kwh_day: float
    offer_id: str


def replanned_of(plan: Plan, asked: Asked, lost: Mapping[str, float]) -> dict[str, Replanned]:
    """Return what is lost at most without each station if its money goes elsewhere, by ``site_id``.

    The station that makes up for most is built in its place, or made larger, within the budget and
    the limits; all else stays. A whole re-plan may lose less still (`siting replan RUN --drop`).
    `lost` is as `losses_of` returns it.
    """
    some = [site for site, kwh in lost.items() if kwh > 0]
    if not some or len(some) * len(asked.reach) > MOST_WORK:
        return {}
    end = in_the_end(asked, plan.outcome.budget_pkr)
    instance = instance_of(end, next(iter(end.own.values())))
    marginal = Marginal(Program(instance, plan.outcome.model), plan.outcome.offers)
    out = {}
    for site in some:
        best = marginal.best_elsewhere([site], count=1, larger=True)
        gain = 0.0 if best.empty else float(best["gain"].iloc[0])
        offer = "" if best.empty else str(best["offer_id"].iloc[0])
        out[site] = Replanned(max(lost[site] - gain, 0.0), offer)
    return out


def alternatives_of(
    plan: Plan,
    lost: Mapping[str, float],
    replanned: Mapping[str, Replanned],
    reach: pd.DataFrame,
    forbidden: Collection[str],
) -> dict[str, str]:
    """Return lines of text on each new station of a plan, by ``site_id``.

    `lost` is as `losses_of` returns it, `replanned` as `replanned_of`; sites that are `forbidden`
    must get no station.
    """
    new = plan.new_sites["site_id"].astype(str).tolist()
    offers = plan.offers
    ruled_out = offers["reason"].fillna("").astype(str).str.strip() != ""
    open_sites = set(offers.loc[~ruled_out & ~offers["existing"], "site_id"].astype(str))
    places = nearest_places(
        plan.sites, plan.candidates, plan.service, reach, open_sites - set(forbidden)
    )
    served = plan.sites.set_index("site_id")["served_kwh_day"].astype(float)
    return {
        name: "\n".join(
            [
                *([_lost_text(float(served[name]), lost[name])] if name in lost else []),
                *([_replanned_text(replanned[name], lost[name])] if name in replanned else []),
                *_place_texts(places.loc[name]),
            ]
        )
        for name in new
    }


def nearest_places(
    sites: gpd.GeoDataFrame,
    candidates: gpd.GeoDataFrame,
    service: pd.DataFrame,
    reach: pd.DataFrame,
    open_sites: Collection[str],
) -> pd.DataFrame:
    """Return the nearest free place and the nearest other station of each station.

    `sites` (stations that stand or are built) and `candidates` have ``site_id``, ``name`` and
    ``geometry`` (metres); at `open_sites` something could be built. Columns, by ``site_id``:
    ``place``, ``place_m`` and ``place_share`` (of the station's energy, from cells that reach the
    place too, 0 to 1); ``station`` and ``station_m``. Distances are straight, in metres; what is
    not there is blank.
    """
    ids = sites["site_id"].astype(str).to_numpy()
    free = candidates[candidates["site_id"].astype(str).isin(set(open_sites) - set(ids))]
    place, place_m = _nearest(sites, free, same_sites=False)
    station, station_m = _nearest(sites, sites, same_sites=True)
    out = pd.DataFrame(
        {
            "place": _called(free, place),
            "place_m": place_m,
            "place_share": np.nan,
            "station": _called(sites, station),
            "station_m": station_m,
        },
        index=pd.Index(ids, name="site_id"),
    )
    if len(free) and len(service):
        there = dict(zip(ids, free["site_id"].astype(str).to_numpy()[place], strict=True))
        pairs = set(zip(reach["cell_id"].astype(str), reach["site_id"].astype(str), strict=True))
        columns = (service[c] for c in ("site_id", "cell_id", "served_kwh_day"))
        total, could = dict.fromkeys(ids, 0.0), dict.fromkeys(ids, 0.0)
        for site, cell, kwh in zip(*columns, strict=True):
            total[str(site)] += kwh
            could[str(site)] += kwh if (str(cell), there[str(site)]) in pairs else 0.0
        out["place_share"] = [could[s] / total[s] if total[s] > 0 else np.nan for s in ids]
    return out


def _nearest(
    sites: gpd.GeoDataFrame, others: gpd.GeoDataFrame, *, same_sites: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return position and distance (m) of the nearest of others; -1 and blank where there is none.

    With `same_sites`, `others` are the sites themselves and a site is no neighbour of its own.
    """
    count = len(sites)
    if len(others) <= int(same_sites):
        return np.full(count, -1), np.full(count, np.nan)
    here = np.column_stack([sites.geometry.x, sites.geometry.y])
    there = np.column_stack([others.geometry.x, others.geometry.y])
    far_m = np.hypot(*(here[:, None, :] - there[None, :, :]).transpose(2, 0, 1))
    if same_sites:
        np.fill_diagonal(far_m, np.inf)
    position = far_m.argmin(axis=1)
    return position, far_m[np.arange(count), position]


def _called(sites: gpd.GeoDataFrame, positions: np.ndarray) -> list[str | None]:
    ids = sites["site_id"].astype(str).to_numpy()
    names = sites["name"].fillna("").astype(str).str.strip().to_numpy()
    return [
        None if i < 0 else f"{_apart(names[i])} ({ids[i]})" if names[i] else ids[i]
        for i in positions.tolist()
    ]


def _apart(name: str) -> str:
    """Return a name that keeps its direction to itself where it is written from right to left.

    >>> _apart("Saddar"), _apart("صدر") == "\u2068صدر\u2069"
    ('Saddar', True)
    """
    leftward = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}" if leftward else name


def _lost_text(served_kwh: float, lost_kwh: float) -> str:
    """Return in words what is lost without a station that serves so much (kWh/day).

    >>> _lost_text(200.0, 41.0)[:63]
    'As things stand, without it 41 of its 200 kWh/day would go unse'
    >>> _lost_text(200.0, 0.0)[:58]
    'As things stand, without it nothing would go unserved: oth'
    """
    share = lost_kwh / served_kwh if served_kwh > 0 else 0.0
    if share <= NONE_SHARE:
        return (
            "As things stand, without it nothing would go unserved: other stations in reach have "
            "room for all it serves."
            if served_kwh > 0
            else "It serves nobody, so nothing would go unserved without it."
        )
    if share >= ALL_SHARE:
        return (
            f"As things stand, without it all of its {_kwh(served_kwh)} kWh/day would go unserved: "
            "the other stations are full or out of reach."
        )
    return (
        f"As things stand, without it {_kwh(lost_kwh)} of its {_kwh(served_kwh)} kWh/day would go "
        "unserved; other stations have room for the rest."
    )


def _replanned_text(again: Replanned, lost_kwh: float) -> str:
    """Return in words what is lost once the station's money goes elsewhere.

    >>> _replanned_text(Replanned(3.0, "s0002:hub"), 41.0)
    'After a re-plan at most 3.0 kWh/day would be lost: with hub at s0002 instead.'
    """
    if not again.offer_id:
        return "After a re-plan it may be less, yet no other single station makes up for any of it."
    site, _, name = again.offer_id.partition(":")
    what = f"with {name.replace('_', ' ')} at {site} instead"
    if again.kwh_day < NONE_SHARE * lost_kwh:
        return f"After a re-plan nothing would be lost: {what}."
    return f"After a re-plan at most {_kwh(again.kwh_day)} kWh/day would be lost: {what}."


def _place_texts(row: pd.Series) -> list[str]:
    lines = []
    if isinstance(row["place"], str):
        text = f"Nearest place where one could be built instead: {row['place']}, "
        text += f"{_far(row['place_m'])} away in a straight line"
        if np.isfinite(row["place_share"]):
            text += f"; {row['place_share']:.0%} of the energy served here could drive there"
        lines.append(text + ".")
    else:
        lines.append("There is no other place where one could be built instead.")
    if isinstance(row["station"], str):
        lines.append(f"Nearest other station: {row['station']}, {_far(row['station_m'])} away.")
    return lines


def _kwh(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def _far(metres: float) -> str:
    """Return a distance as it is read.

    >>> _far(643.2), _far(1249.0)
    ('640 m', '1.2 km')
    """
    return f"{metres / 1000:,.1f} km" if metres >= 995 else f"{round(metres, -1):,.0f} m"
