"""The ``program`` section: the optimisation problem, its rules and its budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from siting.config.fields import (
    PolygonFile,
    PositiveShare,
    Refusal,
    Section,
    Share,
    TableName,
    Text,
    no_repeat,
)

# Maximum number of envelopes that reserve money. The program has a row for each subset of these
# envelopes.
MOST_KEPT = 6


def _whole(value: Any) -> Any:
    # The YAML reader returns the keys of a mapping as strings.
    return int(value) if isinstance(value, str) and value.strip().isdigit() else value


FirstAim = Literal["fairness", "least_cost", "scenarios"]
LaterAim = Literal["most_worth", "least_money", "shortest_drives", "least_cost_to_all"]
LaterAims = Annotated[tuple[LaterAim, ...], Field(strict=False), AfterValidator(no_repeat)]
MinutesKey = Annotated[int, BeforeValidator(_whole), Field(ge=0, le=240)]
YearKey = Annotated[int, BeforeValidator(_whole), Field(ge=2025, le=2060)]


class StepDecay(Section):
    """Step decay: a kWh counts less beyond given drive times."""

    kind: Literal["step"]
    """decay in steps"""
    factors: Mapping[MinutesKey, PositiveShare] = Field(min_length=1)
    """factors, each with the drive time (min) from which it applies"""


class LinearDecay(Section):
    """Linear decay: a kWh counts less the longer the drive."""

    kind: Literal["linear"]
    """decay along a straight line"""
    full_min: float = Field(0, ge=0, le=240)
    """longest drive, min, at which a kWh counts in full"""
    end_min: float = Field(gt=0, le=240)
    """drive time at which the factor stops falling, min"""
    least: PositiveShare = 0.5
    """factor at the end of the line and beyond"""


class ExponentialDecay(Section):
    """Exponential decay: a kWh counts as exp(-minutes / scale)."""

    kind: Literal["exponential"]
    """exp(-minutes / scale)"""
    scale_min: float = Field(gt=0, le=1000)
    """drive time at which the factor is 1/e, min"""


class GaussianDecay(Section):
    """Gaussian decay: a kWh counts as exp(-minutes² / (2 sigma²))."""

    kind: Literal["gaussian"]
    """exp(-minutes² / (2 sigma²))"""
    sigma_min: float = Field(gt=0, le=1000)
    """sigma of the bell curve, min"""


Decay = Annotated[
    StepDecay | LinearDecay | ExponentialDecay | GaussianDecay, Field(discriminator="kind")
]


class GridZones(Section):
    """Zones as large squares of a grid."""

    kind: Literal["grid"]
    """squares of a grid"""
    size_m: float = Field(2000, ge=100, le=100_000)
    """edge of a zone, m"""


class LayerZones(Section):
    """Zones from a layer of polygons, such as union councils, tehsils or districts."""

    kind: Literal["layer"]
    """polygons of a layer"""
    path: PolygonFile
    """layer file with one polygon per zone"""
    name_column: Text = "name"
    """column with the zone's name"""


class ZonesOfPeople(Section):
    """The zones in which people are counted (`demand.people` with `kind: zones`)."""

    kind: Literal["people"]
    """the zones of demand.people"""


Zones = Annotated[GridZones | LayerZones | ZonesOfPeople, Field(discriminator="kind")]


class LeastCost(Section):
    """The cheapest plan that serves a given share of demand, not the best plan for a budget."""

    served_share: PositiveShare
    """share of the demand that must be served"""
    of: Literal["demand", "reachable"] = "demand"
    """base of the share: all demand, or the demand within reach of any site"""
    money: Literal["subsidy_pkr", "cost_pkr"] = "subsidy_pkr"
    """amount to minimise: public money or total cost"""


