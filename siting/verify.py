"""An independent recount of a plan, from its tables alone.

Nothing here is shared with the models or the solver: sums are taken with pandas, and whether a
station's chargers can carry the load of its vehicle classes is decided by a small transport problem
of its own rather than by the rows the model uses. A plan that fails is never written.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.optimize import linprog

from siting.errors import Fault, InputError, SolveError, VerifyError
from siting.tables import capacity_groups

# Relative to the figure compared: a kilowatt-hour in a million, a rupee in a million.
TOLERANCE = 1e-6


def verify(
    *,
    sites: pd.DataFrame,
    service: pd.DataFrame,
    demand: pd.DataFrame,
    offers: pd.DataFrame,
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    cutoff_min: float,
    budget_pkr: float,
    capacitated: bool,
    objective_kwh_day: float,
    bound_kwh_day: float,
    gap: float | None,
    headroom_kw: pd.Series | None = None,
    limits: pd.DataFrame | None = None,
    limits_at_most: pd.DataFrame | None = None,
    required_sites: Collection[str] = (),
    forbidden_sites: Collection[str] = (),
) -> pd.DataFrame:
    """Return one row a check that a plan passed; raise if it fails any.

    Parameters
    ----------
    sites
        What the plan says stands: ``site_id``, ``offer_id``, ``existing``, ``power_kw``,
        ``cost_pkr``, ``subsidy_pkr``, ``served_kwh_day``.
    service
        Who is served by what (`siting.tables.SERVICE`).
    demand, offers, reach, compatibility
        The tables the plan was made from.
    cutoff_min
        The longest drive allowed, minutes.
    budget_pkr
        The public money there is.
    capacitated
        Whether stations can serve no more than their chargers' kWh/day. If not, every demand within
        reach of a compatible station must be served whole.
    objective_kwh_day, bound_kwh_day, gap
        What the solver claims: energy served, the proven limit on it, and the relative difference
        (None where energy was not what the solver aimed at).
    headroom_kw
        Spare grid power in kW, indexed by ``site_id``; not checked where absent.
    limits, limits_at_most
        ``limit``, ``offer_id``, ``use``: what an offer uses of each limit; and ``limit``,
        ``at_most``, if there is a ``unit`` with it: what there is. Not checked where absent.
    required_sites, forbidden_sites
        Sites that must have a station, and sites that must not.

    Returns
    -------
    DataFrame
        ``check`` (what was recounted), ``found`` and ``limit`` in the check's own unit.

    Raises
    ------
    VerifyError
        Naming every figure that does not hold.
    InputError
        If the two tables of limits do not fit each other.
    """
    recount = _Recount(sites, service, demand, offers, reach, compatibility)
    faults: list[Fault] = []
    rows: list[dict[str, object]] = []

    def hold(check: str, found: float, limit: float, broken: list[Fault]) -> None:
        rows.append({"check": check, "found": float(found), "limit": float(limit)})
        faults.extend(broken)

    built = recount.built
    hold("offers built, one a site and not ruled out", len(built), len(sites), recount.offers())
    hold(
        "existing stations kept or extended",
        (built["existing"] | recount.extends(built)).sum(),
        recount.all_offers["existing"].sum(),
        recount.existing(),
    )
    spent = built["subsidy_pkr"].sum()
    hold("subsidy within the budget, PKR", spent, budget_pkr, recount.money(spent, budget_pkr))
    hold("longest drive, min", recount.longest_min(), cutoff_min, recount.drives(cutoff_min))
    hold(
        "energy served within the demand, kWh/day",
        service["served_kwh_day"].sum(),
        demand["demand_kwh_day"].sum(),
        recount.demand_limits(),
    )
    if capacitated:
        used, could = recount.capacity_use()
        hold("energy served within capacity, kWh/day", used, could, recount.capacities())
    else:
        covered = recount.covered_kwh_day()
        hold(
            "energy within reach of a compatible station, kWh/day",
            service["served_kwh_day"].sum(),
            covered,
            recount.coverage(covered),
        )
    if headroom_kw is not None:
        new = built[~built["existing"]]
        standing = offers[offers["existing"]].set_index("site_id")["power_kw"]
        there = np.nan_to_num(new["site_id"].map(standing).to_numpy(dtype=float))
        there = np.where(recount.extends(new), there, 0.0)
        # What stands at the site already draws no new power; an upgrade has bought its own.
        drawn = new["power_kw"].to_numpy(dtype=float) - there
        if "upgrade_kw" in new.columns:
            drawn = drawn - new["upgrade_kw"].to_numpy(dtype=float)
        over = drawn - new["site_id"].map(headroom_kw).to_numpy(dtype=float)
        hold(
            "largest excess of power over grid headroom, kW",
            over.max() if len(over) else 0.0,
            0.0,
            _over(new["site_id"], over > TOLERANCE, "power_kw", "more than the grid headroom"),
        )
    for name, unit, used, at_most in _limit_sums(built, limits, limits_at_most):
        what = f"{used:,.10g} {unit} used, {at_most:,.10g} {unit} there"
        within = used <= at_most + TOLERANCE * max(1.0, at_most)
        hold(f"{name}, {unit}", used, at_most, [] if within else [Fault(f"limit {name}", what)])
    for word, ids in (("required", required_sites), ("forbidden", forbidden_sites)):
        if len(ids):
            named = pd.Series(sorted(set(map(str, ids))), dtype=object)
            there = named.isin(set(sites["site_id"].astype(str)))
            broken, what = (~there, "not built") if word == "required" else (there, "built")
            hold(
                f"{word} sites {'not ' * (word == 'forbidden')}built",
                (~broken).sum(),
                len(named),
                _over(named, broken, "site_id", f"{word} and {what}"),
            )
    hold(
        "objective, kWh/day",
        service["served_kwh_day"].sum(),
        objective_kwh_day,
        recount.claims(objective_kwh_day, bound_kwh_day, gap),
    )
    if faults:
        raise VerifyError(faults)
    return pd.DataFrame(rows)


class _Recount:
    """The plan's tables joined once, and the sums taken over them."""

    def __init__(
        self,
        sites: pd.DataFrame,
        service: pd.DataFrame,
        demand: pd.DataFrame,
        offers: pd.DataFrame,
        reach: pd.DataFrame,
        compatibility: pd.DataFrame,
    ) -> None:
        self.sites = sites
        self.service = service.reset_index(drop=True)
        self.demand = demand
        self.all_offers = offers
        self.reach = reach
        self.compatibility = compatibility
        self.groups = capacity_groups(map(str, offers.columns))
        self.built = offers[offers["offer_id"].isin(sites["offer_id"])]

    def offers(self) -> list[Fault]:
        faults = []
        known = self.sites["offer_id"].isin(self.all_offers["offer_id"])
        faults += _over(self.sites["site_id"], ~known, "offer_id", "not in the offers")
        faults += _over(
            self.sites["site_id"], self.sites["site_id"].duplicated(), "site_id", "built twice"
        )
        reasons = self.built["reason"].fillna("").astype(str).str.strip()
        faults += _over(self.built["site_id"], reasons != "", "offer_id", "was ruled out")
        for column in ("site_id", "power_kw", "cost_pkr", "subsidy_pkr"):
            pair = self.sites.merge(self.built, on="offer_id", suffixes=("_plan", "_offer"))
            plan, offer = pair[f"{column}_plan"], pair[f"{column}_offer"]
            if column == "site_id":
                differs = (plan != offer).to_numpy()
            else:
                differs = ~np.isclose(plan.astype(float), offer.astype(float), rtol=TOLERANCE)
            faults += _over(pair["offer_id"], differs, column, "not what the offer says")
        return faults

    def existing(self) -> list[Fault]:
        kept = self.all_offers[self.all_offers["existing"]]
        extended = self.built.loc[self.extends(self.built), "site_id"]
        gone = ~kept["offer_id"].isin(self.sites["offer_id"]) & ~kept["site_id"].isin(extended)
        faults = _over(kept["site_id"], gone, "existing", "closed by the plan")
        bare = ~extended.isin(kept["site_id"])
        return faults + _over(extended, bare, "extends", "extend what does not stand")

    def extends(self, offers: pd.DataFrame) -> pd.Series:
        if "extends" not in offers.columns:
            return pd.Series(False, index=offers.index, dtype=bool)
        return offers["extends"].eq(True)

    def money(self, spent: float, budget_pkr: float) -> list[Fault]:
        faults = []
        if spent > budget_pkr * (1 + TOLERANCE):
            what = f"{spent:,.0f} PKR spent, {budget_pkr:,.0f} PKR there"
            faults.append(Fault("sites, column subsidy_pkr", what))
        parts = ["charger_cost_pkr", "grid_cost_pkr", "fee_cost_pkr"]
        parts += [c for c in ("civil_cost_pkr", "land_cost_pkr") if c in self.built.columns]
        total = self.built[parts].sum(axis=1)
        wrong = ~np.isclose(total, self.built["cost_pkr"], rtol=TOLERANCE, atol=1.0)
        faults += _over(self.built["offer_id"], wrong, "cost_pkr", "not the sum of its parts")
        more = self.built["subsidy_pkr"] > self.built["cost_pkr"] * (1 + TOLERANCE)
        faults += _over(self.built["offer_id"], more, "subsidy_pkr", "more than the cost")
        return faults

    def longest_min(self) -> float:
        return float(self.service["travel_min"].max()) if len(self.service) else 0.0

    def drives(self, cutoff_min: float) -> list[Fault]:
        rows = self.service
        names = rows["demand_id"].astype(str) + " by " + rows["site_id"].astype(str)
        known = rows.merge(
            self.reach, on=["cell_id", "site_id"], how="left", suffixes=("", "_reach")
        )
        faults = _over(
            names, known["travel_min_reach"].isna(), "site_id", "out of reach", "service"
        )
        off = (known["travel_min_reach"] - known["travel_min"]).abs() > 1e-6
        faults += _over(names, off, "travel_min", "not what the reach table says", "service")
        far = rows["travel_min"] > cutoff_min * (1 + TOLERANCE)
        faults += _over(names, far, "travel_min", f"more than {cutoff_min:g} min", "service")
        closed = ~rows["site_id"].isin(self.sites["site_id"])
        faults += _over(names, closed, "site_id", "served by a site that is not built", "service")
        pairs = self._usable()
        usable = rows.merge(pairs, on=["site_id", "vehicle_class"], how="left", indicator=True)
        faults += _over(
            names, usable["_merge"] == "left_only", "vehicle_class", "cannot plug in", "service"
        )
        own = rows.merge(
            self.demand[["demand_id", "cell_id", "vehicle_class"]],
            on="demand_id",
            how="left",
            suffixes=("", "_demand"),
        )
        stray = (own["cell_id"] != own["cell_id_demand"]) | (
            own["vehicle_class"] != own["vehicle_class_demand"]
        )
        return faults + _over(names, stray, "cell_id", "not the demand's own cell", "service")

    def demand_limits(self) -> list[Fault]:
        served = self.service.groupby("demand_id")["served_kwh_day"].sum()
        wanted = self.demand.set_index("demand_id")["demand_kwh_day"].reindex(served.index)
        over = served > wanted * (1 + TOLERANCE) + TOLERANCE
        faults = _over(
            pd.Series(served.index), over, "served_kwh_day", "more than is wanted", "service"
        )
        negative = self.service["served_kwh_day"] < 0
        faults += _over(
            self.service["demand_id"], negative, "served_kwh_day", "negative", "service"
        )
        by_site = self.service.groupby("site_id")["served_kwh_day"].sum()
        claimed = self.sites.set_index("site_id")["served_kwh_day"]
        differs = ~np.isclose(
            claimed, by_site.reindex(claimed.index).fillna(0.0), rtol=TOLERANCE, atol=1e-4
        )
        return faults + _over(
            pd.Series(claimed.index), differs, "served_kwh_day", "not the sum of its service"
        )

    def capacity_use(self) -> tuple[float, float]:
        could = self.built[[f"capacity_{g}_kwh_day" for g in self.groups]].to_numpy().sum()
        return float(self.service["served_kwh_day"].sum()), float(could)

    def capacities(self) -> list[Fault]:
        load = self.service.pivot_table(
            index="site_id", columns="vehicle_class", values="served_kwh_day", aggfunc="sum"
        ).fillna(0.0)
        capacity = self.built.set_index("site_id")[[f"capacity_{g}_kwh_day" for g in self.groups]]
        capacity = capacity.set_axis(self.groups, axis="columns")
        short = []
        for site_id in load.index.intersection(capacity.index):
            wanted = load.loc[site_id].to_dict()
            missing = self._shortfall(wanted, capacity.loc[site_id].to_dict())
            if missing > TOLERANCE * max(1.0, sum(wanted.values())):
                short.append(f"{site_id} by {missing:,.3f} kWh/day")
        if not short:
            return []
        what = f"{len(short)} serve more than their chargers can"
        return [Fault("sites, column served_kwh_day", what, "", tuple(short))]

    def _shortfall(self, wanted: dict[str, float], capacity: dict[str, float]) -> float:
        """Return the kWh/day that cannot be carried, each class sent to the groups it fits."""
        pairs = [
            (c, g)
            for g, c in self.compatibility[["charger_group", "vehicle_class"]].itertuples(
                index=False
            )
            if wanted.get(c, 0.0) > 0 and capacity.get(g, 0.0) > 0
        ]
        total = sum(wanted.values())
        if not pairs:
            return total
        classes, groups = sorted({c for c, _ in pairs}), sorted({g for _, g in pairs})
        rows = [[float(pair[0] == c) for pair in pairs] for c in classes]
        rows += [[float(pair[1] == g) for pair in pairs] for g in groups]
        limits = [wanted[c] for c in classes] + [capacity[g] for g in groups]
        answer = linprog(-np.ones(len(pairs)), A_ub=rows, b_ub=limits, method="highs")
        if answer.fun is None:
            raise SolveError(f"the recount of a station's load stopped: {answer.message}")
        return total + float(answer.fun)

    def _usable(self) -> pd.DataFrame:
        """Return the (site, vehicle class) pairs where the built chargers fit the vehicle."""
        long = self.built.melt(
            id_vars=["site_id"],
            value_vars=[f"capacity_{g}_kwh_day" for g in self.groups],
            var_name="charger_group",
            value_name="kwh_day",
        )
        long = long[long["kwh_day"] > 0]
        long["charger_group"] = long["charger_group"].str.removeprefix("capacity_")
        long["charger_group"] = long["charger_group"].str.removesuffix("_kwh_day")
        pairs = long.merge(self.compatibility[["charger_group", "vehicle_class"]])
        return pairs[["site_id", "vehicle_class"]].drop_duplicates()

    def covered_kwh_day(self) -> float:
        pairs = self.reach[["cell_id", "site_id"]].merge(self._usable(), on="site_id")
        covered = self.demand.merge(pairs[["cell_id", "vehicle_class"]].drop_duplicates())
        return float(covered["demand_kwh_day"].sum())

    def coverage(self, covered: float) -> list[Fault]:
        served = self.service["served_kwh_day"].sum()
        if np.isclose(served, covered, rtol=TOLERANCE, atol=TOLERANCE):
            return []
        what = f"{served:,.3f} kWh/day served, {covered:,.3f} within reach of what is built"
        return [Fault("service, column served_kwh_day", what)]

    def claims(self, objective: float, bound: float, gap: float | None) -> list[Fault]:
        faults = []
        served = float(self.service["served_kwh_day"].sum())
        if not np.isclose(served, objective, rtol=TOLERANCE, atol=1e-4):
            what = f"{objective:,.3f} kWh/day claimed, {served:,.3f} recounted"
            faults.append(Fault("objective", what))
        if bound < objective * (1 - TOLERANCE):
            what = f"{bound:,.3f} kWh/day is below the objective {objective:,.3f}"
            faults.append(Fault("bound", what))
        true_gap = (bound - objective) / objective if objective > 0 else float(bound > TOLERANCE)
        if gap is not None and gap < true_gap - TOLERANCE:
            faults.append(Fault("gap", f"{gap:.6f} claimed, {true_gap:.6f} recounted"))
        return faults


