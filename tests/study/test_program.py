"""Every block of the program, from the configuration to a recounted plan, in the town.

The town has 8 two-wheelers in the west and 4 in the east, each with 1 kWh/day. On each side a hub
can be built. A hub costs 1,000 rupees, all of it subsidy, and delivers 10 kWh/day.
"""

import pandas as pd
import pytest
from town import LONS, write_town
from town import change as change_sections
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.config.refusals import REFUSALS
from siting.economics import business_case, gap_terms, worth_pkr_kwh_day
from siting.economics.rules import at_hurdle
from siting.errors import ConfigError, InfeasibleError, InputError
from siting.study import Study, check
from siting.study.program_inputs import subsidy_of


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def change(path, section="program", **keys):
    return change_sections(path, **{section: keys})


ZONES = {"kind": "grid", "size_m": 3000}


def built(plan):
    return sorted(plan.new_sites["name"])


def test_money_for_one_hub_goes_west_and_with_a_floor_east(town):
    one = change(town, budget_pkr=1000)
    assert built(Study(one).plan) == ["West pump"]
    study = Study(one)
    east = study.cells.loc[study.cells["people"] == 4, "cell_id"].item()
    zones = Study(change(one, zones=ZONES)).cell_zones
    assert zones.nunique() == 2
    plan = Study(change(one, zone_floors={zones[east]: 0.9})).plan
    assert built(plan) == ["East pump"]
    assert plan.outcome.proof.objective == pytest.approx(4)
    assert plan.tables["zones"].set_index("zone").loc[zones[east], "served_share"] == pytest.approx(
        1
    )


def test_floors_that_no_plan_holds_are_told_with_have_need_and_fix(town):
    with pytest.raises(InfeasibleError) as caught:
        siting.run(change(town, budget_pkr=1000, zones=ZONES, zone_floor=0.5))
    text = str(caught.value)
    assert "need" in text
    assert "budget" in text.lower()


@pytest.mark.slow
def test_max_min_needs_both_hubs_or_serves_no_zone_at_all(town):
    plan = siting.run(change(town, budget_pkr=2000, zones=ZONES, fairness="max_min"))
    assert built(plan) == ["East pump", "West pump"]
    assert dict(plan.headline())["Worst-served zone"].endswith("(100.0%)")


@pytest.mark.slow
@pytest.mark.parametrize(
    "keys",
    [
        {"fairness": "max_min", "zones": ZONES},
        {"decay": {"kind": "exponential", "scale_min": 5}},
        {"least_cost": {"served_share": 0.5}, "budget_pkr": 0},
        {"years": {"budgets_pkr": {2030: 1000}}},
    ],
    ids=lambda keys: next(iter(keys)),
)
def test_every_question_tells_what_it_is_doing_while_it_solves(town, keys, monkeypatch):
    monkeypatch.setattr("siting.settings.REPORT_EVERY_S", 0.0)
    events = []
    plan = Study(change(town, **keys), progress=events.append).plan
    told = [e.text for e in events if e.stage == "solve" and not e.done]
    assert told
    assert all(told)
    assert plan.outcome.proof.status == "optimal"


@pytest.mark.slow
def test_least_cost_for_half_is_one_hub(town):
    plan = Study(change(town, budget_pkr=0, least_cost={"served_share": 0.5})).plan
    assert built(plan) == ["West pump"]
    assert plan.outcome.proof.unit == "PKR"
    assert plan.outcome.proof.objective == plan.outcome.proof.bound == 1000


@pytest.mark.slow
def test_all_of_it_costs_two_hubs(town):
    plan = siting.run(change(town, budget_pkr=0, least_cost={"served_share": 1}))
    assert plan.outcome.proof.objective == 2000


