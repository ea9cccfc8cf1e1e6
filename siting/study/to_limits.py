"""The stages that prepare limits, named sites and concessions for the program."""

from __future__ import annotations

import math
import reprlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from siting import reference, sites
from siting.config import Config
from siting.errors import Fault, InputError, did_you_mean, listed, naming, refuse
from siting.files import texts_of
from siting.program.density import one_in_each, squares, stretches
from siting.program.earmarks import earmarks
from siting.program.limits import Limit, feeders, number
from siting.program.spacing import spacing
from siting.roads import Network
from siting.roads.lines import lines_of_layer, road_lines
from siting.study.mandates import mandate_limits
from siting.study.program_zones import area_of_points
from siting.study.read_sources import configurations_of
from siting.study.stages import Layer, Table, stage
from siting.tables import load_kw, may_be_built


@stage("program.limits", "offers: configurations sizes chargers_csv", stored="limits")
def limits(
    config: Config,
    network: Network,
    candidates: Layer,
    offers: Table,
    compatibility: Table,
    energy: Table,
) -> tuple[Limit, ...]:
    """The limits other than the budget: on stations, money, grid squares, roads and feeders.

    A limit that is a share of the budget has no amount yet, only the share (`Limit.of_budget`).
    """
    asked = config.program.limits
    offer_ids, site_ids = (offers[name].astype(str) for name in ("offer_id", "site_id"))
    out: list[Limit] = []
    if asked.most_new_stations is not None:
        out.append(number(offers, asked.most_new_stations))
    if asked.spacing_m is not None:
        out += spacing(candidates, offers, asked.spacing_m, asked.spacing_kinds or None)
    out += _money_for_chargers(config, offers)
    if asked.areas is not None:
        where = "program.limits.areas"
        area = area_of_points(candidates.geometry, asked.areas.path, asked.areas.name_column, where)
        budgets = asked.areas.budgets_pkr
        area_of = site_ids.map(dict(zip(candidates["site_id"].astype(str), area, strict=True)))
        shares = {name: dict.fromkeys(offer_ids[area_of == name], 1.0) for name in budgets}
        _need_offers(shares, where)
        for name, pkr in sorted(budgets.items()):
            out.append(Limit(name, "envelope", "PKR", pkr, shares[name], per_rupee=True))
    for name, rule in asked.at_least.items():
        here = sites_named(candidates, rule.sites, f"program.limits.at_least.{name}.sites")
        use = dict.fromkeys(offer_ids[site_ids.isin(here)], 1.0)
        out.append(Limit(name, "at least", "stations", math.inf, use, rule.stations))
    out += mandate_limits(config, candidates, offers)
    out += _density(config, candidates, offers, network)
    if asked.least_kw_per_ev is not None:
        out.append(_power(config, offers, compatibility, energy))
    if "feeder_id" in candidates.columns:
        out += _feeders(candidates, offers)
    return tuple(out)


@stage("program.limits.required_sites")
def required_sites(config: Config, candidates: Layer) -> tuple[str, ...]:
    """Ids of the sites that must get a station."""
    key = "program.limits.required_sites"
    return sites_named(candidates, config.program.limits.required_sites, key)


@stage("program.limits.forbidden_sites")
def forbidden_sites(config: Config, candidates: Layer) -> tuple[str, ...]:
    """Ids of the sites that must not get a station."""
    key = "program.limits.forbidden_sites"
    return sites_named(candidates, config.program.limits.forbidden_sites, key)


@dataclass(frozen=True)
class _Pot:
    """Public money for some charger groups: `share` of the budget or, if `share` is 0, `pkr`."""

    groups: tuple[str, ...]
    pkr: float
    rule: str
    share: float = 0.0


