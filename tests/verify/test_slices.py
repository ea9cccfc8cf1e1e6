"""The recount of plans in years and for several scenarios: true ones pass, lies are caught."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from account_town import (
    OFFERS,
    TOO_MUCH,
    aimed,
    changed,
    faults_of,
    offer,
    passes,
    rows_of,
    scenarios,
    serves,
    slices,
    stands,
    wants,
    years,
)

from siting.errors import InputError
from siting.verify import Aim, recount


def test_a_true_plan_in_years_passes():
    checks = passes(years())
    assert checks.loc["2028: subsidy within the money available, PKR"].tolist() == [100.0, 100.0]
    assert checks.loc["worth served, kWh/day", "found"] == 71.0


YEAR_LIES = {
    "an unknown offer": (("built", 1, "offer_id", "s1:x"), "not in the offers (s1 in 2028)"),
    "an offer ruled out": (("built", 2, "offer_id", "s2:huge"), "was ruled out (s2 in 2028)"),
    "another site": (("built", 2, "site_id", "s3"), "not the site of the offer (s3 in 2028)"),
    "two at a site": (("built", 2, "site_id", "s1"), "built twice (s1 in 2028)"),
    "the year built": (("built", 2, "built_year", 2027), "2028, column built_year: 1 not the year"),
    "the year upgraded": (("built", 1, "built_year", 2027), "not the year built (s1)"),
    "what was paid": (("built", 1, "paid_pkr", 90.0), "column paid_pkr: 1 not the subsidy due"),
    "money spent": (("money", 1, "spent_pkr", 100.01), "2028: money spent, PKR: 100.01 claimed"),
    "money left": (("money", 0, "left_pkr", 6.0), "2027: money left, PKR: 6 claimed, 5"),
    "the energy": (("served", 1, "served_kwh_day", 29.001), "2028: energy served"),
    "too much served": (
        ("service", 4, "served_kwh_day", 6.0 * TOO_MUCH + 0.1),
        "1 serve more than their chargers can (s1 in 2028 by 0.1000",
    ),
    "not wanted": (("demand", 4, "demand_kwh_day", 5.9), "more than the demand (d2 in 2028)"),
    "another weight": (("slices", 1, "weight", 1.99), "71 claimed, 70.71 recomputed"),
}


@pytest.mark.slow
@pytest.mark.parametrize("lie", YEAR_LIES)
def test_a_lie_about_years_is_caught(lie):
    change, words = YEAR_LIES[lie]
    assert words in faults_of(changed(years(), *change))


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"upgrades": False}, "year 2028: 1 stations replaced (s1)"),
        ({"budget_pkr": {2027: 59.9, 2028: 110.0}}, "2027: subsidy within the money available"),
        ({"budget_pkr": {2027: 65.0, 2028: 99.99}}, "2028: subsidy within the money available"),
        ({"forbidden_sites": ["s2"]}, "forbidden and built (s2)"),
        ({"aims": (Aim("most_worth", 71.0, 70.9),)}, "70.9 is below the value 71"),
        ({"aims": (Aim("most_worth", 71.0, 75.0, 0.05),)}, "gap 0.05 claimed, 0.05633"),
    ],
)
def test_a_rule_of_years_is_kept(rules, words):
    assert words in faults_of(replace(years(), **rules))


def test_a_station_may_not_close():
    gone = replace(years(), built=years().built.iloc[[0, 2]])
    assert "year 2028: 1 stations closed (s1)" in faults_of(gone)


def test_a_station_may_not_become_a_smaller_or_cheaper_one():
    back = changed(changed(years(), "built", 0, "offer_id", "s1:big"), "built", 1, "offer_id",
                   "s1:mix")  # fmt: skip
    assert "stations with less capacity or money (s1)" in faults_of(back)
    cheap = changed(years(), "offers", 1, "subsidy_pkr", 59.0)
    assert "stations with less capacity or money (s1)" in faults_of(cheap)
    slow = changed(years(), "offers", 1, "capacity_lev_kwh_day", 6 - 1e-4)
    assert "stations with less capacity or money (s1)" in faults_of(slow)


def test_money_may_be_carried_over_where_the_rule_allows_it():
    later = replace(years(), budget_pkr={2027: 70.0, 2028: 90.0})
    later = replace(later, money=later.money.assign(left_pkr=[10.0, 0.0]))
    assert "2028: subsidy within the money available, PKR: 100 is more than 90" in faults_of(later)
    passes(replace(later, carry_over=True))
    short = replace(later, carry_over=True, budget_pkr={2027: 70.0, 2028: 89.9})
    assert "2028: subsidy within the money available" in faults_of(short)
    early = replace(later, carry_over=True, budget_pkr={2027: 59.0, 2028: 101.0})
    assert "2027: subsidy within the money available" in faults_of(early)


def old_in_years():
    """s1:old stands from the beginning and is extended in 2028, where nothing may be upgraded."""
    old = offer("s1:old", 0.0, 0.0, 2.0, 0.0, 0.0, power=10.0, existing=True)
    offers = pd.concat([OFFERS, pd.DataFrame([old])], ignore_index=True)
    offers.loc[0, "extends"] = True
    built = stands(("2027", "s1:old"), ("2028", "s1:mix"))
    service = serves(("2027", "d1", "s1", 2.0), ("2028", "d1", "s1", 8.0))
    return replace(
        years(),
        offers=offers,
        built=built.assign(built_year=[None, 2028], paid_pkr=[0.0, 60.0]),
        service=service,
        upgrades=False,
        served=None,
        money=None,
        aims=(Aim("most_worth", 2.0 + 2 * 8.0),),
    )


@pytest.mark.slow
def test_a_standing_station_can_be_extended_in_any_year():
    passes(old_in_years())
    bare = changed(old_in_years(), "offers", 0, "extends", False)
    assert "year 2028: 1 existing stations closed by the plan (s1)" in faults_of(bare)
    new = changed(old_in_years(), "built", 0, "built_year", 2027)
    assert "year 2027, column built_year: 1 not the year built (s1)" in faults_of(new)
    late = replace(old_in_years(), built=old_in_years().built.iloc[[1]])
    assert "year 2027: 1 existing stations closed by the plan (s1)" in faults_of(late)
    never = replace(old_in_years(), built=old_in_years().built.iloc[[0]])
    assert "year 2028: 1 existing stations closed by the plan (s1)" in faults_of(never)
    both = pd.concat([OFFERS, pd.DataFrame([offer("s1:twin", 150.0, 60.0, 6.0, 4.0, 6.0)])])
    wider = replace(old_in_years(), offers=pd.concat([old_in_years().offers, both.iloc[[-1]]]))
    assert "existing stations closed" in faults_of(
        changed(wider, "built", 1, "offer_id", "s1:twin")
    )


def test_resources_hold_in_every_year_and_at_least_in_the_last():
    columns = "resource unit at_least at_most per_rupee"
    there = rows_of(columns, ("kW", "kW", 110.0, 110.0, False))
    use = rows_of(
        "resource offer_id use", ("kW", "s1:mix", 30.0), ("kW", "s1:big", 50.0),
        ("kW", "s2:fast", 60.0),
    )  # fmt: skip
    town = replace(years(), resources=there, resource_use=use)
    checks = passes(town)
    assert checks.loc["kW, kW"].tolist() == [110.0, 110.0]
    assert "limit kW: 110 kW used, 109.9 kW available" in faults_of(
        changed(town, "resources", 0, "at_most", 109.9)
    )
    assert "at least 111 kW required" in faults_of(changed(town, "resources", 0, "at_least", 111.0))
    # what is used less of later is still used now
    early = changed(town, "resource_use", 0, "use", 200.0)
    assert "limit kW: 200 kW used" in faults_of(early)


def test_a_true_plan_for_scenarios_passes():
    checks = passes(scenarios())
    assert checks.loc["largest regret, kWh/day"].tolist() == [1.0, 1.0]


def with_aim(n, **changes):
    aims = list(scenarios().aims)
    aims[n] = replace(aims[n], **changes)
    return aimed(scenarios(), *aims)


def best_of(**columns):
    return scenarios().aims[1].best.assign(**columns)


SCENARIO_LIES = {
    "the mean": (with_aim(0, value=11.7501), "11.7501 claimed, 11.75 recomputed"),
    "the regret": (with_aim(1, value=1.001), "largest regret, kWh/day: 1.001 claimed, 1"),
    "a bound above": (with_aim(1, bound=1.1), "1.1 is above the value 1"),
    "a gap too small": (with_aim(1, bound=0.5, gap=0.49), "gap 0.49 claimed, 0.5 recomputed"),
    "the tail served": (with_aim(2, value=8.01), "8.01 claimed, 8 recomputed"),
    "a tail's bound": (with_aim(2, bound=7.9), "7.9 is below the value 8"),
    "the tail unserved": (with_aim(3, value=3.99), "3.99 claimed, 4 recomputed"),
    "that tail's bound": (with_aim(3, bound=4.1), "4.1 is above the value 4"),
    "other chances": (
        changed(changed(scenarios(), "slices", 0, "probability", 0.75), "slices", 1, "probability",
                0.25),
        "11.75 claimed, 9.25 recomputed",
    ),
    "better than the best": (with_aim(1, best=best_of(best=[7.9, 14.0])), "slow: worth within the"),
    "a best never found": (with_aim(1, best=best_of(found=[8.0, 14.1])), "fast: best worth found"),
    "a best beyond all": (with_aim(1, best=best_of(best=[8.1, 14.0])), "slow: best worth within"),
    "one plan a scenario": (
        changed(scenarios(), "built", 1, "offer_id", "s1:big"),
        "built, column slice: 1 not the same in every scenario (s1 in slow, s1 in fast)",
    ),
    "nothing in one": (
        replace(scenarios(), built=scenarios().built.iloc[[0]]),
        "served by a site that is not built (d1 by s1 in fast",
    ),
    "too much money": (replace(scenarios(), budget_pkr=59.9), "subsidy within the budget, PKR"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("lie", SCENARIO_LIES)
def test_a_lie_about_scenarios_is_caught(lie):
    account, words = SCENARIO_LIES[lie]
    text = faults_of(account)
    assert words.replace("1 not the same", "2 not the same") in text


def both():
    """2027 and 2028, slow and fast: s1:mix, then s2:fast beside it."""
    names = ["2027 slow", "2027 fast", "2028 slow", "2028 fast"]
    built = [(s, "s1:mix") for s in names] + [(s, "s2:fast") for s in names[2:]]
    return replace(
        years(),
        built=stands(*built),
        slices=slices(
            ("2027 slow", 2027, "slow", 1.0, 0.5), ("2027 fast", 2027, "fast", 1.0, 0.5),
            ("2028 slow", 2028, "slow", 3.0, 0.5), ("2028 fast", 2028, "fast", 3.0, 0.5),
        ),
        demand=wants(**{n: (10.0 + 5 * k, 4.0, 3.0) for k, n in enumerate(names)}),
        service=serves(
            *((n, "d2", "s1", 4.0) for n in names), ("2028 slow", "d1", "s2", 10.0),
            ("2028 fast", "d1", "s2", 12.0), ("2027 fast", "d1", "s1", 5.0),
        ),
        served=None, money=None, upgrades=False, budget_pkr={2027: 60.0, 2028: 70.0},
        aims=(Aim("most_worth", 0.5 * (4 + 3 * 14) + 0.5 * (9 + 3 * 16)),
              Aim("tail", 46.0, of="served", alpha=0.5)),
    )  # fmt: skip


def test_years_and_scenarios_go_together():
    passes(both())
    assert "worth served" in faults_of(changed(both(), "slices", 3, "weight", 3.1))
    late = changed(both(), "built", 5, "offer_id", "s2:huge")
    assert "was ruled out (s2 in 2028 fast)" in faults_of(late)
    one = replace(both(), built=both().built.iloc[:-1])
    assert "not the same in every scenario (s2 in 2028 slow)" in faults_of(one)
    assert "2028: subsidy within" in faults_of(replace(both(), budget_pkr={2027: 70.0, 2028: 60.0}))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"budget_pkr": 100.0}, "is one number for several years"),
        ({"budget_pkr": {2027: 100.0}}, "budget_pkr: no budget for years (2028)"),
        ({"slices": slices(("2027", 2027, "", 1.0, 1.0))}, "not among the slices (2028)"),
        (
            {"slices": slices(("2027", 2027, "", np.nan, 1.0), ("2028", 2028, "", 1.0, -1.0))},
            "slices, column probability: not a number of 0 or more (2028)",
        ),
    ],
)
def test_slices_that_cannot_be_recounted_are_refused(change, expected):
    with pytest.raises(InputError) as caught:
        recount(replace(years(), **change))
    assert expected in str(caught.value)
