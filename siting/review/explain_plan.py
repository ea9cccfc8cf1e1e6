"""A stored plan station by station, the most doubtful first, and its binding limits."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import SolveError
from siting.review.explain import FULL_SHARE, Explained, opened
from siting.review.shown import Block, Shown, block_of
from siting.review.solving import amount, better_by, effort_for, little, with_budget
from siting.study.stored_run import Source
from siting.study.to_program import program_of

MILLION = 1e6
FINER = 5


@dataclass(frozen=True, eq=False, repr=False)
class PlanReasons(Shown):
    """The worth of each station of a plan, and the plan's binding limits.

    Parameters
    ----------
    stations
        One row a new station: ``site_id``, ``name``, ``configuration``, ``chargers``,
        ``subsidy_pkr``, ``served_kwh_day``, ``marginal_kwh_day`` (loss without it, all else
        unchanged) and ``pkr_per_kwh_day`` (subsidy over marginal energy); the most expensive per
        marginal energy first.
    binding
        (label, text): the limits on the plan's service.
    figures
        The same as numbers, for programs.
    """

    stations: pd.DataFrame
    binding: list[tuple[str, str]]
    figures: dict[str, Any]

    def _title(self) -> tuple[str, str]:
        return "What the stations are worth", ""

    def _blocks(self) -> list[Block]:
        columns = {
            "site_id": "site", "name": "name", "subsidy_pkr": "subsidy, PKR",
            "served_kwh_day": "serves, kWh/day", "marginal_kwh_day": "lost without it",
        }  # fmt: skip
        return [Block((), self.binding), block_of(self.stations, columns, "stations")]


def explain_plan(folder: Source | Explained, *, time_limit_s: float = 20.0) -> PlanReasons:
    """Return the worth of each station of a stored plan, and the plan's binding limits.

    Parameters
    ----------
    folder
        A run folder, a study, a plan, or one of them opened already.
    time_limit_s
        Seconds for the plan with one more million rupees.

    Raises
    ------
    InputError
        If the folder cannot be used.
    """
    run = opened(folder)
    kept = ["site_id", "name", "configuration", "chargers"]
    kept += ["subsidy_pkr", "cost_pkr", "served_kwh_day"]
    new = run.plan.new_sites
    stations = pd.DataFrame(new[[*kept, "use_share"]])
    lost = stations["site_id"].map(run.losses).astype(float).fillna(0.0)
    stations["marginal_kwh_day"] = lost
    stations["pkr_per_kwh_day"] = stations["subsidy_pkr"] / lost.where(lost > 1e-9)
    # A station without marginal energy has no price: it is the most doubtful.
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
    """Return whether money is short, and the effect of one more million rupees."""
    outcome = run.found
    text = f"PKR {outcome.subsidy_pkr / 1e6:,.2f} m of {outcome.budget_pkr / 1e6:,.2f} m is spent"
    if not run.asked.budgeted or not np.isfinite(outcome.budget_pkr):
        return [("Budget", text)]
    given = with_budget(run.asked, outcome.budget_pkr + MILLION)
    program, finer = program_of(given), run.asked.config.solver.gap / FINER
    # A million is little beside the gap of a plan.
    try:
        more = effort_for(given, limit_s, finer).solve(program, start=outcome.offers).proof
    except SolveError:
        return [("Budget", f"{text}; what more would do was not found in {limit_s:g} s")]
    gained = max(better_by(program, more, outcome.proof), 0.0)
    most = max(better_by(program, replace(more, objective=more.bound), outcome.proof), 0.0)
    proven = math.isfinite(more.bound)
    energy, unit = outcome.bound_kwh_day is not None, more.unit
    kind = "_kwh_day" if energy else ""
    figures["one_more_million"] = {
        f"gain{kind}": gained,
        f"most{kind}": most if proven else None,
    }
    if most <= little(unit):
        text += "; one more million rupees would "
        text += "serve nobody new" if energy else "better nothing"
        return [("Budget", f"{text}, which is proven")]
    verb, ending = ("serve", " more") if energy else ("better it by", "")
    text += f"; one more million rupees would {verb} {amount(gained, unit)}{ending} as far as a "
    if proven:
        text += f"plan was found, and no plan more than {amount(most, unit)}"
    else:
        text += f"plan was found in {limit_s:g} s, in which nothing is proven"
    return [("Budget", text)]


def _limits(run: Explained) -> list[tuple[str, str]]:
    out = []
    spacing = 0
    price = dict(zip(run.offers["offer_id"], run.offers["subsidy_pkr"].fillna(0.0), strict=True))
    drawn = dict(zip(run.plan.sites["offer_id"], run.plan.sites["subsidy_pkr"], strict=True))
    for limit in run.limits:
        used = limit.used(drawn)
        each = (use * (price[o] if limit.per_rupee else 1.0) for o, use in limit.use.items())
        least = min((use for use in each if use > 0), default=-math.inf)
        if limit.at_least > 0 and used <= limit.at_least + 1e-6:
            need = f"{limit.at_least:,.10g} {limit.unit}"
            out.append((f"Limit {limit.name}", f"{need} are required, and no more is used"))
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
