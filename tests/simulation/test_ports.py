"""Ports, loads and what Erlang C expects of them, by hand and against the offers."""

import numpy as np
import pandas as pd
import pytest
from one_site import offers_of
from queue_town import port_table

from siting.demand import session_figures
from siting.errors import InputError
from siting.simulation import (
    Sessions,
    expected_waits,
    split_load,
    standard_kwh_day,
    station_ports,
)
from siting.sites import (
    ServiceStandard,
    charger_catalogue,
    compatibility,
    erlang_c,
)
from siting.sites.chargers_text import charger_counts
from siting.tables import capacity_columns

CLASSES = ["two_wheeler", "car", "bus"]


def sessions():
    return Sessions.from_tables(CLASSES, session_figures(), compatibility())


def plan_tables(*chargers, existing_ports=3):
    sites = pd.DataFrame(
        {
            "site_id": [f"s{i}" for i in range(len(chargers))],
            "offer_id": [f"s{i}:x" for i in range(len(chargers))],
            "chargers": chargers,
        }
    )
    offers = sites.assign(existing=["existing" in text for text in chargers], ports=existing_ports,
                          availability=0.8)  # fmt: skip
    return sites, offers


def test_ports_of_a_station_in_words():
    sites, offers = plan_tables("2 x dc_120 + 2 x ac_22 + 1 x swap_2w", "1 x 60 kW (existing)")
    ports = station_ports(sites, offers, charger_catalogue())
    assert list(ports.drop(columns="availability").itertuples(index=False, name=None)) == [
        ("s0", "ac", "ac_22", 2, 22.0, 0.0),
        ("s0", "dc", "dc_120", 4, 60.0, 0.0),
        ("s0", "swap_2w", "swap_2w", 10, 0.8, 17.5),
        ("s1", "dc", "stands", 3, 20.0, 0.0),
    ]
    assert (ports["availability"] == 0.8).all()


def test_an_extended_station_has_the_ports_of_both():
    sites, offers = plan_tables("1 x 22 kW (existing) + 1 x dc_60")
    standing = offers.assign(offer_id="s0:existing", ports=1, availability=1.0)
    offers = pd.concat([offers.assign(existing=False), standing], ignore_index=True)
    ports = station_ports(sites, offers, charger_catalogue())
    assert ports["charger_group"].tolist() == ["ac", "dc"]
    assert ports["ports"].tolist() == [1, 2]
    assert ports["port_kw"].tolist() == [22.0, 30.0]


def test_chargers_that_cannot_be_read_are_all_named():
    sites, offers = plan_tables("2 x rocket", "many", "1 x dc_60")
    with pytest.raises(InputError) as caught:
        station_ports(sites, offers, charger_catalogue())
    text = str(caught.value)
    assert "s0: rocket" in text
    assert "s1" in text
    assert "many" in text


@pytest.mark.parametrize("text", ["", "dc_60", "0 x dc_60", "2 dc_60", "x"])
def test_words_that_are_no_chargers(text):
    with pytest.raises(ValueError, match=r"is not|no chargers"):
        charger_counts(text)


def test_minutes_of_a_session_by_hand():
    found, ports = sessions(), port_table(
        ("s", "dc", "a", 1, 30.0, 0.0, 1.0), ("s", "dc", "b", 1, 60.0, 0.0, 0.5)
    )  # fmt: skip
    dc, ac = found.groups.index("dc"), found.groups.index("ac")
    car = found.classes.index("car")
    assert found.minutes(car, dc, ports).tolist() == pytest.approx([50.0, 70.0])  # pace 35 min
    slow = port_table(("s", "ac", "a", 1, 22.0, 0.0, 1.0))
    assert found.minutes(car, ac, slow).tolist() == pytest.approx([25 / 7 * 60])
    bike, swap = found.classes.index("two_wheeler"), found.groups.index("swap_2w")
    slots = port_table(("s", "swap_2w", "a", 10, 0.8, 17.5, 1.0))
    assert found.minutes(bike, swap, slots).tolist() == pytest.approx([1.2 / 0.8 * 60 * 1.15])


def test_who_has_no_choice_comes_first_and_groups_are_equally_busy():
    ports = port_table(("s1", "dc", "a", 2, 60.0, 0.0, 1.0), ("s1", "ac", "b", 4, 22.0, 0.0, 1.0))
    load = pd.DataFrame({"site_id": "s1", "vehicle_class": ["car", "bus", "two_wheeler"],
                         "kwh_day": [1000.0, 480.0, 5.0]})  # fmt: skip
    parts = split_load(ports, load, sessions()).set_index(["charger_group", "vehicle_class"])
    assert ("dc", "two_wheeler") not in parts.index  # nothing there fits it
    assert parts.loc[("dc", "bus"), "kwh_day"] == 480.0
    cars = parts["kwh_day"]["dc", "car"] + parts["kwh_day"]["ac", "car"]
    assert cars == pytest.approx(1000.0)
    work = (parts["kwh_day"] / np.where(parts.index.get_level_values(1) == "bus", 120.0, 25.0)
            * parts["minutes"]).groupby("charger_group").sum()  # fmt: skip
    assert work["dc"] / 2 == pytest.approx(work["ac"] / 4, rel=0.06)


def test_erlangs_by_hand():
    ports = port_table(("s1", "dc", "a", 2, 60.0, 0.0, 1.0))
    load = pd.DataFrame({"site_id": ["s1"], "vehicle_class": ["car"], "kwh_day": [500.0]})
    row = expected_waits(ports, load, sessions(), 10.0).iloc[0]
    a = 20 * 0.085 * 35 / 60
    waits = float(erlang_c(2, a))
    assert row["erlangs"] == pytest.approx(a)
    assert row["late_share"] == pytest.approx(waits * np.exp(-(2 - a) * 10 / 35))
    assert row["wait_mean_min"] == pytest.approx(waits * 35 / (2 - a))
    full = expected_waits(ports, load.assign(kwh_day=1500.0), sessions(), 10.0).iloc[0]
    assert (full["late_share"], full["wait_mean_min"]) == (1.0, np.inf)


def test_the_standard_is_what_offers_under_rule_waiting_have():
    chosen = {
        "hub": {"dc_120": 2, "ac_22": 2, "lev_3": 8},
        "mixed": {"dc_60": 1, "dc_240": 1, "ac_7": 3},
        "swap": {"swap_2w": 2, "swap_3w": 1, "lev_3": 2},
    }
    energy = {"car": 9000.0, "two_wheeler": 4000.0, "bus": 500.0}
    standard = ServiceStandard("waiting", wait_min=8.0, alpha=0.2)
    table = offers_of(chosen, availability=0.8, service=standard, energy_kwh_day=energy)
    sites, offers = plan_tables(*table["chargers"])
    ports = station_ports(sites, offers, charger_catalogue())
    found = standard_kwh_day(
        ports,
        ServiceStandard("rated_share", wait_min=8.0, alpha=0.2),
        session_figures(),
        compatibility(),
        energy,
    )
    assert found.tolist() == pytest.approx(table[capacity_columns(table)].sum(axis=1).tolist())
