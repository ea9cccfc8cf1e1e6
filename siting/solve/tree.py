"""A best-bound tree over the relaxed projected program, with cuts in its nodes.

HiGHS cannot be given cuts while it branches, so that a program kept small by cuts has to be solved
from nothing again and again. Here a node is a set of options that may be taken and of sites that
must have a station; its bound is the relaxed program's, tightened by the cuts its optimum breaks,
which hold everywhere. What the reduced costs rule out, given the best plan and the gap asked, is
closed for good: mostly all but a few of the options.

A node is split on a site that is opened in part, or else on the size of a station; of several
splits the one is taken that lowers the bounds of both sides most.

Sources: J. Benders: Partitioning procedures for solving mixed-variables programming problems.
Numerische Mathematik 4 (1962), 238-252. T. Achterberg, T. Koch, A. Martin: Branching rules
revisited. Operations Research Letters 33 (2005), 42-54 (reliability branching).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siting.engine.clock import Clock
from siting.program.instance import Flags, Floats, Ints
from siting.solve.master import Master, Relaxed
from siting.solve.search import fill, round_relaxed
from siting.solve.valuer import State, Valuer

NODE_ROUNDS, NODE_STALLED = 12, 2e-4
# Splits tried out at a node, as long as fewer have been seen of them.
TRIED, RELIABLE = 8, 2
# Plans are rounded at the first nodes, then at every so many.
FIRST_NODES, EVERY = 30, 10
PART = 1e-6


@dataclass(frozen=True, eq=False)
class _Node:
    allowed: Flags
    opened: Flags
    bound: float


@dataclass(frozen=True, eq=False)
class _Split:
    """Two halves of a node: a name to remember it by, and how far it is from either."""

    key: tuple[int, int]
    down: _Node
    up: _Node
    below: float
    above: float


class Tree:
    """The tree of one solve.

    Parameters
    ----------
    valuer, clock
        Values of the instance; deadline and interruption.
    master
        The relaxed program.
    gap
        Relative gap to prove.
    offer
        Called with each plan found; returns the value of the best so far (kWh/day).
    tell
        Called with each proven bound (kWh/day).
    """

    def __init__(
        self,
        valuer: Valuer,
        clock: Clock,
        master: Master,
        *,
        gap: float,
        offer: Callable[[State], float],
        tell: Callable[[float], None],
    ) -> None:
        self._valuer, self._clock, self._master = valuer, clock, master
        self._gap, self._offer, self._tell = gap, offer, tell
        self._best = 0.0
        self._closed = 0.0
        self._seen: dict[tuple[int, int], list[list[float]]] = {}
        self.nodes = 0
        master.forget_money()
        root = _Node(valuer.valid.copy(), valuer.instance.must_sites.copy(), math.inf)
        self._heap: list[tuple[float, int, _Node]] = [(-math.inf, 0, root)]
        self._made = 0

    @property
    def _enough(self) -> float:
        return self._best * (1 + self._gap)

    def run(self, best: float) -> float:
        """Return the bound on any choice (kWh/day) once the gap is proven or time is up.

        Called again, it goes on from where it was.

        Parameters
        ----------
        best
            Value of the best plan so far (kWh/day).
        """
        self._best = max(self._best, best)
        heap = self._heap
        while heap:
            bound = max(-heap[0][0], self._closed)
            self._tell(bound)
            if self._clock.over or bound <= self._enough:
                return bound
            top = heapq.heappop(heap)
            children = self._work(top[2])
            if children is None:
                heapq.heappush(heap, top)
                return bound
            for child in children:
                self._made += 1
                heapq.heappush(heap, (-child.bound, self._made, child))
        self._tell(self._closed)
        return self._closed

    # --- a node ------------------------------------------------------------------------------

    def _work(self, node: _Node) -> list[_Node] | None:
        """Return the children of a node, none where it is done; None if time ran out."""
        self._master.allow(node.allowed, node.opened)
        found, low = self._master.tighten(NODE_ROUNDS, NODE_STALLED, self._enough)
        if found is None:
            return None
        self.nodes += 1
        low = min(low, node.bound)
        if low <= self._enough:
            return self._done(low)
        if self.nodes <= FIRST_NODES or self.nodes % EVERY == 0:
            self._plan(found)
            if low <= self._enough:
                return self._done(low)
        allowed = self._without_the_hopeless(node.allowed, found)
        node = _Node(allowed, node.opened, low)
        splits = self._splits(node, found)
        if not splits:
            return self._at_a_plan(node, found)
        split = self._best_of(splits, found)
        return [split.down, split.up]

    def _done(self, bound: float) -> list[_Node]:
        self._closed = max(self._closed, bound)
        return []

    def _without_the_hopeless(self, allowed: Flags, found: Relaxed) -> Flags:
        """Return the options without those that reduced costs rule out."""
        hopeless, bound = found.hopeless(self._enough)
        self._closed = max(self._closed, bound)
        return allowed & ~hopeless

    def _at_a_plan(self, node: _Node, found: Relaxed) -> list[_Node]:
        """Value the plan; go on with its cuts, or close the node where it is worth its bound."""
        state = self._valuer.at(self._choice(found.taken))
        self._best = self._offer(state)
        if state.value >= node.bound - 1e-9 * abs(node.bound) - self._valuer.noise:
            return self._done(max(state.value, min(node.bound, self._enough)))
        before = self._master.solve()
        if before is None or not self._master.separate(before):
            # Within arithmetic of its bound: nothing is left to cut off.
            return self._done(node.bound)
        return [node]

    def _choice(self, taken: Floats) -> Ints:
        choice = np.where(taken[:, 1:] > 0.5, np.arange(1, taken.shape[1]), 0).max(axis=1)
        return np.asarray(choice, dtype=np.int64)

    def _plan(self, found: Relaxed) -> None:
        for least in (1 - PART, 0.5):
            state = round_relaxed(self._valuer, found.taken, least, self._clock)
            self._best = self._offer(fill(self._valuer, state, self._clock))

    # --- splits ------------------------------------------------------------------------------

    def _best_of(self, splits: list[_Split], found: Relaxed) -> _Split:
        """Return the split that lowers the bounds of both sides most, as far as is known."""
        best, best_score = splits[0], -1.0
        for split in splits:
            seen = self._seen.setdefault(split.key, [[], []])
            if min(len(seen[0]), len(seen[1])) < RELIABLE and not self._clock.over:
                self._try(split, found.bound, seen)
            fall = [
                float(np.mean(one)) * far if one else 0.0
                for one, far in zip(seen, (split.below, split.above), strict=True)
            ]
            score = max(fall[0], 1e-6) * max(fall[1], 1e-6)
            if score > best_score:
                best, best_score = split, score
        return best

    def _try(self, split: _Split, bound: float, seen: list[list[float]]) -> None:
        for side, (child, far) in enumerate(((split.down, split.below), (split.up, split.above))):
            self._master.allow(child.allowed, child.opened)
            after = self._master.solve()
            if after is None:
                return
            fall = min(bound - after.bound, bound)
            seen[side].append(max(fall, 0.0) / far)

    def _splits(self, node: _Node, found: Relaxed) -> list[_Split]:
        """Return splits on sites that are opened in part, else on sizes; the most even first.

        None where every site takes one option whole, or none.
        """
        whole = found.taken[:, 1:].sum(axis=1)
        part = np.flatnonzero((whole > PART) & (whole < 1 - PART))
        if len(part):
            order = part[np.argsort(np.abs(whole[part] - 0.5), kind="stable")][:TRIED]
            return [self._on_site(node, int(j), float(whole[j])) for j in order.tolist()]
        mixed = np.flatnonzero((found.taken[:, 1:] > PART).sum(axis=1) > 1)
        return [self._on_size(node, int(j), found.taken[j]) for j in mixed[:TRIED].tolist()]

    def _on_site(self, node: _Node, j: int, whole: float) -> _Split:
        closed = node.allowed.copy()
        closed[j, 1:] = False
        opened = node.opened.copy()
        opened[j] = True
        down = _Node(closed, node.opened, node.bound)
        return _Split((j, 0), down, _Node(node.allowed, opened, node.bound), whole, 1 - whole)

    def _on_size(self, node: _Node, j: int, taken: Floats) -> _Split:
        """Split at the mean subsidy of what is taken, so that both sides rule some of it out."""
        price = self._valuer.subsidy[j]
        some = np.flatnonzero(taken[1:] > PART) + 1
        order = some[np.lexsort((some, price[some]))]
        share = np.cumsum(taken[order])
        cut = int(np.argmin(np.abs(share[:-1] - 0.5)))
        rank = np.lexsort((np.arange(len(price)), price))
        place = np.empty(len(price), dtype=np.int64)
        place[rank] = np.arange(len(price))
        small = place <= place[order[cut]]
        less, more = node.allowed.copy(), node.allowed.copy()
        less[j, 1:] &= small[1:]
        more[j, 1:] &= ~small[1:]
        below, above = float(1 - share[cut]), float(share[cut])
        down = _Node(less, node.opened, node.bound)
        return _Split((j, 1 + cut), down, _Node(more, node.opened, node.bound), below, above)
