"""Areas: bounds by their integer programs hold for every plan, and plans are built one by one."""

import math
from dataclasses import replace

import numpy as np
import pytest
from conftest import often
from engine.test_drives import grid_town
from engine.test_station_bound import ENDLESS, TOWN, framed, values_of
from program.test_pairs import FEATURES, PAIRS, seed_of

from siting import settings
from siting.engine.area_bound import AreaBound
from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.effort import Effort
from siting.engine.first_plans import build, take
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent, Known
from siting.engine.least_payments import with_least_payments
from siting.engine.pricing import Pricing
from siting.engine.station_bound import Prices, bound_by, row_prices
from siting.engine.windows import Windows
from siting.errors import InputError
from siting.program.money import GapRule
from siting.program.program import Program


def dual_of(frame, rng):
    """Return random prices of all rows, of the signs that their limits allow."""
    m = frame.matrix
    price = rng.random(m.a.shape[0]) * rng.choice([0.1, 1.0])
    price[~np.isfinite(m.row_upper)] *= -1
    price[rng.random(len(price)) < 0.2] = 0.0
    return price


def at_prices(frame, price, live):
    """Return the bounds by areas at some prices, before any area is solved."""
    by = bound_by(frame, Cutter(frame), price, ENDLESS, live)
    return AreaBound(frame, price, by, live)


def frames_with(first):
    """Yield a feature and some of its pairs, each with the frame of a town that has them."""
    for features in [(first,), *[pair for pair in PAIRS if pair[0] == first][::8]]:
        try:
            frame = framed(features, seed_of(features, 1))
        except InputError:  # the two do not go together
            continue
        if frame is not None and frame.layout.by_pair:
            yield features, frame


@pytest.mark.parametrize("first", often(FEATURES, [*FEATURES][1::16]))
def test_no_plan_is_above_the_bound_by_areas(first):
    rng, seen, finite = np.random.default_rng(2), 0, 0
    for features, frame in frames_with(first):
        plans, tight = values_of(frame), with_least_payments(frame)
        for size in (1, 2, TOWN["sites"]):
            every = np.ones(frame.count, dtype=bool)
            bounds = at_prices(tight, dual_of(tight, rng), every)
            bounds._solve(size, 0.0, ENDLESS, 2, 1)
            for choice, value in plans:
                slack = 1e-6 * max(abs(value), 1.0)
                assert value <= bounds.bound + slack, (features, size, choice)
                assert (value <= bounds.at_most[choice] + slack).all(), (features, size, choice)
                seen += 1
                finite += bool(np.isfinite(bounds.bound))
    assert finite >= seen / 2, "bounds that hold for everything"
    print(f"{seen} plans held against bounds")


