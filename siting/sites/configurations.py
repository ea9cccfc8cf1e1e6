"""The cost, load and capacity of a set of chargers, before the figures of a site are added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, compress
from numbers import Integral
from typing import Any, Required, TypedDict

import numpy as np
import pandas as pd

from siting.demand import session_figures
from siting.errors import Fault, InputError, naming, refuse
from siting.reference import at_preset
from siting.sites.catalogue import bay_figures, charging_limits, parking_rule
from siting.sites.costs import (
    MONTHS,
    SiteCosts,
    Subsidy,
    annual_fee,
    bays_needed,
    connection_tier,
    site_costs,
    subsidy_pkr,
)
from siting.sites.load import fastest_kw, group_load_kw
from siting.sites.standards import Mix, ServiceStandard, group_capacity_kwh_day, group_mix
from siting.tables import COST_PARTS

EXISTING = "existing"
EXTENDED = "existing+"
UPGRADED = "+upgrade"

USED_SHARE = 0.15

Configurations = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Rules:
    """The figures and rules for making offers: tables, service standard, costs and subsidy."""

    chargers: pd.DataFrame
    grid: pd.DataFrame
    fees: pd.DataFrame
    compatibility: pd.DataFrame
    service: ServiceStandard
    costs: SiteCosts = field(default_factory=site_costs)
    bays: pd.DataFrame = field(default_factory=bay_figures)
    subsidy: Subsidy = field(default_factory=Subsidy)
    sessions: pd.DataFrame = field(default_factory=session_figures)
    limits: pd.DataFrame = field(default_factory=charging_limits)
    energy_kwh_day: Mapping[str, float] = field(default_factory=dict)
    availability: float = 1.0
    line_km: float | None = None
    headroom_kw: float = 800.0
    parking: pd.DataFrame = field(default_factory=parking_rule)
    upgrade: bool = False  # whether more power than the headroom can be bought
    least_ports: int = 0  # minimum number of ports of a size
    mixes: dict[str, Mix] = field(default_factory=dict, repr=False)

    def mix(self, group: str) -> Mix:
        """Return the mean session of a charger group."""
        if group not in self.mixes:
            self.mixes[group] = group_mix(
                group, self.compatibility, sessions=self.sessions, limits=self.limits,
                energy_kwh_day=self.energy_kwh_day,
            )  # fmt: skip
        return self.mixes[group]

    def mix_faults(self, types: pd.DataFrame) -> list[Fault]:
        """Return every error in the session figures used for the capacity of these chargers."""
        needed = types[_swaps(types) | (self.service.rule == "waiting")]
        faults: list[Fault] = []
        for group in dict.fromkeys(needed["charger_group"].astype(str)):
            try:
                self.mix(group)
            except InputError as err:
                faults += [fault for fault in err.faults if fault not in faults]
        return faults

    def group_kwh_day(self, types: pd.DataFrame, number: np.ndarray) -> float:
        """Return the capacity of one group's chargers (kWh/day) if they have power all day."""
        needed = _swaps(types).any() or self.service.rule == "waiting"
        mix = self.mix(str(types["charger_group"].iloc[0])) if needed else None
        return group_capacity_kwh_day(types, number, mix, self.service)

    def group_load_kw(self, types: pd.DataFrame, number: np.ndarray, served: float) -> float:
        """Return the load of one group's chargers (kW) at sales of `served` kWh/day."""
        group = str(types["charger_group"].iloc[0])
        limits = at_preset(self.limits, self.costs.preset, "limit_kw")
        fastest = fastest_kw(group, self.compatibility, limits)
        mix = self.mix(group) if self.service.rule == "waiting" else None
        return group_load_kw(types, number, fastest, mix, served, self.costs.busy_share)


class OfferFigures(TypedDict, total=False):
    """Named figures for computing offers; optional figures have packaged defaults."""

    chargers: Required[pd.DataFrame]  # as `charger_catalogue` returns it
    grid: Required[pd.DataFrame]  # as `grid_figures` returns it
    fees: Required[pd.DataFrame]  # as `fee_figures` returns it
    compatibility: Required[pd.DataFrame]  # as `compatibility` returns it
    utilisation: float  # share of full output that is sold (default 0.15); overridden by `service`
    service: ServiceStandard | None
    availability: float  # share of the time with power, above 0 and at most 1 (default 1)
    # Distance to the nearest 11 kV point, km. The default is the grid table's motorway distance for
    # sites of kind services, rest_area or motorway, and its city distance for other sites.
    line_km: float | None
    # Spare grid power, kW. The default of 800 is assumed for an 11 kV feeder (range 200 to 2,000).
    headroom_kw: float
    subsidy: Subsidy | None
    costs: SiteCosts | None  # civil works, land and O&M (default `site_costs()`)
    bays: pd.DataFrame | None  # as `bay_figures` returns it
    parking: pd.DataFrame | None  # as `parking_rule` returns it
    sessions: pd.DataFrame | None  # as `siting.demand.session_figures` returns it
    limits: pd.DataFrame | None  # as `charging_limits` returns it
    energy_kwh_day: Mapping[str, float] | None  # public energy by class, used to weight sessions


