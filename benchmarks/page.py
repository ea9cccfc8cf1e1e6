"""Write the page of results from stored findings: machine, goals, growth, details, shortfalls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.goals import GOALS
from benchmarks.record import Finding, Line

SHORTFALLS = Path(__file__).with_name("falls_short.md")
BUSY = 2  # processes per core from which the machine counts as busy
VERDICTS = {"yes": "**yes**", "no": "no", "in part": "in part"}


def page(machine: Mapping[str, Any], findings: Mapping[str, Finding]) -> str:
    """Return the page as Markdown."""
    dates = sorted({f.date for f in findings.values() if f.date})
    when = " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else "not run yet"
    minutes = sum(f.minutes for f in findings.values())
    parts = [
        "# Performance",
        "Written by `python -m benchmarks`, which runs all benchmarks again; do not edit. "
        "`--only roads,reach` measures only those rows again, and `--short` checks values on small "
        "sizes in under two minutes.",
        f"Measured {when}; {minutes:.0f} minutes in total.",
        "## Machine",
        _machine(machine, findings),
        "## Goals",
        goals_table(findings),
        "A ratio compares the CPU seconds of two ways to do the same work, each in a process of "
        "its own; if a run of `siting` is short, it is the median of three. Memory is the peak "
        "above the memory that the process held before the work. A gap is computed from the bound "
        "that the solver proved; the gap that the solver itself reports is never used. The cost to "
        "all is the combined yearly cost of stations and drivers' time.",
    ]
    if any(f.wrong for f in findings.values()):
        parts += ["## Wrong values", _list(w for f in findings.values() for w in wrong_lines(f))]
    grown = [f for f in findings.values() if f.tables]
    if grown:
        parts.append("## Cost as the work grows")
        for finding in grown:
            for table in finding.tables:
                parts += [f"### {_capital(table.title)}", _table(table.columns, table.rows)]
            parts += [_list(finding.notes)] if finding.notes else []
    parts.append("## Row by row")
    for finding in findings.values():
        if finding.lines:
            parts += [f"### {_capital(finding.title)}", lines_table(finding.lines)]
            parts += [_list(finding.notes)] if finding.notes else []
    parts.append(SHORTFALLS.read_text(encoding="utf-8").strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def goals_table(findings: Mapping[str, Finding]) -> str:
    """Return the table of goals with measured figures and verdicts."""
    rows = []
    for goal in GOALS:
        finding = findings.get(goal.row)
        found, verdict = goal.judged(finding.figures if finding else {})
        rows.append([goal.name, goal.work, goal.asked, found, VERDICTS.get(verdict, verdict)])
    return _table(["#", "work", "goal", "measured", "reached"], rows)


def lines_table(lines: list[Line]) -> str:
    """Return the lines of a finding as a table."""
    rows = [
        [line.way, _figure(line.cpu_s), _figure(line.wall_s), _figure(line.peak_mb, 0), line.found]
        for line in lines
    ]
    return _table(["way", "CPU s", "wall s", "MB", "found"], rows)


def wrong_lines(finding: Finding) -> list[str]:
    """Return the wrong values of a finding, each with the name of the row."""
    return [f"{finding.row}: {text}" for text in finding.wrong]


def _machine(machine: Mapping[str, Any], findings: Mapping[str, Finding]) -> str:
    packages = ", ".join(f"{name} {v}" for name, v in machine["packages"].items())
    loads = [value for f in findings.values() for value in f.load]
    busy = ""
    if loads:
        busy = (
            f" During the runs, {min(loads):.1f} to {max(loads):.1f} processes were running or "
            "waiting for a core at a time, including those of the benchmarks. If there are more of "
            "them than cores, wall-clock times are longer than on an idle machine, and CPU times "
            "slightly longer."
        )
        if max(loads) > BUSY * machine["cores"]:
            busy += (
                " **These figures are from a busy machine** on which several rows ran at once. "
                "Measure them again on an idle machine before you quote them."
            )
    return (
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']:.0f} GB, "
        f"{machine['system']}; Python {machine['python']}; {packages}.{busy}"
    )


def _figure(value: float | None, digits: int = 2) -> str:
    if value is None:
        return ""
    return f"{value:,.{digits if value < 100 else 0}f}"


def _list(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(columns: list[str], rows: list[list[str]]) -> str:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join(" --- " for _ in columns) + "|"
    return "\n".join([line(columns), rule, *(line(row) for row in rows)])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