def _limit_sums(
    built: pd.DataFrame, limits: pd.DataFrame | None, at_most: pd.DataFrame | None
) -> list[tuple[str, str, float, float]]:
    """Return name, unit, what the plan uses and what there is of each limit, by name."""
    if limits is None and at_most is None:
        return []
    if limits is None or at_most is None:
        raise InputError(Fault("limits", "one of the two tables is missing", "give both"))
    stray = sorted(set(limits["limit"]) ^ set(at_most["limit"]))
    # A limit that no offer uses has no rows in the table of uses; that is no fault.
    unknown = tuple(name for name in stray if name in set(limits["limit"]))
    twice = tuple(at_most.loc[at_most["limit"].duplicated(), "limit"])
    if unknown or twice:
        where = "limits, column limit"
        raise InputError(
            [Fault(where, "without at_most", "", unknown)] * bool(unknown)
            + [Fault(where, "two rows of at_most", "", twice)] * bool(twice)
        )
    mine = limits[limits["offer_id"].astype(str).isin(set(built["offer_id"].astype(str)))]
    used = mine.groupby("limit")["use"].sum()
    unit = at_most["unit"] if "unit" in at_most.columns else pd.Series("", index=at_most.index)
    rows = zip(at_most["limit"], unit, at_most["at_most"], strict=True)
    return sorted((str(n), str(u), float(used.get(n, 0.0)), float(most)) for n, u, most in rows)


def _over(
    names: pd.Series, broken: pd.Series | np.ndarray, column: str, what: str, table: str = "sites"
) -> list[Fault]:
    mask = np.asarray(broken, dtype=bool)
    if not mask.any():
        return []
    ids = tuple(map(str, names.to_numpy()[mask]))
    return [Fault(f"{table}, column {column}", f"{mask.sum():,} {what}", "", ids)]
