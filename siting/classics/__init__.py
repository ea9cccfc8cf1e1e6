"""Classic models: p-median, p-center, set covering, maximal covering and facility location.

`solve_classic` solves them on a `PlainInstance`; `mclp`, `lscp`, `p_median`, `p_center` and
`facility_location` return PuLP programs. Studies do not import this package.
"""

from siting.classics.plain import PlainInstance
from siting.classics.programs import (
    ClassicProgram,
    facility_location,
    lscp,
    mclp,
    p_center,
    p_median,
)
from siting.classics.solve import ClassicSolution, solve_classic

__all__ = [
    "ClassicProgram",
    "ClassicSolution",
    "PlainInstance",
    "facility_location",
    "lscp",
    "mclp",
    "p_center",
    "p_median",
    "solve_classic",
]