def given_faults(given: OfferFigures) -> list[Fault]:
    """Return every error in the shares, the distance and the power in `given`."""
    shares = {"utilisation": given.get("utilisation", USED_SHARE),
              "availability": given.get("availability", 1.0)}  # fmt: skip
    faults = [
        Fault(name, f"{value} is not a share of time", "enter a share above 0 and at most 1")
        for name, value in shares.items()
        if not 0 < value <= 1
    ]
    km, kw = given.get("line_km"), given.get("headroom_kw", 0.0)
    if km is not None and not 0 <= km < np.inf:
        fix = "enter a distance of at least 0 km"
        faults.append(Fault("line_km", f"{km} is not a distance", fix))
    if not 0 <= kw < np.inf:
        faults.append(Fault("headroom_kw", f"{kw} is not a power of at least 0 kW"))
    return faults


def rules_of(given: OfferFigures, **fit: Any) -> Rules:
    """Return the rules with the figures in `given` and `fit`, and packaged figures for the rest."""
    figures: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
    used = figures.pop("utilisation", USED_SHARE)
    return Rules(**{"service": ServiceStandard("rated_share", used), **figures, **fit})


def bare_configurations(configurations: Configurations, rules: Rules) -> pd.DataFrame:
    """Return the configurations with the costs, load and capacity that are equal at all sites."""
    chosen = {name: dict(numbers) for name, numbers in configurations.items()}
    count = pd.DataFrame.from_dict(chosen, orient="index").fillna(0).astype(float)
    chargers, fees, costs = rules.chargers, rules.fees, rules.costs
    types = chargers.set_index(chargers["charger_id"].astype(str)).loc[count.columns]
    refuse(rules.mix_faults(types))
    n = count.to_numpy()
    kw = types["power_kw"].to_numpy(dtype=float)
    ports = types["ports"].to_numpy(dtype=float)
    battery = types["battery_kwh"].fillna(0) * types["battery_pkr_kwh"].fillna(0)
    swap = _swaps(types).to_numpy()
    out = pd.DataFrame({"configuration": count.index.astype(str)})
    listed = ([f"{k} x {name}" for name, k in of.items()] for of in configurations.values())
    out["chargers"] = list(map(" + ".join, listed))
    out["vehicle_classes"] = _classes(n, types, rules.compatibility)
    out["power_kw"] = n @ kw
    out["load_kw"] = 0.0
    out["ports"] = (n @ ports).astype(int)
    out["points"] = (n @ np.where(swap, 1.0, ports)).astype(int)
    out["bays_needed"] = bays_needed(n, types, rules.bays).astype(int)
    out["charger_cost_pkr"] = n @ (types["capex_pkr"] + battery).to_numpy(dtype=float)
    out["battery_cost_pkr"] = n @ battery.to_numpy(dtype=float)
    out["fee_cost_pkr"] = float(fees.loc[fees["item"] == "application", "value"].sum())
    out["civil_cost_pkr"] = out["bays_needed"] * costs.civil_bay_pkr
    upfront = costs.land_bay_upfront_pkr if costs.land == "upfront" else 0.0
    out["land_cost_pkr"] = out["bays_needed"] * upfront
    out = pd.concat([out, annual_fee(np.where(n > 0, kw, 0.0).max(axis=1), fees)], axis=1)
    out["om_pkr_year"] = costs.om_share * (out["charger_cost_pkr"] - out["battery_cost_pkr"])
    lease = costs.land_bay_month_pkr * MONTHS if costs.land == "lease" else 0.0
    out["land_pkr_year"] = out["bays_needed"] * lease
    out["charger_life_years"] = _shortest(n, types["life_years"])
    out["battery_life_years"] = _shortest(n, types["battery_life_years"].where(swap))
    groups = types["charger_group"].astype(str)
    for group in dict.fromkeys(groups):
        of_group = (groups == group).to_numpy()
        alike = types[of_group]
        # Many sizes share the same chargers of a group, so each distinct row is computed once.
        rows, which = np.unique(n[:, of_group], axis=0, return_inverse=True)
        served = np.array([rules.group_kwh_day(alike, row) if row.any() else 0.0 for row in rows])
        pairs = zip(rows, served, strict=True)
        load = np.array([rules.group_load_kw(alike, row, kwh) for row, kwh in pairs])
        out[f"capacity_{group}_kwh_day"] = served[which]
        out["load_kw"] += load[which]
        on_road = costs.road_battery(group) * float(alike["battery_pkr_kwh"].fillna(0.0).max())
        if on_road:
            out[["charger_cost_pkr", "battery_cost_pkr"]] += on_road * served[which, None]
    return pd.concat([out, connection_tier(out["load_kw"].to_numpy(), rules.grid)], axis=1)


