"""The requirements of a program as elastic rows, which can be dropped or exceeded.

All requirements are removed, then added back as rows over the same columns::

    sum of a_rn x_n  -  sum of e_k over the requirements k of row r  <=  side_r      e_k >= 0

A requirement is *held* if its excess ``e_k`` is fixed at 0, and *dropped* if its excess is free and
costs nothing. The integer program shows whether requirements conflict, and which smallest changes
resolve the conflict. Existing stations remain in every plan.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.linear import STRICT, Answered, model_of, rows_of, run_model
from siting.program.aims import MostWorth
from siting.program.instance import Flags, Floats, Ints
from siting.program.money import caps_of, raised
from siting.program.objective import ENERGY_UNIT
from siting.program.obligations import tolerance
from siting.program.program import Program

SHARE, COST_SHARE, PKR, SITES = "share of demand", "share of cost", "PKR", "sites"
Terms = tuple[Ints, Floats]


@dataclass(frozen=True)
class Requirement:
    """A requirement of the program whose figure could change."""

    name: str  # name in messages
    block: str
    place: int  # position within this block of the program
    unit: str
    asked: float  # the figure that the user asked for
    least: bool = False  # true: a minimum, which can be lowered; false: a maximum
    short: float = 0.0  # a lower bound on the excess of any plan, known without solving

    def figure(self, excess: float) -> float:
        """Return the figure of this requirement that would permit the given excess."""
        return max(0.0, self.asked - excess) if self.least else self.asked + excess

    def changed(self, program: Program, figure: float, standing: Flags) -> Program:
        """Return the program with a new figure for this requirement.

        Of required sites, only sites with a station (`standing`) remain required.
        """
        instance, n = program.instance, self.place
        if self.block == "floor":
            floor = replace(program.floors[n], share=figure)
            return replace(program, floors=_with_nth(program.floors, n, floor))
        if self.block == "distance":
            distance = (program.distances[n][0], int(figure))
            return replace(program, distances=_with_nth(program.distances, n, distance))
        if self.block == "cap":
            gap = program.gap and raised(instance, program.gap, figure - self.asked)
            return replace(program, gap=gap)
        if self.block == "year" and program.year_plan is not None:
            money = _with_nth(program.year_plan.budgets_pkr, n, figure)
            return replace(program, year_plan=replace(program.year_plan, budgets_pkr=money))
        if self.block == "budget":
            instance = replace(instance, budget_pkr=figure)
        elif self.block == "required":
            sites = instance.required_sites
            instance = replace(instance, required_sites=sites[standing[sites]])
        else:
            limit, side = instance.limits[n], "at_least" if self.least else "at_most"
            limit = replace(limit, **{side: figure})  # type: ignore[arg-type]
            instance = replace(instance, limits=_with_nth(instance.limits, n, limit))
        return replace(program, instance=instance)


def _with_nth[T](items: tuple[T, ...], n: int, one: T) -> tuple[T, ...]:
    return (*items[:n], one, *items[n + 1 :])


@dataclass(frozen=True, eq=False)
class _Row:
    column: Ints
    value: Floats
    side: float
    owners: list[int]

    @property
    def largest(self) -> float:
        return float(np.abs(self.value).max(initial=0.0)) or 1.0

    def slack(self, options: int) -> float:
        """Return the rounding tolerance of the row's sum, as in `Resources.slack`."""
        if self.column.max(initial=0) >= options:
            return 0.0
        rounding = settings.ROUNDING * abs(self.side)
        return min(tolerance(0.0), settings.SIGNIFICANT * self.largest) + rounding


def let_go(program: Program) -> Program:
    """Return a program with the same stations and demand but without requirements."""
    instance, years, gap = program.instance, program.year_plan, program.gap
    # Lower limits become tiny but not 0, because offers that only help to meet a lower limit might
    # otherwise be left out.
    limits = tuple(
        replace(limit, at_most=math.inf, at_least=min(limit.at_least, settings.EXACT))
        for limit in instance.limits
    )
    return replace(
        program,
        instance=replace(instance, limits=limits),
        year_plan=years and replace(years, budgets_pkr=(math.inf,) * len(years.years)),
        floors=tuple(replace(floor, share=0.0) for floor in program.floors),
        gap=gap and replace(gap, cap=1.0),
        budgeted=False,
        distances=(),
        worth_unit=ENERGY_UNIT,
        worth_by_slice=None,
        distance_decay=None,
        aims=(MostWorth(),),
    )


