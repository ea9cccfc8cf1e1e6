"""Tables of station figures: chargers, connections, fees, bays, compatible vehicles.

The `path` argument names a user's table with the same columns, which replaces the packaged table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError, naming, refuse
from siting.files import ABOVE_0, not_numbers, rows_fault
from siting.reference import table


def charger_catalogue(path: Path | None = None, pkr_per_usd: float | None = None) -> pd.DataFrame:
    """Return the charger types with their power (kW), ports, installed price (PKR) and life.

    A swap cabinet's price excludes batteries; ``battery_kwh`` and ``battery_pkr_kwh`` describe the
    batteries in its slots. `pkr_per_usd` is an exchange rate (PKR) at which the imported part of
    all prices is converted; None leaves the table's prices as they are.

    Columns: ``charger_id``, ``charger_group``, ``power_kw``, ``ports``, ``capex_pkr``,
    ``capex_low_pkr``, ``capex_high_pkr``, ``life_years``, the battery columns, ``source``,
    ``confidence``. Raises one `InputError` that lists all repeated ids, invalid figures, and groups
    that cannot be part of a column's name.

    >>> charger_catalogue().set_index("charger_id").loc["dc_60", "capex_pkr"].item()
    3500000
    >>> dear = charger_catalogue(pkr_per_usd=350.0).set_index("charger_id")
    >>> round(float(dear.loc["dc_60", "capex_pkr"]))  # 3.5 m x (1 + 0.7 x (350 / 280 - 1))
    4112500
    """
    chargers = table("chargers", path)
    column_of = f"{path or 'charger table'}, column"
    ids = chargers["charger_id"].astype("str")
    faults = rows_fault(f"{column_of} charger_id", ids.duplicated(keep=False), ids, "given twice")
    odd = ~chargers["charger_group"].astype("str").str.fullmatch(r"[a-z0-9_]+")
    what = "must be lower-case letters, digits and _"
    fix = "rename it, because it becomes part of a column name"
    faults += rows_fault(f"{column_of} charger_group", odd, ids, what, fix)
    above_0 = dict.fromkeys(("power_kw", "ports", "life_years"), (ABOVE_0, "above 0"))
    money = ("capex_pkr", "battery_kwh", "battery_pkr_kwh")
    for column, (least, what) in (above_0 | dict.fromkeys(money, (0.0, "at least 0"))).items():
        bad = not_numbers(chargers[column], least)
        faults += rows_fault(f"{column_of} {column}", bad, ids, f"must be {what}")
    refuse(faults)
    if pkr_per_usd is None:
        return chargers
    usual = table("money").set_index("item")["value"].astype(float)
    factor = 1 + usual["imported_share"] * (pkr_per_usd / usual["pkr_per_usd"] - 1)
    prices = ["capex_pkr", "capex_low_pkr", "capex_high_pkr", "battery_pkr_kwh"]
    return chargers.assign(**{name: chargers[name].astype(float) * factor for name in prices})


def grid_figures(path: Path | None = None) -> pd.DataFrame:
    """Return the costs of grid connections (PKR) by maximum power (kW), and of lines (PKR/km).

    Columns: ``item``, ``kind`` (connection, connection_kw, line, distance, factor, headroom,
    upgrade), ``kva``, ``max_kw`` (filled in as kVA x power factor), ``value``, ``low``, ``high``,
    ``unit``, ``source``, ``confidence``. Raises `InputError` if a required item is missing, a
    figure is negative, or a price per kW does not belong to a connection.

    >>> grid = grid_figures().set_index("item")
    >>> float(grid.loc["pmt_630", "max_kw"])
    598.5
    """
    grid, where = table("grid", path), str(path or "grid table")
    faults = [
        Fault(f"{where}, column item", f"has no {item}")
        for item in ("overhead_11kv", "distance_city", "power_factor")
        if (grid["item"] == item).sum() != 1
    ]
    bad, what = not_numbers(grid["value"]), "must be at least 0"
    refuse(faults + rows_fault(f"{where}, column value", bad, grid["item"], what))
    factor = float(grid.loc[grid["item"] == "power_factor", "value"].iloc[0])
    grid["max_kw"] = grid["max_kw"].fillna(grid["kva"] * factor)
    tiers = grid[grid["kind"] == "connection"]
    if tiers.empty or tiers["max_kw"].isna().any():
        raise InputError(f"{where}, column kind", "each connection needs kva or max_kw")
    by_kw = grid[grid["kind"] == "connection_kw"]
    loose = ~by_kw["max_kw"].isin(tiers["max_kw"]) | by_kw["max_kw"].duplicated(keep=False)
    what = "a price per kW does not belong to a connection, or is given twice"
    fix = "set its max_kw to that of a connection"
    refuse(rows_fault(f"{where}, column max_kw", loose, by_kw["item"], what, fix))
    return grid


def fee_figures() -> pd.DataFrame:
    """Return NEECA's application fee (PKR, paid once) and annual fees by level (PKR a year).

    Columns: ``item`` (application, annual), ``level``, ``max_kw`` (of the largest charger; blank
    means no limit), ``value``, ``unit``, ``source``, ``confidence``.
    """
    return table("fees")


def compatibility() -> pd.DataFrame:
    """Return the vehicle classes that can use each charger group, one row per pair.

    Columns: ``charger_group``, ``vehicle_class``, ``source``, ``confidence``.

    >>> pairs = compatibility()
    >>> pairs.loc[pairs["charger_group"] == "lev", "vehicle_class"].to_list()
    ['two_wheeler', 'two_wheeler_delivery', 'three_wheeler']
    """
    return table("compatibility")


def charging_limits() -> pd.DataFrame:
    """Return the largest power (kW) that a vehicle class can take at a charger group.

    Columns: ``charger_group``, ``vehicle_class``, ``limit_kw``, ``low``, ``high``, ``source``,
    ``confidence``. A pair without a row is limited only by the mean power of its sessions.

    >>> limits = charging_limits().set_index(["charger_group", "vehicle_class"])
    >>> limits["limit_kw"]["ac", "car"].item()  # the on-board charger
    7.0
    """
    return table("charging_limits")


def time_utilisation(own: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return the maximum share of the day for which ports may draw power, by charger group.

    `own` has shares (above 0, at most 1) that replace the packaged shares. Raises an
    `InputError` that lists all names in `own` that are not charger groups.

    >>> time_utilisation({"dc": 0.2})["dc"], time_utilisation()["lev"]
    (0.2, 0.3)
    """
    shares = table("time_utilisation").set_index("charger_group")["use_share"].astype(float)
    unknown = [name for name in own or {} if name not in shares.index]
    fix = f"known names: {', '.join(shares.index)}"
    refuse(naming("service, time_utilisation", "no such charger group", unknown, fix))
    return {str(group): float(share) for group, share in shares.items()} | dict(own or {})


def bay_figures() -> pd.DataFrame:
    """Return the car bays that each charger group needs per port or charger.

    Columns: ``charger_group``, ``per`` (port or charger), ``bays``, ``low``, ``high``, ``source``,
    ``confidence``. A group without a row needs one bay per port.

    >>> bay_figures().set_index("charger_group")["bays"]["lev"].item()  # four sockets a car bay
    0.25
    """
    return table("bays")


def parking_rule() -> pd.DataFrame:
    """Return NEECA's parking rule: charging points by number of bays in a car park.

    Press reports say that a number of points "can be established", which may mean a minimum or a
    maximum. At 50 and 100 bays, the smaller number applies. Columns: ``max_bays`` (ascending;
    infinite means no limit), ``points``, ``source``, ``confidence``.

    >>> parking_rule()["points"].to_list()
    [0, 1, 2, 3, 3]
    """
    return table("parking").fillna({"max_bays": np.inf})
