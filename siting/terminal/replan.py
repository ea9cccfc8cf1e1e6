"""What the terminal shows of a plan changed: what is built now that was not, and what it costs."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pandas as pd

from siting.plan import Plan
from siting.review.replan import Replan
from siting.sites.chargers_text import told_as
from siting.terminal.screen import Column, Screen, site_columns

MOST_ROWS = 12
SIDES = ("before", "after")


def print_replan(replanned: Replan) -> None:
    """Print what changed between two plans: stations, energy by class, money."""
    console = Screen()
    console.warn_if_far(replanned.after.outcome.gap)
    console.heading(f"{replanned.after.title}: planned again", replanned.after.note)
    _print_figures(console, replanned)
    _print_stations(console, replanned.changes)
    console.notes(replanned.notes)
    console.written(replanned.folder)


def _print_figures(console: Screen, replanned: Replan) -> None:
    rows: list[tuple[str, str, str, str]] = []

    def row(name: str, before: float, after: float, places: int = 0) -> None:
        change = after - before
        shown = f"{change:+,.{places}f}" if abs(change) >= 0.5 * 10**-places else "same"
        rows.append((name, f"{before:,.{places}f}", f"{after:,.{places}f}", shown))

    old, new = replanned.before, replanned.after
    row("New stations", len(old.new_sites), len(new.new_sites))
    row("Budget, PKR m", old.outcome.budget_pkr / 1e6, new.outcome.budget_pkr / 1e6, 2)
    row("Subsidy, PKR m", old.outcome.subsidy_pkr / 1e6, new.outcome.subsidy_pkr / 1e6, 2)
    row("Cost in all, PKR m", old.outcome.cost_pkr / 1e6, new.outcome.cost_pkr / 1e6, 2)
    row("Served, kWh/day", _served(old), _served(new))
    for line in replanned.classes.fillna(0.0).to_dict("records"):
        name = "  " + str(line["vehicle_class"]).replace("_", " ")
        row(name, line["served_kwh_day_before"], line["served_kwh_day_after"])
    points = f"{100 * (new.served_share - old.served_share):+.1f} points"
    rows.append(("Share served", f"{old.served_share:.1%}", f"{new.served_share:.1%}", points))
    rows.append(("Proven gap", f"{old.outcome.gap:.2%}", f"{new.outcome.gap:.2%}", ""))
    first = Column("", itemgetter(0), no_wrap=True)
    heads = enumerate(("Before", "After", "Change"), 1)
    console.table([first, *(Column(head, itemgetter(at), ">") for at, head in heads)], rows)
    for plan, word in ((old, "before"), (new, "after")):
        if plan.outcome.status != "optimal":
            console.note(plan.outcome.stopped, f"The plan {word} is not proven optimal")


def _served(plan: Plan) -> float:
    return float(plan.classes["served_kwh_day"].sum())


def _print_stations(console: Screen, changes: pd.DataFrame) -> None:
    if changes.empty:
        console.print("No station changes.")
        return
    counts = changes["change"].value_counts()
    words = [f"{counts[name]:,} {str(name).replace('serves', 'serving')}" for name in counts.index]
    console.print("Stations: " + ", ".join(words))
    shown = changes[~changes["change"].str.startswith("serves")]
    if shown.empty:
        return
    console.table(
        [
            *site_columns(),
            Column("Change", "change", no_wrap=True, min_width=18),
            Column("Build", _builds, overflow="fold", min_width=13),
            Column("PKR m", lambda row: _more(row, "subsidy_pkr"), "+,.2f", per=1e6, min_width=7),
            Column("kWh/day", lambda row: _more(row, "served_kwh_day"), "+,.0f", min_width=7),
        ],
        shown.head(MOST_ROWS),
    )
    if len(changes) > min(len(shown), MOST_ROWS):
        console.print("changes.csv has every change (PKR m: subsidy more or less)")


def _builds(row: Any) -> str:
    """Return what a station has before and after, once where it is the same."""
    sides = [(row[f"configuration_{side}"], row[f"chargers_{side}"]) for side in SIDES]
    return " to ".join(dict.fromkeys(told_as(*side) for side in sides if isinstance(side[0], str)))


def _more(row: Any, figure: str) -> float:
    return float(row[f"{figure}_after"] - row[f"{figure}_before"])
