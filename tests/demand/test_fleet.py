"""National fleets and city shares, beside what is published."""

import pandas as pd
import pytest

from siting.demand import (
    FleetScenario,
    city_figures,
    city_share,
    fleet_check,
    fleet_model,
    national_fleet,
)
from siting.errors import InputError
from siting.reference import CONFIDENCE, table

CLASSES = ["two_wheeler", "two_wheeler_delivery", "three_wheeler", "car", "van", "bus", "truck"]


def test_2025_adds_up_to_the_published_total():
    fleet = national_fleet(2025)
    assert fleet["vehicles"].sum() == 76_000
    assert fleet["vehicle_class"].to_list() == CLASSES
    assert set(fleet["confidence"]) == {"ASSUMPTION"}


def test_2030_is_within_a_tenth_of_the_published_2_2_million_and_says_how_far_off():
    check = fleet_check().set_index("item")
    stock = national_fleet(2030)["vehicles"].sum()
    row = check.loc["in service, 2030"]
    assert row["published"] == 2_200_000
    assert row["model"] == pytest.approx(stock)
    assert row["difference_share"] == pytest.approx(stock / 2_200_000 - 1)
    assert row["difference_share"] == pytest.approx(-0.027, abs=0.001)  # what the docs state
    assert row["tolerance"] == pytest.approx(220_000)
    assert row["within"]
    # 30 % of all sales, not of each class.
    model = fleet_model(until=2030).query("year == 2030")
    share = model["electric_sales"].sum() / model["sales"].sum()
    assert check.loc["electric share of sales, 2030", "model"] == pytest.approx(share)
    assert share == pytest.approx(0.30, abs=0.005)
    # Cumulative: the opening stock and all electric sales from 2026 on.
    sold = fleet_model(until=2030)["electric_sales"].sum() + 76_000
    assert check.loc["sold by 2030", "model"] == pytest.approx(sold)
    assert check["within"].all()


def test_a_scenario_that_misses_is_not_called_within():
    slow = fleet_check(FleetScenario("slow")).set_index("item")
    assert slow["within"].to_dict() == {
        "in service, 2025": True,
        "in service, 2030": False,
        "sold by 2030": False,
        "electric share of sales, 2030": False,
        "in service, 2025, two_wheeler": True,
        "in service, 2025, car": True,
        "in service, 2026, bus": True,
    }
    assert slow.loc["in service, 2030", "difference"] < -1e6


def test_the_2030_fleet_is_near_the_facts_class_by_class():
    """Facts 4.4: 2W 1.95 m (1.6-2.1), 3W 0.08 m (0.05-0.15), cars 0.15 m (0.08-0.25)..."""
    fleet = national_fleet(2030).set_index("vehicle_class")["vehicles"]
    two = fleet[["two_wheeler", "two_wheeler_delivery"]].sum()
    assert 1.6e6 < two < 2.1e6
    assert 50_000 < fleet["three_wheeler"] < 150_000
    assert 80_000 < fleet["car"] < 250_000
    assert 4_000 < fleet[["van", "bus", "truck"]].sum() < 20_000


def test_a_fleet_is_the_year_of_the_model_with_scenario_and_changes_named():
    model = fleet_model(FleetScenario("fast"), 2033).query("year == 2033")
    fleet = national_fleet(2033, FleetScenario("fast"))
    assert fleet["vehicles"].to_list() == model["stock"].to_list()
    assert fleet["low"].to_list() == model["stock_low"].to_list()
    assert fleet["source"].str.contains("scenario fast").all()
    changed = national_fleet(2030, FleetScenario(overrides={"car": {"share_2030": 0.5}}))
    source = changed.set_index("vehicle_class")["source"]
    assert source["car"].endswith("with share_2030 set by the user")
    assert not source["bus"].endswith("user")


def test_a_year_or_scenario_that_is_not_there():
    with pytest.raises(InputError, match=r"covers 2025 to 2040, not 2041.*net-zero-2060"):
        national_fleet(2041)
    with pytest.raises(InputError, match="has no best"):
        national_fleet(2030, FleetScenario("best"))


# --- a table of one's own ------------------------------------------------------------------------


def own_fleet(tmp_path, rows):
    path = tmp_path / "fleet.csv"
    header = "year,vehicle_class,vehicles,low,high,source,confidence\n"
    path.write_text(header + "".join(f"{r},mine,L\n" for r in rows))
    return path


def test_an_own_fleet_grows_at_a_constant_rate_with_other_classes_and_a_zero(tmp_path):
    path = own_fleet(
        tmp_path, ["2030,tram,0,0,0", "2040,tram,100,50,200", "2030,car,1,1,1", "2040,car,4,4,4"]
    )
    fleet = national_fleet(2035, path=path).set_index("vehicle_class")["vehicles"]
    assert fleet.to_dict() == pytest.approx({"tram": 50, "car": 2})
    assert national_fleet(2035, path=path)["source"].str.contains("constant growth").all()
    assert national_fleet(2040, path=path)["confidence"].to_list() == ["L", "L"]


def test_an_own_fleet_does_not_go_beyond_its_years_nor_take_overrides(tmp_path):
    path = own_fleet(tmp_path, ["2030,car,1,1,1"])
    with pytest.raises(InputError, match=r"covers 2030 to 2030, not 2031.*fleet table"):
        national_fleet(2031, path=path)
    with pytest.raises(InputError, match="overrides belong to the fleet model"):
        national_fleet(2030, FleetScenario(overrides={"car": {"growth": 0.0}}), path)


