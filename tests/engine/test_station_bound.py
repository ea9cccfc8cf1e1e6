"""The bound by prices, every site at its best option: above every plan, tight at good prices."""

import itertools
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import often
from program.test_pairs import FEATURES, PAIRS, seed_of
from program_cases import case_of, program_of

from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.frame import Frame
from siting.engine.master import Master
from siting.engine.pricing import Pricing
from siting.engine.solve import Effort, _Solve
from siting.engine.station_bound import Prices, _lowest, bound_at, bound_by, site_rows
from siting.errors import InputError
from siting.program.aims import MostWorth, NetWorth

TOWN = {"sites": 3, "cells": 5, "configurations": 3}
ENDLESS = Clock(np.inf)


def framed(features, seed):
    """Return the frame of a town's first aim, its floors left out; None where it bounds nothing."""
    program = program_of(case_of(features, seed, **TOWN))
    aim = program.all_aims[0]
    if not isinstance(aim, MostWorth | NetWorth) or not program.capacitated:
        return None
    return Frame(program, aim)


def values_of(frame):
    """Return every choice that is a plan, with its value."""
    at = [np.flatnonzero(frame.site == j) for j in range(frame.sites)]
    out = []
    for taken in itertools.product(*([-1, *own] for own in at)):
        choice = np.sort([o for o in taken if o >= 0]).astype(np.int64)
        if frame.fits(choice) and (served := frame.serve(choice, ENDLESS)).found:
            out.append((choice, frame.signed(served.objective)))
    return out


def drawn(frame, rng):
    """Return random prices, some of them of no demand row."""
    rows, slices = len(frame.program.instance.demand_ids), len(frame.program.slices)
    worth = float(frame.service.worth.max(initial=1.0))
    demand = rng.random((rows, slices)) * 1.2 * worth
    demand[rng.random((rows, slices)) < 0.1] = np.nan
    years = frame.layout.subsidy_column.shape[1]
    years = years if np.isfinite(frame.layout.budget_pkr) else 0
    unit = worth * frame.layout.energy_unit
    money = rng.random(years) * unit / frame.layout.money_unit
    use = np.maximum(np.abs(frame.resources.use.toarray()).max(axis=1, initial=0.0), 1e-9)
    return Prices(demand, money, rng.random(len(frame.resources)) * unit / use)


@pytest.mark.parametrize("first", often(FEATURES, [*FEATURES][1::16]))
def test_no_plan_is_above_the_bound(first):
    rng, seen = np.random.default_rng(1), 0
    for features in [(first,), *[pair for pair in PAIRS if pair[0] == first][::4]]:
        try:
            frame = framed(features, seed_of(features, 1))
        except InputError:  # the two do not go together
            continue
        if frame is None:
            continue
        plans = values_of(frame)
        for _ in range(5):
            bounds = bound_at(frame, drawn(frame, rng), ENDLESS)
            for choice, value in plans:
                slack = 1e-6 * max(abs(value), 1.0)
                assert value <= bounds.bound + slack, (features, choice)
                assert (value <= bounds.at_most[choice] + slack).all(), (features, choice)
                seen += 1
    print(f"{seen} plans held against bounds")


@pytest.mark.parametrize(
    "features", [("viability gap",), ("sessions",), ("viability gap", "years")]
)
def test_prices_of_the_cuts_give_the_bound_of_the_master_problem(features):
    frame = framed(features, 3)
    master = Master(frame, ENDLESS, seed=1)
    master.forget_money()
    _, low = master.tighten(200, 1e-9)
    bound = bound_at(frame, master.prices(), ENDLESS).bound
    best = max(value for _, value in values_of(frame))
    assert best <= bound + 1e-6 * abs(best)
    assert bound <= low + 0.02 * abs(low), (bound, low, best)


