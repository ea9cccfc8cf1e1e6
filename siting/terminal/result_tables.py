"""Terminal output of runs, demand, frontiers and changes of a nation's plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.shown import Column
from siting.terminal.screen import Screen

if TYPE_CHECKING:
    import pandas as pd

    from siting.study import DemandRun

NUMBERS = ("served_share", "gap", "subsidy_pkr", "new_stations")
_SURE = {"ASSUMPTION": "assumed", "definition": "defined"}


def print_runs(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Print each run's name and the first fields of its ``run.json``."""
    console = Screen()
    if not runs:
        console.print("No runs found in runs/, ../runs/ or */runs/. Run `siting demo` to make one.")
        return
    columns = [
        Column("Run", "run", overflow="fold"),
        Column("Written", "written", no_wrap=True),
        Column("Served", "served_share", ".1%"),
        Column("Gap", "gap", ".2%"),
        Column("PKR m", "subsidy_pkr", ",.1f", per=1e6),
        Column("Stations", "new_stations", ",.0f"),
    ]
    rows = [
        {"run": name, "written": str(facts.get("written", ""))[:16].replace("T", " ")}
        | {key: _number(facts.get(key)) for key in NUMBERS}
        for name, facts in runs
    ]
    console.table(columns, rows)
    console.print("Commands accept a name, the start of a name, or @latest: siting open @latest")


def _number(value: Any) -> float:
    """Return a value of a run as a number; NaN if it is not a finite number."""
    try:
        return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan
    except OverflowError:  # an integer too large for a float
        return math.nan


def print_demand(wanted: DemandRun, folder: Path) -> None:
    """Print the demand: energy per class with ranges, fleet, and the most important figures."""
    from siting.demand import PROJECTED_AFTER

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
    bold = {"all": "bold"}
    console.table(columns, wanted.classes, style=lambda row: bold.get(row["vehicle_class"], ""))
    for row in wanted.fleet.itertuples(index=False):
        form = ",.0f" if row.unit == "vehicles" else ".1%"
        verdict, style = ("within", None) if row.within else ("outside", "red")
        console.say(
            f"  {row.item}: model {row.model:{form}}, published {row.published:{form}} "
            f"({row.difference_share:+.1%}, {verdict} tolerance)", style,
        )  # fmt: skip
    if len(wanted.fleet):
        console.say(
            "  The fleet is fitted to these figures, so the comparison is not a test: it shows "
            "only that the fleet reproduces them."
        )
    for title, swings, column, unit in (
        ("What changes the total most", wanted.total_swings, "swing_share", "of the total"),
        ("What changes the map most", wanted.map_swings, "moved_cells_share", "energy moved"),
    ):
        if len(swings):
            columns = [
                Column("Figure", "figure", no_wrap=True),
                Column("Class", lambda row: row["vehicle_class"] or "all", "_", overflow="fold"),
                Column(unit, column, ".1%"),
                Column("Confidence", lambda row: _SURE.get(row["confidence"], row["confidence"]),
                       no_wrap=True),
            ]  # fmt: skip
            console.table(columns, swings.head(6), title=title)
    console.written(folder, wanted.notes)


def print_frontier(frontier: pd.DataFrame, folder: Path) -> None:
    """Print, for each budget, the energy that its plan serves and the bound on that energy."""
    from siting.engine.proof import far_in_words

    console = Screen()
    console.warn(far_in_words(frontier["gap"].max(skipna=False)))
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
    if case := next(iter(frontier["risk_case"]), ""):
        console.say(f"At risk: PKR m of public money in stations with NPV below 0 in {case}.")
    console.written(folder)


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
            Column("kWh/day per PKR m", "kwh_day_a_million", ",.1f"),
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
        columns.append(Column(head, key, form, per=per))
        columns.append(Column("change", f"{key}_change", f"+{form}", per=per))
    Screen().table(columns, table)
