"""A plan under other conditions: capacity rules, a simulated day, other demand, a robust plan."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from one_site import offers_of
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.config import load
from siting.errors import ConfigError, InputError
from siting.simulation import station_table
from siting.sites import (
    ServiceStandard,
    charger_catalogue,
    compatibility,
    group_mix,
    time_utilisation,
)
from siting.sites.standards import group_capacity_kwh_day
from siting.sites.waiting import largest_arrivals_per_h
from siting.study import Study, robustness, study_from_run
from siting.study.queues import Waiting, simulated
from siting.study.revalue import by_class, service_of
from siting.study.robustness import DAY
from siting.study.runs import ROBUST

CARS = {"car": 1.0}
LEV = {"two_wheeler": 1.0}


def group(counts, standard, energy):
    """Return the capacity (kWh/day) of chargers of one group, with power always on."""
    types = charger_catalogue().set_index("charger_id", drop=False).loc[list(counts)]
    mix = group_mix(types["charger_group"].iloc[0], compatibility(), energy_kwh_day=energy)
    return group_capacity_kwh_day(types, np.array(list(counts.values())), mix, standard)


# --- capacity ------------------------------------------------------------------------------------


def test_time_binds_where_ports_are_many_at_the_pace_of_the_vehicles():
    # A two-wheeler's own charger draws 0.5 kW, although the socket has 3.3 kW. 100 sockets in use
    # for 30 % of the day deliver 100 x 24 h x 0.3 x 0.5 kW.
    standard = ServiceStandard("waiting", time_utilisation={"lev": 0.3})
    assert group({"lev_3": 100}, standard, LEV) == pytest.approx(100 * 24 * 0.3 * 0.5)
    # A car takes 25 kWh in 35 min at a port of 60 kW or more, and in 50 min at 30 kW. Each of the
    # two chargers has two ports.
    fast = ServiceStandard("waiting", wait_min=1e4, alpha=0.999999, time_utilisation={"dc": 0.25})
    per_port_kwh = 24 * 0.25 * np.array([25 / (35 / 60), 25 / (50 / 60)])
    assert group({"dc_120": 1, "dc_60": 1}, fast, CARS) == pytest.approx(2 * per_port_kwh.sum())
    # At an AC port the car limits the power: 7 of 22 kW.
    slow = replace(fast, time_utilisation={"ac": 0.2})
    assert group({"ac_22": 3}, slow, CARS) == pytest.approx(3 * 24 * 0.2 * 7)
    # A slot of a cabinet is in use while its battery charges, at 0.8 kW over the taper.
    swap = replace(fast, time_utilisation={"swap_2w": 0.3})
    assert group({"swap_2w": 1}, swap, LEV) == pytest.approx(10 * 24 * 0.3 * 0.8 / 1.15)


def test_waits_bind_where_ports_are_few():
    bare = ServiceStandard("waiting")
    bound = replace(bare, time_utilisation={"dc": 0.25})
    assert group({"dc_30": 1}, bound, CARS) == group({"dc_30": 1}, bare, CARS)
    assert group({"dc_180": 8}, bound, CARS) < group({"dc_180": 8}, bare, CARS)


@pytest.mark.slow
@settings(deadline=None, max_examples=60)
@given(
    counts=st.dictionaries(
        st.sampled_from(["dc_30", "dc_60", "dc_120", "dc_180"]), st.integers(1, 6), min_size=1
    ),
    share=st.floats(0.01, 1.0),
    wait_min=st.floats(0, 60),
    alpha=st.floats(0.01, 0.9),
)
def test_capacity_is_never_above_either_bound(counts, share, wait_min, alpha):
    bare = ServiceStandard("waiting", wait_min=wait_min, alpha=alpha)
    both = replace(bare, time_utilisation={"dc": share})
    mix = group_mix("dc", compatibility(), energy_kwh_day=CARS)
    types = charger_catalogue().set_index("charger_id").loc[list(counts)]
    ports = types["ports"] * pd.Series(counts)
    pace_kw = [60 * mix.session_kwh / mix.minutes(kw) for kw in types["power_kw"] / types["ports"]]
    time = float((ports * pace_kw).sum()) * 24 * share
    found, waits = group(counts, both, CARS), group(counts, bare, CARS)
    assert found <= min(waits, time) * (1 + 1e-9)
    assert found == pytest.approx(min(waits, time))
    more = {name: n + 1 for name, n in counts.items()}
    assert group(more, both, CARS) >= found * (1 - 1e-9)


def test_the_packaged_shares_have_range_source_and_mark():
    table = siting.reference.table("time_utilisation")
    assert (table["low"] < table["use_share"]).all()
    assert (table["use_share"] < table["high"]).all()
    assert (table["source"].str.len() > 20).all()
    groups = set(compatibility()["charger_group"])
    assert set(table["charger_group"]) == groups == set(time_utilisation())


def test_shares_that_cannot_be_are_named(tmp_path):
    with pytest.raises(
        InputError, match=r"no such charger group .*known names: lev, lev_dc, ac, dc"
    ):
        time_utilisation({"dcc": 0.2})
    with pytest.raises(InputError, match=r"time_utilisation.dc: 1.5 is not a share of time"):
        ServiceStandard("waiting", time_utilisation={"dc": 1.5})
    town = write_town(tmp_path)
    with pytest.raises(ConfigError, match=r"offers.service.time_utilisation.lev: 2 is greater"):
        load(town, ["offers.service.time_utilisation={lev: 2}"])
    report = siting.check(town, overrides=["offers.service.time_utilisation={lew: 0.2}"])
    assert any("no such charger group" in str(fault) for fault in report.faults)


def test_the_old_name_of_the_rule_is_told_the_new_one(tmp_path):
    with pytest.raises(ConfigError, match=r"offers.service.rule: 'utilisation' is now called rat"):
        load(write_town(tmp_path), ["offers.service.rule=utilisation"])


def test_the_catalogue_under_both_bounds():
    standard = ServiceStandard("waiting", time_utilisation=time_utilisation())
    wide = offers_of({"hub": {"lev_3": 12}}, service=standard)
    bare = offers_of({"hub": {"lev_3": 12}}, service=ServiceStandard("waiting"))
    assert wide["capacity_lev_kwh_day"].item() < bare["capacity_lev_kwh_day"].item()


# --- a run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ran(stored_town):
    folder = stored_town() / "run"
    return siting.plan_from_run(folder), folder


def test_a_run_says_how_its_plan_fares(ran):
    plan, folder = ran
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert plan.facts["day"]["why_not"] == ""
    # 12 kWh are 10 sessions of 1.2 kWh, all within reach of a hub. One socket delivers 0.4 kW.
    assert facts["day"]["free"]["drivers_day"] == pytest.approx(10, abs=8)
    assert facts["day"]["free"]["exceeds"]
    for case in ("planned", "free"):
        one = facts["day"][case]
        assert 0 <= one["turned_away_share"] <= one["late_share"] <= 1
    own, other, *demands = facts["what_if"]
    assert own["served_kwh_day"] == pytest.approx(plan.outcome.served_kwh_day)
    assert other["key"] == "waiting"
    assert [row["key"] for row in demands] == ["case low", "case high"]  # the fleet is a table
    # No figure of the town has a range, so every draw gives the same demand.
    draws = facts["demand_range"]
    assert draws["p05_kwh_day"] == pytest.approx(12) == draws["p95_kwh_day"]
    lines = dict(plan.headline())
    assert lines.keys() >= {
        "Day, as planned", "Day, all drivers", "Service standard", "Demand, 90 % range",
        "Capacity by waits and port use",
    }  # fmt: skip
    # A fleet from a table has no scenarios, and the cases are not likely outcomes.
    assert "Under other demand" not in lines
    text = "median 12; the plan assumes 12, which exceeds 0% of the draws"
    assert text in lines["Demand, 90 % range"]
    assert "not met" in lines["Service standard"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "If demand turns out differently" in page
    assert "Demand: case low" in page


@pytest.mark.slow
def test_the_plan_itself_is_valued_by_its_own_flows(tmp_path, monkeypatch):
    """The plan's own row keeps the plan's flows, because other flows give other accounts."""
    study = Study(write_town(tmp_path))
    nothing = study.outcome.service.head(0)
    monkeypatch.setattr(robustness, "service_of", lambda *_: nothing)
    own, other, *_ = study.what_if
    shares = study.plan.classes.set_index("vehicle_class")["served_share"].to_dict()
    assert own["classes"] == pytest.approx(shares)
    assert other["served_kwh_day"] == 0


def test_the_time_that_ports_are_in_use_is_that_of_the_energy_they_give(ran):
    plan, folder = ran
    (sockets,) = plan.facts["day"]["use"]
    # Two sockets of 10/24 kW deliver 10 kWh/day each at most. They are 2.8 km apart: two places.
    assert (sockets["charger_group"], sockets["ports"], sockets["places"]) == ("lev", 2, 2)
    for case in ("planned", "free"):
        given = plan.facts["day"][case]["delivered_kwh_day"]
        assert sockets[f"{case}_share"] == pytest.approx(given / 20)
    assert sockets["limit_share"] is None  # the rule rated_share has no limit on port use
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Ports in use, share of the day" in page


@pytest.mark.slow
def test_the_plan_beside_other_circumstances_serves_the_classes_that_it_serves(
    monkeypatch, tmp_path
):
    """The plan's own row keeps the plan's flows, because other flows can need more money."""

    def unlike(asked, chosen):
        return service_of(asked, chosen).assign(served_kwh_day=0.0)

    monkeypatch.setattr("siting.study.robustness.service_of", unlike)
    plan = siting.run(write_town(tmp_path / "town"))
    own, other, *_ = plan.facts["what_if"]
    told = {row["vehicle_class"]: row["served_share"] for row in plan.facts["classes"]}
    assert own["classes"] == pytest.approx(told)
    assert other["served_kwh_day"] == 0


@pytest.mark.slow
def test_what_the_limit_on_time_in_use_costs_is_worked_out_by_hand(tmp_path):
    town = write_town(tmp_path / "town")
    keys = [
        "offers.configurations={hub: {socket: 24}}",
        "offers.service.rule=waiting",
        "program.budget_pkr=60_000",
        "demand.figures={two_wheeler: {km_day: 20, kwh_km: 1, public_share: 1}}",
    ]
    plan = siting.run(town, keys, out=tmp_path / "run")
    # The demand is 160 and 80 kWh/day. 24 sockets of 10/24 kW deliver 72 in 30 % of a day.
    assert plan.outcome.served_kwh_day == pytest.approx(144)
    rows = {row["key"]: row for row in plan.facts["what_if"]}
    hours = study_from_run(tmp_path / "run").sessions.set_index("vehicle_class")
    peak = hours.loc["two_wheeler"].filter(regex=r"^h\d\d$").max()
    alone = waits_kwh_day(24, 10, peak)
    assert 72 < alone < 160
    assert rows["waits"]["served_kwh_day"] == pytest.approx(alone + min(alone, 80))
    assert rows["waits"]["public_money_pkr"] is None  # the rule `share` covers no gap
    (sockets,) = plan.facts["day"]["use"]
    assert sockets["limit_share"] == 0.3
    over = [share > 0.3 for share in by_place(tmp_path / "run")]
    assert sockets["places_over"] == sum(over) > 0
    told = dict(plan.headline())
    assert f"above the limit of 30% at {sum(over)} of" in told["Ports in use"]
    assert f"serve {alone + min(alone, 80):,.0f} kWh/day" in told["Basis of the subsidies"]
    assert "Capacity by waits alone" in (tmp_path / "run/report.html").read_text(encoding="utf-8")


def waits_kwh_day(ports, power_kw, peak):
    """Return the capacity of sockets (1.2 kWh in 172.8 min) under limits on waits and power."""
    drivers = float(largest_arrivals_per_h(ports, 172.8, 10.0, 0.1))
    return min(drivers / peak * 1.2, power_kw * 24)


def by_place(folder):
    """Return the share of the day in which each station's sockets are in use by all drivers."""
    study = study_from_run(folder)
    days = simulated(study.plan, Waiting.of(study), study.demand, study.reach, DAY)
    return station_table(days["free"])["use_share"]


