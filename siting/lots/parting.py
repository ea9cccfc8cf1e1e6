"""Divide stations into connected lots of similar value, by annealing and an integer program."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

from siting.engine.clock import Clock
from siting.engine.linear import model_of, run_model

# Annealing is started STARTS times, or up to MOST_STARTS times if the spread remains too large.
# Each start has TURNS_A_STATION turns per station, at most MOST_TURNS, and cools from HOT to COLD.
STARTS, MOST_STARTS, TURNS_A_STATION, MOST_TURNS = 4, 12, 1_500, 300_000
HOT, COLD = 2.0, 2e-3
# Weights of the score: the excess over the limit, the public money needed, the differences in
# energy, and the distances between stations.
UNLIKE, MONEY, DIFFER, APART = 50.0, 50.0, 50.0, 1.0
# The integer program chooses from fewer than MANY groups. Its solver searches at most NODES nodes,
# and stops at a gap of SCORE_GAP. Spreads that differ by at most CLOSE count as equal. SLACK
# exceeds the tolerances of the solver.
MANY, NODES, SCORE_GAP, CLOSE, SLACK = 2_000, 300, 0.01, 0.005, 1e-5


def spread(values: Sequence[float] | np.ndarray) -> float:
    """Return by how much the largest value exceeds the smallest, as a share of the smallest.

    The result is 0 if all values are 0, and infinite if only the smallest is 0.

    >>> spread([100, 110, 105])
    0.1
    """
    most, least = float(np.max(values)), float(np.min(values))
    if most <= 0:
        return 0.0
    return round(most / least - 1, 12) if least > 0 else math.inf


def least_spread(values: np.ndarray, lots: int) -> float:
    """Return a lower bound on the spread of any division, connected or not.

    The largest lot has at least the energy of the largest station, and at least an equal share of
    the total. At least two of the ``lots + 1`` largest stations are in the same lot, so the largest
    lot also has at least the energy of the two smallest of these stations. The smallest lot has at
    most the mean of all lots except the largest.

    >>> least_spread(np.array([50.0, 10.0, 10.0, 10.0, 10.0, 10.0]), 3)
    1.0
    """
    total, largest = float(values.sum()), np.sort(values)[::-1]
    if lots < 2 or total <= 0:
        return 0.0
    most = max(float(largest[0]), total / lots)
    if len(values) > lots:
        most = max(most, float(largest[lots - 1] + largest[lots]))
    rest = (total - most) / (lots - 1)
    return max(0.0, most / rest - 1) if rest > 0 else math.inf


class Parting(NamedTuple):
    """A division of stations into lots."""

    lot: np.ndarray  # the lot of each station, from 0
    share: float  # the spread of the lots in energy
    least: float  # a proven lower bound on the spread of connected lots


def part(
    energy_kwh_day: np.ndarray, npv_pkr: np.ndarray, xy: np.ndarray, pairs: np.ndarray, lots: int,
    within: float,
) -> Parting:  # fmt: skip
    """Return connected lots of stations with the smallest spread found.

    If annealing finds no lots within the limit, the search lists every connected group of stations
    that is small enough to be a lot. If the list is short enough, an integer program chooses lots
    from the list, or proves that none are within the limit. The search is limited by a number of
    turns, not by time, so the same input always gives the same lots.

    `npv_pkr` is the net present value of each station without public money, and `xy` its position
    (m). `pairs` has one pair of neighbours per row, which together connect all stations. `lots` is
    the number of lots, at most the number of stations. `within` is the maximum `spread` of the
    lots' energy, and of the public money that they need (`need`).
    """
    sums = _sums(energy_kwh_day, npv_pkr, xy, lots)
    near: list[list[int]] = [[] for _ in sums]
    for i, j in pairs.tolist():
        near[i].append(j)
        near[j].append(i)
    least = least_spread(energy_kwh_day, lots)
    best = ((True, math.inf), np.zeros(len(sums), dtype=int))
    for start in range(MOST_STARTS):
        best = min(best, _Search(sums, near, lots, within, start).run(), key=lambda one: one[0])
        made = Parting(best[1], spread(np.bincount(best[1], energy_kwh_day, lots)), least)
        if start + 1 == STARTS:
            made = _more_alike(made, energy_kwh_day, sums, near, within)
        if start + 1 >= STARTS and (made.share <= within or made.least >= within):
            break
    return made


def _more_alike(
    made: Parting, kwh: np.ndarray, sums: list[Sums], near: list[list[int]], within: float
) -> Parting:
    """Return lots with a spread of at most `within`, or else with the smallest spread found."""
    lots = int(made.lot.max()) + 1
    while made.share > max(within, made.least + CLOSE):
        tried = within
        if made.least >= within:
            tried = (made.least + min(made.share, 3 * made.least + 1)) / 2
        lot = _chosen(sums, near, lots, tried)
        if lot is None:
            break
        if len(lot):
            made = made._replace(lot=lot, share=spread(np.bincount(lot, kwh, lots)))
        else:
            made = made._replace(least=tried)
    return made


def _groups(kwh: Sequence[float], near: Sequence[Sequence[int]], most: float) -> list[list[int]]:
    """Return up to `MANY` connected groups: single stations, or sets with energy up to `most`."""
    found: list[list[int]] = []
    for root in range(len(kwh)):
        first = [j for j in near[root] if j > root]
        heap = [([root], kwh[root], first, {*range(root + 1), *first})]
        while heap and len(found) < MANY:
            group, total, ahead, seen = heap.pop()
            found.append(group)
            for n, i in enumerate(ahead):
                larger = total + kwh[i]
                if larger <= most:
                    new = [j for j in near[i] if j not in seen]
                    heap.append(([*group, i], larger, [*ahead[n + 1 :], *new], {*seen, *new}))
    return found


def _chosen(
    sums: Sequence[Sums], near: Sequence[Sequence[int]], lots: int, within: float
) -> np.ndarray | None:
    """Return each station's lot in the best division with an energy spread of at most `within`.

    The result is empty if no such lots exist, and None if the search ends undecided. Each column of
    the program stands for a group of stations, except the last column, which stands for the energy
    of the smallest lot.
    """
    kwh, more = [one[0] for one in sums], 1 + within
    groups = _groups(kwh, near, more + SLACK)  # the smallest lot has at most an equal share (1)
    if len(groups) >= MANY:
        return None
    totals = [_summed(sums, group) for group in groups]
    large = [n for n, one in enumerate(totals) if one[0] >= 1 / more - SLACK]
    at = np.repeat(np.arange(len(large)), [len(groups[n]) for n in large])
    members = np.array([i for n in large for i in groups[n]], dtype=int)
    energy = np.array([totals[n][0] for n in large])
    score = np.array([_score([totals[n]], lots, within) for n in large])
    shape = (len(sums), len(large))
    of = sparse.csr_array((np.ones(len(at)), (members, at)), shape=shape)
    each, ones = sparse.csr_array((energy[at], (members, at)), shape=shape), np.ones(shape[0])
    every = np.append(np.ones(len(large)), 0.0)
    least = sparse.csr_array(ones[:, None])
    rows = sparse.block_array([[of, 0 * least], [each, -least], [each, -more * least]])
    rows = sparse.vstack([rows, sparse.csr_array(every[None])])
    # A second solve without presolve confirms infeasibility: presolve in HiGHS 1.16 was once wrong.
    for presolve in ("choose", "off"):
        model = model_of(
            sparse.csc_array(rows), np.append(-score, 0.0), 0 * every,
            np.append(every[:-1], math.inf),
            np.concatenate([ones, 0 * ones, -math.inf * ones, [lots]]),
            np.concatenate([ones, math.inf * ones, 0 * ones, [lots]]),
            whole=every > 0, mip_rel_gap=SCORE_GAP, random_seed=1, presolve=presolve,
            mip_max_nodes=NODES,
        )  # fmt: skip
        answer = run_model(model, Clock(math.inf), whole=True)
        if not answer.infeasible:
            break
    if not answer.found:
        return np.zeros(0, dtype=int) if answer.infeasible else None
    taken = of[:, np.flatnonzero(answer.point[:-1] > 0.5)]
    return np.asarray(taken @ np.arange(lots)).round().astype(int)


def need(npv_pkr: float) -> float:
    """Return the public money (PKR) that stations with this total net present value need."""
    return max(0.0, -npv_pkr)


type Sums = tuple[float, ...]  # energy, net present value, stations, x, y, x² + y²


def _sums(energy: np.ndarray, npv: np.ndarray, xy: np.ndarray, lots: int) -> list[Sums]:
    """Return the `Sums` of each station; energy and money are multiples of a lot's equal share."""
    centred = xy - xy.mean(axis=0)
    x, y = (centred / max(float(np.hypot(*centred.T).max()), 1e-300)).T
    energy = energy * lots / max(float(energy.sum()), 1e-300)
    weak = float(np.maximum(-npv, 0).sum())
    money = npv * (lots / weak if weak > 0 else 0.0)
    rows = np.column_stack([energy, money, np.ones(len(x)), x, y, x**2 + y**2])
    return [tuple(row) for row in rows.tolist()]


