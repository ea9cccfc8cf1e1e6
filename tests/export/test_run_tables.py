"""CSV, JSON, and the files of a whole run."""

import datetime as dt
import enum
import json
from pathlib import Path
from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from export.test_geojson import ogrinfo
from export.test_layers import UTM, X, Y, make_town
from shapely import box

from siting.errors import InputError
from siting.export import write_csv, write_json, write_run_tables
from siting.export.values import decimals, plain, rounded
from siting.files import read_layer

NOTE = "Schematic city, made up for a test"


def write_town(folder: Path, **changes: object) -> list[Path]:
    folder.mkdir()
    plan = {"title": "Town", "note": NOTE, "tables": {}} | vars(make_town()) | changes
    write_run_tables(folder, SimpleNamespace(**plan))
    return sorted(folder.iterdir())


def test_run_has_its_files(tmp_path: Path) -> None:
    written = write_town(tmp_path / "run")
    assert [p.name for p in written] == [
        "candidates.geojson",
        "candidates.qml",
        "demand.geojson",
        "demand.qml",
        "dictionary.csv",
        "offers.csv",
        "plan.gpkg",
        "plan.qgz",
        "service.geojson",
        "service.qml",
        "sites.csv",
        "sites.geojson",
        "sites.qml",
    ]
    layers = dict(pyogrio.list_layers(tmp_path / "run/plan.gpkg"))
    assert layers == {
        "sites": "Point",
        "demand": "Polygon",
        "service": "LineString",
        "candidates": "Point",
        "dropped": "Point",
        "roads": "LineString",
        "offers": None,
        "run": None,
        "dictionary": None,
        "layer_styles": None,
    }


def test_every_layer_says_that_it_is_schematic(tmp_path: Path) -> None:
    write_town(tmp_path / "run")
    for path in (tmp_path / "run").glob("*.geojson"):
        parsed = json.loads(path.read_text("utf-8"))
        assert parsed["description"].startswith("Town. ")
        assert NOTE in parsed["description"]
    for name, _ in pyogrio.list_layers(tmp_path / "run/plan.gpkg"):
        if name == "layer_styles":  # QGIS's own table
            continue
        info = pyogrio.read_info(tmp_path / "run/plan.gpkg", layer=name)
        assert NOTE in info["layer_metadata"]["DESCRIPTION"], name
    for name in ("sites.csv", "offers.csv"):
        assert (pd.read_csv(tmp_path / "run" / name)["note"] == NOTE).all()


def test_title_and_note_are_in_the_geopackage(tmp_path: Path) -> None:
    write_town(tmp_path / "run")
    facts = gpd.read_file(tmp_path / "run/plan.gpkg", layer="run")
    assert facts["fact"].tolist() == ["title", "note"]
    assert facts["value"].tolist() == ["Town", NOTE]


def test_offers_and_dropped_keep_their_reasons(tmp_path: Path) -> None:
    write_town(tmp_path / "run")
    offers = gpd.read_file(tmp_path / "run/plan.gpkg", layer="offers")
    assert offers["reason"].iloc[2] == "no headroom, گرڈ"
    assert offers["reason"].iloc[:2].isna().all()
    dropped = gpd.read_file(tmp_path / "run/plan.gpkg", layer="dropped")
    assert dropped["reason"].tolist() == ["700 m from the nearest road"]


def test_gdal_reads_the_run_without_a_warning(tmp_path: Path) -> None:
    for path in write_town(tmp_path / "run"):
        if path.suffix not in (".csv", ".qml", ".qgz"):
            ogrinfo(path)


def test_nothing_built_is_a_run_too(tmp_path: Path) -> None:
    town = make_town()
    write_town(
        tmp_path / "run",
        sites=town.sites.iloc[:0],
        service=town.service.iloc[:0],
        dropped=town.dropped.iloc[:0],
        demand=town.demand.assign(served_kwh_day=0.0),
    )
    layers = dict(pyogrio.list_layers(tmp_path / "run/plan.gpkg"))
    assert layers["sites"] == "Point"
    assert layers["service"] == "LineString"
    for path in (tmp_path / "run").iterdir():
        if path.suffix not in (".csv", ".qml", ".qgz"):
            ogrinfo(path)
    header = (tmp_path / "run/sites.csv").read_text("utf-8-sig").splitlines()
    assert len(header) == 1
    assert header[0].endswith(",lon,lat,note")


def test_two_runs_are_the_same_bytes(tmp_path: Path) -> None:
    write_town(tmp_path / "a")
    for path in write_town(tmp_path / "b"):
        if path.suffix != ".gpkg":  # which holds the time of writing
            assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes(), path.name


