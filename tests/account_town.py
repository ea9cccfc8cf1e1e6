"""Plans told in tables by hand, for the recount: one town, and the same in years and scenarios.

s1 and s2 are a street apart; c1 holds 10 kWh/day of cars, 4 of motorcycles and 3 of buses. s1 has a
station of 9 kWh/day for cars and buses and 6 for motorcycles.
"""

import math
from dataclasses import replace

import pandas as pd
import pytest

from siting.errors import VerifyError
from siting.verify import Account, Aim, recount

TOO_MUCH = 1 + 4e-6  # just beyond what a figure may be off by
NEAR = 1 + 1e-7


def offer(offer_id, cost, subsidy, ac, dc, lev, *, power=30.0, **more):
    row = {
        "offer_id": offer_id,
        "site_id": offer_id.split(":")[0],
        "existing": False,
        "extends": False,
        "power_kw": power,
        "charger_cost_pkr": cost * 0.8,
        "grid_cost_pkr": cost * 0.15,
        "fee_cost_pkr": cost * 0.05,
        "cost_pkr": cost,
        "subsidy_pkr": subsidy,
        "reason": "",
        "capacity_ac_kwh_day": ac,
        "capacity_dc_kwh_day": dc,
        "capacity_lev_kwh_day": lev,
    }
    return row | more


def rows_of(columns, *rows):
    return pd.DataFrame([dict(zip(columns.split(), row, strict=True)) for row in rows])


def stands(*pairs):
    """``(slice, offer_id)`` as the table of what is built."""
    return pd.DataFrame(
        [{"slice": s, "site_id": o.split(":")[0], "offer_id": o} for s, o in pairs],
        columns=["slice", "site_id", "offer_id"],
    )


def serves(*rows):
    """``(slice, demand_id, site_id, kWh/day)`` as the table of service; all rows are of c1."""
    kinds = {"d1": "car", "d2": "two_wheeler", "d3": "van_bus"}
    minutes = {"s1": 5.0, "s2": 9.0}
    return pd.DataFrame(
        [
            {"slice": s, "demand_id": d, "cell_id": "c1", "vehicle_class": kinds[d], "site_id": j,
             "served_kwh_day": kwh, "travel_min": minutes[j]}
            for s, d, j, kwh in rows
        ],
        columns=["slice", "demand_id", "cell_id", "vehicle_class", "site_id", "served_kwh_day",
                 "travel_min"],
    )  # fmt: skip


def wants(**by_slice):
    """kWh/day of d1, d2, d3 by slice; the slice named ``_`` is the only one."""
    kinds = ("car", "two_wheeler", "van_bus")
    return pd.DataFrame(
        [
            {"slice": s.strip("_"), "demand_id": f"d{n + 1}", "cell_id": "c1",
             "vehicle_class": kinds[n], "demand_kwh_day": kwh}
            for s, amounts in by_slice.items()
            for n, kwh in enumerate(amounts)
        ]
    )  # fmt: skip


def worth(*slices, **per_kwh):
    """Worth of a kWh/day by demand row, the same in all slices; by default in the only one."""
    rows = [(s, d, each) for s in slices or ("",) for d, each in per_kwh.items()]
    return rows_of("slice demand_id per_kwh", *rows)


OFFERS = pd.DataFrame(
    [
        offer("s1:mix", 100.0, 60.0, 5.0, 4.0, 6.0),
        offer("s1:big", 200.0, 90.0, 9.0, 8.0, 6.0, power=50.0),
        offer("s2:fast", 125.0, 70.0, 0.0, 12.0, 0.0, power=60.0),
        offer("s2:huge", 595.0, 100.0, 0.0, 90.0, 0.0, power=900.0, reason="needs 900 kW"),
    ]
)
REACH = rows_of("cell_id site_id travel_min", ("c1", "s1", 5.0), ("c1", "s2", 9.0))
PLUGS = rows_of(
    "charger_group vehicle_class",
    ("ac", "car"), ("dc", "car"), ("dc", "van_bus"), ("lev", "two_wheeler"),
)  # fmt: skip


def plain():
    """s1:mix serves 6 of cars, all 4 of motorcycles and all 3 of buses, for 60 of 65 rupees."""
    built = stands(("", "s1:mix"))
    service = serves(("", "d1", "s1", 6.0), ("", "d2", "s1", 4.0), ("", "d3", "s1", 3.0))
    return Account(
        built=built,
        service=service,
        demand=wants(_=(10.0, 4.0, 3.0)),
        offers=OFFERS,
        reach=REACH,
        compatibility=PLUGS,
        cutoff_min=10.0,
        budget_pkr=65.0,
        aims=(Aim("most_worth", 13.0, 13.0, 0.0),),
        headroom_kw=pd.Series({"s1": 100.0, "s2": 100.0}),
        sites=OFFERS.iloc[[0]].assign(served_kwh_day=13.0),
        served=pd.DataFrame({"slice": [""], "served_kwh_day": [13.0]}),
        money=pd.DataFrame({"granted_pkr": [65.0], "spent_pkr": [60.0]}),
    )


