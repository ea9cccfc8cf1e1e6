"""Zones read and checked, and their people spread: hand-counted, and nobody lost."""

import logging
import re

import geopandas as gpd
import numpy as np
import pytest
import shapely
from demand.test_cells import X0, Y0, grid_network
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.demand import make_cells, read_zones, spread_zones
from siting.demand.people import along
from siting.errors import InputError
from siting.roads import Network

UTM = 32643


def zones_of(shapes, people, ids=None, crs=UTM):
    ids = ids or [f"z{i}" for i in range(len(shapes))]
    return gpd.GeoDataFrame({"zone_id": ids, "people": people}, geometry=shapes, crs=crs)


def box(x, y, w, h):
    return shapely.box(X0 + x, Y0 + y, X0 + x + w, Y0 + y + h)


def written(tmp_path, frame, name="zones.gpkg"):
    path = tmp_path / name
    frame.to_file(path)
    return path


def test_zones_with_all_their_columns(tmp_path):
    frame = zones_of([box(0, 0, 500, 500), box(500, 0, 500, 500)], [7, 5], ["b", "a"]).assign(
        label=["Bee", "Ay"], rent=[0.3, None], flats=[0.1, 0.2]
    )
    zones = read_zones(
        written(tmp_path, frame),
        name_column="label",
        renting_column="rent",
        high_rise_column="flats",
    )
    assert zones["zone_id"].to_list() == ["b", "a"]
    assert zones["name"].to_list() == ["Bee", "Ay"]
    assert zones["people"].to_list() == [7.0, 5.0]
    assert zones["renting_share"].iloc[0] == 0.3
    assert np.isnan(zones["renting_share"].iloc[1])
    assert zones.crs.to_epsg() == 4326
    assert zones.attrs["warnings"] == []


def test_zones_without_ids_get_some(tmp_path):
    frame = zones_of([box(0, 0, 500, 500)], [7]).drop(columns="zone_id").assign(name="West")
    zones = read_zones(written(tmp_path, frame))
    assert zones[["zone_id", "name"]].values.tolist() == [["z001", "West"]]


def test_all_faults_of_zones_at_once(tmp_path):
    frame = zones_of(
        [box(0, 0, 100, 100), shapely.Point(X0, Y0), box(200, 0, 100, 100), box(400, 0, 10, 10)],
        ["-4", "1,5", "3", "1,234"],
        ["a", "a", None, "c"],
    ).assign(rent=[0.2, 1.2, 0.3, 0.4])
    with pytest.raises(InputError) as caught:
        read_zones(written(tmp_path, frame), renting_column="rent", high_rise_column="flats")
    by_what = {f.what: f for f in caught.value.faults}
    expected = {
        "negative": ("row 1",),
        "decimal comma": ("row 2",),
        "with commas": ("row 4",),
        "are Point": ("row 2",),
        "the same id": ("a",),
        "no id": ("row 3",),
        "between 0 and 1": ("row 2",),
    }
    for words, ids in expected.items():
        fault = next(f for what, f in by_what.items() if words in what)
        assert fault.ids == ids, words
    missing = next(f for f in caught.value.faults if f.where.endswith("column flats"))
    assert "rent" in missing.fix
    assert len(caught.value.faults) == len(expected) + 1


def test_an_overlap_is_told_in_km2_with_ids_and_a_sliver_is_not(tmp_path):
    frame = zones_of([box(0, 0, 1000, 1000), box(900, 0, 1000, 1000)], [7, 5], ["w", "e"])
    with pytest.raises(InputError) as caught:
        read_zones(written(tmp_path, frame))
    fault = caught.value.faults[0]
    assert fault.ids == ("w", "e")
    assert "0.100 km2" in fault.what
    assert "10.0%" in fault.what
    sliver = zones_of([box(0, 0, 1000, 1000), box(999.5, 0, 1000, 1000)], [7, 5])
    assert len(read_zones(written(tmp_path, sliver, "sliver.gpkg"))) == 2


