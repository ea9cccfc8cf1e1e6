"""A chart of energy served against public money."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pandas as pd

from siting.errors import Fault, MissingExtraError
from siting.export.ground import INK, NEW, QUIET
from siting.export.picture import save_picture


def draw_frontier(path: Path, table: pd.DataFrame, *, title: str, note: str = "") -> None:
    """Draw what is served for each budget as a PNG, with the proven limit above it.

    Parameters
    ----------
    path
        The file; it appears whole or not at all.
    table
        ``budget_pkr``, ``served_share``, ``served_kwh_day``, ``bound_kwh_day``, ``knee``,
        ``worst_class_share``.
    title, note
        The lines above and below.

    Raises
    ------
    MissingExtraError
        If Matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as err:
        raise MissingExtraError(
            Fault("matplotlib", "is needed to draw a chart", 'pip install "siting[map]"')
        ) from err
    figure = Figure(figsize=(8, 5), facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    chart = figure.add_subplot()
    money = table["budget_pkr"] / 1e6
    whole_kwh = (
        table["served_kwh_day"] / table["served_share"].where(table["served_share"] > 0)
    ).max()
    limit = 100 * (table["bound_kwh_day"] / whole_kwh).clip(upper=1.0)
    chart.fill_between(money, 100 * table["served_share"], limit, color=NEW, alpha=0.15, lw=0)
    chart.plot(money, 100 * table["served_share"], color=NEW, marker="o", label="energy served")
    chart.plot([], [], color=NEW, alpha=0.3, lw=6, label="no plan serves more than this")
    chart.plot(
        money,
        100 * table["worst_class_share"],
        color=QUIET,
        marker=".",
        ls="--",
        label="of the vehicle class served least",
    )
    for row in table[table["knee"]].to_dict("records"):
        million = row["budget_pkr"] / 1e6
        chart.annotate(
            f"knee: PKR {million:,.0f} m",
            (million, 100 * row["served_share"]),
            xytext=(8, -18),
            textcoords="offset points",
            color=INK,
        )
    chart.set(xlabel="public money, PKR million", ylabel="share served, %", ylim=(0, 102))
    chart.set_title("\n".join(textwrap.wrap(title, 70)), loc="left", color=INK, weight="bold")
    chart.grid(color="#e5e7eb")
    chart.spines[["top", "right"]].set_visible(False)
    chart.legend(frameon=False, loc="lower right")
    if note:
        figure.supxlabel(
            "\n".join(textwrap.wrap(note, 120)), size=7, color=QUIET, x=0.02, ha="left"
        )
    save_picture(figure, path)
