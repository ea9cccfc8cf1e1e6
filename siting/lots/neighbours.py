"""Neighbouring stations: those whose grounds, by drive to the nearest, meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from siting.roads import Network

LEAST_MIN = 1e-9  # a street of length 0 would be no street in a sparse matrix


def ground_of(network: Network, nodes: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ground of stations at some junctions: the Voronoi diagram of the road network.

    Each junction belongs to the station with the shortest drive, whichever way; two stations are
    neighbours where a street leads from the ground of one to that of the other. Stations at one
    junction share its ground and its neighbours. All are in one piece, as the network is.

    Result: the position of each junction's station; and the neighbours, two positions a row, the
    smaller first, each pair once.
    """
    index = network.nodes.index
    u, v = (index.get_indexer(network.edges.index.get_level_values(k)) for k in ("u", "v"))
    minutes = np.maximum(network.edges["travel_min"].to_numpy(dtype=float), LEAST_MIN)
    order = np.argsort(minutes, kind="stable")  # of parallel streets the quickest counts
    low, high = np.minimum(u, v)[order], np.maximum(u, v)[order]
    _, first = np.unique(low * len(index) + high, return_index=True)
    low, high, minutes = low[first], high[first], minutes[order][first]
    streets = csr_array((minutes, (low, high)), shape=(len(index), len(index)))
    heads, head_of = np.unique(index.get_indexer(list(nodes)), return_inverse=True)
    _, _, source = dijkstra(
        streets, directed=False, indices=heads, min_only=True, return_predecessors=True
    )
    head = np.searchsorted(heads, source)
    at_head = [np.flatnonzero(head_of == h).tolist() for h in range(len(heads))]
    links = {*map(tuple, np.column_stack([head[low], head[high]]).tolist())}
    links |= {(h, h) for h in range(len(heads))}
    met = ((i, j) for a, b in links for i in at_head[a] for j in at_head[b] if i != j)
    pairs = sorted({(min(ends), max(ends)) for ends in met})
    first_at = np.array([here[0] for here in at_head])
    return first_at[head], np.array(pairs, dtype=int).reshape(-1, 2)
