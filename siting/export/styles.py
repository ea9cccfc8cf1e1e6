"""QGIS styles for each layer: colours, sizes and classes chosen to fit the data of the layer.

The report uses the same colours. The colours of every ramp differ in lightness, so that maps are
legible in greyscale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.export import qml
from siting.export.dictionary import alias
from siting.export.qml import Class, Rule, Size
from siting.writing import write_text

UNSERVED = ("#fdd9b5", "#fdae6b", "#f16913", "#c44103", "#7f2704")
WANTED = ("#dbe9f6", "#abcfe6", "#6aaed6", "#3080bd", "#08478e")
SERVED = ("#f1eef6", "#bdc9e1", "#74a9cf", "#2b8cbe", "#045a8d")
MINUTES = ("#00441b", "#238b45", "#66c2a4", "#b2e2e2", "#e0f3ee")
NOTHING = "#e3f3ef"  # all served
EXISTING, EXISTING_RIM = "#f0c419", "#1f2937"
# Shape and colour of new stations by kind of place. The shapes help colour-blind readers.
KINDS = {
    "fuel": ("circle", "#0072b2"), "parking": ("square", "#117733"),
    "mall": ("triangle", "#882255"), "street": ("hexagon", "#332288"),
    "bus_station": ("pentagon", "#aa4499"), "marketplace": ("star", "#1b7f79"),
}  # fmt: skip
OTHER_KINDS = (
    *(("equilateral_triangle", "#4d4d4d"), ("octagon", "#3b6fb6")),
    *(("circle", "#5b3a1a"), ("square", "#6b2c91")),
)
CLASSES = 5  # number of classes into which energy is divided
CLOSE, STREETS, DETAIL = 25_000, 150_000, 60_000  # scale denominators
_ROADS = (
    ("Motorway, trunk road", ("motorway", "trunk"), 0.75, "#858c96", 4),
    ("Primary road", ("primary",), 0.55, "#989fa8", 3),
    ("Secondary road", ("secondary",), 0.45, "#a8afb8", 2),
    ("Tertiary road", ("tertiary",), 0.3, "#b9bfc7", 1),
)


class Style(NamedTuple):
    """One style of a layer: its name in QGIS, what it shows, and its QML."""

    name: str
    meaning: str
    qml: str


def styles_of(name: str, layer: pd.DataFrame) -> list[Style]:
    """Return the styles of a layer, the default style first; an empty list for a table.

    `name` is the layer's name, e.g. ``sites``. A layer with an unknown name gets a plain style for
    its geometry type. Classes and sizes fit the rows of `layer`.
    """
    if not isinstance(layer, gpd.GeoDataFrame) or layer.active_geometry_name is None:
        return []
    aliases = [(str(c), alias(str(c))) for c in layer.columns[layer.dtypes != "geometry"]]
    return [
        Style(title, meaning, qml.document(aliases=aliases, **how))
        for title, meaning, how in _LAYERS.get(name, _plain)(layer)
    ]


def write_qml(path: Path, styles: Sequence[Style]) -> None:
    """Write a layer's first style where QGIS finds it: ``sites.qml`` beside ``sites.geojson``."""
    write_text(path.with_suffix(".qml"), styles[0].qml)


def breaks(values: Any) -> list[float]:
    """Divide positive values into up to `CLASSES` classes, and return their round upper limits.

    The last limit is at least the largest value. Without positive values, the result is empty.

    >>> breaks([0.0, 1.0, 2.0, 4.0, 8.0, 16.0])
    [2.0, 4.0, 6.0, 10.0, 20.0]
    >>> breaks([0.0])
    []
    """
    numbers = np.asarray(values, dtype=float)
    numbers = numbers[np.isfinite(numbers)]
    # Rounding errors of a solver must not form a separate class.
    numbers = np.sort(numbers[numbers > 1e-4 * max(numbers.max(initial=0.0), 0.0)])
    if not len(numbers):
        return []
    # The top class contains the highest 5 % of the values, because only a few cells are very dense.
    parts = np.linspace(0, 1, CLASSES + 1)[1:]
    if len(numbers) > 20:
        parts = np.append(np.linspace(0, 0.95, CLASSES)[1:], 1.0)
    tops = [float(np.quantile(numbers, part)) for part in parts]
    coarse, fine = (sorted({_round_up(top, steps) for top in tops}) for steps in (_COARSE, _FINE))
    # Values that are close together need finer limits.
    return coarse if len(coarse) == len(parts) else fine


_COARSE = np.array([1, 1.5, 2, 3, 4, 5, 6, 8, 10])
_FINE = np.arange(10, 101) / 10


