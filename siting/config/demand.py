"""The ``demand`` section: people, cells, vehicles, charging places and uncertainty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from siting.config.fields import (
    PAKISTAN_WSEN,
    CsvFile,
    LayerFile,
    PositiveShare,
    Refusal,
    Section,
    Share,
    TableName,
    Text,
    WealthFile,
    no_repeat,
)
from siting.config.sources import CellShape, Licence, PeopleSource, PlaceSource, Source, SquareCells
from siting.errors import did_you_mean


class Figures(Section):
    """Figures for one vehicle class, in place of the packaged figures."""

    km_day: float | None = Field(None, gt=0, le=1000)
    """distance a vehicle drives per day, km; default: the figure in the table"""
    kwh_km: float | None = Field(None, gt=0, le=10)
    """energy use, kWh per km; default: the figure in the table, measured at the wall"""
    charging_efficiency: PositiveShare | None = None
    """ratio of kwh_km to the energy drawn from the wall per km; below 1 if kwh_km is measured at
    the battery; default: the figure in the table"""
    electric_km_share: Share | None = None
    """share of the distance that is driven on electricity; below 1 if some vehicles are plug-in
    hybrids; default: the figure in the table"""
    home_share: Share | None = None
    """share of the energy charged at home or at a depot, according to surveys of households;
    default: the figure in the table"""
    public_share: Share | None = None
    """share of the energy charged in public, not adjusted for housing; replaces home_share;
    default: the figure in the table"""

    def _refusals(self) -> Iterator[Refusal]:
        if self.home_share is not None and self.public_share is not None:
            yield ("public_share",), "is given together with home_share", "set only one of them"


class Wealth(Section):
    """Relative wealth by place: wealthier places get more vehicles; the total is unchanged."""

    path: WealthFile
    """single-band GeoTIFF (needs the raster extra) or point layer, such as Meta's Relative Wealth
    Index in CSV; each cell takes the value nearest to its centre"""
    column: Text = "rwi"
    """layer column that contains the wealth figure"""
    index: bool = False
    """whether the figures are an index around zero, such as Meta's; if so, their exponential is
    used; false: the figures are vehicles per head, or a proxy for vehicles per head, and at least
    0"""
    nodata: float | None = None
    """value that marks missing data, if the raster does not declare one"""
    source: Source = ""
    licence: Licence = ""


class SurfaceWeights(Section):
    """Relative weights (not all 0) that divide a class's public charging among kinds of place."""

    home: float = Field(ge=0, le=1e6)
    """weight of homes"""
    destination: float = Field(ge=0, le=1e6)
    """weight of markets, offices, hospitals …"""
    en_route: float = Field(ge=0, le=1e6)
    """weight of passing traffic"""

    def _refusals(self) -> Iterator[Refusal]:
        if not self.home + self.destination + self.en_route > 0:
            yield (), "all three weights are 0", "set at least one above 0"


class DepotFleet(Section):
    """A fleet with a known depot, which replaces all modelled vehicles of its class.

    The fleet's public charging demand is placed at the depot.
    """

    depot: Text
    """name of the depot"""
    vehicle_class: TableName
    """vehicle class of the fleet"""
    lon: float
    """longitude of the depot, degrees"""
    lat: float
    """latitude of the depot, degrees"""
    vehicles: int = Field(ge=1, le=1_000_000)
    """number of electric vehicles at the depot in the target year"""
    km_day: float | None = Field(None, gt=0, le=1000)
    """distance each vehicle drives per day, km; default: the class's figure"""
    public_share: Share | None = None
    """share of the energy charged in public; the rest is charged at the depot; default: the class's
    figure"""
    source: str = ""
    """source of the fleet's data"""

    def _refusals(self) -> Iterator[Refusal]:
        west, south, east, north = PAKISTAN_WSEN
        if not (west <= self.lon <= east and south <= self.lat <= north):
            swapped = west <= self.lat <= east and south <= self.lon <= north
            fix = "longitude and latitude are swapped" if swapped else "check lon and lat"
            yield (), f"the depot {self.depot} is not in Pakistan", fix


class Surfaces(Section):
    """Where vehicles charge in public: near home, at a destination or on the way."""

    places: PlaceSource | None = Field(None, discriminator="kind")
    """source of destinations; default: no destinations, and the weight of destinations is divided
    between homes and traffic"""
    weights: Mapping[TableName, SurfaceWeights] = Field({})
    """weights of the three kinds of place, by vehicle class; default: the weights in the table"""
    poi_weights_csv: CsvFile | None = None
    """table of place weights by OSM tag, in place of the packaged table"""
    road_weights_csv: CsvFile | None = None
    """table of weights for stopping on each road class, in place of the packaged table"""
    trips: int = Field(256, ge=1, le=100_000)
    """number of trip origins in the traffic model"""
    trip_min: float = Field(30, gt=0, le=600)
    """longest trip of the traffic model, min; ASSUMPTION"""
    seed: int = Field(1, ge=0, le=2_147_483_647)
    """random seed for the choice of trip origins"""


class Housing(Section):
    """Effects of renting and high-rise living on home charging, in zones with housing data."""

    renting_effect: Share | None = None
    """share by which home charging is lower for tenants; default: the figure in the table"""
    high_rise_effect: Share | None = None
    """share by which home charging is lower for high-rise households; default: the figure in the
    table"""
    survey_renting_share: Share | None = None
    """share of tenants among the households surveyed for home_share; a zone with the same share of
    tenants uses home_share unchanged; default: the figure in the table"""
    survey_high_rise_share: Share | None = None
    """share of high-rise households among those surveyed for home_share; default: the figure in the
    table"""


