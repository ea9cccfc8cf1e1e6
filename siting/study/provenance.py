"""What a plan is based on: its inputs with hashes, and every figure with its source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from siting import demand as people_to_energy
from siting import economics, reference, sites
from siting.config import Config, Demand, input_files
from siting.demand.surfaces import SURFACES
from siting.files import file_date, sha256
from siting.reference.listing import CONFIG, ENERGY, MONEY, STATIONS, WHERE, listed, placed
from siting.study.read_sources import People
from siting.study.stages import EVERY_KEY, Layer, Row, Table, stage
from siting.study.table_cache import content_sha256
from siting.study.to_demand import fleet_scenario, with_own

SETTINGS = "settings"  # value of ``used_for`` for the configuration's settings
_STATED = "configuration; no published figure"
# The settings whose range comes from a table, each with the table and the item.
_RANGED = {
    "headroom_kw": ("grid", "headroom"),
    "subsidy.charger_share": ("money", "subsidy_charger_share"),
    "subsidy.grid_share": ("money", "subsidy_grid_share"),
}


@stage()
def known_inputs() -> dict[str, dict[str, Any]]:
    """The records of the inputs that a run folder lists, by input key; see `inputs`."""
    return {}


@stage(*EVERY_KEY)
def inputs(config: Config, known_inputs: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One record per input, with its key, file, date, SHA-256, source and licence."""
    stated = input_records(config)
    by_key = {key: dict(known_inputs.get(key, record)) for key, record in stated.items()}
    records = list(by_key.values())
    for key, path in input_files(config).items():
        section_key = key.rpartition(".")[0]
        if key in known_inputs or section_key in known_inputs:
            continue
        owner = by_key.get(section_key)
        if owner is None or "file" in owner:
            owner = {"key": key, "kind": "table", "source": "given by the user", "licence": ""}
            records.append(owner)
        owner |= {"file": path.name, "file_date": file_date(path), "sha256": sha256(path)}
    said = {record["key"] for record in records}
    return records + [dict(known) for key, known in known_inputs.items() if key not in said]


def input_records(config: Config) -> dict[str, dict[str, Any]]:
    """Return the kind, source and licence of each input that has its own section, by its key."""
    surfaces, sites_of = config.demand.surfaces, config.candidates
    about: dict[str, Any] = {
        "roads.source": config.roads.source,
        "demand.people": config.demand.people,
        "demand.wealth": config.demand.wealth,
        "demand.surfaces.places": None if surfaces is None else surfaces.places,
        "candidates.existing": sites_of.existing,
        **{f"candidates.sources.{i}": source for i, source in enumerate(sites_of.sources)},
        **{f"candidates.exclude.{i}": area for i, area in enumerate(sites_of.exclude)},
    }
    records: dict[str, dict[str, Any]] = {}
    for key, section in about.items():
        if section is None:
            continue
        record = records[key] = {"key": key, "kind": getattr(section, "kind", "layer")}
        record |= {n: getattr(section, n) for n in ("query", "basis") if hasattr(section, n)}
        source, named = (getattr(section, name, "") for name in ("source", "attribution"))
        parts = [named if source in named else source, named]
        record["source"] = ", ".join(dict.fromkeys(filter(None, parts))) or "not stated"
        record["licence"] = getattr(section, "licence", "") or "not stated"
        if key.startswith("candidates") and record["kind"] == "streets":
            # Street corners are derived from the roads, so the roads' source and licence apply.
            record |= {name: records["roads.source"][name] for name in ("source", "licence")}
    return records


@stage()
def contents(
    network_sha256: str, cells: Layer, demand: Table, candidates: Layer, offers: Table, reach: Table
) -> dict[str, str]:
    """The SHA-256 of each main table, for comparing runs even if inputs were downloaded."""
    names = ("cells", "demand", "candidates", "offers", "reach")
    hashes = map(content_sha256, (cells, demand, candidates, offers, reach))
    return {"roads": network_sha256, **dict(zip(names, hashes, strict=True))}


