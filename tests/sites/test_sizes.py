"""Sizes: the product by hand, the same station as a bundle of the same numbers, what fits where."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from conftest import often
from sites.test_offer_table import TABLES, sites

from benchmarks.measure import BUNDLES
from siting.config.fields import TABLE_NAME
from siting.config.offers import SIZES
from siting.errors import InputError
from siting.reference import table
from siting.sites import (
    ServiceStandard,
    charger_catalogue,
    make_offers,
    shown_offers,
    site_costs,
    time_utilisation,
    with_sizes,
)
from siting.sites.chargers_text import charger_counts, size_name, told_as
from siting.sites.sizes import MOST_SIZES, step_text
from siting.sites.standards import group_capacity_kwh_day
from siting.tables import OFFERS, validate

CHARGERS = charger_catalogue()
SOME = {"dc_120": [1], "lev_3": [4, 8], "dc_60": [1, 2]}
WAITING = ServiceStandard("waiting", time_utilisation=time_utilisation())


def test_a_station_has_one_type_a_group_with_one_of_its_numbers():
    made = with_sizes({}, SOME, CHARGERS)
    # (none, 4, 8 sockets) x (none, 1 or 2 of 60 kW, 1 of 120 kW), without none at all.
    assert made == {
        "4_lev_3": {"lev_3": 4},
        "8_lev_3": {"lev_3": 8},
        "1_dc_60": {"dc_60": 1},
        "4_lev_3__1_dc_60": {"lev_3": 4, "dc_60": 1},
        "8_lev_3__1_dc_60": {"lev_3": 8, "dc_60": 1},
        "2_dc_60": {"dc_60": 2},
        "4_lev_3__2_dc_60": {"lev_3": 4, "dc_60": 2},
        "8_lev_3__2_dc_60": {"lev_3": 8, "dc_60": 2},
        "1_dc_120": {"dc_120": 1},
        "4_lev_3__1_dc_120": {"lev_3": 4, "dc_120": 1},
        "8_lev_3__1_dc_120": {"lev_3": 8, "dc_120": 1},
    }
    assert list(made) == list(with_sizes({}, dict(reversed(SOME.items())), CHARGERS))


def test_the_packaged_sizes_are_296_stations_with_names_that_fit():
    made = with_sizes({}, SIZES, CHARGERS)
    assert len(made) == 9 * 3 * 11 - 1
    assert all(re.match(TABLE_NAME, name) for name in made)
    for name, counts in made.items():
        words = " + ".join(f"{n} x {charger}" for charger, n in counts.items())
        assert charger_counts(words) == (counts, None)
        assert told_as(name, words) == words
    assert told_as("hub", "2 x dc_120") == "hub"
    assert told_as("hub", "as agreed") == "hub"


def test_bundles_come_first_and_a_size_of_the_same_numbers_is_left_out():
    bundles = {"kerb": {"lev_3": 4}, "mixed": {"dc_60": 1, "dc_120": 1}}
    made = with_sizes(bundles, SOME, CHARGERS)
    assert list(made)[:3] == ["kerb", "mixed", "8_lev_3"]
    assert "4_lev_3" not in made
    assert len(made) == 2 + 10


@pytest.mark.parametrize(
    "standard", often([WAITING, ServiceStandard("rated_share", 0.15)], [WAITING])
)
def test_a_size_is_the_station_that_a_bundle_of_its_numbers_is(standard):
    places = sites(None, None, headroom_kw=[2_000.0, 300.0])
    costs = site_costs(site_bays=60)
    more = {"costs": costs, "service": standard, "upgrade": True}
    sized = make_offers(places, {}, sizes=SIZES, **more, **TABLES)
    bundles = with_sizes({}, SIZES, CHARGERS)
    bundled = make_offers(places, bundles, **more, **TABLES)
    bundled = bundled[bundled["reason"] == ""].reset_index(drop=True)
    pd.testing.assert_frame_equal(sized, bundled)
    validate(sized, OFFERS)
    # Bundles of the package that sizes can make, by hand of the same numbers.
    named = make_offers(places, BUNDLES, **more, **TABLES).set_index(["site_id", "chargers"])
    same = sized.set_index(["site_id", "chargers"])
    for site in ("s0001", "s0002"):
        for column in ("cost_pkr", "subsidy_pkr", "capacity_lev_kwh_day", "capacity_dc_kwh_day"):
            for chargers in ("12 x lev_3", "2 x dc_60"):
                assert same.loc[(site, chargers), column] == named.loc[(site, chargers), column]


def test_more_chargers_of_a_type_never_serve_less():
    sized = make_offers(sites(None), {}, sizes={"lev_3": [4, 8, 12, 24, 48]}, service=WAITING,
                        costs=site_costs(site_bays=60), **TABLES)  # fmt: skip
    served = sized["capacity_lev_kwh_day"].to_list()
    assert len(served) == 5
    assert all(few < more for few, more in pairwise(served))


def test_only_what_fits_a_site_is_offered_there_and_else_the_smallest_with_its_reason():
    places = sites(None, None, None, bays=[1, 3, 0], headroom_kw=[np.nan, 60.0, np.nan])
    offers = make_offers(places, {}, sizes=SOME, **TABLES)
    by_site = offers.groupby("site_id")["configuration"].agg(list).to_dict()
    # A bay carries four sockets; a fast charger takes two for its two ports.
    assert by_site["s0001"] == ["4_lev_3"]
    # Three bays hold a 60 kW charger and sockets, 60 kW of headroom do not.
    assert by_site["s0002"] == ["4_lev_3", "8_lev_3", "1_dc_60"]
    assert by_site["s0003"] == ["4_lev_3"]
    assert offers["reason"].to_list() == [""] * 4 + ["needs 1 bays, but the site has 0"]
    bought = make_offers(places, {}, sizes=SOME, upgrade=True, **TABLES)
    there = bought.loc[bought["site_id"] == "s0002", "configuration"].to_list()
    assert there == ["4_lev_3", "8_lev_3", "1_dc_60", "4_lev_3__1_dc_60+upgrade",
                     "1_dc_120+upgrade", "4_lev_3__1_dc_120+upgrade"]  # fmt: skip


def test_no_row_is_beyond_the_largest_transformer():
    chargers = CHARGERS.assign(power_kw=CHARGERS["power_kw"].where(CHARGERS["ports"] < 4, 700.0))
    sizes = {"lev_3": [4], "dc_360": [1]}
    offers = make_offers(sites(None), {}, sizes=sizes, headroom_kw=5_000.0,
                         **(TABLES | {"chargers": chargers}))  # fmt: skip
    assert offers["configuration"].to_list() == ["4_lev_3"]


def test_bundles_keep_their_rows_with_reasons_beside_sizes():
    places = sites(None, bays=[1])
    offers = make_offers(places, {"hub": {"dc_120": 2}}, sizes=SOME, **TABLES)
    assert offers["configuration"].to_list() == ["hub", "4_lev_3"]
    assert offers["reason"].to_list() == ["needs 4 bays, but the site has 1", ""]


def test_a_standing_station_is_extended_by_any_number_that_fits():
    places = sites(60.0, None, bays=[5, 2])
    offers = make_offers(places, {}, sizes=SOME, existing_policy="extend", **TABLES)
    here = offers[offers["site_id"] == "s0001"].set_index("configuration")
    # Two of the five bays are the standing charger's.
    assert list(here.index) == ["existing", "existing+4_lev_3", "existing+8_lev_3",
                                "existing+1_dc_60", "existing+4_lev_3__1_dc_60",
                                "existing+1_dc_120", "existing+4_lev_3__1_dc_120"]  # fmt: skip
    more = here.loc["existing+4_lev_3__1_dc_60"]
    assert more["chargers"] == "1 x 60 kW (existing) + 4 x lev_3 + 1 x dc_60"
    assert (more["power_kw"], more["standing_kw"], more["ports"]) == (60 + 13.2 + 60, 60, 8)
    assert more["capacity_dc_kwh_day"] == pytest.approx(120 * 24 * 0.15)
    alone = make_offers(places, {"x": {"lev_3": 4, "dc_60": 1}}, **TABLES).set_index("site_id")
    assert more["cost_pkr"] == alone.loc["s0002", "cost_pkr"]


def test_a_smallest_station_leaves_the_smaller_ones_out_and_bundles_alone():
    bundles = {"one": {"ac_22": 1}}
    offers = make_offers(sites(None), bundles, sizes=SOME, least_ports=8, **TABLES)
    assert (offers["ports"].to_numpy()[1:] >= 8).all()
    assert offers["configuration"].to_list()[:2] == ["one", "8_lev_3"]
    short = make_offers(sites(None, None, bays=[1, 9]), {}, sizes=SOME, least_ports=8, **TABLES)
    assert short["reason"].to_list()[0] == "needs 2 bays, but the site has 1"
    assert (short["reason"] == "").sum() == len(short) - 1


def test_bays_are_the_layer_s_then_the_user_s_then_those_of_the_kind():
    kinds = ["fuel", "street", "mall", "stable"]
    places = sites(None, None, None, None, kind=kinds, bays=[np.nan, 7, np.nan, np.nan])
    bays = make_offers(places, {"one": {"ac_22": 1}}, **TABLES)["site_bays"].to_list()
    of_kind = table("site_bays").set_index("kind")["bays"]
    assert bays == [of_kind["fuel"], 7, of_kind["mall"], 12]
    own = make_offers(places, {"one": {"ac_22": 1}}, **TABLES, costs=site_costs(site_bays=5))
    assert own["site_bays"].to_list() == [5, 7, 5, 5]


def test_bays_by_kind_are_within_their_ranges_and_marked():
    rows = table("site_bays")
    assert rows["kind"].is_unique
    assert ((rows["low"] <= rows["bays"]) & (rows["bays"] <= rows["high"])).all()
    assert (rows["confidence"] == "ASSUMPTION").all()
    with pytest.raises(InputError, match="bays_by_kind: not at least 0 bays"):
        site_costs(bays_by_kind={"fuel": -1.0})


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        ({"warp_9": [1]}, "offers.sizes: unknown charger type (warp_9); the table has: lev_3"),
        ({"lev_3": [4, 0]}, "offers.sizes, lev_3: not a whole number of at least 1"),
        ({"lev_3": [4.5]}, "offers.sizes, lev_3: not a whole number of at least 1"),
        ({"lev_3": [True]}, "offers.sizes, lev_3: not a whole number of at least 1"),
        ({"lev_3": [4, 8, 4]}, "offers.sizes, lev_3: given twice"),
        ({"lev_3": []}, "offers.sizes, lev_3: has no numbers"),
        ({"lev_3": range(1, 501), "dc_60": range(1, 501)}, f"more than {MOST_SIZES:,}"),
    ],
)
def test_sizes_that_cannot_be_are_refused(sizes, words):
    with pytest.raises(InputError) as caught:
        make_offers(sites(None), {}, sizes=sizes, **TABLES)
    assert words in str(caught.value)


def test_a_bundle_may_not_bear_a_size_s_name_with_other_numbers():
    with pytest.raises(InputError, match="has the name of a size, but different chargers"):
        with_sizes({"4_lev_3": {"lev_3": 6}}, SOME, CHARGERS)
    assert "4_lev_3" in with_sizes({"4_lev_3": {"lev_3": 4}}, SOME, CHARGERS)


def test_sizes_that_no_site_can_hold_are_told_with_what_the_smallest_needs():
    with pytest.raises(InputError) as caught:
        make_offers(sites(None, None, bays=[1, 1]), {}, sizes={"dc_60": [1, 2]}, **TABLES)
    assert str(caught.value).startswith(
        "offers.sizes: no size fits any site: the smallest, 1 x dc_60, needs 2 bays and "
        "60 kW; the sites have at most 1 bay and 800 kW; list smaller numbers, or give"
    )
    with pytest.raises(
        InputError, match=r"and 50 kW; list smaller numbers, or allow extra power .*upgrade"
    ):
        make_offers(sites(None), {}, sizes={"dc_60": [1]}, headroom_kw=50.0, **TABLES)


def test_a_smallest_station_above_every_site_or_size_is_told():
    places = sites(None, None, bays=[2, 1])
    with pytest.raises(InputError) as caught:
        make_offers(places, {}, sizes={"lev_3": [4, 48]}, least_ports=20, **TABLES)
    assert str(caught.value).startswith(
        "offers.least_ports: no site can hold a station of 20 ports: the smallest, 48 x lev_3, "
        "needs 12 bays and 64.8 kW; the sites have at most 2 bays and 800 kW; lower it, or give"
    )
    with pytest.raises(InputError, match="the largest size has only 48 ports, fewer than 60"):
        make_offers(places, {}, sizes={"lev_3": [4, 48]}, least_ports=60, **TABLES)


def test_a_city_of_standing_stations_needs_no_size_that_fits():
    offers = make_offers(sites(60.0, 22.0), {}, sizes=SOME, **TABLES)
    assert offers["configuration"].to_list() == ["existing", "existing"]


def test_what_ports_serve_is_worked_out_once_a_number_of_a_type(monkeypatch):
    asked = []

    def counted(types, number, *more):
        asked.append(tuple(types["charger_id"][number > 0]) + tuple(number[number > 0]))
        return group_capacity_kwh_day(types, number, *more)

    monkeypatch.setattr("siting.sites.configurations.group_capacity_kwh_day", counted)
    offers = make_offers(sites(*[None] * 50), {}, sizes=SIZES, service=WAITING, **TABLES)
    assert len(offers) == 50 * 92
    # 8 numbers of sockets, 2 of AC, 10 of fast chargers.
    assert len(asked) == len(set(asked)) == 8 + 2 + 10


def named(offers):
    return offers.groupby("site_id", sort=False)["configuration"].agg(list).to_dict()


def test_shown_are_what_is_built_one_step_from_it_and_single_types_where_nothing_is():
    sizes = {"lev_3": [4, 8, 12], "dc_60": [1, 2], "dc_120": [1, 3]}
    offers = make_offers(sites(None, None), {}, sizes=sizes, **TABLES)
    shown = shown_offers(offers, ["s0001:8_lev_3__1_dc_60"])
    assert named(shown) == {
        # Four sockets fewer or more, a fast charger fewer or more; another type is two steps.
        "s0001": ["8_lev_3", "4_lev_3__1_dc_60", "8_lev_3__1_dc_60", "12_lev_3__1_dc_60",
                  "8_lev_3__2_dc_60"],
        "s0002": ["4_lev_3", "8_lev_3", "12_lev_3", "1_dc_60", "2_dc_60", "1_dc_120", "3_dc_120"],
    }  # fmt: skip
    pd.testing.assert_frame_equal(
        shown, offers[offers["offer_id"].isin(shown["offer_id"])].reset_index(drop=True)
    )
    # A type that is not there comes in with its smallest number.
    beside = named(shown_offers(offers, ["s0001:12_lev_3"]))["s0001"]
    assert beside == ["8_lev_3", "12_lev_3", "12_lev_3__1_dc_60", "12_lev_3__1_dc_120"]


def test_shown_is_all_that_sizes_did_not_make():
    bundles = {"mixed": {"lev_3": 6, "dc_60": 1}, "8_lev_3": {"lev_3": 8}}
    sizes = {"lev_3": [4, 8, 12], "dc_60": [1]}
    offers = make_offers(sites(None, None), bundles, sizes=sizes, **TABLES)
    near = named(shown_offers(offers, ["s0001:mixed"], bundles))
    # Six sockets lie between four and eight.
    assert near["s0001"] == ["mixed", "8_lev_3", "4_lev_3__1_dc_60", "8_lev_3__1_dc_60"]
    assert near["s0002"] == ["mixed", "8_lev_3", "4_lev_3", "12_lev_3", "1_dc_60"]
    alone = make_offers(sites(None, 60.0), BUNDLES, existing_policy="extend", **TABLES)
    assert len(shown_offers(alone, [], BUNDLES)) == len(alone)
    mine = alone.assign(chargers="as in the contract")
    assert len(shown_offers(mine, ["s0001:hub"])) == len(mine)
    assert shown_offers(alone.iloc[:0], []).empty


def test_shown_are_the_steps_of_what_extends_a_station_and_one_reason_a_site():
    places = sites(60.0, 60.0, None, bays=[20, 20, 0])
    offers = make_offers(places, {}, sizes=SOME, existing_policy="extend", **TABLES)
    shown = named(shown_offers(offers, ["s0001:existing", "s0002:existing+4_lev_3"]))
    single = ["existing+4_lev_3", "existing+8_lev_3", "existing+1_dc_60", "existing+2_dc_60"]
    assert shown["s0001"] == ["existing", *single, "existing+1_dc_120"]
    assert shown["s0002"] == [
        "existing", "existing+4_lev_3", "existing+8_lev_3", "existing+4_lev_3__1_dc_60",
        "existing+4_lev_3__1_dc_120",
    ]  # fmt: skip
    assert shown["s0003"] == ["4_lev_3"]
    few = make_offers(sites(None, None), {}, sizes=SOME, **TABLES)
    ruled_out = few.assign(reason=np.where(few["ports"] > 4, "too large", "no road"))
    told = shown_offers(ruled_out, []).groupby("site_id")["reason"].agg(list).to_dict()
    assert told == {"s0001": ["no road", "too large"], "s0002": ["no road", "too large"]}


def test_a_step_is_told_as_chargers_more_or_fewer():
    assert step_text("8 x lev_3 + 1 x dc_60", "12 x lev_3 + 1 x dc_60") == "4 x lev_3 added"
    assert step_text("8 x lev_3 + 1 x dc_60", "8 x lev_3") == "1 x dc_60 removed"
    after = "1 x 60 kW (existing) + 2 x dc_60"
    assert step_text("1 x 60 kW (existing)", after) == "2 x dc_60 added"
    assert step_text("8 x lev_3", "8 x lev_3") == ""
    assert step_text("8 x lev_3", "4 x lev_3 + 1 x dc_60") == "4 x lev_3 removed, 1 x dc_60 added"
    assert step_text("as in the contract", "8 x lev_3") == ""


def test_stations_in_place_of_sockets_go_under_names_of_sizes():
    light = {"8_lev_12": {"lev_12": 8}, "1_dc_120__2_swap_3w": {"dc_120": 1, "swap_3w": 2},
             "2_swap_3w": {"swap_3w": 2}}  # fmt: skip
    assert len(with_sizes(light, SIZES, CHARGERS)) == len(with_sizes({}, SIZES, CHARGERS)) + 3
    for name, counts in light.items():
        words = " + ".join(f"{n} x {charger}" for charger, n in counts.items())
        assert size_name(charger_counts(words)[0]) == name
    # Shown like sizes: only where they are built, or one step from what is.
    offers = make_offers(sites(None), light, sizes={"dc_120": [1]}, service=WAITING, **TABLES)
    shown = set(shown_offers(offers, ["s0001:2_swap_3w"])["configuration"])
    assert shown == {"2_swap_3w", "1_dc_120__2_swap_3w"}


def test_batteries_on_the_road_can_be_set_and_not_below_zero():
    two = {"two": {"swap_2w": 2}}
    costs = site_costs(road_battery_2w=0.0)
    bare = make_offers(sites(None), two, service=WAITING, costs=costs, **TABLES)
    assert bare["battery_cost_pkr"].item() == pytest.approx(2 * 17.5 * 40_000)
    with pytest.raises(InputError, match=r"road_battery_3w: -1 is not at least 0 kWh"):
        site_costs(road_battery_3w=-1)
