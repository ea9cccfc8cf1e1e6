"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. Nothing here solves anything; `siting.solve` does.
"""

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.instance import Instance
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.objective import (
    ExponentialDecay,
    GaussianDecay,
    LinearDecay,
    Objective,
    StepDecay,
    objective_of,
)
from siting.models.program import Program
from siting.models.viability import GapRule, annuity

__all__ = ["Instance", "MergedDemand", "Program", "capacitated", "coverage", "merge_equal_reach"]
__all__ += ["ExponentialDecay", "GaussianDecay", "LinearDecay", "StepDecay"]
__all__ += ["GapRule", "Objective", "annuity", "objective_of"]
