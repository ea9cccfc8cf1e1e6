"""The map layers of a plan, on a town of three cells and two stations worked out by hand."""

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import LineString, Point, Polygon, box

from siting.errors import InputError
from siting.export import demand_layer, road_layer
from siting.export.layers import service_layer
from siting.tables import CANDIDATES, CELLS, DEMAND, OFFERS, SERVICE, validate

UTM = 32643
X, Y = 320_000.0, 3_730_000.0  # in Islamabad


def make_town() -> SimpleNamespace:
    """Return the tables of a plan.

    Cell 1 wants 40 + 10 kWh/day and gets 30 + 10; cell 2, which has a hole, wants 20.5 and gets
    nothing; cell 3 is too far from a road and wants nothing. One station is new, one stands.
    """
    cells = gpd.GeoDataFrame(
        {
            "cell_id": ["c00001", "c00002", "c00003"],
            "people": [1200.0, 800.456, 3.0],
            "node_id": pd.array([11, 12, None], dtype="Int64"),
            "snap_m": [12.346, 0.0, 4321.0],
            "sector": ["F-7", "ایف ۸", None],
        },
        geometry=[
            # Clockwise, which RFC 7946 forbids; then with a hole that runs the wrong way too.
            Polygon([(X, Y), (X, Y + 500), (X + 500, Y + 500), (X + 500, Y)]),
            Polygon(
                [(X + 500, Y), (X + 500, Y + 500), (X + 1000, Y + 500), (X + 1000, Y)],
                [[(X + 600, Y + 100), (X + 700, Y + 100), (X + 700, Y + 200)]],
            ),
            box(X + 5000, Y, X + 5500, Y + 500),
        ],
        crs=UTM,
    )
    demand = pd.DataFrame(
        {
            "demand_id": ["d00001", "d00002", "d00003"],
            "cell_id": ["c00001", "c00001", "c00002"],
            "vehicle_class": ["two_wheeler", "car", "car"],
            "demand_kwh_day": [10.0, 40.0, 20.5],
            "served_kwh_day": [10.0, 30.0, 0.0],
        }
    )
    service = pd.DataFrame(
        {
            "demand_id": ["d00001", "d00002", "d00002"],
            "cell_id": ["c00001", "c00001", "c00001"],
            "vehicle_class": ["two_wheeler", "car", "car"],
            "site_id": ["s0001", "s0001", "s0002"],
            "served_kwh_day": [10.0, 20.0, 10.00049],
            "travel_min": [2.347, 2.347, 6.0],
        }
    )
    candidates = gpd.GeoDataFrame(
        {
            "site_id": ["s0001", "s0002", "s0003"],
            "name": ["بلیو ایریا", 'Pump "Shell" \\ F-8', None],
            "kind": ["fuel", "existing", "street"],
            "existing": [False, True, False],
            "existing_power_kw": [0.0, 60.0, 0.0],
            "source": ["OpenStreetMap", "Open Charge Map", "street"],
            "node_id": pd.array([11, 12, 13], dtype="Int64"),
            "snap_m": [3.0, 4.0, 0.0],
        },
        geometry=[Point(X + 250, Y + 250), Point(X + 900, Y + 300), Point(X, Y)],
        crs=UTM,
    )
    sites = gpd.GeoDataFrame(
        {
            "site_id": ["s0001", "s0002"],
            "name": candidates["name"].iloc[:2],
            "kind": ["fuel", "existing"],
            "existing": [False, True],
            "offer_id": ["s0001:dc_hub", "s0002:existing"],
            "configuration": ["dc_hub", "existing"],
            "chargers": ["2 x dc_60", "1 x dc_60"],
            "power_kw": [120.0, 60.0],
            "cost_pkr": [9_500_000.0, 0.0],
            "subsidy_pkr": [2_500_000.5, 0.0],
            "capacity_kwh_day": [600.0, np.nan],
            "served_kwh_day": [30.0, 10.00049],
            "served_two_wheeler_kwh_day": [10.0, 0.0],
            "served_car_kwh_day": [20.0, 10.00049],
            "use_share": [0.05, np.nan],
            "mean_travel_min": [2.347, 6.0],
            "cells_served": [1, 1],
        },
        geometry=candidates.geometry.iloc[:2],
        crs=UTM,
    )
    dropped = candidates.iloc[[2]].assign(site_id="s0009", reason="700 m from the nearest road")
    offers = pd.DataFrame(
        {
            "offer_id": ["s0001:dc_hub", "s0002:existing", "s0003:dc_hub"],
            "site_id": ["s0001", "s0002", "s0003"],
            "configuration": ["dc_hub", "existing", "dc_hub"],
            "chargers": ["2 x dc_60", "1 x dc_60", "2 x dc_60"],
            "existing": [False, True, False],
            "power_kw": [120.0, 60.0, 120.0],
            "charger_cost_pkr": [7e6, 0.0, 7e6],
            "grid_cost_pkr": [2.4e6, 0.0, 2.4e6],
            "fee_cost_pkr": [1e5, 0.0, 1e5],
            "cost_pkr": [9.5e6, 0.0, 9.5e6],
            "subsidy_pkr": [2_500_000.5, 0.0, 0.0],
            "reason": [None, None, "no headroom, گرڈ"],
            "capacity_dc_kwh_day": [600.0, 300.0, 600.0],
        }
    )
    edges = gpd.GeoDataFrame(
        {
            "name": ["Jinnah Avenue", None],
            "highway": ["primary", "residential"],
            "length_m": [900.0, 100.0],
            "speed_kmh": [40.0, 20.0],
            "speed_source": ["maxspeed", "class"],
            "travel_min": [1.35, 0.3],
        },
        index=pd.MultiIndex.from_tuples([(11, 12, 0), (12, 13, 0)], names=["u", "v", "key"]),
        geometry=[
            LineString([(X, Y + 250), (X + 900, Y + 300)]),
            LineString([(X + 900, Y + 300), (X + 900, Y + 400)]),
        ],
        crs=UTM,
    )
    return SimpleNamespace(
        cells=cells,
        demand=demand,
        service=service,
        candidates=candidates,
        sites=sites,
        dropped=dropped,
        offers=offers,
        edges=edges,
    )


