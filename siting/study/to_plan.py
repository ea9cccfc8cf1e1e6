"""The stages from sites to outcome, in order. `siting.study.to_demand` has the earlier stages."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from siting import economics, reference, roads, sites
from siting.config import Config, with_keys
from siting.config.offers import choices_of
from siting.engine.prices import prices_of
from siting.interrupts import stop_wished
from siting.outcome import Outcome
from siting.program.instance import Instance
from siting.program.limits import Limit, with_more_money
from siting.program.program import Program
from siting.reference import at_preset
from siting.roads import Network
from siting.study import read_sources
from siting.study.mandates import on_owners_money
from siting.study.outcome_figures import decide
from siting.study.own_tables import own_offers, own_reach
from siting.study.program_inputs import (
    Asked,
    demands_of,
    money_of,
    need_of,
    subsidy_of,
    worth_of,
    zones_of,
)
from siting.study.program_zones import zone_of_cells, zone_of_demand
from siting.study.stages import Context, Layer, Row, Table, stage
from siting.study.to_program import Question, program_of
from siting.verify import BOUND

LEAST_PRICES_S = 6.0  # time for a certificate's dual prices even if no spare time is left
CERTIFICATE = "certificate"


# --- sites ---------------------------------------------------------------------------------------


@stage("offers.costs")
def site_costs(config: Config) -> sites.SiteCosts:
    """The costs of civil works, land, bays and upkeep, with the overrides of the configuration."""
    return sites.site_costs(**config.offers.costs.model_dump(exclude_none=True))


@stage(
    "candidates",
    "offers: feeders feeder_within_m lines",
    seen=("roads.source",),
    told="candidates",
    found=lambda pair: (
        f"{len(pair[0]):,} sites, {pair[0]['existing'].sum():,} of them existing; "
        + ", ".join(f"{n:,} places {why}" for why, n in read_sources.left_out(pair[1]).items())
    ),
)
def sites_found(
    config: Config, network: Network, site_costs: sites.SiteCosts
) -> tuple[Layer, Layer, Table]:
    """The candidates, the places left out, and the sources that yielded no place."""
    layers, empty = read_sources.candidate_layers(config, network)
    merged, dropped = sites.merge_candidates(
        layers,
        network,
        merge_within_m=config.candidates.merge_within_m,
        max_snap_m=config.candidates.max_snap_m,
        excluded=sites.excluded_areas((a.path, a.name_column) for a in config.candidates.exclude),
    )
    merged = read_sources.on_the_grid(config, merged, site_costs.line_detour)
    return read_sources.with_own_names(merged), read_sources.with_own_names(dropped), empty


@stage("roads.source", stored="neighbourhoods")
def neighbourhoods(config: Config, network: Network) -> Layer:
    """Named parts of the city as points (metres); empty if the roads are not read from a file."""
    source, known = config.roads.source, read_sources.no_neighbourhoods()
    if source.kind == "file":
        known = roads.read_neighbourhoods(source.path)
    known = known[known.within(read_sources.outline(network))]
    return known.to_crs(network.crs).reset_index(drop=True)


@stage(stored="candidates")
def candidates(
    sites_found: tuple[Layer, Layer, Table], network: Network, neighbourhoods: Layer
) -> Layer:
    """Existing and possible sites (`siting.tables.CANDIDATES`), each with a name."""
    return sites.with_whereabouts(sites_found[0], network.edges, neighbourhoods)


@stage(stored="candidates")
def dropped(sites_found: tuple[Layer, Layer, Table]) -> Layer:
    """Places left out, each with a reason, such as too far from a road or in an excluded area."""
    return sites_found[1]


@stage(stored="candidates")
def empty_sources(sites_found: tuple[Layer, Layer, Table]) -> Table:
    """Candidate sources that yielded no place. Columns: ``key`` and ``what`` (what is missing)."""
    return sites_found[2]


@stage(stored="offers")
def compatibility() -> Table:
    """The vehicle classes that each charger group serves (`siting.tables.COMPATIBILITY`)."""
    return sites.compatibility()


@stage("offers: service utilisation")
def service_standard(config: Config) -> sites.ServiceStandard:
    """The service standard, which sets the usable capacity of a charger."""
    asked = config.offers.service.model_dump() | {"utilisation": config.offers.utilisation}
    asked["time_utilisation"] = sites.time_utilisation(asked["time_utilisation"])
    return sites.ServiceStandard(**asked)


@stage("offers: configurations sizes chargers_csv", "money.pkr_per_usd", stored="offers")
def chargers(config: Config) -> Table:
    """The catalogue rows of the chargers that the configurations and sizes use."""
    catalogue = sites.charger_catalogue(config.offers.chargers_csv, config.money.pkr_per_usd)
    configurations, sizes = choices_of(config.offers)
    used = {*sizes, *(name for counts in configurations.values() for name in counts)}
    return catalogue[catalogue["charger_id"].astype(str).isin(used)].reset_index(drop=True)


@stage("offers.availability")
def availability(config: Config, city: Row) -> float:
    """The share of the time during which both the grid and the charger work."""
    return config.offers.availability or float(city["availability"])


@stage(
    "offers: configurations sizes least_ports chargers_csv grid_csv headroom_kw",
    "offers: existing_policy upgrade subsidy table_csv",
    "money.pkr_per_usd",
    told="offers",
    found=lambda o: f"{len(o):,} offers, {(o['reason'].fillna('') != '').sum():,} ruled out",
    stored="offers",
    once=True,
)
def offers(
    config: Config,
    candidates: Layer,
    compatibility: Table,
    availability: float,
    site_costs: sites.SiteCosts,
    sessions: Table,
    energy: Table,
    service_standard: sites.ServiceStandard,
) -> Table:
    """The stations considered at each site (`siting.tables.OFFERS`)."""
    asked = config.offers
    configurations, sizes = choices_of(asked)
    most = asked.subsidy.model_dump(exclude_none=True, exclude={"hurdle", "concessions"})
    made = sites.make_offers(
        candidates,
        configurations,
        sizes=sizes,
        least_ports=asked.least_ports,
        chargers=sites.charger_catalogue(asked.chargers_csv, config.money.pkr_per_usd),
        grid=sites.grid_figures(asked.grid_csv),
        fees=at_preset(sites.fee_figures(), site_costs.preset),
        compatibility=compatibility,
        headroom_kw=asked.headroom_kw,
        availability=availability,
        subsidy=sites.Subsidy(**most),
        service=service_standard,
        costs=site_costs,
        sessions=sessions,
        energy_kwh_day=dict(zip(energy["vehicle_class"], energy["demand_kwh_day"], strict=True)),
        existing_policy=asked.existing_policy,
        upgrade=asked.upgrade,
    )
    table_csv = asked.table_csv
    return made if table_csv is None else own_offers(table_csv, made, candidates)


@stage(
    "year",
    "money: opening_year sales_path",
    "program.years",
    "demand.fleet_csv",
    also=("energy",),
    stored="sales",
)
def sales_path(config: Config, study: Any) -> Table:
    """The sales in each year of operation, as a ``share`` of the sales in the target year.

    If the program has years, each business case uses the sales of the year in which the station
    opens. If the user supplies the fleet, no station opens before the fleet's first year.
    """
    if config.money.sales_path is not None or config.program.years is not None:
        return pd.DataFrame({"share": config.money.sales_path or (1.0,)})
    last, opening = config.year, config.money.opening_year
    own = config.demand.fleet_csv
    first = 0 if own is None else int(reference.table("fleet", own)["year"].min())
    spread = economics.opening_years(last, first) if opening is None else [opening]
    years = range(min(spread), last + 1)
    wanted = {y: float(study.in_other(year=y).energy["demand_kwh_day"].sum()) for y in years}
    return pd.DataFrame({"share": economics.sales_path(wanted, last, spread)})


@stage("money", "offers.costs.preset")
def business_rules(
    config: Config, offers: Table, compatibility: Table, sales_path: Table
) -> economics.BusinessRules:
    """Prices and rates of the business case, with the configuration's overrides applied."""
    others = {"value_of_time_pkr_h", "opening_year", "pkr_per_usd"}
    figures = config.money.model_dump(exclude_none=True, exclude=others)
    figures["sales_path"] = tuple(sales_path["share"].astype(float))
    rules = economics.business_rules(preset=config.offers.costs.preset, **figures)
    known = compatibility["charger_group"].astype(str).unique()
    economics.require_prices(rules, offers, known, config.money.prices_pkr_kwh or ())
    return rules


