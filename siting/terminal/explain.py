"""What the terminal shows of a plan's reasons: one place in words, or all stations as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from siting.plan import Plan
from siting.review.explain import SiteReasons
from siting.review.explain_plan import PlanReasons
from siting.terminal.screen import Column, Screen, chargers, site_columns

MOST_ROWS = 25
HEADS = {"built": "is built", "stands": "stands already", "not built": "gets no station"}


def print_site_reasons(why: SiteReasons, plan: Plan) -> None:
    """Print why a place gets what it gets: reasons, what it serves, the offers it had."""
    console = Screen()
    name = f" ({why.name})" if why.name else ""
    console.heading(f"{why.site_id}{name} {HEADS[why.state]}", plan.note)
    console.pairs(why.reasons)
    if len(why.classes):
        console.table(
            [
                Column("Vehicle class", "vehicle_class", "_", no_wrap=True),
                Column("Served here, kWh/day", "served_kwh_day", ",.0f"),
                Column("Lost without it", lambda row: row["lost_kwh_day"] + 0.0, ",.0f"),
            ],
            why.classes,
        )
    if len(why.offers):
        console.table(
            [
                Column("Could be built here", chargers, no_wrap=True),
                Column("PKR m", _public_money, ">"),
                Column("The plan would then serve", "said"),
            ],
            why.offers,
        )
        console.say(
            "PKR m: public money. Of what is built: what it is paid. Of other offers: from what "
            "they would be paid if sold out to the most they may be paid. What the plan would "
            "serve: all other stations unchanged."
        )


def _public_money(row: Mapping[Any, Any]) -> str:
    """Return what an offer is paid, or from the least to the most that it may be, PKR m.

    >>> _public_money({"paid_pkr": 390e3, "least_pkr": 120e3, "subsidy_pkr": 950e3})
    '0.39'
    >>> _public_money({"paid_pkr": float("nan"), "least_pkr": 120e3, "subsidy_pkr": 950e3})
    '0.12-0.95'
    """
    if not pd.isna(row["paid_pkr"]):
        return f"{row['paid_pkr'] / 1e6:,.2f}"
    ends = (f"{row[end] / 1e6:,.2f}" for end in ("least_pkr", "subsidy_pkr"))
    return "-".join(dict.fromkeys(ends))


def print_plan_reasons(plan_reasons: PlanReasons, plan: Plan) -> None:
    """Print what holds the plan, and its stations, the most doubtful first."""
    console = Screen()
    console.heading(f"{plan.title}: what its stations are worth", plan.note)
    console.pairs(plan_reasons.binding)
    if plan_reasons.stations.empty:
        return
    console.table(
        [
            *site_columns(),
            Column("Build", chargers, overflow="fold", min_width=13),
            Column("PKR m", "subsidy_pkr", ",.2f", per=1e6, min_width=6),
            Column("Serves", "served_kwh_day", ",.0f", min_width=6),
            Column("Lost", "marginal_kwh_day", ",.0f", min_width=6),
            Column("PKR a kWh", "pkr_per_kwh_day", ",.0f", blank="no gain", min_width=9),
        ],
        plan_reasons.stations, most=MOST_ROWS, more="… and {:,} that are surer (--json has all)",
    )  # fmt: skip
    console.say(
        "Lost: kWh/day that nobody would serve without the station, all others the same. "
        "PKR a kWh: subsidy over that. The most doubtful come first."
    )
