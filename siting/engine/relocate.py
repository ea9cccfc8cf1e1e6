"""Relocation of stations to free sites nearer to their own customers.

A station that moves keeps its customers; the gain is the total drive time that customers save. The
option at the free site must be no more expensive and no smaller than the old option, and all
customers must be able to reach the free site. Then all limits remain satisfied, and no program has
to be solved. The other steps of a solve may never try this free site.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.clock import Clock
from siting.engine.frame import Frame
from siting.program.instance import Floats, Ints
from siting.program.money import caps_of, cases_of


def relocated(frame: Frame, choice: Ints, point: Floats) -> Ints:
    """Return a choice with stations moved to shorten drive times; unchanged if no move helps.

    `point`: values at the choice of the columns of `frame`, the program for the shortest times.
    """
    alike = _Alike(frame)
    gain = _gains(frame, choice, point)
    taken = np.bincount(frame.site[choice], minlength=frame.sites) > 0
    out = choice.copy()
    moved = np.zeros(len(choice), dtype=bool)
    order = np.argsort(-gain.data, kind="stable")
    for n in order[gain.data[order] > 0].tolist():
        station, site = int(gain.row[n]), int(gain.col[n])
        if moved[station] or taken[site] or alike.stays[choice[station]]:
            continue
        other = alike.at(site, choice[station])
        if other is None:
            continue
        before, out[station] = out[station], other
        if frame.fits(np.sort(out)):
            moved[station] = taken[site] = True
        else:
            out[station] = before
    return np.sort(out)


def relocated_often(
    frame: Frame, choice: Ints, clock: Clock, serving: Clock | None = None
) -> tuple[Ints, float]:
    """Move stations while moves shorten drive times; return the choice and its value.

    The value is negated if less is better; it is -inf if the choice violates a requirement.
    `serving`: clock for assigning demand to stations, by default `clock`.
    """
    best, value = choice, -np.inf
    while True:
        served = frame.serve(np.sort(choice), serving or clock)
        if not served.found or frame.signed(served.objective) <= value:
            break
        best, value = choice, frame.signed(served.objective)
        if clock.over:
            break
        choice = relocated(frame, choice, served.point)
        if np.array_equal(choice, np.sort(best)):
            break
    return np.sort(best), value


def moved(frame: Frame, choice: Ints, clock: Clock) -> Ints:
    """Return a choice improved by moving stations one by one, while time allows.

    Unlike in `relocated`, a station may leave customers to other stations, so each move is judged
    by the value of the whole plan. The order of stations is by mean drive time, longest first. Each
    station tries the free sites that could serve most of its energy.
    """
    best = frame.serve(choice, clock)
    if not best.found:
        return choice
    alike, out, now = _Alike(frame), choice.copy(), _Sales(frame, choice, best.point)
    # The energy that each station could serve from each site, and its mean drive time.
    reached = (now.by_customer(now.kwh) @ now.within(np.ones(len(now.site)))).toarray()
    drives = np.bincount(now.station, -now.kwh * now.worth[now.used], len(choice))
    far = drives / np.maximum(np.bincount(now.station, now.kwh, len(choice)), 1e-12)
    for station in np.argsort(-far, kind="stable").tolist():
        option = out[station]
        if alike.stays[option]:
            continue
        sites = np.argsort(-reached[station], kind="stable")
        free = sites[~np.isin(sites, frame.site[out]) & (reached[station][sites] > 0)]
        for site in free[: settings.CANDIDATES].tolist():
            other = alike.at(site, option)
            if other is None:
                continue
            tried = out.copy()
            tried[station] = other
            if not frame.fits(np.sort(tried)):
                continue
            served = frame.serve(np.sort(tried), clock)
            if clock.over:
                return np.sort(out)
            if served.found and served.objective > best.objective:
                best, out = served, tried
    return np.sort(out)


class _Sales:
    """The energy that the stations of a choice sell, and the customers in reach of each site.

    A customer is a merged demand row in a slice (a year and scenario).
    """

    def __init__(self, frame: Frame, choice: Ints, point: Floats) -> None:
        self.worth = frame.matrix.cost[frame.energies]  # objective coefficients
        self.site, self.customer = frame.energy_site, frame.energy_group
        station = np.full(frame.sites, -1, dtype=np.int64)
        station[frame.site[choice]] = np.arange(len(choice))
        self.used = np.flatnonzero((point[frame.energies] > 0) & (station[self.site] >= 0))
        self.station, self.kwh = station[self.site[self.used]], point[frame.energies][self.used]
        self._shape = len(choice), int(self.customer.max(initial=-1)) + 1, frame.sites

    def within(self, value: Floats) -> sparse.csr_array:
        """Return values of all energy columns as a table of customers (rows) by sites."""
        return sparse.csr_array((value, (self.customer, self.site)), shape=self._shape[1:])

    def by_customer(self, value: Floats) -> sparse.csr_array:
        """Return values of the energy columns in use as a table of stations (rows) by customers."""
        place = self.station, self.customer[self.used]
        return sparse.csr_array((value, place), shape=self._shape[:2])


class _Alike:
    """Options that can replace a given option: no more expensive, no smaller, in the same years."""

    def __init__(self, frame: Frame) -> None:
        instance = frame.program.instance
        self.worth = frame.matrix.cost
        # Amounts of each option that a replacement must not raise, must not lower, or must match.
        more = [instance.offer_cost, instance.offer_subsidy]
        less = [*instance.offer_capacity.T]
        same = [np.ones(len(instance.offer_cost))]
        if frame.program.gap is not None:
            less.append(caps_of(instance, frame.program.gap))
            case = np.where(frame.pooled, cases_of(instance, frame.program.gap), -1)
            same.append(case[instance.offer_site])
        self.more, self.less, self.same = (
            np.concatenate([frame.options.of_offers(amount) for amount in amounts], axis=1)
            for amounts in (more, less, same)
        )
        self.order = np.argsort(frame.site, kind="stable")
        self.edge = np.searchsorted(frame.site[self.order], np.arange(frame.sites + 1))
        # Whether each option must stay at its site.
        self.stays = frame.must[frame.site] | instance.offer_existing[frame.options.last]

    def at(self, site: int, option: int) -> int | None:
        """Return the best option at a site that can replace the given option, or None."""
        own = self.order[self.edge[site] : self.edge[site + 1]]
        fits = (self.more[own] <= self.more[option]).all(axis=1)
        fits &= (self.less[own] >= self.less[option]).all(axis=1)
        fits &= (self.same[own] == self.same[option]).all(axis=1)
        own = own[fits]
        return int(own[np.argmax(self.worth[own])]) if len(own) else None


def _gains(frame: Frame, choice: Ints, point: Floats) -> sparse.coo_array:
    """Return the saving by station (row) and new site (column) that all its customers reach."""
    now = _Sales(frame, choice, point)
    count, there = now.by_customer(np.ones(len(now.used))), now.within(np.ones(len(now.site)))
    reach = sparse.coo_array(count @ there)
    after = sparse.csr_array(now.by_customer(now.kwh) @ now.within(now.worth))
    before = np.bincount(now.station, now.kwh * now.worth[now.used], len(choice))
    customers = np.bincount(now.station, minlength=len(choice))
    all_there = reach.data == customers[reach.row]
    row, column = reach.row[all_there], reach.col[all_there]
    there_costs = after[row, column] if len(row) else np.zeros(0)  # scipy rejects an empty index
    saves = np.asarray(there_costs).ravel() - before[row]
    return sparse.coo_array((saves, (row, column)), shape=(len(choice), frame.sites))
