"""What the terminal shows of a figure's chain: arithmetic, what is stored, and each table's row."""

from __future__ import annotations

from typing import Any

from rich.text import Text

from siting.review.traced import Chain, Factor, Step, Trace
from siting.terminal.screen import Column, Screen

MOST_ROWS = 12
RIGHT = ("weight", "part", "served_kwh_day", "travel_min", "value")


def print_trace(traced: Trace, note: str = "") -> None:
    """Print the chains of a cell or a station, each with the rows of the tables it rests on."""
    console = Screen()
    name = f" ({traced.name})" if traced.name else ""
    when = f"{traced.year}" + (f", scenario {traced.scenario}" if traced.scenario else "")
    console.heading(f"{traced.kind} {traced.id}{name}, {when}", note)
    for line in traced.notes:
        console.say(line)
    for chain in traced.chains:
        _print_chain(console, chain)
    for title, table in traced.tables.items():
        if len(table):
            more = "… and {:,} more (--json has all)"
            columns = [_column(str(name)) for name in table.columns]
            console.table(columns, table, title=title, most=MOST_ROWS, more=more)


def _column(name: str) -> Column:
    def text(row: Any) -> str:
        value = row[name]
        return _number(value) if isinstance(value, int | float) else str(value)[:60]

    return Column(name, text, ">" if name in RIGHT else "", overflow="fold")


def _print_chain(console: Screen, chain: Chain) -> None:
    last = chain.steps[-1]
    console.heading(f"{chain.what}: {_number(chain.value)} {last.unit}")
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


def _range(one: Factor) -> str:
    if one.low is None or one.high is None or one.low == one.high:
        return ""
    return f"{_number(one.low)} to {_number(one.high)}"


def _number(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"
