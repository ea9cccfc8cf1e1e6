"""Demand rows that no plan can tell apart, made one: an exact reduction.

Two demand rows can be served by the same plans to the same sum if their vehicle classes plug into
the same charger groups and their cells reach the same sites that have such chargers: any served
energy of their sum can be split between them again. Minutes do not matter here, because within the
cutoff every minute counts the same; who is served from where is settled afterwards, on the rows as
they were (`siting.solve.service`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from siting.program.instance import Floats, Instance, Ints


@dataclass(frozen=True, eq=False)
class MergedDemand:
    """The demand a program sees.

    Parameters
    ----------
    kwh
        Energy wanted by each merged row (kWh/day), all above 0.
    kind
        Position of the row's set of charger groups in `kinds`.
    kinds
        The sets of charger groups that the vehicle classes can use, as positions of groups.
    start, site
        Row ``i`` can be served by the sites ``site[start[i]:start[i + 1]]``, at least one.
    row_of_demand
        The merged row of each demand row; -1 where the demand is 0 or can reach nothing usable.
    """

    kwh: Floats
    kind: Ints
    kinds: tuple[tuple[int, ...], ...]
    start: Ints
    site: Ints
    row_of_demand: Ints

    @property
    def row(self) -> Ints:
        """The merged row of each pair, beside `site`."""
        return np.repeat(np.arange(len(self.kwh)), np.diff(self.start))

    @property
    def reachable_kwh_day(self) -> float:
        """Energy wanted by demand that can reach a station it could use (kWh/day)."""
        return float(self.kwh.sum())


def merge_equal_reach(instance: Instance) -> MergedDemand:
    """Return the demand with rows of equal chargers and equal sites made one (kWh/day).

    Rows without demand, and rows that can reach no site they could use, are left out; they still
    count in `Instance.demand_kwh_day`.

    Parameters
    ----------
    instance
        The data of the program.

    Returns
    -------
    MergedDemand
        Rows in the order of the first demand row of each.
    """
    sets = [tuple(np.flatnonzero(uses).tolist()) for uses in instance.uses]
    wanted = np.unique(instance.demand_class[instance.demand_kwh > 0])
    kinds = tuple(sorted({sets[k] for k in wanted if sets[k]}))
    kind_of_class = np.array([kinds.index(s) if s in kinds else -1 for s in sets], dtype=np.int64)
    sites_of = [_usable_reach(instance, groups) for groups in kinds]

    rows: dict[tuple[int, bytes], int] = {}
    parts: list[Ints] = []
    row_kind: list[int] = []
    row_of_demand = np.full(len(instance.demand_ids), -1, dtype=np.int64)
    for i in np.flatnonzero(instance.demand_kwh > 0):
        kind = int(kind_of_class[instance.demand_class[i]])
        if kind < 0:
            continue
        start, site = sites_of[kind]
        cell = instance.demand_cell[i]
        part = site[start[cell] : start[cell + 1]]
        if not len(part):
            continue
        row = rows.setdefault((kind, part.tobytes()), len(rows))
        if row == len(parts):
            parts.append(part)
            row_kind.append(kind)
        row_of_demand[i] = row
    kept = row_of_demand >= 0
    kwh = np.bincount(row_of_demand[kept], instance.demand_kwh[kept], minlength=len(parts))
    starts = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(p) for p in parts], out=starts[1:])
    return MergedDemand(
        kwh=kwh,
        kind=np.array(row_kind, dtype=np.int64),
        kinds=kinds,
        start=starts,
        site=np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64),
        row_of_demand=row_of_demand,
    )


def _usable_reach(instance: Instance, groups: tuple[int, ...]) -> tuple[Ints, Ints]:
    """Return the reach of every cell to sites that have any of some charger groups."""
    usable = instance.site_groups[:, list(groups)].any(axis=1)
    keep = usable[instance.reach_site]
    before = np.concatenate([[0], np.cumsum(keep)])
    return before[instance.reach_start], instance.reach_site[keep]
