"""What several slices together are to be good at: one number out of the energy of each.

A goal is a concave function of the served energies ``S_k`` (kWh/day) of slices ``k`` (years or
scenarios) that never falls when one of them rises, and is maximised::

    weighted    sum of w_k S_k
    regret      top - max over k of (b_k - S_k)
    tail        top + max over u of  u - 1/(1 - a) x sum of p_k max(0, u - (S_k - c_k))

where ``w_k`` are weights, ``b_k`` the most that any plan serves in slice ``k``, ``c_k`` what the
outcome is measured from (0, or the demand of the slice), ``top`` the largest of ``b_k`` or ``c_k``
(a constant, which keeps the number near an energy), ``p_k`` probabilities and ``a`` the share of
outcomes that the tail leaves out: the tail is the conditional value at risk (CVaR), the mean over
the worst ``1 - a`` of outcomes. Written into a program::

    regret      max top - r           s.t.  r >= b_k - S_k,  r >= 0
    tail        max top + u - 1/(1 - a) x sum of p_k v_k
                s.t.  v_k >= u - (S_k - c_k),  v_k >= 0

Source: R. Rockafellar, S. Uryasev: Optimization of conditional value-at-risk. Journal of Risk 2
(2000), 21-41. Regret: L. Savage: The theory of statistical decision. Journal of the American
Statistical Association 46 (1951), 55-67.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pulp

from siting.models.program import add_row
from siting.program.instance import Floats

Terms = list[tuple[pulp.LpVariable, float]]


class Goal(Protocol):
    """A function of the served energies, as a number and as rows of a program."""

    def value(self, served: Floats) -> Floats:
        """Return the goal at served energies (kWh/day), slices along the first axis."""
        ...

    def write(self, prob: pulp.LpProblem, served: Sequence[Terms], most: float) -> Terms:
        """Return the terms of the goal, to be maximised, after adding the rows that it needs.

        Parameters
        ----------
        prob
            The problem.
        served
            The served energy of each slice as terms (kWh/day).
        most
            Energy that no slice goes beyond (kWh/day).
        """
        ...

    @property
    def constant(self) -> float:
        """What has to be added to the terms."""
        ...


@dataclass(frozen=True)
class Weighted:
    """The weighted sum of the energies.

    Examples
    --------
    >>> float(Weighted((0.25, 0.75)).value(np.array([8.0, 4.0])))
    5.0
    """

    weights: tuple[float, ...]
    constant: float = 0.0

    def value(self, served: Floats) -> Floats:
        """Return the weighted sum (kWh/day)."""
        return np.asarray(np.tensordot(np.array(self.weights), served, axes=1))

    def write(self, prob: pulp.LpProblem, served: Sequence[Terms], most: float) -> Terms:
        """Return the terms of the weighted sum."""
        return [
            (v, weight * c)
            for weight, terms in zip(self.weights, served, strict=True)
            for v, c in terms
            if weight > 0
        ]


@dataclass(frozen=True)
class LeastRegret:
    """The largest of the best energies less the worst regret.

    Examples
    --------
    >>> float(LeastRegret((10.0, 6.0)).value(np.array([8.0, 5.0])))
    8.0
    """

    best: tuple[float, ...]

    @property
    def constant(self) -> float:
        """The largest of the best energies (kWh/day)."""
        return max(self.best)

    def value(self, served: Floats) -> Floats:
        """Return the constant less the worst regret (kWh/day), no regret below 0."""
        best = np.array(self.best).reshape(-1, *([1] * (served.ndim - 1)))
        return np.asarray(self.constant - np.maximum((best - served).max(axis=0), 0.0))

    def write(self, prob: pulp.LpProblem, served: Sequence[Terms], most: float) -> Terms:
        """Return the term of the worst regret, after a row for each slice."""
        unit = max(most, 1e-12)
        regret = prob.add_variable("regret", 0, max(*self.best, 0.0))
        for k, (best, terms) in enumerate(zip(self.best, served, strict=True)):
            row = [(v, -c / unit) for v, c in (*terms, (regret, 1.0))]
            add_row(prob, row, -best / unit, f"regret_{k}")
        return [(regret, -1.0)]


@dataclass(frozen=True)
class Tail:
    """The mean of the worst ``1 - alpha`` of outcomes (CVaR).

    Parameters
    ----------
    probabilities
        Of each slice.
    alpha
        Share of outcomes left out.
    wanted
        What is wanted in each slice (kWh/day), for outcomes that are the energy *not* served; the
        goal is then the largest of these less the mean of the worst outcomes.

    Examples
    --------
    The worst half of three outcomes, the lowest of which has a probability of 0.3:

    >>> float(Tail((0.3, 0.5, 0.2), 0.5).value(np.array([4.0, 9.0, 20.0])))
    6.0

    What they leave unserved of 10, 20 and 40 is worst in the last:

    >>> float(Tail((0.3, 0.5, 0.2), 0.8, (10.0, 20.0, 40.0)).value(np.array([4.0, 9.0, 22.0])))
    22.0
    """

    probabilities: tuple[float, ...]
    alpha: float
    wanted: tuple[float, ...] = ()

    @property
    def constant(self) -> float:
        """The most that is wanted in a slice (kWh/day); 0 if outcomes are energy served."""
        return max(self.wanted, default=0.0)

    def value(self, served: Floats) -> Floats:
        """Return the mean over the worst outcomes (kWh/day)."""
        if self.wanted:
            served = served - np.array(self.wanted).reshape(-1, *([1] * (served.ndim - 1)))
        order = np.argsort(served, axis=0, kind="stable")
        outcome = np.take_along_axis(served, order, axis=0)
        share = np.array(self.probabilities)[order]
        before = np.cumsum(share, axis=0) - share
        inside = np.clip(1 - self.alpha - before, 0.0, share)
        # An outcome may be without limit where it does not count.
        counted = np.where(inside > 0, outcome, 0.0)
        return np.asarray(self.constant + (inside * counted).sum(axis=0) / inside.sum(axis=0))

    def write(self, prob: pulp.LpProblem, served: Sequence[Terms], most: float) -> Terms:
        """Return the terms of the tail, after a row for each slice."""
        unit = max(most, 1e-12)
        wanted = self.wanted or (0.0,) * len(served)
        level = prob.add_variable("level", -self.constant, most)
        out: Terms = [(level, 1.0)]
        for k, (p, terms) in enumerate(zip(self.probabilities, served, strict=True)):
            short = prob.add_variable(f"short_{k}", 0, most + self.constant)
            row = [(level, 1.0), (short, -1.0), *((v, -c) for v, c in terms)]
            add_row(prob, [(v, c / unit) for v, c in row], -wanted[k] / unit, f"tail_{k}")
            out.append((short, -p / (1 - self.alpha)))
        return out
