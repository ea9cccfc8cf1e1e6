"""The projected program of a joint instance: a goal over slices, and several limits on money."""

from __future__ import annotations

from typing import Any

import numpy as np
import pulp

from siting.engine.clock import Clock
from siting.engine.highs import run_highs
from siting.models.program import add_row
from siting.program.instance import Ints
from siting.solve.joint_valuer import JointValuer
from siting.solve.projection import Projection


class JointProjection(Projection):
    """The program on the options alone, with cuts in place of the flows.

    Parameters
    ----------
    valuer
        Values and bounds of the joint instance.
    clock
        Deadline, interruption and progress.
    thrift
        Share of the most that the goal can be that spending the whole budget costs.
    threads, seed
        Threads to use and the random seed.
    """

    def __init__(
        self, valuer: JointValuer, clock: Clock, *, thrift: float, threads: int, seed: int
    ) -> None:
        super().__init__(valuer, clock, threads=threads, seed=seed)
        self._joint = valuer
        self.nodes = 0
        self.finished = False
        for n, (limit, use) in enumerate(zip(valuer.limit, valuer.use.T, strict=True)):
            use = use[self._offer]
            if use.sum() > limit:
                unit = float(use.max())
                terms = [(self._z[o], float(use[o]) / unit) for o in np.flatnonzero(use).tolist()]
                add_row(self.prob, terms, float(limit) / unit, f"limit_{n}")
        served = [
            [(t, 1.0) for t, at in zip(self._t, valuer.slice_of_part, strict=True) if at == k]
            for k in range(valuer.slices)
        ]
        most = float(valuer.kwh_by_slice.max())
        self._goal = valuer.goal.write(self.prob, served, most)
        self._forbidden = 0
        self.price_money(thrift)

    def price_money(self, thrift: float) -> None:
        """Set the objective: the goal less a price on money, which the bound gives back."""
        valuer = self._joint
        budget = valuer.instance.budget_pkr
        rate = thrift * abs(valuer.most) / budget if budget > 0 else 0.0
        subsidy = valuer.instance.offer_subsidy[self._offer].tolist()
        terms = list(self._goal)
        terms += [(z, -rate * s) for z, s in zip(self._z, subsidy, strict=True) if rate * s > 0]
        self.prob.setObjective(pulp.lpSum_vars_coefs(terms))
        self._refund = rate * budget + valuer.goal.constant

    def forbid(self, choice: Ints) -> None:
        """Rule out taking all of a choice: it is over a limit by less than the solver sees."""
        offers = set(self._joint.offers_of(choice).tolist())
        terms = [
            (z, 1.0) for z, o in zip(self._z, self._offer.tolist(), strict=True) if o in offers
        ]
        add_row(self.prob, terms, len(terms) - 1.0, f"over_limit_{self._forbidden}")
        self._forbidden += 1

    def solve_from(
        self, start: Ints, gap: float, nodes: int | None, **options: Any
    ) -> tuple[float, Ints | None]:
        """Return a bound on the goal of any choice, and the best choice under the cuts so far.

        Parameters
        ----------
        start
            The choice to start from.
        gap
            Relative gap at which it may stop.
        nodes
            Branch-and-bound nodes at most.
        options
            Options of HiGHS by their own names.
        """
        offers = set(self._joint.offers_of(start).tolist())
        for z, o in zip(self._z, self._offer.tolist(), strict=True):
            z.varValue = 1.0 if o in offers else 0.0
        limit: dict[str, Any] = {} if nodes is None else {"mip_max_nodes": nodes}
        run = run_highs(
            self.prob, self._clock, gap=gap, start=True, **self._options, **limit, **options
        )
        self.nodes += run.nodes
        self.finished = run.status == pulp.LpSolveStatus.Optimal
        if not run.found:
            return run.bound + self._refund, None
        taken = np.array([(v.varValue or 0.0) > 0.5 for v in self._z])
        return run.bound + self._refund, self._valuer.choice_of(self._offer[taken])
