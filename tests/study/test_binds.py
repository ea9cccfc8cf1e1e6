"""The limits that bind a plan, and the number of places and ports that the plan uses."""

import json

import pandas as pd
import pytest
import yaml
from conftest import ROOT
from town import LAT, LONS, write_town

import siting
from siting.review import verify_run
from siting.study import Study, binds, write_report


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return write_town(tmp_path_factory.mktemp("binds") / "town")


def thirsty(town, **more):
    """Return the town's study with three times the demand: 24 kWh/day west, 12 east."""
    figures = {"two_wheeler": {"km_day": 3, "kwh_km": 1, "public_share": 1}}
    return Study(town).with_(demand={"figures": figures}, **more)


@pytest.mark.slow
def test_all_places_at_their_largest_size_are_told(town):
    # Each hub delivers 10 kWh/day, and no larger station is possible.
    (said,) = thirsty(town).binding[:1]
    assert said == (
        "all 2 places are used, each at the largest available size: more money cannot buy more"
    )
    # The money pays for one hub, so the other place is free. No larger station is possible.
    one = thirsty(town, budget_pkr=1_000)
    assert one.binding == ["every new station has the largest size that its place allows"]


@pytest.mark.slow
def test_all_places_are_used_but_could_hold_more(town):
    # Each of the two places has a hub. A station of two sockets costs twice as much as a hub.
    bundles = {"hub": {"socket": 1}, "two": {"socket": 2}}
    study = thirsty(town, offers={"configurations": bundles}, program={"budget_pkr": 2_000})
    chosen = ("s0001:hub", "s0002:hub")
    plan, outcome = study.plan, study.outcome
    sites = set(plan.offers["site_id"])
    hubs = plan.offers[plan.offers["offer_id"].isin(chosen)]
    assert len(hubs) == len(sites) == 2
    built = type("Plan", (), {"offers": plan.offers, "new_sites": hubs, "sites": hubs})()
    assert binds._sites(built, study.asked) == ["all 2 places are used"]
    assert outcome.subsidy_pkr <= 2_000


def test_all_that_is_wanted_is_served(town):
    said = Study(town).binding
    assert said == ["nearly all demand is served: more money can add at most 0 kWh/day"]


@pytest.mark.slow
def test_money_that_does_not_bind_is_told_by_its_price(town):
    plan = thirsty(town).plan
    free = pd.DataFrame({"row": ["demand", "money"], "name": "", "slice": "", "price": [1.0, 1e-9]})
    (said,) = binds._money(plan, free)
    assert said.startswith("the budget is not binding")
    dear = free.assign(price=[1.0, 1e-3])
    assert binds._money(plan, dear) == []
    assert binds._money(plan, None) == []


def test_sockets_that_cannot_live_on_their_cap_are_told_with_what_the_best_lacks(town):
    # 10 kWh/day at 0.01 PKR above the tariff earn almost nothing. The cap is half of 1,000 rupees.
    rule = {"rule": "need", "charger_share": 0.5, "grid_share": 0.0}
    money = {"prices_pkr_kwh": {"lev": 44.0}, "payment_share": 0.0, "sales_path": [1]}
    study = Study(town).with_(offers={"subsidy": rule}, money=money)
    need = study.asked.need
    offers = need.offers.iloc[0]
    worth = siting.economics.worth_pkr_kwh_day(study.business_rules, "lev")
    lacks = float(offers["cost_pkr"]) - worth * 10 - need.rule.cap[offers["offer_id"]]
    assert lacks > 0
    (said,) = binds._cannot_pass(study.asked)
    only = "no station with only sockets for two- and three-wheelers"
    assert said.startswith(f"{only} can break even")
    assert said.endswith(f"falls short by PKR {lacks / 1e6:,.2f} m")
    rich = study.with_(money=money | {"prices_pkr_kwh": {"lev": 500.0}})
    assert binds._cannot_pass(rich.asked) == []


