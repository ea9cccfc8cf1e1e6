"""The task of a batch's workers: run one study, and return its row of the table of results.

A run folder is filled in ``OUT/.work`` and moved to ``OUT/runs/KEY`` when it is complete. A lock,
which the system frees if its worker dies, keeps two workers from running the same study.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from siting import __version__, errors
from siting.batch.studies import study_sha256
from siting.config import load, with_keys
from siting.errors import InputError, SitingError
from siting.locks import Lock, hold, holder
from siting.writing import write_text

RUNS, FAILED, WORK = "runs", "failed", ".work"
TOKEN = "batch.json"

# These errors would occur again. Only studies with other errors are tried again at the next start.
LASTING = (errors.ConfigError, errors.InfeasibleError, InputError, errors.SolveError,
           errors.VerifyError)  # fmt: skip
# Maximum wait (s) for another worker that is running the same study.
WAIT_S = 3600.0

# One study at a time: solvers use all its threads, and OSMnx has one set of settings per process.
_ONE_AT_A_TIME = threading.Lock()


def work(task: Mapping[str, Any]) -> dict[str, Any]:
    """Run one study and write its run folder; return its row of the table of results.

    `task` has ``key`` (the run folder's name), ``text`` (the configuration), ``out`` (the batch's
    folder), ``token`` (a random identifier of the batch), ``siting`` (the caller's version) and
    ``threads`` (solver threads, or None to use the configured number). Errors are returned as a row
    (see `failure`) rather than raised, so that one study cannot stop the others.
    """
    start = time.perf_counter()
    try:
        with _ONE_AT_A_TIME:
            return _work(task)
    except Exception as err:
        return failure(err, time.perf_counter() - start)


def _work(task: Mapping[str, Any]) -> dict[str, Any]:
    out, key = Path(task["out"]), str(task["key"])
    _require_same_batch(task, out)
    folder, place = out / RUNS / key, out / WORK / f"{key}.lock"
    if (lock := hold(place, WAIT_S)) is None:
        raise InputError(key, f"{holder(place)} is still working on it after {WAIT_S:,.0f} s")
    with lock:
        if (folder / "run.json").is_file():  # written by another worker
            return row_of(folder)
        return _make(task, out, folder, lock)


def _make(task: Mapping[str, Any], out: Path, folder: Path, lock: Lock) -> dict[str, Any]:
    from siting.study import run

    for part in (out / WORK).iterdir() if lock.sure else ():  # left by killed workers
        if part.name.rpartition("~")[0] == folder.name:
            shutil.rmtree(part, ignore_errors=True)
    start = time.perf_counter()
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}~", dir=out / WORK))
    record = out / FAILED / f"{folder.name}.json"
    try:
        (part / "study.yaml").write_text(str(task["text"]), encoding="utf-8")
        config = load(part / "study.yaml", today=datetime.now().astimezone().date())
        if not folder.name.endswith(study_sha256(config)[:16]):
            raise OSError(
                "the input files differ from those that the batch started with: they were changed, "
                "or this machine has another copy; start the batch again"
            )
        if task["threads"] is not None:
            config = with_keys(config, {"solver.threads": int(task["threads"])})
        if run(config, out=part / "run").outcome.stopped == "interrupted":
            raise InterruptedError("stopped before the solver was done")
        folder.parent.mkdir(exist_ok=True)
        try:
            (part / "run").replace(folder)
        except OSError:
            # On a file system without locks, another worker may have written the folder first.
            if not (folder / "run.json").is_file():
                raise
        record.unlink(missing_ok=True)
        return row_of(folder)
    except LASTING as err:
        row = failure(err, time.perf_counter() - start)
        write_text(record, json.dumps(row, indent=1, ensure_ascii=False), replace=True)
        return row
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _require_same_batch(task: Mapping[str, Any], out: Path) -> None:
    if task["siting"] != __version__:
        what = f"has siting {__version__}, but the batch uses {task['siting']}"
        raise InputError("this worker", what, "install the same version everywhere")
    try:
        token = (out / WORK / TOKEN).read_text(encoding="utf-8")
    except OSError:
        token = ""
    if token != task["token"]:
        what = "is not the batch's folder on this worker's machine"
        raise InputError(str(out), what, "put it on a path that all machines share")


def row_of(folder: Path) -> dict[str, Any]:
    """Return the row of a finished study from its ``run.json``."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    same = ("status", "stopped", "served_share", "bound_kwh_day", "gap", "subsidy_pkr", "cost_pkr",
            "new_stations", "note")  # fmt: skip
    return {
        **{key: facts[key] for key in same},
        "served_kwh_day": facts["objective_kwh_day"],
        "proof": facts["proof_text"],
        "seconds": round(sum(facts["seconds"].values()), 3),
        "folder": f"{RUNS}/{folder.name}",
        "error": "",
    }


def failure(err: BaseException, seconds: float) -> dict[str, Any]:
    """Return the row of a failed study, with the message of its error."""
    text = str(err) if isinstance(err, SitingError) else f"{type(err).__name__}: {err}"
    return {"status": "failed", "seconds": round(seconds, 3), "error": text}
