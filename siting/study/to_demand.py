"""The stages from roads to demand, in order. `siting.study.to_plan` has the later stages."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import demand as people_to_energy
from siting import reference
from siting.config import Config, Demand
from siting.errors import InputError, naming, refuse
from siting.roads import Network
from siting.study.own_tables import own_demand
from siting.study.read_sources import People, outline, with_columns_of
from siting.study.stages import Context, Layer, Row, Table, stage
from siting.study.table_cache import content_sha256


def with_own(
    rows: Table, values: Mapping[str, float], item: str = "item", figure: str = "value"
) -> Table:
    """Return the rows of a table, with figures replaced by the `values` of the configuration."""
    given = rows[item].map(dict(values))
    kept = given.isna()
    ends = (figure, "low", "high")
    out = rows.astype(dict.fromkeys(ends, float))
    for end in ends:
        out[end] = out[end].where(kept, given)
    out["source"] = out["source"].where(kept, "set in the configuration")
    out["confidence"] = out["confidence"].where(kept, "ASSUMPTION")
    return out


# --- roads ---------------------------------------------------------------------------------------


@stage("demand: city like city_people")
def city(config: Config) -> Row:
    """The city's row of the city table, with population, power supply and speed group."""
    asked = config.demand
    if asked.like is None or asked.city_people is None:
        return people_to_energy.city_figures(asked.city)
    return people_to_energy.city_like(asked.like, asked.city, asked.city_people)


@stage()
def network_sha256(network: Network) -> str:
    """The SHA-256 of the road network's content."""
    return content_sha256(network)


# --- population and cells ------------------------------------------------------------------------


@stage()
def people(people_read: People) -> Layer:
    """Population by place (lon/lat), with a column ``zone_id`` if people are counted by zone."""
    return people_read.rows


@stage()
def people_outside(people_read: People) -> Layer:
    """The population outside the study area (lon/lat), which the study leaves out."""
    return people_read.outside


@stage()
def zones(people_read: People) -> Layer | None:
    """The zones in which people are counted (lon/lat); None if people are not counted by zone."""
    return people_read.zones


@stage("demand.surfaces.poi_weights_csv")
def poi_weights(config: Config) -> Table:
    """The relative number of vehicles that a place attracts, for each OSM tag."""
    asked = config.demand.surfaces
    return reference.table("poi_weights", asked.poi_weights_csv if asked else None)


@stage("demand.surfaces.road_weights_csv")
def road_weights(config: Config) -> Table:
    """How ready drivers are to stop and charge, as a weight (0 to 1) for each class of road."""
    asked = config.demand.surfaces
    return reference.table("road_weights", asked.road_weights_csv if asked else None)


@stage("demand.surfaces.places")
def unpeopled(
    config: Config, network: Network, places: Layer | None, poi_weights: Table
) -> Layer | None:
    """Places and points on main roads, which need cells too; None without demand surfaces."""
    if config.demand.surfaces is None:
        return None
    layers = [people_to_energy.road_points(network)]
    if places is not None:
        layers.append(people_to_energy.poi_points(places, poi_weights).to_crs(network.crs))
    points = pd.concat([layer[["geometry"]] for layer in layers], ignore_index=True)
    return gpd.GeoDataFrame(points, crs=network.crs)


@stage(
    "demand: cells people wealth",
    "reach.max_snap_m",
    told="cells",
    found=lambda c: (
        f"{len(c):,} cells with {c['people'].sum():,.0f} people; "
        f"{c['node_id'].notna().sum():,} cells are near a road"
    ),
    stored="cells",
)
def cells(config: Config, network: Network, people: Layer, unpeopled: Layer | None) -> Layer:
    """The demand cells (`siting.tables.CELLS`)."""
    shape, far_m = config.demand.cells, config.reach.max_snap_m
    source = config.demand.people
    if shape.shape == "square" and source.kind == "raster":
        made = people_to_energy.raster_to_cells(
            source.path, network, shape.size_m, far_m, outline(network, far_m),
            density=source.density, nodata=source.nodata, also=unpeopled,
        )  # fmt: skip
    else:
        wanted: dict[str, Any] = {"max_snap_m": far_m, "also": unpeopled}
        if shape.shape == "square":
            wanted |= {"size_m": shape.size_m}
        else:
            wanted |= {"shape": "h3", "h3_resolution": shape.resolution}
        made = with_columns_of(people, people_to_energy.make_cells(people, network, **wanted))
    if (wealth := config.demand.wealth) is None:
        return made
    figures = people_to_energy.relative_wealth(
        made, wealth.path, wealth.column, index=wealth.index, nodata=wealth.nodata
    )
    return made.assign(relative_wealth=figures)


