"""Pictures of a plan: a map, and charts of costs, use, yearly figures and a simulated day.

The colours differ in lightness and some bars are hatched, so that the charts are legible in
greyscale and for colour-blind readers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.errors import InputError, naming, refuse
from siting.export.credit import noted
from siting.export.figure import FORMATS, new_figure, save_figure
from siting.export.fonts import legible
from siting.export.ground import INK, NEW, QUIET
from siting.export.layers import demand_layer
from siting.export.maps import plan_figure
from siting.texts import counted
from siting.writing import require_free

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SERVED, LACKING, LACKING_EDGE, PUBLIC = "#00694e", "#fbdcc4", "#d55e00", "#0072b2"
GRID = "#e5e7eb"
# How drivers choose a station on a simulated day.
_CASES = (("planned", "as planned", NEW), ("free", "free choice, all drivers", "#c2410c"))
# Hourly charts of a simulated day: table column, factor, title and unit.
_BY_HOUR = (
    ("use_share", 100, "Ports in use", "%"),
    ("late_share", 100, "Late or turned away", "% of drivers"),
    ("wait_mean_min", 1, "Mean wait of drivers who stay", "min"),
)
_LACKING: dict[str, Any] = {"color": LACKING, "ec": LACKING_EDGE, "hatch": "////", "lw": 0.6}
_STANDING: dict[str, Any] = {"color": "#f0c419", "ec": INK, "hatch": "....", "lw": 0.5}
# Background that hides grid lines behind text.
_CLEAR = {"boxstyle": "square,pad=0.1", "facecolor": "white", "edgecolor": "none"}
_PARTS = {
    "charger_cost_pkr": "Chargers", "grid_cost_pkr": "Grid works",
    "connection_cost_pkr": "Grid connection", "line_cost_pkr": "11 kV line",
    "upgrade_cost_pkr": "Grid upgrade", "civil_cost_pkr": "Civil works", "land_cost_pkr": "Land",
    "design_cost_pkr": "Design and permits", "contingency_cost_pkr": "Contingency",
    "deposit_cost_pkr": "Security deposit", "fee_cost_pkr": "Fees",
}  # fmt: skip
# Parts of the cost of grid works. If all are known, they are shown instead of their sum.
_GRID_PARTS = {"connection_cost_pkr", "line_cost_pkr", "upgrade_cost_pkr"}
PICTURES = {
    "map": "the plan on the map",
    "classes": "energy served by vehicle class",
    "cost": "what the new stations cost, and who pays",
    "use": "use of the stations",
    "years": "energy served year by year",
    "frontier": "energy served with each budget",
}
# Pictures that are drawn from a table of the same name in `Plan.tables`, and how to get that table.
_NEEDED = {
    "years": "set a budget for each year in program.years",
    "frontier": "put the table of `siting frontier` into plan.tables['frontier']",
}


def plot_plan(plan: Any, what: str) -> Figure:
    """Return the picture `what` (one of `PICTURES`) of a plan; see `siting.Plan.plot`."""
    if what not in PICTURES:
        raise InputError("plot", f"has no picture {what!r}", f"use one of {', '.join(PICTURES)}")
    if what in _NEEDED and what not in plan.tables:
        raise InputError("plot", f"needs the table {what}, which the plan lacks", _NEEDED[what])
    words = {"title": f"{plan.title}: {PICTURES[what]}", "note": noted(plan)}
    if what == "map":
        layer = demand_layer(plan.cells, plan.demand)
        words["title"] = plan.title
        return plan_figure(edges=plan.edges, cells_layer=layer, sites=plan.sites, **words)
    if what == "classes":
        return classes_figure(plan.classes, **words)
    if what == "cost":
        return cost_figure(plan.sites, plan.offers, **words)
    if what == "use":
        return use_figure(plan.sites, **words)
    draw = years_figure if what == "years" else frontier_figure
    return draw(plan.tables[what], **words)


def save_plan_pictures(plan: Any, folder: Path | str, formats: Sequence[str]) -> list[Path]:
    """Write the pictures whose tables a plan has; return the files (`Plan.save_pictures`)."""
    given = (formats,) if isinstance(formats, str) else tuple(formats)
    odd = [form for form in given if form not in FORMATS]
    refuse(naming("formats", "not known", odd, f"use {', '.join(FORMATS)}"))
    drawn = [what for what in PICTURES if what not in _NEEDED or what in plan.tables]
    files = {(what, end): Path(folder, f"{what}.{end}") for what in drawn for end in given}
    for path in files.values():
        require_free(path)
    for what in drawn:
        figure = plot_plan(plan, what)
        for ending in given:
            save_figure(figure, files[what, ending])
    return list(files.values())


def classes_figure(classes: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Return a bar chart of demand and energy served (kWh/day) by vehicle class, largest first.

    `classes` has ``vehicle_class``, ``demand_kwh_day``, ``served_kwh_day``.
    """
    rows = classes.sort_values("demand_kwh_day", kind="stable")
    figure, chart = _new_chart(1.6 + 0.42 * max(len(rows), 1))
    names = [str(name).replace("_", " ") for name in rows["vehicle_class"]]
    wanted, served = rows[["demand_kwh_day", "served_kwh_day"]].to_numpy(dtype=float).T
    at = np.arange(len(rows))
    chart.barh(at, served, color=SERVED, height=0.66, label="served")
    short = np.maximum(wanted - served, 0)
    chart.barh(at, short, left=served, height=0.66, label="not served", **_LACKING)
    for y, kwh, got in zip(at.tolist(), wanted, served, strict=True):
        _beside(chart, max(kwh, got), y, f"{_percent(got, kwh)} of {kwh:,.0f}")
    chart.set_yticks(at, names)
    chart.set(xlabel="kWh/day", xlim=(0, max(wanted.max(initial=0.0), 1.0) * 1.24))
    _across(chart)
    return _finished(figure, title, note, legend="lower right")


