"""The annex of a tender as one printable page: a map of the lots, and a table for each."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from siting.pages import figure, page, table
from siting.texts import html_text

if TYPE_CHECKING:
    from siting.lots.lots import Lots

WIDTH, HEIGHT, EDGE = 1000, 720, 12
# Roads that readers recognise; smaller ones would be a grey sheet.
_DRAWN = ("motorway", "trunk", "primary", "secondary", "tertiary")
# Table headings by column, with the format of numbers (m: in millions).
_LOTS = {
    "lot": "Lot", "about": "About", "stations": "Stations,,.0f",
    "weak_stations": "of them weak,,.0f",
    "energy_kwh_day": "kWh/day,,.0f", "least_power_kw": "Least kW,,.0f",
    "cost_pkr": "Cost (PKR m),m",
    "npv_pkr": "Worth without support (PKR m),m", "ceiling_pkr": "Ceiling of support (PKR m),m",
}  # fmt: skip
_AREAS = {
    "site_id": "Station", "where": "Place of the plan", "radius_m": "Radius (m),,.0f",
    "least_chargers": "Least chargers", "least_power_kw": "Least kW,,.1f",
    "bays_needed": "Bays,,.0f",
    "open_by": "Open by", "energy_kwh_day": "kWh/day,,.0f", "loss_share": "Lost at most,.1%",
}  # fmt: skip


def page_of(parted: Lots, roads: gpd.GeoDataFrame) -> str:
    """Return the page as HTML text that stands alone and fetches nothing.

    `roads` are the network's streets in lon/lat, of which the larger are drawn.
    """
    style = (files("siting.lots") / "page.css").read_text(encoding="utf-8")
    lots = parted.lots.drop(columns="geometry").to_dict("records")
    areas = parted.areas.drop(columns="geometry")
    areas = areas.assign(where=areas["name"].fillna("") + ", " + areas["whereabouts"].fillna(""))
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
    body = f"""<p class="note">{html_text(parted.note)}</p>
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
{sections}"""
    return page(f"{parted.title}: {facts['lots']} lot{'s' * (facts['lots'] > 1)}", style, body)


def _table(columns: dict[str, str], rows: Iterable[dict[Any, Any]]) -> str:
    parts = {name: head.partition(",") for name, head in columns.items()}
    cells = [[html_text(_text(row[k], parts[k][2])) for k in parts] for row in rows]
    heads = [html_text(head) for head, _, _ in parts.values()]
    return table(heads, cells, ["n" if form else "" for _, _, form in parts.values()])


def _text(value: Any, form: str) -> str:
    if not form:
        return str(value)
    return figure(value, ",.2f", 1e6) if form == "m" else figure(value, form)


def _map(parted: Lots, roads: gpd.GeoDataFrame) -> str:
    """Return the map as an ``svg`` element: roads, the ground of the lots, areas and numbers."""
    bounds = np.array([parted.areas.total_bounds, parted.lots.total_bounds])
    west, south = np.nanmin(bounds[:, :2], axis=0)
    east, north = np.nanmax(bounds[:, 2:], axis=0)
    narrow = np.cos(np.radians((south + north) / 2))  # of a degree of longitude
    scale = min((WIDTH - 2 * EDGE) / max((east - west) * narrow, 1e-9),
                (HEIGHT - 2 * EDGE) / max(north - south, 1e-9))  # fmt: skip
    height = round((north - south) * scale) + 2 * EDGE

    def on_page(points: np.ndarray) -> np.ndarray:
        x, y = points.T
        return np.column_stack([(x - west) * narrow * scale + EDGE, (north - y) * scale + EDGE])

    def drawn(shapes: gpd.GeoSeries, kind: str, lots: Iterable[int]) -> str:
        # Colours advance by the golden angle, so that successive lots differ.
        moved = shapely.simplify(shapely.transform(np.asarray(shapes), on_page), 0.6)
        return "".join(
            f'<path class="{kind}" style="--h: {round(137.508 * lot) % 360}" d="{_path(shape)}"/>'
            for shape, lot in zip(moved, lots, strict=True)
        )

    lots, areas = parted.lots, parted.areas
    larger = roads.geometry[roads["highway"].astype(str).str.removesuffix("_link").isin(_DRAWN)]
    marks = "".join(
        f'<g style="--h: {round(137.508 * lot) % 360}"><title>{html_text(str(site))}, lot {lot}'
        f'</title><circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
        f'<text x="{x:.1f}" y="{y + 3.5:.1f}">{lot}</text></g>'
        for (x, y), lot, site in zip(
            on_page(areas[["lon", "lat"]].to_numpy()), areas["lot"], areas["site_id"], strict=True
        )
    )
    words = f"Map of {len(lots)} lots with {len(areas)} search areas."
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{words}">'
        f"{drawn(lots.geometry, 'ground', lots['lot'])}"
        f"{drawn(gpd.GeoSeries([larger.union_all()]), 'road', [0])}"
        f"{drawn(areas.geometry, 'area', areas['lot'])}{marks}</svg>"
    )


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
