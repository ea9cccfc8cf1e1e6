"""A program as a PuLP problem: for reading, export, or any solver PuLP knows.

Variables and rows are named by position (``y_12``, ``x_7``, ``capacity_3``), never by label: names
that differ only in a dash or a blank, such as "F-7" and "F 7", would collide.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pulp

from siting.program.matrix import Matrix


class OutOfTimeError(Exception):
    """The cancellation of the writing of a problem."""


def pulp_problem(
    matrix: Matrix, name: str, stop: Callable[[], bool] = lambda: False
) -> pulp.LpProblem:
    """Return a matrix as a PuLP problem, its variables in the order of the columns.

    `stop` is called at every row; if it returns true `OutOfTimeError` is raised.
    """
    prob = pulp.LpProblem(name, pulp.LpMaximize)
    variables = []
    kinds = column_names(matrix)
    bounds = zip(matrix.lower.tolist(), matrix.upper.tolist(), strict=True)
    for n, (lower, upper) in enumerate(bounds):
        whole = n < matrix.options
        variables.append(
            prob.add_variable(kinds[n], lower, upper, "Integer" if whole else "Continuous")
        )
    terms = [(variables[n], float(matrix.cost[n])) for n in np.flatnonzero(matrix.cost).tolist()]
    prob.setObjective(pulp.lpSum_vars_coefs(terms))
    start, index, value = (
        part.tolist() for part in (matrix.a.indptr, matrix.a.indices, matrix.a.data)
    )
    for family, rows in matrix.family.items():
        for n, r in enumerate(range(rows.start, rows.stop)):
            if stop():
                raise OutOfTimeError
            here = slice(start[r], start[r + 1])
            row = pulp.lpSum_vars_coefs(
                [(variables[c], v) for c, v in zip(index[here], value[here], strict=True)]
            )
            lower, upper = float(matrix.row_lower[r]), float(matrix.row_upper[r])
            if lower == upper:
                prob.addConstraint(row == lower, f"{family}_{n}")
                continue
            if np.isfinite(upper):
                prob.addConstraint(row <= upper, f"{family}_{n}")
            if np.isfinite(lower):
                below = f"{family}_{n}_least" if np.isfinite(upper) else f"{family}_{n}"
                prob.addConstraint(row >= lower, below)
    return prob


def column_names(matrix: Matrix) -> list[str]:
    """Return column names: y: options; x: energies; u: subsidies; others: named by aims."""
    columns = matrix.layout.columns
    names = [f"y_{n}" for n in range(columns.options)]
    names += [f"x_{n}" for n in range(columns.energies - columns.options)]
    names += [f"u_{n}" for n in range(columns.count - columns.energies)]
    for n, name in columns.names.items():
        names[n] = name
    return names
