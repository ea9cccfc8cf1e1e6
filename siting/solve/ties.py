"""Of plans that serve as much: the one that spends less, costs less, has the lower ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.solvers import HIGHS, run_solver
from siting.models.program import Program
from siting.solve.valuer import State, Valuer

# Served energy, in this many units, must be what it was; HiGHS holds a row to a millionth of one.
UNITS = 1e4
# Every comparison of ties is exact to this, relative.
EXACT = 1e-9
# Tighter than the default, so that no plan is let through that only arithmetic allows.
STRICT: dict[str, Any] = {"mip_feasibility_tolerance": 1e-9, "primal_feasibility_tolerance": 1e-9}


def break_ties(
    program: Program,
    valuer: Valuer,
    best: State,
    clock: Clock,
    *,
    solver: str,
    threads: int,
    seed: int,
) -> tuple[State, bool]:
    """Return the plan that serves as much, draws the least subsidy, costs least, has lowest ids.

    Three integer programs one after the other, each under what the ones before found. The problem
    of `program` is used up.

    Parameters
    ----------
    program, valuer
        The program, and values of the same instance.
    best
        A plan that serves the most.
    clock, solver, threads, seed
        As for `siting.engine.solvers.run_solver`.

    Returns
    -------
    state
        The plan.
    exact
        Whether all three were proven; if not, the plan is the best of those that were.
    """
    prob, instance = program.prob, program.instance
    if best.value > 0:
        unit = best.value / UNITS
        prob.addConstraint(
            pulp.lpSum_vars_coefs([(v, 1.0 / unit) for v in program.served]) >= UNITS * (1 - EXACT),
            "served",
        )
    elif not (valuer.valid[instance.must_sites].sum(axis=1) > 1).any():
        return valuer.at(valuer.base), True
    prob.sense = pulp.LpMinimize
    options = STRICT if solver == HIGHS else {}
    rank = np.arange(1.0, len(instance.offer_ids) + 1)
    for name, price in (
        ("subsidy", instance.offer_subsidy),
        ("cost", instance.offer_cost),
        ("ids", rank),
    ):
        prices = price[program.offer]
        if not (prices > 0).any():
            continue
        prices = prices / prices.max()
        terms = [(program.z[n], float(prices[n])) for n in np.flatnonzero(prices).tolist()]
        prob.setObjective(pulp.lpSum_vars_coefs(terms))
        taken = set(valuer.offers_of(best.choice).tolist())
        for variable, offer in zip(program.z, program.offer.tolist(), strict=True):
            variable.varValue = 1.0 if offer in taken else 0.0
        run = run_solver(
            solver, prob, clock, gap=0.0, threads=threads, seed=seed, start=True, **options
        )
        if run.status != pulp.LpSolveStatus.Optimal or not run.found:
            return best, False
        chosen = np.array([(v.varValue or 0.0) > 0.5 for v in program.z])
        found = valuer.at(valuer.choice_of(program.offer[chosen]))
        if found.value < best.value - 10 * valuer.noise or not valuer.affordable(found.choice):
            return best, False
        best = found
        least = float(prices[chosen].sum())
        prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= least * (1 + EXACT), f"least_{name}")
    return best, True
