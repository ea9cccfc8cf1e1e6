"""Tasks of one solve, run in threads that stop at the time limit or on Ctrl-C.

Threads suffice because HiGHS releases the Python interpreter lock while it runs. The calling thread
waits in Python, because a call into HiGHS would delay Ctrl-C.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from siting import settings
from siting.engine.clock import Clock
from siting.errors import Fault, StuckError


class Task[T]:
    """A function that runs in its own thread, under its own clock."""

    def __init__(self, function: Callable[[Clock], T], clock: Clock) -> None:
        self.clock, self._late_s = clock, max(clock.late_s, 0.0)
        self._future = Future[T]()

        def work() -> None:
            try:
                self._future.set_result(function(clock))
            except BaseException as err:
                self._future.set_exception(err)

        self._thread = threading.Thread(target=work, name="solve", daemon=True)
        self._thread.start()

    def wait(self, clock: Clock, *, until_over: bool = False) -> None:
        """Wait until the task has ended; report progress to the caller meanwhile.

        `until_over`: whether the task must stop when the time of `clock` is up. Raises `StuckError`
        if the task runs long past the time limit, because HiGHS's presolve can loop forever.
        """
        while self._thread.is_alive():
            try:
                self._thread.join(settings.REPORT_EVERY_S)
                clock.report()
            except KeyboardInterrupt:
                if clock.interrupted:
                    raise
                clock.interrupt()
            except BaseException:  # the caller's progress function failed
                clock.interrupt()
                raise
            if until_over and clock.over:
                self.clock.end()
            if self._stuck:
                what = f"was still running {settings.STUCK_S:g} s after the time limit"
                raise StuckError(Fault("HiGHS", what, "set another solver.seed"))

    def result(self) -> T:
        """Return the result of a task that has ended, or raise its exception."""
        return self._future.result()

    def stop(self) -> None:
        """End the task now, finished or not; a task that is stuck is abandoned."""
        self.clock.end()
        while self._thread.is_alive() and not self._stuck:
            self._thread.join(settings.REPORT_EVERY_S)

    @property
    def _stuck(self) -> bool:
        """Whether the task still runs long after the time limit (or after its start, if later)."""
        return self.clock.late_s > self._late_s + settings.STUCK_S


def in_parallel[T](functions: Sequence[Callable[[Clock], T]], clock: Clock) -> list[T]:
    """Run functions in parallel, and return their results in order.

    Only the work of the function that did the most work is added to `clock`. If a function fails,
    its exception is raised once all functions have ended.
    """
    tasks = [Task(one, clock.apart()) for one in functions]
    try:
        for task in tasks:
            task.wait(clock)
    finally:
        for task in tasks:
            task.stop()
    clock.work += max((task.clock.work for task in tasks), default=0.0)
    return [task.result() for task in tasks]
