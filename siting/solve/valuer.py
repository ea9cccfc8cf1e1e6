"""What a choice of offers is worth, exactly and in a millisecond, and what no choice can beat.

A choice is an array with one entry a site: the number of the option taken there, 0 for none. For a
fixed choice the served energy is a maximum flow: demand rows -> sites -> charger groups, divisible,
within demand and capacity. Its minimum cut gives more than the value: it bounds the value of every
other choice. Let weights ``r_i`` in [0, 1] be given to the demand rows, then for every choice::

    served  <=  sum of (1 - r_i) d_i  +  sum over sites of  intake_r(option taken at the site)

where ``intake_r`` is the most weighted demand that the option could take from the rows within reach
if no other site were there. With ``r`` the rows on the unserved side of a minimum cut, the bound is
equal to the value at the choice itself; with ``r`` from the duals of the relaxed program, its
maximum over all choices is at least as tight as the relaxation (it is the Lagrangian bound of
relaxing the demand rows). These bounds steer the search (`siting.solve.search`) and make up the
projected program (`siting.solve.projection`).

Charger groups that no kind of demand links fall into parts that are worked out apart; a change at a
site leaves the parts it does not touch as they were. Coverage is the case of unlimited capacity.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from siting.models.capacitated import linked_parts
from siting.models.merge import MergedDemand
from siting.models.program import worthwhile_offers
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.solve.flow import FlowGraph
from siting.solve.room import Room

LEVELS = 64
KEPT_BYTES = 100e6
KEPT_CUTS = 48
LEAST_TAKEN = 1e-7


@dataclass(frozen=True, eq=False)
class Cut:
    """A bound on the energy one part serves: ``constant`` plus ``coefficient`` of each option."""

    part: int
    constant: float
    coefficient: Floats

    def at(self, choice: Ints) -> float:
        """Return the bound at a choice (kWh/day)."""
        return self.constant + float(self.coefficient[np.arange(len(choice)), choice].sum())


@dataclass(frozen=True, eq=False)
class State:
    """A choice and its value.

    Parameters
    ----------
    choice
        The option taken at each site.
    value
        Energy served (kWh/day).
    upper
        For each site and option, a bound on the value if that site alone were changed to it.
    parts
        Value of each part (kWh/day).
    """

    choice: Ints
    value: float
    upper: Floats
    parts: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Part:
    """Rows and charger groups that are linked, with what is needed to value and bound them."""

    rows: Ints
    kwh: Floats
    near: list[sparse.csr_array]
    able: list[Flags]
    sets: list[tuple[Floats, list[int]]]
    capacity: Floats
    capacity_id: Ints
    graph: FlowGraph


class Valuer:
    """Values and bounds for the choices of one instance and model.

    Parameters
    ----------
    instance, demand
        The data of the program.
    capacitated
        Whether capacities count.

    Attributes
    ----------
    base
        The choice that any other is made from: what stands, and, once `siting.solve.repair` has
        found it, what is required.
    valid
        Whether each option (column) of a site (row) may be taken; option 0 is none.
    subsidy, cost, price
        Of each option: PKR, PKR, and what it takes of all that is scarce.
    """

    def __init__(self, instance: Instance, demand: MergedDemand, *, capacitated: bool) -> None:
        self.instance = instance
        self.demand = demand
        self.capacitated = capacitated
        self.offers = worthwhile_offers(instance, demand)
        self.option_offer = self._options()
        self.sites = np.arange(len(instance.site_ids))
        taken = self.option_offer >= 0
        self.valid = taken.copy()
        self.valid[:, 0] = ~instance.must_sites
        self.room = Room(instance, self.option_offer)
        self.subsidy, self.price = self.room.subsidy, self.room.price
        self.cost = np.where(taken, instance.offer_cost[self.option_offer], 0.0)
        standing, option = np.nonzero(taken & instance.offer_existing[self.option_offer])
        self.base = np.zeros(len(self.sites), dtype=np.int64)
        self.base[standing] = option
        self.parts = [
            self._part(kinds, groups)
            for kinds, groups in linked_parts(demand.kinds)
            if np.isin(demand.kind, kinds).any()
        ]
        self.cuts: list[list[Cut]] = [[] for _ in self.parts]
        self._kept_states = 20 + int(KEPT_BYTES / (2 * self.subsidy.nbytes))
        self._cache: dict[tuple[int, bytes], tuple[float, list[Cut]]] = {}
        self.noise = 1e-9 * max(1.0, demand.reachable_kwh_day)

    def offers_of(self, choice: Ints) -> Ints:
        """Return the positions of the offers of a choice, in order."""
        taken = self.option_offer[self.sites, choice]
        return np.sort(taken[taken >= 0])

    def choice_of(self, offers: Ints) -> Ints:
        """Return the choice that takes some offers (one a site), elsewhere what must be there."""
        choice = self.base.copy()
        wanted = np.isin(self.option_offer, offers) & (self.option_offer >= 0)
        site, option = np.nonzero(wanted)
        choice[site] = option
        return choice

    def spent(self, choice: Ints) -> float:
        """Return the subsidy a choice draws (PKR)."""
        return self.room.spent(choice)

    def affordable(self, choice: Ints) -> bool:
        """Return whether a choice is allowed: within the budget and limits, all that must be."""
        there = bool(self.valid[self.sites, choice].all())
        return there and self.room.within(choice)

    def at(self, choice: Ints) -> State:
        """Return the value of a choice and what single changes of it could be worth (kWh/day)."""
        values = []
        upper = np.zeros(self.option_offer.shape)
        for p in range(len(self.parts)):
            value, cuts = self._valued(p, choice)
            values.append(value)
            upper += self.change_bound(choice, cuts)
        return State(choice, float(sum(values)), upper, tuple(values))

    def change_bound(self, choice: Ints, cuts: list[Cut]) -> Floats:
        """Return what cuts of one part allow (kWh/day) if one site of a choice were changed."""
        best = np.full(self.option_offer.shape, np.inf)
        for cut in cuts:
            here = cut.coefficient[self.sites, choice]
            np.minimum(best, cut.constant + here.sum() - here[:, None] + cut.coefficient, out=best)
        return best

    def value(self, choice: Ints) -> float:
        """Return the energy a choice serves (kWh/day)."""
        return float(sum(self._valued(p, choice)[0] for p in range(len(self.parts))))

    def cuts_at(self, choice: Ints) -> list[Cut]:
        """Return bounds that are equal to the value at a choice, two a part."""
        return [cut for p in range(len(self.parts)) for cut in self._valued(p, choice)[1]]

    def cuts_between(self, taken: Floats) -> list[Cut]:
        """Return bounds that are low at options taken in part; for limited capacities only.

        Parameters
        ----------
        taken
            How much of each option is taken, 0 to 1.
        """
        return self.cuts_of(range(len(self.parts)), taken)

    def cuts_of(self, parts: Iterable[int], taken: Floats) -> list[Cut]:
        """Return those of `cuts_between` of some parts."""
        out = []
        for p in parts:
            part = self.parts[p]
            capacity = (part.capacity * taken[:, :, None]).sum(axis=1)
            out += [self.cut(p, side.astype(float)) for side in part.graph.cut_sides(capacity)]
        return out

    def linked_cuts(self, taken: Floats) -> list[Cut]:
        """Return bounds that are lowest at options taken in part, of those with weights 0 and 1.

        An option that is taken in part serves no more of a row than that part of it: the minimum
        cut under that rule is the bound that a plan relaxed so breaks most.

        Parameters
        ----------
        taken
            How much of each option is taken, 0 to 1.
        """
        site, option = np.nonzero((taken > LEAST_TAKEN) & (self.option_offer >= 0))
        share = taken[site, option]
        out = []
        for p, part in enumerate(self.parts):
            capacity = part.capacity[site, option] * share[:, None]
            out += [
                self.cut(p, side.astype(float))
                for side in part.graph.cut_sides_of(site, capacity, share)
            ]
        return out

    def cut(self, p: int, weights: Floats) -> Cut:
        """Return the bound that weights in [0, 1] on the rows of part `p` give."""
        part = self.parts[p]
        levels = np.unique(weights[weights > 0])
        if len(levels) > LEVELS:
            weights = np.round(weights * LEVELS) / LEVELS  # any weights give a valid bound
            levels = np.unique(weights[weights > 0])
        coefficient = np.zeros(self.option_offer.shape)
        below = 0.0
        for level in levels.tolist():
            coefficient += (level - below) * self._intake(part, weights >= level)
            below = level
        return Cut(p, float(((1.0 - weights) * part.kwh).sum()), coefficient)

    def plain_cuts(self) -> list[Cut]:
        """Return the bounds that need no search: all in reach is served, all capacity is used."""
        return [
            self.cut(p, np.full(len(part.rows), weight))
            for p, part in enumerate(self.parts)
            for weight in (0.0, 1.0)
        ]

    def _options(self) -> Ints:
        """Return the offer of each site and option; -1 for none, and where there are fewer."""
        site = self.instance.offer_site[self.offers]
        number = np.arange(len(site)) - np.searchsorted(np.sort(site), np.sort(site))
        order = np.argsort(site, kind="stable")
        width = 1 + int(np.bincount(site).max(initial=0))
        out = np.full((len(self.instance.site_ids), width), -1, dtype=np.int64)
        out[site[order], number + 1] = self.offers[order]
        return out

    def _part(self, kinds: list[int], groups: set[int], among: Flags | None = None) -> _Part:
        demand = self.demand
        rows = np.flatnonzero(np.isin(demand.kind, kinds) & (True if among is None else among))
        local = np.full(len(demand.kwh), -1, dtype=np.int64)
        local[rows] = np.arange(len(rows))
        inside = local[demand.row] >= 0
        row, site = local[demand.row[inside]], demand.site[inside]
        kind = demand.kind[rows]
        shape = (len(self.sites), len(rows))
        near = []
        for k in kinds:
            own = kind[row] == k
            ones = np.ones(int(own.sum()))
            near.append(sparse.csr_array((ones, (site[own], row[own])), shape=shape))
        capacity = np.where(
            (self.option_offer >= 0)[:, :, None], self.instance.offer_capacity[self.option_offer], 0
        )
        if not self.capacitated:
            capacity = np.where(capacity > 0, np.inf, 0.0)
        # Where nobody of the part is near, all options are the same to it.
        close = np.sum([np.diff(n.indptr) for n in near], axis=0) > 0
        own_capacity = np.where(close[:, None, None], capacity[:, :, sorted(groups)], 0.0)
        _, ids = np.unique(own_capacity.reshape(-1, len(groups)), axis=0, return_inverse=True)
        sets: list[tuple[Floats, list[int]]] = []
        seen = {frozenset[int]()}
        for k in kinds:
            seen |= {union | set(demand.kinds[k]) for union in seen}
        for union in sorted(seen, key=lambda u: (len(u), sorted(u))):
            outside = [n for n, k in enumerate(kinds) if not union.issuperset(demand.kinds[k])]
            sets.append((capacity[:, :, sorted(union)].sum(axis=2), outside))
        graph = FlowGraph(
            demand.kwh[rows],
            near,
            [[sorted(groups).index(g) for g in demand.kinds[k]] for k in kinds],
        )
        ids = ids.reshape(self.option_offer.shape).astype(np.int64)
        able = [(capacity[:, :, list(demand.kinds[k])] > 0).any(axis=2) for k in kinds]
        return _Part(rows, demand.kwh[rows], near, able, sets, own_capacity, ids, graph)

    def _intake(self, part: _Part, rows: Flags) -> Floats:
        """Return the most that each option could take from some rows, if it stood alone."""
        within = np.stack([near @ (part.kwh * rows) for near in part.near], axis=1)
        least: Floats | None = None
        for capacity, outside in part.sets:
            most = capacity + within[:, outside].sum(axis=1)[:, None]
            least = most if least is None else np.minimum(least, most)
        assert least is not None
        return np.where(self.option_offer >= 0, least, 0.0)

    def _valued(self, p: int, choice: Ints) -> tuple[float, list[Cut]]:
        part = self.parts[p]
        key = (p, part.capacity_id[self.sites, choice].astype(np.int32).tobytes())
        found = self._cache.pop(key, None)
        if found is None:
            if self.capacitated:
                sides = part.graph.cut_sides(part.capacity[self.sites, choice])
            else:
                sides = self._covered(part, choice)
            cuts = [self.cut(p, side.astype(float)) for side in sides]
            found = (min(cut.at(choice) for cut in cuts), cuts)
            self.cuts[p] = [*self.cuts[p], *cuts][-KEPT_CUTS:]
            if len(self._cache) >= self._kept_states:
                del self._cache[next(iter(self._cache))]
        self._cache[key] = found
        return found

    def _covered(self, part: _Part, choice: Ints) -> tuple[Flags, Flags]:
        """Return the rows that no station covers, and those that at most one covers."""
        times = np.zeros(len(part.rows))
        for near, able in zip(part.near, part.able, strict=True):
            times += near.T @ able[self.sites, choice].astype(float)
        return times == 0, times <= 1