@stage("demand: fleet_csv scenario case city table")
def demand_facts(
    config: Config, cells: Layer, area_share: float, surfaces: Table | None, demand: Table
) -> dict[str, Any]:
    """What the demand is based on, and the demand by class (kWh/day)."""
    asked = config.demand
    fleet_csv = asked.fleet_csv
    where = "people" if surfaces is None else "home, destination, en route"
    if asked.table is not None:
        where = f"table {asked.table.name}"
    return {
        "fleet": f"table {fleet_csv.name}" if fleet_csv else f"scenario {asked.scenario}",
        "case": asked.case,
        "city": asked.city,
        "people": float(cells["people"].sum()),
        "area_share": area_share,
        "where": where,
        "kwh_day": demand.groupby("vehicle_class")["demand_kwh_day"].sum().to_dict(),
        "national": people_to_energy.national_stations(float(cells["people"].sum())),
    }


@stage("reach.max_snap_m", "demand.case", "year", "demand: scenario fleet_csv table")
def demand_notes(
    config: Config,
    people_read: People,
    cells: Layer,
    surfaces: Table | None,
    demand: Table,
    depots: Table | None,
    national_fleet: Table,
    registered_share: Table,
    area_share: float,
) -> list[str]:
    """Notes that readers need before they use the demand, in plain words."""
    far_m, case = config.reach.max_snap_m, config.demand.case
    lines = list(people_read.notes)
    if (left_out := float(people_read.outside["people"].sum())) > 0:
        lines.append(
            f"{left_out:,.0f} people in the layer live outside the area covered by the "
            "road network and are not part of the study"
        )
    if (far := cells["node_id"].isna()).any():
        kwh = demand.loc[demand["cell_id"].isin(cells.loc[far, "cell_id"]), "demand_kwh_day"].sum()
        lines.append(
            f"{cells.loc[far, 'people'].sum():,.0f} of {cells['people'].sum():,.0f} "
            f"people live more than {far_m:g} m from any road of the "
            f"network: their demand ({kwh:,.0f} kWh/day) counts but cannot be served"
        )
    if config.demand.table is not None:
        return [
            *lines,
            f"the demand is your own table, {config.demand.table.name}; the fleet, ranges and "
            "factors are those of the model and did not affect it",
        ]
    if surfaces is None:
        lines.append("all demand is assumed to arise where people live (no demand.surfaces)")
    else:
        lines += surfaces.attrs["notes"]
    lines += demand.attrs["notes"]
    if depots is not None:
        country = national_fleet.set_index("vehicle_class")["vehicles"]
        of_city = registered_share.set_index("vehicle_class")["city_share"]
        modelled = country * of_city * area_share
        for name, class_depots in depots.groupby("vehicle_class", sort=False):
            lines.append(
                f"{name}: {class_depots['vehicles'].sum():,.0f} vehicles known by depot "
                f"({', '.join(class_depots['depot'])}) replace the {modelled[name]:,.0f} "
                f"that the fleet model estimates for the area; their public charging "
                f"({class_depots['demand_kwh_day'].sum():,.0f} kWh/day) is assigned to the depots"
            )
    if config.year > people_to_energy.PROJECTED_AFTER:
        by = "fleet table" if config.demand.fleet_csv else f"{config.demand.scenario} scenario"
        lines.append(
            f"{config.year} is a projection, not a forecast: no target by class reaches beyond "
            f"{people_to_energy.PROJECTED_AFTER}, and the {by} continues today's growth of sales"
        )
    if case != "central":
        lines.append(
            f"{case} case: every demand figure is at the end of its range at the same time; this "
            "is a bound, not a likely outcome"
        )
    return lines


@stage("demand.surfaces.weights")
def figures(
    config: Config,
    area: people_to_energy.Area,
    cells: Layer,
    city_people: float,
    surface_weights: Table,
) -> Table:
    """The figures behind the demand and its location, with ranges, sources and confidence."""
    share = f"{cells['people'].sum():,.0f} people in the study area, divided by "
    share += f"{city_people:,.0f} in the city"
    parts = [people_to_energy.demand_figures(area, share)]
    for surface in SURFACES if config.demand.surfaces else ():
        columns = {surface: "value", f"{surface}_low": "low", f"{surface}_high": "high"}
        weights = surface_weights.rename(columns=columns).assign(figure=surface)
        parts.append(weights[parts[0].columns])
    return pd.concat(parts, ignore_index=True)


