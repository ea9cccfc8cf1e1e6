"""Read road files: OSM XML and PBF as ways or as OSMnx graphs, and GraphML as OSMnx graphs."""

from __future__ import annotations

import bz2
import gzip
import math
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import quoteattr

from shapely import MultiPolygon, Polygon

from siting.errors import Fault, InputError, naming, refuse, require_kind
from siting.files import unreadable_in_words
from siting.roads.drive import only_drivable
from siting.roads.osmnx_settings import osmnx_settings
from siting.roads.ways import Pieces, nothing_inside, pieces_of, read_pbf, read_xml
from siting.writing import NO_ROOM, scratch_folder

if TYPE_CHECKING:
    import networkx as nx

OSM_XML = (".osm", ".osm.gz", ".osm.bz2")
PBF = (".osm.pbf", ".pbf")
_GRAPHML = (".graphml", ".graphml.gz")

EDGE_TABLE = ".parquet"  # extension of networks stored by this package as tables of streets

ROAD_SUFFIXES = (*OSM_XML, *PBF, *_GRAPHML, EDGE_TABLE)


def read_file(path: Path | str, clip: Polygon | MultiPolygon | None = None) -> nx.MultiDiGraph[Any]:
    """Return the drivable streets of a file as an OSMnx graph, simplified, in lon/lat.

    For OSM XML and PBF, the result has the ways of OSMnx's "drive" network except bus-only ways.
    Unconnected parts are kept. GraphML saved by OSMnx is filtered by tags and converted to lon/lat.

    Parameters
    ----------
    path
        A file whose extension is one of `ROAD_SUFFIXES`.
    clip
        A polygon in lon/lat, or ``None`` to keep everything. A street with a node inside the
        polygon is kept whole. A street is an OSM way in XML and PBF, and an edge in GraphML.

    Returns
    -------
    MultiDiGraph
        Nodes with ``x`` and ``y`` in degrees, edges with ``length`` in metres and the tags of
        `siting.roads.drive.WAY_TAGS`; ``graph["bus_only_ways"]`` counts the bus-only ways left out.

    Raises
    ------
    InputError
        If the file is missing, has an unknown extension, is corrupt, or has no drivable street.
    MissingExtraError
        If a PBF file is given and pyosmium is not installed.
    """
    fix = "pass one polygon in lon/lat, such as layer.to_crs(4326).union_all()"
    require_kind("clip", clip, Polygon | MultiPolygon | None, fix)
    path = Path(path)
    suffix = road_suffix(path)
    if suffix == EDGE_TABLE:
        what = "is already a network, not a graph"
        raise InputError(str(path), what, "read it with Network.from_parquet")
    if suffix not in _GRAPHML:
        return graph_from_pieces(read_pieces(path, clip))
    with scratch_folder() as folder:
        plain = folder / "plain"
        with unpacked(path, suffix) as file, plain.open("wb") as copy:
            shutil.copyfileobj(file, copy, 1 << 20)
        return _graphml(plain, clip, path)


def read_pieces(path: Path, clip: Polygon | MultiPolygon | None) -> Pieces:
    """Return the drivable ways of an OSM XML or PBF file; arguments as in `read_file`."""
    suffix = road_suffix(path)
    if suffix in PBF:
        return pieces_of(read_pbf(path, clip), clip, path)
    with unpacked(path, suffix) as file:
        ways = read_xml(file, path)
    return pieces_of(ways, clip, path)


def _graphml(plain: Path, clip: Polygon | MultiPolygon | None, path: Path) -> nx.MultiDiGraph[Any]:
    import networkx as nx
    import osmnx as ox

    not_osmnx = "is not GraphML as OSMnx saves it"
    try:
        with unreadable_in_words(path, not_osmnx, (nx.NetworkXException,)):
            graph = ox.load_graphml(plain)
    except InputError as err:
        if not isinstance(err.__cause__, ParseError):
            raise
        what, line = f"broken XML: {err.__cause__}", err.__cause__.position[0]
        raise InputError(f"{path}, line {line}", what, "get the file again") from err
    require_osmnx_form(graph, path)
    graph = only_drivable(graph)
    if not graph.number_of_edges():
        fix = "use an extract that contains roads"
        raise InputError(str(path), "has no street that cars may use", fix)
    with osmnx_settings(), unreadable_in_words(path, not_osmnx, (nx.NetworkXException,)):
        if ox.projection.is_projected(graph.graph["crs"]):
            graph = ox.project_graph(graph, to_latlong=True)
        if clip is not None:
            try:
                graph = ox.truncate.truncate_graph_polygon(graph, clip, truncate_by_edge=True)
            except ValueError as err:
                raise nothing_inside(path) from err
        drawn = any("geometry" in tags for _, _, tags in graph.edges(data=True))
        if not graph.graph.get("simplified") and not drawn:
            graph = ox.simplify_graph(graph)
    return graph


