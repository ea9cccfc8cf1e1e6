"""How good the greedy plan is sure to be, and the one more plan that makes it so.

For one option a site the energy served is monotone and submodular in the set of options: what a
station adds shrinks as others are added, for coverage as for the transport problem with capacities,
whose value is the rank of a polymatroid. So for what new stations add to those that stand:

- taking options by energy per rupee while money lasts, and then the better of that plan and the
  best single option, reaches at least ``(1 - 1/e) / 2``, 31.6 %, of the best within the budget;
- if all subsidies are the same, at least ``1 - 1/e``, 63.2 %.

With several options to choose from at a site, limits beside the budget or required sites neither
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
from siting.engine.valuer import State, Valuer

ONE_PRICE = (
    "at least 1 - 1/e (63.2 %) of the most that new stations can add: all subsidies are the same "
    "(Nemhauser, Wolsey and Fisher 1978)"
)
BUDGETED = (
    "at least (1 - 1/e)/2 (31.6 %) of the most that new stations can add, by the better of greedy "
    "and best single offer (Khuller, Moss and Naor 1999; Krause and Guestrin 2005)"
)


def guarantee(valuer: Valuer) -> str:
    """Return what the greedy plan is sure to reach; empty where nothing is known."""
    required = valuer.frame.program.instance.required_sites
    if valuer.room.limited or len(required) or not valuer.linear or valuer.frame.charge.any():
        return ""
    if (np.bincount(valuer.site, minlength=1) > 1).any():
        return ""
    paid = np.unique(valuer.subsidy[~valuer.must[valuer.site]])
    return ONE_PRICE if len(paid) == 1 else BUDGETED


def best_single(valuer: Valuer, than: State, clock: Clock) -> State:
    """Return the plan of what stands and one option that is worth most, if it is worth more."""
    base = valuer.at(valuer.frame.by_site(valuer.frame.kept))
    best = than
    fits = valuer.room.fits(base.choice)[: valuer.count]
    upper = np.where(fits, base.upper[: valuer.count], -np.inf)
    for option in np.argsort(-upper, kind="stable").tolist():
        if upper[option] <= best.value + valuer.noise or clock.over:
            return best
        state = valuer.at(valuer.room.changed(base.choice, option))
        if state.value > best.value + valuer.noise:
            best = state
    return best
