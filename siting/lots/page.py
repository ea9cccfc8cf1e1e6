"""The annex of a tender as one page to print: a map of the lots, and what each asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from siting.texts import html_text
from siting.writing import write_whole

if TYPE_CHECKING:
    from siting.lots.lots import Lots

# Nothing is fetched and no script is run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
WIDTH, HEIGHT, EDGE = 1000, 720, 12
# Roads that a reader knows the city by; smaller ones would be a grey sheet.
_DRAWN = ("motorway", "trunk", "primary", "secondary", "tertiary")
_LOTS = (
    *(("Lot", "lot", ""), ("About", "about", ""), ("Stations", "stations", ",.0f")),
    *(("of them weak", "weak_stations", ",.0f"), ("Energy, kWh/day", "energy_kwh_day", ",.0f")),
    *(("Least power, kW", "least_power_kw", ",.0f"), ("Cost, PKR m", "cost_pkr", "m")),
    *(
        ("Worth without support, PKR m", "npv_pkr", "m"),
        ("Ceiling of support, PKR m", "ceiling_pkr", "m"),
    ),
)
_AREAS = (
    *(
        ("Station", "site_id", ""),
        ("Place of the plan", "where", ""),
        ("Radius, m", "radius_m", ",.0f"),
    ),
    *(("Least chargers", "least_chargers", ""), ("Least power, kW", "least_power_kw", ",.1f")),
    *(("Bays", "bays_needed", ",.0f"), ("Open by", "open_by", "")),
    *(("Energy, kWh/day", "energy_kwh_day", ",.0f"), ("Lost at most", "loss_share", ".1%")),
)


def write_page(parted: Lots, roads: gpd.GeoDataFrame, path: Path) -> None:
    """Write the page, whole or not at all: it stands alone and fetches nothing.

    `roads` are the network's streets in lon/lat, of which the larger are drawn.
    """
    text = render(parted, roads)
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8", newline="\n"))


def render(parted: Lots, roads: gpd.GeoDataFrame) -> str:
    """Return the page as HTML text; see `write_page`."""
    style = (files("siting.lots") / "page.css").read_text(encoding="utf-8")
    lots = parted.lots.drop(columns="geometry").to_dict("records")
    areas = parted.areas.assign(where=_where(parted.areas)).drop(columns="geometry")
    facts = parted.facts
    sections = "".join(
        f"<section><h2>Lot {row['lot']}: about {html_text(str(row['about']))}</h2>"
        f"<p>{row['stations']} stations, {html_text(row['least_chargers'])} at least; "
        f"ceiling of support for the whole lot: PKR {row['ceiling_pkr']:,.0f} "
        f"(station by station the plan pays PKR {row['plan_subsidy_pkr']:,.0f}).</p>"
        f"{_table(_AREAS, areas[areas['lot'] == row['lot']].to_dict('records'))}</section>"
        for row in lots
    )
    notes = "".join(f"<li>{html_text(note[:1].upper() + note[1:])}.</li>" for note in parted.notes)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{html_text(parted.title)}: {facts["lots"]} lot{"s" * (facts["lots"] > 1)}</title>
<style>
{style}</style>
</head>
<body>
<h1>{html_text(parted.title)}: {facts["lots"]} lot{"s" * (facts["lots"] > 1)}</h1>
<p class="note">{html_text(parted.note)}</p>
<ul>{notes}</ul>
<figure>{_map(parted, roads)}<figcaption>Each lot is in one piece by road. Circles are the search
areas: at any place by a road in one the station loses no more than {facts["loss_share"]:.0%} of its
energy, wherever the others stand in theirs. Land, grid and permits are the bidder's to
find.</figcaption></figure>
<h2>The lots</h2>
{_table(_LOTS, lots)}
<p class="quiet">Worth without support is the net present value of all stations of the lot together;
the ceiling of support is what it lacks, the least public money with which the lot pays as one
business. A weak station does not pay by itself.</p>
{sections}
</body>
</html>
"""


def _where(areas: gpd.GeoDataFrame) -> list[str]:
    names = zip(areas["name"].fillna(""), areas["whereabouts"].fillna(""), strict=True)
    return [name if where in ("", name) else f"{name}, {where}" for name, where in names]


