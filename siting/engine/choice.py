"""A choice that is fixed: the instance with its offers alone, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.errors import Fault, SolveError
from siting.program.instance import Instance, Ints

LIMITS: dict[str, Any] = {
    **dict.fromkeys(("limit_names", "limit_kinds", "limit_units"), ()),
    **dict.fromkeys(("limit_most", "limit_least", "limit_amount"), np.zeros(0)),
    "limit_per_rupee": np.zeros(0, dtype=bool),
    "limit_start": np.zeros(1, dtype=np.int64),
    "limit_offer": np.zeros(0, dtype=np.int64),
}


def only_offers(instance: Instance, kept: Ints) -> Instance:
    """Return an instance with some of its offers alone, required where they stand; no limits."""
    names = ("ids", "site", "capacity", "cost", "subsidy", "existing")
    left = {f"offer_{name}": getattr(instance, f"offer_{name}")[kept] for name in names}
    sites = np.unique(instance.offer_site[kept])
    return replace(instance, **left, **LIMITS, required_sites=sites)


def value_of_choice(frame: Frame, choice: Ints) -> float:
    """Return the value of a choice, signed so that more is better."""
    served = frame.serve(np.sort(choice), Clock(math.inf))
    if not served.found:
        raise SolveError(Fault("plan", "whom it serves could not be worked out"))
    return frame.signed(served.objective)
