"""What the terminal shows of a plan from outside beside the best for the same money."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from siting.review.evaluate import Evaluation
from siting.terminal.screen import NARROW, Screen


def print_evaluation(found: Evaluation, folder: Path) -> None:
    """Print the answer, the figures side by side, the rules broken, and where it was written."""
    console = Screen()
    console.print()
    console.say(found.title, style="bold")
    if found.note:
        console.print(found.note, style="yellow")
    console.print(found.sentence)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=NARROW)
    table.add_column("")
    for name in found.scores:
        table.add_column("Theirs" if name == "theirs" else "Best", justify="right", no_wrap=True)
    for text, values in _rows(found):
        table.add_row(text, *values)
    console.print(table)
    if found.broken:
        console.print("Their plan breaks these rules and is scored all the same:", style="bold")
        for line in found.broken:
            console.indented(line, 2)
    console.notes(found.notes)
    console.print(f"Written to {folder}", soft_wrap=True)


def _rows(found: Evaluation) -> list[tuple[str, list[str]]]:
    scores = list(found.scores.values())

    def each(show: Any) -> list[str]:
        return [show(score) for score in scores]

    rows = [
        ("Energy served, kWh/day", each(lambda s: f"{s['served_kwh_day']:,.0f}")),
        ("  share of what is wanted", each(lambda s: f"{s['served_share']:.1%}")),
    ]
    for i, row in enumerate(scores[0]["classes"]):
        name = str(row["vehicle_class"]).replace("_", " ")
        rows.append((f"  {name}", [_share(s["classes"][i]["served_share"]) for s in scores]))
    first = scores[0]
    return [
        *rows,
        ("New stations", each(lambda s: f"{s['new_stations']:,} ({s['power_kw']:,.0f} kW)")),
        ("Subsidy, PKR m", each(lambda s: f"{s['subsidy_pkr'] / 1e6:,.2f}")),
        ("Cost in all, PKR m", each(lambda s: f"{s['cost_pkr'] / 1e6:,.2f}")),
        ("Subsidy a kWh/day, PKR", each(lambda s: _number(s["subsidy_pkr_per_kwh_day"]))),
        ("Mean drive, min", each(lambda s: _number(s["mean_travel_min"], 1))),
        (
            f"Wait over {first['wait_min']:g} min at the busiest hour",
            each(lambda s: f"{s['late_share']:.0%}"),
        ),
        (f"Stations where over {first['alpha']:.0%} do", each(lambda s: f"{s['late_stations']:,}")),
        ("People where nothing is served", each(lambda s: f"{s['people_left_out_share']:.1%}")),
        ("Unevenness over the city (Gini)", each(lambda s: f"{s['gini']:.2f}")),
    ]


def _share(value: Any) -> str:
    return "" if value is None or value != value else f"{value:.1%}"


def _number(value: Any, decimals: int = 0) -> str:
    return "" if value is None else f"{value:,.{decimals}f}"
