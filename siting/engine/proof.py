"""The proof of an answer: objective, bound and gap, in the same form for every program."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from siting import settings

Status = Literal["optimal", "feasible"]
Stopped = Literal[
    "gap reached", "time limit", "interrupted", "node limit", "solver stopped", "greedy ended"
]


def in_digits(value: float) -> str:
    """Return an objective or bound in digits, but never as "-0".

    >>> in_digits(12345.6), in_digits(-0.0)
    ('12,346', '0')
    """
    value += 0.0
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.4g}"


def relative_gap(objective: float, bound: float) -> float:
    """Return the relative gap between a plan's objective and a bound.

    >>> relative_gap(200.0, 201.0), relative_gap(0.0, 0.0)
    (0.005, 0.0)
    """
    return 0.0 if bound == objective else abs(bound - objective) / max(abs(objective), 1e-12)


def gap_in_words(gap: float) -> str:
    """Return a relative gap in words ('over 1,000%' if the bound is far away).

    >>> gap_in_words(0.0123), gap_in_words(4e18)
    ('gap 1.23%', 'gap over 1,000%')
    """
    return f"gap {gap_figures(gap, gap)[0]}"


def gap_figures(gap: float, asked: float) -> tuple[str, str]:
    """Return a gap and the requested gap, with more than two decimals if needed to tell them apart.

    >>> gap_figures(0.0123, 0.005), gap_figures(0.00503, 0.005)
    (('1.23%', '0.50%'), ('0.503%', '0.500%'))
    """
    digits = 2
    while digits < 5 and gap > asked and f"{gap:.{digits}%}" == f"{asked:.{digits}%}":
        digits += 1
    return f"{gap:.{digits}%}" if gap <= 10 else "over 1,000%", f"{asked:.{digits}%}"


def gap_and_asked(gap: float, asked: float) -> str:
    """Return a gap and the requested gap in words.

    >>> gap_and_asked(0.00503, 0.005)
    'gap 0.503% (requested 0.500%)'
    """
    figure, of = gap_figures(gap, asked)
    return f"gap {figure} (requested {of})"


def is_far(gap: float | None) -> bool:
    """Return whether the bound leaves room for a plan more than twice as good.

    >>> is_far(0.2), is_far(105.52), is_far(None)
    (False, True, True)
    """
    return gap is None or not gap <= 1


def far_in_words(gap: float | None) -> str:
    """Return a warning if a plan is far from proven optimal; else an empty string.

    >>> far_in_words(105.52)
    'FAR FROM PROVEN: gap 10,552%, over 100%; raise the time limit (solver.time_limit_s)'
    >>> far_in_words(0.2)
    ''
    """
    if not is_far(gap):
        return ""
    # A larger gap, a million per cent, says no more than that nothing is proven.
    known = gap is not None and math.isfinite(gap) and gap < 1e4
    said = f"gap {gap:,.0%}, over 100%" if known else "almost nothing is proven"
    return f"FAR FROM PROVEN: {said}; raise the time limit (solver.time_limit_s)"


@dataclass(frozen=True, repr=False)
class Proof:
    """A plan's objective, the proven bound on all plans, and the reason the solve ended.

    Parameters
    ----------
    status
        ``optimal`` if the proven gap is at most the requested gap; else ``feasible``.
    objective
        Value of the plan, in `unit`, computed from the plan and not by the solver.
    bound
        Proven bound on the value of any plan: an upper bound if more is better, else a lower one.
    gap
        ``|bound - objective| / |objective|``; 0 if they differ only by rounding.
    gap_asked
        The requested gap.
    stopped
        The reason the solve ended.
    unit
        Unit of objective and bound, such as ``kWh/day`` or ``PKR``.
    nodes
        Branch-and-bound nodes of the solver.
    seconds
        Run time (s) by phase, and ``total``.
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
        cls, objective: float, bound: float, *, gap_asked: float, stopped: Stopped, unit: str,
        maximise: bool = True, nodes: int = 0, seconds: dict[str, float] | None = None,
        noise: float = 0.0,
    ) -> Proof:  # fmt: skip
        """Return the proof of a plan; a gap missed only by rounding counts as reached.

        A bound on the wrong side of the objective is replaced by the objective; an infinite bound
        means that nothing is proven. `maximise`: whether more is better; `noise`: largest
        difference that counts as rounding if the objective is near 0.

        Examples
        --------
        >>> Proof.of(200.0, 201.0, gap_asked=0.01, stopped="gap reached", unit="kWh/day").status
        'optimal'
        >>> Proof.of(
        ...     100.0, 90.0, gap_asked=0.01, stopped="time limit", unit="PKR", maximise=False
        ... ).gap
        0.1
        """
        # Adding zero turns -0.0 into 0.0, which is how files store it.
        objective += 0.0
        bound = (max(bound, objective) if maximise else min(bound, objective)) + 0.0
        close = abs(bound - objective) <= max(settings.ARITHMETIC * abs(objective), noise)
        gap = 0.0 if close else relative_gap(objective, bound)
        reached = math.isfinite(gap) and gap <= gap_asked * (1 + settings.EXACT)
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
        """Return the proof on one line, with the class name."""
        return f"Proof: {self}"

    def __str__(self) -> str:
        """Return the proof on one line."""
        value = f"{in_digits(self.objective)} {self.unit}"
        if not math.isfinite(self.bound):
            return f"feasible, {value}, nothing proven, {self.stopped}"
        sure = "optimal" if self.status == "optimal" else "feasible, not proven optimal"
        return (
            f"{sure}: {value}, bound {in_digits(self.bound)}, "
            f"{gap_and_asked(self.gap, self.gap_asked)}, {self.stopped}"
        )
