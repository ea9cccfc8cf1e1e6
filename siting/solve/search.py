"""Good plans quickly: fill by energy per rupee, then exchange two sites at a time.

Every choice here is within the budget and every limit (`siting.solve.room`). Where there are limits
beside the budget, the price of an option is its share of all that is scarce instead of rupees.

Everything is valued exactly by `siting.solve.valuer`; its bounds say which changes cannot help, so
that few have to be valued at all. Nothing here is random, and ties go to the first site in the
order of ids.
"""

from __future__ import annotations

import numpy as np

from siting.engine.clock import Clock
from siting.program.instance import Floats, Ints
from siting.solve.valuer import State, Valuer

# Limits in counts, not seconds: two runs must try the same.
TRIES_A_PASS = 300
STEPS_DOWN_A_PASS = 250
PASSES = 60
RECENT_CUTS = 8


def fill(valuer: Valuer, state: State, clock: Clock, price: Floats | None = None) -> State:
    """Return the choice with offers added, or bettered, while the budget and the limits last.

    The next is always the change that serves most more energy a rupee of subsidy; changes that draw
    no more subsidy than now come first. A gain can only shrink while others are added, so a gain
    found earlier bounds the gain now, and most need not be worked out again.

    Parameters
    ----------
    valuer
        Values and bounds.
    state
        The choice to begin with.
    clock
        Stops the search early.
    price
        What each option costs in place of the valuer's own price.
    """
    price = valuer.price if price is None else price
    known = np.full(valuer.option_offer.shape, np.inf)
    while not clock.over:
        more = price - price[valuer.sites, state.choice][:, None]
        gain = np.minimum(state.upper - state.value, known)
        open_ = valuer.valid & (gain > valuer.noise) & valuer.room.fits(state.choice)
        for group, paid in ((open_ & (more <= 0), 1.0), (open_ & (more > 0), more)):
            best = best_change(valuer, state, np.where(group, gain, 0.0), known, paid)
            if best is not None:
                break
        else:
            return state
        state, changed = best
        known[changed] = np.inf
    return state


def exchange(
    valuer: Valuer, state: State, clock: Clock, *, enough: float = np.inf, passes: int = PASSES
) -> State:
    """Return the choice improved by changing two sites at a time: one down, another up.

    Of all pairs the one with the highest bound is valued first; the first that serves more is
    taken, and what is left of the budget is filled. Where a site can step down without loss, it
    does: the money serves others.

    Parameters
    ----------
    valuer, state, clock
        As for `fill`.
    enough
        Energy (kWh/day) at which it may stop.
    passes
        Improvements to make at most.
    """
    for _ in range(passes):
        if clock.over or state.value >= enough:
            return state
        better = _one_exchange(valuer, state, clock)
        if better is None:
            return state
        state = fill(valuer, better, clock)
        clock.incumbent = max(clock.incumbent, state.value)
        clock.report()
    return state


def polish(valuer: Valuer, state: State, clock: Clock) -> State:
    """Return the choice without what serves nothing: offers dropped or made cheaper at no loss.

    Dearest subsidies go first, then costs, then the last ids. Nothing is added.

    Parameters
    ----------
    valuer, state, clock
        As for `fill`; it runs to its end, which is near, whatever the clock says.
    """
    found = True
    while found:
        found = False
        pkr = valuer.subsidy[valuer.sites, state.choice]
        cost = valuer.cost[valuer.sites, state.choice]
        for j in np.lexsort((-valuer.sites, -cost, -pkr)).tolist():
            now = int(state.choice[j])
            cheaper = [
                (valuer.subsidy[j, o], valuer.cost[j, o], o)
                for o in np.flatnonzero(valuer.valid[j]).tolist()
                if (valuer.subsidy[j, o], valuer.cost[j, o]) < (pkr[j], cost[j])
                or (now > 0 and o == 0)
            ]
            for *_, option in sorted(cheaper, key=lambda c: (c[0], c[1], c[2])):
                if state.upper[j, option] < state.value - valuer.noise:
                    continue
                changed = _changed(state.choice, j, option)
                if valuer.room.limited and not valuer.affordable(changed):
                    continue
                after = valuer.at(changed)
                if after.value >= state.value - valuer.noise:
                    state, found = after, True
                    break
    return state


