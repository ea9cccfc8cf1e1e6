"""Stations that lack money: a choice is made viable, a relaxation that takes them is cut off."""

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from conftest import often
from engine.test_drives import grid_town

from siting import settings
from siting.engine import first_plans, root, turns
from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent, Known
from siting.engine.master import Master
from siting.engine.pricing import Priced
from siting.engine.relaxed_floors import softened, viable
from siting.engine.shortfall import Shortfalls
from siting.engine.station_bound import Prices
from siting.engine.windows import Windows
from siting.program.instance import Instance
from siting.program.money import GapRule
from siting.program.program import Program


def frame_of(kind, seed, *, cap=0.9, side=30, more_costs=()):
    instance = grid_town(side=side, sites=24, seed=seed, more_costs=more_costs)
    program = Program(instance).viability_gap(GapRule(margin_pkr=0.02, cap=cap))
    if kind == "by year":
        wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
        program = program.years({2027: 1.0, 2028: 1.0}, {2027: 0.6 * wanted, 2028: wanted})
    return Frame(program, program.all_aims[0])


class ThreeRounds(Clock):
    """A clock that is over when it is asked for the fourth time."""

    def __init__(self):
        super().__init__(60.0)
        self.asked = 0

    @property
    def over(self):
        self.asked += 1
        return self.asked > 3


def prices_of(frame, money):
    """Return prices: none of demand, and one of a rupee."""
    rows, slices = len(frame.program.instance.demand_ids), len(frame.program.slices)
    return Prices(np.zeros((rows, slices)), np.array([money]), np.zeros(len(frame.resources)))


def known_of(frame, bound, taken, most, money=0.0):
    """A known relaxation with given results, and without prices of demand."""
    every = np.ones(frame.count, dtype=bool)
    priced = Priced(every, taken, bound, most, prices_of(frame, money))
    return Known(frame, np.arange(frame.count), priced)


def everything(frame):
    """The dearest option of each site: more than the town's customers and money can carry."""
    need = frame.options.of_offers(frame.program.instance.offer_cost).sum(axis=1)
    order = np.lexsort((-need, frame.site))
    _, first = np.unique(frame.site[order], return_index=True)
    return np.sort(order[first])


def test_windows_of_a_softened_frame_know_its_columns():
    """Values cached at the width of the frame itself, such as sites of columns, do not stay."""
    program = Program(grid_town(side=12, sites=10, seed=1)).floor(0.1, of="class")
    frame = Frame(program, program.all_aims[0])
    _ = frame.column_site, frame.rows_by_site, frame.by_column
    soft, missed = softened(frame)
    width = frame.matrix.a.shape[1] + len(missed)
    assert len(soft.column_site) == soft.by_column.shape[1] == width
    point = soft.serve(frame.kept, Clock(60.0)).point
    windows = Windows(soft, point, np.ones(frame.count), Clock(60.0), threads=1, seed=1)
    assert point[missed].max() > 0.5, "the town lacks nothing"
    for _ in range(20):
        windows.round()
    assert windows.point[missed].max() < point[missed].max()


@pytest.mark.parametrize("seed", range(3))
def test_a_station_shrinks_by_at_least_what_it_lacks(seed, monkeypatch):
    """In a large program the next smaller option would lose sales and lack almost as much."""
    monkeypatch.setattr(settings, "LARGE", 0)
    frame, rounds, serve = frame_of("one year", seed, more_costs=(3, 5, 8)), [], Frame.serve

    def noted(soft, choice, clock):
        out = serve(soft, choice, clock)
        rounds.append((soft, choice, out.point))
        return out

    monkeypatch.setattr(Frame, "serve", noted)
    assert len(viable(frame, everything(frame), Clock(60.0)))
    ((sites, at),) = frame.layout.gap_rows
    rows = frame.matrix.family["gap"].start + at
    need = frame.options.of_offers(frame.program.instance.offer_cost).sum(axis=1)
    shrunk = dropped = 0
    for (soft, choice, point), (_, after, _) in pairwise(rounds):
        missed = soft.matrix.a[rows][:, frame.matrix.a.shape[1] :]  # columns of shortfalls
        lack = dict(zip(sites, missed @ point[frame.matrix.a.shape[1] :], strict=True))
        before, later = frame.by_site(choice), frame.by_site(after)
        for j in np.flatnonzero(before != later):
            least = need[before[j]] - lack[j] * frame.layout.money_unit
            cheaper = need[(frame.site == j) & (need <= least)]
            if later[j] < 0:
                assert not len(cheaper)
                dropped += 1
            else:
                assert need[later[j]] == cheaper.max()
                shrunk += 1
    assert shrunk
    assert dropped


