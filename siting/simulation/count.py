"""Counts of drivers on simulated days, by station, class and hour, and their means over days.

The counted day begins at midnight after a day of warm-up. Drivers are counted if they arrive on
this day, or are turned away that day before setting out. Each driver is followed to the end of the
session, so no wait is cut short. At the end of the day,

    arrivals = charged + turned away + still waiting            (charged: session began in the day)

Port use and energy are counted within the 24 hours, including sessions begun the day before. Each
day is sampled anew with its own warm-up, so the days are independent. Therefore,

    mean over days +- t(0.975, days - 1) x standard deviation over days / sqrt(days)

is a 95 % confidence interval of the mean.

Source: A. M. Law: Simulation Modeling and Analysis, 5th ed. (2015), section 9.5.2 (replication and
deletion).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from siting.errors import Fault, refuse
from siting.simulation.day import (
    CHARGED,
    DAY_MIN,
    HOUR_MIN,
    HOURS,
    OUT_OF_REACH,
    TURNED_AWAY,
    TURNED_ROUND,
    Choices,
    Queues,
    draw_drivers,
    simulate,
)
from siting.simulation.ports import Sessions

WARM_UP_DAYS = 1
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Day:
    """The counts of one day, by queue, by vehicle class and by hour."""

    by_queue: pd.DataFrame
    by_class: pd.DataFrame
    by_hour: pd.DataFrame
    by_queue_hour: np.ndarray
    waits: pd.DataFrame


def count_day(
    log: pd.DataFrame, queues: Queues, sessions: Sessions, wait_min: float, first_min: float
) -> Day:
    """Return the counts of the 24 hours that begin at a given minute.

    `log` is the result of `simulate` for `queues` and `sessions`. The day starts at `first_min`.

    The counts are ``arrivals``, ``charged``, ``turned_away``, ``waiting_at_end``, ``late`` (turned
    away, or waited more than `wait_min` minutes), ``wait_sum_min`` (of drivers who stayed), ``kwh``
    and ``busy_min``. The counts by class and by hour also have ``out_of_reach``. ``waits`` has the
    queue, class, hour and wait of each driver who stayed.
    """
    last_min = first_min + DAY_MIN
    arrive, start = (log[c].to_numpy(dtype=float) for c in ("arrive_min", "start_min"))
    outcome = log["outcome"].to_numpy(dtype=int)
    inside = (arrive >= first_min) & (arrive < last_min)
    stayed = outcome == CHARGED
    turned = np.isin(outcome, (TURNED_AWAY, TURNED_ROUND))
    wait = np.where(stayed, start - arrive, 0.0)
    waiting = stayed & (start >= last_min)
    counts = pd.DataFrame(
        {
            "arrivals": outcome != OUT_OF_REACH,
            "out_of_reach": outcome == OUT_OF_REACH,
            "charged": stayed & ~waiting,
            "turned_away": turned,
            "waiting_at_end": waiting,
            "late": turned | (stayed & (wait > wait_min)),
            "wait_sum_min": wait,
            "stayed": stayed,
        },
        dtype=float,
    )
    of_driver = log[["queue", "of"]].astype(int)
    of_driver["hour"] = ((arrive - first_min) // HOUR_MIN).astype(int)
    sizes = {"queue": len(queues.table), "of": len(sessions.classes), "hour": HOURS}
    by_queue, by_class, by_hour = (
        counts[inside].groupby(of_driver[key]).sum().reindex(range(size), fill_value=0.0)
        for key, size in sizes.items()
    )
    busy, kwh = _overlaps(log, first_min)
    at_queue = np.zeros((len(queues.table), HOURS))
    np.add.at(at_queue, of_driver["queue"][stayed], busy)
    for table, key in ((by_queue, "queue"), (by_class, "of")):
        table["kwh"] = np.bincount(of_driver[key][stayed], kwh.sum(axis=1), minlength=len(table))
    by_queue["busy_min"] = at_queue.sum(axis=1)
    by_hour["busy_min"], by_hour["kwh"] = at_queue.sum(axis=0), kwh.sum(axis=0)
    waits = of_driver.assign(wait_min=wait)[inside & stayed]
    return Day(by_queue, by_class, by_hour, at_queue, waits)


def _overlaps(log: pd.DataFrame, first_min: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays, minutes and kWh, with one row per session and one column per hour."""
    done = log[log["outcome"] == CHARGED]
    start, end = (done[c].to_numpy(dtype=float)[:, None] for c in ("start_min", "end_min"))
    begins = first_min + HOUR_MIN * np.arange(HOURS)[None, :]
    minutes = np.clip(np.minimum(end, begins + HOUR_MIN) - np.maximum(start, begins), 0.0, None)
    length = np.maximum(end - start, 1e-12)
    return minutes, minutes / length * done["kwh"].to_numpy(dtype=float)[:, None]