@stage(
    "offers: chargers_csv grid_csv upgrade costs service",
    "money",
    "program.limits",
    "roads: speeds speeds_csv",
    "demand",
    "program.scenarios",
)
def sourced_figures(
    config: Config, city: Row, figures: Table, vehicles: Table, sessions: Table, chargers: Table
) -> Table:
    """The figures of the `assumptions` stage that come from tables."""
    group = config.roads.speeds or str(city["speed_group"])
    speeds = reference.table("speeds", config.roads.speeds_csv)
    speeds = speeds[speeds["city_group"].astype(str) == group]
    futures = config.program.scenarios
    fleets = [f.fleet for f in futures.of.values() if f.fleet] if futures else []
    parts = [
        all_figures(config.demand, figures, city, vehicles, sessions, fleets),
        listed("speeds", speeds, file_of("speeds", config.roads.speeds_csv)),
        *station_figures(config, chargers),
        *money_figures(config),
    ]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


@stage(
    "program.budget_pkr",
    "reach: cutoff_min access_kmh",
    "offers: headroom_kw utilisation service subsidy availability",
)
def settings(config: Config, city: Row, availability: float) -> Table:
    """The planning settings of the configuration, as figures that are marked ASSUMPTION."""
    offers, subsidy = config.offers, config.offers.subsidy
    feeders = "configuration; feeder loads not public"
    rule, power = "configuration; rule not found", "configuration"
    if offers.availability is None:
        power = f"{city['disco']}: {city['availability_source']}"
    standard = [("utilisation", offers.utilisation, "share", _STATED)]
    if offers.service.rule == "waiting":
        standard = [
            ("service.wait_min", offers.service.wait_min, "min", _STATED),
            ("service.alpha", offers.service.alpha, "share", _STATED),
        ]
    rows = [
        ("budget_pkr", config.program.budget_pkr, "PKR", "configuration"),
        ("cutoff_min", config.reach.cutoff_min, "min", _STATED),
        ("access_kmh", config.reach.access_kmh, "km/h", _STATED),
        ("headroom_kw", offers.headroom_kw, "kW", feeders),
        *standard,
        ("subsidy.charger_share", subsidy.charger_share, "share", rule),
        ("subsidy.grid_share", subsidy.grid_share, "share", rule),
        ("subsidy.fee_share", subsidy.fee_share, "share", rule),
        ("availability", availability, "share", power),
    ]
    # The range of the table is widened to include the user's value.
    ends = {}
    for figure, (table, item) in _RANGED.items():
        known = reference.table(table).set_index("item")
        ends[figure] = (float(known["low"][item]), float(known["high"][item]))
    if offers.availability is None:
        ends["availability"] = (city["availability_low"], city["availability_high"])
    spans = [(value, *ends.get(figure, ())) for figure, value, *_ in rows]
    ranges = {"low": [min(span) for span in spans], "high": [max(span) for span in spans]}
    frame = pd.DataFrame(rows, columns=["figure", "value", "unit", "source"])
    return frame.assign(**ranges, of="", confidence="ASSUMPTION")


@stage()
def assumptions(sourced_figures: Table, settings: Table) -> Table:
    """Every figure behind the plan, one per row, with its source and confidence mark.

    Columns: ``figure``, ``of`` (vehicle class, charger …), ``value``, ``low``, ``high``, ``unit``,
    ``source``, ``confidence``, ``table`` (the file with the figure) and ``used_for``.
    """
    rows = placed(settings, CONFIG, SETTINGS)
    # Availability is the only setting whose value can come from a table.
    by_city = (rows["figure"] == "availability") & ~rows["source"].str.startswith("configuration")
    rows["table"] = rows["table"].mask(by_city, "cities.csv")
    late = sourced_figures["used_for"].isin([STATIONS, MONEY])
    return pd.concat([sourced_figures[~late], rows, sourced_figures[late]], ignore_index=True)


def _from_own(rows: Table, name: str, path: Path | None) -> Table:
    """Return the figures; ``table`` names the user's file for each figure that the file sets."""
    if path is None:
        return rows
    in_file = pd.MultiIndex.from_frame(reference.table(name, path)[["figure", "vehicle_class"]])
    own = pd.MultiIndex.from_frame(rows[["figure", "of"]]).isin(in_file)
    return rows.assign(table=rows["table"].mask(own & (rows["table"] == f"{name}.csv"), path.name))


