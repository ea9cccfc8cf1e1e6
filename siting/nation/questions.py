"""Explain the grant to a city in a nation's plan, and compare two such plans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from siting.errors import InputError, did_you_mean
from siting.nation.division_bound import MILLION, price_columns
from siting.nation.folder import years_in_words
from siting.nation.read_folder import read_nation
from siting.tables import mean_drive_min

CHANGES = ("granted_pkr", "new_stations", "served_kwh_day", "drives_min")


def explain_city(folder: Path | str, city: str) -> tuple[list[tuple[str, str]], pd.DataFrame]:
    """Return why a city received its grant, as (label, text) pairs, and the city's plans.

    The plans are sorted by subsidy, cheapest first. Their columns are ``purpose`` (why a plan was
    made), ``subsidy_pkr``, ``served_kwh_day``, ``kwh_day_a_million`` (extra energy per extra PKR m,
    compared with the row above) and ``chosen``. Raises `InputError` if `siting nation` did not
    write `folder` or the city is unknown, and `VerifyError` if the folder is inconsistent.
    """
    facts, tables = read_nation(folder)
    cities = tables["cities"].set_index("city", drop=False)
    if city not in cities.index:
        fix = did_you_mean(city, cities.index)
        raise InputError("CITY", f"{city} is not a city of this plan", fix)
    row = cities.to_dict("index")[city]
    lines = [("Status", str(row["status"]))]
    if row["status"] == "failed":
        return [*lines, ("Why", str(row["error"]))], pd.DataFrame()
    low, high = facts["limits_pkr"][city]
    years = facts["years"]
    prices = _prices(tables["certificate"], city, years)
    plans = _plans(tables["bounds"], city, float(row["subsidy_pkr"]))
    chosen = plans.index[plans["chosen"]]
    lines += [
        ("Money", f"PKR {row['granted_pkr'] / MILLION:,.2f} m granted, "
                  f"{row['subsidy_pkr'] / MILLION:,.2f} m drawn; the grant may be "
                  f"{low / MILLION:,.2f} to {high / MILLION:,.2f} m"),
        ("Serves", f"{row['served_kwh_day']:,.0f} of {row['demand_kwh_day']:,.0f} kWh/day with "
                   f"{row['new_stations']:,.0f} new stations"),
        ("PKR 1 m less", _step(plans, chosen.min(), "less, according to the next cheaper",
                               "no plan for less money was found")),
        ("PKR 1 m more", _step(plans, chosen.max() + 1, "more, according to the next more "
                               "expensive", "no plan that serves more was found")),
        ("In the nation", "at the certificate's price, PKR 1 m must add "
                          f"{', '.join(prices)} kWh/day here"),
    ]  # fmt: skip
    if years:
        each = "; ".join(
            f"{year}: {row[f'granted_{year}_pkr'] / MILLION:,.2f} m granted, "
            f"{row[f'served_{year}_kwh_day']:,.0f} kWh/day served"
            for year in years
        )
        lines.insert(2, ("By year", each))
    if isinstance(row["binds"], str) and row["binds"]:
        lines.append(("Binding limit", row["binds"]))
    return lines, plans


def compare_nations(before: Path | str, after: Path | str) -> pd.DataFrame:
    """Return the changes from one stored plan to another, by city and in total.

    There is a row for each city that is in either plan, and a row ``all``. The columns are
    ``granted_pkr``, ``new_stations``, ``served_kwh_day`` and ``drives_min``, each also with the
    ending ``_before`` or ``_change``. Figures of a plan without the city are blank. Raises
    `InputError` if `siting nation` did not write a folder or the years differ, and `VerifyError` if
    a folder is inconsistent.
    """
    (then, was_told), (facts, told) = read_nation(before), read_nation(after)
    if then["years"] != facts["years"]:
        words = [years_in_words(one["years"]) for one in (then, facts)]
        what = f"{before} has {words[0]}, {after} has {words[1]}: their energy cannot be compared"
        raise InputError("compare", what, "compare plans of the same years")
    old, new = (tables["cities"].set_index("city") for tables in (was_told, told))
    names = list(dict.fromkeys([*new.index, *old.index]))
    table = pd.DataFrame(index=pd.Index([*names, "all"], name="city"))
    for key in CHANGES:
        for name, cities in (("_before", old), ("", new)):
            of = cities[key].reindex(names)
            whole = of.sum()
            if key == "drives_min":
                energy = cities["served_kwh_day"].reindex(names).fillna(0.0)
                whole = mean_drive_min(energy, of.fillna(0.0))
            table[key + name] = [*of, whole]
        table[f"{key}_change"] = table[key] - table[f"{key}_before"]
    return table.reset_index()


def _prices(terms: pd.DataFrame, city: str, years: Sequence[int]) -> list[str]:
    """Return, as text, the energy (kWh/day) that PKR 1 m must add in a city in each year."""
    mine = terms[(terms["row"] == "city") & (terms["name"] == city)]
    columns = price_columns(years)
    numbers = mine[columns].iloc[0].to_list() if len(mine) else [0.0] * len(columns)
    words = [f" in {year}" for year in years] or [""]
    return [f"{p * MILLION:,.1f}{word}" for p, word in zip(numbers, words, strict=True)]


def _plans(asks: pd.DataFrame, city: str, drawn: float) -> pd.DataFrame:
    """Return the plans of a city that serve more energy than every cheaper plan."""
    keys = ["purpose", "subsidy_pkr", "served_kwh_day"]
    mine = asks.loc[(asks["city"] == city) & asks["served_kwh_day"].notna(), keys]
    mine = mine.sort_values(["subsidy_pkr", "served_kwh_day"], ascending=[True, False])
    best = mine["served_kwh_day"].cummax().shift(fill_value=-1.0)
    mine = mine[mine["served_kwh_day"] > best + 1e-9].reset_index(drop=True)
    steps = mine[["subsidy_pkr", "served_kwh_day"]].diff(1)
    rate = steps["served_kwh_day"] / (steps["subsidy_pkr"] / MILLION)
    nearest = (mine["subsidy_pkr"] - drawn).abs()
    return mine.assign(
        kwh_day_a_million=rate.where(steps["subsidy_pkr"] > 0), chosen=nearest == nearest.min()
    )


def _step(plans: pd.DataFrame, at: Any, change: str, otherwise: str) -> str:
    """Return, as text, the energy per PKR m between the plan in row `at` and the cheaper one."""
    rate = plans["kwh_day_a_million"].get(at, math.nan)
    return otherwise if pd.isna(rate) else f"{rate:,.1f} kWh/day {change} plan found"
