"""What QGIS itself makes of a run: layers load, styles apply, and the map is not blank.

Skipped where no Python with QGIS is found; name one in SITING_QGIS_PYTHON. One start of QGIS, which
takes seconds, looks at every layer.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from conftest import ROOT
from export.test_layers import UTM, X, Y
from shapely import LineString, MultiPolygon, Point, box

from siting.export import (
    outside_layer,
    styles_of,
    wanted_layer,
    write_geojson,
    write_geopackage,
    write_qml,
    write_run_tables,
)
from siting.export.ground import nice
from siting.export.styles import EXISTING, KINDS, NOTHING, OTHER_KINDS, UNSERVED, WANTED

LOOK = Path(__file__).with_name("qgis_look.py")
SIDE, STEP_M = 12, 500.0
CREDIT = "Data: © OpenStreetMap contributors (ODbL 1.0). Made on 27 November 2026 with siting"
URDU = "لاہور ریلوے اسٹیشن"


@pytest.fixture(scope="module")
def qgis_python() -> str:
    for python in (os.environ.get("SITING_QGIS_PYTHON"), "/usr/bin/python3"):
        if python and shutil.which(python):
            try:
                done = subprocess.run(
                    [python, "-c", "import qgis.core"], capture_output=True, timeout=60, check=False
                )
            except subprocess.TimeoutExpired:
                continue
            if done.returncode == 0:
                return python
    pytest.skip("no Python with QGIS (python3-qgis); name one in SITING_QGIS_PYTHON")


def grid_city() -> dict[str, Any]:
    """Return a city of squares: the south is served, the north is not, the more the further up."""
    n = SIDE * SIDE
    col, row = np.arange(n) % SIDE, np.arange(n) // SIDE
    ids = [f"c{i:05d}" for i in range(n)]
    xs, ys = X + STEP_M * col, Y + STEP_M * row
    cells = gpd.GeoDataFrame(
        {"cell_id": ids, "people": 10.0, "node_id": pd.array([1] * n, dtype="Int64"),
         "snap_m": 5.0},
        geometry=box(xs, ys, xs + STEP_M, ys + STEP_M), crs=UTM,
    )  # fmt: skip
    cells.loc[n - 1, "node_id"] = pd.NA
    wanted = 2.0 * 1.3 ** (row + col / SIDE)
    demand = pd.DataFrame(
        {"demand_id": [f"d{i}" for i in range(n)], "cell_id": ids, "vehicle_class": "car",
         "demand_kwh_day": wanted, "served_kwh_day": np.where(row < SIDE // 2, wanted, 0.0)}
    )  # fmt: skip
    kinds = ["fuel", "parking", "hotel", "existing"]
    points = [Point(X + 900 + 1000 * i, Y + 2400 + 300 * i) for i in range(4)]
    candidates = gpd.GeoDataFrame(
        {"site_id": [f"s{i}" for i in range(4)], "name": ["Pump & <i>Co", URDU, None, "Old"],
         "kind": kinds,
         "existing": [False, False, False, True], "existing_power_kw": [0.0, 0.0, 0.0, 60.0],
         "source": "test", "node_id": pd.array([1] * 4, dtype="Int64"), "snap_m": 0.0},
        geometry=points, crs=UTM,
    )  # fmt: skip
    sites = candidates[["site_id", "name", "kind", "existing", "geometry"]].assign(
        power_kw=[40.0, 160.0, 360.0, 60.0],
        served_kwh_day=[100.0, 200.0, 300.0, 50.0],
    )
    service = demand[demand["served_kwh_day"] > 0].assign(site_id="s1", travel_min=2.0)
    service = service[["demand_id", "cell_id", "vehicle_class", "site_id", "served_kwh_day",
                       "travel_min"]]  # fmt: skip
    names = ["motorway", "primary_link", "secondary", "tertiary", "residential", "primary; trunk"]
    edges = gpd.GeoDataFrame(
        {"name": [URDU, *["Road"] * 5], "highway": names, "length_m": 1.0, "speed_kmh": 1.0,
         "travel_min": 1.0},
        index=pd.MultiIndex.from_tuples([(i, i + 1, 0) for i in range(6)], names=["u", "v", "key"]),
        geometry=[LineString([(X, Y + 700 * i + 350), (X + 6000, Y + 700 * i + 350)])
                  for i in range(6)], crs=UTM,
    )  # fmt: skip
    zone = pd.Series(np.where(row < SIDE // 2, "South", URDU), index=pd.Index(ids))
    tables = {
        "zones": pd.DataFrame({"zone": ["South", URDU], "demand_kwh_day": [5.0, 6.0],
                               "served_kwh_day": [5.0, 0.0], "served_share": [1.0, 0.0],
                               "floor_share": [0.0, 0.0]}),
        "built": pd.DataFrame({"year": [2028, 2030], "offer_id": ["s0:a", "s1:a"],
                               "site_id": ["s0", "s1"], "built_year": [2028, 2030],
                               "subsidy_pkr": [1.0, 2.0]}),
        "alternative_sites": pd.DataFrame({"site_id": ["s0", "s1", "s2"], "plans": [3, 2, 1],
                                           "share": [1.0, 2 / 3, 1 / 3]}),
        "robust": pd.DataFrame({"site_id": ["s0", "s1"], "in_plan": [True, True],
                                "scenarios": [2, 1], "robust": [True, False]}),
        "viability": pd.DataFrame({"site_id": ["s0", "s1"], "offer_id": ["s0:a", "s1:a"],
                                   "cost_pkr": [5e6, 5e6], "served_kwh_day": [1.0, 1.0],
                                   "earned_pkr": [1e6, 2e6], "subsidy_pkr": [4e6, 0.0],
                                   "subsidy_share": [0.8, 0.0]}),
        "years": pd.DataFrame({"year": [2028], "stations": [1]}),
    }  # fmt: skip
    return {
        "cells": cells, "demand": demand, "candidates": candidates, "sites": sites,
        "service": service, "edges": edges, "zone_of_cells": zone, "tables": tables,
        "dropped": candidates.iloc[[0]].assign(site_id="s9", road_m=700.0, reason="far"),
        "offers": pd.DataFrame({"offer_id": ["s0:a"], "site_id": ["s0"]}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    band = {"over_min": [0.0], "within_min": [5.0], "people": [9.0], "people_share": [0.5]}
    ground = gpd.GeoDataFrame(band, geometry=[MultiPolygon([box(X, Y, X + 900, Y + 900)])], crs=UTM)
    city = grid_city()
    zones = city.pop("zone_of_cells")
    write_run_tables(
        folder, SimpleNamespace(**city, note="made up", title="Grid"), credit=CREDIT,
        isochrones=ground, zone_of_cells=zones,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def seen(qgis_python: str, run_folder: Path) -> dict[str, Any]:
    folder, city = run_folder, grid_city()
    demand = wanted_layer(city["cells"], city["demand"])
    none = gpd.GeoDataFrame({"people": [5.0]}, geometry=[box(73, 33, 73.01, 33.01)], crs=4326)
    outside = outside_layer(city["cells"], city["demand"], none)
    layers = {"demand": demand, "outside": outside}
    styles = {name: styles_of(name, layer) for name, layer in layers.items()}
    write_geojson(outside, folder / "outside.geojson")
    write_qml(folder / "outside.geojson", styles["outside"])
    write_geopackage(folder / "demand_run.gpkg", layers, styles=styles)
    points = city["cells"].set_geometry(city["cells"].centroid)
    layer = wanted_layer(points, city["demand"])
    write_geopackage(folder / "points.gpkg", {"demand": layer},
                     styles={"demand": styles_of("demand", layer)})  # fmt: skip

    uris = {}
    for file in ("plan", "demand_run", "points"):
        for name, kind in pyogrio.list_layers(folder / f"{file}.gpkg"):
            if kind is not None:
                uris[f"{file}/{name}"] = f"{folder / file}.gpkg|layername={name}"
    uris |= {path.name: str(path) for path in folder.glob("*.geojson")}
    order = ["sites", "candidates", "dropped", "service", "roads", "demand"]
    plan = [f"plan/{name}" for name in order]
    maps = {
        "city.png": {"layers": plan, "scale": 0},
        "close.png": {"layers": plan, "scale": 12_000},
        "cells.png": {"layers": plan[-1:], "scale": 0},
        "wanted.png": {"layers": ["demand_run/demand"], "scale": 0},
        "geojson.png": {"layers": ["sites.geojson", "demand.geojson"], "scale": 0},
        "points.png": {"layers": ["points/demand"], "scale": 0},
    }
    asked = {"layers": uris, "maps": {str(folder / png): what for png, what in maps.items()}}
    asked["project"] = str(folder / "plan.qgz")
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    done = subprocess.run(
        [qgis_python, str(LOOK)],
        input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder),
             "XDG_RUNTIME_DIR": str(runtime), "QT_QPA_PLATFORM": "offscreen"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    found["folder"] = folder
    return found


def pixels(seen: dict[str, Any], png: str) -> np.ndarray:
    image = pytest.importorskip("matplotlib.image", reason="needs the extra siting[map]")
    return np.round(np.asarray(image.imread(seen["folder"] / png))[:, :, :3] * 255)


def share(drawn: np.ndarray, hex_: str) -> float:
    wanted = np.array([int(hex_[i : i + 2], 16) for i in (1, 3, 5)])
    return float((np.abs(drawn - wanted).max(axis=2) < 4).mean())


@pytest.mark.slow
def test_every_layer_loads_and_every_feature_is_drawn(seen: dict[str, Any]) -> None:
    assert len(seen["layers"]) >= 18
    for name, layer in seen["layers"].items():
        assert layer["valid"], name
        assert layer["features"] > 0, name
        assert layer["unmatched"] == 0, name
        assert layer["crs"] in ("EPSG:4326", "OGC:CRS84"), name
    # 1 is a warning, 2 and more are errors.
    assert [said for said in seen["log"] if said[2] in (1, 2)] == []
    assert all(not drawn["errors"] for drawn in seen["maps"].values())


@pytest.mark.slow
def test_the_project_opens_with_its_layers_in_order_and_a_page_to_print(
    seen: dict[str, Any],
) -> None:
    project = seen["project"]
    assert (project["read"], project["title"]) == (True, "Grid")
    assert project["crs"] == f"EPSG:{UTM}"
    names = [name for name, _, _ in project["layers"]]
    assert all(valid for _, _, valid in project["layers"])
    # What lies on top comes first: stations, roads, cells.
    assert names[0] == "sites"
    assert names.index("roads") < names.index("zones") < names.index("demand")
    shown = {name: visible for name, visible, _ in project["layers"]}
    assert all(shown[name] for name in ("sites", "roads", "demand"))
    assert not any(shown[name] for name in ("candidates", "service"))
    assert project["renderers"]["sites"] == "categorizedSymbol"
    # A name is text there, whatever it holds.
    assert project["tips"]["sites"].startswith("<b>Pump &amp; &lt;i>Co</b>")
    assert project["pages"] == ["Plan, A4"]
    wanted = ("Map", "Legend", "ScaleBar", "Label", "Picture")
    assert {f"QgsLayoutItem{what}" for what in wanted} <= set(project["items"])


@pytest.mark.slow
def test_the_page_to_print_fits_and_says_whose_data_it_shows(seen: dict[str, Any]) -> None:
    page = seen["project"]["page"]
    assert page["printed"]
    assert 220 < page["bar_ends_mm"] <= 290  # of 297 mm
    assert page["heads"] == ["Stations", "Roads by class", "Zones", "Energy not served"]
    assert {"Grid", "made up", CREDIT} <= set(page["texts"])


@pytest.mark.parametrize("extent_m", [300.0, 4_000.0, 70_000.0])
def test_a_scale_bar_is_round_and_at_most_as_wide_as_its_place(extent_m: float) -> None:
    for most in (extent_m, extent_m * 1.7, extent_m * 3.1):
        piece = nice(most, below=True)
        assert most / 2.5 < piece <= most
        assert f"{piece:e}"[0] in "125"


def test_the_legend_has_no_symbol_for_what_is_not_there() -> None:
    city = grid_city()
    new = city["sites"][~city["sites"]["existing"]]
    assert "Existing station" not in styles_of("sites", new)[0].qml
    assert "Existing station" in styles_of("sites", city["sites"])[0].qml
    lanes = city["edges"].reset_index().iloc[[4]]
    assert "Motorway" not in styles_of("roads", lanes)[0].qml
    assert "Street" not in styles_of("roads", city["edges"].reset_index().iloc[:2])[0].qml


@pytest.mark.slow
def test_stations_are_one_layer_of_points_with_their_business_case(run_folder: Path) -> None:
    sites = pyogrio.read_dataframe(run_folder / "plan.gpkg", layer="sites").set_index("site_id")
    assert sites.loc["s0", ["earned_pkr", "subsidy_share"]].to_list() == [1e6, 0.8]
    assert np.isnan(sites.loc["s2", "earned_pkr"])
    kinds = dict(pyogrio.list_layers(run_folder / "plan.gpkg"))
    assert kinds["viability"] is None
    assert [s.name for s in styles_of("sites", city_with_case())] == ["Stations", "Subsidy"]


def city_with_case() -> gpd.GeoDataFrame:
    return grid_city()["sites"].assign(earned_pkr=1.0, subsidy_pkr=[4e6, 0.0, 1e6, 0.0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plan/sites", "sites.geojson"])
def test_stations_are_told_apart_by_kind_and_sized_by_power(
    seen: dict[str, Any], name: str
) -> None:
    layer = seen["layers"][name]
    assert layer["renderer"] == "categorizedSymbol"
    legend = dict(layer["legend"])
    assert legend["New: fuel"] == KINDS["fuel"][1]
    assert legend["New: parking"] == KINDS["parking"][1]
    assert legend["Existing station"] == EXISTING
    assert {"Power", "400 kW", "150 kW", "50 kW", "New: hotel"} <= set(legend)
    assert layer["labels"]
    assert layer["label"]["scale"] == 25_000
    assert layer["label"]["halo"]
    assert layer["aliases"]["power_kw"] == "Power, kW"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plan/demand", "demand.geojson"])
def test_cells_open_by_what_is_not_served(seen: dict[str, Any], name: str) -> None:
    layer = seen["layers"][name]
    assert layer["renderer"] == "graduatedSymbol"
    labels, colours = zip(*layer["legend"], strict=True)
    assert colours == (NOTHING, *UNSERVED)
    assert labels[0] == "all served, or no demand"
    assert labels[1].startswith("up to ")
    assert all(label.endswith(" kWh/day") for label in labels[1:])


@pytest.mark.slow
def test_wanted_is_blue_and_points_are_squares(seen: dict[str, Any]) -> None:
    for name in ("demand_run/demand", "points/demand"):
        colours = [colour for _, colour in seen["layers"][name]["legend"]]
        assert colours[1:] == list(WANTED)
        assert share(pixels(seen, name.split("/")[0].replace("demand_run", "wanted") + ".png"),
                     WANTED[4]) > 3e-4  # fmt: skip


@pytest.mark.slow
def test_layers_of_a_crowd_show_close_up_only(seen: dict[str, Any]) -> None:
    layers = seen["layers"]
    assert layers["plan/service"]["renderer"] == "singleSymbol"
    assert 0 < layers["plan/service"]["scale"] <= 30_000
    assert 0 < layers["plan/dropped"]["scale"] <= 60_000
    assert layers["plan/sites"]["scale"] == layers["plan/demand"]["scale"] == 0
    assert seen["maps"][str(seen["folder"] / "city.png")]["scale"] > 30_000
    reddish = [
        (lambda p: (p[:, :, 0] > p[:, :, 1] + 60) & (p[:, :, 2] > p[:, :, 1] + 60))(
            pixels(seen, png)
        ).mean()
        for png in ("city.png", "close.png")
    ]
    assert reddish[0] < 1e-3 < reddish[1]


@pytest.mark.slow
def test_roads_go_by_class(seen: dict[str, Any]) -> None:
    layer = seen["layers"]["plan/roads"]
    assert layer["renderer"] == "RuleRenderer"
    assert [label for label, _ in layer["legend"]] == [
        "Motorway, trunk road", "Primary road", "Secondary road", "Tertiary road", "Street",
    ]  # fmt: skip


@pytest.mark.slow
def test_variants_and_zones_have_styles_of_their_own(seen: dict[str, Any]) -> None:
    kinds = {name: layer.get("renderer") for name, layer in seen["layers"].items()}
    assert kinds["plan/built"] == kinds["plan/robust"] == "categorizedSymbol"
    assert kinds["plan/alternative_sites"] == "graduatedSymbol"
    assert kinds["plan/zones"] == "singleSymbol"
    assert kinds["demand_run/outside"] == kinds["outside.geojson"] == "categorizedSymbol"
    assert seen["layers"]["plan/zones"]["labels"]
    assert set(seen["layers"]["plan/demand"]["styles"]) >= {
        "Energy not served", "Demand", "Share served",
    }  # fmt: skip


@pytest.mark.slow
def test_fields_are_named_and_explained_in_qgis(seen: dict[str, Any]) -> None:
    for name, layer in seen["layers"].items():
        own = {f: a for f, a in layer["aliases"].items() if f not in ("fid", "id")}
        assert all(own.values()), name
        if name.startswith("plan/"):
            assert all(layer["comments"][f] for f in own), name


@pytest.mark.slow
@pytest.mark.parametrize("png", ["city.png", "close.png", "geojson.png"])
def test_the_map_is_not_blank(seen: dict[str, Any], png: str) -> None:
    drawn = pixels(seen, png)
    assert drawn.shape == (700, 900, 3)
    assert share(drawn, "#ffffff") < 0.5
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 30
    station = KINDS["parking"][1] if png != "close.png" else OTHER_KINDS[0][1]
    for hex_ in (NOTHING, UNSERVED[1], station):
        assert share(drawn, hex_) > 2e-5, hex_


@pytest.mark.slow
def test_half_the_city_is_served_on_the_map(seen: dict[str, Any]) -> None:
    drawn = pixels(seen, "cells.png")
    unserved = sum(share(drawn, hex_) for hex_ in UNSERVED)
    assert 0.8 < share(drawn, NOTHING) / unserved < 1.25


@pytest.mark.slow
def test_larger_stations_are_drawn_larger(seen: dict[str, Any]) -> None:
    """The 160 kW square of four corners covers more than the 60 kW diamond."""
    drawn = pixels(seen, "geojson.png")
    assert share(drawn, KINDS["parking"][1]) > 1.5 * share(drawn, EXISTING)


SCRIPT = ROOT / "scripts" / "qgis_siting.py"
# In place of the program: says what it was asked, and leaves a plan or fails.
FAKE = """#!/bin/sh
echo "asked: $*"
test "$2" = wrong.yaml && exit 2
mkdir -p "$4" && cp {plan} "$4/plan.gpkg"
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("qgis_process") is None, reason="no qgis_process")
def test_qgis_runs_a_configuration_by_the_script(run_folder: Path, tmp_path: Path) -> None:
    scripts = tmp_path / "profiles" / "default" / "processing" / "scripts"
    scripts.mkdir(parents=True)
    shutil.copy(SCRIPT, scripts)
    program = tmp_path / "siting"
    program.write_text(FAKE.format(plan=run_folder / "plan.gpkg"), encoding="utf-8")
    program.chmod(0o755)

    def process(config: str) -> Any:
        command = ["qgis_process", "--json", "run", "script:siting_run", "--", f"CONFIG={config}"]
        given = ["BUDGET_MPKR=2.5", "CHANGES=year=2031", f"PROGRAM={program}"]
        done = subprocess.run(
            [*command, *given, f"OUT={tmp_path / 'run'}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            # Of the environment of the tests nothing: QGIS has a Python of its own.
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "HOME": str(tmp_path),
                "QT_QPA_PLATFORM": "offscreen",
                "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path),
            },
        )
        return done.returncode, done.stdout + done.stderr

    code, said = process("town.yaml")
    assert code == 0, said
    assert "--set program.budget_pkr=2500000 --set year=2031" in said
    assert f"{tmp_path / 'run' / 'plan.gpkg'}" in said
    code, said = process("wrong.yaml")
    assert code != 0
    assert "siting stopped:" in said
