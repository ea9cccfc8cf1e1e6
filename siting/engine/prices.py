"""A table of dual prices of the whole program's relaxation, with the names of rows and columns.

`siting.verify.certificate` proves a bound from these prices independently, by weak duality.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.master import Master
from siting.engine.pricing import is_many
from siting.engine.relax import Relaxation
from siting.engine.station_bound import Prices, bound_at, resource_units
from siting.engine.year_prices import prices_by_year
from siting.program.instance import Floats, Ints
from siting.program.program import Program
from siting.program.resources import BUDGET


def prices_of(program: Program, *, limit_s: float, seed: int = 1) -> pd.DataFrame | None:
    """Return the dual prices of the relaxation for the first aim, in that aim's unit, or None.

    `siting.verify.certified` reads this table. `limit_s`: time limit (s). The result is None if the
    program is too large, if time runs out, or if prices cannot bound the aim.
    """
    aim = program.all_aims[0]
    if not (aim.of_worth or aim.of_money) or not len(program.options):
        return None
    if len(program.service().site) * len(program.slices) > settings.MOST_PRICED_PAIRS:
        return None
    frame = Frame(program, aim)
    clock = Clock(limit_s)
    relaxation = Relaxation(frame, clock, seed=seed)
    if frame.matrix.a.shape[1] <= settings.SMALL_COLUMNS:
        relaxation.model.setOptionValue("solver", "simplex")
    else:  # approximate prices prove nearly as good a bound
        relaxation.model.setOptionValue("run_crossover", "off")
    with clock.listening():
        relaxation.solve()
    answer = relaxation.found
    if not answer.optimal or not len(answer.price):
        return None
    size = abs(frame.matrix.size)
    return _table(list(_of_duals(frame, answer.price * size, answer.reduced * size)))


def rupees_of(program: Program, *, limit_s: float, seed: int = 1) -> Floats:
    """Return the gain from one more rupee in each year, in the first aim's unit.

    The gain is estimated, not bounded, from the master problem's relaxation with the cuts found
    within `limit_s` seconds or, if there are many offers per site, from the relaxations of single
    years. It is 0 for a year in which money is not scarce.
    """
    frame, none = Frame(program, program.all_aims[0]), np.zeros(len(_years(program)))
    if not len(program.options):
        return none
    clock = Clock(limit_s)
    by_year = prices_by_year(frame, clock, seed=seed) if is_many(program) else None
    if by_year is not None:
        return _rate_by_year(program, by_year[0].limits)
    master = Master(frame, clock, seed=seed)
    master.forget_money()
    found, _ = master.tighten(math.inf, settings.NODE_STALLED)
    if found is None or found.bound == -math.inf:
        return none
    return _rate_by_year(program, master.prices().limits)


def _rate_by_year(program: Program, limits: Floats) -> Floats:
    """Return the price of public money granted in each year, from the prices of the resources."""
    plan, years = program.year_plan, _years(program)
    worth = np.zeros(len(years))
    for row, _, year, price in _of_resources(program, limits.tolist()):
        if row == "money":
            worth[years.index(year)] = price
    if plan is not None and plan.carry_over:
        worth = np.cumsum(worth[::-1])[::-1]  # a rupee can also be spent in later years
    return worth


def bound_by_money(program: Program, *, limit_s: float, seed: int) -> tuple[float, Floats] | None:
    """Return a bound on the first aim for all yearly budgets: a constant and a rate per rupee.

    In the aim's unit, the constant plus ``sum of m_t rate_t`` over the years bounds all plans that
    draw the money ``m_t``. The dual prices come from relaxations with the program's budgets:
    relaxations of single years, and one of all years with cuts and with only the offers that the
    single years use. `limit_s`: time limit (s). The result is None if `prices_by_year` finds no
    prices, if there are only a few offers per site (`is_many`), or if a limit is a share of the
    budget.
    """
    plan, clock = program.year_plan, Clock(limit_s)
    # If a limit is a share of the budget, no bound holds for all budgets.
    of_budget = any(one.of_budget for one in program.instance.limits)
    if plan is None or of_budget or not is_many(program):
        return None
    frame = Frame(program, program.all_aims[0])
    by_year = prices_by_year(frame, clock, seed=seed)
    if by_year is None:
        return None
    prices, offers = by_year
    known = [(prices, frame.resources.names)]
    kept = np.union1d(offers, np.flatnonzero(program.instance.offer_existing))
    some = Frame(replace(program, instance=program.instance.with_offers(kept)), frame.aim)
    # Cuts give a better bound than the full relaxation over all years, and much sooner.
    master = Master(some, clock, seed=seed)
    found, _ = master.tighten(settings.NODE_ROUNDS, 0.0)
    if found is not None and found.bound > -math.inf:
        known.append((master.prices(), some.resources.names))
    # If the budgets can pay for any single station, the bound excludes no station.
    most = float(program.instance.offer_subsidy.max(initial=0.0))
    wide = replace(plan, budgets_pkr=tuple(max(pkr, most) for pkr in plan.budgets_pkr))
    frame = Frame(replace(program, year_plan=wide), frame.aim)
    bounds = []
    # A frame leaves out resources that its offers do not use, so the names differ by frame.
    for prices, names in known:
        price = dict(zip(names, prices.limits.tolist(), strict=True))
        limits = np.array([price.get(name, 0.0) for name in frame.resources.names])
        rates = _rate_by_year(frame.program, limits)
        bound = bound_at(frame, replace(prices, limits=limits), Clock(math.inf)).bound
        bounds.append((bound - float(rates @ np.array(wide.budgets_pkr)), rates))
    return min(bounds, key=lambda one: one[0] + float(one[1] @ np.array(plan.budgets_pkr)))


def table_of(program: Program, prices: Prices) -> pd.DataFrame:
    """Return prices that bound all plans, as a table for `siting.verify.certified`."""
    years = _years(program)
    money = zip(years, prices.money.tolist(), strict=False)
    rows = [*_of_demand(program, prices.demand), *(("money", "", y, price) for y, price in money)]
    if len(prices.limits) == len(program.resources):
        rows += _of_resources(program, prices.limits.tolist())
    gaps = np.zeros((0, 0)) if prices.gaps is None else prices.gaps
    for t, year in enumerate(years[: gaps.shape[1]]):
        sites = zip(program.instance.site_ids.astype(str), gaps[:, t].tolist(), strict=True)
        rows += [("gap", site, year, price) for site, price in sites]
    return _table(rows)


# A row of the table: the kind of row, its name, its slice or year, and its price.
_Row = tuple[str, str, str, float]


def _table(rows: list[_Row]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["row", "name", "slice", "price"])
    return table[table["price"] != 0].reset_index(drop=True)


def _of_demand(program: Program, price: Floats) -> Iterator[_Row]:
    ids = program.instance.demand_ids.astype(str)
    for s, one in enumerate(program.slices):
        for name, by_slice in zip(ids, price[:, s].tolist(), strict=True):
            yield "demand", name, one.name, by_slice


def _of_resources(program: Program, price: Sequence[float]) -> Iterator[_Row]:
    """Yield the prices of public money in each year, and of limits in the last year."""
    resources, known = program.resources, {limit.name for limit in program.instance.limits}
    for name, kind, each in zip(resources.names, resources.kinds, price, strict=True):
        if kind == BUDGET:
            yield "money", "", name.split()[-1] if program.year_plan else "", each
        elif name in known:
            yield "resource", name, "", each


def _years(program: Program) -> list[str]:
    return [str(year) for year in program.year_plan.years] if program.year_plan else [""]


def _of_duals(frame: Frame, price: Floats, reduced: Floats) -> Iterator[_Row]:
    """Yield the rows of the table, given the unscaled duals of matrix rows and columns."""
    program, layout, service = frame.program, frame.layout, frame.service
    # The prices of demand come from demand rows or, if there are none, from column bounds.
    merged = np.zeros_like(service.kwh)
    row, when = frame.energy_row, frame.energy_slice
    x = frame.energies
    # The upper bound of a column may come from the site's capacity, not from the demand.
    wanted = service.kwh[row, when] / layout.energy_unit
    binds = frame.matrix.upper[x] >= wanted * (1 - settings.ROUNDING)
    np.maximum.at(merged, (row, when), np.where(binds, reduced[x], 0.0))
    named = frame.rows_of("demand")
    merged[frame.demand_of(named)] = np.maximum(price[named], 0.0)
    yield from _of_demand(program, service.of_each(merged / layout.energy_unit, missing=0.0))
    limits = price[frame.rows_of("resource")] / resource_units(frame, frame.matrix)
    yield from _of_resources(program, limits.tolist())
    floors = iter(price[frame.rows_of("floor")].tolist())
    for floor in layout.floors:
        for s in floor.holds_in(program.slices) if floor.share > 0 else ():
            if floor.share * float(floor.wanted(layout.demand_kwh)[s]) > 0:
                each = max(-next(floors) / layout.energy_unit, 0.0)
                yield "floor", floor.name, program.slices[s].name, each
    if program.gap is not None:
        yield from _of_payments(frame, price)


def _of_payments(frame: Frame, price: Floats) -> Iterator[_Row]:
    """Yield the prices of public money, envelopes and gaps, if money pays viability gaps."""
    program, layout, a = frame.program, frame.layout, frame.matrix.a
    plan, years, column = program.year_plan, _years(program), layout.subsidy_column

    def entries(r: int) -> tuple[Ints, Floats]:
        part = slice(a.indptr[r], a.indptr[r + 1])
        return np.asarray(a.indices[part], dtype=np.int64), abs(a.data[part])

    rows = iter(frame.rows_of("subsidies").tolist())
    for year in years if math.isfinite(layout.budget_pkr) else ():
        r = next(rows)
        # An empty row has no price.
        yield "money", "", year, price[r] * entries(r)[1][:1].sum() / layout.money_unit
    for limit in (one for one in program.instance.limits if one.per_rupee):
        r = [next(rows) for _ in (years if plan and plan.upgrades else years[:1])][-1]
        at, by = entries(r)
        offer = np.flatnonzero(column[:, -1] == at[0]) if len(at) else at
        if len(offer):
            share = program.instance.amounts_of(limit)[offer[0]]
            yield "resource", limit.name, "", price[r] * by[0] / share / layout.money_unit
    subsidy, names = np.unique(column), program.instance.site_ids.astype(str)
    gap_rows = frame.rows_of("gap")
    for year, (sites, own) in zip(years, layout.gap_rows, strict=True):
        for name, r in zip(names[sites], gap_rows[own].tolist(), strict=True):
            at, by = entries(r)
            one = by[np.isin(at, subsidy)].max(initial=0.0)
            yield "gap", name, year, max(-price[r] * one / layout.money_unit, 0.0)