@dataclass(frozen=True, eq=False)
class Days:
    """Independent simulated days of one plan."""

    days: tuple[Day, ...]
    queues: Queues
    sessions: Sessions


@dataclass(frozen=True)
class Rules:
    """The settings of the simulated days."""

    days: int = 10  # number of independent days; one day has no confidence interval
    seed: int = 1
    balk_min: float = 30.0  # maximum expected wait that drivers accept (minutes)
    # Coefficient of variation of a session's energy: 0 if all are equal, 1 if exponential.
    spread: float = 0.5
    # Hours simulated before the counted day, 0 to 24. Warm-up does not change who arrives that day.
    warm_up_h: float = 24.0

    def __post_init__(self) -> None:
        """Raise one `InputError` that lists every invalid setting."""
        refuse(
            Fault(f"simulate, {name}", f"{value:g} is not {what}")
            for name, value, good, what in (
                ("days", self.days, 1 <= self.days <= 10_000, "1 to 10,000 whole days"),
                ("seed", self.seed, self.seed >= 0, "a seed of 0 or more"),
                ("balk-min", self.balk_min, self.balk_min >= 0, "a wait of at least 0 min"),
                ("spread", self.spread, 0 <= self.spread <= 3, "a spread from 0 to 3"),
                ("warm-up-h", self.warm_up_h, 0 <= self.warm_up_h <= 24, "0 to 24 hours"),
            )
            if not good
        )


def simulate_days(
    rows: pd.DataFrame,
    choices: Sequence[Choices],
    queues: Queues,
    sessions: Sessions,
    rules: Rules,
    *,
    wait_min: float,
) -> Days:
    """Return independent simulated days, each after its own warm-up.

    `rows` has ``vehicle_class`` and ``kwh_day``, with one row per place and class. `choices` has
    the choices of each row (`choices_of`). A wait of more than `wait_min` minutes counts as late.
    """
    counted = []
    for child in np.random.SeedSequence(rules.seed).spawn(rules.days):
        rng = np.random.default_rng(child)
        drivers = draw_drivers(rows, sessions, days=WARM_UP_DAYS + 1, spread=rules.spread, rng=rng)
        begun = WARM_UP_DAYS * DAY_MIN - rules.warm_up_h * HOUR_MIN
        drivers = drivers[drivers["time_min"] >= begun].reset_index(drop=True)
        log = simulate(drivers, choices, queues, patience_min=rules.balk_min)
        counted.append(count_day(log, queues, sessions, wait_min, WARM_UP_DAYS * DAY_MIN))
    return Days(tuple(counted), queues, sessions)


def station_table(simulated: Days) -> pd.DataFrame:
    """Return a row per station: daily means, half-widths of 95 % intervals, waits and port use.

    Columns: ``site_id``, ``ports``, ``arrivals_day``, ``charged_day``, ``turned_away_day``,
    ``waiting_at_end``, ``turned_away_share``, ``wait_mean_min`` and ``wait_p95_min`` (of drivers
    who stayed), ``late_share`` with ``late_share_ci``, ``use_share`` (share of the ports' time in
    use), ``delivered_kwh_day`` with ``delivered_kwh_day_ci``.
    """
    table = simulated.queues.table
    site = table["site_id"].astype(str).to_numpy()
    parts = [day.by_queue.groupby(site).sum() for day in simulated.days]
    ports = table.groupby(site)["ports"].sum()
    waits = pd.concat([day.waits for day in simulated.days], ignore_index=True)
    waits["site_id"] = site[waits["queue"].to_numpy(int)]
    out = _means(parts, ports.index, waits.groupby("site_id")["wait_min"].quantile(0.95))
    out.insert(0, "ports", ports)
    out["use_share"] = out.pop("busy_min") / (ports * DAY_MIN)
    return out.rename_axis("site_id").reset_index()


