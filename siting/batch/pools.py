"""Executors of a batch: processes on this machine, or a Dask cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from typing import Any

from siting.errors import Fault, InputError, needs_extra

# Maximum waits (s) for a scheduler to answer and for its first worker.
ANSWER_S, WORKERS_S = 15, 60


def cores() -> int:
    """Return the number of processor cores available to this process."""
    return os.process_cpu_count() or 1 if hasattr(os, "process_cpu_count") else os.cpu_count() or 1


def share_threads(workers: int) -> int:
    """Return the number of solver threads per worker, at least 1.

    >>> share_threads(10_000)
    1
    """
    return max(cores() // max(workers, 1), 1)


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
    try:
        try:
            client.wait_for_workers(1, timeout=WORKERS_S)
        except OSError as err:
            what = f"the scheduler has had no worker for {WORKERS_S} s"
            fault = Fault(f"dask {address}", what, f"start some: dask worker {address}")
            raise InputError(fault) from err
        workers = client.scheduler_info(n_workers=-1)["workers"]
        # If no worker is left now, one thread is assumed for its replacement.
        threads = min((int(w["nthreads"]) for w in workers.values()), default=1)
        yield client.get_executor(), threads
    finally:
        client.close()