@pytest.mark.slow
@pytest.mark.parametrize(
    "features",
    [
        ("viability gap",), ("viability gap", "years"), ("viability gap", "then cost to all"),
        ("need", "then cost to all"), ("viability gap", "scenarios"),
    ],
)  # fmt: skip
def test_no_service_of_a_plan_breaks_the_rows_of_its_sites(features):
    rng, held, binding = np.random.default_rng(4), 0, 0
    for seed in range(1, 5):
        frame = Frame(program := program_of(case_of(features, seed, **TOWN)), program.all_aims[-1])
        plans, plain = [choice for choice, _ in values_of(frame)][::7], frame.matrix
        cutter = Cutter(frame)
        signs = np.where(np.isfinite(plain.row_upper), 1.0, -1.0)
        rows = []
        for _ in range(3):
            dual = rng.random(len(signs)) * rng.choice([0.1, 1.0]) * signs
            rows.append(site_rows(frame, bound_by(frame, cutter, dual, ENDLESS)))
        for _ in range(3):  # whatever a station sells, and to whom
            frame.matrix = replace(plain, cost=rng.normal(size=len(plain.cost)))
            for choice in plans:
                point = frame.serve(choice, ENDLESS).point
                for row in rows:
                    over = row @ point
                    assert over.max() <= 1e-6
                    held, binding = held + 1, binding + int((np.abs(over) < 1e-6).any())
    assert held > 20
    assert binding


def test_no_rows_of_sites_without_a_gap_or_with_concessions():
    for features in (("decay",), ("concessions",)):
        frame = Frame(program := program_of(case_of(features, 2, **TOWN)), program.all_aims[0])
        none = np.zeros(frame.matrix.a.shape[0])
        by = bound_by(frame, Cutter(frame), none, ENDLESS)
        assert site_rows(frame, by) is None


@pytest.mark.parametrize("best", [0.05, 0.3, 0.45, 0.8, 1.4])
def test_the_price_of_a_sites_gap_is_found_between_those_tried_first(best):
    # Two sites, two options each: the one that counts is lowest at `best`, steep to its left.
    site = np.array([0, 0, 1, 1])
    frame = SimpleNamespace(site=site, sites=2, pooled=np.zeros(2, dtype=bool))
    level = np.array([1.0, 0.2, 0.5, 0.1])

    def at(price):
        over = price[site] - best
        return level + np.where(over < 0, -9 * over, over)

    lowest, found = _lowest(frame, at, 1.0, ENDLESS)
    assert lowest[[0, 2]] == pytest.approx(level[[0, 2]], abs=0.02)
    assert found == pytest.approx(best, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_the_prices_of_pricing_prove_its_bound(seed):
    program = program_of(case_of(("viability gap",), seed, **TOWN))
    frame = Frame(program, program.aims[0])
    none = np.zeros(0, dtype=np.int64)
    pricing = Pricing(frame, ENDLESS, start=none, some=none, seed=1)
    assert pricing.run(0.005) is not None
    found = pricing.bounds
    again = bound_at(frame, replace(found.prices, gaps=None), ENDLESS)
    assert again.bound == pytest.approx(found.bound, rel=1e-6)


def test_prices_of_pricing_remain_where_the_cuts_prove_less(monkeypatch):
    monkeypatch.setattr("siting.settings.WHOLE_FIRST", 0)
    monkeypatch.setattr("siting.settings.MANY_OFFERS", 0)
    program = program_of(case_of(("viability gap",), 3, **TOWN))

    def loose(*given):
        return replace(bound_at(*given), bound=np.inf)

    monkeypatch.setattr("siting.engine.root.bound_at", loose)
    mine = _Solve(program, Effort(0.0, 60.0, 1, 1), Clock(60.0), ())
    answer = mine.answer()
    assert np.isfinite(mine.bounds.bound)
    assert not answer.prices.empty


def test_an_answer_has_the_prices_that_bound_all_plans(monkeypatch):
    # A town so small is solved whole unless it is told not to be.
    monkeypatch.setattr("siting.settings.WHOLE_FIRST", 0)
    monkeypatch.setattr("siting.settings.MANY_OFFERS", 0)
    program = program_of(case_of(("viability gap",), 3, **TOWN))
    answer = import_module("siting.engine.solve").solve(program, gap=0.0, time_limit_s=60.0)
    rows = answer.prices.groupby("row").size()
    assert {"demand", "gap"} & set(rows.index)
    assert (answer.prices["price"] > 0).all()
    assert set(answer.prices.loc[answer.prices["row"] == "demand", "name"]) <= set(
        program.instance.demand_ids.astype(str)
    )
