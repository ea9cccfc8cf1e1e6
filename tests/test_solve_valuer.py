"""Values are those of a transport problem, and bounds hold for every choice there is."""

import itertools

import numpy as np
import pytest
from brute_force import COMPATIBILITY, served, town

from siting.engine.clock import Clock
from siting.models import Instance, capacitated, merge_equal_reach
from siting.solve.projection import Projection
from siting.solve.relaxation import relax
from siting.solve.search import exchange, fill, polish
from siting.solve.service import served_kwh_day
from siting.solve.valuer import Valuer

MODELS = ("capacitated", "coverage")


def valuer_of(seed, model, budget=100.0, **sizes):
    tables = town(seed, **sizes)
    instance = Instance.from_tables(*tables, COMPATIBILITY, budget)
    demand = merge_equal_reach(instance)
    return tables, Valuer(instance, demand, capacitated=model == "capacitated")


def choices(valuer):
    """Return every choice there is."""
    options = [np.flatnonzero(row).tolist() for row in valuer.valid]
    return [np.array(pick) for pick in itertools.product(*options)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(6))
def test_a_value_is_the_most_that_the_offers_can_serve(seed, model):
    tables, valuer = valuer_of(seed, model, sites=4)
    for choice in choices(valuer)[::3]:
        offers = valuer.offers_of(choice)
        ids = valuer.instance.offer_ids[offers].tolist()
        expected = served(*tables, ids, model == "capacitated")
        assert valuer.at(choice).value == pytest.approx(expected, abs=1e-6)
        if model == "capacitated":
            exact = served_kwh_day(valuer.instance, valuer.demand, offers)
            assert exact == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(6))
def test_bounds_hold_everywhere_and_are_equal_at_their_own_choice(seed, model):
    _, valuer = valuer_of(seed, model, sites=4)
    everything = choices(valuer)
    value = [valuer.at(choice).value for choice in everything]
    rng = np.random.default_rng(seed)
    for choice, own in list(zip(everything, value, strict=True))[::7]:
        state = valuer.at(choice)
        totals = np.array(
            [sum(c.at(other) for c in valuer.cuts_at(choice)) for other in everything]
        )
        # Two cuts a part, each a bound on its part: together at least twice the value.
        assert (totals >= 2 * np.array(value) - 1e-6).all()
        assert own == pytest.approx(state.value)
        for site, option in np.argwhere(valuer.valid):
            other = choice.copy()
            other[site] = option
            assert valuer.at(other).value <= state.upper[site, option] + 1e-6
    for p, part in enumerate(valuer.parts):
        cut = valuer.cut(p, rng.random(len(part.rows)))
        for choice in everything:
            assert valuer.at(choice).parts[p] <= cut.at(choice) + 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_the_projection_bounds_the_best_plan_and_its_relaxation(seed):
    _, valuer = valuer_of(seed, "capacitated", budget=6.0)
    clock = Clock(60)
    most = max(valuer.at(c).value for c in choices(valuer) if valuer.affordable(c))
    projection = Projection(valuer, clock, threads=1, seed=1)
    relaxed, _ = projection.tighten()
    bound, _, choice = projection.solve(0.0, 1000)
    assert most - 1e-5 <= bound <= relaxed * 1.011 + 1e-5
    assert valuer.affordable(choice)
    flows = capacitated(valuer.instance, valuer.demand)
    plain, _ = relax(flows, valuer, clock, threads=1, seed=1)
    assert most - 1e-5 <= relaxed <= plain * 1.011 + 1e-5


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("seed", range(15))
def test_search_stays_within_the_budget_and_never_serves_less(seed, model):
    _, valuer = valuer_of(seed, model, budget=7.0, sites=6)
    clock = Clock(60)
    filled = fill(valuer, valuer.at(valuer.base), clock)
    better = exchange(valuer, filled, clock)
    clean = polish(valuer, better, clock)
    assert valuer.at(valuer.base).value <= filled.value <= better.value
    assert clean.value == pytest.approx(better.value)
    assert valuer.spent(clean.choice) <= valuer.spent(better.choice)
    for state in (filled, better, clean):
        assert valuer.affordable(state.choice)
        assert valuer.valid[valuer.sites, state.choice].all()
    for site in np.flatnonzero((clean.choice > 0) & valuer.valid[:, 0]):
        without = clean.choice.copy()
        without[site] = 0
        assert valuer.at(without).value < clean.value - 1e-6


def test_full_budget_serves_all_that_can_be_served():
    _, valuer = valuer_of(3, "coverage")
    filled = fill(valuer, valuer.at(valuer.base), Clock(60))
    assert filled.value == pytest.approx(valuer.demand.reachable_kwh_day)
