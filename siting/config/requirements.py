"""The section ``program.limits``: requirements on a plan beside the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from siting.config.fields import (
    Kilometres,
    Kilowatts,
    Metres,
    PolygonFile,
    PositiveShare,
    Refusal,
    Rupees,
    Section,
    TableName,
    Text,
    refuse,
)

# Each set of envelopes with reserved money is a row of the program.
MOST_KEPT = 6


class Envelope(Section):
    """Public money reserved for some chargers."""

    budget_pkr: Rupees = Field(ge=0)
    """money in the envelope, PKR"""
    charger_groups: Annotated[tuple[TableName, ...], Field(strict=False)] = Field(min_length=1)
    """groups of the charger catalogue that draw on it (lev, ac, dc, swap_2w …), each its share of
    an offer's subsidy by the chargers' cost"""

    rule: Literal["ceiling", "kept", "both"] = "ceiling"
    """ceiling: they draw no more; kept: nothing else draws on it, and they may draw on the rest as
    well; both: they draw on it alone, and nothing else does"""


class AreaEnvelopes(Section):
    """Public money reserved for areas: provinces, districts, union councils."""

    path: PolygonFile
    """layer file with one polygon an area"""
    name_column: Text = "name"
    """column with the area's name"""
    budgets_pkr: Mapping[Text, Rupees] = Field(min_length=1)
    """money in each area's envelope, PKR"""


Sites = Annotated[tuple[Text, ...], Field(strict=False)]


class AtLeast(Section):
    """A least number of stations at some sites."""

    sites: Sites = Field(min_length=1)
    """sites in question, by id or name"""
    stations: int = Field(1, ge=1, le=1_000_000)
    """least number of stations among them"""


class Density(Section):
    """A station in every square of the map, old or new."""

    square_km: Kilometres = Field(gt=0, le=1000)
    """edge of a square where a candidate stands, km: 3 in Pakistan's NEVP of 2019 and India's
    guidelines of 2022, 1 in towns by 2030 in India's of 2024"""


class Corridors(Section):
    """A station along every stretch of some roads, old or new."""

    every_km: Kilometres = Field(gt=0, le=1000)
    """longest stretch, km; each has a station"""
    roads: Sites = ()
    """names of roads, as on the map"""
    path: PolygonFile | None = None
    """layer file with one line a road, in place of names or in addition"""
    name_column: Text = "name"
    """column of the layer with the road's name"""
    within_km: Kilometres = Field(1.0, gt=0, le=100)
    """largest distance of a station from the road, km; ASSUMPTION"""

    @model_validator(mode="after")
    def _some_road(self) -> Corridors:
        if not self.roads and self.path is None:
            refuse([(("roads",), "no road is named", "name roads, or give path, a layer of lines")])
        return self


class Mandate(Section):
    """A share of each owner's places that must have a station, old or new."""

    column: Text
    """column of the candidate layers with the owner: brand, operator"""
    share: PositiveShare
    """share of each owner's places, rounded up"""
    by: Text | None = None
    """column with the area of each share, such as province; default: one area"""
    pooled: bool = False
    """whether owners may trade: one share of all their places"""
    money: Literal["public", "owner"] = "public"
    """public: as any station; owner: built by the owner, without public money"""


class Limits(Section):
    """The requirements on a plan beside the budget."""

    most_new_stations: int | None = Field(None, ge=0, le=1_000_000)
    """most new stations; default: any number"""
    spacing_m: Metres | None = Field(None, gt=0, le=100_000)
    """least distance between new stations, and to old ones"""
    spacing_kinds: Sites = ()
    """kinds of site the spacing is for; default: all"""
    required_sites: Sites = ()
    """sites that must get a station: id or name"""
    forbidden_sites: Sites = ()
    """sites that must get none: id or name"""
    envelopes: Mapping[TableName, Envelope] = Field({})
    """money reserved for groups of chargers, within the budget"""
    areas: AreaEnvelopes | None = None
    """money reserved for areas, within the budget; default: none"""
    at_least: Mapping[TableName, AtLeast] = Field({})
    """least numbers of stations among some sites, by a name of yours"""

    mandates: Mapping[TableName, Mandate] = Field({})
    """shares of owners' places that must have a station, by a name of yours"""
    split: Mapping[TableName, PositiveShare] = Field({})
    """share of the budget by charger group, e.g. {lev: 0.3, dc: 0.5}: a ceiling, and kept for it;
    groups not named share the rest"""
    split_like: Literal["none", "pm_e_drive"] = "none"
    """a packaged split (splits.csv); pm_e_drive: India's of 2025, 29 % for light vehicles, 71 % for
    cars, buses and trucks"""
    density: Density | None = None
    """a station in every square where a candidate stands; default: no rule"""
    corridors: Corridors | None = None
    """a station along every stretch of some roads; default: no rule"""
    least_kw_per_ev: Kilowatts | None = Field(None, gt=0, le=1000)
    """charging power for each electric vehicle of ev_classes in the area, old stations included, kW
    at least; 1.3 in the EU's AFIR; default: only reported"""
    ev_classes: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = ("car",)
    """vehicle classes that the power for each electric vehicle is for"""

    @model_validator(mode="after")
    def _not_both(self) -> Limits:
        both = [name for name in self.required_sites if name in self.forbidden_sites]
        refuse((("required_sites",), f"{name!r} is among forbidden_sites too", "") for name in both)
        areas = self.areas.budgets_pkr if self.areas is not None else {}
        refuse(self._money_twice())
        refuse(
            (("at_least" if name in self.at_least else "areas",), f"{name!r} is used twice", "")
            for name in sorted({*self.envelopes} & {*areas} | {*self.at_least} & {*self.envelopes})
        )
        refuse(
            (
                ("at_least", name, "stations"),
                f"{rule.stations} of {len(set(rule.sites))} sites",
                "require at most their number",
            )
            for name, rule in self.at_least.items()
            if rule.stations > len(set(rule.sites))
        )
        return self

    def _money_twice(self) -> list[Refusal]:
        """Return the faults of the reserved money."""
        refusals: list[Refusal] = []
        if self.split and self.split_like != "none":
            what = "is a split of the budget beside limits.split"
            refusals.append((("split_like",), what, "leave one out"))
        whole = sum(self.split.values())
        if whole > 1 + 1e-9:
            what = f"the shares add up to {whole:g}, more than the budget"
            refusals.append((("split",), what, "let them add up to 1 or less"))
        kept = {name: one for name, one in self.envelopes.items() if one.rule != "ceiling"}
        if kept and (self.split or self.split_like != "none"):
            what = "keeps money beside a split, which keeps the whole budget"
            fix = "leave the split out, or let the envelope be a ceiling"
            refusals += [(("envelopes", name, "rule"), what, fix) for name in kept]
        groups = [group for one in kept.values() for group in set(one.charger_groups)]
        twice = sorted({group for group in groups if groups.count(group) > 1})
        if twice:
            what = f"money is kept for {', '.join(twice)} in more than one envelope"
            refusals.append((("envelopes",), what, "name each charger group in one of them"))
        if len(kept) > MOST_KEPT:
            what = f"money is kept in {len(kept)} envelopes, at most {MOST_KEPT} can"
            refusals.append((("envelopes",), what, "put some together"))
        return refusals
