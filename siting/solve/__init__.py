"""The answer of a program, how good it is proven to be, and who is served from where.

HiGHS is the solver, through PuLP; this is the only room that knows of either.
"""

from siting.solve.phased import PhasedSolution, solve_phased
from siting.solve.proof import Proof
from siting.solve.run import solve
from siting.solve.scenarios import ScenarioSolution, solve_scenarios
from siting.solve.service import assign
from siting.solve.solution import Progress, Solution

__all__ = [
    "PhasedSolution",
    "Progress",
    "Proof",
    "ScenarioSolution",
    "Solution",
    "assign",
    "solve",
    "solve_phased",
    "solve_scenarios",
]
