"""Windows: what several find side by side keeps to every row, and is worth what they say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import later, often
from engine.test_drives import grid_town

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.least_payments import with_least_payments
from siting.engine.relaxed_floors import viable
from siting.engine.windows import Windows
from siting.program.aims import LeastMoney, MostWorth
from siting.program.matrix import Reached
from siting.program.money import GapRule
from siting.program.program import Program


def asked(kind, instance):
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
    if kind == "floors":
        return Program(instance).floor(0.1)
    program = Program(instance).viability_gap(GapRule(margin_pkr=0.02, cap=0.9))
    if kind == "gap":
        return program
    return program.years({2027: 2.0, 2028: 2.0}, {2027: 0.6 * wanted, 2028: wanted})


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [("floors", 3), *later(("gap by year", 3), ("gap", 3), ("gap by year", 1))],
)
def test_what_windows_find_side_by_side_is_a_plan(kind, pairs, monkeypatch):
    monkeypatch.setattr(settings, "NEAREST_PAIRS", pairs)
    gained = 0.0
    for seed in range(3):
        program = asked(kind, grid_town(side=30, sites=24, seed=seed))
        frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
        served = frame.serve(np.arange(8 if kind == "floors" else 0), clock)
        assert served.found
        search = Windows(frame, served.point, np.zeros(frame.count), clock, threads=2, seed=1)
        first = search.value
        for _ in range(8):
            search.round()
            again = frame.serve(search.choice, clock)
            assert again.found
            assert again.objective >= search.value - 1e-6 * abs(search.value)
        gained += search.value - first
    assert gained > 0


@pytest.mark.parametrize("pairs", [1, 3])
def test_a_window_has_the_energies_in_use_and_a_few_that_may_take_their_place(pairs, monkeypatch):
    monkeypatch.setattr(settings, "NEAREST_PAIRS", pairs)
    program = asked("gap", grid_town(side=30, sites=60, seed=1))
    frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
    plan = next(
        choice for last in range(1, frame.count)
        if frame.serve(choice := np.arange(last - 1, last), clock).found
    )  # fmt: skip
    search = Windows(
        frame, frame.serve(plan, clock).point, np.zeros(frame.count), clock, threads=1, seed=1
    )
    inside = np.zeros(frame.sites, dtype=bool)
    inside[:20] = True
    in_use = search.point[frame.energies] > 0
    mine = inside[frame.column_site[frame.energies]]
    free = search._pairs(mine)
    assert free[in_use & mine].all()
    assert 0 < free.sum() < mine.sum()
    others = np.bincount(search._group[free & ~in_use & mine])
    assert others.max() == pairs
    # All of the rows are served by nobody else: what is left out is the same demand's next site.
    assert set(search._group[mine]) == set(search._group[free & mine])


@pytest.mark.parametrize("area", often([100, 2], [2]))
@pytest.mark.parametrize("kind", often(["floors", "gap", "gap by year"], ["gap"]))
def test_a_crossing_takes_the_better_parts_of_two_plans(kind, area, monkeypatch):
    monkeypatch.setattr(settings, "CROSSED", area)
    gained = 0.0
    for seed in range(3):
        program = asked(kind, grid_town(side=30, sites=24, seed=seed))
        frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
        plans = [viable_part(frame, part) for part in range(4)]
        points = [frame.serve(plan, clock).point for plan in plans]
        search = Windows(
            with_least_payments(frame), points[0], np.zeros(frame.count), clock, threads=2, seed=1
        )
        pairs = [(0, 1), (1, 0), (2, 3), (1, 1)]
        found = search.cross([(points[a], plans[b]) for a, b in pairs], np.zeros(0))
        assert np.array_equal(found[3], points[1])
        for (a, b), point in zip(pairs, found, strict=True):
            choice = np.flatnonzero(point[: frame.count] > 0.5)
            assert np.isin(choice, np.union1d(plans[a], plans[b])).all()
            served = frame.serve(choice, clock)
            before, after = frame.matrix.cost @ points[a], frame.matrix.cost @ point
            assert served.found
            # The point is a plan, whose own service is at least as good.
            assert before - 1e-9 <= after <= served.objective + 1e-6
            gained += after - before
    # By year, each plan has spent the money of its years.
    assert gained > 1e-6 or kind == "gap by year"


def test_a_gain_within_rounding_is_none(monkeypatch):
    """Else plans of equal worth would be crossed for ever."""
    program = asked("gap", grid_town(side=30, sites=24, seed=2))
    frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
    plans = [viable_part(frame, part) for part in (0, 1)]
    points = [frame.serve(plan, clock).point for plan in plans]
    search = Windows(frame, points[0], np.zeros(frame.count), clock, threads=1, seed=1)
    found = Windows._found

    def hardly(windows, *program):
        return replace(found(windows, *program), gain=1e-9 * abs(windows.value))

    def crossed():
        return search.cross([(points[0], plans[1])], np.zeros(0))[0]

    assert not np.array_equal(crossed(), points[0])
    monkeypatch.setattr(Windows, "_found", hardly)
    assert np.array_equal(crossed(), points[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gap", "gap by year"])
def test_areas_exchange_money_at_its_price(kind, monkeypatch):
    monkeypatch.setattr(settings, "CROSSED", 2)
    monkeypatch.setattr(settings, "SCARCITY", 0.0)
    dearer = []
    for seed in range(3):
        program = asked(kind, grid_town(side=30, sites=24, seed=seed))
        frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
        plans = [viable_part(frame, part) for part in range(2)]
        points = [frame.serve(plan, clock).point for plan in plans]
        search = Windows(
            with_least_payments(frame), points[0], np.zeros(frame.count), clock, threads=1, seed=1
        )
        years = frame.layout.subsidy_column.shape[1]
        for money in (1e-3, 1e3):
            (after,) = search.cross([(points[0], plans[1])], np.full(years, money))
            rows = frame.matrix.family["subsidies"]
            worth, paid = frame.matrix.cost @ after, frame.matrix.a[rows] @ after
            before = frame.matrix.cost @ points[0], frame.matrix.a[rows] @ points[0]
            price = money * frame.layout.money_unit / abs(frame.matrix.size)
            assert worth - price * paid.sum() >= before[0] - price * before[1].sum() - 1e-9
            dearer.append(paid.sum() > before[1].sum() + 1e-9)
    # Cheap money is spent, dear money never. By year no crossing of these plans gains.
    assert any(dearer[::2]) or kind == "gap by year"
    assert not any(dearer[1::2])


def test_money_is_dearer_the_more_of_it_is_used(monkeypatch):
    """Areas exceed the budget less; without a budget there is no money to exchange."""
    monkeypatch.setattr(settings, "CROSSED", 2)
    program = asked("gap", grid_town(side=30, sites=24, seed=3))
    frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
    plans = [viable_part(frame, part) for part in range(2)]
    point = frame.serve(plans[0], clock).point
    tight = with_least_payments(frame)
    rows = tight.matrix.family["subsidies"]
    # The first plan uses all the money.
    limit = tight.matrix.row_upper.copy()
    limit[rows] = frame.matrix.a[rows] @ point
    tight.matrix = replace(tight.matrix, row_upper=limit)
    search = Windows(tight, point, np.zeros(frame.count), clock, threads=1, seed=1)
    search.start(point)
    price = search._prices(np.array([1e-3]))
    assert search._scarce(price) == pytest.approx(price)
    more = point.copy()
    more[frame.layout.subsidy_column[frame.layout.subsidy_column >= 0]] *= 2
    search.start(more)
    assert search._scarce(price) == pytest.approx(2**settings.SCARCITY * price)
    paid = []
    for power in (0.0, 20.0):
        monkeypatch.setattr(settings, "SCARCITY", power)
        (after,) = search.cross([(point, plans[1])], np.array([1e-3]))
        paid.append((frame.matrix.a[rows] @ after).sum())
    assert limit[rows].sum() < paid[1] < paid[0]
    limit[rows] = 0.0
    assert not search._prices(np.array([1e-3])).any()


def viable_part(frame, part):
    """A plan at every fourth site; without a viability gap, one with enough for the floor."""
    need = frame.options.of_offers(frame.program.instance.offer_cost).sum(axis=1)
    order = np.lexsort((need, frame.site))
    _, first = np.unique(frame.site[order], return_index=True)
    choice = np.sort(order[first])
    if frame.program.gap is not None:
        return viable(frame, choice[part::4], Clock(60.0))
    for count in range(1, len(choice)):
        some = np.sort(np.roll(choice, 5 * part)[:count])
        if frame.serve(some, Clock(60.0)).found:
            return some
    return None


@pytest.mark.parametrize(("budget", "apart"), [(0.0, False), (2.0, True)])
def test_a_window_has_two_neighbourhoods_if_money_could_move_between_them(budget, apart):
    instance = replace(grid_town(side=30, sites=60, seed=1), budget_pkr=budget)
    program = asked("gap", instance)
    frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
    served = frame.serve(np.zeros(0, dtype=np.int64), clock)
    search = Windows(frame, served.point, np.zeros(frame.count), clock, threads=1, seed=1)
    window, near = np.sort(search._next()[0]), np.sort(search._neighbours(0, search.size))
    assert len(window) == search.size
    assert np.array_equal(window, near) is not apart
    assert len(np.intersect1d(window, near)) >= search.size // 2


def test_windows_keep_the_value_of_an_earlier_aim_together():
    for seed in range(3):
        town = replace(grid_town(side=40, sites=40, seed=seed), budget_pkr=200.0)
        program, every = Program(town), np.arange(40)
        first = Frame(program, MostWorth())
        most = first.signed(first.serve(every, Clock(60.0)).objective)
        frame = Frame(program, LeastMoney(), [Reached(MostWorth(), 0.8 * most)])
        served = frame.serve(every, Clock(60.0))
        search = Windows(frame, served.point, np.zeros(frame.count), Clock(60.0), threads=2, seed=1)
        search.size = 4
        before, kept = search.value, frame.rows_of("kept")
        for _ in range(12):
            search.round()
            assert (search.activity[kept] >= frame.matrix.row_lower[kept] - 1e-6).all()
        assert search.value > before
