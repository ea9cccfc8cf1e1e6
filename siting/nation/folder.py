"""Write the folder of a nation's plan, and rebuild the plan from the folder."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pydantic import BaseModel

from siting import __version__, export
from siting.config import Config, NationConfig, to_yaml, with_keys
from siting.engine.proof import is_far
from siting.errors import InputError
from siting.files import read_layer
from siting.manifest import as_form, read_json, sealed_below
from siting.nation import city as asking
from siting.nation.city import Row
from siting.nation.nation_page import credit_of, write_page
from siting.nation.nation_plan import NationPlan, plan_of
from siting.nation.read_folder import AGAIN, CITIES, FORMAT, MANIFEST, Number
from siting.nation.rounds import Rounds
from siting.program.instance import Floats
from siting.writing import write_plain_csv

BASIS, ANSWERS = "basis.json", "answers.json"
# Fields of an answer: numbers that may be NaN, and tuples.
NUMBERS, TUPLES = ("bound_kwh_day", "drives_min"), ("offers", "money", "prices")


def write_nation(
    nation: Rounds, chosen: Mapping[str, tuple[Floats, dict[str, Any]]], folder: Path, begun: float
) -> NationPlan:
    """Write a nation's folder, which must be empty, and return the nation's plan.

    `chosen` has the grant (PKR) and the plan of each city. `begun` is the value of
    `time.perf_counter` at which the work began.
    """
    now = datetime.now().astimezone()
    (folder / CITIES).mkdir()
    tasks, written = {}, {}
    for name, (granted, row) in chosen.items():
        ask = replace(nation.ask(name, "granted", granted, free=False), shorten=True)
        limit_s, threads = nation.limit_s(name), nation.workers.threads
        args = (nation.studies[name], ask, tuple(row["offers"]), limit_s, threads)
        tasks[name] = (asking.write, (*args, folder / CITIES / name))
    for name, row in nation.workers.each(tasks):
        written[name] = row
        if row["error"]:
            nation.fail(name, row["error"])
        else:
            nation.tell(f"{name}: report written, {row['seconds']:,.1f} s")
    plan = plan_of(nation, chosen, written, time.perf_counter() - begun)
    write_basis(folder, nation, chosen, written, plan.seconds)
    write_files(nation, plan, folder, folder, now.isoformat(timespec="seconds"))
    record = {"format": FORMAT, "siting": __version__}
    export.write_json(sealed_below(record, folder, (MANIFEST,)), folder / MANIFEST)
    return plan


def write_files(nation: Rounds, plan: NationPlan, folder: Path, runs: Path, written: str) -> None:
    """Write a nation's folder except the runs of its cities, which are in the folder `runs`."""
    tables = {
        "cities": plan.cities, "splits": plan.splits, "frontier": plan.frontier,
        "bounds": plan.asks, "certificate": plan.terms,
    }  # fmt: skip
    for name, table in tables.items():
        write_plain_csv(table, folder / f"{name}.csv")
    export.write_json(_facts(nation, plan, written), folder / "nation.json")
    write_answers(folder, nation)
    _write_layers(folder, plan, runs)
    write_page(plan, folder, runs)


