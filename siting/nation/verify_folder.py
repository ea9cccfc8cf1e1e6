"""Verify the folder of a nation's plan from its files alone: hashes, sums and cities' runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from siting import __version__
from siting.config import Config, load
from siting.errors import Fault, InputError, naming, refuse
from siting.manifest import REPORT, SEAL, files_below, read_json
from siting.nation import city as asking
from siting.nation.city import covers
from siting.nation.folder import ANSWERS, BASIS, Basis, nation_again, write_files
from siting.nation.nation_plan import NationPlan
from siting.nation.read_folder import (
    AGAIN,
    CITIES,
    MANIFEST,
    NEAR_KWH,
    NEAR_SHARE,
    read_nation,
    read_nation_manifest,
)
from siting.nation.rounds import Rounds
from siting.review import Verified, verify_run
from siting.review.run_claims import MENDED, file_faults, json_faults, set_faults, time_faults
from siting.study import Event, Study, plan_from_run
from siting.writing import scratch_folder, whole_folder

# Values of a city that are not compared, because run times vary and cells are not stored.
_OF_THE_MOMENT = ("seconds", "cells")
RELATIVE = 1e-9


def verify_nation(
    folder: Path | str, *, progress: Callable[[Event], None] | None = None
) -> Verified:
    """Return the verification of a folder that `siting nation` wrote, from its files alone.

    Every file is checked against its hash, and sums are recomputed. The run of each city is
    verified (`siting.review.verify_run`) and compared with the nation's values. No bound may be
    below the energy of a plan of the same city. The tables, the page and the layers are written
    again and compared with the stored ones. `progress` is called with an `Event` after each check.
    """
    folder = Path(folder)
    verified = Verified(folder)
    attempt = verified.attempt
    again = (
        attempt("files", lambda: _files(folder), progress)
        and attempt("sums", lambda: _sums(folder), progress)
        and attempt("plan", lambda: _again(folder), progress)
    )
    if not again:
        return verified
    nation, plan, basis = again
    for name in (n for n in plan.cities["city"] if n in basis.written and n not in nation.failed):
        attempt(name, partial(_city, folder, name, nation, basis, verified.notes), progress)
    attempt("bounds", lambda: _bounds(nation, basis), progress)
    attempt("written", lambda: _written(folder, nation, plan, verified.notes), progress)
    return verified


def _files(folder: Path) -> tuple[str, bool]:
    record = read_nation_manifest(folder)
    if set(record) != {"format", "siting", "sha256", SEAL} or record["siting"] != __version__:
        what = f"has unknown keys, or was not written by this version, siting {__version__}"
        raise InputError(str(folder / MANIFEST), what, AGAIN)
    runs = folder / CITIES
    pages = [f"{CITIES}/{one.name}/{REPORT}" for one in runs.iterdir()] if runs.is_dir() else []
    there = [name for name in files_below(folder) if name not in (MANIFEST, *pages)]
    refuse(set_faults(folder, there, record["sha256"]))
    return f"hashes match ({len(record['sha256']):,} files)", True


def _sums(folder: Path) -> tuple[str, bool]:
    facts, tables = read_nation(folder)
    words = f"{facts['served_kwh_day']:,.0f} kWh/day served, at most {facts['bound_kwh_day']:,.0f}"
    return f"{len(tables['cities']):,} cities, sums agree: {words}", True


def _again(folder: Path) -> tuple[str, tuple[Rounds, NationPlan, Basis]]:
    again = nation_again(folder)
    return f"rebuilt from {len(again[0].rows):,} city answers and the grants", again


def _city(
    folder: Path, name: str, nation: Rounds, basis: Basis, notes: list[str]
) -> tuple[str, None]:
    """Verify the run of a city, and compare it with the nation's values for the city."""
    run = folder / CITIES / name
    found = verify_run(run)
    notes.extend(f"{name}: {note}" for note in found.notes)
    faults = list(found.faults)
    if not faults:
        plan = plan_from_run(run)
        study: Study = plan.study
        for key, said, is_ in (
            ("facts", basis.facts[name], asking.facts_of(study)),
            ("written", basis.written[name], asking.written_row(study, plan)),
        ):
            where, what = f"{folder / BASIS}, key {key}.{name}", "differs from the city's run"
            compared = [k for k in dict.fromkeys([*is_, *said]) if k not in _OF_THE_MOMENT]
            odd = [k for k in compared if not _same(said.get(k, math.nan), is_.get(k, math.nan))]
            faults += naming(where, what, odd, MENDED)
        others = _other_keys(load(run / "config.yaml", check_files=False), name, nation, basis)
        what = "differs from the nation's solve of the city"
        faults += naming(str(run / "config.yaml"), what, others, MENDED)
    refuse(faults)
    return "its run is verified and agrees with the nation's figures", None


