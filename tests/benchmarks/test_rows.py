"""Every benchmark run once at its smallest, and what they work on."""

import importlib
import time

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from benchmarks import ablation, cover_city, made_city
from benchmarks.__main__ import ROWS
from benchmarks.asked import Asked, real_data
from benchmarks.goals import GOALS


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("benchmarks")
    return Asked(folder, short=True, until=time.monotonic() + 900, fetch=False)


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS)
def test_each_row_runs_and_finds_nothing_wrong(row, asked):
    if row == "karachi" and real_data() is None:
        pytest.skip("real data not found; set SITING_TEST_DATA to its folder")
    module, function = ROWS[row].split(":")
    finding = getattr(importlib.import_module(module), function)(asked)
    assert finding.wrong == []
    assert finding.row == row
    assert finding.lines or finding.tables
    wanted = {check.figure for goal in GOALS if goal.row == row for check in goal.checks}
    # What needs a peer that was not fetched, or more customers than the short form has.
    absent = {name for name in wanted if finding.figures.get(name) is None}
    assert absent <= {
        "reach_over_numba",
        "build_over_spopt",
        "small_over_cbc",
        "published_6_cpu_s",
        "published_7_cpu_s",
        "published_7_peak_mb",
    }
    missing = [line.found for line in finding.lines if line.found.startswith("not installed")]
    assert bool(missing) == bool(absent) or row in ("published", "medium")


@pytest.mark.parametrize("row", ["karachi", "saddar", "together", "blocks", "places"])
def test_karachi_without_its_data_says_so(row, monkeypatch, tmp_path):
    monkeypatch.setenv("SITING_TEST_DATA", str(tmp_path))
    whole = Asked(tmp_path, short=False, until=time.monotonic() + 300, fetch=False)
    module, function = ROWS[row].split(":")
    finding = getattr(importlib.import_module(module), function)(whole)
    assert finding.wrong == []
    assert "not measured: the extract is not available" in finding.lines[0].found
    assert all(value is None for value in finding.figures.values())


def test_the_city_is_connected_and_the_same_each_time():
    one, two = made_city.make_city(40), made_city.make_city(40)
    assert np.array_equal(one.x, two.x)
    assert (one.seconds != two.seconds).nnz == 0
    parts, _ = connected_components(one.seconds, connection="strong")
    assert parts == 1
    assert one.oneway.any()
    straight = np.hypot(one.x[one.start] - one.x[one.end], one.y[one.start] - one.y[one.end])
    assert (one.length_m >= straight).all()


@pytest.mark.slow
def test_the_instances_are_those_the_goals_were_set_on():
    of = cover_city.arrays(cover_city.SIZES["S"])
    assert of.minutes.shape == (5_000, 500)
    assert of.pairs == 67_814
    assert of.weight.sum() == 281_280
    assert len(made_city.make_city().x) == 158_495


def test_who_covers_whom_by_a_search_from_each_demand():
    city = made_city.make_city(25)
    places = made_city.make_places(city, 8, 30)
    times = made_city.within(city, places, 120.0).toarray()
    from scipy.sparse.csgraph import dijkstra

    there = dijkstra(city.seconds, indices=places.demand)[:, places.candidate]
    near = there <= 120.0
    assert np.array_equal(times > 0, near & (there > 0))
    assert np.allclose(times[near], there[near])


def test_the_network_is_the_city():
    city = made_city.make_city(25)
    network = made_city.network(city)
    assert len(network.nodes) == len(city.x)
    assert len(network.edges) == city.seconds.nnz
    assert network.edges["travel_min"].sum() * 60 == pytest.approx(city.seconds.sum())


def test_the_value_of_a_plan_is_recounted_by_hand():
    of = cover_city.arrays(cover_city.size_of("25,6,40,1,3"))
    covers = of.minutes.toarray() > 0
    taken = np.array([1, 4])
    value, cost = cover_city.value_of(of, taken)
    assert value == of.weight[covers[:, taken].any(axis=1)].sum()
    assert cost == of.cost[1] + of.cost[4]


@pytest.mark.parametrize("maker", ablation.MAKERS)
def test_each_maker_that_the_ablation_switches_off_exists(maker):
    owner, name = ablation.entry(maker)
    assert callable(getattr(owner, name))
