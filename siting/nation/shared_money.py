"""The money shared by the cities of a nation, and its limits for each."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from siting.config import Config, NationConfig
from siting.nation.city import Row, given_up
from siting.nation.division_bound import Pot
from siting.program.instance import Floats

BUDGET = "the nation's budget"
# Divisions by a number of the cities alone; None: equal shares.
SPLITS = {"population": "people", "demand": "demand_kwh_day", "vehicles": "vehicles", "equal": None}
# Seconds grow with the demand of a city to this power, and are at least this share of the mean:
# large cities are hard, and hold most of the nation's unproven energy.
LARGER, LEAST_TIME = 0.75, 0.25


class SharedMoney:
    """The money of a nation, by year where there are years, with floors and ceilings (PKR).

    Parameters
    ----------
    config, cities, provinces
        The nation's configuration, its cities' and their provinces (`siting.config.load_nation`).
    """

    def __init__(
        self, config: NationConfig, cities: Sequence[Config], provinces: Sequence[str]
    ) -> None:
        self.config = config
        self.studies: dict[str, Config] = {one.name: one for one in cities}
        self.province = dict(zip(self.studies, provinces, strict=True))
        self.asked = dict(zip(self.studies, config.cities, strict=True))
        self.facts: dict[str, Row] = {}
        self.failed: dict[str, str] = {}
        plan = config.years
        # The years of the plan, empty for a single sum, and the money of each (PKR).
        self.years: tuple[int, ...] = () if plan is None else tuple(plan.budgets_pkr)
        money = [config.money_pkr] if plan is None else list(plan.budgets_pkr.values())
        self.money: Floats = np.array(money, dtype=float)
        self.carry_over = plan is not None and plan.carry_over
        # Share of the energy that shorter drives may cost after the division.
        self.given_up = max(given_up(one) for one in self.studies.values())

    def limit_s(self, city: str) -> float:
        """Return the time limit for a question to a city (s), on average the configured one."""
        asked = {n: f for n, f in self.facts.items() if n not in self.failed}
        size = {n: f["demand_kwh_day"] ** LARGER for n, f in asked.items()}
        mean = math.fsum(size.values()) / max(len(size), 1)
        share = size.get(city, 0.0) / mean if mean > 0 else 1.0
        return self.config.solver.time_limit_s * max(share, LEAST_TIME)

    @property
    def pots(self) -> tuple[Pot, ...]:
        """Return the money shared by cities: the budget, and that of the provinces."""
        budget, years = self.config.money_pkr, tuple(range(len(self.money)))
        shared = self.budgets()
        for name, money in self.config.provinces.items():
            mine = tuple(c for c, province in self.province.items() if province == name)
            alive = [c for c in mine if c not in self.failed]
            least = money.least(budget) if alive else 0.0
            shared.append(Pot(name, mine, least, money.most(budget), years))
        for name in self.studies if self.years else ():
            low, high = self.limits(name)
            if low > 0 or high < budget:
                shared.append(Pot(f"money of {name}", (name,), low, high, years))
        return tuple(shared)

    def budgets(self, part: float = 1.0) -> list[Pot]:
        """Return the nation's budget, or a part of it; by year, or up to each year."""
        cities = tuple(self.studies)
        if not self.years:
            return [Pot(BUDGET, cities, at_most=part * float(self.money[0]))]
        there = np.cumsum(self.money) if self.carry_over else self.money
        word = "up to" if self.carry_over else "of"
        return [
            Pot(f"{BUDGET} {word} {year}", cities, 0.0, part * float(there[t]),
                tuple(range(t + 1)) if self.carry_over else (t,))
            for t, year in enumerate(self.years)
        ]  # fmt: skip

    def within(self, money: Floats, most: float) -> Floats:
        """Return money by year (PKR) cut to a total."""
        return np.diff(np.minimum(np.cumsum(money), most), prepend=0.0)

    def high(self, name: str) -> Floats:
        """Return the most money of a city by year, one year after the other (PKR)."""
        return self.within(self.money, self.limits(name)[1])

    def widest(self, name: str) -> Floats:
        """Return money by year (PKR) that contains every possible grant of a city.

        Without carried-over money its sum is above the city's own limit, which may fall into any
        year.
        """
        return self.high(name) if self.carry_over else self.most(name)

    def most(self, name: str) -> Floats:
        """Return the most money of a city in each single year (PKR)."""
        there = np.cumsum(self.money) if self.carry_over else self.money
        return np.minimum(there, self.limits(name)[1])

    def limits(self, name: str) -> tuple[float, float]:
        """Return the least and the most money of a city (PKR); a failed city has no least."""
        asked, budget = self.asked[name], self.config.money_pkr
        if asked.takes_part == "never":
            return 0.0, 0.0
        least = 0.0 if name in self.failed else asked.least(budget)
        return least, min(asked.most(budget), budget)

    def split(self, split: str) -> dict[str, Floats]:
        """Return the money of each city that takes part, by a number alone and by year (PKR)."""
        key = SPLITS[split]
        weight = {
            n: 0.0 if self.asked[n].takes_part == "never"
            else 1.0 if key is None else float(self.facts[n].get(key, 0.0))
            for n in self.studies
        }  # fmt: skip
        whole = math.fsum(weight.values()) or 1.0
        return {n: self.money * w / whole for n, w in weight.items()}
