"""The three surfaces: betweenness counted by hand and by brute force, places by their tags."""

from itertools import pairwise

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from demand.test_cells import X0, Y0, grid_network, people_at

from siting.demand import (
    make_cells,
    map_swings,
    poi_points,
    road_points,
    surface_weights,
    surfaces,
)
from siting.demand.surfaces import _flows, _subtrees, traffic
from siting.errors import InputError
from siting.reference import CONFIDENCE, table
from siting.roads import Network

UTM = 32643
EVEN = pd.DataFrame({"highway": ["unclassified"], "weight": [1.0]})


def line_network(minutes, oneway=False, highway="residential"):
    """Return corners 1, 2, 3 … 100 m apart in a row, the streets taking the minutes given."""
    xs = [X0 + 100.0 * i for i in range(len(minutes) + 1)]
    nodes = gpd.GeoDataFrame(
        geometry=[shapely.Point(x, Y0) for x in xs],
        crs=UTM,
        index=pd.Index(range(1, len(xs) + 1), name="node_id", dtype="int64"),
    )
    rows = []
    for i, travel_min in enumerate(minutes):
        ends = [(i + 1, i + 2)] if oneway else [(i + 1, i + 2), (i + 2, i + 1)]
        for u, v in ends:
            line = shapely.LineString([(xs[u - 1], Y0), (xs[v - 1], Y0)])
            rows.append((u, v, 0, highway, 100.0, travel_min, line))
    columns = ["u", "v", "key", "highway", "length_m", "travel_min", "geometry"]
    edges = gpd.GeoDataFrame(rows, columns=columns, crs=UTM).set_index(["u", "v", "key"])
    return Network(nodes, edges, {})


def flow_of(network, people, trips=99, trip_min=np.inf, seed=1):
    flow = _flows(network, np.array(people, dtype=float), trips, trip_min, seed)
    return dict(zip(network.edges.index.droplevel("key"), flow.tolist(), strict=True))


def test_flows_on_a_line_by_hand():
    # Shares 1/4, 1/4, 1/2. From west to east over 1->2: 1/4 x (1/4 + 1/2).
    flow = flow_of(line_network([1.0, 1.0]), [1, 1, 2])
    assert flow == pytest.approx({(1, 2): 3 / 16, (2, 1): 3 / 16, (2, 3): 4 / 16, (3, 2): 4 / 16})


def test_a_oneway_is_driven_one_way_and_long_trips_are_left_out():
    assert flow_of(line_network([1.0, 1.0], oneway=True), [1, 1, 1]) == pytest.approx(
        {(1, 2): 2 / 9, (2, 3): 2 / 9}
    )
    assert flow_of(line_network([1.0, 1.0]), [1, 1, 1], trip_min=1.5) == pytest.approx(
        dict.fromkeys([(1, 2), (2, 1), (2, 3), (3, 2)], 1 / 9)
    )


def test_the_quicker_of_parallel_streets_is_driven():
    network = line_network([5.0, 1.0])
    slow = network.edges.loc[[(1, 2, 0)]]
    quick = slow.assign(travel_min=2.0)
    quick.index = pd.MultiIndex.from_tuples([(1, 2, 1)], names=["u", "v", "key"])
    edges = gpd.GeoDataFrame(pd.concat([network.edges, quick]), crs=UTM)
    flow = _flows(Network(network.nodes, edges, {}), np.ones(3), 9, np.inf, 1)
    at = dict(zip(edges.index, flow.tolist(), strict=True))
    assert at[(1, 2, 0)] == 0
    assert at[(1, 2, 1)] == pytest.approx(2 / 9)


def test_all_nodes_give_the_edge_betweenness_of_networkx():
    rng = np.random.default_rng(5)
    network = grid_network(size=5)
    edges = network.edges.copy()
    edges["travel_min"] = rng.uniform(0.5, 2.0, len(edges))  # no two ways take the same time
    graph = nx.DiGraph()
    for (u, v, _), minutes in edges["travel_min"].items():
        graph.add_edge(u, v, weight=minutes)
    want = nx.edge_betweenness_centrality(graph, normalized=False, weight="weight")
    found = flow_of(Network(network.nodes, edges, {}), np.ones(25))
    for pair, count in want.items():
        assert found[pair] == pytest.approx(count / 25**2, abs=1e-12), pair


def test_people_weigh_both_ends_of_a_trip():
    rng = np.random.default_rng(6)
    network = grid_network(size=4)
    edges = network.edges.assign(travel_min=rng.uniform(0.5, 2.0, len(network.edges)))
    people = rng.integers(0, 9, 16).astype(float)
    graph = nx.DiGraph()
    for (u, v, _), minutes in edges["travel_min"].items():
        graph.add_edge(u, v, weight=minutes)
    want = dict.fromkeys(graph.edges, 0.0)
    for source, ways in nx.all_pairs_dijkstra_path(graph, weight="weight"):
        for target, nodes in ways.items():
            weight = people[source - 1] * people[target - 1] / people.sum() ** 2
            for pair in pairwise(nodes):
                want[pair] += weight
    found = flow_of(Network(network.nodes, edges, {}), people)
    assert found == pytest.approx(want, abs=1e-12)


