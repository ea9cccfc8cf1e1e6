"""The facts and layers of a run that are needed for its report and for comparisons of runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import geopandas as gpd
import pandas as pd
from pydantic import BaseModel, ConfigDict, create_model, model_validator

from siting.export.geopackage import storable
from siting.export.layers import road_layer
from siting.export.lonlat import to_lonlat
from siting.export.values import rounded_by_unit

# Columns of the bands of minutes to the nearest station.
BANDS = ("over_min", "within_min", "people_share")
NAMED = ("name", "name_ur", "kind", "geometry")


@dataclass(frozen=True, eq=False)
class YearTables:
    """The tables of a multi-year plan."""

    years: pd.DataFrame  # one row per year, in order: demand, stations and money (years.csv)
    built: pd.DataFrame  # stations of each year (built.csv)
    # Demand and energy served of each cell, by year and class (year_cells.csv).
    cells: pd.DataFrame

    @property
    def all(self) -> list[int]:
        """The years of the plan, in order."""
        return [int(year) for year in self.years["year"]]


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run as shown in its report; layers are in lon/lat (EPSG:4326)."""

    facts: dict[str, Any]  # run.json
    settings: dict[str, Any]  # config.yaml, as plain mappings and lists
    sites: gpd.GeoDataFrame  # stations
    demand: gpd.GeoDataFrame  # cells
    service: gpd.GeoDataFrame  # lines from cells to stations
    roads: gpd.GeoDataFrame  # edges
    offers: pd.DataFrame  # rows of offers.csv
    places: gpd.GeoDataFrame  # named points for describing locations; may be empty
    parts: gpd.GeoDataFrame  # parts of the city, `name`, `kind` and points; may be empty
    minutes: gpd.GeoDataFrame  # bands of minutes to the nearest station; may be empty
    # Stations and energy served in each year; None for a plan without years.
    years: YearTables | None = None

    @classmethod
    def of(cls, facts: dict[str, Any], settings: dict[str, Any], layers: Mapping[str, Any]) -> Self:
        """Return the record of a run from ``run.json``, ``config.yaml`` and `layers_of`."""
        columns = (*BANDS, "name", "kind")
        empty = gpd.GeoDataFrame({name: [] for name in columns}, geometry=[], crs=4326)
        years = None
        if "years" in facts["blocks"]:
            names = ("years", "built", "year_cells")
            years = YearTables(*(rounded_by_unit(layers[name]) for name in names))
        return cls(
            facts,
            settings,
            **{
                name: rounded_by_unit(to_lonlat(layers[name], name)).reset_index(drop=True)
                for name in ("sites", "demand", "service")
            },
            roads=gpd.GeoDataFrame(storable(to_lonlat(road_layer(layers["roads"]), "roads"))),
            offers=rounded_by_unit(layers["offers"]),
            places=_named_points(layers["candidates"]),
            parts=_named_points(layers.get("neighbourhoods", empty)),
            minutes=to_lonlat(layers.get("isochrones", empty), "isochrones"),
            years=years,
        )

    @property
    def new_sites(self) -> gpd.GeoDataFrame:
        """The stations that the plan builds."""
        return self.sites[~self.sites["existing"].astype(bool)]

    @property
    def year(self) -> int:
        """The year of the plan's figures: the last year of a multi-year plan."""
        return int(self.facts["year"]) if self.years is None else self.years.all[-1]

    @property
    def urdu(self) -> bool:
        """Whether the report is in Urdu."""
        return bool(self.settings["report"]["language"] == "ur")

    @property
    def classes(self) -> list[str]:
        """The vehicle classes, in the order of the run."""
        return [str(row["vehicle_class"]) for row in self.facts["classes"]]


