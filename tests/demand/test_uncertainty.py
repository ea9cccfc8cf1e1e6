"""Scenarios, draws and rankings against cases small enough to work by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.demand import (
    Area,
    FleetScenario,
    city_energy,
    city_figures,
    city_share,
    draw_energy,
    energy_factors,
    energy_quantiles,
    fleet_paces,
    national_fleet,
    sensitivity,
    vehicle_figures,
    zone_energy,
)
from siting.demand.uncertainty import _split_triangle
from siting.errors import InputError

ZONES = pd.DataFrame({"zone_id": ["a", "b"], "people": [3, 1], "renting_share": [0.0, 0.4]})


@pytest.fixture(scope="module")
def lahore():
    fleet = national_fleet(2030)
    shares = city_share(city_figures("Lahore"), fleet["vehicle_class"])
    return fleet, vehicle_figures(), shares


def exact(**overrides):
    """Return a case whose only ranges are those given: 1,000 cars, half of them in the city."""
    fleet = pd.DataFrame(
        {"vehicle_class": ["car"], "vehicles": 1000.0, "low": 1000.0, "high": 1000.0}
    ).assign(source="s", confidence="L")
    plain = {"kwh_km": 0.2, "km_day": 30, "home_share": 0.7, "electric_km_share": 1}
    vehicles = vehicle_figures(overrides={"car": plain})
    shares = pd.DataFrame(
        {"vehicle_class": ["car"], "city_share": 0.5, "low": 0.5, "high": 0.5}
    ).assign(source="t", confidence="L")
    for name, (low, high) in overrides.items():
        if name == "vehicles":
            fleet[["low", "high"]] = [low, high]
        elif name == "city_share":
            shares[["low", "high"]] = [low, high]
        else:
            row = vehicles["vehicle_class"] == "car"
            vehicles.loc[row, [f"{name}_low", f"{name}_high"]] = [low, high]
    return fleet, vehicles, shares


# --- scenarios -----------------------------------------------------------------------------------


def energy_scenarios(area):
    cases = ("low", "central", "high")
    return pd.concat([energy_factors(area, case).assign(scenario=case) for case in cases])


def test_low_central_and_high_by_hand():
    """More at home is less in public: the low end takes the high home share."""
    case = exact(vehicles=(500, 1500), home_share=(0.6, 0.8))
    runs = energy_scenarios(Area(*case)).set_index("scenario")["demand_kwh_day"]
    assert runs.to_dict() == pytest.approx(
        {
            "low": 500 * 0.5 * 0.2 * 30 * 0.2,
            "central": 1000 * 0.5 * 0.2 * 30 * 0.3,
            "high": 1500 * 0.5 * 0.2 * 30 * 0.4,
        }
    )


def test_the_central_scenario_is_the_energy_and_the_others_enclose_it(lahore):
    runs = energy_scenarios(Area(*lahore, ZONES)).set_index(
        ["scenario", "zone_id", "vehicle_class"]
    )
    central = zone_energy(Area(*lahore, ZONES)).set_index(["zone_id", "vehicle_class"])
    demand = runs["demand_kwh_day"]
    assert demand["central"].to_dict() == pytest.approx(central["demand_kwh_day"].to_dict())
    # Bounds are of the class: housing may take from one zone what it gives to another.
    by_class = demand.groupby(["scenario", "vehicle_class"]).sum()
    assert (by_class["low"] < by_class["central"]).all()
    assert (by_class["central"] < by_class["high"]).all()


# --- draws ---------------------------------------------------------------------------------------


def test_the_two_half_triangles_by_hand():
    u = np.array([0, 0.125, 0.5, 0.875, 1])
    # A quarter of the half below 1 lies below 0.5: (x / 1)^2 / 2 = 0.125; above, 1 - u = 0.125 is
    # half the way from 4 back to 1.
    assert _split_triangle(u, 0, 1, 4) == pytest.approx([0, 0.5, 1, 2.5, 4])
    assert _split_triangle(u, 2, 2, 2).tolist() == [2] * 5


def test_draws_have_the_middle_and_spread_of_the_two_triangles():
    """Vehicles 500, 1000, 2100: a half triangle's mean is a third of its width from its peak."""
    n = 20_000
    draws = draw_energy(n, 7, Area(*exact(vehicles=(500, 2100))))
    vehicles = draws["demand_kwh_day"] / (0.5 * 0.2 * 30 * 0.3)
    mean = 1000 + (1100 / 3 - 500 / 3) / 2
    spread = math.sqrt((500**2 + 1100**2) / 12 - (mean - 1000) ** 2)  # E of a square: width^2 / 6
    assert vehicles.mean() == pytest.approx(mean, abs=4 * spread / math.sqrt(n))
    assert vehicles.std() == pytest.approx(spread, rel=0.03)
    assert (vehicles < 1000).mean() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(n))
    assert vehicles.min() >= 500
    assert vehicles.max() <= 2100