@stage()
def zone_table(zones: Layer | None, cells: Layer) -> Table | None:
    """One row per zone, with its population and figures on housing; None without zones.

    Columns: ``zone_id``, ``name``, ``people`` and, if known, ``renting_share``,
    ``high_rise_share`` and ``ownership``.
    """
    if zones is None:
        return None
    counts = cells.groupby("zone_id", sort=False)["people"].sum()
    known = ["zone_id", "name", "renting_share", "high_rise_share", "ownership"]
    table = pd.DataFrame(zones[[c for c in known if c in zones.columns]])
    table = table[table["zone_id"].isin(counts.index)]
    table.insert(2, "people", counts.loc[table["zone_id"]].to_numpy())
    if "relative_wealth" in cells.columns and "ownership" not in table.columns:
        rich = (cells["people"] * cells["relative_wealth"]).groupby(cells["zone_id"]).sum()
        table["ownership"] = (rich / counts).loc[table["zone_id"]].to_numpy()
    return table.reset_index(drop=True)


@stage("demand.city_people")
def city_people(config: Config, city: Row) -> float:
    """The population of the whole city."""
    return config.demand.city_people or float(city["people_2023"])


@stage()
def area_share(cells: Layer, city_people: float) -> float:
    """The share of the city's population that lives in the study area, 0 to 1."""
    share = float(cells["people"].sum()) / city_people
    # The cells of a whole city may have more people than the table by a rounding error.
    return min(share, 1.0) if share < 1.0 + 1e-6 else share


# --- demand --------------------------------------------------------------------------------------


def fleet_scenario(asked: Demand, name: str) -> people_to_energy.FleetScenario:
    """Return a scenario of the fleet model, with the configuration's own figures."""
    own = asked.scenarios_csv, asked.fleet_figures, asked.sales_csv
    return people_to_energy.FleetScenario(name, *own)


@stage("year", "demand: vehicle_classes scenario fleet_csv fleet_figures scenarios_csv sales_csv")
def national_fleet(config: Config) -> Table:
    """The number of electric vehicles in the country in the target year, by class."""
    asked = config.demand
    scenario = fleet_scenario(asked, asked.scenario)
    national = people_to_energy.national_fleet(config.year, scenario, asked.fleet_csv)
    classes = list(asked.vehicle_classes)
    missing = [c for c in classes if c not in set(national["vehicle_class"])]
    has = f"it has: {', '.join(national['vehicle_class'])}"
    refuse(naming("demand.vehicle_classes", "not in the fleet table", missing, has))
    return national.set_index("vehicle_class").loc[classes].reset_index()


@stage("demand.figures", "demand.vehicles_csv")
def class_figures(config: Config) -> Table:
    """Use and energy per vehicle, by class, with the configuration's overrides applied."""
    own = {name: one.model_dump(exclude_none=True) for name, one in config.demand.figures.items()}
    return people_to_energy.vehicle_figures(config.demand.vehicles_csv, own)


@stage("demand.vehicle_classes", "demand.registrations_csv", "demand.fleet_share")
def registered_share(config: Config, city: Row) -> Table:
    """The city's share of the country's electric vehicles, by class."""
    asked = config.demand
    shares = people_to_energy.city_share(city, list(asked.vehicle_classes), asked.registrations_csv)
    return with_own(shares, asked.fleet_share or {}, "vehicle_class", "city_share")


