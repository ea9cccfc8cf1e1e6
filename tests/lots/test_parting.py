"""Partings held to brute force: every connected parting of small towns."""

from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from conftest import often, seeds
from street_grid import somewhere, street_grid

from siting.lots import parting as way
from siting.lots.lots import _New, ground_of
from siting.lots.parting import least_spread, need, part, spread

WITHIN = 0.10


def place(seed, most=8):
    """Return a random generator, its network, and the nodes and positions of some stations."""
    rng = np.random.default_rng(seed)
    network = street_grid(rng, 6)
    return rng, network, *somewhere(rng, network, int(rng.integers(4, most + 1)))


def town(seed, most=8):
    """Return the values and neighbours of a random town, and a number of lots."""
    rng, network, nodes, xy = place(seed, most)
    count = len(nodes)
    energy = rng.choice([60.0, 80.0, 100.0, 230.0, 650.0], count) * rng.uniform(0.9, 1.1, count)
    npv = np.where(energy > 200, 1.0, -1.0) * rng.uniform(0.2, 3.0, count) * 1e6
    return (energy, npv, xy), ground_of(network, nodes)[1], int(rng.integers(2, 5))


def connected(lot, pairs):
    graph = nx.Graph(pairs.tolist())
    graph.add_nodes_from(range(len(lot)))
    return all(nx.is_connected(graph.subgraph(np.flatnonzero(lot == n))) for n in set(lot.tolist()))


def all_partings(count, pairs, lots):
    for rest in product(range(lots), repeat=count - 1):
        lot = np.array([0, *rest])
        first = [int(np.flatnonzero(lot == n)[0]) if n in lot else -1 for n in range(lots)]
        if -1 not in first and first == sorted(first) and connected(lot, pairs):
            yield lot


def sums(values, lot):
    lots = sorted(set(lot.tolist()))
    energy = [values[0][lot == n].sum() for n in lots]
    return energy, [need(values[1][lot == n].sum()) for n in lots]


def score(values, lots, lot):
    """Return what the search minimises, of a parting made elsewhere."""
    sums_ = way._sums(*values, lots)
    state = [way._summed(sums_, np.flatnonzero(lot == n).tolist()) for n in range(lots)]
    return way._score(state, lots, WITHIN)


@pytest.mark.parametrize("seed", seeds(0, 2, 60))
def test_the_parting_is_the_best_of_all_there_are(seed):
    values, pairs, lots = town(seed)
    made = part(*values, pairs, lots, WITHIN)
    found = made.lot
    assert sorted(set(found.tolist())) == list(range(lots))
    assert connected(found, pairs)
    every = list(all_partings(len(found), pairs, lots))
    least = min(spread(sums(values, lot)[0]) for lot in every)
    assert made.share == spread(sums(values, found)[0])
    assert max(made.least, least_spread(values[0], lots)) <= least + 1e-9
    # Lots that are alike are found where there are any; else those that are almost the most alike.
    assert made.share <= max(WITHIN, made.least) + way.CLOSE
    assert (made.share <= WITHIN) == (least <= WITHIN)
    alike = [lot for lot in every if max(map(spread, sums(values, lot))) <= WITHIN]
    if alike:
        assert max(map(spread, sums(values, found))) <= WITHIN + 1e-9
        best = min(score(values, lots, lot) for lot in alike)
        assert score(values, lots, found) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("seed", seeds(700, 6, 40))
def test_the_program_finds_lots_wherever_there_are_any(seed):
    values, pairs, lots = town(seed)
    every = list(all_partings(len(values[0]), pairs, lots))
    least = min(spread(sums(values, lot)[0]) for lot in every)
    near = [[] for _ in values[0]]
    for i, j in pairs.tolist():
        near[i].append(j)
        near[j].append(i)
    count = len(near)
    groups = {frozenset(g) for g in way._groups(values[0], near, np.inf)}
    assert len(groups) == len(way._groups(values[0], near, np.inf))
    graph = nx.Graph(pairs.tolist())
    subsets = (c for k in range(1, count + 1) for c in combinations(range(count), k))
    assert groups == {frozenset(c) for c in subsets if nx.is_connected(graph.subgraph(c))}
    for within in (WITHIN, 0.99 * least, 1.01 * least + 1e-4):
        lot = way._chosen(way._sums(*values, lots), near, lots, within)
        assert bool(len(lot)) == (least <= within)
        if len(lot):
            assert connected(lot, pairs)
            assert spread(sums(values, lot)[0]) <= within + 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(100, 1, 20))
