"""Blocks of a program and the parts built from them: options, resources, service, matrix.

`siting.program.program.Program` adds the methods that combine blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pulp

from siting import settings
from siting.errors import Fault, InputError
from siting.program.aims import Aim, MostWorth
from siting.program.floors import Floor
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.program.layout import Layout
from siting.program.matrix import Matrix, Reached, Writer
from siting.program.money import GapRule, caps_of, cases_of, is_shared, margins_of
from siting.program.objective import ENERGY_UNIT, Objective
from siting.program.obligations import tolerance
from siting.program.options import Options, opening, options_of
from siting.program.pulp_problem import pulp_problem
from siting.program.ranges import check_ranges, specks_of
from siting.program.resources import ResourceRows, Resources
from siting.program.service import Merging, Service
from siting.program.slices import Scenarios, Slice, Years, slices_of
from siting.writing import write_whole

MODELS = ("capacitated", "coverage")
Demand = Mapping[Any, "pd.Series[float]"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """The blocks of a program: an instance and the requirements on its plan."""

    instance: Instance  # demand, offers, reach, budget, limits and required sites
    # ``capacitated``: a station serves at most the output of its chargers; ``coverage``: all demand
    # in reach of a station counts as served.
    model: str = "capacitated"
    # year_plan, scenario_plan: years and scenarios, or None.
    year_plan: Years | None = None
    scenario_plan: Scenarios | None = None
    # Demand of each row in each slice (kWh/day); None: the instance's demand in every slice.
    demand_by_slice: Floats | None = None
    # Worth of demand rows, and its decay with the drive; None: energy.
    objective: Objective | None = None
    # Worth of each whole demand row in each slice, where it differs between them.
    worth_by_slice: Floats | None = None
    floors: tuple[Floor, ...] = ()  # the required shares
    # Other plans, as positions of their sites, and the number of sites that must differ.
    distances: tuple[tuple[Ints, int], ...] = ()
    # The rule by which subsidies fill the viability gap; None: offers have fixed subsidies.
    gap: GapRule | None = None
    budgeted: bool = True  # whether the budget counts
    aims: tuple[Aim, ...] = ()  # the aims in order of priority; empty: the most worth
    zones: pd.Series | None = None  # zone of each demand row, by ``demand_id``, for "zone"

    def __post_init__(self) -> None:
        """Check the model and the combination of blocks."""
        if self.model not in MODELS:
            fix = f"use {' or '.join(MODELS)}"
            raise InputError(Fault("model", f"no model {self.model!r}", fix))
        if self.gap is not None and self.model == "coverage":
            what = "coverage gives no sales, so the viability gap cannot be computed"
            raise InputError(Fault("model", what, "use capacitated"))
        if self.gap is not None and self.gap.concessions and self.year_plan is not None:
            what = "need a plan of one year: a surplus is not paid back later"
            raise InputError(Fault("concessions", what, "leave out the years"))
        if self.gap is not None and any(aim.by_year for aim in self.aims):
            what = "cannot differ by year under the viability gap: subsidies would be paid early"
            raise InputError(Fault("least gain", what, "give one number"))

    # --- the parts that blocks make ------------------------------------------------------------

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """The slices: years and scenarios."""
        return slices_of(self.year_plan, self.scenario_plan)

    @cached_property
    def demand_kwh(self) -> Floats:
        """Demand of each row in each slice (kWh/day)."""
        if self.demand_by_slice is not None:
            return self.demand_by_slice
        return np.repeat(self.instance.demand_kwh[:, None], len(self.slices), axis=1)

    @cached_property
    def all_aims(self) -> tuple[Aim, ...]:
        """The aims; the most worth if none was named."""
        return self.aims or (MostWorth(),)

    @property
    def capacitated(self) -> bool:
        """Whether capacities count."""
        return self.model == "capacitated"

    @property
    def worth_unit(self) -> str:
        """Unit of worth."""
        return self.objective.unit if self.objective else ENERGY_UNIT

    @property
    def money_pkr(self) -> float:
        """Public money over all years (PKR)."""
        if self.year_plan is not None:
            return float(sum(self.year_plan.budgets_pkr))
        return self.instance.budget_pkr

    @cached_property
    def must(self) -> Flags:
        """Whether each site must have a station."""
        return self.instance.must_sites

    @cached_property
    def per_kwh(self) -> Floats:
        """Worth of a kWh/day of each demand row in each slice, without a drive."""
        if self.objective is None or self.objective.unit == ENERGY_UNIT:
            return np.ones_like(self.demand_kwh)
        whole = self.worth_by_slice
        if whole is None:
            whole = np.repeat(self.objective.worth[:, None], len(self.slices), axis=1)
        wanted = np.where(self.demand_kwh > 0, self.demand_kwh, 1.0)
        out: Floats = np.where(self.demand_kwh > 0, whole / wanted, 0.0)
        return out

    @cached_property
    def offers(self) -> Ints:
        """Positions of the usable offers: possible alone and able to serve, or existing.

        An offer that counts towards a lower limit is usable too.
        """
        instance = self.instance
        possible = np.ones(len(instance.offer_ids), dtype=bool)
        if self.budgeted and self.gap is None:
            most = max(self.year_plan.limit_pkr) if self.year_plan else instance.budget_pkr
            if self.year_plan and self.year_plan.upgrades:
                most = sum(self.year_plan.budgets_pkr)
            possible = instance.offer_subsidy <= most + tolerance(most)
        if self.gap is not None:
            possible &= instance.must_sites[instance.offer_site] | self._viable(self.gap)
        useful = instance.must_sites[instance.offer_site] | self._usable()
        for limit in instance.limits:
            amount = instance.amounts_of(limit)
            used = amount * instance.offer_subsidy if limit.per_rupee else amount
            possible[used > limit.at_most + tolerance(limit.at_most)] = False
            useful |= (amount > 0) & (limit.at_least > 0)
        useful |= instance.offer_bundle != ""
        return np.flatnonzero((possible & useful) | instance.offer_existing)

    @cached_property
    def options(self) -> Options:
        """The options at the sites."""
        years = len(self.year_plan.years) if self.year_plan else 1
        upgrades = self.year_plan is not None and self.year_plan.upgrades
        made = options_of(self.instance, self.offers, years, upgrades=upgrades)
        if self.year_plan is not None:
            made = opening(made, self.instance.offer_opens, np.array(self.year_plan.years))
        if self.year_plan is None or self.gap is not None or not self.budgeted:
            return made
        rows = ResourceRows(made)
        rows.add_money(self.instance.offer_subsidy, 0.0, self.year_plan)
        money = rows.made()
        # Leave out courses that alone exceed the money of the years.
        over = np.zeros(len(made), dtype=bool)
        use = money.use.tocoo()
        over[use.col[use.data > (money.at_most + money.slack)[use.row]]] = True
        over &= ~self.instance.offer_existing[made.last]
        return Options(made.site[~over], made.offer[~over])

    @cached_property
    def resources(self) -> Resources:
        """The limits over the options, upper and lower."""
        rows = ResourceRows(self.options)
        if self.gap is None and self.budgeted:
            rows.add_money(self.instance.offer_subsidy, self.instance.budget_pkr, self.year_plan)
        rows.add_limits(self.instance, None if self.gap else self.instance.offer_subsidy)
        rows.add_bundles(self.instance.offer_bundle)
        for n, (sites, differ) in enumerate(self.distances, 1):
            standing = np.zeros(len(self.instance.site_ids), dtype=bool)
            standing[sites] = True
            rows.add_distance(f"distance to plan {n}", standing, differ)
        return rows.made()

    @cached_property
    def groups(self) -> tuple[Floor, ...]:
        """The floors, and the groups of worst-share aims."""
        return (*self.floors, *(group for aim in self.all_aims for group in aim.groups))

    def service(self, *, by_cell: bool = False, offers: Ints | None = None) -> Service:
        """Return the merged demand rows and their pairs.

        `by_cell`: whether rows of different cells stay apart, so that drives are known; `offers`:
        positions of the offers that could stand; all usable ones by default.
        """
        if offers is not None:
            return self._service(self._told[0], by_cell=by_cell, offers=offers)
        return self._by_cell if by_cell else self._merged

    @cached_property
    def _merged(self) -> Service:
        return self._told[1]

    @cached_property
    def _by_cell(self) -> Service:
        return self._service(self._told[0], by_cell=True)

    @cached_property
    def _told(self) -> tuple[Floats, Service]:
        """Demand in each slice without rows too small for a solver, and its service."""
        demand = self.demand_kwh
        made = self._service(demand, by_cell=False)
        largest = float(made.kwh.max(initial=0.0))
        reached = made.row_of_demand >= 0
        check_ranges(demand, self.per_kwh, reached, largest, self.groups, self.worth_unit)
        specks = specks_of(demand, largest)
        if specks.any():
            demand = np.where(specks, 0.0, demand)
            made = self._service(demand, by_cell=False)
        return demand, made

    def _service(self, demand_kwh: Floats, *, by_cell: bool, offers: Ints | None = None) -> Service:
        instance, gap = self.instance, self.gap
        margin = margins_of(instance, gap) if gap else np.zeros(len(instance.class_names))
        by_class = (margin, *(self._minutes_apart if by_cell else ()))
        decay = self.objective.decay if self.objective else None
        rules = Merging(instance, self.groups, by_class, decay, by_cell)
        offers = self.offers if offers is None else offers
        return rules.service(demand_kwh, self.per_kwh, offers)

    @cached_property
    def _minutes_apart(self) -> tuple[Floats, ...]:
        """The weight of a minute's drive by vehicle class, for each aim that has weights."""
        minutes = (aim.minute_of_classes(self.instance) for aim in self.all_aims)
        return tuple(minute for minute in minutes if minute is not None)

    def layout(self, *, by_cell: bool = False) -> Layout:
        """Return the columns of the program; a new layout each time, as aims add columns."""
        budget = self.instance.budget_pkr if self.budgeted else np.inf
        return Layout(
            self.instance,
            self.slices,
            self.demand_kwh,
            self.options,
            self.resources,
            self.service(by_cell=by_cell),
            self.groups,
            must=self.must,
            capacitated=self.capacitated,
            by_pair=by_cell,
            gap=self.gap,
            years=self.year_plan,
            budget_pkr=budget,
            all_worth=(self.per_kwh * self.demand_kwh).sum(axis=0),
        )

    def matrix(
        self, aim: Aim | None = None, reached: Iterable[Reached] = (), *, by_cell: bool = False
    ) -> Matrix:
        """Return the program for one aim as a sparse matrix, keeping the values of earlier aims."""
        aim = self.all_aims[0] if aim is None else aim
        reached = tuple(reached)
        drives = [aim, *(r.aim for r in reached)]
        by_cell |= any(one.of_drives for one in drives)
        return Writer(self.layout(by_cell=by_cell), aim, reached).written()

    def to_pulp(self, aim: Aim | None = None, reached: Iterable[Reached] = ()) -> pulp.LpProblem:
        """Return the whole program for one aim as a PuLP problem."""
        return pulp_problem(self.matrix(aim, reached), self.model)

    def write_lp(self, path: Path | str, aim: Aim | None = None) -> None:
        """Write the program for an aim, by default its first, to a file in LP format."""
        problem = self.to_pulp(aim)

        def write(part: Path) -> None:
            try:
                problem.writeLP(str(part))
            except pulp.PulpError as err:
                # PuLP passes on system errors only as text, which has the error number.
                number = re.search(r"os error (\d+)", str(err))
                raise OSError(int(number[1]) if number else 0, str(err)) from err

        write_whole(Path(path), write)

    def _usable(self) -> Flags:
        """Return whether any demand in any slice could use each offer."""
        instance = self.instance
        wanted = self.demand_kwh.max(axis=1, initial=0.0) > 0
        cell_class = np.zeros((len(instance.cell_ids), len(instance.class_names)), dtype=bool)
        cell_class[instance.demand_cell[wanted], instance.demand_class[wanted]] = True
        cell = np.repeat(np.arange(len(instance.cell_ids)), np.diff(instance.reach_start))
        near = np.zeros((len(instance.site_ids), len(instance.class_names)), dtype=bool)
        np.logical_or.at(near, instance.reach_site, cell_class[cell])
        groups = (near.astype(int) @ instance.uses.astype(int)) > 0
        out: Flags = ((instance.offer_capacity > 0) & groups[instance.offer_site]).any(axis=1)
        return out

    def _viable(self, rule: GapRule) -> Flags:
        """Return whether each offer is viable if it sells all it can deliver.

        A concession may carry a station even without sales.
        """
        instance, margin = self.instance, margins_of(self.instance, rule)
        best = np.where(instance.uses, margin[:, None], 0.0).max(axis=0, initial=0.0)
        earned = instance.offer_capacity @ best if self.capacitated else np.inf
        lacks = instance.offer_cost - caps_of(instance, rule) - earned
        shared = is_shared(cases_of(instance, rule))[instance.offer_site]
        out: Flags = shared | (lacks <= settings.SIGNIFICANT * instance.offer_cost)
        return out