@stage("demand.fleets", "reach.max_snap_m")
def depots(config: Config, class_figures: Table, cells: Layer) -> Table | None:
    """The depots of fleets, each with its cell and energy; None if no depot is listed."""
    if not config.demand.fleets:
        return None
    given = pd.DataFrame([depot.model_dump() for depot in config.demand.fleets])
    return people_to_energy.place_depots(given, class_figures, cells, config.reach.max_snap_m)


@stage()
def fleet_tables(
    national_fleet: Table, class_figures: Table, registered_share: Table, depots: Table | None
) -> tuple[Table, Table, Table]:
    """Three tables that include fleets known by depot: `fleet`, `vehicles` and `fleet_share`."""
    tables = (national_fleet, class_figures, registered_share)
    return tables if depots is None else people_to_energy.with_depots(*tables, depots)


@stage()
def fleet(fleet_tables: tuple[Table, Table, Table]) -> Table:
    """Electric vehicles by class, in the country or, for classes with depots, in the area."""
    return fleet_tables[0]


@stage()
def vehicles(fleet_tables: tuple[Table, Table, Table]) -> Table:
    """Use and energy per vehicle, by class, including fleets known by depot."""
    return fleet_tables[1]


@stage()
def fleet_share(fleet_tables: tuple[Table, Table, Table]) -> Table:
    """The city's share of the electric vehicles, by class."""
    return fleet_tables[2]


@stage("demand.housing")
def housing(config: Config) -> dict[str, float]:
    """The values that the configuration sets for the effects of housing on home charging."""
    return config.demand.housing.model_dump(exclude_none=True)


@stage(stored="demand")
def energy(fleet: Table, vehicles: Table, fleet_share: Table, area_share: float) -> Table:
    """The area's public charging energy by class, with every factor, source and confidence mark.

    The figures are central values. They do not include the effect of housing in zones.
    """
    return people_to_energy.city_energy(fleet, vehicles, fleet_share, area_share)


@stage()
def area(
    fleet: Table,
    vehicles: Table,
    fleet_share: Table,
    zone_table: Table | None,
    area_share: float,
    housing: dict[str, float],
) -> people_to_energy.Area:
    """The vehicles of the study area, their use, and the zones of the area."""
    return people_to_energy.Area(fleet, vehicles, fleet_share, zone_table, area_share, housing)


@stage("demand.case")
def zone_energy(config: Config, area: people_to_energy.Area, depots: Table | None) -> Table:
    """Public charging energy by zone and class in the configuration's case (kWh/day)."""
    case = config.demand.case
    if case == "central":
        by_zone = people_to_energy.zone_energy(area)
    else:
        factors = people_to_energy.energy_factors(area, case)
        by_zone = factors[["zone_id", "vehicle_class", "demand_kwh_day"]]
    return by_zone if depots is None else people_to_energy.zones_by_depot(by_zone, depots)


@stage("demand.profiles_csv")
def sessions(config: Config) -> Table:
    """The mean public session and the share of energy in each hour of the day, by vehicle class."""
    return people_to_energy.session_figures(config.demand.profiles_csv)


@stage("demand.surfaces.weights", "demand.vehicle_classes")
def surface_weights(config: Config) -> Table:
    """For each vehicle class, the shares of energy placed by homes, destinations and traffic."""
    asked = config.demand.surfaces
    given = {name: one.model_dump() for name, one in asked.weights.items()} if asked else {}
    weights = people_to_energy.surface_weights(given)
    known = weights["vehicle_class"].isin(list(config.demand.vehicle_classes))
    return weights[known].reset_index(drop=True)


@stage(
    "demand.surfaces: trips trip_min seed",
    told="surfaces",
    found=lambda s: (
        f"energy is placed by {'population' if s is None else 'homes, destinations and traffic'}"
    ),
    stored="surfaces",
)
def surfaces(
    config: Config,
    context: Context,
    network: Network,
    network_sha256: str,
    cells: Layer,
    places: Layer | None,
    poi_weights: Table,
    road_weights: Table,
) -> Table | None:
    """Each cell's share of all homes, destinations and traffic; None without demand surfaces."""
    asked = config.demand.surfaces
    if asked is None:
        return None
    tables = (places, poi_weights, road_weights)
    trips = dict[str, Any](trips=asked.trips, trip_min=asked.trip_min, seed=asked.seed)
    return context.kept(
        (network_sha256, cells, *tables, trips),
        lambda: people_to_energy.surfaces(cells, network, *tables, **trips),
    )


