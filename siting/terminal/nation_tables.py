"""Terminal output of a nation's plan."""

from __future__ import annotations

from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.terminal.screen import Column, Screen

if TYPE_CHECKING:
    import pandas as pd

    from siting.nation import NationPlan


def print_nation(plan: NationPlan, folder: Path) -> None:
    """Print the plan of a nation: its headline, the money by city, and other divisions."""
    from siting.nation.nation_page import WORDS, headline

    console = Screen()
    console.warn_if_far(plan.gap)
    console.print(plan.config.title, style="bold")
    if plan.config.note:
        console.print(plan.config.note)
    console.pairs(headline(plan))
    rows = plan.cities.to_dict("records")
    console.table(
        [
            Column("City", "city"),
            Column("PKR m", lambda row: row["granted_pkr"] if _made(row) else "failed", ",.1f",
                   per=1e6),
            *(
                Column(head, lambda row, of=of: of(row) if _made(row) else None, form)  # type: ignore[misc]
                for head, of, form in (
                    ("Stations", itemgetter("new_stations"), ",.0f"),
                    ("kWh/day", itemgetter("served_kwh_day"), ",.0f"),
                    ("Share", lambda row: row["served_kwh_day"] / row["demand_kwh_day"], ".1%"),
                    ("A PKR m more", itemgetter("kwh_day_a_million"), ",.1f"),
                )
            ),
        ],
        rows,
    )  # fmt: skip
    keys = [f"pkr_{row['city']}" for row in rows]
    console.table(
        [
            Column("Divided", lambda row: WORDS[row["split"]]),
            Column("PKR m by city", lambda r: " ".join(f"{r[k] / 1e6:,.1f}" for k in keys), ">"),
            Column("kWh/day", lambda row: f"{row['served_kwh_day']:,.0f}"
                   + ("" if row["complete"] else " *"), ">"),
            Column("Against", lambda row: "" if row["split"] == "best" else -row["less_share"],
                   "+.1%"),
            Column("Gini", "gini", ".3f"),
        ],
        plan.splits,
    )  # fmt: skip
    for row in rows:
        if row["error"]:
            console.print(f"{row['city']} failed: {row['error']}")
    console.print(f"{plan.seconds:,.0f} s. Written to {folder / 'index.html'}", soft_wrap=True)


def print_city(city: str, lines: list[tuple[str, str]], plans: pd.DataFrame) -> None:
    """Print the reasons for a city's money, and the plans found, the cheapest first."""
    console = Screen()
    console.print(city, style="bold")
    console.pairs(lines)
    if len(plans):
        console.table(
            [
                Column("Plan found", "purpose"),
                Column("PKR m", "subsidy_pkr", ",.2f", per=1e6),
                Column("kWh/day", "served_kwh_day", ",.0f"),
                Column("A PKR m brought", "kwh_day_a_million", ",.1f"),
                Column("", lambda row: "about here" if row["chosen"] else ""),
            ],
            plans,
        )


def print_changes(table: pd.DataFrame) -> None:
    """Print the changes by city between two plans of a nation."""
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


def _made(row: Any) -> bool:
    return bool(row["status"] != "failed")
