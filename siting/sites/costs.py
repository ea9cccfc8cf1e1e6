"""The cost components of an offer (PKR): grid, fees, civil works, land, running costs, subsidy.

    load        = sum over the chargers of min(kW, ports x fastest vehicle) x (most ports in use
                  / ports), by charger group (`siting.sites.load`)
    grid_cost   = connection tier that carries the added load + (km x PKR/km of 11 kV line, if the
                  tier needs a transformer) + (upgrade of the feeder, if one is bought)
    civil_cost  = bays x PKR a bay
    land        = bays x PKR a bay: a yearly lease (running), or a purchase price (in the cost)
    design      = share x (grid_cost + civil_cost)
    contingency = share x (chargers + grid_cost + civil_cost + design)
    deposit     = added load x PKR/kW
    cost        = chargers + grid_cost + fees + civil_cost + land_cost + design + contingency
                  + deposit
    batteries   = (kWh of the slots + `road_battery` x kWh/day that cabinets can sell) x PKR/kWh,
                  included in the chargers
    om          = share of the chargers' cost without swap batteries, a year
    insurance   = share x (chargers + grid_cost + civil_cost) a year

The figures are in `siting/reference`: grid.csv, fees.csv, works.csv, bays.csv, site_bays.csv.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import naming, refuse, refuse_unknown, wrong_figures
from siting.reference import at_preset, table
from siting.sites.waiting import Floats
from siting.tables import COST_PARTS

LAND = ("lease", "upfront")
POINTS_RULES = ("none", "minimum", "maximum")
SUBSIDY_RULES = ("need", "share", "flat", "gap")
MONTHS = 12.0
SHARES = ("om_share", "contingency_share", "design_share", "insurance_share", "busy_share")
AMOUNTS = ("civil_bay_pkr", "land_bay_month_pkr", "land_bay_upfront_pkr", "deposit_pkr_kw")
ROAD_BATTERIES = ("road_battery_2w", "road_battery_3w")


@dataclass(frozen=True)
class SiteCosts:
    """Station costs other than chargers, grid works and fees; made by `site_costs`."""

    civil_bay_pkr: float  # civil works per car bay in PKR
    land_bay_month_pkr: float  # lease of a bay in PKR a month
    land_bay_upfront_pkr: float  # price of a bay paid at the start, in PKR
    om_share: float  # yearly operation and maintenance as a share of the chargers' cost, 0 to 1
    # Bays of a site if neither its layer nor its kind gives a number; ``inf`` means no limit.
    site_bays: float
    line_detour: float  # length of an 11 kV line divided by the straight distance, at least 1
    # Contingency, design and yearly insurance: shares of the cost of works, 0 to 1.
    contingency_share: float = 0.0
    design_share: float = 0.0
    insurance_share: float = 0.0
    deposit_pkr_kw: float = 0.0  # security deposit to the distribution company, PKR per kW of load
    # Share of the busiest hour in which the load covers all ports in use; 1 covers every port.
    busy_share: float = 1.0
    # Batteries in vehicles (kWh) bought with a swap cabinet, for each kWh that it can sell a day.
    road_battery_2w: float = 0.0
    road_battery_3w: float = 0.0
    preset: str = "central"  # selects a value from each range (`siting.reference.PRESETS`)
    land: Literal["lease", "upfront"] = "lease"  # land is leased, or paid for at the start
    # Whether NEECA's parking rule sets a minimum or maximum of points; reports allow both readings.
    neeca_points: Literal["none", "minimum", "maximum"] = "none"
    bays_by_kind: Mapping[str, float] = field(default_factory=dict)  # used if a layer has no bays

    def road_battery(self, group: str) -> float:
        """Return the batteries in vehicles (kWh) for each kWh that a group can sell a day."""
        return float(getattr(self, f"road_battery_{group.removeprefix('swap_')}", 0.0))

    def __post_init__(self) -> None:
        """Raise one `InputError` that lists every invalid figure."""
        pkr, kwh = "an amount of at least PKR 0", "at least 0 kWh for each kWh/day"
        faults = wrong_figures("site costs", self, [
            *((name, 0 <= getattr(self, name) < np.inf, pkr) for name in AMOUNTS),
            *((name, 0 <= getattr(self, name) < np.inf, kwh) for name in ROAD_BATTERIES),
            *((name, 0 <= getattr(self, name) <= 1, "a share", "enter 0 to 1") for name in SHARES),
            ("site_bays", self.site_bays >= 0, "at least 0 bays"),
            ("line_detour", 1 <= self.line_detour < np.inf, "a factor of at least 1"),
            ("land", self.land in LAND, "a way to pay", "use " + " or ".join(LAND)),
            ("neeca_points", self.neeca_points in POINTS_RULES, "a reading of the parking rule",
             "use " + ", ".join(POINTS_RULES)),
        ])  # fmt: skip
        odd = [f"{kind}: {bays}" for kind, bays in self.bays_by_kind.items() if not bays >= 0]
        refuse(faults + naming("site costs, bays_by_kind", "not at least 0 bays", odd))


# For each number in `SiteCosts`, the item of works.csv that has its value.
WORKS = {f.name: f.name.replace("_pkr", "") for f in fields(SiteCosts) if f.type == "float"}


def site_costs(**overrides: Any) -> SiteCosts:
    """Return the packaged costs of a site (PKR), with the user's overrides of fields applied.

    Overriding `site_bays` also removes the packaged bays by kind of place. Raises an `InputError`
    that lists all unknown fields or, if there are none, all invalid figures.

    >>> site_costs(land="upfront").civil_bay_pkr
    150000.0
    """
    rows = at_preset(table("works"), overrides.get("preset", "central")).set_index("item")["value"]
    refuse_unknown("site costs", SiteCosts, overrides)
    figures: dict[str, Any] = {name: float(rows[item]) for name, item in WORKS.items()}
    if "site_bays" not in overrides:
        by_kind = table("site_bays").set_index("kind")["bays"].astype(float)
        figures["bays_by_kind"] = by_kind.to_dict()
    return SiteCosts(**(figures | overrides))


@dataclass(frozen=True)
class Hurdle:
    """The hurdle of a subsidised station: its NPV must be 0 at lower sales or a higher return."""

    sales_share: float = 1.0  # share of planned sales at which NPV is 0; above 0, at most 1
    real_return: float | None = None  # minimum yearly return, 0 to 1; by default, the discount rate

    def __post_init__(self) -> None:
        """Raise one `InputError` that lists every invalid share."""
        rate, share = self.real_return, "a share above 0 and at most 1"
        refuse(wrong_figures("hurdle", self, [
            ("sales_share", 0 < self.sales_share <= 1, share),
            ("real_return", rate is None or 0 <= rate <= 1, "a share", "enter 0 to 1"),
        ]))  # fmt: skip


@dataclass(frozen=True)
class Subsidy:
    """The rule that sets how much public money one station gets, with its shares and limits.

    The defaults are assumptions, because Pakistan has published no rule for subsidies. India's PM
    E-DRIVE pays 0.8 of grid works (including civil works) and 0 to 0.7 of the cost of chargers.

    >>> Subsidy(charger_share=0.5, grid_share=0.8, cap_per_station_pkr=5_000_000).fee_share
    0.0
    """

    # Subsidised shares of the cost components under the ``share`` and ``need`` rules, 0 to 1.
    charger_share: float = 0.5
    grid_share: float = 0.8
    fee_share: float = 0.0
    cap_per_station_pkr: float | None = None  # maximum per station under any rule (PKR)
    civil_share: float = 0.0
    land_share: float = 0.0
    # ``share`` pays shares of the cost components. ``need`` pays the viability gap, up to the same
    # shares. ``flat`` pays `flat_pkr` per station, up to its cost. ``gap`` pays the viability gap,
    # up to `gap_cap_share` of the cost. The gap depends on sales (`siting.economics`), so an
    # offer's ``subsidy_pkr`` is the maximum payment.
    rule: Literal["need", "share", "flat", "gap"] = "share"
    flat_pkr: float = 0.0  # payment under ``flat``, PKR per station
    gap_cap_share: float = 0.5  # maximum share of the cost under ``gap``, 0 to 1
    hurdle: Hurdle = Hurdle()  # under ``need`` and ``gap``; by default, NPV 0 at planned sales

    @property
    def held_to(self) -> Hurdle:
        """The rule's hurdle if it pays a viability gap; otherwise, an NPV of 0 at planned sales."""
        return self.hurdle if self.fills_gap else Hurdle()

    @property
    def shares(self) -> dict[str, float]:
        """The subsidised share of each cost component: 0 for design, contingency and deposit."""
        names = {part: part.removesuffix("_cost_pkr") + "_share" for part in COST_PARTS}
        return {part: float(getattr(self, name, 0.0)) for part, name in names.items()}

    @property
    def fills_gap(self) -> bool:
        """Whether the rule pays the viability gap, up to a cap."""
        return self.rule in ("need", "gap")

    def __post_init__(self) -> None:
        """Raise one `InputError` that lists every invalid share and amount."""
        cap, pkr = self.cap_per_station_pkr, "an amount of at least PKR 0"
        shares = [f"{of}_share" for of in ("charger", "grid", "fee", "civil", "land", "gap_cap")]
        refuse(wrong_figures("subsidy", self, [
            *((name, 0 <= getattr(self, name) <= 1, "a share", "enter 0 to 1") for name in shares),
            ("cap_per_station_pkr", cap is None or cap >= 0, pkr),
            ("flat_pkr", 0 <= self.flat_pkr < np.inf, pkr),
            ("rule", self.rule in SUBSIDY_RULES, "a rule", "use " + ", ".join(SUBSIDY_RULES)),
        ]))  # fmt: skip


