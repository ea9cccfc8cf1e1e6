"""The recount of plans in years and for scenarios passes the truth and catches every lie."""

import pandas as pd
import pytest
from brute_force import COMPATIBILITY
from slices import car_demand, instances_of, plain_offers, within_reach
from test_scenarios import split_town

from siting.errors import VerifyError
from siting.recheck import recheck_scenarios, recheck_years
from siting.solve import solve_phased, solve_scenarios


def town():
    """Two sites; an existing station at the second; a small offer that can become a big one."""
    offers = plain_offers(
        [("big", "s", 2, 10), ("small", "s", 1, 2), ("old", "t", 0, 3), ("no", "u", 1, 5)]
    )
    offers["existing"] = offers["offer_id"] == "old"
    offers["reason"] = offers["offer_id"].map({"no": "flooded"}).fillna("")
    reach = within_reach(("c", "s"), ("e", "t"), ("e", "u"))
    return offers, reach, {2027: car_demand(c=2, e=4), 2028: car_demand(c=10, e=4)}


def phased_claims(**rules):
    offers, reach, by_year = town()
    budgets = {2027: 1.0, 2028: 1.5}
    rules = {"carry_over": False, "upgrades": True} | rules
    plan = solve_phased(
        instances_of(offers, reach, by_year),
        budgets,
        discount_rate=0.1,
        gap=0.0,
        threads=1,
        **rules,
    )
    return {
        "offers_by_year": plan.offers_by_year,
        "served": plan.served,
        "money": plan.money,
        "demand": by_year,
        "offers": offers,
        "reach": reach,
        "compatibility": COMPATIBILITY,
        "budgets_pkr": budgets,
        "capacitated": True,
        "discount_rate": 0.1,
        "objective": plan.proof.objective,
        "bound": plan.proof.bound,
        "gap": plan.proof.gap,
        **rules,
    }


@pytest.mark.parametrize("rules", [{}, {"carry_over": True}, {"upgrades": False}])
def test_a_true_plan_in_years_passes(rules):
    checks = recheck_years(**phased_claims(**rules))
    assert checks["check"].is_unique
    assert checks["found"].notna().all()


def without(name, year):
    def lie(claims):
        table = claims["offers_by_year"]
        gone = (table["offer_id"] == name) & (table["year"] == year)
        claims["offers_by_year"] = table[~gone]

    return lie


def instead(column, value, row, table="offers_by_year"):
    def lie(claims):
        frame = claims[table].astype({column: object})
        frame.loc[row, column] = value
        claims[table] = frame

    return lie


def claim(name, value):
    def lie(claims):
        claims[name] = value

    return lie


def twice(claims):
    table = claims["offers_by_year"]
    more = table[table["offer_id"] == "big"].assign(offer_id="small")
    claims["offers_by_year"] = pd.concat([table, more], ignore_index=True)


# Rows of the true plan: 0 old 2027, 1 small 2027, 2 big 2028, 3 old 2028.
YEAR_LIES = {
    "a station closes": (without("big", 2028), "year 2028: 1 stations closed (s)"),
    "an existing station closes": (without("old", 2027), "existing stations closed (t)"),
    "two offers at a site": (twice, "more than one offer (s)"),
    "an offer that is not there": (instead("offer_id", "huge", 2), "not there or ruled out (huge)"),
    "an offer that was ruled out": (instead("offer_id", "no", 2), "ruled out (no)"),
    "an offer of another site": (instead("site_id", "u", 2), "of another site (big)"),
    "replaced where nothing may be": (claim("upgrades", False), "stations replaced (s)"),
    "the wrong year built": (instead("built_year", 2027, 2), "not the year built (s)"),
    "an existing station built": (instead("built_year", 2027, 0), "not the year built (t)"),
    "the wrong subsidy": (instead("subsidy_pkr", 7.0, 2), "not the subsidy due (s)"),
    "more money than there is": (claim("budgets_pkr", {2027: 0.5, 2028: 2.0}), "2027: subsidy"),
    "money carried over that is not": (
        claim("budgets_pkr", {2027: 1.6, 2028: 0.4}),
        "2028: subsidy within",
    ),
    "money spent": (instead("spent_pkr", 9.0, 1, "money"), "2028: money spent"),
    "money left": (instead("left_pkr", 9.0, 1, "money"), "2028: money left"),
    "more served than can be": (instead("served_kwh_day", 14.0, 1, "served"), "2028: energy"),
    "the objective": (claim("objective", 99.0), "objective, weighted"),
    "another discount rate": (claim("discount_rate", 0.5), "objective, weighted"),
    "a bound below": (claim("bound", 1.0), "objective within its bound"),
    "a gap too small": (claim("bound", 99.0), "gap between objective and bound"),
}


