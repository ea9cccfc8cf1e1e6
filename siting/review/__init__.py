"""Explain, change, compare, score, trace, simulate, repeat and verify a finished plan."""

from siting.review.compare import Comparison, compare, compare_to_folder
from siting.review.evaluate import Evaluation, evaluate, evaluate_to_folder
from siting.review.explain import Explained, PlanReasons, SiteReasons, explain_plan, explain_site
from siting.review.explore import PlanMap, explore
from siting.review.frontier import budgets_of, frontier, frontier_to_folder
from siting.review.replan import Replan, replan
from siting.review.rerun import Compared, Rerun, rerun
from siting.review.simulate import SimulatedDay, simulate, simulate_to_folder
from siting.review.trace import trace
from siting.review.traced import Trace, Traced
from siting.review.verified import Verified, verify_run
from siting.review.what_if import WhatIf, what_if
from siting.simulation import Rules

__all__ = ["Compared", "Comparison", "Evaluation", "Explained", "PlanMap", "PlanReasons", "Replan",
           "Rerun", "Rules", "SimulatedDay", "SiteReasons", "Trace", "Traced", "Verified", "WhatIf",
           "budgets_of", "compare", "compare_to_folder", "evaluate", "evaluate_to_folder",
           "explain_plan", "explain_site", "explore", "frontier", "frontier_to_folder", "replan",
           "rerun", "simulate", "simulate_to_folder", "trace", "verify_run",
           "what_if"]  # fmt: skip
