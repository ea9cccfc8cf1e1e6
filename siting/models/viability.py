"""Viability gap: public money only where the business case fails, and only what it lacks.

The subsidy of a site is a decision of the program, not a property of the offer::

    max   sum of x_ij
    s.t.  u_j  >=  sum of c_o z_o over o in O_j  -  sum of v_i x_ij over i       for each j  (gap)
          u_j  <=  cap x sum of c_o z_o over o in O_j                            for each j  (cap)
          sum of u_j over j  <=  B                                                        (budget)
          0 <= u_j
          the rows of the model

where ``c_o`` is the cost of the offer (PKR), ``u_j`` the subsidy of site ``j`` (PKR), ``v_i`` the
present value of the margin over the life on one kilowatt-hour a day sold to row ``i`` (PKR), and
``cap`` the largest share of the cost that may be paid from public money. The two rows of a site
together say that what the operator earns and the cap must pay for it: a site whose case fails even
at the cap cannot be built. The station that stands already costs nothing and draws nothing.

The energy of an offer that is built is still at most what its chargers deliver; the operator may be
sent less than it could sell, never more.

Source: Government of India, Ministry of Finance: Scheme and guidelines for financial support to
public private partnerships in infrastructure (viability gap funding), 2013, for the rule; the rows
are ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pulp

from siting.errors import Fault, InputError
from siting.models.program import Program, add_row
from siting.models.rows import Floor, Rows
from siting.models.weighted import weighted
from siting.program.instance import Floats, Instance


@dataclass(frozen=True)
class GapRule:
    """The rule by which a subsidy is worked out.

    Parameters
    ----------
    margin_pkr
        Present value of the margin over the life on one kWh/day (PKR), by vehicle class, or one
        number for all.
    cap_share
        Largest share of a site's cost that public money may pay, in (0, 1].
    """

    margin_pkr: float | Mapping[str, float]
    cap_share: float


def annuity(years: float, discount_rate: float) -> float:
    """Return the present value of 1 rupee a year over some years (PKR).

    Parameters
    ----------
    years
        Whole years; each rupee comes at the end of its year.
    discount_rate
        Share a year, such as 0.12.

    Examples
    --------
    >>> round(annuity(10, 0.12), 4)
    5.6502
    """
    if discount_rate == 0:
        return years
    return float((1 - (1 + discount_rate) ** -years) / discount_rate)


def margins_of(instance: Instance, rule: GapRule) -> Floats:
    """Return the present value of a kWh/day sold to each vehicle class (PKR).

    Raises
    ------
    InputError
        If the rule makes no sense for the instance.
    """
    faults = []
    if not (math.isfinite(rule.cap_share) and 0 < rule.cap_share <= 1):
        fix = "give a share above 0, up to 1"
        faults.append(Fault("cap_share", f"is {rule.cap_share}", fix))
    given = rule.margin_pkr
    names = instance.class_names
    by_class = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
    unknown = tuple(sorted(set(by_class) - set(names)))
    if unknown:
        fix = "there are: " + ", ".join(names)
        faults.append(Fault("margin_pkr", "unknown vehicle classes", fix, unknown))
    wanted = {names[k] for k in np.unique(instance.demand_class[instance.demand_kwh > 0])}
    missing = tuple(sorted(wanted - set(by_class)))
    if missing:
        faults.append(Fault("margin_pkr", "vehicle classes without one", "add it", missing))
    bad = tuple(sorted(k for k, v in by_class.items() if not (math.isfinite(v) and v >= 0)))
    if bad:
        faults.append(Fault("margin_pkr", "not a number of 0 or more", "give PKR", bad))
    if faults:
        raise InputError(faults)
    return np.array([float(by_class.get(name, 0.0)) for name in names])


def without_subsidies(instance: Instance) -> Instance:
    """Return the instance with offers that draw nothing by themselves: the rule decides."""
    return replace(instance, offer_subsidy=np.zeros(len(instance.offer_ids)))


@dataclass(frozen=True, eq=False)
class GapProgram:
    """The program with its subsidies.

    Parameters
    ----------
    program
        The program; its budget is on the subsidies below.
    site, subsidy
        Positions of the sites with a subsidy, and their variables, in units of `unit_pkr`.
    unit_pkr
        What one of them is worth (PKR).
    """

    program: Program
    site: tuple[int, ...]
    subsidy: tuple[pulp.LpVariable, ...]
    unit_pkr: float


def viability(
    instance: Instance,
    rows: Rows,
    rule: GapRule,
    budget_pkr: float,
    floors: Sequence[Floor] = (),
) -> GapProgram:
    """Return the program of the most served worth where subsidies fill the gap, in PuLP.

    Parameters
    ----------
    instance
        The data of the program; the subsidies of its offers are added to the rule's own where they
        are not 0, see `without_subsidies`.
    rows
        The demand, with the margin of each row.
    rule
        The rule.
    budget_pkr
        Public money there is (PKR).
    floors
        What must be served.
    """
    program = weighted(instance, rows, "capacitated", floors)
    cost = instance.offer_cost[program.offer]
    unit = max(float(cost.max(initial=0.0)), 1.0)
    site_of = instance.offer_site[program.offer]
    margin = rows.margin[program.row]
    sites, subsidies = [], []
    for j in np.unique(site_of[cost > 0]).tolist():
        here = np.flatnonzero(site_of == j).tolist()
        most = rule.cap_share * max(float(cost[n]) for n in here) / unit
        u = program.prob.add_variable(f"u_{j}", 0, most)
        paid = [(program.z[n], float(cost[n]) / unit) for n in here if cost[n] > 0]
        earned = [
            (program.served[p], -float(margin[p]) / unit)
            for p in np.flatnonzero(program.site == j).tolist()
            if margin[p] > 0
        ]
        add_row(program.prob, [*paid, *earned, (u, -1.0)], 0.0, f"gap_{j}")
        capped = [(v, -rule.cap_share * c) for v, c in paid]
        add_row(program.prob, [(u, 1.0), *capped], 0.0, f"cap_{j}")
        sites.append(j)
        subsidies.append(u)
    total = [(u, 1.0) for u in subsidies]
    add_row(program.prob, total, budget_pkr / unit, "subsidies")
    return GapProgram(program, tuple(sites), tuple(subsidies), unit)
