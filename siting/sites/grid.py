"""The 11 kV network near each site, from map layers: line length, feeder and headroom.

Feeder maps and loads are not public in Pakistan, but OpenStreetMap has some of the lines. Where a
layer has no data, columns stay blank, and `make_offers` uses defaults marked as assumptions.
"""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from siting.errors import Fault, refuse
from siting.files import missing_columns, not_numbers, rows_fault, texts_of


def nearest_line_km(
    candidates: gpd.GeoDataFrame, network: gpd.GeoDataFrame, detour: float = 1.3
) -> gpd.GeoDataFrame:
    """Return the candidates with ``line_km``, the length of a line to the nearest 11 kV point.

    `candidates` are sites in projected coordinates in metres (existing values of ``line_km`` are
    kept). `network` has 11 kV lines, or substations as points or areas, in any coordinate system.
    `detour` is the length along streets divided by the straight distance, at least 1. Raises one
    `InputError` that lists all errors in the layers.

    >>> site = gpd.GeoDataFrame({"site_id": ["s1"]}, geometry=[shapely.Point(0, 400)], crs=32643)
    >>> line = gpd.GeoDataFrame(geometry=[shapely.LineString([(-9, 0), (9, 0)])], crs=32643)
    >>> float(nearest_line_km(site, line)["line_km"].iloc[0])  # 0.4 km x 1.3
    0.52
    """
    refuse(_layer_faults(candidates, network, "11 kV network"))
    _, away_m = _nearest(candidates, network)
    measured = pd.Series(away_m / 1000 * detour, index=candidates.index)
    line_km = candidates.get("line_km", measured).astype(float).fillna(measured)
    return _geometry_last(candidates.assign(line_km=line_km))


def assign_feeders(
    candidates: gpd.GeoDataFrame, feeders: gpd.GeoDataFrame, within_m: float = np.inf
) -> gpd.GeoDataFrame:
    """Return the candidates with the nearest feeder and its spare power, ``headroom_kw`` (kW).

    `candidates` are sites in projected coordinates in metres (existing values of ``headroom_kw``
    are kept). `feeders` has the columns ``feeder_id`` and ``headroom_kw`` (kW), and lines, areas or
    points in any coordinate system. `within_m` is the maximum distance (m) of a site from its
    feeder.

    Columns added: ``feeder_id`` (blank if there is none), ``headroom_kw`` (blank if unknown) and
    ``feeder_m`` (distance to the feeder, m). Of equally near feeders, the feeder whose id sorts
    first is used. Raises one `InputError` that lists all errors in the tables.

    >>> site = gpd.GeoDataFrame({"site_id": ["s1"]}, geometry=[shapely.Point(0, 400)], crs=32643)
    >>> areas = gpd.GeoDataFrame({"feeder_id": ["f1"], "headroom_kw": [150.0]},
    ...     geometry=[shapely.box(-9, 0, 9, 900)], crs=32643)
    >>> assign_feeders(site, areas)[["feeder_id", "headroom_kw", "feeder_m"]].values.tolist()
    [['f1', 150.0, 0.0]]
    """
    refuse(_layer_faults(candidates, feeders, "feeders") + _feeder_faults(feeders))
    ordered = feeders.assign(feeder_id=feeders["feeder_id"].astype(str))
    ordered = ordered.sort_values("feeder_id", kind="stable", ignore_index=True)
    at, away_m = _nearest(candidates, ordered)
    found = (ordered["feeder_id"].to_numpy(object)[at], ordered["headroom_kw"].to_numpy(float)[at])
    near = (pd.Series(column, index=candidates.index) for column in (*found, away_m))
    ids, spare, feeder_m = (column.where(away_m <= within_m) for column in near)
    known = candidates.get("headroom_kw", spare).astype(float).fillna(spare)
    return _geometry_last(candidates.assign(feeder_id=ids, headroom_kw=known, feeder_m=feeder_m))


def _nearest(sites: gpd.GeoDataFrame, layer: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return each site's nearest row of the layer (the first among ties), and its distance."""
    tree = shapely.STRtree(layer.geometry.to_crs(sites.crs).to_numpy())
    (site, row), away_m = tree.query_nearest(sites.geometry.to_numpy(), return_distance=True)
    order = np.lexsort((row, site))
    _, first = np.unique(site[order], return_index=True)
    return row[order][first], away_m[order][first]


def _layer_faults(candidates: gpd.GeoDataFrame, layer: gpd.GeoDataFrame, name: str) -> list[Fault]:
    faults = []
    if candidates.crs is None or not candidates.crs.is_projected:
        what = "have no projected coordinate system"
        faults.append(Fault("candidates", what, "use one in metres, as merge_candidates does"))
    if layer.empty:
        return [*faults, Fault(name, "has no rows", "use a layer that has rows, or none")]
    if layer.crs is None:
        faults.append(Fault(name, "has no coordinate reference system", "declare it"))
    missing = layer.geometry.isna() | layer.geometry.is_empty
    fix = "leave these rows out"
    return faults + rows_fault(f"{name}, geometry", missing, _rows(layer), "missing", fix)


def _feeder_faults(feeders: gpd.GeoDataFrame) -> list[Fault]:
    if faults := missing_columns(feeders, ("feeder_id", "headroom_kw"), "feeders"):
        return faults
    ids, bad = texts_of(feeders, "feeder_id"), not_numbers(feeders["headroom_kw"])
    twice = ids.duplicated(keep=False) & (ids != "")
    where = "feeders, column feeder_id"
    return [
        *rows_fault(where, ids == "", _rows(feeders), "blank"),
        *rows_fault(where, twice, ids, "given twice", "keep one row per feeder"),
        *rows_fault("feeders, column headroom_kw", bad, ids, "not a power of at least 0 kW"),
    ]


def _rows(layer: gpd.GeoDataFrame) -> list[str]:
    return [f"row {i + 1}" for i in range(len(layer))]


def _geometry_last(sites: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return sites[[c for c in sites.columns if c != "geometry"] + ["geometry"]]
