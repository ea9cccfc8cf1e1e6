"""Tasks in threads: results in order, one clock each, and nothing that outlives its solve."""

import threading
import time

import pytest
from medium_cases import medium_case
from program_cases import program_of

from siting import settings
from siting.engine.clock import Clock
from siting.engine.master import Master
from siting.engine.parallel import Task, in_parallel
from siting.engine.solve import solve
from siting.errors import Fault, StuckError


def until_over(clock):
    while not clock.over:
        time.sleep(1e-3)
    return clock.left_s


def test_results_keep_their_order_and_the_longest_counts_as_work():
    clock, met = Clock(60.0), threading.Barrier(3)

    def one(n):
        def work(own):
            met.wait(10)  # no task ends before all have begun
            own.work += n
            return n

        return work

    clock.work = 5.0
    assert in_parallel([one(3), one(1), one(2)], clock) == [3, 1, 2]
    assert clock.work == 5.0 + 3
    assert in_parallel([], clock) == []


def test_a_failure_is_raised_once_the_other_tasks_have_ended():
    ended = []

    def fails(_clock):
        raise ValueError("the second task")

    def waits(clock):
        time.sleep(0.05)
        ended.append(clock.over)

    with pytest.raises(ValueError, match="the second task"):
        in_parallel([waits, fails], Clock(60.0))
    assert ended == [False]


def test_an_interruption_reaches_all_tasks_and_the_end_of_one_clock_only_its_own():
    clock = Clock(60.0)
    tasks = [Task(until_over, clock.apart()) for _ in range(2)]
    tasks[0].stop()
    assert tasks[0].result() == 0.0
    assert not clock.over
    assert not tasks[1].clock.over
    clock.interrupt()
    tasks[1].wait(clock)
    assert tasks[1].result() > 0


def test_a_task_stops_when_the_time_of_the_waiting_clock_is_over():
    clock = Clock(60.0)
    task = Task(until_over, clock)
    task.wait(Clock(0.02), until_over=True)
    assert task.result() == 0.0


def test_a_progress_function_that_fails_ends_the_tasks():
    def fails(_progress):
        raise ZeroDivisionError

    clock = Clock(60.0, fails)
    with pytest.raises(ZeroDivisionError):
        in_parallel([until_over], clock)
    assert clock.interrupted


def test_a_clock_that_is_handed_on_reports_and_the_old_one_is_silent():
    told = []
    old = Clock(60.0, told.append)
    with old.phase("first"):
        pass
    new = old.handed_on()
    old.report(at_once=True)
    assert not told
    new.report(at_once=True)
    assert len(told) == 1
    assert "first" in new.seconds
    assert not old.seconds
    old.interrupt()
    assert new.over


def test_a_task_that_ignores_the_time_limit_is_given_up(monkeypatch):
    monkeypatch.setattr(settings, "STUCK_S", 0.2)
    freed = threading.Event()
    began = time.perf_counter()
    with pytest.raises(StuckError, match=r"was still running 0\.2 s after the time limit"):
        in_parallel([lambda _clock: freed.wait(30)], Clock(0.1))
    assert time.perf_counter() - began < 15
    freed.set()
    # What begins after the time limit has as long, so that the answer can be computed.
    late = Clock(0.1)
    time.sleep(0.4)
    assert in_parallel([lambda _clock: time.sleep(0.05)], late) == [None]


@pytest.mark.slow
def test_a_plan_found_before_a_solver_got_stuck_counts(monkeypatch):
    asked = []

    def stuck(*_args, **_how):
        asked.append(1)
        raise StuckError(Fault("HiGHS", "still ran"))

    monkeypatch.setattr(settings, "WHOLE_FIRST", -1)
    monkeypatch.setattr(Master, "program", stuck)
    program = program_of(medium_case(("viability gap",), "plain", 5))
    answer = solve(program, gap=0.0, time_limit_s=20.0, threads=1)
    assert asked
    assert answer.served_kwh_day > 0
    assert answer.proof.bound >= answer.proof.objective
