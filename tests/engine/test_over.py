"""What is promised of the clock: every step with none left, a first plan, true words, no less."""

import math
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
from conftest import often
from engine.test_drives import grid_town
from program_cases import case_of, program_of

from siting import settings
from siting.engine import milp, run
from siting.engine.answer import Result
from siting.engine.clock import Clock
from siting.engine.construct import Constructor
from siting.engine.cover import covering_of
from siting.engine.covering.run import run_covering
from siting.engine.drives import solve_drives
from siting.engine.effort import Effort
from siting.engine.first_plans import construct, first_plan
from siting.engine.frame import Frame
from siting.engine.greedy import best_single
from siting.engine.incumbent import Incumbent
from siting.engine.marginal import trimmed
from siting.engine.master import Master
from siting.engine.relax import Relaxation, solve_native
from siting.engine.relaxed_floors import viable
from siting.engine.relocate import relocated
from siting.engine.run import result_of, search
from siting.engine.search import exchange, fill, polish, round_relaxed
from siting.engine.shortfall import Shortfalls
from siting.engine.solve import solve
from siting.engine.ties import break_ties
from siting.engine.tree import Tree
from siting.engine.windows import Windows
from siting.errors import SitingError
from siting.program.aims import MostWorth, ShortestDrives
from siting.program.matrix import Reached
from siting.program.money import GapRule
from siting.program.objective import LinearDecay
from siting.program.program import Program
from siting.program.pulp_problem import OutOfTimeError, pulp_problem

OVER = Clock(0.0)
NONE_LEFT_S = 1e-9


def new_stations(answer):
    last = answer.program.options.last[answer.choice]
    return int((~answer.program.instance.offer_existing[last]).sum())


# --- a first plan, whatever the time -------------------------------------------------------------

PLAIN = (
    (), ("years",), ("expected",), ("people",), ("decay",), ("extensions",), ("coverage",),
    ("number",), ("envelope",), ("least regret",), ("tail served",), ("net of money",),
    ("viability gap",), ("need",), ("viability gap", "years"), ("years, carry, upgrades",),
)  # fmt: skip
FLOORED = (("city floor",), ("class floors",), ("worst share",), ("least subsidy",))


@pytest.mark.parametrize("method", often(["exact", "greedy", "milp"], {"exact"}))
@pytest.mark.parametrize("features", often(PLAIN, PLAIN[::5]), ids=" + ".join)
def test_a_plan_builds_something_whatever_the_time_limit(features, method):
    for seed in range(2):
        program = program_of(case_of((*features, "shortest drives"), seed))
        if new_stations(solve(program, gap=0.0, threads=1)):
            answer = solve(program, time_limit_s=NONE_LEFT_S, method=method, threads=1)
            assert new_stations(answer)
            proof = answer.proof
            assert proof.stopped in ("time limit", "gap reached")


@pytest.mark.slow
@pytest.mark.parametrize("method", often(["exact", "greedy", "milp"], {"exact"}))
@pytest.mark.parametrize("features", FLOORED, ids=" + ".join)
def test_where_floors_are_hard_to_meet_no_time_is_an_error_in_words(features, method):
    found = 0
    for seed in range(5):
        program = program_of(case_of(features, seed))
        with suppress(SitingError):  # and nothing else
            found += bool(solve(program, time_limit_s=NONE_LEFT_S, method=method, threads=1))
    assert found


def test_sowing_ends_a_round_after_the_time(monkeypatch):
    frame = Frame(Program(grid_town(side=16, sites=60)), MostWorth())
    plans = Incumbent(frame, OVER, Effort(0.0, threads=1))
    plans.build()
    taken = []
    take = Constructor._take_best
    monkeypatch.setattr(
        Constructor, "_take_best", lambda self, *more: taken.append(take(self, *more)) or taken[-1]
    )
    constructor = Constructor(plans.master.cutter, plans.room)
    choice = constructor.run(OVER)
    assert len(choice)
    assert len(taken) == 1
    assert frame.fits(choice)
    assert constructor.first in choice


