"""One station with one kind of port and drivers at a steady rate: the queues of textbooks."""

import numpy as np
import pandas as pd

from siting.simulation import Queues, Sessions, choices_of, draw_drivers, simulate

KWH = 10.0


def steady_sessions():
    return Sessions(
        ("car",), ("dc",), np.array([KWH]), np.full((1, 24), 1 / 24), np.array([[True]]),
        np.array([[np.inf]]),
    )  # fmt: skip


def port_table(*rows):
    columns = ["site_id", "charger_group", "charger", "ports", "port_kw", "battery_kwh",
               "availability"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def steady_queue(servers, service_min):
    sessions = steady_sessions()
    ports = port_table(("s1", "dc", "x", servers, KWH * 60 / service_min, 0.0, 1.0))
    return Queues.of(ports, sessions, np.array([1.0])), sessions


def steady_log(servers, rate_per_h, service_min, *, spread, days, seed, patience_min=np.inf):
    """Return what became of drivers who come at a steady rate to one station at their door."""
    queues, sessions = steady_queue(servers, service_min)
    rows = pd.DataFrame({"place": ["c1"], "vehicle_class": ["car"],
                         "kwh_day": [rate_per_h * 24 * KWH]})  # fmt: skip
    reach = pd.DataFrame({"place": ["c1"], "site_id": ["s1"], "travel_min": [0.0]})
    drivers = draw_drivers(
        rows, sessions, days=days, spread=spread, rng=np.random.default_rng(seed)
    )
    choices = choices_of(rows, reach, queues, sessions)
    return simulate(drivers, choices, queues, patience_min=patience_min)


def batch_mean(values, batches=40):
    """Return the mean of a series that hangs together, and its standard error by batches."""
    values = np.asarray(values, dtype=float)
    each = [batch.mean() for batch in np.array_split(values[len(values) // 20 :], batches)]
    return float(np.mean(each)), float(np.std(each, ddof=1) / batches**0.5)
