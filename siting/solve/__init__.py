"""The answer of a program, how good it is proven to be, and who is served from where.

HiGHS is the solver, through PuLP; this is the only room that knows of either.
"""

from siting.engine.clock import Progress
from siting.engine.proof import Proof
from siting.solve.alternatives import Alternatives, solve_alternatives
from siting.solve.fairness import FairPlan, solve_fair
from siting.solve.least_cost import LeastCostPlan, solve_least_cost
from siting.solve.phased import PhasedSolution, solve_phased
from siting.solve.run import solve
from siting.solve.scenarios import ScenarioSolution, solve_scenarios
from siting.solve.service import assign
from siting.solve.settle import Effort
from siting.solve.solution import Solution
from siting.solve.viability import GapPlan, solve_viability
from siting.solve.weighted import WeightedPlan, solve_weighted
from siting.solve.whynot import why_not
from siting.solve.zones import gini

__all__ = [
    "Alternatives",
    "Effort",
    "FairPlan",
    "GapPlan",
    "LeastCostPlan",
    "PhasedSolution",
    "Progress",
    "Proof",
    "ScenarioSolution",
    "Solution",
    "WeightedPlan",
    "assign",
    "gini",
    "solve",
    "solve_alternatives",
    "solve_fair",
    "solve_least_cost",
    "solve_phased",
    "solve_scenarios",
    "solve_viability",
    "solve_weighted",
    "why_not",
]
