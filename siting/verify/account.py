"""The account of a plan: its claims and its input tables, the only input of a recount.

A plan is counted by *slice*: one year in one scenario. Without years and scenarios there is one
slice named ``""``, and tables need no column ``slice``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from siting.errors import InputError

AimKind = Literal[
    "most_worth",
    "net_worth",
    "least_money",
    "worst_share",
    "least_regret",
    "tail",
    "shortest_drives",
    "least_cost_to_all",
]


@dataclass(frozen=True)
class Decay:
    """The decay of a kWh's worth with the drive, from 1 towards 0.

    >>> Decay("linear", {"full_min": 2, "end_min": 6, "least": 0.5}).factor([1.0, 4.0, 9.0])
    array([1.  , 0.75, 0.5 ])
    """

    # ``step``, ``linear``, ``exponential`` or ``gaussian``.
    kind: Literal["step", "linear", "exponential", "gaussian"]
    # ``step``: factor by the minute from which it holds; ``linear``: ``full_min``, ``end_min``,
    # ``least``; ``exponential``: ``scale_min``; ``gaussian``: ``sigma_min``.
    numbers: Mapping[str, float] | Mapping[float, float]

    def factor(self, minutes: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the factor of each drive."""
        t = np.asarray(minutes, dtype=float)
        n = {str(k): float(v) for k, v in self.numbers.items()}
        out = np.ones_like(t)
        if self.kind == "step":
            for begin, factor in sorted((float(k), float(v)) for k, v in self.numbers.items()):
                out[t >= begin] = factor
        elif self.kind == "linear":
            gone = np.clip((t - n["full_min"]) / (n["end_min"] - n["full_min"]), 0.0, 1.0)
            out -= (1.0 - n["least"]) * gone
        elif self.kind == "exponential":
            out = np.exp(-t / n["scale_min"])
        elif self.kind == "gaussian":
            out = np.exp(-(t * t) / (2.0 * n["sigma_min"] ** 2))
        else:
            raise InputError("decay", f"of kind {self.kind!r} is not known")
        return out


@dataclass(frozen=True, eq=False)
class ToAll:
    """The yearly costs of stations and of drivers' time."""

    # Yearly cost of each offer (PKR), by ``offer_id``; existing stations add no cost.
    cost_pkr_year: Mapping[str, float]
    # By vehicle class: the value of a driver's hour (PKR), and the energy of a session.
    value_pkr_h: Mapping[str, float]
    session_kwh: Mapping[str, float]
    ways: float = 1.0  # one-way drives counted per session


@dataclass(frozen=True, eq=False)
class Aim:
    """A claimed value of an aim, with its bound and gap."""

    # ``most_worth``: the mean over scenarios of worth weighted over the years; ``net_worth``: the
    # same, less `least_gain` per rupee paid for the stations at the end, or drawn in each year;
    # ``least_money``: money of the stations at the end; ``worst_share``: least share served of a
    # group; ``least_regret``: the largest over scenarios; ``tail``: the mean of the worst outcomes;
    # ``shortest_drives``: kWh/day times minutes; ``least_cost_to_all``: the yearly cost of stations
    # and drivers' time.
    kind: AimKind
    # The claimed value, with bound and gap if there are any, in `unit`.
    value: float
    bound: float | None = None
    gap: float | None = None
    unit: str = "kWh/day"
    # ``least_money`` and ``net_worth``: ``subsidy_pkr`` or ``cost_pkr``; ``tail``: ``served`` or
    # ``unserved``.
    of: str = ""
    # ``net_worth``: the charge per rupee, in `unit`; by year where that differs.
    least_gain: float | Mapping[int, float] = 0.0
    alpha: float = 0.0  # ``tail``: the share of outcomes that are better than the worst ones
    # ``least_regret``: ``scenario``, ``best`` (regret is the distance from it); if present,
    # ``found`` (reached by a plan for this scenario alone) and ``regret``.
    best: pd.DataFrame | None = None
    # ``worst_share``: `members` has ``floor`` and ``demand_id``, by default those of the account;
    # `slices` are by default the slices of the last year.
    members: pd.DataFrame | None = None
    slices: Sequence[str] | None = None
    to_all: ToAll | None = None  # ``least_cost_to_all``: the costs


