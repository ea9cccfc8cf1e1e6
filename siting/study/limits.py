"""From the section ``program.limits`` to limits on the offers, and the sites it names."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import sites
from siting.config import Config
from siting.errors import Fault, InputError
from siting.program.limits import Limit, feeders, number
from siting.program.spacing import spacing
from siting.study.zones import area_of_points


def limits_of(
    config: Config, candidates: gpd.GeoDataFrame, offers: pd.DataFrame
) -> tuple[Limit, ...]:
    """Return the limits on the offers that the configuration and the feeders set.

    Parameters
    ----------
    config
        Of it ``program.limits`` and, for the envelopes, the chargers of ``offers``.
    candidates, offers
        The sites (`siting.tables.CANDIDATES`) and what could be built (`siting.tables.OFFERS`).
    """
    asked = config.program.limits
    found: list[Limit] = []
    if asked.most_new_stations is not None:
        found.append(number(offers, asked.most_new_stations))
    if asked.spacing_m is not None:
        found += spacing(candidates, offers, asked.spacing_m, asked.spacing_kinds or None)
    if asked.envelopes:
        budgets = {name: envelope.budget_pkr for name, envelope in asked.envelopes.items()}
        found += _envelopes(
            budgets, _shares_by_chargers(config, offers), "program.limits.envelopes"
        )
    if asked.areas is not None:
        where = "program.limits.areas"
        area = area_of_points(candidates.geometry, asked.areas.path, asked.areas.name_column, where)
        of_site = dict(zip(candidates["site_id"].astype(str), area, strict=True))
        budgets = {str(name): pkr for name, pkr in asked.areas.budgets_pkr.items()}
        shares: dict[str, dict[str, float]] = {name: {} for name in budgets}
        for offer_id, site_id in offers[["offer_id", "site_id"]].itertuples(index=False, name=None):
            if of_site[str(site_id)] in shares:
                shares[of_site[str(site_id)]][str(offer_id)] = 1.0
        found += _envelopes(budgets, shares, where)
    for name, rule in asked.at_least.items():
        here = sites_named(candidates, rule.sites, f"program.limits.at_least.{name}.sites")
        use = offers.loc[offers["site_id"].astype(str).isin(here), "offer_id"].astype(str)
        found.append(
            Limit(name, "at least", "stations", math.inf, dict.fromkeys(use, 1.0), rule.stations)
        )
    if "feeder_id" in candidates.columns:
        found += _feeders(candidates, offers)
    return tuple(found)


def _envelopes(
    budgets_pkr: Mapping[str, float], shares: Mapping[str, Mapping[str, float]], where: str
) -> list[Limit]:
    """Return one limit an envelope, over the share of each rupee that an offer draws on it."""
    empty = tuple(name for name in budgets_pkr if not shares[name])
    if empty:
        fix = "check the names, or leave it out"
        raise InputError(Fault(where, "no offer draws on it", fix, empty))
    return [
        Limit(name, "envelope", "PKR", pkr, shares[name], per_rupee=True)
        for name, pkr in sorted(budgets_pkr.items())
    ]


def _shares_by_chargers(config: Config, offers: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the share of each offer's subsidy that each envelope pays, by the chargers' cost."""
    envelopes = config.program.limits.envelopes
    chargers = sites.charger_catalogue(config.offers.chargers_csv).set_index("charger_id")
    price = chargers["capex_pkr"].astype(float).to_dict()
    asked = {group for envelope in envelopes.values() for group in envelope.charger_groups}
    unknown = sorted(asked - set(chargers["charger_group"]))
    if unknown:
        have = ", ".join(dict.fromkeys(chargers["charger_group"]))
        raise InputError(
            Fault(
                "program.limits.envelopes",
                "no such charger group",
                f"the catalogue has: {have}",
                tuple(unknown),
            )
        )
    share: dict[str, dict[str, float]] = {}
    for name, counts in config.offers.configurations.items():
        cost = {c: n * price[c] for c, n in counts.items()}
        whole = sum(cost.values())
        share[name] = {}
        for charger, pkr in cost.items():
            group = str(chargers.loc[charger, "charger_group"])
            part = pkr / whole if whole > 0 else 1 / len(cost)
            share[name][group] = share[name].get(group, 0.0) + part
    found: dict[str, dict[str, float]] = {name: {} for name in envelopes}
    columns = ["offer_id", "configuration"]
    for offer_id, configuration in offers[columns].itertuples(index=False, name=None):
        # existing+hub and hub+upgrade pay for the chargers of hub.
        name = str(configuration).removeprefix("existing+").removesuffix("+upgrade")
        for envelope, settings in envelopes.items():
            part = sum(share.get(name, {}).get(group, 0.0) for group in settings.charger_groups)
            if part > 0:
                found[envelope][str(offer_id)] = min(part, 1.0)
    return found


