"""Squares, stretches of road, power per vehicle and reserved money, in examples by hand."""

import itertools
import math

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from program.test_instance import small, standing

from siting.engine.solve import solve
from siting.errors import InputError
from siting.program.density import one_in_each, squares, stretches
from siting.program.earmarks import earmarks
from siting.program.instance import Instance
from siting.program.limits import Limit, with_more_money
from siting.program.program import Program
from siting.roads import Network
from siting.roads.lines import road_lines


def points(*xy):
    names = [f"s{n}" for n in range(1, len(xy) + 1)]
    return gpd.GeoSeries(gpd.points_from_xy(*zip(*xy, strict=True)), names, crs=32642)


# --- squares and stretches -----------------------------------------------------------------------


def test_squares_are_counted_from_the_south_west():
    found = squares(points((100, 2900), (2999, 10), (3001, 3001)), 3000)
    assert found.to_dict() == {
        "s1": "square 3 km E1 N1",
        "s2": "square 3 km E1 N1",
        "s3": "square 3 km E2 N2",
    }


def test_a_road_is_cut_into_equal_stretches_no_longer_than_asked():
    road = shapely.LineString([(0, 0), (90_000, 0), (90_000, 30_000)])  # three stretches of 40 km
    at = points((10_000, 900), (39_999, 0), (40_001, -900), (90_900, 29_000), (0, 1100))
    assert stretches({"N-5": [road]}, at, 50_000, 1000) == {
        "N-5, km 0.0 to 40.0": ["s1", "s2"],
        "N-5, km 40.0 to 80.0": ["s3"],
        "N-5, km 80.0 to 120.0": ["s4"],
    }


def test_an_area_that_no_candidate_can_meet_is_named():
    offers = small()["offers"].assign(reason=["", "too dear", "too dear"])
    sites = {"east": ["s2"], "far": [], "west": ["s1", "s2"]}
    with pytest.raises(InputError) as caught:
        one_in_each(offers, sites, "square", "program.limits.density")
    (fault,) = caught.value.faults
    assert fault.ids == ("east", "far")
    assert "some squares have no candidate that can meet the rule (east, far)" in str(fault)
    with pytest.raises(InputError, match="some stretches have no candidate"):
        one_in_each(offers, {"km 1": ["s1"], "km 2": ["s1"]}, "stretch", "corridors", ["s1"])


def test_a_station_that_stands_is_the_one_in_its_square():
    tables = small(offers=standing, budget_pkr=0.0)
    (west,) = one_in_each(tables["offers"], {"west": ["s1"]}, "square", "density")
    program = Program(Instance.from_tables(**tables)).limit(west)
    assert solve(program, gap=0).offers == ("s1:a",)


def test_power_is_counted_with_what_stands():
    tables = small(offers=standing)
    kw = {"s1:a": 20.0, "s2:a": 30.0}
    instance = Instance.from_tables(**tables)
    for at_least_kw, stand in ((20.0, ("s1:a",)), (20.5, ("s1:a", "s2:a"))):
        limit = Limit("kW", "power", "kW", math.inf, kw, at_least=at_least_kw)
        assert solve(Program(instance).limit(limit).least_money(), gap=0).offers == stand


# --- roads by name -------------------------------------------------------------------------------


def road(*ways):
    """Return a network of ways, each given by its name, its first node and its last node."""
    place = {1: (0, 0), 2: (4000, 0), 3: (9000, 0), 4: (4000, 500), 5: (0, 30), 6: (9000, 30)}
    place |= {7: (20_000, 0), 8: (22_000, 0)}
    lines = [shapely.LineString([place[a], place[b]]) for _, a, b in ways]
    edges = gpd.GeoDataFrame(
        {"name": [w[0] for w in ways], "length_m": [one.length for one in lines]},
        geometry=lines,
        index=pd.MultiIndex.from_tuples([(a, b, 0) for _, a, b in ways], names=["u", "v", "key"]),
        crs=32642,
    )
    nodes = gpd.GeoDataFrame(geometry=gpd.points_from_xy(*zip(*place.values(), strict=True)))
    return Network(nodes.set_crs(32642), edges, {})


def test_a_road_runs_from_end_to_end_with_its_other_carriageway():
    ways = [("N-5", 1, 2), ("N-5", 2, 3), ("N-5", 6, 5), ("Mall Road", 2, 4), ("N-5", 7, 8)]
    ways.append(("N-5", 2, 4))  # a branch, shorter than the road
    found = road_lines(road(*ways), ["n-5", "Mall Road"], "roads")
    assert [round(line.length) for line in found["n-5"]] == [9000, 2000]  # a gap makes two lines
    assert [round(line.length) for line in found["Mall Road"]] == [500]


