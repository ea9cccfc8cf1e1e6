"""Lines and feeders near sites."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, box

from siting.errors import InputError
from siting.sites import assign_feeders, nearest_line_km


def sites(*xy, **columns):
    return gpd.GeoDataFrame(
        {"site_id": [f"s{i}" for i in range(len(xy))]} | columns,
        geometry=[Point(*p) for p in xy],
        crs=32643,
    )


def layer(*shapes, **columns):
    return gpd.GeoDataFrame(columns, geometry=list(shapes), crs=32643)


def test_the_nearest_of_lines_and_points():
    network = layer(LineString([(0, 0), (10_000, 0)]), Point(5_000, 3_000))
    found = nearest_line_km(sites((2_000, 500), (5_000, 2_000), (5_000, 0)), network, detour=1.2)
    assert found["line_km"].to_list() == pytest.approx([0.6, 1.2, 0.0])
    assert found.columns[-1] == "geometry"


def test_what_a_site_knows_is_kept_and_nothing_is_changed():
    places = sites((0, 500), (0, 700), line_km=[np.nan, 9.0])
    before = places.copy(deep=True)
    network = layer(Point(0, 0))
    assert nearest_line_km(places, network, 1.0)["line_km"].to_list() == [0.5, 9.0]
    pd.testing.assert_frame_equal(places, before)


def test_a_layer_in_lon_lat_is_brought_to_the_sites():
    network = layer(Point(500_000, 3_700_000)).to_crs(4326)
    found = nearest_line_km(sites((500_300, 3_700_400)), network, detour=1.0)
    assert found["line_km"].iloc[0] == pytest.approx(0.5, abs=1e-6)


def test_feeders_by_area_and_nearest_line():
    feeders = layer(
        box(0, 0, 1_000, 1_000), LineString([(3_000, 0), (3_000, 9_000)]),
        feeder_id=["f2", "f1"], headroom_kw=[300, 800],
    )  # fmt: skip
    places = sites((500, 500), (2_500, 500), (9_000, 500), headroom_kw=[np.nan, 50.0, np.nan])
    found = assign_feeders(places, feeders, within_m=1_000)
    assert found["feeder_id"].iloc[:2].to_list() == ["f2", "f1"]
    assert pd.isna(found["feeder_id"].iloc[2])
    assert found["headroom_kw"].iloc[:2].to_list() == [300.0, 50.0]
    assert np.isnan(found["headroom_kw"].iloc[2])
    assert found["feeder_m"].iloc[:2].to_list() == [0.0, 500.0]


def test_of_feeders_equally_near_the_first_by_id_whatever_the_order():
    feeders = layer(Point(-100, 0), Point(100, 0), feeder_id=["f9", "f3"], headroom_kw=[1.0, 2.0])
    for rows in (feeders, feeders.iloc[::-1]):
        found = assign_feeders(sites((0, 0)), rows)
        assert found["feeder_id"].to_list() == ["f3"]
        assert found["headroom_kw"].to_list() == [2.0]


def test_every_fault_at_once():
    degrees = sites((73, 33)).to_crs(4326)
    feeders = layer(
        Point(0, 0), Point(), Point(1, 1), feeder_id=["f1", "f1", None], headroom_kw=[-1, 5, "x"]
    ).set_crs(None, allow_override=True)
    with pytest.raises(InputError) as caught:
        assign_feeders(degrees, feeders)
    assert [(f.where, f.ids) for f in caught.value.faults] == [
        ("candidates", ()),
        ("feeders", ()),
        ("feeders, geometry", ("row 2",)),
        ("feeders, column feeder_id", ("row 3",)),
        ("feeders, column feeder_id", ("f1",)),
        ("feeders, column headroom_kw", ("f1", "")),
    ]
    with pytest.raises(InputError, match="feeders, column headroom_kw: missing"):
        assign_feeders(sites((0, 0)), layer(Point(0, 0), feeder_id=["f"]))
    with pytest.raises(InputError, match="has no rows"):
        nearest_line_km(sites((0, 0)), layer())
