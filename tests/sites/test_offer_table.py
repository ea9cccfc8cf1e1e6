"""Offers against costs worked by hand."""

import numpy as np
import pandas as pd
import pytest
from one_site import TABLES, offers_of, sites

from siting.errors import InputError
from siting.reference import table
from siting.sites import (
    Subsidy,
    charger_catalogue,
    grid_figures,
    make_offers,
)
from siting.sites.costs import connection_tier
from siting.tables import COST_PARTS, OFFERS, validate


def test_a_small_station_on_the_low_voltage_line_by_hand():
    row = offers_of({"small": {"lev_3": 4, "ac_22": 1}}).iloc[0]
    assert row["power_kw"] == pytest.approx(4 * 3.3 + 22)  # 35.2 kW: no transformer
    assert row["chargers"] == "4 x lev_3 + 1 x ac_22"
    assert row["vehicle_classes"] == ("two_wheeler, two_wheeler_delivery, three_wheeler, car, van")
    assert row["charger_cost_pkr"] == 640_000
    assert row["grid_item"] == "lt_40"
    # Four rickshaws at 1.35 kW and a car at 7: the service line, and a part of a transformer.
    assert row["load_kw"] == pytest.approx(4 * 1.35 + 7)
    grid = 50_000 + 12.4 * 12_500
    assert row["grid_cost_pkr"] == pytest.approx(grid)
    assert row["line_cost_pkr"] == 0
    assert row["fee_cost_pkr"] == 50_000
    # Four sockets on one car bay, one car at the AC port.
    assert row["bays_needed"] == 2
    assert row["civil_cost_pkr"] == 2 * 150_000
    design = 0.08 * (grid + 300_000)
    assert row["design_cost_pkr"] == pytest.approx(design)
    works = 640_000 + grid + 300_000
    assert row["contingency_cost_pkr"] == pytest.approx(0.15 * (works + design))
    assert row["deposit_cost_pkr"] == pytest.approx(12.4 * 1_810)
    assert row["insurance_pkr_year"] == pytest.approx(0.005 * works)
    cost = works + 50_000 + design + 0.15 * (works + design) + 12.4 * 1_810
    assert row["cost_pkr"] == pytest.approx(cost)
    assert row["land_cost_pkr"] == 0
    assert row["land_pkr_year"] == 2 * 10_000 * 12
    assert row["om_pkr_year"] == pytest.approx(0.05 * 640_000)
    assert row["subsidy_pkr"] == pytest.approx(0.5 * 640_000 + 0.8 * grid)
    assert row["capacity_lev_kwh_day"] == pytest.approx(4 * 3.3 * 24 * 0.15)
    assert row["capacity_ac_kwh_day"] == pytest.approx(22 * 24 * 0.15)
    assert (row["neeca_level"], row["annual_fee_pkr"]) == ("L2", 35_000)
    assert row["reason"] == ""


def test_a_hub_behind_a_transformer_by_hand():
    row = offers_of(
        {"hub": {"dc_120": 2, "lev_3": 6}},
        utilisation=0.10,
        availability=0.85,
        subsidy=Subsidy(0.4, 0.9, 1.0),
        line_km=1.5,
    ).iloc[0]
    assert row["power_kw"] == pytest.approx(259.8)
    assert row["load_kw"] == pytest.approx(2 * 120 + 6 * 1.35)
    assert row["grid_item"] == "pmt_400"
    assert row["grid_cost_pkr"] == 3_500_000 + 1.5 * 3_000_000
    assert row["charger_cost_pkr"] == 2 * 6_000_000 + 6 * 60_000
    # 4 DC ports and 6 sockets: 5.5 car bays are 6.
    assert row["civil_cost_pkr"] == 6 * 150_000
    design = 0.08 * 8_900_000
    more = design + 0.15 * (12_360_000 + 8_900_000 + design) + 248.1 * 1_810
    assert row["cost_pkr"] == pytest.approx(12_360_000 + 8_000_000 + 50_000 + 900_000 + more)
    assert row["subsidy_pkr"] == pytest.approx(0.4 * 12_360_000 + 0.9 * 8_000_000 + 50_000)
    assert row["capacity_dc_kwh_day"] == pytest.approx(240 * 24 * 0.10 * 0.85)
    assert row["neeca_level"] == "L4"


@pytest.mark.parametrize(
    ("kw", "item"),
    [(40, "lt_40"), (40.1, "pmt_100"), (95, "pmt_100"), (95.1, "pmt_200"), (190, "pmt_200"),
     (380, "pmt_400"), (381, "pmt_630"), (598.5, "pmt_630")],
)  # fmt: skip
def test_the_smallest_tier_that_carries_the_power(kw, item):
    chargers = TABLES["chargers"].assign(power_kw=float(kw))
    row = offers_of({"c": {"dc_60": 1}}, chargers=chargers).iloc[0]
    assert row["grid_item"] == item
    assert row["reason"] == ""


