"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. The classic models (`mclp`, `lscp`, `p_median`, `p_center`, `facility_location`)
take a `PlainInstance` and return a `ClassicProgram`. Nothing here solves anything; `siting.solve`
does.
"""

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.facility_location import facility_location
from siting.models.instance import Instance
from siting.models.limits import Limit, envelopes, feeders, limit_tables, number, parts_by_area
from siting.models.lscp import lscp
from siting.models.mclp import mclp
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.objective import (
    ExponentialDecay,
    GaussianDecay,
    LinearDecay,
    Objective,
    StepDecay,
    objective_of,
)
from siting.models.p_center import p_center
from siting.models.p_median import p_median
from siting.models.phased import Phases, phased
from siting.models.plain import PlainInstance
from siting.models.plain_program import ClassicProgram
from siting.models.program import Program
from siting.models.scenarios import Scenarios, scenario_program
from siting.models.spacing import spacing
from siting.models.viability import GapRule, annuity

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
