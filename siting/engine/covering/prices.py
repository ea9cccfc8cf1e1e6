"""Row prices of a covering problem: they bound every plan from above and exclude options.

Each row has a price of at most its weight, ``0 <= p_i <= w_i``. Every option that covers the row
earns this price. Then no plan covers more than::

    sum of (w_i - p_i)  +  the most that a plan within the budget earns

The second term is relaxed to a knapsack with one option per group: ``min over m >= 0 of  m B + sum
over groups of max(0, p(k) - m c_k)``. Here ``p(k)`` is the sum of the prices of the rows that ``k``
covers, and ``m`` is the price of a unit of budget. At best, this Lagrangian bound equals the bound
of the linear relaxation. If option ``k`` is required, the bound falls by at least ``max(0, p(j) - m
c_j) - (p(k) - m c_k)``, where ``j`` is the best option of its group. If the bound then does not
exceed the weight of a known plan, ``k`` is excluded.

Source: R. D. Galvão, L. G. A. Espejo, B. Boffey: A comparison of Lagrangean and surrogate
relaxations for the maximal covering location problem. European Journal of Operational Research 124
(2000), 377-389.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.program.instance import Floats, Ints


class Knapsack:
    """The relaxed knapsack: the maximum that one option per group can earn within a budget."""

    def __init__(self, cost: Floats, group: Ints, budget: float) -> None:
        self.cost, self.budget, self._group = cost, budget, group
        self._order = np.argsort(self._group, kind="stable")
        self._heads = np.flatnonzero(np.diff(self._group[self._order], prepend=-1))
        self._alone = len(self._heads) == len(self.cost)

    def fill(self, sold: Floats) -> tuple[float, Floats, float]:
        """Return the largest earnings, the fraction taken of each option, and the price of budget.

        `sold`: each option's earnings, i.e. the sum of the prices of the rows it covers. The price
        is that of one unit of budget.
        """
        taken = self._best(sold, 0.0)
        value, spent = float(sold @ taken), float(self.cost @ taken)
        if spent <= self.budget:
            return value, taken, 0.0
        over = (value, spent, taken)
        taken = self._best(np.where(self.cost > 0, -1.0, sold), 0.0)
        under = (float(sold @ taken), 0.0, taken)
        while True:
            worth = (over[0] - under[0]) / (over[1] - under[1])
            line = over[0] + worth * (self.budget - over[1])
            taken = self._best(sold, worth)
            value, spent = float(sold @ taken), float(self.cost @ taken)
            if value + worth * (self.budget - spent) <= line + settings.ROUNDING * abs(line):
                break
            if spent > self.budget:
                over = (value, spent, taken)
            else:
                under = (value, spent, taken)
        share = (self.budget - under[1]) / (over[1] - under[1])
        mixed = share * over[2] + (1 - share) * under[2]
        bound = worth * self.budget + float(self.left(sold, worth).sum())
        return bound, mixed, worth

    def left(self, sold: Floats, worth: float) -> Floats:
        """Return each group's best net earnings (0 or more) if a unit of budget costs `worth`."""
        net = sold - worth * self.cost
        if self._alone:
            return np.maximum(net, 0.0)
        return np.maximum(np.maximum.reduceat(net[self._order], self._heads), 0.0)

    def of_option(self, by_group: Floats) -> Floats:
        """Return, for each option, the value of its group."""
        if self._alone:
            return by_group
        out = np.empty(len(self.cost))
        out[self._order] = np.repeat(by_group, np.diff(self._heads, append=len(self.cost)))
        return out

    def _best(self, sold: Floats, worth: float) -> Floats:
        net = sold - worth * self.cost
        if self._alone:
            return (net > 0).astype(float)
        top = self.of_option(np.maximum.reduceat(net[self._order], self._heads))
        best = np.flatnonzero((net > 0) & (net >= top))
        out = np.zeros(len(net))
        _, first = np.unique(self._group[best], return_index=True)
        out[best[first]] = 1.0
        return out


@dataclass(eq=False)
class Prices:
    """The prices of the best bound so far, and the figures derived from them."""

    price: Floats  # price of each row
    bound: float  # bound on the weight of any plan
    taken: Floats  # fraction of each option in the relaxed program, averaged over the last steps
    worth: float  # price of a unit of budget, in weight

    def loss(self, covering: Covering) -> Floats:
        """Return, for each option, the minimum amount by which requiring it lowers the bound."""
        knapsack = Knapsack(covering.cost, covering.group, covering.budget)
        sold = np.asarray(covering.matrix.T @ self.price, dtype=float)
        left = knapsack.of_option(knapsack.left(sold, self.worth))
        return np.asarray(left - (sold - self.worth * covering.cost))


def tighten(covering: Covering, least: float, clock: Clock, *, aim: float, steps: int) -> Prices:
    """Return prices that give a good bound, found by subgradient steps.

    The steps end once the bound is at most `aim`; `least` is the weight of a known plan.
    """
    weight, matrix = covering.weight, covering.matrix
    across = sparse.csr_array(matrix.T)
    knapsack = Knapsack(covering.cost, covering.group, covering.budget)
    price = 0.5 * weight
    # If no step improves the bound, these zero prices and their bound are returned.
    best = Prices(np.zeros(len(weight)), float(weight.sum()), np.zeros(len(covering.cost)), 0.0)
    length, stalled, mean = 1.0, 0, best.taken
    for step in range(steps):
        most, taken, worth = knapsack.fill(np.asarray(across @ price, dtype=float))
        bound = float((weight - price).sum()) + most
        mean = taken if step == 0 else 0.9 * mean + 0.1 * taken
        stalled += 1
        if bound < best.bound:
            stalled = 0 if bound < best.bound * (1 - settings.STALLED) else stalled
            best = Prices(price, bound, mean, worth)
        best.taken = mean
        if bound <= aim or clock.over:
            break
        slope = np.asarray(matrix @ taken, dtype=float) - 1.0
        slope[(price <= 0) & (slope > 0)] = 0.0
        slope[(price >= weight) & (slope < 0)] = 0.0
        if stalled >= settings.SUBGRADIENT_PATIENCE:
            length, stalled, price = length / 2, 0, best.price
        size = float(slope @ slope)
        if size <= 1e-18:
            break
        far = length * max(bound - least, 1e-6 * abs(bound)) / size
        price = np.clip(price - far * slope, 0.0, weight)
    return best
