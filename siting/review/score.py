"""Scores of plans side by side: service, waiting, money, fairness."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from siting.config.offers import Service
from siting.pages import figure
from siting.plan import Plan
from siting.study.program_zones import gini
from siting.study.queues import Waiting, late_share
from siting.tables import mean_drive_min

# Served share below which a cell counts as left out.
LEFT_OUT = 0.01


def score(plan: Plan, waiting: Waiting, risk: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the figures of a plan, JSON-ready, in the order a person reads them.

    Keys: ``served_kwh_day``, ``served_share``, ``classes`` (one record a class), ``new_stations``,
    ``existing_stations``, ``power_kw``, ``subsidy_pkr``, ``cost_pkr``, ``subsidy_pkr_per_kwh_day``;
    ``mean_travel_min``; ``late_share`` (drivers who come in the busiest hour of their station and
    would wait longer than ``wait_min``, by Erlang C) and ``late_stations`` (where that is more than
    alpha); ``worst_class``, ``worst_class_share``, ``people_left_out_share``, ``gini`` (of the
    share served over cells, weighted by what they want: 0 is even). Those of `risk` are what is
    lost of the money in another case (`siting.study.robustness.risk_of`), where known.
    """
    new = plan.new_sites
    wanted = float(plan.classes["demand_kwh_day"].sum())
    served = float(plan.service["served_kwh_day"].sum())
    subsidy = float(plan.sites["subsidy_pkr"].sum())
    gained = float(new["served_kwh_day"].sum())
    named = plan.classes[plan.classes["demand_kwh_day"] > 0]
    worst = named.sort_values("served_share", kind="stable").iloc[:1].to_dict("records")
    drive = mean_drive_min(plan.service["served_kwh_day"], plan.service["travel_min"])
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
        **(risk or {}),
        "mean_travel_min": None if math.isnan(drive) else drive,
        **_late(waiting.expected(plan), waiting.standard),
        "worst_class": str(worst[0]["vehicle_class"]) if worst else "",
        "worst_class_share": float(worst[0]["served_share"]) if worst else 0.0,
        **_fairness(plan),
    }


def _late(expected: pd.DataFrame, standard: Service) -> dict[str, Any]:
    over = expected.loc[expected["late_share"] > standard.alpha + 1e-9, "site_id"]
    return {
        "wait_min": standard.wait_min,
        "alpha": standard.alpha,
        "late_share": late_share(expected),
        "late_stations": int(over.nunique()),
    }


def _fairness(plan: Plan) -> dict[str, Any]:
    cells = plan.demand.groupby("cell_id")[["demand_kwh_day", "served_kwh_day"]].sum()
    cells = cells[cells["demand_kwh_day"] > 0]
    wanted = cells["demand_kwh_day"].to_numpy(dtype=float)
    share = cells["served_kwh_day"].to_numpy(dtype=float) / wanted
    people = plan.cells.set_index("cell_id")["people"].reindex(cells.index).fillna(0.0)
    living = people.to_numpy(dtype=float)
    left = float(living[share < LEFT_OUT].sum() / living.sum()) if living.sum() > 0 else 0.0
    return {"people_left_out_share": left, "gini": gini(share, wanted)}


def score_table(scores: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Return the figures of several plans as a table: ``figure``, ``unit``, one column a plan."""
    rows: list[dict[str, Any]] = []
    first = next(iter(scores.values()))
    for key, unit in FIGURES.items():
        if key not in first:
            continue
        rows.append({"figure": key, "unit": unit, **{n: s[key] for n, s in scores.items()}})
        if key == "served_share":
            for i, row in enumerate(first["classes"]):
                name = f"served_{row['vehicle_class']}_share"
                shares = {n: s["classes"][i]["served_share"] for n, s in scores.items()}
                rows.append({"figure": name, "unit": "share", **shares})
    return pd.DataFrame(rows)


def scores_in_words(scores: list[dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return the figures of several plans as text: label, and a text for each plan."""

    def each(show: Any) -> list[str]:
        return [show(score) for score in scores]

    rows = [
        ("Energy served, kWh/day", each(lambda s: f"{s['served_kwh_day']:,.0f}")),
        ("  share of what is wanted", each(lambda s: f"{s['served_share']:.1%}")),
    ]
    for i, row in enumerate(scores[0]["classes"]):
        name = str(row["vehicle_class"]).replace("_", " ")
        shares = [s["classes"][i]["served_share"] for s in scores]
        rows.append((f"  {name}", [figure(share, ".1%", blank="") for share in shares]))
    first = scores[0]
    risk = []
    if case := first.get("risk_case"):
        risk = [
            (f"Below NPV 0, {case}", each(lambda s: f"{s['risk_stations']:,}")),
            ("  their subsidy, PKR m", each(lambda s: f"{s['risk_subsidy_pkr'] / 1e6:,.2f}")),
            ("  loss a year, PKR m", each(lambda s: f"{s['risk_loss_pkr_year'] / 1e6:,.2f}")),
        ]
    return [
        *rows,
        ("New stations", each(lambda s: f"{s['new_stations']:,} ({s['power_kw']:,.0f} kW)")),
        ("Subsidy, PKR m", each(lambda s: f"{s['subsidy_pkr'] / 1e6:,.2f}")),
        ("Cost in all, PKR m", each(lambda s: f"{s['cost_pkr'] / 1e6:,.2f}")),
        ("Subsidy a kWh/day, PKR", each(lambda s: figure(s["subsidy_pkr_per_kwh_day"], blank=""))),
        *risk,
        ("Mean drive, min", each(lambda s: figure(s["mean_travel_min"], ",.1f", blank=""))),
        (
            f"Wait over {first['wait_min']:g} min at the busiest hour",
            each(lambda s: f"{s['late_share']:.0%}"),
        ),
        (f"Stations where over {first['alpha']:.0%} do", each(lambda s: f"{s['late_stations']:,}")),
        ("People where nothing is served", each(lambda s: f"{s['people_left_out_share']:.1%}")),
        ("Unevenness over the city (Gini)", each(lambda s: f"{s['gini']:.2f}")),
    ]


FIGURES = {
    "served_kwh_day": "kWh/day",
    "served_share": "share",
    "new_stations": "stations",
    "power_kw": "kW",
    "subsidy_pkr": "PKR",
    "cost_pkr": "PKR",
    "subsidy_pkr_per_kwh_day": "PKR per kWh/day of new stations",
    "risk_case": "",
    "risk_stations": "stations below NPV 0 in that case",
    "risk_subsidy_pkr": "PKR",
    "risk_loss_pkr_year": "PKR a year",
    "mean_travel_min": "min",
    "late_share": "share of drivers in the busiest hour",
    "late_stations": "stations",
    "worst_class_share": "share",
    "people_left_out_share": "share of people",
    "gini": "0 even to 1",
}
