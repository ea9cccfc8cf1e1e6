"""Plans in years: worth the best of all, honest about it, and never worse than year by year."""

import dataclasses
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
from slices import best_phased, car_demand, instances_of, plain_offers, tables, within_reach
from test_solve import hard_town, instance_of

from siting.errors import InputError
from siting.models import Instance, Phases, phased
from siting.recheck import recheck_years
from siting.solve import solve, solve_phased

GOLDEN = Path(__file__).parent / "golden"
MODELS = ("capacitated", "coverage")
GROWTH = ((0, 1), (1, 2), (1, 2, 3))


def growing_town():
    """One site, one cell: the small offer fits 2027, the big one 2028; a year buys the small."""
    offers = plain_offers([("big", "s", 2, 10), ("small", "s", 1, 2)])
    by_year = {2027: car_demand(c=2), 2028: car_demand(c=10)}
    return offers, within_reach(("c", "s")), by_year


def plan_of(offers, reach, by_year, budgets, **rules):
    rules = {"gap": 0.0, "threads": 1, "time_limit_s": 20.0} | rules
    return solve_phased(instances_of(offers, reach, by_year), budgets, **rules)


# --- solved by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "energy", "myopic", "courses"),
    [
        # The small one is all that a year's money buys: 2 + 2.
        ({}, 4.0, 4.0, {2027: ("small",), 2028: ("small",)}),
        # Waiting a year pays, 0 + 10, but who looks at 2027 only spends at once.
        ({"carry_over": True}, 10.0, 4.0, {2027: (), 2028: ("big",)}),
        # The second year's money makes the small one big: 2 + 10.
        ({"upgrades": True}, 12.0, 12.0, {2027: ("small",), 2028: ("big",)}),
        ({"upgrades": True, "carry_over": True}, 12.0, 12.0, {2027: ("small",), 2028: ("big",)}),
    ],
)
def test_a_growing_town_by_hand(rules, energy, myopic, courses):
    plan = plan_of(*growing_town(), {2027: 1.0, 2028: 1.0}, **rules)
    assert plan.proof.status == "optimal"
    assert plan.proof.objective == pytest.approx(energy)
    assert plan.proof.bound == pytest.approx(energy)
    assert plan.myopic_objective == pytest.approx(myopic)
    assert plan.foresight == pytest.approx(energy - myopic)
    assert {year: plan.offers_in(year) for year in courses} == courses


def test_no_money_in_the_first_year_means_building_late():
    plan = plan_of(*growing_town(), {2027: 0.0, 2028: 2.0})
    assert plan.served["served_kwh_day"].tolist() == [0.0, 10.0]
    table = plan.offers_by_year
    assert table[["year", "offer_id", "built_year", "subsidy_pkr"]].to_numpy().tolist() == [
        [2028, "big", 2028, 2.0]
    ]
    assert plan.money["left_pkr"].tolist() == [0.0, 0.0]


def test_an_upgrade_pays_the_difference_and_is_told_apart():
    plan = plan_of(*growing_town(), {2027: 1.0, 2028: 1.5}, upgrades=True)
    assert plan.offers_by_year["subsidy_pkr"].tolist() == [1.0, 1.0]
    assert plan.offers_by_year["built_year"].tolist() == [2027, 2028]
    assert plan.served["new_stations"].tolist() == [1, 0]
    assert plan.served["upgraded_stations"].tolist() == [0, 1]
    assert plan.money["left_pkr"].tolist() == [0.0, 0.5]


def test_weights_are_years_until_the_next_discounted_to_the_first():
    offers, reach, by_year = growing_town()
    years = {2027: by_year[2027], 2030: by_year[2028]}
    plan = plan_of(offers, reach, years, {2027: 2.0, 2030: 0.0}, discount_rate=0.1,
                   last_period_years=5)  # fmt: skip
    assert plan.served["weight"].tolist() == pytest.approx([3.0, 5.0 / 1.1**3])
    assert plan.proof.objective == pytest.approx(3 * 2 + 5 / 1.1**3 * 10)


def test_a_high_discount_rate_builds_for_today():
    offers, reach, by_year = growing_town()
    budgets = {2027: 1.0, 2028: 1.0}
    years = {2027: by_year[2027], 2028: car_demand(c=5)}
    patient = plan_of(offers, reach, years, budgets, carry_over=True)
    hasty = plan_of(offers, reach, years, budgets, carry_over=True, discount_rate=1.0)
    assert patient.offers_in(2027) == ()  # 0 + 5 against 2 + 2
    assert hasty.offers_in(2027) == ("small",)  # 2 + 2/2 against 0 + 5/2


