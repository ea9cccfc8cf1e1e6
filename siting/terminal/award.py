"""What the terminal shows of an award: winners, losers with their critical asks, the money."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from siting.awards import Award
from siting.terminal.screen import Column, Screen

MOST_ROWS = 15


def print_award(made: Award) -> None:
    """Print who wins, what each loser could have asked for, and what both rules pay."""
    console, outcome = Screen(), made.plan.outcome
    console.heading(f"{made.plan.title}: award", made.plan.note)
    share = outcome.served_kwh_day / outcome.demand_kwh_day if outcome.demand_kwh_day else 0.0
    console.say(
        f"{len(made.winners):,} of {len(made.winners) + len(made.losers):,} bids win; "
        f"{outcome.served_kwh_day:,.0f} kWh/day served ({share:.1%}), proven within "
        f"{outcome.gap:.2%}"
    )
    adds, over = f"Adds, {outcome.proof.unit}", "Over, PKR m"
    _print_bids(console, "Winners", made.winners, _figure(adds, "adds", ",.0f"))
    _print_bids(console, "Losers", made.losers, _figure(over, "over_pkr", ",.3f", 1e6))
    rows = [
        (row["rule"], _between(row["low_pkr"], row["high_pkr"]))
        for row in made.payments.to_dict("records")
        if row["rule"] != "rents paid" or row["high_pkr"]
    ]
    console.table(
        [
            Column("Public money", lambda row: row[0], no_wrap=True),
            Column("PKR m", lambda row: row[1], ">"),
        ],
        [*rows, ("budget", f"{outcome.budget_pkr / 1e6:,.3f}")],
    )
    console.notes(made.notes)
    if made.folder is not None:
        console.written(made.folder)


def _figure(head: str, value: Any, form: str = ">", per: float = 1) -> Column:
    return Column(head, value, form, per=per, overflow="fold", min_width=7, max_width=15)


def _print_bids(console: Screen, title: str, bids: pd.DataFrame, last: Column) -> None:
    if bids.empty:
        console.print(f"{title}: none.")
        return
    columns = [
        Column(title, "bid", overflow="fold", min_width=6, max_width=14),
        Column("Bidder", "bidder", overflow="fold", min_width=6, max_width=14),
        Column("Place", "name", overflow="fold", min_width=8),
        _figure("Ask, PKR m", lambda row: row["ask_pkr"] or -row["rent_pkr"], ",.3f", 1e6),
        _figure(
            "Critical", lambda row: _between(row["critical_low_pkr"], row["critical_high_pkr"])
        ),
        last,
    ]
    console.table(columns, bids, most=MOST_ROWS, more="{:,} more in " + f"{title.lower()}.csv")


def _between(low: float, high: float) -> str:
    """Return a sum in millions, or two where it is not proven."""
    if math.isnan(low):
        return "not asked"
    if high < 0:
        return "none"
    least, most = (f"{max(pkr, 0.0) / 1e6:,.3f}" for pkr in (low, high))
    if not math.isfinite(high):
        return f"{least} or more"
    return most if high - low < 1 else f"{least}-{most}"
