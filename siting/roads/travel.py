"""Driving times on the directed network, and the sites in reach of each cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array, hstack, vstack
from scipy.sparse.csgraph import dijkstra

from siting.errors import InputError, refuse
from siting.files import missing_columns, not_numbers, rows_fault
from siting.roads.network import Network

BATCH = 32  # number of neighbouring targets searched together; see `_blocks`
BLOCK_NUMBERS = 8_000_000  # maximum number of driving times in memory at once (64 MB)
BYTES_A_PAIR = 64  # memory per pair of cell and site during gathering, sorting and labelling
# A sparse matrix drops zeros, so a street of length 0 is given this driving time (60 ns).
LEAST_MIN = 1e-9


def travel_times(network: Network, targets: Iterable[int], cutoff_min: float) -> pd.DataFrame:
    """Return the driving minutes from each node to each target node within the cutoff.

    Dijkstra's algorithm (scipy, bounded) runs from each target on the reversed network, so that the
    minutes are those of driving to the target. Only the quickest of parallel streets counts.

    Parameters
    ----------
    network
        The roads.
    targets
        ``node_id`` of the targets; a repeated target counts once.
    cutoff_min
        Maximum driving time (minutes).

    Returns
    -------
    DataFrame
        ``node_id``, ``target_node_id``, ``travel_min``; a target reaches itself in 0 minutes. Rows
        are sorted by target, in the order given, then by node.

    Raises
    ------
    InputError
        If a target is not a node of the network, or the cutoff is not above 0.
    """
    _require_above_0("cutoff_min", cutoff_min, "minutes")
    wanted = pd.Index(pd.unique(pd.Series(targets, dtype="Int64").dropna().astype("int64")))
    at = _positions(network, wanted, "targets")
    empty = np.array([], dtype=np.int64)
    found = [(empty, empty, np.array([], dtype=float))]  # targets, nodes, minutes of each block
    for rows, nodes, block in _blocks(network, at, cutoff_min):
        row, column = np.nonzero(np.isfinite(block))
        found.append((rows[row], nodes[column], block[row, column]))
    target, node, minutes = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((node, target))
    columns = {
        "node_id": network.nodes.index.to_numpy()[node[order]],
        "target_node_id": wanted.to_numpy()[target[order]],
        "travel_min": minutes[order],
    }
    return pd.DataFrame(columns)


def snap(points: gpd.GeoDataFrame, network: Network, max_m: float) -> pd.DataFrame:
    """Return each point's nearest road node, and the distances (m) to that node and to a road.

    The limit `max_m` (m, or ``inf``) applies to the distance to the road, because a place beside a
    long road without junctions is near the road but far from a node. Areas and lines in `points`
    are represented by their centre.

    Columns: ``node_id`` (Int64, missing beyond `max_m`), ``snap_m`` (m to that node) and ``road_m``
    (m to the nearest road), indexed as `points`. Raises `InputError` for a missing geometry.
    """
    lost = points.geometry.isna() | points.geometry.is_empty
    what = f"{lost.sum():,} of {len(points):,} rows have no location"
    refuse(rows_fault("points, geometry", lost, points.index, what))
    centres = points.geometry.to_crs(network.crs).centroid
    spots = np.column_stack([centres.x, centres.y])
    nodes = np.column_stack([network.nodes.geometry.x, network.nodes.geometry.y])
    from scipy.spatial import cKDTree

    distance, nearest = cKDTree(nodes).query(spots)
    tree = shapely.STRtree(network.edges.geometry.to_numpy())
    (at, _), away = tree.query_nearest(centres.to_numpy(), return_distance=True, all_matches=False)
    road_m = np.empty(len(spots))
    road_m[at] = away
    # A node lies on a road, so the road is never farther away than the node.
    road_m = np.minimum(road_m, distance)
    node_id = pd.array(network.nodes.index.to_numpy()[nearest], dtype="Int64")
    node_id[~(road_m <= max_m)] = pd.NA
    columns = {"node_id": node_id, "snap_m": distance, "road_m": road_m}
    return pd.DataFrame(columns, index=points.index)


def reach(
    network: Network,
    cells: pd.DataFrame,
    candidates: pd.DataFrame,
    cutoff_min: float,
    access_kmh: float,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Return the sites that drivers from each cell reach within the cutoff, with driving minutes.

    ``travel_min = cell snap_m / access + drive + site snap_m / access``, with straight-line access.

    Parameters
    ----------
    network
        The roads.
    cells
        ``cell_id``, ``node_id`` (missing if too far from a road), ``snap_m``.
    candidates
        ``site_id``, ``node_id``, ``snap_m``.
    cutoff_min
        Maximum driving time (minutes), including access.
    access_kmh
        Speed between the place and its road node, km/h.
    progress
        Called at intervals with the number of sites searched and the total number of sites.

    Returns
    -------
    DataFrame
        `siting.tables.REACH`: ``cell_id``, ``site_id``, ``travel_min``, sorted by cell, then site.

    Raises
    ------
    InputError
        If the cutoff or the access speed is not above 0, a node is not in the network, or the
        pairs, as estimated from the sites searched so far, would not fit in the free memory.
    """
    _require_above_0("cutoff_min", cutoff_min, "minutes")
    _require_above_0("access_kmh", access_kmh, "km/h")
    homes = _placed(cells, "cells", "cell_id", access_kmh)
    sites = _placed(candidates, "candidates", "site_id", access_kmh)
    home_at = _positions(network, pd.Index(homes["node_id"]), "cells, column node_id")
    site_at = _positions(network, pd.Index(sites["node_id"]), "candidates, column node_id")
    home_min, site_min = homes["access_min"].to_numpy(), sites["access_min"].to_numpy()
    empty = np.array([], dtype=np.int32)
    found = [(empty, empty, np.array([], dtype=float))]  # sites, cells, minutes of each block
    done = count = 0
    # The cutoff includes access, so the search can stop earlier. The margin allows for rounding.
    drive_min = cutoff_min - home_min.min(initial=np.inf) - site_min.min(initial=np.inf) + LEAST_MIN
    if drive_min > 0:
        for rows, nodes, block in _blocks(network, site_at, drive_min):
            place = np.minimum(np.searchsorted(nodes, home_at), len(nodes) - 1)
            near = np.flatnonzero(nodes[place] == home_at)
            total = block[:, place[near]] + home_min[near]
            total += site_min[rows, None]
            row, column = np.nonzero(total <= cutoff_min)
            at = rows[row].astype(np.int32), near[column].astype(np.int32)
            found.append((*at, total[row, column]))
            done, count = done + len(rows), count + len(row)
            _require_room(count * len(sites) / done, cutoff_min)
            if progress is not None:
                progress(done, len(sites))
    row, column, minutes = (np.concatenate(part) for part in zip(*found, strict=True))
    # Both tables are sorted by id, so sorting positions also sorts the ids. Pairs are unique.
    order = np.argsort(column.astype(np.int64) * len(sites) + row)
    columns = {
        "cell_id": homes["cell_id"].array[column[order]],
        "site_id": sites["site_id"].array[row[order]],
        "travel_min": minutes[order],
    }
    return pd.DataFrame(columns)