def file_of(name: str, path: Path | None) -> str:
    """Return the name of a table's file: the user's file if `path` is set, else the package's."""
    return f"{name}.csv" if path is None else path.name


def _energy_figures(asked: Demand, figures: Table, city: Row, fleets: Iterable[str]) -> list[Table]:
    """Return all figures behind the demand, from vehicle sales to the share charged in public."""
    classes = list(asked.vehicle_classes)
    parts = []
    for scenario in dict.fromkeys([asked.scenario, *fleets]) if asked.fleet_csv is None else ():
        model = people_to_energy.fleet_figures(fleet_scenario(asked, scenario))
        model = model[model["vehicle_class"].isin(classes)].rename(columns={"vehicle_class": "of"})
        if scenario != asked.scenario:
            model = model[model["figure"].str.startswith("share_")]
            model = model.assign(figure=model["figure"] + " " + scenario)
        model = placed(model, file_of("scenarios", asked.scenarios_csv), ENERGY)
        sold = ~model["figure"].str.startswith("share_") & (model["table"] != CONFIG)
        model["table"] = model["table"].mask(sold, "sales.csv")
        parts.append(_from_own(model, "sales", asked.sales_csv))
    origin = {
        "country_vehicles": "fleet model" if asked.fleet_csv is None else asked.fleet_csv.name,
        "area_share": "demand.people",
        **dict.fromkeys(people_to_energy.EFFECTS, "country.csv"),
        **dict.fromkeys(SURFACES, "surface_weights.csv"),
    }
    rows = figures.rename(columns={"vehicle_class": "of"})
    rows = placed(rows, "vehicles.csv", ENERGY)
    rows["table"] = rows["figure"].map(origin).where(rows["table"] != CONFIG).fillna(rows["table"])
    rows["used_for"] = rows["used_for"].mask(rows["figure"].isin(SURFACES), WHERE)
    rows = _from_own(rows, "vehicles", asked.vehicles_csv)
    registered = reference.table("registrations", asked.registrations_csv)
    here = registered["city"].astype(str).str.casefold() == asked.city.casefold()
    used = registered["vehicle_class"].isna() | registered["vehicle_class"].isin(classes)
    registrations = file_of("registrations", asked.registrations_csv)
    share = (rows["figure"] == "city_share") & (rows["table"] != CONFIG)
    stated = registered[here & used]
    by_people = stated["vehicle_class"].notna().all() and pd.isna(city.get("share_of_fleet"))
    known = rows["of"].isin(stated["vehicle_class"]) | bool(stated["vehicle_class"].isna().any())
    otherwise = "cities.csv, country.csv" if by_people else "cities.csv"
    rows["table"] = rows["table"].mask(share & known, registrations).mask(share & ~known, otherwise)
    parts += [rows, listed("registrations", stated, registrations)]
    of_city = pd.DataFrame([city]).infer_objects()
    if asked.city_people is not None:
        of_city = of_city.drop(columns="people_2023")
    parts.append(listed("cities", of_city))
    if by_people:
        heads = reference.table("country")
        parts.append(listed("country", heads[heads["item"].isin(["urban_people", "evs_per_head"])]))
    return parts


