"""The stages from sites to plan, forward; `siting.study.to_demand` comes before."""

from __future__ import annotations

from typing import Any

import pandas as pd

from siting import economics, roads, sites
from siting.config import Config
from siting.models import Instance, Limit
from siting.plan import Plan
from siting.roads import Network
from siting.solve import Solution
from siting.study import decide as deciding
from siting.study import gap as viability
from siting.study.decision import Decision
from siting.study.limits import limits_of, sites_named
from siting.study.recounted import recounted_plan, require_plain_limits
from siting.study.sources import candidate_layers, on_the_grid, outside_area
from siting.study.stages import Context, Layer, Row, Table, stage
from siting.study.to_demand import own_figures
from siting.study.zones import zone_of_cells, zone_of_demand

# What of cells and candidates the reach depends on.
_WHERE_CELLS = ["cell_id", "node_id", "snap_m"]
_WHERE_SITES = ["site_id", "node_id", "snap_m"]


# --- sites ---------------------------------------------------------------------------------------


@stage("offers.costs")
def site_costs(config: Config) -> sites.SiteCosts:
    """Civil works, land, bays and upkeep, with the configuration's overrides."""
    return sites.site_costs(**own_figures(config.offers.costs))


@stage(
    "candidates",
    "offers: feeders feeder_within_m lines",
    seen=("roads.source",),
    told="candidates",
    found=lambda pair: (
        f"{len(pair[0]):,} sites, {pair[0]['existing'].sum():,} of them existing; "
        f"{outside_area(pair[1]).sum():,} places outside the area, "
        f"{(~outside_area(pair[1])).sum():,} too far from a road"
    ),
)
def sites_found(
    config: Config, network: Network, site_costs: sites.SiteCosts
) -> tuple[Layer, Layer]:
    """Candidates, and places that are none."""
    found, dropped = sites.merge_candidates(
        candidate_layers(config, network),
        network,
        merge_within_m=config.candidates.merge_within_m,
        max_snap_m=config.candidates.max_snap_m,
    )
    return on_the_grid(config, found, site_costs.line_detour), dropped


@stage(stored="candidates")
def candidates(sites_found: tuple[Layer, Layer]) -> Layer:
    """Where a station could stand or stands (`siting.tables.CANDIDATES`)."""
    return sites_found[0]


@stage(stored="candidates")
def dropped(sites_found: tuple[Layer, Layer]) -> Layer:
    """Places too far from a road to be candidates, with the reason."""
    return sites_found[1]


@stage(stored="offers")
def compatibility() -> Table:
    """Which charger group serves which vehicle class (`siting.tables.COMPATIBILITY`)."""
    return sites.compatibility()


@stage("offers.availability")
def availability(config: Config, city: Row) -> float:
    """Share of the time that grid and charger work."""
    return config.offers.availability or float(city["availability"])


@stage(
    "offers: configurations chargers_csv grid_csv headroom_kw utilisation",
    "offers: service existing_policy upgrade subsidy",
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
) -> Table:
    """What could be built at each site (`siting.tables.OFFERS`)."""
    asked = config.offers
    classes = zip(energy["vehicle_class"], energy["demand_kwh_day"], strict=True)
    return sites.make_offers(
        candidates,
        {name: dict(counts) for name, counts in asked.configurations.items()},
        chargers=sites.charger_catalogue(asked.chargers_csv),
        grid=sites.grid_figures(asked.grid_csv),
        fees=sites.fee_figures(),
        compatibility=compatibility,
        headroom_kw=asked.headroom_kw,
        utilisation=asked.utilisation,
        availability=availability,
        subsidy=sites.Subsidy(**asked.subsidy.model_dump()),
        service=sites.ServiceStandard(utilisation=asked.utilisation, **asked.service.model_dump()),
        costs=site_costs,
        sessions=sessions,
        energy_kwh_day=dict(classes),
        existing_policy=asked.existing_policy,
        upgrade=asked.upgrade,
    )


@stage("money")
def business_rules(config: Config) -> economics.BusinessRules:
    """Prices and rates of the business case, with the configuration's overrides."""
    return economics.business_rules(**own_figures(config.money))


# --- program -------------------------------------------------------------------------------------


