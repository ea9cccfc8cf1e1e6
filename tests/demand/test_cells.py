"""People into cells and energy onto cells: hand-counted towns, and nobody lost."""

import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.demand import make_cells, spread_demand
from siting.errors import InputError, MissingExtraError
from siting.roads import Network
from siting.tables import CELLS, DEMAND, validate

X0, Y0 = 320_000.0, 3_720_000.0  # a corner of Islamabad in UTM 43N, a multiple of 500 m


def grid_network(size=5, step_m=200.0, highway="residential", x0=X0, y0=Y0, crs=32643):
    """Return a square town of size x size corners, every street driven both ways."""
    at = [(x0 + step_m * i, y0 + step_m * j) for j in range(size) for i in range(size)]
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(*zip(*at, strict=True)),
        crs=crs,
        index=pd.Index(range(1, size * size + 1), name="node_id", dtype="int64"),
    )
    pairs = [(n, n + 1) for n in range(1, size * size + 1) if n % size]
    pairs += [(n, n + size) for n in range(1, size * (size - 1) + 1)]
    rows = []
    for a, b in pairs:
        for u, v in ((a, b), (b, a)):
            line = shapely.LineString([at[u - 1], at[v - 1]])
            rows.append((u, v, 0, highway, "Street", line))
    edges = gpd.GeoDataFrame(
        rows, columns=["u", "v", "key", "highway", "name", "geometry"], crs=crs
    ).set_index(["u", "v", "key"])
    edges["length_m"] = edges.length
    edges["speed_kmh"] = 30.0
    edges["speed_source"] = "class"
    edges["travel_min"] = edges["length_m"] / 1000 / 30 * 60
    return Network(nodes, edges, {})


def people_at(points, counts, crs=32643):
    return gpd.GeoDataFrame(
        {"people": counts}, geometry=gpd.points_from_xy(*zip(*points, strict=True)), crs=crs
    )


def test_points_are_counted_in_aligned_squares():
    network = grid_network()
    people = people_at(
        [(X0 + 10, Y0 + 10), (X0 + 490, Y0 + 490), (X0 + 510, Y0 + 10), (X0 + 10, Y0 + 510)],
        [1.0, 2.0, 4.0, 8.0],
    )
    cells = make_cells(people, network, size_m=500)
    validate(cells, CELLS)
    assert cells["cell_id"].to_list() == ["c00001", "c00002", "c00003"]
    assert cells["people"].to_list() == [3.0, 4.0, 8.0]  # west before east, south before north
    assert cells.crs == network.crs
    assert cells.geometry.iloc[0].bounds == (X0, Y0, X0 + 500, Y0 + 500)
    # The centre (250, 250) is nearest to the corner at (200, 200), the seventh node.
    assert cells["node_id"].to_list()[0] == 7
    assert cells["snap_m"].iloc[0] == pytest.approx(np.hypot(50, 50))


def test_a_polygon_is_spread_by_share_of_area():
    network = grid_network()
    # 1000 m x 250 m over two squares, of which 250 m x 250 m hang over into a third column.
    block = shapely.box(X0 + 250, Y0, X0 + 1250, Y0 + 250)
    people = gpd.GeoDataFrame({"people": [100.0]}, geometry=[block], crs=32643)
    cells = make_cells(people, network, size_m=500)
    assert cells["people"].to_list() == pytest.approx([25, 50, 25], rel=1e-12)


def test_points_and_polygons_together():
    network = grid_network()
    people = gpd.GeoDataFrame(
        {"people": [8.0, 5.0]},
        geometry=[
            shapely.box(X0, Y0, X0 + 1000, Y0 + 1000),
            shapely.Point(X0 + 600, Y0 + 600),
        ],
        crs=32643,
    )
    assert make_cells(people, network)["people"].to_list() == pytest.approx([2, 2, 2, 7])


def test_a_polygon_without_area_is_refused_not_lost():
    flat = shapely.Polygon([(X0, Y0), (X0 + 100, Y0), (X0 + 50, Y0)])
    people = gpd.GeoDataFrame({"people": [9.0]}, geometry=[flat], crs=32643)
    with pytest.raises(InputError, match="without area"):
        make_cells(people, grid_network())