VehicleClasses = Annotated[
    tuple[TableName, ...], Field(strict=False, min_length=1), AfterValidator(no_repeat)
]


class Demand(Section):
    """The population and the public charging demand of its vehicles."""

    people: PeopleSource = Field(discriminator="kind")
    """source of the population"""
    cells: CellShape = SquareCells()
    """shape and size of the demand cells"""
    city: Text
    """name of the city in the city table, where its population, fleet share and power availability
    are listed; with `like`, any name is allowed"""
    like: Text | None = None
    """city in the city table whose power supply and speeds are used for an unlisted city; requires
    city_people, which determines the fleet share"""
    city_people: float | None = Field(None, gt=0, le=1e9)
    """population of the whole city, used to compute the share of people who live in the study area;
    default: the figure in the city table"""
    fleet_share: Mapping[TableName, Share] | None = None
    """the city's share of the national electric fleet by vehicle class, 0 to 1; default: computed
    from registrations or, if there are none, from population"""
    vehicle_classes: VehicleClasses = (
        *("two_wheeler", "two_wheeler_delivery", "three_wheeler", "car", "van", "bus", "truck"),
    )
    """vehicle classes to plan for"""
    scenario: Text = "nev-2025-30"
    """scenario of the national fleet: nev-2025-30, nev-2019, slow, fast, net-zero-2060 (a
    projection) or a scenario of scenarios_csv; not used if fleet_csv is given"""
    case: Literal["low", "central", "high"] = "central"
    """which value to use from the range of every figure; low: the limit of the range that gives
    less demand; high: the limit that gives more demand"""
    scenarios_csv: CsvFile | None = None
    """table of electric sales shares by scenario, in place of the packaged table"""
    sales_csv: CsvFile | None = None
    """sales and survival figures that replace rows of the packaged table"""
    fleet_figures: Mapping[TableName, Mapping[TableName, float]] = Field({})
    """individual figures of the fleet model, by vehicle class, in place of the tables' figures:
    sales_year, growth, life_years, life_shape, opening_vehicles, opening_age_years, saturation,
    share_2030 …"""
    fleet_csv: CsvFile | None = None
    """table of the national electric fleet by year, in place of the fleet model"""
    fleets: Annotated[tuple[DepotFleet, ...], Field(strict=False)] = ()
    """fleets with known depots, such as a city's buses; they replace all modelled vehicles of their
    classes in the study area"""
    registrations_csv: CsvFile | None = None
    """table of each city's share of registrations, in place of the packaged table"""
    vehicles_csv: CsvFile | None = None
    """vehicle-class figures that replace rows of the packaged table"""
    profiles_csv: CsvFile | None = None
    """table of charging sessions and their hours, in place of the packaged table"""
    figures: Mapping[TableName, Figures] = Field({})
    """individual figures by vehicle class, in place of the table's figures"""
    housing: Housing = Housing()
    """effect of housing on home charging, by zone"""
    table: LayerFile | None = None
    """your own demand, used instead of the modelled demand: a CSV with a column cell_id (the ids of
    a study's cells), or a layer; each row of a layer is assigned to the nearest cell, if that cell
    is within reach.max_snap_m; other columns: demand_kwh_day and, unless there is only one class,
    vehicle_class"""
    wealth: Wealth | None = None
    """relative wealth by place; wealthier homes get more of their zone's cars and, if the zones
    have no ownership_column, wealthier zones also get more cars; default: cars follow population"""
    surfaces: Surfaces | None = None
    """where vehicles charge in public; default: all near home"""

    def _refusals(self) -> Iterator[Refusal]:
        if self.like is not None and self.city_people is None:
            what = f"missing, but {self.city} uses figures of {self.like} (demand.like)"
            fix = "set city_people: the city's share of the fleet is proportional to its people"
            yield ("city_people",), what, fix
        of_class: dict[tuple[str, ...], Mapping[str, object]] = {
            ("fleet_share",): self.fleet_share or {},
            ("figures",): self.figures,
            ("fleet_figures",): self.fleet_figures,
            ("surfaces", "weights"): self.surfaces.weights if self.surfaces else {},
        }
        for key, names in of_class.items():
            for name in names:
                yield from self._unless_listed(name, (*key, name))
        fleets = [(fleet.depot, fleet.vehicle_class) for fleet in self.fleets]
        for i, (depot, name) in enumerate(fleets):
            yield from self._unless_listed(name, ("fleets", i, "vehicle_class"))
            if (depot, name) in fleets[:i]:
                what = f"the depot {depot} is given twice for {name}"
                yield ("fleets", i, "depot"), what, "list it once, with all its vehicles"
        by_depot = {name for _, name in fleets}
        for word in ("fleet_share", "fleet_figures"):
            for name in getattr(self, word) or {}:
                if name in by_depot:
                    what = "is not used for a class that demand.fleets lists"
                    yield (word, name), what, f"leave out {word}.{name}, or the fleets of {name}"
        for word in ("scenarios_csv", "sales_csv", "fleet_figures"):
            if self.fleet_csv is not None and getattr(self, word):
                yield (word,), "is not used if fleet_csv is given", f"leave out {word} or fleet_csv"

    def _unless_listed(self, name: str, key: tuple[str | int, ...]) -> Iterator[Refusal]:
        if name not in self.vehicle_classes:
            what = f"{name!r} is not among demand.vehicle_classes"
            yield key, what, did_you_mean(name, self.vehicle_classes)
