"""The largest earnings of a single station, by greedy: its load is a polymatroid.

The energy that chargers can serve of some classes is the least, over sets ``U`` of charger groups,
of the output of ``U`` plus the demand of classes with a charger outside ``U`` (Hall).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Numbers = npt.NDArray[Any]  # fractions, or floating point


@dataclass(frozen=True, eq=False)
class Sets:
    """The sets of charger groups that bind: those of a class, and their unions."""

    inside: npt.NDArray[np.int64]  # whether a set (row) has a group (column)
    beside: npt.NDArray[np.int64]  # whether a class (column) can use a group outside a set (row)

    @classmethod
    def of(cls, plugs: pd.DataFrame, groups: Sequence[str], classes: Sequence[str]) -> Sets:
        """Return the sets of some plugs; groups without an offer are left out."""
        at = {group: n for n, group in enumerate(groups)}
        able: dict[str, set[int]] = {name: set() for name in classes}
        for group, name in plugs[["charger_group", "vehicle_class"]].itertuples(index=False):
            if group in at:
                able[name].add(at[group])
        unions = {frozenset[int]()}
        for fitting in able.values():
            unions |= {union | fitting for union in unions}
        sets = sorted(unions, key=sorted)
        inside = np.array([[g in u for g in range(len(groups))] for u in sets], dtype=np.int64)
        beside = np.array([[not able[c] <= u for c in classes] for u in sets], dtype=np.int64)
        return cls(inside.reshape(len(sets), len(groups)), beside)

    def most(
        self, value: Numbers, kwh: Numbers, kind: Numbers, able: Numbers, *, endless: bool
    ) -> Numbers:
        """Return the largest `value` times energy that each offer can serve alone.

        `value`, `kwh`, `kind`: weight of a kWh of each row, its demand (kWh/day) and its class;
        `able`: output of each offer (row) from each group (kWh/day), `endless` if it has any.
        """
        keep = np.flatnonzero((value > 0) & (kwh > 0))
        order = keep[np.argsort(-value[keep], kind="stable")]
        value, kwh, kind = value[order], kwh[order], kind[order]
        none: Numbers = able[:, :1].sum(axis=1) * 0
        if not len(order):
            return none
        if endless:
            able = np.where(able > 0, kwh.sum(), able * 0)
        load = np.zeros((len(order), self.beside.shape[1]), dtype=kwh.dtype)
        load[np.arange(len(order)), kind] = kwh
        within = np.cumsum(load, axis=0) @ self.beside.T
        rank = ((able @ self.inside.T)[:, None, :] + within[None, :, :]).min(axis=2)
        worth: Numbers = rank @ (value - np.append(value[1:], value[:1] * 0))
        return worth
