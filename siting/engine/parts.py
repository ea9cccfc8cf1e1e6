"""Parts of a program, and bounds on the value of the energy served in each, given demand prices.

A *part* is the demand in one slice (a year and scenario) that competes for the same charger groups,
directly or through other groups. Two parts have only options in common. Let ``v_ij`` be the worth
of a kilowatt-hour of demand row ``i`` served at site ``j``, and let ``p_i`` be the price of the row
(both at least 0). Then, for every choice of options::

    sum of v_ij x_ij  <=  sum of p_i d_i  +  sum over the stations in place of  intake(v - p)

The ``intake`` of a station is the most that it could earn if it were the only station. It earns
``v_ij - p_i`` per kilowatt-hour, and may serve the whole demand ``d_i`` of the rows in reach, up to
the capacities of its charger groups. If the prices are the duals of the linear program that assigns
demand to the stations of a choice, both sides are equal for that choice. All cuts of the engine
have this form (`siting.engine.cuts`).

The ``intake`` needs no linear program. The energy that a station can serve in a set of rows is the
rank function of a polymatroid, so a greedy algorithm is optimal. The ``intake`` is the integral
over ``t`` of the energy that the station can serve through the pairs worth more than ``t``.

Sources: J. Benders: Partitioning procedures for solving mixed-variables programming problems.
Numerische Mathematik 4 (1962), 238-252. J. Edmonds: Submodular functions, matroids, and certain
polyhedra. Combinatorial Structures and their Applications (1970), 69-87.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
from scipy import sparse

from siting import settings
from siting.engine.flow import FlowGraph
from siting.engine.frame import Frame
from siting.program.instance import Flags, Floats
from siting.program.service import linked_parts


class Part:
    """Demand in one slice that competes for the same charger groups, in the layout's unit."""

    def __init__(self, frame: Frame, s: int, kinds: list[int], groups: set[int]) -> None:
        service, instance = frame.service, frame.program.instance
        unit = frame.layout.energy_unit
        self.slice, self.kinds, self.groups = s, kinds, sorted(groups)
        self.capacitated = frame.layout.capacitated
        self.sites = frame.sites
        mine = np.isin(service.kind, kinds) & (service.kwh[:, s] > 0)
        local, self.rows = np.cumsum(mine) - 1, np.flatnonzero(mine)
        self.wanted = service.kwh[self.rows, s] / unit
        inside = np.flatnonzero(mine[service.row])
        # Sorting makes the pairs of one site adjacent.
        self.pairs = inside[np.argsort(service.site[inside], kind="stable")]
        self.row = local[service.row[self.pairs]]
        self.site = service.site[self.pairs]
        self.kind = np.searchsorted(kinds, service.kind[self.rows])
        self.worth = service.worth[service.row[self.pairs], s] * service.factor[self.pairs]
        self.edge = np.searchsorted(self.site, np.arange(self.sites + 1))
        # Capacity by offer and charger group: 0 if no demand is in reach, infinite for coverage.
        offers = frame.program.offers
        self.capacity = np.zeros((len(instance.offer_ids), len(self.groups)))
        self.capacity[offers] = instance.offer_capacity[np.ix_(offers, self.groups)] / unit
        self.capacity[self.edge[instance.offer_site] == self.edge[instance.offer_site + 1]] = 0.0
        if not self.capacitated:
            self.capacity = np.where(self.capacity > 0, np.inf, 0.0)
        self.offer_site = instance.offer_site
        offers = np.flatnonzero((self.capacity > 0).any(axis=1))
        # Offers at one site with equal capacities in this part have equal intakes.
        key = np.column_stack([self.offer_site[offers], self.capacity[offers]])
        _, first, alike = np.unique(key, axis=0, return_index=True, return_inverse=True)
        self.offers, self._distinct, self._alike = offers, offers[first], alike.ravel()
        # Charger groups that each kind of demand can use, numbered from 0.
        self.columns = [[self.groups.index(g) for g in service.kinds[k]] for k in kinds]
        self._sets = self._hall_sets()
        self.able = np.stack([(self.capacity[:, c] > 0).any(axis=1) for c in self.columns], axis=1)

    def _hall_sets(self) -> list[tuple[Floats, list[int]]]:
        """Return the sets of charger groups that may limit what a station serves.

        Each set is a union of the groups of some kinds of demand. It is returned with the capacity
        of each offer in these groups, and with the kinds of demand that can also use other groups.
        """
        unions = {frozenset[int]()}
        for groups in self.columns:
            unions |= {union | set(groups) for union in unions}
        out = []
        for union in sorted(unions, key=lambda u: (len(u), sorted(u))):
            beside = [n for n, groups in enumerate(self.columns) if not union.issuperset(groups)]
            out.append((self.capacity[:, sorted(union)].sum(axis=1), beside))
        return out

    @property
    def uniform(self) -> bool:
        """Whether a kWh is worth the same in all pairs."""
        first = self.worth[:1]
        return bool((np.abs(self.worth - first) <= settings.ROUNDING * np.abs(first)).all())

    @cached_property
    def graph(self) -> FlowGraph:
        """The network for the maximum flows of the part."""
        near, shape = [], (self.sites, len(self.rows))
        for k in range(len(self.kinds)):
            pairs = self.kind[self.row] == k
            ones = np.ones(int(pairs.sum()))
            near.append(sparse.csr_array((ones, (self.site[pairs], self.row[pairs])), shape=shape))
        return FlowGraph(self.wanted, near, self.columns)

    @property
    def most(self) -> float:
        """The value of the energy if each row is served in full through its best pair."""
        return float((self.highest(self.worth) * self.wanted).sum())

    def highest(self, value: Floats) -> Floats:
        """Return the highest of the values of each row's pairs (0 if all are below 0)."""
        out = np.zeros(len(self.rows))
        np.maximum.at(out, self.row, value)
        return out

    def intake(self, worth: Floats, wanted: Floats | None = None) -> Floats:
        """Return the most that each offer could earn as the only station, or 0 without demand.

        `worth`: worth of a kWh served through each pair, in the order of `pairs`; pairs worth 0 or
        less serve nothing; `wanted`: demand of each row, by default the demand of the part.
        """
        wanted = self.wanted if wanted is None else wanted
        out = np.zeros(len(self.capacity))
        positive = worth[worth > 0]
        if not len(positive):
            return out
        # The first pairs mostly have many different values; sorting all pairs would take longer.
        levels = np.unique(positive[: self.sites])
        if len(levels) <= 3:
            levels = np.unique(positive)
        if len(levels) > 3:
            out[self.offers] = self._integral(worth, wanted)[self._alike]
            return out
        for below, level in pairwise([0.0, *levels.tolist()]):
            out[self.offers] += (level - below) * self._rank(worth >= level, wanted)[self._alike]
        return out

    def _rank(self, counted: Flags, wanted: Floats) -> Floats:
        """Return the energy that each distinct offer could serve through the given pairs."""
        at = self.offer_site[self._distinct]
        within = np.zeros((self.sites, len(self.kinds)))
        row = self.row[counted]
        np.add.at(within, (self.site[counted], self.kind[row]), wanted[row])
        least = np.full(len(at), np.inf)
        for able, beside in self._sets:
            most = able[self._distinct] + within[at][:, beside].sum(axis=1)
            np.minimum(least, most, out=least)
        return least

    def _integral(self, worth: Floats, wanted: Floats) -> Floats:
        """Return the intake of each distinct offer, computed as an integral over the worth."""
        there = np.flatnonzero(worth > 0)
        step = float(worth[there].max()) / settings.LEVELS
        order = there[np.lexsort((-worth[there], self.site[there]))]
        value, site = worth[order], self.site[order]
        if len(order) > 200_000:
            value = np.ceil(value / step) * step
        # Pairs with the same site and value form one step.
        new = np.r_[True, (np.diff(site) != 0) | (np.diff(value) != 0)]
        group = np.cumsum(new) - 1
        first = np.flatnonzero(new)
        kwh = np.zeros((len(first), len(self.kinds)))
        row = self.row[order]
        np.add.at(kwh, (group, self.kind[row]), wanted[row])
        site, value = site[first], value[first]
        edge = np.searchsorted(site, np.arange(self.sites + 1))
        total = np.cumsum(kwh, axis=0)
        before = np.r_[np.zeros((1, kwh.shape[1])), total][edge[site]]
        within = total - before
        after = np.r_[value[1:], 0.0]
        after[np.r_[site[1:] != site[:-1], True]] = 0.0
        fall = value - after
        # Sites are processed one by one to save memory.
        at = self.offer_site[self._distinct]
        first = np.searchsorted(at, np.arange(self.sites + 1))
        sides = [
            (able[self._distinct], within[:, beside].sum(axis=1)) for able, beside in self._sets
        ]
        out = np.zeros(len(at))
        for j in np.flatnonzero((np.diff(first) > 0) & (np.diff(edge) > 0)).tolist():
            mine, steps = slice(first[j], first[j + 1]), slice(edge[j], edge[j + 1])
            least = np.full((first[j + 1] - first[j], edge[j + 1] - edge[j]), np.inf)
            for able, others in sides:
                np.minimum(least, able[mine, None] + others[None, steps], out=least)
            out[mine] = least @ fall[steps]
        return out


def parts_of(frame: Frame) -> list[Part]:
    """Return the parts of a program, slice by slice; parts without demand are left out."""
    out = []
    service = frame.service
    for s in range(len(frame.program.slices)):
        for kinds, groups in linked_parts(service.kinds):
            if (np.isin(service.kind, kinds) & (service.kwh[:, s] > 0)).any():
                out.append(Part(frame, s, kinds, groups))
    return out
