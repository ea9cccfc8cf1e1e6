"""The answer is the best plan, says truly how good it is, and is the same every time."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from brute_force import COMPATIBILITY, GROUPS, best_by_flow, served, town
from conftest import ROOT, seeds
from hypothesis import given, settings
from hypothesis import strategies as st

from siting.engine import assign
from siting.engine import solve as solve_program
from siting.errors import InputError, SolveError
from siting.program.instance import Instance
from siting.program.program import Program
from siting.tables import SERVICE, validate

MODELS = ("capacitated", "coverage")


def solve(instance, model="capacitated", **options):
    return solve_program(Program(instance, model), **options)


def instance_of(demand, offers, reach, budget):
    return Instance.from_tables(demand, offers, reach, COMPATIBILITY, budget)


def solvable(seed, **sizes):
    """Return a random town in which something can be served."""
    while True:
        demand, offers, reach = town(seed, **sizes)
        everything = offers.loc[offers["reason"] == "", "offer_id"]
        if served(demand, offers, reach, list(everything), False) > 0:
            return demand, offers, reach
        seed += 10_000


@pytest.mark.slow
def test_both_ways_by_which_the_brute_force_counts_agree():
    # Whole numbers go through a flow algorithm, others through a linear program.
    columns = [f"capacity_{group}_kwh_day" for group in GROUPS]
    for seed in range(20):
        demand, offers, reach = solvable(seed)
        wanted = demand.assign(demand_kwh_day=demand["demand_kwh_day"] * 0.3)
        scaled = offers.assign(**{c: offers[c] * 0.3 for c in columns})
        every = list(offers["offer_id"])
        whole = served(demand, offers, reach, every, True)
        assert whole <= served(demand, offers, reach, every, False)
        assert served(wanted, scaled, reach, every, True) == pytest.approx(0.3 * whole)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(0, 3, 80))
def test_the_best_plan_of_all(seed, model):
    demand, offers, reach = solvable(seed)
    budget = float(seed % 9)
    energy, *_ = best_by_flow(demand, offers, reach, budget, model == "capacitated")
    answer = solve(instance_of(demand, offers, reach, budget), model, gap=0.0, threads=1)
    assert answer.status == "optimal"
    assert answer.proof.objective == pytest.approx(energy, abs=1e-5)
    assert answer.proof.bound == pytest.approx(energy, abs=1e-4)
    assert answer.subsidy_pkr <= budget


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(100, 2, 60))
def test_a_wide_gap_is_kept_and_the_bound_is_true(seed, model):
    demand, offers, reach = solvable(seed, sites=6, configurations=3)
    budget = 7.0
    energy, *_ = best_by_flow(demand, offers, reach, budget, model == "capacitated")
    answer = solve(instance_of(demand, offers, reach, budget), model, gap=0.1, threads=1)
    assert answer.proof.bound >= energy - 1e-5
    assert answer.proof.objective <= energy + 1e-5
    assert answer.status == "optimal"
    assert answer.proof.gap <= 0.1
    assert answer.tie_break == "polished"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", seeds(200, 2, 40))
def test_the_assignment_serves_what_the_answer_says_within_every_limit(seed, model):
    demand, offers, reach = solvable(seed)
    instance = instance_of(demand, offers, reach, 8.0)
    answer = solve(instance, model, gap=0.0, threads=1)
    service = assign(instance, answer.offers, model)
    validate(service, SERVICE)
    assert service["served_kwh_day"].sum() == pytest.approx(answer.proof.objective, abs=1e-5)
    pairs = service.merge(reach, on=["cell_id", "site_id"], suffixes=("", "_reach"))
    assert len(pairs) == len(service)
    assert (pairs["travel_min"] == pairs["travel_min_reach"]).all()
    sites = {name.split(":")[0] for name in answer.offers}
    assert set(service["site_id"]) <= sites


def test_the_assignment_takes_the_nearest_where_it_may_choose():
    demand = pd.DataFrame(
        [("d1", "c1", "car", 6.0), ("d2", "c2", "car", 6.0)],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    _, offers, _ = town(0, sites=2, configurations=1, existing=False)
    offers = offers.assign(
        reason="", subsidy_pkr=1.0, capacity_ac_kwh_day=0.0, capacity_dc_kwh_day=6.0,
        capacity_lev_kwh_day=0.0,
    )  # fmt: skip
    reach = pd.DataFrame(
        [("c1", "s0", 1.0), ("c1", "s1", 2.0), ("c2", "s0", 1.5)],
        columns=["cell_id", "site_id", "travel_min"],
    )
    instance = instance_of(demand, offers, reach, 9.0)
    service = assign(instance, ["s0:0", "s1:0"], "capacitated")
    # c1 is nearer to s0, but then c2 would go unserved: served energy comes first.
    assert service[["demand_id", "site_id"]].to_numpy().tolist() == [["d1", "s1"], ["d2", "s0"]]
    nearest = assign(instance, ["s0:0", "s1:0"], "coverage")
    assert nearest["site_id"].tolist() == ["s0", "s0"]


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(MODELS))
def test_more_money_or_reach_never_serves_less(seed, model):
    demand, offers, reach = solvable(seed)
    few = solve(instance_of(demand, offers, reach, 4.0), model, gap=0.0, threads=1)
    more = solve(instance_of(demand, offers, reach, 6.0), model, gap=0.0, threads=1)
    assert more.proof.objective >= few.proof.objective - 1e-6
    narrow = reach[reach["travel_min"] <= 6]
    try:
        near = solve(instance_of(demand, offers, narrow, 4.0), model, gap=0.0, threads=1)
    except InputError:
        return  # nothing is within the narrow reach
    assert near.proof.objective <= few.proof.objective + 1e-6


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), model=st.sampled_from(MODELS))
def test_row_order_changes_nothing_and_the_tables_stay_as_they_were(seed, model):
    tables = solvable(seed)
    before = [t.copy() for t in tables]
    first = solve(instance_of(*tables, 5.0), model, gap=0.0, threads=1)
    rng = np.random.default_rng(seed)
    mixed = [t.sample(frac=1, random_state=int(rng.integers(1 << 30))) for t in tables]
    again = solve(instance_of(*mixed, 5.0), model, gap=0.0, threads=1)
    assert first.offers == again.offers
    for table, old in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, old)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([0.01, 7.0, 1e5]))
def test_the_objective_scales_with_demand_and_capacity(seed, factor):
    demand, offers, reach = solvable(seed)
    one = solve(instance_of(demand, offers, reach, 5.0), gap=0.0, threads=1)
    columns = [c for c in offers.columns if c.startswith("capacity_")]
    scaled = offers.assign(**{c: offers[c] * factor for c in columns})
    wanted = demand.assign(demand_kwh_day=demand["demand_kwh_day"] * factor)
    other = solve(instance_of(wanted, scaled, reach, 5.0), gap=0.0, threads=1)
    assert other.proof.objective == pytest.approx(one.proof.objective * factor, rel=1e-6)


def hard_town(sites=60, cells=400):
    """Return a town whose optimum is not proven in a second: alike sites, odd costs."""
    rng = np.random.default_rng(5)
    demand = pd.DataFrame(
        {
            "demand_id": [f"d{i}" for i in range(cells)],
            "cell_id": [f"c{i}" for i in range(cells)],
            "vehicle_class": "car",
            "demand_kwh_day": rng.uniform(1, 2, cells),
        }
    )
    _, offers, _ = town(1, sites=sites, configurations=3, existing=False)
    cost = rng.uniform(3, 5, len(offers)).round(3)
    offers = offers.assign(
        reason="", subsidy_pkr=cost, cost_pkr=cost + 1, charger_cost_pkr=cost,
        capacity_dc_kwh_day=rng.uniform(10, 18, len(offers)).round(3),
    )  # fmt: skip
    near = rng.random((cells, sites)) < 0.08
    reach = pd.DataFrame(
        [(f"c{c}", f"s{j}", 5.0) for c, j in np.argwhere(near)],
        columns=["cell_id", "site_id", "travel_min"],
    )
    return demand, offers, reach


def test_a_time_limit_yields_a_plan_with_its_bound_and_never_optimal():
    instance = instance_of(*hard_town(), 80.0)
    began = time.perf_counter()
    answer = solve(instance, gap=0.0, time_limit_s=1.0, threads=1)
    assert time.perf_counter() - began < 15.0  # unbounded it takes minutes
    assert answer.status == "feasible"
    assert answer.proof.stopped == "time limit"
    assert answer.proof.bound > answer.proof.objective > 0
    assert answer.proof.gap == pytest.approx(answer.proof.bound / answer.proof.objective - 1)
    assert answer.subsidy_pkr <= 80.0


def test_ctrl_c_yields_the_best_plan_so_far():
    instance = instance_of(*hard_town(), 80.0)
    # A browser that another test opened in this process has a handler of its own.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        answer = solve(instance, gap=0.0, time_limit_s=30.0, threads=1)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    assert answer.status == "feasible"
    assert answer.proof.stopped == "interrupted"
    assert answer.proof.objective > 0


@pytest.mark.slow
def test_progress_tells_incumbent_bound_and_gap():
    seen = []
    solve(instance_of(*hard_town(), 80.0), gap=0.0, time_limit_s=2, threads=1,
          progress=seen.append)  # fmt: skip
    assert seen
    assert seen[-1].bound >= seen[-1].incumbent > 0
    assert "gap" in str(seen[-1])


def test_nothing_that_serves_nobody_is_built_even_if_free():
    demand, offers, reach = hard_town(sites=8, cells=20)
    free = offers.assign(subsidy_pkr=0.0)
    useless = free["site_id"] == "s7"
    reach = reach[reach["site_id"] != "s7"]
    answer = solve(instance_of(demand, free, reach, 0.0), gap=0.0, threads=1)
    assert not set(answer.offers) & set(free.loc[useless, "offer_id"])
    served_now = answer.proof.objective
    for drop in answer.offers:
        rest = [name for name in answer.offers if name != drop]
        columns = {"capacity_ac_kwh_day": 0.0, "capacity_lev_kwh_day": 0.0}
        assert served(demand, free.assign(**columns), reach, rest, True) <= served_now


def test_labels_that_differ_in_a_dash_or_a_blank_stay_apart():
    demand, offers, reach = hard_town(sites=3, cells=30)
    names = {"s0": "F-7", "s1": "F_7", "s2": "F 7"}
    renamed = offers.assign(
        site_id=offers["site_id"].map(names),
        offer_id=offers["site_id"].map(names) + ":" + offers["configuration"],
    )
    moved = reach.assign(site_id=reach["site_id"].map(names))
    answer = solve(instance_of(demand, renamed, moved, 100.0), gap=0.0, threads=1)
    same = solve(instance_of(demand, offers, reach, 100.0), gap=0.0, threads=1)
    assert answer.proof.objective == pytest.approx(same.proof.objective)
    assert len({name.split(":")[0] for name in answer.offers}) == len(answer.offers)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gap": -0.1}, "gap"),
        ({"gap": float("nan")}, "gap"),
        ({"time_limit_s": 0.0}, "time_limit_s"),
        ({"threads": 0}, "threads"),
        ({"model": "magic"}, "magic"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(settings, words):
    instance = instance_of(*hard_town(sites=3, cells=5), 10.0)
    with pytest.raises(InputError, match=words):
        solve(instance, **settings)


def test_a_solver_that_is_not_there_is_named_with_those_that_are():
    instance = instance_of(*hard_town(sites=3, cells=5), 10.0)
    with pytest.raises(SolveError, match="HiGHS"):
        solve(instance, method="milp", solver="GUROBI_OF_DREAMS")


@pytest.mark.slow
def test_nothing_is_printed_on_standard_output():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from engine.test_engine import hard_town, instance_of\n"
        "from siting import Program, assign, solve\n"
        "i = instance_of(*hard_town(sites=5, cells=20), 20.0)\n"
        "print('before'); a = solve(Program(i), gap=0.0); assign(i, a.offers); print('after')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["before", "after"]
