"""What benchmarks value plans with, held against the package's own answers and against faults."""

from dataclasses import replace

import pandas as pd
import pytest

from benchmarks.revalue import most_served, recounted
from siting import ExponentialDecay, Instance, Program, solve


@pytest.fixture
def instance():
    """Return two cells in reach of two sites, wanting more than both can sell."""
    demand = pd.DataFrame(
        {
            "demand_id": ["d1", "d2"],
            "cell_id": ["c1", "c2"],
            "vehicle_class": ["car", "car"],
            "demand_kwh_day": [100.0, 60.0],
        }
    )
    offers = pd.DataFrame(
        {
            "offer_id": ["a:fast", "b:fast"],
            "site_id": ["a", "b"],
            "configuration": "fast",
            "chargers": "1 x dc_60",
            "existing": False,
            "power_kw": 60.0,
            "charger_cost_pkr": 6e6,
            "grid_cost_pkr": 1e6,
            "fee_cost_pkr": 0.0,
            "cost_pkr": 7e6,
            "subsidy_pkr": 3e6,
            "capacity_dc_kwh_day": [80.0, 70.0],
            "reason": "",
        }
    )
    reach = pd.DataFrame(
        {
            "cell_id": ["c1", "c1", "c2", "c2"],
            "site_id": ["a", "b", "a", "b"],
            "travel_min": [1.0, 5.0, 5.0, 2.0],
        }
    )
    plugs = pd.DataFrame({"charger_group": ["dc"], "vehicle_class": ["car"]})
    return Instance.from_tables(demand, offers, reach, plugs, 6e6)


def test_the_most_served_by_hand(instance):
    assert most_served(instance, instance.positions_of(["a:fast"])) == pytest.approx(80.0)
    assert most_served(instance, instance.positions_of(["a:fast", "b:fast"])) == pytest.approx(150)


@pytest.mark.parametrize("name", ["plain", "years", "decay", "floor"])
def test_it_agrees_with_the_answer(instance, name):
    program = Program(instance)
    if name == "years":
        wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
        program = program.years(
            {2027: 3e6, 2028: 3e6}, {2027: 0.5 * wanted, 2028: wanted}, carry_over=True
        )
    elif name == "decay":
        program = program.decay(ExponentialDecay(5), cutoff_min=8)
    elif name == "floor":
        program = program.floor(0.9)
    answer = solve(program, gap=0.0)
    found = recounted(answer)
    assert found.broken == []
    assert found.value == pytest.approx(answer.proof.objective)


def test_what_a_plan_breaks_is_said(instance):
    answer = solve(Program(instance), gap=0.0)
    poorer = replace(answer.program, instance=replace(instance, budget_pkr=3e6))
    assert recounted(replace(answer, program=poorer)).broken == ["more money than is available"]
    stricter = answer.program.floor(0.99)
    assert "floors or money are not met" in recounted(replace(answer, program=stricter)).broken[0]


def test_nothing_that_stands_serves_nothing(instance):
    none = instance.positions_of([])
    assert most_served(instance, none) == 0
    poor = solve(Program(replace(instance, budget_pkr=0.0)), gap=0.0)
    assert recounted(poor).broken == []
    assert recounted(poor).value == 0
    program = poor.program.floor(0.1)
    assert recounted(replace(poor, program=program)).broken == ["the plan: floors are not met"]
