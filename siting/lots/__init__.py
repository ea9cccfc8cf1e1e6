"""Lots for a tender: connected, of similar value, with a search area for each station."""

from siting.lots.annex import Lots
from siting.lots.lots import lots_to_folder, part_into_lots

__all__ = ["Lots", "lots_to_folder", "part_into_lots"]