class Elastic:
    """The requirements of a program, and the integer program in which they are elastic rows."""

    def __init__(self, program: Program, effort: Effort) -> None:
        self.program, self.effort = program, effort
        free = let_go(program)
        self.matrix = free.matrix()
        self.layout, self.options = self.matrix.layout, free.options
        self.columns = self.matrix.a.shape[1]
        self.small = self.columns <= settings.SMALL_COLUMNS
        self.required = program.instance.must_sites.copy()
        self.required[program.instance.offer_site[program.instance.offer_existing]] = False
        self.requirements: list[Requirement] = []
        self._rows: list[_Row] = []
        self._floors()
        self._money()
        self._limits()
        self._sites()
        self._cap()
        self._build()

    # --- requirements ------------------------------------------------------------------------

    def _require(self, one: Requirement, *rows: Terms) -> list[int]:
        """Add a requirement, and rows that limit the given sums to its figure."""
        self.requirements.append(one)
        owners = [len(self.requirements) - 1]
        for terms in rows:
            self._row(terms, one.asked, owners)
        return owners

    def _row(self, terms: Terms, side: float, owners: list[int]) -> None:
        sign = -1.0 if self.requirements[owners[0]].least else 1.0
        self._rows.append(_Row(terms[0], sign * terms[1], sign * side, owners))

    def _of_options(self, value: Floats) -> Terms:
        at = np.flatnonzero(value)
        return at, value[at]

    def _floors(self) -> None:
        service, demand = self.layout.service, self.program.demand_kwh
        for n, floor in enumerate(self.program.floors):
            wanted = floor.wanted(demand)
            held = [s for s in floor.holds_in(self.program.slices) if wanted[s] > 0]
            reach = service.kwh[service.floor[n]].sum(axis=0)
            short = max((floor.share - reach[s] / wanted[s] for s in held), default=0.0)
            short = float(short) if short > settings.EXACT else 0.0
            name, share = f"floor, {floor.name}", floor.share
            one = Requirement(name, "floor", n, SHARE, share, least=True, short=short)
            owners = self._require(one)
            for s in held:
                column, kwh = self.layout.energy_of(self.layout.floors[n], s)
                self._row((column, kwh / wanted[s]), floor.share, owners)

    def _drawn(self, share: Floats, t: int) -> Terms:
        """Return the terms of the public money drawn by the end of a year (PKR), times `share`."""
        if self.program.gap is None:
            drawn = self.options.of_offers(self.program.instance.offer_subsidy * share)
            return self._of_options(drawn[:, t])
        column = self.layout.subsidy_column[:, t]
        at = np.flatnonzero((column >= 0) & (share > 0))
        return column[at], share[at] * self.layout.money_unit

    def _money(self) -> None:
        years, instance = self.program.year_plan, self.program.instance
        whole = np.ones(len(instance.offer_ids))
        if not self.program.budgeted:
            return
        if years is None:
            one = Requirement("budget", "budget", 0, PKR, instance.budget_pkr)
            self._require(one, self._drawn(whole, 0))
            return
        before: list[int] = []
        for t, (year, pkr) in enumerate(zip(years.years, years.budgets_pkr, strict=True)):
            owners = self._require(Requirement(f"budget {year}", "year", t, PKR, pkr))
            column, value = self._drawn(whole, t)
            if years.carry_over:  # money of this and all earlier years is available
                before = owners = [*before, *owners]
                pkr = float(years.limit_pkr[t])
            elif t:
                earlier, paid = self._drawn(whole, t - 1)
                column, value = np.append(column, earlier), np.append(value, -paid)
            self._row((column, value), pkr, owners)

    def _limits(self) -> None:
        instance, years = self.program.instance, self.options.offer.shape[1]
        for r, limit in enumerate(instance.limits):
            amount = instance.amounts_of(limit)
            terms = [
                self._drawn(amount, t)
                if limit.per_rupee
                else self._of_options(self.options.of_offers(amount)[:, t])
                for t in range(years)
            ]
            name, unit, most, least = limit.name, limit.unit, limit.at_most, limit.at_least
            if most < math.inf:
                self._require(Requirement(f"limit {name}", "limit", r, unit, most), *terms)
            if least > 0:
                one = Requirement(f"lower limit {name}", "limit", r, unit, least, least=True)
                self._require(one, terms[-1])

    def _sites(self) -> None:
        count, site = float(self.required.sum()), self.options.site
        if count:
            one = Requirement("required sites", "required", 0, SITES, count, least=True)
            self._require(one, self._of_options(np.where(self.required[site], 1.0, 0.0)))
        for n, (sites, differ) in enumerate(self.program.distances):
            label = f"distance to plan {n + 1}"
            one = Requirement(label, "distance", n, SITES, float(differ), least=True)
            value = np.where(np.isin(site, sites), -1.0, 1.0)
            side = differ - float(len(sites))
            self._row(self._of_options(value), side, self._require(one))

    def _cap(self) -> None:
        rule = self.program.gap
        if rule is None:
            return
        paid, cost = self.layout.subsidy_column, self.program.instance.offer_cost
        caps = caps_of(self.program.instance, rule)
        if (caps >= cost).all():
            return
        name, share = "cap", rule.cap
        if isinstance(share, Mapping):
            name, share = "excess over the caps", 0.0
        owners = self._require(Requirement(f"viability gap, {name}", "cap", 0, COST_SHARE, share))
        for o, t in np.argwhere(paid >= 0).tolist():
            z = np.flatnonzero(self.options.offer[:, t] == o)
            value = np.append(np.full(len(z), -caps[o] / cost[o]), self.layout.money_unit / cost[o])
            self._row((np.append(z, paid[o, t]), value), 0.0, owners)

    # --- the integer program -----------------------------------------------------------------

    def _build(self) -> None:
        m, count = self.matrix, len(self.requirements)
        self.unit = np.array([r.asked for r in self.requirements])
        for row in self._rows:
            self.unit[row.owners] = np.maximum(self.unit[row.owners], row.largest)
        rows = []
        for row in self._rows:
            column = np.append(row.column, self.columns + np.array(row.owners))
            rows.append((column, np.append(row.value, -self.unit[row.owners]) / row.largest))
        elastic_rows = rows_of(rows, self.columns + count)
        # The money of a year is the difference of two sums, which may have the same columns.
        elastic_rows.sum_duplicates()
        wide = sparse.hstack([m.a, sparse.csr_array((m.a.shape[0], count))])
        self._a = sparse.csc_array(sparse.vstack([wide, elastic_rows]))
        sides = [(row.side + row.slack(m.options)) / row.largest for row in self._rows]
        self._upper = np.concatenate([m.row_upper, sides])
        self._lower = np.concatenate([m.row_lower, np.full(len(sides), -np.inf)])
        one = m.family.get("one")
        if one is not None:  # required sites are requirements here, so their own rows are relaxed
            part = m.a[one]
            site = self.options.site[part.indices[part.indptr[:-1]]]
            self._lower[one][self.required[site]] = -np.inf

    def ask(
        self, held: Collection[int], aimed: Collection[int], clock: Clock, *, whole: bool
    ) -> Answered:
        """Minimise the sum of the violations of `aimed` requirements, each divided by its `unit`.

        The objective is the negative of this sum. Requirements neither in `held` nor in `aimed` are
        dropped. `whole`: whether options must be integers.
        """
        m, count, effort = self.matrix, len(self.requirements), self.effort
        most = np.full(count, np.inf)
        most[[k for k in held if k not in aimed]] = 0.0
        cost = np.zeros(self.columns + count)
        cost[[self.columns + k for k in aimed]] = -1.0
        options: dict[str, Any] = {"threads": 1, "solver": "simplex" if self.small else "ipm"}
        if whole:
            near = min(effort.gap, settings.MINOR_SHARE)
            gaps = {"mip_abs_gap": settings.EXACT, "mip_rel_gap": near}
            options = {"threads": effort.threads, **gaps, **STRICT}
        model = model_of(
            self._a, cost, np.append(m.lower, np.zeros(count)), np.append(m.upper, most),
            self._lower, self._upper, random_seed=effort.seed,
            whole=np.arange(len(cost)) < m.options if whole else None, **options,
        )  # fmt: skip
        return run_model(model, clock, whole=whole)

    def priced(self, answer: Answered) -> set[int]:
        """Return the requirements in conflict, whose rows have a dual price in a relaxation."""
        price = answer.price[self.matrix.a.shape[0] :]
        rows = zip(self._rows, price, strict=True)
        return {k for row, p in rows if abs(p) > settings.EXACT for k in row.owners}

    def excess(self, answer: Answered) -> Floats:
        """Return by how much a solution exceeds each requirement, in the requirement's unit."""
        out = np.maximum(answer.point[self.columns :], 0.0) * self.unit
        exact = np.zeros(len(out))
        for row in self._rows:
            # If the row belongs to one requirement, its excess is computed without solver rounding.
            over = math.fsum(row.value * answer.point[row.column]) - row.side
            for k in row.owners:
                exact[k] = max(exact[k], over if len(row.owners) == 1 else float(out[k]))
        return exact
