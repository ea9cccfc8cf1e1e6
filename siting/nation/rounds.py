"""Solve the cities in rounds, for budgets or at prices of public money, and divide the budget."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.batch.pools import Workers
from siting.config import Config, NationConfig
from siting.errors import Fault, InfeasibleError, SolveError, naming, refuse
from siting.nation import city as asking
from siting.nation.city import Ask, Row, covers, given_up
from siting.nation.division_bound import (
    MILLION,
    Divided,
    Points,
    Pot,
    added_up_by_year,
    best_prices,
    certificate,
    divide,
    price_columns,
    prices_of,
)
from siting.program.instance import Floats

Report = Callable[[str], None]

BUDGET = "the nation's budget"
# Simple divisions of the budget. Each city's share is in proportion to this fact (None: equal).
SPLITS = {"population": "people", "demand": "demand_kwh_day", "vehicles": "vehicles", "equal": None}
# A city's time limit is proportional to its demand to the power `LARGER`, and at least `LEAST_TIME`
# times the mean limit. Large cities cause most of the nation's gap.
LARGER, LEAST_TIME = 0.75, 0.25
# If the gap of a solve at a price exceeds `LOOSE` times the energy, the city is solved again with
# twice the time, up to `MOST_TIMES` times the time limit.
LOOSE, MOST_TIMES = 0.05, 8.0
# A city with bounds for any budgets is solved less often, with this multiple of the time limit.
LONGER = 3.0
# Cells of two cities overlap if more than this share of a cell is in both; otherwise, they touch.
SLIVER = 0.02
BOUND_COLUMNS = (
    "city", "purpose", "budget_pkr", "price", "bound_kwh_day", "served_kwh_day", "subsidy_pkr",
    "new_stations", "drives_min", "status", "seconds", "error",
)  # fmt: skip
# Yearly keys of a solve or its answer, and the columns of the bounds table made from them.
BY_YEAR = {
    "money": "budget_{}_pkr", "drawn_by_year": "subsidy_{}_pkr",
    "served_by_year": "served_{}_kwh_day",
}  # fmt: skip


class Rounds:
    """The cities of a nation, the solves of the cities, and the division of the budget.

    `config`, `cities` and `provinces` come from `siting.config.load_nation`; `rows` are earlier
    answers. In a multi-year plan, every amount of money (PKR) has one value per year.
    """

    def __init__(
        self, config: NationConfig, cities: Sequence[Config], provinces: Sequence[str], *,
        rows: Sequence[Row] = (), workers: Workers | None = None, progress: Report | None = None,
    ) -> None:  # fmt: skip
        self.config = config
        self.studies: dict[str, Config] = {one.name: one for one in cities}
        self.province = dict(zip(self.studies, provinces, strict=True))
        self.asked = dict(zip(self.studies, config.cities, strict=True))
        self.facts: dict[str, Row] = {}
        self.failed: dict[str, str] = {}
        plan = config.years
        # The years of the plan (empty if the budget is not yearly), and their budgets (PKR).
        self.years: tuple[int, ...] = () if plan is None else tuple(plan.budgets_pkr)
        money = [config.money_pkr] if plan is None else list(plan.budgets_pkr.values())
        self.money: Floats = np.array(money, dtype=float)
        self.carry_over = plan is not None and plan.carry_over
        # Share of the energy that the final plans may give up for shorter drive times.
        self.given_up = max(given_up(one) for one in self.studies.values())
        self.tell: Report = progress or (lambda _: None)
        self.workers = workers or Workers()
        self.rows = list(rows)

    # --- the money and its limits -----------------------------------------------------------------

    def limit_s(self, city: str) -> float:
        """Return a city's time limit per solve (s), which grows with the city's demand."""
        asked = {n: f for n, f in self.facts.items() if n not in self.failed}
        size = {n: f["demand_kwh_day"] ** LARGER for n, f in asked.items()}
        mean = math.fsum(size.values()) / max(len(size), 1)
        share = size.get(city, 0.0) / mean if mean > 0 else 1.0
        return self.config.solver.time_limit_s * max(share, LEAST_TIME)

    @property
    def pots(self) -> tuple[Pot, ...]:
        """Return limits on grants: for the nation, provinces and, in multi-year plans, cities."""
        budget, years = self.config.money_pkr, tuple(range(len(self.money)))
        shared = self.budgets()
        for name, money in self.config.provinces.items():
            mine = tuple(c for c, province in self.province.items() if province == name)
            least = money.least(budget) if any(c not in self.failed for c in mine) else 0.0
            shared.append(Pot(name, mine, least, money.most(budget), years))
        for name in self.studies if self.years else ():
            low, high = self.limits(name)
            if low > 0 or high < budget:
                shared.append(Pot(f"money of {name}", (name,), low, high, years))
        return tuple(shared)

    def budgets(self, part: float = 1.0) -> list[Pot]:
        """Return a share of the nation's budget as a `Pot`, or one `Pot` per year of the plan."""
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

    def within(self, name: str, money: Floats) -> Floats:
        """Return yearly amounts (PKR), cut to a city's maximum grant; late years are cut first."""
        return np.diff(np.minimum(np.cumsum(money), self.limits(name)[1]), prepend=0.0)

    def high(self, name: str) -> Floats:
        """Return a city's maximum grant, paid in the earliest possible years (PKR in each year)."""
        return self.within(name, self.money)

    def widest(self, name: str) -> Floats:
        """Return yearly amounts (PKR) that cover any plan that a grant to a city can pay for."""
        return self.high(name) if self.carry_over else self.most(name)

    def most(self, name: str) -> Floats:
        """Return a city's maximum grant (PKR) in each year, if it gets none in the other years."""
        there = np.cumsum(self.money) if self.carry_over else self.money
        return np.minimum(there, self.limits(name)[1])

    def limits(self, name: str) -> tuple[float, float]:
        """Return the minimum and maximum grant to a city (PKR); the minimum is 0 if it failed."""
        asked, budget = self.asked[name], self.config.money_pkr
        if asked.takes_part == "never":
            return 0.0, 0.0
        least = 0.0 if name in self.failed else asked.least(budget)
        return least, min(asked.most(budget), budget)

    def floors_of(self, name: str) -> tuple[float, int]:
        """Return a city's floors: minimum energy (kWh/day) and minimum number of new stations."""
        need = self.config.least_kwh_day_a_head * self.facts[name].get("people", 0.0)
        return need, int(self.asked[name].takes_part == "must")

    @property
    def alive(self) -> list[str]:
        """The cities that did not fail."""
        return [name for name in self.studies if name not in self.failed]

    def split(self, split: str) -> dict[str, Floats]:
        """Return the grant to each city in each year (PKR) under one of the simple `SPLITS`."""
        key = SPLITS[split]
        weight = {
            n: 0.0 if self.asked[n].takes_part == "never"
            else 1.0 if key is None else float(self.facts[n].get(key, 0.0))
            for n in self.studies
        }  # fmt: skip
        whole = math.fsum(weight.values()) or 1.0
        return {n: self.money * w / whole for n, w in weight.items()}

    # --- asking -----------------------------------------------------------------------------------

    def ask(
        self, city: str, purpose: str, money: Floats, prices: Floats | None = None, *, free: bool
    ) -> Ask:
        """Return a solve of a city; if `free` is true, its plan need not meet any floor."""
        need, stations = (0.0, 0) if free else self.floors_of(city)
        share = min(need / self.facts[city]["wanted_by_year"][-1], 1.0) if need > 0 else 0.0
        # A solve without prices may use only a part of each envelope, so that every city has one.
        part = 1.0 if prices is not None else min(math.fsum(money) / self.config.money_pkr, 1.0)
        envelopes = {
            name: (one.budget_pkr * part, one.charger_groups)
            for name, one in self.config.envelopes.items()
        }
        priced = None if prices is None else tuple(prices.tolist())
        return Ask(city, purpose, tuple(money.tolist()), priced, share, stations, envelopes)

    def prepare(self) -> None:
        """Compute the facts of every city; reject overlapping areas and impossible floors."""
        tasks = {name: (asking.facts, (config,)) for name, config in self.studies.items()}
        for name, row in self.workers.each(tasks):
            self.facts[name] = row
            if row["status"] != "optimal":
                self.fail(name, row["error"])
            else:
                kwh, s = row["demand_kwh_day"], row["seconds"]
                self.tell(f"{name}: demand of {kwh:,.0f} kWh/day, {s:,.1f} s")
        faults = overlaps({n: self.facts[n].get("cells", {}) for n in self.studies})
        for name in self.studies:
            facts, need = self.facts[name], self.floors_of(name)[0]
            have = facts.get("reachable_by_year", [math.inf])[-1]
            if need > have:
                fix = f"set at most {have / facts['people']:.3g}"
                what = f"{name} has {have:,.0f} kWh/day within reach, but needs {need:,.0f}"
                faults.append(Fault("least_kwh_day_a_head", what, fix))
        refuse(faults)
        if self.rows:
            self.tell(f"{len(self.rows):,} answers of an earlier plan are still valid")
        if not self.alive:
            what = "; ".join(f"{n}: {e}" for n, e in self.failed.items())
            raise SolveError("cities", f"none could be read: {what}")

    def fail(self, name: str, why: str) -> None:
        """Record why a city failed, and report it."""
        self.failed[name] = why
        self.tell(f"{name}: failed, the other cities continue: {' '.join(why.split())}")

    def answer(self, asks: Sequence[Ask]) -> None:
        """Run the new solves, and repeat those whose answer has a large gap."""
        todo: list[tuple[Ask, float]] = []
        for ask in asks:
            mine = [r for r in self.rows if r["city"] == ask.city and r["status"] != "bound"]
            before = [r for r in mine if ask.like(r)]
            twice = any(one.city == ask.city and one.like(ask.told) for one, _ in todo)
            if ask.city in self.failed or twice:
                continue
            times = 1.0 if ask.prices is None else 2.0  # the certificate needs their bounds
            if ask.city in self.bounded and ask.purpose not in SPLITS and any(ask.money):
                times = LONGER
            if before:
                times = 2 * max(r["times"] for r in before)
                if not all(_loose(r) for r in before) or times > MOST_TIMES:
                    continue
            todo.append((ask, times))
        todo.sort(key=lambda one: -self.limit_s(one[0].city) * one[1])  # longest first
        work, threads = asking.answer, self.workers.threads
        tasks = {
            i: (work, (self.studies[a.city], a, self._start(a), self.limit_s(a.city) * t, threads))
            for i, (a, t) in enumerate(todo)
        }
        for i, row in self.workers.each(tasks):
            ask, times = todo[i]
            full = {**ask.told, "times": times, **row}
            if ask.envelopes and ask.prices is None:
                full["bound_kwh_day"] = math.nan  # the bound assumes only a part of each envelope
            self.rows.append(full)
            at = f"PKR {_in_millions(ask.money)} m"
            if ask.prices is not None:
                at = f"{_in_millions(np.array(ask.prices) * MILLION**2)} kWh/day per PKR m"
            said = f"{row['status']}, {' '.join(str(row['error']).split())}"
            if "served_kwh_day" in row:
                kwh, pkr = row["served_kwh_day"], _in_millions(row["drawn_by_year"])
                said = f"{kwh:,.0f} kWh/day for PKR {pkr} m, {row['seconds']:,.1f} s"
            self.tell(f"{ask.city}, {ask.purpose}, {at}: {said}")
            if row["status"] == "failed" and not self.plans(ask.city):
                self.fail(ask.city, row["error"])

    @property
    def bounded(self) -> set[str]:
        """The cities with a bound for every choice of yearly budgets."""
        return {row["city"] for row in self.rows if row["status"] == "bound"}

    def _relax(self, asks: Sequence[Ask]) -> None:
        """Prove bounds of cities for every choice of yearly budgets, from relaxations.

        Each bound becomes a row without a plan.
        """
        # A bound's prices are its solve's prices plus dual prices, so the solve's are compared.
        known = [row | {"prices": row["asked"]} for row in self.rows if row.get("asked")]
        new = [a for a in asks if not any(r["city"] == a.city and a.like(r) for r in known)]
        tasks = {
            i: (asking.bound, (self.studies[ask.city], ask, 2 * self.limit_s(ask.city)))
            for i, ask in enumerate(new)
        }
        for i, row in self.workers.each(tasks):
            name = new[i].city
            if row["status"] == "bound":
                wide = self.widest(name)  # the bound holds for any money, so also for this amount
                kept = {"city": name, "purpose": "any budget", "free": True, "times": 1.0}
                held = {"budget_pkr": math.fsum(wide), "money": tuple(wide.tolist())}
                self.rows.append({**kept, **held, **row, "asked": new[i].prices})
            elif row["status"] == "failed":
                self.tell(f"{name}, any budget: failed, {row['error']}")

    def _start(self, ask: Ask) -> tuple[str, ...]:
        """Return the offers of the best known plan from which a solve can start.

        With yearly money, a plan that costs too much counts in proportion to the money, because
        the solve leaves out the offers that the money does not pay for.
        """
        by_part = bool(self.years) and ask.free  # a part of a plan may miss the floors
        rows = [r for r in self.plans(ask.city) if by_part or r["subsidy_pkr"] <= ask.budget_pkr]
        if not rows:
            return ()
        prices = np.array(ask.prices or [0.0] * len(ask.money))

        def worth(row: Row) -> float:
            pkr = row["subsidy_pkr"]
            part = 1.0 if pkr <= ask.budget_pkr else ask.budget_pkr / pkr
            return float(part * (row["served_kwh_day"] - prices @ row["drawn_by_year"]))

        return tuple(max(rows, key=worth)["offers"])

    def plans(self, name: str, *, floors: bool = False) -> list[Row]:
        """Return the plans found for a city; if `floors` is true, only those that meet floors."""
        rows = [r for r in self.rows if r["city"] == name and "served_kwh_day" in r]
        if not floors:
            return rows
        need, stations = self.floors_of(name)
        need *= 1 - 1e-6
        return [
            r for r in rows if r["served_by_year"][-1] >= need and r["new_stations"] >= stations
        ]

    # --- dividing ---------------------------------------------------------------------------------

    def points(self, *, floors: bool = True) -> dict[str, Points]:
        """Return the plans of each city that meet its floors; a failed city has one empty plan.

        If `floors` is false, return all plans; only the budget then limits the grant to a city that
        may receive money.
        """
        by_city = {}
        nothing: Row = {"drawn_by_year": [0.0] * len(self.money), "served_kwh_day": 0.0}
        for name in self.studies:
            rows = [nothing] if name in self.failed else self.plans(name, floors=floors)
            low, high = self.limits(name)
            most: float | Floats = self.most(name) if self.years else high
            if not floors:
                low, most = 0.0, self.config.money_pkr if high > 0 else 0.0
            use = {
                key: np.array([r.get("envelopes", {}).get(key, 0.0) for r in rows])
                for key in self.config.envelopes
            }
            money, energy = (np.array([r[k] for r in rows], dtype=float)
                             for k in ("drawn_by_year", "served_kwh_day"))  # fmt: skip
            by_city[name] = Points(money, energy, low, most, use)
        return by_city

    def divided(
        self, pots: Sequence[Pot] | None = None, *, whole: bool = True, floors: bool = True
    ) -> Divided | None:
        """Return the best division of the budget (or of `pots`) that known plans allow, or None."""
        points = self.points(floors=floors)
        if any(not len(p.money) for p in points.values()):
            return None
        envelopes = {name: one.budget_pkr for name, one in self.config.envelopes.items()}
        return divide(points, pots or self.pots, envelopes, whole=whole)

    def without_floors_kwh_day(self) -> float | None:
        """Return the energy (kWh/day) of the best division without floors; None without floors."""
        budget = self.config.money_pkr
        least = any(self.limits(name)[0] > 0 for name in self.studies)
        least |= any(money.least(budget) > 0 for money in self.config.provinces.values())
        if not (self._has_floors or least):
            return None
        divided = self.divided(self.budgets(), floors=False)
        return None if divided is None else divided.energy

    def bounds(self) -> pd.DataFrame:
        """Return the bounds of all cities; the first bound of a city is its demand in reach."""
        rows: list[Row] = [
            {"city": name, "purpose": "in reach", "bound_kwh_day": facts.get("reachable_kwh_day")}
            for name, facts in self.facts.items()
        ]
        for row in self.rows:
            if row["city"] in self.failed:
                continue
            known, prices = dict(row), row["prices"]
            covering = covers(row["money"], self.widest(row["city"]))
            if prices is not None and not covering and row["status"] != "bound":
                known["bound_kwh_day"] = math.nan  # the bound does not hold for larger budgets
            if prices is None and covering and self.years:
                prices = [0.0] * len(self.years)  # the bound holds for any grant
            known |= dict(zip(price_columns(self.years), prices or (), strict=False))
            for key, column in BY_YEAR.items() if self.years else ():
                by_year = zip(self.years, row.get(key, ()), strict=False)
                known |= {column.format(year): number for year, number in by_year}
            rows.append(known)
        keys = list(BOUND_COLUMNS)
        if self.years:
            keys[keys.index("price") : keys.index("price") + 1] = price_columns(self.years)
            keys += [column.format(y) for column in BY_YEAR.values() for y in self.years]
        numbers = [k for k in keys if k not in ("city", "purpose", "status", "error")]
        return pd.DataFrame(rows).reindex(columns=keys).astype(dict.fromkeys(numbers, float))

    def proof(self, pots: Sequence[Pot] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return all bounds (with weights in multi-year plans) and their certificate for `pots`."""
        bounds, pots = self.bounds(), pots or self.pots
        if not self.years:
            return bounds, certificate(bounds, {n: self.limits(n) for n in self.studies}, pots)
        most = {name: self.most(name) for name in self.studies}
        prices, bounds["weight"] = best_prices(bounds, most, pots, self.years)
        return bounds, added_up_by_year(bounds, most, pots, prices, self.years)

    def ask_all(self) -> None:
        """Solve the cities for the simple splits, and then in rounds until the gap is small.

        Cities with bounds for any budgets are first solved for the split by demand, and at the end
        for all splits, so that these solves start from better plans.
        """
        names, money = self.alive, self.split("demand")
        if self.years and not self.config.envelopes:
            self._relax([self.ask(n, "any budget", money[n], free=True) for n in names])
        bounded = [name for name in names if name in self.bounded]
        asks = [self.ask(n, "nothing", 0.0 * self.money, free=True) for n in names]
        for i, split in enumerate(SPLITS):
            of = self.of_split(split, [name for name in names if name not in bounded])
            asks += [replace(one, rupee=bool(self.years) and i == 0) for one in of]
        for name in bounded:
            asks.append(self.ask(name, "fill", self.within(name, money[name]), free=False))
        self.answer(asks)
        if self._has_floors:
            self.answer([self.ask(n, "floors", self.high(n), free=False) for n in names])
        self._ask_in_rounds()
        self.answer([ask for split in SPLITS for ask in self.of_split(split, bounded)])

    def of_split(self, split: str, names: Sequence[str]) -> list[Ask]:
        """Return the solves of cities for one of the simple `SPLITS`."""
        money = self.split(split)
        return [self.ask(name, split, money[name], free=True) for name in names]

    def _ask_in_rounds(self) -> None:
        """Solve the cities at prices of public money and for better divisions, in rounds."""
        for number in range(self.config.solver.rounds):
            whole, shared, (_, terms) = self.divided(), self.divided(whole=False), self.proof()
            served = -math.inf if whole is None else whole.energy
            bound = math.fsum(terms["term_kwh_day"])
            self.tell(f"round {number + 1}: {served:,.0f} kWh/day, at most {bound:,.0f}")
            if bound <= served * (1 - self.given_up) * (1 + self.config.solver.gap):
                return
            proven = terms[terms["row"] == "city"].set_index("name")[price_columns(self.years)]
            asks: list[Ask] = []
            relaxed: list[Ask] = []
            for name in self.alive:
                bounded = name in self.bounded
                # If no division is known, only plans at prices can give one, so plans are sought.
                to_bound = bounded and whole is not None
                (relaxed if to_bound else asks).extend(self._priced(name, proven, shared, served))
                if shared is not None and (whole is None or not bounded):
                    fill = self.ask(name, "fill", shared.granted[name], free=False)
                    asks.append(replace(fill, rupee=bool(self.years) and not bounded))
                if whole is not None:
                    more = self.within(name, self._with_what_is_left(whole.granted, name))
                    asks.append(self.ask(name, "trade", more, free=False))
            # Divisions would improve these relaxations little: at the right prices of public
            # money, many divisions are about equally good.
            self._relax([replace(ask, least_share=0.0, least_stations=0) for ask in relaxed])
            self.answer(asks)

    def _priced(
        self, name: str, proven: pd.DataFrame, shared: Divided | None, served: float
    ) -> list[Ask]:
        """Return solves of a city at prices of public money (relaxations if it is bounded)."""
        bounded = name in self.bounded
        tried = [self._mean_price()] if bounded else self._rupees(name)
        if bounded or not tried:
            if name in proven.index:
                tried.append(np.maximum(proven.loc[name].to_numpy(float), 0.0))
            if not bounded and shared is not None:
                of_city = prices_of(name, self.pots, shared.prices, len(self.money))
                tried.append(np.maximum(of_city, 0.0))
        # If all prices are 0, the price to try is half the average energy per rupee.
        usual = np.full(len(self.money), 0.5 * max(served, 0.0) / self.config.money_pkr)
        return [
            self.ask(name, "price", self.widest(name), prices, free=False)
            for prices in [p for p in tried if p.any()] or [usual]
            if prices.any()
        ]

    def _mean_price(self) -> Floats:
        """Return the mean dual price of each year, from the cities' relaxations for a division.

        Cities are weighted by their demand. Cities that may get no money are left out, because
        their prices are arbitrary. If no city has dual prices, all prices are 0.
        """
        rows = [row for row in self.rows if row["status"] == "bound" and not row.get("asked")]
        last = {row["city"]: row["prices"] for row in rows}
        names = [name for name in self.alive if name in last and self.limits(name)[1] > 0]
        weights = np.array([self.facts[name]["demand_kwh_day"] for name in names])
        if not weights.sum() > 0:
            return 0.0 * self.money
        prices = np.array([last[name] for name in names])
        return np.asarray(np.average(prices, axis=0, weights=weights))

    def _rupees(self, name: str) -> list[Floats]:
        """Return sets of yearly prices at which to solve a city; empty if none are new.

        The yearly prices that follow from known plans jump between extremes. In the relaxed
        programs of all cities, the dual price of a year is about the same once the budget is well
        divided. The first set is therefore the mean of these dual prices, weighted by the cities'
        budgets. Cities with bounds for any budgets have prices of their own (`_mean_price`). If the
        grant to a city has limits, the city's own dual prices are also tried.
        """
        last = {r["city"]: r for r in self.rows if len(r.get("rupee", ()))}
        weights = np.array([math.fsum(r["money"]) for r in last.values()])
        if not weights.sum() > 0:
            return []
        tried = [weights @ np.array([r["rupee"] for r in last.values()]) / weights.sum()]
        limited = any(name in pot.cities for pot in self.pots[len(self.budgets()) :])
        if limited and name in last:
            tried.append(np.array(last[name]["rupee"]))
        before = [r for r in self.plans(name) if r["prices"] is not None]
        asks = [self.ask(name, "price", self.widest(name), prices, free=False) for prices in tried]
        # If the city was already solved at all these prices, the caller tries those of the
        # certificate and of the division.
        return tried if any(not any(a.like(r) for r in before) for a in asks) else []

    def _with_what_is_left(self, granted: Mapping[str, Floats], name: str) -> Floats:
        """Return, for each year, a city's grant plus all money that no city was granted (PKR)."""
        left = self.money - np.sum(list(granted.values()), axis=0)
        if self.carry_over:  # money needed in later years is not left over
            there = np.minimum.accumulate(np.cumsum(left)[::-1])[::-1]
            left = np.diff(np.maximum(there, 0.0), prepend=0.0)
        more: Floats = granted[name] + np.maximum(left, 0.0)
        return more

    @property
    def _has_floors(self) -> bool:
        must = any(one.takes_part == "must" for one in self.config.cities)
        return must or self.config.least_kwh_day_a_head > 0

    def chosen(self) -> dict[str, tuple[Floats, Row]]:
        """Return the grant and the plan of each city that did not fail."""
        whole = self.divided()
        if whole is None:
            raise InfeasibleError(self._why_not())
        chosen = {}
        for name in self.alive:
            row = self.plans(name, floors=True)[int(whole.weights[name].argmax())]
            chosen[name] = (np.maximum(whole.granted[name], row["drawn_by_year"]), row)
        return chosen

    def _why_not(self) -> list[Fault]:
        faults, least = [], 0.0
        for name in self.alive:
            if rows := self.plans(name, floors=True):
                least += max(min(r["subsidy_pkr"] for r in rows), self.limits(name)[0])
                continue
            tried = [r for r in self.rows if r["city"] == name and r["status"] == "impossible"]
            why = " ".join(str(tried[-1]["error"]).split()) if tried else "none was found"
            fix = "lower least_kwh_day_a_head, or raise solver.time_limit_s"
            faults.append(Fault(name, f"has no plan that meets its floors: {why}", fix))
        if not faults:
            have = self.config.money_pkr
            need, there, most = (f"PKR {x / 1e6:,.1f} m" for x in (least, have, max(least, have)))
            what = f"in the plans found, the cities' floors need {need}; the budget is {there}"
            fix = f"raise the budget to {most}, or lower a floor"
            faults.append(Fault("years" if self.years else "budget_pkr", what, fix))
        return faults


def _loose(row: Row) -> bool:
    """Return whether the gap of a solve at a price exceeds `LOOSE` times the plan's energy."""
    if row["prices"] is None or "served_kwh_day" not in row:
        return False
    net = row["served_kwh_day"] - np.array(row["prices"]) @ row["drawn_by_year"]
    return not row["bound_kwh_day"] - net <= LOOSE * row["served_kwh_day"]


def _in_millions(money: Sequence[float] | Floats) -> str:
    return " + ".join(f"{pkr / MILLION:,.1f}" for pkr in money)


def overlaps(cells: Mapping[str, Mapping[str, bytes]]) -> list[Fault]:
    """Return an error for each pair of cities whose `cells` (WKB in lon/lat, by id) overlap."""
    areas = {
        name: gpd.GeoDataFrame(
            {"cell_id": list(shapes)}, geometry=gpd.GeoSeries.from_wkb(list(shapes.values()))
        )
        for name, shapes in cells.items()
        if shapes
    }
    faults: list[Fault] = []
    for (one, here), (other, there) in itertools.combinations(areas.items(), 2):
        met = gpd.sjoin(here, there, predicate="intersects")
        theirs = there.geometry.loc[met["index_right"]]
        common = met.geometry.intersection(theirs, align=False).area / met.geometry.area
        ids = sorted(set(met.loc[(common > SLIVER).to_numpy(), "cell_id_left"].astype(str)))
        what = f"{one} and {other} overlap: {len(ids):,} cells would count twice"
        fix = "leave one out, or reduce its area (demand.clip_to_roads, or its layers)"
        faults += naming("cities", what, [f"{one}: {c}" for c in ids], fix)
    return faults
