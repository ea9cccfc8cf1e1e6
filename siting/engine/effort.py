"""The options of a solve, and their checks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from siting.engine.answer import Method
from siting.engine.solvers import HIGHS, check_solver
from siting.errors import Fault, InputError, is_number

_FIGURES = ("gap", "drives_gap", "time_limit_s", "least_gain", "threads", "seed")


@dataclass(frozen=True)
class Effort:
    """The options of a solve; `siting.engine.solve.solve` explains them."""

    gap: float = 0.005
    time_limit_s: float = 120.0
    threads: int = 2
    seed: int = 1
    method: Method = "exact"
    solver: str = HIGHS
    drives_gap: float = 0.05
    least_gain: float = 0.0

    def faults(self) -> list[Fault]:
        """Return an error for each invalid option."""
        faults = []
        if self.method not in ("exact", "greedy", "milp"):
            faults.append(Fault("method", f"is {self.method!r}", "use exact, greedy or milp"))
        elif self.method != "milp" and self.solver != HIGHS:
            what = f"{self.solver} cannot be used, because method {self.method} runs on HiGHS"
            faults.append(Fault("solver", what, "use method milp"))
        asked = {name: getattr(self, name) for name in _FIGURES}
        words = [(name, one) for name, one in asked.items() if not is_number(one)]
        if words:
            return [*faults, *(Fault(name, f"is {one!r}", "give a number") for name, one in words)]
        share = "give a share of at least 0 and below 1"
        figures = (
            ("gap", 0 <= self.gap < 1, share),
            ("drives_gap", 0 <= self.drives_gap < 1, share),
            ("time_limit_s", 0 < self.time_limit_s < math.inf, "give a time above 0 s"),
            ("least_gain", 0 <= self.least_gain < math.inf, "enter a number of at least 0"),
            ("threads", self.threads >= 1, "enter a number of at least 1"),
        )
        wrong = ((name, fix) for name, valid, fix in figures if not valid)
        return [*faults, *(Fault(name, f"is {getattr(self, name)}", fix) for name, fix in wrong)]

    def check(self) -> None:
        """Raise `InputError` for an invalid option, and `SolveError` for a missing solver."""
        if faults := self.faults():
            raise InputError(faults)
        check_solver(self.solver)
