"""Other solvers by name, through PuLP."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pulp

from siting.engine.clock import Clock
from siting.engine.highs import Run, run_highs
from siting.errors import Fault, SolveError

HIGHS = "HiGHS"


def check_solver(name: str) -> None:
    """Raise `SolveError` unless PuLP knows the solver and it is installed."""
    if name == HIGHS:
        return
    there = [HIGHS, *(s for s in pulp.listSolvers(onlyAvailable=True) if s != HIGHS)]
    if name not in there:
        raise SolveError(Fault("solver", f"{name!r} is not installed", f"use {' or '.join(there)}"))


def run_solver(
    name: str,
    prob: pulp.LpProblem,
    clock: Clock,
    *,
    gap: float,
    threads: int,
    seed: int,
    start: bool,
    tells: bool = False,
    **options: Any,
) -> Run:
    """Return what a solver says of a problem; the variables of the problem take its solution."""
    if name == HIGHS:
        return run_highs(
            prob,
            clock,
            gap=gap,
            threads=threads,
            seed=seed,
            start=start,
            tells=tells,
            **options,
        )
    wanted: dict[str, Any] = {
        "msg": False,
        "gapRel": gap,
        "timeLimit": max(clock.left_s, 0.01),
        "threads": threads,
        "warmStart": start,
    }
    known = inspect.signature(type(pulp.getSolver(name, msg=False)).__init__).parameters
    try:
        stats = prob.solve(pulp.getSolver(name, **{k: v for k, v in wanted.items() if k in known}))
    except (pulp.PulpError, OSError) as err:
        raise SolveError(Fault("solver", f"{name} failed: {err}")) from err
    infinite = math.inf if prob.sense == pulp.LpMaximize else -math.inf
    bound = stats.best_bound
    if bound is None and stats.status == pulp.LpSolveStatus.Optimal and gap <= 0:
        bound = stats.objective
    return Run(
        status=stats.status,
        found=bool(stats.has_solution),
        objective=-infinite if stats.objective is None else float(stats.objective),
        bound=infinite if bound is None else float(bound),
        nodes=int(stats.nodes or 0),
        first=math.nan,
    )