def subsidy_pkr(costs: pd.DataFrame, rule: Subsidy) -> pd.Series[float]:
    """Return the subsidy of each offer in PKR, or its maximum under ``need`` and ``gap``.

    `costs` has the column ``cost_pkr`` and the columns `COST_PARTS` (civil works and land may be
    absent).

    >>> parts = pd.DataFrame({"charger_cost_pkr": [8e6], "grid_cost_pkr": [2e6],
    ...     "fee_cost_pkr": [5e4], "cost_pkr": [10_050_000.0]})
    >>> float(subsidy_pkr(parts, Subsidy())[0])  # 0.5 x 8 m + 0.8 x 2 m
    5600000.0
    """
    total = costs["cost_pkr"].astype(float)
    if rule.rule in ("share", "need"):
        paid = {part: share for part, share in rule.shares.items() if share and part in costs}
        parts = (share * costs[part].astype(float) for part, share in paid.items())
        drawn = sum(parts, pd.Series(0.0, index=costs.index))
    elif rule.rule == "flat":
        drawn = total.clip(upper=rule.flat_pkr)
    else:
        drawn = rule.gap_cap_share * total
    return drawn.clip(upper=rule.cap_per_station_pkr)


def with_dearer(offers: pd.DataFrame, part: str, added_pkr: pd.Series[float]) -> pd.DataFrame:
    """Return offers with one cost component raised and the dependent costs updated (PKR).

    Design, contingency and insurance keep their ratios to the cost of works.
    """
    works = ["charger_cost_pkr", "grid_cost_pkr", "civil_cost_pkr"]
    soft = {
        "design_cost_pkr": works[1:],
        "contingency_cost_pkr": [*works, "design_cost_pkr"],
        "insurance_pkr_year": works,
    }
    names = dict.fromkeys([*works, *soft, part])
    none = np.zeros(len(offers))
    # Arrays are used for speed, because hundreds of figures are varied for one plan.
    now = {c: offers[c].to_numpy(dtype=float) if c in offers else none for c in names}
    then = now | {part: now[part] + added_pkr.to_numpy(dtype=float)}
    for name, of in soft.items():
        base, dearer = (np.nansum([costs[c] for c in of], axis=0) for costs in (now, then))
        rate = np.divide(now[name], base, out=np.zeros_like(base), where=base > 0)
        then[name] = then[name] + np.nan_to_num(rate) * (dearer - base)
    more = np.nansum([then[c] - now[c] for c in names if c in COST_PARTS], axis=0)
    return offers.assign(**then, cost_pkr=offers["cost_pkr"] + more)


