"""A program as one scaled sparse matrix, for PuLP and for the engine.

The columns are the options ``y`` (binary), the energy ``x`` of each pair in each slice, the
subsidies ``u`` if the program decides on them, and any columns that the aim adds. Energy is
divided by the largest demand of any merged row, money by the cost of the most expensive offer, and
each constraint row by its largest coefficient. All programs then have coefficients of similar size.

A solver drops coefficients below 1e-9 and allows rows an error of 1e-7. Demand rows below 2e-9 of
the largest are therefore set to 0. Two kinds of input raise an error, because the plan would be
wrong: rows below 1e-7 of the largest with noticeable worth (many people with almost no demand), and
floors on groups whose demand is below 1e-6 of the largest row.

Without capacities (coverage), all demand in reach of a station is served: ``x_i <= d_i sum of y_n``
over the options that serve row ``i``. With decay, or if an aim depends on drive times, each pair
has its own ``x_ij``.

With capacities, the rows imply ``x_ij <= d_i sum of y_n`` over the options of site ``j``, if ``y``
is integer. The matrix therefore lacks these bounds; only the cuts of `siting.engine` use them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting import settings
from siting.program.aims import Aim
from siting.program.instance import Floats
from siting.program.layout import Layout
from siting.program.rows import Rows


@dataclass(frozen=True, eq=False)
class Matrix:
    """The rows, columns and objective of a program; `layout` has the units of the columns."""

    a: sparse.csr_array  # coefficients, rows by columns
    cost: Floats  # objective coefficient of each column, to be maximised
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    layout: Layout  # gives the meaning of each column
    family: dict[str, slice]  # the range of rows of each family that has rows
    size: float  # the aim's value is ``size * (cost @ columns)``; negative if less is better

    @property
    def options(self) -> int:
        """Number of options; their columns come first and are the only integer columns."""
        return self.layout.columns.options


@dataclass(frozen=True)
class Reached:
    """An earlier aim and the value that it reached, in the unit of the aim."""

    aim: Aim
    value: float


def matrix_of(layout: Layout, aim: Aim, reached: Sequence[Reached]) -> Matrix:
    """Return the matrix of a program for one aim, with rows that keep the earlier aims' values."""
    rows = Rows()
    layout.write(rows)

    def terms_of(aim: Aim, prefix: str) -> Floats:
        """Return an aim's value, in the aim's unit, as one coefficient per column."""
        column, value = aim.terms(layout, rows, prefix)
        return np.bincount(column, value, minlength=layout.columns.count)

    kept = [terms_of(done.aim, f"kept_{n}") for n, done in enumerate(reached)]
    goal = terms_of(aim, "")
    # Each of these rows keeps an earlier aim within `EXACT` of the value that the aim reached.
    for done, terms in zip(reached, kept, strict=True):
        at, sign = np.flatnonzero(terms), _sign(done.aim)
        scale = max(abs(done.value), float(np.abs(terms[at]).max(initial=0.0)) * settings.EXACT)
        lower = sign * done.value - settings.EXACT * scale
        rows.add_one("kept", at, sign * terms[at], lower=lower)
    size, sign = float(np.abs(goal).max(initial=0.0)) or 1.0, _sign(aim)
    a, low, high, family = rows.matrix(layout.columns.count)
    cost, bounds = sign * goal / size, layout.columns.bounds()
    return Matrix(a, cost, *bounds, low, high, layout, family, size=sign * size)


def _sign(aim: Aim) -> float:
    return -1.0 if aim.less_is_better else 1.0
