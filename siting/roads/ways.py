"""The drivable ways of an OpenStreetMap file, and the graph OSMnx makes of them.

OSMnx reads every way of an XML file as a street, buildings too. So the ways are sifted first and
handed to OSMnx as a smaller file; junctions with footways then do not split streets either.
"""

from __future__ import annotations

import itertools
import logging
import tempfile
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import networkx as nx
import numpy as np
import osmnx as ox
import shapely
from shapely.geometry.base import BaseGeometry

from siting.errors import Fault, InputError, MissingExtraError
from siting.roads.drive import WAY_TAGS, is_bus_only, is_drivable
from siting.roads.settings import osmnx_settings

logger = logging.getLogger(__name__)


@dataclass
class Ways:
    """The drivable ways of a file and the positions of nodes (degrees), in the file's order."""

    way_id: list[int] = field(default_factory=list)
    refs: list[list[int]] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    bus_only: int = 0
    seen: int = 0
    node_id: array[int] = field(default_factory=lambda: array("q"))
    lon: array[float] = field(default_factory=lambda: array("d"))
    lat: array[float] = field(default_factory=lambda: array("d"))

    def add(self, way_id: int, refs: list[int], tags: dict[str, str]) -> bool:
        """Take a way if cars may use it, count it if only buses may; return whether it was taken.

        Parameters
        ----------
        way_id, refs, tags
            As in the file.
        """
        if "highway" not in tags or len(refs) < 2:
            return False
        self.seen += 1
        if is_bus_only(tags):
            self.bus_only += 1
            return False
        if not is_drivable(tags):
            return False
        self.way_id.append(way_id)
        self.refs.append(refs)
        self.tags.append({tag: tags[tag] for tag in WAY_TAGS if tag in tags})
        return True

    def add_node(self, node_id: int, lon: float, lat: float) -> None:
        """Take a node's position.

        Parameters
        ----------
        node_id
            As in the file.
        lon, lat
            Degrees.
        """
        self.node_id.append(node_id)
        self.lon.append(lon)
        self.lat.append(lat)


def read_xml(file: IO[bytes], path: Path) -> Ways:
    """Return the drivable ways of an OSM XML stream.

    Parameters
    ----------
    file
        The stream, decompressed.
    path
        What to call it in errors.

    Raises
    ------
    InputError
        If it is not XML or not OSM, with the line.
    """
    ways = Ways()
    parser = expat.ParserCreate()
    element: dict[str, str] = {}
    refs: list[int] = []
    tags: dict[str, str] = {}
    root = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal element, refs, tags, root
        if name == "nd":
            refs.append(int(attributes["ref"]))
        elif name == "tag":
            tags[attributes["k"]] = attributes["v"]
        elif name == "node":
            # An editor's file keeps deleted things, marked, and without a position.
            if not _deleted(attributes):
                ways.add_node(
                    int(attributes["id"]), float(attributes["lon"]), float(attributes["lat"])
                )
        elif name == "way":
            element, refs, tags = attributes, [], {}
        elif not root:
            root = name
            if name != "osm":
                raise InputError(
                    Fault(str(path), f"is XML but not OSM: it begins with <{name}>, not <osm>")
                )

    def end(name: str) -> None:
        if name == "way" and not _deleted(element):
            ways.add(int(element["id"]), refs, tags)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.ParseFile(file)
    except expat.ExpatError as err:
        raise InputError(
            Fault(
                f"{path}, line {err.lineno}",
                f"broken XML: {expat.ErrorString(err.code)}",
                "get the file again",
            )
        ) from err
    except (ValueError, KeyError) as err:
        raise InputError(
            Fault(
                f"{path}, line {parser.CurrentLineNumber}",
                f"an element is not as OSM has it: {type(err).__name__} {err}",
                "get the file again",
            )
        ) from err
    return ways


def read_pbf(path: Path, clip: BaseGeometry | None) -> Ways:
    """Return the drivable ways of an OSM PBF file that come near a polygon.

    Parameters
    ----------
    path
        The file.
    clip
        A polygon in lon/lat; ways wholly outside its bounding box are passed over while reading,
        so that a city can be taken from a country's file. ``None`` for all.

    Raises
    ------
    MissingExtraError
        If pyosmium is not installed.
    InputError
        If the file is not PBF or breaks off.
    """
    try:
        import osmium
    except ImportError as err:
        raise MissingExtraError(
            Fault(str(path), "needs pyosmium to be read", 'pip install "siting[pbf]"')
        ) from err
    west, south, east, north = clip.bounds if clip is not None else (-180, -90, 180, 90)
    ways = Ways()
    entities = osmium.osm.NODE | osmium.osm.WAY
    # The filters run in C++; only ways with a highway tag come up into Python.
    processor = (
        osmium.FileProcessor(osmium.io.File(str(path), "pbf"), entities)
        .with_locations()
        .with_filter(osmium.filter.EntityFilter(osmium.osm.WAY))
        .with_filter(osmium.filter.KeyFilter("highway"))
    )
    try:
        for entity in processor:
            way = cast("osmium.osm.Way", entity)
            placed = [(node.ref, node.lon, node.lat) for node in way.nodes if node.location.valid()]
            if clip is not None and not any(
                west <= lon <= east and south <= lat <= north for _, lon, lat in placed
            ):
                continue
            refs = [node.ref for node in way.nodes]
            if ways.add(way.id, refs, {tag.k: tag.v for tag in way.tags}):
                for node in placed:
                    ways.add_node(*node)
    except RuntimeError as err:  # what pyosmium raises for every fault of a file
        raise InputError(
            Fault(str(path), f"is not OSM PBF, or breaks off: {err}", "get the file again")
        ) from err
    return ways


