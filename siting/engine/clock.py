"""The clock of one solve: its time limit, interruption by the user, and progress reports."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from siting import settings
from siting.engine.proof import Stopped, gap_in_words, in_digits, relative_gap
from siting.interrupts import DISCARDED, handled_by


@dataclass(frozen=True)
class Progress:
    """The progress of a solve."""

    phase: str  # ``start``, ``cuts``, ``rounding``, ``programs``, ``windows``, ``tree`` …
    incumbent: float  # value of the incumbent, in `unit`; NaN if there is no plan yet
    bound: float  # bound, in `unit`; infinite if no bound is known yet
    gap: float  # relative gap between incumbent and bound
    seconds: float  # seconds since the solve began
    unit: str = "kWh/day"

    def __str__(self) -> str:
        """Return the progress on one line; without an incumbent, only the phase."""
        if not math.isfinite(self.incumbent):
            return self.phase or "start"
        value = f"{self.phase}: {in_digits(self.incumbent)} {self.unit}"
        if not math.isfinite(self.bound):
            return f"{value}, no bound yet"
        return f"{value}, bound {in_digits(self.bound)}, {gap_in_words(self.gap)}"


class Clock:
    """The clock of a solve: its deadline, the run times of its phases, and any interruption."""

    def __init__(
        self, time_limit_s: float, progress: Callable[[Progress], None] | None = None
    ) -> None:
        self._start = time.perf_counter()
        self.limit_s = max(time_limit_s, 1e-9)
        self._until = self._start + time_limit_s
        self._progress = progress
        self._last_report = -math.inf
        self._phase = ""
        self._stop, self._ended = threading.Event(), False
        self.incumbent = math.nan
        self.unit = "kWh/day"
        self.bound = math.inf
        self.seconds: dict[str, float] = {}
        self.work = 0.0  # solver work, which is the same on any machine (`run_native`)

    @property
    def interrupted(self) -> bool:
        """Whether the user interrupted the solve."""
        return self._stop.is_set()

    def interrupt(self) -> None:
        """Interrupt the solve, as Ctrl-C does."""
        self._stop.set()

    @property
    def stopped(self) -> Stopped:
        """The reason why a solve ends early: ``interrupted`` or ``time limit``."""
        return "interrupted" if self.interrupted else "time limit"

    def apart(self) -> Clock:
        """Return a clock for one thread, with the same deadline but a separate count of work."""
        out = copy.copy(self)
        out._progress, out.seconds, out.work = None, {}, 0.0
        return out

    def limited(self, time_limit_s: float) -> Clock:
        """Return a new clock with another time limit; an interruption stops both clocks."""
        out = Clock(time_limit_s)
        out._stop = self._stop
        return out

    def handed_on(self) -> Clock:
        """Return a copy for the rest of the solve; only the copy reports progress from now on."""
        out = copy.copy(self)
        self._progress, self.seconds = None, {}
        return out

    def end(self) -> None:
        """Leave no time on this clock; copies of the clock keep running."""
        self._ended = True

    @property
    def elapsed_s(self) -> float:
        """Seconds since the solve began."""
        return time.perf_counter() - self._start

    @property
    def late_s(self) -> float:
        """Seconds since the time limit was reached; negative before the limit."""
        return self.elapsed_s - self.limit_s

    @property
    def share(self) -> float:
        """Elapsed time as a share of the whole time limit."""
        return self.elapsed_s / self.limit_s

    def share_after(self, share: float) -> float:
        """Return what `Clock.share` will be once `share` of the time left in this phase is over."""
        return (self.elapsed_s + share * self.left_s) / self.limit_s

    def share_of_rest(self, share: float) -> float:
        """Return what `Clock.share` will be once `share` of the time to the limit is over."""
        return self.share + share * (1 - self.share)

    @property
    def left_s(self) -> float:
        """Seconds left until the deadline of the phase or of the solve, but at least 0."""
        return 0.0 if self._ended else max(0.0, self._until - time.perf_counter())

    @property
    def over(self) -> bool:
        """Whether to stop now, because time is up or the user interrupted the solve."""
        return self.interrupted or self.left_s <= 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Treat the first Ctrl-C in the block as a request to stop; end the block at the second.

        This context manager has no effect if the caller has set a handler, or outside the main
        thread, because only the main thread receives signals.
        """

        def hear(_number: int, _frame: object) -> None:
            if self.interrupted:
                raise KeyboardInterrupt(DISCARDED)
            self.interrupt()

        with handled_by(hear) as wish:
            yield
            if wish is not None and wish.by_solve:
                wish.at_stake = True

    @contextmanager
    def phase(self, name: str, share: float = 1.0) -> Iterator[None]:
        """Add the block's run time to the phase `name`, and set a deadline as in `within`."""
        began = time.perf_counter()
        outer, self._phase = self._phase, name
        try:
            with self.within(share):
                yield
        finally:
            self._phase = outer
            self.seconds[name] = self.seconds.get(name, 0.0) + (time.perf_counter() - began)

    @contextmanager
    def within(self, share: float) -> Iterator[None]:
        """Set the block's deadline to a share of the whole time limit, if that is sooner."""
        outer = self._until
        self._until = min(self._until, self._start + share * self.limit_s)
        try:
            yield
        finally:
            self._until = outer

    def hear(self, incumbent: float, bound: float) -> None:
        """Record the incumbent's value and the bound."""
        self.incumbent = incumbent if math.isfinite(incumbent) else math.nan
        self.bound = bound

    def report(self, *, at_once: bool = False) -> None:
        """Report progress to the caller, at most a few times a second."""
        now = time.perf_counter()
        soon = now - self._last_report < settings.REPORT_EVERY_S
        if self._progress is None or (soon and not at_once):
            return
        self._last_report = now
        gap = relative_gap(self.incumbent, self.bound)
        self._progress(
            Progress(self._phase, self.incumbent, self.bound, gap, self.elapsed_s, self.unit)
        )
