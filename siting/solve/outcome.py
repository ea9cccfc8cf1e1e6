"""Who is served by what under a fixed choice of offers, worked out anew for any variant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.models.program import Program, within_budget
from siting.models.rows import Floor, Rows, served_by_floor
from siting.models.weighted import pair_values
from siting.program.instance import Floats, Instance, Ints
from siting.solve.service import TINY_KWH

# A floor is held if it is short by no more than this share of it.
FLOOR_TOLERANCE = 1e-6
# The objective may fall by this share for shorter drives.
DRIVE_LOSS = 1e-12
UNITS = 1e4


@dataclass(frozen=True, eq=False)
class Built:
    """A program with the rows and floors it was built on."""

    program: Program
    rows: Rows
    floors: tuple[Floor, ...] = ()


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a choice of offers comes to.

    Parameters
    ----------
    offers
        Positions of the offers that stand, in order.
    built
        The rows (a cell each) and floors on the sites that stand.
    pair, kwh
        Pairs of `built.rows` that are served, and their energy (kWh/day).
    """

    offers: Ints
    built: Built
    pair: Ints
    kwh: Floats

    @property
    def energy_kwh(self) -> float:
        """Energy served (kWh/day)."""
        return float(self.kwh.sum())

    @property
    def worth(self) -> float:
        """Worth of what is served, in the unit of the objective."""
        return float((self.built.rows.worth[self.pair] * self.kwh).sum())

    def towards(self, floors: Sequence[Floor]) -> Floats:
        """Return the energy served towards floors (kWh/day)."""
        demand = self.built.rows.demand
        return served_by_floor(floors, demand.row[self.pair], self.kwh, len(demand.kwh))

    def holds_floors(self) -> bool:
        """Return whether all its floors hold."""
        need = np.array([floor.need_kwh for floor in self.built.floors])
        return bool((self.towards(self.built.floors) >= need * (1 - FLOOR_TOLERANCE)).all())


@dataclass(frozen=True, eq=False)
class Variant:
    """A variant of the siting program: how it is built, and what a choice of offers is worth.

    Parameters
    ----------
    instance
        The data, with the money of the variant.
    build
        Makes the program of an instance.
    serve
        Makes the program of who is served, on rows a cell each, for offers that all stand.
    score
        The objective of an outcome, in `unit`.
    fits
        Whether an outcome is one the variant allows, beyond money.
    unit, unit_size
        Unit of the objective, and how much of it the program's objective of 1 stands for.
    covers
        Whether all in reach of a station are served whole, by the best.
    options
        Options of HiGHS for the relaxation.
    ceiling
        A bound on the program's objective that needs no solver.
    maximise
        Whether more of the objective is better.
    """

    instance: Instance
    build: Callable[[Instance], Built]
    serve: Callable[[Instance], Built]
    score: Callable[[Outcome], float]
    fits: Callable[[Outcome], bool]
    unit: str
    unit_size: float = 1.0
    covers: bool = False
    options: dict[str, Any] | None = None
    ceiling: Callable[[Built], float] | None = None
    maximise: bool = True


def all_worth(built: Built) -> float:
    """Return the worth of all demand, each row served where it counts most."""
    demand = built.rows.demand
    if not len(demand.site):
        return 0.0
    best = np.maximum.reduceat(built.rows.worth, demand.start[:-1])
    return float((best * demand.kwh).sum())


def outcome_of(
    variant: Variant, offers: Ints, clock: Clock, *, shortest: bool = False
) -> Outcome | None:
    """Return what a choice of offers comes to; None if the variant does not allow it.

    Parameters
    ----------
    variant
        The variant.
    offers
        Positions of the offers that stand, existing ones included.
    clock
        Stops the work early.
    shortest
        Whether, of all ways to serve that are as good, the one with the shortest drives is taken.
    """
    offers = np.sort(offers)
    if not within_budget(variant.instance, offers):
        return None
    built = variant.serve(_standing(variant.instance, offers))
    demand, program = built.rows.demand, built.program
    if variant.covers:
        order = np.lexsort((demand.site, built.rows.minutes, -built.rows.worth, demand.row))
        pair = order[np.flatnonzero(np.diff(demand.row[order], prepend=-1))]
        kwh = demand.kwh.copy()
    elif not program.served:
        pair, kwh = np.zeros(0, dtype=np.int64), np.zeros(0)
    else:
        found = _best_flows(built, clock, shortest=shortest)
        if found is None:
            return None
        pair = np.rint(pair_values(program, built.rows, np.arange(len(demand.site), dtype=float)))
        pair, kwh = pair.astype(np.int64), found
    keep = kwh > TINY_KWH
    outcome = Outcome(offers, built, pair[keep], kwh[keep])
    return outcome if variant.fits(outcome) else None


