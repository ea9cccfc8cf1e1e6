"""The recount of what a plan promises beside the budget, alone and together."""

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
    scenarios,
    serves,
    stands,
    wants,
    with_old_station,
    worth,
    years,
)

from siting.economics import CostToAll
from siting.errors import InputError, VerifyError
from siting.verify import Aim, Decay, ViabilityGap, recount

MEMBERS = rows_of(
    "floor demand_id",
    ("city", "d1"), ("city", "d2"), ("city", "d3"), ("cars", "d1"), ("buses", "d3"),
)  # fmt: skip


RESOURCES = "resource unit at_least at_most per_rupee"


def floored(account, *rows):
    return replace(account, floors=rows_of("floor slice share", *rows), members=MEMBERS)


@pytest.mark.slow
def test_floors():
    exact = floored(plain(), ("city", "", 13 / 17), ("cars", "", 0.6), ("buses", "", 1.0))
    assert passes(exact).loc["floor cars, share served"].tolist() == [0.6, 0.6]
    passes(changed(exact, "floors", 1, "share", 0.6 * NEAR))
    more = changed(exact, "floors", 1, "share", 0.6 * TOO_MUCH)
    assert "floor cars: 0.6 of the demand served, 0.6000024 required" in faults_of(more)
    assert "floor city: 0.7647" in faults_of(changed(exact, "floors", 0, "share", 0.77))
    told = replace(exact, floors=exact.floors.assign(served_share=[13 / 17, 0.6, 1.0]))
    passes(told)
    lie = changed(told, "floors", 2, "served_share", 0.99)
    assert "floor buses: 0.99 of the demand claimed, 1 recomputed" in faults_of(lie)


def test_the_worst_share():
    groups = MEMBERS[MEMBERS["floor"] != "city"]
    worst = Aim("worst_share", 0.6, 0.61, 1 / 60, "share", members=groups)
    passes(aimed(plain(), worst))
    for aim, words in (
        (replace(worst, value=0.60001), "0.60001 claimed, 0.6 recomputed"),
        (replace(worst, bound=0.59), "0.59 is below the value 0.6"),
        (replace(worst, gap=0.016), "gap 0.016 claimed, 0.0166"),
    ):
        assert words in faults_of(aimed(plain(), aim))


@pytest.mark.parametrize(
    ("decay", "factor"),
    [
        (Decay("step", {0: 1.0, 5: 0.5, 7: 0.1}), 0.5),
        (Decay("linear", {"full_min": 0, "end_min": 10, "least": 0.5}), 0.75),
        (Decay("exponential", {"scale_min": 5}), np.exp(-1)),
        (Decay("gaussian", {"sigma_min": 5}), np.exp(-0.5)),
    ],
)
def test_worth_and_decay(decay, factor):
    each = worth(d1=2.0, d2=0.5, d3=0.0)
    town = replace(plain(), worth=each, decay=decay)
    value = (6 * 2 + 4 * 0.5) * factor
    told = town.served.assign(worth=[value])
    honest = replace(aimed(town, Aim("most_worth", value, unit="people")), served=told)
    assert passes(honest).loc["worth served, people", "found"] == pytest.approx(value)
    for lie in (
        aimed(honest, Aim("most_worth", value * TOO_MUCH, unit="people")),
        replace(honest, decay=None),
        replace(honest, worth=each.assign(per_kwh=each["per_kwh"] * TOO_MUCH)),
        changed(honest, "served", 0, "worth", value * TOO_MUCH),
    ):
        assert "recomputed" in faults_of(lie)


@pytest.mark.slow
def test_money_and_drives_can_be_aims():
    aims = (
        Aim("least_money", 60.0, 55.0, 5 / 60, "PKR", of="subsidy_pkr"),
        Aim("least_money", 100.0, unit="PKR of cost", of="cost_pkr"),
        Aim("shortest_drives", 65.0, 60.0, 5 / 65, "kWh min/day"),
    )
    passes(aimed(plain(), *aims))
    for n, change, words in (
        (0, {"value": 60.001}, "subsidy_pkr, PKR: 60.001 claimed, 60 recomputed"),
        (0, {"bound": 60.1}, "60.1 is above the value 60"),
        (0, {"gap": 0.08}, "gap 0.08 claimed, 0.0833"),
        (1, {"value": 99.9}, "99.9 claimed, 100 recomputed"),
        (2, {"value": 64.9}, "energy times drive, kWh min/day: 64.9 claimed, 65 recomputed"),
        (2, {"bound": 66.0}, "66 is above the value 65"),
    ):
        lie = [replace(aim, **change) if k == n else aim for k, aim in enumerate(aims)]
        assert words in faults_of(aimed(plain(), *lie))


