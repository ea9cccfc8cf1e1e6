"""Set covering: the fewest sites that have every demand within a radius.

::

    min   sum of y_j over j
    s.t.  sum of y_j over j with d_ij <= R  >=  1         for each i     (covered)
          y binary

with the symbols of `siting.classics.plain_program`; ``R`` is the radius. Demands with the same
sites within it share one row. With ``sum of y_j <= p`` beside it the program says whether p sites
are enough, which is what the p-center is found by.

Source: C. Toregas, R. Swain, C. ReVelle, L. Bergman: The location of emergency service facilities.
Operations Research 19 (1971), 1363-1373.
"""

from __future__ import annotations

import pulp

from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram, equal_sets, start_classic, within


def lscp(instance: PlainInstance, radius: float, p: int | None = None) -> ClassicProgram:
    """Return the program that covers every demand with the fewest sites, in PuLP.

    Demands of weight 0 are covered only where costs are for the whole demand.

    Parameters
    ----------
    instance
        The data of the program; every demand that needs serving has a site within the radius.
    radius
        Largest cost at which a demand counts as covered, in the unit of the instance's costs.
    p
        Most sites, existing ones included; no limit by default.
    """
    near = within(instance.restricted(instance.needed[instance.row], instance.needed), radius)
    program, y = start_classic("lscp", near, pulp.LpMinimize, p)
    program.prob.setObjective(pulp.lpSum_vars(program.y))
    for n, own in enumerate(equal_sets(near)[0]):
        row = pulp.lpSum_vars([y[j] for j in own.tolist()])
        program.prob.addConstraint(row >= 1, f"covered_{n}")
    return program
