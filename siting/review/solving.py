"""Solve a program again, for example with a different budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from siting.config import Config, with_keys
from siting.engine.answer import Answer
from siting.engine.fixed import plan_of
from siting.engine.proof import Proof
from siting.outcome import Outcome
from siting.program.limits import with_more_money
from siting.program.program import Program
from siting.study.other_plans import Effort
from siting.study.program_inputs import Asked, money_of
from siting.study.revalue import with_program


def with_budget(asked: Asked, budget_pkr: float) -> Asked:
    """Return the program with another budget (PKR); its yearly parts and shares scale with it."""
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
