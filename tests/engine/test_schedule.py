"""Turns go to the step that closes most of the gap for its work, and none starves."""

import math

import pytest

from siting.engine.clock import Clock
from siting.engine.schedule import Step, take_turns


class Search:
    """A gap, and steps that close given parts of it for given work, in order."""

    def __init__(self, **steps):
        self.clock, self.left, self.taken = Clock(math.inf), 100.0, []
        self.steps = [Step(self.turn(name, *one)) for name, one in steps.items()]

    def turn(self, name, closes, work, turns=math.inf):
        count = 0

        def turn():
            nonlocal count
            count += 1
            self.taken.append(name)
            self.clock.work += work
            self.left = closes if math.isinf(self.left) else max(self.left - closes, 0.0)
            return count < turns

        return turn

    def run(self, turns=math.inf, yields=False):
        return take_turns(
            self.steps, self.clock, left=lambda: self.left, done=lambda: self.left <= 0,
            turns=turns, yields=lambda: yields,
        )  # fmt: skip


def test_the_step_that_gains_most_for_its_work_goes_on():
    search = Search(idle=(0.0, 10.0), slow=(1.0, 10.0), quick=(1.0, 1.0))
    assert search.run() == "done"
    assert search.taken[:3] == ["idle", "slow", "quick"]
    assert search.taken.count("quick") > 5 * search.taken.count("slow")


def test_a_step_without_gain_takes_no_more_than_its_share_of_work():
    search = Search(idle=(0.0, 10.0), gains=(0.1, 10.0))
    search.run()
    idle, gains = (search.taken.count(name) for name in ("idle", "gains"))
    assert 0 < idle <= gains + 1


def test_a_step_is_judged_by_its_last_turn():
    search = Search(fades=(5.0, 1.0), steady=(0.5, 1.0))
    gains = iter([5.0, *99 * [0.0]])

    def fading():
        search.taken.append("fades")
        search.clock.work += 1.0
        search.left = max(search.left - next(gains), 0.0)
        return True

    search.steps[0].turn = fading
    search.run(turns=5)
    # Its first gain does not give it the fifth turn too.
    assert search.taken == ["fades", "steady", "fades", "steady", "steady"]


def test_a_turn_that_grows_counts_with_the_work_of_the_next():
    search = Search(grows=(1.0, 1.0), other=(0.5, 1.0))
    search.steps[0].growth = 4.0
    search.run(turns=3)
    assert search.taken == ["grows", "other", "other"]


@pytest.mark.parametrize("turns", [0, 1, 7])
def test_turns_run_out(turns):
    search = Search(a=(0.0, 1.0), b=(0.0, 2.0))
    assert search.run(turns) == "turns"
    assert len(search.taken) == turns


def test_exhausted_steps_end_the_turns():
    search = Search(a=(0.0, 1.0, 2), b=(0.0, 1.0, 3))
    assert search.run() == "done"
    assert sorted(search.taken) == ["a", "a", "b", "b", "b"]


def test_a_first_plan_counts_as_the_largest_gain():
    search = Search(none=(0.0, 1.0), first=(5.0, 1.0, 2))
    search.left = math.inf
    search.steps[0].turn = lambda: search.taken.append("none") or True
    search.run()
    assert search.taken[1:3] == ["first", "first"]


def test_a_step_that_is_not_ready_takes_no_turn_from_the_others():
    search = Search(windows=(0.0, 1.0), tree=(1.0, 10.0))
    search.steps[0].ready = lambda: search.left < 50
    search.run()
    assert search.taken[:50] == 50 * ["tree"]
    assert "windows" in search.taken
    search = Search(windows=(1.0, 1.0))
    search.steps[0].ready = lambda: False
    assert search.run() == "done"
    assert not search.taken


def test_turns_may_leave_the_time_to_others():
    search = Search(a=(0.0, 1.0), b=(1.0, 1.0))
    assert search.run(yields=True) == "yields"
    assert not search.taken


def test_a_step_is_judged_by_its_own_bound_where_it_has_one():
    clock, taken, known = Clock(60.0), [], [10.0]
    own = {"tree": 30.0}

    def turn(name, fall, shared):
        def one():
            taken.append(name)
            clock.work += 1.0
            own[name] = own.get(name, 30.0) - fall
            known[0] -= shared
            return True

        return one

    steps = [
        # The tree lowers its own bound, which is still above the known one.
        Step(turn("tree", 5.0, 0.0), left=lambda: own["tree"]),
        Step(turn("windows", 0.0, 0.1)),
    ]
    take_turns(steps, clock, left=lambda: known[0], done=lambda: len(taken) == 6)
    # Every other turn is the tree's by its rate; the turns between go to the step of least work.
    assert taken == ["tree", "windows"] * 3
    assert steps[0].rate == 5.0
    assert steps[1].rate == pytest.approx(0.1)
