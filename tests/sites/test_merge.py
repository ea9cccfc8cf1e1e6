"""Candidate layers into one table."""

import random

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from demand.test_cells import X0, Y0, grid_network
from shapely import box

from siting.errors import InputError
from siting.sites import candidates_from_parcels, excluded_areas, merge_candidates
from siting.tables import CANDIDATES, validate


def places(at, kind="fuel", source="layer", **columns):
    """Return places at metres east and north of the town's corner; names A, B, C ..."""
    frame = {"name": [chr(65 + i) for i in range(len(at))], "kind": kind, "source": source}
    xy = [(X0 + x, Y0 + y) for x, y in at]
    return gpd.GeoDataFrame(
        frame | columns, geometry=gpd.points_from_xy(*zip(*xy, strict=True)), crs=32643
    ).to_crs(4326)


def stations(at, power=60.0):
    return places(at, "existing", "list", existing=True, existing_power_kw=power)


def at_of(sites):
    return [(round(p.x - X0), round(p.y - Y0)) for p in sites.to_crs(32643).geometry]


def test_sites_are_snapped_and_numbered_from_south_to_north():
    network = grid_network()
    sites, dropped = merge_candidates([places([(210, 400), (400, 0), (0, 0)])], network, 50, 100)
    validate(sites, CANDIDATES)
    assert sites["site_id"].to_list() == ["s0001", "s0002", "s0003"]
    assert at_of(sites) == [(0, 0), (400, 0), (210, 400)]
    assert sites["node_id"].to_list() == [1, 3, 12]
    assert sites["snap_m"].to_numpy() == pytest.approx([0, 0, 10], abs=1e-3)
    assert sites.crs == network.crs
    assert dropped.empty


def test_a_place_too_far_from_a_road_is_told_apart_with_the_reason():
    sites, dropped = merge_candidates([places([(0, 0), (100, 90)])], grid_network(), 50, 80)
    assert at_of(sites) == [(0, 0)]
    assert dropped["name"].to_list() == ["B"]
    assert dropped["reason"].to_list() == ["90 m from the nearest road (limit: 80 m)"]


def test_a_place_beside_a_road_counts_however_far_the_next_junction():
    sites, dropped = merge_candidates([places([(100, 10)])], grid_network(), 50, 20)
    assert sites["snap_m"].to_numpy() == pytest.approx([np.hypot(100, 10)], abs=1e-3)
    assert dropped.empty


def test_a_place_in_another_city_is_dropped_as_such():
    sites, dropped = merge_candidates([places([(0, 0), (90_000, 0)])], grid_network(), 50, 120)
    assert len(sites) == 1
    assert dropped["reason"].item().startswith("outside the area of the roads, 89.2 km")


def test_an_existing_station_beats_a_new_site_whatever_the_order_of_layers():
    layers = [places([(0, 0)]), stations([(30, 0)], power=120.0)]
    for order in (layers, layers[::-1]):
        sites, _ = merge_candidates(order, grid_network(), 50, 100)
        assert sites["existing"].to_list() == [True]
        assert sites["existing_power_kw"].to_list() == [120]
        assert at_of(sites) == [(30, 0)]
        assert sites["merged"].to_list() == [1]
        assert sites["merged_names"].to_list() == ["A"]


def test_an_earlier_layer_beats_a_later_one():
    sites, _ = merge_candidates(
        [places([(30, 0)], "mall"), places([(0, 0)], "fuel")], grid_network(), 50, 100
    )
    assert sites["kind"].to_list() == ["mall"]


def test_a_row_of_places_does_not_shrink_to_one():
    # 40 m apart: B joins A, C is 80 m from A and stands, D joins C.
    row = places([(0, 0), (40, 0), (80, 0), (120, 0)])
    sites, _ = merge_candidates([row], grid_network(), 50, 150)
    assert sites["name"].to_list() == ["A", "C"]
    assert sites["merged_names"].to_list() == ["B", "D"]


