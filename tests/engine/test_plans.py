"""Plans to cross: paired within a generation, and at last with the incumbent."""

import math

import numpy as np

from siting.engine.incumbent import Plans


def plan(*options):
    return np.array(options)


def names(pairs):
    return [(first.tolist(), second.tolist(), generation) for first, second, generation in pairs]


def test_the_best_plan_of_a_generation_meets_the_median_one():
    plans = Plans()
    for n, value in enumerate([1.0, 4.0, 2.0, 3.0, 5.0]):
        plans.add(plan(n), value)
    plans.add(plan(9), 9.0, generation=1)
    assert plans.have_pairs(plan(7))
    # By value: 4, 1, 3, 2, 0. The best and the median, then the best and the median of the rest.
    assert names(plans.take(2, plan(7))) == [([4], [3], 1), ([1], [2], 1)]
    # Then no generation has two: single plans meet the incumbent, one at a time.
    assert names(plans.take(1, plan(7))) == [([7], [0], 1)]
    assert names(plans.take(2, plan(7))) == [([7], [9], 2)]
    assert not plans.have_pairs(plan(7))
    assert plans.take(2, plan(7)) == []


def test_an_earlier_generation_comes_first():
    plans = Plans()
    for generation in (1, 0):
        for n in (1, 2):
            plans.add(plan(n, generation + 5), float(n), generation)
    assert [generation for *_, generation in plans.take(1, plan(0))] == [1]
    assert [generation for *_, generation in plans.take(1, plan(0))] == [2]


def test_equal_plans_and_none_at_all_are_left_out():
    plans = Plans()
    plans.add(plan(2, 1), 3.0)
    plans.add(plan(1, 2), 3.0)
    plans.add(plan(5), -math.inf)
    assert plans.have_pairs(plan(4))
    # The incumbent is not crossed with itself, nor anything without one.
    assert not plans.have_pairs(plan(1, 2))
    assert not plans.have_pairs(None)
    assert plans.take(2, plan(1, 2)) == []
    assert names(plans.take(2, plan(4))) == [([4], [1, 2], 1)]
