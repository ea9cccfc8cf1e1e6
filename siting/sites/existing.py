"""Existing stations, read from a file."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.errors import Fault, InputError, refuse
from siting.files import read_layer, rows_fault, texts_of

# Power (kW) of the most common charger in the open records of early 2026 (Open Charge Map).
ASSUMED_POWER_KW = 60.0

# For each of two columns: the matching column of Open Charge Map, its codes that mean yes, and the
# value if the file has neither column. The meanings of the codes have not been verified: status 10
# available, 20 in use, 30 out of order for now, 50 operational, 75 partly operational; usage 2
# private for staff and visitors, 6 private.
OCM_ANSWERS = {
    "operational": ("status_type_id", (10, 20, 30, 50, 75), True),
    "private": ("usage_type_id", (2, 6), False),
}

YES = ("true", "yes", "1", "1.0", "y")
NO = ("false", "no", "0", "0.0", "n")


def existing_stations(path: Path) -> gpd.GeoDataFrame:
    """Return the stations in a file as points in lon/lat (EPSG:4326), with their power (kW).

    `path` is a CSV or layer with ``power_kw`` (kW; several values separated by ``;``). Optional
    columns: ``name``, ``ports``, ``operational``, ``private`` (yes or no), and Open Charge Map's
    ``title``, ``status_type_id``, ``usage_type_id`` and ``flag``.

    Columns: ``name``, ``kind``, ``existing``, ``existing_power_kw`` (of the largest charger; 0 if
    not existing), ``existing_ports`` (if the file has ports), ``operational``, ``private``,
    ``source``, ``geometry``. A station counts as existing if it is in service and open to all.
    Other stations become places of kind "existing (not operating)" or "existing (private)". A
    missing power is assumed to be 60 kW; ``source`` states this and the row's ``flag``, if any.
    Raises one `InputError` that lists all errors in the file.
    """
    layer = read_layer(path)
    faults: list[Fault] = []
    ports = pd.to_numeric(layer["ports"], errors="coerce") if "ports" in layer.columns else None
    if ports is not None:
        odd = layer["ports"].notna() & ~((ports >= 1) & (ports == ports.round()))
        what = "must be whole numbers of at least 1"
        faults += rows_fault(f"{path}, column ports", odd, path, what, "leave it blank if unknown")
    where = f"{path}, column power_kw"
    if "power_kw" not in layer.columns:
        have = ", ".join(str(c) for c in layer.columns if c != "geometry")
        raise InputError(where, "missing", f"add it, with blanks if unknown; the file has: {have}")
    power_kw, bad = _largest(layer["power_kw"])
    what = f"{bad.sum():,} of {len(layer):,} rows have a power that is not a number above 0 kW"
    faults += rows_fault(where, bad, path, what, "leave it blank if unknown")
    operational, private = (_answers(layer, path, faults, column) for column in OCM_ANSWERS)
    id_column = next((c for c in ("station_id", "ocm_id", "id") if c in layer.columns), None)
    if id_column:
        ids, what = layer[id_column], "the same id in several rows"
        faults += rows_fault(f"{path}, column {id_column}", ids.duplicated(), ids, what)
    missing = layer.geometry.isna() | layer.geometry.is_empty
    faults += rows_fault(f"{path}, geometry", missing, path, "missing", "leave these rows out")
    refuse(faults)
    existing = operational & ~private
    closed = np.where(operational, "existing (private)", "existing (not operating)")
    given = np.where(np.isnan(power_kw), ASSUMED_POWER_KW, power_kw)
    shapes = layer.geometry
    name = layer.get("name", layer.get("title", pd.Series(None, index=layer.index, dtype="str")))
    stations = gpd.GeoDataFrame(
        {
            "name": name.astype("str").where(name.notna()),
            "kind": np.where(existing, "existing", closed),
            "existing": existing,
            "existing_power_kw": np.where(existing, given, 0.0),
            "operational": operational,
            "private": private,
            "source": _sources(layer, path, id_column, np.isnan(power_kw) & existing),
        },
        geometry=shapes.where(shapes.geom_type == "Point", shapes.representative_point()).array,
        crs=4326,
    )
    if ports is not None:
        stations.insert(4, "existing_ports", ports.where(existing).to_numpy(dtype=float))
    return stations


def _largest(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's largest number (NaN if blank), and whether any number in it is invalid."""
    parts = column.astype("str").where(column.notna(), "").str.split(";").explode().str.strip()
    numbers = pd.to_numeric(parts.where(parts != ""), errors="coerce")
    wrong = (parts != "") & ~(np.isfinite(numbers.astype(float)) & (numbers > 0))
    bad = wrong.groupby(level=0).any().reindex(column.index).to_numpy(dtype=bool)
    largest = numbers.groupby(level=0).max().reindex(column.index)
    return largest.to_numpy(dtype=float, na_value=np.nan), bad


def _answers(layer: gpd.GeoDataFrame, path: Path, faults: list[Fault], column: str) -> np.ndarray:
    """Return a column of yes-or-no values, decoded if it comes from Open Charge Map."""
    if column in layer.columns:
        text = layer[column].astype("str").str.strip().str.casefold()
        yes, no = text.isin(YES).to_numpy(), text.isin(NO).to_numpy()
        faults += rows_fault(f"{path}, column {column}", ~(yes | no), path, "neither yes nor no")
        return np.asarray(yes)
    ocm_column, codes, otherwise = OCM_ANSWERS[column]
    if ocm_column in layer.columns:
        return np.asarray(pd.to_numeric(layer[ocm_column], errors="coerce").isin(codes).to_numpy())
    return np.full(len(layer), otherwise)


def _sources(
    layer: gpd.GeoDataFrame, path: Path, id_column: str | None, assumed: np.ndarray
) -> list[str]:
    base = ("Open Charge Map (CC BY 4.0), " if id_column == "ocm_id" else "") + path.name
    ids = [f" {one}" for one in layer[id_column]] if id_column else [""] * len(layer)
    power = np.where(assumed, f"; power not given: {ASSUMED_POWER_KW:g} kW assumed", "")
    flags = [f"; note: {flag}" if flag else "" for flag in texts_of(layer, "flag")]
    return [base + "".join(parts) for parts in zip(ids, power, flags, strict=True)]