def _table(columns: Sequence[tuple[str, str, str]], rows: Iterable[dict[Any, Any]]) -> str:
    heads = "".join(
        f"<th{' class=n' if form else ''}>{html_text(head)}</th>" for head, _, form in columns
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if form else ''}>{html_text(_text(row[name], form))}</td>"
            for _, name, form in columns
        )
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _text(value: Any, form: str) -> str:
    if form and (value is None or value != value):
        return ""
    return f"{value / 1e6:,.2f}" if form == "m" else format(value, form) if form else str(value)


def _map(parted: Lots, roads: gpd.GeoDataFrame) -> str:
    """Return the map as an ``svg`` element: roads, the ground of the lots, areas and numbers."""
    bounds = np.array([parted.areas.total_bounds, parted.lots.total_bounds])
    west, south = np.nanmin(bounds[:, :2], axis=0)
    east, north = np.nanmax(bounds[:, 2:], axis=0)
    narrow = np.cos(np.radians((south + north) / 2))  # of a degree of longitude
    scale = min((WIDTH - 2 * EDGE) / max((east - west) * narrow, 1e-9),
                (HEIGHT - 2 * EDGE) / max(north - south, 1e-9))  # fmt: skip
    height = round((north - south) * scale) + 2 * EDGE

    def drawn(shapes: Any) -> list[str]:
        def moved(points: np.ndarray) -> np.ndarray:
            x, y = points.T
            return np.column_stack([(x - west) * narrow * scale + EDGE, (north - y) * scale + EDGE])

        moved_shapes = shapely.transform(np.asarray(shapes), moved)
        return [_path(shape) for shape in shapely.simplify(moved_shapes, 0.6)]

    kinds = roads["highway"].astype(str).str.removesuffix("_link")
    lines = drawn(roads.geometry[kinds.isin(_DRAWN)].array)
    ground = drawn(parted.lots.geometry.array)
    circles = drawn(parted.areas.geometry.array)
    # Colours go round by the golden angle, so that the next lots are unlike.
    hues = {int(lot): round(137.508 * n) % 360 for n, lot in enumerate(parted.lots["lot"])}
    parts = [
        f'<path d="{d}" fill="hsl({hues[lot]} 55% 82%)" stroke="hsl({hues[lot]} 45% 45%)"/>'
        for d, lot in zip(ground, parted.lots["lot"].astype(int), strict=True)
    ]
    parts.append(f'<path d="{" ".join(lines)}" fill="none" stroke="#777" stroke-width="0.7"/>')
    parts += [
        f'<path d="{d}" fill="hsl({hues[lot]} 60% 45%)" fill-opacity="0.16" '
        f'stroke="hsl({hues[lot]} 60% 30%)"/>'
        for d, lot in zip(circles, parted.areas["lot"].astype(int), strict=True)
    ]
    x = (parted.areas["lon"] - west) * narrow * scale + EDGE
    y = (north - parted.areas["lat"]) * scale + EDGE
    for at_x, at_y, lot, site in zip(
        x, y, parted.areas["lot"], parted.areas["site_id"], strict=True
    ):
        parts.append(
            f"<g><title>{html_text(str(site))}, lot {lot}</title>"
            f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="8" fill="hsl({hues[int(lot)]} 60% 26%)"/>'
            f'<text x="{at_x:.1f}" y="{at_y + 3.5:.1f}">{lot}</text></g>'
        )
    words = f"Map of {len(parted.lots)} lots with {len(parted.areas)} search areas."
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{words}">'
    return f"{head}{''.join(parts)}</svg>"


def _path(shape: Any) -> str:
    """Return a line or area as the ``d`` of an SVG path."""
    if shape is None:
        return ""
    lines = []
    for part in shapely.get_parts(shape):
        rings = [part.exterior, *part.interiors] if part.geom_type == "Polygon" else [part]
        for ring in rings:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ring.coords)
            lines.append(f"M{points}" + ("Z" if part.geom_type == "Polygon" else ""))
    return "".join(lines)
