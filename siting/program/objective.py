"""The worth of a plan: energy, people or sessions served, with or without decay.

A kilowatt-hour of demand row ``i`` that is served at site ``j`` has the worth::

    a_ij w_i        with  0 < a_ij <= 1  the decay over the drive,
                          w_i = W_i / d_i  and  W_i the worth of the whole row

where ``d_i`` is the demand of the row (kWh/day) and ``W_i`` its number of people or sessions a day.
If worth is energy, ``w_i = 1``. A row without demand has no worth.

Decay as a function of the drive time ``t`` (min):

===============  ====================================================================
`StepDecay`      the factor of the last step that begins at or before ``t``
`LinearDecay`    1 up to ``full_min``, then a linear fall to ``least`` at
                 ``end_min``, and ``least`` for longer drives
`ExponentialDecay`   ``exp(-t / scale_min)``
`GaussianDecay`      ``exp(-t^2 / (2 sigma_min^2))``
===============  ====================================================================

Source: O. Berman, D. Krass, Z. Drezner: The gradual covering decay location problem on a network.
European Journal of Operational Research 151 (2003), 474-480.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from siting.errors import Fault
from siting.program.instance import Floats

ENERGY_UNIT = "kWh/day"


@dataclass(frozen=True)
class StepDecay:
    """Decay in steps: a new factor applies from each given minute.

    Parameters
    ----------
    steps
        Factors in (0, 1], keyed by the minute from which each applies; the first minute is 0.

    Examples
    --------
    >>> StepDecay({0: 1.0, 5: 0.5}).factor(np.array([4.9, 5.0]))
    array([1. , 0.5])
    """

    steps: Mapping[float, float]

    def factor(self, minutes: Floats) -> Floats:
        """Return the weight (0 to 1) of a kWh at each drive time."""
        begins, factors = np.array(sorted(self.steps.items()), dtype=float).T
        out: Floats = factors[np.searchsorted(begins, minutes, side="right") - 1]
        return out

    def faults(self, cutoff_min: float) -> list[Fault]:
        """Return the errors in the steps."""
        begins = sorted(self.steps)
        factors = [self.steps[b] for b in begins]
        out: list[Fault] = []
        if not begins or begins[0] != 0:
            out.append(_fault("steps", "the first step is not at 0 min", "add a step at 0 min"))
        bad = [f for f in factors if not 0 < f <= 1]
        if bad:
            listed = ", ".join(f"{factor:g}" for factor in bad[:5])
            what = f"some factors are outside (0, 1]: {listed}"
            out.append(_fault("steps", what, "give shares above 0 and at most 1"))
        elif any(b > a for a, b in pairwise(factors)):
            what = "a longer drive has a larger factor"
            out.append(_fault("steps", what, "make the factors fall with the drive time"))
        for begin in begins[1:]:
            out += _minutes_faults("steps", float(begin), cutoff_min)
        return out


@dataclass(frozen=True)
class LinearDecay:
    """Decay that is linear between two drive times.

    Parameters
    ----------
    full_min, end_min
        Drive times (min): the weight is 1 up to `full_min`, and `least` from `end_min` on.
    least
        Weight from `end_min` on, in (0, 1).

    Examples
    --------
    >>> LinearDecay(2, 6, 0.5).factor(np.array([1.0, 4.0, 9.0]))
    array([1.  , 0.75, 0.5 ])
    """

    full_min: float
    end_min: float
    least: float

    def factor(self, minutes: Floats) -> Floats:
        """Return the weight (0 to 1) of a kWh at each drive time."""
        return np.interp(minutes, [self.full_min, self.end_min], [1.0, self.least])

    def faults(self, cutoff_min: float) -> list[Fault]:
        """Return the errors in the parameters."""
        out = _minutes_faults("end_min", self.end_min, cutoff_min)
        if not (math.isfinite(self.full_min) and self.full_min >= 0):
            out.append(_fault("full_min", f"is {self.full_min}", "enter a number of 0 or more"))
        elif not self.full_min < self.end_min:
            what = f"{self.full_min:g} min is not before end_min, {self.end_min:g} min"
            out.append(_fault("full_min", what, "make full_min less than end_min"))
        if not 0 < self.least < 1:
            out.append(_fault("least", f"is {self.least}", "give a share above 0 and below 1"))
        return out


@dataclass(frozen=True)
class ExponentialDecay:
    """Exponential decay: the weight falls by the same share each minute.

    Parameters
    ----------
    scale_min
        Drive time (min) at which the weight is 37 %.
    """

    scale_min: float

    def factor(self, minutes: Floats) -> Floats:
        """Return the weight (0 to 1) of a kWh at each drive time."""
        return np.exp(-minutes / self.scale_min)

    def faults(self, cutoff_min: float) -> list[Fault]:
        """Return the errors in the parameter."""
        return _minutes_faults("scale_min", self.scale_min, cutoff_min)


@dataclass(frozen=True)
class GaussianDecay:
    """Gaussian decay: flat near the site, then steep.

    Parameters
    ----------
    sigma_min
        Drive time (min) at which the weight is 61 %.
    """

    sigma_min: float

    def factor(self, minutes: Floats) -> Floats:
        """Return the weight (0 to 1) of a kWh at each drive time."""
        return np.exp(-0.5 * (minutes / self.sigma_min) ** 2)

    def faults(self, cutoff_min: float) -> list[Fault]:
        """Return the errors in the parameter."""
        return _minutes_faults("sigma_min", self.sigma_min, cutoff_min)


@dataclass(frozen=True)
class NearerFirst:
    """The program's decay minus a share that grows with drive time, for the engine.

    >>> NearerFirst(None, 20.0).factor(np.array([0.0, 5.0]))
    array([1.  , 0.75])
    """

    before: Decay | NearerFirst | None  # the program's decay; None if the program has none
    horizon_min: float  # drive time (min) at which the deducted share is 1

    def factor(self, minutes: Floats) -> Floats:
        """Return the weight (0 to 1) of a kWh at each drive time."""
        counted = np.ones(len(minutes)) if self.before is None else self.before.factor(minutes)
        return np.maximum(counted - minutes / self.horizon_min, 1e-3 * counted)


Decay = StepDecay | LinearDecay | ExponentialDecay | GaussianDecay


def _minutes_faults(name: str, minutes: float, cutoff_min: float) -> list[Fault]:
    if not (math.isfinite(minutes) and minutes > 0):
        return [_fault(name, f"is {minutes}", "enter a number of minutes above 0")]
    if minutes > cutoff_min:
        what = f"{minutes:g} min is beyond the cutoff of {cutoff_min:g} min"
        return [_fault(name, what, f"give at most {cutoff_min:g} min, or raise the cutoff")]
    return []


def _fault(name: str, what: str, fix: str) -> Fault:
    return Fault(f"decay, {name}", what, fix)
