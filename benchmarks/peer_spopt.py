"""Build and solve spopt's maximal covering model in a separate environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pulp
import spopt
from spopt.locate import MCLP

from benchmarks import cover_city
from benchmarks.build import GAP, SITES
from benchmarks.measure import cpu_seconds, watch


def build(name: str, limit_s: float) -> dict[str, Any]:
    """Time ``MCLP.from_cost_matrix``, and then solve the model with CBC."""
    size = cover_city.size_of(name)
    of = cover_city.arrays(size)
    dense = np.full(of.minutes.shape, 2 * size.minutes)
    pairs = of.minutes.tocoo()
    dense[pairs.row, pairs.col] = pairs.data
    with watch() as seen:
        model = MCLP.from_cost_matrix(dense, of.weight, size.minutes, p_facilities=SITES)
    began = cpu_seconds()
    model = model.solve(pulp.PULP_CBC_CMD(msg=False, gapRel=GAP, timeLimit=limit_s, threads=1))
    solve_s = cpu_seconds() - began
    taken = np.array([v.value() is not None and v.value() > 0.5 for v in model.fac_vars])
    value, _ = cover_city.value_of(of, np.flatnonzero(taken))
    return seen.facts(
        value=value,
        proven=model.problem.sol_status == pulp.LpSolutionOptimal,
        solve_s=solve_s,
        version=spopt.__version__,
        pulp=pulp.__version__,
        found=f"{model.problem.numConstraints():,} rows",
    )
