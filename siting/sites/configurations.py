"""What a set of chargers costs, draws and can serve, before anybody asks where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError

EXISTING = "existing"
HOURS_A_DAY = 24.0

Configurations = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Subsidy:
    """What share of each cost part the public pays, and the most it pays for one station.

    No rule per station has been published in Pakistan. The defaults are assumptions; India's PM
    E-DRIVE pays 0.8 of the grid works and 0 to 0.7 of the chargers.

    Parameters
    ----------
    charger_share, grid_share, fee_share
        Shares of the chargers', the grid works' and the fees' cost, 0 to 1.
    cap_per_station_pkr
        The most for one station, in PKR; none by default.

    Raises
    ------
    InputError
        If a share is not between 0 and 1, or the cap is negative.

    Examples
    --------
    >>> Subsidy(charger_share=0.5, grid_share=0.8, cap_per_station_pkr=5_000_000).fee_share
    0.0
    """

    charger_share: float = 0.5
    grid_share: float = 0.8
    fee_share: float = 0.0
    cap_per_station_pkr: float | None = None

    def __post_init__(self) -> None:
        """Refuse shares and caps that cannot be right."""
        faults = [
            Fault(f"subsidy, {name}", f"{value} is not a share", "give 0 to 1")
            for name in ("charger_share", "grid_share", "fee_share")
            if not 0 <= (value := getattr(self, name)) <= 1
        ]
        cap = self.cap_per_station_pkr
        if cap is not None and not cap >= 0:
            faults.append(Fault("subsidy, cap_per_station_pkr", f"{cap} is not PKR of at least 0"))
        if faults:
            raise InputError(faults)


def configuration_table(
    configurations: Configurations,
    *,
    chargers: pd.DataFrame,
    grid: pd.DataFrame,
    fees: pd.DataFrame,
    compatibility: pd.DataFrame,
    utilisation: float = 0.15,
    availability: float = 1.0,
    subsidy: Subsidy | None = None,
    line_km: float | None = None,
) -> pd.DataFrame:
    """Return one row a configuration: power (kW), cost parts (PKR), subsidy (PKR), kWh/day.

    The capacity of a group is its chargers' number x kW x 24 h x utilisation x availability. The
    grid connection is the smallest that carries the power; any that needs a transformer also needs
    `line_km` of overhead 11 kV line. Fees are the NEECA application; its annual fee is a running
    cost and only shown.

    Parameters
    ----------
    configurations
        Name, then charger type and number: ``{"hub": {"dc_60": 2, "lev_3": 4}}``.
    chargers, grid, fees, compatibility
        As `charger_catalogue`, `grid_figures`, `fee_figures` and `compatibility` return them.
    utilisation
        The share of the day's full output that is sold, above 0 and at most 1; 0.15 is planned for
        2030, 0.027 was seen in 2024 (facts: gadinsider.com, quoting a NEPRA hearing).
    availability
        The share of time there is power, above 0 and at most 1.
    subsidy
        The rule; by default `Subsidy()`.
    line_km
        Distance to the nearest 11 kV point in km; by default the grid table's for a city.

    Returns
    -------
    DataFrame
        ``configuration``, ``chargers``, ``vehicle_classes``, ``power_kw``, ``ports``,
        ``charger_cost_pkr``, ``battery_cost_pkr`` (the part of it that is swap batteries),
        ``grid_item``, ``connection_cost_pkr``, ``line_cost_pkr``, ``grid_cost_pkr``,
        ``fee_cost_pkr``, ``cost_pkr``, ``subsidy_pkr``, ``neeca_level``, ``annual_fee_pkr``,
        ``capacity_<group>_kwh_day``, ``capacity_kwh_day``, ``pkr_per_kwh_day`` and ``reason``
        (blank, or why no grid tier carries it: its grid cost is then only a lower limit).

    Raises
    ------
    InputError
        With every fault of the configurations and settings at once.

    Examples
    --------
    >>> from siting.sites.catalogue import charger_catalogue, compatibility, fee_figures
    >>> from siting.sites.catalogue import grid_figures
    >>> row = configuration_table(
    ...     {"two dc": {"dc_60": 2}},
    ...     chargers=charger_catalogue(),
    ...     grid=grid_figures(),
    ...     fees=fee_figures(),
    ...     compatibility=compatibility(),
    ... ).iloc[0]
    >>> float(row["cost_pkr"])  # 2 x 3.5 m + 200 kVA 2.0 m + 0.15 km x 3.0 m + 0.05 m
    9500000.0
    """
    rule = Subsidy() if subsidy is None else subsidy
    faults = configuration_faults(configurations, chargers)
    faults += share_faults(utilisation, availability)
    if line_km is not None and not (np.isfinite(line_km) and line_km >= 0):
        faults.append(Fault("line_km", f"{line_km} is not a distance", "give km of at least 0"))
    if faults:
        raise InputError(faults)
    count = pd.DataFrame.from_dict(
        {name: dict(chosen) for name, chosen in configurations.items()}, orient="index"
    )
    count = count.fillna(0).astype(float)
    types = chargers.set_index(chargers["charger_id"].astype(str)).loc[count.columns]
    n = count.to_numpy()
    battery = types["battery_kwh"].fillna(0) * types["battery_pkr_kwh"].fillna(0)
    out = pd.DataFrame({"configuration": count.index.astype(str)})
    out["chargers"] = [
        " + ".join(f"{k} x {name}" for name, k in chosen.items())
        for chosen in configurations.values()
    ]
    out["vehicle_classes"] = _classes(n, types, compatibility)
    out["power_kw"] = n @ types["power_kw"].to_numpy(dtype=float)
    out["ports"] = (n @ types["ports"].to_numpy(dtype=float)).astype(int)
    out["charger_cost_pkr"] = n @ (types["capex_pkr"] + battery).to_numpy(dtype=float)
    out["battery_cost_pkr"] = n @ battery.to_numpy(dtype=float)
    out = pd.concat([out, _grid_cost(out["power_kw"].to_numpy(), grid, line_km)], axis=1)
    reason = out.pop("reason")
    out["fee_cost_pkr"] = float(fees.loc[fees["item"] == "application", "value"].sum())
    out["cost_pkr"] = out["charger_cost_pkr"] + out["grid_cost_pkr"] + out["fee_cost_pkr"]
    drawn = (
        rule.charger_share * out["charger_cost_pkr"]
        + rule.grid_share * out["grid_cost_pkr"]
        + rule.fee_share * out["fee_cost_pkr"]
    )
    out["subsidy_pkr"] = drawn.clip(upper=rule.cap_per_station_pkr)
    largest = np.where(n > 0, types["power_kw"].to_numpy(dtype=float), 0.0).max(axis=1)
    out = pd.concat([out, _annual_fee(largest, fees)], axis=1)
    output_kwh_day = n * types["power_kw"].to_numpy(dtype=float) * HOURS_A_DAY
    for group in dict.fromkeys(types["charger_group"].astype(str)):
        of_group = (types["charger_group"].astype(str) == group).to_numpy()
        out[f"capacity_{group}_kwh_day"] = (
            output_kwh_day[:, of_group].sum(axis=1) * utilisation * availability
        )
    out["capacity_kwh_day"] = output_kwh_day.sum(axis=1) * utilisation * availability
    out["pkr_per_kwh_day"] = out["cost_pkr"] / out["capacity_kwh_day"]
    out["reason"] = reason
    return out


def configuration_faults(configurations: Configurations, chargers: pd.DataFrame) -> list[Fault]:
    """Return every fault of a set of configurations; an empty list if there is none."""
    faults = []
    known = set(chargers["charger_id"].astype(str))
    if not configurations:
        faults.append(Fault("configurations", "none are given", "name at least one"))
    for name, chosen in configurations.items():
        where = f"configurations, {name}"
        if not name.strip():
            faults.append(Fault("configurations", "one has no name"))
        if name == EXISTING:
            faults.append(Fault(where, "the name is kept for stations that stand", "rename it"))
        if not chosen:
            faults.append(Fault(where, "has no chargers", "give a type and a number"))
        unknown = tuple(str(charger) for charger in chosen if charger not in known)
        if unknown:
            have = ", ".join(chargers["charger_id"].astype(str))
            faults.append(Fault(where, "unknown charger type", f"the table has: {have}", unknown))
        odd = tuple(
            f"{charger}: {number}"
            for charger, number in chosen.items()
            if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1
        )
        if odd:
            faults.append(Fault(where, "not a whole number of at least 1", "", odd))
    return faults


def share_faults(utilisation: float, availability: float) -> list[Fault]:
    """Return a fault for each share that is not above 0 and at most 1."""
    return [
        Fault(name, f"{value} is not a share of time", "give a number above 0 and at most 1")
        for name, value in (("utilisation", utilisation), ("availability", availability))
        if not (np.isfinite(value) and 0 < value <= 1)
    ]


def _classes(n: np.ndarray, types: pd.DataFrame, compatibility: pd.DataFrame) -> list[str]:
    groups = types["charger_group"].astype(str).to_numpy()
    by_group = compatibility.groupby("charger_group")["vehicle_class"].agg(list).to_dict()
    return [
        ", ".join(
            dict.fromkeys(
                vehicle
                for group, number in zip(groups, row, strict=True)
                if number > 0
                for vehicle in by_group.get(group, [])
            )
        )
        for row in n
    ]


def _grid_cost(power_kw: np.ndarray, grid: pd.DataFrame, line_km: float | None) -> pd.DataFrame:
    items = grid.set_index("item")["value"].astype(float)
    tiers = grid[grid["kind"] == "connection"].sort_values("max_kw")
    limits = tiers["max_kw"].to_numpy(dtype=float)
    at = np.searchsorted(limits, power_kw, side="left")
    beyond = at == len(tiers)
    tier = tiers.iloc[np.minimum(at, len(tiers) - 1)]
    km = float(items["distance_city"]) if line_km is None else line_km
    needs_line = tier["kva"].notna().to_numpy()
    connection = tier["value"].to_numpy(dtype=float)
    line = np.where(needs_line, km * float(items["overhead_11kv"]), 0.0)
    return pd.DataFrame(
        {
            "grid_item": tier["item"].to_numpy(),
            "connection_cost_pkr": connection,
            "line_cost_pkr": line,
            "grid_cost_pkr": connection + line,
            "reason": [
                f"needs {power:,.0f} kW, largest transformer tier {limits[-1]:,.0f} kW" if over
                else "" for power, over in zip(power_kw, beyond, strict=True)
            ],
        }
    )  # fmt: skip


def _annual_fee(largest_kw: np.ndarray, fees: pd.DataFrame) -> pd.DataFrame:
    levels = fees[fees["item"] == "annual"].copy()
    levels["max_kw"] = levels["max_kw"].astype(float).fillna(np.inf)
    levels = levels.sort_values("max_kw")
    at = np.searchsorted(levels["max_kw"].to_numpy(), largest_kw, side="left")
    level = levels.iloc[np.minimum(at, len(levels) - 1)]
    return pd.DataFrame(
        {
            "neeca_level": level["level"].to_numpy(),
            "annual_fee_pkr": level["value"].to_numpy(dtype=float),
        }
    )
