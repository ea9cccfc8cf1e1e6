"""Names of the classic models, what they ask for, and the unit of their objective."""

from __future__ import annotations

from typing import Literal

ClassicModel = Literal[
    "mclp",
    "lscp",
    "p_median",
    "p_center",
    "facility_location",
    "capacitated_facility_location",
]

TAKES_P = ("mclp", "p_median", "p_center")
TAKES_RADIUS = ("mclp", "lscp")
UNITS = {
    "mclp": "weight",
    "lscp": "sites",
    "p_median": "weight x cost",
    "p_center": "cost",
    "facility_location": "cost",
    "capacitated_facility_location": "cost",
}
