"""Named scenarios of electric vehicle sales, with checked figures and targets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from siting.demand.figures import ENDS, Limits, Overrides, range_faults, read_figures
from siting.errors import Fault, InputError, naming, refuse
from siting.files import rows_fault
from siting.reference import table

OPENING_YEAR = 2025
BASE_YEAR = 2026
DEFAULT_SCENARIO = "nev-2025-30"
PROJECTED_AFTER = 2040  # the last year with a published share of sales by class

SALES_LIMITS = {
    "sales_year": Limits("vehicles/year"),
    "growth": Limits("share/year", least=-0.5, most=1.0),
    "life_years": Limits("years", least=0.5, most=100.0),
    "life_shape": Limits("1", least=0.5, most=20.0, default=2.5),
    "opening_vehicles": Limits("vehicles", default=0.0),
    "opening_age_years": Limits("years", most=100.0, default=1.5),
    "saturation": Limits("share", least=0.01, most=1.0, default=0.98),
}
_TARGET = re.compile(r"share_(\d{4})")


@dataclass(frozen=True)
class FleetScenario:
    """A scenario of the fleet model, with optional changes to the package's figures."""

    # ``nev-2025-30``, ``nev-2019``, ``slow``, ``fast``, ``net-zero-2060`` (to 2060; a projection
    # from 2041 on), or a scenario in `path`
    name: str = DEFAULT_SCENARIO
    # CSV file of scenarios that replaces ``siting/reference/scenarios.csv``
    path: Path | None = None
    # Figures to change, by class: any figure of `SALES_LIMITS`, or the target of a year, such as
    # ``share_2030``. A changed figure has no range.
    overrides: Overrides = field(default_factory=dict)
    # Table whose rows replace rows of ``siting/reference/sales.csv`` for the same class and figure.
    sales_path: Path | None = None


CENTRAL_SCENARIO = FleetScenario()


def scenario_names(path: Path | None = None) -> list[str]:
    """Return the names of the scenarios, in the table's order.

    >>> scenario_names()
    ['nev-2025-30', 'nev-2019', 'slow', 'fast', 'net-zero-2060']
    """
    return list(dict.fromkeys(table("scenarios", path)["scenario"].astype(str)))


def read_scenario(scenario: FleetScenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the figures by class, and the targets for the electric share of sales (0 to 1).

    Both tables have the columns ``vehicle_class``, ``value``, ``low``, ``high``, ``unit``,
    ``source`` and ``confidence``. The first table also has ``figure``. The second table also has
    ``year``, in ascending order. Raises one `InputError` that lists all errors in the figures and
    targets.
    """
    rows = table("scenarios", scenario.path)
    where = str(scenario.path or "scenarios table")
    names = scenario_names(scenario.path)
    if scenario.name not in names:
        raise InputError(where, f"has no {scenario.name}", "it has: " + ", ".join(names))
    rows = rows[rows["scenario"] == scenario.name].rename(columns={"share": "value"})
    faults = _row_faults(rows, where)
    plain: dict[str, dict[str, float]] = {}
    given = []
    told = {"unit": "share of sales", "source": "set by the user", "confidence": "ASSUMPTION"}
    for vehicle, changes in scenario.overrides.items():
        for figure, value in changes.items():
            if match := _TARGET.fullmatch(figure):
                if not 0 < value <= 1:
                    what = f"{value} is not a share above 0 and at most 1"
                    faults.append(Fault(f"scenario, {vehicle}.{figure}", what))
                row = {"vehicle_class": vehicle, "year": int(match[1]), **told}
                given.append(row | dict.fromkeys(ENDS, value))
            else:
                plain.setdefault(vehicle, {})[figure] = value
    figures = read_figures("sales", SALES_LIMITS, scenario.sales_path, plain, faults)
    if given:
        changed = pd.DataFrame(given).astype(dict.fromkeys(ENDS, float))
        rows = pd.concat([rows, changed], ignore_index=True)
        rows = rows.drop_duplicates(["vehicle_class", "year"], keep="last")
    targets = rows.drop(columns="scenario", errors="ignore").sort_values("year", kind="stable")
    refuse(_class_faults(figures, targets, where))
    return figures, targets.reset_index(drop=True)


def _row_faults(rows: pd.DataFrame, where: str) -> list[Fault]:
    label = (rows["vehicle_class"].astype(str) + " " + rows["year"].astype(str)).to_list()
    limit = Limits("share", most=1.0)
    faults = range_faults(rows[list(ENDS)], limit, f"{where}, column share", label)
    where = f"{where}, column year"
    years = rows.groupby("vehicle_class", sort=False)["year"]
    falls = years.agg(lambda of: bool((np.diff(of.to_numpy(dtype=float)) < 0).any()))
    twice = years.agg(lambda of: bool(of.duplicated().any()))
    faults += rows_fault(where, falls, falls.index, "years do not increase", "sort the targets")
    return faults + rows_fault(where, twice, twice.index, "a year is given twice", "keep one row")


def _class_faults(figures: pd.DataFrame, targets: pd.DataFrame, where: str) -> list[Fault]:
    ceilings = figures[figures["figure"] == "saturation"].set_index("vehicle_class")["value"]
    of = targets["vehicle_class"]
    shares, ceiling = targets[list(ENDS)].astype(float), of.map(ceilings).astype(float)
    high = ~((shares > 0).all(axis=1) & shares.lt(ceiling, axis=0).all(axis=1)) & ceiling.notna()
    first = targets.groupby(of)["year"].min().reindex(ceilings.index)
    strange = sorted(set(of.astype(str)) - set(ceilings.index.astype(str)))
    no_target, late = (list(first.index[bad]) for bad in (first.isna(), first > BASE_YEAR))
    by_class = [name for name in ceilings.index if name in set(of[high])]
    checks = (
        ("vehicle_class", "no target for a class with sales", no_target, "add a target"),
        ("year", f"the first target is later than {BASE_YEAR}", late, f"add one for {BASE_YEAR}"),
        ("share", "must be above 0 and below the saturation", by_class, "correct it"),
        ("vehicle_class", "a target for a class without sales", strange, "add its sales figures"),
    )
    return [
        fault
        for column, what, classes, fix in checks
        for fault in naming(f"{where}, column {column}", what, classes, fix)
    ]
