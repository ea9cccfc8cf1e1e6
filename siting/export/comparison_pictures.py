"""Pictures of plans side by side, and of where plans differ."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.export.figure import new_figure, put_lines, save_figure
from siting.export.ground import (
    EXISTING,
    INK,
    QUIET,
    Ground,
    add_land,
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

# In all plans, and in one of them only, in the order of the plans.
IN_ALL, CHANGED = "#1e3a8a", "#b45309"
ONLY = ("#c2410c", "#0f766e", "#7e22ce", "#a16207", "#be185d", "#4d7c0f")
_PANEL_IN, _EDGE_IN = 6.2, 0.3


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
    frame = _Frame(ground, len(drawn), title, subtitle, below)
    for i, (text, cells, sites) in enumerate(drawn):
        land = frame.land(i, text)
        draw_cells(land, ground, cells, shade(wanted / top, served_share(cells)))
        draw_roads(land, edges)
        draw_sites(land, sites)
        draw_scale_and_north(land, ground)
    save_figure(frame.figure, path)


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
    frame = _Frame(ground, 1, title, "", note)
    land = frame.land(0, "")
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
    save_figure(frame.figure, path)


def _panel_ground(ground: Ground, longest_in: float = _PANEL_IN) -> Ground:
    """Return the ground at a size at which two stand side by side."""
    scale = longest_in / max(ground.width_in, ground.height_in)
    return replace(ground, width_in=ground.width_in * scale, height_in=ground.height_in * scale)


class _Frame:
    """A figure with maps in a row, lines above and below."""

    def __init__(self, ground: Ground, count: int, title: str, subtitle: str, note: str) -> None:
        inner = count * ground.width_in + (count - 1) * _EDGE_IN
        above: list[tuple[list[str], float, dict[str, Any]]] = [
            (textwrap.wrap(title, int(inner * 7.4)), 0.27, {"size": 15, "weight": "bold"}),
            (textwrap.wrap(subtitle, int(inner * 12.5)), 0.17, {"size": 9.5}),
        ]
        notes = textwrap.wrap(note, int(inner * 16.0))
        self.ground = ground
        self.bottom = _EDGE_IN + 0.15 * len(notes)
        top = _EDGE_IN + sum(step * len(lines) for lines, step, _ in above) + 0.15
        self.width = inner + 2 * _EDGE_IN
        self.height = top + 0.28 + ground.height_in + self.bottom
        self.figure = new_figure(self.width, self.height)
        down = _EDGE_IN
        for lines, step, style in above:
            put_lines(self.figure, _EDGE_IN, down, lines, color=INK, **style)
            down += step * len(lines) + 0.05
        down = self.height - self.bottom + 0.14
        put_lines(self.figure, _EDGE_IN, down, notes, size=7.5, color=QUIET)

    def land(self, number: int, text: str) -> Any:
        """Return the axes of one map, with the text above it."""
        ground = self.ground
        left = _EDGE_IN + number * (ground.width_in + _EDGE_IN)
        box = (
            left / self.width,
            self.bottom / self.height,
            ground.width_in / self.width,
            ground.height_in / self.height,
        )
        land = add_land(self.figure, ground, box)
        if text:
            land.set_title(text, loc="left", size=10, weight="bold", color=INK, parse_math=False)
        return land
