"""Terminal output of a figure's chain: arithmetic, stored values, and table rows."""

from __future__ import annotations

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from siting.review.traced import Chain, Factor, Step, Trace
from siting.terminal.screen import NARROW, Screen

MOST_ROWS = 12
RIGHT = ("weight", "part", "served_kwh_day", "travel_min", "value")


def print_trace(traced: Trace, note: str = "") -> None:
    """Print the chains of a cell or a station, each with the rows of the tables it rests on."""
    console = Screen()
    console.print()
    name = f" ({traced.name})" if traced.name else ""
    when = f"{traced.year}" + (f", scenario {traced.scenario}" if traced.scenario else "")
    console.say(f"{traced.kind} {traced.id}{name}, {when}", style="bold")
    if note:
        console.print(note, style="yellow")
    for line in traced.notes:
        console.say(line)
    for chain in traced.chains:
        _print_chain(console, chain)
    for title, table in traced.tables.items():
        if len(table):
            _print_table(console, title, table)


def _print_chain(console: Screen, chain: Chain) -> None:
    last = chain.steps[-1]
    console.print()
    console.say(f"{chain.what}: {_number(chain.value)} {last.unit}", style="bold")
    for step in chain.steps:
        console.indented(_line(step), 2)
    for line in chain.notes:
        console.indented(f"({line})", 2)
    factors = list(dict.fromkeys(factor for step in chain.steps for factor in step.factors))
    for factor in factors:
        for indent, line in zip((2, 6), _factor(factor), strict=True):
            console.indented(line, indent)


def _line(step: Step) -> Text:
    unit = "" if step.unit == "share" else f" {step.unit}"
    line = f"{step.what} = {step.words} = {_number(step.value)}{unit}"
    if step.stored is None:
        return Text(line)
    if step.same:
        return Text(f"{line}; stored: the same")
    off = f"stored: {_number(step.stored)}, which differs by {_number(step.value - step.stored)}"
    return Text.assemble(f"{line}; ", (off, "red"))


def _factor(one: Factor) -> tuple[str, str]:
    """Return a figure on a line and its source on the next: as columns both would be too narrow."""
    name = f"{one.figure} {one.of}".strip().replace("_", " ")
    range_ = f" ({_range(one)})" if _range(one) else ""
    why = "; ".join(text for text in (one.said, one.source) if text)
    return f"{name}: {_number(one.value)}{range_}, {one.confidence}, {one.table}", why


def _print_table(console: Screen, title: str, rows: pd.DataFrame) -> None:
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW, title=title, title_justify="left"
    )
    for column in rows.columns:
        table.add_column(
            str(column), justify="right" if column in RIGHT else "left", overflow="fold"
        )
    for row in rows.head(MOST_ROWS).itertuples(index=False, name=None):
        table.add_row(*(_number(v) if isinstance(v, int | float) else str(v)[:60] for v in row))
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"… and {len(rows) - MOST_ROWS:,} more (--json has all)")


def _range(one: Factor) -> str:
    if one.low is None or one.high is None or one.low == one.high:
        return ""
    return f"{_number(one.low)} to {_number(one.high)}"


def _number(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"
