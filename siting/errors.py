"""Errors that state where a problem is, what it is and how to fix it.

Every error has a list of `Fault`s, so that one run reports every problem. Each class also has a
parent from the standard library, for callers that do not know this package.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from numbers import Real
from types import UnionType
from typing import Any, Self, TypeGuard

from siting.texts import visible

SHOWN_IDS = 5


def first_line(err: BaseException) -> str:
    """Return the first line of a library's error.

    >>> first_line(KeyError("crs"))
    "its content does not fit its format ('crs')"
    """
    text = (str(err).strip() or type(err).__name__).splitlines()[0]
    said = isinstance(err, LookupError | TypeError | AttributeError)
    return f"its content does not fit its format ({text})" if said else text


def did_you_mean(
    name: str, known: Iterable[str], otherwise: str | None = None, most: int = 1
) -> str:
    """Return the fix for an unknown name: similar names, or else `otherwise`, by default all names.

    >>> did_you_mean("LAHOR", ["Lahore", "Multan"]), did_you_mean("x", ["Lahore", "Multan"])
    ('did you mean Lahore?', 'known names: Lahore, Multan')
    """
    by_fold = {one.casefold(): one for one in known}
    near = get_close_matches(name.strip().casefold(), by_fold, most, cutoff=0.6)
    if near:
        return f"did you mean {', '.join(by_fold[one] for one in near)}?"
    return f"known names: {', '.join(by_fold.values())}" if otherwise is None else otherwise


class Override(str):
    """A ``key.path=value`` string, with the place that its errors name.

    >>> override = Override("solver.gap=2", "--gap")
    >>> override, override.place
    ('solver.gap=2', '--gap')
    """

    __slots__ = ("place",)
    place: str  # for example ``--gap``, or ``--set {}``, in which ``{}`` stands for the key path

    def __new__(cls, text: str, place: str = "override {}") -> Self:
        """Return the string; without a `place`, errors call it an override."""
        override = super().__new__(cls, text)
        override.place = getattr(text, "place", place)
        return override


@dataclass(frozen=True)
class Fault:
    """A problem, described so that a user can correct it.

    >>> print(Fault("people.csv, column people", "2 rows are negative", "correct them", ("7", "9")))
    people.csv, column people: 2 rows are negative (7, 9); correct them
    """

    where: str  # file, table, column or configuration key, e.g. "people.csv, column people"
    what: str  # what was found there and what was expected
    fix: str = ""  # the smallest remedy; `fix` and `where` may be blank if `what` says enough
    ids: tuple[str, ...] = ()  # the affected rows, keys or lines; the first few are shown

    def __str__(self) -> str:
        """Return the fault on one line."""
        where, what, fix = self.plain().values()
        text = f"{where}: {what}" if where else what
        return f"{text}; {fix}" if fix else text

    def plain(self) -> dict[str, str]:
        """Return the fault as strings for JSON; ``what`` includes the first ids."""
        what = self.what
        if self.ids:
            more = f" and {len(self.ids) - SHOWN_IDS:,} more" if len(self.ids) > SHOWN_IDS else ""
            # A blank id in a table is NaN, even in a column of strings.
            shown = ("(blank)" if i is None or i != i else str(i) for i in self.ids[:SHOWN_IDS])
            what += f" ({', '.join(shown)}{more})"
        return {"where": visible(self.where), "what": visible(what), "fix": visible(self.fix)}


class SitingError(Exception):
    """Parent of all errors that this package raises on purpose.

    Parameters
    ----------
    faults
        One fault, several faults or a message. If `what` is given, `faults` is the place of the
        problem.
    what, fix, ids
        The parts of a single fault, as in `Fault`.

    Examples
    --------
    >>> str(InputError("speeds.csv, column free_kmh", "not above 0 km/h", ids=("street",)))
    'speeds.csv, column free_kmh: not above 0 km/h (street)'
    """

    def __init__(
        self,
        faults: Fault | str | Iterable[Fault],
        what: str = "",
        fix: str = "",
        ids: tuple[str, ...] = (),
    ) -> None:
        if isinstance(faults, str):
            faults = Fault(faults, what, fix, ids) if what else Fault("", faults)
        self.faults: Sequence[Fault] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__(str(self))

    def __str__(self) -> str:
        """Return the faults as text, one per line."""
        lines = [str(fault) for fault in self.faults]
        return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)

    def _render_traceback_(self) -> list[str]:
        """Return the faults for display in Jupyter, without a traceback."""
        return [f"{type(self).__name__}: {self}"]


class ConfigError(SitingError, ValueError):
    """The configuration file is invalid."""


class InputError(SitingError, ValueError):
    """A file or table is invalid."""


def refuse(faults: Iterable[Fault]) -> None:
    """Raise an `InputError` that lists all faults, if there are any."""
    if found := list(faults):
        raise InputError(found)


def require_kind(where: str, given: object, kind: type | UnionType, fix: str) -> None:
    """Raise an `InputError` unless a value has the type that is needed.

    >>> require_kind("program", 5, str, "give a siting.Program")
    Traceback (most recent call last):
    siting.errors.InputError: program: a value of type int; give a siting.Program
    """
    if not isinstance(given, kind):
        raise InputError(where, f"a value of type {type(given).__name__}", fix)


def is_number(given: object) -> TypeGuard[float]:
    """Return whether a value is a Python or NumPy number; True and False do not count."""
    return isinstance(given, Real) and not isinstance(given, bool)


def require_word(where: str, given: object, known: Iterable[str]) -> None:
    """Raise an `InputError` unless a value is one of the known words."""
    if given not in (words := tuple(known)):
        raise InputError(where, f"is {given!r}", f"use {', '.join(words)}")


def listed[T](where: str, given: Iterable[T]) -> list[T]:
    """Return the items as a list; reject a single string or table, which would be split up.

    >>> listed("required sites", "s1")
    Traceback (most recent call last):
    siting.errors.InputError: required sites: 's1' is not a list; put it in brackets: […]
    """
    text = isinstance(given, str | bytes)
    if text or not isinstance(given, Iterable) or getattr(given, "ndim", 1) > 1:
        said = repr(given) if text else f"a value of type {type(given).__name__}"
        raise InputError(where, f"{said} is not a list", "put it in brackets: […]")
    return list(given)


def naming(
    where: str, what: str, ids: Iterable[object], fix: str = "", *, count: bool = False
) -> list[Fault]:
    """Return a list of one fault that names each id once, or an empty list if there are no ids.

    With `count`, the number of ids precedes `what`.

    >>> naming("people.csv", "negative", [7, 9, 7], count=True)
    [Fault(where='people.csv', what='2 negative', fix='', ids=('7', '9'))]
    """
    names = tuple(dict.fromkeys(map(str, ids)))
    return [Fault(where, f"{len(names):,} {what}" if count else what, fix, names)] if names else []


def wrong_figures(
    where: str, of: object, figures: Iterable[tuple[str, bool, str, *tuple[str, ...]]]
) -> list[Fault]:
    """Return a fault for each invalid attribute of an object.

    Each of `figures` states an attribute's name, whether its value is valid, the requirement in
    words and, optionally, the fix.

    >>> wrong_figures("plan", Fault("a", "x"), [("fix", False, "a remedy", "name one")])
    [Fault(where='plan, fix', what="'' is not a remedy", fix='name one', ids=())]
    """
    faults = []
    for name, good, what, *fix in figures:
        if not good:
            value = getattr(of, name)
            text = repr(value) if isinstance(value, str) else str(value)
            faults.append(Fault(f"{where}, {name}", f"{text} is not {what}", "".join(fix)))
    return faults


def refuse_unknown(where: str, of: Any, given: Iterable[str]) -> None:
    """Raise an `InputError` that lists every given name that is not a field of a dataclass."""
    known = [field.name for field in fields(of)]
    fix = "use " + ", ".join(known)
    refuse(Fault(f"{where}, {name}", "no such figure", fix) for name in given if name not in known)


class OutputError(SitingError, OSError):
    """Output could not be written; no part of it remains."""


class DownloadError(SitingError, ConnectionError):
    """A download failed; no part of it remains."""


class InfeasibleError(SitingError, ValueError):
    """The requirements conflict; each fault names one of them."""


class SolveError(SitingError, RuntimeError):
    """A solver failed, or is not installed."""


class StuckError(SolveError):
    """A solver is still running long after the time limit; its earlier results are valid."""


class VerifyError(SitingError, ArithmeticError):
    """A plan is inconsistent with its data; nothing was written."""


class MissingExtraError(SitingError, ImportError):
    """An optional package that a feature needs is not installed."""


@contextmanager
def needs_extra(extra: str, package: str, what: str) -> Iterator[None]:
    """Raise `MissingExtraError` if an import in the block fails; `what` says why it is needed."""
    try:
        yield
    except ImportError as err:
        raise MissingExtraError(package, what, f'pip install "siting[{extra}]"') from err
