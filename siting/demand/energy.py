"""From vehicles to the public charging energy a city wants, each figure with its source.

For each vehicle class::

    kWh/day = vehicles in the country x city's share x area's share of the city
              x km/day x kWh/km at the wall x share charged in public
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from siting.demand.fleet import weakest
from siting.errors import Fault, InputError
from siting.reference import table

FIGURES = {"kwh_km": "kWh/km", "km_day": "km/day", "public_share": "share"}


def vehicle_figures(
    path: Path | None = None, overrides: Mapping[str, Mapping[str, float]] | None = None
) -> pd.DataFrame:
    """Return use and energy by vehicle class: kWh/km at the wall, km/day, share charged in public.

    Parameters
    ----------
    path
        A user's own table in place of the package's, with the same columns.
    overrides
        Single figures to change: class, then ``kwh_km``, ``km_day`` or ``public_share``. A class
        the table does not have needs all three.

    Returns
    -------
    DataFrame
        ``vehicle_class``, each figure with ``…_low`` and ``…_high``, ``source``, ``confidence``.
        A class with a changed figure says so in ``source`` and counts as ``ASSUMPTION``.

    Raises
    ------
    InputError
        With every unknown figure, incomplete new class and value that cannot be right.

    Examples
    --------
    >>> figures = vehicle_figures(overrides={"car": {"km_day": 35}}).set_index("vehicle_class")
    >>> figures.loc["car", ["kwh_km", "km_day"]].to_list()
    [0.17, 35.0]
    """
    figures = table("vehicles", path).set_index("vehicle_class")
    where = str(path) if path else "vehicle table"
    faults = []
    if figures.index.has_duplicates:
        twice = figures.index[figures.index.duplicated()]
        faults.append(
            Fault(f"{where}, column vehicle_class", "given twice", "", tuple(twice.astype(str)))
        )
        raise InputError(faults)
    numbers = [f"{name}{end}" for name in FIGURES for end in ("", "_low", "_high")]
    figures[numbers] = figures[numbers].astype(float)
    for vehicle, changes in (overrides or {}).items():
        unknown = sorted(set(changes) - FIGURES.keys())
        if unknown:
            faults.append(
                Fault(
                    f"vehicle figures, {vehicle}",
                    f"no figure is called {', '.join(unknown)}",
                    "use " + ", ".join(FIGURES),
                )
            )
            continue
        if vehicle not in figures.index:
            lacking = [name for name in FIGURES if name not in changes]
            if lacking:
                faults.append(
                    Fault(
                        f"vehicle figures, {vehicle}",
                        f"the table has no such class, and {', '.join(lacking)} is not given",
                        "the table has: " + ", ".join(map(str, figures.index)),
                    )
                )
                continue
            source = "set by the user"
        else:
            kept = str(figures.loc[vehicle, "source"])
            changed = ", ".join(name for name in FIGURES if name in changes)
            source = f"{changed} set by the user; the rest: {kept}"
        for name, value in changes.items():
            figures.loc[vehicle, [name, f"{name}_low", f"{name}_high"]] = float(value)
        figures.loc[vehicle, ["source", "confidence"]] = [source, "ASSUMPTION"]
    faults += _range_faults(figures, where)
    if faults:
        raise InputError(faults)
    return figures.reset_index()


def city_figures(city: str, path: Path | None = None) -> pd.Series:
    """Return what is known of a city: people (persons), DISCO, availability (share), speed group.

    Parameters
    ----------
    city
        Its name; capitals do not matter.
    path
        A user's own table of cities in place of the package's, with the same columns.

    Raises
    ------
    InputError
        If the table has no such city; the fault lists those it has.

    Examples
    --------
    >>> int(city_figures("islamabad")["people_2023"])
    1108872
    """
    return _city_row(table("cities", path), city, str(path or "city table"))


def city_share(cities: pd.DataFrame, city: str, classes: Sequence[str]) -> pd.DataFrame:
    """Return a city's share of the country's electric vehicles, one row a vehicle class (0 to 1).

    Taken from the column ``share_of_fleet`` where the table has a figure (from registrations), else
    the city's people over the people of urban Pakistan, the same for every class.

    Parameters
    ----------
    cities
        The table of cities, ``siting.reference.table("cities")`` or a user's own.
    city
        Its name; capitals do not matter.
    classes
        The vehicle classes to give a row.

    Returns
    -------
    DataFrame
        ``vehicle_class``, ``city_share``, ``source``, ``confidence``.

    Raises
    ------
    InputError
        If the table has no such city, or its share is not above 0 and at most 1.

    Examples
    --------
    >>> shares = city_share(table("cities"), "Islamabad", ["car"])
    >>> round(float(shares.loc[0, "city_share"]), 4)
    0.0118
    """
    row = _city_row(cities, city, "city table")
    if pd.notna(row["share_of_fleet"]):
        share, source, mark = row["share_of_fleet"], row["share_source"], row["share_confidence"]
    else:
        country = table("country").set_index("item").loc["urban_people"]
        share = row["people_2023"] / country["value"]
        source = (
            f"its {row['people_2023']:,.0f} people ({row['source']}) over {country['value']:,.0f} "
            f"({country['source']})"
        )
        mark = "ASSUMPTION"  # that EVs go by heads
    if not 0 < share <= 1:
        raise InputError(Fault("city table", f"{city} has a share of {share:g} of the fleet"))
    return pd.DataFrame(
        {
            "vehicle_class": list(classes),
            "city_share": float(share),
            "source": source,
            "confidence": mark,
        }
    )


def city_energy(
    fleet: pd.DataFrame,
    vehicles: pd.DataFrame,
    city_share: pd.DataFrame,
    area_share: float = 1.0,
) -> pd.DataFrame:
    """Return the public charging energy a study area wants, one row a vehicle class (kWh/day).

    Parameters
    ----------
    fleet
        Vehicles of the country by class, as `national_fleet` returns them.
    vehicles
        Use and energy by class, as `vehicle_figures` returns them.
    city_share
        The city's share by class, as the function `city_share` returns it.
    area_share
        The share of the city's people who live in the study area, above 0 and at most 1.

    Returns
    -------
    DataFrame
        ``vehicle_class``, ``country_vehicles``, ``city_share``, ``area_share``, ``vehicles`` (in
        the area), ``kwh_km``, ``km_day``, ``public_share``, ``demand_kwh_day``, ``source``,
        ``confidence`` (the weakest of its parts); in the fleet's order.

    Raises
    ------
    InputError
        If a class of the fleet has no figures or no share, or `area_share` cannot be right.

    Examples
    --------
    Lahore in 2030 with 13 % of the country's vehicles, as in the facts:

    >>> from siting.demand.fleet import national_fleet
    >>> fleet = national_fleet(2030)
    >>> shares = city_share(table("cities"), "Lahore", fleet["vehicle_class"])
    >>> energy = city_energy(fleet, vehicle_figures(), shares).set_index("vehicle_class")
    >>> energy.loc[["two_wheeler", "three_wheeler", "car"], "demand_kwh_day"].round(0).to_list()
    [31941.0, 35100.0, 29835.0]
    """
    faults = []
    if not (np.isfinite(area_share) and 0 < area_share <= 1):
        faults.append(
            Fault(
                "area_share",
                f"{area_share:g} of the city's people live in the study area",
                "it must be above 0 and at most 1: check that the people layer ends at the city",
            )
        )
    classes = fleet["vehicle_class"].astype(str)
    for name, frame in (("vehicle figures", vehicles), ("city shares", city_share)):
        lacking = tuple(classes[~classes.isin(frame["vehicle_class"])])
        if lacking:
            faults.append(Fault(name, "no row for a class of the fleet", "add one", lacking))
    if faults:
        raise InputError(faults)
    use = vehicles.set_index("vehicle_class").loc[classes.to_list()]
    share = city_share.set_index("vehicle_class").loc[classes.to_list()]
    energy = pd.DataFrame(
        {
            "vehicle_class": classes.to_numpy(),
            "country_vehicles": fleet["vehicles"].to_numpy(dtype=float),
            "city_share": share["city_share"].to_numpy(dtype=float),
            "area_share": float(area_share),
        }
    )
    energy["vehicles"] = energy["country_vehicles"] * energy["city_share"] * energy["area_share"]
    for figure in FIGURES:
        energy[figure] = use[figure].to_numpy(dtype=float)
    energy["demand_kwh_day"] = (
        energy["vehicles"] * energy["kwh_km"] * energy["km_day"] * energy["public_share"]
    )
    energy["source"] = [
        f"fleet: {a}; city share: {b}; use: {c}"
        for a, b, c in zip(fleet["source"], share["source"], use["source"], strict=True)
    ]
    energy["confidence"] = [
        weakest(list(marks))
        for marks in zip(fleet["confidence"], share["confidence"], use["confidence"], strict=True)
    ]
    return energy


def demand_figures(
    fleet: pd.DataFrame,
    vehicles: pd.DataFrame,
    city_share: pd.DataFrame,
    area_share: float = 1.0,
    area_source: str = "people of the study area over people of the city",
) -> pd.DataFrame:
    """Return every figure the demand rests on, one row each, with unit, range and source.

    Parameters
    ----------
    fleet, vehicles, city_share, area_share
        As in `city_energy`.
    area_source
        Where the area's share comes from.

    Returns
    -------
    DataFrame
        ``figure``, ``vehicle_class`` (blank: all), ``value``, ``low``, ``high``, ``unit``,
        ``source``, ``confidence``.

    Examples
    --------
    >>> from siting.demand.fleet import national_fleet
    >>> fleet = national_fleet(2030)
    >>> shares = city_share(table("cities"), "Multan", fleet["vehicle_class"])
    >>> demand_figures(fleet, vehicle_figures(), shares)["figure"].unique().tolist()
    ['country_vehicles', 'city_share', 'area_share', 'kwh_km', 'km_day', 'public_share']
    """
    columns = ["figure", "vehicle_class", "value", "low", "high", "unit", "source", "confidence"]
    stock = fleet.rename(columns={"vehicles": "value"}).assign(
        figure="country_vehicles", unit="vehicles"
    )
    share = city_share.assign(figure="city_share", unit="share", value=city_share["city_share"])
    share = share.assign(low=share["value"], high=share["value"])
    area = pd.DataFrame(
        [
            {
                "figure": "area_share",
                "vehicle_class": "",
                "value": float(area_share),
                "low": float(area_share),
                "high": float(area_share),
                "unit": "share",
                "source": area_source,
                "confidence": "ASSUMPTION",
            }
        ]
    )
    used = vehicles[vehicles["vehicle_class"].isin(fleet["vehicle_class"])]
    parts = [stock[columns], share[columns], area[columns]]
    for name, unit in FIGURES.items():
        part = used.assign(
            figure=name,
            unit=unit,
            value=used[name],
            low=used[f"{name}_low"],
            high=used[f"{name}_high"],
        )
        parts.append(part[columns])
    return pd.concat(parts, ignore_index=True)


def _city_row(cities: pd.DataFrame, city: str, where: str) -> pd.Series:
    names = cities["city"].astype(str)
    found = cities[names.str.casefold() == city.casefold()]
    if len(found) != 1:
        what = f"{len(found)} rows for {city}" if len(found) else f"has no {city}"
        raise InputError(Fault(f"{where}, column city", what, "it has: " + ", ".join(names)))
    return found.iloc[0]


def _range_faults(figures: pd.DataFrame, where: str) -> list[Fault]:
    faults = []
    for name, unit in FIGURES.items():
        ends = figures[[f"{name}_low", name, f"{name}_high"]].to_numpy(dtype=float)
        top = 1.0 if name == "public_share" else np.inf
        bad = ~(np.isfinite(ends).all(axis=1) & (ends >= 0).all(axis=1) & (ends <= top).all(axis=1))
        order = ~bad & ((ends[:, 0] > ends[:, 1]) | (ends[:, 1] > ends[:, 2]))
        upper = " and at most 1" if name == "public_share" else ""
        faults += [
            Fault(f"{where}, column {name}", what, fix, tuple(figures.index[mask].astype(str)))
            for mask, what, fix in (
                (bad, f"not {unit} of at least 0{upper}", ""),
                (order, "not low <= central <= high", ""),
            )
            if mask.any()
        ]
    return faults
