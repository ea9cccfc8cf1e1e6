"""Maps of a plan, of several plans, of their differences, and of demand by class."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.export import ground as drawing
from siting.export.figure import new_figure, save_figure
from siting.export.fonts import legible
from siting.export.ground import EXISTING, HATCH, INK, NEW, QUIET, Array, Ground
from siting.export.layers import wanted_layer

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EDGE_IN = 0.3
# Widths of the space to the right of a plan's map, and of the legend in this space.
_SIDE_IN, _KEY_IN = 2.5, 2.25
# Colours of stations that all plans build with the same chargers, and with different chargers.
IN_ALL, CHANGED = "#1e3a8a", "#b45309"
ONLY = ("#c2410c", "#0f766e", "#7e22ce", "#a16207", "#be185d", "#4d7c0f")
# If several maps are drawn: longest side of each map, and height of the space above it.
_PANEL_IN, _HEAD_IN = 6.2, 0.28
# Width of a demand map, space between and above demand maps, and number of columns.
DEMAND_IN, GAP_IN, DEMAND_HEAD_IN, COLUMNS = 3.1, 0.25, 0.45, 4


def plan_figure(
    *, edges: gpd.GeoDataFrame, cells_layer: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, title: str,
    note: str = "", subtitle: str = "",
) -> Figure:  # fmt: skip
    """Return the map of a plan: roads, each cell's demand and share served, and stations.

    Cells with more demand (per km², or per cell if cells are points) are darker. Cells with a
    larger share served are greener. Circles mark new stations and diamonds mark existing ones; a
    larger mark means more power.

    `edges` are roads with ``highway``, in metres. `cells_layer` is made by `demand_layer`. `sites`
    are stations with ``existing`` and ``power_kw``. `title` and `subtitle` are printed above the
    map, and `note` below it. Raises `InputError` if the roads are not in metres or there is nothing
    to draw, and `MissingExtraError` if Matplotlib is not installed.
    """
    drawing.require_metres(edges)
    cells, stations = cells_layer.to_crs(edges.crs), sites.to_crs(edges.crs)
    ground = drawing.find_ground(edges, cells, stations)
    wanted, unit = drawing.energy_wanted(cells)
    top = drawing.darkest(wanted)
    page = MapPage(ground, title=title, subtitle=subtitle, note=note, side_in=_SIDE_IN)
    land = page.land()
    _draw_plan(land, ground, edges, cells, stations, wanted / top)
    drawing.draw_unserved(land, cells)
    _draw_key(page.side(_KEY_IN), ground.height_in, cells, stations, top, unit)
    return page.figure


def _draw_plan(
    land: Axes, ground: Ground, edges: gpd.GeoDataFrame, cells: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame, amount: Array,
) -> None:  # fmt: skip
    """Draw the map of a plan; `amount` sets the darkness of each cell."""
    drawing.draw_cells(land, ground, cells, drawing.shade(amount, drawing.served_share(cells)))
    drawing.draw_roads(land, edges)
    drawing.draw_sites(land, stations)
    drawing.draw_scale_and_north(land, ground)


def _draw_key(
    side: Axes, height_in: float, cells: gpd.GeoDataFrame, stations: gpd.GeoDataFrame,
    top: float, unit: str,
) -> None:  # fmt: skip
    """Draw the legend from the top down; heights are in inches."""
    from matplotlib.patches import Rectangle

    side.axis("off")
    existing, power = stations["existing"].to_numpy(dtype=bool), drawing.power_kw(stations)
    wanted, served = cells["demand_kwh_day"].sum(), cells["served_kwh_day"].sum()
    share = round(100 * served / wanted, 1) if wanted > 0 else 0.0
    if wanted - served > 0.5:
        share = min(share, 99.9)  # "100 %" means that all demand is served
    y = -0.06
    for big, small in (
        (f"{share:.1f} %", f"of {wanted:,.0f} kWh/day served"),
        (f"{(~existing).sum():,}", _stations("new", power[~existing])),
        (f"{existing.sum():,}", _stations("existing", power[existing])),
    ):
        side.text(0, y, big, size=17, weight="bold", color=NEW, va="top")
        side.text(0, y - 0.29, small, size=8.5, color=INK, va="top")
        y -= 0.6

    y -= 0.05
    side.text(0, y, "Demand", size=9, weight="bold", color=INK, va="top")
    side.text(0, y - 0.18, unit, size=8, color=QUIET, va="top")
    y -= 0.42
    tall, wide = 0.9, 1.15
    amount, part = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5), indexing="ij")
    side.imshow(drawing.shade(amount, part), extent=(0.0, wide, y - tall, y), origin="lower",
                aspect="auto", interpolation="nearest")  # fmt: skip
    side.text(wide + 0.08, y, f"{top:,.0f} or more", size=8, color=INK, va="top")
    side.text(wide + 0.08, y - tall, "0", size=8, color=INK, va="bottom")
    y -= tall + 0.06
    side.text(0, y, "0 %", size=8, color=INK, va="top")
    side.text(wide, y, "100 %", size=8, color=INK, va="top", ha="right")
    side.text(wide / 2, y - 0.15, "served", size=8, color=QUIET, va="top", ha="center")
    y -= 0.42
    with drawing.thin_hatch():
        box = Rectangle((0, y - 0.14), 0.26, 0.16, facecolor="#f7f7f5", edgecolor=HATCH)
        box.set(hatch="/////", linewidth=0)
    side.add_patch(box)
    side.text(0.36, y, "less than half served", size=8, color=INK, va="top")
    y -= 0.36

    side.text(0, y, "Stations", size=9, weight="bold", color=INK, va="top")
    y -= 0.36
    largest = drawing.largest_kw(power)
    for kw in _example_powers(power[~existing]):
        size = drawing.marker_pt2(np.array([kw]), largest)
        side.scatter([0.17], [y], s=size, c=NEW, edgecolors="white", linewidths=1.1)
        side.text(0.42, y, f"new, {kw:,.0f} kW", size=8.5, color=INK, va="center")
        y -= 0.3
    if existing.any():
        side.scatter([0.17], [y], s=70, c=EXISTING, marker="D", edgecolors="white")
        side.text(0.42, y, "existing", size=8.5, color=INK, va="center")
    side.set(xlim=(0, _KEY_IN), ylim=(-height_in, 0))


def _stations(which: str, power: Array) -> str:
    return f"{which} station{'' if len(power) == 1 else 's'}, {np.nansum(power):,.0f} kW"


def _example_powers(power: Array) -> list[float]:
    """Return up to three powers (kW) for the legend, the largest first."""
    known = np.unique(power[power > 0])
    if len(known) > 3:
        known = known[[0, len(known) // 2, -1]]
    return [float(kw) for kw in known[::-1]]


def draw_side_by_side(
    path: Path, *, edges: gpd.GeoDataFrame,
    panels: Mapping[str, tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]], title: str, subtitle: str = "",
    note: str = "",
) -> None:  # fmt: skip
    """Draw the maps of several plans side by side in a PNG file, coloured as in `plan_figure`.

    `edges` are roads with ``highway``, in metres. `panels` maps the title of each map to its cells
    (`demand_layer`) and stations.
    """
    drawn = [
        (text, cells.to_crs(edges.crs), sites.to_crs(edges.crs))
        for text, (cells, sites) in panels.items()
    ]
    shapes = pd.concat([sites.geometry for _, _, sites in drawn], ignore_index=True)
    all_sites = gpd.GeoDataFrame(geometry=shapes, crs=edges.crs)
    ground = _panel_ground(drawing.find_ground(edges, drawn[0][1], all_sites))
    wanted, unit = drawing.energy_wanted(drawn[0][1])
    top = drawing.darkest(wanted)
    below = (
        f"Cells with more demand are darker (darkest: {top:,.0f} {unit} or more). They are "
        "orange where no demand is served and green where all is served. Circles are new stations, "
        f"and diamonds are existing stations, sized by power within each map. {note}"
    )
    page = MapPage(ground, len(drawn), title=title, subtitle=subtitle, note=below, head_in=_HEAD_IN)
    for i, (text, cells, sites) in enumerate(drawn):
        land = page.land(i)
        land.set_title(text, loc="left", size=10, weight="bold", color=INK, parse_math=False)
        _draw_plan(land, ground, edges, cells, sites, wanted / top)
    save_figure(page.figure, path)


def draw_differences(
    path: Path, *, edges: gpd.GeoDataFrame, sites: gpd.GeoDataFrame, title: str, note: str = ""
) -> None:
    """Draw a map (PNG) of stations in all plans, in some plans, or in all with other chargers.

    `edges` are roads with ``highway``, in metres. `sites` are stations with ``status`` (all,
    changed, some), ``in_runs`` and ``existing``.
    """
    stations = sites.to_crs(edges.crs)
    ground = _panel_ground(drawing.find_ground(edges, stations, stations), 8.0)
    page = MapPage(ground, title=title, note=note)
    land = page.land()
    drawing.draw_roads(land, edges)
    x, y = stations.geometry.x.to_numpy(), stations.geometry.y.to_numpy()
    status, old = stations["status"].to_numpy(object), stations["existing"].to_numpy(bool)
    in_runs = stations["in_runs"].to_numpy(object)

    def mark(text: str, chosen: Array, c: str, marker: str, s: float) -> None:
        if chosen.any():
            land.scatter(x[chosen], y[chosen], s=s, c=c, marker=marker, edgecolors="white",
                         linewidths=0.8, zorder=5, label=f"{text} ({chosen.sum():,})")  # fmt: skip

    mark("existing, in all plans", (status == "all") & old, EXISTING, "D", 34)
    mark("in all plans, same chargers", (status == "all") & ~old, IN_ALL, "o", 40)
    mark("in all plans, different chargers", status == "changed", CHANGED, "s", 46)
    names = sorted(set(in_runs[status == "some"]), key=lambda n: (n.count(";"), n))
    for i, name in enumerate(names):
        chosen = (status == "some") & (in_runs == name)
        mark(f"only in {name}", chosen, ONLY[i % len(ONLY)], "^v"[i % 2], 52)
    land.legend(loc="upper left", fontsize=8, framealpha=0.9, edgecolor="#d1d5db")
    drawing.draw_scale_and_north(land, ground)
    save_figure(page.figure, path)


def _panel_ground(ground: Ground, longest_in: float = _PANEL_IN) -> Ground:
    """Return the area, scaled so that its longest side on paper is `longest_in` inches."""
    scale = longest_in / max(ground.width_in, ground.height_in)
    return replace(ground, width_in=ground.width_in * scale, height_in=ground.height_in * scale)


def draw_demand(
    path: Path, *, edges: gpd.GeoDataFrame, cells: gpd.GeoDataFrame, demand: pd.DataFrame,
    title: str, note: str = "",
) -> None:  # fmt: skip
    """Draw demand maps (PNG, SVG or PDF): one for all vehicle classes, and one for each class.

    Each map has its own scale, in which the darkest shade begins at about the 97th percentile.

    `edges` are roads with ``highway``, in metres. `cells` and `demand` are `siting.tables.CELLS`
    and `siting.tables.DEMAND`. Raises `InputError` if the roads are not in metres, and
    `MissingExtraError` if Matplotlib is not installed.
    """
    drawing.require_metres(edges)
    layer = wanted_layer(cells, demand).to_crs(edges.crs)
    sums = demand.groupby("vehicle_class")["demand_kwh_day"].sum().sort_values(ascending=False)
    panels = [("all classes", "demand_kwh_day", float(sums.sum()))]
    panels += [(str(c), f"demand_{c}_kwh_day", float(kwh)) for c, kwh in sums.items()]
    ground = drawing.find_ground(edges, layer, layer.iloc[:0])
    tall_in = DEMAND_IN * ground.height_m / ground.width_m
    ground = replace(ground, width_in=DEMAND_IN, height_in=tall_in)
    page = MapPage(ground, len(panels), columns=min(COLUMNS, len(panels)), title=title, note=note,
                   gap_in=GAP_IN, head_in=DEMAND_HEAD_IN)  # fmt: skip
    for i, (name, column, kwh) in enumerate(panels):
        land = page.land(i)
        wanted, unit = drawing.energy_wanted(layer.assign(demand_kwh_day=layer[column]))
        top = drawing.darkest(wanted)
        drawing.draw_cells(land, ground, layer, drawing.shade(wanted / top, np.zeros(len(wanted))))
        drawing.draw_roads(land, edges)
        if i == 0:
            drawing.draw_scale_and_north(land, ground)
        label = f"{name.replace('_', ' ')}: {kwh:,.0f} kWh/day"
        land.text(0, 1.075, label, transform=land.transAxes, size=9.5, weight="bold", color=INK)
        key = f"darkest: {top:,.3g} {unit} or more"
        land.text(0, 1.02, key, transform=land.transAxes, size=7.5, color=QUIET)
    save_figure(page.figure, path)


class MapPage:
    """A figure with rows of maps, a title, a subtitle and a note; sizes are in inches.

    The figure has `count` maps of the area `ground` in `columns` (0: all in one row). `gap_in` is
    the space between columns, `head_in` the space above each map, and `side_in` the space to the
    right of all maps.
    """

    def __init__(
        self, ground: Ground, count: int = 1, *, columns: int = 0, title: str, subtitle: str = "",
        note: str = "", gap_in: float = EDGE_IN, head_in: float = 0.0, side_in: float = 0.0,
    ) -> None:  # fmt: skip
        title, subtitle, note, fonts = legible(title, subtitle, note)
        self.ground, self.columns = ground, columns or count
        self.step_in = (ground.width_in + gap_in, ground.height_in + head_in)
        inner_in = self.columns * self.step_in[0] - gap_in + side_in
        above: list[tuple[list[str], float, dict[str, Any]]] = [
            (textwrap.wrap(title, int(inner_in * 7.4)), 0.27,
             {"size": 15, "weight": "bold", "color": INK}),
            (textwrap.wrap(subtitle, int(inner_in * 12.5)), 0.17, {"size": 9.5, "color": QUIET}),
        ]  # fmt: skip
        below = textwrap.wrap(note, int(inner_in * 16.0))
        above_in = sum(step * len(lines) for lines, step, _ in above)
        self.first_in = EDGE_IN + above_in + 0.19 + head_in
        rows = -(-count // self.columns)
        foot_in = EDGE_IN + 0.15 * len(below)
        self.width_in = inner_in + 2 * EDGE_IN
        self.height_in = self.first_in + rows * self.step_in[1] - head_in + foot_in
        self.figure = new_figure(self.width_in, self.height_in)
        down_in = EDGE_IN
        for lines, step, style in above:
            self._write(lines, down_in, **style, **fonts)
            down_in += step * len(lines) + 0.05
        down_in = self.height_in - foot_in + 0.14
        self._write(below, down_in, size=7.5, color=QUIET, **fonts)

    def _write(self, lines: list[str], down_in: float, **style: Any) -> None:
        """Write text at the left edge, `down_in` below the top; "$" does not start a formula."""
        x, y = EDGE_IN / self.width_in, 1 - down_in / self.height_in
        self.figure.text(x, y, "\n".join(lines), va="top", parse_math=False, **style)

    def land(self, number: int = 0) -> Axes:
        """Return the axes of the map with this number, counted from 0."""
        row, column = divmod(number, self.columns)
        left_in = EDGE_IN + column * self.step_in[0]
        down_in = self.first_in + row * self.step_in[1]
        ground = self.ground
        land = self._axes(left_in, down_in, ground.width_in)
        land.set(xlim=(ground.west, ground.west + ground.width_m),
                 ylim=(ground.south, ground.south + ground.height_m),
                 xticks=[], yticks=[], facecolor="#f7f7f5")  # fmt: skip
        land.spines[:].set_color("#d1d5db")
        return land

    def side(self, wide_in: float) -> Axes:
        """Return axes at the right edge of the page, with the height of a map."""
        return self._axes(self.width_in - EDGE_IN - wide_in, self.first_in, wide_in)

    def _axes(self, left_in: float, down_in: float, wide_in: float) -> Axes:
        width_in, height_in, high_in = self.width_in, self.height_in, self.ground.height_in
        bottom = 1 - (down_in + high_in) / height_in
        box = (left_in / width_in, bottom, wide_in / width_in, high_in / height_in)
        return self.figure.add_axes(box)
