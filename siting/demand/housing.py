"""How ownership affects the number of vehicles by zone, and how housing affects home charging.

A zone has p people and o vehicles per head, or a proxy for o, such as the share of households with
four rooms or more. The zone's share of the area's vehicles of a class is

    p o^a / sum over the zones of p o^a        a: the class's ``ownership_weight`` (0: by people)

A class's ``home_share`` H comes from a survey in which a share r0 of the households were tenants.
For a class with ``housing_weight`` w (1 if its vehicles park at home, 0 if at a depot) and a
renting effect e, the shares are::

    home share of the zone = H x (1 - w e renting_share of the zone) / (1 - w e r0)
                               x the same factor for high-rise buildings,   at most 1
    public share           = 1 - home share of the zone

If a zone's share of tenants or of high-rise homes is unknown, its factor is 1. The total demand
changes only if housing in the area differs from housing in the survey.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import InputError
from siting.reference import table

# For each effect, the figure that states the share of tenants or of high-rise homes in the survey.
SURVEYED = {"renting_effect": "survey_renting_share", "high_rise_effect": "survey_high_rise_share"}
EFFECTS = (*SURVEYED, *SURVEYED.values())

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Housing:
    """The zones of a study area as arrays."""

    ids: tuple[str, ...]
    split: Array  # share of the people
    renting: Array  # share of tenants; NaN if unknown
    high_rise: Array  # share of high-rise homes; NaN if unknown
    ownership: Array  # relative to the mean; 1 if unknown

    def split_by(self, weight: Array) -> Array:
        """Return each zone's share of the vehicles: one row per zone, one column per class.

        >>> zones = pd.DataFrame({"zone_id": ["a", "b"], "people": [3, 1], "ownership": [1, 3]})
        >>> Housing.from_table(zones).split_by(np.array([0.0, 1.0])).tolist()
        [[0.75, 0.5], [0.25, 0.5]]
        """
        drawn = self.split[:, None] * self.ownership[:, None] ** weight
        return np.asarray(drawn / drawn.sum(axis=0))

    @classmethod
    def from_table(cls, zones: pd.DataFrame | None) -> Housing:
        """Return the zones of a table; None gives one zone with unknown shares."""
        if zones is None:
            zones = pd.DataFrame({"zone_id": ["all"], "people": [1.0]})
        columns = ["people", "renting_share", "high_rise_share", "ownership"]
        figures = zones.reindex(columns=columns).to_numpy(dtype=float, na_value=np.nan)
        people, renting, high_rise, owned = figures.T
        known = ~np.isnan(owned)
        vehicles, there = np.nansum(owned * people), (people * known).sum()
        if known.any() and not vehicles > 0:
            raise InputError("zones, column ownership", "nobody owns a vehicle in any zone")
        mean = vehicles / there if there > 0 else 1.0
        relative = np.where(known, owned / mean, 1.0)
        ids = tuple(zones["zone_id"].astype(str))
        return cls(ids, people / people.sum(), renting, high_rise, relative)


def home_shares(figures: Mapping[str, Array], zones: Housing) -> Array:
    """Return the share of energy charged at home by draw (if sampled), zone and class."""
    weight = figures["housing_weight"][..., None, :]
    home = figures["home_share"][..., None, :]
    shares = (zones.renting, zones.high_rise)
    for (effect, surveyed), share in zip(SURVEYED.items(), shares, strict=True):
        lost = weight * figures[effect][..., None, :]
        asked = 1 - lost * figures[surveyed][..., None, :]
        # If the effect is 1 and the survey covered only tenants, the divisor would be 0.
        factor = (1 - lost * share[:, None]) / np.where(asked > 0, asked, 1.0)
        home = home * np.where(np.isnan(factor), 1.0, factor)
    return np.minimum(home, 1.0)


def housing_effects(effects: Mapping[str, float] | None = None) -> pd.DataFrame:
    """Return the effects of renting and high-rise living on charging at home.

    `effects` overrides ``renting_effect``, ``high_rise_effect``, ``survey_renting_share`` or
    ``survey_high_rise_share`` (0 to 1). Columns: ``figure``, ``value``, ``low``, ``high``,
    ``unit``, ``source``, ``confidence``.

    >>> housing_effects({"high_rise_effect": 0})["value"].to_list()
    [0.5, 0.0, 0.28, 0.05]
    """
    rows = table("country").set_index("item").loc[list(EFFECTS)].rename_axis("figure")
    for name, value in (effects or {}).items():
        rows.loc[name, ["value", "low", "high"]] = float(value)
        rows.loc[name, ["source", "confidence"]] = ["set by the user", "ASSUMPTION"]
    return rows.reset_index()[["figure", "value", "low", "high", "unit", "source", "confidence"]]


def crossed(**columns: Iterable[Any]) -> pd.DataFrame:
    """Return every combination of the columns' values; the last column varies fastest.

    >>> crossed(zone_id=["a", "b"], vehicle_class=["bus", "car"]).to_numpy().tolist()
    [['a', 'bus'], ['a', 'car'], ['b', 'bus'], ['b', 'car']]
    """
    rows = pd.MultiIndex.from_product(list(columns.values()), names=list(columns))
    return rows.to_frame(index=False)
