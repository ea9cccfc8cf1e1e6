"""Demand rows with a worth and a zone, those that no plan can tell apart made one.

Rows can be merged if they plug into the same chargers, reach the same sites, count the same at each
of them, lie in the same zone and earn the same margin: what their sum is served can be split
between them in proportion to what they want, and nothing the program sees changes. Without weights
and zones this is `siting.models.merge`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.models.merge import MergedDemand
from siting.program.instance import Floats, Instance, Ints
from siting.program.objective import Objective

CITY = "city"


@dataclass(frozen=True, eq=False)
class Zones:
    """The zone of each demand row.

    Parameters
    ----------
    names
        The zones in alphabetical order.
    of_demand
        Position of the zone of each demand row of the instance; -1 for none.
    demand_kwh
        All the energy wanted in each zone, in reach or not (kWh/day).
    """

    names: tuple[str, ...]
    of_demand: Ints
    demand_kwh: Floats


@dataclass(frozen=True, eq=False)
class Rows:
    """Merged demand with what the variants need to know of it.

    Parameters
    ----------
    demand
        The merged demand.
    worth
        Worth of a kilowatt-hour a day of each pair, beside ``demand.site``.
    minutes
        Drive of each pair (min); of the first row merged, where several are.
    zone
        Zone of each merged row; -1 for none.
    margin
        Worth in rupees of a kilowatt-hour a day over the life, of each merged row (PKR).
    zones
        The zones.
    total_kwh
        All the energy wanted, in reach or not (kWh/day).
    decays
        Whether the worth of a row differs between sites.
    """

    demand: MergedDemand
    worth: Floats
    minutes: Floats
    zone: Ints
    margin: Floats
    zones: Zones
    total_kwh: float
    decays: bool


@dataclass(frozen=True)
class Floor:
    """A share of demand that must be served.

    Parameters
    ----------
    name
        The zone, or ``city`` for all of it.
    rows
        The merged rows it counts, as positions.
    demand_kwh
        Energy wanted there, in reach or not (kWh/day).
    share
        Share of it that must be served, 0 to 1.
    """

    name: str
    rows: tuple[int, ...]
    demand_kwh: float
    share: float

    @property
    def need_kwh(self) -> float:
        """Energy that must be served (kWh/day)."""
        return self.share * self.demand_kwh


def zones_of(instance: Instance, zones: pd.Series | None) -> Zones:
    """Return the zone of each demand row of an instance.

    Parameters
    ----------
    instance
        The data of the program.
    zones
        Name of the zone by ``demand_id``; blank or absent: in no zone. None: no zones.

    Raises
    ------
    InputError
        If a name is not a demand row, a row is named twice, or a zone wants no energy at all.
    """
    count = len(instance.demand_ids)
    if zones is None:
        return Zones((), np.full(count, -1, dtype=np.int64), np.zeros(0))
    index = pd.Index(zones.index.astype(str))
    ids = pd.Index(instance.demand_ids.astype(str))
    faults = []
    for what, bad in (
        ("are not demand rows", index[~index.isin(ids)]),
        ("are named twice", index[index.duplicated()]),
    ):
        if len(bad):
            names = tuple(dict.fromkeys(map(str, bad)))
            faults.append(Fault("zones", f"{len(names):,} {what}", "one row a demand_id", names))
    if faults:
        raise InputError(faults)
    text = pd.Series(zones.to_numpy(object), index=index).reindex(ids)
    given = (text.notna() & (text.astype(str).str.strip() != "")).to_numpy()
    label = text.astype(str).to_numpy(object)
    names = tuple(sorted(set(label[given])))
    position = {name: n for n, name in enumerate(names)}
    of_demand = np.array(
        [position[name] if there else -1 for name, there in zip(label, given, strict=True)],
        dtype=np.int64,
    )
    kwh = np.bincount(of_demand[given], instance.demand_kwh[given], minlength=len(names))
    empty = tuple(name for name, d in zip(names, kwh.tolist(), strict=True) if d <= 0)
    if empty or not names:
        what = f"{len(empty):,} zones want no energy" if names else "no demand row has a zone"
        raise InputError(Fault("zones", what, "leave them out, or mend the zones", empty))
    if CITY in names:
        fix = "give the zone another name"
        raise InputError(Fault("zones", f"a zone is called {CITY!r}, which is all of it", fix))
    return Zones(names, of_demand, kwh)


def weigh_rows(
    instance: Instance,
    objective: Objective,
    zones: Zones | None = None,
    margin: Floats | None = None,
    *,
    by_cell: bool = False,
) -> Rows:
    """Return the demand of an instance, weighed, with rows that no plan can tell apart made one.

    Parameters
    ----------
    instance
        The data of the program.
    objective
        What the rows are worth.
    zones
        The zones, if floors or reports need them.
    margin
        Present value of the margin on a kilowatt-hour a day by vehicle class (PKR).
    by_cell
        Whether rows of different cells stay apart, so that drives can be told.
    """
    zones = zones_of(instance, None) if zones is None else zones
    margin = np.zeros(len(instance.class_names)) if margin is None else margin
    sets = [tuple(np.flatnonzero(uses).tolist()) for uses in instance.uses]
    wanted = np.unique(instance.demand_class[instance.demand_kwh > 0])
    kinds = tuple(sorted({sets[k] for k in wanted if sets[k]}))
    kind_of = [kinds.index(s) if s in kinds else -1 for s in sets]
    usable = [instance.site_groups[:, list(groups)].any(axis=1) for groups in kinds]

    found: dict[tuple[object, ...], int] = {}
    parts: list[tuple[Ints, Floats, Floats]] = []
    facts: list[tuple[int, int, float]] = []
    row_of_demand = np.full(len(instance.demand_ids), -1, dtype=np.int64)
    for i in np.flatnonzero(instance.demand_kwh > 0).tolist():
        k, cell = int(instance.demand_class[i]), int(instance.demand_cell[i])
        if kind_of[k] < 0:
            continue
        here = slice(instance.reach_start[cell], instance.reach_start[cell + 1])
        keep = usable[kind_of[k]][instance.reach_site[here]]
        site, minutes = instance.reach_site[here][keep], instance.reach_min[here][keep]
        if not len(site):
            continue
        per_kwh = float(objective.worth[i] / instance.demand_kwh[i])
        decay = objective.decay
        factor = np.ones(len(site)) if decay is None else decay.factor(minutes)
        zone = int(zones.of_demand[i])
        fact = (kind_of[k], zone, float(margin[k]))
        key = (*fact, site.tobytes(), per_kwh, factor.tobytes(), cell if by_cell else -1)
        row = found.setdefault(key, len(found))
        if row == len(parts):
            parts.append((site, per_kwh * factor, minutes))
            facts.append(fact)
        row_of_demand[i] = row
    kept = row_of_demand >= 0
    start = np.zeros(len(parts) + 1, dtype=np.int64)
    np.cumsum([len(part[0]) for part in parts], out=start[1:])
    site_of_pair, worth, drive = (
        np.concatenate([part[n] for part in parts]) if parts else np.zeros(0) for n in range(3)
    )
    demand = MergedDemand(
        kwh=np.bincount(row_of_demand[kept], instance.demand_kwh[kept], minlength=len(parts)),
        kind=np.array([f[0] for f in facts], dtype=np.int64),
        kinds=kinds,
        start=start,
        site=site_of_pair.astype(np.int64),
        row_of_demand=row_of_demand,
    )
    return Rows(
        demand=demand,
        worth=worth,
        minutes=drive,
        zone=np.array([f[1] for f in facts], dtype=np.int64),
        margin=np.array([f[2] for f in facts], dtype=float),
        zones=zones,
        total_kwh=instance.demand_kwh_day,
        decays=objective.decay is not None,
    )


def floors_of(
    rows: Rows, by_zone: Mapping[str, float] | None = None, city: float | None = None
) -> tuple[Floor, ...]:
    """Return the floors as sums over merged rows; floors of 0 are left out.

    Parameters
    ----------
    rows
        The demand.
    by_zone
        Share of its demand that must be served, by zone.
    city
        Share of all demand that must be served.

    Raises
    ------
    InputError
        If a zone is not known, or a share is outside [0, 1].
    """
    by_zone = dict(by_zone or {})
    faults = []
    unknown = tuple(sorted(set(by_zone) - set(rows.zones.names)))
    if unknown:
        there = ", ".join(rows.zones.names) or "none"
        faults.append(Fault("floors", "unknown zones", f"there are: {there}", unknown))
    shares = {**by_zone, **({} if city is None else {CITY: city})}
    for name, share in sorted(shares.items()):
        if not (math.isfinite(share) and 0 <= share <= 1):
            fix = "give a share of 0 to 1"
            faults.append(Fault(f"floors, {name}", f"is {share}", fix))
    if faults:
        raise InputError(faults)
    out = [
        Floor(name, _members(rows, n), float(rows.zones.demand_kwh[n]), float(by_zone[name]))
        for n, name in enumerate(rows.zones.names)
        if by_zone.get(name, 0) > 0
    ]
    if city:
        everyone = tuple(range(len(rows.demand.kwh)))
        out.append(Floor(CITY, everyone, rows.total_kwh, float(city)))
    return tuple(out)


def zone_floors(rows: Rows, share: float = 0.0) -> tuple[Floor, ...]:
    """Return one floor of the same share for every zone."""
    return tuple(
        Floor(name, _members(rows, n), float(rows.zones.demand_kwh[n]), share)
        for n, name in enumerate(rows.zones.names)
    )


def served_by_floor(floors: Sequence[Floor], row: Ints, kwh: Floats, count: int) -> Floats:
    """Return the energy served towards each floor (kWh/day), given the energy of pairs by row."""
    by_row = np.bincount(row, kwh, minlength=count)
    return np.array([by_row[list(floor.rows)].sum() for floor in floors])


def _members(rows: Rows, zone: int) -> tuple[int, ...]:
    return tuple(np.flatnonzero(rows.zone == zone).tolist())
