"""The console for all output, in which control characters from users' files have no effect."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from siting.shown import Block, Column, Shown
from siting.texts import visible

# With this padding of cells, ten columns fit into 80 characters.
NARROW = (0, 1, 0, 0)


class Screen(Console):
    """A console that prints strings literally: no markup, no control characters."""

    def __init__(self, **kept: Any) -> None:
        super().__init__(highlight=False, markup=False, **kept)

    def heading(self, title: str, note: str = "", style: str = "bold") -> None:
        """Print the title of an output and its note."""
        self.print()
        self.say(title, style=style)
        if note:
            self.print(note, style="yellow")

    def written(self, path: object, notes: Sequence[str] = ()) -> None:
        """Print the notes on an output, and the path of the written files."""
        self.notes(notes)
        self.print(f"Written to {path}", soft_wrap=True)

    def block(self, block: Block) -> None:
        """Print a table, the number of rows left out, and the table's explanation."""
        if block.columns:
            self._table(block)
        else:
            if block.title:
                self.heading(block.title)
            self._texts(block)
        if block.more:
            what = f"in {block.file}" if block.file else "with --json"
            self.print(f"… and {block.more:,} more {what}")
        if block.below:
            self.say(block.below)

    def _table(self, block: Block) -> None:
        title = block.title or None
        shown = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW, title=title, title_justify="left"
        )
        for column in block.columns:
            shown.add_column(column.head, **column.style)
        for row in block.rows:
            cells = (column.text(row) for column in block.columns)
            shown.add_row(*cells, style=block.style(row))
        self.print(shown)

    def _texts(self, block: Block) -> None:
        """Print rows of text: sentences, or columns without headings."""
        if all(len(row) == 1 for row in block.rows):
            for (line,) in block.rows:
                text = line.lstrip()
                self.indented(Text(text, block.style((line,))), len(line) - len(text))
        else:
            self.pairs([[Text(text, block.style(row)) for text in row] for row in block.rows])

    def table(self, columns: Sequence[Column], rows: Any, **other: Any) -> None:
        """Print rows (a frame, or mappings) as a table; `other` are arguments of `Block`."""
        records = rows.to_dict("records") if hasattr(rows, "to_dict") else rows
        self._table(Block(columns, records, **other))

    def pairs(self, pairs: Iterable[Sequence[str | Text]]) -> None:
        """Print pairs of label and text as two columns."""
        shown = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        shown.add_column(no_wrap=True)
        for words in pairs:
            shown.add_row(*words)
        self.print(shown)

    def say(self, text: RenderableType, style: str | None = None) -> None:
        """Print a sentence: wrapped in a terminal, on one line in a pipe."""
        self.print(text, style=style, soft_wrap=not self.is_terminal)

    def note(self, text: str, head: str = "Note") -> None:
        """Print a note after a coloured label."""
        self.say(Text.assemble((f"{head}:", "yellow"), f" {text}"))

    def warn(self, text: str) -> None:
        """Print a warning, unless it is blank."""
        if text:
            self.say(text, style="bold red")

    def notes(self, lines: Sequence[str]) -> None:
        """Print notes under one label."""
        if len(lines) == 1:
            self.note(lines[0])
        elif lines:
            self.print("Notes:", style="yellow")
            for line in lines:
                self.indented(line, 2)

    def indented(self, line: str | Text, by: int) -> None:
        """Print a sentence with all its lines indented by `by` columns."""
        text = Text(line) if isinstance(line, str) else line
        self.say(Padding(text, (0, 0, 0, by)) if self.is_terminal else Text(" " * by) + text)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments to print, with control characters made visible."""
        for piece in super().render(renderable, options):
            text = piece.text if piece.control else visible(piece.text)
            yield piece if text is piece.text else Segment(text, piece.style, piece.control)


def print_result(result: Shown, folder: Path | None = None) -> None:
    """Print a result, and the path of its folder if it was written."""
    console, shown = Screen(), result._shown()
    console.warn(shown.warning)
    colour = {True: "bold green", False: "bold red", None: "bold"}[shown.good]
    console.heading(shown.title, shown.note, colour)
    for block in shown.blocks:
        console.block(block)
    console.notes(shown.notes)
    if folder is not None:
        console.written(folder)
