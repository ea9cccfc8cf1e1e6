"""The inputs of a program: a configuration's requirements, and tables made by stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from siting import economics, sites
from siting.config import Config
from siting.config.offers import HURDLE_SHARE
from siting.errors import InputError, naming, refuse
from siting.files import texts_of
from siting.program.limits import Limit
from siting.program.money import GapRule
from siting.study.program_zones import zone_of_demand
from siting.tables import capacity_columns, capacity_groups, may_be_built

# Key of a slice: a year, a scenario, both as a pair, or None if the program has neither.
Key = Any
Demands = Mapping[Key, pd.DataFrame]


@dataclass(frozen=True, eq=False)
class Need:
    """The data from which the program computes payments for viability gaps: offers and a rule."""

    offers: pd.DataFrame  # `cost_pkr` is the need of each offer (present value, PKR)
    rule: GapRule  # with one margin per vehicle class


@dataclass(frozen=True, eq=False)
class Asked:
    """A configuration with the tables from which its program is made."""

    # Only the keys `program`, `solver`, `offers.subsidy` and `reach.cutoff_min` are read.
    config: Config
    demand: Demands  # the demand by year and scenario; all tables have the same rows
    # The configuration's own demand, by year (the key is None without years).
    own: Mapping[int | None, pd.DataFrame]
    offers: pd.DataFrame
    reach: pd.DataFrame
    compatibility: pd.DataFrame
    limits: tuple[Limit, ...]  # limits other than the budget
    required: tuple[str, ...]
    forbidden: tuple[str, ...]
    zones: pd.Series | None  # zone of each demand row, by demand_id; blank if in no zone
    people: Mapping[str, float]  # population of each zone
    # People or sessions of a fully served demand row, by slice and demand_id; None for energy.
    worth: Mapping[Key, pd.Series] | None
    own_worth: Mapping[int | None, pd.Series] | None  # as `worth`, for `own`
    need: Need | None  # None if public money does not pay viability gaps
    rules: economics.BusinessRules
    time_values: pd.DataFrame  # the value of a driver's hour, by class
    sessions: pd.DataFrame  # the energy of a session, by class

    @property
    def last_demand(self) -> pd.DataFrame:
        """The configuration's own demand, in the last year."""
        return list(self.own.values())[-1]

    @cached_property
    def to_all(self) -> economics.CostToAll:
        """The yearly cost of the offers and of drivers' time."""
        tables = (*self.demand.values(), *self.own.values())
        classes = {str(k) for rows in tables for k in rows["vehicle_class"].unique()}
        return economics.cost_to_all(
            self.offers, self.rules, classes, self.time_values, self.sessions
        )

    @property
    def floors_of_zones(self) -> dict[str, float]:
        """The share of demand that must be served in each zone with a floor."""
        program = self.config.program
        names = [] if self.zones is None else sorted(set(self.zones) - {""})
        floors = dict.fromkeys(names, program.zone_floor) if program.zone_floor > 0 else {}
        return floors | {str(k): float(v) for k, v in program.zone_floors.items()}

    @property
    def floors_of_classes(self) -> dict[str, float]:
        """The share of demand that must be served in each vehicle class with a floor."""
        program, rows = self.config.program, pd.concat(self.demand.values())
        names = sorted(rows.loc[rows["demand_kwh_day"] > 0, "vehicle_class"].astype(str).unique())
        floors = dict.fromkeys(names, program.class_floor) if program.class_floor > 0 else {}
        return floors | {str(k): float(v) for k, v in program.class_floors.items()}

    @property
    def budgeted(self) -> bool:
        """Whether the budget limits the plan; false if the first aim is to spend least."""
        return self.config.program.first_aims[:1] != ("least_cost",)


def subsidy_of(config: Config) -> sites.Subsidy:
    """Return the subsidy; its default rule is ``need``, or ``share`` in the coverage model.

    The coverage model does not determine sales, so viability gaps are unknown.
    """
    asked = config.offers.subsidy
    plain = "share" if config.program.model == "coverage" else "need"
    share, rate = asked.hurdle.sales_share, asked.hurdle.real_return
    usual = HURDLE_SHARE if rate is None else 1.0
    hurdle = sites.Hurdle(usual if share is None else share, rate)
    given = {**asked.model_dump(exclude={"concessions"}), "rule": asked.rule or plain}
    return sites.Subsidy(**{**given, "hurdle": hurdle})


