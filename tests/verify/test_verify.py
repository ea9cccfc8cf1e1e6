"""The recount must catch a plan that lies: each test breaks one figure of an honest plan."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from account_town import (
    NEAR,
    OFFERS,
    TOO_MUCH,
    aimed,
    changed,
    faults_of,
    passes,
    plain,
    rows_of,
    serves,
    stands,
    wants,
    with_old_station,
    worth,
)
from conftest import every
from plain_recount import verify

from siting.errors import InputError
from siting.verify import Account, Aim, OtherPlan, recount


def test_an_honest_plan_passes_and_says_what_was_recounted():
    checks = passes(plain())
    assert checks.loc["worth served, kWh/day", "found"] == 13.0
    assert checks.loc["subsidy within the budget, PKR"].tolist() == [60.0, 65.0]
    assert checks.loc["longest drive, min"].tolist() == [5.0, 10.0]
    assert checks.loc["energy served within capacity, kWh/day"].tolist() == [13.0, 15.0]
    assert len(checks) == 12


def test_all_faults_are_told_at_once():
    lie = changed(changed(plain(), "service", 0, "travel_min", 4.0), "sites", 0, "cost_pkr", 1.0)
    text = faults_of(replace(lie, budget_pkr=1.0))
    for words in (
        "different from the reach table",
        "different from the offer",
        "60 is more than 1",
    ):
        assert words in text


TABLE_LIES = [
    ("built", 0, "offer_id", "s1:none", "not in the offers (s1)"),
    ("built", 0, "offer_id", "s2:huge", "was ruled out (s1)"),
    ("built", 0, "site_id", "s2", "not the site of the offer (s2)"),
    ("sites", 0, "offer_id", "s1:big", "different from the stations of the last slice (s1)"),
    ("sites", 0, "power_kw", 31.0, "column power_kw: 1 different from the offer (s1)"),
    ("sites", 0, "cost_pkr", 100.0 * TOO_MUCH, "column cost_pkr: 1 different from the offer"),
    ("sites", 0, "subsidy_pkr", 1.0, "column subsidy_pkr: 1 different from the money drawn (s1)"),
    ("sites", 0, "served_kwh_day", 14.0, "not the sum of its service (s1)"),
    ("service", 0, "site_id", "s2", "served by a site that is not built (d1 by s2)"),
    ("service", 1, "served_kwh_day", 4.0 * TOO_MUCH, "more than the demand (d2)"),
    ("service", 0, "served_kwh_day", -1e-6, "negative or not a number (d1 by s1)"),
    ("service", 0, "served_kwh_day", np.nan, "negative or not a number (d1 by s1)"),
    ("service", 0, "travel_min", 5.0 * TOO_MUCH, "different from the reach table"),
    ("service", 0, "cell_id", "c9", "not the cell of the demand row"),
    ("service", 0, "demand_id", "d9", "not the cell of the demand row"),
    ("service", 1, "vehicle_class", "bicycle", "cannot plug in (d2 by s1)"),
    ("reach", 0, "cell_id", "c2", "out of reach (d1 by s1, d2 by s1, d3 by s1)"),
    ("offers", 0, "subsidy_pkr", 66.0, "66 is more than 65"),
    ("offers", 0, "subsidy_pkr", 101.0, "more than the cost (s1:mix)"),
    ("offers", 0, "fee_cost_pkr", 5.001, "not the sum of its parts (s1:mix)"),
    ("offers", 0, "capacity_lev_kwh_day", 0.0, "cannot plug in (d2 by s1)"),
    ("offers", 0, "capacity_lev_kwh_day", 3.0, "more than their chargers can (s1 by 1 kWh"),
    # cars may use AC and DC, buses only DC: 5 + 4 carries 6 + 3 only if buses get the DC
    ("offers", 0, "capacity_dc_kwh_day", 2.5, "more than their chargers can (s1 by 1.5 kWh"),
    ("offers", 0, "capacity_ac_kwh_day", 5 - 1e-4, "more than their chargers can (s1 by 0.0001"),
    ("compatibility", 1, "vehicle_class", "tram", "more than their chargers can (s1 by 1 kWh"),
    ("offers", 2, "existing", True, "existing stations closed by the plan (s2)"),
    ("served", 0, "served_kwh_day", 13.0 * TOO_MUCH, "energy served, kWh/day: 13.000052 claimed"),
    ("money", 0, "spent_pkr", 60.0 * TOO_MUCH, "money spent, PKR: 60.00024 claimed, 60"),
    ("money", 0, "granted_pkr", 66.0, "money granted, PKR: 66 claimed, 65 recomputed"),
]


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "expected"),
    every(4, TABLE_LIES),
)
def test_a_lie_in_a_table_is_found(table, row, column, value, expected):
    assert expected in faults_of(changed(plain(), table, row, column, value))


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"budget_pkr": 60 / TOO_MUCH}, "subsidy within the budget, PKR: 60 is more than 59.99"),
        ({"cutoff_min": 5.0 / TOO_MUCH}, "more than 4.99998 min"),
        ({"headroom_kw": pd.Series({"s1": 30 / TOO_MUCH})}, "more than the grid headroom (s1)"),
        ({"aims": (Aim("most_worth", 14.0, 14.0),)}, "14 claimed, 13 recomputed"),
        ({"aims": (Aim("most_worth", 13.0, 12.9),)}, "12.9 is below the value 13"),
        ({"aims": (Aim("most_worth", 13.0, 14.3, 0.099),)}, "gap 0.099 claimed, 0.1 recomputed"),
        ({"required_sites": ["s1", "s2"]}, "1 required and not built (s2)"),
        ({"forbidden_sites": ["s1"]}, "1 forbidden and built (s1)"),
    ],
)
def test_a_lie_in_a_claim_is_found(claim, expected):
    assert expected in faults_of(replace(plain(), **claim))


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("service", 1, "served_kwh_day", 4.0 * NEAR),
        ("service", 0, "travel_min", 5.0 * NEAR),
        ("offers", 0, "capacity_lev_kwh_day", 4.0 / NEAR),
        ("offers", 0, "fee_cost_pkr", 5.0 * NEAR),
        ("sites", 0, "served_kwh_day", 13.0 * NEAR),
    ],
)
def test_arithmetic_is_no_lie(table, row, column, value):
    passes(changed(plain(), table, row, column, value))


@pytest.mark.parametrize("scale", [1e-9, 1e-4, 1e7])
def test_small_and_large_towns_are_measured_alike(scale):
    kwh = ["served_kwh_day"]
    town = plain()
    capacities = [c for c in OFFERS.columns if c.startswith("capacity")]
    small = replace(
        town,
        service=town.service.assign(**town.service[kwh] * scale),
        demand=town.demand.assign(demand_kwh_day=town.demand["demand_kwh_day"] * scale),
        offers=OFFERS.assign(**OFFERS[capacities] * scale),
        sites=None,
        served=None,
        aims=(Aim("most_worth", 13.0 * scale, 13.0 * scale, 0.0),),
    )
    passes(small)
    more = changed(small, "service", 1, "served_kwh_day", 4.0 * scale * TOO_MUCH)
    assert "more than the demand (d2)" in faults_of(more)
    less = changed(small, "offers", 0, "capacity_lev_kwh_day", 3.9999 * scale)
    assert "more than their chargers can" in faults_of(less)
    text = faults_of(aimed(small, Aim("most_worth", 13.0 * scale * TOO_MUCH)))
    assert "recomputed" in text


def test_two_offers_at_one_site_are_found():
    both = stands(("", "s1:mix"), ("", "s1:big"))
    assert "built twice (s1)" in faults_of(replace(plain(), built=both))


def test_civil_works_and_land_are_parts_of_the_cost():
    offers = OFFERS.assign(civil_cost_pkr=7.0, land_cost_pkr=0.0)
    assert "not the sum of its parts (s1:mix)" in faults_of(replace(plain(), offers=offers))
    offers["cost_pkr"] += 7.0
    passes(replace(plain(), offers=offers, sites=None))


def test_power_that_is_bought_needs_no_headroom():
    spare = pd.Series({"s1": 20.0})
    town = replace(plain(), headroom_kw=spare)
    assert "more than the grid headroom (s1)" in faults_of(town)
    passes(replace(town, offers=OFFERS.assign(upgrade_kw=10.0)))
    less = replace(town, offers=OFFERS.assign(upgrade_kw=9.99))
    assert "more than the grid headroom (s1)" in faults_of(less)


def test_an_extension_keeps_the_station_and_draws_what_is_added():
    checks = passes(replace(with_old_station(), headroom_kw=pd.Series({"s1": 20.0})))
    assert checks.loc["existing stations kept or extended"].tolist() == [1.0, 1.0]
    assert checks.loc["largest excess of power over grid headroom, kW", "found"] == 0.0


@pytest.mark.parametrize(
    ("lie", "expected"),
    [
        (lambda a: changed(a, "offers", 0, "extends", False), "closed by the plan (s1)"),
        (
            lambda a: changed(a, "offers", 4, "existing", False),
            "extend a station that does not exist (s1)",
        ),
        (lambda a: replace(a, headroom_kw=pd.Series({"s1": 19.0})), "grid headroom (s1)"),
    ],
)
def test_a_lie_about_an_extension_is_found(lie, expected):
    assert expected in faults_of(lie(with_old_station()))


def test_coverage_serves_without_a_limit_of_its_own():
    served = serves(("", "d1", "s1", 10.0), ("", "d2", "s1", 4.0), ("", "d3", "s1", 3.0))
    cover = aimed(replace(plain(), model="coverage", service=served, sites=None, served=None),
                  Aim("most_worth", 17.0, 17.0, 0.0))  # fmt: skip
    assert "chargers can" in faults_of(replace(cover, model="capacitated"))
    passes(cover)
    passes(replace(cover, serves_all=True))
    part = replace(plain(), model="coverage")
    passes(part)
    text = faults_of(replace(part, serves_all=True))
    assert "13 kWh/day served, 17 within reach of the stations" in text
    over = changed(cover, "service", 0, "served_kwh_day", 10.0 * TOO_MUCH)
    assert "more than the demand (d1)" in faults_of(over)


@pytest.mark.parametrize("model", ["capacitated", "coverage"])
def test_a_plan_with_nothing_built_is_honest_too(model):
    town = plain()
    empty = replace(
        town, model=model, built=town.built.iloc[:0], service=town.service.iloc[:0], sites=None,
        served=None, money=None, aims=(Aim("most_worth", 0.0, 0.0, 0.0),),
    )  # fmt: skip
    assert passes(empty)["found"].sum() == 0
    assert "gap 0.5 claimed, 1 recomputed" in faults_of(
        aimed(empty, Aim("most_worth", 0.0, 5.0, 0.5))
    )


def limited(**columns):
    """s1:mix uses 40 of 50 rupees for cars, all 30 kW of a feeder, and is one of at least one."""
    there = rows_of(
        "resource kind unit at_least at_most",
        ("cars", "envelope", "PKR", np.nan, 50.0),
        ("feeder F1", "feeder", "kW", np.nan, 30.0),
        ("in the west", "square", "stations", 1.0, np.inf),
    )
    use = rows_of(
        "resource offer_id use",
        ("cars", "s1:mix", 40.0), ("cars", "s2:fast", 70.0), ("feeder F1", "s1:mix", 30.0),
        ("feeder F1", "s2:fast", 60.0), ("in the west", "s1:mix", 1.0),
    )  # fmt: skip
    there = there.assign(**{"per_rupee": False} | columns)
    return replace(plain(), resources=there, resource_use=use,
                   required_sites=["s1"], forbidden_sites=["s2"])  # fmt: skip


def test_resources_and_sites_are_recounted():
    checks = passes(limited())
    assert checks.loc["cars, PKR"].tolist() == [40.0, 50.0]
    assert checks.loc["feeder F1, kW"].tolist() == [30.0, 30.0]
    assert checks.loc["in the west at least, stations"].tolist() == [1.0, 1.0]
    assert checks.loc["required sites built"].tolist() == [1.0, 1.0]
    assert checks.loc["forbidden sites not built"].tolist() == [1.0, 1.0]
    passes(changed(limited(), "resource_use", 2, "use", 30.0 * NEAR))


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "expected"),
    [
        ("resource_use", 0, "use", 51.0, "limit cars: 51 PKR used, 50 PKR available"),
        ("resources", 1, "at_most", 29.9999, "limit feeder F1: 30 kW used, 29.9999 kW available"),
        ("resources", 2, "at_least", 2.0, "limit in the west: 1 stations used, at least 2"),
    ],
)
def test_a_lie_about_resources_is_found(table, row, column, value, expected):
    assert expected in faults_of(changed(limited(), table, row, column, value))


def test_an_envelope_counts_each_rupee_drawn():
    share = changed(limited(per_rupee=[True, False, False]), "resource_use", 0, "use", 0.8)
    assert passes(share).loc["cars, PKR"].tolist() == [48.0, 50.0]
    more = changed(share, "resource_use", 0, "use", 0.9)
    assert "limit cars: 54 PKR used, 50 PKR available" in faults_of(more)


def test_plans_differ_by_as_many_sites_as_they_should():
    near, far = OtherPlan(["s1:big"], 1), OtherPlan(["s2:fast"], 2)
    passes(replace(plain(), others=[far]))
    text = faults_of(replace(plain(), others=[far, near]))
    assert text == "the other plan: differs at 0 sites, but must differ at 1 or more"
    gone = OtherPlan(["s9:x", "s2:fast"], 2, "plan 1")
    assert "plan 1: 1 not in the offers (s9:x)" in faults_of(replace(plain(), others=[gone]))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"built": pd.DataFrame({"site_id": []})}, "built: columns missing (offer_id)"),
        ({"resources": rows_of("resource unit", ("cars", "PKR"))}, "missing (at_least, at_most"),
        ({"offers": OFFERS.assign(cost_pkr=np.nan)}, "offers, column cost_pkr: not a number of 0"),
        ({"offers": pd.concat([OFFERS, OFFERS])}, "offers, column offer_id: more than once"),
        ({"demand": wants(_=(1.0,), x=(1.0,))}, "demand, column slice: not among the slices (x)"),
        ({"worth": worth(d1=1.0)}, "worth: missing for demand rows (d2, d3)"),
        ({"members": rows_of("floor demand_id", ("east", "d9"))}, "not among the demand rows (d9)"),
        ({"floors": rows_of("floor slice share", ("east", "", 0.5))}, "without members (east)"),
        ({"aims": (Aim("least_regret", 1.0),)}, "aims, least_regret: needs the best"),
    ],
)
def test_tables_that_cannot_be_recounted_are_refused(change, expected):
    with pytest.raises(InputError) as caught:
        recount(replace(plain(), **change))
    assert expected in str(caught.value)


def test_a_resource_without_its_row_is_refused():
    with pytest.raises(InputError, match=r"not among the resources \(cars\)"):
        recount(changed(limited(), "resources", 0, "resource", "bikes"))


def figures(a: Account):
    """The same account for the entry that takes its figures one by one."""
    return {
        "sites": a.sites,
        "service": a.service.drop(columns="slice"),
        "demand": a.demand.drop(columns="slice"),
        "offers": a.offers,
        "reach": a.reach,
        "compatibility": a.compatibility,
        "cutoff_min": a.cutoff_min,
        "budget_pkr": a.budget_pkr,
        "capacitated": True,
        "objective_kwh_day": 13.0,
        "bound_kwh_day": 13.0,
        "gap": 0.0,
        "headroom_kw": a.headroom_kw,
    }


def test_a_plan_without_years_is_recounted_from_its_figures():
    assert len(verify(**figures(plain()))) == 9
    with pytest.raises(ArithmeticError, match="13 kWh/day served, 17 within reach"):
        verify(**figures(plain()) | {"capacitated": False})
    limits = limited().resource_use.rename(columns={"resource": "limit"})
    there = limited().resources.rename(columns={"resource": "limit"})
    checks = verify(**figures(plain()), limits=limits, limits_at_most=there)
    assert "cars, PKR" in set(checks["check"])
    with pytest.raises(InputError, match="not among the resources"):
        verify(**figures(plain()), limits=limits)
