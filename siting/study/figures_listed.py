"""Every figure of every table that a run reads, as rows of one list.

The columns are `siting.reference.listing.LISTED`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from siting import demand as people_to_energy
from siting import economics, reference, sites
from siting.config import Config, Demand
from siting.demand.surfaces import SURFACES
from siting.reference.listing import CONFIG, ENERGY, WHERE, listed, placed
from siting.study.choices import charger_types
from siting.study.stages import Row, Table
from siting.study.to_demand import own_figures


def _given_by_user(figures: Table, name: str, path: Path | None) -> pd.Series[bool]:
    """Return which figures by class come from a user's own rows of a table, by class and figure."""
    if path is None:
        return pd.Series(data=False, index=figures.index)
    in_file = pd.MultiIndex.from_frame(reference.table(name, path)[["figure", "vehicle_class"]])
    return pd.Series(
        pd.MultiIndex.from_frame(figures[["figure", "of"]]).isin(in_file), index=figures.index
    )


def file_of(name: str, path: Path | None) -> str:
    """Return the file a table was read from: the package's own, or the user's."""
    return f"{name}.csv" if path is None else path.name


def _energy_figures(
    asked: Demand, figures: Table, city: Row, fleets: Collection[str]
) -> list[Table]:
    """Return the figures of the energy wanted: from sales to the share charged in public."""
    classes = list(asked.vehicle_classes)
    parts = []
    others = [name for name in dict.fromkeys(fleets) if name != asked.scenario]
    for scenario in [asked.scenario, *others] if asked.fleet_csv is None else []:
        model = people_to_energy.fleet_figures(
            scenario,
            asked.scenarios_csv,
            {name: dict(values) for name, values in asked.fleet_figures.items()},
            sales_path=asked.sales_csv,
        )
        model = model[model["vehicle_class"].isin(classes)].rename(columns={"vehicle_class": "of"})
        if scenario != asked.scenario:
            model = model[model["figure"].str.startswith("share_")]
            model = model.assign(figure=model["figure"] + " " + scenario)
        model = placed(model, file_of("scenarios", asked.scenarios_csv), ENERGY)
        sold = ~model["figure"].str.startswith("share_") & (model["table"] != CONFIG)
        by_user = _given_by_user(model, "sales", asked.sales_csv)
        model["table"] = model["table"].mask(sold, "sales.csv")
        model["table"] = model["table"].mask(sold & by_user, file_of("sales", asked.sales_csv))
        parts.append(model)
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
    by_user = _given_by_user(rows, "vehicles", asked.vehicles_csv) & (
        rows["table"] == "vehicles.csv"
    )
    rows["table"] = rows["table"].mask(by_user, file_of("vehicles", asked.vehicles_csv))
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
    fleets: Collection[str] = (),
) -> Table:
    """Return every figure of the demand, from the sales of vehicles to the weight of a bank branch.

    The columns are `siting.reference.listing.LISTED`; `fleets` are further scenarios planned for.
    """
    parts = _energy_figures(asked, figures, city, fleets)
    used = vehicles[vehicles["vehicle_class"].isin(list(asked.vehicle_classes))]
    zoned = figures["figure"].isin(people_to_energy.EFFECTS).any()
    if "housing_weight" in used.columns and (zoned or asked.wealth is not None):
        names = [c for c in used.columns if str(c).startswith(("housing_weight", "ownership"))]
        weights = used[["vehicle_class", *names]]
        parts.append(listed("vehicles", weights, file_of("vehicles", asked.vehicles_csv)))
    profiles = sessions[sessions["vehicle_class"].isin(list(asked.vehicle_classes))]
    # The hours of a class are known as well as its busiest one.
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


def with_own(
    rows: Table, values: Mapping[str, float], item: str = "item", figure: str = "value"
) -> Table:
    """Return rows of a table, by ``item``, with the values that the configuration sets instead."""
    given = rows[item].map(dict(values))
    kept = given.isna()
    ends = (figure, "low", "high")
    out = rows.astype(dict.fromkeys(ends, float))
    for end in ends:
        out[end] = out[end].where(kept, given)
    out["source"] = out["source"].where(kept, "set in the configuration")
    out["confidence"] = out["confidence"].where(kept, "ASSUMPTION")
    return out


def station_figures(config: Config) -> list[Table]:
    """Return the figures of the stations: chargers, grid works, fees, site costs, parking."""
    asked = config.offers
    chargers = reference.table("chargers", asked.chargers_csv)
    chargers = sites.at_exchange_rate(chargers, config.money.pkr_per_usd)
    chargers = chargers[chargers["charger_id"].astype(str).isin(charger_types(asked))]
    groups, classes = set(chargers["charger_group"]), list(config.demand.vehicle_classes)
    grid = reference.table("grid", asked.grid_csv)
    unused = ["headroom"] if asked.upgrade else ["headroom", "upgrade_fixed", "upgrade_kw"]

    def ours(name: str) -> Table:
        rows = reference.table(name)
        rows = rows[rows["charger_group"].isin(groups)]
        if "vehicle_class" in rows.columns:
            rows = rows[rows["vehicle_class"].isin(classes)]
        return listed(name, rows)

    # Under the other rule of capacity too: every run says what its stations would serve by it.
    use_shares = {str(k): float(v) for k, v in asked.service.time_utilisation.items()}
    taken = reference.table("time_utilisation").assign(figure="service.time_utilisation")
    taken = with_own(
        taken[taken["charger_group"].isin(groups)], use_shares, "charger_group", "use_share"
    )
    preset = asked.costs.preset
    works = with_own(
        reference.at_preset(reference.table("works"), preset),
        _by_item(config.offers.costs, sites.WORKS),
    )
    # Bays that the configuration gives are those of every kind of place.
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
    """Return the figures of the business case, and those that public money is divided by."""
    prices = config.money.prices_pkr_kwh
    money = reference.at_preset(economics.money_figures(), config.offers.costs.preset)
    if prices is not None:
        money = money[~money["item"].str.startswith(economics.PRICE)]
    items = economics.ITEMS | {"pkr_per_usd": "pkr_per_usd"}
    money = with_own(money, _by_item(config.money, items))
    parts = [listed("money", money)]
    if prices is not None:
        stated = [
            (economics.PRICE + group, pkr, "PKR/kWh", "set in the configuration", "ASSUMPTION")
            for group, pkr in prices.items()
        ]
        columns = ["item", "value", "unit", "source", "confidence"]
        parts.append(listed("money", pd.DataFrame(stated, columns=columns)))
    classes = list(config.demand.vehicle_classes)
    time = economics.values_of_time(config.money.value_of_time_pkr_h)
    parts.append(listed("time_values", time[time["vehicle_class"].isin(classes)]))
    heads = reference.table("country")
    parts.append(listed("country", heads[heads["item"] == "stations_2030"]))
    split = config.program.limits.split_like
    if split != "none":
        rows = reference.table("splits")
        parts.append(listed("splits", rows[rows["split"] == split]))
    return parts


def _by_item(section: Any, items: Mapping[str, str]) -> dict[str, float]:
    """Return what a section of the configuration sets, by the item of the table it stands for."""
    given = own_figures(section)
    return {item: float(given[name]) for name, item in items.items() if name in given}
