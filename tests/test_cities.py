"""The city library: eleven cities whose configurations hold, and the census behind them."""

import difflib

import pandas as pd
import pytest
from conftest import often

from siting.cities import find_city, library, new_config, tehsils
from siting.config import load
from siting.demand import city_figures, city_like, city_share
from siting.errors import InputError
from siting.files import PAKISTAN_WSEN
from siting.reference import table

CITIES = [
    "Karachi",
    "Lahore",
    "Islamabad",
    "Rawalpindi",
    "Faisalabad",
    "Multan",
    "Peshawar",
    "Quetta",
    "Hyderabad",
    "Gujranwala",
    "Sialkot",
]


def test_the_eleven_cities_with_all_that_a_study_needs():
    cities = library()
    assert cities["city"].to_list() == CITIES
    need = ["province", "disco", "availability", "speed_group", "people_2023", "zones"]
    assert cities[need].notna().all(axis=None)
    assert set(cities["speed_group"]) <= set(table("speeds")["city_group"])
    assert (cities["area_confidence"] == "ASSUMPTION").all()  # recalled, not surveyed


@pytest.mark.parametrize("name", CITIES)
def test_a_box_holds_its_city_and_is_the_size_of_one(name):
    city = find_city(name)
    west, south, east, north = city[["west_deg", "south_deg", "east_deg", "north_deg"]]
    assert west < city["lon"] < east
    assert south < city["lat"] < north
    assert PAKISTAN_WSEN[0] < west < east < PAKISTAN_WSEN[2]
    assert PAKISTAN_WSEN[1] < south < north < PAKISTAN_WSEN[3]
    assert 0.1 < east - west < 0.7
    assert 0.1 < north - south < 0.5


def test_chargers_in_service_lie_in_the_boxes(shared_data):
    chargers = pd.read_csv(shared_data / "data/ev_chargers/pakistan_ev_chargers_ocm.csv")
    lat, lon = (chargers[next(c for c in chargers if c.startswith(k))] for k in ("lat", "lon"))
    inside = {}
    for city in library().to_dict("records"):
        within = lon.between(city["west_deg"], city["east_deg"]) & lat.between(
            city["south_deg"], city["north_deg"]
        )
        inside[city["city"]] = int(within.sum())
    assert inside["Lahore"] >= 11
    assert inside["Karachi"] >= 8
    assert inside["Islamabad"] + inside["Rawalpindi"] >= 8
    assert {c: inside[c] for c in ("Hyderabad", "Peshawar", "Multan", "Gujranwala")} == {
        "Hyderabad": 1,
        "Peshawar": 1,
        "Multan": 1,
        "Gujranwala": 1,
    }


@pytest.mark.parametrize("name", CITIES)
def test_a_new_configuration_passes_the_check(name, tmp_path):
    path = tmp_path / f"{name.lower()}.yaml"
    path.write_text(new_config(name), encoding="utf-8")
    config = load(path, check_files=True)
    city = find_city(name)
    assert config.name == name.lower()
    assert config.demand.city == name.lower()
    people = config.demand.people
    assert people.kind == "streets"
    # The area may not hold more people than its city, or demand stops with a share above 1.
    assert people.total <= (config.demand.city_people or city["people_2023"])
    source = config.roads.source
    if city["place_query"]:
        assert source.kind == "place"
        assert source.query == city["place_query"]
        assert people.total == tehsils(name)["people_2023"].sum()
    else:
        assert source.kind == "bbox"
        assert source.west_deg == city["west_deg"]
        assert people.total == city["people_2023"]
    assert [s.kind for s in config.candidates.sources] == ["osm_download", "streets"]
    assert config.program.budget_pkr == pytest.approx(people.total * 80, abs=5e6)
    text = path.read_text(encoding="utf-8")
    assert all(tehsil in text for tehsil in tehsils(name)["tehsil"])
    assert max(map(len, text.splitlines())) < 200


def test_capitals_do_not_matter_and_a_slip_is_told():
    assert new_config("LAHORE") == new_config("lahore")
    for call in (new_config, find_city, tehsils):
        with pytest.raises(InputError, match="did you mean Peshawar"):
            call("Peshawer")
    with pytest.raises(InputError, match="known names: Karachi, Lahore"):
        find_city("Xyz")
    assert not difflib.get_close_matches("xyz", [c.lower() for c in CITIES])


def test_the_census_adds_up_to_its_published_totals():
    karachi = tehsils("Karachi")
    assert len(karachi) == 31
    assert karachi["people_2023"].sum() == 20_382_881
    assert karachi["households"].sum() == 3_434_103
    by_district = karachi.groupby("district")["people_2023"].sum()
    assert by_district["Keamari"] == 2_068_451
    assert tehsils("Lahore")["people_2023"].sum() == 13_004_135
    # City proper is the urban people of just these tehsils.
    cities = library().set_index("city")
    for name in ("Quetta", "Hyderabad", "Peshawar", "Rawalpindi", "Faisalabad", "Gujranwala"):
        assert tehsils(name)["urban_people"].sum() == cities.loc[name, "people_2023"], name


