"""1- and 2-exchange guided by cuts, for choices whose value needs a linear program.

The cuts of a choice bound every other choice (`siting.engine.parts`), and those of its neighbours
bound more tightly between them. Of all exchanges of one site, or of two, the one with the highest
bound is valued: either it is worth more and is taken, or its cuts lower the bounds of many like it.
So few must be valued that a linear program for each is fast enough, as each starts from the last.

Source: M. Teitz, P. Bart: Heuristic methods for estimating the generalized vertex median of a
weighted graph. Operations Research 16 (1968), 955-961 (interchange).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.master import Master
from siting.engine.shortfall_cuts import Shortfalls
from siting.engine.slack import Room
from siting.program.instance import Floats, Ints


class Interchange:
    """The exchange search over one program: its choices, their values and their cuts.

    A *change* is an option, taken at its site in place of what stands there; then, one a site, a
    site left empty; then no change.
    """

    def __init__(
        self, frame: Frame, master: Master, room: Room, clock: Clock, *, threads: int
    ) -> None:
        self.frame, self.room, self.clock, self.threads = frame, room, clock, threads
        self.cutter = master.cutter
        # Programs of its own: neighbouring points need few columns.
        self._shortfalls = Shortfalls(self.cutter, clock, threads=threads)
        self.none = frame.count + frame.sites
        self.cost = master.matrix.cost[: frame.count]
        parts = range(len(self.cutter.parts))
        columns = [self.cutter.worth_of[p].column for p in parts]
        self.weight = master.matrix.cost[columns]
        one_each = 8.0 * max(frame.count * len(parts), 1)
        kept = min(settings.CUTS_KEPT, max(int(settings.KEPT_BYTES / one_each), 4))
        self._cuts: list[deque[tuple[float, Floats]]] = [deque(maxlen=kept) for _ in parts]
        self._worth: dict[tuple[int, bytes], float] = {}
        self._fresh: list[tuple[int, float, Floats]] = []  # age of each cut since its last use

    # --- worths ------------------------------------------------------------------------------

    def value(self, choice: Ints) -> float | None:
        """Return the scaled value of a choice (option by site); None if time ran out."""
        worth = self._worths(choice, list(range(len(self.weight))))
        return None if worth is None else float(self.weight @ worth) + self._paid(choice)

    def _paid(self, choice: Ints) -> float:
        return float(self.cost[choice[choice >= 0]].sum())

    def _worths(self, choice: Ints, asked: list[int]) -> Floats | None:
        """Return the worths of some parts at a choice and keep their cuts; None if time ran out.

        A part is computed once for all choices with the same stations in its slice.
        """
        keys = {p: (p, self.cutter.standing(p, choice)) for p in asked}
        new = [p for p, key in keys.items() if key not in self._worth]
        taken = np.zeros(self.frame.count)
        taken[choice[choice >= 0]] = 1.0
        for p, cuts in self._shortfalls.of_worths(new, taken).items():
            for cut in cuts:
                self._cuts[p].append((cut.constant, cut.coefficient))
                self._fresh.append((p, cut.constant, cut.coefficient))
            self._worth[keys[p]] = min(cut.at(choice[choice >= 0]) for cut in cuts)
        if any(key not in self._worth for key in keys.values()):
            return None
        return np.array([self._worth[key] for key in keys.values()])

    # --- changes -----------------------------------------------------------------------------

    def better(self, choice: Ints, refused: Collection[bytes] = ()) -> Ints | None:
        """Return a better choice by a 1- or 2-exchange; None if none was found.

        `refused`: choices to skip, as bytes.
        """
        value = self.value(choice)
        if value is None:
            return None
        first, second = self._changes(choice)
        change = self.room.added(self.cost, choice)
        paid = self._paid(choice) + change[first] + change[second]
        claims = np.full((len(self.weight), len(first)), np.inf)
        self._fresh = [(p, *cut) for p, cuts in enumerate(self._cuts) for cut in cuts]
        least = value + settings.SIGNIFICANT * abs(value)
        while len(first) and not self.clock.over:
            self._claim(claims, choice, first, second)
            total = self.weight @ claims + paid
            at = int(total.argmax())
            if total[at] <= least:
                return None
            changed = self.room.changed(choice, int(first[at]), int(second[at]))
            if changed.tobytes() in refused or not self.frame.fits(np.sort(changed[changed >= 0])):
                paid[at] = -np.inf
            elif self._lower(claims[:, at], changed, least - paid[at]):
                return changed
        return None

    def _lower(self, claims: Floats, choice: Ints, least: float) -> bool:
        """Replace claimed worths of a choice by true ones until they are too small.

        Return whether they suffice in the end.
        """
        order = np.argsort(-self.weight * claims, kind="stable").tolist()
        for n in range(0, len(order), self.threads):
            together = order[n : n + self.threads]
            worth = self._worths(choice, together)
            if worth is None:
                return False
            claims[together] = np.minimum(claims[together], worth)
            if self.weight @ claims <= least:
                return False
        return True

    def _claim(self, claims: Floats, choice: Ints, first: Ints, second: Ints) -> None:
        """Lower the claimed worth of each part (row) after changes, by fresh cuts."""
        for p, constant, coefficient in self._fresh:
            now = constant + float(coefficient[choice[choice >= 0]].sum())
            change = self.room.added(coefficient, choice)
            np.minimum(claims[p], now + change[first] + change[second], out=claims[p])
        self._fresh = []

    def _changes(self, choice: Ints) -> tuple[Ints, Ints]:
        """Return promising changes that fit, in pairs (the second may be none), best first."""
        frame, count = self.frame, self.frame.count
        there = choice[choice >= 0]
        gain = self.room.added(self.cost, choice)
        for cuts, weight in zip(self._cuts, self.weight, strict=True):
            # A choice's own cut is the lowest at that choice.
            own = min(cuts, key=lambda cut: cut[0] + float(cut[1][there].sum()))
            gain += weight * self.room.added(own[1], choice)
        site = np.concatenate([frame.site, np.arange(frame.sites)])
        real = np.ones(self.none, dtype=bool)
        real[there] = False
        real[count:] = (choice >= 0) & ~frame.must
        up = np.flatnonzero(real & (gain[:-1] > 0))
        up = up[np.argsort(-gain[up], kind="stable")]
        most = float(gain[up].max(initial=0.0))
        down = np.flatnonzero(real & (choice[site] >= 0) & (gain[:-1] > -most))
        down = down[np.argsort(-gain[down], kind="stable")][: settings.DOWNS]
        fit = self.room.beside(choice, up)
        first, second = [], []
        for d in [self.none, *down.tolist()]:
            mine = up[fit(d, int(np.searchsorted(-gain[up], gain[d])))]
            if d < self.none:  # a pair of two gainers is listed once
                mine = mine[(site[mine] != site[d]) & ((gain[d] <= 0) | (mine > d))]
            if len(mine) > settings.PARTNERS:  # the best option of each site
                mine = mine[np.sort(np.unique(site[mine], return_index=True)[1])]
                mine = mine[: settings.PARTNERS]
            first.append(mine)
            second.append(np.full(len(mine), d))
        one, other = np.concatenate(first), np.concatenate(second)
        order = np.argsort(-(gain[one] + gain[other]), kind="stable")[: settings.EXCHANGES]
        return one[order], other[order]
