"""The account of a plan: its claims and its input tables, all that a recount sees.

A plan stands in *slices*: one year in one scenario. Without years and scenarios there is one slice
named ``""``, and tables need no column ``slice``.
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

    Parameters
    ----------
    kind
        ``step``, ``linear``, ``exponential`` or ``gaussian``.
    numbers
        ``step``: factor by the minute from which it holds; ``linear``: ``full_min``, ``end_min``,
        ``least``; ``exponential``: ``scale_min``; ``gaussian``: ``sigma_min``.

    Examples
    --------
    >>> Decay("linear", {"full_min": 2, "end_min": 6, "least": 0.5}).factor([1.0, 4.0, 9.0])
    array([1.  , 0.75, 0.5 ])
    """

    kind: Literal["step", "linear", "exponential", "gaussian"]
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
    """The yearly costs of stations and of drivers' time.

    Parameters
    ----------
    cost_pkr_year
        Of each offer (PKR), by ``offer_id``; existing stations add no cost.
    value_pkr_h, session_kwh
        By vehicle class: the worth of a driver's hour (PKR), and the energy of a session.
    ways
        Drives to the charger that count a session.
    """

    cost_pkr_year: Mapping[str, float]
    value_pkr_h: Mapping[str, float]
    session_kwh: Mapping[str, float]
    ways: float = 1.0


@dataclass(frozen=True, eq=False)
class Aim:
    """A claimed value of an aim, with its bound and gap.

    Parameters
    ----------
    kind
        ``most_worth``: the mean over scenarios of worth weighted over the years; ``net_worth``: the
        same, less `least_gain` per rupee of the stations at the end, or of each year's draw;
        ``least_money``: of the stations at the end; ``worst_share`` served of groups of demand;
        ``least_regret``: the largest over scenarios; ``tail``: the mean of the worst outcomes;
        ``shortest_drives``: kWh/day times minutes; ``least_cost_to_all``: the yearly cost of
        stations and drivers' time.
    value, bound, gap, unit
        The claimed value; bound and gap if there are any.
    of
        ``least_money`` and ``net_worth``: ``subsidy_pkr`` or ``cost_pkr``; ``tail``: ``served`` or
        ``unserved``.
    least_gain
        ``net_worth``: the charge per rupee, in `unit`; by year where that differs.
    alpha
        ``tail``: the share of outcomes that are better than the worst ones.
    best
        ``least_regret``: ``scenario``, ``best`` (from which regret counts); if present, ``found``
        (reached by a plan for it alone) and ``regret``.
    members, slices
        ``worst_share``: ``floor``, ``demand_id``, and the slices; by default those of the account,
        and the slices of the last year.
    to_all
        ``least_cost_to_all``: the costs.
    worst, gini, people
        ``worst_share``, if claimed: the worst-served group; the Gini coefficient of the shares in
        the last slice, and its weights by group (demand by default).
    """

    kind: AimKind
    value: float
    bound: float | None = None
    gap: float | None = None
    unit: str = "kWh/day"
    of: str = ""
    least_gain: float | Mapping[int, float] = 0.0
    alpha: float = 0.0
    best: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    slices: Sequence[str] | None = None
    worst: str | None = None
    gini: float | None = None
    people: Mapping[str, float] | None = None
    to_all: ToAll | None = None


@dataclass(frozen=True, eq=False)
class ViabilityGap:
    """Public money that fills the shortfall of business cases only.

    Parameters
    ----------
    margin_pkr
        Present value of the margin on a kWh/day over the life, by vehicle class (PKR).
    cap
        Most public money for a station: a share of its cost, or PKR by ``offer_id``.
    subsidies
        ``site_id``, ``subsidy_pkr``: paid up to the end, or up to each ``year`` if that column is
        present. Sites without a row draw nothing.
    exact
        Whether a station may draw no more than its shortfall; else only no less.
    sales_share
        The share of its sales at which a station must break even.
    concessions
        The concession of a site, by ``site_id``; its stations share one case.
    """

    margin_pkr: Mapping[str, float]
    cap: float | Mapping[str, float]
    subsidies: pd.DataFrame
    exact: bool = True
    sales_share: float = 1.0
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
    """All input of a recount.

    Parameters
    ----------
    built
        The stations: ``slice``, ``site_id``, ``offer_id``; if claimed, ``built_year`` (NA: existed
        before) and ``paid_pkr`` (in the year).
    service, demand
        ``slice`` and `siting.tables.SERVICE`, `siting.tables.DEMAND`.
    offers, reach, compatibility
        The input tables of the plan; `offers` may have ``extends``.
    cutoff_min
        The longest drive allowed (min).
    budget_pkr
        Public money, by year where there are years (PKR).
    model, serves_all
        ``capacitated`` or ``coverage``; whether all demand in reach must be served (coverage).
    slices
        ``slice``, ``year``, ``scenario``, ``weight`` (of a unit of worth), ``probability`` (of the
        scenario).
    carry_over, upgrades
        Whether unspent money is available in later years; whether stations may be upgraded.
    aims
        The claimed values.
    floors, members
        ``floor``, ``slice``, ``share`` that must be served (and ``served_share``, if claimed);
        ``floor``, ``demand_id``: its members.
    worth, decay
        Worth of a kWh, by ``demand_id`` or as ``slice``, ``demand_id``, ``per_kwh`` where it
        differs (1 by default), and its decay with the drive.
    gap
        The viability gap, if public money follows it.
    resource_use, resources
        ``resource``, ``offer_id``, ``use`` (per rupee drawn where `resources` has ``per_rupee``);
        ``resource``, ``unit``, ``at_least``, ``at_most``, NA for none. The upper side holds in
        every year, the lower one in the last.
    required_sites, forbidden_sites
        Sites that must have a station in the end, and sites that must never have one.
    others
        Plans it must differ from.
    headroom_kw
        Spare grid power by ``site_id`` (kW); absent sites are not checked.
    sites
        Claimed of the last slice: ``site_id``, ``offer_id`` and any of ``power_kw``, ``cost_pkr``,
        ``subsidy_pkr``, ``served_kwh_day``.
    served, money
        Claimed: ``slice`` and any of ``served_kwh_day``, ``demand_kwh_day``, ``worth``; ``year``
        and any of ``granted_pkr``, ``spent_pkr``, ``left_pkr``.
    """

    built: pd.DataFrame
    service: pd.DataFrame
    demand: pd.DataFrame
    offers: pd.DataFrame
    reach: pd.DataFrame
    compatibility: pd.DataFrame
    cutoff_min: float
    budget_pkr: float | Mapping[int, float]
    model: Literal["capacitated", "coverage"] = "capacitated"
    serves_all: bool = False
    slices: pd.DataFrame | None = None
    carry_over: bool = False
    upgrades: bool = False
    aims: Sequence[Aim] = ()
    floors: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    worth: pd.Series | pd.DataFrame | None = None
    decay: Decay | None = None
    gap: ViabilityGap | None = None
    resource_use: pd.DataFrame | None = None
    resources: pd.DataFrame | None = None
    required_sites: Sequence[str] = ()
    forbidden_sites: Sequence[str] = ()
    others: Sequence[OtherPlan] = ()
    headroom_kw: pd.Series | None = None
    sites: pd.DataFrame | None = None
    served: pd.DataFrame | None = None
    money: pd.DataFrame | None = None