def test_a_swap_cabinet_pays_for_the_batteries_in_its_slots_and_on_the_road():
    row = offers_of({"swap": {"swap_2w": 2}}).iloc[0]
    # 17.5 kWh in the slots of each, and 1.3 kWh on the road for each kWh/day they can sell.
    on_the_road = 1.3 * row["capacity_swap_2w_kwh_day"]
    assert row["battery_cost_pkr"] == pytest.approx((2 * 17.5 + on_the_road) * 40_000)
    assert row["charger_cost_pkr"] == 2 * 1_500_000 + row["battery_cost_pkr"]
    assert row["vehicle_classes"] == "two_wheeler, two_wheeler_delivery"


@pytest.mark.parametrize(
    ("cap", "drawn"), [(None, 5_460_000), (5e6, 5e6), (0, 0), (9e9, 5_460_000)]
)
def test_the_subsidy_is_capped_per_station(cap, drawn):
    row = offers_of({"two": {"dc_60": 2}}, subsidy=Subsidy(cap_per_station_pkr=cap)).iloc[0]
    # 0.5 x 7.0 m + 0.8 x (2.0 m + 0.45 m)
    assert row["subsidy_pkr"] == pytest.approx(drawn)


CHOICES = {"hub": {"dc_120": 2}, "small": {"lev_3": 4}, "huge": {"dc_360": 2}}


def test_every_site_gets_every_configuration_and_a_standing_one_only_itself():
    offers = make_offers(sites(None, 120.0, None), CHOICES, **TABLES)
    validate(offers, OFFERS)
    assert offers["offer_id"].to_list() == [
        "s0001:hub",
        "s0001:small",
        "s0001:huge",
        "s0002:existing",
        "s0003:hub",
        "s0003:small",
        "s0003:huge",
    ]
    standing = offers.iloc[3]
    assert standing["existing"]
    assert standing[["cost_pkr", "subsidy_pkr", "grid_cost_pkr", "fee_cost_pkr"]].sum() == 0
    assert standing["power_kw"] == 120
    assert standing["capacity_dc_kwh_day"] == pytest.approx(120 * 24 * 0.15)
    assert standing["capacity_lev_kwh_day"] == 0
    assert standing["vehicle_classes"] == "car, van, bus, truck"
    assert (standing["ports"], standing["standing_kw"]) == (2, 120)
    assert standing["standing_kwh_day"] == standing["capacity_dc_kwh_day"]
    parts = offers[list(COST_PARTS)].sum(axis=1)
    assert parts.to_numpy() == pytest.approx(offers["cost_pkr"].to_numpy())


def test_a_slow_standing_station_serves_ac_even_if_no_configuration_has_it():
    offers = make_offers(sites(22.0, None), {"hub": {"dc_60": 1}}, **TABLES, availability=0.5)
    assert offers["capacity_ac_kwh_day"].to_list() == pytest.approx([22 * 24 * 0.15 * 0.5, 0])
    validate(offers, OFFERS)


def test_only_standing_stations():
    offers = make_offers(sites(60.0, 7.0), CHOICES, **TABLES)
    assert offers["configuration"].to_list() == ["existing", "existing"]
    validate(offers, OFFERS)


def test_headroom_and_the_largest_transformer_rule_offers_out():
    candidates = sites(None, None, headroom_kw=[200.0, np.nan])
    offers = make_offers(candidates, CHOICES, **TABLES, headroom_kw=240.0)
    reasons = offers.set_index("offer_id")["reason"].to_dict()
    assert reasons == {
        "s0001:hub": "needs 240 kW, more than the headroom of 200 kW",
        "s0001:small": "",
        "s0001:huge": "needs 720 kW, above the largest transformer tier, 598 kW",
        "s0002:hub": "",
        "s0002:small": "",
        "s0002:huge": "needs 720 kW, above the largest transformer tier, 598 kW",
    }


def test_nothing_is_changed_and_row_order_only_moves_rows():
    candidates = sites(None, 60.0, None)
    before = candidates.copy(deep=True)
    offers = make_offers(candidates, CHOICES, **TABLES)
    again = make_offers(candidates.iloc[::-1], CHOICES, **TABLES)
    pd.testing.assert_frame_equal(candidates, before)
    pd.testing.assert_frame_equal(
        offers.sort_values("offer_id", ignore_index=True),
        again.sort_values("offer_id", ignore_index=True),
    )


