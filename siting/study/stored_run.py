"""The stage results stored in a run folder, from which a later solve can start.

Numbers in the layers of a run folder are rounded, but ``stages/`` has the exact tables as Parquet,
with the hash of each file. `study_from_run` opens a folder as a study, which reuses the stages that
a change does not affect (`siting.study.depends`). Without a change, the plan is only recounted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from siting import __version__
from siting.config import Config, input_files, load
from siting.errors import ConfigError, Fault, InputError, refuse, require_kind
from siting.export import write_json
from siting.export.values import plain
from siting.manifest import AGAIN, FOLDER, FORMAT, MANIFEST, SEAL, as_form, read_manifest, sealed
from siting.outcome import FRAMES, Outcome
from siting.plan import Plan
from siting.program.limits import Limit, limit_tables
from siting.report import RunFacts
from siting.roads import Network
from siting.study.depends import STAGES, STORED, changed_keys, feeds, gone, stale, still_known
from siting.study.pipeline import Study
from siting.study.provenance import SETTINGS
from siting.study.read_sources import People, no_neighbourhoods
from siting.study.stages import Report
from siting.study.table_cache import load_table


@dataclass(frozen=True)
class Folder:
    """The ``stages/`` folder of a run, and its record."""

    path: Path
    record: Mapping[str, Any]

    def table(self, name: str, missing: pd.DataFrame | None = None) -> Any:
        """Return a stored table with its notes, or `missing` if the table was not stored."""
        if f"{name}.parquet" not in self.record["sha256"]:
            return missing
        path = self.path / f"{name}.parquet"
        try:
            frame = load_table(path)
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise InputError(str(path), f"cannot be read: {err}", AGAIN) from err
        frame.attrs = self.record["attrs"].get(name, {})
        return frame


@dataclass(frozen=True)
class Form:
    """The functions that store and read the result of a stage that is not a plain table."""

    # Turns the stage's result into tables. A table that is None is not written.
    tables: Callable[[Any], dict[str, pd.DataFrame | None]]
    read: Callable[[Folder], Any]  # reads the stage's result from the folder
    needed: tuple[str, ...] = ()  # the tables that must exist
    # Turns the stage's result into entries of the record.
    record: Callable[[Any], dict[str, Any]] = lambda _: {}


def write_stages(study: Study, folder: Path) -> None:
    """Write the tables that a later solve needs into a run's ``stages/`` folder.

    The plan and all other files of the folder, except the report, must already exist.
    """
    stages = folder / FOLDER
    stages.mkdir()
    record: dict[str, Any] = {"format": FORMAT, "siting": __version__, "attrs": {}}
    for name in _kept_stages():
        form, value = _form(name), getattr(study, name)
        record |= form.record(value)
        for table_name, frame in form.tables(value).items():
            if frame is None:
                continue
            if frame.attrs:
                record["attrs"][table_name] = {str(k): note for k, note in frame.attrs.items()}
            bare = frame.copy(deep=False)
            bare.attrs = {}
            bare.to_parquet(stages / f"{table_name}.parquet", compression="zstd")
    write_json(sealed(plain(record), folder), stages / MANIFEST)


def seal_again(folder: Path) -> None:
    """Record the hashes of a run folder's files again, after some files were rewritten."""
    path = folder / FOLDER / MANIFEST
    record = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    write_json(sealed({name: v for name, v in record.items() if name != SEAL}, folder), path)


def _kept_stages(groups: Sequence[str] = STORED) -> list[str]:
    return [name for name, made in STAGES.items() if made.stored in groups]


