"""Energy over three surfaces and by zone: divided by hand, and no kWh lost."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from demand.test_cells import X0, Y0, energy_of
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.demand import spread_demand
from siting.errors import InputError
from siting.tables import DEMAND, validate

SHARES = ["home", "destination", "en_route"]


def cells_of(people, zones=None):
    cells = gpd.GeoDataFrame(
        {
            "cell_id": [f"c{i}" for i in range(1, len(people) + 1)],
            "people": np.array(people, dtype=float),
            "node_id": pd.array([1] * (len(people) - 1) + [None], dtype="Int64"),
            "snap_m": 0.0,
        },
        geometry=[shapely.Point(X0 + i, Y0) for i in range(len(people))],
        crs=32643,
    )
    return cells if zones is None else cells.assign(zone_id=zones)


def surfaces_of(cells, *columns):
    return pd.DataFrame(
        {"cell_id": cells["cell_id"], **dict(zip(SHARES, map(list, columns), strict=True))}
    )


def weights_of(**classes):
    rows = [(name, *weights) for name, weights in classes.items()]
    return pd.DataFrame(rows, columns=["vehicle_class", *SHARES])


def by_cell(demand, name="car"):
    rows = demand[demand["vehicle_class"] == name]
    return dict(zip(rows["cell_id"], rows["demand_kwh_day"], strict=True))


def test_a_class_divides_its_energy_by_hand():
    cells = cells_of([3, 1, 0])
    surfaces = surfaces_of(cells, [0.75, 0.25, 0], [0, 0.5, 0.5], [0, 0, 1])
    weights = weights_of(bus=(0, 0, 1), car=(5, 3, 2))
    demand = spread_demand(cells, energy_of(car=100, bus=10), surfaces, weights)
    validate(demand, DEMAND)
    assert by_cell(demand) == pytest.approx({"c1": 37.5, "c2": 27.5, "c3": 35.0})
    # The last cell has neither people nor a road node, and keeps its demand all the same.
    assert by_cell(demand, "bus") == pytest.approx({"c3": 10.0})
    assert demand.attrs["notes"] == []
    mixed = surfaces.iloc[::-1]
    pd.testing.assert_frame_equal(
        spread_demand(cells, energy_of(car=100, bus=10), mixed, weights), demand
    )


def test_the_weight_of_a_missing_surface_goes_to_the_others_with_a_note():
    cells = cells_of([3, 1])
    surfaces = surfaces_of(cells, [0.75, 0.25], [0, 0], [0, 1])
    demand = spread_demand(cells, energy_of(car=100), surfaces, weights_of(car=(0.3, 0.4, 0.3)))
    assert by_cell(demand) == pytest.approx({"c1": 37.5, "c2": 62.5})
    assert demand.attrs["notes"] == [
        "car: no data on destination, so its weight goes to the other surfaces"
    ]
    only = spread_demand(cells, energy_of(car=100), surfaces, weights_of(car=(0, 1, 0)))
    assert by_cell(only) == pytest.approx({"c1": 37.5, "c2": 62.5})


def test_the_packaged_weights_know_the_packaged_classes():
    cells = cells_of([3, 1])
    surfaces = surfaces_of(cells, [1, 0], [0, 1], [0, 1])
    demand = spread_demand(cells, energy_of(truck=10, car=10), surfaces)
    assert by_cell(demand, "truck") == pytest.approx({"c2": 10.0})
    assert by_cell(demand, "car") == pytest.approx({"c1": 3.0, "c2": 7.0})


def zone_energy(rows):
    return pd.DataFrame(rows, columns=["zone_id", "vehicle_class", "demand_kwh_day"])


def test_the_energy_of_a_zone_stays_in_the_zone():
    cells = cells_of([3, 1, 4], ["a", "a", "b"])
    energy = zone_energy([("a", "car", 8.0), ("b", "car", 1.0), ("b", "bus", 2.0)])
    demand = spread_demand(cells, energy)
    assert by_cell(demand) == pytest.approx({"c1": 6.0, "c2": 2.0, "c3": 1.0})
    assert by_cell(demand, "bus") == pytest.approx({"c3": 2.0})
    # Zone a has no traffic, zone b no homes: each zone makes do with what it has.
    surfaces = surfaces_of(cells, [0.5, 0.5, 0], [0.25, 0.25, 0.5], [0, 0, 1])
    demand = spread_demand(cells, energy, surfaces, weights_of(car=(1, 0, 1), bus=(1, 0, 0)))
    assert by_cell(demand) == pytest.approx({"c1": 4.0, "c2": 4.0, "c3": 1.0})
    assert by_cell(demand, "bus") == pytest.approx({"c3": 2.0})
    assert any("home in zone b" in note for note in demand.attrs["notes"])


def test_a_zone_with_cells_but_nothing_in_them_is_spread_evenly():
    cells = cells_of([3, 0, 0], ["a", "b", "b"])
    demand = spread_demand(cells, zone_energy([("a", "car", 3.0), ("b", "car", 4.0)]))
    assert by_cell(demand) == pytest.approx({"c1": 3.0, "c2": 2.0, "c3": 2.0})


def test_one_zone_for_all_needs_no_zones_in_the_cells():
    demand = spread_demand(cells_of([3, 1]), zone_energy([("all", "car", 8.0)]))
    assert by_cell(demand) == pytest.approx({"c1": 6.0, "c2": 2.0})


@pytest.mark.parametrize(
    ("rows", "zones", "word"),
    [
        ([("a", "car", 1.0), ("x", "car", 1.0)], ["a", "b"], r"zones without a cell \(x\)"),
        ([("a", "car", 1.0), ("b", "car", 1.0)], None, "cells, column zone_id"),
        ([("a", "car", 1.0), ("a", "car", 1.0)], ["a", "b"], r"given twice \(a car\)"),
        ([("a", "car", -1.0), ("b", "car", 1.0)], ["a", "b"], r"at least 0 \(a car\)"),
    ],
)
def test_zones_that_do_not_fit(rows, zones, word):
    with pytest.raises(InputError, match=word):
        spread_demand(cells_of([3, 1], zones), zone_energy(rows))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda s, w: (s.drop(columns="home"), w), "column home: missing"),
        (lambda s, w: (s.assign(home=-1.0), w), "home: missing or negative"),
        (lambda s, w: (s.iloc[:1], w), r"cells without a row \(c2\)"),
        (lambda s, w: (pd.concat([s, s]), w), "given twice"),
        (lambda s, w: (s, w.drop(columns="home")), "surface weights, column home"),
        (lambda s, w: (s, w.assign(vehicle_class="tram")), r"no row for a class \(car\)"),
        (lambda s, w: (s, w.assign(home=-1)), r"at least one above 0 \(car\)"),
        (lambda s, w: (s, weights_of(car=(0, 0, 0))), "car"),
        (lambda s, w: (s, pd.concat([w, w])), "given twice"),
    ],
)
def test_surfaces_and_weights_that_do_not_fit(change, word):
    cells = cells_of([3, 1])
    surfaces, weights = change(
        surfaces_of(cells, [1, 0], [0, 1], [0, 1]), weights_of(car=(0.3, 0.4, 0.3))
    )
    with pytest.raises(InputError, match=word):
        spread_demand(cells, energy_of(car=1), surfaces, weights)


numbers = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_kwh_is_lost_by_class_or_by_zone(data):
    size = data.draw(st.integers(2, 12))
    zones = data.draw(st.lists(st.sampled_from("abc"), min_size=size, max_size=size))
    people = data.draw(st.lists(numbers, min_size=size, max_size=size))
    people[0] = 1.0
    cells = cells_of(people, zones)
    columns = [data.draw(st.lists(numbers, min_size=size, max_size=size)) for _ in SHARES]
    weights = data.draw(st.lists(numbers, min_size=6, max_size=6))
    weights[0] = weights[3] = 1.0
    energy = zone_energy(
        [(z, c, data.draw(numbers)) for z in sorted(set(zones)) for c in ("car", "bus")]
    )
    energy.loc[0, "demand_kwh_day"] = 5.0
    demand = spread_demand(
        cells,
        energy,
        surfaces_of(cells, *columns),
        weights_of(car=weights[:3], bus=weights[3:]),
    )
    zone_of = cells.set_index("cell_id")["zone_id"]
    found = demand.groupby([demand["cell_id"].map(zone_of), "vehicle_class"])[
        "demand_kwh_day"
    ].sum()
    for zone, name, wanted in energy.itertuples(index=False):
        assert found.get((zone, name), 0.0) == pytest.approx(wanted, rel=1e-9)


def test_energy_follows_wealth_by_the_weight_of_the_class_and_the_total_stays():
    cells = cells_of([30, 10]).assign(relative_wealth=[0.5, 2.5])
    energy = energy_of(car=100, bus=10)
    moved = spread_demand(cells, energy, ownership={"car": 1.0, "bus": 0.0})
    # Cars by 30 x 0.5 and 10 x 2.5, buses by 30 and 10.
    assert by_cell(moved) == pytest.approx({"c1": 37.5, "c2": 62.5})
    assert by_cell(moved, "bus") == pytest.approx({"c1": 7.5, "c2": 2.5})
    # Of the surfaces only home follows.
    surfaces = surfaces_of(cells, [0.75, 0.25], [1, 0], [0, 1])
    mixed = spread_demand(
        cells, energy_of(car=100), surfaces, weights_of(car=(2, 1, 1)), ownership={"car": 1.0}
    )
    assert by_cell(mixed) == pytest.approx({"c1": 18.75 + 25, "c2": 31.25 + 25})
