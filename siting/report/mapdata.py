"""The data of the map, as arrays that are small enough to embed in a page.

Coordinates are whole multiples of 1e-5 degrees (about a metre). A line is a flat list: longitude
and latitude of the first point, then the step to each next point. Energy is in kWh/day.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.export.layers import by_class
from siting.export.styles import MINUTES
from siting.files import texts_of
from siting.report.figure_text import percent
from siting.report.run_record import BANDS, RunRecord
from siting.report.shapes import SCALE, flat_lines, polygons_of, polygons_of_all, service_areas
from siting.roads import PLACE_KINDS, utm_epsg
from siting.roads.strokes import strokes

# If roads take more characters, they are simplified; then the shortest minor roads are omitted.
MOST_ROAD_CHARS = 1_800_000
_TOLERANCES_M = (2.0, 5.0, 10.0)  # in units of the map's coordinates, about a metre each
_MAIN = ("motorway", "trunk", "primary")
_MIDDLE = ("secondary", "tertiary")
_BINS = 5
# Labels of roads: distance between labels (m), minimum length of a labelled road by rank (m), and
# maximum number of labelled small streets.
NAME_EVERY_M = 2500.0
LEAST_NAMED_M = (250.0, 250.0, 150.0)
MOST_SMALL_NAMES = 800


def map_data(run: RunRecord) -> dict[str, Any]:
    """Return the data for the page's script.

    Keys:

    - ``scale`` and ``classes``
    - ``roads``: lines of main, middle and small roads; ``coarse``: whether roads were left out
    - ``names``: text, position, angle (degrees) and rank of road labels, main roads first
    - ``parts``: name, position and rank of the city's parts
    - ``cells``: for each cell ``id``, ``shape`` (polygons of rings, empty for a point), ``at``
      (start of its service lines), ``km2``, and ``wanted`` and ``served`` by class
    - ``unit`` and ``breaks`` of the shading
    - ``sites``: for each site ``id``, ``name``, ``old``, ``kw``, ``at``, ``kwh`` by class and
      ``service`` (a flat list of cell, kWh/day and minutes)
    - ``minutes``: bands of minutes to the nearest station
    - ``areas``: service areas by year
    - ``years``: for each year ``year``, ``kw`` (None for a site without a station yet), and
      ``wanted`` and ``served`` by cell; empty for a plan without years
    """
    cells, index = _cells(run)
    polygons = all(cell["shape"] for cell in cells)
    roads, coarse = road_lines(run.roads)
    return {
        "scale": SCALE,
        "classes": run.classes,
        "roads": roads,
        "names": road_names(run.roads),
        "parts": _parts(run),
        "coarse": coarse,
        "cells": cells,
        "unit": "kWh/day per km²" if polygons else "kWh/day",
        "breaks": _breaks(cells, len(run.classes), polygons=polygons),
        "sites": _sites(run.sites, run.service, run.classes, index),
        "areas": service_areas(run),
        "minutes": _minutes(run),
        "years": _years(run, index),
    }


def live_map_data(run: RunRecord, free: gpd.GeoDataFrame) -> dict[str, Any]:
    """Return the data for the script of a map that a notebook updates; see `standing`.

    `free` are places without a station (``site_id``, ``name``, points in lon/lat).
    """
    data = map_data(run)
    none = {"old": False, "kw": None, "kwh": [0] * len(run.classes), "service": []}
    names = map(site_name, free["name"], free["site_id"])
    more = [
        {"id": str(site_id), "name": name, "at": at_of(point), **none}
        for site_id, name, point in zip(free["site_id"], names, free.geometry, strict=True)
    ]
    return {**data, "live": True, "sites": [*data["sites"], *more], "areas": [], "years": []}


def standing(
    sites: gpd.GeoDataFrame, demand: pd.DataFrame, service: pd.DataFrame, run: RunRecord
) -> dict[str, Any]:
    """Return another plan's stations and the energy served, for the map of `live_map_data`.

    The tables are like those of a run folder. `sites` is in lon/lat, and `demand` has every cell of
    `run` that has demand. The result has the keys ``sites`` (as in `map_data`), and ``wanted`` and
    ``served`` (energy by cell and class).
    """
    cells = run.demand.loc[run.demand["demand_kwh_day"] > 0, "cell_id"].astype(str).tolist()
    rows = demand.set_index(demand["cell_id"].astype(str)).loc[cells]
    index = {cell: n for n, cell in enumerate(cells)}
    return {
        "sites": _sites(sites, service, run.classes, index),
        "wanted": _by_class(rows, run.classes, "demand"),
        "served": _by_class(rows, run.classes, "served"),
    }


def _minutes(run: RunRecord) -> list[dict[str, Any]]:
    """Return the bands of minutes to the nearest station, coloured as in QGIS."""
    rows = zip(*(run.minutes[c] for c in BANDS), run.minutes.geometry, MINUTES, strict=False)
    return [
        {
            "told": f"{low:g}–{high:g} min: {percent(share)} of people",
            "colour": colour,
            "shape": polygons_of(shapely.simplify(shape, 1e-4)),
        }
        for low, high, share, shape, colour in rows
    ]


def _years(run: RunRecord, index: dict[str, int]) -> list[dict[str, Any]]:
    if run.years is None:
        return []
    kw = dict(zip(run.offers["offer_id"], run.offers["power_kw"], strict=True))
    ids = pd.DataFrame({"cell_id": list(index)})
    out = []
    for year in run.years.all:
        here = run.years.built[run.years.built["year"] == year]
        standing = {
            str(site): _short(kw.get(offer, 0.0))
            for site, offer in zip(here["site_id"], here["offer_id"], strict=True)
        }
        rows = run.years.cells[run.years.cells["year"] == year]
        wanted, served = (
            by_class(ids, rows, f"{what}_kwh_day").reindex(columns=run.classes, fill_value=0.0)
            for what in ("demand", "served")
        )
        kw_of_sites = [standing.get(str(site)) for site in run.sites["site_id"]]
        energy = {"wanted": _short_rows(wanted, 1), "served": _short_rows(served, 1)}
        out.append({"year": year, "kw": kw_of_sites, **energy})
    return out


def road_lines(roads: gpd.GeoDataFrame) -> tuple[list[list[list[int]]], bool]:
    """Return the roads of each rank as joined lines on the map, and whether any were left out."""
    lines, rank = _strokes(roads, _ranks(roads), 1 / SCALE)
    for tolerance_m in _TOLERANCES_M:
        simple = shapely.simplify(lines, tolerance_m)
        drawn = [flat_lines(simple[rank == r]) for r in range(3)]
        # Number of characters that each line takes in the page.
        chars = [[len(json.dumps(x, separators=(",", ":"))) + 1 for x in of] for of in drawn]
        if sum(map(sum, chars)) <= MOST_ROAD_CHARS:
            return drawn, False
    left = MOST_ROAD_CHARS - sum(map(sum, chars[:2]))
    longest = np.argsort(-shapely.length(simple[rank == 2]), kind="stable")
    kept = longest[np.cumsum(np.array(chars[2])[longest]) <= left]
    return [*drawn[:2], [drawn[2][i] for i in np.sort(kept).tolist()]], True


def _strokes(
    roads: gpd.GeoDataFrame | gpd.GeoSeries, kind: np.ndarray, grid: float
) -> tuple[np.ndarray, np.ndarray]:
    """Join the roads of each kind into strokes; return the strokes and the kind of each."""
    lines, of = strokes(np.asarray(roads.geometry.array), kind, grid)
    out = np.zeros(len(lines), dtype=np.int64)
    out[of[of >= 0]] = kind[of >= 0]
    return lines, out


def _ranks(roads: gpd.GeoDataFrame) -> np.ndarray:
    """Return the rank of each road: 0 for main roads, 1 for middle roads, 2 for others."""
    kinds = roads["highway"].astype(str).str.removesuffix("_link")
    return np.select([kinds.isin(_MAIN), kinds.isin(_MIDDLE)], [0, 1], 2)


def road_names(roads: gpd.GeoDataFrame) -> list[list[Any]]:
    """Return the labels of roads: text, x, y, angle (degrees) and rank of the road.

    Labels are about `NAME_EVERY_M` apart. Of the small streets, only the longest are labelled.
    """
    roads = roads.assign(name=texts_of(roads, "name"))
    roads = roads[roads["name"] != ""]
    if roads.empty:
        return []
    metres = roads.geometry.to_crs(utm_epsg(roads.total_bounds))
    code, texts = pd.factorize(roads["name"])
    # Only the longest line of each name and rank is labelled.
    lines, kind = _strokes(metres, code * 3 + _ranks(roads), 1.0)
    far_m = shapely.length(lines)
    found = pd.DataFrame({"name": texts[kind // 3], "rank": kind % 3, "m": far_m, "line": lines})
    found = found[far_m >= np.array(LEAST_NAMED_M)[found["rank"]]]
    found = found.sort_values(["rank", "m", "name"], ascending=[True, False, True], kind="stable")
    found = found.drop_duplicates(["name", "rank"])
    found = found[(found["rank"] < 2) | (found.groupby("rank").cumcount() < MOST_SMALL_NAMES)]
    often = np.where(found["rank"] == 2, 1, np.maximum(1, np.rint(found["m"] / NAME_EVERY_M)))
    times = often.astype(int)
    found = found.loc[found.index.repeat(times)].assign(of=np.repeat(times, times))
    turn = found.groupby(["name", "rank"]).cumcount()
    spots = [
        shapely.line_interpolate_point(
            found["line"].to_numpy(), (turn + share) / found["of"], normalized=True
        )
        for share in (0.4, 0.5, 0.6)
    ]
    before, at, after = (shapely.get_coordinates(one) for one in spots)
    angle = -np.degrees(np.arctan2(*(after - before).T[::-1]))
    at = shapely.get_coordinates(gpd.GeoSeries(spots[1], crs=metres.crs).to_crs(4326).array)
    columns = (found["name"], *np.rint(at * SCALE).astype(int).T.tolist())
    flat = np.rint((angle + 90) % 180 - 90).astype(int).tolist()
    return [list(row) for row in zip(*columns, flat, found["rank"].tolist(), strict=True)]


def _parts(run: RunRecord) -> list[list[Any]]:
    """Return labels for parts of the city, sorted by the rank of their kind: text, x, y, rank."""
    kinds = {kind: rank for rank, kind in enumerate(PLACE_KINDS)}
    parts = run.parts
    if run.urdu:
        urdu = texts_of(parts, "name_ur")
        parts = parts.assign(name=urdu.where(urdu != "", parts["name"]))
    rows = [
        [str(name), *at_of(point), kinds.get(str(kind), len(kinds))]
        for name, kind, point in zip(parts["name"], parts["kind"], parts.geometry, strict=True)
    ]
    return sorted(rows, key=lambda row: (row[3], row[0]))


def _cells(run: RunRecord) -> tuple[list[dict[str, Any]], dict[str, int]]:
    layer = run.demand[run.demand["demand_kwh_day"] > 0].reset_index(drop=True)
    if layer.empty:
        return [], {}
    metres = layer.to_crs(utm_epsg(layer.total_bounds))
    area_km2 = metres.area.to_numpy() / 1e6
    first = run.service.drop_duplicates("cell_id")
    starts = shapely.get_coordinates(shapely.get_point(first.geometry.array, 0))
    begins = dict(zip(first["cell_id"].astype(str), starts, strict=True))
    middle = shapely.get_coordinates(metres.representative_point().to_crs(4326))
    wanted, served = (_by_class(layer, run.classes, what) for what in ("demand", "served"))
    ids, shapes = layer["cell_id"].astype(str), polygons_of_all(layer.geometry)
    cells = [
        {
            "id": cell_id,
            "shape": shape,
            "at": [round(float(v) * SCALE) for v in begins.get(cell_id, middle[i])],
            "km2": round(float(area_km2[i]), 4),
            "wanted": wanted[i],
            "served": served[i],
        }
        for i, (cell_id, shape) in enumerate(zip(ids, shapes, strict=True))
    ]
    return cells, {cell["id"]: i for i, cell in enumerate(cells)}


def _by_class(layer: pd.DataFrame, classes: Iterable[str], what: str) -> list[list[float]]:
    return _short_rows(layer[[f"{what}_{name}_kwh_day" for name in classes]].fillna(0.0))


def _short_rows(table: pd.DataFrame, decimals: int = 2) -> list[list[float]]:
    return [[_short(value, decimals) for value in row] for row in table.to_numpy(float).tolist()]


def _breaks(cells: list[dict[str, Any]], classes: int, *, polygons: bool) -> list[list[float]]:
    """Return the limits between the shades of cells: for all classes together, then by class."""
    wanted = np.array([cell["wanted"] for cell in cells], float).reshape(len(cells), classes)
    area = np.array([cell["km2"] for cell in cells]) if polygons else np.ones(len(cells))
    breaks = []
    for column in (wanted.sum(axis=1), *wanted.T):
        values = column / np.where(area > 0, area, 1.0)
        some = values[values > 0]
        limits = np.quantile(some, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(some) else []
        breaks.append(sorted({float(f"{limit:.2g}") for limit in limits}))
    return breaks


def _sites(
    sites: gpd.GeoDataFrame, service: pd.DataFrame, classes: list[str], index: dict[str, int]
) -> list[dict[str, Any]]:
    flat: dict[str, list[float]] = {}
    rows = service.assign(weight=service["served_kwh_day"] * service["travel_min"])
    summed = rows.groupby(["site_id", "cell_id"])[["served_kwh_day", "weight"]].sum()
    for (site_id, cell_id), kwh, weight in summed.itertuples(name=None):
        if kwh > 0 and str(cell_id) in index:
            row = [index[str(cell_id)], _short(kwh), _short(weight / kwh, 1)]
            flat.setdefault(str(site_id), []).extend(row)
    energy = _by_class(sites, classes, "served")
    return [
        {
            "id": str(row.site_id),
            "name": site_name(row.name, row.site_id),
            "old": bool(row.existing),
            "kw": _short(row.power_kw),
            "at": at_of(row.geometry),
            "kwh": kwh,
            "service": flat.get(str(row.site_id), []),
        }
        for row, kwh in zip(sites.itertuples(index=False), energy, strict=True)
    ]


def at_of(point: Any) -> list[int]:
    """Return the map coordinates of a point (lon/lat)."""
    return [round(point.x * SCALE), round(point.y * SCALE)]


def site_name(name: Any, site_id: Any) -> str:
    """Return the name of a site, or its id if it has no name.

    >>> site_name(None, "s0001"), site_name(" Pump ", "s0001")
    ('s0001', 'Pump')
    """
    return (name.strip() if isinstance(name, str) else "") or str(site_id)


def _short(value: float, decimals: int = 2) -> float | int:
    short = round(float(value), decimals)
    return int(short) if short == int(short) else short
