"""The relaxed master problem as one HiGHS model, kept between rounds of cuts.

Cuts are added as rows, and removed if they stay slack. Branching decisions change the limits of
columns and rows. The simplex method restarts from its last basis.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.highs import run_native
from siting.engine.linear import rows_of
from siting.errors import Fault, SolveError
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class Row:
    """A cut as a constraint row: its columns, their coefficients, and its upper limit.

    `prices`: for each part, the prices of its demand rows, scaled like the cut.
    """

    index: Ints
    value: Floats
    most: float
    prices: Mapping[int, Floats] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Relaxed:
    """An optimum of the relaxed master problem."""

    # Bound on any choice that the branching decisions allow, negated if less is better; -inf if no
    # choice is feasible.
    bound: float
    taken: Floats  # value of each option, 0 to 1
    price: Floats  # change in the bound (at most 0) if an option moves from 0 to 1, or from 1 to 0
    point: Floats  # values of all columns

    def hopeless(self, enough: float) -> tuple[Flags, float]:
        """Return the options that no choice worth more than `enough` uses.

        Also return a bound on the choices that use any of these options.
        """
        after = self.bound + self.price
        out: Flags = (self.taken < settings.SIGNIFICANT) & (after <= enough)
        return out, float(after[out].max(initial=-math.inf))


class CutModel(ABC):
    """A HiGHS model with cuts, whose first columns are options.

    `money`: cost of each option; `size`: one unit of the objective, in the aim's unit; `named`: the
    rows, in site order, of the sites that have several options or must have a station.
    """

    # A plan's value counts as equal to its node's bound within this relative tolerance.
    exact = settings.EXACT

    def __init__(
        self, model: highspy.Highs, clock: Clock, *, site: Ints, must: Flags, money: Floats,
        size: float, named: Ints,
    ) -> None:  # fmt: skip
        self.model, self.clock = model, clock
        self.site, self.must, self.money, self.size = site, must, money, size
        self.count = len(site)
        several = np.bincount(site, minlength=len(must)) > 1
        self._named, self._named_rows = np.flatnonzero(several | must), named.astype(np.int32)
        self._single = np.flatnonzero(~(several | must)[site])
        self._columns = np.arange(self.count, dtype=np.int32)
        # Branching decisions: bounds on each option, and lower bounds on the sites in `named`.
        self._low, self._high = np.zeros(self.count), np.ones(self.count)
        self._there = np.zeros(len(self._named))
        # The options of each kind, and the row that counts them.
        self.kinds: list[Ints] = []
        self._kind_rows = np.zeros(0, dtype=np.int32)
        self._base = self.model.getNumRow()
        self._slack = np.zeros(0, dtype=np.int64)
        self.rows: list[Row] = []  # rows of the current cuts
        # At the last optimum: duals of rows other than cuts, reduced costs, and duals of cuts.
        self.dual, self.reduced = np.zeros(self._base), np.zeros(0)
        self.binding: list[tuple[float, Row]] = []

    def allow(self, allowed: Flags, opened: Flags, least: Floats, most: Floats) -> None:
        """Apply the branching decisions of a node."""
        low, self._high = np.zeros(self.count), allowed.astype(float)
        low[self._single] = opened[self.site[self._single]]
        self._low = np.minimum(low, self._high)
        self.model.changeColsBounds(self.count, self._columns, self._low, self._high)
        self._there = (opened | self.must)[self._named].astype(float)
        for rows, low, high in (
            (self._named_rows, self._there, np.ones(len(self._named))),
            (self._kind_rows, least, most),
        ):
            if len(rows):
                self.model.changeRowsBounds(len(rows), rows, low, high)  # type: ignore[attr-defined]

    def open_all(self) -> None:
        """Undo all branching decisions."""
        sizes = np.array([len(kind) for kind in self.kinds], dtype=float)
        self.allow(np.ones(self.count, dtype=bool), self.must, np.zeros(len(sizes)), sizes)

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Add cuts."""
        if not rows:
            return
        new = rows_of([(row.index, row.value) for row in rows], self.model.getNumCol())
        sides = np.full(len(rows), -highspy.kHighsInf), np.array([row.most for row in rows])
        at = new.indptr[:-1].astype(np.int32), new.indices.astype(np.int32)
        added = self.model.addRows(len(rows), *sides, new.nnz, *at, new.data)
        if added == highspy.HighsStatus.kError:
            raise SolveError(Fault("HiGHS", "refused the rows of a cut"))
        self.rows += rows
        self._slack = np.concatenate([self._slack, np.zeros(len(rows), dtype=np.int64)])

    @abstractmethod
    def separate(self, relaxed: Relaxed, *, deep: bool = True) -> int:
        """Add the cuts that an optimum violates, and return their number.

        `deep`: whether to run slow separation even if fast separation found cuts.
        """

    def forbid(self, choice: Ints) -> None:
        """Exclude one choice that looked feasible only because of rounding errors."""
        value = np.full(self.count, -1.0)
        value[choice] = 1.0
        self.add_rows([Row(np.arange(self.count), value, len(choice) - 1.0)])
        self._slack[-1] = -(10**9)

    def _purge(self, slack: Flags) -> None:
        self._slack = np.where(slack | (self._slack < 0), self._slack + 1, 0)
        if len(self._slack) < settings.MANY_ROWS:
            return
        old = np.flatnonzero(self._slack > settings.NODE_ROUNDS)
        if len(old):
            self.model.deleteRows(len(old), (self._base + old).astype(np.int32))
            gone = set(old.tolist())
            self.rows = [row for n, row in enumerate(self.rows) if n not in gone]
            self._slack = np.delete(self._slack, old)

    def solve(self) -> Relaxed | None:
        """Return the optimum under the current decisions and cuts; None if time ran out."""
        run_native([self.model], self.clock)
        status = self.model.getModelStatus()
        none = np.zeros(self.count)
        if status == highspy.HighsModelStatus.kInfeasible:
            return Relaxed(-math.inf, none, none, np.zeros(self.model.getNumCol()))
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self.model.getSolution()
        point, dual = np.asarray(solution.col_value), np.asarray(solution.row_dual)
        reduced = np.asarray(solution.col_dual)
        bound = self.bound_of(reduced, dual) * self.size
        self.dual, self.reduced = dual[: self._base], reduced
        of_cuts = np.maximum(dual[self._base :], 0.0).tolist()
        self.binding = [(by, row) for by, row in zip(of_cuts, self.rows, strict=True) if by > 0]
        self._purge(np.abs(dual[self._base :]) < settings.ROUNDING)
        taken = np.clip(point[: self.count], 0.0, 1.0)
        return Relaxed(bound, taken, -np.abs(reduced[: self.count]) * self.size, point)

    def bound_of(self, reduced: Floats, dual: Floats) -> float:
        """Return the bound of the last optimum, in the model's unit."""
        return float(self.model.getInfo().objective_function_value)

    def tighten(
        self, rounds: float, stalled: float, enough: float = -math.inf,
        passed: list[Floats] | None = None,
    ) -> tuple[Relaxed | None, float]:  # fmt: skip
        """Return the optimum after at most `rounds` rounds of cuts, and the lowest bound found.

        The rounds end early once the bound is at most `enough`, or once several rounds in a row
        lower the bound by less than the fraction `stalled`. `passed`: list to which the option
        values of the earlier optima are appended.
        """
        relaxed = self.solve()
        if relaxed is None:
            return None, math.inf
        first = low = relaxed.bound
        weak = count = 0
        while count < rounds and relaxed.bound > enough and not self.clock.over:
            count += 1
            if not self.separate(relaxed, deep=weak > 0):
                break
            after = self.solve()
            if after is None:
                break
            weak = weak + 1 if low - after.bound <= stalled * abs(low) else 0
            if passed is not None:
                passed.append(relaxed.taken)
            relaxed, low = after, min(low, after.bound)
            fallen = first - low > settings.IDLE * stalled * abs(first)
            if weak >= (settings.IDLE if fallen else settings.IDLE_AT_FIRST):
                break
        return relaxed, low