def minutes_to_nearest(
    network: Network, sites: pd.DataFrame, limit_min: float, access_kmh: float
) -> pd.Series[float]:
    """Return the driving minutes from each node to the nearest site, by ``node_id``.

    The minutes include access from the road node to the site, and are infinite beyond `limit_min`.
    `sites` and `access_kmh` are as in `reach`.
    """
    placed = _placed(sites, "sites", "site_id", access_kmh)
    at = _positions(network, pd.Index(placed["node_id"]), "sites, column node_id")
    minutes = np.full(len(network.nodes), np.inf)
    if len(at):
        # One search starts at an added node; its edges to the sites' nodes take the access minutes.
        access_min = np.full(len(network.nodes), np.inf)
        np.minimum.at(access_min, at, np.maximum(placed["access_min"].to_numpy(), LEAST_MIN))
        begins = np.flatnonzero(np.isfinite(access_min))
        ends = (np.zeros_like(begins), begins)
        row = csr_array((access_min[begins], ends), shape=(1, len(minutes)))
        rows = vstack([drive_matrix(network, back=True)[0], row])
        streets = hstack([rows, csr_array((len(minutes) + 1, 1))])
        minutes = dijkstra(csr_array(streets), indices=len(minutes), limit=limit_min)[:-1]
    return pd.Series(minutes, index=network.nodes.index, name="travel_min")


