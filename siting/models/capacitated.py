"""Budgeted maximal coverage with offers and capacities by charger group.

A station serves no more than its chargers can deliver at the service standard, and only vehicles
that can plug in. The program is the capacitated maximal covering problem of Pirkul and Schilling
(1991), with a budget, offers in place of facilities, and capacities by charger group::

    max   sum of x_ij
    s.t.  sum of x_ij over j in N(i)  <=  d_i                                for each i   (demand)
          sum of x_ij over i in S     <=  sum of q_oS z_o over o in O_j      for each j and S
                                                                                        (capacity)
          one offer a site, the budget                                       see `program`
          0 <= x_ij <= min(d_i, most that any offer of j has for i),  z binary

where ``x_ij`` is the energy of row ``i`` served at site ``j`` (kWh/day), there only for pairs
within reach and with chargers that fit, ``q_og`` the energy that offer ``o`` can deliver from
charger group ``g``, ``S`` a set of kinds of demand (a kind is a set of charger groups that its
vehicles can use) and ``q_oS`` the smaller of the energy ``o`` can deliver from all groups that any
kind in ``S`` can use, and all the demand of ``S`` within reach of ``j``. The other symbols are
those of `siting.models.program`.

*Why one row for each S is exact.* Cars may use AC and DC, buses only DC. Let kind ``k`` bring
``X_k`` to a site and be able to use the groups ``U_k``. The energy can be split over the groups
within their capacities exactly if, for every set ``S`` of kinds, ``sum of X_k over S`` is at most
the capacity of the union of their ``U_k``: this is Hall's condition for divisible goods, the
minimum cut of the network kinds -> groups. Of the sets with the same union ``G`` the largest,
``{k : U_k within G}``, implies the others, as no ``X_k`` is negative; and a set that falls into two
parts with no group in common is implied by the rows of the parts. The rest gets a row. Groups that
no offer of a site has are struck from ``U_k`` first, which makes some sets equal.

*What is left out.* Rows ``x_ij <= d_i x sum of z_o`` are implied once z is integer. They raise the
bound where a catchment holds less than a station serves; cutting ``q_oS`` at the demand within
reach does the larger part of that at no cost in rows.

Source: H. Pirkul, D. Schilling: The maximal covering location problem with capacities on total
workload. Management Science 37 (1991), 233-248.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pulp

from siting.models.merge import MergedDemand, merge_equal_reach
from siting.models.program import Program, add_row, start_program, worthwhile_offers
from siting.program.instance import Flags, Floats, Instance, Ints

Groups = tuple[int, ...]


def capacitated(instance: Instance, demand: MergedDemand | None = None) -> Program:
    """Return the program that serves the most energy (kWh/day) within the budget, in PuLP.

    Parameters
    ----------
    instance
        The data of the program.
    demand
        The merged demand, if it is at hand already.

    Returns
    -------
    Program
        With one variable of served energy a pair of a merged demand row and a site.
    """
    demand = merge_equal_reach(instance) if demand is None else demand
    offers = worthwhile_offers(instance, demand)
    prob, z = start_program("capacitated", instance, offers)
    row, site, most = _pairs(instance, demand, offers)
    bound = np.minimum(demand.kwh[row], most).tolist()
    names = zip(row.tolist(), site.tolist(), strict=True)
    x = [prob.add_variable(f"x_{i}_{j}", 0, u) for (i, j), u in zip(names, bound, strict=True)]
    prob.setObjective(pulp.lpSum_vars(x))

    first = np.searchsorted(row, np.arange(len(demand.kwh) + 1)).tolist()
    for i, d in enumerate(demand.kwh.tolist()):
        if first[i + 1] - first[i] > 1:
            add_row(prob, [(v, 1.0) for v in x[first[i] : first[i + 1]]], d, f"demand_{i}")

    by_site = np.argsort(site, kind="stable")
    edge = np.searchsorted(site[by_site], np.arange(len(instance.site_ids) + 1))
    offers_of = _offers_of_sites(instance, offers)
    for j in np.unique(site).tolist():
        pairs = by_site[edge[j] : edge[j + 1]]
        kind = demand.kind[row[pairs]]
        kwh = np.bincount(kind, demand.kwh[row[pairs]], minlength=len(demand.kinds))
        here = offers_of[j]
        capacity = instance.offer_capacity[offers[here]]
        for n, (kinds, groups) in enumerate(site_capacity_sets(capacity, kwh, demand.kinds)):
            most_kwh = np.minimum(capacity[:, list(groups)].sum(axis=1), kwh[list(kinds)].sum())
            terms = [(x[p], 1.0) for p in pairs[np.isin(kind, kinds)].tolist()]
            terms += [
                (z[o], -q) for o, q in zip(here.tolist(), most_kwh.tolist(), strict=True) if q > 0
            ]
            add_row(prob, terms, 0.0, f"capacity_{j}_{n}")
    return Program("capacitated", prob, instance, demand, offers, z, row, site, x)


@cache
def capacity_sets(kinds: tuple[Groups, ...]) -> tuple[tuple[tuple[int, ...], Groups], ...]:
    """Return the sets of kinds that need a capacity row, each with its charger groups.

    Parameters
    ----------
    kinds
        The charger groups that each kind of demand can use; none where a kind is not there.

    Examples
    --------
    Cars use groups 0 and 1, buses 1, two-wheelers 2; each row is (kinds, groups):

    >>> capacity_sets(((0, 1), (1,), (2,)))
    (((1,), (1,)), ((2,), (2,)), ((0, 1), (0, 1)))
    """
    unions: set[frozenset[int]] = set()
    for groups in kinds:
        if groups:
            unions |= {u | set(groups) for u in unions} | {frozenset(groups)}
    rows = []
    for union in sorted(unions, key=lambda u: (len(u), sorted(u))):
        inside = tuple(k for k, groups in enumerate(kinds) if groups and union.issuperset(groups))
        if len(linked_parts(tuple(kinds[k] for k in inside))) == 1:
            rows.append((inside, tuple(sorted(union))))
    return tuple(rows)


def linked_parts(kinds: tuple[Groups, ...]) -> list[tuple[list[int], set[int]]]:
    """Return the kinds that share charger groups, directly or through others, part by part.

    Parameters
    ----------
    kinds
        The charger groups that each kind of demand can use.

    Returns
    -------
    list of (list of int, set of int)
        Positions of kinds and the groups they use; no two parts share a group.

    Examples
    --------
    >>> linked_parts(((0, 1), (1,), (2,)))
    [([0, 1], {0, 1}), ([2], {2})]
    """
    parts: list[tuple[list[int], set[int]]] = []
    for k, groups in enumerate(kinds):
        touched = [part for part in parts if part[1] & set(groups)]
        parts = [part for part in parts if not part[1] & set(groups)]
        members = sorted([k, *(m for part in touched for m in part[0])])
        parts.append((members, set(groups).union(*(part[1] for part in touched))))
    return sorted(parts, key=lambda part: part[0])


def site_capacity_sets(
    capacity: Floats, kwh: Floats, kinds: tuple[Groups, ...]
) -> tuple[tuple[tuple[int, ...], Groups], ...]:
    """Return the sets of kinds that need a capacity row at one site, each with its groups.

    Parameters
    ----------
    capacity
        Energy each of the site's offers (row) delivers from each charger group (kWh/day).
    kwh
        Demand of each kind within reach of the site (kWh/day).
    kinds
        The charger groups that each kind can use.
    """
    there = set(np.flatnonzero((capacity > 0).any(axis=0)).tolist())
    struck = tuple(
        tuple(g for g in groups if g in there) if kwh[k] > 0 else ()
        for k, groups in enumerate(kinds)
    )
    return capacity_sets(struck)


def _pairs(instance: Instance, demand: MergedDemand, offers: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the pairs of row and site that some offer can serve, and the most any can (kWh)."""
    most = np.zeros((len(instance.site_ids), len(demand.kinds)))
    for k, groups in enumerate(demand.kinds):
        capacity = instance.offer_capacity[offers][:, list(groups)].sum(axis=1)
        np.maximum.at(most[:, k], instance.offer_site[offers], capacity)
    row = demand.row
    limit = most[demand.site, demand.kind[row]]
    keep: Flags = limit > 0
    return row[keep], demand.site[keep], limit[keep]


def _offers_of_sites(instance: Instance, offers: Ints) -> list[Ints]:
    """Return, for each site, which of the offers are its own, as positions in `offers`."""
    site = instance.offer_site[offers]
    order = np.argsort(site, kind="stable")
    edge = np.searchsorted(site[order], np.arange(len(instance.site_ids) + 1))
    return [order[edge[j] : edge[j + 1]] for j in range(len(instance.site_ids))]