def class_table(simulated: Days) -> pd.DataFrame:
    """Return a row per class and a row of totals: drivers in and out of reach, waits (min), kWh."""
    names = [*simulated.sessions.classes, "all"]
    counts = [day.by_class for day in simulated.days]
    parts = [pd.concat([one, one.sum().to_frame().T]).set_axis(names) for one in counts]
    waits = pd.concat([day.waits for day in simulated.days], ignore_index=True)
    tail = waits.groupby("of")["wait_min"].quantile(0.95)
    tail.index = [simulated.sessions.classes[int(i)] for i in tail.index]
    tail["all"] = waits["wait_min"].quantile(0.95)
    out = _means(parts, pd.Index(names), tail)
    out.insert(0, "out_of_reach_day", _mean([part["out_of_reach"] for part in parts])[0])
    return out.rename_axis("vehicle_class").reset_index()


def hour_table(simulated: Days) -> pd.DataFrame:
    """Return a row per hour of the day: drivers, waits (min), kWh, and use of the ports."""
    out = _means([day.by_hour for day in simulated.days], pd.RangeIndex(HOURS))
    ports = float(simulated.queues.table["ports"].sum())
    out["use_share"] = out.pop("busy_min") / (ports * HOUR_MIN)
    return out.rename_axis("hour").reset_index()


def use_table(simulated: Days) -> pd.DataFrame:
    """Return a row per station: the mean share of port time in use by hour, ``h00`` to ``h23``."""
    site = simulated.queues.table["site_id"].astype(str).to_numpy()
    busy = np.mean([day.by_queue_hour for day in simulated.days], axis=0)
    names = [f"h{hour:02d}" for hour in range(HOURS)]
    by_site = pd.DataFrame(busy, columns=names).groupby(site).sum()
    ports = simulated.queues.table.groupby(site)["ports"].sum()
    return by_site.div(ports * HOUR_MIN, axis=0).rename_axis("site_id").reset_index()


def peak_late(simulated: Days) -> tuple[float, float]:
    """Return the share of late drivers in the busiest hour, and its 95 % interval's half-width."""
    arrivals = np.array([day.by_hour["arrivals"] for day in simulated.days])
    late = np.array([day.by_hour["late"] for day in simulated.days])
    hour = int(arrivals.sum(axis=0).argmax())
    return _ratio(late[:, hour], arrivals[:, hour])


def _means(
    parts: Sequence[pd.DataFrame], index: pd.Index[Any], long_wait_min: pd.Series | None = None
) -> pd.DataFrame:
    out = pd.DataFrame(index=index)
    for name in ("arrivals", "charged", "turned_away"):
        out[f"{name}_day"] = _mean([part[name] for part in parts])[0]
    out["waiting_at_end"] = _mean([part["waiting_at_end"] for part in parts])[0]
    summed = sum(parts[1:], start=parts[0])
    asked = summed["arrivals"].where(summed["arrivals"] > 0)
    out["turned_away_share"] = summed["turned_away"] / asked
    out["wait_mean_min"] = summed["wait_sum_min"] / summed["stayed"].where(summed["stayed"] > 0)
    if long_wait_min is not None:
        out["wait_p95_min"] = long_wait_min.reindex(index)
    out["late_share"] = summed["late"] / asked
    late, came = (np.array([p[c] for p in parts], dtype=float) for c in ("late", "arrivals"))
    out["late_share_ci"] = [_ratio(late[:, i], came[:, i])[1] for i in range(late.shape[1])]
    if "busy_min" in parts[0].columns:
        out["busy_min"] = _mean([part["busy_min"] for part in parts])[0]
    out["delivered_kwh_day"], out["delivered_kwh_day_ci"] = _mean([part["kwh"] for part in parts])
    return out


def _mean(values: Sequence[pd.Series]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over days and the half-width of its 95 % interval; NaN for one day."""
    each = np.array(values, dtype=float)
    n = len(each)
    if n < 2:
        return each.mean(axis=0), np.full(each.shape[1:], np.nan)
    factor = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    return each.mean(axis=0), factor * each.std(axis=0, ddof=1) / np.sqrt(n)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> tuple[float, float]:
    """Return a ratio of sums over days, and the half-width of its 95 % interval (Cochran)."""
    if bottom.sum() <= 0:
        return float("nan"), float("nan")
    ratio = float(top.sum() / bottom.sum())
    n = len(top)
    if n < 2:
        return ratio, float("nan")
    factor = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2))
    residual = top - ratio * bottom
    return ratio, factor * float(residual.std(ddof=1)) / float(np.sqrt(n) * bottom.mean())
