"""Options at a site: an offer, or a sequence of offers over the years (a course).

Stations never close. An existing station may be extended in any year. With `upgrades`, a new
station can change to a larger offer at its site, for the difference in cost. A larger offer has at
least as much capacity in every charger group, and at least as much subsidy. An offer with more
capacity but less subsidy is not an upgrade, because building it from the start is better.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from siting import settings
from siting.errors import InputError
from siting.program.instance import Flags, Floats, Instance, Ints


@dataclass(frozen=True, eq=False)
class Options:
    """The options, ordered by site, offer and opening year."""

    site: Ints  # position of each option's site
    # Position of each option's open offer in each year; -1 before the station opens.
    offer: Ints

    def __len__(self) -> int:
        """Return the number of options."""
        return len(self.site)

    @property
    def last(self) -> Ints:
        """The offer that is open in the last year."""
        return self.offer[:, -1]

    def find(self, offer: Ints) -> Ints:
        """Return, for each row of `offer`, the position of the same option; -1 if it is missing."""
        at = {row.tobytes(): n for n, row in enumerate(np.ascontiguousarray(self.offer))}
        rows = np.ascontiguousarray(offer, dtype=self.offer.dtype)
        return np.array([at.get(row.tobytes(), -1) for row in rows], dtype=np.int64)

    def of_offers(self, amount: Floats) -> Floats:
        """Return an array (options by years): the open offer's amount; 0 if none is open yet."""
        return np.where(self.offer >= 0, amount[self.offer], 0.0)


def options_of(instance: Instance, offers: Ints, years: int, *, upgrades: bool) -> Options:
    """Return every option that the given offers allow in a plan of `years` years."""
    becomes = _becomes(instance, offers, upgrades=upgrades)
    standing = set(instance.offer_site[instance.offer_existing].tolist())
    rows: list[tuple[int, ...]] = []
    for o in offers[np.argsort(instance.offer_site[offers], kind="stable")].tolist():
        extends = int(instance.offer_site[o]) in standing and not instance.offer_existing[o]
        for begin in range(1 if instance.offer_existing[o] else years):
            if begin and extends:
                continue  # the courses of the existing station include this course
            rows += [(-1,) * begin + rest for rest in _courses(o, years - begin, becomes)]
        if len(rows) > settings.MOST_OPTIONS:
            what = f"more than {settings.MOST_OPTIONS:,} courses over {years} years"
            raise InputError("program.years", what, "plan fewer years, or leave out upgrades")
    offer = np.array(rows, dtype=np.int64).reshape(-1, years)
    return Options(instance.offer_site[offer[:, -1]], offer)


def opening(options: Options, opens: Ints, years: Ints) -> Options:
    """Return the options whose last offer opens in the year set by `opens` (0: any year)."""
    begin = (options.offer == options.last[:, None]).argmax(axis=1)
    kept = (opens[options.last] == 0) | (opens[options.last] == years[begin])
    return Options(options.site[kept], options.offer[kept])


def _becomes(instance: Instance, offers: Ints, *, upgrades: bool) -> dict[int, list[int]]:
    """For each offer, return the offers that it can become a year later, including itself."""
    out: dict[int, list[int]] = {}
    site = instance.offer_site[offers]
    order = np.argsort(site, kind="stable")
    for here in np.split(offers[order], np.flatnonzero(np.diff(site[order])) + 1):
        stands = instance.offer_existing[here]
        capacity, subsidy = instance.offer_capacity[here], instance.offer_subsidy[here]
        bigger: Flags = (capacity[:, None, :] <= capacity[None, :, :]).all(axis=2)
        bigger &= subsidy[:, None] <= subsidy[None, :]
        bigger &= upgrades
        # An existing station can always be extended; no offer becomes an existing station.
        bigger[stands] = True
        bigger[:, stands] = False
        np.fill_diagonal(bigger, val=True)
        for n, o in enumerate(here.tolist()):
            out[o] = here[bigger[n]].tolist()
    return out


def _courses(o: int, years: int, becomes: dict[int, list[int]]) -> Iterator[tuple[int, ...]]:
    """Yield every course of `years` years that starts with the offer `o`."""
    if years == 1:
        yield (o,)
        return
    for after in becomes[o]:
        for rest in _courses(after, years - 1, becomes):
            yield (o, *rest)
