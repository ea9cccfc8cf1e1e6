"""What the models have in common: one offer a site at most, within the budget and every limit.

Symbols used in every model:

===========  ====================================================================================
``i``        demand rows (merged, see `siting.models.merge`), with ``d_i`` kWh/day
``j``        sites; ``N(i)`` those within reach of ``i`` with chargers its vehicles can plug into
``o``        offers; ``O_j`` those of site ``j``; ``s_o`` subsidy (PKR)
``B``        budget (PKR)
``r``        limits; ``u_ro`` what offer ``o`` uses of limit ``r``, ``U_r`` what there is
``z_o``      1 if offer ``o`` is taken; fixed to 1 for a station that stands and has no extension
===========  ====================================================================================

Rows in every model::

    sum of z_o over o in O_j  <=  1        for each site j      (one offer a site)
    sum of z_o over o in O_j  >=  1        for each site j where one stands or is required
    sum of s_o z_o over all o <=  B                             (the budget)
    sum of u_ro z_o over all o <= U_r      for each limit r     (see `siting.program.limits`)

Offers that no plan has a use for get no variable: those that alone are beyond the budget or a
limit, and those at sites that no demand can use, unless a station must be there. A limit that all
offers together are within gets no row. Variables and rows are named by position (``z_12``,
``x_3_7``), never by label: names that differ in a dash or a blank only, such as "F-7" and "F 7",
would become one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pulp

from siting.models.merge import MergedDemand
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.program.obligations import LIMIT_TOLERANCE, tolerance

# A set of offers within a millionth of a rupee of the budget is within it: sums of rupees in
# binary fractions are not exact.
BUDGET_TOLERANCE_PKR = LIMIT_TOLERANCE


@dataclass(frozen=True, eq=False)
class Program:
    """A PuLP problem and the positions its variables stand for.

    Parameters
    ----------
    model
        Name of the model.
    prob
        The problem; its objective is the served energy (kWh/day), to be maximised.
    instance, demand
        What it was built from.
    offer, z
        Positions of the offers that have a variable, and the variables.
    row, site, served
        The variables of served energy (kWh/day) with the merged row each belongs to, and the site
        (-1 where the model does not say which site serves).
    """

    model: str
    prob: pulp.LpProblem
    instance: Instance
    demand: MergedDemand
    offer: Ints
    z: list[pulp.LpVariable]
    row: Ints
    site: Ints
    served: list[pulp.LpVariable]


def within_budget(instance: Instance, offers: Ints) -> bool:
    """Return whether the subsidies of some offers together are within the budget (PKR)."""
    spent = float(np.sum(np.sort(instance.offer_subsidy[offers])))
    return spent <= instance.budget_pkr + tolerance(instance.budget_pkr)


def within_limits(instance: Instance, offers: Ints) -> bool:
    """Return whether some offers together are within every limit beside the budget."""
    if not len(instance.limit_names):
        return True
    taken = np.zeros(len(instance.offer_ids))
    taken[offers] = 1.0
    used = instance.limit_use @ taken
    return bool((used <= limits_with_tolerance(instance)).all())


def limits_with_tolerance(instance: Instance) -> Floats:
    """Return what there is of each limit, and a hair more, for sums of binary fractions."""
    return instance.limit_most + LIMIT_TOLERANCE + 1e-12 * instance.limit_most


def usable_pairs(instance: Instance, demand: MergedDemand) -> Flags:
    """Return whether each offer (row) can serve each kind of demand (column) that reaches it."""
    reached = np.zeros((len(instance.site_ids), len(demand.kinds)), dtype=bool)
    reached[demand.site, demand.kind[demand.row]] = True
    able = np.stack(
        [(instance.offer_capacity[:, list(groups)] > 0).any(axis=1) for groups in demand.kinds],
        axis=1,
    )
    return able & reached[instance.offer_site]


def worthwhile_offers(instance: Instance, demand: MergedDemand) -> Ints:
    """Return the positions of the offers worth a variable: within every limit alone, and of use.

    What stands is always among them; where a station must be, every offer is of use.
    """
    possible = instance.offer_subsidy <= instance.budget_pkr + tolerance(instance.budget_pkr)
    if len(instance.limit_names):
        most = np.repeat(limits_with_tolerance(instance), np.diff(instance.limit_start))
        possible[instance.limit_offer[instance.limit_amount > most]] = False
    useful = usable_pairs(instance, demand).any(axis=1)
    useful |= instance.must_sites[instance.offer_site]
    return np.flatnonzero((possible & useful) | instance.offer_existing)


def start_program(
    name: str, instance: Instance, offers: Ints
) -> tuple[pulp.LpProblem, list[pulp.LpVariable]]:
    """Return a problem with the offer variables and the rows that every model has.

    Parameters
    ----------
    name
        Name of the problem.
    instance
        The data of the program.
    offers
        Positions of the offers that get a variable.
    """
    prob = pulp.LpProblem(name, pulp.LpMaximize)
    site = instance.offer_site[offers]
    must = instance.must_sites
    alone = np.bincount(site, minlength=len(instance.site_ids)) == 1
    fixed = (must & alone)[site]
    z = [
        prob.add_variable(f"z_{o}", int(fix), 1, "Integer")
        for o, fix in zip(offers.tolist(), fixed.tolist(), strict=True)
    ]
    for j in np.unique(site).tolist():
        here = np.flatnonzero(site == j)
        if len(here) > 1:
            add_row(prob, [(z[n], 1.0) for n in here.tolist()], 1.0, f"one_{j}")
            if must[j]:
                prob.addConstraint(pulp.lpSum_vars([z[n] for n in here.tolist()]) >= 1, f"must_{j}")
    add_budget(prob, z, instance, offers)
    add_limits(prob, z, instance, offers)
    return prob, z


def add_budget(
    prob: pulp.LpProblem, z: list[pulp.LpVariable], instance: Instance, offers: Ints
) -> None:
    """Add the budget row, in units of the dearest subsidy so that its numbers are near 1."""
    subsidy = instance.offer_subsidy[offers]
    if subsidy.sum() <= instance.budget_pkr:
        return
    unit = float(subsidy.max())
    terms = [(z[n], float(subsidy[n]) / unit) for n in np.flatnonzero(subsidy > 0).tolist()]
    add_row(prob, terms, instance.budget_pkr / unit, "budget")


def add_limits(
    prob: pulp.LpProblem, z: list[pulp.LpVariable], instance: Instance, offers: Ints
) -> None:
    """Add a row for each limit that could bind, in units of the largest amount in it."""
    position = np.full(len(instance.offer_ids), -1, dtype=np.int64)
    position[offers] = np.arange(len(offers))
    for r, most in enumerate(instance.limit_most.tolist()):
        own = slice(instance.limit_start[r], instance.limit_start[r + 1])
        at, amount = position[instance.limit_offer[own]], instance.limit_amount[own]
        at, amount = at[at >= 0], amount[at >= 0]
        if amount.sum() <= most:
            continue
        unit = float(amount.max())
        terms = [(z[n], u / unit) for n, u in zip(at.tolist(), amount.tolist(), strict=True)]
        add_row(prob, terms, most / unit, f"limit_{r}")


def add_row(
    prob: pulp.LpProblem,
    terms: Iterable[tuple[pulp.LpVariable, float]],
    at_most: float,
    name: str,
) -> None:
    """Add the row ``sum of coefficient x variable <= at_most``."""
    prob.addConstraint(pulp.lpSum_vars_coefs(terms) <= at_most, name)
