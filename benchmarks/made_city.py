"""Make up a city of any size: streets, places, an OSM file. The same seed gives the same city.

Corners are about 90 m apart on an irregular grid. Every 40th street is a main road (60 km/h), every
8th is another artery (40 km/h), and the rest are side streets (22 km/h). Some street sections are
removed, mostly from side streets. Some streets are one-way, and streets are up to a quarter longer
than the straight line. The city is the largest part in which every corner can be reached from every
other corner. With 400 corners per side it has 158,495 corners and 473,484 directed streets, about
as many as OSMnx finds for Karachi. Only the size is realistic.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra

if TYPE_CHECKING:
    from siting.roads import Network

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIDE = 400
SPACING_M = 90.0
# South-west corner of the city in UTM zone 42 N; the city is therefore in Sindh.
EAST_M, NORTH_M, ZONE = 300_000.0, 2_750_000.0, 32642


@dataclass(frozen=True, eq=False)
class City:
    """Corners (m) and the streets between them: start, end, metres, km/h, and whether one-way."""

    x: Floats
    y: Floats
    start: Ints
    end: Ints
    length_m: Floats
    speed_kmh: Floats
    oneway: npt.NDArray[np.bool_]

    @cached_property
    def seconds(self) -> sparse.csr_array:
        """Seconds from corner to corner, with one entry for each directed street."""
        back = ~self.oneway
        time_s = self.length_m / (self.speed_kmh / 3.6)
        u = np.concatenate([self.start, self.end[back]])
        v = np.concatenate([self.end, self.start[back]])
        matrix = sparse.csr_array(
            (np.concatenate([time_s, time_s[back]]), (u, v)), shape=(len(self.x), len(self.x))
        )
        matrix.sort_indices()
        return matrix


def make_city(side: int = SIDE, seed: int = 7) -> City:
    """Return a city of side x side corners, without corners that are cut off."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(side * side), side)
    shake = (side, side)
    x = column * SPACING_M + rng.normal(0, SPACING_M * 0.2, shake).ravel()
    y = row * SPACING_M + rng.normal(0, SPACING_M * 0.2, shake).ravel()
    corner = np.arange(side * side).reshape(side, side)
    east = np.column_stack([corner[:, :-1].ravel(), corner[:, 1:].ravel()])
    north = np.column_stack([corner[:-1].ravel(), corner[1:].ravel()])
    street = np.concatenate([east, north])
    line = np.concatenate(
        [np.repeat(np.arange(side), side - 1), np.tile(np.arange(side), side - 1)]
    )
    kmh = np.select([line % 40 == 0, line % 8 == 0], [60.0, 40.0], 22.0)
    chance = rng.random(len(street)), rng.random(len(street))
    kept = np.where(kmh > 30, chance[0] > 0.02, chance[1] > 0.22)
    street, kmh = street[kept], kmh[kept]
    oneway = rng.random(len(street)) < np.where(kmh > 30, 0.30, 0.12)
    turned = rng.random(len(street)) < 0.5
    street[turned] = street[turned][:, ::-1]
    straight = np.hypot(x[street[:, 0]] - x[street[:, 1]], y[street[:, 0]] - y[street[:, 1]])
    length = straight * rng.uniform(1.0, 1.25, len(street))
    city = City(x, y, street[:, 0], street[:, 1], length, kmh, oneway)
    _, part = connected_components(city.seconds, connection="strong")
    inside = part == np.bincount(part).argmax()
    number = np.cumsum(inside) - 1
    whole = inside[city.start] & inside[city.end]
    return City(
        x[inside],
        y[inside],
        number[city.start[whole]],
        number[city.end[whole]],
        length[whole],
        kmh[whole],
        oneway[whole],
    )


def density(city: City, rng: np.random.Generator) -> Floats:
    """Return the density of people at each corner, with a centre and twelve smaller centres."""
    x, y = city.x, city.y
    places = np.column_stack([rng.uniform(x.min(), x.max(), 12), rng.uniform(y.min(), y.max(), 12)])
    dense = np.exp(-np.hypot(x - x.mean(), y - y.mean()) / 9000.0) + 0.02
    for at_x, at_y in places:
        dense += 0.5 * np.exp(-np.hypot(x - at_x, y - at_y) / 2500.0)
    return dense


@dataclass(frozen=True, eq=False)
class Places:
    """The corners of candidates and demands, with the costs and the energy wanted."""

    candidate: Ints
    demand: Ints
    cost: Floats
    weight: Floats


def make_places(city: City, candidates: int, demands: int, seed: int = 3) -> Places:
    """Return candidates (cost 0.7 to 1.6 each) and demands; both are denser where people live."""
    rng = np.random.default_rng(seed)
    dense = density(city, rng)
    share = dense / dense.sum()
    corners = len(city.x)

    def drawn(number: int, power: float) -> Ints:
        chance = share**power
        again = number > corners  # if there are too few corners, some have several
        return rng.choice(corners, number, replace=again, p=chance / chance.sum())

    candidate = drawn(candidates, 0.5)
    demand = drawn(demands, 0.3)
    weight = np.ceil(dense[demand] * rng.lognormal(0, 0.6, demands) * 100)
    cost = np.round(rng.uniform(0.7, 1.6, candidates), 2)
    return Places(candidate, demand, cost, weight)


