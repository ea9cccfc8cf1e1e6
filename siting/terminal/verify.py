"""What the terminal shows of a run that was held against itself."""

from __future__ import annotations

from rich.markup import escape

from siting.review import Verified
from siting.terminal.screen import Screen


def print_verified(found: Verified) -> None:
    """Print what was checked, what does not hold, and what could not be checked."""
    console = Screen()
    verdict = "[red]Does not hold[/red]" if found.faults else "[green]Holds[/green]"
    console.print(f"{verdict}: {escape(str(found.folder))}", soft_wrap=True)
    for what, words in found.held.items():
        console.print(f"  {what:<10} {escape(words)}", soft_wrap=True)
    for fault in found.faults:
        console.print(f"  {fault}", soft_wrap=True, markup=False)
    for note in found.notes:
        console.print(f"[yellow]Note:[/yellow] {escape(note)}", soft_wrap=True)
