"""A program as one scaled sparse matrix, for PuLP and for the engine.

Columns are the options ``y`` (binary), the energy of the pairs ``x`` in each slice, the subsidies
``u`` where the program decides on them, and those an aim adds. The families of rows are in the
order of `siting.program.rows.FAMILIES`. All scaling is done here: energies by the largest demand
row, money by the most expensive offer, rows by their largest coefficient, so that a town of watts
and a country of rupees look alike to a solver.

Without capacities (coverage) all demand in reach of a station counts as served: ``x_i <= d_i x sum
of y_n`` over the options that serve row ``i``. With decay or drives each pair has an ``x_ij`` of
its own. With capacities ``x_ij <= d_i`` is implied once ``y`` is integer; `siting.engine` adds it
in its cuts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting.errors import Fault, InputError
from siting.program.aims import (
    Aim,
    LeastCostToAll,
    LeastMoney,
    LeastRegret,
    MostWorth,
    NetWorth,
    ShortestDrives,
    Tail,
    WorstShare,
)
from siting.program.instance import Flags, Floats, Ints
from siting.program.layout import Layout
from siting.program.rows import Rows
from siting.program.slices import year_weights

# Share of a reached value that later aims may give up: below a solver's precision.
KEPT = 1e-9


@dataclass(frozen=True, eq=False)
class Matrix:
    """Rows, columns and objective; the columns' own units are `energy_unit` and so on."""

    a: sparse.csr_array  # coefficients, rows by columns
    cost: Floats  # objective coefficient of each column, to be maximised
    # lower, upper, row_lower, row_upper: bounds of columns and sides of rows.
    lower: Floats
    upper: Floats
    row_lower: Floats
    row_upper: Floats
    layout: Layout  # the meaning of the columns
    family: dict[str, slice]  # first row of each family present, in order, and the end
    # offset, size: the aim's value in its own unit is ``offset + size x (cost times columns)``;
    # `size` is negative where less is better.
    offset: float
    size: float

    @property
    def options(self) -> int:
        """Number of options: the first columns, the only integer ones."""
        return self.layout.columns.options

    @property
    def maximise(self) -> bool:
        """Whether a larger value of the aim is better."""
        return self.size > 0

    def value(self, point: Floats) -> float:
        """Return the aim's value, in its own unit, at values of the columns."""
        return self.offset + self.size * float(self.cost @ point)


@dataclass(frozen=True)
class Reached:
    """An aim solved before, and the value it reached, in its own unit."""

    aim: Aim
    value: float


class Expression:
    """A linear expression over columns, in an aim's own unit, with a constant."""

    def __init__(self, columns: int) -> None:
        self.terms = np.zeros(columns)
        self.constant = 0.0
        self.sign = 1.0  # -1 where less is better

    def add(self, column: Ints, value: Floats) -> None:
        """Add to the coefficients of columns, which may be named more than once."""
        np.add.at(self.terms, column, value)


