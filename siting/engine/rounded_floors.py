"""Rounded floors: rows that count whole stations, derived from floors (minimum energy served).

Every plan that meets a floor, ``sum of w_c x_c >= b``, also meets the row derived from this floor
at prices ``p_i`` of demand (`siting.engine.parts`)::

    sum over stations of intake(w - p)  >=  b - sum of p_i d_i

This row contains only options; below, it is written as ``sum of a_o y_o >= b``. The relaxation may
meet it with 5.05 stations of one size, whereas a plan needs 6 such stations or a larger station.
Mixed-integer rounding excludes 5.05. With a divisor ``q`` and the fractional part ``f`` of
``b / q``, the row ::

    sum of (floor(a_o / q) + min(1, fraction(a_o / q) / f)) y_o  >=  ceil(b / q)

holds for all integer ``y`` that satisfy the original row. The price of each demand row is either 0
or the full worth of its energy. The rows with a price are either all rows of some kinds of demand,
or the rows that the relaxation serves in full.

Source: H. Marchand, L. Wolsey: Aggregation and mixed integer rounding to solve MIPs. Operations
Research 49 (2001), 363-371.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.cuts import Cutter
from siting.engine.frame import Frame
from siting.engine.parts import Part
from siting.program.instance import Flags, Floats


@dataclass(frozen=True, eq=False)
class _Floor:
    """A row that requires a minimum of energy: its coefficients and its lower limit."""

    row: int
    worth: Floats
    of_option: Floats
    least: float


class RoundedFloors:
    """The rounded floors for one aim, and the search for those that a relaxation violates."""

    def __init__(self, frame: Frame, cutter: Cutter) -> None:
        self.frame, self.cutter = frame, cutter
        # Each floor, with the rows over options that are derived from it without dual prices.
        self.floors = [
            (floor, [self._knapsack(floor, priced) for priced in self._sets_of_kinds()])
            for floor in self._floors()
        ]

    def _floors(self) -> Iterator[_Floor]:
        frame, m = self.frame, self.frame.matrix
        first, ends = frame.count, frame.layout.columns.energies
        for row in frame.rows_of("floor", "kept").tolist():
            at = slice(m.a.indptr[row], m.a.indptr[row + 1])
            column, value = m.a.indices[at], m.a.data[at]
            least = float(m.row_lower[row])
            energy, payment = (column >= first) & (column < ends), column >= ends
            if not math.isfinite(least) or least <= 0 or not energy.any() or payment.any():
                continue
            worth, of_option = np.zeros(ends), np.zeros(first)
            worth[column[energy]] = value[energy]
            of_option[column[~energy]] = value[~energy]
            yield _Floor(row, worth, of_option, least)

    def broken(self, taken: Floats, price: Floats) -> tuple[sparse.csr_array, Floats]:
        """Return the rows over options that a point violates most, and their lower limits.

        `taken`: value of each option; `price`: duals of the rows at the relaxation's optimum.
        """
        rows, least = [np.zeros((0, self.frame.count))], []
        for floor, always in self.floors:
            for side, amount in [*always, *self._served_whole(floor, price)]:
                for row, most in rounded(side, amount, taken):
                    rows.append(row[None])
                    least.append(most)
        return sparse.csr_array(np.concatenate(rows)), np.array(least)

    def _sets_of_kinds(self) -> Iterator[Flags]:
        """Yield masks (row by slice) of the rows to price: none, one kind, or all kinds but one."""
        service = self.frame.service
        kinds = np.unique(service.kind).tolist()
        alone = {frozenset({kind}) for kind in kinds}
        sets = {frozenset[int](), *alone, *(frozenset(kinds) - one for one in alone)}
        for some in sorted(sets, key=sorted):
            priced = np.isin(service.kind, sorted(some))
            yield np.repeat(priced[:, None], service.kwh.shape[1], axis=1)

    def _served_whole(self, floor: _Floor, price: Floats) -> list[tuple[float, Floats]]:
        """Return the floor as a row over options in which only demand with a high dual has a price.

        A dual is high if, divided by the floor's dual, it exceeds half the demand's worth.
        """
        of_floor = abs(float(price[floor.row]))
        if not of_floor:
            return []
        share = np.abs(self.frame.of_demand(price)) / of_floor
        worth = np.zeros_like(share)
        for part in self.cutter.parts:
            worth[part.rows, part.slice] = part.highest(self._worth_of(floor, part))
        return [self._knapsack(floor, (share > worth / 2) & (worth > 0))]

    def _worth_of(self, floor: _Floor, part: Part) -> Floats:
        """Return, for each pair of a part, its coefficient in the row of a floor."""
        column = self.frame.layout.pair_column[part.pairs, part.slice]
        return np.where(column >= 0, floor.worth[column], 0.0)

    def _knapsack(self, floor: _Floor, priced: Flags) -> tuple[float, Floats]:
        """Return a floor as a row over options: its lower limit and coefficients."""
        frame, cutter = self.frame, self.cutter
        least, amount = floor.least, floor.of_option.copy()
        for p, part in enumerate(cutter.parts):
            value = self._worth_of(floor, part)
            price = np.where(priced[part.rows, part.slice], part.highest(value), 0.0)
            constant, of_part = cutter.priced(p, value, price)
            least -= constant
            amount += of_part
        # A required site always uses an option, so the least amount of its options is deducted.
        for site in np.flatnonzero(frame.must).tolist():
            mine = frame.site == site
            always = float(amount[mine].min())
            amount[mine] -= always
            least -= always
        return least, amount


def rounded(least: float, amount: Floats, taken: Floats) -> list[tuple[Floats, float]]:
    """Return the most violated roundings of ``sum of amount_o y_o >= least``: rows and limits."""
    scale = max(float(np.abs(amount).max(initial=0.0)), abs(least))
    least -= settings.EXACT * scale
    if least <= settings.SIGNIFICANT * scale:
        return []
    # Divisors that round well are the amounts of options in use, and their halves and thirds.
    there = np.flatnonzero(taken > settings.SIGNIFICANT)
    size = np.unique(np.round(amount[there] / scale, 7)) * scale
    size = size[size > settings.SIGNIFICANT * scale]
    found = []
    # If no amount is negative, coefficients above the lower limit are reduced to it.
    above = 0.0 if (amount >= 0).all() else math.inf
    for q in np.unique(np.concatenate([size, size / 2, size / 3])).tolist():
        ratio = least / q
        part = ratio - math.floor(ratio)
        if not settings.SIGNIFICANT < part < 1 - settings.SIGNIFICANT:
            continue
        most = float(math.ceil(ratio))
        steps = _steps(amount[there], q, part, most + above)
        short = 1 - float(steps @ taken[there]) / most
        if short > settings.SIGNIFICANT:
            found.append((short, q, part, most))
    best = sorted(found, reverse=True)[: settings.AT_ONCE]
    return [(_steps(amount, q, part, most + above), most) for _, q, part, most in best]


def _steps(amount: Floats, q: float, part: float, most: float) -> Floats:
    """Return the rounded coefficients, each capped at `most`."""
    ratio = amount / q + settings.EXACT
    whole = np.floor(ratio)
    return np.asarray(np.minimum(whole + np.minimum((ratio - whole) / part, 1.0), most))
