"""The embedded city: rebuilt byte for byte, drivable, on the left, true to what is known."""

import bz2
import csv
import importlib.util
import itertools
import json
import math
import re
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import networkx as nx
import numpy as np
import osmnx as ox
import pytest
import shapely

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data" / "islamabad"
OSM = DATA / "islamabad_schematic.osm.bz2"
UTM = 32643

CHECKED_ROADS = 10

# Islamabad's limits for cars, December 2023 (facts file, section 9).
LIMITS = {
    "Srinagar Highway": "80",
    "Islamabad Expressway": "80",
    "Murree Road": "80",
    "Jinnah Avenue": "70",
    "Constitution Avenue": "70",
    "Faisal Avenue": "70",
    "7th Avenue": "70",
    "9th Avenue": "70",
    "IJP Road": "60",
    "Margalla Road": "50",
}


@pytest.fixture(scope="module")
def builder():
    spec = importlib.util.spec_from_file_location(
        "build_islamabad", ROOT / "scripts" / "build_islamabad.py"
    )
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


@pytest.fixture(scope="module")
def xml():
    return ET.fromstring(bz2.decompress(OSM.read_bytes()))


@pytest.fixture(scope="module")
def graph():
    graph = ox.graph_from_xml(OSM, simplify=True, retain_all=True)
    graph.remove_nodes_from(list(nx.isolates(graph)))  # the places
    return graph


@pytest.fixture(scope="module")
def metres(graph):
    return ox.project_graph(graph, to_crs=UTM)


@pytest.fixture(scope="module")
def roads(metres):
    return ox.graph_to_gdfs(metres, nodes=False)


@pytest.fixture(scope="module")
def ways(xml):
    """Ways as (tags, list of UTM points), as they stand in the file."""
    at = {n.get("id"): (float(n.get("lon")), float(n.get("lat"))) for n in xml.iter("node")}
    found = [
        (
            {t.get("k"): t.get("v") for t in way.iter("tag")},
            [at[r.get("ref")] for r in way.iter("nd")],
        )
        for way in xml.iter("way")
    ]
    lines = gpd.GeoSeries([shapely.LineString(points) for _, points in found], crs=4326).to_crs(UTM)
    return [(tags, list(line.coords)) for (tags, _), line in zip(found, lines, strict=True)]


@pytest.fixture(scope="module")
def places():
    found = ox.features_from_xml(
        OSM, tags={"amenity": ["fuel", "parking", "bus_station"], "shop": ["mall"]}
    )
    return found.to_crs(UTM)


@pytest.mark.slow
def test_a_rebuild_gives_the_same_bytes(builder, tmp_path):
    builder.main(["--out", str(tmp_path / "one")])
    builder.main(["--out", str(tmp_path / "two")])
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {OSM.name, "people.csv", "existing_chargers.geojson"}
    for name in names:
        built = (tmp_path / "one" / name).read_bytes()
        assert built == (tmp_path / "two" / name).read_bytes(), name
        kept = (DATA / name).read_bytes()
        # Another libbz2 may pack the same text otherwise.
        unpack = bz2.decompress if name.endswith(".bz2") else bytes
        assert unpack(kept) == unpack(built), f"{name} is not what the script builds"


def test_grid_and_lonlat_are_inverse_and_true_to_length():
    sys.path.insert(0, str(ROOT / "scripts"))
    from islamabad.frame import to_grid, to_lonlat

    for u, v in [(0, 0), (4000, -2270), (-12250, -5230), (-9000, 5000)]:
        assert to_grid(*to_lonlat(u, v)) == pytest.approx((u, v), abs=0.05)
    corners = [(-12000, -5000), (4500, -5000), (4500, 3000), (-9000, 4000)]
    ends = gpd.GeoSeries.from_xy(*zip(*(to_lonlat(*c) for c in corners), strict=True), crs=4326)
    ends = ends.to_crs(UTM)
    for i in range(3):
        true_m = ends.iloc[i].distance(ends.iloc[i + 1])
        assert true_m == pytest.approx(math.dist(corners[i], corners[i + 1]), rel=2e-3)


def test_the_network_is_one_piece_of_a_sensible_size(graph):
    largest = max(nx.strongly_connected_components(graph), key=len)
    assert len(largest) > 0.98 * len(graph)
    assert 2000 <= len(graph) <= 5000
    lengths = [data["length"] for _, _, data in graph.edges(data=True)]
    assert min(lengths) > 5


def test_lines_that_lie_on_each_other_are_refused(builder):
    lines = [
        builder.mainroads.Line({"name": "a"}, ((0, 0), (100, 0))),
        builder.mainroads.Line({"name": "b"}, ((50, 0), (150, 0))),
    ]
    with pytest.raises(ValueError, match="lie on each other"):
        builder.network.join(lines)


