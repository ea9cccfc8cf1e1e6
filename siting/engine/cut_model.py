"""A relaxed program over options that stays in one native model between rounds, and its cuts.

Cuts are rows added to the native model and decisions are bounds of its columns, and the simplex
goes on from where it was. Cuts that have been slack for long are taken out: at an optimum few of
thousands bind. An option that is not taken, and whose reduced cost takes the bound below what is
enough, is in no plan worth having (`Relaxed.hopeless`).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from siting.engine.clock import Clock
from siting.engine.highs import run_native
from siting.errors import Fault, SolveError
from siting.program.instance import Flags, Floats, Ints

# Cuts that were slack in so many rounds go, once there are so many rows.
SLACK_ROUNDS, MANY_ROWS = 12, 150
UNTAKEN = 1e-6
# Rounds of cuts in a row that gain too little, after which no more are made. At first the bound may
# stand still for longer, where many optima are as good.
WEAK, WEAK_AT_FIRST = 3, 20

# A row of a cut: its columns, their factors, and the most it may be.
Row = tuple[Ints, Floats, float]


@dataclass(frozen=True, eq=False)
class Relaxed:
    """An optimum of a relaxed program."""

    # No choice within the decisions reaches more (signed so that more is better); -inf where there
    # is none.
    bound: float
    taken: Floats  # how much of each option is taken, 0 to 1
    # What the bound changes by, per unit, where an option that is not taken is, or one that is
    # whole is not; 0 or below.
    price: Floats
    point: Floats  # values of all columns

    def hopeless(self, enough: float) -> tuple[Flags, float]:
        """Return the options that no choice worth more than enough takes, and a bound on theirs."""
        after = self.bound + self.price
        out: Flags = (self.taken < UNTAKEN) & (after <= enough)
        return out, float(after[out].max(initial=-math.inf))


class CutModel(ABC):
    """A native model whose first columns are options, with the cuts it was given.

    `money`: what each option costs; `size`: what a unit of its objective is in the aim's;
    `named`: the rows that hold, in order, the sites with several options or that must have one.
    """

    # A plan is worth its node's bound from this share of it on.
    exact = 1e-9

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
        # What is decided: the least and most of each option, and of the named sites the least.
        self._low, self._high = np.zeros(self.count), np.ones(self.count)
        self._there = np.zeros(len(self._named))
        # Options that are alike, kind by kind, and the rows that count them.
        self.kinds: list[Ints] = []
        self._kind_rows = np.zeros(0, dtype=np.int32)
        self._base = self.model.getNumRow()
        self._slack = np.zeros(0, dtype=np.int64)
        self.rows: list[Row] = []  # of the cuts there are now

    # --- decisions ---------------------------------------------------------------------------

    def allow(self, allowed: Flags, opened: Flags, least: Floats, most: Floats) -> None:
        """Let a node's decisions hold."""
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

    # --- cuts --------------------------------------------------------------------------------

    def add_rows(self, rows: Sequence[Row]) -> None:
        """Add cuts."""
        if not rows:
            return
        start = np.cumsum([0, *(len(index) for index, *_ in rows)])
        added = self.model.addRows(
            len(rows),
            np.full(len(rows), -highspy.kHighsInf),
            np.array([most for *_, most in rows]),
            int(start[-1]),
            start[:-1].astype(np.int32),
            np.concatenate([index for index, *_ in rows]).astype(np.int32),
            np.concatenate([value for _, value, _ in rows]),
        )
        if added == highspy.HighsStatus.kError:
            raise SolveError(Fault("HiGHS", "did not take the rows of a cut"))
        self.rows += rows
        self._slack = np.concatenate([self._slack, np.zeros(len(rows), dtype=np.int64)])

    @abstractmethod
    def separate(self, relaxed: Relaxed, *, deep: bool = True) -> int:
        """Add the cuts that an optimum breaks; return how many.

        `deep`: whether to look for those that take long though others were found.
        """

    def forbid(self, choice: Ints) -> None:
        """Rule out exactly one choice, which only arithmetic takes for a plan."""
        value = np.full(self.count, -1.0)
        value[choice] = 1.0
        self.add_rows([(np.arange(self.count), value, len(choice) - 1.0)])
        self._slack[-1] = -(10**9)

    def _purge(self, slack: Flags) -> None:
        self._slack = np.where(slack | (self._slack < 0), self._slack + 1, 0)
        if len(self._slack) < MANY_ROWS:
            return
        old = np.flatnonzero(self._slack > SLACK_ROUNDS)
        if len(old):
            self.model.deleteRows(len(old), (self._base + old).astype(np.int32))
            gone = set(old.tolist())
            self.rows = [row for n, row in enumerate(self.rows) if n not in gone]
            self._slack = np.delete(self._slack, old)

    # --- solving -----------------------------------------------------------------------------

    def solve(self) -> Relaxed | None:
        """Return the optimum under the decisions and cuts so far; None if time ran out."""
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
        self._purge(np.abs(dual[self._base :]) < 1e-12)
        taken = np.clip(point[: self.count], 0.0, 1.0)
        return Relaxed(bound, taken, -np.abs(reduced[: self.count]) * self.size, point)

    def bound_of(self, reduced: Floats, dual: Floats) -> float:
        """Return the bound of the optimum just found, in the model's unit."""
        return float(self.model.getInfo().objective_function_value)

    def tighten(
        self, rounds: int, stalled: float, enough: float = -math.inf
    ) -> tuple[Relaxed | None, float]:
        """Return the optimum after so many rounds of cuts, and the lowest bound on the way."""
        relaxed = self.solve()
        if relaxed is None:
            return None, math.inf
        first = low = relaxed.bound
        weak = 0
        for _ in range(rounds):
            if relaxed.bound <= enough or self.clock.over:
                break
            if not self.separate(relaxed, deep=weak > 0):
                break
            after = self.solve()
            if after is None:
                break
            weak = weak + 1 if low - after.bound <= stalled * abs(low) else 0
            relaxed, low = after, min(low, after.bound)
            fallen = first - low > WEAK * stalled * abs(first)
            if weak >= (WEAK if fallen else WEAK_AT_FIRST):
                break
        return relaxed, low