@pytest.mark.slow
def test_people_count_for_people(town):
    (town.parent / "people.csv").write_text(
        f"lon,lat,people\n{LONS[0]},33.6,8\n{LONS[-1]},33.6,4\n", encoding="utf-8"
    )
    plan = siting.run(change(town, budget_pkr=1000, objective="people"))
    assert (plan.outcome.proof.unit, plan.outcome.proof.objective) == ("people", pytest.approx(8))
    plan = siting.run(change(town, objective="sessions"))
    assert plan.outcome.proof.objective == pytest.approx(8 / 1.2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "decay",
    [
        {"kind": "step", "factors": {0: 1.0, 1: 0.5}},
        {"kind": "linear", "full_min": 0, "end_min": 4, "least": 0.2},
        {"kind": "exponential", "scale_min": 3},
        {"kind": "gaussian", "sigma_min": 3},
    ],
)
def test_decay_counts_the_drive_and_is_recounted(town, decay):
    plan = siting.run(change(town, decay=decay))
    assert plan.outcome.served_kwh_day == pytest.approx(12)
    assert 0 < plan.outcome.proof.objective < 12
    assert "worth served" in set(plan.checks["check"])


@pytest.mark.slow
def test_two_years_build_the_bigger_side_first(town):
    fleet = town.parent / "fleet.csv"
    rows = fleet.read_text(encoding="utf-8") + "2029,two_wheeler,6,6,6,by hand,ASSUMPTION\n"
    fleet.write_text(rows, encoding="utf-8")
    plan = Study(change(town, years={"budgets_pkr": {2029: 1000, 2030: 1000}})).plan
    years = plan.tables["years"].set_index("year")
    # In 2029 there are 6 vehicles, 4 of them in the west. In 2030 all 12 are served.
    assert years["served_kwh_day"].to_list() == pytest.approx([4, 12])
    opened = plan.tables["built"].drop_duplicates("site_id").set_index("site_id")["built_year"]
    west = plan.sites.set_index("name").loc["West pump", "site_id"]
    assert opened[west] == 2029
    assert plan.outcome.subsidy_pkr == 2000
    assert plan.sites.set_index("name")["built_year"].to_dict() == {
        "West pump": 2029,
        "East pump": 2030,
    }


@pytest.mark.slow
def test_several_futures_share_one_plan(town):
    fleet = town.parent / "fleet.csv"
    fleet.write_text(fleet.read_text().replace("12,12,12", "12,6,18"), encoding="utf-8")
    futures = {
        "few": {"probability": 0.5, "case": "low"},
        "many": {"probability": 0.5, "case": "high"},
    }
    plan = siting.run(change(town, budget_pkr=1000, scenarios={"of": futures}))
    # The western hub serves 4 of 6 kWh/day if vehicles are few, and its capacity of 10 if many.
    found = plan.tables["scenarios"].set_index("scenario")
    assert found["served_kwh_day"].to_dict() == pytest.approx({"few": 4, "many": 10})
    assert built(plan) == ["West pump"]


@pytest.mark.slow
def test_alternatives_differ(town):
    plan = siting.run(change(town, budget_pkr=1000, alternatives={"count": 2, "differ_by": 2}))
    table = plan.tables["alternatives"]
    assert table["worth"].to_list() == pytest.approx([8, 4])
    assert plan.tables["alternative_sites"]["plans"].to_list() == [1, 1]


@pytest.mark.slow
def test_greedy_says_what_it_guarantees(town):
    plan = siting.run(change(town, section="solver", method="greedy"))
    assert plan.outcome.served_kwh_day == pytest.approx(12)
    assert plan.outcome.method == "greedy"


# ------------------------------------------------------------------------------------ limits


@pytest.mark.slow
def test_one_new_station_at_most(town):
    plan = siting.run(change(town, limits={"most_new_stations": 1}))
    assert built(plan) == ["West pump"]


@pytest.mark.slow
def test_a_site_by_name_is_required_or_ruled_out(town):
    plan = siting.run(change(town, budget_pkr=1000, limits={"required_sites": ["east PUMP"]}))
    assert built(plan) == ["East pump"]
    plan = siting.run(change(town, budget_pkr=5000, limits={"forbidden_sites": ["East pump"]}))
    assert built(plan) == ["West pump"]


