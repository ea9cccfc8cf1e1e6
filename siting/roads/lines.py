"""Named roads of a network as lines from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely

from siting.errors import Fault, InputError, did_you_mean, refuse
from siting.files import missing_columns, read_layer
from siting.roads.network import Network

if TYPE_CHECKING:
    import networkx as nx

BESIDE_M = 200.0  # maximum distance between a road and its other carriageway or ramps


def road_lines(
    network: Network, names: Sequence[str], key: str
) -> dict[str, list[shapely.LineString]]:
    """Return each road as one line from end to end (m), or as several lines if it has gaps.

    The line of a road is the longest of the shortest paths along its streets. Parallel parts (the
    other carriageway, ramps) form no separate lines. Case in `names` is ignored. Raises an
    `InputError` for the setting `key` that lists all names without a road.
    """
    edges = network.edges
    called = edges["name"].fillna("").astype(str).str.casefold().str.split(r"\s*;\s*", regex=True)
    known = sorted(set(edges["name"].dropna().astype(str)) - {""})
    lines_by_name: dict[str, list[shapely.LineString]] = {}
    faults = []
    for name in dict.fromkeys(names):
        mine = [name.strip().casefold() in names_of_edge for names_of_edge in called]
        if not any(mine):
            fix = did_you_mean(name, known, "use a name that is on the map")
            faults.append(Fault(key, f"{name!r} is not a road of the network", fix))
            continue
        lines_by_name[name] = _ends_to_ends(edges[mine])
    refuse(faults)
    return lines_by_name


def lines_of_layer(
    path: Path, name_column: str, crs: Any, key: str
) -> dict[str, list[shapely.LineString]]:
    """Return the lines of a layer by name, in the coordinate system `crs`, in metres.

    Raises an `InputError` for the setting `key` if the column is missing, there are no rows, or a
    shape is not a line.
    """
    layer = read_layer(path)
    refuse(missing_columns(layer, (name_column,), f"{key}, {path}"))
    odd = ~layer.geom_type.isin(["LineString", "MultiLineString"])
    if odd.any() or layer.empty:
        named = tuple(layer.loc[odd, name_column].astype(str))
        raise InputError(f"{key}, {path}", "contains shapes that are not lines", "", named)
    by_name = layer.to_crs(crs).geometry.groupby(layer[name_column].astype(str))
    return {
        str(name): list(shapely.get_parts(shapely.line_merge(shapely.union_all(rows.to_numpy()))))
        for name, rows in by_name
    }


def _ends_to_ends(edges: gpd.GeoDataFrame) -> list[shapely.LineString]:
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    for (u, v, _), row in edges[["length_m", "geometry"]].iterrows():
        if not graph.has_edge(u, v) or graph[u][v]["length_m"] > row["length_m"]:
            graph.add_edge(u, v, length_m=float(row["length_m"]), line=row["geometry"])
    lines = []
    for part in nx.connected_components(graph):
        piece = graph.subgraph(part)
        # Two searches find the longest path; on a road with rings, they may find a shorter one.
        way = _farthest(piece, _farthest(piece, min(part))[-1])
        steps = [piece[a][b]["line"] for a, b in pairwise(way)]
        merged = shapely.get_parts(shapely.line_merge(shapely.union_all(steps)))
        lines += [one for one in merged if one.geom_type == "LineString"]
    kept: list[shapely.LineString] = []
    for line in sorted(lines, key=lambda one: -one.length):
        if not any(near.buffer(BESIDE_M).covers(line) for near in kept):
            kept.append(line)
    return kept


def _farthest(graph: nx.Graph[int], start: int) -> list[int]:
    """Return the shortest path from a node to the farthest node."""
    import networkx as nx

    ways = nx.single_source_dijkstra_path(graph, start, weight="length_m")
    away = nx.single_source_dijkstra_path_length(graph, start, weight="length_m")
    return list(ways[max(away, key=lambda node: (away[node], -node))])
