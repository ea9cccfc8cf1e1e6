"""The best plan of a classic model without capacities, with a bound on any.

First a plan by adding and exchanging sites, then prices that bound every plan and decide most
sites (`siting.classics.lagrange`). What these leave open is halved, again and again: a node is a
set of sites that are open and one of sites that are closed, its bound comes from its parent's
prices, bettered for some iterations; the node with the lowest bound is next, and splits on the site
that the prices of late chose about half of the time.

Source: J. Beasley: A note on solving large p-median problems. European Journal of Operational
Research 21 (1985), 270-273.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pulp

from siting import settings
from siting.classics.lagrange import Prices
from siting.classics.location import Location, first_plan
from siting.classics.programs import ClassicProgram
from siting.engine.clock import Clock
from siting.engine.solvers import Run, run_solver
from siting.program.instance import Flags


@dataclass
class Found:
    """A plan, and what is proven about any."""

    chosen: Flags | None  # whether each site is open; None where no plan was found
    value: float  # its cost
    bound: float  # no plan costs less
    nodes: int = 0  # of branch and bound
    status: pulp.LpSolveStatus | None = None  # what the solver said last, where it was needed


@dataclass(frozen=True)
class Means:
    """With what to solve: deadline, when a cost and a bound are near enough, solver and options."""

    clock: Clock
    done: Callable[[float, float], bool]
    gap: float
    solver: str
    options: dict[str, Any]

    def decide(self, program: ClassicProgram, start: Flags | None = None) -> tuple[Run, Flags]:
        """Return what the solver says of a program, from a plan if one is given, and its plan.

        The plan is of existing sites alone where the solver has none.
        """
        if start is not None:
            for variable, j in zip(program.y, program.site.tolist(), strict=True):
                variable.varValue = float(start[j])
        with self.clock.phase("search"):
            run = run_solver(
                self.solver, program.prob, self.clock, gap=self.gap, start=start is not None,
                **self.options,
            )  # fmt: skip
        chosen = program.instance.existing.copy()
        if run.found:
            chosen[program.site[[(v.varValue or 0.0) > 0.5 for v in program.y]]] = True
        return run, chosen


def search_location(problem: Location, means: Means) -> Found:
    """Return the best plan found and the bound on any."""
    clock = means.clock
    with clock.phase("start"):
        prices = Prices(problem, first_plan(problem, clock))
    with clock.phase("prices"):
        prices.tighten(clock, means.done)
    with clock.phase("branch"):
        nodes = branch(prices, clock, means.done)
    return Found(prices.best, prices.value, prices.proven, nodes)


def branch(root: Prices, clock: Clock, done: Callable[[float, float], bool]) -> int:
    """Better the plan and the bound of `root` by branching, and return the number of nodes."""
    if clock.over:
        return 0
    root.shrink()
    heap = [(root.proven, 0, root)]
    nodes, made = 0, 0
    while heap and not clock.over:
        bound, _, node = heapq.heappop(heap)
        root.bound = max(root.bound, min(bound, root.value))
        if done(root.value, root.proven):
            return nodes
        free = np.flatnonzero(~node.open & ~node.closed)
        if not len(free):
            continue
        nodes += 1
        split = int(free[np.argmin(np.abs(node.often[free] - 0.5))])
        for opened in (True, False):
            child = node.child(split, opened=opened, value=root.value, best=root.best)
            if int(child.open.sum()) > root.problem.most:
                continue
            child.tighten(
                clock, lambda value, low: low >= value, iterations=settings.NODE_ITERATIONS
            )
            if child.value < root.value:
                root.value, root.best = child.value, child.best
            child.release()
            low = max(child.proven, bound)
            if low < root.value:
                made += 1
                heapq.heappush(heap, (low, made, child))
    low = heap[0][0] if heap else math.inf
    root.bound = max(root.bound, min(low, root.value))
    return nodes
