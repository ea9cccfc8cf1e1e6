"""The questions put to the solver here: a plan for other wishes, who it serves, other plans."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from siting.config.sections import Solver
from siting.errors import SitingError, SolveError
from siting.models.rows import zones_of
from siting.program.instance import Instance
from siting.solve import Alternatives, Solution, assign, gini, solve, solve_alternatives
from siting.solve.marginal import Marginal
from siting.solve.without import lost_without
from siting.solve.zones import zone_table
from siting.study.decision import effort_of
from siting.study.objective import floors_of, objective_for
from siting.study.pipeline import Study

__all__ = [
    "Asking",
    "Marginal",
    "gini",
    "lost_without",
    "near_optimal",
    "other_plans",
    "shares_of_zones",
    "without",
]


@dataclass(frozen=True)
class Asking:
    """How the plan of a study is looked for: its model, how hard, by which method.

    Parameters
    ----------
    model
        ``capacitated`` or ``coverage``.
    settings
        The section ``solver``.
    method
        ``exact`` or ``greedy``.
    """

    model: str
    settings: Solver
    method: Literal["exact", "greedy"] = "exact"

    def best(
        self,
        instance: Instance,
        *,
        start: Iterable[str] = (),
        time_limit_s: float | None = None,
        gap: float | None = None,
    ) -> Solution:
        """Return the plan that serves the most energy, from a first plan if one is given."""
        solver = self.settings
        return solve(
            instance,
            self.model,
            gap=solver.gap if gap is None else gap,
            time_limit_s=solver.time_limit_s if time_limit_s is None else time_limit_s,
            threads=solver.threads,
            seed=solver.seed,
            solver=solver.name,
            method=self.method,
            start=tuple(start) or None,
        )

    def service(self, instance: Instance, offers: Collection[str]) -> pd.DataFrame:
        """Return who is served by what where these offers stand (`siting.tables.SERVICE`)."""
        return assign(instance, offers, self.model)


def without(instance: Instance, site: str) -> Instance:
    """Return an instance in which nothing can stand at a site."""
    kept = np.flatnonzero(instance.site_ids[instance.offer_site] != site)
    use = instance.limit_use[:, kept]
    of_offers = ("ids", "site", "capacity", "cost", "subsidy", "existing")
    left = {f"offer_{name}": getattr(instance, f"offer_{name}")[kept] for name in of_offers}
    return replace(
        instance,
        **left,
        limit_start=use.indptr.astype(np.int64),
        limit_offer=use.indices.astype(np.int64),
        limit_amount=use.data,
    )


def shares_of_zones(instance: Instance, zone: pd.Series, service: pd.DataFrame) -> pd.DataFrame:
    """Return the demand and served share of each zone, from the zone of each ``demand_id``."""
    return zone_table(instance, zones_of(instance, zone), service)


def near_optimal(gap: float) -> float:
    """Return the share that a plan may serve less and be near-optimal, from the gap asked."""
    return max(2 * gap, 0.01)


def other_plans(
    study: Study, instance: Instance, start: Iterable[str], count: int, time_limit_s: float
) -> Alternatives | str:
    """Return near-optimal plans for what a study's program asks; in words why there are none."""
    program = study.config.program
    limits = study.limits or study.required_sites or study.forbidden_sites
    gap = study.config.offers.subsidy.rule == "gap"
    if program.variant not in ("plain", "weighted") or gap or limits:
        return "the program does not look for other plans"
    try:
        return solve_alternatives(
            instance,
            count,
            within_share=near_optimal(study.config.solver.gap),
            objective=objective_for(study, instance),
            zones=study.demand_zones,
            floors=floors_of(study),
            city_floor=program.min_served_share or None,
            model=program.model,
            effort=replace(effort_of(study), time_limit_s=time_limit_s),
            start=tuple(start),
        )
    except SolveError:
        return f"none was found in {time_limit_s:g} s; --seconds gives it longer"
    except SitingError as err:
        return str(err)
