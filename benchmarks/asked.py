"""What a benchmark is asked for: how large, how long, and which peers."""

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
    """The setting of a run.

    Parameters
    ----------
    folder
        Where files made on the way may stand.
    short
        Whether sizes are small, and only values are judged.
    until
        Second of `time.monotonic` at which the whole run must end.
    fetch
        Whether peers that this environment must not have may be fetched into one of their own.
    """

    folder: Path
    short: bool
    until: float
    fetch: bool = True

    @property
    def left_s(self) -> float:
        """Seconds left for the whole run."""
        return max(self.until - time.monotonic(), 0.0)

    def size(self, full: Any, small: Any) -> Any:
        """Return the size for the full run or the short one."""
        return small if self.short else full

    def stretched(self, limit_s: float) -> float:
        """Return a time limit in wall seconds that gives a solver about so many CPU seconds now.

        Solvers stop by the clock on the wall. On a machine where more processes want a core than
        there are cores, each gets a part of one.
        """
        if self.short:
            return limit_s
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        return limit_s * min(max(load_now() / cores, 1.0), MOST_STRETCHED)

    def call(self, target: str, limit_s: float, /, **given: Any) -> Done:
        """Call a function in a process of its own, within its bound and the time left.

        The short run, which judges values and no times, calls it in this process, since most of its
        time would go into imports.
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
    """Return the folder with real extracts, named by SITING_TEST_DATA; none where it is not there.

    As in the tests, the folder beside the repository counts too.
    """
    folder = Path(os.environ.get("SITING_TEST_DATA", ROOT.parent / "shared")) / "data"
    return folder if (folder / "README.md").is_file() else None
