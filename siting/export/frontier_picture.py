"""A chart of energy served against public money."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from siting.export.charts import GRID, finish, new_chart
from siting.export.ground import INK, NEW, QUIET

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def frontier_figure(table: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Return a chart of the share served for each budget, with the proven limit above it.

    Parameters
    ----------
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
    figure, chart = new_chart(8, 5)
    money = table["budget_pkr"] / 1e6
    whole_kwh = (
        table["served_kwh_day"] / table["served_share"].where(table["served_share"] > 0)
    ).max()
    limit = 100 * (table["bound_kwh_day"] / whole_kwh).clip(upper=1.0)
    chart.fill_between(money, 100 * table["served_share"], limit, color=NEW, alpha=0.15, lw=0)
    chart.plot(money, 100 * table["served_share"], color=NEW, marker="o", label="energy served")
    chart.plot([], [], color=NEW, alpha=0.3, lw=6, label="no plan serves more than this")
    worst, text = 100 * table["worst_class_share"], "of the vehicle class served least"
    chart.plot(money, worst, color=QUIET, marker=".", ls="--", label=text)
    for row in table[table["knee"]].to_dict("records"):
        million = row["budget_pkr"] / 1e6
        beside: dict[str, Any] = {"xytext": (8, -18), "textcoords": "offset points", "color": INK}
        at = (million, 100 * row["served_share"])
        chart.annotate(f"knee: PKR {million:,.0f} m", at, **beside)
    chart.set(xlabel="public money, PKR million", ylabel="share served, %", ylim=(0, 102))
    chart.grid(color=GRID)
    chart.legend(frameon=False, loc="lower right")
    return finish(figure, title, note)
