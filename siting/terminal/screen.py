"""The console of all printing: texts of a user's files cannot move the cursor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import Padding
from rich.segment import Segment
from rich.text import Text

from siting.texts import visible

# Space around the columns of a table: so narrow that ten columns fit 80 characters.
NARROW = (0, 1, 0, 0)


class Screen(Console):
    """A console on which texts hold no markup, and their control characters do nothing."""

    def __init__(self, **kept: Any) -> None:
        super().__init__(highlight=False, markup=False, **kept)

    def say(self, text: RenderableType, style: str | None = None) -> None:
        """Print sentences: broken between words in a terminal, a line each where they are piped."""
        self.print(text, style=style, soft_wrap=not self.is_terminal)

    def note(self, text: str, head: str = "Note", style: str = "yellow") -> None:
        """Print a note, after a coloured word."""
        self.say(Text.assemble((f"{head}:", style), f" {text}"))

    def warn_if_far(self, gap: float | None) -> None:
        """Print, before all else, that a plan is far from proven, if it is."""
        from siting.engine.proof import far_in_words

        if words := far_in_words(gap):
            self.say(words, style="bold red")

    def notes(self, lines: Sequence[str]) -> None:
        """Print all that a reader must know under one head."""
        if len(lines) == 1:
            self.note(lines[0])
        elif lines:
            self.print("Notes:", style="yellow")
        for line in lines if len(lines) > 1 else ():
            self.indented(line, 2)

    def indented(self, line: str | Text, by: int) -> None:
        """Print a sentence some columns in, and all its lines where a terminal breaks it."""
        text = Text(line) if isinstance(line, str) else line
        self.say(Padding(text, (0, 0, 0, by)) if self.is_terminal else Text(" " * by) + text)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the pieces to print, with texts made harmless."""
        for piece in super().render(renderable, options):
            text = piece.text if piece.control else visible(piece.text)
            yield piece if text is piece.text else Segment(text, piece.style, piece.control)
