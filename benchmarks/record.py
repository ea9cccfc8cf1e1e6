"""The findings of benchmarks, and the file that keeps them between runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Done


@dataclass
class Line:
    """One way of doing a piece of work: its time, memory and result."""

    way: str
    cpu_s: float | None = None
    wall_s: float | None = None
    peak_mb: float | None = None
    found: str = ""


@dataclass
class Table:
    """A table of a finding, its cells as texts."""

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass
class Finding:
    """The finding of one benchmark.

    Parameters
    ----------
    row
        Name of the benchmark.
    title
        The work, with its sizes.
    figures
        Numbers for the goals; ``None`` if not measured.
    lines
        The ways compared.
    wrong
        Wrong values, as "what: expected …, found …".
    notes
        Notes for readers, such as missing parts and reasons.
    tables
        Tables of the finding, such as cost as the work grows.
    date, minutes, load
        When it ran, how long it took, and the load before and after.
    """

    row: str
    title: str
    figures: dict[str, float | None] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    date: str = ""
    minutes: float = 0.0
    load: tuple[float, float] = (0.0, 0.0)

    def add(self, way: str, done: Done, found: str = "") -> dict[str, Any] | None:
        """Add a line for a call, and return its value or None.

        A failed way is a wrong value, unless it was only missing or too slow: a benchmark must not
        pass because its work failed.
        """
        value = done.value
        if value is None:
            slow = done.why.startswith("not finished")
            times = {"cpu_s": done.cpu_s, "wall_s": done.wall_s} if slow else {}
            self.lines.append(Line(way, **times, found=done.why))
            if not slow and not done.missing:
                self.wrong.append(f"{way}: expected an answer, found {done.why}")
            return None
        self.lines.append(
            Line(
                way,
                value.get("cpu_s", done.cpu_s),
                value.get("wall_s", done.wall_s),
                value.get("peak_mb", done.peak_mb),
                found or str(value.get("found", "")),
            )
        )
        return value

    def expect(self, what: str, expected: Any, found: Any, off: float = 0.0) -> None:
        """Compare a value with the expected one, to a relative tolerance."""
        if isinstance(expected, float) and isinstance(found, int | float):
            good = abs(found - expected) <= off * max(abs(expected), 1e-12)
        else:
            good = expected == found
        if not good:
            self.wrong.append(f"{what}: expected {expected}, found {found}")

    def expect_bound(self, what: str, plan: float, bound: float) -> None:
        """Compare a bound with a plan's value, which must not exceed it."""
        if bound < plan * (1 - 1e-6):
            self.wrong.append(f"{what}: expected a bound of at least {plan}, found {bound}")


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Return the ratio of their figure to ours; None if either is unknown."""
    if theirs is None or ours is None:
        return None
    return theirs / max(ours, 1e-9)


def save(path: Path, machine: dict[str, Any], findings: dict[str, Finding]) -> None:
    """Write findings to a file as JSON."""
    whole = {"machine": machine, "findings": {k: asdict(f) for k, f in findings.items()}}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Finding]:
    """Return the findings kept in a file; empty without a file."""
    if not path.is_file():
        return {}
    whole = json.loads(path.read_text(encoding="utf-8"))
    found = {}
    for name, entry in whole["findings"].items():
        lines = [Line(**line) for line in entry.pop("lines")]
        entry["load"] = tuple(entry["load"])
        tables = [Table(**table) for table in entry.pop("tables")]
        found[name] = Finding(**entry, lines=lines, tables=tables)
    return found
