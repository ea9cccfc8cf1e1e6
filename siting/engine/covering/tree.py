"""Branch and bound on the options of a covering, the relaxed program of `Master` at each node.

The node with the highest bound is next. At a node cuts are added while they help, options that
cannot stand, or cannot be missed, in a plan of the weight aimed at are fixed by what the bound
would lose, and the option to branch on is the one whose two children lose most, tried on a few.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siting.engine.clock import Clock
from siting.engine.covering.master import Master, Point
from siting.program.instance import Floats, Ints

# Rounds of cuts at a node, and share of the distance to the aim that a round must win.
ROUNDS, SURE_ROUNDS, WINS = 10, 3, 0.03
# Cuts this much beyond those kept after the last purge are too many.
CROWDED = 2.0
WHOLE = 1e-6
# Options tried at a node, at first and later.
TRIED, TRIED_LATER, EXPERIENCE = 6, 3, 200
# Every so many nodes a plan is made from the relaxed one.
ROUND_EVERY = 5


@dataclass(frozen=True, eq=False)
class _Node:
    """Bounds of the options, and a bound on the plans between them."""

    bound: float
    low: Floats
    high: Floats


class Tree:
    """The nodes that are open, and the bound they leave.

    `master`, `clock`: the relaxed program, and what stops the work early; `aim`: weight that a plan
    must exceed to be worth looking for, as known now; `round_off`: called with how much of each
    option a relaxed program takes: makes a plan of it; `accuracy`: share of all weight to which the
    relaxed programs are solved.
    """

    def __init__(
        self,
        master: Master,
        clock: Clock,
        aim: Callable[[], float],
        round_off: Callable[[Floats], None],
        accuracy: float,
    ) -> None:
        self.master, self.clock, self.aim = master, clock, aim
        self.round_off, self.accuracy = round_off, accuracy
        self.nodes = 0
        self.closed = -np.inf
        self._open: list[tuple[float, int, _Node]] = []
        self._made = 0
        self._kept = max(master.cuts, len(master.zones))

    @property
    def bound(self) -> float:
        """No plan, other than those known, covers more."""
        return max(self.closed, -self._open[0][0] if self._open else -np.inf)

    def push(self, bound: float, low: Floats, high: Floats) -> None:
        """Open a node, or close it where its bound is not above the aim."""
        if bound <= self.aim():
            self.closed = max(self.closed, bound)
            return
        heapq.heappush(self._open, (-bound, self._made, _Node(bound, low, high)))
        self._made += 1

    def step(self) -> bool:
        """Work on the next node; return whether there is any above the aim, and time."""
        if not self._open or self.clock.over:
            return False
        node = heapq.heappop(self._open)[2]
        if node.bound <= self.aim():
            self.closed = max(self.closed, node.bound)
            return True
        self.nodes += 1
        low, high = node.low.copy(), node.high.copy()
        point, true = self._relax(node, low, high)
        if point is None:
            if self.clock.over:
                heapq.heappush(self._open, (-node.bound, self._made, node))
                self._made += 1
            return not self.clock.over
        bound = min(point.bound, node.bound)
        if bound <= self.aim():
            self.closed = max(self.closed, bound)
            return True
        if self.nodes % ROUND_EVERY == 1:
            self.round_off(point.taken)
        self._fix(point, low, high)
        split = np.flatnonzero((point.taken > WHOLE) & (point.taken < 1 - WHOLE))
        if not len(split):
            self.round_off(point.taken)
            if true and bound > self.aim():
                # Whole, and covers what it is held to cover: nothing here is better.
                self.closed = max(self.closed, bound)
            else:
                self.push(bound, low, high)
            return True
        self._branch(bound, point, low, high, split)
        return True

    def _relax(self, node: _Node, low: Floats, high: Floats) -> tuple[Point | None, bool]:
        """Return the relaxed program's optimum, and whether the cuts there hold."""
        master, true, last = self.master, False, node.bound
        master.bounds(low, high)
        point = master.solve()
        for count in range(ROUNDS):
            if point is None or point.bound <= self.aim():
                break
            value, cuts = master.separate(point.taken, point.held, self.accuracy)
            true = cuts == 0 or point.bound - value <= self.accuracy * point.bound
            if true:
                break
            again = master.solve()
            if again is None:
                return (None, False) if self.clock.over else (again, False)
            whole = not ((again.taken > WHOLE) & (again.taken < 1 - WHOLE)).any()
            won = last - again.bound
            last, point = min(last, again.bound), again
            if count >= SURE_ROUNDS and won < WINS * (last - self.aim()) and not whole:
                break
        if point is not None and master.cuts > CROWDED * self._kept + len(master.zones):
            if not true:
                point = master.solve()
            if point is not None:
                master.purge()
                self._kept = max(master.cuts, len(master.zones))
        return point, true

    def _fix(self, point: Point, low: Floats, high: Floats) -> None:
        """Fix the options whose other value leaves the bound at or below the aim."""
        aim = self.aim()
        lost = point.bound + point.reduced <= aim
        high[lost & (point.taken < WHOLE) & (low < 0.5)] = 0.0
        lost = point.bound - point.reduced <= aim
        low[lost & (point.taken > 1 - WHOLE) & (high > 0.5)] = 1.0
        self.closed = max(self.closed, aim if lost.any() else -np.inf)

    def _branch(self, bound: float, point: Point, low: Floats, high: Floats, split: Ints) -> None:
        """Open the two children of the option that loses most on both sides."""
        part = point.taken[split]
        score = np.minimum(part, 1 - part) * self.master.sole_weight(point.taken)[split]
        order = np.argsort(-score, kind="stable")
        most = TRIED if self.nodes < EXPERIENCE else TRIED_LATER
        best: tuple[float, int, list[float]] | None = None
        for n in order[:most].tolist():
            k = int(split[n])
            ends = []
            for value in (0.0, 1.0):
                end = self._child(k, value, low, high, bound)
                if end is None:
                    self.push(bound, low, high)
                    return
                ends.append(end)
            product = max(bound - ends[0], 1e-9 * bound) * max(bound - ends[1], 1e-9 * bound)
            if best is None or product > best[0]:
                best = (product, k, ends)
            if max(ends) <= self.aim():
                break
        assert best is not None
        _, k, ends = best
        down, up = high.copy(), low.copy()
        down[k], up[k] = 0.0, 1.0
        self.push(ends[1], up, high)
        self.push(ends[0], low, down)

    def _child(self, k: int, value: float, low: Floats, high: Floats, bound: float) -> float | None:
        """Return the bound of a child; None if time is up."""
        own_low, own_high = low.copy(), high.copy()
        own_low[k] = own_high[k] = value
        self.master.bounds(own_low, own_high)
        point = self.master.solve()
        if point is None:
            return None if self.clock.over else -np.inf
        return min(point.bound, bound)