def test_the_same_run_has_the_same_day(ran, tmp_path):
    plan, folder = ran
    assert study_from_run(folder).day == plan.facts["day"]


def test_what_the_stations_serve_under_the_other_rule_is_worked_out_by_hand(ran):
    # One socket of 10/24 kW delivers 1.2 kWh in 172.8 min. The capacity by waits is the largest
    # rate with a tenth of drivers late, divided by the share of the peak hour. This capacity is far
    # below 10 kWh/day, so both hubs are full.
    plan, folder = ran
    other = next(row for row in plan.facts["what_if"] if row["what"] == "capacity")
    study = study_from_run(folder)
    hours = study.sessions.set_index("vehicle_class").loc["two_wheeler"]
    one = waits_kwh_day(1, 10 / 24, hours.filter(regex=r"^h\d\d$").max())
    assert other["served_kwh_day"] == pytest.approx(2 * one)


@pytest.mark.slow
def test_a_larger_demand_is_served_as_far_as_hubs_go(tmp_path):
    town = write_town(tmp_path)
    study = Study(town)
    offers = study.plan.outcome.offers
    more = study.demand.assign(demand_kwh_day=study.demand["demand_kwh_day"] * 2)
    # The demand is 16 and 8 kWh/day. Each hub delivers 10.
    asked = replace(study.asked, own={None: more})
    found = by_class(more, service_of(asked, offers)).set_index("vehicle_class")
    assert found.loc["all", "served_kwh_day"] == pytest.approx(18)
    assert found.loc["two_wheeler", "served_share"] == pytest.approx(18 / 24)
    none = by_class(more, service_of(asked, []))
    assert none["served_kwh_day"].eq(0).all()
    half = study.offers.assign(capacity_lev_kwh_day=study.offers["capacity_lev_kwh_day"] / 2)
    found = service_of(replace(study.asked, offers=half), offers)
    assert found["served_kwh_day"].sum() == pytest.approx(5 + 4)


