"""The sections of a configuration: every key with its unit, limits, default and meaning.

The JSON schema, the reference page and the error messages are generated from the sections.
Defaults marked ASSUMPTION have no source; replace them where you can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from siting.config.demand import Demand
from siting.config.fields import (
    Address,
    CsvFile,
    Folder,
    LayerFile,
    PositiveShare,
    Refusal,
    RunName,
    Section,
    SweepKey,
    SweepValues,
    TableName,
    Text,
)
from siting.config.offers import Money, Offers
from siting.config.program import Program
from siting.config.refusals import clashes
from siting.config.sources import ExcludedArea, Licence, RoadSource, SiteSource, Source
from siting.errors import did_you_mean


class Roads(Section):
    """The road network and its speeds."""

    source: RoadSource = Field(discriminator="kind")
    """source of the roads"""
    speeds: Literal["karachi_lahore", "islamabad_rawalpindi", "other"] | None = None
    """city group whose figures in the speed table apply to roads without a plausible maxspeed;
    default: the group of demand.city"""
    speeds_csv: CsvFile | None = None
    """speed table in place of the packaged one, with the same columns"""
    peak: bool = True
    """whether to use peak-hour driving times; true is the cautious choice"""


class Download(Section):
    """Servers from which roads and points of interest are downloaded."""

    overpass_url: Address = "https://overpass-api.de/api"
    """Overpass server; default: the public server"""
    nominatim_url: Address = "https://nominatim.openstreetmap.org/"
    """Nominatim server; default: the public server"""
    timeout_s: int = Field(180, ge=1, le=3600)
    """longest wait for a response from the server, s; default: OSMnx's timeout"""
    retries: int = Field(3, ge=0, le=20)
    """number of retries after a temporary failure"""
    cache_dir: Folder = Path("cache/osmnx")
    """folder for downloaded data"""


class Existing(Section):
    """Stations already in service."""

    path: LayerFile
    """layer file with one row per station"""
    source: Source = ""
    licence: Licence = ""


class Candidates(Section):
    """The candidate sites."""

    sources: Annotated[tuple[SiteSource, ...], Field(strict=False)] = Field(min_length=1)
    """sources of candidate sites, used together"""
    existing: Existing | None = None
    """stations already in service; default: none"""
    merge_within_m: float = Field(60, ge=0, le=5000)
    """distance within which sites are merged, m; ASSUMPTION, about the length of a forecourt"""
    max_snap_m: float = Field(250, gt=0, le=10_000)
    """maximum distance between a site and a road, m; sites farther away are left out and reported;
    ASSUMPTION"""
    exclude: Annotated[tuple[ExcludedArea, ...], Field(strict=False)] = ()
    """areas where no station may be built; places inside are left out and listed, but existing
    stations stay"""


class Reach(Section):
    """How far drivers go to charge."""

    cutoff_min: float = Field(10, gt=0, le=240)
    """longest drive for which demand counts as served, min; the drive includes the access to the
    road; ASSUMPTION"""
    access_kmh: float = Field(15, gt=0, le=130)
    """speed on the straight line between a cell or site and the road, km/h; ASSUMPTION"""
    max_snap_m: float = Field(600, gt=0, le=10_000)
    """maximum distance between a cell's centre and a road, m; cells farther away are out of reach;
    ASSUMPTION"""
    table_csv: CsvFile | None = None
    """your own table of drive times (columns cell_id, site_id and travel_min), in place of drives
    computed on the roads; drives above cutoff_min do not count"""


class Solver(Section):
    """The solver settings of the integer program."""

    name: Text = "HiGHS"
    """the solver's name in PuLP"""
    method: Literal["exact", "greedy", "milp"] = "exact"
    """exact: solve until the gap is proven; greedy: find a good plan quickly, with a bound; milp:
    pass the whole program to the solver through PuLP"""
    gap: float = Field(0.005, ge=0, lt=1)
    """proven relative gap at which the solver stops"""
    drives_gap: float = Field(0.05, ge=0, lt=1)
    """proven relative gap at which the aims shortest_drives and least_cost_to_all stop; drives_gap
    is 0 if gap is 0"""
    time_limit_s: float = Field(120, gt=0, le=604_800)
    """time limit, s, after which the solver stops with the best plan found"""
    threads: int = Field(2, ge=1, le=1024)
    """number of processor cores to use"""
    seed: int = Field(1, ge=0, le=2_147_483_647)
    """random seed of the solver"""


