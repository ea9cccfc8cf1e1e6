"""Terminal output of a plan, a demand and a frontier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from siting.demand import PROJECTED_AFTER
from siting.plan import Plan
from siting.sites.chargers_text import told_as
from siting.study import DemandRun
from siting.terminal.screen import NARROW, Screen

_SURE = {"ASSUMPTION": "assumed", "definition": "defined"}


def print_plan(plan: Plan, folder: Path) -> None:
    """Print a plan: headline, classes served, the largest stations, and notes."""
    console = Screen()
    console.warn_if_far(plan.outcome.gap)
    console.print()
    console.print(plan.title, style="bold")
    if plan.note:
        console.print(plan.note, style="yellow")
    head = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for what, value in plan.headline():
        head.add_row(what, value)
    console.print(head)
    console.print()
    classes = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    for name, justify in _class_columns():
        classes.add_column(name, justify=justify)
    for row in plan.classes.itertuples(index=False):
        classes.add_row(
            str(row.vehicle_class).replace("_", " "),
            f"{row.demand_kwh_day:,.0f}",
            f"{row.served_kwh_day:,.0f}",
            f"{row.served_share:.1%}",
        )
    console.print(classes)
    _print_sites(plan, console)
    console.notes(plan.facts.get("warnings", []))
    console.print(f"Written to {folder!s}", soft_wrap=True)


def _class_columns() -> list[tuple[str, Any]]:
    return [
        ("Vehicle class", "left"),
        ("Wanted kWh/day", "right"),
        ("Served kWh/day", "right"),
        ("Share", "right"),
    ]


def _print_sites(plan: Plan, console: Any, most: int = 15) -> None:
    new = plan.new_sites.sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
    if new.empty:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Site", no_wrap=True, min_width=5)
    table.add_column("Name", overflow="fold")
    table.add_column("Build", overflow="fold", min_width=13)
    for name, width in (("PKR m", 6), ("kWh/day", 7), ("Use", 4)):
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for row in new.head(most).itertuples(index=False):
        table.add_row(
            row.site_id,
            row.name if isinstance(row.name, str) else "",
            told_as(row.configuration, row.chargers),
            f"{row.subsidy_pkr / 1e6:,.2f}",
            f"{row.served_kwh_day:,.0f}",
            f"{row.use_share:.0%}",
        )
    console.print(table)
    if len(new) > most:
        console.print(f"… and {len(new) - most:,} more in sites.csv (PKR m: subsidy)")
    built = new.drop_duplicates("configuration").sort_values("configuration")
    for row in built.itertuples(index=False):
        if told_as(row.configuration, row.chargers) == row.configuration:
            console.say(f"  {row.configuration}: {row.chargers}")
    console.print()


def print_demand(wanted: DemandRun, folder: Path) -> None:
    """Print a demand: energy by class with ranges, the fleet, and the strongest figures."""
    console = Screen()
    console.print()
    title = f"{wanted.title}: public charging energy wanted in {wanted.year}"
    if wanted.year > PROJECTED_AFTER:
        title += " (projection)"
    console.print(title, style="bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Vehicle class", no_wrap=True)
    for name in ("Vehicles", "kWh/day", "Median", "5-95 %", "Sessions", "kW"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in wanted.classes.itertuples(index=False):
        table.add_row(
            str(row.vehicle_class).replace("_", " "),
            f"{row.vehicles:,.0f}",
            f"{row.demand_kwh_day:,.0f}",
            f"{row.p50_kwh_day:,.0f}",
            f"{row.p05_kwh_day:,.0f}-{row.p95_kwh_day:,.0f}",
            f"{row.sessions_day:,.0f}",
            f"{row.peak_hour_kw:,.0f}",
            style="bold" if row.vehicle_class == "all" else None,
        )
    console.print(table)
    for row in wanted.fleet.itertuples(index=False):
        shown = "{:,.0f}" if row.unit == "vehicles" else "{:.1%}"
        verdict = "within" if row.within else "outside"
        console.say(
            f"  {row.item}: model {shown.format(row.model)}, published "
            f"{shown.format(row.published)} ({row.difference_share:+.1%}, {verdict} tolerance)",
            style=None if row.within else "red",
        )
    if len(wanted.fleet):
        console.say(
            "  The fleet is fitted to these figures: the comparison shows that it holds them, and "
            "tests nothing."
        )
    for title, swings, column, unit in (
        ("What moves the total most", wanted.total_swings, "swing_share", "of the total"),
        ("What moves the map most", wanted.map_swings, "moved_cells_share", "of the energy moves"),
    ):
        if len(swings):
            _print_swings(console, title, swings, column, unit)
    console.notes(wanted.notes)
    console.print(f"Written to {folder!s}", soft_wrap=True)


def _print_swings(
    console: Screen, title: str, swings: pd.DataFrame, column: str, unit: str, most: int = 6
) -> None:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW, title=title, title_justify="left"
    )
    table.add_column("Figure", no_wrap=True)
    table.add_column("Of", overflow="fold")
    table.add_column(unit, justify="right", no_wrap=True)
    table.add_column("Sure", no_wrap=True)
    for row in swings.head(most).to_dict("records"):
        table.add_row(
            str(row["figure"]),
            str(row["vehicle_class"]).replace("_", " ") or "all",
            f"{row[column]:.1%}",
            _SURE.get(str(row["confidence"]), str(row["confidence"])),
        )
    console.print(table)


def print_frontier(frontier: pd.DataFrame, folder: Path) -> None:
    """Print the service of each budget, with its bound."""
    console = Screen()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    names = (
        "PKR m",
        "kWh/day",
        "Share",
        "At most",
        "Gap",
        "New",
        "PKR a kWh",
        "Worst",
        "At risk",
        "",
    )
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for row in frontier.to_dict("records"):
        more, lost = row["pkr_per_kwh_day"], row["risk_subsidy_pkr"]
        table.add_row(
            f"{row['budget_pkr'] / 1e6:,.1f}",
            f"{row['served_kwh_day']:,.0f}",
            f"{row['served_share']:.1%}",
            f"{row['bound_kwh_day']:,.0f}",
            f"{row['gap']:.2%}",
            f"{row['new_stations']:,}",
            "" if pd.isna(more) else f"{more:,.0f}",
            f"{row['worst_zone_share']:.0%}",
            "" if pd.isna(lost) else f"{lost / 1e6:,.1f}",
            "knee" if row["knee"] else "",
        )
    console.warn_if_far(frontier["gap"].max(skipna=False))
    console.print(table)
    console.say(
        "PKR a kWh: more subsidy over more kWh/day than the budget before. Worst: share served in "
        "the zone served least."
    )
    case = next(iter(frontier["risk_case"]), "")
    if case:
        console.say(f"At risk: PKR m of public money in stations below NPV 0 in {case}.")
    console.print(f"Written to {folder!s}", soft_wrap=True)