def test_crossings_touches_and_trims(builder):
    line = builder.mainroads.Line
    ways = builder.network.join(
        [
            line({"name": "base"}, ((0, 0), (100, 0))),
            line({"name": "across"}, ((50, -40), (50, 40))),
            line({"name": "touch"}, ((80, 0), (80, 60))),
            line({"name": "over"}, ((20, -30), (20, 60)), trim_start=True),
            line({"name": "far"}, ((0, 200), (100, 200))),
        ]
    )
    at = {way.tags["name"]: way.nodes for way in ways}
    assert at["base"] == ((0, 0), (20, 0), (50, 0), (80, 0), (100, 0))
    assert at["across"] == ((50, -40), (50, 0), (50, 40))
    assert at["touch"] == ((80, 0), (80, 60))
    assert at["over"] == ((20, 0), (20, 60))
    assert at["far"] == ((0, 200), (100, 200))


def test_traffic_keeps_left(ways):
    """Of two carriageways the one against you lies on your right."""
    by_name = defaultdict(list)
    for tags, points in ways:
        if tags.get("oneway") == "yes":
            by_name[tags["name"]] += itertools.pairwise(points)
    assert set(LIMITS) <= set(by_name), "every one of these roads has two carriageways"
    for name, segments in by_name.items():
        a, b = (np.array([s[i] for s in segments]) for i in (0, 1))
        along = (b - a) / np.linalg.norm(b - a, axis=1)[:, None]
        paired = 0
        for i, middle in enumerate((a + b) / 2):
            # The foot of the perpendicular on each segment that runs the other way.
            share = np.einsum("ij,ij->i", middle - a, along)
            inside = (share >= 0) & (share <= np.linalg.norm(b - a, axis=1))
            offset = a + share[:, None] * along - middle
            gap = np.linalg.norm(offset, axis=1)
            against = inside & (along @ along[i] < -0.98) & (gap > 1) & (gap < 60)
            if not against.any():
                continue
            j = np.flatnonzero(against)[gap[against].argmin()]
            side = along[i][0] * offset[j][1] - along[i][1] * offset[j][0]
            assert side < 0, f"{name}: oncoming traffic on the left near {middle}"
            paired += 1
        assert paired > 0.8 * len(segments), name


def test_faisal_avenue_northbound_is_its_western_carriageway(ways):
    crossing = {
        north: shapely.LineString(points).intersection(
            shapely.LineString([(317000, 3731800), (321000, 3731800)])
        )
        for tags, points in ways
        if tags["name"] == "Faisal Avenue"
        for north in [points[-1][1] > points[0][1]]
    }
    assert crossing[True].x < crossing[False].x - 20


def test_speed_limits_are_the_published_ones(ways):
    seen = defaultdict(set)
    for tags, _ in ways:
        seen[tags["name"]].add(tags.get("maxspeed"))
        if tags["highway"] == "residential":
            assert tags["maxspeed"] == "30"
        if tags["name"].startswith("Service Road"):
            assert tags["maxspeed"] == "40"
    for name, limit in LIMITS.items():
        assert seen[name] == {limit}, name
    assert seen["Grand Trunk Road (N-5)"] == {None}, "no figure was found: none may stand here"


def test_it_says_schematic_everywhere(xml, ways):
    assert xml.get("generator") == "siting schematic"
    assert "SCHEMATIC" in xml.find("note").text
    assert all(tags["source"] == "schematic" for tags, _ in ways)
    for node in xml.iter("node"):
        tags = {t.get("k"): t.get("v") for t in node.iter("tag")}
        if tags:
            assert "(schematic)" in tags["name"] or tags["source"].startswith("real "), tags
    assert "SCHEMATIC" in (DATA / "README.md").read_text("utf-8")


def test_no_streets_in_the_park(ways):
    from islamabad import plan
    from islamabad.frame import to_lonlat

    park = next(s for s in plan.sectors() if s.name == "F-9")
    corners = [
        to_lonlat(u, v)
        for u, v in [
            (park.west + 50, park.south + 50),
            (park.east - 50, park.south + 50),
            (park.east - 50, park.north - 50),
            (park.west + 50, park.north - 50),
        ]
    ]
    inside = gpd.GeoSeries([shapely.Polygon(corners)], crs=4326).to_crs(UTM).iloc[0]
    assert inside.area > 2.5e6
    assert not any(shapely.LineString(points).intersects(inside) for _, points in ways)


def test_places_stand_near_a_road_and_a_junction(places, roads, metres):
    assert 100 <= len(places) <= 180
    lines = shapely.union_all(roads.geometry.to_numpy())
    off_m = shapely.distance(places.geometry.to_numpy(), lines)
    assert off_m.max() <= 250
    assert off_m.min() > 3, "a place on the carriageway"
    nodes = ox.graph_to_gdfs(metres, edges=False)
    to_node_m = shapely.distance(
        places.geometry.to_numpy(), shapely.union_all(nodes.geometry.to_numpy())
    )
    assert to_node_m.max() <= 300
    counts = places["amenity"].value_counts()
    assert counts["fuel"] >= 40
    assert counts["parking"] >= 60
    assert (places["shop"] == "mall").sum() >= 15