class LeastGain(Section):
    """The least gain that public money must add, and how strictly this rule applies."""

    per_million: float = Field(10.0, ge=0, le=1e9)
    """least gain that PKR 1 m must add, in the unit of the objective; 0: no limit; a gain of 10
    kWh/day means PKR 27 of public money per kWh over ten years, about the cost of the energy;
    ASSUMPTION"""
    per_million_by_year: Mapping[YearKey, Annotated[float, Field(ge=0, le=1e9)]] | None = None
    """least gain that PKR 1 m must add, by the year in which the money is drawn, in place of
    per_million; only with program.years and `rule: always`"""
    rule: Literal["within_gap", "always"] = "within_gap"
    """within_gap: stations with a smaller gain are removed, as long as the plan stays within
    solver.gap. With years, or if public money follows the business case, stations are not removed,
    but extra money for shorter drives is refused. Under coverage, within_gap has no effect; always:
    the least gain is part of the aim, however much energy is lost"""
    money: Literal["subsidy_pkr", "cost_pkr"] = "subsidy_pkr"
    """money that counts under the `always` rule: public money or total cost"""

    @property
    def always(self) -> bool:
        """Whether the least gain is part of the aim."""
        by_year = self.per_million_by_year or {}
        return self.rule == "always" and max([self.per_million, *by_year.values()]) > 0

    @property
    def a_rupee(self) -> float | dict[int, float]:
        """The least gain per rupee: a number, or one per year."""
        if self.per_million_by_year is None:
            return self.per_million / 1e6
        return {year: gain / 1e6 for year, gain in self.per_million_by_year.items()}


class Years(Section):
    """A multi-year plan; no station closes, and program.budget_pkr is not used."""

    budgets_pkr: Mapping[YearKey, float] = Field(min_length=1)
    """public money granted in each year of the plan, PKR"""
    carry_over: bool = False
    """whether money left unspent in one year can be spent later"""
    upgrades: bool = False
    """whether a station can be upgraded later, for the difference in cost; if very many series of
    upgrades are possible, the plan considers only some of them, but the bound covers all"""
    discount_rate: Share = 0.08
    """yearly rate at which a kWh is discounted; ASSUMPTION"""
    last_period_years: int = Field(1, ge=1, le=30)
    """number of years that the last year of the plan represents"""

    def _refusals(self) -> Iterator[Refusal]:
        years = list(self.budgets_pkr)
        if years != sorted(years):
            yield ("budgets_pkr",), "the years are not in ascending order", "put them in order"


class Future(Section):
    """One scenario of demand."""

    probability: PositiveShare
    """probability of the scenario; the probabilities of all scenarios add up to 1"""
    fleet: Text | None = None
    """scenario of the national fleet; default: demand.scenario"""
    case: Literal["low", "central", "high"] | None = None
    """which value to use from the range of every figure; default: demand.case"""


class Scenarios(Section):
    """One plan for several futures."""

    of: Mapping[TableName, Future] = Field(min_length=2)
    """the scenarios by name"""
    criterion: Literal["expected", "regret", "cvar"] = "expected"
    """expected: most energy on average; regret: smallest maximum regret; cvar: best average of the
    worst outcomes"""
    alpha: float = Field(0.8, gt=0, lt=1)
    """share of outcomes that cvar leaves out; the best outcomes are left out first"""
    cvar_of: Literal["unserved", "served"] = "unserved"
    """outcome that cvar averages: the worth left unserved, or the worth served"""

    def _refusals(self) -> Iterator[Refusal]:
        total = sum(future.probability for future in self.of.values())
        if abs(total - 1) > 1e-6:
            yield ("of",), f"probabilities add up to {total:g}, not 1", ""


class Alternatives(Section):
    """Further plans that differ from the best one."""

    count: int = Field(3, ge=2, le=50)
    """number of plans, including the best"""
    differ_by: int = Field(2, ge=1, le=1000)
    """minimum number of sites at which any two plans differ"""
    within_share: Share | None = None
    """largest loss of worth allowed, as a share of the best plan's worth; default: no limit"""


