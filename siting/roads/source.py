"""Road files in: OSM XML and PBF to ways or an OSMnx graph, GraphML to an OSMnx graph."""

from __future__ import annotations

import bz2
import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from xml.etree.ElementTree import ParseError

import networkx as nx
from shapely import MultiPolygon, Polygon

from siting.errors import Fault, InputError
from siting.roads.drive import only_drivable
from siting.roads.osmnx_graph import graph_from_pieces
from siting.roads.pieces import Pieces, pieces_of
from siting.roads.settings import osmnx_settings
from siting.roads.ways import read_pbf, read_xml

OSM_XML = (".osm", ".osm.gz", ".osm.bz2")
_PBF = (".osm.pbf", ".pbf")
_GRAPHML = (".graphml", ".graphml.gz")

ROAD_SUFFIXES = (*OSM_XML, *_PBF, *_GRAPHML)


def read_file(path: Path, clip: Polygon | MultiPolygon | None = None) -> nx.MultiDiGraph[Any]:
    """Return the drivable streets of a file as an OSMnx graph, simplified, in lon/lat.

    Of OSM XML and PBF the ways that OSMnx's "drive" network would hold are taken, less bus-only
    ways; nothing is cut off for want of a connection. GraphML, as OSMnx saves it, is filtered by
    the tags it holds, and brought to lon/lat where it is projected.

    Parameters
    ----------
    path
        A file ending in one of `ROAD_SUFFIXES`.
    clip
        A polygon in lon/lat. Streets with any node inside are kept whole, so they may stick out:
        whole OSM ways of XML and PBF, edges of GraphML. ``None`` for all.

    Returns
    -------
    MultiDiGraph
        Nodes with ``x`` and ``y`` in degrees, edges with ``length`` in metres and the tags of
        `siting.roads.drive.WAY_TAGS`; ``graph["bus_only_ways"]`` counts ways left out because only
        buses may use them.

    Raises
    ------
    InputError
        If the file is missing, has another ending, is broken, or holds no drivable street.
    MissingExtraError
        If a PBF file is given and pyosmium is not installed.
    """
    path = Path(path)
    suffix = _checked_suffix(path)
    if suffix not in _GRAPHML:
        return graph_from_pieces(read_pieces(path, clip))
    with tempfile.TemporaryDirectory(prefix="siting-") as folder:
        plain = Path(folder) / "plain"
        with unpacked(path, suffix) as file, plain.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
        return _graphml(plain, clip, path)


def is_osm(path: Path) -> bool:
    """Return whether a road file is of OSM's own forms, XML or PBF, by its ending.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    InputError
        If the file is missing or has an ending this does not read.
    """
    return _checked_suffix(path) not in _GRAPHML


def read_pieces(path: Path, clip: Polygon | MultiPolygon | None = None) -> Pieces:
    """Return the drivable ways of an OSM XML or PBF file.

    Parameters
    ----------
    path, clip
        As in `read_file`, which see for what it raises.
    """
    suffix = _checked_suffix(path)
    if suffix in _PBF:
        return pieces_of(read_pbf(path, clip), clip, path)
    with unpacked(path, suffix) as file:
        ways = read_xml(file, path)
    return pieces_of(ways, clip, path)


def _graphml(plain: Path, clip: Polygon | MultiPolygon | None, path: Path) -> nx.MultiDiGraph[Any]:
    import osmnx as ox

    try:
        graph = ox.load_graphml(plain)
    except ParseError as err:
        raise InputError(
            Fault(f"{path}, line {err.position[0]}", f"broken XML: {err}", "get the file again")
        ) from err
    # networkx and OSMnx have no error of their own for a graph that is not OSMnx's.
    except (nx.NetworkXError, ValueError, KeyError, AttributeError, TypeError) as err:
        raise InputError(
            Fault(
                str(path),
                f"is not GraphML as OSMnx saves it: {type(err).__name__} {err}",
                "save it with osmnx.save_graphml",
            )
        ) from err
    _require_osmnx_form(graph, path)
    graph = only_drivable(graph)
    if not graph.number_of_edges():
        raise InputError(
            Fault(str(path), "holds no street cars may use", "take an extract with roads")
        )
    with osmnx_settings():
        if ox.projection.is_projected(graph.graph["crs"]):
            graph = ox.project_graph(graph, to_latlong=True)
        if clip is not None:
            try:
                graph = ox.truncate.truncate_graph_polygon(graph, clip, truncate_by_edge=True)
            except ValueError as err:
                raise InputError(
                    Fault(
                        str(path),
                        "holds no street cars may use inside the polygon",
                        "check that file and polygon are of the same place",
                    )
                ) from err
        drawn = any("geometry" in tags for _, _, tags in graph.edges(data=True))
        if not graph.graph.get("simplified") and not drawn:
            graph = ox.simplify_graph(graph)
    return graph


def _require_osmnx_form(graph: nx.MultiDiGraph[Any], path: Path) -> None:
    faults = []
    fix = "save it with osmnx.save_graphml"
    if "crs" not in graph.graph:
        faults.append(Fault(str(path), "has no coordinate reference system (graph key crs)", fix))
    lost = [node for node, at in graph.nodes(data=True) if "x" not in at or "y" not in at]
    if lost:
        faults.append(Fault(str(path), "nodes without x and y", fix, tuple(map(str, lost))))
    bare = [
        f"{u}-{v}"
        for u, v, tags in graph.edges(data=True)
        if not {"highway", "length"} <= set(tags)
    ]
    if bare:
        faults.append(Fault(str(path), "edges without highway or length", fix, tuple(bare)))
    if faults:
        raise InputError(faults)


def _checked_suffix(path: Path) -> str:
    name = path.name.lower()
    suffix = next((suffix for suffix in ROAD_SUFFIXES if name.endswith(suffix)), None)
    if suffix is None:
        raise InputError(
            Fault(
                str(path),
                f"ending {''.join(path.suffixes[-2:]) or '(none)'} is not a road file this reads",
                "use one of " + ", ".join(ROAD_SUFFIXES),
            )
        )
    if not path.is_file():
        raise InputError(Fault(str(path), "no such file"))
    return suffix


@contextmanager
def unpacked(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    """Open a file, unpacking it as it is read; whatever is wrong with the packing is said."""
    try:
        if suffix.endswith(".gz"):
            with gzip.open(path, "rb") as packed:
                yield cast(IO[bytes], packed)
        elif suffix.endswith(".bz2"):
            with bz2.open(path, "rb") as squeezed:
                yield cast(IO[bytes], squeezed)
        else:
            with path.open("rb") as file:
                yield file
    except (OSError, EOFError, zlib.error) as err:
        raise InputError(
            Fault(str(path), f"cannot be unpacked: {err}", "get the file again")
        ) from err
