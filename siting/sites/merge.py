"""Merge candidate layers: places are snapped to roads, then joined, kept or dropped."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import Fault, InputError, listed, refuse, require_kind
from siting.files import extent, missing_columns, require_layer, rows_fault
from siting.roads import Network, snap
from siting.sites.places import OWN, OWN_ID

log = logging.getLogger(__name__)

# Optional fields of a place. A site without a value takes that of the first joined place with one.
FIGURES = ("headroom_kw", "line_km", "bays", "availability", "existing_ports")

ROUND_TO = 1  # decimals (0.1 m); the last digits of a projection must not affect the order
OUTSIDE = "outside the area of the roads"
EXCLUDED = "no station may be built in "


def merge_candidates(
    layers: Sequence[gpd.GeoDataFrame],
    network: Network,
    merge_within_m: float = 50.0,
    max_snap_m: float = 300.0,
    excluded: gpd.GeoDataFrame | None = None,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return the candidate sites of all layers, and the dropped places.

    Existing stations come first, then all other places; both are taken layer by layer. In a layer,
    places with names come before places without names, both from south to north, then from west to
    east. Each place joins the nearest earlier site within `merge_within_m`, or becomes a site.
    Existing stations join each other only if they are from different layers.

    Parameters
    ----------
    layers
        Places with ``name``, ``kind``, ``source`` and points. Optional columns: ``existing``,
        ``existing_power_kw`` (kW), ``existing_ports``, ``headroom_kw`` (kW), ``line_km`` (km),
        ``bays``, ``availability``, ``user_id``, ``unfit`` (the reason to exclude a place), and
        columns of the user's own layer, which begin with ``user_``.
    network
        The roads.
    merge_within_m
        Maximum straight distance (m) at which places merge; 0 merges only places at the same point.
    max_snap_m
        Places more than this distance (m) from the nearest road are not candidates.
    excluded
        Areas with a ``name``. Places inside them are not candidates, except existing stations.

    Returns
    -------
    candidates : GeoDataFrame
        ``site_id`` (numbered from south to north, then from west to east), ``name``, ``kind``,
        ``existing``, ``existing_power_kw``, ``source``, ``node_id``, ``snap_m`` (m), ``merged``
        (number of places that joined the site), ``merged_names``, the optional figures of the
        layers, the user's columns (from the first user row at the site), ``merged_ids`` (ids of the
        other user rows), and points in the network's coordinate reference system.
    dropped : GeoDataFrame
        ``name``, ``kind``, ``existing``, ``source``, ``road_m`` (m to the nearest road),
        ``reason``, the user's columns, ``geometry``.

    Raises
    ------
    InputError
        If a layer lacks a column or lies wholly outside the roads, if user ids repeat, or if no
        place is found or none remains.
    """
    if excluded is not None:
        require_layer("excluded", excluded)
        refuse(missing_columns(excluded, ("name",), "excluded"))
    require_kind("network", network, Network, "pass a siting.Network")
    places = _stack(layers, network, merge_within_m, max_snap_m)
    snapped = snap(places, network, max_snap_m)
    places[["node_id", "snap_m", "road_m"]] = snapped[["node_id", "snap_m", "road_m"]]
    unfit = _unfit(places, excluded)
    away = places["node_id"].isna().to_numpy()
    far = away | unfit.notna().to_numpy()
    dropped = _dropped(places[far], unfit[far], network, max_snap_m)
    if away.all():
        what = f"none of {len(places):,} places is within {max_snap_m:,.0f} m of a road: the "
        what += f"nearest is {places['road_m'].min():,.0f} m away"
        raise InputError("candidates", what, "raise max_snap_m, or use other layers")
    if far.all():
        reasons = dropped["reason"].value_counts()
        told = "; ".join(f"{reason} ({count:,})" for reason, count in reasons.head(3).items())
        what = f"none of {len(places):,} places remains: {told}"
        raise InputError("candidates", what, "exclude fewer places, or use other layers")
    if far.any():
        outside = dropped["reason"].str.startswith(OUTSIDE).sum()
        log.info("%s places lie outside the area of the roads", f"{outside:,}")
        if outside < far.sum():
            log.info("%s places are too far from a road or unfit", f"{far.sum() - outside:,}")
    near = places[~far].reset_index(drop=True)
    apart = near["layer"].where(near["existing"], 0).to_numpy()
    return _sites(near, joined(near.get_coordinates().to_numpy(), merge_within_m, apart)), dropped


