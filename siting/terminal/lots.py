"""Terminal output of a plan in lots: their spread, and a line for each."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table

from siting.lots import Lots
from siting.terminal.screen import NARROW, Screen


def print_lots(parted: Lots, folder: Path) -> None:
    """Print the lots, their spread, and their folder."""
    console = Screen()
    console.print()
    console.say(f"{parted.title}: lots ({parted.facts['lots']})", style="bold")
    if parted.note:
        console.print(parted.note, style="yellow")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Lot", justify="right", no_wrap=True)
    table.add_column("About", overflow="ellipsis", no_wrap=True, max_width=30)
    for name in ("Stations", "kWh/day", "kW", "Ceiling, m"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in parted.lots.to_dict("records"):
        figures = ("stations", "energy_kwh_day", "least_power_kw")
        money = f"{row['ceiling_pkr'] / 1e6:,.2f}"
        table.add_row(
            str(row["lot"]), str(row["about"]), *(f"{row[name]:,.0f}" for name in figures), money
        )
    console.print(table)
    console.notes(parted.notes)
    console.print(f"Written to {folder}", soft_wrap=True)
