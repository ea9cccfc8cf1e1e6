"""Least cost: the cheapest plan that serves a share of the demand, in the city and by zone.

::

    min   sum of p_o z_o
    s.t.  sum of x_ij over i in g  >=  phi_g D_g      for each zone g with a floor, and the city
          the rows of the model

where ``p_o`` is the public money that offer ``o`` draws, or its cost in all (PKR); the other
symbols are those of `siting.models.program` and `siting.models.weighted`. The budget is still a
row; give an instance whose budget is all the money there could be, see `without_budget`, for the
cheapest plan of all. Without capacities, and with all that is in reach to be served, this is set
cover.

Source: C. Toregas, R. Swain, C. ReVelle, L. Bergman: The location of emergency service facilities.
Operations Research 19 (1971), 1363-1373; partial cover after M. Daskin, S. Owen: Two new location
covering problems. Geographical Analysis 31 (1999), 217-235.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pulp

from siting.models.program import Program
from siting.models.rows import Floor, Rows
from siting.models.weighted import add_floors, energy_program
from siting.program.instance import Floats, Instance

Money = Literal["subsidy_pkr", "cost_pkr"]


def without_budget(instance: Instance) -> Instance:
    """Return the instance with money enough for every offer at once."""
    return replace(instance, budget_pkr=float(instance.offer_subsidy.sum()) + 1.0)


def prices_of(instance: Instance, money: Money) -> Floats:
    """Return what each offer costs (PKR), of the kind of money asked for."""
    return instance.offer_subsidy if money == "subsidy_pkr" else instance.offer_cost


def price_unit(instance: Instance, money: Money) -> float:
    """Return the rupees that one unit of the program's objective is worth."""
    return max(float(prices_of(instance, money).max(initial=0.0)), 1.0)


def least_cost(
    instance: Instance,
    rows: Rows,
    floors: Sequence[Floor],
    model: str = "capacitated",
    money: Money = "subsidy_pkr",
) -> Program:
    """Return the program of the least money that serves what the floors ask for, in PuLP.

    Parameters
    ----------
    instance, rows
        The data of the program.
    floors
        What must be served.
    model
        ``capacitated`` or ``coverage``.
    money
        Which money: ``subsidy_pkr`` or ``cost_pkr``.

    Returns
    -------
    Program
        To be minimised; its objective is in units of `price_unit`.
    """
    program = energy_program(instance, rows, model)
    add_floors(program, floors)
    minimise_money(program, money)
    return program


def minimise_money(program: Program, money: Money) -> None:
    """Set the least money as the objective of a program, in units of `price_unit`."""
    prices = prices_of(program.instance, money)[program.offer] / price_unit(program.instance, money)
    terms = [(program.z[n], float(prices[n])) for n in np.flatnonzero(prices > 0).tolist()]
    program.prob.sense = pulp.LpMinimize
    program.prob.setObjective(pulp.lpSum_vars_coefs(terms))
