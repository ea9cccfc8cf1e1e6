"""The direct way from a file to a network against OSMnx's, on real extracts and on random files."""

import bz2
import gzip
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import osmnx as ox
import pytest
from conftest import often
from geopandas.testing import assert_geodataframe_equal
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from overpass_server import osm_xml
from shapely import box

from siting.errors import InputError, MissingExtraError
from siting.reference import table
from siting.roads import Network, build_network, network_from_file, read_file
from siting.roads import direct as direct_way
from siting.roads.osmnx_settings import osmnx_settings

SPEEDS = table("speeds")
EXTRACTS = {
    "karachi/karachi_clifton_drive_20260319": "karachi_lahore",
    "karachi/karachi_saddar_town_drive_20241231": "karachi_lahore",
    "lahore/lahore_central_drive_20250427": "karachi_lahore",
    "lahore/lahore_data_darbar_drive_20260511": "karachi_lahore",
    "lahore/lahore_data_darbar_all_20251124": "karachi_lahore",
    "islamabad/islamabad_sectors_drive_20250515": "islamabad_rawalpindi",
}

Way = tuple[int, list[int], dict[str, str]]
Spot = tuple[int, tuple[float, float]]


def osm(nodes: list[Spot], ways: list[Way], relations: bool = False) -> str:
    """An OSM file of nodes and ways in the order given, ids as they come, twice or not at all."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', '<osm version="0.6">']
    lines += [f'<node id="{n}" lat="{lat!r}" lon="{lon!r}"/>' for n, (lon, lat) in nodes]
    for way, refs, tags in ways:
        body = "".join(f'<nd ref="{ref}"/>' for ref in refs)
        body += "".join(f"<tag k={quoteattr(k)} v={quoteattr(v)}/>" for k, v in tags.items())
        lines.append(f'<way id="{way}">{body}</way>')
        if relations:
            lines.append(
                f'<relation id="{way}"><member type="way" ref="{way}" role=""/>'
                '<tag k="highway" v="primary"/><tag k="oneway" v="yes"/></relation>'
            )
    return "\n".join([*lines, "</osm>"])


def outcome(build: Any) -> Network | str:
    try:
        network: Network = build()
    except InputError as err:
        return str(err)
    return network


def both(path: Path, clip: Any = None, city: str = "karachi_lahore") -> Network | str:
    """Build a file's network in both ways, hold them against each other and return it."""
    direct = outcome(lambda: network_from_file(path, SPEEDS, city, clip=clip))
    reference = outcome(lambda: build_network(read_file(path, clip), SPEEDS, city))
    if isinstance(direct, str) or isinstance(reference, str):
        assert direct == reference
        return direct
    assert_geodataframe_equal(direct.nodes, reference.nodes)
    assert_geodataframe_equal(direct.edges, reference.edges)
    # To the last digit of every length, minute and corner.
    assert direct.edges.equals(reference.edges)
    assert direct.nodes.equals(reference.nodes)
    assert direct.report == reference.report
    return direct


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    often(EXTRACTS, {"islamabad/islamabad_sectors_drive_20250515"}),
)
def test_every_extract_row_by_row(shared_data: Path, name: str) -> None:
    network = both(shared_data / "data" / f"{name}.osm.bz2", city=EXTRACTS[name])
    assert isinstance(network, Network)
    assert len(network.nodes) > 1000


@pytest.mark.parametrize("packing", often([".osm", ".osm.gz", ".osm.pbf"], {".osm.pbf"}))
def test_every_packing_and_a_clip(shared_data: Path, tmp_path: Path, packing: str) -> None:
    name = "lahore/lahore_data_darbar_all_20251124.osm.bz2"
    data = bz2.decompress((shared_data / "data" / name).read_bytes())
    plain, path = tmp_path / "plain.osm", tmp_path / f"darbar{packing}"
    plain.write_bytes(data)
    if packing == ".osm.pbf":
        osmium = pytest.importorskip("osmium", reason="PBF needs the extra siting[pbf]")
        with osmium.SimpleWriter(str(path)) as writer:
            for thing in osmium.FileProcessor(str(plain)):
                writer.add(thing)
    else:
        path.write_bytes(gzip.compress(data) if packing == ".osm.gz" else data)
    whole = both(path)
    west, south, east, north = _lonlat(whole)
    middle = box((west + east) / 2, (south + north) / 2, east, north)
    part = both(path, clip=middle)
    assert isinstance(whole, Network)
    assert isinstance(part, Network)
    assert 100 < len(part.nodes) < len(whole.nodes)


