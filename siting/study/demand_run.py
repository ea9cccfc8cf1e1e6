"""Write the demand of a study to a folder: layers, tables, and every figure behind the demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from siting import demand, export
from siting.config import to_yaml
from siting.interrupts import seen_through
from siting.study.facts import folder_for, head_of
from siting.study.pipeline import Study
from siting.study.provenance import all_figures
from siting.study.robustness import DRAWS
from siting.study.stages import Report
from siting.study.to_demand import fleet_scenario, ownership_of
from siting.writing import claimed_folder


@dataclass(frozen=True)
class DemandRun:
    """The demand of a study by class, its ranges, and the figures that cause these ranges."""

    title: str  # of the study
    year: int  # the target year
    # One row per vehicle class, and a last row ``all``: ``vehicles``, ``demand_kwh_day``,
    # ``low_kwh_day`` and ``high_kwh_day`` (all figures at the low or high end of their ranges),
    # ``p05_kwh_day``, ``p50_kwh_day`` and ``p95_kwh_day`` (percentiles of the draws),
    # ``sessions_day``, ``peak_hour_kw``.
    classes: pd.DataFrame
    fleet: pd.DataFrame  # the fleet model and published figures; empty if the user gives the fleet
    # Figures ranked by their effect on the total demand, and ranked by their effect on the location
    # of demand. Both tables are empty unless requested.
    total_swings: pd.DataFrame
    map_swings: pd.DataFrame
    notes: tuple[str, ...]  # for readers


def demand_to_folder(
    config: Path,
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    sensitivity: bool = False,
    draws: int = DRAWS,
    seed: int = 1,
    now: datetime,
    progress: Report | None = None,
) -> tuple[DemandRun, Path]:
    """Write the layers and tables of a configuration's demand; return the demand and the folder.

    `out` is a new or empty folder; by default ``runs_dir/NAME-demand-TIME``. If `sensitivity` is
    true, figures are ranked by their effect on the total demand and on the location of demand. All
    figures are drawn at random `draws` times with the seed `seed`. Other parameters are as in
    `siting.run`.
    """
    study = Study(config, overrides, progress=progress, today=now.date())
    usual = folder_for(study.config, "demand", now)
    with seen_through() as wish, claimed_folder(out, usual) as (folder, place):
        demand_run = _demand_run(study, sensitivity=sensitivity, draws=draws, seed=seed)
        wish.at_stake = True
        _write(study, demand_run, folder, now, draws, seed)
    return demand_run, place


def _demand_run(study: Study, *, sensitivity: bool, draws: int, seed: int) -> DemandRun:
    drawn = demand.energy_quantiles(demand.draw_energy(draws, seed, study.area, study.fleet_paces))
    low, high = (demand.energy_factors(study.area, case) for case in ("low", "high"))
    columns = {
        "vehicles": study.energy.set_index("vehicle_class")["vehicles"],
        "demand_kwh_day": study.demand.groupby("vehicle_class")["demand_kwh_day"].sum(),
        "low_kwh_day": low.groupby("vehicle_class")["demand_kwh_day"].sum(),
        "high_kwh_day": high.groupby("vehicle_class")["demand_kwh_day"].sum(),
    }
    names = pd.Index(study.config.demand.vehicle_classes, name="vehicle_class")
    classes = pd.DataFrame(columns, names, dtype=float).fillna({"demand_kwh_day": 0.0})
    load = demand.session_load(classes.reset_index(), study.sessions).set_index("vehicle_class")
    classes = classes.join(load[["sessions_day", "peak_hour_kw"]])
    hours = study.sessions.set_index("vehicle_class").loc[names, demand.HOURS].to_numpy(dtype=float)
    peak_kw = (classes["demand_kwh_day"].to_numpy() @ hours).max()
    classes.loc["all"] = classes.sum()
    # The classes peak in different hours, so their peaks are not summed.
    classes.loc["all", "peak_hour_kw"] = peak_kw
    for at, column in enumerate(("p05_kwh_day", "p50_kwh_day", "p95_kwh_day"), 4):
        classes.insert(at, column, drawn.set_index("vehicle_class")[column])
    swings = on_map = pd.DataFrame()
    if sensitivity:
        energy, depots, owned = study.zone_energy, study.depots, ownership_of(study.vehicles)
        one, weights = energy.assign(demand_kwh_day=1.0), study.surface_weights
        shares = demand.spread_demand(study.cells, one, study.surfaces, weights, None, owned)
        shares = shares.rename(columns={"demand_kwh_day": "share"})
        if study.zone_table is None:
            shares["zone_id"] = "all"
        else:
            zone = study.cells.set_index("cell_id")["zone_id"]
            shares["zone_id"] = zone.loc[shares["cell_id"]].to_numpy()
        if depots is not None:
            shares = _at_depots(shares, energy["zone_id"], depots)
        swings = demand.sensitivity(study.area, shares=shares)
        on_map = swings[["figure", "vehicle_class", "moved_cells_share", "source", "confidence"]]
        if study.surfaces is not None:
            if depots is not None:  # demand surfaces do not move demand at depots
                energy = energy[~energy["vehicle_class"].isin(depots["vehicle_class"])]
            pois = None if study.places is None else (study.places, study.poi_weights)
            where = demand.map_swings(study.cells, energy, study.surfaces, weights, pois, owned)
            on_map = pd.concat([on_map, where], ignore_index=True)
        on_map = on_map.sort_values("moved_cells_share", ascending=False, ignore_index=True)
    asked, fleet = study.config.demand, pd.DataFrame()
    if asked.fleet_csv is None:
        fleet = demand.fleet_check(fleet_scenario(asked, asked.scenario))
    return DemandRun(
        title=study.config.title,
        year=study.config.year,
        classes=classes.rename_axis("vehicle_class").reset_index(),
        fleet=fleet,
        total_swings=swings,
        map_swings=on_map,
        notes=tuple(study.demand_notes),
    )


def _at_depots(shares: pd.DataFrame, zones: pd.Series, depots: pd.DataFrame) -> pd.DataFrame:
    """Return the shares by cell, with each fleet of known depots placed at its depots."""
    parts = [shares[~shares["vehicle_class"].isin(depots["vehicle_class"])]]
    for name, class_depots in depots.groupby("vehicle_class", sort=False):
        share = demand.depot_shares(class_depots)
        at = class_depots[["cell_id"]].assign(vehicle_class=name, share=share)
        parts.append(at.merge(pd.DataFrame({"zone_id": zones.unique()}), how="cross"))
    return pd.concat(parts, ignore_index=True)


def _write(
    study: Study, demand_run: DemandRun, folder: Path, now: datetime, draws: int, seed: int
) -> None:
    config, asked = study.config, study.config.demand
    note = " ".join(filter(None, (config.note, export.credit_line(study.inputs))))
    # Some GIS programs do not sort layers, and draw the first layer on top.
    layers = {"roads": export.road_layer(study.network.edges)}
    if study.zones is not None:
        layers["zones"] = study.zones
    layers["outside"] = export.outside_layer(study.cells, study.demand, study.people_outside)
    layers["demand"] = export.wanted_layer(study.cells, study.demand, study.surfaces)
    styles = {name: export.styles_of(name, drawn) for name, drawn in layers.items()}
    for name, key in (("demand", "cell_id"), ("outside", None)):
        path = folder / f"{name}.geojson"
        export.write_geojson(layers[name], path, name=name, note=note, key=key)
        export.write_qml(path, styles[name])
    layers["dictionary"] = export.data_dictionary_of(export.fields_of(layers))
    export.write_geopackage(
        folder / "demand.gpkg",
        layers,
        descriptions={
            "demand": "Demand cells: public charging demand, kWh/day",
            "outside": "People and energy that the network does not reach, with the reason",
            "roads": "Drivable roads: length, speed and driving time",
            "zones": "Zones in which people are counted",
            "dictionary": "Meaning and unit of each field of each layer",
        },
        geometry_types={"outside": "Polygon"},
        styles=styles,
    )
    if find_spec("matplotlib") is not None:
        export.draw_demand(
            folder / "demand.png",
            edges=study.network.edges,
            cells=study.cells,
            demand=study.demand,
            title=f"{config.title}: public charging demand in {config.year}"
            + (" (projection)" if config.year > demand.PROJECTED_AFTER else ""),
            note=note,
        )
    else:
        study.tell("picture", 'none drawn, because a package is missing: pip install "siting[map]"')
    tables = {
        "demand": study.demand,
        "classes": demand_run.classes,
        "zone_energy": study.zone_energy,
        "figures": all_figures(asked, study.figures, study.city, study.vehicles, study.sessions),
        "hours": _hours(study.demand, study.sessions),
        "fleet_check": demand_run.fleet,
        "sensitivity_total": demand_run.total_swings,
        "sensitivity_map": demand_run.map_swings,
    }
    if asked.fleet_csv is None:
        scenario = fleet_scenario(asked, asked.scenario)
        fleet = demand.fleet_model(scenario, max(demand.PROJECTED_AFTER, config.year))
        tables["fleet"] = fleet.assign(projection=fleet["year"] > demand.PROJECTED_AFTER)
    tables = {name: table for name, table in tables.items() if len(table)}
    for name, table in tables.items():
        export.write_csv(table, folder / f"{name}.csv", note=note)
    # A table and a layer are named `demand`, and the dictionary lists the fields of both together.
    beside = {name: [*map(str, table.columns), "note"] for name, table in tables.items()}
    dictionary = export.data_dictionary_of(export.fields_of(layers, beside))
    export.write_csv(dictionary, folder / "dictionary.csv")
    (folder / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    export.write_json(
        {
            **head_of(config, now),
            "demand": study.demand_facts,
            "classes": demand_run.classes.to_dict("records"),
            "draws": draws,
            "seed": seed,
            "notes": list(demand_run.notes),
            "inputs": study.inputs,
            "seconds": dict(study.seconds),
        },
        folder / "demand.json",
    )


def _hours(wanted_by_row: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the mean load (kW) in each hour of the day, by vehicle class."""
    wanted = wanted_by_row.groupby("vehicle_class")["demand_kwh_day"].sum()
    hours = sessions.set_index("vehicle_class").loc[wanted.index, demand.HOURS]
    load = hours.mul(wanted, axis=0).T.reset_index(drop=True).add_suffix("_kw")
    load.insert(0, "all_kw", load.sum(axis=1))
    load.insert(0, "hour", range(24))
    return load
