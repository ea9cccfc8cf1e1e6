"""Terminal output for a national plan."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from siting.shown import Column
from siting.terminal.screen import Screen

if TYPE_CHECKING:
    import pandas as pd

    from siting.nation import NationPlan


def print_nation(plan: NationPlan, folder: Path) -> None:
    """Print a national plan: headline, each city's money, and other ways to divide the budget."""
    from siting.nation.nation_plan import CITY_COLUMNS, WORDS, city_rows

    console = Screen()
    console.warn_if_far(plan.gap)
    console.print(plan.config.title, style="bold")
    if plan.config.note:
        console.print(plan.config.note)
    console.pairs(plan.headline())
    cities = plan.cities
    console.table(CITY_COLUMNS, city_rows(cities))
    keys = [f"pkr_{city}" for city in cities["city"]]
    columns = [
        Column("Divided", lambda row: WORDS[row["split"]]),
        Column("PKR m by city", lambda r: " ".join(f"{r[k] / 1e6:,.1f}" for k in keys), ">"),
        Column("kWh/day", lambda row: f"{row['served_kwh_day']:,.0f}"
               + ("" if row["complete"] else " *"), ">"),
        Column("Against", lambda row: "" if row["split"] == "best" else -row["less_share"],
               "+.1%"),
        Column("Gini", "gini", ".3f"),
    ]  # fmt: skip
    console.table(columns, plan.splits)
    for city, error in zip(cities["city"], cities["error"], strict=True):
        if error:
            console.print(f"{city} failed: {error}")
    console.print(f"{plan.seconds:,.0f} s. Written to {folder / 'index.html'}", soft_wrap=True)


def print_city(city: str, lines: list[tuple[str, str]], plans: pd.DataFrame) -> None:
    """Print the reasons for a city's share of the budget, then the city's plans, cheapest first."""
    console = Screen()
    console.print(city, style="bold")
    console.pairs(lines)
    if len(plans):
        columns = [
            Column("Plan found", "purpose"),
            Column("PKR m", "subsidy_pkr", ",.2f", per=1e6),
            Column("kWh/day", "served_kwh_day", ",.0f"),
            Column("A PKR m brought", "kwh_day_a_million", ",.1f"),
            Column("", lambda row: "about here" if row["chosen"] else ""),
        ]
        console.table(columns, plans)


def print_changes(table: pd.DataFrame) -> None:
    """Print each city's changes between two plans of a nation."""
    columns = [Column("City", "city")]
    for head, key, form, per in (
        ("PKR m", "granted_pkr", ",.1f", 1e6),
        ("Stations", "new_stations", ",.0f", 1),
        ("kWh/day", "served_kwh_day", ",.0f", 1),
        ("Drive, min", "drives_min", ".1f", 1),
    ):
        columns += [
            Column(head, key, form, per=per),
            Column("change", f"{key}_change", f"+{form}", per=per),
        ]
    Screen().table(columns, table)