@stage("money.value_of_time_pkr_h")
def time_values(config: Config) -> Table:
    """The value of a driver's hour by vehicle class, with the configuration's overrides applied."""
    return economics.values_of_time(config.money.value_of_time_pkr_h)


# --- program -------------------------------------------------------------------------------------


@stage(
    "reach: cutoff_min access_kmh table_csv",
    told="reach",
    found=lambda r: f"{len(r):,} pairs of a cell and a site within the cutoff",
    stored="reach",
)
def reach(
    config: Config,
    context: Context,
    network: Network,
    network_sha256: str,
    cells: Layer,
    candidates: Layer,
) -> Table:
    """The sites within reach of each cell, with drive times (min; `siting.tables.REACH`)."""
    asked = config.reach
    if asked.table_csv is not None:
        return own_reach(asked.table_csv, cells, candidates, asked.cutoff_min)
    where = ["node_id", "snap_m"]  # drive times depend only on these columns and the ids
    cells, candidates = cells[["cell_id", *where]], candidates[["site_id", *where]]
    parts = (cells, candidates, asked.cutoff_min, asked.access_kmh)
    count = context.count("sites")
    return context.kept((network_sha256, *parts), lambda: roads.reach(network, *parts, count))


@stage("program.zones", stored="cell_zones")
def cell_zones(config: Config, cells: Layer) -> pd.Series | None:
    """The zone of each cell, by ``cell_id``; None if the program has no zones."""
    zones = config.program.zones
    return None if zones is None else zone_of_cells(zones, cells)


