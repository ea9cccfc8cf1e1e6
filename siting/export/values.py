"""Write CSV and JSON files, with values rounded by their units and in plain Python types."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import InputError
from siting.export.lonlat import to_lonlat
from siting.writing import write_plain_csv, write_text

# Decimals, by the ending of a column's name; the first match applies. No input is accurate to a
# watt-hour, a second, a paisa or a centimetre.
_DECIMALS = (
    (re.compile(r"_kwh(_day|_year)?$|_kw$"), 3),
    (re.compile(r"_min$|(^|_)pkr(_year)?$|_m$|^people$"), 2),
    (re.compile(r"_km$"), 3),
    (re.compile(r"_kmh$"), 1),
    (re.compile(r"(^|_)share$"), 4),
)
_OTHER_DECIMALS = 6


def decimals(column: str) -> int:
    """Return the number of decimals for a column, which depends on the unit in its name.

    >>> [decimals(c) for c in ("served_car_kwh_day", "net_pkr_year", "use_share", "weight")]
    [3, 2, 4, 6]
    """
    return next((n for pattern, n in _DECIMALS if pattern.search(column)), _OTHER_DECIMALS)


def rounded_by_unit[Frame: pd.DataFrame](frame: Frame) -> Frame:
    """Return the table with numbers rounded by their units; `frame` is not changed."""
    table = frame.copy()
    for name, column in frame.items():
        if pd.api.types.is_float_dtype(column):
            numbers = column.to_numpy(dtype=float, na_value=np.nan)
            # Adding zero turns -0.0 into 0.0, so that files can be compared.
            table[name] = np.round(numbers, decimals(str(name))) + 0.0
    return table


def rounded(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table rounded by its units; columns with only whole rupees become integers.

    >>> table = pd.DataFrame({"cost_pkr": [2.5e6, 1e5], "travel_min": [4.4449, -0.0001]})
    >>> rounded(table).to_dict("list")
    {'cost_pkr': [2500000, 100000], 'travel_min': [4.44, 0.0]}
    """
    table = rounded_by_unit(frame)
    for name, column in table.items():
        if str(name).endswith("_pkr") and pd.api.types.is_float_dtype(column):
            known = column.dropna()
            if np.isfinite(known).all() and (known % 1 == 0).all():
                table[name] = column.astype("Int64" if column.hasnans else "int64")
    return table


def plain(value: Any) -> Any:
    """Return a value in JSON types; missing or infinite values become ``None``.

    Accepts numbers, flags, strings, dates, paths and enumerations, and mappings, lists, tuples,
    sets (sorted) and arrays of these. Other types raise `TypeError`.

    >>> plain({"gap": float("inf"), "cells": np.int64(3), "years": (2025, 2030)})
    {'gap': None, 'cells': 3, 'years': [2025, 2030]}
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value + 0.0 if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(plain(k)): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(v) for v in value), key=str)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, PurePath):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def write_csv(frame: pd.DataFrame, path: Path, *, note: str = "") -> None:
    """Write a table as CSV, with points as columns ``lon`` and ``lat`` in degrees (WGS 84).

    The file is UTF-8 with a byte order mark, without which spreadsheets garble Urdu. The unit in a
    column's name decides how its numbers are rounded. Missing values are blank, and formulas are
    quoted (`siting.writing.write_plain_csv`).

    `frame` is a table or a layer of points, and is not changed. `note` is repeated in a last column
    ``note``, because a CSV file has no comments. Raises `InputError` if a layer has shapes other
    than points, or no coordinate reference system.
    """
    table, degrees = frame, {}
    if isinstance(frame, gpd.GeoDataFrame):
        points = to_lonlat(frame, path.stem)
        if not (points.geometry.geom_type.dropna() == "Point").all():
            raise InputError(path.stem, "has shapes other than points, which CSV cannot contain")
        table = pd.DataFrame(points.drop(columns="geometry"))
        degrees = {"lon": points.geometry.x, "lat": points.geometry.y}
    # Columns without a unit are rounded to six decimals, but degrees need seven.
    table = rounded(table).assign(**degrees)
    if note:
        table = table.assign(note=note)
    write_plain_csv(table, path, encoding="utf-8-sig", lineterminator="\n")


def write_json(data: Mapping[str, Any], path: Path, *, replace: bool = False) -> None:
    """Write a mapping as JSON in UTF-8, with the keys in their order.

    If `replace` is true, an existing file is replaced. Raises `TypeError` as `plain` does.
    """
    write_text(path, json_text(data), replace=replace)


def json_text(data: Mapping[str, Any]) -> str:
    """Return the text that `write_json` writes."""
    return json.dumps(plain(data), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