def _round_up(value: float, steps: Any = _COARSE) -> float:
    scaled = steps * 10.0 ** np.floor(np.log10(value))
    return float(f"{scaled[scaled >= value * (1 - 1e-9)].min():.3g}")


Drawn = list[tuple[str, str, dict[str, Any]]]


def _ranges(
    layer: gpd.GeoDataFrame, field: str, colours: tuple[str, ...], nothing: tuple[str, str]
) -> dict[str, Any]:
    """Return a style with a class for zero, and classes with round limits for larger values."""
    limits = breaks(layer[field].to_numpy(dtype=float, na_value=np.nan))
    draw = _area_symbol(layer)
    # Values below a thousandth of the largest limit are drawn as zero.
    floor = limits[-1] / 1000 if limits else 0.05
    limits = [limit for limit in limits if limit > floor]
    classes = [Class((-1e-9, floor), nothing[0], draw(nothing[1]))]
    chosen = [colours[i] for i in np.linspace(0, len(colours) - 1, len(limits)).round().astype(int)]
    for low, limit, hex_ in zip([floor, *limits], limits, chosen, strict=False):
        shown = "up to" if low == floor else f"{low:,g} to"
        classes.append(Class((low, limit), f"{shown} {limit:,g} kWh/day", draw(hex_)))
    return {"renderer": qml.graduated(field, classes), "shown_by": '"cell_id"'}


def _all(layer: gpd.GeoDataFrame, kind: str) -> bool:
    """Return whether all shapes are of the given kind, such as Polygon (or MultiPolygon)."""
    return bool(layer.geom_type.dropna().str.removeprefix("Multi").eq(kind).all())


def _area_symbol(layer: gpd.GeoDataFrame) -> Callable[[str], Any]:
    """Return a function that makes the symbol of a cell, or of a point, in a given colour."""
    if len(layer) and _all(layer, "Point"):
        return lambda hex_: qml.marker("square", hex_, 2.5, outline_mm=0.1)
    return lambda hex_: qml.fill(hex_)


def _shares(layer: gpd.GeoDataFrame) -> dict[str, Any]:
    draw = _area_symbol(layer)
    limits = (0.0, 0.2, 0.4, 0.6, 0.8, 1.000001)
    classes = [
        Class((low, high), f"{low:.0%} to {min(high, 1):.0%}", draw(hex_))
        for low, high, hex_ in zip(limits, limits[1:], SERVED, strict=False)
    ]
    return {"renderer": qml.graduated("served_share", classes)}


def _demand(layer: gpd.GeoDataFrame) -> Drawn:
    how = _ranges(layer, "demand_kwh_day", WANTED, ("no demand", "#eef1ee"))
    drawn: Drawn = [("Demand", "demand of each cell, kWh/day", how)]
    if "unserved_kwh_day" in layer:
        how = _ranges(layer, "unserved_kwh_day", UNSERVED, ("all served, or no demand", NOTHING))
        drawn.insert(0, ("Energy not served", "unserved demand of each cell, kWh/day", how))
        drawn.append(("Share served", "share of each cell's demand that is served", _shares(layer)))
    return drawn


def _stations(layer: gpd.GeoDataFrame) -> Drawn:
    size = _size(layer, "power_kw", "kW", "Power")
    standing = layer["existing"].to_numpy(dtype=bool)
    kinds = sorted(layer["kind"][~standing].astype(str).unique())
    looks = KINDS | dict(zip((kind for kind in kinds if kind not in KINDS), cycle(OTHER_KINDS)))
    classes = [Class(kind, _new(kind), qml.marker(*looks[kind], 3.0, size=size)) for kind in kinds]
    # QGIS shows a size legend only if every class has the same sizes.
    if standing.any():
        symbol = qml.marker("diamond", EXISTING, 3.0, outline=EXISTING_RIM, size=size)
        classes.append(Class("(standing)", "Existing station", symbol))
    by = 'CASE WHEN "existing" THEN \'(standing)\' ELSE "kind" END'
    chargers = "coalesce(\"chargers\" || ', ', '') || " if "chargers" in layer else ""
    text = (
        "if(coalesce(\"name\", '') = '', '', \"name\" || '\\n') || \"site_id\" || ', ' || "
        f"{chargers}format_number(\"power_kw\", 0) || ' kW, ' || "
        "format_number(\"served_kwh_day\", 0) || ' kWh/day'"
    )
    how = {
        "renderer": qml.categorised(by, classes, size),
        "labeling": qml.labels(text, scale=CLOSE, away_mm=1.0, priority=9),
        "shown_by": 'coalesce("name", "site_id")',
    }
    drawn: Drawn = [("Stations", "shape and colour show the kind of place; area shows kW", how)]
    # Only stations with business cases have earnings.
    return [*drawn, *_subsidies(layer)] if "earned_pkr" in layer else drawn


