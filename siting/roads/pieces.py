"""Selection of a file's ways, cut where nodes are missing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from siting.errors import InputError
from siting.roads.ways import Tags, Ways

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pieces:
    """Ways, or their remaining pieces, as flat arrays."""

    node_id: np.ndarray  # the nodes in use, sorted
    lon: np.ndarray
    lat: np.ndarray
    way_id: np.ndarray  # one row a piece: its OSM way, or an id that no way has where a way was cut
    kind: np.ndarray  # its position in `tags`
    size: np.ndarray  # number of nodes
    refs: np.ndarray  # nodes of each piece, one piece after the other, as positions in `node_id`
    tags: list[Tags]
    bus_only: int  # ways left out because only buses may use them


def pieces_of(ways: Ways, clip: BaseGeometry | None, path: Path) -> Pieces:
    """Return the selected ways, cut where the file lacks a node.

    A way is kept, whole, if any of its nodes lies inside `clip` (lon/lat; ``None``: all). Raises
    `InputError` if there is no drivable way, or none in the polygon, or a node has impossible
    coordinates; `path` names the file there.
    """
    if not ways.way_id:
        raise InputError(
            str(path),
            f"holds no street cars may use ({ways.seen:,} ways with a highway tag)",
            "take an extract with roads",
        )
    # Of a repeated node the first position counts.
    node_id, order = np.unique(np.frombuffer(ways.node_id, dtype=np.int64), return_index=True)
    lon = np.frombuffer(ways.lon, dtype=float)[order]
    lat = np.frombuffer(ways.lat, dtype=float)[order]
    size = np.frombuffer(ways.size, dtype=np.int64)
    at, there = _places(node_id, np.frombuffer(ways.refs, dtype=np.int64))
    way = np.repeat(np.arange(len(size)), size)
    within = there
    if clip is not None and len(node_id):
        shapely.prepare(clip)
        within = there & shapely.contains_xy(clip, lon, lat)[at]
    keep = np.bincount(way[within], minlength=len(size)) > 0
    whole = np.bincount(way[~there], minlength=len(size)) == 0
    if cut := int((keep & ~whole).sum()):
        logger.warning("%s lacks nodes of %s ways; these end at the gap", path, f"{cut:,}")
    there = there & keep[way]
    # A run of present nodes is a piece, if it has two ends.
    begins = there.copy()
    begins[1:] &= ~there[:-1] | (way[1:] != way[:-1])
    run = np.cumsum(begins) - 1
    run_way, run_size = way[begins], np.bincount(run[there], minlength=begins.sum())
    long = run_size > 1
    refs = at[there][np.repeat(long, run_size)]
    run_way, run_size = run_way[long], run_size[long]
    if not len(run_way):
        raise InputError(
            str(path),
            "holds no street cars may use inside the polygon",
            "check that file and polygon are of the same place",
        )
    way_id = np.frombuffer(ways.way_id, dtype=np.int64)
    part = ~whole[run_way]
    run_id = way_id[run_way]
    run_id[part] = way_id.max() + 1 + np.arange(part.sum())
    used, refs = np.unique(refs, return_inverse=True)
    node_id, lon, lat = node_id[used], lon[used], lat[used]
    _require_on_the_globe(node_id, lon, lat, path)
    kind = np.frombuffer(ways.kind, dtype=np.int64)[run_way]
    return Pieces(node_id, lon, lat, run_id, kind, run_size, refs, ways.tags, ways.bus_only)


def _places(node_id: np.ndarray, refs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the position of each node of a way in the file, and whether it is present."""
    at = np.searchsorted(node_id, refs)
    at[at == len(node_id)] = 0
    there = node_id[at] == refs if len(node_id) else np.zeros(len(refs), dtype=bool)
    return at, there


def _require_on_the_globe(
    node_id: np.ndarray, lon: np.ndarray, lat: np.ndarray, path: Path
) -> None:
    off = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    if off.any():
        ids = tuple(map(str, node_id[off].tolist()))
        raise InputError(
            f"{path}, nodes",
            f"{off.sum():,} outside 180 degrees of longitude and 90 of latitude",
            "get the file again",
            ids,
        )
