"""Score plans, to compare their energy served, waiting, public money and fairness."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pandas as pd

from siting.pages import figure
from siting.plan import Plan
from siting.study.program_zones import gini
from siting.study.queues import Waiting, late_share
from siting.tables import mean_drive_min

# The people of a cell count as left out if less than this share of its demand is served.
LEFT_OUT = 0.01


class Figure(NamedTuple):
    """A figure in a score: its unit, and its label, format and divisor for display."""

    unit: str
    label: str = ""
    form: str = ",.0f"
    per: float = 1.0


FIGURES = {
    "served_kwh_day": Figure("kWh/day", "Energy served, kWh/day"),
    "served_share": Figure("share", "  share of demand", ".1%"),
    "new_stations": Figure("stations", "New stations"),
    "power_kw": Figure("kW"),
    "subsidy_pkr": Figure("PKR", "Subsidy, PKR m", ",.2f", 1e6),
    "cost_pkr": Figure("PKR", "Total cost, PKR m", ",.2f", 1e6),
    "subsidy_pkr_per_kwh_day": Figure("PKR per kWh/day of new stations",
                                      "Subsidy per kWh/day, PKR"),
    "risk_case": Figure(""),
    "risk_stations": Figure("stations with a negative NPV in that case",
                            "NPV below 0, {risk_case}"),
    "risk_subsidy_pkr": Figure("PKR", "  their subsidy, PKR m", ",.2f", 1e6),
    "risk_loss_pkr_year": Figure("PKR a year", "  yearly loss, PKR m", ",.2f", 1e6),
    "mean_travel_min": Figure("min", "Mean drive, min", ",.1f"),
    "late_share": Figure("share of drivers in the busiest hour",
                         "Wait over {wait_min:g} min in the busiest hour", ".0%"),
    "late_stations": Figure("stations",
                            "Stations where over {alpha:.0%} of drivers wait that long"),
    "worst_class_share": Figure("share"),
    "people_left_out_share": Figure("share of people",
                                    "People in cells with no demand served", ".1%"),
    "gini": Figure("0 (even) to 1", "Unevenness over the city (Gini)", ".2f"),
}  # fmt: skip


def score(plan: Plan, waiting: Waiting, risk: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the figures of a plan as JSON values, in the order of display.

    Keys: those of `FIGURES`, with ``classes`` (one entry per class), ``existing_stations``,
    ``wait_min``, ``alpha`` and ``worst_class``. ``late_share`` is the share of drivers who, by
    Erlang C, wait over ``wait_min`` in the busiest hour of their station; at ``late_stations``, it
    is above ``alpha``. ``gini`` is the Gini coefficient of the cells' shares served, weighted by
    demand (0: equal shares). `risk` is the result of `siting.study.robustness.risk_of`.
    """
    new = plan.new_sites
    wanted = float(plan.classes["demand_kwh_day"].sum())
    served = float(plan.service["served_kwh_day"].sum())
    subsidy = float(plan.sites["subsidy_pkr"].sum())
    gained = float(new["served_kwh_day"].sum())
    named = plan.classes[plan.classes["demand_kwh_day"] > 0]
    worst = named.sort_values("served_share", kind="stable").iloc[:1].to_dict("records")
    drive = mean_drive_min(plan.service["served_kwh_day"], plan.service["travel_min"])
    expected, standard = waiting.expected(plan), waiting.standard
    late = expected.loc[expected["late_share"] > standard.alpha + 1e-9, "site_id"]
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
        "wait_min": standard.wait_min,
        "alpha": standard.alpha,
        "late_share": late_share(expected),
        "late_stations": int(late.nunique()),
        "worst_class": str(worst[0]["vehicle_class"]) if worst else "",
        "worst_class_share": float(worst[0]["served_share"]) if worst else 0.0,
        **_fairness(plan),
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
    """Return the figures of plans as a table: ``figure``, ``unit`` and one column per plan."""
    return pd.DataFrame(
        {"figure": key, "unit": unit, **dict(zip(scores, values, strict=True))}
        for key, unit, values in _rows(scores)
    )


def scores_in_words(scores: dict[str, dict[str, Any]]) -> list[tuple[str, list[str]]]:
    """Return one pair per figure: its label, and a list with its value in each plan as text."""
    rows, first = [], next(iter(scores.values()))
    for key, _, values in _rows(scores):
        shown = FIGURES.get(key, Figure("share", "  {vehicle_class}", ".1%"))
        if not shown.label or (key.startswith("risk_") and not first["risk_case"]):
            continue
        texts = [figure(value, shown.form, shown.per, blank="") for value in values]
        if key == "new_stations":
            kw = (score["power_kw"] for score in scores.values())
            texts = [f"{text} ({one:,.0f} kW)" for text, one in zip(texts, kw, strict=True)]
        name = key.removeprefix("served_").removesuffix("_share").replace("_", " ")
        rows.append((shown.label.format(**first, vehicle_class=name), texts))
    return rows


def _rows(scores: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, list[Any]]]:
    """Yield the key, unit and values of each figure; shares by class follow the total share."""
    plans = list(scores.values())
    for key in (key for key in FIGURES if key in plans[0]):
        yield key, FIGURES[key].unit, [score[key] for score in plans]
        if key == "served_share":
            for i, row in enumerate(plans[0]["classes"]):
                shares = [score["classes"][i]["served_share"] for score in plans]
                yield f"served_{row['vehicle_class']}_share", "share", shares
