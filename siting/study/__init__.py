"""The pipeline and its run folder; the only room that unpacks a configuration."""

from siting.study.facts import plain
from siting.study.pipeline import Study
from siting.study.runs import CheckReport, check, fetch, run, run_to_folder
from siting.study.stages import Event

__all__ = ["CheckReport", "Event", "Study", "check", "fetch", "plain", "run", "run_to_folder"]
