"""Packaged figures: tables whose rows have a unit, a source and a confidence mark.

Each subject has a CSV file beside this module. A user's file with the same columns can replace it.
Confidence marks: ``definition`` (follows from the definition of another figure), ``H`` (primary
data or two independent reports), ``M`` (one credible report), ``L`` (one weak source) and
``ASSUMPTION`` (no source found).
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from pathlib import Path

import pandas as pd

from siting.errors import InputError, refuse
from siting.files import missing_columns, read_csv, rows_fault

# Confidence marks, from most to least certain. A `definition` makes no result less certain.
CONFIDENCE = ("definition", "H", "M", "L", "ASSUMPTION")
# `central` figures, or `prudent` ones, which a careful lender would assume.
PRESETS = ("central", "prudent")


@cache
def _packaged(name: str) -> pd.DataFrame:
    with (resources.files(__package__) / f"{name}.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file)


def table(name: str, path: Path | None = None) -> pd.DataFrame:
    """Return a table of figures, from the package or from a user's file.

    `name` is the subject, e.g. ``"chargers"`` or ``"speeds"``. `path` is a user's CSV file with the
    same columns, which replaces the packaged table; a figure without ``…_low`` and ``…_high``
    columns has no range. Raises `InputError` with the file, column and line of each error.

    >>> "source" in table("speeds").columns
    True
    """
    default = _packaged(name).copy()
    if path is None:
        return default
    user_table = read_csv(path)
    # In a table without figures, the presence of a row counts as the figure 1.
    by_presence = set(default.select_dtypes("number")) == {"low", "high"}
    for column in default.columns.difference(user_table.columns):
        figure = str(column).removesuffix("_low").removesuffix("_high")
        if figure in user_table.columns:
            user_table[column] = user_table[figure]
        elif by_presence and column in ("low", "high"):
            user_table[column] = 1.0
    faults = missing_columns(user_table, default.columns, str(path))
    if "confidence" in user_table.columns:
        unknown = ~user_table["confidence"].isin(CONFIDENCE)
        what = f"not one of {', '.join(CONFIDENCE)}"
        faults += rows_fault(f"{path}, column confidence", unknown, path, what)
    if "source" in user_table.columns and default["source"].notna().all():
        unsaid, fix = user_table["source"].isna(), "state the source of the figure"
        faults += rows_fault(f"{path}, column source", unsaid, path, "blank", fix)
    for column in default.select_dtypes("number").columns.intersection(user_table.columns):
        bad = pd.to_numeric(user_table[column], errors="coerce").isna()
        if default[column].isna().any():  # may be blank
            bad &= user_table[column].notna()
        faults += rows_fault(f"{path}, column {column}", bad, path, "not a number")
    refuse(faults)
    return user_table


def at_preset(rows: pd.DataFrame, preset: str, column: str = "value") -> pd.DataFrame:
    """Return a table's rows, with `column` set to the figures of a preset.

    The prudent figures are in the table's ``prudent`` column, if it has one. `preset` is one of
    `PRESETS`; an `InputError` is raised for any other.

    >>> works = at_preset(table("works"), "prudent").set_index("item")
    >>> float(works.loc["contingency_share", "value"]), float(works.loc["om_share", "value"])
    (0.2, 0.05)
    """
    if preset not in PRESETS:
        what = f"{preset!r} is not a preset of costs"
        raise InputError("offers.costs.preset", what, "use " + " or ".join(PRESETS))
    if preset == "central" or "prudent" not in rows.columns:
        return rows
    return rows.assign(**{column: rows["prudent"].fillna(rows[column])})
