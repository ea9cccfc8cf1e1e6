"""A layer of stations as offers of a study: placed, priced by its rules, and held to them."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from siting import roads
from siting.errors import Fault, InputError
from siting.files import extent
from siting.models import Limit
from siting.review.their_layer import TheirLayer
from siting.study.limits import limits_of
from siting.study.pipeline import Study
from siting.study.sources import on_the_grid

# A point with the id of one of our sites is that site if it stands this near to it.
SAME_M = 25.0
# What a study works out from its sites; of a study with other sites it must be worked out anew.
OF_SITES = (
    "_candidates_and_dropped",
    "offers",
    "reach",
    "limits",
    "required_sites",
    "forbidden_sites",
    "instance",
    "gap_case",
    "decision",
    "plan",
)


@dataclass(frozen=True, eq=False)
class TheirPlan:
    """Their stations among ours.

    Parameters
    ----------
    placed
        ``site_id``, ``their_id``, ``offer_id``: which offer each of their stations is.
    candidates, offers, reach
        The study's tables with theirs added. Of their offers the ``reason`` says what rule rules
        them out.
    limits
        The study's limits over all those offers.
    chosen
        The offers that stand under their plan, existing stations included.
    broken
        The rules that their plan breaks, in words.
    notes
        What else a reader must know.
    """

    placed: pd.DataFrame
    candidates: gpd.GeoDataFrame
    offers: pd.DataFrame
    reach: pd.DataFrame
    limits: tuple[Limit, ...]
    chosen: tuple[str, ...]
    broken: list[str]
    notes: list[str]


def their_plan(study: Study, layer: TheirLayer, where: str) -> TheirPlan:
    """Return a layer's stations as offers at sites of the study, priced by the study's rules.

    A point within ``candidates.merge_within_m`` of a candidate is that candidate, one to one and
    nearest first; one that has a candidate's id, within 25 m of it, comes before. Any other is a
    site of its own, on the nearest road.

    Parameters
    ----------
    study
        The study that judges.
    layer
        What `read_their_layer` returned.
    where
        The file, for messages.

    Raises
    ------
    InputError
        With every point that is outside the roads or far from them, and every existing station that
        the study does not know.
    """
    ours = study.candidates
    theirs = layer.sites.to_crs(study.network.crs)
    match = _match(theirs, ours, study.config.candidates.merge_within_m)
    site_of = pd.Series(
        np.where(match >= 0, ours["site_id"].astype(str).to_numpy(object)[match], ""), dtype=object
    )
    lone = theirs[match < 0]
    faults = _stand_faults(theirs, match, ours, where)
    snapped = roads.snap(lone, study.network, study.config.candidates.max_snap_m)
    faults += _road_faults(study, lone, snapped, where)
    if faults:
        raise InputError(faults)
    own = _own_sites(study, lone, snapped, set(ours["site_id"].astype(str)))
    site_of[match < 0] = own["site_id"].to_numpy(object) if len(own) else []
    policy = study.config.offers.existing_policy
    stands = theirs["existing"].to_numpy(dtype=bool)
    new = pd.DataFrame(
        {"site_id": site_of[~stands].to_numpy(object), "counts": theirs["counts"][~stands]}
    )
    new["their_id"] = theirs["their_id"][~stands]
    empty = new["counts"].map(len) == 0
    notes = _unknown_notes(layer, new[empty])
    new = new[~empty].reset_index(drop=True)
    candidates = ours
    if len(own):
        candidates = gpd.GeoDataFrame(pd.concat([ours, own], ignore_index=True), crs=ours.crs)
    priced, broken = _priced(study, candidates, new)
    known = study.offers["offer_id"].astype(str)
    more = priced[~priced["offer_id"].isin(known)].drop_duplicates("offer_id")
    offers = study.offers
    if len(more):
        offers = pd.concat([study.offers, more], ignore_index=True)
        capacity = [c for c in offers.columns if str(c).startswith("capacity_")]
        offers[capacity] = offers[capacity].fillna(0.0)
    placed = new.assign(offer_id=priced["offer_id"].to_numpy(object))
    reach = _reach(study, own)
    limits = limits_of(_with_sites(study, candidates, offers))
    extended = set(placed["site_id"])
    kept = study.offers[study.offers["existing"].to_numpy(bool)]
    kept = kept[~kept["site_id"].isin(extended)]
    chosen = (*kept["offer_id"].astype(str), *placed["offer_id"].astype(str))
    broken = [*_unknown_rules(layer), *broken]
    broken += _money_and_limits(study, offers, chosen, limits)
    broken += _named_sites(study, set(kept["site_id"]) | extended)
    if policy == "ignore" and stands.any():
        notes.append("existing stations of the layer are left out, as the configuration says")
    return TheirPlan(
        placed[["site_id", "their_id", "offer_id"]],
        candidates,
        offers,
        reach,
        limits,
        tuple(sorted(chosen)),
        broken,
        notes,
    )


def _match(theirs: gpd.GeoDataFrame, ours: gpd.GeoDataFrame, within_m: float) -> np.ndarray:
    """Return the position of the candidate that each point is; -1 where it is none."""
    out = np.full(len(theirs), -1)
    at = np.column_stack([theirs.geometry.x, theirs.geometry.y])
    sites = np.column_stack([ours.geometry.x, ours.geometry.y])
    tree, taken = cKDTree(sites), set()
    index = pd.Index(ours["site_id"].astype(str)).get_indexer(theirs["their_id"].astype(str))
    for i in np.flatnonzero(index >= 0):
        if np.hypot(*(sites[index[i]] - at[i])) <= SAME_M:
            out[i] = index[i]
            taken.add(int(index[i]))
    pairs = [
        (float(np.hypot(*(sites[j] - at[i]))), i, j)
        for i in np.flatnonzero(out < 0)
        for j in tree.query_ball_point(at[i], within_m)
    ]
    for _, i, j in sorted(pairs):
        if out[i] < 0 and j not in taken:
            out[i] = j
            taken.add(j)
    return out


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


def _road_faults(
    study: Study, lone: gpd.GeoDataFrame, snapped: pd.DataFrame, where: str
) -> list[Fault]:
    most = study.config.candidates.max_snap_m
    far = snapped["node_id"].isna().to_numpy()
    if not far.any():
        return []
    west, south, east, north = study.network.nodes.total_bounds
    points = lone.geometry[far]
    outside = ~(
        points.x.between(west - most, east + most) & points.y.between(south - most, north + most)
    ).to_numpy()
    names = lone["their_id"].astype(str)[far]
    faults = []
    if outside.any():
        what = f"outside the area of the study ({extent(study.network.nodes)})"
        faults.append(Fault(f"{where}, geometry", what, "leave them out", tuple(names[outside])))
    if (~outside).any():
        away = snapped["road_m"][far][~outside]
        labels = [f"{n}: {m:,.0f} m" for n, m in zip(names[~outside], away, strict=True)]
        what = f"more than {most:g} m from the nearest road"
        fix = "move them to a road, or raise candidates.max_snap_m"
        faults.append(Fault(f"{where}, geometry", what, fix, tuple(labels)))
    return faults


def _own_sites(
    study: Study, lone: gpd.GeoDataFrame, snapped: pd.DataFrame, known: set[str]
) -> gpd.GeoDataFrame:
    """Return the points that are no candidate of the study as candidates."""
    ids: list[str] = []
    for i, theirs in enumerate(lone["their_id"].astype(str), start=1):
        name = theirs if theirs not in known and theirs not in ids else f"theirs {theirs}"
        ids.append(name if name not in known and name not in ids else f"theirs {i}")
    own = gpd.GeoDataFrame(
        {
            "site_id": ids,
            "name": lone["name"].to_numpy(object),
            "kind": "theirs",
            "existing": False,
            "existing_power_kw": 0.0,
            "source": "the layer that is judged",
            "node_id": snapped["node_id"].to_numpy(),
            "snap_m": snapped["snap_m"].to_numpy(dtype=float),
        },
        geometry=lone.geometry.to_numpy(),
        crs=lone.crs,
    )
    own["name"] = own["name"].astype("str").where(own["name"].notna())
    own["node_id"] = own["node_id"].astype("Int64")
    return on_the_grid(study.config, own, study.site_costs.line_detour) if len(own) else own


def _with_sites(study: Study, candidates: gpd.GeoDataFrame, offers: pd.DataFrame | None) -> Study:
    """Return the study with other sites, and their offers if they are known already."""
    other = copy.copy(study)
    other._progress = None
    other.__dict__.update(seconds=dict(study.seconds), _inner=[])
    for name in OF_SITES:
        other.__dict__.pop(name, None)
    other.__dict__["_candidates_and_dropped"] = (candidates, study.dropped)
    if offers is not None:
        other.__dict__["offers"] = offers
    return other


def _priced(
    study: Study, candidates: gpd.GeoDataFrame, new: pd.DataFrame
) -> tuple[pd.DataFrame, list[str]]:
    """Return the offer of each new station, in order, and the rules that rule one out."""
    own = study.config.offers
    spelled = {tuple(sorted(c.items())): name for name, c in own.configurations.items()}
    names: list[str] = []
    wanted: dict[str, dict[str, int]] = {}
    for counts in new["counts"]:
        text = " and ".join(f"{n} x {c}" for c, n in counts.items())
        name = spelled.get(tuple(sorted(counts.items())), text)
        names.append(name)
        wanted[name] = dict(own.configurations.get(name, counts))
    if new.empty:
        return study.offers.iloc[:0], []
    policy = "extend" if own.existing_policy == "keep" else own.existing_policy
    config = study.config.model_copy(
        update={
            "offers": own.model_copy(update={"configurations": wanted, "existing_policy": policy})
        }
    )
    here = candidates[candidates["site_id"].isin(set(new["site_id"]))]
    other = _with_sites(study, here.reset_index(drop=True), None)
    other.config = config
    offers = other.offers[~other.offers["existing"].to_numpy(bool)]
    bare = offers["configuration"].str.removeprefix("existing+").str.removesuffix("+upgrade")
    key = pd.MultiIndex.from_arrays([offers["site_id"], bare])
    at = key.get_indexer(pd.MultiIndex.from_arrays([new["site_id"], names]))
    picked = offers.iloc[at].reset_index(drop=True)
    reason = picked["reason"].fillna("").astype(str)
    broken = [
        f"{label}: {why}" for label, why in zip(_labels(new), reason, strict=True) if why.strip()
    ]
    extends = picked["extends"].to_numpy(bool)
    if own.existing_policy == "keep" and extends.any():
        ids = _some(_labels(new)[extends])
        broken.append(f"adds to existing stations, which the study keeps as they are: {ids}")
        said = "existing stations are kept as they are"
        picked["reason"] = reason.mask(extends & (reason == ""), said)
    return picked, broken


def _labels(new: pd.DataFrame) -> np.ndarray:
    same = (new["site_id"] == new["their_id"]).to_numpy()
    both = [f"{t} (site {s})" for t, s in zip(new["their_id"], new["site_id"], strict=True)]
    return np.where(same, new["their_id"].to_numpy(object), np.array(both, dtype=object))


def _some(ids: np.ndarray | list[str], most: int = 5) -> str:
    more = f" and {len(ids) - most:,} more" if len(ids) > most else ""
    return ", ".join(list(map(str, ids))[:most]) + more


def _reach(study: Study, own: gpd.GeoDataFrame) -> pd.DataFrame:
    if own.empty:
        return study.reach
    config = study.config.reach
    more = roads.reach(study.network, study.cells, own, config.cutoff_min, config.access_kmh)
    return pd.concat([study.reach, more], ignore_index=True)


def _unknown_rules(layer: TheirLayer) -> list[str]:
    return [
        f"{name}: no such charger or configuration in the study, scored without it "
        f"({_some(list(rows))})"
        for name, rows in layer.unknown.items()
    ]


def _unknown_notes(layer: TheirLayer, empty: pd.DataFrame) -> list[str]:
    if empty.empty:
        return []
    return [f"stations without any known charger are left out: {_some(list(empty['their_id']))}"]


def _money_and_limits(
    study: Study, offers: pd.DataFrame, chosen: tuple[str, ...], limits: tuple[Limit, ...]
) -> list[str]:
    spent = float(offers.loc[offers["offer_id"].isin(chosen), "subsidy_pkr"].sum())
    budget = study.config.program.budget_pkr
    broken = []
    if spent > budget * (1 + 1e-6):
        broken.append(
            f"budget: PKR {spent / 1e6:,.2f} m of subsidy, PKR {budget / 1e6:,.2f} m there"
        )
    near: dict[str, None] = {}
    site = dict(zip(offers["offer_id"].astype(str), offers["site_id"].astype(str), strict=True))
    for limit in limits:
        users = [o for o in chosen if limit.use.get(o, 0.0) > 0]
        used = sum(limit.use[o] for o in users)
        if used <= limit.at_most + 1e-6 * max(1.0, limit.at_most):
            continue
        if limit.kind == "spacing":
            near.update(dict.fromkeys(site[o] for o in users))
        else:
            broken.append(
                f"{limit.kind} {limit.name}: {used:,.10g} {limit.unit} used, "
                f"{limit.at_most:,.10g} {limit.unit} there"
            )
    if near:
        apart = study.config.program.limits.spacing_m
        broken.append(f"spacing: {len(near)} stations stand nearer than {apart:g} m to another "
                      f"({_some(list(near))})")  # fmt: skip
    return broken


def _named_sites(study: Study, built: set[str]) -> list[str]:
    lacking = [s for s in study.required_sites if s not in built]
    barred = [s for s in study.forbidden_sites if s in built]
    out = []
    if lacking:
        out.append(f"required sites without a station: {_some(lacking)}")
    if barred:
        out.append(f"forbidden sites with a station: {_some(barred)}")
    return out
