"""Terminal output of a batch, study by study."""

from __future__ import annotations

import time
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import pandas as pd
from rich.text import Text

from siting.batch import BatchEvent, BatchResult, BatchStudy, sweep_words
from siting.batch.batch_page import notes_of, short_columns, status_words
from siting.batch.table import swept_of
from siting.engine.proof import far_in_words, is_far
from siting.shown import Column, block_of
from siting.terminal.progress import LiveLine
from siting.terminal.screen import Screen

MOST_ROWS = 30


class BatchLines(LiveLine):
    """One line per study on stderr, and a live last line with a progress bar."""

    def __init__(self) -> None:
        super().__init__(counted=True)
        self.start = time.monotonic()

    def __call__(self, event: BatchEvent) -> None:
        """Show one event of a batch."""
        if event.study is not None and event.row is not None:
            width = len(str(event.total))
            name = " ".join(filter(None, (event.study.name, event.study.label)))
            kept = ", done before" if event.kept else ""
            self.write(f"{event.done:>{width}}/{event.total}  {name}: {_outcome(event.row)}{kept}")
        names = ", ".join(event.running) or "starting"
        seconds = time.monotonic() - self.start
        self.show(f"{seconds:,.0f} s; running: {names}"[:60], event.done, event.total)
        if event.done == event.total:
            self.stop()


def print_studies(studies: Sequence[BatchStudy], out: Path) -> None:
    """Print the studies of a batch without running them, each with its run folder or error."""
    console = Screen()
    heads = {"Study": "name", "Sweep": "label", "Run folder": "key"}
    columns = [Column(head, attrgetter(at), overflow="fold") for head, at in heads.items()]
    console.table(columns, [study for study in studies if not study.fault])
    faulty = [study for study in studies if study.fault]
    for study in faulty:
        what = " ".join(filter(None, (study.config, study.label)))
        console.say(Text.assemble(("Fault", "red"), f" {what}:"))
        console.say(f"  {study.fault}")
    ready = len(studies) - len(faulty)
    console.print(
        f"{ready} {'study' if ready == 1 else 'studies'} would be run, with run folders in {out}; "
        f"{len(faulty)} {'has' if len(faulty) == 1 else 'have'} errors. Nothing was run."
    )


def _outcome(row: Any) -> str:
    if row["status"] == "failed":
        first, *rest = str(row["error"]).splitlines() or [""]
        more = f" (and {len(rest)} more)" if rest else ""
        first = first.removeprefix("- ")
        return f"failed: {first if len(first) <= 120 else first[:119] + '…'}{more}"
    gap = "" if row["gap"] is None else f", gap {row['gap']:.2%}"
    return f"{row['status']}, {row['served_share']:.1%} served{gap}, {row['seconds']:,.1f} s"


def print_batch(result: BatchResult) -> None:
    """Print the table of a batch, its errors, and the path of its index page."""
    console = Screen()
    table, done = result.table, result.table["served_share"].notna()
    far = table[done & table["gap"].map(is_far)]
    if len(far):
        console.warn(far_in_words(far["gap"].max(skipna=False)))
        affected = f"{len(far):,} of {int(done.sum()):,} studies"
        console.say(f"Affected: {affected}; the warning above states the largest gap.")
    swept, columns = swept_of(table), short_columns(table)
    if done.any():
        if swept and len(set(table.loc[done, "name"])) == 1:
            console.print(f"\n{table.loc[done, 'name'].iloc[0]}", style="bold")
            columns = columns[1:]
        console.block(block_of(table[done], columns, "table", "results.csv", most=MOST_ROWS))
    for row in table[table["status"] == "failed"].to_dict("records"):
        swept_values = {key: row[key] for key in swept if not pd.isna(row[key])}
        what = " ".join(filter(None, (str(row["config"]), sweep_words(swept_values))))
        console.say(Text.assemble(("Failed", "red"), f" {what}:"))
        for line in str(row["error"]).splitlines():
            console.say(f"  {line.removeprefix('- ')}")
    for name, note in notes_of(table):
        console.note(str(note), str(name))
    console.print(f"{status_words(table)}. Written to {result.out / 'index.html'}", soft_wrap=True)
