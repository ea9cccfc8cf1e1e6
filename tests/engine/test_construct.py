"""Constructed plans: within every row, and good where years share money."""

import numpy as np
import pandas as pd
import pytest
from conftest import later, often
from engine.test_drives import grid_town
from program_cases import case_of, program_of

from siting.engine.clock import Clock
from siting.engine.construct import Constructor
from siting.engine.cut_model import CutModel, Relaxed
from siting.engine.effort import Effort
from siting.engine.first_plans import construct, construct_at_prices, first_plan
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent
from siting.program.program import Program


def relaxed_plans(program):
    plans = Incumbent(Frame(program, program.all_aims[0]), Clock(60.0), Effort(0.005, threads=1))
    plans.build()
    root, bound = plans.master.tighten(50, 1e-6)
    return plans, root, bound


@pytest.mark.parametrize(
    "features",
    often(
        [("years",), ("extensions",), ("envelope", "years"), ("viability gap",), ("expected",)],
        [("viability gap",)],
    ),
    ids="+".join,
)
def test_what_is_constructed_at_prices_or_without_is_within_every_row(features):
    constructed = 0
    for seed in range(40, 50):
        plans, root, _ = relaxed_plans(program_of(case_of(features, seed)))
        frame = plans.frame
        if root is None or not frame.count or not frame.resources.within(frame.kept):
            continue
        scarce = plans.master.scarce()
        for prices in (scarce if scarce.any() else None, None):
            choice = Constructor(plans.master.cutter, plans.room, scarce=prices).run(Clock(60.0))
            assert frame.resources.within(choice)
            assert len(set(frame.site[choice])) == len(choice)
            # What stands is kept, as it is or extended.
            assert set(frame.site[frame.kept]) <= set(frame.site[choice])
            constructed += 1
    assert constructed > 10


def test_money_of_several_years_is_constructed_at_what_a_rupee_of_each_is_worth():
    instance = grid_town(side=12, sites=24, seed=3)
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
    years = range(2027, 2031)
    program = Program(instance).years(
        dict.fromkeys(years, 3.0), dict.fromkeys(years, wanted), carry_over=True
    )
    plans, _, bound = relaxed_plans(program)
    construct(plans)
    # Late stations draw on the money of one year alone, and look cheap beside early ones.
    assert plans.best < 0.85 * bound
    construct_at_prices(plans)
    assert plans.best > 0.95 * bound


@pytest.mark.parametrize("money", [3.0, 1e6], ids=["scarce", "enough"])
def test_a_first_plan_over_years_is_constructed_at_the_prices_of_the_first_cuts(money):
    instance = grid_town(side=12, sites=24, seed=3)
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
    years = range(2027, 2031)
    program = Program(instance).years(dict.fromkeys(years, money), dict.fromkeys(years, wanted))
    frame = Frame(program, program.all_aims[0])
    plans = Incumbent(frame, Clock(60.0), Effort(0.005, threads=1))
    plans.build()
    plans.heavy = True  # as in a city where no plan is filled and exchanged
    first_plan(plans)
    assert frame.fits(plans.choice)
    assert plans.best > 0.9 * plans.bound


class StandingStill:
    """A relaxation whose bound does not fall for some rounds, then does, then no more."""

    def __init__(self, still):
        self.clock, self.rounds, self.still = Clock(60.0), 0, still

    def solve(self):
        fallen = min(max(self.rounds - self.still, 0), 10)
        return Relaxed(100.0 - fallen, np.zeros(1), np.zeros(1), np.zeros(1))

    def separate(self, relaxed, *, deep=True):
        self.rounds += 1
        return 1


@pytest.mark.parametrize(("still", "low", "rounds"), [(0, 90, 13), (12, 90, 25), (40, 100, 20)])
def test_a_bound_may_stand_still_for_some_rounds_at_first(still, low, rounds):
    model = StandingStill(still)
    assert CutModel.tighten(model, 200, 1e-4)[1] == low
    assert model.rounds == rounds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "exact"),
    [
        *later((("decay",), True)),
        *later((("decay", "years"), True)),
        *later((("years", "envelope"), True)),
        (("decay", "years", "number"), True),
        *later((("decay", "years", "zone floors"), False)),
        (("class floors", "extensions"), False),
    ],
)
def test_cuts_at_a_choice_say_what_it_is_worth(features, exact):
    """Without floors to the last kilowatt-hour; with floors no less than it is worth."""
    met = 0
    for seed in range(60, 75):
        plans, root, _ = relaxed_plans(program_of(case_of(features, seed)))
        frame = plans.frame
        if root is None or not frame.count:
            continue
        rng = np.random.default_rng(seed)
        order = rng.permutation(frame.count).tolist()
        choice = np.sort(plans.room.taking(frame.nothing, order))
        choice = choice[choice >= 0]
        said = plans.master.cut_at(choice, root.taken)
        served = plans.serve(choice)
        if not served.found:
            continue
        worth = frame.signed(served.objective)
        assert said >= worth - 1e-6 * max(abs(worth), 1.0)
        if exact and frame.fits(choice):
            assert said == pytest.approx(worth, rel=1e-5, abs=1e-6)
            met += 1
    assert met > 4 or not exact


@pytest.mark.slow
@pytest.mark.parametrize("features", [("decay", "years"), ("years", "zone floors"), ("number",)])
def test_a_dive_ends_in_a_plan_that_is_within_every_row(features):
    dived = 0
    for seed in range(20, 32):
        plans, root, bound = relaxed_plans(program_of(case_of(features, seed)))
        if root is None or not plans.frame.count or not np.isfinite(root.bound):
            continue
        choice = plans.master.dive(root.taken, plans.room)
        # The relaxation is as it was before.
        assert plans.master.solve().bound == pytest.approx(root.bound, rel=1e-6, abs=1e-6)
        if choice is None:
            continue
        assert plans.frame.resources.within(choice)
        assert len(set(plans.frame.site[choice])) == len(choice)
        value = plans.weighed(choice)
        assert value <= bound + 1e-6 * max(abs(bound), 1.0)
        dived += 1
    assert dived > 4


def test_stations_of_a_kind_are_counted_in_every_year():
    instance = grid_town(side=12, sites=24, seed=3)
    wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
    one = relaxed_plans(Program(instance))[0].master.kinds
    money, demand = dict.fromkeys(range(2027, 2030), 3.0), dict.fromkeys(range(2027, 2030), wanted)
    plans, _, _ = relaxed_plans(Program(instance).years(money, demand, carry_over=True))
    begin = (plans.frame.options.offer >= 0).argmax(axis=1)
    last = [sorted({int(begin[o]) for o in kind}) for kind in plans.master.kinds]
    assert len(plans.master.kinds) == 3 * len(one)
    # What stands in the first year began in it; what stands in the last may have begun in any.
    assert {tuple(years) for years in last} == {(0,), (0, 1), (0, 1, 2)}
