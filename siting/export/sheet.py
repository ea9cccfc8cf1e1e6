"""Parts of a print page: tables, and a map with the larger roads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from siting.pages import page, table
from siting.shown import Column
from siting.texts import html_text

WIDTH, HEIGHT, EDGE = 1000, 720, 12
# Road classes on the map; smaller roads would clutter it.
_DRAWN = ("motorway", "trunk", "primary", "secondary", "tertiary")


def sheet(title: str, body: str) -> str:
    """Return a page for printing, given its title (text) and its body (HTML)."""
    style = (files("siting.export") / "sheet.css").read_text(encoding="utf-8")
    return page(title, style, body)


def points_of(notes: Iterable[str]) -> str:
    """Return notes as items of an HTML list, each as a sentence.

    >>> points_of(["no bid won"])
    '<li>No bid won.</li>'
    """
    return "".join(f"<li>{html_text(note[:1].upper() + note[1:])}.</li>" for note in notes)


def table_of(columns: Sequence[Column], rows: Iterable[Any]) -> str:
    """Return rows as an HTML table.

    >>> table_of([Column("Money", "a", ",.0f")], [{"a": 1200.0}])
    '<div class="wide"><table><thead><tr><th class="n">Money</th></tr></thead>\
<tbody><tr class=""><td class="n">1,200</td></tr></tbody></table></div>'
    """
    heads = [html_text(column.head) for column in columns]
    cells = [[html_text(column.text(row)) for column in columns] for row in rows]
    sides = ["n" if column.style["justify"] == "right" else "" for column in columns]
    return table(heads, cells, sides)


class MapSheet:
    """An SVG map, made part by part; `bounds` are boxes (lon/lat) that the map must contain."""

    def __init__(self, *bounds: Any) -> None:
        all_ = np.array(bounds)
        self.west, south = np.nanmin(all_[:, :2], axis=0)
        east, self.north = np.nanmax(all_[:, 2:], axis=0)
        self.narrow = np.cos(np.radians((south + self.north) / 2))  # width / height of a degree
        self.scale = min((WIDTH - 2 * EDGE) / max((east - self.west) * self.narrow, 1e-9),
                         (HEIGHT - 2 * EDGE) / max(self.north - south, 1e-9))  # fmt: skip
        self.height = round((self.north - south) * self.scale) + 2 * EDGE

    def _at(self, points: np.ndarray) -> np.ndarray:
        x, y = points.T
        across = (x - self.west) * self.narrow * self.scale + EDGE
        return np.column_stack([across, (self.north - y) * self.scale + EDGE])

    def shapes(self, shapes: gpd.GeoSeries, kind: str, styles: Iterable[str]) -> str:
        """Return lines or areas as SVG; all have the CSS class `kind`, and each has a style."""
        moved = shapely.simplify(shapely.transform(np.asarray(shapes), self._at), 0.6)
        return "".join(
            f'<path class="{kind}" style="{style}" d="{_path(shape)}"/>'
            for shape, style in zip(moved, styles, strict=True)
        )

    def roads(self, roads: gpd.GeoDataFrame) -> str:
        """Return the larger roads as SVG."""
        larger = roads["highway"].astype(str).str.removesuffix("_link").isin(_DRAWN)
        return self.shapes(gpd.GeoSeries([roads.geometry[larger].union_all()]), "road", [""])

    def mark(
        self, lon: float, lat: float, text: str, title: str, *, kind: str = "", style: str = ""
    ) -> str:
        """Return a disc that contains `text`; its tooltip is `title`."""
        ((x, y),) = self._at(np.array([[lon, lat]]))
        return (
            f'<g class="{kind}" style="{style}"><title>{html_text(title)}</title>'
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8"/>'
            f'<text x="{x:.1f}" y="{y + 3.5:.1f}"{" class=long" * (len(text) > 2)}>'
            f"{html_text(text)}</text></g>"
        )

    def drawn(self, words: str, *parts: str) -> str:
        """Return the map as an ``svg`` element; `words` describe it to screen readers."""
        box = f'viewBox="0 0 {WIDTH} {self.height}" role="img" aria-label="{html_text(words)}"'
        return f"<svg {box}>{''.join(parts)}</svg>"


def _path(shape: Any) -> str:
    """Return the ``d`` attribute of an SVG path that draws a line or an area."""
    if shape is None:
        return ""
    lines = []
    for part in shapely.get_parts(shape):
        area = part.geom_type == "Polygon"
        for ring in [part.exterior, *part.interiors] if area else [part]:
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in ring.coords)
            lines.append(f"M{points}" + ("Z" if area else ""))
    return "".join(lines)
