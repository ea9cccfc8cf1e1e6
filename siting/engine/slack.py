"""The resources that a choice leaves unused, and the changes that still fit within them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.frame import Frame
from siting.program.instance import Flags, Floats, Ints


class Room:
    """The resources of one program, arranged so that changes can be tested quickly.

    A *change* builds an option at its site, in place of any other option there, or empties a site.
    The first changes build each option, in order; the remaining changes empty each site.
    """

    def __init__(self, frame: Frame) -> None:
        resources = frame.resources
        self.site, self.sites, self.count = frame.site, frame.sites, frame.count
        slack = resources.slack
        self.most, self.least = resources.at_most + slack, resources.at_least - slack
        use = resources.use
        wide = np.diff(use.indptr) > settings.DENSE * max(self.count, 1)
        wide |= np.isfinite(self.least)
        self._wide, self._narrow = np.flatnonzero(wide), np.flatnonzero(~wide)
        self._dense = use[self._wide].toarray()
        self._sparse = sparse.csr_array(use[self._narrow])
        self._entry = self._sparse.tocoo()
        self.limited = len(resources) > 1 or bool(np.isfinite(self.least).any())
        self.price = self._price(frame)

    def _price(self, frame: Frame) -> Floats:
        """Return each option's subsidy (PKR) or, with other limits, the sum of its limit shares."""
        subsidy = frame.options.of_offers(frame.program.instance.offer_subsidy)[:, -1]
        if not self.limited:
            return subsidy
        resources = frame.resources
        upper = np.flatnonzero(np.isfinite(resources.at_most))
        most = np.maximum(resources.at_most[upper], 1e-12)
        scaled = sparse.diags_array(1.0 / most) @ resources.use[upper].maximum(0.0)
        return np.asarray(scaled.sum(axis=0)).ravel()

    def share(self, option: int) -> float:
        """Return the largest share that an option uses of any limit on many options."""
        wide = self._dense[:, option] / np.maximum(np.abs(self.most[self._wide]), 1e-12)
        finite = np.isfinite(self.most[self._wide])
        return float(wide[finite].max(initial=0.0))

    def fits(self, choice: Ints, *, begun: bool = False) -> Flags:
        """Return which changes to a choice (the option at each site, or -1) stay within all limits.

        `begun`: whether the choice is partial and need not meet lower limits yet.
        """
        taken = np.bincount(choice[choice >= 0], minlength=self.count).astype(float)
        wide, narrow = self._dense @ taken, self._sparse @ taken
        there = np.flatnonzero(choice >= 0)
        freed = np.zeros((len(self._wide), self.sites))
        freed[:, there] = self._dense[:, choice[there]]
        out = np.ones(self.count + self.sites, dtype=bool)
        if len(self._wide):
            empty = wide[:, None] - freed
            after = wide[:, None] - freed[:, self.site] + self._dense
            both = np.concatenate([after, empty], axis=1)
            most, least = self.most[self._wide][:, None], self.least[self._wide][:, None]
            least = np.minimum(least, wide[:, None]) if begun else least
            out = ((both <= most) & (both >= least)).all(axis=0)
        if len(self._narrow) and len(self._entry.data):
            row, option = self._entry.row, self._entry.col
            current = choice[self.site[option]]
            before = np.zeros(len(row))
            known = current >= 0
            if known.any():
                now = self._sparse[row[known], current[known]]
                before[known] = np.asarray(now, dtype=float).ravel()
            over = narrow[row] - before + self._entry.data > self.most[self._narrow][row]
            out[option[over]] = False
        return out

    def changed(self, choice: Ints, change: int) -> Ints:
        """Return a choice after a change."""
        out = choice.copy()
        if change < self.count:
            out[self.site[change]] = change
        else:
            out[change - self.count] = -1
        return out

    def taking(self, choice: Ints, order: Iterable[int]) -> Ints:
        """Return a choice after adding options in the given order, one per site, if they fit."""
        out, done = choice.copy(), np.zeros(self.sites, dtype=bool)
        fits = self.fits(out, begun=True)
        for option in order:
            j = self.site[option]
            if not done[j] and fits[option] and out[j] != option:
                out[j], done[j] = option, True
                fits = self.fits(out, begun=True)
        return out


class Purse:
    """A `Room` with a smaller budget; a choice must use less public money than `most` (PKR)."""

    def __init__(self, frame: Frame, room: Room) -> None:
        self.room, self.most, self.site = room, np.inf, frame.site
        self.money = frame.options.of_offers(frame.program.instance.offer_subsidy)[:, -1]
        self.price = self.money

    def spent(self, choice: Ints) -> float:
        """Return the public money that a choice uses (PKR)."""
        return float(self.money[choice[choice >= 0]].sum())

    def fits(self, choice: Ints, *, begun: bool = False) -> Flags:
        """Return which changes to a choice stay within all limits and the budget."""
        out = self.room.fits(choice, begun=begun)
        now = np.where(choice >= 0, self.money[choice], 0.0)
        after = self.spent(choice) - now[self.site] + self.money
        out[: len(after)] &= after < self.most * (1 - settings.EXACT)
        return out
