"""Interchange ends where no change of one site or of two is worth more, and never loses a floor."""

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from conftest import seeds
from engine.test_drives import grid_town

from siting import settings
from siting.engine.clock import Clock
from siting.engine.first_plans import first_plan
from siting.engine.frame import Frame
from siting.engine.incumbent import Incumbent, Options
from siting.engine.interchange import Interchange
from siting.engine.master import Master
from siting.engine.parts import parts_of
from siting.engine.root import interchange
from siting.engine.slack import Room
from siting.program.limits import Limit
from siting.program.objective import LinearDecay
from siting.program.program import Program


def asked(kind, seed, sites=9):
    instance = grid_town(side=9, sites=sites, seed=seed)
    program = Program(instance)
    if "decay" in kind:
        program = program.decay(LinearDecay(1, 6, 0.3), 8.5)
    if "years" in kind:
        wanted = pd.Series(instance.demand_kwh, index=instance.demand_ids)
        program = program.years({2027: 2.0, 2028: 2.0}, {2027: 0.6 * wanted, 2028: wanted})
    if "limit" in kind:  # one of the first three sites at the least, two of the first five at most
        few, some = (dict.fromkeys(instance.offer_ids[:n].tolist(), 1.0) for n in (5, 3))
        program = program.limit(
            Limit("few", "number", "stations", 2.0, few),
            Limit("some", "number", "stations", np.inf, some, at_least=1.0),
        )
    return program


def interchange_of(program):
    frame, clock = Frame(program, program.all_aims[0]), Clock(60.0)
    master = Master(frame, parts_of(frame), clock, seed=1)
    return frame, Interchange(frame, master, Room(frame), clock, threads=2)


def neighbours(frame, choice):
    """Every choice that differs at one site or at two, of those that fit."""
    at = [[-1, *np.flatnonzero(frame.site == j).tolist()] for j in range(frame.sites)]
    for j, k in itertools.combinations(range(frame.sites), 2):
        for one, two in itertools.product(at[j], at[k]):
            after = choice.copy()
            after[j], after[k] = one, two
            options = np.sort(after[after >= 0])
            if frame.fits(options):
                yield options


@pytest.mark.parametrize("kind", ["plain", "decay", "decay, limit", "decay, years"])
@pytest.mark.parametrize("seed", seeds(0, 1, 2))
def test_no_change_of_one_site_or_two_betters_where_it_ends(kind, seed):
    years = "years" in kind
    frame, swaps = interchange_of(asked(kind, seed, sites=5 if years else 9))
    clock = Clock(60.0)
    choice = frame.by_site(np.array([0]))
    value = swaps.value(choice)
    while (after := swaps.better(choice)) is not None:
        assert swaps.value(after) > value
        choice, value = after, swaps.value(after)
    assert value == pytest.approx(frame.serve(np.sort(choice[choice >= 0]), clock).objective)
    best = max(frame.serve(other, clock).objective for other in neighbours(frame, choice))
    assert best <= value * (1 + 2e-6)
    # What is refused is not come to, even where it is worth most.
    assert swaps.better(frame.nothing, {choice.tobytes()}) is not None


@pytest.mark.parametrize("seed", range(4, 7))
def test_floors_that_cost_worth_are_reckoned_with(seed):
    """Three stations for twelve sites: holding the floor of one half costs worth."""
    program = asked("decay", seed, sites=12)
    program = replace(program, instance=replace(program.instance, budget_pkr=3.0))
    ids = program.instance.demand_ids
    half = pd.Series(["far" if n // 9 > 5 else "near" for n in range(len(ids))], index=ids)
    held = program.floor({"far": 0.8, "near": 0.1}, of=half)
    frame, clock = Frame(held, held.all_aims[0]), Clock(60.0)
    inc = Incumbent(frame, clock, Options(0.0, 1, 1), None)
    inc.build()
    first_plan(inc)
    first = inc.best
    interchange(inc, 1.0)
    served = frame.serve(inc.choice, clock)
    assert served.found
    assert inc.best == pytest.approx(frame.signed(served.objective))
    free = Frame(program, program.all_aims[0])
    assert inc.best < free.signed(free.serve(inc.choice, clock).objective) * (1 - 1e-3)
    assert inc.best > first


def test_who_is_served_is_the_same_worked_out_in_pieces(monkeypatch):
    program = asked("decay, years", seed=2)
    frame = Frame(program, program.all_aims[0])
    choice = np.array([0, 5, 10])
    whole = frame.serve(choice, Clock(60.0))
    monkeypatch.setattr(settings, "MANY_COLUMNS", 10)
    for most in (1, 2, 12):
        monkeypatch.setattr(settings, "MOST_PIECES", most)
        apart = frame.serve(choice, Clock(60.0), threads=2)
        assert apart.objective == pytest.approx(whole.objective)
        m = frame.matrix
        activity = m.a @ apart.point
        assert (activity <= m.row_upper + 1e-9).all()
        assert m.cost @ apart.point == pytest.approx(apart.objective)
        # The duals are those of the whole: what is served is worth its prices.
        columns = frame.open_columns(choice)
        left = m.cost - m.a.T @ apart.price - apart.reduced
        assert left[columns] == pytest.approx(0.0, abs=1e-9)
        assert apart.price.any()
    assert not frame.serve(choice, Clock(0.0), threads=2).found
