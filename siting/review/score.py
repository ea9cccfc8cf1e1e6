"""Plans side by side in the figures a planner asks for: served, waiting, money, fairness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from siting.plan import Plan
from siting.simulation import Sessions, expected_waits, station_ports
from siting.sites import charger_catalogue

if TYPE_CHECKING:
    from siting.study.pipeline import Study

# A cell counts as left out where less than this share of what it wants is served.
LEFT_OUT = 0.01


def sessions_of(study: Study) -> Sessions:
    """Return the sessions of a study's vehicle classes."""
    return Sessions.from_tables(
        list(study.config.demand.vehicle_classes),
        study.sessions,
        study.compatibility,
        swap_taper=study.config.offers.service.swap_taper,
    )


def score(study: Study, plan: Plan) -> dict[str, Any]:
    """Return the figures of a plan, JSON-ready, in the order a person reads them.

    Parameters
    ----------
    study
        Whose demand, people and standard of waiting.
    plan
        The plan.

    Returns
    -------
    dict
        ``served_kwh_day``, ``served_share``, ``classes`` (one record a class), ``new_stations``,
        ``existing_stations``, ``power_kw``, ``subsidy_pkr``, ``cost_pkr``,
        ``subsidy_pkr_per_kwh_day``; ``mean_travel_min``; ``late_share`` (drivers who come in the
        busiest hour of their station and would wait longer than ``wait_min``, by Erlang C) and
        ``late_stations`` (where that is more than alpha); ``worst_class``, ``worst_class_share``,
        ``people_left_out_share``, ``gini`` (of the share served over cells, weighted by what they
        want: 0 is even).
    """
    new = plan.new_sites
    wanted = float(plan.classes["demand_kwh_day"].sum())
    served = float(plan.service["served_kwh_day"].sum())
    subsidy = float(plan.sites["subsidy_pkr"].sum())
    gained = float(new["served_kwh_day"].sum())
    minutes = float((plan.service["served_kwh_day"] * plan.service["travel_min"]).sum())
    named = plan.classes[plan.classes["demand_kwh_day"] > 0]
    worst = named.sort_values("served_share", kind="stable").iloc[:1].to_dict("records")
    return {
        "served_kwh_day": served,
        "served_share": served / wanted if wanted else 0.0,
        "classes": plan.classes.to_dict("records"),
        "new_stations": len(new),
        "existing_stations": int(plan.sites["existing"].sum()),
        "power_kw": float(new["power_kw"].sum()),
        "subsidy_pkr": subsidy,
        "cost_pkr": float(plan.sites["cost_pkr"].sum()),
        "subsidy_pkr_per_kwh_day": subsidy / gained if gained > 0 else None,
        "mean_travel_min": minutes / served if served > 0 else None,
        **_waiting(study, plan),
        "worst_class": str(worst[0]["vehicle_class"]) if worst else "",
        "worst_class_share": float(worst[0]["served_share"]) if worst else 0.0,
        **_fairness(plan),
    }


def _waiting(study: Study, plan: Plan) -> dict[str, Any]:
    service = study.config.offers.service
    chargers = charger_catalogue(study.config.offers.chargers_csv)
    waits = expected_waits(
        station_ports(plan.sites, plan.offers, chargers),
        plan.service.rename(columns={"served_kwh_day": "kwh_day"}),
        sessions_of(study),
        service.wait_min,
    )
    count = waits["peak_sessions"].to_numpy(dtype=float)
    late = waits["late_share"].to_numpy(dtype=float)
    over = waits.loc[late > service.alpha + 1e-9, "site_id"]
    return {
        "wait_min": service.wait_min,
        "alpha": service.alpha,
        "late_share": float(late @ count / count.sum()) if count.sum() > 0 else 0.0,
        "late_stations": int(over.nunique()),
    }


def _fairness(plan: Plan) -> dict[str, Any]:
    cells = plan.demand.groupby("cell_id")[["demand_kwh_day", "served_kwh_day"]].sum()
    cells = cells[cells["demand_kwh_day"] > 0]
    share = (cells["served_kwh_day"] / cells["demand_kwh_day"]).to_numpy(dtype=float)
    people = plan.cells.set_index("cell_id")["people"].reindex(cells.index).fillna(0.0)
    living = people.to_numpy(dtype=float)
    left = float(living[share < LEFT_OUT].sum() / living.sum()) if living.sum() > 0 else 0.0
    return {
        "people_left_out_share": left,
        "gini": _gini(share, cells["demand_kwh_day"].to_numpy(dtype=float)),
    }


def _gini(share: np.ndarray, weight: np.ndarray) -> float:
    """Return twice the area between the Lorenz curve and the line of equal shares."""
    if not len(share) or float(share @ weight) <= 0:
        return 0.0
    order = np.argsort(share, kind="stable")
    part = weight[order] / weight.sum()
    gets = share[order] * weight[order]
    reached = np.concatenate([[0.0], np.cumsum(gets) / gets.sum()])
    area = float((part * (reached[1:] + reached[:-1]) / 2).sum())
    return max(1.0 - 2.0 * area, 0.0)


def score_table(scores: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the figures of several plans as a table: ``figure``, ``unit``, one column a plan."""
    rows: list[dict[str, Any]] = []
    for key, unit in FIGURES.items():
        rows.append({"figure": key, "unit": unit, **{n: s[key] for n, s in scores.items()}})
        if key == "served_share":
            first = next(iter(scores.values()))
            for i, row in enumerate(first["classes"]):
                name = f"served_{row['vehicle_class']}_share"
                own = {n: s["classes"][i]["served_share"] for n, s in scores.items()}
                rows.append({"figure": name, "unit": "share", **own})
    return pd.DataFrame(rows)


FIGURES = {
    "served_kwh_day": "kWh/day",
    "served_share": "share",
    "new_stations": "stations",
    "power_kw": "kW",
    "subsidy_pkr": "PKR",
    "cost_pkr": "PKR",
    "subsidy_pkr_per_kwh_day": "PKR per kWh/day of new stations",
    "mean_travel_min": "min",
    "late_share": "share of drivers in the busiest hour",
    "late_stations": "stations",
    "worst_class_share": "share",
    "people_left_out_share": "share of people",
    "gini": "0 even to 1",
}
