"""The recount must catch a plan that lies: each test breaks one figure of an honest plan."""

import pandas as pd
import pytest

from siting.errors import InputError, VerifyError
from siting.verify import verify


def town():
    """Two sites, one cell: 10 kWh/day of cars, 4 of motorcycles; s1 is built, s2 could be."""
    offers = pd.DataFrame(
        {
            "offer_id": ["s1:mix", "s2:fast", "s2:huge"],
            "site_id": ["s1", "s2", "s2"],
            "configuration": ["mix", "fast", "huge"],
            "existing": [False, False, False],
            "power_kw": [30.0, 60.0, 900.0],
            "charger_cost_pkr": [80.0, 100.0, 500.0],
            "grid_cost_pkr": [15.0, 20.0, 90.0],
            "fee_cost_pkr": [5.0, 5.0, 5.0],
            "cost_pkr": [100.0, 125.0, 595.0],
            "subsidy_pkr": [60.0, 70.0, 100.0],
            "reason": ["", "", "needs 900 kW"],
            "capacity_ac_kwh_day": [5.0, 0.0, 0.0],
            "capacity_dc_kwh_day": [4.0, 12.0, 90.0],
            "capacity_lev_kwh_day": [6.0, 0.0, 0.0],
        }
    )
    demand = pd.DataFrame(
        {
            "demand_id": ["d1", "d2", "d3"],
            "cell_id": ["c1", "c1", "c1"],
            "vehicle_class": ["car", "two_wheeler", "van_bus"],
            "demand_kwh_day": [10.0, 4.0, 3.0],
        }
    )
    service = pd.DataFrame(
        {
            "demand_id": ["d1", "d2", "d3"],
            "cell_id": ["c1", "c1", "c1"],
            "vehicle_class": ["car", "two_wheeler", "van_bus"],
            "site_id": ["s1", "s1", "s1"],
            "served_kwh_day": [6.0, 4.0, 3.0],
            "travel_min": [5.0, 5.0, 5.0],
        }
    )
    sites = offers[offers["offer_id"] == "s1:mix"].assign(served_kwh_day=13.0)
    return {
        "sites": sites.reset_index(drop=True),
        "service": service,
        "demand": demand,
        "offers": offers,
        "reach": pd.DataFrame(
            {"cell_id": ["c1", "c1"], "site_id": ["s1", "s2"], "travel_min": [5.0, 9.0]}
        ),
        "compatibility": pd.DataFrame(
            {
                "charger_group": ["ac", "dc", "dc", "lev"],
                "vehicle_class": ["car", "car", "van_bus", "two_wheeler"],
            }
        ),
        "cutoff_min": 10.0,
        "budget_pkr": 65.0,
        "capacitated": True,
        "objective_kwh_day": 13.0,
        "bound_kwh_day": 13.0,
        "gap": 0.0,
        "headroom_kw": pd.Series({"s1": 100.0, "s2": 100.0}),
    }


def change(plan, table, row, column, value):
    frame = plan[table].copy()
    frame.loc[row, column] = value
    return plan | {table: frame}


def faults_of(plan):
    with pytest.raises(VerifyError) as caught:
        verify(**plan)
    return str(caught.value)


def test_an_honest_plan_passes_and_says_what_was_recounted():
    checks = verify(**town()).set_index("check")
    assert checks.loc["objective, kWh/day", "found"] == 13.0
    assert checks.loc["subsidy within the budget, PKR"].tolist() == [60.0, 65.0]
    assert checks.loc["longest drive, min"].tolist() == [5.0, 10.0]
    assert len(checks) == 8