def test_a_small_zone_inside_a_big_one_overlaps_whole(tmp_path):
    frame = zones_of([box(0, 0, 10_000, 10_000), box(0, 0, 50, 50)], [1, 1])
    with pytest.raises(InputError, match=r"100\.0% of the smaller"):
        read_zones(written(tmp_path, frame))


def test_a_gap_is_a_warning_with_its_place(tmp_path, caplog):
    ring = [box(0, 0, 900, 300), box(0, 600, 900, 300), box(0, 300, 300, 300)]
    frame = zones_of([*ring, box(600, 300, 300, 300)], [1, 1, 1, 1])
    with caplog.at_level(logging.WARNING):
        zones = read_zones(written(tmp_path, frame))
    (warning,) = zones.attrs["warnings"]
    assert warning.startswith("1 gap between the zones, 0.090 km2 in total")
    lat, lon = (float(re.search(rf"([0-9.]+) {way}", warning)[1]) for way in "NE")
    hole = gpd.GeoSeries([box(300, 300, 300, 300)], crs=UTM).to_crs(4326).iloc[0]
    assert hole.contains(shapely.Point(lon, lat))
    assert warning in caplog.text


def test_streets_are_cut_at_the_border_of_a_zone():
    # One street of 200 m each way round a block; the border runs 50 m from its west side.
    network = grid_network(size=2)
    zones = zones_of([box(-50, -50, 100, 300), box(50, -50, 200, 300)], [300.0, 500.0])
    people = spread_zones(zones, network).to_crs(UTM)
    # In the west: the west side (200 m) and 50 m of the north and south sides.
    west = people[people["zone_id"] == "z0"]
    assert west["people"].sum() == pytest.approx(300)
    at_x = west.geometry.x.round() - X0
    assert west["people"][at_x == 0].to_list() == pytest.approx([100, 100])
    assert west["people"][at_x == 25].to_list() == pytest.approx([50, 50])
    assert people[people["zone_id"] == "z1"]["people"].sum() == pytest.approx(500)
    assert set(people["basis"]) == {"streets"}


def test_a_zone_without_a_street_keeps_its_people_and_is_named(caplog):
    network = grid_network()
    zones = zones_of([box(-50, -50, 1000, 1000), box(5000, 0, 500, 500)], [10.0, 4.0])
    people = spread_zones(zones, network)
    alone = people[people["basis"] == "zone"].to_crs(UTM)
    assert alone["people"].to_list() == [4.0]
    assert alone.geometry.iloc[0].within(zones.geometry.iloc[1])
    assert people.attrs["without"] == ["z1"]
    assert "z1" in caplog.text


def test_main_roads_hold_nobody_and_so_do_empty_zones():
    network = grid_network(size=3)
    edges = network.edges.copy()
    edges.loc[edges.geometry.centroid.x > X0 + 200, "highway"] = "primary"
    zones = zones_of([box(-50, -50, 1000, 1000), box(5000, 0, 100, 100)], [10.0, 0.0])
    people = spread_zones(zones, Network(network.nodes, edges, {}))
    assert (people.to_crs(UTM).geometry.x < X0 + 200.1).all()
    assert people["zone_id"].unique().tolist() == ["z0"]


def test_buildings_by_footprint_and_places_by_number_or_weight():
    zones = zones_of([box(0, 0, 1000, 1000)], [90.0])
    houses = gpd.GeoDataFrame(geometry=[box(10, 10, 10, 10), box(100, 100, 20, 10)], crs=UTM)
    assert spread_zones(zones, buildings=houses)["people"].to_list() == pytest.approx([30, 60])
    shops = gpd.GeoDataFrame(
        {"weight": [1.0, 8.0, 5.0]},
        geometry=[shapely.Point(X0 + x, Y0 + 5) for x in (5, 50, 5000)],
        crs=UTM,
    )
    assert spread_zones(zones, pois=shops)["people"].to_list() == pytest.approx([10, 80])
    plain = spread_zones(zones, pois=shops[["geometry"]])
    assert plain["people"].to_list() == pytest.approx([45, 45])