def test_cells_without_people_are_left_out():
    network = grid_network()
    people = people_at([(X0 + 10, Y0 + 10), (X0 + 900, Y0 + 10)], [5.0, 0.0])
    assert len(make_cells(people, network)) == 1


def test_cells_far_from_a_road_stay_without_a_node():
    network = grid_network()
    people = people_at([(X0 + 10, Y0 + 10), (X0 + 10_000, Y0 + 10)], [5.0, 3.0])
    cells = make_cells(people, network, max_snap_m=400)
    assert cells["people"].sum() == 8.0
    assert cells["node_id"].isna().to_list() == [False, True]
    # Centre at 10,250 m, last corner at 800 m; 250 m is 50 m off the second row of corners.
    assert cells["snap_m"].iloc[1] == pytest.approx(np.hypot(9450, 50))
    validate(cells, CELLS)


def test_a_layer_in_the_wrong_place_is_named_with_both_extents():
    network = grid_network()
    karachi = people_at([(67.0, 24.86)], [5.0], crs=4326)
    with pytest.raises(InputError) as caught:
        make_cells(karachi, network)
    text = str(caught.value)
    assert "67.000" in text
    assert "24.860" in text
    assert "73.060" in text  # the roads
    assert "km from a road" in text


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"size_m": 0}, "size_m"),
        ({"size_m": float("nan")}, "size_m"),
        ({"shape": "circle"}, "shape"),
        ({"max_snap_m": -1}, "max_snap_m"),
        ({"h3_resolution": 16}, "h3_resolution"),
    ],
)
def test_settings_that_make_no_sense(change, word):
    with pytest.raises(InputError, match=word):
        make_cells(people_at([(X0, Y0)], [1.0]), grid_network(), **change)


@pytest.mark.parametrize("counts", [[np.nan, 1.0], [-1.0, 5.0], [0.0, 0.0]])
def test_counts_that_make_no_sense(counts):
    with pytest.raises(InputError, match="people"):
        make_cells(people_at([(X0, Y0), (X0, Y0)], counts), grid_network())


def test_no_coordinates_and_no_counts_are_told_together():
    people = gpd.GeoDataFrame({"n": [1]}, geometry=gpd.points_from_xy([X0], [Y0]))
    with pytest.raises(InputError) as caught:
        make_cells(people, grid_network())
    assert len(caught.value.faults) == 2


def test_a_country_in_tiny_squares_is_refused_before_it_fills_memory():
    block = gpd.GeoDataFrame(
        {"people": [1.0]}, geometry=[shapely.box(X0, Y0, X0 + 5e4, Y0 + 5e4)], crs=32643
    )
    with pytest.raises(InputError, match="raise size_m"):
        make_cells(block, grid_network(), size_m=10)


def test_places_get_cells_though_nobody_lives_there():
    people = people_at([(X0 + 10, Y0 + 10)], [5.0])
    places = people_at([(X0 + 20, Y0 + 20), (X0 + 700, Y0 + 20), (X0 + 20, Y0 + 90_000)], [0] * 3)
    cells = make_cells(people, grid_network(), also=places.drop(columns="people").to_crs(4326))
    validate(cells, CELLS)
    assert cells["people"].to_list() == [5.0, 0.0, 0.0]
    assert cells.geometry.iloc[1].bounds[:2] == (X0 + 500, Y0)
    assert cells["node_id"].isna().to_list() == [False, False, True]
    none = make_cells(people, grid_network(), also=places.iloc[:0])
    pd.testing.assert_frame_equal(none, make_cells(people, grid_network()))


def test_places_do_not_stand_in_for_people_far_from_every_road():
    people = people_at([(X0 + 50_000, Y0)], [5.0])
    with pytest.raises(InputError, match="km from a road"):
        make_cells(people, grid_network(), also=people_at([(X0, Y0)], [0.0]))


