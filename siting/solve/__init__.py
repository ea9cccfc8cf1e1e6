"""Solving: HiGHS through PuLP, bounds, starts, and who is served by what. Only here are solvers."""

from siting.solve.assignment import assign
from siting.solve.optimise import solve
from siting.solve.solution import Progress, Solution

__all__ = ["Progress", "Solution", "assign", "solve"]
