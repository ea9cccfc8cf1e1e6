"""Constraint rows for relaxations: the least public money that options need for viability gaps.

In a relaxation, one fractional option at a site may cover the shortfall of another fractional
option. No integer solution can do that. An option earns at most its margin on all its capacity, or
on all demand in reach if that is less. Public money must pay all other costs of the option. So the
payments at a site are at least the sum of these other costs over the site's options, weighted by
the options' values.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting.engine.frame import Frame
from siting.program.instance import Floats


def least_payments(frame: Frame) -> list[Floats]:
    """Return, for each year, the minimum payment to each option (in the layout's unit of money).

    The list is empty without viability gaps. The minimum is 0 in a concession, which shares costs.
    """
    layout, m = frame.layout, frame.matrix
    if not layout.by_pair or "gap" not in m.family:
        return []
    first, ends = frame.count, layout.columns.energies
    capacity = m.a[m.family.get("capacity", slice(0, 0))].tocoo()
    sold = (capacity.col >= first) & (capacity.col < ends)
    per_unit = np.zeros(ends - first)  # capacity that a unit of each energy column uses
    of_row = np.full(ends - first, -1)
    per_unit[capacity.col[sold] - first] = capacity.data[sold]
    of_row[capacity.col[sold] - first] = capacity.row[sold]
    of_option = capacity.col < first
    rows, out = m.a[m.family["gap"]], []
    for t, (sites, at) in enumerate(layout.gap_rows):
        gap = rows[at].tocoo()
        payment = np.ones(len(sites))
        paid = np.isin(gap.col, layout.subsidy_column[:, t])
        payment[gap.row[paid]] = gap.data[paid]
        energy = (gap.col >= first) & (gap.col < ends)
        c = gap.col[energy] - first
        earned = gap.data[energy] / payment[gap.row[energy]]
        # By capacity row: largest margin per unit of capacity, and margin on all demand in reach.
        limited = of_row[c] >= 0
        best, reach = np.zeros((2, capacity.shape[0]))
        r = of_row[c[limited]]
        np.maximum.at(best, r, earned[limited] / per_unit[c[limited]])
        np.add.at(reach, r, earned[limited] * m.upper[c[limited] + first])
        most = np.zeros(first)
        row, option = capacity.row[of_option], capacity.col[of_option]
        np.add.at(most, option, np.minimum(-capacity.data[of_option] * best[row], reach[row]))
        # Energy columns without a capacity row count for every option at their site.
        free = np.zeros(frame.sites)
        at = sites[gap.row[energy]][~limited]
        np.add.at(free, at, (earned * m.upper[c + first])[~limited])
        need = np.zeros(first)
        mine = gap.col < first
        need[gap.col[mine]] = -gap.data[mine] / payment[gap.row[mine]]
        least = np.maximum(need - most - free[frame.site], 0.0)
        least[frame.pooled[frame.site]] = 0.0
        out.append(least)
    return out


def with_least_payments(frame: Frame) -> Frame:
    """Return the frame with added rows, by site and year, that require the least payments."""
    entries, number = [], 0
    for t, least in enumerate(least_payments(frame)):
        option = np.flatnonzero(least)
        sites, row = np.unique(frame.site[option], return_inverse=True)
        column, site = frame.layout.subsidy_column[:, t], frame.layout.instance.offer_site
        offer = np.flatnonzero((column >= 0) & np.isin(site, sites))
        at = np.searchsorted(sites, site[offer])
        entries.append((number + row, option, -least[option]))
        entries.append((number + at, column[offer], np.ones(len(offer))))
        number += len(sites)
    if not number:
        return frame
    row, column, value = (np.concatenate(part) for part in zip(*entries, strict=True))
    shape = (number, frame.matrix.a.shape[1])
    rows = sparse.csr_array(sparse.coo_array((value, (row, column)), shape))
    return frame.with_rows(rows, np.zeros(number))
