"""Siting of electric-vehicle chargers: a facility-location program on real road networks.

Each stage is a function that takes tables and returns tables. A `Study` runs the stages from one
configuration file::

    import siting

    plan = siting.run("configs/islamabad.yaml")
    plan.explore()

Names are imported on first use, so that ``import siting`` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Public names, grouped by the module that defines them.
_NAMES = {
    "siting.awards": "award",
    "siting.batch": "list_studies run_batch",
    "siting.classics": "PlainInstance solve_classic",
    "siting.config": "Config load_config",
    "siting.demand": "city_energy make_cells read_people spread_demand",
    "siting.economics": "business_case",
    "siting.embedded": "copy_embedded_city",
    "siting.engine": "Answer assign Proof solve why_not",
    "siting.errors": "SitingError",
    "siting.lots": "part_into_lots",
    "siting.nation": "Nation",
    "siting.outcome": "Outcome outcome_of",
    "siting.papers": "write_paper",
    "siting.plan": "make_plan Plan",
    "siting.program": (
        "ExponentialDecay GapRule GaussianDecay Instance Limit LinearDecay Program StepDecay"
    ),
    "siting.review": (
        "compare evaluate explain_plan explain_site explore frontier replan rerun simulate trace "
        "what_if"
    ),
    "siting.roads": "build_network Network reach read_roads travel_times",
    "siting.sites": "make_offers merge_candidates",
    "siting.study": "check fetch plan_from_run run side_by_side Study study_from_run",
    "siting.tables": "data_dictionary validate",
    "siting.terminal.progress": "show_progress",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

# Functions whose public name differs from the name in their module.
_OTHER_NAMES = {"load_config": "load", "read_roads": "read_file"}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Return a public name, imported from the module that defines it."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(home)
    return getattr(module, _OTHER_NAMES.get(name, name))


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
