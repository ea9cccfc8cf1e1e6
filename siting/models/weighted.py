"""Served worth: weights by row, decay by drive, floors by zone.

The programs of `siting.models.capacitated` and `siting.models.coverage`, with another objective and
with floors::

    max   sum of a_ij w_i x_ij                           see `siting.program.objective`
    s.t.  sum of x_ij over i in g  >=  phi_g D_g         for each zone g with a floor, and the city
          the rows of the model

where ``D_g`` is all the energy zone ``g`` wants, in reach or not, and ``phi_g`` the share of it
that must be served. Floors are in kWh/day whatever the objective.

Without capacities, and with decay, each row is served by the best of the stations that stand, so
that the program says which::

    max   sum of a_ij w_i x_ij
    s.t.  sum of x_ij over j  <=  d_i                                          for each i
          x_ij  <=  d_i x sum of z_o over the offers o of j that serve i       for each i and j
          one offer a site, the budget

Source of the gradual cover: O. Berman, D. Krass, Z. Drezner: The gradual covering decay location
problem on a network. European Journal of Operational Research 151 (2003), 474-480.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pulp

from siting.models.capacitated import capacitated
from siting.models.coverage import coverage
from siting.models.program import (
    Program,
    add_row,
    start_program,
    usable_pairs,
    worthwhile_offers,
)
from siting.models.rows import Floor, Rows
from siting.program.instance import Floats, Instance


def weighted(
    instance: Instance,
    rows: Rows,
    model: str = "capacitated",
    floors: Sequence[Floor] = (),
) -> Program:
    """Return the program of the most served worth within the budget, above all floors, in PuLP.

    Parameters
    ----------
    instance, rows
        The data of the program.
    model
        ``capacitated`` or ``coverage``.
    floors
        What must be served.

    Returns
    -------
    Program
        Its objective is in the unit of the worth. The row of floor ``n`` is called ``floor_n`` and
        is in shares of what the floor needs.
    """
    program = energy_program(instance, rows, model)
    worth = pair_values(program, rows, rows.worth)
    terms = [(v, w) for v, w in zip(program.served, worth.tolist(), strict=True) if w > 0]
    program.prob.setObjective(pulp.lpSum_vars_coefs(terms))
    add_floors(program, floors)
    return program


def energy_program(instance: Instance, rows: Rows, model: str) -> Program:
    """Return the program of a model on weighed rows, whose objective is yet the energy served."""
    if model == "capacitated":
        return capacitated(instance, rows.demand)
    return _assignment(instance, rows) if rows.decays else coverage(instance, rows.demand)


def pair_values(program: Program, rows: Rows, values: Floats) -> Floats:
    """Return the values of the pairs that have a variable, given those of all pairs of `rows`.

    Where a variable is a row and not a pair, the first pair of the row stands for it.
    """
    if len(program.site) and program.site[0] < 0:
        return values[rows.demand.start[program.row]]
    sites = len(program.instance.site_ids)
    key = rows.demand.row * sites + rows.demand.site
    out: Floats = values[np.searchsorted(key, program.row * sites + program.site)]
    return out


def add_floors(program: Program, floors: Sequence[Floor]) -> None:
    """Add a row for each floor: at least its need must be served, in shares of the need."""
    for f, floor in enumerate(floors):
        unit = max(floor.need_kwh, 1e-9)
        terms = [(v, -1.0 / unit) for v in served_in(program, floor)]
        add_row(program.prob, terms, -min(floor.need_kwh / unit, 1.0), f"floor_{f}")


def served_in(program: Program, floor: Floor) -> list[pulp.LpVariable]:
    """Return the variables of served energy (kWh/day) that count towards a floor."""
    counted = np.isin(program.row, np.array(floor.rows, dtype=np.int64))
    return [program.served[n] for n in np.flatnonzero(counted).tolist()]


def _assignment(instance: Instance, rows: Rows) -> Program:
    """Return the program that says, without capacities, who is served by which site."""
    demand = rows.demand
    offers = worthwhile_offers(instance, demand)
    prob, z = start_program("assignment", instance, offers)
    able = usable_pairs(instance, demand)
    at_site: dict[tuple[int, int], list[pulp.LpVariable]] = {}
    for variable, o in zip(z, offers.tolist(), strict=True):
        for kind in np.flatnonzero(able[o]).tolist():
            at_site.setdefault((int(instance.offer_site[o]), kind), []).append(variable)
    kind_of, kwh = demand.kind.tolist(), demand.kwh.tolist()
    keep = np.array(
        [(j, kind_of[i]) in at_site for i, j in zip(demand.row, demand.site, strict=True)], bool
    )
    row, site = demand.row[keep], demand.site[keep]
    x = []
    by_row: dict[int, list[pulp.LpVariable]] = {}
    for i, j in zip(row.tolist(), site.tolist(), strict=True):
        x.append(prob.add_variable(f"x_{i}_{j}", 0, kwh[i]))
        by_row.setdefault(i, []).append(x[-1])
        terms = [(x[-1], 1.0), *((v, -kwh[i]) for v in at_site[j, kind_of[i]])]
        add_row(prob, terms, 0.0, f"open_{i}_{j}")
    for i, own in by_row.items():
        if len(own) > 1:
            add_row(prob, [(v, 1.0) for v in own], kwh[i], f"demand_{i}")
    prob.setObjective(pulp.lpSum_vars(x))
    return Program("assignment", prob, instance, demand, offers, z, row, site, x)
