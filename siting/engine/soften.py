"""A program whose floors may be missed at a price: what windows start from where no plan is known.

Every row that a first plan may fail (floors, what aims before it reached) gets a column for what it
is short of, which costs more than anything can be worth. A plan without shortfall is one of the
program itself.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
from scipy import sparse

from siting.engine.frame import Frame
from siting.program.instance import Floats, Ints

FAMILIES = ("floor", "kept")
# What the whole of a row missed costs, beside the most that the aim can be worth.
PENALTY = 5.0


def softened(frame: Frame) -> tuple[Frame, Ints] | None:
    """Return a frame with shortfalls, and their columns; None where no row can be missed."""
    m = frame.matrix
    named = [np.arange(m.family[f].start, m.family[f].stop) for f in FAMILIES if f in m.family]
    if not named:
        return None
    rows = np.concatenate(named)
    count, width = len(rows), m.a.shape[1]
    size = np.maximum(np.abs(m.row_lower[rows]), 1e-9)
    more = sparse.csr_array((size, (rows, np.arange(count))), shape=(m.a.shape[0], count))
    finite = np.where(np.isfinite(m.upper), m.upper, 1.0)
    most = float(np.abs(m.cost) @ finite)
    cost = np.full(count, -PENALTY * max(most, 1.0))
    out = copy.copy(frame)
    out.__dict__.pop("by_column", None)
    a: sparse.csr_array = sparse.csr_array(sparse.hstack([m.a, more]))
    out.matrix = replace(
        m,
        a=a,
        cost=np.append(m.cost, cost),
        lower=np.append(m.lower, np.zeros(count)),
        upper=np.append(m.upper, np.ones(count)),
    )
    columns = np.arange(width, width + count)
    out.layout = copy.copy(frame.layout)
    out.layout.columns = copy.copy(frame.layout.columns)
    names = {int(c): f"missed_{n}" for n, c in enumerate(columns)}
    out.layout.columns.names = {**frame.layout.columns.names, **names}
    out.layout.columns.count = width + count
    return out, columns


def short_of(point: Floats, columns: Ints) -> float:
    """Return the largest share that any row is missed by, given values of all columns."""
    return float(point[columns].max(initial=0.0))
