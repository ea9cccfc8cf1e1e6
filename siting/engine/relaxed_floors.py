"""Requirements relaxed at a penalty, so that windows can start from an infeasible plan.

A first plan may violate constraint rows for minimum shares served (floors), for values that earlier
aims reached, or for business cases. Each such row gets a shortfall column, which costs more than
any plan is worth. A plan without shortfall is a plan of the original program.
"""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.program.instance import Ints


def softened(frame: Frame) -> tuple[Frame, Ints] | None:
    """Return a frame with shortfall columns, and their positions; None if no row needs one."""
    m, rows = frame.matrix, frame.rows_of("floor", "kept", "gap")
    if not len(rows):
        return None
    count, width = len(rows), m.a.shape[1]
    size = np.maximum(np.abs(m.row_lower[rows]), settings.EXACT)
    if "gap" in m.family:  # rows without demand in reach are scaled by their stations' costs
        need = abs(m.a[rows][:, : frame.count]).max(axis=1).toarray().ravel()
        size = np.where(size > settings.EXACT, size, np.maximum(need, settings.EXACT))
    more = sparse.csr_array((size, (rows, np.arange(count))), shape=(m.a.shape[0], count))
    most = float(np.abs(m.cost) @ np.where(np.isfinite(m.upper), m.upper, 1.0))
    cost = np.full(count, -settings.MISSED_PENALTY * max(most, 1.0))
    a, cost = sparse.csr_array(sparse.hstack([m.a, more])), np.append(m.cost, cost)
    lower, upper = np.append(m.lower, np.zeros(count)), np.append(m.upper, np.ones(count))
    out = frame.with_matrix(replace(m, a=a, cost=cost, lower=lower, upper=upper))
    columns = np.arange(width, width + count)
    out.layout = copy.copy(frame.layout)
    out.layout.columns = copy.copy(frame.layout.columns)
    names = {int(c): f"missed_{n}" for n, c in enumerate(columns)}
    out.layout.columns.names = {**frame.layout.columns.names, **names}
    out.layout.columns.count = width + count
    return out, columns


def viable(
    frame: Frame, choice: Ints, clock: Clock, *, hurried: bool = False, at_once: bool = False
) -> Ints | None:  # fmt: skip
    """Return a choice whose stations all break even with subsidies; None if none is found.

    A relaxation may use more stations than the budget can pay for. The stations with the largest
    shortfalls are replaced by the most expensive of the cheaper options at their sites (smaller or
    later stations), or dropped if no option is cheaper, until no shortfall remains. In a large
    program, the cheaper option must save at least the shortfall; this rule halves the run time. If
    time runs out, all stations with a shortfall are dropped; the other stations lose no customers.

    `hurried`: whether to check shortfalls at least once, even if time is up; `at_once`: whether to
    drop all stations with a shortfall at the first check.
    """
    soft = softened(frame)
    assert soft is not None  # the program has rows for viability gaps
    rows, columns = soft
    sites, at = (np.concatenate(part) for part in zip(*frame.layout.gap_rows, strict=True))
    by_year = [len(one) for one, _ in frame.layout.gap_rows]
    year = np.repeat(np.arange(len(by_year)), by_year)
    family = frame.matrix.family["gap"]
    gap = columns[family.start - family.stop :][at]
    need = frame.options.of_offers(frame.program.instance.offer_cost)
    pooled = frame.pooled[sites]
    need_at = np.zeros(frame.sites)
    np.maximum.at(need_at, frame.site, need.max(axis=1) / frame.layout.money_unit)
    # Money (PKR) that a cheaper option must save for each unit of the station's shortfall.
    size = np.where(pooled, need_at[sites], rows.by_column[:, gap].max(axis=0).toarray().ravel())
    size *= frame.layout.money_unit if frame.large else 0.0
    kept: Ints | None = None
    serve_s = 0.0
    # Enough time must remain to assign demand to the resulting stations once more.
    while hurried or (not clock.over and clock.left_s > 2 * serve_s):
        began_s = clock.elapsed_s
        served = rows.serve(np.sort(choice), clock if not hurried else Clock(math.inf))
        hurried = False
        serve_s = max(serve_s, clock.elapsed_s - began_s)
        if not served.found:
            break
        lacks = served.point[gap]
        if pooled.any():
            # In a concession with a shortfall, only stations with a shortfall of their own change.
            entries = frame.matrix.a[family].tocoo()
            earned = entries.data * served.point[entries.col]
            own = -np.bincount(frame.column_site[entries.col], earned, frame.sites)[sites]
            own = own / np.maximum(need_at[sites], 1e-9)
            own = np.where(lacks > settings.ARITHMETIC, np.maximum(own, 0.0), 0.0)
            lacks = np.where(pooled, own, lacks)
        lacking = np.flatnonzero(lacks > settings.ARITHMETIC)
        if not len(lacking):
            return choice
        by_site = frame.by_site(choice)
        kept = choice[~np.isin(frame.site[choice], sites[lacking])]
        if at_once:
            return kept
        worst = np.argsort(-lacks, kind="stable")[: math.ceil(len(lacking) / 2)]
        for j, t, lack in zip(sites[worst], year[worst], (lacks * size)[worst], strict=True):
            now = by_site[j]
            if now < 0:  # the station was removed for a shortfall in another year
                continue
            own = np.flatnonzero(frame.site == j)
            less = own[(need[own] <= need[now]).all(axis=1) & (need[own, t] < need[now, t])]
            less = less[need[less, t] <= need[now, t] - lack]
            by_site[j] = less[need[less].sum(axis=1).argmax()] if len(less) else -1
        choice = by_site[by_site >= 0]
    return kept
