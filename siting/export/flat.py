"""CSV and JSON, for readers without a GIS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting.errors import InputError
from siting.export.lonlat import to_lonlat
from siting.export.values import plain, rounded
from siting.writing import write_plain_csv, write_text


def write_csv(frame: pd.DataFrame, path: Path, *, note: str = "") -> None:
    """Write a table as CSV, its points as columns ``lon`` and ``lat`` in degrees (WGS 84).

    UTF-8 with a byte order mark, because spreadsheet programs show Urdu as rubbish without one;
    read it elsewhere as ``utf-8-sig``. Numbers are rounded by the unit in their column's name,
    missing values are blank, rows keep their order, and the index is not written. A text that a
    spreadsheet would work out as a formula begins with a quotation mark instead.

    `frame`: a table, or a layer of points in any coordinate reference system; it is not changed;
    `path`: the file; it appears whole or not at all. `note`: a note for every reader, e.g. that the
    city is schematic; repeated in a last column ``note``, since a CSV has no other place that every
    program skips.

    Raises `InputError` if the layer has shapes other than points, or no coordinate reference
    system.
    """
    table = frame
    if isinstance(frame, gpd.GeoDataFrame):
        points = to_lonlat(frame, path.stem)
        if not (points.geometry.geom_type.dropna() == "Point").all():
            raise InputError(path.stem, "only points can be written as CSV")
        table = pd.DataFrame(points.drop(columns="geometry")).assign(
            lon=points.geometry.x, lat=points.geometry.y
        )
    # A column without a unit would be cut to six decimals; degrees need seven.
    degrees = {c: table[c] for c in ("lon", "lat") if isinstance(frame, gpd.GeoDataFrame)}
    table = rounded(table).assign(**degrees)
    if note:
        table = table.assign(note=note)

    write_plain_csv(table, path, encoding="utf-8-sig", lineterminator="\n")


def write_json(data: Mapping[str, Any], path: Path, *, replace: bool = False) -> None:
    """Write a mapping as JSON: UTF-8, keys in the order given, missing or infinite as ``null``.

    `data`: numbers, flags, texts, dates, paths, lists and mappings of these, of Python, NumPy or
    pandas; `path`: the file; it appears whole or not at all; `replace`: whether a file that is
    there is replaced. Raises `TypeError` if a value is of another kind.
    """
    write_text(path, json_text(data), replace=replace)


def json_text(data: Mapping[str, Any]) -> str:
    """Return the text of a JSON file as `write_json` writes it."""
    return json.dumps(plain(data), ensure_ascii=False, allow_nan=False, indent=2) + "\n"
