"""The findings of benchmarks, and the file that stores them between runs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Done


@dataclass
class Line:
    """One method for a piece of work, with its time, memory and result."""

    way: str
    cpu_s: float | None = None
    wall_s: float | None = None
    peak_mb: float | None = None
    found: str = ""


@dataclass
class Table:
    """A table of a finding, with cells of text."""

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
        The work and its sizes.
    figures
        Numbers for the goals; ``None`` if not measured.
    lines
        The methods compared.
    wrong
        Wrong values, as "what: expected …, found …".
    notes
        Notes for readers, such as missing parts and reasons.
    tables
        Tables of the finding, such as the cost of growing work.
    date, minutes, load
        Date and duration of the benchmark, and the load before and after it.
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
        """Add a line for a call, and return the value of the call or None.

        A failed call counts as a wrong value, so that no benchmark passes because its work failed.
        Calls that were too slow, or lacked their package, are not wrong values.
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
        """Compare a value with the expected value, to a relative tolerance `off`."""
        if isinstance(expected, float) and isinstance(found, int | float):
            good = abs(found - expected) <= off * max(abs(expected), 1e-12)
        else:
            good = expected == found
        if not good:
            self.wrong.append(f"{what}: expected {expected}, found {found}")

    def expect_bound(self, what: str, plan: float, bound: float) -> None:
        """Check that the value of a plan does not exceed the bound."""
        if bound < plan * (1 - 1e-6):
            self.wrong.append(f"{what}: expected a bound of at least {plan}, found {bound}")


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Return the ratio of the peer's figure to the package's; None if either is unknown."""
    if theirs is None or ours is None:
        return None
    return theirs / max(ours, 1e-9)


def save(path: Path, machine: dict[str, Any], findings: dict[str, Finding]) -> None:
    """Write findings to a file as JSON."""
    whole = {"machine": machine, "findings": {k: asdict(f) for k, f in findings.items()}}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(path: Path) -> dict[str, Finding]:
    """Return the findings stored in a file; empty if there is no file."""
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
