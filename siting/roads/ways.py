"""The drivable ways of an OpenStreetMap file, streamed into flat arrays.

Buildings, footways and relations are skipped while reading, so that a file costs little more memory
than its nodes' positions, 24 bytes each.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast
from xml.parsers import expat

from shapely.geometry.base import BaseGeometry

from siting.errors import InputError, needs_extra
from siting.roads.drive import WAY_TAGS, is_bus_only, is_drivable

Tags = dict[str, str]


def _whole() -> array[int]:
    return array("q")


def _real() -> array[float]:
    return array("d")


@dataclass
class Ways:
    """The drivable ways of a file and the positions of nodes (degrees), in the file's order.

    Of way ``i``, ``tags[kind[i]]`` are the tags: ways share few sets of tags. Its ``size[i]`` node
    ids are in ``refs`` after those of the ways before it.
    """

    way_id: array[int] = field(default_factory=_whole)
    size: array[int] = field(default_factory=_whole)
    kind: array[int] = field(default_factory=_whole)
    refs: array[int] = field(default_factory=_whole)
    tags: list[Tags] = field(default_factory=list)
    bus_only: int = 0
    seen: int = 0
    node_id: array[int] = field(default_factory=_whole)
    lon: array[float] = field(default_factory=_real)
    lat: array[float] = field(default_factory=_real)
    _kinds: dict[tuple[str | None, ...], int] = field(default_factory=dict, repr=False)

    def add(self, way_id: int, refs: list[int], tags: Tags) -> bool:
        """Return whether a way was added: it is drivable; bus-only ways are counted.

        It gets its English name if it has one.
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
        values = tuple(map(tags.get, WAY_TAGS))
        kind = self._kinds.setdefault(values, len(self.tags))
        if kind == len(self.tags):
            self.tags.append({tag: tags[tag] for tag in WAY_TAGS if tag in tags})
        self.way_id.append(way_id)
        self.size.append(len(refs))
        self.kind.append(kind)
        self.refs.extend(refs)
        return True

    def add_node(self, node_id: int, lon: float, lat: float) -> None:
        """Add a node's position.

        Degrees.
        """
        self.node_id.append(node_id)
        self.lon.append(lon)
        self.lat.append(lat)


def read_xml(file: IO[bytes], path: Path) -> Ways:
    """Return the drivable ways of an OSM XML stream.

    `file` is decompressed. Raises `InputError`, with the line, if it is not XML or not OSM.
    """
    ways = Ways()
    parser = expat.ParserCreate()
    # The parser's strings come in larger pieces, and fewer calls, than by default.
    parser.buffer_size = 1 << 16
    way: dict[str, str] = {}
    refs: list[str] = []
    tags: Tags = {}
    root = ""
    add_id, add_lon, add_lat = ways.node_id.append, ways.lon.append, ways.lat.append

    def finish() -> None:
        if "highway" in tags and way and not _deleted(way):
            ways.add(int(way["id"]), list(map(int, refs)), tags)

    # A handler for an element's end would be called as often again: a way is finished when the next
    # element begins.
    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal way, refs, tags, root
        if name == "nd":
            refs.append(attributes["ref"])
        elif name == "tag":
            tags[attributes["k"]] = attributes["v"]
        elif name == "node":
            # An editor's file keeps deleted elements, marked, and without a position.
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
                raise InputError(
                    str(path), f"is XML but not OSM: it begins with <{name}>, not <osm>"
                )

    parser.StartElementHandler = start
    try:
        parser.ParseFile(file)
        finish()
    except expat.ExpatError as err:
        raise InputError(
            f"{path}, line {err.lineno}",
            f"broken XML: {expat.ErrorString(err.code)}",
            "get the file again",
        ) from err
    except (ValueError, LookupError, OverflowError) as err:
        raise InputError(
            f"{path}, line {parser.CurrentLineNumber}",
            f"an element is not as OSM has it: {type(err).__name__} {err}",
            "get the file again",
        ) from err
    return ways


def read_pbf(path: Path, clip: BaseGeometry | None) -> Ways:
    """Return the drivable ways of an OSM PBF file near a polygon.

    Ways outside the box around `clip` (lon/lat; ``None``: all) are skipped while reading, so that a
    city can be taken from a country's file. Raises `MissingExtraError` without pyosmium,
    `InputError` if the file is not PBF or is truncated.
    """
    with needs_extra("pbf", str(path), "needs pyosmium to be read"):
        import osmium
    west, south, east, north = clip.bounds if clip is not None else (-180, -90, 180, 90)
    ways = Ways()
    entities = osmium.osm.NODE | osmium.osm.WAY
    # The filters run in C++; only ways with a highway tag reach Python.
    processor = (
        osmium.FileProcessor(osmium.io.File(str(path), "pbf"), entities)
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
                    ways.add_node(ref, lon, lat)
    except RuntimeError as err:  # raised by pyosmium for every fault of a file
        raise InputError(
            str(path), f"is not OSM PBF, or breaks off: {err}", "get the file again"
        ) from err
    return ways


def _deleted(attributes: dict[str, str]) -> bool:
    return ("action" in attributes and attributes["action"] == "delete") or (
        "visible" in attributes and attributes["visible"] == "false"
    )
