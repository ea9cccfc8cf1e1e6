"""How hard to try: the options of a solve, and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from siting.engine.answer import Method
from siting.engine.solvers import HIGHS, check_solver
from siting.errors import Fault, InputError


@dataclass(frozen=True)
class Effort:
    """How hard to try."""

    # Relative gap between bound and plan at which to stop; with 0 ties are broken exactly.
    gap: float = 0.005
    time_limit_s: float = 120.0  # seconds to take at most
    # threads, seed: threads to use and the random seed.
    threads: int = 2
    seed: int = 1
    # ``exact``: until the gap is proven; ``greedy``: a good plan in seconds, with a bound;
    # ``milp``: the PuLP problem handed whole to a solver.
    method: Method = "exact"
    solver: str = HIGHS  # name of a solver PuLP knows, for ``milp``
    # The same gap for the shortest drives, where they come after another aim and `gap` is not 0.
    drives_gap: float = 0.05
    # Energy that a rupee of public money must bring (kWh/day): of plans within the gap asked one
    # without stations that bring less is taken (`siting.engine.trim`); 0: any will do.
    least_gain: float = 0.0

    def check(self) -> None:
        """Raise `InputError` if an option makes no sense, `SolveError` if there is no solver."""
        faults = []
        if self.method not in ("exact", "greedy", "milp"):
            fix = "use exact, greedy or milp"
            faults.append(Fault("method", f"is {self.method!r}", fix))
        elif self.method != "milp" and self.solver != HIGHS:
            what = f"{self.solver} is asked for, but method {self.method} works on HiGHS"
            faults.append(Fault("solver", what, "use method milp"))
        for name, gap in (("gap", self.gap), ("drives_gap", self.drives_gap)):
            if not (math.isfinite(gap) and 0 <= gap < 1):
                faults.append(Fault(name, f"is {gap}", "give a share of at least 0 and below 1"))
        if not (math.isfinite(self.time_limit_s) and self.time_limit_s > 0):
            faults.append(Fault("time_limit_s", f"is {self.time_limit_s}", "give seconds above 0"))
        if not (math.isfinite(self.least_gain) and self.least_gain >= 0):
            faults.append(Fault("least_gain", f"is {self.least_gain}", "give 0 or more"))
        if self.threads < 1:
            faults.append(Fault("threads", f"is {self.threads}", "give 1 or more"))
        if faults:
            raise InputError(faults)
        check_solver(self.solver)
