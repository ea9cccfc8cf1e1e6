"""Make a connected `Network` with speeds from an OSMnx graph, without bus-only streets."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.errors import InputError, refuse
from siting.roads.drive import bus_only_streets
from siting.roads.network import (
    EDGE_COLUMNS,
    Network,
    edge_faults,
    graph_tables,
    street_names,
    tag_numbers,
    tag_values,
)
from siting.roads.speeds import class_speeds, edge_speeds

if TYPE_CHECKING:
    import networkx as nx

logger = logging.getLogger(__name__)


def build_network(
    graph: nx.MultiDiGraph[Any],
    speeds: pd.DataFrame,
    city: str,
    peak: bool = True,
    source: dict[str, Any] | None = None,
) -> Network:
    """Return the network of a city: streets in metres (UTM) with speeds and driving minutes.

    ``travel_min = length_m / 1000 / speed_kmh * 60 * peak_factor``. One-way and parallel streets
    are kept. Bus-only streets and all but the largest strongly connected part are dropped.

    Parameters
    ----------
    graph
        An OSMnx graph of drivable streets with ``highway`` and ``length`` (m), as from `read_file`.
    speeds
        Free speed (km/h) and peak factor by group of cities and kind of road, from
        ``siting.reference.table("speeds")``. A plausible ``maxspeed`` replaces the free speed.
    city
        The group of cities: ``karachi_lahore``, ``islamabad_rawalpindi`` or ``other``.
    peak
        Whether to apply the peak factor; if not, traffic is free-flowing.
    source
        The graph's source (kind, licence, attribution, sha256 …), which the report repeats.

    Returns
    -------
    Network
        Its report holds ``nodes_read``, ``edges_read``, ``street_km_read``,
        ``bus_only_ways_dropped``, ``street_km_lost`` (km cut off from the largest part),
        ``share_lost`` (their share of the km open to cars), ``nodes``, ``edges``, ``street_km``,
        ``maxspeed_share`` (share of length with posted limits), ``kinds_without_speed`` (km of each
        kind of road that `speeds` lacks), ``crs``, ``city_group``, ``peak`` and ``source``. In
        ``street_km_read`` and ``street_km``, the two directions of a street count once.

    Raises
    ------
    InputError
        If no street is open to cars, a length is negative, no two places can be reached from each
        other, or the speeds table is invalid (see `class_speeds`).

    Examples
    --------
    >>> import networkx as nx
    >>> from siting.reference import table
    >>> graph = nx.MultiDiGraph(crs="EPSG:4326")
    >>> graph.add_node(1, x=73.05, y=33.70)
    >>> graph.add_node(2, x=73.06, y=33.70)
    >>> ends = [(1, 2), (2, 1)]
    >>> _ = graph.add_edges_from(ends, highway="residential", length=900.0, maxspeed="27 km/h")
    >>> network = build_network(graph, table("speeds"), "islamabad_rawalpindi", peak=False)
    >>> network
    <Network: 2 nodes, 2 directed edges, 1 km of streets, EPSG:32643>
    >>> network.edges["travel_min"].tolist()
    [2.0, 2.0]
    """
    classes = class_speeds(speeds, city)
    nodes, edges = graph_tables(graph)
    bus_only, ways = bus_only_streets(graph)
    speeds_of = edge_speeds(tag_values(edges, "highway"), tag_values(edges, "maxspeed"), classes)
    streets = speeds_of.set_axis(edges.index).assign(
        name=street_names(edges), length_m=_length_m(edges), bus_only=edges.index.isin(bus_only)
    )
    streets = gpd.GeoDataFrame(streets, geometry=edges.geometry)
    ways += int(graph.graph.get("bus_only_ways", 0))
    return network_of(nodes, streets, ways, city=city, peak=peak, source=source)


def network_of(
    nodes: gpd.GeoDataFrame,
    streets: gpd.GeoDataFrame,
    bus_only_ways: int,
    *,
    city: str,
    peak: bool,
    source: dict[str, Any] | None,
) -> Network:
    """Return the largest connected network of the streets that cars may use.

    `nodes` is sorted by ``node_id``. `streets` has a row for each directed street that was read,
    sorted by ``u``, ``v`` and ``key``: its line, ``name`` (missing if untagged), ``length_m``,
    ``bus_only`` and the columns of `edge_speeds`. Both are in UTM metres. Other arguments and
    errors are as in `build_network`.
    """
    cars = ~streets["bus_only"].to_numpy()
    if not cars.any():
        raise InputError("graph", "has no street that cars may use, only bus ways")
    before_km = _street_km(streets[cars])
    node_left, left = _strongest_part(nodes, streets.index, cars)
    nodes_left, streets_left = nodes[node_left], streets[left]
    directed_m = streets_left["length_m"]
    odd = directed_m[~streets_left["in_table"]]
    factor = streets_left["peak_factor"] if peak else 1.0
    minutes = directed_m / 1000 / streets_left["speed_kmh"] * 60 * factor
    streets_left = streets_left.assign(travel_min=minutes)[list(EDGE_COLUMNS)]
    street_km = _street_km(streets_left)
    lost_km = max(before_km - street_km, 0.0)
    posted = directed_m[streets_left["speed_source"] == "maxspeed"].sum()
    report: dict[str, Any] = {
        "source": dict(source or {}),
        "crs": streets_left.crs.to_string(),
        "city_group": city,
        "peak": peak,
        "nodes_read": len(nodes),
        "edges_read": len(streets),
        "street_km_read": _street_km(streets),
        "bus_only_ways_dropped": bus_only_ways,
        "street_km_lost": lost_km,
        "share_lost": lost_km / before_km if before_km else 0.0,
        "nodes": len(nodes_left),
        "edges": len(streets_left),
        "street_km": street_km,
        "maxspeed_share": float(posted / directed_m.sum()) if directed_m.sum() else 0.0,
        "kinds_without_speed": (odd.groupby(streets_left["highway"]).sum() / 1000).to_dict(),
    }
    network = Network(nodes_left, streets_left, report)
    text = "%s; %.1f km (%.1f %%) cut off, %d bus-only ways dropped, %.0f %% with maxspeed"
    lost, by_limit = 100 * report["share_lost"], 100 * report["maxspeed_share"]
    logger.info(text, network, lost_km, lost, bus_only_ways, by_limit)
    return network


def _length_m(edges: gpd.GeoDataFrame) -> np.ndarray:
    """Return OSMnx's lengths (great-circle metres) or, if missing, the lengths of the lines."""
    length = tag_numbers(edges, "length")
    bare = np.isnan(length)
    length[bare] = edges.geometry[bare].length
    bad = ~np.isfinite(length) | (length < 0)
    refuse(edge_faults("graph, edge attribute length", edges.index, bad, "edges shorter than 0 m"))
    return length