@stage(
    "demand: table vehicle_classes",
    "reach.max_snap_m",
    told="demand",
    found=lambda d: f"{len(d):,} rows, {d['demand_kwh_day'].sum():,.0f} kWh/day of public charging",
    stored="demand",
)
def demand(
    config: Config,
    cells: Layer,
    surfaces: Table | None,
    zone_energy: Table,
    surface_weights: Table,
    depots: Table | None,
    vehicles: Table,
) -> Table:
    """The demand (`siting.tables.DEMAND`)."""
    if (table := config.demand.table) is not None:
        return own_demand(table, cells, config.demand.vehicle_classes, config.reach.max_snap_m)
    return people_to_energy.spread_demand(
        cells, zone_energy, surfaces, surface_weights, depots, ownership_of(vehicles)
    )


def ownership_of(vehicles: Table) -> dict[str, float]:
    """Return the weight of vehicle ownership (0 if only population counts), by vehicle class."""
    rows = vehicles.set_index("vehicle_class").reindex(columns=["ownership_weight"])
    weights = rows["ownership_weight"].astype(float).fillna(0.0)
    return {str(name): float(weight) for name, weight in weights.items()}


# --- the factors of a cell's demand, so that a figure can be traced -------------------------------


@stage(stored="surfaces")
def cell_places(cells: Layer, places: Layer | None, poi_weights: Table) -> Table | None:
    """The places that attract vehicles to each cell, each with a weight; None without places."""
    return None if places is None else people_to_energy.cell_places(cells, places, poi_weights)


@stage("year", "demand: scenario case", "program: years scenarios", stored="factors")
def energy_factors(config: Config, study: Any, area: people_to_energy.Area) -> Table:
    """The factors that give the energy by zone and class, for each year, scenario and case.

    Columns: ``year``, ``fleet`` (the scenario), ``case``, and the columns of
    `siting.demand.energy_factors`.
    """
    demand, program = config.demand, config.program
    usual = (config.year, demand.scenario, demand.case)
    years = [config.year] if program.years is None else list(program.years.budgets_pkr)
    futures = [] if program.scenarios is None else list(program.scenarios.of.values())
    wanted = [usual, *((year, *usual[1:]) for year in years)]
    wanted += [(y, f.fleet or usual[1], f.case or usual[2]) for y in years for f in futures]
    rows = []
    for year, scenario, case in dict.fromkeys(wanted):
        its_area = area
        if (year, scenario) != usual[:2]:
            its_area = replace(area, fleet=study.in_other(year=year, scenario=scenario).fleet)
        factors = people_to_energy.energy_factors(its_area, case)
        rows.append(factors.assign(year=year, fleet=scenario, case=case))
    table = pd.concat(rows, ignore_index=True)
    keys = ["year", "fleet", "case"]
    return table[[*keys, *table.columns.drop(keys)]]


@stage("demand: fleet_csv scenarios_csv table")
def fleet_paces(config: Config, study: Any, fleet: Table) -> Table | None:
    """The number of vehicles in each scenario, relative to the number in the plan, by class.

    See `siting.demand.fleet_paces`. None if the user supplies the fleet or the demand, or if fewer
    than two scenarios are known.
    """
    asked, others = config.demand, dict[str, Table]()
    if asked.table is not None or asked.fleet_csv is not None:
        return None
    there = people_to_energy.scenario_names(asked.scenarios_csv)
    for name in (name for name in people_to_energy.PACES if name in there):
        with suppress(InputError):  # a scenario may end before the year of the plan
            others[name] = study.in_other(scenario=name).fleet
    return people_to_energy.fleet_paces(fleet, others)
