"""The table of a batch: one row per study, as CSV and Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from siting.batch.studies import BatchStudy
from siting.shown import Column
from siting.writing import write_plain_csv, write_whole

TABLE, TABLE_CSV = "results.parquet", "results.csv"
MADE_BY = {"made_by": "siting batch"}
# The columns of figures on the page.
FIGURES = (
    Column("Served", "served_share", ".1%"), Column("kWh/day", "served_kwh_day", ",.0f"),
    Column("At most", "bound_kwh_day", ",.0f"), Column("Gap", "gap", ".2%"),
    Column("Subsidy, PKR m", "subsidy_pkr", ",.2f", per=1e6),
    Column("Cost, PKR m", "cost_pkr", ",.2f", per=1e6),
    Column("Stations", "new_stations", ",.0f"), Column("Seconds", "seconds", ",.1f"),
)  # fmt: skip
_BEFORE = ("status", "stopped", "served_share", "served_kwh_day", "bound_kwh_day", "gap", "proof")
_AFTER = ("subsidy_pkr", "cost_pkr", "new_stations", "seconds", "folder", "note", "error")


def results_table(studies: Sequence[BatchStudy], rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table of results, with one row per study, in the order of `studies`.

    `rows` has the outcome of each study. Columns: ``study`` (the run folder's name), ``name``,
    ``config`` (the file), a column per swept key, ``status`` (optimal, feasible, failed, waiting),
    ``stopped`` (why the solver stopped), ``served_share`` (0 to 1), ``served_kwh_day``,
    ``bound_kwh_day`` (blank if the aim is not energy), ``gap``, ``proof`` (in words),
    ``subsidy_pkr``, ``cost_pkr``, ``new_stations``, ``seconds``, ``folder``, ``note``, ``error``.
    """
    swept = list(dict.fromkeys(key for study in studies for key in study.sweep))
    told = [
        {"study": study.key, "name": study.name, "config": study.config}
        | {key: study.sweep.get(key) for key in swept}
        | {key: row.get(key) for key in (*_BEFORE, *_AFTER)}
        for study, row in zip(studies, rows, strict=True)
    ]
    table = pd.DataFrame(told)
    for name in (str(column.value) for column in FIGURES):
        whole = name == "new_stations"
        table[name] = pd.to_numeric(table[name]).astype("Int64" if whole else "float64")
    for name in ("stopped", "proof", "folder", "note", "error"):
        table[name] = table[name].fillna("").astype(str)
    for key in swept:
        values = table[key]
        kinds = {bool if isinstance(v, bool) else str if isinstance(v, str) else float
                 for v in values.dropna()}  # fmt: skip
        # Columns that have only numbers stay numeric. All other columns are strings.
        words = values.map(lambda v: str(v).lower() if isinstance(v, bool) else str(v), "ignore")
        table[key] = values.astype(float) if kinds == {float} else words
    return table


def swept_of(table: pd.DataFrame) -> list[str]:
    """Return the columns for swept keys in a table of results."""
    columns = list(table.columns)
    return columns[columns.index("config") + 1 : columns.index("status")]


def write_table(table: pd.DataFrame, out: Path) -> None:
    """Write ``results.parquet`` and ``results.csv``, each atomically."""
    marked = table.copy(deep=False)
    marked.attrs.update(MADE_BY)
    # This file marks a folder as written by a batch, so it is written first.
    write_whole(out / TABLE, lambda path: marked.to_parquet(path, index=False), replace=True)
    write_plain_csv(table, out / TABLE_CSV, replace=True)


def made_by_batch(out: Path) -> bool:
    """Return whether a folder has a results table marked by `write_table`."""
    try:
        return pd.read_parquet(out / TABLE, columns=[]).attrs == MADE_BY
    except (OSError, ValueError, pa.ArrowException):
        return False