def _facts(nation: Rounds, plan: NationPlan, written: str) -> dict[str, Any]:
    config, first = plan.config, next(iter(nation.studies.values()))
    return {
        "siting": __version__, "name": config.name, "title": config.title, "note": config.note,
        "written": written, "year": first.year, "years": list(nation.years),
        "carry_over": nation.carry_over,
        "budgets_pkr": dict(zip(map(str, nation.years), nation.money.tolist(), strict=False)),
        "weights": list(asking.weights_of(first)), "budget_pkr": config.money_pkr,
        "granted_pkr": math.fsum(plan.cities["granted_pkr"]),
        "subsidy_pkr": math.fsum(plan.cities["subsidy_pkr"]),
        "served_kwh_day": plan.served_kwh_day, "bound_kwh_day": plan.bound_kwh_day,
        "gap": plan.gap, "far_from_proven": is_far(plan.gap),
        "floors_cost_kwh_day": plan.floors_cost_kwh_day,
        "floors_cost_pkr": plan.in_pkr(plan.floors_cost_kwh_day),
        "failed": dict(nation.failed), "unknown": list(plan.unknown),
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
    parts = []
    for name in plan.cities["city"]:
        path = runs / CITIES / name / "sites.geojson"
        if path.is_file() and json.loads(path.read_text(encoding="utf-8"))["features"]:
            layer = read_layer(path).drop(columns="id", errors="ignore")
            layer["site_id"] = name + ":" + layer["site_id"]
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
    notes = dict.fromkeys(layers, note)
    export.write_geopackage(folder / "nation.gpkg", layers, descriptions=notes)


# --- the basis of the plan -----------------------------------------------------------------------


class Basis(BaseModel, strict=True, extra="forbid"):
    """The content of ``basis.json``, from which the nation's plan is rebuilt."""

    config: dict[str, Any]
    cities: dict[str, dict[str, Any]]
    provinces: dict[str, str]
    facts: dict[str, dict[str, Any]]
    failed: dict[str, str]
    granted: dict[str, list[Number]]
    # For each city, the index of its plan in the list of answers.json.
    answers: dict[str, int]
    written: dict[str, dict[str, Any]]
    seconds: Number


def write_basis(
    folder: Path, nation: Rounds, chosen: Mapping[str, tuple[Floats, Row]],
    written: Mapping[str, Row], seconds: float,
) -> None:  # fmt: skip
    """Write ``basis.json``, from which a nation's plan can be rebuilt with the stored answers."""
    basis = {
        "config": nation.config.model_dump(mode="json"),
        "cities": {name: one.model_dump(mode="json") for name, one in nation.studies.items()},
        "provinces": nation.province,
        # The cells are not stored, because the city's run contains them.
        "facts": {
            name: {key: value for key, value in facts.items() if key != "cells"}
            for name, facts in nation.facts.items()
        },
        "failed": nation.failed,
        "granted": {name: money.tolist() for name, (money, _) in chosen.items()},
        "answers": {
            name: next(i for i, one in enumerate(nation.rows) if one is row)
            for name, (_, row) in chosen.items()
        },
        "written": written,
        "seconds": seconds,
    }
    export.write_json(basis, folder / BASIS)


def nation_again(folder: Path) -> tuple[Rounds, NationPlan, Basis]:
    """Return a nation and its plan, recomputed from ``basis.json`` and the stored answers."""
    path = folder / BASIS
    basis = as_form(Basis, read_json(path), str(path), AGAIN)
    rows = [as_answered(row) for row in read_json(folder / ANSWERS)["answers"]]
    config = as_form(NationConfig, basis.config, f"{path}, key config", AGAIN)
    cities = [
        as_form(Config, one, f"{path}, key cities.{name}", AGAIN)
        for name, one in basis.cities.items()
    ]
    if [one.name for one in cities] != list(basis.provinces):
        raise InputError(f"{path}, key cities", "are not the plan's cities", AGAIN)
    nation = Rounds(config, cities, list(basis.provinces.values()), rows=rows)
    nation.facts, nation.failed = dict(basis.facts), dict(basis.failed)
    chosen = {
        name: (np.array(money), nation.rows[basis.answers[name]])
        for name, money in basis.granted.items()
    }
    written = {name: as_answered(row) for name, row in basis.written.items()}
    return nation, plan_of(nation, chosen, written, basis.seconds), basis


# --- the answers ---------------------------------------------------------------------------------
# An answer is reused only if the package version, the city's configuration and the envelopes are
# unchanged. The answer to a solve with floors also needs the same floors.


def write_answers(folder: Path, nation: Rounds) -> None:
    """Write the file `ANSWERS`, which has all solves of the cities and their results."""
    told = {
        "siting": __version__,
        "years": list(nation.years),
        "configurations": _hashes(nation),
        "floors": _floors(nation),
        "answers": nation.rows,
    }
    export.write_json(told, folder / ANSWERS)


def read_answers(folder: Path, nation: Rounds) -> list[Row]:
    """Return the answers in an earlier folder that are still valid for the cities of a nation.

    Raises `InputError` if the folder has no readable answers, or has answers for other years.
    """
    path = folder / ANSWERS
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        known = told["configurations"] if told["siting"] == __version__ else {}
        floors = told.get("floors", {})
        same = {name for name, hashed in _hashes(nation).items() if known.get(name) == hashed}
        under = {name for name, least in _floors(nation).items() if floors.get(name) == least}
        rows: list[Row] = [
            row for row in told["answers"]
            if row["city"] in same and (row["free"] or row["city"] in under)
        ]  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as err:
        what = f"holds no city answers: {type(err).__name__}: {err}"
        raise InputError(str(path), what, "give a folder that `siting nation` wrote") from err
    before, now = told.get("years", []), list(nation.years)
    if before != now:
        what = f"has {years_in_words(before)}, but this nation has {years_in_words(now)}"
        raise InputError(str(path), what, "leave the earlier plan out, or use the same years")
    return [as_answered(row) for row in rows]


def as_answered(row: Row) -> Row:
    """Return a stored answer in which tuples and NaN are restored, because JSON has neither."""
    numbers = {key: math.nan for key in NUMBERS if key in row and row[key] is None}
    return row | numbers | {key: tuple(row[key]) for key in TUPLES if row.get(key) is not None}


def years_in_words(years: Sequence[int]) -> str:
    """Return the years of a plan as text.

    >>> years_in_words([2027, 2028]), years_in_words([])
    ('yearly money (2027, 2028)', 'a single sum')
    """
    return f"yearly money ({', '.join(map(str, years))})" if years else "a single sum"


def _floors(nation: Rounds) -> dict[str, list[float]]:
    """Return the energy (kWh/day per person) and the new stations that each city must have."""
    a_head = nation.config.least_kwh_day_a_head
    return {name: [a_head, float(one.takes_part == "must")] for name, one in nation.asked.items()}


def _hashes(nation: Rounds) -> dict[str, str]:
    """Return the hash of each city's configuration, with the nation's envelopes."""
    kept = {name: one.model_dump(mode="json") for name, one in nation.config.envelopes.items()}
    texts = {}
    for name, config in nation.studies.items():
        years = config.program.years
        if years is not None:  # the hash leaves out budgets, which differ between solves
            nothing = dict.fromkeys(years.budgets_pkr, 0.0)
            config = with_keys(config, {"program.years.budgets_pkr": nothing})
        texts[name] = to_yaml(config) + json.dumps(kept)
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
