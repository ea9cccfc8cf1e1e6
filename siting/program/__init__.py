"""The program: data and requirement blocks, independent of any solver."""

from siting.program.instance import Instance
from siting.program.limits import Limit
from siting.program.money import GapRule
from siting.program.objective import ExponentialDecay, GaussianDecay, LinearDecay, StepDecay
from siting.program.program import Program

__all__ = [
    "ExponentialDecay",
    "GapRule",
    "GaussianDecay",
    "Instance",
    "Limit",
    "LinearDecay",
    "Program",
    "StepDecay",
]