def test_every_fault_of_configurations_at_once():
    wrong = {
        "a": {"dc_61": 1, "dc_60": 1},
        "b": {},
        "c": {"dc_60": 0, "lev_3": -2, "ac_7": 1.5, "ac_22": True},
        "existing": {"dc_60": 1},
    }
    with pytest.raises(InputError) as caught:
        make_offers(sites(None), wrong, **TABLES, utilisation=0, availability=1.2, line_km=-1)
    faults = {f.where: f for f in caught.value.faults}
    assert list(faults) == [
        "configurations, a",
        "configurations, b",
        "configurations, c",
        "configurations, existing",
        "utilisation",
        "availability",
        "line_km",
    ]
    assert faults["configurations, a"].ids == ("dc_61",)
    assert "dc_60" in faults["configurations, a"].fix
    assert faults["configurations, c"].ids == ("dc_60: 0", "lev_3: -2", "ac_7: 1.5", "ac_22: True")
    with pytest.raises(InputError, match="none are given"):
        make_offers(sites(None), {}, **TABLES)


@pytest.mark.parametrize(
    ("candidates", "headroom", "word"),
    [
        (sites(None), -1.0, "headroom_kw"),
        (sites(None), float("nan"), "headroom_kw"),
        (sites(None, headroom_kw=[-3.0]), 800.0, "headroom_kw.*s0001"),
        (sites(None, None, site_id=["s1", "s1"]), 800.0, "duplicate"),
    ],
)
def test_candidates_and_headroom_that_make_no_sense(candidates, headroom, word):
    with pytest.raises(InputError, match=word):
        make_offers(candidates, CHOICES, **TABLES, headroom_kw=headroom)


@pytest.mark.parametrize(
    "change",
    [{"charger_share": 1.1}, {"grid_share": -0.1}, {"fee_share": float("nan")},
     {"cap_per_station_pkr": -1.0}],
)  # fmt: skip
def test_a_subsidy_rule_that_makes_no_sense(change):
    with pytest.raises(InputError, match=next(iter(change))):
        Subsidy(**change)


def own_table(tmp_path, frame):
    path = tmp_path / "own.csv"
    frame.to_csv(path, index=False)
    return path


def test_every_fault_of_an_own_catalogue_at_once(tmp_path):
    chargers = TABLES["chargers"].copy()
    chargers["charger_id"] = ["dc_60", *chargers["charger_id"][1:]]
    chargers["charger_group"] = ["Fast DC", *chargers["charger_group"][1:]]
    chargers["capex_pkr"] = [-1, *chargers["capex_pkr"][1:]]
    with pytest.raises(InputError) as caught:
        charger_catalogue(own_table(tmp_path, chargers))
    assert len(caught.value.faults) == 3
    with pytest.raises(InputError, match="column power_kw"):
        charger_catalogue(own_table(tmp_path, TABLES["chargers"].drop(columns="power_kw")))


def test_own_tables_with_other_names_work(tmp_path):
    tram = (
        TABLES["chargers"]
        .iloc[:1]
        .assign(charger_id="pantograph", charger_group="tram", power_kw=100.0)
    )
    chargers = charger_catalogue(own_table(tmp_path, pd.concat([TABLES["chargers"], tram])))
    pairs = pd.DataFrame({"charger_group": ["tram"], "vehicle_class": ["tram"]})
    offers = make_offers(
        sites(None),
        {"depot": {"pantograph": 3}},
        **(TABLES | {"chargers": chargers, "compatibility": pairs}),
    )
    assert offers["capacity_tram_kwh_day"].item() == pytest.approx(300 * 24 * 0.15)
    assert offers["vehicle_classes"].item() == "tram"


def test_own_tables_that_lack_what_costs_need(tmp_path):
    grid = TABLES["grid"]
    for item in ("overhead_11kv", "power_factor"):
        with pytest.raises(InputError, match=item):
            grid_figures(own_table(tmp_path, grid[grid["item"] != item]))


def test_a_part_of_a_transformer_costs_what_the_whole_does_by_the_kw():
    """A kW below 40 kW costs no less than of a 100 kVA transformer, used up, without its line."""
    at = connection_tier(np.array([10.0, 39.6, 40.0, 40.1, 95.0]), grid_figures())
    line = at["needs_line"] * 0.15 * 3_000_000
    price = (at["connection_cost_pkr"] + line).to_numpy(dtype=float)
    assert price == pytest.approx([175_000, 545_000, 550_000, 1_650_000, 1_650_000])
    assert (price[:3] / [10.0, 39.6, 40.0] >= 1_200_000 / 95.0).all()
    plain = grid_figures()[lambda g: g["kind"] != "connection_kw"]  # an own table without it
    assert connection_tier(np.array([39.6]), plain)["connection_cost_pkr"].item() == 50_000


def test_a_price_by_the_kw_of_no_connection_is_refused(tmp_path):
    rows = table("grid")
    rows.loc[rows["item"] == "lt_40_kw", "max_kw"] = 50
    rows.to_csv(tmp_path / "grid.csv", index=False)
    with pytest.raises(InputError, match=r"price per kW does not belong to a connection.*lt_40_kw"):
        grid_figures(tmp_path / "grid.csv")
