"""What `stages/stages.json` says of a run folder, and every fault of a folder that is not whole.

It holds the SHA-256 of every file of the run but ``report.html``, which may be written anew, and
one of itself. A hash tells of a slip, not of who mends all of them: for that `siting verify`
recounts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siting.errors import Fault, InputError
from siting.files import sha256
from siting.outcome import FACTS

# Raise it when what is stored changes.
FORMAT = 4
# The run folders this reads; `siting.study.facts` writes the number into run.json.
RUN_FORMAT = 2
FOLDER = "stages"
MANIFEST = "stages.json"
AGAIN = "make the run again with `siting run`"
# Files of the run folder itself that the stages rest on.
WHOLE = ("config.yaml", "run.json")
# The page of a run, which is written from its other files, again with other figures beside it.
REPORT = "report.html"
SEAL = "sha256_of_this"


def sealed(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a manifest with the hashes of what is in a run folder by now, and with its own.

    `record` is the rest of it; the folder's stages are written.
    """
    here = sorted(path for path in folder.iterdir() if path.is_file() and _hashed(path.name))
    hashes = {
        "sha256": {path.name: sha256(path) for path in sorted((folder / FOLDER).iterdir())},
        "of_the_run": {path.name: sha256(path) for path in here},
    }
    complete = {**record, **hashes}
    return {**complete, SEAL: _seal(complete)}


def _hashed(name: str) -> bool:
    return name != REPORT and not name.startswith(".")


def _seal(record: Mapping[str, Any]) -> str:
    unsealed = {key: value for key, value in record.items() if key != SEAL}
    return hashlib.sha256(json.dumps(unsealed, sort_keys=True).encode()).hexdigest()


def read_manifest(
    folder: Path, tables: Sequence[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return ``stages.json`` and ``run.json`` of a folder whose files are all there and unchanged.

    `tables` are those it cannot do without. An `InputError` names every fault: no run, another
    format, incomplete or edited.
    """
    if not folder.is_dir():
        raise InputError(Fault(str(folder), "no such run folder", "name one that siting run wrote"))
    if not (folder / "run.json").is_file():
        what = "is not a run folder: it has no run.json"
        raise InputError(Fault(str(folder), what, "name one that siting run wrote"))
    facts = _read_json(folder / "run.json")
    path = folder / FOLDER / MANIFEST
    # The version is told first: whatever else is odd about the folder follows from it.
    if facts.get("format") != RUN_FORMAT:
        raise InputError(_other_format(folder / "run.json", facts, RUN_FORMAT))
    if not path.is_file():
        what = f"is missing: the run was written by siting {facts.get('siting', '(not stated)')}"
        what += ", which kept no stages, or the folder is incomplete"
        raise InputError(Fault(str(path), what, AGAIN))
    manifest = _read_json(path)
    if manifest.get("format") != FORMAT:
        raise InputError(_other_format(path, manifest, FORMAT))
    faults = _manifest_faults(path, manifest, tables)
    if not faults and manifest.get(SEAL) != _seal(manifest):
        faults.append(Fault(str(path), "was changed after the run was written", AGAIN))
    if not faults:
        for parent, hashes in (
            (folder, manifest["of_the_run"]),
            (folder / FOLDER, manifest["sha256"]),
        ):
            for name, hashed in hashes.items():
                if not (parent / name).is_file():
                    faults.append(Fault(str(parent / name), "is missing", AGAIN))
                elif sha256(parent / name) != hashed:
                    fix = "put the file back as it was, or make the run again with `siting run`"
                    if name == "config.yaml":
                        fix += "; to change a key for another plan, use --set"
                    faults.append(
                        Fault(str(parent / name), "was changed after the run was written", fix)
                    )
    if faults:
        raise InputError(faults)
    return manifest, facts


def _other_format(path: Path, record: Mapping[str, Any], reads: int) -> Fault:
    what = (
        f"format {record.get('format', 'not stated')}, written by siting "
        f"{record.get('siting', '(not stated)')}; this version reads format {reads}"
    )
    return Fault(f"{path}, key format", what, AGAIN)


def _manifest_faults(path: Path, manifest: Mapping[str, Any], tables: Sequence[str]) -> list[Fault]:
    faults = [
        Fault(f"{path}, key {key}", "is missing or of another type", AGAIN)
        for key in ("sha256", "of_the_run", "attrs", "network", "outcome")
        if not isinstance(manifest.get(key), dict)
    ]
    if faults:
        return faults
    missing = tuple(name for name in tables if f"{name}.parquet" not in manifest["sha256"]) + tuple(
        name for name in WHOLE if name not in manifest["of_the_run"]
    )
    if missing:
        faults.append(Fault(f"{path}, key sha256", "lacks files", AGAIN, missing))
    if set(manifest["outcome"]) != {*FACTS, "proofs", "tables"}:
        faults.append(Fault(f"{path}, key outcome", "has other keys", AGAIN))
    return faults


def _read_json(path: Path) -> dict[str, Any]:
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as err:
        raise InputError(Fault(str(path), f"cannot be read as JSON: {err}", AGAIN)) from err
    if not isinstance(parsed, dict):
        raise InputError(Fault(str(path), "is not a JSON object", AGAIN))
    return parsed
