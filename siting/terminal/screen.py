"""The console that all printing goes through: no text of a user's commands the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from siting.errors import visible


class Screen(Console):
    """A console on which texts hold no markup, and their control characters do nothing."""

    def __init__(self, **kept: Any) -> None:
        super().__init__(highlight=False, markup=False, **kept)

    def note(self, text: str, head: str = "Note", style: str = "yellow") -> None:
        """Print what a reader must know, behind a coloured word."""
        self.print(Text.assemble((f"{head}:", style), f" {text}"), soft_wrap=True)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the pieces of what is printed, with texts made harmless."""
        for piece in super().render(renderable, options):
            text = piece.text if piece.control else visible(piece.text)
            yield piece if text is piece.text else Segment(text, piece.style, piece.control)
