"""Offers that are priced in: every program answers as if all of them had been looked at."""

import math
import time
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from conftest import often
from engine.test_drives import grid_town
from medium_cases import medium_case
from program.test_pairs import FEATURES, PAIRS, check
from program_cases import case_of, program_of
from scipy import sparse

from siting import settings
from siting.engine import pricing
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.linear import model_of, run_model
from siting.engine.relax import solve_native
from siting.engine.solve import solve
from siting.program.money import GapRule
from siting.program.program import Program

ENDLESS = Clock(math.inf)
# Few sites with many offers: brute force tries them all.
TOWN = {"methods": ("exact",), "sites": 3, "cells": 5, "configurations": 5}


def few_at_first(self, start):
    """Begin with what stands, what must stand, and the plan at hand: nearly nothing."""
    out = np.zeros(self.count, dtype=bool)
    _, first = np.unique(self.frame.site, return_index=True)
    out[first[self.frame.must[self.frame.site[first]]]] = True
    out[self.frame.kept] = True
    out[start] = True
    return out


@pytest.fixture
def all_priced(monkeypatch):
    monkeypatch.setattr(settings, "MANY_OFFERS", 0)
    monkeypatch.setattr(pricing.Pricing, "_first", few_at_first)
    monkeypatch.setattr(settings, "NEAREST_PAIRS", 1)
    monkeypatch.setattr(settings, "AT_ONCE", 1)


@pytest.mark.parametrize("first", often(FEATURES, [*FEATURES][1:2]))
def test_blocks_in_pairs(first, all_priced):
    pairs = [pair for pair in PAIRS if pair[0] == first][1::6]
    check([(first,), *pairs], 1, **TOWN)


def test_a_plan_over_years_begins_with_plans_of_its_years(all_priced, monkeypatch):
    began, solve = [], import_module("siting.engine.solve")._Solve
    planned = solve._plan_years

    def noted(self, aim):
        planned(self, aim)
        began.append(self.choice)

    monkeypatch.setattr(solve, "_plan_years", noted)
    check([("years",)], 3, **TOWN)
    assert began
    assert any(choice is not None and len(choice) for choice in began)


@pytest.mark.parametrize(
    ("features", "seed"),
    [
        (("years", "people", "least subsidy", "shortest drives"), 10),
        (("years, carry, upgrades", "city floor", "people", "net of money"), 129),
    ],
)
def test_a_first_plan_over_years_that_fails_loses_no_plan(features, seed, all_priced):
    answer = solve(program_of(case_of(features, seed)), gap=0.0, time_limit_s=20.0)
    assert answer.proofs[0].proof.status == "optimal"


def test_demand_that_missing_energies_bid_for_counts_once(monkeypatch):
    # Least payments bound this town too.
    monkeypatch.setattr(pricing, "with_least_payments", lambda frame: frame)
    monkeypatch.setattr(settings, "NEAREST_PAIRS", 1)
    program = Program(grid_town(side=12, sites=10, seed=2)).viability_gap(GapRule(0.02, 0.9))
    frame = Frame(program, program.all_aims[0])

    def bound():
        nothing = np.zeros(0, dtype=np.int64)
        priced = pricing.Pricing(frame, Clock(60.0), start=nothing, some=nothing, seed=1)
        return priced.rounds(0.0, -math.inf, rough=False).bound

    best = bound()
    # The first round only.
    monkeypatch.setattr(pricing.Pricing, "_price_in", lambda *_, **__: False)
    first = bound()
    none = np.zeros(frame.matrix.a.shape[0])
    monkeypatch.setattr(pricing.Pricing, "_outbid", lambda *_: (none, none))
    assert best <= first < 0.7 * bound()


@pytest.mark.parametrize("features", [("years",), ("years", "decay"), ("people",), ("need",)])
def test_the_bound_of_a_relaxation_with_all_columns_is_its_optimum(features):
    for seed in (1, 2, 3):
        program = program_of(case_of(features, seed, sites=6, cells=12, configurations=3))
        frame = Frame(program, program.all_aims[0])
        nothing = np.zeros(0, dtype=np.int64)
        one = pricing.Pricing(frame, ENDLESS, start=nothing, some=nothing, seed=1)
        one.active[:] = one.flows.inside[:] = True
        m = frame.matrix
        sides = m.row_lower, m.row_upper
        model = model_of(sparse.csc_array(m.a), m.cost, m.lower, m.upper, *sides)
        optimum = frame.signed(run_model(model, ENDLESS).objective)
        # Least payments and business cases of single sites lower the bound further.
        assert one.run(0.0).bound <= optimum * (1 + 1e-6)


def test_no_time_for_all_offers_again_leaves_a_later_aim_the_plan(all_priced, monkeypatch):
    program = program_of(case_of(("then cost to all",), 1, sites=6, cells=12, configurations=3))
    monkeypatch.setattr(settings, "FINISH", 1e9)
    answer = solve(program, time_limit_s=10.0)
    first, later = answer.proofs
    assert first.proof.status == "optimal"
    assert later.proof.status == "feasible"
    assert later.proof.bound == 0.0
    assert answer.choice.size


@pytest.mark.slow
def test_a_later_aim_leaves_time_for_the_answer(all_priced, monkeypatch):
    program = program_of(case_of(("then cost to all",), 1, sites=6, cells=12, configurations=3))
    ends, run, serve = [], pricing.Pricing.run, Frame.serve

    def noted(self, *asked, **how):
        ends.append(self.clock.elapsed_s + self.clock.left_s)
        return run(self, *asked, **how)

    def slowly(self, *asked, **how):
        time.sleep(0.1)
        return serve(self, *asked, **how)

    monkeypatch.setattr(pricing.Pricing, "run", noted)
    monkeypatch.setattr(Frame, "serve", slowly)
    monkeypatch.setattr(settings, "FINISH", 700.0)
    solve(program, time_limit_s=600.0)
    # The answer takes 700 times as long as a plan's value, which takes at least 0.1 s.
    assert ends[-1] <= 600 - 70


