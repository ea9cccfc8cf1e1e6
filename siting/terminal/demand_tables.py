"""Terminal output of demand and frontiers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from siting.demand import PROJECTED_AFTER
from siting.shown import Column
from siting.terminal.screen import Screen

if TYPE_CHECKING:
    from siting.study import DemandRun


_SURE = {"ASSUMPTION": "assumed", "definition": "defined"}


def _total(row: Mapping[Any, Any]) -> str:
    return "bold" if row["vehicle_class"] == "all" else ""


def print_demand(wanted: DemandRun, folder: Path) -> None:
    """Print the demand: energy per class with ranges, fleet, and the most important figures."""
    console = Screen()
    title = f"{wanted.title}: demand for public charging in {wanted.year}"
    console.heading(title + " (projection)" * (wanted.year > PROJECTED_AFTER))
    columns = [
        Column("Vehicle class", "vehicle_class", "_", no_wrap=True),
        Column("Vehicles", "vehicles", ",.0f"),
        Column("kWh/day", "demand_kwh_day", ",.0f"),
        Column("Median", "p50_kwh_day", ",.0f"),
        Column("5-95 %", lambda r: f"{r['p05_kwh_day']:,.0f}-{r['p95_kwh_day']:,.0f}", ">"),
        Column("Sessions", "sessions_day", ",.0f"),
        Column("kW", "peak_hour_kw", ",.0f"),
    ]
    console.table(columns, wanted.classes, style=_total)
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
            "  The fleet is fitted to these figures: the comparison shows that it reproduces "
            "them, and is not a test."
        )
    for title, swings, column, unit in (
        ("What moves the total most", wanted.total_swings, "swing_share", "of the total"),
        ("What moves the map most", wanted.map_swings, "moved_cells_share", "of the energy moves"),
    ):
        if len(swings):
            columns = [
                Column("Figure", "figure", no_wrap=True),
                Column("Of", lambda row: row["vehicle_class"] or "all", "_", overflow="fold"),
                Column(unit, column, ".1%"),
                Column("Sure", lambda row: _SURE.get(row["confidence"], row["confidence"]),
                       no_wrap=True),
            ]  # fmt: skip
            console.table(columns, swings.head(6), title=title)
    console.written(folder, wanted.notes)


def print_frontier(frontier: pd.DataFrame, folder: Path) -> None:
    """Print, for each budget, the energy that its plan serves and the bound on that energy."""
    console = Screen()
    console.warn_if_far(frontier["gap"].max(skipna=False))
    columns = [
        Column("PKR m", "budget_pkr", ",.1f", per=1e6),
        Column("kWh/day", "served_kwh_day", ",.0f"),
        Column("Share", "served_share", ".1%"),
        Column("At most", "bound_kwh_day", ",.0f"),
        Column("Gap", "gap", ".2%"),
        Column("New", "new_stations", ",.0f"),
        Column("PKR a kWh", "pkr_per_kwh_day", ",.0f"),
        Column("Worst", "worst_zone_share", ".0%"),
        Column("At risk", "risk_subsidy_pkr", ",.1f", per=1e6),
        Column("", lambda row: "knee" if row["knee"] else "", ">"),
    ]
    console.table(columns, frontier)
    console.say(
        "PKR a kWh: extra subsidy per extra kWh/day, compared with the next lower budget. Worst: "
        "share served in the worst-served zone."
    )
    case = next(iter(frontier["risk_case"]), "")
    if case:
        console.say(f"At risk: PKR m of public money in stations below NPV 0 in {case}.")
    console.written(folder)