def study_from_run(
    folder: Path | str, overrides: Sequence[str] = (), *, progress: Report | None = None
) -> Study:
    """Return the study of a stored run, with the stored stages that remain valid after overrides.

    Parameters
    ----------
    folder
        A run folder.
    overrides
        ``key.path=value`` strings that replace keys of the run's ``config.yaml``.
    progress
        Called with an `Event` when a stage has been computed again.

    Returns
    -------
    Study
        `Study.reused` names the groups of stages taken from the folder. Without overrides, the
        outcome is among them, and `Study.plan` is the stored plan, recounted. The folder stores
        the population only by cell.

    Raises
    ------
    InputError
        If the folder is not a run folder, has another format, is incomplete or was edited, or if a
        file needed to compute a stage again is missing. The error lists every problem.
    ConfigError
        If an override is invalid.

    Examples
    --------
    >>> study = study_from_run("runs/islamabad", ["program.budget_pkr=8e7"])  # doctest: +SKIP
    >>> study.plan.headline()  # doctest: +SKIP
    """
    folder = Path(folder)
    needed = [table for name in _kept_stages() for table in _form(name).needed]
    record, facts = read_manifest(folder, needed)
    as_form(RunFacts, facts, str(folder / "run.json"))
    config, changed = _configuration(folder, overrides)
    groups = stale(changed)
    reused = tuple(group for group in STORED if group not in groups)
    stages = Folder(folder / FOLDER, record)
    tables = {name: _form(name).read(stages) for name in _kept_stages(reused)}
    tables["known_inputs"] = still_known(facts["inputs"], changed)
    if "sourced_figures" not in gone(changed):
        known = pd.DataFrame(facts["assumptions"])
        tables["sourced_figures"] = known[known["used_for"] != SETTINGS].reset_index(drop=True)
    study = Study(config, progress=progress, tables=tables)
    study.reused = reused
    study.start = tuple(record["outcome"]["offers"])
    if not changed:
        study.spare.known = facts.get("in_time")
    return study


# A run can be named by its folder, its study or its plan.
type Source = Path | str | Study | Plan


def study_of(source: Source) -> Study:
    """Return the study that made a run folder or a plan, or `source` if it is a study.

    Raises `InputError` if the folder cannot be used, or if the plan was not made by a study.
    """
    if isinstance(source, Study):
        return source
    if isinstance(source, Plan):
        if source.study is None:
            what = "was not made by a study, so nothing further can be computed from it"
            raise InputError("plan", what, "use the plan of a Study, or a run folder")
        study: Study = source.study
        return study
    require_kind("run", source, str | Path, "pass a run folder, a study or a plan")
    return study_from_run(source)


def study_again(first: Study, folder: Path, overrides: Sequence[str]) -> Study:
    """Return the study of a stored run with overrides. The study shares stages with `first`."""
    config, changed = _configuration(folder, overrides)
    known = still_known(first.known_inputs.values(), changed)
    return first.with_stages({"known_inputs": known}, config)


def _configuration(folder: Path, overrides: Sequence[str]) -> tuple[Config, tuple[str, ...]]:
    """Return the configuration of a run with overrides applied, and the keys that they change."""
    try:
        before = load(folder / "config.yaml", check_files=False)
    except ConfigError as err:  # another version, with other keys, wrote the file
        raise InputError([Fault(f.where, f.what, f.fix or AGAIN) for f in err.faults]) from err
    after = load(folder / "config.yaml", overrides, check_files=False) if overrides else before
    changed = changed_keys(before, after)
    _require_inputs(after, changed)
    return after, changed


def plan_from_run(folder: Path | str) -> Plan:
    """Return the plan of a stored run, recounted from its tables, without solving.

    Parameters
    ----------
    folder
        A run folder.

    Raises
    ------
    InputError
        As for `study_from_run`.
    VerifyError
        If the stored plan contradicts its tables.

    Examples
    --------
    >>> plan = plan_from_run("runs/islamabad")  # doctest: +SKIP
    >>> plan.sites[["site_id", "name", "served_kwh_day"]]  # doctest: +SKIP
    """
    return plan_of(study_from_run(folder), folder)