def test_a_site_that_is_not_there_is_told_with_the_nearest_name(town):
    report = check(change(town, limits={"required_sites": ["Wset pump"]}))
    assert [f.where for f in report.faults] == ["program.limits.required_sites"]
    assert report.faults[0].fix == "did you mean West pump?"


@pytest.mark.slow
def test_envelopes_of_charger_groups(town):
    limits = {"envelopes": {"bikes": {"budget_pkr": 1500, "charger_groups": ["lev"]}}}
    plan = siting.run(change(town, budget_pkr=5000, limits=limits))
    assert built(plan) == ["West pump"]
    assert any("bikes" in str(check_) for check_ in plan.checks["check"])


@pytest.mark.slow
def test_an_envelope_of_an_unknown_group_is_told(town):
    limits = {"envelopes": {"bikes": {"budget_pkr": 1500, "charger_groups": ["ufo"]}}}
    with pytest.raises(InputError, match="no such charger group"):
        siting.run(change(town, limits=limits))


@pytest.mark.slow
def test_stations_apart(town):
    plan = siting.run(change(town, limits={"spacing_m": 10_000}))
    assert len(plan.new_sites) == 1


TWO = {"of": {"a": {"probability": 0.5}, "b": {"probability": 0.5}}}


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"fairness": "max_min"}, "program.fairness"),
        ({"zone_floor": 0.5}, "program.zone_floor"),
        ({"class_floors": {"bus": 0.5}}, "program.class_floors.bus"),
        ({"method": "greedy"}, "program.method"),
        ({"years": {"budgets_pkr": {2030: 1, 2029: 1}}}, "program.years.budgets_pkr"),
        ({"scenarios": {"of": {"a": {"probability": 0.5}, "b": {"probability": 0.4}}}},
         "program.scenarios.of"),
        ({"scenarios": {"of": {"a": {"probability": 1}, "b": {}}}},
         "program.scenarios.of.b.probability"),
        ({"years": {"budgets_pkr": {2028: 1, 2029: 1}}}, "program.years.budgets_pkr"),
        ({"decay": {"kind": "exponential", "scale_min": 0}}, "program.decay.scale_min"),
        ({"limits": {"required_sites": ["a"], "forbidden_sites": ["a"]}},
         "program.limits.required_sites"),
        ({"limits": {"at_least": {"west": {"sites": ["a"], "stations": 2}}}},
         "program.limits.at_least.west.stations"),
        ({"limits": {"at_least": {"a": {"sites": ["a"]}},
                     "envelopes": {"a": {"budget_pkr": 1, "charger_groups": ["lev"]}}}},
         "program.limits.at_least"),
        ({"aims": ["least_cost"]}, "program.aims"),
        ({"then": ["most_worth", "most_worth"]}, "program.then.1"),
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_told_before_anything_is_read(town, keys, key):
    report = check(change(town, **keys))
    assert [f.where.rpartition("key ")[2] for f in report.faults] == [key]


@pytest.mark.slow
def test_two_things_cannot_both_be_best_until_one_comes_first(town):
    keys = {"zones": ZONES, "fairness": "max_min", "least_cost": {"served_share": 0.5}}
    (fault,) = check(change(town, **keys)).faults
    assert "two aims cannot both be first: set their order" in fault.what
    assert fault.fix == "add program.aims: [fairness, least_cost]"
    # If fairness comes first, the budget pays for both hubs, and no cheaper plan is as fair.
    plan = siting.run(change(town, aims=["fairness", "least_cost"], budget_pkr=2000))
    assert built(plan) == ["East pump", "West pump"]
    assert [one.aim for one in plan.outcome.proofs] == [
        "best worst share",
        "least money",
        "most worth",
        "least cost to all",
    ]
    cheap = siting.run(change(town, aims=["least_cost", "fairness"], budget_pkr=0))
    assert cheap.outcome.subsidy_pkr == 1000


def test_an_old_key_says_where_it_is_now(town):
    (fault,) = check(change(town, method="greedy")).faults
    assert fault.what == "has moved to solver.method"


