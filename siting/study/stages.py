"""What makes a method of a study a stage: computed once, timed apart, told of, and shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from html import escape
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


def stage_names(study: type) -> list[str]:
    """Return the names of a study's stages, in the order in which it works them out."""
    parts = [part for parent in reversed(study.__mro__) for part in vars(parent).values()]
    marks = [vars(part.func).get("stage") for part in parts if isinstance(part, cached_property)]
    return list(dict.fromkeys(str(name) for name in marks if name))


def stages_html(title: str, note: str, stages: Sequence[tuple[str, str, str]]) -> str:
    """Return stages as an HTML table for notebooks: name, what it found, seconds, all as text."""
    left, right = "style='text-align:left'", "style='text-align:right'"
    rows = "".join(
        f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(text)}</td>"
        f"<td {right}>{escape(seconds)}</td></tr>"
        for name, text, seconds in stages
    )
    head = f"<tr><th {left}>stage</th><th {left}>what came out</th><th {right}>seconds</th></tr>"
    caveat = f"<p><em>{escape(note)}</em></p>" if note else ""
    heading = f"<h4>{escape(title)}</h4>" if title else ""
    return f"{heading}{caveat}<table>{head}{rows}</table>"


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

        timed.__dict__["stage"] = name
        return cached_property(timed)

    return wrap
