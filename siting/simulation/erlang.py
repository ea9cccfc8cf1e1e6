"""Expected waits (Erlang C) at each station, for the drivers that a plan assigns to it.

Formulation
-----------
The energy of a class at a station is converted to sessions per hour with the class's mean session
and hourly profile. If a class can use several charger groups of the station, its energy is divided
among the groups in hundredths, so that the groups are equally busy. Each group is one M/M/n queue,
where n is the number of ports and a is the offered load in erlangs (sessions per hour times the
mean hours at a port). With the probability of waiting C(n, a),

    P(wait > t) = C exp(-(n - a) t / s),      mean wait = C s / (n - a),      s = a / rate

If a >= n, every driver waits longer than t and the queue grows without end. A peak hour ends before
its queue reaches the steady state, so P(wait > t) and the mean wait are upper estimates.

Source: see `siting.sites.waiting`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from siting.simulation.ports import MINUTES, Sessions
from siting.sites import ServiceStandard, erlang_c, group_mix
from siting.sites.standards import group_capacity_kwh_day

STEPS = 100


def split_load(ports: pd.DataFrame, load: pd.DataFrame, sessions: Sessions) -> pd.DataFrame:
    """Return each class's energy (kWh/day) at each charger group of a station.

    `ports` is the result of `station_ports`. `load` is the energy assigned to each station, with
    ``site_id``, ``vehicle_class`` and ``kwh_day``. Columns: ``site_id``, ``charger_group``,
    ``vehicle_class``, ``kwh_day``, ``minutes`` (mean session at the group's ports). Energy that no
    port of the station can serve is left out.
    """
    rows = []
    by_site = dict(list(ports.groupby("site_id", sort=False)))
    load = load[load["site_id"].isin(ports["site_id"])]
    for site_id, wanted in load.groupby("site_id", sort=True):
        groups = {str(g): part for g, part in by_site[site_id].groupby("charger_group", sort=True)}
        work = dict.fromkeys(groups, 0.0)
        total = wanted.groupby("vehicle_class")["kwh_day"].sum()
        fits = {}
        for name in total.index[total > 0]:
            c = sessions.classes.index(str(name))
            fits[str(name)] = {
                g: _mean_minutes(sessions, c, sessions.groups.index(g), part)
                for g, part in groups.items()
                if g in sessions.groups and sessions.uses[c, sessions.groups.index(g)]
            }
        size = {g: float(part["ports"].sum()) for g, part in groups.items()}
        # Classes that can use the fewest charger groups are assigned first.
        for name in sorted(fits, key=lambda n: (len(fits[n]), n)):
            choice, kwh = fits[name], float(total[name])
            if not choice:
                continue
            count = kwh / sessions.kwh[sessions.classes.index(name)]
            given, parts = dict.fromkeys(choice, 0), STEPS if len(choice) > 1 else 1
            for _ in range(parts):
                g = min(choice, key=lambda o: (work[o] + count * choice[o] / STEPS) / size[o])
                given[g] += 1
                work[g] += count * choice[g] / parts
            rows += [(site_id, g, name, kwh * n / parts, choice[g]) for g, n in given.items() if n]
    columns = ["site_id", "charger_group", "vehicle_class", "kwh_day", "minutes"]
    return pd.DataFrame(rows, columns=columns)


def expected_waits(
    ports: pd.DataFrame, load: pd.DataFrame, sessions: Sessions, wait_min: float
) -> pd.DataFrame:
    """Return the Erlang C waits per station and charger group, in the group's busiest hour.

    `ports`, `load` and `sessions` are as in `split_load`. Columns: ``site_id``, ``charger_group``,
    ``ports``, ``kwh_day``, ``sessions_day``, ``peak_hour`` (0 to 23), ``peak_sessions`` and
    ``erlangs`` (offered load) of that hour, ``late_share`` (probability of waiting more than
    `wait_min` minutes), ``wait_mean_min`` (infinite if the load is not below the number of ports).

    >>> from siting.demand import session_figures
    >>> from siting.sites import compatibility
    >>> sessions = Sessions.from_tables(["car"], session_figures(), compatibility())
    >>> ports = pd.DataFrame({"site_id": ["s1"], "charger_group": ["dc"], "charger": ["dc_60"],
    ...     "ports": [2], "port_kw": [60.0], "battery_kwh": [0.0], "availability": [1.0]})
    >>> load = pd.DataFrame({"site_id": ["s1"], "vehicle_class": ["car"], "kwh_day": [500.0]})
    >>> found = expected_waits(ports, load, sessions, 10.0).iloc[0]
    >>> round(float(found["peak_sessions"]), 4), round(float(found["erlangs"]), 4)  # x 35/60 h
    (1.7, 0.9917)
    """
    parts = split_load(ports, load, sessions)
    size = ports.groupby(["site_id", "charger_group"])["ports"].sum().to_dict()
    rows = []
    for (site_id, group), part in parts.groupby(["site_id", "charger_group"], sort=True):
        at = [sessions.classes.index(str(name)) for name in part["vehicle_class"]]
        count = part["kwh_day"].to_numpy(dtype=float) / sessions.kwh[at]
        by_hour = count[:, None] * sessions.hours[at]
        erlangs = part["minutes"].to_numpy(dtype=float) @ by_hour / MINUTES
        hour = int(erlangs.argmax())
        n, a = int(size[(site_id, group)]), float(erlangs[hour])
        rate = float(by_hour[:, hour].sum())
        late, mean = 1.0, np.inf
        if a < n:
            waits = float(erlang_c(n, a))
            service = a / rate * MINUTES if rate > 0 else 0.0
            late = waits * float(np.exp(-(n - a) * wait_min / service)) if service > 0 else 0.0
            mean = waits * service / (n - a)
        kwh = float(part["kwh_day"].sum())
        rows.append((site_id, group, n, kwh, float(count.sum()), hour, rate, a, late, mean))
    columns = ["site_id", "charger_group", "ports", "kwh_day", "sessions_day", "peak_hour",
               "peak_sessions", "erlangs", "late_share", "wait_mean_min"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def standard_kwh_day(
    ports: pd.DataFrame,
    standard: ServiceStandard,
    sessions: pd.DataFrame,
    compatibility: pd.DataFrame,
    energy_kwh_day: Mapping[str, float],
) -> pd.Series[float]:
    """Return the energy (kWh/day) that each station can serve within the waiting-time standard.

    `ports` is the result of `station_ports`. `standard` applies with the rule ``waiting`` and
    without limits on port use. `sessions` is the profile table. `compatibility` has the charger
    groups of each class. The classes in a group are weighted by `energy_kwh_day`, the public
    charging energy of each class. The index of the result is ``site_id``.
    """
    waiting = replace(standard, rule="waiting", time_utilisation={})
    station_kwh: dict[str, float] = {}
    known: dict[tuple[object, ...], float] = {}  # many stations have the same chargers
    for (site_id, group), part in ports.groupby(["site_id", "charger_group"], sort=True):
        types = part[["charger_group", "ports", "port_kw", "battery_kwh"]]
        key = tuple(types.itertuples(index=False, name=None))
        if key not in known:
            mix = group_mix(
                str(group), compatibility, sessions=sessions, energy_kwh_day=energy_kwh_day
            )
            types = types.assign(power_kw=types["ports"] * types["port_kw"])
            known[key] = group_capacity_kwh_day(types, np.ones(len(types)), mix, waiting)
        on = float(part["availability"].iloc[0])
        station_kwh[str(site_id)] = station_kwh.get(str(site_id), 0.0) + known[key] * on
    return pd.Series(station_kwh, dtype=float)


def _mean_minutes(sessions: Sessions, of: int, group: int, ports: pd.DataFrame) -> float:
    """Return the mean minutes that a session of a class takes at the ports of a group."""
    count = ports["ports"].to_numpy(dtype=float)
    return float(sessions.minutes(of, group, ports) @ count / count.sum())
