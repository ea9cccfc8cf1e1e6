"""The mathematics of siting: an `Instance` from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.instance import Instance
from siting.models.limits import Limit, envelopes, feeders, limit_tables, number, parts_by_area
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.phased import Phases, phased
from siting.models.program import Program
from siting.models.scenarios import Scenarios, scenario_program
from siting.models.spacing import spacing

__all__ = [
    "Instance",
    "Limit",
    "MergedDemand",
    "Phases",
    "Program",
    "Scenarios",
    "capacitated",
    "coverage",
    "envelopes",
    "feeders",
    "limit_tables",
    "merge_equal_reach",
    "number",
    "parts_by_area",
    "phased",
    "scenario_program",
    "spacing",
]
