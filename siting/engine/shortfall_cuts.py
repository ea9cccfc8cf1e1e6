"""Cuts from the subproblems of all groups of parts, several solved in parallel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cuts import Cut, Cutter
from siting.engine.highs import run_native
from siting.engine.shortfall import Shortfall
from siting.program.instance import Floats


class Shortfalls:
    """The subproblems of all groups of parts, each built on first use.

    Where floors or money link parts, the shortfall of each part alone is computed first: it is fast
    and usually enough. The large subproblems of the groups come second.
    """

    def __init__(self, cutter: Cutter, clock: Clock, *, threads: int) -> None:
        self.cutter, self.clock, self.threads = cutter, clock, threads
        self._made: dict[bool, list[Shortfall]] = {}
        self.missed = False  # whether a group got no cut at the first point of the last call

    def cuts(
        self, points: Sequence[Floats], measured: Floats, breaks: Callable[[Cut], bool],
        *, linked: bool,
    ) -> list[Cut]:  # fmt: skip
        """Return each group's cut at the first point that yields one.

        `points`: values of the options; `measured`: all columns of the master problem; `breaks`:
        test whether the point to cut off violates a cut; `linked`: whether linked parts get a
        common cut, instead of a cut on the worth of each part.
        """
        left, out = self._programs(linked=linked), []
        self.missed = False
        for point in points:
            missed = []
            for one, cut in self._at(point, measured, left):
                if cut is not None and breaks(cut):
                    out.append(cut)
                else:
                    missed.append(one)
            left = missed
            self.missed |= bool(missed) and point is points[0]
        return out

    def of_worths(self, parts: Sequence[int], point: Floats) -> dict[int, list[Cut]]:
        """Return the worth cuts of some parts at a point, while time lasts."""
        endless = np.full(1 + max(m.column for m in self.cutter.measures), settings.ENDLESS)
        mine = [one for one in self._programs(linked=False) if one.group[0] in parts]
        cuts = self._at(point, endless, mine)
        out = {one.group[0]: [cut] for one, cut in cuts if cut is not None}
        for p in set(parts) - set(self.cutter.alone):  # no subproblem is needed
            out[p] = self.cutter.of_worth(p, point)
        return out

    def _programs(self, *, linked: bool) -> list[Shortfall]:
        if linked not in self._made:
            groups = self.cutter.linked if linked else [[p] for p in self.cutter.alone]
            self._made[linked] = [
                Shortfall(self.cutter, group, worth_only=not linked) for group in groups
            ]
        return self._made[linked]

    def _at(
        self, point: Floats, measured: Floats, programs: Sequence[Shortfall]
    ) -> list[tuple[Shortfall, Cut | None]]:
        """Return subproblems with their cuts at a point, several solved in parallel."""
        out: list[tuple[Shortfall, Cut | None]] = []
        for n in range(0, len(programs), self.threads):
            together = programs[n : n + self.threads]
            if self.clock.over:
                out += [(one, None) for one in together]
                continue
            for one in together:
                one.aim_at(point, measured)
            run_native([one.model for one in together], self.clock)
            again = together
            for _ in range(settings.PRICE_IN_ROUNDS):
                again = [one for one in again if one.price_in()]
                if not again or self.clock.over:
                    break
                run_native([one.model for one in again], self.clock)
            out += [(one, one.cut(point, measured)) for one in together]
        return out
