"""Max-min fairness: the share served in the worst zone, as large as can be.

::

    max   t
    s.t.  sum of x_ij over i in g  >=  t D_g     for each zone g
          0 <= t <= 1
          the rows of the model

The symbols are those of `siting.models.weighted`. Of all plans that reach this share, the one that
serves the most is found with floors of ``t`` (`siting.solve.fairness`).

Source: W. Ogryczak: Inequality measures and equitable approaches to location problems. European
Journal of Operational Research 122 (2000), 374-391.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulp

from siting.models.program import Program, add_row
from siting.models.rows import Floor, Rows
from siting.models.weighted import energy_program, served_in
from siting.program.instance import Instance


def fair(
    instance: Instance, rows: Rows, zones: Sequence[Floor], model: str = "capacitated"
) -> Program:
    """Return the program of the largest share served in the worst zone, in PuLP.

    Parameters
    ----------
    instance, rows
        The data of the program.
    zones
        The zones as floors; their own shares do not matter.
    model
        ``capacitated`` or ``coverage``.
    """
    program = energy_program(instance, rows, model)
    prob = program.prob
    t = prob.add_variable("t", 0, 1)
    prob.setObjective(pulp.lpSum_vars_coefs([(t, 1.0)]))
    for g, zone in enumerate(zones):
        served = [(v, -1.0 / zone.demand_kwh) for v in served_in(program, zone)]
        add_row(prob, [(t, 1.0), *served], 0.0, f"zone_{g}")
    return program
