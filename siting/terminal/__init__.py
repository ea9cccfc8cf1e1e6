"""What the terminal shows: a plan, a demand, a frontier, and what is asked of stored runs."""

from siting.terminal.batch import BatchLines, print_batch, print_studies
from siting.terminal.plans import print_demand, print_frontier, print_plan
from siting.terminal.progress import StageLines, show_progress

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
