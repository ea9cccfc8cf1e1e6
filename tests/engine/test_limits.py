"""With limits and requirements the answer is still the best plan of all, or says why none is."""

from dataclasses import replace

import numpy as np
import pytest
from brute_force import COMPATIBILITY, Trial, best_by_flow, served, town
from conftest import later, seeds
from engine.test_run import hard_tables
from limited_town import asked_of, instance_of, limited_town
from plain_recount import verify
from program_cases import case_of, program_of

from siting.engine import assign
from siting.engine import solve as solve_program
from siting.engine.greedy import BUDGETED, ONE_PRICE
from siting.errors import InfeasibleError, InputError
from siting.program.instance import Instance
from siting.program.limits import Limit, limit_tables, number
from siting.program.program import Program

MODELS = ("capacitated", "coverage")


def solve(instance, model="capacitated", **options):
    return solve_program(Program(instance, model), **options)


def plans_of(trial):
    """Return every plan that is allowed, as ids, sorted."""
    return [tuple(sorted(c[0] for c in p.values() if c[0])) for p in trial.plans()]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(0, 4, 100))
def test_the_best_plan_of_all_or_no_plan_at_all(seed, model):
    tables, rules = limited_town(seed)
    budget = float(3 + seed % 7)
    instance = instance_of(tables, rules, budget)
    trial = Trial(asked_of(tables, rules, budget, model))
    expected = trial.best()
    if instance is None:
        everything = tables["offers"]["offer_id"]
        nothing = served(*(tables[t] for t in ("demand", "offers", "reach")), everything, False)
        assert expected is None or nothing == 0
        return
    if expected is None:
        with pytest.raises(InfeasibleError):
            solve(instance, model, gap=0.0, threads=1)
        return
    (energy,) = expected.reached
    answer = solve(instance, model, gap=0.0, threads=1)
    assert answer.status == "optimal"
    assert answer.proof.objective == pytest.approx(energy, abs=1e-5)
    assert answer.proof.bound == pytest.approx(energy, abs=1e-4)
    assert answer.offers in plans_of(trial)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(400, 4, 60))
def test_a_wide_gap_and_the_greedy_plan_have_true_bounds_and_pass_the_recount(seed, model):
    tables, rules = limited_town(seed)
    budget = float(5 + seed % 7)
    instance = instance_of(tables, rules, budget)
    trial = Trial(asked_of(tables, rules, budget, model))
    if instance is None or not (allowed := plans_of(trial)):
        return
    (energy,) = trial.best().reached
    for options in ({"gap": 0.1}, {"method": "greedy"}):
        answer = solve(instance, model, threads=1, **options)
        assert answer.offers in allowed
        assert answer.proof.objective <= energy + 1e-5 <= answer.proof.bound + 2e-5
        assert (answer.status == "optimal") == (answer.proof.gap <= answer.proof.gap_asked)
    assert answer.method == "greedy"
    service = assign(instance, answer.offers, model)
    sites = tables["offers"][tables["offers"]["offer_id"].isin(answer.offers)]
    by_site = service.groupby("site_id")["served_kwh_day"].sum()
    use, there = limit_tables(rules["limits"])
    checks = verify(
        sites=sites.assign(served_kwh_day=sites["site_id"].map(by_site).fillna(0.0)),
        service=service,
        **tables,
        compatibility=COMPATIBILITY,
        cutoff_min=60.0,
        budget_pkr=budget,
        capacitated=model == "capacitated",
        objective_kwh_day=answer.proof.objective,
        bound_kwh_day=answer.proof.bound,
        gap=answer.proof.gap,
        limits=use,
        limits_at_most=there,
        required_sites=rules["required"],
        forbidden_sites=rules["forbidden"],
    )
    assert len(checks) >= 7 + len(rules["limits"])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(500, 4, 60))