def test_where_what_is_constructed_cannot_live_one_station_does(monkeypatch):
    instance = grid_town(side=14, sites=24)
    program = Program(instance).viability_gap(GapRule(margin_pkr=0.02, cap=0.9))
    plans = Incumbent(Frame(program, MostWorth()), OVER, Effort(0.0, threads=1))
    plans.build()
    monkeypatch.setattr(sys.modules["siting.engine.first_plans"], "viable", lambda *_, **__: None)
    weighed = plans.weighed
    monkeypatch.setattr(  # as if what is constructed were no plan
        plans, "weighed", lambda c: -math.inf if c is plans.constructed else weighed(c)
    )
    construct(plans)
    assert plans.begun
    assert len(plans.choice) == 1


# --- every step with a clock that is over --------------------------------------------------------


class Scene:
    """A town with a plan, to be looked at with no time left."""

    def __init__(self, features=()):
        program = Program(grid_town(side=9, sites=12))
        self.gap = "gap" in features
        if "gap" in features:
            program = program.viability_gap(GapRule(margin_pkr=0.02, cap=0.9))
        if "near" in features:
            program = program.decay(LinearDecay(1, 6, 0.3), 8.5)
        self.program = program
        self.frame = Frame(program, MostWorth())
        plans = Incumbent(self.frame, Clock(60.0), Effort(0.0, threads=1))
        plans.build()
        first_plan(plans)
        self.choice, self.valuer, self.room = plans.choice, plans.valuer, plans.room
        self.master = Master(self.frame, OVER, seed=1)
        self.taken = np.full(self.frame.count, 0.5)
        self.by_site = self.frame.by_site(self.choice)
        self.point = self.frame.serve(self.choice, Clock(60.0)).point
        worth = self.frame.signed(float(self.frame.matrix.cost @ self.point))
        self.reached = [Reached(MostWorth(), 0.9 * worth)]
        self.result = Result(self.choice, worth, 2 * worth, "time limit")
        self.drives = Frame(program, ShortestDrives(), self.reached)
        if self.valuer is not None:
            self.state = self.valuer.at(self.by_site)

    def windows(self):
        return Windows(self.frame, self.point, self.taken, OVER, threads=1, seed=1)


def _same_state(scene, state):
    return state.choice.tolist() == scene.by_site.tolist()


def _quick(step):
    """Steps on choices that are valued quickly."""
    return lambda s: _same_state(s, step(s))


def _drives(s):
    def never(*_, **__):
        raise AssertionError("there is no time for it")

    out = solve_drives(s.drives, OVER, s.choice, gap=0.05, solved=never)
    return out.choice.tolist() == s.choice.tolist() and out.stopped == "time limit"


def _run(s):
    inc = Incumbent(s.frame, OVER, Effort(0.0, threads=1), s.choice)
    search(inc)
    return result_of(inc).stopped == "time limit"


def _tree(s):
    plans = Incumbent(s.frame, OVER, Effort(0.0, threads=1))
    tree = Tree(s.master, plans, OVER, lambda taken: None)
    tree.run(5)
    return tree.nodes == 0 and not tree.finished


def _windows(s):
    windows = s.windows()
    windows.round()
    return windows.choice.tolist() == s.choice.tolist()


def _relaxation(s):
    relaxation = Relaxation(s.frame, OVER, seed=1)
    return relaxation.solve() == math.inf and relaxation.dive(s.room) is None


def _trimmed(s):
    out, left = trimmed(s.program, MostWorth(), s.result, OVER, Effort(0.9, least_gain=1e9))
    return out.choice.tolist() == s.choice.tolist() and left.offers == ()


def _ties(s):
    choice, exact = break_ties(s.program, s.reached, s.choice, OVER, Effort(threads=1))
    return choice.tolist() == s.choice.tolist() and not exact


def _cuts(s):
    _, bound = s.master.tighten(10, 0.0)
    return bound >= s.result.value  # HiGHS ends small programs before it asks for the time


