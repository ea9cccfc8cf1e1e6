"""Solve a program again, with a different budget or to find near-optimal plans."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from siting.config import Config, with_keys
from siting.config.program import Alternatives
from siting.engine.answer import Answer
from siting.engine.fixed import plan_of
from siting.engine.proof import Proof
from siting.errors import SitingError
from siting.outcome import Outcome
from siting.program.limits import with_more_money
from siting.program.program import Program
from siting.study.other_plans import Effort, alternatives
from siting.study.program_inputs import Asked, money_of
from siting.study.revalue import with_program
from siting.study.to_program import program_of

DIFFER_BY = 2


def with_budget(asked: Asked, budget_pkr: float) -> Asked:
    """Return the program with another budget (PKR); yearly budgets and shares of it scale too."""
    more = budget_pkr - money_of(asked.config)
    asked = replace(asked, limits=with_more_money(asked.limits, more))
    return with_program(asked, **budget_keys(asked.config, budget_pkr))


def budget_keys(config: Config, budget_pkr: float) -> dict[str, Any]:
    """Return the keys of the ``program`` section for another budget (PKR).

    If the plan has several years, each year keeps its share of the budget.
    """
    keys: dict[str, Any] = {"budget_pkr": float(budget_pkr)}
    if config.program.years is not None:
        budgets_pkr = config.program.years.budgets_pkr
        total, even = sum(budgets_pkr.values()), 1 / len(budgets_pkr)
        share = {year: pkr / total if total > 0 else even for year, pkr in budgets_pkr.items()}
        keys["years.budgets_pkr"] = {year: budget_pkr * part for year, part in share.items()}
    return keys


def effort_for(asked: Asked, time_limit_s: float, gap: float | None = None) -> Effort:
    """Return the settings of a solve with this time limit (s) and, if given, this gap."""
    gap = asked.config.solver.gap if gap is None else gap
    return Effort(with_keys(asked.config, {"solver.time_limit_s": time_limit_s, "solver.gap": gap}))


def stored_answer(program: Program, outcome: Outcome) -> Answer:
    """Return the solution stored in an outcome, with its proofs."""
    years = program.year_plan.years if program.year_plan else ()
    built = outcome.built
    stands = {y: set(built.loc[(built["year"] == y).to_numpy(bool), "offer_id"]) for y in years}
    return replace(plan_of(program, stands or outcome.offers), proofs=outcome.proofs)


def near_optimal(gap: float) -> float:
    """Return the share of the objective that near-optimal plans may lose at this solver gap."""
    return max(2 * gap, 0.01)


def other_plans(
    asked: Asked, outcome: Outcome, count: int, time_limit_s: float
) -> tuple[pd.DataFrame, pd.DataFrame, bool] | str:
    """Return near-optimal plans, the sites that they use, and whether the time sufficed.

    The first table has a row per plan, and the second has the number of plans that use each site.
    If no plans can be compared, the reason is returned as text. `count` includes the plan itself.
    """
    within = near_optimal(asked.config.solver.gap)
    wanted = Alternatives.model_construct(count=count, differ_by=DIFFER_BY, within_share=within)
    effort = effort_for(asked, time_limit_s)
    try:
        program = program_of(asked)
        table, sites = alternatives(program, stored_answer(program, outcome), wanted, effort)
    except SitingError as err:
        return str(err)
    return table, sites, len(table) == count or effort.left_s > 0


def better_by(program: Program, now: Proof, before: Proof) -> float:
    """Return how much better the objective of `now` is than the objective of `before`."""
    sign = -1.0 if program.all_aims[0].less_is_better else 1.0
    return sign * (now.objective - before.objective)


def amount(value: float, unit: str) -> str:
    """Return an amount as text for readers.

    >>> amount(1234.4, "kWh/day"), amount(0.125, "share"), amount(2.5e6, "PKR")
    ('1,234 kWh/day', '12.50%', 'PKR 2.50 m')
    """
    if unit == "share":
        return f"{value:.2%}"
    return f"PKR {value / 1e6:,.2f} m" if unit == "PKR" else f"{value:,.0f} {unit}"


def little(unit: str) -> float:
    """Return the largest difference in this unit that is too small to mention."""
    return {"share": 5e-5, "PKR": 5e3}.get(unit, 0.5)
