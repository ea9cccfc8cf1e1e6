"""An earlier plan as the first plan of another solve: mended until it fits, then filled.

Offers that are not there any more are left out; what must be there is added as
`siting.solve.repair` found it. While the budget or a limit is overrun, the station goes that serves
the least for what it takes. What is left of the money is then filled as from any other start: at
once, and after one or two stations of the most energy. A big station that had to go is often best
followed by another big one, which no exchange of two sites would find. Nothing of the earlier proof
is used: a plan is only a start, its value is worked out again.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from siting.engine.clock import Clock
from siting.program.instance import Ints
from siting.solve.search import best_change, fill
from siting.solve.valuer import State, Valuer

BIG_ONES = 2
# What such a station may take, of what is left.
STRETCH = 1.25


def mended(valuer: Valuer, offer_ids: Iterable[str], clock: Clock) -> State:
    """Return an earlier plan, changed as little as makes it hold here, and filled.

    Parameters
    ----------
    valuer
        Values and options of the instance.
    offer_ids
        The offers of the earlier plan; those unknown here are left out.
    clock
        Stops the filling early; the mending runs to its end, which is near.
    """
    state = valuer.at(_fitting(valuer, offer_ids))
    best = fill(valuer, state, clock)
    for _ in range(BIG_ONES):
        bigger = _with_the_biggest(valuer, state)
        if bigger is None or clock.over:
            break
        state = bigger
        filled = fill(valuer, state, clock)
        if filled.value > best.value + valuer.noise:
            best = filled
    return best


def _with_the_biggest(valuer: Valuer, state: State) -> State | None:
    """Return the plan with that one more station that adds the most energy; None if none adds.

    It may take a little more than is left: the least of the others then make room.
    """
    left = valuer.room.budget_pkr - valuer.spent(state.choice)
    open_ = valuer.valid & (state.choice == 0)[:, None] & (valuer.subsidy <= STRETCH * left)
    gain = np.where(open_, state.upper - state.value, 0.0)
    found = best_change(valuer, state, gain, np.full(gain.shape, np.inf), 1.0)
    if found is None:
        return None
    bigger, site = found
    if valuer.affordable(bigger.choice):
        return bigger
    choice = _trimmed(valuer, bigger.choice, site)
    return valuer.at(choice) if choice[site] == bigger.choice[site] else None


def _fitting(valuer: Valuer, offer_ids: Iterable[str]) -> Ints:
    """Return the choice of the earlier offers without those that overrun the budget or a limit."""
    wanted = np.flatnonzero(np.isin(valuer.instance.offer_ids.astype(str), list(offer_ids)))
    choice = valuer.choice_of(wanted)
    # Where no such offer may stand, the site is as it must be.
    return _trimmed(valuer, np.where(valuer.valid[valuer.sites, choice], choice, valuer.base))


def _trimmed(valuer: Valuer, choice: Ints, keep: int = -1) -> Ints:
    """Return a choice without the stations that serve the least for what they take, until it fits.

    Where that is not enough even so, it is the choice of what must be there.
    """
    while not valuer.affordable(choice):
        state = valuer.at(choice)
        saved = valuer.price[valuer.sites, choice] - valuer.price[valuer.sites, valuer.base]
        # As far as the bounds tell: the loss is at least this.
        loss = np.maximum(state.value - state.upper[valuer.sites, valuer.base], 0.0)
        rate = np.where(choice != valuer.base, loss / np.maximum(saved, 1e-12), np.inf)
        if keep >= 0:
            rate[keep] = np.inf
        worst = int(rate.argmin())
        if not np.isfinite(rate[worst]):
            return valuer.base.copy()
        choice = choice.copy()
        choice[worst] = valuer.base[worst]
    return choice
