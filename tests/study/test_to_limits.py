"""A planner's rules in the town, from the configuration to a recounted plan.

The town (`town.py`) has 8 two-wheelers in the west and 4 in the east, each with 1 kWh/day. On each
side a hub can be built. A hub costs 1,000 rupees, all of it subsidy, and delivers 10 kWh/day. The
pumps are 3.7 km apart.
"""

import json

import geopandas as gpd
import pytest
import shapely
import yaml
from study.test_program import built, change
from town import LAT, LONS, write_town

import siting
from siting.config import load
from siting.errors import ConfigError, InfeasibleError, InputError
from siting.review.frontier import frontier
from siting.study import Study
from siting.study.to_limits import site_named


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def limited(path, **limits):
    return change(path, limits=limits)


def two_kinds(path):
    """Add chargers with the same cost and capacity as the socket, but only for cars."""
    text = (path.parent / "chargers.csv").read_text(encoding="utf-8")
    line = text.splitlines()[1]
    more = line.replace("socket,lev", "plug,ac") + "\n" + line.replace("socket,lev", "fast,dc")
    (path.parent / "chargers.csv").write_text(text + more + "\n", encoding="utf-8")
    configurations = {"hub": {"socket": 1}, "mall": {"plug": 1}, "both": {"socket": 1, "plug": 1}}
    return change(path, "offers", configurations=configurations)


def headline(plan):
    return dict(plan.headline())


# --- the least gain ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_station_that_brings_too_little_is_left_and_so_is_its_money(town, tmp_path):
    # The eastern hub serves 4 kWh/day for 1,000 rupees, which is 4,000 per PKR m.
    plan = siting.run(
        change(town, least_gain={"per_million": 4001, "rule": "always"}), out=tmp_path / "run"
    )
    assert built(plan) == ["West pump"]
    assert headline(plan)["Money left"] == "PKR 0.00 m would add 4 kWh/day"
    assert plan.outcome.bound_kwh_day is None
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert facts["proof"]["objective"] == pytest.approx(8 - 4.001)
    assert facts["gain_per_million_pkr"]["below"] == []
    assert built(siting.run(change(town, least_gain={"per_million": 3999, "rule": "always"}))) == [
        "East pump",
        "West pump",
    ]


@pytest.mark.slow
def test_stations_that_bring_little_are_named(town, tmp_path):
    text = (town.parent / "chargers.csv").read_text(encoding="utf-8")
    dear = text.replace("1000,1000,1000", "1000000,1000000,1000000")
    (town.parent / "chargers.csv").write_text(dear, encoding="utf-8")
    siting.run(change(town, budget_pkr=2e6), out=tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    gain = facts["gain_per_million_pkr"]
    assert (gain["plan"], gain["least"]) == (pytest.approx(6), pytest.approx(4))
    assert len(gain["below"]) == 2
    assert facts["warnings"][0].startswith("2 new stations bring less than 10 kWh/day for each")


# --- squares, roads, power -----------------------------------------------------------------------


@pytest.mark.slow
def test_every_square_with_a_candidate_has_a_station(town):
    plan = Study(limited(town, density={"square_km": 3})).plan
    assert built(plan) == ["East pump", "West pump"]
    assert [(row["kind"], row["used"], row["at_least"]) for row in plan.outcome.limits] == [
        ("square", 1.0, 1.0)
    ] * 2


@pytest.mark.slow
def test_squares_that_the_money_does_not_reach_are_told(town):
    with pytest.raises(InfeasibleError) as caught:
        siting.run(change(town, budget_pkr=1000, limits={"density": {"square_km": 3}}))
    text = str(caught.value)
    assert "budget: have PKR 1,000, need PKR 2,000" in text
    assert "is required in 2 squares, but the budget does not allow all of them" in text
    assert "square 3 km E1 N1, square 3 km E3 N1" in text


def test_a_square_no_candidate_can_meet_is_named(town):
    rule = {"density": {"square_km": 3}, "forbidden_sites": ["East pump"]}
    with pytest.raises(InputError, match="some squares have no candidate") as caught:
        siting.run(limited(town, **rule))
    assert caught.value.faults[0].ids[0].startswith("square 3 km E")


@pytest.mark.slow
def test_a_road_from_a_layer_has_a_station_along_every_stretch(town):
    line = shapely.LineString([(LONS[0], LAT), (LONS[-1], LAT)])
    gpd.GeoDataFrame({"name": ["The street"]}, geometry=[line], crs=4326).to_file(
        town.parent / "roads.geojson"
    )
    rule = {"path": "roads.geojson", "within_km": 0.2}
    one = limited(town, corridors=rule | {"every_km": 5})
    assert built(siting.run(change(one, budget_pkr=1000))) == ["West pump"]
    two = limited(town, corridors=rule | {"every_km": 3})
    assert built(siting.run(change(two, budget_pkr=2000))) == ["East pump", "West pump"]
    said = r"some stretches have no candidate .*The street, km 1\.5 to 3\.1"
    with pytest.raises(InputError, match=said):
        siting.run(limited(town, corridors=rule | {"every_km": 2}))


@pytest.mark.slow
def test_a_road_that_is_not_there_is_told(town):
    with pytest.raises(InputError, match="'N-5' is not a road of the network"):
        siting.run(limited(town, corridors={"roads": ["N-5"], "every_km": 50}))


@pytest.mark.slow
def test_power_for_each_vehicle_is_told_and_can_be_asked_for(town, tmp_path):
    # A hub has 10 / 24 kW, so two hubs have 0.069 kW for each of 12 two-wheelers.
    bikes = {"ev_classes": ["two_wheeler"]}
    siting.run(change(town, budget_pkr=1000, limits=bikes), out=tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert facts["power_per_ev"]["vehicles"] == pytest.approx(12)
    assert facts["power_per_ev"]["kw_per_ev"] == pytest.approx(10 / 24 / 12)
    cheap = {"least_cost": {"served_share": 0.1}}
    plan = siting.run(change(town, **cheap, limits=bikes | {"least_kw_per_ev": 0.05}))
    assert built(plan) == ["East pump", "West pump"]
    with pytest.raises(InfeasibleError, match=r"need 1\.2 kW"):
        siting.run(change(town, **cheap, limits=bikes | {"least_kw_per_ev": 0.1}))
    with pytest.raises(InputError, match="ev_classes: not in the demand"):
        siting.run(limited(town, least_kw_per_ev=1.3))


# --- money by charger group ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_split_gives_each_group_its_share_and_follows_the_budget(town):
    two_kinds(town)
    # Half of 2,000 rupees pays for one hub. The other half may not be spent on two-wheelers.
    rule = change(town, budget_pkr=2000, limits={"split": {"lev": 0.5, "ac": 0.5}})
    assert built(siting.run(rule)) == ["West pump"]
    table = frontier(Study(rule), [2000, 4000])
    assert table["served_kwh_day"].tolist() == pytest.approx([8, 12])


@pytest.mark.slow
def test_the_packaged_split_is_of_the_crores_of_india(town):
    plan = siting.run(change(two_kinds(town), budget_pkr=4000, limits={"split_like": "pm_e_drive"}))
    most = {row["limit"]: row["at_most"] for row in plan.outcome.limits}
    assert most["split two_three_wheelers"] == pytest.approx(4000 * 581 / 1988)
    assert most["split cars_buses_trucks"] == pytest.approx(4000 * 1407 / 1988)
    assert built(plan) == ["West pump"]  # 1,169 rupees for two-wheelers


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "hubs"),
    [("ceiling", 2), ("kept", 1), ("both", 1)],
)
def test_money_kept_for_cars_is_not_there_for_two_wheelers(town, rule, hubs):
    two_kinds(town)
    cars = {"cars": {"budget_pkr": 1500, "charger_groups": ["ac"], "rule": rule}}
    plan = siting.run(change(town, budget_pkr=2500, limits={"envelopes": cars}))
    assert len(plan.new_sites) == hubs


