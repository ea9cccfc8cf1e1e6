"""Write a card for each new station: the energy lost without it, and alternative places.

A card is the text about one station in the report. The loss is the energy that the other stations
cannot take over, given reach and capacity (`siting.engine.marginal`). A card shows two losses: the
loss with all else unchanged, and the loss if the station's subsidy is spent elsewhere (a re-plan).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.engine.fixed import only_offers
from siting.engine.marginal import Marginal
from siting.plan import Plan
from siting.program.instance import Instance
from siting.program.program import Program
from siting.study.program_inputs import Asked
from siting.study.revalue import in_the_end
from siting.study.spare import NOT_IN_TIME, Clock
from siting.study.stages import Context, stage
from siting.study.to_program import instance_of
from siting.tables import may_be_built
from siting.texts import counted

# A loss of at most the first share of a station's energy is called "nothing". A loss of at least
# the second share is called "all".
NONE_SHARE, ALL_SHARE = 0.005, 0.995
# The losses may take the first share of the spare time. The re-plans may take the second share of
# the time that is then left.
LOSSES_SHARE, REPLANS_SHARE = 0.5, 0.5
FEWEST_SHARE = 0.1  # re-plans stop if less than this share of them would finish in time
# A `Count` function is called with the number of stations done and the number of all stations.
Count = Callable[[int, int], None]


@dataclass(frozen=True)
class Replanned:
    """The energy lost (kWh/day) if the best alternative offer is built instead of a station."""

    kwh_day: float
    offer_id: str  # of the alternative; blank if no alternative gains energy


@dataclass(frozen=True)
class Cards:
    """The cards of a plan's new stations. Results that were not computed in time are missing."""

    new: tuple[str, ...]  # ids of the sites
    lost: Mapping[str, float]  # energy lost if the station is not built, kWh/day
    replanned: Mapping[str, Replanned]
    texts: Mapping[str, str]

    @property
    def blank(self) -> str:
        """Text stating how many results were not computed in time; empty if none is missing."""
        lacking = {
            "the loss": len(self.new) - len(self.lost),
            "the re-plan": sum(kwh > 0 for kwh in self.lost.values()) - len(self.replanned),
        }
        parts = [f"{what} for {counted(n, 'station')}" for what, n in lacking.items() if n]
        return f"{NOT_IN_TIME}: {', '.join(parts)}" if parts else ""

    def in_words(self) -> str:
        """State the number of new stations, and how many results were not computed in time."""
        new = counted(len(self.new), "new station")
        return f"{new}; {self.blank}" if self.blank else new

    def facts(self) -> dict[str, dict[str, float | None]]:
        """Return, for each new station, the energy lost if that station is not built.

        Keys: ``as_it_stands_kwh_day`` (with all else unchanged) and ``replanned_kwh_day`` (after a
        re-plan). A loss that was not computed is None.
        """
        anew = {site: one.kwh_day for site, one in self.replanned.items()}
        return {
            site: {"as_it_stands_kwh_day": self.lost.get(site), "replanned_kwh_day": anew.get(site)}
            for site in self.new
        }


@stage("solver.time_limit_s", told="cards", found=lambda told: told.in_words())
def cards(context: Context, study: Any, plan: Plan, instance: Instance, asked: Asked) -> Cards:
    """The card of each new station: the energy lost without the station, and alternative places."""
    count = context.count("stations")
    with study.spare.clock("losses", LOSSES_SHARE) as clock:
        lost = losses_of(plan, instance, clock, count)
    with study.spare.clock("re-plans", REPLANS_SHARE) as clock:
        replanned = replanned_of(plan, asked, lost, clock, count)
    texts = alternatives_of(plan, asked, lost, replanned)
    return Cards(tuple(plan.new_sites["site_id"].astype(str)), lost, replanned, texts)


def losses_of(plan: Plan, instance: Instance, clock: Clock, count: Count) -> dict[str, float]:
    """Return, for each new station, the energy lost if that station is not built (kWh/day).

    The stations with the largest subsidies come first. Stations whose loss is not computed in time
    are left out.
    """
    new = plan.new_sites.sort_values(["subsidy_pkr", "site_id"], ascending=[False, True])
    if new.empty:
        return {}
    offers, lost = plan.outcome.offers, dict[str, float]()
    standing = only_offers(instance, instance.positions_of(offers))
    values = Marginal(Program(instance, plan.outcome.model), offers, standing)
    for site in new["site_id"].astype(str):
        if not clock.more():
            break
        lost[site] = values.loss(site)
        count(len(lost), len(new))
    return lost


