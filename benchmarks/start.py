"""Measure the seconds until ``siting --help`` has printed the help."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import Any

from benchmarks.asked import Asked
from benchmarks.measure import ROOT, watch
from benchmarks.record import Finding


def measure(asked: Asked) -> Finding:
    """Measure row 12."""
    times = asked.size(7, 1)
    finding = Finding("start", f"`siting --help`, median of {times}")
    found = finding.add("siting --help", asked.call("benchmarks.start:helped", 60, times=times))
    finding.figures = {"start_cpu_s": None}
    if found is not None:
        finding.figures = {"start_cpu_s": found["cpu_s"]}
        finding.expect("commands named in the help", [], found["lacking"])
        slowest = ", ".join(f"{name} {ms:.0f} ms" for name, ms in found["slowest"])
        finding.notes.append(f"Slowest imports, each with all that it imports: {slowest}.")
    return finding


def helped(times: int) -> dict[str, Any]:
    """Time the command in separate processes, and measure the time of its imports."""
    command = [sys.executable, "-m", "siting.cli", "--help"]
    cpu, wall, text = [], [], ""
    for _ in range(times):
        with watch() as seen:
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        cpu.append(seen.cpu_s)
        wall.append(seen.wall_s)
        text = done.stdout
    traced = subprocess.run(
        [sys.executable, "-X", "importtime", *command[1:]],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    took = {}
    for line in traced.stderr.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and parts[1].strip().isdigit():
            took[parts[2].strip()] = int(parts[1]) / 1000
    slowest = sorted(took.items(), key=lambda entry: -entry[1])[:6]
    verbs = ("run", "check", "demand", "fetch", "report")
    return {
        "cpu_s": median(cpu),
        "wall_s": median(wall),
        "lacking": [verb for verb in verbs if verb not in text],
        "slowest": slowest,
    }
