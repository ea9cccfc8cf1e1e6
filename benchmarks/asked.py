"""The settings of a benchmark run: sizes, time and peers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.machine import load_now
from benchmarks.measure import ROOT, Done, call, call_here

MOST_STRETCHED = 4.0


@dataclass(frozen=True)
class Asked:
    """The settings of a run.

    Parameters
    ----------
    folder
        Folder for intermediate files.
    short
        Whether to use small sizes and to check only values, not times.
    until
        Value of `time.monotonic` (s) at which the whole run must end.
    fetch
        Whether to install conflicting peers into separate environments.
    """

    folder: Path
    short: bool
    until: float
    fetch: bool = True

    @property
    def left_s(self) -> float:
        """The remaining seconds of the whole run."""
        return max(self.until - time.monotonic(), 0.0)

    def size(self, full: Any, small: Any) -> Any:
        """Return the size for the full or the short run."""
        return small if self.short else full

    def stretched(self, limit_s: float) -> float:
        """Return the wall seconds in which a solver now gets about `limit_s` CPU seconds.

        Solvers stop by wall time. If more processes than cores are busy, each process gets only a
        part of a core.
        """
        if self.short:
            return limit_s
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        return limit_s * min(max(load_now() / cores, 1.0), MOST_STRETCHED)

    def call(self, target: str, limit_s: float, /, **given: Any) -> Done:
        """Call a function in a separate process, within its limit and the time left.

        The short run does not measure times. It calls the function in this process, because imports
        would take most of the time.
        """
        limit_s = min(limit_s, self.left_s)
        if limit_s <= 1:
            return Done(None, 0.0, 0.0, 0.0, "not finished: no time left for it")
        if given.get("needs") and not self.fetch:
            needs = given["needs"]
            return Done(None, 0.0, 0.0, 0.0, f"not installed: {needs[0]} (peers not fetched)")
        if self.short and "needs" not in given:
            given.pop("memory_mb", None)
            return call_here(target, given)
        return call(target, limit_s, **given)


def real_data() -> Path | None:
    """Return the folder with real extracts (SITING_TEST_DATA); None if it is missing.

    By default it is the folder ``shared`` beside the repository, as in the tests.
    """
    folder = Path(os.environ.get("SITING_TEST_DATA", ROOT.parent / "shared")) / "data"
    return folder if (folder / "README.md").is_file() else None