@pytest.mark.slow
def test_stations_that_draw_nothing_and_serve_nearly_as_much_are_told(town):
    study = Study(town)
    plan = study.plan
    # Only the eastern hub draws money. The western hub alone serves 8 of 12 kWh/day, far from all.
    west = plan.new_sites["served_kwh_day"].idxmax()
    plan.sites.loc[west, "subsidy_pkr"] = 0.0
    assert binds._without_money(plan, study.asked) == []
    # If the plan serves 8.1 kWh/day, the 8 kWh/day of the western hub are nearly all.
    one = {"new_sites": plan.new_sites, "sites": plan.sites, "served_kwh_day": 8.1}
    like = type("Plan", (), one)()
    (said,) = binds._without_money(like, study.asked)
    assert said == (
        "PKR 0 would serve nearly as much: the station that draws no public money would alone "
        "serve 8 kWh/day"
    )


@pytest.mark.slow
def test_places_and_ports_are_counted_apart(tmp_path):
    path = write_town(tmp_path)
    # The second eastern pump is about 180 m from the first: two stations, one place.
    with (tmp_path / "sites.csv").open("a", encoding="utf-8") as sites:
        sites.write(f"{LONS[-2] - 0.002},{LAT},East pump 2\n")
    (tmp_path / "standing.csv").write_text(
        f"lon,lat,name,power_kw\n{LONS[2]},{LAT},Old,60\n", encoding="utf-8"
    )
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["demand"]["figures"]["two_wheeler"]["km_day"] = 3
    config["candidates"]["existing"] = {"path": "standing.csv", "source": "by hand"}
    config["candidates"]["existing"]["licence"] = "CC0"
    config["report"] = {"language": "en"}
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    plan = siting.run(path, out=tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    used = facts["places"]
    assert len(plan.new_sites) == 3
    assert (used["places"], used["new_places"], used["dc_places"]) == (3, 2, 1)
    assert used["new_ports"] == {"lev": 3}
    assert used["ports"] == {"lev": 3, "dc": 1}
    lines = dict(plan.headline())
    assert lines["Places"] == (
        "3 (stations within 300 m count as one), 1 of them with fast chargers; 3 sockets, 1 DC port"
    )
    assert lines["Binding limits"].startswith(
        "all 3 places are used, each at the largest available size"
    )
    page = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert "The plan has fast chargers at 1 of its 3 places" in page
    assert verify_run(tmp_path / "run").faults == []


@pytest.mark.slow
def test_the_six_bundles_of_before_use_every_place_and_say_so():
    bundles = {"lev_hub": {"lev_3": 12}}
    study = Study(ROOT / "configs" / "islamabad.yaml").with_(
        offers={"configurations": bundles},
        program={"then": [], "budget_pkr": 2e9},
        # At the packaged price of 75, no station with only sockets breaks even.
        money={"prices_pkr_kwh": {"lev": 140, "ac": 112.5, "dc": 120.0}},
        solver={"time_limit_s": 30},
    )
    assert study.binding[0] == (
        "all 161 places are used, each at the largest available size: more money cannot buy more"
    )
    assert study.places_used["new_places"] == 84
    assert study.places_used["new_ports"] == {"lev": 161 * 12}


def test_what_standing_stations_lose_to_new_ones(town):
    # The western hub is marked as existing. It sells 8 kWh/day, with or without the eastern hub.
    study = Study(town)
    plan = study.plan
    west = plan.sites["served_kwh_day"].idxmax()
    offer = str(plan.sites.loc[west, "offer_id"])
    offers = plan.offers.assign(existing=plan.offers["offer_id"] == offer)
    sites = plan.sites.assign(existing=plan.sites["offer_id"] == offer)
    one = {"offers": offers, "sites": sites, "new_sites": sites[~sites["existing"]]}
    sales = binds.standing_sales.make(type("Plan", (), one)(), study.asked)
    assert sales["alone_kwh_day"] == pytest.approx(8)
    assert (sales["kwh_day"], sales["stations"], sales["idle"]) == (pytest.approx(8), 1, 0)
    assert binds.standing_line(sales)[0].text.endswith("as much as if nothing were built")
    drained = sites.assign(served_kwh_day=sites["served_kwh_day"].where(~sites["existing"], 0.0))
    left = binds.standing_sales.make(type("Plan", (), {**one, "sites": drained})(), study.asked)
    assert left["idle"] == 1
    said = binds.standing_line(left)[0].text
    assert said == "sell 0 kWh/day, 8 less than if nothing were built (8); 1 of 1 sells nothing"