def test_without_ranges_every_draw_is_the_energy():
    case = exact()
    draws = draw_energy(5, 0, Area(*case))
    whole = city_energy(*case)["demand_kwh_day"].item()
    assert draws["demand_kwh_day"].to_list() == pytest.approx([whole] * 5)


def test_the_same_seed_is_the_same_draw_and_another_is_not(lahore):
    first = draw_energy(50, 3, Area(*lahore, ZONES))
    pd.testing.assert_frame_equal(first, draw_energy(50, 3, Area(*lahore, ZONES)))
    other = draw_energy(50, 4, Area(*lahore, ZONES))
    assert (first["demand_kwh_day"] != other["demand_kwh_day"]).all()
    assert len(first) == 50 * 7
    assert first["draw"].to_list() == [d for d in range(1, 51) for _ in range(7)]


def test_draws_do_not_depend_on_rows_classes_or_number(lahore):
    fleet, vehicles, shares = lahore
    base = draw_energy(300, 3, Area(*lahore, ZONES)).set_index(["draw", "vehicle_class"])
    mixed = draw_energy(
        300,
        3,
        Area(fleet[::-1], vehicles.sample(frac=1, random_state=1), shares[::-1], ZONES[::-1]),
    ).set_index(["draw", "vehicle_class"])
    aligned = mixed.loc[base.index, "demand_kwh_day"]
    assert aligned.to_numpy() == pytest.approx(base["demand_kwh_day"].to_numpy(), rel=1e-12)
    one = fleet[fleet["vehicle_class"] == "bus"]
    alone = draw_energy(300, 3, Area(one, vehicles, shares, ZONES))["demand_kwh_day"]
    bus = base.xs("bus", level="vehicle_class")["demand_kwh_day"]
    assert alone.to_numpy() == pytest.approx(bus.to_numpy(), rel=1e-12)
    few = draw_energy(10, 3, Area(*lahore, ZONES))["demand_kwh_day"]
    assert few.to_numpy() == pytest.approx(base["demand_kwh_day"].to_numpy()[:70], rel=1e-12)


def test_shares_of_one_source_are_drawn_once():
    """Two classes whose shares rest on the same number of people rise and fall together."""
    fleet = pd.DataFrame(
        {"vehicle_class": ["car", "van"], "vehicles": 100.0, "low": 100.0, "high": 100.0}
    ).assign(source="s", confidence="L")
    use = {"kwh_km": 1, "km_day": 1, "home_share": 0, "housing_weight": 0, "electric_km_share": 1}
    vehicles = vehicle_figures(overrides={"car": use, "van": use})
    shares = pd.DataFrame(
        {"vehicle_class": ["car", "van"], "city_share": 0.2, "low": 0.1, "high": 0.4}
    ).assign(source=["people", "people"], confidence="L")

    def pair(source):
        draws = draw_energy(50, 1, Area(fleet, vehicles, shares.assign(source=source)))
        return draws.pivot_table(index="draw", columns="vehicle_class", values="demand_kwh_day")

    together, apart = pair("people"), pair(["people", "plates"])
    assert together["car"].to_numpy() == pytest.approx(together["van"].to_numpy())
    assert abs(apart["car"].corr(apart["van"])) < 0.5
    ranked = sensitivity(Area(fleet, vehicles, shares))
    assert ranked[["figure", "vehicle_class"]].to_numpy().tolist() == [["city_share", ""]]
    assert ranked["swing_share"].item() == pytest.approx((0.4 - 0.1) / 0.2)
    assert ranked["moved_share"].item() == pytest.approx(0)


def test_quantiles_by_hand():
    draws = pd.DataFrame(
        {
            "draw": [1, 1, 2, 2, 3, 3],
            "vehicle_class": ["van", "car"] * 3,
            "demand_kwh_day": [1.0, 10.0, 3.0, 30.0, 2.0, 50.0],
        }
    )
    table_ = energy_quantiles(draws).set_index("vehicle_class")
    assert table_.index.to_list() == ["van", "car", "all"]
    assert table_.loc["van"].to_list() == pytest.approx([1.1, 2, 2.9])
    # Quantiles of the totals of the draws: 11, 33, 52.
    assert table_.loc["all"].to_list() == pytest.approx([13.2, 33, 50.1])


