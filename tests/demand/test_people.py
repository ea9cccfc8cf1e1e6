"""People layers: good ones read whole, bad ones refused with every fault."""

import sys

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from demand.test_cells import X0, Y0, grid_network

from siting.demand import make_cells, people_on_streets, read_people
from siting.errors import InputError, MissingExtraError
from siting.roads import Network


def write(tmp_path, text, name="people.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_points_from_a_csv_in_the_order_of_the_file(tmp_path):
    path = write(tmp_path, "lon,lat,people\n73.05,33.70,10\n73.06,33.71,2.5\n")
    people = read_people(path)
    assert people["people"].to_list() == [10.0, 2.5]
    assert people.geometry.iloc[0] == shapely.Point(73.05, 33.70)
    assert people.crs.to_epsg() == 4326


def test_longitude_and_latitude_may_be_spelt_out(tmp_path):
    path = write(tmp_path, 'longitude,latitude,population\n73.05,33.70,"10"\n')
    assert read_people(path, "population").geometry.iloc[0] == shapely.Point(73.05, 33.70)


def test_a_fault_of_a_renamed_csv_names_the_file_itself(tmp_path):
    path = write(tmp_path, "longitude,latitude,people\n33.70,73.05,10\n")
    with pytest.raises(InputError, match="swapped") as caught:
        read_people(path)
    assert caught.value.faults[0].where.startswith(str(path))


def test_raster_centres_become_squares(tmp_path):
    path = write(tmp_path, "lon,lat,people\n73.05,33.70,10\n")
    square = read_people(path, raster_deg=0.01).geometry.iloc[0]
    assert square.bounds == pytest.approx((73.045, 33.695, 73.055, 33.705))


def test_a_raster_is_spread_evenly_where_centres_would_leave_holes(tmp_path):
    # A point stands for about 830 m x 1 km but counts in one square of 500 m.
    local = gpd.GeoSeries([shapely.Point(X0 + 400, Y0 + 400)], crs=32643).to_crs(4326).iloc[0]
    path = write(tmp_path, f"lon,lat,people\n{local.x},{local.y},100\n")
    assert len(make_cells(read_people(path), grid_network())) == 1
    spread = make_cells(read_people(path, raster_deg=0.009), grid_network())
    assert len(spread) == 9
    assert spread["people"].sum() == pytest.approx(100)


def test_polygons_from_geojson(tmp_path):
    path = tmp_path / "zones.geojson"
    gpd.GeoDataFrame(
        {"people": [7]}, geometry=[shapely.box(73, 33.6, 73.1, 33.7)], crs=4326
    ).to_file(path)
    people = read_people(path)
    assert people["people"].to_list() == [7.0]
    assert people.geom_type.to_list() == ["Polygon"]


def test_all_faults_of_a_layer_at_once(tmp_path):
    path = write(
        tmp_path,
        "id,lon,lat,people\n1,73.05,33.70,-5\n1,73.06,33.70,many\n2,73.07,33.70,\n3,73.0,33.7,4\n",
    )
    with pytest.raises(InputError) as caught:
        read_people(path)
    text = str(caught.value)
    assert len(caught.value.faults) == 4
    for word, line in (
        ("negative", "line 2"),
        ("not numbers", "line 3"),
        ("no number", "line 4"),
    ):
        fault = next(f for f in caught.value.faults if word in f.what)
        assert fault.ids == (line,)
        assert "column people" in fault.where
    assert "column id: the same id" in text


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("lon,lat,persons\n73,33.7,1\n", "it has: lon, lat, persons"),
        ("lon,lat,people\n73,33.7,0\n73,33.8,0\n", "nobody lives"),
        ("lon,lat,people\n73,33.7,inf\n", "not numbers"),
        ('lon,lat,people\n73,33.7,"1,234"\n', "with commas"),
        ("lon,lat,people\n73,33.7,true\n", "true or false"),
        ("lon,lat,people\n", "no rows"),
    ],
)
def test_bad_counts(tmp_path, text, word):
    with pytest.raises(InputError, match=word):
        read_people(write(tmp_path, text))


