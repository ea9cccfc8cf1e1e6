"""The linear relaxation of a program: a bound, and a first idea of the plan."""

from __future__ import annotations

import math

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.models.program import Program
from siting.program.instance import Floats
from siting.solve.valuer import Valuer


def relax(
    program: Program, valuer: Valuer, clock: Clock, *, threads: int, seed: int
) -> tuple[float, Floats | None]:
    """Return the relaxed bound (kWh/day), and how much of each option the relaxation takes.

    Parameters
    ----------
    program
        The program.
    valuer
        Values and bounds of the same instance.
    clock, threads, seed
        As for `siting.engine.highs.run_highs`.

    Returns
    -------
    bound
        No choice serves more; infinite if time ran out.
    taken
        How much of each site's options it takes, 0 to 1; None if time ran out.
    """
    run = run_highs(program.prob, clock, threads=threads, seed=seed, relaxed=True)
    if run.status != pulp.LpSolveStatus.Optimal:
        return math.inf, None
    value = np.zeros(len(program.instance.offer_ids))
    value[program.offer] = [v.varValue or 0.0 for v in program.z]
    taken = np.where(valuer.option_offer >= 0, value[valuer.option_offer], 0.0)
    return run.objective, np.clip(taken, 0.0, 1.0)
