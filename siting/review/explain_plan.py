"""A stored plan station by station, the most doubtful first, and what holds all of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting.review.explain import FULL_SHARE
from siting.review.opened import Explained
from siting.review.rules import limit_uses

MILLION = 1e6
FINER = 5


@dataclass(frozen=True, eq=False)
class PlanReasons:
    """What each station of a plan is worth, and what holds the plan.

    Parameters
    ----------
    stations
        One row a new station: ``site_id``, ``name``, ``configuration``, ``subsidy_pkr``,
        ``served_kwh_day``, ``marginal_kwh_day`` (lost without it, all else the same) and
        ``pkr_per_kwh_day`` (subsidy over marginal energy); the dearest for what it adds first.
    binding
        (what, in words): what keeps the plan from serving more.
    figures
        The same as numbers, for programs.
    """

    stations: pd.DataFrame
    binding: list[tuple[str, str]]
    figures: dict[str, Any]


def explain_plan(folder: Path | str | Explained, *, time_limit_s: float = 20.0) -> PlanReasons:
    """Return what each station of a stored plan is worth, and what holds the plan.

    Parameters
    ----------
    folder
        A run folder, or one opened already.
    time_limit_s
        Seconds for the plan with one more million rupees.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    run = folder if isinstance(folder, Explained) else Explained(folder)
    kept = ["site_id", "name", "configuration", "subsidy_pkr", "cost_pkr", "served_kwh_day"]
    new = run.plan.new_sites
    stations = pd.DataFrame(new[[*kept, "use_share"]])
    lost = stations["site_id"].map(run.losses).astype(float).fillna(0.0)
    stations["marginal_kwh_day"] = lost
    stations["pkr_per_kwh_day"] = stations["subsidy_pkr"] / lost.where(lost > 1e-9)
    # A station that adds nothing has no price: of all it is the most doubtful.
    stations = stations.sort_values(
        ["pkr_per_kwh_day", "subsidy_pkr", "site_id"],
        ascending=[False, False, True],
        na_position="first",
        ignore_index=True,
    )
    figures: dict[str, Any] = {}
    binding = [*_money(run, time_limit_s, figures), *_limits(run), *_stations(run), *_demand(run)]
    return PlanReasons(stations, binding, figures)


def _money(run: Explained, limit_s: float, figures: dict[str, Any]) -> list[tuple[str, str]]:
    """Return whether money is short, and what one more million rupees would serve."""
    solution = run.plan.solution
    text = f"PKR {solution.subsidy_pkr / 1e6:,.2f} m of {solution.budget_pkr / 1e6:,.2f} m is spent"
    if not run.energy_only or not np.isfinite(solution.budget_pkr):
        return [("Budget", text)]
    more = run.asking.best(
        replace(run.instance, budget_pkr=solution.budget_pkr + MILLION),
        start=solution.offers,
        time_limit_s=limit_s,
        gap=run.asking.settings.gap / FINER,  # a million is little beside the gap of a plan
    )
    gained = max(more.objective_kwh_day - solution.objective_kwh_day, 0.0)
    most = max(more.bound_kwh_day - solution.objective_kwh_day, 0.0)
    figures["one_more_million"] = {"gain_kwh_day": gained, "most_kwh_day": most}
    if most <= 0.5:
        text += "; one more million rupees would serve nobody new, which is proven"
    else:
        text += (
            f"; one more million rupees would serve {gained:,.0f} kWh/day more as far as a plan "
            f"was found, and no plan more than {most:,.0f}"
        )
    return [("Budget", text)]


def _limits(run: Explained) -> list[tuple[str, str]]:
    out = []
    spacing = 0
    for limit, _, used in limit_uses(run.limits, run.plan.solution.offers):
        least = min((amount for amount in limit.use.values() if amount > 0), default=-math.inf)
        if used + least <= limit.at_most + 1e-6:
            continue
        if limit.kind == "spacing":
            spacing += 1
        else:
            figures = f"{used:,.10g} of {limit.at_most:,.10g} {limit.unit} is used"
            out.append((f"Limit {limit.name}", f"{figures}: nothing more fits"))
    if spacing:
        out.append(("Spacing", f"{spacing:,} places are too near to a station to have one"))
    for what, sites in (
        ("Required sites", run.required_sites),
        ("Forbidden sites", run.forbidden_sites),
    ):
        if sites:
            out.append((what, ", ".join(sites[:8]) + (" …" if len(sites) > 8 else "")))
    return out


def _stations(run: Explained) -> list[tuple[str, str]]:
    new = run.plan.new_sites
    if new.empty:
        return [("Stations", "the plan builds none")]
    full = int((new["use_share"] >= FULL_SHARE).sum())
    out = [("Capacity", f"{full:,} of {len(new):,} new stations are full")]
    reason = run.offers["reason"].fillna("").astype(str).str.strip()
    ruled_out = int((reason != "").sum())
    if ruled_out:
        by_power = int(reason.str.contains("headroom").sum())
        out.append(
            ("Ruled out", f"{ruled_out:,} offers, {by_power:,} of them for want of grid headroom")
        )
    return out


def _demand(run: Explained) -> list[tuple[str, str]]:
    in_reach = float(run.instance.demand_kwh[run.instance.served_pairs].sum())
    far, left = run.instance.demand_kwh_day - in_reach, in_reach - run.served_kwh_day
    text = f"{far:,.0f} kWh/day is out of reach of every place; {max(left, 0):,.0f} is within reach"
    return [("Demand not served", f"{text} of some place and waits")]
