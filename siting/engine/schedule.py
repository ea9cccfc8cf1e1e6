"""The order in which the steps for an aim take turns, by the gap closed per unit of work.

Steps produce plans and bounds, and continue from where they stopped. Every second turn goes to the
step that recently closed the most gap per unit of work. The other turns go to the step with the
least work so far, so that none starves. Work is counted in solver iterations, not in seconds, so
that runs are reproducible.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from siting.engine.clock import Clock

# Reasons why turns end: no work or no turn is left, or later aims get the remaining time.
Ended = Literal["done", "turns", "yields"]


@dataclass(eq=False)
class Step:
    """A step: `turn` takes one turn, and returns whether another turn may gain more."""

    turn: Callable[[], bool]
    ready: Callable[[], bool] = lambda: True  # whether the step can take a turn now
    growth: float = 1.0  # ratio of a turn's work to the work of the turn before
    left: Callable[[], float] | None = None  # gap between incumbent and the step's own bound
    work: float = 0.0  # work of all its turns
    rate: float = math.inf  # gap closed in the last turn per unit of the next turn's expected work
    pace: float = 0.0  # gap closed in the last turn, per second that the next turn should take
    ended: bool = False  # whether further turns can gain nothing


def take_turns(
    steps: Sequence[Step], clock: Clock, *, left: Callable[[], float], done: Callable[[], bool],
    turns: float = math.inf, yields: Callable[[], bool] = lambda: False,
) -> Ended:  # fmt: skip
    """Let steps take turns until `done` or until none is ready; return why the turns ended.

    `steps`: in the order of their first turns; `left`: returns the gap, infinite without a bound or
    an incumbent; `yields`: whether to leave the remaining time to later aims.
    """
    taken = 0
    while (ready := [one for one in steps if not one.ended and one.ready()]) and not done():
        if taken >= turns:
            return "turns"
        if yields():
            return "yields"
        fair = taken % 2
        step = min(ready, key=lambda one: (0.0 if fair else -one.rate, one.work))
        gap = step.left or left
        before, began, began_s = gap(), clock.work, clock.elapsed_s
        more = step.turn()
        worked = max(clock.work - began, 1.0)
        after = gap()
        step.work += worked
        closed = 0.0 if after >= before else before - after
        step.rate = closed / (step.growth * worked)
        # A turn that closes an infinite gap, because it finds the first plan, has a pace of 0.
        took_s = step.growth * max(clock.elapsed_s - began_s, 1e-9)
        step.pace = 0.0 if math.isinf(closed) else closed / took_s
        taken += 1
        step.ended = not more
    return "done"
