"""A table of dual prices of the whole program's relaxation, with the names of rows and columns.

`siting.verify.certificate` proves a bound from these prices independently, by weak duality.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.master import Master
from siting.engine.parts import parts_of
from siting.engine.pricing import is_many
from siting.engine.relax import Relaxation
from siting.engine.station_bound import Prices, resource_units
from siting.engine.year_prices import prices_by_year
from siting.program.instance import Floats
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
    if answer is None or not answer.optimal or not len(answer.price):
        return None
    return _Named(frame, answer.price, answer.reduced).table()


def rupees_of(program: Program, *, limit_s: float, seed: int = 1) -> Floats:
    """Return the gain from one more rupee in each year, in the first aim's unit.

    The gain is estimated from the master problem's relaxation, with the cuts found within `limit_s`
    seconds or, if there are many offers per site, from the relaxations of single years. It is not a
    bound. It is 0 for a year in which money is not scarce.
    """
    frame = Frame(program, program.all_aims[0])
    years = 1 if program.year_plan is None else len(program.year_plan.years)
    worth = np.zeros(years)
    if not len(program.options):
        return worth
    clock = Clock(limit_s)
    by_year = prices_by_year(frame, clock, seed=seed) if is_many(program) else None
    if by_year is not None:
        prices = by_year.prices
    else:
        master = Master(frame, parts_of(frame), clock, seed=seed)
        master.forget_money()
        found, _ = master.tighten(math.inf, settings.NODE_STALLED)
        if found is None or found.bound == -math.inf:
            return worth
        prices = master.prices()
    plan = program.year_plan
    for row, _, year, price in _of_resources(program, prices.limits.tolist()):
        if row == "money":
            worth[plan.years.index(int(year)) if plan else 0] = price
    if plan is not None and plan.carry_over:
        worth = np.cumsum(worth[::-1])[::-1]  # a rupee can also be spent in later years
    return worth


def table_of(program: Program, prices: Prices) -> pd.DataFrame:
    """Return prices that bound all plans, as a table for `siting.verify.certified`."""
    years = [str(year) for year in program.year_plan.years] if program.year_plan else [""]
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
    """Return a table of the nonzero prices."""
    table = pd.DataFrame(rows, columns=["row", "name", "slice", "price"])
    return table[table["price"] != 0].reset_index(drop=True)


def _of_demand(program: Program, price: Floats) -> Iterator[_Row]:
    """Yield the price of each demand row in each slice, as rows of the table."""
    ids = program.instance.demand_ids.astype(str)
    for s, one in enumerate(program.slices):
        for name, by_slice in zip(ids, price[:, s].tolist(), strict=True):
            yield "demand", name, one.name, by_slice


def _of_resources(program: Program, price: Sequence[float]) -> Iterator[_Row]:
    """Yield the prices of public money and of limits (for a limit, only in the last year)."""
    resources, known = program.resources, {limit.name for limit in program.instance.limits}
    for name, kind, each in zip(resources.names, resources.kinds, price, strict=True):
        if kind == BUDGET:
            yield "money", "", name.split()[-1] if program.year_plan else "", each
        elif name in known:
            yield "resource", name, "", each


class _Named:
    """The unscaled duals of rows and columns, with their names."""

    def __init__(self, frame: Frame, price: Floats, reduced: Floats) -> None:
        self.frame, self.layout, self.program = frame, frame.layout, frame.program
        self.a, size = frame.matrix.a, abs(frame.matrix.size)
        self.price, self.reduced = price * size, reduced * size
        self.rows: list[_Row] = []

    def table(self) -> pd.DataFrame:
        """Return a table of the nonzero prices."""
        self._demand()
        self._limits()
        self._floors()
        if self.program.gap is not None:
            self._subsidies()
            self._gap()
        return _table(self.rows)

    def _each(self, r: int) -> float:
        """Return a row's dual, converted to the unit of the row's first column."""
        first = self.a.indptr[r]
        if first == self.a.indptr[r + 1]:  # the row is empty
            return 0.0
        return float(self.price[r] * abs(self.a.data[first]))

    def _year(self, t: int) -> str:
        plan = self.program.year_plan
        return str(plan.years[t]) if plan else ""

    def _demand(self) -> None:
        """Read the prices of demand from demand rows or, if there are none, from column bounds."""
        frame, service = self.frame, self.frame.service
        merged = np.zeros_like(service.kwh)
        row, when = service.row[frame.energy_pair], frame.energy_slice
        x = slice(frame.count, frame.count + len(row))
        # The upper bound of a column may come from the site's capacity, not from the demand.
        wanted = service.kwh[row, when] / self.layout.energy_unit
        binds = frame.matrix.upper[x] >= wanted * (1 - settings.ROUNDING)
        np.maximum.at(merged, (row, when), np.where(binds, self.reduced[x], 0.0))
        named = frame.rows_of("demand")
        first = self.a.indices[self.a.indptr[named]] - frame.count
        merged[row[first], when[first]] = np.maximum(self.price[named], 0.0)
        merged /= self.layout.energy_unit
        priced = service.of_each(merged, missing=0.0)
        self.rows += _of_demand(self.program, priced)

    def _limits(self) -> None:
        """Read the prices of public money and of limits from the duals of the resource rows."""
        price = self.price[self.frame.rows_of("resource")]
        each = price / resource_units(self.frame, self.frame.matrix)
        self.rows += _of_resources(self.program, each.tolist())

    def _subsidies(self) -> None:
        """Read the prices of public money and of envelopes from the duals of the payment rows."""
        rows = self.frame.rows_of("subsidies").tolist()
        years = self.layout.subsidy_column.shape[1]
        for t in range(years if math.isfinite(self.layout.budget_pkr) else 0):
            price = self._each(rows.pop(0)) / self.layout.money_unit
            self.rows.append(("money", "", self._year(t), price))
        upgrades = self.program.year_plan is not None and self.program.year_plan.upgrades
        for limit in (one for one in self.program.instance.limits if one.per_rupee):
            r = [rows.pop(0) for _ in range(years if upgrades else 1)][-1]
            at = self.a.indices[self.a.indptr[r] : self.a.indptr[r + 1]]
            share = self.program.instance.amounts_of(limit)
            offer = np.flatnonzero(self.layout.subsidy_column[:, -1] == at[0]) if len(at) else at
            if len(offer):
                price = self._each(r) / float(share[offer[0]]) / self.layout.money_unit
                self.rows.append(("resource", limit.name, "", price))

    def _floors(self) -> None:
        rows = self.frame.rows_of("floor").tolist()
        for floor in self.layout.floors:
            for s in floor.holds_in(self.program.slices) if floor.share > 0 else ():
                if floor.share * float(floor.wanted(self.layout.demand_kwh)[s]) > 0:
                    price = -self.price[rows.pop(0)] / self.layout.energy_unit
                    name = self.program.slices[s].name
                    self.rows.append(("floor", floor.name, name, max(float(price), 0.0)))

    def _gap(self) -> None:
        all_rows = self.frame.rows_of("gap")
        of = self.program.instance.site_ids.astype(str)
        subsidy = np.unique(self.layout.subsidy_column)
        for t, (sites, rows) in enumerate(self.layout.gap_rows):
            for site, r in zip(sites.tolist(), all_rows[rows].tolist(), strict=True):
                part = slice(self.a.indptr[r], self.a.indptr[r + 1])
                paid = np.isin(self.a.indices[part], subsidy)
                one = float(np.abs(self.a.data[part][paid]).max(initial=0.0))
                price = -self.price[r] * one / self.layout.money_unit
                self.rows.append(("gap", of[site], self._year(t), max(float(price), 0.0)))
