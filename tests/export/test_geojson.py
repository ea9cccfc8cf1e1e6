"""GeoJSON: golden files of the town, the rules of RFC 7946, and what GDAL makes of it."""

import json
import math
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from export.test_layers import UTM, X, Y, make_town
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, MultiLineString, MultiPolygon, Point, Polygon, box
from shapely.geometry import shape as to_shape

from siting.errors import InputError
from siting.export import demand_layer, to_lonlat, write_geojson
from siting.export.layers import service_layer

GOLDEN = Path(__file__).parent / "golden"


def golden_layers() -> dict[str, tuple[gpd.GeoDataFrame, str | None]]:
    town = make_town()
    return {
        "sites": (town.sites, "site_id"),
        "demand": (demand_layer(town.cells, town.demand), "cell_id"),
        "service": (service_layer(town.service, town.cells, town.sites), None),
    }


def write_golden(folder: Path) -> None:
    for name, (layer, key) in golden_layers().items():
        note = "A town made up for a test: schematic — نمونہ"
        write_geojson(layer, folder / f"{name}.geojson", name=name, note=note, key=key)


def read(path: Path) -> dict[str, Any]:
    """Return the parsed file, its floats as exact decimals."""
    parsed: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_float=Decimal)
    return parsed


def positions(coordinates: Any) -> list[list[Any]]:
    if isinstance(coordinates[0], list):
        return [p for part in coordinates for p in positions(part)]
    return [coordinates]


