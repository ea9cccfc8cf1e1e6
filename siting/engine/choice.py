"""A choice that is fixed: the instance with its offers alone, and what it is worth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.errors import Fault, SolveError
from siting.program.instance import Instance, Ints


def only_offers(instance: Instance, kept: Ints) -> Instance:
    """Return an instance with some of its offers alone, required where they stand; no limits.

    Nor do bundles and opening years count, which a choice that is given may break.
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
        raise SolveError(Fault("plan", "whom it serves could not be worked out"))
    return frame.signed(served.objective)
