"""Land, bays, lines, upgrades, extensions and rules of subsidy, by hand."""

import numpy as np
import pandas as pd
import pytest
from conftest import later
from one_site import TABLES, offers_of, sites

from siting.economics import ITEMS
from siting.errors import InputError
from siting.reference import table
from siting.sites import (
    WORKS,
    ServiceStandard,
    Subsidy,
    bay_figures,
    charging_limits,
    fee_figures,
    make_offers,
    site_costs,
    subsidy_pkr,
)
from siting.sites.catalogue import parking_rule
from siting.tables import COMPATIBILITY, COST_PARTS, OFFERS, validate

CHOICES = {"hub": {"dc_120": 2}, "small": {"lev_3": 4}}


def offer(offers, name):
    return offers.set_index("offer_id").loc[name]


def adds_up(offers):
    validate(offers, OFFERS)
    assert offers[list(COST_PARTS)].sum(axis=1).to_numpy() == pytest.approx(offers["cost_pkr"])
    works = ["connection_cost_pkr", "line_cost_pkr", "upgrade_cost_pkr"]
    assert offers[works].sum(axis=1).to_numpy() == pytest.approx(offers["grid_cost_pkr"])
    return True


def test_land_is_a_lease_or_a_price():
    lease = offers_of(CHOICES).iloc[0]
    bought = offers_of(CHOICES, costs=site_costs(land="upfront")).iloc[0]
    assert lease["land_pkr_year"] == 4 * 120_000
    assert bought["land_pkr_year"] == 0
    assert bought["land_cost_pkr"] == 4 * 1_800_000
    assert bought["cost_pkr"] == lease["cost_pkr"] + 7_200_000
    # No share of land is paid unless the rule says so.
    assert bought["subsidy_pkr"] == lease["subsidy_pkr"]


def test_bays_by_charger_group():
    choices = {
        "sockets": {"lev_3": 5},
        "cabinets": {"swap_2w": 2},
        "mixed": {"ac_22": 2, "lev_3": 1},
    }
    rows = offers_of(choices)
    assert rows["bays_needed"].to_list() == [2, 2, 3]
    assert rows["points"].to_list() == [5, 2, 3]  # a cabinet is one point, its slots 20 ports
    thirds = bay_figures().assign(bays=1 / 3)
    rows = offers_of({"three": {"lev_3": 3}}, bays=thirds)
    assert rows["bays_needed"].to_list() == [1]
    # 10 x 1.1 is a hair above 11 in a computer's numbers.
    ten = offers_of({"ten": {"lev_3": 10}}, bays=thirds.assign(bays=1.1))
    assert ten["bays_needed"].to_list() == [11]
    none = offers_of({"three": {"lev_3": 3}}, bays=thirds.iloc[:0])
    assert none["bays_needed"].to_list() == [3]


def test_lives_and_running_costs():
    row = offers_of({"mixed": {"dc_60": 1, "lev_3": 2, "swap_2w": 1}}).iloc[0]
    assert (row["charger_life_years"], row["battery_life_years"]) == (10, 4.5)
    assert row["om_pkr_year"] == pytest.approx(0.05 * (3_500_000 + 120_000 + 1_500_000))
    plain = offers_of({"lev": {"lev_3": 2}}).iloc[0]
    assert plain["charger_life_years"] == 12
    assert np.isnan(plain["battery_life_years"])


def test_the_line_is_priced_by_distance_city_and_motorway():
    places = sites(
        None, None, None, kind=["fuel", "services", "mall"], line_km=[np.nan, np.nan, 2.0]
    )
    offers = make_offers(places, {"hub": {"dc_120": 2}, "low": {"lev_3": 4}}, **TABLES)
    assert adds_up(offers)
    assert offers["line_cost_pkr"].to_list() == [450_000, 0, 4_500_000, 0, 6_000_000, 0]
    given = make_offers(places, {"hub": {"dc_120": 2}}, **TABLES, line_km=0.5)
    assert given["line_km"].to_list() == [0.5, 0.5, 2.0]
    # The subsidy follows: 0.5 x 12 m + 0.8 x (3.5 m + line).
    assert offers["subsidy_pkr"][::2].to_list() == pytest.approx(
        [6e6 + 0.8 * (3.5e6 + line) for line in (0.45e6, 4.5e6, 6e6)]
    )


