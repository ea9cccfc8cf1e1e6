"""Named scenarios of electric vehicle sales, with checked figures and targets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from numbers import Real
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
# The last year with a published share of sales by class.
PROJECTED_AFTER = 2040

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

    Both tables have ``vehicle_class``, ``value``, ``low``, ``high``, ``unit``, ``source`` and
    ``confidence``. The first also has ``figure``, and the second ``year``, in ascending order. An
    `InputError` lists every error in the figures and targets.
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
    for vehicle, changes in scenario.overrides.items():
        for figure, value in changes.items():
            if match := _TARGET.fullmatch(figure):
                if not isinstance(value, Real) or not 0 < value <= 1:
                    what = f"{value} is not a share above 0 and at most 1"
                    faults.append(Fault(f"scenario, {vehicle}.{figure}", what))
                given.append({"vehicle_class": vehicle, "year": int(match[1]), "value": value})
            else:
                plain.setdefault(vehicle, {})[figure] = value
    figures = read_figures("sales", SALES_LIMITS, scenario.sales_path, plain, faults)
    if given:
        changed = pd.DataFrame(given).astype({"value": float})
        changed = changed.assign(
            low=changed["value"], high=changed["value"],
            unit="share of sales", source="set by the user", confidence="ASSUMPTION",
        )  # fmt: skip
        key = ["vehicle_class", "year"]
        kept = ~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(changed[key]))
        rows = pd.concat([rows[kept], changed], ignore_index=True)
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
    return faults + rows_fault(where, twice, twice.index, "a year is given twice", "keep one")


def _class_faults(figures: pd.DataFrame, targets: pd.DataFrame, where: str) -> list[Fault]:
    """Return the errors in the targets, given the figures of each class."""
    ceilings = figures[figures["figure"] == "saturation"].set_index("vehicle_class")["value"]
    lacking, late, high = (list[str]() for _ in range(3))
    for name, ceiling in ceilings.items():
        pins = targets[targets["vehicle_class"] == name]
        shares = pins[list(ENDS)].to_numpy(dtype=float)
        if pins.empty:
            lacking.append(str(name))
        elif pins["year"].iloc[0] > BASE_YEAR:
            late.append(str(name))
        if not ((shares > 0) & (shares < ceiling)).all():
            high.append(str(name))
    strange = sorted(set(targets["vehicle_class"].astype(str)) - set(ceilings.index.astype(str)))
    checks = (
        (lacking, "vehicle_class", "no target for a class with sales", "add a target"),
        (late, "year", f"the first target is later than {BASE_YEAR}", f"add one for {BASE_YEAR}"),
        (high, "share", "not above 0 and below the saturation", "give a share between them"),
        (strange, "vehicle_class", "a target for a class without sales", "give its sales figures"),
    )
    return [
        fault
        for ids, column, what, fix in checks
        for fault in naming(f"{where}, column {column}", what, ids, fix)
    ]