def test_places_with_a_weight_below_zero_are_refused():
    pois = gpd.GeoDataFrame({"weight": [-1.0]}, geometry=[shapely.Point(X0, Y0)], crs=UTM)
    with pytest.raises(InputError, match="pois, column weight"):
        spread_zones(zones_of([box(0, 0, 100, 100)], [1.0]), pois=pois)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1e7), min_size=4, max_size=4), st.floats(-400, 1200), st.booleans())
def test_every_zone_keeps_its_people(people, edge, by_pois):
    """Four zones meet at a point that may lie anywhere, on a street or off the map."""
    x, y = edge, 300.0
    zones = zones_of(
        [
            box(-2000, -2000, x + 2000, y + 2000),
            box(x, -2000, 3000, y + 2000),
            box(-2000, y, x + 2000, 3000),
            box(x, y, 3000, 3000),
        ],
        people,
    )
    network = grid_network()
    given_layer = {"pois": network.nodes} if by_pois else {"network": network}
    spread = spread_zones(zones, **given_layer)
    found = spread.groupby("zone_id")["people"].sum().reindex(zones["zone_id"], fill_value=0.0)
    assert found.to_numpy() == pytest.approx(np.array(people), rel=1e-9, abs=1e-9)


def test_from_zones_to_cells_each_zone_keeps_its_people():
    network = grid_network()
    zones = zones_of([box(-50, -50, 450, 1000), box(400, -50, 600, 1000)], [70.0, 40.0])
    cells = make_cells(spread_zones(zones, network), network)
    by_zone = cells.groupby("zone_id")["people"].sum()
    assert by_zone.to_dict() == pytest.approx({"z0": 70.0, "z1": 40.0})
    # The border runs through the western squares: each is there once for either zone.
    assert cells.geometry.to_wkb().duplicated().any()
    assert cells["cell_id"].is_unique


def test_a_long_line_has_points_in_the_middle_of_its_pieces():
    lines = np.array([shapely.LineString([(0, 0), (250, 0)]), shapely.LineString([(0, 0), (0, 9)])])
    points, line, length_m = along(lines, 100)
    assert line.tolist() == [0, 0, 0, 1]
    assert length_m.tolist() == pytest.approx([250 / 3] * 3 + [9])
    assert points[1].x == pytest.approx(125)


def test_union_councils_of_rawalpindi_are_refused_with_their_faults(shared_data, tmp_path):
    layer = gpd.read_file(shared_data / "data/boundaries/rawalpindi_union_councils.geojson")
    column = next(c for c in layer.columns if c != "geometry" and layer[c].duplicated().any())
    path = written(tmp_path, layer.assign(people=1000), "councils.gpkg")
    with pytest.raises(InputError) as caught:
        read_zones(path, id_column=column)
    text = str(caught.value)
    assert "DHOK KALA KHAN" in text.upper()
    assert "not valid polygons" in text


def test_columns_of_the_users_stay_with_their_zones(tmp_path):
    frame = zones_of([box(0, 0, 500, 500), box(500, 0, 500, 500)], [7, 5], ["b", "a"]).assign(
        ward=["W1", "W2"], renting_share=[0.3, 0.4]
    )
    zones = read_zones(written(tmp_path, frame))
    assert zones.set_index("zone_id")["ward"].to_dict() == {"b": "W1", "a": "W2"}
    assert zones["user_renting_share"].to_list() == [0.3, 0.4]
    assert "renting_share" not in zones.columns  # it counts only where it is asked for


def test_ownership_is_read_and_below_zero_refused(tmp_path):
    frame = zones_of([box(0, 0, 500, 500), box(500, 0, 500, 500)], [7, 5], ["b", "a"])
    cars = written(tmp_path, frame.assign(cars=[40, None]))
    owned = read_zones(cars, ownership_column="cars")["ownership"]
    assert owned.iloc[0] == 40
    assert np.isnan(owned.iloc[1])
    wrong = written(tmp_path, frame.assign(cars=[-1.0, 8.0]), "wrong.gpkg")
    with pytest.raises(InputError, match=r"column cars: 1 of 2 rows are not a number of at least"):
        read_zones(wrong, ownership_column="cars")
    with pytest.raises(InputError, match="column vans: missing"):
        read_zones(wrong, ownership_column="vans")
