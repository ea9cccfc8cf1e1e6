"""Floors: minimum shares of demand to serve in the city, a zone or a vehicle class.

::

    sum of x_ijs over i in g, j  >=  phi_g D_gs                  for each floor g and its slices s

where ``D_gs`` is all demand of group ``g`` in slice ``s`` (kWh/day), whether in reach or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd

from siting.errors import InputError, naming, refuse, require_kind, require_word
from siting.program.instance import Flags, Floats, Instance
from siting.program.slices import Slice

CITY = "city"
When = Literal["last", "every"]


@dataclass(frozen=True, eq=False)
class Floor:
    """A floor: the minimum share of a group's demand that must be served."""

    name: str  # name of the zone or class, or ``city``
    member: Flags  # whether each demand row belongs to the group
    share: float  # minimum share of the demand, 0 to 1
    when: When = "last"  # ``last``: in all scenarios of the last year; ``every``: in every slice

    def __post_init__(self) -> None:
        """Check when the floor holds."""
        require_word("when", self.when, get_args(When))

    def holds_in(self, slices: Sequence[Slice]) -> list[int]:
        """Return the positions of the slices in which the floor holds."""
        last = max(s.year for s in slices)
        return [n for n, s in enumerate(slices) if self.when == "every" or s.year == last]

    def wanted(self, demand_kwh: Floats) -> Floats:
        """Return the group's demand in each slice (kWh/day), given each row's demand by slice."""
        return demand_kwh[self.member].sum(axis=0)


def groups_of(
    instance: Instance, of: pd.Series | str | None, zones: pd.Series | None = None
) -> dict[str, Flags]:
    """Return, for each group of demand rows, a mask of its rows, by the group's name.

    `of` is as in `Program.floor`. A row without a group name is in no group.
    """
    if of is None:
        return {CITY: np.ones(len(instance.demand_ids), dtype=bool)}
    if isinstance(of, str) and of == "zone":
        if zones is None:
            fix = "set program.zones, or give a Series of zones by demand_id"
            raise InputError("of", "there are no zones", fix)
        of = zones
    if isinstance(of, str):
        if of != "class":
            raise InputError("of", f"is {of!r}", "give class, zone, or zones by demand_id")
        by_class = {n: instance.demand_class == k for k, n in enumerate(instance.class_names)}
        return {name: member for name, member in by_class.items() if member.any()}
    require_kind("of", of, pd.Series, "give class, zone, or a Series of zones by demand_id")
    index = pd.Index(of.index.astype(str))
    ids = pd.Index(instance.demand_ids.astype(str))
    stray, twice = index[~index.isin(ids)], index[index.duplicated()]
    fix = "give one row per demand_id"
    faults = naming("zones", "some ids are not ids of demand rows", stray, fix)
    refuse(faults + naming("zones", "some ids appear twice", twice, fix))
    text = pd.Series(of.to_numpy(object), index=index).reindex(ids)
    given = (text.notna() & (text.astype(str).str.strip() != "")).to_numpy()
    label = text.astype(str).to_numpy(object)
    groups = {name: given & (label == name) for name in sorted(set(label[given]))}
    empty = tuple(name for name, m in groups.items() if not instance.demand_kwh[m].sum() > 0)
    if empty or not groups:
        what = "some zones have no demand" if groups else "no demand row has a zone"
        raise InputError("zones", what, "leave them out, or correct the zones", empty)
    if CITY in groups:
        what = f"a zone is called {CITY!r}, the name of the whole area"
        raise InputError("zones", what, "give the zone another name")
    return groups