@pytest.mark.parametrize("first", often(FEATURES, [*FEATURES][1::16]))
def test_no_plan_is_above_the_bound_by_cases(first):
    """After each step, cases for numbers of stations and their areas include every plan.

    If the best known plan is the worst or an average one, each better plan tests its options.
    """
    seen, steps = 0, 0
    for features, frame in frames_with(first):
        nothing = np.zeros(0, dtype=np.int64)
        plans = values_of(frame)
        ranked = sorted(value for _, value in plans)
        for best in (ranked[0], ranked[len(ranked) // 2], ranked[-1]) if plans else (-math.inf,):
            priced = Pricing(frame, ENDLESS, start=nothing, some=nothing, seed=1).run(0.0)
            if priced.later is None:
                continue
            priced.later._station = math.inf  # divide cases first
            for _ in range(12):
                more = priced.later.lower(0.0, best, ENDLESS, threads=2, seed=1)
                bounds, steps = priced.lowered, steps + 1
                for choice, value in plans:
                    slack = 1e-6 * max(abs(value), 1.0)
                    assert value <= bounds.bound + slack, (features, choice)
                    assert (value <= bounds.at_most[choice] + slack).all(), (features, choice)
                    seen += 1
                if not more:
                    break
    print(f"{seen} plans held against bounds after {steps} steps")


@pytest.fixture
def large(monkeypatch):
    """In large programs, integer programs of areas replace links, floors and rows for sites."""
    monkeypatch.setattr(settings, "LARGE", 0)


def relaxed(seed, **changes):
    """Return a town's frame under the viability gap, and its relaxation by pricing."""
    program = Program(replace(grid_town(side=30, sites=24, seed=seed), **changes))
    program = program.viability_gap(GapRule(margin_pkr=0.02, cap=0.9))
    frame = Frame(program, program.all_aims[0])
    nothing = np.zeros(0, dtype=np.int64)
    priced = Pricing(frame, ENDLESS, start=nothing, some=nothing, seed=1).run(0.0)
    return frame, priced


@pytest.mark.parametrize("seed", range(3))
def test_larger_areas_lower_the_bound_of_the_relaxation(seed):
    frame, priced = relaxed(seed)
    bounds, found = priced.later._open[0].pricing.areas(), []
    assert bounds.bound <= priced.bound * 1.001
    for size in (1, 8, frame.sites):
        bounds._solve(size, 0.0, ENDLESS, 2, 1)
        found.append(bounds.bound)
    slack = 1e-6 * abs(priced.bound)
    assert found[0] <= priced.bound + slack
    assert found[2] < found[0] - slack
    assert found[1] <= found[0] + slack


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_number_of_stations_lowers_the_bound(seed):
    frame, priced = relaxed(seed)
    (whole,) = priced.later._open
    group, number = whole.group(0.0)
    assert number == pytest.approx(priced.taken[group].sum())
    assert number % 1 > 0.01
    parts = whole.split(0.0, -math.inf, ENDLESS, threads=2)
    low, high = (float(one.priced.taken[group].sum()) for one in parts)
    assert low == pytest.approx(math.floor(number))
    # If the budget does not allow one station more, the bound is low instead.
    assert high == pytest.approx(math.ceil(number)) or parts[1].priced.bound < 0.9 * priced.bound
    slack = 1e-6 * abs(priced.bound)
    assert all(one.known.bound < priced.bound - slack for one in parts)
    # A row for a number that the relaxation reaches anyway changes nothing.
    nothing = np.zeros(0, dtype=np.int64)
    case = Pricing(frame, ENDLESS, start=nothing, some=nothing, seed=1)
    case = case.with_number(group, 1.0, math.floor(number), priced.bound)
    again = case.rounds(0.0, -math.inf, rough=False)
    assert again.bound == pytest.approx(priced.bound, rel=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_cases_are_divided_until_their_bounds_reach_the_gap(seed):
    """The case with the highest bound comes first, so the bound falls from step to step."""
    _, priced = relaxed(seed)
    later, found = priced.later, [priced.bound]
    enough = priced.bound * (1 - 2e-3)
    while later.lower(0.0, enough, ENDLESS, threads=1, seed=1) and len(found) < 40:
        found.append(later.bound)
    assert found == sorted(found, reverse=True)
    assert later.bound < found[0]
    open_ = [one.known.bound for one in later._open]
    assert later.bound == pytest.approx(max([later._closed[0], *open_]))
    assert later._closed[0] <= enough + 1e-6 * abs(enough)


def test_a_number_that_no_plan_reaches_ends_a_case_at_once():
    frame, priced = relaxed(1)
    (whole,) = priced.later._open
    every = np.ones(frame.count, dtype=bool)
    case = whole.pricing.with_number(every, 1.0, frame.sites + 20.0, priced.bound)
    assert case.rounds(0.0, -math.inf, rough=False).bound < 0


def test_areas_grow_with_each_call_until_one_holds_all_sites(monkeypatch):
    monkeypatch.setattr(settings, "AREA", 8)
    frame, priced = relaxed(1)
    bounds, sizes = priced.later._open[0].pricing.areas(), []
    areas = frame.areas

    def seen(sites, size):
        sizes.append(size)
        return areas(sites, size)

    monkeypatch.setattr(bounds.frame, "areas", seen)
    found = [bounds.bound]
    while bounds.lower(0.0, ENDLESS, threads=2, seed=1):
        found.append(bounds.bound)
    assert sizes == [8, 13, 21, 34]
    assert found == sorted(found, reverse=True)
    assert not bounds.lower(0.0, ENDLESS, threads=2, seed=1)
    assert len(sizes) == 4


@pytest.mark.parametrize("seed", range(3))
def test_the_prices_of_a_site_never_weaken_its_bound(seed):
    """The bound by sites and that of the relaxation each hold for a site; the lower one counts."""
    frame, priced = relaxed(seed)
    tight = priced.later._open[0].pricing.areas().frame
    every, rng = np.ones(frame.count, dtype=bool), np.random.default_rng(seed)
    for _ in range(5):
        price = dual_of(tight, rng)
        by = bound_by(tight, Cutter(tight), price, ENDLESS, every)
        bounds = AreaBound(tight, price, by, every)
        slack = 1e-9 * max(abs(by.bound), 1.0)
        assert bounds.bound <= by.bound + slack
        assert (bounds.at_most <= by.at_most + slack).all()


def test_areas_hold_all_sites_once_and_are_no_larger_than_asked():
    frame, _ = relaxed(1)
    areas = frame.areas(np.arange(frame.sites), 5)
    assert max(map(len, areas)) <= 5
    assert np.sort(np.concatenate(areas)).tolist() == list(range(frame.sites))
    # An area shares demand; the first one is at the edge.
    near = frame.shared_demand.toarray() > 0
    assert all(near[np.ix_(area, area)].sum() > len(area) for area in areas if len(area) > 1)
    shared = frame.shared_demand.sum(axis=1)
    assert shared[areas[0]].min() == shared.min()


@pytest.mark.parametrize("seed", range(3))
def test_a_plan_built_area_by_area_is_near_the_bound(seed, monkeypatch):
    """Without prices, the first areas take what later ones could use better."""
    monkeypatch.setattr(settings, "AREA", 6)
    frame, priced = relaxed(seed)
    inc = Incumbent(frame, ENDLESS, Effort(0.0, threads=2))
    inc.build()
    values = []
    for scale in (0.0, 1.0):
        windows = built(inc.tight, scale * row_prices(inc.tight, priced.prices))
        choice, value = take(inc, windows.choice)
        assert frame.serve(choice, ENDLESS).found
        values.append(value)
    assert values[1] >= values[0]
    assert values[1] > 0.9 * priced.bound


def test_a_plan_is_built_only_if_time_allows_all_areas(monkeypatch):
    """Without the areas of the centre a plan is poor, so other steps must make one."""
    monkeypatch.setattr(settings, "AREA", 6)
    frame, priced = relaxed(1)
    most = np.full(frame.count, np.inf)
    known = Known(frame, np.arange(frame.count), replace(priced, at_most=most, later=None))
    take = Windows._take

    def last(windows, *args):
        windows.clock.end()
        return take(windows, *args)

    found = []
    for one in (take, last):
        monkeypatch.setattr(Windows, "_take", one)
        inc = Incumbent(frame, Clock(math.inf), Effort(0.0, threads=1), None, known)
        inc.build()
        build(inc)
        found.append((inc.built, inc.best))
    assert [whole for whole, _ in found] == [True, False]
    assert found[0][1] > found[1][1]


def built(frame, price):
    point = np.zeros(frame.matrix.a.shape[1])
    windows = Windows(frame, point, np.zeros(frame.count), ENDLESS, threads=2, seed=1)
    windows.build(price)
    return windows


def test_a_plan_built_area_by_area_has_the_required_stations(monkeypatch):
    monkeypatch.setattr(settings, "AREA", 6)
    must = np.array([0, 23])
    frame, priced = relaxed(1, required_sites=must)
    tight = with_least_payments(frame)
    windows = built(tight, row_prices(tight, priced.prices))
    assert set(must) <= set(frame.site[windows.choice])
    assert frame.serve(windows.choice, ENDLESS).found


def test_prices_of_rows_are_the_duals_they_come_from():
    frame, _ = relaxed(0)
    rng, m = np.random.default_rng(3), frame.matrix
    dual = np.zeros(m.a.shape[0])
    for family in ("demand", "subsidies"):
        rows = frame.rows_of(family)
        dual[rows] = rng.random(len(rows))
    of_row = frame.of_demand(dual)
    prices = Prices.of(frame, m, dual, of_row)
    assert row_prices(frame, prices) == pytest.approx(dual)


@pytest.mark.parametrize("seed", range(3))
def test_areas_bound_the_cost_to_all_of_a_large_program(seed, large, monkeypatch):
    """Areas grow until one holds all sites; then the bound is final, and no time is spent on it."""
    monkeypatch.setattr(settings, "AREA", 2)
    instance = grid_town(side=12, sites=6, seed=seed)
    cost = dict(zip(instance.offer_ids, instance.offer_cost, strict=True))
    minute = dict.fromkeys(instance.class_names, 0.01)
    program = Program(instance).floor(0.1).without_aims().least_cost_to_all(cost, minute)
    frame = Frame(program, program.all_aims[0])
    every = np.arange(frame.count)
    sizes, solve = [], AreaBound._solve

    def noted(areas, size, *args):
        sizes.append(size)
        return solve(areas, size, *args)

    monkeypatch.setattr(AreaBound, "_solve", noted)
    priced = Pricing(frame, ENDLESS, start=every[:0], some=every, seed=1).run(0.0)
    best = max(value for _, value in values_of(frame))
    slack = 1e-6 * abs(best)
    assert best <= priced.bound + slack
    assert priced.bound <= best / 2  # a cost: the bound is of the optimum's order
    assert sizes == sorted(set(sizes))
    assert sizes[-1] >= frame.sites
