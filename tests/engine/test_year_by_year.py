"""Plans and bounds over years from single years, and upgrades that are too many to list."""

import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
from conftest import often
from program.test_lp import DEMAND, LATER, NOW, PLUGS, REACH, offers
from program_cases import case_of, program_of

from siting import settings
from siting.engine import year_bounds
from siting.engine.clock import Clock
from siting.engine.courses import BestCourses
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.relax import solve_native
from siting.engine.solve import solve
from siting.engine.station_bound import bound_at
from siting.engine.why_not import why_not
from siting.engine.year_by_year import planned_by_years
from siting.errors import InputError, SolveError
from siting.program.instance import Instance
from siting.program.matrix import Reached
from siting.program.program import Program

UPGRADES = "years, carry, upgrades"
ENDLESS = Clock(math.inf)
TOWN = {"sites": 4, "cells": 5, "configurations": 4}
OTHERS = (
    "extensions", "number", "envelope", "feeder", "at least", "required", "differ from",
    "viability gap", "need", "hurdle", "city floor", "zone floors", "expected",
    "least regret", "worst share", "net of money", "least subsidy", "least cost",
    "then cost to all",
)  # fmt: skip


def few_listed(program, monkeypatch):
    """Return the program as if all its upgrades were too many to list."""
    monkeypatch.setattr("siting.program.program.course_count", lambda *_: math.inf)
    return replace(program)


def optimum(program, aim, reached=()):
    """Return the aim's optimum under the whole program with all its upgrades."""
    frame = Frame(program, aim, reached)
    whole = frame.matrix.a.shape[1]
    answer = solve_native(frame, ENDLESS, None, Effort(0.0, 60.0), 2**31 - 1)
    assert answer.optimal, whole
    return frame.sign * frame.signed(answer.objective)


def assert_between(value, best, bound, aim):
    sign = -1.0 if aim.less_is_better else 1.0
    tolerance = 1e-5 * max(abs(best), 1e-3)
    assert sign * value <= sign * best + tolerance
    assert sign * best <= sign * bound + tolerance


@pytest.mark.parametrize("other", often([None, *OTHERS], {"need"}))
def test_bounds_hold_for_upgrades_that_are_not_options(other, monkeypatch):
    possible = solved = 0
    for seed in (4, 10, 24, 33):
        features = [one for one in (UPGRADES, other) if one]
        program = program_of(case_of(features, seed, **TOWN))
        possible += sum(len({*row[row >= 0]}) > 1 for row in program.options.offer)
        with monkeypatch.context() as patch:
            few = few_listed(program, patch)
            assert few.lacks_courses
            try:
                answer = solve(few, gap=0.0, drives_gap=0.0, time_limit_s=20.0)
            except SolveError:
                continue  # the town needs upgrades that no single year suggests
        solved += 1
        first, *later = answer.proofs
        aim = replace(program).all_aims[0]
        if not aim.from_best:
            best = optimum(program, aim)
            assert_between(first.proof.objective, best, first.proof.bound, aim)
        for one, proof in zip(program.all_aims[1:], later, strict=True):
            kept = first.proof.objective * (1 - 1e-5)
            best = optimum(program, one, (Reached(aim, kept),))
            assert_between(proof.proof.objective, best, proof.proof.bound, one)
    assert possible > 0
    assert solved > 1


def test_a_station_that_must_grow_grows_although_upgrades_are_many(monkeypatch):
    reach, offered = REACH[REACH["site_id"] == "s2"], offers()
    offered = offered[offered["site_id"] == "s2"]
    instance = Instance.from_tables(DEMAND, offered, reach, PLUGS, 5.0)
    program = Program(instance).years(
        {2027: 2.0, 2030: 3.0}, {2027: NOW, 2030: LATER}, upgrades=True
    )
    best = optimum(program, program.all_aims[0])
    answer = solve(few_listed(program, monkeypatch), gap=0.0, time_limit_s=20.0)
    course = answer.program.options.offer[answer.choice][0]
    assert answer.program.instance.offer_ids[course].tolist() == ["s2:small", "s2:big"]
    assert answer.proofs[0].proof.objective == pytest.approx(best)


