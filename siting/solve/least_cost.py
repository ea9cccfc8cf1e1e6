"""The cheapest plan that serves a share of the demand, in the city and by zone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.engine.proof import ARITHMETIC, Proof
from siting.errors import Fault, InputError
from siting.models.least_cost import Money, least_cost, price_unit, prices_of, without_budget
from siting.models.rows import Floor, Rows, Zones, floors_of, weigh_rows, zones_of
from siting.models.weighted import weighted
from siting.program.instance import Instance, Ints
from siting.program.objective import objective_of
from siting.solve.outcome import FLOOR_TOLERANCE, Built, Variant, outcome_of, service_table
from siting.solve.run import solve
from siting.solve.service import check_model
from siting.solve.settle import Effort, Start, require_plan, settle
from siting.solve.union_search import cost_starts
from siting.solve.weighted import ids_of
from siting.solve.whynot import raise_why_not
from siting.solve.zones import require_in_reach, zone_table

Base = Literal["demand", "reachable"]

START_SHARE, STEPS, EXACT_STEPS = 0.12, 16, 2
# Budgets tried where floors must hold too, as multiples of the first.
RICHER = (1.002, 1.01, 1.03, 1.08, 1.2, 1.5, 2.5)


@dataclass(frozen=True, eq=False)
class LeastCostPlan:
    """The cheapest plan found.

    Parameters
    ----------
    offers
        Ids of the offers chosen, existing stations included, in order.
    service
        Who is served by what (`siting.tables.SERVICE`).
    proof
        Money of the plan (PKR) and what is proven of it.
    money
        Which money: ``subsidy_pkr`` or ``cost_pkr``.
    zones
        One row a zone, as in `siting.solve.zones.zone_table`.
    """

    offers: tuple[str, ...]
    service: pd.DataFrame
    proof: Proof
    money: Money
    zones: pd.DataFrame


def solve_least_cost(
    instance: Instance,
    share: float | None = None,
    *,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    of: Base = "demand",
    money: Money = "subsidy_pkr",
    model: str = "capacitated",
    effort: Effort | None = None,
) -> LeastCostPlan:
    """Return the cheapest plan that serves a share of the demand; the budget does not count.

    Parameters
    ----------
    instance
        The data of the program.
    share
        Share of the demand of the whole city that must be served.
    zones, floors
        Zone by ``demand_id``, and the share that must be served in each.
    of
        ``demand``: shares of all demand; ``reachable``: of what is in reach of a site it can use.
        All of what is reachable, without capacities, is set cover.
    money
        ``subsidy_pkr`` for the least public money, ``cost_pkr`` for the least in all.
    model
        ``capacitated`` or ``coverage``.
    effort
        Gap, time limit, threads, seed and solver.

    Raises
    ------
    InputError
        If an argument makes no sense.
    InfeasibleError
        If all offers together could not serve as much.
    SolveError
        If no plan was found in time.
    """
    check_model(model)
    effort = effort or Effort()
    effort.check()
    where = zones_of(instance, zones)
    faults = []
    if share is None and not floors:
        faults.append(Fault("share", "neither a share nor floors", "say what must be served"))
    for name, given, there in (
        ("of", of, ("demand", "reachable")),
        ("money", money, ("subsidy_pkr", "cost_pkr")),
    ):
        if given not in there:
            faults.append(Fault(name, f"is {given!r}", f"use {' or '.join(there)}"))
    if faults:
        raise InputError(faults)
    if of == "reachable":
        share, floors = _of_all(instance, where, share, floors)
    require_in_reach(instance, where, floors, share)
    variant = least_cost_variant(instance, where, floors, share, model, money)
    clock = Clock(effort.time_limit_s, effort.progress)
    strong = model == "capacitated"
    if strong:
        starts = least_cost_starts(variant.instance, where, floors, share, money, effort, clock)
    else:
        starts = cheap_starts(variant.instance, share, model, effort, clock)
    settled = settle(variant, effort, clock, starts, strong=strong)
    if settled.infeasible:
        raise_why_not(variant.instance, where, floors, share, model, effort, budget=False)
    outcome, proof = require_plan(settled, "share")
    service = service_table(instance, outcome)
    table = zone_table(instance, where, service, dict(floors or {}))
    return LeastCostPlan(ids_of(instance, outcome), service, proof, money, table)


def least_cost_variant(
    instance: Instance,
    zones: Zones,
    floors: Mapping[str, float] | None,
    city: float | None,
    model: str,
    money: Money,
) -> Variant:
    """Return the variant of the least money above floors; the budget does not count."""
    instance = without_budget(instance)
    objective = objective_of(instance)
    prices = prices_of(instance, money)

    def parts(given: Instance, *, by_cell: bool) -> tuple[Rows, tuple[Floor, ...]]:
        rows = weigh_rows(given, objective, zones, by_cell=by_cell)
        return rows, floors_of(rows, floors, city)

    def build(given: Instance) -> Built:
        rows, kept = parts(given, by_cell=False)
        return Built(least_cost(given, rows, kept, model, money), rows, kept)

    def serve(given: Instance) -> Built:
        rows, kept = parts(given, by_cell=True)
        return Built(weighted(given, rows, model, kept), rows, kept)

    return Variant(
        instance=instance,
        build=build,
        serve=serve,
        score=lambda outcome: math.fsum(prices[outcome.offers]),
        fits=lambda outcome: outcome.holds_floors(),
        unit="PKR",
        unit_size=price_unit(instance, money),
        maximise=False,
        covers=model == "coverage",
    )


def least_cost_starts(
    instance: Instance,
    zones: Zones,
    floors: Mapping[str, float] | None,
    city: float | None,
    money: Money,
    effort: Effort,
    clock: Clock,
) -> Iterator[Start]:
    """Return plans above floors and bounds on their money, for the model with capacities."""
    rows = weigh_rows(instance, objective_of(instance), zones)
    kept = floors_of(rows, floors, city)
    price = prices_of(instance, money)
    options = {"threads": effort.threads, "seed": effort.seed}
    return cost_starts(instance, rows, kept, price, clock, effort.gap, **options)


def cheap_starts(
    instance: Instance, share: float | None, model: str, effort: Effort, clock: Clock
) -> Iterator[Start]:
    """Yield plans of the plain program for less and less money, and bounds on what will do.

    A budget for which no plan serves as much is a bound: the least money is more.

    Parameters
    ----------
    instance
        The data, with money enough for everything.
    share
        Share of all demand to serve.
    model, effort, clock
        As for `siting.solve.settle.settle`.
    """
    if not share:
        return
    need = share * instance.demand_kwh_day

    def plan(budget_pkr: float) -> tuple[float, float, Ints]:
        found = solve(
            replace(instance, budget_pkr=budget_pkr),
            model,
            gap=max(effort.gap / 2, 1e-4),
            time_limit_s=max(START_SHARE * clock.left_s, 0.05),
            threads=effort.threads,
            seed=effort.seed,
        )
        clock.interrupted |= found.stopped == "interrupted"
        offers = instance.positions_of(found.offers)
        return found.objective_kwh_day, found.bound_kwh_day, offers

    low, high = 0.0, float(instance.offer_subsidy.sum())
    least, most = 0.0, instance.demand_kwh_day
    proven = 0.0
    for n in range(STEPS if effort.gap > ARITHMETIC else EXACT_STEPS):
        if clock.over or high - proven <= effort.gap * high:
            break
        # What a budget serves bends down, so the chord asks for more than enough; halves for less.
        chord = (need - least) / max(most - least, 1e-9)
        middle = low + (high - low) * (min(chord, 1.0) if n % 2 == 0 else 0.5)
        served, bound, offers = plan(middle)
        if served >= need:
            spent = float(instance.offer_subsidy[offers].sum())
            high, most = min(middle, spent), served
            yield offers
        else:
            low, least = middle, served
        if bound < need * (1 - 2 * FLOOR_TOLERANCE):
            proven = max(proven, middle)
            yield proven


def richer_starts(
    variant: Variant, budget_pkr: float, model: str, effort: Effort, clock: Clock
) -> Iterator[Ints]:
    """Yield plans of the plain program for more and more money, until one holds all floors.

    Parameters
    ----------
    variant
        A variant whose budget does not count.
    budget_pkr
        Budget to begin with (PKR).
    model, effort, clock
        As for `siting.solve.settle.settle`.
    """
    instance = variant.instance
    for more in RICHER:
        found = solve(
            replace(instance, budget_pkr=min(budget_pkr * more, instance.budget_pkr)),
            model,
            gap=max(effort.gap / 2, 1e-4),
            time_limit_s=max(2 * START_SHARE * clock.left_s, 0.05),
            threads=effort.threads,
            seed=effort.seed,
        )
        clock.interrupted |= found.stopped == "interrupted"
        offers = instance.positions_of(found.offers)
        yield offers
        if clock.over or outcome_of(variant, offers, clock) is not None:
            return


def _of_all(
    instance: Instance, zones: Zones, share: float | None, floors: Mapping[str, float] | None
) -> tuple[float | None, dict[str, float] | None]:
    """Return shares of all demand, given shares of what is in reach."""
    reachable = np.where(instance.served_pairs, instance.demand_kwh, 0.0)
    inside = zones.of_demand >= 0
    by_zone = np.bincount(zones.of_demand[inside], reachable[inside], minlength=len(zones.names))
    part = dict(zip(zones.names, (by_zone / zones.demand_kwh).tolist(), strict=True))
    city = None if share is None else share * float(reachable.sum()) / instance.demand_kwh_day
    known = {n: s * part.get(n, 1.0) for n, s in (floors or {}).items()}
    return city, known or None
