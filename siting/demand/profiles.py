"""Public charging sessions: hours, duration and energy by vehicle class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from siting.demand.figures import Limits, range_faults
from siting.errors import naming, refuse
from siting.files import rows_fault
from siting.reference import table

HOURS = [f"h{hour:02d}" for hour in range(24)]
_RANGED = {
    "session_kwh": Limits("kWh", least=0.01),
    "session_min": Limits("min", least=0.1, most=1440.0),
    "peak_hour_share": Limits("share", least=1 / 24 - 1e-9, most=1.0),
}
SUM_TOLERANCE = 1e-6


def session_figures(path: Path | None = None) -> pd.DataFrame:
    """Return mean kWh, minutes and peak-hour share of public sessions by vehicle class.

    `path` is a CSV file that replaces ``siting/reference/profiles.csv``. Columns:
    ``vehicle_class``; ``session_kwh``, ``session_min`` and ``peak_hour_share``, each with ``…_low``
    and ``…_high``; ``h00`` to ``h23`` (share of the day's public energy, by local hour; the largest
    is ``peak_hour_share``); ``source``, ``confidence``. Raises `InputError` if hourly shares are
    negative or do not sum to 1, a range is out of order, or a class is repeated.

    >>> figures = session_figures().set_index("vehicle_class")
    >>> figures.loc["car", ["session_kwh", "session_min", "peak_hour_share"]].to_list()
    [25.0, 35.0, 0.085]
    """
    rows, where = table("profiles", path), str(path or "profiles table")
    classes = rows["vehicle_class"].astype(str)
    shares = rows[HOURS].to_numpy(dtype=float)
    uneven = ~(np.abs(shares.sum(axis=1) - 1) <= SUM_TOLERANCE)
    faults = [
        *rows_fault(where, classes.duplicated(), classes, "a class is given twice"),
        *rows_fault(where, (shares < 0).any(axis=1), classes, "a share of an hour is negative"),
        *rows_fault(where, uneven, classes, "the 24 hourly shares do not add up to 1"),
    ]
    figures = rows.assign(peak_hour_share=shares.max(axis=1))
    for name, limit in _RANGED.items():
        ranges = figures[[f"{name}_low", name, f"{name}_high"]]
        faults += range_faults(ranges, limit, f"{where}, {name}", classes.to_list())
    refuse(faults)
    ranged = [f"{name}{end}" for name in _RANGED for end in ("", "_low", "_high")]
    figures[ranged] = figures[ranged].astype(float)
    return figures[["vehicle_class", *ranged, *HOURS, "source", "confidence"]]


def session_load(energy: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return `energy` with ``sessions_day`` and the mean load in the peak hour, ``peak_hour_kw``.

    `energy` has the columns ``vehicle_class`` and ``demand_kwh_day`` (kWh/day), for a city or by
    zone. `sessions` is the result of `session_figures`. Raises `InputError` if `sessions` lacks a
    class.

    >>> energy = pd.DataFrame({"vehicle_class": ["car"], "demand_kwh_day": [1000.0]})
    >>> session_load(energy, session_figures())[["sessions_day", "peak_hour_kw"]].values.tolist()
    [[40.0, 85.0]]
    """
    classes = energy["vehicle_class"].astype(str)
    lacking = classes[~classes.isin(sessions["vehicle_class"])]
    refuse(naming("session figures", "no row for a class", lacking, "add one"))
    class_sessions = sessions.set_index("vehicle_class").loc[classes.to_list()]
    kwh_day = energy["demand_kwh_day"]
    return energy.assign(
        sessions_day=kwh_day / class_sessions["session_kwh"].to_numpy(dtype=float),
        peak_hour_kw=kwh_day * class_sessions["peak_hour_share"].to_numpy(dtype=float),
    )
