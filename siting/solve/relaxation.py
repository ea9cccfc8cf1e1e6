"""The linear relaxation of a program: a bound, weights for cuts, and a first idea of the plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pulp

from siting.models.instance import Floats
from siting.models.program import Program
from siting.solve.clock import Clock
from siting.solve.highs import run_highs
from siting.solve.valuer import Valuer

# Share of the objective that spending the whole budget costs in the relaxation. Without it the
# relaxed optimum of a budget that is almost enough is a huge flat face, slow to find and useless
# to round; the bound is put right again afterwards.
THRIFT = 0.01


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The optimum of a relaxation.

    Parameters
    ----------
    bound
        No choice serves more than this (kWh/day).
    taken
        How much of each site's options it takes, 0 to 1.
    weights
        For each part of the valuer the weights of its rows that give its bound as a cut.
    """

    bound: float
    taken: Floats
    weights: list[Floats]


def relax(
    program: Program, valuer: Valuer, clock: Clock, *, threads: int, seed: int, seconds: float
) -> Relaxed | None:
    """Return the optimum of the linear relaxation, or None if it was not found in time.

    Parameters
    ----------
    program
        The program; its objective is as before afterwards.
    valuer
        Values and bounds of the same instance.
    clock, threads, seed, seconds
        As for `siting.solve.highs.run_highs`.
    """
    prob, instance = program.prob, program.instance
    served = pulp.lpSum_vars(program.served)
    subsidy = instance.offer_subsidy[program.offer]
    rate = 0.0
    if instance.budget_pkr > 0:
        rate = THRIFT * program.demand.reachable_kwh_day / instance.budget_pkr
    terms = [(program.served[n], 1.0) for n in range(len(program.served))]
    terms += [
        (program.z[n], -rate * float(subsidy[n])) for n in np.flatnonzero(subsidy > 0).tolist()
    ]
    prob.setObjective(pulp.lpSum_vars_coefs(terms))
    try:
        run = run_highs(prob, clock, threads=threads, seed=seed, seconds=seconds, relaxed=True)
    finally:
        prob.setObjective(served)
    if run.status != pulp.LpSolveStatus.Optimal:
        return None
    taken = np.zeros(valuer.option_offer.shape)
    value = {
        o: float(v.varValue or 0.0) for o, v in zip(program.offer.tolist(), program.z, strict=True)
    }
    for (j, option), o in np.ndenumerate(valuer.option_offer):
        if o >= 0:
            taken[j, option] = value[int(o)]
    price = _row_prices(program)
    weights = [price[part.rows] for part in valuer.parts]
    return Relaxed(run.objective + rate * instance.budget_pkr, taken, weights)


def _row_prices(program: Program) -> Floats:
    """Return what one more kWh/day at a station is worth to each demand row, 0 to 1."""
    rows = len(program.demand.kwh)
    name = "covered_" if program.model == "coverage" else "demand_"
    dual = np.zeros(rows)
    for constraint in program.prob.constraints():
        label = constraint.name or ""
        if label.startswith(name):
            dual[int(label.removeprefix(name))] = abs(float(constraint.pi or 0.0))
    dual = np.clip(dual, 0.0, 1.0)
    return dual if program.model == "coverage" else 1.0 - dual