def test_the_greedy_plan_keeps_its_guarantee(seed, model):
    demand, offers, reach = town(seed, sites=5, cells=5, configurations=1, existing=False)
    offers = offers.assign(reason="")
    if seed % 2:
        offers = offers.assign(subsidy_pkr=2.0, cost_pkr=2.0, charger_cost_pkr=2.0)
    try:
        instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, 6.0)
    except InputError:
        return
    answer = solve(instance, model, method="greedy", threads=1)
    energy, *_ = best_by_flow(demand, offers, reach, 6.0, model == "capacitated")
    assert answer.guarantee in (ONE_PRICE, BUDGETED)
    assert not seed % 2 or answer.guarantee == ONE_PRICE
    share = (1 - np.exp(-1)) / (1 if answer.guarantee == ONE_PRICE else 2)
    assert answer.proof.objective >= share * energy - 1e-6
    assert answer.proof.objective <= energy + 1e-6 <= answer.proof.bound + 2e-6


def test_the_best_single_offer_counts_where_it_beats_the_cheap_ones():
    tables = hard_tables(sites=2, cells=60, budget=10.0, near=0.9)
    offers = tables["offers"].iloc[[0, 3]].assign(
        subsidy_pkr=[1.0, 10.0], cost_pkr=[2.0, 11.0], charger_cost_pkr=[1.0, 10.0],
        capacity_dc_kwh_day=[5.0, 40.0],
    )  # fmt: skip
    answer = solve(Instance.from_tables(**tables | {"offers": offers}), method="greedy", gap=0.0)
    assert answer.offers == ("s01:a",)
    assert "Khuller" in answer.guarantee
    assert "greedy" in repr(answer)
    assert "sure" in repr(answer)


def test_nothing_is_claimed_for_several_offers_a_site_or_with_limits():
    tables = hard_tables(sites=8, cells=60, budget=20.0)
    answer = solve(Instance.from_tables(**tables), method="greedy", gap=0.0)
    assert answer.guarantee == ""
    assert (answer.status, answer.proof.stopped) == ("feasible", "greedy ended")
    assert answer.proof.bound > answer.proof.objective > 0
    one = tables["offers"][tables["offers"]["configuration"] == "a"]
    limited = Instance.from_tables(**tables | {"offers": one}, limits=[number(one, 3)])
    assert solve(limited, method="greedy").guarantee == ""


def test_a_method_that_is_not_there_is_refused():
    instance = Instance.from_tables(**hard_tables(sites=3, cells=5))
    with pytest.raises(InputError, match="use exact, greedy or milp"):
        solve(instance, method="magic")


def joint(limits=(), required=("s00", "s01", "s02"), budget=100.0, sites=4):
    """Return a town with offers a, b, c at each site, each dear in its own way."""
    tables = hard_tables(sites=sites, cells=40, budget=budget)
    offers = tables["offers"].assign(cost_pkr=9.0, charger_cost_pkr=8.0)
    money = offers["configuration"].map({"a": 1.0, "b": 4.0, "c": 8.0})
    offers = offers.assign(subsidy_pkr=money)
    power = offers["configuration"].map({"a": 60.0, "b": 30.0, "c": 0.0})
    kw = dict(zip(offers["offer_id"], power, strict=True))
    line = Limit("feeder F7", "feeder", "kW", 100.0, kw)
    return Instance.from_tables(
        **tables | {"offers": offers}, limits=[line, *limits], required=required
    )


@pytest.mark.parametrize("model", MODELS)
def test_required_sites_are_met_where_the_cheapest_offers_break_a_limit(model):
    answer = solve(joint(budget=12.0), model, gap=0.0, threads=1)
    sites = {name.split(":")[0] for name in answer.offers}
    assert {"s00", "s01", "s02"} <= sites
    assert answer.subsidy_pkr <= 12.0


def test_limits_that_cannot_hold_together_leave_no_plan():
    # Each limit alone is enough: 3 PKR of 5, and 0 of 100 kW. Together they are not.
    with pytest.raises(InfeasibleError):
        solve(joint(budget=5.0))