def test_every_zone_makes_sense():
    zones = tehsils()
    assert len(zones) == 589
    assert zones["district"].nunique() == 136
    assert zones["people_2023"].sum() == 240_812_426  # of 241.5 million; two rows are unreadable
    assert not zones[["district", "tehsil"]].duplicated().any()
    assert (zones["urban_people"] <= zones["people_2023"]).all()
    for column in ("renting_share", "rooms4_share", "grid_share"):
        assert zones[column].dropna().between(0, 1).all()
    known = zones.dropna(subset="households")
    size = known["people_2023"] / known["households"]
    assert (abs(size - known["household_size"]) < 0.15).all()
    lyari = zones.set_index("tehsil").loc["Lyari"]
    assert lyari["people_2023"] / lyari["area_km2"] == pytest.approx(158_313, abs=1)


def test_the_rest_of_a_district_is_added_on_request():
    assert tehsils("Multan")["tehsil"].to_list() == ["Multan City"]
    assert len(tehsils("Multan", whole_district=True)) == 4
    assert tehsils("sukkur")["people_2023"].sum() == 356_473 + 267_108


def test_the_census_table_agrees_with_the_bureau(shared_data):
    census = pd.read_csv(shared_data / "data/census/census2023_table01_tehsil_population.csv")
    overall = census[census["REGION"] == "OVERALL"]
    people = set(overall["ALL_SEXES"].dropna().astype(int))
    zones = tehsils()
    missing = zones.loc[~zones["people_2023"].isin(people), "tehsil"].to_list()
    assert missing == []


@pytest.mark.slow
@pytest.mark.parametrize("step", often([20, 1], [20]))
def test_every_tehsil_of_the_census_has_a_configuration(tmp_path, step):
    for zone in tehsils().iloc[::step].to_dict("records"):
        text = new_config(f"{zone['tehsil']}, {zone['district']}")
        path = tmp_path / "town.yaml"
        path.write_text(text, encoding="utf-8")
        config = load(path)
        assert config.demand.people.total == zone["people_2023"]
        assert config.demand.city_people == zone["people_2023"]
        find_city(config.demand.like)
    taxila = new_config("taxila")
    assert "those of\n# Rawalpindi (assumption" in taxila
    assert "query: Taxila Tehsil, Rawalpindi District, Pakistan" in taxila
    # A city with several tehsils that the library lacks.
    assert "total: 623_581" in new_config("Sukkur")
    with pytest.raises(InputError, match=r"several districts \(Karachi South, Quetta\)"):
        new_config("Saddar")


def test_a_town_of_the_census_is_found_and_borrows_what_is_not_known_of_it(tmp_path):
    path = tmp_path / "haripur.yaml"
    path.write_text(new_config("haripur"), encoding="utf-8")
    config = load(path)
    assert (config.demand.city, config.demand.like) == ("Haripur", "peshawar")
    assert config.demand.people.total == config.demand.city_people == 836_058
    assert config.roads.source.query == "Haripur Tehsil, Haripur District, Pakistan"
    path.write_text(new_config("Haripur", "rawalpindi", 147_765), encoding="utf-8")
    config = load(path)
    assert config.demand.like == "rawalpindi"
    assert config.demand.people.total == config.demand.city_people == 147_765


@pytest.mark.parametrize("town", ["Gharo", "Yes", "New: Town #1", "ٹوپی", "Sector 'B\\n'"])
def test_any_other_town_is_described_by_a_city_it_is_like(tmp_path, town):
    with pytest.raises(InputError, match="describe any other town"):
        new_config(town)
    path = tmp_path / "town.yaml"
    path.write_text(new_config(town, like="Karachi", people=50_000), encoding="utf-8")
    config = load(path)
    assert (config.title, config.demand.city, config.demand.like) == (town, town, "karachi")
    assert config.roads.source.query == f"{town}, Pakistan"
    with pytest.raises(InputError, match="did you mean Karachi"):
        new_config(town, like="Karachy", people=50_000)


def test_a_city_like_another_has_its_supply_and_a_share_of_its_own_people():
    row = city_like("lahore", "Kasur", 500_000)
    assert (row["disco"], row["speed_group"]) == ("LESCO", "karachi_lahore")
    share = city_share(row, ["car"])
    same = city_share(city_like("quetta", "Kasur", 500_000), ["car"])
    assert share["city_share"].tolist() == same["city_share"].tolist()
    quetta = city_share(city_figures("Quetta"), ["car"]).loc[0, "city_share"]
    people = find_city("quetta")["people_2023"]
    assert share.loc[0, "city_share"] == pytest.approx(quetta * 500_000 / people)