def test_a_place_joins_the_nearest_site():
    row = places([(0, 0), (100, 0)])
    later = places([(60, 0)], "parking")
    sites, _ = merge_candidates([row, later], grid_network(), 70, 150)
    assert sites["merged"].to_list() == [0, 1]


def test_a_named_place_beats_an_unnamed_one():
    layer = places([(0, 0), (30, 0)])
    layer.loc[0, "name"] = None
    sites, _ = merge_candidates([layer], grid_network(), 50, 100)
    assert sites["name"].to_list() == ["B"]
    assert sites["merged_names"].to_list() == ["fuel"]


def test_two_stations_of_one_list_are_two_but_one_listed_twice_is_one():
    near = stations([(0, 0), (30, 0)])
    sites, _ = merge_candidates([near], grid_network(), 50, 100)
    assert len(sites) == 2
    again = stations([(5, 0)], power=999.0)
    sites, _ = merge_candidates([near, again], grid_network(), 50, 100)
    assert sites["existing_power_kw"].to_list() == [60, 60]
    assert sites["merged"].to_list() == [1, 0]


def test_zero_merges_only_the_same_spot():
    layer = places([(0, 0), (0, 0), (1, 0)])
    sites, _ = merge_candidates([layer], grid_network(), 0, 100)
    assert sites["merged"].to_list() == [1, 0]


def test_headroom_and_ids_are_carried():
    own = places([(0, 0), (200, 0)], user_id=["x", "y"], headroom_kw=[np.nan, 50.0])
    other = places([(20, 0)], headroom_kw=[70.0])
    sites, _ = merge_candidates([own, other], grid_network(), 50, 100)
    assert sites["user_id"].to_list() == ["x", "y"]
    assert sites["headroom_kw"].to_list() == [70, 50]


def test_what_places_know_of_themselves_is_carried():
    own = places([(0, 0), (200, 0)], bays=[np.nan, 9.0], availability=[0.7, np.nan])
    other = places([(20, 0)], bays=[4.0], line_km=[0.3], existing_ports=[2.0])
    sites, _ = merge_candidates([own, other], grid_network(), 50, 100)
    assert sites["bays"].to_list() == [4, 9]
    assert sites["availability"].iloc[0] == 0.7
    assert sites["line_km"].iloc[0] == 0.3
    assert sites["existing_ports"].iloc[0] == 2


def test_row_order_changes_nothing():
    rng = np.random.default_rng(1)
    layer = places([tuple(p) for p in rng.uniform(0, 800, (60, 2))])
    layer["name"] = [None if i % 3 else f"N{i}" for i in range(60)]
    old = stations([tuple(p) for p in rng.uniform(0, 800, (10, 2))])
    want, far = merge_candidates([old, layer], grid_network(), 80, 110)
    before = layer.copy(deep=True)
    for seed in range(5):
        order = list(range(60))
        random.Random(seed).shuffle(order)
        got, far_too = merge_candidates(
            [old.sample(frac=1, random_state=seed), layer.iloc[order]], grid_network(), 80, 110
        )
        pd.testing.assert_frame_equal(got, want)
        pd.testing.assert_frame_equal(far_too, far)
    pd.testing.assert_frame_equal(layer, before)
    new = want[~want["existing"]].geometry
    apart = np.array([[a.distance(b) for b in new] for a in new])
    assert apart[np.triu_indices(len(new), 1)].min() > 80
    assert want["merged"].sum() + len(want) + len(far) == 70


def test_a_layer_of_another_city_is_refused_with_both_extents():
    karachi = places([(0, 0)]).set_geometry(gpd.points_from_xy([67.0], [24.86]), crs=4326)
    with pytest.raises(InputError) as caught:
        merge_candidates([places([(0, 0)]), karachi], grid_network(), 50, 100)
    text = str(caught.value)
    assert "candidate layer 2 (layer)" in text
    assert "24.860" in text
    assert "73.060" in text


