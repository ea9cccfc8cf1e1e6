"""The phases of the covering solver, which improve the best plan found and the bound.

1. exact reductions (`siting.engine.covering.reduce`);
2. a greedy plan, improved by exchanges (`siting.engine.covering.search`);
3. prices of the rows (`siting.engine.covering.prices`): a bound, and options to exclude;
4. kicks (random changes) that lead the search out of local optima;
5. the relaxed master problem, solved by cuts (`siting.engine.covering.master`) and rounded from
   time to time; options that its bound excludes are removed;
6. more kicks, and branch and bound (`siting.engine.tree`).

The solve ends once the gap is proven. Effort is counted as work, not as time, so that runs are
reproducible.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.master import PatchModel, cut_down
from siting.engine.covering.plan import CoveringPlan
from siting.engine.covering.prices import Prices, tighten
from siting.engine.covering.reduce import reduce_covering, with_options
from siting.engine.covering.search import Kicks, exchange, greedy, round_off
from siting.engine.cut_model import Relaxed
from siting.engine.tree import Tree
from siting.program.instance import Floats, Ints


class CoveringRun:
    """The best plan found and the bound, and the phases that improve them."""

    def __init__(self, covering: Covering, clock: Clock, gap: float, seed: int) -> None:
        self.covering, self.clock, self.gap, self.seed = covering, clock, gap, seed
        self.chosen = covering.forced.copy()
        with clock.phase("reduction"):
            self.left = reduce_covering(covering)
        self.certain = self.left.certain
        # Values of the incumbent and of the bound, in the reduced covering.
        self.best, self._bound = 0.0, float(self.left.covering.weight.sum())
        self.step = _common_step(covering.weight)
        self.nodes = 0
        self._ruled_out = -math.inf  # bound on plans with an excluded option

    # --- what is known -----------------------------------------------------------------------

    @property
    def value(self) -> float:
        """Weight that the incumbent covers."""
        return self.certain + self.best

    @property
    def bound(self) -> float:
        """Bound on the weight of any plan."""
        return self.certain + self._bound

    @property
    def proven_at(self) -> float:
        """Bound on the reduced covering at which the gap is proven, or no plan can be better."""
        least = self.value * (1 + max(self.gap, settings.ARITHMETIC / 10))
        return max(least, self.value + (1 - 2 * settings.STEP_SURE) * self.step) - self.certain

    @property
    def closes_at(self) -> float:
        """Bound at which a node of the tree is closed."""
        return self.proven_at

    @property
    def done(self) -> bool:
        """Whether time is up or the gap is proven."""
        return self.clock.over or self._bound <= self.proven_at

    def weighed(self, chosen: Ints) -> float:
        """Return the weight of a choice of options, -inf if infeasible; keep the best plan."""
        whole = self.left.whole(chosen)
        value = self.left.covering.value(chosen) if self.covering.allows(whole) else -math.inf
        if value > self.best:
            self.chosen, self.best = whole, value
        self._tell()
        return value

    def limit(self, bound: float) -> None:
        """Keep a bound on the reduced covering if it is lower than the current one."""
        bound = max(bound, self._ruled_out)
        if self.step > 0 and math.isfinite(bound):
            bound = self.step * math.floor(bound / self.step + settings.STEP_SURE)
        self._bound = min(self._bound, max(bound, self.best))
        self._tell()

    def _tell(self) -> None:
        self.clock.hear(self.value, self.bound)
        self.clock.report()

    # --- phases ------------------------------------------------------------------------------

    def work(self) -> None:
        """Run the phases until the gap is proven or time is up."""
        clock = self.clock
        if not len(self.left.covering.weight):
            self.limit(0.0)
            return
        with clock.phase("start"):
            self._start()
        if self.done:
            return
        with clock.phase("prices"):
            prices = self.prices()
        self.limit(prices.bound)
        if self.done:
            return
        prices = self._without_useless(prices)
        if not len(self.left.covering.weight):
            self.limit(self._ruled_out)
            return
        with clock.phase("kicks"):
            self.kicks = self._kicks(prices.taken, prices.worth)
            self._kick(settings.FIRST_WORK)
        if self.done:
            return
        with clock.phase("cuts"):
            model, found = self._cut(prices)
            if self.done or found is None:
                return
            model = self._narrow(model, found)
        with clock.phase("kicks"):
            self._kick(settings.MORE * settings.FIRST_WORK)
        if self.done:
            return
        with clock.phase("tree"):
            tree = Tree(model, self, clock, self.plan_at)
            while not self.done and not tree.finished:
                tree.run(1)
                if tree.nodes == self.nodes and not tree.finished:
                    return
                self.nodes = tree.nodes

    def prices(self) -> Prices:
        """Return prices of the remaining rows."""
        least, aim, steps = max(self.best, 0.0), self.proven_at, settings.SUBGRADIENT_STEPS
        return tighten(self.left.covering, least, self.clock, aim=aim, steps=steps)

    def _start(self) -> None:
        plan = CoveringPlan(self.left.covering)
        greedy(plan, Clock(math.inf))  # a first plan, without a time limit
        by_rate = plan.chosen
        self.weighed(by_rate)
        plan.clear()
        greedy(plan, self.clock, price=np.zeros(plan.options))
        self.weighed(plan.chosen)
        if plan.value < self.left.covering.value(by_rate):
            plan.move_to(by_rate)
        exchange(plan, self.clock)
        self.weighed(plan.chosen)

    def _without_useless(self, prices: Prices) -> Prices:
        """Remove options that no better plan uses; return the prices of the remaining rows."""
        left, whole = self.left, self.left.covering
        useless = prices.bound - prices.loss(whole) <= self.best
        if not useless.any():
            return prices
        self._ruled_out = max(self._ruled_out, self.best)
        less = reduce_covering(whole, ~useless)
        there = less.row >= 0
        price = np.bincount(less.row[there], prices.price[there], len(less.covering.weight))
        option = left.option[less.option]
        self.left = replace(less, option=option, forced=left.forced, certain=self.certain)
        return replace(prices, price=price, taken=prices.taken[less.option])

    def _narrow(self, model: PatchModel, relaxed: Relaxed) -> PatchModel:
        """Remove options that are in no plan worth more than `proven_at`."""
        left, whole = self.left, self.left.covering
        hopeless, closed = relaxed.hopeless(self.proven_at)
        if not hopeless.any():
            return model
        self._ruled_out = max(self._ruled_out, closed)
        inside = with_options(whole, ~hopeless)
        self.left = replace(left, covering=inside, option=left.option[~hopeless])
        self.kicks = self._kicks(relaxed.taken[~hopeless], self.kicks.worth)
        return model.narrowed(~hopeless, inside)

    def _kicks(self, taken: Floats, worth: float) -> Kicks:
        """Return a local search that starts from the remaining options of the incumbent."""
        plan = CoveringPlan(self.left.covering)
        plan.move_to(np.flatnonzero(np.isin(self.left.option, self.chosen)))
        exchange(plan, self.clock)
        round_off(plan, taken, self.clock)
        return Kicks(plan, self.seed, worth)

    def _kick(self, work_per_pair: float) -> None:
        """Run kicks in batches until no better plan has been found for a while."""
        work = work_per_pair * max(len(self.left.covering.option), settings.LEAST_WORK)
        spent, found_at, part = 0.0, 0.0, work / 20
        while spent < work and not self.done:
            enough = self.bound / (1 + self.gap) - self.certain
            if self.kicks.run(part, self.clock, enough):
                found_at = spent + part
                self.weighed(self.kicks.best)
            spent += part
            if spent - found_at > 4 * part:
                break

    def _cut(self, prices: Prices) -> tuple[PatchModel, Relaxed | None]:
        def hear(bound: float, taken: Floats) -> bool:
            self.limit(bound)
            if not self.done:
                self.plan_at(taken)
            return self.done

        accuracy = max(settings.RELAXED_GAP * self.gap, settings.ARITHMETIC)
        left = self.left.covering
        return cut_down(left, prices, self.clock, accuracy, seed=self.seed, hear=hear)[:2]

    def plan_at(self, taken: Floats) -> None:
        """Make a plan from the options' values in a relaxed program."""
        plan = self.kicks.plan
        plan.clear()
        round_off(plan, taken, self.clock)
        self.kicks.go_on_from(plan.chosen, plan.value)
        self.weighed(plan.chosen)


def run_covering(covering: Covering, clock: Clock, gap: float, seed: int) -> CoveringRun:
    """Run all phases and return the run; Ctrl-C ends it early and keeps the results so far."""
    run = CoveringRun(covering, clock, gap, seed)
    try:
        run.work()
    except KeyboardInterrupt:
        clock.interrupt()
    return run


def _common_step(weight: Floats) -> float:
    """Return the greatest common divisor of the weights if all are integers, else 0."""
    total = float(weight.sum())
    if not len(weight) or total <= 0 or total >= 2**53 or (weight != np.rint(weight)).any():
        return 0.0
    step = float(np.gcd.reduce(weight.astype(np.int64)))
    return step if 10 * settings.ROUNDING * total <= settings.STEP_SURE * step else 0.0
