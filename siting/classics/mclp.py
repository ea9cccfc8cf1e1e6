"""Maximal covering: with p sites, have as much demand as possible within a radius.

::

    max   sum of w_i c_i over i
    s.t.  c_i  <=  sum of y_j over j with d_ij <= R       for each i     (covered)
          sum of y_j <= p                                                (number)
          0 <= c_i <= 1,  y binary

where ``c_i`` is 1 if demand ``i`` has an open site within the radius ``R``; the other symbols are
those of `siting.classics.plain_program`. Demands with the same sites within the radius share one
variable, with the sum of their weights; ``c_i`` need not be binary, as it is at its best 0 or 1.

Source: R. Church, C. ReVelle: The maximal covering location problem. Papers of the Regional
Science Association 32 (1974), 101-118.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting.classics.plain import PlainInstance
from siting.classics.plain_program import ClassicProgram, equal_sets, start_classic, within


def mclp(instance: PlainInstance, p: int, radius: float) -> ClassicProgram:
    """Return the program that covers the most weight with at most p sites, in PuLP.

    Parameters
    ----------
    instance
        The data of the program.
    p
        Most sites, existing ones included.
    radius
        Largest cost at which a demand counts as covered, in the unit of the instance's costs.
    """
    near = within(instance, radius)
    program, y = start_classic("mclp", near, pulp.LpMaximize, p)
    sets, of_row = equal_sets(near)
    there = of_row >= 0
    weight = np.bincount(of_row[there], near.weight[there], minlength=len(sets)).tolist()
    prob = program.prob
    c = [prob.add_variable(f"c_{n}", 0, 1) for n in range(len(sets))]
    prob.setObjective(pulp.lpSum_vars_coefs(list(zip(c, weight, strict=True))))
    for n, own in enumerate(sets):
        terms = [(c[n], 1.0), *((y[j], -1.0) for j in own.tolist())]
        prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= 0, f"covered_{n}")
    return program
