"""Terminal output of a nation's plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from siting.terminal.screen import NARROW, Screen

if TYPE_CHECKING:
    import pandas as pd

    from siting.nation import NationPlan


def print_nation(plan: NationPlan, folder: Path) -> None:
    """Print the plan of a nation: headline, the money by city, and other divisions."""
    from siting.nation.page import WORDS, headline

    console = Screen()
    console.warn_if_far(plan.gap)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(no_wrap=True)
    facts.add_column()
    for what, value in headline(plan):
        facts.add_row(what, value)
    console.print(plan.config.title, style="bold")
    if plan.config.note:
        console.print(plan.config.note)
    console.print(facts)
    rows = plan.cities.to_dict("records")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    for i, name in enumerate(("City", "PKR m", "Stations", "kWh/day", "Share", "A PKR m more")):
        table.add_column(name, justify="right" if i else "left")
    for row in rows:
        if row["status"] == "failed":
            table.add_row(row["city"], "failed")
            continue
        table.add_row(
            row["city"], f"{row['granted_pkr'] / 1e6:,.1f}", f"{row['new_stations']:,.0f}",
            f"{row['served_kwh_day']:,.0f}", f"{row['served_kwh_day'] / row['demand_kwh_day']:.1%}",
            f"{row['kwh_day_a_million']:,.1f}",
        )  # fmt: skip
    console.print(table)
    other = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    for i, name in enumerate(("Divided", "PKR m by city", "kWh/day", "Against", "Gini")):
        other.add_column(name, justify="right" if i else "left")
    for row in plan.splits.to_dict("records"):
        money = " ".join(f"{row[f'pkr_{one["city"]}'] / 1e6:,.1f}" for one in rows)
        against = "" if row["split"] == "best" else f"{-row['less_share']:+.1%}"
        served = f"{row['served_kwh_day']:,.0f}" + ("" if row["complete"] else " *")
        other.add_row(WORDS[row["split"]], money, served, against, f"{row['gini']:.3f}")
    console.print(other)
    for row in rows:
        if row["error"]:
            console.print(f"{row['city']} failed: {row['error']}")
    console.print(f"{plan.seconds:,.0f} s. Written to {folder / 'index.html'}", soft_wrap=True)


def print_city(city: str, lines: list[tuple[str, str]], plans: pd.DataFrame) -> None:
    """Print the reasons for a city's money, and its plans, the least money first."""
    console = Screen()
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(no_wrap=True)
    facts.add_column()
    for what, value in lines:
        facts.add_row(what, value)
    console.print(city, style="bold")
    console.print(facts)
    if plans.empty:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    for i, name in enumerate(("Plan found", "PKR m", "kWh/day", "A PKR m brought", "")):
        table.add_column(name, justify="right" if 0 < i < 4 else "left")
    for row in plans.to_dict("records"):
        rate = row["kwh_day_a_million"]
        table.add_row(
            row["purpose"], f"{row['subsidy_pkr'] / 1e6:,.2f}", f"{row['served_kwh_day']:,.0f}",
            "" if rate != rate else f"{rate:,.1f}", "about here" if row["chosen"] else "",
        )  # fmt: skip
    console.print(table)


def print_changes(table: pd.DataFrame) -> None:
    """Print the changes by city between two plans of a nation."""
    console = Screen()
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    for i, name in enumerate(("City", "PKR m", "change", "Stations", "change", "kWh/day", "change",
                              "Drive, min", "change")):  # fmt: skip
        shown.add_column(name, justify="right" if i else "left")
    for row in table.to_dict("records"):
        cells = [row["city"]]
        for key, form, unit in (
            ("granted_pkr", ",.1f", 1e6),
            ("new_stations", ",.0f", 1),
            ("served_kwh_day", ",.0f", 1),
            ("drives_min", ".1f", 1),
        ):
            for value, sign in ((row[key], ""), (row[f"{key}_change"], "+")):
                cells.append("" if value != value else format(value / unit, sign + form))
        shown.add_row(*cells)
    console.print(shown)
