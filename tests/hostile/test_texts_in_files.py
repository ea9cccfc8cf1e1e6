"""Texts that no format likes, in every field of a study that holds one, through every format."""

import json
import re
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
from browser import in_chromium
from conftest import often
from export.test_qgis import LOOK, qgis_python
from hostile.mutators import NAMES
from report_page import Page, make_run
from town import write_town

import siting
from siting import study
from siting.export import write_exchange
from siting.export.qgis_project import write_qgis_project
from siting.export.styles import styles_of
from siting.review import verify_run
from siting.texts import CONTROL, cell_text, html_text, kml_text, qgis_label, visible

__all__ = ["qgis_python"]
ODD = "[% env('HOME') %]\x0b]]>\x1b[31m\x00<b>&amp;\u202e\x7f\uffff[[%1+1%]"
SEEN = visible(ODD)
OUTSIDE = {"constructor", "__proto__", "toString"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run whose title, note, attribution, source, name and kind of place are odd."""
    folder = tmp_path_factory.mktemp("odd")
    path = write_town(folder / "town")
    words = path.read_text("utf-8")
    said = json.dumps(ODD).replace("\x7f", "\\x7f")
    for old, new in (
        ("title: A town by hand", f"title: {said}\nnote: {said}"),
        ("attribution: nobody", f"attribution: {said}"),
        ("site_kind: fuel, source: by hand", f"site_kind: {said}, source: {said}"),
    ):
        assert old in words
        words = words.replace(old, new)
    path.write_text(words, "utf-8")
    sites = path.with_name("sites.geojson")
    points = gpd.read_file(path.with_name("sites.csv"))
    places = gpd.points_from_xy(points["lon"], points["lat"], crs=4326)
    gpd.GeoDataFrame({"name": [ODD.replace("\x00", ""), "East"]}, geometry=places).to_file(sites)
    path.write_text(words.replace("sites.csv", "sites.geojson"), "utf-8")
    siting.run(path, out=folder / "run")
    return folder / "run"


def project_of(path):
    with zipfile.ZipFile(path) as packed:
        return packed.read("plan.qgs").decode("utf-8")


def worked_out(text):
    """Return what QGIS makes of a label: what stands between [% and %] is an expression."""

    def value(match):
        assert match[1].strip() == "'[%'", match[0]  # the only one that is ours
        return "[%"

    return re.sub(r"\[%(.*?)%\]", value, text, flags=re.DOTALL)


@pytest.mark.slow
def test_the_project_of_qgis_is_xml_in_which_no_text_is_an_expression(run):
    root = ET.fromstring(project_of(run / "plan.qgz").split("\n", 1)[1])
    labels = [e.get("labelText") for e in root.iter("LayoutItem") if e.get("labelText")]
    title, note, credit = (worked_out(text) for text in labels)
    assert title == note == SEEN
    assert credit.startswith(f"Data: {SEEN} (")
    for path in sorted(run.glob("*.qml")):
        for one in ET.fromstring(path.read_text("utf-8").split("\n", 1)[1]).iter():
            worked_out(one.get("label") or "")


@pytest.mark.slow
def test_qgis_itself_shows_the_texts(run, qgis_python):
    asked = {"layers": {}, "maps": {}, "project": str(run / "plan.qgz")}
    done = subprocess.run(
        [qgis_python, str(LOOK)], input=json.dumps(asked), capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    seen = json.loads(done.stdout)["project"]
    assert seen["read"]
    assert seen["title"] == SEEN
    credit, *others = sorted(seen["said"], key=lambda text: not text.startswith("Data: "))
    assert others == [SEEN, SEEN]
    assert credit.startswith(f"Data: {SEEN} (")
    assert [text for text in seen["legend"] if SEEN in text], seen["legend"]
    assert "<b>" not in seen["tips"]["sites"].replace("<b>", "", 1)


@pytest.mark.slow
def test_layers_and_tables_hold_the_texts(run):
    layers = pyogrio.list_layers(run / "plan.gpkg")[:, 0]
    assert {"sites", "candidates"} <= set(layers)
    with closing(sqlite3.connect(run / "plan.gpkg")) as base:
        tables = [n for (n,) in base.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        for name in tables:
            for row in base.execute(f'SELECT * FROM "{name}"'):
                assert not [v for v in row if isinstance(v, str) and CONTROL.search(v)], name
        [about] = base.execute("SELECT description FROM gpkg_contents WHERE table_name = 'sites'")
        assert about[0].startswith(SEEN)
    for path in sorted(run.glob("*.csv")):
        assert not CONTROL.search(path.read_text("utf-8")), path.name
    note = pd.read_csv(run / "sites.csv", encoding="utf-8-sig")["note"]
    [said] = set(note)
    assert said.startswith(f"{cell_text(ODD)} Data: ")
    assert json.loads((run / "run.json").read_text("utf-8"))["title"] == ODD
    for path in sorted(run.glob("*.geojson")):
        json.loads(path.read_text("utf-8"))
    assert verify_run(run).faults == []


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["kml", "fgb", "parquet", "xlsx", "geojson"])
def test_other_programs_read_the_texts(run, tmp_path, ending):
    path = siting.plan_from_run(run).export(tmp_path / f"plan.{ending}")
    if ending == "kml":
        ET.fromstring(path.read_bytes())
    if ending == "xlsx":
        with zipfile.ZipFile(path) as packed:
            for name in packed.namelist():
                ET.fromstring(packed.read(name))
        said = pyogrio.read_dataframe(path, layer="readme", read_geometry=False)
        assert SEEN in said.to_string(max_colwidth=None)
        return
    read = gpd.read_parquet(path) if ending == "parquet" else gpd.read_file(path, layer=0)
    names = set(read.get("name", read.get("Name")))
    shown = SEEN.replace("\\x00", "")
    if ending == "kml":
        shown = kml_text(shown)
    assert shown in {visible(str(name)) for name in names}


@pytest.mark.parametrize(
    "text", often([*NAMES, ODD, "a\x0bb", "a\ufffeb", "[%", "%]", "[[%%]]"], [ODD, "a\x0bb", "[%"])
)
def test_every_text_in_a_layout_is_itself(text, tmp_path):
    points = gpd.points_from_xy([73.0, 73.1], [33.6, 33.7], crs=4326)
    layer = gpd.GeoDataFrame({"name": [text.replace("\ud800", ""), "b"]}, geometry=points)
    layers = {"places": layer}
    styles = {"places": styles_of("places", layer)}
    write_qgis_project(tmp_path / "plan.qgz", layers, styles, text, text, "")
    root = ET.fromstring(project_of(tmp_path / "plan.qgz").split("\n", 1)[1])
    said = [e.get("labelText") for e in root.iter("LayoutItem") if e.get("labelText") is not None]
    assert [worked_out(one) for one in said] == [visible(text)] * 2
    assert worked_out(qgis_label(text)) == visible(text)
    write_exchange(layers, tmp_path / "plan.kml", ["places"])
    ET.parse(tmp_path / "plan.kml")


@pytest.mark.slow
def test_the_page_shows_control_characters_and_holds_none(run):
    text = (run / "report.html").read_text("utf-8")
    assert not CONTROL.search(text)
    assert SEEN in " ".join(e["text"] for e in Page(text).all("h1"))
    assert html_text("<\x0b>") == "&lt;\\x0b&gt;"


@pytest.mark.slow
@in_chromium
@pytest.mark.parametrize("title", sorted(OUTSIDE))
@pytest.mark.parametrize("language", ["en", "ur"])
def test_a_page_called_as_every_object_has_it_has_a_map(title, language, tmp_path, opened):
    pytest.importorskip("playwright.sync_api")
    folder = make_run(tmp_path / "town", title=title)
    page = study.write_report(folder, tmp_path / "report.html", language=language)
    one = opened(Path(page))
    assert one.ask("() => document.body.dataset.ready") == "yes"
    assert one.count(".leaflet-marker-icon") == 2
    assert title in one.text(".map-title")