def graph_from_ways(ways: Ways, clip: BaseGeometry | None, path: Path) -> nx.MultiDiGraph[Any]:
    """Return the OSMnx graph of drivable ways, simplified, in lon/lat, nothing cut off.

    Parameters
    ----------
    ways
        The ways; see `read_xml` and `read_pbf`.
    clip
        A polygon in lon/lat, or ``None``: a way is kept, whole, if any of its nodes lies inside.
    path
        What to call the file in errors.

    Returns
    -------
    MultiDiGraph
        ``graph["bus_only_ways"]`` counts the ways left out because only buses may use them.

    Raises
    ------
    InputError
        If there is no drivable way, or none in the polygon.
    """
    if not ways.way_id:
        raise InputError(
            Fault(
                str(path),
                f"holds no street cars may use ({ways.seen:,} ways with a highway tag)",
                "take an extract with roads",
            )
        )
    order, node_id = _unique(np.frombuffer(ways.node_id, dtype=np.int64))
    lon = np.frombuffer(ways.lon, dtype=float)[order]
    lat = np.frombuffer(ways.lat, dtype=float)[order]
    if clip is None:
        inside = np.ones(len(node_id), dtype=bool)
    else:
        shapely.prepare(clip)
        inside = shapely.contains_xy(clip, lon, lat)
    pieces, cut = _pieces(ways, node_id, inside)
    if cut:
        logger.warning("%s lacks nodes of %s ways; these end at the gap", path, f"{cut:,}")
    if not pieces:
        raise InputError(
            Fault(
                str(path),
                "holds no street cars may use inside the polygon",
                "check that file and polygon are of the same place",
            )
        )
    used = np.unique(np.concatenate([np.asarray(refs) for _, refs, _ in pieces]))
    at = np.searchsorted(node_id, used)
    with tempfile.TemporaryDirectory(prefix="siting-") as folder:
        sifted = Path(folder) / "drive.osm"
        nodes = zip(used.tolist(), lon[at].tolist(), lat[at].tolist(), strict=True)
        _write_xml(sifted, nodes, pieces)
        with osmnx_settings():
            graph = ox.graph_from_xml(sifted, simplify=False, retain_all=True)
            graph = ox.simplify_graph(graph)
    graph.graph["bus_only_ways"] = ways.bus_only
    return graph


def _unique(node_id: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    unique, first = np.unique(node_id, return_index=True)
    return first, unique


def _pieces(
    ways: Ways, node_id: np.ndarray, inside: np.ndarray
) -> tuple[list[tuple[int, list[int], dict[str, str]]], int]:
    """Return the ways to keep, cut where the file lacks a node, and how many were cut."""
    flat = np.fromiter(itertools.chain.from_iterable(ways.refs), dtype=np.int64)
    at = np.searchsorted(node_id, flat)
    at[at == len(node_id)] = 0
    there = node_id[at] == flat if len(node_id) else np.zeros(len(flat), dtype=bool)
    within = there & inside[at] if len(node_id) else there
    pieces = []
    cut = 0
    spare = max(ways.way_id) + 1  # ids for the further pieces of a way that is cut
    begin = 0
    for way_id, refs, tags in zip(ways.way_id, ways.refs, ways.tags, strict=True):
        end = begin + len(refs)
        keep = within[begin:end].any()
        whole = there[begin:end].all()
        gaps = there[begin:end]
        begin = end
        if not keep:
            continue
        if whole:
            pieces.append((way_id, refs, tags))
            continue
        cut += 1
        for present, run in itertools.groupby(
            zip(gaps, refs, strict=True), key=lambda r: bool(r[0])
        ):
            part = [ref for _, ref in run]
            if present and len(part) > 1:
                pieces.append((spare, part, tags))
                spare += 1
    return pieces, cut


def _write_xml(path: Path, nodes: Any, pieces: list[tuple[int, list[int], dict[str, str]]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
        for node_id, lon, lat in nodes:
            file.write(f'<node id="{node_id}" lat="{lat!r}" lon="{lon!r}"/>\n')
        for way_id, refs, tags in pieces:
            file.write(f'<way id="{way_id}">')
            file.writelines(f'<nd ref="{ref}"/>' for ref in refs)
            file.writelines(
                f"<tag k={quoteattr(tag)} v={quoteattr(value)}/>" for tag, value in tags.items()
            )
            file.write("</way>\n")
        file.write("</osm>\n")


def _deleted(attributes: dict[str, str]) -> bool:
    return attributes.get("action") == "delete" or attributes.get("visible") == "false"
