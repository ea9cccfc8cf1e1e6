"""Division of stations into connected lots of similar value: cuts, annealing, and a bound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

# Fewest starts, and most while the spread is too large; turns of each, and first and last
# temperature of the annealing.
STARTS, MOST_STARTS, TURNS_A_STATION, MOST_TURNS = 4, 12, 1_500, 300_000
HOT, COLD = 2.0, 2e-3
# Weights: spread beyond the limit; public money needed; differences in energy; distances between
# stations.
UNLIKE, MONEY, DIFFER, APART = 50.0, 50.0, 50.0, 1.0


def spread(values: Sequence[float] | np.ndarray) -> float:
    """Return the share by which the largest value is above the smallest; 0 where all are 0.

    >>> spread([100, 110, 105])
    0.1
    """
    most, least = float(np.max(values)), float(np.min(values))
    if most <= 0:
        return 0.0
    return round(most / least - 1, 12) if least > 0 else math.inf


class Bound(NamedTuple):
    """A lower bound on the spread of any division of some values, with the reason.

    Of the `largest` values either two share a lot, which then holds `two` or more, or each is in a
    lot of its own, and the smallest of the other lots holds `rest` or less.
    """

    share: float
    largest: int
    two: float
    rest: float


def least_spread(values: np.ndarray, lots: int) -> Bound:
    """Return the largest of the bounds that the one, two, three … largest values give.

    A lot of `two` or more leaves no more than an even share of the remainder for the smallest.

    >>> least_spread(np.array([50.0, 10.0, 10.0, 10.0, 10.0, 10.0]), 3)
    Bound(share=1.0, largest=1, two=inf, rest=25.0)
    """
    total, ordered = float(values.sum()), np.sort(values)[::-1]
    best = Bound(0.0, 0, math.inf, math.inf)
    if lots < 2 or total <= 0:
        return best

    def above(most: float, left: float, others: int) -> float:
        return most * others / left - 1 if left > 1e-12 * total else math.inf

    most = max(float(ordered[0]), total / lots)
    for k in range(1, min(lots + 1, len(ordered)) + 1):
        left = total - float(ordered[:k].sum())
        two = float(ordered[k - 2 : k].sum()) if k > 1 else math.inf
        shared = above(max(two, most), total - max(two, most), lots - 1) if k > 1 else math.inf
        apart = above(most, left, lots - k) if k < lots else math.inf if k > lots else 0.0
        bound = min(shared, apart)
        if bound > best.share:
            best = Bound(bound, k, two, left / (lots - k) if k < lots else math.inf)
    return best


def part(
    energy_kwh_day: np.ndarray,
    npv_pkr: np.ndarray,
    xy: np.ndarray,
    pairs: np.ndarray,
    lots: int,
    within: float,
) -> np.ndarray:
    """Return the lot of each station, 0 to ``lots - 1``: each lot connected, as alike as found.

    The same input gives the same lots: turns are counted, not timed.

    Parameters
    ----------
    energy_kwh_day, npv_pkr, xy
        Of each station: energy served, net present value without public money, and position (m).
    pairs
        Neighbours, two positions a row; together they connect all stations.
    lots
        Number of lots; at most the number of stations.
    within
        Largest share of the largest lot above the smallest, in energy and in public money needed
        (`need`).
    """
    sums = _sums(energy_kwh_day, npv_pkr, xy, lots)
    best = (math.inf, np.zeros(len(sums), dtype=int))
    for start in range(MOST_STARTS):
        best = min(best, _Search(sums, pairs, lots, within, start).run(), key=lambda one: one[0])
        apart = spread(np.bincount(best[1], energy_kwh_day, lots))
        hopeless = least_spread(energy_kwh_day, lots).share > within
        if start + 1 >= STARTS and (apart <= within or hopeless):
            break
    return best[1]


def need(npv_pkr: float) -> float:
    """Return the least public money for stations of a net present value (PKR)."""
    return max(0.0, -npv_pkr)


type Sums = tuple[float, ...]  # energy, net present value, stations, x, y, x² + y²


def _sums(energy: np.ndarray, npv: np.ndarray, xy: np.ndarray, lots: int) -> list[Sums]:
    """Return additive values of each station, relative to an even share of energy and needs."""
    centred = xy - xy.mean(axis=0)
    x, y = (centred / max(float(np.hypot(*centred.T).max()), 1e-300)).T
    energy = energy * lots / max(float(energy.sum()), 1e-300)
    money = npv * lots / max(float(np.maximum(-npv, 0).sum()), 1e-300)
    rows = np.column_stack([energy, money, np.ones(len(x)), x, y, x**2 + y**2])
    return [tuple(row) for row in rows.tolist()]


class _Search:
    """One start: stations cut into lots, which then change by a station or two at a time."""

    def __init__(
        self, sums: list[Sums], pairs: np.ndarray, lots: int, within: float, start: int
    ) -> None:
        self.sums, self.lots, self.within = sums, lots, within
        self.rng = np.random.default_rng([1, start])
        self.near: list[list[int]] = [[] for _ in sums]
        for i, j in pairs.tolist():
            self.near[i].append(j)
            self.near[j].append(i)
        self.members = [set(range(len(sums)))]
        while len(self.members) < lots:
            largest = max((m for m in self.members if len(m) > 1), key=lambda m: self._summed(m)[0])
            self.members.remove(largest)
            self.members += self._cut(largest, int(self.rng.integers(2**31)))
        self.lot = [next(n for n, m in enumerate(self.members) if i in m) for i in range(len(sums))]
        self.state = [self._summed(members) for members in self.members]

    def _summed(self, members: Iterable[int]) -> Sums:
        return tuple(map(sum, zip(*(self.sums[i] for i in members), strict=True)))

    def _score(self, state: Sequence[Sums]) -> float:
        energy = [one[0] for one in state]
        money = [need(one[1]) for one in state]
        more = 1 + self.within
        unlike = max(0.0, max(energy) - more * min(energy))
        unlike += max(0.0, max(money) - more * min(money))
        differ = sum((value - 1) ** 2 for value in energy)
        apart = sum(square - (x * x + y * y) / n for _, _, n, x, y, square in state)
        return UNLIKE * unlike + (MONEY * sum(money) + DIFFER * differ) / self.lots + APART * apart

    def _connected(self, members: set[int]) -> bool:
        seen = [next(iter(members))]
        left = members - {seen[0]}
        for i in seen:
            for j in self.near[i]:
                if j in left:
                    left.discard(j)
                    seen.append(j)
        return not left

    def _cut(self, members: set[int], turn: int) -> tuple[set[int], set[int]]:
        """Return a lot in two connected parts: a spanning tree is cut, mostly evenly."""
        order = sorted(members)
        order = [order[turn % len(order)]]
        parent = {order[0]: -1}
        for i in order:
            for j in self.near[i][turn % 2 :] + self.near[i][: turn % 2]:
                if j in members and j not in parent:
                    parent[j] = i
                    order.append(j)
        below = {i: self.sums[i][0] for i in order}
        for i in order[:0:-1]:
            below[parent[i]] += below[i]
        half = below[order[0]] / 2
        root = min(order[1:], key=lambda i: abs(below[i] - half))
        if turn % 3 == 0:
            root = order[1 + turn // 3 % (len(order) - 1)]
        two = {root}
        for i in order:
            if parent[i] in two:
                two.add(i)
        return members - two, two

    def _moved(self, turn: int, a: int, b: int, i: int) -> dict[int, set[int]] | None:
        """Return the lots that a turn would change, with their stations; none: nothing fits."""
        if turn % 40 == 0:  # two lots become one, and one becomes two: these, or one elsewhere
            other = turn // 40 % (2 * self.lots)
            both = self.members[a] | self.members[b]
            if other in (a, b) or other >= self.lots or len(self.members[other]) < 2:
                one, two = self._cut(both, turn // 40)
                return {a: one, b: two}
            one, two = self._cut(self.members[other], turn // 40)
            return {b: both, a: one, other: two}
        back: set[int] = set()
        if turn % 2:  # one station replaces another
            open_ = [k for k in self.members[b] if any(self.lot[m] == a for m in self.near[k])]
            back = {open_[turn // 2 % len(open_)]}
        one, two = (self.members[a] - {i}) | back, (self.members[b] - back) | {i}
        fits = one and self._connected(one) and (not back or self._connected(two))
        return {a: one, b: two} if fits else None

    def run(self) -> tuple[float, np.ndarray]:
        """Return the best parting met, and its score."""
        count = len(self.sums)
        turns = min(MOST_TURNS, TURNS_A_STATION * count) if self.lots > 1 else 0
        score = self._score(self.state)
        best, best_lot = score, list(self.lot)
        picks = self.rng.integers(2**31, size=(turns, 3)).tolist()
        chances = self.rng.random(turns).tolist()
        for turn, (pick, to, kind) in enumerate(picks):
            i = pick % count
            across = [j for j in self.near[i] if self.lot[j] != self.lot[i]]
            if not across:
                continue
            moved = self._moved(kind, self.lot[i], self.lot[across[to % len(across)]], i)
            if moved is None:
                continue
            state = list(self.state)
            for n, members in moved.items():
                state[n] = self._summed(members)
            after = self._score(state)
            heat = HOT * (COLD / HOT) ** (turn / turns)
            if after <= score or chances[turn] < math.exp((score - after) / heat):
                self.state, score = state, after
                for n, members in moved.items():
                    self.members[n] = members
                    for k in members:
                        self.lot[k] = n
                if score < best - 1e-12:
                    best, best_lot = score, list(self.lot)
        return best, np.array(best_lot)
