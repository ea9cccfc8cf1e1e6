"""The tree over the offers alone: the optimum of random towns, true bounds, cuts that hold."""

import itertools

import numpy as np
import pulp
import pytest
from brute_force import COMPATIBILITY, best, town
from conftest import seeds

from siting.engine.clock import Clock
from siting.models import Instance, capacitated, merge_equal_reach
from siting.solve import solve
from siting.solve.master import Master
from siting.solve.projection import Projection
from siting.solve.tree import Tree
from siting.solve.valuer import Valuer


def grown(seed, gap, budget, required=(), tables=None):
    """Return the tables, the best value a tree finds, its bound, and the tree."""
    tables = town(seed) if tables is None else tables
    instance = Instance.from_tables(*tables, COMPATIBILITY, budget, required=required)
    valuer = Valuer(instance, merge_equal_reach(instance), capacitated=True)
    clock = Clock(60.0)
    found = [valuer.value(valuer.base)]

    def offer(state):
        if valuer.affordable(state.choice):
            found.append(state.value)
        return max(found)

    bounds = []
    master = Master(Projection(valuer, clock, threads=1, seed=1), valuer, clock, seed=1)
    tree = Tree(valuer, clock, master, gap=gap, offer=offer, tell=bounds.append)
    bound = tree.run(found[0])
    return tables, max(found), max(bound, max(found)), tree, bounds


@pytest.mark.parametrize("seed", seeds(0, 40, 150))
def test_it_finds_and_proves_the_best_of_all_plans(seed):
    budget = [3.0, 6.0, 12.0, 1e9][seed % 4]
    tables, value, bound, _, _ = grown(seed, 0.0, budget)
    demand, offers, reach = tables
    most = best(demand, offers, reach, budget, True)[0]
    assert value == pytest.approx(most, rel=1e-6, abs=1e-6)
    assert bound == pytest.approx(most, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seed", seeds(900, 15, 60))
def test_sites_that_must_get_a_station_get_one(seed):
    demand, offers, reach = town(seed, sites=4, existing=False)
    usable = offers[offers["reason"].fillna("") == ""].sort_values("subsidy_pkr")
    dear = usable.iloc[-1]
    # One offer alone, of no use to the energy for its price.
    offers = offers[
        (offers["site_id"] != dear["site_id"]) | (offers["offer_id"] == dear["offer_id"])
    ]
    tables = (demand, offers, reach)
    budget = float(dear["subsidy_pkr"]) + 2.0
    required = (dear["site_id"],)
    instance = Instance.from_tables(*tables, COMPATIBILITY, budget, required=required)
    valuer = Valuer(instance, merge_equal_reach(instance), capacitated=True)
    options = [np.flatnonzero(row).tolist() for row in valuer.valid]
    every = map(np.array, itertools.product(*options))
    most = max(valuer.value(c) for c in every if valuer.affordable(c))
    _, value, bound, _, _ = grown(seed, 0.0, budget, required, tables)
    assert bound == pytest.approx(most, rel=1e-6, abs=1e-6)
    assert value <= most + 1e-6


@pytest.mark.parametrize("seed", seeds(500, 20, 80))
def test_at_a_wide_gap_its_bounds_are_true_all_along(seed):
    budget = [3.0, 6.0, 12.0, 1e9][seed % 4]
    tables, value, bound, _, bounds = grown(seed, 0.1, budget)
    demand, offers, reach = tables
    most = best(demand, offers, reach, budget, True)[0]
    assert bound >= most - 1e-6
    assert min(bounds) >= most * (1 - 1e-9) - 1e-6 or min(bounds) <= value * 1.1
    assert bound <= max(value * 1.1, value + 1e-6) + 1e-6


@pytest.mark.parametrize("seed", range(8))
def test_linked_cuts_hold_for_every_plan_and_bound_those_taken_in_part_lower(seed):
    tables = town(seed, sites=4)
    instance = Instance.from_tables(*tables, COMPATIBILITY, 100.0)
    valuer = Valuer(instance, merge_equal_reach(instance), capacitated=True)
    rng = np.random.default_rng(seed)
    taken = np.where(valuer.option_offer >= 0, rng.random(valuer.option_offer.shape), 0.0)
    taken /= np.maximum(taken.sum(axis=1, keepdims=True), 1.0)
    linked, plain = valuer.linked_cuts(taken), valuer.cuts_between(taken)
    options = [np.flatnonzero(row).tolist() for row in valuer.valid]
    for choice in map(np.array, itertools.product(*options)):
        parts = valuer.at(choice).parts
        for cut in linked:
            assert cut.at(choice) >= parts[cut.part] - 1e-6

    def at_taken(cuts, part):
        return min(c.constant + (c.coefficient * taken).sum() for c in cuts if c.part == part)

    for part in range(len(valuer.parts)):
        assert at_taken(linked, part) <= at_taken(plain, part) + 1e-6


def small_catchments(sites=60, cells=700, budget=9.0):
    """Return an instance whose stations hold about what is within reach of them."""
    rng = np.random.default_rng(4)
    place, home = rng.uniform(0, 10, (sites, 2)), rng.uniform(0, 10, (cells, 2))
    near = np.linalg.norm(place[:, None] - home[None], axis=2) < 1.3
    kwh = rng.integers(1, 40, cells).astype(float)
    capacity, sizes = kwh.sum() / 60, 6
    site, size = np.repeat(np.arange(sites), sizes), np.tile(np.arange(1, sizes + 1), sites)
    cost = rng.uniform(0.7, 1.6, sites)[site] + 0.25 * size
    start = np.concatenate([[0], np.cumsum(near.sum(axis=0))])

    def names(letter, count):
        return np.array([f"{letter}{i:04d}" for i in range(count)], dtype=object)

    return Instance(
        demand_ids=names("d", cells),
        demand_kwh=kwh,
        demand_class=np.zeros(cells, dtype=np.int64),
        demand_cell=np.arange(cells),
        class_names=("car",),
        group_names=("ac",),
        uses=np.array([[True]]),
        cell_ids=names("c", cells),
        site_ids=names("s", sites),
        offer_ids=names("o", len(site)),
        offer_site=site,
        offer_capacity=(size * capacity)[:, None],
        offer_cost=cost,
        offer_subsidy=cost,
        offer_existing=np.zeros(len(site), dtype=bool),
        reach_start=start.astype(np.int64),
        reach_site=np.nonzero(near.T)[1],
        reach_min=np.ones(int(near.sum())),
        budget_pkr=budget,
    )


def test_the_tree_as_part_of_a_solve_agrees_with_the_whole_program(monkeypatch):
    monkeypatch.setattr("siting.solve.projected.MISJUDGED", 0)
    instance = small_catchments()
    found = solve(instance, gap=0.005, time_limit_s=120, threads=1)
    assert found.status == "optimal"
    assert "tree" in found.seconds
    whole = capacitated(instance).prob
    whole.solve(pulp.HiGHS(msg=False, gapRel=0.002, timeLimit=60))
    exact = float(pulp.value(whole.objective))
    assert found.bound_kwh_day >= exact * (1 - 1e-9)
    assert found.objective_kwh_day >= exact * (1 - 0.006)
