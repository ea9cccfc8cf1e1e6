"""What counts as proven: both senses, infinite bounds, and bounds a plan reaches."""

import math

import pytest

from siting.engine import Proof


def proof(objective, bound, **more):
    return Proof.of(
        objective, bound, **{"gap_asked": 0.01, "stopped": "time limit", "unit": "PKR", **more}
    )


def test_a_plan_within_the_gap_is_optimal_whatever_stopped_the_solver():
    assert proof(100, 100.9).status == "optimal"
    assert proof(100, 100.9).stopped == "gap reached"


@pytest.mark.parametrize(("maximise", "bound"), [(True, 102), (False, 98)])
def test_a_plan_outside_the_gap_is_only_feasible(maximise, bound):
    found = proof(100, bound, maximise=maximise)
    assert (found.status, found.stopped) == ("feasible", "time limit")
    assert found.gap == pytest.approx(0.02)


def test_without_a_bound_nothing_is_proven():
    found = proof(100, math.inf)
    assert found.status == "feasible"
    assert "nothing proven" in str(found)


def test_a_bound_the_plan_reaches_up_to_arithmetic_is_reached():
    assert proof(100, 100 + 1e-8, gap_asked=0.0).gap == 0
    assert proof(0, 0, gap_asked=0.0).status == "optimal"


def test_an_interruption_stays_one():
    assert proof(100, 100, stopped="interrupted").stopped == "interrupted"


def test_a_bound_stays_where_it_was_proven_and_never_on_the_wrong_side():
    above = proof(100, 100 + 1e-8, gap_asked=0.0)
    assert (above.bound, above.gap, above.status) == (100 + 1e-8, 0.0, "optimal")
    assert proof(100, 100 - 1e-8).bound == 100
    assert proof(100, 100 + 1e-8, maximise=False).bound == 100


@pytest.mark.parametrize("maximise", [True, False])
def test_nothing_is_never_minus_nothing(maximise):
    proof = Proof.of(
        -0.0, -0.0, gap_asked=0.0, stopped="gap reached", unit="PKR", maximise=maximise
    )
    assert "-0" not in str(proof)
