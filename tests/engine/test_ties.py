"""Where nothing is left open, ties go to less subsidy, then less cost, then lower ids."""

import pytest
from brute_force import COMPATIBILITY, best_by_flow, town
from conftest import seeds

from siting.engine import solve
from siting.errors import InputError
from siting.program.instance import Instance
from siting.program.program import Program

BUDGET = 6.0


@pytest.mark.parametrize("model", ["capacitated", "coverage"])
@pytest.mark.parametrize("seed", seeds(0, 4, 12))
def test_of_plans_that_serve_as_much_the_cheapest_is_taken(seed, model):
    demand, offers, reach = town(seed)
    try:
        instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, BUDGET)
    except InputError:
        pytest.skip("nobody can be served")
    answer = solve(Program(instance, model), gap=0.0, threads=1)
    energy, subsidy, cost, _, plans = best_by_flow(
        demand, offers, reach, BUDGET, model == "capacitated"
    )
    assert answer.tie_break == "exact"
    assert answer.served_kwh_day == pytest.approx(energy)
    assert (answer.subsidy_pkr, answer.cost_pkr) == pytest.approx((subsidy, cost))
    assert list(answer.offers) in plans


def test_a_gap_that_leaves_something_open_breaks_no_ties_exactly():
    demand, offers, reach = town(1)
    instance = Instance.from_tables(demand, offers, reach, COMPATIBILITY, BUDGET)
    assert solve(Program(instance), gap=0.01, threads=1).tie_break == "polished"
