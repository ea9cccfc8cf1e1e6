"""Search for the best plan of each classic model, with a bound that no plan can beat.

The p-median, facility location and set covering are solved as integer programs. Without capacities,
they start from a plan made by adding and exchanging sites; with capacities, a transport problem
evaluates each plan. The p-center is found by bisection over the radii (Minieka 1970): a set
covering problem decides whether p sites cover every demand within a radius. Maximal covering is
solved as a covering problem with a budget of p sites (`siting.engine.covering`).

Source: E. Minieka: The m-center problem. SIAM Review 12 (1970), 138-139.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pulp
from scipy import sparse
from scipy.optimize import linprog

from siting import settings
from siting.classics.location import Location, first_plan, make_location, total
from siting.classics.plain import PlainInstance
from siting.classics.programs import ClassicProgram, facility_location, lscp, mclp
from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.run import run_covering
from siting.engine.solvers import HIGHS, Run, run_solver
from siting.program.instance import Flags, Floats


@dataclass
class Found:
    """A plan, and a bound on the value of any plan."""

    chosen: Flags | None  # whether each site is open; None if no plan was found
    value: float  # cost of the plan; in maximal covering, the weight covered
    bound: float  # infinite if there is no plan
    nodes: int = 0  # branch-and-bound nodes
    status: pulp.LpSolveStatus | None = None  # status of the last solver run, if any


@dataclass(frozen=True)
class Means:
    """Solver settings: clock, requested gap, and the solver's name and options."""

    clock: Clock
    gap: float
    solver: str
    options: dict[str, Any]

    def decide(self, program: ClassicProgram, start: Flags | None = None) -> tuple[Run, Flags]:
        """Run the solver, from a plan if given; return the outcome, and whether each site is open.

        If the solver finds no plan, only the existing sites are open.
        """
        if start is not None:
            for variable, j in zip(program.y, program.site.tolist(), strict=True):
                variable.varValue = float(start[j])
        options = {"gap": self.gap, "start": start is not None, **self.options}
        with self.clock.phase("search"):
            run = run_solver(self.solver, program.prob, self.clock, **options)
        chosen = program.instance.existing.copy()
        if run.found:
            chosen[program.site[[(v.varValue or 0.0) > 0.5 for v in program.y]]] = True
        return run, chosen


def search_program(problem: Location, build: Callable[[], ClassicProgram], means: Means) -> Found:
    """Return the better of two plans (made by exchanges and by the solver), and a bound."""
    with means.clock.phase("start"):
        plan = first_plan(problem, means.clock)
    with means.clock.phase("build"):
        program = build()
    if not program.prob.numConstraints():  # no site is nearer than an existing one
        return Found(plan, total(problem, plan), total(problem, plan))
    run, chosen = means.decide(program, plan)
    best = min(plan, chosen, key=lambda one: total(problem, one))
    # The cost of serving each row at its lowest cost is also a bound, which helps if the solve ends
    # early.
    bound = max(run.bound, total(problem, np.ones_like(plan)) - float(problem.fixed.sum()))
    if run.status == pulp.LpSolveStatus.Infeasible:
        bound = math.inf
    return Found(best, total(problem, best), bound, run.nodes, run.status)


def reaches_all(instance: PlainInstance, radius: float, p: int, means: Means) -> Found:
    """Return p sites that cover all demand within a radius, if such sites are found.

    The bound is 1 if p sites are proven to be too few, else 0; the value is 0.
    """
    near = instance.within(radius)
    problem = make_location(near, p=p, unserved=np.ones(len(near.demand_ids)))
    with means.clock.phase("start"):
        plan = first_plan(problem, means.clock)
    if total(problem, plan) == 0:
        return Found(plan, 0.0, 0.0)
    run, chosen = means.decide(lscp(near, radius, p))
    never = run.status == pulp.LpSolveStatus.Infeasible
    return Found(chosen if run.found else None, 0.0, float(never), run.nodes, run.status)


def covering_of_plain(instance: PlainInstance, p: int, radius: float) -> Covering:
    """Return the maximal covering problem for p sites as a `Covering` whose options are sites."""
    near, sites = instance.within(radius), len(instance.site_ids)
    return Covering(
        near.weight.copy(),
        near.start.copy(),
        near.site.astype(np.int32),
        np.ones(sites),
        np.arange(sites),
        float(p),
        np.flatnonzero(instance.existing),
    )


def cover_most(instance: PlainInstance, p: int, radius: float, means: Means) -> Found:
    """Return the p sites that cover the most weight; value and bound are weights covered.

    Solvers other than HiGHS receive the whole program.
    """
    if means.solver != HIGHS:
        run, chosen = means.decide(mclp(instance, p, radius))
        return Found(chosen, math.nan, run.bound, run.nodes, run.status)
    covering = covering_of_plain(instance, p, radius)
    found = run_covering(covering, means.clock, means.gap, means.options["seed"])
    chosen = instance.existing.copy()
    chosen[found.chosen] = True
    return Found(chosen, found.value, found.bound, found.nodes)


