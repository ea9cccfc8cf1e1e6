"""From a decision to the plan: what it says of each site and station, and its recount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import economics
from siting.config import Config, Program
from siting.errors import Fault, InfeasibleError, InputError
from siting.models import Limit, limit_tables
from siting.plan import Plan, make_plan
from siting.study.decision import Decision
from siting.verify import verify

# Figures of the business case that a site of a plan shows.
SHOWN = {
    "npv_pkr": "npv_subsidised_pkr",
    "payback_years": "payback_subsidised_years",
    "viability_gap_pkr": "viability_gap_pkr",
}


def recounted_plan(
    config: Config,
    found: Decision,
    rules: economics.BusinessRules,
    *,
    tables: Mapping[str, Any],
    reach: pd.DataFrame,
    compatibility: pd.DataFrame,
    limits: tuple[Limit, ...],
    required_sites: tuple[str, ...],
    forbidden_sites: tuple[str, ...],
) -> Plan:
    """Return the plan of a decision, recounted by `siting.verify.verify`.

    ``tables`` are cells, demand, candidates, dropped, offers and edges, as `make_plan` takes them.
    """
    program, solution = config.program, found.solution
    demand, offers = tables["demand"], tables["offers"]
    if program.variant == "plain":
        _require_floor(program, float(demand["demand_kwh_day"].sum()), found)
    plan = make_plan(
        title=config.title,
        note=config.note,
        service=found.service,
        solution=solution,
        subsidies=found.subsidies,
        **tables,
    )
    drawn = _as_drawn(offers, plan, found)
    plan = _with_business(plan, found, drawn, rules)
    use, there = limit_tables(limits)
    plain = program.variant == "plain" and found.subsidies is None
    checks = verify(
        sites=plan.sites,
        service=plan.service,
        demand=demand,
        offers=drawn,
        reach=reach,
        compatibility=compatibility,
        cutoff_min=config.reach.cutoff_min,
        budget_pkr=solution.budget_pkr,
        # Only the plain programs serve all that is in reach where nothing holds them back.
        capacitated=program.model == "capacitated" or not plain,
        objective_kwh_day=solution.objective_kwh_day,
        bound_kwh_day=solution.bound_kwh_day,
        gap=solution.gap if plain else None,
        headroom_kw=_headroom_kw(tables["candidates"], config.offers.headroom_kw),
        limits=use if limits else None,
        limits_at_most=there if limits else None,
        required_sites=required_sites,
        forbidden_sites=forbidden_sites,
    )
    more = pd.DataFrame(found.checks, columns=["check", "found", "limit"])
    return plan.with_checks(pd.concat([checks, more], ignore_index=True))


def require_plain_limits(program: Program, subsidy_rule: str, *rows: tuple[Any, ...]) -> None:
    """Refuse limits where the program asked for does not know them yet."""
    gap = subsidy_rule == "gap"
    plain = program.variant == "plain" and program.alternatives is None and not gap
    if plain or not any(rows):
        return
    what = "offers.subsidy.rule gap" if gap else f"the program {program.variant}"
    if program.alternatives is not None:
        what = "program.alternatives"
    raise InputError(
        Fault(
            "program.limits",
            f"cannot go with {what} yet",
            "leave out the limits, sites required or forbidden, and offers.feeders",
        )
    )


def _as_drawn(offers: pd.DataFrame, plan: Plan, found: Decision) -> pd.DataFrame:
    """Return the offers with the subsidy each draws, where the program decides on it."""
    if found.subsidies is None:
        return offers
    drawn = plan.sites.set_index("offer_id")["subsidy_pkr"]
    subsidy = offers["offer_id"].map(drawn).fillna(offers["subsidy_pkr"]).astype(float)
    return offers.assign(subsidy_pkr=subsidy)


def _with_business(
    plan: Plan, found: Decision, drawn: pd.DataFrame, rules: economics.BusinessRules
) -> Plan:
    """Return the plan with what each new station earns, and the tables of the variant."""
    chosen = drawn[drawn["offer_id"].isin(list(found.solution.offers))]
    sold = plan.sites.set_index("site_id")["served_kwh_day"]
    case = economics.business_case(chosen, sold, rules)
    by_site = case.set_index("site_id")
    table = plan.sites
    for name, column in SHOWN.items():
        value = table["site_id"].map(by_site[column]).astype(float)
        table.insert(table.shape[1] - 1, name, value)
    if "built" in found.tables:
        built = found.tables["built"].drop_duplicates("site_id", keep="last")
        year = table["site_id"].map(built.set_index("site_id")["built_year"])
        table.insert(table.shape[1] - 1, "built_year", year.astype("Int64"))
    tables = {"business": case, **found.tables}
    return plan.with_variant(
        goal=found.goal, proof=found.proof, lines=tuple(found.lines), tables=tables
    )


def _headroom_kw(candidates: gpd.GeoDataFrame, default_kw: float) -> pd.Series[float]:
    sites = candidates.set_index("site_id")
    if "headroom_kw" in sites.columns:
        own: pd.Series[float] = sites["headroom_kw"].astype(float).fillna(default_kw)
        return own
    return pd.Series(default_kw, index=sites.index, dtype=float)


def _require_floor(program: Program, total_kwh_day: float, found: Decision) -> None:
    """Refuse a plan below the share that must be served, saying whether any plan could be."""
    floor = program.min_served_share
    have = found.solution.objective_kwh_day / total_kwh_day
    if have >= floor - 1e-9:
        return
    best = found.solution.bound_kwh_day / total_kwh_day
    limit = (
        f"no plan serves more than {best:.1%}"
        if best < floor
        else f"none better than {best:.1%} can exist (not decided: raise solver.time_limit_s)"
    )
    raise InfeasibleError(
        Fault(
            "program.min_served_share",
            f"needs {floor:.1%} of the demand served; for PKR {program.budget_pkr:,.0f} the best "
            f"plan found serves {have:.1%} and {limit}",
            f"lower it to {have:.3f}, or raise program.budget_pkr or reach.cutoff_min",
        )
    )
