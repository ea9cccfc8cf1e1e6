"""Rounded floors: every plan meets them, and the relaxation does not."""

import itertools
import math

import numpy as np
import pytest
from conftest import often
from hypothesis import given
from hypothesis import strategies as st
from program_cases import case_of, program_of

from siting import settings
from siting.engine.clock import Clock
from siting.engine.cuts import Cutter
from siting.engine.frame import Frame
from siting.engine.relax import Relaxation
from siting.engine.rounded_floors import RoundedFloors, rounded
from siting.program.matrix import Reached

ENDLESS = Clock(math.inf)


def test_two_and_a_half_stations_are_three():
    row, least = rounded(25.0, np.full(5, 10.0), np.full(5, 0.5))[0]
    assert least == 3.0
    assert row == pytest.approx(np.ones(5))


def test_a_large_station_counts_as_two():
    # 52 of stations with 10 and 17: five small ones are 50, so one of them has to be large.
    amount = np.array([10.0] * 6 + [17.0] * 2)
    taken = np.array([1.0] * 5 + [0.2] + [0.0] * 2)
    row, least = rounded(52.0, amount, taken)[0]
    assert least == 6.0
    assert row == pytest.approx([1.0] * 6 + [2.0] * 2)


@given(st.lists(st.floats(-5.0, 50.0), min_size=1, max_size=7), st.floats(0.1, 150.0), st.randoms())
def test_whatever_meets_a_row_meets_its_roundings(amounts, least, random):
    amount = np.array(amounts)
    taken = np.array([random.random() for _ in amounts])
    for row, side in rounded(least, amount, taken):
        assert float(row @ taken) < side
        for whole in itertools.product((0.0, 1.0), repeat=len(amounts)):
            y = np.array(whole)
            if float(amount @ y) >= least:
                assert float(row @ y) >= side - 1e-6


def floors_of(frame):
    return RoundedFloors(frame, Cutter(frame))


def plans_of(frame):
    """Yield every choice that meets all rows."""
    by_site = [
        [*([] if frame.must[j] else [None]), *np.flatnonzero(frame.site == j).tolist()]
        for j in range(frame.sites)
    ]
    for some in itertools.product(*by_site):
        choice = np.array([o for o in some if o is not None], dtype=np.int64)
        if frame.fits(choice) and frame.serve(choice, ENDLESS).found:
            yield choice


ASKED = (
    ("then cost to all",), ("then cost to all", "viability gap"), ("then cost to all", "decay"),
    ("then cost to all", "class floors"), ("city floor", "least cost"),
    ("zone floors", "least cost"), ("then cost to all", "required"), ("years", "city floor"),
    ("then cost to all", "years"), ("then cost to all", "scenarios"), ("shortest drives",),
)  # fmt: skip


@pytest.mark.parametrize("features", often(ASKED, ASKED[:2]))
def test_every_plan_meets_them(features):
    met = 0
    for seed in range(1, 7):
        program = program_of(case_of(features, seed, sites=3))
        aims = program.all_aims
        reached = []
        for aim in aims[:-1]:
            before = Frame(program, aim, reached)
            values = [before.signed(before.serve(c, ENDLESS).objective) for c in plans_of(before)]
            if values:
                reached.append(Reached(aim, before.sign * max(values)))
        if len(reached) < len(aims) - 1:
            continue  # no plan meets the floors
        frame = Frame(program, aims[-1], reached)
        floors = floors_of(frame)
        rng = np.random.default_rng(seed)
        plans = list(plans_of(frame))
        for _ in range(4):
            taken = rng.random(frame.count) * rng.choice([0.3, 1.0])
            price = rng.random(frame.matrix.a.shape[0])
            rows, least = floors.broken(taken, price)
            assert (rows @ taken < least).all()
            met += len(least) * len(plans)
            for choice in plans:
                assert (rows[:, choice].sum(axis=1) >= least - 1e-6).all()
    assert met


@pytest.mark.slow
def test_they_lift_the_bound_and_leave_the_optimum():
    lifted = 0
    for seed in range(1, 9):
        program = program_of(case_of(("city floor", "least cost"), seed, sites=3))
        frame = Frame(program, program.all_aims[0])
        plans = list(plans_of(frame))
        if not plans:
            continue
        best = max(frame.signed(frame.serve(choice, ENDLESS).objective) for choice in plans)
        plain = Relaxation(frame, ENDLESS, seed=1)
        before = plain.solve()
        broken = floors_of(frame).broken(plain.taken, plain.found.price)
        after = Relaxation(frame.with_rows(*broken), ENDLESS, seed=1).solve()
        scale = max(abs(best), 1.0)
        assert best <= after + settings.SIGNIFICANT * scale
        assert after <= before + settings.SIGNIFICANT * scale
        lifted += after < before - 1e-3 * scale
    assert lifted > 1
