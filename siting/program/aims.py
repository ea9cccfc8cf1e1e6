"""The aims of a plan, in lexicographic order: each keeps the values of those before it.

=================  ===============================================================================
`MostWorth`        ``max  sum of w_s a_ij v_is x_ijs``: energy, people or sessions, by year and
                   chance (`siting.program.slices`), nearer counting for more if so wished
`NetWorth`         ``max  sum of w_s a_ij v_is x_ijs  -  g M``: the same, less what each rupee of
                   money ``M`` has to bring, ``g``: what brings less is not built, and the money
                   for it is left (``g`` is the price of the budget in Everett's sense); over years
                   ``sum of g_t (M_t - M_t-1)``, with ``M_t`` the money drawn up to year ``t``
`LeastMoney`       ``min`` public money drawn, or cost in all
`WorstShare`       ``max  t``  with  ``t D_gs <= sum of x_ijs over i in g, j``  for each group
`LeastRegret`      ``min  r``  with  ``r >= b_k - S_k``  for each scenario, ``b_k`` the most that
                   any plan serves in it, ``S_k`` what this one does
`Tail`             ``max  u - 1/(1-a) sum of p_k v_k``  with  ``v_k >= u - (S_k - c_k)``: the mean
                   over the worst ``1 - a`` of outcomes, energy served (``c_k = 0``) or, as a
                   number to be small, unserved (``c_k`` what is wanted)
`ShortestDrives`   ``min  sum of w_s minutes_ij x_ijs``
`LeastCostToAll`   ``min  sum of w_t c_o over what stands  +  sum of w_s v_i minutes_ij x_ijs``:
                   facility location proper (PKR a year), ``c_o`` the yearly cost of an offer,
                   ``v_i`` what a minute's drive of each kWh/day of a class costs its drivers a year
=================  ===============================================================================

Sources: R. Rockafellar, S. Uryasev: Optimization of conditional value-at-risk. Journal of Risk 2
(2000), 21-41. L. Savage: The theory of statistical decision. Journal of the American Statistical
Association 46 (1951), 55-67. W. Ogryczak: Inequality measures and equitable approaches to location
problems. European Journal of Operational Research 122 (2000), 374-391. H. Everett: Generalized
Lagrange multiplier method for solving problems of optimum allocation of resources. Operations
Research 11 (1963), 399-417. M. Balinski: Integer programming: methods, uses, computation.
Management Science 12 (1965), 253-313.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from siting.errors import Fault, InputError
from siting.program.floors import Floor
from siting.program.instance import Floats, Instance

MoneyKind = Literal["subsidy_pkr", "cost_pkr"]
TailOf = Literal["unserved", "served"]


@dataclass(frozen=True)
class MostWorth:
    """The most worth served."""

    name: str = "most worth"


@dataclass(frozen=True)
class NetWorth:
    """The most worth served, less a charge on the money."""

    # Charge per rupee, in the program's unit of worth: one number, or one a year.
    least_gain: float | tuple[float, ...]
    of: MoneyKind = "subsidy_pkr"  # public money drawn, or cost in all
    name: str = "most worth net of money"

    @property
    def by_year(self) -> bool:
        """Whether the charge differs by year."""
        return isinstance(self.least_gain, tuple)

    def gains(self, years: int) -> Floats:
        """Return the charge per rupee in each of some years."""
        return np.broadcast_to(np.asarray(self.least_gain, dtype=float), (years,))


@dataclass(frozen=True)
class LeastMoney:
    """The least money: public money drawn, or cost in all."""

    of: MoneyKind = "subsidy_pkr"
    name: str = "least money"


@dataclass(frozen=True, eq=False)
class WorstShare:
    """The largest share served in the worst group; groups are floors with their shares ignored."""

    groups: tuple[Floor, ...]
    name: str = "best worst share"


@dataclass(frozen=True)
class LeastRegret:
    """The least worst regret over scenarios."""

    # Best value of each scenario alone; computed by the engine if empty.
    best: tuple[float, ...] = ()
    name: str = "least regret"


@dataclass(frozen=True)
class Tail:
    """The best mean of the worst ``1 - alpha`` of outcomes (conditional value at risk)."""

    alpha: float
    of: TailOf = "unserved"
    name: str = "best tail"


@dataclass(frozen=True)
class ShortestDrives:
    """The shortest drives (kWh × minutes)."""

    name: str = "shortest drives"


@dataclass(frozen=True, eq=False)
class LeastCostToAll:
    """The least yearly cost of stations and their drivers' time."""

    # Yearly cost of each standing offer (PKR), by ``offer_id``; 0 for existing stations, whose cost
    # is sunk.
    cost_pkr_year: Mapping[str, float]
    # Yearly cost of a minute's drive for each kWh/day (PKR), by vehicle class.
    pkr_kwh_min: Mapping[str, float]
    name: str = "least cost to all"

    def of_offers(self, instance: Instance) -> Floats:
        """Return the yearly cost of each offer of an instance (PKR)."""
        return np.array([self.cost_pkr_year[str(o)] for o in instance.offer_ids], dtype=float)

    def of_classes(self, instance: Instance) -> Floats:
        """Return the cost of a minute by vehicle class of an instance (PKR a year per kWh/day)."""
        return np.array([self.pkr_kwh_min.get(k, 0.0) for k in instance.class_names], dtype=float)


