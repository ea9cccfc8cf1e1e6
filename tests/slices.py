"""Small towns whose demand differs by year or scenario, and the best plans by trying all."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
from brute_force import COMPATIBILITY, GROUPS, Serving, served, town

from siting.models import Instance


def tables(seed, slices, names, *, sites=4, configurations=2):
    """Return offers, reach, and a demand table for each name; something can be served."""
    while True:
        demand, offers, reach = town(seed, sites=sites, configurations=configurations)
        everything = list(offers.loc[offers["reason"] == "", "offer_id"])
        if served(demand, offers, reach, everything, False) > 0:
            break
        seed += 10_000
    rng = np.random.default_rng(seed)
    by_name = {
        name: demand.assign(
            demand_kwh_day=demand["demand_kwh_day"] * rng.choice(factors, len(demand))
        )
        for name, factors in zip(names, slices, strict=True)
    }
    return offers, reach, by_name


def instances_of(offers, reach, by_name, budget=0.0):
    """Return an instance for each demand table; one may have nothing to serve."""
    names = list(by_name)
    everything = by_name[names[0]].assign(
        demand_kwh_day=sum(table["demand_kwh_day"] for table in by_name.values())
    )
    base = Instance.from_tables(everything, offers, reach, COMPATIBILITY, budget)
    out = {}
    for name, table in by_name.items():
        kwh = table.set_index("demand_id")["demand_kwh_day"].loc[base.demand_ids.tolist()]
        out[name] = dataclasses.replace(base, demand_kwh=kwh.to_numpy(float, copy=True))
    return out


def best_phased(offers, reach, by_year, budgets, weights, capacitated, carry_over, upgrades):
    """Return the most energy, weighted over the years, of all plans that close nothing."""
    years = list(by_year)
    open_ = offers[offers["reason"] == ""]
    money = open_.set_index("offer_id")["subsidy_pkr"].to_dict()
    columns = [f"capacity_{g}_kwh_day" for g in GROUPS]
    capacity = dict(zip(open_["offer_id"], open_[columns].to_numpy(), strict=True))
    kept = tuple(open_.loc[open_["existing"], "offer_id"])
    standing = set(open_.loc[open_["existing"], "site_id"])

    def allowed(course):
        for before, after in itertools.pairwise(course):
            if before is None or before == after:
                continue
            if after is None or not upgrades or (capacity[after] < capacity[before]).any():
                return False
        return True

    courses = [
        [c for c in itertools.product([None, *group["offer_id"]], repeat=len(years)) if allowed(c)]
        for site, group in open_.groupby("site_id")
        if site not in standing
    ]
    energy_of = {year: Serving(table, offers, reach) for year, table in by_year.items()}
    values = {}

    def value(year, chosen):
        key = (year, chosen)
        if key not in values:
            values[key] = energy_of[year]((*kept, *chosen), capacitated)
        return values[key]

    best = 0.0
    for plan in itertools.product(*courses):
        left, energy = 0.0, 0.0
        for n, year in enumerate(years):
            left = budgets[year] + (left if carry_over else 0.0)
            for course in plan:
                now, before = course[n], course[n - 1] if n else None
                due = money[now] if now else 0.0
                left -= max(0.0, due - (money[before] if before else 0.0))
            if left < -1e-9:
                break
            chosen = tuple(course[n] for course in plan if course[n])
            energy += weights[n] * value(year, chosen)
        else:
            best = max(best, energy)
    return best


def all_outcomes(offers, reach, by_name, budget, capacitated):
    """Return what each affordable plan (row) serves in each scenario (column), and the plans."""
    open_ = offers[offers["reason"] == ""]
    kept = tuple(open_.loc[open_["existing"], "offer_id"])
    standing = set(open_.loc[open_["existing"], "site_id"])
    money = open_.set_index("offer_id")["subsidy_pkr"]
    choices = [
        [None, *group["offer_id"]]
        for site, group in open_.groupby("site_id")
        if site not in standing
    ]
    plans = []
    for pick in itertools.product(*choices):
        new = tuple(name for name in pick if name is not None)
        if sum(money[name] for name in new) <= budget:
            plans.append((*kept, *new))
    energies = [Serving(table, offers, reach) for table in by_name.values()]
    outcome = [[energy_of(plan, capacitated) for energy_of in energies] for plan in plans]
    return np.array(outcome), plans


def plain_offers(rows):
    """Return an offers table from (offer, site, subsidy, car kWh/day), all money subsidy."""
    return pd.DataFrame(
        [
            {
                "offer_id": offer,
                "site_id": site,
                "configuration": offer,
                "chargers": "",
                "existing": False,
                "power_kw": 10.0,
                "charger_cost_pkr": float(pkr),
                "grid_cost_pkr": 0.0,
                "fee_cost_pkr": 0.0,
                "cost_pkr": float(pkr),
                "subsidy_pkr": float(pkr),
                "reason": "",
                "capacity_ac_kwh_day": 0.0,
                "capacity_dc_kwh_day": float(kwh),
                "capacity_lev_kwh_day": 0.0,
            }
            for offer, site, pkr, kwh in rows
        ]
    )


def car_demand(**kwh):
    """Return a demand table of cars from kWh/day by cell."""
    rows = [(f"d_{cell}", cell, "car", float(d)) for cell, d in kwh.items()]
    return pd.DataFrame(rows, columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"])


def within_reach(*pairs):
    """Return a reach table from pairs of cell and site."""
    rows = [(cell, site, 3.0) for cell, site in pairs]
    return pd.DataFrame(rows, columns=["cell_id", "site_id", "travel_min"])
