"""Neighbours by road, held to networkx's Voronoi cells."""

import networkx as nx
import numpy as np
import pytest
from conftest import seeds
from street_grid import somewhere, street_grid

from siting.lots import ground_of


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
    nodes, xy = somewhere(rng, network, int(rng.integers(2, 12)))
    ground = ground_of(network, nodes, xy)
    graph = graph_of(network)
    cells = nx.voronoi_cells(graph, set(nodes))
    owner = {node: station for station, inside in cells.items() for node in inside}
    found = {node: nodes[i] for node, i in zip(network.nodes.index, ground.of_node, strict=True)}
    assert found == owner
    meet = {frozenset((owner[u], owner[v])) for u, v in graph.edges if owner[u] != owner[v]}
    assert {frozenset(nodes[i] for i in pair) for pair in ground.pairs.tolist()} == meet
    assert ground.joined == 0


def test_stations_at_one_junction_share_its_neighbours():
    network = street_grid(np.random.default_rng(1), 3)
    ids = network.nodes.index
    ground = ground_of(network, [ids[0], ids[0], ids[8]], np.array([[0, 0], [9, 0], [800, 800]]))
    assert ground.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]


def test_what_no_road_joins_is_joined_where_it_is_nearest():
    rng = np.random.default_rng(5)
    network = street_grid(rng, 6, gaps=0.6)
    assert not nx.is_connected(graph_of(network))
    nodes, xy = somewhere(rng, network, 14)
    ground = ground_of(network, nodes, xy)
    assert ground.joined > 0
    graph = nx.Graph(ground.pairs.tolist())
    graph.add_nodes_from(range(14))
    assert nx.is_connected(graph)
