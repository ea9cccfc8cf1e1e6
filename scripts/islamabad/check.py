"""Compare the schematic city with real data: markets, main roads, addresses, people.

The module needs geopandas, osmnx and a folder with extracts of OpenStreetMap. It does not change
the extracts.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import osmnx as ox
import pandas as pd
import shapely

from . import plan as p
from . import streets
from .frame import to_grid, to_lonlat
from .network import Way
from .people import people

ROADS_FILE = "islamabad_sectors_drive_20250515.graphml.gz"
AMENITIES_FILE = "islamabad_rawalpindi_amenities_osm_20251208.geojson"
PEOPLE_FILE = "islamabad_ict_population_1km_worldpop2020.csv"

UTM = 32643
NEAR_M = 150.0
_STEP_M = 20.0

# Name in the schematic city, and names of the same road in OpenStreetMap.
REAL_NAMES = {
    "Srinagar Highway": ("سرینگر ہائی وے",),
    "Faisal Avenue": ("Faisal Avenue", "Faisal Avenue Underpass"),
    "9th Avenue": ("Agha Shahi (9th) Avenue",),
    "10th Avenue": ("10th Avenue", "Service Road East G-10"),
    "Jinnah Avenue": ("جناح ایونیو", "Jinnah Avenue Bridge"),
    "Nazim-ud-Din Road": ("ناظم الدین روڈ", "Sir Khwaja Nazimuddin Road"),
    "Fazl-e-Haq Road": ("Sher-e-Bangla A K Fazlul Huq Road",),
    "Ibn-e-Sina Road": ("ابن سینا روڈ",),
    "Margalla Road": ("خیابان اقبال",),
    "Faiz Ahmed Faiz Road": ("Faiz Ahmed Faiz Road",),
}
# Roads that the extract lacks, and their names in addresses.
ADDRESSES = {
    "7th Avenue": "7th Avenue",
    "Ataturk Avenue": "Ataturk",
    "Constitution Avenue": "Constitution",
    "Grand Trunk Road (N-5)": "Grand Trunk",
    "IJP Road": "IJP",
    "Jinnah Avenue": "Jinnah Avenue",
    "Khayaban-e-Suhrwardy": "Suhrwardy",
    "Murree Road": "Murree Road",
    "Nazim-ud-Din Road": "Nazim ud Din",
    "Ibn-e-Sina Road": "Ibn-e-Sina",
}

_MARKAZ = re.compile(r"\b([C-I])[ -]?(\d{1,2})(?:[-/]\d)?,?\s*mark[ae]z", re.IGNORECASE)
# Markets that are the markaz of a sector under another name.
_MARKET_NAMES = {"melody market": "G-6", "super market, f-6": "F-6", "karachi company": "G-9"}


@dataclass(frozen=True)
class Real:
    """Real data in UTM metres.

    Parameters
    ----------
    edges
        Streets with ``names`` (a set) and ``geometry``.
    amenities
        Places with ``name``, ``address`` and ``geometry``.
    markaz
        For each sector, the median position (lon/lat) of the places that name its markaz, and the
        number of these places.
    worldpop
        Cell centres with ``population``.
    """

    edges: gpd.GeoDataFrame
    amenities: gpd.GeoDataFrame
    markaz: dict[str, tuple[float, float, int]]
    worldpop: gpd.GeoDataFrame


def read_real(folder: Path) -> Real:
    """Return the real data of a folder; see `Real`."""
    with tempfile.NamedTemporaryFile(suffix=".graphml") as plain:
        with gzip.open(folder / ROADS_FILE) as file:
            shutil.copyfileobj(file, plain)
        plain.flush()
        edges = ox.graph_to_gdfs(ox.load_graphml(plain.name), nodes=False).to_crs(UTM)
    edges["names"] = [
        {str(n) for n in (name if isinstance(name, list) else [name])} for name in edges["name"]
    ]
    places = gpd.read_file(folder / AMENITIES_FILE)
    address = places["addr:street"].fillna("").astype(str)
    texts = places[["name", "addr:street", "operator"]].fillna("").astype(str).agg(" ".join, axis=1)
    spots: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for text, point in zip(texts, places.geometry, strict=True):
        for name in _named_markaz(text):
            spots[name].append((point.x, point.y))
    markaz = {
        name: (*map(float, np.median(np.array(found), axis=0)), len(found))
        for name, found in sorted(spots.items())
    }
    places = places.assign(address=address)[["name", "address", "geometry"]].to_crs(UTM)
    cells = pd.read_csv(folder / PEOPLE_FILE)
    worldpop = gpd.GeoDataFrame(
        cells[["population"]],
        geometry=gpd.points_from_xy(cells["longitude"], cells["latitude"]),
        crs=4326,
    )
    return Real(edges[["names", "geometry"]], places, markaz, worldpop)


def _named_markaz(text: str) -> set[str]:
    found = {f"{row.upper()}-{int(column)}" for row, column in _MARKAZ.findall(text)}
    return found | {name for words, name in _MARKET_NAMES.items() if words in text.lower()}


def markaz_deviations(real: Real) -> pd.DataFrame:
    """Return by sector the distance between the schematic and the real markaz (m)."""
    rows = []
    for sector in p.sectors():
        if sector.markaz is None or sector.name not in real.markaz:
            continue
        lon, lat, count = real.markaz[sector.name]
        ends = gpd.GeoSeries(
            [shapely.Point(*to_lonlat(*sector.markaz)), shapely.Point(lon, lat)], crs=4326
        ).to_crs(UTM)
        rows.append((sector.name, count, ends.iloc[0].distance(ends.iloc[1])))
    return pd.DataFrame(rows, columns=["sector", "real_places", "off_m"]).set_index("sector")


def drawn(ways: list[Way]) -> dict[str, gpd.GeoSeries]:
    """Return the schematic ways by road name, in UTM metres."""
    lines = defaultdict(list)
    for way in ways:
        lines[way.tags["name"]].append(shapely.LineString([to_lonlat(*node) for node in way.nodes]))
    return {name: gpd.GeoSeries(found, crs=4326).to_crs(UTM) for name, found in lines.items()}


def road_deviations(real: Real, ways: list[Way]) -> pd.DataFrame:
    """Return how well the main roads fit those real roads that the extract contains.

    Returns
    -------
    DataFrame
        By road: ``km`` drawn between the ends of the real road (both carriageways), ``near_share``
        of this length within `NEAR_M` of the real road of the same name, ``p95_m`` (the 95th
        percentile of the distance), and the same two figures from the real road to the drawn road.
    """
    schematic = drawn(ways)
    rows = []
    for name, real_names in REAL_NAMES.items():
        same = real.edges["names"].map(lambda found, wanted=real_names: bool(found & set(wanted)))
        true_line = shapely.union_all(real.edges.geometry[same].to_numpy())
        whole = shapely.union_all(schematic[name].to_numpy())
        line = shapely.intersection(whole, _between_ends(true_line))
        there, back = _distances(line, true_line), _distances(true_line, whole)
        rows.append(
            (
                name,
                line.length / 1000,
                np.mean(there <= NEAR_M),
                np.percentile(there, 95),
                np.mean(back <= NEAR_M),
                np.percentile(back, 95),
            )
        )
    columns = ["road", "km", "near_share", "p95_m", "real_near_share", "real_p95_m"]
    return pd.DataFrame(rows, columns=columns).set_index("road")


def _between_ends(line: shapely.Geometry) -> shapely.Polygon:
    """Return a wide area on both sides of a road, from end to end."""
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(line))
    if np.hypot(*(corners[1] - corners[0])) < np.hypot(*(corners[2] - corners[1])):
        corners = corners[1:]
    start, end = (corners[0] + corners[3]) / 2, (corners[1] + corners[2]) / 2
    out = (end - start) / np.hypot(*(end - start)) * NEAR_M
    return shapely.buffer(shapely.LineString([start - out, end + out]), 3000, cap_style="flat")


def _distances(line: shapely.Geometry, other: shapely.Geometry) -> np.ndarray:
    parts = [part for part in shapely.get_parts(line) if part.length > 0]
    at = [
        shapely.line_interpolate_point(part, np.arange(0, part.length, _STEP_M)) for part in parts
    ]
    return np.asarray(shapely.distance(np.concatenate(at), other))


def address_deviations(real: Real, ways: list[Way]) -> pd.DataFrame:
    """Return the distance between places and the drawn road of their address (m).

    Only places within 1 km are included, because some roads continue beyond the drawn part.
    """
    schematic = drawn(ways)
    rows = []
    for name, words in ADDRESSES.items():
        line = shapely.union_all(schematic[name].to_numpy())
        there = real.amenities["address"].str.contains(words, case=False, regex=False)
        off = shapely.distance(real.amenities.geometry[there].to_numpy(), line)
        off = off[off <= 1000]
        if len(off):
            rows.append((name, len(off), np.median(off), np.percentile(off, 95)))
    return pd.DataFrame(rows, columns=["road", "places", "median_m", "p95_m"]).set_index("road")


def people_by_sector(real: Real) -> pd.DataFrame:
    """Return people by sector, in the schematic city and in WorldPop's cells with centres there."""
    grid = np.array([to_grid(point.x, point.y) for point in real.worldpop.geometry])
    count = real.worldpop["population"].to_numpy()
    here: dict[str, int] = defaultdict(int)
    for point in people():
        here[point.sector] += point.people
    rows = []
    for sector in p.sectors():
        inside = (
            (grid[:, 0] >= sector.west)
            & (grid[:, 0] < sector.east)
            & (grid[:, 1] >= sector.south)
            & (grid[:, 1] < sector.north)
        )
        west, east, south, north = streets.inside(sector)
        km2 = (east - west) * (north - south) / 1e6
        rows.append((sector.name, sector.kind, km2, here[sector.name], count[inside].sum()))
    columns = ["sector", "kind", "km2", "people", "worldpop_2020"]
    return pd.DataFrame(rows, columns=columns).set_index("sector")


def report(real: Real, ways: list[Way]) -> str:
    """Return the four comparisons as text."""
    crowd = people_by_sector(real)
    kinds = crowd.groupby("kind")[["km2", "people", "worldpop_2020"]].sum().round(1)
    rank = crowd[["people", "worldpop_2020"]].corr("spearman").iloc[0, 1]
    parts = {
        "markaz, metres from the real one": markaz_deviations(real).round(0),
        f"main roads, share within {NEAR_M:.0f} m": road_deviations(real, ways).round(2),
        "addresses on main roads, metres off": address_deviations(real, ways).round(0),
        f"people by kind of sector (rank correlation by sector {rank:.2f})": kinds,
    }
    return "\n\n".join(f"{title}\n{table.to_string()}" for title, table in parts.items())
