"""A decision: what every variant of the program comes to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pandas as pd

from siting.models import Instance
from siting.solve import Effort, Proof, Solution

if TYPE_CHECKING:
    from siting.study.pipeline import Study

Check = tuple[str, float, float]


@dataclass(frozen=True, eq=False)
class Decision:
    """What was decided.

    Parameters
    ----------
    solution
        The offers chosen, with the energy they serve and money they draw.
    service
        Who is served by what (`siting.tables.SERVICE`), in the target year.
    goal
        What was aimed at, in words.
    proof
        What is proven of it, in its own unit.
    tables
        What else there is to tell, by name; each becomes a CSV file.
    lines
        Headline figures of the variant, (what, value).
    checks
        What the variant's own recount found: (check, found, limit).
    subsidies
        Subsidy by site where the program decides on it (PKR).
    """

    solution: Solution
    service: pd.DataFrame
    goal: str
    proof: Proof
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    lines: list[tuple[str, str]] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    subsidies: dict[str, float] | None = None


def effort_of(study: Study) -> Effort:
    """Return how hard the variants try."""
    solver = study.config.solver
    return Effort(
        gap=solver.gap,
        time_limit_s=solver.time_limit_s,
        threads=solver.threads,
        seed=solver.seed,
        solver=solver.name,
        progress=study.solve_progress,
    )


def share_of_zone(zones: pd.DataFrame, zone: str) -> float:
    """Return the share of its demand that a zone is served, 0 to 1; 0 for an unknown zone."""
    found = zones.loc[zones["zone"] == zone, "served_share"]
    return float(found.iloc[0]) if len(found) else 0.0


def as_solution(
    study: Study,
    offers: tuple[str, ...],
    service: pd.DataFrame,
    proof: Proof,
    *,
    budget: bool = True,
    instance: Instance | None = None,
) -> Solution:
    """Return a variant's plan in the form of the plain one, its bound that of all demand."""
    given = study.instance if instance is None else instance
    chosen = given.positions_of(offers)
    served = float(service["served_kwh_day"].sum())
    subsidy_pkr = float(given.offer_subsidy[chosen].sum())
    return Solution(
        model=study.config.program.model,
        status=proof.status,
        offers=offers,
        objective_kwh_day=served,
        bound_kwh_day=given.demand_kwh_day,
        gap=proof.gap,
        gap_asked=proof.gap_asked,
        stopped=proof.stopped,
        nodes=proof.nodes,
        seconds=proof.seconds,
        tie_break="polished",
        subsidy_pkr=subsidy_pkr,
        cost_pkr=float(given.offer_cost[chosen].sum()),
        # A cheapest plan has no budget: the money there is, is the money it takes.
        budget_pkr=study.config.program.budget_pkr if budget else subsidy_pkr,
        demand_kwh_day=given.demand_kwh_day,
        solver=study.config.solver.name,
        solver_version="",
    )


def with_subsidy(solution: Solution, pkr: float, budget_pkr: float | None = None) -> Solution:
    """Return a solution that draws another subsidy than its offers say (PKR)."""
    budget = solution.budget_pkr if budget_pkr is None else budget_pkr
    return replace(solution, subsidy_pkr=pkr, budget_pkr=budget)
