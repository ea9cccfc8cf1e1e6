"""Where electric-vehicle chargers go: a facility-location program on real road networks.

The stages are functions from tables to tables; `Study` runs them from one configuration file::

    import siting

    plan = siting.run("configs/islamabad.yaml")
    plan.explore()

Names load on first use, so that ``import siting`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Answer": "siting.engine",
    "assign": "siting.engine",
    "award": "siting.awards",
    "build_network": "siting.roads",
    "business_case": "siting.economics",
    "check": "siting.study",
    "city_energy": "siting.demand",
    "compare": "siting.review",
    "Config": "siting.config",
    "copy_embedded_city": "siting.embedded",
    "data_dictionary": "siting.tables",
    "evaluate": "siting.review",
    "explain_plan": "siting.review",
    "explain_site": "siting.review",
    "ExponentialDecay": "siting.program",
    "explore": "siting.review",
    "fetch": "siting.study",
    "frontier": "siting.review",
    "GapRule": "siting.program",
    "GaussianDecay": "siting.program",
    "Instance": "siting.program",
    "Limit": "siting.program",
    "LinearDecay": "siting.program",
    "list_studies": "siting.batch",
    "load_config": "siting.config",
    "make_cells": "siting.demand",
    "make_offers": "siting.sites",
    "make_plan": "siting.plan",
    "merge_candidates": "siting.sites",
    "Nation": "siting.nation",
    "Network": "siting.roads",
    "Outcome": "siting.outcome",
    "outcome_of": "siting.outcome",
    "part_into_lots": "siting.lots",
    "PlainInstance": "siting.classics",
    "Plan": "siting.plan",
    "plan_from_run": "siting.study",
    "Program": "siting.program",
    "Proof": "siting.engine",
    "reach": "siting.roads",
    "read_people": "siting.demand",
    "read_roads": "siting.roads",
    "replan": "siting.review",
    "rerun": "siting.review",
    "run": "siting.study",
    "run_batch": "siting.batch",
    "show_progress": "siting.terminal.progress",
    "side_by_side": "siting.study",
    "simulate": "siting.review",
    "SitingError": "siting.errors",
    "solve": "siting.engine",
    "solve_classic": "siting.classics",
    "spread_demand": "siting.demand",
    "StepDecay": "siting.program",
    "Study": "siting.study",
    "study_from_run": "siting.study",
    "trace": "siting.review",
    "travel_times": "siting.roads",
    "validate": "siting.tables",
    "what_if": "siting.review",
    "why_not": "siting.engine",
    "write_paper": "siting.papers",
}

# Names whose module has another: `load` alone would be too vague.
_OTHER_NAMES = {"load_config": "load", "read_roads": "read_file"}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(home)
    return getattr(module, _OTHER_NAMES.get(name, name))


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
