"""One plan for several futures: the best of all by each criterion, and honest about regret."""

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pulp
import pytest
from brute_force import COMPATIBILITY
from conftest import seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from slices import all_outcomes, car_demand, instances_of, plain_offers, tables, within_reach
from test_phased import grown
from test_solve import hard_town, instance_of

from siting.errors import InputError
from siting.models import Scenarios, scenario_program
from siting.recheck import recheck_scenarios
from siting.solve import solve, solve_scenarios

GOLDEN = Path(__file__).parent / "golden"
MODELS = ("capacitated", "coverage")
CRITERIA = (("expected", "served"), ("regret", "served"), ("cvar", "served"), ("cvar", "unserved"))
SWINGS = ((0, 1, 2), (1, 2), (1, 3, 5))


def split_town():
    """Two cells with a site each and money for one: demand is in the west or in the east."""
    offers = plain_offers([("east:a", "east", 1, 10), ("west:a", "west", 1, 10)])
    reach = within_reach(("e", "east"), ("w", "west"))
    by_name = {"east": car_demand(e=10, w=0), "west": car_demand(e=0, w=6)}
    return offers, reach, by_name


def plan_of(offers, reach, by_name, chances, criterion="expected", budget=1.0, **rules):
    rules = {"gap": 0.0, "threads": 1, "time_limit_s": 20.0} | rules
    instances = instances_of(offers, reach, by_name, budget)
    return solve_scenarios(instances, chances, criterion, **rules)


def tail_mean(outcome, chances, alpha):
    """Return the mean of the lowest outcomes that make up 1 - alpha of the chances."""
    left, total = 1 - alpha, 0.0
    for value, chance in sorted(zip(outcome, chances, strict=True)):
        part = min(left, chance)
        total, left = total + part * value, left - part
    return total / (1 - alpha)


# --- solved by hand ------------------------------------------------------------------------------


def test_chances_decide_where_the_mean_is_best():
    plan = plan_of(*split_town(), {"east": 0.3, "west": 0.7})
    assert plan.offers == ("west:a",)
    assert plan.proof.objective == pytest.approx(4.2)
    assert plan.served["best_kwh"].tolist() == [10.0, 6.0]
    assert plan.served["regret_kwh"].tolist() == [10.0, 0.0]
    assert plan.served["regret_share"].tolist() == [1.0, 0.0]
    assert plan.robust_sites == ()
    assert plan.sites["scenarios"].tolist() == [1, 1]
    assert plan.sites["in_plan"].tolist() == [False, True]


def test_regret_looks_at_what_is_given_up_and_not_at_chances():
    plan = plan_of(*split_town(), {"east": 0.01, "west": 0.99}, "regret")
    assert plan.offers == ("east:a",)
    assert plan.proof.objective == plan.proof.bound == pytest.approx(6.0)
    assert plan.expected_kwh == pytest.approx(0.1)


def test_money_for_all_leaves_no_regret():
    plan = plan_of(*split_town(), {"east": 0.5, "west": 0.5}, "regret", budget=2.0)
    assert plan.proof.objective == plan.proof.bound == plan.proof.gap == 0.0
    assert plan.proof.status == "optimal"
    assert plan.robust_sites == ()  # each scenario's own plan leaves out the useless site
    assert plan.sites["in_plan"].all()


def test_the_tail_of_unserved_energy_plans_for_the_worst():
    chances = {"east": 0.2, "west": 0.8}
    mean = plan_of(*split_town(), chances)
    worst = plan_of(*split_town(), chances, "cvar", alpha=0.8)
    assert mean.offers == ("west:a",)  # 0.8 x 6 against 0.2 x 10
    assert worst.offers == ("east:a",)  # in the worst fifth 6 unserved against 10
    assert worst.proof.objective == pytest.approx(6.0)


def test_the_mean_scenario_can_mislead():
    # The mean demand is 6 in either cell, of which 5 is within the small one's capacity; in fact it
    # is 0 or 12, and the one big station serves more on the mean of the two.
    offers = plain_offers([("big", "b", 2, 12), ("s1", "s", 1, 5), ("t1", "t", 1, 5)])
    reach = within_reach(("e", "b"), ("e", "s"), ("w", "t"))
    by_name = {"one": car_demand(e=12, w=0), "two": car_demand(e=0, w=12)}
    plan = plan_of(offers, reach, by_name, {"one": 0.5, "two": 0.5}, budget=2.0)
    assert plan.offers == ("big",)
    assert plan.expected_kwh == pytest.approx(6.0)
    assert plan.mean_plan_offers == ("s1", "t1")
    assert plan.mean_plan_expected_kwh == pytest.approx(5.0)
    assert plan.value_of_the_stochastic_solution == pytest.approx(1.0)
    assert "1.0 more than the plan for the mean demand" in repr(plan)


