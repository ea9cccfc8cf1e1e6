"""Make a plan from an outcome, add figures of each station, and check the plan independently."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import economics, reference
from siting.config import Config
from siting.outcome import Outcome
from siting.plan import Plan, PlanTables, make_plan
from siting.program.aims import AIMS
from siting.program.limits import limit_tables
from siting.roads import Network
from siting.sites import Hurdle
from siting.study.program_inputs import Asked, subsidy_of, within_reach
from siting.study.stages import Layer, Table, stage
from siting.study.to_program import REACHABLE, aims_of, zones_named
from siting.tables import capacity_groups
from siting.texts import counted
from siting.verify import Account, Aim, Decay, OtherPlan, ViabilityGap, recount

# Figures of the business case that a plan shows for each site.
SHOWN = ("npv_subsidised_pkr", "payback_subsidised_years", "viability_gap_pkr")
NONE = 1e-6  # a shortfall below this share of the cost counts as a rounding error
# The recount's name for each of the engine's aims.
KINDS: dict[str, str] = {aim.name: aim.kind for aim in AIMS}


@stage(
    "title",
    "note",
    "offers.headroom_kw",
    "money.pkr_per_usd",
    told="plan",
    found=lambda p: f"{counted(len(p.new_sites), 'new station')}; {len(p.checks)} checks passed",
)
def plan(
    config: Config,
    study: Any,
    network: Network,
    cells: Layer,
    demand: Table,
    candidates: Layer,
    dropped: Layer,
    offers: Table,
    asked: Asked,
    outcome: Outcome,
    energy: Table,
) -> Plan:
    """The plan, recounted by `siting.verify.recount`.

    A `VerifyError` lists every figure of the plan that the recount contradicts.
    """
    tables = PlanTables(cells, demand, candidates, dropped, offers, network.edges)
    made = make_plan(outcome, tables, title=config.title, note=config.note)
    table = made.sites
    case = business_of(asked, offers, table.set_index("offer_id")["subsidy_pkr"], made.service)
    by_site = case.set_index("site_id")
    for name in SHOWN:
        table.insert(table.shape[1] - 1, name, table["site_id"].map(by_site[name]).astype(float))
    if "built" in made.tables:
        built = made.tables["built"].drop_duplicates("site_id", keep="last")
        year = table["site_id"].map(built.set_index("site_id")["built_year"])
        table.insert(table.shape[1] - 1, "built_year", year.astype("Int64"))
    vehicles = dict(zip(energy["vehicle_class"], energy["vehicles"], strict=True))
    money = public_money(made, case, vehicles, config.money.pkr_per_usd)
    more = {"business": case}
    if asked.need is not None and asked.need.rule.concessions:
        more["concessions"] = lots_of(case, asked.need.rule.concessions)
    spare = headroom_kw(candidates, config.offers.headroom_kw)
    checks = recount(account_of(asked, outcome, table, spare))
    if asked.config.program.scenarios is not None:
        # The plan's figures are for the configuration's own demand, not for a scenario's.
        own_checks = recount(own_account(asked, outcome, table))
        own_checks["check"] = "own demand: " + own_checks["check"]
        checks = pd.concat([checks, own_checks], ignore_index=True)
    return replace(made, tables={**made.tables, **more}, money=money, checks=checks, study=study)


def lots_of(case: pd.DataFrame, concessions: Mapping[str, str]) -> pd.DataFrame:
    """Return the public money and NPV of each concession that has a new station (PKR).

    Columns: ``concession``, ``stations``, ``cost_pkr``, ``lacking_pkr`` (sum of the stations'
    shortfalls), ``subsidy_pkr``, ``npv_pkr`` (without subsidy) and ``npv_subsidised_pkr``.
    """
    # `groupby` drops the rows of stations without a concession.
    by_lot = case.assign(concession=case["site_id"].map(dict(concessions))).groupby("concession")
    sums = ["cost_pkr", "lacking_pkr", "subsidy_pkr", "npv_pkr", "npv_subsidised_pkr"]
    table = by_lot[sums].sum()
    table.insert(0, "stations", by_lot.size())
    return table.reset_index()


def public_money(
    plan: Plan, case: pd.DataFrame, vehicles: Mapping[str, float], pkr_per_usd: float | None
) -> dict[str, Any]:
    """Return the ``run.json`` fields about public money for a plan's new stations (constant PKR).

    A station needs no public money if its NPV without subsidy is at least 0. If public money pays
    viability gaps, the station must also pass the hurdle that investors set. The part of a payment
    that exceeds the station's shortfall is not additional.

    `case` is a table of the business case of each new station. `vehicles` is the number of vehicles
    in the area, by class. Keys: ``pkr_per_usd``; ``new_stations``; ``stations_without_need``
    (stations that need no public money); ``npv_without_subsidy_pkr``; ``lacking_pkr``;
    ``subsidy_pkr``; ``subsidy_beyond_need_pkr``; ``subsidy_pkr_per_kwh_day`` (per kWh/day sold;
    None without sales); ``subsidy_pkr_per_car`` (per car served; None without sales to cars). For
    the last key, each station's subsidy is divided among vehicle classes in proportion to the
    energy sold to them.
    """
    figures = reference.table("money").set_index("item")["value"].astype(float)
    paid, lacks = case["subsidy_pkr"], case["lacking_pkr"]
    sold = float(case["sold_kwh_day"].sum())
    stations = plan.sites.set_index("site_id").reindex(case["site_id"])
    to_cars = stations.get("served_car_kwh_day", pd.Series(0.0, index=stations.index)).astype(float)
    served_kwh = stations["served_kwh_day"].astype(float)
    share = (to_cars / served_kwh.where(served_kwh > 0)).fillna(0.0).to_numpy()
    wanted = float(plan.classes.set_index("vehicle_class")["demand_kwh_day"].get("car", 0.0))
    car_kwh = float((case["sold_kwh_day"] * share).sum())
    cars = vehicles.get("car", 0.0) * car_kwh / wanted if wanted > 0 else 0.0
    return {
        "pkr_per_usd": pkr_per_usd or float(figures["pkr_per_usd"]),
        "new_stations": len(case),
        "stations_without_need": int((lacks <= NONE * case["cost_pkr"]).sum()),
        "npv_without_subsidy_pkr": float(case["npv_pkr"].sum()),
        "lacking_pkr": float(lacks.sum()),
        "subsidy_pkr": float(paid.sum()),
        "subsidy_beyond_need_pkr": float((paid - lacks).clip(lower=0.0).sum()),
        "subsidy_pkr_per_kwh_day": float(paid.sum()) / sold if sold > 0 else None,
        "subsidy_pkr_per_car": float((paid * share).sum()) / cars if cars > 0 else None,
    }


def business_of(
    asked: Asked,
    offers: pd.DataFrame,
    drawn: pd.Series[float],
    service: pd.DataFrame,
    hurdle: Hurdle | None = None,
) -> pd.DataFrame:
    """Return the business case of each new station, computed from the energy that it serves.

    `drawn` has the public money (PKR) paid to the offers of the plan, by ``offer_id``. By default,
    `hurdle` is the hurdle that the configuration sets for subsidised stations.
    """
    chosen = offers[offers["offer_id"].isin(list(drawn.index))]
    chosen = chosen.assign(subsidy_pkr=chosen["offer_id"].map(drawn).astype(float))
    sold = service.groupby("site_id")["served_kwh_day"].sum()
    groups = sold_by_group(asked, chosen, service)
    hurdle = hurdle or subsidy_of(asked.config).held_to
    return economics.business_case(chosen, sold, asked.rules, by_group=groups, hurdle=hurdle)


def sold_by_group(asked: Asked, offers: pd.DataFrame, service: pd.DataFrame) -> pd.DataFrame:
    """Return a table of sales (kWh/day): one row per site, one column per charger group.

    A vehicle class is assumed to use the fitting charger group with the lowest margin at the site.
    """
    groups = capacity_groups(map(str, offers.columns))
    able = [group for group in groups if group in asked.rules.prices_pkr_kwh]
    has = offers.set_index("site_id")[[f"capacity_{g}_kwh_day" for g in able]] > 0
    sold = service.groupby(["site_id", "vehicle_class"])["served_kwh_day"].sum().reset_index()
    uses = asked.compatibility.groupby("vehicle_class")["charger_group"].apply(set).to_dict()
    rank = sorted(able, key=lambda group: economics.margin_pkr_kwh(asked.rules, group))
    out = pd.DataFrame(0.0, index=has.index.astype(str), columns=able)
    for site, name, kwh in sold.itertuples(index=False, name=None):
        there = [g for g in rank if g in uses.get(name, ())]
        there = [g for g in there if site in has.index and has.loc[site, f"capacity_{g}_kwh_day"]]
        if there:
            out.loc[site, there[0]] += kwh
    return out


def headroom_kw(candidates: gpd.GeoDataFrame, default_kw: float) -> pd.Series[float]:
    """Return the spare power of the grid at each site (kW), by ``site_id``."""
    sites = candidates.set_index("site_id")
    spare_kw: pd.Series[float] = sites.get("headroom_kw", pd.Series(math.nan, sites.index))
    return spare_kw.astype(float).fillna(default_kw)


def account_of(
    asked: Asked, outcome: Outcome, sites: pd.DataFrame, spare_kw: pd.Series[float] | None = None
) -> Account:
    """Return the inputs of the recount: the figures that a plan states, and the tables behind them.

    `spare_kw` is the headroom by ``site_id``; without `spare_kw`, headroom is not checked.
    """
    keys, years = asked.config.program, asked.config.program.years
    budget: float | dict[int, float] = keys.budget_pkr if years is None else dict(years.budgets_pkr)
    if not asked.budgeted:
        budget = math.inf if years is None else dict.fromkeys(years.budgets_pkr, math.inf)
    use, there = limit_tables(asked.limits)
    named = {"limit": "resource"}
    claimed = ["site_id", "offer_id", "power_kw", "subsidy_pkr"]
    claimed += [] if asked.need is not None else ["cost_pkr"]
    claimed += [] if keys.scenarios is not None else ["served_kwh_day"]
    built = outcome.built
    if "built" in outcome.tables:
        paid = outcome.tables["built"].rename(columns={"subsidy_pkr": "paid_pkr"})
        built = built.astype({"year": "int64"}).merge(paid, on=["year", "site_id", "offer_id"])
    covers = keys.model == "coverage" and len(outcome.slices) == 1 and keys.objective == "energy"
    return Account(
        built=built.drop(columns="year"),
        service=outcome.services,
        demand=outcome.demand,
        budget_pkr=budget,
        **_inputs_of(asked),
        serves_all=covers and aims_of(asked.config) == ["most_worth"],
        slices=outcome.slices,
        carry_over=years is not None and years.carry_over,
        upgrades=years is not None and years.upgrades,
        aims=tuple(_claims(asked, outcome)),
        floors=outcome.floors if len(outcome.floors) else None,
        members=_members(asked) if len(outcome.floors) else None,
        worth=_per_kwh(asked, outcome),
        decay=_decay(asked),
        gap=_gap(asked, outcome),
        resource_use=use.rename(columns=named),
        resources=there.rename(columns=named).assign(
            at_most=there["at_most"].where(np.isfinite(there["at_most"])),
            at_least=there["at_least"].where(there["at_least"] > 0),
        ),
        required_sites=asked.required,
        forbidden_sites=asked.forbidden,
        others=tuple(_others(asked, outcome)),
        headroom_kw=spare_kw,
        sites=sites[claimed],
        served=outcome.served,
        money=outcome.money if asked.budgeted else None,
    )


def own_account(asked: Asked, outcome: Outcome, sites: pd.DataFrame) -> Account:
    """Return the plan's `Account` for the last year and the configuration's own demand."""
    last = outcome.built["slice"] == outcome.slices["slice"].iloc[-1]
    kwh = {name: getattr(outcome, name) for name in ("demand_kwh_day", "served_kwh_day")}
    return Account(
        built=outcome.built.loc[last, ["site_id", "offer_id"]],
        service=outcome.service,
        demand=asked.last_demand,
        budget_pkr=math.inf,
        **_inputs_of(asked),
        sites=sites[["site_id", "offer_id", "served_kwh_day"]],
        served=pd.DataFrame([{"slice": "", **kwh}]),
    )


def _inputs_of(asked: Asked) -> dict[str, Any]:
    """Return the tables and rules for the recount that do not depend on the plan.

    If public money pays viability gaps, an offer's cost is the amount that it needs to break even.
    """
    offers = asked.offers
    if asked.need is not None:
        offers = asked.need.offers
        offers = offers.drop(columns=[c for c in offers if str(c).endswith("_cost_pkr")])
    return {
        "offers": offers,
        "reach": asked.reach,
        "compatibility": asked.compatibility,
        "cutoff_min": asked.config.reach.cutoff_min,
        "model": asked.config.program.model,
    }


def _claims(asked: Asked, outcome: Outcome) -> list[Aim]:
    """Return the value, bound and gap that the plan reports for each aim."""
    keys = asked.config.program
    claims = []
    for key, one in zip(aims_of(asked.config), outcome.proofs, strict=True):
        kind, proof = KINDS[one.aim], one.proof
        more: dict[str, Any] = {}
        if kind == "net_worth":
            more |= {"of": keys.least_gain.money, "least_gain": keys.least_gain.a_rupee}
        elif kind == "least_money":
            cheap = keys.least_cost
            more["of"] = cheap.money if key == "least_cost" and cheap else "subsidy_pkr"
        elif kind == "worst_share":
            more["members"] = _members(asked, zones_only=True)
            if keys.floors_in == "every":
                more["slices"] = outcome.slices["slice"].tolist()
        elif kind == "least_cost_to_all":
            more["to_all"] = asked.to_all
        elif kind == "tail":
            assert keys.scenarios is not None
            more |= {"of": keys.scenarios.cvar_of, "alpha": keys.scenarios.alpha}
        elif kind == "least_regret":
            more["best"] = _best(outcome)
        bound, gap = (proof.bound, proof.gap) if math.isfinite(proof.bound) else (None, None)
        claims.append(Aim(kind, proof.objective, bound, gap, proof.unit, **more))
    return claims


def _best(outcome: Outcome) -> pd.DataFrame:
    """Return the reference for regret: the highest value of any known plan in each scenario."""
    rows = outcome.served.merge(outcome.slices[["slice", "weight"]], on="slice")
    got = (rows["worth"] * rows["weight"]).groupby(rows["scenario"]).sum()
    best = np.maximum(outcome.best["best"], outcome.best["scenario"].map(got))
    return outcome.best.assign(best=best)


def _members(asked: Asked, *, zones_only: bool = False) -> pd.DataFrame:
    """Return a table with one row for each floor and each demand row to which the floor applies."""
    rows = next(iter(asked.own.values()))
    ids = rows["demand_id"].astype(str)
    names: list[pd.Series] = []
    if asked.zones is not None:
        names.append(ids.map(zones_named(asked)))
    if not zones_only:
        near = pd.Series(np.where(within_reach(asked), REACHABLE, ""), ids.index)
        names += [pd.Series("city", ids.index), rows["vehicle_class"].astype(str), near]
    parts = [pd.DataFrame({"floor": name, "demand_id": ids}) for name in names]
    table = pd.concat(parts, ignore_index=True)
    return table[table["floor"].fillna("") != ""]


def _per_kwh(asked: Asked, outcome: Outcome) -> pd.DataFrame | None:
    """Return the worth of serving one kWh, by demand row and slice (a year and scenario)."""
    if asked.worth is None:
        return None
    parts = []
    for name, demand, worth in zip(
        outcome.slices["slice"], asked.demand.values(), asked.worth.values(), strict=True
    ):
        kwh, ids = demand["demand_kwh_day"].to_numpy(dtype=float), demand["demand_id"].astype(str)
        each = worth.reindex(ids).to_numpy(dtype=float)
        per_kwh = np.where(kwh > 0, each / np.where(kwh > 0, kwh, 1.0), 0.0)
        parts.append(pd.DataFrame({"slice": name, "demand_id": ids, "per_kwh": per_kwh}))
    return pd.concat(parts, ignore_index=True)


def _decay(asked: Asked) -> Decay | None:
    if (decay := asked.config.program.decay) is None:
        return None
    numbers: Any = decay.factors if decay.kind == "step" else decay.model_dump(exclude={"kind"})
    return Decay(decay.kind, numbers)


def _gap(asked: Asked, outcome: Outcome) -> ViabilityGap | None:
    if asked.need is None:
        return None
    paid = outcome.paid.drop(columns="year") if asked.config.program.years is None else outcome.paid
    rule: Any = asked.need.rule  # with margins by class and caps by offer
    return ViabilityGap(rule.margin_pkr, rule.cap, paid, rule.sales_share, rule.concessions)


def _others(asked: Asked, outcome: Outcome) -> list[OtherPlan]:
    plans, asks = outcome.tables.get("alternatives"), asked.config.program.alternatives
    if plans is None or asks is None:
        return []
    return [
        OtherPlan(str(offers).split(), asks.differ_by, f"near-best plan {n}")
        for n, offers in plans.loc[plans["plan"] > 1, ["plan", "offers"]].itertuples(index=False)
    ]
