"""Find the plan with the shortest drive times that serves energy of at least a given value.

The first program minimises drive time, ``sum of t x``, with a lower limit on worth (value of the
energy served), ``sum of a x >= E``. Neither cuts nor a fast way to evaluate choices are known for
this program. So a second program, with decay, ``max sum of (a - t / H) x``, is solved instead. For
every horizon ``H`` (min), a bound ``W`` on the second program gives a bound on the first::

    sum of t x  =  H (sum of a x  -  sum of (a - t / H) x)  >=  H (E - W)

This is the Lagrangian bound with the multiplier ``H`` on the required worth. A short horizon gives
a better bound, but its plans may miss the required worth, because they shorten drive times instead.
If a plan misses the worth, the search continues from this plan with a longer horizon.

Source: A. M. Geoffrion: Lagrangean relaxation for integer programming. Mathematical Programming
Study 2 (1974), 82-114.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from siting import settings
from siting.engine.answer import Result
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.proof import Stopped
from siting.engine.relocate import relocated_often
from siting.program.instance import Ints
from siting.program.matrix import Reached
from siting.program.objective import ENERGY_UNIT, NearerFirst


def goes(frame: Frame) -> bool:
    """Return whether `solve_drives` can solve the program of a `Frame`."""
    aims = [one.aim for one in frame.reached]
    # The program with decay computes worth differently, so it cannot keep values of earlier aims
    # such as regret or the tail.
    once = sum(aim.of_worth for aim in aims) == 1
    plain = frame.aim.of_drives and not frame.aim.of_stations
    return plain and once and not any(a.of_scenarios or a.of_drives for a in aims)


def solve_drives(
    frame: Frame, clock: Clock, start: Ints, *, gap: float, solved: Callable[..., Result],
    bound: float = 0.0,
) -> Result:  # fmt: skip
    """Return the plan with the shortest drive times among plans that keep the worth.

    `frame`: a program that `goes` accepts; `start`: a choice that keeps the worth; `gap`: relative
    gap in drive time; `bound`: a lower bound on drive time (kWh·min/day); `solved`: function that
    improves a choice until a gap is proven or `turns` turns have passed (stop reason: node limit).
    The call is ``solved(frame, start, gap, turns=turns)``; with ``briefly=True``, no bound is
    proven.
    """
    program, kept = frame.program, _worth_of(frame).value
    longest = float(frame.service.minutes.max(initial=0.0)) or 1.0
    best, value = _shortened(frame, start, clock)
    nodes, at, tried = 0, best, set[float]()
    times = settings.FIRST_HORIZON if program.gap is None else settings.FIRST_HORIZON_OF_GAP
    turns, share = settings.TURNS, settings.ROOT_SHARE
    stopped: Stopped = "time limit"
    while not clock.over and value - bound > gap * value and kept > 0:
        before = value, bound
        horizon = times * longest
        # The gap in drive time as a gap in worth.
        asked = min(gap * value / (horizon * kept), 0.1) if math.isfinite(value) else 0.0
        clock.unit = _worth_of(frame).aim.unit(program.worth_unit)
        left = share if times < settings.LONGEST_HORIZON else 1.0
        with clock.phase("nearer", clock.share_after(left)):
            result = solved(_nearer(frame, horizon), at, asked, turns=turns)
        at, nodes = result.choice, nodes + result.nodes
        if program.worth_unit == ENERGY_UNIT:
            bound = max(bound, horizon * (kept - result.bound))
        at, drives = _shortened(frame, at, clock)
        lost = not math.isfinite(drives)
        if lost and not clock.over:
            far = _nearer(frame, settings.LONGEST_HORIZON * longest)
            with clock.phase("nearer", clock.share_after(settings.START_SHARE)):
                at = solved(far, at, 0.0, turns=turns, briefly=True).choice
            at, drives = _shortened(frame, at, clock)
        clock.seconds.pop("nearer")
        if drives < value:
            best, value = at, drives
        clock.unit = frame.aim.unit(program.worth_unit)
        clock.hear(value, bound)
        if times in tried and (value, bound) == before:
            if result.stopped == "solver stopped":  # more turns or time would not help
                stopped = result.stopped
                break
            turns, share = 2 * turns, 1 - (1 - share) / 2
        tried.add(times)
        times = 2 * times if lost else times / 2
        times = min(max(times, settings.FIRST_HORIZON), settings.LONGEST_HORIZON)
    stopped = "interrupted" if clock.interrupted else stopped
    noise = settings.NOISE * abs(frame.matrix.size)
    return Result(best, value, min(bound, value), stopped, nodes, noise=noise)


def _nearer(frame: Frame, horizon_min: float) -> Frame:
    """Return the program with decay, in which a kWh is worth nothing `horizon_min` minutes away."""
    near = NearerFirst(frame.program.distance_decay, horizon_min)
    worth = _worth_of(frame)
    others = [one for one in frame.reached if one is not worth]
    return Frame(replace(frame.program, distance_decay=near), worth.aim, others)


def _worth_of(frame: Frame) -> Reached:
    return next(one for one in frame.reached if one.aim.of_worth)


def _shortened(frame: Frame, choice: Ints, clock: Clock) -> tuple[Ints, float]:
    """Return a choice with some stations moved, and its drive time (inf if it misses the worth)."""
    best, value = relocated_often(frame, choice, clock, serving=Clock(math.inf))
    return best, -value
