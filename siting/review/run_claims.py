"""Check what a run states outside its tables: the form and, if possible, the value.

If only a solve could confirm a statement, only its form is checked, and `Verified.notes` lists it.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, get_args

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from siting.engine.answer import Method, TieBreak
from siting.engine.greedy import BUDGETED, ONE_PRICE
from siting.engine.proof import Proof
from siting.errors import Fault, InputError, naming
from siting.export import json_text
from siting.export.values import plain
from siting.manifest import FOLDER, MANIFEST
from siting.outcome import Outcome
from siting.program.aims import DRIVERS_TIME, STATIONS, LeastCostToAll
from siting.study.facts import PACKAGES
from siting.study.mandates import NOT_FOUND
from siting.study.outcome_figures import cost_table, lines_of, year_tables, zone_tables
from siting.study.pipeline import Study
from siting.study.program_inputs import Asked
from siting.study.provenance import input_records
from siting.study.to_program import aim_in_words, blocks_of

# Columns of a GeoPackage that contain the time of writing.
WHEN = ("last_change", "update_time")
NOT_SO, NOT_OTHERS = "differs from the run's tables", "differs from the run's other tables"
MENDED = "several files were edited: run the study again"
# Maximum difference between the clocks of two machines.
CLOCKS_APART = timedelta(days=1)
NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?%?"
PKR = rf"PKR {NUMBER} m"
# Claims that only another solve could confirm, each with a label and the pattern of its text.
FROM_SOLVES = {
    "worth_of_foresight": (
        "Worth of planning ahead",
        rf"(?:{NUMBER} {{unit}}, a weighted sum over the years|{NOT_FOUND})",
    ),
    "gini": ("Gini of shares served", rf"{NUMBER}(?:, without fairness {NUMBER})?"),
    "price_of_fairness": (
        "Price of fairness",
        rf"(?:{NUMBER} {{unit}}(?:, or an extra budget (?:of {PKR}|that was {NOT_FOUND}))?"
        rf"|{NOT_FOUND})",
    ),
    "mandates_cost": ("Cost of mandates", rf"(?:{NUMBER} {{unit}}|{NOT_FOUND})"),
    "mandates_pooled": ("Regained by pooling mandates", rf"(?:{NUMBER} {{unit}}|{NOT_FOUND})"),
    "money_left": (
        "Money left",
        rf"{PKR}(?:; the best way to spend this money was {NOT_FOUND}| could add at most "
        rf"{NUMBER} {{unit}}| would add {NUMBER} {{unit}}(?: in the best plan found, and at most "
        rf"{NUMBER} in any plan)?| for {NUMBER} stations? would add {NUMBER} kWh/day, but "
        rf"program\.least_gain requires {NUMBER} kWh/day for each PKR m)",
    ),
}
# Tables of an outcome that only another solve could confirm.
OTHER_SOLVES = ("mandates", "scenarios", "robust", "alternatives", "alternative_sites")

Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+!_-]{0,39}$")]
Amount = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]

# Warnings of a replan, which come before the run's other warnings (`siting.review.replan`).
OF_A_REPLAN = re.compile(
    r"\S+ was required before and is dropped now"
    r"|\S+ was dropped before and is required now"
    rf"|an added place within {NUMBER} m of \S+ is that site and was not added again"
    rf"|{NUMBER} added places are too far from a road and were left out"
    rf"|{NUMBER} places added \(s\d+(?:, s\d+)*(?: …)?\); a `siting run` of config.yaml has them "
    r"too, but renumbers all sites"
    rf"|[^,\n]+\.csv: {NUMBER} (?:sanctioned|refused|withdrawn)"
    rf"(?:, {NUMBER} (?:refused|withdrawn))*"
    rf"|{NUMBER} stations stay as they were"
    rf"(?:; {NUMBER} more could not, because of the money or a limit)?"
    r"|no station needs to stay as it was"
)


def edited(where: str, what: str = NOT_SO, ids: tuple[str, ...] = ()) -> Fault:
    """Return the error for a statement that the rest of the run contradicts."""
    return Fault(where, what, MENDED, ids)


class Replanned(BaseModel):
    """What a replan records in ``run.json``: the earlier run, and the changes."""

    model_config = ConfigDict(strict=True, extra="forbid")

    run: Annotated[str, Field(max_length=255)]
    written: str | None
    drop: list[str]
    require: list[str]
    budget_pkr: float | None
    add: str | None
    answers: str | None = None
    set: list[str]
    reused: list[str]


class OfTheMoment(BaseModel):
    """Fields of ``run.json`` in which two otherwise equal runs may differ."""

    model_config = ConfigDict(strict=True, extra="ignore")

    siting: Version
    written: Annotated[str, Field(max_length=40)]
    seconds: dict[Annotated[str, Field(pattern=r"^[a-z][a-z _-]{0,30}$")], Amount]
    peak_memory_mb: Amount | None
    python: Version
    platform: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+~_()-]{1,120}$")]
    packages: dict[str, Version]


def of_the_moment_faults(told: OfTheMoment, where: str, stages: Sequence[str]) -> list[Fault]:
    """Check when a run was written, its durations and package versions; return all errors."""
    faults = time_faults(told.written, where)
    odd = (name for name in told.seconds if name not in stages)
    faults += naming(f"{where}, key seconds", "are not stages of a run", odd, MENDED)
    if list(told.packages) != list(PACKAGES):
        faults.append(edited(f"{where}, key packages", "are not those that a run lists"))
    return faults


def time_faults(told: str, where: str) -> list[Fault]:
    """Return an error if a time has the wrong format or is in the future."""
    what = f"{told!r} is not a time in the format that a run writes"
    with suppress(ValueError):
        time = datetime.fromisoformat(told)
        if time.tzinfo is not None and time.isoformat(timespec="seconds") == told:
            if time <= datetime.now().astimezone() + CLOCKS_APART:
                return []
            what = f"{told} is in the future"
    return [edited(f"{where}, key written", what)]


def outcome_faults(study: Study) -> tuple[list[Fault], list[str]]:
    """Return the errors in the stored outcome, and what only a solve could confirm."""
    outcome, asked, config = study.outcome, study.asked, study.config
    where = f"{FOLDER}/{MANIFEST}, key outcome"
    can_be = {
        "model": (outcome.model, (config.program.model,)),
        "aim": (outcome.aim, (aim_in_words(config),)),
        "blocks": (list(outcome.blocks), (sorted(blocks_of(config)),)),
        "method": (outcome.method, get_args(Method)),
        "solver": (outcome.solver, ("HiGHS", config.solver.name)),
        "tie_break": (outcome.tie_break, get_args(TieBreak)),
        "guarantee": (outcome.guarantee, ("", ONE_PRICE, BUDGETED)),
    }
    faults = [
        edited(f"{where}.{key}", f"{said!r:.60} is impossible for this run")
        for key, (said, can) in can_be.items()
        if said not in can
    ]
    if not re.fullmatch(r"[0-9A-Za-z.+_-]{0,40}", outcome.solver_version):
        faults.append(edited(f"{where}.solver_version", "is not a version"))
    for n, one in enumerate(outcome.proofs):
        faults += _proof_faults(one.proof, f"{where}.proofs.{n}")
    faults += _line_faults(asked, outcome, study.program.worth_unit, where)
    faults += _table_faults(study.program, asked, outcome)
    labels = [one.label for one in outcome.lines if one.field in FROM_SOLVES]
    return faults, [*labels, *(f"{name}.csv" for name in OTHER_SOLVES if name in outcome.tables)]


def _proof_faults(proof: Proof, where: str) -> Iterator[Fault]:
    try:
        TypeAdapter(Proof).validate_python(vars(proof))
    except ValidationError as err:
        for one in err.errors(include_url=False):
            key = ".".join(map(str, one["loc"]))
            yield edited(f"{where}.{key}", f"{one['input']!r:.60}: {one['msg'].lower()}")
        return
    reached = proof.gap <= proof.gap_asked * (1 + 1e-9)
    if proof.status != ("optimal" if reached and math.isfinite(proof.gap) else "feasible"):
        yield edited(f"{where}.status", f"{proof.status} at a gap of {proof.gap:.2%}")
    odd = (n for n, s in proof.seconds.items() if not re.fullmatch(r"[a-z_ ]{1,20}", n)
           or not 0 <= s < math.inf)  # fmt: skip
    yield from naming(f"{where}.seconds", "are not phases of a solve", odd, MENDED)


def _line_faults(asked: Asked, outcome: Outcome, unit: str, where: str) -> list[Fault]:
    safe = re.escape(unit)
    forms = {name: (label, text.format(unit=safe)) for name, (label, text) in FROM_SOLVES.items()}
    forms |= {one.field: (one.label, re.escape(one.text)) for one in lines_of(asked, outcome, unit)}
    faults = []
    said = [one.field for one in outcome.lines]
    for one in outcome.lines:
        label, form = forms.get(one.field, ("", ""))
        if one.label != label or not re.fullmatch(form, one.text):
            faults.append(edited(f"{where}.lines, {one.field!r:.60}", f"{one.text!r:.80} {NOT_SO}"))
    lacking = tuple(field for field in forms if field not in FROM_SOLVES and field not in said)
    if lacking or len(set(said)) < len(said):
        faults.append(edited(f"{where}.lines", "lines are missing or repeated", lacking))
    return faults


def _table_faults(program: Any, asked: Asked, outcome: Outcome) -> list[Fault]:
    """Return an error for each outcome table that contradicts the stations and energy served."""
    keys = asked.config.program
    again = zone_tables(asked, outcome)
    if keys.years is not None:
        rows = outcome.services
        of_slice = rows["slice"].astype(str)
        services = {y: rows[of_slice == str(y)].drop(columns="slice") for y in asked.own}
        again |= year_tables(asked, outcome, program, services)
        if keys.scenarios is not None:
            # Only a solve could confirm the energy served under the configuration's own demand.
            del again["year_cells"]
            served = [c for c in again["years"].columns if c.startswith("served_")]
            again["years"] = again["years"].drop(columns=served)
    for one in outcome.proofs:
        if one.aim == LeastCostToAll.name:
            again["cost_to_all"] = _cost_to_all(asked, outcome, one.proof.objective)
    there = outcome.tables
    optional = {*OTHER_SOLVES, "viability", *(["year_cells"] if keys.scenarios else [])}
    faults = [
        edited(f"{FOLDER}, table_{name}", "is not a table of a run with these settings")
        for name in there
        if name not in again and name not in optional
    ]
    for name, table in again.items():
        if name not in there or not same_table(there[name].reindex(columns=table.columns), table):
            faults.append(edited(f"{FOLDER}, table_{name}", "differs from the plan"))
    return faults


def _cost_to_all(asked: Asked, outcome: Outcome, pkr_year: float) -> pd.DataFrame:
    """Return the recomputed yearly cost to all parties: costs of stations and of drivers' time."""
    rows = outcome.services.merge(outcome.slices[["slice", "weight", "probability"]], on="slice")
    minute = rows["vehicle_class"].astype(str).map(asked.to_all.pkr_kwh_min).astype(float)
    counts = rows["weight"] * rows["probability"] * minute
    drives = float((rows["served_kwh_day"] * rows["travel_min"] * counts).sum())
    return cost_table({STATIONS: pkr_year - drives, DRIVERS_TIME: drives})


