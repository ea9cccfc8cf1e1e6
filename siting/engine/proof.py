"""How good an answer is proven to be, the same for every program."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Status = Literal["optimal", "feasible"]
Stopped = Literal[
    "gap reached", "time limit", "interrupted", "node limit", "solver stopped", "greedy ended"
]

# A solver's own arithmetic: differences this small, relative to the objective, are none.
ARITHMETIC = 1e-7
# A gap above this is told before all else, and in the exit code; above that it tells no more.
FAR, MOST_TOLD = 1.0, 1e4


def gap_in_words(gap: float) -> str:
    """Return a relative gap in words; beside next to nothing it says no more than that.

    >>> gap_in_words(0.0123), gap_in_words(4e18)
    ('gap 1.23%', 'gap over 1,000%')
    """
    return f"gap {gap:.2%}" if gap <= 10 else "gap over 1,000%"


def is_far(gap: float | None) -> bool:
    """Return whether so little is proven that another plan may be twice as good.

    >>> is_far(0.2), is_far(105.52), is_far(None)
    (False, True, True)
    """
    return gap is None or not gap <= FAR


def far_in_words(gap: float | None) -> str:
    """Return what a reader must know before all else of a plan far from proven; else nothing.

    >>> far_in_words(105.52)
    'FAR FROM PROVEN: gap 10,552%, over 100%; give it more time (solver.time_limit_s)'
    >>> far_in_words(0.2)
    ''
    """
    if not is_far(gap):
        return ""
    known = gap is not None and math.isfinite(gap) and gap < MOST_TOLD
    said = f"gap {gap:,.0%}, over 100%" if known else "hardly anything is proven"
    return f"FAR FROM PROVEN: {said}; give it more time (solver.time_limit_s)"


@dataclass(frozen=True, repr=False)
class Proof:
    """A plan's objective, the proven limit on any plan's, and why the solve ended.

    Parameters
    ----------
    status
        ``optimal`` only where the proven gap is at or below the asked one; else ``feasible``.
    objective
        What the plan reaches, in `unit`, worked out from the plan and not from the solver.
    bound
        Proven limit on what any plan reaches: from above where more is better, else from below.
    gap
        ``|bound - objective| / |objective|``; 0 where they are the same but for arithmetic.
    gap_asked
        The gap that was asked for.
    stopped
        Why the solve ended.
    unit
        Unit of objective and bound, such as ``kWh/day`` or ``PKR``.
    nodes
        Branch-and-bound nodes of the solver.
    seconds
        Seconds spent by phase, and ``total``.
    """

    status: Status
    objective: float
    bound: float
    gap: float
    gap_asked: float
    stopped: Stopped
    unit: str
    nodes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        objective: float,
        bound: float,
        *,
        gap_asked: float,
        stopped: Stopped,
        unit: str,
        maximise: bool = True,
        nodes: int = 0,
        seconds: dict[str, float] | None = None,
        noise: float = 0.0,
    ) -> Proof:
        """Return the proof of a plan; a bound that it misses by arithmetic only counts as reached.

        The bound stays where it is, and is never on the wrong side of the plan.

        Parameters
        ----------
        objective, bound, gap_asked, stopped, unit, nodes, seconds
            As the class says; `bound` may be infinite where nothing is proven.
        maximise
            Whether more is better.
        noise
            A difference that is arithmetic even where the objective is about 0.

        Examples
        --------
        >>> Proof.of(200.0, 201.0, gap_asked=0.01, stopped="gap reached", unit="kWh/day").status
        'optimal'
        >>> Proof.of(
        ...     100.0, 90.0, gap_asked=0.01, stopped="time limit", unit="PKR", maximise=False
        ... ).gap
        0.1
        """
        # Adding zero turns -0.0 into 0.0, which is what a file keeps of it.
        objective += 0.0
        bound = (max(bound, objective) if maximise else min(bound, objective)) + 0.0
        short = abs(bound - objective)
        if short <= max(ARITHMETIC * abs(objective), noise):
            short = 0.0
        gap = short / max(abs(objective), 1e-12) if short > 0 else 0.0
        # A gap met to the last bit is met.
        reached = math.isfinite(gap) and gap <= gap_asked * (1 + 1e-9)
        return cls(
            status="optimal" if reached else "feasible",
            objective=objective,
            bound=bound,
            gap=gap,
            gap_asked=gap_asked,
            stopped="gap reached" if reached and stopped != "interrupted" else stopped,
            unit=unit,
            nodes=nodes,
            seconds=dict(seconds or {}),
        )

    def __repr__(self) -> str:
        """Return the proof on one line, with its name."""
        return f"Proof: {self}"

    def __str__(self) -> str:
        """Return the proof on one line."""

        def show(value: float) -> str:
            value += 0.0  # no "-0", whichever way the solver came to nothing
            return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"

        if not math.isfinite(self.bound):
            return f"feasible, {show(self.objective)} {self.unit}, nothing proven, {self.stopped}"
        sure = "optimal" if self.status == "optimal" else "feasible, not proven optimal"
        return (
            f"{sure}: {show(self.objective)} {self.unit}, bound {show(self.bound)}, "
            f"{gap_in_words(self.gap)} (asked {self.gap_asked:.2%}), {self.stopped}"
        )
