"""Sites: where a station could stand, and what could be built there."""

from siting.sites.catalogue import (
    charger_catalogue,
    compatibility,
    fee_figures,
    grid_figures,
)
from siting.sites.configurations import Subsidy, configuration_table
from siting.sites.destinations import read_destinations
from siting.sites.existing import existing_stations
from siting.sites.merge import OUTSIDE, merge_candidates
from siting.sites.offers import make_offers
from siting.sites.places import (
    candidates_from_features,
    candidates_from_layer,
    candidates_from_pois,
)
from siting.sites.streets import candidates_from_streets

__all__ = [
    "OUTSIDE",
    "Subsidy",
    "candidates_from_features",
    "candidates_from_layer",
    "candidates_from_pois",
    "candidates_from_streets",
    "charger_catalogue",
    "compatibility",
    "configuration_table",
    "existing_stations",
    "fee_figures",
    "grid_figures",
    "make_offers",
    "merge_candidates",
    "read_destinations",
]
