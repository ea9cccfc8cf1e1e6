"""A `Network` built directly from an OSM file, through arrays, without an OSMnx graph.

The network equals, row by row, the result of `siting.roads.read_file` and `build_network`. Tests
compare the two on every extract and on random files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely
from shapely import MultiPolygon, Polygon

from siting.errors import InputError
from siting.roads.build import build_network, network_of
from siting.roads.drive import is_bus_only
from siting.roads.network import Network, joined_names, read_edge_table, utm_epsg
from siting.roads.simplify import Edges, Segments, segments_of, simplify
from siting.roads.source import EDGE_TABLE, OSM_XML, PBF, read_file, read_pieces, road_suffix
from siting.roads.speeds import class_speeds, edge_speeds
from siting.roads.ways import Pieces


def network_from_file(
    path: Path,
    speeds: pd.DataFrame,
    city: str,
    peak: bool = True,
    source: dict[str, Any] | None = None,
    clip: Polygon | MultiPolygon | None = None,
) -> Network:
    """Return the network of a road file, like ``build_network(read_file(path, clip), …)``.

    OSM XML and PBF are read directly into arrays, in a fraction of OSMnx's time and memory. GraphML
    is read by OSMnx. A table written by `Network.to_parquet` is used unchanged. Arguments, report
    and errors are as in those two functions.
    """
    if path.suffix.lower() == EDGE_TABLE:
        return Network(*read_edge_table(path, dict(source or {})))
    if road_suffix(path) not in (*OSM_XML, *PBF):
        return build_network(read_file(path, clip), speeds, city, peak, source)
    classes = class_speeds(speeds, city)
    pieces = read_pieces(path, clip)
    segments = segments_of(pieces)
    edges = simplify(segments, pieces.node_id)
    if not len(edges.u):
        raise InputError("graph", "contains no street", "use an extract that contains roads")
    nodes, geometry = _drawn(pieces, segments, edges)
    edge = np.repeat(np.arange(len(edges.u)), edges.size)
    merged, which = _merged(edge, pieces.kind[segments.piece[edges.segments]])
    tags = [_together(pieces, kinds) for kinds in merged]
    both = zip(merged, tags, strict=True)
    bus = np.array([len(kinds) > 1 and is_bus_only(t) for kinds, t in both])
    gone = segments.piece[edges.segments][bus[which][edge]]
    highway, maxspeed = ([t.get(tag) for t in tags] for tag in ("highway", "maxspeed"))
    frame = edge_speeds(highway, maxspeed, classes)
    ends = [pieces.node_id[edges.u], pieces.node_id[edges.v], edges.key]
    table = frame.iloc[which].assign(
        name=joined_names([t.get("name") for t in tags])[which],
        # Lengths are summed in driving order, as in OSMnx, to get the same last digit.
        length_m=np.bincount(edge, weights=segments.length_m[edges.segments]),
        bus_only=bus[which],
    )
    table = table.set_axis(pd.MultiIndex.from_arrays(ends, names=["u", "v", "key"]))
    streets = gpd.GeoDataFrame(table, geometry=geometry, crs=nodes.crs)
    ways = pieces.bus_only + len(np.unique(pieces.way_id[gone]))
    del pieces, segments, edges, edge, gone, geometry, frame, which, ends, table  # frees memory
    return network_of(nodes, streets, ways, city=city, peak=peak, source=source)


def _drawn(pieces: Pieces, segments: Segments, edges: Edges) -> tuple[gpd.GeoDataFrame, np.ndarray]:
    """Return the kept nodes and the edges' lines, in UTM metres."""
    lon, lat = pieces.lon, pieces.lat
    left_lon, left_lat = lon[edges.kept], lat[edges.kept]
    zone = utm_epsg((left_lon.min(), left_lat.min(), left_lon.max(), left_lat.max()))
    x, y = pyproj.Transformer.from_crs(4326, zone, always_xy=True).transform(lon, lat)
    nodes = gpd.GeoDataFrame(
        geometry=gpd.points_from_xy(x[edges.kept], y[edges.kept]),
        index=pd.Index(pieces.node_id[edges.kept], dtype="int64", name="node_id"),
        crs=zone,
    )
    # The corners of a line are the start of its first segment and the end of every segment.
    corner = np.insert(segments.v[edges.segments], np.cumsum(edges.size) - edges.size, edges.u)
    spots = np.empty((len(corner), 2))
    spots[:, 0], spots[:, 1] = x[corner], y[corner]
    del corner, x, y
    which = np.repeat(np.arange(len(edges.u)), edges.size + 1)
    return nodes, np.asarray(shapely.linestrings(spots, indices=which))


def _merged(edge: np.ndarray, kind: np.ndarray) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Return the distinct sets of way kinds, and the index of each edge's set."""
    kinds = int(kind.max()) + 1
    pairs = np.unique(edge * kinds + kind)
    edge, kind = pairs // kinds, (pairs % kinds).astype(np.int32)
    first = np.flatnonzero(np.diff(edge, prepend=-1))
    size = np.diff(first, append=len(edge))
    which = np.empty(len(first), dtype=np.int32)
    # Most edges have one kind of way; only the others are processed one by one.
    alone = size == 1
    single, which[alone] = np.unique(kind[first[alone]], return_inverse=True)
    sets: dict[tuple[int, ...], int] = {(one,): i for i, one in enumerate(single.tolist())}
    for row in np.flatnonzero(~alone).tolist():
        several = tuple(kind[first[row] : first[row] + size[row]].tolist())
        which[row] = sets.setdefault(several, len(sets))
    return list(sets), which


def _together(pieces: Pieces, kinds: Iterable[int]) -> dict[str, Any]:
    """Return, for each tag of merged ways, the common value, or a list if the values differ."""
    values: dict[str, list[str]] = {}
    for kind in kinds:
        for tag, value in pieces.tags[kind].items():
            if value not in values.setdefault(tag, []):
                values[tag].append(value)
    return {tag: of[0] if len(of) == 1 else of for tag, of in values.items()}
