"""Solutions of the classic models: open sites, assignments, and a proof of quality.

The value of a plan is computed from the tables, never taken from a solver.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pulp

from siting import settings
from siting.classics.location import Location, make_location, settle
from siting.classics.plain import PlainInstance
from siting.classics.programs import facility_location, lscp, p_median
from siting.classics.search import (
    Found,
    Means,
    cover_most,
    plan_cost,
    radius_of,
    search_center,
    search_program,
    search_warehouse,
    settle_warehouse,
    transport,
)
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.highs import highs_version
from siting.engine.proof import Proof, Stopped, gap_and_asked
from siting.engine.solvers import HIGHS, check_solver
from siting.errors import (
    Fault,
    InfeasibleError,
    InputError,
    SolveError,
    naming,
    refuse,
    require_kind,
)
from siting.program.instance import Flags, Floats
from siting.texts import counted

ClassicModel = Literal[
    "mclp", "lscp", "p_median", "p_center", "facility_location", "capacitated_facility_location"
]
TAKES_P = ("mclp", "p_median", "p_center")
TAKES_RADIUS = ("mclp", "lscp")
UNITS = {
    "mclp": "weight",
    "lscp": "sites",
    "p_median": "weight x cost",
    "p_center": "cost",
    "facility_location": "cost",
    "capacitated_facility_location": "cost",
}


@dataclass(frozen=True, eq=False)
class ClassicSolution:
    """The solution of a classic model.

    Parameters
    ----------
    model
        Name of the model.
    sites
        Ids of the open sites, sorted, existing ones included. Dropping any new site would make the
        plan worse.
    assignment
        One row per pair of a demand and a site that serves it, with the columns ``demand_id``,
        ``site_id``, ``cost`` (as in the reach table) and ``share`` (the share of the demand, below
        1 only in a capacitated plan). Of equally near sites, the site with the lowest id serves the
        demand.
    unserved
        Ids of the demands that are not covered (maximal covering) or have no weight.
    proof
        Objective, bound, gap, and why the solve ended.
    solver, solver_version
        Name and version of the solver.
    """

    model: ClassicModel
    sites: tuple[str, ...]
    assignment: pd.DataFrame
    unserved: tuple[str, ...]
    proof: Proof
    solver: str
    solver_version: str

    @property
    def objective(self) -> float:
        """The value of the plan, in `Proof.unit`."""
        return self.proof.objective

    def __repr__(self) -> str:
        """Return the solution as a few lines of text."""
        proof = self.proof
        served = self.assignment["demand_id"].nunique()
        return (
            f"ClassicSolution ({self.model}): {proof.status}, "
            f"{gap_and_asked(proof.gap, proof.gap_asked)}, {proof.stopped}\n"
            f"  objective  {proof.objective:,.6g} {proof.unit}, bound {proof.bound:,.6g}\n"
            f"  sites      {len(self.sites):,}; demands served {served:,}, "
            f"not served {len(self.unserved):,}\n"
            f"  solver     {self.solver} {self.solver_version}, {proof.nodes:,} nodes, "
            f"{proof.seconds.get('total', 0.0):.1f} s"
        )


def solve_classic(
    instance: PlainInstance,
    model: ClassicModel,
    *,
    p: int | None = None,
    radius: float | None = None,
    gap: float = 0.0,
    time_limit_s: float = 120.0,
    threads: int = 2,
    seed: int = 1,
    solver: str = HIGHS,
) -> ClassicSolution:
    """Return the open sites of a classic model, the demands they serve, and the proof.

    The same arguments give the same plan, unless the time limit ends the solve. Ctrl-C ends the
    solve early, with the best plan so far.

    Parameters
    ----------
    instance
        The data.
    model
        ``mclp`` (most weight within `radius` of `p` sites), ``lscp`` (fewest sites with every
        demand within `radius`), ``p_median`` (least weight x cost with `p` sites), ``p_center``
        (least radius with `p` sites), ``facility_location`` (least cost of opening sites and
        serving demand, without capacities) or ``capacitated_facility_location`` (the same with
        capacities; demand may be split). The first four ignore fixed costs and capacities.
    p
        Maximum number of sites, existing ones included.
    radius
        Largest cost at which a demand counts as covered, in the unit of the cost column.
    gap
        Relative gap at which the solve stops.
    time_limit_s
        Time limit (s).
    threads, seed
        Number of threads and random seed of the solver.
    solver
        Name of a solver that PuLP knows.

    Raises
    ------
    InputError
        If the problem has errors, all of which the message lists: an unknown model, `p` or `radius`
        missing or out of range, demands that no site can serve, or too little capacity.
    InfeasibleError
        If `p` sites are too few to serve every demand, or capacities in reach are too small.
    SolveError
        If the solver is not installed or fails, or time runs out before a plan is found.

    Examples
    --------
    >>> demand = pd.DataFrame({"demand_id": ["d1", "d2", "d3"], "weight": [3.0, 1.0, 2.0]})
    >>> sites = pd.DataFrame({"site_id": ["s1", "s2"]})
    >>> reach = pd.DataFrame([("d1", "s1", 2.0), ("d1", "s2", 5.0), ("d2", "s1", 4.0),
    ...     ("d2", "s2", 1.0), ("d3", "s2", 3.0), ("d3", "s1", 3.0)],
    ...     columns=["demand_id", "site_id", "cost"])
    >>> plain = PlainInstance.from_tables(demand, sites, reach)
    >>> answer = solve_classic(plain, "p_median", p=1)
    >>> answer.sites, answer.objective, answer.proof.status
    (('s1',), 16.0, 'optimal')
    """
    check_classic(instance, model, p, radius, Effort(gap, time_limit_s, threads))
    check_solver(solver)
    solve = _Solve(instance, model, int(p or 0), math.inf if radius is None else radius)
    clock = Clock(time_limit_s)
    means = Means(clock, gap, solver, {"threads": threads, "seed": seed})
    with clock.listening():
        return solve.answer(solve.find(means), means)


class _Solve:
    def __init__(self, instance: PlainInstance, model: ClassicModel, p: int, radius: float) -> None:
        self.instance, self.model, self.p, self.radius = instance, model, p, radius
        self.needed = instance.wanted()
        if model == "mclp":
            self.needed = self.needed.within(radius)

    def costs(self, radius: float) -> Location:
        """Return the cost problem (`siting.classics.location`) of a model without capacities."""
        needed = self.needed
        if self.model == "mclp":
            return make_location(needed, p=self.p, unserved=needed.weight)
        if self.model == "p_median":
            return make_location(needed, needed.whole, p=self.p)
        if self.model == "facility_location":
            return make_location(needed, needed.whole, fixed=needed.fixed_cost)
        return _number_of_sites(needed.within(radius))

    def find(self, means: Means) -> Found:
        """Return the best plan found, and the bound on every plan."""
        needed, p, radius = self.needed, self.p, self.radius
        if self.model == "capacitated_facility_location":
            return search_warehouse(needed, means)
        if self.model == "p_center":
            return search_center(needed, p, means)
        if self.model == "mclp":
            return cover_most(needed, p, radius, means)
        build = {
            "lscp": partial(lscp, needed, radius),
            "p_median": partial(p_median, needed, p),
            "facility_location": partial(facility_location, needed),
        }
        return search_program(self.costs(radius), build[self.model], means)

    def answer(self, incumbent: Found, means: Means) -> ClassicSolution:
        """Return the solution: the plan without idle sites, evaluated again, and its proof."""
        needed, bound = self.needed, incumbent.bound
        chosen, shares, objective = self.settled(incumbent, means.clock)
        if not math.isfinite(objective):
            raise self.no_plan(incumbent, means)
        if self.model == "lscp" and math.isfinite(bound):
            bound = math.ceil(bound - settings.SIGNIFICANT)
        served = np.flatnonzero(shares > 0)
        columns = {
            "demand_id": needed.demand_ids[needed.row[served]],
            "site_id": needed.site_ids[needed.site[served]],
            "cost": needed.cost[served],
            "share": shares[served],
        }
        assignment = pd.DataFrame(columns)
        ids = self.instance.demand_ids
        proof = Proof.of(
            objective,
            bound,
            gap_asked=means.gap,
            stopped=_stopped(incumbent, means.clock),
            unit=UNITS[self.model],
            maximise=self.model == "mclp",
            nodes=incumbent.nodes,
            seconds={**means.clock.seconds, "total": means.clock.elapsed_s},
        )
        return ClassicSolution(
            model=self.model,
            sites=tuple(needed.site_ids[chosen].tolist()),
            assignment=assignment,
            unserved=tuple(ids[~pd.Index(ids).isin(assignment["demand_id"])].tolist()),
            proof=proof,
            solver=means.solver,
            solver_version=highs_version() if means.solver == HIGHS else "",
        )

    def settled(self, incumbent: Found, clock: Clock) -> tuple[Flags, Floats, float]:
        """Return open sites, the demand share of each pair, and the objective (inf: no plan)."""
        needed, chosen = self.needed, incumbent.chosen
        shares = np.zeros(len(needed.site))
        if chosen is None:
            return needed.existing, shares, math.inf
        if self.model == "capacitated_facility_location":
            used = settle_warehouse(needed, chosen, clock)
            split = transport(needed, used)
            return used, shares if split is None else split, plan_cost(needed, used)
        radius = incumbent.value if self.model == "p_center" else self.radius
        chosen = settle(self.costs(radius), chosen)
        pair = np.flatnonzero(chosen[needed.site])
        row, first = np.unique(needed.row[pair], return_index=True)
        shares[pair[first]] = 1.0
        if self.model == "mclp":
            return chosen, shares, float(needed.weight[row].sum())
        if len(row) < len(needed.demand_ids):
            return chosen, shares, math.inf
        if self.model == "lscp":
            far = radius_of(needed, chosen) > self.radius
            return chosen, shares, math.inf if far else float(chosen.sum())
        if self.model == "p_center":
            return chosen, shares, radius_of(needed, chosen)
        opening = needed.fixed_cost[chosen].sum() if self.model == "facility_location" else 0.0
        return chosen, shares, float(opening + needed.whole @ shares)

    def no_plan(self, incumbent: Found, means: Means) -> SolveError | InfeasibleError:
        """Return the error for a solve without a plan: none exists, or none was found in time."""
        if self.model == "capacitated_facility_location":
            return InfeasibleError(_stranded(self.needed))
        if self.model in TAKES_P and incumbent.bound >= incumbent.value * (1 - settings.ARITHMETIC):
            build = partial(lscp, self.needed, math.inf)
            fewest = search_program(_number_of_sites(self.needed), build, means).bound
            proven = math.ceil(fewest - settings.SIGNIFICANT) if math.isfinite(fewest) else 0
            least = max(self.p + 1, proven)
            what = f"with {counted(self.p, 'site')}, some demand is always out of reach"
            return InfeasibleError("p", what, f"raise p to {least:,} or more, or widen the reach")
        if means.clock.interrupted:
            return SolveError("solve", "interrupted before a plan was found")
        what = "no plan that serves every demand was found in time"
        return SolveError("time_limit_s", what, "allow more time or more sites")


def _number_of_sites(instance: PlainInstance) -> Location:
    """Return the problem of serving every demand from the fewest sites, all equally near."""
    return make_location(instance, fixed=np.ones(len(instance.site_ids)))


def _stopped(incumbent: Found, clock: Clock) -> Stopped:
    if clock.interrupted:
        return "interrupted"
    if clock.left_s <= 0:
        return "time limit"
    if incumbent.status in (pulp.LpSolveStatus.NodeLimit, pulp.LpSolveStatus.SolutionLimit):
        return "node limit"
    timely = (None, pulp.LpSolveStatus.TimeLimit, pulp.LpSolveStatus.Interrupted)
    return "time limit" if incumbent.status in timely else "solver stopped"


def _stranded(needed: PlainInstance) -> Fault:
    """Return an error for the demands that cannot be served in full even with all sites open."""
    rows, sites = len(needed.demand_ids), len(needed.site_ids)
    # An extra site of unlimited capacity serves the demand that all other sites cannot.
    order = np.argsort(np.concatenate([needed.row, np.arange(rows)]), kind="stable")
    wider = replace(
        needed,
        site_ids=np.append(needed.site_ids, ""),
        fixed_cost=np.append(needed.fixed_cost, 0.0),
        capacity=np.append(needed.capacity, np.inf),
        existing=np.append(needed.existing, False),
        start=needed.start + np.arange(rows + 1),
        site=np.append(needed.site, np.full(rows, sites))[order],
        cost=np.append(needed.cost, np.ones(rows))[order],
        whole=np.append(0.0 * needed.whole, needed.weight)[order],
    )
    shares = transport(wider, np.ones(sites + 1, dtype=bool))
    assert shares is not None
    left = shares * (wider.site == sites)
    short, need = float(wider.weight[wider.row] @ left), float(needed.weight.sum())
    where = needed.demand_ids[np.unique(wider.row[left > settings.SIGNIFICANT])]
    what = f"with every site open, {need - short:,.6g} of {need:,.6g} can be served, but there is "
    what += "no capacity within reach of the rest"
    fix = f"add {short:,.6g} or more within reach of these demands"
    return Fault("candidates, capacity", what, fix, tuple(where.tolist()))


def check_classic(
    instance: PlainInstance, model: str, p: int | None, radius: float | None, effort: Effort
) -> None:
    """Check a problem; raise `InputError` with every error."""
    require_kind("instance", instance, PlainInstance, "give a siting.PlainInstance")
    models = get_args(ClassicModel)
    if model not in models:
        raise InputError("model", f"no model {model!r}", f"use {', '.join(models)}")
    faults = _number_faults(instance, model, p)
    of_radius = _radius_faults(model, radius)
    faults += [*of_radius, *effort.faults()]
    if not of_radius and model != "mclp":
        faults += _reach_faults(instance, math.inf if radius is None else radius)
    if model == "capacitated_facility_location":
        faults += _capacity_faults(instance)
    refuse(faults)


def _number_faults(instance: PlainInstance, model: str, p: int | None) -> list[Fault]:
    if model not in TAKES_P:
        return [] if p is None else [Fault("p", f"is not used by {model}", "leave it out")]
    sites, standing = len(instance.site_ids), instance.site_ids[instance.existing]
    if p is None:
        return [Fault("p", f"missing: {model} needs the number of sites", f"use 1 to {sites:,}")]
    if isinstance(p, bool) or not isinstance(p, int | np.integer) or p < 1:
        return [Fault("p", f"is {p!r}", f"give a whole number from 1 to {sites:,}")]
    if p > sites:
        what = f"is {p:,}, but there are {sites:,} candidates"
        return [Fault("p", what, f"give at most {sites:,}")]
    if p < len(standing):
        what = f"is {p:,}, but {len(standing):,} sites exist already, and existing sites count"
        return naming("p", what, standing, f"give {len(standing):,} or more")
    return []


def _radius_faults(model: str, radius: float | None) -> list[Fault]:
    if model not in TAKES_RADIUS:
        fix = "leave it out, or drop pairs beyond this radius from the reach table"
        return [] if radius is None else [Fault("radius", f"is not used by {model}", fix)]
    if radius is None:
        fix = "give a radius in the unit of the cost column"
        return [Fault("radius", f"missing: {model} needs a radius", fix)]
    if not (math.isfinite(radius) and radius >= 0):
        return [Fault("radius", f"is {radius}", "give a number of 0 or more")]
    return []


def _reach_faults(instance: PlainInstance, radius: float) -> list[Fault]:
    there = np.diff(instance.start) > 0
    nearest = np.full(len(there), math.inf)
    nearest[there] = instance.cost[instance.start[:-1][there]]
    far = instance.needed & there & (nearest > radius)
    alone, distant = (instance.demand_ids[flags] for flags in (instance.needed & ~there, far))
    what = f"of {len(there):,} demands cannot be served from any site"
    fix = "add pairs or candidates for them, or drop them from demand"
    faults = naming("reach", what, alone, fix, count=True)
    what = f"of {len(there):,} demands have no site within {radius:g}"
    fix = f"raise it to {nearest[far].max(initial=0):g} or more, or add candidates near them"
    return faults + naming("radius", what, distant, fix, count=True)


def _capacity_faults(instance: PlainInstance) -> list[Fault]:
    used = np.zeros(len(instance.site_ids), dtype=bool)
    used[instance.site] = True
    have, need = float(instance.capacity[used].sum()), float(instance.weight.sum())
    if have >= need * (1 - settings.EXACT):
        return []
    what = f"all sites together can serve {have:,.6g}, but the demand is {need:,.6g}"
    return [Fault("candidates, capacity", what, f"add {need - have:,.6g} or more")]