def test_nothing_near_a_road():
    with pytest.raises(InputError, match="the nearest is 100 m away"):
        merge_candidates([places([(100, 100)])], grid_network(), 50, 90)


def test_every_fault_at_once():
    own = places([(0, 0), (200, 0)], user_id=["x", "x"])
    with pytest.raises(InputError) as caught:
        merge_candidates([own, own.drop(columns="kind")], grid_network(), -1, 0)
    assert [f.where for f in caught.value.faults] == [
        "merge_within_m",
        "max_snap_m",
        "candidate layer 2",
        "candidates, column user_id",
    ]


@pytest.mark.parametrize("layers", [[], [places([(0, 0)]).iloc[:0]]])
def test_no_place_at_all(layers):
    with pytest.raises(InputError, match="no layer contains a place"):
        merge_candidates(layers, grid_network(), 50, 100)


def areas(path, *boxes, **columns):
    """Write boxes (west, south, east, north; metres from the town's corner) as a layer."""
    shapes = [box(X0 + w, Y0 + s, X0 + e, Y0 + n) for w, s, e, n in boxes]
    gpd.GeoDataFrame(columns, geometry=shapes, crs=32643).to_crs(4326).to_file(path)
    return path


def test_places_in_an_area_excluded_are_none_and_say_where(tmp_path):
    path = areas(tmp_path / "no.gpkg", (-50, -50, 50, 50), (350, 350, 450, 450), label=["Fort", ""])
    excluded = excluded_areas([(path, "label")])
    layers = [places([(0, 0), (200, 0), (400, 400)]), stations([(10, 10)])]
    sites, dropped = merge_candidates(layers, grid_network(), 0, 100, excluded)
    assert at_of(sites) == [(200, 0), (10, 10)] or at_of(sites) == [(10, 10), (200, 0)]
    assert dict(zip(dropped["name"], dropped["reason"], strict=True)) == {
        "A": "no station may be built in Fort",
        "C": "no station may be built in no",
    }


def test_an_area_that_leaves_no_place_is_told(tmp_path):
    path = areas(tmp_path / "all.gpkg", (-900, -900, 900, 900), name=["Cantonment"])
    with pytest.raises(InputError) as caught:
        merge_candidates([places([(0, 0)])], grid_network(), 0, 100, excluded_areas([(path, None)]))
    assert "no station may be built in Cantonment (1)" in str(caught.value)


def test_faults_of_all_excluded_layers_are_told_at_once(tmp_path):
    good = areas(tmp_path / "good.gpkg", (0, 0, 9, 9), label=["x"])
    points = tmp_path / "points.gpkg"
    places([(0, 0)]).to_file(points)
    with pytest.raises(InputError) as caught:
        excluded_areas([(good, "nmae"), (points, None)])
    where = [fault.where for fault in caught.value.faults]
    assert where == [f"{good}, column nmae", f"{points}, geometry"]


def test_a_parcel_stands_where_it_is_nearest_to_a_road_if_it_is_large_enough(tmp_path):
    # Streets run along x = 0, 200, 400 … and y = 0, 200, 400 …, so that the road is below.
    path = areas(
        tmp_path / "parcels.gpkg", (80, 20, 120, 60), (300, 20, 305, 25), plot=["12-A", "13"]
    )
    network = grid_network()
    layer = candidates_from_parcels(path, network, min_area_m2=100, name_column="plot")
    sites, dropped = merge_candidates([layer], network, 0, 50)
    assert sites["name"].to_list() == ["12-A"]
    assert sites["kind"].to_list() == ["parcel"]
    assert sites.geometry.y.to_numpy() == pytest.approx([Y0 + 20], abs=0.01)
    assert dropped["reason"].to_list() == ["a parcel of 25 m2, smaller than 100 m2"]