def with_costs(offers: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return offers with line cost, grid cost, total cost and subsidy (PKR)."""
    items = rules.grid.set_index("item")["value"].astype(float)
    line = offers["line_km"] * float(items["overhead_11kv"])
    out = offers.drop(columns="needs_line")
    out["line_cost_pkr"] = line.where(offers["needs_line"].astype(bool), 0.0)
    parts = ["connection_cost_pkr", "line_cost_pkr", "upgrade_cost_pkr"]
    out["grid_cost_pkr"] = out[parts].sum(axis=1)
    costs = rules.costs
    site_works = out["grid_cost_pkr"] + out["civil_cost_pkr"]
    works = out["charger_cost_pkr"] + site_works
    out["design_cost_pkr"] = costs.design_share * site_works
    out["contingency_cost_pkr"] = costs.contingency_share * (works + out["design_cost_pkr"])
    out["deposit_cost_pkr"] = costs.deposit_pkr_kw * (out["load_kw"] - out.get("standing_kw", 0.0))
    out["insurance_pkr_year"] = costs.insurance_share * works
    out["cost_pkr"] = out[list(COST_PARTS)].sum(axis=1)
    out["subsidy_pkr"] = subsidy_pkr(out, rules.subsidy)
    return out


def configuration_faults(configurations: Configurations, chargers: pd.DataFrame) -> list[Fault]:
    """Return every error in a set of configurations (an empty list if there is none)."""
    faults = []
    known = chargers["charger_id"].astype(str)
    have = f"the table has: {', '.join(known)}"
    if not configurations:
        faults.append(Fault("configurations", "none are given", "name at least one"))
    for name, chosen in configurations.items():
        where = f"configurations, {name}"
        if not name.strip():
            faults.append(Fault("configurations", "one has no name"))
        if name == EXISTING:
            faults.append(Fault(where, "the name is reserved for existing stations", "rename it"))
        if name.startswith(EXTENDED) or name.endswith(UPGRADED):
            what = f"{EXTENDED}… and …{UPGRADED} are reserved for extended and upgraded offers"
            faults.append(Fault(where, what, "rename it"))
        if not chosen:
            faults.append(Fault(where, "has no chargers", "name a type and a number"))
        unknown = [charger for charger in chosen if charger not in set(known)]
        faults += naming(where, "unknown charger type", unknown, have)
        odd = (f"{charger}: {n}" for charger, n in chosen.items() if not is_count(n))
        faults += naming(where, "not a whole number of at least 1", odd)
    return faults


def is_count(number: object) -> bool:
    """Return whether a value is a whole number of at least 1."""
    return isinstance(number, Integral) and not isinstance(number, bool) and int(number) >= 1


def _swaps(types: pd.DataFrame) -> pd.Series[bool]:
    """Return whether each charger type is a swap cabinet."""
    return types["battery_kwh"].fillna(0.0) > 0


def _classes(n: np.ndarray, types: pd.DataFrame, compatibility: pd.DataFrame) -> list[str]:
    by_group = compatibility.groupby("charger_group")["vehicle_class"].agg(list).to_dict()
    of_type = [by_group.get(group, []) for group in types["charger_group"].astype(str)]
    chosen = (chain.from_iterable(compress(of_type, row > 0)) for row in n)
    return [", ".join(dict.fromkeys(vehicles)) for vehicles in chosen]


def _shortest(n: np.ndarray, life_years: pd.Series) -> np.ndarray:
    """Return the shortest life (years) of each configuration's chargers; NaN if none is known."""
    lives = np.where(n > 0, life_years.to_numpy(dtype=float, na_value=np.nan), np.nan)
    return pd.DataFrame(lives).min(axis=1).to_numpy()