@pytest.mark.slow
def test_people_by_minutes_to_the_nearest_station_are_those_of_the_reach(tmp_path):
    study = Study(write_town(tmp_path / "town"), ["reach.cutoff_min=3"])
    bands = study.isochrones
    assert bands["within_min"].to_list() == [3.0, 5.0, 10.0][: len(bands)]
    # Both ends of the town have a pump within three minutes, as the reach at this cutoff shows.
    near = study.reach[study.reach["site_id"].isin(study.plan.sites["site_id"])]
    homes = study.cells[study.cells["cell_id"].isin(near["cell_id"])]
    assert bands["people"].iloc[0] == pytest.approx(homes["people"].sum()) == 12
    assert bands["people_share"].sum() == pytest.approx(1)
    assert bands["demand_kwh_day"].sum() == pytest.approx(study.demand["demand_kwh_day"].sum())
    table = tmp_path / "drives.csv"
    study.reach.to_csv(table, index=False)
    assert study.with_(reach={"table_csv": table}).isochrones.empty
    nothing = study.with_(budget_pkr=0)
    assert nothing.isochrones.empty
    assert "isochrones" not in nothing.plan.layers


@pytest.mark.slow
def test_a_plan_without_a_station_has_no_day(tmp_path):
    plan = siting.run(write_town(tmp_path), ["program.budget_pkr=0"])
    assert plan.facts["day"]["why_not"] == "the plan has no station"
    assert dict(plan.headline())["Simulated day"] == "none: the plan has no station"


