"""Road files of every form, whole and broken."""

import bz2
import gzip
import sys
from pathlib import Path
from typing import Any

import networkx as nx
import osmnx as ox
import pytest
from conftest import often
from overpass_server import NODES, WAYS, osm_xml
from shapely import box

from siting.errors import InputError, MissingExtraError
from siting.reference import table
from siting.roads import Network, build_network, read_file
from siting.roads.drive import is_bus_only, is_drivable

# Corners 3, 7, 9 and the ends of the footway and the driveway are no junctions for cars.
JUNCTIONS = {4, 6}


def write(path: Path, text: str) -> Path:
    data = text.encode()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    elif path.suffix == ".bz2":
        path.write_bytes(bz2.compress(data))
    else:
        path.write_bytes(data)
    return path


def write_pbf(path: Path, xml: Path) -> Path:
    osmium = pytest.importorskip("osmium", reason="PBF needs the extra siting[pbf]")
    with osmium.SimpleWriter(str(path)) as writer:
        for thing in osmium.FileProcessor(str(xml)):
            writer.add(thing)
    return path


def streets(graph: nx.MultiDiGraph) -> set[tuple[int, int, int]]:
    return {(u, v, round(tags["length"])) for u, v, tags in graph.edges(data=True)}


@pytest.fixture
def town(tmp_path: Path) -> Path:
    return write(tmp_path / "town.osm", osm_xml())


def test_only_streets_for_cars_come_and_footways_split_none(town: Path) -> None:
    graph = read_file(town)
    assert set(graph.nodes) == JUNCTIONS
    assert graph.graph["bus_only_ways"] == 1
    kinds = {
        kind
        for _, _, tags in graph.edges(data=True)
        for kind in ([tags["highway"]] if isinstance(tags["highway"], str) else tags["highway"])
    }
    assert kinds == {"residential", "secondary", "tertiary"}
    # Round the south, round the north, each both ways, and the one-way eastwards.
    assert sorted((u, v) for u, v, _ in graph.edges) == [(4, 6), (4, 6), (4, 6), (6, 4), (6, 4)]


