"""The relaxed master problem of a covering problem, with cuts on groups of rows (patches).

The rows are split into patches. The variable ``t_g`` is the weight covered in patch ``g``. Cuts
bound ``t_g`` from above; they are valid for any prices ``0 <= p_i <= w_i`` of the rows::

    max   sum of t_g over g
    s.t.  t_g <= sum of (w_i - p_i) + sum over k of z_k x (sum of p_i over i of g that k covers)
          sum of z_k over k in G <= 1,   sum of c_k z_k <= B,   0 <= z <= 1

At a point ``z``, the tightest cut has ``p_i = w_i`` if the options that cover row ``i`` have values
that sum to less than 1, else ``p_i = 0``. When cuts are added or slack cuts removed, HiGHS restarts
from its last basis.

Sources: J.-F. Cordeau, F. Furini, I. Ljubic: Benders decomposition for very large scale partial set
covering and maximal covering location problems. European Journal of Operational Research 275
(2019), 882-896. M. Fischetti, I. Ljubic, M. Sinnl: Redesigning Benders decomposition for
large-scale facility location. Management Science 63 (2017), 2146-2162.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.covering.covering import Covering
from siting.engine.covering.prices import Prices
from siting.engine.cut_model import CutModel, Relaxed, Row
from siting.engine.linear import model_of
from siting.program.instance import Flags, Floats, Ints


@dataclass(frozen=True, eq=False)
class _Patch:
    """The rows ``first`` to ``last - 1``, the options that cover them, and the pairs of both."""

    first: int
    last: int
    options: Ints
    across: sparse.csr_array


class PatchModel(CutModel):
    """The relaxed covering problem without required options, with cuts on groups of rows.

    `patch`: patch of each row, see `patches_of`; `accuracy`: relative error allowed in the optimum.
    """

    def __init__(
        self, covering: Covering, patch: Ints, clock: Clock, *, accuracy: float, seed: int
    ) -> None:
        self.covering, self.accuracy = covering, accuracy
        self._patch_of_row, self._seed = patch, seed
        unit = max(float(covering.weight.sum()), 1e-300) / settings.COVERING_UNITS
        self.order = np.argsort(patch, kind="stable")
        self.weight = covering.weight[self.order] / unit
        self.matrix = sparse.csr_array(covering.matrix[self.order])
        self.edge = edge = np.searchsorted(patch[self.order], np.arange(patch.max() + 2))
        self.patches = [self._patch(edge[g], edge[g + 1]) for g in range(len(edge) - 1)]
        options, patches = len(covering.cost), len(self.patches)
        several = np.flatnonzero(np.bincount(covering.group) > 1)
        dearest = max(float(covering.cost.max()), 1e-300)
        member = sparse.csr_array((np.ones(options), (covering.group, np.arange(options))))
        spent = sparse.csr_array(covering.cost[None, :] / dearest)
        over_options = sparse.vstack([spent, member[several]])
        right = np.concatenate([[covering.budget / dearest], np.ones(len(several))])
        self._right, self._whole = right, np.add.reduceat(self.weight, edge[:-1])
        none = sparse.csr_array((len(right), patches))
        model = model_of(
            sparse.csc_array(sparse.hstack([over_options, none])),
            np.concatenate([np.zeros(options), np.ones(patches)]),
            np.zeros(options + patches), np.concatenate([np.ones(options), self._whole]),
            np.full(len(right), -np.inf), right,
            threads=1, random_seed=seed,
        )  # fmt: skip
        must = np.zeros(int(covering.group.max()) + 1, dtype=bool)
        super().__init__(
            model, clock, site=covering.group, must=must, money=covering.cost, size=unit,
            named=1 + np.arange(len(several)),
        )  # fmt: skip

    def _patch(self, first: int, last: int) -> _Patch:
        rows = self.matrix[first:last]
        options, column = np.unique(rows.indices, return_inverse=True)
        shape = (last - first, len(options))
        small = sparse.csr_array((rows.data, column.astype(np.int32), rows.indptr), shape=shape)
        return _Patch(first, last, options.astype(np.int64), sparse.csr_array(small.T))

    def add_prices(self, price: Floats, patches: Ints) -> None:
        """Add a cut for each patch (group of rows); `price` is in the model's order and unit."""
        rows = []
        for g in patches.tolist():
            patch = self.patches[g]
            patch_price = price[patch.first : patch.last]
            sold = patch.across @ patch_price
            there = sold > 0
            index = np.append(patch.options[there], self.count + g)
            most = float((self.weight[patch.first : patch.last] - patch_price).sum())
            rows.append(Row(index, np.append(-sold[there], 1.0), most))
        self.add_rows(rows)

    def separate(self, relaxed: Relaxed, *, deep: bool = True) -> int:
        """Add the cuts that an optimum violates; return how many, 0 if the bound is accurate."""
        covered = self.matrix @ relaxed.taken
        value = np.add.reduceat(self.weight * np.minimum(covered, 1.0), self.edge[:-1])
        over = relaxed.point[self.count :] - value
        patches = np.flatnonzero(over > self.accuracy * settings.COVERING_UNITS / len(self.patches))
        self.add_prices(np.where(covered < 1 - settings.EXACT, self.weight, 0.0), patches)
        left = relaxed.bound - float(value.sum()) * self.size
        return 0 if left <= self.accuracy * relaxed.bound else len(patches)

    def bound_of(self, reduced: Floats, dual: Floats) -> float:
        """Return the bound that the duals alone prove, free of solver tolerances."""
        sides = np.concatenate([self._right, [row.most for row in self.rows]])
        low = np.concatenate([self._low, np.zeros(len(self._whole))])
        high = np.concatenate([self._high, self._whole])
        bound = np.maximum(dual, 0.0) @ sides + np.maximum(reduced * low, reduced * high).sum()
        return float(bound + np.minimum(dual[self._named_rows], 0.0) @ self._there)

    def narrowed(self, keep: Flags, covering: Covering) -> PatchModel:
        """Return the program restricted to the given options, with the current cuts."""
        patch, accuracy, seed = self._patch_of_row, self.accuracy, self._seed
        out = PatchModel(covering, patch, self.clock, accuracy=accuracy, seed=seed)
        stays = np.append(keep, np.ones(len(self.patches), dtype=bool))
        position, rows = np.cumsum(stays) - 1, []
        for row in self.rows:
            there = stays[row.index]
            rows.append(Row(position[row.index[there]], row.value[there], row.most))
        out.add_rows(rows)
        return out


