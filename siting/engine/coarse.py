"""The master problem: its variables are options and a few *measures* instead of all flows.

Measures are the worth served in each part, the energy that counts towards each floor and, if public
money pays viability gaps, the total paid by the end of each year. `siting.program.matrix` writes
aims, floors and budgets in terms of pairs or of measures. `siting.engine.cuts` excludes values of
measures that no choice of options can reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from siting.engine.frame import Frame
from siting.engine.parts import Part
from siting.program.floors import Floor
from siting.program.instance import Floats, Ints
from siting.program.layout import Layout
from siting.program.money import GapRule, caps_of
from siting.program.rows import Rows


@dataclass(frozen=True)
class Measure:
    """A column of the master problem that replaces many columns of flows or payments."""

    column: int  # column in the coarse matrix
    # ``worth``: value of the energy served in a part; ``energy``: energy that a floor counts in a
    # slice; ``money``: public money paid by the end of a year; ``envelope``: public money paid from
    # an envelope in all years.
    kind: str
    index: int  # position of the part, floor, year or limit
    s: int = 0  # slice

    @property
    def sign(self) -> float:
        """1 if cuts bound the measure from above; -1 if they bound it from below (money)."""
        return 1.0 if self.kind in ("worth", "energy") else -1.0


class CoarseLayout(Layout):
    """The columns of the master problem; `measures` is complete once the matrix is made."""

    def __init__(self, frame: Frame, parts: Sequence[Part]) -> None:
        layout = frame.layout
        self._parts = parts
        self.measures: list[Measure] = []
        self._energy: dict[tuple[int, int], int] = {}
        same = {one.name: getattr(layout, one.name) for one in fields(layout)}
        super().__init__(**{**same, "by_pair": True})

    def _measure(self, kind: str, index: int, most: float, s: int = 0) -> int:
        column = int(self.columns.add(np.array([most]))[0])
        self.measures.append(Measure(column, kind, index, s))
        return column

    def _add_energies(self, s: int) -> None:
        for n, part in enumerate(self._parts):
            if part.slice == s:
                self._measure("worth", n, part.most, s)

    def _add_subsidies(self, rule: GapRule) -> None:
        caps = self.options.of_offers(caps_of(self.instance, rule) / self.money_unit)
        self._money: list[int] = []
        for t, cap in enumerate(caps.T):
            dearest = np.zeros(len(self.instance.site_ids))
            np.maximum.at(dearest, self.options.site, cap)
            self._money.append(self._measure("money", t, float(dearest.sum())))
        for r, limit in enumerate(self.instance.limits):
            if limit.per_rupee:
                self._measure("envelope", r, np.inf)

    def worth(self, scenario: int | None = None) -> tuple[Ints, Floats]:
        """Return the columns that measure worth (by default in all scenarios), and coefficients."""
        worths = [(m.column, self.slices[m.s]) for m in self.measures if m.kind == "worth"]
        mine = [(c, one) for c, one in worths if scenario in (None, one.scenario)]
        value = [one.weight * (one.probability if scenario is None else 1.0) for _, one in mine]
        column = np.array([c for c, _ in mine], dtype=np.int64)
        return column, np.array(value, dtype=float) * self.energy_unit

    def energy_of(self, floor: Floor, s: int) -> tuple[Ints, Floats]:
        """Return the column for the energy that counts towards a floor in a slice, and its unit."""
        f = self.floors.index(floor)
        if (f, s) not in self._energy:
            rows = self.service.floor[f] & (self.service.kwh[:, s] > 0)
            most = float(self.service.kwh[rows, s].sum()) / self.energy_unit
            self._energy[f, s] = self._measure("energy", f, most, s)
        return np.array([self._energy[f, s]]), np.array([self.energy_unit])

    def drives(self, by_class: Floats | None = None) -> tuple[Ints, Floats]:
        """Return no columns, because the only known bound on drive times is 0."""
        return np.zeros(0, dtype=np.int64), np.zeros(0)

    def write(self, rows: Rows) -> None:
        """Write the constraint rows for options, public money and minimum service (floors)."""
        self._write_options(rows)
        if self.gap is not None:
            self._write_budget(rows)
        for m in self.measures:
            if m.kind == "envelope":
                most = self.instance.limits[m.index].at_most / self.money_unit
                rows.add_one("subsidies", np.array([m.column]), np.ones(1), upper=most)
        self._write_floors(rows)

    def _paid_by(self, t: int) -> Ints:
        return np.array([self._money[t]])
