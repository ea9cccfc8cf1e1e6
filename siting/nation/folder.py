"""A nation's folder: tables, a page, each city's run below it; checked when it is read."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import __version__, export
from siting.errors import Fault, InputError, VerifyError
from siting.files import read_layer
from siting.nation import city as asking
from siting.nation.certificate import (
    Pot,
    added_up,
    added_up_by_year,
    corners,
    price_columns,
    sloped,
)
from siting.nation.earlier import write_answers
from siting.nation.page import write_page
from siting.nation.plan import NationPlan, plan_of
from siting.nation.rounds import Rounds
from siting.program.instance import Floats
from siting.writing import write_plain_csv

CITIES = "cities"
# What sums of written figures may differ by: kWh/day, PKR.
NEAR_KWH, NEAR_PKR = 1e-3, 1.0
# What is served may be above a bound by this share, a solver's own arithmetic.
NEAR_SHARE = 1e-5
# What the sum of weights may differ from 1 by: written numbers are not exact.
NEAR_ONE = 1e-9
TABLES = ("cities", "splits", "frontier", "bounds", "certificate")


def write_nation(
    nation: Rounds, chosen: Mapping[str, tuple[Floats, dict[str, Any]]], folder: Path, begun: float
) -> NationPlan:
    """Return the plan of a nation, written to an empty folder.

    `chosen` is the money granted (PKR) and the plan of each city, `begun` by `time.perf_counter`.
    """
    now = datetime.now().astimezone()
    (folder / CITIES).mkdir()
    names = list(chosen)
    workers, tasks = nation.workers, []
    for name in names:
        granted, row = chosen[name]
        ask = nation.ask(name, "granted", granted, free=False)
        start, path = tuple(row["offers"]), folder / CITIES / name
        args = (nation.studies[name], ask, start, nation.limit_s(name), workers.threads, path)
        tasks.append((asking.write, args))
    written = {}
    for i, row in workers.each(tasks):
        written[names[i]] = row
        nation.tell(f"{names[i]}: report written, {row['seconds']:,.1f} s" if not row["error"]
                    else f"{names[i]}: failed, the others go on: {row['error']}")  # fmt: skip
        if row["error"]:
            nation.failed[names[i]] = row["error"]
    plan = plan_of(nation, chosen, written, time.perf_counter() - begun)
    tables = {
        "cities": plan.cities, "splits": plan.splits, "frontier": plan.frontier,
        "bounds": plan.asks, "certificate": plan.terms,
    }  # fmt: skip
    for name, table in tables.items():
        write_plain_csv(table, folder / f"{name}.csv")
    export.write_json(_facts(nation, plan, now), folder / "nation.json")
    write_answers(folder, nation.studies, nation.rows)
    _write_layers(folder, plan)
    write_page(plan, folder)
    return plan


def _facts(nation: Rounds, plan: NationPlan, now: datetime) -> dict[str, Any]:
    config = plan.config
    return {
        "siting": __version__,
        "name": config.name,
        "title": config.title,
        "note": config.note,
        "written": now.isoformat(timespec="seconds"),
        "year": next(iter(nation.studies.values())).year,
        "years": list(nation.years),
        "carry_over": nation.carry_over,
        "budgets_pkr": dict(zip(map(str, nation.years), nation.money.tolist(), strict=False)),
        "weights": list(asking.weights_of(next(iter(nation.studies.values())))),
        "budget_pkr": config.money_pkr,
        "granted_pkr": math.fsum(plan.cities["granted_pkr"]),
        "subsidy_pkr": math.fsum(plan.cities["subsidy_pkr"]),
        "served_kwh_day": plan.served_kwh_day,
        "bound_kwh_day": plan.bound_kwh_day,
        "gap": plan.gap,
        "floors_cost_kwh_day": plan.floors_cost_kwh_day,
        "floors_cost_pkr": plan.in_pkr(plan.floors_cost_kwh_day),
        "failed": dict(nation.failed),
        "unknown": list(plan.unknown),
        "pots": [
            {"name": p.name, "cities": list(p.cities), "at_least_pkr": p.at_least,
             "at_most_pkr": None if math.isinf(p.at_most) else p.at_most,
             "years": [nation.years[t] for t in p.years] if nation.years else []}
            for p in plan.pots
        ],
        "limits_pkr": {n: list(nation.limits(n)) for n in nation.studies},
        "most_by_year_pkr": {n: nation.most(n).tolist() for n in nation.studies if nation.years},
        "seconds": plan.seconds,
    }  # fmt: skip


def _write_layers(folder: Path, plan: NationPlan) -> None:
    """Write all stations, and the cities, as GeoJSON and GeoPackage in lon/lat."""
    parts = []
    for name in plan.cities["city"]:
        path = folder / CITIES / name / "sites.geojson"
        if path.is_file() and json.loads(path.read_text(encoding="utf-8"))["features"]:
            layer = read_layer(path)
            columns = [c for c in layer.columns if c not in ("id", "geometry")]
            layer = layer[[*columns, "geometry"]].assign(site_id=name + ":" + layer["site_id"])
            layer.insert(0, "city", name)
            parts.append(layer)
    placed = plan.cities[plan.cities["lon"].notna()]
    points = gpd.points_from_xy(placed["lon"], placed["lat"], crs=4326)
    layers = {"cities": gpd.GeoDataFrame(placed.drop(columns=["lon", "lat"]), geometry=points)}
    if parts:
        layers["stations"] = gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs=4326)
    keys = {"cities": "city", "stations": "site_id"}
    for name, layer in layers.items():
        export.write_geojson(layer, folder / f"{name}.geojson", note=plan.config.note,
                             key=keys[name])  # fmt: skip
    export.write_geopackage(folder / "nation.gpkg", layers)


# --- reading -------------------------------------------------------------------------------------


def read_nation(folder: Path | str) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Return facts and tables of a nation's folder, its certificate added up again.

    Parameters
    ----------
    folder
        What `siting nation` wrote.

    Raises
    ------
    InputError
        If it is no such folder.
    VerifyError
        If it is not what it says it is: the bound does not add up from the bounds of the cities, a
        city draws more than it is granted, more is granted than there is, or a run says otherwise.
    """
    folder = Path(folder)
    try:
        facts: dict[str, Any] = {"years": [], "carry_over": False}
        facts |= json.loads((folder / "nation.json").read_text(encoding="utf-8"))
        tables = {name: pd.read_csv(folder / f"{name}.csv") for name in TABLES}
    except (OSError, ValueError) as err:
        what = f"is no folder of a nation's plan: {err}"
        raise InputError(Fault(str(folder), what, "name what siting nation wrote")) from err
    faults = [*_bound_faults(facts, tables), *_money_faults(facts, tables["cities"])]
    for row in tables["cities"].to_dict("records"):
        faults += _run_faults(folder, row, facts)
    if faults:
        raise VerifyError(faults)
    return facts, tables


