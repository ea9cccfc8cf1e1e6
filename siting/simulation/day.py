"""Drivers of a day, sampled at random, and their outcomes at the stations of a plan (SimPy).

Formulation
-----------
The drivers of class c arrive as a Poisson process whose rate in hour h is

    (daily demand / session_kwh(c)) x share of the day's sessions in hour h

Arrivals are uniform within the hour. Each driver's place is sampled in proportion to the energy
demanded there. The energy of a session has a gamma distribution with the class's mean and a given
coefficient of variation (0: equal energy; 1: an exponential distribution, as in Erlang C).

A driver who wants to charge compares all compatible stations in reach, as an app would. Among the
stations whose expected wait is within the driver's patience, the driver takes the station with the
shortest total of driving time, expected wait and charging time. If no station qualifies, the driver
is turned away, which is recorded at the station with the shortest total. If the expected wait on
arrival exceeds the patience, the driver leaves. All other drivers queue, first come, first served,
for the ports of one charger group. Each driver occupies the fastest free port for one session.

The expected wait is 0 if a port is free. Otherwise, the expected wait is the number of drivers
waiting plus 1, divided by the rate at which the group's ports complete sessions.

Source: P. A. W. Lewis, G. S. Shedler: Simulation of nonhomogeneous Poisson processes by thinning,
Naval Research Logistics Quarterly 26 (1979), 403-413, section 1 for piecewise rates.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import simpy

from siting.simulation.ports import Sessions

DAY_MIN = 1440.0
HOUR_MIN = 60.0
HOURS = 24
# Outcomes of a driver.
OUT_OF_REACH, TURNED_AWAY, TURNED_ROUND, CHARGED = range(4)
# A driver's choices, by driving time: minutes to drive, queue, minutes per kWh at its ports.
Choices = Sequence[tuple[float, int, float]]


@dataclass(frozen=True, eq=False)
class Queues:
    """The queues of a plan: one per station and charger group."""

    table: pd.DataFrame  # ``site_id``, ``charger_group``, ``ports``, one row per queue
    # For each queue, the rows of its ports in the table of ports, fastest port first.
    port_rows: tuple[tuple[int, ...], ...]
    pace: np.ndarray  # minutes per kWh, by row of the table of ports and by class
    ends_per_min: np.ndarray  # sessions per minute completed by each queue's ports if all are busy

    @classmethod
    def of(cls, ports: pd.DataFrame, sessions: Sessions, count: np.ndarray) -> Queues:
        """Return the queues of a table of ports.

        `ports` is the result of `siting.simulation.station_ports`. `count` is each class's number
        of sessions per day, which weights the class in the mean session of a charger group.
        """
        groups = ports["charger_group"].to_numpy(object)
        pace = np.full((len(ports), len(sessions.classes)), np.inf)
        for g, name in enumerate(sessions.groups):
            of_group = np.flatnonzero(groups == name)
            for c in np.flatnonzero(sessions.uses[:, g]):
                minutes = sessions.minutes(int(c), g, ports.iloc[of_group])
                pace[of_group, c] = minutes / sessions.kwh[c]
        rows, per_queue, ends = [], [], []
        for (site_id, group), part in ports.groupby(["site_id", "charger_group"], sort=True):
            at = ports.index.get_indexer(part.index)
            uses = sessions.uses[:, sessions.groups.index(str(group))]
            weight = np.where(uses, count, 0.0)
            weight = weight if weight.sum() > 0 else uses.astype(float)
            # If no class in the study can use a port, no session is completed there.
            minutes = np.full(len(at), np.inf)
            if uses.any():
                minutes = pace[at][:, uses] * sessions.kwh[uses] @ weight[uses] / weight.sum()
            fastest = np.argsort(minutes, kind="stable")
            size = part["ports"].to_numpy(dtype=int)
            per_queue.append(tuple(int(at[i]) for i in fastest for _ in range(size[i])))
            ends.append(float((size / minutes).sum()))
            rows.append((site_id, group, int(size.sum())))
        table = pd.DataFrame(rows, columns=["site_id", "charger_group", "ports"])
        return cls(table, tuple(per_queue), pace, np.array(ends))


def draw_drivers(
    rows: pd.DataFrame, sessions: Sessions, *, days: int, spread: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return the drivers of a number of days, in the order in which they want to charge.

    `rows` is the demand, with ``vehicle_class`` and ``kwh_day``, one row per place and class.
    `spread` is the coefficient of variation of a session's energy. Columns: ``time_min`` (minutes
    from the first midnight), ``row`` (position in `rows`), ``of`` (position of the class), ``kwh``.
    """
    of_row = np.array([sessions.classes.index(str(c)) for c in rows["vehicle_class"]], dtype=int)
    energy = rows["kwh_day"].to_numpy(dtype=float)
    times, at, of = ([np.zeros(0, dtype=kind)] for kind in (float, int, int))
    for c in range(len(sessions.classes)):
        of_class = np.flatnonzero((of_row == c) & (energy > 0))
        if not len(of_class):
            continue
        rate = energy[of_class].sum() / sessions.kwh[c] * sessions.hours[c]
        hour = np.repeat(np.arange(HOURS * days), rng.poisson(np.tile(rate, days)))
        times.append((hour + rng.random(len(hour))) * HOUR_MIN)
        odds = np.cumsum(energy[of_class])
        picked = np.searchsorted(odds, rng.random(len(hour)) * odds[-1], side="right")
        at.append(of_class[np.minimum(picked, len(of_class) - 1)])
        of.append(np.full(len(hour), c))
    time, row, kind = np.concatenate(times), np.concatenate(at), np.concatenate(of)
    mean = sessions.kwh[kind]
    kwh = mean if spread == 0 else mean * rng.gamma(spread**-2, spread**2, len(kind))
    drivers = pd.DataFrame({"time_min": time, "row": row, "of": kind, "kwh": kwh})
    return drivers.sort_values("time_min", kind="stable", ignore_index=True)


