"""Ctrl-C during work worth keeping: the first press is deferred, and the second takes effect."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

DISCARDED = "Stopped at once; the plan so far was discarded"


class Wish:
    """A handler for Ctrl-C during a block; see `seen_through`.

    `at_stake` is true if there is work to lose; otherwise Ctrl-C ends the block at once. `heard` is
    true if a Ctrl-C has been deferred to the end of the block. If `by_solve` is true, the first
    solve that finds a plan sets `at_stake`.
    """

    def __init__(self, *, by_solve: bool) -> None:
        self.by_solve = by_solve
        self.at_stake = self.heard = False

    def __call__(self, _number: int, _frame: object) -> None:
        """Handle a press of Ctrl-C."""
        if not self.at_stake:
            raise KeyboardInterrupt
        if self.heard:
            raise KeyboardInterrupt(DISCARDED)
        self.heard = True
        logger.warning("writing what was found; press Ctrl-C again to stop at once")


@contextmanager
def seen_through(*, by_solve: bool = False) -> Iterator[Wish]:
    """Once there is work to lose, defer the first Ctrl-C until the end of the block.

    This context manager has no effect outside the main thread, or if the caller has set a handler.
    """
    wish = Wish(by_solve=by_solve)
    with handled_by(wish):
        yield wish


@contextmanager
def held() -> Iterator[None]:
    """Defer Ctrl-C until the end of a short block that must not be interrupted.

    For example, a process interrupted at its start would read half of its input and fail.
    """
    heard: list[int] = []
    with handled_by(lambda number, _frame: heard.append(number)):
        yield
    if heard:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def handled_by(handler: Callable[[int, object], None]) -> Iterator[Wish | None]:
    """Let a handler receive Ctrl-C in the block, unless the caller has its own handler.

    The block receives the `Wish` that the handler replaces, if there is one.
    """
    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler or isinstance(before, Wish)
    if not ours or threading.current_thread() is not threading.main_thread():
        yield None
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield before if isinstance(before, Wish) else None
    finally:
        signal.signal(signal.SIGINT, before)


def stop_wished() -> bool:
    """Return whether a Ctrl-C has been deferred; if so, no new work should begin."""
    handler = signal.getsignal(signal.SIGINT)
    return isinstance(handler, Wish) and handler.heard
