"""From graph to network: speeds, minutes, bus-only streets, the part kept, and back."""

import math
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import osmnx as ox
import pandas as pd
import pytest
from geopandas.testing import assert_geodataframe_equal
from shapely import LineString

from siting.errors import InputError
from siting.reference import CONFIDENCE, table
from siting.roads import (
    Network,
    build_network,
    read_file,
)
from siting.roads.network import utm_epsg
from siting.roads.speeds import class_speeds, parse_maxspeed

SPEEDS = table("speeds")


def town(*edges: tuple[int, int, dict[str, Any]], lon: float = 73.05) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph(crs="EPSG:4326")
    for u, v, tags in edges:
        for node in (u, v):
            graph.add_node(node, x=lon + 0.01 * (node % 10), y=33.7 + 0.01 * (node // 10))
        graph.add_edge(u, v, **({"highway": "residential", "length": 1000.0} | tags))
    return graph


def both(u: int, v: int, **tags: Any) -> tuple[Any, Any]:
    return (u, v, tags), (v, u, tags)


@pytest.mark.parametrize(
    ("value", "kmh"),
    [
        ("50", 50.0),
        (50, 50.0),
        (50.5, 50.5),
        ("50 km/h", 50.0),
        ("50kmh", 50.0),
        ("50 kph", 50.0),
        (" 60 ", 60.0),
        ("30 mph", 48.28032),
        ("50;60", 50.0),
        (["60", "40"], 40.0),
        (["2", "40", "PK:urban"], 40.0),
        (["2"], None),
        ("2", None),
        ("4.9", None),
        ("5", 5.0),
        ("130", 130.0),
        ("131", None),
        ("999", None),
        ("-50", None),
        ("PK:urban", None),
        ("none", None),
        ("walk", None),
        ("50 knots", None),
        ("", None),
        (None, None),
        (math.nan, None),
        ([], None),
    ],
)
def test_maxspeed(value: Any, kmh: float | None) -> None:
    parsed = parse_maxspeed(value)
    assert math.isnan(parsed) if kmh is None else parsed == pytest.approx(kmh, abs=1e-9)


def test_minutes_of_a_hand_solved_town() -> None:
    graph = town(
        *both(1, 2, highway="primary"),  # 45 km/h, factor 1.7
        *both(2, 3, highway="primary", maxspeed="60"),
        *both(3, 4, highway="primary_link"),  # 36 km/h, factor 1.7
        *both(4, 1, highway="living_street", maxspeed="2"),  # 12 km/h, factor 1.1
        *both(4, 5, highway="track_of_old"),  # not in the table: unclassified, 22, 1.3
    )
    network = build_network(graph, SPEEDS, "karachi_lahore")
    minutes = network.edges["travel_min"]
    assert minutes[1, 2, 0] == pytest.approx(60 / 45 * 1.7)
    assert minutes[2, 3, 0] == pytest.approx(1.7)
    assert minutes[3, 4, 0] == pytest.approx(60 / 36 * 1.7)
    assert minutes[4, 1, 0] == pytest.approx(5 * 1.1)
    assert minutes[4, 5, 0] == pytest.approx(60 / 22 * 1.3)
    assert network.edges["speed_source"][2, 3, 0] == "maxspeed"
    assert set(network.edges["speed_source"].drop([(2, 3, 0), (3, 2, 0)])) == {"class"}
    free = build_network(graph, SPEEDS, "karachi_lahore", peak=False).edges["travel_min"]
    assert free[2, 3, 0] == pytest.approx(1.0)
    report = network.report
    assert report["street_km"] == pytest.approx(5.0)
    assert report["maxspeed_share"] == pytest.approx(0.2)
    assert report["kinds_without_speed"] == {"track_of_old": pytest.approx(2.0)}
    assert report["share_lost"] == 0


def test_columns_types_and_line_of_the_contract() -> None:
    graph = town(*both(1, 2, name=["B Road", "A Road"]), *both(2, 3))
    source = {"kind": "file", "licence": "ODbL 1.0"}
    network = build_network(graph, SPEEDS, "other", source=source)
    assert list(network.nodes.columns) == ["geometry"]
    assert network.nodes.index.name == "node_id"
    assert network.nodes.index.dtype == "int64"
    assert list(network.edges.index.names) == ["u", "v", "key"]
    assert list(network.edges.columns) == [
        *("name", "highway", "length_m", "speed_kmh", "speed_source", "travel_min", "geometry")
    ]
    assert network.edges.loc[(1, 2, 0), "name"] == "A Road / B Road"
    assert pd.isna(network.edges.loc[(2, 3, 0), "name"])
    line = network.edges.geometry[1, 2, 0]
    assert isinstance(line, LineString)
    ends = network.nodes.geometry[[1, 2]]
    assert list(line.coords) == [ends[1].coords[0], ends[2].coords[0]]
    assert network.report["source"] == source
    assert network.report["peak"] is True
    assert network.report["crs"] == "EPSG:32643"
    assert repr(network) == "<Network: 3 nodes, 4 directed edges, 2 km of streets, EPSG:32643>"


def test_merged_streets_take_the_slowest_kind_in_whatever_order() -> None:
    for kinds in (["primary", "living_street", "tertiary"], ["tertiary", "living_street"]):
        edges = build_network(town(*both(1, 2, highway=kinds)), SPEEDS, "other").edges
        assert set(edges["highway"]) == {"living_street"}


def test_order_of_rows_changes_nothing() -> None:
    edges = [*both(1, 2), *both(2, 13, highway="primary"), (1, 13, {"highway": "trunk"})]
    there = build_network(town(*edges), SPEEDS, "other")
    back = build_network(town(*reversed(edges)), SPEEDS, "other")
    assert_geodataframe_equal(there.nodes, back.nodes)
    assert_geodataframe_equal(there.edges, back.edges)


def test_bus_only_streets_go_before_the_part_is_chosen() -> None:
    graph = town(
        *both(1, 2, osmid=7),
        *both(2, 3, highway="busway", osmid=8),
        *both(3, 4, access="no", psv="yes", osmid=[9, 10]),
        *both(2, 4, bus="yes", osmid=11),
    )
    network = build_network(graph, SPEEDS, "other")
    assert {(u, v) for u, v, _ in network.edges.index} == {(1, 2), (2, 1), (2, 4), (4, 2)}
    assert network.report["bus_only_ways_dropped"] == 3
    assert network.report["street_km_lost"] == 0
    assert graph.number_of_edges() == 8


def test_what_is_cut_off_is_reported() -> None:
    graph = town(
        *both(1, 2),
        (2, 3, {}),
        (3, 1, {}),  # a one-way ring with 1-2: kept
        (3, 4, {"length": 500.0}),  # no way back: lost
        *both(21, 22, length=1500.0),  # an island: lost
    )
    network = build_network(graph, SPEEDS, "other")
    assert list(network.nodes.index) == [1, 2, 3]
    report = network.report
    assert (report["nodes_read"], report["nodes"]) == (6, 3)
    assert (report["edges_read"], report["edges"]) == (7, 4)
    assert report["street_km_read"] == pytest.approx(5.0)
    assert report["street_km"] == pytest.approx(3.0)
    assert report["street_km_lost"] == pytest.approx(2.0)
    assert report["share_lost"] == pytest.approx(0.4)


def test_of_equal_parts_the_smallest_node_decides() -> None:
    parts = [*both(1, 2), *both(8, 9)]
    for link in ([], [(1, 8, {})], [(9, 2, {})]):
        for edges in ([*parts, *link], [*link, *reversed(parts)]):
            assert list(build_network(town(*edges), SPEEDS, "other").nodes.index) == [1, 2]


def test_parallel_streets_and_loops_are_kept() -> None:
    graph = town(*both(1, 2), *both(1, 2, length=3000.0), (2, 2, {"length": 400.0}))
    network = build_network(graph, SPEEDS, "other")
    assert len(network.edges) == 5
    assert network.report["street_km"] == pytest.approx(4.4)


@pytest.mark.parametrize(
    ("lon", "lat", "epsg"),
    [
        (62.3, 25.1, 32641),
        (71.99, 30, 32642),
        (72.01, 30, 32643),
        (67, 24.8, 32642),
        (67, -1, 32742),
    ],
)
def test_utm_zone(lon: float, lat: float, epsg: int) -> None:
    assert utm_epsg((lon, lat, lon, lat)) == epsg


def test_zone_by_the_centre_and_true_metres() -> None:
    graph = town(*both(1, 2), lon=71.985)
    del graph.edges[1, 2, 0]["length"]
    network = build_network(graph, SPEEDS, "other")
    assert network.crs.to_epsg() == 32643
    # 0.01 degrees of longitude at 33.7 N are 927 m; Web Mercator would say 1,113.
    assert network.edges["length_m"][1, 2, 0] == pytest.approx(927, rel=0.002)


@pytest.mark.parametrize(
    ("graph", "words"),
    [
        (nx.MultiDiGraph(crs="EPSG:4326"), "contains no street"),
        (town((1, 2, {})), "no two places can be reached from each other"),
        (town(*both(1, 2, highway="busway")), "only bus ways"),
        (town(*both(1, 2, length=-1.0)), r"2 edges shorter than 0 m \(1-2-0, 2-1-0\)"),
        (nx.MultiDiGraph(town(*both(1, 2)).edges), "no coordinate reference system"),
        (nx.MultiDiGraph([("a", "b")], crs="EPSG:4326"), r"not whole numbers \(a, b\)"),
        (nx.MultiDiGraph([(1, 2)], crs="EPSG:4326"), r"have no x and y \(1, 2\)"),
    ],
)
def test_graphs_that_are_none(graph: nx.MultiDiGraph, words: str) -> None:
    with pytest.raises(InputError, match=words):
        build_network(graph, SPEEDS, "other")


def test_there_and_back_again(tmp_path: Path) -> None:
    graph = town(*both(1, 2, name="A"), (2, 3, {}), (3, 1, {}), *both(1, 2, length=1200.0))
    network = build_network(graph, SPEEDS, "other", source={"kind": "file"})
    out = network.to_graph()
    assert out.graph["crs"] == "EPSG:32643"
    assert out.edges[1, 2, 0]["travel_time"] == pytest.approx(
        network.edges["travel_min"][1, 2, 0] * 60
    )
    assert ox.routing.shortest_path(out, 2, 1, weight="travel_time") == [2, 1]
    assert ox.distance.nearest_nodes(out, out.nodes[3]["x"], out.nodes[3]["y"]) == 3
    assert ox.stats.edge_length_total(out) == pytest.approx(6400.0)
    back = Network.from_graph(out)
    assert_geodataframe_equal(back.nodes, network.nodes)
    assert_geodataframe_equal(back.edges, network.edges)
    assert back.report == network.report
    ox.save_graphml(out, tmp_path / "n.graphml")
    loaded = Network.from_graph(ox.load_graphml(tmp_path / "n.graphml"))
    assert loaded.edges["travel_min"].to_numpy() == pytest.approx(network.edges["travel_min"])


def test_osmnx_own_travel_times_are_taken() -> None:
    graph = ox.add_edge_travel_times(ox.add_edge_speeds(town(*both(1, 2, maxspeed="60"))))
    network = Network.from_graph(graph)
    assert network.edges["travel_min"].tolist() == pytest.approx([1.0, 1.0])
    assert network.edges["speed_kmh"].tolist() == [60, 60]
    assert network.edges["speed_source"].tolist() == ["graph", "graph"]
    with pytest.raises(InputError, match="2 edges without a value of at least 0 s"):
        Network.from_graph(town(*both(1, 2)))


@pytest.mark.slow
def test_real_round_trip(shared_data: Path) -> None:
    path = shared_data / "data" / "karachi" / "karachi_clifton_drive_20260319.graphml.gz"
    network = build_network(read_file(path), SPEEDS, "karachi_lahore")
    back = Network.from_graph(network.to_graph())
    assert_geodataframe_equal(back.nodes, network.nodes)
    assert_geodataframe_equal(back.edges, network.edges)
    # Great-circle metres against the line drawn in UTM.
    ratio = network.edges["length_m"].sum() / network.edges.geometry.length.sum()
    assert ratio == pytest.approx(1, abs=0.005)
    names = network.edges["name"].dropna()
    assert len(names) > 1000
    assert not names.str.contains(r"[\[\]]").any()


def test_the_speeds_table_is_the_facts() -> None:
    other = class_speeds(SPEEDS, "other")
    assert other.loc["trunk"].tolist() == [60, 1.3]
    islamabad = class_speeds(SPEEDS, "islamabad_rawalpindi")
    assert islamabad.loc["primary"].tolist() == [60, 1.4]
    karachi = class_speeds(SPEEDS, "karachi_lahore")
    assert karachi.loc["secondary_link"].tolist() == [pytest.approx(30.4), 1.6]
    assert set(SPEEDS["confidence"]) <= set(CONFIDENCE)
    assert SPEEDS[["source", "unit"]].notna().all(axis=None)
    assert SPEEDS.groupby("city_group").size().eq(9).all()


def test_a_link_row_of_its_own_counts() -> None:
    own = pd.concat(
        [SPEEDS, SPEEDS[SPEEDS["highway"] == "primary"].assign(highway="primary_link", free_kmh=20)]
    )
    assert class_speeds(own, "other").loc["primary_link", "free_kmh"] == 20


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.drop(columns="peak_factor"), "column peak_factor: missing"),
        (lambda s: s[s["city_group"] != "other"], "no rows for 'other'; it has: islamabad"),
        (lambda s: pd.concat([s, s.tail(1)]), r"appears twice \(service\)"),
        (lambda s: s[s["highway"] != "unclassified"], "no row unclassified"),
        (lambda s: s.assign(free_kmh=0), r"must be above 0 km/h \(motorway, trunk"),
        (lambda s: s.assign(free_kmh=np.nan), "must be above 0 km/h"),
        (lambda s: s.assign(peak_factor=0.5), "peak_factor: must be at least 1"),
    ],
)
def test_speed_tables_that_cannot_be_used(change: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        class_speeds(change(SPEEDS), "other")
