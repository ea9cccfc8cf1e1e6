"""A plan of a covering problem, with up-to-date gains for each possible change.

A change updates the following figures, and only for the rows that it touches:

- ``gain[k]``: weight that option ``k`` would cover in addition to the plan;
- ``loss[s]``: weight that only the option in slot ``s`` covers;
- ``shared[s, k]``: the part of ``loss[s]`` that option ``k`` would also cover.

Replacing the option in slot ``s`` by ``k`` gains ``gain[k] - loss[s] + shared[s, k]``, so one small
matrix shows the best exchange.

Source: M. G. C. Resende, R. F. Werneck: A fast swap-based local search procedure for location
problems. Annals of Operations Research 150 (2007), 205-230 (for the p-median).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.covering.covering import Covering
from siting.program.instance import Flags, Floats, Ints


class CoveringPlan:
    """A plan, the weight it covers, and the gains of its changes."""

    def __init__(self, covering: Covering) -> None:
        self.covering = covering
        self.options = len(covering.cost)
        self.noise = settings.SUMMED * max(float(covering.weight.sum()), 1e-300)
        columns = sparse.csc_array(covering.matrix)
        self._start, self._row = columns.indptr, columns.indices.astype(np.int64)
        self._length = np.diff(covering.start)
        self.alone = bool((np.bincount(covering.group, minlength=1) <= 1).all())
        self._fresh = np.asarray(columns.T @ covering.weight, dtype=float)
        self.work = 0
        self.clear()

    def clear(self) -> None:
        """Remove all options."""
        rows = len(self.covering.weight)
        self.count = np.zeros(rows, dtype=np.int32)
        self._slots = np.zeros(rows, dtype=np.int64)  # for each row, the sum of its slot numbers
        self.gain = self._fresh.copy()
        self.slot = np.full(self.options, -1)
        self.holds = np.zeros(0, dtype=np.int64)
        self.loss = np.zeros(0)
        self.shared = np.zeros((0, self.options))
        self.free: list[int] = []
        self.value, self.spent = 0.0, 0.0

    # --- changes -----------------------------------------------------------------------------

    def add(self, k: int) -> None:
        """Add an option."""
        s = self._slot_for(k)
        rows = self._rows_of(k)
        self.work += settings.LEAST_WORK
        count = self.count[rows]
        new, second = rows[count == 0], rows[count == 1]
        if len(new):
            moved = self._weights_by_option(new)
            self.gain -= moved
            self.shared[s] += moved
            self.loss[s] = float(self.covering.weight[new].sum())
            self.value += self.loss[s]
        if len(second):
            self._share(second, self._slots[second], -1.0)
        self.count[rows] += 1
        self._slots[rows] += s
        self.spent += float(self.covering.cost[k])

    def drop(self, k: int) -> None:
        """Remove an option."""
        s = int(self.slot[k])
        self.work += settings.LEAST_WORK
        rows = self._rows_of(k)
        self.count[rows] -= 1
        self._slots[rows] -= s
        count = self.count[rows]
        bare, single = rows[count == 0], rows[count == 1]
        if len(bare):
            self.gain += self._weights_by_option(bare)
        if len(single):
            self._share(single, self._slots[single], 1.0)
        self.value -= self.loss[s]
        self.spent -= float(self.covering.cost[k])
        self.slot[k], self.holds[s] = -1, -1
        self.loss[s], self.shared[s] = 0.0, 0.0
        self.free.append(s)

    def move_to(self, chosen: Ints) -> None:
        """Set the plan to exactly these options."""
        wanted = np.bincount(chosen, minlength=self.options) > 0
        for k in self.chosen.tolist():
            if not wanted[k]:
                self.drop(k)
        for k in np.flatnonzero(wanted & (self.slot < 0)).tolist():
            self.add(k)

    @property
    def chosen(self) -> Ints:
        """The options of the plan, in order."""
        return np.flatnonzero(self.slot >= 0)

    # --- the best change ---------------------------------------------------------------------

    @property
    def blocked(self) -> Flags:
        """Whether each option, or another option of its group, is in the plan."""
        stands = self.slot >= 0
        if self.alone:
            return stands
        return np.isin(self.covering.group, self.covering.group[stands])

    def addable(self) -> Flags:
        """Return whether each option fits the budget, adds weight and is not blocked."""
        room = self.covering.most - self.spent
        return (self.gain > self.noise) & (self.covering.cost <= room) & ~self.blocked

    def exchanges(self) -> tuple[Ints, Floats]:
        """Return the slots in use, and the gain (or -inf) of putting each option into each slot."""
        slots = np.flatnonzero(self.holds >= 0)
        change = self.shared[slots] + self.gain
        change -= self.loss[slots][:, None]
        room = self.covering.most - self.spent + self.covering.cost[self.holds[slots]]
        change[:, self.blocked] = -np.inf
        change[self.covering.cost > room[:, None]] = -np.inf
        if not self.alone:
            self._within_groups(slots, room, change)
        self.work += change.size
        return slots, change

    def _within_groups(self, slots: Ints, room: Floats, change: Floats) -> None:
        """Set the gains of exchanges between options of the same group."""
        cost, group = self.covering.cost, self.covering.group
        for n, s in enumerate(slots.tolist()):
            others = np.flatnonzero((group == group[self.holds[s]]) & (self.slot < 0))
            others = others[cost[others] <= room[n]]
            change[n, others] = self.shared[s, others] + self.gain[others] - self.loss[s]

    # --- rows --------------------------------------------------------------------------------

    def _rows_of(self, k: int) -> Ints:
        return np.asarray(self._row[self._start[k] : self._start[k + 1]])

    def _pairs_of(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return the options that cover the given rows, row by row, and how many cover each row."""
        length = self._length[rows]
        at = np.repeat(self.covering.start[rows] - np.cumsum(length) + length, length)
        at += np.arange(len(at))
        self.work += 4 * len(at)
        return self.covering.option[at], length

    def _weights_by_option(self, rows: Ints) -> Floats:
        option, length = self._pairs_of(rows)
        weights = np.repeat(self.covering.weight[rows], length)
        return np.asarray(np.bincount(option, weights, minlength=self.options))

    def _share(self, rows: Ints, slots: Ints, sign: float) -> None:
        """Add rows covered by one slot alone to the slot's figures, or remove them (`sign` -1)."""
        option, length = self._pairs_of(rows)
        weight = sign * self.covering.weight[rows]
        self.loss += np.bincount(slots, weight, minlength=len(self.loss))
        used, compact = np.unique(slots, return_inverse=True)
        at = np.repeat(compact * self.options, length) + option
        size = len(used) * self.options
        moved = np.bincount(at, np.repeat(weight, length), minlength=size)
        self.shared[used] += moved.reshape(len(used), self.options)

    def _slot_for(self, k: int) -> int:
        if not self.free:
            more = max(8, len(self.holds))
            self.free = list(range(len(self.holds) + more - 1, len(self.holds) - 1, -1))
            self.holds = np.concatenate([self.holds, np.full(more, -1)])
            self.loss = np.concatenate([self.loss, np.zeros(more)])
            self.shared = np.concatenate([self.shared, np.zeros((more, self.options))])
        s = self.free.pop()
        self.slot[k], self.holds[s] = s, k
        return s