@pytest.mark.parametrize("lie", YEAR_LIES)
def test_a_lie_about_years_is_caught(lie):
    tell, words = YEAR_LIES[lie]
    claims = phased_claims()
    assert claims["offers_by_year"]["offer_id"].tolist() == ["old", "small", "big", "old"]
    tell(claims)
    with pytest.raises(VerifyError) as caught:
        recheck_years(**claims)
    assert words in str(caught.value)


def test_a_station_may_not_become_a_smaller_one():
    claims = phased_claims(carry_over=True)
    claims["budgets_pkr"] = {2027: 3.0, 2028: 3.0}
    table = claims["offers_by_year"].copy()
    table.loc[1, "offer_id"], table.loc[2, "offer_id"] = "big", "small"
    claims["offers_by_year"] = table
    with pytest.raises(VerifyError, match="stations replaced by less"):
        recheck_years(**claims)


def test_money_may_be_carried_over_where_the_rule_allows_it():
    claims = phased_claims(carry_over=True)
    claims["budgets_pkr"] = {2027: 1.6, 2028: 0.4}
    claims["money"] = claims["money"].assign(left_pkr=[0.6, 0.0])
    assert len(recheck_years(**claims)) == 4 * 2 + 3


def scenario_claims(criterion="expected", cvar_of="unserved"):
    offers, reach, by_name = split_town()
    chances = {"east": 0.3, "west": 0.7}
    plan = solve_scenarios(
        instances_of(offers, reach, by_name, 1.0), chances, criterion, alpha=0.5, cvar_of=cvar_of,
        gap=0.0, threads=1,
    )  # fmt: skip
    return {
        "chosen": plan.offers,
        "served": plan.served,
        "demand": by_name,
        "probabilities": chances,
        "offers": offers,
        "reach": reach,
        "compatibility": COMPATIBILITY,
        "budget_pkr": 1.0,
        "capacitated": True,
        "criterion": criterion,
        "alpha": 0.5,
        "cvar_of": cvar_of,
        "expected_kwh": plan.expected_kwh,
        "objective": plan.proof.objective,
        "bound": plan.proof.bound,
        "gap": plan.proof.gap,
    }


CASES = [("expected", "served"), ("regret", "served"), ("cvar", "served"), ("cvar", "unserved")]


@pytest.mark.parametrize(("criterion", "cvar_of"), CASES)
def test_a_true_plan_for_scenarios_passes(criterion, cvar_of):
    checks = recheck_scenarios(**scenario_claims(criterion, cvar_of))
    assert len(checks) == 1 + 5 * 2 + 4


def also_built(claims):
    claims["chosen"] = ("east:a", "west:a")


# The true plan builds west:a, which serves 0 in "east" and 6 in "west".
SCENARIO_LIES = {
    "too much money": (also_built, "subsidy within the budget"),
    "an offer that is not there": (claim("chosen", ("north:a",)), "not there or ruled out"),
    "more served than can be": (instead("served_kwh_day", 7.0, 1, "served"), "west: energy served"),
    "better than the best": (instead("best_kwh", 5.0, 1, "served"), "within the best"),
    "a best beyond its bound": (instead("best_kwh", 6.5, 1, "served"), "best within its bound"),
    "a best beyond the demand": (instead("best_bound_kwh", 8.0, 1, "served"), "within the demand"),
    "less given up than is": (instead("regret_kwh", 1.0, 0, "served"), "east: regret"),
    "the mean": (claim("expected_kwh", 5.0), "mean energy"),
    "the criterion": (claim("objective", 5.0), "criterion expected"),
    "other chances": (claim("probabilities", {"east": 0.7, "west": 0.3}), "mean energy"),
    "a bound below": (claim("bound", 1.0), "objective within its bound"),
    "a gap too small": (claim("bound", 9.0), "gap between objective and bound"),
}


@pytest.mark.parametrize("lie", SCENARIO_LIES)
def test_a_lie_about_scenarios_is_caught(lie):
    tell, words = SCENARIO_LIES[lie]
    claims = scenario_claims()
    tell(claims)
    with pytest.raises(VerifyError) as caught:
        recheck_scenarios(**claims)
    assert words in str(caught.value)


@pytest.mark.parametrize(("criterion", "cvar_of"), CASES[1:])
def test_a_lie_about_regret_or_tail_is_caught(criterion, cvar_of):
    claims = scenario_claims(criterion, cvar_of)
    claims["objective"] += 0.5
    with pytest.raises(VerifyError, match=f"criterion {criterion}"):
        recheck_scenarios(**claims)
    claims = scenario_claims(criterion, cvar_of)
    less = criterion == "regret" or cvar_of == "unserved"
    claims["bound"] += 0.5 if less else -0.5
    with pytest.raises(VerifyError, match="objective within its bound"):
        recheck_scenarios(**claims)