def _stack(
    layers: Sequence[gpd.GeoDataFrame], network: Network, merge_within_m: float, max_snap_m: float
) -> gpd.GeoDataFrame:
    """Return all layers as one layer, in order of priority, in the network's coordinates."""
    least = (("merge_within_m", merge_within_m, 0.0), ("max_snap_m", max_snap_m, 1e-9))
    faults = [
        Fault(name, f"{value} is not a distance", "enter a distance in m")
        for name, value, smallest in least
        if not (np.isfinite(value) and value >= smallest)
    ]
    parts = []
    roads = _area(network, max_snap_m)
    for number, layer in enumerate(listed("layers", layers), start=1):
        where = f"candidate layer {number}"
        require_layer(where, layer)
        lacking = [c for c in ("name", "kind", "source", "geometry") if c not in layer.columns]
        if lacking or layer.crs is None:
            what = f"has no {', '.join(lacking)}" if lacking else "has no coordinate system"
            faults.append(Fault(where, what))
            continue
        if layer.empty:
            continue
        odd = layer.geometry.notna() & (layer.geom_type != "Point")
        fix = "use points, such as representative_point()"
        faults += rows_fault(f"{where}, geometry", odd, layer.index, "not a point", fix)
        local = layer.to_crs(network.crs)
        if not roads.intersects(shapely.box(*local.total_bounds)):
            sources = ", ".join(sorted(set(layer["source"].astype(str)))[:3])
            what = f"covers {extent(layer)}, but the roads cover {extent(network.nodes)}"
            fix = "use a layer that covers this city, or check its coordinates"
            faults.append(Fault(f"{where} ({sources})", what, fix))
            continue
        parts.append(local.assign(layer=number))
    if not faults and not parts:
        faults.append(Fault("candidates", "no layer contains a place", "add a layer"))
    if parts:
        places = pd.concat(parts, ignore_index=True)
        if OWN_ID in places.columns:
            # Two layers may use the same ids.
            ids, what = places[OWN_ID], "the same id for several places"
            twice = ids.notna() & places.duplicated(["layer", OWN_ID], keep=False)
            faults += rows_fault(f"candidates, column {OWN_ID}", twice, ids, what)
    refuse(faults)
    return _in_order(places)


def _area(network: Network, max_snap_m: float) -> shapely.Polygon:
    """Return the rectangle around the roads, extended by the snapping distance."""
    west, south, east, north = network.nodes.total_bounds
    wider = max(max_snap_m, 1.0) if np.isfinite(max_snap_m) else 1.0  # 1 m allows for rounding
    area: shapely.Polygon = shapely.box(west - wider, south - wider, east + wider, north + wider)
    return area


