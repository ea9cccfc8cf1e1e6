"""Terminal output on a city of a national plan, and on changes between two plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from siting.shown import Column
from siting.terminal.screen import Screen

if TYPE_CHECKING:
    import pandas as pd


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