def test_the_table_of_refusals_is_what_is_refused(town):
    change(town, section="offers", subsidy={"rule": "gap"})
    change(town, section="solver", name="CBC")
    change(town, section="demand", table="people.csv")
    change(town, zones=ZONES, fairness="max_min", scenarios={**TWO, "criterion": "regret"})
    change(town, years={"budgets_pkr": {2029: 1000, 2030: 1000}})
    change(town, least_gain={"rule": "always", "per_million_by_year": {2029: 1, 2030: 1}})
    report = check(change(town, model="coverage", least_cost={"served_share": 0.5}))
    told = [fault.where.rpartition("key ")[2] for fault in report.faults]
    # Refusals of concessions and of the opening year are in tests/study/test_money_at_risk.py.
    rest = [clash.other.split(":")[0] for clash in REFUSALS]
    apart = ("offers.subsidy.concessions", "money.opening_year")
    assert sorted(told) == sorted(key for key in rest if key not in apart)


def test_a_zone_that_is_not_there_is_told_with_those_that_are(town):
    report = check(change(town, zones=ZONES, zone_floors={"row 1 colum 1": 0.5}))
    (fault,) = report.faults
    assert fault.where == "program.zone_floors.row 1 colum 1"
    assert fault.fix == "did you mean row 1 column 1?"


@pytest.mark.slow
def test_at_least_one_of_some_sites(town):
    limits = {"at_least": {"east": {"sites": ["East pump"]}}}
    plan = siting.run(change(town, budget_pkr=1000, limits=limits))
    assert built(plan) == ["East pump"]
    (row,) = plan.outcome.limits
    assert (row["limit"], row["used"], row["at_least"], row["at_most"]) == ("east", 1, 1, None)


@pytest.mark.slow
def test_an_envelope_holds_where_public_money_fills_the_gap(town):
    limits = {"envelopes": {"bikes": {"budget_pkr": 1, "charger_groups": ["lev"]}}}
    subsidy = {"rule": "gap", "gap_cap_share": 1.0}
    plan = siting.run(change(change(town, section="offers", subsidy=subsidy), limits=limits))
    (row,) = plan.outcome.limits
    assert row["used"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["milp", "greedy"])
def test_the_run_says_what_really_ran(town, tmp_path, method):
    change(town, section="solver", method=method)
    out, lp = tmp_path / "run", tmp_path / "town.lp"
    plan = siting.run(
        change(town, decay={"kind": "gaussian", "sigma_min": 3}), out=out, write_lp=lp
    )
    assert plan.facts["solver"]["method"] == method
    assert plan.facts["solver"]["name"] == "HiGHS"
    assert lp.read_text().startswith("\\* ")


@pytest.mark.slow
def test_the_program_of_a_least_regret_is_written_too(town, tmp_path):
    siting.run(change(town, scenarios={**TWO, "criterion": "regret"}), write_lp=tmp_path / "a.lp")
    assert "regret" in (tmp_path / "a.lp").read_text()


def test_the_program_is_there_to_look_at(town):
    study = Study(change(town, years={"budgets_pkr": {2030: 1000}}, then=["shortest_drives"]))
    assert "then shortest drives" in repr(study.program)
    assert study.program.to_pulp().numVariables() > 0


# ------------------------------------------------------------------------------------ money


NO_LAND = dict.fromkeys(
    ("land_bay_month_pkr", "civil_bay_pkr", "contingency_share", "insurance_share", "design_share"),
    0,
)


@pytest.mark.slow
def test_each_new_station_has_its_business_case(town, tmp_path):
    out = tmp_path / "run"
    change(town, section="offers", costs=NO_LAND)
    plan = siting.run(town, out=out)
    case = pd.read_csv(out / "business.csv", encoding="utf-8-sig")
    assert len(case) == len(plan.new_sites) == 2
    shown = {"npv_subsidised_pkr", "payback_subsidised_years", "viability_gap_pkr"}
    assert shown <= set(plan.new_sites.columns)
    assert (plan.new_sites["npv_subsidised_pkr"] > 0).all()


