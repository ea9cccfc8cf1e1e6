"""A stored run checked from its files alone: hashes, recount, tables worked out again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from siting.errors import ConfigError, DownloadError, Fault, InputError, OutputError, SitingError
from siting.manifest import FOLDER, REPORT, read_manifest
from siting.report.consistency import require_agreement
from siting.report.folder import read_run
from siting.study.depends import STAGES
from siting.study.pipeline import Study
from siting.study.recounted import account_of, headroom_kw
from siting.study.runs import write_run
from siting.study.stages import Event, Report
from siting.study.stored_run import plan_of, study_from_run
from siting.verify import BOUND, certified
from siting.verify.ledger import above, differs, shown
from siting.writing import scratch_folder

# Of run.json, what differs however often the same is written.
_OF_THE_MOMENT = ("seconds", "peak_memory_mb", "python", "platform", "packages", "siting")
# Tables that are worked out again from other tables of the run; the rest is read from inputs.
_FROM_TABLES = ("demand", "factors", "offers", "reach", "limits")
# Columns of a GeoPackage that hold when it was written.
_WHEN = ("last_change", "update_time")
MENDED = "files were edited together: make the run again with `siting run`"


@dataclass(frozen=True)
class Verified:
    """What was held against what, and what does not hold.

    Parameters
    ----------
    folder
        The run folder.
    held
        What was checked, and how much of it, in words.
    faults
        What does not hold; empty where all does.
    notes
        What could not be checked, and why.
    """

    folder: Path
    held: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def attempt[T](self, what: str, check: Callable[[], tuple[str, T]]) -> T | None:
        """Make a check that returns its words and a result; take down what it finds wrong."""
        try:
            words, result = check()
        except OutputError:
            raise  # of this machine, not of the run
        except SitingError as err:
            self.held[what] = "does not hold"
            self.faults.extend(fault for fault in err.faults if fault not in self.faults)
            return None
        self.held[what] = words
        return result

    def plain(self) -> dict[str, Any]:
        """Return it as what JSON knows."""
        return {
            "run": str(self.folder),
            "holds": not self.faults,
            "checks": self.held,
            "faults": [str(fault) for fault in self.faults],
            "notes": self.notes,
        }


def verify_run(folder: Path | str, *, progress: Report | None = None) -> Verified:
    """Return whether a stored run is what it says, from its files alone.

    Its files are held against their hashes and each other; the plan is recounted; every table that
    follows from other tables of the run is worked out again; and the run folder is written again
    from its tables and compared with what stands there. So an edit shows, even where the hashes
    were mended, unless it changes what was read from inputs: against these `siting rerun` holds a
    run. A bound on what any plan reaches is proven anew from the prices that the run stored.

    Parameters
    ----------
    folder
        What `siting run` wrote.
    progress
        Called with an `Event` when a check is done.

    Examples
    --------
    >>> verify_run("runs/lahore-20261124-101500").faults  # doctest: +SKIP
    []
    """
    folder = Path(folder)
    verified = Verified(folder)

    def step[T](what: str, check: Callable[[], tuple[str, T]]) -> T | None:
        begun = datetime.now()
        result = verified.attempt(what, check)
        if progress is not None:
            seconds = (datetime.now() - begun).total_seconds()
            progress(Event(what, verified.held[what], seconds, done=True))
        return result

    record = step("files", lambda: _files(folder))
    if record is None:
        return verified
    step("layers", lambda: _layers(folder))
    study = step("recount", lambda: _recount(folder))
    if study is None:
        return verified
    step("bound", lambda: _bound(study, verified.notes))
    step("tables", lambda: _tables(study, verified.notes))
    step("written", lambda: _written(study, folder, record, verified.notes))
    return verified


def _files(folder: Path) -> tuple[str, dict[str, Any]]:
    record, _ = read_manifest(folder)
    known = {*record["of_the_run"], REPORT, FOLDER}
    odd = tuple(sorted(path.name for path in folder.iterdir() if path.name not in known))
    if odd:
        what = "not a file that the run wrote"
        raise InputError(Fault(str(folder), what, "move it elsewhere", odd))
    count = len(record["of_the_run"]) + len(record["sha256"])
    return f"{count:,} files as their hashes say", record


def _layers(folder: Path) -> tuple[str, None]:
    run = read_run(folder)
    require_agreement(run)
    return f"layers and tables tell the same of {len(run.sites):,} stations", None


def _recount(folder: Path) -> tuple[str, Study]:
    study = study_from_run(folder)
    plan = plan_of(study, folder)
    proof = plan.outcome.proof
    words = f"{len(plan.checks):,} figures of energy, money and capacity hold; {proof} is claimed"
    return words, study


def _bound(study: Study, notes: list[str]) -> tuple[str, None]:
    """Prove a bound from the run's prices, and hold what is claimed against it."""
    plan, prices = study.plan, study.certificate
    proof = plan.outcome.proof
    if prices is None:
        notes.append(f"no certificate of the bound is stored: {proof} is claimed")
        return "claimed only, no certificate is stored", None
    spare = headroom_kw(study.candidates, study.config.offers.headroom_kw)
    account = account_of(study.asked, plan.outcome, plan.sites, spare)
    proven = certified(account, prices)
    where = f"{FOLDER}, the bound"
    faults = []
    told = prices.loc[prices["row"] == BOUND, "price"].to_numpy(float)
    if len(told) != 1 or differs(told, proof.bound).any():
        was = ", ".join(shown(one) for one in told) or "none"
        what = (
            f"{shown(proof.bound)} {proof.unit} is claimed, the certificate was written for {was}"
        )
        faults.append(Fault(where, what, MENDED))
    less = account.aims[0].kind == "least_money"
    low, high = (proven.bound, proof.objective) if less else (proof.objective, proven.bound)
    if above(low, high):
        what = (
            f"the certificate proves that no plan reaches more than {shown(proven.bound)} "
            f"{proof.unit}, the run says that its own reaches {shown(proof.objective)}"
        )
        faults.append(Fault(where, what, MENDED))
    if faults:
        raise InputError(faults)
    by = "in fractions" if proven.exact else "rounding counted"
    words = f"the certificate proves {shown(proven.bound)} {proof.unit} ({by})"
    low, high = (proof.bound, proven.bound) if less else (proven.bound, proof.bound)
    if not above(low, high):
        return f"{words}, the run says {shown(proof.bound)}: proven", None
    rests = "rests on cuts and branching too, which were not done again"
    return f"{words}; the {shown(proof.bound)} of the run {rests}", None


