"""A stored run: its files read as a whole, or every fault of the folder named at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pyogrio.errors

from siting.errors import Fault, InputError
from siting.report.reading import (
    AGAIN,
    COST_COLUMNS,
    fits,
    read_csv,
    read_json,
    read_layer,
    read_yaml,
)
from siting.report.yearly import YearTables, read_years

# Formats of run folders read here; `siting.study.facts` writes the number into run.json.
READS_FORMAT = 3

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
    **dict.fromkeys(("mean_travel_min", "p90_travel_min"), _MAYBE),
    **dict.fromkeys(("budget_pkr", "subsidy_pkr", "cost_pkr"), _NUMBER),
    **dict.fromkeys(
        ("classes", "warnings", "checks", "assumptions", "inputs", "blocks", "aims"), (list,)
    ),
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
# Fields missing from earlier versions' runs: shown if present.
_MAYBE_RECORDS: Mapping[str, Kinds] = {
    "limits": {
        **dict.fromkeys(("limit", "kind", "unit"), _TEXT),
        "used": _NUMBER,
        **dict.fromkeys(("at_least", "at_most"), _MAYBE),
    },
    "break_evens": {"text": _TEXT},
    "figure_swings": {**dict.fromkeys(("figure", "of", "table"), _TEXT), "swing_pkr": _NUMBER},
}
_PLACES: Kinds = {**dict.fromkeys(("places", "dc_places"), _WHOLE), "within_m": _NUMBER}
_TOLD: Kinds = {"label": _TEXT, "text": _TEXT}
_PUBLIC_MONEY: Kinds = {
    **dict.fromkeys(("new_stations", "stations_without_need"), _WHOLE),
    **dict.fromkeys(("pkr_per_usd", "npv_without_subsidy_pkr", "subsidy_beyond_need_pkr"), _NUMBER),
    "subsidy_pkr_per_car": _MAYBE,
}
_LOST: Kinds = dict.fromkeys(("as_it_stands_kwh_day", "replanned_kwh_day"), _MAYBE)
# Comparison of a plan with its aims, if the run has one.
_DAY: Kinds = {"why_not": _TEXT, "wait_min": _NUMBER, "alpha": _NUMBER}
_DAY_OF: Kinds = {
    **dict.fromkeys(("drivers_day", "out_of_reach_share", "turned_away_share"), _MAYBE),
    **dict.fromkeys(("late_share", "peak_late_share"), _MAYBE),
}
_WHAT_IF: Kinds = {
    **dict.fromkeys(("text", "why_not"), _TEXT),
    "classes": (dict,),
    **dict.fromkeys(("demand_kwh_day", "served_kwh_day", "served_share"), _MAYBE),
}
_RANGE: Kinds = {
    "draws": _WHOLE,
    **dict.fromkeys(("p05_kwh_day", "p50_kwh_day", "p95_kwh_day"), _NUMBER),
}
_AT_RISK: Kinds = {
    **dict.fromkeys(("stations", "below_npv_0", "losing"), _WHOLE),
    **dict.fromkeys(("subsidy_below_npv_0_pkr", "loss_pkr_year", "npv_pkr"), _NUMBER),
}
_SIZES: Kinds = dict.fromkeys(("edges", "cells", "offers_shown"), _WHOLE)
SITE_COLUMNS = (
    *("site_id", "name", "kind", "existing", "offer_id", "configuration", "chargers"),
    *("power_kw", "cost_pkr", "subsidy_pkr", "capacity_kwh_day", "served_kwh_day"),
    *("use_share", "mean_travel_min", "cells_served"),
)
DEMAND_COLUMNS = ("cell_id", "demand_kwh_day", "served_kwh_day")
SERVICE_COLUMNS = ("cell_id", "vehicle_class", "site_id", "served_kwh_day", "travel_min")
OFFER_COLUMNS = (
    *("offer_id", "site_id", "power_kw", "headroom_kw", "upgrade_kw", "line_km", "grid_item"),
    *COST_COLUMNS,
)
_POINT, _LINE, _AREA = ("Point",), ("LineString",), ("Polygon", "MultiPolygon", "Point")


@dataclass(frozen=True)
class RunFolder:
    """A run as it was stored."""

    path: Path
    facts: dict[str, Any]  # run.json
    settings: dict[str, Any]  # config.yaml, as plain mappings and lists
    sites: gpd.GeoDataFrame  # stations; all layers are in lon/lat (EPSG:4326)
    demand: gpd.GeoDataFrame  # cells
    service: gpd.GeoDataFrame  # lines from cells to stations
    roads: gpd.GeoDataFrame  # edges
    offers: pd.DataFrame  # rows of offers.csv
    figures: pd.DataFrame  # the assumptions, rows of figures.csv
    places: gpd.GeoDataFrame  # points with a name, for telling where something is; may be empty
    parts: gpd.GeoDataFrame  # parts of the city, `name`, `kind` and points; may be empty
    minutes: gpd.GeoDataFrame  # bands of minutes to the nearest station; may be empty
    # Stations and service of each year; None for a plan of one year.
    years: YearTables | None = None

    @property
    def year(self) -> int:
        """The year the plan's figures are of: the last one where it is a plan in years."""
        return int(self.facts["year"]) if self.years is None else self.years.last

    @property
    def urdu(self) -> bool:
        """Whether the report is to be in Urdu."""
        report = self.settings.get("report")
        return isinstance(report, dict) and report.get("language") == "ur"

    @property
    def classes(self) -> list[str]:
        """The vehicle classes, in the order of the run."""
        return [str(row["vehicle_class"]) for row in self.facts["classes"]]


