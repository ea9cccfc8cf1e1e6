"""From an outcome to the plan: what it says of each site and station, and its recount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from siting import economics
from siting.config import Config
from siting.outcome import Outcome
from siting.plan import Plan, make_plan
from siting.study.ask import Asked

# Figures of the business case that a site of a plan shows.
SHOWN = {
    "npv_pkr": "npv_subsidised_pkr",
    "payback_years": "payback_subsidised_years",
    "viability_gap_pkr": "viability_gap_pkr",
}


def recounted_plan(
    asked: Asked,
    found: Outcome,
    rules: economics.BusinessRules,
    *,
    tables: Mapping[str, Any],
) -> Plan:
    """Return the plan of an outcome, recounted.

    Parameters
    ----------
    asked
        The configuration, with the tables its program was made from.
    found
        What was decided.
    rules
        Prices and rates of the business case.
    tables
        ``cells``, ``demand``, ``candidates``, ``dropped``, ``offers`` and ``edges`` of the study.
    """
    config: Config = asked.config
    plan = make_plan(title=config.title, note=config.note, outcome=found, **tables)
    return with_business(plan, rules)


def with_business(plan: Plan, rules: economics.BusinessRules) -> Plan:
    """Return a plan with what each new station earns.

    Parameters
    ----------
    plan
        The plan.
    rules
        Prices and rates of the business case.
    """
    table, offers = plan.sites, plan.offers
    drawn = table.set_index("offer_id")["subsidy_pkr"]
    chosen = offers[offers["offer_id"].isin(list(drawn.index))]
    chosen = chosen.assign(subsidy_pkr=chosen["offer_id"].map(drawn).astype(float))
    sold = table.set_index("site_id")["served_kwh_day"]
    case = economics.business_case(chosen, sold, rules)
    by_site = case.set_index("site_id")
    for name, column in SHOWN.items():
        value = table["site_id"].map(by_site[column]).astype(float)
        table.insert(table.shape[1] - 1, name, value)
    if "built" in plan.tables:
        built = plan.tables["built"].drop_duplicates("site_id", keep="last")
        year = table["site_id"].map(built.set_index("site_id")["built_year"])
        table.insert(table.shape[1] - 1, "built_year", year.astype("Int64"))
    return plan.with_tables({"business": case})