def test_missing_file_and_wrong_ending(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_people(tmp_path / "none.csv")
    with pytest.raises(InputError, match="extension"):
        read_people(write(tmp_path, "x", "people.xlsx"))


def test_a_csv_that_is_not_utf8(tmp_path):
    path = tmp_path / "people.csv"
    path.write_bytes("longitude,latitude,people,név\n73,33.7,1,é\n".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        read_people(path)


def test_lines_and_broken_polygons_are_refused(tmp_path):
    path = tmp_path / "shapes.geojson"
    bow_tie = shapely.Polygon([(73, 33), (73.1, 33.1), (73.1, 33), (73, 33.1)])
    line = shapely.LineString([(73, 33), (73.1, 33)])
    gpd.GeoDataFrame(
        {"people": [1, 2, 3]}, geometry=[bow_tie, line, shapely.Point(73, 33)], crs=4326
    ).to_file(path)
    with pytest.raises(InputError) as caught:
        read_people(path)
    assert {f.ids for f in caught.value.faults} == {("row 1",), ("row 2",)}
    assert "LineString" in str(caught.value)
    assert "Self-intersection" in str(caught.value)


def test_raster_width_needs_points_and_a_width(tmp_path):
    path = tmp_path / "zones.geojson"
    gpd.GeoDataFrame(
        {"people": [7]}, geometry=[shapely.box(73, 33.6, 73.1, 33.7)], crs=4326
    ).to_file(path)
    with pytest.raises(InputError, match="needs points"):
        read_people(path, raster_deg=0.01)
    with pytest.raises(InputError, match="not a width"):
        read_people(write(tmp_path, "lon,lat,people\n73,33.7,1\n"), raster_deg=0)


def test_people_go_by_street_length_both_directions_once():
    network = grid_network(size=2, step_m=100)
    edges = network.edges.copy()
    # Stretch nothing, but make one street of four a main road where nobody lives.
    edges.loc[[(1, 2, 0), (2, 1, 0)], "highway"] = "primary"
    people = people_on_streets(Network(network.nodes, edges, {}), 300)
    assert len(people) == 3
    assert people["people"].to_list() == pytest.approx([100, 100, 100])
    assert people.crs.to_epsg() == 4326
    middle = people.to_crs(32643).geometry
    assert sorted((round(p.x - X0), round(p.y - Y0)) for p in middle) == [
        (0, 50),
        (50, 100),
        (100, 50),
    ]


def test_a_longer_street_holds_more_and_a_parallel_one_counts():
    network = grid_network(size=2, step_m=100)
    edges = network.edges
    bent = shapely.LineString([(X0, Y0), (X0 + 50, Y0 - 200), (X0 + 100, Y0)])
    extra = edges.loc[[(1, 2, 0)]].assign(geometry=[bent], length_m=bent.length)
    extra.index = extra.index.set_levels([5], level="key")
    both = gpd.GeoDataFrame(gpd.pd.concat([edges, extra]), crs=edges.crs)
    people = people_on_streets(Network(network.nodes, both, {}), 1000)
    assert len(people) == 5
    assert people["people"].sum() == pytest.approx(1000)
    assert people["people"].max() == pytest.approx(1000 * bent.length / (bent.length + 400))


def test_no_street_where_people_live():
    with pytest.raises(InputError, match="it has: motorway"):
        people_on_streets(grid_network(highway="motorway"), 100)


def test_a_decimal_comma_is_told_apart_from_thousands(tmp_path):
    path = write(
        tmp_path,
        'lon,lat,people\n73,33.7,"1,5"\n73,33.7,"1,234"\n73,33.7,"1.234,56"\n73,33.7,few\n',
    )
    with pytest.raises(InputError) as caught:
        read_people(path)
    found = {fault.fix: fault.ids for fault in caught.value.faults}
    assert found == {
        "write 1.5 for 1,5": ("line 2", "line 4"),
        "write plain digits, 1234 for 1,234": ("line 3",),
        "write plain digits": ("line 5",),
    }


def test_semicolons_are_named_for_what_they_are(tmp_path):
    path = write(tmp_path, "lon;lat;people\n73,05;33,7;1,5\n")
    with pytest.raises(InputError, match="line 1: separated by semicolons; save it with commas"):
        read_people(path)


def test_a_decimal_comma_in_a_coordinate_names_its_line(tmp_path):
    path = write(tmp_path, 'lon,lat,people\n73.05,33.7,1\n"73,05",33.7,1\n')
    with pytest.raises(InputError, match=r"column lon.*line 3.*decimal point"):
        read_people(path)


def h3_table(tmp_path, cells, people, name="h3.csv", column="h3"):
    path = tmp_path / name
    frame = pd.DataFrame({column: cells, "people": people})
    if name.endswith("parquet"):
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False)
    return path


def some_hexagons(resolution=9, rings=2):
    h3 = pytest.importorskip("h3")
    at = gpd.GeoSeries([shapely.Point(X0 + 400, Y0 + 400)], crs=32643).to_crs(4326).iloc[0]
    return sorted(h3.grid_disk(h3.latlng_to_cell(at.y, at.x, resolution), rings))


@pytest.mark.parametrize(
    ("name", "column", "numbers"),
    [("a.csv", "h3", False), ("a.csv", "h3_index", True), ("a.parquet", "h3", False)],
)
def test_h3_tables_become_cells_by_name(tmp_path, name, column, numbers):
    h3 = pytest.importorskip("h3")
    names = some_hexagons()
    given_names = [h3.str_to_int(n) for n in names] if numbers else names
    path = h3_table(tmp_path, given_names, np.arange(1.0, len(names) + 1), name, column)
    people = read_people(path)
    assert people["h3"].to_list() == names
    cells = make_cells(people, grid_network(), shape="h3", h3_resolution=9)
    assert len(cells) == len(names)
    assert sorted(cells["people"]) == list(range(1, len(names) + 1))
    for shape, count in zip(cells.geometry.to_crs(4326), cells["people"], strict=True):
        centre = shape.centroid
        assert h3.latlng_to_cell(centre.y, centre.x, 9) == names[int(count) - 1]


def test_finer_hexagons_add_up_to_their_parents_and_squares_share_them(tmp_path):
    h3 = pytest.importorskip("h3")
    names = some_hexagons()
    people = read_people(h3_table(tmp_path, names, [10.0] * len(names)))
    cells = make_cells(people, grid_network(), shape="h3", h3_resolution=8, max_snap_m=9000)
    parents = pd.Series([h3.cell_to_parent(n, 8) for n in names]).value_counts()
    assert sorted(cells["people"]) == sorted(parents * 10.0)
    for other in ({"size_m": 250.0}, {"shape": "h3", "h3_resolution": 10}):
        finer = make_cells(people, grid_network(), max_snap_m=9000, **other)
        assert finer["people"].sum() == pytest.approx(10.0 * len(names))
        assert len(finer) > len(names)


def test_h3_faults_at_once(tmp_path):
    names = some_hexagons()
    with pytest.raises(InputError) as caught:
        read_people(h3_table(tmp_path, [names[0], "no", names[1]], ["1,5", 2, -3]))
    assert [f.ids for f in caught.value.faults] == [("line 2",), ("line 4",), ("line 3",)]
    h3 = pytest.importorskip("h3")
    london = h3.latlng_to_cell(51.5, -0.1, 9)
    coarse = h3.cell_to_parent(names[0], 7)
    with pytest.raises(InputError) as caught:
        read_people(h3_table(tmp_path, [names[1], names[1], coarse, london], [1, 2, 3, 4]))
    text = str(caught.value)
    assert len(caught.value.faults) == 3
    assert "same cell" in text
    assert "7, 9" in text
    assert "outside Pakistan (line 5)" in text


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"h3,people\n", "no rows"),
        (b'h3,people\n8842f5a001fffff,1,2,3\n8842f5a001fffff\n"', "cannot be read"),
        ("h3,people,n\n8842f5a001fffff,1,é\n".encode("latin-1"), "UTF-8"),
    ],
)
def test_h3_files_that_cannot_be_read(tmp_path, content, word):
    pytest.importorskip("h3")
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=word):
        read_people(path)


def test_an_h3_table_says_how_to_get_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h3", None)
    with pytest.raises(MissingExtraError, match=r"siting\[h3\]"):
        read_people(write(tmp_path, "h3,people\n8842f5a001fffff,1\n"))


def test_worldpop_of_islamabad(shared_data):
    path = shared_data / "data/islamabad/islamabad_ict_population_1km_worldpop2020.csv"
    people = read_people(path, "population", raster_deg=1 / 120)
    assert len(people) == 1340
    assert people["people"].sum() == pytest.approx(2_033_099, abs=1)
    network = grid_network(size=40, step_m=200, x0=316_000.0, y0=3_727_000.0)
    cells = make_cells(people, network, size_m=500)
    assert cells["people"].sum() == pytest.approx(people["people"].sum(), rel=1e-9)
    near = cells[cells["node_id"].notna()]
    assert 0 < near["people"].sum() < 1_000_000
    assert np.median(near["people"]) < 10_000
