"""Agreement of a simulated day with the program, and reasons for differences."""

from __future__ import annotations

import numpy as np
import pandas as pd

from siting import simulation
from siting.config.offers import Service
from siting.plan import Plan
from siting.study.queues import Waiting, allotted, late_share

# Excess over the waiting standard from which a station is named.
OVER = 1.05


def findings(
    plan: Plan,
    waiting: Waiting,
    stations: pd.DataFrame,
    classes: pd.DataFrame,
    peaks: dict[str, tuple[float, float]],
    expected: pd.DataFrame,
) -> list[str]:
    """Return in plain words where the simulation and the program agree, and why where not.

    `peaks` is the late share of the busiest hour by case, with its half-width; `expected` is as
    `siting.simulation.expected_waits`; `stations` and `classes` as in
    `siting.review.simulate.SimulatedDay`.
    """
    standard = waiting.standard
    all_classes = classes[classes["vehicle_class"] == "all"].set_index("case")
    share = all_classes["turned_away_share"].fillna(0.0).to_dict()
    kwh = all_classes["delivered_kwh_day"].to_dict()
    plan_kwh = float(stations["allotted_kwh_day"].sum())
    late, half = np.nan_to_num(peaks["planned"])
    erlang = late_share(expected)
    lines = [
        f"As planned: {kwh['planned']:,.0f} of the {plan_kwh:,.0f} kWh/day that the program "
        f"counts as served; {share['planned']:.1%} of drivers turned away, {late:.0%} "
        f"(+-{half:.0%}) of those in the busiest hour late: turned away, or waiting over "
        f"{standard.wait_min:g} min"
    ]
    over = stations["allotted_kwh_day"] > OVER * stations["standard_kwh_day"]
    if over.any():
        times = (
            stations.loc[over, "allotted_kwh_day"].sum()
            / stations.loc[over, "standard_kwh_day"].sum()
        )
        lines.append(
            f"{over.sum():,} of {len(stations):,} stations are given {times:,.1f} times what keeps "
            f"{1 - standard.alpha:.0%} of drivers within {standard.wait_min:g} min (Erlang C): "
            + _why(standard, plan.outcome.model)
        )
        more = ", more than simulated: it has nobody turn away, and a peak that lasts"
        lines.append(
            f"Erlang C expects {erlang:.0%} late in the busiest hour of each queue"
            + (more if erlang > late + half else "")
        )
        lines += _slow_ports(expected, plan, waiting)
    else:
        lines.append(
            f"no station is given more than the waiting standard lets through (at most "
            f"{standard.alpha:.0%} late); Erlang C expects {erlang:.1%} late in the "
            "busiest hour of each queue"
        )
    lines.append(
        f"Free choice, all drivers: {kwh['free']:,.0f} kWh/day; {share['free']:.1%} of those in "
        f"reach turned away, {_out_share(all_classes):.1%} of all have no station in reach"
    )
    return lines


def _why(standard: Service, model: str) -> str:
    """Return the reason why stations have more than the waiting standard allows."""
    if model == "coverage":
        return "the model coverage knows no capacity"
    if standard.rule == "rated_share":
        return "rule rated_share counts kW, not the time a port is taken"
    return "their classes are mixed otherwise than in the whole city"


def _out_share(all_classes: pd.DataFrame) -> float:
    out = float(all_classes["out_of_reach_day"].to_dict()["free"])
    asked = out + float(all_classes["arrivals_day"].to_dict()["free"])
    return out / asked if asked > 0 else 0.0


def _slow_ports(expected: pd.DataFrame, plan: Plan, waiting: Waiting) -> list[str]:
    """Return the charger groups whose ports are taken longer than their kW say, with why."""
    ports, sessions = waiting.ports(plan), waiting.sessions
    split = simulation.split_load(ports, allotted(plan), sessions)
    lines = []
    for group, part in expected.groupby("charger_group"):
        load, room_there = float(part["erlangs"].sum()), float(part["ports"].sum())
        of_group = split[split["charger_group"] == group]
        if load <= 0.6 * room_there or of_group.empty:
            continue
        top = of_group.groupby("vehicle_class")["kwh_day"].sum().idxmax()
        c = sessions.classes.index(str(top))
        of_class = of_group[of_group["vehicle_class"] == top]
        minutes = float(
            (of_class["minutes"] * of_class["kwh_day"]).sum() / of_class["kwh_day"].sum()
        )
        kw = ports.loc[ports["charger_group"] == group, "port_kw"]
        lines.append(
            f"{group}: {load:,.0f} drivers at {room_there:,.0f} ports in the busiest hour; a "
            f"{str(top).replace('_', ' ')} takes {sessions.kwh[c]:g} kWh in {minutes:,.0f} min, so "
            f"a port of {kw.mean():,.1f} kW gives {sessions.kwh[c] / minutes * 60:,.1f} kW"
        )
    return lines
