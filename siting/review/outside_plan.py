"""A layer of stations as offers of a study: placed, priced and checked by its rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import roads
from siting.errors import Fault, refuse
from siting.files import extent
from siting.program.limits import Limit
from siting.review.added_places import match_places, study_of_sites, study_with_sites
from siting.review.outside_layer import TheirLayer
from siting.roads import Network
from siting.study.pipeline import Study
from siting.study.read_sources import configurations_of, on_the_grid


@dataclass(frozen=True, eq=False)
class TheirPlan:
    """Their stations among ours."""

    # With their sites and offers; `reason` names the rule that excludes an offer.
    study: Study
    chosen: tuple[str, ...]  # the offers that stand under their plan, existing stations included
    broken: list[str]  # the rules that their plan breaks, in words
    notes: list[str]  # further notes for readers


def their_plan(study: Study, layer: TheirLayer, where: str) -> TheirPlan:
    """Return a layer's stations as offers at sites of the study, priced by the study's rules.

    A point within ``candidates.merge_within_m`` of a candidate is that candidate, one to one and
    nearest first; one that has a candidate's id, within 25 m of it, comes before. Any other is a
    site of its own, on the nearest road. `where` is the file, for messages. An `InputError` names
    every point that is outside the roads or far from them, and every existing station that the
    study does not know.
    """
    settings, ours = study.config.candidates, study.candidates
    theirs = layer.sites.to_crs(study.network.crs)
    known, ids = ours["site_id"].astype(str).tolist(), theirs["their_id"].astype(str).tolist()
    here, there = (table.get_coordinates().to_numpy() for table in (theirs, ours))
    match = match_places(here, ids, there, known, settings.merge_within_m)
    lone = theirs[match < 0]
    faults = _stand_faults(theirs, match, ours, where)
    snapped = roads.snap(lone, study.network, settings.max_snap_m)
    faults += road_faults(study.network, settings.max_snap_m, lone, snapped, where)
    refuse(faults)
    new = theirs[["their_id", "counts"]].assign(site_id=np.array(known, dtype=object)[match])
    new.loc[match < 0, "site_id"] = _ids(lone["their_id"].astype(str), set(known))
    added = own_sites(lone, new.loc[match < 0, "site_id"], snapped)
    stands = theirs["existing"].to_numpy(dtype=bool)
    empty = (new["counts"].map(len) == 0) & ~stands
    new = new[~stands & ~empty].reset_index(drop=True)
    added = added[added["site_id"].isin(new["site_id"])].reset_index(drop=True)
    if len(added):
        added = on_the_grid(study.config, added, study.site_costs.line_detour)
    priced, ruled_out = _priced(study, pd.concat([ours, added]), new)
    more = priced[~priced["offer_id"].isin(study.offers["offer_id"])].drop_duplicates("offer_id")
    joined = study_with_sites(study, added, more)
    kept = study.offers[study.offers["existing"].to_numpy(bool)]
    kept = kept[~kept["site_id"].isin(new["site_id"])]
    chosen = (*kept["offer_id"].astype(str), *priced["offer_id"].astype(str))
    have = ", ".join(layer.known)
    broken = [
        *(
            f"{name}: no such charger or configuration in the study, scored without it "
            f"({_some(rows)}); there are: {have}; --map-config {name}=… says which it is"
            for name, rows in layer.unknown.items()
        ),
        *ruled_out,
        *_named_sites(
            {*kept["site_id"], *new["site_id"]}, study.required_sites, study.forbidden_sites
        ),
    ]
    notes = []
    if empty.any():
        left = _some(theirs["their_id"][empty])
        notes.append(f"stations without any known charger are left out: {left}")
    if study.config.offers.existing_policy == "ignore" and stands.any():
        notes.append("existing stations of the layer are left out, as the configuration says")
    return TheirPlan(joined, tuple(sorted(chosen)), broken, notes)


def _stand_faults(
    theirs: gpd.GeoDataFrame, match: np.ndarray, ours: gpd.GeoDataFrame, where: str
) -> list[Fault]:
    stands = ours["existing"].to_numpy(dtype=bool)
    stray = theirs["existing"].to_numpy(dtype=bool) & ~((match >= 0) & stands[match])
    if not stray.any():
        return []
    what = "said to be existing, but the study knows no station there"
    fix = "add it to candidates.existing, or set existing to false"
    ids = tuple(theirs["their_id"].astype(str)[stray])
    return [Fault(f"{where}, column existing", what, fix, ids)]


def road_faults(
    network: Network, most_m: float, lone: gpd.GeoDataFrame, snapped: pd.DataFrame, where: str
) -> list[Fault]:
    """Return a fault for the points outside the roads, and one for those too far from them."""
    far = snapped["node_id"].isna().to_numpy()
    if not far.any():
        return []
    west, south, east, north = network.nodes.total_bounds
    points = lone.geometry[far]
    outside = ~(
        points.x.between(west - most_m, east + most_m)
        & points.y.between(south - most_m, north + most_m)
    ).to_numpy()
    names = lone["their_id"].astype(str)[far]
    faults = []
    if outside.any():
        what = f"outside the area of the study ({extent(network.nodes)})"
        faults.append(Fault(f"{where}, geometry", what, "leave them out", tuple(names[outside])))
    if (~outside).any():
        away = snapped["road_m"][far][~outside]
        labels = [f"{n}: {m:,.0f} m" for n, m in zip(names[~outside], away, strict=True)]
        what = f"more than {most_m:g} m from the nearest road"
        fix = "move them to a road, or raise candidates.max_snap_m"
        faults.append(Fault(f"{where}, geometry", what, fix, tuple(labels)))
    return faults


def _ids(wanted: Iterable[str], known: set[str]) -> list[str]:
    """Return an id for each site of theirs that is none of ours: their own if it is free."""
    ids: list[str] = []
    for i, theirs in enumerate(wanted, start=1):
        taken = {*known, *ids}
        tries = (theirs, f"theirs {theirs}", f"theirs {i}")
        ids.append(next((name for name in tries if name not in taken), tries[-1]))
    return ids


def own_sites(
    lone: gpd.GeoDataFrame,
    ids: pd.Series[Any],
    snapped: pd.DataFrame,
    kind: str = "theirs",
    source: str = "the layer that is judged",
) -> gpd.GeoDataFrame:
    """Return the points that are no candidate of the study as candidates."""
    added = gpd.GeoDataFrame(
        {
            "site_id": ids.to_numpy(object),
            "name": lone["name"].to_numpy(object),
            "kind": kind,
            "existing": False,
            "existing_power_kw": 0.0,
            "source": source,
            "node_id": snapped["node_id"].to_numpy(),
            "snap_m": snapped["snap_m"].to_numpy(dtype=float),
        },
        geometry=lone.geometry.to_numpy(),
        crs=lone.crs,
    )
    added["name"] = added["name"].astype("str").where(added["name"].notna())
    added["node_id"] = added["node_id"].astype("Int64")
    return added


def _priced(
    study: Study, candidates: gpd.GeoDataFrame, new: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return the offer of each new station, in order, and the rules that rule one out."""
    asked = study.config.offers
    there = configurations_of(asked)
    spelled = {tuple(sorted(c.items())): name for name, c in there.items()}
    names: list[str] = []
    wanted: dict[str, dict[str, int]] = {}
    for counts in new["counts"]:
        text = " and ".join(f"{n} x {c}" for c, n in counts.items())
        name = spelled.get(tuple(sorted(counts.items())), text)
        names.append(name)
        wanted[name] = there.get(name, dict(counts))
    if new.empty:
        return study.offers.iloc[:0], []
    policy = "extend" if asked.existing_policy == "keep" else asked.existing_policy
    only = {"configurations": wanted, "sizes": None, "existing_policy": policy}
    config = study.config.model_copy(update={"offers": asked.model_copy(update=only)})
    here = candidates[candidates["site_id"].isin(set(new["site_id"]))]
    offers = study_of_sites(study, here.reset_index(drop=True), config).offers
    offers = offers[~offers["existing"].to_numpy(bool)]
    bare = offers["configuration"].str.removeprefix("existing+").str.removesuffix("+upgrade")
    key = pd.MultiIndex.from_arrays([offers["site_id"], bare])
    at = key.get_indexer(pd.MultiIndex.from_arrays([new["site_id"], names]))
    picked = offers.iloc[at].reset_index(drop=True)
    reason = picked["reason"].fillna("").astype(str)
    broken = [
        f"{label}: {why}" for label, why in zip(_labels(new), reason, strict=True) if why.strip()
    ]
    extends = picked["extends"].to_numpy(bool)
    if asked.existing_policy == "keep" and extends.any():
        ids = _some(_labels(new)[extends])
        broken.append(f"adds to existing stations, which the study keeps as they are: {ids}")
        said = "existing stations are kept as they are"
        picked["reason"] = reason.mask(extends & (reason == ""), said)
    return picked, broken


