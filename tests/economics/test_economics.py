"""The business case of a station, worked by hand to the rupee."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_site import offers_of

from siting import reference
from siting.economics import (
    Accounts,
    BusinessRules,
    break_evens,
    business_case,
    business_rules,
    cost_to_all,
    gap_terms,
    margin_pkr_kwh,
    opening_years,
    require_prices,
    sales_path,
    swings,
    values_of_time,
)
from siting.economics.cash_flows import payback_years, present_value_factor
from siting.economics.rules import ramp
from siting.economics.to_all import yearly_costs
from siting.errors import InputError
from siting.sites import (
    Hurdle,
    Subsidy,
)

# Round figures: a margin of 100 x 0.98 - 38 / 1 = 60 PKR/kWh.
PLAIN = BusinessRules(
    prices_pkr_kwh={"dc": 100.0},
    tariff_pkr_kwh=38.0,
    discount_rate=0.10,
    years=3,
    payment_share=0.02,
    attendant_month_pkr=0.0,
    attendants=0.0,
    efficiency_dc=1.0,
    efficiency_other=1.0,
)


def offers(**changes):
    """Return an offer of 1.0 m PKR with 100,000 PKR of running costs a year."""
    row = {
        "offer_id": "s1:a",
        "site_id": "s1",
        "existing": False,
        "extends": False,
        "charger_cost_pkr": 800_000.0,
        "battery_cost_pkr": 0.0,
        "grid_cost_pkr": 150_000.0,
        "fee_cost_pkr": 50_000.0,
        "civil_cost_pkr": 0.0,
        "land_cost_pkr": 0.0,
        "cost_pkr": 1_000_000.0,
        "subsidy_pkr": 200_000.0,
        "om_pkr_year": 40_000.0,
        "land_pkr_year": 25_000.0,
        "annual_fee_pkr": 35_000.0,
        "charger_life_years": 10.0,
        "battery_life_years": np.nan,
        "standing_kwh_day": 0.0,
        "capacity_dc_kwh_day": 100.0,
    }
    return pd.DataFrame([row | changes])


def case_of(kwh_day, rules=PLAIN, subsidy=None, **changes):
    return business_case(offers(**changes), pd.Series({"s1": kwh_day}), rules, subsidy).iloc[0]


def test_a_case_that_pays_by_hand():
    # 20 kWh/day: 7,300 kWh a year at 60 PKR are 438,000; less 100,000 are 338,000.
    case = case_of(20.0)
    assert case["revenue_pkr_year"] == pytest.approx(730_000)
    assert case["energy_pkr_year"] == pytest.approx(277_400)
    assert case["payment_pkr_year"] == pytest.approx(14_600)
    assert case["net_pkr_year"] == pytest.approx(338_000)
    # 338,000 (1/1.1 + 1/1.21 + 1/1.331) = 840,555.97: 159,444 short of the million.
    assert case["npv_pkr"] == pytest.approx(-159_444.03, abs=0.01)
    assert case["payback_years"] == pytest.approx(1_000_000 / 338_000)
    assert np.isnan(case["discounted_payback_years"])
    assert case["lacking_pkr"] == pytest.approx(159_444.03, abs=0.01)
    assert case["viability_gap_pkr"] == case["lacking_pkr"]
    # The offer's own subsidy of 200,000 more than fills it.
    assert case["npv_subsidised_pkr"] == pytest.approx(40_555.97, abs=0.01)
    assert case["payback_subsidised_years"] == pytest.approx(800_000 / 338_000)
    # 307,272.73 + 279,338.84 leave 213,388.43 of 253,944.40 in the third year.
    assert case["discounted_payback_subsidised_years"] == pytest.approx(
        2 + 213_388.43 / 253_944.40, abs=1e-6
    )


def test_the_packaged_prices_by_hand():
    rules = business_rules(discount_rate=0.0)
    # DC: 112.5 / 1.05 - 112.5 x 0.015 - 39.70 / 0.94 = 63.221315; one attendant is 540,000 a year.
    case = case_of(50.0, rules)
    margin = 112.5 / 1.05 - 1.6875 - 39.7 / 0.94
    assert case["margin_pkr_kwh"] == pytest.approx(margin)
    assert case["staff_pkr_year"] == 540_000
    net = 18_250 * margin - 540_000 - 100_000
    # A tenth of the cost is written off each year; 29 % of what is left is tax.
    tax = 0.29 * (net - 100_000)
    assert case["income_tax_pkr_year"] == pytest.approx(tax)
    assert case["net_pkr_year"] == pytest.approx(net - tax)
    assert case["npv_pkr"] == pytest.approx(10 * (net - tax) - 1_000_000)


def test_driver_s_price_and_station_s_tariff_are_never_mixed_up():
    money = reference.table("money").set_index("item")
    assert money.loc["station_tariff", "value"] == 39.70
    prices = money[money.index.str.startswith("price_")]
    assert prices["value"].to_dict() == {
        "price_lev": 75, "price_lev_dc": 90, "price_ac": 112.5, "price_dc": 112.5,
        "price_swap_2w": 112.5, "price_swap_3w": 112.5,
    }  # fmt: skip
    assert prices["low"].min() > money.loc["station_tariff", "high"]
    with pytest.raises(InputError, match="drivers must pay more than the station"):
        business_rules(prices_pkr_kwh={"dc": 39.70})
    with pytest.raises(InputError, match=r"dc: 45 PKR/kWh \(38\.136 before 18% sales tax\) is not"):
        business_rules(prices_pkr_kwh={"dc": 45.0}, sales_tax=0.18)
    with pytest.raises(InputError) as caught:
        business_rules(tariff_pkr_kwh=100.0)
    assert [f.where.removeprefix("business rules, prices_pkr_kwh, ")
            for f in caught.value.faults] == ["lev", "lev_dc"]  # fmt: skip


def test_each_group_has_its_price():
    rules = replace(PLAIN, prices_pkr_kwh={"dc": 100.0, "lev": 60.0})
    # 60 x 0.98 - 38 = 20.8 at the sockets; of 20 kWh/day 15 are sold there, 5 at DC.
    two = offers(capacity_lev_kwh_day=50.0)
    sold = pd.DataFrame({"lev": [15.0], "dc": [5.0]}, index=["s1"])
    case = business_case(two, pd.Series({"s1": 20.0}), rules, by_group=sold).iloc[0]
    assert case["margin_pkr_kwh"] == pytest.approx(0.75 * 20.8 + 0.25 * 60)
    assert case["revenue_pkr_year"] == pytest.approx(365 * (15 * 60 + 5 * 100))
    # By default by capacity: 50 of 150 at the sockets.
    case = business_case(two, pd.Series({"s1": 20.0}), rules).iloc[0]
    assert case["margin_pkr_kwh"] == pytest.approx((20.8 + 2 * 60) / 3)
    with pytest.raises(InputError, match="prices_pkr_kwh, lev: no price for this charger group"):
        business_case(two, pd.Series({"s1": 20.0}), PLAIN)


def test_taxes_and_fixed_charges_by_hand():
    rules = replace(
        PLAIN, prices_pkr_kwh={"dc": 100.0}, sales_tax=0.25, income_tax=0.3,
        fixed_pkr_kw_month=100.0, attendants_other=0.5, attendant_month_pkr=1_000.0,
    )  # fmt: skip
    # A kWh: 80 without the tax, less 2 of fees and 38 of power: 40.
    case = case_of(20.0, rules, power_kw=30.0, standing_kw=10.0)
    assert case["margin_pkr_kwh"] == pytest.approx(40)
    assert case["sales_tax_pkr_year"] == pytest.approx(7_300 * 20)
    assert case["fixed_charge_pkr_year"] == pytest.approx(24_000)  # on the 20 kW that are new
    assert case["staff_pkr_year"] == 0  # none at DC in these rules
    sockets = case_of(0.0, replace(rules, prices_pkr_kwh={"lev": 100.0}),
                      capacity_dc_kwh_day=0.0, capacity_lev_kwh_day=9.0)  # fmt: skip
    assert sockets["staff_pkr_year"] == 6_000
    # 292,000 - 124,000 = 168,000 a year, 30 % of it less a third of the million: 49,600 back.
    assert case["income_tax_pkr_year"] == pytest.approx(-49_600)
    assert case["net_pkr_year"] == pytest.approx(217_600)
    assert case["npv_pkr"] == pytest.approx(217_600 * 2.4868520 - 1_000_000, abs=0.1)


def test_prices_missing_and_unknown_at_once():
    rules = replace(PLAIN, prices_pkr_kwh={"dc": 100.0, "lve": 60.0})
    several = offers(capacity_lev_kwh_day=9.0, capacity_ac_kwh_day=9.0)
    with pytest.raises(InputError) as caught:
        require_prices(rules, several, ["lev", "ac", "dc"], ["dc", "lve"])
    assert [str(f) for f in caught.value.faults] == [
        "money.prices_pkr_kwh: no price for charger groups in use (lev, ac); "
        "add what drivers pay per kWh, in PKR",
        "money.prices_pkr_kwh: no such charger groups (lve); use lev, ac, dc",
    ]


def test_efficiency_by_what_the_groups_can_serve():
    rules = business_rules()
    # 300 kWh DC are 319.15 bought, 100 kWh of sockets 101.01.
    mixed = case_of(10.0, rules, capacity_dc_kwh_day=300.0, capacity_lev_kwh_day=100.0)
    margin = 0.75 * margin_pkr_kwh(rules, "dc") + 0.25 * margin_pkr_kwh(rules, "lev")
    assert mixed["margin_pkr_kwh"] == pytest.approx(margin)
    bought = 3_650 * (0.75 / 0.94 + 0.25 / 0.99)
    assert mixed["energy_pkr_year"] == pytest.approx(39.7 * bought)
    sockets = case_of(10.0, rules, capacity_dc_kwh_day=0.0, capacity_lev_kwh_day=9.0)
    assert sockets["margin_pkr_kwh"] == pytest.approx(75 / 1.05 - 1.125 - 39.7 / 0.99)
    assert sockets["staff_pkr_year"] == 0.25 * 45_000 * 12  # minded by the shop beside them
    swaps = case_of(10.0, rules, capacity_dc_kwh_day=0.0, capacity_swap_2w_kwh_day=9.0)
    assert swaps["margin_pkr_kwh"] == pytest.approx(112.5 / 1.05 - 1.6875 - 39.7 / 0.94)


def test_batteries_and_chargers_are_bought_again():
    rules = business_rules(
        prices_pkr_kwh={"dc": 100}, tariff_pkr_kwh=38, payment_share=0.02, discount_rate=0.1,
        years=12, income_tax=0, sales_tax=0,
        attendants=0, efficiency_dc=1,
    )  # fmt: skip
    case = case_of(20.0, rules, battery_cost_pkr=300_000.0, battery_life_years=4.5)
    # Batteries at 4.5 and 9 years: at the ends of years 4 and 9; chargers at year 10.
    again = 300_000 / 1.1**4 + 300_000 / 1.1**9 + 500_000 / 1.1**10
    assert case["replacement_pv_pkr"] == pytest.approx(again)
    factor = (1 - 1.1**-12) / 0.1
    assert case["npv_pkr"] == pytest.approx(338_000 * factor - 1_000_000 - again)
    # Nothing is bought for years beyond the horizon.
    assert case_of(20.0, rules, charger_life_years=12.0)["replacement_pv_pkr"] == 0
    short = case_of(20.0, rules, charger_life_years=0.5)
    assert short["replacement_pv_pkr"] > 800_000 * (present_value_factor(0.1, 11))


def test_a_replacement_puts_the_payback_off():
    # 400 a year on 1,000: 2.5 years, but 900 are spent again in year 3.
    flows = np.array([400.0, 400.0, 400.0 - 900.0, 400.0, 400.0, 400.0])
    assert payback_years(1000.0, flows) == pytest.approx(4 + 300 / 400)
    assert np.isnan(payback_years(1000.0, flows[:4]))
    assert payback_years(0.0, np.array([1.0])) == 0.0
    assert payback_years(0.0, np.array([-1.0, 2.0])) == pytest.approx(1.5)
    assert np.isnan(payback_years(1.0, np.array([-1.0])))


def test_the_gap_is_only_what_the_case_lacks_and_capped():
    rich = case_of(60.0, subsidy=Subsidy(rule="gap"))
    assert rich["npv_pkr"] > 0
    assert rich[["lacking_pkr", "viability_gap_pkr", "subsidy_pkr"]].to_list() == [0, 0, 0]
    some = case_of(20.0, subsidy=Subsidy(rule="gap"))
    assert some["subsidy_pkr"] == pytest.approx(159_444.03, abs=0.01)
    assert some["npv_subsidised_pkr"] == pytest.approx(0.0, abs=1e-6)
    poor = case_of(1.0, subsidy=Subsidy(rule="gap", gap_cap_share=0.4))
    assert poor["subsidy_pkr"] == 400_000
    assert poor["npv_subsidised_pkr"] < 0
    capped = case_of(1.0, subsidy=Subsidy(rule="gap", cap_per_station_pkr=123.0))
    assert capped["viability_gap_pkr"] == 123


def test_share_and_flat_by_hand():
    share = case_of(20.0, subsidy=Subsidy(0.5, 0.8, 1.0))
    assert share["subsidy_pkr"] == 400_000 + 120_000 + 50_000
    flat = case_of(20.0, subsidy=Subsidy(rule="flat", flat_pkr=9e9))
    assert flat["subsidy_pkr"] == 1_000_000
    assert flat["payback_subsidised_years"] == 0


def test_a_hurdle_asks_for_break_even_at_fewer_sales_or_a_higher_return():
    # 70 % of 438,000 less 100,000 are 206,600 a year, x 2.486852: 486,216 short of the million.
    held = case_of(20.0, subsidy=Subsidy(rule="gap", hurdle=Hurdle(sales_share=0.7)))
    assert held["lacking_pkr"] == pytest.approx(486_216.38, abs=0.01)
    assert held["subsidy_pkr"] == held["lacking_pkr"]
    # The case itself is as planned: with that grant there is a margin over NPV 0.
    assert held["npv_pkr"] == pytest.approx(-159_444.03, abs=0.01)
    assert held["npv_subsidised_pkr"] == pytest.approx(486_216.38 - 159_444.03, abs=0.02)
    # 338,000 x (1 - 1.2^-3) / 0.2 are 711,991: 288,009 short at 20 %.
    dear = case_of(20.0, subsidy=Subsidy(rule="gap", hurdle=Hurdle(real_return=0.2)))
    assert dear["lacking_pkr"] == pytest.approx(288_009.26, abs=0.01)
    # Rules that pay whatever a station lacks know no hurdle.
    assert case_of(20.0, subsidy=Subsidy(hurdle=Hurdle(0.7)))["lacking_pkr"] == pytest.approx(
        159_444.03, abs=0.01
    )
    for bad in ({"sales_share": 0.0}, {"sales_share": 1.1}, {"real_return": -0.1}):
        with pytest.raises(InputError, match="hurdle"):
            Hurdle(**bad)


def test_sales_follow_the_demand_from_the_opening_year_up_to_what_is_planned():
    demand = {2027: 20.0, 2028: 36.0, 2029: 60.0, 2030: 100.0}
    assert sales_path(demand, 2030, [2027]) == (0.2, 0.36, 0.6, 1.0)
    # Open in any of the four years alike: (20 + 36 + 60 + 100) / 400 in the first.
    assert sales_path(demand, 2030, range(2027, 2031)) == pytest.approx((0.54, 0.74, 0.9, 1.0))
    # More than is planned for is never sold, and nothing grows where nothing is wanted.
    assert sales_path({2029: 120.0, 2030: 100.0}, 2030, [2029]) == (1.0, 1.0)
    assert sales_path({2029: 0.0, 2030: 0.0}, 2030, [2029]) == (1.0, 1.0)
    assert list(opening_years(2030)) == [2027, 2028, 2029, 2030]
    assert list(opening_years(2028)) == [2027, 2028]
    assert list(opening_years(2025)) == [2025]


def test_growing_sales_year_by_year():
    served = pd.DataFrame({2027: [20.0], 2028: [30.0], 2029: [0.0]}, index=["s1"])
    case = business_case(offers(), served, PLAIN).iloc[0]
    assert case["npv_pkr"] == pytest.approx(
        338_000 / 1.1 + (657_000 - 100_000) / 1.21 - 100_000 / 1.331 - 1_000_000
    )


def test_sales_grow_to_the_target_year_by_hand():
    slow = replace(PLAIN, sales_path=(0.25, 1.0))
    case = case_of(20.0, slow)
    # 438,000 at full sales, a quarter of it in the first year.
    assert case["npv_pkr"] == pytest.approx(
        (109_500 - 100_000) / 1.1 + 338_000 / 1.21 + 338_000 / 1.331 - 1_000_000
    )
    assert (case["sold_kwh_day"], case["net_pkr_year"]) == (20, pytest.approx(338_000))
    assert ramp(slow).tolist() == [0.25, 1.0, 1.0]
    assert ramp(business_rules()).tolist() == [1.0] * 10
    # A table of years is taken as it is.
    flat = business_case(offers(), pd.DataFrame({"any": [20.0]}, index=["s1"]), slow).iloc[0]
    assert flat["npv_pkr"] == pytest.approx(-159_444.03, abs=0.01)


def test_the_use_seen_in_2024_does_not_pay():
    """8 stations sold 94,000 kWh in a year: 32 kWh/day each (NEPRA hearing)."""
    built = offers_of({"dc": {"dc_60": 1}})
    rules = business_rules()
    case = business_case(built, pd.Series({"s0001": 94_000 / 8 / 365}), rules, Subsidy(rule="gap"))
    assert case["npv_pkr"].item() < 0
    assert np.isnan(case["payback_years"].item())
    assert case["subsidy_pkr"].item() == pytest.approx(0.5 * built["cost_pkr"].item())
    # At the planned 15 % it pays within three years, without a rupee of subsidy.
    case = business_case(built, pd.Series({"s0001": 216.0}), rules, Subsidy(rule="gap"))
    assert 2 < case["payback_years"].item() < 3
    assert case["subsidy_pkr"].item() == 0


def test_an_extension_sells_what_is_above_the_standing_part():
    case = case_of(50.0, extends=True, standing_kwh_day=30.0)
    assert case["sold_kwh_day"] == 20
    assert case["npv_pkr"] == pytest.approx(-159_444.03, abs=0.01)
    assert case_of(10.0, extends=True, standing_kwh_day=30.0)["sold_kwh_day"] == 0
    rules = business_rules()
    assert case_of(50.0, rules, extends=True)["staff_pkr_year"] == 0


def test_existing_stations_are_left_out_and_absent_sites_sell_nothing():
    two = pd.concat([offers(existing=True), offers(site_id="s2", offer_id="s2:a")])
    before = two.copy(deep=True)
    found = business_case(two, pd.Series({"s1": 9.0}), PLAIN)
    assert found["offer_id"].to_list() == ["s2:a"]
    assert found["revenue_pkr_year"].to_list() == [0]
    assert np.isnan(found["payback_years"]).all()
    pd.testing.assert_frame_equal(two, before)
    assert len(business_case(offers(existing=True), pd.Series({"s1": 9.0}), PLAIN)) == 0


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0, 300), st.floats(0, 0.4), st.integers(1, 25), st.floats(0, 1),
    st.floats(0.1, 1), st.none() | st.floats(0, 1),
)  # fmt: skip
def test_the_gap_is_a_straight_line_in_what_is_sold(kwh_day, rate, years, cap, share, back):
    rules = business_rules(discount_rate=rate, years=years, sales_path=(0.3, 0.7, 1.0))
    rule = Subsidy(rule="gap", gap_cap_share=cap, hurdle=Hurdle(share, back))
    case = case_of(kwh_day, rules, rule, battery_cost_pkr=100_000.0, battery_life_years=4.5)
    own = offers(battery_cost_pkr=100_000.0, battery_life_years=4.5)
    line = gap_terms(own, rules, rule).iloc[0]
    lacks = line["need_pkr"] - line["worth_pkr_kwh_day"] * kwh_day
    assert case["lacking_pkr"] == pytest.approx(max(lacks, 0.0), rel=1e-9, abs=1e-3)
    gap = min(max(lacks, 0.0), line["cap_pkr"])
    assert case["viability_gap_pkr"] == pytest.approx(gap, rel=1e-9, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 300), st.floats(0, 0.4), st.integers(1, 25))
def test_payback_and_npv_agree(kwh_day, rate, years):
    # Nothing is bought again, so that discounting can only put the payback off.
    rules = business_rules(discount_rate=rate, years=years)
    case = case_of(kwh_day, rules, charger_life_years=np.nan)
    if abs(case["npv_pkr"]) > 1:
        assert np.isnan(case["discounted_payback_years"]) == (case["npv_pkr"] < 0)
    if not np.isnan(case["discounted_payback_years"]):
        assert case["discounted_payback_years"] >= case["payback_years"] * (1 - 1e-9)


def test_the_present_value_factor():
    assert present_value_factor(0.15, 10) == pytest.approx(5.0187686, abs=1e-7)
    assert present_value_factor(1e-12, 7) == pytest.approx(7.0, rel=1e-10)
    assert present_value_factor(0.0, 4) == 4.0


def test_every_fault_of_rules_at_once():
    with pytest.raises(InputError) as caught:
        BusinessRules({}, float("nan"), 1.5, 0, 2, -1, -1, 0, 1.1, (-0.1,), 0, -1, -1, 2, 1)
    assert len(caught.value.faults) == 14
    with pytest.raises(InputError, match="prices_pkr_kwh, dc: -1 is not a number of at least 0"):
        replace(PLAIN, prices_pkr_kwh={"dc": -1})
    with pytest.raises(InputError) as caught:
        business_rules(prize=1, rate=2)
    assert [f.where for f in caught.value.faults] == [
        "business rules, prize", "business rules, rate",
    ]  # fmt: skip
    for years in (2.5, 0, float("inf"), float("nan")):
        with pytest.raises(InputError, match=r"rules, years: .* is not a whole number"):
            business_rules(years=years)


def test_every_fault_of_offers_and_sales_at_once():
    with pytest.raises(InputError) as caught:
        business_case(offers().drop(columns=["om_pkr_year", "cost_pkr"]), pd.Series(dtype=float),
                      PLAIN)  # fmt: skip
    assert [f.where for f in caught.value.faults] == [
        "offers, column cost_pkr", "offers, column om_pkr_year",
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        gap_terms(offers(cost_pkr=-1.0, charger_life_years=0.0), PLAIN, Subsidy())
    assert [f.ids for f in caught.value.faults] == [("s1:a",), ("s1:a",)]
    twice = pd.concat([offers(), offers(offer_id="s1:b")])
    served = pd.DataFrame([[1.0, 2.0], [1.0, -2.0]], index=["s1", "s1"])
    with pytest.raises(InputError) as caught:
        business_case(twice, served, PLAIN)
    assert [f.where for f in caught.value.faults] == [
        "offers, column site_id", "served_kwh_day", "served_kwh_day", "served_kwh_day",
    ]  # fmt: skip


def test_a_year_of_an_offer_costs_its_annuity_and_what_it_takes_to_run():
    # Three years at 10 %: the factor is 2.48685, of a million 402,115 a year; 100,000 to run it.
    cost = yearly_costs(offers(), PLAIN)["s1:a"]
    assert cost == pytest.approx(502_114.80, abs=0.01)
    # Chargers of two years are bought again at the end of the second: 800,000 / 1.21 today.
    again = yearly_costs(offers(charger_life_years=2.0), PLAIN)["s1:a"]
    assert again == pytest.approx(cost + 800_000 / 1.21 / 2.4868520, abs=0.01)
    assert yearly_costs(offers(existing=True), PLAIN) == {"s1:a": 0.0}


def test_before_tax_a_year_is_the_annuity_of_what_the_case_needs():
    factor = present_value_factor(PLAIN.discount_rate, PLAIN.years)
    some = offers(charger_life_years=2.0)
    need = gap_terms(some, PLAIN, Subsidy(rule="gap"))["need_pkr"]
    assert yearly_costs(some, PLAIN)["s1:a"] == pytest.approx(need[0] / factor)


def test_a_minute_costs_what_its_driver_s_hour_is_worth_over_the_sessions_of_a_year():
    sessions = pd.DataFrame({"vehicle_class": ["car", "tram"], "session_kwh": [25.0, 50.0]})
    costs = cost_to_all(offers(), PLAIN, ["car"], values_of_time({"car": 600.0}), sessions)
    # A kWh/day is 365 / 25 sessions a year, each of whose minutes is 10 rupees.
    assert costs.pkr_kwh_min == {"car": pytest.approx(146.0)}
    with pytest.raises(InputError, match=r"value_of_time_pkr_h: no value of time for .* \(tram\)"):
        cost_to_all(offers(), PLAIN, ["tram"], values_of_time({}), sessions)
    with pytest.raises(InputError, match=r"session_kwh for vehicle classes \(van\)"):
        cost_to_all(offers(), PLAIN, ["van"], values_of_time({}), sessions)


def test_every_value_of_time_has_a_range_and_says_what_it_rests_on():
    rows = values_of_time({})
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    assert (rows["confidence"] == "ASSUMPTION").all()
    assert rows["source"].str.contains("208 h").all()


# --- break-evens ---------------------------------------------------------------------------------

FACTOR = present_value_factor(0.10, 3)  # 2.48685
HALF = Subsidy(rule="need", charger_share=0.5, grid_share=0.0)


def stations(sold=(20.0, 22.0), rules=PLAIN, **more):
    """Return two stations of 1.0 m PKR and 100,000 a year, a bay leased for 10,000 a month each."""
    rows = [
        offers(offer_id=f"s{n}:a", site_id=f"s{n}", bays_needed=1.0, grid_cost_pkr=150_000.0,
               civil_cost_pkr=50_000.0, land_pkr_year=120_000.0)
        for n in range(1, len(sold) + 1)
    ]  # fmt: skip
    table = pd.concat(rows, ignore_index=True)
    lease = {"land_bay_month_pkr": 10_000.0} | more
    return Accounts(table, np.array(sold), rules, HALF, **lease)


def test_the_price_from_which_no_public_money_is_needed_by_hand():
    row = break_evens(stations(sold=(20.0,))).set_index("figure").loc["price_dc"]
    # 365 x 20 x F (0.98 p - 38) = 1 m + F x fixed costs a year.
    account = stations(sold=(20.0,))
    fixed = account.offers[["om_pkr_year", "land_pkr_year", "annual_fee_pkr"]].to_numpy().sum()
    need = 1_000_000 + FACTOR * fixed
    by_hand = (need / (365 * 20 * FACTOR) + 38) / 0.98
    assert row["no_money_at"] == pytest.approx(by_hand) == pytest.approx(row["half_no_money_at"])
    assert row["value"] == 100.0
    assert row["rising"]
    # With half of the chargers' 800,000 paid it need earn 400,000 less.
    carried = ((need - 400_000) / (365 * 20 * FACTOR) + 38) / 0.98
    assert row["all_lost_at"] == pytest.approx(carried)


def test_a_lease_and_sales_by_hand():
    found = break_evens(stations(sold=(20.0, 30.0))).set_index("figure")
    npv = business_case(
        stations(sold=(20.0, 30.0)).offers, pd.Series({"s1": 20.0, "s2": 30.0}), PLAIN
    )["npv_pkr"]
    # Each rupee a month more costs 12 F; the first loses what it may be paid of its lack.
    worse, better = sorted(npv + 400_000)
    lease = found.loc["land_bay_month"]
    assert lease["all_lost_at"] == pytest.approx(10_000 + better / (12 * FACTOR))
    assert lease["first_lost_at"] == pytest.approx(10_000 + worse / (12 * FACTOR))
    assert not lease["rising"]
    sales = found.loc["sales"]
    worth = 365 * 60 * FACTOR
    assert sales["no_money_at"] == pytest.approx(1 - npv.min() / (worth * 20))


def test_put_where_it_breaks_even_a_figure_does():
    accounts = stations()
    table = break_evens(accounts)
    assert {"price_dc", "station_tariff", "sales", "land_bay_month"} <= set(table["figure"])
    scale = float(accounts.offers["cost_pkr"].sum())
    for row in table.to_dict("records"):
        for end, worth in (("no_money_at", "npv_pkr"), ("first_lost_at", "carried_pkr"),
                           ("all_lost_at", "carried_pkr")):  # fmt: skip
            if np.isnan(row[end]):
                continue
            pkr = getattr(accounts.at(row["figure"], row[end]), worth)
            edge = pkr.max() if end == "all_lost_at" else pkr.min()
            assert edge == pytest.approx(0.0, abs=1e-7 * scale), (row["figure"], end)


def test_the_nearest_comes_first_and_what_decides_nothing_is_left_out():
    table = break_evens(stations())
    ends = table[["half_no_money_at", "no_money_at", "all_lost_at"]]
    near = ends.sub(table["value"], axis=0).abs().div(table["value"], axis=0).min(axis=1)
    assert near.dropna().is_monotonic_increasing
    assert "attendants_other" not in set(table["figure"])  # both have fast chargers
    # Grid works of 15 % of the cost would have to cost over five times as much.
    whole = stations(sold=(60.0, 60.0))
    assert "grid_cost_pkr" not in set(break_evens(whole)["figure"])


def test_accounts_are_those_of_the_business_case():
    accounts = stations()
    case = business_case(accounts.offers, pd.Series({"s1": 20.0, "s2": 22.0}), PLAIN)
    assert accounts.npv_pkr == pytest.approx(case["npv_pkr"].to_numpy())
    dear = accounts.at("charger_cost_pkr", 2.0)
    assert dear.offers["cost_pkr"].tolist() == [1_800_000.0] * 2
    assert dear.offers["om_pkr_year"].tolist() == (2 * accounts.offers["om_pkr_year"]).tolist()


def test_swings_are_between_the_ends_and_ends_refused_are_left_out():
    accounts = stations()

    def tariff(value):
        return replace(accounts, rules=replace(PLAIN, tariff_pkr_kwh=value))

    ends = {"a": (tariff, 28.0, 48.0), "b": (tariff, 28.0, 130.0)}
    table = swings(accounts, ends).set_index("name")
    each = 365 * 42 * FACTOR * 10
    assert table.loc["a", "low_pkr"] == pytest.approx(each)
    assert table.loc["a", "high_pkr"] == pytest.approx(-each)
    assert table.loc["a", "swing_pkr"] == pytest.approx(2 * each)
    assert "b" not in table.index  # a tariff above the price