def test_bays_and_neeca_s_points_rule_offers_out():
    places = sites(None, None, None, bays=[3, 120, np.nan])
    wide = {"hub": {"dc_120": 2}, "one": {"ac_22": 1}}
    least = site_costs(neeca_points="minimum")
    offers = make_offers(places, wide, **TABLES, costs=least, headroom_kw=1.0)
    assert offers["reason"].to_list() == [
        "needs 240 kW, more than the headroom of 1 kW; needs 4 bays, but the site has 3",
        "needs 7 kW, more than the headroom of 1 kW",  # what a car draws there
        "needs 240 kW, more than the headroom of 1 kW",
        "needs 7 kW, more than the headroom of 1 kW; "
        "has 1 charging point, but NEECA requires 3 for 120 bays",
        "needs 240 kW, more than the headroom of 1 kW",
        "needs 7 kW, more than the headroom of 1 kW",
    ]
    assert offers["neeca_points"].to_list() == [0, 0, 3, 3, 0, 0]
    assert offers["site_bays"].to_list() == [3, 3, 120, 120, 8, 8]  # of a fuel station
    free = make_offers(places, wide, **TABLES, costs=site_costs(site_bays=0))
    assert free["reason"].to_list() == [
        "needs 4 bays, but the site has 3", "", "", "", "needs 4 bays, but the site has 0",
        "needs 1 bays, but the site has 0",
    ]  # fmt: skip


def test_the_parking_rule_read_as_the_most_points():
    places = sites(None, None, None, bays=[4, 120, np.nan])
    choices = {"three": {"ac_22": 3}, "four": {"ac_22": 4}}
    most = make_offers(places, choices, **TABLES, costs=site_costs(neeca_points="maximum"))
    assert most["reason"].to_list() == [
        "", "", "", "has 4 charging points, but NEECA allows 3 at 120 bays", "", "",
    ]  # fmt: skip
    assert (make_offers(places, choices, **TABLES)["reason"] == "").all()  # it binds nothing
    with pytest.raises(InputError, match="True is not a reading of the parking rule"):
        site_costs(neeca_points=True)


def test_just_enough_bays_and_points_are_enough():
    places = sites(None, None, bays=[4, 150])
    choices = {"hub": {"dc_120": 2}, "three": {"ac_22": 3}}
    offers = make_offers(places, choices, **TABLES, costs=site_costs(neeca_points="minimum"))
    assert offers[["bays_needed", "points"]].to_numpy().tolist() == [[4, 4], [3, 3]] * 2
    assert offers["neeca_points"].to_list() == [0, 0, 3, 3]
    assert (offers["reason"] == "").all()


@pytest.mark.parametrize(
    ("bays", "points"),
    [(4, 0), (5, 1), *later((0, 0), (50, 1), (51, 2), (100, 2), (101, 3), (900, 3))],
)
def test_the_parking_rule(bays, points):
    offers = make_offers(sites(None, bays=[bays]), {"one": {"lev_3": 4}}, **TABLES)
    assert offers["neeca_points"].to_list() == [points]


def test_availability_of_a_site_cuts_its_energy():
    places = sites(None, None, 60.0, availability=[0.7, np.nan, 0.5])
    offers = make_offers(places, {"low": {"lev_3": 4}}, **TABLES, availability=0.97)
    full = 4 * 3.3 * 24 * 0.15
    assert offers["capacity_lev_kwh_day"].to_list() == pytest.approx([0.7 * full, 0.97 * full, 0])
    assert offers["capacity_dc_kwh_day"].to_list() == pytest.approx([0, 0, 60 * 24 * 0.15 * 0.5])


def test_an_upgrade_is_priced_instead_of_ruled_out():
    places = sites(None, None, headroom_kw=[100.0, np.nan])
    huge = CHOICES | {"huge": {"dc_360": 2}}
    offers = make_offers(places, huge, **TABLES, headroom_kw=240.0, upgrade=True)
    assert adds_up(offers)
    assert offers["configuration"].to_list() == [
        "hub+upgrade", "small", "huge", "hub", "small", "huge",
    ]  # fmt: skip
    bought = offer(offers, "s0001:hub+upgrade")
    assert bought["upgrade_kw"] == 140
    assert bought["upgrade_cost_pkr"] == 2_000_000 + 140 * 15_000
    # With 8 % of design and 15 % of contingency upon it.
    more = 4_100_000 * (1 + 0.08) * 1.15 - 4_100_000
    assert bought["cost_pkr"] == offer(offers, "s0002:hub")["cost_pkr"] + 4_100_000 + more
    assert bought["subsidy_pkr"] == pytest.approx(
        offer(offers, "s0002:hub")["subsidy_pkr"] + 0.8 * 4_100_000
    )
    assert bought["reason"] == ""
    assert "largest transformer tier" in offer(offers, "s0001:huge")["reason"]
    within = offers["load_kw"] - offers["standing_kw"] - offers["upgrade_kw"]
    assert (within <= offers["headroom_kw"])[offers["reason"] == ""].all()
    lacking = TABLES | {"grid": TABLES["grid"][TABLES["grid"]["kind"] != "upgrade"]}
    with pytest.raises(InputError) as caught:
        make_offers(places, CHOICES, **lacking, upgrade=True)
    assert len(caught.value.faults) == 2
    assert len(make_offers(places, CHOICES, **lacking)) == 4


