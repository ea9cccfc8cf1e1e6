"""Find the stages that a change makes stale, and the stages that a run folder stores.

A change to a key makes a stage stale if the stage declares the key or depends on a stale stage. A
key that no stage declares makes every stage stale, so a new key cannot leave a stale table behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from siting.config import Config
from siting.study import (
    alternatives_text,
    binds,
    decides,
    provenance,
    read_sources,
    recounted,
    robustness,
    to_demand,
    to_limits,
    to_plan,
)
from siting.study.stages import EVERY_KEY, INERT, Stage


class Stages:
    """The stages of a study, in an order in which each stage reads only earlier stages."""

    # Roads.
    city = to_demand.city
    network = read_sources.network
    network_sha256 = to_demand.network_sha256
    # Population and cells.
    people_read = read_sources.people_read
    people = to_demand.people
    people_outside = to_demand.people_outside
    zones = to_demand.zones
    poi_weights = to_demand.poi_weights
    road_weights = to_demand.road_weights
    places = read_sources.places
    unpeopled = to_demand.unpeopled
    cells = to_demand.cells
    zone_table = to_demand.zone_table
    city_people = to_demand.city_people
    area_share = to_demand.area_share
    # Vehicles, and their energy by zone and cell.
    national_fleet = to_demand.national_fleet
    class_figures = to_demand.class_figures
    registered_share = to_demand.registered_share
    depots = to_demand.depots
    fleet_tables = to_demand.fleet_tables
    fleet = to_demand.fleet
    vehicles = to_demand.vehicles
    fleet_share = to_demand.fleet_share
    housing = to_demand.housing
    energy = to_demand.energy
    area = to_demand.area
    zone_energy = to_demand.zone_energy
    sessions = to_demand.sessions
    surface_weights = to_demand.surface_weights
    surfaces = to_demand.surfaces
    demand = to_demand.demand
    cell_places = to_demand.cell_places
    energy_factors = to_demand.energy_factors
    fleet_paces = to_demand.fleet_paces
    # Sites and their possible stations.
    site_costs = to_plan.site_costs
    sites_found = to_plan.sites_found
    neighbourhoods = to_plan.neighbourhoods
    candidates = to_plan.candidates
    dropped = to_plan.dropped
    empty_sources = to_plan.empty_sources
    compatibility = to_plan.compatibility
    service_standard = to_plan.service_standard
    chargers = to_plan.chargers
    availability = to_plan.availability
    offers = to_plan.offers
    sales_path = to_plan.sales_path
    business_rules = to_plan.business_rules
    time_values = to_plan.time_values
    # The program, its solution, and the plan.
    reach = to_plan.reach
    cell_zones = to_plan.cell_zones
    demand_zones = to_plan.demand_zones
    limits = to_limits.limits
    required_sites = to_limits.required_sites
    forbidden_sites = to_limits.forbidden_sites
    concessions = to_limits.concessions
    asked = to_plan.asked
    program = to_plan.program
    instance = to_plan.instance
    outcome = to_plan.outcome
    shown_offers = to_plan.shown_offers
    certificate = to_plan.certificate
    plan = recounted.plan
    # The basis of the plan.
    known_inputs = provenance.known_inputs
    inputs = provenance.inputs
    contents = provenance.contents
    demand_facts = provenance.demand_facts
    demand_notes = provenance.demand_notes
    figures = provenance.figures
    sourced_figures = provenance.sourced_figures
    settings = provenance.settings
    assumptions = provenance.assumptions
    # Further results on the plan.
    cards = alternatives_text.cards
    places_used = binds.places_used
    binding = binds.binding
    standing_sales = binds.standing_sales
    station_accounts = decides.station_accounts
    break_evens = decides.break_evens
    figure_swings = decides.figure_swings
    day = robustness.day
    isochrones = robustness.isochrones
    what_if = robustness.what_if
    demand_range = robustness.demand_range


# All stages by name, in the order of `Stages`.
STAGES: Mapping[str, Stage[Any]] = {
    name: made for name, made in vars(Stages).items() if isinstance(made, Stage)
}
# The groups of stages that a run folder stores.
STORED = tuple(dict.fromkeys(made.stored for made in STAGES.values() if made.stored))


def upto(*names: str) -> list[str]:
    """Return `names` and the names of all stages that these stages need, in order."""
    needed = set(names)
    for name in reversed(list(STAGES)):
        if name in needed:
            needed.update(STAGES[name].reads)
    return [name for name in STAGES if name in needed]


def gone(
    keys: Iterable[str] = (), given: Collection[str] = (), once: bool = False
) -> frozenset[str]:
    """Return the names of the stages that become stale if `keys` or the tables `given` change.

    `given` names the stages whose tables are replaced; these stages remain valid. If `once` is set,
    stages that have the same result in every year, scenario and case also remain valid.
    """
    changed = [key for key in keys if key.split(".")[0] not in INERT]
    unknown = any(not any(_declares(made, key) for made in STAGES.values()) for key in changed)
    outdated = {
        name
        for name, made in STAGES.items()
        if unknown
        or any(made.reads_key(key) for key in changed)
        or not set(given).isdisjoint(made.reads)
    }
    outdated = _and_below(outdated, given, once)
    if "cells" in outdated:  # a run folder does not store the population by place
        outdated = _and_below(outdated | {"people_read"}, given, once)
    return frozenset(outdated)


def _and_below(outdated: set[str], given: Collection[str], once: bool) -> set[str]:
    """Return `outdated` and all dependent stages, except those kept valid by `given` or `once`."""
    below: set[str] = set()
    for name, made in STAGES.items():
        holds = name in given or (once and made.once)
        if not holds and (name in outdated or not below.isdisjoint(made.reads)):
            below.add(name)
    return below


def _declares(made: Stage[Any], key: str) -> bool:
    return made.keys != EVERY_KEY and made.reads_key(key)


def stale(keys: Iterable[str]) -> tuple[str, ...]:
    """Return the groups of stored stages that become stale if `keys` change, in order.

    >>> stale(["reach.cutoff_min"])
    ('reach', 'outcome')
    >>> stale(["year", "title"])
    ('demand', 'factors', 'offers', 'sales', 'limits', 'outcome')
    """
    groups = {STAGES[name].stored for name in gone(keys)}
    return tuple(group for group in STORED if group in groups)


def feeds(key: str) -> tuple[str, ...]:
    """Return the groups of stored stages that read a key, directly or through unstored stages.

    >>> feeds("reach.cutoff_min")
    ('reach', 'outcome')
    >>> feeds("offers.subsidy.charger_share")
    ('offers', 'outcome')
    """
    if key.split(".")[0] in INERT:
        return ()
    readers = {name for name, made in STAGES.items() if _declares(made, key)}
    if not readers:
        return STORED
    for name, made in STAGES.items():
        if any(read in readers and not STAGES[read].stored for read in made.reads):
            readers.add(name)
    groups = {STAGES[name].stored for name in readers}
    return tuple(group for group in STORED if group in groups)


def still_known(
    records: Iterable[Mapping[str, Any]], changed: Iterable[str]
) -> dict[str, Mapping[str, Any]]:
    """Return the records of the inputs that remain valid after a change of keys, by input key."""
    groups, keyed = stale(changed), {str(record["key"]): record for record in records}
    return {key: record for key, record in keyed.items() if set(feeds(key)).isdisjoint(groups)}


def changed_keys(before: Config, after: Config) -> tuple[str, ...]:
    """Return the full paths of the keys whose values differ between two configurations."""
    old, new = dict(leaves(before.model_dump())), dict(leaves(after.model_dump()))
    missing = object()
    return tuple(key for key in old | new if old.get(key, missing) != new.get(key, missing))


def leaves(value: Any, key: str = "", first: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the dotted key and the value of each leaf of a nested value.

    Mappings in a list are keyed by their position, counted from `first`. A list without mappings is
    a leaf.

    >>> list(leaves({"zones": ["A1", "B2"], "classes": [{"served_share": None}]}))
    [('zones', ['A1', 'B2']), ('classes.0.served_share', None)]
    """
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        value = dict(enumerate(value, first))
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}" if key else str(name), first)
    else:
        yield key, str(value) if isinstance(value, Path) else value
