"""What a solve returns: the offers chosen, how good they are, and why it stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from siting.engine.proof import Status, Stopped

Method = Literal["exact", "greedy"]
TieBreak = Literal["exact", "polished"]


@dataclass(frozen=True)
class Solution:
    """The answer of a solve.

    Parameters
    ----------
    model
        ``capacitated`` or ``coverage``.
    status
        ``optimal`` only where the proven gap is at or below the asked one; else ``feasible``.
    offers
        Ids of the offers chosen, existing stations included, in the order of the ids.
    objective_kwh_day
        Energy the plan serves (kWh/day), worked out from the offers alone.
    bound_kwh_day
        Proven limit on the energy any plan for this money serves (kWh/day).
    gap
        ``(bound - objective) / objective``; 0 where both are 0.
    gap_asked
        The gap that was asked for.
    stopped
        Why the solve ended.
    nodes
        Branch-and-bound nodes of the solver.
    seconds
        Seconds spent by phase, and ``total``.
    tie_break
        ``exact``: of all plans that serve as much, this one draws the least subsidy, then costs the
        least, then has the lowest ids. ``polished``: nothing can be dropped from it, or replaced by
        a cheaper offer at the same site, without serving less.
    subsidy_pkr, cost_pkr, budget_pkr
        Public money drawn, cost in all, and public money there is (PKR).
    demand_kwh_day
        All the energy wanted, within reach or not (kWh/day).
    solver, solver_version
        What solved it.
    method
        ``exact`` or ``greedy``.
    guarantee
        What the greedy method is known to reach at least on such an instance, with its source;
        empty where nothing is known, or not needed.
    """

    model: str
    status: Status
    offers: tuple[str, ...]
    objective_kwh_day: float
    bound_kwh_day: float
    gap: float
    gap_asked: float
    stopped: Stopped
    nodes: int
    seconds: dict[str, float]
    tie_break: TieBreak
    subsidy_pkr: float
    cost_pkr: float
    budget_pkr: float
    demand_kwh_day: float
    solver: str
    solver_version: str
    method: Method = "exact"
    guarantee: str = ""

    def __repr__(self) -> str:
        """Return the answer as a few lines a person can read."""
        proof = "gap" if self.status == "optimal" else "not proven optimal, gap"
        share = self.objective_kwh_day / self.demand_kwh_day if self.demand_kwh_day else 0.0
        method = "" if self.method == "exact" else f", {self.method}"
        guarantee = [f"  sure    {self.guarantee}"] if self.guarantee else []
        return "\n".join(
            [
                f"Solution ({self.model}{method}): {self.status}, {proof} {self.gap:.2%} "
                f"(asked {self.gap_asked:.2%}), {self.stopped}",
                f"  serves  {self.objective_kwh_day:,.1f} of {self.demand_kwh_day:,.1f} kWh/day "
                f"({share:.1%}); no plan serves more than {self.bound_kwh_day:,.1f}",
                f"  offers  {len(self.offers):,}",
                f"  money   PKR {self.subsidy_pkr:,.0f} of {self.budget_pkr:,.0f} subsidy, "
                f"cost PKR {self.cost_pkr:,.0f}; ties {self.tie_break}",
                f"  solver  {self.solver} {self.solver_version}, {self.nodes:,} nodes, "
                f"{self.seconds.get('total', 0.0):.1f} s",
                *guarantee,
            ]
        )
