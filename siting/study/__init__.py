"""The pipeline and its run folder; the only room that unpacks a configuration."""

from siting.study.demand import DemandStudy
from siting.study.demand_run import DemandRun, demand_to_folder
from siting.study.explain import SiteReasons, explain_site
from siting.study.explain_plan import PlanReasons, explain_plan
from siting.study.facts import plain
from siting.study.frontier import budgets_of, frontier, frontier_to_folder
from siting.study.pipeline import Study
from siting.study.replan import Replan, replan
from siting.study.rerun import Compared, Rerun, rerun
from siting.study.runs import CheckReport, check, fetch, run, run_to_folder
from siting.study.stages import Event
from siting.study.stored import plan_from_run, study_from_run

__all__ = [
    "CheckReport",
    "Compared",
    "DemandRun",
    "DemandStudy",
    "Event",
    "PlanReasons",
    "Replan",
    "Rerun",
    "SiteReasons",
    "Study",
    "budgets_of",
    "check",
    "demand_to_folder",
    "explain_plan",
    "explain_site",
    "fetch",
    "frontier",
    "frontier_to_folder",
    "plain",
    "plan_from_run",
    "replan",
    "rerun",
    "run",
    "run_to_folder",
    "study_from_run",
]
