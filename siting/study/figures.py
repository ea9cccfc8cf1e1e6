"""Every figure a study's demand rests on, one row each, with range, source and confidence."""

from __future__ import annotations

import pandas as pd

from siting import demand
from siting.demand.surfaces import SURFACES
from siting.study.demand import DemandStudy

COLUMNS = ["figure", "vehicle_class", "value", "low", "high", "unit", "source", "confidence"]


def figures_of(study: DemandStudy) -> pd.DataFrame:
    """Return the figures that give this study's energy and divide it (`COLUMNS`).

    Those of the fleet model behind the number of vehicles are in `all_figures`.
    """
    settings = study.config.demand
    figures = demand.demand_figures(
        study.fleet,
        study.vehicles,
        study.fleet_share,
        study.area_share,
        f"{study.cells['people'].sum():,.0f} people of the study area over "
        f"{study.city_people:,.0f} of the city",
        zones=study.zone_table,
        effects=study.housing,
    )
    if settings.surfaces is None:
        return figures
    weights = study.surface_weights
    long = weights.melt(
        id_vars=["vehicle_class", "unit", "source", "confidence"],
        value_vars=list(SURFACES),
        var_name="figure",
    )
    # No range is known of an assumed share; `siting.demand.map_swings` tries half to 1.5 times.
    long = long.assign(low=long["value"], high=long["value"])
    return pd.concat([figures, long[COLUMNS]], ignore_index=True)


def all_figures(study: DemandStudy) -> pd.DataFrame:
    """Return every figure from the sales of vehicles to the weight of a bank branch (`COLUMNS`)."""
    settings = study.config.demand
    parts = []
    if settings.fleet_csv is None:
        model = demand.fleet_figures(
            settings.scenario,
            settings.scenarios_csv,
            {name: dict(figures) for name, figures in settings.fleet_figures.items()},
            sales_path=settings.sales_csv,
        )
        parts.append(model[model["vehicle_class"].isin(list(settings.vehicle_classes))])
    parts += [figures_of(study), _sessions(study)]
    if settings.surfaces is not None:
        parts += [
            study.poi_weights.assign(
                figure="poi_weight "
                + study.poi_weights["osm_key"]
                + "="
                + study.poi_weights["osm_value"],
                vehicle_class="",
            ).rename(columns={"weight": "value"}),
            study.road_weights.assign(
                figure="road_weight highway=" + study.road_weights["highway"], vehicle_class=""
            ).rename(columns={"weight": "value"}),
        ]
    return pd.concat([part[COLUMNS] for part in parts], ignore_index=True)


def _sessions(study: DemandStudy) -> pd.DataFrame:
    sessions = study.sessions
    sessions = sessions[sessions["vehicle_class"].isin(list(study.config.demand.vehicle_classes))]
    units = {"session_kwh": "kWh", "session_min": "min", "peak_hour_share": "share of the day"}
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "figure": name,
                    "vehicle_class": sessions["vehicle_class"],
                    "value": sessions[name],
                    "low": sessions[f"{name}_low"],
                    "high": sessions[f"{name}_high"],
                    "unit": unit,
                    "source": sessions["source"],
                    "confidence": sessions["confidence"],
                }
            )
            for name, unit in units.items()
        ],
        ignore_index=True,
    )
