"""How far a study is: one line a stage in a terminal, one table that grows in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from siting.errors import visible
from siting.study import Event
from siting.study.stages import Report, stages_html


def show_progress() -> Report:
    """Return what shows a study's progress where it runs: in a notebook, or in a terminal.

    A notebook gets a table below the cell, a row a stage, that grows and says how far the running
    one is; it needs no widgets. A terminal gets one line a stage on stderr.

    Returns
    -------
    Callable
        To be given as ``progress`` to `siting.Study` or `siting.run`.

    Examples
    --------
    >>> study = siting.Study(config, progress=siting.show_progress())  # doctest: +SKIP
    """
    notebook = _notebook()
    return show_lines() if notebook is None else _show_table(*notebook)


def show_lines() -> Report:
    """Return a reporter that writes one line a stage to stderr, and a live line while solving."""
    live = sys.stderr.isatty()

    def report(event: Event) -> None:
        line = visible(f"{event.stage:<11} {event.text}")
        if event.done:
            clear = "\r\x1b[2K" if live else ""
            typer.echo(f"{clear}{line}  {event.seconds:,.1f} s", err=True)
        elif live:
            typer.echo(f"\r\x1b[2K{line}", nl=False, err=True)

    return report


class _Html:
    """A piece of HTML that a notebook shows as such."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return "progress of a study"


def _show_table(display: Callable[..., Any], cell: Callable[[], int]) -> Report:
    done: list[tuple[str, str, str]] = []
    handle, shown_in = None, -1

    def report(event: Event) -> None:
        nonlocal handle, shown_in
        if cell() != shown_in:  # what a later cell works out is told below that cell
            done.clear()
            handle, shown_in = None, cell()
        row = (event.stage, event.text, f"{event.seconds:,.1f}")
        if event.done:
            done.append(row)
        table = _Html(stages_html("", "", done if event.done else [*done, row]))
        if handle is None:
            handle = display(table, display_id=True)
        else:
            handle.update(table)

    return report


def _notebook() -> tuple[Callable[..., Any], Callable[[], int]] | None:
    """Return how a notebook displays, and what numbers the cell that runs; none elsewhere."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    shell = get_ipython()
    if shell is None or type(shell).__name__ != "ZMQInteractiveShell":
        return None
    return display, lambda: int(shell.execution_count)
