"""The relaxed coarse program of a frame, its cuts, and its program in integers.

A small price on money matters where the budget is almost enough: without it the relaxed optimum is
a huge flat face. The bound is put right again by the price of the whole budget.

Options that are alike are counted, kind by kind: where stations of one size are as good at many
sites, deciding site by site whether one stands leaves the bound where it is for long; deciding how
many stand does not.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.coarse import CoarseLayout, Measure, coarse_matrix
from siting.engine.cut_model import CutModel, Relaxed
from siting.engine.cuts import BROKEN, Cut, Cutter
from siting.engine.frame import Frame
from siting.engine.linear import model_of, run_model
from siting.engine.parts import Part
from siting.engine.relax import Dive
from siting.engine.shortfall_cuts import ENDLESS, Shortfalls
from siting.engine.slack import Room
from siting.program.instance import Flags, Floats, Ints

# More kinds of options than this are not counted.
MOST_KINDS = 40
# Share of all worth that spending the whole budget costs while cuts are gathered.
THRIFT = 0.01
# With more pairs, parts that measures link are looked at together only where there is no other cut.
QUICK_PAIRS = 50_000
# Energies that break nothing are looked at less and less often: at least once in so many rounds.
RESTS = 8
# Cuts are looked for so near to where the relaxation was before, and so far from a choice.
BACK, TOWARDS = 0.8, 0.3
# Where money is decided and programs are large a cut takes seconds, and what was sown may be poor:
# cuts are looked for nearer to the optimum.
LARGE_BACK = 0.35
# What was taken no more than this is forgotten where money is decided and programs are large.
FORGOTTEN = 0.05


class Master(CutModel):
    """The relaxed coarse program of one frame, and its cuts."""

    exact = 2e-6  # cuts are as exact as their flows

    def __init__(
        self, frame: Frame, parts: list[Part], clock: Clock, *, seed: int, threads: int = 1
    ) -> None:
        self.frame = frame
        self.matrix = m = coarse_matrix(frame, parts)
        layout = m.layout
        assert isinstance(layout, CoarseLayout)
        self.cutter = Cutter(frame, parts, layout.measures)
        self._shortfalls = Shortfalls(self.cutter, clock, threads=threads)
        pairs = sum(len(part.pairs) for part in parts)
        self._quickly = pairs <= QUICK_PAIRS  # whether parts are looked at together without need
        model = model_of(
            sparse.csc_array(m.a), m.cost, m.lower, m.upper, m.row_lower, m.row_upper,
            threads=1, random_seed=seed,
        )  # fmt: skip
        kinds = self._kinds()
        first = model.getNumRow()
        for kind in kinds:  # free until a decision is taken on it
            model.addRow(
                0.0, float(len(kind)), len(kind), kind.astype(np.int32), np.ones(len(kind))
            )
        one = m.family.get("one", slice(0, 0))
        super().__init__(
            model, clock, site=frame.site, must=frame.must, size=abs(m.size),
            money=frame.program.instance.offer_subsidy[frame.options.last],
            named=np.arange(one.start, one.stop),
        )  # fmt: skip
        self.kinds, self._kind_rows = kinds, np.arange(first, self._base, dtype=np.int32)
        self._refund = 0.0
        self._thrift = np.zeros(self.count)  # the small price on the money of each option
        self._middle: Floats | None = None
        # Of each energy, for how many rounds it rests, and for how many more.
        self._rests = dict.fromkeys((m.column for m in self.cutter.energies), (0, 0))
        self.add(self.cutter.plain())
        self._price_money()

    def _kinds(self) -> list[Ints]:
        """Return new options of which a station that is alike stands in a year, by kind and year.

        How many of a kind stand is a whole number in every year, each at least that of before.
        """
        kinds: dict[bytes, Ints] = {}
        for stands in self.frame.options.offer.T:
            for kind in self._alike(stands):
                kinds.setdefault(kind.tobytes(), kind)
        return list(kinds.values())

    def _alike(self, stands: Ints) -> list[Ints]:
        """Return options of which alike new offers stand, kind by kind; `stands`: -1 for none."""
        instance = self.frame.program.instance
        new = np.flatnonzero((stands >= 0) & ~instance.offer_existing[stands])
        if not len(new):
            return []
        offer = stands[new]
        told = np.concatenate(
            [instance.offer_capacity[offer], instance.offer_subsidy[offer, None]], axis=1
        )
        _, label, count = np.unique(told, axis=0, return_inverse=True, return_counts=True)
        if len(count) > MOST_KINDS:
            _, label, count = np.unique(
                told[:, :-1], axis=0, return_inverse=True, return_counts=True
            )
        if len(count) > MOST_KINDS:
            return []
        return [new[label.ravel() == k] for k in np.flatnonzero(count > 1).tolist()]

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
            self._thrift += rate * resources.use[[r]].toarray().ravel()
            self._refund += rate * float(resources.at_most[r])
        self.model.changeColsCost(self.count, self._columns, cost - self._thrift)

    def scarce(self) -> Floats:
        """Return what each option takes of all that is scarce, at the prices of the last optimum.

        Scaled, in the unit of the model's objective; the small price on money is in it.
        """
        rows = self.matrix.family.get("resource", slice(0, 0))
        dual = np.asarray(self.model.getSolution().row_dual)[rows]
        use = self.matrix.a[rows][:, : self.count]
        most = np.maximum(dual, 0.0)  # what must be there at the least has no price
        return np.asarray(use.T @ most).ravel() + self._thrift

    def forget_money(self) -> None:
        """Take the small price on money out of what is aimed at."""
        self.model.changeColsCost(self.count, self._columns, self.matrix.cost[: self.count].copy())
        self._refund = 0.0
        self._thrift[:] = 0.0

    def bound_of(self, reduced: Floats, dual: Floats) -> float:
        """Return the bound of the optimum just found, with the money's price put right."""
        return super().bound_of(reduced, dual) + self._refund

    # --- cuts --------------------------------------------------------------------------------

    def add(self, cuts: list[Cut]) -> None:
        """Add cuts as rows, each in units of what it bounds."""
        rows = []
        for cut in cuts:
            at = np.flatnonzero(cut.coefficient)
            largest = (np.abs(part).max(initial=0.0) for part in (cut.value, cut.coefficient))
            scale = 1.0 / max(*map(float, largest))
            value = np.concatenate([-cut.coefficient[at], cut.value]) * scale
            rows.append((np.concatenate([at, cut.column]), value, cut.constant * scale))
        self.add_rows(rows)

    def separate(self, relaxed: Relaxed, *, deep: bool = True) -> int:
        """Add the cuts that an optimum breaks most, there and half-way back; return how many.

        `deep`: whether parts that floors link are looked at together though others were found. What
        is paid has no other cuts.
        """
        taken = relaxed.taken
        large = bool(self.cutter.money) and not self._quickly
        share, back = LARGE_BACK if large else BACK, self._middle
        self._middle = taken.copy() if back is None else (1 - share) * taken + share * back
        if large:
            self._middle[self._middle < FORGOTTEN] = 0.0
        seen: set[bytes] = set()
        broken: list[Cut] = []

        def breaks(cut: Cut) -> bool:
            unit = float(np.abs(cut.value) @ np.abs(self._unit[cut.column]))
            unit = unit or float(np.abs(cut.coefficient).max())  # of no measure: what cannot be
            return cut.over(taken, relaxed.point) > BROKEN * unit

        def look(cuts: list[Cut]) -> None:
            for cut in cuts:
                key = cut.coefficient.tobytes() + cut.value.tobytes()
                if key not in seen and breaks(cut):
                    seen.add(key)
                    broken.append(cut)

        # Half-way back cuts are deeper; where one does not cut here, one from here does.
        points = [self._middle, taken]
        awake, resting = self._awake()
        for point in points:
            look(self.cutter.of_worths(point))
            look(self.cutter.of_energies(point, awake))
        look(self._shortfalls.cuts(points, relaxed.point, breaks, linked=False))
        if not broken or (deep and self._quickly) or self.cutter.money:
            look(self._shortfalls.cuts(points, relaxed.point, breaks, linked=True))
            if large and self._shortfalls.missed:
                self._middle = taken.copy()  # nothing that cuts here is to be found from afar
        if not broken:
            for point in points:
                look(self.cutter.of_energies(point, resting))
        self._rest(awake, {int(c) for cut in broken for c in cut.column})
        self.add(broken)
        return len(broken)

    def _awake(self) -> tuple[list[Measure], list[Measure]]:
        """Return the energies to be looked at in a round of cuts, and those that rest."""
        energies = self.cutter.energies
        awake = [m for m in energies if not self._rests[m.column][1]]
        return awake, [m for m in energies if self._rests[m.column][1]]

    def _rest(self, awake: list[Measure], broken: set[int]) -> None:
        """Let energies rest for about twice as long as the last time, but not those with a cut."""
        for column, (rest, left) in self._rests.items():
            self._rests[column] = (rest, max(left - 1, 0))
        for m in awake:
            rest = min(2 * self._rests[m.column][0] + 1, RESTS)
            self._rests[m.column] = (rest, rest)
        for column in broken & set(self._rests):
            self._rests[column] = (0, 0)

    @property
    def _unit(self) -> Floats:
        upper = self.matrix.upper
        return np.where(np.isfinite(upper), upper, 1.0)

    @property
    def most(self) -> float:
        """What the aim would reach if all measures did; infinite where one has no end."""
        m = self.matrix
        best = np.where(m.cost > 0, m.upper, m.lower)
        counted = m.cost != 0
        return float(m.cost[counted] @ best[counted]) * self.size

    @property
    def by_programs(self) -> bool:
        """Whether cuts need linear programs."""
        return bool(self.cutter.alone)

    def cut_at(self, choice: Ints, optimum: Floats) -> float:
        """Add the cuts that say what a choice serves; return the most that it can be worth.

        At a choice itself there are many such cuts, most of which say little of others. One from a
        little on the way to an optimum, `optimum` (of each option), says more of those between.
        """
        taken = np.zeros(self.count)
        taken[choice] = 1.0
        endless = np.full(self.matrix.a.shape[1], ENDLESS)
        self.add(self.cutter.quick(taken))
        for point in ((1 - TOWARDS) * taken + TOWARDS * optimum, taken):
            self.add(self._shortfalls.cuts([point], endless, lambda _: True, linked=False))
        self.model.changeColsBounds(self.count, self._columns, taken, taken)
        relaxed = self.solve()
        self.model.changeColsBounds(self.count, self._columns, self._low, self._high)
        if relaxed is None:
            return math.inf
        # The price of money that the choice leaves is in the bound.
        left = self._refund - float(self._thrift[choice].sum())
        return relaxed.bound - left * self.size

    def dive(self, taken: Floats, room: Room) -> Ints | None:
        """Return the choice that its optimum, under the cuts so far, leads to; None if to none."""

        def again(lower: Floats, upper: Floats) -> Floats | None:
            self.model.changeColsBounds(self.count, self._columns, lower, upper)
            relaxed = self.solve()
            return None if relaxed is None or relaxed.bound == -math.inf else relaxed.taken

        choice = Dive(self.frame, room, self.clock, again).from_here(taken)
        self.model.changeColsBounds(self.count, self._columns, self._low, self._high)
        return choice

    def begin_at(self, choice: Ints) -> None:
        """Look for cuts near a plan first: they are deeper there than at the first optimum."""
        self._middle = np.zeros(self.count)
        self._middle[choice] = 1.0

    def program(
        self, allowed: Flags, start: Ints | None, *, gap: float, nodes: int, threads: int, seed: int
    ) -> tuple[float, float, Ints | None]:
        """Solve in integers under the cuts that bind, with so many nodes.

        Out come a bound on any choice, what the cuts say that the best choice found reaches, and
        it.
        """
        m = self.matrix
        # The cuts that bound the last optimum, or did not long ago.
        binding = [row for row, idle in zip(self.rows, self._slack, strict=True) if idle <= 1]
        rows, side = [m.a], [most for *_, most in binding]
        for index, value, _ in binding:
            row = (value, index, [0, len(index)])
            rows.append(sparse.csr_array(row, shape=(1, m.a.shape[1])))
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
            model.setSolution(self.count, self._columns, solution)
        answer = run_model(model, self.clock, whole=True)
        choice = np.flatnonzero(answer.point[: self.count] > 0.5) if answer.found else None
        return answer.bound * self.size, answer.objective * self.size, choice
