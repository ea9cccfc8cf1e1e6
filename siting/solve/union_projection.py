"""The projected program of floors, fairness and least cost: offers alone, cuts for every union.

As in `siting.solve.projection`, with a number ``t_u`` for what each union ``u`` of zones is served
if nobody else is (`siting.solve.unions`), each under its own cuts::

    floors       max  t_all                    s.t.  t_u >= n_u       for each union u
    worst zone   max  w                        s.t.  t_u >= w D_u     for each union u that counts
    least cost   max  - sum of p_o z_o         s.t.  t_u >= n_u       for each union u

The floors of the unions are those of siting.solve.unions: with all unions and all cuts these are
the variants themselves, flows projected out. With some of either they are bounds.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.models.program import add_row
from siting.program.instance import Flags, Floats, Ints
from siting.solve.projection import Projection, bound_at
from siting.solve.unions import UnionValuer
from siting.solve.valuer import Cut

Aim = Literal["floors", "worst", "cost"]

# Rows of floors ask for so little less that arithmetic does not rule out what holds them.
SLACK = 1e-7
# Share of the objective that spending the whole budget costs.
THRIFT = 0.01


class UnionProjection(Projection):
    """The projected program of one aim.

    Parameters
    ----------
    valuer
        Values and bounds, with what the unions need (or, for the worst zone, want).
    clock
        Deadline, interruption and progress.
    aim
        What is to be bettered.
    price
        For the least cost, what each offer of the instance costs (PKR).
    threads, seed
        Threads to use and the random seed.
    """

    def __init__(
        self,
        valuer: UnionValuer,
        clock: Clock,
        aim: Aim,
        *,
        price: Floats | None = None,
        threads: int,
        seed: int,
    ) -> None:
        self._unions, self._union_of_part = valuer.unions, valuer.union_of_part
        self._there: set[int] = set()
        self._later: list[Cut] = []
        super().__init__(valuer, clock, threads=threads, seed=seed)
        instance = valuer.instance
        worst = [(self.prob.add_variable("worst", 0, 1), 1.0)] if aim == "worst" else []
        self._worst = worst
        self.unit = 1.0
        if aim == "cost":
            assert price is not None
            self.unit = max(float(price.max(initial=0.0)), 1.0)
            price = price[self._offer] / self.unit
            goal = []
            self._refund = 0.0
        else:
            budget = instance.budget_pkr
            most = 1.0 if worst else sum(self._kwh[p] for p in self._last(valuer))
            rate = THRIFT * most / budget if budget > 0 else 0.0
            price = rate * instance.offer_subsidy[self._offer]
            goal = worst or [(self._t[p], 1.0) for p in self._last(valuer)]
            self._refund = rate * budget
        paid = zip(self._z, price.tolist(), strict=True)
        self.prob.setObjective(pulp.lpSum_vars_coefs([*goal, *((z, -p) for z, p in paid if p > 0)]))
        self.infeasible = False
        self.look_at(valuer.active)

    def add(self, cut: Cut) -> None:
        """Add a cut, or keep it until its union is looked at."""
        if self._union_of_part[cut.part] in self._there:
            super().add(cut)
        else:
            self._later.append(cut)

    def look_at(self, unions: Flags) -> bool:
        """Add the rows of some unions, and return whether any of them was not there."""
        new = set(np.flatnonzero(unions).tolist()) - self._there
        self._there |= new
        for u in sorted(new):
            wanted = float(self._unions.wanted[u])
            if wanted > 0:
                own = zip(self._t, self._union_of_part, strict=True)
                terms = [(t, -1.0 / wanted) for t, at in own if at == u]
                most = 0.0 if self._worst else -1.0 + SLACK
                add_row(self.prob, [*self._worst, *terms], most, f"union_{u}")
        kept, self._later = self._later, []
        for cut in kept:
            self.add(cut)
        return bool(new)

    def _last(self, valuer: UnionValuer) -> list[int]:
        last = len(valuer.unions.wanted) - 1
        return [p for p, u in enumerate(valuer.union_of_part) if u == last]

    def tight(self, taken: Floats, within: float) -> Flags:
        """Return which unions options taken in part serve little more of than needed, or the worst.

        Parameters
        ----------
        taken
            How much of each option is taken, 0 to 1.
        within
            How much more of it is little.
        """
        part = np.full(len(self._kwh), np.inf)
        for cut in self._valuer.cuts_of(range(len(self._kwh)), taken):
            part[cut.part] = min(part[cut.part], bound_at(cut, taken))
        wanted = self._unions.wanted
        served = np.bincount(self._union_of_part, part, minlength=len(wanted))
        share = np.where(wanted > 0, served / np.maximum(wanted, 1e-12), np.inf)
        least = float(share.min()) if self._worst else 1.0
        out: Flags = share <= least * (1 + within)
        out[-1] = True
        return out

    def solve_from(self, start: Ints, gap: float, nodes: int) -> tuple[float, Ints | None]:
        """Return a bound on any choice, and the best choice under the cuts so far.

        Parameters
        ----------
        start
            A choice to start from.
        gap, nodes
            Relative gap and branch-and-bound nodes at which it may stop.
        """
        offers = set(self._valuer.offers_of(start).tolist())
        for variable in self.prob.variables():
            variable.varValue = None
        for z, o in zip(self._z, self._offer.tolist(), strict=True):
            z.varValue = 1.0 if o in offers else 0.0
        run = run_highs(
            self.prob, self._clock, gap=gap, start=True, mip_max_nodes=nodes, **self._options
        )
        self.infeasible = run.status == pulp.LpSolveStatus.Infeasible
        bound = run.bound + self._refund if math.isfinite(run.bound) else math.inf
        if not run.found:
            return bound, None
        taken = np.array([(v.varValue or 0.0) > 0.5 for v in self._z])
        return bound, self._valuer.choice_of(self._offer[taken])
