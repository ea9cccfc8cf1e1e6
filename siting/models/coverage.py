"""Budgeted maximal coverage with offers, without capacities.

A demand is served whole as soon as one station that its vehicles can use stands within reach. The
program is the maximal covering location problem of Church and ReVelle (1974), with a budget in
place of a number of facilities and offers in place of facilities::

    max   sum of y_i over i
    s.t.  y_i <= d_i x sum of z_o over the offers o of N(i) that serve i     for each i    (covered)
          one offer a site, the budget                                       see `program`
          0 <= y_i <= d_i,  z binary

where ``y_i`` is the energy of row ``i`` that is served (kWh/day); the other symbols are those of
`siting.models.program`. An offer serves ``i`` if it has any chargers of a group that the vehicles
of ``i`` can use.

Source: R. Church, C. ReVelle: The maximal covering location problem. Papers of the Regional
Science Association 32 (1974), 101-118.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting.engine.covering import covering as arrays
from siting.engine.covering.covering import Covering
from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.program import (
    Program,
    add_row,
    start_program,
    usable_pairs,
    worthwhile_offers,
)
from siting.program.instance import Instance, Ints


def coverage(instance: Instance, demand: MergedDemand | None = None) -> Program:
    """Return the program that covers the most energy (kWh/day) within the budget, in PuLP.

    Parameters
    ----------
    instance
        The data of the program.
    demand
        The merged demand, if it is at hand already.

    Returns
    -------
    Program
        With one variable of served energy a merged demand row.
    """
    demand = merge_equal_reach(instance) if demand is None else demand
    offers = worthwhile_offers(instance, demand)
    prob, z = start_program("coverage", instance, offers)
    able = usable_pairs(instance, demand)
    at_site: dict[tuple[int, int], list[pulp.LpVariable]] = {}
    for variable, o in zip(z, offers.tolist(), strict=True):
        for kind in np.flatnonzero(able[o]).tolist():
            at_site.setdefault((int(instance.offer_site[o]), kind), []).append(variable)

    kwh = demand.kwh.tolist()
    kind_of, start, site = demand.kind.tolist(), demand.start.tolist(), demand.site.tolist()
    y = [prob.add_variable(f"y_{i}", 0, d) for i, d in enumerate(kwh)]
    prob.setObjective(pulp.lpSum_vars(y))
    for i, d in enumerate(kwh):
        terms = [(y[i], 1.0)]
        for j in site[start[i] : start[i + 1]]:
            terms += [(variable, -d) for variable in at_site.get((j, kind_of[i]), ())]
        add_row(prob, terms, 0.0, f"covered_{i}")
    rows = np.arange(len(kwh))
    return Program("coverage", prob, instance, demand, offers, z, rows, np.full_like(rows, -1), y)


def covering_of(instance: Instance, demand: MergedDemand | None = None) -> tuple[Covering, Ints]:
    """Return the program as a covering, and the offer of each of its options.

    Parameters
    ----------
    instance, demand
        As for `coverage`; limits beside the budget are left out.
    """
    demand = merge_equal_reach(instance) if demand is None else demand
    offers = worthwhile_offers(instance, demand)
    able = usable_pairs(instance, demand)[offers]
    covering = arrays.covering_of(
        instance,
        offers,
        able,
        kwh=demand.kwh,
        kind=demand.kind,
        start=demand.start,
        site=demand.site,
    )
    return covering, offers
