"""Elastic program: what has to give where floors and budget cannot hold together.

Each requirement ``r`` may fall short by a share ``e_r`` of itself, and all the shortfalls together
are as small as can be::

    min   sum of e_r
    s.t.  sum of x_ij over i in g  >=  (1 - e_g) phi_g D_g       for each floor g
          sum of s_o z_o           <=  (1 + e_B) B               the budget
          0 <= e_g <= 1,  0 <= e_B
          the rows of the model

The symbols are those of `siting.models.weighted`. If it cannot be solved either, the conflict is
among other rows than these.

Source: J. Chinneck, E. Dravnieks: Locating minimal infeasible constraint sets in linear programs.
ORSA Journal on Computing 3 (1991), 157-168.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from siting.models.least_cost import without_budget
from siting.models.program import Program, add_row
from siting.models.rows import Floor, Rows
from siting.models.weighted import energy_program, served_in
from siting.program.instance import Instance


@dataclass(frozen=True, eq=False)
class Elastic:
    """The elastic program.

    Parameters
    ----------
    program
        The program, to be minimised.
    short
        Shortfall of each floor, as a share of its need.
    over
        Overspending, as a share of the budget (of the dearest subsidy, where the budget is 0).
    """

    program: Program
    short: tuple[pulp.LpVariable, ...]
    over: pulp.LpVariable


def elastic(
    instance: Instance, rows: Rows, floors: Sequence[Floor], model: str = "capacitated"
) -> Elastic:
    """Return the program of the smallest shortfalls together, in PuLP.

    Parameters
    ----------
    instance, rows
        The data of the program; its budget may be overspent here.
    floors
        What should be served.
    model
        ``capacitated`` or ``coverage``.
    """
    program = energy_program(without_budget(instance), rows, model)
    prob = program.prob
    short = []
    for f, floor in enumerate(floors):
        e = prob.add_variable(f"short_{f}", 0, 1)
        unit = max(floor.need_kwh, 1e-9)
        served = [(v, -1.0 / unit) for v in served_in(program, floor)]
        add_row(prob, [*served, (e, -1.0)], -min(floor.need_kwh / unit, 1.0), f"floor_{f}")
        short.append(e)
    subsidy = instance.offer_subsidy[program.offer]
    unit = budget_unit(instance)
    most = max(float(subsidy.sum()) - instance.budget_pkr, 0.0) / unit
    over = prob.add_variable("over", 0, most)
    spent = [(program.z[n], float(subsidy[n]) / unit) for n in np.flatnonzero(subsidy > 0).tolist()]
    add_row(prob, [*spent, (over, -1.0)], instance.budget_pkr / unit, "budget_elastic")
    prob.sense = pulp.LpMinimize
    prob.setObjective(pulp.lpSum_vars([*short, over]))
    return Elastic(program, tuple(short), over)


def budget_unit(instance: Instance) -> float:
    """Return the rupees that an overspending of 1 stands for."""
    if instance.budget_pkr > 0:
        return instance.budget_pkr
    return max(float(instance.offer_subsidy.max(initial=0.0)), 1.0)
