"""A program as a PuLP problem, to read, to export, or for any solver that PuLP supports.

Variables and rows are named by position (``y_12``, ``capacity_3``), because labels that differ only
in a dash or a blank, such as "F-7" and "F 7", would collide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pulp

from siting.program.matrix import Matrix


class OutOfTimeError(Exception):
    """Raised if `stop` returns true before a problem is complete."""


def pulp_problem(
    matrix: Matrix, name: str, stop: Callable[[], bool] = lambda: False
) -> pulp.LpProblem:
    """Return a matrix as a PuLP problem, with variables in the order of the columns.

    `stop` is called for each row. If it returns true, `OutOfTimeError` is raised.
    """
    prob = pulp.LpProblem(name, pulp.LpMaximize)
    columns = zip(column_names(matrix), matrix.lower.tolist(), matrix.upper.tolist(), strict=True)
    variables = [
        prob.add_variable(name, lower, upper, "Integer" if n < matrix.options else "Continuous")
        for n, (name, lower, upper) in enumerate(columns)
    ]
    terms = [(variables[n], float(matrix.cost[n])) for n in np.flatnonzero(matrix.cost).tolist()]
    prob.setObjective(pulp.lpSum_vars_coefs(terms))
    a = matrix.a
    start, index, value = a.indptr.tolist(), a.indices.tolist(), a.data.tolist()
    for family, rows in matrix.family.items():
        for n, r in enumerate(range(rows.start, rows.stop)):
            if stop():
                raise OutOfTimeError
            here = slice(start[r], start[r + 1])
            pairs = zip(index[here], value[here], strict=True)
            row = pulp.lpSum_vars_coefs([(variables[c], v) for c, v in pairs])
            name = f"{family}_{n}"
            lower, upper = float(matrix.row_lower[r]), float(matrix.row_upper[r])
            if lower == upper:
                prob.addConstraint(row == lower, name)
                continue
            if np.isfinite(upper):
                prob.addConstraint(row <= upper, name)
            if np.isfinite(lower):
                prob.addConstraint(row >= lower, f"{name}_least" if np.isfinite(upper) else name)
    return prob


def column_names(matrix: Matrix) -> list[str]:
    """Return column names: y for options, x for energy, u for subsidies; aims name their own."""
    columns = matrix.layout.columns
    names = [f"y_{n}" for n in range(columns.options)]
    names += [f"x_{n}" for n in range(columns.energies - columns.options)]
    names += [f"u_{n}" for n in range(columns.count - columns.energies)]
    return [columns.names.get(n, name) for n, name in enumerate(names)]