def _same(one: Any, two: Any) -> bool:
    """Return whether two values are equal; numbers may differ by a rounding error."""
    if isinstance(one, Mapping) and isinstance(two, Mapping):
        return list(one) == list(two) and all(_same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(_same, one, two))
    if two is None or two != two:  # JSON has no NaN, so a missing number is stored as null
        return one is None or one != one
    if isinstance(one, bool) or isinstance(two, str | bool) or not isinstance(one, int | float):
        return bool(one == two and type(one) is type(two))
    return math.isclose(one, two, rel_tol=RELATIVE, abs_tol=RELATIVE)


def _other_keys(run: Config, name: str, nation: Rounds, basis: Basis) -> tuple[str, ...]:
    """Return the sections of a run's configuration that differ from what the nation asked for."""
    money = np.array(basis.granted[name])
    ask = replace(nation.ask(name, "granted", money, free=False), shorten=True)
    asked = asking.asked_of(nation.studies[name], ask, run.solver.time_limit_s, run.solver.threads)
    said, is_ = (one.model_dump(mode="json") for one in (run, asked))
    return tuple(key for key in is_ if said.get(key) != is_[key])


def _bounds(nation: Rounds, basis: Basis) -> tuple[str, None]:
    """Check that no bound is below the energy of a plan to which the bound applies."""
    count, faults = 0, []
    for number, row in enumerate(nation.rows):
        bound, name = row.get("bound_kwh_day", math.nan), row["city"]
        if not math.isfinite(bound):
            continue
        count += 1
        prices = np.array(row["prices"] or [0.0] * len(row["money"]))
        limit = bound + NEAR_SHARE * abs(bound) + NEAR_KWH
        # A bound that was proven with floors applies only to plans that meet them.
        plans = [*nation.plans(name, floors=not row["free"]), basis.written.get(name, {})]
        for plan in (one for one in plans if "drawn_by_year" in one):
            drawn = plan["drawn_by_year"]
            if covers(row["money"], drawn) and plan["served_kwh_day"] - prices @ drawn > limit:
                what = f"a bound of {bound:,.3f} kWh/day is below a plan of {name}"
                faults.append(Fault(f"{ANSWERS}, answers.{number}", what, MENDED))
                break
    refuse(faults)
    return f"{count:,} bounds, none below a known plan", None


def _written(folder: Path, nation: Rounds, plan: NationPlan, notes: list[str]) -> tuple[str, None]:
    """Write the folder (without the runs) again, and compare each file with the original."""
    path = folder / "nation.json"
    facts = read_json(path)
    faults = json_faults(path, facts) + time_faults(facts["written"], str(path))
    stands = [p.name for p in folder.iterdir() if p.name not in (CITIES, MANIFEST, BASIS)]
    whole = plan.cities.loc[plan.cities["status"] != "failed", "city"]
    faults += set_faults(folder / CITIES, [p.name for p in (folder / CITIES).iterdir()], whole)
    with scratch_folder() as place, whole_folder(place / "again") as again:
        write_files(nation, plan, again, folder, facts["written"])
        names = [p.name for p in again.iterdir()]
        faults += set_faults(folder, stands, names)
        faults += file_faults(folder, again, [name for name in names if name in stands])
    refuse(faults)
    lost = "".join(f"; nothing about {name}, which failed" for name in nation.failed)
    notes.append(
        f"not provable from the folder alone: its configuration, the time of writing "
        f"({facts['written']}), the run times, and the cities' results of all solves but the "
        f"last ({ANSWERS}), whose bounds were not proven again{lost}"
    )
    return f"all {len(names):,} files equal those rebuilt from the answers and the runs", None
