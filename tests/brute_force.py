"""Small random towns, and the best plan of each found by trying every choice of offers."""

import itertools

import numpy as np
import pandas as pd
from scipy.optimize import linprog

COMPATIBILITY = pd.DataFrame(
    [("lev", "two_wheeler"), ("lev", "three_wheeler"), ("ac", "car"), ("dc", "car"), ("dc", "bus")],
    columns=["charger_group", "vehicle_class"],
)
GROUPS = ("ac", "dc", "lev")
CLASSES = ("two_wheeler", "three_wheeler", "car", "bus")


def town(seed, sites=5, cells=6, configurations=2, existing=True):
    """Return demand, offers and reach of a random town; small whole numbers, so that ties occur."""
    rng = np.random.default_rng(seed)
    demand = pd.DataFrame(
        [
            (f"d{c}{k}", f"c{c}", name, float(rng.integers(0, 9)))
            for c in range(cells)
            for k, name in enumerate(CLASSES)
            if rng.random() < 0.7
        ],
        columns=["demand_id", "cell_id", "vehicle_class", "demand_kwh_day"],
    )
    rows = []
    for j in range(sites):
        standing = existing and j == 0
        for n in range(1 if standing else configurations):
            capacity = rng.integers(0, 13, 3) * (rng.random(3) < 0.6)
            cost = 0 if standing else int(rng.integers(1, 6))
            rows.append(
                {
                    "offer_id": f"s{j}:{n}",
                    "site_id": f"s{j}",
                    "configuration": f"k{n}",
                    "chargers": "",
                    "existing": standing,
                    "power_kw": 10.0,
                    "charger_cost_pkr": float(cost),
                    "grid_cost_pkr": float(rng.integers(0, 3)) * (not standing),
                    "fee_cost_pkr": 0.0,
                    "cost_pkr": 0.0,
                    "subsidy_pkr": float(cost),
                    "reason": "too big" if rng.random() < 0.08 and not standing else "",
                }
                | {f"capacity_{g}_kwh_day": float(q) for g, q in zip(GROUPS, capacity, strict=True)}
            )
    offers = pd.DataFrame(rows)
    offers["cost_pkr"] = offers["charger_cost_pkr"] + offers["grid_cost_pkr"]
    reach = pd.DataFrame(
        [
            (f"c{c}", f"s{j}", float(rng.integers(1, 10)))
            for c in range(cells)
            for j in range(sites)
            if rng.random() < 0.5
        ],
        columns=["cell_id", "site_id", "travel_min"],
    )
    return demand, offers, reach


def served(demand, offers, reach, chosen, capacitated):
    """Return the energy some offers serve: by covering, or by a transport problem of its own."""
    built = offers[offers["offer_id"].isin(chosen)]
    long = built.melt(
        id_vars="site_id", value_vars=[f"capacity_{g}_kwh_day" for g in GROUPS], value_name="q"
    )
    long["charger_group"] = long["variable"].str[len("capacity_") : -len("_kwh_day")]
    long = long[long["q"] > 0]
    arcs = (
        demand.merge(reach, on="cell_id")
        .merge(COMPATIBILITY, on="vehicle_class")
        .merge(long[["site_id", "charger_group", "q"]], on=["site_id", "charger_group"])
    )
    if arcs.empty:
        return 0.0
    if not capacitated:
        return float(arcs.drop_duplicates("demand_id")["demand_kwh_day"].sum())
    rows = arcs["demand_id"].astype("category").cat.codes.to_numpy()
    node = (arcs["site_id"] + arcs["charger_group"]).astype("category").cat.codes.to_numpy()
    size = rows.max() + 1
    matrix = np.zeros((size + node.max() + 1, len(arcs)))
    matrix[rows, np.arange(len(arcs))] = 1
    matrix[size + node, np.arange(len(arcs))] = 1
    limit = np.zeros(len(matrix))
    limit[rows] = arcs["demand_kwh_day"]
    limit[size + node] = arcs["q"]
    return -float(linprog(-np.ones(len(arcs)), A_ub=matrix, b_ub=limit).fun)


def best(demand, offers, reach, budget, capacitated):
    """Return the energy, subsidy, cost, sum of id ranks and ids of the first plan of all.

    The order is that of the program: most energy, least subsidy, least cost, lowest ids.
    """
    open_ = offers[offers["reason"] == ""].sort_values("offer_id")
    rank = {name: i for i, name in enumerate(open_["offer_id"], 1)}
    kept = tuple(open_.loc[open_["existing"], "offer_id"])
    choices = []
    for site, group in open_[~open_["existing"]].groupby("site_id"):
        if site not in set(open_.loc[open_["existing"], "site_id"]):
            choices.append([None, *group["offer_id"]])
    money = open_.set_index("offer_id")
    found = []
    for pick in itertools.product(*choices):
        new = [name for name in pick if name is not None]
        subsidy = money.loc[new, "subsidy_pkr"].sum()
        if subsidy > budget:
            continue
        energy = served(demand, offers, reach, (*kept, *new), capacitated)
        cost = money.loc[new, "cost_pkr"].sum()
        ids = sorted((*kept, *new))
        found.append((-round(energy, 6), subsidy, cost, sum(rank[n] for n in new), ids))
    first = min(found)
    return -first[0], first[1], first[2], first[3], [f[4] for f in found if f[:4] == first[:4]]
