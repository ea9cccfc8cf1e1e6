"""What money buys: more of it is never told to buy less."""

from dataclasses import replace

import pandas as pd
import pytest
from town import write_town

import siting
from siting.review import frontier
from siting.review.frontier import _knee
from siting.study.other_plans import Effort


@pytest.mark.slow
def test_a_worse_plan_for_more_money_is_not_taken(tmp_path, monkeypatch):
    solve = Effort.solve

    def careless(self, program, *given, **how):
        answer = solve(self, program, *given, **how)
        if program.money_pkr <= 1_000:
            return answer
        # A plan of nothing, as a search that ends too soon may leave it; the bound is true.
        poor = replace(program, instance=replace(program.instance, budget_pkr=0.0))
        nothing = solve(self, poor, *given)
        proof = replace(nothing.proof, bound=answer.proof.bound, gap=1.0, status="feasible")
        return replace(nothing, proofs=(replace(nothing.proofs[0], proof=proof),))

    monkeypatch.setattr(Effort, "solve", careless)
    study = siting.Study(write_town(tmp_path / "town"), ["program.then=[]"])
    table = frontier(study, [500, 1_000, 2_000])
    assert table["served_kwh_day"].tolist() == pytest.approx([0, 8, 8])
    assert table["bound_kwh_day"].tolist() == pytest.approx([0, 8, 12])
    assert table["gap"].iloc[-1] == pytest.approx(0.5)
    assert table["status"].tolist() == ["optimal", "optimal", "feasible"]
    assert table["new_stations"].tolist() == [0, 1, 1]


def test_energy_that_rises_by_rounding_alone_has_no_knee_at_a_larger_budget():
    flat = pd.DataFrame({"budget_pkr": [2e7, 5e7, 8e7], "served_kwh_day": [6637.0] * 3})
    flat.loc[1:, "served_kwh_day"] += 1e-9
    assert _knee(flat) == 0
