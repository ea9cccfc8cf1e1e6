"""Prices for a program over several years, from relaxations of its years one at a time.

A plan over years contains a plan of each year, which draws at most the money granted by then. The
relaxations of the single years are small, and their duals are nearly those of the relaxation over
all years. Any prices give a bound on all plans (`siting.engine.station_bound`)::

    price of a kWh in year t          =  w_t p_t
    price of a rupee drawn by year t  =  w_t q_t                     if money carries over
    price of a rupee drawn in year t  =  sum of w_s q_s over s >= t  if money lapses

where ``p_t`` and ``q_t`` are the duals of the year's demand rows and of its budget, and ``w_t`` is
the weight of the year.

Source: M. Guignard, S. Kim: Lagrangean decomposition: a model yielding stronger Lagrangean bounds.
Mathematical Programming 39 (1987), 215-228.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.pricing import Pricing
from siting.engine.station_bound import Prices
from siting.program.instance import Ints
from siting.program.resources import BUDGET, budget_rows


@dataclass(frozen=True, eq=False)
class YearPrices:
    """Prices of the rows of a program over years, and the offers that its relaxations use."""

    prices: Prices
    offers: Ints


def prices_by_year(frame: Frame, clock: Clock, *, seed: int) -> YearPrices | None:
    """Return prices for a program over years; None if it has one year or if time runs out.

    Floors and distances to other plans are left out, because a single year may not meet them.
    """
    program, aim = frame.program, frame.aim
    plan = program.year_plan
    if plan is None or not frame.layout.by_pair or not aim.of_worth or frame.reached:
        return None
    demand = np.zeros((len(program.instance.demand_ids), len(program.slices)))
    dear: Counter[str] = Counter()  # price of a unit of each resource, by name
    money, offers = np.zeros(len(plan.weights)), []
    for t, weight in enumerate(plan.weights):
        year = replace(program.only_year(t), floors=(), distances=())
        one = Frame(year, aim.in_year(t, plan.weights))
        none = np.zeros(0, dtype=np.int64)
        found = Pricing(one, clock, start=none, some=none, seed=seed).roughly()
        if found is None:
            return None
        mine = [n for n, each in enumerate(program.slices) if each.year == t]
        demand[:, mine] = weight * found.prices.demand
        for name, price in zip(one.resources.names, found.prices.limits.tolist(), strict=True):
            dear[name] += weight * price
        # Public money is a resource or, if it pays viability gaps, has a price of its own.
        drawn = len(found.prices.money) > 0
        money[t] = weight * found.prices.money[0] if drawn else dear.pop(BUDGET, 0.0)
        offers.append(year.options.last[found.taken > settings.ARITHMETIC])
    if not plan.carry_over:
        money = np.cumsum(money[::-1])[::-1]
    dear.update(dict(zip(budget_rows(plan), money.tolist(), strict=True)))
    limits = np.array([dear[name] for name in frame.resources.names], dtype=float)
    prices = Prices(demand, money if drawn else np.zeros(0), limits)
    return YearPrices(prices, np.unique(np.concatenate(offers)))