@pytest.mark.parametrize("kind", ["one year", "by year"])
@pytest.mark.parametrize("seed", often(range(3), [0]))
def test_a_choice_that_lacks_money_is_made_viable(kind, seed):
    frame, clock = frame_of(kind, seed), Clock(60.0)
    first = everything(frame)
    assert frame.fits(first)
    assert not frame.serve(first, clock).found
    choice = viable(frame, first, clock)
    served = frame.serve(choice, clock)
    assert served.found
    assert served.objective > 0
    # What is viable stays as it is.
    assert viable(frame, choice, clock).tolist() == choice.tolist()
    assert viable(frame, first, Clock(0.0)) is None
    # Where time is up what lacks something goes at once, and the rest is a plan.
    left = viable(frame, first, ThreeRounds())
    assert 0 < len(left) < len(first)
    assert 0 < frame.serve(left, clock).objective <= served.objective
    # Those that lack something at the first check go at once, where that is asked for.
    left = viable(frame, first, clock, at_once=True)
    assert np.isin(left, first).all()
    assert frame.serve(left, clock).found


@pytest.mark.parametrize("seed", range(3))
def test_an_earlier_plan_that_lacks_money_is_reduced_to_its_viable_stations(seed):
    """With a smaller budget, a search from an earlier plan must not begin from nothing."""
    frame = frame_of("one year", seed)
    first = everything(frame)
    inc = Incumbent(frame, Clock(60.0), Effort(0.005, threads=1), first)
    inc.build()
    assert inc.valuer is None
    first_plans.mend(inc, first)
    assert inc.begun
    left = frame.serve(viable(frame, first, Clock(60.0)), Clock(60.0))
    assert inc.best == pytest.approx(frame.signed(left.objective))


@pytest.mark.parametrize(("spread", "at_once"), [(0.1, [False, True]), (1.0, [False])])
def test_a_relaxation_spread_over_many_sites_is_rounded_with_all_of_them(
    monkeypatch, spread, at_once
):
    frame = frame_of("one year", 0)
    inc = Incumbent(frame, Clock(60.0), Effort(0.005, threads=1))
    inc.build()
    asked = []

    def watched(frame, choice, clock, *, at_once):
        asked.append(at_once)
        return viable(frame, choice, clock, at_once=at_once)

    monkeypatch.setattr(first_plans, "viable", watched)
    taken = np.zeros(frame.count)
    taken[everything(frame)] = spread
    first_plans.round_viable(inc, first_plans.whole_stations(inc, [taken]))
    assert asked == at_once
    assert inc.best > 0
    assert inc.frame.serve(inc.choice, inc.clock).found


def test_a_plan_counts_if_the_time_ends_while_another_is_made_beside_it(monkeypatch):
    frame = frame_of("one year", 0)
    inc = Incumbent(frame, Clock(60.0), Effort(0.005))
    inc.build()
    first = viable(frame, everything(frame), inc.clock)
    assert (least := inc.weighed(first[:1])) > 0

    def watched(frame, choice, clock, **how):
        made = viable(frame, choice, clock, **how)
        inc.clock.end()
        return made

    monkeypatch.setattr(first_plans, "viable", watched)
    taken = np.zeros(frame.count)
    taken[everything(frame)] = 1.0
    first_plans.round_viable(inc, first_plans.whole_stations(inc, [taken]))
    assert inc.best > least


