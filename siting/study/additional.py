"""What public money adds: which stations would stand without it, and what it costs a kWh and a car.

A station needs no public money where its net present value without any is at least 0. Whatever a
station is paid beyond what its business case lacks is not additional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from siting.economics import money_figures

# Of the cost: below this a lack is rounding.
NONE = 1e-6


def public_money(
    sites: pd.DataFrame,
    case: pd.DataFrame,
    classes: pd.DataFrame,
    vehicles: Mapping[str, float],
    pkr_per_usd: float | None = None,
) -> dict[str, Any]:
    """Return what ``run.json`` says of public money at the new stations, in PKR of one year.

    `case` is the business case of each new station, `vehicles` those of the area by class. Keys:
    ``pkr_per_usd``; ``new_stations`` and of them ``stations_without_need``;
    ``npv_without_subsidy_pkr``, ``lacking_pkr``, ``subsidy_pkr``, ``subsidy_beyond_need_pkr``;
    ``subsidy_pkr_per_kwh_day`` of what they sell and ``subsidy_pkr_per_car`` served, each station's
    money by what it sells to whom (None where nothing is sold).
    """
    figures = money_figures().set_index("item")["value"].astype(float)
    paid, lacks = case["subsidy_pkr"], case["lacking_pkr"]
    sold = float(case["sold_kwh_day"].sum())
    stations = sites.set_index("site_id").reindex(case["site_id"])
    to_cars = stations.get("served_car_kwh_day", pd.Series(0.0, index=stations.index)).astype(float)
    served_kwh = stations["served_kwh_day"].astype(float)
    share = (to_cars / served_kwh.where(served_kwh > 0)).fillna(0.0).to_numpy()
    wanted = float(classes.loc[classes["vehicle_class"] == "car", "demand_kwh_day"].sum())
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
