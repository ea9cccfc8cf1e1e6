"""Exchange of each station for the best offer at its site that serves the same drivers.

Given the customers of each station, whether another offer of its site could serve them is a sum:
for every set of kinds of demand, their energy is within the output of the charger groups they can
use (Hall's condition). So nothing has to be solved. A plan made for energy has stations larger than
their sales; where cost counts this makes them smaller.
"""

from __future__ import annotations

import itertools

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.relocate import relocated
from siting.program.instance import Flags, Floats, Ints


def bettered(frame: Frame, choice: Ints, clock: Clock) -> Ints:
    """Return a choice improved by exchanging and moving stations.

    `frame` has an aim on drives: each pair of a cell and a site has its energy.
    """
    best, value = choice, -np.inf
    for _ in range(settings.SERVICE_ROUNDS):
        served = frame.serve(np.sort(choice), clock)
        if not served.found or served.objective <= value:
            break
        best, value = choice, served.objective
        choice = relocated(frame, resized(frame, choice, served.point), served.point)
        if clock.over or np.array_equal(choice, np.sort(best)):
            break
    return np.sort(best)


def resized(frame: Frame, choice: Ints, point: Floats) -> Ints:
    """Return a choice with the best option of each site that can serve its present customers."""
    able = _able(frame, choice, point)
    gain = np.where(able, frame.matrix.cost[: frame.count], -np.inf)
    order = np.lexsort((-gain, frame.site))
    _, first = np.unique(frame.site[order], return_index=True)
    top = frame.nothing
    top[frame.site[order[first]]] = order[first]
    out = np.sort(choice)
    now = frame.matrix.cost[out]
    for n in np.argsort(now - gain[top[frame.site[out]]], kind="stable").tolist():
        other = int(top[frame.site[out[n]]])
        if gain[other] <= now[n] or frame.must[frame.site[other]]:
            continue
        before = out[n]
        out[n] = other
        if not frame.fits(np.sort(out)):
            out[n] = before
    return np.sort(out)


def _able(frame: Frame, choice: Ints, point: Floats) -> Flags:
    """Return whether each option could serve, in every slice, the energy served at its site."""
    service, instance = frame.service, frame.program.instance
    energies = slice(frame.count, frame.layout.columns.energies)
    sold = point[energies] * frame.layout.energy_unit
    pair, kinds = frame.energy_pair, len(service.kinds)
    taken = np.zeros(frame.sites, dtype=bool)
    taken[frame.site[choice]] = True
    out: Flags = taken[frame.site]
    for s in range(len(frame.program.slices)):
        mine = frame.energy_slice == s
        load = np.zeros((frame.sites, kinds))
        at = (service.site[pair[mine]], service.kind[service.row[pair[mine]]])
        np.add.at(load, at, sold[mine])
        offer = frame.layout.standing(s)
        capacity = np.where((offer >= 0)[:, None], instance.offer_capacity[offer], 0.0)
        for count in range(1, kinds + 1):
            for some in itertools.combinations(range(kinds), count):
                groups = sorted({g for k in some for g in service.kinds[k]})
                asked = load[:, list(some)].sum(axis=1)[frame.site]
                least = asked * (1 - settings.EXACT) - settings.EXACT
                out &= capacity[:, groups].sum(axis=1) >= least
    return out
