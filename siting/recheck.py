"""An independent recount of plans in years and of plans for several scenarios, from tables alone.

Nothing here is shared with the models or the solver. What a set of offers serves is decided by a
transport problem of its own: demand rows to charger groups of sites, in reach and where the class
can plug in. The tail mean is taken at its definition by Rockafellar and Uryasev, the largest over
thresholds, where the models sort outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

from siting.errors import Fault, SolveError, VerifyError
from siting.tables import capacity_groups

# Relative to the figure compared.
TOLERANCE = 1e-6


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
    """Return one row a check that a plan in years passed; raise if it fails any.

    Parameters
    ----------
    offers_by_year
        What stands: ``year``, ``offer_id``, ``site_id``, ``built_year``, ``subsidy_pkr``.
    served
        ``year``, ``served_kwh_day``.
    money
        ``year``, ``spent_pkr``, ``left_pkr``.
    demand
        The demand table of each year.
    offers, reach, compatibility
        The tables the plan was made from.
    budgets_pkr
        Public money granted in each year (PKR).
    carry_over, upgrades, capacitated, discount_rate, last_period_years
        The rules the plan was made under.
    objective, bound, gap
        What is claimed: energy weighted over the years, the limit on it, their relative difference.

    Returns
    -------
    DataFrame
        ``check``, ``found``, ``limit``.

    Raises
    ------
    VerifyError
        With every check that failed.
    """
    years = sorted(demand)
    recount = _Recount(offers, reach, compatibility, capacitated)
    plan = {year: offers_by_year[offers_by_year["year"] == year] for year in years}
    groups = [f"capacity_{g}_kwh_day" for g in recount.groups]
    known = recount.open.set_index("offer_id")
    due = {str(o): float(pkr) for o, pkr in known["subsidy_pkr"].items()}
    for year in years:
        recount.standing(plan[year]["offer_id"], plan[year]["site_id"], f"year {year}")
    if recount.faults:
        raise VerifyError(recount.faults)

    stood: dict[str, str] = {}
    since: dict[str, object] = {}
    for site, offer in recount.kept[["site_id", "offer_id"]].itertuples(index=False):
        stood[site], since[site] = offer, pd.NA
    there = spent_before = 0.0
    for n, year in enumerate(years):
        rows = plan[year].set_index("site_id")
        now = {str(site): str(offer) for site, offer in rows["offer_id"].items()}
        gone = tuple(sorted(set(stood) - set(now)))
        recount.fault(gone, f"year {year}", "stations closed")
        shrunk, paid = [], {}
        for site, offer in now.items():
            before = stood.get(site)
            paid[site] = due[offer]
            if before is not None:
                paid[site] = max(0.0, paid[site] - due[before])
            if before != offer:
                since[site] = year
                lower = before is not None and (
                    not upgrades or (known.loc[offer, groups] < known.loc[before, groups]).any()
                )
                if lower:
                    shrunk.append(site)
        what = "stations replaced by less" if upgrades else "stations replaced"
        recount.fault(tuple(sorted(shrunk)), f"year {year}", what)
        said = rows["subsidy_pkr"].to_dict()
        odd = [s for s, p in paid.items() if not _close(p, float(said[s]), 1.0)]
        recount.fault(tuple(sorted(odd)), f"year {year}, column subsidy_pkr", "not the subsidy due")
        begun = rows["built_year"].to_dict()
        late = [s for s in now if not _same_year(begun[s], since[s])]
        recount.fault(tuple(sorted(late)), f"year {year}, column built_year", "not the year built")
        spent = sum(paid.values())
        there = (there - spent_before if carry_over else 0.0) + float(budgets_pkr[year])
        spent_before = spent
        recount.at_most(f"{year}: subsidy within the money there, PKR", spent, there)
        line = money[money["year"] == year].iloc[0]
        recount.equal(f"{year}: money spent, PKR", float(line["spent_pkr"]), spent, 1.0)
        recount.equal(f"{year}: money left, PKR", float(line["left_pkr"]), there - spent, 1.0)
        most = recount.most_kwh_day(demand[year], rows["offer_id"])
        claimed = float(served.loc[served["year"] == year, "served_kwh_day"].iloc[0])
        recount.equal(f"{year}: energy served, kWh/day", claimed, most, 1e-4)
        stood = now
        lasts = years[n + 1] - year if n + 1 < len(years) else last_period_years
        recount.total += lasts * claimed / (1.0 + discount_rate) ** (year - years[0])
    recount.equal("objective, weighted over the years", objective, recount.total, 1e-4)
    recount.proven(objective, bound, gap, maximise=True)
    return recount.done()


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
    """Return one row a check that a plan for several scenarios passed; raise if it fails any.

    Parameters
    ----------
    chosen
        Ids of the offers that stand.
    served
        ``scenario``, ``served_kwh_day``, ``best_kwh``, ``best_bound_kwh``, ``regret_kwh``.
    demand, probabilities
        The demand table and the probability of each scenario.
    offers, reach, compatibility
        The tables the plan was made from.
    budget_pkr
        Public money there is (PKR).
    capacitated, criterion, alpha, cvar_of
        The rules the plan was made under.
    expected_kwh, objective, bound, gap
        What is claimed (kWh/day): mean energy, criterion, the limit on it, relative difference.

    Returns
    -------
    DataFrame
        ``check``, ``found``, ``limit``.

    Raises
    ------
    VerifyError
        With every check that failed.
    """
    recount = _Recount(offers, reach, compatibility, capacitated)
    built = recount.open[recount.open["offer_id"].isin(chosen)]
    ids = pd.Series(list(chosen), dtype=object)
    sites = ids.map(dict(zip(built["offer_id"], built["site_id"], strict=True)))
    recount.standing(ids, sites, "the plan")
    if recount.faults:
        raise VerifyError(recount.faults)
    recount.at_most("subsidy within the budget, PKR", built["subsidy_pkr"].sum(), budget_pkr)
    outcome: list[float] = []
    worst = 0.0
    for name, table in demand.items():
        line = served[served["scenario"] == name].iloc[0]
        claimed, best = float(line["served_kwh_day"]), float(line["best_kwh"])
        most = recount.most_kwh_day(table, ids)
        recount.equal(f"{name}: energy served, kWh/day", claimed, most, 1e-4)
        limit = float(line["best_bound_kwh"])
        recount.at_most(f"{name}: energy served within the best, kWh/day", claimed, best)
        recount.at_most(f"{name}: best within its bound, kWh/day", best, limit)
        recount.at_most(
            f"{name}: bound within the demand, kWh/day", limit, table["demand_kwh_day"].sum()
        )
        regret = float(line["regret_kwh"])
        recount.equal(f"{name}: regret, kWh/day", regret, limit - claimed, 1e-4)
        worst = max(worst, limit - claimed)
        outcome.append(claimed)
    chance = [float(probabilities[name]) for name in demand]
    mean = sum(p * s for p, s in zip(chance, outcome, strict=True))
    recount.equal("mean energy, kWh/day", expected_kwh, mean, 1e-4)
    if criterion == "regret":
        goal = worst
    elif criterion == "cvar":
        wanted = [float(table["demand_kwh_day"].sum()) for table in demand.values()]
        unserved = cvar_of == "unserved"
        loss = [d - s if unserved else -s for d, s in zip(wanted, outcome, strict=True)]
        goal = min(
            u + sum(p * max(0.0, x - u) for p, x in zip(chance, loss, strict=True)) / (1 - alpha)
            for u in loss
        )
        goal = goal if unserved else -goal
    else:
        goal = mean
    recount.equal(f"criterion {criterion}, kWh/day", objective, goal, 1e-4)
    less = criterion == "regret" or (criterion == "cvar" and cvar_of == "unserved")
    recount.proven(objective, bound, gap, maximise=not less)
    return recount.done()


@dataclass
class _Recount:
    """The tables a plan was made from, what was checked, and what failed."""

    offers: pd.DataFrame
    reach: pd.DataFrame
    compatibility: pd.DataFrame
    capacitated: bool
    faults: list[Fault] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    total: float = 0.0

    @property
    def groups(self) -> list[str]:
        return list(capacity_groups(map(str, self.offers.columns)))

    @property
    def open(self) -> pd.DataFrame:
        reason = self.offers["reason"].fillna("").astype(str).str.strip()
        return self.offers[reason == ""]

    @property
    def kept(self) -> pd.DataFrame:
        return self.offers[self.offers["existing"]]

    def fault(self, ids: tuple[str, ...], where: str, what: str) -> None:
        if ids:
            self.faults.append(Fault(where, f"{len(ids):,} {what}", "", ids))

    def equal(self, check: str, claimed: float, found: float, absolute: float) -> None:
        self.rows.append({"check": check, "found": found, "limit": claimed})
        if not _close(claimed, found, absolute):
            self.faults.append(Fault(check, f"{claimed:,.6g} claimed, {found:,.6g} recounted"))

    def at_most(self, check: str, found: float, limit: float) -> None:
        self.rows.append({"check": check, "found": found, "limit": limit})
        if found > limit + TOLERANCE * max(1.0, abs(limit)):
            self.faults.append(Fault(check, f"{found:,.6g} is more than {limit:,.6g}"))

    def proven(self, objective: float, bound: float, gap: float, *, maximise: bool) -> None:
        short = bound - objective if maximise else objective - bound
        self.at_most("objective within its bound", -short, 0.0)
        true_gap = max(short, 0.0) / max(abs(objective), 1e-12)
        self.at_most("gap between objective and bound", true_gap, gap)

    def done(self) -> pd.DataFrame:
        if self.faults:
            raise VerifyError(self.faults)
        return pd.DataFrame(self.rows)

    def standing(self, offer_ids: pd.Series, site_ids: pd.Series, where: str) -> None:
        """Check that offers are open, one a site, and existing stations among them."""
        site_of = dict(zip(self.open["offer_id"], self.open["site_id"], strict=True))
        unknown = [str(o) for o in offer_ids if o not in site_of]
        self.fault(tuple(unknown), where, "offers that are not there or ruled out")
        pairs = zip(offer_ids, site_ids, strict=True)
        moved = [str(o) for o, s in pairs if o in site_of and site_of[o] != s]
        self.fault(tuple(moved), where, "offers of another site")
        twice = site_ids[site_ids.duplicated()].astype(str)
        self.fault(tuple(twice), where, "sites with more than one offer")
        closed = self.kept.loc[~self.kept["offer_id"].isin(offer_ids), "site_id"]
        self.fault(tuple(closed), where, "existing stations closed")

    def most_kwh_day(self, demand: pd.DataFrame, offer_ids: pd.Series) -> float:
        """Return the most energy that some offers can serve (kWh/day)."""
        built = self.open[self.open["offer_id"].isin(offer_ids)]
        columns = {f"capacity_{g}_kwh_day": g for g in self.groups}
        long = built.melt("site_id", list(columns), "charger_group", "can_kwh_day")
        long["charger_group"] = long["charger_group"].map(columns)
        long = long[long["can_kwh_day"] > 0]
        wanted = demand[demand["demand_kwh_day"] > 0]
        plugs = self.compatibility[["charger_group", "vehicle_class"]]
        arcs = (
            wanted.merge(self.reach[["cell_id", "site_id"]], on="cell_id")
            .merge(plugs, on="vehicle_class")
            .merge(long, on=["site_id", "charger_group"])
        )
        if arcs.empty:
            return 0.0
        if not self.capacitated:
            return float(arcs.drop_duplicates("demand_id")["demand_kwh_day"].sum())
        rows, row_ids = pd.factorize(arcs["demand_id"])
        node = arcs.groupby(["site_id", "charger_group"], sort=False).ngroup().to_numpy()
        count, every = len(arcs), np.arange(len(arcs))
        nodes = int(node.max()) + 1
        matrix = sparse.csr_array(
            (np.ones(2 * count), (np.r_[rows, node + len(row_ids)], np.r_[every, every])),
            shape=(len(row_ids) + nodes, count),
        )
        limit = np.zeros(len(row_ids) + nodes)
        limit[rows] = arcs["demand_kwh_day"]
        limit[node + len(row_ids)] = arcs["can_kwh_day"]
        answer = linprog(-np.ones(count), A_ub=cast(Any, matrix), b_ub=limit, method="highs")
        if answer.fun is None:
            raise SolveError(f"the recount of the energy served stopped: {answer.message}")
        return -float(answer.fun)


def _close(one: float, other: float, absolute: float) -> bool:
    return abs(one - other) <= absolute + TOLERANCE * max(abs(one), abs(other))


def _same_year(claimed: object, found: object) -> bool:
    none = pd.isna(claimed), pd.isna(found)  # type: ignore[call-overload]
    return all(none) or (not any(none) and claimed == found)
