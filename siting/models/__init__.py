"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. The classic models (`mclp`, `lscp`, `p_median`, `p_center`, `facility_location`)
take a `PlainInstance` and return a `ClassicProgram`. Nothing here solves anything; `siting.solve`
does.
"""

from siting.classics.facility_location import facility_location
from siting.classics.lscp import lscp
from siting.classics.mclp import mclp
from siting.classics.p_center import p_center
from siting.classics.p_median import p_median
from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram
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
    "ClassicProgram",
    "ExponentialDecay",
    "GapRule",
    "GaussianDecay",
    "Instance",
    "Limit",
    "LinearDecay",
    "MergedDemand",
    "Objective",
    "Phases",
    "PlainInstance",
    "Program",
    "Scenarios",
    "StepDecay",
    "annuity",
    "capacitated",
    "coverage",
    "envelopes",
    "facility_location",
    "feeders",
    "limit_tables",
    "lscp",
    "mclp",
    "merge_equal_reach",
    "number",
    "objective_of",
    "p_center",
    "p_median",
    "parts_by_area",
    "phased",
    "scenario_program",
    "spacing",
]
