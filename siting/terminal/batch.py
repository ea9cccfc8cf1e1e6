"""What the terminal shows of a batch, study by study."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from siting.batch import BatchEvent, BatchResult, sweep_words
from siting.batch.page import notes_of, status_words
from siting.batch.studies import short_words
from siting.batch.table import swept_of
from siting.terminal.screen import Screen

MOST_ROWS = 30


def batch_lines() -> Callable[[BatchEvent], None]:
    """Return a reporter that writes one line a study to stderr, and a live line in between."""
    live = sys.stderr.isatty()
    start = time.monotonic()
    kept = 0

    def report(event: BatchEvent) -> None:
        nonlocal kept
        clear = "\r\x1b[2K" if live else ""
        if event.study is not None and event.row is not None:
            kept += event.kept
            width = len(str(event.total))
            name = " ".join(w for w in (event.study.name, event.study.label) if w)
            line = f"{event.done:>{width}}/{event.total}  {name}: {_outcome(event.row)}"
            line += ", done before" if event.kept else ""
            typer.echo(clear + line, err=True)
        if live:
            names = ", ".join(event.running) or "starting"
            seconds = time.monotonic() - start
            text = f"{event.done}/{event.total} done, {seconds:,.0f} s; at work: {names}"
            typer.echo(f"\r\x1b[2K{text[:100]}", nl=False, err=True)
            if event.done == event.total:
                typer.echo("\r\x1b[2K", nl=False, err=True)

    return report


def _outcome(row: Any) -> str:
    if row["status"] == "failed":
        first, *rest = str(row["error"]).splitlines() or [""]
        more = f" (and {len(rest)} more)" if rest else ""
        first = first.removeprefix("- ")
        return f"failed: {first if len(first) <= 120 else first[:119] + '…'}{more}"
    gap = "" if row["gap"] is None else f", gap {row['gap']:.2%}"
    return f"{row['status']}, {row['served_share']:.1%} served{gap}, {row['seconds']:,.1f} s"


def print_batch(result: BatchResult) -> None:
    """Print the table of a batch, its faults, and where everything is."""
    console = Screen()
    table, done = result.table, result.table["served_share"].notna()
    swept = swept_of(table)
    several = len(set(table.loc[done, "name"])) > 1
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    if several or not swept:
        shown.add_column("Study", overflow="ellipsis", no_wrap=True, max_width=24)
    for key in swept:
        shown.add_column(key.rpartition(".")[2], justify="right", overflow="fold")
    for name in ("Served", "At most", "Gap", "PKR m", "Stations"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in table[done].head(MOST_ROWS).to_dict("records"):
        most = row["served_share"] * row["bound_kwh_day"] / (row["served_kwh_day"] or 1.0)
        shown.add_row(
            *([str(row["name"])] if several or not swept else []),
            *("" if pd.isna(row[key]) else short_words(row[key]) for key in swept),
            f"{row['served_share']:.1%}",
            "" if pd.isna(most) else f"{most:.1%}",
            "" if pd.isna(row["gap"]) else f"{row['gap']:.2%}",
            f"{row['subsidy_pkr'] / 1e6:,.1f}",
            f"{row['new_stations']:,}",
        )
    if done.any():
        if not several and swept:
            console.print(f"\n{table.loc[done, 'name'].iloc[0]}", style="bold")
        console.print(shown)
    if done.sum() > MOST_ROWS:
        console.print(f"… and {done.sum() - MOST_ROWS:,} more in results.csv")
    for row in table[table["status"] == "failed"].to_dict("records"):
        own = {key: row[key] for key in swept if not pd.isna(row[key])}
        what = " ".join(w for w in (str(row["config"]), sweep_words(own)) if w)
        console.print(Text.assemble(("Failed", "red"), f" {what}:"), soft_wrap=True)
        for line in str(row["error"]).splitlines():
            console.print(f"  {line.removeprefix('- ')}", soft_wrap=True)
    for name, note in notes_of(table):
        console.note(str(note), str(name))
    console.print(f"{status_words(table)}. Written to {result.out / 'index.html'}", soft_wrap=True)