def _lonlat(network: Network | str) -> tuple[float, float, float, float]:
    assert isinstance(network, Network)
    west, south, east, north = network.nodes.to_crs(4326).total_bounds
    return west, south, east, north


def test_osmnx_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "town.osm"
    path.write_text(osm_xml())
    monkeypatch.setattr(ox, "graph_from_xml", None)
    monkeypatch.setattr(ox, "simplify_graph", None)
    monkeypatch.setattr(direct_way, "build_network", None)
    network = network_from_file(path, SPEEDS, "other", source={"kind": "file"})
    assert network.report["source"] == {"kind": "file"}
    assert network.report["bus_only_ways_dropped"] == 1
    assert list(network.nodes.index) == [4, 6]


@pytest.mark.slow
def test_graphml_goes_the_old_way(shared_data: Path) -> None:
    path = shared_data / "data" / "lahore" / "lahore_data_darbar_drive_20260511.graphml.gz"
    assert isinstance(both(path, city="karachi_lahore"), Network)


def test_peak_and_source_are_passed_on(tmp_path: Path) -> None:
    path = tmp_path / "town.osm"
    path.write_text(osm_xml())
    free = network_from_file(path, SPEEDS, "other", peak=False, source={"file": "town.osm"})
    want = build_network(read_file(path), SPEEDS, "other", False, {"file": "town.osm"})
    assert free.edges.equals(want.edges)
    assert free.report == want.report


def test_pbf_without_pyosmium_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "town.pbf").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "osmium", None)
    with pytest.raises(MissingExtraError, match=r'pip install "siting\[pbf\]"'):
        network_from_file(tmp_path / "town.pbf", SPEEDS, "other")


# --- small files by hand --------------------------------------------------------------------------

