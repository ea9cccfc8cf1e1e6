"""The value of a fixed choice, and an instance with only the chosen offers."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.errors import Fault, SolveError
from siting.program.instance import Instance, Ints


def only_offers(instance: Instance, kept: Ints) -> Instance:
    """Return an instance without limits that has only the kept offers, at required sites.

    Bundles and opening years are dropped too, because a given choice may break them.
    """
    sites = np.unique(instance.offer_site[kept])
    return replace(
        instance.with_offers(kept),
        limits=(),
        required_sites=sites,
        offer_bundle=np.full(len(kept), "", dtype=object),
        offer_opens=np.zeros(len(kept), dtype=np.int64),
    )


def value_of_choice(frame: Frame, choice: Ints) -> float:
    """Return the value of a choice, signed so that more is better."""
    served = frame.serve(np.sort(choice), Clock(math.inf))
    if not served.found:
        raise SolveError(Fault("plan", "its service could not be computed"))
    return frame.signed(served.objective)
