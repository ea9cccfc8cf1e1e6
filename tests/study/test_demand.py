"""Demand from the configuration to its folder: zones, rasters, surfaces and cases, by hand."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from conftest import ROOT
from town import LAT, LONS, write_town
from town import change as change_sections
from typer.testing import CliRunner

from siting.cities import census_zones
from siting.cli import app
from siting.demand import clip_zones, vehicle_figures
from siting.errors import InputError
from siting.reference import table
from siting.study import Study, check

WEST = shapely.box(72.99, 33.58, 73.025, 33.62)
EAST = shapely.box(73.025, 33.58, 73.06, 33.62)


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def change(path, **demand):
    return change_sections(path, demand=demand)


def zones(path, **columns):
    layer = gpd.GeoDataFrame(
        {"zone_id": ["w", "e"], "people": [8, 4], **columns}, geometry=[WEST, EAST], crs=4326
    )
    layer.to_file(path.parent / "zones.geojson")
    return path


def by_side(study):
    """Return the energy in the west and the east of the town (kWh/day)."""
    cells = study.cells.set_index("cell_id").to_crs(4326).geometry.representative_point()
    east = cells.loc[study.demand["cell_id"]].x.to_numpy() > 73.025
    kwh = study.demand["demand_kwh_day"].to_numpy()
    return kwh[~east].sum(), kwh[east].sum()


# ------------------------------------------------------------------------------------ people


def test_zones_are_spread_over_their_streets_and_keep_their_people(town):
    change(zones(town), people={"kind": "zones", "path": "zones.geojson"})
    study = Study(town)
    assert by_side(study) == pytest.approx((8, 4), rel=1e-9)
    assert study.zone_table["people"].to_list() == pytest.approx([8, 4])
    assert any("spread by streets" in note for note in study.demand_notes)


def test_renting_moves_the_public_share_of_its_zone_alone(town):
    people = {"kind": "zones", "path": "zones.geojson", "renting_column": "renting"}
    change(
        zones(town, renting=[0.5, None]),
        people=people,
        figures={"two_wheeler": {"km_day": 1, "kwh_km": 1, "home_share": 0.6}},
        housing={"renting_effect": 0.8, "survey_renting_share": 0.25},
    )
    weight = vehicle_figures().set_index("vehicle_class").loc["two_wheeler", "housing_weight"]
    assert weight == 1
    west, east = by_side(Study(town))
    assert east == pytest.approx(4 * 0.4, rel=1e-9)
    assert west == pytest.approx(8 * (1 - 0.6 * 0.6 / 0.8), rel=1e-9)


def test_zones_beyond_the_roads_are_cut_where_asked_for_and_told_where_not(town):
    wide = shapely.box(73.025, 33.58, 73.35, 33.62)
    layer = gpd.GeoDataFrame(
        {"zone_id": ["w", "e"], "people": [8, 4]}, geometry=[WEST, wide], crs=4326
    )
    layer.to_file(town.parent / "zones.geojson")
    people = {"kind": "zones", "path": "zones.geojson"}
    study = Study(change(town, people=people))
    assert study.cells["people"].sum() == pytest.approx(12)
    assert any("would live outside the area covered" in note for note in study.demand_notes)
    cut = Study(change(town, people=people | {"clip_to_roads": True}))
    inside, outside = cut.cells["people"].sum(), cut.people_outside["people"].sum()
    assert inside + outside == pytest.approx(12, rel=1e-6)
    assert 0 < inside < 1  # the outline of one street is a thin sliver of both zones
    assert any("not part of the study" in note for note in cut.demand_notes)


def test_zones_far_from_the_roads_are_refused():
    layer = gpd.GeoDataFrame({"zone_id": ["a"], "people": [1.0]}, geometry=[WEST], crs=4326)
    with pytest.raises(InputError, match="none overlaps the area"):
        clip_zones(layer, shapely.box(70, 30, 70.1, 30.1))


def test_census_counts_come_by_name(town):
    zones(town, name=["Model Town", "shalimar"])
    people = {"kind": "zones", "path": "zones.geojson", "counts": "census"}
    study = Study(
        change(town, people=people, city="lahore", city_people=10_000_000, fleet_share=None)
    )
    assert study.zone_table["people"].to_list() == pytest.approx([3_244_906, 2_670_140])
    assert study.zone_table["renting_share"].to_list() == [0.31, 0.24]


def test_zones_without_a_count_of_vehicles_follow_rooms_where_the_census_knows_them(town):
    zones(town, name=["Model Town", "shalimar"])
    model = {"table": None, "city": "lahore", "city_people": 10_000_000, "fleet_share": None}
    by_name = Study(change(town, people={"kind": "zones", "path": "zones.geojson"}, **model))
    rooms = census_zones(["Model Town", "shalimar"], "lahore", "")["ownership"]
    assert by_name.zone_table["ownership"].to_list() == rooms.to_list()
    assert any("four rooms or more" in note for note in by_name.demand_notes)
    unknown = Study(zones(town))
    assert "ownership" not in unknown.zone_table
    own = {"kind": "zones", "path": "zones.geojson", "ownership_column": "cars"}
    counted = Study(change(zones(town, name=["Model Town", "shalimar"], cars=[1, 2]), people=own))
    assert counted.zone_table["ownership"].to_list() == [1.0, 2.0]


@pytest.mark.slow
def test_cars_follow_wealth_in_and_between_zones_and_the_total_stays(town):
    pd.DataFrame({"lat": LAT, "lon": [LONS[0], LONS[-1]], "rwi": [np.log(3.0), 0.0]}).to_csv(
        town.parent / "rwi.csv", index=False
    )
    vehicles = table("vehicles")
    follows = vehicles["figure"].eq("ownership_weight") & vehicles["vehicle_class"].eq(
        "two_wheeler"
    )
    vehicles.loc[follows, ["value", "high"]] = 1.0
    vehicles.to_csv(town.parent / "vehicles.csv", index=False)
    wealth = {"path": "rwi.csv", "index": True, "licence": "CC BY 4.0", "source": "Meta"}
    plain = Study(change(town, vehicles_csv="vehicles.csv"))
    rich = Study(change(town, wealth=wealth))
    assert rich.demand["demand_kwh_day"].sum() == pytest.approx(12)
    # 8 people live in the west and 4 in the east. Cars are divided as 8 x 3 to 4.
    assert by_side(plain) == pytest.approx((8, 4))
    assert by_side(rich) == pytest.approx((12 * 24 / 28, 12 * 4 / 28))
    (said,) = [record for record in rich.inputs if record["key"] == "demand.wealth"]
    assert said["file"] == "rwi.csv"
    assert (said["licence"], len(said["sha256"])) == ("CC BY 4.0", 64)
    zoned = Study(change(zones(town), people={"kind": "zones", "path": "zones.geojson"}))
    assert by_side(zoned) == pytest.approx((12 * 24 / 28, 12 * 4 / 28), rel=1e-6)
    config = change(town, wealth={"path": "rwi.csv"})
    pd.DataFrame({"lat": LAT, "lon": LONS[:2], "rwi": -1.0}).to_csv(
        town.parent / "rwi.csv", index=False
    )
    with pytest.raises(InputError, match="below zero"):
        _ = Study(config).cells


def test_census_names_that_are_not_there_are_all_named():
    with pytest.raises(InputError) as caught:
        census_zones(["Modle Town", "Atlantis"], "lahore", "zones.geojson, column name")
    first, second = caught.value.faults
    assert "Modle Town" in first.what
    assert first.fix == "did you mean Model Town?"
    assert "Atlantis" in second.what
    assert second.where == "zones.geojson, column name"


def test_a_raster_gives_what_points_give(town):
    rasterio = pytest.importorskip("rasterio")
    step = 0.001
    wide = round((LONS[-1] - LONS[0]) / step) + 3
    grid = np.zeros((3, wide), dtype="float32")
    grid[1, 1], grid[1, -2] = 8, 4
    with rasterio.open(
        town.parent / "people.tif",
        "w",
        driver="GTiff",
        width=wide,
        height=3,
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=rasterio.transform.from_origin(
            LONS[0] - 1.5 * step, LAT + 1.5 * step, step, step
        ),
    ) as file:
        file.write(grid, 1)
    change(town, people={"kind": "raster", "path": "people.tif"})
    assert by_side(Study(town)) == pytest.approx((8, 4), rel=1e-6)
    hexagons = Study(change(town, cells={"shape": "h3", "resolution": 9}))
    assert by_side(hexagons) == pytest.approx((8, 4), rel=1e-6)


def test_an_h3_table_needs_no_coordinates(town):
    h3 = pytest.importorskip("h3")
    names = [h3.latlng_to_cell(LAT, lon, 9) for lon in (LONS[0], LONS[-1])]
    pd.DataFrame({"h3": names, "people": [8, 4]}).to_csv(town.parent / "hex.csv", index=False)
    change(
        town, people={"kind": "points", "path": "hex.csv"}, cells={"shape": "h3", "resolution": 9}
    )
    study = Study(town)
    assert by_side(study) == pytest.approx((8, 4), rel=1e-9)
    assert len(study.cells) == 2


# ------------------------------------------------------------------------------------ location


def places(path, *rows):
    lons, tags = zip(*rows, strict=True)
    gpd.GeoDataFrame(
        {"amenity": list(tags)}, geometry=gpd.points_from_xy(lons, [LAT] * len(rows)), crs=4326
    ).to_file(path.parent / "places.geojson")
    return {"kind": "layer", "path": "places.geojson"}


def test_half_at_home_and_half_at_the_market(town):
    where = places(town, (LONS[3], "marketplace"), (LONS[0], "bench"))
    weights = {"two_wheeler": {"home": 1, "destination": 1, "en_route": 0}}
    study = Study(change(town, surfaces={"places": where, "weights": weights}))
    # Of 12 kWh, 6 follow people (4 west, 2 east), and 6 are at the market in the east.
    assert by_side(study) == pytest.approx((4, 2 + 6), rel=1e-9)
    market = study.cells.to_crs(4326).contains(shapely.Point(LONS[3], LAT))
    kwh = study.demand.set_index("cell_id")["demand_kwh_day"]
    assert kwh[study.cells.loc[market, "cell_id"].item()] == pytest.approx(6)


def test_places_beyond_the_roads_draw_nothing(town):
    where = places(town, (LONS[3], "marketplace"), (73.4, "marketplace"))
    study = Study(change(town, surfaces={"places": where}))
    assert len(study.places) == 1
    assert study.cells["node_id"].notna().all()


def test_traffic_passes_between_the_two_ends(town):
    roads = town.parent / "roads.osm"
    roads.write_text(roads.read_text().replace("residential", "primary"), encoding="utf-8")
    weights = {"two_wheeler": {"home": 0, "destination": 0, "en_route": 1}}
    study = Study(change(town, surfaces={"weights": weights}))
    assert study.demand["demand_kwh_day"].sum() == pytest.approx(12, rel=1e-9)
    lons = study.cells.to_crs(4326).geometry.representative_point().x
    by_cell = study.demand.set_index("cell_id")["demand_kwh_day"].reindex(study.cells["cell_id"])
    between = ((lons > 73.006) & (lons < 73.044)).to_numpy()
    assert by_cell.fillna(0).to_numpy()[between].sum() > 6  # 3.5 of 4.6 km lie between the pumps


# ------------------------------------------------------------------------------------ uncertainty


@pytest.mark.slow
def test_the_cases_are_the_ends_of_every_range(town):
    fleet = town.parent / "fleet.csv"
    fleet.write_text(fleet.read_text().replace("12,12,12", "12,6,30"), encoding="utf-8")
    found = {
        case: Study(change(town, case=case)).demand["demand_kwh_day"].sum()
        for case in ("low", "central", "high")
    }
    assert found == pytest.approx({"low": 6, "central": 12, "high": 30})
    assert any("high case" in note for note in Study(town).demand_notes)


@pytest.mark.slow
def test_figures_of_the_fleet_model_can_be_set(town):
    plain = change(town, fleet_csv=None, fleet_share={"two_wheeler": 1e-5})
    before = Study(plain).fleet["vehicles"].sum()
    halved = change(plain, fleet_figures={"two_wheeler": {"share_2030": 0.15}})
    study = Study(halved)
    assert study.fleet["vehicles"].sum() < 0.75 * before
    assert "share_2030" in study.fleet["source"].item()


def test_a_scenario_that_is_not_there_is_told_by_check(town):
    report = check(change(town, fleet_csv=None, scenario="nev-2052"))
    assert [f.what for f in report.faults] == ["has no nev-2052"]
    assert "nev-2025-30" in report.faults[0].fix


# ------------------------------------------------------------------------------------ the command


def test_the_folder_holds_layers_tables_and_what_lies_outside(town, tmp_path):
    people = town.parent / "people.csv"
    people.write_text(people.read_text() + "73.05,33.7,6\n", encoding="utf-8")
    fleet = town.parent / "fleet.csv"
    fleet.write_text(fleet.read_text().replace("12,12,12", "12,6,30"), encoding="utf-8")
    change(town, city_people=18)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app, ["demand", str(town), "--out", str(out), "--sensitivity", "--draws", "50"]
    )
    assert result.exit_code == 0, result.output
    assert "What changes the total most" in result.output
    outside = gpd.read_file(out / "outside.geojson")
    assert outside["people"].to_list() == [6]
    assert outside["demand_kwh_day"].to_list() == pytest.approx([4])  # 12 vehicles, 18 people
    layer = gpd.read_file(out / "demand.geojson")
    assert layer["demand_kwh_day"].sum() == pytest.approx(12, abs=0.01)
    assert not any(column.startswith("served") for column in layer.columns)
    facts = json.loads((out / "demand.json").read_text(encoding="utf-8"))
    assert facts["demand"]["kwh_day"] == pytest.approx({"two_wheeler": 12})
    assert any("cannot be served" in note for note in facts["notes"])
    hours = pd.read_csv(out / "hours.csv", encoding="utf-8-sig")
    assert hours["all_kw"].sum() == pytest.approx(12, rel=1e-3)  # the hourly kW add up to kWh/day
    classes = pd.read_csv(out / "classes.csv", encoding="utf-8-sig").set_index("vehicle_class")
    assert classes.loc["all", "sessions_day"] == pytest.approx(12 / 1.2, rel=1e-3)
    figures = pd.read_csv(out / "figures.csv", encoding="utf-8-sig")
    assert {"country_vehicles", "city_share", "km_day", "session_kwh"} <= set(figures["figure"])
    assert figures[["source", "confidence", "unit"]].notna().all(axis=None)
    assert {"demand.gpkg", "config.yaml", "zone_energy.csv"} <= {p.name for p in out.iterdir()}


def test_demand_says_one_thing_and_writes_nothing_where_input_is_wrong(town, tmp_path):
    (town.parent / "people.csv").write_text("lon,lat,people\n73,33.6,-5\n", encoding="utf-8")
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["demand", str(town), "--out", str(out)])
    assert result.exit_code == 2
    assert "negative" in result.output
    assert "Traceback" not in result.output
    assert not out.exists()


@pytest.mark.slow
def test_a_plan_on_surfaces_conserves_the_energy(town):
    where = places(town, (LONS[3], "marketplace"))
    study = Study(change(town, surfaces={"places": where}))
    assert study.plan.demand["demand_kwh_day"].sum() == pytest.approx(12, rel=1e-9)


@pytest.mark.slow
def test_the_real_sectors_keep_every_kwh(shared_data):
    test_data = shared_data / "data"
    config = ROOT / "configs" / "real-islamabad-sectors.yaml"
    amenities = "islamabad/islamabad_rawalpindi_amenities_osm_20251208.geojson"
    study = Study(
        config,
        [
            f"roads.source.path={test_data / 'islamabad/islamabad_sectors_drive_20250515.osm.bz2'}",
            "demand.people.path="
            f"{test_data / 'islamabad/islamabad_ict_population_1km_worldpop2020.csv'}",
            f"demand.surfaces.places.path={test_data / amenities}",
            f"candidates.sources.0.path={test_data / amenities}",
            f"candidates.existing.path={test_data / 'ev_chargers/pakistan_ev_chargers_ocm.csv'}",
        ],
    )
    wanted = study.energy["demand_kwh_day"].sum()
    assert study.demand["demand_kwh_day"].sum() == pytest.approx(wanted, rel=1e-9)
    inside, outside = study.people["people"].sum(), study.people_outside["people"].sum()
    assert study.cells["people"].sum() == pytest.approx(inside, rel=1e-9)
    assert inside + outside == pytest.approx(2_033_099, rel=1e-6)
    found = study.surfaces[["home", "destination", "en_route"]].sum()
    assert found.to_list() == pytest.approx([1, 1, 1], rel=1e-9)
