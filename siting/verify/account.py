"""The data from which a plan is checked again: the figures that it states, and its input tables.

A plan is checked in *slices*; each slice is one year in one scenario. If a plan has neither years
nor scenarios, it has one slice with the name ``""``, and tables need no ``slice`` column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.economics import CostToAll


@dataclass(frozen=True)
class Decay:
    """The factor (1 or less) by which a longer drive time lowers the worth (value) of a kWh.

    >>> Decay("linear", {"full_min": 2, "end_min": 6, "least": 0.5}).factor([1.0, 4.0, 9.0])
    array([1.  , 0.75, 0.5 ])
    """

    kind: Literal["step", "linear", "exponential", "gaussian"]
    # ``step``: factors, keyed by the minute from which each applies; ``linear``: ``full_min``,
    # ``end_min``, ``least``; ``exponential``: ``scale_min``; ``gaussian``: ``sigma_min``.
    numbers: Mapping[str, float] | Mapping[float, float]

    def factor(self, minutes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the factor for each drive time (min)."""
        t = np.asarray(minutes, dtype=float)
        if self.kind == "step":
            out = np.ones_like(t)
            for begin, factor in sorted((float(k), float(v)) for k, v in self.numbers.items()):
                out[t >= begin] = factor
            return out
        n = {str(k): float(v) for k, v in self.numbers.items()}
        if self.kind == "linear":
            gone = np.clip((t - n["full_min"]) / (n["end_min"] - n["full_min"]), 0.0, 1.0)
            return np.asarray(1.0 - (1.0 - n["least"]) * gone)
        if self.kind == "exponential":
            return np.asarray(np.exp(-t / n["scale_min"]))
        return np.asarray(np.exp(-(t * t) / (2.0 * n["sigma_min"] ** 2)))  # ``gaussian``


@dataclass(frozen=True, eq=False)
class Aim:
    """The value that a plan states for one of its aims, with its bound and gap."""

    # ``most_worth``: the year-weighted worth of the energy served, averaged over scenarios.
    # ``net_worth``: the same worth, minus `least_gain` for each rupee spent on the final stations
    # or, if `least_gain` is given by year, for each rupee spent in that year.
    # ``least_money``: the money spent on the final stations.
    # ``worst_share``: the share served in the worst-served group.
    # ``least_regret``: the largest regret of all scenarios.
    # ``tail``: the mean worth served (or not served) in the worst outcomes.
    # ``shortest_drives``: the sum over service rows of energy (kWh/day) times drive time (min).
    # ``least_cost_to_all``: the yearly cost of stations and of drivers' time.
    kind: str
    # The stated value in `unit`; the bound and gap, if the plan states them.
    value: float
    bound: float | None = None
    gap: float | None = None
    unit: str = "kWh/day"
    # What the aim counts: ``subsidy_pkr`` or ``cost_pkr`` for ``least_money`` and ``net_worth``;
    # ``served`` or ``unserved`` for ``tail``.
    of: str = ""
    # ``net_worth``: the worth deducted per rupee, in `unit`; a mapping by year if years differ.
    least_gain: float | Mapping[int, float] = 0.0
    alpha: float = 0.0  # ``tail``: the share of outcomes that are not among the worst
    # ``least_regret``: a table with the columns ``scenario``, ``best`` (the worth from which regret
    # is measured) and, if stated, ``found`` (the worth of a plan made for the scenario alone).
    best: pd.DataFrame | None = None
    # ``worst_share``: `members` lists the ``demand_id`` of each group (``floor``). `slices`: the
    # slices to compare; if None, the slices of the last year.
    members: pd.DataFrame | None = None
    slices: Sequence[str] | None = None
    # ``least_cost_to_all``: the costs of stations and of drivers' time. Existing stations are free.
    to_all: CostToAll | None = None


