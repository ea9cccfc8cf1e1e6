"""What is essential in a covering problem: rows that no other implies, sites that no other beats.

A demand whose sites include all those of another demand is covered whenever the other is. A site
whose demands are all covered by another site as well can be left out. Either may make more of the
other so, and the two are done in turn until nothing changes.

Source: C. Toregas, C. ReVelle: Binary logic solutions to a class of location problem. Geographical
Analysis 5 (1973), 145-155.
"""

from __future__ import annotations

import numpy as np

from siting.classics.plain import PlainInstance
from siting.program.instance import Flags

# The comparison is of all rows with all rows; above so many entries it is left to the solver.
MOST_ENTRIES = 25_000_000


def essential(instance: PlainInstance) -> PlainInstance:
    """Return the covering problem without rows and pairs that play no part.

    Parameters
    ----------
    instance
        The data; every pair covers. A demand that an existing site covers is left out too.
    """
    rows, sites = len(instance.demand_ids), len(instance.site_ids)
    if max(rows, sites) ** 2 > MOST_ENTRIES:
        return instance
    covers = np.zeros((rows, sites), dtype=np.float32)
    covers[instance.row, instance.site] = 1.0
    row_left = ~covers[:, instance.existing].any(axis=1)
    site_left = ~instance.existing
    before = -1
    while before != (before := int(row_left.sum() + site_left.sum())):
        here = np.flatnonzero(row_left)
        there = np.flatnonzero(site_left)
        row_left[here[_included(covers[np.ix_(here, there)])]] = False
        here = np.flatnonzero(row_left)
        site_left[there[_inside(covers[np.ix_(here, there)].T)]] = False
    pairs = row_left[instance.row] & site_left[instance.site]
    return instance.restricted(pairs, row_left)


def _included(sets: np.ndarray) -> Flags:
    """Return which sets (rows) hold all of another one; of equal ones the first is kept."""
    common = sets @ sets.T
    size = sets.sum(axis=1)
    holds = common >= size[None, :]  # row holds all of column
    return _beaten(holds)


def _inside(sets: np.ndarray) -> Flags:
    """Return which sets (rows) lie within another one; of equal ones the first is kept."""
    common = sets @ sets.T
    size = sets.sum(axis=1)
    return _beaten(common >= size[:, None])  # row lies within column


def _beaten(by: np.ndarray) -> Flags:
    order = np.arange(len(by))
    both = by & by.T
    strict = by & ~both
    earlier = both & (order[None, :] < order[:, None])
    return np.asarray((strict | earlier).any(axis=1), dtype=bool)
