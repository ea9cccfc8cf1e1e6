"""What the terminal shows of a plan in lots: how alike they are, and each in a line."""

from __future__ import annotations

from pathlib import Path

from siting.lots import Lots
from siting.terminal.screen import Column, Screen


def print_lots(parted: Lots, folder: Path) -> None:
    """Print the lots, how alike they are, and where their folder is."""
    console = Screen()
    console.heading(f"{parted.title}: lots ({parted.facts['lots']})", parted.note)
    console.table(
        [
            Column("Lot", "lot", ">"),
            Column("About", "about", overflow="ellipsis", no_wrap=True, max_width=30),
            Column("Stations", "stations", ",.0f"),
            Column("kWh/day", "energy_kwh_day", ",.0f"),
            Column("kW", "least_power_kw", ",.0f"),
            Column("Ceiling, m", "ceiling_pkr", ",.2f", per=1e6),
        ],
        parted.lots,
    )
    console.notes(parted.notes)
    console.written(folder)