def _strongest_part(
    nodes: gpd.GeoDataFrame, index: pd.MultiIndex, cars: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes and streets of the largest strongly connected part of the car network."""
    u, v = (nodes.index.get_indexer(index.get_level_values(end)) for end in ("u", "v"))
    open_, size = np.ones(cars.sum(), dtype=np.int8), (len(nodes), len(nodes))
    links = coo_array((open_, (u[cars], v[cars])), shape=size).tocsr()
    _, part = connected_components(links, directed=True, connection="strong")
    count = np.bincount(part)
    # Nodes are sorted by id, so if several parts are largest, the lowest node id decides.
    largest = part[np.argmax(count[part])]
    if count[largest] < 2:
        fix = "use a larger extract; check that each one-way street has a counterpart"
        raise InputError("graph", "no two places can be reached from each other", fix)
    inside = part == largest
    return inside, cars & inside[u] & inside[v]


def _street_km(streets: gpd.GeoDataFrame) -> float:
    """Return the total length of streets (km), with both directions of a street counted once."""
    u, v = (streets.index.get_level_values(end).to_numpy() for end in ("u", "v"))
    length_m = streets["length_m"].to_numpy()
    # The lengths of the two directions are summed in different orders, so they may differ slightly.
    street = {"a": np.minimum(u, v), "b": np.maximum(u, v), "tenths": np.round(length_m * 10)}
    return float(length_m[~pd.DataFrame(street).duplicated().to_numpy()].sum() / 1000)
