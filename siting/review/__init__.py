"""Explain, change, compare, score, trace, simulate, repeat and verify a finished plan."""

from siting.review.compare import compare, compare_to_folder
from siting.review.evaluate import evaluate, evaluate_to_folder
from siting.review.explain import Explained, explain_plan, explain_site
from siting.review.explore import explore
from siting.review.frontier import budgets_of, frontier, frontier_to_folder
from siting.review.replan import replan
from siting.review.rerun import rerun
from siting.review.simulate import simulate, simulate_to_folder
from siting.review.trace import trace
from siting.review.traced import Traced
from siting.review.verified import Verified, verify_run
from siting.review.what_if import WhatIf, what_if
from siting.simulation import Rules

__all__ = [
    "Explained",
    "Rules",
    "Traced",
    "Verified",
    "WhatIf",
    "budgets_of",
    "compare",
    "compare_to_folder",
    "evaluate",
    "evaluate_to_folder",
    "explain_plan",
    "explain_site",
    "explore",
    "frontier",
    "frontier_to_folder",
    "replan",
    "rerun",
    "simulate",
    "simulate_to_folder",
    "trace",
    "verify_run",
    "what_if",
]
