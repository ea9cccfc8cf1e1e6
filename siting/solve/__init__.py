"""The answer of a program, how good it is proven to be, and who is served from where.

HiGHS is the solver, through PuLP; this is the only room that knows of either.
"""

from siting.solve.classics import ClassicSolution, solve_classic
from siting.solve.proof import Proof
from siting.solve.run import solve
from siting.solve.service import assign
from siting.solve.solution import Progress, Solution

__all__ = [
    "ClassicSolution",
    "Progress",
    "Proof",
    "Solution",
    "assign",
    "solve",
    "solve_classic",
]
