"""Join the segments of ways into the same streets as OSMnx 2.1 does, but with arrays.

A way with k + 1 nodes has k segments and, if it is two-way, k more in the other direction. Where
drivers have no choice, segments are joined into one edge, as in OSMnx's ``simplify_graph``. A node
is removed if four conditions hold: it has exactly two neighbours; it has two or four segments;
segments both enter it and leave it; no segment both begins and ends at it. Rows are in OSMnx's
order, so that parallel streets get the same keys.

Source: G. Boeing (2025), Topological Graph Simplification Solutions to the Street Intersection
Miscount Problem, Transactions in GIS 29 (3), e70037.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siting.roads.ways import Pieces

EARTH_M = 6_371_009  # mean radius of the Earth, as in OSMnx
_ONE_WAY = frozenset({"yes", "true", "1", "-1", "reverse", "T", "F"})
_REVERSED = frozenset({"-1", "reverse", "T"})


@dataclass(frozen=True)
class Segments:
    """Directed segments (from node, to node) of ways, each with its piece and its length (m)."""

    u: np.ndarray
    v: np.ndarray
    piece: np.ndarray
    length_m: np.ndarray


@dataclass(frozen=True)
class Edges:
    """Streets between kept nodes."""

    u: np.ndarray  # from node (position)
    v: np.ndarray  # to node (position)
    key: np.ndarray  # number that distinguishes parallel streets
    segments: np.ndarray  # segments of each edge in driving order, edge by edge
    size: np.ndarray  # number of segments of an edge
    kept: np.ndarray  # kept nodes


def segments_of(pieces: Pieces) -> Segments:
    """Return the segments of ways, reversed if traffic runs against the node order (``oneway=-1``).

    Among ways with the same id, the last one is used, at the position of the first.
    """
    begin = np.cumsum(pieces.size) - pieces.size
    row = {way: i for i, way in enumerate(pieces.way_id.tolist())}
    chosen = np.fromiter(row.values(), dtype=np.int64, count=len(row))
    del row
    size = pieces.size[chosen]
    refs = pieces.refs[_ranges(begin[chosen], size)].astype(np.int32)
    place = np.repeat(np.arange(len(chosen), dtype=np.int32), size)
    # A node repeated in succession counts once.
    fresh = np.ones(len(refs), dtype=bool)
    fresh[1:] = (refs[1:] != refs[:-1]) | (place[1:] != place[:-1])
    refs, place = refs[fresh], place[fresh]
    inside = place[1:] == place[:-1]
    a, b, place = refs[:-1][inside], refs[1:][inside], place[1:][inside]
    length_m = _metres(pieces, a, b)
    # Each way yields its segments forwards and then, if it is two-way, backwards.
    kind = pieces.kind[chosen]
    ring = np.array([tags.get("junction") == "roundabout" for tags in pieces.tags])
    one_way = (ring | np.array([tags.get("oneway") in _ONE_WAY for tags in pieces.tags]))[kind]
    turned = np.array([tags.get("oneway") in _REVERSED for tags in pieces.tags])[kind][place]
    count = np.bincount(place, minlength=len(chosen))
    rows = np.where(one_way, count, 2 * count)
    first = np.cumsum(rows) - rows
    step = np.arange(len(a)) - (np.cumsum(count) - count)[place]
    pick = np.empty(rows.sum(), dtype=np.int32)
    against = np.zeros(len(pick), dtype=bool)
    along = first[place] + np.where(turned, count[place] - 1 - step, step)
    pick[along] = np.arange(len(a))
    against[along] = turned
    two_way = ~one_way[place]
    back = (first[place] + count[place] + step)[two_way]
    pick[back] = np.flatnonzero(two_way)
    against[back] = True
    u, v = np.where(against, b[pick], a[pick]), np.where(against, a[pick], b[pick])
    return Segments(u, v, chosen[place[pick]].astype(np.int32), length_m[pick])


def _metres(pieces: Pieces, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the great-circle distance (m) between points, by the same formula as OSMnx."""
    lat, lon = np.deg2rad(pieces.lat), np.deg2rad(pieces.lon)
    half = np.sin((lat[b] - lat[a]) / 2) ** 2
    half += np.cos(lat[a]) * np.cos(lat[b]) * np.sin((lon[b] - lon[a]) / 2) ** 2
    return np.asarray(2 * np.arcsin(np.sqrt(np.minimum(1, half))) * EARTH_M)


def simplify(segments: Segments, node_id: np.ndarray) -> Edges:
    """Return the streets between kept nodes, each made of one or more segments.

    Isolated rings, on which no street ends, are dropped. `node_id` must be sorted.
    """
    u, v = segments.u, segments.v
    near = _neighbours(u, v, len(node_id))
    paths, path_size = _paths(u, v, _ends(u, v, near[1]), near, node_id)
    last = np.cumsum(path_size) - 1
    passed = np.ones(len(paths), dtype=bool)
    passed[last] = False
    kept = np.ones(len(node_id), dtype=bool)
    kept[v[paths[passed]]] = False
    # Single segments come before merged ones, as in OSMnx's graph.
    edge_u = np.concatenate([u, u[paths[last - path_size + 1]]])
    edge_v = np.concatenate([v, v[paths[last]]])
    size = np.concatenate([np.ones(len(u), dtype=np.int64), path_size])
    parts = np.concatenate([np.arange(len(u)), paths])
    left = kept[edge_u] & kept[edge_v]
    lone = _lone_rings(edge_u[left], edge_v[left], kept)
    kept &= ~lone
    left &= ~lone[edge_u]
    parts, size = parts[np.repeat(left, size)], size[left]
    edge_u, edge_v = edge_u[left], edge_v[left]
    order = np.lexsort((edge_v, edge_u))  # stable: parallel edges keep their order
    begin = (np.cumsum(size) - size)[order]
    edge_u, edge_v, size = edge_u[order], edge_v[order], size[order]
    parts = parts[_ranges(begin, size)]
    key = pd.DataFrame({"u": edge_u, "v": edge_v}).groupby(["u", "v"]).cumcount().to_numpy()
    return Edges(edge_u, edge_v, key, parts, size, kept)