def _pots(facts: Mapping[str, Any]) -> list[Pot]:
    return [
        Pot(p["name"], tuple(p["cities"]), p["at_least_pkr"],
            math.inf if p["at_most_pkr"] is None else p["at_most_pkr"],
            tuple(facts["years"].index(y) for y in p.get("years", [])) or (0,))
        for p in facts["pots"]
    ]  # fmt: skip


def _bound_faults(facts: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> list[Fault]:
    bounds, said = tables["bounds"], tables["certificate"]
    faults = []
    years = facts["years"]
    drawn = [f"subsidy_{year}_pkr" for year in years] or ["subsidy_pkr"]
    prices = bounds[price_columns(years)].fillna(0.0).to_numpy(float)
    net = bounds["served_kwh_day"] - (prices * bounds[drawn].to_numpy(float)).sum(axis=1)
    over = bounds[net > bounds["bound_kwh_day"] + NEAR_KWH]
    if len(over):
        names = tuple(over["city"].astype(str))
        faults.append(Fault("bounds.csv", "a plan is above its own bound", "", names))
    again = _added_up_again(facts, bounds, dict(zip(said["name"], said["price"], strict=True)))
    faults += _weight_faults(facts, bounds)
    whole = math.fsum(again["term_kwh_day"])
    if whole < facts["served_kwh_day"] * (1 - NEAR_SHARE) - NEAR_KWH:
        what = f"adds up to {whole:,.3f} kWh/day, and {facts['served_kwh_day']:,.3f} are served"
        faults.append(Fault("certificate.csv", what))
    whole = max(whole, facts["served_kwh_day"])
    if abs(whole - facts["bound_kwh_day"]) > NEAR_KWH:
        what = f"says {facts['bound_kwh_day']:,.3f} kWh/day, the bounds add up to {whole:,.3f}"
        faults.append(Fault("nation.json, bound_kwh_day", what))
    served = math.fsum(tables["cities"]["served_kwh_day"])
    if abs(served - facts["served_kwh_day"]) > NEAR_KWH:
        what = f"says {facts['served_kwh_day']:,.3f} kWh/day, cities.csv {served:,.3f}"
        faults.append(Fault("nation.json, served_kwh_day", what))
    return faults


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


def _weight_faults(facts: Mapping[str, Any], bounds: pd.DataFrame) -> list[Fault]:
    """Return where the bounds of a city do not have weights that prove something."""
    if not facts["years"]:
        return []
    known = sloped(bounds, facts["years"])
    weights = bounds["weight"].where(bounds.index.isin(known.index), 0.0)
    whole = weights.groupby(bounds["city"]).sum().drop(facts["unknown"], errors="ignore")
    wrong = whole.index[(whole - 1).abs() > NEAR_ONE].union(
        bounds.loc[bounds["weight"] < 0, "city"]
    )
    if wrong.empty:
        return []
    what = "weights are not 0 or more, with the sum 1 for each city"
    return [Fault("bounds.csv, weight", what, "", tuple(wrong.astype(str)))]


def _money_faults(facts: Mapping[str, Any], cities: pd.DataFrame) -> list[Fault]:
    columns = [f"granted_{year}_pkr" for year in facts["years"]] or ["granted_pkr"]
    granted = cities.set_index("city")[columns]
    faults = []
    for pot in _pots(facts):
        whole = math.fsum(granted.iloc[:, list(pot.years)].loc[list(pot.cities)].to_numpy().ravel())
        least = -math.inf if set(pot.cities) & set(facts["failed"]) else pot.at_least
        if not least - NEAR_PKR <= whole <= pot.at_most + NEAR_PKR:
            faults.append(Fault(f"cities.csv, {pot.name}", f"grants PKR {whole:,.0f} in all"))
    return faults


def _run_faults(folder: Path, row: Mapping[Any, Any], facts: Mapping[str, Any]) -> list[Fault]:
    """Return where a city's run says other than the nation does."""
    where = f"{CITIES}/{row['city']}/run.json"
    if row["status"] == "failed":
        return []
    try:
        run = json.loads((folder / where).read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        return [Fault(where, f"cannot be read: {err}")]
    faults = _by_year_faults(folder, row, facts) if facts["years"] else []
    said = row[f"served_{facts['years'][-1]}_kwh_day"] if facts["years"] else row["served_kwh_day"]
    if abs(run["objective_kwh_day"] - said) > NEAR_KWH:
        what = f"serves {run['objective_kwh_day']:,.3f} kWh/day, not {said:,.3f}"
        faults.append(Fault(where, what))
    if run["subsidy_pkr"] > row["granted_pkr"] + NEAR_PKR:
        what = f"draws PKR {run['subsidy_pkr']:,.0f}, granted are {row['granted_pkr']:,.0f}"
        faults.append(Fault(where, what))
    return faults


def _by_year_faults(folder: Path, row: Mapping[Any, Any], facts: Mapping[str, Any]) -> list[Fault]:
    """Return where the years of a city's run are other than the nation's, or do not add up."""
    where = f"{CITIES}/{row['city']}/years.csv"
    try:
        run = pd.read_csv(folder / where).set_index("year")
        served = run["served_kwh_day"].reindex(facts["years"]).to_numpy(float)
        spent = run["spent_pkr"].reindex(facts["years"]).to_numpy(float)
    except (OSError, ValueError, KeyError) as err:
        return [Fault(where, f"cannot be read: {err}")]
    faults = []
    said = np.array([row[f"served_{year}_kwh_day"] for year in facts["years"]])
    granted = np.array([row[f"granted_{year}_pkr"] for year in facts["years"]])
    if not (abs(served - said) <= NEAR_KWH).all():
        what = ", ".join(f"{kwh:,.3f}" for kwh in served)
        faults.append(Fault(where, f"serves {what} kWh/day by year, cities.csv says otherwise"))
    weights = np.array(facts["weights"])
    mean = float(weights @ said) / weights.sum()
    if abs(mean - row["served_kwh_day"]) > NEAR_KWH:
        what = f"the mean over the years is {mean:,.3f} kWh/day, not {row['served_kwh_day']:,.3f}"
        faults.append(Fault(f"cities.csv, {row['city']}", what))
    if abs(granted.sum() - row["granted_pkr"]) > NEAR_PKR:
        what = f"the years are granted PKR {granted.sum():,.0f}, not {row['granted_pkr']:,.0f}"
        faults.append(Fault(f"cities.csv, {row['city']}", what))
    if facts["carry_over"]:
        spent, granted = spent.cumsum(), granted.cumsum()
    if not (spent <= granted + NEAR_PKR).all():
        what = ", ".join(f"{pkr:,.0f}" for pkr in spent)
        faults.append(Fault(where, f"draws PKR {what} by year, more than is granted"))
    return faults