@pytest.mark.parametrize(
    ("table", "row", "column", "value", "expected"),
    [
        ("sites", 0, "offer_id", "s1:none", "not in the offers"),
        ("sites", 0, "offer_id", "s2:huge", "was ruled out"),
        ("sites", 0, "cost_pkr", 99.0, "column cost_pkr: 1 not what the offer says"),
        ("sites", 0, "subsidy_pkr", 1.0, "column subsidy_pkr: 1 not what the offer says"),
        ("sites", 0, "served_kwh_day", 14.0, "not the sum of its service (s1)"),
        ("service", 0, "site_id", "s2", "served by a site that is not built (d1 by s2)"),
        ("service", 0, "served_kwh_day", 11.0, "more than is wanted (d1)"),
        ("service", 0, "served_kwh_day", -1.0, "column served_kwh_day: 1 negative (d1)"),
        ("service", 0, "travel_min", 4.0, "not what the reach table says"),
        ("service", 0, "cell_id", "c9", "not the demand's own cell"),
        ("service", 1, "vehicle_class", "bicycle", "cannot plug in"),
        ("reach", 0, "cell_id", "c2", "out of reach (d1 by s1, d2 by s1, d3 by s1)"),
        ("offers", 0, "subsidy_pkr", 66.0, "66 PKR spent, 65 PKR there"),
        ("offers", 0, "fee_cost_pkr", 60.0, "not the sum of its parts (s1:mix)"),
        ("offers", 0, "capacity_lev_kwh_day", 0.0, "cannot plug in (d2 by s1)"),
        ("offers", 0, "capacity_lev_kwh_day", 3.0, "more than their chargers can (s1 by 1.000"),
        # cars may use AC and DC, buses only DC: 5 + 4 carries 6 + 3 only if buses get the DC
        ("offers", 0, "capacity_dc_kwh_day", 2.5, "more than their chargers can (s1 by 1.500"),
        ("compatibility", 1, "vehicle_class", "tram", "more than their chargers can (s1 by 1.000"),
        ("offers", 1, "existing", True, "closed by the plan (s2)"),
    ],
)
def test_a_lie_in_a_table_is_found(table, row, column, value, expected):
    assert expected in faults_of(change(town(), table, row, column, value))


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        ({"objective_kwh_day": 14.0, "bound_kwh_day": 14.0}, "14.000 kWh/day claimed, 13.000"),
        ({"bound_kwh_day": 12.0}, "bound: 12.000 kWh/day is below the objective 13.000"),
        ({"bound_kwh_day": 14.3}, "gap: 0.000000 claimed, 0.100000 recounted"),
        ({"budget_pkr": 59.0}, "60 PKR spent, 59 PKR there"),
        ({"cutoff_min": 4.0}, "more than 4 min"),
        ({"headroom_kw": pd.Series({"s1": 29.0})}, "more than the grid headroom (s1)"),
    ],
)
def test_a_lie_in_a_claim_is_found(claim, expected):
    assert expected in faults_of(town() | claim)


def test_civil_works_and_land_are_parts_of_the_cost():
    plan = town()
    plan["offers"] = plan["offers"].assign(civil_cost_pkr=7.0, land_cost_pkr=0.0)
    assert "not the sum of its parts (s1:mix)" in faults_of(plan)
    for table in ("offers", "sites"):
        plan[table] = plan[table].assign(cost_pkr=plan[table]["cost_pkr"] + 7.0)
    assert len(verify(**plan)) == 8


def test_power_that_is_bought_needs_no_headroom():
    plan = town() | {"headroom_kw": pd.Series({"s1": 20.0, "s2": 100.0})}
    assert "more than the grid headroom (s1)" in faults_of(plan)
    own = plan["offers"].assign(upgrade_kw=10.0)
    assert len(verify(**plan | {"offers": own})) == 8
    less = own.assign(upgrade_kw=9.0)
    assert "more than the grid headroom (s1)" in faults_of(plan | {"offers": less})


def test_an_extended_station_still_stands():
    plan = town()
    more = plan["offers"].iloc[[0]].assign(
        offer_id="s1:existing", existing=True, charger_cost_pkr=0.0, grid_cost_pkr=0.0,
        fee_cost_pkr=0.0, cost_pkr=0.0, subsidy_pkr=0.0,
    )  # fmt: skip
    plan["offers"] = pd.concat([plan["offers"], more], ignore_index=True).assign(extends=False)
    assert "closed by the plan (s1)" in faults_of(plan)
    plan["offers"].loc[0, "extends"] = True
    checks = verify(**plan).set_index("check")
    assert checks.loc["existing stations kept or extended"].tolist() == [1, 1]


def test_two_offers_at_one_site_are_found():
    plan = town()
    plan["sites"] = pd.concat([plan["sites"], plan["sites"]], ignore_index=True)
    assert "built twice" in faults_of(plan)