def all_figures(
    asked: Demand,
    figures: Table,
    city: Row,
    vehicles: Table,
    sessions: Table,
    fleets: Iterable[str] = (),
) -> Table:
    """Return all figures behind the demand, from vehicle sales to the weights of places.

    The columns are `siting.reference.listing.LISTED`. `fleets` names further fleet scenarios.
    """
    parts = _energy_figures(asked, figures, city, fleets)
    used = vehicles[vehicles["vehicle_class"].isin(list(asked.vehicle_classes))]
    zoned = figures["figure"].isin(people_to_energy.EFFECTS).any()
    if "housing_weight" in used.columns and (zoned or asked.wealth is not None):
        names = [c for c in used.columns if str(c).startswith(("housing_weight", "ownership"))]
        weights = used[["vehicle_class", *names]]
        parts.append(listed("vehicles", weights, file_of("vehicles", asked.vehicles_csv)))
    profiles = sessions[sessions["vehicle_class"].isin(list(asked.vehicle_classes))]
    # Every hour gets the same relative range as the busiest hour.
    for end in ("low", "high"):
        factor = profiles[f"peak_hour_share_{end}"] / profiles["peak_hour_share"]
        ends = profiles[people_to_energy.HOURS].mul(factor, axis=0).add_suffix(f"_{end}")
        profiles = pd.concat([profiles, ends], axis=1)
    parts.append(listed("profiles", profiles, file_of("profiles", asked.profiles_csv)))
    if asked.surfaces is not None:
        places = asked.surfaces.places is not None
        for name in ("poi_weights", "road_weights") if places else ("road_weights",):
            path = getattr(asked.surfaces, f"{name}_csv")
            parts.append(listed(name, reference.table(name, path), file_of(name, path)))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def station_figures(config: Config, chargers: Table) -> list[Table]:
    """Return the figures of the stations: chargers, grid works, fees, site costs, parking."""
    asked = config.offers
    groups, classes = set(chargers["charger_group"]), list(config.demand.vehicle_classes)
    grid = reference.table("grid", asked.grid_csv)
    unused = ["headroom"] if asked.upgrade else ["headroom", "upgrade_fixed", "upgrade_kw"]

    def ours(name: str) -> Table:
        rows = reference.table(name)
        rows = rows[rows["charger_group"].isin(groups)]
        if "vehicle_class" in rows.columns:
            rows = rows[rows["vehicle_class"].isin(classes)]
        return listed(name, rows)

    # All runs need these figures, because every run reports the energy under both capacity rules.
    taken = reference.table("time_utilisation").assign(figure="service.time_utilisation")
    taken = taken[taken["charger_group"].isin(groups)]
    taken = with_own(taken, asked.service.time_utilisation, "charger_group", "use_share")
    preset = asked.costs.preset
    works = reference.at_preset(reference.table("works"), preset)
    works = with_own(works, _by_item(asked.costs, sites.WORKS))
    # A number of bays in the configuration applies to every kind of place.
    own_bays = asked.costs.site_bays is not None
    by_kind = [] if own_bays else [listed("site_bays", reference.table("site_bays"))]
    return [
        listed("chargers", chargers, file_of("chargers", asked.chargers_csv)),
        ours("compatibility"),
        ours("charging_limits"),
        listed("grid", grid[~grid["item"].isin(unused)], file_of("grid", asked.grid_csv)),
        listed("fees", reference.at_preset(reference.table("fees"), preset)),
        listed("works", works),
        ours("bays"),
        *by_kind,
        listed("parking", reference.table("parking")),
        listed("time_utilisation", taken.assign(unit="share of time")),
    ]


def money_figures(config: Config) -> list[Table]:
    """Return the figures of the business case, drivers' time and budget splits."""
    prices = config.money.prices_pkr_kwh
    money = reference.at_preset(reference.table("money"), config.offers.costs.preset)
    if prices is not None:
        money = money[~money["item"].str.startswith(economics.PRICE)]
    replaced = economics.ITEMS | {"pkr_per_usd": "pkr_per_usd"}
    money = with_own(money, _by_item(config.money, replaced))
    parts = [listed("money", money)]
    if prices is not None:
        items = [economics.PRICE + group for group in prices]
        stated = pd.DataFrame({"item": items, "value": list(prices.values()), "unit": "PKR/kWh"})
        own = {"source": "set in the configuration", "confidence": "ASSUMPTION"}
        parts.append(listed("money", stated.assign(**own)))
    classes = list(config.demand.vehicle_classes)
    time = economics.values_of_time(config.money.value_of_time_pkr_h)
    parts.append(listed("time_values", time[time["vehicle_class"].isin(classes)]))
    heads = reference.table("country")
    parts.append(listed("country", heads[heads["item"] == "stations_2030"]))
    if (split := config.program.limits.split_like) != "none":
        rows = reference.table("splits")
        parts.append(listed("splits", rows[rows["split"] == split]))
    return parts


def _by_item(section: Any, items: Mapping[str, str]) -> dict[str, float]:
    """Return the values set in a section, keyed by the table item that each value replaces."""
    given = section.model_dump(exclude_none=True)
    return {item: float(given[name]) for name, item in items.items() if name in given}