def read_run(folder: Path) -> RunFolder:
    """Return a stored run, every file read, not yet compared with each other.

    An `InputError` names every file that is missing, cannot be read, lacks keys or columns, or has
    another format.
    """
    if not folder.is_dir():
        raise InputError(Fault(str(folder), "no such run folder", "name one that siting run wrote"))
    if not (folder / "run.json").is_file():
        what = "is not a run folder: it has no run.json"
        raise InputError(Fault(str(folder), what, "name one that siting run wrote"))
    facts = read_json(folder / "run.json")
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

    settings = attempt(lambda: read_yaml(folder / "config.yaml"))
    sites = attempt(lambda: read_layer(folder / "sites.geojson", (*SITE_COLUMNS, *served), _POINT))
    demand = attempt(
        lambda: read_layer(folder / "demand.geojson", (*DEMAND_COLUMNS, *wanted, *served), _AREA)
    )
    service = attempt(lambda: read_layer(folder / "service.geojson", SERVICE_COLUMNS, _LINE))
    roads = attempt(lambda: _read_roads(folder / "plan.gpkg"))
    offers = attempt(lambda: read_csv(folder / "offers.csv", OFFER_COLUMNS))
    figures = attempt(lambda: read_csv(folder / "figures.csv", tuple(_RECORDS["assumptions"])))
    geopackage = folder / "plan.gpkg"
    places = _read_points(geopackage, "candidates") if roads is not None else None
    parts = _read_points(geopackage, "neighbourhoods") if roads is not None else None
    minutes = attempt(lambda: _read_minutes(geopackage)) if roads is not None else None
    years = attempt(lambda: read_years(folder)) if "years" in facts["blocks"] else None
    if (
        faults
        or settings is None
        or sites is None
        or demand is None
        or service is None
        or roads is None
        or offers is None
        or figures is None
        or places is None
        or parts is None
        or minutes is None
    ):
        raise InputError(faults)
    return RunFolder(
        folder,
        facts,
        settings,
        sites,
        demand,
        service,
        roads,
        offers,
        figures,
        places,
        parts,
        minutes,
        years,
    )


def _fact_faults(path: Path, facts: dict[str, Any]) -> list[Fault]:
    faults = []
    entries = {**facts, **{f"sizes.{key}": v for key, v in _entries(facts.get("sizes"))}}
    for key, kinds in {**_FACTS, **{f"sizes.{k}": v for k, v in _SIZES.items()}}.items():
        where = f"{path}, key {key}"
        if key not in entries:
            faults.append(Fault(where, "is missing", AGAIN))
        elif not fits(entries[key], kinds):
            faults.append(Fault(where, f"{entries[key]!r:.40} has another type", AGAIN))
        elif key in _RECORDS:
            faults += _record_faults(where, entries[key], _RECORDS[key])
        elif key == "warnings" and not all(isinstance(line, str) for line in entries[key]):
            faults.append(Fault(where, "has entries that are no text", AGAIN))
    for key, columns in _MAYBE_RECORDS.items():
        if key in facts:
            where = f"{path}, key {key}"
            if isinstance(facts[key], list):
                faults += _record_faults(where, facts[key], columns)
            else:
                faults.append(Fault(where, "has another type", AGAIN))
    if facts.get("public_money", {}) != {}:
        where = f"{path}, key public_money"
        faults += _record_faults(where, [facts["public_money"]], _PUBLIC_MONEY)
    faults += _robustness_faults(path, facts)
    lost = facts.get("lost_without", {})
    where = f"{path}, key lost_without"
    if not isinstance(lost, dict):
        faults.append(Fault(where, "is no mapping", AGAIN))
    else:
        faults += _record_faults(where, list(lost.values()), _LOST)
    texts = facts.get("alternatives", {})
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        faults.append(Fault(f"{path}, key alternatives", "is no mapping to texts", AGAIN))
    where, lines = f"{path}, key headline", facts.get("headline", {})
    if isinstance(lines, dict):
        faults += _record_faults(where, list(lines.values()), _TOLD)
    else:
        faults.append(Fault(where, "is no mapping", AGAIN))
    for key in ("aim", "proof_text"):
        if not isinstance(facts.get(key, ""), str):
            faults.append(Fault(f"{path}, key {key}", "is no text", AGAIN))
    return faults


