"""Terminal output of the runs nearby."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.table import Table

from siting.terminal.screen import NARROW, Screen


def print_runs(runs: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Print each run's name and the first fields of its ``run.json``."""
    console = Screen()
    if not runs:
        console.print("No runs in runs/, ../runs/ or */runs/. siting demo makes a first one.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Run", overflow="fold")
    table.add_column("Written", no_wrap=True)
    for name in ("Served", "Gap", "PKR m", "Stations"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, facts in runs:
        table.add_row(
            name,
            str(facts.get("written", ""))[:16].replace("T", " "),
            _shown(facts, "served_share", "{:.1%}"),
            _shown(facts, "gap", "{:.2%}"),
            _shown(facts, "subsidy_pkr", "{:,.1f}", 1e6),
            _shown(facts, "new_stations", "{:,.0f}"),
        )
    console.print(table)
    console.print("A verb takes a name, the start of one, or @latest: siting open @latest")


def _shown(facts: Mapping[str, Any], key: str, form: str, unit: float = 1) -> str:
    value = facts.get(key)
    try:
        number = float(value) if isinstance(value, int | float) else math.nan
    except OverflowError:  # a whole number with more digits than a run writes
        number = math.nan
    return form.format(number / unit) if math.isfinite(number) else ""
