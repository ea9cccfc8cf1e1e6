"""What makes a method of a study a stage: computed once, timed apart, and told of when done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any


@dataclass(frozen=True)
class Event:
    """One line of progress: a stage, what it does or found, and the seconds it took so far."""

    stage: str
    text: str
    seconds: float
    done: bool


Report = Callable[[Event], None]


def bar(done: int, of: int, width: int = 20) -> str:
    """Return a bar of text that is filled as far as the work is done.

    Examples
    --------
    >>> bar(3, 12, 8)
    '━━──────'
    """
    full = width if of <= 0 else min(width * done // of, width)
    return "━" * full + "─" * (width - full)


def stage[T](
    name: str, describe: Callable[[Any], str]
) -> Callable[[Callable[[Any], T]], cached_property[T]]:
    """Make a method a stage: computed once, its own seconds kept, one line reported when done."""

    def wrap(make: Callable[[Any], T]) -> cached_property[T]:
        @wraps(make)
        def timed(self: Any) -> T:
            with self._timing(name) as finish:
                value = make(self)
                finish(describe(value))
            return value

        return cached_property(timed)

    return wrap
