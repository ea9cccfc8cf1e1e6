"""The time that further results of a plan may take after the solve.

The cards of stations, the plan under other capacities and demands, and the certificate together may
take `LEAST_S` seconds or `SHARE` of the solver's time limit, whichever is longer. Results that are
not computed in time are left blank and reported. A run folder records how many results were
computed, so that the same results are computed when the run is opened again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

LEAST_S, SHARE = 8.0, 0.04
# At least this share of the elapsed time counts as taken. A larger share would end steps too early
# on a busy machine.
LEAST_GIVEN = 0.05
NOT_IN_TIME = "not computed in time"


@dataclass
class Clock:
    """A clock that counts processor time or, if longer, the share `LEAST_GIVEN` of elapsed time."""

    limit_s: float
    steps: int | None = None  # number of steps to run; None for as many as the limit allows
    done: int = 0
    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    @property
    def taken_s(self) -> float:
        """Time taken so far (s)."""
        return max(time.process_time() - self.cpu, LEAST_GIVEN * (time.perf_counter() - self.wall))

    def more(self) -> bool:
        """Return whether one more step may be run; if so, count the step as done."""
        if self.taken_s >= self.limit_s if self.steps is None else self.done >= self.steps:
            return False
        self.done += 1
        return True


@dataclass
class Spare:
    """The time spent on further results of one plan, and the number of results of each kind."""

    time_limit_s: float  # of the solver
    taken_s: float = 0.0
    done: dict[str, int] = field(default_factory=dict)
    # The number of results of each kind in the stored run; None to compute as many as time allows.
    known: Mapping[str, int] | None = None

    @contextmanager
    def clock(self, what: str, share: float) -> Iterator[Clock]:
        """Yield a clock that allows `share` of the remaining spare time."""
        left_s = max(max(LEAST_S, SHARE * self.time_limit_s) - self.taken_s, 0.0)
        clock = Clock(share * left_s, None if self.known is None else self.known.get(what))
        try:
            yield clock
        finally:
            self.taken_s += clock.taken_s
            self.done[what] = clock.done
