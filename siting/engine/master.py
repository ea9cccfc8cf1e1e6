"""The master problem for one aim: its relaxation, its cuts, and its integer program.

If the budget hardly binds, the relaxation has many optima. A small charge on each rupee of public
money leaves fewer optima. The charge on the whole budget is then added back to the bound.

For each kind of station, a constraint row counts the new stations of this kind. If a kind is
equally good at many sites, branching on this count moves the bound much faster than branching on
single sites.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.coarse import CoarseLayout, Measure
from siting.engine.cut_model import CutModel, Relaxed, Row
from siting.engine.cuts import Cut, Cutter
from siting.engine.frame import Frame
from siting.engine.linear import model_of, rows_of, run_model
from siting.engine.parts import parts_of
from siting.engine.relax import dive
from siting.engine.shortfall import Shortfalls
from siting.engine.slack import Room
from siting.engine.station_bound import Prices, sum_at_limits
from siting.program.instance import Flags, Floats, Ints
from siting.program.matrix import matrix_of
from siting.program.resources import BUDGET


class Master(CutModel):
    """The relaxed master problem for one aim, and its cuts."""

    exact = 2 * settings.SIGNIFICANT  # cuts are only as exact as the underlying maximum flows

    def __init__(self, frame: Frame, clock: Clock, *, seed: int, threads: int = 1) -> None:
        self.frame, parts = frame, parts_of(frame)
        layout = CoarseLayout(frame, parts)
        self.matrix = m = matrix_of(layout, frame.aim, frame.reached)
        self.cutter = Cutter(frame, parts, layout.measures)
        self.shortfalls = Shortfalls(self.cutter, clock, threads=threads)
        pairs = sum(len(part.pairs) for part in parts)
        # Whether linked parts are separated together in every deep round.
        self._quickly = pairs <= settings.MANY_PAIRS
        model = model_of(
            sparse.csc_array(m.a), m.cost, m.lower, m.upper, m.row_lower, m.row_upper,
            threads=1, random_seed=seed,
        )  # fmt: skip
        kinds = self._kinds()
        first = model.getNumRow()
        for kind in kinds:  # the count is free until a branching decision limits it
            n = len(kind)
            model.addRow(0.0, float(n), n, kind.astype(np.int32), np.ones(n))
        one = m.family.get("one", slice(0, 0))
        super().__init__(
            model, clock, site=frame.site, must=frame.must, size=abs(m.size),
            money=frame.program.instance.offer_subsidy[frame.options.last],
            named=np.arange(one.start, one.stop),
        )  # fmt: skip
        self.kinds, self._kind_rows = kinds, np.arange(first, self._base, dtype=np.int32)
        self._refund = 0.0
        self._rates = np.zeros(len(frame.resources))  # small charge per unit of each resource used
        self._thrift = np.zeros(self.count)  # small charge for the money that each option uses
        self._middle: Floats | None = None
        # For each energy measure: the length of its pause, and the rounds left in this pause.
        self._rests = dict.fromkeys((m.column for m in self.cutter.energies), (0, 0))
        self.add(self.cutter.plain())
        self._price_money()

    def _kinds(self) -> list[Ints]:
        """Return groups of options that have new stations of the same kind in some year."""
        kinds: dict[bytes, Ints] = {}
        for stands in self.frame.options.offer.T:
            for kind in self._alike(stands):
                kinds.setdefault(kind.tobytes(), kind)
        return list(kinds.values())

    def _alike(self, stands: Ints) -> list[Ints]:
        """Return groups of options with new offers of one kind; `stands`: the options' offers."""
        instance = self.frame.program.instance
        new = np.flatnonzero((stands >= 0) & ~instance.offer_existing[stands])
        if not len(new):
            return []
        offer = stands[new]
        key = np.column_stack([instance.offer_capacity[offer], instance.offer_subsidy[offer]])
        for same in (key, key[:, :-1]):  # if there are too many kinds, ignore the subsidy
            _, label, count = np.unique(same, axis=0, return_inverse=True, return_counts=True)
            if len(count) <= settings.MOST_COUNTS:
                return [new[label.ravel() == k] for k in np.flatnonzero(count > 1).tolist()]
        return []

    def _price_money(self) -> None:
        resources = self.frame.resources
        kinds, most = resources.kinds, resources.at_most
        rows = [r for r, kind in enumerate(kinds) if kind == BUDGET and most[r] > 0]
        cost = self.matrix.cost[: self.count].copy()
        if not rows or cost.any():
            return  # money is in the aim, or there is no budget to spend
        upper = self.matrix.upper
        worth = float(self.matrix.cost @ np.where(np.isfinite(upper), upper, 0))
        for r in rows:
            rate = settings.THRIFT * abs(worth) / len(rows) / float(resources.at_most[r])
            self._rates[r] = rate
            self._thrift += rate * resources.use[[r]].toarray().ravel()
            self._refund += rate * float(resources.at_most[r])
        self.model.changeColsCost(self.count, self._columns, cost - self._thrift)

    def scarce(self) -> Floats:
        """Return the cost of the scarce resources that each option uses, at the last prices.

        Costs are in the unit of the objective, and include the small charge on money.
        """
        rows = self.matrix.family.get("resource", slice(0, 0))
        dual = np.asarray(self.model.getSolution().row_dual)[rows]
        use = self.matrix.a[rows][:, : self.count]
        most = np.maximum(dual, 0.0)  # prices of lower limits are left out
        return np.asarray(use.T @ most).ravel() + self._thrift

    def forget_money(self) -> None:
        """Remove the small charge on money from the objective."""
        self.model.changeColsCost(self.count, self._columns, self.matrix.cost[: self.count].copy())
        self._refund = 0.0
        self._thrift[:] = self._rates[:] = 0.0

    def bound_of(self, reduced: Floats, dual: Floats) -> float:
        """Return the bound of the last optimum, with the charge on money added back."""
        return super().bound_of(reduced, dual) + self._refund

    def add(self, cuts: list[Cut]) -> None:
        """Add cuts as rows, each scaled so that its largest coefficient is 1."""
        rows = []
        for cut in cuts:
            at = np.flatnonzero(cut.coefficient)
            largest = np.abs(np.append(cut.value, cut.coefficient)).max(initial=0.0)
            scale = 1.0 / float(largest)
            value = np.concatenate([-cut.coefficient[at], cut.value]) * scale
            prices = {p: price * scale for p, price in cut.prices.items()}
            index = np.concatenate([at, cut.column])
            rows.append(Row(index, value, cut.constant * scale, prices))
        self.add_rows(rows)

    def prices(self) -> Prices:
        """Return the prices of demand (from cuts) and limits (from rows) at the last optimum."""
        m, frame = self.matrix, self.frame
        of_row = np.zeros_like(frame.service.kwh)
        for dual, cut in self.binding:
            for p, price in cut.prices.items():
                part = self.cutter.parts[p]
                of_row[part.rows, part.slice] += dual * price
        for p, measure in self.cutter.worth_of.items():  # parts whose worth is at its upper bound
            part, dual = self.cutter.parts[p], max(float(self.reduced[measure.column]), 0.0)
            of_row[part.rows, part.slice] += dual * part.highest(part.worth)
        return Prices.of(frame, m, self.dual, of_row, self._rates)

    def separate(self, relaxed: Relaxed, *, deep: bool = True) -> int:
        """Add violated cuts at an optimum and at a mean with earlier optima; return their number.

        `deep`: in small programs, whether to separate linked parts together even if other cuts were
        found. If public money pays viability gaps, linked parts are always separated together.
        """
        taken = relaxed.taken
        large = bool(self.cutter.money) and not self._quickly
        share, back = settings.LARGE_BACK if large else settings.BACK, self._middle
        self._middle = taken.copy() if back is None else (1 - share) * taken + share * back
        if large:
            self._middle[self._middle < settings.FORGOTTEN] = 0.0
        seen: set[bytes] = set()
        broken: list[Cut] = []
        units = np.where(np.isfinite(self.matrix.upper), self.matrix.upper, 1.0)

        def breaks(cut: Cut) -> bool:
            unit = float(np.abs(cut.value) @ np.abs(units[cut.column]))
            # A cut without measures only rules out infeasible choices.
            unit = unit or float(np.abs(cut.coefficient).max())
            return cut.over(taken, relaxed.point) > settings.SIGNIFICANT * unit

        def look(cuts: list[Cut]) -> None:
            for cut in cuts:
                key = cut.coefficient.tobytes() + cut.value.tobytes()
                if key not in seen and breaks(cut):
                    seen.add(key)
                    broken.append(cut)

        # Cuts are deeper at a mean of this and earlier optima than at the optimum itself.
        points = [self._middle, taken]
        awake = [m for m in self.cutter.energies if not self._rests[m.column][1]]
        resting = [m for m in self.cutter.energies if self._rests[m.column][1]]
        for point in points:
            look(self.cutter.of_worths(point))
            look(self.cutter.of_energies(point, awake))
        look(self.shortfalls.cuts(points, relaxed.point, breaks, linked=False))
        if not broken or (deep and self._quickly) or self.cutter.money:
            look(self.shortfalls.cuts(points, relaxed.point, breaks, linked=True))
            if large and self.shortfalls.missed:
                self._middle = taken.copy()  # the mean was too far away to yield a violated cut
        if not broken:
            for point in points:
                look(self.cutter.of_energies(point, resting))
        self._rest(awake, {int(c) for cut in broken for c in cut.column})
        self.add(broken)
        return len(broken)

    def _rest(self, awake: list[Measure], broken: set[int]) -> None:
        """Pause each energy measure about twice as long as before, unless a cut on it was found."""
        for column, (rest, left) in self._rests.items():
            self._rests[column] = (rest, max(left - 1, 0))
        for m in awake:
            rest = min(2 * self._rests[m.column][0] + 1, settings.RESTS)
            self._rests[m.column] = (rest, rest)
        for column in broken & set(self._rests):
            self._rests[column] = (0, 0)

    @property
    def most(self) -> float:
        """Value of the aim if each column is at its better bound (may be infinite)."""
        m = self.matrix
        return sum_at_limits(m.cost, m.lower, m.upper) * self.size

    def cut_at(self, choice: Ints, optimum: Floats) -> float:
        """Add the cuts that are tight at a choice; return the bound on the choice's worth.

        Most of these cuts bound other choices only weakly, so cuts are also sought between the
        choice and `optimum` (values of the options).
        """
        taken = self.frame.values(choice)
        endless = np.full(self.matrix.a.shape[1], settings.ENDLESS)
        self.add(self.cutter.of_worths(taken))
        self.add(self.cutter.of_energies(taken, self.cutter.energies))
        for point in ((1 - settings.TOWARDS) * taken + settings.TOWARDS * optimum, taken):
            self.add(self.shortfalls.cuts([point], endless, lambda _: True, linked=False))
        self.model.changeColsBounds(self.count, self._columns, taken, taken)
        relaxed = self.solve()
        self.model.changeColsBounds(self.count, self._columns, self._low, self._high)
        if relaxed is None:
            return math.inf
        # Subtract the charge on unspent money, which the bound includes.
        left = self._refund - float(self._thrift[choice].sum())
        return relaxed.bound - left * self.size

    def dive(self, taken: Floats, room: Room) -> Ints | None:
        """Return the choice that a dive from the optimum reaches with these cuts, or None."""

        def again(lower: Floats, upper: Floats) -> Floats | None:
            self.model.changeColsBounds(self.count, self._columns, lower, upper)
            relaxed = self.solve()
            return None if relaxed is None or relaxed.bound == -math.inf else relaxed.taken

        choice = dive(self.frame, room, self.clock, again, taken)
        self.model.changeColsBounds(self.count, self._columns, self._low, self._high)
        return choice

    def begin_at(self, choice: Ints) -> None:
        """Start separation near a plan, because cuts are deeper there than at the first optimum."""
        self._middle = self.frame.values(choice)

    def program(
        self, allowed: Flags, start: Ints | None, *, gap: float, nodes: int, threads: int, seed: int
    ) -> tuple[float, float, Ints | None]:
        """Solve the integer program with the binding cuts; return its bound, value and choice.

        `allowed`: the options that the choice may contain, including the options of `start`.
        """
        m = self.matrix
        # The cuts that are binding at the last optimum, or at the optimum before it.
        binding = [row for row, idle in zip(self.rows, self._slack, strict=True) if idle <= 1]
        cuts, side = [(cut.index, cut.value) for cut in binding], [cut.most for cut in binding]
        # Presolve is off, because HiGHS 1.16 once looped forever in it, so closed options are left
        # out here. It also looped if integer columns counted the stations of each kind.
        at = np.concatenate([np.flatnonzero(allowed), np.arange(self.count, m.a.shape[1])])
        options = int(allowed.sum())
        a = sparse.csc_array(sparse.vstack([m.a, rows_of(cuts, m.a.shape[1])]))[:, at]
        model = model_of(
            a, m.cost[at], m.lower[at], m.upper[at],
            np.concatenate([m.row_lower, np.full(len(side), -np.inf)]),
            np.concatenate([m.row_upper, side]),
            whole=np.arange(len(at)) < options,
            start=None if start is None else self.frame.values(start)[allowed],
            mip_rel_gap=gap, mip_max_nodes=nodes, threads=threads, random_seed=seed, presolve="off",
        )  # fmt: skip
        answer = run_model(model, self.clock, whole=True)
        choice = at[:options][answer.point[:options] > 0.5] if answer.found else None
        return answer.bound * self.size, answer.objective * self.size, choice