def test_town_keeps_to_the_tables() -> None:
    town = make_town()
    for frame, table in (
        (town.cells, CELLS),
        (town.demand, DEMAND),
        (town.service, SERVICE),
        (town.candidates, CANDIDATES),
        (town.offers, OFFERS),
    ):
        validate(frame, table)


def test_demand_layer_by_hand() -> None:
    town = make_town()
    layer = demand_layer(town.cells, town.demand)
    assert layer.crs == town.cells.crs
    assert layer.geometry.equals(town.cells.geometry)
    assert list(layer.columns) == [
        "cell_id",
        "people",
        "demand_kwh_day",
        "served_kwh_day",
        "unserved_kwh_day",
        "served_share",
        "demand_two_wheeler_kwh_day",
        "served_two_wheeler_kwh_day",
        "demand_car_kwh_day",
        "served_car_kwh_day",
        "snap_m",
        "in_network",
        "sector",
        "geometry",
    ]
    assert layer["demand_kwh_day"].tolist() == [50.0, 20.5, 0.0]
    assert layer["served_kwh_day"].tolist() == [40.0, 0.0, 0.0]
    assert layer["unserved_kwh_day"].tolist() == [10.0, 20.5, 0.0]
    assert layer["served_share"].iloc[:2].tolist() == [0.8, 0.0]
    assert np.isnan(layer["served_share"].iloc[2])
    assert layer["demand_car_kwh_day"].tolist() == [40.0, 20.5, 0.0]
    assert layer["served_two_wheeler_kwh_day"].tolist() == [10.0, 0.0, 0.0]
    assert layer["in_network"].tolist() == [True, True, False]
    assert layer["in_network"].dtype == bool


def test_demand_layer_without_demand() -> None:
    town = make_town()
    layer = demand_layer(town.cells, town.demand.iloc[:0])
    assert layer["demand_kwh_day"].tolist() == [0.0, 0.0, 0.0]
    assert layer["served_share"].isna().all()


def test_demand_layer_ignores_row_order_and_index() -> None:
    town = make_town()
    expected = demand_layer(town.cells, town.demand)
    shuffled = demand_layer(town.cells.set_index(pd.Index([5, 5, 9])), town.demand.iloc[[2, 0, 1]])
    for column in expected.columns:
        assert shuffled[column].tolist()[:2] == expected[column].tolist()[:2], column


