"""Variants on small towns, by trying every choice of offers and a linear program for each."""

import itertools

import numpy as np
import pandas as pd
from brute_force import COMPATIBILITY, GROUPS, town
from scipy.optimize import linprog

from siting.models import Instance


class SmallTown:
    """A random town, its zones, and every plan it allows."""

    def __init__(self, seed, budget=6.0, **options):
        self.demand, self.offers, self.reach = town(seed, **{"sites": 4, "cells": 5, **options})
        self.budget = budget
        cell = self.demand.set_index("demand_id")["cell_id"]
        self.zones = cell.map(lambda c: "east" if int(c[1:]) % 2 else "west")
        self.instance = Instance.from_tables(
            self.demand, self.offers, self.reach, COMPATIBILITY, budget
        )
        self.money = self.offers.set_index("offer_id")
        wanted = self.demand.set_index("demand_id")["demand_kwh_day"]
        self.wanted = wanted.groupby(self.zones).sum().to_dict()
        self.total = float(wanted.sum())
        self.all_arcs = self.join()
        self.arc_offer = self.all_arcs["offer_id"].to_numpy(object)
        self.money_of = {
            column: self.money[column].to_dict() for column in ("subsidy_pkr", "cost_pkr")
        }

    def plans(self, budget=None, *, useful=False):
        """Yield the offers of every plan within a budget; of offers of use only, if asked."""
        budget = self.budget if budget is None else budget
        open_ = self.offers[self.offers["reason"] == ""]
        if useful:
            able = open_["offer_id"].map(lambda name: len(self.arcs((name,))) > 0)
            open_ = open_[able | open_["existing"]]
        kept = tuple(open_.loc[open_["existing"], "offer_id"])
        taken = set(open_.loc[open_["existing"], "site_id"])
        choices = [
            [None, *group["offer_id"]]
            for site, group in open_[~open_["existing"]].groupby("site_id")
            if site not in taken
        ]
        for pick in itertools.product(*choices):
            new = [name for name in pick if name]
            if self.spent(new) <= budget + 1e-9:
                yield tuple(sorted((*kept, *new)))

    def arcs(self, chosen):
        """Return demand row, site, charger group and minutes of all that can be served."""
        of = np.isin(self.arc_offer, np.array(list(chosen), dtype=object))
        return self.all_arcs[of].reset_index(drop=True)

    def join(self):
        """Return who could be served by which chargers of every offer."""
        long = self.offers.melt(
            id_vars=["site_id", "offer_id"],
            value_vars=[f"capacity_{g}_kwh_day" for g in GROUPS],
            value_name="q",
        )
        long["charger_group"] = long["variable"].str[len("capacity_") : -len("_kwh_day")]
        keys = ["site_id", "charger_group"]
        out = self.demand.merge(self.reach, on="cell_id").merge(COMPATIBILITY, on="vehicle_class")
        out = out.merge(long.loc[long["q"] > 0, ["offer_id", *keys, "q"]], on=keys)
        out["zone"] = out["demand_id"].map(self.zones)
        return out[out["demand_kwh_day"] > 0].astype({"travel_min": float})

    def value(self, chosen, *, worth=None, floors=None, city=0.0, model="capacitated", rule=None):
        """Return the most worth a plan serves above floors; None if it cannot hold them."""
        arcs = self.arcs(chosen)
        arcs["worth"] = 1.0 if worth is None else worth(arcs)
        floors = {**dict.fromkeys(self.wanted, 0.0), **(floors or {})}
        if model == "coverage":
            best = arcs.sort_values("worth", ascending=False).drop_duplicates("demand_id")
            served = best.groupby("zone")["demand_kwh_day"].sum().to_dict()
            held = all(served.get(z, 0) >= f * self.wanted[z] - 1e-7 for z, f in floors.items())
            held &= sum(served.values()) >= city * self.total - 1e-7
            return float((best["worth"] * best["demand_kwh_day"]).sum()) if held else None
        rows, limits = self.transport(arcs)
        for zone, share in floors.items():
            rows.append(-(arcs["zone"] == zone).to_numpy(float))
            limits.append(-share * self.wanted[zone] + 1e-9)
        rows.append(-np.ones(len(arcs)))
        limits.append(-city * self.total + 1e-9)
        matrix, cost = np.array(rows).reshape(len(limits), -1), -arcs["worth"].to_numpy(float)
        if rule is not None:
            matrix, limits, cost = self.with_subsidies(chosen, arcs, matrix, limits, cost, rule)
        if not matrix.shape[1]:
            return 0.0 if min(limits) >= 0 else None
        answer = linprog(cost, A_ub=matrix, b_ub=limits)
        return -float(answer.fun) if answer.status == 0 else None

    def transport(self, arcs):
        rows, limits = [], []
        node = (arcs["site_id"] + arcs["charger_group"]).to_numpy(object)
        for names, most in (
            (arcs["demand_id"].to_numpy(object), arcs["demand_kwh_day"].to_numpy()),
            (node, arcs["q"].to_numpy()),
        ):
            for name in dict.fromkeys(names):
                inside = names == name
                rows.append(inside.astype(float))
                limits.append(float(most[inside][0]))
        return rows, limits

    def with_subsidies(self, chosen, arcs, matrix, limits, cost, rule):
        new = [name for name in chosen if self.money.loc[name, "cost_pkr"] > 0]
        margin, cap = rule
        wide = np.hstack([matrix, np.zeros((len(matrix), len(new)))])
        more = []
        for k, name in enumerate(new):
            here = (arcs["site_id"] == self.money.loc[name, "site_id"]).to_numpy()
            earned = -arcs["vehicle_class"].map(margin).to_numpy(float) * here
            unit = np.eye(len(new))[k]
            price = self.money.loc[name, "cost_pkr"]
            more += [(np.r_[earned, -unit], -price), (np.r_[0 * earned, unit], cap * price)]
        more.append((np.r_[np.zeros(len(arcs)), np.ones(len(new))], self.budget))
        wide = np.vstack([wide, [row for row, _ in more]])
        return wide, [*limits, *[b + 1e-9 for _, b in more]], np.r_[cost, np.zeros(len(new))]

    def worst_share(self, chosen, model="capacitated"):
        """Return the largest share a plan can serve in every zone."""
        arcs = self.arcs(chosen)
        if model == "coverage":
            best = arcs.drop_duplicates("demand_id").groupby("zone")["demand_kwh_day"].sum()
            return min(best.get(z, 0.0) / d for z, d in self.wanted.items())
        rows, limits = self.transport(arcs)
        rows = [np.r_[row, 0.0] for row in rows]
        for zone, wanted in self.wanted.items():
            rows.append(np.r_[-(arcs["zone"] == zone).to_numpy(float), wanted])
            limits.append(0.0)
        cost = np.r_[np.zeros(len(arcs)), -1.0]
        return -float(linprog(cost, A_ub=np.array(rows), b_ub=limits).fun)

    def spent(self, chosen, column="subsidy_pkr"):
        return float(sum(self.money_of[column][name] for name in chosen))


def people_of(town, seed):
    """Return people by demand row, and their worth a kilowatt-hour on arcs."""
    rng = np.random.default_rng(seed)
    ids = town.demand["demand_id"]
    people = pd.Series(rng.integers(1, 50, len(ids)).astype(float), index=ids)

    def worth(arcs):
        return arcs["demand_id"].map(people).astype(float) / arcs["demand_kwh_day"]

    return people, worth
