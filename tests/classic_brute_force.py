"""Small random plain instances, and the best plan of each found by trying every set of sites."""

import itertools

import numpy as np
import pandas as pd
from scipy.optimize import linprog


def plain_town(seed, sites=6, demands=7, density=0.7, existing=False, whole_numbers=True):
    """Return demand, candidates and reach; small whole numbers, so that ties occur."""
    rng = np.random.default_rng(seed)
    draw = (
        rng.integers if whole_numbers else lambda low, high, size=None: rng.uniform(low, high, size)
    )
    demand = pd.DataFrame(
        [(f"d{i}", float(draw(0, 6))) for i in range(demands)], columns=["demand_id", "weight"]
    )
    candidates = pd.DataFrame(
        [
            (f"s{j}", float(draw(1, 9)), float(draw(4, 16)), existing and j == 3)
            for j in range(sites)
        ],
        columns=["site_id", "fixed_cost", "capacity", "existing"],
    )
    reach = pd.DataFrame(
        [
            (f"d{i}", f"s{j}", float(draw(0, 10)))
            for i in range(demands)
            for j in range(sites)
            if rng.random() < density or j == i % sites
        ],
        columns=["demand_id", "site_id", "cost"],
    )
    return demand, candidates, reach


def dense(tables):
    """Return weights, and costs as a matrix of demands times sites; infinite out of reach."""
    demand, candidates, reach = tables
    cost = np.full((len(demand), len(candidates)), np.inf)
    row = demand.set_index("demand_id").index.get_indexer(reach["demand_id"])
    column = candidates.set_index("site_id").index.get_indexer(reach["site_id"])
    cost[row, column] = reach["cost"]
    weight = demand["weight"].to_numpy()
    return weight[weight > 0], cost[weight > 0]


def value(model, tables, chosen, radius=None):
    """Return what a set of sites is worth to a model: infinite where it serves not all."""
    weight, cost = dense(tables)
    sites = tables[1]
    own = np.flatnonzero(sites["site_id"].isin(chosen))
    nearest = cost[:, own].min(axis=1, initial=np.inf)
    covered = nearest <= (np.inf if radius is None else radius)
    if model == "mclp":
        return -float(weight[covered].sum())
    if not (covered & np.isfinite(nearest)).all():
        return np.inf
    if model == "lscp":
        return float(len(own))
    if model == "p_center":
        return float(nearest.max())
    service = float(weight @ nearest)
    if model == "p_median":
        return service
    fixed = float(sites["fixed_cost"].to_numpy()[own].sum())
    if model == "facility_location":
        return fixed + service
    row, column = np.nonzero(np.isfinite(cost[:, own]))
    serve, room = np.zeros((len(weight), len(row))), np.zeros((len(own), len(row)))
    serve[row, np.arange(len(row))] = 1
    room[column, np.arange(len(row))] = weight[row]
    limit = sites["capacity"].to_numpy()[own]
    if limit.sum() < weight.sum():
        return np.inf
    answer = linprog(
        weight[row] * cost[row, own[column]],
        A_ub=room,
        b_ub=limit,
        A_eq=serve,
        b_eq=np.ones(len(weight)),
    )
    return fixed + float(answer.fun) if answer.status == 0 else np.inf


def best(model, tables, p=None, radius=None):
    """Return the least value over all sets of sites with the existing ones, p at most."""
    candidates = tables[1]
    standing = tuple(candidates.loc[candidates["existing"], "site_id"])
    others = [name for name in candidates["site_id"] if name not in standing]
    most = len(candidates) if p is None else p
    return min(
        value(model, tables, (*standing, *more), radius)
        for n in range(max(most - len(standing), 0) + 1)
        for more in itertools.combinations(others, n)
    )
