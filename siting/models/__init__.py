"""The mathematics of siting: an `Instance` from tables, and one file for each integer program.

`coverage` and `capacitated` each return a `Program`: a PuLP problem together with the positions of
its variables. The classic models (`mclp`, `lscp`, `p_median`, `p_center`, `facility_location`)
take a `PlainInstance` and return a `ClassicProgram`. Nothing here solves anything; `siting.solve`
does.
"""

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.facility_location import facility_location
from siting.models.instance import Instance
from siting.models.lscp import lscp
from siting.models.mclp import mclp
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.p_center import p_center
from siting.models.p_median import p_median
from siting.models.plain import PlainInstance
from siting.models.plain_program import ClassicProgram
from siting.models.program import Program

__all__ = [
    "ClassicProgram",
    "Instance",
    "MergedDemand",
    "PlainInstance",
    "Program",
    "capacitated",
    "coverage",
    "facility_location",
    "lscp",
    "mclp",
    "merge_equal_reach",
    "p_center",
    "p_median",
]
