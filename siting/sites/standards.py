"""The daily capacity of chargers: the service standard, applied to charger groups.

Formulation
-----------
Under the ``waiting`` rule, the capacity is the smaller of two bounds. In the peak hour, at most the
share alpha of drivers waits longer than t minutes (`siting.sites.waiting`). Over the day, each port
is in use for at most the share u of the time (`time_utilisation`), so a group serves at most

    sum over its ports of 24 h x u x session_kwh / (minutes(p) / 60)

A session of class c at a port of p kW (the charger's kW divided by its ports) takes

    minutes(c, p) = 60 session_kwh(c) / min(p, limit(c))

The vehicle's limit(c) comes from the table of limits or, if it lacks the class and the charger
group, is session_kwh / session_min of the profile table, the mean power at a strong charger. The
classes of a group are weighted by their number of sessions: ``energy_kwh_day`` divided by
session_kwh, or equal energies if these are missing.

A group can have charger types of different speeds. Its k fastest ports form one M/M/k queue, whose
service time is the mean session time at these ports. The remaining ports of each type form a
separate queue, and k is chosen to serve the most energy. More or faster ports therefore never lower
the capacity. In a simulation where drivers take the fastest free port, the share of long waits was
clearly below alpha for each of eleven combinations of two or three types.

A queue with the mean session of all classes is only an approximation. The approximation was
simulated with alpha 0.1, 1 to 8 ports, and cars and buses that take equal energy. With exponential
sessions, 0.100 to 0.109 of drivers waited too long. With gamma-distributed sessions (coefficient of
variation 0.5), 0.078 to 0.100 did. tests/sites/test_simulation.py repeats both simulations.

Under the ``rated_share`` rule, the capacity is the sum of kW x 24 h x utilisation over a group's
chargers, regardless of how long ports are in use. At a utilisation of 0.15, a 3.3 kW socket would
have to be in use for 0.6 of the day if its vehicles draw 0.8 kW.

At a swap cabinet, a swap leaves an empty battery, which a slot charges at once. A driver waits only
while the batteries of all n slots are charging. Waits follow the M/M/n queue (Erlang C), where the
slots are the servers, and the service time is the recharging time of a returned battery,

    recharge_min = 60 depth pack_kwh / (kW a slot) x taper,   a swap gives depth x pack_kwh.

The ``waiting`` rule applies as above with these values. The ``rated_share`` rule allows one swap in
the peak hour for each battery that the slots can recharge in that hour. The day's swaps are this
number divided by the peak hour's share of the day. Neither rule counts batteries full at the start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from siting.demand import session_figures
from siting.errors import Fault, InputError, naming, refuse, wrong_figures
from siting.sites.catalogue import charging_limits
from siting.sites.waiting import HOURS_A_DAY, MINUTES, largest_arrivals_per_h

Rule = Literal["waiting", "rated_share"]
RULES = ("waiting", "rated_share")


@dataclass(frozen=True)
class ServiceStandard:
    """The rule that decides how much of a charger's output counts as capacity.

    >>> ServiceStandard("waiting", alpha=1.0)
    Traceback (most recent call last):
    siting.errors.InputError: service, alpha: 1.0 is not a share above 0 and below 1
    """

    rule: Rule = "rated_share"
    # For ``rated_share``: the share of the day's output at full power that is sold, above 0 and at
    # most 1; 0.027 was observed in 2024 (gadinsider.com, quoting a NEPRA hearing).
    utilisation: float = 0.15
    # At most a fraction `alpha` (above 0, below 1) of drivers wait longer than `wait_min` minutes.
    wait_min: float = 10.0
    alpha: float = 0.1
    swap_depth: float = 0.8  # share of a battery that a swap delivers, at most 1; assumption
    swap_taper: float = 1.15  # recharging time over the time at full power, at least 1; assumption
    # For ``waiting``: the maximum share of the day for which ports draw power, by charger group
    # (`siting.sites.time_utilisation`). A group not listed here is limited only by waiting.
    time_utilisation: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise one `InputError` that lists every invalid figure."""
        sold = "a share above 0 and at most 1"
        faults = wrong_figures("service", self, [
            ("rule", self.rule in RULES, "a rule", "use " + " or ".join(RULES)),
            ("utilisation", 0 < self.utilisation <= 1, sold),
            ("wait_min", 0 <= self.wait_min < np.inf, "a wait of at least 0 minutes"),
            ("alpha", 0 < self.alpha < 1, "a share above 0 and below 1"),
            ("swap_depth", 0 < self.swap_depth <= 1, sold),
            ("swap_taper", 1 <= self.swap_taper < np.inf, "a factor of at least 1"),
        ])  # fmt: skip
        faults += [
            Fault(f"service, time_utilisation.{group}", f"{share} is not a share of time",
                  "enter a share above 0 and at most 1")
            for group, share in self.time_utilisation.items()
            if not 0 < share <= 1
        ]  # fmt: skip
        refuse(faults)