@pytest.fixture(scope="module")
def quetta():
    """Return the case of a city, and the sums of its scenarios by class."""
    fleet = national_fleet(2027)
    case = (fleet, vehicle_figures(), city_share(city_figures("Quetta"), fleet["vehicle_class"]))
    runs = energy_scenarios(Area(*case, ZONES)).groupby(["scenario", "vehicle_class"])[
        "demand_kwh_day"
    ]
    return case, runs.sum()


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**31), n=st.integers(1, 20))
def test_every_draw_lies_between_the_bounds(quetta, seed, n):
    case, bounds = quetta
    draws = draw_energy(n, seed, Area(*case, ZONES))
    low = draws["vehicle_class"].map(bounds["low"])
    high = draws["vehicle_class"].map(bounds["high"])
    assert (draws["demand_kwh_day"] >= low).all()
    assert (draws["demand_kwh_day"] <= high).all()


# --- sensitivity ---------------------------------------------------------------------------------


def test_one_at_a_time_by_hand():
    case = exact(vehicles=(500, 1500), home_share=(0.6, 0.8), km_day=(30, 33))
    ranked = sensitivity(Area(*case))
    assert ranked["figure"].to_list() == ["country_vehicles", "home_share", "km_day"]
    assert ranked["rank"].to_list() == [1, 2, 3]
    total = 1000 * 0.5 * 0.2 * 30 * 0.3
    assert ranked["low_kwh_day"].to_list() == pytest.approx([total / 2, total * 2 / 3, total])
    assert ranked["high_kwh_day"].to_list() == pytest.approx(
        [total * 1.5, total * 4 / 3, total * 1.1]
    )
    assert ranked["swing_share"].to_list() == pytest.approx([1, 2 / 3, 0.1])
    assert ranked["swing_kwh_day"].to_list() == pytest.approx([total, total * 2 / 3, total * 0.1])
    # One zone and one class: nothing can move on the map.
    assert ranked["moved_share"].to_list() == pytest.approx([0] * 3)


def test_what_moves_on_the_map_by_hand():
    """Zones of 3 and 1; nobody rents in a, 0.4 in b, 0.28 of those home_share was asked of."""
    case = exact()
    ranked = sensitivity(Area(*case, ZONES)).set_index("figure")
    # Nobody is known to live in high-rise buildings.
    assert ranked.index.to_list() == ["renting_effect", "survey_renting_share"]

    def b_share(effect):
        at_home = 0.7 / (1 - effect * 0.28)
        public = 1 - at_home * (1 - effect * 0.4)
        return public / (3 * (1 - at_home) + public)

    central = b_share(0.5)
    by_hand = max(abs(b_share(0.0) - central), abs(b_share(0.75) - central))
    assert ranked.loc["renting_effect", "moved_zones_share"] == pytest.approx(by_hand)
    assert ranked.loc["renting_effect", "moved_share"] == pytest.approx(by_hand)


def test_a_classs_vehicles_move_energy_between_classes_by_hand():
    fleet, vehicles, shares = exact(vehicles=(500, 1500))
    both = pd.concat([fleet, fleet.assign(vehicle_class="van", low=1000.0, high=1000.0)])
    use = {"kwh_km": 0.2, "km_day": 30, "home_share": 0.7, "housing_weight": 0}
    use["electric_km_share"] = 1
    vehicles = vehicle_figures(overrides={"car": use, "van": use})
    shares = pd.concat([shares, shares.assign(vehicle_class="van")])
    row = sensitivity(Area(both, vehicles, shares)).iloc[0]
    assert (row["figure"], row["vehicle_class"]) == ("country_vehicles", "car")
    # Half and half; 1/3 : 2/3 at the low end, 3/5 : 2/5 at the high one.
    assert row["moved_share"] == pytest.approx(1 / 2 - 1 / 3)
    assert row["moved_zones_share"] == pytest.approx(0)
    assert row["swing_share"] == pytest.approx(0.5)


