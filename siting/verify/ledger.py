"""The list (ledger) of checks made and errors found, and the tolerances of all checks.

A figure may differ by a millionth of the figure with which it is compared. A small figure among
large ones may differ by a billionth of the largest, which is about the precision of solvers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import Fault, VerifyError, naming

RELATIVE = 1e-6
# The scale of figures that are compared as a set, as a share of the largest figure in the set.
AMONG = 1e-3

Bools = npt.NDArray[np.bool_]


def above(figure: Any, limit: Any, scale: float = 0.0) -> Bools:
    """Return whether figures exceed their limits by more than the tolerance; true for NaN."""
    figure, limit = np.asarray(figure, dtype=float), np.asarray(limit, dtype=float)
    return np.asarray(~(figure <= limit + _slack(limit, scale)), dtype=bool)


def differs(one: Any, other: Any, scale: float = 0.0) -> Bools:
    """Return whether figures differ by more than the tolerance; true for NaN."""
    return above(one, other, scale) | above(other, one, scale)


def _slack(limit: npt.NDArray[np.float64], scale: float) -> npt.NDArray[np.float64]:
    """Return the tolerance of figures; it is 0 for infinite figures."""
    size = np.maximum(np.abs(limit), scale)
    return RELATIVE * np.where(np.isfinite(size), size, 0.0)


def largest(values: Any) -> float:
    """Return the scale for the tolerance of figures that are compared as a set."""
    values = np.abs(np.asarray(values, dtype=float))
    return AMONG * float(values.max(initial=0.0))


def shown(value: float) -> str:
    """Format a figure for an error message."""
    return f"{value:,.10g}"


class Ledger:
    """The checks made so far, one row each, and the errors found."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []
        self.faults: list[Fault] = []

    def row(self, check: str, found: float, limit: float) -> None:
        """Add a check."""
        self.rows.append({"check": check, "found": float(found), "limit": float(limit)})

    def broken(self, where: str, what: str, names: Any, mask: Any) -> None:
        """Add an error that lists the flagged rows, if there are any."""
        self.named(where, what, np.asarray(names, dtype=object)[np.asarray(mask, dtype=bool)])

    def named(self, where: str, what: str, names: Iterable[object]) -> None:
        """Add an error that lists these rows, if there are any."""
        self.faults += naming(where, what, names, count=True)

    def wrong(self, bad: object, where: str, what: str) -> None:
        """Add an error if `bad` is true."""
        if bad:
            self.faults.append(Fault(where, what))

    def at_most(self, check: str, found: float, limit: float, scale: float) -> None:
        """Add a check that a figure is at most its limit."""
        self.row(check, found, limit)
        self.wrong(above(found, limit, scale), check, f"{shown(found)} is more than {shown(limit)}")

    def equal(self, check: str, claimed: float, found: float, scale: float) -> None:
        """Add a check that a figure stated by the plan equals the recomputed figure."""
        self.row(check, found, claimed)
        what = f"{shown(claimed)} claimed, {shown(found)} recomputed"
        self.wrong(differs(claimed, found, scale), check, what)

    def done(self) -> pd.DataFrame:
        """Return the checks; raise a `VerifyError` if there are errors."""
        if self.faults:
            raise VerifyError(self.faults)
        return pd.DataFrame(self.rows, columns=["check", "found", "limit"])
