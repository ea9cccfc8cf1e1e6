"""A picture of the demand: all classes together, and each by itself, on the roads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.export.figure import save_figure
from siting.export.ground import (
    INK,
    QUIET,
    darkest,
    draw_cells,
    draw_roads,
    draw_scale_and_north,
    energy_wanted,
    find_ground,
    require_metres,
    shade,
)
from siting.export.layers import wanted_layer
from siting.export.map_page import MapPage

PANEL_IN, GAP_IN, HEAD_IN = 3.1, 0.25, 0.45
COLUMNS = 4


def draw_demand(
    path: Path,
    *,
    edges: gpd.GeoDataFrame,
    cells: gpd.GeoDataFrame,
    demand: pd.DataFrame,
    title: str,
    note: str = "",
) -> None:
    """Draw the energy wanted by cell as a PNG, SVG or PDF: one map of all classes and one a class.

    Each map has its own scale, up to the value that 97 % of its cells stay below.

    `path`: the file; it appears whole or not at all; `edges`: roads with ``highway``, in a
    projected coordinate reference system (metres); `cells`, `demand`: `siting.tables.CELLS` and
    `siting.tables.DEMAND`; `title`, `note`: the lines above and below. Raises `InputError` if the
    roads are not in metres; `MissingExtraError` if Matplotlib is not installed.
    """
    require_metres(edges)
    layer = wanted_layer(cells, demand).to_crs(edges.crs)
    sums = demand.groupby("vehicle_class")["demand_kwh_day"].sum().sort_values(ascending=False)
    panels = [("all classes", "demand_kwh_day", float(sums.sum()))]
    panels += [(str(c), f"demand_{c}_kwh_day", float(kwh)) for c, kwh in sums.items()]
    ground = find_ground(edges, layer, layer.iloc[:0])
    tall_in = PANEL_IN * ground.height_m / ground.width_m
    ground = replace(ground, width_in=PANEL_IN, height_in=tall_in)
    columns = min(COLUMNS, len(panels))
    page = MapPage(
        ground, len(panels), columns=columns, title=title, note=note, gap_in=GAP_IN, head_in=HEAD_IN
    )
    for i, (name, column, kwh) in enumerate(panels):
        land = page.land(i)
        wanted, unit = energy_wanted(layer.assign(demand_kwh_day=layer[column]))
        top = darkest(wanted)
        draw_cells(land, ground, layer, shade(wanted / top, np.zeros(len(wanted))))
        draw_roads(land, edges)
        if i == 0:
            draw_scale_and_north(land, ground)
        label = f"{name.replace('_', ' ')}: {kwh:,.0f} kWh/day"
        land.text(0, 1.075, label, transform=land.transAxes, size=9.5, weight="bold", color=INK)
        key = f"darkest: {top:,.3g} or more {unit}"
        land.text(0, 1.02, key, transform=land.transAxes, size=7.5, color=QUIET)
    save_figure(page.figure, path)
