"""Prices from single years: they bound every plan over all years, and nearly as well as can be."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import often
from program_cases import case_of, program_of

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.pricing import Pricing
from siting.engine.solve import solve
from siting.engine.station_bound import bound_at
from siting.engine.year_prices import prices_by_year
from siting.program.aims import MostWorth, NetWorth

ENDLESS = Clock(np.inf)
NOTHING = np.zeros(0, dtype=np.int64)


@pytest.mark.parametrize(
    "features",
    often(
        [
            ("years",), ("years, carry, upgrades",), ("years", "expected"), ("years", "feeder"),
            ("years", "net of money"),
        ],
        [("years", "expected")],
    ),
)  # fmt: skip
def test_prices_of_single_years_bound_all_years(features):
    ratios = []
    for seed in (1, 2, 3):
        program = program_of(case_of(features, seed, sites=6, cells=12, configurations=3))
        frame = Frame(program, program.all_aims[0])
        prices, _ = prices_by_year(frame, ENDLESS, seed=1)
        bound = bound_at(frame, prices, ENDLESS).bound
        best = solve(program, gap=0.0).proofs[0].proof.objective
        every = np.arange(frame.count)
        whole = Pricing(frame, ENDLESS, start=NOTHING, some=every, seed=1).run(0.0).bound
        assert best <= bound + 1e-6 * abs(best)
        ratios.append(bound / whole)
    assert np.mean(ratios) <= 1.25, ratios


def test_some_programs_have_no_such_prices():
    for features in (("people",), ("years", "viability gap")):
        program = program_of(case_of(features, 1))
        assert prices_by_year(Frame(program, program.all_aims[0]), ENDLESS, seed=1) is None
    program = program_of(case_of(("years", "then cost to all"), 1))
    assert prices_by_year(Frame(program, program.all_aims[-1]), ENDLESS, seed=1) is None


def test_offers_of_the_years_are_those_that_their_relaxations_use():
    program = program_of(case_of(("years",), 2, sites=6, cells=12, configurations=3))
    _, offers = prices_by_year(Frame(program, program.all_aims[0]), ENDLESS, seed=1)
    assert 0 < len(offers) < len(program.instance.offer_ids)


@pytest.mark.parametrize("other", ["at least", "required", "city floor"])
def test_requirements_of_the_last_year_are_left_out_of_earlier_ones(other):
    for seed in (1, 2, 3):
        program = program_of(case_of(("years", other), seed, sites=6, cells=12, configurations=3))
        assert prices_by_year(Frame(program, program.all_aims[0]), ENDLESS, seed=1) is not None


def test_offers_that_open_later_do_not_count_before():
    program = program_of(
        case_of(("years, carry, upgrades",), 2, sites=6, cells=12, configurations=3)
    )
    last = program.year_plan.years[-1]
    opens = np.where(program.instance.offer_existing, 0, last)
    late = replace(program, instance=replace(program.instance, offer_opens=opens))
    frame = Frame(late, late.all_aims[0])
    prices, _ = prices_by_year(frame, ENDLESS, seed=1)
    every = np.arange(frame.count)
    whole = Pricing(frame, ENDLESS, start=NOTHING, some=every, seed=1).run(0.0).bound
    assert bound_at(frame, prices, ENDLESS).bound <= 1.15 * whole


@pytest.mark.slow
def test_a_rough_relaxation_bounds_every_plan():
    for seed in range(1, 6):
        program = program_of(case_of(("people",), seed, sites=6, cells=12, configurations=3))
        frame = Frame(program, program.all_aims[0])
        rough = Pricing(frame, ENDLESS, start=NOTHING, some=NOTHING, seed=1).roughly()
        best = solve(program, gap=0.0).proofs[0].proof.objective
        assert rough.bound >= best - 1e-6 * abs(best)
        assert rough.at_most.max() >= best - 1e-6 * abs(best)


def test_charges_of_single_years_add_up_to_the_charge_on_all_money():
    weights, drawn = (1.0, 0.5, 0.25), np.array([3.0, 7.0, 10.0])  # up to each year
    gains = (4.0, 2.0, 1.0)
    aim = NetWorth(gains)
    years = [aim.in_year(t, weights) for t in range(3)]
    charged = sum(w * one.least_gain * m for w, one, m in zip(weights, years, drawn, strict=True))
    assert charged == pytest.approx(np.array(gains) @ np.diff(drawn, prepend=0.0))
    # One charge for all years is due on the money of the last year only.
    assert [NetWorth(2.0).in_year(t, weights).least_gain for t in range(3)] == [0.0, 0.0, 8.0]
    # Money that is dearer later is free before.
    assert NetWorth((1.0, 5.0)).in_year(0, (1.0, 1.0)).least_gain == 0.0
    assert MostWorth().in_year(1, weights) == MostWorth()
