"""Find how much public money is additional, and which stations are viable without public money.

A station needs no public money if its NPV without subsidy is at least 0. If public money pays
viability gaps, the station must also pass the hurdle that investors set. The part of a payment that
exceeds the station's shortfall is not additional. Payments to a station whose NPV is negative even
with the subsidy are at risk.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from siting import reference
from siting.plan import Plan

# A shortfall below this share of the cost counts as a rounding error.
NONE = 1e-6


def lots_of(case: pd.DataFrame, concessions: Mapping[str, str]) -> pd.DataFrame:
    """Return the public money and NPV of each concession that has a new station (PKR).

    Columns: ``concession``, ``stations``, ``cost_pkr``, ``lacking_pkr`` (sum of the stations'
    shortfalls), ``subsidy_pkr``, ``npv_pkr`` (without subsidy) and ``npv_subsidised_pkr``.
    """
    # `groupby` drops the rows of stations without a concession.
    by_lot = case.assign(concession=case["site_id"].map(dict(concessions))).groupby("concession")
    sums = ["cost_pkr", "lacking_pkr", "subsidy_pkr", "npv_pkr", "npv_subsidised_pkr"]
    table = by_lot[sums].sum()
    table.insert(0, "stations", by_lot.size())
    return table.reset_index()


def at_risk(case: pd.DataFrame, concessions: Mapping[str, str]) -> dict[str, Any]:
    """Return how many new stations lose cash, or have a negative NPV even with the subsidy.

    The NPV is tested for all stations of a concession together. Keys: ``stations``; ``below_npv_0``
    (stations with a negative NPV after subsidy); ``subsidy_below_npv_0_pkr`` (subsidy of these
    stations); ``losing`` (stations that lose cash in a usual year); ``loss_pkr_year`` (the cash
    lost); ``npv_pkr`` (total NPV after subsidy).
    """
    ones = [f"{site in concessions} {concessions.get(site, site)}" for site in case["site_id"]]
    sums = case.groupby(ones)[["npv_subsidised_pkr", "cost_pkr"]].transform("sum")
    fails = sums["npv_subsidised_pkr"] < -NONE * sums["cost_pkr"]
    loss = -case["net_pkr_year"]
    losing = loss > NONE * case["cost_pkr"]
    return {
        "stations": len(case),
        "below_npv_0": int(fails.sum()),
        "subsidy_below_npv_0_pkr": float(case.loc[fails, "subsidy_pkr"].sum()),
        "losing": int(losing.sum()),
        "loss_pkr_year": float(loss[losing].sum()),
        "npv_pkr": float(case["npv_subsidised_pkr"].sum()),
    }


def at_risk_in_words(risk: Mapping[str, Any]) -> str:
    """Return the figures from `at_risk` as a sentence fragment.

    >>> at_risk_in_words({"stations": 5, "below_npv_0": 2, "subsidy_below_npv_0_pkr": 3e6,
    ...     "losing": 1, "loss_pkr_year": 4e5})
    '2 of 5 new stations have a negative NPV and receive PKR 3.00 m of public money; 1 loses PKR \
0.40 m a year'
    """
    if not risk["below_npv_0"]:
        return f"none of {risk['stations']:,} new stations has a negative NPV"
    text = (
        f"{risk['below_npv_0']:,} of {risk['stations']:,} new stations have a negative NPV and "
        f"receive PKR {risk['subsidy_below_npv_0_pkr'] / 1e6:,.2f} m of public money"
    )
    if risk["losing"]:
        verb = "loses" if risk["losing"] == 1 else "lose"
        text += f"; {risk['losing']:,} {verb} PKR {risk['loss_pkr_year'] / 1e6:,.2f} m a year"
    return text


def public_money(
    plan: Plan, case: pd.DataFrame, vehicles: Mapping[str, float], pkr_per_usd: float | None
) -> dict[str, Any]:
    """Return the ``run.json`` fields about public money for a plan's new stations (constant PKR).

    `case` is a table of the business case of each new station. `vehicles` is the number of vehicles
    in the area, by class. Keys: ``pkr_per_usd``; ``new_stations``; ``stations_without_need``
    (stations that need no public money); ``npv_without_subsidy_pkr``; ``lacking_pkr``;
    ``subsidy_pkr``; ``subsidy_beyond_need_pkr``; ``subsidy_pkr_per_kwh_day`` (per kWh/day sold;
    None without sales); ``subsidy_pkr_per_car`` (per car served; None without sales to cars). For
    the last key, each station's subsidy is divided among vehicle classes in proportion to the
    energy sold to them.
    """
    figures = reference.table("money").set_index("item")["value"].astype(float)
    paid, lacks = case["subsidy_pkr"], case["lacking_pkr"]
    sold = float(case["sold_kwh_day"].sum())
    stations = plan.sites.set_index("site_id").reindex(case["site_id"])
    to_cars = stations.get("served_car_kwh_day", pd.Series(0.0, index=stations.index)).astype(float)
    served_kwh = stations["served_kwh_day"].astype(float)
    share = (to_cars / served_kwh.where(served_kwh > 0)).fillna(0.0).to_numpy()
    wanted = float(plan.classes.set_index("vehicle_class")["demand_kwh_day"].get("car", 0.0))
    car_kwh = float((case["sold_kwh_day"] * share).sum())
    cars = vehicles.get("car", 0.0) * car_kwh / wanted if wanted > 0 else 0.0
    return {
        "pkr_per_usd": pkr_per_usd or float(figures["pkr_per_usd"]),
        "new_stations": len(case),
        "stations_without_need": int((lacks <= NONE * case["cost_pkr"]).sum()),
        "npv_without_subsidy_pkr": float(case["npv_pkr"].sum()),
        "lacking_pkr": float(lacks.sum()),
        "subsidy_pkr": float(paid.sum()),
        "subsidy_beyond_need_pkr": float((paid - lacks).clip(lower=0.0).sum()),
        "subsidy_pkr_per_kwh_day": float(paid.sum()) / sold if sold > 0 else None,
        "subsidy_pkr_per_car": float((paid * share).sum()) / cars if cars > 0 else None,
    }
