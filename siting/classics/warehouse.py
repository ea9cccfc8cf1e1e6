"""Capacitated facility location: the strong program whole, plans valued by transport."""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from siting import settings
from siting.classics.plain import PlainInstance
from siting.classics.programs import facility_location
from siting.classics.uncapacitated import Found, Means
from siting.engine.clock import Clock
from siting.program.instance import Flags, Floats


def transport(instance: PlainInstance, chosen: Flags) -> Floats | None:
    """Return the share of its demand that each pair serves at the least cost from open sites.

    None if these cannot serve all demand.
    """
    pair = np.flatnonzero(chosen[instance.site])
    row, site = instance.row[pair], instance.site[pair]
    rows = len(instance.demand_ids)
    if len(np.unique(row)) < rows:
        return None
    load = np.bincount(site, instance.weight[row], minlength=len(chosen))
    tight = np.flatnonzero(load > instance.capacity)
    shares = np.zeros(len(instance.site))
    if not len(tight):
        first = np.unique(row, return_index=True)[1]
        shares[pair[first]] = 1.0
        return shares
    number = np.full(len(chosen), -1)
    number[tight] = np.arange(len(tight))
    full = np.flatnonzero(number[site] >= 0)
    unit = max(float(instance.weight.mean()), 1e-300)
    answer = linprog(  # type: ignore[call-overload]
        instance.whole[pair],
        A_ub=sparse.csr_array(
            (instance.weight[row[full]] / unit, (number[site[full]], full)),
            shape=(len(tight), len(pair)),
        ),
        b_ub=instance.capacity[tight] / unit,
        A_eq=sparse.csr_array(
            (np.ones(len(pair)), (row, np.arange(len(pair)))), shape=(rows, len(pair))
        ),
        b_eq=np.ones(rows),
        bounds=(0, 1),
        method="highs",
    )
    if answer.status != 0:
        return None
    share = np.where(answer.x < settings.EXACT, 0.0, answer.x)
    shares[pair] = share / np.bincount(row, share, minlength=rows)[row]
    return shares


def plan_cost(instance: PlainInstance, chosen: Flags) -> float:
    """Return the cost of opening sites and serving all demand; infinite if impossible."""
    if instance.capacity[chosen].sum() < instance.weight.sum() * (1 - settings.EXACT):
        return math.inf
    shares = transport(instance, chosen)
    if shares is None:
        return math.inf
    return float(instance.fixed_cost[chosen].sum() + instance.whole @ shares)


def settle_warehouse(instance: PlainInstance, chosen: Flags, clock: Clock) -> Flags:
    """Return an equally cheap set of sites without idle or unprofitable ones.

    Existing sites stay. When time is up, the present set is returned.
    """
    shares = transport(instance, chosen)
    if shares is None:
        return chosen
    used = instance.existing.copy()
    used[instance.site[shares > 0]] = True
    value = plan_cost(instance, used)
    for j in np.flatnonzero(used & ~instance.existing)[::-1].tolist():
        if clock.over:
            break
        used[j] = False
        if plan_cost(instance, used) > value * (1 + settings.EXACT):
            used[j] = True
    return used


def search_warehouse(instance: PlainInstance, means: Means) -> Found:
    """Return the best plan of the capacitated problem found, and the bound on any.

    Every demand of the instance needs serving.
    """
    best = np.ones_like(instance.existing)
    found = Found(best, plan_cost(instance, best), -math.inf)
    if math.isinf(found.value):
        return found  # not even all sites together can serve the demand
    with means.clock.phase("build"):
        program = facility_location(instance, capacitated=True)
    run, chosen = means.decide(program)
    value = plan_cost(instance, chosen)
    if value < found.value:
        found.chosen, found.value = chosen, value
    found.bound, found.nodes, found.status = run.bound, run.nodes, run.status
    return found
