"""Service: merged demand rows, paired with the sites that can serve them.

Demand rows are merged if they use the same charger groups, reach the same sites, have the same
worth per kWh at each site in every slice, count towards the same floors and earn the same margin.
If an aim depends on drive times, merged rows must also have the same drive times and the same cost
per minute. Merging is exact, because the energy of a merged row can be split among its demand rows
in proportion to demand.

A *pair* joins a merged row to a site whose chargers the row could use. Pairs are the same in every
slice; only the demand differs.

A *kind of demand* is all demand that can use the same charger groups. For example, cars may use AC
and DC chargers, but buses only DC. At a site, kind ``k`` uses the charger groups ``U_k`` and takes
the energy ``X_k``. This energy can be split over the groups within their capacities if and only if,
for every set ``S`` of kinds, ``sum of X_k over S`` is at most the capacity of the union of their
``U_k`` (Hall's condition). One capacity row for each set of kinds is therefore exact. Two sorts of
sets need no row: a set that is part of a larger set with the same union, and a set that splits into
smaller sets with no group in common. The rows of the smaller sets imply the row of the whole set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pandas as pd

from siting.program.floors import Floor
from siting.program.instance import Flags, Floats, Instance, Ints
from siting.program.objective import Decay, NearerFirst

Groups = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Service:
    """The merged demand rows and their pairs."""

    kwh: Floats  # demand of each row in each slice (kWh/day)
    kind: Ints  # kind of demand of each row, as a position in `kinds`
    kinds: tuple[Groups, ...]  # positions of the charger groups that each kind of demand can use
    worth: Floats  # worth of a kWh/day of a row in each slice, before decay
    # Present value of the margin on a kWh/day sold to a row, times the hurdle (PKR); 0 if subsidies
    # are fixed.
    margin: Floats
    vehicle_class: Ints  # position of the vehicle class of each row's first demand row
    floor: Flags  # a mask, floors by merged rows: whether the row counts towards the floor
    # start, site: row ``i`` can be served at the sites ``site[start[i]:start[i + 1]]`` (not empty).
    start: Ints
    site: Ints
    factor: Floats  # weight (0 to 1) of a kWh at each pair's drive time
    minutes: Floats  # drive time of each pair (min), from the cell of the row's first demand row
    row_of_demand: Ints  # merged row of each demand row; -1 without demand or a site in reach

    @cached_property
    def row(self) -> Ints:
        """The merged row of each pair, in the order of `site`."""
        return np.repeat(np.arange(len(self.kwh)), np.diff(self.start))

    @cached_property
    def near(self) -> bool:
        """Whether worth falls with drive time."""
        return bool((self.factor != 1.0).any())

    def of_each(self, values: Floats, *, missing: float) -> Floats:
        """Return, for each demand row, the value of its merged row, or `missing` if it has none."""
        out = np.full((len(self.row_of_demand), values.shape[1]), missing)
        reached = self.row_of_demand >= 0
        out[reached] = values[self.row_of_demand[reached]]
        return out


@dataclass(frozen=True, eq=False)
class Merging:
    """The rules for merging demand rows that can be served in the same way."""

    instance: Instance
    floors: tuple[Floor, ...]  # only rows that count towards the same floors are merged
    # Figures by vehicle class; the first is the `margin` of `Service` (PKR). Only rows with equal
    # figures are merged.
    by_class: tuple[Floats, ...]
    decay: Decay | NearerFirst | None = None
    by_cell: bool = False  # whether to merge only rows with equal drive times

    def service(self, demand_kwh: Floats, worth: Floats, offers: Ints) -> Service:
        """Return the merged rows and their pairs with the sites of offers at positions `offers`.

        `demand_kwh` is the demand of each row in each slice (kWh/day), and `worth` is the worth of
        a kWh of that demand.
        """
        kind, kinds, reach, parts = self._in_reach(demand_kwh, offers)
        rows = np.flatnonzero(reach >= 0)
        member = np.array([floor.member[rows] for floor in self.floors], dtype=bool)
        member = member.reshape(len(self.floors), len(rows))
        vehicle_class = self.instance.demand_class[rows]
        told = [reach[rows], kind[rows], *(figure[vehicle_class] for figure in self.by_class)]
        # Merged rows are numbered in the order of their first demand rows.
        table = pd.DataFrame(dict(enumerate([*told, *worth[rows].T, *member])))
        merged = table.groupby(list(table.columns), sort=False).ngroup().to_numpy()
        first = np.flatnonzero(~pd.Series(merged).duplicated().to_numpy())
        kwh = np.zeros((len(first), demand_kwh.shape[1]))
        np.add.at(kwh, merged, demand_kwh[rows])
        row_of_demand = np.full(len(reach), -1, dtype=np.int64)
        row_of_demand[rows] = merged
        chosen = [parts[n] for n in reach[rows[first]].tolist()]
        none = (np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))
        site, factor, minutes = (np.concatenate(p) for p in zip(none, *chosen, strict=True))
        return Service(
            kwh=kwh,
            kind=kind[rows[first]],
            kinds=kinds,
            worth=worth[rows[first]],
            margin=self.by_class[0][vehicle_class[first]],
            vehicle_class=vehicle_class[first],
            floor=member[:, first],
            start=np.cumsum([0, *(len(part[0]) for part in chosen)]),
            site=site,
            factor=factor,
            minutes=minutes,
            row_of_demand=row_of_demand,
        )

    def _in_reach(
        self, demand_kwh: Floats, offers: Ints
    ) -> tuple[Ints, tuple[Groups, ...], Ints, list[tuple[Ints, Floats, Floats]]]:
        """Return each row's kind, all kinds, the index of each row's list of sites, and all lists.

        Each list has the sites, factors and drive times of a row's pairs.
        """
        instance, decay, by_cell = self.instance, self.decay, self.by_cell
        sets = [tuple(np.flatnonzero(uses).tolist()) for uses in instance.uses]
        alive = demand_kwh.max(axis=1, initial=0.0) > 0
        kinds = tuple(sorted({sets[k] for k in np.unique(instance.demand_class[alive]) if sets[k]}))
        number = {groups: n for n, groups in enumerate(kinds)}
        kind_of_class = np.array([number.get(groups, -1) for groups in sets], dtype=np.int64)
        there = instance.with_offers(offers).site_groups
        kind = kind_of_class[instance.demand_class]
        reach = np.full(len(instance.demand_ids), -1, dtype=np.int64)
        parts: list[tuple[Ints, Floats, Floats]] = []
        known: dict[tuple[int, bytes, bytes], int] = {}
        for k, groups in enumerate(kinds):
            rows = np.flatnonzero(alive & (kind == k))
            keep = there[:, list(groups)].any(axis=1)[instance.reach_site]
            edge = np.concatenate([[0], np.cumsum(keep)])[instance.reach_start]
            site, minutes = instance.reach_site[keep], instance.reach_min[keep]
            factor = np.ones(len(site)) if decay is None else decay.factor(minutes)
            told_by = minutes if by_cell else factor
            cells, cell = np.unique(instance.demand_cell[rows], return_inverse=True)
            part = np.full(len(cells), -1, dtype=np.int64)
            first, last = edge[cells].tolist(), edge[cells + 1].tolist()
            for n, (a, b) in enumerate(zip(first, last, strict=True)):
                if a == b:
                    continue
                told = told_by[a:b].tobytes() if by_cell or decay is not None else b""
                part[n] = at = known.setdefault((k, site[a:b].tobytes(), told), len(known))
                if at == len(parts):
                    parts.append((site[a:b], factor[a:b], minutes[a:b]))
            reach[rows] = part[cell]
        return kind, kinds, reach, parts


@cache
def capacity_sets(kinds: tuple[Groups, ...]) -> tuple[tuple[tuple[int, ...], Groups], ...]:
    """Return the sets of kinds of demand that need a capacity row, each with its charger groups.

    `kinds` are the charger groups of each kind; a kind without demand must be an empty tuple. Here
    cars use groups 0 and 1, buses group 1 and two-wheelers group 2:

    >>> capacity_sets(((0, 1), (1,), (2,)))
    (((1,), (1,)), ((2,), (2,)), ((0, 1), (0, 1)))
    """
    unions: set[frozenset[int]] = set()
    for groups in kinds:
        if groups:
            unions |= {u | set(groups) for u in unions} | {frozenset(groups)}
    rows = []
    for union in sorted(unions, key=lambda u: (len(u), sorted(u))):
        inside = tuple(k for k, groups in enumerate(kinds) if groups and union.issuperset(groups))
        if len(linked_parts(tuple(kinds[k] for k in inside))) == 1:
            rows.append((inside, tuple(sorted(union))))
    return tuple(rows)


def linked_parts(kinds: tuple[Groups, ...]) -> list[tuple[list[int], set[int]]]:
    """Return the sets of kinds that share charger groups, even indirectly, and each set's groups.

    >>> linked_parts(((0, 1), (1,), (2,)))
    [([0, 1], {0, 1}), ([2], {2})]
    """
    parts: list[tuple[list[int], set[int]]] = []
    for k, groups in enumerate(kinds):
        touched = [part for part in parts if part[1] & set(groups)]
        parts = [part for part in parts if not part[1] & set(groups)]
        members = sorted([k, *(m for part in touched for m in part[0])])
        parts.append((members, set(groups).union(*(part[1] for part in touched))))
    return sorted(parts, key=lambda part: part[0])