def within(city: City, places: Places, limit_s: float) -> sparse.csr_array:
    """Return the driving seconds from demands (rows) to candidates within a limit."""
    streets = city.seconds.T.tocsr()  # reversed, because trips end at the candidate
    at = np.argsort(places.demand, kind="stable")
    corner = places.demand[at]
    first = np.searchsorted(corner, np.arange(len(city.x) + 1))
    rows, columns, times = [], [], []
    for begin in range(0, len(places.candidate), 32):
        block = dijkstra(streets, indices=places.candidate[begin : begin + 32], limit=limit_s)
        near, node = np.nonzero(np.isfinite(block))
        count = first[node + 1] - first[node]
        offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        rows.append(at[np.repeat(first[node], count) + offset].astype(np.int32))
        columns.append(np.repeat(near + begin, count).astype(np.int32))
        times.append(np.repeat(block[near, node], count))
    matrix = sparse.csr_array(
        (np.concatenate(times), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(places.demand), len(places.candidate)),
    )
    matrix.sort_indices()
    return matrix


def network(city: City) -> Network:
    """Return the city as the package's own network."""
    import geopandas as gpd
    import pandas as pd
    import shapely

    from siting.roads import Network

    back = ~city.oneway
    u = np.concatenate([city.start, city.end[back]])
    v = np.concatenate([city.end, city.start[back]])
    length, kmh = (np.concatenate([a, a[back]]) for a in (city.length_m, city.speed_kmh))
    x, y = EAST_M + city.x, NORTH_M + city.y
    edges = gpd.GeoDataFrame(
        {
            "name": "Street",
            "highway": np.select([kmh > 50, kmh > 30], ["primary", "secondary"], "residential"),
            "length_m": length,
            "speed_kmh": kmh,
            "speed_source": "class",
            "travel_min": length / 1000 / kmh * 60,
        },
        geometry=shapely.linestrings(np.stack([np.c_[x[u], y[u]], np.c_[x[v], y[v]]], axis=1)),
        index=pd.MultiIndex.from_arrays([u, v, np.zeros(len(u), int)], names=["u", "v", "key"]),
        crs=ZONE,
    ).sort_index()
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(x, y),
        index=pd.Index(np.arange(len(x)), name="node_id"),
        crs=ZONE,
    )
    return Network(nodes, edges, {})


def lonlat(city: City) -> tuple[Floats, Floats]:
    """Return the corners in degrees."""
    import pyproj

    change = pyproj.Transformer.from_crs(ZONE, 4326, always_xy=True)
    lon, lat = change.transform(EAST_M + city.x, NORTH_M + city.y)
    return np.asarray(lon), np.asarray(lat)


def write_osm(city: City, path: Path, seed: int = 1) -> None:
    """Write the city as OSM XML with tags as in real data: names, limits, split ways, oneway=-1."""
    rng = np.random.default_rng(seed)
    lon, lat = lonlat(city)
    streets = len(city.start)
    bends = rng.choice([0, 0, 1, 1, 2], streets)
    chance = rng.random((streets, 4))
    limit = rng.choice([50, 60], streets)
    kind = np.select(
        [city.speed_kmh > 50, city.speed_kmh > 30], ["primary", "secondary"], "residential"
    )
    nodes, ways = [], []

    def node(number: int, at_lon: float, at_lat: float) -> None:
        nodes.append(f'<node id="{number}" lat="{at_lat:.6f}" lon="{at_lon:.6f}"/>\n')

    for i, (a, b) in enumerate(zip(lon.tolist(), lat.tolist(), strict=True), 1):
        node(i, a, b)
    number = len(lon)
    for i, (a, b) in enumerate(zip(city.start.tolist(), city.end.tolist(), strict=True)):
        refs = [a + 1]
        for k in range(1, int(bends[i]) + 1):
            number += 1
            part = k / (bends[i] + 1)
            shift = 1e-4 * (chance[i, 3] - 0.5)
            node(
                number,
                lon[a] + (lon[b] - lon[a]) * part + shift,
                lat[a] + (lat[b] - lat[a]) * part + shift,
            )
            refs.append(number)
        refs.append(b + 1)
        tags = f'<tag k="highway" v="{kind[i]}"/>'
        if kind[i] != "residential" or chance[i, 0] < 0.1:
            tags += f'<tag k="name" v="Street {i % 997}"/>'
        if kind[i] == "primary" and chance[i, 1] < 0.4:
            tags += f'<tag k="maxspeed" v="{limit[i]}"/>'
        if city.oneway[i]:
            turned = chance[i, 2] < 0.2
            refs = refs[::-1] if turned else refs
            tags += f'<tag k="oneway" v="{"-1" if turned else "yes"}"/>'
        halves = (refs[:2], refs[1:]) if len(refs) > 3 and chance[i, 2] > 0.5 else (refs,)
        for half in halves:
            points = "".join(f'<nd ref="{ref}"/>' for ref in half)
            ways.append(f'<way id="{len(ways) + 1}">{points}{tags}</way>\n')
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
        file.writelines(nodes)
        file.writelines(ways)
        file.write("</osm>\n")
