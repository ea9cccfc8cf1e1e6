"""Demand: the population of cells, and the charging energy of vehicles, divided among cells."""

from siting.demand.cells import make_cells
from siting.demand.depots import depot_shares, place_depots, with_depots, zones_by_depot
from siting.demand.energy import Area, city_energy, demand_figures, zone_energy
from siting.demand.fleet import fleet_check, national_fleet
from siting.demand.housing import EFFECTS, housing_effects
from siting.demand.people import people_on_streets, read_people
from siting.demand.profiles import HOURS, session_figures, session_load
from siting.demand.rasters import raster_to_cells, read_raster
from siting.demand.sales import fleet_figures, fleet_model, stock_of_figures
from siting.demand.scenarios import DEFAULT_SCENARIO, PROJECTED_AFTER, FleetScenario, scenario_names
from siting.demand.shares import city_figures, city_like, city_share, national_stations
from siting.demand.spread import map_swings, spread_demand, surface_weights
from siting.demand.surfaces import (
    cell_places,
    destination_shares,
    poi_points,
    road_points,
    surfaces,
    traffic,
)
from siting.demand.uncertainty import (
    FACTORS,
    PACES,
    draw_energy,
    energy_factors,
    energy_quantiles,
    fleet_paces,
    sensitivity,
)
from siting.demand.vehicles import vehicle_figures
from siting.demand.wealth import relative_wealth
from siting.demand.zones import clip_zones, read_zones, spread_zones

__all__ = [
    "DEFAULT_SCENARIO", "EFFECTS", "FACTORS", "HOURS", "PACES", "PROJECTED_AFTER", "Area",
    "FleetScenario", "cell_places", "city_energy", "city_figures", "city_like", "city_share",
    "clip_zones", "demand_figures", "depot_shares", "destination_shares", "draw_energy",
    "energy_factors", "energy_quantiles", "fleet_check", "fleet_figures", "fleet_model",
    "fleet_paces", "housing_effects", "make_cells", "map_swings", "national_fleet",
    "national_stations", "people_on_streets", "place_depots", "poi_points", "raster_to_cells",
    "read_people", "read_raster", "read_zones", "relative_wealth", "road_points", "scenario_names",
    "sensitivity", "session_figures", "session_load", "spread_demand", "spread_zones",
    "stock_of_figures", "surface_weights", "surfaces", "traffic", "vehicle_figures", "with_depots",
    "zone_energy", "zones_by_depot",
]  # fmt: skip
