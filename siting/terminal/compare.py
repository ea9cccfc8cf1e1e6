"""What the terminal shows of stored runs side by side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from siting.report.differences import figure_name, figure_text, setting_text
from siting.review.compare import Comparison
from siting.terminal.screen import Column, Screen

MOST_ROWS = 20


def print_comparison(comparison: Comparison, folder: Path) -> None:
    """Print the runs' figures, the settings that differ, and the stations that do."""
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
            most=MOST_ROWS, more="… and {:,} more in settings.csv",
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
