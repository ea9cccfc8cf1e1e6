"""The graph OSMnx makes of a file's drivable ways: the reference for the direct way.

OSMnx reads every way of an XML file as a street, buildings too. So the ways are filtered first and
passed to OSMnx as a smaller file; junctions with footways then do not split streets either.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import quoteattr

from siting.roads.osmnx_settings import osmnx_settings
from siting.roads.pieces import Pieces
from siting.writing import scratch_folder

if TYPE_CHECKING:
    import networkx as nx


def graph_from_pieces(pieces: Pieces) -> nx.MultiDiGraph[Any]:
    """Return the OSMnx graph of drivable ways, simplified, in lon/lat, all parts kept.

    ``graph["bus_only_ways"]`` counts the ways left out because only buses may use them.
    """
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
        for node_id, lon, lat in zip(
            pieces.node_id.tolist(), pieces.lon.tolist(), pieces.lat.tolist(), strict=True
        ):
            file.write(f'<node id="{node_id}" lat="{lat!r}" lon="{lon!r}"/>\n')
        begin = 0
        for way_id, kind, size in zip(
            pieces.way_id.tolist(), pieces.kind.tolist(), pieces.size.tolist(), strict=True
        ):
            file.write(f'<way id="{way_id}">')
            file.writelines(f'<nd ref="{node}"/>' for node in ref[begin : begin + size])
            file.write(lines[kind] + "</way>\n")
            begin += size
        file.write("</osm>\n")