KEPT = {"budget_pkr": 3000, "charger_groups": ["lev"], "rule": "kept"}


@pytest.mark.parametrize(
    ("keys", "key", "what"),
    [
        ({"limits": {"split": {"lev": 0.7, "ac": 0.5}}}, "split", "add up to 1.2"),
        (
            {"limits": {"split": {"lev": 0.7}, "split_like": "pm_e_drive"}},
            "split_like",
            "in addition to limits.split",
        ),
        (
            {"limits": {"envelopes": {"a": KEPT, "b": KEPT}}},
            "envelopes",
            "more than one envelope reserves money for lev",
        ),
        ({"budget_pkr": 2000, "limits": {"envelopes": {"a": KEPT}}}, "envelopes", "PKR 3,000 is"),
        (
            {"limits": {"envelopes": {"a": KEPT}, "split": {"lev": 0.5}}},
            "envelopes.a.rule",
            "the split already reserves",
        ),
        (
            {"least_cost": {"served_share": 0.5}, "limits": {"split": {"lev": 0.5}}},
            "split",
            "has no effect if the first aim is to spend least",
        ),
        ({"limits": {"corridors": {"every_km": 50}}}, "corridors.roads", "no road is named"),
    ],
)
def test_rules_that_make_no_sense_are_refused_from_the_yaml_alone(town, keys, key, what):
    with pytest.raises(ConfigError) as caught:
        load(change(town, **keys))
    (fault,) = caught.value.faults
    assert f"program.limits.{key}" in fault.where
    assert what in fault.what


@pytest.mark.slow
def test_a_part_of_the_split_without_chargers_is_told(town):
    with pytest.raises(InputError, match="no offer can use this money"):
        siting.run(limited(town, split_like="pm_e_drive"))


@pytest.mark.slow
def test_the_old_limits_of_a_run_are_read_again(town, tmp_path):
    path = limited(two_kinds(town), split={"lev": 0.5}, density={"square_km": 3})
    change(path, budget_pkr=4000)
    plan = siting.run(path, out=tmp_path / "run")
    again = siting.plan_from_run(tmp_path / "run")
    assert again.headline() == plan.headline()
    assert yaml.safe_load(path.read_text(encoding="utf-8"))["program"]["budget_pkr"] == 4000


def test_a_site_is_found_by_name_where_places_were_joined_to_the_candidates():
    joined = gpd.GeoDataFrame(
        {"site_id": ["s1", "s2", "s3"], "name": ["West pump", None, "East end"]}, index=[0, 1, 0]
    )
    assert site_named(joined, " east END", "--require") == "s3"
    with pytest.raises(InputError, match="'s4' is not a site"):
        site_named(joined, "s4", "--require")
