"""What a plan rests on: its inputs with their hashes, and every figure with its source."""

from __future__ import annotations

from typing import Any

import pandas as pd

from siting import demand as people_to_energy
from siting import reference
from siting.config import Config, input_files
from siting.demand.surfaces import SURFACES
from siting.files import file_date, sha256
from siting.reference.listing import CONFIG, MONEY, STATIONS, listed, placed
from siting.study.figures_listed import all_figures, file_of, money_figures, station_figures
from siting.study.stages import EVERY_KEY, Layer, Row, Table, stage
from siting.study.table_cache import content_sha256

FIGURES = ["figure", "vehicle_class", "value", "low", "high", "unit", "source", "confidence"]
# What the settings of the configuration are used for, in the list of figures.
SETTINGS = "settings"
_STATED = "configuration; no published figure"
# Settings that a table has a range of: the table, and its item.
_RANGED = {
    "headroom_kw": ("grid", "headroom"),
    "subsidy.charger_share": ("money", "subsidy_charger_share"),
    "subsidy.grid_share": ("money", "subsidy_grid_share"),
}


@stage()
def known_inputs() -> dict[str, dict[str, Any]]:
    """Records of inputs whose tables are taken from a run folder, by key; see `inputs`."""
    return {}


def sections_of_inputs(config: Config) -> dict[str, Any]:
    """Return the sections of a configuration that name an input with source and licence, by key."""
    about: dict[str, Any] = {
        "roads.source": config.roads.source,
        "demand.people": config.demand.people,
    }
    if config.demand.wealth is not None:
        about["demand.wealth"] = config.demand.wealth
    surfaces = config.demand.surfaces
    if surfaces is not None and surfaces.places is not None:
        about["demand.surfaces.places"] = surfaces.places
    if config.candidates.existing is not None:
        about["candidates.existing"] = config.candidates.existing
    for i, source in enumerate(config.candidates.sources):
        about[f"candidates.sources.{i}"] = source
    for i, area in enumerate(config.candidates.exclude):
        about[f"candidates.exclude.{i}"] = area
    return about


