"""How good the greedy plan is sure to be, and the one more plan that makes it so.

For one offer a site the energy served is monotone and submodular in the set of offers: what a
station adds shrinks as others are added, for coverage as for the transport problem with capacities,
whose value is the rank of a polymatroid. So for what new stations add to those that stand:

- taking offers by energy per rupee while money lasts, and then the better of that plan and the best
  single offer, reaches at least ``(1 - 1/e) / 2``, 31.6 %, of the best plan within the budget;
- if all subsidies are the same, at least ``1 - 1/e``, 63.2 %.

With several offers to choose from at a site, limits beside the budget or required sites neither
holds, and nothing is claimed. The bound that comes with every plan says how good it is in fact,
mostly far better.

Sources: G. Nemhauser, L. Wolsey, M. Fisher: An analysis of approximations for maximizing submodular
set functions I. Mathematical Programming 14 (1978), 265-294. S. Khuller, A. Moss, J. Naor: The
budgeted maximum coverage problem. Information Processing Letters 70 (1999), 39-45. A. Krause,
C. Guestrin: A note on the budgeted maximization of submodular functions. Carnegie Mellon
University, CMU-CALD-05-103 (2005).
"""

from __future__ import annotations

import numpy as np

from siting.engine.clock import Clock
from siting.solve.valuer import State, Valuer

ONE_PRICE = (
    "at least 1 - 1/e (63.2 %) of the most that new stations can add: all subsidies are the same "
    "(Nemhauser, Wolsey and Fisher 1978)"
)
BUDGETED = (
    "at least (1 - 1/e)/2 (31.6 %) of the most that new stations can add, by the better of greedy "
    "and best single offer (Khuller, Moss and Naor 1999; Krause and Guestrin 2005)"
)


def guarantee(valuer: Valuer) -> str:
    """Return what the greedy plan is sure to reach on this instance; empty where nothing is known.

    Parameters
    ----------
    valuer
        Values and options of the instance.
    """
    instance = valuer.instance
    choices = valuer.valid.sum(axis=1)
    if valuer.room.limited or len(instance.required_sites) or (choices > 2).any():
        return ""
    if (choices[instance.must_sites] > 1).any():
        return ""
    new = valuer.valid & (np.arange(valuer.valid.shape[1]) > 0) & valuer.valid[:, :1]
    paid = np.unique(valuer.subsidy[new])
    return ONE_PRICE if len(paid) == 1 else BUDGETED


def best_single(valuer: Valuer, than: State, clock: Clock) -> State:
    """Return the plan of what stands and one offer that serves most, if it serves more.

    Parameters
    ----------
    valuer
        Values and bounds.
    than
        The plan it is to serve more than.
    clock
        Stops the search early.
    """
    base = valuer.at(valuer.base)
    best = than
    upper = np.where(valuer.valid & valuer.room.fits(valuer.base), base.upper, -np.inf)
    for at in np.argsort(-upper, axis=None, kind="stable").tolist():
        site, option = divmod(at, upper.shape[1])
        if upper[site, option] <= best.value + valuer.noise or clock.over:
            return best
        choice = valuer.base.copy()
        choice[site] = option
        state = valuer.at(choice)
        if state.value > best.value + valuer.noise:
            best = state
    return best