def _in_order(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    for column, default in (("existing", False), ("existing_power_kw", 0.0)):
        given = places.get(column, pd.Series(default, index=places.index))
        places[column] = given.where(given.notna(), default).astype(type(default))
    for column in ("name", "kind", "source"):
        places[column] = places[column].astype("str").where(places[column].notna())
    order = pd.DataFrame(places[["layer", "kind", "name", "source"]]).assign(
        new=~places["existing"],
        unnamed=places["name"].isna(),
        power=-places["existing_power_kw"],
        y=places.geometry.y.round(ROUND_TO),
        x=places.geometry.x.round(ROUND_TO),
    )
    by = ["new", "layer", "unnamed", "y", "x", "kind", "name", "source", "power"]
    rows = order.sort_values(by, na_position="last", kind="stable").index
    return places.loc[rows].reset_index(drop=True)


def _unfit(places: gpd.GeoDataFrame, excluded: gpd.GeoDataFrame | None) -> pd.Series[str]:
    """Return the reason, other than distance to a road, why each place is unfit, or a blank."""
    none = pd.Series(None, index=places.index, dtype="str")
    reason: pd.Series[str] = places["unfit"] if "unfit" in places.columns else none
    if excluded is None or excluded.empty:
        return reason
    areas = excluded.to_crs(places.crs)
    at, area = areas.sindex.query(places.geometry, predicate="intersects")
    name = pd.Series(areas["name"].to_numpy()[area], index=at, dtype="str")
    name = name.groupby(level=0).first().reindex(places.index)
    return reason.where(reason.notna() | name.isna() | places["existing"], EXCLUDED + name)


def _dropped(
    far: gpd.GeoDataFrame, unfit: pd.Series[str], network: Network, max_snap_m: float
) -> gpd.GeoDataFrame:
    columns = ["name", "kind", "existing", "source", "road_m"]
    own = _own(far)
    dropped = far[[*columns, *own, "geometry"]].reset_index(drop=True)
    inside = dropped.geometry.intersects(_area(network, max_snap_m))
    away = [
        f"{road_m:,.0f} m from the nearest road (limit: {max_snap_m:,.0f} m)"
        if near
        else f"{OUTSIDE}, {road_m / 1000:,.1f} km from the nearest road"
        for road_m, near in zip(dropped["road_m"], inside, strict=True)
    ]
    reason = unfit.reset_index(drop=True).fillna(pd.Series(away, dtype="str"))
    dropped["reason"] = reason.astype("str")
    return dropped[[*columns, "reason", *own, "geometry"]]


def _own(places: gpd.GeoDataFrame) -> list[str]:
    return [str(column) for column in places.columns if str(column).startswith(OWN)]


def joined(xy: np.ndarray, within_m: float, apart: np.ndarray | None = None) -> np.ndarray:
    """Return the position of the site that each place joins; a site joins itself.

    Each place joins the nearest earlier site within `within_m`. Places with the same number in
    `apart`, other than 0, do not join each other.
    """
    from scipy.spatial import cKDTree

    near = cKDTree(xy).query_ball_point(xy, within_m, return_sorted=True)
    into = np.arange(len(xy))
    group = np.zeros(len(xy)) if apart is None else apart
    for i in into.tolist():
        others = [j for j in near[i] if j < i and into[j] == j]
        standing = [j for j in others if not group[i] or group[i] != group[j]]
        if standing:
            away = np.hypot(*(xy[standing] - xy[i]).T)
            into[i] = standing[int(np.argmin(away))]
    return into


def _sites(places: gpd.GeoDataFrame, into: np.ndarray) -> gpd.GeoDataFrame:
    joined = into != np.arange(len(places))
    names = places["name"].fillna(places["kind"])[joined].groupby(into[joined])
    sites = places[~joined].copy()
    sites["merged"] = np.bincount(into, minlength=len(places))[~joined] - 1
    sites["merged_names"] = names.agg("; ".join).reindex(sites.index).fillna("")
    columns = ["site_id", "name", "kind", "existing", "existing_power_kw", "source", "node_id",
               "snap_m", "merged", "merged_names"]  # fmt: skip
    for column in FIGURES:
        if column in places.columns:
            sites[column] = places[column].groupby(into).first().reindex(sites.index)
            columns.append(column)
    own = _own(places)
    if own:
        # If several rows of users' layers join a site, all user columns come from the first row.
        rows = np.flatnonzero(places[own].notna().any(axis=1))
        first = pd.Series(rows).groupby(into[rows]).first()
        sites[own] = pd.DataFrame(places[own]).loc[first].set_axis(first.index).reindex(sites.index)
        columns += own
    if OWN_ID in own:
        ids = places[OWN_ID].drop(first).dropna()
        joined_ids = ids.groupby(into[ids.index]).agg("; ".join)
        sites["merged_ids"] = joined_ids.reindex(sites.index).fillna("")
        columns.append("merged_ids")
    at = sites.geometry
    order = np.lexsort((sites.index, at.x.round(ROUND_TO), at.y.round(ROUND_TO)))
    sites = sites.iloc[order].reset_index(drop=True)
    sites["site_id"] = [f"s{i:04d}" for i in range(1, len(sites) + 1)]
    return sites[[*columns, "geometry"]]
