"""Columns and rows of a sparse program. Each row belongs to a family, such as ``capacity``."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.program.instance import Floats, Ints

FAMILIES = (
    "one", "resource", "demand", "capacity", "cover", "gap", "cap", "paid", "subsidies", "floor",
    "aim", "kept",
)  # fmt: skip
# The row, column and value of each coefficient.
Term = tuple[Ints, Ints, Floats | float]
_Part = tuple[Ints, Ints, Floats, Floats, Floats]


class Columns:
    """The columns: first options, then energy, subsidies, and columns that aims add."""

    def __init__(self, options: int) -> None:
        self.options = self.count = options
        self.energies = options  # position after the last energy column
        self._lower: list[Floats] = [np.zeros(options)]
        self._upper: list[Floats] = [np.ones(options)]
        self.names: dict[int, str] = {}  # names of the columns that aims add

    def add(self, upper: Floats, lower: float = 0.0) -> Ints:
        """Add columns with these upper bounds and a common lower bound; return their positions."""
        first = self.count
        self.count += len(upper)
        self._lower.append(np.full(len(upper), lower))
        self._upper.append(upper)
        return np.arange(first, self.count)

    def more(self, name: str, lower: float, upper: float) -> int:
        """Add one named column; return its position."""
        self.names[self.count] = name
        return int(self.add(np.array([upper]), lower)[0])

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the columns' lower and upper bounds."""
        return np.concatenate(self._lower), np.concatenate(self._upper)


class Rows:
    """The rows of a matrix, collected by family; the matrix has them in the order of `FAMILIES`."""

    def __init__(self) -> None:
        self._parts: dict[str, list[_Part]] = {name: [] for name in FAMILIES}

    def add(
        self, family: str, row: Ints, column: Ints, value: Floats, *, lower: Floats | None = None,
        upper: Floats | None = None,
    ) -> None:  # fmt: skip
        """Add rows, each divided by its largest coefficient, with lower or upper bounds or both.

        `row`, `column` and `value` are the coefficients; rows are numbered from 0 in each call.
        """
        count = len(next(side for side in (lower, upper) if side is not None))
        if not count:
            return
        largest = np.zeros(count)
        np.maximum.at(largest, row, np.abs(value))
        scale = 1.0 / np.where(largest > 0, largest, 1.0)
        low = np.full(count, -np.inf) if lower is None else lower * scale
        high = np.full(count, np.inf) if upper is None else upper * scale
        self._parts[family].append((row, column, value * scale[row], low, high))

    def add_terms(self, family: str, *terms: Term, **sides: Floats) -> None:
        """Add rows that are sums of terms; `sides` are the bounds, as in `add`."""
        parts = zip(*(np.broadcast_arrays(*term) for term in terms), strict=True)
        row, column, value = (np.concatenate(part) for part in parts)
        self.add(family, row, column, value, **sides)

    def add_one(self, family: str, column: Ints, value: Floats, **sides: float) -> None:
        """Add one row; `sides` are the bounds, as in `add`."""
        row = np.zeros(len(column), dtype=np.int64)
        self.add(family, row, column, value, **{k: np.array([v]) for k, v in sides.items()})

    def matrix(self, columns: int) -> tuple[sparse.csr_array, Floats, Floats, dict[str, slice]]:
        """Return the coefficients, the bounds, and the range of rows of each family."""
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