# --- against every plan there is -----------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(0, 20, 50))
def test_the_best_of_all_plans_by_every_criterion(seed):
    model = MODELS[seed % 5 == 0]
    names = ("slow", "likely", "fast")[: 2 + seed % 2]
    offers, reach, by_name = tables(seed, SWINGS[: len(names)], names)
    rng = np.random.default_rng(seed)
    chances = dict(zip(names, rng.dirichlet(np.ones(len(names))).tolist(), strict=True))
    p = np.array(list(chances.values()))
    budget, alpha = float(seed % 7), 0.6
    outcome, _ = all_outcomes(offers, reach, by_name, budget, model == "capacitated")
    wanted = np.array([table["demand_kwh_day"].sum() for table in by_name.values()])
    truth = {
        ("expected", "served"): (outcome @ p).max(),
        ("regret", "served"): (outcome.max(axis=0) - outcome).max(axis=1).min(),
        ("cvar", "served"): max(tail_mean(row, p, alpha) for row in outcome),
        ("cvar", "unserved"): min(-tail_mean(row - wanted, p, alpha) for row in outcome),
    }
    instances = instances_of(offers, reach, by_name, budget)
    for criterion, of in CRITERIA:
        rules = {"alpha": alpha, "cvar_of": of}
        plan = solve_scenarios(
            instances, chances, criterion, model=model, gap=0.0, threads=1, time_limit_s=20, **rules
        )
        assert plan.proof.status == "optimal"
        assert plan.proof.objective == pytest.approx(truth[criterion, of], abs=1e-5)
        assert plan.proof.bound == pytest.approx(truth[criterion, of], abs=1e-4)
        assert plan.served["best_kwh"].tolist() == pytest.approx(outcome.max(axis=0), abs=1e-5)
        assert (plan.served["regret_kwh"] >= -1e-6).all()
        scenarios = Scenarios.of(instances, chances, criterion, **rules)
        full = scenario_program(scenarios, model, tuple(outcome.max(axis=0)))
        found = full.prob.solve(pulp.HiGHS(msg=False, gapRel=0.0)).objective + full.constant
        if scenarios.less_is_better:
            found = full.constant - found
        assert found == pytest.approx(truth[criterion, of], abs=1e-5)
        recheck_scenarios(
            chosen=plan.offers, served=plan.served, demand=by_name, probabilities=chances,
            offers=offers, reach=reach, compatibility=COMPATIBILITY, budget_pkr=budget,
            capacitated=model == "capacitated", criterion=criterion, expected_kwh=plan.expected_kwh,
            objective=plan.proof.objective, bound=plan.proof.bound, gap=plan.proof.gap, **rules,
        )  # fmt: skip


@pytest.mark.parametrize(("criterion", "of"), CRITERIA)
@pytest.mark.parametrize("seed", seeds(100, 5, 20))
def test_a_wide_gap_is_kept_and_the_bound_is_true(seed, criterion, of):
    names = ("slow", "fast")
    offers, reach, by_name = tables(seed, SWINGS[1:], names)
    outcome, _ = all_outcomes(offers, reach, by_name, 5.0, True)
    wanted = np.array([table["demand_kwh_day"].sum() for table in by_name.values()])
    p = np.array([0.4, 0.6])
    truth = {
        "expected": (outcome @ p).max(),
        "regret": (outcome.max(axis=0) - outcome).max(axis=1).min(),
        "cvar": max(tail_mean(row, p, 0.5) for row in outcome),
    }[criterion]
    if of == "unserved":
        truth = min(-tail_mean(row - wanted, p, 0.5) for row in outcome)
    plan = plan_of(offers, reach, by_name, {"slow": 0.4, "fast": 0.6}, criterion, 5.0, gap=0.1,
                   alpha=0.5, cvar_of=of)  # fmt: skip
    sign = -1 if criterion == "regret" or of == "unserved" else 1
    assert sign * plan.proof.objective <= sign * truth + 1e-5
    assert sign * plan.proof.bound >= sign * truth - 1e-5
    # What is said to be given up is never less than what is, though the best is known in part only.
    served = plan.served["served_kwh_day"].to_numpy()
    assert (plan.served["regret_kwh"].to_numpy() >= outcome.max(axis=0) - served - 1e-5).all()


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), of=st.sampled_from(["served", "unserved"]))
def test_cvar_near_alpha_0_is_the_mean_and_near_1_the_worst(seed, of):
    offers, reach, by_name = tables(seed, SWINGS[1:], ("slow", "fast"), sites=3)
    chances = {"slow": 0.4, "fast": 0.6}
    mean = plan_of(offers, reach, by_name, chances, "expected", 4.0)
    all_of_it = plan_of(offers, reach, by_name, chances, "cvar", 4.0, alpha=1e-9, cvar_of=of)
    assert all_of_it.expected_kwh == pytest.approx(mean.expected_kwh, abs=1e-5)
    worst = plan_of(offers, reach, by_name, chances, "cvar", 4.0, alpha=0.99, cvar_of=of)
    served = worst.served["served_kwh_day"]
    lost = worst.served["demand_kwh_day"] - served
    outcome = served.min() if of == "served" else lost.max()
    assert worst.proof.objective == pytest.approx(outcome, abs=1e-5)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("criterion", "of"), CRITERIA)