def radius_of(instance: PlainInstance, chosen: Flags) -> float:
    """Return the largest cost from a demand to its nearest chosen site (inf if it has none)."""
    pair = np.flatnonzero(chosen[instance.site])
    nearest = np.full(len(instance.demand_ids), math.inf)
    np.minimum.at(nearest, instance.row[pair], instance.cost[pair])
    return float(nearest.max(initial=0.0))


def search_center(instance: PlainInstance, p: int, means: Means) -> Found:
    """Return the plan of p sites with the smallest radius found, and a bound on the radius.

    Every demand of the instance must be served and has a site in reach. `Found.chosen` is None if
    even the largest radius is too small, or time ran out first.
    """
    near = max(means.gap, settings.ARITHMETIC / 10)
    least = float(instance.cost[instance.start[:-1]].max())
    radii: Floats = np.unique(instance.cost)
    radii = radii[radii >= least]
    best = Found(None, math.inf, least)
    low, high = 0, len(radii) - 1  # radii at positions below `low` are too small
    at = high
    while low <= high:
        answer = reaches_all(instance, float(radii[at]), p, means)
        best.nodes += answer.nodes
        best.status = answer.status
        if answer.chosen is not None:
            value = radius_of(instance, answer.chosen)
            if value < best.value:
                best.chosen, best.value = answer.chosen, value
            high = int(np.searchsorted(radii, value)) - 1
        elif answer.bound:
            low = at + 1
        else:
            break  # out of time
        best.bound = float(radii[low]) if low < len(radii) else math.inf
        if means.clock.over or best.value - best.bound <= near * best.value:
            break
        at = (low + high) // 2
    best.bound = min(best.bound, best.value)
    return best


def transport(instance: PlainInstance, chosen: Flags) -> Floats | None:
    """Return the share of demand that each pair serves in the assignment of lowest total cost.

    Only the chosen sites serve. The result is None if they cannot serve all demand.
    """
    pair = np.flatnonzero(chosen[instance.site])
    row, site = instance.row[pair], instance.site[pair]
    rows = len(instance.demand_ids)
    if len(np.unique(row)) < rows:
        return None
    load = np.bincount(site, instance.weight[row], minlength=len(chosen))
    tight = np.flatnonzero(load > instance.capacity)
    shares = np.zeros(len(instance.site))
    if not len(tight):
        shares[pair[np.unique(row, return_index=True)[1]]] = 1.0
        return shares
    full = np.flatnonzero(np.isin(site, tight))
    unit = max(float(instance.weight.mean()), 1e-300)
    used = instance.weight[row[full]] / unit, (np.searchsorted(tight, site[full]), full)
    served = (np.ones(len(pair)), (row, np.arange(len(pair))))
    answer = linprog(  # type: ignore[call-overload]
        instance.whole[pair],
        A_ub=sparse.csr_array(used, shape=(len(tight), len(pair))),
        b_ub=instance.capacity[tight] / unit,
        A_eq=sparse.csr_array(served, shape=(rows, len(pair))),
        b_eq=np.ones(rows),
        bounds=(0, 1),
        method="highs",
    )
    if answer.status != 0:
        return None
    share = np.where(answer.x < settings.EXACT, 0.0, answer.x)
    shares[pair] = share / np.bincount(row, share, minlength=rows)[row]
    return shares


def plan_cost(instance: PlainInstance, chosen: Flags) -> float:
    """Return the cost of opening sites and serving all demand; infinite if they cannot serve it."""
    if instance.capacity[chosen].sum() < instance.weight.sum() * (1 - settings.EXACT):
        return math.inf
    if (shares := transport(instance, chosen)) is None:
        return math.inf
    return float(instance.fixed_cost[chosen].sum() + instance.whole @ shares)


def settle_warehouse(instance: PlainInstance, chosen: Flags, clock: Clock) -> Flags:
    """Return the given sites without new sites that are idle or can close at no extra cost."""
    if (shares := transport(instance, chosen)) is None:
        return chosen
    used = instance.existing.copy()
    used[instance.site[shares > 0]] = True
    value = plan_cost(instance, used)
    for j in np.flatnonzero(used & ~instance.existing)[::-1].tolist():
        if clock.over:
            break
        used[j] = False
        if plan_cost(instance, used) > value * (1 + settings.EXACT):
            used[j] = True
    return used


def search_warehouse(instance: PlainInstance, means: Means) -> Found:
    """Return the best plan found for capacitated facility location, and the bound on any plan."""
    every = np.ones_like(instance.existing)
    found = Found(every, plan_cost(instance, every), -math.inf)
    if math.isinf(found.value):
        return found  # even all sites together cannot serve the demand
    with means.clock.phase("build"):
        program = facility_location(instance, capacitated=True)
    run, chosen = means.decide(program)
    value = plan_cost(instance, chosen)
    if value < found.value:
        found.chosen, found.value = chosen, value
    found.bound, found.nodes, found.status = run.bound, run.nodes, run.status
    return found
