"""Bounds over several years, from relaxations of the years one at a time.

The worth served and the cost to all are sums over the years. So if each year's bound on the worth
is multiplied by the weight ``w_t`` of the year, the sum is a bound on the worth of any plan. The
cost to all is ``sum of w_t C_t``, and plans must keep the worth that an earlier aim reached,
``sum of w_t W_t >= R``. In each year, the prices of a relaxation that keeps the worth ``R_t`` give
a bound on the cost for any worth (Lagrangian relaxation)::

    C_t  >=  L  +  p (W_t - R_t)

where ``L`` is the bound at these prices and ``p`` the price of the worth. Each round of column
generation gives another such bound. A small linear program finds the least cost to all that these
bounds allow, with ``W_t`` at most the bound on the worth of the year. A plan over years contains a
plan of each year (`siting.engine.year_prices`), so no plan costs less.

Source: A. Geoffrion: Lagrangean relaxation for integer programming. Mathematical Programming Study
2 (1974), 82-114.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.linear import model_of, run_model
from siting.engine.parallel import in_parallel
from siting.engine.pricing import Pricing
from siting.engine.station_bound import Prices
from siting.engine.year_prices import alone, over_years
from siting.errors import InputError, SolveError
from siting.program.instance import Floats, Ints
from siting.program.matrix import Reached
from siting.program.slices import year_weights


@dataclass(frozen=True, eq=False)
class YearBounds:
    """A bound on the aim, offers that yearly relaxations use, and prices if the aim is worth."""

    bound: float
    offers: Ints
    prices: Prices | None
    most: Floats  # bound on the worth of each year alone


@dataclass(frozen=True, eq=False)
class _Year:
    """Bounds for one year: ``worth <= most`` and ``cost >= least + price (worth - kept)``."""

    most: float
    kept: float
    least: Floats
    price: Floats
    offers: Ints  # offers of which the last relaxation builds a large part
    of_worth: tuple[Frame, Prices] | None  # frame and prices of the relaxation for the worth


def has_year_bounds(frame: Frame) -> bool:
    """Return whether the aim is the worth, or the cost to all at a worth that plans must keep."""
    if frame.aim.of_stations:
        return _worth_kept(frame) is not None
    return frame.aim.kind == "most_worth" and not frame.reached


def _worth_kept(frame: Frame) -> Reached | None:
    return next((one for one in frame.reached if one.aim.kind == "most_worth"), None)


def bound_by_years(
    frame: Frame, choice: Ints, point: Floats, clock: Clock, *, gap: float, threads: int, seed: int,
    most: Floats | None = None,
) -> YearBounds:  # fmt: skip
    """Return a bound on the aim of a frame over years, from relaxations of its single years.

    `choice` and `point`: a known plan, and its values for the whole matrix; `most`: bounds on the
    worth of each year, which by default also come from relaxations.
    """
    program, aim, worth = frame.program, frame.aim, _worth_kept(frame)
    weights = year_weights(program.slices)
    year = np.array([one.year for one in program.slices])
    column, value = frame.layout.worth()
    of_year = year[frame.energy_slice[column - frame.count]]
    kept = np.bincount(of_year, value * point[column], minlength=len(weights)) / weights
    chance = np.array([one.probability for one in program.slices])
    known = most is not None
    if most is None:
        most = np.bincount(year, chance * frame.layout.all_worth, minlength=len(weights))
    of_worth = aim if worth is None else worth.aim
    work = []
    for t, open_ in enumerate(frame.options.offer[choice].T):
        ends = Reached(of_worth, float(kept[t])), float(most[t])
        work.append(partial(_bounds_of_year, frame, t, *ends, known, open_[open_ >= 0], gap, seed))
    years: list[_Year] = []
    for n in range(0, len(work), threads):
        turns = -(-(len(work) - n) // threads)
        with clock.within(clock.share_after(1 / turns)):
            years += in_parallel(work[n : n + threads], clock)
    offers = np.unique(np.concatenate([one.offers for one in years]))
    most = np.array([one.most for one in years])
    if worth is None:
        priced = [one.of_worth for one in years if one.of_worth is not None]
        prices = over_years(frame, priced) if len(priced) == len(years) else None
        return YearBounds(float(weights @ most), offers, prices, most)
    return YearBounds(_least(years, weights, worth.value), offers, None, most)


def _bounds_of_year(
    frame: Frame, t: int, kept: Reached, most: float, known: bool, offers: Ints, gap: float,
    seed: int, clock: Clock,
) -> _Year:  # fmt: skip
    """Return bounds for the year at position `t`.

    `most`: a bound on the year's worth; `known`: whether this bound needs no further relaxation;
    `offers`: the offers that a known plan has open.
    """
    year, there = alone(frame.program, t)
    some = np.flatnonzero(np.isin(there[year.options.last], offers))
    taken, found, of_worth = np.zeros(len(year.options)), [], None
    try:
        if not known:
            one = Frame(year, kept.aim)
            pricing = Pricing(one, clock, start=some, some=some, seed=seed)
            priced = pricing.run(gap)
            if priced is not None and not priced.infeasible:
                most, taken = min(most, priced.bound), priced.taken
                if pricing.bounds is not None:
                    of_worth = one, pricing.bounds.prices
        if frame.aim.of_stations and kept.value > 0:
            one = Frame(year, frame.aim, (kept,))
            pricing = Pricing(one, clock, start=some, some=some, seed=seed, by_prices=True)
            priced = pricing.run(gap)
            if priced is not None and not priced.infeasible:
                taken = priced.taken
            # Bounds are negated, because less cost is better. Prices are those of a scaled row.
            scale = one.matrix.row_lower[one.rows_of("kept")[0]] / kept.value
            found = [(-bound, -price[0] * scale) for bound, price in pricing.bounds_by_kept]
    except (InputError, SolveError):  # the numbers of one year may differ too much in magnitude
        pass
    least, price = np.array([*found, (0.0, 0.0)]).T
    # Costs and prices are never below 0, so a bound that allows cost 0 at the highest worth is
    # useless.
    with np.errstate(invalid="ignore"):
        useful = least + price * max(most - kept.value, 0.0) > 0
    useful &= (abs(least) < settings.ENDLESS) & np.isfinite(price)
    used = there[year.options.last[taken >= settings.ROUND_FROM[-1]]]
    return _Year(most, kept.value, least[useful], price[useful], used, of_worth)


def _least(years: list[_Year], weights: Floats, worth: float) -> float:
    """Return the least total cost that the bounds of the years allow for a total worth."""
    count = len(years)
    rows, limits = [np.concatenate([np.zeros(count), -weights])], [-worth]
    for t, year in enumerate(years):
        for least, price in zip(year.least.tolist(), year.price.tolist(), strict=True):
            row = np.zeros(2 * count)
            row[t], row[count + t] = -1.0, price
            rows.append(row)
            limits.append(price * year.kept - least)
    cost = np.concatenate([weights, np.zeros(count)])
    most = np.array([max(one.most, one.kept) for one in years]) * (1 + settings.ARITHMETIC)
    upper = np.concatenate([np.full(count, np.inf), most])
    ends = np.zeros(2 * count), upper, np.full(len(rows), -np.inf), np.array(limits)
    found = run_model(model_of(sparse.csc_array(np.array(rows)), -cost, *ends), Clock(math.inf))
    return max(-found.objective * (1 - settings.ARITHMETIC), 0.0) if found.optimal else 0.0
