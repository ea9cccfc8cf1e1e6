"""Terminal output of a run checked from its own files."""

from __future__ import annotations

from rich.text import Text

from siting.review import Verified
from siting.terminal.screen import Screen


def print_verified(verified: Verified) -> None:
    """Print the checks, the faults, and what could not be checked."""
    console = Screen()
    verdict = ("Does not hold", "red") if verified.faults else ("Holds", "green")
    console.say(Text.assemble(verdict, f": {verified.folder!s}"))
    for what, words in verified.held.items():
        console.say(f"  {what:<10} {words}")
    for fault in verified.faults:
        console.indented(str(fault), 2)
    console.notes(verified.notes)
