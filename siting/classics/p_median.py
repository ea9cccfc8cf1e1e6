"""p-median: with p sites, the least cost of serving every demand from its nearest one.

Let ``D_i1 < D_i2 < ... < D_iK`` be the different costs of serving demand ``i``, weight included.
The program asks not which site serves, but how far out the nearest open one is::

    min   sum over i of  D_i1 + sum over k < K of (D_i,k+1 - D_ik) z_ik
    s.t.  z_i1 + sum of y_j over j at D_i1   >=  1                        for each i
          z_ik + sum of y_j over j at D_ik   >=  z_i,k-1                  for each i and 1 < k < K
                 sum of y_j over j at D_iK   >=  z_i,K-1                  for each i
          sum of y_j <= p                                                 (number)
          z >= 0,  y binary

where ``z_ik`` is 1 if no site at ``D_ik`` or nearer is open; the other symbols are those of
`siting.classics.plain_program`. The relaxation is as strong as that of the usual program with one
variable a pair, but the rows have one entry a pair in all, and equal costs share a variable. Beyond
the nearest existing site nothing is written down.

Source: S. Elloumi: A tighter formulation of the p-median problem. Journal of Combinatorial
Optimization 19 (2010), 69-83; G. Cornuejols, G. Nemhauser, L. Wolsey: A canonical representation
of simple plant location problems. SIAM Journal on Algebraic and Discrete Methods 1 (1980), 261-272.
"""

from __future__ import annotations

import pulp

from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram, start_classic


def p_median(instance: PlainInstance, p: int) -> ClassicProgram:
    """Return the program that serves every demand at the least cost from p sites, in PuLP.

    Demands of weight 0 are served only where costs are for the whole demand.

    Parameters
    ----------
    instance
        The data of the program; every demand that needs serving has a site.
    p
        Most sites, existing ones included.
    """
    needed = instance.restricted(instance.needed[instance.row], instance.needed)
    program, y = start_classic("p_median", needed, pulp.LpMinimize, p)
    terms, constant = service_cost(program, y)
    program.prob.setObjective(pulp.lpSum_vars_coefs(terms) + constant)
    return program


def service_cost(
    program: ClassicProgram, y: list[pulp.LpVariable]
) -> tuple[list[tuple[pulp.LpVariable, float]], float]:
    """Add the rows that tell how far out the nearest open site is; return the cost of service.

    Parameters
    ----------
    program, y
        A program, and the variable of every site.

    Returns
    -------
    terms, constant
        The cost of serving every demand from its nearest open site.
    """
    instance, prob = program.instance, program.prob
    edge, sites, whole = instance.start.tolist(), instance.site.tolist(), instance.whole.tolist()
    standing = instance.existing.tolist()
    terms: list[tuple[pulp.LpVariable, float]] = []
    constant = 0.0
    for i in range(len(instance.demand_ids)):
        at, end = edge[i], edge[i + 1]
        constant += whole[at] if at < end else 0.0
        before: pulp.LpVariable | None = None
        k = 0
        while at < end:
            cost, here = whole[at], []
            while at < end and whole[at] == cost:
                here.append(sites[at])
                at += 1
            if any(standing[j] for j in here):
                break  # its own row says nothing: an existing site is open
            row = [(y[j], 1.0) for j in here]
            if before is not None:
                row.append((before, -1.0))
            if at < end:
                z = prob.add_variable(f"z_{i}_{k}", 0, 1)
                terms.append((z, whole[at] - cost))
                row.append((z, 1.0))
                before = z
            prob.addConstraint(
                pulp.lpSum_vars_coefs(row) >= (1 if k == 0 else 0), f"nearest_{i}_{k}"
            )
            k += 1
    return terms, constant