# --- against every plan there is -----------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(0, 24, 60))
def test_the_best_of_all_plans_in_years(seed):
    model = MODELS[seed % 5 == 0]
    years = (2027, 2028, 2030)[: 3 if seed % 3 == 0 else 2]
    offers, reach, by_year = tables(seed, GROWTH[: len(years)], years)
    rules = {"carry_over": seed % 2 == 0, "upgrades": seed % 4 > 1}
    rng = np.random.default_rng(seed)
    budgets = {year: float(rng.integers(0, 6)) for year in years}
    instances = instances_of(offers, reach, by_year)
    phases = Phases.of(instances, budgets, discount_rate=0.08, **rules)
    energy = best_phased(
        offers, reach, by_year, budgets, phases.weights, model == "capacitated", **rules
    )
    full = phased(phases, model).prob.solve(pulp.HiGHS(msg=False, gapRel=0.0))
    assert full.objective == pytest.approx(energy, abs=1e-5)

    plan = plan_of(offers, reach, by_year, budgets, discount_rate=0.08, model=model, **rules)
    assert plan.proof.status == "optimal"
    assert plan.proof.objective == pytest.approx(energy, abs=1e-5)
    assert plan.proof.bound == pytest.approx(energy, abs=1e-4)
    assert plan.foresight >= -1e-6
    checks = recheck_years(
        offers_by_year=plan.offers_by_year, served=plan.served, money=plan.money, demand=by_year,
        offers=offers, reach=reach, compatibility=COMPATIBILITY, budgets_pkr=budgets,
        capacitated=model == "capacitated", discount_rate=0.08, objective=plan.proof.objective,
        bound=plan.proof.bound, gap=plan.proof.gap, **rules,
    )  # fmt: skip
    assert len(checks) > 4 * len(years)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(100, 8, 20))
def test_a_wide_gap_is_kept_and_the_bound_is_true(seed, model):
    years = (2027, 2028)
    offers, reach, by_year = tables(seed, GROWTH[1:], years)
    budgets = {2027: 4.0, 2028: 4.0}
    rules = {"carry_over": seed % 2 == 0, "upgrades": seed % 4 > 1}
    energy = best_phased(
        offers, reach, by_year, budgets, (1.0, 1.0), model == "capacitated", **rules
    )
    plan = plan_of(offers, reach, by_year, budgets, model=model, gap=0.1, **rules)
    assert plan.proof.status == "optimal"
    assert plan.proof.gap <= 0.1
    assert plan.proof.objective <= energy + 1e-5
    assert plan.proof.bound >= energy - 1e-5


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(MODELS))
def test_carrying_money_over_or_upgrading_never_serves_less(seed, model):
    offers, reach, by_year = tables(seed, GROWTH[:2], (2027, 2028))
    budgets = {2027: 3.0, 2028: 2.0}
    plain = plan_of(offers, reach, by_year, budgets, model=model)
    saved = plan_of(offers, reach, by_year, budgets, model=model, carry_over=True)
    bigger = plan_of(offers, reach, by_year, budgets, model=model, upgrades=True)
    assert saved.proof.objective >= plain.proof.objective - 1e-6
    assert bigger.proof.objective >= plain.proof.objective - 1e-6


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(8))
def test_one_year_is_the_single_period_program(seed, model):
    offers, reach, by_year = tables(seed, GROWTH[2:], (2030,), sites=5)
    alone = solve(instances_of(offers, reach, by_year, 5.0)[2030], model, gap=0.0, threads=1)
    plan = plan_of(offers, reach, by_year, {2030: 5.0}, model=model)
    assert plan.proof.objective == pytest.approx(alone.objective_kwh_day, abs=1e-6)
    assert plan.myopic_objective == pytest.approx(alone.objective_kwh_day, abs=1e-6)


# --- what any answer must be ---------------------------------------------------------------------


def test_row_order_changes_nothing_and_the_tables_stay_as_they_were():
    offers, reach, by_year = tables(3, GROWTH, (2027, 2028, 2029))
    budgets = {2027: 3.0, 2028: 3.0, 2029: 3.0}
    before = [t.copy() for t in (offers, reach, *by_year.values())]
    first = plan_of(offers, reach, by_year, budgets)
    for table, old in zip((offers, reach, *by_year.values()), before, strict=True):
        pd.testing.assert_frame_equal(table, old)
    mixed = {year: t.sample(frac=1, random_state=7) for year, t in by_year.items()}
    again = plan_of(offers.sample(frac=1, random_state=1), reach.sample(frac=1, random_state=2),
                    mixed, budgets)  # fmt: skip
    pd.testing.assert_frame_equal(first.offers_by_year, again.offers_by_year)


def grown(instance, *factors):
    return {
        2027 + n: dataclasses.replace(instance, demand_kwh=instance.demand_kwh * factor)
        for n, factor in enumerate(factors)
    }