def test_without_capacity_all_within_reach_must_be_served():
    plan = town() | {"capacitated": False}
    assert "13.000 kWh/day served, 17.000 within reach" in faults_of(plan)
    service = plan["service"].assign(served_kwh_day=[10.0, 4.0, 3.0])
    sites = plan["sites"].assign(served_kwh_day=17.0)
    verify(
        **plan
        | {"service": service, "sites": sites, "objective_kwh_day": 17.0, "bound_kwh_day": 17.0}
    )


def test_a_plan_with_nothing_built_is_honest_too():
    plan = town()
    empty = {"sites": plan["sites"].iloc[:0], "service": plan["service"].iloc[:0]}
    checks = verify(**plan | empty | {"objective_kwh_day": 0.0, "bound_kwh_day": 0.0})
    assert checks["found"].sum() == 0


def with_rules():
    """The honest plan within two limits, with a site required and one forbidden."""
    return town() | {
        "limits": pd.DataFrame(
            {
                "limit": ["cars", "cars", "feeder F1", "feeder F1"],
                "offer_id": ["s1:mix", "s2:fast", "s1:mix", "s2:fast"],
                "use": [40.0, 70.0, 30.0, 60.0],
            }
        ),
        "limits_at_most": pd.DataFrame(
            {"limit": ["cars", "feeder F1"], "unit": ["PKR", "kW"], "at_most": [50.0, 30.0]}
        ),
        "required_sites": ["s1"],
        "forbidden_sites": ["s2"],
    }


def test_limits_and_sites_are_recounted():
    checks = verify(**with_rules()).set_index("check")
    assert checks.loc["cars, PKR"].tolist() == [40.0, 50.0]
    assert checks.loc["feeder F1, kW"].tolist() == [30.0, 30.0]
    assert checks.loc["required sites built"].tolist() == [1.0, 1.0]
    assert checks.loc["forbidden sites not built"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("change_to", "expected"),
    [
        (lambda p: change(p, "limits", 0, "use", 51.0), "limit cars: 51 PKR used, 50 PKR there"),
        (
            lambda p: change(p, "limits_at_most", 1, "at_most", 29.0),
            "limit feeder F1: 30 kW used, 29 kW there",
        ),
        (lambda p: p | {"required_sites": ["s1", "s2"]}, "1 required and not built (s2)"),
        (lambda p: p | {"forbidden_sites": ["s1"]}, "1 forbidden and built (s1)"),
    ],
)
def test_a_lie_about_limits_and_sites_is_found(change_to, expected):
    assert expected in faults_of(change_to(with_rules()))


def test_limits_without_their_other_table_are_refused():
    with pytest.raises(InputError, match="give both"):
        verify(**with_rules() | {"limits_at_most": None})
    with pytest.raises(InputError, match=r"without at_most \(cars\)"):
        verify(**change(with_rules(), "limits_at_most", 0, "limit", "bikes"))


def extended():
    """The honest plan, with s1:mix as the extension of a small station at s1."""
    plan = town()
    small = plan["offers"].iloc[[0]].assign(
        offer_id="s1:old", existing=True, power_kw=10.0, charger_cost_pkr=0.0, grid_cost_pkr=0.0,
        fee_cost_pkr=0.0, cost_pkr=0.0, subsidy_pkr=0.0,
    )  # fmt: skip
    offers = pd.concat([plan["offers"], small], ignore_index=True)
    offers["extends"] = offers["offer_id"] == "s1:mix"
    return plan | {"offers": offers, "headroom_kw": pd.Series({"s1": 20.0, "s2": 100.0})}


def test_an_extension_keeps_the_station_and_draws_what_is_added():
    checks = verify(**extended()).set_index("check")
    assert checks.loc["existing stations kept or extended"].tolist() == [1.0, 1.0]
    assert checks.loc["largest excess of power over grid headroom, kW", "found"] == 0.0


@pytest.mark.parametrize(
    ("change_to", "expected"),
    [
        (lambda p: change(p, "offers", 0, "extends", False), "closed by the plan (s1)"),
        (lambda p: change(p, "offers", 3, "existing", False), "extend what does not stand (s1)"),
        (
            lambda p: p | {"headroom_kw": pd.Series({"s1": 19.0})},
            "more than the grid headroom (s1)",
        ),
    ],
)
def test_a_lie_about_an_extension_is_found(change_to, expected):
    assert expected in faults_of(change_to(extended()))
