"""The whole program handed to a solver through PuLP: slow and plain, for checking and export."""

from __future__ import annotations

import math

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.linear import STRICT
from siting.engine.proof import Stopped
from siting.engine.result import Result
from siting.engine.solvers import run_solver
from siting.errors import Fault, InfeasibleError, SolveError
from siting.program.instance import Ints
from siting.program.pulp_problem import pulp_problem

# Seconds kept for working out the plan, at most this share of what is left.
RESERVE_S, RESERVE_SHARE = 2.0, 0.1


def solve_whole(
    frame: Frame,
    clock: Clock,
    *,
    gap: float,
    threads: int,
    seed: int,
    solver: str,
    start: Ints | None,
) -> Result:
    """Return the plan that a solver finds on the PuLP problem, with the solver's own bound."""
    matrix = frame.matrix
    if not matrix.a.shape[1]:  # nothing to decide, which solvers make little of
        none = np.zeros(0, dtype=np.int64)
        if not (frame.fits(none) and frame.serve(none, clock).found):
            raise InfeasibleError(Fault("program", "no plan meets all that is asked"))
        return Result(none, matrix.offset, matrix.offset, "solver stopped")
    with clock.phase("build"):
        prob = pulp_problem(matrix, frame.program.model)
    variables = prob.variables()
    by_name = {v.name: v for v in variables}
    y = [by_name[f"y_{n}"] for n in range(frame.count)]
    if not frame.count:
        start = None  # nothing to choose, nothing to start from
    reserve = min(RESERVE_S, RESERVE_SHARE * clock.left_s)
    nodes, bound, ruled_out = 0, math.inf, 0
    with clock.phase("search", clock.share + max(0.0, 1 - reserve / max(clock.left_s, 1e-9))):
        while True:
            if start is not None:
                taken = set(start.tolist())
                for n, v in enumerate(y):
                    v.varValue = 1.0 if n in taken else 0.0
            run = run_solver(
                solver, prob, clock, gap=gap, threads=threads, seed=seed, start=start is not None,
                **STRICT,
            )  # fmt: skip
            nodes += run.nodes
            bound = min(bound, run.bound)
            if run.status == pulp.LpSolveStatus.Infeasible:
                raise InfeasibleError(Fault("program", "no plan meets all that is asked"))
            if not run.found and start is not None and frame.fits(start):
                served = frame.serve(start, Clock(math.inf))
                if served.found:  # of an aim before this one
                    choice = start
                    break
            if not run.found:
                why = "interrupted" if clock.interrupted else "no plan in the time given"
                raise SolveError(Fault("solver", why, "give it more time, or ask for less"))
            choice = np.flatnonzero([(v.varValue or 0.0) > 0.5 for v in y])
            if frame.fits(choice):
                served = frame.serve(choice, Clock(math.inf))
                if served.found:
                    break
            # Only the solver's arithmetic allows it: forbid exactly this choice.
            taken = set(choice.tolist())
            terms = [(v, 1.0 if n in taken else -1.0) for n, v in enumerate(y)]
            row = pulp.lpSum_vars_coefs(terms) <= len(taken) - 1.0
            prob.addConstraint(row, f"ruled_out_{ruled_out}")
            ruled_out += 1
    value = matrix.offset + matrix.size * served.objective
    limit = matrix.offset + matrix.size * bound
    timely = (
        None,
        pulp.LpSolveStatus.TimeLimit,
        pulp.LpSolveStatus.Interrupted,
        pulp.LpSolveStatus.Optimal,
    )
    stopped: Stopped = "time limit" if run.status in timely else "solver stopped"
    stopped = "interrupted" if clock.interrupted else stopped
    noise = 1e-8 * abs(matrix.size)
    return Result(choice, value, limit, stopped, nodes, noise=noise)
