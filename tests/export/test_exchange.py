"""A plan for other programs: what is read back is what the plan says."""

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from conftest import often
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.export.exchange import ENDINGS, write_exchange


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    return siting.Study(write_town(tmp_path_factory.mktemp("town"))).plan


@pytest.mark.parametrize(
    "ending", often([".parquet", ".fgb", ".geojson", ".kml", ".gpkg"], [".fgb"])
)
def test_a_layer_comes_back_in_lonlat(plan, tmp_path, ending):
    path = plan.export(tmp_path / f"sites{ending}", ["sites"])
    back = gpd.read_parquet(path) if ending == ".parquet" else gpd.read_file(path, layer=0)
    assert back.crs.to_epsg() == 4326
    name = "Name" if ending == ".kml" else "name"
    back = back.set_index(name).loc[plan.sites["name"]]
    assert back["served_kwh_day"].astype(float).sum() == pytest.approx(12)
    away_m = back.to_crs(plan.sites.crs).geometry.distance(plan.sites.geometry, align=False)
    assert away_m.max() < 0.05


def test_kml_has_a_folder_a_layer(plan, tmp_path):
    path = plan.export(tmp_path / "plan.kml")
    assert {str(name) for name in pyogrio.list_layers(path)[:, 0]} >= {"sites", "demand"}
    assert len(gpd.read_file(path, layer="demand")) == len(plan.cells)


def test_flags_and_counts_come_back_from_kml(plan, tmp_path):
    sites = plan.sites.assign(existing=[True, False])
    path = write_exchange({"sites": sites}, tmp_path / "plan.kml", ["sites"])
    back = gpd.read_file(path, layer="sites")  # a warning is an error
    assert back["existing"].tolist() == [1, 0]
    assert back["cells_served"].tolist() == plan.sites["cells_served"].tolist()


def test_a_shapefile_cuts_long_texts_and_says_so(plan, tmp_path, caplog):
    long = "پٹرول پمپ " * 40
    sites = plan.sites.assign(name=[long, "مرکز"], whereabouts=None)
    path = write_exchange({"sites": sites}, tmp_path / "plan.shp")  # a warning is an error
    cut, whole = gpd.read_file(path)["name"]
    assert long.startswith(cut)
    assert len(cut) > 120
    assert whole == "مرکز"
    assert "sites: 1 text values were cut to the 254 bytes" in caplog.text


def test_a_workbook_has_a_sheet_a_table_and_says_what_it_is(plan, tmp_path):
    path = plan.export(tmp_path / "plan.xlsx")
    names = [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    assert names[0] == "readme"
    assert names[-1] == "dictionary"
    assert {"sites", "demand", "offers", "candidates"} <= set(names)
    assert "roads" not in names
    # GDAL takes no head for one where all cells are texts.
    readme = pyogrio.read_dataframe(path, layer="readme").to_numpy().tolist()
    assert readme[:2] == [["what", "is"], ["title", "A town by hand"]]
    sites = pyogrio.read_dataframe(path, layer="sites")
    assert sites["served_kwh_day"].sum() == pytest.approx(12)
    assert sites["lat"].tolist() == pytest.approx([33.6, 33.6])
    fields = pyogrio.read_dataframe(path, layer="dictionary").to_numpy().tolist()
    assert {field for layer, field, *_ in fields if layer == "sites"} == set(sites.columns)


def test_faults_of_what_is_asked_come_at_once(plan, tmp_path):
    with pytest.raises(InputError, match=r"use one of \.gpkg, \.shp"):
        plan.export(tmp_path / "plan.dwg")
    with pytest.raises(InputError) as err:
        plan.export(tmp_path / "plan.fgb", ["sites", "sitez"])
    assert len(err.value.faults) == 2
    with pytest.raises(InputError, match="cannot contain tables without geometry"):
        plan.export(tmp_path / "plan.parquet", ["offers"])
    assert list(tmp_path.iterdir()) == []


def test_the_verb_writes_a_stored_run(stored_town, tmp_path):
    run = stored_town() / "run"
    done = CliRunner().invoke(app, ["export", str(run), "--to", str(tmp_path / "a.parquet")])
    assert done.exit_code == 0, done.output
    assert len(pd.read_parquet(tmp_path / "a.parquet")) == 2


def test_a_shapefile_has_short_names_and_says_what_they_are(plan, tmp_path):
    path = plan.export(tmp_path / "sites.shp")
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".cpg", ".csv", ".dbf", ".prj", ".shp",
                                                            ".shx"]  # fmt: skip
    back = gpd.read_file(path)
    assert back.crs.to_epsg() == 4326
    fields = pd.read_csv(tmp_path / "sites.fields.csv").set_index("field")["short"]
    assert list(fields) == [c for c in back.columns if c != "geometry"]
    assert fields.str.len().max() <= 10
    assert back[fields["served_kwh_day"]].sum() == pytest.approx(12)
    ids = back.set_index(fields["name"])[fields["site_id"]]
    assert ids.to_dict() == plan.sites.set_index("name")["site_id"].to_dict()
    with pytest.raises(InputError, match="can contain only one layer"):
        plan.export(tmp_path / "both.shp", ["sites", "demand"])
    path.unlink()  # what is left of a Shapefile is not written over either
    with pytest.raises(InputError, match=r"sites\.shx"):
        plan.export(path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_that_is_told_can_be_written(plan, tmp_path, ending):
    assert plan.export(tmp_path / f"plan{ending}").stat().st_size > 0


def test_a_geopackage_carries_both_layers_with_styles_and_whose_they_are(plan, tmp_path):
    path = plan.export(tmp_path / "plan.gpkg")
    assert {"sites", "demand", "layer_styles"} <= {str(n) for n in pyogrio.list_layers(path)[:, 0]}
    assert "nobody (CC0" in pyogrio.read_info(path, layer="sites")["layer_metadata"]["DESCRIPTION"]