def test_an_offer_that_no_limit_allows_leaves_a_required_site_without_a_plan():
    # a is too dear for the feeder, b and c for the budget: none is left at the site.
    tables = hard_tables(sites=2, cells=40, budget=3.0)
    subsidy = tables["offers"]["configuration"].map({"a": 1.0, "b": 4.0, "c": 8.0})
    offers = tables["offers"].assign(subsidy_pkr=subsidy, cost_pkr=9.0, charger_cost_pkr=8.0)
    line = Limit("F7", "feeder", "kW", 50.0, {"s00:a": 60.0, "s00:b": 0.0, "s00:c": 0.0})
    instance = Instance.from_tables(**tables | {"offers": offers}, limits=[line], required=["s00"])
    with pytest.raises(InfeasibleError):
        solve(instance)


def test_limits_in_another_order_give_the_same_plan():
    tables, rules = limited_town(11)
    instance = instance_of(tables, rules, 7.0)
    mixed = {name: t.sample(frac=1, random_state=5) for name, t in tables.items()}
    turned = rules | {"limits": rules["limits"][::-1], "required": rules["required"][::-1]}
    again = instance_of(mixed, turned, 7.0)
    assert [x.name for x in instance.limits] == [x.name for x in again.limits]
    first, other = (solve(i, gap=0.0, threads=1) for i in (instance, again))
    assert first.offers == other.offers


def test_a_plan_a_hair_over_a_limit_is_not_taken_for_one_within_it():
    tables = hard_tables(sites=4, cells=40, budget=1e9, near=0.9)
    use = dict.fromkeys(tables["offers"]["offer_id"], 1e9 / 2 + 0.3)
    limit = Limit("tight", "envelope", "PKR", 1e9, use)
    answer = solve(Instance.from_tables(**tables, limits=[limit]), gap=0.0)
    assert len(answer.offers) == 1
    exactly = Limit("tight", "envelope", "PKR", 1e9 + 0.6, use)
    assert len(solve(Instance.from_tables(**tables, limits=[exactly]), gap=0.0).offers) == 2


def greedily(case, budgets):
    """Return what the greedy plan for each budget serves."""
    programs = (program_of(replace(case, budget=float(pkr))) for pkr in budgets)
    return [
        solve_program(one, method="greedy", gap=0.0, threads=1).proof.objective for one in programs
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "seed"),
    [
        ((), 3),
        *later((("number",), 2)),
        (("envelope",), 7),
        *later((("tail served",), 2)),
        *later((("coverage",), 1)),
        *later((("extensions",), 4)),
        (("viability gap",), 3),
        *later((("need",), 3)),
    ],
    ids=str,
)
def test_more_money_never_makes_the_greedy_plan_worse(features, seed):
    # Under the viability gap the plan of 2 served less than that of 1, and 7 less than 6.
    case = case_of(features, seed, sites=6, cells=5)
    served = greedily(case, (1, 2, 3, 3.5, 4, 5, 7, 9, 14, 20))
    assert (np.diff(served) >= -1e-6 * max(served)).all()
    assert served[-1] > 0


MONOTONE = (
    *((), ("number",), ("feeder", "number"), ("envelope",), ("expected",)),
    *(("coverage",), ("extensions",), ("viability gap",), ("need",), ("need", "envelope")),
)


@pytest.mark.slow
@pytest.mark.parametrize("features", MONOTONE, ids=str)
def test_more_money_never_makes_the_greedy_plan_worse_deeply(features):
    for seed in range(100, 105):
        case = case_of(features, seed, sites=6, cells=5)
        budgets = np.sort(np.random.default_rng(seed).uniform(0.5, 18.0, 12)).round(2)
        served = greedily(case, budgets)
        assert (np.diff(served) >= -1e-6 * max(1.0, *served)).all(), (seed, budgets, served)
