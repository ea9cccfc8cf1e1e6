"""Published optima of the OR-Library, through the public API, each proven."""

import json
import signal

import pytest
from conftest import often
from orlib import graph_tables, random_cap, random_pmed, read_cap, read_pmed

from siting.classics import PlainInstance, search, solve_classic

PMED = [f"pmed{n}" for n in range(1, 6)]


@pytest.fixture(scope="module")
def benchmarks(shared_data):
    folder = shared_data / "benchmarks"
    if not (folder / "expected.json").is_file():
        pytest.skip(f"published optima not found in {folder}")
    return folder, json.loads((folder / "expected.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("name", often(PMED, PMED[4:5]))
@pytest.mark.parametrize("model", ["p_median", "p_center"])
def test_p_median_and_p_center(benchmarks, name, model):
    folder, expected = benchmarks
    known = expected["p_median_and_p_center"][name]
    demand, candidates, reach, p = read_pmed(folder / known["file"])
    assert (len(demand), p) == (known["n"], known["p"])
    instance = PlainInstance.from_tables(demand, candidates, reach)
    answer = solve_classic(instance, model, p=p, time_limit_s=600)
    assert answer.proof.status == "optimal"
    assert answer.objective == known[model]
    assert len(answer.sites) <= p
    if model == "p_median":
        assert answer.assignment["cost"].sum() == known[model]
    assert set(answer.assignment["site_id"]) <= set(answer.sites)


@pytest.mark.parametrize("name", ["cap71", "cap72", "cap73", "cap74"])
def test_uncapacitated_facility_location(benchmarks, name):
    folder, expected = benchmarks
    known = expected["uncapacitated_facility_location"][name]
    instance = PlainInstance.from_tables(*read_cap(folder / known["file"]), cost_per="demand")
    answer = solve_classic(instance, "facility_location", time_limit_s=60)
    assert answer.proof.status == "optimal"
    assert answer.objective == pytest.approx(known["optimum"], rel=1e-9)


@pytest.mark.parametrize("name", ["cap41", "cap61", "cap62", "cap51"])
def test_capacitated_facility_location(benchmarks, name):
    folder, expected = benchmarks
    known = expected["capacitated_facility_location_divisible_demand"][name]
    demand, candidates, reach = read_cap(folder / known["base_file"])
    candidates = candidates.assign(capacity=known["capacity_override"])
    instance = PlainInstance.from_tables(demand, candidates, reach, cost_per="demand")
    answer = solve_classic(instance, "capacitated_facility_location", time_limit_s=60)
    assert answer.proof.status == "optimal"
    assert answer.objective == pytest.approx(known["opt"], rel=1e-9)
    load = answer.assignment.merge(demand, on="demand_id")
    used = (load["share"] * load["weight"]).groupby(load["site_id"]).sum()
    assert used.max() <= known["capacity_override"] * (1 + 1e-9)
    assert answer.assignment.groupby("demand_id")["share"].sum().to_numpy() == pytest.approx(1.0)


def test_the_same_cost_by_unit_or_by_demand(benchmarks):
    folder, expected = benchmarks
    demand, candidates, reach = read_cap(folder / "cap71.txt")
    weight = reach["demand_id"].map(demand.set_index("demand_id")["weight"])
    by_unit = PlainInstance.from_tables(
        demand, candidates, reach.assign(cost=reach["cost"] / weight)
    )
    answer = solve_classic(by_unit, "facility_location", time_limit_s=60)
    known = expected["uncapacitated_facility_location"]["cap71"]["optimum"]
    assert answer.objective == pytest.approx(known, rel=1e-9)


@pytest.mark.slow
def test_a_large_p_median_is_proven():
    demand, candidates, reach = graph_tables(300, random_pmed(5, 300))
    instance = PlainInstance.from_tables(demand, candidates, reach)
    answer = solve_classic(instance, "p_median", p=60, time_limit_s=600)
    assert answer.proof.status == "optimal"
    assert answer.assignment["cost"].sum() == answer.objective


@pytest.mark.slow
@pytest.mark.parametrize("model", often(["p_median", "p_center"], {"p_center"}))
def test_out_of_time_the_bound_is_honest(model):
    demand, candidates, reach = graph_tables(120, random_pmed(2, 120))
    instance = PlainInstance.from_tables(demand, candidates, reach)
    hurried = solve_classic(instance, model, p=6, time_limit_s=0.3)
    whole = solve_classic(instance, model, p=6, time_limit_s=60)
    assert whole.proof.status == "optimal"
    assert hurried.proof.bound <= whole.objective <= hurried.objective
    if hurried.proof.gap > 0:
        assert hurried.proof.status == "feasible"
        assert hurried.proof.stopped == "time limit"


def test_a_tight_capacitated_instance_is_proven():
    tables = random_cap(7, sites=30, customers=80, capacity=900.0, fixed_cost=40_000.0)
    instance = PlainInstance.from_tables(*tables, cost_per="demand")
    answer = solve_classic(instance, "capacitated_facility_location", time_limit_s=60)
    assert answer.proof.status == "optimal"
    free = solve_classic(instance, "facility_location", time_limit_s=60)
    assert free.objective <= answer.objective


@pytest.mark.slow
@pytest.mark.parametrize(
    "model", often(["p_median", "p_center", "capacitated_facility_location"], {"p_median"})
)
def test_an_interrupted_solve_returns_its_best_plan_and_bound(model, monkeypatch):
    real = search.run_solver

    def interrupted(*args, **options):
        signal.raise_signal(signal.SIGINT)
        return real(*args, **options)

    # A process that a shell started in the background ignores Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(search, "run_solver", interrupted)
    asked = {"p": 6}
    if model.startswith("capacitated"):
        asked = {}
        tables = random_cap(2, sites=50, customers=50, capacity=400.0, fixed_cost=25_000.0)
        instance = PlainInstance.from_tables(*tables, cost_per="demand")
    else:
        instance = PlainInstance.from_tables(*graph_tables(80, random_pmed(2, 80)))
    answer = solve_classic(instance, model, **asked, time_limit_s=60)
    monkeypatch.undo()
    signal.signal(signal.SIGINT, before)
    best = solve_classic(instance, model, **asked, time_limit_s=60)
    assert best.proof.status == "optimal"
    assert answer.proof.stopped == "interrupted"
    assert answer.proof.bound <= best.objective <= answer.objective
