"""Ctrl-C where something would be lost by it: the first waits, the second ends the work."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

DISCARDED = "Stopped at once, the plan so far was discarded"


class Wish:
    """What hears Ctrl-C for a block; see `seen_through`.

    Attributes
    ----------
    at_stake
        Whether there is something to lose by now. Until then Ctrl-C ends the block at once.
    heard
        Whether Ctrl-C was pressed since.
    by_solve
        Whether the first solve that ends with a plan puts it at stake.
    """

    def __init__(self, *, by_solve: bool) -> None:
        self.by_solve = by_solve
        self.at_stake = self.heard = False

    def __call__(self, _number: int, _frame: object) -> None:
        """Hear one Ctrl-C."""
        if not self.at_stake:
            raise KeyboardInterrupt
        if self.heard:
            raise KeyboardInterrupt(DISCARDED)
        self.heard = True
        logger.warning("what was found is written first; Ctrl-C once more stops at once")


@contextmanager
def seen_through(*, by_solve: bool = False) -> Iterator[Wish]:
    """Let the first Ctrl-C wait for the end of the block, once something is at stake in it.

    A handler of the caller's own stays, and so it is off the main thread, which hears none.
    """
    wish = Wish(by_solve=by_solve)
    if not takes_ctrl_c():
        yield wish
        return
    before = signal.signal(signal.SIGINT, wish)
    try:
        yield wish
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def held() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a short block that must not be cut in two; it counts then.

    A process whose start is cut in two reads half of what it was sent, and tells of it.
    """
    if not takes_ctrl_c():
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)


def stop_wished() -> bool:
    """Return whether Ctrl-C waits for something to be written: nothing more is begun then."""
    handler = signal.getsignal(signal.SIGINT)
    return isinstance(handler, Wish) and handler.heard


def takes_ctrl_c() -> bool:
    """Return whether Ctrl-C is Python's own here, or heard by a `Wish`, and not by the caller."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    return handler is signal.default_int_handler or isinstance(handler, Wish)