def _feeders(candidates: gpd.GeoDataFrame, offers: pd.DataFrame) -> tuple[Limit, ...]:
    known = candidates[candidates["feeder_id"].fillna("").astype(str) != ""]
    if "upgrade_kw" in offers.columns:
        # An upgrade brings its own power.
        offers = offers.assign(power_kw=offers["power_kw"] - offers["upgrade_kw"].fillna(0.0))
    feeder = dict(zip(known["site_id"].astype(str), known["feeder_id"].astype(str), strict=True))
    room = known.groupby("feeder_id")["headroom_kw"].max().to_dict()
    return feeders(offers, feeder, {str(k): float(v) for k, v in room.items()})


def sites_named(candidates: gpd.GeoDataFrame, names: Sequence[str], key: str) -> tuple[str, ...]:
    """Return the ids of sites given by id or by name.

    Parameters
    ----------
    candidates
        The sites.
    names
        Ids, or names as the map has them; capitals do not matter.
    key
        The key of the configuration, for the message.

    Raises
    ------
    InputError
        With every name that is no site's, or several sites'.
    """
    ids = candidates["site_id"].astype(str)
    called = candidates["name"].astype("str").str.strip().str.casefold()
    found, faults = [], []
    for name in names:
        if name in set(ids):
            found.append(name)
            continue
        here = ids[(called == name.strip().casefold()).to_numpy()]
        if len(here) == 1:
            found.append(str(here.iloc[0]))
        elif len(here):
            what = f"{name!r} is the name of {len(here)} sites"
            faults.append(Fault(key, what, "give the id", tuple(here)))
        else:
            known = [*ids, *candidates["name"].dropna().astype(str)]
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            fix = f"did you mean {near[0]}?" if near else "see site_id in candidates.geojson"
            faults.append(Fault(key, f"{name!r} is no site", fix))
    if faults:
        raise InputError(faults)
    return tuple(found)


def limits_used(
    use: pd.DataFrame, limits: pd.DataFrame, drawn_pkr: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return what a plan uses of each limit, and what there is, in the limit's own unit.

    Limits of spacing are left out: there is one for every two places that are too near.

    Parameters
    ----------
    use, limits
        The limits as tables (`siting.program.limits.limit_tables`).
    drawn_pkr
        Public money drawn by each offer that stands, by ``offer_id``.

    Returns
    -------
    list of dict
        ``limit``, ``kind``, ``unit``, ``used``, ``at_least``, ``at_most``, by name; a side that
        is not there is None.

    Examples
    --------
    >>> from siting.program.limits import limit_tables
    >>> bikes = Limit("bikes", "envelope", "PKR", 9.0, {"a": 1.0, "b": 0.5}, per_rupee=True)
    >>> limits_used(*limit_tables([bikes]), {"b": 6.0})[0]["used"]
    3.0
    """
    rupees = dict(zip(limits["limit"], limits["per_rupee"], strict=True))
    rows = use[use["offer_id"].isin(drawn_pkr)]
    amount = [
        u * (drawn_pkr[o] if rupees[name] else 1.0)
        for name, o, u in rows[["limit", "offer_id", "use"]].itertuples(index=False, name=None)
    ]
    used = pd.Series(amount, index=rows.index, dtype=float).groupby(rows["limit"]).sum()
    out = limits[limits["kind"] != "spacing"].drop(columns="per_rupee")
    out.insert(3, "used", out["limit"].map(used).fillna(0.0).astype(float))
    records = []
    for row in out.to_dict("records"):
        least, most = float(row["at_least"]), float(row["at_most"])
        sides = {"at_least": least or None, "at_most": most if math.isfinite(most) else None}
        records.append({str(k): v for k, v in (row | sides).items()})
    return records
