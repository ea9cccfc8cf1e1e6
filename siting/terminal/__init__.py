"""Terminal output: a plan, a demand, a frontier, and questions to stored runs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from siting.terminal.batch_tables import BatchLines, print_batch, print_studies
    from siting.terminal.plan_tables import print_demand, print_frontier, print_plan
    from siting.terminal.progress import StageLines, show_progress

# Loaded on first use: a list of runs needs none of it.
_HOMES = {
    **dict.fromkeys(("BatchLines", "print_batch", "print_studies"), "siting.terminal.batch_tables"),
    **dict.fromkeys(
        ("print_demand", "print_frontier", "print_plan"), "siting.terminal.plan_tables"
    ),
    **dict.fromkeys(("StageLines", "show_progress"), "siting.terminal.progress"),
}

__all__ = [
    "BatchLines",
    "StageLines",
    "print_batch",
    "print_demand",
    "print_frontier",
    "print_plan",
    "print_studies",
    "show_progress",
]


def __getattr__(name: str) -> Any:
    """Load a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
