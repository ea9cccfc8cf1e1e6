"""The whole program solved through PuLP: slow, but simple enough for checks and export.

The solver starts from a known plan. For a city, writing the problem and passing it to the solver
takes seconds. If too little time is left for these steps, the known plan is returned.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pulp

from siting import settings
from siting.engine.answer import Result
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.linear import STRICT
from siting.engine.proof import Stopped
from siting.engine.solvers import run_solver
from siting.errors import Fault, InfeasibleError, SolveError
from siting.program.pulp_problem import OutOfTimeError, column_names, pulp_problem

_Status = pulp.LpSolveStatus
_IN_TIME = (None, _Status.TimeLimit, _Status.Interrupted, _Status.Optimal)


def solve_whole(frame: Frame, clock: Clock, effort: Effort, start: Result | None) -> Result:
    """Return the plan that a solver finds from `start` for the PuLP problem, with its bound."""
    matrix, impossible = frame.matrix, Fault("program", "no plan meets all requirements")
    if not matrix.a.shape[1]:  # solvers handle empty programs badly
        none = np.zeros(0, dtype=np.int64)
        if not (frame.fits(none) and frame.serve(none, clock).found):
            raise InfeasibleError(impossible)
        return Result(none, 0.0, 0.0, "solver stopped")
    written = _written(frame, clock)
    if written is None:
        return _as_begun(start, clock)
    prob, names = written
    by_name = {v.name: v for v in prob.variables()}
    variables = [by_name[name] for name in names]
    y = variables[: frame.count]
    # A program without options needs no starting plan.
    served = frame.serve(start.choice, Clock(math.inf)) if start and frame.count else None
    point = served.point if served and served.found else ()
    reserve = min(settings.RESERVE_S, settings.LAST_SHARE * clock.left_s)
    nodes, bound, ruled_out = 0, math.inf, 0
    stopped: Stopped
    with clock.phase("search", clock.share_after(1 - reserve / max(clock.left_s, 1e-9))):
        while True:
            for v, value in zip(variables, point, strict=False):
                v.varValue = float(value)
            run = run_solver(
                effort.solver, prob, clock, gap=effort.gap, threads=effort.threads,
                seed=effort.seed, start=len(point) > 0, **STRICT,
            )  # fmt: skip
            nodes += run.nodes
            bound = min(bound, run.bound)
            if run.status == _Status.Infeasible:
                raise InfeasibleError(impossible)
            if not run.found:
                begun = _as_begun(start, clock)
                limit = min(frame.sign * begun.bound, frame.signed(bound))
                stopped = clock.stopped if run.status in _IN_TIME else "solver stopped"
                return replace(begun, bound=frame.sign * limit, stopped=stopped, nodes=nodes)
            choice = np.flatnonzero([(v.varValue or 0.0) > 0.5 for v in y])
            if frame.fits(choice):
                served = frame.serve(choice, Clock(math.inf))
                if served.found:
                    break
            # The choice is feasible only within the solver's tolerance: exclude only this choice.
            taken = set(choice.tolist())
            terms = [(v, 1.0 if n in taken else -1.0) for n, v in enumerate(y)]
            row = pulp.lpSum_vars_coefs(terms) <= len(taken) - 1.0
            prob.addConstraint(row, f"ruled_out_{ruled_out}")
            ruled_out += 1
    in_time = clock.interrupted or run.status in _IN_TIME
    stopped = clock.stopped if in_time else "solver stopped"
    value, noise = matrix.size * served.objective, settings.NOISE * abs(matrix.size)
    return Result(choice, value, matrix.size * bound, stopped, nodes, noise=noise)


def _written(frame: Frame, clock: Clock) -> tuple[pulp.LpProblem, list[str]] | None:
    """Return the PuLP problem and its column names; None if time is too short."""
    began_s = clock.elapsed_s
    try:
        with clock.phase("build", clock.share_after(1 / (1 + settings.AGAIN))):
            prob = pulp_problem(frame.matrix, frame.program.model, lambda: clock.over)
    except OutOfTimeError:
        return None
    if clock.left_s <= settings.AGAIN * (clock.elapsed_s - began_s):
        return None
    return prob, column_names(frame.matrix)


def _as_begun(start: Result | None, clock: Clock) -> Result:
    """Return the starting plan when time is too short for a better one."""
    if start is None:
        why = "interrupted" if clock.interrupted else "no plan found within the time limit"
        raise SolveError(Fault("solver", why, "raise the time limit, or relax the requirements"))
    return replace(start, stopped=clock.stopped)
