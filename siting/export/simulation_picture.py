"""A chart of a simulated day: use of ports, late drivers, and overloaded stations."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from siting.export.charts import GRID, finish
from siting.export.figure import new_figure, save_figure
from siting.export.ground import INK, NEW, QUIET

FREE = "#c2410c"
_CASES = (("planned", "as planned", NEW), ("free", "free choice, all drivers", FREE))


def draw_simulation(
    path: Path, *, hours: pd.DataFrame, stations: pd.DataFrame, title: str, note: str = ""
) -> None:
    """Draw a simulated day as a PNG: use, lateness and waits by hour, and energy by station.

    `hours` has ``case``, ``hour``, ``use_share``, ``late_share``, ``wait_mean_min``; `stations` has
    ``allotted_kwh_day``, ``planned_delivered_kwh_day``, ``free_delivered_kwh_day``.
    """
    figure = new_figure(10.5, 7, layout="constrained")
    charts = figure.subplots(2, 2)
    for case, text, colour in _CASES:
        in_case = hours[hours["case"] == case]
        at = in_case["hour"] + 0.5
        for chart, column, scale in (
            (charts[0, 0], "use_share", 100),
            (charts[0, 1], "late_share", 100),
            (charts[1, 0], "wait_mean_min", 1),
        ):
            chart.plot(at, in_case[column] * scale, color=colour, label=text)
        charts[1, 1].scatter(
            stations["allotted_kwh_day"], stations[f"{case}_delivered_kwh_day"],
            s=16, color=colour, alpha=0.6, lw=0, label=text,
        )  # fmt: skip
    most = float(stations["allotted_kwh_day"].max())
    charts[1, 1].plot([0, most], [0, most], color=QUIET, lw=0.8, ls="--", label="what is planned")
    for chart, text, unit, across in (
        (charts[0, 0], "Ports in use", "%", "hour of the day"),
        (charts[0, 1], "Late or turned away", "% of drivers", "hour of the day"),
        (charts[1, 0], "Mean wait of those who stay", "min", "hour of the day"),
        (charts[1, 1], "Energy by station", "simulated, kWh/day", "given by the plan, kWh/day"),
    ):
        chart.set_title(text, loc="left", size=10, weight="bold", color=INK)
        chart.set(xlabel=across, ylabel=unit)
        chart.grid(color=GRID)
        chart.spines[["top", "right"]].set_visible(False)
        chart.set_ylim(bottom=0)
        if across == "hour of the day":
            chart.set(xlim=(0, 24), xticks=range(0, 25, 4))
    charts[0, 0].legend(frameon=False, fontsize=8)
    charts[1, 1].legend(frameon=False, fontsize=8)
    save_figure(finish(figure, title, note), path)