def round_relaxed(valuer: Valuer, taken: Floats, least: float, clock: Clock) -> State:
    """Return the choice that takes offers in the order of their relaxed values, then is filled.

    Parameters
    ----------
    valuer, clock
        As for `fill`.
    taken
        How much of each option the relaxed program takes, 0 to 1.
    least
        Options below it are not taken in the first step.
    """
    choice = valuer.base.copy()
    fits = valuer.room.fits(choice)
    for flat in np.argsort(-taken, axis=None, kind="stable").tolist():
        j, option = divmod(flat, taken.shape[1])
        if taken[j, option] < least:
            break
        if option == 0 or choice[j] != valuer.base[j] or not valuer.valid[j, option]:
            continue
        if fits[j, option]:
            choice[j] = option
            fits = valuer.room.fits(choice)
    return fill(valuer, valuer.at(choice), clock)


def best_change(
    valuer: Valuer, state: State, gain: Floats, known: Floats, paid: Floats | float
) -> tuple[State, int] | None:
    """Return the change with the most gain for its price and its site; None if none gains."""
    rate = gain / np.where(np.asarray(paid) > 0, paid, 1.0)
    best: tuple[State, int] | None = None
    best_rate = 0.0
    while rate.max() > best_rate:
        at = int(rate.argmax())
        j, option = divmod(at, rate.shape[1])
        after = valuer.at(_changed(state.choice, j, option))
        exact = after.value - state.value
        known[j, option] = max(exact, 0.0)
        exact_rate = rate.flat[at] * exact / gain.flat[at]
        if exact > valuer.noise and exact_rate > best_rate:
            best, best_rate = (after, j), exact_rate
        rate.flat[at] = 0.0
    return best


def _one_exchange(valuer: Valuer, state: State, clock: Clock) -> State | None:
    """Return the first exchange found that serves more, or as much for less; None if none does."""
    choice = state.choice
    saved = valuer.price[valuer.sites, choice][:, None] - valuer.price
    down = valuer.valid & (saved > 0)
    if valuer.room.limited:
        down[:, 0] |= valuer.valid[:, 0] & (choice > 0)
        down &= valuer.room.fits(choice)
    bounds, after_down = [], []
    per = np.where(saved > 0, saved, 1.0)
    loss = np.where(down, (state.value - state.upper) / per, np.inf)
    steps = np.argsort(loss, axis=None, kind="stable")[: min(down.sum(), STEPS_DOWN_A_PASS)]
    for j, option in zip(*np.unravel_index(steps, down.shape), strict=True):
        if clock.over:
            return None
        lower = valuer.at(_changed(choice, j, option))
        if lower.value >= state.value - valuer.noise:
            return lower
        allowed = valuer.valid & valuer.room.fits(lower.choice)
        allowed[j] = False
        bounds.append(np.where(allowed, lower.upper, -np.inf))
        after_down.append(lower)
    if not bounds:
        return None
    upper = np.stack(bounds)
    for _ in range(TRIES_A_PASS):
        at = int(upper.argmax())
        if upper.flat[at] <= state.value + 2 * valuer.noise or clock.over:
            return None
        d, j, option = (int(n) for n in np.unravel_index(at, upper.shape))
        after = valuer.at(_changed(after_down[d].choice, j, option))
        if after.value > state.value + valuer.noise:
            return after
        upper[d, j, option] = -np.inf
        # What did not help lowers the bounds of its neighbours.
        bound = np.zeros(upper.shape[1:])
        for cuts in valuer.cuts:
            bound += valuer.change_bound(after_down[d].choice, cuts[-RECENT_CUTS:])
        np.minimum(upper[d], bound, out=upper[d])
    return None


def _changed(choice: Ints, site: int, option: int) -> Ints:
    out = choice.copy()
    out[site] = option
    return out
