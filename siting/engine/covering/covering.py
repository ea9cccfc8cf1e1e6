"""Budgeted covering as arrays: weighted rows, options that cover them, and one budget.

Coverage with offers and classic maximal covering are both instances of this program::

    max   sum of w_i y_i over i
    s.t.  y_i <= sum of z_k over the options k that cover i       for each row i
          sum of z_k over k in G  <=  1                           for each group G
          sum of c_k z_k over all k  <=  B
          z_k = 1 for k forced,  0 <= y_i <= 1,  z binary

===========  ====================================================================================
``i``        rows, each with the weight ``w_i`` (kWh/day, people, ...)
``k``        options, each with the cost ``c_k``: an offer at a site, or a site
``G``        groups of options, such as the offers at a site; at most one per group can be chosen
``B``        budget, in the unit of the costs
===========  ====================================================================================

The solver is `siting.engine.covering.run`. Tests compare its results with those of the same program
in PuLP.

Source: R. Church, C. ReVelle: The maximal covering location problem. Papers of the Regional Science
Association 32 (1974), 101-118.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from siting import settings
from siting.program.instance import Flags, Floats, Ints, ReadOnlyArrays


@dataclass(frozen=True, eq=False)
class Covering(ReadOnlyArrays):
    """Rows, the options that cover them, and the costs of the options, in read-only arrays."""

    weight: Floats  # weight of each row, 0 or more; all in the same unit
    # Row ``i`` is covered by the options ``option[start[i]:start[i + 1]]``, each listed once.
    start: Ints
    option: Ints
    cost: Floats  # cost of each option, 0 or more
    group: Ints  # group of each option, from 0; a plan has at most one option of each group
    budget: float  # maximum total cost of the chosen options
    forced: Ints  # positions of the required options

    @classmethod
    def of_matrix(
        cls, covers: sparse.csr_array | npt.NDArray[Any], weight: Floats, cost: Floats,
        budget: float, *, group: Ints | None = None, forced: Iterable[int] = (),
    ) -> Covering:  # fmt: skip
        """Return the covering of a matrix whose columns are the options.

        >>> covers = np.array([[1, 1, 0], [0, 1, 1]])
        >>> Covering.of_matrix(covers, np.array([5.0, 2.0]), np.ones(3), 1.0)
        Covering: 2 rows (weight 7), 3 options in 3 groups, 4 pairs, budget 1
        """
        matrix = sparse.csr_array(covers)
        matrix.sum_duplicates()
        return cls(
            weight=np.asarray(weight, dtype=float),
            start=matrix.indptr.astype(np.int64),
            option=matrix.indices.astype(np.int32),
            cost=np.asarray(cost, dtype=float),
            group=np.arange(matrix.shape[1]) if group is None else np.asarray(group, np.int64),
            budget=float(budget),
            forced=np.array(sorted(set(forced)), dtype=np.int64),
        )

    @cached_property
    def matrix(self) -> sparse.csr_array:
        """Matrix of coverage: 1.0 where an option (column) covers a row."""
        ones, shape = np.ones(len(self.option)), (len(self.weight), len(self.cost))
        return sparse.csr_array((ones, self.option, self.start), shape=shape)

    def covered(self, chosen: Ints) -> Flags:
        """Return whether each row is covered by at least one chosen option."""
        stands = np.zeros(len(self.cost), dtype=np.int64)
        stands[chosen] = 1
        before = np.append(0, np.cumsum(stands[self.option]))
        return np.asarray(before[self.start[1:]] > before[self.start[:-1]])

    def value(self, chosen: Ints) -> float:
        """Return the weight that the chosen options cover, computed from scratch."""
        return math.fsum(self.weight[self.covered(chosen)])

    def allows(self, chosen: Ints) -> bool:
        """Return whether a plan respects the budget, the groups and the required options."""
        chosen = np.asarray(chosen, dtype=np.int64)
        one_each = len(np.unique(self.group[chosen])) == len(chosen)
        whole = bool(np.isin(self.forced, chosen).all())
        return one_each and whole and math.fsum(self.cost[chosen]) <= self.most

    @property
    def most(self) -> float:
        """The budget plus a rounding tolerance."""
        return self.budget + settings.ROUNDING * abs(self.budget)

    def __repr__(self) -> str:
        """Return the sizes on one line."""
        return (
            f"Covering: {len(self.weight):,} rows (weight {self.weight.sum():,.6g}), "
            f"{len(self.cost):,} options in {len(np.unique(self.group)):,} groups, "
            f"{len(self.option):,} pairs, budget {self.budget:,.6g}"
        )
