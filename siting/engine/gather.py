"""A plan from the relaxation over priced offers: sites and groups fixed, numbers rounded.

A relaxation has a fraction of a station wherever there is room. A small price on cost concentrates
them; then, round after round, sites and charger groups of large values are opened, those of small
values closed, and the rest is solved again (a dive). In the end only numbers are open: each site
gets the least expensive offer of its groups with the output of the relaxation.

Source: T. Achterberg: Constraint Integer Programming. Thesis, TU Berlin 2007, chapter 9 (diving).
"""

from __future__ import annotations

import math

import numpy as np

from siting.engine.frame import Frame
from siting.engine.pricing import Priced, Pricing
from siting.program.instance import Flags, Floats, Ints

# Share of the gap that the price on cost may use of the aim.
GATHER = 0.5
# Values from which a group is opened, and up to which it is closed; share of the others fixed in a
# round, and most rounds.
FOR, AGAINST, AT_LEAST, ROUNDS = 0.9, 0.02, 0.12, 25
# Share of the relaxation's output that is enough for an offer.
ENOUGH = 0.999


def gathered(pricing: Pricing, priced: Priced, gap: float, *, paid: bool = True) -> Ints | None:
    """Return the choice that a dive from the relaxation reaches; None if none in time.

    `paid`: whether public money may be paid; with little of it, a plan of viable stations alone is
    better.

    It may be infeasible: shortfalls of stations and floors are not checked. Programs over years
    have no such plan.
    """
    frame = pricing.frame
    if frame.options.offer.shape[1] > 1 or not len(priced.taken):
        return None
    price = _price(frame, priced, gap)
    dive = _Dive(pricing, price, paid=paid)
    taken = dive.run()
    return None if taken is None else _rounded(frame, taken)


def _price(frame: Frame, priced: Priced, gap: float) -> Floats:
    """Return the price on each option's cost in the scaled objective."""
    cost = frame.program.instance.offer_cost[frame.options.last]
    spent = float(cost @ priced.taken)
    worth = abs(priced.bound / frame.matrix.size) if math.isfinite(priced.bound) else 0.0
    out: Floats = cost * (GATHER * gap * worth / spent if spent > 0 else 0.0)
    return out


class _Dive:
    """A dive over the charger groups of each site."""

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
        """Return the value of each site (row) over options with each group (column)."""
        out = np.zeros(self.shape)
        for g in range(self.shape[1]):
            out[:, g] = np.bincount(
                self.frame.site, taken * self.has[:, g], minlength=self.frame.sites
            )
        return out

    def run(self) -> Floats | None:
        """Return the value of each option once groups are fixed; None if infeasible."""
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
        """Fix only the better half of a step; close a single option that fails alone."""
        self.open &= ~step
        count = int(step.sum())
        if count == 1:
            self.shut |= step
            return step
        half = np.partition(self.share[step], count // 2)[count // 2]
        kept: Flags = step & (self.share >= half)
        if kept.sum() == count:  # all equal
            at = np.flatnonzero(kept.ravel())[: count // 2]
            kept = np.zeros(kept.size, dtype=bool)
            kept[at] = True
            kept = kept.reshape(self.shape)
        self.open |= kept
        return kept


def _rounded(frame: Frame, taken: Floats) -> Ints:
    """Return the least expensive sufficient offer of its groups for each open site."""
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
