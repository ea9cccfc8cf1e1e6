"""What the terminal shows of a run that was repeated."""

from __future__ import annotations

from rich.text import Text

from siting.review.rerun import Rerun
from siting.terminal.screen import Screen

MOST_LINES = 8


def print_rerun(repetition: Rerun) -> None:
    """Print what is the same as in the first run and what is not."""
    console = Screen()
    console.print()
    verdict = ("The same", "green") if repetition.same else ("Not the same", "red")
    console.say(Text.assemble(verdict, f": {repetition.folder!s} repeated"))
    rows = []
    for part in repetition.compared:
        word = "same" if part.same else "differ" if part.what.endswith("s") else "differs"
        word = "-" if part.counted.startswith("not stored") else word
        colour = "" if part.same else "red" if part.decides else "yellow"
        rows.append((part.what.capitalize(), Text(word, style=colour), part.counted))
    console.pairs(rows)
    for part in repetition.compared:
        for line in part.differences[:MOST_LINES]:
            console.say(f"  {part.what}: {line}")
        if len(part.differences) > MOST_LINES:
            more = len(part.differences) - MOST_LINES
            console.print(f"  {part.what}: … and {more:,} more (all with --json)")
    console.notes(repetition.notes)
