"""The tables that stages exchange: their columns, units and meanings, and validation.

`validate` checks tables against these specifications, and the data dictionary in the documentation
is generated from them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from siting.errors import Fault, naming, refuse, require_kind

Kind = Literal["id", "text", "number", "whole", "flag"]
Labels = Callable[[np.ndarray], tuple[str, ...]]

CAPACITY_COLUMN = re.compile(r"^capacity_(?P<group>[a-z0-9_]+)_kwh_day$")


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str  # includes the unit if there is one (cost_pkr)
    # id (string, never blank), text, number (0 or more), whole (integer of any sign) or flag
    kind: Kind
    unit: str  # empty for names and flags
    meaning: str  # one line for the data dictionary
    nullable: bool = False  # whether a value may be missing


@dataclass(frozen=True)
class Table:
    """A table's specification."""

    name: str
    meaning: str  # the meaning of a row
    columns: tuple[Column, ...]  # required columns; others may be present
    key: tuple[str, ...]  # columns of the key, whose values together are unique
    geometry: tuple[str, ...] = ()  # allowed geometry types; empty if the table has no geometry
    # Whether at least one capacity_<group>_kwh_day column is required.
    capacity_columns: bool = False


def _id(name: str, meaning: str) -> Column:
    return Column(name, "id", "", meaning)


def _number(name: str, unit: str, meaning: str) -> Column:
    return Column(name, "number", unit, meaning)


def _node(meaning: str) -> Column:
    return Column("node_id", "whole", "", f"{meaning}; blank if too far from a road", nullable=True)


CELLS = Table(
    "cells",
    "one row per demand cell",
    (
        _id("cell_id", "id of the cell, which begins with c"),
        _number("people", "people", "people who live in the cell"),
        _node("road node at which the cell's drives begin"),
        _number("snap_m", "m", "straight-line distance from the cell's centre to that road node"),
    ),
    key=("cell_id",),
    geometry=("Polygon", "MultiPolygon", "Point"),
)

DEMAND = Table(
    "demand",
    "one row per cell and vehicle class: public charging demand there in the target year",
    (
        _id("demand_id", "id of the demand row, which begins with d"),
        _id("cell_id", "cell of the demand"),
        _id("vehicle_class", "vehicle class"),
        _number("demand_kwh_day", "kWh/day", "public charging demand"),
    ),
    key=("demand_id",),
)

CANDIDATES = Table(
    "candidates",
    "one row per place where a station could be built or already exists",
    (
        _id("site_id", "id of the site, which begins with s"),
        Column("name", "text", "", "display name of the site", nullable=True),
        Column("kind", "text", "", "fuel, parking, mall, existing, street …"),
        Column("existing", "flag", "", "whether a station is already in service at the site"),
        _number("existing_power_kw", "kW", "power of the existing station; 0 for a new site"),
        Column("source", "text", "", "source of the row"),
        _node("road node from which drivers reach the site"),
        _number("snap_m", "m", "straight-line distance from the site to that road node"),
    ),
    key=("site_id",),
    geometry=("Point",),
)

# The cost components of an offer.
COST_PARTS = (
    "charger_cost_pkr", "grid_cost_pkr", "fee_cost_pkr", "civil_cost_pkr", "land_cost_pkr",
    "design_cost_pkr", "contingency_cost_pkr", "deposit_cost_pkr",
)  # fmt: skip
OFFERS = Table(
    "offers",
    "one row per site and configuration: what could be built there, its cost and its capacity",
    (
        _id("offer_id", "id of the offer: <site_id>:<configuration>"),
        _id("site_id", "the site"),
        _id("configuration", "name of the set of chargers"),
        Column("chargers", "text", "", "the chargers in words, e.g. 2 x dc_60"),
        Column("existing", "flag", "", "whether the offer is an existing station, kept at no cost"),
        _number("power_kw", "kW", "rated power of the chargers"),
        _number("charger_cost_pkr", "PKR", "chargers, including installation and taxes"),
        _number("grid_cost_pkr", "PKR", "connection, transformer and 11 kV line"),
        _number("fee_cost_pkr", "PKR", "registration and application fees"),
        _number("cost_pkr", "PKR", "sum of the cost components"),
        _number(
            "subsidy_pkr",
            "PKR",
            "public money for the offer (the maximum, under the `need` and `gap` rules)",
        ),
        Column("reason", "text", "", "why the offer cannot be built, or blank", nullable=True),
    ),
    key=("offer_id",),
    capacity_columns=True,
)

