"""Fast heuristics: add options by value per rupee, then exchange options at two sites at a time.

Every choice made here respects all limits. Values are exact (`siting.engine.valuer`); bounds
exclude changes that cannot help, so only a few changes have to be evaluated. Nothing is random; in
a tie, the first option is taken.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.slack import Purse, Room
from siting.engine.valuer import State, Valuer
from siting.program.instance import Floats, Ints


def fill(valuer: Valuer, state: State, clock: Clock) -> State:
    """Return the choice after adding or improving options while resources last.

    Changes that cost nothing come first, and then the change with the highest gain for its price.
    Gains only shrink, so an earlier gain is a bound, and only a few gains have to be computed
    again.
    """
    for after in filling(valuer, valuer.room, state, clock):
        state = after
    return state


def filling(valuer: Valuer, room: Room | Purse, state: State, clock: Clock) -> Iterator[State]:
    """Yield the choice after each change that `fill` makes, within the limits of `room`."""
    price = room.price
    known = np.full(valuer.count, np.inf)
    while valuer.count and not clock.over:  # without options nothing can be built
        now = np.where(state.choice >= 0, price[state.choice], 0.0)
        more = price - now[valuer.site]
        gain = np.minimum(state.upper[: valuer.count] - state.value, known)
        open_ = gain > valuer.noise
        if open_.any():
            open_ &= room.fits(state.choice, begun=True)[: valuer.count]
        for group, paid in ((open_ & (more <= 0), 1.0), (open_ & (more > 0), more)):
            gains = np.where(group, gain, 0.0)
            best = _best_change(valuer, state, gains, known, paid, clock)
            if best is not None:
                break
        else:
            return
        state, site = best
        known[valuer.site == site] = np.inf
        yield state


def _best_change(
    valuer: Valuer, state: State, gain: Floats, known: Floats, paid: Floats | float, clock: Clock
) -> tuple[State, int] | None:
    """Return the change with the most gain for its price, and its site; None if none gains."""
    rate = gain / np.where(np.asarray(paid) > 0, paid, 1.0)
    best: tuple[State, int] | None = None
    best_rate = 0.0
    while len(rate) and rate.max() > best_rate and not clock.over:
        at = int(rate.argmax())
        after = valuer.at(valuer.room.changed(state.choice, at))
        exact = after.value - state.value
        if valuer.linear:
            known[at] = max(exact, 0.0)
        exact_rate = rate[at] * exact / gain[at]
        if exact > valuer.noise and exact_rate > best_rate:
            best, best_rate = (after, int(valuer.site[at])), exact_rate
        rate[at] = 0.0
    return best


def exchange(valuer: Valuer, state: State, clock: Clock, *, enough: float = np.inf) -> State:
    """Return the choice improved by 2-exchanges: one site steps down, another steps up.

    A site steps down to a cheaper option or to none; another steps up to any option that then fits.
    Pairs with the highest bounds come first. The first improvement is applied, and the remaining
    resources are used up. A step down that loses no value is applied at once.
    """
    while not clock.over and state.value < enough:
        better = _one_exchange(valuer, state, clock)
        if better is None:
            break
        state = fill(valuer, better, clock)
    return state


def _one_exchange(valuer: Valuer, state: State, clock: Clock) -> State | None:
    """Return the choice after the first change that raises its value or saves money, or None."""
    choice, count = state.choice, valuer.count
    price = valuer.room.price
    now = np.where(choice >= 0, price[choice], 0.0)
    saved = np.concatenate([now[valuer.site] - price, now])
    down = (saved > 0) & np.isfinite(state.upper)
    if valuer.room.limited:
        down[count:] |= np.isfinite(state.upper[count:])
        down &= valuer.room.fits(choice)
    loss = np.where(down, (state.value - state.upper) / np.where(saved > 0, saved, 1.0), np.inf)
    steps = np.argsort(loss, kind="stable")[: min(int(down.sum()), settings.TRIES)]
    bounds, after_down = [], []
    for change in steps.tolist():
        if clock.over:
            return None
        lower = valuer.at(valuer.room.changed(choice, change))
        if lower.value >= state.value - valuer.noise:
            return lower
        site = change - count if change >= count else int(valuer.site[change])
        allowed = valuer.room.fits(lower.choice)[:count] & (valuer.site != site)
        bounds.append(np.where(allowed, lower.upper[:count], -np.inf))
        after_down.append(lower)
    if not bounds:
        return None
    upper = np.stack(bounds)
    for _ in range(settings.TRIES):
        at = int(upper.argmax())
        if upper.flat[at] <= state.value + 2 * valuer.noise or clock.over:
            return None
        d, change = divmod(at, count)
        after = valuer.at(valuer.room.changed(after_down[d].choice, change))
        if after.value > state.value + valuer.noise:
            return after
        upper[d, change] = -np.inf
    return None


def polish(valuer: Valuer, state: State, clock: Clock) -> State:
    """Drop options, or replace them with cheaper ones, where no value is lost; return the choice.

    Options are tried in order of subsidy, then of cost (largest first), then of site (last first).
    """
    improved = True
    while improved:
        improved = False
        there = np.flatnonzero(state.choice >= 0)
        option = state.choice[there]
        order = np.lexsort((-there, -valuer.cost[option], -valuer.subsidy[option]))
        for j in there[order].tolist():
            if clock.over:
                return state
            for change in cheaper_changes(valuer, state.choice, j):
                if state.upper[change] < state.value - valuer.noise:
                    continue
                changed = valuer.room.changed(state.choice, change)
                if not valuer.allowed(changed):
                    continue
                after = valuer.at(changed)
                if after.value >= state.value - valuer.noise:
                    state, improved = after, True
                    break
    return state


def cheaper_changes(valuer: Valuer, choice: Ints, j: int) -> list[int]:
    """Return a site's changes that lower subsidy (or cost at equal subsidy), cheapest first."""

    def money(option: int) -> tuple[float, float]:
        return valuer.subsidy[option], valuer.cost[option]

    now, options = int(choice[j]), np.flatnonzero(valuer.site == j).tolist()
    changes = sorted((o for o in options if money(o) < money(now)), key=money)
    return changes if valuer.must[j] else [valuer.count + j, *changes]


def round_relaxed(valuer: Valuer, taken: Floats, least: float, clock: Clock) -> State:
    """Round a relaxation, largest values first; fill up the resulting choice and return it."""
    order = np.argsort(-taken, kind="stable")
    base = valuer.frame.by_site(valuer.frame.kept)
    choice = valuer.room.taking(base, order[taken[order] >= least].tolist())
    return fill(valuer, valuer.at(choice), clock)
