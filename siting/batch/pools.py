"""Executors of a batch or a nation: processes on this machine, or a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

from siting.errors import InputError, needs_extra
from siting.interrupts import held

Row = dict[str, Any]
Task = tuple[Callable[..., Row], tuple[Any, ...]]
# Maximum waits (s) for a scheduler to answer and for its first worker.
ANSWER_S, WORKERS_S = 15, 60
# Seconds between progress reports while no task finishes.
TICK_S = 1.0
# Number of shared pools that `Workers` tries. Each task that then remains gets a pool of its own.
POOLS = 2
KILLED = "its process was killed, perhaps for lack of memory"


def cores() -> int:
    """Return the number of processor cores available to this process."""
    return getattr(os, "process_cpu_count", os.cpu_count)() or 1  # Python 3.12 lacks the first


def share_threads(workers: int) -> int:
    """Return the number of solver threads per worker, at least 1.

    >>> share_threads(10_000)
    1
    """
    return max(cores() // max(workers, 1), 1)


def lost(why: Exception | str) -> Row:
    """Return the row of a task that was lost."""
    error = why if isinstance(why, str) else f"{type(why).__name__}: {why}"
    return {"status": "failed", "error": error}


def rows_of[K](
    executor: Executor, tasks: Mapping[K, Task], idle: Callable[[], object] = lambda: None
) -> Generator[tuple[K, Row]]:
    """Run tasks, and yield the key and the row of each when it finishes or is `lost`.

    Tasks that a broken executor leaves undone are not yielded. `idle` is called once a second while
    no task finishes.
    """
    futures: dict[Future[Row], K] = {}
    order = {key: n for n, key in enumerate(tasks)}
    try:
        for key, (work, args) in tasks.items():
            try:
                with held():
                    futures[executor.submit(work, *args)] = key
            except BrokenExecutor:
                pass
            except Exception as err:  # the client of a cluster closes if its scheduler is lost
                yield key, lost(err)
        waiting = set(futures)
        while waiting:
            ready, waiting = wait(waiting, TICK_S, return_when="FIRST_COMPLETED")
            for future in sorted(ready, key=lambda one: order[futures[one]]):
                try:
                    yield futures[future], future.result()
                except BrokenExecutor:
                    pass
                # A task that is cancelled, lost or not serialisable does not stop the others.
                except Exception as err:
                    yield futures[future], lost(err)
            if not ready:
                idle()
    finally:
        for future in futures:
            future.cancel()


@contextmanager
def local_pool(workers: int) -> Iterator[Executor]:
    """Yield an executor whose new processes end with the ``with`` block or with this process."""
    context = _context()
    there, here = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(there,))
    try:
        yield pool
        pool.shutdown()
    finally:
        here.close()
        pool.shutdown(cancel_futures=True)
        there.close()


def _context() -> BaseContext:
    """Return a context whose processes share no memory or open files with this process."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # Imports take seconds. Workers are forked from one process that has imported the modules.
    context.set_forkserver_preload(["siting.batch.worker", "siting.study", "siting.report"])
    return context


def _begin(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Log lines of several studies would be mixed, so only errors are logged.
    logging.getLogger("siting").setLevel(logging.ERROR)
    threading.Thread(target=_end_with, args=(pipe,), name="end with parent", daemon=True).start()


def _end_with(pipe: Connection) -> None:
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        # Half-written files may stay: the next start of the batch deletes them.
        os._exit(1)


@contextmanager
def dask_pool(address: str) -> Iterator[tuple[Executor, int]]:
    """Yield an executor on a Dask cluster, and the number of solver threads per worker.

    `address` is that of the scheduler, e.g. ``tcp://10.0.0.5:8786``. Raises `MissingExtraError` if
    ``distributed`` is not installed, and `InputError` if no scheduler with workers answers.
    """
    with needs_extra("dask", "distributed", "is needed for a Dask cluster"):
        distributed: Any = import_module("distributed")
    try:
        client = distributed.Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError) as err:
        what = f"no Dask scheduler answered within {ANSWER_S} s"
        raise InputError(f"dask {address}", what, "check the address") from err
    with closing(client):
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except OSError as err:
            what = f"the scheduler has had no worker for {WORKERS_S} s"
            fix = f"start a worker: dask worker {address}"
            raise InputError(f"dask {address}", what, fix) from err
        workers = client.scheduler_info(n_workers=-1)["workers"]
        # If no worker is left by now, its replacement is assumed to have one thread.
        threads = min((int(w["nthreads"]) for w in workers.values()), default=1)
        yield client.get_executor(), threads


class Workers(AbstractContextManager["Workers"]):
    """An executor that continues if worker processes die; they start with the first task.

    `workers` is the number of local processes (None: one per core). `dask` is the address of a Dask
    scheduler to use instead.
    """

    def __init__(self, workers: int | None = None, dask: str | None = None) -> None:
        self.workers, self.dask = workers or cores(), dask
        self.threads = share_threads(self.workers)
        self._open = ExitStack()
        self._pool: Executor | None = None

    def __exit__(self, *_: object) -> None:
        """Stop the processes."""
        self._open.close()
        self._pool = None

    def _begin(self) -> Executor:
        if self._pool is None:
            if self.dask is not None:
                self._pool, self.threads = self._open.enter_context(dask_pool(self.dask))
            else:
                self._pool = self._open.enter_context(local_pool(self.workers))
        return self._pool

    def each[K](self, tasks: Mapping[K, Task]) -> Iterator[tuple[K, Row]]:
        """Yield the key and the row of each task when it finishes.

        If the pool of processes breaks, a second pool runs the remaining tasks. If it breaks too,
        each remaining task gets its own pool.
        """
        left = dict(tasks)
        for _ in range(POOLS):
            if left:
                yield from self._done(left)
        for key, task in left.items():
            self.__exit__()
            alone = {key: task}
            yield from self._done(alone)
            if alone:
                yield key, lost(KILLED) | {"seconds": 0.0}

    def _done[K](self, left: dict[K, Task]) -> Iterator[tuple[K, Row]]:
        """Run tasks in one pool, and yield their rows; if it breaks, tasks remain in `left`."""
        for key, row in rows_of(self._begin(), dict(left)):
            del left[key]
            row.setdefault("seconds", 0.0)  # a lost task has none
            yield key, row
        if left:
            self.__exit__()
