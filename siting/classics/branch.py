"""Branch and bound on prices: what the root's prices leave open is halved until nothing is.

A node is a set of sites that are open and one of sites that are closed; its bound comes from its
parent's prices, bettered for some iterations. The node with the lowest bound comes next, and splits
on the site that the prices of late chose about half of the time.

Source: J. Beasley: A note on solving large p-median problems. European Journal of Operational
Research 21 (1985), 270-273.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

import numpy as np

from siting.classics.lagrange import Prices
from siting.engine.clock import Clock

NODE_ITERATIONS = 120


def branch(root: Prices, clock: Clock, done: Callable[[float, float], bool]) -> int:
    """Better the plan and the bound of `root` by branching, and return the number of nodes.

    Parameters
    ----------
    root
        Prices of the whole problem; its plan, cost and bound are kept up to date.
    clock
        When to stop.
    done
        Whether a plan's cost and the bound are near enough to each other.
    """
    if clock.over:
        return 0
    root.shrink()
    heap = [(root.proven, 0, root)]
    nodes, made = 0, 0
    while heap and not clock.over:
        bound, _, node = heapq.heappop(heap)
        root.bound = max(root.bound, min(bound, root.value, root.cutoff))
        if done(root.value, root.proven) or root.proven >= root.cutoff:
            return nodes
        free = np.flatnonzero(~node.open & ~node.closed)
        if not len(free):
            continue
        nodes += 1
        split = int(free[np.argmin(np.abs(node.often[free] - 0.5))])
        for opened in (True, False):
            child = node.child(split, opened=opened, value=root.value, best=root.best)
            if not child.possible:
                continue
            child.tighten(clock, lambda value, low: low >= value, iterations=NODE_ITERATIONS)
            if child.value < root.value:
                root.value, root.best = child.value, child.best
                if root.value < root.cutoff < np.inf:
                    return nodes
            child.release()
            low = max(child.proven, bound)
            if low < min(root.value, root.cutoff):
                made += 1
                heapq.heappush(heap, (low, made, child))
            elif clock.over:
                heapq.heappush(heap, (bound, made, child))
    low = heap[0][0] if heap else min(root.value, root.cutoff)
    root.bound = max(root.bound, min(low, root.value, root.cutoff))
    return nodes
