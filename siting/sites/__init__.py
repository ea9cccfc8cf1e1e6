"""Candidate sites, and the stations that could be built there."""

from siting.sites.catalogue import (
    bay_figures,
    charger_catalogue,
    charging_limits,
    compatibility,
    fee_figures,
    grid_figures,
    parking_rule,
    time_utilisation,
)
from siting.sites.costs import (
    WORKS,
    Hurdle,
    SiteCosts,
    Subsidy,
    site_costs,
    subsidy_pkr,
    with_dearer,
)
from siting.sites.existing import existing_stations
from siting.sites.grid import assign_feeders, nearest_line_km
from siting.sites.merge import EXCLUDED, OUTSIDE, merge_candidates
from siting.sites.offer_table import make_offers
from siting.sites.places import (
    OWN,
    OWN_ID,
    SMALL,
    NoPlaceError,
    candidates_from_layer,
    candidates_from_parcels,
    candidates_from_pois,
    candidates_from_streets,
    excluded_areas,
    read_destinations,
)
from siting.sites.sizes import shown_offers, with_sizes
from siting.sites.standards import ServiceStandard, group_mix
from siting.sites.waiting import erlang_c, largest_arrivals_per_h
from siting.sites.whereabouts import with_whereabouts

__all__ = [
    "EXCLUDED", "OUTSIDE", "OWN", "OWN_ID", "SMALL", "WORKS", "Hurdle", "NoPlaceError",
    "ServiceStandard", "SiteCosts", "Subsidy", "assign_feeders", "bay_figures",
    "candidates_from_layer", "candidates_from_parcels", "candidates_from_pois",
    "candidates_from_streets", "charger_catalogue", "charging_limits", "compatibility", "erlang_c",
    "excluded_areas", "existing_stations", "fee_figures", "grid_figures", "group_mix",
    "largest_arrivals_per_h", "make_offers", "merge_candidates", "nearest_line_km", "parking_rule",
    "read_destinations", "shown_offers", "site_costs", "subsidy_pkr", "time_utilisation",
    "with_dearer", "with_sizes", "with_whereabouts",
]  # fmt: skip
