"""Read a nation's folder, and check its hashes, value types and sums."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from siting.errors import Fault, InputError, VerifyError, first_line, naming, refuse
from siting.files import read_csv, rows_fault
from siting.manifest import as_form, changed, read_json, unsealed
from siting.nation.division_bound import (
    Pot,
    added_up,
    added_up_by_year,
    corners,
    price_columns,
    sloped,
)

CITIES = "cities"
MANIFEST = "manifest.json"
# Version of the folder's format; increase it when the format changes.
FORMAT = 1
AGAIN = "run `siting nation` again"
# Tolerances for sums of written figures, in kWh/day and in PKR.
NEAR_KWH, NEAR_PKR = 1e-3, 1.0
# The energy served may exceed a bound by this share, because solvers round.
NEAR_SHARE = 1e-5
# Tolerance for the sum of weights, because written numbers are rounded.
NEAR_ONE = 1e-9
# Columns read from each table: strings first, then numbers.
TABLES = {
    "cities": ("city title status", "granted_pkr subsidy_pkr new_stations served_kwh_day "
                                    "demand_kwh_day drives_min"),
    "splits": ("split", "served_kwh_day less_kwh_day gini"),
    "frontier": ("", "budget_pkr served_kwh_day bound_kwh_day"),
    "bounds": ("city purpose", "budget_pkr bound_kwh_day served_kwh_day subsidy_pkr"),
    "certificate": ("row name", "price money_pkr term_kwh_day"),
}  # fmt: skip
# Numeric columns of cities.csv that must not have blanks.
_THERE = ("granted_pkr", "subsidy_pkr", "new_stations")
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e18, le=1e18)]
Year = Annotated[int, Field(ge=1900, le=2200)]


class PotTold(BaseModel, strict=True, extra="forbid"):
    """A limit on the sum of the grants of some cities, as stored in ``nation.json``."""

    name: str
    cities: list[str]
    at_least_pkr: Number
    at_most_pkr: Number | None
    years: list[Year]


class NationFacts(BaseModel, strict=True, extra="forbid"):
    """The content of ``nation.json``."""

    siting: str
    name: str
    title: str
    note: str
    written: str
    year: Year
    years: list[Year]
    carry_over: bool
    budgets_pkr: dict[str, Number]
    weights: Annotated[list[Number], Field(min_length=1)]
    budget_pkr: Number
    granted_pkr: Number
    subsidy_pkr: Number
    served_kwh_day: Number
    bound_kwh_day: Number
    gap: Number
    far_from_proven: bool
    floors_cost_kwh_day: Number | None
    floors_cost_pkr: Number | None
    failed: dict[str, str]
    unknown: list[str]
    pots: list[PotTold]
    limits_pkr: dict[str, Annotated[list[Number], Field(min_length=2, max_length=2)]]
    most_by_year_pkr: dict[str, list[Number]]
    seconds: Number


def read_nation(folder: Path | str) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Return the facts and tables of a nation's folder after checking them.

    Every file, including the runs of the cities, is checked against its hash, and every value
    against its type. The certificate's sum is recomputed. `siting.nation.verify_nation` also
    detects edits after which the hashes were updated.

    Raises `InputError` if `siting nation` did not write `folder`, a file is missing or changed, or
    a value has the wrong type. Raises `VerifyError` if a city draws more than its grant, the grants
    exceed a limit, a run differs from the tables, or the bounds of the cities do not add up.
    """
    folder = Path(folder)
    read_nation_manifest(folder)
    facts = read_json(folder / "nation.json")
    as_form(NationFacts, facts, str(folder / "nation.json"), AGAIN)
    tables = {name: _table(folder / f"{name}.csv", name, facts["years"]) for name in TABLES}
    refuse(_name_faults(folder, facts, tables))
    try:
        faults = [*_bound_faults(facts, tables), *_money_faults(facts, tables["cities"])]
        for row in tables["cities"].to_dict("records"):
            faults += _run_faults(folder, row, facts)
    except (LookupError, TypeError, ValueError, ArithmeticError) as err:
        what = f"its files are inconsistent: {first_line(err)}"
        raise InputError(str(folder), what, AGAIN) from err
    if faults:
        raise VerifyError(faults)
    return facts, tables


def read_nation_manifest(folder: Path) -> dict[str, Any]:
    """Check every file of a nation's folder against its stored hash; return ``manifest.json``."""
    path = folder / MANIFEST
    if not (folder / "nation.json").is_file():
        what = "is not the folder of a nation's plan: it has no nation.json"
        raise InputError(str(folder), what, "give a folder that `siting nation` wrote")
    if not path.is_file():
        what = "is missing: an earlier version wrote the folder, or it is incomplete"
        raise InputError(str(path), what, AGAIN)
    manifest = read_json(path)
    hashes = manifest.get("sha256")
    if manifest.get("format") != FORMAT or not isinstance(hashes, dict):
        raise InputError(str(path), f"is not a list of files of format {FORMAT}", AGAIN)
    refuse(unsealed(path, manifest) or changed(folder, hashes, AGAIN))
    return manifest


