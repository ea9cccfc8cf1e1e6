"""Known figures of a city, and its share of the country's electric vehicles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from siting.demand.figures import Limits, range_faults
from siting.errors import InputError, refuse
from siting.files import rows_fault
from siting.reference import table


def city_figures(city: str) -> pd.Series:
    """Return the figures of a city, such as its people, power company and share of time with power.

    The case of `city` is ignored. If the table has no such city, raises an `InputError` that lists
    the cities of the table.

    >>> int(city_figures("islamabad")["people_2023"])
    2363863
    """
    cities = table("cities")
    names = cities["city"].astype(str)
    matches = cities[names.str.casefold() == city.casefold()]
    if matches.empty:
        fix = f"it has: {', '.join(names)}; for another city, set demand.like to the most similar "
        fix += "of these cities, and demand.city_people to the population"
        raise InputError("city table, column city", f"has no {city}", fix)
    return matches.iloc[0]


def city_like(like: str, city: str, people: float) -> pd.Series:
    """Return the figures of a city that is not in the table, taken from the similar city `like`.

    The population is `people`. The share of the fleet is proportional to this population.

    >>> city_like("peshawar", "Haripur", 147_765)[["city", "people_2023", "disco"]].to_list()
    ['Haripur', 147765, 'PESCO']
    """
    row = city_figures(like)
    own = {"city": city, "people_2023": people, "source": "stated in the configuration",
           "confidence": "ASSUMPTION"}  # fmt: skip
    unknown = {name: None for name in row.index if str(name).startswith("share_")}
    return pd.Series({**row.to_dict(), **unknown, **own}, name=row.name)


def city_share(city: pd.Series, classes: Sequence[str], path: Path | None = None) -> pd.DataFrame:
    """Return a city's share of the country's electric vehicles by vehicle class (0 to 1).

    The share is taken from the first available source: registrations of the class in the city,
    registrations of all classes there, the city's ``share_of_fleet``, or the city's part of
    Pakistan's urban population (times ``evs_per_head``). None of these sources measures electric
    vehicles. The ranges span the published estimates.

    `city` has the city's figures, as `city_figures` or `city_like` returns them. `path` is a CSV
    file that replaces the package's registrations, with the columns ``city`` (the case is ignored),
    ``vehicle_class`` (blank for all), ``share``, ``low``, ``high``, ``source``, ``confidence``.

    Columns: ``vehicle_class``, ``city_share``, ``low``, ``high``, ``source``, ``confidence``.
    Raises `InputError` if a row is repeated. Shares must be above 0 and at most 1, and each range
    must be in the order low, share, high.

    >>> shares = city_share(city_figures("Lahore"), ["two_wheeler", "car"])
    >>> shares[["city_share", "low", "high"]].to_numpy().tolist()
    [[0.13, 0.1, 0.175], [0.18, 0.13, 0.25]]
    >>> shares = city_share(city_figures("Quetta"), ["car"])
    >>> round(float(shares.loc[0, "city_share"]), 4)
    0.0167
    """
    registered, where = table("registrations", path), str(path or "registrations table")
    registered["vehicle_class"] = registered["vehicle_class"].fillna("")
    label = registered["city"].astype(str) + " " + registered["vehicle_class"]
    twice, ids = label.str.casefold().duplicated(keep=False), label.str.strip().to_list()
    ranges, limit = registered[["low", "share", "high"]], Limits("share", most=1.0)
    faults = range_faults(ranges, limit, f"{where}, column share", ids)
    faults += rows_fault(f"{where}, column city, vehicle_class", twice, ids, "given twice")
    refuse(faults)
    of_city = registered["city"].astype(str).str.casefold() == str(city["city"]).casefold()
    by_class: dict[Any, Any] = registered[of_city].set_index("vehicle_class").to_dict("index")
    fallback = by_class.get("") or _of_the_city(city)
    columns = ["share", "low", "high", "source", "confidence"]
    best_known = [by_class.get(name, fallback) for name in classes]
    shares = pd.DataFrame(best_known, columns=columns).astype(dict.fromkeys(columns[:3], float))
    shares = shares.rename(columns={"share": "city_share"})
    shares.insert(0, "vehicle_class", list(classes))
    wrong = shares[~((shares["city_share"] > 0) & (shares["city_share"] <= 1))]
    if len(wrong):
        share = wrong["city_share"].iloc[0]
        raise InputError("city table", f"{city['city']} has a share of {share:g} of the fleet")
    return shares


def national_stations(people: float) -> dict[str, Any]:
    """Return the number of public stations in the national policy, and an area's part of it.

    `people` is the area's population. Keys: ``stations``, ``year``, ``by_people`` (the number in
    proportion to the area's share of Pakistan's urban population), ``source``, ``confidence``.

    >>> found = national_stations(1_108_872)
    >>> found["stations"], round(found["by_people"])
    (3000, 35)
    """
    country = table("country").set_index("item").to_dict("index")
    row, urban = country["stations_2030"], country["urban_people"]["value"]
    return {
        "stations": round(row["value"]),
        "year": 2030,
        "by_people": float(row["value"]) * people / urban,
        "source": str(row["source"]),
        "confidence": str(row["confidence"]),
    }


def _of_the_city(row: pd.Series) -> dict[str, Any]:
    """Return a city's fleet share from ``share_of_fleet`` or, if blank, from its population."""
    if pd.notna(row.get("share_of_fleet")):
        ends = {end: row.get(f"share_{end}", row["share_of_fleet"]) for end in ("low", "high")}
        said = {column: row[f"share_{column}"] for column in ("source", "confidence")}
        return {"share": row["share_of_fleet"], **ends, **said}
    country = table("country").set_index("item")
    urban, head = country.loc["urban_people"], country.loc["evs_per_head"]
    share = row["people_2023"] / urban["value"]
    return {
        "share": share * head["value"],
        "low": share * head["low"],
        "high": min(share * head["high"], 1.0),
        "source": (
            f"its {row['people_2023']:,.0f} people ({row['source']}), divided by "
            f"{urban['value']:,.0f} ({urban['source']}); {head['source']}"
        ),
        "confidence": "ASSUMPTION",  # assumes that EVs are proportional to population
    }
