"""Terminal output of plans, demand, frontiers, awards, replans and lots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from siting.demand import PROJECTED_AFTER
from siting.shown import Column
from siting.sites.chargers_text import told_as
from siting.terminal.screen import Screen, chargers, site_columns

if TYPE_CHECKING:
    from siting.awards import Award
    from siting.lots import Lots
    from siting.plan import Plan
    from siting.review.replan import Replan
    from siting.study import DemandRun


_SURE = {"ASSUMPTION": "assumed", "definition": "defined"}
BIDS_SHOWN = SITES_SHOWN = 15
CHANGES_SHOWN = 12
SIDES = ("before", "after")


def print_plan(plan: Plan, folder: Path) -> None:
    """Print a plan: headline, classes served, largest stations, and warnings."""
    console = Screen()
    console.warn_if_far(plan.outcome.gap)
    console.heading(plan.title, plan.note)
    console.pairs(plan.headline())
    console.print()
    columns = [
        Column("Vehicle class", "vehicle_class", "_"),
        Column("Wanted kWh/day", "demand_kwh_day", ",.0f"),
        Column("Served kWh/day", "served_kwh_day", ",.0f"),
        Column("Share", "served_share", ".1%"),
    ]
    console.table(columns, plan.classes)
    _print_sites(plan, console)
    console.written(folder, plan.facts.get("warnings", []))


def _print_sites(plan: Plan, console: Screen) -> None:
    new = plan.new_sites.sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
    if new.empty:
        return
    columns = [
        *site_columns(),
        Column("Build", chargers, overflow="fold", min_width=13),
        Column("PKR m", "subsidy_pkr", ",.2f", per=1e6, min_width=6),
        Column("kWh/day", "served_kwh_day", ",.0f", min_width=7),
        Column("Use", "use_share", ".0%", min_width=4),
    ]
    more = "… and {:,} more in sites.csv (PKR m: subsidy)"
    console.table(columns, pd.DataFrame(new.drop(columns="geometry")), most=SITES_SHOWN, more=more)
    built = new.drop_duplicates("configuration").sort_values("configuration")
    for row in built.itertuples(index=False):
        if told_as(row.configuration, row.chargers) == row.configuration:
            console.say(f"  {row.configuration}: {row.chargers}")
    console.print()


def print_demand(wanted: DemandRun, folder: Path) -> None:
    """Print the demand: energy per class with ranges, fleet, and the most important figures."""
    console = Screen()
    title = f"{wanted.title}: demand for public charging in {wanted.year}"
    console.heading(title + " (projection)" * (wanted.year > PROJECTED_AFTER))
    columns = [
        Column("Vehicle class", "vehicle_class", "_", no_wrap=True),
        Column("Vehicles", "vehicles", ",.0f"),
        Column("kWh/day", "demand_kwh_day", ",.0f"),
        Column("Median", "p50_kwh_day", ",.0f"),
        Column("5-95 %", lambda r: f"{r['p05_kwh_day']:,.0f}-{r['p95_kwh_day']:,.0f}", ">"),
        Column("Sessions", "sessions_day", ",.0f"),
        Column("kW", "peak_hour_kw", ",.0f"),
    ]
    console.table(columns, wanted.classes, bold=lambda row: row["vehicle_class"] == "all")
    for row in wanted.fleet.itertuples(index=False):
        shown = "{:,.0f}" if row.unit == "vehicles" else "{:.1%}"
        verdict = "within" if row.within else "outside"
        console.say(
            f"  {row.item}: model {shown.format(row.model)}, published "
            f"{shown.format(row.published)} ({row.difference_share:+.1%}, {verdict} tolerance)",
            style=None if row.within else "red",
        )
    if len(wanted.fleet):
        console.say(
            "  The fleet is fitted to these figures: the comparison shows that it reproduces "
            "them, and is not a test."
        )
    for title, swings, column, unit in (
        ("What moves the total most", wanted.total_swings, "swing_share", "of the total"),
        ("What moves the map most", wanted.map_swings, "moved_cells_share", "of the energy moves"),
    ):
        if len(swings):
            columns = [
                Column("Figure", "figure", no_wrap=True),
                Column("Of", lambda row: row["vehicle_class"] or "all", "_", overflow="fold"),
                Column(unit, column, ".1%"),
                Column("Sure", lambda row: _SURE.get(row["confidence"], row["confidence"]),
                       no_wrap=True),
            ]  # fmt: skip
            console.table(columns, swings.head(6), title=title)
    console.written(folder, wanted.notes)


def print_frontier(frontier: pd.DataFrame, folder: Path) -> None:
    """Print, for each budget, the energy that its plan serves and the bound on that energy."""
    console = Screen()
    console.warn_if_far(frontier["gap"].max(skipna=False))
    columns = [
        Column("PKR m", "budget_pkr", ",.1f", per=1e6),
        Column("kWh/day", "served_kwh_day", ",.0f"),
        Column("Share", "served_share", ".1%"),
        Column("At most", "bound_kwh_day", ",.0f"),
        Column("Gap", "gap", ".2%"),
        Column("New", "new_stations", ",.0f"),
        Column("PKR a kWh", "pkr_per_kwh_day", ",.0f"),
        Column("Worst", "worst_zone_share", ".0%"),
        Column("At risk", "risk_subsidy_pkr", ",.1f", per=1e6),
        Column("", lambda row: "knee" if row["knee"] else "", ">"),
    ]
    console.table(columns, frontier)
    console.say(
        "PKR a kWh: extra subsidy per extra kWh/day, compared with the next lower budget. Worst: "
        "share served in the worst-served zone."
    )
    case = next(iter(frontier["risk_case"]), "")
    if case:
        console.say(f"At risk: PKR m of public money in stations below NPV 0 in {case}.")
    console.written(folder)


def print_award(made: Award) -> None:
    """Print the winners, each loser's critical ask, and the payments under each rule."""
    console, outcome = Screen(), made.plan.outcome
    console.heading(f"{made.plan.title}: award", made.plan.note)
    share = outcome.served_kwh_day / outcome.demand_kwh_day if outcome.demand_kwh_day else 0.0
    console.say(
        f"{len(made.winners):,} of {len(made.winners) + len(made.losers):,} bids win; "
        f"{outcome.served_kwh_day:,.0f} kWh/day served ({share:.1%}), proven within "
        f"{outcome.gap:.2%}"
    )
    adds, over = f"Adds, {outcome.proof.unit}", "Lost by, PKR m"
    _print_bids(console, "Winners", made.winners, _figure(adds, "adds", ",.0f"))
    _print_bids(console, "Losers", made.losers, _figure(over, "over_pkr", ",.3f", 1e6))
    rows = [
        (row["rule"], [_millions(row["low_pkr"], row["high_pkr"])])
        for row in made.payments.to_dict("records")
        if row["rule"] != "rents paid" or row["high_pkr"]
    ]
    rows.append(("budget", [f"{outcome.budget_pkr / 1e6:,.3f}"]))
    console.texts(["Public money", "PKR m"], rows, whole=True)
    console.written(made.folder, made.notes)


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
        _figure("Ask, PKR m", _asked),
        _figure(
            "Critical",
            lambda row: _millions(row["critical_low_pkr"], row["critical_high_pkr"]),
        ),
        last,
    ]
    console.table(columns, bids, most=BIDS_SHOWN, more="{:,} more in " + f"{title.lower()}.csv")


