"""A plan from the relaxation over priced offers: sites gathered, groups decided, numbers rounded.

A relaxation takes a little of a station wherever there is room. With a small price on what stations
cost it gathers; then, round after round, the sites and the charger groups that it takes most of are
decided for, those it hardly takes against, and the rest is solved again (a dive). What is left open
in the end are numbers: each site gets the cheapest offer of its groups that delivers as much as the
relaxation does there.

Source: T. Achterberg: Constraint Integer Programming. Thesis, TU Berlin 2007, chapter 9 (diving).
"""

from __future__ import annotations

import math

import numpy as np

from siting.engine.frame import Frame
from siting.engine.pricing import Priced, Pricing
from siting.program.instance import Flags, Floats, Ints

# Share of the gap asked that the price on cost may take of the aim.
GATHER = 0.5
# What is taken at or above the first is decided for, at or below the second against; of what lies
# between such a share is decided for in a round, and so many rounds there are at most.
FOR, AGAINST, AT_LEAST, ROUNDS = 0.9, 0.02, 0.12, 25
# An offer delivers enough with this share of what the relaxation does.
ENOUGH = 0.999


def gathered(pricing: Pricing, priced: Priced, gap: float, *, paid: bool = True) -> Ints | None:
    """Return a choice that the relaxation leads to; None if it leads to none in time.

    `paid`: whether public money may be paid; with little of it stations that live of their
    customers alone are the better plan.

    It may be no plan: what stations lack, and what a floor misses, is not looked at again. Programs
    over years have no such plan.
    """
    frame = pricing.frame
    if frame.options.offer.shape[1] > 1 or not len(priced.taken):
        return None
    price = _price(frame, priced, gap)
    dive = _Dive(pricing, price, paid=paid)
    taken = dive.run()
    return None if taken is None else _rounded(frame, taken)


def _price(frame: Frame, priced: Priced, gap: float) -> Floats:
    """Return what the cost of each option counts in the scaled objective."""
    cost = frame.program.instance.offer_cost[frame.options.last]
    spent = float(cost @ priced.taken)
    worth = abs(priced.bound / frame.matrix.size) if math.isfinite(priced.bound) else 0.0
    out: Floats = cost * (GATHER * gap * worth / spent if spent > 0 else 0.0)
    return out


class _Dive:
    """Decides which groups stand at which sites."""

    def __init__(self, pricing: Pricing, price: Floats, *, paid: bool) -> None:
        self.pricing, self.price, self.paid = pricing, price, paid
        self.frame = frame = pricing.frame
        capacity = frame.program.instance.offer_capacity[frame.options.last]
        self.has: Flags = capacity > 0  # whether each option (row) has each group (column)
        self.shape = (frame.sites, self.has.shape[1])
        self.open = np.zeros(self.shape, dtype=bool)
        self.shut = np.zeros(self.shape, dtype=bool)
        self.share = np.zeros(self.shape)

    def _share(self, taken: Floats) -> Floats:
        """Return how much of a station with each group (column) is taken at each site (row)."""
        out = np.zeros(self.shape)
        for g in range(self.shape[1]):
            out[:, g] = np.bincount(
                self.frame.site, taken * self.has[:, g], minlength=self.frame.sites
            )
        return out

    def run(self) -> Floats | None:
        """Return how much of each option is taken once groups are decided; None if nothing is."""
        found: Floats | None = None
        step = np.zeros(self.shape, dtype=bool)
        for _ in range(ROUNDS):
            after = self._again()
            if after is None:
                if self.pricing.clock.over or not step.any():
                    break
                step = self._step_back(step)
                continue
            found, share = after, self._share(after)
            left = ~self.open & ~self.shut & (share > AGAINST)
            if not left.any():
                break
            self.shut |= ~self.open & (share <= AGAINST)
            step = left & (share >= FOR)
            most = max(1, math.ceil(AT_LEAST * int(left.sum())))
            if step.sum() < most:
                step = left & (share >= np.partition(share[left], -most)[-most])
            self.open |= step
            self.share = share
        return found

    def _again(self) -> Floats | None:
        mine, theirs = self.open[self.frame.site], self.shut[self.frame.site]
        allowed = ~(mine & ~self.has).any(axis=1) & ~(theirs & self.has).any(axis=1)
        return self.pricing.again(self.price, allowed, self.open.any(axis=1), paid=self.paid)

    def _step_back(self, step: Flags) -> Flags:
        """Decide for the better half of a step alone; against what is alone already."""
        self.open &= ~step
        count = int(step.sum())
        if count == 1:
            self.shut |= step
            return step
        half = np.partition(self.share[step], count // 2)[count // 2]
        kept: Flags = step & (self.share >= half)
        if kept.sum() == count:  # all alike
            at = np.flatnonzero(kept.ravel())[: count // 2]
            kept = np.zeros(kept.size, dtype=bool)
            kept[at] = True
            kept = kept.reshape(self.shape)
        self.open |= kept
        return kept


def _rounded(frame: Frame, taken: Floats) -> Ints:
    """Return, of each site that is taken, the cheapest offer of its groups that is large enough."""
    instance, last = frame.program.instance, frame.options.last
    capacity, cost = instance.offer_capacity[last], instance.offer_cost[last]
    chosen = []
    order = np.argsort(frame.site, kind="stable")
    edge = np.searchsorted(frame.site[order], np.arange(frame.sites + 1))
    for j in range(frame.sites):
        own = order[edge[j] : edge[j + 1]]
        whole = float(taken[own].sum())
        if whole < 0.5 and not frame.must[j]:
            continue
        asked = taken[own] @ capacity[own]
        large = own[(capacity[own] >= ENOUGH * asked - 1e-9).all(axis=1)]
        if len(large):
            chosen.append(int(large[np.argmin(cost[large])]))
        elif len(own):
            chosen.append(int(own[np.argmax(taken[own])]))
    return np.array(sorted(chosen), dtype=np.int64)
