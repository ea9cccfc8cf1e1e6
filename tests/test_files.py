import json

import geopandas as gpd
import pandas as pd
import pytest
from shapely.geometry import Point

from siting.errors import InputError
from siting.files import read_layer, sha256
from siting.writing import whole_folder, write_whole


def write_csv(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def fault_of(path):
    with pytest.raises(InputError) as caught:
        read_layer(path)
    return str(caught.value)


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "deep" / "plan.csv"
    write_whole(target, lambda part: part.write_text("new"))
    assert target.read_text() == "new"

    def fails(part):
        part.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fails, replace=True)
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "runs" / "one"

    def interrupted():
        with whole_folder(target) as part:
            (part / "a").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "runs").iterdir()) == []
    with whole_folder(target) as part:
        (part / "a").write_text("all")
        assert not target.exists()
    assert (target / "a").read_text() == "all"
    assert list((tmp_path / "runs").iterdir()) == [target]
    with pytest.raises(InputError, match="already exists and is not empty"), whole_folder(target):
        pass
    assert (target / "a").read_text() == "all"


def test_an_empty_folder_may_be_filled(tmp_path):
    with whole_folder(tmp_path / "empty") as part:
        (part / "a").write_text("x")
    (tmp_path / "given").mkdir()
    with whole_folder(tmp_path / "given") as part:
        (part / "a").write_text("x")
    assert (tmp_path / "given" / "a").is_file()


def test_sha256_is_the_published_one_of_abc(tmp_path):
    (tmp_path / "abc").write_text("abc")
    assert sha256(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_csv_points_with_a_byte_order_mark_and_urdu_names(tmp_path):
    path = write_csv(tmp_path / "a.csv", "\ufefflon,lat,name\n73.05,33.7,بلیو ایریا\n")
    layer = read_layer(path)
    assert layer.crs == 4326
    assert layer.geometry[0] == Point(73.05, 33.7)
    assert layer["name"][0] == "بلیو ایریا"


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".parquet"])
def test_layers_of_any_crs_come_back_in_lonlat(tmp_path, suffix):
    points = gpd.GeoDataFrame({"n": [1]}, geometry=[Point(73.05, 33.7)], crs=4326).to_crs(32643)
    path = tmp_path / f"a{suffix}"
    points.to_parquet(path) if suffix == ".parquet" else points.to_file(path)
    layer = read_layer(path)
    assert layer.crs == 4326
    assert layer.geometry[0].distance(Point(73.05, 33.7)) < 1e-6


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "lat,people\n33,1\n", "has no column lon; it has: lat, people"),
        ("a.csv", "x,y\n33,1\n", "has no column lon and no column lat"),
        ("a.csv", "lon,lat\n73.1,33.1\nabc,33.2\n", "lon: 1 of 2 values are not numbers (line 3)"),
        ("a.csv", 'lon,lat\n"73,1",33.1\n', "column lon: 1 of 1 values are not numbers (line 2)"),
        ("a.csv", "lon,lat\n", "has no rows"),
        ("a.csv", "", "cannot be read as CSV"),
        ("a.csv", "lon,lat\n33.7,73.05\n", "have longitude and latitude swapped (line 2)"),
        ("a.csv", "lon,lat\n73,33\n0,0\n", "1 of 2 rows lie outside Pakistan"),
        ("a.txt", "x", ".txt is not the extension of a layer file"),
        ("a.geojson", "{nonsense", "cannot be read"),
        ("a.geojson", '{"type":"FeatureCollection","features":[]}', "has no rows"),
        ("a.parquet", "nonsense", "cannot be read"),
    ],
)
def test_a_bad_layer_is_one_clear_error(tmp_path, name, text, expected):
    path = write_csv(tmp_path / name, text)
    fault = fault_of(path)
    assert expected in fault
    assert name in fault


def test_missing_file_and_wrong_encoding_are_named(tmp_path):
    assert "no such file" in fault_of(tmp_path / "none.csv")
    path = write_csv(tmp_path / "a.csv", "lon,lat,name\n73,33,café\n", "latin-1")
    assert "is not UTF-8" in fault_of(path)


def test_a_layer_without_crs_is_refused(tmp_path):
    path = tmp_path / "a.gpkg"
    with pytest.warns(UserWarning, match="crs"):
        gpd.GeoDataFrame({"n": [1]}, geometry=[Point(73, 33)]).to_file(path)
    assert "has no coordinate reference system" in fault_of(path)
    table = tmp_path / "t.parquet"
    pd.DataFrame({"n": [1]}).to_parquet(table)
    assert "cannot be read" in fault_of(table)


def test_rfc7946_geojson_needs_no_crs_member(tmp_path):
    feature = {
        "type": "Feature",
        "properties": {"n": 1},
        "geometry": {"type": "Point", "coordinates": [73.05, 33.7]},
    }
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    assert read_layer(path).crs == 4326
