"""Maximal covering with at most p sites, solved as a covering (`siting.engine.covering`)."""

from __future__ import annotations

import numpy as np

from siting.classics.plain import PlainInstance
from siting.classics.uncapacitated import Found, Means
from siting.engine.covering.covering import Covering
from siting.engine.covering.run import run_covering


def covering_of_plain(instance: PlainInstance, p: int, radius: float) -> Covering:
    """Return maximal covering with at most `p` sites within `radius` as a covering.

    Parameters
    ----------
    instance
        The data; options are its sites, in their order, each at a cost of 1.
    p
        Most sites, existing ones included; these must stand.
    radius
        Largest cost at which a demand counts as covered, in the unit of the instance's costs.
    """
    near = instance.cost <= radius
    before = np.concatenate([[0], np.cumsum(near)])
    sites = len(instance.site_ids)
    return Covering(
        weight=instance.weight.copy(),
        start=before[instance.start],
        option=instance.site[near].astype(np.int32),
        cost=np.ones(sites),
        group=np.arange(sites),
        budget=float(p),
        forced=np.flatnonzero(instance.existing),
    )


def cover_plain(instance: PlainInstance, p: int, radius: float, means: Means) -> Found:
    """Return the sites that cover most weight; value and bound are the weight not covered.

    Parameters
    ----------
    instance
        The data; more existing sites than `p` are refused by whoever calls.
    p, radius, means
        As for `covering_of_plain`, and with what to solve.
    """
    covering = covering_of_plain(instance, p, radius)
    run = run_covering(covering, means.clock, means.gap, means.options["seed"])
    total = float(instance.weight.sum())
    chosen = instance.existing.copy()
    chosen[run.chosen] = True
    return Found(chosen, total - run.value, total - run.bound, run.nodes)
