"""What the terminal shows of an award: winners, losers with their critical asks, the money."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from siting.awards import Award
from siting.awards.page import between
from siting.terminal.screen import NARROW, Screen

MOST_ROWS = 15
_MILLIONS = (1e6, ",.3f")


def print_award(made: Award) -> None:
    """Print who wins, what each loser could have asked for, and what both rules pay."""
    console, outcome = Screen(), made.plan.outcome
    console.print()
    console.say(f"{made.plan.title}: award", style="bold")
    if made.plan.note:
        console.print(made.plan.note, style="yellow")
    share = outcome.served_kwh_day / outcome.demand_kwh_day if outcome.demand_kwh_day else 0.0
    console.say(
        f"{len(made.winners):,} of {len(made.winners) + len(made.losers):,} bids win; "
        f"{outcome.served_kwh_day:,.0f} kWh/day served ({share:.1%}), proven within "
        f"{outcome.gap:.2%}"
    )
    _print_bids(
        console, "Winners", made.winners, "adds", f"Adds, {outcome.proof.unit}", Path("winners.csv")
    )
    _print_bids(console, "Losers", made.losers, "over_pkr", "Over, PKR m", Path("losers.csv"))
    money = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    money.add_column("Public money", no_wrap=True)
    money.add_column("PKR m", justify="right", no_wrap=True)
    for row in made.payments.to_dict("records"):
        if row["rule"] != "rents paid" or row["high_pkr"]:
            money.add_row(str(row["rule"]), between(row["low_pkr"], row["high_pkr"], *_MILLIONS))
    money.add_row("budget", f"{outcome.budget_pkr / 1e6:,.3f}")
    console.print(money)
    console.notes(made.notes)
    if made.folder is not None:
        console.print(f"Written to {made.folder}", soft_wrap=True)


def _print_bids(
    console: Any, title: str, bids: pd.DataFrame, column: str, head: str, rest: Path
) -> None:
    if bids.empty:
        console.print(f"{title}: none.")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column(title, overflow="fold", min_width=6, max_width=14)
    table.add_column("Bidder", overflow="fold", min_width=6, max_width=14)
    table.add_column("Place", overflow="fold", min_width=8)
    for name in ("Ask, PKR m", "Critical", head):
        table.add_column(name, justify="right", overflow="fold", min_width=7, max_width=15)
    for row in bids.head(MOST_ROWS).to_dict("records"):
        last = row[column]
        known = isinstance(last, float) and math.isfinite(last)
        told = f"{last / 1e6:,.3f}" if column.endswith("_pkr") else f"{last:,.0f}"
        table.add_row(
            str(row["bid"]),
            str(row["bidder"]),
            str(row["name"]),
            f"{(row['ask_pkr'] or -row['rent_pkr']) / 1e6:,.3f}",
            between(row["critical_low_pkr"], row["critical_high_pkr"], *_MILLIONS),
            told if known else "",
        )
    console.print(table)
    if len(bids) > MOST_ROWS:
        console.print(f"{len(bids) - MOST_ROWS:,} more in {rest}")
