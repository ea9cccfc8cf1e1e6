"""What the terminal shows of a plan from outside beside the best for the same money."""

from __future__ import annotations

from pathlib import Path

from siting.review.evaluate import Evaluation
from siting.review.score import scores_in_words
from siting.terminal.screen import Column, Screen


def print_evaluation(evaluation: Evaluation, folder: Path) -> None:
    """Print the answer, the figures side by side, the rules broken, and where it was written."""
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
