"""The ports of each station, and the minutes of a session by vehicle class.

A session of class c that takes e kWh occupies a port of p kW for

    minutes(c, p) = 60 e / min(p, limit(c)) / availability

where limit(c) is the power limit of the class at that charger group or, if the table of limits has
none, the mean power in the profile table (session_kwh / session_min). Availability below 1
lengthens the session, as short power cuts would. The slot of a swap cabinet is occupied for
``60 e / p x taper / availability`` minutes, the time to recharge the energy taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.errors import Fault, naming, refuse
from siting.sites import charging_limits
from siting.sites.chargers_text import charger_counts
from siting.sites.offer_table import LARGEST_AC_KW

MINUTES = 60.0
# Numeric columns of `station_ports`, with their types.
TYPES = {"ports": int, "port_kw": float, "battery_kwh": float, "availability": float}
COLUMNS = ["site_id", "charger_group", "charger", *TYPES]


def station_ports(
    sites: pd.DataFrame, offers: pd.DataFrame, chargers: pd.DataFrame
) -> pd.DataFrame:
    """Return the ports of each station by charger type, with their power (kW).

    `sites` is a plan's table of sites, with ``site_id``, ``offer_id`` and ``chargers`` (text).
    `offers` has ``offer_id``, ``site_id``, ``existing``, ``ports`` and ``availability`` (share of
    time with power) of the plan's offers.

    Columns: ``site_id``, ``charger_group``, ``charger``, ``ports``, ``port_kw`` (kW of a port
    when all are in use), ``battery_kwh`` (in all slots; 0: no swap cabinet), ``availability``. Rows
    are sorted by site and charger group, fastest port first. An `InputError` lists every station
    whose chargers cannot be read or are not in the catalogue.
    """
    types = chargers.set_index(chargers["charger_id"].astype(str)).to_dict("index")
    standing = offers[offers["existing"].astype(bool)].set_index("site_id")["ports"]
    share = offers.set_index("offer_id")["availability"]
    rows: list[tuple[str, str, str, int, float, float, float]] = []
    faults, unknown = [], []
    columns = (sites[name] for name in ("site_id", "offer_id", "chargers"))
    for site_id, offer_id, text in zip(*columns, strict=True):
        try:
            counts, standing_kw = charger_counts(str(text))
        except ValueError as err:
            faults.append(Fault(f"sites, column chargers, {site_id}", str(err)))
            continue
        on = float(share.get(offer_id, 1.0))
        if standing_kw is not None and standing_kw > 0:
            group = "ac" if standing_kw <= LARGEST_AC_KW else "dc"
            n = int(standing.get(site_id, 1))
            rows.append((site_id, group, "stands", n, standing_kw / n, 0.0, on))
        for name, number in counts.items():
            if name not in types:
                unknown.append(f"{site_id}: {name}")
                continue
            charger = types[name]
            n, battery = int(charger["ports"]), float(np.nan_to_num(charger["battery_kwh"]))
            group, kw = str(charger["charger_group"]), float(charger["power_kw"]) / n
            rows.append((site_id, group, name, n * number, kw, battery * number, on))
    refuse(faults + naming("sites, column chargers", "not in the charger catalogue", unknown))
    table = pd.DataFrame(rows, columns=COLUMNS).astype(TYPES)
    order = ["site_id", "charger_group", "port_kw", "charger"]
    return table.sort_values(order, ascending=[True, True, False, True], ignore_index=True)


@dataclass(frozen=True, eq=False)
class Sessions:
    """The sessions of each class: energy, hours of arrival, and compatible chargers."""

    # Names of classes and charger groups, in the order of the arrays below.
    classes: tuple[str, ...]
    groups: tuple[str, ...]
    kwh: np.ndarray  # mean energy of a session by class (kWh)
    hours: np.ndarray  # share of the day's sessions in each hour (column) by class (row)
    uses: np.ndarray  # whether a class (row) can use a charger group (column)
    limit_kw: np.ndarray  # maximum power (kW) of a class (row) at a charger group (column)
    swap_taper: float = 1.15  # recharging time of a swapped battery relative to full power

    @classmethod
    def from_tables(
        cls,
        classes: list[str],
        sessions: pd.DataFrame,
        compatibility: pd.DataFrame,
        swap_taper: float = 1.15,
    ) -> Sessions:
        """Return the sessions of each class, made from the tables.

        `sessions` is the result of `siting.demand.session_figures`. `compatibility` has the charger
        groups of each class. `swap_taper` is as in `siting.sites.ServiceStandard`. Power is limited
        by `siting.sites.charging_limits`. Raises `InputError` if a class has no session figures.
        """
        figures = sessions.set_index("vehicle_class")
        lacking = (name for name in classes if name not in figures.index)
        refuse(naming("session figures", "no row for a class", lacking, "add one"))
        class_figures = figures.loc[classes]
        kwh = class_figures["session_kwh"].to_numpy(dtype=float)
        pace = kwh * MINUTES / class_figures["session_min"].to_numpy(dtype=float)
        users, used = (compatibility[c].astype(str) for c in ("vehicle_class", "charger_group"))
        uses = pd.crosstab(users, used).reindex(classes, fill_value=0) > 0
        board = charging_limits().pivot_table("limit_kw", "vehicle_class", "charger_group")
        most = board.reindex(index=classes, columns=uses.columns).to_numpy(dtype=float)
        hours = class_figures[[f"h{hour:02d}" for hour in range(24)]].to_numpy(dtype=float)
        return cls(
            tuple(classes),
            tuple(uses.columns),
            kwh,
            hours / hours.sum(axis=1, keepdims=True),
            uses.to_numpy(),
            np.where(np.isnan(most), pace[:, None], most),
            swap_taper,
        )

    def minutes(self, of: int, group: int, ports: pd.DataFrame) -> np.ndarray:
        """Return the mean minutes that a session of a class takes at each port of a group."""
        kw = ports["port_kw"].to_numpy(dtype=float)
        swap = ports["battery_kwh"].to_numpy(dtype=float) > 0
        power = np.where(swap, kw / self.swap_taper, np.minimum(kw, self.limit_kw[of, group]))
        on = ports["availability"].to_numpy(dtype=float)
        return np.asarray(MINUTES * self.kwh[of] / power / on)
