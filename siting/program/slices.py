"""Slices: the years and scenarios in which a plan is evaluated.

A *slice* is one year in one scenario. Each slice has its own demand, and no energy moves between
slices. A station that is open in a year is open in all scenarios of that year, because a plan is
chosen before the scenario is known.

The weight ``w_t`` of a kWh/day in year ``t`` is the number of years until the next year of the
plan, discounted to the first year. In a mean over scenarios, the weight of scenario ``s`` is its
probability ``p_s``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from siting import settings
from siting.errors import Fault, naming, refuse, require_kind
from siting.program.instance import Floats


@dataclass(frozen=True)
class Slice:
    """One year in one scenario."""

    name: str  # name in tables: ``2027``, ``slow``, ``2027 slow``; empty for a single slice
    year: int  # position of the year; 0 without years
    scenario: int  # position of the scenario; 0 without scenarios
    weight: float  # weight of a kWh/day in the year
    probability: float  # probability of the scenario


@dataclass(frozen=True)
class Years:
    """The years of a plan in order, each with its public money; `Years.of` checks them."""

    years: tuple[int, ...]
    budgets_pkr: tuple[float, ...]  # public money granted in each year (PKR)
    weights: tuple[float, ...]  # weight of a kWh/day in each year
    carry_over: bool  # whether unspent money of a year can be spent later
    upgrades: bool  # whether a new station can be enlarged later, for the difference in cost

    @classmethod
    def of(
        cls,
        budgets_pkr: Mapping[int, float],
        *,
        carry_over: bool = False,
        upgrades: bool = False,
        discount_rate: float = 0.0,
        last_period_years: int = 1,
    ) -> Years:
        """Return the years with their weights.

        `budgets_pkr` is the public money granted in each year (PKR), in order of years.
        `discount_rate` (0 to 1) is the rate per year at which a kWh/day is discounted.
        Each year of the plan represents the period until the next year; `last_period_years` is the
        length of the last period.

        >>> Years.of({2027: 5e6, 2030: 5e6}, discount_rate=0.1).weights
        (3.0, 0.7513148009015775)
        """
        require_kind("budgets_pkr", budgets_pkr, Mapping, "give PKR per year, such as {2027: 5e7}")
        faults = []
        if not budgets_pkr:
            faults.append(Fault("years", "are empty", "give the money of each year"))
        odd = [y for y in budgets_pkr if isinstance(y, bool) or not isinstance(y, int | np.integer)]
        faults += naming("years", "some are not whole numbers", odd, "give years such as 2027")
        late = [b for a, b in pairwise(budgets_pkr) if b <= a]
        faults += naming("years", "are out of order", late, "give the years from first to last")
        bad = [f"{y}: {pkr:,.0f}" for y, pkr in budgets_pkr.items() if not 0 <= pkr < math.inf]
        what = "some amounts are negative or not numbers"
        faults += naming("budgets_pkr", what, bad, "enter amounts of PKR 0 or more")
        if not 0 <= discount_rate <= 1:
            fix = "give a yearly rate from 0 to 1, such as 0.08"
            faults.append(Fault("discount_rate", f"is {discount_rate}", fix))
        if last_period_years < 1:
            faults.append(Fault("last_period_years", f"is {last_period_years}", "enter 1 or more"))
        refuse(faults)
        years = tuple(int(year) for year in budgets_pkr)
        length = np.diff([*years, years[-1] + last_period_years])
        weights = length * (1.0 + discount_rate) ** -(np.array(years) - float(years[0]))
        money = tuple(float(pkr) for pkr in budgets_pkr.values())
        return cls(years, money, tuple(weights.tolist()), carry_over, upgrades)

    @property
    def limit_pkr(self) -> Floats:
        """The maximum spending (PKR) in each year or, if money carries over, up to that year."""
        budgets = np.array(self.budgets_pkr)
        return np.cumsum(budgets) if self.carry_over else budgets


@dataclass(frozen=True)
class Scenarios:
    """The scenarios with their probabilities; `Scenarios.of` makes and checks them."""

    names: tuple[str, ...]
    probabilities: tuple[float, ...]

    @classmethod
    def of(cls, probabilities: Mapping[str, float]) -> Scenarios:
        """Return the scenarios, with probabilities scaled to a sum of 1.

        >>> Scenarios.of({"slow": 0.25, "fast": 0.75}).probabilities
        (0.25, 0.75)
        """
        require_kind("probabilities", probabilities, Mapping, "give probabilities by scenario name")
        faults = []
        if not probabilities:
            faults.append(Fault("scenarios", "are empty", "name at least one scenario"))
        bad = [f"{name}: {p}" for name, p in probabilities.items() if not 0 <= p < math.inf]
        faults += naming("probabilities", "some are not shares", bad, "enter numbers from 0 to 1")
        total = math.fsum(probabilities.values())
        if not bad and probabilities and abs(total - 1) > settings.SIGNIFICANT:
            fix = "divide each probability by the sum if their proportions are right"
            faults.append(Fault("probabilities", f"sum to {total:g}, not 1", fix))
        refuse(faults)
        return cls(tuple(map(str, probabilities)), tuple(p / total for p in probabilities.values()))


def by_scenario(slices: Sequence[Slice], by_slice: Sequence[float] | Floats) -> Floats:
    """Return, for each scenario, the sum of a figure over the years, weighted by year."""
    weight = np.array([one.weight for one in slices])
    return np.bincount([one.scenario for one in slices], weight * by_slice)


def year_weights(slices: Sequence[Slice]) -> Floats:
    """Return the weight of each year, in the order of the years."""
    return np.array([one.weight for one in slices if one.scenario == 0])


def slices_of(years: Years | None, scenarios: Scenarios | None) -> tuple[Slice, ...]:
    """Return the slices, ordered by year, then by scenario.

    >>> [s.name for s in slices_of(Years.of({2027: 1.0, 2030: 1.0}), Scenarios.of({"a": 1.0}))]
    ['2027 a', '2030 a']
    """
    out = []
    for t, weight in enumerate(years.weights if years else (1.0,)):
        year = str(years.years[t]) if years else ""
        for s, p in enumerate(scenarios.probabilities if scenarios else (1.0,)):
            name = scenarios.names[s] if scenarios else ""
            out.append(Slice(f"{year} {name}".strip(), t, s, weight, p))
    return tuple(out)