@dataclass(frozen=True)
class Mix:
    """The mean session of a charger group, over the vehicle classes that use it."""

    session_kwh: float  # mean energy of a session
    # Mean share of the day's sessions in the peak hour, as if the peaks of all classes coincided.
    peak_hour_share: float
    # For each class: its share of sessions, its session_kwh, and the limit_kw of its vehicles.
    parts: tuple[tuple[float, float, float], ...]

    def minutes(self, port_kw: float) -> float:
        """Return the mean length of a session (minutes) at a port of this power."""
        return sum(share * MINUTES * kwh / min(port_kw, limit) for share, kwh, limit in self.parts)


def group_mix(
    group: str,
    compatibility: pd.DataFrame,
    *,
    sessions: pd.DataFrame | None = None,
    limits: pd.DataFrame | None = None,
    energy_kwh_day: Mapping[str, float] | None = None,
) -> Mix:
    """Return the mean session of the vehicles that use a charger group.

    `compatibility`, `sessions` and `limits` are as the functions `compatibility`, `session_figures`
    and `charging_limits` return them. `energy_kwh_day` is the public charging energy by class,
    which weights the classes (equal energies if missing or all 0). Raises `InputError` if no class
    uses the group, a class has no session figures, or an energy is negative.

    >>> from siting.sites.catalogue import compatibility
    >>> mix = group_mix("dc", compatibility(), energy_kwh_day={"car": 100.0})
    >>> mix.session_kwh, mix.minutes(30.0), mix.minutes(60.0)  # 60 kW is more than the car takes
    (25.0, 50.0, 35.0)
    """
    figures = (session_figures() if sessions is None else sessions).set_index("vehicle_class")
    board_limits = charging_limits() if limits is None else limits
    users = compatibility[compatibility["charger_group"].astype(str) == group]
    classes = list(dict.fromkeys(users["vehicle_class"].astype(str)))
    weights = dict(energy_kwh_day or {})
    faults = []
    if not classes:
        what = "no vehicle class uses it"
        faults.append(Fault(f"compatibility, charger_group {group}", what, "add a pair"))
    lacking = (name for name in classes if name not in figures.index)
    what = f"no row for a class that uses the charger group {group}"
    faults += naming("session figures", what, lacking, "add one, or use the rated_share rule")
    odd = (f"{k}: {v}" for k, v in weights.items() if not (np.isfinite(v) and v >= 0))
    refuse(faults + naming("energy_kwh_day", "not an energy of at least 0 kWh", odd))
    energy = np.array([float(weights.get(name, 0.0)) for name in classes])
    if not energy.any():
        energy = np.ones(len(classes))
    columns = ["session_kwh", "session_min", "peak_hour_share"]
    kwh, minutes, peak = figures.loc[classes, columns].to_numpy(dtype=float).T
    of_group = board_limits[board_limits["charger_group"].astype(str) == group]
    limit_kw = of_group.set_index("vehicle_class")["limit_kw"].reindex(classes)
    drawn = limit_kw.to_numpy(dtype=float, na_value=np.nan)
    count = energy / kwh
    share = count / count.sum()
    power = np.where(np.isnan(drawn), kwh * MINUTES / minutes, drawn)
    rows = zip(share.tolist(), kwh.tolist(), power.tolist(), strict=True)
    return Mix(float(share @ kwh), float(share @ peak), tuple(rows))