@stage()
def demand_zones(demand: Table, cell_zones: pd.Series | None) -> pd.Series | None:
    """The zone of each demand row, by ``demand_id``; None if the program has no zones."""
    return None if cell_zones is None else zone_of_demand(demand, cell_zones)


@stage(
    "program",
    "solver",
    "offers.subsidy",
    "reach.cutoff_min",
    "year",
    "demand: scenario case vehicle_classes",
)
def asked(
    study: Any,
    demand: Table,
    offers: Table,
    reach: Table,
    compatibility: Table,
    cells: Layer,
    cell_zones: pd.Series | None,
    sessions: Table,
    limits: tuple[Limit, ...],
    required_sites: tuple[str, ...],
    forbidden_sites: tuple[str, ...],
    business_rules: economics.BusinessRules,
    time_values: Table,
    concessions: dict[str, str],
) -> Asked:
    """The configuration, with the tables from which its program is made."""
    config = study.config
    theirs = on_owners_money(offers, limits)
    if theirs.any():
        offers = offers.assign(subsidy_pkr=offers["subsidy_pkr"].mask(theirs, 0.0))
    demands, own = demands_of(config, demand, lambda **other: study.in_other(**other).demand)
    zones, people = None, dict[str, float]()
    if cell_zones is not None:
        zones, people = zones_of(next(iter(own.values())), demands, cells, cell_zones)
    worth = own_worth = need = None
    kind = config.program.objective
    if kind != "energy":
        worth = {key: worth_of(rows, kind, cells, sessions) for key, rows in demands.items()}
        own_worth = {year: worth_of(rows, kind, cells, sessions) for year, rows in own.items()}
    if subsidy_of(config).fills_gap:
        need = need_of(config, offers, compatibility, business_rules, concessions, theirs)
    return Asked(
        # The subsidy rule is made explicit, so that changed copies of the configuration keep it.
        config=with_keys(config, {"offers.subsidy.rule": subsidy_of(config).rule}),
        demand=demands,
        own=own,
        offers=offers,
        reach=reach,
        compatibility=compatibility,
        limits=with_more_money(limits, money_of(config)),
        required=required_sites,
        forbidden=forbidden_sites,
        zones=zones,
        people=people,
        worth=worth,
        own_worth=own_worth,
        need=need,
        rules=business_rules,
        time_values=time_values,
        sessions=sessions,
    )


@stage()
def program(asked: Asked) -> Question:
    """The optimisation problem, made from the requirements, sites and demand."""
    made = program_of(asked)
    blocks = {name: getattr(made, name) for name in Program.__dataclass_fields__}
    return Question(**(blocks | {"zones": asked.zones}), config=asked.config)


@stage()
def instance(program: Program) -> Instance:
    """The data of the program, without its blocks and aims."""
    return program.instance


@stage("solver", told="solve", found=lambda o: f"{o.proof}", stored="outcome")
def outcome(study: Any, context: Context, asked: Asked, program: Program) -> Outcome:
    """The solution of the program: stations, the demand they serve, proofs and further tables."""
    return decide(asked, program, progress=context.solving, start=study.start)


@stage("offers: configurations sizes table_csv")
def shown_offers(config: Config, offers: Table, outcome: Outcome) -> Table:
    """The offers shown in files and lists: the sizes built, and a few others at each site.

    All offers of a user's own table and of ``offers.configurations`` are shown. For the choice of
    other sizes, see `siting.sites.shown_offers`.
    """
    asked = config.offers
    if asked.table_csv is not None:
        return offers
    built = {*outcome.offers, *outcome.built["offer_id"].astype(str)}
    return sites.shown_offers(offers, built, asked.configurations or {})


@stage(
    "solver",
    told=CERTIFICATE,
    found=lambda prices: (
        "none, so the run's files cannot prove the bound"
        if prices is None
        else f"{len(prices) - 1:,} dual prices, from which siting verify proves a bound"
    ),
    stored="outcome",
)
def certificate(config: Config, study: Any, program: Program, outcome: Outcome) -> Table | None:
    """The dual prices that prove a bound on the first aim, and the bound that the plan reports.

    See `siting.verify.certified`. None if no bound was proven, the solve was interrupted, or no
    dual prices were found in time.
    """
    if not math.isfinite(outcome.proof.bound) or outcome.stopped == "interrupted" or stop_wished():
        return None
    if (prices := outcome.prices) is None:
        with study.spare.clock(CERTIFICATE, 1.0) as clock:
            limit_s = max(LEAST_PRICES_S, clock.limit_s)
            prices = prices_of(program, limit_s=limit_s, seed=config.solver.seed)
    if prices is None:
        return None
    bound = {"row": BOUND, "name": "", "slice": "", "price": outcome.proof.bound}
    return pd.concat([pd.DataFrame([bound]), prices], ignore_index=True)