def _program(s):
    found = s.master.program(s.taken > 0, None, gap=0.0, nodes=9, threads=1, seed=1)
    return found[2] is None or s.frame.fits(found[2])


def _shortfalls(s):
    found = Shortfalls(s.master.cutter, OVER, threads=1)
    return found.cuts([s.taken], np.zeros(9999), lambda _: True, linked=True) == []


QUICK = {
    "fill": _quick(lambda s: fill(s.valuer, s.state, OVER)),
    "exchange": _quick(lambda s: exchange(s.valuer, s.state, OVER)),
    "polish": _quick(lambda s: polish(s.valuer, s.state, OVER)),
    "best single": _quick(lambda s: best_single(s.valuer, s.state, OVER)),
    "rounding": lambda s: s.frame.fits(
        np.sort((out := round_relaxed(s.valuer, s.taken, 1.0, OVER).choice)[out >= 0])
    ),
    "trim": _trimmed,
    "ties": _ties,
}
STEPS = {
    "serve": lambda s: not s.frame.serve(s.choice, OVER).optimal,
    "cuts": _cuts,
    "shortfalls": _shortfalls,
    "dive": lambda s: s.master.dive(s.taken, s.room) is None,
    "program": _program,
    "relaxation": _relaxation,
    "native": lambda s: not solve_native(s.frame, OVER, None, Effort(0.0, threads=1)).optimal,
    "windows": _windows,
    "tree": _tree,
    "drives": _drives,
    "run": _run,
}  # fmt: skip


@pytest.fixture(scope="module")
def scenes():
    return {kind: Scene(kind) for kind in ((), ("gap",), ("near",))}


@pytest.mark.parametrize("step", QUICK)
def test_a_step_on_quick_values_leaves_the_plan_as_it_is_without_time(scenes, step):
    assert QUICK[step](scenes[()])


@pytest.mark.parametrize("kind", [(), ("gap",), ("near",)], ids=" + ".join)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_finds_nothing_without_time(scenes, step, kind):
    assert STEPS[step](scenes[kind])


def test_a_plan_that_lacks_money_is_made_viable_in_time_only(scenes):
    s = scenes[("gap",)]
    assert viable(s.frame, np.arange(s.frame.count), OVER) is None


def test_a_covering_begins_with_a_plan_without_time():
    covering = covering_of(Program(grid_town(), "coverage"))
    run = run_covering(covering, OVER, 0.0, 1)
    assert run.value > 0
    assert covering.allows(run.chosen)


def test_stations_stay_where_nothing_is_served_or_none_can_move(scenes):
    s = scenes[()]
    nothing = np.zeros(0, dtype=np.int64)
    assert relocated(s.drives, nothing, np.zeros(s.drives.matrix.a.shape[1])).tolist() == []
    idle = np.zeros(s.drives.matrix.a.shape[1])  # stations stand, and serve nobody
    assert relocated(s.drives, s.choice, idle).tolist() == s.choice.tolist()


# --- true words ----------------------------------------------------------------------------------


class Counted(Clock):
    """A clock that is over once it was asked so many times."""

    def __init__(self, times):
        super().__init__(60.0)
        self.left = times

    @property
    def over(self):
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("time limit", "time limit"),
        ("node limit", "time limit"),
        ("solver stopped", "solver stopped"),
    ],
)
def test_horizons_get_turns_and_their_end_is_told_as_it_is(scenes, ended, said):
    s, turns = scenes[()], []

    def solved(_frame, start, _gap, *, turns: int, briefly=False, seen=turns):
        seen.append(turns)
        return Result(start, 1.0, 1e9, ended)

    out = solve_drives(s.drives, Counted(40), s.choice, gap=0.0, solved=solved)
    assert out.stopped == said
    assert turns[0] == settings.TURNS
    assert (max(turns) > settings.TURNS) == (ended != "solver stopped")
    assert turns == sorted(turns)  # counted, whatever the clock says


