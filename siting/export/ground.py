"""The content of a map: cells, roads, stations, scale bar and north arrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = np.ndarray[Any, Any]

# Width (points) and colour of each road class, in drawing order. Other roads are drawn as streets.
_ROADS = {
    "street": (0.35, "#cfd3d8"), "tertiary": (0.7, "#c3c8ce"), "secondary": (1.1, "#aeb4bc"),
    "primary": (1.6, "#989fa8"), "trunk": (2.2, "#858c96"), "motorway": (2.2, "#858c96"),
}  # fmt: skip
# Colours of cells with low and with high demand: one pair if none of the demand is served, one if
# half is served, and one if all is served.
_SHADES = np.array(
    [
        [[253, 241, 226], [222, 110, 56]],
        [[251, 244, 220], [206, 172, 84]],
        [[229, 243, 240], [42, 140, 130]],
    ]
)
NEW, EXISTING, INK, QUIET = "#1e3a8a", "#111827", "#1f2937", "#6b7280"
HATCH = "#a8623a"
_LONGEST_IN = (8.6, 7.4)  # maximum width and height of the map
_ASPECT = (0.72, 1.5)
_LARGEST_PT2, _SMALLEST_PT2 = 330.0, 26.0


@dataclass(frozen=True)
class Ground:
    """The area drawn, in metres, and its size on paper, in inches."""

    west: float
    south: float
    width_m: float
    height_m: float
    width_in: float
    height_in: float


def require_metres(edges: gpd.GeoDataFrame) -> None:
    """Raise `InputError` unless the roads are in metres."""
    if edges.crs is None or not edges.crs.is_projected:
        raise InputError("edges", "are not in metres", "project them, e.g. to EPSG:32643")


def find_ground(
    edges: gpd.GeoDataFrame, cells: gpd.GeoDataFrame, stations: gpd.GeoDataFrame
) -> Ground:
    """Return the area that contains cells and stations or, if there are neither, the roads.

    Raises `InputError` if there is nothing to draw.
    """
    layers = [layer for layer in (cells, stations) if len(layer)] or [edges]
    if not len(layers[0]):
        raise InputError("plan", "has no cells, stations or roads to draw")
    bounds = np.array([layer.total_bounds for layer in layers])
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    span = np.maximum([east - west, north - south], 200.0) * 1.06
    # The legend beside the map limits how narrow or flat the map may be.
    span = np.maximum(span, [span[1] * _ASPECT[0], span[0] / _ASPECT[1]])
    inches = span * np.min(np.array(_LONGEST_IN) / span)
    return Ground((west + east - span[0]) / 2, (south + north - span[1]) / 2, *span, *inches)


def energy_wanted(cells: gpd.GeoDataFrame) -> tuple[Array, str]:
    """Return the demand of each cell per km², or per cell if cells are points, and its unit."""
    energy: Array = cells["demand_kwh_day"].to_numpy(dtype=float)
    area_km2: Array = np.asarray(shapely.area(np.asarray(cells.geometry.array))) / 1e6
    if (area_km2 > 0).all():
        return energy / area_km2, "kWh/day per km²"
    return energy, "kWh/day per cell"


def darkest(wanted: Array) -> float:
    """Return the demand at which the darkest shade begins: the 97th percentile, rounded."""
    some = wanted[wanted > 0]
    return nice(float(np.quantile(some, 0.97))) if len(some) else 1.0


def served_share(cells: gpd.GeoDataFrame) -> Array:
    """Return the share of each cell's demand that is served; 0 if a cell has no demand."""
    share: Array = cells["served_share"].to_numpy(dtype=float, na_value=np.nan)
    return np.nan_to_num(share)


def shade(amount: Array, share: Array) -> Array:
    """Return a colour (red, green, blue; 0 to 1) for each pair of demand and share served."""
    amount, share = np.clip(amount, 0, 1)[..., None], np.clip(share, 0, 1)
    position = share * (len(_SHADES) - 1)
    lower = np.minimum(position.astype(int), len(_SHADES) - 2)
    part = (position - lower)[..., None, None]
    ends = _SHADES[lower] * (1 - part) + _SHADES[lower + 1] * part
    colour = ends[..., 0, :] * (1 - amount) + ends[..., 1, :] * amount
    return np.asarray(colour / 255.0)


def draw_cells(land: Axes, ground: Ground, cells: gpd.GeoDataFrame, colours: Array) -> None:
    """Fill each cell with its colour; cells that are points become squares that nearly touch."""
    from matplotlib.collections import PathCollection

    shapes = np.asarray(cells.geometry.array)
    points = shapely.get_type_id(shapes) == 0
    if points.any():
        xy = shapely.get_coordinates(shapes[points])
        side_pt = _spacing_m(xy) * 0.85 * 72 * ground.width_in / ground.width_m
        area_pt2 = min(max(side_pt, 4.0), 40.0) ** 2
        x, y = xy.T
        land.scatter(x, y, s=area_pt2, c=colours[points], marker="s", linewidths=0, zorder=1)
    colour = colours[~points]
    filled = PathCollection(
        [_outline(shape) for shape in shapes[~points]],
        facecolors=colour, edgecolors=colour, linewidths=0.3, zorder=1,
    )  # fmt: skip
    land.add_collection(filled, autolim=False)