def test_a_time_limit_yields_a_plan_with_its_bound_and_never_optimal():
    instances = grown(instance_of(*hard_town(), 0.0), 0.5, 1.0)
    seen = []
    plan = solve_phased(instances, {2027: 40.0, 2028: 40.0}, gap=0.0, time_limit_s=1.5, threads=1,
                        progress=seen.append)  # fmt: skip
    assert plan.proof.status == "feasible"
    assert plan.proof.stopped == "time limit"
    assert plan.proof.bound > plan.proof.objective > 0
    assert (plan.money["spent_pkr"] <= 40.0).all()
    assert seen[-1].bound_kwh_day >= seen[-1].incumbent_kwh_day > 0


def test_ctrl_c_yields_the_best_plan_so_far():
    instances = grown(instance_of(*hard_town(), 0.0), 0.5, 1.0)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    plan = solve_phased(instances, {2027: 40.0, 2028: 40.0}, gap=0.0, time_limit_s=30.0, threads=1)
    timer.join()
    assert plan.proof.stopped == "interrupted"
    assert plan.proof.status == "feasible"
    assert plan.proof.objective > 0


def test_existing_stations_stand_from_the_first_year_and_cost_nothing():
    offers, reach, by_year = tables(1, GROWTH[:2], (2027, 2028))
    plan = plan_of(offers, reach, by_year, {2027: 0.0, 2028: 0.0})
    kept = plan.offers_by_year[plan.offers_by_year["built_year"].isna()]
    assert kept["year"].tolist() == [2027, 2028]
    assert set(kept["offer_id"]) == {"s0:0"}
    assert plan.money["spent_pkr"].tolist() == [0.0, 0.0]
    assert "2028" in repr(plan)


@pytest.mark.parametrize("model", MODELS)
def test_the_full_program_is_as_on_file(model, tmp_path):
    instances = instances_of(*growing_town())
    phases = Phases.of(instances, {2027: 1.0, 2028: 1.0}, upgrades=True,
                       carry_over=model == "coverage", discount_rate=0.25)  # fmt: skip
    written = tmp_path / "program.lp"
    phased(phases, model).prob.writeLP(str(written))
    assert written.read_text() == (GOLDEN / f"program_phased_{model}.lp").read_text()


# --- bad input -----------------------------------------------------------------------------------


def test_every_fault_of_years_and_money_is_named_at_once():
    first, second = instances_of(*growing_town()).values()
    with pytest.raises(InputError) as caught:
        solve_phased(
            {2030: first, 2028: second, 2031: second},
            {2030: -5.0, 2028: 1.0, 2040: 1.0},
            discount_rate=1.5,
            gap=2.0,
        )
    text = str(caught.value)
    for words in (
        "years: out of order (2028)",
        "years without a budget (2031)",
        "without demand (2040)",
        "negative or not a number (2030: -5)",
        "discount_rate: is 1.5",
        "gap: is 2.0",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gap": -0.1}, "gap"),
        ({"time_limit_s": 0.0}, "time_limit_s"),
        ({"threads": 0}, "threads"),
        ({"model": "magic"}, "magic"),
        ({"discount_rate": float("nan")}, "discount_rate"),
        ({"last_period_years": 0}, "last_period_years"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(settings, words):
    instances = instances_of(*growing_town())
    with pytest.raises(InputError, match=words):
        solve_phased(instances, {2027: 1.0, 2028: 1.0}, **settings)


@pytest.mark.parametrize("years", [{}, {2027.5: 1.0}])
def test_no_years_or_half_years_are_refused(years):
    instance = instances_of(*growing_town())[2027]
    with pytest.raises(InputError, match="years"):
        solve_phased(dict.fromkeys(years, instance), years)


def made(offers=None, reach=None, demand=None, plugs=COMPATIBILITY):
    own_offers, own_reach, by_year = growing_town()
    return Instance.from_tables(
        by_year[2028] if demand is None else demand,
        own_offers if offers is None else offers,
        own_reach if reach is None else reach,
        plugs,
        0.0,
    )


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (made(offers=growing_town()[0].iloc[:1]), "offers are not in both.*small"),
        (made(offers=growing_town()[0].assign(subsidy_pkr=0.5)), "differ.*big, small"),
        (made(demand=car_demand(c=1, e=2)), "demand rows are not in both.*d_e"),
        (made(plugs=COMPATIBILITY.iloc[1:]), "vehicle classes or charger groups"),
        (made(demand=car_demand(c=1).assign(vehicle_class="bus")), "another cell or class.*d_c"),
        (
            made(
                offers=plain_offers([("big", "s", 2, 10), ("small", "r", 1, 2)]),
                reach=within_reach(("c", "s"), ("c", "r")),
            ),
            "sites are not in both.*r",
        ),
    ],
)
def test_instances_that_do_not_share_their_offers_are_refused(other, words):
    with pytest.raises(InputError, match=words):
        solve_phased({2027: made(), 2028: other}, {2027: 1.0, 2028: 1.0})