def test_places_without_a_place_are_refused():
    people = people_at([(X0, Y0)], [5.0])
    nowhere = gpd.GeoDataFrame(geometry=[shapely.Point()], crs=32643)
    with pytest.raises(InputError, match="also, geometry"):
        make_cells(people, grid_network(), also=nowhere)
    with pytest.raises(InputError, match="also: has no coordinate"):
        make_cells(people, grid_network(), also=nowhere.set_crs(None, allow_override=True))


def test_h3_cells_for_places_too():
    pytest.importorskip("h3")
    people = people_at([(X0 + 10, Y0 + 10)], [5.0])
    places = people_at([(X0 + 3000, Y0 + 10)], [0.0])
    cells = make_cells(people, grid_network(), shape="h3", h3_resolution=9, also=places)
    assert sorted(cells["people"]) == [0.0, 5.0]


def test_a_square_shared_by_zones_is_a_row_for_each():
    people = people_at([(X0 + 10, Y0 + 10), (X0 + 20, Y0 + 10), (X0 + 600, Y0 + 10)], [1, 2, 4])
    people["zone_id"] = ["west", "east", "east"]
    places = people_at([(X0 + 1100, Y0 + 10)], [0.0])  # its square lies next to the east's
    cells = make_cells(people, grid_network(), also=places)
    validate(cells, CELLS)
    assert cells["zone_id"].to_list() == ["east", "west", "east", "east"]
    assert cells["people"].to_list() == [2.0, 1.0, 4.0, 0.0]
    assert cells["cell_id"].to_list() == [f"c{i:05d}" for i in range(1, 5)]
    people.loc[1, "zone_id"] = None
    with pytest.raises(InputError, match="zone_id: missing"):
        make_cells(people, grid_network())


@st.composite
def layers(draw):
    shapes, counts = [], []
    for _ in range(draw(st.integers(1, 8))):
        x = X0 + draw(st.floats(-3000, 3000))
        y = Y0 + draw(st.floats(-3000, 3000))
        if draw(st.booleans()):
            shapes.append(shapely.Point(x, y))
        else:
            radius = draw(st.floats(1, 2000))
            shapes.append(shapely.Point(x, y).buffer(radius, quad_segs=draw(st.integers(1, 8))))
        counts.append(draw(st.floats(0, 1e6)))
    return gpd.GeoDataFrame({"people": counts}, geometry=shapes, crs=32643)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(layers(), st.sampled_from([("square", 137.0), ("square", 500.0), ("h3", 8.0)]), st.randoms())
def test_nobody_is_lost_and_row_order_changes_nothing(people, cell, random):
    if cell[0] == "h3":
        pytest.importorskip("h3")
    if not people["people"].sum() > 0:
        return
    network = grid_network()
    kwargs = {"shape": cell[0], "size_m": cell[1], "max_snap_m": 50_000}
    before = people.copy(deep=True)
    cells = make_cells(people, network, **kwargs)
    assert cells["people"].sum() == pytest.approx(people["people"].sum(), rel=1e-9)
    assert people.equals(before)
    order = list(range(len(people)))
    random.shuffle(order)
    again = make_cells(people.iloc[order], network, **kwargs)
    pd.testing.assert_frame_equal(again, cells, check_exact=True)


def test_not_even_the_last_digit_depends_on_row_order():
    network = grid_network()
    rng = np.random.default_rng(7)
    people = people_at([(X0 + 10, Y0 + 10)] * 500, rng.uniform(0, 1, 500))
    sums = {
        make_cells(people.sample(frac=1, random_state=i), network)["people"].item()
        for i in range(8)
    }
    assert len(sums) == 1


def test_h3_cells_do_not_overlap_and_hold_their_points():
    pytest.importorskip("h3")
    network = grid_network()
    rng = np.random.default_rng(3)
    points = [(X0 + x, Y0 + y) for x, y in rng.uniform(-1500, 1500, (200, 2))]
    cells = make_cells(people_at(points, np.ones(200)), network, shape="h3", h3_resolution=9)
    validate(cells, CELLS)
    assert cells.union_all().area == pytest.approx(cells.area.sum(), rel=1e-6)
    inside = gpd.sjoin(people_at(points, np.ones(200)), cells[["cell_id", "geometry"]])
    counted = inside.groupby("cell_id").size()
    assert counted.reindex(cells["cell_id"]).to_list() == cells["people"].to_list()
    y = cells.centroid.y
    assert y.is_monotonic_increasing


