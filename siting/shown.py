"""Display a result as a few short tables, in a notebook or as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

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
    text, ``_`` shows underscores as spaces, and ``~`` rounds a number for readers. `per` is the
    divisor of a number (1e6 for millions of rupees), and `blank` is the text for a missing value.
    `style` has further arguments of ``rich.table.Table.add_column``.
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
        if self.form == "~":
            return _rounded(value)
        value = value if self.per == 1 else value / self.per
        text = format(value, self.form) if self.form else str(value)
        # A number of many digits would leave no room for the other columns.
        return text if len(text) <= LONGEST or not self.form else f"{value:.1e}"


class Block(NamedTuple):
    """A table for display: headers (or none), rows, and the attribute that has all rows."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    all_in: str = ""


class Shown(ABC):
    """A result that is displayed as a title and a few tables."""

    @abstractmethod
    def _title(self) -> tuple[str, str]:
        """Return the title and the caveat; the caveat is blank if there is none."""

    @abstractmethod
    def _blocks(self) -> list[Block]:
        """Return the tables, the most important first."""

    def __repr__(self) -> str:
        """Return the result as text that fits a screen."""
        title, note = self._title()
        lines = [title, *([note] if note else [])]
        for block in self._blocks():
            rows = [list(block.heads)] if block.heads else []
            rows += [list(row) for row in block.rows[:MOST_ROWS]]
            # The last column contains sentences, which need no padding.
            columns = list(zip(*rows, strict=True))[:-1]
            wide = [min(max(map(len, column)), MOST_LETTERS) for column in columns]
            lines.append("")
            for row in rows:
                first = [text[:width].ljust(width) for text, width in zip(row, wide, strict=False)]
                lines.append("  ".join([*first, row[-1]]).rstrip())
            lines += _rest(block)
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Return the result as HTML tables for notebooks."""
        title, note = self._title()
        parts = [f"<h4>{html_text(title)}</h4>"]
        parts += [f"<p><em>{html_text(note)}</em></p>"] if note else []
        for block in self._blocks():
            heads = "".join(_cell("th", text) for text in block.heads)
            rows = "".join(
                f"<tr>{''.join(_cell('td', text) for text in row)}</tr>"
                for row in block.rows[:MOST_ROWS]
            )
            parts.append(f"<table>{f'<tr>{heads}</tr>' if heads else ''}{rows}</table>")
            parts += [f"<p>{html_text(text)}</p>" for text in _rest(block)]
        return "".join(parts)


def block_of(table: pd.DataFrame, columns: Sequence[Column] | dict[str, str], all_in: str) -> Block:
    """Return columns of a frame as a `Block`; a dict maps column names to headers."""
    if isinstance(columns, dict):
        columns = [Column(head, name, "~") for name, head in columns.items()]
    records = table.head(MOST_ROWS + 1).to_dict("records")
    rows = [[column.text(row) for column in columns] for row in records]
    # Blank rows stand for the frame's other rows, so that `_rest` counts them too.
    rows += [[""] * len(columns)] * max(len(table) - len(rows), 0)
    return Block([column.head for column in columns], rows, all_in)


def _rest(block: Block) -> list[str]:
    more = len(block.rows) - MOST_ROWS
    return [f"… and {more:,} more: .{block.all_in} has all"] if more > 0 else []


def _cell(tag: str, text: str) -> str:
    number = text.replace(",", "").replace(".", "").replace("%", "").replace("-", "").isdigit()
    return f"<{tag} style='text-align:{'right' if number else 'left'}'>{html_text(text)}</{tag}>"


def _rounded(value: Any) -> str:
    """Return a value as text, a number rounded for readers."""
    if isinstance(value, bool):
        return str(value)
    number = float(value)
    if number == round(number) or abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:,.3g}" if abs(number) < 1 else f"{number:,.1f}"