@pytest.mark.slow
def test_a_plan_in_years_with_floors_and_scenarios_fares_too(tmp_path):
    plan = siting.run(
        write_town(tmp_path),
        [
            "program.years={budgets_pkr: {2030: 5000}}",
            "program.class_floor=0.2",
            "program.scenarios={of: {now: {probability: 0.6}, "
            "more: {probability: 0.4, case: high}}}",
            "program.then=[shortest_drives]",
        ],
    )
    assert plan.facts["what_if"][0]["served_kwh_day"] == pytest.approx(12)
    assert plan.facts["day"]["planned"]["drivers_day"] > 0


@pytest.mark.slow
def test_coverage_and_the_gap_rule_fare_too(tmp_path):
    town = write_town(tmp_path)
    cover = siting.run(town, ["program.model=coverage"])
    assert "capacity" not in {row["what"] for row in cover.facts["what_if"]}
    gap = siting.run(town, ["offers.subsidy.rule=gap"])
    assert gap.facts["what_if"][0]["served_kwh_day"] == pytest.approx(gap.outcome.served_kwh_day)


# --- robust --------------------------------------------------------------------------------------


def cli(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_robust_needs_a_fleet_model_and_no_scenarios_of_its_own(tmp_path):
    town = write_town(tmp_path)
    done = cli("run", town, "--robust", "--out", tmp_path / "a")
    assert done.exit_code == 2
    assert "--robust: slow and fast" in done.stderr
    assert "demand.fleet_csv" in done.stderr
    own = "program.scenarios={of: {a: {probability: 0.5}, b: {probability: 0.5, case: high}}}"
    done = cli("run", town, "--robust", "--set", own, "--out", tmp_path / "a")
    assert done.exit_code == 2
    assert "names scenarios already" in done.stderr
    assert not (tmp_path / "a").exists()


def test_robust_is_the_yaml_the_page_shows():
    config = load(ROOT / "configs" / "islamabad.yaml", [ROBUST])
    futures = config.program.scenarios.of
    assert {name: (f.probability, f.fleet) for name, f in futures.items()} == {
        "slow": (0.3, "slow"), "planned": (0.5, None), "fast": (0.2, "fast"),
    }  # fmt: skip
    page = (ROOT / "docs" / "howto" / "questions.md").read_text(encoding="utf-8")
    for name, future in futures.items():
        assert f"{name}: {{probability: {future.probability:g}" in page


@pytest.mark.slow
def test_the_shortest_drives_are_told_in_minutes_a_driver(tmp_path):
    plan = siting.run(write_town(tmp_path), ["program.then=[shortest_drives]"])
    said = dict(plan.headline())["Then shortest drives"]
    mean = plan.outcome.drives_min[0]
    assert f"optimal: {mean:,.4g} min a driver, bound" in said


def test_what_a_minute_at_twice_and_half_its_worth_changes_is_told(ran):
    plan, _ = ran
    parts = plan.outcome.tables["cost_to_all"].set_index("part")["pkr_year"]
    said = dict(plan.headline())["Other values of time"]
    twice = (parts["stations"] + 2 * parts["drivers' time"]) / 1e6
    begins = f"this plan's cost to all is PKR {twice:,.2f} m a year at twice the value "
    assert said.startswith(begins)
    assert said.endswith("another plan may be best")
