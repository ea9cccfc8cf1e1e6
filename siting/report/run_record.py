"""The record of a run that its report and comparisons are drawn from: its facts and its layers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import geopandas as gpd
import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype
from pydantic import BaseModel, ConfigDict, model_validator

from siting.export.geopackage import storable
from siting.export.layers import road_layer
from siting.export.lonlat import to_lonlat
from siting.export.values import decimals

# Columns of the bands of minutes to the nearest station.
BANDS = ("over_min", "within_min", "people_share")
# Columns of points that have a name.
NAMED = ("name", "name_ur", "kind", "geometry")


@dataclass(frozen=True, eq=False)
class YearTables:
    """The tables of a plan in years."""

    years: pd.DataFrame  # one row a year, rising: wanted, served, built and spent (years.csv)
    built: pd.DataFrame  # what stands in each year (built.csv)
    # What each cell wants and is served in each year, by class (year_cells.csv).
    cells: pd.DataFrame

    @property
    def last(self) -> int:
        """The last year of the plan."""
        return int(self.years["year"].iloc[-1])

    @property
    def all(self) -> list[int]:
        """The years of the plan, rising."""
        return [int(year) for year in self.years["year"]]


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run as its report shows it; layers in lon/lat (EPSG:4326), rounded as its files are."""

    facts: dict[str, Any]  # run.json
    settings: dict[str, Any]  # config.yaml, as plain mappings and lists
    sites: gpd.GeoDataFrame  # stations
    demand: gpd.GeoDataFrame  # cells
    service: gpd.GeoDataFrame  # lines from cells to stations
    roads: gpd.GeoDataFrame  # edges
    offers: pd.DataFrame  # rows of offers.csv
    places: gpd.GeoDataFrame  # points with a name, for telling where something is; may be empty
    parts: gpd.GeoDataFrame  # parts of the city, `name`, `kind` and points; may be empty
    minutes: gpd.GeoDataFrame  # bands of minutes to the nearest station; may be empty
    # What stands and is served in each year; None where the plan is not one in years.
    years: YearTables | None = None

    @classmethod
    def of(
        cls,
        facts: dict[str, Any],
        settings: dict[str, Any],
        layers: Mapping[str, Any],
    ) -> Self:
        """Return the record of a run.

        `facts`: what ``run.json`` says; `settings`: what ``config.yaml`` says; `layers`: the run's
        layers and tables by name (`siting.export.layers_of`).
        """
        empty = gpd.GeoDataFrame({name: [] for name in BANDS}, geometry=[], crs=4326)
        names = ("years", "built", "year_cells")
        return cls(
            facts,
            settings,
            sites=_as_drawn(layers["sites"], "sites"),
            demand=_as_drawn(layers["demand"], "demand"),
            service=_as_drawn(layers["service"], "service"),
            roads=gpd.GeoDataFrame(storable(to_lonlat(road_layer(layers["roads"]), "roads"))),
            offers=_as_written(layers["offers"]),
            places=_named_points(layers["candidates"]),
            parts=_named_points(layers.get("neighbourhoods", empty)),
            minutes=to_lonlat(layers.get("isochrones", empty), "isochrones"),
            years=YearTables(*(_as_written(layers[name]) for name in names))
            if "years" in facts["blocks"]
            else None,
        )

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


