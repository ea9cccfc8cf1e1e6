"""The p-center by bisection over the radii: each radius too small is proven so.

Whether p sites can have every demand within a radius is a set covering problem. A radius for which
a plan is found is an upper limit, and the plan's own radius a lower one than that; a radius at
which the bound on set covering is above p is too small, and the answer is one step further out.
"""

from __future__ import annotations

import math

import numpy as np

from siting.classics.essential import essential
from siting.classics.location import make_location, nearest
from siting.classics.lscp import lscp
from siting.classics.plain import PlainInstance
from siting.classics.plain_program import within
from siting.classics.uncapacitated import Found, Means, search_location
from siting.program.instance import Flags, Floats

# Share of the time limit by which branching on prices ends and the program of set covering begins.
BRANCH_ENDS = 0.0


def cover(instance: PlainInstance, radius: float, means: Means) -> Found:
    """Return the fewest sites that have every demand within a radius; the cost is their number.

    Parameters
    ----------
    instance
        The data; every demand needs serving and has a site within the radius.
    radius
        The radius, in the unit of the costs.
    means
        With what to solve.
    """
    near = essential(within(instance, radius))
    one, free = np.ones(len(near.site_ids)), np.zeros(len(near.site))
    problem = make_location(near, p=None, fixed=one, cost=free, unserved=None)
    return search_location(
        problem, near, lambda left: lscp(left, radius), means, branch_ends=BRANCH_ENDS
    )


def cover_with(instance: PlainInstance, radius: float, p: int, means: Means) -> Found:
    """Return a plan of p sites with every demand within a radius, or a proof that there is none.

    The cost is the number of demands that are not; none is missed at 0, and at a bound of 1 or more
    there is no such plan.

    Parameters
    ----------
    instance, radius, means
        As for `cover`.
    p
        Most sites.
    """
    near = essential(within(instance, radius))
    none, free = np.zeros(len(near.site_ids)), np.zeros(len(near.site))
    missed = np.ones(len(near.demand_ids))
    problem = make_location(near, p=p, fixed=none, cost=free, unserved=missed)
    return search_location(
        problem,
        near,
        lambda left: lscp(left, radius, p),
        means,
        cutoff=1.0,
        objective_of=lambda _: 0.0,  # the program says only whether there is a plan
        branch_ends=BRANCH_ENDS,
    )


def radius_of(instance: PlainInstance, chosen: Flags) -> float:
    """Return the largest cost from any demand to its nearest chosen site; infinite where none."""
    problem = make_location(
        instance,
        p=None,
        fixed=np.zeros(len(instance.site_ids)),
        cost=instance.cost,
        unserved=np.full(len(instance.demand_ids), np.inf),
    )
    return float(nearest(problem, chosen)[0].max(initial=0.0))


def search_center(instance: PlainInstance, p: int, means: Means) -> Found:
    """Return the plan of p sites with the least radius found, and the radius no plan is below.

    Parameters
    ----------
    instance
        The data; every demand needs serving and has a site.
    p
        Most sites.
    means
        With what to solve; `Found.chosen` is None where not even the largest radius will do.
    """
    least = float(instance.cost[instance.start[:-1]].max())
    radii: Floats = np.unique(instance.cost)
    radii = radii[radii >= least]
    best = Found(None, math.inf, least)
    low, high = 0, len(radii) - 1  # radii below `low` are too small
    at = high
    while low <= high:
        answer = cover_with(instance, float(radii[at]), p, means)
        best.nodes += answer.nodes
        best.status = answer.status
        if answer.chosen is not None and answer.value < 0.5:
            value = radius_of(instance, answer.chosen)
            if value < best.value:
                best.chosen, best.value = answer.chosen, value
            high = int(np.searchsorted(radii, value)) - 1
        elif answer.bound > 0.5:
            low = at + 1
        else:
            break  # out of time
        best.bound = float(radii[low]) if low < len(radii) else math.inf
        if means.clock.over or means.done(best.value, best.bound):
            break
        at = (low + high) // 2
    best.bound = min(best.bound, best.value)
    return best