def patches_of(covering: Covering, most: int) -> Ints:
    """Return the patch of each row: the first option that covers it, of a few options far apart.

    There are at most `most` patches; rows that none of these options covers form the last one.
    """
    patch = np.full(len(covering.weight), -1, dtype=np.int64)
    columns = sparse.csc_array(covering.matrix)
    left = covering.weight.copy()
    across = sparse.csr_array(columns.T)
    for count in range(most - 1):
        gain = np.asarray(across @ left, dtype=float)
        if gain.max(initial=0.0) <= 0:
            break
        k = int(gain.argmax())
        rows = columns.indices[columns.indptr[k] : columns.indptr[k + 1]]
        patch[rows[patch[rows] < 0]] = count
        left[rows] = 0.0
    patch[patch < 0] = most
    return np.unique(patch, return_inverse=True)[1].astype(np.int64)


def cut_down(
    covering: Covering, prices: Prices, clock: Clock, accuracy: float, *, seed: int,
    hear: Callable[[float, Floats], bool] = lambda bound, taken: False,
) -> tuple[PatchModel, Relaxed | None, float]:  # fmt: skip
    """Solve the relaxed program in rounds, to a given relative accuracy.

    The result is the program with its cuts, its last optimum, and the best bound. `hear`: gets the
    bound and the options' values every few rounds; if it returns True, the rounds end.
    """
    patch = patches_of(covering, settings.PATCHES)
    model = PatchModel(covering, patch, clock, accuracy=accuracy, seed=seed)
    model.add_prices(prices.price[model.order] / model.size, np.arange(len(model.patches)))
    relaxed: Relaxed | None = None
    bound = prices.bound
    for count in itertools.count(1):
        now = model.solve()
        if now is None:
            break
        relaxed, bound = now, min(bound, now.bound)
        ended = count % settings.PLAN_EVERY == 0 and hear(bound, relaxed.taken)
        if ended or not model.separate(relaxed):
            hear(bound, relaxed.taken)
            break
    return model, relaxed, bound