def test_people_add_up_to_the_census():
    with (DATA / "people.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["lon", "lat", "people", "sector", "sector_type", "source"]
    assert sum(int(row["people"]) for row in rows) == 1_108_872
    assert all(int(row["people"]) >= 0 for row in rows)
    assert all("ASSUMPTION" in row["source"] for row in rows)
    by_sector = defaultdict(list)
    for row in rows:
        by_sector[row["sector"]].append(int(row["people"]))
    assert by_sector["F-9"] == [0] * 16
    assert {len(found) for name, found in by_sector.items() if name != "Blue Area"} == {16}
    assert sum(by_sector["G-9"]) > 2 * sum(by_sector["F-8"]) > 4 * sum(by_sector["H-9"])


def test_chargers_are_near_the_network(roads):
    text = (DATA / "existing_chargers.geojson").read_text("utf-8")
    assert "crs" not in json.loads(text)
    chargers = gpd.read_file(text).set_index("ocm_id")
    assert set(chargers.index) == {475404, 479876, 479895, 479896, 479901, 480715}
    lines = shapely.union_all(roads.geometry.to_numpy())
    assert shapely.distance(chargers.to_crs(UTM).geometry.to_numpy(), lines).max() < 500
    assert (chargers["source"] == "Open Charge Map").all()
    assert (chargers["licence"] == "CC BY 4.0").all()
    assert chargers.index[~chargers["operational"]].tolist() == [480715]


def test_chargers_are_those_of_the_facts(shared_data):
    facts = (shared_data / "facts" / "pakistan.md").read_text("utf-8")
    features = json.loads((DATA / "existing_chargers.geojson").read_text("utf-8"))["features"]
    for feature in features:
        told = feature["properties"]
        row = re.search(rf"^\| {told['ocm_id']} \|(.+)\|$", facts, re.MULTILINE).group(1)
        _, lat, lon, power_kw, price = (cell.strip() for cell in row.split("|"))
        assert feature["geometry"]["coordinates"] == [float(lon), float(lat)]
        assert told["power_kw"] == (None if power_kw == "–" else float(power_kw))
        assert told["price_pkr_kwh"] == (None if price == "–" else float(price.split()[0]))


@pytest.fixture(scope="module")
def checked(builder, shared_data):
    from islamabad import check

    real = check.read_real(shared_data / "data" / "islamabad")
    return check, real, builder.build()


@pytest.mark.slow
def test_markets_are_where_they_are(checked):
    check, real, _ = checked
    off = check.markaz_deviations(real)
    assert len(off) >= 12
    assert off["off_m"].max() <= 300
    assert off["off_m"].median() <= 100


def test_main_roads_lie_on_the_real_ones(checked):
    check, real, (ways, _, _) = checked
    roads = check.road_deviations(real, ways)
    assert len(roads) == CHECKED_ROADS
    assert (roads[["near_share", "real_near_share"]] >= 0.9).all(axis=None)
    assert roads["p95_m"].median() <= 50


def test_the_overlay_check_sees_a_shifted_road(checked):
    """The measure itself: a city moved by 400 m along the rows must fail it."""
    check, real, (ways, _, _) = checked
    moved = [type(way)(way.tags, tuple((u + 400, v + 400) for u, v in way.nodes)) for way in ways]
    roads = check.road_deviations(real, moved)
    assert (roads[["near_share", "real_near_share"]].min(axis=1) < 0.5).all()


@pytest.mark.slow
def test_addresses_lie_along_the_roads_outside_the_extract(checked):
    check, real, (ways, _, _) = checked
    off = check.address_deviations(real, ways)
    assert {"IJP Road", "Murree Road", "Ataturk Avenue", "Khayaban-e-Suhrwardy"} <= set(off.index)
    assert off["median_m"].max() <= 200
    assert "median_m" in check.report(real, ways)


def test_nothing_is_copied_from_openstreetmap(xml, shared_data):
    source = shared_data / "data" / "islamabad" / "islamabad_sectors_drive_20250515.osm.bz2"
    real = {
        (round(float(lat), 6), round(float(lon), 6))
        for lat, lon in re.findall(
            rb'lat="([0-9.]+)" lon="([0-9.]+)"', bz2.decompress(source.read_bytes())
        )
    }
    assert len(real) > 1000
    ours = {
        (round(float(n.get("lat")), 6), round(float(n.get("lon")), 6)) for n in xml.iter("node")
    }
    assert not real & ours


@pytest.mark.slow
def test_the_picture_shows_both(checked, tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")
    from islamabad import picture

    _, real, (ways, places, _) = checked
    path = tmp_path / "overlay.png"
    picture.draw(path, real, ways, places)
    pixels = plt.imread(path)[..., :3]
    red = (pixels[..., 0] > 0.6) & (pixels[..., 2] < 0.4)
    blue = (pixels[..., 2] > 0.5) & (pixels[..., 0] < 0.4)
    assert red.sum() > 2000
    assert blue.sum() > 2000