def test_the_best_course_is_the_best_of_all_courses(monkeypatch):
    for seed in range(6):
        features = [UPGRADES, *(["extensions"] if seed % 2 else [])]
        # A budget rules out courses, but not in the bound.
        program = replace(program_of(case_of(features, seed, **TOWN)), budgeted=False)
        rng = np.random.default_rng(seed)
        shape = len(program.instance.offer_ids) + 1, program.options.offer.shape[1]
        worth = rng.normal(size=shape)
        worth[-1] = 0.0

        def values(options, worth=worth):
            return worth[options.offer, np.arange(worth.shape[1])].sum(axis=1)

        sites = len(program.instance.site_ids)
        best = np.where(program.instance.must_sites, -np.inf, 0.0)
        np.maximum.at(best, program.options.site, values(program.options))
        with monkeypatch.context() as patch:
            few = few_listed(program, patch)
            found = BestCourses(few).best(values(few.options))
            single = np.full(sites, -np.inf)
            np.maximum.at(single, few.options.site, values(few.options))
        there = np.isin(np.arange(sites), program.options.site)
        assert np.allclose(found[there], best[there])
        assert (found >= single - 1e-9).all()


def test_what_needs_all_courses_refuses_too_many(monkeypatch):
    few = few_listed(program_of(case_of([UPGRADES], 1, **TOWN)), monkeypatch)
    refused = r"program\.years: there are more than 150,000 combinations .*, which are too many for"
    with pytest.raises(InputError, match=f"{refused} method milp"):
        solve(few, method="milp")
    with pytest.raises(InputError, match=f"{refused} a PuLP problem"):
        few.to_pulp()
    opens = np.where(few.instance.offer_existing, 0, few.year_plan.years[-1])
    late = replace(few, instance=replace(few.instance, offer_opens=opens))
    with pytest.raises(InputError, match=f"{refused} offers with opening years"):
        solve(late)


def test_few_upgrades_prove_no_conflict(monkeypatch):
    few = few_listed(program_of(case_of([UPGRADES], 4, **TOWN)), monkeypatch)
    with pytest.raises(SolveError, match="no plan was found among the plans with few upgrades"):
        solve(few.floor(1.0), time_limit_s=5.0)
    with pytest.raises(SolveError, match="no plan was found among the plans with few upgrades"):
        why_not(few)


def test_a_year_whose_numbers_differ_too_much_does_not_end_the_solve(monkeypatch):
    program = program_of(case_of(["years", "need"], 2, **TOWN))
    monkeypatch.setattr(settings, "MANY_OFFERS", 0)

    def refused(*_):
        raise InputError("demand", "rows are too far apart", "leave some out")

    module = import_module("siting.engine.solve")
    monkeypatch.setattr(module, "planned_by_years", refused)
    assert solve(program, gap=0.0).proofs[0].proof.status == "optimal"


def test_a_year_without_demand_has_no_bound_on_its_cost():
    case = case_of(("years", "then cost to all"), 2, **TOWN)
    first, *_ = case.demand_of
    demand = {**case.demand_of, first: 0.0 * case.demand_of[first]}
    program = program_of(replace(case, demand_of=demand))
    answer = solve(program, gap=0.0)
    kept = Reached(program.all_aims[0], answer.proofs[0].proof.objective)
    frame = Frame(program, program.all_aims[1], (kept,))
    choice = np.sort(program.options.find(answer.program.options.offer[answer.choice]))
    point = frame.serve(choice, ENDLESS).point
    over = Clock(30.0)
    found = year_bounds.bound_by_years(frame, choice, point, over, gap=0.0, threads=1, seed=1)
    assert 0 < found.bound <= answer.proofs[1].proof.objective * (1 + 1e-6)


@pytest.mark.slow
def test_a_plan_of_the_years_only_grows_and_draws_no_more_than_its_money():
    for seed in (1, 2, 3, 4):
        for features in ((UPGRADES,), (UPGRADES, "need"), ("years",), ("years", "need")):
            program = program_of(case_of(features, seed, **TOWN))
            instance = program.instance

            def solve_year(year, aim, start):
                answer = solve(replace(year, aims=(aim,)), gap=0.0)
                assert set(start) <= set(range(len(year.instance.offer_ids)))
                return answer.program.options.last[answer.choice]

            aim = program.all_aims[0]
            years = planned_by_years(program, aim, solve_year, ENDLESS)
            course = np.full((len(instance.site_ids), len(years)), -1)
            for t, open_ in enumerate(years):
                course[instance.offer_site[open_], t] = open_
            there = course[course[:, -1] >= 0]
            found = program.options.find(there)
            if program.gap is None:
                assert (found >= 0).all()
                assert program.resources.within(np.sort(found))
            else:
                begun = course >= 0
                assert (begun[:, :-1] <= begun[:, 1:]).all()


