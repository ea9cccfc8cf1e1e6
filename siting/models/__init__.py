"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. Nothing here solves anything; `siting.solve` does.
"""

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.phased import Phases, phased
from siting.models.program import Program
from siting.models.scenarios import Scenarios, scenario_program
from siting.models.viability import GapRule, annuity
from siting.program.instance import Instance
from siting.program.limits import Limit, envelopes, feeders, limit_tables, number, parts_by_area
from siting.program.objective import (
    ExponentialDecay,
    GaussianDecay,
    LinearDecay,
    Objective,
    StepDecay,
    objective_of,
)
from siting.program.spacing import spacing

__all__ = [
    "ExponentialDecay",
    "GapRule",
    "GaussianDecay",
    "Instance",
    "Limit",
    "LinearDecay",
    "MergedDemand",
    "Objective",
    "Phases",
    "Program",
    "Scenarios",
    "StepDecay",
    "annuity",
    "capacitated",
    "coverage",
    "envelopes",
    "feeders",
    "limit_tables",
    "merge_equal_reach",
    "number",
    "objective_of",
    "parts_by_area",
    "phased",
    "scenario_program",
    "spacing",
]