@stage(
    "reach: cutoff_min access_kmh",
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
    """Which sites each cell can reach (`siting.tables.REACH`)."""
    parts = (
        cells[_WHERE_CELLS],
        candidates[_WHERE_SITES],
        config.reach.cutoff_min,
        config.reach.access_kmh,
    )
    return context.kept(
        (network_sha256, *parts), lambda: roads.reach(network, *parts, context.count("sites"))
    )


@stage("program.zones", stored="cell_zones")
def cell_zones(config: Config, cells: Layer) -> pd.Series | None:
    """The zone of each cell, by ``cell_id``; none where the program has no zones."""
    return zone_of_cells(config.program.zones, cells)


@stage()
def demand_zones(demand: Table, cell_zones: pd.Series | None) -> pd.Series | None:
    """The zone of each demand row, by ``demand_id``; none where the program has no zones."""
    return None if cell_zones is None else zone_of_demand(demand, cell_zones)


@stage(
    "program.limits",
    "offers: configurations chargers_csv",
    also=("candidates", "offers"),
    stored="limits",
)
def limits(study: Any) -> tuple[Limit, ...]:
    """What a plan must keep to beside the budget: numbers, spacing, envelopes, feeders."""
    return limits_of(study)


@stage("program.limits.required_sites")
def required_sites(config: Config, candidates: Layer) -> tuple[str, ...]:
    """Ids of the sites that must get a station."""
    key = "program.limits.required_sites"
    return sites_named(candidates, config.program.limits.required_sites, key)


@stage("program.limits.forbidden_sites")
def forbidden_sites(config: Config, candidates: Layer) -> tuple[str, ...]:
    """Ids of the sites that must get none."""
    key = "program.limits.forbidden_sites"
    return sites_named(candidates, config.program.limits.forbidden_sites, key)


@stage("program", "offers.subsidy.rule")
def instance(
    config: Config,
    demand: Table,
    offers: Table,
    reach: Table,
    compatibility: Table,
    limits: tuple[Limit, ...],
    required_sites: tuple[str, ...],
    forbidden_sites: tuple[str, ...],
) -> Instance:
    """The program's data."""
    require_plain_limits(
        config.program, config.offers.subsidy.rule, limits, required_sites, forbidden_sites
    )
    return Instance.from_tables(
        demand,
        offers,
        reach,
        compatibility,
        config.program.budget_pkr,
        limits=limits,
        required=required_sites,
        forbidden=forbidden_sites,
    )


@stage(
    "program",
    "offers.subsidy",
    "demand.vehicle_classes",
    also=("demand", "offers", "reach", "compatibility", "business_rules"),
)
def gap_case(
    study: Any,
    limits: tuple[Limit, ...],
    required_sites: tuple[str, ...],
    forbidden_sites: tuple[str, ...],
) -> viability.GapCase:
    """The program's data under subsidy rule gap."""
    rows = (limits, required_sites, forbidden_sites)
    require_plain_limits(study.config.program, study.config.offers.subsidy.rule, *rows)
    return viability.gap_case(study)


@stage(
    "program",
    "solver",
    "offers.subsidy.rule",
    "reach.cutoff_min",
    "year",
    "demand: scenario case",
    also=("instance", "gap_case", "demand_zones", "sessions", "cells"),
    told="solve",
    found=lambda d: f"{d.proof}",
    stored="decision",
)
def decision(study: Any) -> Decision:
    """What the program decides: offers, service, proof, and the tables of its variant."""
    return deciding.decide(study)


@stage()
def solution(decision: Decision) -> Solution:
    """The solver's answer: offers chosen, bound, gap, why it stopped."""
    return decision.solution


@stage(
    "title",
    "note",
    "program",
    "offers.subsidy.rule",
    "offers.headroom_kw",
    "reach.cutoff_min",
    told="plan",
    found=lambda p: f"{len(p.new_sites):,} new stations; {len(p.checks)} checks passed",
)
def plan(
    config: Config,
    network: Network,
    cells: Layer,
    demand: Table,
    candidates: Layer,
    dropped: Layer,
    offers: Table,
    compatibility: Table,
    reach: Table,
    decision: Decision,
    limits: tuple[Limit, ...],
    required_sites: tuple[str, ...],
    forbidden_sites: tuple[str, ...],
    business_rules: economics.BusinessRules,
) -> Plan:
    """The plan, recounted by `siting.verify.verify` and the recount of its variant."""
    return recounted_plan(
        config,
        decision,
        business_rules,
        tables={
            "cells": cells,
            "demand": demand,
            "candidates": candidates,
            "dropped": dropped,
            "offers": offers,
            "edges": network.edges,
        },
        reach=reach,
        compatibility=compatibility,
        limits=limits,
        required_sites=required_sites,
        forbidden_sites=forbidden_sites,
    )
