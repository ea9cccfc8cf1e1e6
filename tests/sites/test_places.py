"""Raw places from OSM files, layers, street grids and lists of stations."""

import bz2
import gzip

import geopandas as gpd
import numpy as np
import pytest
import shapely
from demand.test_cells import X0, Y0, grid_network

from siting.errors import InputError
from siting.roads import Network
from siting.sites import (
    candidates_from_layer,
    candidates_from_pois,
    candidates_from_streets,
    existing_stations,
)

OSM = """<?xml version="1.0" encoding="UTF-8"?>
<osm version="0.6">
 <node id="1" lat="33.700" lon="73.050"><tag k="amenity" v="fuel"/><tag k="name" v="PSO"/></node>
 <node id="2" lat="33.710" lon="73.060"><tag k="amenity" v="school"/></node>
 <node id="3" lat="33.720" lon="73.070"><tag k="shop" v="mall"/>
  <tag k="amenity" v="parking"/></node>
 <node id="4" lat="33.730" lon="73.080"/><node id="5" lat="33.730" lon="73.082"/>
 <node id="6" lat="33.732" lon="73.082"/>
 <way id="9"><nd ref="4"/><nd ref="5"/><nd ref="6"/><nd ref="4"/>
  <tag k="amenity" v="parking"/></way>
</osm>
"""
TAGS = {"amenity": ["fuel", "parking"], "shop": True}


@pytest.mark.parametrize("ending", [".osm", ".osm.gz", ".osm.bz2"])
def test_places_of_an_osm_file(tmp_path, ending):
    path = tmp_path / f"city{ending}"
    pack = {".osm": bytes, ".osm.gz": gzip.compress, ".osm.bz2": bz2.compress}[ending]
    path.write_bytes(pack(OSM.encode()))
    places = candidates_from_pois(path, TAGS)
    found = sorted(zip(places["kind"], places["name"].fillna("-"), strict=True))
    assert found == [("fuel", "PSO"), ("parking", "-"), ("parking", "-")]
    assert set(places.geom_type) == {"Point"}
    area = shapely.Polygon([(73.08, 33.73), (73.082, 33.73), (73.082, 33.732)])
    assert places.within(area).sum() == 1
    assert "OpenStreetMap" in places["source"].iloc[0]


def test_a_place_is_called_by_its_english_name_where_it_has_one(tmp_path):
    path = tmp_path / "city.osm"
    local = '<tag k="name" v="پی ایس او"/>'
    path.write_text(OSM.replace('<tag k="name" v="PSO"/>', local + '<tag k="name:en" v="PSO"/>'))
    assert "PSO" in set(candidates_from_pois(path, TAGS)["name"])
    path.write_text(OSM.replace('<tag k="name" v="PSO"/>', local))
    assert "پی ایس او" in set(candidates_from_pois(path, TAGS)["name"])
    layer = gpd.GeoDataFrame(
        {"name": ["پی ایس او", "Shell"], "name:en": ["PSO", None]},
        geometry=gpd.points_from_xy([73.05, 73.06], [33.7, 33.7]),
        crs=4326,
    )
    layer.to_file(tmp_path / "places.geojson")
    places = candidates_from_layer(tmp_path / "places.geojson", kind="fuel")
    assert places["name"].tolist() == ["PSO", "Shell"]
    assert places["user_name"].tolist() == ["پی ایس او", "Shell"]


def test_the_first_key_names_the_kind(tmp_path):
    path = tmp_path / "city.osm"
    path.write_text(OSM)
    kinds = candidates_from_pois(path, {"shop": ["mall"], "amenity": "parking"})["kind"]
    assert sorted(kinds) == ["mall", "parking"]


@pytest.mark.parametrize(
    ("text", "tags", "word"),
    [
        (OSM, {"amenity": ["casino"]}, "amenity=casino"),
        (OSM, {}, "none are given"),
        (OSM[:200], TAGS, "cannot be read"),
        ("", TAGS, "cannot be read"),
    ],
)
def test_bad_osm_files(tmp_path, text, tags, word):
    path = tmp_path / "city.osm"
    path.write_text(text)
    with pytest.raises(InputError, match=word):
        candidates_from_pois(path, tags)


@pytest.mark.parametrize("name", ["city.osm.bz2", "city.osm.gz"])
def test_a_broken_archive_and_a_missing_file(tmp_path, name):
    with pytest.raises(InputError, match="no such file"):
        candidates_from_pois(tmp_path / name, TAGS)
    whole = bz2.compress(OSM.encode()) if name.endswith("bz2") else gzip.compress(OSM.encode())
    for data in (b"no archive", whole[:-20]):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match="cannot be read"):
            candidates_from_pois(tmp_path / name, TAGS)


def layer_file(tmp_path, columns, shapes=None, name="sites.geojson"):
    path = tmp_path / name
    rows = len(next(iter(columns.values())))
    shapes = shapes or [shapely.Point(73.05 + i / 100, 33.7) for i in range(rows)]
    gpd.GeoDataFrame(columns, geometry=shapes, crs=4326).to_file(path)
    return path