class Envelope(Section):
    """An amount of public money for certain charger groups: a ceiling, a reserve, or both."""

    budget_pkr: float = Field(ge=0)
    """amount of the envelope, PKR"""
    charger_groups: Annotated[tuple[TableName, ...], Field(strict=False)] = Field(min_length=1)
    """groups of the charger catalogue that draw on the envelope (lev, ac, dc, swap_2w …); an
    offer's subsidy is divided among its groups in proportion to the cost of their chargers"""
    rule: Literal["ceiling", "kept", "both"] = "ceiling"
    """ceiling: these groups draw at most the envelope's amount; kept: only these groups draw on the
    envelope, and they may also draw on the rest of the budget; both: only these groups draw on the
    envelope, and they draw on nothing else"""


class AreaEnvelopes(Section):
    """Public money reserved for areas, such as provinces, districts or union councils."""

    path: PolygonFile
    """layer file with one polygon per area"""
    name_column: Text = "name"
    """column with the area's name"""
    budgets_pkr: Mapping[Text, float] = Field(min_length=1)
    """amount of each area's envelope, PKR"""


Sites = Annotated[tuple[Text, ...], Field(strict=False)]


class AtLeast(Section):
    """A minimum number of stations among the given sites."""

    sites: Sites = Field(min_length=1)
    """sites that count, by id or name"""
    stations: int = Field(1, ge=1, le=1_000_000)
    """minimum number of stations at these sites"""


class Density(Section):
    """A rule that every square of the map must have a station, existing or new."""

    square_km: float = Field(gt=0, le=1000)
    """edge of a square, km; squares without a candidate do not count; Pakistan's NEVP of 2019 and
    India's guidelines of 2022 set 3 km; India's guidelines of 2024 set 1 km in towns by 2030"""


class Corridors(Section):
    """A rule that every stretch of the given roads must have a station, existing or new."""

    every_km: float = Field(gt=0, le=1000)
    """maximum length of a stretch, km; each stretch must have a station"""
    roads: Sites = ()
    """names of roads, as on the map"""
    path: PolygonFile | None = None
    """layer file with one line per road, in place of names or in addition to them"""
    name_column: Text = "name"
    """column of the layer with the road's name"""
    within_km: float = Field(1.0, gt=0, le=100)
    """maximum distance between a station and the road, km; ASSUMPTION"""

    def _refusals(self) -> Iterator[Refusal]:
        if not self.roads and self.path is None:
            yield ("roads",), "no road is named", "name roads, or set path to a layer of lines"


class Mandate(Section):
    """The share of each owner's places that must have a station, existing or new."""

    column: Text
    """column of the candidate layers that names the owner, e.g. brand or operator"""
    share: PositiveShare
    """share of each owner's places that must have a station; the number is rounded up"""
    by: Text | None = None
    """column with the name of each place's area, such as `province`; the share applies in each
    area; default: one area"""
    pooled: bool = False
    """whether owners may trade obligations; the share then applies to the places of all owners
    together"""
    money: Literal["public", "owner"] = "public"
    """public: the station is subsidised like any other; owner: the owner builds it without public
    money"""