def test_a_standing_station_is_extended_for_the_price_of_what_is_added():
    places = sites(60.0, None, headroom_kw=[240.0, np.nan], bays=[5, np.nan], availability=[0.5, 1])
    kept = make_offers(places, CHOICES, **TABLES)
    offers = make_offers(places, CHOICES, **TABLES, existing_policy="extend")
    assert adds_up(offers)
    assert offers["offer_id"].to_list() == [
        "s0001:existing", "s0001:existing+hub", "s0001:existing+small", "s0002:hub", "s0002:small",
    ]  # fmt: skip
    more = offer(offers, "s0001:existing+hub")
    new = offer(offers, "s0002:hub")
    assert (more["existing"], more["extends"], new["extends"]) == (False, True, False)
    assert more["chargers"] == "1 x 60 kW (existing) + 2 x dc_120"
    assert more["vehicle_classes"] == "car, van, bus, truck"
    assert more["power_kw"] == 300  # but 240 are added, which the headroom carries
    assert more["ports"] == 2 + 4
    assert more["cost_pkr"] == new["cost_pkr"]
    assert more["grid_item"] == "pmt_400"
    assert more["standing_kwh_day"] == pytest.approx(60 * 24 * 0.15 * 0.5)
    assert more["capacity_dc_kwh_day"] == pytest.approx(300 * 24 * 0.15 * 0.5)
    # Two bays are taken already.
    assert more["reason"] == "needs 6 bays, but the site has 5"
    light = offer(offers, "s0001:existing+small")
    assert light["reason"] == ""
    assert light["capacity_lev_kwh_day"] == pytest.approx(4 * 3.3 * 24 * 0.15 * 0.5)
    assert light["vehicle_classes"].startswith("car, van, bus, truck, two_wheeler")
    shared = [c for c in kept.columns if c in offers.columns]
    pd.testing.assert_frame_equal(
        kept[shared], offers[~offers["extends"]][shared].reset_index(drop=True)
    )
    ignored = make_offers(places, CHOICES, **TABLES, existing_policy="ignore")
    assert ignored["configuration"].to_list() == ["hub", "small", "hub", "small"]
    assert not ignored["existing"].any()


@pytest.mark.slow
def test_row_order_only_moves_rows_and_nothing_is_changed():
    places = sites(60.0, None, None, 7.0, headroom_kw=[90, 100, np.nan, 5], bays=[9, 3, 40, 2],
                   availability=[0.9, None, 0.5, 1], feeder_id=["f1", None, "f2", "f1"]
    )  # fmt: skip
    before = places.copy(deep=True)
    kind = {"existing_policy": "extend", "upgrade": True, "service": ServiceStandard("waiting")}
    offers = make_offers(places, CHOICES, **TABLES, **kind)
    again = make_offers(places.iloc[::-1], CHOICES, **TABLES, **kind)
    assert adds_up(offers)
    assert len(offers) == 2 + 4 * 2
    assert offers["feeder_id"].to_list()[:3] == ["f1", "f1", "f1"]
    pd.testing.assert_frame_equal(places, before)
    pd.testing.assert_frame_equal(
        offers.sort_values("offer_id", ignore_index=True),
        again.sort_values("offer_id", ignore_index=True),
    )


def test_a_standing_station_at_the_waiting_standard():
    waiting = ServiceStandard("waiting")
    places = sites(60.0, 60.0, None, existing_ports=[np.nan, 1, np.nan])
    offers = make_offers(places, {"same": {"dc_60": 1}}, **TABLES, service=waiting)
    likely, one, new = offers["capacity_dc_kwh_day"]
    assert offers["ports"].to_list() == [2, 1, 2]
    assert likely == pytest.approx(new)
    assert 0 < one < likely
    assert offers.loc[0, "bays_needed"] == 2