def test_a_sample_is_near_the_whole_and_the_seed_repeats_it():
    network = grid_network(size=12)
    rng = np.random.default_rng(7)
    network = Network(
        network.nodes, network.edges.assign(travel_min=rng.uniform(1, 2, len(network.edges))), {}
    )
    people = rng.gamma(1, 1, 144)
    whole = np.array(list(flow_of(network, people, trips=200).values()))
    some = np.array(list(flow_of(network, people, trips=60).values()))
    assert np.corrcoef(whole, some)[0, 1] > 0.9
    assert some.sum() == pytest.approx(whole.sum(), rel=0.2)
    again = np.array(list(flow_of(network, people, trips=60).values()))
    other = np.array(list(flow_of(network, people, trips=60, seed=2).values()))
    assert (some == again).all()
    assert not (some == other).all()


def test_subtrees_of_a_long_chain_and_a_star():
    size = 300
    chain = np.concatenate([[-9999], np.arange(size - 1)]).astype(np.int32)
    assert _subtrees(chain, np.ones(size), 0).tolist() == list(range(size, 0, -1))
    star = np.array([2, 2, -9999, 2, -9999], dtype=np.int32)  # the last is not reached
    assert _subtrees(star, np.array([1, 2, 4, 8, 0.0]), 2).tolist() == [1, 2, 15, 8, 0]


def test_traffic_weighs_vehicles_metres_and_the_class_of_road():
    weights = pd.DataFrame({"highway": ["primary", "unclassified"], "weight": [0.5, 0.1]})
    network = line_network([1.0, 1.0], highway="primary_link")
    edges = network.edges.copy()
    edges.loc[[(2, 3, 0), (3, 2, 0)], "highway"] = "track"
    points = traffic(Network(network.nodes, edges, {}), None, weights, trip_min=np.inf)
    west = points[points.geometry.x < X0 + 100]
    east = points[points.geometry.x > X0 + 100]
    # 2/9 of the trips over each of four directed streets of 100 m.
    assert west["weight"].sum() == pytest.approx(2 * 2 / 9 * 100 * 0.5)
    assert east["weight"].sum() == pytest.approx(2 * 2 / 9 * 100 * 0.1)


def test_a_place_counts_by_its_heaviest_tag_and_named_values_go_before_any():
    weights = pd.DataFrame(
        {
            "osm_key": ["amenity", "shop", "shop"],
            "osm_value": ["fuel", "mall", "*"],
            "weight": [2.0, 8.0, 0.5],
        }
    )
    pois = gpd.GeoDataFrame(
        {
            "amenity": ["fuel", "bench", None, "fuel", None],
            "shop": ["kiosk", None, "mall", None, "no"],
        },
        geometry=[shapely.box(X0, Y0, X0 + 10, Y0 + 10)] * 5,
        crs=UTM,
    )
    points = poi_points(pois, weights)
    assert points["weight"].to_list() == [2.0, 8.0, 2.0]
    assert (points.geom_type == "Point").all()


def town():
    network = grid_network()
    people = people_at([(X0 + 10, Y0 + 10), (X0 + 510, Y0 + 10)], [30.0, 10.0])
    pois = gpd.GeoDataFrame(
        {"amenity": ["bank", "hospital", "bench", "bank"]},
        geometry=[shapely.Point(X0 + x, Y0 + y) for x, y in ((9, 9), (9, 600), (5, 5), (5e4, 0))],
        crs=UTM,
    )
    return network, make_cells(people, network, also=pois.iloc[:2]), pois


def test_three_surfaces_each_add_up_to_one():
    network, cells, pois = town()
    found = surfaces(cells, network, pois)
    assert found["cell_id"].to_list() == cells["cell_id"].to_list()
    assert found["home"].to_list() == [0.75, 0.25, 0.0]
    assert found["destination"].to_list() == pytest.approx([0.2, 0.0, 0.8])
    assert found[["home", "destination", "en_route"]].sum().to_list() == pytest.approx([1, 1, 1])
    # Homes lie at the corners (200, 200) and (800, 200): all trips keep to the southern squares.
    assert found["en_route"].iloc[2] == 0
    notes = found.attrs["notes"]
    # A bank has a sixth of the weight.
    assert any("16.7% of its weight lies outside" in note for note in notes)


