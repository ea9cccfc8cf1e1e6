"""Every classic model equals the best of all sets of sites on small random instances."""

import numpy as np
import pulp
import pytest
from brute_force import best_sites, plain_town, value_of_sites
from conftest import often

from siting.classics import (
    PlainInstance,
    facility_location,
    lscp,
    mclp,
    p_center,
    p_median,
    solve_classic,
)
from siting.errors import InfeasibleError, InputError

ASKED = {
    "mclp": {"p": 2, "radius": 4.0},
    "lscp": {"radius": 6.0},
    "p_median": {"p": 2},
    "p_center": {"p": 2},
    "facility_location": {},
    "capacitated_facility_location": {},
}
BUILD = {
    "mclp": lambda i: mclp(i, 2, 4.0),
    "lscp": lambda i: lscp(i, 6.0),
    "p_median": lambda i: p_median(i, 2),
    "p_center": lambda i: p_center(i, 2),
    "facility_location": facility_location,
    "capacitated_facility_location": lambda i: facility_location(i, capacitated=True),
}
SIGN = {"mclp": -1.0}


def wanted(model, tables):
    return SIGN.get(model, 1.0) * best_sites(model, tables, **ASKED[model])


@pytest.mark.parametrize("model", often(ASKED, [*ASKED][:2]))
@pytest.mark.parametrize("existing", often([False, True], [True]))
@pytest.mark.parametrize("whole_numbers", often([False, True], [False]))
def test_the_plan_is_the_best_of_all(model, existing, whole_numbers):
    solved = 0
    for seed in range(5 if model.startswith("capacitated") else 8):
        tables = plain_town(seed, existing=existing, whole_numbers=whole_numbers)
        instance = PlainInstance.from_tables(*tables)
        least = wanted(model, tables)
        if not np.isfinite(least):
            with pytest.raises((InfeasibleError, InputError)):
                solve_classic(instance, model, **ASKED[model], time_limit_s=20)
            continue
        solved += 1
        answer = solve_classic(instance, model, **ASKED[model], time_limit_s=20, threads=1)
        assert answer.proof.status == "optimal"
        assert answer.objective == pytest.approx(least, rel=1e-9, abs=1e-9)
        radius = ASKED[model].get("radius")
        again = SIGN.get(model, 1.0) * value_of_sites(model, tables, answer.sites, radius)
        assert again == pytest.approx(answer.objective, rel=1e-9, abs=1e-9)
        if existing:
            assert "s3" in answer.sites
        assert len(answer.sites) <= ASKED[model].get("p", 6)
    assert solved >= 3


@pytest.mark.slow
@pytest.mark.parametrize("model", ASKED)
def test_the_bound_holds_where_a_gap_is_allowed(model):
    for seed in range(4):
        tables = plain_town(seed, sites=6, demands=9, density=0.9)
        least = wanted(model, tables)
        if not np.isfinite(least):
            continue
        instance = PlainInstance.from_tables(*tables)
        proof = solve_classic(instance, model, **ASKED[model], gap=0.1, time_limit_s=20).proof
        assert proof.gap <= 0.1
        low, high = sorted((proof.bound, proof.objective))
        assert low - 1e-6 <= least <= high + 1e-6


@pytest.mark.parametrize("model", often(ASKED, [*ASKED][:2]))
def test_the_optimum_of_the_bare_program_is_the_best_of_all(model):
    solved = 0
    for seed in range(6):
        tables = plain_town(seed, existing=seed % 2 == 1)
        least = wanted(model, tables)
        instance = PlainInstance.from_tables(*tables)
        if not np.isfinite(least):
            continue
        solved += 1
        program = BUILD[model](instance)
        stats = program.prob.solve(pulp.HiGHS(msg=False, gapRel=0.0))
        assert stats.objective == pytest.approx(least, rel=1e-7, abs=1e-6)
    assert solved >= 2