def replanned_of(
    plan: Plan, asked: Asked, lost: Mapping[str, float], clock: Clock, count: Count
) -> dict[str, Replanned]:
    """Return an upper bound on each station's loss if the station's subsidy is spent elsewhere.

    The bound is the loss that remains if the best other station within budget and limits is built
    or enlarged. After a full re-plan (`siting replan RUN --drop`), the loss may be even smaller.
    Stations keep the order of `lost` (see `losses_of`). Stations without a loss, and stations whose
    bound is not computed in time, are left out.
    """
    some = [site for site, kwh in lost.items() if kwh > 0]
    if not some or clock.steps == 0:
        return {}
    instance = instance_of(in_the_end(asked, plan.outcome.budget_pkr))
    marginal = Marginal(Program(instance, plan.outcome.model), plan.outcome.offers)
    out: dict[str, Replanned] = {}
    for site in some:
        if not clock.more():
            break
        best = marginal.best_elsewhere(site, larger=True)
        gain = 0.0 if best.empty else float(best["gain"].iloc[0])
        offer = "" if best.empty else str(best["offer_id"].iloc[0])
        out[site] = Replanned(max(lost[site] - gain, 0.0), offer)
        count(len(out), len(some))
        least_s = FEWEST_SHARE * len(some) * clock.taken_s / len(out)
        if clock.steps is None and clock.limit_s < least_s:
            break  # too few would finish; `siting explain` re-plans a single station
    return out


def alternatives_of(
    plan: Plan, asked: Asked, lost: Mapping[str, float], replanned: Mapping[str, Replanned]
) -> dict[str, str]:
    """Return the text of each new station's card, by ``site_id``.

    `lost` and `replanned` are the results of `losses_of` and `replanned_of`.
    """
    new = plan.new_sites["site_id"].astype(str).tolist()
    open_sites = set(plan.offers.loc[may_be_built(plan.offers), "site_id"].astype(str))
    open_sites -= set(asked.forbidden)
    places = nearest_places(plan, asked.reach, open_sites).to_dict("index")
    served = plan.sites.set_index("site_id")["served_kwh_day"].astype(float)

    def texts_of(site: str) -> Iterator[str]:
        ask = f"{NOT_IN_TIME}; siting explain RUN {site} computes it."
        if site not in lost:
            yield f"The loss without this station was {ask}"
        else:
            yield _lost_text(float(served[site]), lost[site])
            if site in replanned:
                yield _replanned_text(replanned[site], lost[site])
            elif lost[site] > 0:
                yield f"The effect of spending this station's subsidy elsewhere was {ask}"
        yield from _place_texts(places[site])

    return {site: "\n".join(texts_of(site)) for site in new}


def nearest_places(plan: Plan, reach: pd.DataFrame, open_sites: Collection[str]) -> pd.DataFrame:
    """Return, for each station of a plan, the nearest free place and the nearest other station.

    `open_sites` are the sites where a station is possible. Columns, by ``site_id``: ``place`` (the
    free place), ``place_m``, ``place_share`` (the share of the station's energy that goes to cells
    within reach of the place), ``station`` and ``station_m``. Distances are straight-line (m).
    """
    sites, service = plan.sites, plan.service
    ids = sites["site_id"].astype(str).to_numpy()
    free = plan.candidates[plan.candidates["site_id"].isin(set(open_sites) - set(ids))]
    place, place_m = _nearest(sites, free)
    station, station_m = _nearest(sites, sites)
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
        site, kwh = service["site_id"].astype(str), service["served_kwh_day"]
        there = site.map(dict(zip(ids, free["site_id"].astype(str).iloc[place], strict=True)))
        pairs = pd.MultiIndex.from_frame(reach[["cell_id", "site_id"]].astype(str))
        near = pd.MultiIndex.from_arrays([service["cell_id"].astype(str), there]).isin(pairs)
        total, could = kwh.groupby(site).sum(), kwh.where(near, 0.0).groupby(site).sum()
        out["place_share"] = (could / total.where(total > 0)).reindex(ids)
    return out