def input_faults(study: Study) -> Iterator[Fault]:
    """Yield errors for input records that contradict the settings; input files are not read."""
    known = input_records(study.config)
    forms = {"sha256": r"[0-9a-f]{64}", "file_date": r"\d{4}-\d\d-\d\d"}
    for record in study.inputs:
        key = str(record.get("key"))
        table = {"key": key, "kind": "table", "source": "given by the user", "licence": ""}
        said = {name: value for name, value in record.items() if name not in (*forms, "file")}
        odd = tuple(
            name for name, form in forms.items()
            if name in record and not re.fullmatch(form, str(record[name]))
        )  # fmt: skip
        if odd or said != plain(known.get(key, table)):
            yield edited(f"run.json, key inputs, {key:.60}", "differs from the configuration", odd)


def same_table(stored: Any, anew: Any) -> bool:
    """Return whether two stage results (usually tables) are equal, including their notes."""
    if not isinstance(stored, pd.DataFrame):
        return bool(stored == anew)
    if (stored.attrs.get("notes") or []) != (anew.attrs.get("notes") or []):
        return False
    try:
        pd.testing.assert_frame_equal(
            pd.DataFrame(stored), pd.DataFrame(anew), check_dtype=False, rtol=1e-9, atol=1e-9
        )
    except AssertionError:
        return False
    return True