@pytest.mark.parametrize("shift_m", range(0, 500, 25))
def test_h3_covers_a_polygon_to_its_rim(shift_m):
    pytest.importorskip("h3")
    thin = shapely.box(X0, Y0 + shift_m, X0 + 3000, Y0 + shift_m + 40)  # thinner than a hexagon
    wide = shapely.box(X0, Y0 + shift_m + 200, X0 + 2000, Y0 + 2000)
    people = gpd.GeoDataFrame({"people": [10.0, 90.0]}, geometry=[thin, wide], crs=32643)
    cells = make_cells(people, grid_network(), shape="h3", h3_resolution=9, max_snap_m=9000)
    both = shapely.union_all([thin, wide])
    assert cells.union_all().intersection(both).area == pytest.approx(both.area, rel=1e-9)


def test_h3_says_how_to_get_it_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "h3", None)
    with pytest.raises(MissingExtraError, match=r"siting\[h3\]"):
        make_cells(people_at([(X0, Y0)], [1.0]), grid_network(), shape="h3")


def three_cells():
    return gpd.GeoDataFrame(
        {
            "cell_id": ["c00001", "c00002", "c00003"],
            "people": [10.0, 0.0, 30.0],
            "node_id": pd.array([1, 2, None], dtype="Int64"),
            "snap_m": [1.0, 2.0, 9000.0],
        },
        geometry=gpd.points_from_xy([X0] * 3, [Y0] * 3),
        crs=32643,
    )


def energy_of(**classes):
    return pd.DataFrame(
        {"vehicle_class": list(classes), "demand_kwh_day": [float(v) for v in classes.values()]}
    )


def test_energy_goes_by_people_cell_by_cell_then_class_by_class():
    demand = spread_demand(three_cells(), energy_of(car=40, two_wheeler=8, tram=0))
    validate(demand, DEMAND)
    assert demand.to_dict("list") == {
        "demand_id": ["d00001", "d00002", "d00003", "d00004"],
        "cell_id": ["c00001", "c00001", "c00003", "c00003"],
        "vehicle_class": ["car", "two_wheeler", "car", "two_wheeler"],
        "demand_kwh_day": [10.0, 2.0, 30.0, 6.0],
    }


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(lambda v: sum(v) > 1),
    st.lists(st.floats(0.1, 1e6), min_size=1, max_size=5),
)
def test_energy_is_conserved_by_class(people, energies):
    cells = gpd.GeoDataFrame(
        {
            "cell_id": [f"c{i}" for i in range(len(people))],
            "people": people,
            "node_id": 1,
            "snap_m": 0.0,
        },
        geometry=gpd.points_from_xy([X0] * len(people), [Y0] * len(people)),
        crs=32643,
    )
    energy = energy_of(**{f"k{i}": e for i, e in enumerate(energies)})
    demand = spread_demand(cells, energy)
    spread = demand.groupby("vehicle_class")["demand_kwh_day"].sum()
    want = energy.set_index("vehicle_class")["demand_kwh_day"]
    assert spread.reindex(want.index).to_numpy() == pytest.approx(want.to_numpy(), rel=1e-9)


@pytest.mark.parametrize(
    "energy",
    [
        energy_of(car=-1),
        energy_of(car=float("nan")),
        energy_of(car=0),
        pd.concat([energy_of(car=1), energy_of(car=2)]),
    ],
)
def test_energy_that_makes_no_sense(energy):
    with pytest.raises(InputError, match="energy"):
        spread_demand(three_cells(), energy)


def test_cells_that_break_their_rules_are_refused():
    broken = three_cells().assign(people=[-1.0, 0.0, 1.0], cell_id=["c1", "c1", "c2"])
    with pytest.raises(InputError) as caught:
        spread_demand(broken, energy_of(car=1))
    assert "below 0" in str(caught.value)
    assert "duplicate" in str(caught.value)