def test_a_search_ends_after_the_turns_it_gets(monkeypatch):
    instance = grid_town(side=14, sites=40)
    program = Program(instance).decay(LinearDecay(1, 6, 0.3), 8.5)
    frame = Frame(program, MostWorth())
    inc = Incumbent(frame, Clock(600.0), Effort(0.0, threads=1), turns=0)
    for phase in ("_whole", "search_root"):  # neither of which proves it
        monkeypatch.setattr(run, phase, lambda *_: None)
    search(inc)
    assert result_of(inc).stopped == "node limit"


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.05, 0.2])
def test_energy_is_won_back_only_within_the_gap_of_the_drives(monkeypatch, share):
    module = sys.modules["siting.engine.solve"]
    proven = []

    def as_if_proven(*args, **more):
        out = solve_drives(*args, **more)
        proven.append(out.value)
        return replace(out, bound=out.value * (1 + 1e-6) * (1 - 0.01))

    monkeypatch.setattr(settings, "WHOLE_FIRST", -1)
    monkeypatch.setattr(module, "solve_drives", as_if_proven)
    monkeypatch.setattr(settings, "KEPT", 1.0)
    program = Program(grid_town(side=12, sites=24)).most_worth().shortest_drives()
    answer = solve(program, gap=share, drives_gap=0.01, threads=1)
    drives = answer.proofs[1].proof
    assert drives.status == "optimal"
    assert drives.gap <= 0.01 * (1 + 1e-9)
    assert proven


def test_a_bound_is_never_below_the_plan_while_it_is_told():
    told = []
    plans = Incumbent(
        Frame(Program(grid_town(side=6, sites=4)), MostWorth()),
        Clock(60.0, told.append), Effort(0.0, threads=1), None,
    )  # fmt: skip
    plans.build()
    plans.keep(np.array([0]), 10.0)
    plans.limit(10.0 - 1e-9)
    plans.clock.report(at_once=True)
    assert told[-1].bound >= told[-1].incumbent == 10.0


# --- the whole program to a solver ---------------------------------------------------------------


def test_a_problem_is_not_written_out_past_its_time():
    frame = Frame(Program(grid_town(side=6, sites=4)), MostWorth())
    asked = []
    with pytest.raises(OutOfTimeError):
        pulp_problem(frame.matrix, "town", lambda: asked.append(1) or len(asked) > 3)
    assert len(asked) == 4


@pytest.mark.slow
def test_milp_begins_at_a_plan_and_ends_with_it_where_no_solver_gets_its_turn(monkeypatch):
    monkeypatch.setattr(milp, "run_solver", lambda *_, **__: pytest.fail("no time for it"))
    program = Program(grid_town())
    answer = solve(program, method="milp", time_limit_s=NONE_LEFT_S, threads=1)
    assert new_stations(answer)
    assert answer.proof.stopped == "time limit"
    assert answer.proof.bound >= solve(program, gap=0.0, threads=1).proof.objective


def test_milp_gives_the_solver_a_whole_plan_to_start_from(monkeypatch):
    given = []
    real = milp.run_solver

    def seen(solver, prob, clock, **options):
        given.append((options["start"], [v.varValue for v in prob.variables()]))
        return real(solver, prob, clock, **options)

    monkeypatch.setattr(milp, "run_solver", seen)
    answer = solve(Program(grid_town(side=8, sites=6)), method="milp", gap=0.0, threads=1)
    assert answer.status == "optimal"
    (start, values), *_ = given
    assert start
    assert None not in values
    assert sum(values) > 0


def test_a_solver_that_finds_nothing_leaves_the_plan_it_began_at(monkeypatch):
    from siting.engine.solvers import Run as Said

    said = Said(milp.pulp.LpSolveStatus.TimeLimit, False, 1e9, 3)
    monkeypatch.setattr(milp, "run_solver", lambda *_, **__: said)
    answer = solve(Program(grid_town()), method="milp", gap=0.0, threads=1)
    assert new_stations(answer)
    assert answer.proof.stopped == "time limit"
    assert answer.proof.bound >= answer.proof.objective
