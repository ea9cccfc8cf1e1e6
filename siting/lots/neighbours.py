"""Which stations are neighbours: those whose ground, by the drive to the nearest, meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from siting.roads import Network

LEAST_MIN = 1e-9  # a street of length 0 would be no street in a sparse matrix


@dataclass(frozen=True)
class Ground:
    """The stations' ground and neighbours.

    Parameters
    ----------
    of_node
        The station (by position) that each junction of the network is nearest to by road.
    pairs
        Neighbours: two positions a row, the smaller first, each pair once.
    joined
        How many of these no road joins: pieces of the network without a road between them.
    """

    of_node: np.ndarray
    pairs: np.ndarray
    joined: int


def ground_of(network: Network, nodes: Sequence[int], xy: np.ndarray) -> Ground:
    """Return the ground of stations at some junctions: the Voronoi diagram of the road network.

    Each junction belongs to the station with the shortest drive, whichever way; two stations are
    neighbours where a street leads from the ground of one to that of the other. Stations at one
    junction share its ground and its neighbours. Where roads leave stations apart, the two that
    stand nearest to each other (`xy`, m) are taken as neighbours, until all are in one piece.
    """
    index = network.nodes.index
    u, v = (index.get_indexer(network.edges.index.get_level_values(k)) for k in ("u", "v"))
    minutes = np.maximum(network.edges["travel_min"].to_numpy(dtype=float), LEAST_MIN)
    order = np.argsort(minutes, kind="stable")  # of parallel streets the quickest counts
    low, high = np.minimum(u, v)[order], np.maximum(u, v)[order]
    _, first = np.unique(low * len(index) + high, return_index=True)
    low, high, minutes = low[first], high[first], minutes[order][first]
    streets = csr_array((minutes, (low, high)), shape=(len(index), len(index)))
    at = index.get_indexer(list(nodes))
    heads, head_of = np.unique(at, return_inverse=True)
    _, _, source = dijkstra(
        streets, directed=False, indices=heads, min_only=True, return_predecessors=True
    )
    head = np.where(source >= 0, np.searchsorted(heads, source), -1)
    meet = (head[low] != head[high]) & (head[low] >= 0) & (head[high] >= 0)
    links = {*map(tuple, np.column_stack([head[low], head[high]])[meet].tolist())}
    links |= {(h, h) for h in range(len(heads))}
    at_head = [np.flatnonzero(head_of == h).tolist() for h in range(len(heads))]
    pairs = {
        (min(i, j), max(i, j)) for a, b in links for i in at_head[a] for j in at_head[b] if i != j
    }
    first_at = np.array([here[0] for here in at_head])
    joined = _joined_up(pairs, xy)
    return Ground(
        np.where(head >= 0, first_at[head], -1),
        np.array(sorted(pairs), dtype=int).reshape(-1, 2),
        joined,
    )


def _joined_up(pairs: set[tuple[int, int]], xy: np.ndarray) -> int:
    """Add the nearest pairs between pieces until there is one piece; return how many."""
    away = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1))
    added = 0
    while True:
        ends = np.array(sorted(pairs), dtype=int).reshape(-1, 2)
        graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=away.shape)
        count, piece = connected_components(graph, directed=False)
        if count <= 1:
            return added
        apart = np.where(piece[:, None] != piece[None], away, np.inf)
        i, j = np.unravel_index(np.argmin(apart), away.shape)
        pairs.add((int(min(i, j)), int(max(i, j))))
        added += 1
