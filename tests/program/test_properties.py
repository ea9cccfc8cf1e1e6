"""Merging rows or reordering tables does not change an answer, and units only scale it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program_cases import FEATURES, case_of, combine, program_of

from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.milp import solve_whole
from siting.engine.solve import solve
from siting.errors import InfeasibleError
from siting.program.aims import LeastRegret

some_features = st.sets(st.sampled_from(list(FEATURES)), max_size=3).filter(combine)
seeds = st.integers(0, 10_000)
quick = settings(max_examples=10, deadline=None, derandomize=True)


def reached(case):
    """Return the value of each aim; None if there is no plan."""
    try:
        answer = solve(program_of(case), gap=0.0, time_limit_s=60.0, threads=1)
    except InfeasibleError:
        return None
    return [one.proof.objective for one in answer.proofs]


def same(one, other):
    if one is None or other is None:
        assert one is other
    else:
        assert one == pytest.approx(other, rel=1e-6, abs=1e-6)


def first_aim(program):
    """Return the first aim; a regret gets arbitrary best values, which do not affect the tests."""
    aim = program.all_aims[0]
    if isinstance(aim, LeastRegret):
        aim = replace(aim, best=(10.0,) * len(program.scenario_plan.names))
    return aim


def whole(program, aim, *, by_cell):
    """Return the best value of one aim; if `by_cell`, rows merge only if drive times are equal."""
    frame = Frame(program, aim, by_cell=by_cell)
    try:
        return [solve_whole(frame, Clock(60.0), Effort(0.0, threads=1), None).value]
    except InfeasibleError:
        return None


@pytest.mark.slow
@given(some_features, seeds)
@quick
def test_merging_rows_changes_no_optimum(features, seed):
    case = case_of(sorted(features), seed, cells=6)
    program = program_of(case)
    aim = first_aim(program)
    merged, apart = (program.service(by_cell=apart) for apart in (False, True))
    assert len(merged.kwh) <= len(apart.kwh)
    assert merged.kwh.sum(axis=0) == pytest.approx(apart.kwh.sum(axis=0))
    same(whole(program, aim, by_cell=False), whole(program, aim, by_cell=True))


@given(some_features, seeds)
@quick
def test_the_order_of_rows_in_the_tables_changes_nothing(features, seed):
    case = case_of(sorted(features), seed)
    rng = np.random.default_rng(seed)
    shuffled = replace(
        case,
        **{
            name: table.sample(frac=1.0, random_state=rng.integers(1 << 30)).reset_index(drop=True)
            for name in ("demand", "offers", "reach", "compatibility")
            for table in [getattr(case, name)]
        },
    )
    programs = program_of(case), program_of(shuffled)
    one, other = (program.matrix(first_aim(program)) for program in programs)
    assert (one.a != other.a).nnz == 0
    for name in ("cost", "lower", "upper", "row_lower", "row_upper"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-12, nan_ok=True)


def in_other_units(case, kwh, pkr):
    """Return the case with all energies and all money in other units."""
    offers, demand = case.offers.copy(), case.demand.copy()
    demand["demand_kwh_day"] *= kwh
    for column in offers.columns:
        if column.startswith("capacity_"):
            offers[column] *= kwh
        elif column.endswith("_pkr"):
            offers[column] *= pkr
    by_slice = case.demand_of and {key: one * kwh for key, one in case.demand_of.items()}
    money = case.budgets and {year: most * pkr for year, most in case.budgets.items()}
    limits = tuple(
        replace(one, at_most=one.at_most * pkr) if one.per_rupee else one for one in case.limits
    )
    gap = case.gap
    if gap is not None:
        margin = {k: v * pkr / kwh for k, v in gap[0].items()}
        cap = {o: most * pkr for o, most in gap[1].items()} if isinstance(gap[1], dict) else gap[1]
        gap = margin, cap, *gap[2:]
    # A least gain is worth per rupee; with years, there may be a least gain for each year.
    times = (kwh if case.worth is None else 1.0) / pkr

    def asked(gain):
        return tuple(map(asked, gain)) if isinstance(gain, tuple) else gain * times

    def other_aim(kind, *rest):
        if kind == "net_worth":
            return kind, asked(rest[0]), *rest[1:]
        if kind == "least_cost_to_all":
            yearly, minute = rest
            yearly = {o: one * pkr for o, one in yearly.items()}
            return kind, yearly, {k: one * pkr / kwh for k, one in minute.items()}
        return kind, *rest

    aims = tuple(other_aim(*aim) for aim in case.aims)
    return replace(
        case,
        aims=aims,
        offers=offers,
        demand=demand,
        demand_of=by_slice,
        budget=case.budget * pkr,
        budgets=money,
        limits=limits,
        gap=gap,
    )


def factor_of(case, aim, kwh, pkr):
    """Return the factor by which an aim's value changes in other units."""
    kind = aim[0]
    if kind in ("least_money", "least_cost_to_all"):
        return pkr
    if kind == "worst_share":
        return 1.0
    # People and sessions are given by row and do not depend on the unit of energy.
    return kwh if case.worth is None or kind == "shortest_drives" else 1.0


@pytest.mark.slow
@given(some_features, seeds, st.sampled_from([1e-5, 0.1, 3.0, 1e6]), st.sampled_from([1e-3, 1e7]))
@quick
def test_other_units_scale_the_answer(features, seed, kwh, pkr):
    case = case_of(sorted(features), seed)
    one, other = reached(case), reached(in_other_units(case, kwh, pkr))
    if other is not None:
        pairs = zip(other, case.aims, strict=True)
        other = [value / factor_of(case, aim, kwh, pkr) for value, aim in pairs]
    same(one, other)
