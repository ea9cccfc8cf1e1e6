"""The best plan of a classic model without capacities, with a bound on any.

First a plan by adding and exchanging sites, then prices that bound every plan and decide most
sites (`siting.classics.lagrange`). What these leave open is halved, again and again: a node is a
set of sites that are open and one of sites that are closed, its bound comes from its parent's
prices, bettered for some iterations; the node with the lowest bound is next, and splits on the site
that the prices of late chose about half of the time. Or, and in the end, the integer program of the
model decides the rest.

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

from siting.classics.lagrange import Prices
from siting.classics.location import Location, fill, improve, nearest, total
from siting.classics.plain import PlainInstance
from siting.classics.programs import ClassicProgram
from siting.engine.clock import Clock
from siting.engine.solvers import Run, run_solver
from siting.program.instance import Flags

NODE_ITERATIONS = 120
# The program stops at a gap this share of the step between costs: no better plan fits in between.
WITHIN_STEP = 0.99


@dataclass
class Found:
    """A plan, and what is proven about any."""

    chosen: Flags | None  # whether each site is open; None where no plan was found
    value: float  # its cost
    bound: float  # no plan costs less
    nodes: int = 0  # of branch and bound
    status: pulp.LpSolveStatus | None = None  # what the solver said last, where it was needed


@dataclass(frozen=True)
class Asked:
    """What a search is held to beside the problem.

    `objective_of`: the program's objective from the cost of a plan, and the other way round;
    `cutoff`: cost at or above which a plan is of no interest: that none is below it is proof
    enough; `serve_all`: whether the program knows only plans that serve every row; `nodes`: whether
    to branch on prices, else the program decides what they leave open.
    """

    objective_of: Callable[[float], float] = float
    cutoff: float = math.inf
    serve_all: bool = True
    nodes: bool = True


@dataclass(frozen=True)
class Means:
    """With what to solve: deadline, when a cost and a bound are near enough, solver and options."""

    clock: Clock
    done: Callable[[float, float], bool]
    gap: float
    solver: str
    options: dict[str, Any]

    def decide(
        self, program: ClassicProgram, plan: Flags, *, gap: float, start: bool = True
    ) -> tuple[Run, Flags | None]:
        """Return what the solver says of a program, from a plan, and the plan it has, if any."""
        for variable, j in zip(program.y, program.site.tolist(), strict=True):
            variable.varValue = float(plan[j])
        with self.clock.phase("search"):
            run = run_solver(
                self.solver, program.prob, self.clock, gap=gap, start=start, **self.options
            )
        if not run.found:
            return run, None
        chosen = program.instance.existing.copy()
        chosen[program.site[[(v.varValue or 0.0) > 0.5 for v in program.y]]] = True
        return run, chosen


def search_location(
    problem: Location,
    instance: PlainInstance,
    build: Callable[[PlainInstance], ClassicProgram],
    means: Means,
    asked: Asked | None = None,
) -> Found:
    """Return the best plan found and the bound on any.

    `instance` is the problem with the same pairs; `build` builds the program of the instance with
    some pairs left out and some sites open.
    """
    asked = asked or Asked()
    clock, cutoff = means.clock, asked.cutoff
    incumbent = Found(problem.existing.copy(), total(problem, problem.existing), -math.inf)
    prices: Prices | None = None

    def over() -> bool:
        assert prices is not None
        incumbent.chosen, incumbent.value = prices.best, prices.value
        incumbent.bound = prices.proven
        enough = incumbent.bound >= cutoff or incumbent.value < cutoff < math.inf
        return clock.over or enough or means.done(incumbent.value, incumbent.bound)

    try:
        with clock.phase("start"):
            chosen = improve(problem, fill(problem, problem.existing, clock), clock)
        prices = Prices(problem, chosen, cutoff)
        try:
            with clock.phase("prices"):
                prices.tighten(clock, means.done)
            if asked.nodes and not over():
                with clock.phase("branch"):
                    incumbent.nodes = branch(prices, clock, means.done)
        finally:
            ended = over()
        if ended:
            return incumbent
        left = instance.restricted(~prices.closed[instance.site])
        if asked.serve_all and (np.diff(left.start) == 0).any():
            incumbent.bound = min(incumbent.value, cutoff)  # every better plan is ruled out
            return incumbent
        with clock.phase("build"):
            program = build(left.with_existing(instance.existing | prices.open))
        _decide(incumbent, problem, program, prices, means, asked)
    except KeyboardInterrupt:
        clock.interrupted = True
    return incumbent


def branch(root: Prices, clock: Clock, done: Callable[[float, float], bool]) -> int:
    """Better the plan and the bound of `root` by branching, and return the number of nodes."""
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
            if int(child.open.sum()) > root.problem.most:
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
    low = heap[0][0] if heap else math.inf
    root.bound = max(root.bound, min(low, root.value, root.cutoff))
    return nodes


def _decide(
    incumbent: Found,
    problem: Location,
    program: ClassicProgram,
    prices: Prices,
    means: Means,
    asked: Asked,
) -> None:
    """Let the solver decide what the prices left open."""
    start = prices.best
    unserved = (nearest(problem, start)[1] < 0).any()
    fits = int(start.sum()) <= problem.most and prices.cutoff == math.inf
    step = WITHIN_STEP * prices.step / max(abs(asked.objective_of(incumbent.value)), 1e-12)
    run, chosen = means.decide(
        program,
        start,
        gap=max(means.gap, min(step, 0.5)),
        start=bool(fits and not (asked.serve_all and unserved)),
    )
    incumbent.nodes, incumbent.status = incumbent.nodes + run.nodes, run.status
    worst = min(incumbent.value, prices.cutoff)  # plans ruled out cost no less
    if run.status == pulp.LpSolveStatus.Infeasible:
        incumbent.bound = worst
        return
    if chosen is not None:
        value = total(problem, chosen)
        if chosen.sum() <= problem.most and value < incumbent.value:
            incumbent.chosen, incumbent.value = chosen, value
    if math.isfinite(run.bound):
        bound = asked.objective_of(run.bound)
        bound = prices.lifted(bound - 1e-9 * abs(bound))
        incumbent.bound = max(incumbent.bound, min(bound, worst, incumbent.value))
