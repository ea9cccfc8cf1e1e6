"""Plans that are sown from a relaxation: within every row, and good where years share money."""

import numpy as np
import pandas as pd
import pytest
from engine.test_drives import grid_town
from program_cases import case_of, program_of

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.plans import ROUND_FROM, Options, Plans
from siting.engine.sow import Sower
from siting.program.program import Program


def relaxed_plans(program):
    plans = Plans(Frame(program, program.all_aims[0]), Clock(60.0), Options(0.005, 1, 1), None)
    plans.build()
    root, bound = plans.master.tighten(50, 1e-6)
    return plans, root, bound


@pytest.mark.parametrize(
    "features",
    [("years",), ("extensions",), ("envelopes", "years"), ("viability gap",), ("expected",)],
    ids="+".join,
)
def test_what_is_sown_from_a_relaxation_is_within_every_row(features):
    sown = 0
    for seed in range(40, 50):
        plans, root, _ = relaxed_plans(program_of(case_of(features, seed)))
        frame = plans.frame
        if root is None or not frame.count or not frame.resources.within(frame.kept):
            continue
        for least in ROUND_FROM:
            sower = Sower(plans.master.cutter, plans.room, scarce=plans.master.scarce())
            choice = sower.run(Clock(60.0), np.where(root.taken >= least, root.taken, 0.0))
            assert frame.resources.within(choice)
            assert len(set(frame.site[choice])) == len(choice)
            # What stands is kept, as it is or extended.
            assert set(frame.site[frame.kept]) <= set(frame.site[choice])
            sown += 1
    assert sown > 10


def test_money_of_several_years_is_sown_at_what_a_rupee_of_each_is_worth():
    instance = grid_town(side=12, sites=24, seed=3)
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
    years = range(2027, 2031)
    program = Program(instance).years(
        dict.fromkeys(years, 3.0), dict.fromkeys(years, wanted), carry_over=True
    )
    plans, root, bound = relaxed_plans(program)
    plans._sow()
    # Late stations draw on the money of one year alone, and look cheap beside early ones.
    assert plans.best < 0.85 * bound
    plans._sow_again(root.taken)
    assert plans.best > 0.95 * bound
