"""What the terminal shows of the runs near here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from siting.terminal.screen import Column, Screen


def print_runs(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Print each run's name and what its ``run.json`` says first."""
    console = Screen()
    if not runs:
        console.print("No runs in runs/, ../runs/ or */runs/. siting demo makes a first one.")
        return
    console.table(
        [
            Column("Run", "run", overflow="fold"),
            Column("Written", lambda facts: str(facts.get("written", ""))[:16].replace("T", " "),
                   no_wrap=True),
            Column("Served", _number("served_share"), ".1%"),
            Column("Gap", _number("gap"), ".2%"),
            Column("PKR m", _number("subsidy_pkr"), ",.1f", per=1e6),
            Column("Stations", _number("new_stations"), ",.0f"),
        ],
        [{**facts, "run": name} for name, facts in runs],
    )  # fmt: skip
    console.print("A verb takes a name, the start of one, or @latest: siting open @latest")


def _number(key: str) -> Callable[[Mapping[str, Any]], float]:
    """Return what gives a number of a run; NaN where the run has none that is finite."""

    def number(facts: Mapping[str, Any]) -> float:
        value = facts.get(key)
        try:
            found = float(value) if isinstance(value, int | float) else math.nan
        except OverflowError:  # a whole number with more digits than a run writes
            return math.nan
        return found if math.isfinite(found) else math.nan

    return number