def _money_for_chargers(config: Config, offers: Table) -> Iterator[Limit]:
    """Yield the limits on money for charger groups: ceilings, reserves, and parts of a split."""
    pots = {
        name: _Pot(one.charger_groups, one.budget_pkr, one.rule)
        for name, one in config.program.limits.envelopes.items()
    }
    key, split = "program.limits.envelopes", _split(config)
    if split:
        key += ", split"
        pots |= split
    if not pots:
        return
    shares = _shares_by_chargers(config, offers, {name: pot.groups for name, pot in pots.items()})
    _need_offers(shares, key)
    ceilings = {name: pot for name, pot in sorted(pots.items()) if pot.rule != "kept"}
    kept = {name: pot for name, pot in pots.items() if pot.rule != "ceiling"}
    for name, pot in ceilings.items():
        use, share = shares[name], pot.share
        yield Limit(name, "envelope", "PKR", pot.pkr, use, per_rupee=True, of_budget=share)
    yield from earmarks(
        shares,
        {name: pot.pkr for name, pot in kept.items()},
        offers["offer_id"].astype(str).tolist(),
        ceilings=ceilings,
        of_budget={name: pot.share for name, pot in kept.items()},
    )


def _split(config: Config) -> dict[str, _Pot]:
    """Return the parts of a budget that is split among charger groups; empty if it is not split."""
    asked = config.program.limits
    if asked.split:
        return {f"split {g}": _Pot((g,), 0.0, "both", share) for g, share in asked.split.items()}
    if asked.split_like == "none":
        return {}
    table = reference.table("splits")
    table = table[table["split"] == asked.split_like]
    share = table.groupby("envelope", sort=False)["amount"].sum() / table["amount"].sum()
    groups = table.groupby("envelope", sort=False)["charger_groups"].first().str.split()
    there = set(sites.charger_catalogue(config.offers.chargers_csv)["charger_group"])
    known = {name: tuple(g for g in groups[name] if g in there) for name in share.index}
    return {f"split {n}": _Pot(g, 0.0, "both", float(share[n])) for n, g in known.items()}


def _density(config: Config, candidates: Layer, offers: Table, network: Network) -> Iterator[Limit]:
    """Yield the limits that require a station in each square and on each stretch of road."""
    asked = config.program.limits
    points = candidates.set_index(candidates["site_id"].astype(str)).geometry
    out = sites_named(candidates, asked.forbidden_sites, "program.limits.forbidden_sites")
    if asked.density is not None:
        square = squares(points, 1000 * asked.density.square_km)
        members = {str(name): list(rows.index) for name, rows in square.groupby(square)}
        yield from one_in_each(offers, members, "square", "program.limits.density", out)
    if (roads := asked.corridors) is not None:
        key = "program.limits.corridors"
        lines = road_lines(network, roads.roads, f"{key}.roads")
        if roads.path is not None:
            lines |= lines_of_layer(roads.path, roads.name_column, points.crs, f"{key}.path")
        near = stretches(lines, points, 1000 * roads.every_km, 1000 * roads.within_km)
        named = {name: [str(site) for site in here] for name, here in near.items()}
        yield from one_in_each(offers, named, "stretch", key, out)


def _power(config: Config, offers: Table, compatibility: Table, vehicles: Table) -> Limit:
    """Return the lower limit on charging power per electric vehicle, existing stations included."""
    asked = config.program.limits
    assert asked.least_kw_per_ev is not None  # checked by the caller
    count = vehicles.set_index("vehicle_class")["vehicles"].astype(float)
    missing = [name for name in asked.ev_classes if name not in count.index]
    fix = f"the demand has: {', '.join(map(str, count.index))}"
    refuse(naming("program.limits.ev_classes", "not in the demand", missing, fix))
    cars, each_kw = float(count[list(asked.ev_classes)].sum()), asked.least_kw_per_ev
    name = f"{each_kw:g} kW for each of {cars:,.0f} electric vehicles"
    power_kw = power_for(config, offers, compatibility)
    counted = {offer_id: kw for offer_id, kw in power_kw.items() if kw > 0}
    return Limit(name, "power", "kW", math.inf, counted, at_least=each_kw * cars)


