"""The stock-and-sales model against cohorts counted by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.demand import FleetScenario, fleet_figures, fleet_model, scenario_names
from siting.demand.sales import hazard, s_curve
from siting.errors import InputError
from siting.reference import table

CLASSES = ["two_wheeler", "two_wheeler_delivery", "three_wheeler", "car", "van", "bus", "truck"]
SCENARIO_HEAD = "scenario,vehicle_class,year,share,low,high,unit,source,confidence\n"
SALES_HEAD = "vehicle_class,figure,value,low,high,unit,source,confidence\n"


def scenarios(tmp_path, rows):
    """Write own scenarios in which every class but those given has targets that do no harm."""
    given_classes = {row.split(",")[1] for row in rows}
    quiet = [
        f"mine,{name},{year},0.1,0.1,0.1,share,s,L"
        for name in CLASSES
        if name not in given_classes
        for year in (2026, 2040)
    ]
    path = tmp_path / "scenarios.csv"
    path.write_text(SCENARIO_HEAD + "\n".join([*rows, *quiet]) + "\n")
    return path


# --- the curve -----------------------------------------------------------------------------------


def test_the_curve_is_the_logistic_through_two_targets():
    years = np.arange(2026, 2041)
    curve = s_curve(years, [2026, 2040], [0.1, 0.8], 0.9)
    # K / (1 + e^-(a + b t)) through both, solved by hand.
    b = (math.log(0.8 / 0.1) - math.log(0.1 / 0.8)) / 14
    a = math.log(0.1 / 0.8)
    by_hand = [0.9 / (1 + math.exp(-(a + b * (y - 2026)))) for y in years]
    assert curve == pytest.approx(by_hand)
    assert curve[7] == pytest.approx(0.45)  # half of the ceiling, halfway between mirror points


@given(
    st.lists(st.floats(0.001, 0.97), min_size=2, max_size=5),
    st.lists(st.integers(1, 6), min_size=4, max_size=4),
)
def test_the_curve_passes_through_every_target_and_stays_between_neighbours(shares, steps):
    years = [2026 + sum(steps[:i]) for i in range(len(shares))]
    assert s_curve(years, years, shares, 0.98) == pytest.approx(shares)
    every = np.linspace(years[0], years[-1], 50)
    curve = s_curve(every, years, shares, 0.98)
    between = np.searchsorted(years, every, side="right").clip(1, len(years) - 1)
    low = np.minimum(np.array(shares)[between - 1], np.array(shares)[between])
    high = np.maximum(np.array(shares)[between - 1], np.array(shares)[between])
    assert (curve >= low - 1e-12).all()
    assert (curve <= high + 1e-12).all()


def test_half_are_gone_at_the_life_and_none_at_first():
    assert np.exp(-hazard([0, 8, 16], 8, 1.0)) == pytest.approx([1, 0.5, 0.25])
    assert np.exp(-hazard([0, 8, 16], 8, 2.0)) == pytest.approx([1, 0.5, 1 / 16])


# --- cohorts -------------------------------------------------------------------------------------


def test_three_years_of_one_class_by_hand(tmp_path):
    """1,000 trams a year, +10 %; half electric throughout; life 2 years, exponential; 40 before."""
    path = scenarios(tmp_path, [f"mine,tram,{y},0.5,0.5,0.5,share,s,L" for y in (2026, 2040)])
    tram = {
        "sales_year": 1000,
        "growth": 0.1,
        "life_years": 2,
        "life_shape": 1,
        "opening_vehicles": 40,
        "opening_age_years": 3,
    }
    model = fleet_model(FleetScenario("mine", path, {"tram": tram}), 2028).set_index(
        ["vehicle_class", "year"]
    )
    tram_rows = model.loc["tram"]
    assert math.isnan(tram_rows.loc[2025, "sales"])
    assert tram_rows.loc[2025, "stock"] == 40
    assert tram_rows["sales"].iloc[1:].to_list() == pytest.approx([1000, 1100, 1210])
    assert tram_rows["electric_sales"].iloc[1:].to_list() == pytest.approx([500, 550, 605])

    def half(age):
        return 0.5 ** (age / 2)

    # An exponential life forgets its age: the opening ones shrink by half every two years.
    assert tram_rows["stock"].to_list() == pytest.approx(
        [
            40,
            500 * half(0.5) + 40 * half(1),
            500 * half(1.5) + 550 * half(0.5) + 40 * half(2),
            500 * half(2.5) + 550 * half(1.5) + 605 * half(0.5) + 40 * half(3),
        ]
    )
    # No figure has a range, so neither has the stock.
    assert tram_rows["stock_low"].to_list() == pytest.approx(tram_rows["stock"].to_list())
    assert tram_rows["stock_high"].to_list() == pytest.approx(tram_rows["stock"].to_list())


def test_old_opening_vehicles_wear_out_by_their_age():
    """Weibull: those who reached 1.5 years reach 2.5 with S(2.5) / S(1.5)."""
    nothing = {name: {"sales_year": 0} for name in CLASSES}
    stock = fleet_model(FleetScenario(overrides=nothing), 2026).set_index(
        ["year", "vehicle_class"]
    )["stock"]
    kept = math.exp(-math.log(2) * ((2.5 / 10) ** 2.5 - (1.5 / 10) ** 2.5))
    assert stock[2026, "two_wheeler"] == pytest.approx(65_500 * kept)


def test_the_range_is_the_root_of_the_sum_of_squares_in_logarithms(tmp_path):
    """In 2026 the electric sales rest on two ranged figures: sales and share."""
    path = scenarios(tmp_path, [f"mine,car,{y},0.2,0.1,0.4,share,s,L" for y in (2026, 2040)])
    model = fleet_model(FleetScenario("mine", path), 2026).set_index(["vehicle_class", "year"])
    row = model.loc[("car", 2026)]
    spread_low = math.hypot(math.log(132 / 160), math.log(0.1 / 0.2))
    spread_high = math.hypot(math.log(220 / 160), math.log(0.4 / 0.2))
    assert row["electric_sales"] == pytest.approx(160_000 * 0.2)
    assert row["electric_sales_low"] == pytest.approx(32_000 * math.exp(-spread_low))
    assert row["electric_sales_high"] == pytest.approx(32_000 * math.exp(spread_high))
    assert row[["electric_share_low", "electric_share_high"]].to_list() == pytest.approx([0.1, 0.4])
    assert row[["sales_low", "sales_high"]].to_list() == pytest.approx([132_000, 220_000])


@pytest.mark.parametrize("scenario", ["nev-2025-30", "nev-2019", "slow", "fast"])
def test_every_scenario_to_2040(scenario):
    model = fleet_model(FleetScenario(scenario))
    assert model["year"].to_list() == [y for y in range(2025, 2041) for _ in CLASSES]
    assert model["vehicle_class"].to_list() == CLASSES * 16
    later = model[model["year"] > 2025]
    assert not later.isna().to_numpy().any()
    for name in ("sales", "electric_share", "electric_sales", "stock"):
        assert (later[f"{name}_low"] <= later[name] + 1e-9).all()
        assert (later[name] <= later[f"{name}_high"] + 1e-9).all()
    assert later["electric_share_high"].max() < 0.98
    # Every target is met exactly.
    targets = table("scenarios").query("scenario == @scenario")
    met = model.set_index(["year", "vehicle_class"])["electric_share"]
    wanted = targets.set_index(["year", "vehicle_class"])["share"]
    assert met.loc[wanted.index].to_numpy() == pytest.approx(wanted.to_numpy())
    # No stock is larger than all that was ever electric.
    sold = model.fillna({"electric_sales": 0}).groupby("vehicle_class")["electric_sales"].cumsum()
    opening = model["vehicle_class"].map(met_opening(model))
    assert (model["stock"] <= sold + opening + 1e-6).all()


def met_opening(model):
    return model[model["year"] == 2025].set_index("vehicle_class")["stock"].to_dict()


def test_the_policy_of_2019_says_what_it_says():
    share = fleet_model(FleetScenario("nev-2019")).set_index(["year", "vehicle_class"])[
        "electric_share"
    ]
    wanted = {"two_wheeler": 0.5, "three_wheeler": 0.5, "car": 0.3, "bus": 0.5, "truck": 0.3}
    assert {name: share[2030, name] for name in wanted} == pytest.approx(wanted)
    assert share.loc[2040].to_list() == pytest.approx([0.9] * 7)


def test_slow_central_and_fast_are_in_order():
    stock = {
        name: fleet_model(FleetScenario(name))
        .set_index(["year", "vehicle_class"])["stock"]
        .loc[2026:]
        for name in ("slow", "nev-2025-30", "fast")
    }
    assert (stock["slow"] < stock["nev-2025-30"]).all()
    assert (stock["nev-2025-30"] < stock["fast"]).all()


@pytest.fixture(scope="module")
def central():
    """Return the figures of the fleet by class and name, and the fleet they make."""
    return fleet_figures().set_index(["vehicle_class", "figure"]), fleet_model(until=2032)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    figure=st.sampled_from(
        ["sales_year", "growth", "life_years", "share_2030", "opening_vehicles"]
    ),
    name=st.sampled_from(CLASSES),
    factor=st.floats(1.01, 1.5),
)
def test_more_of_a_figure_is_more_stock(central, figure, name, factor):
    rows, base = central
    value = rows.loc[(name, figure), "value"]
    more = fleet_model(FleetScenario(overrides={name: {figure: float(value * factor)}}), 2032)
    same = more["vehicle_class"] != name
    assert (more["stock"] >= base["stock"] - 1e-6).all()
    assert more["stock"].iloc[-7:].sum() > base["stock"].iloc[-7:].sum()
    assert more.loc[same, "stock"].to_list() == base.loc[same, "stock"].to_list()


# --- the user's own figures ----------------------------------------------------------------------


def test_an_own_target_year_takes_the_place_of_the_packages_or_stands_beside_it():
    share = fleet_model(FleetScenario(overrides={"car": {"share_2030": 0.4, "share_2028": 0.15}}))
    share = share.set_index(["year", "vehicle_class"])["electric_share"]
    assert share[2028, "car"] == pytest.approx(0.15)
    assert share[2030, "car"] == pytest.approx(0.4)
    assert share[2040, "car"] == pytest.approx(0.9)
    figures = fleet_figures(FleetScenario(overrides={"car": {"share_2028": 0.15}}))
    own = figures[figures["source"] == "set by the user"]
    assert own[["figure", "vehicle_class", "value", "low", "high"]].to_numpy().tolist() == [
        ["share_2028", "car", 0.15, 0.15, 0.15]
    ]


def test_own_rows_replace_the_packages_one_by_one(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(SALES_HEAD + "car,sales_year,100000,90000,120000,vehicles/year,mine,M\n")
    figures = fleet_figures(FleetScenario(sales_path=path)).set_index(["vehicle_class", "figure"])
    assert figures.loc[("car", "sales_year"), ["value", "source"]].to_list() == [100_000, "mine"]
    assert figures.loc[("car", "growth"), "value"] == 0.06
    model = fleet_model(FleetScenario(sales_path=path), 2026).set_index(["year", "vehicle_class"])
    assert model.loc[(2026, "car"), "sales"] == 100_000
    assert model.loc[(2026, "bus"), "sales"] == 1_200


def test_every_figure_is_listed_with_source_and_range():
    figures = fleet_figures(FleetScenario("nev-2025-30"))
    assert len(figures) == 7 * 7 + 7 * 3
    assert figures["source"].str.len().gt(5).all()
    assert figures["unit"].str.len().gt(0).all()
    assert (figures["low"] <= figures["value"]).all()
    assert (figures["value"] <= figures["high"]).all()
    targets = figures[figures["figure"].str.startswith("share_")]
    assert set(targets["confidence"]) == {"ASSUMPTION"}  # the policy gives no split by class


# --- bad input -----------------------------------------------------------------------------------


def test_an_unknown_scenario_is_told_which_there_are():
    assert scenario_names() == ["nev-2025-30", "nev-2019", "slow", "fast", "net-zero-2060"]
    with pytest.raises(InputError, match="has no nev; it has: nev-2025-30, nev-2019, slow, fast"):
        fleet_model(FleetScenario("nev"))


@pytest.mark.parametrize("year", [2024, 2041])
def test_a_year_the_targets_do_not_cover(year):
    with pytest.raises(InputError, match=f"covers 2025 to 2040, not {year}"):
        fleet_model(until=year)


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (["2030,0.3,0.3,0.3", "2026,0.1,0.1,0.1"], "years do not increase"),
        (["2026,0.1,0.1,0.1", "2026,0.2,0.2,0.2"], "a year is given twice"),
        (["2026,0.1,0.1,0.1", "2030,1.2,1.2,1.2"], "at most 1"),
        (["2026,0.1,0.1,0.1", "2030,0.3,0.4,0.5"], "must be low <= central <= high"),
        (["2026,0,0,0", "2030,0.3,0.3,0.3"], "must be above 0 and below the saturation"),
        (["2026,0.1,0.1,0.1", "2030,0.98,0.98,0.98"], "must be above 0 and below the saturation"),
        (["2028,0.1,0.1,0.1", "2030,0.3,0.3,0.3"], "later than 2026"),
    ],
)
def test_targets_that_cannot_be(tmp_path, rows, word):
    path = scenarios(tmp_path, [f"mine,car,{row},share,s,L" for row in rows])
    with pytest.raises(InputError, match=word) as caught:
        fleet_model(FleetScenario("mine", path), 2028)
    assert "car" in str(caught.value)
    assert str(path) in str(caught.value)


def test_classes_missing_on_either_side_are_named(tmp_path):
    path = tmp_path / "scenarios.csv"
    rows = [f"mine,{c},{y},0.1,0.1,0.1,share,s,L" for c in ("car", "tram") for y in (2026, 2040)]
    path.write_text(SCENARIO_HEAD + "\n".join(rows) + "\n")
    with pytest.raises(InputError) as caught:
        fleet_model(FleetScenario("mine", path), 2030)
    ids = [fault.ids for fault in caught.value.faults]
    assert ids == [tuple(c for c in CLASSES if c != "car"), ("tram",)]


def test_every_bad_override_at_once():
    own = {
        "car": {"share_2030": 1.5, "lifetime": 3},
        "bus": {"growth": 2.0},
        "tram": {"sales_year": 5},
    }
    with pytest.raises(InputError) as caught:
        fleet_model(FleetScenario(overrides=own))
    text = str(caught.value)
    for word in (
        "car.share_2030",
        "there is no figure called lifetime",
        "growth: share/year must be",
        "lacks growth, life_years",
    ):
        assert word in text
    assert len(caught.value.faults) == 4


def test_own_sales_rows_with_faults(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text(
        SALES_HEAD
        + "car,sales_year,1,1,1,v,s,L\ncar,sales_year,2,2,2,v,s,L\nbus,speed,1,1,1,v,s,L\n"
    )
    with pytest.raises(InputError) as caught:
        fleet_model(FleetScenario(sales_path=path))
    assert [fault.ids for fault in caught.value.faults] == [("bus speed",), ("car sales_year",)]


def test_nothing_given_is_changed():
    overrides = {"car": {"share_2030": 0.3, "growth": 0.02}}
    fleet_model(FleetScenario(overrides=overrides))
    assert overrides == {"car": {"share_2030": 0.3, "growth": 0.02}}
    first, second = fleet_model(until=2030), fleet_model(until=2030)
    pd.testing.assert_frame_equal(first, second)