def _ranges(begin: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Return, for each row in turn, the `size` consecutive integers that start at `begin`."""
    ahead = np.cumsum(size) - size
    return np.repeat(begin - ahead, size) + np.arange(size.sum())


def _neighbours(u: np.ndarray, v: np.ndarray, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each node's distinct neighbours in both directions, sorted, and their number."""
    pairs = np.unique(np.concatenate([_pair(u, v, nodes), _pair(v, u, nodes)]))
    return (pairs % nodes).astype(np.int32), np.bincount(pairs // nodes, minlength=nodes)


def _pair(u: np.ndarray, v: np.ndarray, nodes: int) -> np.ndarray:
    """Return a number for each row; sorting by it sorts rows by from node and then by to node."""
    return np.asarray(u.astype(np.int64) * nodes + v)


def _ends(u: np.ndarray, v: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Return the nodes where streets end; the rule is in the module docstring."""
    leaving = np.bincount(u, minlength=len(neighbours))
    arriving = np.bincount(v, minlength=len(neighbours))
    degree = leaving + arriving
    passing = (leaving > 0) & (arriving > 0) & (neighbours == 2) & ((degree == 2) | (degree == 4))
    passing[u[u == v]] = False
    return np.asarray(~passing)


def _paths(
    u: np.ndarray,
    v: np.ndarray,
    end: np.ndarray,
    near: tuple[np.ndarray, np.ndarray],
    node_id: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the segments of each path from end to end, and each path's number of segments."""
    nodes = len(node_id)
    pairs, segment = np.unique(_pair(u, v, nodes), return_index=True)  # first of parallel segments
    # The two neighbours of a node that is not an end, and the segment to each (-1: missing).
    neighbour, count = near
    node = np.flatnonzero(~end)
    first = (np.cumsum(count) - count)[node]
    one, to_one = _way_out(node, neighbour[first], pairs, segment, nodes)
    other, to_other = _way_out(node, neighbour[first + 1], pairs, segment, nodes)
    place = np.full(nodes, -1)
    place[node] = np.arange(len(node))
    where = _quick(place)
    paths, sizes = array("q"), array("q")
    for begin in _starts(pairs, segment, end, node_id).tolist():
        before, now = int(u[begin]), int(v[begin])
        size = 1
        paths.append(begin)
        while (row := where[now]) >= 0:
            back = one[row] == before
            step, ahead = (to_other[row], other[row]) if back else (to_one[row], one[row])
            if step < 0:
                break
            paths.append(step)
            size += 1
            before, now = now, ahead
        sizes.append(size)
    return np.frombuffer(paths, dtype=np.int64), np.frombuffer(sizes, dtype=np.int64)


def _way_out(
    node: np.ndarray, neighbour: np.ndarray, pairs: np.ndarray, segment: np.ndarray, nodes: int
) -> tuple[array[int], array[int]]:
    wanted = _pair(node, neighbour, nodes)
    at = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    return _quick(neighbour), _quick(np.where(pairs[at] == wanted, segment[at], -1))


def _quick(values: np.ndarray) -> array[int]:
    """Return integers as an array that Python reads fast, with a fifth of a list's memory."""
    return array("q", values.astype(np.int64).tobytes())


def _starts(
    pairs: np.ndarray, segment: np.ndarray, end: np.ndarray, node_id: np.ndarray
) -> np.ndarray:
    """Return the segments from an end to a node that is not an end, in OSMnx's order."""
    nodes = len(node_id)
    ids = node_id[end].tolist()
    # OSMnx visits ends in the order of a Python set, which affects only keys of parallel streets.
    taken = np.fromiter({node for node in ids}, dtype=np.int64, count=len(ids))  # noqa: C416
    rank = np.full(nodes, -1)
    rank[np.searchsorted(node_id, taken)] = np.arange(len(taken))
    u, v = pairs // nodes, pairs % nodes
    start = end[u] & ~end[v]
    u, segment = u[start], segment[start]
    return segment[np.lexsort((segment, rank[u]))]


def _lone_rings(u: np.ndarray, v: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the nodes in parts of the graph where no street ends."""
    nodes = len(kept)
    links = coo_array((np.ones(len(u), dtype=np.int8), (u, v)), shape=(nodes, nodes))
    _, part = connected_components(links, directed=True, connection="weak")
    with_end = np.zeros(nodes, dtype=bool)
    with_end[part[_ends(u, v, _neighbours(u, v, nodes)[1]) & kept]] = True
    return kept & ~with_end[part]
