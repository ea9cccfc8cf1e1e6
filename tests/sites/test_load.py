"""What the grid must carry beside what the chargers are rated at, and the preset of costs."""

import math

import numpy as np
import pandas as pd
import pytest
from one_site import TABLES, offers_of

from siting.economics import business_rules
from siting.errors import InputError
from siting.reference import at_preset, table
from siting.sites import (
    ServiceStandard,
    charger_catalogue,
    charging_limits,
    compatibility,
    fee_figures,
    site_costs,
    time_utilisation,
)
from siting.sites.load import fastest_kw, ports_taken

WAITING = ServiceStandard("waiting", time_utilisation=time_utilisation())


def load_of(chargers, **more):
    return offers_of({"a": chargers}, **more)["load_kw"].item()


@pytest.mark.parametrize(
    ("chargers", "kw"),
    [
        ({"lev_3": 12}, 12 * 1.35),  # rickshaws at every socket, not 12 x 3.3
        ({"ac_22": 2}, 2 * 7.0),  # the cars' own chargers
        ({"dc_60": 2}, 120.0),  # no car's limit there is known: what they are rated at
        ({"dc_120": 2, "ac_22": 2, "lev_3": 8}, 240 + 14 + 10.8),
        ({"swap_2w": 1}, 8.0),
    ],
)
def test_the_load_by_hand(chargers, kw):
    assert load_of(chargers) == pytest.approx(kw)


def test_a_port_slower_than_its_vehicles_draws_what_it_is_rated_at():
    slow = TABLES | {"chargers": charger_catalogue().assign(power_kw=1.0)}
    row = offers_of({"a": {"lev_3": 3, "ac_22": 1}}, **slow).iloc[0]
    assert row["load_kw"] == row["power_kw"] == 4.0


def test_a_class_without_a_limit_leaves_the_charger_s_power():
    limits = charging_limits()
    lacking = limits[limits["vehicle_class"] != "two_wheeler_delivery"]
    assert fastest_kw("lev", compatibility(), lacking) == math.inf
    assert load_of({"lev_3": 12}, limits=lacking) == pytest.approx(12 * 3.3)


def test_ports_taken_is_the_quantile_of_the_queue():
    """Against the states of M/M/k written out."""
    k, a = 24, 14.0
    odds = [a**n / math.factorial(n) for n in range(k)]
    odds.append(a**k / math.factorial(k) * k / (k - a))
    below = np.cumsum(odds) / sum(odds)
    m = ports_taken(k, a, 0.99)
    assert below[m] >= 0.99 > below[m - 1]
    assert ports_taken(k, a, 1.0) == ports_taken(k, 24.0, 0.99) == k


def test_many_ports_are_never_all_taken_and_few_are():
    costs = site_costs(busy_share=0.99)
    assert load_of({"lev_3": 8}, service=WAITING, costs=costs) == pytest.approx(8 * 1.35)
    many = load_of({"lev_3": 48}, service=WAITING, costs=costs)
    assert 0.8 * 48 * 1.35 < many < 48 * 1.35
    assert many / 1.35 == pytest.approx(round(many / 1.35))  # a whole number of sockets
    every = site_costs(busy_share=1.0)
    assert load_of({"lev_3": 48}, service=WAITING, costs=every) == pytest.approx(48 * 1.35)


def test_the_prudent_preset_by_hand():
    prudent = site_costs(preset="prudent")
    fees = at_preset(fee_figures(), "prudent")
    row = offers_of({"a": {"lev_3": 12}}, fees=fees, costs=prudent, service=WAITING).iloc[0]
    assert row["load_kw"] == pytest.approx(12 * 2.4)  # the fastest rickshaws, at every socket
    grid = 50_000 + 28.8 * 12_500
    works = 12 * 60_000 + grid + 3 * 150_000
    design = 0.12 * (grid + 450_000)
    cost = works + 50_000 + design + 0.20 * (works + design) + 28.8 * 7_200
    assert row["cost_pkr"] == pytest.approx(cost)
    assert row["insurance_pkr_year"] == pytest.approx(0.01 * works)
    assert row["annual_fee_pkr"] == 35_000
    rules = business_rules(preset="prudent")
    assert (rules.fixed_pkr_kw_month, rules.sales_tax, rules.attendants_other) == (625, 0.15, 0.5)
    assert business_rules(preset="prudent", sales_tax=0.0).sales_tax == 0


