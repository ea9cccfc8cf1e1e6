"""Gain of new stations per rupee of public money, and power per electric vehicle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from siting.config import Config
from siting.config.program import LeastGain
from siting.outcome import Line
from siting.plan import Plan
from siting.study.to_limits import power_for
from siting.study.to_program import MILLION

SHOWN = 5
# EU requirement for each battery-electric car (Regulation (EU) 2023/1804, AFIR, article 3).
AFIR_KW = 1.3


def earnings(config: Config, plan: Plan, lost: Mapping[str, float]) -> dict[str, Any]:
    """Return the gain of the plan and of its least station per PKR m (kWh/day).

    The gain of a station is the loss without it, all else unchanged. The threshold is
    ``program.least_gain``: the least of its years if given by year, its default if it is of cost.
    Keys: ``least_gain`` (kWh/day a PKR m), ``plan`` (mean of all new stations together),
    ``least_station``, ``least`` and ``below``: the ids of those below it. Empty if no new station
    draws public money or nothing was computed.
    """
    new = plan.new_sites
    drawn = new.set_index(new["site_id"].astype(str))["subsidy_pkr"].astype(float) / MILLION
    drawn = drawn[drawn > 0]
    gain = pd.Series({site: kwh for site, kwh in lost.items() if site in drawn.index}, dtype=float)
    if gain.empty:
        return {}
    rate = (gain / drawn[gain.index]).sort_values(kind="stable")
    asked = config.program.least_gain
    of_cost = asked.always and asked.money != "subsidy_pkr"
    little = LeastGain() if of_cost else asked
    least = float(min((little.per_million_by_year or {0: little.per_million}).values()))
    return {
        "least_gain": least,
        "plan": float(new["served_kwh_day"].sum()) / float(drawn.sum()),
        "least_station": str(rate.index[0]),
        "least": float(rate.iloc[0]),
        # Rounding in a plan exactly at the limit is not a failing station.
        "below": [str(site) for site in rate.index[rate < least * (1 - 1e-6)]],
    }


def earnings_in_words(facts: Mapping[str, Any]) -> list[str]:
    """Return a warning where new stations bring little for their money; nothing else.

    >>> earnings_in_words({"least_gain": 10.0, "plan": 230.0, "least_station": "s0007",
    ...     "least": 4.9, "below": ["s0007"]})
    ['1 new station brings less than 10 kWh/day for each PKR m of public money (the plan: 230 on \
average; least: s0007, 4.9); program.least_gain leaves such out: s0007']
    """
    below = list(facts.get("below", ()))
    if not below:
        return []
    more = " …" if len(below) > SHOWN else ""
    verb = "stations bring" if len(below) > 1 else "station brings"
    return [
        f"{len(below):,} new {verb} less than {facts['least_gain']:g} kWh/day for each PKR m of "
        f"public money (the plan: {facts['plan']:,.0f} on average; least: "
        f"{facts['least_station']}, {facts['least']:,.1f}); program.least_gain leaves such out: "
        + ", ".join(below[:SHOWN])
        + more
    ]


def power_per_ev(
    config: Config, plan: Plan, compatibility: pd.DataFrame, vehicles: pd.DataFrame
) -> dict[str, Any]:
    """Return the charging power for each electric vehicle of ``limits.ev_classes`` (kW).

    Existing stations count; `vehicles` are the electric ones of the area. Keys: ``classes``,
    ``vehicles``, ``power_kw`` of their chargers, ``kw_per_ev`` and ``afir_kw``, the EU's
    requirement for each battery-electric car. Empty without such vehicles.
    """
    classes = list(config.program.limits.ev_classes)
    count = float(vehicles.loc[vehicles["vehicle_class"].isin(classes), "vehicles"].sum())
    if not count > 0:
        return {}
    kw = power_for(config, plan.offers, compatibility)
    power_kw = sum(kw.get(str(offer), 0.0) for offer in plan.sites["offer_id"])
    return {
        "classes": classes,
        "vehicles": count,
        "power_kw": power_kw,
        "kw_per_ev": power_kw / count,
        "afir_kw": AFIR_KW,
    }


def power_line(facts: Mapping[str, Any]) -> list[Line]:
    """Return the charging power for each electric vehicle as a headline figure, if it is known.

    >>> power_line({"classes": ["car"], "vehicles": 5898.0, "power_kw": 2528.0,
    ...     "kw_per_ev": 0.4286, "afir_kw": 1.3})[0].text
    '0.43 kW for each of 5,898 (car); the EU asks 1.3 for each battery-electric car (AFIR)'
    """
    if not facts:
        return []
    names = ", ".join(str(name).replace("_", " ") for name in facts["classes"])
    text = f"{facts['kw_per_ev']:.2f} kW for each of {facts['vehicles']:,.0f} ({names}); the EU "
    text += f"asks {facts['afir_kw']:g} for each battery-electric car (AFIR)"
    return [Line("kw_per_ev", "Power for each EV", text)]
