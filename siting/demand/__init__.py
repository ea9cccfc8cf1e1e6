"""Demand: people into cells, vehicles into energy, energy onto the cells."""

from siting.demand.cells import make_cells
from siting.demand.energy import (
    city_energy,
    city_figures,
    city_share,
    demand_figures,
    vehicle_figures,
)
from siting.demand.fleet import national_fleet
from siting.demand.people import people_on_streets, read_people
from siting.demand.spread import spread_demand

__all__ = [
    "city_energy",
    "city_figures",
    "city_share",
    "demand_figures",
    "make_cells",
    "national_fleet",
    "people_on_streets",
    "read_people",
    "spread_demand",
    "vehicle_figures",
]
