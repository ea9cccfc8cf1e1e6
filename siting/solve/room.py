"""What is left of the budget and of every limit under a choice of offers, and what still fits."""

from __future__ import annotations

import numpy as np

from siting.models.program import (
    BUDGET_TOLERANCE_PKR,
    limits_with_tolerance,
    within_budget,
    within_limits,
)
from siting.program.instance import Flags, Floats, Instance, Ints


class Room:
    """The budget and the limits of one instance, by site and option.

    Limits are kept as lists of what is used, never as a matrix of limits, sites and options.

    Parameters
    ----------
    instance
        The data of the program.
    option_offer
        The offer of each site (row) and option (column); -1 for none.

    Attributes
    ----------
    budget_pkr
        The budget (PKR); a search for less money may lower it on its way.
    """

    def __init__(self, instance: Instance, option_offer: Ints) -> None:
        self.instance = instance
        self.budget_pkr = instance.budget_pkr
        self.sites = np.arange(len(option_offer))
        taken = option_offer >= 0
        self.subsidy = np.where(taken, instance.offer_subsidy[option_offer], 0.0)
        self._option_offer = option_offer
        self._most = limits_with_tolerance(instance)
        option = np.full(len(instance.offer_ids), -1, dtype=np.int64)
        at = np.nonzero(taken)
        option[option_offer[at]] = at[1]
        limit = np.repeat(np.arange(len(self._most)), np.diff(instance.limit_start))
        known = option[instance.limit_offer] >= 0
        self._limit, offer = limit[known], instance.limit_offer[known]
        self._amount = instance.limit_amount[known]
        self._site, self._option = instance.offer_site[offer], option[offer]
        pair = self._limit * max(len(self.sites), 1) + self._site
        self._pair = np.unique(pair, return_inverse=True)[1]
        self.price = self._price()

    @property
    def limited(self) -> bool:
        """Whether there is any limit beside the budget."""
        return len(self._most) > 0

    def spent(self, choice: Ints) -> float:
        """Return the subsidy a choice draws (PKR)."""
        return float(self.subsidy[self.sites, choice].sum())

    def within(self, choice: Ints) -> bool:
        """Return whether a choice is within the budget and every limit."""
        taken = self._option_offer[self.sites, choice]
        offers = np.sort(taken[taken >= 0])
        if self.spent(choice) > self.budget_pkr + BUDGET_TOLERANCE_PKR:
            return False
        return within_budget(self.instance, offers) and within_limits(self.instance, offers)

    def fits(self, choice: Ints) -> Flags:
        """Return which changes of one site of a choice that is within the limits stay within.

        Returns
        -------
        array
            For each site and option, whether the choice with that option there is within.
        """
        more_pkr = self.subsidy - self.subsidy[self.sites, choice][:, None]
        left = self.budget_pkr - self.spent(choice) + BUDGET_TOLERANCE_PKR
        fits: Flags = more_pkr <= left
        if len(self._amount):
            now = np.where(self._option == choice[self._site], self._amount, 0.0)
            used = np.bincount(self._limit, now, minlength=len(self._most))
            here = np.bincount(self._pair, now)[self._pair]
            over = self._amount - here > (self._most - used)[self._limit]
            fits[self._site[over], self._option[over]] = False
        return fits

    def _price(self) -> Floats:
        """Return what each option takes of what is scarce; the subsidy where only money is.

        With limits it is the sum of the shares of the budget and of each limit, each limit counted
        as far as all that is on offer would overrun it.
        """
        if not self.limited:
            return self.subsidy
        budget = self.instance.budget_pkr
        scarce = budget < self.subsidy.max(axis=1).sum()
        price = self.subsidy / budget if budget > 0 and scarce else np.zeros(self.subsidy.shape)
        largest = np.zeros(int(self._pair.max(initial=-1)) + 1)
        np.maximum.at(largest, self._pair, self._amount)
        limit_of_pair = np.zeros(len(largest), dtype=np.int64)
        limit_of_pair[self._pair] = self._limit
        wanted = np.bincount(limit_of_pair, largest, minlength=len(self._most))
        tight = (wanted > self._most) & (self.instance.limit_most > 0)
        share = np.where(tight, 1 / np.where(tight, self._most, 1.0), 0.0)
        np.add.at(price, (self._site, self._option), self._amount * share[self._limit])
        return price
