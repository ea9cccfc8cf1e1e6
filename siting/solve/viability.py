"""Plans where public money fills the viability gap of each site, and no more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from siting.engine.clock import Clock
from siting.engine.proof import Proof
from siting.errors import Fault, InputError
from siting.models.rows import floors_of, weigh_rows, zones_of
from siting.models.viability import GapRule, margins_of, viability, without_subsidies
from siting.program.instance import Floats, Instance, Ints
from siting.program.objective import ENERGY_UNIT, objective_of
from siting.solve.outcome import Built, Outcome, Variant, all_worth, service_table, with_offers
from siting.solve.run import solve
from siting.solve.service import assign
from siting.solve.settle import Effort, require_plan, settle
from siting.solve.weighted import ids_of
from siting.solve.zones import zone_table

# Caps and the budget are held to this share of the dearest offer.
TOLERANCE = 1e-6
# Shares of the energy an offer could sell that starts count on, and of the budget they spend.
HOPES = ((1.0, 1.0), (0.95, 0.97), (0.85, 0.9), (0.7, 0.8), (0.5, 0.6))
START_SHARE = 0.2
# Of the stations whose case fails, one in so many is dropped at a time.
DROPPED = 4


@dataclass(frozen=True, eq=False)
class GapPlan:
    """A plan whose subsidies fill the gaps.

    Parameters
    ----------
    offers
        Ids of the offers chosen, existing stations included, in order.
    service
        Who is served by what (`siting.tables.SERVICE`).
    proof
        Energy of the plan (kWh/day), and what is proven of it.
    sites
        One row a station: ``site_id``, ``offer_id``, ``cost_pkr``, ``served_kwh_day``,
        ``earned_pkr`` (present value of the margin over the life), ``subsidy_pkr`` (what the case
        lacks), ``subsidy_share`` (of the cost).
    zones
        One row a zone, as in `siting.solve.zones.zone_table`.
    subsidy_pkr
        Public money in all (PKR).
    """

    offers: tuple[str, ...]
    service: pd.DataFrame
    proof: Proof
    sites: pd.DataFrame
    zones: pd.DataFrame
    subsidy_pkr: float


def solve_viability(
    instance: Instance,
    rule: GapRule,
    *,
    zones: pd.Series | None = None,
    floors: Mapping[str, float] | None = None,
    city_floor: float | None = None,
    effort: Effort | None = None,
) -> GapPlan:
    """Return the plan that serves the most energy where subsidies fill the viability gap.

    Parameters
    ----------
    instance
        The data of the program; its budget is for the subsidies of the rule, and the subsidies of
        its offers do not count.
    rule
        Margin on a kilowatt-hour, and the cap.
    zones, floors, city_floor
        As for `siting.solve.solve_weighted`.
    effort
        Gap, time limit, threads, seed and solver.

    Raises
    ------
    InputError
        If an argument makes no sense, or the floors cannot be held.
    SolveError
        If no plan was found in time.
    """
    effort = effort or Effort()
    effort.check()
    margin = margins_of(instance, rule)
    where = zones_of(instance, zones)
    budget = instance.budget_pkr
    free = without_subsidies(instance)
    objective = objective_of(instance)

    def build(given: Instance, *, by_cell: bool = False) -> Built:
        rows = weigh_rows(given, objective, where, margin, by_cell=by_cell)
        kept = floors_of(rows, floors, city_floor)
        return Built(viability(given, rows, rule, budget, kept).program, rows, kept)

    def fits(outcome: Outcome) -> bool:
        cost, earned = _case(free, outcome)
        gap = np.maximum(cost - earned, 0.0)
        slack = TOLERANCE * max(float(free.offer_cost.max(initial=0.0)), 1.0)
        capped = (gap <= rule.cap_share * cost + slack).all()
        return bool(capped and gap.sum() <= budget + slack) and outcome.holds_floors()

    variant = Variant(
        instance=free,
        build=build,
        serve=lambda given: build(given, by_cell=True),
        score=lambda outcome: outcome.worth,
        ceiling=all_worth,
        fits=fits,
        unit=ENERGY_UNIT,
    )
    clock = Clock(effort.time_limit_s, effort.progress)
    settled = settle(variant, effort, clock, _starts(instance, rule, margin, effort, clock))
    if settled.infeasible:
        what = "no plan holds the floors with these margins, cap and budget"
        fix = "lower the floors, or raise margin, cap_share or budget_pkr"
        raise InputError(Fault("floors", what, fix))
    outcome, proof = require_plan(settled, "viability gap")
    service = service_table(instance, outcome)
    cost, earned = _case(free, outcome)
    gap = np.maximum(cost - earned, 0.0)
    site = free.offer_site[outcome.offers]
    rows = outcome.built.rows
    served = np.bincount(rows.demand.site[outcome.pair], outcome.kwh, minlength=len(free.site_ids))
    sites = pd.DataFrame(
        {
            "site_id": pd.Series(free.site_ids[site], dtype="str"),
            "offer_id": pd.Series(free.offer_ids[outcome.offers], dtype="str"),
            "cost_pkr": cost,
            "served_kwh_day": served[site],
            "earned_pkr": earned,
            "subsidy_pkr": gap,
            "subsidy_share": gap / np.where(cost > 0, cost, 1.0),
        }
    )
    table = zone_table(instance, where, service, dict(floors or {}))
    return GapPlan(ids_of(instance, outcome), service, proof, sites, table, math.fsum(gap))


def _case(instance: Instance, outcome: Outcome) -> tuple[Floats, Floats]:
    """Return cost of each offer of an outcome, and what it earns over its life (PKR)."""
    rows = outcome.built.rows
    worth = rows.margin[rows.demand.row[outcome.pair]] * outcome.kwh
    by_site = np.bincount(rows.demand.site[outcome.pair], worth, minlength=len(instance.site_ids))
    return instance.offer_cost[outcome.offers], by_site[instance.offer_site[outcome.offers]]


def _starts(
    instance: Instance, rule: GapRule, margin: Floats, effort: Effort, clock: Clock
) -> Iterator[Ints]:
    """Yield plans of the plain program with the subsidies that offers would need if well used."""
    able = instance.uses.T & (instance.demand_kwh.sum() > 0)
    by_group = np.where(able.any(axis=1), np.where(able, margin, 0.0).max(axis=1), 0.0)
    sells = instance.offer_capacity @ by_group
    for hope, share in HOPES:
        gap = np.maximum(instance.offer_cost - hope * sells, 0.0)
        over = gap > rule.cap_share * instance.offer_cost
        kept = np.flatnonzero(~over | instance.offer_existing)
        if not len(kept):
            continue
        given = with_offers(instance, kept, gap)
        given = replace(given, budget_pkr=share * instance.budget_pkr)
        if not given.served_pairs.any():
            continue
        found = solve(
            given,
            gap=max(effort.gap, 1e-4),
            time_limit_s=max(START_SHARE * clock.left_s, 0.05),
            threads=effort.threads,
            seed=effort.seed,
        )
        clock.interrupted |= found.stopped == "interrupted"
        chosen = instance.positions_of(found.offers)
        yield chosen
        if clock.over:
            return
        yield viable_part(instance, chosen, rule, margin, clock)
        if clock.over:
            return


def viable_part(
    instance: Instance, offers: Ints, rule: GapRule, margin: Floats, clock: Clock
) -> Ints:
    """Return a plan without the stations whose case fails even at the cap, worst dropped first.

    What a dropped station sold goes to its neighbours, whose case it may save: a few are dropped
    at a time, and the rest is served anew.

    Parameters
    ----------
    instance
        The data of the program; the cost of an offer is what its case has to earn.
    offers
        Positions of the offers, one a site.
    rule, margin
        The rule, and the present value of a kWh/day by vehicle class (PKR).
    clock
        Stops it early.
    """
    of_demand = pd.Series(margin[instance.demand_class], index=instance.demand_ids)
    offers = np.sort(offers)
    while not clock.over:
        service = assign(instance, instance.offer_ids[offers].tolist())
        value = service["served_kwh_day"] * service["demand_id"].map(of_demand).astype(float)
        earned = value.groupby(service["site_id"]).sum()
        sites = pd.Series(instance.site_ids[instance.offer_site[offers]])
        cost = instance.offer_cost[offers]
        gap = np.maximum(cost - sites.map(earned).fillna(0.0).to_numpy(dtype=float), 0.0)
        allowed = rule.cap_share * cost
        new = ~instance.offer_existing[offers]
        slack = TOLERANCE * max(float(instance.offer_cost.max(initial=0.0)), 1.0)
        failing = np.flatnonzero(new & (gap > allowed + slack))
        if not len(failing) and gap[new].sum() > instance.budget_pkr:
            failing = np.flatnonzero(new & (gap > 0))
        if not len(failing):
            break
        share = gap[failing] / np.maximum(cost[failing], 1.0)
        worst = failing[np.argsort(-share, kind="stable")[: max(1, len(failing) // DROPPED)]]
        offers = np.delete(offers, worst)
    return offers
