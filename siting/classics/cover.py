"""Covering with plain sites: the fewest that cover all, whether p can, and the most that p cover.

What covers most is a covering on a budget of p sites (`siting.engine.covering`). To cover all is
decided by the integer program, on what is essential: a demand whose sites include all those of
another is covered whenever the other is, and a site whose demands another site covers as well can
be left out. Either may make more of the other so, and the two are done in turn until nothing
changes.

Source: C. Toregas, C. ReVelle: Binary logic solutions to a class of location problem. Geographical
Analysis 5 (1973), 145-155.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting import settings
from siting.classics.location import first_plan, make_location, total
from siting.classics.plain import PlainInstance
from siting.classics.programs import lscp, mclp
from siting.classics.uncapacitated import Found, Means
from siting.engine.covering.covering import Covering
from siting.engine.covering.run import run_covering
from siting.engine.solvers import HIGHS
from siting.program.instance import Flags


def cover(instance: PlainInstance, radius: float, means: Means) -> Found:
    """Return the fewest sites that have every demand within a radius; the cost is their number.

    Every demand of the instance needs serving and has a site within the radius.
    """
    near = essential(instance.within(radius))
    problem = make_location(near, np.zeros(len(near.site)), fixed=np.ones(len(near.site_ids)))
    with means.clock.phase("start"):
        plan = first_plan(problem, means.clock)
    run, chosen = means.decide(lscp(near, radius), plan)
    best = min(plan, chosen, key=lambda one: total(problem, one))
    return Found(best, float(best.sum()), run.bound, run.nodes, run.status)


def reaches_all(instance: PlainInstance, radius: float, p: int, means: Means) -> Found:
    """Return p sites that have every demand within a radius, the cost being 0; none if none do.

    The bound is 1 where it is proven that no p sites do.
    """
    near = essential(instance.within(radius))
    problem = make_location(
        near, np.zeros(len(near.site)), p=p, unserved=np.ones(len(near.demand_ids))
    )
    with means.clock.phase("start"):
        plan = first_plan(problem, means.clock)
    if total(problem, plan) == 0:
        return Found(plan, 0.0, 0.0)
    run, chosen = means.decide(lscp(near, radius, p))
    never = run.status == pulp.LpSolveStatus.Infeasible
    return Found(chosen if run.found else None, 0.0, float(never), run.nodes, run.status)


def essential(instance: PlainInstance) -> PlainInstance:
    """Return a covering problem, in which every pair covers, without what plays no part.

    A demand that an existing site covers is left out too.
    """
    rows, sites = len(instance.demand_ids), len(instance.site_ids)
    if max(rows, sites) ** 2 > settings.MOST_ENTRIES:
        return instance
    covers = np.zeros((rows, sites), dtype=np.float32)
    covers[instance.row, instance.site] = 1.0
    row_left = ~covers[:, instance.existing].any(axis=1)
    site_left = ~instance.existing
    before = -1
    while before != (before := int(row_left.sum() + site_left.sum())):
        here, there = np.flatnonzero(row_left), np.flatnonzero(site_left)
        row_left[here[_spare(covers[np.ix_(here, there)], larger=True)]] = False
        here = np.flatnonzero(row_left)
        site_left[there[_spare(covers[np.ix_(here, there)].T, larger=False)]] = False
    return instance.restricted(row_left[instance.row] & site_left[instance.site], row_left)


def _spare(sets: np.ndarray, *, larger: bool) -> Flags:
    """Return which sets (rows) hold all of another, or lie in another; of equal ones one stays."""
    inside = sets @ sets.T >= sets.sum(axis=1)[:, None]  # row lies within column
    beaten = inside.T if larger else inside
    order = np.arange(len(sets))
    earlier = order[None, :] < order[:, None]
    return np.asarray((beaten & (~beaten.T | earlier)).any(axis=1), dtype=bool)


def covering_of_plain(instance: PlainInstance, p: int, radius: float) -> Covering:
    """Return maximal covering with at most p sites as a covering; its options are the sites."""
    near = instance.within(radius)
    sites = len(instance.site_ids)
    return Covering(
        weight=near.weight.copy(),
        start=near.start.copy(),
        option=near.site.astype(np.int32),
        cost=np.ones(sites),
        group=np.arange(sites),
        budget=float(p),
        forced=np.flatnonzero(instance.existing),
    )


def cover_most(instance: PlainInstance, p: int, radius: float, means: Means) -> Found:
    """Return the p sites that cover most weight; value and bound are the weight not covered.

    Solvers other than HiGHS are given the program as a whole.
    """
    weight = float(instance.weight.sum())
    if means.solver != HIGHS:
        near = instance.within(radius)
        run, chosen = means.decide(mclp(near, p, radius))
        problem = make_location(near, np.zeros(len(near.site)), p=p, unserved=near.weight)
        missed = total(problem, chosen)
        return Found(chosen, missed, weight - run.bound, run.nodes, run.status)
    covering = covering_of_plain(instance, p, radius)
    found = run_covering(covering, means.clock, means.gap, means.options["seed"])
    chosen = instance.existing.copy()
    chosen[found.chosen] = True
    return Found(chosen, weight - found.value, weight - found.bound, found.nodes)
