"""Published maximal covering instances, made anew from the C library's random numbers."""

import importlib.util
import sys

import numpy as np
import pytest
from conftest import ROOT

from benchmarks.covering import solve_covering

SPEC = importlib.util.spec_from_file_location(
    "cfl_instances", ROOT / "benchmarks" / "cfl_instances.py"
)
cfl = importlib.util.module_from_spec(SPEC)
sys.modules[SPEC.name] = cfl
SPEC.loader.exec_module(cfl)

# Customers, radius, budget, optimum; seed 1. All proven to a gap of 1e-6.
OPTIMA = [
    (10**4, 5.5, 10, 441_545),
    (10**4, 5.5, 15, 498_935),
    (10**4, 6.25, 10, 485_802),
    (10**5, 5.5, 10, 4_431_761),
    (10**5, 5.5, 15, 5_004_903),
    (10**5, 6.25, 10, 4_866_754),
]
LARGE = [
    (10**6, 5.5, 10, 44_433_492),
    (10**6, 5.5, 15, 50_166_480),
    (10**6, 6.25, 10, 48_780_184),
    (10**7, 5.5, 10, 444_205_296),
]


def test_the_stream_is_that_of_glibc():
    # What srand(1) is known to give, and the same wherever a stretch begins.
    first = [1804289383, 846930886, 1681692777, 1714636915, 1957747793]
    assert cfl.GlibcRand(1).draw(0, 5).tolist() == first
    whole = cfl.GlibcRand(7).draw(0, 20_000)
    assert cfl.GlibcRand(7).draw(12_345, 777).tolist() == whole[12_345 : 12_345 + 777].tolist()
    assert 0 <= whole.min() <= whole.max() <= cfl.RAND_MAX


def test_the_first_customer_and_facility_are_those_of_the_published_file():
    # n100_m1000_f10_100_s1: the first facility costs 75, the first customer wants 87.
    rand = cfl.GlibcRand(1)
    cost = rand.draw(2 * 100 + 2 * 1000, 1) % 91 + 10
    weight, covers = next(cfl.cfl_chunks(1000, 5.5))
    assert cost.tolist() == [75]
    assert weight[0] == 87
    assert covers.shape == (1000, 100)


def test_the_size_of_a_chunk_changes_nothing():
    one, two = cfl.cfl_covering(5000, 5.5, 10), cfl.cfl_covering(5000, 5.5, 10, chunk=777)
    assert (one.matrix != two.matrix).nnz == 0
    assert one.weight.tolist() == two.weight.tolist()
    assert one.weight.sum() == sum(w[c.any(axis=1)].sum() for w, c in cfl.cfl_chunks(5000, 5.5))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("customers", "radius", "budget", "optimum"),
    [*OPTIMA, *(pytest.param(*row, marks=pytest.mark.slow) for row in LARGE)],
)
def test_the_published_instances_have_these_optima(customers, radius, budget, optimum):
    covering = cfl.cfl_covering(customers, radius, budget)
    answer = solve_covering(covering, gap=1e-6, time_limit_s=120)
    assert answer.proof.status == "optimal"
    assert answer.value == optimum
    assert answer.bound <= optimum * (1 + 1e-6)
    assert len(answer.chosen) == budget


@pytest.mark.parametrize("budget", [15, 20])
def test_where_the_budget_covers_everything_there_is_no_tree(budget):
    covering = cfl.cfl_covering(10_000, 6.25, budget)
    answer = solve_covering(covering, gap=1e-6, time_limit_s=120)
    assert answer.value == covering.weight.sum()
    assert answer.proof.nodes == 0
    assert np.isin(answer.chosen, np.arange(100)).all()
