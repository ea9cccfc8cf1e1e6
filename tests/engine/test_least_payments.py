"""Least payments to options: worked by hand, and met by every best plan."""

import numpy as np
import pandas as pd
import pytest
from conftest import often
from medium_cases import medium_case
from program_cases import program_of

from siting.engine.clock import Clock
from siting.engine.effort import Effort
from siting.engine.frame import Frame
from siting.engine.least_payments import least_payments, with_least_payments
from siting.engine.linear import model_of
from siting.engine.relax import solve_native
from siting.program.instance import Instance
from siting.program.money import GapRule
from siting.program.program import Program


def town(wanted, cost=(30.0, 70.0)):
    """A site, two offers of 10 and 30 kWh a day for 30 and 70 rupees, and one customer."""
    demand = pd.DataFrame({
        "demand_id": ["d"], "cell_id": ["c"], "vehicle_class": ["car"], "demand_kwh_day": [wanted],
    })  # fmt: skip
    offers = pd.DataFrame({
        "offer_id": ["small", "large"], "site_id": "s", "configuration": ["small", "large"],
        "existing": False, "chargers": "1 x ac_22", "charger_cost_pkr": cost,
        "grid_cost_pkr": 0.0, "fee_cost_pkr": 0.0, "reason": "", "power_kw": 22.0,
        "cost_pkr": cost, "subsidy_pkr": 0.0, "capacity_ac_kwh_day": [10.0, 30.0],
    })  # fmt: skip
    reach = pd.DataFrame({"cell_id": ["c"], "site_id": ["s"], "travel_min": [1.0]})
    groups = pd.DataFrame({"vehicle_class": ["car"], "charger_group": ["ac"], "share": [1.0]})
    return Instance.from_tables(demand, offers, reach, groups, 100.0)


@pytest.mark.parametrize(
    ("wanted", "small", "large"),
    [(100.0, 10.0, 10.0), (20.0, 10.0, 30.0), (4.0, 22.0, 62.0), (40.0, 10.0, 10.0)],
)
def test_an_option_is_paid_what_its_best_sales_do_not_earn(wanted, small, large):
    # 2 rupees for a kWh a day: the offers earn at most 20 and 60, or 2 rupees times the demand.
    program = Program(town(wanted)).viability_gap(GapRule(margin_pkr=2.0, cap=1.0))
    frame = Frame(program, program.all_aims[0])
    least = least_payments(frame)[0] * frame.layout.money_unit
    by_offer = dict(zip(frame.options.last.tolist(), least.tolist(), strict=True))
    names = program.instance.offer_ids.tolist()
    assert by_offer[names.index("small")] == pytest.approx(small)
    assert by_offer[names.index("large")] == pytest.approx(large)


def test_without_a_need_there_is_no_row():
    program = Program(town(9.0, cost=(0.0, 0.0))).viability_gap(GapRule(margin_pkr=2.0, cap=1.0))
    frame = Frame(program, program.all_aims[0])
    assert least_payments(frame) == []
    assert with_least_payments(frame) is frame


ASKED = [
    (features, seed)
    for features in (
        ("viability gap",), ("need",), ("viability gap", "years"), ("viability gap", "expected"),
        ("need", "years"), ("need", "class floors"), ("viability gap", "concessions"),
    )
    for seed in (1, 2, 3)
]  # fmt: skip


@pytest.mark.parametrize("asked", often(ASKED, ASKED[::9]))
def test_the_best_plan_pays_its_options_their_least(asked):
    features, seed = asked
    program = program_of(medium_case(features, "plain", seed))
    frame = Frame(program, program.all_aims[0])
    wide = with_least_payments(frame)
    more = wide.matrix.a.shape[0] - frame.matrix.a.shape[0]
    answer = solve_native(frame, Clock(20.0), None, Effort(0.001, threads=1))
    assert answer.found
    rows = wide.matrix.a[frame.matrix.a.shape[0] :]
    assert (rows @ answer.point >= -1e-6).all()

    def relaxed(of):
        m = of.matrix
        model = model_of(of.by_column, m.cost, m.lower, m.upper, m.row_lower, m.row_upper)
        model.run()
        return float(model.getInfo().objective_function_value)

    loose, tight = relaxed(frame), relaxed(wide)
    assert answer.objective - 1e-6 * abs(answer.objective) <= tight
    assert tight <= loose + 1e-6 * abs(loose)
    if not more:
        assert np.concatenate(least_payments(frame)).max(initial=0.0) == 0.0
