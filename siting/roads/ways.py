"""The drivable ways of an OpenStreetMap file, streamed into flat arrays.

Buildings, footways and relations are skipped while reading, so memory holds little more than the
positions of the file's nodes (24 bytes each). After reading, the ways inside the polygon are
selected, and cut at missing nodes.
"""

from __future__ import annotations

import logging
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast
from xml.parsers import expat

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from siting.errors import InputError, naming, needs_extra, refuse
from siting.roads.drive import WAY_TAGS, is_bus_only, is_drivable

Tags = dict[str, str]

logger = logging.getLogger(__name__)


@dataclass
class Ways:
    """The drivable ways of a file and the positions of nodes (degrees), in the file's order.

    The tags of way ``i`` are ``tags[kind[i]]``; each distinct set of tags is stored once. ``refs``
    lists the ``size[i]`` node ids of each way in turn.
    """

    way_id: array[int] = field(default_factory=lambda: array("q"))
    size: array[int] = field(default_factory=lambda: array("q"))
    kind: array[int] = field(default_factory=lambda: array("q"))
    refs: array[int] = field(default_factory=lambda: array("q"))
    tags: list[Tags] = field(default_factory=list)
    bus_only: int = 0
    seen: int = 0
    node_id: array[int] = field(default_factory=lambda: array("q"))
    lon: array[float] = field(default_factory=lambda: array("d"))
    lat: array[float] = field(default_factory=lambda: array("d"))
    _kinds: dict[tuple[str | None, ...], int] = field(default_factory=dict, repr=False)

    def add(self, way_id: int, refs: list[int], tags: Tags) -> bool:
        """Add a way if it is drivable; return whether it was added. Count bus-only ways.

        The way's English name, if any, replaces its name.
        """
        if "highway" not in tags or len(refs) < 2:
            return False
        self.seen += 1
        if is_bus_only(tags):
            self.bus_only += 1
            return False
        if not is_drivable(tags):
            return False
        if english := tags.get("name:en", "").strip():
            tags = {**tags, "name": english}
        kind = self._kinds.setdefault(tuple(map(tags.get, WAY_TAGS)), len(self.tags))
        if kind == len(self.tags):
            self.tags.append({tag: tags[tag] for tag in WAY_TAGS if tag in tags})
        self.way_id.append(way_id)
        self.size.append(len(refs))
        self.kind.append(kind)
        self.refs.extend(refs)
        return True


def read_xml(file: IO[bytes], path: Path) -> Ways:
    """Return the drivable ways of an OSM XML stream.

    `file` must be decompressed. Raises `InputError` if the stream is not valid OSM XML.
    """
    ways = Ways()
    parser = expat.ParserCreate()
    # A buffer larger than the default gives longer strings in fewer calls.
    parser.buffer_size = 1 << 16
    way: dict[str, str] = {}
    refs: list[str] = []
    tags: Tags = {}
    root = ""
    add_id, add_lon, add_lat = ways.node_id.append, ways.lon.append, ways.lat.append

    def finish() -> None:
        if "highway" in tags and way and not _deleted(way):
            ways.add(int(way["id"]), list(map(int, refs)), tags)

    # A way is complete when the next element begins. A handler for ends would double the calls.
    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal way, refs, tags, root
        if name == "nd":
            refs.append(attributes["ref"])
        elif name == "tag":
            tags[attributes["k"]] = attributes["v"]
        elif name == "node":
            # OSM editing programs keep deleted elements in the file, marked as deleted and without
            # a position.
            if not _deleted(attributes):
                lon, lat = float(attributes["lon"]), float(attributes["lat"])
                add_id(int(attributes["id"]))
                add_lon(lon)
                add_lat(lat)
            if way:
                finish()
                way, refs, tags = {}, [], {}
        elif name in ("way", "relation"):
            finish()
            way, refs, tags = attributes if name == "way" else {}, [], {}
        elif not root:
            root = name
            if name != "osm":
                what = f"is XML but not OSM: it begins with <{name}>, not <osm>"
                raise InputError(str(path), what)

    parser.StartElementHandler = start
    try:
        parser.ParseFile(file)
        finish()
    except expat.ExpatError as err:
        what = f"broken XML: {expat.ErrorString(err.code)}"
        raise InputError(f"{path}, line {err.lineno}", what, "get the file again") from err
    except (ValueError, LookupError, OverflowError) as err:
        where = f"{path}, line {parser.CurrentLineNumber}"
        what = f"an element is not valid OSM: {type(err).__name__} {err}"
        raise InputError(where, what, "get the file again") from err
    return ways