def connection_tier(power_kw: Floats, grid: pd.DataFrame) -> pd.DataFrame:
    """Return, for each power (kW), the smallest grid connection that carries it, and its price.

    A connection without its own transformer uses part of an existing one. The price includes an
    amount per kW if the table has a ``connection_kw`` row with the same ``max_kw``. Columns:
    ``grid_item``, ``connection_cost_pkr``, ``needs_line`` (true with a transformer of its own) and
    ``reason`` (why no connection suffices, or blank).
    """
    tiers = grid[grid["kind"] == "connection"].sort_values("max_kw")
    limits = tiers["max_kw"].to_numpy(dtype=float)
    tier = tiers.iloc[_step(limits, power_kw)]
    by_kw = grid[grid["kind"] == "connection_kw"].set_index("max_kw")["value"].astype(float)
    price_kw = tier["max_kw"].map(by_kw).fillna(0.0).to_numpy(dtype=float)
    largest = f"above the largest transformer tier, {limits[-1]:,.0f} kW"
    columns = {
        "grid_item": tier["item"].to_numpy(),
        "connection_cost_pkr": tier["value"].to_numpy(dtype=float) + price_kw * power_kw,
        "needs_line": tier["kva"].notna().to_numpy(),
        "reason": ["" if kw <= limits[-1] else f"needs {kw:,.0f} kW, {largest}" for kw in power_kw],
    }
    return pd.DataFrame(columns)


