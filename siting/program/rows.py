"""Rows of a sparse program, gathered family by family and scaled."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.program.instance import Floats, Ints

FAMILIES = (
    "one", "resource", "demand", "capacity", "cover", "gap", "cap", "paid", "subsidies", "floor",
    "aim", "kept",
)  # fmt: skip
# A part of rows: the row, column and value of each coefficient.
Term = tuple[Ints, Ints, Floats | float]
_Part = tuple[Ints, Ints, Floats, Floats, Floats]


class Rows:
    """The collector of rows, which the matrix has in the order of `FAMILIES`."""

    def __init__(self) -> None:
        self._parts: dict[str, list[_Part]] = {name: [] for name in FAMILIES}

    def add(
        self,
        family: str,
        row: Ints,
        column: Ints,
        value: Floats,
        *,
        lower: Floats | None = None,
        upper: Floats | None = None,
    ) -> None:
        """Add rows numbered from 0, each scaled to its largest coefficient."""
        count = len(next(side for side in (lower, upper) if side is not None))
        if not count:
            return
        largest = np.zeros(count)
        np.maximum.at(largest, row, np.abs(value))
        scale = 1.0 / np.where(largest > 0, largest, 1.0)
        low = np.full(count, -np.inf) if lower is None else lower * scale
        high = np.full(count, np.inf) if upper is None else upper * scale
        self._parts[family].append((row, column, value * scale[row], low, high))

    def add_terms(
        self,
        family: str,
        *terms: Term,
        lower: Floats | None = None,
        upper: Floats | None = None,
    ) -> None:
        """Add rows that are sums of terms, numbered from 0."""
        parts = zip(*(np.broadcast_arrays(*term) for term in terms), strict=True)
        row, column, value = (np.concatenate(part) for part in parts)
        self.add(family, row, column, value, lower=lower, upper=upper)

    def add_one(
        self,
        family: str,
        column: Ints,
        value: Floats,
        *,
        lower: float = -np.inf,
        upper: float = np.inf,
    ) -> None:
        """Add one row, scaled to its largest coefficient."""
        row = np.zeros(len(column), dtype=np.int64)
        self.add(family, row, column, value, lower=np.array([lower]), upper=np.array([upper]))

    def matrix(self, columns: int) -> tuple[sparse.csr_array, Floats, Floats, dict[str, slice]]:
        """Return the coefficients, the sides, and the range of rows of each family."""
        family: dict[str, slice] = {}
        parts: list[_Part] = []
        count = 0
        for name, mine in self._parts.items():
            first = count
            for row, column, value, low, high in mine:
                parts.append((row + count, column, value, low, high))
                count += len(low)
            if count > first:
                family[name] = slice(first, count)
        if not count:
            return sparse.csr_array((0, columns)), np.zeros(0), np.zeros(0), family
        row, column, value, low, high = (np.concatenate(part) for part in zip(*parts, strict=True))
        a = sparse.csr_array((value, (row, column)), shape=(count, columns))
        a.sum_duplicates()
        return a, low, high, family