def test_a_road_that_is_not_there_is_told_with_its_like():
    with pytest.raises(InputError, match=r"'Mal Road' is not a road .* did you mean Mall Road"):
        road_lines(road(("Mall Road", 1, 2)), ["Mal Road"], "program.limits.corridors.roads")


# --- reserved money ------------------------------------------------------------------------------


def fits(limits, drawn):
    """Return whether the money that offers draw is within the limits per rupee."""
    return all(
        sum(share * drawn.get(o, 0.0) for o, share in limit.use.items()) <= limit.at_most + 1e-9
        for limit in limits
    )


@pytest.mark.parametrize("seed", range(20))
def test_kept_money_is_what_an_allocation_of_the_budget_allows(seed):
    rng = np.random.default_rng(seed)
    names = ["a", "b", "c"][: rng.integers(1, 4)]
    shares = {k: {k: 1.0, "mixed": 0.2 + 0.1 * n} for n, k in enumerate(names)}
    kept = {k: float(rng.integers(0, 4)) for k in names}
    ceilings = [k for k in names if rng.random() < 0.4]
    budget = sum(kept.values()) + float(rng.integers(0, 5))
    offers = [*names, "mixed", "other"]
    limits = [
        *with_more_money(earmarks(shares, kept, offers, ceilings=ceilings), budget),
        *(Limit(k, "envelope", "PKR", kept[k], shares[k], per_rupee=True) for k in ceilings),
        Limit("budget", "envelope", "PKR", budget, dict.fromkeys(offers, 1.0), per_rupee=True),
    ]
    for amounts in itertools.product(range(4), repeat=len(offers)):
        drawn = dict(zip(offers, map(float, amounts), strict=True))
        own = {k: sum(shares[k].get(o, 0.0) * pkr for o, pkr in drawn.items()) for k in names}
        rest = sum(drawn.values()) - sum(own.values())
        beyond = sum(max(own[k] - kept[k], 0.0) for k in names)
        free = budget - sum(kept.values())
        allowed = rest + beyond <= free + 1e-9
        allowed &= all(own[k] <= kept[k] + 1e-9 for k in ceilings)
        assert fits(limits, drawn) == allowed, (drawn, kept, budget, ceilings)


def test_kept_money_goes_to_nobody_else():
    # A budget of 12 pays for two offers of 6. If 7 is reserved for s2, only 5 is left for others.
    tables = small()
    shares, ids = {"s2": {"s2:a": 1.0}}, list(tables["offers"]["offer_id"])
    instance = Instance.from_tables(**tables)
    assert "s1:a" in solve(Program(instance), gap=0).offers
    kept = with_more_money(earmarks(shares, {"s2": 7.0}, ids), 12.0)
    assert solve(Program(instance).limit(*kept), gap=0).offers == ("s2:a",)
    # A reserved share grows with the budget: of 24 rupees, 14 are reserved and 10 are left for s1.
    follows = earmarks(shares, {"s2": 0.0}, ids, of_budget={"s2": 7 / 12})
    (more,) = with_more_money(follows, 24.0)
    assert more.at_most == pytest.approx(10.0)


# --- the least gain -----------------------------------------------------------------------------


def test_what_brings_too_little_is_not_built_and_its_money_is_left():
    # s1:a serves 4 + 3 kWh/day for 6 rupees. s2:a then serves only cars that s1:a cannot serve.
    program = Program(Instance.from_tables(**small()))
    both = solve(program.most_worth(), gap=0)
    assert both.offers == ("s1:a", "s2:a")
    gain = both.served_kwh_day - 7.0  # of the second station
    little = solve(program.net_worth(gain / 6 + 0.01), gap=0)
    assert little.offers in {("s1:a",), ("s2:a",)}
    assert little.subsidy_pkr == 6.0
    assert little.proofs[0].proof.objective == pytest.approx(7.0 - 6 * (gain / 6 + 0.01))
    assert solve(program.net_worth(gain / 6 - 0.01), gap=0).offers == both.offers


def test_a_gain_of_nothing_is_refused():
    with pytest.raises(InputError, match="least gain: is 0"):
        Program(Instance.from_tables(**small())).net_worth(0.0)