def _new(kind: str) -> str:
    text = kind.replace("_", " ")
    if "existing" in kind:  # the place of a closed station, e.g. "existing (not operating)"
        return f"New, at a station {text.split('(')[-1].rstrip(')')}"
    return f"New: {text}"


def _size(
    layer: gpd.GeoDataFrame, field: str, unit: str, title: str, per_unit: float = 1.0
) -> Size:
    values = layer[field].to_numpy(dtype=float, na_value=np.nan) / per_unit
    known = values[np.isfinite(values) & (values > 0)]
    most = _round_up(float(known.max())) if len(known) else 1.0
    examples = dict.fromkeys([_round_up(most / 8), _round_up(most / 3), most])
    legend = tuple((value * per_unit, f"{value:,g} {unit}") for value in examples)
    return Size(field, most * per_unit, title, legend)


def _service(layer: gpd.GeoDataFrame) -> Drawn:
    most = max(float(layer["served_kwh_day"].max()) if len(layer) else 1.0, 1e-9)
    width = f'0.05 + 0.45 * sqrt("served_kwh_day" / {most:.6g})'
    symbol = qml.line("#b5179e", 0.2, alpha=0.4, width_by=width)
    how = {"renderer": qml.single(symbol), "scale": CLOSE, "shown_by": '"demand_id"'}
    return [("Cells and their stations", "straight lines, wider for more kWh/day", how)]


def _roads(layer: gpd.GeoDataFrame) -> Drawn:
    known = layer["highway"].astype(str).str.lower()
    there = [known.str.startswith(names) for _, names, *_ in _ROADS]
    rules = [
        Rule(" OR ".join(f"\"highway\" LIKE '{name}%'" for name in names), label,
             qml.line(hex_, width, level=level))
        for (label, names, width, hex_, level), found in zip(_ROADS, there, strict=True)
        if found.any()
    ]  # fmt: skip
    if not pd.concat(there, axis=1).any(axis=1).all():
        rules.append(Rule("ELSE", "Street", qml.line("#cfd3d8", 0.15), STREETS))
    how: dict[str, Any] = {"renderer": qml.rules(rules), "shown_by": '"name"'}
    if "name" in layer:
        how["labeling"] = qml.labels('"name"', scale=8_000, size_pt=7, hex_="#6b7280",
                                     along_line=True, priority=2)  # fmt: skip
    return [("Roads by class", "grey lines; main roads are wider", how)]


def _candidates(layer: gpd.GeoDataFrame) -> Drawn:
    symbol = qml.marker("circle", "#ffffff", 1.1, outline="#6b7280", outline_mm=0.2)
    how = {"renderer": qml.single(symbol), "scale": STREETS,
           "labeling": qml.labels('coalesce("name", "site_id")', scale=8_000, size_pt=7,
                                  hex_="#4b5563", priority=3),
           "shown_by": 'coalesce("name", "site_id")'}  # fmt: skip
    return [("Candidates", "places where a station could be built", how)]


def _dropped(layer: gpd.GeoDataFrame) -> Drawn:
    symbol = qml.marker("cross2", "#9ca3af", 1.0, outline="#9ca3af", outline_mm=0.2)
    how = {"renderer": qml.single(symbol), "scale": DETAIL, "shown_by": '"reason"'}
    return [("Left out", "places left out; shown only when zoomed in", how)]


def _outside(layer: gpd.GeoDataFrame) -> Drawn:
    reasons = dict.fromkeys(layer["reason"].astype(str))
    styles = ("b_diagonal", "f_diagonal", "dense6")
    classes = [Class(one, one, _hatch(layer, style)) for one, style in zip(reasons, cycle(styles))]
    return [("Not reached", "by reason", {"renderer": qml.categorised("reason", classes)})]


def _hatch(layer: gpd.GeoDataFrame, style: str) -> Any:
    if len(layer) and _all(layer, "Point"):
        return qml.marker("cross2", "#7f2704", 1.2, outline="#7f2704", outline_mm=0.2)
    return qml.fill("#7f2704", style=style, outline="#7f2704", outline_mm=0.15)


