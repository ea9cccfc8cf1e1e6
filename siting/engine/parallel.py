"""Tasks of one solve in parallel threads, which Ctrl-C and the deadline stop.

HiGHS releases Python's lock while it runs, so threads are enough. The calling thread waits in
Python, because Python delivers Ctrl-C to the main thread only between two of its own instructions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from siting import settings
from siting.engine.clock import Clock


def in_parallel[T](tasks: Sequence[Callable[[Clock], T]], clock: Clock) -> list[T]:
    """Return the results of tasks that run in parallel, in their order.

    Each task gets a clock of its own. The clock of the solve counts the work of the longest task.

    Raises
    ------
    Exception
        The first exception of a task, once all tasks have ended.
    """
    results: dict[int, T] = {}
    failures: list[BaseException] = []
    clocks = [clock.apart() for _ in tasks]

    def work(n: int) -> None:
        try:
            results[n] = tasks[n](clocks[n])
        except BaseException as err:
            failures.append(err)

    threads = [
        threading.Thread(target=work, args=(n,), name="solve", daemon=True)
        for n in range(len(tasks))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            try:
                thread.join(settings.WAIT_S)
                clock.report()
            except KeyboardInterrupt:
                if clock.interrupted:
                    raise
                clock.interrupted = True
            except BaseException:  # the caller's progress function failed
                clock.interrupted = True
                for one in threads:
                    one.join()
                raise
    clock.work += max((one.work for one in clocks), default=0.0)
    if failures:
        raise failures[0]
    return [results[n] for n in range(len(tasks))]
