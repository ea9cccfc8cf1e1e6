"""Running a solver, chosen by its name, through PuLP."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from typing import Any

import pulp

from siting import settings
from siting.engine.clock import Clock
from siting.engine.highs import InterruptibleHighs, native
from siting.errors import Fault, SolveError

HIGHS = "HiGHS"


def check_solver(name: str) -> None:
    """Raise `SolveError` unless PuLP knows the solver and it is installed."""
    if name == HIGHS:
        return
    there = [HIGHS, *(s for s in pulp.listSolvers(onlyAvailable=True) if s != HIGHS)]
    if name not in there:
        raise SolveError(Fault("solver", f"{name!r} is not installed", f"use {' or '.join(there)}"))


@dataclass(frozen=True)
class Run:
    """The outcome of one solver run."""

    status: pulp.LpSolveStatus  # PuLP's reason why the solver stopped
    found: bool  # whether the variables have a feasible solution
    bound: float  # proven bound: upper if the problem maximises, else lower
    nodes: int  # branch-and-bound nodes


def run_solver(
    name: str, prob: pulp.LpProblem, clock: Clock, *, gap: float, threads: int, seed: int,
    start: bool, **options: Any,
) -> Run:  # fmt: skip
    """Return the outcome of a solver run, and set the problem's variables to its solution.

    `start`: whether to start from the variables' values; `options`: HiGHS options by name.
    """
    limit_s = max(clock.left_s, 0.01)
    wanted = {"gapRel": gap, "timeLimit": limit_s, "threads": threads, "warmStart": start}
    solver: pulp.LpSolver
    if name == HIGHS:
        more = {"gapAbs": 0.0 if gap <= 0 else None, "random_seed": seed, **wanted, **options}
        solver = InterruptibleHighs(clock, **more)
    else:
        known = inspect.signature(type(pulp.getSolver(name, msg=False)).__init__).parameters
        solver = pulp.getSolver(name, msg=False, **{k: v for k, v in wanted.items() if k in known})
    try:
        stats = prob.solve(solver)
    except (pulp.PulpError, OSError) as err:
        raise SolveError(Fault("solver", f"{name} failed: {err}")) from err
    status, objective, bound = stats.status, stats.objective, stats.best_bound
    if status == pulp.LpSolveStatus.Optimal:
        if bound is None and gap <= 0:
            bound = objective
        off = 0.0 if objective is None or bound is None else abs(bound - objective)
        # Reject an optimum that differs from its bound by more than the gap and rounding allow.
        likely = (gap + 10 * settings.SIGNIFICANT) * max(abs(objective or 0.0), 1.0)
        if name == HIGHS and off > likely:
            # HiGHS 1.16 may overvalue the starting plan in presolve, drop it in postsolve, and
            # still report an optimum. Only the bound is valid.
            if start:
                asked = {"gap": gap, "threads": threads, "seed": seed, **options}
                return run_solver(name, prob, clock, start=False, **asked)
            status = pulp.LpSolveStatus.Undefined
    infinite = math.inf if prob.sense == pulp.LpMaximize else -math.inf
    nodes = native(prob).getInfo().mip_node_count if name == HIGHS else stats.nodes or 0
    proven = infinite if bound is None else float(bound)
    return Run(status, bool(stats.has_solution), proven, max(int(nodes), 0))
