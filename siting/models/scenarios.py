"""One plan for several futures: what is built is the same in all, who is served is not.

Offers are chosen before it is known which scenario of demand comes true; the energy is served
after. The program is a two-stage stochastic maximal covering problem with capacities::

    max   goal of S_1, S_2, ...
    s.t.  S_w = sum of x_ijgw                                              for each w
          sum of x_ijgw over j, g    <=  d_iw                              for each i, w  (demand)
          sum of x_ijgw over i       <=  sum of q_og z_o over o in O_j     for each j, g, w
                                                                                   (capacity)
          one offer a site, the budget                                     see `program`
          x >= 0,  z binary

===========  ====================================================================================
``w``        scenarios, with probability ``p_w``
``i``        demand rows, with ``d_iw`` kWh/day in scenario ``w``
``j``, ``g`` sites and charger groups; ``x_ijgw`` energy served (kWh/day), there only within reach
             and where the vehicles of ``i`` can plug in
``o``        offers; ``O_j`` those of site ``j``; ``q_og`` capacity (kWh/day)
``z_o``      1 if offer ``o`` is taken
===========  ====================================================================================

The goal (`siting.models.goals`) is one of three criteria:

- ``expected``: the mean ``sum of p_w S_w``.
- ``regret``: the least worst regret, the most over scenarios of ``b_w - S_w``, where ``b_w`` is the
  most that a plan made for scenario ``w`` alone serves in it. Probabilities do not count.
- ``cvar``: the mean over the worst ``1 - alpha`` of outcomes; near ``alpha = 0`` the mean over all
  outcomes, near 1 the worst outcome. The outcome is the energy served, or the energy wanted but
  unserved. Where scenarios differ in how much is wanted, the least energy is served in the one that
  wants least, whatever is built: the tail of energy *served* then plans for slow demand, and the
  tail of energy *unserved* for fast demand.

*Coverage* has ``y_iw <= d_iw x sum of z_o`` over the offers in reach that can serve ``i``, in place
of demand and capacity rows.

Source: L. Snyder: Facility location under uncertainty: a review. IIE Transactions 38 (2006),
547-564; R. Rockafellar, S. Uryasev: Optimization of conditional value-at-risk. Journal of Risk 2
(2000), 21-41.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import pulp

from siting.errors import Fault, InputError
from siting.models.goals import Goal, LeastRegret, Tail, Weighted
from siting.models.joint import Options, sharing_faults
from siting.models.program import add_budget, add_row
from siting.models.slices import Service, add_service
from siting.program.instance import Instance

Criterion = Literal["expected", "regret", "cvar"]
CvarOf = Literal["unserved", "served"]
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class Scenarios:
    """The futures a plan is made for; make them with `Scenarios.of`, which checks them.

    Parameters
    ----------
    names
        In the order of the instances.
    instances
        The data of each scenario: the same offers and budget, demand by scenario.
    probabilities
        Of each scenario, their sum 1.
    criterion
        ``expected``, ``regret`` or ``cvar``.
    alpha
        Share of outcomes that ``cvar`` leaves out.
    cvar_of
        What the outcome is for ``cvar``: energy ``unserved`` or ``served``.
    """

    names: tuple[str, ...]
    instances: tuple[Instance, ...]
    probabilities: tuple[float, ...]
    criterion: Criterion
    alpha: float
    cvar_of: CvarOf

    @classmethod
    def of(
        cls,
        instances: Mapping[str, Instance],
        probabilities: Mapping[str, float],
        criterion: str = "expected",
        alpha: float = 0.9,
        cvar_of: str = "unserved",
    ) -> Scenarios:
        """Return the scenarios, their probabilities scaled to the sum 1.

        Parameters
        ----------
        instances
            The data of each scenario.
        probabilities
            Of each scenario.
        criterion, alpha, cvar_of
            As the class says.

        Raises
        ------
        InputError
            With every fault of probabilities, criterion and alpha, and of instances that do not
            share their offers, demand rows and budget.
        """
        faults = _probability_faults(instances, probabilities)
        if criterion not in get_args(Criterion):
            fix = f"give {', '.join(get_args(Criterion))}"
            faults.append(Fault("criterion", f"is {criterion!r}", fix))
        if cvar_of not in get_args(CvarOf):
            fix = f"give {' or '.join(get_args(CvarOf))}"
            faults.append(Fault("cvar_of", f"is {cvar_of!r}", fix))
        if not 0 < alpha < 1:
            fix = "give a share above 0 and below 1, such as 0.9"
            faults.append(Fault("alpha", f"is {alpha}", fix))
        faults += sharing_faults(instances, "scenario")
        budgets = {name: instance.budget_pkr for name, instance in instances.items()}
        if len(set(budgets.values())) > 1:
            listed = tuple(f"{name}: {pkr:,.0f}" for name, pkr in budgets.items())
            fix = "give every scenario the same budget: it is spent before one comes true"
            faults.append(Fault("budget_pkr", "differs between scenarios", fix, listed))
        if faults:
            raise InputError(faults)
        share = np.array([probabilities[name] for name in instances], dtype=float)
        return cls(
            tuple(instances),
            tuple(instances.values()),
            tuple((share / share.sum()).tolist()),
            cast(Criterion, criterion),
            float(alpha),
            cast(CvarOf, cvar_of),
        )

    def goal(self, best: tuple[float, ...] = ()) -> Goal:
        """Return the goal.

        Parameters
        ----------
        best
            The most that any plan serves in each scenario (kWh/day); for ``regret`` only.
        """
        if self.criterion == "regret":
            return LeastRegret(best)
        if self.criterion == "cvar":
            wanted = tuple(instance.demand_kwh_day for instance in self.instances)
            return Tail(self.probabilities, self.alpha, wanted if self.less_is_better else ())
        return Weighted(self.probabilities)

    @property
    def less_is_better(self) -> bool:
        """Whether the criterion is energy not served or given up."""
        unserved = self.criterion == "cvar" and self.cvar_of == "unserved"
        return unserved or self.criterion == "regret"

    @property
    def mean(self) -> Instance:
        """The scenario in which every demand row wants its mean."""
        kwh = sum(
            p * instance.demand_kwh
            for p, instance in zip(self.probabilities, self.instances, strict=True)
        )
        return dataclasses.replace(self.instances[0], demand_kwh=np.asarray(kwh, float))


@dataclass(frozen=True, eq=False)
class ScenarioProgram:
    """The full program, its offer variables, and a constant to be added to its objective."""

    prob: pulp.LpProblem
    z: list[pulp.LpVariable]
    constant: float


def scenario_program(
    scenarios: Scenarios, model: str = "capacitated", best: tuple[float, ...] = ()
) -> ScenarioProgram:
    """Return the program written out in full, in PuLP; its objective is the goal (kWh/day).

    It is for reading and for comparison; it has a variable for each row, site, group and scenario.

    Parameters
    ----------
    scenarios
        The scenarios.
    model
        ``capacitated`` or ``coverage``.
    best
        The most that any plan serves in each scenario (kWh/day); for ``regret`` only.
    """
    first = scenarios.instances[0]
    prob = pulp.LpProblem(f"{scenarios.criterion}_{model}", pulp.LpMaximize)
    z = [
        prob.add_variable(f"z_{o}", int(first.offer_existing[o]), 1, "Integer")
        for o in range(len(first.offer_ids))
    ]
    service = Service(prob, model)
    served = [
        [(x, 1.0) for x in add_service(service, instance, z, k)]
        for k, instance in enumerate(scenarios.instances)
    ]
    goal = scenarios.goal(best)
    most = max(instance.demand_kwh_day for instance in scenarios.instances)
    prob.setObjective(pulp.lpSum_vars_coefs(goal.write(prob, served, most)))
    for j in range(len(first.site_ids)):
        here = np.flatnonzero(first.offer_site == j).tolist()
        if len(here) > 1:
            add_row(prob, [(z[o], 1.0) for o in here], 1.0, f"one_{j}")
    add_budget(prob, z, first, np.arange(len(first.offer_ids)))
    return ScenarioProgram(prob, z, goal.constant)


def same_offers(scenarios: Scenarios) -> Options:
    """Return the offers as options that stand in every scenario.

    Parameters
    ----------
    scenarios
        The scenarios.
    """
    count = len(scenarios.instances[0].offer_ids)
    offer = np.repeat(np.arange(count)[:, None], len(scenarios.names), axis=1)
    return Options(offer, np.zeros((count, 0)), np.zeros(0))


def _probability_faults(
    instances: Mapping[str, Instance], probabilities: Mapping[str, float]
) -> list[Fault]:
    faults = []
    if not instances:
        faults.append(Fault("scenarios", "there are none", "give an instance for each scenario"))
    without = tuple(str(name) for name in instances if name not in probabilities)
    if without:
        fix = "give each one, their sum 1"
        faults.append(Fault("probabilities", "scenarios without a probability", fix, without))
    extra = tuple(str(name) for name in probabilities if name not in instances)
    if extra:
        fix = "give an instance or drop them"
        faults.append(Fault("probabilities", "of scenarios that are not there", fix, extra))
    bad = tuple(
        f"{name}: {p}" for name, p in probabilities.items() if not (math.isfinite(p) and p >= 0)
    )
    if bad:
        faults.append(Fault("probabilities", "not a share", "give 0 to 1", bad))
    total = math.fsum(probabilities.values())
    if not bad and not without and abs(total - 1) > SUM_TOLERANCE:
        fix = "divide each by the sum if their proportions are right"
        faults.append(Fault("probabilities", f"sum to {total:g}, not 1", fix))
    return faults