COMPATIBILITY = Table(
    "compatibility",
    "one row per charger group and vehicle class that can use it",
    (
        _id("charger_group", "group of chargers, as in capacity_<group>_kwh_day"),
        _id("vehicle_class", "vehicle class that can use the group"),
    ),
    key=("charger_group", "vehicle_class"),
)

REACH = Table(
    "reach",
    "one row per cell and site that drivers from the cell reach within the cutoff",
    (
        _id("cell_id", "the cell"),
        _id("site_id", "the site"),
        _number("travel_min", "min", "driving time to the site, including access"),
    ),
    key=("cell_id", "site_id"),
)

SERVICE = Table(
    "service",
    "one row per demand row and site that serves it in full or in part",
    (
        _id("demand_id", "demand row that is served"),
        _id("cell_id", "cell of the demand row"),
        _id("vehicle_class", "vehicle class of the demand row"),
        _id("site_id", "the site that serves it"),
        _number("served_kwh_day", "kWh/day", "the part of the row's demand that the site serves"),
        _number("travel_min", "min", "driving time to the site"),
    ),
    key=("demand_id", "site_id"),
)

TABLES = (CELLS, DEMAND, CANDIDATES, OFFERS, COMPATIBILITY, REACH, SERVICE)


def load_kw(offers: pd.DataFrame) -> pd.Series[float]:
    """Return each offer's load on the grid (kW): its ``load_kw`` or, if missing, its power."""
    return offers["load_kw" if "load_kw" in offers.columns else "power_kw"].astype(float)


def capacity_groups(columns: Iterable[str]) -> list[str]:
    """Return the charger groups that have a ``capacity_<group>_kwh_day`` column, in order.

    >>> capacity_groups(["offer_id", "capacity_dc_kwh_day", "capacity_lev_kwh_day"])
    ['dc', 'lev']
    """
    return [m["group"] for c in columns if (m := CAPACITY_COLUMN.match(c))]


def capacity_columns(offers: pd.DataFrame) -> list[str]:
    """Return the columns ``capacity_<group>_kwh_day`` of offers, in order."""
    return [str(column) for column in offers.columns if CAPACITY_COLUMN.match(str(column))]


def may_be_built(offers: pd.DataFrame) -> pd.Series[bool]:
    """Return whether each offer can be built: it is new, and no reason rules it out."""
    return (reasons_of(offers) == "") & ~offers["existing"].astype(bool)


def reasons_of(offers: pd.DataFrame) -> pd.Series[str]:
    """Return the reason that rules each offer out, as stripped text; blank if there is none."""
    return offers["reason"].fillna("").astype(str).str.strip()


def find_faults(frame: pd.DataFrame, table: Table, where: str = "") -> list[Fault]:
    """Return a fault for each deviation of a table from its specification; `where` names it."""
    require_kind("table", table, Table, "give one of siting.tables, such as DEMAND")
    where = where or table.name
    require_kind(where, frame, pd.DataFrame, "give a DataFrame")
    fix = f"it has: {', '.join(map(str, frame.columns))}"
    faults = [
        Fault(f"{where}, column {column.name}", f"missing ({column.meaning})", fix)
        for column in table.columns
        if column.name not in frame.columns
    ]
    labels = partial(_labels, frame, table)  # labelling every row of a large table would be slow
    capacity = capacity_columns(frame) if table.capacity_columns else []
    for column in (*table.columns, *(_number(name, "kWh/day", "") for name in capacity)):
        if column.name in frame.columns:
            faults += _column_faults(frame, column, labels, where)
    if table.capacity_columns and not capacity:
        what = "has no column capacity_<group>_kwh_day"
        faults.append(Fault(where, what, "add a column with the energy that each offer can serve"))
    if set(table.key) <= set(frame.columns):
        twice = frame.duplicated(subset=list(table.key), keep=False).to_numpy()
        faults += naming(f"{where}, column {' + '.join(table.key)}", "duplicate", labels(twice))
    if table.geometry:
        faults += _geometry_faults(frame, table, labels, where)
    return faults


