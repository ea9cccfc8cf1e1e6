"""Break-even values and swings, compared with plans made with the changed figure."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from town import write_town

import siting
from siting.report.assumptions import assumptions
from siting.review import verify_run
from siting.study import Study, write_report
from siting.study.report_page import record_of


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    town = write_town(tmp_path_factory.mktemp("decides") / "town")
    # The packaged figure for staff is used, because a figure set by hand has no range.
    town.write_text(town.read_text().replace(", attendants_other: 0}", "}"), encoding="utf-8")
    # The number of two-wheelers ranges from half to twice 12. Each hub delivers 10 kWh/day.
    fleet = town.parent / "fleet.csv"
    fleet.write_text(fleet.read_text().replace("12,12,12", "12,6,24"), encoding="utf-8")
    types = pd.read_csv(town.parent / "chargers.csv").assign(life_years_low=8, life_years_high=12)
    types.to_csv(town.parent / "chargers.csv", index=False)
    return Study(town)


def npv_with(study, **keys):
    """Return the NPV without subsidy of each station if the plan is made with other keys."""
    other = study.with_(**keys)
    assert other.outcome.offers == study.outcome.offers
    return other.plan.tables["business"]["npv_pkr"]


def prices(pkr):
    return {"money": {"prices_pkr_kwh": {"lev": pkr, "ac": 120.0, "dc": 120.0}}}


@pytest.mark.slow
def test_dearer_works_bring_design_contingency_and_insurance_with_them(study):
    accounts = study.station_accounts
    doubled = accounts.at("civil_cost_pkr", 2.0)
    # On 150,000 more: design 0.08, contingency 0.15 of works and design, insurance 0.005 a year.
    more = doubled.offers["cost_pkr"] - accounts.offers["cost_pkr"]
    assert more.tolist() == pytest.approx([150_000 * 1.08 * 1.15] * 2)
    a_year = doubled.offers["insurance_pkr_year"] - accounts.offers["insurance_pkr_year"]
    assert a_year.tolist() == pytest.approx([750] * 2)
    planned = npv_with(study, offers={"costs": {"civil_bay_pkr": 300_000.0}})
    assert doubled.npv_pkr == pytest.approx(planned.to_numpy())


@pytest.mark.slow
def test_at_a_break_even_a_plan_made_there_needs_no_money(study):
    price = study.with_(**prices(900.0)).break_evens.set_index("figure").loc["price_lev"]
    assert (price["value"], price["stations"], price["rising"]) == (900.0, 2, True)
    cost = float(study.plan.tables["business"]["cost_pkr"].sum())
    npv = npv_with(study, **prices(float(price["no_money_at"])))
    assert npv.min() == pytest.approx(0.0, abs=1e-6 * cost)
    assert npv.max() > 0
    assert price["half_no_money_at"] < price["no_money_at"]
    assert "of the 2 stations that draw public money" in price["text"]


@pytest.mark.slow
def test_swings_are_those_of_plans_with_the_other_figure(study):
    table = study.figure_swings.set_index(["figure", "of"])["high_pkr"]
    now = study.plan.tables["business"]["npv_pkr"].sum()
    for item, key, value in (
        ("attendants_other", "attendants_other", 1.0),
        ("payment_share", "payment_share", 0.02),
        ("station_tariff", "tariff_pkr_kwh", 50.0),
        ("horizon", "years", 12),
    ):
        moved = npv_with(study, money={key: value}).sum() - now
        assert table["business case", item] == pytest.approx(moved), item
    for item, key, value in (
        ("land_bay_month", "land_bay_month_pkr", 100_000.0),
        ("civil_bay", "civil_bay_pkr", 400_000.0),
        ("om_share", "om_share", 0.08),
        ("design_share", "design_share", 0.12),
        ("contingency_share", "contingency_share", 0.2),
        ("insurance_share", "insurance_share", 0.01),
        ("deposit_kw", "deposit_pkr_kw", 15_000.0),
    ):
        moved = npv_with(study, offers={"costs": {key: value}}).sum() - now
        assert table["site costs", item] == pytest.approx(moved), item
    assert study.figure_swings["swing_pkr"].is_monotonic_decreasing


@pytest.mark.slow
def test_swings_of_bays_lives_and_fees_are_those_of_the_case(study):
    accounts = study.station_accounts
    table = study.figure_swings.set_index(["figure", "of"])
    # A socket needs 0.25 of a bay, in a range from 0.15 to 0.5. All these values give one bay.
    assert ("bays", "lev port") not in table.index
    ends = {"fee": ("annual_fee_pkr", 0.0, 35_000.0), "life_years": ("charger_life_years", 8, 12)}
    for figure, (column, low, high) in ends.items():
        moved = []
        for value in (low, high):
            offers = accounts.offers.assign(**{column: float(value)})
            moved.append(replace(accounts, offers=offers).npv_pkr.sum() - accounts.npv_pkr.sum())
        of = "annual L1" if figure == "fee" else "socket"
        assert table.loc[(figure, of), ["low_pkr", "high_pkr"]].tolist() == pytest.approx(moved)


@pytest.mark.slow
def test_bays_a_port_move_civil_works_and_lease(study):
    many = study.with_(
        offers={"configurations": {"hub": {"socket": 8}}}, program={"budget_pkr": 20_000}
    )
    row = many.figure_swings.set_index(["figure", "of"]).loc[("bays", "lev port")]
    bays = many.plan.offers.set_index("offer_id").loc[many.plan.new_sites["offer_id"]]
    assert bays["bays_needed"].tolist() == [2, 2]
    # At half a bay per socket, each hub needs four bays, which doubles civil works and lease.
    accounts = many.station_accounts
    twice = accounts.at("civil_cost_pkr", 2.0)
    twice = replace(
        twice, offers=twice.offers.assign(land_pkr_year=2 * accounts.offers["land_pkr_year"])
    )
    assert row["high_pkr"] == pytest.approx((twice.npv_pkr - accounts.npv_pkr).sum())
    assert row["low_pkr"] == 0  # 8 x 0.15 bays also round up to two bays


def test_more_vehicles_sell_more_up_to_what_the_chargers_deliver(study):
    swing = study.figure_swings.set_index(["figure", "of"]).loc[("country_vehicles", "two_wheeler")]
    case = study.plan.tables["business"]
    each = case["npv_pkr"].sum()
    worth = siting.economics.worth_pkr_kwh_day(study.business_rules, "lev")
    # The hubs sell 8 and 4 kWh/day. Half the demand gives 6 kWh/day less. Twice the demand gives
    # sales of 10 and 8 kWh/day, which is 6 more.
    assert swing["low_pkr"] == pytest.approx(-6 * worth)
    assert swing["high_pkr"] == pytest.approx(6 * worth)
    assert each < 0


@pytest.mark.slow
def test_a_run_its_report_and_its_check_hold_them(study, tmp_path):
    run = tmp_path / "run"
    plan = siting.run(
        study.config.output.runs_dir.parent / "town.yaml",
        ["money.prices_pkr_kwh={lev: 900, ac: 120, dc: 120}"],
        out=run,
    )
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    assert facts["break_evens"][0]["text"] == plan.facts["break_evens"][0]["text"]
    page = write_report(run).read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "What decides this plan" in page
    assert facts["break_evens"][0]["text"].partition(":")[0] in page
    rows = assumptions(record_of(run))
    moves = [row["moves"] for row in rows]
    assert moves == sorted(moves, reverse=True)
    assert moves[0] > 0
    assert verify_run(run).faults == []


def test_a_plan_that_builds_nothing_has_none(study):
    nothing = study.with_(budget_pkr=0)
    assert nothing.plan.new_sites.empty
    assert nothing.break_evens.empty
    assert nothing.figure_swings.empty