def demands_of(
    config: Config, demand: pd.DataFrame, other_demand: Callable[..., pd.DataFrame]
) -> tuple[Demands, dict[int | None, pd.DataFrame]]:
    """Return the demand by year and scenario, and the configuration's own demand by year.

    `demand` is the configuration's own demand. `other_demand` returns the demand of a `year`, a
    fleet `scenario` and a `case`. The values in the configuration are the defaults.
    """
    program = config.program
    years: Sequence[int | None] = list(program.years.budgets_pkr) if program.years else [None]
    futures = program.scenarios.of if program.scenarios else {}
    by_year: dict[int | None, pd.DataFrame] = {
        year: demand if year in (None, config.year) else other_demand(year=year) for year in years
    }
    by_slice: dict[Key, pd.DataFrame] = {
        name if year is None else (year, name): other_demand(
            year=year, scenario=future.fleet, case=future.case
        )
        for year in years
        for name, future in futures.items()
    }
    by_slice = _same_rows(by_slice or dict(by_year), demand)
    return by_slice, _same_rows(by_year, *by_slice.values())


def zones_of(
    rows: pd.DataFrame, demands: Demands, cells: pd.DataFrame, cell_zones: pd.Series
) -> tuple[pd.Series, dict[str, float]]:
    """Return the zone of each demand row, and the population of each zone that has demand."""
    zones = zone_of_demand(rows, cell_zones)
    wanted = pd.concat(demands.values()).groupby("demand_id")["demand_kwh_day"].sum()
    live = wanted.reindex(zones.index).groupby(zones).transform("sum") > 0
    zones = zones.where(live, "").astype(str)
    count = cells["people"].groupby(cell_zones.to_numpy()).sum()
    return zones, {str(z): float(n) for z, n in count.items() if str(z) in set(zones) - {""}}


def within_reach(asked: Asked) -> pd.Series[bool]:
    """Return, for each demand row of the last year, whether a possible station is within reach."""
    rows, offers = asked.last_demand, asked.offers
    open_ = (texts_of(offers, "reason") == "") & ~offers["site_id"].isin(asked.forbidden)
    near = pd.Series(False, rows.index)
    for name, plugs in asked.compatibility.groupby("vehicle_class")["charger_group"]:
        columns = [f"capacity_{g}_kwh_day" for g in plugs]
        able = (offers[[c for c in columns if c in offers.columns]] > 0).any(axis=1)
        at_sites = asked.reach["site_id"].isin(offers.loc[open_ & able, "site_id"])
        cells = asked.reach.loc[at_sites, "cell_id"]
        near |= (rows["vehicle_class"] == name) & rows["cell_id"].isin(cells)
    return near & (rows["demand_kwh_day"] > 0)


def money_of(config: Config) -> float:
    """Return the public money available over all years (PKR)."""
    program = config.program
    return float(sum(program.years.budgets_pkr.values()) if program.years else program.budget_pkr)


def _same_rows[K](tables: Mapping[K, pd.DataFrame], *others: pd.DataFrame) -> dict[K, pd.DataFrame]:
    """Return the tables, each with the rows of all tables; added rows have 0 kWh/day."""
    columns = ["demand_id", "cell_id", "vehicle_class"]
    rows = pd.concat([t[columns] for t in (*tables.values(), *others)])
    rows = rows.drop_duplicates("demand_id").sort_values("demand_id", ignore_index=True)
    out = {}
    for key, table in tables.items():
        kwh = rows["demand_id"].map(table.set_index("demand_id")["demand_kwh_day"])
        out[key] = rows.assign(demand_kwh_day=kwh.fillna(0.0).astype(float))
    return out


def worth_of(
    demand: pd.DataFrame, kind: str, cells: pd.DataFrame, sessions: pd.DataFrame
) -> pd.Series[float]:
    """Return the people or daily sessions of each demand row, by ``demand_id``."""
    wanted = demand["demand_kwh_day"]
    if kind == "sessions":
        kwh = sessions.set_index("vehicle_class")["session_kwh"]
        worth = wanted / demand["vehicle_class"].map(kwh).astype(float)
    else:
        # A cell's population is divided among its demand rows in proportion to demand.
        people = demand["cell_id"].map(cells.set_index("cell_id")["people"]).astype(float)
        cell_kwh = wanted.groupby(demand["cell_id"]).transform("sum")
        worth = (people * wanted / cell_kwh.where(cell_kwh > 0)).fillna(0.0)
    return pd.Series(worth.to_numpy(dtype=float), index=demand["demand_id"].astype(str))


