"""One plan for several futures, how good it is proven, and what is given up in each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.engine.clock import Clock, Progress, relative_gap
from siting.engine.proof import Proof, Stopped
from siting.models.joint import join
from siting.models.scenarios import Scenarios, same_offers
from siting.program.instance import Instance, Ints
from siting.solve.checks import checked, setting_faults
from siting.solve.joint import JointSearch, stopped_by
from siting.solve.joint_valuer import JointValuer
from siting.solve.revalue import served_by
from siting.solve.run import solve
from siting.solve.solution import Solution

# Share of the time limit for the plan of each scenario alone and of the mean scenario.
ALONE_ENDS = 0.4
UNITS = {
    ("expected", True): "kWh/day",
    ("regret", False): "kWh/day given up",
    ("cvar", True): "kWh/day served in the worst outcomes",
    ("cvar", False): "kWh/day unserved in the worst outcomes",
}


@dataclass(frozen=True, eq=False)
class ScenarioSolution:
    """A plan for several futures.

    Parameters
    ----------
    model, criterion, alpha, cvar_of
        What was asked; `alpha` and `cvar_of` count for ``cvar`` only.
    offers
        Ids of the offers chosen, existing stations included, in the order of the ids.
    served
        By scenario: ``scenario``, ``probability``, ``demand_kwh_day``, ``served_kwh_day``,
        ``best_kwh`` (the most that a plan found serves there), ``best_bound_kwh`` (the most that
        any plan can), ``regret_kwh`` (no more than this is given up there) and ``regret_share`` of
        ``best_bound_kwh``.
    sites
        How often each site is chosen: ``site_id``, ``in_plan``, ``scenarios`` (in how many
        scenarios' own plans), ``robust`` (in all of them), by site; those in none are left out.
    proof
        The criterion and the limit on any plan's. For ``regret`` the objective is the worst
        ``regret_kwh``, for ``cvar`` of energy unserved the mean of that; less is better for both.
    expected_kwh
        Mean energy served, by the probabilities (kWh/day).
    mean_plan_offers, mean_plan_expected_kwh, mean_plan_criterion
        The plan made for the mean demand: its offers, the mean energy it serves (kWh/day) and the
        criterion at it.
    subsidy_pkr
        Public money drawn (PKR).
    """

    model: str
    criterion: str
    alpha: float
    cvar_of: str
    offers: tuple[str, ...]
    served: pd.DataFrame
    sites: pd.DataFrame
    proof: Proof
    expected_kwh: float
    mean_plan_offers: tuple[str, ...]
    mean_plan_expected_kwh: float
    mean_plan_criterion: float
    subsidy_pkr: float

    @property
    def value_of_the_stochastic_solution(self) -> float:
        """Mean energy that the plan serves more than the plan of the mean scenario (kWh/day)."""
        return self.expected_kwh - self.mean_plan_expected_kwh

    @property
    def robust_sites(self) -> tuple[str, ...]:
        """The sites chosen in every scenario's own plan, in their order."""
        return tuple(self.sites.loc[self.sites["robust"], "site_id"])

    def __repr__(self) -> str:
        """Return the plan as a few lines a person can read."""
        lines = [f"ScenarioSolution ({self.criterion}, {self.model}): {self.proof}"]
        lines += [
            f"  {row.scenario}  p {row.probability:g}: serves {row.served_kwh_day:,.1f} of "
            f"{row.demand_kwh_day:,.1f} kWh/day, gives up at most {row.regret_kwh:,.1f} "
            f"({row.regret_share:.1%})"
            for row in self.served.itertuples()
        ]
        lines.append(
            f"  mean {self.expected_kwh:,.1f} kWh/day, "
            f"{self.value_of_the_stochastic_solution:,.1f} more than the plan for the mean demand; "
            f"{len(self.robust_sites):,} sites stand in every scenario's own plan"
        )
        return "\n".join(lines)


def solve_scenarios(
    instances: Mapping[str, Instance],
    probabilities: Mapping[str, float],
    criterion: str = "expected",
    *,
    alpha: float = 0.9,
    cvar_of: str = "unserved",
    model: str = "capacitated",
    gap: float = 0.005,
    time_limit_s: float = 120.0,
    threads: int = 2,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
) -> ScenarioSolution:
    """Return one plan for all scenarios, the energy it serves in each (kWh/day), and the proof.

    The plans of each scenario alone and of the mean demand are worked out first; they are starts,
    and the yardstick of regret. Where the best of a scenario is known within bounds only, regret is
    counted from the bound: what is reported is never less than what is given up.

    Parameters
    ----------
    instances
        The data of each scenario: the same offers and budget, demand by scenario.
    probabilities
        Of each scenario, their sum 1.
    criterion
        ``expected`` (mean energy), ``regret`` (the least worst regret) or ``cvar`` (mean of the
        worst outcomes).
    alpha
        Share of outcomes that ``cvar`` leaves out: 0.9 looks at the worst tenth.
    cvar_of
        What ``cvar`` counts as outcome: energy ``unserved`` (least is best) or ``served``.
    model
        ``capacitated`` or ``coverage``.
    gap
        Relative gap between bound and plan at which to stop. For ``regret`` it is relative to the
        regret, which is small itself: the time limit is the usual end in a city.
    time_limit_s
        Seconds to take at most.
    threads, seed
        Threads of the solver and its random seed.
    progress
        Called now and then with a `Progress`; its energies are those of the criterion.

    Returns
    -------
    ScenarioSolution
        Offers, energy and regret by scenario, how often each site is chosen, proof.

    Raises
    ------
    InputError
        With every fault of probabilities, criterion, alpha and options.
    """
    scenarios = checked(
        setting_faults(model, gap, time_limit_s, threads),
        lambda: Scenarios.of(instances, probabilities, criterion, alpha, cvar_of),
    )
    clock = Clock(time_limit_s, progress)
    run = _Run(scenarios, model, gap, clock, threads, seed)
    with clock.phase("each scenario", ALONE_ENDS):
        run.solve_alone()
    try:
        run.solve_together()
    except KeyboardInterrupt:
        clock.interrupted = True
    return run.answer()


class _Run:
    """The plans of each scenario alone, then the plan for all."""

    def __init__(
        self, scenarios: Scenarios, model: str, gap: float, clock: Clock, threads: int, seed: int
    ) -> None:
        self.scenarios, self.model, self.gap, self.clock = scenarios, model, gap, clock
        self.threads, self.seed = threads, seed
        self.first = scenarios.instances[0]
        self.alone: list[Solution] = []
        self.bound = math.inf
        self.offers = np.flatnonzero(self.first.offer_existing)
        self.nodes = 0
        self.top = 0.0

    def solve_alone(self) -> None:
        """Plan for each scenario alone, and for the mean demand."""
        cases = [*self.scenarios.instances, self.scenarios.mean]
        for n, instance in enumerate(cases):
            limit = self.clock.left_s / (len(cases) - n)
            answer = solve(
                instance,
                self.model,
                gap=self.gap,
                time_limit_s=0.01 if self.clock.interrupted else max(limit, 0.01),
                threads=self.threads,
                seed=self.seed,
            )
            self.alone.append(answer)
            if answer.stopped == "interrupted":
                self.clock.interrupted = True
        plans = [self._plan(answer) for answer in self.alone]
        instances = self.scenarios.instances
        self.table = np.array([[self._served(i, plan) for plan in plans] for i in instances])
        # A plan made for another scenario may be the best one found for this one.
        self.best = self.table.max(axis=1)
        limits = [answer.bound_kwh_day for answer in self.alone[:-1]]
        self.limit = np.maximum(limits, self.best)

    def solve_together(self) -> None:
        """Plan for all scenarios."""
        scenarios, first = self.scenarios, self.first
        found = same_offers(scenarios)
        joint = join(
            scenarios.instances, found, first.offer_subsidy, first.offer_cost, first.budget_pkr
        )
        goal = scenarios.goal(tuple(self.best.tolist()))
        self.top = goal.constant
        valuer = JointValuer(
            joint, found, len(scenarios.names), goal, capacitated=self.model == "capacitated"
        )
        measure = self._gap_of_less if scenarios.less_is_better else relative_gap
        search = JointSearch(
            valuer, self.clock, self.gap, measure, threads=self.threads, seed=self.seed
        )
        try:
            search.run([valuer.choice_of(self._plan(answer)) for answer in self.alone])
        finally:
            self.bound = search.found.bound
            self.nodes = search.found.nodes
            self.offers = valuer.offers_of(search.found.best.choice)

    def answer(self) -> ScenarioSolution:
        """Return the plan, valued anew."""
        scenarios, clock = self.scenarios, self.clock
        with clock.phase("answer"):
            served = np.array([self._served(i, self.offers) for i in scenarios.instances])
        self.best = np.maximum(self.best, served)
        self.limit = np.maximum(self.limit, self.best)
        probability = np.array(scenarios.probabilities)
        wanted = np.array([i.demand_kwh_day for i in scenarios.instances])
        regret = self.limit - served
        objective, bound = self._criterion(served), self.bound
        maximise = not scenarios.less_is_better
        if not maximise:
            bound = max(0.0, self.top - bound)
        proof = Proof.of(
            objective,
            max(bound, objective) if maximise else min(bound, objective),
            gap_asked=self.gap,
            stopped=self._stopped(),
            unit=UNITS[scenarios.criterion, maximise],
            maximise=maximise,
            nodes=self.nodes,
            seconds={**clock.seconds, "total": clock.elapsed_s},
        )
        table = pd.DataFrame(
            {
                "scenario": scenarios.names,
                "probability": probability,
                "demand_kwh_day": wanted,
                "served_kwh_day": served,
                "best_kwh": self.best,
                "best_bound_kwh": self.limit,
                "regret_kwh": regret,
                "regret_share": regret / np.maximum(self.limit, 1e-12),
            }
        )
        mean = self.table[:, -1]
        return ScenarioSolution(
            model=self.model,
            criterion=scenarios.criterion,
            alpha=scenarios.alpha,
            cvar_of=scenarios.cvar_of,
            offers=tuple(self.first.offer_ids[self.offers].tolist()),
            served=table,
            sites=self._sites(),
            proof=proof,
            expected_kwh=math.fsum(probability * served),
            mean_plan_offers=self.alone[-1].offers,
            mean_plan_expected_kwh=math.fsum(probability * mean),
            mean_plan_criterion=self._criterion(mean),
            subsidy_pkr=math.fsum(self.first.offer_subsidy[self.offers]),
        )

    def _stopped(self) -> Stopped:
        stopped = stopped_by(self.clock)
        # The regret may be proven as far as the best of each scenario is known, and no further.
        if stopped == "solver stopped" and any(a.stopped == "time limit" for a in self.alone):
            return "time limit"
        return stopped

    def _criterion(self, served: np.ndarray) -> float:
        if self.scenarios.criterion == "regret":
            return max(0.0, float((self.limit - served).max()))
        goal = self.scenarios.goal()
        value = float(goal.value(served))
        return max(0.0, goal.constant - value) if self.scenarios.less_is_better else value

    def _gap_of_less(self, value: float, bound: float) -> float:
        least, found = max(0.0, self.top - bound), self.top - value
        return (found - least) / max(found, 1e-12)

    def _plan(self, answer: Solution) -> Ints:
        return self.first.positions_of(answer.offers)

    def _served(self, instance: Instance, plan: Ints) -> float:
        return served_by(instance, plan, self.model)

    def _sites(self) -> pd.DataFrame:
        first = self.first
        count = np.zeros(len(first.site_ids), dtype=np.int64)
        for answer in self.alone[:-1]:
            count[first.offer_site[self._plan(answer)]] += 1
        chosen = np.zeros(len(first.site_ids), dtype=bool)
        chosen[first.offer_site[self.offers]] = True
        table = pd.DataFrame(
            {
                "site_id": first.site_ids,
                "in_plan": chosen,
                "scenarios": count,
                "robust": count == len(self.scenarios.names),
            }
        )
        return table[chosen | (count > 0)].reset_index(drop=True)
