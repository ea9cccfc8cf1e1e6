"""The phases of a solve of a covering, with the best plan and bound so far.

In turn, until the gap asked is proven:

1. reductions that cost nothing (`siting.engine.covering.reduce`);
2. a greedy plan, bettered by exchanges (`siting.engine.covering.search`);
3. prices of the rows (`siting.engine.covering.prices`): a bound, and options no better plan has;
4. kicks;
5. the relaxed program by cuts (`siting.engine.covering.master`), rounded off now and then; options
   that its bound rules out leave it;
6. more kicks, and branch and bound (`siting.engine.covering.tree`).

All effort is counted in work, not in seconds, so that two runs do the same.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.master import Cuts, cut_down
from siting.engine.covering.plan import Standing
from siting.engine.covering.prices import Knapsack, Prices, tighten
from siting.engine.covering.reduce import Reduced, reduce_covering, with_options
from siting.engine.covering.search import Kicks, exchange, greedy, round_off
from siting.engine.covering.tree import WHOLE, Tree
from siting.engine.proof import ARITHMETIC
from siting.program.instance import Floats, Ints

# Work of the kicks for each pair of row and option: before the cuts, after them, and with each node
# of the tree; and the least there is in all.
FIRST_WORK, MORE_WORK, NODE_WORK, LEAST_PAIRS = 1000, 4000, 25, 50_000
# No better plan for this share of the work so far, and kicking stops.
TIRED = 0.5
ZONES = 120
# The relaxed program is made anew where fewer than this share of the pairs can matter.
NARROWER = 0.6
STEPS = 150
# Share of the gap asked that the relaxed programs may be off.
ACCURACY, FINEST = 0.02, 1e-7
# A weight that all are multiples of counts if rounding is this much smaller.
STEP_SURE = 0.01


class CoveringRun:
    """The best plan and bound so far, and the phases that better them.

    Parameters
    ----------
    covering, clock, gap, seed
        As for `solve_covering`.
    """

    def __init__(self, covering: Covering, clock: Clock, gap: float, seed: int) -> None:
        self.covering, self.clock, self.gap, self.seed = covering, clock, gap, seed
        self.chosen = covering.forced.copy()
        with clock.phase("reduction"):
            self.left = reduce_covering(covering)
        self.certain = self.left.certain
        self.value = self.certain  # of the plan so far
        self.bound = self.certain + float(self.left.covering.weight.sum())
        self.step = _common_step(covering.weight)
        self.nodes = 0
        self._ruled_out = -math.inf  # plans with options left out on the way cover no more
        self._plan = Standing(self.left.covering)
        self._pairs = max(len(self.left.covering.option), LEAST_PAIRS)

    # --- what is known -----------------------------------------------------------------------

    @property
    def aim(self) -> float:
        """Weight of a plan that would end the proof at the bound, or the least better one."""
        least = self.value * (1 + max(self.gap, ARITHMETIC / 10))
        return max(least, self.value + (1 - 2 * STEP_SURE) * self.step)

    @property
    def done(self) -> bool:
        """Whether to go on no further."""
        return self.clock.over or self.bound <= self.aim

    def offer(self, left: Reduced, chosen: Ints) -> None:
        """Keep a plan for what is left, if it covers more."""
        whole = left.whole(chosen)
        value = self.certain + left.covering.value(chosen)
        if value > self.value and self.covering.allows(whole):
            self.chosen, self.value = whole, value
        self.clock.hear(self.value, self.bound)
        self.clock.report()

    def limit(self, bound: float) -> None:
        """Keep a bound on the weight of all, if it is lower."""
        bound = max(bound, self._ruled_out)
        if self.step > 0:
            bound = self.step * math.floor(bound / self.step + STEP_SURE)
        self.bound = min(self.bound, max(bound, self.value))
        self.clock.hear(self.value, self.bound)
        self.clock.report()

    # --- phases ------------------------------------------------------------------------------

    def work(self) -> None:
        """Run the phases until the gap is proven or time is up."""
        clock, left = self.clock, self.left
        if not len(left.covering.weight):
            self.limit(self.certain)
            return
        with clock.phase("start"):
            self._start()
        if self.done:
            return
        with clock.phase("prices"):
            prices = self.prices()
        self.limit(self.certain + prices.bound)
        if self.done:
            return
        left, prices = self._without_useless(left, prices)
        if not len(left.covering.weight):
            self.limit(self._ruled_out)
            return
        with clock.phase("kicks"):
            kicks = self._kicks(left, prices, FIRST_WORK * self._pairs)
        if self.done:
            return
        with clock.phase("cuts"):
            cuts = self._cut(left, prices, kicks)
            if self.done or cuts.point is None:
                return
            narrow = self._narrow(left, cuts)
            if narrow is not None:
                left, cuts = narrow
        if self.done:
            return
        with clock.phase("kicks"):
            if narrow is not None:
                kicks = self._kicks(left, replace(prices, taken=cuts.taken), 0.0)
            self._kick(kicks, left, MORE_WORK * self._pairs)
        if self.done:
            return
        with clock.phase("tree"):
            self._grow(left, cuts, kicks)

    def prices(self) -> Prices:
        """Return prices of the rows left."""
        return tighten(
            self.left.covering,
            max(self.value - self.certain, 0.0),
            self.clock,
            aim=self.aim - self.certain,
            steps=STEPS,
        )

    def _start(self) -> None:
        plan = self._plan
        greedy(plan, self.clock)
        by_rate = plan.chosen
        self.offer(self.left, by_rate)
        plan.clear()
        greedy(plan, self.clock, price=np.zeros(plan.options))
        self.offer(self.left, plan.chosen)
        if plan.value < self.left.covering.value(by_rate):
            plan.move_to(by_rate)
        exchange(plan, self.clock)
        self.offer(self.left, plan.chosen)

    def _without_useless(self, left: Reduced, prices: Prices) -> tuple[Reduced, Prices]:
        """Return what is left without options that are in no better plan, and the prices there."""
        whole = left.covering
        knapsack = Knapsack(whole.cost, whole.group, whole.budget)
        useless = prices.useless(whole, knapsack, self.value - self.certain)
        if not useless.any():
            return left, prices
        self._ruled_out = max(self._ruled_out, self.value)
        less = reduce_covering(whole, ~useless)
        there = less.row >= 0
        price = np.bincount(less.row[there], prices.price[there], len(less.covering.weight))
        row = np.full(len(left.row), -1, dtype=np.int64)
        row[left.row >= 0] = less.row[left.row[left.row >= 0]]
        inside = Reduced(less.covering, left.option[less.option], row, left.forced, self.certain)
        self._pairs = max(len(less.covering.option), LEAST_PAIRS)
        return inside, replace(prices, price=price, taken=prices.taken[less.option])

    def _narrow(self, left: Reduced, cuts: Cuts) -> tuple[Reduced, Cuts] | None:
        """Return what is left without options that are in no plan above the aim, if much goes."""
        whole, point = left.covering, cuts.point
        assert point is not None
        lost = point.bound + point.reduced <= self.aim - self.certain
        keep = ~(lost & (point.taken < WHOLE))
        pairs = np.bincount(whole.option, minlength=len(keep))
        if pairs[keep].sum() > NARROWER * pairs.sum():
            return None
        self._ruled_out = max(self._ruled_out, self.aim)
        inside = replace(left, covering=with_options(whole, keep), option=left.option[keep])
        self._pairs = max(len(inside.covering.option), LEAST_PAIRS)
        master = cuts.master.narrowed(inside.covering)
        taken = point.taken[keep]
        return inside, Cuts(master, point, cuts.bound, taken)

    def _kicks(self, left: Reduced, prices: Prices, work: float) -> Kicks:
        plan = Standing(left.covering)
        position = np.full(len(self.covering.cost), -1)
        position[left.option] = np.arange(len(left.option))
        here = position[self.chosen]
        plan.move_to(here[here >= 0])
        exchange(plan, self.clock)
        round_off(plan, prices.taken, self.clock)
        kicks = Kicks(plan, self.seed, prices.worth)
        self._kick(kicks, left, work)
        return kicks

    def _kick(self, kicks: Kicks, left: Reduced, work: float) -> None:
        """Kick in parts, until no better plan is found for a while."""
        spent, found_at, part = 0.0, 0.0, work / 20
        while spent < work and not self.done:
            enough = self.bound / (1 + self.gap) - self.certain
            if kicks.run(part, self.clock, enough):
                found_at = spent + part
                self.offer(left, kicks.best)
            spent += part
            if spent - found_at > max(TIRED * spent, 4 * part):
                break

    def _cut(self, left: Reduced, prices: Prices, kicks: Kicks) -> Cuts:
        def hear(bound: float, taken: Floats) -> bool:
            self.limit(self.certain + bound)
            if not self.done:
                self._round_off(left, kicks, taken)
            return self.done

        return cut_down(
            left.covering, prices, self.clock, ZONES, self._accuracy, seed=self.seed, hear=hear
        )

    @property
    def _accuracy(self) -> float:
        return max(ACCURACY * self.gap, FINEST)

    def _round_off(self, left: Reduced, kicks: Kicks, taken: Floats) -> None:
        plan = kicks.plan
        plan.clear()
        round_off(plan, taken, self.clock)
        kicks.offer(plan.chosen, plan.value)
        self.offer(left, plan.chosen)

    def _grow(self, left: Reduced, cuts: Cuts, kicks: Kicks) -> None:
        assert cuts.point is not None
        tree = Tree(
            cuts.master,
            self.clock,
            lambda: self.aim - self.certain,
            lambda taken: self._round_off(left, kicks, taken),
            self._accuracy,
        )
        size = len(left.covering.cost)
        tree.push(cuts.bound, np.zeros(size), np.ones(size))
        while tree.step():
            self.nodes = tree.nodes
            self.limit(self.certain + tree.bound)
            if self.done:
                return
            if kicks.run(NODE_WORK * self._pairs, self.clock):
                self.offer(left, kicks.best)
        self.limit(self.certain + tree.bound)


def run_covering(covering: Covering, clock: Clock, gap: float, seed: int) -> CoveringRun:
    """Return a run of all phases; after Ctrl-C the clock is interrupted and the run as it was."""
    run = CoveringRun(covering, clock, gap, seed)
    try:
        run.work()
    except KeyboardInterrupt:
        clock.interrupted = True
    return run


def _common_step(weight: Floats) -> float:
    """Return the largest number that all weights are whole multiples of, or 0."""
    total = float(weight.sum())
    if not len(weight) or total <= 0 or total >= 2**53 or (weight != np.rint(weight)).any():
        return 0.0
    step = float(np.gcd.reduce(weight.astype(np.int64)))
    return step if 1e-11 * total <= STEP_SURE * step else 0.0