class Limits(Section):
    """The requirements on a plan, apart from the budget."""

    most_new_stations: int | None = Field(None, ge=0, le=1_000_000)
    """maximum number of new stations; default: any number"""
    spacing_m: float | None = Field(None, gt=0, le=100_000)
    """minimum distance between a new station and any other station, new or existing, m"""
    spacing_kinds: Sites = ()
    """kinds of site to which the spacing applies; default: all"""
    required_sites: Sites = ()
    """sites that must have a station, by id or name"""
    forbidden_sites: Sites = ()
    """sites where no station may be built, by id or name"""
    envelopes: Mapping[TableName, Envelope] = Field({})
    """parts of the budget reserved for charger groups"""
    areas: AreaEnvelopes | None = None
    """parts of the budget reserved for areas; default: none"""
    at_least: Mapping[TableName, AtLeast] = Field({})
    """minimum numbers of stations among given sites; you choose the name of each rule"""
    mandates: Mapping[TableName, Mandate] = Field({})
    """shares of owners' places that must have a station; you choose the name of each rule"""
    split: Mapping[TableName, PositiveShare] = Field({})
    """share of the budget by charger group, e.g. {lev: 0.3, dc: 0.5}; each share is reserved for
    its group, which draws on nothing else; all other groups draw on the rest"""
    split_like: Literal["none", "pm_e_drive"] = "none"
    """packaged split to apply (splits.csv); pm_e_drive: India's split of 2025, with 29 % for light
    vehicles and 71 % for cars, buses and trucks"""
    density: Density | None = None
    """rule that every square with a candidate must have a station; default: no rule"""
    corridors: Corridors | None = None
    """rule that every stretch of the given roads must have a station; default: no rule"""
    least_kw_per_ev: float | None = Field(None, gt=0, le=1000)
    """minimum charging power of all stations, new and existing, kW per electric vehicle of
    ev_classes in the area; the EU's AFIR sets 1.3; default: the power is only reported"""
    ev_classes: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)] = ("car",)
    """vehicle classes that count for least_kw_per_ev"""

    @property
    def kept(self) -> dict[str, Envelope]:
        """The envelopes that reserve money."""
        return {name: one for name, one in self.envelopes.items() if one.rule != "ceiling"}

    def _refusals(self) -> Iterator[Refusal]:
        for name in self.required_sites:
            if name in self.forbidden_sites:
                yield ("required_sites",), f"{name!r} is also among forbidden_sites", ""
        yield from self._money_twice()
        areas = self.areas.budgets_pkr if self.areas is not None else {}
        for name in sorted({*self.envelopes} & {*areas, *self.at_least}):
            yield ("at_least" if name in self.at_least else "areas",), f"{name!r} is used twice", ""
        for name, rule in self.at_least.items():
            sites = len(set(rule.sites))
            if rule.stations > sites:
                what = f"more stations ({rule.stations}) than sites ({sites})"
                yield ("at_least", name, "stations"), what, "require at most one station per site"

    def _money_twice(self) -> Iterator[Refusal]:
        """Yield errors in the split, and in the envelopes that reserve money."""
        if self.split and self.split_like != "none":
            what = "splits the budget a second time, in addition to limits.split"
            yield ("split_like",), what, "leave one out"
        whole = sum(self.split.values())
        if whole > 1 + 1e-9:
            what = f"the shares add up to {whole:g}, more than the budget"
            yield ("split",), what, "lower them so that they add up to 1 or less"
        kept = self.kept
        for name in kept if self.split or self.split_like != "none" else ():
            what = "reserves money, but the split already reserves the whole budget"
            fix = "leave the split out, or make the envelope a ceiling"
            yield ("envelopes", name, "rule"), what, fix
        groups = [group for one in kept.values() for group in set(one.charger_groups)]
        if twice := sorted({group for group in groups if groups.count(group) > 1}):
            what = f"more than one envelope reserves money for {', '.join(twice)}"
            yield ("envelopes",), what, "name each charger group in only one of them"
        if len(kept) > MOST_KEPT:
            what = f"{len(kept)} envelopes reserve money, but at most {MOST_KEPT} may do so"
            yield ("envelopes",), what, "merge some of them"


