"""Decisions over years and over several futures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from siting import recheck
from siting.solve import assign, solve_phased, solve_scenarios
from siting.study.decision import Decision, as_solution, with_subsidy

if TYPE_CHECKING:
    from siting.study.pipeline import Study


def phased(study: Study) -> Decision:
    """Return what to build in which year, recounted."""
    program, solver = study.config.program, study.config.solver
    years = program.years
    assert years is not None
    budgets = dict(years.budgets_pkr)
    parts = {year: study.in_other(year=year) for year in budgets}
    found = solve_phased(
        {year: part.instance for year, part in parts.items()},
        budgets,
        carry_over=years.carry_over,
        upgrades=years.upgrades,
        discount_rate=years.discount_rate,
        last_period_years=years.last_period_years,
        model=program.model,
        gap=solver.gap,
        time_limit_s=solver.time_limit_s,
        threads=solver.threads,
        seed=solver.seed,
        progress=study.solve_progress,
    )
    checks = recheck.recheck_years(
        offers_by_year=found.offers_by_year,
        served=found.served,
        money=found.money,
        demand={year: part.demand for year, part in parts.items()},
        offers=study.offers,
        reach=study.reach,
        compatibility=study.compatibility,
        budgets_pkr=budgets,
        carry_over=years.carry_over,
        upgrades=years.upgrades,
        capacitated=program.model == "capacitated",
        discount_rate=years.discount_rate,
        objective=found.proof.objective,
        bound=found.proof.bound,
        gap=found.proof.gap,
        last_period_years=years.last_period_years,
    )
    last = max(budgets)
    offers = found.offers_in(last)
    services = {
        year: assign(part.instance, found.offers_in(year), program.model)
        for year, part in parts.items()
    }
    service = services[last]
    solution = as_solution(study, offers, service, found.proof, instance=parts[last].instance)
    solution = with_subsidy(solution, float(found.money["spent_pkr"].sum()), sum(budgets.values()))
    lines = [
        (
            f"In {row.year}",
            f"{row.served_kwh_day:,.0f} of {row.demand_kwh_day:,.0f} kWh/day "
            f"({row.served_share:.1%}), {row.new_stations:,} new stations",
        )
        for row in found.served.itertuples()
    ]
    lines.append(("Worth of planning ahead", f"{found.foresight:,.0f} kWh/day, weighted"))
    wanted = {year: part.demand for year, part in parts.items()}
    tables = {
        "years": found.served.merge(found.money, on="year"),
        "built": found.offers_by_year,
        "year_cells": cells_by_year(wanted, services),
    }
    goal = "the most energy over the years, discounted"
    held = list(checks[["check", "found", "limit"]].itertuples(index=False, name=None))
    return Decision(solution, service, goal, found.proof, tables, lines, held)


def several_futures(study: Study) -> Decision:
    """Return one plan for all scenarios, recounted."""
    program, solver = study.config.program, study.config.solver
    asked = program.scenarios
    assert asked is not None
    parts = {
        name: study.in_other(scenario=future.fleet, case=future.case)
        for name, future in asked.of.items()
    }
    chances = {name: future.probability for name, future in asked.of.items()}
    found = solve_scenarios(
        {name: part.instance for name, part in parts.items()},
        chances,
        asked.criterion,
        alpha=asked.alpha,
        cvar_of=asked.cvar_of,
        model=program.model,
        gap=solver.gap,
        time_limit_s=solver.time_limit_s,
        threads=solver.threads,
        seed=solver.seed,
        progress=study.solve_progress,
    )
    checks = recheck.recheck_scenarios(
        chosen=found.offers,
        served=found.served,
        demand={name: part.demand for name, part in parts.items()},
        probabilities=chances,
        offers=study.offers,
        reach=study.reach,
        compatibility=study.compatibility,
        budget_pkr=program.budget_pkr,
        capacitated=program.model == "capacitated",
        criterion=asked.criterion,
        alpha=asked.alpha,
        cvar_of=asked.cvar_of,
        expected_kwh=found.expected_kwh,
        objective=found.proof.objective,
        bound=found.proof.bound,
        gap=found.proof.gap,
    )
    service = assign(study.instance, found.offers, program.model)
    solution = as_solution(study, found.offers, service, found.proof)
    lines = [
        (
            f"If {row.scenario} (p {row.probability:g})",
            f"{row.served_kwh_day:,.0f} kWh/day, gives up at most {row.regret_share:.1%}",
        )
        for row in found.served.itertuples()
    ]
    lines += [
        ("Energy on average", f"{found.expected_kwh:,.0f} kWh/day"),
        ("Sites in every scenario's plan", f"{len(found.robust_sites):,}"),
    ]
    goal = {
        "expected": "the most energy on average over the scenarios",
        "regret": "the least worst regret over the scenarios",
        "cvar": f"the best average of the worst {1 - asked.alpha:.0%} of outcomes",
    }[asked.criterion]
    held = list(checks[["check", "found", "limit"]].itertuples(index=False, name=None))
    tables = {"scenarios": found.served, "robust": found.sites}
    return Decision(solution, service, goal, found.proof, tables, lines, held)


def cells_by_year(
    demand: Mapping[int, pd.DataFrame], service: Mapping[int, pd.DataFrame]
) -> pd.DataFrame:
    """Return what each cell wants and is served in each year of a plan.

    Parameters
    ----------
    demand, service
        `siting.tables.DEMAND` and `siting.tables.SERVICE` by year.

    Returns
    -------
    DataFrame
        ``year``, ``cell_id``, ``vehicle_class``, ``demand_kwh_day``, ``served_kwh_day`` and
        ``site_id``, the station that serves most of it (the first by id of equals; blank: none).
    """
    parts = []
    for year, wanted in demand.items():
        rows = service[year].sort_values(["served_kwh_day", "site_id"], ascending=[False, True])
        main = rows.drop_duplicates("demand_id").set_index("demand_id")["site_id"]
        got = rows.groupby("demand_id")["served_kwh_day"].sum()
        ids = wanted["demand_id"]
        parts.append(
            pd.DataFrame(
                {
                    "year": year,
                    "cell_id": wanted["cell_id"].to_numpy(),
                    "vehicle_class": wanted["vehicle_class"].to_numpy(),
                    "demand_kwh_day": wanted["demand_kwh_day"].to_numpy(dtype=float),
                    "served_kwh_day": ids.map(got).fillna(0.0).to_numpy(dtype=float),
                    "site_id": ids.map(main).to_numpy(dtype=object),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
