"""The ``offers`` and ``money`` sections: possible stations, their financing and earnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from siting.config.fields import (
    CsvFile,
    LayerFile,
    PositiveShare,
    Refusal,
    Section,
    Share,
    TableName,
    Text,
    no_repeat,
    refuse,
)

# Name of a charger configuration, reserved for existing stations.
EXISTING = "existing"
# Runs of earlier versions store true (for minimum) or false (for none).
PointsRule = Annotated[
    Literal["none", "minimum", "maximum"],
    BeforeValidator(lambda v: ("minimum" if v else "none") if isinstance(v, bool) else v),
]


def _renamed(rule: Any) -> Any:
    if rule == "utilisation":
        what = "'utilisation' is now called rated_share: a share of the day's output at full power"
        refuse([((), what, "write rated_share, or leave it out for the default, waiting")])
    return rule


class Service(Section):
    """The service standard: the part of a charger's output that counts as capacity."""

    rule: Annotated[Literal["waiting", "rated_share"], BeforeValidator(_renamed)] = "waiting"
    """waiting: capacity is the largest amount of energy with which only a few drivers wait long in
    the peak hour (Erlang C), and each port is in use for at most the share time_utilisation of the
    day; rated_share: capacity is the share offers.utilisation of the day's output at full power"""
    wait_min: float = Field(10, ge=0, le=240)
    """longest acceptable wait, min"""
    alpha: float = Field(0.1, gt=0, lt=1)
    """share of drivers who may wait longer than wait_min in the peak hour"""
    swap_depth: PositiveShare = 0.8
    """share of a battery's energy that a swap delivers; ASSUMPTION"""
    swap_taper: float = Field(1.15, ge=1, le=10)
    """recharging time of a battery, as a multiple of the time at full power"""
    time_utilisation: Mapping[TableName, PositiveShare] = Field({})
    """maximum share of the day that a port is in use and draws power, by charger group, under the
    `waiting` rule; groups not listed use the package's table (ASSUMPTION: lev 0.30, ac 0.20, dc
    0.25, swap 0.60)"""


class SiteCosts(Section):
    """Costs of a station besides chargers, grid works and fees; None means the package's figure."""

    preset: Literal["central", "prudent"] = "central"
    """which values to use from the ranges of the packaged costs; prudent: the values that a careful
    lender would assume for the load (the fastest vehicles at every port), contingency, design,
    insurance, deposit, batteries on the road, fixed charges, sales tax, staff at sockets and
    NEECA's fee"""
    civil_bay_pkr: float | None = Field(None, ge=0)
    """cost of civil works per car bay, PKR"""
    land: Literal["lease", "upfront"] = "lease"
    """whether land is leased (a running cost) or paid for at the start"""
    land_bay_month_pkr: float | None = Field(None, ge=0)
    """lease of a bay, PKR per month"""
    land_bay_upfront_pkr: float | None = Field(None, ge=0)
    """price of a bay bought at the start, PKR"""
    om_share: Share | None = None
    """yearly operation and maintenance, as a share of the chargers' cost"""
    road_battery_2w: float | None = Field(None, ge=0, le=100)
    """battery capacity on the road, kWh, for each kWh/day that swap cabinets for two-wheelers can
    sell; default: the package's figure"""
    road_battery_3w: float | None = Field(None, ge=0, le=100)
    """battery capacity on the road, kWh, for each kWh/day that swap cabinets for three-wheelers can
    sell; default: the package's figure"""
    site_bays: float | None = Field(None, ge=0)
    """bays available at a site whose layer has no `bays` column; default: the figure for its kind
    in the package's table (ASSUMPTION: fuel 8, parking 20, mall 20, street 4 ...)"""
    line_detour: float | None = Field(None, ge=1, le=10)
    """length of an 11 kV line, as a multiple of the straight-line distance"""
    contingency_share: Share | None = None
    """contingency, as a share of the cost of chargers, grid works, civil works and design"""
    design_share: Share | None = None
    """design, survey and permits, as a share of the cost of grid works and civil works"""
    insurance_share: Share | None = None
    """yearly insurance, as a share of the cost of chargers, grid works and civil works"""
    deposit_pkr_kw: float | None = Field(None, ge=0, le=1_000_000)
    """security deposit paid to the distribution company (DISCO), PKR per kW of load"""
    busy_share: PositiveShare | None = None
    """share of the busiest hour during which the connection can supply every port in use; 1: it can
    supply all ports at once"""
    neeca_points: PointsRule = "none"
    """how NEECA's parking rule is interpreted at sites with known bays: as a minimum or a maximum
    number of charging points (published reports allow both readings); none: the rule is not
    applied"""


# Default hurdle: a station must break even at this share of its planned sales.
HURDLE_SHARE = 0.7


class Hurdle(Section):
    """The hurdle that a subsidised station must clear under the `need` and `gap` rules."""

    sales_share: PositiveShare | None = None
    """share of its planned sales at which a station must break even; default: 0.7, or 1 if
    real_return is given; ASSUMPTION"""
    real_return: Share | None = None
    """minimum real return per year, after tax; default: money.discount_rate"""