def cost_figure(sites: pd.DataFrame, offers: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Return a bar chart of the new stations' cost (PKR million), by component and by payer.

    `sites` has ``offer_id``, ``existing``, ``cost_pkr``, ``subsidy_pkr``. Costs that `offers` does
    not divide into parts are shown as "Other".
    """
    new = sites[~sites["existing"].astype(bool)]
    parts = cost_parts(new, offers)
    paid, cost = float(new["subsidy_pkr"].sum()), float(new["cost_pkr"].sum())
    payers = {"Public money": paid, "Operators": max(cost - paid, 0.0)}
    figure, chart = _new_chart(1.9 + 0.42 * (len(parts) + 2))
    labels = [*parts, *payers]
    amounts = np.array([*parts.values(), *payers.values()]) / 1e6
    # A gap separates the bars of the cost components from the bars of the payers.
    at = -np.arange(len(labels), dtype=float)
    at[len(parts) :] -= 0.9
    looks = [(QUIET, QUIET, "")] * len(parts)
    looks += [(PUBLIC, PUBLIC, ""), ("#cfe3f2", PUBLIC, "////")]
    for y, amount, (colour, edge, hatch) in zip(at, amounts, looks, strict=True):
        chart.barh(y, amount, color=colour, edgecolor=edge, hatch=hatch, height=0.66, linewidth=0.6)
        _beside(chart, amount, y, f"{amount:,.1f} ({_percent(amount, cost / 1e6)})")
    chart.set_yticks(at, labels)
    heads = {"Spent on": at[0] if parts else np.nan, "Paid by": at[len(parts)]}
    for words, y in heads.items():
        chart.text(0, y + 0.42, words, size=8.5, weight="bold", color=INK, va="bottom")
    chart.set(xlabel="PKR million", xlim=(0, max(amounts.max(initial=0.0), 1e-6) * 1.24))
    chart.set_ylim(at[-1] - 0.5, 0.95)
    _across(chart)
    return _finished(figure, title, note)


def cost_parts(new: pd.DataFrame, offers: pd.DataFrame) -> dict[str, float]:
    """Return each part of the new stations' cost (PKR), omitting parts that cost nothing."""
    built = offers[offers["offer_id"].isin(new["offer_id"])]
    known = set(offers.columns)
    known -= {"grid_cost_pkr"} if known >= _GRID_PARTS else _GRID_PARTS
    sums = {text: float(built[c].sum()) for c, text in _PARTS.items() if c in known}
    other = float(new["cost_pkr"].sum()) - sum(sums.values())
    # A remainder below a rupee is a rounding error.
    return {t: v for t, v in {**sums, "Other": other if other > 1.0 else 0.0}.items() if v > 0}


def use_figure(sites: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Return a bar chart of each station's capacity and energy served (kWh/day), largest first.

    `sites` has ``site_id``, ``existing``, ``capacity_kwh_day``, ``served_kwh_day``.
    """
    rows = sites.assign(
        # Without rounding, noise would decide the order of stations with the same capacity.
        room=sites["capacity_kwh_day"].fillna(sites["served_kwh_day"]).astype(float).round(3),
        got=sites["served_kwh_day"].astype(float).round(3),
    ).sort_values(["room", "got", "site_id"], ascending=[False, False, True], kind="stable")
    figure, chart = _new_chart(4.4)
    at = np.arange(len(rows))
    room, served = rows[["room", "served_kwh_day"]].to_numpy(dtype=float).T
    standing = rows["existing"].to_numpy(dtype=bool)
    left = room > served * 1.001 + 1e-6
    spare = (room - served)[left]
    chart.bar(at[left], spare, bottom=served[left], width=0.8, label="unused", **_LACKING)
    chart.bar(at[~standing], served[~standing], color=SERVED, width=0.8, label="served, new")
    if standing.any():
        chart.bar(at[standing], served[standing], width=0.8, label="served, existing", **_STANDING)
    if len(rows) <= 45:
        chart.set_xticks(at, rows["site_id"], rotation=90, size=8)
    else:
        chart.set_xticks([])
    busy = f"{_percent(served.sum(), room.sum())} of their capacity is used"
    chart.set(ylabel="kWh/day", xlim=(-0.8, max(len(rows) - 0.2, 1)))
    chart.set_xlabel(f"{counted(len(rows), 'station')}, the largest first; {busy}")
    _ruled(chart.yaxis)
    return _finished(figure, title, note, legend="upper right")


def years_figure(years: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Return a bar chart of demand and energy served (kWh/day) by year; labels state the spending.

    `years` has ``year``, ``demand_kwh_day``, ``served_kwh_day``, ``spent_pkr``.
    """
    figure, chart = _new_chart(4.4)
    at = np.arange(len(years))
    wanted, served = years[["demand_kwh_day", "served_kwh_day"]].to_numpy(dtype=float).T
    chart.bar(at, wanted, width=0.6, label="demand", **_LACKING)
    chart.bar(at, served, color=SERVED, width=0.6, label="served")
    for x, kwh, got in zip(at.tolist(), wanted, served, strict=True):
        chart.text(x, kwh, _percent(got, kwh), ha="center", va="bottom", size=9, color=INK)
    spent = years["spent_pkr"].to_numpy(dtype=float) / 1e6
    names = [f"{year}\nPKR {m:,.1f} m" for year, m in zip(years["year"], spent, strict=True)]
    chart.set_xticks(at, names)
    chart.set(ylabel="kWh/day", ylim=(0, max(wanted.max(initial=0.0), 1.0) * 1.12))
    _ruled(chart.yaxis)
    return _finished(figure, title, note, legend="upper left")


def frontier_figure(table: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Return a chart of the share of demand served with each budget, and of its upper bound.

    `table` has ``budget_pkr``, ``served_share``, ``served_kwh_day``, ``bound_kwh_day``, ``knee``,
    ``worst_class_share``.
    """
    figure, chart = _new_chart(5)
    money = table["budget_pkr"] / 1e6
    share = table["served_share"]
    whole_kwh = (table["served_kwh_day"] / share.where(share > 0)).max()
    limit = 100 * (table["bound_kwh_day"] / whole_kwh).clip(upper=1.0)
    chart.fill_between(money, 100 * share, limit, color=NEW, alpha=0.15, lw=0)
    chart.plot(money, 100 * share, color=NEW, marker="o", label="energy served")
    chart.plot([], [], color=NEW, alpha=0.3, lw=6, label="no plan is above this band")
    worst, text = 100 * table["worst_class_share"], "worst-served vehicle class"
    chart.plot(money, worst, color=QUIET, marker=".", ls="--", label=text)
    for row in table[table["knee"]].to_dict("records"):
        million = row["budget_pkr"] / 1e6
        chart.annotate(f"knee: PKR {million:,.0f} m", (million, 100 * row["served_share"]),
                       xytext=(8, -18), textcoords="offset points", color=INK)  # fmt: skip
    chart.set(xlabel="public money, PKR million", ylabel="share served, %", ylim=(0, 102))
    chart.grid(color=GRID)
    return _finished(figure, title, note, legend="lower right")


def draw_simulation(
    path: Path, *, hours: pd.DataFrame, stations: pd.DataFrame, title: str, note: str = ""
) -> None:
    """Draw a simulated day (PNG): port use, late drivers and waits by hour, and energy by station.

    `hours` has ``case``, ``hour``, ``use_share``, ``late_share``, ``wait_mean_min``. `stations` has
    ``allotted_kwh_day``, ``planned_delivered_kwh_day``, ``free_delivered_kwh_day``.
    """
    figure = new_figure(10.5, 7, layout="constrained")
    *by_hour, by_station = figure.subplots(2, 2).flat
    for case, label, colour in _CASES:
        in_case = hours[hours["case"] == case]
        for chart, (column, factor, *_) in zip(by_hour, _BY_HOUR, strict=True):
            chart.plot(in_case["hour"] + 0.5, in_case[column] * factor, color=colour, label=label)
        by_station.scatter(
            stations["allotted_kwh_day"], stations[f"{case}_delivered_kwh_day"],
            s=16, color=colour, alpha=0.6, lw=0, label=label,
        )  # fmt: skip
    most = float(stations["allotted_kwh_day"].max())
    by_station.plot([0, most], [0, most], color=QUIET, lw=0.8, ls="--", label="equal to the plan")
    for chart, (*_, text, unit) in zip(by_hour, _BY_HOUR, strict=True):
        _title_panel(chart, text, xlabel="hour of the day", ylabel=unit)
        chart.set(xlim=(0, 24), xticks=range(0, 25, 4))
    axes = {"xlabel": "allotted by the plan, kWh/day", "ylabel": "simulated, kWh/day"}
    _title_panel(by_station, "Energy by station", **axes)
    for chart in (by_hour[0], by_station):
        chart.legend(frameon=False, fontsize=8)
    save_figure(_finished(figure, title, note), path)


def _title_panel(chart: Axes, text: str, **labels: str) -> None:
    chart.set_title(text, loc="left", size=10, weight="bold", color=INK)
    chart.set(**labels)
    chart.grid(color=GRID)
    chart.spines[["top", "right"]].set_visible(False)
    chart.set_ylim(bottom=0)


def _new_chart(height_in: float) -> tuple[Figure, Axes]:
    figure = new_figure(8, height_in, layout="constrained")
    engine: Any = figure.get_layout_engine()
    engine.set(w_pad=0.15, h_pad=0.1)
    chart = figure.add_subplot()
    chart.spines[["top", "right"]].set_visible(False)
    chart.set_axisbelow(True)
    return figure, chart


def _finished(figure: Figure, title: str, note: str, *, legend: Any = None) -> Figure:
    """Return the figure with a title, a note and, if `legend` is given, a legend in that place."""
    if legend:
        figure.axes[0].legend(frameon=False, loc=legend)
    title, _, note, fonts = legible(title, "", note)
    width = figure.get_size_inches()[0]
    style: dict[str, Any] = {"x": 0.02, "ha": "left", "parse_math": False, **fonts}
    lines = "\n".join(textwrap.wrap(title, int(width * 9)))
    figure.suptitle(lines, size=12, color=INK, weight="bold", **style)
    if note:
        lines = "\n".join(textwrap.wrap(note, int(width * 16)))
        figure.supxlabel(lines, size=7, color=QUIET, **style)
    return figure


def _beside(chart: Axes, x: float, y: float, text: str) -> None:
    """Write a label to the right of a bar."""
    at: dict[str, Any] = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
    chart.annotate(text, (x, y), size=8.5, color=INK, bbox=_CLEAR, **at)


def _across(chart: Axes) -> None:
    _ruled(chart.xaxis)
    chart.tick_params(axis="y", length=0)


def _ruled(axis: Any) -> None:
    axis.grid(color=GRID)
    axis.set_major_formatter("{x:,.0f}")


def _percent(part: float, whole: float) -> str:
    """Return a share as text; "100 %" means exactly all, and "0 %" means exactly nothing.

    >>> [_percent(p, 100.0) for p in (0.0, 0.01, 50.0, 99.99, 100.0)]
    ['0 %', 'under 1 %', '50 %', 'over 99 %', '100 %']
    """
    if whole <= 0:
        return "0 %"
    share = 100 * part / whole
    if 0 < share < 0.5:
        return "under 1 %" if share > 1e-6 else "0 %"
    if 99.5 <= share < 100:
        return "over 99 %" if share < 100 - 1e-6 else "100 %"
    return f"{share:.0f} %"
