"""A budgeted covering solved, with proof: the entry to a solver of its own for large ones.

The phases are in `siting.engine.covering.run`. The plan is valued anew at the end. The same
covering, options and seed give the same plan as long as the time limit does not end the solve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from siting.engine.clock import Clock, Progress
from siting.engine.covering.covering import Covering
from siting.engine.covering.master import cut_down
from siting.engine.covering.run import ZONES, CoveringRun, run_covering
from siting.engine.proof import Proof
from siting.errors import Fault, InfeasibleError
from siting.program.instance import Ints


@dataclass(frozen=True, eq=False)
class CoveringSolution:
    """The answer for a covering: options that stand, in order, and how good that is proven."""

    chosen: Ints
    proof: Proof

    @property
    def value(self) -> float:
        """Weight covered."""
        return self.proof.objective

    @property
    def bound(self) -> float:
        """No plan covers more weight."""
        return self.proof.bound

    def __repr__(self) -> str:
        """Return the answer on one line."""
        return f"CoveringSolution: {len(self.chosen):,} options; {self.proof}"


def solve_covering(
    covering: Covering,
    *,
    gap: float = 0.005,
    time_limit_s: float = 120.0,
    seed: int = 1,
    progress: Callable[[Progress], None] | None = None,
    unit: str = "weight",
) -> CoveringSolution:
    """Return the options that cover most weight within the budget, and how good that is proven.

    Ctrl-C ends it early and returns the best plan so far.

    >>> import numpy as np
    >>> covers = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0]])
    >>> cover = Covering.of_matrix(covers, np.array([3.0, 2.0, 2.0, 1.0]), np.ones(3), 1.0)
    >>> answer = solve_covering(cover, gap=0.0)
    >>> answer.chosen, answer.value, answer.proof.status
    (array([0]), 5.0, 'optimal')
    """
    if not covering.allows(covering.forced):
        what = "what must stand is beyond the budget, or is twice in a group"
        raise InfeasibleError(Fault("covering, forced", what, "raise the budget"))
    clock = Clock(time_limit_s, progress)
    run = run_covering(covering, clock, gap, seed)
    value = covering.value(run.chosen)
    proof = Proof.of(
        value,
        max(run.bound, value),
        gap_asked=gap,
        stopped="interrupted" if clock.interrupted else "time limit",
        unit=unit,
        nodes=run.nodes,
        seconds={**clock.seconds, "total": clock.elapsed_s},
    )
    return CoveringSolution(run.chosen, proof)


def lp_bound(
    covering: Covering, *, accuracy: float = 1e-6, time_limit_s: float = 600.0, seed: int = 1
) -> float:
    """Return the optimum of the linear relaxation, from above and to an accuracy (a share of it).

    `accuracy`: share of the optimum the answer may be above it.
    """
    clock = Clock(time_limit_s)
    run = CoveringRun(covering, clock, 0.0, seed)
    if not len(run.left.covering.weight):
        return run.certain
    prices = run.prices()
    cuts = cut_down(run.left.covering, prices, clock, ZONES, accuracy, seed=seed)
    return run.certain + min(prices.bound, cuts.bound)