@pytest.mark.slow
def test_public_money_fills_the_gap_and_no_more(town):
    subsidy = {"rule": "gap", "gap_cap_share": 1.0, "charger_share": 0.0}
    free = siting.run(change(town, section="offers", subsidy=subsidy, costs=NO_LAND))
    assert free.outcome.subsidy_pkr == 0  # both sell enough at 120 rupees
    assert free.outcome.served_kwh_day == pytest.approx(12)
    dear = change(town, section="offers", costs={"land_bay_month_pkr": 200_000})
    poor = siting.run(dear)
    assert poor.outcome.subsidy_pkr <= 5000
    assert poor.new_sites.empty  # 5,000 rupees cover no viability gap


@pytest.mark.slow
def test_money_that_lapses_is_paid_ahead_of_what_a_case_will_lack(town):
    with (town.parent / "fleet.csv").open("a", encoding="utf-8") as fleet:
        fleet.write("2029,two_wheeler,24,24,24,by hand,ASSUMPTION\n")
    subsidy = {"rule": "gap", "gap_cap_share": 1.0}
    change(town, section="offers", subsidy=subsidy, costs=NO_LAND)
    change(town, section="money", prices_pkr_kwh={"lev": 51})
    asked = {"required_sites": ["West pump"], "most_new_stations": 1}

    def paid(first, second):
        years = {"budgets_pkr": {2029: first, 2030: second}}
        plan = siting.run(change(town, years=years, limits=asked))
        west = plan.tables["years"].set_index("year")["spent_pkr"]
        return plan.outcome.served_kwh_day, west.to_dict()

    # Demand falls in 2030, so the viability gap is larger than in 2029.
    served, later = paid(1e6, 1e6)
    assert later[2029] > 0
    assert later[2030] > 0
    whole = later[2029] + later[2030]
    assert paid(whole, 0) == (served, {2029: pytest.approx(whole), 2030: pytest.approx(0)})
    ahead = 0.25 * later[2030]
    served_so, some = paid(whole, later[2030] - ahead)
    assert served_so == served
    assert some == {
        2029: pytest.approx(later[2029] + ahead),
        2030: pytest.approx(later[2030] - ahead),
    }
    with pytest.raises(InfeasibleError):
        paid(whole - ahead, 0)


@pytest.mark.slow
def test_need_pays_what_a_case_lacks_up_to_what_share_would_pay(town):
    subsidy = {"rule": "need", "charger_share": 1.0, "grid_share": 1.0}
    subsidy |= {"hurdle": {"sales_share": 1.0}}
    change(town, section="offers", subsidy=subsidy, costs=NO_LAND)
    change(town, section="money", prices_pkr_kwh={"lev": 68}, sales_path=[0.67, 0.78, 0.89, 1])
    plan = siting.run(change(town, budget_pkr=1_000_000))
    case = plan.tables["business"].set_index("site_id")
    most = plan.offers.set_index("site_id")["subsidy_pkr"]  # each site has one offer
    # One station has a viability gap, which its subsidy just covers. The other station has none.
    assert sorted(case["lacking_pkr"] > 0) == [False, True]
    assert case["subsidy_pkr"].to_numpy() == pytest.approx(case["lacking_pkr"], rel=1e-6)
    assert (case["subsidy_pkr"] < most.loc[case.index]).all()
    assert plan.money["stations_without_need"] == 1
    assert plan.money["subsidy_beyond_need_pkr"] == pytest.approx(0, abs=1)
    # If the cap is below the gap, the station is not built, whatever the budget.
    share = float((case["lacking_pkr"].max() - 1) / most.max())
    change(town, section="offers", subsidy=subsidy | {"charger_share": share, "grid_share": share})
    assert len(siting.run(town).new_sites) == 1
    # The rule `share` pays even stations without a gap, and the plan reports this.
    change(town, section="offers", subsidy=subsidy | {"rule": "share"})
    change(town, section="money", prices_pkr_kwh={"lev": 900})
    plan = siting.run(town)
    assert plan.money["stations_without_need"] == 2
    assert plan.money["subsidy_beyond_need_pkr"] == pytest.approx(plan.outcome.subsidy_pkr)
    assert dict(plan.headline())["Need no public money"].startswith("2 of 2 new stations")
    assert dict(plan.headline())["Not additional"].endswith("beyond the viability gap")


