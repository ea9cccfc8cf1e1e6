"""Ctrl-C: at once while there is nothing to lose, at the second time where there is."""

import signal
import threading

import pytest

from siting.engine.clock import Clock
from siting.interrupts import DISCARDED, held, seen_through, stop_wished


@pytest.fixture(autouse=True)
def pythons_own():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


def test_with_nothing_at_stake_it_ends_the_block():
    with pytest.raises(KeyboardInterrupt), seen_through():
        press()


def test_the_first_waits_and_the_second_ends(caplog):
    with seen_through() as wish:
        wish.at_stake = True
        press()
        assert wish.heard
        with pytest.raises(KeyboardInterrupt, match=DISCARDED):
            press()
    assert caplog.messages == ["writing what was found; press Ctrl-C again to stop at once"]


def test_a_solve_inside_hears_its_own_and_hands_on():
    with seen_through(by_solve=True) as wish:
        clock = Clock(9)
        with clock.listening():
            press()
            assert clock.over
        assert wish.at_stake  # it ended with a plan
        assert not wish.heard
        press()
        assert stop_wished()  # what is asked beside the plan is not begun
    assert not stop_wished()


def test_a_solve_without_a_plan_puts_nothing_at_stake():
    def fails():
        with Clock(9).listening():
            raise ValueError

    with seen_through(by_solve=True) as wish:
        with pytest.raises(ValueError):  # noqa: PT011
            fails()
        assert not wish.at_stake
    with seen_through() as wish:
        with Clock(9).listening():
            pass
        assert not wish.at_stake  # a frontier of many solves is not done with the first


def test_a_handler_of_the_callers_own_stays_and_other_threads_hear_none():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(1))
    with seen_through() as wish:
        wish.at_stake = True
        press()
    signal.signal(signal.SIGINT, before)
    assert heard == [1]
    assert not wish.heard

    def elsewhere():
        with seen_through():
            heard.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert heard[1:] == [signal.default_int_handler]


def test_a_held_block_is_not_cut_in_two_and_ctrl_c_counts_at_its_end():
    done = []

    def cut_in_two():
        with held():
            press()
            done.append("all of it")

    with pytest.raises(KeyboardInterrupt):
        cut_in_two()
    assert done == ["all of it"]
    with seen_through() as wish:
        wish.at_stake = True
        with held():
            press()
            assert not wish.heard
        assert wish.heard
