"""What groups of chargers can serve under each service standard, by hand and by property."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_site import TABLES, offers_of

from siting.demand import session_figures
from siting.errors import InputError
from siting.sites import (
    ServiceStandard,
    charger_catalogue,
    charging_limits,
    compatibility,
    group_mix,
)
from siting.sites.standards import group_capacity_kwh_day, peak_kwh_per_h
from siting.sites.waiting import largest_arrivals_per_h

CATALOGUE = charger_catalogue().set_index("charger_id", drop=False)
CARS = {"car": 1.0}
WAITING = ServiceStandard("waiting")


def capacity(chosen, standard=WAITING, energy=CARS):
    types = CATALOGUE.loc[list(chosen)]
    mix = group_mix(types["charger_group"].iloc[0], compatibility(), energy_kwh_day=energy)
    return group_capacity_kwh_day(types, np.array(list(chosen.values())), mix, standard)


def test_the_mix_of_classes_by_hand():
    # 90 kWh of cars at 25 are 3.6 sessions, 24 kWh of buses at 120 are 0.2.
    mix = group_mix("dc", compatibility(), energy_kwh_day={"car": 90.0, "bus": 24.0})
    assert mix.session_kwh == pytest.approx(114 / 3.8)
    peak = session_figures().set_index("vehicle_class")["peak_hour_share"]
    assert mix.peak_hour_share == pytest.approx((3.6 * peak["car"] + 0.2 * peak["bus"]) / 3.8)
    # At 30 kW a car takes 50 min and a bus 240; at 60 kW the car its own 35, the bus 120.
    assert mix.minutes(30.0) == pytest.approx((3.6 * 50 + 0.2 * 240) / 3.8)
    assert mix.minutes(60.0) == pytest.approx((3.6 * 35 + 0.2 * 120) / 3.8)
    assert mix.minutes(1e6) == pytest.approx((3.6 * 35 + 0.2 * 75) / 3.8)


def test_only_ratios_count_and_equal_energy_is_the_default():
    same = group_mix("lev", compatibility())
    classes = ["two_wheeler", "two_wheeler_delivery", "three_wheeler"]
    again = group_mix("lev", compatibility(), energy_kwh_day=dict.fromkeys(classes, 7.0))
    assert again.session_kwh == pytest.approx(same.session_kwh)
    # None of a group's classes wants anything: the default again.
    assert group_mix("lev", compatibility(), energy_kwh_day={"car": 5.0}) == same


def test_the_on_board_charger_binds_on_ac():
    mix = group_mix("ac", compatibility(), energy_kwh_day=CARS)
    assert mix.minutes(22.0) == mix.minutes(7.4) == pytest.approx(60 * 25 / 7)
    assert mix.minutes(3.5) == pytest.approx(60 * 25 / 3.5)
    none = group_mix("ac", compatibility(), limits=charging_limits().iloc[:0], energy_kwh_day=CARS)
    assert none.minutes(22.0) == pytest.approx(60 * 25 / 22)


def test_two_fast_chargers_by_hand():
    # 2 x 60 kW with 2 ports each: 4 ports of 30 kW, 50 minutes a car.
    rate = float(largest_arrivals_per_h(4, 50.0, 10.0, 0.1))
    assert capacity({"dc_60": 2}) == pytest.approx(rate / 0.085 * 25)
    strict = ServiceStandard("waiting", wait_min=0.0, alpha=0.01)
    rate = float(largest_arrivals_per_h(4, 50.0, 0.0, 0.01))
    assert capacity({"dc_60": 2}, strict) == pytest.approx(rate / 0.085 * 25)


def test_a_standard_that_asks_for_nothing_is_held_by_the_power():
    lax = ServiceStandard("waiting", wait_min=1e4, alpha=0.999999)
    flat = session_figures().assign(peak_hour_share=1 / 24)
    mix = group_mix("dc", compatibility(), sessions=flat, energy_kwh_day={"truck": 1.0})
    # A truck takes 96 kW of a port that has 30.
    full = group_capacity_kwh_day(CATALOGUE.loc[["dc_60"]], np.array([1]), mix, lax)
    assert full == pytest.approx(60 * 24, rel=1e-3)
    assert full <= 60 * 24


def test_swap_cabinets_by_the_time_their_slots_take():
    # A pack of 1.75 kWh gives 1.4; a slot of 0.8 kW takes 105 min, 120.75 with the taper.
    energy = {"two_wheeler": 1.0}
    by_use = capacity({"swap_2w": 2}, ServiceStandard(), energy)
    assert by_use == pytest.approx(20 * 60 / 120.75 / 0.09 * 1.4)
    # Not the plug's 16 kW x 24 h x 0.15 = 57.6, and whatever the utilisation is.
    assert by_use == capacity({"swap_2w": 2}, ServiceStandard(utilisation=0.5), energy)
    rate = float(largest_arrivals_per_h(20, 120.75, 10.0, 0.1))
    assert capacity({"swap_2w": 2}, WAITING, energy) == pytest.approx(rate / 0.09 * 1.4)
    # Rickshaws: 7 slots of 5 kWh at 16 kW, 4 kWh a swap, 105 min and 120.75 again.
    energy = {"three_wheeler": 1.0}
    rate = float(largest_arrivals_per_h(7, 120.75, 10.0, 0.1))
    assert capacity({"swap_3w": 1}, WAITING, energy) == pytest.approx(rate / 0.085 * 4)


def test_a_cabinet_cannot_give_out_more_than_it_draws():
    slow = ServiceStandard(swap_taper=1.0)
    flat = session_figures().assign(peak_hour_share=1 / 24)
    mix = group_mix("swap_2w", compatibility(), sessions=flat)
    types = CATALOGUE.loc[["swap_2w"]]
    assert group_capacity_kwh_day(types, np.array([1]), mix, slow) == pytest.approx(8 * 24)


def test_one_type_is_one_queue_and_a_slow_one_never_harms():
    one = peak_kwh_per_h(np.array([5.0]), np.array([40.0]), np.array([25.0]), 10.0, 0.1)
    assert one == pytest.approx(25 * float(largest_arrivals_per_h(5, 40.0, 10.0, 0.1)))
    split = np.array([2.0, 3.0]), np.array([40.0, 40.0]), np.array([25.0, 25.0])
    assert peak_kwh_per_h(*split, 10.0, 0.1) == pytest.approx(one)
    assert peak_kwh_per_h(np.zeros(2), np.ones(2), np.ones(2), 10.0, 0.1) == 0.0


def test_the_fastest_in_one_queue_by_hand():
    def rate(n, mean):
        return float(largest_arrivals_per_h(n, mean, 10.0, 0.1))

    # One quick port and three slow ones, 20 kWh each: the quick one alone, or with 1, 2 or 3 more.
    ports, minutes, kwh = np.array([3.0, 1.0]), np.array([60.0, 20.0]), np.array([20.0, 20.0])
    best = max(
        rate(1, 20.0) + rate(3, 60.0),
        rate(2, 40.0) + rate(2, 60.0),
        rate(3, 140 / 3) + rate(1, 60.0),
        rate(4, 50.0),
    )
    assert peak_kwh_per_h(ports, minutes, kwh, 10.0, 0.1) == pytest.approx(20 * best)
    # A quick and two very slow ones: the quick one keeps its own queue.
    apart = rate(1, 5.0) + rate(2, 900.0)
    found = peak_kwh_per_h(np.array([2.0, 1.0]), np.array([900.0, 5.0]), kwh, 10.0, 0.1)
    assert found == pytest.approx(20 * apart)
    # Two near in pace share a queue, and a very slow one does not hold it up.
    shared = rate(4, 35.0) + rate(1, 600.0)
    found = peak_kwh_per_h(
        np.array([1.0, 2.0, 2.0]), np.array([600.0, 30.0, 40.0]), np.full(3, 20.0), 10.0, 0.1
    )
    assert found == pytest.approx(20 * shared)
    assert shared > rate(2, 30.0) + rate(3, 680 / 3)


@pytest.mark.parametrize("rule", ["waiting", "rated_share"])
@pytest.mark.parametrize("charger", ["swap_2w", "dc_60"])
def test_no_figures_give_more_than_the_power(rule, charger):
    # Less than an even share in the peak hour cannot be, but a user's table may say so.
    group = CATALOGUE.loc[charger, "charger_group"]
    odd = session_figures().assign(peak_hour_share=1e-3)
    mix = group_mix(group, compatibility(), sessions=odd)
    standard = ServiceStandard(rule, utilisation=1.0)
    full = CATALOGUE.loc[charger, "power_kw"] * 24
    types = CATALOGUE.loc[[charger]]
    assert group_capacity_kwh_day(types, np.array([1]), mix, standard) == full


types_of_ports = st.lists(
    st.tuples(st.integers(0, 8), st.floats(5.0, 300.0)), min_size=1, max_size=4
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(types_of_ports, st.data(), st.floats(0.01, 0.5))
def test_more_faster_and_laxer_never_serves_less(types, data, alpha):
    ports = np.array([number for number, _ in types], dtype=float)
    minutes = np.array([mean for _, mean in types])
    kwh = np.full(len(types), 20.0)
    had = peak_kwh_per_h(ports, minutes, kwh, 10.0, alpha) * (1 - 1e-9)
    which = data.draw(st.integers(0, len(types) - 1))
    one = np.eye(len(types))[which]
    assert peak_kwh_per_h(ports + one, minutes, kwh, 10.0, alpha) >= had
    assert peak_kwh_per_h(ports, minutes * (1 - 0.5 * one), kwh, 10.0, alpha) >= had
    assert peak_kwh_per_h(ports, minutes, kwh, 20.0, alpha) >= had
    assert peak_kwh_per_h(ports, minutes, kwh, 10.0, alpha + 0.1) >= had
    apart = sum(20 * float(largest_arrivals_per_h(n, mean, 10.0, alpha)) for n, mean in types if n)
    assert had >= apart * (1 - 2e-9)
    shuffled = data.draw(st.permutations(range(len(types))))
    turned = peak_kwh_per_h(ports[shuffled], minutes[shuffled], kwh, 10.0, alpha)
    assert turned == pytest.approx(had, rel=1e-8)


def test_the_table_takes_the_rule_and_the_city_s_energy():
    choices = {"hub": {"dc_120": 2, "ac_22": 2, "lev_3": 8}}
    usual = offers_of(choices).iloc[0]
    assert usual["capacity_dc_kwh_day"] == pytest.approx(240 * 24 * 0.15)
    row = offers_of(choices, service=WAITING, energy_kwh_day=CARS, availability=0.9).iloc[0]
    assert row["capacity_dc_kwh_day"] == pytest.approx(0.9 * capacity({"dc_120": 2}))
    assert row["capacity_ac_kwh_day"] == pytest.approx(0.9 * capacity({"ac_22": 2}))
    both = offers_of(choices, service=ServiceStandard(utilisation=0.3), utilisation=0.1).iloc[0]
    assert both["capacity_dc_kwh_day"] == pytest.approx(240 * 24 * 0.3)


def test_every_fault_of_a_standard_at_once():
    with pytest.raises(InputError) as caught:
        ServiceStandard("queue", 0.0, -1.0, 1.0, 0.0, 0.9)
    assert [f.where for f in caught.value.faults] == [
        "service, rule", "service, utilisation", "service, wait_min", "service, alpha",
        "service, swap_depth", "service, swap_taper",
    ]  # fmt: skip
    for alpha in (0.0, float("nan"), -0.1, 2.0):
        with pytest.raises(InputError, match="alpha"):
            ServiceStandard(alpha=alpha)


def test_classes_without_sessions_and_energy_below_zero():
    pairs = pd.DataFrame({"charger_group": ["tram", "dc"], "vehicle_class": ["tram", "car"]})
    with pytest.raises(InputError) as caught:
        group_mix("tram", pairs, energy_kwh_day={"tram": -1.0})
    assert [f.ids for f in caught.value.faults] == [("tram",), ("tram: -1.0",)]
    with pytest.raises(InputError, match="no vehicle class uses it"):
        group_mix("boat", pairs)
    with pytest.raises(InputError, match="needs session figures"):
        group_capacity_kwh_day(CATALOGUE.loc[["dc_60"]], np.array([1]), None, WAITING)


def test_every_group_without_sessions_is_named_at_once():
    chargers = TABLES["chargers"].copy()
    chargers["charger_group"] = chargers["charger_group"].replace({"ac": "pad", "dc": "pantograph"})
    pairs = pd.DataFrame(
        {"charger_group": ["pantograph", "lev"], "vehicle_class": ["tram", "two_wheeler"]}
    )
    own = TABLES | {"chargers": chargers, "compatibility": pairs}
    choices = {"a": {"dc_60": 1, "ac_22": 1}, "b": {"lev_3": 1, "swap_2w": 1}}
    with pytest.raises(InputError) as caught:
        offers_of(choices, **own, service=WAITING, energy_kwh_day={"tram": -1.0})
    assert [(f.where, f.ids) for f in caught.value.faults] == [
        ("session figures", ("tram",)),
        ("energy_kwh_day", ("tram: -1.0",)),
        ("compatibility, charger_group pad", ()),
        ("compatibility, charger_group swap_2w", ()),
    ]
    # A share of the output needs no sessions; a swap cabinet does.
    assert len(offers_of({"a": choices["a"]}, **own)) == 1
    with pytest.raises(InputError, match="charger_group swap_2w: no vehicle class uses it"):
        offers_of(choices, **own)


def test_a_12_kw_point_charges_at_the_battery_s_pace_and_not_at_that_of_the_socket():
    """By hand: 4 kWh of a rickshaw at 4 kW DC an hour; 1.35 kW at a socket, 178 minutes."""
    rickshaws = {"three_wheeler": 1.0}
    fast = group_mix("lev_dc", compatibility(), energy_kwh_day=rickshaws)
    slow = group_mix("lev", compatibility(), energy_kwh_day=rickshaws)
    assert fast.minutes(12.0) == pytest.approx(60.0)
    assert slow.minutes(3.3) == pytest.approx(60 * 4 / 1.35)
