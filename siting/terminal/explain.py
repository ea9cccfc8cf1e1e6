"""Terminal output of a plan's reasons: one place in words, or all stations as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from siting.plan import Plan
from siting.review.explain import SiteReasons
from siting.review.explain_plan import PlanReasons
from siting.sites.chargers_text import told_as
from siting.terminal.screen import NARROW, Screen

MOST_ROWS = 25
HEADS = {"built": "is built", "stands": "stands already", "not built": "gets no station"}


def print_site_reasons(why: SiteReasons, plan: Plan) -> None:
    """Print the reasons for a place: its station or lack of one, service, and offers."""
    console = Screen()
    console.print()
    name = f" ({why.name})" if why.name else ""
    console.say(f"{why.site_id}{name} {HEADS[why.state]}", style="bold")
    if plan.note:
        console.print(plan.note, style="yellow")
    _print_pairs(console, why.reasons)
    if len(why.classes):
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
        table.add_column("Vehicle class", no_wrap=True)
        table.add_column("Served here, kWh/day", justify="right")
        table.add_column("Lost without it", justify="right")
        for row in why.classes.to_dict("records"):
            table.add_row(
                str(row["vehicle_class"]).replace("_", " "),
                f"{row['served_kwh_day']:,.0f}",
                f"{row['lost_kwh_day'] + 0.0:,.0f}",
            )
        console.print(table)
    offers = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    offers.add_column("Could be built here", no_wrap=True)
    offers.add_column("PKR m", justify="right", no_wrap=True)
    offers.add_column("The plan would then serve")
    for row in why.offers.to_dict("records"):
        told = told_as(str(row["configuration"]), str(row["chargers"]))
        offers.add_row(told, _public_money(row), str(row["said"]))
    if len(why.offers):
        console.print(offers)
        console.say(
            "PKR m: public money, of what is built what it is paid, of others from what they would "
            "be paid sold out to the most they may be. What the plan would serve: all other "
            "stations the same."
        )


def _public_money(row: Mapping[Any, Any]) -> str:
    """Return the subsidy of an offer, or its range, PKR m.

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
    """Print the plan's binding limits, and its stations, the most doubtful first."""
    console = Screen()
    console.print()
    console.say(f"{plan.title}: what its stations are worth", style="bold")
    if plan.note:
        console.print(plan.note, style="yellow")
    _print_pairs(console, plan_reasons.binding)
    if plan_reasons.stations.empty:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Site", no_wrap=True, min_width=5)
    table.add_column("Name", overflow="fold")
    table.add_column("Build", overflow="fold", min_width=13)
    for name, width in (("PKR m", 6), ("Serves", 6), ("Lost", 6), ("PKR a kWh", 9)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for row in plan_reasons.stations.head(MOST_ROWS).to_dict("records"):
        price = row["pkr_per_kwh_day"]
        table.add_row(
            str(row["site_id"]),
            row["name"] if isinstance(row["name"], str) else "",
            told_as(str(row["configuration"]), str(row["chargers"])),
            f"{row['subsidy_pkr'] / 1e6:,.2f}",
            f"{row['served_kwh_day']:,.0f}",
            f"{row['marginal_kwh_day']:,.0f}",
            "no gain" if pd.isna(price) else f"{price:,.0f}",
        )
    console.print(table)
    if len(plan_reasons.stations) > MOST_ROWS:
        console.print(
            f"… and {len(plan_reasons.stations) - MOST_ROWS:,} that are surer (--json has all)"
        )
    console.say(
        "Lost: kWh/day that nobody would serve without the station, all others the same. "
        "PKR a kWh: subsidy over that. The most doubtful come first."
    )


def _print_pairs(console: Any, pairs: list[tuple[str, str]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for what, words in pairs:
        table.add_row(what, words)
    console.print(table)