def test_a_price_that_does_not_pay_for_the_power_is_told_in_words(town):
    change(town, section="offers", subsidy={"rule": "need"})
    with pytest.raises(InputError, match="does not pay for the power") as caught:
        siting.run(change(town, section="money", prices_pkr_kwh={"lev": 40.2}))
    assert caught.value.faults[0].where == "money.prices_pkr_kwh"


def test_none_stated_is_need_and_share_under_coverage(town):
    subsidy = {"charger_share": 1.0, "grid_share": 0.0}
    change(town, section="offers", subsidy=subsidy | {"rule": None})
    assert subsidy_of(Study(town).config).rule == "need"
    years = Study(town, ["program.years={budgets_pkr: {2030: 1000}}"])
    assert subsidy_of(years.config).rule == "need"
    assert subsidy_of(Study(change(town, model="coverage")).config).rule == "share"
    with pytest.raises(ConfigError, match="no station has sales for a business case"):
        Study(change(town, section="offers", subsidy=subsidy | {"rule": "need"}))


def test_a_group_in_use_without_a_price_is_refused_before_solving(town):
    change(town, section="money", prices_pkr_kwh={"dc": 120, "levv": 80})
    with pytest.raises(InputError) as caught:
        siting.run(town)
    assert [str(f) for f in caught.value.faults] == [
        "money.prices_pkr_kwh: no price for charger groups in use (lev); "
        "add what drivers pay per kWh, in PKR",
        "money.prices_pkr_kwh: no such charger groups (levv); "
        "use lev, lev_dc, ac, dc, swap_2w, swap_3w",
    ]


def with_old_station(town, power_kw, **offers):
    (town.parent / "old.csv").write_text(
        f"lon,lat,name,power_kw\n{LONS[1]},33.6,Old,{power_kw}\n", encoding="utf-8"
    )
    change(town, "candidates", existing={"path": "old.csv"}, merge_within_m=100)
    return change(town, "offers", existing_policy="extend", **offers)


@pytest.mark.slow
def test_a_station_that_stands_can_be_extended(town):
    plan = siting.run(with_old_station(town, power_kw=7))
    extended = plan.sites[plan.sites["configuration"] == "existing+hub"]
    assert len(extended) == 1
    assert not extended["existing"].any()
    assert plan.outcome.served_kwh_day == pytest.approx(12)


def test_an_extension_must_earn_its_need_above_what_the_existing_chargers_can_serve(town):
    study = Study(with_old_station(town, power_kw=60, subsidy={"rule": "need"}))
    offers = study.offers.set_index("configuration", drop=False)
    hub, more = offers.loc[["hub"]], offers.loc[["existing+hub"]]
    need = study.asked.need.offers.set_index("configuration")["cost_pkr"]
    # By hand: 60 kW all day are 1,440 kWh/day, valued at the larger margin of the two groups.
    subsidy = subsidy_of(study.config)
    rules = at_hurdle(study.business_rules, subsidy.hurdle)
    assert more["standing_kwh_day"].item() == 1440
    first = 1440 * max(worth_pkr_kwh_day(rules, group) for group in ("dc", "lev"))
    own = gap_terms(more, study.business_rules, subsidy)["need_pkr"].item()
    assert need["existing+hub"] == pytest.approx(own + first)
    assert need["existing"] == 0
    assert need["hub"] == gap_terms(hub, study.business_rules, subsidy)["need_pkr"].item()
    # This extension sells no more than the existing chargers could.
    case = business_case(more, pd.Series({more["site_id"].item(): 1440.0}),
                         study.business_rules, subsidy)  # fmt: skip
    assert case["sold_kwh_day"].item() == 0
    assert case["lacking_pkr"].item() == pytest.approx(need["existing+hub"] - first)


