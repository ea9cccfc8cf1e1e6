"""Run every study of a batch once, on any executor; a restart runs only unfinished studies."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from siting import __version__
from siting.batch.batch_page import PAGE, render, short_columns, status_words
from siting.batch.pools import KILLED, Row, Task, cores, local_pool, lost, rows_of, share_threads
from siting.batch.studies import BatchStudy
from siting.batch.table import TABLE, TABLE_CSV, made_by_batch, results_table, write_table
from siting.batch.worker import FAILED, RUNS, TOKEN, WORK, row_of, work
from siting.config.yaml_text import read
from siting.errors import InputError
from siting.locks import hold, holder
from siting.shown import Column, Display, Shown, block_of
from siting.writing import clear_part_files, require_free, write_text

# Names of workers' locks and of half-written folders begin with the study's key.
_WORK_FILE = re.compile(r".+-[0-9a-f]{16}(\.lock|~[^~]+)")
# Seconds between writes of the table during the batch.
WRITE_S = 10.0


@dataclass(frozen=True)
class BatchEvent:
    """A progress report."""

    done: int  # number of finished studies, including failed ones
    total: int  # number of all studies
    study: BatchStudy | None = None  # the study that just finished, if any
    row: Mapping[str, Any] | None = None  # the row of this study in the table of results
    running: tuple[str, ...] = ()  # names of the run folders of studies in progress
    kept: bool = False  # whether an earlier start of the batch had finished the study


@dataclass(frozen=True, eq=False, repr=False)
class BatchResult(Shown):
    """The result of a batch: `table` has a row per study, and `out` is the batch's folder."""

    table: pd.DataFrame
    out: Path

    @property
    def failed(self) -> int:
        """The number of studies without a plan."""
        return int((~self.table["status"].isin(["optimal", "feasible"])).sum())

    def _shown(self) -> Display:
        columns = [*short_columns(self.table), Column("Status", "status")]
        title = f"Batch {self.out}: {status_words(self.table)}"
        return Display(title, "", [block_of(self.table, columns, "table")])


Report = Callable[[BatchEvent], None]


def run_batch(
    studies: Sequence[BatchStudy],
    executor: Executor | None = None,
    *,
    out: Path | str,
    workers: int | None = None,
    threads: int | None = None,
    retry: bool = False,
    progress: Report | None = None,
) -> BatchResult:
    """Run every study once, and write and return the table of results.

    Each study gets a run folder, ``OUT/runs/KEY``, whose name depends on the content of its
    configuration and inputs. A study that already has its folder is not run again, so a killed
    batch continues where it stopped. A failed study does not stop the others.

    Parameters
    ----------
    studies
        The studies, as `list_studies` returns them.
    executor
        Where to run the studies; its machines must see `out` and the inputs under the same paths.
        If None, the studies run in new processes on this machine.
    out
        The batch's folder, for ``results.csv``, ``results.parquet``, ``index.html`` and ``runs/``.
    workers
        Number of processes if there is no executor; if None, one per core.
    threads
        Solver threads of each study. If None, each study uses its configured number, which is
        reduced to the study's share of the cores if there is no executor.
    retry
        Whether to retry studies that failed earlier because of their own inputs.
    progress
        Called when a study is done, and about once a second in between.

    Raises
    ------
    InputError
        If there are no studies, another batch uses the folder, or files that no batch wrote would
        be replaced.

    Examples
    --------
    >>> studies = list_studies(["a.yaml"], sweep={"year": [2030, 2035]})  # doctest: +SKIP
    >>> run_batch(studies, out="runs/years").table[["year", "served_share"]]  # doctest: +SKIP
    """
    if not studies:
        raise InputError("batch", "there are no studies", "name a configuration")
    out = Path(out).absolute()
    _require_ours(out)
    if (lock := hold(out / WORK / "batch.lock")) is None:
        who = holder(out / WORK / "batch.lock")
        raise InputError(str(out), f"{who} is running a batch there", "name another folder")
    batch = _Batch(studies, out, progress)
    try:
        _clear(out)
        batch.find_finished(retry=retry)
        batch.write()
        rows = zip(studies, batch.rows, strict=True)
        todo = [study for study, row in rows if row["status"] == "waiting"]
        if executor is not None:
            left = batch.drain(executor, todo, dict.fromkeys((s.key for s in todo), threads))
            batch.give_up(left, "the executor broke down")
        elif todo:
            _locally(batch, todo, workers, threads)
    finally:
        try:
            table = batch.write()
        finally:
            (out / WORK / TOKEN).unlink(missing_ok=True)
            _clear(out)
            lock.release()
            with suppress(OSError):  # a worker of an earlier start may still be at work
                (out / WORK).rmdir()
    return BatchResult(table, out)


