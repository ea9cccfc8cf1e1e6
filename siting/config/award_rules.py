"""The section ``award``: the rules of `siting award` for bidders."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from siting.config.fields import PositiveShare, Rupees, Section, TableName, Text, refuse
from siting.config.offers import RupeesKw


class Cap(Section):
    """A limit on winning bids with the same value in a column: a bidder's, a province's."""

    column: Text
    """column of the bids: bidder, or one of the user's own such as province; zone is the zone of
    program.zones where the bids have no such column"""
    value: Text | None = None
    """value under the limit; default: each value"""
    stations: int | None = Field(None, ge=0, le=1_000_000)
    """stations at most"""
    pkr: Rupees | None = Field(None, ge=0, le=1e14)
    """public money at most, PKR"""
    budget_share: PositiveShare | None = None
    """public money at most, as a share of all there is"""

    @model_validator(mode="after")
    def _something(self) -> Cap:
        if self.stations is None and self.pkr is None and self.budget_share is None:
            refuse([((), "sets no limit", "give stations, pkr or budget_share")])
        return self


class Award(Section):
    """The rules of `siting award` for bidders."""

    caps: Mapping[TableName, Cap] = Field({})
    """the most that a bidder, a province, a zone may win, by a name of yours"""
    reserve_share: PositiveShare = 1.0
    """reserve price of a bid: the most it may ask, as a share of its cost"""
    reserve_pkr_kw: RupeesKw | None = Field(None, ge=0, le=1e9)
    """the same, PKR for each kW; default: no such price"""
