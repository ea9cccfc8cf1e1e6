"""Limits match the tables, the program has a row for each limit, and errors list all problems."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from program.test_instance import small, standing

from siting.errors import InfeasibleError, InputError
from siting.program.instance import Instance
from siting.program.limits import Limit, feeders, limit_tables, number
from siting.program.program import Program
from siting.program.spacing import conflict_cliques, spacing


def offers():
    """Return three offers at two sites, each with a cost of PKR 10 and a subsidy of PKR 6."""
    return small()["offers"]


def extending():
    """Return the three offers, with s1:a as an existing station and s1:b as its extension."""
    return standing(offers()).assign(extends=[False, True, False], power_kw=[1.0, 5.0, 1.0])


def places(*xy, kind="fuel"):
    return gpd.GeoDataFrame(
        {"site_id": [f"s{n}" for n in range(1, len(xy) + 1)], "kind": kind},
        geometry=gpd.points_from_xy(*zip(*xy, strict=True)),
        crs=32642,
    )


def rules():
    """Return limits of several kinds, and a required site, for the small town."""
    table = extending()
    return {
        "limits": [
            Limit("A", "envelope", "PKR", 8.0, {"s1:a": 0.0, "s1:b": 6.0}),
            Limit("B", "envelope", "PKR", 5.9, {"s2:a": 6.0}),
            number(table, 0, "none"),
            Limit("cables", "other", "km", 2.0, {"s1:b": 1.5, "s2:a": 1.0}),
        ],
        "required": ["s1"],
    }


def test_offers_beyond_a_limit_alone_are_no_options():
    tables = small()
    limits = [Limit("x", "other", "t", 2.0, {"s1:a": 2.1, "s1:b": 2.0})]
    instance = Instance.from_tables(**tables, limits=limits)
    offers_left = Program(instance).offers
    assert instance.offer_ids[offers_left].tolist() == ["s1:b", "s2:a"]


def test_an_instance_keeps_limits_in_the_order_of_their_names():
    tables = small(offers=lambda _: extending())
    instance = Instance.from_tables(**tables, **rules())
    kept = [(limit.name, limit.unit, limit.at_most) for limit in instance.limits]
    assert kept == [("A", "PKR", 8.0), ("B", "PKR", 5.9), ("cables", "km", 2.0),
                    ("none", "stations", 0.0)]  # fmt: skip
    amounts = [instance.amounts_of(limit).tolist() for limit in instance.limits]
    assert amounts == [[0, 6, 0], [0, 0, 6], [0, 1.5, 1], [0, 0, 1]]
    assert instance.site_ids[instance.required_sites].tolist() == ["s1"]
    assert instance.must_sites.tolist() == [True, False]


def test_an_extension_is_left_beside_the_station_and_a_new_offer_is_not():
    tables = small(offers=lambda _: extending())
    assert Instance.from_tables(**tables).offer_ids.tolist() == ["s1:a", "s1:b", "s2:a"]
    bare = small(offers=lambda _: extending().assign(extends=False))
    assert Instance.from_tables(**bare).offer_ids.tolist() == ["s1:a", "s2:a"]


def test_a_forbidden_site_is_left_out():
    instance = Instance.from_tables(**small(), forbidden=["s2"])
    assert instance.site_ids.tolist() == ["s1"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"required": ["s9"]}, "required sites: some sites have no offer (s9)"),
        ({"forbidden": ["s9"]}, "forbidden sites: some sites have no offer (s9)"),
        ({"required": ["s2"], "forbidden": ["s2"]}, "required sites are also forbidden (s2); name"),
        ({"forbidden": ["s1"]}, "some sites have an existing station, and no plan closes a st"),
        (
            {"limits": [Limit("x", "k", "t", -1.0, {})]},
            "limit x: at_most is -1; enter an amount of 0 t or more",
        ),
        ({"limits": [Limit("x", "k", "t", np.nan, {})]}, "limit x: at_most is nan"),
        (
            {"limits": [Limit("x", "k", "t", 1.0, {"s2:a": -1.0})]},
            "limit x: some amounts are missing, negative or infinite (s2:a)",
        ),
        (
            {"limits": [Limit("x", "k", "t", 1.0, {"s2:a": np.nan})]},
            "limit x: some amounts are missing, negative or infinite (s2:a)",
        ),
        (
            {"limits": [Limit("x", "k", "t", 1.0, {"s9:z": 1.0})]},
            "limit x: some offers do not exist (s9:z)",
        ),
        ({"limits": [Limit("x", "k", "t", 1.0, {})] * 2}, "two limits have the same name (x)"),
    ],
)
def test_a_fault_in_the_rules_is_named(settings, words):
    with pytest.raises(InputError) as caught:
        Instance.from_tables(**small(offers=standing), **settings)
    assert words in str(caught.value)


def test_all_faults_in_the_rules_are_named_at_once_and_with_those_of_the_tables():
    tables = small() | {"budget_pkr": -1.0}
    with pytest.raises(InputError) as caught:
        Instance.from_tables(
            **tables, limits=[Limit("x", "k", "t", -1.0, {"q": 1.0})], required=["s9"]
        )
    said = str(caught.value)
    assert all(word in said for word in ("budget_pkr", "at_most", "(q)", "s9"))


def test_a_required_site_with_every_offer_ruled_out_says_why():
    tables = small(offers=lambda t: t.assign(reason=["", "", "too far from the grid"]))
    with pytest.raises(InputError) as caught:
        Instance.from_tables(**tables, required=["s2"])
    assert "ruled out at some sites, for example: too far from the grid (s2)" in str(caught.value)


@pytest.mark.parametrize(
    ("extends", "words"),
    [
        ([False, False, True], "their sites have no existing station (s2:a)"),
        ([True, False, False], "but are existing stations themselves (s1:a)"),
        (["no", "yes", "no"], "but must be true or false"),
    ],
)
def test_an_extension_of_nothing_is_a_fault(extends, words):
    with pytest.raises(InputError) as caught:
        Instance.from_tables(**small(offers=lambda t: standing(t).assign(extends=extends)))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "settings", "words"),
    [
        (
            {"budget_pkr": 11.0},
            {"required": ["s1", "s2"]},
            "budget_pkr: have 11 PKR, need 12 PKR for existing and required stations, each at its "
            "minimum use (s1, s2); raise it to 12 PKR or more, or require fewer stations",
        ),
        (
            {},
            {"limits": [Limit("F7", "feeder", "kW", 1.5, {"s1:a": 1.0, "s1:b": 2.0, "s2:a": 1.0})],
             "required": ["s1", "s2"]},
            "limit F7: have 1.5 kW, need 2 kW",
        ),
        (
            {"offers": standing},
            {"limits": [Limit("instalments", "envelope", "PKR", 3.0, {"s1:a": 4.0})]},
            "limit instalments: have 3 PKR, need 4 PKR for existing and required stations, each at "
            "its minimum use (s1); raise it to 4 PKR or more",
        ),
    ],
)  # fmt: skip
def test_what_stands_and_is_required_beyond_one_limit_is_an_error_before_solving(
    changes, settings, words
):
    with pytest.raises(InfeasibleError) as caught:
        Instance.from_tables(**small(**changes), **settings)
    assert words in str(caught.value)


def test_a_feeder_counts_what_is_added():
    [limit] = feeders(extending(), {"s1": "F7", "s2": "F7"}, {"F7": 10.0})
    assert (limit.name, limit.at_most) == ("feeder F7", 10.0)
    assert limit.use == {"s1:b": 4.0, "s2:a": 1.0}
    [free] = feeders(extending(), {"s1": "F7", "s2": np.nan}, {"F7": 10.0})
    assert free.use == {"s1:b": 4.0}


@pytest.mark.parametrize(
    ("of_site", "room", "words"),
    [
        ({"s1": "F7"}, {"F7": 1.0, "F8": 1.0}, "feeders: some feeders have no site (F8)"),
        ({"s1": "F7"}, {}, "feeders: some feeders have no headroom (F7)"),
        ({"s9": "F7"}, {"F7": 1.0}, "some sites have no offer (s9)"),
    ],
)
def test_faults_in_feeders_are_named(of_site, room, words):
    with pytest.raises(InputError) as caught:
        feeders(offers(), of_site, room)
    assert words in str(caught.value)


def test_a_station_too_near_one_that_stands_is_ruled_out():
    table = extending()
    [limit] = spacing(places((0, 0), (0, 99)), table, 100.0)
    assert (limit.at_most, limit.use) == (0.0, {"s2:a": 1.0})
    assert spacing(places((0, 0), (0, 100)), table, 100.0) == ()


def test_sites_near_each_other_take_one_station():
    [limit] = spacing(places((0, 0), (0, 99)), offers(), 100.0)
    assert (limit.at_most, set(limit.use)) == (1.0, {"s1:a", "s1:b", "s2:a"})
    mixed = places((0, 0), (0, 99)).assign(kind=["fuel", "mall"])
    assert spacing(mixed, offers(), 100.0, kinds=["fuel"]) == ()


@pytest.mark.parametrize(
    ("where", "kinds", "words"),
    [
        (places((0, 0), (0, 9)).to_crs(4326), None, "not in metres"),
        (places((0, 0)), None, "some sites are not among the candidates (s2)"),
        (places((0, 0), (0, 9)), ["shop"], "no candidate is of some of these kinds (shop)"),
    ],
)
def test_faults_in_spacing_are_named(where, kinds, words):
    with pytest.raises(InputError) as caught:
        spacing(where, offers(), 9.0, kinds)
    assert words in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), points=st.integers(0, 25))
def test_cliques_say_exactly_what_pairs_say(seed, points):
    xy = np.random.default_rng(seed).integers(0, 8, (points, 2)).astype(float)
    cliques = conflict_cliques(xy, 3.0)
    near = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) < 3.0
    said = {(a, b) for clique in cliques for a in clique for b in clique if a < b}
    assert said == {(a, b) for a in range(points) for b in range(a + 1, points) if near[a, b]}
    assert len(cliques) <= max(len(said), 0)


def test_an_offer_with_two_amounts_is_refused():
    with pytest.raises(InputError, match="two amounts"):
        Limit("x", "k", "t", 1.0, pd.Series([1.0, 2.0], index=["a", "a"]))


def test_limits_become_plain_tables():
    limits = [number(offers(), 2), Limit("cables", "other", "km", 2.0, {"s1:b": 1.5})]
    use, there = limit_tables(limits)
    assert there.to_numpy().tolist() == [
        ["cables", "other", "km", 0.0, 2.0, False, 0.0],
        ["new stations", "number", "stations", 0.0, 2.0, False, 0.0],
    ]
    assert use.query("limit == 'cables'").to_numpy().tolist() == [["cables", "s1:b", 1.5]]
    assert len(use) == 4
    assert limit_tables([])[0].empty
