"""Driving times against hand, networkx and brute force; snapping; reach."""

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra
from shapely import LineString, Point, box

from siting.errors import InputError
from siting.reference import table
from siting.roads import (
    Network,
    build_network,
    isochrones,
    minutes_to_nearest,
    network_from_file,
    reach,
    read_file,
    snap,
    travel_times,
)
from siting.roads import travel as travel_way
from siting.roads.travel import BATCH
from siting.tables import REACH, find_faults

Street = tuple[int, int, float]


def network(streets: list[Street], nodes: int | None = None) -> Network:
    """A network of nodes 10, 20, … one km apart on a line, with minutes given."""
    last = max(itertools.chain.from_iterable(s[:2] for s in streets)) if nodes is None else nodes
    ids = [10 * n for n in range(1, last + 1)]
    points = [Point(320_000 + 1000 * n, 3_730_000) for n in range(1, last + 1)]
    frame = gpd.GeoDataFrame(geometry=points, index=pd.Index(ids, name="node_id"), crs=32643)
    seen: Counter[tuple[int, int]] = Counter()
    index = []
    for u, v, _ in streets:
        index.append((10 * u, 10 * v, seen[u, v]))
        seen[u, v] += 1
    lines = [LineString([points[u - 1], points[v - 1]]) for u, v, _ in streets]
    minutes = [float(s[2]) for s in streets]
    edges = gpd.GeoDataFrame(
        {"travel_min": minutes},
        geometry=lines,
        index=pd.MultiIndex.from_tuples(index, names=["u", "v", "key"]),
        crs=32643,
    )
    return Network(frame, edges, {})


def as_dict(times: pd.DataFrame) -> dict[tuple[int, int], float]:
    return {(n, t): m for n, t, m in times.itertuples(index=False)}


def test_a_hand_solved_town() -> None:
    #  1 <-> 2 -> 3 -> 1, and 2 -> 3 twice
    roads = network([(1, 2, 3), (2, 1, 3), (2, 3, 9), (2, 3, 2), (3, 1, 4)])
    assert as_dict(travel_times(roads, [30], cutoff_min=100)) == {
        (10, 30): 5.0,
        (20, 30): 2.0,  # the quicker of two, not their sum
        (30, 30): 0.0,
    }
    assert as_dict(travel_times(roads, [20], cutoff_min=100)) == {
        (10, 20): 3.0,
        (20, 20): 0.0,
        (30, 20): 7.0,  # driven towards the target: 3 -> 1 -> 2, not back along 2 -> 3
    }


def test_cutoff_is_inclusive_and_cuts() -> None:
    roads = network([(1, 2, 5), (2, 3, 5), (3, 1, 5)])
    assert set(as_dict(travel_times(roads, [30], 10))) == {(10, 30), (20, 30), (30, 30)}
    assert set(as_dict(travel_times(roads, [30], 9.99))) == {(20, 30), (30, 30)}


def test_a_street_of_no_length_is_a_street() -> None:
    roads = network([(1, 2, 0), (2, 3, 1), (3, 1, 1)])
    times = as_dict(travel_times(roads, [30], 10))
    assert times[10, 30] == pytest.approx(1.0, abs=1e-6)
    assert times[10, 30] > 0


def test_targets_in_their_order_once_each_and_rows_by_node() -> None:
    roads = network([(1, 2, 1), (2, 3, 1), (3, 1, 1)])
    times = travel_times(roads, [30, 10, 30], 10)
    assert times["target_node_id"].tolist() == [30, 30, 30, 10, 10, 10]
    assert times["node_id"].tolist() == [10, 20, 30] * 2
    assert times["travel_min"].dtype == "float64"
    none = travel_times(roads, [], 10)
    assert list(none.columns) == ["node_id", "target_node_id", "travel_min"]
    assert none.empty