def _locally(
    batch: _Batch, todo: Sequence[BatchStudy], workers: int | None, threads: int | None
) -> None:
    """Run studies in processes on this machine, and continue if a process is killed."""
    count = min(workers or cores(), len(todo))
    most = share_threads(count)
    asked = {s.key: int(read(s.text).value["solver"]["threads"]) for s in todo}
    threads_by_key = {key: threads or min(own, most) for key, own in asked.items()}
    while todo:
        with local_pool(count) as pool:
            left = batch.drain(pool, todo, threads_by_key)
        # A process that dies breaks the pool. Any study in progress, which its lock shows, may have
        # killed it, so each of them runs again in its own pool.
        begun = [s for s in left if s.key in batch.running()] or left[:1]
        for study in begun:
            with local_pool(1) as pool:
                dead = batch.drain(pool, [study], threads_by_key)
            batch.give_up(dead, KILLED)
        todo = [s for s in left if s not in begun]


class _Batch:
    """The rows of a batch's table, which are filled as studies finish."""

    def __init__(self, studies: Sequence[BatchStudy], out: Path, progress: Report | None) -> None:
        self.studies, self.out = studies, out
        self.tell = progress or (lambda _: None)
        self.rows: list[Row] = [{"status": "waiting", "error": ""} for _ in studies]
        self.place = {s.key: i for i, s in enumerate(studies) if s.key}
        self.token = secrets.token_hex(8)
        self.done = 0
        self.written = time.monotonic()
        write_text(out / WORK / TOKEN, self.token, replace=True)

    def find_finished(self, *, retry: bool) -> None:
        """Store the rows of unreadable studies, and of those that an earlier start completed."""
        for i, study in enumerate(self.studies):
            if study.fault:
                self.take(i, lost(study.fault), kept=False)
            elif (row := self._finished(study, retry=retry)) is not None:
                self.take(i, row, kept=True)

    def _finished(self, study: BatchStudy, *, retry: bool) -> Row | None:
        folder, record = self.out / RUNS / study.key, self.out / FAILED / f"{study.key}.json"
        try:
            if folder.is_dir():
                return row_of(folder)
            if record.is_file() and not retry:
                row: Row = json.loads(record.read_text(encoding="utf-8"))
                return row
        except (OSError, ValueError, KeyError, TypeError) as err:
            error = f"{folder if folder.is_dir() else record} was damaged ({err}); delete it"
            return {"status": "failed", "seconds": 0.0, "error": error}
        return None

    def drain(
        self, executor: Executor, todo: Sequence[BatchStudy], threads: Mapping[str, int | None]
    ) -> list[BatchStudy]:
        """Run studies with the given `threads`; return those that a broken executor left undone."""
        here = {"out": str(self.out), "token": self.token, "siting": __version__}
        tasks: dict[str, Task] = {
            s.key: (work, ({**here, "key": s.key, "text": s.text, "threads": threads[s.key]},))
            for s in todo
        }
        left = {study.key: study for study in todo}

        def idle() -> None:
            self.tell(BatchEvent(self.done, len(self.rows), running=self.running()))

        with closing(rows_of(executor, tasks, idle)) as rows:
            for key, row in rows:
                del left[key]
                self.take(self.place[key], row, kept=False)
        return list(left.values())

    def take(self, i: int, row: Row, *, kept: bool) -> None:
        """Store a row and report it."""
        self.rows[i] = row
        self.done += 1
        if time.monotonic() - self.written > WRITE_S:  # for readers during the batch
            self.write()
        running = () if kept else self.running()
        self.tell(BatchEvent(self.done, len(self.rows), self.studies[i], row, running, kept))

    def give_up(self, studies: Sequence[BatchStudy], why: str) -> None:
        """Record studies as failed; the next start tries them again."""
        for study in studies:
            self.take(self.place[study.key], lost(why), kept=False)

    def running(self) -> tuple[str, ...]:
        """Return the keys of the studies in progress."""
        locked = {path.stem for path in (self.out / WORK).glob("*.lock")}
        return tuple(sorted(locked & self.place.keys()))

    def write(self) -> pd.DataFrame:
        """Write the table and the page; return the table."""
        self.written = time.monotonic()
        table = results_table(self.studies, self.rows)
        write_table(table, self.out)
        write_text(self.out / PAGE, render(table, self.out), replace=True)
        return table


def _require_ours(out: Path) -> None:
    """Refuse a folder in which a batch would replace files that no batch wrote."""
    if made_by_batch(out):
        return
    taken = [name for name in (PAGE, TABLE, TABLE_CSV) if (out / name).exists()]
    taken += [n for n in (RUNS, FAILED, WORK) if (out / n).exists() and not (out / n).is_dir()]
    if taken:
        what = "has files with the names of a batch's files, but no batch wrote them"
        raise InputError(str(out), what, "name another folder", tuple(taken))
    require_free(out / PAGE)


def _clear(out: Path) -> None:
    """Delete the half-written files of processes that are no longer running."""
    for part in (out / WORK).iterdir():
        key = part.name.rpartition("~")[0]
        place = out / WORK / f"{key}.lock" if key else part
        if _WORK_FILE.fullmatch(part.name) and (lock := hold(place)):
            if key and lock.sure:
                shutil.rmtree(part, ignore_errors=True)
            lock.release()
    for folder in (out, out / FAILED, out / WORK):
        clear_part_files(folder)
