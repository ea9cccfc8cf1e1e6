"""Service in one year or scenario of a program that has several, written out in full.

This is the plainest form there is: a variable for each demand row, site and charger group, and one
capacity row for each site and group. `siting.models.capacitated` says the same with fewer variables
and is what single-period programs use; here the two are to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from siting.models.program import add_row
from siting.program.instance import Instance


@dataclass(frozen=True)
class Service:
    """The problem that service is added to, and the model: ``capacitated`` or ``coverage``."""

    prob: pulp.LpProblem
    model: str


def add_service(
    service: Service, instance: Instance, z: Sequence[pulp.LpVariable], k: int
) -> list[pulp.LpVariable]:
    """Return the variables of served energy (kWh/day) of a slice, after adding them and their rows.

    Parameters
    ----------
    service
        Where to add them.
    instance
        The data of the slice.
    z
        The variable of each offer in this slice.
    k
        Number of the slice, for names.
    """
    if service.model == "coverage":
        return _covered(service.prob, instance, z, k)
    return _delivered(service.prob, instance, z, k)


def _delivered(
    prob: pulp.LpProblem, instance: Instance, z: Sequence[pulp.LpVariable], k: int
) -> list[pulp.LpVariable]:
    there = instance.site_groups
    at_node: dict[tuple[int, int], list[pulp.LpVariable]] = {}
    out: list[pulp.LpVariable] = []
    for i in np.flatnonzero(instance.demand_kwh > 0).tolist():
        wanted = float(instance.demand_kwh[i])
        usable = instance.uses[instance.demand_class[i]]
        own = []
        for j in _sites(instance, i):
            for g in np.flatnonzero(usable & there[j]).tolist():
                x = prob.add_variable(f"x_{i}_{j}_{g}_{k}", 0, wanted)
                at_node.setdefault((j, g), []).append(x)
                own.append(x)
        if own:
            add_row(prob, [(x, 1.0) for x in own], wanted, f"demand_{i}_{k}")
        out += own
    for (j, g), delivered in sorted(at_node.items()):
        row = [(x, 1.0) for x in delivered]
        able = (instance.offer_site == j) & (instance.offer_capacity[:, g] > 0)
        row += [
            (z[o], -float(instance.offer_capacity[o, g])) for o in np.flatnonzero(able).tolist()
        ]
        add_row(prob, row, 0.0, f"capacity_{j}_{g}_{k}")
    return out


def _covered(
    prob: pulp.LpProblem, instance: Instance, z: Sequence[pulp.LpVariable], k: int
) -> list[pulp.LpVariable]:
    out = []
    for i in np.flatnonzero(instance.demand_kwh > 0).tolist():
        usable = instance.uses[instance.demand_class[i]]
        able = (instance.offer_capacity[:, usable] > 0).any(axis=1)
        near = np.isin(instance.offer_site, _sites(instance, i))
        covering = np.flatnonzero(able & near).tolist()
        if not covering:
            continue
        wanted = float(instance.demand_kwh[i])
        y = prob.add_variable(f"y_{i}_{k}", 0, wanted)
        add_row(prob, [(y, 1.0), *((z[o], -wanted) for o in covering)], 0.0, f"covered_{i}_{k}")
        out.append(y)
    return out


def _sites(instance: Instance, i: int) -> list[int]:
    cell = instance.demand_cell[i]
    start, end = instance.reach_start[cell], instance.reach_start[cell + 1]
    sites: list[int] = instance.reach_site[start:end].tolist()
    return sites
