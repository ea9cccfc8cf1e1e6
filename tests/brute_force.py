"""Small random towns, and the best plan of each found by trying every choice of offers."""

import itertools

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

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


class Serving:
    """What any choice of offers serves: by covering, or by a transport problem of its own."""

    def __init__(self, demand, offers, reach):
        long = offers.melt(
            id_vars=["site_id", "offer_id"],
            value_vars=[f"capacity_{g}_kwh_day" for g in GROUPS],
            value_name="q",
        )
        long["charger_group"] = long["variable"].str[len("capacity_") : -len("_kwh_day")]
        arcs = (
            demand.merge(reach, on="cell_id")
            .merge(COMPATIBILITY, on="vehicle_class")
            .merge(long[long["q"] > 0], on=["site_id", "charger_group"])
        )
        self.arc_offer = arcs["offer_id"].to_numpy(object)
        self.arc_row = pd.factorize(arcs["demand_id"])[0]
        self.arc_node = pd.factorize(arcs["offer_id"] + "/" + arcs["charger_group"])[0]
        self.wanted = arcs["demand_kwh_day"].to_numpy(float)
        self.room = arcs["q"].to_numpy(float)

    def __call__(self, chosen, capacitated):
        """Return the energy some offers serve, kWh/day."""
        of = np.isin(self.arc_offer, np.array(list(chosen), dtype=object))
        if not of.any():
            return 0.0
        rows, first = np.unique(self.arc_row[of], return_index=True)
        wanted = self.wanted[of][first]
        if not capacitated:
            return float(wanted.sum())
        nodes, first = np.unique(self.arc_node[of], return_index=True)
        room = self.room[of][first]
        row = np.searchsorted(rows, self.arc_row[of])
        node = np.searchsorted(nodes, self.arc_node[of])
        whole = all((x == np.rint(x)).all() for x in (wanted, room))
        return (largest_flow if whole else largest_flow_by_lp)(row, node, wanted, room)


def largest_flow(row, node, wanted, room):
    """Return the largest flow of whole numbers from demand rows to charger nodes."""
    n, m = len(wanted), len(room)
    tail = np.concatenate([np.zeros(n, int), row + 1, np.arange(m) + n + 1])
    head = np.concatenate([np.arange(n) + 1, node + n + 1, np.full(m, n + m + 1)])
    most = np.concatenate([wanted, wanted[row], room]).astype(np.int32)
    graph = csr_array((most, (tail, head)), shape=(n + m + 2, n + m + 2))
    return float(maximum_flow(graph, 0, n + m + 1).flow_value)


def largest_flow_by_lp(row, node, wanted, room):
    """Return the largest flow from demand rows to charger nodes, by a linear program."""
    matrix = np.zeros((len(wanted) + len(room), len(row)))
    matrix[row, np.arange(len(row))] = 1
    matrix[len(wanted) + node, np.arange(len(row))] = 1
    return -float(linprog(-np.ones(len(row)), A_ub=matrix, b_ub=np.r_[wanted, room]).fun)


def served(demand, offers, reach, chosen, capacitated):
    """Return the energy some offers serve, kWh/day."""
    return Serving(demand, offers, reach)(chosen, capacitated)


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
    money = {
        column: dict(zip(open_["offer_id"], open_[column], strict=True))
        for column in ("subsidy_pkr", "cost_pkr")
    }
    energy_of = Serving(demand, offers, reach)
    found = []
    for pick in itertools.product(*choices):
        new = [name for name in pick if name is not None]
        subsidy = sum(money["subsidy_pkr"][name] for name in new)
        if subsidy > budget:
            continue
        energy = energy_of((*kept, *new), capacitated)
        cost = sum(money["cost_pkr"][name] for name in new)
        ids = sorted((*kept, *new))
        found.append((-round(energy, 6), subsidy, cost, sum(rank[n] for n in new), ids))
    first = min(found)
    return -first[0], first[1], first[2], first[3], [f[4] for f in found if f[:4] == first[:4]]
