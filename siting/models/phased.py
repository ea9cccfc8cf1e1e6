"""Years one after the other: what to build when, with money and demand by year.

A station that stands stays; money is granted by year; demand grows. The program is the multi-period
capacitated maximal covering problem, after the dynamic location problems of Van Roy and Erlenkotter
(1982), with budgets by year::

    max   sum of w_t x_ijgt
    s.t.  sum of x_ijgt over j, g      <=  d_it                           for each i, t (demand)
          sum of x_ijgt over i         <=  sum of q_og z_ot over o in O_j for each j, g, t
                                                                                (capacity)
          sum of z_ot over o in O_j    <=  1                              for each j, t (one offer)
          z_o,t-1                      <=  sum of z_pt over p in U_o      for each o, t
                                                                                (nothing closes)
          sum of s_o (z_ot - z_o,t-1)  <=  B_t                            for each t    (budget)
          x >= 0,  z binary

===========  ====================================================================================
``t``        years in order; ``w_t`` weight: years until the next one, discounted to the first
``i``        demand rows, with ``d_it`` kWh/day in year ``t``
``j``, ``g`` sites and charger groups; ``x_ijgt`` energy served (kWh/day), there only within reach
             and where the vehicles of ``i`` can plug in
``o``        offers; ``O_j`` those of site ``j``; ``s_o`` subsidy (PKR), ``q_og`` capacity (kWh/day)
``U_o``      the offers that ``o`` can become: itself, and with `upgrades` those of the same site
             that deliver no less from any group and draw no less subsidy
``B_t``      budget of year ``t`` (PKR)
``z_ot``     1 if offer ``o`` stands in year ``t``; ``z_o,t-1`` is 0 in the first year
===========  ====================================================================================

*Money carried over.* The budget rows become ``sum of s_o z_ot <= B_1 + ... + B_t``: what was spent
up to a year is within what was there up to it. It can be saved, never borrowed.

*Upgrades* cost the difference in subsidy. A bigger offer that draws *less* is no upgrade, and none
is needed: taking it from the start serves as much for less.

*Coverage* has ``y_it <= d_it x sum of z_ot`` over the offers in reach that can serve ``i``, in
place of demand and capacity rows.

`options` lists the courses of events at each site instead (nothing until 2028, then the small
offer). There are more of them than ``z_ot``, but each has one variable, its money by year is a
plain number, and "nothing closes" needs no rows: this is what `siting.solve.phased` works on.

Source: T. J. Van Roy, D. Erlenkotter: A dual-based procedure for dynamic facility location.
Management Science 28 (1982), 1091-1105.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pulp

from siting.errors import Fault, InputError
from siting.models.joint import Options, sharing_faults
from siting.models.program import BUDGET_TOLERANCE_PKR, add_row
from siting.models.slices import Service, add_service
from siting.program.instance import Flags, Floats, Instance, Ints


@dataclass(frozen=True, eq=False)
class Phases:
    """The years of a phased plan; make one with `Phases.of`, which checks them.

    Parameters
    ----------
    years
        In order.
    instances
        The data of each year: the same offers, demand by year.
    budgets_pkr
        Public money granted in each year (PKR).
    weights
        What a kWh/day of each year counts.
    carry_over
        Whether money not spent in a year can be spent later.
    upgrades
        Whether a station can be made a bigger one later.
    """

    years: tuple[int, ...]
    instances: tuple[Instance, ...]
    budgets_pkr: tuple[float, ...]
    weights: tuple[float, ...]
    carry_over: bool
    upgrades: bool

    @classmethod
    def of(
        cls,
        instances: Mapping[int, Instance],
        budgets_pkr: Mapping[int, float],
        *,
        carry_over: bool = False,
        upgrades: bool = False,
        discount_rate: float = 0.0,
        last_period_years: int = 1,
    ) -> Phases:
        """Return the years with their weights.

        Parameters
        ----------
        instances
            The data of each year, years rising; their own ``budget_pkr`` is not used.
        budgets_pkr
            Public money granted in each year (PKR).
        carry_over, upgrades
            As the class says.
        discount_rate
            Share by which a kWh/day counts less for each year later, 0 to 1.
        last_period_years
            Years that the last year stands for; each other stands until the next.

        Raises
        ------
        InputError
            With every fault of the years, budgets and rates, and of instances that do not share
            their offers and demand rows.
        """
        faults = _year_faults(instances, budgets_pkr)
        faults += _rate_faults(discount_rate, last_period_years)
        faults += sharing_faults({str(year): i for year, i in instances.items()}, "year")
        if faults:
            raise InputError(faults)
        years = tuple(int(year) for year in instances)
        length = np.diff([*years, years[-1] + last_period_years])
        weights = length * (1.0 + discount_rate) ** -(np.array(years) - float(years[0]))
        return cls(
            years,
            tuple(instances.values()),
            tuple(float(budgets_pkr[year]) for year in instances),
            tuple(weights.tolist()),
            carry_over,
            upgrades,
        )

    @property
    def limit_pkr(self) -> Floats:
        """What may be spent in each year, or up to it if money is carried over (PKR)."""
        budgets = np.array(self.budgets_pkr)
        return np.cumsum(budgets) if self.carry_over else budgets


@dataclass(frozen=True, eq=False)
class PhasedProgram:
    """The full program, and its offer variables by year (row) and offer (column)."""

    prob: pulp.LpProblem
    z: list[list[pulp.LpVariable]]


def phased(phases: Phases, model: str = "capacitated") -> PhasedProgram:
    """Return the program written out in full, in PuLP: energy (kWh/day) weighted over the years.

    It is for reading and for comparison; it has a variable for each row, site, group and year.

    Parameters
    ----------
    phases
        The years.
    model
        ``capacitated`` or ``coverage``.
    """
    first = phases.instances[0]
    prob = pulp.LpProblem(f"phased_{model}", pulp.LpMaximize)
    years, offers = range(len(phases.years)), range(len(first.offer_ids))
    z = [
        [prob.add_variable(f"z_{o}_{t}", int(first.offer_existing[o]), 1, "Integer")
         for o in offers]
        for t in years
    ]  # fmt: skip
    service = Service(prob, model)
    terms = []
    for t, (instance, weight) in enumerate(zip(phases.instances, phases.weights, strict=True)):
        terms += [(x, weight) for x in add_service(service, instance, z[t], t)]
    prob.setObjective(pulp.lpSum_vars_coefs(terms))

    becomes = upgrades_of(first, phases.upgrades)
    subsidy = first.offer_subsidy.tolist()
    for t in years:
        for j in range(len(first.site_ids)):
            here = np.flatnonzero(first.offer_site == j).tolist()
            if len(here) > 1:
                add_row(prob, [(z[t][o], 1.0) for o in here], 1.0, f"one_{j}_{t}")
        for o in offers if t else ():
            row = [(z[t - 1][o], 1.0)]
            row += [(z[t][p], -1.0) for p in np.flatnonzero(becomes[o]).tolist()]
            add_row(prob, row, 0.0, f"stays_{o}_{t}")
        row = [(z[t][o], subsidy[o]) for o in offers if subsidy[o] > 0]
        if t and not phases.carry_over:
            row += [(z[t - 1][o], -subsidy[o]) for o in offers if subsidy[o] > 0]
        if row:
            add_row(prob, row, float(phases.limit_pkr[t]), f"budget_{t}")
    return PhasedProgram(prob, z)


def upgrades_of(instance: Instance, upgrades: bool) -> Flags:
    """Return whether an offer (row) that stands can be another (column) a year later.

    Parameters
    ----------
    instance
        The data of any year.
    upgrades
        Whether anything but itself is allowed.
    """
    count = len(instance.offer_ids)
    becomes = np.eye(count, dtype=bool)
    if upgrades:
        for j in range(len(instance.site_ids)):
            here = np.flatnonzero(instance.offer_site == j)
            capacity, subsidy = instance.offer_capacity[here], instance.offer_subsidy[here]
            bigger = (capacity[:, None, :] <= capacity[None, :, :]).all(axis=2)
            becomes[np.ix_(here, here)] |= bigger & (subsidy[:, None] <= subsidy[None, :])
    return becomes


def options(phases: Phases) -> tuple[Options, Floats]:
    """Return the courses of events at every site, and what each is paid by year (PKR).

    Courses that the budgets do not allow even if they were the only one are left out.

    Parameters
    ----------
    phases
        The years.

    Returns
    -------
    Options
        By site; the slices are the years, the rows of the program the budgets.
    ndarray
        Subsidy (PKR) by option and year.
    """
    first = phases.instances[0]
    years = len(phases.years)
    becomes = upgrades_of(first, phases.upgrades)
    found: list[tuple[int, ...]] = []
    for o in np.argsort(first.offer_site, kind="stable").tolist():
        if first.offer_existing[o]:
            found.append((o,) * years)
            continue
        for begin in range(years):
            found += [(-1,) * begin + rest for rest in _courses(o, years - begin, becomes)]
    offer = np.array(found, dtype=np.int64).reshape(-1, years)
    drawn = np.where(offer >= 0, first.offer_subsidy[offer], 0.0)
    paid = np.diff(drawn, axis=1, prepend=0.0)
    use = np.cumsum(paid, axis=1) if phases.carry_over else paid
    limit = phases.limit_pkr
    kept = (use <= limit + BUDGET_TOLERANCE_PKR + 1e-12 * limit).all(axis=1)
    return Options(offer[kept], use[kept], limit), paid[kept]


def _courses(o: int, years: int, becomes: Flags) -> Iterator[tuple[int, ...]]:
    """Yield what an offer that stands in the first of some years can be until the last."""
    if years == 1:
        yield (o,)
        return
    for after in np.flatnonzero(becomes[o]).tolist():
        for rest in _courses(after, years - 1, becomes):
            yield (o, *rest)


def _year_faults(
    instances: Mapping[int, Instance], budgets_pkr: Mapping[int, float]
) -> list[Fault]:
    faults = []
    if not instances:
        faults.append(Fault("years", "there are none", "give an instance for each year"))
    numbers = (*instances, *budgets_pkr)
    odd = tuple(dict.fromkeys(str(year) for year in numbers if not _whole(year)))
    if odd:
        faults.append(Fault("years", "not whole numbers", "give years such as 2027", odd))
    years = list(instances)
    late = [str(b) for a, b in pairwise(years) if b <= a]
    if late:
        faults.append(
            Fault("years", "out of order", "give the years from first to last", tuple(late))
        )
    without = tuple(str(year) for year in years if year not in budgets_pkr)
    if without:
        faults.append(Fault("budgets_pkr", "years without a budget", "give PKR, or 0", without))
    extra = tuple(str(year) for year in budgets_pkr if year not in instances)
    if extra:
        faults.append(
            Fault("instances", "years with a budget but without demand", "give an instance", extra)
        )
    bad = {year: pkr for year, pkr in budgets_pkr.items() if not (math.isfinite(pkr) and pkr >= 0)}
    if bad:
        listed = tuple(f"{year}: {pkr:,.0f}" for year, pkr in bad.items())
        faults.append(
            Fault("budgets_pkr", "negative or not a number", "give PKR 0 or more", listed)
        )
    return faults


def _whole(year: object) -> bool:
    return isinstance(year, int | np.integer) and not isinstance(year, bool)


def _rate_faults(discount_rate: float, last_period_years: int) -> list[Fault]:
    faults = []
    if not 0 <= discount_rate <= 1:
        fix = "give a share a year from 0 to 1, such as 0.08"
        faults.append(Fault("discount_rate", f"is {discount_rate}", fix))
    if last_period_years < 1:
        faults.append(Fault("last_period_years", f"is {last_period_years}", "give 1 or more"))
    return faults


def site_courses(phases: Phases, chosen: Ints, found: Options) -> Ints:
    """Return the offer of each site and year under chosen options; -1 for none.

    Parameters
    ----------
    phases
        The years.
    chosen
        Positions of options, at most one a site.
    found
        The options.
    """
    first = phases.instances[0]
    out = np.full((len(first.site_ids), len(phases.years)), -1, dtype=np.int64)
    out[first.offer_site[found.last[chosen]]] = found.offer[chosen]
    return out
