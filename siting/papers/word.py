"""Write Word files with headings, paragraphs, tables and figures. Every blank is highlighted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from siting.errors import needs_extra
from siting.texts import visible


@dataclass(frozen=True)
class Blank:
    """A field for a person to fill in."""

    what: str

    def __str__(self) -> str:
        """Return the text that marks the blank."""
        return f"[to be filled in: {self.what}]"


type Text = str | Blank


class Word:
    """A Word file that is being written."""

    def __init__(self, title: str, note: str) -> None:
        with needs_extra("papers", "python-docx", "is needed to write papers"):
            from docx import Document
        self._file = Document()
        self._file.core_properties.author = "siting"
        self._file.core_properties.title = visible(title)
        self._file.add_heading(visible(title), 0)
        if note:
            self.say(note)

    def head(self, text: str, *, new_page: bool = False) -> None:
        """Begin a section, which starts on a new page if `new_page` is true."""
        self._file.add_heading(visible(text), 1).paragraph_format.page_break_before = new_page

    def say(self, *texts: Text) -> None:
        """Write a paragraph."""
        _fill(self._file.add_paragraph(), texts)

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Text]]) -> None:
        """Write a table, with numbers aligned to the right."""
        rows = [list(heads), *map(list, rows)]
        table = self._file.add_table(len(rows), len(heads), style="Light Grid Accent 1")
        for cells, row in zip(table.rows, rows, strict=True):
            for cell, text in zip(cells.cells, row, strict=True):
                _fill(cell.paragraphs[0], [text])
                if isinstance(text, str) and text.replace(",", "").replace(".", "").isdigit():
                    cell.paragraphs[0].alignment = 2
        self._file.add_paragraph()

    def picture(self, figure: Any) -> None:
        """Add a Matplotlib figure at the full width of the text."""
        from docx.shared import Cm

        held = BytesIO()
        figure.savefig(held, format="png", dpi=150)
        held.seek(0)
        self._file.add_picture(held, width=Cm(15))

    def save(self, path: Path) -> None:
        """Write the file."""
        self._file.save(str(path))


def _fill(paragraph: Any, texts: Iterable[Text]) -> None:
    from docx.enum.text import WD_COLOR_INDEX

    for text in texts:
        run = paragraph.add_run(visible(str(text)))
        if isinstance(text, Blank):
            run.font.highlight_color = WD_COLOR_INDEX.YELLOW