def service_table(instance: Instance, outcome: Outcome) -> pd.DataFrame:
    """Return who is served by which site, in kWh/day and minutes (`siting.tables.SERVICE`)."""
    rows = outcome.built.rows
    merged = rows.demand.row_of_demand
    order = np.argsort(merged, kind="stable")
    row, site = rows.demand.row[outcome.pair], rows.demand.site[outcome.pair]
    first = np.searchsorted(merged[order], row)
    count = np.searchsorted(merged[order], row, side="right") - first
    pair = np.repeat(np.arange(len(row)), count)
    at = np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())
    i = order[at]
    share = instance.demand_kwh[i] / rows.demand.kwh[row[pair]]
    classes = np.array(instance.class_names, dtype=object)
    table = pd.DataFrame(
        {
            "demand_id": pd.Series(instance.demand_ids[i], dtype="str"),
            "cell_id": pd.Series(instance.cell_ids[instance.demand_cell[i]], dtype="str"),
            "vehicle_class": pd.Series(classes[instance.demand_class[i]], dtype="str"),
            "site_id": pd.Series(instance.site_ids[site[pair]], dtype="str"),
            "served_kwh_day": outcome.kwh[pair] * share,
            "travel_min": rows.minutes[outcome.pair][pair],
        }
    )
    return table.sort_values(["demand_id", "site_id"], ignore_index=True)


def with_offers(instance: Instance, offers: Ints, subsidy: Floats | None = None) -> Instance:
    """Return the instance with some of its offers alone, perhaps with other subsidies (PKR)."""
    return replace(
        instance,
        offer_ids=instance.offer_ids[offers],
        offer_site=instance.offer_site[offers],
        offer_capacity=instance.offer_capacity[offers],
        offer_cost=instance.offer_cost[offers],
        offer_subsidy=(instance.offer_subsidy if subsidy is None else subsidy)[offers],
        offer_existing=instance.offer_existing[offers],
    )


def _standing(instance: Instance, offers: Ints) -> Instance:
    """Return the instance with some offers alone, which all stand."""
    return replace(with_offers(instance, offers), offer_existing=np.ones(len(offers), dtype=bool))


def _best_flows(built: Built, clock: Clock, *, shortest: bool) -> Floats | None:
    """Return the energy of each pair with a variable (kWh/day); None if there is no way."""
    program, rows = built.program, built.rows
    run = run_highs(program.prob, clock, relaxed=True)
    if run.status != pulp.LpSolveStatus.Optimal:
        return None
    kwh = _values(program)
    if shortest and run.objective > 0:
        prob = program.prob
        assert prob.objective is not None
        worth = prob.objective * (-UNITS / run.objective)
        prob.addConstraint(worth <= -UNITS * (1 - DRIVE_LOSS), "as_good")
        minutes = pair_values(program, rows, rows.minutes).tolist()
        drives = [(v, -t) for v, t in zip(program.served, minutes, strict=True)]
        prob.setObjective(pulp.lpSum_vars_coefs(drives))
        if run_highs(prob, clock, relaxed=True).status == pulp.LpSolveStatus.Optimal:
            kwh = _values(program)
    # The solver's arithmetic may overdo a row by a millionth; the table must not.
    used = np.bincount(program.row, kwh, minlength=len(rows.demand.kwh))
    over = np.maximum(used / rows.demand.kwh, 1.0)
    out: Floats = kwh / over[program.row]
    return out


def _values(program: Program) -> Floats:
    values = np.array([v.varValue or 0.0 for v in program.served], dtype=float)
    out: Floats = np.maximum(values, 0.0)
    return out
