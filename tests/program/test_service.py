"""The capacity rows hold if and only if a station's load can be split over its chargers."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from siting.program.service import capacity_sets

KINDS = st.lists(
    st.sets(st.integers(0, 3), min_size=1).map(lambda s: tuple(sorted(s))),
    min_size=1, max_size=4, unique=True,
).map(tuple)  # fmt: skip


@given(
    kinds=KINDS,
    load=st.lists(st.integers(0, 9), min_size=4, max_size=4),
    capacity=st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
def test_the_capacity_rows_hold_exactly_when_the_load_can_be_split(kinds, load, capacity):
    load = load[: len(kinds)]
    rows = all(
        sum(load[k] for k in members) <= sum(capacity[g] for g in groups)
        for members, groups in capacity_sets(kinds)
    )
    arcs = [(k, g) for k, groups in enumerate(kinds) for g in groups]
    matrix = [[float(a[0] == k) for a in arcs] for k in range(len(kinds))]
    matrix += [[float(a[1] == g) for a in arcs] for g in range(4)]
    sent = -linprog(-np.ones(len(arcs)), A_ub=matrix, b_ub=[*load, *capacity]).fun
    assert rows == (sent >= sum(load) - 1e-6)


@given(kinds=KINDS)
def test_no_capacity_row_is_there_twice(kinds):
    rows = capacity_sets(kinds)
    assert len({groups for _, groups in rows}) == len(rows)
    for (a, _), (b, _) in itertools.combinations(rows, 2):
        assert a != b