def annual_fee(largest_kw: Floats, fees: pd.DataFrame) -> pd.DataFrame:
    """Return NEECA's level and annual fee (PKR) for the power of the largest charger (kW)."""
    levels = fees[fees["item"] == "annual"].sort_values("max_kw")  # blank (no limit) comes last
    limits = levels["max_kw"].fillna(np.inf).to_numpy(dtype=float)
    level = levels.iloc[_step(limits, largest_kw)].reset_index(drop=True)
    fee = level["value"].astype(float)
    return pd.DataFrame({"neeca_level": level["level"], "annual_fee_pkr": fee})


def bays_needed(number: Floats, types: pd.DataFrame, bays: pd.DataFrame) -> Floats:
    """Return the car bays that each set of chargers (a row of `number`) needs, rounded up."""
    bay_rules = bays.set_index("charger_group")
    groups = types["charger_group"].astype(str)
    per_unit = groups.map(bay_rules["bays"].astype(float)).fillna(1.0).to_numpy(dtype=float)
    units = types["ports"].to_numpy(dtype=float)
    units = np.where(groups.map(bay_rules["per"]) == "charger", 1.0, units)
    # The tolerance allows for rounding, so that 3 x 1/3 of a bay is one bay.
    return np.asarray(np.ceil(number @ (per_unit * units) - 1e-9))


def points_required(site_bays: Floats, rule: pd.DataFrame) -> Floats:
    """Return how many charging points NEECA's rule sets for each number of bays (0 for NaN)."""
    at = _step(rule["max_bays"].to_numpy(dtype=float), site_bays)
    return np.where(np.isfinite(site_bays), rule["points"].to_numpy(dtype=float)[at], 0.0)


def _step(limits: Floats, values: Floats) -> npt.NDArray[np.intp]:
    """Return, for each value, the index of the first limit not below it, or of the last limit."""
    return np.minimum(np.searchsorted(limits, values, side="left"), len(limits) - 1)