def test_tags_in_the_columns_of_a_layer(tmp_path):
    path = layer_file(
        tmp_path, {"amenity": ["fuel", "bank", None], "name": ["A", "B", None], "osm_id": [1, 1, 1]}
    )
    places = candidates_from_pois(path, TAGS)
    assert places[["name", "kind"]].to_numpy().tolist() == [["A", "fuel"]]
    with pytest.raises(InputError, match=r"it has amenity: .*no column leisure"):
        candidates_from_pois(path, {"amenity": ["casino"], "leisure": ["park"]})


def test_a_users_layer_with_kinds_ids_and_headroom(tmp_path):
    square = shapely.box(73.0, 33.6, 73.01, 33.61)
    path = layer_file(
        tmp_path,
        {"site_id": ["a", "b"], "label": ["Depot", " "], "use": ["depot", None],
         "headroom_kw": [150.0, None]},
        [square, shapely.Point(73.05, 33.7)],
    )  # fmt: skip
    places = candidates_from_layer(path, "label", kind="plot", kind_column="use")
    assert places["kind"].to_list() == ["depot", "plot"]
    assert places["name"].iloc[0] == "Depot"
    assert places["name"].isna().to_list() == [False, True]
    assert places["user_id"].to_list() == ["a", "b"]
    assert places["headroom_kw"].iloc[0] == 150
    assert np.isnan(places["headroom_kw"].iloc[1])
    assert places.geometry.iloc[0].within(square)


def test_a_users_layer_with_figures_of_its_sites(tmp_path):
    figures = {"bays": [12, None], "availability": [0.7, 1.0], "line_km": [None, 0.4]}
    path = layer_file(tmp_path, figures, [shapely.Point(73, 33.6), shapely.Point(73.05, 33.7)])
    places = candidates_from_layer(path)
    assert places["bays"].iloc[0] == 12
    assert places["availability"].to_list() == [0.7, 1.0]
    assert places["line_km"].iloc[1] == 0.4
    wrong = {"bays": [-1, 2], "availability": [0.0, 1.5], "line_km": ["near", "1"]}
    path = layer_file(tmp_path, wrong, [shapely.Point(73, 33.6), shapely.Point(73.05, 33.7)])
    with pytest.raises(InputError) as caught:
        candidates_from_layer(path)
    assert [(f.where.split()[-1], f.ids) for f in caught.value.faults] == [
        ("line_km", ("row 1",)), ("bays", ("row 1",)), ("availability", ("row 1", "row 2")),
    ]  # fmt: skip


def test_every_fault_of_a_users_layer_at_once(tmp_path):
    path = layer_file(tmp_path, {"id": [7, 7, 8], "headroom_kw": ["-1", "much", "3"]})
    with pytest.raises(InputError) as caught:
        candidates_from_layer(path, "label", kind_column="use")
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    assert "column label: missing" in text
    assert "column use: missing" in text
    assert "the same id in several rows (7)" in text
    assert "headroom_kw: not a power of at least 0 kW (row 1, row 2)" in text


def test_a_layer_without_geometry_names_the_rows(tmp_path):
    path = layer_file(tmp_path, {"name": ["A", "B"]}, [shapely.Point(73, 33.7), None])
    with pytest.raises(InputError, match="row 2"):
        candidates_from_layer(path)


def test_the_street_grid_takes_one_corner_a_square():
    network = grid_network(size=5, step_m=200)  # corners at 0, 200 ... 800 m
    streets = candidates_from_streets(network, 500)
    local = streets.to_crs(32643).geometry
    got = [(round(p.x - X0), round(p.y - Y0)) for p in local]
    # Inner corners have four streets, and of those in the west (200, ...) is nearest to the centre
    # at 250; in the east (600, ...) is an inner corner, (800, ...) is at the rim.
    assert got == [(200, 200), (600, 200), (200, 600), (600, 600)]
    assert set(streets["kind"]) == {"street"}
    assert streets["name"].to_list() == ["Street"] * 4


def test_the_street_grid_prefers_the_better_road_but_not_a_motorway():
    network = grid_network(size=3, step_m=100)
    edges = network.edges.copy()
    edges.loc[[(1, 2, 0), (2, 1, 0)], "highway"] = "primary"
    edges.loc[[(1, 2, 0), (2, 1, 0)], "name"] = "Mall Road"
    edges.loc[[(8, 9, 0), (9, 8, 0)], "highway"] = "motorway"
    streets = candidates_from_streets(Network(network.nodes, edges, {}), 500)
    corner = streets.to_crs(32643).geometry.iloc[0]
    assert (round(corner.x - X0), round(corner.y - Y0)) == (100, 0)  # node 2: more streets than 1
    assert streets["name"].to_list() == ["Mall Road"]