class Program(Section):
    """The optimisation problem of a plan: its model, budget, aims and limits."""

    model: Literal["capacitated", "coverage"] = "capacitated"
    """capacitated: a station serves at most the capacity of its chargers; coverage: all demand in
    reach counts as served"""
    budget_pkr: float = Field(ge=0, le=1e14)
    """total public money that may be spent, PKR"""
    min_served_share: Share = 0.0
    """minimum share of the demand that must be served; if no plan serves this share, the run stops
    and reports the conflict"""
    objective: Literal["energy", "people", "sessions"] = "energy"
    """what the plan maximises: the energy, people or sessions served"""
    decay: Decay | None = None
    """decay of a kWh's worth with the length of the drive; default: no decay"""
    zones: Zones | None = None
    """zones for floors, fairness and the district table; default: no zones"""
    zone_floor: Share = 0.0
    """minimum share of demand served in every zone"""
    zone_floors: Mapping[Text, Share] = Field({})
    """minimum share of demand served in individual zones, by name"""
    class_floor: Share = 0.0
    """minimum share of demand served for every vehicle class"""
    class_floors: Mapping[Text, Share] = Field({})
    """minimum share of demand served for individual vehicle classes, by name"""
    floors_in: Literal["last", "every"] = "last"
    """years in which floors and fairness apply; they apply in every scenario"""
    fairness: Literal["none", "max_min"] = "none"
    """max_min: maximise the lowest share served in any zone, then the total served"""
    least_cost: LeastCost | None = None
    """first aim: the cheapest plan that serves a given share, without a budget; default: the best
    plan for the budget"""
    aims: Annotated[tuple[FirstAim, ...], Field(strict=False), AfterValidator(no_repeat)] = ()
    """order of the first aims, if more than one of these is set: fairness, least_cost, and a regret
    or cvar criterion; each aim keeps the values that earlier aims reached"""
    then: LaterAims | None = None
    """later aims in order; each chooses among plans of equal value (within a fifth of solver.gap);
    most_worth: maximise the objective; least_money: minimise public money; shortest_drives:
    minimise drives, without more public money unless least_gain is 0; least_cost_to_all: minimise
    the yearly cost of stations and drivers' time; default: least_cost_to_all, but no later aim if
    decay already counts drives or the method is greedy"""
    least_gain: LeastGain = LeastGain()
    """minimum gain that each further PKR 1 m must add; money that adds less is not spent"""
    years: Years | None = None
    """a multi-year plan; default: one year"""
    scenarios: Scenarios | None = None
    """one plan for several futures; default: a single future"""
    alternatives: Alternatives | None = None
    """further plans that differ from the best one; default: one plan"""
    limits: Annotated[Limits, BeforeValidator(lambda v: {} if v is None else v)] = Limits()
    """limits other than the budget"""

    def _refusals(self) -> Iterator[Refusal]:
        for key, unset in (("zone_floor", 0), ("zone_floors", {}), ("fairness", "none")):
            if getattr(self, key) != unset and self.zones is None:
                yield (key,), "needs program.zones", "set program.zones"
        gains = self.least_gain.per_million_by_year
        if gains is not None:
            where = ("least_gain", "per_million_by_year")
            if self.least_gain.rule != "always":
                yield where, "has an effect only with rule: always", "add rule: always"
            years = list(self.years.budgets_pkr) if self.years else []
            if sorted(gains) != years:
                known = ", ".join(map(str, years)) or "none"
                what = f"must list the years of program.years: {known}"
                yield where, what, "list exactly these years"
        asked, limits, kept = self.first_aims, self.limits, self.limits.kept
        money = sum(self.years.budgets_pkr.values()) if self.years else self.budget_pkr
        whole = sum(one.budget_pkr for one in kept.values())
        if asked[:1] == ("least_cost",):
            what = "reserves money, which has no effect if the first aim is to spend least"
            if limits.split or limits.split_like != "none":
                yield ("limits", "split" if limits.split else "split_like"), what, "leave it out"
            for name in kept:
                yield ("limits", "envelopes", name, "rule"), what, "leave it out"
        elif whole > money:
            what = f"PKR {whole:,.0f} is reserved from a budget of PKR {money:,.0f}"
            yield ("limits", "envelopes"), what, "reserve less, or raise the budget"
        for aim in self.aims:
            if aim not in asked:
                yield ("aims",), f"names {aim}, which is not set", "leave it out"
        missing = [aim for aim in asked if aim not in self.aims]
        if len(asked) > 1 and self.aims and missing:
            yield ("aims",), f"does not list {', '.join(missing)}", "list every aim that is set"

    @property
    def first_aims(self) -> tuple[FirstAim, ...]:
        """The keys that set a first aim, in the order of `aims`."""
        asked: dict[FirstAim, bool] = {
            "fairness": self.fairness != "none",
            "least_cost": self.least_cost is not None,
            "scenarios": self.scenarios is not None and self.scenarios.criterion != "expected",
        }
        return tuple(key for key in dict.fromkeys((*self.aims, *asked)) if asked[key])