def _summed(sums: Sequence[Sums], members: Iterable[int]) -> Sums:
    return tuple(map(sum, zip(*(sums[i] for i in members), strict=True)))


def _unlike(state: Sequence[Sums], within: float) -> float:
    """Return the excess of the largest lots over the limits on energy and public money."""
    energy = [one[0] for one in state]
    money = [need(one[1]) for one in state]
    return sum(max(0.0, max(one) - (1 + within) * min(one)) for one in (energy, money))


def _score(state: Sequence[Sums], lots: int, within: float) -> float:
    unlike = _unlike(state, within)
    money = sum(need(one[1]) for one in state)
    differ = sum((one[0] - 1) ** 2 for one in state)
    apart = sum(square - (x * x + y * y) / n for _, _, n, x, y, square in state)
    return UNLIKE * unlike + (MONEY * money + DIFFER * differ) / lots + APART * apart


class _Search:
    """One run of simulated annealing, which changes a randomly chosen lot in each step."""

    def __init__(
        self, sums: list[Sums], near: list[list[int]], lots: int, within: float, start: int
    ) -> None:
        self.sums, self.near, self.lots, self.within = sums, near, lots, within
        self.rng = np.random.default_rng([1, start])
        self.members = [set(range(len(sums)))]
        while len(self.members) < lots:
            several = [members for members in self.members if len(members) > 1]
            largest = max(several, key=lambda members: _summed(sums, members)[0])
            self.members.remove(largest)
            self.members += self._cut(largest, int(self.rng.integers(2**31)))
        self.lot = [next(n for n, m in enumerate(self.members) if i in m) for i in range(len(sums))]
        self.state = [_summed(sums, members) for members in self.members]

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
        """Cut a lot along a spanning tree into two connected parts, usually about equal."""
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
        """Return the stations of each changed lot after a turn; None if a lot is not connected."""
        if turn % 40 == 0:  # two lots merge, and the merged lot or another lot is split
            other = turn // 40 % (2 * self.lots)
            both = self.members[a] | self.members[b]
            if other in (a, b) or other >= self.lots or len(self.members[other]) < 2:
                one, two = self._cut(both, turn // 40)
                return {a: one, b: two}
            one, two = self._cut(self.members[other], turn // 40)
            return {b: both, a: one, other: two}
        back: set[int] = set()
        if turn % 2:  # two stations change places
            open_ = [k for k in self.members[b] if any(self.lot[m] == a for m in self.near[k])]
            back = {open_[turn // 2 % len(open_)]}
        one, two = (self.members[a] - {i}) | back, (self.members[b] - back) | {i}
        fits = one and self._connected(one) and (not back or self._connected(two))
        return {a: one, b: two} if fits else None

    def _rank(self, score: float) -> tuple[bool, float]:
        """Return the rank of the current lots; lots within the limit rank before all others."""
        return _unlike(self.state, self.within) > 1e-12, score

    def run(self) -> tuple[tuple[bool, float], np.ndarray]:
        """Return the best rank found, and the lot of each station at this rank."""
        count = len(self.sums)
        turns = min(MOST_TURNS, TURNS_A_STATION * count) if self.lots > 1 else 0
        score = _score(self.state, self.lots, self.within)
        best, best_lot = self._rank(score), list(self.lot)
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
                state[n] = _summed(self.sums, members)
            after = _score(state, self.lots, self.within)
            heat = HOT * (COLD / HOT) ** (turn / turns)
            if after <= score or chances[turn] < math.exp((score - after) / heat):
                self.state, score = state, after
                for n, members in moved.items():
                    self.members[n] = members
                    for k in members:
                        self.lot[k] = n
                rank = self._rank(score)
                if rank < (best[0], best[1] - 1e-12):
                    best, best_lot = rank, list(self.lot)
        return best, np.array(best_lot)
