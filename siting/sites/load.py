"""The load on the grid from a group of chargers, which is at most the chargers' rating.

Formulation
-----------
A charger of K kW with p ports draws at most its rating, and at most the power its vehicles take:

    draw = min(K, p v)      kW; v is the power of the fastest vehicle that fits (`charging_limits`)

If any class has no limit at the group, the draw is the rating K. The packaged table has no limit
for ``dc``, because the mean power of a session does not show its peak. If a group has many ports,
they are rarely all in use. Let a (erlangs) be the load at which the group sells all the energy that
the service standard allows. In the busiest hour, the M/M/k queue then has

    P(N = n) ~ a^n / n!  for n < k,      P(all k taken) ~ a^k / k! x k / (k - a)

Let m be the smallest number of ports that covers all ports in use during the share `busy_share` of
the busiest hour. The group's load is m / k times the sum of its chargers' draws. For swap cabinets,
and under the ``rated_share`` rule, which has no sessions, m is k.

Source: R. B. Cooper, Introduction to Queueing Theory, 2nd ed. (1981), section 3.5.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaln

from siting.sites.standards import Mix
from siting.sites.waiting import MINUTES


def fastest_kw(group: str, compatibility: pd.DataFrame, limits: pd.DataFrame) -> float:
    """Return the largest draw of one vehicle at a charger group (kW), or inf without a limit.

    >>> from siting.sites.catalogue import charging_limits, compatibility
    >>> [fastest_kw(group, compatibility(), charging_limits()) for group in ("lev", "ac", "dc")]
    [1.35, 7.0, inf]
    """
    users = compatibility.loc[compatibility["charger_group"].astype(str) == group, "vehicle_class"]
    known = limits[limits["charger_group"].astype(str) == group].set_index("vehicle_class")
    return float(known["limit_kw"].astype(float).reindex(users.astype(str)).fillna(np.inf).max())


def draw_kw(types: pd.DataFrame, fastest: float) -> np.ndarray:
    """Return the draw (kW) of one charger of each type, with a vehicle at every port."""
    ports = types["ports"].to_numpy(dtype=float)
    return np.asarray(np.minimum(types["power_kw"].to_numpy(dtype=float), ports * fastest))


def ports_taken(ports: int, erlangs: float, share: float) -> int:
    """Return the number of ports that covers all ports in use for a share of the time.

    >>> ports_taken(2, 1.0, 0.99), ports_taken(48, 20.0, 0.99), ports_taken(48, 20.0, 1.0)
    (2, 31, 48)
    """
    if share >= 1 or erlangs >= ports or erlangs <= 0:
        return ports
    n = np.arange(ports + 1)
    weight = n * np.log(erlangs) - gammaln(n + 1)
    weight[-1] += np.log(ports / (ports - erlangs))
    odds = np.exp(weight - weight.max())
    return int(np.searchsorted(np.cumsum(odds) / odds.sum(), share))


def group_load_kw(
    types: pd.DataFrame,
    number: np.ndarray,
    fastest: float,
    mix: Mix | None,
    served_kwh_day: float,
    busy_share: float,
) -> float:
    """Return the load of the chargers of one group at one station (kW).

    `types` are rows of the charger catalogue, all of one group, and `number` gives the number of
    each type. `fastest` is the result of `fastest_kw`. `mix` is the mean session; None means that
    all ports count. `served_kwh_day` is the energy that the group can serve with power all day.
    `busy_share` is the share of the busiest hour in which the load covers all ports in use.
    """
    kw, ports = (types[column].to_numpy(dtype=float) for column in ("power_kw", "ports"))
    full = float(number @ draw_kw(types, fastest))
    of_type = number * ports
    there = int(of_type.sum())
    if mix is None or not there or (types["battery_kwh"].fillna(0.0) > 0).any():
        return full
    minutes = np.array(list(map(mix.minutes, kw / ports)))
    mean_h = float(of_type @ minutes) / there / MINUTES
    sessions_h = served_kwh_day * mix.peak_hour_share / mix.session_kwh
    return full * ports_taken(there, sessions_h * mean_h, busy_share) / there
