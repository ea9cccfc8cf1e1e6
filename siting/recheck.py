"""The recount of plans whose service is not told: the most energy that stations can serve is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from siting.errors import SolveError
from siting.tables import capacity_groups
from siting.verify import Account, Aim, recount


def recheck_years(
    *,
    offers_by_year: pd.DataFrame,
    served: pd.DataFrame,
    money: pd.DataFrame,
    demand: Mapping[int, pd.DataFrame],
    offers: pd.DataFrame,
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    budgets_pkr: Mapping[int, float],
    carry_over: bool,
    upgrades: bool,
    capacitated: bool,
    discount_rate: float,
    objective: float,
    bound: float,
    gap: float,
    last_period_years: int = 1,
) -> pd.DataFrame:
    """Return one row a check that a plan in years passed; raise `VerifyError` if it fails any."""
    years = sorted(demand)
    lasts = np.diff([*years, years[-1] + last_period_years])
    weight = lasts * (1.0 + discount_rate) ** -(np.array(years, dtype=float) - years[0])
    built = offers_by_year.assign(slice=offers_by_year["year"].astype(str))
    tables = {str(year): demand[year] for year in years}
    account = Account(
        built=built.rename(columns={"subsidy_pkr": "paid_pkr"}).drop(columns="year"),
        service=_served(built, tables, offers, reach, compatibility, capacitated=capacitated),
        demand=pd.concat([t.assign(slice=name) for name, t in tables.items()]),
        offers=offers,
        reach=reach,
        compatibility=compatibility,
        cutoff_min=float(reach["travel_min"].max()),
        budget_pkr=dict(budgets_pkr),
        model="capacitated" if capacitated else "coverage",
        slices=pd.DataFrame(
            {
                "slice": list(tables),
                "year": years,
                "scenario": "",
                "weight": weight,
                "probability": 1.0,
            }
        ),
        carry_over=carry_over,
        upgrades=upgrades,
        aims=(Aim("most_worth", objective, bound, gap, "kWh/day weighted over the years"),),
        served=served.assign(slice=served["year"].astype(str))[["slice", "served_kwh_day"]],
        money=money[["year", "spent_pkr", "left_pkr"]],
    )
    return recount(account)


def recheck_scenarios(
    *,
    chosen: tuple[str, ...],
    served: pd.DataFrame,
    demand: Mapping[str, pd.DataFrame],
    probabilities: Mapping[str, float],
    offers: pd.DataFrame,
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    budget_pkr: float,
    capacitated: bool,
    criterion: str,
    alpha: float,
    cvar_of: str,
    expected_kwh: float,
    objective: float,
    bound: float,
    gap: float,
) -> pd.DataFrame:
    """Return one row a check that a plan for scenarios passed; raise `VerifyError` if not."""
    names = list(demand)
    own = offers.set_index("offer_id")["site_id"]
    sites = [own.get(o, o) for o in chosen]
    one = pd.DataFrame({"offer_id": list(chosen), "site_id": sites})
    built = pd.concat([one.assign(slice=name) for name in names])
    best = served.rename(columns={"best_kwh": "found", "best_bound_kwh": "best"})
    best = best.rename(columns={"regret_kwh": "regret"})
    worst = float(served["regret_kwh"].max())
    own_aim = {
        "regret": Aim("least_regret", objective, bound, gap, best=best),
        "cvar": Aim("tail", objective, bound, gap, of=cvar_of, alpha=alpha),
        "expected": Aim("most_worth", objective, bound, gap),
    }[criterion]
    said = (Aim("most_worth", expected_kwh), Aim("least_regret", worst, best=best))
    account = Account(
        built=built,
        service=_served(built, demand, offers, reach, compatibility, capacitated=capacitated),
        demand=pd.concat([t.assign(slice=name) for name, t in demand.items()]),
        offers=offers,
        reach=reach,
        compatibility=compatibility,
        cutoff_min=float(reach["travel_min"].max()),
        budget_pkr=budget_pkr,
        model="capacitated" if capacitated else "coverage",
        slices=pd.DataFrame(
            {
                "slice": names,
                "year": None,
                "scenario": names,
                "weight": 1.0,
                "probability": [float(probabilities[name]) for name in names],
            }
        ),
        aims=(own_aim, *said),
        served=served.assign(slice=served["scenario"])[["slice", "served_kwh_day"]],
    )
    return recount(account)


def _served(
    built: pd.DataFrame,
    demand: Mapping[Any, pd.DataFrame],
    offers: pd.DataFrame,
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    *,
    capacitated: bool,
) -> pd.DataFrame:
    """Return a service of the most energy in each slice."""
    columns = {f"capacity_{g}_kwh_day": g for g in capacity_groups(map(str, offers.columns))}
    can = offers.melt("offer_id", list(columns), "charger_group", "can_kwh_day")
    can["charger_group"] = can["charger_group"].map(columns)
    can = can[can["can_kwh_day"] > 0]
    parts = []
    for name, wanted in demand.items():
        here = built.loc[built["slice"] == str(name), ["site_id", "offer_id"]].merge(can)
        arcs = wanted[wanted["demand_kwh_day"] > 0].merge(reach, on="cell_id")
        arcs = arcs.merge(compatibility[["charger_group", "vehicle_class"]], on="vehicle_class")
        arcs = arcs.merge(here, on=["site_id", "charger_group"])
        if capacitated:
            arcs = arcs.assign(served_kwh_day=_most(arcs))
        else:
            arcs = arcs.drop_duplicates("demand_id")
            arcs = arcs.assign(served_kwh_day=arcs["demand_kwh_day"])
        parts.append(arcs.assign(slice=str(name)))
    key = ["slice", "demand_id", "cell_id", "vehicle_class", "site_id", "travel_min"]
    return pd.concat(parts).groupby(key)["served_kwh_day"].sum().reset_index()


def _most(arcs: pd.DataFrame) -> np.ndarray[Any, Any]:
    if arcs.empty:
        return np.zeros(0)
    count, every = len(arcs), np.arange(len(arcs))
    rows = pd.factorize(arcs["demand_id"])[0]
    nodes = arcs.groupby(["site_id", "charger_group"], sort=False).ngroup().to_numpy()
    nodes = nodes + rows.max() + 1
    sides = (np.r_[rows, nodes], np.r_[every, every])
    matrix = sparse.csr_array((np.ones(2 * count), sides), shape=(int(nodes.max()) + 1, count))
    limit = np.zeros(int(nodes.max()) + 1)
    limit[rows], limit[nodes] = arcs["demand_kwh_day"], arcs["can_kwh_day"]
    answer = linprog(-np.ones(count), A_ub=cast(Any, matrix), b_ub=limit, method="highs")
    if answer.x is None:
        raise SolveError(f"the recount of the energy served stopped: {answer.message}")
    return np.maximum(answer.x, 0.0)
