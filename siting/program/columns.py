"""The columns of a program: options, energies, subsidies, then the columns that aims add."""

from __future__ import annotations

import numpy as np

from siting.program.instance import Floats, Ints


class Columns:
    """The columns: options, energies, subsidies, then the columns that aims add."""

    def __init__(self, options: int) -> None:
        self.options = options
        self.count = options
        self.energies = options  # position after the last energy
        self._lower: list[Floats] = [np.zeros(options)]
        self._upper: list[Floats] = [np.ones(options)]
        self.names: dict[int, str] = {}  # names of the columns that aims add

    def add(self, upper: Floats) -> Ints:
        """Add columns between 0 and upper bounds; return their positions."""
        first = self.count
        self.count += len(upper)
        self._lower.append(np.zeros(len(upper)))
        self._upper.append(upper)
        return np.arange(first, self.count)

    def more(self, name: str, lower: float, upper: float) -> int:
        """Add one named column; return its position."""
        self._lower.append(np.array([lower]))
        self._upper.append(np.array([upper]))
        self.names[self.count] = name
        self.count += 1
        return self.count - 1

    def bounds(self) -> tuple[Floats, Floats]:
        """Return the lower and upper bounds."""
        return np.concatenate(self._lower), np.concatenate(self._upper)
