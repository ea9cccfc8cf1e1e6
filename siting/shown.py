"""Results as a few short tables, described once for terminal, notebook and text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from siting.texts import html_text

if TYPE_CHECKING:
    import pandas as pd

# At most this many rows of a table are shown; the result itself has all rows.
MOST_ROWS = 16
# In text, cells are cut to this number of characters, except in the last column.
MOST_LETTERS = 60
LONGEST = 20  # maximum number of characters of a number


class Column:
    """A column of a table: heading, value and format.

    `value` is a key of a row, or a function that returns the value of a row. `form` is the format
    of a number (``,.0f``); numbers are right-aligned and never wrapped. The form ``>`` right-aligns
    text, and ``_`` shows underscores as spaces. `per` is the divisor of a number (1e6 for millions
    of rupees), and `blank` is the text for a missing value. `style` has further arguments of
    ``rich.table.Table.add_column``.
    """

    def __init__(
        self, head: str, value: str | Callable[[Any], Any], form: str = "", *,
        per: float = 1, blank: str = "", **style: Any,
    ) -> None:  # fmt: skip
        self.head, self.value, self.form, self.per, self.blank = head, value, form, per, blank
        right = form not in ("", "_")
        whole = right and "overflow" not in style
        justify = "right" if right else "left"
        self.style: dict[str, Any] = {"justify": justify, "no_wrap": whole, **style}

    def text(self, row: Mapping[Any, Any]) -> str:
        """Return the cell of a row as text."""
        value = self.value(row) if callable(self.value) else row[self.value]
        if isinstance(value, str):
            return value.replace("_", " ") if self.form == "_" else value
        if str(value) in ("None", "nan", "NaT", "<NA>"):
            return self.blank
        value = value if self.per == 1 else value / self.per
        text = format(value, self.form) if self.form else str(value)
        # A number of many digits would leave no room for the other columns.
        return text if len(text) <= LONGEST or not self.form else f"{value:.1e}"


# The columns that name a site.
SITE = (
    Column("Site", "site_id", no_wrap=True, min_width=5),
    Column("Name", "name", overflow="fold"),
)


@dataclass(frozen=True)
class Block:
    """A table for display. Without columns, its rows are tuples of text.

    A row of one text is a sentence; leading spaces indent it. `title` is shown above the table, and
    `below` explains its columns. `all_in` names the attribute with all rows, and `file` the file
    with all rows, if any. `more` is the number of rows left out. Notebooks and text show `most` of
    the rows. `style` returns the terminal's style of a row (``red``).
    """

    columns: Sequence[Column]
    rows: Sequence[Any]
    all_in: str = ""
    file: str = ""
    title: str = ""
    below: str = ""
    more: int = 0
    most: int = MOST_ROWS
    style: Callable[[Any], str] = lambda row: ""

    def texts(self) -> list[list[str]]:
        """Return the cells of the first rows as text."""
        rows = self.rows[: self.most]
        if not self.columns:
            return [list(row) for row in rows]
        return [[column.text(row) for column in self.columns] for row in rows]

    @property
    def sides(self) -> list[str]:
        """The alignment of each column: ``left`` or ``right``."""
        if self.columns:
            return [column.style["justify"] for column in self.columns]
        return ["left"] * max(map(len, self.rows), default=0)

    def rest(self) -> list[str]:
        """Return a sentence about the rows that `texts` leaves out; none if it has all rows."""
        more = self.more + max(len(self.rows) - self.most, 0)
        where = f" (all rows: .{self.all_in})" if self.all_in else ""
        return [f"… and {more:,} more{where}"] if more else []


@dataclass(frozen=True)
class Display:
    """A result as shown: its title, a caveat, tables (the most important first), and notes.

    The caveat `note` may be blank. `notes` stand below the tables, and a `warning`, if any, above
    the title. `good` tells whether the title is good news (green) or bad news (red); None if
    neither.
    """

    title: str
    note: str
    blocks: Sequence[Block]
    notes: Sequence[str] = ()
    warning: str = ""
    good: bool | None = None

    def text(self) -> str:
        """Return the result as text that fits a screen."""
        lines = [text for text in (self.warning, self.title, self.note) if text]
        for block in self.blocks:
            lines += ["", *([block.title] if block.title else []), *_as_text(block)]
            lines += [*block.rest(), *([block.below] if block.below else [])]
        return "\n".join([*lines, *(["", *self.notes] if self.notes else [])])

    def html(self) -> str:
        """Return the result as HTML tables for notebooks."""
        parts = [f"<p><strong>{html_text(self.warning)}</strong></p>"] if self.warning else []
        parts += [f"<h4>{html_text(self.title)}</h4>"] if self.title else []
        parts += [f"<p><em>{html_text(self.note)}</em></p>"] if self.note else []
        for block in self.blocks:
            parts += [f"<p><b>{html_text(block.title)}</b></p>"] if block.title else []
            parts.append(_as_html(block))
            parts += [f"<p>{html_text(text)}</p>" for text in (*block.rest(), block.below) if text]
        return "".join([*parts, *(f"<p>{html_text(text)}</p>" for text in self.notes)])


class Shown(ABC):
    """A result that notebooks and the terminal show as its `Display`."""

    @abstractmethod
    def _shown(self) -> Display:
        """Return what to show."""

    def __repr__(self) -> str:
        """Return the result as text that fits a screen."""
        return self._shown().text()

    def _repr_html_(self) -> str:
        """Return the result as HTML tables for notebooks."""
        return self._shown().html()


def block_of(
    table: pd.DataFrame, columns: Sequence[Column], all_in: str, file: str = "", *,
    count: int | None = None, most: int = MOST_ROWS, **other: Any,
) -> Block:  # fmt: skip
    """Return the first rows of a frame as a `Block`; `count` is the total number of rows."""
    rows = table.head(most).to_dict("records")
    more = (len(table) if count is None else count) - len(rows)
    return Block(columns, rows, all_in, file, more=more, most=most, **other)


def labelled(
    heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], all_in: str = "",
    **style: Any,
) -> Block:  # fmt: skip
    """Return rows with a label and right-aligned texts as a `Block`, which shows all of them."""
    columns = [Column(heads[0], itemgetter(0), no_wrap=not style)]
    columns += [Column(name, itemgetter(n), ">", **style) for n, name in enumerate(heads)][1:]
    cells = [(label, *texts) for label, texts in rows]
    return Block(columns, cells, all_in, most=len(cells))


def sentences(lines: Iterable[str], **other: Any) -> Block:
    """Return lines of text as a `Block`, which shows all of them unless `other` has `most`."""
    rows = [(line,) for line in lines]
    return Block((), rows, **{"most": len(rows), **other})


def _as_text(block: Block) -> list[str]:
    rows = [[column.head for column in block.columns]] if block.columns else []
    rows += block.texts()
    # The last column may contain sentences, which are not cut.
    rows = [[*(text[:MOST_LETTERS] for text in row[:-1]), row[-1]] for row in rows]
    wide = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    sides = block.sides
    return [
        "  ".join(
            text.rjust(width) if side == "right" else text.ljust(width)
            for text, width, side in zip(row, wide, sides, strict=True)
        ).rstrip()
        for row in rows
    ]


def _as_html(block: Block) -> str:
    def line(tag: str, texts: Sequence[str]) -> str:
        cells = zip(texts, block.sides, strict=True)
        return "<tr>" + "".join(
            f"<{tag} style='text-align:{side}'>{html_text(text)}</{tag}>" for text, side in cells
        ) + "</tr>"  # fmt: skip

    heads = line("th", [column.head for column in block.columns]) if block.columns else ""
    return f"<table>{heads}{''.join(line('td', row) for row in block.texts())}</table>"