def two_clusters():
    """Two groups of sites in the corners of a town, of which each shares its customers."""
    cells = [(x, y) for x in (0, 1, 2, 20, 21, 22) for y in range(3)]
    sites = [(0, 0), (1, 1), (2, 2), (2, 0), (20, 0), (21, 1), (22, 2)]
    demand = pd.DataFrame({
        "demand_id": [f"d{n}" for n in range(len(cells))],
        "cell_id": [f"c{n}" for n in range(len(cells))],
        "vehicle_class": "car", "demand_kwh_day": 5.0,
    })  # fmt: skip
    offers = pd.DataFrame({
        "offer_id": [f"s{n}:hub" for n in range(len(sites))],
        "site_id": [f"s{n}" for n in range(len(sites))], "configuration": "hub",
        "existing": False, "chargers": "1 x ac_22", "charger_cost_pkr": 2.0, "grid_cost_pkr": 0.0,
        "fee_cost_pkr": 0.0, "reason": "", "power_kw": 22.0, "cost_pkr": 2.0, "subsidy_pkr": 1.0,
        "capacity_ac_kwh_day": 60.0,
    })  # fmt: skip
    reach = pd.DataFrame(
        [(f"c{n}", f"s{m}", 1.0) for n, (x, _) in enumerate(cells)
         for m, (a, _) in enumerate(sites) if abs(x - a) < 5],
        columns=["cell_id", "site_id", "travel_min"],
    )  # fmt: skip
    groups = pd.DataFrame({"vehicle_class": ["car"], "charger_group": ["ac"], "share": [1.0]})
    program = Program(Instance.from_tables(demand, offers, reach, groups, 10.0))
    program = program.viability_gap(GapRule(margin_pkr=0.02, cap=0.9))
    return Frame(program, program.all_aims[0])


@pytest.mark.parametrize(
    ("value", "centres"),
    [
        # Each group has a whole station: the site of most value gets it.
        ([0.2, 0.3, 0.2, 0.3, 0.3, 0.4, 0.3], [1, 5]),
        # Less than half a station gets none; a group of two stations gets two.
        ([0.6, 0.5, 0.4, 0.5, 0.1, 0.2, 0.1], [0, 3]),
        ([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.0], [5]),
    ],
)
def test_a_cluster_with_a_whole_station_gets_it_at_one_site(value, centres):
    found = first_plans._centres(two_clusters(), np.array(value))
    assert sorted(found.tolist()) == centres


def test_roundings_take_the_latest_optimum_first_and_end_at_the_gap(monkeypatch):
    frame = frame_of("one year", 0)
    best = viable(frame, everything(frame), Clock(60.0))
    points = []
    for choice in (best[:1], best, best[:2]):
        points.append(np.zeros(frame.count))
        points[-1][choice] = 1.0
    inc = Incumbent(frame, Clock(60.0), Effort(0.005, threads=1))
    inc.build()
    inc.relaxations = [*points]
    inc.limit(frame.signed(frame.serve(best, inc.clock).objective))
    turns._rounding_turns(inc)()
    # The second plan proves the gap, so the first relaxation is not rounded.
    assert np.array_equal(inc.choice, best)
    assert np.sort(best).tobytes() in inc.rounded
    assert np.sort(best[:1]).tobytes() not in inc.rounded
    # A turn ends after its number; a choice that was made before costs nothing.
    monkeypatch.setattr(settings, "CANDIDATES", 1)
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1))
    inc.build()
    inc.relaxations = [*points]
    turn = turns._rounding_turns(inc)
    assert turn()
    assert len(inc.relaxations) == 2
    assert 0 < inc.best < frame.signed(frame.serve(best, inc.clock).objective)
    while inc.relaxations:
        assert turn()
    assert np.array_equal(inc.choice, best)
    work = inc.clock.work
    first_plans.round_viable(inc, first_plans.whole_stations(inc, [points[1]]))
    assert inc.clock.work == work


def test_draws_follow_the_relaxation_and_end_once_they_repeat():
    frame = two_clusters()
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1))
    spread = np.full(frame.count, 0.26)  # a whole station in the first group, three quarters of one
    whole = np.zeros(frame.count)
    whole[[1, 5]] = 1.0
    drawn = [c.tolist() for c, _ in first_plans.drawn_stations(inc, [spread, whole])]
    assert [1, 5] in drawn
    assert len({tuple(choice) for choice in drawn}) == len(drawn) > 2
    for choice in drawn:  # one site of each group
        assert len(choice) == 2
        assert choice[0] < 4 <= choice[1]
    # A relaxation of whole stations has one draw; the same seed draws the same.
    assert [c.tolist() for c, _ in first_plans.drawn_stations(inc, [whole])] == [[1, 5]]
    again = [c.tolist() for c, _ in first_plans.drawn_stations(inc, [spread, whole])]
    assert again == drawn


