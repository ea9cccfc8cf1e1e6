"""Terminal output of a simulated day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from siting.review.simulate import SimulatedDay
from siting.terminal.screen import NARROW, Screen

MOST_STATIONS = 8
CASES = {"planned": "As planned", "free": "Free choice"}


def print_simulation(simulated_day: SimulatedDay, folder: Path | None) -> None:
    """Print classes under both ways of choosing, the findings, and the stations most in trouble."""
    console = Screen()
    rules = simulated_day.facts["rules"]
    console.print()
    console.say(f"{simulated_day.title}: a simulated day", style="bold")
    if simulated_day.note:
        console.print(simulated_day.note, style="yellow")
    wait = simulated_day.facts["standard"]["wait_min"]
    for case, text in CASES.items():
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW, title_justify="left",
                      title=_heading(case, text))  # fmt: skip
        table.add_column("Vehicle class", no_wrap=True, min_width=20)
        columns = ("Drivers", "Far", "Away", f">{wait:g} min", "Wait", "95 %", "kWh/day")
        for name, width in zip(columns, (7, 4, 4, 7, 4, 4, 7), strict=True):
            table.add_column(name, justify="right", no_wrap=True, min_width=width)
        in_case = simulated_day.classes[simulated_day.classes["case"] == case]
        for row in in_case.to_dict("records"):
            asked = row["arrivals_day"] + row["out_of_reach_day"]
            table.add_row(
                str(row["vehicle_class"]).replace("_", " "),
                f"{asked:,.0f}",
                _share(row["out_of_reach_day"] / asked if asked > 0 else None),
                _share(row["turned_away_share"]),
                _share(row["late_share"]),
                _minutes(row["wait_mean_min"]),
                _minutes(row["wait_p95_min"]),
                f"{row['delivered_kwh_day']:,.0f}",
                style="bold" if row["vehicle_class"] == "all" else None,
            )
        console.print(table)
    console.say(
        f"Far: no station in reach. Of the others, Away: turned away, >{wait:g} min: waited "
        f"longer or turned away. Waits in minutes, of those who stay. {rules['days']} days, seed "
        f"{rules['seed']}; drivers put up with {rules['balk_min']:g} min."
    )
    console.print()
    for line in simulated_day.lines:
        console.indented(line, 2)
    _print_stations(console, simulated_day)
    if folder is not None:
        console.print(f"Written to {folder}", soft_wrap=True)


def _heading(case: str, text: str) -> str:
    who = {
        "planned": "the plan's drivers at the stations it gives them",
        "free": "all drivers, each to the quickest",
    }
    return f"{text}: {who[case]}"


def _print_stations(console: Screen, simulated_day: SimulatedDay) -> None:
    worst = simulated_day.stations[simulated_day.stations["verdict"] != "holds"]
    if worst.empty:
        console.print("  Every station holds.")
        return
    worst = worst.sort_values(["planned_turned_away_day", "site_id"], ascending=[False, True])
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Site", no_wrap=True, min_width=5)
    table.add_column("Name", overflow="fold")
    for name, width in (("Plan", 6), ("Erlang", 6), ("Simulated", 9), ("Late", 4), ("Free", 4),
                        ("Use", 4)):  # fmt: skip
        table.add_column(name, justify="right", no_wrap=True, min_width=width)
    for row in worst.head(MOST_STATIONS).to_dict("records"):
        table.add_row(
            str(row["site_id"]),
            row["name"] if isinstance(row["name"], str) else "",
            f"{row['allotted_kwh_day']:,.0f}",
            f"{row['standard_kwh_day']:,.0f}",
            f"{row['planned_delivered_kwh_day']:,.0f}",
            _share(row["planned_late_share"]),
            _share(row["free_late_share"]),
            _share(row["planned_use_share"]),
        )
    console.print(table)
    console.say(
        "Plan, Erlang, Simulated: kWh/day given by the plan, kept within the waiting standard by "
        "Erlang C, and simulated as planned; Late: of the plan's drivers; Free: with free choice."
    )
    if len(worst) > MOST_STATIONS:
        console.print(f"… and {len(worst) - MOST_STATIONS:,} more in simulation.csv")


def _share(value: Any) -> str:
    return "" if value is None or value != value else f"{value:.0%}"


def _minutes(value: Any) -> str:
    return "" if value is None or value != value else f"{value:,.0f}"
