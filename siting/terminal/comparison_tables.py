"""Terminal output of plans side by side, and of a plan's simulated day."""

from __future__ import annotations

from pathlib import Path

from siting.report.differences import figures_in_words, settings_in_words
from siting.review.compare import Comparison
from siting.review.evaluate import Evaluation
from siting.review.score import scores_in_words
from siting.review.simulate import SimulatedDay
from siting.shown import Column
from siting.terminal.screen import Screen, site_columns

SETTINGS_SHOWN = 20
STATIONS_SHOWN = 8
CASES = {
    "planned": "As planned: the plan's drivers at the stations it assigns to them",
    "free": "Free choice: all drivers, each to the quickest",
}


def print_comparison(comparison: Comparison, folder: Path) -> None:
    """Print the runs' figures, and the settings and stations that differ."""
    console = Screen()
    console.heading(f"{comparison.titles[0]}: {len(comparison.runs)} runs")
    for note in comparison.notes:
        console.print(note, style="yellow")
    console.texts(["", *comparison.runs], figures_in_words(comparison), fold=True)
    if len(comparison.settings):
        console.texts(
            ["Key", *comparison.runs], settings_in_words(comparison), fold=True,
            title="Asked differently", most=SETTINGS_SHOWN, more="… and {:,} more in settings.csv",
        )  # fmt: skip
    else:
        console.print("The configurations and inputs are the same.")
    counts = comparison.counts
    console.say(
        f"New stations: {counts.pop('all'):,} the same in all, {counts.pop('changed'):,} with "
        "different chargers" + "".join(f", {number:,} {where}" for where, number in counts.items())
    )
    console.written(folder)


def print_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Print the verdict, the figures side by side, the rules broken, and the folder's path."""
    console = Screen()
    if evaluation.best is not None:
        console.warn_if_far(evaluation.best.outcome.gap)
    console.heading(evaluation.title, evaluation.note)
    console.print(evaluation.sentence)
    heads = ["", *(name.capitalize() for name in evaluation.scores)]
    console.texts(heads, scores_in_words(list(evaluation.scores.values())))
    if evaluation.broken:
        console.print("Their plan breaks these rules but is scored anyway:", style="bold")
        for line in evaluation.broken:
            console.indented(line, 2)
    console.written(folder, evaluation.notes)


def print_simulation(simulated_day: SimulatedDay, folder: Path) -> None:
    """Print results by class, as planned and with free choice, and the stations that fail."""
    console = Screen()
    rules = simulated_day.facts["rules"]
    console.heading(f"{simulated_day.title}: a simulated day", simulated_day.note)
    wait = simulated_day.facts["standard"]["wait_min"]
    columns = [
        Column("Vehicle class", "vehicle_class", "_", no_wrap=True, min_width=20),
        Column("Drivers", "asked_day", ",.0f", min_width=7),
        Column("Far", "far_share", ".0%", min_width=4),
        Column("Away", "turned_away_share", ".0%", min_width=4),
        Column(f">{wait:g} min", "late_share", ".0%", min_width=7),
        Column("Wait", "wait_mean_min", ",.0f", min_width=4),
        Column("95 %", "wait_p95_min", ",.0f", min_width=4),
        Column("kWh/day", "delivered_kwh_day", ",.0f", min_width=7),
    ]
    far = simulated_day.classes["out_of_reach_day"]
    classes = simulated_day.classes.assign(asked_day=simulated_day.classes["arrivals_day"] + far)
    classes["far_share"] = far / classes["asked_day"].where(classes["asked_day"] > 0)
    for case, title in CASES.items():
        in_case = classes[classes["case"] == case]
        console.table(columns, in_case, title=title, bold=lambda r: r["vehicle_class"] == "all")
    console.say(
        f"Far: share of drivers with no station in reach. Away: share of the other drivers who are "
        f"turned away. >{wait:g} min: share who are turned away or wait longer. Waits (min) are of "
        f"drivers who stay. {rules['days']} days, seed {rules['seed']}; drivers accept an expected "
        f"wait of {rules['balk_min']:g} min."
    )
    console.print()
    for line in simulated_day.lines:
        console.indented(line, 2)
    _print_stations(console, simulated_day)
    console.written(folder)


def _print_stations(console: Screen, simulated_day: SimulatedDay) -> None:
    worst = simulated_day.stations[simulated_day.stations["verdict"] != "holds"]
    if worst.empty:
        console.print("  No station is overloaded or chosen by too many drivers.")
        return
    worst = worst.sort_values(["planned_turned_away_day", "site_id"], ascending=[False, True])
    columns = [
        *site_columns(),
        Column("Plan", "allotted_kwh_day", ",.0f", min_width=6),
        Column("Erlang", "standard_kwh_day", ",.0f", min_width=6),
        Column("Simulated", "planned_delivered_kwh_day", ",.0f", min_width=9),
        Column("Late", "planned_late_share", ".0%", min_width=4),
        Column("Free", "free_late_share", ".0%", min_width=4),
        Column("Use", "planned_use_share", ".0%", min_width=4),
    ]
    more = "… and {:,} more in simulation.csv"
    console.table(columns, worst, most=STATIONS_SHOWN, more=more)
    console.say(
        "Plan, Erlang, Simulated (kWh/day): energy in the plan, within the waiting standard "
        "according to Erlang C, and simulated as planned. Late: late share of the plan's drivers. "
        "Free: late share of all drivers with free choice."
    )
