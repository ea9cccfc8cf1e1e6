"""The programs as written, row by row, and the condition the capacity rows rest on."""

import itertools

import numpy as np
import pandas as pd
import pulp
import pytest
from brute_force import COMPATIBILITY, town
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from siting.errors import InputError
from siting.models import Instance, capacitated, coverage
from siting.models.capacitated import capacity_sets

GOLDEN = ROOT / "tests" / "golden"
MODELS = {"capacitated": capacitated, "coverage": coverage}


def small():
    """Two cells, two sites, one of them standing; cars may use AC and DC, buses DC."""
    demand = pd.DataFrame(
        [
            ("d1", "c1", "car", 8.0),
            ("d2", "c1", "bus", 3.0),
            ("d3", "c2", "car", 5.0),
            ("d4", "c2", "two_wheeler", 2.0),
        ],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    _, offers, _ = town(3, sites=3, configurations=2)
    offers = offers.assign(
        reason="",
        subsidy_pkr=[0.0, 2.0, 3.0, 4.0, 5.0],
        charger_cost_pkr=[0.0, 9.0, 9.0, 9.0, 9.0],
        grid_cost_pkr=0.0,
        cost_pkr=[0.0, 9.0, 9.0, 9.0, 9.0],
        capacity_ac_kwh_day=[0.0, 4.0, 0.0, 6.0, 0.0],
        capacity_dc_kwh_day=[3.0, 0.0, 9.0, 5.0, 0.0],
        capacity_lev_kwh_day=[0.0, 1.0, 0.0, 0.0, 7.0],
    )
    reach = pd.DataFrame(
        [("c1", "s0", 1.0), ("c1", "s1", 2.0), ("c2", "s1", 3.0), ("c2", "s2", 4.0)],
        columns=["cell_id", "site_id", "travel_min"],
    )
    return demand, offers, reach


@pytest.mark.parametrize("model", MODELS)
def test_the_program_is_the_one_on_file(model, tmp_path):
    instance = Instance.from_tables(*small(), COMPATIBILITY, 7.0)
    path = tmp_path / f"{model}.lp"
    MODELS[model](instance).prob.writeLP(str(path))
    assert path.read_text() == (GOLDEN / f"{model}.lp").read_text()


@pytest.mark.parametrize("model", MODELS)
def test_the_program_leaves_the_tables_as_they_were(model):
    tables = small()
    before = [t.copy() for t in tables]
    MODELS[model](Instance.from_tables(*tables, COMPATIBILITY, 7.0))
    for table, old in zip(tables, before, strict=True):
        pd.testing.assert_frame_equal(table, old)


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


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(300, 315))
def test_the_plain_program_and_the_fast_path_agree(seed, model):
    # The readable program, given whole to HiGHS, is the oracle for everything clever.
    from siting.solve import solve

    demand, offers, reach = town(seed, sites=9, cells=12, configurations=3)
    try:
        instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, 9.0)
    except InputError:
        pytest.skip("nothing can be served in this town")
    program = MODELS[model](instance)
    stats = program.prob.solve(pulp.HiGHS(msg=False, gapRel=0))
    answer = solve(instance, model, gap=0.0, threads=1)
    assert answer.objective_kwh_day == pytest.approx(stats.objective or 0.0, abs=1e-4)


def faults_of(tables, budget=5.0):
    with pytest.raises(InputError) as caught:
        Instance.from_tables(*tables, COMPATIBILITY, budget)
    return str(caught.value)


def test_references_between_tables_are_checked_all_at_once():
    demand, offers, reach = small()
    text = faults_of(
        (demand.assign(vehicle_class="tram"), offers, reach.assign(site_id="s9")), -1.0
    )
    assert "budget" in text
    assert "s9" in text


def test_no_demand_within_reach_is_an_error_with_figures():
    demand, offers, reach = small()
    text = faults_of((demand, offers, reach.iloc[:0]))
    assert "reach" in text
    assert "cutoff" in text


def test_no_demand_at_all_is_an_error():
    demand, offers, reach = small()
    assert "demand" in faults_of((demand.assign(demand_kwh_day=0.0), offers, reach))
