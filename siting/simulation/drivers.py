"""Drivers of a day, drawn at random from the demand by place and class.

Formulation
-----------
The drivers of class c come as a Poisson process whose rate in hour h is

    (energy wanted a day / session_kwh(c)) x share of the day's sessions in hour h

so the number in an hour is Poisson, arrivals are uniform within the hour, and a driver's row
(place) is drawn in proportion to the row's energy. The energy of a session follows a gamma
distribution with the class's mean and a given coefficient of variation: 0 means equal energy, 1 an
exponential distribution as in Erlang C.

Source: P. A. W. Lewis, G. S. Shedler: Simulation of nonhomogeneous Poisson processes by thinning,
Naval Research Logistics Quarterly 26 (1979), 403-413, section 1 for piecewise rates.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from siting.simulation.ports import Sessions

DAY_MIN = 1440.0
HOUR_MIN = 60.0
HOURS = 24


def draw_drivers(
    rows: pd.DataFrame, sessions: Sessions, *, days: int, spread: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the drivers of some days in the order in which they want to charge.

    `rows`: ``vehicle_class`` and ``kwh_day``: demand, one row per place and class; `days`: number
    of successive days; `spread`: coefficient of variation of a session's energy, 0 or more.
    Columns: ``time_min`` from the first midnight, ``row`` (position in `rows`), ``of`` (position of
    the class), ``kwh``.
    """
    of_row = np.array([sessions.classes.index(str(c)) for c in rows["vehicle_class"]], dtype=int)
    energy = rows["kwh_day"].to_numpy(dtype=float)
    times, at, of = [], [], []
    for c in range(len(sessions.classes)):
        of_class = np.flatnonzero((of_row == c) & (energy > 0))
        if not len(of_class):
            continue
        rate = energy[of_class].sum() / sessions.kwh[c] * sessions.hours[c]
        count = rng.poisson(np.tile(rate, days))
        hour = np.repeat(np.arange(HOURS * days), count)
        times.append((hour + rng.random(len(hour))) * HOUR_MIN)
        odds = np.cumsum(energy[of_class])
        picked = np.searchsorted(odds, rng.random(len(hour)) * odds[-1], side="right")
        at.append(of_class[np.minimum(picked, len(of_class) - 1)])
        of.append(np.full(len(hour), c))
    if not times:
        types = {"time_min": float, "row": int, "of": int, "kwh": float}
        return pd.DataFrame(columns=list(types)).astype(types)
    time, row, kind = np.concatenate(times), np.concatenate(at), np.concatenate(of)
    mean = sessions.kwh[kind]
    kwh = mean if spread == 0 else mean * rng.gamma(spread**-2, spread**2, len(kind))
    order = np.argsort(time, kind="stable")
    return pd.DataFrame(
        {"time_min": time[order], "row": row[order], "of": kind[order], "kwh": kwh[order]}
    )
