"""Tables of figures per vehicle class, with the user's overrides, checked against limits."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError, refuse
from siting.files import rows_fault
from siting.reference import CONFIDENCE, table

ENDS = ("low", "value", "high")

Overrides = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Limits:
    """The limits of a figure."""

    unit: str
    least: float = 0.0
    most: float = np.inf
    default: float | None = None  # if None, a class added by the user must state the figure


def weakest(marks: Iterable[str]) -> str:
    """Return the lowest of several confidence ratings.

    >>> weakest(["H", "L", "M"])
    'L'
    """
    return max(marks, key=CONFIDENCE.index)


def read_figures(
    name: str,
    limits: Mapping[str, Limits],
    path: Path | None,
    overrides: Overrides,
    earlier: Iterable[Fault] = (),
) -> pd.DataFrame:
    """Return the figures of all vehicle classes, one row per class and figure, with units.

    `path` is a custom table, whose rows replace the package's rows for the same class and figure.
    `overrides` (by class, then by figure) replaces values of both tables. An overridden value has
    no range, and its confidence is ``ASSUMPTION``. New classes come last. Figures are in the order
    of `limits`. Raises one `InputError` that lists all errors, after the `earlier` errors that the
    caller found.
    """
    rows = table(name)
    where = f"{name} table"
    faults = list(earlier)
    if path is not None:
        where = str(path)
        try:
            user_rows = table(name, path)[rows.columns.to_list()]
            refuse(_key_faults(user_rows, limits, where))
        except InputError as err:
            raise InputError([*faults, *err.faults]) from err
        rows = pd.concat([rows, user_rows], ignore_index=True)
        rows = rows.drop_duplicates(["vehicle_class", "figure"], keep="last", ignore_index=True)
    order = dict.fromkeys([*table(name)["vehicle_class"], *rows["vehicle_class"], *overrides])
    row_of = rows.set_index(["vehicle_class", "figure"]).to_dict("index")
    for vehicle, changes in overrides.items():
        unknown = sorted(set(changes) - set(limits))
        if unknown:
            what = f"there is no figure called {', '.join(unknown)}"
            faults.append(Fault(f"{name} figures, {vehicle}", what, "use " + ", ".join(limits)))
        for figure, given in changes.items():
            row_of[vehicle, figure] = _assumed(given, "set by the user")
    table_has = "the table has: " + ", ".join(dict.fromkeys(rows["vehicle_class"].astype(str)))
    lines = []
    for vehicle in order:
        lacking = []
        for figure, limit in limits.items():
            row = row_of.get((vehicle, figure))
            if row is None and limit.default is not None:
                row = _assumed(limit.default, "default for a class that states no value")
            if row is None:
                lacking.append(figure)
            else:
                named = {"vehicle_class": vehicle, "figure": figure}
                lines.append(named | row | {"unit": limit.unit})
        unknown_only = not set(overrides.get(vehicle, limits)) & set(limits)
        if lacking and not unknown_only:
            what = f"lacks {', '.join(lacking)}"
            faults.append(Fault(f"{name} figures, {vehicle}", what, table_has))
    figures = pd.DataFrame(lines).astype(dict.fromkeys(ENDS, float))
    for figure, limit in limits.items():
        of = figures[figures["figure"] == figure]
        classes = of["vehicle_class"].astype(str).to_list()
        faults += range_faults(of[list(ENDS)], limit, f"{where}, {figure}", classes)
    refuse(faults)
    return figures[rows.columns.to_list()]


def _assumed(value: float, source: str) -> dict[Hashable, Any]:
    return {**dict.fromkeys(ENDS, value), "source": source, "confidence": "ASSUMPTION"}


def range_faults(
    ranges: pd.DataFrame, limit: Limits, where: str, ids: Sequence[str]
) -> list[Fault]:
    """Return the errors in one figure's range: values outside its limits or out of order."""
    ends = ranges.to_numpy(dtype=float, na_value=np.nan)
    bad = ~(np.isfinite(ends) & (ends >= limit.least) & (ends <= limit.most)).all(axis=1)
    order = ~bad & ((ends[:, 0] > ends[:, 1]) | (ends[:, 1] > ends[:, 2]))
    upper = f" and at most {limit.most:g}" if np.isfinite(limit.most) else ""
    faults = rows_fault(where, bad, ids, f"{limit.unit} must be at least {limit.least:g}{upper}")
    return faults + rows_fault(where, order, ids, "must be low <= central <= high")


def _key_faults(rows: pd.DataFrame, limits: Mapping[str, Limits], where: str) -> list[Fault]:
    label = rows["vehicle_class"].astype(str) + " " + rows["figure"].astype(str)
    column, fix = f"{where}, column", "use " + ", ".join(limits)
    unknown = ~rows["figure"].isin(list(limits))
    twice = rows.duplicated(["vehicle_class", "figure"], keep=False)
    return [
        *rows_fault(f"{column} vehicle_class", rows["vehicle_class"].isna(), label, "missing"),
        *rows_fault(f"{column} figure", unknown, label, "no such figure", fix),
        *rows_fault(f"{column} vehicle_class, figure", twice, label, "given twice"),
    ]