def ogrinfo(path: Path) -> str:
    if shutil.which("ogrinfo") is None:
        pytest.skip("ogrinfo (gdal-bin) is not installed")
    done = subprocess.run(
        ["ogrinfo", "-al", "-so", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "Warning" not in done.stdout
    assert "ERROR" not in done.stdout
    return done.stdout


@pytest.mark.parametrize("name", ["sites", "demand", "service"])
def test_golden(name: str, tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    write_golden(tmp_path)
    golden(f"{name}.geojson", (tmp_path / f"{name}.geojson").read_text("utf-8"))


@pytest.mark.parametrize("name", ["sites", "demand", "service"])
def test_golden_stands_where_the_town_does(name: str) -> None:
    """Reads the golden file by GDAL and goes back to metres, against the town's own numbers."""
    layer, _ = golden_layers()[name]
    back = gpd.read_file(GOLDEN / f"{name}.geojson").to_crs(UTM)
    moved = shapely.hausdorff_distance(back.geometry.array, layer.geometry.array)
    assert moved.max() < 0.02  # 7 decimals of a degree are 1.1 cm


def test_two_writes_are_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_golden(tmp_path / folder)
    for name in golden_layers():
        one, other = ((tmp_path / f / f"{name}.geojson").read_bytes() for f in ("a", "b"))
        assert one == other


def test_members_and_one_feature_a_line(tmp_path: Path) -> None:
    write_golden(tmp_path)
    path = tmp_path / "sites.geojson"
    parsed = read(path)
    assert list(parsed) == ["type", "name", "description", "bbox", "features"]
    assert [f["id"] for f in parsed["features"]] == ["s0001", "s0002"]
    assert all(list(f) == ["type", "id", "properties", "geometry"] for f in parsed["features"])
    lines = path.read_text("utf-8").splitlines()
    features = [line for line in lines if line.startswith('{"type": "Feature"')]
    assert [json.loads(line.rstrip(",")) for line in features] == json.loads(path.read_text())[
        "features"
    ]
    assert "بلیو ایریا" in features[0]
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")  # RFC 8259 forbids it


def test_values_keep_their_kind(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame(
        {
            "whole": pd.array([3, None], dtype="Int64"),
            "big": [2**53 + 1, 0],
            "flag": [True, False],
            "maybe": pd.array([True, None], dtype="boolean"),
            "text": pd.array(["ط", None], dtype="string"),
            "travel_min": [1.23456, np.nan],
            "cost_pkr": [2_500_000.0, np.nan],
            "subsidy_pkr": [0.126, 1.0],
            "capacity_kwh_day": [np.inf, -0.0],
            "small": np.array([0.1, 0.2], dtype="float32"),
            "tags": [["a", 1], np.array([np.nan])],
            "day": [pd.Timestamp("2030-01-02"), pd.NaT],
            "kind": pd.Categorical(["fuel", None]),
        },
        geometry=gpd.points_from_xy([73.0, 73.1], [33.0, -0.00000001], crs=4326),
    )
    write_geojson(frame, tmp_path / "x.geojson")
    one, two = (
        f["properties"] for f in json.loads((tmp_path / "x.geojson").read_text())["features"]
    )
    assert one == {
        "whole": 3,
        "big": 2**53 + 1,
        "flag": True,
        "maybe": True,
        "text": "ط",
        "travel_min": 1.23,
        "cost_pkr": 2500000,
        "subsidy_pkr": 0.13,
        "capacity_kwh_day": None,
        "small": 0.1,
        "tags": ["a", 1],
        "day": "2030-01-02T00:00:00",
        "kind": "fuel",
    }
    assert two == {
        "whole": None,
        "big": 0,
        "flag": False,
        "maybe": None,
        "text": None,
        "travel_min": None,
        "cost_pkr": None,
        "subsidy_pkr": 1.0,
        "capacity_kwh_day": 0.0,
        "small": 0.2,
        "tags": [None],
        "day": None,
        "kind": None,
    }
    text = (tmp_path / "x.geojson").read_text()
    assert "-0.0" not in text
    assert '"cost_pkr": 2500000,' in text
    assert isinstance(one["whole"], int)
    assert one["flag"] is True


def test_arguments_are_left_alone(tmp_path: Path) -> None:
    layer, before = make_town().sites, make_town().sites
    write_geojson(layer, tmp_path / "x.geojson", key="site_id")
    pd.testing.assert_frame_equal(layer, before)


def test_empty_layer(tmp_path: Path) -> None:
    path = tmp_path / "none.geojson"
    write_geojson(make_town().sites.iloc[:0], path, key="site_id", note="nothing built")
    parsed = read(path)
    assert parsed["features"] == []
    assert "bbox" not in parsed
    assert gpd.read_file(path).empty
    assert "Feature Count: 0" in ogrinfo(path)


def test_missing_and_empty_shapes_are_null(tmp_path: Path) -> None:
    layer = gpd.GeoDataFrame(
        {"site_id": ["a", "b", "c"]}, geometry=[None, Point(), Point(X, Y)], crs=UTM
    )
    write_geojson(layer, tmp_path / "x.geojson", key="site_id")
    geometries = [f["geometry"] for f in read(tmp_path / "x.geojson")["features"]]
    assert geometries[:2] == [None, None]
    assert geometries[2]["type"] == "Point"
    assert "Feature Count: 3" in ogrinfo(tmp_path / "x.geojson")


def test_heights_are_dropped(tmp_path: Path) -> None:
    layer = gpd.GeoDataFrame({"site_id": ["a"]}, geometry=[Point(73.0, 33.0, 540.0)], crs=4326)
    write_geojson(layer, tmp_path / "x.geojson")
    assert read(tmp_path / "x.geojson")["features"][0]["geometry"]["coordinates"] == [73, 33]


def test_faults_are_named(tmp_path: Path) -> None:
    town = make_town()
    with pytest.raises(InputError, match=r"sites, column site_id: duplicate \(s0001\)"):
        write_geojson(
            town.sites.assign(site_id="s0001"), tmp_path / "x", name="sites", key="site_id"
        )
    with pytest.raises(InputError, match="sites: has no coordinate reference system"):
        write_geojson(town.sites.set_crs(None, allow_override=True), tmp_path / "x", name="sites")
    with pytest.raises(InputError, match="has no geometry"):
        write_geojson(gpd.GeoDataFrame({"site_id": ["s0001"]}), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["sites", "demand", "service"])
def test_gdal_reads_it_without_a_warning(name: str) -> None:
    layer, key = golden_layers()[name]
    text = ogrinfo(GOLDEN / f"{name}.geojson")
    assert f"Layer name: {name}\n" in text
    assert f"Feature Count: {len(layer)}\n" in text
    assert "DESCRIPTION=A town made up for a test: schematic — نمونہ" in text
    kind = {"sites": "Point", "demand": "Polygon", "service": "Line String"}[name]
    assert f"Geometry: {kind}\n" in text
    for column in layer.columns.drop("geometry"):
        assert f"\n{column}: " in text
    assert ("\nid: String" in text) == (key is not None)


# Stars around a centre, from 10 km down to far below the last decimal, either way round, some with
# a hole: whatever comes in, what goes out has to keep the rules.
@st.composite
def stars(draw: st.DrawFn) -> Polygon:
    size = 10.0 ** draw(st.floats(-10.0, -1.0))
    lon = draw(st.floats(-179.0, 179.0) | st.just(0.0) | st.floats(73.0, 73.1))
    lat = draw(st.floats(-89.0, 89.0) | st.just(0.0) | st.floats(33.6, 33.7))
    radii = draw(st.lists(st.floats(0.5, 1.0), min_size=3, max_size=9))
    ring = [
        (
            lon + size * r * math.cos(2 * math.pi * i / len(radii)),
            lat + size * r * math.sin(2 * math.pi * i / len(radii)),
        )
        for i, r in enumerate(radii)
    ]
    hole = [(lon + (x - lon) * 0.3, lat + (y - lat) * 0.3) for x, y in ring]
    if draw(st.booleans()):
        ring.reverse()
    if draw(st.booleans()):
        hole.reverse()
    return Polygon(ring, [hole] if draw(st.booleans()) else [])


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(shapes=st.lists(stars(), min_size=1, max_size=3), multi=st.booleans())
def test_polygons_keep_to_rfc_7946(
    shapes: list[Polygon], multi: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    geometry = [MultiPolygon([s]) for s in shapes] if multi else shapes
    layer = gpd.GeoDataFrame({"n": range(len(shapes))}, geometry=geometry, crs=4326)
    path = tmp_path_factory.mktemp("rfc") / "x.geojson"
    write_geojson(layer, path)
    text = path.read_text("utf-8")
    assert '"crs"' not in text
    assert "-0.0," not in text
    assert "-0.0]" not in text
    for feature, original in zip(read(path)["features"], shapes, strict=True):
        coordinates = feature["geometry"]["coordinates"]
        for lon, lat in positions(coordinates):
            for value, limit in ((lon, 180), (lat, 90)):
                assert Decimal(value).as_tuple().exponent >= -7
                assert abs(value) <= limit
        drawn = to_shape(json.loads(json.dumps(feature["geometry"], default=float)))
        assert shapely.is_valid(drawn)
        assert drawn.area > 0
        for part in shapely.get_parts(drawn):
            assert shapely.is_ccw(part.exterior)
            assert not any(shapely.is_ccw(ring) for ring in part.interiors)
        # Rounding moves a corner by 0.7e-7 at most; snapping and widening by a little more.
        filled = MultiPolygon([Polygon(p.exterior) for p in shapely.get_parts(drawn)])
        assert shapely.hausdorff_distance(filled, Polygon(original.exterior)) < 3.5e-7
    back = gpd.read_file(path)
    assert shapely.equals_exact(
        back.geometry.array, to_lonlat(layer).geometry.array, tolerance=0.0
    ).all()


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    lon=st.floats(60.0, 78.0),
    lat=st.floats(23.0, 38.0),
    step=st.floats(-10.0, -6.0),
    turn=st.floats(0.0, 6.3),
)
def test_lines_never_vanish(lon: float, lat: float, step: float, turn: float) -> None:
    end = (lon + 10**step * math.cos(turn), lat + 10**step * math.sin(turn))
    line = to_lonlat(
        gpd.GeoDataFrame(geometry=[LineString([(lon, lat), end])], crs=4326)
    ).geometry.iloc[0]
    assert shapely.is_valid(line)
    assert line.length > 0
    assert line.hausdorff_distance(Point(lon, lat)) < 2e-7 + 10**step


@pytest.mark.filterwarnings("error")
def test_broken_shapes_come_out_valid(caplog: pytest.LogCaptureFixture) -> None:
    bow_tie = Polygon([(73, 33), (73.1, 33.1), (73.1, 33), (73, 33.1)])
    nothing = Polygon([(73, 33), (73, 33), (73, 33)])
    # A sliver a kilometre long and far thinner than the last decimal.
    sliver = Polygon([(73, 33), (73.01, 33.01), (73.01, 33.01 + 1e-10)])
    # Two parts a hair apart that rounding pushes together.
    parts = MultiPolygon([box(73, 33, 73.1, 33.1), box(73.1 + 2e-9, 33, 73.2, 33.1)])
    lines = MultiLineString([[(73, 33), (73, 33 + 1e-9)], [(73, 33), (73.1, 33.1)]])
    shapes = [bow_tie, nothing, sliver, parts, lines]
    layer = gpd.GeoDataFrame(geometry=shapes, crs=4326)
    drawn = to_lonlat(layer, "cells").geometry
    assert drawn.is_valid.all()
    assert not drawn.is_empty.any()
    assert drawn.iloc[0].area == pytest.approx(0.005)
    assert drawn.iloc[2].hausdorff_distance(sliver) < 3.5e-7
    assert drawn.iloc[3].area == pytest.approx(0.02)
    assert drawn.iloc[4].equals(LineString([(73, 33), (73.1, 33.1)]))
    assert "cells: 4 of 5 polygons are broken or too small" in caplog.text


def test_neighbours_still_share_their_border() -> None:
    """Rounding corner by corner must open no gap between cells of a grid."""
    boxes = [
        box(X + 100 * i, Y + 100 * j, X + 100 * i + 100, Y + 100 * j + 100)
        for i in range(8)
        for j in range(8)
    ]
    drawn = to_lonlat(gpd.GeoDataFrame(geometry=boxes, crs=UTM)).geometry
    assert drawn.union_all().geom_type == "Polygon"
    assert len(drawn.union_all().interiors) == 0
    assert len({tuple(c) for c in shapely.get_coordinates(drawn.array)}) == 81
