"""The budget curve of a run, which shows the energy that a plan serves with each budget."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from siting.errors import Fault, InputError, refuse
from siting.files import read_csv, rows_fault
from siting.manifest import read_json
from siting.report.figure_text import percent, rupees
from siting.report.run_record import RunRecord

_NUMBERS = ("budget_pkr", "served_kwh_day", "served_share", "bound_kwh_day", "new_stations",
            "worst_class_share")  # fmt: skip
_FIX = "regenerate it with `siting frontier`"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 330, 64, 16, 16, 52
# Measures of fairness, with their names on the page.
_FAIRNESS = {
    "worst_zone_share": "Worst-served zone",
    "worst_class_share": "Vehicle class served least",
    "gini": "Gini of the zones' shares served (0: all equal)",
}


def read_frontier(folder: Path, run: RunRecord) -> dict[str, Any]:
    """Return the budget curve in a folder that `siting frontier` wrote, as charts and a table.

    Raises `InputError` if the curve is missing, incomplete or edited, or is from another study.
    """
    for name in ("frontier.csv", "frontier.json", "config.yaml"):
        if not (folder / name).is_file():
            what = f"has no {name}, so `siting frontier` did not write this folder"
            fix = "name a folder that `siting frontier` wrote, or omit the folder"
            raise InputError(str(folder), what, fix)
    facts = read_json(folder / "frontier.json")
    rows, table = _budgets(folder / "frontier.csv"), str(folder / "frontier.csv")
    faults = []
    if facts.get("name") != run.facts["name"]:
        what = f"belongs to study {facts.get('name')!r}, but the run is of {run.facts['name']!r}"
        faults.append(Fault(f"{folder / 'frontier.json'}, key name", what, "name another folder"))
    if len(rows) < 2:
        faults.append(Fault(table, f"has {len(rows)} budgets, fewer than 2", _FIX))
    if not rows["budget_pkr"].is_monotonic_increasing:
        faults.append(Fault(f"{table}, column budget_pkr", "is not in rising order", _FIX))
    over = rows["served_kwh_day"] > rows["bound_kwh_day"] * (1 + 1e-6) + 1e-3
    where = f"{table}, column served_kwh_day"
    faults += rows_fault(where, over, range(2, len(rows) + 2), "is above its bound", _FIX)
    stored = facts.get("frontier") or []
    energies = [row.get("served_kwh_day") for row in stored if isinstance(row, dict)]
    if len(energies) != len(rows) or not all(
        isinstance(a, int | float) and math.isclose(a, b, rel_tol=1e-4, abs_tol=0.01)
        for a, b in zip(energies, rows["served_kwh_day"], strict=False)
    ):
        faults.append(Fault(table, "differs from frontier.json", _FIX))
    refuse(faults)
    differs = _differs(_settings(folder / "config.yaml"), run.settings)
    return {**_curve(rows, run.facts["budget_pkr"] / 1e6), "differs": ", ".join(differs)}


def _budgets(path: Path) -> pd.DataFrame:
    rows = read_csv(path)
    gone = [name for name in (*_NUMBERS, "knee") if name not in rows.columns]
    faults = [Fault(f"{path}, column {name}", "is missing", _FIX) for name in gone]
    for name in (n for n in _NUMBERS if n not in gone):
        rows[name] = pd.to_numeric(rows[name], errors="coerce").astype(float)
        where, places = f"{path}, column {name}", range(1, len(rows) + 1)
        faults += rows_fault(where, ~np.isfinite(rows[name]), places, "is not a number", _FIX)
    refuse(faults)
    return rows


def _settings(path: Path) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as err:
        raise InputError(str(path), f"is not YAML: {err}".split("\n")[0], _FIX) from err
    if not isinstance(parsed, dict):
        raise InputError(str(path), "is not a mapping", _FIX)
    return parsed


def _differs(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Return the sections that differ, apart from budget, solver, output, report and texts."""

    def bare(section: Any) -> Any:
        return section | {"budget_pkr": None} if isinstance(section, dict) else section

    names = sorted({*one, *other} - {"output", "solver", "name", "title", "note", "report"})
    return [name for name in names if bare(one.get(name)) != bare(other.get(name))]


def _curve(rows: pd.DataFrame, here: float) -> dict[str, Any]:
    """Return the charts and the table of a budget curve; `here` is the run's budget (PKR m)."""
    knee = rows["knee"].astype(str).str.lower().eq("true").to_numpy()
    known = [c for c in _FAIRNESS if c in rows.columns and rows[c].notna().all()]
    energy = [
        ("Energy served", "served_kwh_day", "served"),
        ("No plan serves more", "bound_kwh_day", "bound"),
    ]
    shares = [("Of all vehicles", "served_share", "served")]
    shares += [(_FAIRNESS[column], column, f"fair{i}") for i, column in enumerate(known)]
    mark = int(np.flatnonzero(knee)[0]) if knee.any() else None
    return {
        "charts": [
            _chart("Energy served, kWh/day", rows, energy, mark, here),
            _chart("Share served", rows, shares, mark, here, per_cent=True),
        ],
        "knee": None if mark is None else rupees(float(rows["budget_pkr"].iloc[mark])),
        "rows": rows.assign(knee=knee).to_dict("records"),
    }


def _chart(
    title: str, rows: pd.DataFrame, lines: list[tuple[str, str, str]], mark: int | None,
    here: float, *, per_cent: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return a line chart; `lines` has the name, column and CSS class of each line."""
    x = rows["budget_pkr"].to_numpy(dtype=float) / 1e6
    y = [rows[column].to_numpy(dtype=float) for _, column, _ in lines]
    top = 1.0 if per_cent else float(np.max(y))
    y_ticks = np.linspace(0, 1, 6) if per_cent else _ticks(top)
    top = max(top, float(y_ticks[-1]))
    right = max(float(x[-1]), 1e-9)

    def across(value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / right, 1)

    def up(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)

    return {
        "title": title,
        "lines": [
            {"name": name, "kind": kind, "points": [*zip(map(across, x), map(up, at), strict=True)]}
            # The first line is drawn last, on top of the others.
            for (name, _, kind), at in reversed([*zip(lines, y, strict=True)])
        ],
        "x_ticks": [(across(t), f"{t:,.10g}") for t in _ticks(right) if t <= right * 1.0001],
        "y_ticks": [(up(t), percent(t, 0) if per_cent else f"{t:,.10g}") for t in y_ticks],
        "knee": None if mark is None else (across(float(x[mark])), up(float(y[0][mark]))),
        "here": across(here) if 0 <= here <= right else None,
    }


def _ticks(high: float) -> np.ndarray:
    """Return evenly spaced round numbers, from 0 to the first number at or above `high`.

    >>> _ticks(87.0).tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    span = max(high, 1e-9)
    step = 10.0 ** math.floor(math.log10(span / 4))
    step *= next(m for m in (1, 2, 2.5, 5, 10) if span / (step * m) <= 5)
    return np.arange(0, high + step * 0.999, step)
