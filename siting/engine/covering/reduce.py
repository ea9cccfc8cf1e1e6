"""Exact reductions of a covering problem: fewer rows and options with the same best value.

The following are removed in turn:

- required options, the rest of their groups, and the rows they cover;
- options that alone exceed the budget, and options that cover nothing;
- dominated options: another option of the group costs no more and covers at least the same rows;
- rows without weight or options;
- all but one of the rows with the same options; the remaining row gets the sum of their weights.

A plan of the reduced covering, together with the required options, is a plan of the whole covering.
The weight of the whole plan is higher by the weight that the required options cover. Optimal plans
remain optimal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting.engine.covering.covering import Covering
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class Reduced:
    """A reduced covering problem, and the positions of its rows and options in the whole."""

    covering: Covering  # the reduced covering; none of its options is required
    option: Ints  # position of each remaining option in the whole covering
    row: Ints  # reduced position of each row of the whole covering; -1 if removed
    forced: Ints  # required options of the whole covering
    certain: float  # weight that the required options cover

    def whole(self, chosen: Ints) -> Ints:
        """Return a plan of the reduced covering as options of the whole covering, in order."""
        return np.sort(np.concatenate([self.option[chosen], self.forced]))


def reduce_covering(covering: Covering, keep: Flags | None = None) -> Reduced:
    """Return a covering without the parts that no best plan needs.

    `keep`: options that may remain, by default all; the caller must know that no others are needed.

    >>> covers = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0]])
    >>> weight, group = np.array([5.0, 1.0, 2.0, 9.0]), np.zeros(3, dtype=int)
    >>> left = reduce_covering(Covering.of_matrix(covers, weight, np.ones(3), 1.0, group=group))
    >>> left.option, left.row, left.covering.weight
    (array([1]), array([ 0,  0,  0, -1]), array([8.]))
    """
    forced = covering.forced
    settled = covering.covered(forced)
    budget = covering.budget - float(covering.cost[forced].sum())
    stays = np.ones(len(covering.cost), dtype=bool) if keep is None else keep.copy()
    stays &= ~np.isin(covering.group, covering.group[forced])
    stays &= covering.cost <= budget + covering.most - covering.budget
    wanted = (covering.weight > 0) & ~settled
    matrix, weight, row = merge_rows(_restricted(covering, wanted, stays), covering.weight[wanted])
    options = np.flatnonzero(stays)
    cost, group = covering.cost[options], covering.group[options]
    needless = dominated(matrix, cost, group)
    if needless.any():
        options, cost, group = options[~needless], cost[~needless], group[~needless]
        matrix, weight, again = merge_rows(sparse.csr_array(matrix[:, ~needless]), weight)
        row[row >= 0] = again[row[row >= 0]]
    row_of = np.full(len(covering.weight), -1, dtype=np.int64)
    row_of[wanted] = row
    group = np.unique(group, return_inverse=True)[1]
    left = Covering.of_matrix(matrix, weight, cost, budget, group=group)
    certain = float(covering.weight[settled].sum())
    return Reduced(left, options, row_of, forced.copy(), certain)


def with_options(covering: Covering, keep: Flags) -> Covering:
    """Return a covering with the same rows and only the given options, none of them required."""
    weight, cost = covering.weight, covering.cost[keep]
    matrix = _restricted(covering, np.ones(len(weight), dtype=bool), keep)
    group = np.unique(covering.group[keep], return_inverse=True)[1]
    return Covering.of_matrix(matrix, weight, cost, covering.budget, group=group)


def _restricted(covering: Covering, rows: Flags, options: Flags) -> sparse.csr_array:
    there = options[covering.option]
    if not rows.all():
        there &= np.repeat(rows, np.diff(covering.start))
    before = np.concatenate([[0], np.cumsum(there)])
    at = np.concatenate([before[covering.start[:-1]][rows], before[-1:]])
    column = (np.cumsum(options) - 1)[covering.option[there]].astype(np.int32)
    shape = (int(rows.sum()), int(options.sum()))
    return sparse.csr_array((np.ones(len(column)), column, at), shape=shape)


def merge_rows(matrix: sparse.csr_array, weight: Floats) -> tuple[sparse.csr_array, Floats, Ints]:
    """Merge rows with equal options; return merged rows, their weights and each row's new position.

    The position is -1 for rows without options. Rows that agree in two random sums over their
    options are compared option by option. If any differ, the sums are drawn again.
    """
    matrix.sort_indices()
    length = np.diff(matrix.indptr)
    there = np.flatnonzero(length)
    row = np.full(len(weight), -1, dtype=np.int64)
    if not len(there):
        return matrix[:0], weight[:0], row
    rng = np.random.default_rng(0)
    while True:
        keys = []
        for _ in range(2):
            number = rng.integers(1, 2**63, matrix.shape[1], dtype=np.uint64)
            sums = np.add.reduceat(number[matrix.indices], matrix.indptr[there], dtype=np.uint64)
            keys.append(sums)
        order = np.lexsort((weight[there], keys[1], keys[0]))
        new = np.append(True, np.logical_or(*(np.diff(key[order]) != 0 for key in keys)))
        at, number_of = np.flatnonzero(new), np.cumsum(new) - 1
        head = there[order[at]]
        if _same(matrix, there[order], head[number_of]):
            row[there[order]] = number_of
            return matrix[head], np.add.reduceat(weight[there[order]], at), row


def _same(matrix: sparse.csr_array, one: Ints, other: Ints) -> bool:
    """Return whether each row of `one` has the same options as its counterpart in `other`."""
    differ = one != other
    one, other = one[differ], other[differ]
    if (np.diff(matrix.indptr)[one] != np.diff(matrix.indptr)[other]).any():
        return False
    return bool((matrix[one].indices == matrix[other].indices).all())


def dominated(matrix: sparse.csr_array, cost: Floats, group: Ints) -> Flags:
    """Return whether each option (column) covers nothing or is dominated in its group.

    Domination across groups is rare in a city, and searching for it is not worthwhile.
    """
    size = np.bincount(matrix.indices, minlength=matrix.shape[1])
    out = size == 0
    place, shape = (group, np.arange(len(group))), (int(group.max(initial=-1)) + 1, len(group))
    member = sparse.csr_array((np.ones(len(group)), place), shape=shape)
    pairs = (member.T @ member).tocoo()
    k, by = pairs.row, pairs.col
    # Of two equal options the first is kept.
    twins = (size[by] == size[k]) & (cost[by] == cost[k]) & (by > k)
    fits = (k != by) & (cost[by] <= cost[k]) & (size[by] >= size[k]) & ~twins
    k, by = k[fits], by[fits]
    columns, at_once = sparse.csc_array(matrix), max(len(group), 1)  # keeps products small
    for first in range(0, len(k), at_once):
        some, others = k[first : first + at_once], by[first : first + at_once]
        both = columns[:, some].multiply(columns[:, others]).sum(axis=0)
        out[some[np.asarray(both).ravel() == size[some]]] = True
    return np.asarray(out)
