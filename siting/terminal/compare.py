"""Terminal output of stored runs side by side."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table

from siting.report.differences import figure_name, figure_text, setting_text
from siting.review.compare import Comparison
from siting.terminal.screen import NARROW, Screen

MOST_ROWS = 20


def print_comparison(comparison: Comparison, folder: Path) -> None:
    """Print the runs' figures, the settings that differ, and the stations that do."""
    console = Screen()
    console.print()
    console.say(f"{comparison.titles[0]}: {len(comparison.runs)} runs", style="bold")
    for note in comparison.notes:
        console.print(note, style="yellow")
    figures = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    figures.add_column("")
    for name in comparison.runs:
        figures.add_column(name, justify="right", overflow="fold")
    for row in comparison.figures.to_dict("records"):
        values = [figure_text(str(row["figure"]), row[name]) for name in comparison.runs]
        figures.add_row(figure_name(str(row["figure"])), *values)
    console.print(figures)
    if len(comparison.settings):
        settings = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW, title="Asked differently",
            title_justify="left",
        )  # fmt: skip
        settings.add_column("Key")
        for name in comparison.runs:
            settings.add_column(name, justify="right", overflow="fold")
        for row in comparison.settings.head(MOST_ROWS).to_dict("records"):
            settings.add_row(
                str(row["key"]), *(setting_text(row[name]) for name in comparison.runs)
            )
        console.print(settings)
        if len(comparison.settings) > MOST_ROWS:
            console.print(f"… and {len(comparison.settings) - MOST_ROWS:,} more in settings.csv")
    else:
        console.print("The configurations and inputs are the same.")
    counts = comparison.counts
    console.say(
        f"New stations: {counts.pop('all'):,} the same in all, {counts.pop('changed'):,} with "
        "other chargers" + "".join(f", {number:,} {where}" for where, number in counts.items())
    )
    console.print(f"Written to {folder}", soft_wrap=True)