def test_more_targets_than_a_batch() -> None:
    n = 2 * BATCH + 3
    roads = network([(i, i % n + 1, 1) for i in range(1, n + 1)])
    times = travel_times(roads, roads.nodes.index, 2.5)
    assert len(times) == 3 * n
    ahead = ((times["target_node_id"] - times["node_id"]) // 10) % n
    assert (times["travel_min"] == ahead).all()


@pytest.mark.parametrize("cutoff", [0, -1, math.nan, math.inf])
def test_cutoffs_that_are_none(cutoff: float) -> None:
    roads = network([(1, 2, 1), (2, 1, 1)])
    with pytest.raises(InputError, match=r"cutoff_min: .* is not above 0"):
        travel_times(roads, [10], cutoff)
    with pytest.raises(InputError, match=r"cutoff_min: .* is not above 0"):
        reach(roads, places("cell_id", [(10, 0)]), places("site_id", [(10, 0)]), cutoff, 10)


def test_targets_that_are_not_there() -> None:
    with pytest.raises(InputError, match=r"targets: not nodes of the network \(11, 12\)"):
        travel_times(network([(1, 2, 1), (2, 1, 1)]), [10, 11, 12], 5)


@st.composite
def towns(draw: st.DrawFn) -> list[Street]:
    nodes = draw(st.integers(2, 7))
    node = st.integers(1, nodes)
    minutes = st.one_of(st.integers(0, 4).map(float), st.floats(0.01, 5))
    ring = [(i, i % nodes + 1, draw(minutes)) for i in range(1, nodes + 1)]
    return ring + draw(st.lists(st.tuples(node, node, minutes), max_size=14))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(towns(), st.floats(0.5, 12))
def test_equal_to_networkx(streets: list[Street], cutoff: float) -> None:
    roads = network(streets)
    graph = nx.MultiDiGraph()
    graph.add_weighted_edges_from((10 * v, 10 * u, m) for u, v, m in streets)
    ours = as_dict(travel_times(roads, roads.nodes.index, cutoff))
    for target in graph:
        theirs = nx.single_source_dijkstra_path_length(graph, target)
        for node, minutes in theirs.items():
            mine = ours.pop((node, target), None)
            if mine is None:
                assert minutes > cutoff - 1e-6
            else:
                assert mine == pytest.approx(minutes, abs=1e-6)
                assert mine <= cutoff
    assert ours == {}


@pytest.mark.slow
def test_equal_to_networkx_on_real_roads(shared_data: Path) -> None:
    path = shared_data / "data" / "karachi" / "karachi_clifton_drive_20260319.graphml.gz"
    roads = build_network(read_file(path), table("speeds"), "karachi_lahore")
    targets = roads.nodes.index[::45]
    times = travel_times(roads, targets, 6)
    ours = times.set_index(["target_node_id", "node_id"])["travel_min"]
    graph = roads.to_graph().reverse(copy=False)
    for target in targets:
        theirs = nx.single_source_dijkstra_path_length(graph, target, 360, weight="travel_time")
        want = pd.Series(theirs).sort_index() / 60
        mine = ours[target]
        assert mine.index.equals(pd.Index(want.index, name="node_id"))
        assert mine.to_numpy() == pytest.approx(want.to_numpy(), abs=1e-9)
    assert 10_000 < len(times) < len(roads.nodes) * len(targets)


def whole_matrix(roads: Network, targets: pd.Index, cutoff: float) -> pd.DataFrame:
    """What a plain search of all nodes from each target finds, in one go."""
    at = roads.nodes.index.get_indexer(targets)
    block = dijkstra(travel_way.drive_matrix(roads, back=True)[0], indices=at, limit=cutoff)
    row, column = np.nonzero(np.isfinite(block))
    return pd.DataFrame(
        {
            "node_id": roads.nodes.index.to_numpy()[column],
            "target_node_id": targets.to_numpy()[row],
            "travel_min": block[row, column],
        }
    )


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(towns(), st.floats(0.5, 12), st.sampled_from([1, 9, 10**6]), st.randoms())
def test_cut_down_searches_are_whole_ones_to_the_last_bit(
    streets: list[Street], cutoff: float, numbers: int, random: Any
) -> None:
    roads = network(streets)
    targets = pd.Index(random.sample(roads.nodes.index.tolist(), len(roads.nodes)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(travel_way, "BLOCK_NUMBERS", numbers)
        patch.setattr(travel_way, "BATCH", 3)
        found = travel_times(roads, targets, cutoff)
    pd.testing.assert_frame_equal(found, whole_matrix(roads, targets, cutoff), check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [5000, travel_way.BLOCK_NUMBERS])
def test_real_searches_are_whole_ones_to_the_last_bit(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch, numbers: int
) -> None:
    monkeypatch.setattr(travel_way, "BLOCK_NUMBERS", numbers)
    path = shared_data / "data" / "karachi" / "karachi_clifton_drive_20260319.osm.bz2"
    roads = network_from_file(path, table("speeds"), "karachi_lahore")
    rng = np.random.default_rng(5)
    targets = pd.Index(rng.permutation(roads.nodes.index.to_numpy())[:150])
    for cutoff in (0.5, 3.0, 60.0):
        found, want = travel_times(roads, targets, cutoff), whole_matrix(roads, targets, cutoff)
        pd.testing.assert_frame_equal(found, want, check_exact=True)
    cells = places("cell_id", [(int(n), 30.0) for n in rng.choice(roads.nodes.index, 400)])
    sites = places("site_id", [(int(n), 45.0) for n in targets])
    near = reach(roads, cells, sites, 4.0, access_kmh=12)
    drives = whole_matrix(roads, targets, 4.0).set_index(["node_id", "target_node_id"])
    home = cells.set_index("cell_id")["node_id"][near["cell_id"]].to_numpy()
    stop = sites.set_index("site_id")["node_id"][near["site_id"]].to_numpy()
    ends = pd.MultiIndex.from_arrays([home, stop])
    drive = drives["travel_min"].reindex(ends).to_numpy()
    assert (near["travel_min"] == drive + 30 / 1000 / 12 * 60 + 45 / 1000 / 12 * 60).all()
    pairs = cells.merge(sites, how="cross")
    ends = pd.MultiIndex.from_frame(pairs[["node_id_x", "node_id_y"]])
    total = drives["travel_min"].reindex(ends).to_numpy() + 30 / 1000 / 12 * 60
    assert len(near) == ((total + 45 / 1000 / 12 * 60) <= 4.0).sum() > 1000


def places(key: str, rows: list[tuple[int | None, float]]) -> pd.DataFrame:
    prefix = "c" if key == "cell_id" else "s"
    width = 5 if key == "cell_id" else 4
    return pd.DataFrame(
        {
            key: [f"{prefix}{i:0{width}d}" for i in range(1, len(rows) + 1)],
            "node_id": pd.array([node for node, _ in rows], dtype="Int64"),
            "snap_m": [float(metres) for _, metres in rows],
        }
    )


def test_reach_by_hand() -> None:
    roads = network([(1, 2, 4), (2, 1, 4), (2, 3, 2), (3, 1, 1)])
    cells = places("cell_id", [(10, 100), (20, 0), (None, 9000), (10, 3000)])
    sites = places("site_id", [(30, 200), (None, 5000), (10, 0)])
    # Access at 12 km/h: 200 m a minute.
    table_ = reach(roads, cells, sites, cutoff_min=7.5, access_kmh=12)
    assert [tuple(row) for row in table_.itertuples(index=False)] == [
        ("c00001", "s0001", pytest.approx(0.5 + 6 + 1)),  # just at the cutoff
        ("c00001", "s0003", pytest.approx(0.5)),
        ("c00002", "s0001", pytest.approx(2 + 1)),
        ("c00002", "s0003", pytest.approx(3.0)),  # 2 -> 3 -> 1 beats 2 -> 1
    ]
    assert find_faults(table_, REACH) == []


def test_reach_tells_how_many_sites_are_searched() -> None:
    roads = network([(1, 2, 4), (2, 1, 4)])
    cells = places("cell_id", [(10, 100)])
    sites = places("site_id", [(10, 0)] * 40 + [(20, 0)] * 30)
    told: list[tuple[int, int]] = []
    reach(roads, cells, sites, 7, 12, lambda done, of: told.append((done, of)))
    assert told[-1] == (70, 70)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) > 1


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(towns(), st.data())
def test_reach_is_the_sum_of_its_parts(streets: list[Street], data: st.DataObject) -> None:
    roads = network(streets)
    place = st.tuples(
        st.one_of(st.none(), st.sampled_from(roads.nodes.index.tolist())), st.floats(0, 900)
    )
    cells = places("cell_id", data.draw(st.lists(place, min_size=1, max_size=5)))
    sites = places("site_id", data.draw(st.lists(place, min_size=1, max_size=5)))
    shuffled = sites.sample(frac=1, random_state=1)
    cutoff = data.draw(st.floats(0.5, 12))
    got = reach(roads, cells, shuffled, cutoff, access_kmh=15)
    times = as_dict(travel_times(roads, roads.nodes.index, 1e6))
    near = 0
    want = {}
    for (cell, home, a), (site, node, b) in itertools.product(
        cells.itertuples(index=False), sites.itertuples(index=False)
    ):
        if pd.isna(home) or pd.isna(node):
            continue
        total = (a + b) / 1000 / 15 * 60 + times[home, node]
        near += abs(total - cutoff) < 1e-6
        if total <= cutoff:
            want[cell, site] = total
    assert got[["cell_id", "site_id"]].apply(tuple, axis=1).is_monotonic_increasing
    found = got.set_index(["cell_id", "site_id"])["travel_min"].to_dict()
    if not near:
        assert found == pytest.approx(want)


def test_a_wider_cutoff_never_reaches_less() -> None:
    rng = np.random.default_rng(7)
    streets = [
        (int(u), int(v), float(m))
        for u, v, m in zip(
            rng.integers(1, 40, 90), rng.integers(1, 40, 90), rng.uniform(0.2, 3, 90), strict=True
        )
    ]
    roads = network([*streets, *((i, i % 40 + 1, 2.0) for i in range(1, 41))])
    cells = places("cell_id", [(int(n), 50) for n in rng.choice(roads.nodes.index, 60)])
    sites = places("site_id", [(int(n), 20) for n in rng.choice(roads.nodes.index, 70)])
    before: set[tuple[str, str]] = set()
    for cutoff in (0.2, 0.5, 2, 5, 10, 1000):
        table_ = reach(roads, cells, sites, cutoff, 20)
        now = set(zip(table_["cell_id"], table_["site_id"], strict=True))
        assert before <= now
        before = now
    assert len(before) == 60 * 70


def test_nobody_in_reach_is_an_empty_table() -> None:
    roads = network([(1, 2, 1), (2, 1, 1)])
    nobody = places("cell_id", [(None, 5000)])
    far = places("cell_id", [(10, 100_000)])
    for cells in (nobody, far, nobody.iloc[:0]):
        table_ = reach(roads, cells, places("site_id", [(10, 0)]), 5, 10)
        assert list(table_.columns) == ["cell_id", "site_id", "travel_min"]
        assert table_.empty


def test_reach_names_what_is_wrong() -> None:
    roads = network([(1, 2, 1), (2, 1, 1)])
    cells, sites = places("cell_id", [(10, 0)]), places("site_id", [(10, 0)])
    with pytest.raises(InputError, match=r"candidates, column node_id: not nodes .* \(99\)"):
        reach(roads, cells, places("site_id", [(99, 0)]), 5, 10)
    with pytest.raises(InputError, match="access_kmh: 0 km/h is not above 0"):
        reach(roads, cells, sites, 5, 0)
    with pytest.raises(InputError, match="cells, column snap_m: missing"):
        reach(roads, cells.drop(columns="snap_m"), sites, 5, 10)
    with pytest.raises(InputError, match=r"column snap_m: must be at least 0 m \(s0001\)"):
        reach(roads, cells, sites.assign(snap_m=-1.0), 5, 10)


def test_inputs_are_not_changed() -> None:
    roads = network([(1, 2, 1), (2, 1, 1)])
    cells, sites = places("cell_id", [(20, 5), (10, 0)]), places("site_id", [(20, 0), (10, 0)])
    copies = cells.copy(), sites.copy(), roads.edges.copy()
    reach(roads, cells, sites, 5, 10)
    pd.testing.assert_frame_equal(cells, copies[0])
    pd.testing.assert_frame_equal(sites, copies[1])
    pd.testing.assert_frame_equal(roads.edges, copies[2])


def test_snap_takes_the_nearest_and_keeps_the_distance() -> None:
    roads = network([(1, 2, 1), (2, 3, 1), (3, 1, 1)])
    x, y = 321_000, 3_730_000
    points = gpd.GeoDataFrame(
        geometry=[Point(x + 30, y + 40), box(x + 900, y - 10, x + 1100, y + 10), Point(x, y + 501)],
        index=["a", "b", "c"],
        crs=32643,
    )
    snapped = snap(points, roads, max_m=500)
    assert snapped.index.tolist() == ["a", "b", "c"]
    assert snapped["node_id"].dtype == "Int64"
    assert snapped["node_id"].tolist() == [10, 20, pd.NA]
    assert snapped["snap_m"].tolist() == pytest.approx([50, 0, 501])
    lonlat = snap(points.to_crs(4326), roads, max_m=500)
    assert lonlat["snap_m"].tolist() == pytest.approx([50, 0, 501], abs=1e-3)
    assert snap(points, roads, math.inf)["node_id"].tolist() == [10, 20, 10]
    assert snap(points.iloc[:0], roads, 500).empty


def test_snap_against_brute_force() -> None:
    rng = np.random.default_rng(3)
    roads = network([(i, i % 9 + 1, 1) for i in range(1, 10)])
    spots = rng.uniform((320_000, 3_729_000), (331_000, 3_731_000), (50, 2))
    points = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*spots.T), crs=32643)
    snapped = snap(points, roads, 700)
    for point, row in zip(points.geometry, snapped.itertuples(), strict=True):
        metres = roads.nodes.geometry.distance(point)
        assert row.snap_m == pytest.approx(metres.min())
        road_m = roads.edges.geometry.distance(point).min()
        assert row.road_m == pytest.approx(road_m)
        if road_m <= 700:
            assert row.node_id == metres.idxmin()
        else:
            assert row.node_id is pd.NA


