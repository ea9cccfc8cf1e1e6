"""A best-bound tree over the relaxed master problem, with cuts in its nodes.

HiGHS accepts no cuts while it branches, so it would have to start again after each new cut. In this
tree, a node consists of allowed options, sites that must have a station, and limits on the number
of stations of each kind. The bound of a node comes from the relaxation, tightened by violated cuts
that are valid in every node. Options that are excluded by their reduced costs stay closed in all
descendants of the node.

A node branches on the number of stations of a kind, on a site with a fractional station, or else on
the options of a site. Of several branchings, the tree chooses the branching that lowers the bounds
of both children most.

Sources: J. Benders: Partitioning procedures for solving mixed-variables programming problems.
Numerische Mathematik 4 (1962), 238-252. T. Achterberg, T. Koch, A. Martin: Branching rules
revisited. Operations Research Letters 33 (2005), 42-54 (reliability branching).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cut_model import CutModel, Relaxed
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class _Node:
    allowed: Flags
    opened: Flags
    least: Floats
    most: Floats
    bound: float


@dataclass(frozen=True, eq=False)
class _Split:
    """A branching: key, two children, and how far each child moves the quantity branched on."""

    key: tuple[int, int]
    down: _Node
    up: _Node
    below: float
    above: float


class _Keeper(Protocol):
    """The best choice found and the bound: what the tree uses of an `Incumbent`."""

    @property
    def best(self) -> float: ...
    @property
    def proven_at(self) -> float: ...
    @property
    def closes_at(self) -> float: ...
    def limit(self, bound: float) -> None: ...
    def weighed(self, choice: Ints) -> float: ...


class Tree:
    """The tree of one aim: a relaxed master problem, the keeper of results, and the clock.

    `plan_at`: makes plans from the relaxed values of the options; `hopeless`: returns the options
    that no plan above a given value uses, and a bound on plans with any of them.
    """

    def __init__(
        self, master: CutModel, keeper: _Keeper, clock: Clock, plan_at: Callable[[Floats], None],
        hopeless: Callable[[float], tuple[Flags, float]] | None = None,
    ) -> None:  # fmt: skip
        self._master, self._keeper, self._clock = master, keeper, clock
        self._plan_at, self._hopeless = plan_at, hopeless
        self._site, self._must = master.site, master.must
        self._closed = -math.inf
        self._seen: dict[tuple[int, int], list[list[float]]] = {}
        self.nodes = 0
        sizes = np.array([len(kind) for kind in master.kinds], dtype=float)
        everything = np.ones(len(self._site), dtype=bool)
        root = _Node(everything, self._must.copy(), np.zeros(len(sizes)), sizes, math.inf)
        self._heap: list[tuple[float, int, _Node]] = [(-math.inf, 0, root)]
        self._made = 0

    @property
    def finished(self) -> bool:
        """Whether no node is open."""
        return not self._heap

    @property
    def bound(self) -> float:
        """Bound on all plans from the nodes so far; infinite before the first node."""
        return max(-self._heap[0][0] if self._heap else -math.inf, self._closed)

    def run(self, nodes: int) -> None:
        """Process up to `nodes` more nodes, until the gap is proven or time is up."""
        heap, until, keeper = self._heap, self.nodes + nodes, self._keeper
        while heap:
            bound = self.bound
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

    def _work(self, node: _Node) -> list[_Node] | None:
        """Return a node's children: an empty list if the node is closed, None if time ran out."""
        began = self._clock.work
        self._master.allow(node.allowed, node.opened, node.least, node.most)
        relaxed, low = self._master.tighten(
            settings.NODE_ROUNDS, settings.NODE_STALLED, self._keeper.closes_at
        )
        if relaxed is None:
            return None
        worked = self._clock.work - began
        self.nodes += 1
        low = min(low, node.bound)
        if low <= self._keeper.closes_at or low == -math.inf:
            return self._done(low)
        if self.nodes <= settings.PLAN_EVERY or self.nodes % settings.PLAN_EVERY == 0:
            self._plan_at(relaxed.taken)
            if low <= self._keeper.closes_at:
                return self._done(low)
        hopeless, closed = relaxed.hopeless(self._keeper.closes_at)
        self._closed = max(self._closed, closed)
        if self._hopeless is not None:
            beyond, closed = self._hopeless(self._keeper.closes_at)
            self._closed, hopeless = max(self._closed, closed), hopeless | beyond
        node = replace(node, allowed=node.allowed & ~hopeless, bound=low)
        splits = self._splits(node, relaxed)
        if not splits:
            return self._at_a_plan(node, relaxed)
        split = self._best_of(splits, relaxed, worked)
        return [split.down, split.up]

    def _done(self, bound: float) -> list[_Node]:
        self._closed = max(self._closed, bound)
        return []

    def _at_a_plan(self, node: _Node, relaxed: Relaxed) -> list[_Node]:
        """Evaluate the choice of an integer node; add violated cuts, or close the node."""
        choice = np.flatnonzero(relaxed.taken > 0.5)
        value = self._keeper.weighed(choice)
        if value >= node.bound - self._master.exact * abs(node.bound):
            return self._done(max(value, min(node.bound, self._keeper.closes_at)))
        self._master.allow(node.allowed, node.opened, node.least, node.most)
        before = self._master.solve()
        if before is not None and self._master.separate(before):
            return [node]
        # No cut is violated, but the value is below the bound: exclude only this choice.
        if math.isfinite(value) or before is None:
            return self._done(node.bound)
        self._master.forbid(choice)
        return [node]

    def _best_of(self, splits: list[_Split], relaxed: Relaxed, work: float) -> _Split:
        """Return the split that is expected to lower the bounds of both children most.

        Splits without enough earlier trials are tried first, up to about `work`.
        """
        best, best_score = splits[0], -1.0
        began = self._clock.work
        for split in splits:
            seen = self._seen.setdefault(split.key, [[], []])
            unreliable = min(len(seen[0]), len(seen[1])) < settings.IDLE
            if unreliable and not self._clock.over and self._clock.work - began <= work:
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
        """Return branchings on numbers of stations by kind, else on sites, else on options.

        If many numbers or sites are fractional, only those nearest to one half are used.
        """
        counts = [float(relaxed.taken[kind].sum()) for kind in self._master.kinds]
        uneven = [k for k, n in enumerate(counts) if abs(n - round(n)) > settings.SIGNIFICANT]
        if uneven:
            uneven.sort(key=lambda k: abs(counts[k] % 1.0 - 0.5))
            uneven = sorted(uneven[: settings.MOST_COUNTS])
            return [self._on_count(node, k, counts[k]) for k in uneven]
        whole = np.bincount(self._site, relaxed.taken, minlength=len(self._must))
        part = np.flatnonzero((whole > settings.SIGNIFICANT) & (whole < 1 - settings.SIGNIFICANT))
        if len(part):
            order = np.argsort(np.abs(whole[part] - 0.5), kind="stable")[: settings.CANDIDATES]
            return [self._on_site(node, j, float(whole[j])) for j in part[order].tolist()]
        some = relaxed.taken > settings.SIGNIFICANT
        mixed = np.flatnonzero(np.bincount(self._site, some, minlength=len(self._must)) > 1)
        few = mixed[: settings.CANDIDATES].tolist()
        return [self._on_option(node, j, relaxed.taken) for j in few]

    def _on_site(self, node: _Node, j: int, whole: float) -> _Split:
        closed = node.allowed & (self._site != j)
        opened = node.opened.copy()
        opened[j] = True
        down, up = replace(node, allowed=closed), replace(node, opened=opened)
        return _Split((j, 0), down, up, whole, 1 - whole)

    def _on_count(self, node: _Node, k: int, count: float) -> _Split:
        below = math.floor(count)
        most, least = node.most.copy(), node.least.copy()
        most[k], least[k] = below, below + 1
        down, up = replace(node, most=most), replace(node, least=least)
        return _Split((-1 - k, 0), down, up, count - below, below + 1 - count)

    def _on_option(self, node: _Node, j: int, taken: Floats) -> _Split:
        """Branch at the median subsidy of a site's options; each child excludes some of them."""
        options = np.flatnonzero(self._site == j)
        rank = options[np.lexsort((options, self._master.money[options]))]
        share = np.cumsum(taken[rank])
        some = np.flatnonzero(taken[rank] > settings.SIGNIFICANT)
        cut = int(some[np.argmin(np.abs(share[some[:-1]] - 0.5))])
        less, more = node.allowed.copy(), node.allowed.copy()
        less[rank[cut + 1 :]] = False
        more[rank[: cut + 1]] = False
        above = min(max(float(share[cut]), settings.SIGNIFICANT), 1.0 - settings.SIGNIFICANT)
        down, up = replace(node, allowed=less), replace(node, allowed=more)
        return _Split((j, 1 + cut), down, up, 1 - above, above)
