"""Fair plans: the worst-served zone first, then energy; and what fairness costs.

First the share served in the worst zone is made as large as can be (`siting.models.fair`), then, of
all plans that reach it, the one that serves the most is taken. What that costs is said twice: in
energy, against the plan that only serves the most, and in rupees, by the least extra budget with
which a plan serves as much as that one and still holds the floors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.engine.proof import Proof
from siting.errors import Fault, InputError
from siting.models.fair import fair
from siting.models.rows import Zones, weigh_rows, zone_floors, zones_of
from siting.program.instance import Instance, Ints
from siting.program.objective import objective_of
from siting.solve.least_cost import least_cost_starts, least_cost_variant, richer_starts
from siting.solve.outcome import Built, Outcome, Variant, outcome_of, service_table
from siting.solve.run import solve
from siting.solve.service import check_model
from siting.solve.settle import Effort, Start, require_plan, settle
from siting.solve.solution import Solution
from siting.solve.union_search import worst_starts
from siting.solve.weighted import above_floors, ids_of, weighted_variant
from siting.solve.zones import gini, zone_table

# Shares of the time limit by which the three solves before the last end.
PLAIN_BY, WORST_BY, MOST_BY = 0.2, 0.65, 0.85
# Later floors may fall short of the share reached by this much of it.
TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class FairPlan:
    """A plan that serves the worst zone as well as can be.

    Parameters
    ----------
    offers
        Ids of the offers chosen, existing stations included, in order.
    service
        Who is served by what (`siting.tables.SERVICE`).
    proof
        Energy of the plan (kWh/day), and what is proven of any plan that serves no zone less than
        `floor_share`.
    worst_proof
        Share served in the worst zone, and what is proven of any plan.
    floor_share
        Share of its demand that every zone is served at least.
    zones
        One row a zone, as in `siting.solve.zones.zone_table`.
    worst_zone
        The zone with the smallest share, first by name.
    gini
        Gini coefficient of the shares served, weighted by demand (or by people, where given).
    plain_gini, plain_worst_share
        The same figures of the plan that only serves the most.
    plain
        That plan, with its bound.
    lost_kwh_day
        Energy it serves more than the fair plan (kWh/day): the price of fairness in energy.
    extra_pkr
        Budget that a plan needs beyond what there is to serve as much and hold the floors (PKR):
        the price in rupees, of the best plan found. None where no plan was found in time.
    extra_proof
        Public money of that plan (PKR), and what is proven of it; None where nothing is lost.
    """

    offers: tuple[str, ...]
    service: pd.DataFrame
    proof: Proof
    worst_proof: Proof
    floor_share: float
    zones: pd.DataFrame
    worst_zone: str
    gini: float
    plain_gini: float
    plain_worst_share: float
    plain: Solution
    lost_kwh_day: float
    extra_pkr: float | None
    extra_proof: Proof | None


def solve_fair(
    instance: Instance,
    zones: pd.Series,
    *,
    people: Mapping[str, float] | None = None,
    model: str = "capacitated",
    effort: Effort | None = None,
) -> FairPlan:
    """Return the plan that serves the worst zone best, then the most energy, within the budget.

    Parameters
    ----------
    instance
        The data of the program.
    zones
        Zone by ``demand_id``. Demand in no zone counts for energy, not for fairness.
    people
        People by zone, for the Gini coefficient; demand by default.
    model
        ``capacitated`` or ``coverage``.
    effort
        Gap, time limit of everything together, threads, seed and solver.

    Raises
    ------
    InputError
        If an argument makes no sense, or no site can serve anybody of some zone.
    SolveError
        If no plan was found in time.
    """
    check_model(model)
    effort = effort or Effort()
    effort.check()
    where = zones_of(instance, zones)
    weight = _weights(where, people)
    _check_reach(instance, where)
    clock = Clock(effort.time_limit_s, effort.progress)
    with clock.phase("plain", PLAIN_BY):
        plain = solve(
            instance,
            model,
            gap=effort.gap,
            time_limit_s=max(clock.left_s, 0.05),
            threads=effort.threads,
            seed=effort.seed,
            solver=effort.solver,
        )
        clock.interrupted |= plain.stopped == "interrupted"
    start = instance.positions_of(plain.offers)
    # No zone can be served more than all of them together are, nor they more than the city.
    share = min(1.0, plain.bound_kwh_day / float(where.demand_kwh.sum()))
    strong = model == "capacitated"
    fair_variant = _worst_variant(instance, where, model)
    with clock.phase("worst zone", WORST_BY):
        known: list[Start] = [share, start]
        starts = chain(known, _fairer(instance, where, model, effort, clock))
        settled = settle(fair_variant, effort, clock, starts, shortest=False, strong=strong)
    worst, worst_proof = require_plan(settled, "zones")
    floor = float(math.floor(worst_proof.objective * (1 - TOLERANCE) * 1e9) / 1e9)
    shares = dict.fromkeys(where.names, floor)
    energy = weighted_variant(instance, objective_of(instance), where, shares, None, model)
    with clock.phase("energy", MOST_BY):
        known = [plain.bound_kwh_day, worst.offers, start]
        more = above_floors(instance, where, shares, None, effort, clock)
        starts = chain(known, more if strong else ())
        settled = settle(energy, effort, clock, starts, strong=strong)
    outcome, proof = require_plan(settled, "zones")
    service = service_table(instance, outcome)
    table = zone_table(instance, where, service, shares)
    usual = service_table(instance, _served(instance, where, model, start))
    usual_shares = zone_table(instance, where, usual)["served_share"].to_numpy(float)
    extra_pkr, extra = _extra(instance, where, shares, plain, model, effort, clock, outcome)
    shares_served = table["served_share"].to_numpy(float)
    return FairPlan(
        offers=ids_of(instance, outcome),
        service=service,
        proof=proof,
        worst_proof=worst_proof,
        floor_share=floor,
        zones=table,
        worst_zone=str(table["zone"][int(np.argmin(np.round(shares_served, 9)))]),
        gini=gini(shares_served, weight),
        plain_gini=gini(usual_shares, weight),
        plain_worst_share=float(usual_shares.min()),
        plain=plain,
        lost_kwh_day=plain.objective_kwh_day - proof.objective,
        extra_pkr=extra_pkr,
        extra_proof=extra,
    )


def _worst_variant(instance: Instance, zones: Zones, model: str) -> Variant:
    """Return the variant of the largest share served in the worst zone."""
    objective = objective_of(instance)

    def build(given: Instance, *, by_cell: bool = False) -> Built:
        rows = weigh_rows(given, objective, zones, by_cell=by_cell)
        floors = zone_floors(rows)
        return Built(fair(given, rows, floors, model), rows, floors)

    def score(outcome: Outcome) -> float:
        return float((outcome.towards(outcome.built.floors) / zones.demand_kwh).min())

    return Variant(
        instance=instance,
        build=build,
        serve=lambda given: build(given, by_cell=True),
        score=score,
        fits=lambda outcome: True,
        unit="share of demand",
        covers=model == "coverage",
        # The simplex method stalls on this one: many plans serve the worst zone as well.
        options={"solver": "ipm"},
    )


def _fairer(
    instance: Instance, zones: Zones, model: str, effort: Effort, clock: Clock
) -> Iterator[Start]:
    """Return plans of the largest share in the worst zone and bounds, where capacities count."""
    if model != "capacitated":
        return iter(())
    rows = weigh_rows(instance, objective_of(instance), zones)
    options = {"threads": effort.threads, "seed": effort.seed}
    return worst_starts(instance, rows, zone_floors(rows), clock, effort.gap, **options)


def _served(instance: Instance, zones: Zones, model: str, offers: Ints) -> Outcome:
    """Return who is served by the plan that only serves the most."""
    variant = weighted_variant(instance, objective_of(instance), zones, None, None, model)
    found = outcome_of(variant, offers, Clock(math.inf), shortest=True)
    assert found is not None
    return found


def _extra(
    instance: Instance,
    zones: Zones,
    shares: dict[str, float],
    plain: Solution,
    model: str,
    effort: Effort,
    clock: Clock,
    outcome: Outcome,
) -> tuple[float | None, Proof | None]:
    """Return the budget it takes to serve as much as the plain plan above the floors (PKR)."""
    if outcome.energy_kwh >= plain.objective_kwh_day * (1 - TOLERANCE):
        return 0.0, None
    city = plain.objective_kwh_day * (1 - TOLERANCE) / instance.demand_kwh_day
    variant = least_cost_variant(instance, zones, shares, city, model, "subsidy_pkr")
    strong = model == "capacitated"
    if strong:
        rich = variant.instance
        starts = least_cost_starts(rich, zones, shares, city, "subsidy_pkr", effort, clock)
    else:
        starts = richer_starts(variant, instance.budget_pkr, model, effort, clock)
    proof = settle(variant, effort, clock, starts, shortest=False, strong=strong).proof
    return (None if proof is None else max(0.0, proof.objective - instance.budget_pkr)), proof


def _weights(zones: Zones, people: Mapping[str, float] | None) -> np.ndarray:
    if people is None:
        return zones.demand_kwh
    missing = tuple(name for name in zones.names if name not in people)
    bad = tuple(n for n, p in people.items() if not (math.isfinite(p) and p >= 0))
    faults = []
    if missing:
        faults.append(Fault("people", "zones without people", "give a number each", missing))
    if bad:
        faults.append(Fault("people", "not a number of 0 or more", "mend them", bad))
    if not faults and sum(people[name] for name in zones.names) <= 0:
        faults.append(Fault("people", "nobody lives in any zone", "give people"))
    if faults:
        raise InputError(faults)
    return np.array([float(people[name]) for name in zones.names])


def _check_reach(instance: Instance, zones: Zones) -> None:
    there = instance.served_pairs & (zones.of_demand >= 0)
    reachable = set(zones.of_demand[there].tolist())
    out = tuple(name for n, name in enumerate(zones.names) if n not in reachable)
    if out:
        raise InputError(
            Fault(
                "zones",
                f"{len(out):,} zones that no site can serve, so that the worst share is always 0",
                "leave their rows out of `zones`, add candidates there, or raise the cutoff",
                out,
            )
        )
