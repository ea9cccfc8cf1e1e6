"""Terminal output of a plan from outside beside the best for the same money."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table

from siting.review.evaluate import Evaluation
from siting.review.score import scores_in_words
from siting.terminal.screen import NARROW, Screen


def print_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Print the answer, the figures side by side, the rules broken, and where it was written."""
    console = Screen()
    if evaluation.best is not None:
        console.warn_if_far(evaluation.best.outcome.gap)
    console.print()
    console.say(evaluation.title, style="bold")
    if evaluation.note:
        console.print(evaluation.note, style="yellow")
    console.print(evaluation.sentence)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("")
    for name in evaluation.scores:
        table.add_column("Theirs" if name == "theirs" else "Best", justify="right", no_wrap=True)
    for text, values in scores_in_words(list(evaluation.scores.values())):
        table.add_row(text, *values)
    console.print(table)
    if evaluation.broken:
        console.print("Their plan breaks these rules and is scored all the same:", style="bold")
        for line in evaluation.broken:
            console.indented(line, 2)
    console.notes(evaluation.notes)
    console.print(f"Written to {folder}", soft_wrap=True)
