"""Run all benchmarks: ``python -m benchmarks [--short] [--only roads,reach] [--out FILE]``.

Run the module from the repository root in the development environment. It prints the table of goals
and writes the page. If a value is wrong, it prints the row, the expected and the found value, and
the exit code is 1. A slow run does not change the exit code.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.asked import Asked
from benchmarks.machine import describe, load_now
from benchmarks.measure import ROOT
from benchmarks.page import goals_table, page, wrong_lines
from benchmarks.record import Finding, load, save

ROWS = {
    "start": "benchmarks.start:measure",
    "reach": "benchmarks.reach:measure",
    "roads": "benchmarks.roads:measure",
    "build": "benchmarks.build:measure",
    "small": "benchmarks.cover:small",
    "medium": "benchmarks.cover:medium",
    "bound": "benchmarks.bound:measure",
    "published": "benchmarks.published:measure",
    "chargers": "benchmarks.capacity:chargers",
    "karachi": "benchmarks.capacity:karachi",
    "city": "benchmarks.city:measure",
    "programme": "benchmarks.programme:measure",
    "saddar": "benchmarks.programme:saddar",
    "together": "benchmarks.blocks:together",
    "blocks": "benchmarks.blocks:alone",
    "nation": "benchmarks.nation:measure",
    "default_city": "benchmarks.defaults:city",
    "demo": "benchmarks.defaults:demo",
    "places": "benchmarks.defaults:places",
    "award": "benchmarks.awards:measure",
    "lots": "benchmarks.lots:measure",
    "large": "benchmarks.cover:large",
    "growth": "benchmarks.growth:coverage",
    "growth_capacity": "benchmarks.growth:capacitated",
}
PAGE = ROOT / "docs" / "performance.md"
KEPT = Path(__file__).with_name("measured.json")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmarks and return the exit code."""
    given = _parser().parse_args(arguments)
    # SIGTERM must end the child processes, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen = list(ROWS) if given.only is None else given.only.split(",")
    unknown = [name for name in chosen if name not in ROWS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; known names: {', '.join(ROWS)}", file=sys.stderr)
        return 2
    out = given.out or (None if given.short else PAGE)
    kept = given.kept or (None if given.short else KEPT)
    until = time.monotonic() + 60 * given.minutes
    findings = load(kept) if kept else {}
    findings = {name: findings[name] for name in ROWS if name in findings}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="siting-benchmarks-") as folder:
        asked = Asked(Path(folder), given.short, until, fetch=given.fetch or not given.short)
        for name in chosen:
            finding = measured(name, asked)
            findings[name] = finding
            wrong += wrong_lines(finding)
            findings = {key: findings[key] for key in ROWS if key in findings}
            if kept:
                save(kept, describe(), findings)
            if out:
                out.write_text(page(describe(), findings), encoding="utf-8")
    if not given.short:
        print(goals_table(findings))
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    if out:
        print(f"Written to {out}")
    print("all values are right" if not wrong else f"{len(wrong)} values are wrong")
    return 1 if wrong else 0


def measured(name: str, asked: Asked) -> Finding:
    """Run one benchmark and print its results."""
    print(f"{name} ...", flush=True)
    before, began = load_now(), time.perf_counter()
    module, function = ROWS[name].split(":")
    try:
        finding: Finding = getattr(importlib.import_module(module), function)(asked)
    except Exception as err:  # a failing row must not stop the other rows
        finding = Finding(name, name)
        finding.wrong.append(f"expected a measurement, found {type(err).__name__}: {err}")
    finding.date = datetime.now(UTC).strftime("%Y-%m-%d")
    seconds = time.perf_counter() - began
    finding.minutes = round(seconds / 60, 2)
    finding.load = (before, load_now())
    print(f"  {finding.title}  ({seconds:,.0f} s, load {load_now():.1f})")
    for line in finding.lines:
        cpu = "" if line.cpu_s is None else f"{line.cpu_s:9.2f} CPU s"
        memory = "" if line.peak_mb is None else f"{line.peak_mb:8,.0f} MB"
        print(f"    {line.way:<44}{cpu:>15}{memory:>11}  {line.found}")
    for table in finding.tables:
        for row in [table.columns, *table.rows]:
            print("    " + "".join(f"{cell:>14}" for cell in row))
    sys.stdout.flush()
    return finding


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="small sizes, values only; no page")
    parser.add_argument("--only", metavar="ROWS", help="some rows: " + ",".join(ROWS))
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page; docs/performance.md")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="where findings are kept")
    parser.add_argument("--minutes", type=float, default=240.0, help="for all of it; 240")
    parser.add_argument(
        "--fetch", action="store_true", help="with --short: fetch spopt, CBC and numba all the same"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