def group_capacity_kwh_day(
    types: pd.DataFrame, number: np.ndarray, mix: Mix | None, standard: ServiceStandard
) -> float:
    """Return the capacity (kWh/day) of one group's chargers at a station with power all day.

    `types` are rows of the charger catalogue, all of one group. `mix` may be None only under
    ``rated_share`` without swap cabinets. Callers multiply the result by the availability.
    """
    count = np.asarray(number, dtype=float)
    kw, ports = (types[column].to_numpy(dtype=float) for column in ("power_kw", "ports"))
    battery = types["battery_kwh"].fillna(0.0).to_numpy(dtype=float)
    physical = float(count @ kw) * HOURS_A_DAY
    swap = battery > 0
    if standard.rule == "rated_share" and not (swap & (count > 0)).any():
        return physical * standard.utilisation
    if mix is None:
        raise InputError("service", f"the {standard.rule} rule needs session figures")
    pack = standard.swap_depth * battery / ports
    kwh = np.where(swap, pack, mix.session_kwh)
    plugged = np.array([mix.minutes(power) for power in kw / ports])
    minutes = np.where(swap, MINUTES * pack / (kw / ports) * standard.swap_taper, plugged)
    slots = count * ports
    if standard.rule == "rated_share":
        sold = float(count[~swap] @ kw[~swap]) * HOURS_A_DAY * standard.utilisation
        recharged = slots[swap] * MINUTES / minutes[swap] / mix.peak_hour_share
        return min(sold + float(recharged @ kwh[swap]), physical)
    served = peak_kwh_per_h(slots, minutes, kwh, standard.wait_min, standard.alpha)
    within = min(served / mix.peak_hour_share, physical)
    taken = standard.time_utilisation.get(str(types["charger_group"].iloc[0]))
    if taken is None:
        return within
    return min(within, float(slots @ (kwh * MINUTES / minutes)) * HOURS_A_DAY * taken)


def peak_kwh_per_h(
    ports: np.ndarray, minutes: np.ndarray, kwh: np.ndarray, wait_min: float, alpha: float
) -> float:
    """Return the maximum energy (kWh/h) that ports can serve within the waiting-time standard.

    Each array has one value per charger type: the number of `ports`, and the mean `minutes` and
    `kwh` of a session. At most a fraction `alpha` of drivers wait longer than `wait_min`. The k
    fastest ports form one queue, the others one queue per type, with k chosen to serve the most.

    >>> alone = peak_kwh_per_h(np.array([2.0]), np.array([30.0]), np.array([25.0]), 10.0, 0.1)
    >>> more = peak_kwh_per_h(np.array([2.0, 1.0]), np.array([30.0, 300.0]),
    ...     np.array([25.0, 25.0]), 10.0, 0.1)
    >>> 0 < alone < more
    True
    """
    there = np.flatnonzero(np.asarray(ports) > 0)
    if not len(there):
        return 0.0
    order = there[np.argsort(minutes[there], kind="stable")]
    pace = np.repeat(order, ports[order].astype(int))
    pooled = np.arange(1, len(pace) + 1)
    mean_min = np.cumsum(minutes[pace]) / pooled
    one = largest_arrivals_per_h(pooled, mean_min, wait_min, alpha)
    best = np.concatenate([[0.0], one * np.minimum.accumulate(kwh[pace])])
    for kind in order:
        left = int(ports[kind]) - np.concatenate([[0], np.cumsum(pace == kind)])
        some = left > 0
        best[some] += kwh[kind] * largest_arrivals_per_h(left[some], minutes[kind], wait_min, alpha)
    return float(best.max())
