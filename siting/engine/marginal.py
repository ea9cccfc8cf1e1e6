"""The worth of a plan (value of the energy served) if one station is removed, added or replaced.

If a station closes, other stations take over as much of its demand as they can. The worth that the
plan still loses is the station's marginal worth. It may be low even for a station that serves much
energy, if other stations have spare capacity. At the end of a solve, stations whose marginal worth
per rupee is too low are removed (`trimmed`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from siting import settings
from siting.engine.answer import LeftOut, Result
from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.effort import Effort
from siting.engine.fixed import only_offers
from siting.engine.frame import Frame
from siting.engine.slack import Room
from siting.engine.valuer import valuer_of
from siting.errors import Fault, SolveError
from siting.program.aims import Aim, MostWorth
from siting.program.instance import Floats, Instance, Ints
from siting.program.objective import ENERGY_UNIT
from siting.program.program import Program


class _Row(NamedTuple):
    """An offer at a site, and the worth of the plan with this offer."""

    site_id: str
    offer_id: str
    value: float
    gain: float
    subsidy_pkr: float


def lost_without(
    program: Program, offer_ids: Iterable[str], site_ids: Iterable[str]
) -> dict[str, float]:
    """Return, for each site, the worth lost if only its station closes, in the program's unit.

    The loss is 0 at a site without a station. The program's floors, limits and budget are ignored.
    `offer_ids`: the offers in place, including existing stations, at most one per site.
    """
    kept = program.instance.positions_of(offer_ids)
    values = Marginal(program, offer_ids, only_offers(program.instance, kept))
    return {site: values.loss(site) for site in map(str, site_ids)}


class Marginal:
    """A plan, and its worth after one station changes, in the program's unit.

    `program`: its budget and limits apply; its floors, distances and viability gap do not;
    `offers`: the offers in place in the last slice, including existing ones; `instance`: data to
    use, without a budget, instead of the program's own data.
    """

    def __init__(
        self, program: Program, offers: Iterable[str], instance: Instance | None = None
    ) -> None:
        program = replace(program, floors=(), distances=(), gap=None, aims=(MostWorth(),))
        if instance is not None:
            program = replace(program, instance=instance, budgeted=False)
        self.instance = program.instance
        self._frame = frame = Frame(program, MostWorth())
        self._valuer = valuer_of(frame, Cutter(frame))
        self._room = Room(frame)
        chosen = self.instance.positions_of(offers)
        # If several options end with the same offer, the option that opens earliest is used.
        self._choice = frame.by_site(np.flatnonzero(np.isin(frame.options.last, chosen))[::-1])
        self._position = {name: n for n, name in enumerate(self.instance.site_ids.tolist())}
        self.value = self._worth(self._choice)
        self.noise = settings.EXACT * max(abs(self.value), 1e-300)

    def loss(self, site: str) -> float:
        """Return the worth lost if the station at a site closes; 0 if the site has no station."""
        at = self._position.get(site, -1)
        if at < 0 or self._choice[at] < 0:
            return 0.0
        lost = self.value - self._worth(self._room.changed(self._choice, self._frame.count + at))
        return lost if lost > self.noise else 0.0

    def without_the_least(
        self, least_gain: float, lowest: float, allowed: Callable[[Ints], bool], clock: Clock
    ) -> tuple[Ints, float]:
        """Remove stations that gain too little; return the remaining plan and its worth.

        Stations that gain the least worth per rupee go first. `least_gain`: minimum worth per
        rupee; `lowest`: minimum worth of the plan; `allowed`: tests whether a plan is feasible.
        """
        frame, choice, value = self._frame, self._choice.copy(), self.value
        new = ~self.instance.offer_existing & (self.instance.offer_subsidy > 0)
        while self._valuer is not None:
            upper = self._valuer.at(choice).upper[frame.count :]
            best: tuple[float, Ints, float] | None = None
            for at in np.flatnonzero((choice >= 0) & ~frame.must & (upper >= lowest)).tolist():
                offer = frame.options.last[choice[at]]
                need = least_gain * float(self.instance.offer_subsidy[offer])
                if not new[offer] or value - upper[at] >= need or clock.over:
                    continue
                after = self._room.changed(choice, frame.count + at)
                worth = self._worth(after)
                share = (value - worth) / need
                better = worth >= lowest and share < (1.0 if best is None else best[0])
                if better and allowed(np.sort(after[after >= 0])):
                    best = (share, after, worth)
            if best is None:
                break
            _, choice, value = best
        return np.sort(choice[choice >= 0]), value

    def offers_at(self, site: str) -> pd.DataFrame:
        """Return a table of the plan's worth with each possible offer at a site, best offer first.

        Columns: ``site_id``, ``offer_id``, ``value`` (worth), ``gain`` (added), ``subsidy_pkr``.
        """
        at = self._position[site]
        here = np.flatnonzero(self._frame.site == at).tolist()
        return _table([self._row(self._choice, option, self.value) for option in here])

    def best_elsewhere(self, site: str, *, larger: bool = False) -> pd.DataFrame:
        """Return a table with the best single station elsewhere to replace the station at a site.

        The table has the columns of `offers_at`, and is empty if no station adds worth. Once the
        site is empty, the new station must fit the budget and limits, and adds the worth ``gain``.
        `larger`: whether to include other offers at sites that have a station.
        """
        frame, choice, gone = self._frame, self._choice.copy(), self._position[site]
        choice[gone] = -1
        allowed = self._room.fits(choice)[: frame.count] & (frame.site != gone)
        if not larger:
            allowed &= choice[frame.site] < 0
        if self._valuer is not None:
            state = self._valuer.at(choice)
            upper, before = state.upper[: frame.count], state.value
        else:
            upper, before = self._most(), self._worth(choice)
        most, rows = -math.inf, []
        order = np.argsort(np.where(allowed, -upper, np.inf), kind="stable")
        for option in order[: settings.MOST_VALUED]:
            if not allowed[option] or upper[option] < most:
                break
            rows.append(self._row(choice, int(option), before))
            most = max(most, rows[-1].value)
        return _table([row for row in rows if row.gain > self.noise]).head(1)

    def _most(self) -> Floats:
        """Return a bound on the plan's worth with each option, as if it sold all its capacity."""
        frame, program = self._frame, self._frame.program
        if not program.capacitated:
            return np.full(frame.count, math.inf)
        dearest = float(frame.service.worth.max(initial=0.0) * len(program.slices))
        whole = self.instance.offer_capacity.sum(axis=1)[frame.options.last]
        return np.asarray(self.value + dearest * whole)

    def _worth(self, choice: Ints) -> float:
        if self._valuer is not None:
            return self._valuer.at(choice).value
        served = self._frame.serve(np.sort(choice[choice >= 0]), Clock(math.inf))
        if not served.found:
            raise SolveError(Fault("plan", "the energy that it serves could not be computed"))
        return self._frame.signed(served.objective)

    def _row(self, choice: Ints, option: int, before: float) -> _Row:
        at, offer = int(self._frame.site[option]), int(self._frame.options.last[option])
        value = self._worth(self._room.changed(choice, option))
        names = str(self.instance.site_ids[at]), str(self.instance.offer_ids[offer])
        return _Row(*names, value, value - before, float(self.instance.offer_subsidy[offer]))


