"""The programs hold what their formulation says: golden files, exact capacity rows, safe names."""

from pathlib import Path

import numpy as np
import pulp
import pytest
from brute_force import COMPATIBILITY, best, town
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from test_models_instance import small, standing

from siting.models import Instance, capacitated, coverage, merge_equal_reach
from siting.models.capacitated import capacity_sets, site_capacity_sets

GOLDEN = Path(__file__).parent / "golden"
BUILDERS = {"coverage": coverage, "capacitated": capacitated}


@pytest.mark.parametrize("model", BUILDERS)
@pytest.mark.parametrize("existing", [False, True])
def test_the_program_of_a_small_town_is_as_on_file(model, existing, tmp_path):
    tables = small(offers=standing) if existing else small()
    program = BUILDERS[model](Instance.from_tables(**tables))
    written = tmp_path / "program.lp"
    program.prob.writeLP(str(written))
    name = f"program_{model}_existing.lp" if existing else f"program_{model}.lp"
    assert written.read_text() == (GOLDEN / name).read_text()


@pytest.mark.parametrize("model", BUILDERS)
def test_labels_never_become_names(model):
    names = {"s1": "F-7", "s2": "F 7"}
    tables = small(
        offers=lambda t: t.assign(
            site_id=t["site_id"].map(names), offer_id=t["site_id"].map(names) + t["configuration"]
        ),
        reach=lambda t: t.assign(site_id=t["site_id"].map(names)),
    )
    program = BUILDERS[model](Instance.from_tables(**tables))
    program.prob.checkDuplicateVars()
    program.prob.checkDuplicateConstraints()
    assert not [v.name for v in program.prob.variables() if "F" in v.name]


@pytest.mark.parametrize("model", BUILDERS)
def test_offers_beyond_the_budget_or_of_no_use_get_no_variable(model):
    tables = small(
        offers=lambda t: t.assign(
            subsidy_pkr=[6.0, 13.0, 6.0], cost_pkr=20.0, capacity_dc_kwh_day=[4.0, 4.0, 0.0]
        ),
        reach=lambda t: t[t["site_id"].eq("s1") | t["cell_id"].eq("c2")],
    )
    instance = Instance.from_tables(**tables)
    program = BUILDERS[model](instance)
    # s1:b is too dear; s2:a has only small sockets, and only cars of c2 can reach it.
    assert instance.offer_ids[program.offer].tolist() == ["s1:a"]


@pytest.mark.parametrize("model", BUILDERS)
@pytest.mark.parametrize("seed", range(8))
def test_the_optimum_of_the_bare_program_is_the_best_plan_of_all(model, seed):
    demand, offers, reach = town(seed, sites=4)
    instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, 6.0)
    program = BUILDERS[model](instance)
    stats = program.prob.solve(pulp.HiGHS(msg=False, gapRel=0.0))
    energy, *_ = best(demand, offers, reach, 6.0, model == "capacitated")
    assert stats.objective == pytest.approx(energy, abs=1e-6)


def split_over_groups(load, capacity, kinds):
    """Return whether loads of kinds can be split over charger groups: flows written out."""
    arcs = [(k, g) for k, groups in enumerate(kinds) for g in groups]
    if not arcs:
        return not load.any()
    fill = np.zeros((len(kinds), len(arcs)))
    room = np.zeros((len(capacity), len(arcs)))
    for n, (k, g) in enumerate(arcs):
        fill[k, n] = room[g, n] = 1
    answer = linprog(np.zeros(len(arcs)), A_ub=room, b_ub=capacity, A_eq=fill, b_eq=load)
    return answer.status == 0


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_capacity_rows_allow_exactly_what_can_be_split_over_the_chargers(data):
    groups = data.draw(st.integers(1, 4))
    kinds = data.draw(
        st.lists(
            st.sets(st.integers(0, groups - 1), min_size=1).map(lambda s: tuple(sorted(s))),
            min_size=1,
            max_size=4,
            unique=True,
        ).map(tuple)
    )
    whole = st.integers(0, 6).map(float)
    load = np.array(data.draw(st.lists(whole, min_size=len(kinds), max_size=len(kinds))))
    capacity = np.array(data.draw(st.lists(whole, min_size=groups, max_size=groups)))
    useless = [k for k, own in enumerate(kinds) if not capacity[list(own)].any()]
    load[useless] = 0.0  # such pairs get no variable
    rows = site_capacity_sets(capacity[None, :], load, kinds)
    allowed = all(
        load[list(inside)].sum() <= capacity[list(union)].sum() + 1e-9 for inside, union in rows
    )
    assert allowed == split_over_groups(load, capacity, kinds)


def test_no_capacity_row_is_there_in_vain():
    # Bikes, cars (AC or DC), buses (DC): cars alone are bounded by cars and buses together.
    assert capacity_sets(((0, 1), (1,), (2,))) == (
        ((1,), (1,)),
        ((2,), (2,)),
        ((0, 1), (0, 1)),
    )
    # Two groups that nobody shares need no row together.
    assert capacity_sets(((0,), (1,))) == (((0,), (0,)), ((1,), (1,)))


def test_a_capacity_beyond_the_demand_in_reach_is_cut_to_it():
    tables = small(offers=lambda t: t.assign(capacity_dc_kwh_day=1e6, capacity_lev_kwh_day=1e6))
    program = capacitated(Instance.from_tables(**tables))
    largest = max(abs(value) for row in program.prob.constraints() for _, value in row.items())
    assert largest == merge_equal_reach(program.instance).kwh.max()