def test_the_cost_to_all_can_be_an_aim():
    # 300 a year for s1:mix. Of an hour at 60, a minute is 1: cars drive 365 x 6 / 3 x 5 = 3,650,
    # motorcycles at half of it 365 x 4 / 2 x 5 / 2 = 1,825, buses 365 x 3 / 5 x 5 x 2 = 2,190.
    costs = CostToAll(
        dict.fromkeys(OFFERS["offer_id"], 300.0),
        {"car": 60.0, "two_wheeler": 30.0, "van_bus": 120.0},
        {"car": 3.0, "two_wheeler": 2.0, "van_bus": 5.0},
        1.0,
    )
    aim = Aim("least_cost_to_all", 300.0 + 7_665.0, 7_965.0, 0.0, "PKR/year", to_all=costs)
    passes(aimed(plain(), aim))
    both_ways = replace(aim, value=300.0 + 2 * 7_665.0, bound=None, gap=None)
    passes(aimed(plain(), replace(both_ways, to_all=replace(costs, ways=2.0))))
    what = "yearly cost of stations and drivers' time, PKR/year"
    for change, words in (
        ({"value": 7_965.1}, f"{what}: 7,965.1 claimed, 7,965 recomputed"),
        ({"bound": 7_966.0}, "7,966 is above the value 7,965"),
        ({"to_all": replace(costs, value_pkr_h={"car": 60.0})}, "value_pkr_h: figures missing"),
    ):
        town = aimed(plain(), replace(aim, **change))
        with pytest.raises((InputError, VerifyError), match=words):
            recount(town)


def test_what_stood_before_costs_nothing_more_and_years_count_by_weight():
    free = dict.fromkeys(("car", "two_wheeler", "van_bus"), 0.0)
    energy = dict.fromkeys(free, 1.0)
    town = years()
    each = {o: float(n) for n, o in enumerate(town.offers["offer_id"], 1)}
    costs = CostToAll(each, free, energy, 1.0)
    stands_in = town.built.assign(pkr=town.built["offer_id"].map(costs.cost_pkr_year))
    weight = town.slices.set_index("slice")["weight"]
    value = float((stands_in["pkr"] * stands_in["slice"].map(weight)).sum())
    passes(aimed(town, Aim("least_cost_to_all", value, to_all=costs)))
    old = with_old_station()
    kept = old.offers.loc[old.offers["existing"], "offer_id"]
    new = [o for o in old.built["offer_id"] if o not in set(kept)]
    costs = replace(costs, cost_pkr_year=dict.fromkeys(old.offers["offer_id"], 7.0))
    passes(aimed(old, Aim("least_cost_to_all", 7.0 * len(new), to_all=costs)))


@pytest.mark.slow
def test_years_with_floors_and_decay():
    town = floored(years(), ("cars", "2027", 0.6), ("cars", "2028", 1.0), ("buses", "2028", 0.5))
    decay = Decay("step", {0: 1.0, 8: 0.5})
    value = 13.0 + 2 * (23.0 + 0.5 * 6.0)
    worst = Aim("worst_share", 0.5, unit="share", members=MEMBERS[MEMBERS["floor"] != "city"])
    town = aimed(replace(town, decay=decay), Aim("most_worth", value), worst)
    passes(town)
    lie = changed(town, "floors", 2, "share", 0.5 * TOO_MUCH)
    assert "floor buses in 2028: 0.5 of the demand served, 0.500002 required" in faults_of(lie)
    early = changed(town, "floors", 0, "share", 0.61)
    assert "floor cars in 2027: 0.6 of the demand served" in faults_of(early)
    assert "65 claimed, 71 recomputed" in faults_of(replace(town, decay=None))
    ever = replace(worst, slices=["2027"])
    assert "0.5 claimed, 0.6 recomputed" in faults_of(aimed(town, ever))


def test_scenarios_with_resources_floors_and_worth():
    there = rows_of(RESOURCES, ("kW", "kW", np.nan, 30.0, False))
    use = rows_of("resource offer_id use", ("kW", "s1:mix", 30.0), ("kW", "s1:big", 50.0))
    town = floored(scenarios(), ("city", "slow", 1.0), ("cars", "fast", 0.6))
    each = worth("slow", "fast", d1=10.0, d2=1.0, d3=1.0)
    mean = 0.25 * (50 + 3) + 0.75 * (60 + 7)
    town = replace(town, resources=there, resource_use=use, worth=each)
    tail = Aim("tail", (107 - 67), of="unserved", alpha=0.5, unit="people")
    town = aimed(town, Aim("most_worth", mean, unit="people"), tail)
    passes(town)
    assert "limit kW: 30 kW used, 29.9 kW" in faults_of(
        changed(town, "resources", 0, "at_most", 29.9)
    )
    lie = changed(town, "floors", 1, "share", 0.60001)
    assert "floor cars in fast: 0.6 of the demand served, 0.60001 required" in faults_of(lie)
    assert "40.1 claimed, 40 recomputed" in faults_of(aimed(town, replace(tail, value=40.1)))


