"""Plans of the most worth: energy, people or sessions, with decay of the drive and floors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.engine.proof import Proof
from siting.models.rows import Zones, floors_of, weigh_rows, zones_of
from siting.models.weighted import weighted
from siting.program.instance import Instance
from siting.program.objective import Objective, objective_of
from siting.solve.outcome import Built, Outcome, Variant, all_worth, service_table
from siting.solve.run import solve
from siting.solve.service import check_model
from siting.solve.settle import Effort, Start, require_plan, settle
from siting.solve.union_search import floor_starts
from siting.solve.whynot import raise_why_not
from siting.solve.worth_search import worth_starts
from siting.solve.zones import require_in_reach, zone_table

# Share of the time left that a plan of the plain program may take.
PLAIN_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class WeightedPlan:
    """A plan of the most worth.

    Parameters
    ----------
    offers
        Ids of the offers chosen, existing stations included, in order.
    service
        Who is served by what (`siting.tables.SERVICE`).
    proof
        Worth of the plan in the objective's unit, and what is proven of it.
    zones
        One row a zone: ``zone``, ``demand_kwh_day``, ``served_kwh_day``, ``served_share``,
        ``floor_share``.
    """

    offers: tuple[str, ...]
    service: pd.DataFrame
    proof: Proof
    zones: pd.DataFrame


def solve_weighted(
    instance: Instance,
    objective: Objective | None = None,
    *,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    city_floor: float | None = None,
    model: str = "capacitated",
    effort: Effort | None = None,
) -> WeightedPlan:
    """Return the plan of the most worth within the budget that holds all floors.

    Parameters
    ----------
    instance
        The data of the program.
    objective
        What counts (`siting.models.objective_of`); energy by default.
    zones
        Zone by ``demand_id``.
    floors
        Share of its demand that must be served, by zone.
    city_floor
        Share of all demand that must be served.
    model
        ``capacitated`` or ``coverage``.
    effort
        Gap, time limit, threads, seed and solver.

    Raises
    ------
    InputError
        If an argument makes no sense.
    InfeasibleError
        If the floors cannot all be held; each fault has what there is, what is needed and the mend.
    SolveError
        If no plan was found in time.
    """
    check_model(model)
    effort = effort or Effort()
    effort.check()
    objective = objective_of(instance) if objective is None else objective
    where = zones_of(instance, zones)
    require_in_reach(instance, where, floors, city_floor)
    variant = weighted_variant(instance, objective, where, floors, city_floor, model)
    clock = Clock(effort.time_limit_s, effort.progress)
    energy = is_energy(instance, objective)
    floored = bool(floors or city_floor)
    strong = model == "capacitated" and energy == floored
    if strong and floored:
        starts = above_floors(instance, where, floors, city_floor, effort, clock)
    elif strong:
        rows = weigh_rows(instance, objective)
        options = {"threads": effort.threads, "seed": effort.seed}
        starts = worth_starts(instance, rows, clock, effort.gap, **options)
    else:
        starts = plain_starts(instance, model, effort, clock, bounds=energy)
    settled = settle(variant, effort, clock, starts, strong=strong)
    if settled.infeasible:
        raise_why_not(instance, where, floors, city_floor, model, effort)
    outcome, proof = require_plan(settled, "floors")
    service = service_table(instance, outcome)
    table = zone_table(instance, where, service, dict(floors or {}))
    return WeightedPlan(ids_of(instance, outcome), service, proof, table)


def weighted_variant(
    instance: Instance,
    objective: Objective,
    zones: Zones,
    floors: Mapping[str, float] | None,
    city: float | None,
    model: str,
) -> Variant:
    """Return the variant of the most worth above floors."""

    def build(given: Instance, *, by_cell: bool = False) -> Built:
        rows = weigh_rows(given, objective, zones, by_cell=by_cell)
        kept = floors_of(rows, floors, city)
        return Built(weighted(given, rows, model, kept), rows, kept)

    return Variant(
        instance=instance,
        build=build,
        serve=lambda given: build(given, by_cell=True),
        score=lambda outcome: outcome.worth,
        ceiling=all_worth,
        fits=lambda outcome: outcome.holds_floors(),
        unit=objective.unit,
        covers=model == "coverage",
    )


def above_floors(
    instance: Instance,
    zones: Zones,
    floors: Mapping[str, float] | None,
    city: float | None,
    effort: Effort,
    clock: Clock,
) -> Iterator[Start]:
    """Return plans of the most energy above floors and bounds, for the model with capacities."""
    rows = weigh_rows(instance, objective_of(instance), zones)
    options = {"threads": effort.threads, "seed": effort.seed}
    return floor_starts(instance, rows, floors_of(rows, floors, city), clock, effort.gap, **options)


def plain_starts(
    instance: Instance,
    model: str,
    effort: Effort,
    clock: Clock,
    share: float = PLAIN_SHARE,
    *,
    bounds: bool = False,
    start: Sequence[str] | None = None,
) -> Iterator[Start]:
    """Yield the plan of the plain program as positions of offers, after its bound if asked for.

    It may begin from the offers of an earlier plan.
    """
    found = solve(
        instance,
        model,
        gap=max(effort.gap, 1e-4),
        time_limit_s=max(share * clock.left_s, 0.05),
        threads=effort.threads,
        seed=effort.seed,
        start=start,
    )
    if found.stopped == "interrupted":
        clock.interrupted = True
    if bounds:
        yield float(found.bound_kwh_day)
    yield instance.positions_of(found.offers)


def is_energy(instance: Instance, objective: Objective) -> bool:
    """Return whether an objective is the energy served, neither weighed nor falling with drives."""
    same = np.array_equal(objective.worth, instance.demand_kwh)
    return objective.decay is None and same


def ids_of(instance: Instance, outcome: Outcome) -> tuple[str, ...]:
    """Return the ids of the offers of an outcome."""
    return tuple(map(str, instance.offer_ids[outcome.offers]))