@dataclass(frozen=True, eq=False)
class ViabilityGap:
    """Public money that is paid only to cover the shortfall of a business case."""

    # Present value (PKR) of the margin on 1 kWh/day over a station's life, by vehicle class.
    margin_pkr: Mapping[str, float]
    cap: Mapping[str, float]  # maximum public money (PKR) by ``offer_id``
    # The public money paid (``subsidy_pkr``) by ``site_id``, in total or, with a ``year`` column,
    # up to each year. Sites without a row draw no money.
    subsidies: pd.DataFrame
    sales_share: float = 1.0  # the share of the planned sales at which a station breaks even
    # The concession of each site, by ``site_id``. Stations of a concession share a business case.
    concessions: Mapping[str, str] = field(default_factory=dict)

    @property
    def counted_pkr(self) -> dict[str, float]:
        """The value of 1 kWh/day of sales in a business case, by vehicle class (PKR)."""
        return {name: self.sales_share * pkr for name, pkr in self.margin_pkr.items()}


@dataclass(frozen=True, eq=False)
class OtherPlan:
    """An earlier plan from which the plan must differ at `sites` or more sites."""

    offer_ids: Sequence[str]
    sites: int
    name: str = "the other plan"


@dataclass(frozen=True, eq=False, kw_only=True)
class Account:
    """All data from which `recount` checks a plan: its stated figures and its input tables."""

    # The stations, with the columns ``slice``, ``site_id``, ``offer_id`` and, if the plan states
    # them, ``built_year`` (NA for an existing station) and ``paid_pkr`` (in the slice's year).
    built: pd.DataFrame
    # Tables like `siting.tables.SERVICE` and `siting.tables.DEMAND`, with a column ``slice``.
    service: pd.DataFrame
    demand: pd.DataFrame
    # The input tables of the plan; `offers` may have an ``extends`` column.
    offers: pd.DataFrame
    reach: pd.DataFrame
    compatibility: pd.DataFrame
    cutoff_min: float  # the longest drive time allowed (min)
    budget_pkr: float | Mapping[int, float]  # public money (PKR), by year if there are years
    # `serves_all`: under coverage, whether all demand in reach must be served.
    model: Literal["capacitated", "coverage"] = "capacitated"
    serves_all: bool = False
    # The columns are ``slice``, ``year``, ``scenario``, ``weight`` (of the year) and
    # ``probability`` (of the scenario).
    slices: pd.DataFrame | None = None
    # Whether unspent money remains available in later years, and whether stations may be upgraded.
    carry_over: bool = False
    upgrades: bool = False
    aims: Sequence[Aim] = ()  # the values that the plan states
    # `floors` has the columns ``floor``, ``slice``, ``share`` (which must be served) and, if the
    # plan states it, ``served_share``. `members` has ``floor`` and the ``demand_id`` of each of its
    # rows.
    floors: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    # `worth` has the columns ``slice``, ``demand_id`` and ``per_kwh`` (the worth of a kWh, 1 by
    # default). `decay` is the decay of this worth with drive time.
    worth: pd.DataFrame | None = None
    decay: Decay | None = None
    gap: ViabilityGap | None = None  # the viability gap, if the subsidy rule uses it
    # `resource_use` has the columns ``resource``, ``offer_id`` and ``use`` (per rupee drawn, if
    # ``per_rupee`` is true for the resource). `resources` has the columns ``resource``, ``unit``,
    # ``at_least``, ``at_most`` (NA: no limit) and ``per_rupee``. ``at_most`` applies to every year;
    # ``at_least`` applies to the last year.
    resource_use: pd.DataFrame | None = None
    resources: pd.DataFrame | None = None
    # Sites that must have a station in the last year, and sites that must never have one.
    required_sites: Sequence[str] = ()
    forbidden_sites: Sequence[str] = ()
    others: Sequence[OtherPlan] = ()  # plans from which this one must differ
    # Headroom by ``site_id`` (kW); sites without an entry are not checked.
    headroom_kw: pd.Series | None = None
    # Stated figures of the last slice's stations, with the columns ``site_id``, ``offer_id`` and
    # any of ``power_kw``, ``cost_pkr``, ``subsidy_pkr`` and ``served_kwh_day``.
    sites: pd.DataFrame | None = None
    # More stated figures. `served` has the columns ``slice`` and any of ``served_kwh_day``,
    # ``demand_kwh_day`` and ``worth``. `money` has the columns ``year`` and any of ``granted_pkr``,
    # ``spent_pkr`` and ``left_pkr``.
    served: pd.DataFrame | None = None
    money: pd.DataFrame | None = None
