"""Instances of the OR-Library as plain tables, and made-up ones of the same families."""

import itertools

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path


def read_pmed(path):
    """Return demand, candidates, reach and p of a p-median file: a graph, every node both."""
    head, *lines = path.read_text().strip().splitlines()
    n, _, p = map(int, head.split())
    return *graph_tables(n, [tuple(map(int, line.split())) for line in lines]), p


def graph_tables(n, edges):
    """Return demand, candidates and reach of an undirected graph, its nodes counted from 1.

    Where an edge is given twice the last one holds, as the OR-Library says.
    """
    cost = {}
    for u, v, c in edges:
        cost[min(u, v) - 1, max(u, v) - 1] = c
    ends = np.array(list(cost))
    graph = coo_array((list(cost.values()), (ends[:, 0], ends[:, 1])), shape=(n, n)).tocsr()
    far = shortest_path(graph, directed=False)
    names = np.array([f"n{i:04d}" for i in range(1, n + 1)], dtype=object)
    reach = pd.DataFrame(
        {"demand_id": np.repeat(names, n), "site_id": np.tile(names, n), "cost": far.ravel()}
    )
    return pd.DataFrame({"demand_id": names}), pd.DataFrame({"site_id": names}), reach


def random_pmed(seed, n):
    """Return the edges of a random connected graph: n² / 50 edges, costs of 1 to 100."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(n) + 1
    path = itertools.pairwise(order)
    edges = [(int(u), int(v), int(rng.integers(1, 101))) for u, v in path]
    for _ in range(n * n // 50 - n + 1):
        u, v = rng.choice(n, 2, replace=False) + 1
        edges.append((int(u), int(v), int(rng.integers(1, 101))))
    return edges


def read_cap(path):
    """Return demand, candidates and reach of a warehouse file; costs are for the whole demand."""
    words = iter(path.read_text().split())
    m, n = int(next(words)), int(next(words))
    sites = []
    for j in range(1, m + 1):
        # Some files leave the capacity to the reader and say only "capacity".
        limit = next(words)
        sites.append(
            (f"s{j:03d}", np.nan if limit == "capacity" else float(limit), float(next(words)))
        )
    demand, reach = [], []
    for i in range(1, n + 1):
        demand.append((f"d{i:04d}", float(next(words))))
        reach += [(f"d{i:04d}", site, float(next(words))) for site, _, _ in sites]
    return (
        pd.DataFrame(demand, columns=["demand_id", "weight"]),
        pd.DataFrame(sites, columns=["site_id", "capacity", "fixed_cost"]),
        pd.DataFrame(reach, columns=["demand_id", "site_id", "cost"]),
    )


def random_cap(seed, sites, customers, capacity, fixed_cost):
    """Return demand, candidates and reach of a made-up warehouse instance, on a square."""
    rng = np.random.default_rng(seed)
    here, there = rng.random((customers, 2)) * 1000, rng.random((sites, 2)) * 1000
    load = rng.integers(1, 117, customers).astype(float)
    far = np.hypot(*(here[:, None] - there[None]).transpose(2, 0, 1))
    ids = np.array([f"d{i:04d}" for i in range(customers)], dtype=object)
    names = np.array([f"s{j:03d}" for j in range(sites)], dtype=object)
    spread = fixed_cost * rng.uniform(0.7, 1.3, sites)
    candidates = pd.DataFrame({"site_id": names, "capacity": capacity, "fixed_cost": spread})
    reach = pd.DataFrame(
        {
            "demand_id": np.repeat(ids, sites),
            "site_id": np.tile(names, customers),
            "cost": np.round(load[:, None] * far, 3).ravel(),
        }
    )
    return pd.DataFrame({"demand_id": ids, "weight": load}), candidates, reach
