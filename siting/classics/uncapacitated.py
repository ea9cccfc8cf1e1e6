"""The best plan of a classic model without capacities, with a bound on any.

First a plan by adding and exchanging sites, then prices that bound every plan and decide most
sites, then the integer program of the model on what is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pulp

from siting.classics.branch import branch
from siting.classics.lagrange import Prices
from siting.classics.location import Location, fill, improve, nearest, total
from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram
from siting.engine.clock import Clock
from siting.engine.solvers import run_solver
from siting.program.instance import Flags

# Share of the time limit that prices may take before the program is built.
PRICES_END = 0.5
# The program stops at a gap this share of the step between costs: no better plan fits in between.
WITHIN_STEP = 0.99


@dataclass
class Found:
    """A plan, and what is proven about any.

    Parameters
    ----------
    chosen
        Whether each site is open; None where no plan was found.
    value
        Its cost.
    bound
        No plan costs less.
    nodes
        Branch-and-bound nodes.
    status
        What the solver said last; None where it was not needed.
    """

    chosen: Flags | None
    value: float
    bound: float
    nodes: int = 0
    status: pulp.LpSolveStatus | None = None


@dataclass(frozen=True)
class Means:
    """With what to solve: deadline, when it is done, the solver and its options."""

    clock: Clock
    done: Callable[[float, float], bool]
    gap: float
    solver: str
    options: dict[str, Any]


def search_location(
    problem: Location,
    instance: PlainInstance,
    build: Callable[[PlainInstance], ClassicProgram],
    means: Means,
    *,
    objective_of: Callable[[float], float] = float,
    cutoff: float = math.inf,
    serve_all: bool = True,
    branch_ends: float = 1.0,
) -> Found:
    """Return the best plan found and the bound on any.

    Parameters
    ----------
    problem
        The costs of plans.
    instance
        The same as an instance; its pairs are those of the problem.
    build
        Builds the program of the instance with some pairs left out and some sites open.
    means
        With what to solve.
    objective_of
        The program's objective from the cost of a plan, and the other way round.
    cutoff
        Cost at or above which a plan is of no interest: that none is below it is proof enough.
    branch_ends
        Share of the time limit by which branching on prices gives way to the program.
    serve_all
        Whether the program knows only plans that serve every row.
    """
    found = Found(problem.existing.copy(), total(problem, problem.existing), -math.inf)
    try:
        prices = _price(found, problem, means, cutoff)
        near_enough = means.done(found.value, found.bound) or found.bound >= cutoff
        if means.clock.over or near_enough or found.value < cutoff < math.inf:
            return found
        with means.clock.phase("branch", branch_ends):
            try:
                found.nodes += branch(prices, means.clock, means.done)
            finally:
                found.chosen, found.value, found.bound = prices.best, prices.value, prices.proven
        near_enough = means.done(found.value, found.bound) or found.bound >= cutoff
        if means.clock.over or near_enough or found.value < cutoff < math.inf:
            return found
        left = instance.restricted(~prices.closed[instance.site])
        if serve_all and (np.diff(left.start) == 0).any():
            found.bound = min(found.value, cutoff)  # every better plan is ruled out
            return found
        with means.clock.phase("build"):
            program = build(left.with_existing(instance.existing | prices.open))
        with means.clock.phase("search"):
            _search(found, problem, program, prices, means, objective_of, serve_all)
    except KeyboardInterrupt:
        means.clock.interrupted = True
    return found


def _price(found: Found, problem: Location, means: Means, cutoff: float) -> Prices:
    clock = means.clock
    with clock.phase("start"):
        found.chosen = improve(problem, fill(problem, problem.existing, clock), clock)
        found.value = total(problem, found.chosen)
    prices = Prices(problem, found.chosen, cutoff)
    try:
        with clock.phase("prices"):
            prices.tighten(clock, means.done)
    finally:
        found.chosen, found.value, found.bound = prices.best, prices.value, prices.proven
    return prices


def _search(
    found: Found,
    problem: Location,
    program: ClassicProgram,
    prices: Prices,
    means: Means,
    objective_of: Callable[[float], float],
    serve_all: bool,
) -> None:
    """Let the solver decide what the prices left open."""
    start = prices.best
    for variable, j in zip(program.y, program.site.tolist(), strict=True):
        variable.varValue = float(start[j])
    unserved = (nearest(problem, start)[1] < 0).any()
    fits = int(start.sum()) <= problem.most and prices.cutoff == math.inf
    step = WITHIN_STEP * problem.step / max(abs(objective_of(found.value)), 1e-12)
    run = run_solver(
        means.solver,
        program.prob,
        means.clock,
        gap=max(means.gap, min(step, 0.5)),
        start=bool(fits and not (serve_all and unserved)),
        **means.options,
    )
    found.nodes, found.status = run.nodes, run.status
    worst = min(found.value, prices.cutoff)  # plans ruled out cost no less
    if run.status == pulp.LpSolveStatus.Infeasible:
        found.bound = worst
        return
    if run.found:
        chosen = problem.existing | prices.open
        chosen[program.site[[(v.varValue or 0.0) > 0.5 for v in program.y]]] = True
        value = total(problem, chosen)
        if chosen.sum() <= problem.most and value < found.value:
            found.chosen, found.value = chosen, value
    if math.isfinite(run.bound):
        bound = objective_of(run.bound)
        bound = prices.lifted(bound - 1e-9 * abs(bound))
        found.bound = max(found.bound, min(bound, worst, found.value))
