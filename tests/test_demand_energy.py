"""Fleet and energy against figures worked by hand."""

import numpy as np
import pandas as pd
import pytest

from siting.demand import (
    city_energy,
    city_figures,
    city_share,
    demand_figures,
    national_fleet,
    vehicle_figures,
)
from siting.errors import InputError
from siting.reference import CONFIDENCE, table

CLASSES = ["two_wheeler", "three_wheeler", "car", "van_bus"]


def test_2025_adds_up_to_the_published_total():
    fleet = national_fleet(2025)
    assert fleet["vehicles"].sum() == 76_000
    assert fleet["vehicle_class"].to_list() == CLASSES
    assert set(fleet["confidence"]) == {"ASSUMPTION"}


def test_2030_is_within_half_a_percent_of_the_target_of_2_2_million():
    assert national_fleet(2030)["vehicles"].sum() == pytest.approx(2_200_000, rel=0.005)


def test_years_between_grow_at_a_constant_rate():
    by_year = {
        y: national_fleet(y).set_index("vehicle_class")["vehicles"] for y in range(2025, 2031)
    }
    for vehicle in CLASSES:
        rates = [by_year[y + 1][vehicle] / by_year[y][vehicle] for y in range(2025, 2030)]
        assert rates == pytest.approx([rates[0]] * 5)
    # 5,500 cars to 150,000 in five years: (150000/5500) ** 0.4 after two.
    assert by_year[2027]["car"] == pytest.approx(5_500 * (150_000 / 5_500) ** 0.4)
    fleet = national_fleet(2027)
    assert (fleet["low"] <= fleet["vehicles"]).all()
    assert (fleet["vehicles"] <= fleet["high"]).all()
    assert fleet["source"].str.contains("constant growth").all()


@pytest.mark.parametrize("year", [2024, 2031])
def test_a_year_beyond_the_table_is_not_guessed(year):
    with pytest.raises(InputError, match=f"covers 2025 to 2030, not {year}.*fleet table"):
        national_fleet(year)


def own_fleet(tmp_path, rows):
    path = tmp_path / "fleet.csv"
    header = "year,vehicle_class,vehicles,low,high,source,confidence\n"
    path.write_text(header + "".join(f"{r},mine,L\n" for r in rows))
    return path


def test_an_own_fleet_with_other_classes_and_a_zero(tmp_path):
    path = own_fleet(
        tmp_path, ["2030,tram,0,0,0", "2040,tram,100,50,200", "2030,car,1,1,1", "2040,car,4,4,4"]
    )
    fleet = national_fleet(2035, path).set_index("vehicle_class")["vehicles"]
    assert fleet.to_dict() == pytest.approx({"tram": 50, "car": 2})
    assert national_fleet(2040, path)["confidence"].to_list() == ["L", "L"]


def test_every_fault_of_an_own_fleet_at_once(tmp_path):
    path = own_fleet(
        tmp_path,
        ["2030,car,-5,-6,1", "2030,car,5,1,9", "2030,van,5,6,9", "2040,car,1,1,1"],
    )
    with pytest.raises(InputError) as caught:
        national_fleet(2030, path)
    text = str(caught.value)
    for word in ("negative", "given twice", "not low", "lack a year"):
        assert word in text
    assert str(path) in text


def test_lahore_in_2030_by_hand():
    """Facts 4.4: 13 % of the fleet, 253 k 2W, 10 k 3W, 20 k cars, about 100 MWh/day public."""
    fleet = national_fleet(2030)
    shares = city_share(table("cities"), "Lahore", CLASSES)
    energy = city_energy(fleet, vehicle_figures(), shares).set_index("vehicle_class")
    assert energy["vehicles"].to_dict() == pytest.approx(
        {"two_wheeler": 253_500, "three_wheeler": 10_400, "car": 19_500, "van_bus": 1_300}
    )
    assert energy.loc["two_wheeler", "demand_kwh_day"] == pytest.approx(253_500 * 0.028 * 30 * 0.15)
    without_buses = energy.drop("van_bus")
    public_mwh = without_buses["demand_kwh_day"].sum() / 1000
    all_mwh = (without_buses["demand_kwh_day"] / without_buses["public_share"]).sum() / 1000
    assert public_mwh == pytest.approx(100, rel=0.15)
    assert all_mwh == pytest.approx(380, rel=0.15)


def test_buses_are_half_vans_half_buses_by_hand():
    row = vehicle_figures().set_index("vehicle_class").loc["van_bus"]
    van, bus = 0.25 * 60, 1.3 * 220
    assert row["km_day"] == (60 + 220) / 2
    assert row["kwh_km"] == pytest.approx((van + bus) / (60 + 220))
    assert row["public_share"] == pytest.approx((van * 0.3 + bus * 0.05) / (van + bus), abs=0.005)


def test_a_city_without_registrations_goes_by_urban_people():
    shares = city_share(table("cities"), "karachi", ["car", "tram"])
    assert shares["city_share"].to_list() == pytest.approx([18_868_021 / 93.8e6] * 2)
    assert set(shares["confidence"]) == {"ASSUMPTION"}


