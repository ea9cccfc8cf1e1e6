"""Lots for a tender: connected, of similar value, with a search area for each station."""

from siting.lots.annex import Lots
from siting.lots.lots import ground_of, lots_to_folder, part_into_lots
from siting.lots.parting import least_spread, need, part, spread
from siting.lots.search_areas import with_areas

__all__ = ["Lots", "ground_of", "least_spread", "lots_to_folder", "need", "part", "part_into_lots",
           "spread", "with_areas"]  # fmt: skip
