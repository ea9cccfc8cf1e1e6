import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely.geometry import LineString, Point

from siting.errors import InputError
from siting.tables import (
    CANDIDATES,
    CELLS,
    COMPATIBILITY,
    DEMAND,
    OFFERS,
    REACH,
    TABLES,
    capacity_groups,
    data_dictionary,
    find_faults,
    validate,
)


def good_demand():
    return pd.DataFrame(
        {
            "demand_id": ["d1", "d2"],
            "cell_id": ["c1", "c1"],
            "vehicle_class": ["car", "two_wheeler"],
            "demand_kwh_day": [3.0, 0.0],
        }
    )


def good_cells():
    return gpd.GeoDataFrame(
        {"cell_id": ["c1"], "people": [10.0], "node_id": pd.array([4], "Int64"), "snap_m": [0.0]},
        geometry=[Point(500_000, 3_700_000)],
        crs=32643,
    )


def texts(frame, table):
    return [str(fault) for fault in find_faults(frame, table)]


def test_good_tables_have_no_fault():
    assert texts(good_demand(), DEMAND) == []
    assert texts(good_cells(), CELLS) == []
    validate(good_demand().iloc[:0], DEMAND)


def test_every_fault_is_named_at_once_and_nothing_is_changed():
    frame = good_demand().assign(demand_kwh_day=[-1.0, np.nan], demand_id="d1", extra=1)
    before = frame.copy()
    with pytest.raises(InputError) as caught:
        validate(frame.drop(columns="cell_id"), DEMAND, "demand.csv")
    text = str(caught.value)
    assert "demand.csv, column cell_id: missing (cell of the demand)" in text
    assert "demand.csv, column demand_kwh_day: 1 is missing" in text
    assert "demand.csv, column demand_kwh_day: 1 value is below 0 kWh/day" in text
    assert "demand.csv, column demand_id: duplicate (d1)" in text
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("demand_kwh_day", ["3,5", "4"], "values must be numbers, but the column has type str"),
        ("demand_kwh_day", [np.inf, 1.0], "1 is infinite"),
        ("demand_kwh_day", [True, False], "values must be numbers, but the column has type bool"),
        ("vehicle_class", ["car", " "], "1 is missing"),
        ("vehicle_class", ["car", None], "1 is missing"),
    ],
)
def test_a_wrong_value_is_named_with_its_row(column, values, expected):
    faults = texts(good_demand().assign(**{column: values}), DEMAND)
    assert len(faults) == 1
    assert f"column {column}" in faults[0]
    assert expected in faults[0]


def test_rows_without_a_name_are_faults_all_the_same():
    frame = good_demand().assign(demand_id=["d1", None], demand_kwh_day=-1.0)
    assert texts(frame, DEMAND) == [
        "demand, column demand_id: 1 is missing (nan)",
        "demand, column demand_kwh_day: 2 values are below 0 kWh/day (d1, nan)",
    ]
    nameless = frame.drop(columns="demand_id")
    assert texts(nameless, DEMAND)[1:] == [
        "demand, column demand_kwh_day: 2 values are below 0 kWh/day (row 1, row 2)"
    ]


def test_whole_numbers_and_flags_are_held_to():
    cells = good_cells().assign(node_id=[1.5])
    assert texts(cells, CELLS) == ["cells, column node_id: values must be whole numbers (c1)"]
    assert texts(good_cells().assign(node_id=pd.array([pd.NA], "Int64")), CELLS) == []
    sites = gpd.GeoDataFrame(
        {
            "site_id": ["s1"],
            "name": [None],
            "kind": ["fuel"],
            "existing": ["yes"],
            "existing_power_kw": [0.0],
            "source": ["survey"],
            "node_id": [3],
            "snap_m": [1.0],
        },
        geometry=[Point(0, 0)],
        crs=32643,
    )
    assert texts(sites, CANDIDATES) == [
        "candidates, column existing: values must be true or false, but the column has type str"
    ]


def test_geometry_must_be_there_of_the_right_type_and_know_its_crs():
    plain = pd.DataFrame(good_cells().drop(columns="geometry"))
    assert texts(plain, CELLS) == ["cells: has no geometry; give Polygon or MultiPolygon or Point"]
    lines = good_cells().set_geometry([LineString([(0, 0), (1, 1)])], crs=None)
    found = texts(lines.set_crs(None, allow_override=True), CELLS)
    assert found == [
        "cells: has no coordinate reference system; declare it, e.g. EPSG:4326",
        "cells, geometry: must be Polygon or MultiPolygon or Point, but is LineString (c1)",
    ]
    missing = good_cells().set_geometry([None], crs=32643)
    assert texts(missing, CELLS) == ["cells, geometry: 1 is missing (c1)"]


def test_offers_need_capacity_columns_that_are_numbers():
    offers = pd.DataFrame(
        {
            "offer_id": ["s1:fast"],
            "site_id": ["s1"],
            "configuration": ["fast"],
            "chargers": ["1 x dc_60"],
            "existing": [False],
            "power_kw": [60.0],
            "charger_cost_pkr": [1.0],
            "grid_cost_pkr": [1.0],
            "fee_cost_pkr": [0.0],
            "cost_pkr": [2.0],
            "subsidy_pkr": [1.0],
            "reason": [""],
        }
    )
    assert texts(offers, OFFERS) == [
        "offers: has no column capacity_<group>_kwh_day; add a column with the energy that each "
        "offer can serve"
    ]
    assert texts(offers.assign(capacity_dc_kwh_day=1.0), OFFERS) == []
    bad = texts(offers.assign(capacity_dc_kwh_day=-1.0), OFFERS)
    assert bad == ["offers, column capacity_dc_kwh_day: 1 value is below 0 kWh/day (s1:fast)"]


def test_a_key_of_two_columns_is_one_key():
    pairs = pd.DataFrame(
        {"charger_group": ["dc", "dc", "ac"], "vehicle_class": ["car", "car", "car"]}
    )
    assert texts(pairs, COMPATIBILITY) == [
        "compatibility, column charger_group + vehicle_class: duplicate (dc car)"
    ]
    assert texts(pairs[1:], COMPATIBILITY) == []


def test_capacity_groups_keep_their_order_and_ignore_the_rest():
    columns = ["capacity_swap_2w_kwh_day", "capacity_kwh_day", "capacity_dc_kwh_day", "x"]
    assert capacity_groups(columns) == ["swap_2w", "dc"]


def test_the_data_dictionary_names_every_column_once_with_a_meaning():
    dictionary = data_dictionary()
    assert len(dictionary) == sum(len(table.columns) for table in TABLES)
    assert not dictionary.duplicated(["table", "column"]).any()
    assert dictionary["meaning"].str.len().gt(5).all()
    numbers = dictionary[dictionary["kind"] == "number"]
    assert (numbers["unit"] != "").all()
    assert REACH.name in set(dictionary["table"])
