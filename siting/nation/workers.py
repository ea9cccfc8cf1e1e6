"""Solve cities in local processes or on a cluster, and continue if a process dies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from siting.batch.pools import Task, cores, dask_pool, local_pool, rows_of, share_threads

# Number of shared pools to try. Each task that then remains gets a pool of its own.
POOLS = 2
KILLED = "its process was killed, perhaps for lack of memory"


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
        self._end()

    def _end(self) -> None:
        self._open.close()
        self._pool = None

    def _begin(self) -> Executor:
        if self._pool is None:
            if self.dask is not None:
                self._pool, self.threads = self._open.enter_context(dask_pool(self.dask))
            else:
                self._pool = self._open.enter_context(local_pool(self.workers))
        return self._pool

    def each[K](self, tasks: Mapping[K, Task]) -> Iterator[tuple[K, dict[str, Any]]]:
        """Yield the key and the row of each task when it finishes.

        If the pool of processes breaks, a second pool runs the remaining tasks. If it breaks too,
        each remaining task gets its own pool.
        """
        left = dict(tasks)
        for _ in range(POOLS):
            if left:
                yield from self._done(left)
        for key, task in left.items():
            self._end()
            alone = {key: task}
            yield from self._done(alone)
            if alone:
                yield key, _lost(KILLED)

    def _done[K](self, left: dict[K, Task]) -> Iterator[tuple[K, dict[str, Any]]]:
        """Run tasks in one pool, and yield their rows; if it breaks, tasks remain in `left`."""
        for key, row in rows_of(self._begin(), dict(left)):
            del left[key]
            yield key, _lost(row) if isinstance(row, str) else row
        if left:
            self._end()


def _lost(why: str) -> dict[str, Any]:
    return {"status": "failed", "error": why, "seconds": 0.0}
