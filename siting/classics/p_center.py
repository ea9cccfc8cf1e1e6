"""p-center: with p sites, the least radius that has every demand within it.

Let ``D_1 < D_2 < ... < D_K`` be the different costs between demands and sites::

    min   D_1 + sum over k > 1 of (D_k - D_k-1) u_k
    s.t.  u_k + sum of y_j over j with d_ij < D_k  >=  1  for each i and D_k it has a site at
          u_k >= u_k+1                                        for each k > 1
          sum of y_j over N(i)  >=  1                         for each i       (served)
          sum of y_j <= p                                                      (number)
          u >= 0,  y binary

where ``u_k`` is 1 if the radius is ``D_k`` or more; the other symbols are those of
`siting.classics.plain_program`. A demand needs no row at a ``D_k`` at which it has no site: that of
the next one it has is stronger. Weights play no part, but that a demand of weight 0 counts only
where costs are for the whole demand.

This is the program to read, and to solve where there are few demands. `siting.solve` finds the
same radius by bisection: whether p sites are enough for a radius is a set covering problem
(`siting.classics.lscp`), and each of those is small.

Source: S. Elloumi, M. Labbé, Y. Pochet: A new formulation and resolution method for the p-center
problem. INFORMS Journal on Computing 16 (2004), 84-94. Bisection: E. Minieka: The m-center problem.
SIAM Review 12 (1970), 138-139.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram, start_classic


def p_center(instance: PlainInstance, p: int) -> ClassicProgram:
    """Return the program for the least radius (in the unit of the costs) of p sites, in PuLP.

    Parameters
    ----------
    instance
        The data of the program; every demand that needs serving has a site.
    p
        Most sites, existing ones included.
    """
    needed = instance.restricted(instance.needed[instance.row], instance.needed)
    program, y = start_classic("p_center", needed, pulp.LpMinimize, p)
    prob = program.prob
    radii = np.unique(needed.cost)
    u = [prob.add_variable(f"u_{k}", 0, 1) for k in range(1, len(radii))]
    steps = np.diff(radii).tolist()
    constant = float(radii[0]) if len(radii) else 0.0
    terms = list(zip(u, steps, strict=True))
    prob.setObjective(pulp.lpSum_vars_coefs(terms) + constant)
    for k in range(len(u) - 1):
        prob.addConstraint(
            pulp.lpSum_vars_coefs([(u[k], 1.0), (u[k + 1], -1.0)]) >= 0, f"order_{k}"
        )
    edge = needed.start.tolist()
    for i in range(len(needed.demand_ids)):
        own, cost = needed.site[edge[i] : edge[i + 1]], needed.cost[edge[i] : edge[i + 1]]
        level = np.searchsorted(radii, cost)
        for k in np.unique(level[level > 0]).tolist():
            row = [(y[j], 1.0) for j in own[level < k].tolist()]
            prob.addConstraint(
                pulp.lpSum_vars_coefs([(u[k - 1], 1.0), *row]) >= 1, f"beyond_{i}_{k}"
            )
        prob.addConstraint(pulp.lpSum_vars([y[j] for j in own.tolist()]) >= 1, f"served_{i}")
    return program
