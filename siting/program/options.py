"""Options at a site: an offer, or a sequence of offers over the years (a course).

Stations never close. An existing station may be extended in any year. With `upgrades`, a new
station can change to a larger offer at its site, for the difference in cost. A larger offer has at
least as much capacity in every charger group, and at least as much subsidy. An offer with more
capacity but less subsidy is not an upgrade, because building it from the start is better.

If upgrades allow very many courses, only the courses of single offers and some courses with
upgrades are options. Bounds still hold for all courses (`siting.engine.courses`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from siting import settings
from siting.errors import InputError
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.texts import counted


@dataclass(frozen=True, eq=False)
class Options:
    """The options, ordered by site, offer and opening year."""

    site: Ints  # position of each option's site
    offer: Ints  # position of each option's open offer in each year; -1 before the station opens

    def __len__(self) -> int:
        """Return the number of options."""
        return len(self.site)

    @property
    def last(self) -> Ints:
        """Position of the offer that each option has open in the last year."""
        return self.offer[:, -1]

    def find(self, offer: Ints) -> Ints:
        """Return, for each row of `offer`, the position of the same option; -1 if it is missing."""
        out: Ints = self._index.get_indexer(_index_of(offer))
        return out

    @cached_property
    def _index(self) -> pd.MultiIndex:
        return _index_of(self.offer)

    def of_offers(self, amount: Floats) -> Floats:
        """Return an array (options by years): the open offer's amount; 0 if none is open yet."""
        return np.where(self.offer >= 0, amount[self.offer], 0.0)


def _index_of(offer: Ints) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays(list(offer.T))


def options_of(instance: Instance, offers: Ints, years: int, upgraded: Flags) -> Options:
    """Return every option that the given offers allow in a plan of `years` years.

    `upgraded`: whether each offer takes part in upgrades.
    """
    offers = offers[np.argsort(instance.offer_site[offers], kind="stable")]
    start, successor = successors(instance, offers, upgraded & (years > 1))
    # The courses of an existing station include its extensions.
    stands = np.isin(instance.offer_site[offers], instance.offer_site[instance.offer_existing])
    openings = np.where(stands, 1, years)
    _refuse_many(int(openings.sum()), years)
    opens = _counted(openings)
    rows = np.full((len(opens), years), -1, dtype=np.int64)
    rows[np.arange(len(opens)), opens] = np.repeat(offers, openings)
    for t in range(1, years):
        before = rows[:, t - 1]
        count = np.where(before >= 0, np.diff(start)[before], 1)
        _refuse_many(int(count.sum()), years)
        rows = np.repeat(rows, count, axis=0)
        begun = np.flatnonzero(rows[:, t - 1] >= 0)
        rows[begun, t] = successor[start[rows[begun, t - 1]] + _counted(count)[begun]]
    return Options(instance.offer_site[rows[:, -1]], rows)


def course_count(instance: Instance, offers: Ints, years: int) -> float:
    """Return the number of courses over `years` years if every offer takes part in upgrades."""
    start, successor = successors(instance, offers, np.ones(len(instance.offer_ids), dtype=bool))
    each, total = np.ones(len(start) - 1), 0.0
    for _ in range(years):
        total += float(each[offers].sum())
        sums = np.append(0.0, np.cumsum(each[successor]))
        each = np.diff(sums[start])
    return total


def _counted(counts: Ints) -> Ints:
    """Return 0, 1, 2, ... up to each count, one after another.

    >>> _counted(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    out: Ints = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return out


def _refuse_many(count: int, years: int) -> None:
    if count > settings.MOST_OPTIONS:
        what = f"there are more than {settings.MOST_OPTIONS:,} combinations of opening year and "
        what += f"upgrades over {counted(years, 'year')}"
        raise InputError("program.years", what, "plan fewer years, or leave out upgrades")


def opening(options: Options, opens: Ints, years: Ints) -> Options:
    """Return the options whose last offer opens in the year set by `opens` (0: any year)."""
    begin = (options.offer == options.last[:, None]).argmax(axis=1)
    kept = (opens[options.last] == 0) | (opens[options.last] == years[begin])
    return Options(options.site[kept], options.offer[kept])


def becomes(instance: Instance, before: Ints, after: Ints) -> Flags:
    """Return whether offers of one site can be upgraded to others, pair by pair.

    An existing station can always be extended; no offer becomes an existing station.
    """
    capacity, subsidy = instance.offer_capacity, instance.offer_subsidy
    out: Flags = (capacity[before] <= capacity[after]).all(axis=-1)
    out &= subsidy[before] <= subsidy[after]
    out |= instance.offer_existing[before]
    out &= ~instance.offer_existing[after]
    out |= before == after
    return out


def successors(instance: Instance, offers: Ints, upgraded: Flags) -> tuple[Ints, Ints]:
    """Return, for each offer, the offers that can be in place a year later, including itself.

    The successors of offer ``o`` are ``successor[start[o]:start[o + 1]]``; the result is ``start``
    and ``successor``. `upgraded`: whether each offer of the instance takes part in upgrades.
    """
    offers = offers[np.argsort(instance.offer_site[offers], kind="stable")]
    site, stands = instance.offer_site[offers], instance.offer_existing
    grows = np.isin(site, instance.offer_site[stands]) | upgraded[offers]
    pairs = [(offers[~grows], offers[~grows])]
    cuts = np.flatnonzero(np.diff(site[grows])) + 1
    for here in np.split(offers[grows], cuts) if grows.any() else ():
        one, other = here[:, None], here[None, :]
        both = upgraded[one] & upgraded[other]
        before, after = np.nonzero(
            becomes(instance, one, other) & (both | stands[one] | (one == other))
        )
        pairs.append((here[before], here[after]))
    before, after = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    count = np.bincount(before, minlength=len(instance.offer_ids))
    order = np.argsort(before, kind="stable")
    return np.concatenate([[0], np.cumsum(count)]), after[order]