def _table(path: Path, name: str, years: Sequence[int]) -> pd.DataFrame:
    table = read_csv(path, keep_default_na=True)
    texts, numbers = (columns.split() for columns in TABLES[name])
    for year in years if name == "cities" else ():
        numbers += [f"granted_{year}_pkr", f"served_{year}_kwh_day"]
    if name == "bounds":
        numbers += price_columns(years) + [f"subsidy_{year}_pkr" for year in years]
        numbers += ["weight"] * bool(years)
    faults = []
    for column in [*texts, *numbers]:
        where = f"{path}, column {column}"
        if column not in table.columns:
            faults.append(Fault(where, "is missing", AGAIN))
            continue
        if column in texts:
            bad = table[column].isna()
            table[column] = table[column].astype(str)
        else:
            values = pd.to_numeric(table[column], errors="coerce").astype(float)
            must = table[column].notna() | (name == "cities" and column in _THERE)
            bad = must & ~np.isfinite(values)
            table[column] = values
        faults += rows_fault(where, bad, path, "blank or not a number", AGAIN)
    refuse(faults)
    return table


def _name_faults(
    folder: Path, facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> Iterator[Fault]:
    """Yield an error for each list of cities or years that does not fit the plan."""
    names, years, most = list(facts["limits_pkr"]), facts["years"], facts["most_by_year_pkr"]
    key, not_cities = f"{folder / 'nation.json'}, key ", "are not the cities of the plan"
    of_pots = [city for pot in facts["pots"] for city in pot["cities"]]
    said = {"pots": of_pots, "failed": facts["failed"], "unknown": facts["unknown"]}
    for name, cities in said.items():
        odd = [city for city in cities if city not in names]
        yield from naming(key + name, not_cities, odd, AGAIN)
    odd = [year for pot in facts["pots"] for year in pot["years"] if year not in years]
    yield from naming(f"{key}pots", "are not years of the plan", odd, AGAIN)
    if list(most) != (names if years else []):
        yield Fault(f"{key}most_by_year_pkr", not_cities, AGAIN)
    if any(len(money) != len(years) for money in most.values()):
        yield Fault(f"{key}most_by_year_pkr", "needs one amount per year", AGAIN)
    if len(facts["weights"]) != max(len(years), 1) or not math.fsum(facts["weights"]) > 0:
        yield Fault(f"{key}weights", "needs one weight per year", AGAIN)
    if tables["cities"]["city"].to_list() != names:
        where = f"{folder / 'cities.csv'}, column city"
        yield Fault(where, "are not the cities of nation.json", AGAIN)


def _pots(facts: Mapping[str, Any]) -> list[Pot]:
    return [
        Pot(p["name"], tuple(p["cities"]), p["at_least_pkr"],
            math.inf if p["at_most_pkr"] is None else p["at_most_pkr"],
            tuple(facts["years"].index(y) for y in p["years"]) or (0,))
        for p in facts["pots"]
    ]  # fmt: skip


def _bound_faults(facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> Iterator[Fault]:
    bounds, said = tables["bounds"], tables["certificate"]
    years, told = facts["years"], facts["served_kwh_day"]
    drawn = [f"subsidy_{year}_pkr" for year in years] or ["subsidy_pkr"]
    prices = bounds[price_columns(years)].fillna(0.0).to_numpy(float)
    net = bounds["served_kwh_day"] - (prices * bounds[drawn].to_numpy(float)).sum(axis=1)
    over = bounds.loc[net > bounds["bound_kwh_day"] + NEAR_KWH, "city"]
    yield from naming("bounds.csv", "a plan is above its own bound", over)
    again = _added_up_again(facts, bounds, dict(zip(said["name"], said["price"], strict=True)))
    yield from _weight_faults(facts, bounds)
    whole = math.fsum(again["term_kwh_day"])
    if whole < told * (1 - NEAR_SHARE) - NEAR_KWH:
        what = f"adds up to {whole:,.3f} kWh/day, less than the {told:,.3f} served"
        yield Fault("certificate.csv", what)
    whole = max(whole, told)
    if abs(whole - facts["bound_kwh_day"]) > NEAR_KWH:
        what = f"says {facts['bound_kwh_day']:,.3f} kWh/day, but the bounds sum to {whole:,.3f}"
        yield Fault("nation.json, bound_kwh_day", what)
    served = math.fsum(tables["cities"]["served_kwh_day"])
    if abs(served - told) > NEAR_KWH:
        what = f"says {told:,.3f} kWh/day, but the cities of cities.csv sum to {served:,.3f}"
        yield Fault("nation.json, served_kwh_day", what)


def _added_up_again(
    facts: Mapping[str, Any], bounds: pd.DataFrame, prices: Mapping[str, float]
) -> pd.DataFrame:
    years, pots = facts["years"], _pots(facts)
    names = [name for name in facts["limits_pkr"] if name not in facts["unknown"]]
    if years:
        most = {name: np.array(facts["most_by_year_pkr"][name]) for name in names}
        return added_up_by_year(bounds, most, pots, prices, years)
    limits = facts["limits_pkr"]
    cities = {name: corners(bounds[bounds["city"] == name], *limits[name]) for name in names}
    return added_up(cities, pots, prices)


def _weight_faults(facts: Mapping[str, Any], bounds: pd.DataFrame) -> Iterator[Fault]:
    """Yield an error that names the cities whose bounds do not have valid weights."""
    if not facts["years"]:
        return
    weights = bounds["weight"].where(bounds.index.isin(sloped(bounds, facts["years"]).index), 0.0)
    whole = weights.groupby(bounds["city"]).sum().drop(facts["unknown"], errors="ignore")
    wrong = whole.index[(whole - 1).abs() > NEAR_ONE].union(
        bounds.loc[bounds["weight"] < 0, "city"]
    )
    what = "a city's weights are below 0 or do not sum to 1"
    yield from naming("bounds.csv, weight", what, wrong)


def _money_faults(facts: Mapping[str, Any], cities: pd.DataFrame) -> Iterator[Fault]:
    columns = [f"granted_{year}_pkr" for year in facts["years"]] or ["granted_pkr"]
    granted = cities.set_index("city")[columns]
    for pot in _pots(facts):
        whole = math.fsum(granted.iloc[:, list(pot.years)].loc[list(pot.cities)].to_numpy().ravel())
        least = -math.inf if set(pot.cities) & set(facts["failed"]) else pot.at_least
        if not least - NEAR_PKR <= whole <= pot.at_most + NEAR_PKR:
            what = f"grants PKR {whole:,.0f} in total, outside the limits"
            yield Fault(f"cities.csv, {pot.name}", what)


def _run_faults(folder: Path, row: Mapping[Any, Any], facts: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield an error for each figure of a city that differs between its run and cities.csv."""
    where = f"{CITIES}/{row['city']}/run.json"
    if row["status"] == "failed":
        return
    run = read_json(folder / where)
    serves, draws, said = run["objective_kwh_day"], run["subsidy_pkr"], row["served_kwh_day"]
    if facts["years"]:
        yield from _by_year_faults(folder, row, facts)
        said = row[f"served_{facts['years'][-1]}_kwh_day"]
    if abs(serves - said) > NEAR_KWH:
        yield Fault(where, f"serves {serves:,.3f} kWh/day, not {said:,.3f}")
    if draws > row["granted_pkr"] + NEAR_PKR:
        yield Fault(where, f"draws PKR {draws:,.0f}, but was granted {row['granted_pkr']:,.0f}")


def _by_year_faults(
    folder: Path, row: Mapping[Any, Any], facts: Mapping[str, Any]
) -> Iterator[Fault]:
    """Yield an error for each yearly figure that differs from the city's run or does not add up."""
    where, of_city = f"{CITIES}/{row['city']}/years.csv", f"cities.csv, {row['city']}"
    try:
        run = pd.read_csv(folder / where).set_index("year").reindex(facts["years"])
        served, spent = run[["served_kwh_day", "spent_pkr"]].to_numpy(float).T
    except (OSError, ValueError, KeyError) as err:
        yield Fault(where, f"cannot be read: {err}")
        return
    said = np.array([row[f"served_{year}_kwh_day"] for year in facts["years"]])
    granted = np.array([row[f"granted_{year}_pkr"] for year in facts["years"]])
    if not (abs(served - said) <= NEAR_KWH).all():
        what = "; ".join(f"{kwh:,.3f}" for kwh in served)
        yield Fault(where, f"serves {what} kWh/day (by year), but cities.csv has other figures")
    mean, whole = np.average(said, weights=facts["weights"]), row["served_kwh_day"]
    if abs(mean - whole) > NEAR_KWH:
        what = f"the mean over the years is {mean:,.3f} kWh/day, not {whole:,.3f}"
        yield Fault(of_city, what)
    if abs(granted.sum() - row["granted_pkr"]) > NEAR_PKR:
        what = f"grants of all years sum to PKR {granted.sum():,.0f}, not {row['granted_pkr']:,.0f}"
        yield Fault(of_city, what)
    if facts["carry_over"]:
        spent, granted = spent.cumsum(), granted.cumsum()
    if not (spent <= granted + NEAR_PKR).all():
        what = "; ".join(f"{pkr:,.0f}" for pkr in spent)
        yield Fault(where, f"draws PKR {what} (by year), which exceeds the money granted")
