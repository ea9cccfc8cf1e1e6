"""Existing stations as offers: kept unchanged, or extended by a configuration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from siting.sites.configurations import EXISTING, EXTENDED, Rules
from siting.sites.costs import bays_needed
from siting.sites.fitting import Places, paired
from siting.tables import capacity_columns

# A station of up to 22 kW is taken to be AC Type 2, as every DC charger in the catalogue is larger.
LARGEST_AC_KW = 22.0


def standing_offers(sites: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Return one offer per existing station; its capacity (kWh/day) assumes power all day.

    A station of up to 22 kW is AC; a larger station is DC. If ``existing_ports`` is blank, the
    station has as many ports as the charger in its group with the nearest power. Columns: all of
    `sites` (``existing_power_kw``, ``existing_ports`` …), ``configuration`` (existing),
    ``chargers``, ``vehicle_classes``, ``power_kw``, ``load_kw``, ``standing_kw``, ``ports``,
    ``points``, ``bays_needed``, ``reason``, ``standing_kwh_day``, ``capacity_<group>_kwh_day``.
    """
    kw = sites["existing_power_kw"].to_numpy(dtype=float)
    group = np.where(kw <= LARGEST_AC_KW, "ac", "dc").astype(object)
    likely = [_likely_ports(one, power, rules.chargers)
              for one, power in zip(group, kw, strict=True)]  # fmt: skip
    known = sites["existing_ports"].to_numpy(dtype=float)
    ports = np.where(np.isnan(known), likely, known).astype(int)
    classes = rules.compatibility.groupby("charger_group")["vehicle_class"].agg(", ".join)
    figures = {"charger_group": group, "power_kw": kw, "ports": ports, "battery_kwh": 0.0}
    units = pd.DataFrame(figures)
    out = sites.assign(
        configuration=EXISTING,
        chargers=[f"1 x {power:g} kW (existing)" for power in kw],
        vehicle_classes=pd.Series(group, dtype=object).map(classes).fillna("").to_numpy(),
        power_kw=kw,
        load_kw=kw,
        standing_kw=kw,
        ports=ports,
        points=ports,
        bays_needed=bays_needed(np.eye(len(units)), units, rules.bays).astype(int),
        reason="",
    )
    # Each distinct station is computed once. `alike` numbers them in order of first appearance.
    alike = units.groupby(list(units.columns), sort=False).ngroup().to_numpy()
    first = units.drop_duplicates().index
    kwh = [rules.group_kwh_day(units.loc[[i]], np.ones(1)) if kw[i] > 0 else 0.0 for i in first]
    served = np.array(kwh, dtype=float)[alike]
    out["standing_kwh_day"] = served
    for name in dict.fromkeys(group):
        out[f"capacity_{name}_kwh_day"] = np.where(group == name, served, 0.0)
    return out


def extended_offers(
    standing: pd.DataFrame, choices: pd.DataFrame, at_site: Places, choice: Places
) -> pd.DataFrame:
    """Return existing stations extended by configurations, one row per pair.

    Power, ports, points, bays and capacity are sums over existing and added chargers. Costs and the
    grid connection cover only the added chargers. `choices` is the result of
    `siting.sites.configurations.bare_configurations`.
    """
    shared = [c for c in standing.columns if c in choices.columns]
    stands = standing.rename(columns={c: f"{c}_stands" for c in shared})
    both = paired(stands, choices, at_site, choice)
    for column in ("power_kw", "load_kw", "ports", "points", "bays_needed"):
        both[column] = both[column] + both[f"{column}_stands"]
    for column in dict.fromkeys(capacity_columns(standing) + capacity_columns(choices)):
        parts = [both[c] for c in (column, f"{column}_stands") if c in both.columns]
        both[column] = sum(part.astype(float) for part in parts)
    both["configuration"] = EXTENDED + both["configuration"]
    both["chargers"] = both["chargers_stands"] + " + " + both["chargers"]
    served = both["vehicle_classes_stands"] + ", " + both["vehicle_classes"]
    classes = {text: dict.fromkeys(text.strip(", ").split(", ")) for text in served.unique()}
    both["vehicle_classes"] = served.map(classes).map(", ".join)
    return both.drop(columns=[f"{c}_stands" for c in shared])


def _likely_ports(group: str, power_kw: float, chargers: pd.DataFrame) -> int:
    same = chargers[chargers["charger_group"].astype(str) == group].sort_values("power_kw")
    if same.empty:
        return 1
    away = (same["power_kw"].astype(float) - power_kw).abs().to_numpy()
    return int(same["ports"].iloc[int(np.argmin(away))])
