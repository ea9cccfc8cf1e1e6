"""Solve the textbook covering model in PuLP with HiGHS or CBC.

The module runs in this environment or in a separate environment with ``pulp[cbc]``. The gap is
computed from the bound, because PuLP's status "Optimal" does not state the gap.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pulp

from benchmarks import cover_city
from benchmarks.measure import cpu_seconds, watch

GAP = 0.005


def model_of(of: cover_city.Arrays) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    """Return the model, with one row for each demand and one for the budget."""
    demands, sites = of.minutes.shape
    prob = pulp.LpProblem("naive", pulp.LpMaximize)
    z = [prob.add_variable(f"z{j}", cat="Binary") for j in range(sites)]
    y = [prob.add_variable(f"y{i}", 0, 1) for i in range(demands)]
    prob.setObjective(pulp.lpSum(w * v for w, v in zip(of.weight.tolist(), y, strict=True)))
    start, site = of.minutes.indptr.tolist(), of.minutes.indices.tolist()
    for i in range(demands):
        prob.addConstraint(y[i] <= pulp.lpSum(z[j] for j in site[start[i] : start[i + 1]]))
    prob.addConstraint(
        pulp.lpSum(c * v for c, v in zip(of.cost.tolist(), z, strict=True)) <= of.budget
    )
    return prob, z


def solve(name: str, solver: str, limit_s: float) -> dict[str, Any]:
    """Build and solve an instance, and return value, bound and computed gap."""
    of = cover_city.arrays(cover_city.size_of(name))
    marks = {}
    with watch() as seen:
        began = cpu_seconds()
        prob, z = model_of(of)
        marks["build_s"] = cpu_seconds() - began
        if solver not in pulp.listSolvers(onlyAvailable=True):
            raise ModuleNotFoundError(f"no {solver}", name=solver)
        options: dict[str, Any] = {"msg": False, "gapRel": GAP, "timeLimit": limit_s, "threads": 1}
        wall = time.perf_counter()
        stats = prob.solve(pulp.getSolver(solver, **options))
        marks["solve_wall_s"] = time.perf_counter() - wall
    taken = np.flatnonzero([(v.varValue or 0.0) > 0.5 for v in z])
    value, cost = cover_city.value_of(of, taken) if stats.has_solution else (0.0, 0.0)
    bound = stats.best_bound
    gap = None if bound is None or value <= 0 else max(bound / value - 1, 0.0)
    text = "no plan" if value <= 0 else f"{value:,.0f}"
    text += ", no bound reported" if gap is None else f", gap {gap:.2%}"
    return seen.facts(
        value=value, cost=cost, bound=bound, gap=gap, found=f"{text} (says {stats.status.name})",
        **marks,
    )  # fmt: skip