def require_osmnx_form(graph: nx.MultiDiGraph[Any], where: Path | str) -> None:
    """Raise an `InputError` that lists everything in a graph that deviates from OSMnx's form."""
    faults = []
    fix = "save it with osmnx.save_graphml"
    if "crs" not in graph.graph:
        faults.append(Fault(str(where), "has no coordinate reference system (graph key crs)", fix))
    odd = (node for node in graph if not isinstance(node, Integral))
    label = 'networkx.convert_node_labels_to_integers(graph, label_attribute="id")'
    what = "nodes whose ids are not whole numbers"
    faults += naming(str(where), what, odd, f"number them: {label}")
    lost = (node for node, at in graph.nodes(data=True) if not _finite(at.get("x"), at.get("y")))
    faults += naming(str(where), "nodes without x and y", lost, fix)
    edges = graph.edges(data=True)
    bare = (f"{u}-{v}" for u, v, t in edges if "highway" not in t or not _finite(t.get("length")))
    refuse(faults + naming(str(where), "edges without highway or length", bare, fix))


def _finite(*numbers: object) -> bool:
    return all(isinstance(number, float) and math.isfinite(number) for number in numbers)


def road_suffix(path: Path) -> str:
    """Return the extension of a road file, one of `ROAD_SUFFIXES`.

    Raises `InputError` if the file is missing or has an unknown extension.
    """
    suffix = next((end for end in ROAD_SUFFIXES if path.name.lower().endswith(end)), None)
    if suffix is None:
        what = f"{''.join(path.suffixes[-2:]) or '(none)'} is not the extension of a road file"
        raise InputError(str(path), what, "use one of " + ", ".join(ROAD_SUFFIXES))
    if not path.is_file():
        raise InputError(str(path), "no such file")
    return suffix


@contextmanager
def unpacked(path: Path, suffix: str) -> Iterator[IO[bytes]]:
    """Open a file, compressed or not, for reading; raise `InputError` if its data are corrupt."""
    opener: Callable[..., Any] = open
    if suffix.endswith((".gz", ".bz2")):
        opener = gzip.open if suffix.endswith(".gz") else bz2.open
    try:
        with opener(path, "rb") as file:
            yield cast(IO[bytes], file)
    except (OSError, EOFError, zlib.error) as err:
        # The disk is full; the file is not corrupt.
        if getattr(err, "errno", None) in NO_ROOM:
            raise
        raise InputError(str(path), f"cannot be unpacked: {err}", "get the file again") from err


def graph_from_pieces(pieces: Pieces) -> nx.MultiDiGraph[Any]:
    """Return the OSMnx graph of drivable ways, simplified, in lon/lat, with all parts kept."""
    with scratch_folder() as folder:
        sifted = folder / "drive.osm"
        _write_xml(sifted, pieces)
        import osmnx as ox

        with osmnx_settings():
            graph = ox.graph_from_xml(sifted, simplify=False, retain_all=True)
            graph = ox.simplify_graph(graph)
    graph.graph["bus_only_ways"] = pieces.bus_only
    return graph


def _write_xml(path: Path, pieces: Pieces) -> None:
    lines = [
        "".join(f"<tag k={quoteattr(tag)} v={quoteattr(value)}/>" for tag, value in tags.items())
        for tags in pieces.tags
    ]
    ref = pieces.node_id[pieces.refs].tolist()
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6">\n')
        columns = (pieces.node_id, pieces.lon, pieces.lat)
        for node_id, lon, lat in zip(*(column.tolist() for column in columns), strict=True):
            file.write(f'<node id="{node_id}" lat="{lat!r}" lon="{lon!r}"/>\n')
        begin = 0
        columns = (pieces.way_id, pieces.kind, pieces.size)
        for way_id, kind, size in zip(*(column.tolist() for column in columns), strict=True):
            file.write(f'<way id="{way_id}">')
            file.writelines(f'<nd ref="{node}"/>' for node in ref[begin : begin + size])
            file.write(lines[kind] + "</way>\n")
            begin += size
        file.write("</osm>\n")