@pytest.mark.parametrize(
    "name", ["town.osm.gz", "town.osm.bz2", "TOWN.OSM", "town.osm.pbf", "t.pbf"]
)
def test_every_packing_gives_the_same(town: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "out" / name
    path.parent.mkdir()
    if name.endswith("pbf"):
        write_pbf(path, town)
    else:
        write(path, osm_xml())
    graph = read_file(path)
    assert streets(graph) == streets(read_file(town))
    assert graph.graph["bus_only_ways"] == 1


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", ["simplified", "projected", "unsimplified"])
def test_graphml_in_every_form(town: Path, tmp_path: Path, form: str, packed: bool) -> None:
    graph = read_file(town)
    if form == "projected":
        graph = ox.project_graph(graph)
    if form == "unsimplified":
        ways = {way: WAYS[way] for way in (101, 102, 103, 104, 105)}
        plain = write(tmp_path / "plain.osm", osm_xml(ways=ways))
        graph = ox.graph_from_xml(plain, simplify=False)
    path = tmp_path / "town.graphml"
    ox.save_graphml(graph, path)
    if packed:
        path = path.rename(tmp_path / "plain.graphml")
        path = write(tmp_path / "town.graphml.gz", path.read_text())
    again = read_file(path)
    assert ox.projection.is_projected(again.graph["crs"]) is False
    assert streets(again) == streets(read_file(town))
    assert again.nodes[4]["x"] == pytest.approx(NODES[4][0], abs=1e-9)


def test_graphml_of_all_ways_is_filtered(tmp_path: Path) -> None:
    plain = write(tmp_path / "town.osm", osm_xml(ways={w: WAYS[w] for w in range(101, 109)}))
    graph = ox.graph_from_xml(plain)
    assert 10 in graph
    path = tmp_path / "all.graphml"
    ox.save_graphml(graph, path)
    again = read_file(path)
    assert not {2, 8, 10} & set(again.nodes) - {n for e in again.edges for n in e[:2]}
    assert all(is_drivable(t) or is_bus_only(t) for _, _, t in again.edges(data=True))
    network = build_network(again, table("speeds"), "other")
    assert network.report["bus_only_ways_dropped"] == 1


def test_clip_keeps_whole_streets_with_a_node_inside(town: Path, tmp_path: Path) -> None:
    south_west = box(73.049, 33.699, 73.051, 33.701)  # node 1 alone
    pbf = write_pbf(tmp_path / "town.pbf", town)
    for path in (town, pbf):
        graph = read_file(path, clip=south_west)
        ways = {way for _, _, tags in graph.edges(data=True) for way in _list(tags["osmid"])}
        assert ways == {101, 104}
        assert set(graph.nodes) == {3, 7}
    ox.save_graphml(read_file(town), tmp_path / "town.graphml")
    west = read_file(tmp_path / "town.graphml", clip=box(73.049, 33.699, 73.051, 33.710))
    assert set(west.nodes) == {4, 6}


@pytest.mark.parametrize("name", ["town.osm", "town.pbf", "town.graphml"])
def test_clip_elsewhere_is_said(town: Path, tmp_path: Path, name: str) -> None:
    if name.endswith("pbf"):
        write_pbf(tmp_path / name, town)
    elif name.endswith("graphml"):
        ox.save_graphml(read_file(town), tmp_path / name)
    with pytest.raises(InputError, match=r"no street that cars may use"):
        read_file(tmp_path / name, clip=box(67.0, 24.8, 67.1, 24.9))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_ways_with_missing_nodes_end_at_the_gap(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = {node: at for node, at in NODES.items() if node != 2}
    path = write(
        tmp_path / "gap.osm", osm_xml(nodes=nodes, ways={101: ([1, 2, 3, 6, 9], WAYS[101][1])})
    )
    graph = read_file(path)
    assert set(graph.nodes) == {3, 9}
    assert "lacks nodes of 1 ways" in caplog.text
    pbf = read_file(write_pbf(tmp_path / "gap.pbf", path))
    assert streets(pbf) == streets(graph)


def test_deleted_things_of_an_editors_file_are_passed_over(tmp_path: Path) -> None:
    text = osm_xml().replace('<way id="102">', '<way id="102" action="delete">')
    text = text.replace("<osm version", '<!-- saved --><osm upload="false" version')
    text = text.replace("</osm>", '<node id="99" visible="false"/></osm>')
    graph = read_file(write(tmp_path / "edited.osm", text))
    assert 102 not in {w for _, _, t in graph.edges(data=True) for w in _list(t["osmid"])}


@pytest.mark.parametrize(
    ("tags", "drivable", "bus_only"),
    [
        ({"highway": "residential"}, True, False),
        ({}, False, False),
        ({"highway": "service"}, False, False),
        ({"highway": "motorway_link"}, True, False),
        ({"highway": "residential", "access": "private"}, False, False),
        ({"highway": "residential", "area": "yes"}, False, False),
        ({"highway": "residential", "motor_vehicle": "no"}, False, False),
        ({"highway": "unclassified", "service": "alley"}, False, False),
        ({"highway": "busway"}, True, True),
        ({"highway": "bus_guideway"}, False, True),
        ({"highway": "primary", "access": "no", "bus": "designated"}, True, True),
        ({"highway": "primary", "access": "no", "psv": "yes"}, True, True),
        ({"highway": "primary", "motor_vehicle": "no", "psv": "yes"}, False, True),
        ({"highway": "primary", "access": "no", "bus": "yes", "motor_vehicle": "yes"}, True, False),
        ({"highway": "primary", "bus": "yes"}, True, False),
        ({"highway": ["primary", "busway"]}, True, True),
        ({"highway": ["primary", "path"]}, False, False),
    ],
)
def test_who_may_use_what(tags: dict[str, Any], drivable: bool, bus_only: bool) -> None:
    assert is_drivable(tags) is drivable
    assert is_bus_only(tags) is bus_only


XML = osm_xml().encode()
HTML = b"<html><body>429</body></html>"
NO_ROADS = osm_xml(ways={107: WAYS[107], 109: WAYS[109]}).encode()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("roads.shp", b"", r"\.shp is not the extension of a road file; use one of \.osm, "),
        ("roads", b"", r"\(none\) is not the extension of a road file"),
        ("roads.osm", None, "no such file"),
        ("roads.osm", XML[:-60], r"roads\.osm, line \d+: broken XML: "),
        ("roads.osm", b"", "broken XML: no element found"),
        ("roads.osm", HTML, "is XML but not OSM: it begins with <html>"),
        ("roads.osm", XML.replace(b'lat="33.7"', b'lat="x"', 1), r"line 3: an element is not"),
        ("roads.osm", XML.replace(b'ref="1"', b'rel="1"', 1), r"line \d+: an element is not"),
        ("roads.osm", NO_ROADS, "has no street that cars may use .1 ways with a highway tag."),
        ("roads.osm", b'<osm version="0.6"/>', "has no street that cars may use"),
        ("roads.osm.gz", XML, "cannot be unpacked: Not a gzipped file"),
        ("roads.osm.gz", gzip.compress(XML, mtime=0)[:-20], "unpacked: Compressed file ended"),
        ("roads.osm.bz2", XML, "cannot be unpacked: Invalid data stream"),
        ("roads.osm.bz2", bz2.compress(XML)[:-20], "cannot be unpacked: Compressed file ended"),
        ("roads.osm.pbf", XML, "is not OSM PBF, or is truncated"),
        ("roads.osm.pbf", b"", "is not OSM PBF, or is truncated|has no street"),
        ("roads.graphml", b"<graphml", r"line 1: broken XML"),
        ("roads.graphml", HTML, "is not GraphML as OSMnx saves it"),
        ("roads.graphml.gz", b"<graphml", "cannot be unpacked"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, data: bytes | None, words: str) -> None:
    if name.endswith(".pbf"):
        pytest.importorskip("osmium", reason="PBF needs the extra siting[pbf]")
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=words) as error:
        read_file(path)
    assert name in str(error.value)


def test_a_pbf_that_breaks_off(town: Path, tmp_path: Path) -> None:
    path = write_pbf(tmp_path / "town.osm.pbf", town)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match="is not OSM PBF, or is truncated"):
        read_file(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"crs": None}, "no coordinate reference system"),
        ({"x": None}, r"nodes without x and y \(4"),
        ({"length": None}, "edges without highway or length"),
        ({"highway": "footway"}, "has no street that cars may use"),
        ({"length": "far"}, "is not GraphML as OSMnx saves it: "),
    ],
)
def test_graphml_of_another_kind(
    town: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    graph = read_file(town)
    ((key, value),) = change.items()
    if key == "crs":
        del graph.graph["crs"]
    for at in [graph.nodes[4]] if key == "x" else []:
        del at[key]
    for _, _, tags in graph.edges(data=True) if key in ("length", "highway") else []:
        tags.pop(key)
        tags.update({} if value is None else change)
    nx.write_graphml(_texts(graph), tmp_path / "odd.graphml")
    with pytest.raises(InputError, match=words):
        read_file(tmp_path / "odd.graphml")


def _texts(graph: nx.MultiDiGraph) -> nx.MultiDiGraph:
    for at in (graph.graph, *(d for _, d in graph.nodes(data=True))):
        at.update({key: str(value) for key, value in at.items()})
    for _, _, tags in graph.edges(data=True):
        tags.update({key: str(value) for key, value in tags.items()})
    return graph


def test_graphml_with_named_nodes(tmp_path: Path) -> None:
    nx.write_graphml(nx.MultiDiGraph([("home", "work")]), tmp_path / "odd.graphml")
    with pytest.raises(InputError, match="is not GraphML as OSMnx saves it"):
        read_file(tmp_path / "odd.graphml")


def test_pbf_without_pyosmium_names_the_extra(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_pbf(tmp_path / "town.pbf", town)
    monkeypatch.setitem(sys.modules, "osmium", None)
    with pytest.raises(MissingExtraError, match=r'pip install "siting\[pbf\]"'):
        read_file(path)


EXTRACTS = {
    "karachi/karachi_clifton_drive_20260319": ("karachi_lahore", 32642, 1878),
    "karachi/karachi_saddar_town_drive_20241231": ("karachi_lahore", 32642, 12_806),
    "lahore/lahore_central_drive_20250427": ("karachi_lahore", 32643, 9903),
    "lahore/lahore_data_darbar_drive_20260511": ("karachi_lahore", 32643, 1369),
    "islamabad/islamabad_sectors_drive_20250515": ("islamabad_rawalpindi", 32643, 2688),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    often(EXTRACTS, {"lahore/lahore_data_darbar_drive_20260511"}),
)
def test_real_extracts_agree_in_both_forms(shared_data: Path, name: str) -> None:
    city, epsg, nodes = EXTRACTS[name]
    built: list[Network] = []
    for ending in (".osm.bz2", ".graphml.gz"):
        path = shared_data / "data" / (name + ending)
        network = build_network(read_file(path), table("speeds"), city)
        assert network.crs.to_epsg() == epsg
        assert network.report["nodes"] == nodes
        assert 0 < network.report["share_lost"] < 0.12
        built.append(network)
    xml, graphml = built
    # The GraphML was made by OSMnx from the same ways; what is left after the cut must be the same.
    assert xml.nodes.index.equals(graphml.nodes.index)
    assert set(xml.edges.index) == set(graphml.edges.index)
    assert xml.report["street_km"] == pytest.approx(graphml.report["street_km"], rel=1e-9)
    minutes = [n.edges["travel_min"].sort_values().to_numpy() for n in built]
    assert minutes[0] == pytest.approx(minutes[1], rel=1e-9)


@pytest.mark.slow
def test_real_extract_of_all_ways(shared_data: Path) -> None:
    """Service roads, steps, footways and a bus guideway are in it; cars get none of them."""
    path = shared_data / "data" / "lahore" / "lahore_data_darbar_all_20251124.osm.bz2"
    network = build_network(read_file(path), table("speeds"), "karachi_lahore")
    assert network.report["bus_only_ways_dropped"] == 12
    kinds = set(network.edges["highway"])
    assert kinds <= {
        *("living_street", "residential", "tertiary", "secondary", "primary", "unclassified"),
        *("primary_link", "secondary_link", "tertiary_link"),
    }
    # "living_street" is there with maxspeed 2, which nobody drives.
    assert network.edges["speed_kmh"].min() >= 5


@pytest.mark.slow
def test_real_extract_as_pbf(shared_data: Path, tmp_path: Path) -> None:
    xml = shared_data / "data" / "lahore" / "lahore_data_darbar_all_20251124.osm.bz2"
    pbf = write_pbf(tmp_path / "darbar.osm.pbf", xml)
    assert streets(read_file(pbf)) == streets(read_file(xml))
