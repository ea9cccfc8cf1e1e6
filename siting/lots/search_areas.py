"""Search areas: the radius within which a station may move with little loss to the plan."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.sparse.csgraph import dijkstra

from siting.roads import Network
from siting.roads.travel import drive_matrix

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
    streets, _ = drive_matrix(network)
    junctions = network.nodes.get_coordinates().to_numpy()
    homes = cells[cells["node_id"].notna()].set_index("cell_id")
    homes["at"] = network.nodes.index.get_indexer(homes["node_id"].astype("int64"))
    kwh_of = {
        str(site): rows.groupby("cell_id")["served_kwh_day"].sum()
        for site, rows in service.groupby("site_id")
    }
    radii, losses = [], []
    columns = (stations["site_id"], stations["snap_m"], stations.geometry)
    for site, snap_m, point in zip(*columns, strict=True):
        kwh = kwh_of.get(str(site), pd.Series(dtype=float))
        home = homes.loc[kwh.index]
        access_min = (home["snap_m"].astype(float) + snap_m) / (access_kmh * METRES_A_MINUTE)
        metres = np.hypot(*(junctions - (point.x, point.y)).T)
        near = np.flatnonzero(metres <= most_m)
        near = near[np.argsort(metres[near], kind="stable")]
        kept = np.zeros(len(near))
        for at, access, amount in zip(home["at"], access_min, kwh, strict=True):
            minutes = access + dijkstra(streets, indices=at, limit=cutoff_min)[near]
            kept[minutes <= cutoff_min + 1e-9] += amount
        share = np.maximum(kwh.sum() - kept, 0.0) / (kwh.sum() or 1.0)
        bad = np.flatnonzero(share > loss + 1e-9)
        end = metres[near[bad[0]]] if len(bad) else most_m
        # A place with too much loss must be outside the circle, not on its edge.
        radius = np.floor(end / STEP_M) * STEP_M
        radii.append(float(radius - STEP_M if len(bad) and radius == end else radius))
        inside = metres[near] <= max(radii[-1], 0.0)
        losses.append(float(share[inside].max(initial=0.0)))
    return stations.assign(radius_m=np.maximum(radii, 0.0), loss_share=losses)
