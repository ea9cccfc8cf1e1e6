"""Plans made year by year: earlier payments are sunk, and no subsidy exceeds the cost."""

import pandas as pd

from siting.study.other_plans import _standing


def test_another_mix_of_chargers_draws_no_more_than_it_costs():
    offers = pd.DataFrame(
        {"offer_id": ["s1:a", "s1:b", "s2:a"], "site_id": ["s1", "s1", "s2"],
         "existing": [False] * 3, "extends": [False] * 3, "reason": [""] * 3,
         "power_kw": [50.0, 60.0, 50.0], "capacity_dc_kwh_day": [90.0, 100.0, 90.0],
         "cost_pkr": [10.0, 11.0, 10.0], "subsidy_pkr": [2.0, 8.0, 2.0]}
    )  # fmt: skip
    after = _standing(offers, {"s1": "s1:a"}, upgrades=True)
    assert after["cost_pkr"].tolist() == [0.0, 1.0, 10.0]
    assert after["subsidy_pkr"].tolist() == [0.0, 1.0, 2.0]
    assert after["existing"].tolist() == [True, False, False]
    assert after["extends"].tolist() == [False, True, False]