def validate(frame: pd.DataFrame, table: Table, where: str = "") -> None:
    """Check a table; raise an `InputError` that lists every problem.

    Parameters
    ----------
    frame, table, where
        As in `find_faults`.

    Raises
    ------
    InputError
        If the table has faults. The error names the column and the first rows of each problem.

    Examples
    --------
    >>> row = {"cell_id": ["c1"], "site_id": ["s1"], "travel_min": [-1.0]}
    >>> validate(pd.DataFrame(row), REACH)
    Traceback (most recent call last):
    siting.errors.InputError: reach, column travel_min: 1 value is below 0 min (c1 s1)
    """
    refuse(find_faults(frame, table, where))


def data_dictionary() -> pd.DataFrame:
    """Return one row per column of every table, with its kind, unit and meaning."""
    rows = [
        (table.name, column.name, column.kind, column.unit, column.meaning)
        for table in TABLES
        for column in table.columns
    ]
    return pd.DataFrame(rows, columns=["table", "column", "kind", "unit", "meaning"])


def _labels(frame: pd.DataFrame, table: Table, mask: np.ndarray) -> tuple[str, ...]:
    """Return the keys of the masked rows or, if a key column is missing, their row numbers."""
    if not set(table.key) <= set(frame.columns):
        return tuple(f"row {i}" for i in np.flatnonzero(mask) + 1)
    rows = frame.loc[mask, list(table.key)].itertuples(index=False, name=None)
    return tuple(" ".join("nan" if pd.isna(v) else str(v) for v in row) for row in rows)


def _column_faults(frame: pd.DataFrame, column: Column, labels: Labels, where: str) -> list[Fault]:
    place = f"{where}, column {column.name}"
    values = frame[column.name]
    missing = values.isna().to_numpy()
    if column.kind == "id":
        missing = missing | (values.astype(str).str.strip() == "").to_numpy()
    faults = []
    if not column.nullable:
        faults += naming(place, _count(missing, "is", "are", "missing"), labels(missing))
    is_flag = pd.api.types.is_bool_dtype(values)
    if column.kind == "flag" and not is_flag:
        what = f"values must be true or false, but the column has type {values.dtype}"
        faults.append(Fault(place, what))
    if column.kind not in ("number", "whole"):
        return faults
    if is_flag or not pd.api.types.is_numeric_dtype(values):
        bad = (pd.to_numeric(values, errors="coerce").isna() & ~values.isna()).to_numpy()
        what = f"values must be numbers, but the column has type {values.dtype}"
        return [*faults, Fault(place, what, "", labels(bad))]
    plain = values.to_numpy(dtype=float, na_value=np.nan)
    infinite = np.isinf(plain)
    faults += naming(place, _count(infinite, "is", "are", "infinite"), labels(infinite))
    if column.kind == "number":
        bad = (plain < 0) & ~infinite
        what = _count(bad, "value is", "values are", f"below 0 {column.unit}".rstrip())
        return faults + naming(place, what, labels(bad))
    broken = ~missing & ~infinite & (plain != np.round(plain))
    return faults + naming(place, "values must be whole numbers", labels(broken))


def _geometry_faults(frame: pd.DataFrame, table: Table, labels: Labels, where: str) -> list[Fault]:
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        return [Fault(where, "has no geometry", f"give {' or '.join(table.geometry)}")]
    faults = []
    if frame.crs is None:
        what = "has no coordinate reference system"
        faults.append(Fault(where, what, "declare it, e.g. EPSG:4326"))
    shapes = frame.geometry
    missing = (shapes.isna() | shapes.is_empty).to_numpy()
    what = _count(missing, "is", "are", "missing")
    faults += naming(f"{where}, geometry", what, labels(missing))
    wrong = (~shapes.geom_type.isin(table.geometry)).to_numpy() & ~missing
    kinds = ", ".join(sorted(set(shapes.geom_type[wrong])))
    what = f"must be {' or '.join(table.geometry)}, but is {kinds}"
    return faults + naming(f"{where}, geometry", what, labels(wrong))


def mean_drive_min(kwh: ArrayLike, minutes: ArrayLike) -> float:
    """Return the mean driving time (min), weighted by kWh served; NaN if nothing is served.

    >>> mean_drive_min([3.0, 1.0], [2.0, 6.0])
    3.0
    """
    kwh, minutes = np.asarray(kwh, dtype=float), np.asarray(minutes, dtype=float)
    served = math.fsum(kwh)
    return math.fsum(kwh * minutes) / served if served > 0 else math.nan


def _count(mask: np.ndarray, one: str, many: str, what: str) -> str:
    total = int(mask.sum())
    return f"{total:,} {one if total == 1 else many} {what}"