def free_bytes() -> float:
    """Return the memory in bytes that is free for this process; infinite if unknown."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return math.inf
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return float(found[0]) * 1024 if found else math.inf


def _require_room(pairs: float, cutoff_min: float) -> None:
    need, free = pairs * BYTES_A_PAIR, free_bytes()
    if need > free:
        what = f"about {pairs:,.0f} pairs of cells and sites lie within {cutoff_min:g} minutes "
        what += f"and take {need / 1e9:,.1f} GB of memory, but only {free / 1e9:,.1f} GB is free"
        raise InputError("reach.cutoff_min", what, "lower it, or use larger cells or fewer sites")


def _blocks(
    network: Network, targets: np.ndarray, limit_min: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield blocks of neighbouring targets: their positions, the nodes in reach, and the minutes.

    For short drives in a large city, scipy takes longer to initialise every node than to search.
    Therefore, one search finds the nodes in reach of any target of a block, and the matrix is
    reduced to these nodes, which no path within the limit leaves. Threads would not help, because
    scipy holds Python's global lock while it searches.
    """
    streets, _ = drive_matrix(network, back=True)
    if not len(targets):
        return
    along_curve = network.nodes.geometry.iloc[targets].hilbert_distance(level=10)
    order = np.argsort(along_curve.to_numpy(), kind="stable")  # neighbours follow each other
    for first in range(0, len(order), BATCH):
        batch = order[first : first + BATCH]
        nearest = dijkstra(streets, indices=targets[batch], limit=limit_min, min_only=True)
        nodes = np.flatnonzero(np.isfinite(nearest))
        near = streets[nodes][:, nodes]
        at = np.searchsorted(nodes, targets[batch])
        step = max(BLOCK_NUMBERS // len(nodes), 1)
        for begin in range(0, len(batch), step):
            part = slice(begin, begin + step)
            yield batch[part], nodes, dijkstra(near, indices=at[part], limit=limit_min)


def drive_matrix(network: Network, *, back: bool = False) -> tuple[csr_array, np.ndarray]:
    """Return a matrix of minutes from u to v (from v to u if `back`), and each entry's street."""
    index, ends = network.nodes.index, ("v", "u") if back else ("u", "v")
    row, column = (index.get_indexer(network.edges.index.get_level_values(e)) for e in ends)
    minutes = np.maximum(network.edges["travel_min"].to_numpy(dtype=float), LEAST_MIN)
    order = np.lexsort((minutes, column, row))
    order = order[row[order] != column[order]]
    # A sparse matrix would add up parallel streets, so only the first and quickest is kept.
    _, first = np.unique(row[order] * len(index) + column[order], return_index=True)
    order = order[first]
    shape = (len(index), len(index))
    return csr_array((minutes[order], (row[order], column[order])), shape=shape), order


def _placed(frame: pd.DataFrame, where: str, key: str, access_kmh: float) -> pd.DataFrame:
    """Return the rows with a road node, sorted by id, with their access minutes added."""
    refuse(missing_columns(frame, (key, "node_id", "snap_m"), where))
    rows = pd.DataFrame({column: frame[column].array for column in (key, "node_id", "snap_m")})
    rows = rows[rows["node_id"].notna()]
    bad = not_numbers(rows["snap_m"])
    refuse(rows_fault(f"{where}, column snap_m", bad, rows[key], "must be at least 0 m"))
    access_min = rows["snap_m"].astype(float) / 1000 / access_kmh * 60
    rows = rows.assign(node_id=rows["node_id"].astype("int64"), access_min=access_min)
    return rows.sort_values(key, ignore_index=True)


def _positions(network: Network, node_id: pd.Index, where: str) -> np.ndarray:
    at: np.ndarray = network.nodes.index.get_indexer(node_id)
    what, fix = "not nodes of the network", "snap to this network first"
    refuse(rows_fault(where, at < 0, node_id, what, fix))
    return at


def _require_above_0(name: str, value: float, unit: str) -> None:
    if not (np.isfinite(value) and value > 0):
        raise InputError(name, f"{value:g} {unit} is not above 0")