def test_energy_scales_with_the_area_and_keeps_the_weakest_mark():
    fleet = pd.DataFrame(
        {"vehicle_class": ["car"], "vehicles": [1000.0], "source": "s", "confidence": "H"}
    )
    share = pd.DataFrame(
        {"vehicle_class": ["car"], "city_share": [0.5], "source": "t", "confidence": "L"}
    )
    use = vehicle_figures().assign(confidence="M")
    energy = city_energy(fleet, use, share, 0.25)
    assert energy["vehicles"].item() == 125
    assert energy["demand_kwh_day"].item() == pytest.approx(125 * 0.17 * 30 * 0.3)
    assert energy["confidence"].item() == "L"
    assert "s" in energy["source"].item()


@pytest.mark.parametrize("area", [0, -0.1, 1.01, float("nan")])
def test_an_area_share_that_makes_no_sense(area):
    fleet = national_fleet(2030)
    with pytest.raises(InputError, match="area_share"):
        city_energy(fleet, vehicle_figures(), city_share(table("cities"), "Multan", CLASSES), area)


def test_classes_without_figures_are_all_named():
    fleet = national_fleet(2030).replace({"car": "tram"})
    share = city_share(table("cities"), "Multan", ["two_wheeler"])
    with pytest.raises(InputError) as caught:
        city_energy(fleet, vehicle_figures(), share)
    assert [f.ids for f in caught.value.faults] == [
        ("tram",),
        ("three_wheeler", "tram", "van_bus"),
    ]


def test_a_changed_figure_says_so():
    rows = vehicle_figures(overrides={"car": {"public_share": 0.4}}).set_index("vehicle_class")
    assert (
        rows.loc["car", ["public_share_low", "public_share", "public_share_high"]].to_list()
        == [0.4] * 3
    )
    assert rows.loc["car", "kwh_km"] == 0.17
    assert rows.loc["car", "source"].startswith("public_share set by the user")
    assert rows.loc["two_wheeler", "confidence"] == "M"


def test_a_new_class_needs_every_figure():
    tram = {"kwh_km": 3, "km_day": 200, "public_share": 0}
    rows = vehicle_figures(overrides={"tram": tram}).set_index("vehicle_class")
    assert rows.loc["tram", "km_day"] == 200
    with pytest.raises(InputError) as caught:
        vehicle_figures(
            overrides={
                "tram": {"kwh_km": 3},
                "car": {"km": 3},
                "van_bus": {"public_share": 1.5},
                "two_wheeler": {"km_day": -1},
            }
        )
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    for word in ("km_day, public_share is not given", "no figure is called km", "van_bus"):
        assert word in text


def test_an_unknown_city_is_told_which_there_are():
    for call in (city_figures, lambda c: city_share(table("cities"), c, ["car"])):
        with pytest.raises(InputError, match="has no Atlantis; it has: Karachi, Lahore"):
            call("Atlantis")


def test_the_list_of_figures_has_every_class_source_and_range():
    fleet = national_fleet(2030)
    shares = city_share(table("cities"), "Lahore", CLASSES)
    figures = demand_figures(fleet, vehicle_figures(), shares, 0.3, "by hand")
    assert len(figures) == 5 * 4 + 1
    assert figures["source"].str.len().gt(0).all()
    assert set(figures["confidence"]) <= set(CONFIDENCE)
    assert (figures["low"] <= figures["value"]).all()
    assert (figures["value"] <= figures["high"]).all()
    product = figures[figures["vehicle_class"] == "car"]["value"].prod() * 0.3
    energy = city_energy(fleet, vehicle_figures(), shares, 0.3).set_index("vehicle_class")
    assert product == pytest.approx(energy.loc["car", "demand_kwh_day"])


@pytest.mark.parametrize(
    "name", ["fleet", "vehicles", "cities", "country", "chargers", "grid", "fees", "compatibility"]
)
def test_every_packaged_figure_has_a_source_and_a_mark(name):
    rows = table(name)
    assert rows["source"].str.len().gt(5).all()
    assert set(rows["confidence"]) <= set(CONFIDENCE)
    for column in ("low", "capex_low_pkr"):
        if column in rows.columns:
            central = (
                "value"
                if "value" in rows
                else column.replace("low_", "").replace("low", "vehicles")
            )
            high = column.replace("low", "high")
            assert (rows[column] <= rows[central]).all()
            assert (rows[central] <= rows[high]).all()


def test_the_eleven_cities():
    cities = table("cities")
    assert len(cities) == 11
    assert (
        cities["availability"]
        .between(cities["availability_low"], cities["availability_high"])
        .all()
    )
    assert (cities["utm_epsg"] == np.where(cities["lon"] < 72, 32642, 32643)).all()
    assert set(cities["speed_group"]) == {"karachi_lahore", "islamabad_rawalpindi", "other"}
