"""Unions of zones say exactly what floors a plan holds; cuts on them and on worth are bounds."""

import itertools

import numpy as np
import pytest
from brute_variants import SmallTown, people_of

from siting.engine.clock import Clock
from siting.models import ExponentialDecay, LinearDecay, objective_of
from siting.models.least_cost import prices_of, without_budget
from siting.models.rows import floors_of, weigh_rows, zone_floors, zones_of
from siting.solve.union_projection import UnionProjection
from siting.solve.union_search import cost_starts, floor_starts, worst_starts
from siting.solve.unions import AboveFloors, UnionValuer, WorstZone, unions_of
from siting.solve.worth import Knapsacks
from siting.solve.worth_search import WorthValuer, worth_starts

ALONE = {"threads": 1, "seed": 1}
SHARES, CITY = {"east": 0.3, "west": 0.2}, 0.3


def zoned(seed, **options):
    town = SmallTown(seed, **options)
    if len(town.wanted) < 2 or min(town.wanted.values()) <= 0:
        pytest.skip("a town of one zone")
    zones = zones_of(town.instance, town.zones)
    return town, weigh_rows(town.instance, objective_of(town.instance), zones)


def choices(valuer):
    options = [np.flatnonzero(row).tolist() for row in valuer.valid]
    return [np.array(pick) for pick in itertools.product(*options)]


def names(valuer, choice):
    return valuer.instance.offer_ids[valuer.offers_of(choice)].tolist()


def floor_valuer(town, rows):
    floors = floors_of(rows, SHARES, CITY)
    needs = [floor.need_kwh for floor in floors]
    unions = unions_of(floors[:-1], needs[:-1], needs[-1], len(rows.demand.kwh))
    return UnionValuer(town.instance, rows.demand, unions, AboveFloors(unions.wanted))


@pytest.mark.parametrize("seed", range(8))
def test_unions_say_whether_floors_hold_and_how_well_the_worst_zone_can_be_served(seed):
    town, rows = zoned(seed)
    valuer = floor_valuer(town, rows)
    zones = zone_floors(rows)
    wanted = [zone.demand_kwh for zone in zones]
    unions = unions_of(zones, wanted, 0.0, len(rows.demand.kwh))
    goal = WorstZone(unions.wanted, 1.0)
    fair = UnionValuer(town.instance, rows.demand, unions, goal)
    held = set()
    for choice in choices(valuer)[::5]:
        chosen = names(valuer, choice)
        served = valuer.served(choice)
        holds = bool((served >= valuer.unions.wanted - 1e-6).all())
        most = town.value(chosen, floors=SHARES, city=CITY)
        assert holds == (most is not None)
        held.add(holds)
        if most is not None:
            assert served[-1] == pytest.approx(most, abs=1e-5)
        share = float(goal.shares(fair.served(choice)).min())
        assert share == pytest.approx(town.worst_share(chosen), abs=1e-6)
    assert held


@pytest.mark.parametrize("seed", range(6))
def test_single_changes_of_a_goal_are_bounded(seed):
    town, rows = zoned(seed)
    valuer = floor_valuer(town, rows)
    valuer.active[:] = True
    for choice in choices(valuer)[::37]:
        state = valuer.at(choice)
        assert state.value == pytest.approx(valuer.value(choice))
        for site, option in np.argwhere(valuer.valid):
            other = choice.copy()
            other[site] = option
            assert valuer.value(other) <= state.upper[site, option] + 1e-5


@pytest.mark.parametrize("seed", range(8))
def test_the_projection_of_floors_bounds_every_plan_that_holds_them(seed):
    town, rows = zoned(seed)
    values = [town.value(p, floors=SHARES, city=CITY) for p in town.plans()]
    best = max((v for v in values if v is not None), default=None)
    valuer = floor_valuer(town, rows)
    for everything in (False, True):
        valuer.active[:-1] = everything
        projection = UnionProjection(valuer, Clock(30), "floors", **ALONE)
        bound, _ = projection.tighten()
        if best is not None:
            assert bound >= best - 1e-5
            assert projection.solve_from(valuer.base, 0.0, 1000)[0] >= best - 1e-5


