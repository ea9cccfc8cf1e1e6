"""Prices for a program over several years, from relaxations of its years one at a time.

A plan over years contains a plan of each year, which draws at most the money granted up to the end
of that year. The relaxations of the single years are small, and their duals are nearly those of the
relaxation over all years. Any prices give a bound on all plans (`siting.engine.station_bound`)::

    price of a kWh in year t          =  w_t p_t
    price of a rupee drawn by year t  =  w_t q_t                     if money carries over
    price of a rupee drawn in year t  =  sum of w_s q_s over s >= t  if money lapses

where ``p_t`` and ``q_t`` are the duals of the year's demand rows and of its budget, and ``w_t`` is
the weight of the year.

Source: M. Guignard, S. Kim: Lagrangean decomposition: a model yielding stronger Lagrangean bounds.
Mathematical Programming 39 (1987), 215-228.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.pricing import Pricing
from siting.engine.station_bound import Prices
from siting.errors import InputError, SolveError
from siting.program.instance import Ints
from siting.program.program import Program
from siting.program.resources import BUDGET, budget_rows


def prices_by_year(frame: Frame, clock: Clock, *, seed: int) -> tuple[Prices, Ints] | None:
    """Return, for a multi-year program, prices and the offers that its relaxations use; else None.

    The result is None if the program has one year, if its aim is not the worth served, if public
    money pays viability gaps, or if a year cannot be solved in time.
    """
    program, aim = frame.program, frame.aim
    plan = program.year_plan
    if plan is None or program.gap is not None or not frame.layout.by_pair:
        return None  # sales of other years change the viability gap of a station
    if not aim.of_worth or frame.reached:
        return None
    of_years, offers = [], []
    for t in range(len(plan.weights)):
        year, kept = alone(program, t)
        none = np.zeros(0, dtype=np.int64)
        try:
            one = Frame(year, aim.in_year(t, plan.weights))
            found = Pricing(one, clock, start=none, some=none, seed=seed).roughly()
        except (InputError, SolveError):  # the numbers of one year may differ too much in magnitude
            found = None
        if found is None:
            return None
        of_years.append((one, found.prices))
        offers.append(kept[year.options.last[found.taken > settings.ARITHMETIC]])
    return over_years(frame, of_years), np.unique(np.concatenate(offers))


def over_years(frame: Frame, of_years: Sequence[tuple[Frame, Prices]]) -> Prices:
    """Return prices for a program over years, from the frames of its single years and their prices.

    By site and year, the price of a rupee of a viability gap is its price in the program of that
    year, times ``w_t``.
    """
    program, plan = frame.program, frame.program.year_plan
    assert plan is not None
    demand = np.zeros((len(program.instance.demand_ids), len(program.slices)))
    # Price of a unit of each resource, by kind and name.
    dear: defaultdict[tuple[str, str], float] = defaultdict(float)
    money, gaps = np.zeros(len(of_years)), np.zeros((frame.sites, len(of_years)))
    for t, (one, prices) in enumerate(of_years):
        weight = plan.weights[t]
        mine = [n for n, each in enumerate(program.slices) if each.year == t]
        demand[:, mine] = weight * np.nan_to_num(prices.demand)
        rows, of = one.resources, prices.limits.tolist()
        for kind, name, price in zip(rows.kinds, rows.names, of, strict=True):
            dear[kind, name] += weight * price
        money[t] = dear.pop((BUDGET, BUDGET), 0.0) + weight * float(prices.money.sum())
        if prices.gaps is not None:
            gaps[:, t] = weight * prices.gaps.sum(axis=1)
    if not plan.carry_over:
        money = np.cumsum(money[::-1])[::-1]
    if program.gap is None:
        for name, price in zip(budget_rows(plan), money.tolist(), strict=True):
            dear[BUDGET, name] = price
        money = np.zeros(0)
    rows = frame.resources
    limits = np.array([dear[row] for row in zip(rows.kinds, rows.names, strict=True)], dtype=float)
    return Prices(demand, money, limits, None if program.gap is None else gaps)


def alone(program: Program, t: int) -> tuple[Program, Ints]:
    """Return the program of year `t` with the offers that may be open by then, and these offers.

    Requirements that only the plan of the last year must meet are left out.
    """
    plan, year = program.year_plan, program.only_year(t)
    assert plan is not None
    instance = year.instance
    kept = np.flatnonzero(instance.offer_existing | (instance.offer_opens <= plan.years[t]))
    instance = instance.with_offers(kept)
    limits = tuple(replace(limit, at_least=0.0) for limit in instance.limits)
    none, bundle = instance.required_sites[:0], np.full_like(instance.offer_bundle, "")
    free = replace(instance, required_sites=none, limits=limits, offer_bundle=bundle)
    return replace(year, instance=free, floors=(), distances=()), kept
