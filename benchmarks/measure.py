"""Call a function in a separate process with limits, and measure its time and memory.

`call` starts ``python -m benchmarks.measure`` with the name of a function. It returns the result of
the function, with the CPU seconds, wall seconds and peak memory of the process and its children. At
the time limit the process is killed with all its children, so that no solver continues. If a
package conflicts with this environment (spopt requires an older PuLP), ``uv`` makes a separate
environment for the call. This module therefore imports only Python's standard library.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# The rule for capacities in the goals, independent of the package's default.
SAME_QUESTION = ("offers.service.rule=rated_share",)
# The second aim in the goals.
SAME_DRIVES = "program.then=[shortest_drives]"
NOT_MADE = 125  # exit code if the package cannot be imported


# The six sets of chargers in the goals.
BUNDLES = {
    "lev_hub": {"lev_3": 12},
    "neighbourhood": {"lev_3": 6, "ac_22": 2},
    "fast": {"dc_60": 1, "lev_3": 4},
    "fast_twin": {"dc_60": 2},
    "hub": {"dc_120": 2, "ac_22": 2, "lev_3": 8},
    "trunk_hub": {"dc_180": 2, "dc_60": 2},
}


def same_offers() -> str:
    """Return the configuration key for the six sets of chargers in the goals."""
    return f"offers.configurations={json.dumps(BUNDLES)}"


@dataclass(frozen=True)
class Done:
    """The result of a call: its value or the reason of its failure, the seconds and the memory."""

    value: dict[str, Any] | None
    cpu_s: float
    wall_s: float
    peak_mb: float
    why: str = ""

    @property
    def missing(self) -> bool:
        """Whether the package that the call needs was not available."""
        return self.why.startswith("not installed")


def call(
    target: str,
    limit_s: float,
    /,
    *,
    needs: tuple[str, ...] = (),
    memory_mb: int | None = None,
    **given: Any,
) -> Done:
    """Run ``module:function`` with keyword arguments in a separate process, and wait for it.

    Parameters
    ----------
    target
        The function; it returns a dictionary of JSON types.
    limit_s
        Wall seconds after which the process is killed with its children.
    needs
        Packages of a separate environment; empty: use this environment.
    memory_mb
        Largest address space of the process, MB.
    given
        Arguments, of JSON types.
    """
    with tempfile.TemporaryDirectory(prefix="siting-benchmark-") as folder:
        answer = Path(folder) / "answer.json"
        work = json.dumps({"target": target, "given": given, "memory_mb": memory_mb})
        command = [sys.executable]
        if needs:
            uv = shutil.which("uv")
            if uv is None:
                return Done(None, 0.0, 0.0, 0.0, f"not installed: {needs[0]} (no uv to fetch it)")
            python = f"{sys.version_info.major}.{sys.version_info.minor}"
            command = [uv, "run", "--no-project", "--quiet", "--python", python]
            command += [part for name in needs for part in ("--with", name)] + ["python"]
        command += ["-m", "benchmarks.measure", str(answer), work]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *_path()])}
        if needs:
            env.pop("VIRTUAL_ENV", None)
        with (Path(folder) / "errors.txt").open("w+b") as errors:
            began = time.perf_counter()
            process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=ROOT,
                env=env,
                start_new_session=True,
            )
            spent_s, usage, status = _wait(process, began + limit_s)
            wall_s = time.perf_counter() - began
            killed = spent_s is not None
            cpu_s = max(usage.ru_utime + usage.ru_stime, spent_s or 0.0)
            peak_mb = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
            if answer.is_file():
                found = json.loads(answer.read_text(encoding="utf-8"))
                return Done(found["value"], cpu_s, wall_s, found["peak_mb"])
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines() or ["no message"]
        return Done(None, cpu_s, wall_s, peak_mb, _reason(status, said, killed, needs, limit_s))


def call_here(target: str, given: dict[str, Any]) -> Done:
    """Call a function in this process to get its value quickly; time and memory are unreliable."""
    module, name = target.split(":")
    # A new thread is needed, because HiGHS keeps the thread count of its first run in a thread.
    with ThreadPoolExecutor(1) as own, watch() as seen:
        value = own.submit(getattr(importlib.import_module(module), name), **given).result()
    # The result is converted to JSON, like that of a separate process.
    return Done(json.loads(json.dumps(value)), seen.cpu_s, seen.wall_s, seen.peak_mb)


def _path() -> list[str]:
    return [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]


def _reason(
    status: int, said: list[str], killed: bool, needs: tuple[str, ...], limit_s: float
) -> str:
    if killed:
        return f"not finished in {limit_s:,.0f} s"
    code = os.waitstatus_to_exitcode(status)
    if code == NOT_MADE or (needs and code in (1, 2) and not _is_traceback(said)):
        return f"not installed: {needs[0] if needs else said[-1]}"
    if "MemoryError" in said[-1] or "bad_alloc" in " ".join(said[-3:]):
        return "not finished: memory limit reached"
    return f"failed ({code}): {said[-1][:200]}"


def _is_traceback(said: list[str]) -> bool:
    return any(line.startswith("Traceback") for line in said)


def _wait(
    process: subprocess.Popen[bytes], until: float
) -> tuple[float | None, resource.struct_rusage, int]:
    """Wait for a process; return its group's CPU seconds if killed, its usage and its status."""
    spent_s: float | None = None
    pause = 0.005
    try:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if time.perf_counter() > until and spent_s is None:
                spent_s = _group_seconds(process.pid)
                os.killpg(process.pid, signal.SIGKILL)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    process.returncode = os.waitstatus_to_exitcode(status)
    with suppress(ProcessLookupError):  # children that still run
        os.killpg(process.pid, signal.SIGKILL)
    return spent_s, usage, status


