"""Files of a run folder read as a whole, or every fault of a file named at once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import yaml
from shapely.errors import ShapelyError

from siting.errors import Fault, InputError

AGAIN = "make the run again with `siting run`"

COST_COLUMNS = (
    *("charger_cost_pkr", "battery_cost_pkr", "connection_cost_pkr", "line_cost_pkr"),
    *("upgrade_cost_pkr", "fee_cost_pkr", "civil_cost_pkr", "land_cost_pkr"),
    *("design_cost_pkr", "contingency_cost_pkr", "deposit_cost_pkr"),
)
_NUMBERS = ("_kwh_day", "_pkr", "_kw", "_min", "_share", "_km", "_years", "cells_served")
# Missing where a station serves nobody, or a figure is unknown; earnings are missing from earlier
# versions' runs.
BUSINESS = ("npv_pkr", "payback_years", "viability_gap_pkr")
_MAY_LACK = (
    "use_share",
    "mean_travel_min",
    "headroom_kw",
    "upgrade_kw",
    "line_km",
    *COST_COLUMNS,
    *BUSINESS,
)
_NAMES = ("site_id", "cell_id", "offer_id", "vehicle_class")


def fits(value: Any, kinds: tuple[type, ...]) -> bool:
    """Return whether a value is of one of some types and, if a number, finite."""
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(Fault(str(path), f"cannot be read: {err}", AGAIN)) from err


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object from a file."""
    try:
        parsed = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as err:
        raise InputError(Fault(str(path), f"is not JSON: {err}", AGAIN)) from err
    if not isinstance(parsed, dict):
        raise InputError(Fault(str(path), "is not a JSON object", AGAIN))
    return parsed


def read_yaml(path: Path) -> dict[str, Any]:
    """Return a YAML mapping from a file."""
    try:
        parsed = yaml.safe_load(_read_text(path))
    except yaml.YAMLError as err:
        raise InputError(Fault(str(path), f"is not YAML: {err}".split("\n")[0], AGAIN)) from err
    if not isinstance(parsed, dict):
        raise InputError(Fault(str(path), "is not a mapping", AGAIN))
    return parsed


def read_layer(path: Path, columns: tuple[str, ...], kinds: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Return a GeoJSON's features as they stand; GDAL would drop the columns of an empty one."""
    features = read_json(path).get("features")
    if not isinstance(features, list):
        raise InputError(Fault(str(path), "is not a GeoJSON feature collection", AGAIN))
    if not features:
        return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=4326)
    try:
        layer = gpd.GeoDataFrame.from_features(features, crs=4326)
    except (TypeError, LookupError, ValueError, AttributeError, ShapelyError) as err:
        raise InputError(Fault(str(path), f"cannot be read as GeoJSON: {err!r}", AGAIN)) from err
    require(layer, path, [*columns, *(c for c in BUSINESS if c in layer.columns)])
    west, south, east, north = layer.geometry.bounds.to_numpy(dtype=float).T
    # An empty shape has no bounds, and NaN compares with nothing.
    drawn = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    bad = ~(drawn & layer.geom_type.isin(kinds).to_numpy())
    if bad.any():
        rows = tuple(str(i + 1) for i in bad.nonzero()[0])
        what = f"features without a geometry in degrees ({' or '.join(kinds)})"
        raise InputError(Fault(str(path), what, AGAIN, rows))
    return layer


def read_csv(
    path: Path, columns: tuple[str, ...], *, may_lack: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Return a CSV file with some columns, numbers as numbers; some of them may be blank."""
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as err:
        raise InputError(Fault(str(path), f"cannot be read as CSV: {err}", AGAIN)) from err
    require(frame, path, columns, may_lack)
    return frame


def require(
    frame: pd.DataFrame, path: Path, columns: Iterable[str], may_lack: tuple[str, ...] = ()
) -> None:
    """Make the numbers of a table numbers; raise `InputError` with every column at fault."""
    names = list(columns)
    faults = [
        Fault(f"{path}, column {name}", "is missing", AGAIN)
        for name in names
        if name not in frame.columns
    ]
    for name in (n for n in names if n in frame.columns):
        if name.endswith(_NUMBERS):
            values = pd.to_numeric(frame[name], errors="coerce").astype(float)
            bad = ~np.isfinite(values.to_numpy())
            if name in _MAY_LACK:
                bad &= frame[name].notna().to_numpy()
            what = "is not a number"
            frame[name] = values
        elif name in _NAMES:
            bad, what = _unlike(frame[name], _is_name), "is not a name"
            if name in may_lack:
                bad &= frame[name].notna().to_numpy()
        elif name == "existing":
            bad, what = _unlike(frame[name], _is_flag), "is not true or false"
        else:
            continue
        if bad.any():
            rows = tuple(str(i + 1) for i in bad.nonzero()[0])
            faults.append(Fault(f"{path}, column {name}", what, AGAIN, rows))
    if faults:
        raise InputError(faults)


def _unlike(values: pd.Series, fits: Callable[[Any], bool]) -> np.ndarray:
    return np.array([not fits(value) for value in values], dtype=bool)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)
