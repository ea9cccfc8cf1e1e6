"""The program: an instance and the blocks of requirements on its plan.

Methods add blocks and return a new program, in any order, except the aims, which are in order of
priority::

    program = (
        Program(instance)
        .years({2027: 5e7, 2030: 1e8}, demand={2027: now, 2030: later}, carry_over=True)
        .floor(0.3, of=districts)
        .floor(0.2, of="class")
        .decay(ExponentialDecay(5), cutoff_min=8)
        .most_worth()
        .shortest_drives()
    )

The mathematics of each block stands at the top of its file: `siting.program.options`, `resources`,
`service`, `floors`, `money`, `slices`, `aims`. `Program.matrix` writes them as one sparse matrix
and `Program.to_pulp` as a PuLP problem; `siting.engine.solve` answers it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.program.aims import (
    Aim,
    LeastMoney,
    LeastRegret,
    MostWorth,
    NetWorth,
    ShortestDrives,
    Tail,
    TailOf,
    WorstShare,
    least_cost_to_all,
)
from siting.program.blocks import Blocks
from siting.program.floors import Floor, When, floors_of, groups_of
from siting.program.instance import Floats
from siting.program.limits import Limit
from siting.program.money import GapRule, MoneyKind, caps_of, margins_of
from siting.program.notebook_text import latex_of
from siting.program.objective import Decay, Objective, objective_of
from siting.program.obligations import limit_faults
from siting.program.slices import Scenarios, Years
from siting.texts import counted

Demand = Mapping[Any, "pd.Series[float]"]


@dataclass(frozen=True, eq=False)
class Program(Blocks):
    """An instance and its blocks (`siting.program.blocks`), with methods that add blocks.

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

    # --- blocks ------------------------------------------------------------------------------

    def years(
        self, budgets_pkr: Mapping[int, float], demand: Demand | None = None, **rules: Any
    ) -> Program:
        """Return the program over years, each with its money (PKR).

        Parameters
        ----------
        budgets_pkr
            Public money granted in each year (PKR); the instance's own budget is ignored.
        demand
            Demand in each year (kWh/day by ``demand_id``); None: the same in all. With years and
            scenarios, give demand with the second of the two blocks, by (year, scenario).
        rules
            ``carry_over``, ``upgrades``, ``discount_rate``, ``last_period_years``, as for
            `siting.program.slices.Years.of`.
        """
        if self.year_plan is not None:
            raise InputError(Fault("years", "are set twice", "name them once, all together"))
        years = Years.of(budgets_pkr, **rules)
        # Scenario data is the same in all years unless given by year.
        mine = self._widened(lambda amount: np.tile(amount, (1, len(years.years))))
        return replace(mine, year_plan=years)._with_demand(demand)

    def scenarios(
        self, probabilities: Mapping[str, float], demand: Demand | None = None
    ) -> Program:
        """Return the program over scenarios: one plan, chosen before the scenario is known.

        Parameters
        ----------
        probabilities
            Probability of each scenario; the sum is 1.
        demand
            Demand in each scenario (kWh/day by ``demand_id``); with years, by (year, scenario).
        """
        if self.scenario_plan is not None:
            fix = "name them once, all together"
            raise InputError(Fault("scenarios", "are set twice", fix))
        scenarios = Scenarios.of(probabilities)
        mine = self._widened(lambda amount: np.repeat(amount, len(scenarios.names), axis=1))
        return replace(mine, scenario_plan=scenarios)._with_demand(demand)

    def worth(self, worth: pd.Series | Mapping[Hashable, pd.Series], unit: str) -> Program:
        """Return the program that counts people or sessions in place of energy.

        Parameters
        ----------
        worth
            Worth of each whole demand row, by ``demand_id``. Where it differs by year or scenario,
            set these first, and give one series for each.
        unit
            Unit of the worth.
        """
        decay = self.objective.decay if self.objective else None
        if not isinstance(worth, Mapping):
            objective = replace(objective_of(self.instance, worth, unit), decay=decay)
            return replace(self, objective=objective, worth_by_slice=None)
        faults = self._key_faults("worth", worth)
        if faults:
            raise InputError(faults)
        parts = [objective_of(self.instance, worth[key], unit).worth for key in self._keys()]
        return replace(
            self,
            objective=Objective(unit, parts[0], decay),
            worth_by_slice=np.stack(parts, axis=1),
        )

    def decay(self, decay: Decay, cutoff_min: float) -> Program:
        """Return the program in which the worth of a kWh falls with the drive (min)."""
        checked = objective_of(self.instance, decay=decay, cutoff_min=cutoff_min)
        mine = self.objective or checked
        return replace(self, objective=replace(mine, decay=decay))

    def limit(self, *limits: Limit) -> Program:
        """Return the program with further limits on the offers (`siting.program.limits`)."""
        mine = sorted([*self.instance.limits, *limits], key=lambda limit: limit.name)
        faults = limit_faults(mine)
        if faults:
            raise InputError(faults)
        return replace(self, instance=replace(self.instance, limits=tuple(mine)))

    def require(self, site_ids: Iterable[str]) -> Program:
        """Return the program in which these sites must have a station."""
        index = pd.Index(self.instance.site_ids)
        ids = sorted(set(map(str, site_ids)))
        at = index.get_indexer(pd.Index(ids, dtype=object))
        unknown = tuple(name for name, n in zip(ids, at.tolist(), strict=True) if n < 0)
        if unknown:
            what = f"{len(unknown):,} without an offer that can be built"
            raise InputError(Fault("required sites", what, "check the names", unknown))
        sites = np.union1d(self.instance.required_sites, at.astype(np.int64))
        return replace(self, instance=replace(self.instance, required_sites=sites))

    def without_budget(self) -> Program:
        """Return the program without a budget."""
        return replace(self, budgeted=False)

    def differ_from(self, offer_ids: Iterable[str], sites: int) -> Program:
        """Return the program whose plan differs from another in at least some number of sites.

        Parameters
        ----------
        offer_ids
            Offers of the other plan.
        sites
            Least number of sites in one of the two plans only.
        """
        other = self.instance.offer_site[self.instance.positions_of(offer_ids)]
        return replace(self, distances=(*self.distances, (np.unique(other), int(sites))))

    def floor(
        self,
        share: float | Mapping[str, float],
        of: pd.Series | str | None = None,
        when: When = "last",
    ) -> Program:
        """Return the program that must serve a share of some demand (0 to 1).

        Parameters
        ----------
        share
            One share, or shares by name of zone or class.
        of
            None: the city; ``"class"``, ``"zone"``: each of them; else zones by ``demand_id``.
        when
            Years in which the floor holds, in every scenario: ``last`` or ``every``.
        """
        floors = floors_of(self.instance, share, of, when, self.zones)
        return replace(self, floors=(*self.floors, *floors))

    def viability_gap(self, rule: GapRule) -> Program:
        """Return the program in which subsidies fill the viability gap (`siting.program.money`).

        The cost of an offer is its need over its life; its own subsidy is ignored.
        """
        margins_of(self.instance, rule)
        caps_of(self.instance, rule)
        none = np.zeros(len(self.instance.offer_ids))
        return replace(self, gap=rule, instance=replace(self.instance, offer_subsidy=none))

    def only_scenario(self, k: int) -> Program:
        """Return the program of one scenario alone, by its position."""
        if self.scenario_plan is None:
            return replace(self, aims=(MostWorth(),))
        mine = [n for n, one in enumerate(self.slices) if one.scenario == k]
        worth = self.worth_by_slice
        return replace(
            self,
            scenario_plan=Scenarios((self.scenario_plan.names[k],), (1.0,)),
            demand_by_slice=self.demand_kwh[:, mine],
            worth_by_slice=None if worth is None else worth[:, mine],
            aims=(MostWorth(),),
        )

    def only_last_year(self) -> Program:
        """Return the program of the last year alone, with all money granted until then."""
        if self.year_plan is None:
            return self
        last = len(self.year_plan.years) - 1
        mine = [n for n, one in enumerate(self.slices) if one.year == last]
        worth = self.worth_by_slice
        money = sum(self.year_plan.budgets_pkr)
        return replace(
            self,
            instance=replace(self.instance, budget_pkr=money),
            year_plan=None,
            demand_by_slice=self.demand_kwh[:, mine],
            worth_by_slice=None if worth is None else worth[:, mine],
        )

    # --- aims --------------------------------------------------------------------------------

    def aim(self, aim: Aim) -> Program:
        """Return the program with one more aim, after its present ones."""
        return replace(self, aims=(*self.aims, aim))

    def without_aims(self) -> Program:
        """Return the program without aims."""
        return replace(self, aims=())

    def most_worth(self) -> Program:
        """Return the program with the next aim: the most worth served."""
        return self.aim(MostWorth())

    def net_worth(
        self, least_gain: float | Sequence[float], of: MoneyKind = "subsidy_pkr"
    ) -> Program:
        """Return the program with the next aim: the most worth, less a charge per rupee.

        Parameters
        ----------
        least_gain
            Worth (kWh/day, people, sessions/day) charged per rupee, above 0: one number, or one for
            the money of each year, some of which may be 0. Years must be set first.
        of
            Public money drawn, or cost in all.
        """
        by_year = np.ndim(least_gain) > 0
        gains = tuple(np.atleast_1d(np.asarray(least_gain, dtype=float)).tolist())
        years = len(self.year_plan.years) if self.year_plan else 1
        if by_year and len(gains) != years:
            what = f"are {len(gains):,} numbers, and there are {years:,} years"
            raise InputError(Fault("least gain", what, "give one for all, or one for each year"))
        if not (all(math.isfinite(g) and g >= 0 for g in gains) and max(gains) > 0):
            fix = "give a worth for each rupee above 0, such as 1e-5 kWh/day"
            raise InputError(Fault("least gain", f"is {least_gain}", fix))
        return self.aim(NetWorth(gains if by_year else gains[0], of))

    def least_money(self, of: MoneyKind = "subsidy_pkr") -> Program:
        """Return the program with the next aim: the least public money, or cost in all (PKR)."""
        return self.aim(LeastMoney(of))

    def worst_share(self, of: pd.Series | str, when: When = "last") -> Program:
        """Return the program with the next aim: the largest share in the worst zone or class."""
        groups = groups_of(self.instance, of, self.zones)
        return self.aim(
            WorstShare(tuple(Floor(name, member, 0.0, when) for name, member in groups.items()))
        )

    def least_regret(self) -> Program:
        """Return the program with the next aim: the smallest regret in the worst scenario."""
        return self.aim(LeastRegret())

    def tail(self, alpha: float, of: TailOf = "unserved") -> Program:
        """Return the program with the next aim: the best mean of the worst outcomes (CVaR)."""
        if not 0 < alpha < 1:
            fix = "give a share above 0 and below 1, such as 0.9"
            raise InputError(Fault("alpha", f"is {alpha}", fix))
        return self.aim(Tail(alpha, of))

    def shortest_drives(self) -> Program:
        """Return the program with the next aim: the fewest kWh × minutes."""
        return self.aim(ShortestDrives())

    def least_cost_to_all(
        self, cost_pkr_year: Mapping[str, float], pkr_kwh_min: Mapping[str, float]
    ) -> Program:
        """Return the program with the next aim: the least cost of stations and drivers' time.

        Parameters
        ----------
        cost_pkr_year
            Yearly cost of each offer (PKR), by ``offer_id``; existing stations add no cost.
        pkr_kwh_min
            Yearly cost of a minute's drive for each kWh/day (PKR), by vehicle class: ``365 x PKR an
            hour / 60 / kWh of a session``.
        """
        return self.aim(least_cost_to_all(self.instance, cost_pkr_year, pkr_kwh_min))

    def __repr__(self) -> str:
        """Return the blocks on a few lines."""
        sizes = [
            counted(len(self.instance.site_ids), "site"),
            counted(len(self.options), "option"),
            counted(len(self.service().site), "pair"),
        ]
        if len(self.slices) > 1:
            sizes.append(counted(len(self.slices), "slice"))
        keep = []
        if self.year_plan:
            keep.append("money by year")
        elif self.budgeted:
            keep.append(f"budget PKR {self.instance.budget_pkr:,.0f}")
        keep += [limit.name for limit in self.instance.limits[:5]]
        keep += [f"floor {floor.name} {floor.share:.0%}" for floor in self.floors[:5]]
        more = max(0, len(self.instance.limits) - 5) + max(0, len(self.floors) - 5)
        if more:
            keep.append(f"{more:,} more")
        if self.gap:
            keep.append("subsidies fill the viability gap")
        return "\n".join(
            [
                f"Program: {self.model}, {', '.join(sizes)}",
                f"  keep    {'; '.join(keep)}",
                f"  aims    {', then '.join(aim.name for aim in self.all_aims)}",
            ]
        )

    # --- demand ------------------------------------------------------------------------------

    def _widened(self, widen: Callable[[Floats], Floats]) -> Program:
        """Return the program with its data by slice repeated for more slices."""
        demand, worth = self.demand_by_slice, self.worth_by_slice
        return replace(
            self,
            demand_by_slice=None if demand is None else widen(demand),
            worth_by_slice=None if worth is None else widen(worth),
        )

    def _keys(self) -> list[Hashable]:
        years = self.year_plan.years if self.year_plan else (None,)
        names = self.scenario_plan.names if self.scenario_plan else (None,)
        keys: list[Hashable] = []
        for year in years:
            for name in names:
                both = year is not None and name is not None
                keys.append((year, name) if both else (name if year is None else year))
        return keys

    def _key_faults(self, what: str, given: Mapping[Any, Any]) -> list[Fault]:
        keys = self._keys()
        faults = []
        missing = tuple(str(key) for key in keys if key not in given)
        extra = tuple(str(key) for key in given if key not in keys)
        if missing:
            fix = "give it for each row of each"
            faults.append(Fault(what, f"years or scenarios without {what}", fix, missing))
        if extra:
            fix = "leave them out, or set them first"
            faults.append(Fault(what, "unknown years or scenarios", fix, extra))
        return faults

    def _with_demand(self, demand: Demand | None) -> Program:
        if demand is None:
            return self
        keys = self._keys()
        ids = pd.Index(self.instance.demand_ids.astype(str))
        faults, columns = self._key_faults("demand", demand), []
        for key in keys:
            if key not in demand:
                continue
            given = demand[key]
            index = pd.Index(given.index.astype(str))
            stray = tuple(sorted(set(index) ^ set(ids)))
            values = pd.Series(given.to_numpy(dtype=float, na_value=np.nan), index=index)
            if stray or index.has_duplicates:
                what = f"{len(stray):,} demand rows are not in both it and the instance"
                fix = "give each the same demand_ids, with 0 kWh/day where there is none"
                faults.append(Fault(f"demand of {key}", what, fix, stray))
                continue
            column = values.reindex(ids).to_numpy(dtype=float)
            bad = ~(np.isfinite(column) & (column >= 0))
            if bad.any():
                what = f"{bad.sum():,} rows without a number of 0 or more"
                faults.append(Fault(f"demand of {key}", what, "", tuple(ids[bad])))
            columns.append(column)
        if faults:
            raise InputError(faults)
        return replace(self, demand_by_slice=np.stack(columns, axis=1))

    def _repr_latex_(self) -> str:
        """Return the program in words and mathematics, for a notebook."""
        return latex_of(self)