def test_a_missing_surface_is_zero_and_says_so():
    network, cells, pois = town()
    found = surfaces(cells, network)
    assert found["destination"].sum() == 0
    assert "destination: no places were given" in found.attrs["notes"]
    found = surfaces(cells, network, pois[pois["amenity"] == "bench"])
    assert "none of 1 places" in found.attrs["notes"][0]


def test_a_cell_shared_by_zones_counts_its_places_once():
    network = grid_network()
    people = people_at([(X0 + 10, Y0 + 10), (X0 + 20, Y0 + 10), (X0 + 600, Y0 + 10)], [1, 2, 4])
    cells = make_cells(people.assign(zone_id=["a", "b", "b"]), network)
    pois = gpd.GeoDataFrame(
        {"amenity": ["bank", "bank"]},
        geometry=[shapely.Point(X0 + 9, Y0 + 9), shapely.Point(X0 + 700, Y0 + 9)],
        crs=UTM,
    )
    found = surfaces(cells, network, pois)
    assert found["destination"].to_list() == pytest.approx([0.25, 0.25, 0.5])


def test_main_roads_have_points_every_200_m_at_most_once():
    network = line_network([1.0] * 3, highway="primary")
    points = road_points(network)
    assert sorted(points.geometry.x - X0) == [50.0, 150.0, 250.0]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"road_weights": EVEN.assign(highway="primary")}, "no row unclassified"),
        ({"road_weights": EVEN.assign(weight=-1)}, "unclassified"),
        ({"road_weights": pd.concat([EVEN, EVEN])}, "twice"),
    ],
)
def test_weights_that_make_no_sense(change, word):
    network, cells, pois = town()
    with pytest.raises(InputError, match=word):
        surfaces(cells, network, pois, **change)


@pytest.mark.parametrize("name", ["poi_weights", "road_weights", "surface_weights"])
def test_every_weight_has_a_source_and_a_mark(name):
    rows = table(name)
    assert rows["source"].str.len().gt(5).all()
    assert rows["unit"].str.len().gt(5).all()
    assert set(rows["confidence"]) <= set(CONFIDENCE)
    if "low" in rows.columns:
        assert (rows["low"] <= rows["weight"]).all()
        assert (rows["weight"] <= rows["high"]).all()
    else:
        surface = ["home", "destination", "en_route"]
        assert rows[surface].sum(axis=1).to_numpy() == pytest.approx(1.0)
        for name in surface:
            assert (rows[f"{name}_low"] < rows[f"{name}_high"]).all()
            assert rows[name].between(rows[f"{name}_low"], rows[f"{name}_high"]).all()


def test_an_own_weight_has_no_range_and_the_others_keep_theirs():
    rows = surface_weights({"car": {"home": 1, "destination": 1, "en_route": 2}})
    rows = rows.set_index("vehicle_class")
    assert rows.loc["car", ["home_low", "home", "home_high"]].to_list() == [0.25] * 3
    assert rows.loc["bus", ["home_low", "home", "home_high"]].to_list() == [0, 0, 0.2]


def test_the_map_moves_by_a_weight_s_range_and_not_by_one_without():
    network, cells, pois = town()
    energy = pd.DataFrame(
        {"zone_id": "", "vehicle_class": ["car", "van"], "demand_kwh_day": [100.0, 10.0]}
    )
    own = surface_weights({"van": {"home": 1, "destination": 1, "en_route": 2}})
    found = surfaces(cells, network, pois)
    rows = map_swings(cells, energy, found, own).set_index(["vehicle_class", "figure"])
    assert "van" not in rows.index
    # A car's home share at 0.15 and 0.5, not 0.3, the others in proportion; by hand.
    at = {}
    for share in (0.15, 0.3, 0.5):
        division = np.array([share, 0.4 * (1 - share) / 0.7, 0.3 * (1 - share) / 0.7])
        whole = np.array([0.25, 0.25, 0.5])
        cars = found[["home", "destination", "en_route"]].to_numpy() @ division
        vans = found[["home", "destination", "en_route"]].to_numpy() @ whole
        kwh = 100 * cars + 10 * vans
        at[share] = kwh / kwh.sum()
    by_hand = max(np.abs(at[share] - at[0.3]).sum() / 2 for share in (0.15, 0.5))
    assert rows.loc[("car", "home"), "moved_cells_share"] == pytest.approx(by_hand)


def test_real_amenities_of_islamabad_are_found_by_their_tags(shared_data):
    path = shared_data / "data/islamabad/islamabad_rawalpindi_amenities_osm_20251208.geojson"
    pois = gpd.read_file(path)
    points = poi_points(pois)
    weights = table("poi_weights").set_index(["osm_key", "osm_value"])["weight"]
    fuel = (pois["amenity"] == "fuel").sum()
    assert fuel == 217
    assert len(points) > 1500
    assert points["weight"].max() >= weights["amenity", "university"]
