"""Demand served in each part of the city, the worst-served part first.

The parts are the zones of the program or, if the program has none, the zones in which people were
counted. If neither exist, or there are too many zones of the second kind, the parts are squares.
"""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.files import texts_of
from siting.report.run_record import RunRecord
from siting.report.shapes import dissolved, polygons_of
from siting.roads.network import utm_epsg

SQUARE_M = 2500
MOST_COUNTED_ZONES = 60
# Parts with less than this share of the city's demand are listed last.
LITTLE_SHARE = 0.002
OUTSIDE = "outside all zones"


def districts(run: RunRecord) -> dict[str, Any]:
    """Return the table of districts, and their outlines for the map.

    Keys: ``what`` is the kind of parts, in words. ``rows`` have ``name``, ``near``, ``people``,
    ``wanted``, ``served`` and ``unserved`` (kWh/day), ``share``, the numbers of ``new`` and ``old``
    stations, ``subsidy``, and ``little`` (true if the part has little demand or no people). Rows
    are sorted by share served, the worst first and ``little`` rows last. ``shapes`` has the
    polygons of each part. The key ``little`` is the number of ``little`` rows.
    """
    layer = run.demand[run.demand["demand_kwh_day"] > 0].reset_index(drop=True)
    if layer.empty:
        return {"what": "", "rows": [], "shapes": [], "little": 0}
    metres = layer.to_crs(utm_epsg(layer.total_bounds))
    what, names = _parts(run, metres)
    layer = layer.assign(part=names)
    stations = _stations(run, metres, names)
    total = float(layer["demand_kwh_day"].sum())
    near = _near(run, layer, metres) if "squares" in what else {}
    # If the population is known, a part in which nobody lives is listed last.
    peopled = bool(layer["people"].sum())
    rows: list[dict[str, Any]] = []
    for name, part in layer.groupby("part", sort=True):
        wanted = float(part["demand_kwh_day"].sum())
        served = float(part["served_kwh_day"].sum())
        people = float(part["people"].sum())
        here = stations[stations["part"] == name]
        new = here[~here["existing"]]
        # Cells that are points have no outline, so a rectangle around them is drawn.
        around = shapely.box(*np.add(part.total_bounds, [-1e-3, -1e-3, 1e-3, 1e-3]))
        rows.append(
            {
                "name": str(name),
                "near": near.get(str(name), ""),
                "people": people,
                "wanted": wanted,
                "served": served,
                "unserved": wanted - served,
                "share": served / wanted,
                "new": len(new),
                "old": len(here) - len(new),
                "subsidy": float(new["subsidy_pkr"].sum()),
                "little": wanted < LITTLE_SHARE * total or (peopled and not people),
                "shape": polygons_of(dissolved(list(part.geometry))) or polygons_of(around),
            }
        )
    rows.sort(key=lambda row: (row["little"], round(row["share"], 9), row["name"]))
    shapes = [row.pop("shape") for row in rows]
    little = sum(row["little"] for row in rows)
    return {"what": what, "rows": rows, "shapes": shapes, "little": little}


def _parts(run: RunRecord, metres: gpd.GeoDataFrame) -> tuple[str, np.ndarray]:
    """Return the kind of parts in words, and, for each cell, the name of its part."""
    zone, counted = texts_of(metres, "zone"), texts_of(metres, "zone_id")
    if (zone != "").any():
        zones, what = run.settings["program"]["zones"], "zones of this plan"
        if zones and zones["kind"] == "grid":
            what = f"squares of {zones['size_m'] / 1000:g} km, which are the {what}"
        return what, zone.where(zone != "", OUTSIDE).to_numpy()
    if 2 <= counted.nunique() <= MOST_COUNTED_ZONES:
        return "zones in which people were counted", counted.to_numpy()
    middle = metres.geometry.representative_point()
    column = np.floor(middle.x / SQUARE_M).astype(int)
    row = np.floor(middle.y / SQUARE_M).astype(int)
    # Squares are named as in an atlas: letters from west to east, numbers from north to south.
    letters = [_letters(i) for i in (column - column.min()).tolist()]
    names = [f"{a}{b}" for a, b in zip(letters, (row.max() - row + 1).tolist(), strict=True)]
    return f"squares of {SQUARE_M / 1000:g} km, not administrative districts", np.array(names)


def _letters(i: int) -> str:
    """Return the letters of a position: A, B, …, Z, AA, AB and so on.

    >>> [_letters(i) for i in (0, 25, 26, 53)]
    ['A', 'Z', 'AA', 'BB']
    """
    return (_letters(i // 26 - 1) if i >= 26 else "") + chr(ord("A") + i % 26)


def _stations(run: RunRecord, metres: gpd.GeoDataFrame, names: np.ndarray) -> pd.DataFrame:
    """Return the stations, each with the name of the part that contains its nearest cell."""
    sites = run.sites[["existing", "subsidy_pkr"]].assign(existing=run.sites["existing"].eq(True))
    site, cell = metres.sindex.nearest(run.sites.geometry.to_crs(metres.crs), return_all=False)
    part = np.empty(len(sites), dtype=object)
    part[site] = names[cell]
    return pd.DataFrame(sites).assign(part=part)


def _near(run: RunRecord, layer: pd.DataFrame, metres: gpd.GeoDataFrame) -> dict[str, str]:
    """Return, for each part, its named place that is nearest to the part's centre of demand."""
    if run.places.empty:
        return {}
    points = run.places.geometry.to_crs(metres.crs)
    middle = metres.representative_point().get_coordinates().to_numpy()
    place, cell = metres.sindex.nearest(points, return_all=False)
    out = {}
    xy = points.get_coordinates().to_numpy()
    for name, part in layer.groupby("part", sort=True):
        at = np.average(middle[part.index], axis=0, weights=part["demand_kwh_day"])
        in_part = place[np.isin(cell, part.index)]
        if len(in_part):
            far_m = np.hypot(*(xy[in_part] - at).T)
            out[str(name)] = str(run.places["name"].iloc[int(in_part[far_m.argmin()])]).strip()
    return out
