"""Pictures of plans side by side, and of where plans differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.export.figure import save_figure
from siting.export.ground import (
    EXISTING,
    INK,
    Ground,
    darkest,
    draw_cells,
    draw_roads,
    draw_scale_and_north,
    draw_sites,
    energy_wanted,
    find_ground,
    served_share,
    shade,
)
from siting.export.map_page import MapPage

# In all plans, and in one of them only, in the order of the plans.
IN_ALL, CHANGED = "#1e3a8a", "#b45309"
ONLY = ("#c2410c", "#0f766e", "#7e22ce", "#a16207", "#be185d", "#4d7c0f")
_PANEL_IN, _HEAD_IN = 6.2, 0.28


def draw_side_by_side(
    path: Path,
    *,
    edges: gpd.GeoDataFrame,
    panels: Mapping[str, tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]],
    title: str,
    subtitle: str = "",
    note: str = "",
) -> None:
    """Draw plans side by side as a PNG: cells by energy wanted and share served, and stations.

    `edges` has ``highway``, in metres; `panels` gives what stands above each map, its cells
    (`demand_layer`) and stations.
    """
    drawn = [
        (text, cells.to_crs(edges.crs), sites.to_crs(edges.crs))
        for text, (cells, sites) in panels.items()
    ]
    all_sites = gpd.GeoDataFrame(
        pd.concat([sites[["geometry"]] for _, _, sites in drawn], ignore_index=True), crs=edges.crs
    )
    ground = _panel_ground(find_ground(edges, drawn[0][1], all_sites))
    wanted, unit = energy_wanted(drawn[0][1])
    top = darkest(wanted)
    below = (
        f"Cells are the darker the more energy they want ({top:,.0f} {unit} or more is darkest), "
        "orange where none of it is served and green where all is. Circles are new stations, "
        f"diamonds existing ones, sized by power within each map. {note}"
    )
    page = MapPage(ground, len(drawn), title=title, subtitle=subtitle, note=below, head_in=_HEAD_IN)
    for i, (text, cells, sites) in enumerate(drawn):
        land = page.land(i)
        land.set_title(text, loc="left", size=10, weight="bold", color=INK, parse_math=False)
        draw_cells(land, ground, cells, shade(wanted / top, served_share(cells)))
        draw_roads(land, edges)
        draw_sites(land, sites)
        draw_scale_and_north(land, ground)
    save_figure(page.figure, path)


def draw_differences(
    path: Path,
    *,
    edges: gpd.GeoDataFrame,
    sites: gpd.GeoDataFrame,
    runs: list[str],
    title: str,
    note: str = "",
) -> None:
    """Draw where plans differ as a PNG: stations in all, changed, and in some plans only.

    `edges` has ``highway``, in metres; `sites` has ``status`` (all, changed, some), ``in_runs`` and
    ``existing``; `runs` is what the plans are called.
    """
    stations = sites.to_crs(edges.crs)
    ground = _panel_ground(find_ground(edges, stations, stations), 8.0)
    page = MapPage(ground, title=title, note=note)
    land = page.land()
    draw_roads(land, edges)
    x, y = stations.geometry.x.to_numpy(), stations.geometry.y.to_numpy()
    status, old = stations["status"].to_numpy(object), stations["existing"].to_numpy(bool)
    held = stations["in_runs"].to_numpy(object)
    layers: list[tuple[str, np.ndarray, dict[str, Any]]] = [
        ("existing, in all", (status == "all") & old, {"c": EXISTING, "marker": "D", "s": 34}),
        ("in all, the same", (status == "all") & ~old, {"c": IN_ALL, "marker": "o", "s": 40}),
        ("in all, other chargers", status == "changed", {"c": CHANGED, "marker": "s", "s": 46}),
    ]
    names = list(dict.fromkeys(held[status == "some"]))
    for i, name in enumerate(sorted(names, key=lambda n: (n.count(";"), n))):
        look: dict[str, Any] = {"c": ONLY[i % len(ONLY)], "marker": "^v"[i % 2], "s": 52}
        layers.append((f"only in {name}", (status == "some") & (held == name), look))
    for text, mask, style in layers:
        if mask.any():
            land.scatter(x[mask], y[mask], edgecolors="white", linewidths=0.8, zorder=5,
                         label=f"{text} ({mask.sum():,})", **style)  # fmt: skip
    land.legend(loc="upper left", fontsize=8, framealpha=0.9, edgecolor="#d1d5db")
    draw_scale_and_north(land, ground)
    save_figure(page.figure, path)


def _panel_ground(ground: Ground, longest_in: float = _PANEL_IN) -> Ground:
    """Return the ground at a size at which two stand side by side."""
    scale = longest_in / max(ground.width_in, ground.height_in)
    return replace(ground, width_in=ground.width_in * scale, height_in=ground.height_in * scale)