def _as_written(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its numbers rounded as files have them."""
    floats = [str(name) for name, column in table.items() if is_float_dtype(column)]
    return table.assign(
        **{name: np.round(table[name].to_numpy(), decimals(name)) + 0.0 for name in floats}
    )


def _as_drawn(layer: gpd.GeoDataFrame, name: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(_as_written(to_lonlat(layer, name)).reset_index(drop=True))


def _named_points(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the points of a layer that have a name of their own."""
    if "name" not in places.columns:
        return gpd.GeoDataFrame({"name": [], "kind": []}, geometry=[], crs=4326)
    told = places["name"].fillna("").astype(str)
    named = told.str.strip() != ""
    if "whereabouts" in places.columns:  # not a name made of another place's
        named &= (told != places["whereabouts"]) | ~told.str.startswith(("near ", "at "))
    points = (places.geom_type == "Point").to_numpy() & ~places.geometry.is_empty.to_numpy()
    drawn = to_lonlat(places.loc[named.to_numpy() & points], "places")
    kind = drawn["kind"] if "kind" in drawn.columns else ""
    return drawn.assign(kind=kind)[[name for name in NAMED if name == "kind" or name in drawn]]


# --- what run.json says --------------------------------------------------------------------------


class _Form(BaseModel):
    """A part of ``run.json``; keys beside those named are left as they are."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class _Class(_Form):
    vehicle_class: str
    demand_kwh_day: float
    served_kwh_day: float
    served_share: float | None


class _Check(_Form):
    check: str
    found: float | None
    limit: float | None


class _Assumption(_Form):
    figure: str
    of: str | None
    unit: str | None
    source: str | None
    confidence: str | None
    value: float | None
    low: float | None
    high: float | None


class _Input(_Form):
    key: str
    kind: str
    source: str
    licence: str


class _Limit(_Form):
    limit: str
    kind: str
    unit: str
    used: float
    at_least: float | None
    at_most: float | None


class _BreakEven(_Form):
    text: str


class _Swing(_Form):
    figure: str
    of: str
    table: str
    swing_pkr: float


class _Line(_Form):
    label: str
    text: str


class _Proof(_Form):
    aim: str
    status: str
    gap: float | None


class _PublicMoney(_Form):
    new_stations: int
    stations_without_need: int
    pkr_per_usd: float
    npv_without_subsidy_pkr: float
    subsidy_beyond_need_pkr: float
    subsidy_pkr_per_car: float | None


class _Lost(_Form):
    as_it_stands_kwh_day: float | None
    replanned_kwh_day: float | None


class _Places(_Form):
    places: int
    dc_places: int
    within_m: float


class _DayOf(_Form):
    drivers_day: float | None
    out_of_reach_share: float | None
    turned_away_share: float | None
    late_share: float | None
    peak_late_share: float | None
    served_share: float | None = None
    exceeds: bool


class _Use(_Form):
    name: str
    ports: int
    limit_share: float | None
    planned_share: float
    free_share: float
    places: int
    places_over: int


class _Day(_Form):
    why_not: str
    wait_min: float
    alpha: float
    use: list[_Use] = []
    planned: _DayOf | None = None
    free: _DayOf | None = None

    @model_validator(mode="after")
    def _told(self) -> Self:
        if not self.why_not and (self.planned is None or self.free is None):
            raise ValueError("lacks the day as planned or as drivers choose")
        return self


class _AtRisk(_Form):
    stations: int
    below_npv_0: int
    losing: int
    subsidy_below_npv_0_pkr: float
    loss_pkr_year: float
    npv_pkr: float


class _Untold(_Form):
    text: str
    why_not: str


class _Case(_Untold):
    classes: dict[str, float | None]
    demand_kwh_day: float | None
    served_kwh_day: float | None
    served_share: float | None
    money: _AtRisk | None = None
    public_money_pkr: float | None = None


class _DemandRange(_Form):
    draws: int
    p05_kwh_day: float
    p50_kwh_day: float
    p95_kwh_day: float
    planned_share: float | None = None
    slow_share: float | None = None


class _Sizes(_Form):
    edges: int
    cells: int
    offers_shown: int


class RunFacts(_Form):
    """The keys of ``run.json`` that are read again; keys with a default may be missing."""

    siting: str
    name: str
    title: str
    note: str
    written: str
    status: str
    status_text: str
    stopped: str
    model: str
    year: int
    new_stations: int
    existing_stations: int
    objective_kwh_day: float
    served_share: float
    bound_kwh_day: float | None
    gap: float | None
    asked_gap: float | None
    mean_travel_min: float | None
    p90_travel_min: float | None
    budget_pkr: float
    subsidy_pkr: float
    cost_pkr: float
    classes: list[_Class]
    warnings: list[str]
    checks: list[_Check]
    assumptions: list[_Assumption]
    inputs: list[_Input]
    blocks: list[str]
    aims: list[str]
    sizes: _Sizes
    roads: dict[str, Any]
    solver: dict[str, Any]
    aim: str = ""
    proof_text: str = ""
    proofs: list[_Proof] = []
    headline: dict[str, _Line] = {}
    limits: list[_Limit] = []
    break_evens: list[_BreakEven] = []
    figure_swings: list[_Swing] = []
    alternatives: dict[str, str] = {}
    lost_without: dict[str, _Lost] = {}
    public_money: _PublicMoney | None = None
    places: _Places | None = None
    day: _Day | None = None
    what_if: list[_Case | _Untold] | None = None
    demand_range: _DemandRange | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        may = [name for name, field in cls.model_fields.items() if field.default is None]
        return {k: v for k, v in data.items() if k not in may or v not in (None, {}, [])}

    @model_validator(mode="after")
    def _begins_with_the_plan(self) -> Self:
        for row in self.what_if or []:
            if not (isinstance(row, _Case) or row.why_not):
                raise ValueError("what_if has a case that is not told, nor why")
        if self.what_if and not isinstance(self.what_if[0], _Case):
            raise ValueError("what_if does not begin with the plan itself")
        return self
