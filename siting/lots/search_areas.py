"""Search areas: the radius within which a station may move with little loss to the plan."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd

from siting.roads import Network, travel_times

STEP_M = 10.0  # radii are rounded down to multiples of this
METRES_A_MINUTE = 1000.0 / 60.0


def with_areas(
    stations: gpd.GeoDataFrame, service: pd.DataFrame, cells: pd.DataFrame, network: Network, *,
    cutoff_min: float, access_kmh: float, loss: float, most_m: float,
) -> gpd.GeoDataFrame:  # fmt: skip
    """Return the stations, each with its search radius and the maximum loss within that radius.

    A moved station keeps the drivers who reach its new place within the cutoff, and loses the
    energy of all others. The new places that are tried are the network's junctions. A new place is
    assumed to be as far from its junction as the old place is from the road. No driver is served by
    two stations, so all stations may move at once, and the losses add up.

    `stations` has ``site_id``, ``snap_m`` and points (m). `service`, `cells` and `network` come
    from the plan. `cutoff_min` and `access_kmh` are as for `siting.roads.reach`. `loss` is the
    share of a station's energy that may be lost, and `most_m` the maximum radius (m). Two columns
    are added: ``radius_m``, rounded down to a multiple of 10 m, and ``loss_share``, the largest
    share lost at any place in the circle.
    """
    away = _turned_round(network)
    junctions = np.column_stack([network.nodes.geometry.x, network.nodes.geometry.y])
    homes = cells.set_index("cell_id")[["node_id", "snap_m"]]
    kwh_of = {
        str(site): rows.groupby("cell_id")["served_kwh_day"].sum()
        for site, rows in service.groupby("site_id")
    }
    radii, losses = [], []
    columns = (stations["site_id"], stations["snap_m"], stations.geometry)
    for site, snap_m, point in zip(*columns, strict=True):
        kwh = kwh_of.get(str(site), pd.Series(dtype=float))
        home = homes.loc[kwh.index]
        off_road_m = home["snap_m"].to_numpy(dtype=float) + float(snap_m)
        metres = np.hypot(*(junctions - (point.x, point.y)).T)
        near = np.flatnonzero(metres <= most_m)
        near = near[np.argsort(metres[near], kind="stable")]
        share = np.zeros(len(near))
        if kwh.sum() > 0:
            drives = travel_times(away, home["node_id"], cutoff_min)
            place = pd.Index(network.nodes.index[near])
            drives = drives.assign(place=place.get_indexer(drives["node_id"]))
            drives = drives[drives["place"] >= 0]
            access = off_road_m / (access_kmh * METRES_A_MINUTE)
            ends = home["node_id"].astype("int64")
            at_node = pd.DataFrame({"target_node_id": ends, "kwh": kwh, "access": access})
            there = drives.merge(at_node, on="target_node_id")
            there = there[there["travel_min"] + there["access"] <= cutoff_min + 1e-9]
            kept = np.bincount(there["place"], weights=there["kwh"], minlength=len(near))
            share = np.maximum(kwh.sum() - kept, 0.0) / kwh.sum()
        bad = np.flatnonzero(share > loss + 1e-9)
        end = metres[near[bad[0]]] if len(bad) else most_m
        # A place with too much loss must be outside the circle, not on its edge.
        radius = np.floor(end / STEP_M) * STEP_M
        radii.append(float(radius - STEP_M if len(bad) and radius == end else radius))
        inside = metres[near] <= max(radii[-1], 0.0)
        losses.append(float(share[inside].max(initial=0.0)))
    return stations.assign(radius_m=np.maximum(radii, 0.0), loss_share=losses)


def _turned_round(network: Network) -> Network:
    """Return the network with streets reversed, so that a search gives driving times to a place."""
    index = network.edges.index
    levels = [index.get_level_values(name) for name in ("v", "u", "key")]
    turned = pd.MultiIndex.from_arrays(levels, names=["u", "v", "key"])
    return replace(network, edges=network.edges.set_axis(turned))