def test_a_year_without_a_plan_leaves_no_plan():
    program = program_of(case_of([UPGRADES], 1, **TOWN))
    assert planned_by_years(program, program.all_aims[0], lambda *_: None, ENDLESS) is None


@pytest.mark.parametrize(
    "features",
    often([("years",), ("years", "need"), (UPGRADES,), ("years", "feeder")], [("years", "need")]),
)
def test_years_bound_the_worth_and_the_cost_to_all(features):
    ratios = []
    for seed in (1, 2, 3):
        case = case_of((*features, "then cost to all"), seed, sites=5, cells=8, configurations=3)
        program = program_of(case)
        worth, cost = program.all_aims
        answer = solve(program, gap=0.0, drives_gap=0.0)
        reached = Reached(worth, answer.proofs[0].proof.objective * (1 - 1e-6))
        most = None
        for aim, kept in ((worth, ()), (cost, (reached,))):
            frame = Frame(program, aim, kept)
            assert year_bounds.has_year_bounds(frame)
            choice = program.options.find(answer.program.options.offer[answer.choice])
            point = frame.serve(np.sort(choice), ENDLESS).point
            found = year_bounds.bound_by_years(
                frame, np.sort(choice), point, Clock(60.0), gap=0.0, threads=2, seed=1, most=most
            )
            assert most is None or (found.most == most).all()
            most = found.most
            best = optimum(program, aim, kept)
            assert_between(best, best, found.bound, aim)
            assert set(found.offers) <= set(range(len(program.instance.offer_ids)))
            ratios.append(min(best, found.bound) / max(best, found.bound))
            assert (found.prices is None) == (aim is cost)
            if found.prices is not None:  # the prices alone prove nearly this bound
                at = bound_at(frame, found.prices, ENDLESS).bound
                assert best * (1 - 1e-6) <= at <= found.bound * 1.05
    assert np.mean(ratios) > 0.6, ratios


def test_a_bound_of_the_years_needs_the_worth():
    program = program_of(case_of(("years", "cost to all"), 1))
    assert not year_bounds.has_year_bounds(Frame(program, program.all_aims[-1]))
    # Without time for a relaxation, there is still a bound.
    program = program_of(case_of(("years", "then cost to all"), 1))
    answer = solve(program, gap=0.0)
    kept = Reached(program.all_aims[0], answer.proofs[0].proof.objective)
    frame = Frame(program, program.all_aims[1], (kept,))
    choice = np.sort(program.options.find(answer.program.options.offer[answer.choice]))
    point = frame.serve(choice, ENDLESS).point
    over = Clock(1e-9)
    found = year_bounds.bound_by_years(frame, choice, point, over, gap=0.0, threads=1, seed=1)
    assert 0 <= found.bound <= answer.proofs[1].proof.objective


@pytest.mark.slow
def test_large_programs_take_their_bounds_from_the_years(monkeypatch):
    used = []
    module = import_module("siting.engine.solve")
    bounded = module.bound_by_years

    def noted(frame, *args, **options):
        used.append(frame.aim.kind)
        return bounded(frame, *args, **options)

    monkeypatch.setattr(module, "bound_by_years", noted)
    monkeypatch.setattr(settings, "WHOLE_LAST", 0)
    monkeypatch.setattr(settings, "MANY_OFFERS", 0)
    for features in (("years", "need"), ("years",)):
        case = case_of((*features, "then cost to all"), 2, **TOWN)
        program = program_of(case)
        answer = solve(program, gap=0.001, time_limit_s=30.0)
        worth = optimum(program, program.all_aims[0])
        first, second = (one.proof for one in answer.proofs)
        assert_between(first.objective, worth, first.bound, program.all_aims[0])
        kept = Reached(program.all_aims[0], first.objective * (1 - 1e-5))
        assert second.bound <= optimum(program, program.all_aims[1], (kept,)) * (1 + 1e-6)
    assert used == ["most_worth", "least_cost_to_all", "least_cost_to_all"]