def test_worth_can_differ_between_slices():
    rows = [(s, d, w) for s, w in (("slow", 2.0), ("fast", 1.0)) for d in ("d1", "d2", "d3")]
    town = replace(scenarios(), worth=rows_of("slice demand_id per_kwh", *rows))
    value = 0.25 * 16.0 + 0.75 * 13.0
    passes(aimed(town, Aim("most_worth", value)))
    assert "recomputed" in faults_of(aimed(town, Aim("most_worth", value * TOO_MUCH)))
    with pytest.raises(InputError, match=r"worth: missing for demand rows \(d3\)"):
        recount(replace(town, worth=town.worth.iloc[:-1]))


MARGIN = {"car": 5.0, "two_wheeler": 2.0, "van_bus": 4.0}


def gapped(account=None, *, paid=50.0, **rule):
    """s1:mix costs 100 and earns 6 x 5 + 4 x 2 + 3 x 4 = 50; half of the cost may be paid."""
    account = account or plain()
    subsidies = pd.DataFrame({"site_id": ["s1"], "subsidy_pkr": [paid]})
    gap = replace(ViabilityGap(MARGIN, {"s1:mix": 50.0}, subsidies), **rule)
    return replace(account, gap=gap, sites=None, money=None)


@pytest.mark.slow
def test_the_viability_gap():
    checks = passes(gapped())
    assert checks.loc["subsidy within the budget, PKR"].tolist() == [50.0, 65.0]
    passes(aimed(gapped(), Aim("least_money", 50.0, of="subsidy_pkr", unit="PKR")))
    for lie, words in (
        (gapped(paid=49.99), "subsidies: 1 not equal to the shortfall (s1)"),
        (gapped(paid=50.01), "not equal to the shortfall (s1)"),
        (gapped(paid=np.nan), "not equal to the shortfall (s1)"),
        (gapped(cap={"s1:mix": 49.99}), "above the maximum payment for the offer (s1)"),
        (replace(gapped(), budget_pkr=49.99), "subsidy within the budget, PKR: 50 is more"),
        (gapped(margin_pkr=MARGIN | {"car": 4.9}), "not equal to the shortfall (s1)"),
    ):
        assert words in faults_of(lie)
    stray = pd.DataFrame({"site_id": ["s1", "s2"], "subsidy_pkr": [50.0, 1.0]})
    text = faults_of(gapped(subsidies=stray))
    assert "above the maximum payment for the offer (s2)" in text
    with pytest.raises(InputError, match=r"missing for vehicle classes \(car\)"):
        recount(gapped(margin_pkr={"two_wheeler": 1.0, "van_bus": 1.0}))


def test_a_station_that_stands_draws_nothing():
    kept = replace(
        with_old_station(),
        built=stands(("", "s1:old")),
        service=serves(("", "d1", "s1", 2.0)),
        served=None,
        aims=(),
    )
    passes(gapped(kept, paid=0.0))
    assert "not equal to the shortfall (s1)" in faults_of(gapped(kept, paid=1.0))


def test_the_gap_with_an_envelope_a_floor_and_scenarios():
    town = gapped(scenarios(), cap={"s1:mix": 60.0})
    # slow earns 5 x 5 + 2 x 2 + 4 = 33, fast 50: 45.75 on average
    paid = pd.DataFrame({"site_id": ["s1"], "subsidy_pkr": [54.25]})
    town = replace(town, gap=replace(town.gap, subsidies=paid))
    town = floored(town, ("buses", "fast", 1.0))
    town = replace(
        town,
        resources=rows_of(RESOURCES, ("cars", "PKR", np.nan, 27.125, True)),
        resource_use=rows_of("resource offer_id use", ("cars", "s1:mix", 0.5)),
    )
    assert passes(town).loc["cars, PKR"].tolist() == [27.125, 27.125]
    assert "limit cars: 27.125 PKR used, 27.1 PKR available" in faults_of(
        changed(town, "resources", 0, "at_most", 27.1)
    )
    likely = changed(changed(town, "slices", 0, "probability", 0.0), "slices", 1, "probability", 1)
    assert "not equal to the shortfall (s1)" in faults_of(aimed(likely))


