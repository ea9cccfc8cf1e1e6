"""The program on the offers alone, with cuts in place of the flows: a bound that closes fast.

The served energy of each part is a number ``t_p`` under the cuts of `siting.solve.valuer`::

    max   sum of t_p
    s.t.  t_p <= constant + sum of coefficient_o z_o        for each cut of part p
          one offer a site, the budget
          z binary

Any set of valid cuts gives a bound. With the weights of the relaxed program as the first cut its
relaxation is as tight as that program's, and branching on it costs next to nothing, since there are
no flows: what is left of the gap when capacity is scarce is a knapsack, and this is where HiGHS
closes it. Each optimum is valued exactly, gives two more cuts, and starts another search.

Source: J. Benders: Partitioning procedures for solving mixed-variables programming problems.
Numerische Mathematik 4 (1962), 238-252.
"""

from __future__ import annotations

import numpy as np
import pulp

from siting.models.instance import Floats, Ints
from siting.models.program import Program, add_row, start_program
from siting.solve.clock import Clock
from siting.solve.highs import run_highs
from siting.solve.valuer import Cut, Valuer


class Projection:
    """The projected program of one instance, and the cuts it has so far.

    Parameters
    ----------
    program
        The full program, for its offers.
    valuer
        Values and bounds of the same instance.
    """

    def __init__(self, program: Program, valuer: Valuer) -> None:
        self._valuer = valuer
        self._program = program
        self._option = np.full(len(program.instance.offer_ids), 0, dtype=np.int64)
        site, option = np.nonzero(valuer.option_offer >= 0)
        self._option[valuer.option_offer[site, option]] = option
        self.prob, self._z = start_program("projection", program.instance, program.offer)
        self._t = [
            self.prob.add_variable(f"t_{p}", 0, float(part.kwh.sum()))
            for p, part in enumerate(valuer.parts)
        ]
        self.prob.setObjective(pulp.lpSum_vars(self._t))
        self._count = 0
        self.nodes = 0

    @property
    def offer(self) -> Ints:
        """Positions of the offers that have a variable."""
        return self._program.offer

    def add(self, cut: Cut) -> None:
        """Add a cut."""
        offer = self._program.offer
        site = self._program.instance.offer_site[offer]
        coefficient = cut.coefficient[site, self._option[offer]]
        unit = max(float(self._valuer.parts[cut.part].kwh.sum()), 1e-12)
        terms = [(self._t[cut.part], 1.0 / unit)]
        terms += [
            (self._z[n], -float(coefficient[n]) / unit)
            for n in np.flatnonzero(coefficient > 0).tolist()
        ]
        add_row(self.prob, terms, cut.constant / unit, f"cut_{self._count}")
        self._count += 1

    def solve(
        self, clock: Clock, *, gap: float, threads: int, seed: int, nodes: int, seconds: float
    ) -> tuple[float, Ints | None]:
        """Return a bound on any choice (kWh/day), and the best choice under the cuts so far."""
        run = run_highs(
            self.prob,
            clock,
            gap=gap,
            threads=threads,
            seed=seed,
            seconds=seconds,
            mip_max_nodes=nodes,
        )
        self.nodes = run.nodes
        return run.bound, self.choice() if run.found else None

    def choice(self) -> Ints:
        """Return the choice that the variables stand at."""
        taken = np.array([(v.varValue or 0.0) > 0.5 for v in self._z])
        return self._valuer.choice_of(self._program.offer[taken])

    def serve_at_least(self, kwh_day: float) -> None:
        """Ask for no less energy than this, the solver's arithmetic apart."""
        unit = max(kwh_day, 1e-12)
        terms = [(t, -1.0 / unit) for t in self._t]
        add_row(self.prob, terms, -1.0 + 1e-9, "served")

    def weigh_at_most(self, weights: Floats, most: float) -> None:
        """Ask for offers that weigh no more than this together."""
        unit = max(most, 1e-12)
        terms = [(self._z[n], float(weights[n]) / unit) for n in np.flatnonzero(weights).tolist()]
        if terms:
            add_row(self.prob, terms, 1.0, f"weight_{self._count}")
            self._count += 1

    def minimise(self, weights: Floats) -> None:
        """Look for the offers that weigh least together from here on."""
        unit = max(float(weights.max(initial=0.0)), 1e-12)
        terms = [(self._z[n], -float(weights[n]) / unit) for n in np.flatnonzero(weights).tolist()]
        self.prob.setObjective(pulp.lpSum_vars_coefs(terms))

    def rule_out(self, choice: Ints) -> None:
        """Rule out one choice and no other."""
        taken = np.isin(self._program.offer, self._valuer.offers_of(choice))
        terms = [(z, 1.0 if one else -1.0) for z, one in zip(self._z, taken, strict=True)]
        add_row(self.prob, terms, float(taken.sum()) - 1.0, f"not_{self._count}")
        self._count += 1