def _tables(study: Study, notes: list[str]) -> tuple[str, None]:
    """Work out each table that follows from the others, and hold it against the stored one."""
    faults, again = [], []
    with scratch_folder() as cache:
        output = study.config.output.model_copy(update={"cache_dir": cache})
        config = study.config.model_copy(update={"output": output})
        stored = {name: getattr(study, name) for name, made in STAGES.items() if made.stored}
        for name in (n for n in stored if STAGES[n].stored in _FROM_TABLES):
            others = {other: table for other, table in stored.items() if other != name}
            try:
                anew = getattr(Study(config, tables=others), name)
            except (InputError, ConfigError, DownloadError) as err:
                # What an input held is not in the folder; `siting rerun` is for that.
                notes.append(f"{name} was not worked out again: {err.faults[0]}")
                continue
            if _same(stored[name], anew):
                again.append(name)
            else:
                what = "is not what the run's other tables give"
                faults.append(Fault(f"{FOLDER}, table {name}", what, MENDED))
    if faults:
        raise InputError(faults)
    return f"worked out again from each other: {', '.join(again)}", None


def _same(stored: Any, anew: Any) -> bool:
    if not isinstance(stored, pd.DataFrame):
        return bool(stored == anew)
    try:
        pd.testing.assert_frame_equal(
            pd.DataFrame(stored), pd.DataFrame(anew), check_dtype=False, rtol=1e-9, atol=1e-9
        )
    except AssertionError:
        return False
    return True


def _written(
    study: Study, folder: Path, record: dict[str, Any], notes: list[str]
) -> tuple[str, None]:
    """Write the run again from its tables, and hold each file against the one that is there."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    faults: list[Fault] = []
    with scratch_folder() as place:
        other = place / "run"
        try:
            write_run(study, other, datetime.fromisoformat(facts["written"]))
        except (InputError, ConfigError, DownloadError) as err:
            notes.append(f"the run was not written again: {err.faults[0]}")
            return "not written again", None
        names = [*record["of_the_run"], *([REPORT] if (folder / REPORT).is_file() else [])]
        alone = [name for name in names if not (other / name).is_file()]
        for name in (n for n in names if n not in alone):
            one, two = folder / name, other / name
            if name == "run.json":
                faults += _fact_faults(facts, json.loads(two.read_text(encoding="utf-8")), one)
            elif name == REPORT:
                if one.read_bytes() != two.read_bytes():
                    notes.append(f"{name} is not the run's own page: with a curve, or edited")
            elif name.endswith(".gpkg"):
                if _rows(one) != _rows(two):
                    faults.append(_not_as_written(one))
            elif one.read_bytes() != two.read_bytes():
                faults.append(_not_as_written(one))
    if alone:
        notes.append(f"held against their hashes only: {', '.join(alone)}")
    if faults:
        raise InputError(faults)
    return f"{len(names) - len(alone):,} files come out of the tables as they are", None


def _not_as_written(path: Path) -> Fault:
    return Fault(str(path), "is not what the run's tables give", MENDED)


def _fact_faults(said: dict[str, Any], anew: dict[str, Any], path: Path) -> list[Fault]:
    faults = []
    for key in (key for key in anew if key not in _OF_THE_MOMENT):
        stored, again = said.get(key), anew[key]
        if key == "warnings" and isinstance(stored, list):
            stored = stored[len(stored) - len(again) :]  # what another verb adds stands first
        if stored != again:
            faults.append(Fault(f"{path}, key {key}", "is not what the run's tables give", MENDED))
    return faults


def _rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table of a GeoPackage, without when they were written."""
    rows = {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            tables = base.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in tables:
                columns = [row[1] for row in base.execute(f'PRAGMA table_info("{name}")')]
                kept = ", ".join(f'"{column}"' for column in columns if column not in _WHEN)
                rows[name] = base.execute(f'SELECT {kept} FROM "{name}"').fetchall()
    except sqlite3.Error as err:
        raise InputError(Fault(str(path), f"cannot be read: {err}", MENDED)) from err
    return rows