def test_snap_names_what_is_wrong() -> None:
    roads = network([(1, 2, 1), (2, 1, 1)])
    points = gpd.GeoDataFrame(geometry=[Point(321_000, 3_730_000), None], crs=32643)
    with pytest.raises(InputError, match=r"1 of \d rows have no location \(1\)"):
        snap(points, roads, 100)


def test_minutes_to_the_nearest_site_are_the_least_of_the_travel_times() -> None:
    town = network([(1, 2, 3), (2, 1, 3), (2, 3, 4), (3, 4, 1), (4, 3, 1)])
    # Access at 6 km/h: 100 m take a minute.
    sites = pd.DataFrame({"site_id": ["a", "b"], "node_id": [10, 40], "snap_m": [100.0, 200.0]})
    found = minutes_to_nearest(town, sites, 6.5, 6.0)
    assert found.to_dict() == pytest.approx({10: 1.0, 20: 4.0, 30: 3.0, 40: 2.0})
    assert minutes_to_nearest(town, sites, 3.5, 6.0)[20] == math.inf
    assert np.isinf(minutes_to_nearest(town, sites[:0], 5.0, 6.0)).all()


def test_isochrones_are_the_streets_by_minutes_without_gap_or_overlap() -> None:
    # A street of 4 km, 1 km a minute, driven towards node 10 only; 2 minutes are 2 km.
    town = network([(2, 1, 1), (3, 2, 1), (4, 3, 1), (5, 4, 1)])
    sites = pd.DataFrame({"site_id": ["a"], "node_id": [10], "snap_m": [0.0]})
    bands = isochrones(town, minutes_to_nearest(town, sites, 3.0, 15.0), [1.0, 2.0, 3.0])
    assert bands["over_min"].to_list() == [0.0, 1.0, 2.0]
    assert bands["within_min"].to_list() == [1.0, 2.0, 3.0]
    assert set(bands.geom_type) == {"MultiPolygon"}
    begin = town.nodes.geometry[10].x
    for band, low in zip(bands.geometry, (0, 1000, 2000), strict=True):
        west, _, east, _ = band.bounds
        # Ground counts up to two squares beside a street, and the nearer band has it.
        assert abs(west - (begin + low + (0 if low == 0 else 200))) <= (300 if low == 0 else 100)
        assert abs(east - (begin + low + 1200)) <= 100
    whole = bands.geometry.union_all()
    assert bands.area.sum() == pytest.approx(whole.area)
    assert whole.geom_type == "Polygon"
    empty = isochrones(town, minutes_to_nearest(town, sites[:0], 3.0, 15.0), [1.0])
    assert empty.empty
