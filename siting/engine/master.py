"""The relaxed coarse program in a native model that stays between rounds.

Cuts are rows added to the native model and decisions are bounds of its columns, and the simplex
goes on from where it was. Cuts that have been slack for long are taken out: at an optimum few of
thousands bind.

A small price on money matters where the budget is almost enough: without it the relaxed optimum is
a huge flat face. The bound is put right again by the price of the whole budget.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.coarse import CoarseLayout, coarse_matrix
from siting.engine.cuts import BROKEN, Cut, Cutter
from siting.engine.frame import Frame
from siting.engine.highs import run_native
from siting.engine.linear import model_of, run_model
from siting.engine.parts import Part
from siting.engine.shortfall import shortfalls_of
from siting.program.instance import Flags, Floats, Ints

# Cuts that were slack in so many rounds go, once there are so many rows.
SLACK_ROUNDS, MANY_ROWS = 12, 150
UNTAKEN = 1e-6
# More kinds of options than this are not counted.
MOST_KINDS = 40
# Share of all worth that spending the whole budget costs while cuts are gathered.
THRIFT = 0.01
# Cuts are looked for so near to where the relaxation was before.
BACK = 0.8


@dataclass(frozen=True, eq=False)
class Relaxed:
    """An optimum of the relaxed coarse program."""

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


class Master:
    """The relaxed coarse program of one frame, and its cuts."""

    def __init__(self, frame: Frame, parts: list[Part], clock: Clock, *, seed: int) -> None:
        self.frame, self._clock = frame, clock
        self.matrix = m = coarse_matrix(frame, parts)
        layout = m.layout
        assert isinstance(layout, CoarseLayout)
        self.cutter = Cutter(frame, parts, layout.measures)
        self._shortfalls = shortfalls_of(self.cutter)
        self.count = frame.count
        self.size = abs(m.size)
        self.model = model_of(
            sparse.csc_array(m.a), m.cost, m.lower, m.upper, m.row_lower, m.row_upper,
            threads=1, random_seed=seed,
        )  # fmt: skip
        self._one = m.family.get("one", slice(0, 0))
        several = np.bincount(frame.site, minlength=frame.sites) > 1
        self._named = np.flatnonzero(several | frame.must)
        self._single = np.flatnonzero(~(several | frame.must)[frame.site])
        self.kinds = self._kinds()
        self._count_rows = self._add_counts()
        self._base = self.model.getNumRow()
        self._cuts: list[Cut] = []
        self._slack = np.zeros(0, dtype=np.int64)
        self._refund = 0.0
        self._middle: Floats | None = None
        self.add(self.cutter.plain())
        self._price_money()

    def _kinds(self) -> list[Ints]:
        """Return new options that are alike, kind by kind: how many of a kind is a whole number.

        Where stations of one size are as good at many sites, deciding site by site whether one
        stands leaves the bound where it is for long; deciding how many stand does not.
        """
        instance, last = self.frame.program.instance, self.frame.options.last
        new = np.flatnonzero(~instance.offer_existing[last])
        if not len(new):
            return []
        told = np.concatenate(
            [instance.offer_capacity[last[new]], instance.offer_subsidy[last[new], None]], axis=1
        )
        _, label, count = np.unique(told, axis=0, return_inverse=True, return_counts=True)
        if len(count) > MOST_KINDS:
            _, label, count = np.unique(
                told[:, :-1], axis=0, return_inverse=True, return_counts=True
            )
        if len(count) > MOST_KINDS:
            return []
        return [new[label.ravel() == k] for k in np.flatnonzero(count > 1).tolist()]

    def _add_counts(self) -> slice:
        """Add a row for each kind, free until a decision is taken on it."""
        first = self.model.getNumRow()
        for kind in self.kinds:
            at = kind.astype(np.int32)
            self.model.addRow(0.0, float(len(kind)), len(kind), at, np.ones(len(kind)))
        return slice(first, first + len(self.kinds))

    @property
    def kind_limits(self) -> tuple[Floats, Floats]:
        """How many of each kind there can be before anything is decided."""
        sizes = np.array([float(len(kind)) for kind in self.kinds])
        return np.zeros(len(sizes)), sizes

    def _price_money(self) -> None:
        resources = self.frame.resources
        rows = [r for r, kind in enumerate(resources.kinds) if kind == "budget"]
        rows = [r for r in rows if resources.at_most[r] > 0]
        cost = self.matrix.cost[: self.count].copy()
        if not rows or cost.any():
            return  # money is aimed at, or there is none
        worth = float(
            self.matrix.cost @ np.where(np.isfinite(self.matrix.upper), self.matrix.upper, 0)
        )
        for r in rows:
            rate = THRIFT * abs(worth) / len(rows) / float(resources.at_most[r])
            cost -= rate * resources.use[[r]].toarray().ravel()
            self._refund += rate * float(resources.at_most[r])
        self.model.changeColsCost(self.count, np.arange(self.count, dtype=np.int32), cost)

    def forget_money(self) -> None:
        """Take the small price on money out of what is aimed at."""
        at = np.arange(self.count, dtype=np.int32)
        self.model.changeColsCost(self.count, at, self.matrix.cost[: self.count].copy())
        self._refund = 0.0

    # --- decisions ---------------------------------------------------------------------------

    def allow(self, allowed: Flags, opened: Flags, least: Floats, most: Floats) -> None:
        """Let a node's decisions hold.

        `allowed`: which options may be taken; `opened`: which sites must have one; `least`, `most`:
        how many of each kind there are.
        """
        lower = np.zeros(self.count)
        lower[self._single] = opened[self.frame.site[self._single]]
        upper = allowed.astype(float)
        self.model.changeColsBounds(
            self.count, np.arange(self.count, dtype=np.int32), np.minimum(lower, upper), upper
        )
        there = (opened | self.frame.must)[self._named].astype(float)
        for rows, low, high in (
            (self._one, there, np.ones(len(there))),
            (self._count_rows, least, most),
        ):
            at = np.arange(rows.start, rows.stop, dtype=np.int32)
            if len(at):
                self.model.changeRowsBounds(len(at), at, low, high)  # type: ignore[attr-defined]

    # --- cuts --------------------------------------------------------------------------------

    def add(self, cuts: list[Cut]) -> None:
        """Add cuts as rows, each in units of what it bounds."""
        if not cuts:
            return
        index, value, start, upper = [], [], [0], []
        for cut in cuts:
            at = np.flatnonzero(cut.coefficient)
            largest = (np.abs(part).max(initial=0.0) for part in (cut.value, cut.coefficient))
            scale = 1.0 / max(*map(float, largest))
            index.append(np.concatenate([at, cut.column]))
            value.append(np.concatenate([-cut.coefficient[at], cut.value]) * scale)
            start.append(start[-1] + len(index[-1]))
            upper.append(cut.constant * scale)
        n = len(cuts)
        self.model.addRows(
            n,
            np.full(n, -highspy.kHighsInf),
            np.array(upper),
            start[-1],
            np.array(start[:-1], dtype=np.int32),
            np.concatenate(index).astype(np.int32),
            np.concatenate(value),
        )
        self._cuts += cuts
        self._slack = np.concatenate([self._slack, np.zeros(n, dtype=np.int64)])

    def separate(self, found: Relaxed) -> int:
        """Add the cuts that an optimum breaks most, there and half-way back; return how many."""
        taken = found.taken
        back = taken if self._middle is None else self._middle
        self._middle = (1 - BACK) * taken + BACK * back
        seen: set[bytes] = set()
        broken: list[Cut] = []

        def look(cuts: list[Cut]) -> None:
            for cut in cuts:
                unit = float(np.abs(cut.value) @ np.abs(self._unit[cut.column]))
                key = cut.coefficient.tobytes() + cut.value.tobytes()
                if cut.over(taken, found.point) > BROKEN * unit and key not in seen:
                    seen.add(key)
                    broken.append(cut)

        look(self.cutter.quick(taken))
        if self._middle is not taken:
            look(self.cutter.quick(self._middle))
        for shortfall in self._shortfalls:
            # Half-way back cuts are deeper; where one does not cut here, one from here does.
            before = len(broken)
            for point in (self._middle, taken):
                if len(broken) == before and not self._clock.over:
                    cut = shortfall.cut(point, found.point, self._clock)
                    look([] if cut is None else [cut])
        self.add(broken)
        return len(broken)

    @property
    def _unit(self) -> Floats:
        upper = self.matrix.upper
        return np.where(np.isfinite(upper), upper, 1.0)

    def _purge(self, slack: Flags) -> None:
        self._slack = np.where(slack | (self._slack < 0), self._slack + 1, 0)
        if len(self._slack) < MANY_ROWS:
            return
        old = np.flatnonzero(self._slack > SLACK_ROUNDS)
        if len(old):
            self.model.deleteRows(len(old), (self._base + old).astype(np.int32))
            gone = set(old.tolist())
            self._cuts = [cut for n, cut in enumerate(self._cuts) if n not in gone]
            self._slack = np.delete(self._slack, old)

    def forbid(self, choice: Ints) -> None:
        """Rule out exactly one choice, which only arithmetic takes for a plan."""
        value = np.full(self.count, -1.0)
        value[choice] = 1.0
        at = np.arange(self.count, dtype=np.int32)
        self.model.addRow(-highspy.kHighsInf, len(choice) - 1.0, self.count, at, value)
        none = np.zeros(0, dtype=np.int64)
        self._cuts.append(Cut(none, np.zeros(0), len(choice) - 1.0, -value))
        self._slack = np.append(self._slack, -(10**9))

    @property
    def most(self) -> float:
        """What the aim would reach if all measures did; infinite where one has no end."""
        m = self.matrix
        best = np.where(m.cost > 0, m.upper, m.lower)
        counted = m.cost != 0
        return float(m.cost[counted] @ best[counted]) * self.size

    def begin_at(self, choice: Ints) -> None:
        """Look for cuts near a plan first: they are deeper there than at the first optimum."""
        self._middle = np.zeros(self.count)
        self._middle[choice] = 1.0

    def binding_cuts(self) -> list[Cut]:
        """Return the cuts that bound the last optimum, or did not long ago."""
        return [cut for cut, rounds in zip(self._cuts, self._slack, strict=True) if rounds <= 1]

    # --- solving -----------------------------------------------------------------------------

    def program(
        self, allowed: Flags, start: Ints | None, *, gap: float, nodes: int, threads: int, seed: int
    ) -> tuple[float, float, Ints | None]:
        """Solve in integers under the cuts that bind, with so many nodes.

        Out come a bound on any choice, what the cuts say that the best choice found reaches, and
        it.
        """
        m, cuts = self.matrix, self.binding_cuts()
        rows = [m.a]
        side = []
        for cut in cuts:
            at = np.flatnonzero(cut.coefficient)
            largest = (np.abs(part).max(initial=0.0) for part in (cut.value, cut.coefficient))
            scale = 1.0 / max(*map(float, largest))
            index = np.concatenate([at, cut.column])
            value = np.concatenate([-cut.coefficient[at], cut.value]) * scale
            row = sparse.csr_array((value, index, [0, len(index)]), shape=(1, m.a.shape[1]))
            rows.append(row)
            side.append(cut.constant * scale)
        upper = m.upper.copy()
        upper[: self.count] = np.where(allowed, upper[: self.count], 0.0)
        # A whole number of each kind, as a column that HiGHS can branch on.
        kinds, columns = len(self.kinds), m.a.shape[1]
        for kind in self.kinds:
            one = (np.ones(len(kind)), kind, [0, len(kind)])
            rows.append(sparse.csr_array(one, shape=(1, columns)))
        counted = sparse.vstack(
            [sparse.csr_array((m.a.shape[0] + len(side), kinds)), -sparse.eye_array(kinds)]
        )
        a = sparse.hstack([sparse.vstack(rows), counted])
        whole = np.zeros(columns + kinds, dtype=bool)
        whole[: self.count] = True
        whole[columns:] = True
        model = model_of(
            sparse.csc_array(a),
            np.concatenate([m.cost, np.zeros(kinds)]),
            np.concatenate([np.minimum(m.lower, upper), np.zeros(kinds)]),
            np.concatenate([upper, [float(len(kind)) for kind in self.kinds]]),
            np.concatenate([m.row_lower, np.full(len(side), -np.inf), np.zeros(kinds)]),
            np.concatenate([m.row_upper, side, np.zeros(kinds)]),
            whole=whole,
            mip_rel_gap=gap, mip_max_nodes=nodes, threads=threads, random_seed=seed,
        )  # fmt: skip
        if start is not None:
            solution = np.zeros(self.count)
            solution[start] = 1.0
            model.setSolution(self.count, np.arange(self.count, dtype=np.int32), solution)
        found = run_model(model, self._clock, whole=True)
        choice = np.flatnonzero(found.point[: self.count] > 0.5) if found.found else None
        return found.bound * self.size, found.objective * self.size, choice

    def solve(self) -> Relaxed | None:
        """Return the optimum under the decisions and cuts so far; None if time ran out."""
        run_native([self.model], self._clock)
        status = self.model.getModelStatus()
        none = np.zeros(self.count)
        if status == highspy.HighsModelStatus.kInfeasible:
            return Relaxed(-math.inf, none, none, np.zeros(len(self.matrix.upper)))
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        solution = self.model.getSolution()
        point = np.asarray(solution.col_value)
        price = -np.abs(np.asarray(solution.col_dual)[: self.count]) * self.size
        dual = np.asarray(solution.row_dual)[self._base :]
        objective = float(self.model.getInfo().objective_function_value) + self._refund
        self._purge(np.abs(dual) < 1e-12)
        taken = np.clip(point[: self.count], 0.0, 1.0)
        return Relaxed(objective * self.size, taken, price, point)

    def tighten(
        self, rounds: int, stalled: float, enough: float = -math.inf
    ) -> tuple[Relaxed | None, float]:
        """Return the optimum after so many rounds of cuts, and the lowest bound on the way.

        `rounds`: rounds at most; `stalled`: least gain of a round, relative to the bound, over
        which to go on.
        """
        found = self.solve()
        if found is None:
            return None, math.inf
        low = found.bound
        weak = 0
        for _ in range(rounds):
            if found.bound <= enough or self._clock.over or not self.separate(found):
                break
            after = self.solve()
            if after is None:
                break
            weak = weak + 1 if low - after.bound <= stalled * abs(low) else 0
            found, low = after, min(low, after.bound)
            if weak >= 3:
                break
        return found, low