def plan_of(study: Study, source: Source) -> Plan:
    """Return the plan of `source`; `study` is the study of that plan.

    If `source` is a folder, `study` must have been opened without overrides, and the plan has the
    facts of the folder.
    """
    if not isinstance(source, Path | str):
        return source if isinstance(source, Plan) else study.plan
    facts = json.loads(Path(source, "run.json").read_text(encoding="utf-8"))
    return replace(study.plan, facts_of=lambda _: facts)


def _require_inputs(config: Config, changed: Sequence[str]) -> None:
    """Raise an `InputError` if a stage must be computed again and a file for it is missing."""
    faults, groups = [], stale(changed)
    for key, path in input_files(config).items():
        if (needed := [group for group in feeds(key) if group in groups]) and not path.is_file():
            what = f"{path} no longer exists, and {' and '.join(needed)} must be computed "
            what += "again from it"
            fix = "restore the file, name another file, or leave out the change"
            faults.append(Fault(key, what, fix, tuple(changed)))
    refuse(faults)


# --- stages that are not plain tables -------------------------------------------------------------


def _people(folder: Folder) -> People:
    cells = folder.table("cells")
    columns = ["people", "geometry", *(["zone_id"] if "zone_id" in cells.columns else [])]
    rows = cells.loc[cells["people"] > 0, columns].copy()
    rows.attrs = {}
    rows = rows.set_geometry(rows.geometry.representative_point()).to_crs(4326)
    return People(
        rows.reset_index(drop=True),
        folder.table("outside", missing=rows.iloc[:0]),
        folder.table("zones"),
        tuple(folder.record.get("people_notes", ())),
    )


def _cell_zones(folder: Folder) -> pd.Series | None:
    frame = folder.table("cell_zones")
    return None if frame is None else frame["zone"].rename(None)


def _limits(folder: Folder) -> tuple[Limit, ...]:
    there, use = folder.table("limits"), folder.table("limit_use")
    amounts = {name: rows.set_index("offer_id")["use"] for name, rows in use.groupby("limit")}
    columns = ["limit", "kind", "unit", "at_most", "at_least", "per_rupee", "of_budget"]
    rows = there[columns].itertuples(index=False, name=None)
    return tuple(
        Limit(name, kind, unit, most, amounts.get(name, {}), *others)
        for name, kind, unit, most, *others in rows
    )


OPTIONAL = ("surfaces", "cell_places", "certificate")  # stages whose result is a table or None
FORMS = {
    "network": Form(
        needed=("nodes", "edges"),
        tables=lambda n: {"nodes": n.nodes, "edges": n.edges},
        read=lambda f: Network(f.table("nodes"), f.table("edges"), f.record["network"]),
        record=lambda n: {"network": n.report},
    ),
    "people_read": Form(
        tables=lambda p: {"zones": p.zones, "outside": p.outside if len(p.outside) else None},
        read=_people,
        record=lambda p: {"people_notes": list(p.notes)},
    ),
    "neighbourhoods": Form(
        tables=lambda layer: {"neighbourhoods": layer if len(layer) else None},
        read=lambda f: f.table("neighbourhoods", missing=no_neighbourhoods()),
    ),
    "cell_zones": Form(
        lambda z: {"cell_zones": None if z is None else z.rename("zone").to_frame()}, _cell_zones
    ),
    "limits": Form(
        needed=("limits", "limit_use"),
        tables=lambda rows: dict(zip(("limit_use", "limits"), limit_tables(rows), strict=True)),
        read=_limits,
    ),
    "outcome": Form(
        needed=tuple(f"outcome_{name}" for name in FRAMES),
        tables=lambda outcome: outcome.frames(),
        read=lambda f: Outcome.read(f.record["outcome"], f.table),
        record=lambda outcome: {"outcome": outcome.facts()},
    ),
}


def _form(name: str) -> Form:
    """Return the functions that store a stage, by default as a table with the stage's name."""
    needed = () if name in OPTIONAL else (name,)
    return FORMS.get(name, Form(lambda t: {name: t}, lambda f: f.table(name), needed))
