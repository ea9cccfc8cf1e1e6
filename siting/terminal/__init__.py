"""What the terminal shows: a plan, a demand, a frontier, and what is asked of stored runs."""

from siting.terminal.batch import batch_lines, print_batch
from siting.terminal.plans import print_demand, print_frontier, print_plan
from siting.terminal.progress import show_lines, show_progress

__all__ = [
    "batch_lines",
    "print_batch",
    "print_demand",
    "print_frontier",
    "print_plan",
    "show_lines",
    "show_progress",
]