@stage(*EVERY_KEY)
def inputs(config: Config, known_inputs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One record an input: key, file with its date and SHA-256, source and licence."""
    by_key = {
        key: dict(known_inputs.get(key, record)) for key, record in input_records(config).items()
    }
    records = list(by_key.values())
    for key, path in input_files(config).items():
        section_key = key.rpartition(".")[0]
        if key in known_inputs or section_key in known_inputs:
            continue
        owner = by_key.get(section_key)
        if owner is None or "file" in owner:
            owner = {"key": key, "kind": "table", "source": "given by the user", "licence": ""}
            records.append(owner)
        owner |= {"file": path.name, "file_date": file_date(path), "sha256": sha256(path)}
    said = {record["key"] for record in records}
    return records + [dict(known) for key, known in known_inputs.items() if key not in said]


def input_records(config: Config) -> dict[str, dict[str, Any]]:
    """Return what each section of a configuration that names an input says of it, by key."""
    about = sections_of_inputs(config)
    records = {key: input_record(key, section) for key, section in about.items()}
    streets = records["roads.source"]
    for key, record in records.items():
        # Places along the streets are the owner's of the streets.
        if key.startswith("candidates") and record["kind"] == "streets":
            record |= {name: streets[name] for name in ("source", "licence")}
    return records


def input_record(key: str, section: Any) -> dict[str, Any]:
    """Return what a section says of its input: kind, source and licence."""
    record: dict[str, Any] = {"key": key, "kind": getattr(section, "kind", "layer")}
    record |= {n: getattr(section, n) for n in ("query", "basis") if hasattr(section, n)}
    source, named = (getattr(section, key, "") for key in ("source", "attribution"))
    parts = [named if source in named else source, named]
    record["source"] = ", ".join(dict.fromkeys(filter(None, parts))) or "not stated"
    record["licence"] = getattr(section, "licence", "") or "not stated"
    return record


@stage()
def contents(
    network_sha256: str, cells: Layer, demand: Table, candidates: Layer, offers: Table, reach: Table
) -> dict[str, str]:
    """The SHA-256 of each stage's table, by which a run can be compared with another.

    Downloads have no file to compare: the roads and candidates made from them are here.
    """
    tables = {
        "cells": cells,
        "demand": demand,
        "candidates": candidates,
        "offers": offers,
        "reach": reach,
    }
    hashes = {name: content_sha256(table) for name, table in tables.items()}
    return {"roads": network_sha256, **hashes}


@stage("demand: fleet_csv scenario case city table")
def demand_facts(
    config: Config, cells: Layer, area_share: float, surfaces: Table | None, demand: Table
) -> dict[str, Any]:
    """What the demand rests on, and its energy by class (kWh/day)."""
    asked = config.demand
    fleet_csv = asked.fleet_csv
    where = "people" if surfaces is None else "home, destination, en route"
    if asked.table is not None:
        where = f"table {asked.table.name}"
    return {
        "fleet": f"table {fleet_csv.name}" if fleet_csv else f"scenario {asked.scenario}",
        "case": asked.case,
        "city": asked.city,
        "people": float(cells["people"].sum()),
        "area_share": area_share,
        "where": where,
        "kwh_day": demand.groupby("vehicle_class")["demand_kwh_day"].sum().to_dict(),
        "national": people_to_energy.national_stations(float(cells["people"].sum())),
    }


@stage("reach.max_snap_m", "demand.case", "year", "demand: scenario fleet_csv table")
def demand_notes(
    config: Config,
    people_notes: tuple[str, ...],
    people_outside: Layer,
    cells: Layer,
    surfaces: Table | None,
    demand: Table,
    depots: Table | None,
    national_fleet: Table,
    registered_share: Table,
    area_share: float,
) -> list[str]:
    """What a reader must know of the demand before using it, in plain words."""
    far_m, case = config.reach.max_snap_m, config.demand.case
    lines = list(people_notes)
    left_out = float(people_outside["people"].sum())
    if left_out > 0:
        lines.append(
            f"{left_out:,.0f} people of the layer live outside the outline of the roads and "
            "are not part of the study"
        )
    far = cells["node_id"].isna()
    if far.any():
        there = demand["cell_id"].isin(cells.loc[far, "cell_id"])
        kwh = demand.loc[there, "demand_kwh_day"].sum()
        lines.append(
            f"{cells.loc[far, 'people'].sum():,.0f} of {cells['people'].sum():,.0f} "
            f"people live further than {far_m:g} m from a road of the "
            f"network: their demand ({kwh:,.0f} kWh/day) counts as wanted but cannot be served"
        )
    if config.demand.table is not None:
        return [
            *lines,
            f"the demand is a table of your own, {config.demand.table.name}: fleet, ranges and "
            "factors are those of the model and were not used for it",
        ]
    if surfaces is None:
        lines.append("all energy is taken to be wanted where people live (no demand.surfaces)")
    else:
        lines += surfaces.attrs["notes"]
    lines += demand.attrs["notes"]
    if depots is not None:
        modelled = (
            national_fleet.set_index("vehicle_class")["vehicles"]
            * registered_share.set_index("vehicle_class")["city_share"]
            * area_share
        )
        for name, class_depots in depots.groupby("vehicle_class", sort=False):
            lines.append(
                f"{name}: {class_depots['vehicles'].sum():,.0f} vehicles known by depot "
                f"({', '.join(class_depots['depot'])}) stand in place of the {modelled[name]:,.0f} "
                f"that the fleet model gives the area; what they charge in public "
                f"({class_depots['demand_kwh_day'].sum():,.0f} kWh/day) is wanted at the depots"
            )
    if config.year > people_to_energy.PROJECTED_AFTER:
        by = "the fleet table" if config.demand.fleet_csv else f"scenario {config.demand.scenario}"
        lines.append(
            f"{config.year} is a projection, no forecast: no target by class reaches beyond "
            f"{people_to_energy.PROJECTED_AFTER}, and {by} carries today's growth of sales on"
        )
    if case != "central":
        lines.append(
            f"case {case}: every figure of the demand stands at the end of "
            "its range at once, a bound and no likely outcome"
        )
    return lines


@stage("demand.surfaces.weights")
def figures(
    config: Config,
    area: people_to_energy.Area,
    cells: Layer,
    city_people: float,
    surface_weights: Table,
) -> Table:
    """The figures that give the energy and divide it, with range, source and confidence.

    Those of the fleet model behind the number of vehicles are in `all_figures`.
    """
    energy_figures = people_to_energy.demand_figures(
        area,
        f"{cells['people'].sum():,.0f} people of the study area over "
        f"{city_people:,.0f} of the city",
    )
    if config.demand.surfaces is None:
        return energy_figures
    shares = [
        surface_weights.assign(
            figure=surface,
            value=surface_weights[surface],
            low=surface_weights[f"{surface}_low"],
            high=surface_weights[f"{surface}_high"],
        )
        for surface in SURFACES
    ]
    return pd.concat([energy_figures, *(part[FIGURES] for part in shares)], ignore_index=True)


@stage(
    "offers: configurations sizes chargers_csv grid_csv upgrade costs service",
    "money",
    "program.limits",
    "roads: speeds speeds_csv",
    "demand",
    "program.scenarios",
)
def sourced_figures(
    config: Config, city: Row, figures: Table, vehicles: Table, sessions: Table
) -> Table:
    """Every figure of `assumptions` that a table gives."""
    group = config.roads.speeds or str(city["speed_group"])
    speeds = reference.table("speeds", config.roads.speeds_csv)
    speeds = speeds[speeds["city_group"].astype(str) == group]
    futures = config.program.scenarios
    fleets = [f.fleet for f in futures.of.values() if f.fleet] if futures else []
    parts = [
        all_figures(config.demand, figures, city, vehicles, sessions, fleets),
        listed("speeds", speeds, file_of("speeds", config.roads.speeds_csv)),
        *station_figures(config),
        *money_figures(config),
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


@stage(
    "program.budget_pkr",
    "reach: cutoff_min access_kmh",
    "offers: headroom_kw utilisation service subsidy availability",
)
def settings(config: Config, city: Row, availability: float) -> Table:
    """The planning settings of the configuration as figures, marked for what they are."""
    offers, subsidy = config.offers, config.offers.subsidy
    feeders = "configuration; feeder loads not public"
    rule, power = "configuration; rule not found", "configuration"
    if offers.availability is None:
        power = f"{city['disco']}: {city['availability_source']}"
    standard: list[tuple[str, float, str, str]] = [
        ("utilisation", offers.utilisation, "share", _STATED)
    ]
    if offers.service.rule == "waiting":
        standard = [
            ("service.wait_min", offers.service.wait_min, "min", _STATED),
            ("service.alpha", offers.service.alpha, "share", _STATED),
        ]
    rows = [
        ("budget_pkr", config.program.budget_pkr, "PKR", "configuration"),
        ("cutoff_min", config.reach.cutoff_min, "min", _STATED),
        ("access_kmh", config.reach.access_kmh, "km/h", _STATED),
        ("headroom_kw", offers.headroom_kw, "kW", feeders),
        *standard,
        ("subsidy.charger_share", subsidy.charger_share, "share", rule),
        ("subsidy.grid_share", subsidy.grid_share, "share", rule),
        ("subsidy.fee_share", subsidy.fee_share, "share", rule),
        ("availability", availability, "share", power),
    ]
    frame = pd.DataFrame(rows, columns=["figure", "value", "unit", "source"])
    # A range that a table has holds for the value set, widened to it.
    ends = {}
    for figure, (table, item) in _RANGED.items():
        known = reference.table(table).set_index("item")
        ends[figure] = (float(known["low"][item]), float(known["high"][item]))
    if offers.availability is None:
        ends["availability"] = (city["availability_low"], city["availability_high"])
    pairs = zip(frame["figure"], frame["value"], strict=True)
    spans = [(value, *ends.get(figure, ())) for figure, value in pairs]
    frame = frame.assign(low=[min(span) for span in spans], high=[max(span) for span in spans])
    return frame.assign(of="", confidence="ASSUMPTION")


@stage()
def assumptions(sourced_figures: Table, settings: Table) -> Table:
    """Every figure behind the plan with its source and confidence mark, one row each.

    ``figure``, ``of`` (vehicle class, charger …), ``value``, ``low``, ``high``, ``unit``,
    ``source``, ``confidence``, ``table`` (the file it stands in) and ``used_for``; the settings of
    the configuration stand before the stations and their money.
    """
    rows = placed(settings, CONFIG, SETTINGS)
    # The one setting that a table gives where the configuration does not.
    by_city = (rows["figure"] == "availability") & ~rows["source"].str.startswith("configuration")
    rows["table"] = rows["table"].mask(by_city, "cities.csv")
    late = sourced_figures["used_for"].isin([STATIONS, MONEY])
    parts = [sourced_figures[~late], rows, sourced_figures[late]]
    return pd.concat(parts, ignore_index=True)