class Concessions(Section):
    """Sites whose stations form one business case, so that surpluses cover losses."""

    sites: Mapping[Text, Annotated[tuple[Text, ...], Field(strict=False)]] = Field({})
    """sites of each concession, by id or name"""
    column: Text | None = None
    """column of the site layers (for example, `operator`) that names each site's concession; blank:
    no concession"""

    def _refusals(self) -> Iterator[Refusal]:
        for name, sites in self.sites.items():
            if not sites:
                yield ("sites", name), "has no site", "name its sites, or leave it out"
        if not self.sites and self.column is None:
            yield (), "names no concession", "set sites or column"


class Subsidy(Section):
    """The budget's share of a station's cost; the investor pays the rest."""

    charger_share: Share = 0.5
    """share of the chargers' cost that the budget pays; ASSUMPTION, as no published rule
    sets this share"""
    grid_share: Share = 0.8
    """share of the grid works' cost that the budget pays; ASSUMPTION, as in India's PM E-DRIVE"""
    fee_share: Share = 0.0
    """share of the fees that the budget pays; ASSUMPTION"""
    civil_share: Share = 0.0
    """share of the civil works' cost that the budget pays; ASSUMPTION"""
    land_share: Share = 0.0
    """share of the land price that the budget pays, if land is bought at the start; ASSUMPTION"""
    rule: Literal["need", "share", "flat", "gap"] | None = None
    """need: the budget pays the shortfall of the business case, up to set shares of the cost
    components; share: the budget pays these shares, even if the shortfall is smaller; flat: the
    budget pays the same amount for every station; gap: the budget pays the shortfall, up to
    gap_cap_share of the cost; default: need, except under `program.model: coverage` (where sales
    are unknown) and in a nation with years, where it is share"""
    flat_pkr: float = Field(0, ge=0)
    """amount paid to each station under the `flat` rule, PKR"""
    gap_cap_share: Share = 0.5
    """maximum share of a station's cost that the `gap` rule pays; ASSUMPTION, as no formula is
    published"""
    cap_per_station_pkr: float | None = Field(None, ge=0)
    """maximum amount that the budget pays per station, PKR; default: no cap"""
    hurdle: Hurdle = Hurdle()
    """hurdle for subsidised stations under the `need` and `gap` rules; without a hurdle, a station
    would break even only by selling everything planned"""
    concessions: Concessions | None = None
    """stations that form one business case under the `need` and `gap` rules; default: each station
    is its own business case"""


def _existing_is_taken(configurations: Mapping[str, Any]) -> Mapping[str, Any]:
    if EXISTING in configurations:
        what = f"{EXISTING!r} is the name of existing stations"
        refuse([((EXISTING,), what, "choose another name")])
    return configurations


Count = Annotated[int, Field(ge=1, le=1000, description="number of chargers of this type")]
Chargers = Annotated[
    Mapping[TableName, Count], Field(min_length=1, description="charger types, each with a number")
]
Configurations = Annotated[
    Mapping[TableName, Chargers], Field(min_length=1), AfterValidator(_existing_is_taken)
]
Numbers = Annotated[tuple[Count, ...], Field(strict=False, min_length=1), AfterValidator(no_repeat)]
Sizes = Annotated[Mapping[TableName, Numbers], Field(min_length=1)]


# The allowed numbers of each type of charger, if the user gives no choices.
SIZES: Mapping[str, tuple[int, ...]] = {
    "lev_3": (4, 8, 12, 16, 24, 32, 48, 64),
    "ac_22": (2, 4),
    "dc_60": (1, 2, 3, 4),
    "dc_120": (1, 2, 4),
    "dc_180": (1, 2, 4),
}


class Offers(Section):
    """The possible stations, and the budget's share of their cost."""

    configurations: Configurations | None = None
    """named sets of chargers that can be built at a site; each gives the number of chargers of each
    type; default: no sets, so the plan chooses among sizes"""
    sizes: Sizes | None = None
    """allowed numbers of chargers at a site, by charger type; a size combines these, with at
    most one type per charger group; sizes are added to the configurations if both are given;
    default if there are no configurations: 4, 8, 12, 16, 24, 32, 48 or 64 lev_3; 2 or 4 ac_22; 1,
    2, 3 or 4 dc_60; 1, 2 or 4 dc_120; 1, 2 or 4 dc_180"""
    least_ports: int = Field(0, ge=0, le=1000)
    """minimum number of ports of a size; 0: any number"""
    table_csv: CsvFile | None = None
    """your own table of offers, in place of the computed table and with the same columns; rows may
    be changed, left out or added"""
    chargers_csv: CsvFile | None = None
    """charger catalogue in place of the packaged one, with the same columns"""
    grid_csv: CsvFile | None = None
    """costs of grid works, in place of the packaged table"""
    headroom_kw: float = Field(800, ge=0, le=100_000)
    """spare grid power at a site, kW; ASSUMPTION (200 to 2,000 for an 11 kV feeder), as feeder
    loads are not public"""
    utilisation: PositiveShare = 0.15
    """share of the day's output at full power that the rated_share rule of `service` counts as
    capacity; ASSUMPTION for 2030 (0.05 to 0.25)"""
    availability: PositiveShare | None = None
    """share of time in which both grid and charger work; default: the figure in the city table"""
    service: Service = Service()
    """part of a charger's output that counts as capacity"""
    costs: SiteCosts = SiteCosts()
    """costs of civil works, land, bays and upkeep"""
    existing_policy: Literal["keep", "extend", "ignore"] = "keep"
    """treatment of existing stations; keep: leave them unchanged; extend: allow extensions; ignore:
    plan as if there were none"""
    upgrade: bool = False
    """whether power beyond the headroom can be bought, at the grid table's price"""
    lines: LayerFile | None = None
    """layer of the 11 kV network or substations, used to measure the length of new lines; default:
    the distance in the grid table"""
    feeders: LayerFile | None = None
    """layer of feeders with the columns feeder_id and headroom_kw; default: each site has its own
    feeder"""
    feeder_within_m: float | None = Field(None, gt=0, le=100_000)
    """maximum distance between a site and its feeder, m; default: any distance"""
    subsidy: Subsidy = Subsidy()
    """the budget's share of each station's cost"""


