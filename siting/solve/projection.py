"""The program on the offers alone, with cuts in place of the flows: a bound that closes fast.

The served energy of each part is a number ``t_p`` under the cuts of `siting.solve.valuer`::

    max   sum of t_p  -  thrift x subsidy drawn
    s.t.  t_p <= constant + sum of coefficient_o z_o        for each cut of part p
          one offer a site, the budget
          0 <= t_p <= energy in reach,  z binary

Any set of valid cuts gives a bound. First the relaxation is solved over and over, each time with
the minimum cuts at its optimum added. As a cut counts no more for an option than the demand within
its reach, the bound comes out below that of the relaxed flow program, in a fraction of its time.
Then it is solved in integers: branching costs next to nothing where there are no flows, and what is
left of the gap when capacity is scarce is a knapsack. Optima are valued exactly, give more cuts,
and start more searches.

The small price on money matters where the budget is almost enough: without it the relaxed optimum
is a huge flat face. The bound is put right again by the price of the whole budget.

Source: J. Benders: Partitioning procedures for solving mixed-variables programming problems.
Numerische Mathematik 4 (1962), 238-252.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.models.program import add_row, start_program
from siting.program.instance import Flags, Floats, Ints
from siting.solve.valuer import Cut, Valuer

ROUNDS = 30
LOOK_BACK = 5
STALLED = 1e-5
# Share of the energy in reach that spending the whole budget costs.
THRIFT = 0.01


class Projection:
    """The projected program of one instance, and the cuts it has so far.

    Parameters
    ----------
    valuer
        Values and bounds of the instance.
    clock
        Deadline, interruption and progress.
    threads, seed
        Threads to use and the random seed.
    """

    def __init__(self, valuer: Valuer, clock: Clock, *, threads: int, seed: int) -> None:
        instance, self._offer = valuer.instance, valuer.offers
        self._valuer = valuer
        self._clock = clock
        self._options: dict[str, Any] = {"threads": threads, "seed": seed}
        option = np.zeros(len(instance.offer_ids), dtype=np.int64)
        at = np.nonzero(valuer.option_offer >= 0)
        option[valuer.option_offer[at]] = at[1]
        self._where = (instance.offer_site[self._offer], option[self._offer])
        self._kwh = [float(part.kwh.sum()) for part in valuer.parts]

        self.prob, self._z = start_program("projection", instance, self._offer)
        self._t = [self.prob.add_variable(f"t_{p}", 0, kwh) for p, kwh in enumerate(self._kwh)]
        subsidy = instance.offer_subsidy[self._offer]
        rate = THRIFT * sum(self._kwh) / instance.budget_pkr if instance.budget_pkr > 0 else 0.0
        self._refund = rate * instance.budget_pkr
        terms = [(t, 1.0) for t in self._t]
        terms += [(z, -rate * s) for z, s in zip(self._z, subsidy.tolist(), strict=True) if s > 0]
        self.prob.setObjective(pulp.lpSum_vars_coefs(terms))
        self._count = 0
        for cut in valuer.plain_cuts():
            self.add(cut)

    @property
    def variables(self) -> tuple[list[pulp.LpVariable], list[pulp.LpVariable]]:
        """The variables of the offers, and of the energy of each part."""
        return self._z, self._t

    @property
    def where(self) -> tuple[Ints, Ints]:
        """Site and option of each offer variable."""
        return self._where

    @property
    def kwh(self) -> Floats:
        """Energy in reach of each part (kWh/day)."""
        return np.array(self._kwh)

    @property
    def refund(self) -> float:
        """What the price on money took from the bound (kWh/day)."""
        return self._refund

    def add(self, cut: Cut) -> None:
        """Add a cut, in units of the energy of its part."""
        coefficient = cut.coefficient[self._where]
        unit = max(self._kwh[cut.part], 1e-12)
        terms = [(self._t[cut.part], 1.0 / unit)]
        terms += [
            (self._z[n], -float(coefficient[n]) / unit)
            for n in np.flatnonzero(coefficient > 0).tolist()
        ]
        add_row(self.prob, terms, cut.constant / unit, f"cut_{self._count}")
        self._count += 1

    def close(self, hopeless: Flags) -> None:
        """Take options (column) of sites (row) out of the program for good."""
        for n in np.flatnonzero(hopeless[self._where]).tolist():
            self._z[n].upBound = 0

    def tighten(self) -> tuple[float, Floats | None]:
        """Return the relaxed bound (kWh/day) after adding cuts to it, and what it takes.

        Returns
        -------
        bound
            No choice serves more.
        taken
            How much of each site's options the relaxation takes, 0 to 1; None if time ran out
            before the first round.
        """
        bounds: list[float] = []
        taken: Floats | None = None
        middle: Floats | None = None
        while len(bounds) < ROUNDS:
            run = run_highs(self.prob, self._clock, relaxed=True, **self._options)
            if run.status != pulp.LpSolveStatus.Optimal:
                break
            bounds.append(run.objective + self._refund)
            taken = np.zeros(self._valuer.option_offer.shape)
            taken[self._where] = np.clip([v.varValue or 0.0 for v in self._z], 0.0, 1.0)
            middle = taken if middle is None else (middle + taken) / 2
            if len(bounds) > LOOK_BACK:
                gained = bounds[-1 - LOOK_BACK] - bounds[-1]
                if gained <= STALLED * abs(bounds[-1]):
                    break
            served = [float(t.varValue or 0.0) for t in self._t]
            cuts = [*self._valuer.cuts_between(taken), *self._valuer.cuts_between(middle)]
            broken = [
                cut
                for cut in cuts
                if served[cut.part] > bound_at(cut, taken) + 1e-7 * self._kwh[cut.part]
            ]
            for cut in broken:
                self.add(cut)
            if not broken:
                break
            self._clock.report()
        return min(bounds, default=math.inf), taken

    def solve(self, gap: float, nodes: int) -> tuple[float, float, Ints | None]:
        """Solve in integers under the cuts so far.

        Returns
        -------
        bound
            No choice serves more (kWh/day).
        objective
            What the cuts say that the choice serves (kWh/day).
        choice
            The best one found; None if there is none.
        """
        run = run_highs(self.prob, self._clock, gap=gap, mip_max_nodes=nodes, **self._options)
        if not run.found:
            return run.bound + self._refund, -math.inf, None
        taken = np.array([(v.varValue or 0.0) > 0.5 for v in self._z])
        choice = self._valuer.choice_of(self._offer[taken])
        return run.bound + self._refund, run.objective + self._refund, choice


def bound_at(cut: Cut, taken: Floats) -> float:
    """Return a cut's bound (kWh/day) at options taken in part."""
    return cut.constant + float((cut.coefficient * taken).sum())