def trimmed(
    program: Program, aim: Aim, result: Result, clock: Clock, effort: Effort
) -> tuple[Result, LeftOut]:
    """Remove stations that gain too little; return the result and the stations removed.

    A plan may contain stations of little use, built because money was left over. The plan stays
    within the requested gap, and the bound of the original program remains valid. No station is
    removed if the program has years, counts coverage or pays viability gaps, if the aim is not
    energy, or if the plan is not within the requested gap.
    """
    plain = aim.is_plain_worth and program.worth_unit == ENERGY_UNIT
    plain &= program.capacitated and program.gap is None and program.year_plan is None
    lowest = result.bound / (1 + effort.gap)
    if not plain or effort.gap <= settings.ARITHMETIC or result.value < lowest:
        return result, LeftOut()
    frame = Frame(program, aim)
    floors = any(floor.share > 0 for floor in program.floors)

    def allowed(choice: Ints) -> bool:
        return frame.fits(choice) and (not floors or frame.serve(choice, clock).found)

    offers = program.instance.offer_ids[program.options.last[result.choice]]
    plan = Marginal(program, offers.tolist())
    kept, worth = plan.without_the_least(effort.least_gain, lowest, allowed, clock)
    gone = np.setdiff1d(result.choice, kept)
    if not len(gone):
        return result, LeftOut()
    last = program.options.last[gone]
    money = float(program.instance.offer_subsidy[last].sum())
    out = LeftOut(tuple(map(str, program.instance.offer_ids[last])), money, result.value - worth)
    return replace(result, choice=kept, value=worth), out


def _table(rows: list[_Row]) -> pd.DataFrame:
    kinds = dict.fromkeys(("value", "gain", "subsidy_pkr"), float)
    ordered = sorted(rows, key=lambda row: (-round(row.value, 6), row.subsidy_pkr, row.offer_id))
    return pd.DataFrame(ordered, columns=list(_Row._fields)).astype(kinds)
