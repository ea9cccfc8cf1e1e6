"""The GeoPackage reads back as it was written."""

import sqlite3
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from export.test_geojson import ogrinfo
from export.test_layers import make_town
from shapely import MultiPolygon, box

from siting.errors import InputError
from siting.export import demand_layer, to_lonlat, write_geopackage


def stored(path: Path, table: str) -> dict[str, list[object]]:
    """Return the columns of a table as SQLite holds them, past GDAL."""
    with sqlite3.connect(path) as database:
        cursor = database.execute(f'select * from "{table}"')
        names = [d[0] for d in cursor.description]
        rows = cursor.fetchall()
    database.close()
    return {n: [r[i] for r in rows] for i, n in enumerate(names)}


def test_layers_read_back_equal(tmp_path: Path) -> None:
    town = make_town()
    layers = {
        "sites": town.sites,
        "demand": demand_layer(town.cells, town.demand),
        "roads": town.edges.reset_index(),
    }
    path = tmp_path / "plan.gpkg"
    write_geopackage(path, layers, descriptions={"sites": "Stations — نمونہ"})
    assert [name for name, _ in pyogrio.list_layers(path)] == list(layers)
    for name, layer in layers.items():
        back = gpd.read_file(path, layer=name)
        assert back.crs == "EPSG:4326"
        assert list(back.columns) == list(layer.columns)
        drawn = to_lonlat(layer)
        assert shapely.equals_exact(back.geometry.array, drawn.geometry.array).all()
        pd.testing.assert_frame_equal(
            pd.DataFrame(back.drop(columns="geometry")),
            pd.DataFrame(layer.drop(columns="geometry")),
            check_index_type=False,
            check_dtype=True,
        )
    info = pyogrio.read_info(path, layer="sites")
    assert info["layer_metadata"]["DESCRIPTION"] == "Stations — نمونہ"
    assert info["geometry_type"] == "Point"


def test_kinds_and_missing_values_survive(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "whole": pd.array([3, None], dtype="Int64"),
            "big": [2**53 + 1, -1],
            "flag": [True, False],
            "maybe": pd.array([True, None], dtype="boolean"),
            "text": pd.array(["ط", None], dtype="string"),
            "words": pd.Series(["x", None], dtype=object),
            "number": [1.0 / 3.0, np.nan],
            "kind": pd.Categorical(["fuel", None]),
            "streets": pd.Series([["Mall Road", "N-5"], None], dtype=object),
        }
    )
    path = tmp_path / "x.gpkg"
    write_geopackage(path, {"facts": frame})
    assert stored(path, "facts") == {
        "fid": [1, 2],
        "whole": [3, None],
        "big": [2**53 + 1, -1],
        "flag": [1, 0],
        "maybe": [1, None],
        "text": ["ط", None],
        "words": ["x", None],
        "number": [1.0 / 3.0, None],
        "kind": ["fuel", None],
        "streets": ["Mall Road; N-5", None],
    }
    info = pyogrio.read_info(path, layer="facts")
    kinds = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert kinds["whole"] == "OFTInteger64"
    assert kinds["number"] == "OFTReal"
    subtypes = dict(zip(info["fields"], info["ogr_subtypes"], strict=True))
    assert subtypes["flag"] == subtypes["maybe"] == "OFSTBoolean"
    assert info["geometry_type"] is None


def test_columns_that_sqlite_would_mix_up(tmp_path: Path) -> None:
    """A layer that was in QGIS before brings ``fid``; OSM tags bring ``Name`` beside ``name``."""
    layer = make_town().sites[["site_id", "name", "geometry"]].assign(fid=[7, 7], Name=["a", "b"])
    layer["geom"] = ["p", "q"]
    path = tmp_path / "x.gpkg"
    write_geopackage(path, {"sites": layer})
    back = gpd.read_file(path)
    assert back["fid"].tolist() == [7, 7]
    assert back["name"].tolist() == layer["name"].tolist()
    assert back["Name_2"].tolist() == ["a", "b"]
    assert back["geom"].tolist() == ["p", "q"]
    assert "Feature Count: 2" in ogrinfo(path)


def test_columns_that_read_the_same_in_words(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a_b": [1], "a b": [2], "A b": [3], "plain": [4]})
    write_geopackage(tmp_path / "x.gpkg", {"facts": frame.drop(columns="A b")})
    named = stored(tmp_path / "x.gpkg", "gpkg_data_columns")
    assert named["name"] == ["A b", "a b", "Plain"]
    write_geopackage(tmp_path / "y.gpkg", {"facts": frame.drop(columns="a b")})
    named = stored(tmp_path / "y.gpkg", "gpkg_data_columns")
    assert len(set(named["name"])) == 3


def test_polygons_of_one_and_of_many_parts_share_a_layer(tmp_path: Path) -> None:
    many = MultiPolygon([box(73, 33, 73.1, 33.1), box(74, 33, 74.1, 33.1)])
    layer = gpd.GeoDataFrame({"n": [1, 2]}, geometry=[box(73, 34, 73.1, 34.1), many], crs=4326)
    write_geopackage(tmp_path / "x.gpkg", {"cells": layer})
    assert pyogrio.read_info(tmp_path / "x.gpkg")["geometry_type"] == "MultiPolygon"
    back = gpd.read_file(tmp_path / "x.gpkg")
    assert back.geometry.geom_equals(layer.geometry).all()


def test_empty_layer_keeps_its_columns_and_type(tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    sites = make_town().sites
    write_geopackage(path, {"sites": sites.iloc[:0]}, geometry_types={"sites": "Point"})
    info = pyogrio.read_info(path, layer="sites")
    assert info["features"] == 0
    assert info["geometry_type"] == "Point"
    assert list(info["fields"]) == list(sites.columns.drop("geometry"))
    assert "Feature Count: 0" in ogrinfo(path)


def test_a_fault_leaves_nothing(tmp_path: Path) -> None:
    town = make_town()
    nowhere = town.sites.set_crs(None, allow_override=True)
    with pytest.raises(InputError, match="lost: has no coordinate reference system"):
        write_geopackage(tmp_path / "x.gpkg", {"sites": town.sites, "lost": nowhere})
    assert list(tmp_path.iterdir()) == []