def test_twelve_sockets_and_a_cabinet_at_central_costs_by_hand():
    rows = offers_of(
        {"sockets": {"lev_3": 12}, "points": {"lev_12": 4}, "cabinet": {"swap_2w": 1}},
        costs=site_costs(),
        service=WAITING,
    ).set_index("configuration")
    for name, chargers, load, bays in (
        ("sockets", 12 * 60_000, 12 * 1.35, 3),
        ("points", 4 * 700_000, 4 * 4.0, 2),  # a rickshaw takes 4 kW at 12
    ):
        grid = 50_000 + load * 12_500
        works = chargers + grid + bays * 150_000
        design = 0.08 * (grid + bays * 150_000)
        cost = works + 50_000 + design + 0.15 * (works + design) + load * 1_810
        row = rows.loc[name]
        assert (row["load_kw"], row["bays_needed"]) == (pytest.approx(load), bays)
        assert row["cost_pkr"] == pytest.approx(cost)
        assert row["insurance_pkr_year"] == pytest.approx(0.005 * works)
        assert row["om_pkr_year"] == pytest.approx(0.05 * chargers)
        assert row["land_pkr_year"] == bays * 12 * 10_000
    # Batteries: ten of 1.75 kWh in the slots, and 1.3 kWh on the road for each kWh a day it sells.
    cabinet = rows.loc["cabinet"]
    batteries = (17.5 + 1.3 * cabinet["capacity_swap_2w_kwh_day"]) * 40_000
    assert cabinet["battery_cost_pkr"] == pytest.approx(batteries)
    assert cabinet["charger_cost_pkr"] == pytest.approx(1_500_000 + batteries)


def test_the_council_s_charger_costs_several_of_the_catalogue_s():
    council = table("works").set_index("item").loc["council_charger"]
    known = charger_catalogue().set_index("charger_id")["capex_pkr"]
    assert known["dc_60"] < known["dc_120"] < council["low"] < council["value"] < council["high"]


def test_a_figure_stands_within_its_range_at_either_preset():
    for name in ("works", "money", "fees", "charging_limits"):
        rows = table(name)
        column = "limit_kw" if "limit_kw" in rows else "value"
        for preset in ("central", "prudent"):
            value = at_preset(rows, preset, column)[column]
            assert ((rows["low"] <= value) & (value <= rows["high"])).all(), (name, preset)
    told = ["contingency_share", "design_share", "insurance_share", "deposit_kw"]
    works = table("works").set_index("item").loc[told]
    assert ((works["low"] < works["value"]) & (works["value"] < works["high"])).all()
    money = table("money").set_index("item").loc[["fixed_charge", "sales_tax", "attendants_other"]]
    assert ((money["low"] < money["value"]) & (money["value"] < money["prudent"])).all()


def test_a_preset_that_is_none_is_refused():
    with pytest.raises(InputError, match=r"offers.costs.preset: 'cheap' is not a preset of costs"):
        site_costs(preset="cheap")
    assert isinstance(at_preset(pd.DataFrame({"value": [1.0]}), "prudent"), pd.DataFrame)


def test_a_dearer_dollar_moves_imported_parts_alone():
    dear = TABLES | {"chargers": charger_catalogue(pkr_per_usd=350.0)}
    before = offers_of({"a": {"dc_60": 2, "swap_2w": 1}}).iloc[0]
    after = offers_of({"a": {"dc_60": 2, "swap_2w": 1}}, **dear).iloc[0]
    # 70 % of a charger's price follows the dollar, a quarter dearer; cabinets' batteries too.
    assert after["charger_cost_pkr"] == pytest.approx(before["charger_cost_pkr"] * 1.175)
    assert after["battery_cost_pkr"] == pytest.approx(before["battery_cost_pkr"] * 1.175)
    for part in ("grid_cost_pkr", "civil_cost_pkr", "fee_cost_pkr"):
        assert after[part] == before[part]
    same = charger_catalogue(pkr_per_usd=280.0)
    assert (same["capex_pkr"] == charger_catalogue()["capex_pkr"]).all()