def power_for(config: Config, offers: Table, compatibility: Table) -> dict[str, float]:
    """Return the power (kW) of each offer's chargers that fit `ev_classes`, by ``offer_id``."""
    classes = set(config.program.limits.ev_classes)
    groups = compatibility.loc[compatibility["vehicle_class"].isin(classes), "charger_group"]
    types = sites.charger_catalogue(config.offers.chargers_csv)
    types = types.set_index(types["charger_id"].astype(str))
    kw = types["power_kw"].astype(float).where(types["charger_group"].isin(groups), 0.0).to_dict()
    configuration_kw = {
        name: sum(n * kw[charger] for charger, n in counts.items())
        for name, counts in configurations_of(config.offers).items()
    }
    there = offers[offers["existing"].to_numpy(bool)]
    serves = [not classes.isdisjoint(str(text).split(", ")) for text in there["vehicle_classes"]]
    stands = there.loc[serves].set_index("site_id")["power_kw"].to_dict()
    # The power of an offer includes the existing station and the new chargers.
    added = bare_names(offers).map(configuration_kw).astype(float).fillna(0.0)
    there_kw = offers["site_id"].astype(str).map(stands).astype(float).fillna(0.0)
    return dict(zip(offers["offer_id"].astype(str), (there_kw + added).tolist(), strict=True))


def bare_names(offers: Table) -> pd.Series[str]:
    """Return the configuration of each offer: ``hub`` for ``existing+hub`` and ``hub+upgrade``."""
    names: pd.Series[str] = offers["configuration"].astype("str")
    return names.str.removeprefix("existing+").str.removesuffix("+upgrade")


def _need_offers(shares: Mapping[str, Mapping[str, float]], where: str) -> None:
    empty = [name for name, share in shares.items() if not share]
    refuse(naming(where, "no offer can use this money", empty, "correct or remove these names"))


def _shares_by_chargers(
    config: Config, offers: Table, envelopes: Mapping[str, tuple[str, ...]]
) -> dict[str, dict[str, float]]:
    """Return, for each envelope, the share of each offer's subsidy that the envelope pays.

    This is the share of the envelope's charger groups in the cost of the offer's chargers.
    """
    chargers = sites.charger_catalogue(config.offers.chargers_csv).set_index("charger_id")
    price = chargers["capex_pkr"].astype(float).to_dict()
    asked = {group for groups in envelopes.values() for group in groups}
    unknown = sorted(asked - set(chargers["charger_group"]))
    have = f"the catalogue has: {', '.join(dict.fromkeys(chargers['charger_group']))}"
    refuse(naming("program.limits.envelopes", "no such charger group", unknown, have))
    share: dict[str, dict[str, float]] = {}
    for name, counts in configurations_of(config.offers).items():
        cost = {c: n * price[c] for c, n in counts.items()}
        total = sum(cost.values())
        share[name] = defaultdict(float)
        for charger, pkr in cost.items():
            part = pkr / total if total > 0 else 1 / len(cost)
            share[name][str(chargers.loc[charger, "charger_group"])] += part
    names, ids = bare_names(offers), offers["offer_id"].astype(str)
    envelope_shares: dict[str, dict[str, float]] = {}
    for envelope, groups in envelopes.items():
        of_name = {
            name: min(sum(of_group[group] for group in dict.fromkeys(groups)), 1.0)
            for name, of_group in share.items()
        }
        of_offer = names.map(of_name).astype(float)
        draws = (of_offer > 0).to_numpy()
        envelope_shares[envelope] = dict(zip(ids[draws], of_offer[draws].tolist(), strict=True))
    return envelope_shares


def _feeders(candidates: Layer, offers: Table) -> tuple[Limit, ...]:
    known = candidates[candidates["feeder_id"].fillna("").astype(str) != ""]
    load = load_kw(offers)
    if "upgrade_kw" in offers.columns:
        # The power that a grid upgrade supplies uses no headroom.
        load = load - offers["upgrade_kw"].fillna(0.0)
    offers = offers.assign(power_kw=load)
    feeder = dict(zip(known["site_id"].astype(str), known["feeder_id"].astype(str), strict=True))
    return feeders(offers, feeder, known.groupby("feeder_id")["headroom_kw"].max().to_dict())


def sites_named(candidates: Layer, names: Sequence[str], key: str) -> tuple[str, ...]:
    """Return the ids of sites that are named by id or by name. Case is ignored in names.

    An `InputError` for `key` lists every name that matches no site, or more than one.
    """
    site_ids, faults = list[str](), list[Fault]()
    for name in listed(key, names):
        try:
            site_ids.append(site_named(candidates, name, key))
        except InputError as err:
            faults.extend(err.faults)
    refuse(faults)
    return tuple(site_ids)