def need_of(
    config: Config,
    offers: pd.DataFrame,
    compatibility: pd.DataFrame,
    rules: economics.BusinessRules,
    concessions: Mapping[str, str],
    unpaid: pd.Series[bool],
) -> Need:
    """Return the need of each offer, and the rule by which public money is paid.

    The margin of a vehicle class is the lowest margin of any charger group that fits the class, so
    that earnings are never overstated. `unpaid` marks offers that owners must pay for themselves.
    """
    subsidy = subsidy_of(config)
    terms = economics.gap_terms(offers, rules, subsidy)
    need = terms["need_pkr"].to_numpy(dtype=float, copy=True)
    existing, open_ = offers["existing"].to_numpy(dtype=bool), may_be_built(offers)
    groups = capacity_groups(map(str, offers.columns))
    able = (offers[capacity_columns(offers)] > 0).set_axis(groups, axis=1)
    at_rate = economics.at_hurdle(rules, replace(subsidy.hurdle, sales_share=1.0))
    worth = {g: economics.worth_pkr_kwh_day(at_rate, g) for g in groups if able[g].any()}
    built = able[open_].any()
    margin = {}
    for name in config.demand.vehicle_classes:
        uses = compatibility.loc[compatibility["vehicle_class"] == name, "charger_group"]
        margin[name] = min((worth[g] for g in uses if built.get(g)), default=0.0)
    lost = [name for name, pkr in margin.items() if pkr < 0]
    what = "the price does not pay for the power sold to these vehicle classes"
    fix = "raise the price of their charger groups, or set offers.subsidy.rule to share"
    refuse(naming("money.prices_pkr_kwh", what, lost, fix))
    if open_.any():
        _require_passable(offers[open_], rules, subsidy)
    # An extension must break even on the sales that exceed the existing capacity. Its need is
    # therefore raised by the most that the existing capacity can earn.
    most = (able[list(worth)].to_numpy() * list(worth.values())).max(axis=1, initial=0.0)
    need += subsidy.hurdle.sales_share * offers["standing_kwh_day"].to_numpy(dtype=float) * most
    # Subsidies start at 0, because the program decides what each offer gets.
    nothing = existing | unpaid.to_numpy(bool)
    needing = offers.assign(cost_pkr=np.where(nothing, 0.0, need), subsidy_pkr=0.0)
    cap = dict(zip(terms["offer_id"], terms["cap_pkr"].astype(float), strict=True))
    return Need(needing, GapRule(margin, cap, subsidy.hurdle.sales_share, concessions))


def _require_passable(
    offers: pd.DataFrame, rules: economics.BusinessRules, subsidy: sites.Subsidy
) -> None:
    """Reject the hurdle if no offer can pass it but some offer can pass the default hurdle."""
    capacity = offers[capacity_columns(offers)].sum(axis=1) - offers["standing_kwh_day"]

    def share_needed(hurdle: sites.Hurdle) -> float:
        """Return the share of capacity at which the best offer breaks even."""
        at = replace(subsidy, hurdle=replace(hurdle, sales_share=1.0))
        terms = economics.gap_terms(offers, rules, at)
        lacks = (terms["need_pkr"] - terms["cap_pkr"]).clip(lower=0.0).to_numpy(dtype=float)
        earned = terms["worth_pkr_kwh_day"].to_numpy(dtype=float) * capacity.to_numpy(dtype=float)
        return float((lacks[earned > 0] / earned[earned > 0]).min(initial=np.inf))

    hurdle = subsidy.hurdle
    least = share_needed(hurdle)
    if least <= hurdle.sales_share or share_needed(sites.Hurdle()) > 1:
        return
    key = "sales_share" if least <= 1 else "real_return"
    asked = hurdle.sales_share if least <= 1 else hurdle.real_return
    what = f"is {asked:g}, which no station can pass, even sold out and with the largest subsidy"
    fix = f"set at least {least:.1%}, at which the best offer breaks even" if least <= 1 else ""
    raise InputError(f"offers.subsidy.hurdle.{key}", what, fix or "lower it")
