"""From the section ``program.limits`` to limits on the offers, and the sites it names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from siting import sites
from siting.errors import Fault, InputError
from siting.models import Limit, envelopes, feeders, limit_tables, number, parts_by_area, spacing
from siting.study.zones import area_of_points

if TYPE_CHECKING:
    from siting.study.pipeline import Study


def limits_of(study: Study) -> tuple[Limit, ...]:
    """Return the limits on the offers that the configuration and the feeders set."""
    asked = study.config.program.limits
    offers = study.offers
    found: list[Limit] = []
    if asked.most_new_stations is not None:
        found.append(number(offers, asked.most_new_stations))
    if asked.spacing_m is not None:
        found += spacing(study.candidates, offers, asked.spacing_m, asked.spacing_kinds or None)
    if asked.envelopes:
        budgets = {name: envelope.budget_pkr for name, envelope in asked.envelopes.items()}
        found += envelopes(offers, _parts_by_chargers(study), budgets)
    if asked.areas is not None:
        area = area_of_points(
            study.candidates.geometry,
            asked.areas.path,
            asked.areas.name_column,
            "program.limits.areas",
        )
        of_site = dict(zip(study.candidates["site_id"].astype(str), area, strict=True))
        budgets = {str(name): pkr for name, pkr in asked.areas.budgets_pkr.items()}
        inside = offers[offers["site_id"].astype(str).map(of_site).isin(budgets)]
        found += envelopes(offers, parts_by_area(inside, of_site), budgets)
    if "feeder_id" in study.candidates.columns:
        found += _feeders(study)
    return tuple(found)


def _parts_by_chargers(study: Study) -> pd.DataFrame:
    """Return what each offer draws from each envelope: its subsidy, by the chargers' cost."""
    config = study.config
    chargers = sites.charger_catalogue(config.offers.chargers_csv).set_index("charger_id")
    price = chargers["capex_pkr"].astype(float).to_dict()
    unknown = sorted(
        {
            group
            for envelope in config.program.limits.envelopes.values()
            for group in envelope.charger_groups
        }
        - set(chargers["charger_group"])
    )
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
    rows = []
    columns = ["offer_id", "configuration", "subsidy_pkr"]
    for offer_id, configuration, pkr in study.offers[columns].itertuples(index=False, name=None):
        # existing+hub and hub+upgrade pay for the chargers of hub.
        name = str(configuration).removeprefix("existing+").removesuffix("+upgrade")
        for envelope, settings in config.program.limits.envelopes.items():
            part = sum(share.get(name, {}).get(group, 0.0) for group in settings.charger_groups)
            if part > 0:
                rows.append((offer_id, envelope, part * pkr))
    return pd.DataFrame(rows, columns=["offer_id", "envelope", "subsidy_pkr"])


def _feeders(study: Study) -> tuple[Limit, ...]:
    candidates = study.candidates
    known = candidates[candidates["feeder_id"].fillna("").astype(str) != ""]
    offers = study.offers
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


def limits_used(limits: tuple[Limit, ...], offers: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return what a plan uses of each limit, and what there is, in the limit's own unit.

    Limits of spacing are left out: there is one for every two places that are too near.

    Parameters
    ----------
    limits
        The limits of the program.
    offers
        Ids of the offers that stand.

    Returns
    -------
    list of dict
        ``limit``, ``kind``, ``unit``, ``used``, ``at_most``, by name.

    Examples
    --------
    >>> limits_used((Limit("bikes", "envelope", "PKR", 9.0, {"a": 2.0, "b": 3.0}),), ("b",))
    [{'limit': 'bikes', 'kind': 'envelope', 'unit': 'PKR', 'used': 3.0, 'at_most': 9.0}]
    """
    use, there = limit_tables(limit for limit in limits if limit.kind != "spacing")
    used = use[use["offer_id"].isin(offers)].groupby("limit")["use"].sum()
    there.insert(3, "used", there["limit"].map(used).fillna(0.0).astype(float))
    return [{str(k): v for k, v in row.items()} for row in there.to_dict("records")]
