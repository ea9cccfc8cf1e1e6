"""The pipeline and its run folder; the only room that unpacks a configuration."""

from siting.study.demand import DemandStudy
from siting.study.demand_run import DemandRun, demand_to_folder
from siting.study.facts import plain
from siting.study.frontier import budgets_of, frontier, frontier_to_folder
from siting.study.pipeline import Study
from siting.study.rerun import Compared, Rerun, rerun
from siting.study.runs import CheckReport, check, fetch, run, run_to_folder
from siting.study.stages import Event

__all__ = [
    "CheckReport",
    "Compared",
    "DemandRun",
    "DemandStudy",
    "Event",
    "Rerun",
    "Study",
    "budgets_of",
    "check",
    "demand_to_folder",
    "fetch",
    "frontier",
    "frontier_to_folder",
    "plain",
    "rerun",
    "run",
    "run_to_folder",
]
