"""Terminal output of plans side by side, and of a plan's simulated day."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from siting.report.differences import figure_name, figure_text, setting_text
from siting.review.compare import Comparison
from siting.review.evaluate import Evaluation
from siting.review.score import scores_in_words
from siting.review.simulate import SimulatedDay
from siting.terminal.screen import Column, Screen, site_columns

SETTINGS_SHOWN = 20
STATIONS_SHOWN = 8
CASES = {
    "planned": "As planned: the plan's drivers at the stations it gives them",
    "free": "Free choice: all drivers, each to the quickest",
}


def print_comparison(comparison: Comparison, folder: Path) -> None:
    """Print the runs' figures, and the settings and stations that differ."""
    console = Screen()
    console.heading(f"{comparison.titles[0]}: {len(comparison.runs)} runs")
    for note in comparison.notes:
        console.print(note, style="yellow")
    console.table(
        [
            Column("", lambda row: figure_name(str(row["figure"]))),
            *(_run(name, lambda row, at: figure_text(str(row["figure"]), row[at]))
              for name in comparison.runs),
        ],
        comparison.figures,
    )  # fmt: skip
    if len(comparison.settings):
        runs = (_run(name, lambda row, at: setting_text(row[at])) for name in comparison.runs)
        console.table(
            [Column("Key", "key"), *runs], comparison.settings, title="Asked differently",
            most=SETTINGS_SHOWN, more="… and {:,} more in settings.csv",
        )  # fmt: skip
    else:
        console.print("The configurations and inputs are the same.")
    counts = comparison.counts
    console.say(
        f"New stations: {counts.pop('all'):,} the same in all, {counts.pop('changed'):,} with "
        "other chargers" + "".join(f", {number:,} {where}" for where, number in counts.items())
    )
    console.written(folder)


def _run(name: str, text: Callable[[Any, str], str]) -> Column:
    return Column(name, lambda row: text(row, name), ">", overflow="fold")


def print_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Print the answer, the figures side by side, the rules broken, and the folder."""
    console = Screen()
    if evaluation.best is not None:
        console.warn_if_far(evaluation.best.outcome.gap)
    console.heading(evaluation.title, evaluation.note)
    console.print(evaluation.sentence)
    heads = ["Theirs" if name == "theirs" else "Best" for name in evaluation.scores]
    console.table(
        [
            Column("", lambda row: row[0]),
            *(Column(head, lambda row, at=i: row[1][at], ">") for i, head in enumerate(heads)),  # type: ignore[misc]
        ],
        scores_in_words(list(evaluation.scores.values())),
    )
    if evaluation.broken:
        console.print("Their plan breaks these rules and is scored all the same:", style="bold")
        for line in evaluation.broken:
            console.indented(line, 2)
    console.notes(evaluation.notes)
    console.written(folder)


def print_simulation(simulated_day: SimulatedDay, folder: Path) -> None:
    """Print both cases by class, the findings, and the stations that fail the standard."""
    console = Screen()
    rules = simulated_day.facts["rules"]
    console.heading(f"{simulated_day.title}: a simulated day", simulated_day.note)
    wait = simulated_day.facts["standard"]["wait_min"]
    columns = [
        Column("Vehicle class", "vehicle_class", "_", no_wrap=True, min_width=20),
        Column("Drivers", _asked, ",.0f", min_width=7),
        Column("Far", _far_share, ".0%", min_width=4),
        Column("Away", "turned_away_share", ".0%", min_width=4),
        Column(f">{wait:g} min", "late_share", ".0%", min_width=7),
        Column("Wait", "wait_mean_min", ",.0f", min_width=4),
        Column("95 %", "wait_p95_min", ",.0f", min_width=4),
        Column("kWh/day", "delivered_kwh_day", ",.0f", min_width=7),
    ]
    for case, title in CASES.items():
        in_case = simulated_day.classes[simulated_day.classes["case"] == case]
        console.table(columns, in_case, title=title, bold=lambda r: r["vehicle_class"] == "all")
    console.say(
        f"Far: no station in reach. Of the others, Away: turned away, >{wait:g} min: waited "
        f"longer or turned away. Waits in minutes, of those who stay. {rules['days']} days, seed "
        f"{rules['seed']}; drivers put up with {rules['balk_min']:g} min."
    )
    console.print()
    for line in simulated_day.lines:
        console.indented(line, 2)
    _print_stations(console, simulated_day)
    console.written(folder)


def _asked(row: Any) -> float:
    return float(row["arrivals_day"] + row["out_of_reach_day"])


def _far_share(row: Any) -> float | None:
    asked = _asked(row)
    return row["out_of_reach_day"] / asked if asked > 0 else None


def _print_stations(console: Screen, simulated_day: SimulatedDay) -> None:
    worst = simulated_day.stations[simulated_day.stations["verdict"] != "holds"]
    if worst.empty:
        console.print("  Every station holds.")
        return
    worst = worst.sort_values(["planned_turned_away_day", "site_id"], ascending=[False, True])
    console.table(
        [
            *site_columns(),
            Column("Plan", "allotted_kwh_day", ",.0f", min_width=6),
            Column("Erlang", "standard_kwh_day", ",.0f", min_width=6),
            Column("Simulated", "planned_delivered_kwh_day", ",.0f", min_width=9),
            Column("Late", "planned_late_share", ".0%", min_width=4),
            Column("Free", "free_late_share", ".0%", min_width=4),
            Column("Use", "planned_use_share", ".0%", min_width=4),
        ],
        worst.head(STATIONS_SHOWN),
    )
    console.say(
        "Plan, Erlang, Simulated: kWh/day given by the plan, kept within the waiting standard by "
        "Erlang C, and simulated as planned; Late: of the plan's drivers; Free: with free choice."
    )
    if len(worst) > STATIONS_SHOWN:
        console.print(f"… and {len(worst) - STATIONS_SHOWN:,} more in simulation.csv")
