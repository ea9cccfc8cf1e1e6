"""Every picture of a plan by name, for its ``plot`` and ``save_pictures``."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from siting.errors import InputError
from siting.export import charts
from siting.export.credit import noted
from siting.export.figure import FORMATS, save_figure
from siting.export.layers import demand_layer
from siting.export.maps import plan_figure
from siting.writing import require_free

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Content of each picture by name, and the table of `Plan.tables` it needs.
PICTURES = {
    "map": ("the plan on the map", ""),
    "classes": ("energy served by vehicle class", ""),
    "cost": ("what the new stations cost, and who pays", ""),
    "use": ("use of the stations", ""),
    "years": ("energy served year by year", "years"),
    "frontier": ("energy served for public money", "frontier"),
}


def plot_plan(plan: Any, what: str = "map") -> Figure:
    """Return a picture of a plan.

    `what`: one of `PICTURES`. Raises `InputError` if there is no such picture, or the plan lacks
    its table; `MissingExtraError` if Matplotlib is not installed.
    """
    if what not in PICTURES:
        raise InputError("plot", f"no picture {what!r}", f"use one of {', '.join(PICTURES)}")
    meaning, needed = PICTURES[what]
    if needed and needed not in plan.tables:
        fix = {
            "years": "give program.years a budget for each year",
            "frontier": "put the table of `siting frontier` into plan.tables['frontier']",
        }[needed]
        raise InputError("plot", f"the plan has no table {needed} to draw", fix)
    words = {"title": plan.title if what == "map" else f"{plan.title}: {meaning}"}
    words["note"] = noted(plan)
    if what == "map":
        layer = demand_layer(plan.cells, plan.demand)
        return plan_figure(edges=plan.edges, cells_layer=layer, sites=plan.sites, **words)
    if what == "classes":
        return charts.classes_figure(plan.classes, **words)
    if what == "cost":
        return charts.cost_figure(plan.sites, plan.offers, **words)
    if what == "use":
        return charts.use_figure(plan.sites, **words)
    draw = charts.years_figure if what == "years" else charts.frontier_figure
    return draw(plan.tables[needed], **words)


def save_plan_pictures(
    plan: Any, folder: Path | str, formats: Sequence[str] = ("png", "svg")
) -> list[Path]:
    """Write every picture that a plan has the tables for; return the files.

    `folder`: made if it is missing. `formats`: any of ``png``, ``svg`` and ``pdf``. Raises
    `InputError` if a format is unknown or a file exists, since none is replaced;
    `MissingExtraError` if Matplotlib is not installed.
    """
    given = (formats,) if isinstance(formats, str) else tuple(formats)
    odd = tuple(str(f) for f in given if f not in FORMATS)
    if odd:
        raise InputError("formats", "not known", f"use {', '.join(FORMATS)}", odd)
    folder = Path(folder)
    files = {
        what: [folder / f"{what}.{ending}" for ending in given]
        for what, (_, needed) in PICTURES.items()
        if not needed or needed in plan.tables
    }
    written = list(itertools.chain(*files.values()))
    for path in written:
        require_free(path)
    for what, paths in files.items():
        figure = plot_plan(plan, what)
        for path in paths:
            save_figure(figure, path)
    return written
