"""The pipeline from a configuration to a plan, and its run folder."""

from siting.study.demand_run import DemandRun, demand_to_folder
from siting.study.pipeline import Study
from siting.study.report_page import write_report
from siting.study.runs import CheckReport, check, fetch, run, run_to_folder
from siting.study.stages import Event
from siting.study.stored_run import plan_from_run, study_from_run
from siting.study.to_program import side_by_side

__all__ = ["CheckReport", "DemandRun", "Event", "Study", "check", "demand_to_folder", "fetch",
           "plan_from_run", "run", "run_to_folder", "side_by_side", "study_from_run",
           "write_report"]  # fmt: skip
