"""What is lost without a station: the most energy that the others serve once it is closed.

The flow of `siting.solve.service` is solved once with all that stands. Then each station in turn
gets no energy and the program goes on from the optimum it has, which takes a few pivots: the
others take over what they have room for, along chains of neighbours too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from siting.engine.clock import Clock
from siting.models.merge import merge_equal_reach
from siting.program.instance import Floats, Instance, Ints
from siting.solve.service import Flow, FlowPart, check_model, standing_capacity

DUAL = 1


def lost_without(
    instance: Instance,
    offer_ids: Iterable[str],
    site_ids: Iterable[str],
    model: str = "capacitated",
) -> dict[str, float]:
    """Return by how much less energy could be served without each of some stations, kWh/day.

    Parameters
    ----------
    instance
        The data the offers were chosen for.
    offer_ids
        The offers that stand, existing ones included; at most one a site.
    site_ids
        The stations to close, one at a time.
    model
        ``capacitated`` or ``coverage``, as for `siting.solve.assign`.

    Returns
    -------
    dict
        Energy by site, in the order asked; 0 where the others can serve all of it, and where
        nothing stands.

    Raises
    ------
    InputError
        If an offer is unknown, two are at one site, or there is no such model.
    """
    check_model(model)
    capacity = standing_capacity(instance, instance.positions_of(offer_ids))
    demand = merge_equal_reach(instance)
    able = np.stack([(capacity[:, list(g)] > 0).any(axis=1) for g in demand.kinds], axis=1)
    keep = able[demand.site, demand.kind[demand.row]]
    row, site = demand.row[keep], demand.site[keep]
    position = {str(name): i for i, name in enumerate(instance.site_ids)}
    asked = {name: position[name] for name in map(str, site_ids)}
    if model == "coverage":
        lone = np.bincount(row, minlength=len(demand.kwh))[row] == 1
        lost = np.bincount(site[lone], demand.kwh[row[lone]], minlength=len(position))
    else:
        flow = Flow(demand.kwh, demand.kind, demand.kinds, row, site, capacity)
        closed = np.array(sorted(asked.values()), dtype=np.int64)
        lost = np.zeros(len(position))
        for part in flow.parts():
            lost[closed] += _lost_in(part, site[part.pairs], closed)
    return {name: float(lost[i]) for name, i in asked.items()}


def _lost_in(part: FlowPart, site: Ints, closed: Ints) -> Floats:
    """Return what one part of the flow loses without each station (kWh/day)."""
    clock, ones = Clock(math.inf), np.ones(len(part.pairs))
    best = part.best(clock, ones)
    whole = float(best.sum())
    basis = part.model.getBasis()
    part.model.setOptionValue("simplex_strategy", DUAL)
    lost = np.zeros(len(closed))
    for i, j in enumerate(closed.tolist()):
        pairs = np.flatnonzero(site == j)
        if best[pairs].sum() <= 0:
            continue  # it serves nothing of this part, so nothing is lost
        _bound(part, pairs, 0.0)
        part.model.setBasis(basis)
        lost[i] = max(whole - float(part.best(clock, ones).sum()), 0.0)
        _bound(part, pairs, math.inf)
    return lost


def _bound(part: FlowPart, pairs: Ints, most_kwh: float) -> None:
    count = len(pairs)
    columns = pairs.astype(np.int32)
    part.model.changeColsBounds(count, columns, np.zeros(count), np.full(count, most_kwh))