CORNERS: list[Spot] = [
    (node, (67.0 + 0.001 * ((node - 1) % 4), 24.8 + 0.001 * ((node - 1) // 4)))
    for node in range(1, 13)
]
ROAD = {"highway": "residential"}
ONE_WAY = ROAD | {"oneway": "yes"}


def edges_of(network: Network | str) -> list[tuple[int, int]]:
    assert isinstance(network, Network), network
    return [(u, v) for u, v, _ in network.edges.index]


@pytest.mark.parametrize(
    ("tags", "there", "back"),
    [
        ({}, True, True),
        ({"oneway": "yes"}, True, False),
        ({"oneway": "true"}, True, False),
        ({"oneway": "1"}, True, False),
        ({"oneway": "F"}, True, False),
        ({"oneway": "-1"}, False, True),
        ({"oneway": "reverse"}, False, True),
        ({"oneway": "T"}, False, True),
        ({"oneway": "no"}, True, True),
        ({"oneway": "Yes"}, True, True),
        ({"oneway": ""}, True, True),
        ({"oneway": "reversible"}, True, True),
        ({"junction": "roundabout"}, True, False),
        ({"junction": "roundabout", "oneway": "no"}, True, False),
        ({"junction": "roundabout", "oneway": "-1"}, False, True),
        ({"junction": "circular"}, True, True),
    ],
)
def test_directions(tmp_path: Path, tags: dict[str, str], there: bool, back: bool) -> None:
    # 1 - 2 - 3 - 4 by the way in question, and a two-way street from 4 by 8 and 5 to 1; ends in
    # both places.
    path = tmp_path / "town.osm"
    ways: list[Way] = [
        (1, [1, 2, 3, 4], ROAD | tags),
        (2, [4, 8, 5, 1], ROAD),
        (3, [1, 9], ROAD),
        (4, [4, 12], ROAD),
    ]
    path.write_text(osm(CORNERS, ways))
    found = edges_of(both(path))
    assert (found.count((1, 4)) - 1, found.count((4, 1)) - 1) == (there, back)


def test_a_ring_on_its_own_is_no_street_and_a_loop_on_a_street_is_one(tmp_path: Path) -> None:
    path = tmp_path / "town.osm"
    ring: Way = (1, [1, 2, 6, 5, 1], ROAD)
    path.write_text(osm(CORNERS, [ring]))
    assert both(path) == "graph: contains no street; use an extract that contains roads"
    path.write_text(osm(CORNERS, [ring, (2, [1, 9], ROAD)]))
    assert sorted(edges_of(both(path))) == [(1, 1), (1, 1), (1, 9), (9, 1)]


def test_tags_of_merged_ways_can_make_a_bus_street(tmp_path: Path) -> None:
    # Each way alone is open or closed to all; OSMnx merges them, and then it reads as a bus street.
    path = tmp_path / "town.osm"
    ways: list[Way] = [
        (1, [1, 2], ROAD | {"access": "no"}),
        (2, [2, 3], ROAD | {"psv": "yes"}),
        (3, [3, 4, 8], ROAD),
        (4, [3, 7], ROAD),
    ]
    path.write_text(osm(CORNERS, ways))
    network = both(path)
    assert isinstance(network, Network)
    assert network.report["bus_only_ways_dropped"] == 2
    assert 1 not in network.nodes.index


def test_names_and_limits_of_merged_ways(tmp_path: Path) -> None:
    path = tmp_path / "town.osm"
    ways: list[Way] = [
        (1, [1, 2], {"highway": "primary", "maxspeed": "60", "name": "B & C"}),
        (2, [2, 3], {"highway": "living_street", "maxspeed": "30 mph", "name": "A"}),
        (3, [3, 4], {"highway": "primary", "maxspeed": "PK:urban"}),
    ]
    path.write_text(osm(CORNERS, ways))
    network = both(path)
    assert isinstance(network, Network)
    assert network.edges["name"].tolist() == ["A / B & C"] * 2
    assert set(network.edges["highway"]) == {"living_street"}
    assert network.edges["speed_kmh"].tolist() == pytest.approx([48.28032] * 2)


@pytest.mark.parametrize("corner", ["nan", "inf", "91"])
def test_a_node_nowhere_on_the_globe(tmp_path: Path, corner: str) -> None:
    path = tmp_path / "town.osm"
    path.write_text(osm_xml().replace('lat="33.7"', f'lat="{corner}"', 1))
    found = both(path)
    assert isinstance(found, str)
    assert "town.osm, nodes: 1 outside 180 degrees of longitude and 90 of latitude" in found
    assert "(1)" in found


def test_ids_that_no_computer_holds(tmp_path: Path) -> None:
    path = tmp_path / "town.osm"
    path.write_text(osm_xml().replace('<nd ref="1"/>', f'<nd ref="{10**20}"/>'))
    found = both(path)
    assert isinstance(found, str)
    assert "an element is not valid OSM: OverflowError" in found


# --- random files ---------------------------------------------------------------------------------


@st.composite
def files(draw: st.DrawFn) -> tuple[list[Spot], list[Way], bool]:
    """Few nodes and many ways on them: loops, crossings, doubles, gaps, odd tags."""
    count = draw(st.integers(3, 14))
    ids = draw(st.permutations([*range(-2, count - 4), 2**40, 2**62 - 1]))
    places = st.tuples(st.integers(0, 5), st.integers(0, 5))
    nodes: list[Spot] = []
    for node in ids[: draw(st.integers(2, count))]:
        x, y = draw(places)
        nodes.append((node, (67.0 + 0.0013 * x, 24.8 + 0.0011 * y)))
    if draw(st.booleans()):
        nodes.append((ids[0], (67.1, 24.9)))
    refs = st.lists(st.sampled_from(ids), min_size=1, max_size=8)
    tag_sets = st.fixed_dictionaries(
        {
            "highway": st.sampled_from(
                ["residential"] * 4 + ["primary", "trunk_link", "odd", "path"]
            )
        },
        optional={
            "oneway": st.sampled_from(["yes", "-1", "reverse", "T", "F", "no", "1", "?", ""]),
            "junction": st.sampled_from(["roundabout", "circular"]),
            "maxspeed": st.sampled_from(["50", "30 mph", "none", "2", "60;40", ""]),
            "name": st.sampled_from(["A", 'B "<&>\n', "", "سڑک"]),
            "access": st.sampled_from(["no", "yes"]),
            "psv": st.sampled_from(["yes"]),
            "motor_vehicle": st.sampled_from(["destination"]),
        },
    )
    plain = st.just({"highway": "residential"})
    bare = st.sampled_from([{}, {"building": "yes"}])
    tags = draw(st.sampled_from([plain, tag_sets, st.one_of(plain, tag_sets, bare)]))
    ways = draw(st.lists(st.tuples(st.integers(1, 25), refs, tags), min_size=1, max_size=12))
    return nodes, ways, draw(st.booleans())


@pytest.mark.slow
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example((CORNERS, [(1, [1, 2], ONE_WAY), (2, [3, 2], ONE_WAY), (3, [2, 3, 4, 1, 3], ROAD)], True))
@example((CORNERS, [(7, [1, 2, 3], ROAD), (8, [3, 4], ROAD), (7, [2, 3], ONE_WAY)], False))
# Two-way up to a node that a one-way only leaves or only enters: OSMnx's path stops there.
@example((CORNERS, [(1, [1, 2, 3], ROAD), (2, [4, 3], ONE_WAY), (3, [4, 3], ONE_WAY)], False))
@example((CORNERS, [(1, [1, 2], ROAD), (2, [3, 2], ONE_WAY), (3, [3, 2], ONE_WAY)], False))
# Three dual carriageways: no street ends anywhere once the corners between are gone.
@example(
    (
        CORNERS,
        [
            (1, [1, 2, 3], ONE_WAY),
            (2, [3, 4, 1], ONE_WAY),
            (3, [3, 7, 11], ONE_WAY),
            (4, [11, 8, 3], ONE_WAY),
            (5, [11, 10, 1], ONE_WAY),
            (6, [1, 5, 11], ONE_WAY),
        ],
        False,
    )
)
@given(files())
def test_random_files(tmp_path: Path, file: tuple[list[Spot], list[Way], bool]) -> None:
    path = tmp_path / "town.osm"
    path.write_text(osm(*file), encoding="utf-8")
    both(path)
    both(path, clip=box(66.999, 24.799, 67.0035, 24.8035))


def test_streets_are_called_by_their_english_names(tmp_path):
    nodes = [(n, (73.05 + n / 1000, 33.70 + n % 2 / 100)) for n in range(1, 5)]
    named = {"highway": "primary", "name": "شاہراہ قراقرم", "name:en": "Karakoram Highway"}
    local = {"highway": "residential", "name": "گلی"}
    ways = [(1, [1, 2], named), (2, [2, 3], local), (3, [2, 4], local)]
    path = tmp_path / "town.osm"
    path.write_text(osm(nodes, ways), encoding="utf-8")
    network = both(path, city="islamabad_rawalpindi")
    assert isinstance(network, Network)
    assert set(network.edges["name"]) == {"Karakoram Highway", "گلی"}
    # Of a download the name is what OSMnx made of it, and the English one is a tag beside it.
    with osmnx_settings():
        graph = ox.graph_from_xml(path, retain_all=True)
    built = build_network(graph, SPEEDS, "islamabad_rawalpindi")
    assert set(built.edges["name"]) == {"Karakoram Highway", "گلی"}