def choices_of(
    offers: Offers,
) -> tuple[Mapping[str, Mapping[str, int]], Mapping[str, tuple[int, ...]]]:
    """Return the named sets of chargers and the sizes; without either, the sizes are `SIZES`."""
    if offers.configurations is None and offers.sizes is None:
        return {}, SIZES
    return offers.configurations or {}, offers.sizes or {}


Price = Annotated[float, Field(gt=0, le=1000, description="what drivers pay, PKR/kWh")]
ValueOfTime = Annotated[float, Field(ge=0, le=100_000, description="a driver's time, PKR/h")]


class Money(Section):
    """Prices and rates of a station's business case; None means the package's figure."""

    prices_pkr_kwh: Annotated[Mapping[TableName, Price], Field(min_length=1)] | None = None
    """price that drivers pay, by charger group, including sales tax, PKR/kWh; required for every
    group in the configurations"""
    pkr_per_usd: float | None = Field(None, gt=0, le=100_000)
    """exchange rate, PKR per US dollar, applied to the imported part of charger and swap-battery
    prices; default: 280, the catalogue's rate"""
    tariff_pkr_kwh: float | None = Field(None, gt=0, le=1000)
    """price that the station pays for power, PKR/kWh"""
    fixed_pkr_kw_month: float | None = Field(None, ge=0, le=100_000)
    """fixed and demand charges, PKR per month per kW of load"""
    sales_tax: Share | None = None
    """sales tax, as a share of the price before tax"""
    income_tax: Share | None = Field(None, lt=1)
    """income tax, as a share of the profit"""
    discount_rate: Share | None = None
    """real discount rate per year, after tax (all prices are in rupees of one year)"""
    years: int | None = Field(None, ge=1, le=40)
    """horizon of the business case, years"""
    payment_share: Share | None = None
    """share of revenue spent on payment and telecom services"""
    attendant_month_pkr: float | None = Field(None, ge=0)
    """pay of an attendant, PKR per month"""
    attendants: float | None = Field(None, ge=0, le=100)
    """number of attendants at a new station with DC chargers"""
    attendants_other: float | None = Field(None, ge=0, le=100)
    """number of attendants at a new station without DC chargers"""
    opening_year: int | None = Field(None, ge=2025, le=2060, json_schema_extra={"unit": "year"})
    """year in which stations open; their sales grow with the fleet model's demand until the target
    year; default: openings are spread evenly over the four years up to the target year"""
    sales_path: Annotated[tuple[Share, ...], Field(strict=False, min_length=1)] | None = None
    """sales in each year of operation, as a share of the target year's sales, in place of the fleet
    model's path; the last value also applies to later years"""
    value_of_time_pkr_h: Mapping[TableName, ValueOfTime] = Field({})
    """value of a driver's hour by vehicle class, PKR, used by least_cost_to_all; default: the
    package's figure"""

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, given: Any) -> Any:
        old = ("first_year_share", "full_after_years")
        what = "no longer exists: sales follow the demand of the fleet model from opening_year"
        fix = "leave it out, or set sales_path to the shares of each year"
        there = given if isinstance(given, Mapping) else {}
        refuse(((name,), what, fix) for name in old if name in there)
        return given

    def _refusals(self) -> Iterator[Refusal]:
        tariff = self.tariff_pkr_kwh
        for group, price in (self.prices_pkr_kwh or {}).items():
            bare = price / (1 + (self.sales_tax or 0.0))
            if tariff is not None and bare <= tariff:
                taxed = f" ({bare:.5g} before sales tax)" if self.sales_tax else ""
                what = f"{price:g}{taxed} is not above tariff_pkr_kwh, {tariff:g}"
                fix = "raise the price, or lower the tariff: drivers must pay more than the station"
                yield ("prices_pkr_kwh", group), what, fix