def test_subsidy_rules():
    row = offers_of(
        {"two": {"dc_60": 2}}, subsidy=Subsidy(civil_share=0.8, land_share=1.0),
        costs=site_costs(land="upfront"),
    ).iloc[0]  # fmt: skip
    assert row["subsidy_pkr"] == pytest.approx(
        0.5 * 7e6 + 0.8 * 2.45e6 + 0.8 * 600_000 + 4 * 1_800_000
    )
    parts = pd.DataFrame({"charger_cost_pkr": [7e6, 1e6], "grid_cost_pkr": 0.0,
                          "fee_cost_pkr": 5e4, "cost_pkr": [7.05e6, 1.05e6]})  # fmt: skip
    flat = subsidy_pkr(parts, Subsidy(rule="flat", flat_pkr=2e6))
    assert flat.to_list() == [2e6, 1.05e6]
    gap = subsidy_pkr(parts, Subsidy(rule="gap", gap_cap_share=0.4, cap_per_station_pkr=2.5e6))
    assert gap.to_list() == pytest.approx([2.5e6, 0.42e6])


def test_every_fault_of_sites_configurations_and_settings_at_once():
    places = sites(None, 60.0, bays=[-1, np.nan], availability=[1.2, 0.0], line_km=["far", 1],
                   existing_ports=[np.nan, 1.5], site_id=["s1", "s1"])  # fmt: skip
    with pytest.raises(InputError) as caught:
        make_offers(places, {"a+upgrade": {"dc_60": 1}, "existing+b": {"dc_60": 1}}, **TABLES,
                    line_km=-1, availability=2, existing_policy="close")  # fmt: skip
    assert [f.where for f in caught.value.faults] == [
        "candidates, column site_id",
        "candidates, column line_km",
        "candidates, column bays",
        "candidates, column availability",
        "candidates, column existing_ports",
        "configurations, a+upgrade",
        "configurations, existing+b",
        "availability",
        "line_km",
        "existing_policy",
    ]


def test_every_fault_of_costs_and_rules_at_once():
    with pytest.raises(InputError) as caught:
        site_costs(civil_bay_pkr=-1, land_bay_month_pkr=float("nan"), land_bay_upfront_pkr=-2,
                   om_share=1.5, site_bays=-1, line_detour=0.9, land="gift")  # fmt: skip
    assert len(caught.value.faults) == 7
    with pytest.raises(InputError, match="site costs, lawn: no such figure"):
        site_costs(lawn=1)
    with pytest.raises(InputError) as caught:
        Subsidy(civil_share=2, land_share=-1, gap_cap_share=1.1, flat_pkr=-1, rule="all")
    assert len(caught.value.faults) == 5


def test_the_packaged_tables_are_sound():
    assert set(table("works")["item"]) >= set(WORKS.values())
    validate(table("compatibility"), COMPATIBILITY)
    limits, bays, fees, steps = charging_limits(), bay_figures(), fee_figures(), parking_rule()
    assert not limits.duplicated(["charger_group", "vehicle_class"]).any()
    assert (limits["limit_kw"] > 0).all()
    assert bays["charger_group"].is_unique
    assert bays["per"].isin(["port", "charger"]).all()
    assert (bays["bays"] >= 0).all()
    assert set(fees["item"]) == {"application", "annual"}
    assert (fees["value"] >= 0).all()
    assert steps["max_bays"].is_monotonic_increasing
    assert steps["max_bays"].is_unique
    assert steps["max_bays"].iloc[-1] == np.inf
    assert steps["points"].is_monotonic_increasing
    money = table("money")
    assert money["item"].is_unique
    assert set(money["item"]) >= set(ITEMS.values())
    assert (money["low"] <= money["value"]).all()
    assert (money["value"] <= money["high"]).all()


def test_two_chargers_of_60_kw_by_hand():
    """2 x 3.5 m + 2.0 m + 0.15 km x 3.0 m + 0.05 m + 4 bays x 0.15 m, and beside these design,
    8 % of 3.05 m, contingency, 15 % of 10.294 m, and the deposit for 120 kW at 1,810."""
    assert offers_of({"two dc": {"dc_60": 2}})["cost_pkr"].item() == pytest.approx(12_105_300)


def test_figures_are_told_once():
    """The dataclasses' defaults are the table's."""
    money = table("money").set_index("item")["value"]
    rule = Subsidy()
    assert rule.charger_share == money["subsidy_charger_share"]
    assert rule.grid_share == money["subsidy_grid_share"]
    assert rule.gap_cap_share == money["gap_cap_share"]
