"""A nation's folder: tables, a page, the run of each city, and the hash of each file."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import __version__, export
from siting.engine.proof import is_far
from siting.files import read_layer
from siting.manifest import sealed_below
from siting.nation import city as asking
from siting.nation.basis import write_answers, write_basis
from siting.nation.nation_page import credit_of, write_page
from siting.nation.nation_plan import NationPlan, plan_of
from siting.nation.read_folder import CITIES, FORMAT, MANIFEST
from siting.nation.rounds import Rounds
from siting.program.instance import Floats
from siting.writing import write_plain_csv


def write_nation(
    nation: Rounds, chosen: Mapping[str, tuple[Floats, dict[str, Any]]], folder: Path, begun: float
) -> NationPlan:
    """Return the plan of a nation, written to an empty folder.

    `chosen` is the money granted (PKR) and the plan of each city, `begun` a `time.perf_counter`
    value.
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
    write_basis(folder, nation, chosen, written, plan.seconds)
    write_files(nation, plan, folder, folder, now.isoformat(timespec="seconds"))
    record = {"format": FORMAT, "siting": __version__}
    export.write_json(sealed_below(record, folder, (MANIFEST,)), folder / MANIFEST)
    return plan


def write_files(nation: Rounds, plan: NationPlan, folder: Path, runs: Path, written: str) -> None:
    """Write all of a nation's folder except the cities' runs, which are in `runs`."""
    tables = {
        "cities": plan.cities, "splits": plan.splits, "frontier": plan.frontier,
        "bounds": plan.asks, "certificate": plan.terms,
    }  # fmt: skip
    for name, table in tables.items():
        write_plain_csv(table, folder / f"{name}.csv")
    export.write_json(_facts(nation, plan, written), folder / "nation.json")
    write_answers(folder, nation.studies, nation.rows)
    _write_layers(folder, plan, runs)
    write_page(plan, folder, runs)


def _facts(nation: Rounds, plan: NationPlan, written: str) -> dict[str, Any]:
    config = plan.config
    return {
        "siting": __version__,
        "name": config.name,
        "title": config.title,
        "note": config.note,
        "written": written,
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
        "far_from_proven": is_far(plan.gap),
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


def _write_layers(folder: Path, plan: NationPlan, runs: Path) -> None:
    """Write all stations, and the cities, as GeoJSON and GeoPackage in lon/lat."""
    parts = []
    for name in plan.cities["city"]:
        path = runs / CITIES / name / "sites.geojson"
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
    note = " ".join(filter(None, (plan.config.note, credit_of(plan, runs))))
    for name, layer in layers.items():
        export.write_geojson(layer, folder / f"{name}.geojson", note=note, key=keys[name])
    export.write_geopackage(
        folder / "nation.gpkg", layers, descriptions=dict.fromkeys(layers, note)
    )
