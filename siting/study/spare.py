"""The time for what is told of a plan beside it: bounded, so that a limit on the solve is one.

Cards of stations, other circumstances and the prices of the certificate are worked out after the
solve. Together they have `LEAST_S` or `SHARE` of the solver's time limit, whichever is more; each
has a share of what is left then. What does not fit in is left blank and said to be. A run records
how much was done, so that the same comes out when it is written again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

LEAST_S, SHARE = 8.0, 0.04
# Seconds that pass count where the machine gives this process less than this share of them: by the
# clock alone a busy one would cut short what takes a moment.
LEAST_GIVEN = 0.05
NOT_IN_TIME = "not worked out in the time"


@dataclass
class Clock:
    """Seconds of computing, or a twentieth of those that have passed where that is more."""

    limit_s: float
    steps: int | None = None  # how many are to be done, whatever they take; none: by the time
    done: int = 0
    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    @property
    def taken_s(self) -> float:
        """Seconds taken so far."""
        passed = time.perf_counter() - self.wall
        return max(time.process_time() - self.cpu, LEAST_GIVEN * passed)

    def more(self) -> bool:
        """Return whether one more is to be done; it counts as done."""
        if self.taken_s >= self.limit_s if self.steps is None else self.done >= self.steps:
            return False
        self.done += 1
        return True


@dataclass
class Spare:
    """What is left of the time for what is told beside one plan, and what was done in it."""

    taken_s: float = 0.0
    done: dict[str, int] = field(default_factory=dict)
    # What was done of each when the run was written; none: the time decides.
    known: Mapping[str, int] | None = None

    @contextmanager
    def clock(self, what: str, time_limit_s: float, share: float) -> Iterator[Clock]:
        """Give a clock with a share of the time that a solver's time limit leaves."""
        left_s = max(max(LEAST_S, SHARE * time_limit_s) - self.taken_s, 0.0)
        clock = Clock(share * left_s, None if self.known is None else self.known.get(what))
        try:
            yield clock
        finally:
            self.taken_s += clock.taken_s
            self.done[what] = clock.done