def _nearest(sites: gpd.GeoDataFrame, others: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the row number (-1 if none) and distance (m) of the nearest of `others` to each site.

    If `others` is the same object as `sites`, no site counts as its own neighbour.
    """
    if len(others) <= int(others is sites):
        return np.full(len(sites), -1), np.full(len(sites), np.nan)
    here, there = (layer.get_coordinates().to_numpy() for layer in (sites, others))
    far_m = np.hypot(*(here[:, None, :] - there[None, :, :]).transpose(2, 0, 1))
    if others is sites:
        np.fill_diagonal(far_m, np.inf)
    return far_m.argmin(axis=1), far_m.min(axis=1)


def _called(sites: gpd.GeoDataFrame, positions: np.ndarray) -> list[str | None]:
    ids = sites["site_id"].astype(str).to_numpy()
    names = sites["name"].fillna("").astype(str).str.strip().to_numpy()
    return [
        None if i < 0 else f"{_apart(names[i])} ({ids[i]})" if names[i] else ids[i]
        for i in positions.tolist()
    ]


def _apart(name: str) -> str:
    """Return a name, wrapped in bidirectional isolates if its script runs from right to left.

    >>> _apart("Saddar"), _apart("صدر") == "\u2068صدر\u2069"
    ('Saddar', True)
    """
    leftward = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}" if leftward else name


def _lost_text(served_kwh: float, lost_kwh: float) -> str:
    """State how much of a station's energy (kWh/day) would be lost without the station.

    >>> _lost_text(200.0, 41.0)[:63]
    'With only this station removed, 41 of its 200 kWh/day would go '
    >>> _lost_text(200.0, 0.0)[:58]
    'With only this station removed, nothing would go unserved:'
    """
    if served_kwh <= 0:
        return "This station serves nobody, so nothing would go unserved without it."
    share, whole = lost_kwh / served_kwh, f"its {_kwh(served_kwh)} kWh/day"
    text = f"{_kwh(lost_kwh)} of {whole} would go unserved; other stations have room for the rest"
    if share <= NONE_SHARE:
        text = "nothing would go unserved: other stations within reach have room for all its energy"
    elif share >= ALL_SHARE:
        text = f"all of {whole} would go unserved: the other stations are full or out of reach"
    return f"With only this station removed, {text}."


def _replanned_text(again: Replanned, lost_kwh: float) -> str:
    """State how much energy would still be lost if the station's subsidy were spent elsewhere.

    >>> _replanned_text(Replanned(3.0, "s0002:hub"), 41.0)
    'With hub at s0002 instead, at most 3.0 kWh/day would be lost.'
    """
    if not again.offer_id:
        return "No other single station makes up for any of this loss, but a full re-plan might."
    site, _, name = again.offer_id.partition(":")
    what = f"With {name.replace('_', ' ')} at {site} instead"
    if again.kwh_day < NONE_SHARE * lost_kwh:
        return f"{what}, nothing would be lost."
    return f"{what}, at most {_kwh(again.kwh_day)} kWh/day would be lost."


def _place_texts(row: Mapping[Any, Any]) -> Iterator[str]:
    if isinstance(row["place"], str):
        text = f"Nearest place where a station could be built instead: {row['place']}, "
        text += f"{_far(row['place_m'])} away in a straight line"
        if np.isfinite(row["place_share"]):
            share = f"{row['place_share']:.0%} of the station's energy"
            text += f"; {share} goes to cells within reach of that place"
        yield f"{text}."
    else:
        yield "There is no free place where a station could be built instead."
    if isinstance(row["station"], str):
        yield f"Nearest other station: {row['station']}, {_far(row['station_m'])} away."


def _kwh(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:,.1f}"


def _far(metres: float) -> str:
    """Return a distance as text for readers.

    >>> _far(643.2), _far(1249.0)
    ('640 m', '1.2 km')
    """
    return f"{metres / 1000:,.1f} km" if metres >= 995 else f"{round(metres, -1):,.0f} m"