def _asked(row: Any) -> str:
    rent, ask = row["rent_pkr"] / 1e6, row["ask_pkr"] / 1e6
    return f"pays {rent:,.3f}" if rent > 0 else f"{ask:,.3f}"


def _millions(low: float, high: float) -> str:
    from siting.awards.award_page import between

    return between(low, high, 1e6, ",.3f")


def print_replan(replanned: Replan) -> None:
    """Print the changes between two plans in stations, energy per class and public money."""
    console = Screen()
    console.warn_if_far(replanned.after.outcome.gap)
    console.heading(f"{replanned.after.title}: planned again", replanned.after.note)
    _print_figures(console, replanned)
    _print_stations(console, replanned.changes)
    console.written(replanned.folder, replanned.notes)


def _print_figures(console: Screen, replanned: Replan) -> None:
    rows: list[tuple[str, list[str]]] = []

    def row(name: str, before: float, after: float, places: int = 0) -> None:
        change = after - before
        shown = f"{change:+,.{places}f}" if abs(change) >= 0.5 * 10**-places else "same"
        rows.append((name, [f"{before:,.{places}f}", f"{after:,.{places}f}", shown]))

    old, new = replanned.before, replanned.after
    row("New stations", len(old.new_sites), len(new.new_sites))
    row("Budget, PKR m", old.outcome.budget_pkr / 1e6, new.outcome.budget_pkr / 1e6, 2)
    row("Subsidy, PKR m", old.outcome.subsidy_pkr / 1e6, new.outcome.subsidy_pkr / 1e6, 2)
    row("Cost in all, PKR m", old.outcome.cost_pkr / 1e6, new.outcome.cost_pkr / 1e6, 2)
    row("Served, kWh/day", old.served_kwh_day, new.served_kwh_day)
    for line in replanned.classes.fillna(0.0).to_dict("records"):
        name = "  " + str(line["vehicle_class"]).replace("_", " ")
        row(name, line["served_kwh_day_before"], line["served_kwh_day_after"])
    points = f"{100 * (new.served_share - old.served_share):+.1f} points"
    rows.append(("Share served", [f"{old.served_share:.1%}", f"{new.served_share:.1%}", points]))
    rows.append(("Proven gap", [f"{old.outcome.gap:.2%}", f"{new.outcome.gap:.2%}", ""]))
    console.texts(["", "Before", "After", "Change"], rows, whole=True)
    for plan, word in ((old, "before"), (new, "after")):
        if plan.outcome.status != "optimal":
            console.note(plan.outcome.stopped, f"The plan {word} is not proven optimal")


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
    for figure in ("subsidy_pkr", "served_kwh_day"):
        shown = shown.assign(**{figure: shown[f"{figure}_after"] - shown[f"{figure}_before"]})
    columns = [
        *site_columns(),
        Column("Change", "change", no_wrap=True, min_width=18),
        Column("Build", _builds, overflow="fold", min_width=13),
        Column("PKR m", "subsidy_pkr", "+,.2f", per=1e6, min_width=7),
        Column("kWh/day", "served_kwh_day", "+,.0f", min_width=7),
    ]
    console.table(columns, shown.head(CHANGES_SHOWN))
    if len(changes) > min(len(shown), CHANGES_SHOWN):
        console.print("changes.csv has every change (PKR m: change of subsidy)")


def _builds(row: Any) -> str:
    """Return a station's chargers before and after a change; only once if they are equal."""
    sides = [(row[f"configuration_{side}"], row[f"chargers_{side}"]) for side in SIDES]
    return " to ".join(dict.fromkeys(told_as(*side) for side in sides if isinstance(side[0], str)))


def print_lots(parted: Lots, folder: Path) -> None:
    """Print the lots, the differences between them, and the path of their folder."""
    from siting.lots.annex import SHORT

    console = Screen()
    console.heading(f"{parted.title}: lots ({parted.facts['lots']})", parted.note)
    console.table(SHORT, parted.lots)
    console.written(folder, parted.notes)
