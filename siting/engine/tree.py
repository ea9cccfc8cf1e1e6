"""A best-bound tree over the relaxed coarse program, with cuts in its nodes.

HiGHS cannot be given cuts while it branches, so that a program kept small by cuts has to be solved
from nothing again and again. Here a node is a set of options that may be taken and of sites that
must have a station; its bound is the relaxed program's, tightened by the cuts its optimum breaks,
which hold everywhere. What the reduced costs rule out, given the best plan and the gap asked, is
closed for good: mostly all but a few of the options.

A node is split on how many stations of a kind there are, on a site that is opened in part, or else
on which option it takes; of several splits the one is taken that lowers the bounds of both sides
most.

Sources: J. Benders: Partitioning procedures for solving mixed-variables programming problems.
Numerische Mathematik 4 (1962), 238-252. T. Achterberg, T. Koch, A. Martin: Branching rules
revisited. Operations Research Letters 33 (2005), 42-54 (reliability branching).
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from siting.engine.clock import Clock
from siting.engine.cut_model import CutModel, Relaxed
from siting.program.instance import Flags, Floats, Ints

NODE_ROUNDS, NODE_STALLED = 12, 2e-4
# Splits tried out at a node, as long as fewer have been seen of them.
TRIED, RELIABLE = 8, 2
# Plans are made at the first nodes, then at every so many.
FIRST_NODES, EVERY = 30, 10
PART = 1e-6
# Counts tried, the most even ones.
MOST_COUNTS = 40
# A count this near to a whole number is one, as long as sites are left to split on.
COUNTED = 1e-3


@dataclass(frozen=True, eq=False)
class _Node:
    allowed: Flags
    opened: Flags
    least: Floats
    most: Floats
    bound: float


@dataclass(frozen=True, eq=False)
class _Split:
    """Two halves of a node: a name to remember it by, and how far it is from either."""

    key: tuple[int, int]
    down: _Node
    up: _Node
    below: float
    above: float


class Keeper(Protocol):
    """Who keeps the best plan so far and the bound, and makes plans."""

    @property
    def best(self) -> float:
        """Value of the best plan so far; -inf if there is none."""

    @property
    def proven_at(self) -> float:
        """Bound at which the asked gap is reached; -inf while there is no plan."""

    def limit(self, bound: float) -> None:
        """Keep a proven bound."""

    def weighed(self, choice: Ints) -> float:
        """Return the value of a choice, -inf if it is no plan; keep it if it is the best."""

    def plan_at(self, taken: Floats) -> None:
        """Make plans of how much of each option is taken."""


class Tree:
    """The tree of one aim: a relaxed program, who keeps what is found, and the clock."""

    def __init__(self, master: CutModel, keeper: Keeper, clock: Clock) -> None:
        self._master, self._keeper, self._clock = master, keeper, clock
        self._site, self._must = master.site, master.must
        self._closed = -math.inf
        self._seen: dict[tuple[int, int], list[list[float]]] = {}
        self.nodes = 0
        sizes = np.array([float(len(kind)) for kind in master.kinds])
        everything = np.ones(len(self._site), dtype=bool)
        root = _Node(everything, self._must.copy(), np.zeros(len(sizes)), sizes, math.inf)
        self._heap: list[tuple[float, int, _Node]] = [(-math.inf, 0, root)]
        self._made = 0

    @property
    def finished(self) -> bool:
        """Whether nothing is left open."""
        return not self._heap

    def run(self, nodes: int) -> None:
        """Look at so many nodes at the most, until the gap is proven or time is up.

        Called again, it goes on from where it was.
        """
        heap, until, keeper = self._heap, self.nodes + nodes, self._keeper
        while heap:
            bound = max(-heap[0][0], self._closed)
            keeper.limit(bound)
            if self._clock.over or bound <= keeper.proven_at or self.nodes >= until:
                return
            top = heapq.heappop(heap)
            children = self._work(top[2])
            if children is None:
                heapq.heappush(heap, top)
                return
            for child in children:
                self._made += 1
                heapq.heappush(heap, (-child.bound, self._made, child))
        keeper.limit(max(self._closed, keeper.best))

    # --- a node ------------------------------------------------------------------------------

    def _work(self, node: _Node) -> list[_Node] | None:
        """Return the children of a node, none where it is done; None if time ran out."""
        self._master.allow(node.allowed, node.opened, node.least, node.most)
        relaxed, low = self._master.tighten(NODE_ROUNDS, NODE_STALLED, self._keeper.proven_at)
        if relaxed is None:
            return None
        self.nodes += 1
        low = min(low, node.bound)
        if low <= self._keeper.proven_at or low == -math.inf:
            return self._done(low)
        if self.nodes <= FIRST_NODES or self.nodes % EVERY == 0:
            self._keeper.plan_at(relaxed.taken)
            if low <= self._keeper.proven_at:
                return self._done(low)
        hopeless, closed = relaxed.hopeless(self._keeper.proven_at)
        self._closed = max(self._closed, closed)
        node = replace(node, allowed=node.allowed & ~hopeless, bound=low)
        splits = self._splits(node, relaxed)
        if not splits:
            return self._at_a_plan(node, relaxed)
        split = self._best_of(splits, relaxed)
        return [split.down, split.up]

    def _done(self, bound: float) -> list[_Node]:
        self._closed = max(self._closed, bound)
        return []

    def _at_a_plan(self, node: _Node, relaxed: Relaxed) -> list[_Node]:
        """Value the plan; go on with its cuts, or close the node where it is worth its bound."""
        choice = np.flatnonzero(relaxed.taken > 0.5)
        value = self._keeper.weighed(choice)
        if value >= node.bound - self._master.exact * abs(node.bound):
            return self._done(max(value, min(node.bound, self._keeper.proven_at)))
        self._master.allow(node.allowed, node.opened, node.least, node.most)
        before = self._master.solve()
        if before is not None and self._master.separate(before):
            return [node]
        # Nothing is left to cut off, and yet the plan is not worth it: only this choice is ruled
        # out, by a cut of its own.
        if math.isfinite(value) or before is None:
            return self._done(node.bound)
        self._master.forbid(choice)
        return [node]

    # --- splits ------------------------------------------------------------------------------

    def _best_of(self, splits: list[_Split], relaxed: Relaxed) -> _Split:
        """Return the split that lowers the bounds of both sides most, as far as is known."""
        best, best_score = splits[0], -1.0
        for split in splits:
            seen = self._seen.setdefault(split.key, [[], []])
            if min(len(seen[0]), len(seen[1])) < RELIABLE and not self._clock.over:
                self._try(split, relaxed.bound, seen)
            fall = [
                float(np.mean(one)) * far if one else 0.0
                for one, far in zip(seen, (split.below, split.above), strict=True)
            ]
            least = 1e-9 * max(abs(relaxed.bound), 1e-300)
            score = max(fall[0], least) * max(fall[1], least)
            if score > best_score:
                best, best_score = split, score
        return best

    def _try(self, split: _Split, bound: float, seen: list[list[float]]) -> None:
        for side, (child, far) in enumerate(((split.down, split.below), (split.up, split.above))):
            self._master.allow(child.allowed, child.opened, child.least, child.most)
            after = self._master.solve()
            if after is None:
                return
            fall = min(bound - after.bound, abs(bound))
            seen[side].append(max(fall, 0.0) / far)

    def _splits(self, node: _Node, relaxed: Relaxed) -> list[_Split]:
        """Return splits on sites that are opened in part, else on options; the most even first.

        None where every site takes one option whole, or none.
        """
        counts = [float(relaxed.taken[kind].sum()) for kind in self._master.kinds]
        uneven = [k for k, n in enumerate(counts) if abs(n - round(n)) > COUNTED]
        if uneven:
            uneven.sort(key=lambda k: abs(counts[k] % 1.0 - 0.5))
            return [self._on_count(node, k, counts[k]) for k in sorted(uneven[:MOST_COUNTS])]
        whole = np.bincount(self._site, relaxed.taken, minlength=len(self._must))
        part = np.flatnonzero((whole > PART) & (whole < 1 - PART))
        if len(part):
            order = part[np.argsort(np.abs(whole[part] - 0.5), kind="stable")][:TRIED]
            return [self._on_site(node, int(j), float(whole[j])) for j in order.tolist()]
        some = relaxed.taken > PART
        mixed = np.flatnonzero(np.bincount(self._site, some, minlength=len(self._must)) > 1)
        return [self._on_option(node, int(j), relaxed.taken) for j in mixed[:TRIED].tolist()]

    def _on_site(self, node: _Node, j: int, whole: float) -> _Split:
        closed = node.allowed & (self._site != j)
        opened = node.opened.copy()
        opened[j] = True
        down, up = replace(node, allowed=closed), replace(node, opened=opened)
        return _Split((j, 0), down, up, whole, 1 - whole)

    def _on_count(self, node: _Node, k: int, count: float) -> _Split:
        """Split on how many of a kind there are."""
        below = math.floor(count)
        most, least = node.most.copy(), node.least.copy()
        most[k], least[k] = below, below + 1
        down, up = replace(node, most=most), replace(node, least=least)
        return _Split((-1 - k, 0), down, up, count - below, below + 1 - count)

    def _on_option(self, node: _Node, j: int, taken: Floats) -> _Split:
        """Split at the mean subsidy of what is taken, so that both sides rule some of it out."""
        options = np.flatnonzero(self._site == j)
        rank = options[np.lexsort((options, self._master.money[options]))]
        share = np.cumsum(taken[rank])
        some = np.flatnonzero(taken[rank] > PART)
        cut = int(some[np.argmin(np.abs(share[some[:-1]] - 0.5))])
        less, more = node.allowed.copy(), node.allowed.copy()
        less[rank[cut + 1 :]] = False
        more[rank[: cut + 1]] = False
        above = min(max(float(share[cut]), PART), 1.0 - PART)
        down, up = replace(node, allowed=less), replace(node, allowed=more)
        return _Split((j, 1 + cut), down, up, 1 - above, above)