def in_years(*paid):
    """s1:mix for two years; it sells less in the second, and nothing is paid back."""
    rows = [("2027", "d1", "s1", 6.0), ("2027", "d2", "s1", 4.0), ("2027", "d3", "s1", 3.0),
            ("2028", "d1", "s1", 6.0), ("2028", "d3", "s1", 3.0)]  # fmt: skip
    subsidies = pd.DataFrame({"site_id": "s1", "year": [2027, 2028], "subsidy_pkr": paid})
    return replace(
        years(),
        built=stands(("2027", "s1:mix"), ("2028", "s1:mix")),
        service=serves(*rows),
        gap=ViabilityGap(MARGIN, {"s1:mix": 60.0}, subsidies),
        budget_pkr={2027: 50.0, 2028: 8.0},
        served=None,
        money=None,
        aims=(),
    )


@pytest.mark.slow
def test_the_gap_in_years_is_paid_as_it_opens():
    passes(in_years(50.0, 58.0))
    assert "2028: subsidy within the money available" in faults_of(
        replace(in_years(50.0, 58.0), budget_pkr={2027: 50.0, 2028: 7.9})
    )
    assert "subsidies, 2028: 1 not equal to the shortfall" in faults_of(in_years(50.0, 57.9))
    # Money that lapses may be paid ahead of what is lacking later, but no more than that; money
    # that is carried over need not be.
    ahead = replace(in_years(58.0, 58.0), budget_pkr={2027: 58.0, 2028: 0.0})
    passes(ahead)
    kept = replace(ahead, carry_over=True)
    assert "subsidies, 2027: 1 not equal to the shortfall" in faults_of(kept)
    over = replace(in_years(58.1, 58.1), budget_pkr={2027: 60.0, 2028: 0.0})
    assert "subsidies, 2028: 1 not equal to the shortfall" in faults_of(over)
    # it sells more in the second year: what was paid stays paid
    more = replace(in_years(58.0, 58.0), service=in_years(0.0, 0.0).service.assign(
        slice=["2028"] * 3 + ["2027"] * 2), budget_pkr={2027: 58.0, 2028: 0.0})  # fmt: skip
    passes(more)
    back = replace(more, gap=replace(more.gap, subsidies=in_years(58.0, 50.0).gap.subsidies))
    assert "subsidies, 2028: 1 fall from one year to the next (s1)" in faults_of(back)


def test_coverage_with_floors_decay_and_years():
    served = serves(
        ("2027", "d1", "s1", 10.0), ("2027", "d2", "s1", 4.0),
        ("2028", "d1", "s1", 20.0), ("2028", "d3", "s2", 6.0),
    )  # fmt: skip
    town = floored(
        replace(years(), model="coverage", service=served, served=None,
                decay=Decay("exponential", {"scale_min": 9.0})),
        ("cars", "2027", 1.0), ("buses", "2028", 1.0),
    )  # fmt: skip
    value = 14 * np.exp(-5 / 9) + 2 * (20 * np.exp(-5 / 9) + 6 * np.exp(-1))
    town = aimed(town, Aim("most_worth", value, value, 0.0))
    passes(town)
    assert "chargers can" in faults_of(replace(town, model="capacitated"))
    bikes = changed(town, "floors", 1, "floor", "city")
    assert "floor city in 2028: 0.76" in faults_of(bikes)
    over = changed(town, "service", 3, "served_kwh_day", 6.0 * TOO_MUCH)
    assert "more than the demand (d3 in 2028)" in faults_of(over)
    early = changed(town, "service", 3, "slice", "2027")
    assert "served by a site that is not built (d3 by s2 in 2027)" in faults_of(early)
    unfit = changed(town, "service", 1, "site_id", "s2")
    assert "cannot plug in (d2 by s2 in 2027)" in faults_of(unfit)


def test_tiny_demand_beside_large_is_recounted():
    """A row of a milligram among tons: what is served of it may be off by a solver's arithmetic."""
    town = replace(
        plain(),
        demand=wants(_=(1e6, 4.0, 1e-6)),
        service=serves(("", "d1", "s1", 6.0), ("", "d2", "s1", 4.0), ("", "d3", "s1", 1e-6)),
        offers=OFFERS,
        sites=None,
        served=None,
        aims=(Aim("most_worth", 10.000001),),
    )
    passes(town)
    assert "more than the demand (d2)" in faults_of(
        changed(town, "service", 1, "served_kwh_day", 4.002)
    )