def _named_points(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the points that have their own names, not derived names such as "near a park"."""
    names = places["name"].fillna("").astype(str)
    named = names.str.strip() != ""
    if "whereabouts" in places.columns:  # exclude names derived from other places
        named &= (names != places["whereabouts"]) | ~names.str.startswith(("near ", "at "))
    drawn = to_lonlat(places[named.to_numpy()], "places")
    return drawn[[name for name in NAMED if name in drawn]]


# --- the content of run.json ---------------------------------------------------------------------


class _Form(BaseModel):
    """A part of ``run.json``; further keys are kept unchanged."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


# Type of each kind of key in ``run.json``; ``blanks`` and ``blank_texts`` may be null.
_KINDS = {"texts": str, "numbers": float, "wholes": int, "blanks": float | None,
          "blank_texts": str | None}  # fmt: skip


def _form(name: str, base: type[_Form] = _Form, **keys: Any) -> Any:
    """Return a model of a mapping; a key declared with a (type, default) pair may be missing.

    Each keyword is either a kind (`_KINDS`) with a string of key names, or one key with its type.
    """
    named = {kind: keys.pop(kind, "").split() for kind in _KINDS}
    fields: dict[str, Any] = {key: (_KINDS[kind], ...) for kind in named for key in named[kind]}
    fields |= {key: kind if isinstance(kind, tuple) else (kind, ...) for key, kind in keys.items()}
    return create_model(name, __base__=base, **fields)


def _rows(form: Any) -> Any:
    return list[form]


def _by_name(form: Any) -> Any:
    return dict[str, form]


class _DayForm(_Form):
    why_not: str
    planned: Any = None
    free: Any = None

    @model_validator(mode="after")
    def _told(self) -> Self:
        if not self.why_not and (self.planned is None or self.free is None):
            raise ValueError("needs both simulated days (planned and free), or a reason in why_not")
        return self


_SHARES = "out_of_reach_share turned_away_share late_share peak_late_share"
_DayOf = _form("_DayOf", blanks=f"drivers_day {_SHARES}", served_share=(float | None, None),
               exceeds=bool)  # fmt: skip
_Use = _form("_Use", texts="name", numbers="planned_share free_share", blanks="limit_share",
             wholes="ports places places_over")  # fmt: skip
_Day = _form("_Day", _DayForm, numbers="wait_min alpha", use=(_rows(_Use), []),
             planned=(_DayOf | None, None), free=(_DayOf | None, None))  # fmt: skip
_AtRisk = _form("_AtRisk", numbers="subsidy_below_npv_0_pkr loss_pkr_year npv_subsidised_pkr",
                wholes="stations below_npv_0 losing")  # fmt: skip
_Untold = _form("_Untold", texts="text why_not")
_Case = _form("_Case", _Untold, blanks="demand_kwh_day served_kwh_day served_share",
              classes=_by_name(float | None), money=(_AtRisk | None, None),
              public_money_pkr=(float | None, None))  # fmt: skip
_DemandRange = _form("_DemandRange", wholes="draws", planned_share=(float | None, None),
                     numbers="p05_kwh_day p50_kwh_day p95_kwh_day",
                     slow_share=(float | None, None))  # fmt: skip
_PublicMoney = _form(
    "_PublicMoney", wholes="new_stations stations_without_need", blanks="subsidy_pkr_per_car",
    numbers="pkr_per_usd npv_without_subsidy_pkr subsidy_beyond_need_pkr",
)  # fmt: skip
_Class = _form("_Class", texts="vehicle_class", numbers="demand_kwh_day served_kwh_day",
               blanks="served_share")  # fmt: skip
_Assumption = _form("_Assumption", texts="figure", blank_texts="of unit source confidence",
                    blanks="value low high")  # fmt: skip
_Limit = _form("_Limit", texts="limit kind unit", numbers="used", blanks="at_least at_most")


class _RunForm(_Form):
    what_if: Any = None

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, data: Any) -> Any:
        may = [name for name, field in cls.model_fields.items() if field.default is None]
        return {k: v for k, v in data.items() if k not in may or v not in (None, {}, [])}

    @model_validator(mode="after")
    def _begins_with_the_plan(self) -> Self:
        for row in self.what_if or []:
            if not (isinstance(row, _Case) or row.why_not):
                raise ValueError("what_if has a case with neither figures nor a reason")
        if self.what_if and not isinstance(self.what_if[0], _Case):
            raise ValueError("what_if does not begin with the plan itself")
        return self


# The keys of ``run.json`` that the package reads; keys with a default may be missing or empty.
RunFacts = _form(
    "RunFacts", _RunForm,
    texts="siting name title note written status status_text stopped model",
    wholes="year new_stations existing_stations",
    numbers="objective_kwh_day served_share budget_pkr subsidy_pkr cost_pkr",
    blanks="bound_kwh_day gap asked_gap mean_travel_min p90_travel_min",
    classes=_rows(_Class),
    warnings=list[str],
    checks=_rows(_form("_Check", texts="check", blanks="found limit")),
    assumptions=_rows(_Assumption),
    inputs=_rows(_form("_Input", texts="key kind source licence")),
    blocks=list[str],
    aims=list[str],
    sizes=_form("_Sizes", wholes="edges cells offers_shown"),
    roads=dict[str, Any],
    solver=dict[str, Any],
    aim=(str, ""),
    proof_text=(str, ""),
    proofs=(_rows(_form("_Proof", texts="aim status", blanks="gap")), []),
    headline=(_by_name(_form("_Line", texts="label text")), {}),
    limits=(_rows(_Limit), []),
    break_evens=(_rows(_form("_BreakEven", texts="text")), []),
    figure_swings=(_rows(_form("_Swing", texts="figure of table", numbers="swing_pkr")), []),
    alternatives=(dict[str, str], {}),
    lost_without=(
        _by_name(_form("_Lost", blanks="as_it_stands_kwh_day replanned_kwh_day")), {}
    ),
    public_money=(_PublicMoney | None, None),
    places=(
        _form("_Places", wholes="places dc_places", numbers="within_m",
              new_ports=(_by_name(int), {}))
        | None,
        None,
    ),
    day=(_Day | None, None),
    what_if=(_rows(_Case | _Untold) | None, None),
    demand_range=(_DemandRange | None, None),
)  # fmt: skip
