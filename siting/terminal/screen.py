"""The console for all output, in which control characters from users' files have no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from siting.shown import Column
from siting.texts import visible

# With this padding of cells, ten columns fit into 80 characters.
NARROW = (0, 1, 0, 0)


def site_columns() -> list[Column]:
    """Return the columns that name a site."""
    return [
        Column("Site", "site_id", no_wrap=True, min_width=5),
        Column("Name", "name", overflow="fold"),
    ]


def chargers(row: Mapping[Any, Any]) -> str:
    """Return the chargers of a row as text."""
    from siting.sites.chargers_text import told_as

    return told_as(str(row["configuration"]), str(row["chargers"]))


class Screen(Console):
    """A console that prints strings literally: no markup, no control characters."""

    def __init__(self, **kept: Any) -> None:
        super().__init__(highlight=False, markup=False, **kept)

    def heading(self, title: str, note: str = "") -> None:
        """Print the title of an output and its note."""
        self.print()
        self.say(title, style="bold")
        if note:
            self.print(note, style="yellow")

    def written(self, path: object, notes: Sequence[str] = ()) -> None:
        """Print the notes on an output, and the path of the written files."""
        self.notes(notes)
        self.print(f"Written to {path}", soft_wrap=True)

    def table(
        self, columns: Sequence[Column], rows: Any, *, most: int | None = None, more: str = "",
        title: str | None = None, bold: Callable[[Any], bool] = lambda row: False,
    ) -> None:  # fmt: skip
        """Print rows (a frame, or mappings) as a table.

        At most `most` rows are printed, followed by `more` with the number of remaining rows. Rows
        for which `bold` is true are bold.
        """
        shown = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW, title=title, title_justify="left"
        )
        for column in columns:
            shown.add_column(column.head, **column.style)
        records = list(rows.to_dict("records") if hasattr(rows, "to_dict") else rows)
        for row in records[:most]:
            cells = (column.text(row) for column in columns)
            shown.add_row(*cells, style="bold" if bold(row) else None)
        self.print(shown)
        if most is not None and more and len(records) > most:
            self.print(more.format(len(records) - most))

    def texts(
        self, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], *,
        fold: bool = False, whole: bool = False, **shown: Any,
    ) -> None:  # fmt: skip
        """Print rows that each have a label and right-aligned texts.

        Texts may wrap only if `fold` is true; labels may wrap unless `whole` is true.
        """
        wraps: dict[str, Any] = {"overflow": "fold"} if fold else {}
        columns = [Column(heads[0], itemgetter(0), no_wrap=whole)]
        columns += [Column(name, itemgetter(n), ">", **wraps) for n, name in enumerate(heads)][1:]
        self.table(columns, [(label, *texts) for label, texts in rows], **shown)

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

    def warn_if_far(self, gap: float | None) -> None:
        """Print a warning if a plan is far from proven optimal."""
        from siting.engine.proof import far_in_words

        if words := far_in_words(gap):
            self.say(words, style="bold red")

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
