"""The manifest of a run folder, `stages/stages.json`, and the detection of damaged folders.

The manifest contains its own hash, and the SHA-256 of every file of the run except ``report.html``,
which may be regenerated. If somebody edits a file and also its hash, only the independent check by
`siting verify` reveals it. The manifest of a nation lists all files below the nation's folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from siting.errors import Fault, InputError, naming, refuse
from siting.files import sha256
from siting.outcome import FACTS

# Increase this number when the stored content changes.
FORMAT = 5
# The format of run.json; `siting.study.facts` writes it.
RUN_FORMAT = 3
FOLDER = "stages"
MANIFEST = "stages.json"
AGAIN = "run the study again"
# Files in the run folder that the stages depend on.
WHOLE = ("config.yaml", "run.json")
REPORT = "report.html"
SEAL = "sha256_of_this"


def sealed(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return `record` with the hashes of a run folder's files, and with its own hash."""
    here = sorted(path for path in folder.iterdir() if path.is_file() and _hashed(path.name))
    complete = {
        **record,
        "sha256": {path.name: sha256(path) for path in sorted((folder / FOLDER).iterdir())},
        "of_the_run": {path.name: sha256(path) for path in here},
    }
    return {**complete, SEAL: _seal(complete)}


def sealed_below(record: Mapping[str, Any], folder: Path, but: Sequence[str]) -> dict[str, Any]:
    """Return `record` with the hashes of the files below a folder, and with its own hash.

    The files in `but` are left out.
    """
    names = [
        name
        for name in files_below(folder)
        if _hashed(Path(name).name) and name not in but and (folder / name).is_file()
    ]
    complete = {**record, "sha256": {name: sha256(folder / name) for name in names}}
    return {**complete, SEAL: _seal(complete)}


def files_below(folder: Path) -> list[str]:
    """Return the relative paths of the files and empty folders below a folder, sorted."""
    found = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    ]
    return sorted(found)


def unsealed(path: Path, manifest: Mapping[str, Any]) -> list[Fault]:
    """Return a fault if a manifest's own hash is wrong."""
    if manifest.get(SEAL) == _seal(manifest):
        return []
    return [Fault(str(path), "was changed after the run was written", AGAIN)]


def changed(folder: Path, hashes: Mapping[str, Any], again: str = AGAIN) -> list[Fault]:
    """Return a fault for each file of a folder that is missing or has a different hash."""
    faults = []
    for name, hashed in hashes.items():
        path = folder / name
        if not path.is_file():
            faults.append(Fault(str(path), "is missing", again))
        elif sha256(path) != hashed:
            fix = f"restore the original file, or {again}"
            if path.name == "config.yaml":
                fix += "; to make another plan, override keys instead"
            faults.append(Fault(str(path), "was changed after the run was written", fix))
    return faults


def strange(folder: Path, known: Sequence[str]) -> list[Fault]:
    """Return a fault that names the unknown files in a folder; no fault if all are known."""
    odd = sorted(path.name for path in folder.iterdir() if path.name not in known)
    what = "contains files that the run did not write"
    return naming(str(folder), what, odd, "move them elsewhere")


def as_form[T: BaseModel](form: type[T], data: Any, where: str, again: str = AGAIN) -> T:
    """Return JSON data as a Pydantic model; raise an `InputError` that names every wrong key."""
    try:
        return form.model_validate(data)
    except ValidationError as err:
        raise InputError(
            Fault(
                f"{where}, key {'.'.join(map(str, one['loc']))}" if one["loc"] else where,
                f"{one['input']!r:.60} has the wrong form: {one['msg'][:1].lower()}{one['msg'][1:]}"
                if one["type"] != "missing"
                else "is missing",
                again,
            )
            for one in err.errors(include_url=False)
        ) from err


def _hashed(name: str) -> bool:
    return name != REPORT and not name.startswith(".")


def _seal(record: Mapping[str, Any]) -> str:
    unsealed = {key: value for key, value in record.items() if key != SEAL}
    return hashlib.sha256(json.dumps(unsealed, sort_keys=True).encode()).hexdigest()


def read_manifest(
    folder: Path, tables: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Check that a run folder's files are unchanged; return its ``stages.json`` and ``run.json``.

    `tables` names the tables that the folder must have. Raises `InputError` if the folder is not a
    run folder or has another format, or if files are missing or were edited.
    """
    if not (folder / "run.json").is_file():
        empty = "is not a run folder: it has no run.json"
        what = empty if folder.is_dir() else "no such run folder"
        raise InputError(str(folder), what, "name the folder of a run")
    facts = read_json(folder / "run.json")
    path = folder / FOLDER / MANIFEST
    # The format is checked first, because a different format explains all other errors.
    _require_format(folder / "run.json", facts, RUN_FORMAT)
    if not path.is_file():
        what = f"is missing: the run was written by siting {facts.get('siting', '(not stated)')}"
        what += ", which stored no stages, or the folder is incomplete"
        raise InputError(str(path), what, AGAIN)
    manifest = read_json(path)
    _require_format(path, manifest, FORMAT)
    refuse(_manifest_faults(path, manifest, tables) or unsealed(path, manifest))
    refuse(changed(folder, manifest["of_the_run"]) + changed(folder / FOLDER, manifest["sha256"]))
    return manifest, facts


def _require_format(path: Path, record: Mapping[str, Any], reads: int) -> None:
    if record.get("format") != reads:
        what = (
            f"has format {record.get('format', '(not stated)')} and was written by siting "
            f"{record.get('siting', '(not stated)')}; this version reads format {reads}"
        )
        raise InputError(f"{path}, key format", what, AGAIN)


def _manifest_faults(path: Path, manifest: Mapping[str, Any], tables: Sequence[str]) -> list[Fault]:
    faults = [
        Fault(f"{path}, key {key}", "is missing or has the wrong type", AGAIN)
        for key in ("sha256", "of_the_run", "attrs", "network", "outcome")
        if not isinstance(manifest.get(key), dict)
    ]
    if faults:
        return faults
    missing = [name for name in tables if f"{name}.parquet" not in manifest["sha256"]]
    missing += [name for name in WHOLE if name not in manifest["of_the_run"]]
    faults += naming(f"{path}, key sha256", "lacks files", missing, AGAIN)
    if set(manifest["outcome"]) != {*FACTS, "proofs", "tables"}:
        faults.append(Fault(f"{path}, key outcome", "does not have the keys of an outcome", AGAIN))
    return faults


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a run."""
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as err:
        raise InputError(str(path), f"cannot be read as JSON: {err}", AGAIN) from err
    if not isinstance(parsed, dict):
        raise InputError(str(path), "is not a JSON object", AGAIN)
    return parsed