@pytest.mark.slow
@pytest.mark.parametrize("first", FEATURES)
def test_more_pairs(first, all_priced):
    check([pair for pair in PAIRS if pair[0] == first][::8], 1, **TOWN)


SPLIT = [("viability gap", 1), ("viability gap", 2), ("need", 1), ("need", 3)]


@pytest.mark.slow
@pytest.mark.parametrize("asked", often(SPLIT, SPLIT[:1]))
def test_rows_of_sites_lower_the_bound_and_exclude_no_plan(asked, monkeypatch):
    rule, seed = asked
    program = program_of(medium_case((rule, "city floor", "then cost to all"), "plain", seed))
    monkeypatch.setattr(settings, "PRICING_STALLED", 1e-9)

    def bound():
        frame = Frame(program, program.all_aims[-1])
        nothing, every = np.zeros(0, dtype=np.int64), np.arange(frame.count)
        priced = pricing.Pricing(frame, Clock(60.0), start=nothing, some=every, seed=1)
        return priced.rounds(0.05, -math.inf, rough=False).bound

    split = bound()
    monkeypatch.setattr(pricing, "site_rows", lambda *_: None)
    assert split < bound() - 1e-4 * abs(split)
    frame = Frame(program, program.all_aims[-1])
    plan = solve_native(frame, Clock(20.0), None, Effort(0.01, threads=1))
    assert plan.found
    assert frame.signed(plan.objective) <= split + 1e-6 * abs(split)


@pytest.mark.slow
@pytest.mark.parametrize("asked", often(SPLIT, SPLIT[:2]))
def test_options_of_no_better_plan_are_dropped_and_the_bound_holds(asked):
    rule, seed = asked
    program = program_of(medium_case((rule, "city floor", "then cost to all"), "plain", seed))
    frame = Frame(program, program.all_aims[-1])
    plan = solve_native(frame, Clock(20.0), None, Effort(0.01, threads=1))
    choice = np.flatnonzero(plan.point[: frame.count] > 0.5)
    best = frame.signed(plan.objective)
    every = np.arange(frame.count)

    def priced(best):
        one = pricing.Pricing(frame, Clock(60.0), start=choice, some=every, seed=1)
        return one, one.run(0.0, best)

    _, free = priced(-math.inf)
    # A plan that is 0.5 % worse: the better one must stay within all bounds.
    worse = best - 0.005 * abs(best)
    one, known = priced(worse)
    assert not one.live.all()
    assert one.live[choice].all()
    assert best <= known.bound + 1e-6 * abs(best)
    assert (known.at_most[choice] >= best - 1e-6 * abs(best)).all()
    assert (known.at_most[~one.live] <= worse).all()
    assert known.bound <= free.bound + 1e-4 * abs(best)


@pytest.mark.slow
@pytest.mark.parametrize("aim", [0, -1])
def test_rough_prices_find_columns_and_the_last_round_is_exact(aim, monkeypatch):
    program = program_of(medium_case(("need", "city floor", "then cost to all"), "plain", 1))
    frame, solve = Frame(program, program.all_aims[aim]), pricing.Pricing._solve
    rounds = []

    def noted(self, columns, tolerance):
        rounds.append(tolerance)
        return solve(self, columns, tolerance)

    monkeypatch.setattr(pricing.Pricing, "_solve", noted)
    monkeypatch.setattr(settings, "MANY_PAIRS", 0)

    def priced(rough):
        monkeypatch.setattr(settings, "ROUGH", (rough, rough))
        nothing = np.zeros(0, dtype=np.int64)
        one = pricing.Pricing(frame, Clock(60.0), start=nothing, some=nothing, seed=1)
        return one.run(0.0, -math.inf)

    rough = priced(0.5)
    assert len(rounds) > 1
    assert rounds == [0.5, *[0.0] * (len(rounds) - 1)]
    exact = priced(1e-8)
    assert rough.bound == pytest.approx(exact.bound, rel=0.01 if aim else 1e-5)
    if not aim:
        return
    # Without time for an exact round, the prices of two rough rounds give bounds site by site.
    monkeypatch.setattr(settings, "AGAIN", math.inf)
    rounds.clear()
    late = priced(0.02)
    assert rounds == [0.02, 0.02]
    tolerance = 1e-6 * abs(exact.bound)
    assert exact.bound - tolerance <= late.bound <= 0.9 * exact.bound  # costs are negated


def test_a_rough_round_without_an_answer_is_solved_again_exactly(monkeypatch):
    program = program_of(medium_case(("need", "city floor"), "plain", 1))
    frame, run = Frame(program, program.all_aims[0]), pricing.run_model
    failed = []

    def fails(model, clock, *, tolerance):
        found = run(model, clock, tolerance=tolerance)
        if not tolerance:
            return found
        failed.append(found)
        assert found.bound == math.inf  # a rough answer bounds nothing
        return replace(found, optimal=False, point=np.zeros(0), price=np.zeros(0))

    def bound():
        nothing = np.zeros(0, dtype=np.int64)
        return (
            pricing.Pricing(frame, Clock(60.0), start=nothing, some=nothing, seed=1).run(0.0).bound
        )

    exact = bound()
    monkeypatch.setattr(settings, "MANY_PAIRS", 0)
    monkeypatch.setattr(pricing, "run_model", fails)
    assert bound() == pytest.approx(exact, rel=1e-6)
    assert len(failed) == 1