def choices_of(
    rows: pd.DataFrame, reach: pd.DataFrame, queues: Queues, sessions: Sessions
) -> list[Choices]:
    """Return the choices of each row: all queues in reach that have compatible ports.

    `rows` has ``place`` and ``vehicle_class``, with one row per place and class. `reach` has
    ``place``, ``site_id``, ``travel_min``.
    """
    near = reach.merge(queues.table.reset_index(names="queue"), on="site_id")
    near = near.sort_values(["travel_min", "site_id", "queue"])
    by_place = {
        place: list(zip(part["travel_min"].tolist(), part["queue"].tolist(), strict=True))
        for place, part in near.groupby("place")
    }
    mean = [np.asarray(queues.pace[list(rows_of)]).mean(axis=0) for rows_of in queues.port_rows]
    out: list[Choices] = []
    for place, name in rows[["place", "vehicle_class"]].itertuples(index=False):
        c = sessions.classes.index(name)
        drives = by_place.get(place, [])
        out.append([(m, q, float(mean[q][c])) for m, q in drives if np.isfinite(mean[q][c])])
    return out


def simulate(
    drivers: pd.DataFrame, choices: Sequence[Choices], queues: Queues, *, patience_min: float
) -> pd.DataFrame:
    """Return the outcome of each driver, who is followed to the end of the session.

    `drivers` is the result of `draw_drivers`. `choices` has the choices of each row of demand.
    `patience_min` is the maximum expected wait that a driver accepts (minutes, or infinite).

    Columns added to `drivers`: ``outcome`` (0: no station in reach; 1: turned away before setting
    out; 2: left on arrival; 3: charged), ``queue`` (-1: none), ``arrive_min`` (at the station, or,
    for drivers who never set out, when they want to charge), ``start_min``, ``end_min``, ``port``
    (row of the table of ports).
    """
    n = len(drivers)
    time, row, of, kwh = (drivers[c].tolist() for c in ("time_min", "row", "of", "kwh"))
    outcome, queue, port = [OUT_OF_REACH] * n, [-1] * n, [-1] * n
    arrive, start, end = list(time), [np.nan] * n, [np.nan] * n
    ends, pace = queues.ends_per_min.tolist(), queues.pace.tolist()
    quickest_kwh = [min((c[2] for c in row_choices), default=0.0) for row_choices in choices]
    env = simpy.Environment()
    stores = []
    for rows in queues.port_rows:
        store = simpy.PriorityStore(env)
        store.items = [simpy.PriorityItem(rank, at) for rank, at in enumerate(rows)]
        stores.append(store)

    def wait_min(q: int) -> float:
        store = stores[q]
        return 0.0 if store.items else (len(store.get_queue) + 1) / ends[q]

    def choose(k: int) -> tuple[float, int, bool]:
        """Return a driver's driving time and chosen queue, and whether the wait is accepted."""
        need = kwh[k]
        least = need * quickest_kwh[row[k]]
        best, quickest = (np.inf, 0.0, -1), (np.inf, 0.0, -1)
        for drive, q, minutes_kwh in choices[row[k]]:
            if drive + least >= best[0]:
                break  # no farther station can be quicker
            wait = wait_min(q)
            total = drive + wait + minutes_kwh * need
            if wait <= patience_min and total < best[0]:
                best = (total, drive, q)
            if total < quickest[0]:
                quickest = (total, drive, q)
        chosen = best if best[2] >= 0 else quickest
        return chosen[1], chosen[2], best[2] >= 0

    def drive_and_charge(k: int, drive: float, q: int) -> Generator[Any, Any, None]:
        if drive > 0:
            yield env.timeout(drive)
        arrive[k] = env.now
        if wait_min(q) > patience_min:
            outcome[k] = TURNED_ROUND
            return
        taken = yield stores[q].get()
        start[k], port[k] = env.now, taken.item
        yield env.timeout(kwh[k] * pace[taken.item][of[k]])
        end[k], outcome[k] = env.now, CHARGED
        stores[q].put(taken)

    def traffic() -> Generator[Any, Any, None]:
        for k in range(n):
            if time[k] > env.now:
                yield env.timeout(time[k] - env.now)
            drive, q, patient = choose(k)
            if q < 0:
                continue
            queue[k] = q
            if not patient:
                outcome[k] = TURNED_AWAY
                continue
            env.process(drive_and_charge(k, drive, q))

    env.process(traffic())
    env.run()
    return drivers.assign(outcome=outcome, queue=queue, arrive_min=arrive, start_min=start,
                          end_min=end, port=port)  # fmt: skip


def sessions_per_day(rows: pd.DataFrame, sessions: Sessions) -> np.ndarray:
    """Return the number of sessions per day, by class, for a demand (``kwh_day``)."""
    kwh = rows.groupby("vehicle_class")["kwh_day"].sum()
    class_kwh = kwh.reindex(list(sessions.classes), fill_value=0.0).to_numpy(dtype=float)
    return np.asarray(class_kwh / sessions.kwh)
