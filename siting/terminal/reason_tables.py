"""Terminal output of the reasons for a plan, and of the steps that lead to a figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.text import Text

from siting.plan import Plan
from siting.review.explain import PlanReasons, SiteReasons
from siting.review.traced import Chain, Factor, Step, Trace
from siting.shown import Column
from siting.terminal.screen import Screen, chargers, site_columns

STATIONS_SHOWN = 25
HEADS = {"built": "is built", "stands": "stands already", "not built": "gets no station"}
ROWS_SHOWN = 12
RIGHT = ("weight", "part", "served_kwh_day", "travel_min", "value")


def print_site_reasons(why: SiteReasons, plan: Plan) -> None:
    """Print why a place has a station or not, what it serves, and what could be built there."""
    console = Screen()
    name = f" ({why.name})" if why.name else ""
    console.heading(f"{why.site_id}{name} {HEADS[why.state]}", plan.note)
    console.pairs(why.reasons)
    if len(why.classes):
        columns = [
            Column("Vehicle class", "vehicle_class", "_", no_wrap=True),
            Column("Served here, kWh/day", "served_kwh_day", ",.0f"),
            Column("Lost without it", lambda row: row["lost_kwh_day"] + 0.0, ",.0f"),
        ]
        console.table(columns, why.classes)
    if len(why.offers):
        columns = [
            Column("Could be built here", chargers, no_wrap=True),
            Column("PKR m", _public_money, ">"),
            Column("The plan would then serve", "said"),
        ]
        console.table(columns, why.offers)
        console.say(
            "PKR m: public money. For a built station: its subsidy. For other offers: the smallest "
            "subsidy (if the station sells out) and the largest allowed. What the plan would serve "
            "is computed with all other stations unchanged."
        )


def _public_money(row: Mapping[Any, Any]) -> str:
    """Return the subsidy of an offer (PKR m) or, if it is not known, its range.

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
    console.heading(f"{plan.title}: what its stations are worth", plan.note)
    console.pairs(plan_reasons.binding)
    if plan_reasons.stations.empty:
        return
    columns = [
        *site_columns(),
        Column("Build", chargers, overflow="fold", min_width=13),
        Column("PKR m", "subsidy_pkr", ",.2f", per=1e6, min_width=6),
        Column("Serves", "served_kwh_day", ",.0f", min_width=6),
        Column("Lost", "marginal_kwh_day", ",.0f", min_width=6),
        Column("PKR a kWh", "pkr_per_kwh_day", ",.0f", blank="no gain", min_width=9),
    ]
    more = "… and {:,} that are less doubtful (--json has all)"
    console.table(columns, plan_reasons.stations, most=STATIONS_SHOWN, more=more)
    console.say(
        "Lost: kWh/day that would not be served without the station, with all other stations "
        "unchanged. PKR a kWh: subsidy divided by Lost. The most doubtful stations come first."
    )


def print_trace(traced: Trace, note: str = "") -> None:
    """Print the steps behind the figures of a cell or station, and the table rows they use."""
    console = Screen()
    console.heading(traced.title, note)
    for line in traced.notes:
        console.say(line)
    for chain in traced.chains:
        _print_chain(console, chain)
    for title, table in traced.tables.items():
        if len(table):
            more = "… and {:,} more (--json has all)"
            columns = [_column(str(name)) for name in table.columns]
            console.table(columns, table, title=title, most=ROWS_SHOWN, more=more)


def _column(name: str) -> Column:
    def text(row: Any) -> str:
        value = row[name]
        return _number(value) if isinstance(value, int | float) else str(value)[:60]

    return Column(name, text, ">" if name in RIGHT else "", overflow="fold")


def _print_chain(console: Screen, chain: Chain) -> None:
    last = chain.steps[-1]
    console.heading(f"{chain.what}: {_number(chain.value)} {last.unit}")
    for step in chain.steps:
        console.indented(_line(step), 2)
    for line in chain.notes:
        console.indented(f"({line})", 2)
    factors = list(dict.fromkeys(factor for step in chain.steps for factor in step.factors))
    for factor in factors:
        for indent, line in zip((2, 6), _factor(factor), strict=True):
            console.indented(line, indent)


def _line(step: Step) -> Text:
    unit = "" if step.unit == "share" else f" {step.unit}"
    line = f"{step.what} = {step.words} = {_number(step.value)}{unit}"
    if step.stored is None:
        return Text(line)
    if step.same:
        return Text(f"{line}; stored: the same")
    off = f"stored: {_number(step.stored)}, which differs by {_number(step.value - step.stored)}"
    return Text.assemble(f"{line}; ", (off, "red"))


def _factor(one: Factor) -> tuple[str, str]:
    """Return a figure and its source as two lines, because table columns would be too narrow."""
    name = f"{one.figure} {one.of}".strip().replace("_", " ")
    range_ = ""
    if one.low is not None and one.high is not None and one.low != one.high:
        range_ = f" ({_number(one.low)} to {_number(one.high)})"
    why = "; ".join(text for text in (one.said, one.source) if text)
    return f"{name}: {_number(one.value)}{range_}, {one.confidence}, {one.table}", why


def _number(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"