class Output(Section):
    """The folders for results and intermediate results."""

    runs_dir: Folder = Path("runs")
    """parent folder of the runs, each of which has its own folder"""
    cache_dir: Folder = Path("cache")
    """folder for parsed road networks, which later runs reuse"""


class Report(Section):
    """The settings of a run's report."""

    language: Literal["en", "ur"] = "en"
    """en: English; ur: Urdu, right to left; parts without a translation stay in English"""


class Cap(Section):
    """A joint limit on winning bids that share a value in a column, e.g. all bids of one bidder."""

    column: Text
    """column of the bids: `bidder`, or a column of your own such as `province`; `zone` means
    program.zones if the bids have no `zone` column"""
    value: Text | None = None
    """value to which the limit applies; default: the limit applies to each value separately"""
    stations: int | None = Field(None, ge=0, le=1_000_000)
    """maximum number of stations"""
    pkr: float | None = Field(None, ge=0, le=1e14)
    """maximum amount of public money, PKR"""
    budget_share: PositiveShare | None = None
    """maximum amount of public money, as a share of the budget"""

    def _refusals(self) -> Iterator[Refusal]:
        if self.stations is None and self.pkr is None and self.budget_share is None:
            yield (), "sets no limit", "set stations, pkr or budget_share"


class Award(Section):
    """The rules that `siting award` applies to bids."""

    caps: Mapping[TableName, Cap] = Field({})
    """limits on the winning bids of a bidder, province or zone; you choose each limit's name"""
    reserve_share: PositiveShare = 1.0
    """reserve price of a bid: the maximum amount it may ask for, as a share of its cost"""
    reserve_pkr_kw: float | None = Field(None, ge=0, le=1e9)
    """reserve price of a bid, PKR per kW; default: no reserve price per kW"""


class Config(Section):
    """One study: a city, its roads, people, sites, finances and solver."""

    name: RunName
    """short name of the study, also used for its run folder"""
    title: Text = Field(default_factory=lambda data: data.get("name", "untitled"))
    """name of the study in outputs; default: its short name"""
    note: str = ""
    """caveat repeated in every output, e.g. that the city is schematic"""
    year: int = Field(2030, ge=2020, le=2060, json_schema_extra={"unit": "year"})
    """target year of the demand; default: the year of the national target; years after 2040 are
    projections and need a scenario that covers them"""
    roads: Roads
    """road network and speeds"""
    download: Download = Download()
    """servers from which data are downloaded"""
    demand: Demand
    """people, cells and vehicles"""
    candidates: Candidates
    """places where a station could be built"""
    offers: Offers = Offers()
    """what can be built at a site"""
    money: Money = Money()
    """prices and rates of a station's business case"""
    reach: Reach = Reach()
    """reach of drivers"""
    program: Program
    """model, budget, aims and limits of the plan"""
    solver: Solver = Solver()
    """solver settings"""
    output: Output = Output()
    """folders of results"""
    report: Report = Report()
    """settings of the report"""
    award: Award = Award()
    """rules for bidders; used by `siting award` only"""
    sweep: Mapping[SweepKey, SweepValues] = Field({})
    """values to try for individual keys, by key path; every combination is a study; used by `siting
    batch` only"""

    def _refusals(self) -> Iterator[Refusal]:
        years, opening = self.program.years, self.money.opening_year
        if years is not None and max(years.budgets_pkr) != self.year:
            what = f"ends in {max(years.budgets_pkr)}, not in the target year {self.year}"
            yield ("program", "years", "budgets_pkr"), what, "set year to the last year of the plan"
        if opening is not None and opening > self.year:
            what = f"is {opening}, after the target year {self.year}"
            fix = f"stations of the plan open by {self.year}; choose that year or an earlier one"
            yield ("money", "opening_year"), what, fix
        known = self.demand.vehicle_classes
        for section, key in (("program", "class_floors"), ("money", "value_of_time_pkr_h")):
            for name in (n for n in getattr(getattr(self, section), key) if n not in known):
                what = "is not a class of demand.vehicle_classes"
                yield (section, key, name), what, did_you_mean(name, known)
        yield from clashes(self)