# Aims that use the drive of each cell: rows of different cells stay apart.
Drives = ShortestDrives | LeastCostToAll
Aim = MostWorth | NetWorth | LeastMoney | WorstShare | LeastRegret | Tail | Drives


def least_cost_to_all(
    instance: Instance, cost_pkr_year: Mapping[str, float], pkr_kwh_min: Mapping[str, float]
) -> LeastCostToAll:
    """Return the aim for an instance; existing stations add no cost.

    An `InputError` names offers and classes without a figure, and invalid figures.
    """
    named, standing = instance.offer_ids.astype(str), instance.offer_existing
    cost = {str(k): float(v) for k, v in cost_pkr_year.items()}
    cost |= dict.fromkeys(named[standing].tolist(), 0.0)
    minute = {str(k): float(v) for k, v in pkr_kwh_min.items()}
    wanted = [instance.class_names[k] for k in np.unique(instance.demand_class)]
    faults = []
    for name, each, given, needed in (
        ("cost_pkr_year", "offers", cost, named.tolist()),
        ("pkr_kwh_min", "vehicle classes", minute, wanted),
    ):
        where = f"least cost to all, {name}"
        missing = tuple(one for one in needed if one not in given)
        bad = tuple(one for one, pkr in given.items() if not 0 <= pkr < math.inf)
        if missing:
            faults.append(Fault(where, f"{each} without a figure", "give one for each", missing))
        if bad:
            faults.append(Fault(where, f"{each} without a number of 0 or more", "", bad))
    unknown = tuple(sorted(set(minute) - set(instance.class_names)))
    if unknown:
        fix = f"use {', '.join(instance.class_names)}"
        faults.append(Fault("least cost to all, pkr_kwh_min", "no such classes", fix, unknown))
    if faults:
        raise InputError(faults)
    return LeastCostToAll(cost, minute)


def tail_mean(outcome: Floats, probability: Floats, alpha: float) -> float:
    """Return the mean over the worst, that is lowest, ``1 - alpha`` of outcomes.

    The worst half of three outcomes, the lowest of which has a probability of 0.3:

    >>> tail_mean(np.array([4.0, 9.0, 20.0]), np.array([0.3, 0.5, 0.2]), 0.5)
    6.0
    """
    order = np.argsort(outcome, kind="stable")
    share = probability[order]
    before = np.cumsum(share) - share
    inside = np.clip(1 - alpha - before, 0.0, share)
    return float((inside * outcome[order]).sum() / inside.sum())
