"""Terminal output of a changed plan: new and dropped stations, and the cost."""

from __future__ import annotations

from typing import Any

import pandas as pd
from rich import box
from rich.table import Table

from siting.plan import Plan
from siting.review.replan import Replan
from siting.sites.chargers_text import told_as
from siting.terminal.screen import NARROW, Screen

MOST_ROWS = 12
SIDES = ("before", "after")


def print_replan(replanned: Replan) -> None:
    """Print the changes between two plans: stations, energy by class, money."""
    console = Screen()
    console.warn_if_far(replanned.after.outcome.gap)
    console.print()
    console.say(f"{replanned.after.title}: planned again", style="bold")
    if replanned.after.note:
        console.print(replanned.after.note, style="yellow")
    _print_figures(console, replanned)
    _print_stations(console, replanned.changes)
    console.notes(replanned.notes)
    console.print(f"Written to {replanned.folder}", soft_wrap=True)


def _print_figures(console: Any, replanned: Replan) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("", no_wrap=True)
    for name in ("Before", "After", "Change"):
        table.add_column(name, justify="right", no_wrap=True)

    def row(name: str, before: float, after: float, places: int = 0) -> None:
        change = after - before
        shown = f"{change:+,.{places}f}" if abs(change) >= 0.5 * 10**-places else "same"
        table.add_row(name, f"{before:,.{places}f}", f"{after:,.{places}f}", shown)

    old, new = replanned.before, replanned.after
    row("New stations", len(old.new_sites), len(new.new_sites))
    row("Budget, PKR m", old.outcome.budget_pkr / 1e6, new.outcome.budget_pkr / 1e6, 2)
    row("Subsidy, PKR m", old.outcome.subsidy_pkr / 1e6, new.outcome.subsidy_pkr / 1e6, 2)
    row("Cost in all, PKR m", old.outcome.cost_pkr / 1e6, new.outcome.cost_pkr / 1e6, 2)
    row("Served, kWh/day", _served(old), _served(new))
    for line in replanned.classes.fillna(0.0).to_dict("records"):
        name = "  " + str(line["vehicle_class"]).replace("_", " ")
        row(name, line["served_kwh_day_before"], line["served_kwh_day_after"])
    table.add_row("Share served", f"{old.served_share:.1%}", f"{new.served_share:.1%}",
                  f"{100 * (new.served_share - old.served_share):+.1f} points")  # fmt: skip
    table.add_row("Proven gap", f"{old.outcome.gap:.2%}", f"{new.outcome.gap:.2%}", "")
    console.print(table)
    for plan, word in ((old, "before"), (new, "after")):
        if plan.outcome.status != "optimal":
            console.note(plan.outcome.stopped, f"The plan {word} is not proven optimal")


def _served(plan: Plan) -> float:
    return float(plan.classes["served_kwh_day"].sum())


def _print_stations(console: Any, changes: pd.DataFrame) -> None:
    if changes.empty:
        console.print("No station changes.")
        return
    counts = changes["change"].value_counts()
    words = [f"{counts[name]:,} {str(name).replace('serves', 'serving')}" for name in counts.index]
    console.print("Stations: " + ", ".join(words))
    shown = changes[~changes["change"].str.startswith("serves")]
    if shown.empty:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("Site", no_wrap=True, min_width=5)
    table.add_column("Name", overflow="fold")
    table.add_column("Change", no_wrap=True, min_width=18)
    table.add_column("Build", overflow="fold", min_width=13)
    for name in ("PKR m", "kWh/day"):
        table.add_column(name, justify="right", no_wrap=True, min_width=7)
    for row in shown.head(MOST_ROWS).to_dict("records"):
        sides = [(row[f"configuration_{side}"], row[f"chargers_{side}"]) for side in SIDES]
        kinds = dict.fromkeys(told_as(*side) for side in sides if isinstance(side[0], str))
        pkr = row["subsidy_pkr_after"] - row["subsidy_pkr_before"]
        kwh = row["served_kwh_day_after"] - row["served_kwh_day_before"]
        table.add_row(
            str(row["site_id"]),
            row["name"] if isinstance(row["name"], str) else "",
            str(row["change"]),
            " to ".join(kinds),
            f"{pkr / 1e6:+,.2f}",
            f"{kwh:+,.0f}",
        )
    console.print(table)
    if len(changes) > min(len(shown), MOST_ROWS):
        console.print("changes.csv has every change (PKR m: subsidy more or less)")
