"""Windows: what several find side by side keeps to every row, and is worth what they say."""

import numpy as np
import pandas as pd
import pytest
from engine.test_drives import grid_town

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.windows import Windows
from siting.program.money import GapRule
from siting.program.program import Program


def asked(kind, instance):
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
    if kind == "floors":
        return Program(instance).floor(0.1)
    program = Program(instance).viability_gap(GapRule(margin_pkr=0.02, cap=0.9))
    if kind == "gap":
        return program
    return program.years({2027: 2.0, 2028: 2.0}, {2027: 0.6 * wanted, 2028: wanted})


@pytest.mark.parametrize(
    ("kind", "many"),
    [
        ("floors", settings.MANY_COLUMNS),
        ("gap", settings.MANY_COLUMNS),
        ("gap by year", settings.MANY_COLUMNS),
        ("gap by year", 20),
    ],
)
def test_what_windows_find_side_by_side_is_a_plan(kind, many, monkeypatch):
    monkeypatch.setattr(settings, "MANY_COLUMNS", many)
    gained = 0.0
    for seed in range(3):
        program = asked(kind, grid_town(side=30, sites=24, seed=seed))
        frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
        served = frame.serve(np.arange(8 if kind == "floors" else 0), clock)
        assert served.found
        search = Windows(frame, served.point, np.zeros(frame.count), clock, threads=2, seed=1)
        first = search.value
        for _ in range(8):
            search.round()
            again = frame.serve(search.choice, clock)
            assert again.found
            assert again.objective >= search.value - 1e-6 * abs(search.value)
        gained += search.value - first
    assert gained > 0
