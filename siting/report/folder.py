"""A stored run: its files read whole, or every fault of the folder named at once."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyogrio.errors
import yaml
from shapely.errors import ShapelyError

from siting.errors import Fault, InputError

# The run folders this reads; `siting.study.facts` writes the number into run.json.
READS_FORMAT = 1
AGAIN = "make the run again with `siting run`"

FILES = (
    "run.json",
    "config.yaml",
    "sites.geojson",
    "demand.geojson",
    "service.geojson",
    "plan.gpkg",
    "figures.csv",
    "offers.csv",
)
Kinds = Mapping[str, tuple[type, ...]]
_TEXT, _WHOLE, _NUMBER = (str,), (int,), (int, float)
_MAYBE_TEXT, _MAYBE = (str, type(None)), (int, float, type(None))
_FACTS: Kinds = {
    **dict.fromkeys(("siting", "name", "title", "note", "written"), _TEXT),
    **dict.fromkeys(("status", "status_text", "stopped", "model"), _TEXT),
    **dict.fromkeys(("year", "new_stations", "existing_stations"), _WHOLE),
    **dict.fromkeys(("objective_kwh_day", "served_share"), _NUMBER),
    **dict.fromkeys(("bound_kwh_day", "gap", "asked_gap"), _MAYBE),
    **dict.fromkeys(("budget_pkr", "subsidy_pkr", "cost_pkr"), _NUMBER),
    **dict.fromkeys(("classes", "warnings", "checks", "assumptions", "inputs"), (list,)),
    **dict.fromkeys(("sizes", "roads", "solver"), (dict,)),
}
_RECORDS: Mapping[str, Kinds] = {
    "classes": {
        "vehicle_class": _TEXT,
        "demand_kwh_day": _NUMBER,
        "served_kwh_day": _NUMBER,
        "served_share": _MAYBE,
    },
    "checks": {"check": _TEXT, "found": _MAYBE, "limit": _MAYBE},
    "assumptions": {
        "figure": _TEXT,
        **dict.fromkeys(("of", "unit", "source", "confidence"), _MAYBE_TEXT),
        **dict.fromkeys(("value", "low", "high"), _MAYBE),
    },
    "inputs": dict.fromkeys(("key", "kind", "source", "licence"), _TEXT),
}
_SIZES: Kinds = dict.fromkeys(("edges", "cells", "offers"), _WHOLE)
SITE_COLUMNS = (
    *("site_id", "name", "kind", "existing", "offer_id", "configuration", "chargers"),
    *("power_kw", "cost_pkr", "subsidy_pkr", "capacity_kwh_day", "served_kwh_day"),
    *("use_share", "mean_travel_min", "cells_served"),
)
DEMAND_COLUMNS = ("cell_id", "demand_kwh_day", "served_kwh_day")
SERVICE_COLUMNS = ("cell_id", "vehicle_class", "site_id", "served_kwh_day", "travel_min")
COST_COLUMNS = (
    *("charger_cost_pkr", "battery_cost_pkr", "connection_cost_pkr", "line_cost_pkr"),
    *("upgrade_cost_pkr", "fee_cost_pkr", "civil_cost_pkr", "land_cost_pkr"),
)
OFFER_COLUMNS = (
    *("offer_id", "site_id", "headroom_kw", "upgrade_kw", "line_km", "grid_item"),
    *COST_COLUMNS,
)
_NUMBERS = ("_kwh_day", "_pkr", "_kw", "_min", "_share", "_km", "_years", "cells_served")
# Missing where a station serves nobody, or where no figure is known.
# What a station earns: runs of earlier versions do not have it.
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
_POINT, _LINE, _AREA = ("Point",), ("LineString",), ("Polygon", "MultiPolygon", "Point")
_NAMES = ("site_id", "cell_id", "offer_id", "vehicle_class")


@dataclass(frozen=True)
class RunFolder:
    """A run as it was stored.

    Parameters
    ----------
    path
        The folder.
    facts
        ``run.json``.
    settings
        ``config.yaml``, as plain mappings and lists.
    sites, demand, service, roads
        Layers in lon/lat (EPSG:4326): stations; cells; lines from cells to stations; and edges.
    offers
        What could be built at each place, rows of ``offers.csv``.
    figures
        The assumptions, rows of ``figures.csv``.
    """

    path: Path
    facts: dict[str, Any]
    settings: dict[str, Any]
    sites: gpd.GeoDataFrame
    demand: gpd.GeoDataFrame
    service: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    offers: pd.DataFrame
    figures: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """The vehicle classes, in the order of the run."""
        return [str(row["vehicle_class"]) for row in self.facts["classes"]]


def read_run(folder: Path) -> RunFolder:
    """Return a stored run, every file read, not yet compared with each other.

    Parameters
    ----------
    folder
        What `siting run` wrote.

    Raises
    ------
    InputError
        If the folder or files are missing, cannot be read, lack keys or columns, or are of another
        format; every fault is named.
    """
    if not folder.is_dir():
        raise InputError(Fault(str(folder), "no such run folder", "name one that siting run wrote"))
    if not (folder / "run.json").is_file():
        what = "is not a run folder: it has no run.json"
        raise InputError(Fault(str(folder), what, "name one that siting run wrote"))
    facts = _read_json(folder / "run.json")
    if facts.get("format") != READS_FORMAT:
        what = (
            f"format {facts.get('format', 'not stated')}, written by siting "
            f"{facts.get('siting', '(not stated)')}; this version reads format {READS_FORMAT}"
        )
        raise InputError(Fault(f"{folder / 'run.json'}, key format", what, AGAIN))
    missing = [name for name in FILES if not (folder / name).is_file()]
    faults = [
        Fault(str(folder / name), "is missing from the run folder", AGAIN) for name in missing
    ]
    faults += _fact_faults(folder / "run.json", facts)
    if faults:
        raise InputError(faults)
    classes = [str(row["vehicle_class"]) for row in facts["classes"]]
    served = tuple(f"served_{name}_kwh_day" for name in classes)
    wanted = tuple(f"demand_{name}_kwh_day" for name in classes)

    def attempt[T](read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InputError as err:
            faults.extend(err.faults)
            return None

    settings = attempt(lambda: _read_yaml(folder / "config.yaml"))
    sites = attempt(lambda: _read_layer(folder / "sites.geojson", (*SITE_COLUMNS, *served), _POINT))
    demand = attempt(
        lambda: _read_layer(folder / "demand.geojson", (*DEMAND_COLUMNS, *wanted, *served), _AREA)
    )
    service = attempt(lambda: _read_layer(folder / "service.geojson", SERVICE_COLUMNS, _LINE))
    roads = attempt(lambda: _read_roads(folder / "plan.gpkg"))
    offers = attempt(lambda: _read_csv(folder / "offers.csv", OFFER_COLUMNS))
    figures = attempt(lambda: _read_csv(folder / "figures.csv", tuple(_RECORDS["assumptions"])))
    if (
        faults
        or settings is None
        or sites is None
        or demand is None
        or service is None
        or roads is None
        or offers is None
        or figures is None
    ):
        raise InputError(faults)
    return RunFolder(folder, facts, settings, sites, demand, service, roads, offers, figures)


def _fact_faults(path: Path, facts: dict[str, Any]) -> list[Fault]:
    faults = []
    found = {**facts, **{f"sizes.{key}": v for key, v in _entries(facts.get("sizes"))}}
    for key, kinds in {**_FACTS, **{f"sizes.{k}": v for k, v in _SIZES.items()}}.items():
        where = f"{path}, key {key}"
        if key not in found:
            faults.append(Fault(where, "is missing", AGAIN))
        elif not _fits(found[key], kinds):
            faults.append(Fault(where, f"{found[key]!r:.40} has another type", AGAIN))
        elif key in _RECORDS:
            bad = [
                str(i)
                for i, row in enumerate(found[key], start=1)
                if not isinstance(row, dict)
                or any(n not in row or not _fits(row[n], k) for n, k in _RECORDS[key].items())
            ]
            if bad:
                what = f"entries without {', '.join(_RECORDS[key])}, or of another type"
                faults.append(Fault(where, what, AGAIN, tuple(bad)))
        elif key == "warnings" and not all(isinstance(line, str) for line in found[key]):
            faults.append(Fault(where, "has entries that are no text", AGAIN))
    return faults


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else ()


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool) or not isinstance(value, kinds):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(Fault(str(path), f"cannot be read: {err}", AGAIN)) from err


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as err:
        raise InputError(Fault(str(path), f"is not JSON: {err}", AGAIN)) from err
    if not isinstance(found, dict):
        raise InputError(Fault(str(path), "is not a JSON object", AGAIN))
    return found


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(_read_text(path))
    except yaml.YAMLError as err:
        raise InputError(Fault(str(path), f"is not YAML: {err}".split("\n")[0], AGAIN)) from err
    if not isinstance(found, dict):
        raise InputError(Fault(str(path), "is not a mapping", AGAIN))
    return found


def _read_layer(path: Path, columns: tuple[str, ...], kinds: tuple[str, ...]) -> gpd.GeoDataFrame:
    """Return a GeoJSON's features as they stand; GDAL would drop the columns of an empty one."""
    features = _read_json(path).get("features")
    if not isinstance(features, list):
        raise InputError(Fault(str(path), "is not a GeoJSON feature collection", AGAIN))
    if not features:
        return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=4326)
    try:
        layer = gpd.GeoDataFrame.from_features(features, crs=4326)
    except (TypeError, LookupError, ValueError, AttributeError, ShapelyError) as err:
        raise InputError(Fault(str(path), f"cannot be read as GeoJSON: {err!r}", AGAIN)) from err
    _require(layer, path, [*columns, *(c for c in BUSINESS if c in layer.columns)])
    west, south, east, north = layer.geometry.bounds.to_numpy(dtype=float).T
    # An empty shape has no bounds, and nothing compares with those.
    drawn = (west >= -180) & (east <= 180) & (south >= -90) & (north <= 90)
    bad = ~(drawn & layer.geom_type.isin(kinds).to_numpy())
    if bad.any():
        rows = tuple(str(i + 1) for i in bad.nonzero()[0])
        what = f"features without a geometry in degrees ({' or '.join(kinds)})"
        raise InputError(Fault(str(path), what, AGAIN, rows))
    return layer


def _read_roads(path: Path) -> gpd.GeoDataFrame:
    try:
        layers = {str(name) for name, _ in pyogrio.list_layers(path)}
        if "roads" not in layers:
            raise InputError(Fault(str(path), "has no layer roads", AGAIN))
        roads = gpd.read_file(path, layer="roads")
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as err:
        raise InputError(Fault(str(path), f"cannot be read: {err}", AGAIN)) from err
    if "highway" not in roads.columns:
        raise InputError(Fault(f"{path}, layer roads", "has no column highway", AGAIN))
    if roads.crs is None:
        raise InputError(Fault(f"{path}, layer roads", "has no reference system", AGAIN))
    return roads.to_crs(4326)


def _read_csv(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as err:
        raise InputError(Fault(str(path), f"cannot be read as CSV: {err}", AGAIN)) from err
    _require(frame, path, columns)
    return frame


def _require(frame: pd.DataFrame, path: Path, columns: Iterable[str]) -> None:
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
