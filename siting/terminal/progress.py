"""Progress of a study: one line per stage in a terminal, one growing table in a notebook."""

from __future__ import annotations

import textwrap
from importlib import import_module
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from siting.study import Event
from siting.study.stages import Report, notebook, stages_html
from siting.terminal.screen import Screen

INDENT = 12  # column at which a stage's text begins, after its name


def show_progress() -> Report:
    """Return a listener that shows a study's progress, in a notebook or in a terminal.

    A notebook shows a plain table below the cell; a terminal shows lines on stderr.

    Returns
    -------
    Callable
        The listener, to be passed as ``progress`` to `siting.Study` or `siting.run`.

    Examples
    --------
    >>> study = siting.Study(config, progress=siting.show_progress())  # doctest: +SKIP
    """
    shell = notebook()
    return StageLines() if shell is None else _stage_table(shell)


class LiveLine:
    """Permanent lines on stderr and, in a terminal, a live last line or progress bar."""

    def __init__(self, counted: bool = False) -> None:
        self.console = Screen(stderr=True)
        self.counted = counted
        self.progress: Progress | None = None

    def write(self, line: str) -> None:
        """Write a permanent line above the live line; in a terminal, wrap it between words."""
        lines = [line]
        if self.console.is_terminal:
            lines = textwrap.wrap(line, self.console.width, subsequent_indent=" " * INDENT,
                                  break_long_words=False, break_on_hyphens=False)  # fmt: skip
        for part in lines:
            self.console.print(part, soft_wrap=True)

    def show(self, text: str, done: int = 0, total: int | None = None) -> None:
        """Show text on the live line, if stderr is a terminal."""
        if not self.console.is_terminal:
            return
        if self.progress is None:
            bar = (BarColumn(20), MofNCompleteColumn()) if self.counted else ()
            columns = (SpinnerColumn(), *bar, TextColumn("{task.description}", markup=False))
            self.progress = Progress(*columns, console=self.console, transient=True)
            self.progress.add_task("")
            self.progress.start()
        task = self.progress.task_ids[0]
        self.progress.update(task, description=text, completed=done, total=total)

    def stop(self) -> None:
        """Clear the live line."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


class StageLines(LiveLine):
    """One line per stage of a study on stderr, and a live line while a stage runs."""

    def __call__(self, event: Event) -> None:
        """Show one event of a study."""
        line = f"{event.stage:<{INDENT - 1}} {event.text}"
        if event.done:
            self.stop()
            self.write(f"{line}  {event.seconds:,.1f} s")
        else:
            self.show(line)


def _stage_table(shell: Any) -> Report:
    display: Any = import_module("IPython.display").display
    done: list[tuple[str, str, str]] = []
    handle, shown_in = None, -1

    def report(event: Event) -> None:
        nonlocal handle, shown_in
        if shell.execution_count != shown_in:  # a later cell gets its own table
            done.clear()
            handle, shown_in = None, shell.execution_count
        row = (event.stage, event.text, f"{event.seconds:,.1f}")
        if event.done:
            done.append(row)
        html = stages_html("", "", done if event.done else [*done, row])
        table = {"text/html": html, "text/plain": "progress of a study"}
        if handle is None:
            handle = display(table, raw=True, display_id=True)
        else:
            handle.update(table, raw=True)

    return report