def _zones(layer: gpd.GeoDataFrame) -> Drawn:
    if not _all(layer, "Polygon"):
        return _plain(layer)
    symbol = qml.fill("#ffffff", style="no", outline="#5b21b6", outline_mm=0.45)
    name = next(c for c in ("name", "zone", "zone_id") if c in layer)
    text = f'"{name}"'
    if "served_share" in layer:
        text += " || '\\n' || format_number(100 * \"served_share\", 0) || ' % served'"
    how = {"renderer": qml.single(symbol), "shown_by": f'"{name}"',
           "labeling": qml.area_labels(text)}  # fmt: skip
    drawn: Drawn = [("Zones", "outlines with names", how)]
    if "served_share" in layer:
        share = _shares(layer) | {"labeling": qml.area_labels(text)}
        drawn.append(("Share served", "share of each zone's demand that is served", share))
    return drawn


def _isochrones(layer: gpd.GeoDataFrame) -> Drawn:
    classes = [
        Class((low, high), f"{low:g} to {high:g} min", qml.fill(hex_, outline=hex_))
        for low, high, hex_ in zip(layer["over_min"], layer["within_min"], MINUTES, strict=False)
    ]
    how = {"renderer": qml.graduated("within_min", classes), "opacity": 0.6,
           "shown_by": '"within_min"'}  # fmt: skip
    return [("Minutes to the nearest station", "driving times, by default at the peak hour", how)]


def _built(layer: gpd.GeoDataFrame) -> Drawn:
    years = sorted(int(year) for year in layer["year"].unique())
    ramp = np.linspace(4, 1, len(years)).round().astype(int).tolist()
    classes = [
        Class(year, f"built in {year}", qml.marker("circle", WANTED[i], 3.6, outline=EXISTING_RIM))
        for year, i in zip(years, ramp, strict=True)
    ]
    how = {"renderer": qml.categorised('"year"', classes), "shown_by": '"offer_id"',
           "labeling": qml.labels('"year"', scale=CLOSE, away_mm=1.0)}  # fmt: skip
    return [("Year", "when each station is built or extended", how)]


def _alternatives(layer: gpd.GeoDataFrame) -> Drawn:
    classes = [
        Class(limits, words, qml.marker("circle", WANTED[i], 2.4 + i / 2, outline=EXISTING_RIM))
        for i, limits, words in (
            (0, (0.0, 0.5), "in up to half of the plans"),
            (2, (0.5, 0.999), "in more than half of the plans"),
            (4, (0.999, 1.0), "in every plan"),
        )
    ]
    how = {"renderer": qml.graduated("share", classes), "shown_by": '"site_id"'}
    return [("In how many plans", "share of near-best plans that build at the place", how)]


def _robust(layer: gpd.GeoDataFrame) -> Drawn:
    always = qml.marker("circle", WANTED[4], 3.6, outline=EXISTING_RIM)
    sometimes = qml.marker("circle", "#ffffff", 2.6, outline=WANTED[4])
    classes = [
        Class(True, "in every scenario's own plan", always),
        Class(False, "in some scenarios' own plans, but not all", sometimes),
    ]
    how = {"renderer": qml.categorised('"robust"', classes), "shown_by": '"site_id"'}
    return [("Robust sites", "whether every scenario's own plan builds at the place", how)]


def _subsidies(layer: gpd.GeoDataFrame) -> Drawn:
    size = _size(layer, "subsidy_pkr", "m PKR", "Subsidy", per_unit=1e6)
    symbol = qml.marker("circle", "#c44103", 3.0, outline=EXISTING_RIM, size=size)
    how = {"renderer": qml.single(symbol, size), "shown_by": '"site_id"'}
    return [("Subsidy", "marker area shows public money", how)]


def _plain(layer: gpd.GeoDataFrame) -> Drawn:
    if _all(layer, "Point"):
        symbol = qml.marker("circle", "#4b5563", 2.0)
    elif _all(layer, "LineString"):
        symbol = qml.line("#4b5563", 0.3)
    else:
        symbol = qml.fill("#9ca3af", alpha=0.3, outline="#4b5563", outline_mm=0.2)
    return [("Plain", "all features look the same", {"renderer": qml.single(symbol)})]


_LAYERS: Mapping[str, Callable[[gpd.GeoDataFrame], Drawn]] = {
    "demand": _demand,
    "sites": _stations,
    "service": _service,
    "roads": _roads,
    "candidates": _candidates,
    "dropped": _dropped,
    "outside": _outside,
    "zones": _zones,
    "isochrones": _isochrones,
    "built": _built,
    "alternative_sites": _alternatives,
    "robust": _robust,
}
