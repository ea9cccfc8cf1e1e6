"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. Nothing here solves anything; `siting.solve` does.
"""

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.instance import Instance
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.phased import Phases, phased
from siting.models.program import Program
from siting.models.scenarios import Scenarios, scenario_program

__all__ = [
    "Instance",
    "MergedDemand",
    "Phases",
    "Program",
    "Scenarios",
    "capacitated",
    "coverage",
    "merge_equal_reach",
    "phased",
    "scenario_program",
]