@pytest.mark.parametrize("large", [False, True])
def test_a_large_program_with_a_known_relaxation_skips_the_cuts_of_the_root(monkeypatch, large):
    frame = frame_of("one year", 0)
    taken = np.zeros(frame.count)
    taken[everything(frame)] = 0.3
    most = np.full(frame.count, 1e9)
    known = known_of(frame, 1e9, taken, most)
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1), None, known)
    inc.build()
    inc.heavy = large
    cut = []
    monkeypatch.setattr(root, "cut", lambda *_: cut.append(True))
    root.search_root(inc)
    assert inc.best > 0
    assert bool(cut) != large


def scripted(monkeypatch, bounds, known_bound):
    """An incumbent whose root's cuts give these bounds, and a record of the rounds asked for."""
    frame = frame_of("one year", 0)
    known = None
    if known_bound is not None:
        taken, most = np.zeros(frame.count), np.full(frame.count, math.inf)
        known = known_of(frame, known_bound, taken, most)
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1), None, known)
    inc.build()
    left, asked = [*bounds], []

    def tighten(rounds, _stalled, _enough, passed):
        asked.append(rounds)
        inc.clock.work += 1.0
        if passed is not None:
            passed.append(np.zeros(frame.count))
        bound = left.pop(0)
        return SimpleNamespace(bound=bound), bound

    monkeypatch.setattr(inc.master, "tighten", tighten)
    monkeypatch.setattr(inc.master, "prices", lambda: None)
    at_most = SimpleNamespace(at_most=np.full(frame.count, 5.0))
    monkeypatch.setattr(root, "bound_at", lambda *_: at_most)
    return inc, asked


def test_the_cuts_of_the_root_go_on_at_once_or_pause_after_a_turn(monkeypatch):
    # Without a known relaxation they go on until they stall.
    inc, asked = scripted(monkeypatch, [90.0], None)
    root.cut(inc, 1e-4, 1.0)
    assert asked == [math.inf]
    assert (inc.bound, len(inc.relaxations)) == (90.0, 1)
    assert (inc.at_most == 5.0).all()
    # With one, they pause once the work of a turn is done; optima above its bound are left out.
    monkeypatch.setattr(settings, "TURN", 2.5)
    inc, asked = scripted(monkeypatch, [100.0, 100.0, 80.0, 70.0, 69.9999], 85.0)
    root.cut(inc, 1e-4, 1.0)
    assert asked == [settings.ROUNDS] * 3
    assert (inc.bound, inc.relaxations) == (80.0, [])
    assert root.cut_by(inc, 6, 1e-4)
    assert (inc.bound, len(inc.relaxations)) == (70.0, 1)
    # Rounds that hardly lower the bound are the last ones.
    assert not root.cut_by(inc, 6, 1e-4)


def test_cuts_wait_longer_for_their_first_fall(monkeypatch):
    monkeypatch.setattr(settings, "IDLE_AT_FIRST", 20)
    inc, asked = scripted(monkeypatch, [100.0] * 9, 85.0)
    root.cut(inc, 1e-4, 1.0)
    # The first rounds have nothing before them; then three times six, and beyond twenty.
    assert asked == [settings.ROUNDS] * 5


def test_a_plan_found_at_the_deadline_is_kept(monkeypatch):
    frame = frame_of("one year", 0)
    best = viable(frame, everything(frame), Clock(60.0))
    worth = frame.signed(frame.serve(best, Clock(60.0)).objective)
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1))
    inc.build()
    inc.weighed(best[:1])
    inc.clock.end()
    serve = Frame.serve

    def in_time(frame, choice, clock, threads):
        served = serve(frame, choice, clock, threads)
        return replace(served, found=served.found and not clock.over)

    monkeypatch.setattr(Frame, "serve", in_time)
    assert inc.weighed(best[:2]) == -math.inf
    assert inc.weighed(best, late=True) == inc.best == worth
    assert np.array_equal(inc.choice, np.sort(best))