def _robustness_faults(path: Path, facts: dict[str, Any]) -> list[Fault]:
    """Return the faults of the simulated day, other circumstances and the demand's range."""
    faults = []
    day, rows, draws = (facts.get(key) for key in ("day", "what_if", "demand_range"))
    if day:
        faults += _record_faults(f"{path}, key day", [day], _DAY)
        if not faults and not day["why_not"]:
            cases: list[Any] = [day.get("planned"), day.get("free")]
            faults += _record_faults(f"{path}, key day", cases, _DAY_OF)
            if not faults and not all(isinstance(one.get("exceeds"), bool) for one in cases):
                faults.append(Fault(f"{path}, key day", "does not say what is exceeded", AGAIN))
    if rows:
        where = f"{path}, key what_if"
        told = [r for r in rows if not (isinstance(r, dict) and r.get("why_not"))]
        texts: Kinds = {"text": _TEXT, "why_not": _TEXT}
        wrong = _record_faults(where, rows, texts) or _record_faults(where, told, _WHAT_IF)
        if not wrong and any(not fits(v, _MAYBE) for r in told for v in r["classes"].values()):
            wrong = [Fault(where, "has shares of classes that are no numbers", AGAIN)]
        # Earlier runs have no money at risk.
        risks = [r["money"] for r in told if isinstance(r, dict) and "money" in r]
        wrong = wrong or _record_faults(f"{where}, money", risks, _AT_RISK)
        if not wrong and "classes" not in rows[0]:
            wrong = [Fault(where, "does not begin with the plan itself", AGAIN)]
        faults += wrong
    if draws:
        where = f"{path}, key demand_range"
        known: Kinds = dict.fromkeys(
            set(draws if isinstance(draws, dict) else ()) & {"planned_share", "slow_share"}, _MAYBE
        )
        faults += _record_faults(where, [draws], {**_RANGE, **known})
    if used := facts.get("places"):
        faults += _record_faults(f"{path}, key places", [used], _PLACES)
    return faults


def _record_faults(where: str, rows: list[Any], columns: Kinds) -> list[Fault]:
    bad = [
        str(i)
        for i, row in enumerate(rows, start=1)
        if not isinstance(row, dict)
        or any(n not in row or not fits(row[n], k) for n, k in columns.items())
    ]
    what = f"entries without {', '.join(columns)}, or of another type"
    return [Fault(where, what, AGAIN, tuple(bad))] if bad else []


def _entries(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else ()


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


def _read_minutes(path: Path) -> gpd.GeoDataFrame:
    """Return the bands of minutes to the nearest station, as far as the file has them."""
    columns = ("within_min", "over_min", "people_share")
    if "isochrones" not in {str(name) for name, _ in pyogrio.list_layers(path)}:
        return gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=4326)
    bands = gpd.read_file(path, layer="isochrones")
    missing = [name for name in columns if name not in bands.columns]
    if missing or bands.crs is None:
        what = f"has no column {', '.join(missing)}" if missing else "has no reference system"
        raise InputError(Fault(f"{path}, layer isochrones", what, AGAIN))
    return bands.to_crs(4326)


def _read_points(path: Path, layer: str) -> gpd.GeoDataFrame:
    """Return the points of a layer that have a name, as far as the file has them."""
    none = gpd.GeoDataFrame({"name": [], "kind": []}, geometry=[], crs=4326)
    if layer not in {str(name) for name, _ in pyogrio.list_layers(path)}:
        return none
    places = gpd.read_file(path, layer=layer)
    if "name" not in places.columns or places.crs is None:
        return none
    named = places["name"].fillna("").astype(str).str.strip() != ""
    if "whereabouts" in places.columns:  # not a name made of another place's
        told = places["name"].astype(str)
        named &= (told != places["whereabouts"]) | ~told.str.startswith(("near ", "at "))
    points = (places.geom_type == "Point").to_numpy() & ~places.geometry.is_empty.to_numpy()
    kind = places["kind"] if "kind" in places.columns else ""
    columns = [c for c in ("name", "name_ur", "kind", "geometry") if c == "kind" or c in places]
    named_points = places.assign(kind=kind).loc[named.to_numpy() & points, columns]
    return named_points.to_crs(4326)