def test_the_ranking_is_whole_and_in_order(lahore):
    ranked = sensitivity(Area(*lahore, ZONES))
    assert ranked["swing_share"].is_monotonic_decreasing
    assert (ranked["swing_kwh_day"] >= 0).all()
    assert ranked["moved_share"].between(0, 1).all()
    assert (ranked["moved_zones_share"] <= ranked["moved_share"] + 1e-12).all()
    assert set(ranked["figure"]) == {
        "country_vehicles",
        "city_share",
        "kwh_km",
        "km_day",
        "electric_km_share",
        "home_share",
        "renting_effect",
        "survey_renting_share",
    }
    total = zone_energy(Area(*lahore, ZONES))["demand_kwh_day"].sum()
    assert (ranked["low_kwh_day"] <= total * (1 + 1e-12)).all()
    assert (ranked["high_kwh_day"] >= total * (1 - 1e-12)).all()
    # The order of rows changes nothing.
    fleet, vehicles, shares = lahore
    again = sensitivity(Area(fleet[::-1], vehicles[::-1], shares[::-1], ZONES))
    assert again[["figure"]].equals(ranked[["figure"]])
    assert again["swing_share"].to_numpy() == pytest.approx(ranked["swing_share"].to_numpy())


def test_a_case_that_wants_nothing():
    fleet, vehicles, shares = exact()
    with pytest.raises(InputError, match="no class has any demand"):
        sensitivity(Area(fleet.assign(vehicles=0.0, low=0.0), vehicles, shares))


# --- one factor for all fleets -------------------------------------------------------------------

SLOW_POLICY_FAST = ("slow", "nev-2025-30", "fast")


def _islamabad(scenario="nev-2025-30"):
    fleet = national_fleet(2030, FleetScenario(scenario))
    shares = city_share(city_figures("Islamabad"), fleet["vehicle_class"])
    others = {name: national_fleet(2030, FleetScenario(name)) for name in SLOW_POLICY_FAST}
    return (fleet, vehicle_figures(), shares), fleet_paces(fleet, others)


def test_all_fleets_have_one_factor_with_slow_at_its_tenth_percentile():
    parts, paces = _islamabad()
    # With figures that have no range the draws are the factor alone.
    fixed = [frame.copy() for frame in parts]
    for frame, value in ((fixed[0], "vehicles"), (fixed[2], "city_share")):
        frame["low"] = frame["high"] = frame[value]
    for column in [c for c in fixed[1].columns if c.endswith(("_low", "_high"))]:
        fixed[1][column] = fixed[1][column.rpartition("_")[0]]
    draws = draw_energy(20_000, 1, Area(*fixed), paces=paces)
    wide = draws.pivot_table(index="draw", columns="vehicle_class", values="demand_kwh_day")
    planned = city_energy(*fixed).set_index("vehicle_class")["demand_kwh_day"]
    for name in planned.index:
        got = (wide[name] / planned[name]).quantile([0.1, 0.5, 0.9]).to_numpy()
        assert got == pytest.approx(paces.loc[name].to_numpy(), rel=0.03)
    # One factor: where one class is above its middle, so is every other.
    assert wide.rank().corr().to_numpy().min() == pytest.approx(1.0)


@pytest.mark.slow
def test_the_scenario_slow_is_no_outcome_of_one_in_a_hundred():
    parts, paces = _islamabad()
    slow, _ = _islamabad("slow")
    kwh = city_energy(*slow)["demand_kwh_day"].sum()
    alone = draw_energy(2000, 1, Area(*parts)).groupby("draw")["demand_kwh_day"].sum()
    common = draw_energy(2000, 1, Area(*parts), paces=paces).groupby("draw")["demand_kwh_day"].sum()
    assert (alone < kwh).mean() < 0.01
    assert 0.05 < (common < kwh).mean() < 0.15


@pytest.mark.slow
def test_the_range_is_of_what_may_come_whatever_scenario_is_planned_for():
    parts, paces = _islamabad()
    slow, slow_paces = _islamabad("slow")
    ours, theirs = (
        draw_energy(4000, 1, Area(*p), paces=f).groupby("draw")["demand_kwh_day"].sum().median()
        for p, f in ((parts, paces), (slow, slow_paces))
    )
    # The ranges of the two scenarios themselves differ a little.
    assert theirs == pytest.approx(ours, rel=0.1)


def test_vehicles_of_the_area_itself_and_a_lone_scenario_have_no_factor():
    fleet = national_fleet(2030).assign(in_area=lambda t: t["vehicle_class"] == "bus")
    others = {name: national_fleet(2030, FleetScenario(name)) for name in SLOW_POLICY_FAST}
    paces = fleet_paces(fleet, others)
    assert (paces.loc["bus"] == 1.0).all()
    assert paces.loc["car", 0.1] < 0.5
    assert fleet_paces(fleet, {"slow": others["slow"]}) is None
