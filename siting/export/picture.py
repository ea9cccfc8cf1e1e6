"""A picture of a plan: roads, the energy wanted and served, and the stations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np

from siting.export.ground import (
    EXISTING,
    HATCH,
    INK,
    NEW,
    QUIET,
    Array,
    darkest,
    draw_cells,
    draw_roads,
    draw_scale_and_north,
    draw_sites,
    draw_unserved,
    energy_wanted,
    find_ground,
    largest_kw,
    marker_pt2,
    power_kw,
    require_metres,
    served_share,
    shade,
    thin_hatch,
)
from siting.export.map_page import MapPage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Space beside the map, and the width of the key in it.
_SIDE_IN, _KEY_IN = 2.5, 2.25


def plan_figure(
    *,
    edges: gpd.GeoDataFrame,
    cells_layer: gpd.GeoDataFrame,
    sites: gpd.GeoDataFrame,
    title: str,
    note: str = "",
    subtitle: str = "",
) -> Figure:
    """Return the map of a plan: roads, kWh/day wanted and served by cell, stations by kW.

    A cell is the darker the more energy it wants a day (per km², or per cell where cells are
    points), and turns from orange to green with the share of it that is served. New stations are
    circles and existing ones diamonds, their areas in proportion to their power. Cells of which
    less than half is served are hatched, so that a grey print tells them too.

    Parameters
    ----------
    edges
        Roads with ``highway``, in a projected coordinate reference system (metres).
    cells_layer
        What `demand_layer` returns.
    sites
        Stations of the plan with ``existing`` and ``power_kw``.
    title, subtitle
        The lines above the map. Urdu that cannot be drawn right is left out, and the note says so.
    note
        The line below it: whose data it is, and e.g. that it is schematic.

    Raises
    ------
    InputError
        If the roads are not in metres, or there is nothing to draw.
    MissingExtraError
        If Matplotlib is not installed.
    """
    require_metres(edges)
    cells, stations = cells_layer.to_crs(edges.crs), sites.to_crs(edges.crs)
    ground = find_ground(edges, cells, stations)
    wanted, unit = energy_wanted(cells)
    top = darkest(wanted)
    page = MapPage(ground, title=title, subtitle=subtitle, note=note, side_in=_SIDE_IN)
    land = page.land()
    draw_cells(land, ground, cells, shade(wanted / top, served_share(cells)))
    draw_unserved(land, cells)
    draw_roads(land, edges)
    draw_sites(land, stations)
    draw_scale_and_north(land, ground)
    _draw_key(page.side(_KEY_IN), ground.height_in, cells, stations, top, unit)
    return page.figure


def _draw_key(
    side: Axes,
    height_in: float,
    cells: gpd.GeoDataFrame,
    stations: gpd.GeoDataFrame,
    top: float,
    unit: str,
) -> None:
    """Draw the key from the top down; the axes' units are inches."""
    from matplotlib.patches import Rectangle

    side.set(xlim=(0, _KEY_IN), ylim=(-height_in, 0))
    side.axis("off")
    existing, power = stations["existing"].to_numpy(dtype=bool), power_kw(stations)
    wanted, served = cells["demand_kwh_day"].sum(), cells["served_kwh_day"].sum()
    share = round(100 * served / wanted, 1) if wanted > 0 else 0.0
    if wanted - served > 0.5:
        share = min(share, 99.9)  # "100 %" is kept for when all of it is
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
    side.text(0, y, "Energy wanted", size=9, weight="bold", color=INK, va="top")
    side.text(0, y - 0.18, unit, size=8, color=QUIET, va="top")
    y -= 0.42
    tall, wide = 0.9, 1.15
    amount, part = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5), indexing="ij")
    side.imshow(
        shade(amount, part),
        extent=(0.0, wide, y - tall, y),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    side.text(wide + 0.08, y, f"{top:,.0f} or more", size=8, color=INK, va="top")
    side.text(wide + 0.08, y - tall, "0", size=8, color=INK, va="bottom")
    y -= tall + 0.06
    side.text(0, y, "0 %", size=8, color=INK, va="top")
    side.text(wide, y, "100 %", size=8, color=INK, va="top", ha="right")
    side.text(wide / 2, y - 0.15, "served", size=8, color=QUIET, va="top", ha="center")
    y -= 0.42
    with thin_hatch():
        box = Rectangle((0, y - 0.14), 0.26, 0.16, facecolor="#f7f7f5", edgecolor=HATCH)
        box.set(hatch="/////", linewidth=0)
    side.add_patch(box)
    side.text(0.36, y, "less than half served", size=8, color=INK, va="top")
    y -= 0.36

    side.text(0, y, "Stations", size=9, weight="bold", color=INK, va="top")
    y -= 0.36
    largest = largest_kw(power)
    for kw in _example_powers(power[~existing]):
        size = marker_pt2(np.array([kw]), largest)
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
    """Return up to three powers for the key, the largest first."""
    known = np.unique(power[power > 0])
    if len(known) > 3:
        known = known[[0, len(known) // 2, -1]]
    return [float(kw) for kw in known[::-1]]
