"""What is lost without a station, and where else it could stand: by hand and by brute force."""

import json
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from siting.engine import assign, lost_without
from siting.program.instance import Instance
from siting.program.program import Program
from siting.study.alternatives_text import nearest_places

GROUPS = ["lev", "ac", "dc"]
FIT = pd.DataFrame({"charger_group": ["lev", "dc", "ac"], "vehicle_class": ["bike", "car", "car"]})


def instance(demand, offers, reach):
    """Return an instance of rows (cell, class, kWh), offers (site, group, kWh) and pairs."""
    rows = [(f"{c}:{k}", c, k, kwh) for c, k, kwh in demand]
    table = pd.DataFrame(rows, columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"])
    sites = sorted({s for s, _, _ in offers})
    capacity = pd.DataFrame(0.0, index=sites, columns=GROUPS)
    for site, group, kwh in offers:
        capacity.loc[site, group] += kwh
    built = pd.DataFrame(
        {
            "offer_id": [f"{s}:x" for s in sites],
            "site_id": sites,
            "configuration": "x",
            "chargers": "x",
            "existing": False,
            "power_kw": 1.0,
            "reason": "",
            **dict.fromkeys(("cost_pkr", "charger_cost_pkr", "subsidy_pkr"), 1.0),
            **dict.fromkeys(("grid_cost_pkr", "fee_cost_pkr"), 0.0),
            **{f"capacity_{g}_kwh_day": capacity[g].to_numpy() for g in GROUPS},
        }
    )
    pairs = pd.DataFrame(
        [(c, s, m) for c, s, m in reach], columns=["cell_id", "site_id", "travel_min"]
    )
    return Instance.from_tables(table, built, pairs, FIT, 100.0)


def chain():
    """Three stations in a row; who loses one's station moves on, and pushes others along.

    a (5 kWh/day) reaches s1 only, b (4) s1 and s2, c (6) s2 and s3; s1 delivers 6, s2 5, s3 4.
    """
    return instance(
        [("a", "bike", 5.0), ("b", "bike", 4.0), ("c", "bike", 6.0)],
        [("s1", "lev", 6.0), ("s2", "lev", 5.0), ("s3", "lev", 4.0)],
        [("a", "s1", 1), ("b", "s1", 2), ("b", "s2", 1), ("c", "s2", 2), ("c", "s3", 1)],
    )


def test_what_is_lost_is_what_the_others_cannot_take_over():
    data = chain()
    offers = ["s1:x", "s2:x", "s3:x"]
    # All 15 are wanted and served: s1 6, s2 5, s3 4. Full stations take over nothing.
    assert lost_without(Program(data), offers, ["s1", "s2", "s3"]) == pytest.approx(
        {"s1": 6.0, "s2": 5.0, "s3": 4.0}
    )
    assert lost_without(Program(data), offers, []) == {}


def test_neighbours_make_room_along_a_chain():
    # There is room: without s1 only a is lost, as b moves to s2 and c on to s3.
    data = instance(
        [("a", "bike", 5.0), ("b", "bike", 4.0), ("c", "bike", 6.0)],
        [("s1", "lev", 9.0), ("s2", "lev", 6.0), ("s3", "lev", 4.0)],
        [("a", "s1", 1), ("b", "s1", 2), ("b", "s2", 1), ("c", "s2", 2), ("c", "s3", 1)],
    )
    lost = lost_without(Program(data), ["s1:x", "s2:x", "s3:x"], ["s1", "s2", "s3"])
    assert lost == pytest.approx({"s1": 5.0, "s2": 2.0, "s3": 0.0})


def test_only_chargers_that_fit_make_room():
    data = instance(
        [("a", "bike", 3.0), ("a", "car", 3.0)],
        [("s1", "lev", 3.0), ("s1", "dc", 3.0), ("s2", "ac", 2.0)],
        [("a", "s1", 1), ("a", "s2", 2)],
    )
    # The bikes cannot plug in at s2; of the cars' 3 it takes 2.
    assert lost_without(Program(data), ["s1:x", "s2:x"], ["s1", "s2"]) == pytest.approx(
        {"s1": 4.0, "s2": 0.0}
    )


def test_without_capacities_only_those_who_reach_no_other_are_lost():
    data = chain()
    lost = lost_without(Program(data, "coverage"), ["s1:x", "s2:x", "s3:x"], ["s1", "s2", "s3"])
    assert lost == pytest.approx({"s1": 5.0, "s2": 0.0, "s3": 0.0})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15))
def test_it_is_the_flow_solved_anew_without_the_station(seed):
    rng = np.random.default_rng(seed)
    cells, sites = [f"c{i}" for i in range(6)], [f"s{i}" for i in range(4)]
    demand = [(c, k, float(rng.integers(1, 9))) for c in cells for k in ("bike", "car")]
    offers = [(s, g, float(rng.integers(0, 9))) for s in sites for g in GROUPS]
    reach = [(c, s, float(rng.integers(1, 9))) for c in cells for s in sites if rng.random() < 0.6]
    data = instance(demand, offers, reach or [("c0", "s0", 1.0)])
    ids = [f"{s}:x" for s in sites]
    whole = assign(data, ids)["served_kwh_day"].sum()
    for site, lost in lost_without(Program(data), ids, sites).items():
        rest = [i for i in ids if not i.startswith(f"{site}:")]
        assert lost == pytest.approx(whole - assign(data, rest)["served_kwh_day"].sum(), abs=1e-6)


def test_the_nearest_free_place_and_the_nearest_station():
    places = gpd.GeoDataFrame(
        {"site_id": ["s1", "s2", "p1", "p2"], "name": ["One", None, "Bazaar", "Full"]},
        geometry=shapely.points([[0, 0], [3000, 0], [400, 300], [10, 0]]),
        crs=32643,
    )
    service = pd.DataFrame(
        {
            "site_id": ["s1", "s1", "s2"],
            "cell_id": ["a", "b", "b"],
            "served_kwh_day": [3.0, 1.0, 1.0],
        }
    )
    reach = pd.DataFrame({"cell_id": ["a", "a", "b"], "site_id": ["s1", "p1", "s1"]})
    plan = SimpleNamespace(sites=places.iloc[:2], candidates=places, service=service)
    out = nearest_places(plan, reach, {"p1", "s1"})
    assert out.loc["s1"].to_dict() == {
        "place": "Bazaar (p1)",
        "place_m": 500.0,
        "place_share": 0.75,  # a reaches it, b does not
        "station": "s2",
        "station_m": 3000.0,
    }
    assert out.loc["s2", "station"] == "One (s1)"
    plan.sites = places.iloc[:1]
    none = nearest_places(plan, reach, set())
    assert none.loc["s1"].isna().all()


def test_the_run_says_it_of_each_new_station(report_poor_run):
    told = json.loads((report_poor_run / "run.json").read_text(encoding="utf-8"))["alternatives"]
    # The pump at the end where eight live is built; the other stands 3.7 km off, too far to drive.
    assert list(told) == ["s0002"]
    lost, again, place = told["s0002"].splitlines()
    # Its money builds the other pump for the four at their end.
    assert again == "With hub at s0001 instead, at most 4.0 kWh/day would be lost."
    assert lost.startswith(
        "With only this station removed, all of its 8.0 kWh/day would go unserved"
    )
    assert place.startswith("Nearest place where a station could be built instead: ")
    assert "3.7 km away in a straight line" in place
    assert place.endswith("; 0% of the station's energy goes to cells within reach of that place.")
