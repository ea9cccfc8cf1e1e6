"""Tasks in threads: results in order, one clock each, and nothing that outlives its solve."""

import threading
import time

import pytest

from siting.engine.clock import Clock
from siting.engine.parallel import Task, in_parallel


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
    clock.interrupted = True
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
    old.interrupted = True
    assert new.over
