"""Divide a plan into connected lots of similar value, and give each station a search area."""

from siting.lots.annex import Lots
from siting.lots.lots import lots_to_folder, part_into_lots

__all__ = ["Lots", "lots_to_folder", "part_into_lots"]