def _labels(new: pd.DataFrame) -> np.ndarray:
    same = (new["site_id"] == new["their_id"]).to_numpy()
    both = [f"{t} (site {s})" for t, s in zip(new["their_id"], new["site_id"], strict=True)]
    return np.where(same, new["their_id"].to_numpy(object), np.array(both, dtype=object))


def _some(ids: Iterable[object], most: int = 5) -> str:
    names = list(map(str, ids))
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def over_budget(spent_pkr: float, budget_pkr: float) -> list[str]:
    """Return that more is spent than there is, in words; nothing where it is not."""
    if spent_pkr <= budget_pkr * (1 + 1e-6):
        return []
    there = f"PKR {budget_pkr / 1e6:,.2f} m there"
    return [f"budget: PKR {spent_pkr / 1e6:,.2f} m of subsidy, {there}"]


def over_limits(
    limits: Iterable[Limit],
    offers: pd.DataFrame,
    drawn_pkr: Mapping[str, float],
    spacing_m: float | None,
) -> list[str]:
    """Return the limits that a plan breaks, in words.

    `drawn_pkr` is the public money of each standing offer, by ``offer_id``; `spacing_m` the least
    distance of stations.
    """
    broken, near = [], dict[str, None]()
    site = offers.set_index("offer_id")["site_id"]
    for limit in limits:
        used = limit.used(drawn_pkr)
        most = limit.at_most + 1e-6 * max(1.0, limit.at_most)
        least = limit.at_least - 1e-6 * max(1.0, limit.at_least)
        if least <= used <= most:
            continue
        if limit.kind == "spacing":
            near.update(dict.fromkeys(site[[o for o in drawn_pkr if limit.use.get(o)]]))
        else:
            there = f"{limit.at_most:,.10g} {limit.unit} there"
            if used < least:
                there = f"{limit.at_least:,.10g} {limit.unit} required"
            broken.append(f"{limit.kind} {limit.name}: {used:,.10g} {limit.unit} used, {there}")
    if near:
        broken.append(f"spacing: {len(near)} stations stand nearer than {spacing_m:g} m to another "
                      f"({_some(near)})")  # fmt: skip
    return broken


def _named_sites(
    built: Collection[str], required: Iterable[str], forbidden: Iterable[str]
) -> list[str]:
    lacking = [site for site in required if site not in built]
    barred = [site for site in forbidden if site in built]
    said = {"required sites without a station": lacking, "forbidden sites with a station": barred}
    return [f"{what}: {_some(names)}" for what, names in said.items() if names]
