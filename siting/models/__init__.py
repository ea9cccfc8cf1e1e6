"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. Nothing here solves anything; `siting.solve` does.
"""

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.instance import Instance
from siting.models.limits import (
    Limit,
    envelopes,
    feeders,
    limit_tables,
    number,
    parts_by_area,
)
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.program import Program
from siting.models.spacing import spacing

__all__ = [
    "Instance",
    "Limit",
    "MergedDemand",
    "Program",
    "capacitated",
    "coverage",
    "envelopes",
    "feeders",
    "limit_tables",
    "merge_equal_reach",
    "number",
    "parts_by_area",
    "spacing",
]