def draw_unserved(land: Axes, cells: gpd.GeoDataFrame) -> None:
    """Hatch cells in which less than half of the demand is served, for prints in greyscale."""
    from matplotlib.collections import PathCollection

    shapes = np.asarray(cells.geometry.array)
    lacking = (served_share(cells) < 0.5) & (cells["demand_kwh_day"].to_numpy(dtype=float) > 0)
    chosen = shapes[lacking & (shapely.get_type_id(shapes) != 0)]
    if not len(chosen):
        return
    look: Any = {"facecolors": "none", "edgecolors": HATCH, "hatch": "/////", "linewidths": 0}
    with thin_hatch():
        lines = PathCollection([_outline(shapely.union_all(chosen))], zorder=1.5, **look)
    land.add_collection(lines, autolim=False)


def thin_hatch() -> Any:
    """Return a context in which new hatches have thin lines."""
    from matplotlib import rc_context

    return rc_context({"hatch.linewidth": 0.5})


def _spacing_m(xy: Array) -> float:
    """Return the median distance from a point to its nearest neighbour (m)."""
    if len(xy) < 2:
        return 0.0
    from scipy.spatial import cKDTree

    return float(np.median(cKDTree(xy).query(xy, k=2)[0][:, 1]))


def _outline(shape: Any) -> Any:
    """Return the rings of a polygon as one path, so that its holes stay open."""
    from matplotlib.path import Path as Outline

    rings = [ring for part in shapely.get_parts(shape) for ring in (part.exterior, *part.interiors)]
    return Outline.make_compound_path(
        *(Outline(shapely.get_coordinates(ring), closed=True) for ring in rings)
    )


def draw_roads(land: Axes, edges: gpd.GeoDataFrame) -> None:
    """Draw the roads in grey, with main roads thicker and on top."""
    from matplotlib.collections import LineCollection

    # A two-way street has two edges; drawing both edges would only enlarge the file.
    shapes = shapely.normalize(np.asarray(edges.geometry.array))
    edges = edges[~pd.Series(shapely.to_wkb(shapes)).duplicated().to_numpy()]
    kinds = edges["highway"].astype(str).str.removesuffix("_link")
    kinds = kinds.where(kinds.isin(_ROADS.keys()), "street")
    for order, (kind, (width, colour)) in enumerate(_ROADS.items()):
        lines = np.asarray(edges.geometry.array)[(kinds == kind).to_numpy()]
        drawn = LineCollection(
            [shapely.get_coordinates(line) for line in lines],
            colors=colour, linewidths=width, capstyle="round", zorder=2 + order / 10,
        )  # fmt: skip
        land.add_collection(drawn, autolim=False)


def marker_pt2(power_kw: Array, of_kw: float) -> Array:
    """Return the area of each marker (square points), in proportion to `power_kw` / `of_kw`."""
    return np.maximum(np.nan_to_num(power_kw) / of_kw * _LARGEST_PT2, _SMALLEST_PT2)


def largest_kw(power: Array) -> float:
    """Return the largest power (kW), or 1 if no power is known."""
    known = power[power > 0]
    return float(known.max()) if len(known) else 1.0


def power_kw(stations: gpd.GeoDataFrame) -> Array:
    """Return the power of each station (kW); NaN if unknown."""
    return np.asarray(stations["power_kw"].to_numpy(dtype=float, na_value=np.nan))


def draw_sites(land: Axes, stations: gpd.GeoDataFrame) -> None:
    """Draw new stations as circles and existing stations as diamonds, sized by power in kW."""
    power = power_kw(stations)
    xy = shapely.get_coordinates(np.asarray(stations.geometry.array))
    size = marker_pt2(power, largest_kw(power))
    existing = stations["existing"].to_numpy(dtype=bool)
    for chosen, marker, colour in ((existing, "D", EXISTING), (~existing, "o", NEW)):
        # The largest stations are drawn first, so that they cover no smaller ones.
        order = np.flatnonzero(chosen)[np.argsort(-size[chosen], kind="stable")]
        area = size[order] * (0.7 if marker == "D" else 1.0)
        x, y = xy[order].T
        land.scatter(x, y, s=area, marker=marker, c=colour, edgecolors="white",
                     linewidths=1.1, zorder=5)  # fmt: skip


def draw_scale_and_north(land: Axes, ground: Ground) -> None:
    """Draw a scale bar of a round length at the lower left, and a north arrow.

    In Pakistan, the grid north of UTM is within 2 degrees of true north.
    """
    length_m = nice(ground.width_m / 5, below=True)
    label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    pad = 0.18 * ground.width_m / ground.width_in
    x, y = ground.west + pad, ground.south + pad
    ends = [x, x + length_m]
    for colour, width in (("white", 6.0), (INK, 2.2)):
        land.plot(ends, [y, y], color=colour, lw=width, solid_capstyle="butt", zorder=8)
    text: Any = {"size": 8, "color": INK, "ha": "center", "zorder": 8}
    behind: Any = {"facecolor": "white", "alpha": 0.75}
    land.text(x + length_m / 2, y + pad * 0.35, label, va="bottom", **text,
              bbox={**behind, "edgecolor": "none", "pad": 1.2})  # fmt: skip
    arrow: Any = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 1, "shrinkB": 0}
    circle = {**behind, "boxstyle": "circle,pad=0.15", "lw": 0}
    land.annotate("N", (0.965, 0.965), (0.965, 0.905), "axes fraction", va="center", **text,
                  arrowprops=arrow, bbox=circle)  # fmt: skip


def nice(value: float, *, below: bool = False) -> float:
    """Return the nearest 1, 2 or 5 times a power of ten; with `below`, the nearest up to `value`.

    >>> [nice(m, below=True) for m in (999.0, 1000.0, 4800.0)]
    [500.0, 1000.0, 2000.0]
    """
    steps = np.array([1.0, 2.0, 5.0, 10.0]) * 10.0 ** np.floor(np.log10(value))
    return float(steps[steps <= value].max() if below else steps[np.abs(steps - value).argmin()])