def read_pbf(path: Path, clip: BaseGeometry | None) -> Ways:
    """Return the drivable ways near a polygon from an OSM PBF file.

    Ways outside the box around `clip` (lon/lat, or ``None`` to read all) are skipped while reading,
    so that a city can be read from a country's file. Raises `MissingExtraError` if pyosmium is not
    installed, and `InputError` if the file is not PBF or is truncated.
    """
    with needs_extra("pbf", str(path), "needs pyosmium to be read"):
        import osmium
    west, south, east, north = clip.bounds if clip is not None else (-180, -90, 180, 90)
    ways = Ways()
    # The filters run in C++; only ways with a highway tag reach Python.
    processor = (
        osmium.FileProcessor(osmium.io.File(str(path), "pbf"), osmium.osm.NODE | osmium.osm.WAY)
        .with_locations()
        .with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
        .with_filter(osmium.filter.KeyFilter("highway"))
    )
    try:
        for entity in processor:
            way = cast("osmium.osm.Way", entity)
            refs, placed = [], []
            for node in way.nodes:
                refs.append(node.ref)
                spot = node.location
                if spot.valid():
                    placed.append((node.ref, spot.lon, spot.lat))
            if clip is not None and not any(
                west <= lon <= east and south <= lat <= north for _, lon, lat in placed
            ):
                continue
            if ways.add(way.id, refs, {tag.k: tag.v for tag in way.tags}):
                for ref, lon, lat in placed:
                    ways.node_id.append(ref)
                    ways.lon.append(lon)
                    ways.lat.append(lat)
    except RuntimeError as err:  # raised by pyosmium for every error in a file
        what = f"is not OSM PBF, or is truncated: {err}"
        raise InputError(str(path), what, "get the file again") from err
    return ways


def _deleted(attributes: dict[str, str]) -> bool:
    return attributes.get("action") == "delete" or attributes.get("visible") == "false"


# --- ways selected, and cut where nodes are missing -----------------------------------------------


@dataclass(frozen=True)
class Pieces:
    """Ways, or the pieces into which they were cut, as flat arrays."""

    node_id: np.ndarray  # the nodes in use, sorted
    lon: np.ndarray
    lat: np.ndarray
    way_id: np.ndarray  # one row per piece: the id of its OSM way, or a new id after a cut
    kind: np.ndarray  # position of its tags in `tags`
    size: np.ndarray  # number of nodes
    refs: np.ndarray  # nodes of each piece, piece by piece, as positions in `node_id`
    tags: list[Tags]
    bus_only: int  # ways left out because only buses may use them


def pieces_of(ways: Ways, clip: BaseGeometry | None, path: Path) -> Pieces:
    """Return the selected ways, cut where the file lacks a node.

    A way is kept whole if any of its nodes lies inside `clip` (lon/lat, or ``None`` to keep all).
    Raises `InputError`, which names the file `path`, if no drivable way is in the file or inside
    the polygon, or if a node has invalid coordinates.
    """
    if not ways.way_id:
        what = f"has no street that cars may use ({ways.seen:,} ways with a highway tag)"
        raise InputError(str(path), what, "use an extract that contains roads")
    # If a node is repeated, its first position counts.
    node_id, order = np.unique(np.frombuffer(ways.node_id, dtype=np.int64), return_index=True)
    lon = np.frombuffer(ways.lon, dtype=float)[order]
    lat = np.frombuffer(ways.lat, dtype=float)[order]
    size = np.frombuffer(ways.size, dtype=np.int64)
    at, there = _places(node_id, np.frombuffer(ways.refs, dtype=np.int64))
    way = np.repeat(np.arange(len(size)), size)
    within = there
    if clip is not None and len(node_id):
        within = there & shapely.contains_xy(clip, lon, lat)[at]
    keep = np.bincount(way[within], minlength=len(size)) > 0
    whole = np.bincount(way[~there], minlength=len(size)) == 0
    if cut := int((keep & ~whole).sum()):
        logger.warning("%s lacks nodes of %s ways; these ways end at the gap", path, f"{cut:,}")
    there = there & keep[way]
    # A piece is two or more consecutive nodes of a way that are all in the file.
    begins = there.copy()
    begins[1:] &= ~there[:-1] | (way[1:] != way[:-1])
    run = np.cumsum(begins) - 1
    run_way, run_size = way[begins], np.bincount(run[there], minlength=begins.sum())
    long = run_size > 1
    refs = at[there][np.repeat(long, run_size)]
    run_way, run_size = run_way[long], run_size[long]
    if not len(run_way):
        raise nothing_inside(path)
    way_id = np.frombuffer(ways.way_id, dtype=np.int64)
    part = ~whole[run_way]
    run_id = way_id[run_way]
    run_id[part] = way_id.max() + 1 + np.arange(part.sum())
    used, refs = np.unique(refs, return_inverse=True)
    node_id, lon, lat = node_id[used], lon[used], lat[used]
    off = ~((np.abs(lon) <= 180) & (np.abs(lat) <= 90))
    what = "outside 180 degrees of longitude and 90 of latitude"
    refuse(naming(f"{path}, nodes", what, node_id[off], "get the file again", count=True))
    kind = np.frombuffer(ways.kind, dtype=np.int64)[run_way]
    return Pieces(node_id, lon, lat, run_id, kind, run_size, refs, ways.tags, ways.bus_only)


def nothing_inside(path: Path) -> InputError:
    """Return the error for a file without a drivable street inside the polygon."""
    fix = "check that the file and the polygon cover the same place"
    return InputError(str(path), "has no street that cars may use inside the polygon", fix)


def _places(node_id: np.ndarray, refs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of `refs` in `node_id`, and whether the file has each node."""
    at = np.searchsorted(node_id, refs)
    at[at == len(node_id)] = 0
    there = node_id[at] == refs if len(node_id) else np.zeros(len(refs), dtype=bool)
    return at, there
