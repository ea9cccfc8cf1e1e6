"""A first plan over several years, from the plans of its years one at a time.

The last year is planned first, with all money granted up to its end. Each earlier year then uses
only stations that can become those of the next year: the same stations, smaller ones, or none. If
unspent money lapses, the plan of a year may draw more money in this year than is granted. So the
years are checked in order. A year that draws too much is planned again, with its own money and with
the stations of the year before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.engine.year_prices import alone
from siting.program.aims import Aim
from siting.program.instance import Flags, Ints
from siting.program.obligations import tolerance
from siting.program.options import becomes
from siting.program.program import Program

# Solves a program of one year, starting from given offers; returns the offers of its plan or None.
type SolveYear = Callable[[Program, Aim, Ints], Ints | None]


def planned_by_years(
    program: Program, aim: Aim, solve_year: SolveYear, clock: Clock
) -> list[Ints] | None:
    """Return the offers that are open in each year; None if the last year has no plan.

    The offers are positions in the program's instance, at most one per site. If an earlier year has
    no plan, stations open only after that year. If no plan of a year keeps within the money
    available, the returned plan draws too much money in that year.
    """
    plan, instance = program.year_plan, program.instance
    assert plan is not None
    count, site = len(plan.years), instance.offer_site
    usable = np.bincount(program.offers, minlength=len(instance.offer_ids)) > 0
    granted = np.cumsum(plan.budgets_pkr)
    none = np.zeros(0, dtype=np.int64)
    open_, drawn = [none] * count, np.zeros(count)

    def solve(t: int, allowed: Flags, pkr: float, stand: Ints) -> bool:
        """Plan year `t` with the `allowed` offers; sites of the offers `stand` stay open."""
        year, kept = alone(program, t) if t < count - 1 else (program.only_year(t), everything)
        mine = np.flatnonzero(allowed[kept])
        must = np.union1d(year.instance.required_sites, site[stand])
        offers = year.instance.with_offers(mine)
        year = replace(year, instance=replace(offers, required_sites=must, budget_pkr=pkr))
        kept, one = kept[mine], aim.in_year(t, plan.weights)
        found = solve_year(year, one, np.flatnonzero(np.isin(kept, stand)))
        if found is None:
            return False
        open_[t], drawn[t] = kept[found], _drawn_pkr(year, one, found, clock)
        return True

    everything, allowed = np.arange(len(usable)), usable
    for t in range(count - 1, -1, -1):
        if not solve(t, allowed, float(granted[t]), none):
            return None if t == count - 1 else open_
        allowed = usable & _allowed(program, open_[t], later=True)
    before = 0.0
    for t in range(count):
        stand = open_[t - 1] if t else none
        most = float(granted[t] if plan.carry_over else before + plan.budgets_pkr[t])
        if drawn[t] > most + tolerance(most):
            allowed = usable & _allowed(program, open_[t], later=True)
            if not solve(t, allowed & _allowed(program, stand, later=False), most, stand):
                return open_
        before = max(before, float(drawn[t]))
    return open_


def _drawn_pkr(program: Program, aim: Aim, offers: Ints, clock: Clock) -> float:
    """Return the public money (PKR) that given offers draw in a program of one year."""
    instance = program.instance
    if program.gap is None:
        return float(instance.offer_subsidy[offers].sum())
    frame = Frame(replace(program, instance=instance.with_offers(np.sort(offers))), aim)
    served = frame.serve(np.arange(frame.count), clock)
    paid = frame.layout.subsidy_column
    if not served.found or not paid.size:
        return 0.0
    return float(served.point[paid[paid >= 0]].sum() * frame.layout.money_unit)


def _allowed(program: Program, some: Ints, *, later: bool) -> Flags:
    """Return which offers can be open in the year before or after the year of `some` offers.

    `some`: at most one offer per site; `later`: whether `some` are open in the later year. If so,
    an offer must be able to become the offer of `some` at its site. Otherwise, it must be able to
    follow that offer, and offers at other sites are also allowed.
    """
    plan, instance = program.year_plan, program.instance
    at = np.full(len(instance.site_ids), -1, dtype=np.int64)
    at[instance.offer_site[some]] = some
    there = at[instance.offer_site]
    offer, out = np.flatnonzero(there >= 0), np.full(len(there), not later)
    before, after = (offer, there[offer]) if later else (there[offer], offer)
    upgrades = plan is not None and plan.upgrades
    same = (before == after) | instance.offer_existing[before] | upgrades
    out[offer] = same & becomes(instance, before, after)
    return out
