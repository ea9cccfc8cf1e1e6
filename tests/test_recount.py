"""The recount accepts what the solves return, and catches each lie told to it."""

import math

import pandas as pd
import pytest
from brute_variants import SmallTown, people_of

from siting.errors import VerifyError
from siting.models import ExponentialDecay, GapRule, objective_of
from siting.recount import (
    check_distances,
    check_fairness,
    check_floors,
    check_gaps,
    check_money,
    check_worth,
    recount_zones,
)
from siting.solve import (
    Effort,
    solve_alternatives,
    solve_fair,
    solve_least_cost,
    solve_viability,
    solve_weighted,
)

EXACT = Effort(gap=0.0, time_limit_s=30, threads=1)
MARGIN = {"two_wheeler": 0.6, "three_wheeler": 0.3, "car": 0.4, "bus": 0.1}


@pytest.fixture(scope="module")
def town():
    return SmallTown(2)


@pytest.fixture(scope="module")
def fair(town):
    return solve_fair(town.instance, town.zones, effort=EXACT)


def test_floors(town):
    floors = {"east": 0.2, "west": 0.2}
    plan = solve_weighted(
        town.instance, zones=town.zones, floors=floors, city_floor=0.3, effort=EXACT
    )
    check_floors(plan.service, town.demand, town.zones, floors, 0.3)
    counted = recount_zones(plan.service, town.demand, town.zones)
    assert counted["served_share"].tolist() == pytest.approx(plan.zones["served_share"].tolist())
    with pytest.raises(VerifyError, match=r"floor, east.*promised"):
        check_floors(plan.service, town.demand, town.zones, {"east": 0.999})
    with pytest.raises(VerifyError, match="floor, city"):
        check_floors(plan.service.iloc[:1], town.demand, None, None, 0.3)
    with pytest.raises(VerifyError, match=r"floor, north: 0\.0"):
        check_floors(plan.service, town.demand, town.zones, {"north": 0.1})


def test_fairness(town, fair):
    claims = {
        "worst_zone": fair.worst_zone,
        "worst_share": float(fair.zones["served_share"].min()),
        "gini": fair.gini,
    }
    check_fairness(fair.service, town.demand, town.zones, **claims)
    other = "west" if fair.worst_zone == "east" else "east"
    for lie in ({"gini": fair.gini + 0.01}, {"worst_share": 0.99}, {"worst_zone": "north"}):
        with pytest.raises(VerifyError, match=next(iter(lie))):
            check_fairness(fair.service, town.demand, town.zones, **claims | lie)
    skewed = fair.service[fair.service["demand_id"].map(town.zones) != fair.worst_zone]
    with pytest.raises(VerifyError, match="worst_zone"):
        check_fairness(skewed, town.demand, town.zones, **claims | {"worst_zone": other})


def test_worth(town):
    people, _ = people_of(town, 2)
    decay = ExponentialDecay(5.0)
    objective = objective_of(town.instance, people, "people", decay=decay, cutoff_min=10)
    plan = solve_weighted(town.instance, objective, effort=EXACT)

    def factor(minutes):
        return math.exp(-minutes / 5)

    check_worth(plan.service, town.demand, plan.proof.objective, people, factor)
    with pytest.raises(VerifyError, match="objective"):
        check_worth(plan.service, town.demand, plan.proof.objective * 1.001, people, factor)
    with pytest.raises(VerifyError, match="objective"):
        check_worth(plan.service, town.demand, plan.proof.objective, people)


@pytest.mark.parametrize("money", ["subsidy_pkr", "cost_pkr"])
def test_money(town, money):
    plan = solve_least_cost(town.instance, 0.4, money=money, effort=EXACT)
    spent = plan.proof.objective
    check_floors(plan.service, town.demand, city_floor=0.4)
    check_money(plan.offers, town.offers, column=money, claimed_pkr=spent, at_most_pkr=spent)
    with pytest.raises(VerifyError, match="claimed"):
        check_money(plan.offers, town.offers, column=money, claimed_pkr=spent - 1)
    with pytest.raises(VerifyError, match="spent"):
        check_money(plan.offers, town.offers, column=money, at_most_pkr=spent - 1)
    with pytest.raises(VerifyError, match="not in the table"):
        check_money(["s9:0"], town.offers, column=money)


def test_gaps(town):
    rule = GapRule(MARGIN, 0.6)
    plan = solve_viability(town.instance, rule, effort=EXACT)
    assert plan.subsidy_pkr > 0
    limits = {"margin_pkr": MARGIN, "cap_share": 0.6, "budget_pkr": town.budget}
    tables = (plan.sites, plan.service, town.offers)
    check_gaps(*tables, **limits)
    more = plan.sites.assign(subsidy_pkr=plan.sites["subsidy_pkr"] + 0.1)
    with pytest.raises(VerifyError, match="business case lacks"):
        check_gaps(more, plan.service, town.offers, **limits)
    with pytest.raises(VerifyError, match="above 1% of the cost"):
        check_gaps(*tables, **limits | {"cap_share": 0.01})
    with pytest.raises(VerifyError, match="needed"):
        check_gaps(*tables, **limits | {"budget_pkr": plan.subsidy_pkr - 0.01})


def test_distances(town):
    found = solve_alternatives(town.instance, 3, differ_by=2, effort=EXACT)
    plans = [plan.offers for plan in found.plans]
    assert len(plans) == 3
    check_distances(plans, town.offers, 2, found.sites)
    with pytest.raises(VerifyError, match="differ by 0"):
        check_distances([*plans, plans[0]], town.offers, 2, found.sites)
    wrong = found.sites.assign(plans=found.sites["plans"] + 1)
    with pytest.raises(VerifyError, match="not the plans"):
        check_distances(plans, town.offers, 2, wrong)


def test_zones_without_a_name_are_left_out():
    demand = pd.DataFrame({"demand_id": ["d1", "d2"], "demand_kwh_day": [4.0, 6.0]})
    service = pd.DataFrame({"demand_id": ["d1"], "site_id": ["s1"], "served_kwh_day": [1.0]})
    counted = recount_zones(service, demand, pd.Series({"d1": "a", "d2": " "}))
    assert counted.to_dict("records") == [
        {"zone": "a", "demand_kwh_day": 4.0, "served_kwh_day": 1.0, "served_share": 0.25}
    ]
