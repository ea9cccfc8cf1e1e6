"""Where electric-vehicle chargers go: a facility-location program on real road networks.

The stages are functions from tables to tables; `Study` runs them from one configuration file::

    import siting

    plan = siting.run("configs/islamabad.yaml")
    plan.sites.explore()

Names load on first use, so that ``import siting`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Config": "siting.config",
    "Instance": "siting.models",
    "Limit": "siting.models",
    "Network": "siting.roads",
    "PlainInstance": "siting.models",
    "Plan": "siting.plan",
    "Proof": "siting.solve",
    "SitingError": "siting.errors",
    "Solution": "siting.solve",
    "Study": "siting.study",
    "assign": "siting.solve",
    "business_case": "siting.economics",
    "build_network": "siting.roads",
    "check": "siting.study",
    "city_energy": "siting.demand",
    "data_dictionary": "siting.tables",
    "fetch": "siting.study",
    "load_config": "siting.config",
    "list_studies": "siting.batch",
    "make_cells": "siting.demand",
    "make_offers": "siting.sites",
    "make_plan": "siting.plan",
    "merge_candidates": "siting.sites",
    "reach": "siting.roads",
    "read_people": "siting.demand",
    "read_roads": "siting.roads",
    "rerun": "siting.study",
    "run": "siting.study",
    "run_batch": "siting.batch",
    "solve": "siting.solve",
    "solve_alternatives": "siting.solve",
    "solve_classic": "siting.solve",
    "solve_fair": "siting.solve",
    "solve_least_cost": "siting.solve",
    "solve_phased": "siting.solve",
    "solve_scenarios": "siting.solve",
    "solve_viability": "siting.solve",
    "solve_weighted": "siting.solve",
    "why_not": "siting.solve",
    "spread_demand": "siting.demand",
    "travel_times": "siting.roads",
    "validate": "siting.tables",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    """Load a public name from the room it lives in."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(home)
    return getattr(module, {"load_config": "load", "read_roads": "read_file"}.get(name, name))


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
