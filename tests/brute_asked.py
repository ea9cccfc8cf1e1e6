"""What can be asked of a small town, in plain words, and every plan that what is scarce allows.

The first half of the brute force `brute_program`; no code is shared with `siting`.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from brute_force import COMPATIBILITY, GROUPS


@dataclass(frozen=True)
class Scarce:
    """What offers use together of something, at most or at least; for each rupee drawn, or once."""

    name: str
    use: Mapping[str, float]
    at_most: float = math.inf
    at_least: float = 0.0
    per_rupee: bool = False
    kind: str = "other"


@dataclass(frozen=True)
class Shares:
    """Shares that must be served of the city (None), of classes ("class") or of zones (by id)."""

    of: Any
    shares: Mapping[str, float]
    when: str = "last"


@dataclass(frozen=True)
class Asked:
    """What is asked of a town; every field but the tables may be left as it is.

    ``aims``: ``("most_worth",)``, ``("net_worth", gain, "subsidy_pkr" | "cost_pkr")`` (a gain, or
    one a year),
    ``("least_money", "subsidy_pkr" | "cost_pkr")``,
    ``("least_cost_to_all", yearly cost by offer, cost of a minute by class)``,
    ``("worst_share", of, when)``, ``("least_regret",)``, ``("tail", alpha, of)`` and
    ``("shortest_drives",)``. ``demand_of`` and a ``worth`` that is a dict go by year, by scenario
    or by (year, scenario). A budget of None is all the money there is. ``distances`` are offers of
    another plan and how many sites must differ; a station nobody could use is no difference.
    """

    demand: pd.DataFrame
    offers: pd.DataFrame
    reach: pd.DataFrame
    budget: float | None = 6.0
    model: str = "capacitated"
    budgets: Mapping[int, float] | None = None
    carry_over: bool = False
    upgrades: bool = False
    discount_rate: float = 0.0
    last_period_years: int = 1
    scenarios: Mapping[str, float] | None = None
    demand_of: Mapping[Any, pd.Series] | None = None
    worth: Any = None
    worth_unit: str = "people"
    decay: tuple | None = None  # ("exponential", scale), ("gaussian", sigma), ("step", {min: f}), …
    floors: tuple[Shares, ...] = ()
    limits: tuple[Scarce, ...] = ()
    required: tuple[str, ...] = ()
    distances: tuple[tuple[tuple[str, ...], int], ...] = ()
    # Margin by class (PKR), the most that is paid: a share of the cost, or PKR by offer, and the
    # share of its sales at which a station must break even; the concession of sites in one.
    gap: tuple[Mapping[str, float], Any, float, Mapping[str, str]] | None = None
    aims: tuple[tuple, ...] = (("most_worth",),)
    compatibility: pd.DataFrame = field(default_factory=lambda: COMPATIBILITY)

    def slice_keys(self):
        """Return the slices as keys of ``demand_of``: (key, year position, scenario position)."""
        years, names = list(self.budgets or [None]), list(self.scenarios or [None])
        for (t, year), (k, name) in itertools.product(enumerate(years), enumerate(names)):
            both = year is not None and name is not None
            yield ((year, name) if both else name if year is None else year), t, k


def groups_of(asked, of):
    """Return the demand ids of every group of a partition, by its name."""
    table = asked.demand
    if of is None:
        return {"city": set(table["demand_id"])}
    if isinstance(of, str):
        return {k: set(g["demand_id"]) for k, g in table.groupby("vehicle_class")}
    out = {}
    for name, zone in of.items():
        if isinstance(zone, str) and zone:
            out.setdefault(zone, set()).add(name)
    return out


def nearness(decay, minutes):
    """Return what a kWh counts after a drive, 0 to 1."""
    if decay is None:
        return 1.0
    kind, *rest = decay
    if kind == "exponential":
        return math.exp(-minutes / rest[0])
    if kind == "gaussian":
        return math.exp(-(minutes**2) / (2 * rest[0] ** 2))
    if kind == "step":
        return rest[0][max(m for m in rest[0] if m <= minutes)]
    full, end, least = rest
    return 1 - (1 - least) * min(max((minutes - full) / (end - full), 0.0), 1.0)


class Plans:
    """One town, what can stand at its sites, and the plans that what is scarce allows."""

    def __init__(self, asked):
        self.asked = asked
        self.slices = list(asked.slice_keys())
        self.years = len(asked.budgets or [None])
        self.chance = list((asked.scenarios or {None: 1.0}).values())
        self.weight = self.weights()
        table = asked.demand.set_index("demand_id")
        self.kwh = [
            (table["demand_kwh_day"] if asked.demand_of is None else asked.demand_of[key]).to_dict()
            for key, _, _ in self.slices
        ]
        self.cell, self.kind = table["cell_id"].to_dict(), table["vehicle_class"].to_dict()
        self.offers = asked.offers.set_index("offer_id").to_dict("index")
        self.at = self.open_offers()

    def weights(self):
        asked = self.asked
        if not asked.budgets:
            return [1.0]
        years = list(asked.budgets)
        ends = [*years[1:], years[-1] + asked.last_period_years]
        return [
            (b - a) * (1 + asked.discount_rate) ** -(a - years[0])
            for a, b in zip(years, ends, strict=True)
        ]

    # --- what can stand ----------------------------------------------------------------------

    def capacity(self, offer, group):
        return self.offers[offer][f"capacity_{group}_kwh_day"]

    def draws(self, offer):
        """Return the public money an offer draws; nothing by itself under the viability gap."""
        return 0.0 if offer is None or self.asked.gap else self.offers[offer]["subsidy_pkr"]

    @cached_property
    def plugs(self):
        """Return (demand id, site, minutes, group) of all that could ever plug in."""
        asked = self.asked
        uses = asked.compatibility.groupby("vehicle_class")["charger_group"].apply(list).to_dict()
        near = {}
        for cell, site, minutes in asked.reach[["cell_id", "site_id", "travel_min"]].itertuples(
            index=False
        ):
            near.setdefault(cell, []).append((site, minutes))
        return [
            (i, site, minutes, group)
            for i in self.cell
            for site, minutes in near.get(self.cell[i], [])
            for group in uses.get(self.kind[i], [])
        ]

    def open_offers(self):
        """Return the offers that can stand at each site, the standing one first."""
        asked = self.asked
        used = {
            (site, group) for i, site, _, group in self.plugs if max(kwh[i] for kwh in self.kwh) > 0
        }
        counted = {o for s in asked.limits if s.at_least > 0 for o, u in s.use.items() if u > 0}
        out = {}
        for o, row in sorted(self.offers.items(), key=lambda item: not item[1]["existing"]):
            site = row["site_id"]
            if row["reason"]:
                continue
            stands = site in out and self.offers[out[site][0]]["existing"]
            if stands and not row.get("extends", False):
                continue
            useful = any((site, g) in used and self.capacity(o, g) > 0 for g in GROUPS)
            if useful or row["existing"] or stands or site in asked.required or o in counted:
                out.setdefault(site, []).append(o)
        return out

    def courses(self, site):
        """Return what can stand at a site in each year: courses that close nothing."""
        stands = self.offers[self.at[site][0]]["existing"]
        must = stands or site in self.asked.required
        out = []
        for course in itertools.product([None, *self.at[site]], repeat=self.years):
            if course[-1] is None and must:
                continue
            if stands and course[0] is None:
                continue
            if all(self.becomes(a, b) for a, b in itertools.pairwise(course)):
                out.append(course)
        return out

    def becomes(self, before, after):
        if before is None or before == after:
            return True
        if after is None or self.offers[after]["existing"]:
            return False
        if self.offers[before]["existing"]:
            return True
        bigger = all(self.capacity(after, g) >= self.capacity(before, g) for g in GROUPS)
        return self.asked.upgrades and bigger and self.draws(after) >= self.draws(before)

    def plans(self):
        """Yield every plan that what is scarce allows, as {site: course}."""
        asked = self.asked
        if not set(asked.required) <= set(self.at):
            return
        for pick in itertools.product(*(self.courses(site) for site in self.at)):
            plan = dict(zip(self.at, pick, strict=True))
            if self.affordable(plan) and self.within(plan) and self.apart(plan):
                yield plan

    def affordable(self, plan):
        asked = self.asked
        if asked.gap or (asked.budgets is None and asked.budget is None):
            return True
        if asked.budgets is None:
            return sum(self.draws(c[-1]) for c in plan.values()) <= asked.budget + 1e-9
        left = 0.0
        for t, money in enumerate(asked.budgets.values()):
            left = money + (left if asked.carry_over else 0.0)
            for course in plan.values():
                left -= self.draws(course[t]) - (self.draws(course[t - 1]) if t else 0.0)
            if left < -1e-9:
                return False
        return True

    def within(self, plan):
        for one in self.asked.limits:
            if one.per_rupee and self.asked.gap:
                continue  # over what is paid: rows of the linear program
            for t in range(self.years):
                used = sum(
                    one.use.get(c[t], 0.0) * (self.draws(c[t]) if one.per_rupee else 1.0)
                    for c in plan.values()
                )
                last = t == self.years - 1
                if used > one.at_most + 1e-9 or (last and used < one.at_least - 1e-9):
                    return False
        return True

    def apart(self, plan):
        mine = {site for site, course in plan.items() if course[-1] is not None}
        return all(
            len(mine ^ {self.offers[o]["site_id"] for o in other}) >= sites
            for other, sites in self.asked.distances
        )