@dataclass(frozen=True, eq=False)
class ViabilityGap:
    """Public money that is paid only to fill the shortfall of a business case."""

    # Present value of the margin on a kWh/day over the life, by vehicle class (PKR).
    margin_pkr: Mapping[str, float]
    # Most public money for a station: a share of its cost, or PKR by ``offer_id``.
    cap: float | Mapping[str, float]
    # ``site_id``, ``subsidy_pkr``: paid up to the end, or up to each ``year`` if that column is
    # present. Sites without a row draw nothing.
    subsidies: pd.DataFrame
    sales_share: float = 1.0  # the share of its sales at which a station must break even
    # The concession of a site, by ``site_id``; its stations share one case.
    concessions: Mapping[str, str] = field(default_factory=dict)

    @property
    def counted_pkr(self) -> dict[str, float]:
        """The value of a kWh/day sold to each vehicle class in a station's case (PKR)."""
        return {name: self.sales_share * pkr for name, pkr in self.margin_pkr.items()}


@dataclass(frozen=True, eq=False)
class OtherPlan:
    """A plan from which this one must differ, in at least `sites` sites."""

    offer_ids: Sequence[str]
    sites: int
    name: str = "the other plan"


@dataclass(frozen=True, eq=False, kw_only=True)
class Account:
    """All input of a recount."""

    # The stations: ``slice``, ``site_id``, ``offer_id`` and, where the plan claims them,
    # ``built_year`` (NA: existed before) and ``paid_pkr`` (in the slice's year).
    built: pd.DataFrame
    # `siting.tables.SERVICE` and `siting.tables.DEMAND`, each with ``slice``.
    service: pd.DataFrame
    demand: pd.DataFrame
    # The input tables of the plan; `offers` may have ``extends``.
    offers: pd.DataFrame
    reach: pd.DataFrame
    compatibility: pd.DataFrame
    cutoff_min: float  # the longest drive allowed (min)
    budget_pkr: float | Mapping[int, float]  # public money, by year where there are years (PKR)
    # `serves_all`: under coverage, whether all demand in reach must be served.
    model: Literal["capacitated", "coverage"] = "capacitated"
    serves_all: bool = False
    # ``slice``, ``year``, ``scenario``, ``weight`` (of a unit of worth), ``probability`` (of the
    # scenario).
    slices: pd.DataFrame | None = None
    # Whether unspent money is available in later years; whether stations may be upgraded.
    carry_over: bool = False
    upgrades: bool = False
    aims: Sequence[Aim] = ()  # the claimed values
    # `floors`: ``floor``, ``slice``, the ``share`` that must be served and, if claimed,
    # ``served_share``; `members`: ``floor`` and the ``demand_id`` of each member.
    floors: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    # `worth`: worth of a kWh (1 by default), by ``demand_id``, or as ``slice``, ``demand_id``,
    # ``per_kwh`` if slices differ; `decay`: its decay with the drive.
    worth: pd.Series | pd.DataFrame | None = None
    decay: Decay | None = None
    gap: ViabilityGap | None = None  # the viability gap, if public money follows it
    # `resource_use`: ``resource``, ``offer_id``, ``use`` (per rupee drawn if `resources` has
    # ``per_rupee``); `resources`: ``resource``, ``unit``, ``at_least``, ``at_most`` (NA: none).
    # ``at_most`` holds in every year, ``at_least`` in the last.
    resource_use: pd.DataFrame | None = None
    resources: pd.DataFrame | None = None
    # Sites that must have a station in the last year, and sites that must never have one.
    required_sites: Sequence[str] = ()
    forbidden_sites: Sequence[str] = ()
    others: Sequence[OtherPlan] = ()  # plans from which this one must differ
    # Spare grid power by ``site_id`` (kW); absent sites are not checked.
    headroom_kw: pd.Series | None = None
    # Claims on the last slice: ``site_id``, ``offer_id`` and any of ``power_kw``, ``cost_pkr``,
    # ``subsidy_pkr``, ``served_kwh_day``.
    sites: pd.DataFrame | None = None
    # Claims: `served` has ``slice`` and any of ``served_kwh_day``, ``demand_kwh_day``, ``worth``;
    # `money` has ``year`` and any of ``granted_pkr``, ``spent_pkr``, ``left_pkr``.
    served: pd.DataFrame | None = None
    money: pd.DataFrame | None = None