def file_faults(folder: Path, again: Path, names: Iterable[str]) -> list[Fault]:
    """Return an error for each file in a folder that differs from its regenerated version.

    GeoPackages are compared by content, because their bytes differ each time they are written.
    """
    faults: list[Fault] = []
    for name in names:
        one, two = folder / name, again / name
        if name.endswith(".gpkg"):
            held, anew = _contents(one), _contents(two)
            different = (n for n in [*held, *anew] if held.get(n) != anew.get(n))
            faults += naming(str(one), NOT_SO, different, MENDED)
        elif one.read_bytes() != two.read_bytes():
            faults.append(edited(str(one)))
    return faults


def set_faults(folder: Path, stored: Iterable[str], again: Iterable[str]) -> list[Fault]:
    """Return errors for files listed only in `stored`, and for files listed only in `again`."""
    more, less = sorted({*stored} - {*again}), sorted({*again} - {*stored})
    faults = naming(str(folder), "are not files of a run with these settings", more, MENDED)
    return faults + naming(str(folder), "lacks", less, MENDED)


def json_faults(path: Path, read: Any) -> list[Fault]:
    """Return an error if a JSON file is not formatted as a run writes it; `read`: its content."""
    if path.read_bytes() == json_text(read).encode():
        return []
    return [edited(str(path), "is not in the format in which a run writes it")]


def _contents(path: Path) -> dict[str, Any]:
    """Return a GeoPackage's content: settings, the SQL of each part, and the rows of each table."""
    held: dict[str, Any] = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            base.text_factory = bytes  # an edited file may have strings that are not UTF-8
            for pragma in ("application_id", "user_version", "encoding"):
                held[f"PRAGMA {pragma}"] = base.execute(f"PRAGMA {pragma}").fetchall()
            parts = base.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
            for part in parts:
                kind, name = (text.decode(errors="replace") for text in part[:2])
                held[f"{kind} {name}"] = part[2:]
                if kind == "table":
                    table = _quoted(name)
                    about = base.execute(f"PRAGMA table_info({table})").fetchall()
                    columns = [row[1].decode(errors="replace") for row in about]
                    kept = ", ".join(_quoted(column) for column in columns if column not in WHEN)
                    held[f"rows of {name}"] = base.execute(f"SELECT {kept} FROM {table}").fetchall()
    except (sqlite3.Error, OSError) as err:
        raise InputError(str(path), f"cannot be read: {err}", MENDED) from err
    return held


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
