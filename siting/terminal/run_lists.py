"""Terminal output of the list of stored runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from siting.shown import Column
from siting.terminal.screen import Screen

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