def test_equal_stations_part_into_equal_lots(seed):
    rng = np.random.default_rng(seed)
    network = street_grid(rng, 9)
    nodes, xy = somewhere(rng, network, 24)
    values = np.full(24, 100.0), np.full(24, 1e9), xy
    pairs = ground_of(network, nodes)[1]
    lot = part(*values, pairs, 6, WITHIN).lot
    assert connected(lot, pairs)
    assert np.bincount(lot).tolist() == [4] * 6


def test_weak_stations_are_bundled_with_good_ones():
    # A street of stations: good, weak, weak, good. Alike in energy either way; the middle cut
    # leaves nothing to pay, any other a weak pair that needs 3 m.
    values = (np.full(4, 100.0), np.array([2e6, -1.5e6, -1.5e6, 2e6]),
                    np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0]]))  # fmt: skip
    ring = np.array([[0, 1], [1, 2], [2, 3], [0, 3]])
    lot = part(*values, ring, 2, WITHIN).lot
    assert lot[0] == lot[1] != lot[2] == lot[3]
    assert sums(values, lot)[1] == [0.0, 0.0]


@pytest.mark.parametrize("lots", [1, 5])
def test_one_lot_and_a_lot_for_each(lots):
    values, pairs, _ = town(3)
    count = len(values[2])
    lots = 1 if lots == 1 else count
    assert sorted(part(*values, pairs, lots, WITHIN).lot.tolist()) == (
        [0] * count if lots == 1 else list(range(count))
    )


@pytest.mark.slow
def test_the_same_town_has_the_same_lots():
    values, pairs, lots = town(4)
    one, two = (part(*values, pairs, lots, WITHIN).lot.tolist() for _ in range(2))
    assert one == two


def test_spreads_and_their_bounds():
    assert spread([0.0, 0.0]) == 0
    assert spread([0.0, 1.0]) == np.inf
    assert least_spread(np.array([1.0, 1.0, 1.0]), 2) == 1.0  # two of three share a lot
    assert least_spread(np.array([3.0, 1.0]), 2) == 2.0
    assert least_spread(np.array([3.0]), 1) == 0


@pytest.mark.parametrize("seed", seeds(300, 20, 150))
def test_no_division_connected_or_not_is_below_the_bound(seed):
    rng = np.random.default_rng(seed)
    values, lots = rng.pareto(1.2, int(rng.integers(3, 8))) + 0.05, int(rng.integers(2, 5))
    bound = least_spread(values, lots)
    for lot in product(range(lots), repeat=len(values)):
        assert spread(np.bincount(lot, values, lots)) >= bound - 1e-9


@pytest.mark.parametrize("seed", often(range(500, 515), set()))
def test_fewer_lots_are_the_most_that_are_alike(seed):
    values, pairs, _ = town(seed, most=6)
    count, (_, network, nodes, _) = len(values[0]), place(seed, most=6)
    new = _New(network, np.array(nodes), *values, np.ones(count, dtype=int))
    asked = min(count, 5)
    fewer, apart, proven = new.fewer(asked, WITHIN)
    assert proven or max(map(need, values[1])) > 0
    assert apart <= WITHIN
    for lots in range(fewer, asked):
        best = min(max(map(spread, sums(values, lot))) for lot in all_partings(count, pairs, lots))
        assert (best <= WITHIN) == (lots == fewer)
    made = new.split(asked, WITHIN)
    if made:
        lot = made[0].parted(asked, WITHIN)[0]
        assert max(map(spread, made[0].sums(lot))) == made[1] <= WITHIN
        assert made[0].sums(lot)[0].sum() == pytest.approx(values[0].sum())