def with_old_station():
    """s1:old stands from the beginning; s1:mix is its extension, and is built."""
    old = offer("s1:old", 0.0, 0.0, 2.0, 0.0, 0.0, power=10.0, existing=True)
    offers = pd.concat([OFFERS, pd.DataFrame([old])], ignore_index=True)
    offers.loc[0, "extends"] = True
    return replace(plain(), offers=offers)


def slices(*rows):
    return rows_of("slice year scenario weight probability", *rows)


def years():
    """s1:mix from 2027, s1:big from 2028 with s2:fast; two years count for 2028."""
    built = stands(("2027", "s1:mix"), ("2028", "s1:big"), ("2028", "s2:fast"))
    service = serves(
        ("2027", "d1", "s1", 6.0), ("2027", "d2", "s1", 4.0), ("2027", "d3", "s1", 3.0),
        ("2028", "d1", "s1", 14.0), ("2028", "d2", "s1", 6.0), ("2028", "d3", "s1", 3.0),
        ("2028", "d1", "s2", 6.0),
    )  # fmt: skip
    return Account(
        built=built.assign(built_year=[2027, 2028, 2028], paid_pkr=[60.0, 30.0, 70.0]),
        service=service,
        demand=wants(**{"2027": (10.0, 4.0, 3.0), "2028": (20.0, 8.0, 6.0)}),
        offers=OFFERS,
        reach=REACH,
        compatibility=PLUGS,
        cutoff_min=10.0,
        budget_pkr={2027: 65.0, 2028: 100.0},
        slices=slices(("2027", 2027, "", 1.0, 1.0), ("2028", 2028, "", 2.0, 1.0)),
        upgrades=True,
        aims=(Aim("most_worth", 13.0 + 2 * 29.0, 75.0, 4 / 71),),
        served=pd.DataFrame({"slice": ["2027", "2028"], "served_kwh_day": [13.0, 29.0]}),
        money=pd.DataFrame(
            {"year": [2027, 2028], "spent_pkr": [60.0, 100.0], "left_pkr": [5.0, 0.0]}
        ),
    )


def scenarios():
    """s1:mix, whatever comes: 8 kWh/day if slow (p 0.25), 13 if fast, where 14 could be."""
    built = stands(("slow", "s1:mix"), ("fast", "s1:mix"))
    service = serves(
        ("slow", "d1", "s1", 5.0), ("slow", "d2", "s1", 2.0), ("slow", "d3", "s1", 1.0),
        ("fast", "d1", "s1", 6.0), ("fast", "d2", "s1", 4.0), ("fast", "d3", "s1", 3.0),
    )  # fmt: skip
    best = pd.DataFrame({"scenario": ["slow", "fast"], "best": [8.0, 14.0]})
    return Account(
        built=built,
        service=service,
        demand=wants(slow=(5.0, 2.0, 1.0), fast=(10.0, 4.0, 3.0)),
        offers=OFFERS,
        reach=REACH,
        compatibility=PLUGS,
        cutoff_min=10.0,
        budget_pkr=65.0,
        slices=slices(("slow", math.nan, "slow", 1.0, 0.25), ("fast", math.nan, "fast", 1.0, 0.75)),
        aims=(
            Aim("most_worth", 0.25 * 8 + 0.75 * 13),
            Aim("least_regret", 1.0, 1.0, 0.0, best=best),
            Aim("tail", 8.0, of="served", alpha=0.75),
            Aim("tail", 4.0, of="unserved", alpha=0.25),
        ),
    )


def changed(account, table, row, column, value):
    frame = getattr(account, table).copy().astype({column: object})
    frame.loc[row, column] = value
    return replace(account, **{table: frame.infer_objects()})


def aimed(account, *aims):
    return replace(account, aims=aims)


def passes(account):
    """Return the checks by name; each has a name of its own."""
    checks = recount(account)
    assert checks["check"].is_unique
    assert checks.notna().all(axis=None)
    return checks.set_index("check")


def faults_of(account):
    with pytest.raises(VerifyError) as caught:
        recount(account)
    return str(caught.value)
