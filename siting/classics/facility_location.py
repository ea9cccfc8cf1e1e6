"""Facility location with fixed costs: what to open so that opening and serving cost least.

Without capacities every demand is served from its nearest open site; the program is that of
`siting.classics.p_median` with ``sum of f_j y_j`` in the objective and no limit on the number.

With capacities a demand may be split::

    min   sum of f_j y_j over j  +  sum of c_ij x_ij over i, j
    s.t.  sum of x_ij over j in N(i)          =   1              for each i          (served)
          sum of w_i x_ij over i              <=  q_j y_j        for each j          (capacity)
          x_ij                                <=  y_j            for each i, j       (open)
          sum of q_j y_j over j               >=  sum of w_i                         (enough)
          x >= 0,  y binary

where ``x_ij`` is the share of demand ``i`` served from site ``j``, ``f_j`` the fixed cost, ``q_j``
the capacity, ``c_ij`` the cost of serving all of ``i`` from ``j``; the other symbols are those of
`siting.classics.plain_program`. The rows ``open`` and ``enough`` are implied in whole numbers, and
make the relaxation strong. Costs of the objective add up only in one unit: with minutes for the
pairs the fixed costs are minutes too.

Source: M. Balinski: Integer programming: methods, uses, computation. Management Science 12 (1965),
253-313. J. Beasley: An algorithm for solving large capacitated warehouse location problems.
European Journal of Operational Research 33 (1988), 314-325.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting.classics.p_median import service_cost
from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram, start_classic


def facility_location(instance: PlainInstance, *, capacitated: bool = False) -> ClassicProgram:
    """Return the program for the least cost of opening sites and serving demand, in PuLP.

    Parameters
    ----------
    instance
        The data of the program; every demand that needs serving has a site.
    capacitated
        Whether sites serve no more weight than their capacity; demand may then be split.
    """
    needed = instance.restricted(instance.needed[instance.row], instance.needed)
    name = "capacitated_facility_location" if capacitated else "facility_location"
    program, y = start_classic(name, needed, pulp.LpMinimize, None)
    fixed = needed.fixed_cost[program.site].tolist()
    opening = list(zip(program.y, fixed, strict=True))
    if capacitated:
        _split(program, y, opening)
    else:
        terms, constant = service_cost(program, y)
        program.prob.setObjective(pulp.lpSum_vars_coefs([*opening, *terms]) + constant)
    return program


def _split(
    program: ClassicProgram,
    y: list[pulp.LpVariable],
    opening: list[tuple[pulp.LpVariable, float]],
) -> None:
    instance, prob = program.instance, program.prob
    row, site = instance.row, instance.site
    pairs = list(zip(row.tolist(), site.tolist(), strict=True))
    x = [prob.add_variable(f"x_{i}_{j}", 0, 1) for i, j in pairs]
    serving = list(zip(x, instance.whole.tolist(), strict=True))
    prob.setObjective(pulp.lpSum_vars_coefs([*opening, *serving]))
    edge = instance.start.tolist()
    for i in range(len(instance.demand_ids)):
        prob.addConstraint(pulp.lpSum_vars(x[edge[i] : edge[i + 1]]) == 1, f"served_{i}")
    for n, (i, j) in enumerate(pairs):
        if not instance.existing[j]:
            terms = [(x[n], 1.0), (y[j], -1.0)]
            prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= 0, f"open_{i}_{j}")
    load = np.bincount(site, instance.weight[row], minlength=len(instance.site_ids))
    # In units of the mean weight, so that the numbers of these rows are near those of the others.
    unit = max(float(instance.weight.mean()), 1e-300) if len(instance.weight) else 1.0
    by_site = np.argsort(site, kind="stable")
    limit = np.minimum(instance.capacity, load)
    first = np.searchsorted(site[by_site], np.arange(len(limit) + 1)).tolist()
    for j in program.site.tolist():
        own = by_site[first[j] : first[j + 1]].tolist()
        if instance.capacity[j] >= load[j] or not own:
            continue
        terms = [(x[n], float(instance.weight[row[n]]) / unit) for n in own]
        terms.append((y[j], -float(limit[j]) / unit))
        prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= 0, f"capacity_{j}")
    total = float(instance.weight.sum()) / unit
    enough = list(zip(program.y, (limit[program.site] / unit).tolist(), strict=True))
    prob.addConstraint(pulp.lpSum_vars_coefs(enough) >= total * (1 - 1e-9), "enough")
