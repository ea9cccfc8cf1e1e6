"""The plan of a nation, as tables of its cities, other divisions of the budget, and the proof."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from siting.config import NationConfig
from siting.engine.proof import far_in_words
from siting.nation.city import Row
from siting.nation.division_bound import MILLION, Pot
from siting.nation.rounds import BUDGET, SPLITS, Rounds
from siting.program.instance import Floats
from siting.shown import Block, Column, Display, Shown, block_of
from siting.study.program_zones import gini
from siting.tables import mean_drive_min
from siting.texts import counted

# Budgets on the frontier, as shares of the nation's budget.
PARTS = (0.25, 0.5, 0.75, 1.0)
# Names of the plan and of the other divisions of the budget, for readers.
WORDS = {
    "best": "this plan", "population": "by population", "demand": "by demand",
    "vehicles": "by expected electric vehicles", "equal": "the same for all",
}  # fmt: skip
# The columns of the cities in the terminal and in notebooks.
CITY_COLUMNS = (
    Column("City", "city"),
    Column("Granted, PKR m", "granted_pkr", ",.1f", per=1e6, blank="failed"),
    Column("Stations", "new_stations", ",.0f"),
    Column("kWh/day", "served_kwh_day", ",.0f"),
    Column("Share", "share", ".1%"),
    Column("Per extra PKR m", "kwh_day_a_million", ",.1f"),
)


@dataclass(frozen=True, eq=False, repr=False)
class NationPlan(Shown):
    """The division of the budget, the energy it serves, and a bound on any division.

    Parameters
    ----------
    cities
        One row per city: ``city``, ``title``, ``province``, ``status``, ``granted_pkr``,
        ``subsidy_pkr``, ``cost_pkr``, ``new_stations``, ``served_kwh_day``, ``demand_kwh_day``,
        ``reachable_kwh_day``, ``people``, ``vehicles``, ``drives_min``, ``kwh_day_a_million``
        (extra energy for one more PKR m, from the city's plans), ``binds`` (the limit or floor that
        binds), ``lon``, ``lat``, ``note``, ``error``, and by vehicle class ``served_CLASS`` and
        ``wanted_CLASS``. A city whose ``status`` is ``failed`` serves nothing, but the bound counts
        all its demand in reach. In a multi-year plan, energy is the mean over the years, weighted
        as in a city's program. Further columns are then ``granted_YEAR_pkr``, ``subsidy_YEAR_pkr``,
        ``new_stations_YEAR`` (up to the year), ``served_YEAR_kwh_day``, ``wanted_YEAR_kwh_day``.
    splits
        One row per division: ``split``, ``served_kwh_day``, ``drives_min`` (before drive times are
        cut), ``gini`` (of the cities' shares served), ``gini_a_head`` (of energy per head),
        ``less_kwh_day`` and ``less_share`` (the shortfall from the plan), ``less_pkr`` (the value
        of the shortfall at the price of the budget, blank without a price), ``complete`` (whether
        every city has a plan) and ``pkr_CITY``.
    frontier
        One row per share of the nation's budget: ``budget_pkr``, ``served_kwh_day`` (from known
        plans), ``bound_kwh_day``.
    asks
        Every solve of a city, with the plan and the bound that it found.
    terms
        The certificate (`siting.nation.division_bound.added_up`).
    pots
        The limits on sums of grants, such as the budget and the limits of each province.
    unknown
        Cities with unknown demand, which the bound does not cover.
    floors_cost_kwh_day
        Energy that the floors cost: the extra energy that known plans would serve without floors.
        None if no floor is set.
    seconds
        Run time of the whole plan (s).
    """

    config: NationConfig
    cities: pd.DataFrame
    splits: pd.DataFrame
    frontier: pd.DataFrame
    asks: pd.DataFrame
    terms: pd.DataFrame
    pots: tuple[Pot, ...]
    unknown: tuple[str, ...]
    floors_cost_kwh_day: float | None
    seconds: float

    @property
    def served_kwh_day(self) -> float:
        """Energy served in all cities (kWh/day)."""
        return math.fsum(self.cities["served_kwh_day"])

    @property
    def bound_kwh_day(self) -> float:
        """An upper bound on the energy that any division of the budget can serve (kWh/day)."""
        return max(math.fsum(self.terms["term_kwh_day"]), self.served_kwh_day)

    @property
    def years(self) -> tuple[int, ...]:
        """The years of the plan; empty if the budget is not yearly."""
        return () if self.config.years is None else tuple(self.config.years.budgets_pkr)

    @property
    def price(self) -> float:
        """The price of public money in the certificate (kWh/day per PKR); if yearly, the mean."""
        names = self.terms["name"].astype(str)
        budgets = self.terms[(self.terms["row"] == "pot") & names.str.startswith(BUDGET)]
        if not self.years:
            return float(budgets["price"].iloc[0]) if len(budgets) else 0.0
        return math.fsum(budgets["term_kwh_day"]) / self.config.money_pkr

    def in_pkr(self, kwh_day: float | None) -> float | None:
        """Return the value (PKR) of energy at the price of the budget."""
        return None if kwh_day is None or self.price <= 0 else kwh_day / self.price

    @property
    def gap(self) -> float:
        """The bound minus the energy served, as a share of the energy served."""
        return (self.bound_kwh_day - self.served_kwh_day) / max(self.served_kwh_day, 1e-12)

    def headline(self) -> list[tuple[str, str]]:
        """Return the headline figures for the page and the terminal, as (label, value) pairs."""
        granted = math.fsum(self.cities["granted_pkr"])
        wanted = math.fsum(self.cities["demand_kwh_day"].dropna())
        others = self.splits[(self.splits["split"] != "best") & self.splits["complete"]]
        mean = ", the mean over the years, weighted as in a city's plan"
        lines = [
            ("Energy served", f"{self.served_kwh_day:,.0f} of {wanted:,.0f} kWh/day "
                              f"({self.served_kwh_day / max(wanted, 1e-9):.1%})"
                              + (mean if self.years else "")),
            ("Proven limit", "no division of this money serves more than "
                             f"{self.bound_kwh_day:,.0f} kWh/day, gap {self.gap:.2%}"),
            ("Granted", f"PKR {granted / 1e6:,.1f} m of {self.config.money_pkr / 1e6:,.1f} m"),
            ("New stations", f"{int(self.cities['new_stations'].sum()):,}"),
        ]  # fmt: skip
        lines += [(f"In {year}", self._of_year(year)) for year in self.years]
        if len(others):
            words = "; ".join(
                f"{WORDS[r['split']]} {-r['less_kwh_day']:+,.0f} kWh/day ({-r['less_share']:+.1%})"
                for r in others.to_dict("records")
            )
            lines.append(("Other divisions", words))
        cost = self.floors_cost_kwh_day
        if cost is not None:
            money = self.in_pkr(cost)
            words = f"{cost:,.0f} kWh/day, in the plans found"
            if money is not None:
                words += f", worth PKR {money / 1e6:,.1f} m at the dual price of public money"
            lines.append(("Cost of floors", words))
        lost = self.cities[self.cities["status"] == "failed"]
        if len(lost):
            what = "nothing is planned there; the limit counts all demand in reach there as served"
            lines.append(("Failed", f"{', '.join(lost['city'])}: {what}"))
        if self.unknown:
            what = "demand unknown; the limit covers only the other cities"
            lines.append(("Limit excludes", f"{', '.join(self.unknown)}: {what}"))
        return lines

    def _of_year(self, year: int) -> str:
        assert self.config.years is not None
        of = self.cities
        served = math.fsum(of[f"served_{year}_kwh_day"])
        wanted = math.fsum(of[f"wanted_{year}_kwh_day"].dropna())
        new = counted(int(of[f"new_stations_{year}"].sum()), "new station")
        return (
            f"PKR {math.fsum(of[f'granted_{year}_pkr']) / 1e6:,.1f} m granted of "
            f"{self.config.years.budgets_pkr[year] / 1e6:,.1f} m, "
            f"{new} up to then, {served:,.0f} of {wanted:,.0f} kWh/day "
            f"({served / max(wanted, 1e-9):.1%})"
        )

    def _shown(self) -> Display:
        told, of = self.headline(), self.cities
        shown = of.assign(share=of["served_kwh_day"] / of["demand_kwh_day"])
        # A failed city has only its name.
        shown = shown.mask(of["status"] == "failed").assign(city=of["city"])
        cities = Block(CITY_COLUMNS, shown.to_dict("records"), "cities")
        money = [f"pkr_{city}" for city in self.cities["city"]]
        columns = [
            Column("Division", lambda row: WORDS[row["split"]]),
            Column("kWh/day", _served, ">"),
            Column("Change", lambda r: "" if r["split"] == "best" else -r["less_share"], "+.1%"),
            Column("Gini", "gini", ".3f"),
            Column(
                "PKR m by city",
                lambda r: " ".join(f"{r[k] / 1e6:,.1f}" for k in money),
                overflow="fold",
            ),
        ]
        below = "" if self.splits["complete"].all() else "*: not every city has a plan."
        splits = block_of(self.splits, columns, "splits", "splits.csv", below=below)
        failed = zip(self.cities["city"], self.cities["error"], strict=True)
        took = f"the plan took {self.seconds:,.0f} s"
        return Display(
            self.config.title,
            self.config.note,
            [Block((), told, most=len(told)), cities, splits],
            notes=[*(f"{city} failed: {error}" for city, error in failed if error), took],
            warning=far_in_words(self.gap),
        )


def _served(split: Row) -> str:
    return f"{split['served_kwh_day']:,.0f}" + ("" if split["complete"] else " *")


def plan_of(
    nation: Rounds, chosen: Mapping[str, tuple[Floats, Row]], written: Mapping[str, Row],
    seconds: float,
) -> NationPlan:  # fmt: skip
    """Return the nation's plan, made from the cities' chosen plans and their runs (if written)."""
    pots, (bounds, terms) = nation.pots, nation.proof()
    none = np.zeros(len(nation.money))
    rows = []
    for name, config in nation.studies.items():
        facts = nation.facts[name]
        by_year, row = chosen.get(name, (none, {"status": "failed"}))
        error = nation.failed.get(name, "")
        if name in written:
            row, error = written[name], written[name]["error"]
            by_year = by_year if row["status"] != "failed" else none
        granted = math.fsum(by_year)
        classes = row.get("by_class", {})
        rows.append(
            {
                "city": name, "title": config.title, "province": nation.province[name],
                "status": row["status"], "granted_pkr": granted,
                **{k: row.get(k, 0.0) for k in ("subsidy_pkr", "cost_pkr", "new_stations",
                                                "served_kwh_day")},
                **{k: facts.get(k, math.nan) for k in ("demand_kwh_day", "reachable_kwh_day",
                                                       "people", "vehicles")},
                "drives_min": row.get("drives_min", math.nan),
                "kwh_day_a_million": _margin(nation, name, row.get("subsidy_pkr", 0.0)),
                "binds": _binds(nation, name, granted, row),
                "lon": facts.get("lon", math.nan), "lat": facts.get("lat", math.nan),
                "note": config.note, "error": error,
                **{f"served_{k}": classes.get(k, 0.0) for k in facts.get("by_class", {})},
                **{f"wanted_{k}": v for k, v in facts.get("by_class", {}).items()},
                **_of_years(nation.years, by_year, row, facts),
            }
        )  # fmt: skip
    cities = pd.DataFrame(rows)
    served = math.fsum(cities["served_kwh_day"])
    unknown = tuple(n for n, f in nation.facts.items() if "reachable_kwh_day" not in f)
    free = nation.without_floors_kwh_day()
    cost = None if free is None else max(free - served, 0.0)
    plan = NationPlan(
        nation.config, cities, _splits(nation, cities, chosen, served), _frontier(nation), bounds,
        terms, pots, unknown, cost, round(seconds, 1),
    )  # fmt: skip
    plan.splits["less_pkr"] = [plan.in_pkr(kwh) for kwh in plan.splits["less_kwh_day"]]
    return plan


def _of_years(years: Sequence[int], granted: Floats, row: Row, facts: Row) -> Row:
    none = [0.0] * len(years)
    values = {
        "granted_{}_pkr": granted,
        "subsidy_{}_pkr": row.get("drawn_by_year", none),
        "new_stations_{}": row.get("new_by_year", none),
        "served_{}_kwh_day": row.get("served_by_year", none),
        "wanted_{}_kwh_day": facts.get("wanted_by_year", [math.nan] * len(years)),
    }
    return {key.format(y): of[t] for t, y in enumerate(years) for key, of in values.items()}


def _margin(nation: Rounds, name: str, money: float) -> float:
    """Return the energy (kWh/day) that one more PKR m would add, according to known plans."""
    rows = sorted((r["subsidy_pkr"], r["served_kwh_day"]) for r in nation.plans(name))
    at = max((s for m, s in rows if m <= money + 1), default=0.0)
    more = [(s - at) / (m - money) * MILLION for m, s in rows if m > money + MILLION]
    return max(more, default=0.0)


def _binds(nation: Rounds, name: str, granted: float, row: Row) -> str:
    low, high = nation.limits(name)
    words = []
    if low > 0 and granted <= low * (1 + 1e-6):
        words.append("least money")
    if granted >= high * (1 - 1e-6) and high < nation.config.money_pkr:
        words.append("most money" if high > 0 else "takes no part")
    need, _ = nation.floors_of(name)
    if need > 0 and row.get("served_by_year", [math.inf])[-1] <= need * 1.01:
        words.append("energy a head")
    return ", ".join(words)


def _splits(
    nation: Rounds, cities: pd.DataFrame, chosen: Mapping[str, tuple[Floats, Row]], best: float
) -> pd.DataFrame:
    by_city = cities.set_index("city")
    drives = [chosen[n][1]["drives_min"] if n in chosen else math.nan for n in by_city.index]
    table = by_city.assign(drives_min=drives)
    rows = [_split_row(nation, "best", dict(by_city["granted_pkr"]), table, best)]
    for split in SPLITS:
        money = nation.split(split)
        plans: dict[str, Row] = {
            ask.city: next((row for row in nation.plans(ask.city) if ask.like(row)), {})
            for ask in nation.of_split(split, nation.alive)
        }
        table = by_city[["demand_kwh_day", "people"]].copy()
        for key in ("served_kwh_day", "drives_min"):
            table[key] = [plans.get(n, {}).get(key, 0.0) for n in by_city.index]
        row = _split_row(nation, split, {n: math.fsum(m) for n, m in money.items()}, table, best)
        rows.append(row | {"complete": all(plans.values())})
    return pd.DataFrame(rows)


def _split_row(
    nation: Rounds, split: str, money: Mapping[str, float], table: pd.DataFrame, best: float
) -> Row:
    known = table[table["demand_kwh_day"] > 0]
    served, drives = table["served_kwh_day"], table["drives_min"].fillna(0.0)
    share = (known["served_kwh_day"] / known["demand_kwh_day"]).to_numpy(float)
    head = (known["served_kwh_day"] / known["people"]).to_numpy(float)
    less = best - math.fsum(served)
    return {
        "split": split,
        "served_kwh_day": math.fsum(served),
        "drives_min": mean_drive_min(served, drives),
        "gini": gini(share, known["demand_kwh_day"].to_numpy(float)),
        "gini_a_head": gini(head, known["people"].to_numpy(float)),
        "less_kwh_day": less,
        "less_share": less / max(best, 1e-12),
        "complete": not nation.failed,
        **{f"pkr_{n}": money[n] for n in nation.studies},
    }


def _frontier(nation: Rounds) -> pd.DataFrame:
    """Return, for several shares of the budget, the most energy of known plans and a bound."""
    rows = []
    others = nation.pots[len(nation.budgets()) :]
    for part in PARTS:
        pots = [*nation.budgets(part), *others]
        divided = nation.divided(pots)
        bound = math.fsum(nation.proof(pots)[1]["term_kwh_day"])
        served = math.nan if divided is None else divided.energy
        rows.append((nation.config.money_pkr * part, served, bound))
    return pd.DataFrame(rows, columns=["budget_pkr", "served_kwh_day", "bound_kwh_day"])
