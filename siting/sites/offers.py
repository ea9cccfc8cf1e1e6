"""Offers: every configuration at every site, with its costs, or the reason it cannot be built."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.sites.configurations import (
    EXISTING,
    HOURS_A_DAY,
    Subsidy,
    configuration_table,
)
from siting.tables import CANDIDATES, capacity_groups, validate

# A station of up to 22 kW can only be AC Type 2: no DC unit in the catalogue is that small.
LARGEST_AC_KW = 22.0

TEXT = ("chargers", "vehicle_classes", "grid_item", "neeca_level")
MONEY = ("charger_cost_pkr", "battery_cost_pkr", "connection_cost_pkr", "line_cost_pkr",
         "grid_cost_pkr", "fee_cost_pkr", "cost_pkr", "subsidy_pkr", "annual_fee_pkr")  # fmt: skip


def make_offers(
    candidates: gpd.GeoDataFrame,
    configurations: Mapping[str, Mapping[str, int]],
    *,
    chargers: pd.DataFrame,
    grid: pd.DataFrame,
    fees: pd.DataFrame,
    compatibility: pd.DataFrame,
    headroom_kw: float = 800.0,
    utilisation: float = 0.15,
    availability: float = 1.0,
    subsidy: Subsidy | None = None,
    line_km: float | None = None,
) -> pd.DataFrame:
    """Return what could be built at each site: cost and subsidy (PKR), power (kW), kWh/day.

    Parameters
    ----------
    candidates
        Sites, as `merge_candidates` returns them; a column ``headroom_kw`` (kW) counts before the
        default where it has a value.
    configurations
        Name, then charger type and number.
    chargers, grid, fees, compatibility, utilisation, availability, subsidy, line_km
        As in `configuration_table`.
    headroom_kw
        Spare grid power of a site about which nothing is known, in kW; 800 is an assumption for an
        11 kV feeder (200 to 2,000).

    Returns
    -------
    DataFrame
        One row a site and configuration, in the order of the sites and then as given:
        ``offer_id``, ``site_id``, ``configuration``, ``chargers``, ``vehicle_classes``,
        ``existing``, ``power_kw``, ``ports``, ``headroom_kw``, the cost parts and ``cost_pkr``,
        ``subsidy_pkr``, the connection, NEECA level and annual fee, ``capacity_<group>_kwh_day``
        and ``reason`` (blank where it can be built).

        A station that stands has the one offer ``existing``, which costs nothing; it serves AC up
        to 22 kW and DC above.

    Raises
    ------
    InputError
        With every fault of candidates, configurations and settings.
    """
    validate(candidates, CANDIDATES)
    _require_headroom(candidates, headroom_kw)
    choices = configuration_table(
        configurations,
        chargers=chargers,
        grid=grid,
        fees=fees,
        compatibility=compatibility,
        utilisation=utilisation,
        availability=availability,
        subsidy=subsidy,
        line_km=line_km,
    ).drop(columns=["capacity_kwh_day", "pkr_per_kwh_day"])
    sites = pd.DataFrame(
        {
            "site_id": candidates["site_id"].astype(str),
            "existing": candidates["existing"].astype(bool),
            "existing_power_kw": candidates["existing_power_kw"].astype(float),
            "headroom_kw": _headroom(candidates, headroom_kw),
            "order": np.arange(len(candidates)),
        }
    )
    new = sites[~sites["existing"]].merge(choices, how="cross")
    over = (new["reason"] == "") & (new["power_kw"] > new["headroom_kw"])
    new.loc[over, "reason"] = [
        f"needs {power:,.0f} kW, headroom {spare:,.0f} kW"
        for power, spare in zip(new["power_kw"][over], new["headroom_kw"][over], strict=True)
    ]
    standing = _standing(
        sites[sites["existing"]], compatibility, HOURS_A_DAY * utilisation * availability
    )
    parts = [part for part in (new, standing) if len(part)]
    offers = pd.concat(parts, ignore_index=True) if parts else new
    offers = offers.sort_values("order", kind="stable", ignore_index=True)
    groups = capacity_groups(offers.columns)
    capacity = [f"capacity_{group}_kwh_day" for group in groups]
    offers[capacity] = offers[capacity].astype(float).fillna(0.0)
    offers["offer_id"] = offers["site_id"] + ":" + offers["configuration"]
    return offers[
        ["offer_id", "site_id", "configuration", "chargers", "vehicle_classes", "existing",
         "power_kw", "ports", "headroom_kw", *MONEY[:-1], "grid_item", "neeca_level",
         "annual_fee_pkr", *capacity, "reason"]
    ]  # fmt: skip


def _require_headroom(candidates: gpd.GeoDataFrame, headroom_kw: float) -> None:
    faults = []
    if not (np.isfinite(headroom_kw) and headroom_kw >= 0):
        faults.append(Fault("headroom_kw", f"{headroom_kw} is not kW of at least 0"))
    if "headroom_kw" in candidates.columns:
        given = candidates["headroom_kw"]
        numbers = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        bad = given.notna().to_numpy() & ~(np.isfinite(numbers) & (numbers >= 0))
        if bad.any():
            sites = tuple(candidates["site_id"][bad].astype(str))
            faults.append(
                Fault("candidates, column headroom_kw", "not kW of at least 0", "", sites)
            )
    if faults:
        raise InputError(faults)


def _headroom(candidates: gpd.GeoDataFrame, default: float) -> pd.Series:
    if "headroom_kw" not in candidates.columns:
        return pd.Series(float(default), index=candidates.index)
    given: pd.Series = candidates["headroom_kw"].astype(float)
    return given.fillna(default)


def _standing(
    sites: pd.DataFrame, compatibility: pd.DataFrame, kwh_day_per_kw: float
) -> pd.DataFrame:
    """Return the one offer of each station that stands."""
    group = pd.Series(
        np.where(sites["existing_power_kw"] <= LARGEST_AC_KW, "ac", "dc"), index=sites.index
    )
    classes = compatibility.groupby("charger_group")["vehicle_class"].agg(", ".join)
    power = sites["existing_power_kw"]
    out = sites.assign(
        configuration=EXISTING,
        power_kw=power,
        ports=1,
        reason="",
        chargers=[f"1 x {kw:g} kW (stands)" for kw in power],
        vehicle_classes=group.map(classes).fillna(""),
        **dict.fromkeys(MONEY, 0.0),
        **dict.fromkeys(TEXT[2:], ""),
    )
    for name in dict.fromkeys(group):
        out[f"capacity_{name}_kwh_day"] = np.where(group == name, power * kwh_day_per_kw, 0.0)
    return out
