"""The program: an instance (the data), blocks (requirements on a plan) and aims.

Blocks can be added in any order. Aims are added in order of priority::

    program = (
        Program(instance)
        .years({2027: 5e7, 2030: 1e8}, demand={2027: now, 2030: later}, carry_over=True)
        .floor(0.3, of=districts)
        .floor(0.2, of="class")
        .decay(ExponentialDecay(5), cutoff_min=8)
        .most_worth()
        .shortest_drives()
    )

The mathematics of each block is at the top of its file: `siting.program.options`, `resources`,
`service`, `floors`, `money`, `slices`, `aims`. `siting.engine.solve` solves the program.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pulp

from siting import settings
from siting.errors import (
    Fault,
    InputError,
    is_number,
    listed,
    naming,
    refuse,
    require_kind,
    require_word,
)
from siting.program.aims import (
    Aim,
    LeastCostToAll,
    LeastMoney,
    LeastRegret,
    MostWorth,
    NetWorth,
    ShortestDrives,
    Tail,
    TailOf,
    WorstShare,
)
from siting.program.floors import Floor, When, groups_of
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.program.layout import Layout
from siting.program.limits import Limit
from siting.program.matrix import Matrix, Reached, matrix_of
from siting.program.money import GapRule, MoneyKind, caps_of, cases_of, is_shared, margins_of
from siting.program.notebook_text import latex_of
from siting.program.objective import ENERGY_UNIT, Decay, NearerFirst
from siting.program.obligations import limit_faults, tolerance
from siting.program.options import Options, course_count, opening, options_of
from siting.program.pulp_problem import pulp_problem
from siting.program.resources import ResourceRows, Resources
from siting.program.service import Merging, Service
from siting.program.slices import Scenarios, Slice, Years, slices_of
from siting.texts import counted
from siting.writing import write_whole

MODELS = ("capacitated", "coverage")
Demand = Mapping[Any, "pd.Series[float]"]


@dataclass(frozen=True, eq=False)
class Program:
    """An instance, blocks and aims. A method that adds a block or an aim returns a new program.

    Examples
    --------
    >>> from siting.program.instance import Instance
    >>> demand = pd.DataFrame({"demand_id": ["d1"], "cell_id": ["c1"],
    ...     "vehicle_class": ["car"], "demand_kwh_day": [50.0]})
    >>> offers = pd.DataFrame({"offer_id": ["s1:fast"], "site_id": ["s1"],
    ...     "configuration": ["fast"], "chargers": ["1 x dc_60"], "existing": [False],
    ...     "power_kw": [60.0], "charger_cost_pkr": [6e6], "grid_cost_pkr": [1e6],
    ...     "fee_cost_pkr": [0.0], "cost_pkr": [7e6], "subsidy_pkr": [3e6],
    ...     "capacity_dc_kwh_day": [200.0], "reason": [""]})
    >>> reach = pd.DataFrame({"cell_id": ["c1"], "site_id": ["s1"], "travel_min": [4.0]})
    >>> plugs = pd.DataFrame({"charger_group": ["dc"], "vehicle_class": ["car"]})
    >>> instance = Instance.from_tables(demand, offers, reach, plugs, budget_pkr=5e6)
    >>> Program(instance).floor(0.5).most_worth().shortest_drives()
    Program: capacitated, 1 site, 1 option, 1 pair
      keep    budget PKR 5,000,000; floor city 50%
      aims    most worth, then shortest drives
    """

    instance: Instance  # demand, offers, reach, budget, limits and required sites
    model: str = "capacitated"  # or ``coverage``: all demand in reach of a station is served
    year_plan: Years | None = None
    scenario_plan: Scenarios | None = None
    # Demand of each row in each slice (kWh/day); None: the instance's demand in every slice.
    demand_by_slice: Floats | None = None
    worth_unit: str = ENERGY_UNIT  # unit of worth
    # Total worth of each demand row in each slice; None: its energy.
    worth_by_slice: Floats | None = None
    distance_decay: Decay | NearerFirst | None = None  # decay of worth with the drive time
    floors: tuple[Floor, ...] = ()  # minimum shares of demand to serve
    # For each plan that the new plan must differ from: the positions of its sites, and the number
    # of sites that must differ.
    distances: tuple[tuple[Ints, int], ...] = ()
    gap: GapRule | None = None  # None: offers have fixed subsidies
    budgeted: bool = True  # whether the budget limits the plan
    aims: tuple[Aim, ...] = ()  # the aims in order of priority; empty: the highest worth
    zones: pd.Series | None = None  # zone of each demand row, by ``demand_id``

    def __post_init__(self) -> None:
        """Check the model and the combination of blocks."""
        require_kind("instance", self.instance, Instance, "give a siting.Instance")
        if self.model not in MODELS:
            what, fix = f"there is no model {self.model!r}", f"use {' or '.join(MODELS)}"
            raise InputError("model", what, fix)
        if self.gap is None:
            return
        if self.model == "coverage":
            what = "the coverage model has no sales, so the viability gap cannot be computed"
            raise InputError("model", what, "use capacitated")
        if self.gap.concessions and self.year_plan is not None:
            what = "need a plan for one year, because a surplus is not paid back later"
            raise InputError("concessions", what, "leave out the years")
        if any(aim.by_year for aim in self.aims):
            what = "cannot differ by year under the viability gap, because subsidies would be paid "
            raise InputError("least gain", f"{what}early", "give one number for all years")

    # --- blocks ------------------------------------------------------------------------------

    def years(
        self, budgets_pkr: Mapping[int, float], demand: Demand | None = None, **rules: Any
    ) -> Program:
        """Return the program over several years, each with its own public money (PKR).

        `budgets_pkr` is the money granted in each year (PKR); the instance's own budget is ignored.
        `demand` has the demand (kWh/day by ``demand_id``) of each year or, if the program already
        has scenarios, of each (year, scenario); by default, demand is the same in all years.
        `rules` are ``carry_over``, ``upgrades``, ``discount_rate`` and ``last_period_years``, which
        `siting.program.slices.Years.of` explains.
        """
        if self.year_plan is not None:
            raise InputError("years", "are set twice", "give all years in one call")
        years = Years.of(budgets_pkr, **rules)
        # Data by scenario are repeated for every year; `demand` then replaces the repeated demand.
        mine = self._reshaped(lambda amount: np.tile(amount, (1, len(years.years))))
        return replace(mine, year_plan=years)._with_demand(demand)

    def scenarios(
        self, probabilities: Mapping[str, float], demand: Demand | None = None
    ) -> Program:
        """Return the program over scenarios: one plan, chosen before the scenario is known.

        `probabilities` has the probability of each scenario; the sum is 1. `demand` has the demand
        (kWh/day by ``demand_id``) of each scenario or, if the program already has years, of each
        (year, scenario).
        """
        if self.scenario_plan is not None:
            raise InputError("scenarios", "are set twice", "give all scenarios in one call")
        scenarios = Scenarios.of(probabilities)
        mine = self._reshaped(lambda amount: np.repeat(amount, len(scenarios.names), axis=1))
        return replace(mine, scenario_plan=scenarios)._with_demand(demand)

    def worth(self, worth: pd.Series | Mapping[Hashable, pd.Series], unit: str) -> Program:
        """Return the program that counts the people or sessions served, not the energy.

        `worth` is the total worth of each demand row in `unit`, by ``demand_id``. If the program
        already has years or scenarios, give one series for all of them, or one for each year,
        scenario or (year, scenario).
        """
        if unit == ENERGY_UNIT:
            what = f"{ENERGY_UNIT} is the unit of energy"
            raise InputError("unit", what, "name what the worth counts, e.g. people")
        if isinstance(worth, Mapping):
            by_slice = self._figures("worth", worth, self._keys())
        else:
            once = self._figures("worth", {None: worth}, [None])
            by_slice = np.repeat(once, len(self.slices), axis=1)
        if not (by_slice[self.instance.demand_kwh > 0] > 0).any(axis=0).all():
            what = "is 0 for every row with demand"
            fix = "give at least one of these rows a worth above 0"
            raise InputError("worth", what, fix)
        return replace(self, worth_unit=unit, worth_by_slice=by_slice)

    def decay(self, decay: Decay, cutoff_min: float) -> Program:
        """Return the program in which the worth of a kWh falls with the drive time (min)."""
        require_kind("decay", decay, Decay, "give a decay such as siting.ExponentialDecay(5)")
        if not (is_number(cutoff_min) and 0 < cutoff_min < math.inf):
            raise InputError("cutoff_min", f"is {cutoff_min!r}", "give the longest drive (min)")
        refuse(decay.faults(cutoff_min))
        return replace(self, distance_decay=decay)

    def limit(self, *limits: Limit) -> Program:
        """Return the program with additional limits on the offers (`siting.program.limits`)."""
        for limit in limits:
            require_kind("limit", limit, Limit, "give each siting.Limit as one argument")
        mine = sorted([*self.instance.limits, *limits], key=lambda limit: limit.name)
        refuse(limit_faults(mine))
        return replace(self, instance=replace(self.instance, limits=tuple(mine)))

    def require(self, site_ids: Iterable[str]) -> Program:
        """Return the program in which the sites `site_ids` must have a station."""
        instance, ids = self.instance, set(map(str, listed("required sites", site_ids)))
        unknown = sorted(ids - set(instance.site_ids))
        what, fix = "some sites have no offer that can be built", "check the names"
        refuse(naming("required sites", what, unknown, fix))
        at = np.flatnonzero(pd.Index(instance.site_ids).isin(ids))
        sites = np.union1d(instance.required_sites, at)
        return replace(self, instance=replace(instance, required_sites=sites))

    def without_budget(self) -> Program:
        """Return the program without a budget."""
        return replace(self, budgeted=False)

    def differ_from(self, offer_ids: Iterable[str], sites: int) -> Program:
        """Return the program whose plan must differ from another plan at a minimum number of sites.

        `offer_ids` are the other plan's offers. At least `sites` sites have a station in only one
        of the two plans.
        """
        other = self.instance.offer_site[self.instance.positions_of(offer_ids)]
        return replace(self, distances=(*self.distances, (np.unique(other), int(sites))))

    def floor(
        self,
        share: float | Mapping[str, float],
        of: pd.Series | str | None = None,
        when: When = "last",
    ) -> Program:
        """Return the program with a floor: a minimum share of demand (0 to 1) that must be served.

        `share` is one share for all groups, or a share for each zone or class, by name. `of` is
        None for the city, ``"class"`` for each vehicle class, ``"zone"`` for each zone of the
        program, or a series of zone names by ``demand_id``. `when` states whether the floor holds
        in the ``last`` year or in ``every`` year. Every floor holds in all scenarios.
        """
        groups = groups_of(self.instance, of, self.zones)
        shares = dict(share) if isinstance(share, Mapping) else dict.fromkeys(groups, share)
        unknown, fix = sorted(set(shares) - set(groups)), f"known names: {', '.join(groups)}"
        faults = naming("floors", "some zones or classes are unknown", unknown, fix)
        for name, value in sorted(shares.items()):
            if not (is_number(value) and 0 <= value <= 1):
                faults.append(Fault(f"floors, {name}", f"is {value!r}", "give a share from 0 to 1"))
        refuse(faults)
        floors = tuple(
            Floor(name, member, float(shares[name]), when)
            for name, member in groups.items()
            if shares.get(name, 0) > 0
        )
        return replace(self, floors=self.floors + floors)

    def viability_gap(self, rule: GapRule) -> Program:
        """Return the program in which subsidies fill the viability gap (`siting.program.money`).

        In the instance, the cost of an offer must be its need: the present value of the station's
        costs, excluding costs that depend on sales (PKR). The offer's subsidy is ignored.
        """
        require_kind("rule", rule, GapRule, "give a siting.GapRule")
        margins_of(self.instance, rule)
        caps_of(self.instance, rule)
        none = np.zeros(len(self.instance.offer_ids))
        return replace(self, gap=rule, instance=replace(self.instance, offer_subsidy=none))

    def only_scenario(self, k: int) -> Program:
        """Return the program of only the scenario at position `k`, with most worth as its aim."""
        if self.scenario_plan is None:
            return replace(self, aims=(MostWorth(),))
        mine = [n for n, one in enumerate(self.slices) if one.scenario == k]
        scenario = Scenarios((self.scenario_plan.names[k],), (1.0,))
        program = self._reshaped(lambda amount: amount[:, mine])
        return replace(program, scenario_plan=scenario, aims=(MostWorth(),))

    def only_year(self, t: int) -> Program:
        """Return the program of the year at position `t` alone, with all money granted by then.

        The program disregards stations built in earlier years. The weight of the year is 1, and
        its aims charge money accordingly (`siting.program.aims.Aim.in_year`).
        """
        if self.year_plan is None:
            return self
        t = range(len(self.year_plan.years))[t]
        mine = [n for n, one in enumerate(self.slices) if one.year == t]
        weights = self.year_plan.weights
        instance = replace(self.instance, budget_pkr=sum(self.year_plan.budgets_pkr[: t + 1]))
        program = self._reshaped(lambda amount: amount[:, mine])
        aims = tuple(aim.in_year(t, weights) for aim in self.aims)
        return replace(program, instance=instance, year_plan=None, aims=aims)

    # --- aims --------------------------------------------------------------------------------

    def aim(self, aim: Aim) -> Program:
        """Return the program with one more aim, at the lowest priority."""
        require_kind("aim", aim, Aim, "call a method such as most_worth() or least_money()")
        return replace(self, aims=(*self.aims, aim))

    def without_aims(self) -> Program:
        """Return the program without aims."""
        return replace(self, aims=())

    def most_worth(self) -> Program:
        """Return the program with one more aim: the highest worth served."""
        return self.aim(MostWorth())

    def net_worth(
        self, least_gain: float | Sequence[float], of: MoneyKind = "subsidy_pkr"
    ) -> Program:
        """Return the program with one more aim: the highest worth minus a charge per rupee.

        `least_gain` is the worth (kWh/day, people, sessions/day) charged per rupee: one number
        above 0 or, if the program already has years, one number per year, some of them 0. `of` is
        the money charged: public money drawn, or total cost.
        """
        require_word("of", of, get_args(MoneyKind))
        by_year = np.ndim(least_gain) > 0
        gains = tuple(np.atleast_1d(np.asarray(least_gain, dtype=float)).tolist())
        years = len(self.year_plan.years) if self.year_plan else 1
        if by_year and len(gains) != years:
            what = f"has {counted(len(gains), 'number')} for {counted(years, 'year')}"
            raise InputError("least gain", what, "give one number, or one for each year")
        if not (all(0 <= gain < math.inf for gain in gains) and max(gains) > 0):
            fix = "give a positive worth per rupee, such as 1e-5 kWh/day"
            raise InputError("least gain", f"is {least_gain}", fix)
        return self.aim(NetWorth(gains if by_year else gains[0], of))

    def least_money(self, of: MoneyKind = "subsidy_pkr") -> Program:
        """Return the program with one more aim: the lowest public money or total cost (PKR)."""
        require_word("of", of, get_args(MoneyKind))
        return self.aim(LeastMoney(of))

    def worst_share(self, of: pd.Series | str, when: When = "last") -> Program:
        """Return the program with one more aim: the highest share served in the worst-served group.

        `of` and `when` are as in `floor`.
        """
        groups = groups_of(self.instance, of, self.zones).items()
        return self.aim(WorstShare(tuple(Floor(*group, 0.0, when) for group in groups)))

    def least_regret(self) -> Program:
        """Return the program with one more aim: the lowest worst-case regret over scenarios."""
        return self.aim(LeastRegret())

    def tail(self, alpha: float, of: TailOf = "unserved") -> Program:
        """Return the program with one more aim: the best mean of the worst outcomes (CVaR).

        An outcome is the worth ``unserved`` or ``served`` (`of`) in a scenario. The worst outcomes
        have a total probability of ``1 - alpha``.
        """
        require_word("of", of, get_args(TailOf))
        if not 0 < alpha < 1:
            fix = "give a share above 0 and below 1, such as 0.9"
            raise InputError("alpha", f"is {alpha}", fix)
        return self.aim(Tail(alpha, of))

    def shortest_drives(self) -> Program:
        """Return the program with one more aim: the lowest sum of kWh × minutes driven."""
        return self.aim(ShortestDrives())

    def least_cost_to_all(
        self, cost_pkr_year: Mapping[str, float], pkr_kwh_min: Mapping[str, float]
    ) -> Program:
        """Return the program with one more aim: the lowest cost of stations and drivers' time.

        `cost_pkr_year` is the yearly cost of each offer (PKR), by ``offer_id``; existing stations
        add no cost. `pkr_kwh_min` is the yearly cost of drivers' time (PKR) per kWh/day and minute
        of driving, by vehicle class: ``365 * PKR_per_hour / 60 / kWh_per_session``.
        """
        instance = self.instance
        ids, classes = instance.offer_ids.astype(str), instance.class_names
        cost = {str(k): float(v) for k, v in cost_pkr_year.items()}
        cost |= dict.fromkeys(ids[instance.offer_existing].tolist(), 0.0)
        minute = {str(k): float(v) for k, v in pkr_kwh_min.items()}
        wanted = [classes[k] for k in np.unique(instance.demand_class)]
        faults = []
        for where, each, given, needed in (
            ("least cost to all, cost_pkr_year", "offers", cost, ids.tolist()),
            ("least cost to all, pkr_kwh_min", "vehicle classes", minute, wanted),
        ):
            missing = [one for one in needed if one not in given]
            bad = [one for one, pkr in given.items() if not 0 <= pkr < math.inf]
            what = f"some {each} have no figure"
            faults += naming(where, what, missing, "give a figure for each")
            what = f"the figures of some {each} are missing, negative or infinite"
            faults += naming(where, what, bad, "give figures of PKR 0 or more")
        unknown, fix = sorted(set(minute) - set(classes)), f"use {', '.join(classes)}"
        what = "some vehicle classes are unknown"
        refuse(faults + naming("least cost to all, pkr_kwh_min", what, unknown, fix))
        return self.aim(LeastCostToAll(cost, minute))

    def __repr__(self) -> str:
        """Return a short description of the blocks, in a few lines."""
        sites, pairs = len(self.instance.site_ids), len(self.service().site)
        parts = [("site", sites), ("option", len(self.options)), ("pair", pairs)]
        parts += [("slice", len(self.slices))] if len(self.slices) > 1 else []
        sizes = [counted(count, name) for name, count in parts]
        budget = [f"budget PKR {self.instance.budget_pkr:,.0f}"] if self.budgeted else []
        keep = ["yearly budgets"] if self.year_plan else budget
        keep += [limit.name for limit in self.instance.limits[:5]]
        keep += [f"floor {floor.name} {floor.share:.0%}" for floor in self.floors[:5]]
        more = len(self.instance.limits[5:]) + len(self.floors[5:])
        keep += [f"{more:,} more"] if more else []
        keep += ["subsidies fill the viability gap"] if self.gap else []
        return (
            f"Program: {self.model}, {', '.join(sizes)}\n"
            f"  keep    {'; '.join(keep)}\n"
            f"  aims    {', then '.join(aim.name for aim in self.all_aims)}"
        )

    # --- demand ------------------------------------------------------------------------------

    def _reshaped(self, change: Callable[[Floats], Floats]) -> Program:
        demand, worth = self.demand_by_slice, self.worth_by_slice
        return replace(
            self,
            demand_by_slice=None if demand is None else change(demand),
            worth_by_slice=None if worth is None else change(worth),
        )

    def _keys(self) -> list[Hashable]:
        years = self.year_plan.years if self.year_plan else ()
        names = self.scenario_plan.names if self.scenario_plan else ()
        return list(product(years, names)) if years and names else list(years or names or (None,))

    def _figures(
        self, what: str, given: Mapping[Any, pd.Series], keys: Sequence[Hashable]
    ) -> Floats:
        """Return figures of 0 or more, demand rows by `keys`, from one series for each key.

        A key is a year, a scenario or both; `what` is the input named in error messages.
        """
        missing, fix = [key for key in keys if key not in given], "give one series for each"
        faults = naming(what, f"some years or scenarios have no {what}", missing, fix)
        extra = [key for key in given if key not in keys]
        fix = "leave them out, or first add these years or scenarios to the program"
        faults += naming(what, "some years or scenarios are not in the program", extra, fix)
        ids = pd.Index(self.instance.demand_ids.astype(str))
        columns = []
        for key in [key for key in keys if key in given]:
            where = what if key is None else f"{what} of {key}"
            index = pd.Index(given[key].index.astype(str))
            fix, number_fix = "give one figure per demand_id", "give numbers of 0 or more"
            wrong = naming(where, "some ids appear twice", index[index.duplicated()], fix)
            stray, lost = index.difference(ids), ids.difference(index)
            wrong += naming(where, "some ids are not ids of demand rows", stray, fix)
            wrong += naming(where, "some demand rows are missing", lost, fix)
            kind = given[key].dtype
            if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
                said = f"the figures have type {kind}, but must be numbers"
                wrong.append(Fault(where, said, number_fix))
            faults += wrong
            if not wrong:
                values = given[key].to_numpy(float, na_value=np.nan)
                column = values[index.get_indexer(ids)]
                bad = ids[~(np.isfinite(column) & (column >= 0))]
                what_bad = "some figures are not numbers of 0 or more"
                faults += naming(where, what_bad, bad, number_fix)
                columns.append(column)
        refuse(faults)
        return np.stack(columns, axis=1)

    def _with_demand(self, demand: Demand | None) -> Program:
        if demand is None:
            return self
        return replace(self, demand_by_slice=self._figures("demand", demand, self._keys()))

    def _repr_latex_(self) -> str:
        """Return the program in words and mathematics, for a notebook."""
        return latex_of(
            self.layout(), self.all_aims, self.worth_unit, self.scenario_plan, len(self.distances)
        )

    # --- data and mathematics derived from the blocks ------------------------------------------

    @cached_property
    def slices(self) -> tuple[Slice, ...]:
        """The slices; each slice is one year in one scenario."""
        return slices_of(self.year_plan, self.scenario_plan)

    @cached_property
    def demand_kwh(self) -> Floats:
        """Demand of each row in each slice (kWh/day)."""
        if self.demand_by_slice is not None:
            return self.demand_by_slice
        return np.repeat(self.instance.demand_kwh[:, None], len(self.slices), axis=1)

    @cached_property
    def all_aims(self) -> tuple[Aim, ...]:
        """The aims in order of priority; if none was added, only the highest worth."""
        return self.aims or (MostWorth(),)

    @property
    def capacitated(self) -> bool:
        """Whether capacities limit the energy served."""
        return self.model == "capacitated"

    @property
    def counts_energy(self) -> bool:
        """Whether worth is energy without decay."""
        return self.worth_by_slice is None and self.distance_decay is None

    @property
    def money_pkr(self) -> float:
        """Public money over all years (PKR)."""
        plan = self.year_plan
        return float(sum(plan.budgets_pkr)) if plan else self.instance.budget_pkr

    @cached_property
    def per_kwh(self) -> Floats:
        """Worth of a kWh/day of each demand row in each slice, before decay."""
        if self.worth_by_slice is None:
            return np.ones_like(self.demand_kwh)
        wanted = np.where(self.demand_kwh > 0, self.demand_kwh, 1.0)
        return np.where(self.demand_kwh > 0, self.worth_by_slice / wanted, 0.0)

    @cached_property
    def offers(self) -> Ints:
        """Positions of usable offers: existing stations, and useful offers within every limit.

        An offer is useful if it can serve demand, counts towards a lower limit, belongs to a
        bundle, or is at a site that must have a station.
        """
        instance = self.instance
        must = instance.must_sites[instance.offer_site]
        possible = np.ones(len(instance.offer_ids), dtype=bool)
        if self.gap is not None:
            possible = must | self._viable(self.gap)
        elif self.budgeted:
            plan = self.year_plan
            most = self.money_pkr if plan is None or plan.upgrades else max(plan.limit_pkr)
            possible = instance.offer_subsidy <= most + tolerance(most)
        useful = must | self._usable()
        for limit in instance.limits:
            amount = instance.amounts_of(limit)
            used = amount * instance.offer_subsidy if limit.per_rupee else amount
            possible[used > limit.at_most + tolerance(limit.at_most)] = False
            useful |= (amount > 0) & (limit.at_least > 0)
        useful |= instance.offer_bundle != ""
        return np.flatnonzero((possible & useful) | instance.offer_existing)

    @cached_property
    def _upgraded(self) -> Flags:
        """Whether each offer takes part in upgrades.

        If the instance does not state which offers take part, all offers do, or no offer does if
        there would be too many options.
        """
        instance, plan = self.instance, self.year_plan
        if plan is None or not plan.upgrades:
            return np.zeros(len(instance.offer_ids), dtype=bool)
        if instance.offer_upgraded is not None:
            return instance.offer_upgraded
        count = course_count(instance, self.offers, len(plan.years))
        return np.full(len(instance.offer_ids), count <= settings.WHOLE_LAST)

    @property
    def lacks_courses(self) -> bool:
        """Whether `options` leaves out allowed upgrades because they are too many."""
        upgrades = self.year_plan is not None and self.year_plan.upgrades
        return upgrades and not self._upgraded[self.offers].all()

    def refuse_many_courses(self, use: str) -> None:
        """Raise `InputError` if `options` leaves out upgrades, which the purpose `use` needs."""
        if self.lacks_courses:
            what = f"there are more than {settings.WHOLE_LAST:,} combinations of opening year and "
            what += f"upgrades, which are too many for {use}"
            raise InputError("program.years", what, "plan fewer years, or leave out upgrades")

    @cached_property
    def options(self) -> Options:
        """The options at the sites; most upgrades are left out if there are very many options."""
        years = (0,) if self.year_plan is None else self.year_plan.years
        made = options_of(self.instance, self.offers, len(years), self._upgraded)
        if self.year_plan is None:
            return made
        made = opening(made, self.instance.offer_opens, np.array(years))
        # If courses are left out, all courses of single offers are kept, because bounds need them.
        if self.gap is not None or not self.budgeted or self.lacks_courses:
            return made
        rows = ResourceRows(made)
        rows.add_money(self.instance.offer_subsidy, 0.0, self.year_plan)
        money = rows.made()
        # Leave out every course whose subsidies alone exceed the money of a year.
        over = np.zeros(len(made), dtype=bool)
        use = money.use.tocoo()
        over[use.col[use.data > (money.at_most + money.slack)[use.row]]] = True
        over &= ~self.instance.offer_existing[made.last]
        return Options(made.site[~over], made.offer[~over])

    @cached_property
    def resources(self) -> Resources:
        """The constraint rows that limit sums over the options."""
        rows = ResourceRows(self.options)
        if self.gap is None and self.budgeted:
            rows.add_money(self.instance.offer_subsidy, self.instance.budget_pkr, self.year_plan)
        rows.add_limits(self.instance, None if self.gap else self.instance.offer_subsidy)
        rows.add_bundles(self.instance.offer_bundle)
        for n, (sites, differ) in enumerate(self.distances, 1):
            rows.add_distance(f"distance to plan {n}", sites, differ)
        return rows.made()

    @cached_property
    def groups(self) -> tuple[Floor, ...]:
        """The floors, followed by the groups whose shares the aims compare."""
        return (*self.floors, *(group for aim in self.all_aims for group in aim.groups))

    def service(self, *, by_cell: bool = False, offers: Ints | None = None) -> Service:
        """Return the merged demand rows and their pairs.

        If `by_cell` is true, only rows with equal drive times are merged. `offers` are the
        positions of the offers to consider; by default, all usable offers.
        """
        if offers is not None:
            return self._service(self._told[0], by_cell=by_cell, offers=offers)
        return self._by_cell if by_cell else self._told[1]

    @cached_property
    def _by_cell(self) -> Service:
        return self._service(self._told[0], by_cell=True)

    @cached_property
    def _told(self) -> tuple[Floats, Service]:
        """Demand by slice, with 0 for rows that are too small for a solver, and the merged rows."""
        demand = self.demand_kwh
        made = self._service(demand, by_cell=False)
        largest = float(made.kwh.max(initial=0.0))
        self._check_ranges(made, largest)
        # A solver cannot distinguish these rows from 0 (`siting.program.matrix`).
        specks = (demand > 0) & (demand < 2 * settings.EXACT * largest)
        if specks.any():
            demand = np.where(specks, 0.0, demand)
            made = self._service(demand, by_cell=False)
        return demand, made

    def _check_ranges(self, made: Service, largest_kwh: float) -> None:
        """Raise `InputError` if values that are too small for a solver affect worth or floors."""
        demand, reached = self.demand_kwh, made.row_of_demand[:, None] >= 0
        faults, little = [], []
        least_kwh = settings.ARITHMETIC * largest_kwh
        faint = (demand > 0) & (demand < least_kwh) & reached
        worth = demand * self.per_kwh * reached
        small_worth = float((worth * faint).sum() / (worth.sum() or 1.0))
        if small_worth > settings.MINOR_SHARE:
            what = (
                f"rows of {demand[faint].min():.2g} and of {largest_kwh:.2g} kWh/day are too far "
                f"apart for a solver, and the smallest rows have {small_worth:.1%} of the "
                f"{self.worth_unit}"
            )
            fix = f"give each row {least_kwh:.2g} kWh/day or more, or no demand"
            faults.append(Fault("demand", what, fix))
        for floor in self.groups:
            wanted = floor.wanted(demand)
            if ((wanted > 0) & (wanted < 10 * least_kwh)).any():
                little.append(f"{floor.name}: {wanted[wanted > 0].min():.2g} kWh/day")
        what = f"have almost no demand compared with a row of {largest_kwh:.2g} kWh/day"
        refuse(faults + naming("floors", what, little, "leave these floors out"))

    def _service(self, demand_kwh: Floats, *, by_cell: bool, offers: Ints | None = None) -> Service:
        instance, gap = self.instance, self.gap
        margin = margins_of(instance, gap) if gap else np.zeros(len(instance.class_names))
        aims = self.all_aims if by_cell else ()
        minutes = (aim.minute_of_classes(instance) for aim in aims)
        by_class = (margin, *(minute for minute in minutes if minute is not None))
        rules = Merging(instance, self.groups, by_class, self.distance_decay, by_cell)
        return rules.service(demand_kwh, self.per_kwh, self.offers if offers is None else offers)

    def layout(self, *, by_cell: bool = False) -> Layout:
        """Return a new layout of the program's columns, to which an aim can add columns."""
        return Layout(
            self.instance,
            self.slices,
            self.demand_kwh,
            self.options,
            self.resources,
            self.service(by_cell=by_cell),
            self.groups,
            capacitated=self.capacitated,
            by_pair=by_cell,
            gap=self.gap,
            years=self.year_plan,
            budget_pkr=self.instance.budget_pkr if self.budgeted else np.inf,
            all_worth=(self.per_kwh * self.demand_kwh).sum(axis=0),
        )

    def matrix(
        self, aim: Aim | None = None, reached: Iterable[Reached] = (), *, by_cell: bool = False
    ) -> Matrix:
        """Return the program for one aim as a matrix that keeps the values of earlier aims."""
        aim = self.all_aims[0] if aim is None else aim
        require_kind("aim", aim, Aim, "give one of program.aims")
        reached = tuple(reached)
        by_cell |= any(one.of_drives for one in (aim, *(r.aim for r in reached)))
        return matrix_of(self.layout(by_cell=by_cell), aim, reached)

    def to_pulp(self, aim: Aim | None = None, reached: Iterable[Reached] = ()) -> pulp.LpProblem:
        """Return the whole program for one aim as a PuLP problem, to be maximised.

        Variable ``y_n`` is 1 if option ``n`` is chosen. The option's offer in the last year is
        ``instance.offer_ids[options.last[n]]``. All amounts are scaled. If ``m = matrix(…)`` has
        the same arguments, the aim's value in its own unit is ``m.size * objective``.

        The default `aim` is the first. `reached` has earlier aims and the values that the plan must
        keep (`siting.program.matrix.Reached`). Raises `InputError` if upgrades over the years allow
        too many courses.
        """
        self.refuse_many_courses("a PuLP problem")
        return pulp_problem(self.matrix(aim, reached), self.model)

    def write_lp(self, path: Path | str, aim: Aim | None = None) -> None:
        """Write the program for an aim (by default, the first aim) to a file in LP format."""
        problem = self.to_pulp(aim)

        def write(part: Path) -> None:
            try:
                problem.writeLP(str(part))
            except pulp.PulpError as err:
                # PuLP reports a system error only as a message that contains the error number.
                number = re.search(r"os error (\d+)", str(err))
                raise OSError(int(number[1]) if number else 0, str(err)) from err

        write_whole(Path(path), write)

    def _usable(self) -> Flags:
        """Return a mask of the offers that some demand in some slice could use."""
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
        """Return a mask of the offers whose shortfall a cap or a concession may cover."""
        instance, margin = self.instance, margins_of(self.instance, rule)
        best = np.where(instance.uses, margin[:, None], 0.0).max(axis=0, initial=0.0)
        earned = instance.offer_capacity @ best if self.capacitated else np.inf
        lacks = instance.offer_cost - caps_of(instance, rule) - earned
        shared = is_shared(cases_of(instance, rule))[instance.offer_site]
        return shared | (lacks <= settings.SIGNIFICANT * instance.offer_cost)
