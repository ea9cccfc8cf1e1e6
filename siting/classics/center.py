"""The p-center by bisection over the radii: every smaller radius is proven infeasible.

Whether p sites can have every demand within a radius is a set covering problem. A radius for which
a plan is found is an upper limit, and the plan's own radius a lower one than that; a radius at
which no p sites cover all is too small, and the answer is one step further out.

Source: E. Minieka: The m-center problem. SIAM Review 12 (1970), 138-139.
"""

from __future__ import annotations

import math

import numpy as np

from siting.classics.cover import reaches_all
from siting.classics.plain import PlainInstance
from siting.classics.uncapacitated import Found, Means
from siting.program.instance import Flags, Floats


def radius_of(instance: PlainInstance, chosen: Flags) -> float:
    """Return the largest cost from any demand to its nearest chosen site; infinite where none."""
    pair = np.flatnonzero(chosen[instance.site])
    nearest = np.full(len(instance.demand_ids), math.inf)
    np.minimum.at(nearest, instance.row[pair], instance.cost[pair])
    return float(nearest.max(initial=0.0))


def search_center(instance: PlainInstance, p: int, means: Means) -> Found:
    """Return the plan of p sites with the least radius found, and the radius no plan is below.

    Every demand of the instance needs serving and has a site. `Found.chosen` is None where not even
    the largest radius will do.
    """
    least = float(instance.cost[instance.start[:-1]].max())
    radii: Floats = np.unique(instance.cost)
    radii = radii[radii >= least]
    best = Found(None, math.inf, least)
    low, high = 0, len(radii) - 1  # radii below `low` are too small
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
        if means.clock.over or means.done(best.value, best.bound):
            break
        at = (low + high) // 2
    best.bound = min(best.bound, best.value)
    return best