def site_named(
    candidates: Layer,
    name: Any,
    where: str,
    kind: str = "site",
    more: Iterable[str] = (),
    most: int = 1,
) -> str:
    """Return the id of a site that is named by id or by name. Case is ignored in names.

    An `InputError` for `where` is raised if `name` matches no site or several sites. It suggests at
    most `most` ids or names, which may be names in `more`. `kind` is the message's word for a site.
    """
    if not isinstance(name, str):
        raise InputError(where, f"{reprlib.repr(name)} is not text", "use an id or a name")
    ids = candidates["site_id"].astype(str)
    if name in set(ids):
        return name
    # Names are compared in Python, because Arrow rejects strings outside UTF-8.
    asked, has_name = name.strip().casefold(), candidates["name"].notna()
    named = candidates.loc[has_name, "name"].astype(str)
    called = zip(ids[has_name], named, strict=True)
    here = [site for site, called_so in called if called_so.strip().casefold() == asked]
    if len(here) == 1:
        return str(here[0])
    if here:
        what = f"{name!r} is the name of {len(here)} sites"
        raise InputError(where, what, "use the id", tuple(here))
    fix = f"site ids range from {ids.min()} to {ids.max()}"
    fix = did_you_mean(name, dict.fromkeys([*more, *ids, *named]), fix, most)
    raise InputError(where, f"{name!r} is not a {kind}", fix)


@stage("offers.subsidy.concessions")
def concessions(config: Config, candidates: Layer, offers: Table) -> dict[str, str]:
    """The concession of each site that belongs to a concession, by ``site_id``.

    An `InputError` lists unknown columns and sites, sites in two concessions, and concessions
    without a site for a new station.
    """
    asked = config.offers.subsidy.concessions
    if asked is None:
        return {}
    key, faults = "offers.subsidy.concessions", []
    out: dict[str, str] = {}
    if asked.column is not None:
        if asked.column not in candidates.columns:
            has = "known names: " + ", ".join(c for c in candidates.columns if c != "geometry")
            what = f"no layer of sites has a column {asked.column!r}"
            raise InputError(f"{key}.column", what, has)
        text = texts_of(candidates, asked.column)
        out = {s: c for s, c in zip(candidates["site_id"].astype(str), text, strict=True) if c}
    for name, members in asked.sites.items():
        for site in sites_named(candidates, members, f"{key}.sites.{name}"):
            if out.setdefault(site, name) != name:
                what = f"{site} is already in concession {out[site]}"
                faults.append(Fault(f"{key}.sites.{name}", what, "name a site only once"))
    new = set(offers.loc[may_be_built(offers), "site_id"].astype(str))
    found = {name for site, name in out.items() if site in new}
    if empty := sorted(set(asked.sites) - found):
        what = "no new station could be built at any site of these concessions"
        faults.append(Fault(key, what, "name other sites, or remove them", tuple(empty)))
    elif not found:
        what = f"column {asked.column!r} names no concession where a new station could be built"
        faults.append(Fault(f"{key}.column", what, "name another column"))
    refuse(faults)
    return out


def limits_used(limits: Iterable[Limit], drawn_pkr: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return how much a plan uses of each limit, as records, without spacing limits.

    `drawn_pkr` has the public money of the plan's offers, by ``offer_id``. Keys: ``limit``,
    ``kind``, ``unit``, ``used``, ``at_least`` and ``at_most`` (None if unbounded).

    >>> bikes = Limit("bikes", "envelope", "PKR", 9.0, {"a": 1.0, "b": 0.5}, per_rupee=True)
    >>> limits_used([bikes], {"b": 6.0})[0]["used"]
    3.0
    """
    return [
        {
            "limit": limit.name,
            "kind": limit.kind,
            "unit": limit.unit,
            "used": limit.used(drawn_pkr),
            "at_least": limit.at_least or None,
            "at_most": limit.at_most if math.isfinite(limit.at_most) else None,
        }
        for limit in sorted(limits, key=lambda limit: limit.name)
        if limit.kind != "spacing"
    ]