@pytest.mark.parametrize("money", [0.0, 1e-6])
def test_a_turn_of_crossings_ends_once_all_plans_were_crossed(money, monkeypatch):
    """With cheap money, crossings of areas exceed the budget, and their stations are shrunk."""
    monkeypatch.setattr(settings, "CROSSED", 5)
    frame = frame_of("one year", 0)
    best = viable(frame, everything(frame), Clock(60.0))
    most = np.full(frame.count, math.inf)
    known = known_of(frame, math.inf, np.zeros(frame.count), most, money)
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1), None, known)
    inc.build()
    inc.limit(inc.master.most)
    worth = inc.weighed(best)
    others = [np.setdiff1d(everything(frame), best), best[1:], best[:-1]]
    for other in others:
        plan = viable(frame, other, Clock(60.0))
        inc.plans.add(plan, inc.weighed(plan))
    crossed, beyond = [], []
    cross = Windows.cross

    def noted(windows, pairs, price):
        assert price.tolist() == [money]
        crossed.append(pairs)
        out = cross(windows, pairs, price)
        choices = [np.flatnonzero(point[: frame.count] > 0.5) for point in out]
        beyond.extend(not inc.serve(choice).found for choice in choices)
        return out

    monkeypatch.setattr(Windows, "cross", noted)
    assert inc.plans.have_pairs(inc.choice)
    turns._crossing_turns(inc)()
    assert 0 < len(crossed) <= 2 * len(others)
    assert not inc.plans.have_pairs(inc.choice)
    assert any(beyond) == (money > 0)
    assert inc.best >= worth
    assert inc.serve(inc.choice).found


@pytest.mark.parametrize("large", [False, True])
def test_in_a_large_program_without_cuts_the_tree_waits_for_all_plans(large, monkeypatch):
    frame = frame_of("one year", 0)
    most = np.full(frame.count, math.inf)
    known = known_of(frame, math.inf, np.zeros(frame.count), most)
    inc = Incumbent(frame, Clock(60.0), Effort(0.0, threads=1), None, known)
    inc.build()
    inc.heavy = large
    inc.limit(inc.master.most)
    inc.weighed(viable(frame, everything(frame), Clock(60.0)))
    taken = []

    def turn(name):
        taken.append(name)
        return taken.count(name) < 3

    for name in ("windows", "roundings", "programs"):
        make = partial(turn, name)
        monkeypatch.setattr(turns, f"_{name[:-1]}_turns", lambda _inc, make=make: make)
    tree = partial(turn, "tree")
    monkeypatch.setattr(turns, "_tree_turns", lambda _inc: (tree, lambda: inc.bound - inc.best))
    turns.take_all_turns(inc)
    asked = (
        {"windows", "roundings", "tree"} if large else {"windows", "roundings", "tree", "programs"}
    )
    assert {name: taken.count(name) for name in asked} == dict.fromkeys(asked, 3)
    assert set(taken) == asked
    assert (taken.index("tree") == len(taken) - 3) == large
    assert [step.turn for step in inc.bound_steps] == ([] if large else [tree])


@pytest.mark.parametrize("kind", ["one year", "by year"])
def test_what_no_customer_can_carry_is_cut_off_and_no_plan_with_it(kind):
    frame, clock = frame_of(kind, 0, cap=0.5, side=12), Clock(60.0)
    master = Master(frame, clock, seed=0)
    first = everything(frame)
    taken = np.zeros(frame.count)
    taken[first] = 1.0
    # Nothing is asked of what is served, and money does not lack: the stations alone break a cut.
    measured = np.full(master.matrix.a.shape[1], settings.ENDLESS)
    measured[[m.column for m in master.cutter.measures if m.kind == "worth"]] = 0.0
    cuts = Shortfalls(master.cutter, clock, threads=1).cuts(
        [taken], measured, lambda cut: cut.over(taken, measured) > 1e-6, linked=True
    )
    assert cuts
    stands = np.zeros(frame.count)
    stands[viable(frame, first, clock)] = 1.0
    assert stands.any()
    for cut in cuts:
        assert not cut.value[measured[cut.column] > 0].any()
        assert cut.over(stands, measured) <= 1e-6
