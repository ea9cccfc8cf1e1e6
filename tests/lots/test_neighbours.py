"""Neighbours by road, held to networkx's Voronoi cells."""

import networkx as nx
import numpy as np
import pytest
from conftest import seeds
from street_grid import somewhere, street_grid

from siting.lots.lots import ground_of


def graph_of(network):
    graph = nx.Graph()
    graph.add_nodes_from(network.nodes.index)
    for (u, v, _), minutes in network.edges["travel_min"].items():
        if not graph.has_edge(u, v) or graph[u][v]["weight"] > minutes:
            graph.add_edge(u, v, weight=minutes)
    return graph


@pytest.mark.parametrize("seed", seeds(0, 6, 60))
def test_ground_is_the_voronoi_diagram_of_the_roads(seed):
    rng = np.random.default_rng(seed)
    network = street_grid(rng, 7)
    nodes, _ = somewhere(rng, network, int(rng.integers(2, 12)))
    ground, pairs = ground_of(network, nodes)
    graph = graph_of(network)
    cells = nx.voronoi_cells(graph, set(nodes))
    owner = {node: station for station, inside in cells.items() for node in inside}
    found = {node: nodes[i] for node, i in zip(network.nodes.index, ground, strict=True)}
    assert found == owner
    meet = {frozenset((owner[u], owner[v])) for u, v in graph.edges if owner[u] != owner[v]}
    assert {frozenset(nodes[i] for i in pair) for pair in pairs.tolist()} == meet


def test_stations_at_one_junction_share_its_neighbours():
    network = street_grid(np.random.default_rng(1), 3)
    ids = network.nodes.index
    _, pairs = ground_of(network, [ids[0], ids[0], ids[8]])
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