def told(starts):
    """Return the bounds and the plans of a search."""
    every = list(starts)
    bounds = [s for s in every if isinstance(s, float)]
    return bounds, [s for s in every if not isinstance(s, float)]


@pytest.mark.parametrize("seed", range(8))
def test_searches_bound_the_best_plan_and_find_allowed_ones(seed):
    town, rows = zoned(seed)
    clock, instance = Clock(30), town.instance
    floors = floors_of(rows, SHARES, CITY)
    ids = instance.offer_ids

    values = [town.value(p, floors=SHARES, city=CITY) for p in town.plans()]
    bounds, plans = told(floor_starts(instance, rows, floors, clock, 0.05, **ALONE))
    best = max((v for v in values if v is not None), default=None)
    assert best is None or all(b >= best - 1e-5 for b in bounds)
    for plan in plans:
        assert town.value(ids[plan].tolist(), floors=SHARES, city=CITY) <= best + 1e-5

    worst = max(town.worst_share(p) for p in town.plans())
    bounds, plans = told(worst_starts(instance, rows, zone_floors(rows), clock, 0.05, **ALONE))
    assert all(b >= worst - 1e-6 for b in bounds)
    assert all(town.worst_share(ids[p].tolist()) <= worst + 1e-6 for p in plans)

    rich = without_budget(instance)
    price = prices_of(rich, "subsidy_pkr")
    costs = [
        town.spent(p)
        for p in town.plans(budget=1e9)
        if town.value(p, floors=SHARES, city=CITY) is not None
    ]
    bounds, plans = told(cost_starts(rich, rows, floors, price, clock, 0.05, **ALONE))
    assert not costs or all(b <= min(costs) + 1e-5 for b in bounds)
    for plan in plans:
        assert town.value(ids[plan].tolist(), floors=SHARES, city=CITY) is not None
        assert town.spent(ids[plan].tolist()) >= min(costs) - 1e-6


def decaying(seed):
    town = SmallTown(seed)
    people, per_kwh = people_of(town, seed)
    decay = ExponentialDecay(5.0) if seed % 2 else LinearDecay(2.0, 8.0, 0.3)

    def worth(arcs):
        return per_kwh(arcs) * decay.factor(arcs["travel_min"].to_numpy())

    objective = objective_of(town.instance, people, "people", decay=decay, cutoff_min=10)
    return town, weigh_rows(town.instance, objective), worth


@pytest.mark.parametrize("seed", range(8))
def test_any_prices_bound_the_worth_of_every_choice(seed):
    town, rows, worth = decaying(seed)
    valuer = WorthValuer(town.instance, rows)
    sacks = Knapsacks(town.instance, rows, valuer.option_offer)
    rng = np.random.default_rng(seed)
    cuts = [sacks.fill(valuer.top * rng.random(len(valuer.top)))[0] for _ in range(5)]
    for choice in choices(valuer)[::9]:
        exact = town.value(names(valuer, choice), worth=worth)
        value, prices = valuer.served(choice)
        assert value == pytest.approx(exact, abs=1e-5)
        assert all(cut.at(choice) >= exact - 1e-5 for cut in cuts)
        own, _ = sacks.fill(prices)
        assert own.at(choice) == pytest.approx(exact, abs=1e-4)
        cuts.append(own)


@pytest.mark.parametrize("seed", range(8))
def test_the_search_of_worth_bounds_the_best_plan(seed):
    town, rows, worth = decaying(seed)
    best = max(town.value(p, worth=worth) for p in town.plans())
    bounds, plans = told(worth_starts(town.instance, rows, Clock(30), 0.01, **ALONE))
    assert all(b >= best - 1e-4 for b in bounds)
    values = [town.value(town.instance.offer_ids[p].tolist(), worth=worth) for p in plans]
    assert all(v <= best + 1e-4 for v in values)
    if bounds:
        assert plans
        assert best <= min(bounds) + 1e-4
        assert max(values) >= 0.9 * best