def test_every_fault_of_an_own_fleet_at_once(tmp_path):
    path = own_fleet(
        tmp_path,
        ["2030,car,-5,-6,1", "2030,car,5,1,9", "2030,van,5,6,9", "2040,car,1,1,1"],
    )
    with pytest.raises(InputError) as caught:
        national_fleet(2030, path=path)
    text = str(caught.value)
    for word in ("negative", "given twice", "must be low", "lack a year"):
        assert word in text
    assert str(path) in text


# --- cities --------------------------------------------------------------------------------------


def test_shares_by_registrations_class_by_class():
    shares = city_share(city_figures("karachi"), CLASSES).set_index("vehicle_class")
    assert shares.loc["two_wheeler", ["low", "city_share", "high"]].to_list() == [
        0.155,
        0.18,
        0.215,
    ]
    assert shares.loc["car", "city_share"] == 0.30
    assert shares.loc["bus", "city_share"] == 0.20  # the row for all classes
    # By hand: 2.7 m of 17,465,880 motorcycles; 1,050 a day of the country's 11.5 % growth.
    new_a_year = 17_465_880 * (1 - 1 / 1.115)
    ends = [2_700_000 / 17_465_880, 1_050 * 365 / new_a_year]
    assert shares.loc["two_wheeler", ["low", "high"]].to_list() == pytest.approx(ends, abs=0.003)
    assert shares.loc["car", "high"] == pytest.approx(1_330_000 / 3_043_593, abs=0.005)


def test_a_city_without_registrations_goes_by_urban_people():
    shares = city_share(city_figures("quetta"), ["car", "tram"])
    share = 1_565_546 / 93.8e6
    assert shares["city_share"].to_list() == pytest.approx([share] * 2)
    assert shares["low"].to_list() == pytest.approx([0.7 * share] * 2)
    assert shares["high"].to_list() == pytest.approx([1.4 * share] * 2)
    assert set(shares["confidence"]) == {"ASSUMPTION"}
    assert "1,565,546" in shares.loc[0, "source"]


def test_a_city_table_that_states_a_share_is_believed_where_nothing_is_registered():
    stated = {"share_of_fleet": 0.02, "share_source": "mine", "share_confidence": "L"}
    quetta = pd.Series({**city_figures("Quetta"), **stated})
    row = city_share(quetta, ["car"]).iloc[0]
    assert row.to_list() == ["car", 0.02, 0.02, 0.02, "mine", "L"]


def test_no_share_of_the_packaged_cities_goes_over_the_country():
    shares = pd.concat([city_share(city_figures(c), CLASSES) for c in table("cities")["city"]])
    total = shares.groupby("vehicle_class")[["low", "city_share"]].sum()
    assert (total["city_share"] < 0.75).all()
    assert (shares["low"] <= shares["city_share"]).all()
    assert (shares["city_share"] <= shares["high"]).all()
    assert set(shares["confidence"]) <= set(CONFIDENCE)


def test_own_registrations_with_faults(tmp_path):
    path = tmp_path / "r.csv"
    head = "city,vehicle_class,share,low,high,source,confidence\n"
    path.write_text(
        head + "Lahore,,0.2,0.3,0.4,s,L\nLahore,car,1.2,1,1.3,s,L\nlahore,,0.1,0.1,0.1,s,L\n"
    )
    with pytest.raises(InputError) as caught:
        city_share(city_figures("Lahore"), ["car"], path)
    text = str(caught.value)
    for word in ("at most 1", "must be low <= central <= high", "given twice"):
        assert word in text
    path.write_text(head + "Lahore,car,0.2,0.1,0.4,mine,M\n")
    shares = city_share(city_figures("LAHORE"), ["car"], path)
    assert shares.loc[0, ["city_share", "source"]].to_list() == [0.2, "mine"]
    path.write_text(head + "Lahore,car,0,0,0,mine,M\n")
    with pytest.raises(InputError, match="Lahore has a share of 0"):
        city_share(city_figures("Lahore"), ["car"], path)


def test_an_unknown_city_is_told_which_there_are():
    with pytest.raises(InputError, match="has no Atlantis; it has: Karachi, Lahore"):
        city_figures("Atlantis")


# --- to 2060 -------------------------------------------------------------------------------------


def test_the_net_zero_path_is_the_policy_to_2040_and_a_projection_after():
    policy, path = (
        fleet_model(),
        fleet_model(FleetScenario("net-zero-2060"), 2060),
    )
    pd.testing.assert_frame_equal(path[path["year"] <= 2040].reset_index(drop=True), policy)
    last = path[path["year"] == 2060]
    assert (last["electric_share"] > 0.97).all()  # all but the ceiling of the sales
    assert path.groupby("vehicle_class")["electric_share"].apply(
        lambda share: share.dropna().is_monotonic_increasing
    ).all()  # fmt: skip
    fleet = national_fleet(2050, FleetScenario("net-zero-2060"))
    assert fleet["source"].str.contains("a projection beyond 2040").all()
    assert set(fleet["confidence"]) == {"ASSUMPTION"}
    assert (
        not national_fleet(2040, FleetScenario("net-zero-2060"))["source"]
        .str.contains("projection")
        .any()
    )


def test_classes_apart_stand_in_the_check_with_the_range_that_is_published():
    check = fleet_check().set_index("item")
    car = check.loc["in service, 2025, car"]
    assert (car["model"], car["published"], car["within"]) == (3_500, 4_000, True)
    bus = check.loc["in service, 2026, bus"]
    assert bus["published"] == 120 + 40 + 1_115
    assert 187 <= bus["model"] <= bus["published"]
    more = fleet_check(FleetScenario(overrides={"car": {"opening_vehicles": 5_500}})).set_index(
        "item"
    )
    assert not more.loc["in service, 2025, car", "within"]