class Writer:
    """The writer of a program's rows for one aim, keeping the aims before it."""

    def __init__(self, layout: Layout, aim: Aim, reached: Sequence[Reached]) -> None:
        self.layout = layout
        self.rows = Rows()
        self.aim, self.reached = aim, reached

    def written(self) -> Matrix:
        """Return the matrix."""
        layout, rows = self.layout, self.rows
        layout.write(rows)
        kept = [(r, self._expression(r.aim, f"kept_{n}")) for n, r in enumerate(self.reached)]
        goal = self._expression(self.aim, "")
        for done, expression in kept:
            self._keep(done, expression)
        count = layout.columns.count
        terms = np.zeros(count)
        terms[: len(goal.terms)] = goal.terms
        size = float(np.abs(terms).max(initial=0.0)) or 1.0
        a, lower, upper, family = rows.matrix(count)
        column_lower, column_upper = layout.columns.bounds()
        return Matrix(
            a=a,
            cost=goal.sign * terms / size,
            lower=column_lower,
            upper=column_upper,
            row_lower=lower,
            row_upper=upper,
            layout=layout,
            family=family,
            offset=goal.constant,
            size=goal.sign * size,
        )

    # --- aims --------------------------------------------------------------------------------

    def _expression(self, aim: Aim, prefix: str) -> Expression:
        layout = self.layout
        out = Expression(layout.columns.count)
        if isinstance(aim, MostWorth):
            column, value, _ = layout.worth()
            out.add(column, value)
        elif isinstance(aim, NetWorth):
            column, value, _ = layout.worth()
            out.add(column, value)
            column, value = layout.money(aim.of, aim.gains(layout.options.offer.shape[1]))
            out.add(column, -value)
        elif isinstance(aim, LeastMoney):
            out.sign = -1.0
            out.add(*layout.money(aim.of))
        elif isinstance(aim, ShortestDrives):
            out.sign = -1.0
            out.add(*layout.drives())
        elif isinstance(aim, LeastCostToAll):
            out.sign = -1.0
            out.add(*layout.drives(aim.of_classes(layout.instance)))
            yearly = layout.options.of_offers(aim.of_offers(layout.instance))
            out.terms[: len(yearly)] += yearly @ year_weights(layout.slices)
        elif isinstance(aim, WorstShare):
            return self._worst_share(aim, prefix)
        elif isinstance(aim, LeastRegret):
            return self._regret(aim, prefix)
        else:
            return self._tail(aim, prefix)
        return out

    def _worst_share(self, aim: WorstShare, prefix: str) -> Expression:
        layout = self.layout
        share = layout.columns.more(f"{prefix}share", 0.0, 1.0)
        for group in aim.groups:
            for s in group.holds_in(layout.slices):
                wanted = float(group.wanted(layout.demand_kwh)[s])
                if wanted <= 0:
                    continue
                column, value = layout.energy_of(group, s)
                # share - served / wanted <= 0
                at = np.append(column, share)
                by = np.append(-value / wanted, 1.0)
                self.rows.add_one("aim", at, by, upper=0.0)
        out = Expression(layout.columns.count)
        out.add(np.array([share]), np.ones(1))
        return out

    def _regret(self, aim: LeastRegret, prefix: str) -> Expression:
        if len(aim.best) != len(self.layout.probabilities):
            what = "has no figure for the best plan of each scenario alone"
            fix = "solve it first; the answer's program has them"
            raise InputError(Fault("least regret", what, fix))
        unit = self.layout.worth_unit
        most = max((0.0, *aim.best)) / unit
        regret = self.layout.columns.more(f"{prefix}regret", 0.0, most)
        for k, best in enumerate(aim.best):
            column, value = self._scenario(k)
            # served + regret >= best
            at, by = np.append(column, regret), np.append(value / unit, 1.0)
            self.rows.add_one("aim", at, by, lower=best / unit)
        out = Expression(self.layout.columns.count)
        out.sign = -1.0
        out.add(np.array([regret]), np.array([unit]))
        return out

    def _tail(self, aim: Tail, prefix: str) -> Expression:
        layout = self.layout
        unit = layout.worth_unit
        most = layout.most_worth_of_scenarios() / unit
        wanted = layout.wanted_of_scenarios() / unit
        count = 1.0 if aim.of == "unserved" else 0.0
        top = float(wanted.max(initial=0.0)) * count
        level = layout.columns.more(f"{prefix}level", -top, float(most.max(initial=0.0)))
        short = []
        for k in range(len(layout.probabilities)):
            short.append(layout.columns.more(f"{prefix}short_{k}", 0.0, top + float(most.max())))
            column, value = self._scenario(k)
            # level - short <= served - wanted
            at = np.append(column, [level, short[k]])
            by = np.append(-value / unit, [1.0, -1.0])
            self.rows.add_one("aim", at, by, upper=-count * float(wanted[k]))
        out = Expression(layout.columns.count)
        sign = -1.0 if aim.of == "unserved" else 1.0
        out.sign = sign
        out.add(np.array([level]), np.array([sign * unit]))
        weight = -np.array(layout.probabilities) / (1 - aim.alpha)
        out.add(np.array(short), sign * unit * weight)
        return out

    def _scenario(self, k: int) -> tuple[Ints, Floats]:
        """Return the worth served in a scenario, years weighted, as columns and values."""
        column, value, scenario = self.layout.worth(by_chance=False)
        mine: Flags = scenario == k
        return column[mine], value[mine]

    def _keep(self, done: Reached, expression: Expression) -> None:
        """Add that an aim is not lost by more than `KEPT` of what it reached."""
        at = np.flatnonzero(expression.terms)
        value = done.value - expression.constant
        scale = max(abs(done.value), float(np.abs(expression.terms[at]).max(initial=0.0)) * KEPT)
        by = expression.sign * expression.terms[at]
        self.rows.add_one("kept", at, by, lower=expression.sign * value - KEPT * scale)
