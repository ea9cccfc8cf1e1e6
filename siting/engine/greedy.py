"""The guarantee of the greedy plan, and the extra plan that the guarantee needs.

With one option per site, the energy served is monotone and submodular in the set of options, which
means that the gain of a station shrinks as others are added. With capacities, this holds because
the value of the transport problem is the rank of a polymatroid. So two guarantees apply to the
energy that new stations add:

- The better of the greedy plan by energy per rupee and the best single option reaches at least
  ``(1 - 1/e) / 2`` (31.6 %) of the energy of the best plan within the budget.
- If all subsidies are equal, the greedy plan reaches at least ``1 - 1/e`` (63.2 %) of that energy.

Neither guarantee holds if a site has several options, if there are limits other than a budget, or
if sites are required. The gap proven for a plan is usually far smaller than these guarantees allow.

With more money, a single greedy run may give a worse plan, because an expensive option may leave no
room for two better options. So the plan is the best of the greedy plans for the budget and for
every smaller sum. If a greedy run never spends more than ``C``, all sums down to ``C`` give the
same plan, so the next sum is just below ``C``. The order of options does not depend on the sum, so
**more money never makes the plan worse**.

This holds for programs of one year whose aim is worth, or worth net of money, if choices are quick
to evaluate or public money pays viability gaps. There are three exceptions: time may run out before
all sums are tried; the greedy choice may miss lower limits or required sites; ``least_gain`` and
later aims may give up worth within the gap. In other programs, more money may lead to a worse plan.

Sources: G. Nemhauser, L. Wolsey, M. Fisher: An analysis of approximations for maximizing submodular
set functions I. Mathematical Programming 14 (1978), 265-294. S. Khuller, A. Moss, J. Naor: The
budgeted maximum coverage problem. Information Processing Letters 70 (1999), 39-45. A. Krause,
C. Guestrin: A note on the budgeted maximization of submodular functions. Carnegie Mellon
University, CMU-CALD-05-103 (2005).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siting import settings
from siting.engine.clock import Clock
from siting.engine.construct import Constructor
from siting.engine.cuts import Cutter
from siting.engine.search import filling
from siting.engine.slack import Purse, Room
from siting.engine.valuer import State, Valuer
from siting.program.instance import Ints

ONE_PRICE = (
    "at least 1 - 1/e (63.2 %) of the most that new stations can add, because all subsidies are "
    "the same (Nemhauser, Wolsey and Fisher 1978)"
)
BUDGETED = (
    "at least (1 - 1/e)/2 (31.6 %) of the most that new stations can add, because the plan is the "
    "better of the greedy plan and the best single offer (Khuller, Moss and Naor 1999; Krause and "
    "Guestrin 2005)"
)


def for_any_money(valuer: Valuer, clock: Clock) -> Iterator[State]:
    """Yield the greedy plans for the full budget and for every smaller sum.

    The first plans prefer options with more worth per rupee. Further plans prefer options with more
    worth, because the number of stations may be scarcer than money.
    """
    for alike in (False, True):
        purse = Purse(valuer.frame, valuer.room)
        if alike:
            purse.price = np.ones(valuer.count)
        states = [valuer.at(valuer.frame.by_site(valuer.frame.kept))]
        while True:
            states += filling(valuer, purse, states[-1], clock)
            yield states[-1]
            spent = [purse.spent(state.choice) for state in states]
            purse.most = most = max(spent)
            # With less money, the next run repeats all states before the first one to spend `most`.
            first = next(n for n, pkr in enumerate(spent) if pkr >= most * (1 - settings.EXACT))
            if clock.over or not first or most <= 0:
                break
            del states[first:]


def constructed_for_any_money(cutter: Cutter, room: Room, clock: Clock) -> Iterator[Ints]:
    """Yield choices for the budget and, if public money pays viability gaps, for other sums.

    The price of a station includes the money that it needs, multiplied by each weight in
    `settings.OWN_MONEY` in turn. Sums above the budget come last: viability gaps are usually
    smaller than the construction heuristic assumes, so a plan constructed with more money may fit
    the budget.
    """
    there = cutter.frame.program.money_pkr
    for most, least in ((there, 0.0), (np.inf, there)):
        for own_money in settings.OWN_MONEY:
            below, ended = most * (1 + settings.EXACT), False
            while not ended:
                constructor = Constructor(cutter, room)
                constructor.own_money = own_money
                constructor.granted = np.array([below * (1 - settings.EXACT)])
                yield constructor.run(clock)
                below = float(constructor.paid[-1])
                ended = clock.over or below <= least


def guarantee(valuer: Valuer) -> str:
    """Return the guarantee of the greedy plan, or an empty string if there is none."""
    required = valuer.frame.program.instance.required_sites
    if valuer.room.limited or len(required) or not valuer.linear or valuer.frame.charge.any():
        return ""
    if (np.bincount(valuer.site, minlength=1) > 1).any():
        return ""
    paid = np.unique(valuer.subsidy[~valuer.must[valuer.site]])
    return ONE_PRICE if len(paid) == 1 else BUDGETED


def best_single(valuer: Valuer, than: State, clock: Clock) -> State:
    """Return the best plan of existing stations and one more option; `than` if none is better."""
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