def test_unserved_is_never_less_than_nothing() -> None:
    town = make_town()
    demand = town.demand.assign(served_kwh_day=town.demand["demand_kwh_day"] * (1 + 1e-15))
    assert (demand_layer(town.cells, demand)["unserved_kwh_day"] >= 0).all()


def test_service_layer_by_hand() -> None:
    town = make_town()
    layer = service_layer(town.service, town.cells, town.sites)
    assert list(layer.columns) == [c.name for c in SERVICE.columns] + ["geometry"]
    assert [line.coords[:] for line in layer.geometry] == [
        [(X + 250, Y + 250), (X + 250, Y + 250)],  # the station stands in the cell's centre
        [(X + 250, Y + 250), (X + 250, Y + 250)],
        [(X + 250, Y + 250), (X + 900, Y + 300)],
    ]
    assert layer["served_kwh_day"].tolist() == town.service["served_kwh_day"].tolist()


def test_service_layer_brings_sites_to_the_crs_of_the_cells() -> None:
    town = make_town()
    layer = service_layer(town.service, town.cells, town.sites.to_crs(4326))
    assert layer.crs == town.cells.crs
    end = Point(layer.geometry.iloc[2].coords[-1])
    assert end.distance(Point(X + 900, Y + 300)) < 1e-3


def test_service_layer_of_nothing() -> None:
    town = make_town()
    layer = service_layer(town.service.iloc[:0], town.cells, town.sites)
    assert layer.empty
    assert layer.crs == town.cells.crs


def test_unknown_cells_and_sites_are_named() -> None:
    town = make_town()
    with pytest.raises(InputError, match=r"demand, column cell_id: 1 not known.*c00009"):
        demand_layer(town.cells, town.demand.assign(cell_id=["c00001", "c00001", "c00009"]))
    with pytest.raises(InputError, match=r"service, column site_id: 1 not known.*s0002"):
        service_layer(town.service, town.cells, town.sites.iloc[:1])


def test_arguments_are_left_alone() -> None:
    town, before = make_town(), make_town()
    demand_layer(town.cells, town.demand)
    service_layer(town.service, town.cells, town.sites)
    for name in ("cells", "sites"):
        pd.testing.assert_frame_equal(getattr(town, name), getattr(before, name))
    pd.testing.assert_frame_equal(town.demand, before.demand)
    pd.testing.assert_frame_equal(town.service, before.service)


def test_roads_of_a_large_network_are_joined_and_nothing_of_them_is_lost(monkeypatch):
    def edges_of(*rows):
        columns = ["u", "v", "key", "name", "highway", "speed_kmh", "geometry"]
        table = gpd.GeoDataFrame(rows, columns=columns, crs=UTM).set_index(["u", "v", "key"])
        length_m = table.length
        return table.assign(
            length_m=length_m, speed_source="class",
            travel_min=length_m / 1000 / table["speed_kmh"] * 60,
        )  # fmt: skip

    def street(*xs):
        return LineString([(X + x, Y) for x in xs])

    side = LineString([(X + 400, Y), (X + 400, Y + 90)])
    edges = edges_of(
        (1, 2, 0, "Mall", "primary", 30.0, street(0, 150, 400)),
        (2, 1, 0, "Mall", "primary", 30.0, street(400, 150, 0)),
        (2, 3, 0, "Mall", "primary", 30.0, street(400, 1000)),
        (2, 4, 0, None, "residential", 20.0, side),
        (4, 5, 0, None, "residential", 15.0, street(1000, 1300)),
        (5, 5, 0, None, "residential", 15.0, street(1300, 1300)),  # of no length
    )
    assert road_layer(edges).equals(edges.reset_index())
    monkeypatch.setattr("siting.export.layers.MOST_ROADS", 5)
    drawn = road_layer(edges)
    assert drawn["roads"].tolist() == [3, 1, 1, 1]
    assert drawn["name"].fillna("").tolist() == ["Mall", "", "", ""]
    assert drawn["length_m"].tolist() == pytest.approx([1000, 90, 300, 0])
    assert drawn["travel_min"].tolist() == pytest.approx([2, 0.27, 1.2, 0])
    assert list(drawn.columns.drop(["roads", "geometry"])) == list(
        edges.reset_index().columns.drop("geometry")
    )
    assert drawn[["u", "v", "key"]].isna().all(axis=None)  # of no one road
    assert drawn.geometry[0].equals(street(0, 1000))
    assert drawn.crs == edges.crs
