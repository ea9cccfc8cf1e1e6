"""Covering heuristics: a greedy method, exchanges, and random kicks to leave local optima.

Effort is counted as work, not as time, so that runs with the same seed are reproducible. Ties go to
the first option.

Source: H. R. Lourenço, O. C. Martin, T. Stützle: Iterated local search. Handbook of Metaheuristics
(2003), 320-353.
"""

from __future__ import annotations

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.covering.plan import CoveringPlan
from siting.program.instance import Flags, Floats, Ints


def greedy(
    plan: CoveringPlan, clock: Clock, price: Floats | None = None, among: Flags | None = None
) -> None:
    """Add options while the budget lasts, in order of the weight gained per unit of `price`.

    Prices are by default the costs; options with price 0 come first. `among`: allowed options.
    """
    price = plan.covering.cost if price is None else price
    paid = np.where(price > 0, price, 1.0)
    first = np.where(price > 0, 0.0, np.inf)
    while not clock.over:
        open_ = plan.addable() if among is None else plan.addable() & among
        if not open_.any():
            return
        rate = np.where(open_, plan.gain / paid + first, -1.0)
        best = np.flatnonzero(rate == rate.max())
        plan.add(int(best[plan.gain[best].argmax()]))
        plan.work += 4 * plan.options


def exchange(plan: CoveringPlan, clock: Clock, worth: float = 0.0) -> None:
    """Repeat the most profitable exchange until none is profitable; then add options that fit.

    A unit of unspent budget first counts as `worth`, and in the end as 0.
    """
    cost = plan.covering.cost
    while not clock.over:
        slots, change = plan.exchanges()
        if worth > 0:
            change -= worth * cost
            change += (worth * cost[plan.holds[slots]])[:, None]
        if not change.size or change.max() <= plan.noise:
            greedy(plan, clock)
            if worth <= 0:
                return
            worth = 0.0
            continue
        n, k = divmod(int(change.argmax()), plan.options)
        plan.drop(int(plan.holds[slots[n]]))
        plan.add(k)
        if worth <= 0:
            greedy(plan, clock)


class Kicks:
    """Iterated local search: remove options, add others from a random half of all, then exchange.

    The search starts from `plan` and changes it; `worth` is the dual price of a unit of budget.
    """

    def __init__(self, plan: CoveringPlan, seed: int, worth: float) -> None:
        self.plan, self.worth = plan, worth
        self.rng = np.random.default_rng(seed)
        self.best, self.value = plan.chosen, plan.value

    def go_on_from(self, chosen: Ints, value: float) -> None:
        """Continue from another plan if it is better."""
        if value > self.value + self.plan.noise:
            self.best, self.value = chosen, value

    def run(self, work: float, clock: Clock, enough: float = np.inf) -> bool:
        """Run kicks until `work` or `enough` is reached; return whether the plan improved."""
        plan, before = self.plan, self.value
        until = plan.work + work
        while plan.work < until and not clock.over and self.value < enough and len(self.best):
            self._kick(clock)
            # An equally good plan replaces the best one, so that the search moves on.
            if plan.value >= self.value - plan.noise:
                self.best, self.value = plan.chosen, max(plan.value, self.value)
        return self.value > before + plan.noise

    def _kick(self, clock: Clock) -> None:
        plan, rng = self.plan, self.rng
        plan.move_to(self.best)
        stands = plan.chosen
        out = min(int(rng.integers(1, settings.FIRST_SIZE + 1)), len(stands))
        gone = rng.choice(stands, out, replace=False)
        for k in gone.tolist():
            plan.drop(k)
        offered = rng.random(plan.options) < 0.5
        offered[gone] = False
        greedy(plan, clock, among=offered)
        worth = self.worth * float(rng.random()) if rng.random() < 0.5 else 0.0
        exchange(plan, clock, worth)


def round_off(plan: CoveringPlan, taken: Floats, clock: Clock) -> None:
    """Add options by their relaxed values, the largest first; then fill up and exchange."""
    for k in np.argsort(-taken, kind="stable").tolist():
        if taken[k] < settings.SIGNIFICANT:
            break
        if plan.gain[k] > plan.noise and plan.addable()[k]:
            plan.add(k)
    greedy(plan, clock)
    exchange(plan, clock)