def test_arguments_are_left_alone(tmp_path: Path) -> None:
    before, town = make_town(), make_town()
    write_town(tmp_path / "run", **vars(town))
    for name, frame in vars(town).items():
        pd.testing.assert_frame_equal(frame, getattr(before, name))


def test_csv_is_for_spreadsheets_and_reads_back(tmp_path: Path) -> None:
    town = make_town()
    path = tmp_path / "sites.csv"
    write_csv(town.sites, path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # without it Urdu is rubbish there
    lines = path.read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("site_id,name,kind,")
    assert lines[0].endswith(",cells_served,lon,lat")
    assert lines[1] == (
        "s0001,بلیو ایریا,fuel,False,s0001:dc_hub,dc_hub,2 x dc_60,120.0,9500000,2500000.5,600.0,"
        "30.0,10.0,20.0,0.05,2.35,1,73.0605575,33.6970091"
    )
    assert ",,10.0," in lines[2]  # no capacity known
    back = read_layer(path).to_crs(UTM)
    moved = back.geometry.distance(town.sites.geometry.reset_index(drop=True))
    assert moved.max() < 0.02
    assert back["existing"].tolist() == [False, True]


def test_csv_of_polygons_is_refused(tmp_path: Path) -> None:
    cells = gpd.GeoDataFrame({"cell_id": ["c1"]}, geometry=[box(X, Y, X + 1, Y + 1)], crs=UTM)
    with pytest.raises(InputError, match="shapes other than points"):
        write_csv(cells, tmp_path / "cells.csv")
    assert list(tmp_path.iterdir()) == []


class Colour(enum.Enum):
    GREEN = "green"


def test_json_of_everything(tmp_path: Path) -> None:
    data = {
        "z": np.int64(2**53 + 1),
        "a": [np.float32(0.5), float("nan"), float("-inf"), -0.0, pd.NA, pd.NaT, None],
        "flag": np.bool_(True),
        "array": np.array([[1, 2], [3, 4]]),
        "path": Path("configs") / "x.yaml",
        "when": dt.datetime(2030, 1, 2, 3, 4, tzinfo=dt.UTC),
        "colour": Colour.GREEN,
        "set": {"b", "a"},
        "name": "نمونہ",
        2030: {"nested": ()},
    }
    write_json(data, tmp_path / "run.json")
    text = (tmp_path / "run.json").read_text("utf-8")
    parsed = json.loads(text)
    assert list(parsed) == [*map(str, data)]
    assert parsed == {
        "z": 2**53 + 1,
        "a": [0.5, None, None, 0.0, None, None, None],
        "flag": True,
        "array": [[1, 2], [3, 4]],
        "path": "configs/x.yaml",
        "when": "2030-01-02T03:04:00+00:00",
        "colour": "green",
        "set": ["a", "b"],
        "name": "نمونہ",
        "2030": {"nested": []},
    }
    assert "-0.0" not in text
    assert "نمونہ" in text
    assert text.startswith('{\n  "z": ')
    assert text.endswith("}\n")


def test_json_of_what_it_cannot_hold_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        write_json({"x": object()}, tmp_path / "run.json")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        ("served_two_wheeler_kwh_day", 3),
        ("power_kw", 3),
        ("travel_min", 2),
        ("cost_pkr", 2),
        ("snap_m", 2),
        ("people", 2),
        ("length_km", 3),
        ("speed_kmh", 1),
        ("use_share", 4),
        ("shareholders", 6),
        ("admin", 6),
    ],
)
def test_decimals_go_by_the_unit(column: str, expected: int) -> None:
    assert decimals(column) == expected


def test_rounding_touches_only_fractions() -> None:
    frame = pd.DataFrame(
        {
            "a_pkr": [1.0, 2.0],
            "b_pkr": [1.0, 2.5],
            "c_pkr": [1.0, np.nan],
            "n": [1, 2],
            "flag": [True, False],
            "people": [1.0, 2.0],
        },
        index=[7, 9],
    )
    before = frame.copy()
    after = rounded(frame)
    assert after.dtypes.astype(str).tolist() == [
        "int64",
        "float64",
        "Int64",
        "int64",
        "bool",
        "float64",
    ]
    assert after["a_pkr"].tolist() == [1, 2]
    assert after["c_pkr"].iloc[0] == 1
    assert after.index.tolist() == [7, 9]
    pd.testing.assert_frame_equal(frame, before)


def test_a_flag_stays_a_flag() -> None:
    assert plain(np.bool_(False)) is False
    assert plain(True) is True