def test_repeated_feature_ids_that_gdal_would_renumber(tmp_path):
    path = tmp_path / "sites.geojson"
    feature = (
        '{"type":"Feature","id":%d,"properties":{"amenity":"fuel"},'
        '"geometry":{"type":"Point","coordinates":[73.05,33.7]}}'
    )
    features = ",".join(feature % i for i in (7, 8, 7))
    path.write_text('{"type":"FeatureCollection","features":[' + features + "]}")
    with pytest.raises(InputError, match="feature id: 7 is the id of several features"):
        candidates_from_layer(path)
    assert len(candidates_from_pois(path, TAGS)) == 3  # node 7 and way 7 are two things in OSM


def test_downloaded_features():
    features = gpd.GeoDataFrame(
        {"osm_id": ["node/1", "way/1"], "amenity": ["fuel", None], "shop": [None, "mall"]},
        geometry=gpd.points_from_xy([73, 73.1], [33.6, 33.7]),
        crs=4326,
    ).to_crs(32643)
    places = candidates_from_pois(features, TAGS)
    assert places["kind"].to_list() == ["fuel", "mall"]
    assert places.crs.to_epsg() == 4326
    assert "ODbL" in places["source"].iloc[0]
    assert places["name"].isna().all()


def stations_file(tmp_path, text):
    path = tmp_path / "stations.csv"
    path.write_text(text)
    return path


def test_stations_in_service_planned_private_and_without_power(tmp_path):
    path = stations_file(
        tmp_path,
        "name,lon,lat,power_kw,operational,private\n"
        "A,73.05,33.70,120; 22,yes,no\nB,73.06,33.70,50,No,no\n"
        "C,73.07,33.70,30,TRUE,yes\nD,73.08,33.70,,1,0\n",
    )
    stations = existing_stations(path)
    assert stations["kind"].to_list() == [
        "existing",
        "existing (not operating)",
        "existing (private)",
        "existing",
    ]
    assert stations["existing"].to_list() == [True, False, False, True]
    assert stations["existing_power_kw"].to_list() == [120, 0, 0, 60]
    assert stations["private"].to_list() == [False, False, True, False]
    assert "60 kW assumed" in stations["source"].iloc[3]
    assert "assumed" not in stations["source"].iloc[0]


def test_stations_need_only_places_and_power(tmp_path):
    stations = existing_stations(stations_file(tmp_path, "lon,lat,power_kw\n73.05,33.7,22\n"))
    assert stations["existing"].all()
    assert stations["name"].isna().all()


def test_ports_of_stations(tmp_path):
    head = "lon,lat,power_kw,operational,ports\n"
    rows = "73.05,33.7,120,yes,4\n73.06,33.7,60,yes,\n73.07,33.7,60,no,2\n"
    stations = existing_stations(stations_file(tmp_path, head + rows))
    assert stations["existing_ports"].iloc[0] == 4
    assert stations["existing_ports"].iloc[1:].isna().all()
    with pytest.raises(
        InputError, match=r"ports: must be whole numbers of at least 1 \(line 2, line 3"
    ):
        existing_stations(
            stations_file(tmp_path, head + "73.05,33.7,9,yes,0\n73.06,33.7,9,yes,two\n")
        )


def test_every_fault_of_a_list_of_stations_at_once(tmp_path):
    path = stations_file(
        tmp_path,
        "station_id,lon,lat,power_kw,operational\n1,73.05,33.7,sixty,yes\n1,73.06,33.7,-5,maybe\n",
    )
    with pytest.raises(InputError) as caught:
        existing_stations(path)
    text = str(caught.value)
    assert len(caught.value.faults) == 3
    assert "2 of 2 rows have a power that is not a number above 0 kW (line 2, line 3)" in text
    assert "neither yes nor no (line 3)" in text
    assert "the same id in several rows (1)" in text
    with pytest.raises(InputError, match="column power_kw: missing"):
        existing_stations(stations_file(tmp_path, "lon,lat\n73,33.7\n"))


def test_open_charge_map_of_pakistan(shared_data):
    stations = existing_stations(shared_data / "data/ev_chargers/pakistan_ev_chargers_ocm.csv")
    assert len(stations) == 53
    by_id = stations.set_index(stations["source"].str.extract(r"csv (\d+)")[0])
    assert by_id.loc["480332", "existing_power_kw"] == 180  # "180;50"
    assert by_id.loc["478137", "existing_power_kw"] == 120  # "120;22"
    assert by_id.loc["479903", "existing_power_kw"] == 60  # not given
    assert "assumed" in by_id.loc["479903", "source"]
    planned = by_id[by_id["kind"] == "existing (not operating)"]
    assert sorted(planned.index) == ["190065", "480715"]
    assert by_id[by_id["private"]].index.to_list() == ["96239"]
    assert stations["existing"].sum() == 50


def test_amenities_of_islamabad(shared_data):
    path = shared_data / "data/islamabad/islamabad_rawalpindi_amenities_osm_20251208.geojson"
    places = candidates_from_pois(path, {"amenity": ["fuel", "parking"]})
    assert places["kind"].value_counts().to_dict() == {"parking": 376, "fuel": 217}