def test_a_floor_above_what_any_site_reaches_is_told_with_have_need_and_fix(town):
    sites = town.parent / "sites.csv"
    sites.write_text(f"lon,lat,name\n{LONS[1]},33.6,West pump\n", encoding="utf-8")
    with pytest.raises(InfeasibleError) as caught:
        siting.run(change(town, zones=ZONES, zone_floor=0.5))
    (fault,) = caught.value.faults
    assert "have 0 %, need 50 % of the demand" in fault.what
    assert fault.fix == "leave it out"


# ------------------------------------------------------------------------------------ frontier


@pytest.mark.slow
def test_the_frontier_of_the_town_by_hand(town, tmp_path):
    out = tmp_path / "frontier"
    done = CliRunner().invoke(
        app, ["frontier", str(town), "--budgets", "0:3000:4", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    table = pd.read_csv(out / "frontier.csv", encoding="utf-8-sig")
    assert table["served_kwh_day"].to_list() == pytest.approx([0, 8, 12, 12])
    assert table["bound_kwh_day"].to_list() == pytest.approx([0, 8, 12, 12])
    assert table["new_stations"].to_list() == [0, 1, 2, 2]
    assert table["pkr_per_kwh_day"].to_list()[1:3] == [125, 250]
    assert table["knee"].to_list() == [False, True, False, False]
    assert (out / "frontier.png").stat().st_size > 10_000


@pytest.mark.parametrize("text", ["1e6", "a:b:c", "1:2", "-5,3", "0:1e9:100000"])
def test_budgets_that_are_none(text):
    from siting.review import budgets_of

    with pytest.raises(InputError, match="budgets"):
        budgets_of(text)


def test_a_frontier_of_another_question_is_refused(town):
    from siting.review import frontier

    with pytest.raises(InputError, match="least_cost"):
        frontier(Study(change(town, least_cost={"served_share": 0.5})), [0, 1000])


def test_the_least_cost_to_all_is_told_with_what_a_minute_is_valued_at(town):
    values = {"two_wheeler": 120.0}
    path = change(change(town, "money", value_of_time_pkr_h=values), then=["least_cost_to_all"])
    study = Study(path)
    plan = study.plan
    assert [one.aim for one in plan.outcome.proofs] == ["most worth", "least cost to all"]
    proof = plan.outcome.proofs[1].proof
    assert (proof.status, proof.unit) == ("optimal", "PKR/year")
    told = dict(plan.headline())
    assert told["Cost to all"].startswith(f"PKR {proof.objective / 1e6:,.2f} m a year: ")
    assert told["A driver's minute"] == "is valued at PKR 2.00 (two wheeler)"
    parts = plan.tables["cost_to_all"].set_index("part")["pkr_year"]
    assert parts["all"] == pytest.approx(proof.objective)
    # By hand: a kWh is 1 / 1.2 sessions, and a minute of a driver's time is worth 2 rupees.
    service = plan.outcome.service
    kwh_min = (service["served_kwh_day"] * service["travel_min"]).sum()
    assert parts["drivers' time"] == pytest.approx(365 * 2 * kwh_min / 1.2)
    rows = study.sourced_figures[study.sourced_figures["figure"] == "value of time"]
    assert rows[["of", "value", "table"]].to_numpy().tolist() == [
        ["two_wheeler", 120.0, "config.yaml"]
    ]


@pytest.mark.slow
def test_the_least_cost_to_all_may_come_first(town):
    path = change(town, then=["least_cost_to_all", "most_worth"], min_served_share=0.6)
    plan = siting.run(path)
    assert [one.aim for one in plan.outcome.proofs] == ["least cost to all", "most worth"]
    assert built(plan) == ["West pump"]


@pytest.mark.parametrize(
    ("values", "key", "words"),
    [
        ({"rocket": 100}, "money.value_of_time_pkr_h.rocket", "demand.vehicle_classes"),
        ({"two_wheeler": -5}, "money.value_of_time_pkr_h.two_wheeler", "0"),
    ],
)
def test_a_value_of_time_that_cannot_be_is_told_by_its_key(town, values, key, words):
    (fault,) = check(change(town, "money", value_of_time_pkr_h=values)).faults
    assert fault.where.endswith(key)
    assert words in fault.what
