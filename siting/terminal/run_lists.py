"""Terminal output for stored runs: lists of runs, and the result of checking one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from siting.shown import Column
from siting.terminal.screen import Screen

if TYPE_CHECKING:
    from siting.review import Verified


NUMBERS = ("served_share", "gap", "subsidy_pkr", "new_stations")


def print_runs(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Print each run's name and the first fields of its ``run.json``."""
    console = Screen()
    if not runs:
        console.print("No runs in runs/, ../runs/ or */runs/. siting demo makes one.")
        return
    columns = [
        Column("Run", "run", overflow="fold"),
        Column("Written", lambda facts: str(facts.get("written", ""))[:16].replace("T", " "),
               no_wrap=True),
        Column("Served", "served_share", ".1%"),
        Column("Gap", "gap", ".2%"),
        Column("PKR m", "subsidy_pkr", ",.1f", per=1e6),
        Column("Stations", "new_stations", ",.0f"),
    ]  # fmt: skip
    rows = [
        {**facts, "run": name, **{key: _number(facts.get(key)) for key in NUMBERS}}
        for name, facts in runs
    ]
    console.table(columns, rows)
    console.print("A command takes a name, the start of a name, or @latest: siting open @latest")


def _number(value: Any) -> float:
    """Return a value of a run as a number; NaN if it is not a finite number."""
    try:
        found = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # an integer too large for a float
        return math.nan
    return found if math.isfinite(found) else math.nan


def print_verified(verified: Verified) -> None:
    """Print which checks of a run passed, failed, or could not be made."""
    console = Screen()
    verdict = ("Does not hold", "red") if verified.faults else ("Holds", "green")
    console.say(Text.assemble(verdict, f": {verified.folder!s}"))
    for what, words in verified.held.items():
        console.say(f"  {what:<10} {words}")
    for fault in verified.faults:
        console.indented(str(fault), 2)
    console.notes(verified.notes)