def test_one_scenario_is_the_deterministic_program(model, criterion, of):
    offers, reach, by_name = tables(5, SWINGS[1:2], ("likely",), sites=5)
    alone = solve(instances_of(offers, reach, by_name, 5.0)["likely"], model, gap=0.0, threads=1)
    plan = plan_of(offers, reach, by_name, {"likely": 1.0}, criterion, 5.0, model=model, cvar_of=of)
    assert plan.served["served_kwh_day"].tolist() == pytest.approx([alone.objective_kwh_day])
    assert plan.served["regret_kwh"].tolist() == pytest.approx([0.0], abs=1e-6)
    assert plan.value_of_the_stochastic_solution == pytest.approx(0.0, abs=1e-6)


# --- what any answer must be ---------------------------------------------------------------------


def test_row_order_changes_nothing_and_the_tables_stay_as_they_were():
    offers, reach, by_name = tables(3, SWINGS[1:], ("slow", "fast"))
    chances = {"slow": 0.4, "fast": 0.6}
    before = [t.copy() for t in (offers, reach, *by_name.values())]
    first = plan_of(offers, reach, by_name, chances, "regret", 5.0)
    for table, old in zip((offers, reach, *by_name.values()), before, strict=True):
        pd.testing.assert_frame_equal(table, old)
    mixed = {name: t.sample(frac=1, random_state=7) for name, t in by_name.items()}
    again = plan_of(offers.sample(frac=1, random_state=1), reach.sample(frac=1, random_state=2),
                    mixed, chances, "regret", 5.0)  # fmt: skip
    assert first.offers == again.offers
    pd.testing.assert_frame_equal(first.sites, again.sites)


@pytest.mark.parametrize("criterion", ["expected", "regret", "cvar"])
def test_a_time_limit_yields_a_plan_with_its_bound_and_never_optimal(criterion):
    instances = grown(instance_of(*hard_town(), 80.0), 0.5, 1.0)
    plan = solve_scenarios(dict(zip("ab", instances.values(), strict=True)), {"a": 0.5, "b": 0.5},
                           criterion, gap=0.0, time_limit_s=1.2, threads=1)  # fmt: skip
    assert plan.proof.status == "feasible"
    assert plan.proof.stopped == "time limit"
    assert plan.proof.gap > 0
    assert plan.subsidy_pkr <= 80.0


def test_ctrl_c_yields_the_best_plan_so_far():
    instances = grown(instance_of(*hard_town(), 80.0), 0.5, 1.0)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    plan = solve_scenarios(dict(zip("ab", instances.values(), strict=True)), {"a": 0.5, "b": 0.5},
                           gap=0.0, time_limit_s=30.0, threads=1)  # fmt: skip
    timer.join()
    assert plan.proof.stopped == "interrupted"
    assert plan.proof.objective > 0


@pytest.mark.parametrize(("criterion", "of"), CRITERIA)
def test_the_full_program_is_as_on_file(criterion, of, tmp_path):
    instances = instances_of(*split_town(), 1.0)
    scenarios = Scenarios.of(instances, {"east": 0.25, "west": 0.75}, criterion, 0.5, of)
    model = "coverage" if criterion == "regret" else "capacitated"
    written = tmp_path / "program.lp"
    scenario_program(scenarios, model, (10.0, 6.0)).prob.writeLP(str(written))
    assert written.read_text() == (GOLDEN / f"program_{criterion}_{of}.lp").read_text()


# --- bad input -----------------------------------------------------------------------------------


def test_every_fault_is_named_at_once():
    instances = instances_of(*split_town(), 1.0)
    with pytest.raises(InputError) as caught:
        solve_scenarios(
            instances, {"east": -0.5, "north": 0.1}, "hope", alpha=1.0, cvar_of="luck", threads=0
        )
    text = str(caught.value)
    for words in (
        "scenarios without a probability (west)",
        "of scenarios that are not there (north)",
        "not a share (east: -0.5)",
        "criterion: is 'hope'",
        "alpha: is 1.0",
        "cvar_of: is 'luck'",
        "threads: is 0",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("chances", "words"),
    [
        ({"east": 0.5, "west": 0.4}, "sum to 0.9, not 1"),
        ({"east": 0.5, "west": float("nan")}, "not a share"),
        ({}, "without a probability"),
    ],
)
def test_chances_that_cannot_be_right_are_refused(chances, words):
    instances = instances_of(*split_town(), 1.0)
    with pytest.raises(InputError, match=words):
        solve_scenarios(instances, chances)


def test_budgets_and_offers_must_be_the_same():
    offers, reach, by_name = split_town()
    one = instances_of(offers, reach, by_name, 1.0)["east"]
    other = instances_of(offers.assign(cost_pkr=9.0), reach, by_name, 2.0)["west"]
    with pytest.raises(InputError, match=r"(?s)differ.*east:a, west:a.*budget_pkr: differs"):
        solve_scenarios({"east": one, "west": other}, {"east": 0.5, "west": 0.5})
    with pytest.raises(InputError, match="there are none"):
        solve_scenarios({}, {})