def _group_seconds(group: int) -> float:
    """Return the CPU seconds of all running processes of a group, such as solvers.

    If a killed process has not waited for its children, their time is counted nowhere else.
    """
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            fields = path.read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
            if int(fields[2]) == group:
                ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


# --- inside the process --------------------------------------------------------------------------


@dataclass
class Watch:
    """CPU seconds of this process and of its finished children, wall seconds, and memory."""

    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    base_mb: float = 0.0
    marks: dict[str, float] = field(default_factory=dict)

    def facts(self, **more: Any) -> dict[str, Any]:
        """Return the measurements and further entries as a dictionary; memory excludes the base."""
        return {
            "cpu_s": self.cpu_s,
            "wall_s": self.wall_s,
            "peak_mb": max(self.peak_mb - self.base_mb, 0.0),
            **more,
        }


# Peak memory before each reset.
_PEAKS: list[float] = []


@contextmanager
def watch() -> Iterator[Watch]:
    """Measure a block of code. Blocks may be nested."""
    seen = Watch(base_mb=_status_mb("VmRSS"))
    before = len(_PEAKS) + 1
    _PEAKS.append(_status_mb("VmHWM"))
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak memory
    cpu, wall = cpu_seconds(), time.perf_counter()
    try:
        yield seen
    finally:
        seen.cpu_s, seen.wall_s = cpu_seconds() - cpu, time.perf_counter() - wall
        seen.peak_mb = max([*_PEAKS[before:], _status_mb("VmHWM")])


def median_watch(work: Callable[[], Any], times: int = 3) -> tuple[Watch, Any]:
    """Return the median times and the largest memory of several runs, and the last run's value."""
    seen, value = [], None
    for _ in range(times):
        value = None
        with watch() as one:
            value = work()
        seen.append(one)
    middle = Watch(
        median(one.cpu_s for one in seen),
        median(one.wall_s for one in seen),
        max(one.peak_mb - one.base_mb for one in seen),
    )
    return middle, value


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of its finished children."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def _status_mb(name: str) -> float:
    """Return the present or the peak resident memory (MB); without `/proc`, always the peak."""
    with suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _child(answer: Path, work: dict[str, Any]) -> None:
    if work["memory_mb"]:
        most = work["memory_mb"] * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    module, name = work["target"].split(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as err:
        sys.stderr.write(f"{err.name}\n")
        raise SystemExit(NOT_MADE) from None
    value = function(**work["given"])
    whole = {"value": value, "peak_mb": max([*_PEAKS, _status_mb("VmHWM")])}
    part = answer.with_suffix(".part")
    part.write_text(json.dumps(whole), encoding="utf-8")
    part.replace(answer)


if __name__ == "__main__":
    _child(Path(sys.argv[1]), json.loads(sys.argv[2]))
