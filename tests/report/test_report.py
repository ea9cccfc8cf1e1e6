"""The report of a stored run: what it says, shows and draws."""

import base64
import json
import re
import shutil
import zlib

import geopandas as gpd
import numpy as np
import pytest
import shapely
from report_page import URDU, WILD, Page, edit_json, make_run

from siting import study
from siting.errors import MissingExtraError
from siting.report import leaflet
from siting.report.mapdata import MOST_ROAD_CHARS, map_data, road_lines
from siting.report.page import _seen
from siting.report.shapes import SCALE
from siting.study.report_page import page_of, record_of

PLACES = 1e-5


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    note = f"By hand, </script><b>{WILD}"
    return make_run(tmp_path_factory.mktemp("town") / "town", note=note)


@pytest.fixture(scope="module")
def page(stored, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "report.html"
    return Page(study.write_report(stored, out).read_text(encoding="utf-8"))


@pytest.fixture
def run_copy(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "run")


# What it says


def test_it_stands_in_the_run_folder_and_is_the_same_every_time(run_copy, tmp_path):
    path = study.write_report(run_copy)
    assert path == run_copy / "report.html"
    again = study.write_report(run_copy, tmp_path / "elsewhere" / "plan.html")
    assert again.read_bytes() == path.read_bytes()
    # A report in the folder is no obstacle to making it again.
    assert study.write_report(run_copy).read_bytes() == again.read_bytes()


def test_headline_figures_are_those_of_the_run(page, stored):
    facts = json.loads((stored / "run.json").read_text(encoding="utf-8"))
    for name, key in (
        ("Energy served", "objective_kwh_day"),
        ("Share served", "served_share"),
        ("New stations", "new_stations"),
        ("Existing stations", "existing_stations"),
        ("Subsidy", "subsidy_pkr"),
        ("Total cost", "cost_pkr"),
        ("Proven gap", "gap"),
    ):
        assert page.figure(name) == facts[key]
    # 8 + 4 kWh/day wanted; both pumps are worth their 1,000 rupees.
    assert page.figure("Energy served") == 12
    assert page.figure("New stations") == 2
    assert page.figure("Subsidy") == 2000
    assert (
        facts["status_text"].replace("%", "\xa0%")
        in page.all("p", class_="status proven")[0]["text"]
    )


def test_every_station_has_a_row_and_a_card_with_its_figures(page, stored):
    sites = json.loads((stored / "sites.geojson").read_text(encoding="utf-8"))["features"]
    rows = [e for e in page.all("tr") if "data-site" in e["attrs"]]
    assert sorted(e["attrs"]["data-site"] for e in rows) == sorted(s["id"] for s in sites)
    by_id = {s["id"]: s["properties"] for s in sites}
    for row in rows:
        site = by_id[row["attrs"]["data-site"]]
        start = page.elements.index(row)
        values = [
            json.loads(e["attrs"]["value"]) for e in page.elements[start:] if e["tag"] == "data"
        ][:6]
        keys = ("power_kw", "cost_pkr", "subsidy_pkr", "served_kwh_day", "use_share")
        assert values == [site[k] for k in (*keys, "mean_travel_min")]
        assert site["name"] in row["text"]
        card = page.all("details", id=f"card-{row['attrs']['data-site']}")[0]["text"]
        assert "Build: 1 x socket" in " ".join(card.split())
        assert f"{site['served_kwh_day']:,.1f} kWh/day" in card
        assert "Two wheeler" in card
        assert "11 kV line" in card


def test_the_honest_page_leaves_nothing_out(page, stored):
    facts = json.loads((stored / "run.json").read_text(encoding="utf-8"))
    text = page.all("section", id="honest")[0]["text"]
    for line in facts["warnings"]:
        assert _seen(line) in text
    for check in facts["checks"]:
        assert _seen(check["check"]) in text
    for source in facts["inputs"]:
        assert source["source"] in text
        assert source["licence"] in text
    shown = page.all("details", id="assumptions")[0]["text"]
    for row in facts["assumptions"]:
        assert _seen(row["source"]) in shown
    rows = [e for e in page.all("tr") if "doubtful" in (e["attrs"].get("class") or "")]
    doubtful = [a for a in facts["assumptions"] if a["confidence"] in ("ASSUMPTION", "L")]
    assert len(rows) == len(doubtful)
    lacking = page.all("ul", id="lacking")[0]["text"]
    assert "No date is stated for: roads" in lacking
    assert "No layer of existing stations was given" in lacking
    assert "not proven" not in lacking


@pytest.mark.slow
def test_an_unproven_plan_says_so_first_and_among_what_is_missing(run_copy):
    def unprove(facts):
        facts["status"], facts["stopped"] = "feasible", "time limit"
        facts["bound_kwh_day"], facts["gap"] = 15.0, 0.25
        facts["status_text"] = "feasible, not proven optimal: gap 25.00% (time limit)"

    edit_json(run_copy / "run.json", unprove)
    page = Page(study.write_report(run_copy).read_text(encoding="utf-8"))
    assert "not proven optimal" in page.all("p", class_="status open")[0]["text"]
    lacking = page.all("ul", id="lacking")[0]["text"]
    assert "not proven that this plan is within 0.00\xa0% of the best" in lacking
    assert "no plan for this money serves more than 15\xa0kWh/day" in page.all("dl")[0]["text"]


@pytest.mark.slow
def test_alternatives_stand_on_the_card_only_if_the_run_has_them(stored, page):
    # Two pumps are built, and each is told what is lost without it.
    assert len(page.all("p", class_="why")) == 2
    lines = ["Without it <b>4\xa0kWh/day</b> are lost.", "Nearest: " + URDU]
    run = record_of(stored)
    run.facts["alternatives"] = {"s0002": "\n".join(lines)}
    told = Page(page_of(run))
    assert [e["text"] for e in told.all("p", class_="why")] == ["".join(lines)]
    assert [e["text"] for e in told.all("span", dir="auto")] == lines
    del run.facts["alternatives"]
    bare = Page(page_of(run))
    assert not bare.all("p", class_="why")
    assert "next best place" in bare.all("ul", id="lacking")[0]["text"]


def test_odd_names_are_shown_as_text_and_nothing_else(page):
    assert len(page.all("script")) == 3
    assert not page.all("img")
    assert not [e for e in page.elements if any(a.startswith("on") for a in e["attrs"])]
    names = {e["text"] for e in page.all("bdi")}
    assert {WILD, URDU} <= names
    urdu = [e["attrs"] for e in page.all("bdi") if e["text"] == URDU]
    assert all(a["lang"] == "ur" and a["dir"] == "auto" for a in urdu)
    assert {s["name"] for s in page.data["sites"]} == {WILD, URDU}
    assert WILD in page.all("p", class_="note")[0]["text"]


def test_nothing_in_the_page_points_outside_it(page):
    for element in page.elements:
        for key in ("src", "href", "action", "data", "poster", "srcset"):
            target = element["attrs"].get(key)
            # What a reader may follow; none of it is fetched by itself.
            leads = ("geo:", "https://www.openstreetmap.org/?", "https://www.google.com/maps/")
            allowed = ("#", "data:", *leads) if element["tag"] == "a" else ("#", "data:")
            assert target is None or target.startswith(allowed), element
    style = " ".join(e["text"] for e in page.all("style"))
    assert "@import" not in style
    assert all(u.startswith(("data:", "#")) for u in re.findall(r"url\(['\"]?([^)'\"]+)", style))
    assert "sourceMappingURL" not in "".join(e["text"] for e in page.all("script"))
    policy = page.all("meta", **{"http-equiv": "Content-Security-Policy"})[0]["attrs"]["content"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split("style-src")[0]
    # The town has a name in Arabic letters, whose font is in the page.
    assert policy.endswith("; img-src data: https://tile.openstreetmap.org; font-src data:")


# What the map draws


def test_the_map_has_the_stations_the_cells_and_who_is_served_from_where(page):
    data = page.data
    assert data["classes"] == ["two_wheeler"]
    assert sorted(c["wanted"] for c in data["cells"]) == [[4], [8]]
    assert sorted(c["served"] for c in data["cells"]) == [[4], [8]]
    west = next(s for s in data["sites"] if s["name"] == WILD)
    assert west["at"] == [round(73.005 * SCALE), round(33.6 * SCALE)]
    cell, kwh, minutes = west["service"]
    assert (data["cells"][cell]["wanted"], kwh) == ([8], 8)
    assert 0 < minutes < 5


def test_roads_are_drawn_once_and_to_a_metre_or_two(stored):
    run = record_of(stored)
    drawn = []
    for flat in (line for group in map_data(run)["roads"] for line in group):
        xs = [sum(flat[0 : i + 1 : 2]) / SCALE for i in range(0, len(flat), 2)]
        ys = [sum(flat[1 : i + 2 : 2]) / SCALE for i in range(0, len(flat), 2)]
        drawn.append(shapely.LineString(list(zip(xs, ys, strict=True))))
    both = shapely.union_all(drawn)
    assert shapely.hausdorff_distance(both, shapely.union_all(run.roads.geometry)) < 4 * PLACES
    # Two directions of a street are one line, and streets that lead on are one too.
    assert len(drawn) < len(run.roads) // 2
    assert sum(line.length for line in drawn) == pytest.approx(both.length, rel=1e-3)


@pytest.mark.slow
def test_a_great_city_stays_small(stored, monkeypatch):
    """10,000 cells with seven classes, 20,000 roads of twelve points, 9,000 cells served."""
    run = record_of(stored)
    rng = np.random.default_rng(1)
    names = [f"class_{i}" for i in range(7)]
    run.facts["classes"] = [dict(run.facts["classes"][0], vehicle_class=n) for n in names]
    xs, ys = np.meshgrid(np.arange(100), np.arange(100))
    x, y = 66.9 + xs.ravel() * 0.0053, 24.8 + ys.ravel() * 0.0045
    cells = gpd.GeoDataFrame(
        {"cell_id": [f"c{i:05}" for i in range(len(x))]},
        geometry=shapely.box(x, y, x + 0.0053, y + 0.0045),
        crs=4326,
    )
    for name in names:
        run.sites[f"served_{name}_kwh_day"] = 1.0
        cells[f"demand_{name}_kwh_day"] = rng.gamma(1.0, 5.0, len(x))
        cells[f"served_{name}_kwh_day"] = cells[f"demand_{name}_kwh_day"] * rng.random(len(x))
    cells["demand_kwh_day"] = cells[[f"demand_{n}_kwh_day" for n in names]].sum(axis=1)
    start = np.column_stack([rng.uniform(66.9, 67.5, 20_000), rng.uniform(24.8, 25.2, 20_000)])
    steps = rng.normal(0, 2e-4, (20_000, 12, 2)).cumsum(axis=1)
    lines = shapely.linestrings(start[:, None, :] + steps)
    kinds = rng.choice(["primary", "secondary", "residential"], 20_000, p=[0.05, 0.15, 0.8])
    roads = gpd.GeoDataFrame({"highway": kinds}, geometry=lines, crs=4326)
    service = gpd.GeoDataFrame(
        {
            "cell_id": cells["cell_id"][:9000],
            "vehicle_class": names[0],
            "site_id": rng.choice(["s0001", "s0002"], 9000),
            "served_kwh_day": 1.0,
            "travel_min": 3.0,
        },
        geometry=shapely.linestrings([[[67.0, 24.9], [67.1, 24.9]]] * 9000),
        crs=4326,
    )
    great = run.__class__(**{**vars(run), "demand": cells, "roads": roads, "service": service})
    data = map_data(great)
    assert len(json.dumps(data["roads"], separators=(",", ":"))) <= MOST_ROAD_CHARS + 10
    size = len(json.dumps(data, separators=(",", ":")))
    assert size < 6_000_000
    count = [sum(kinds == kind) for kind in ("primary", "secondary", "residential")]
    assert [len(lines) for lines in data["roads"]] == count
    assert not data["coarse"]
    # Where not all of the small roads find room, the longest do.
    monkeypatch.setattr("siting.report.mapdata.MOST_ROAD_CHARS", 900_000)
    lines, coarse = road_lines(roads)
    assert coarse
    assert [len(one) for one in lines[:2]] == count[:2]
    assert 0 < len(lines[2]) < count[2]
    assert len(json.dumps(lines, separators=(",", ":"))) <= 900_000 + 10
    kept = np.mean([np.abs(one[2:]).sum() for one in lines[2]])
    assert kept > np.mean([np.abs(one[2:]).sum() for one in data["roads"][2]])


@pytest.mark.slow
def test_cards_of_many_stations_are_packed_and_the_same(stored, monkeypatch):
    usual = page_of(record_of(stored))
    monkeypatch.setattr("siting.report.page.MOST_PLAIN_CARDS", 1)
    packed = Page(page_of(record_of(stored)))
    assert not [e for e in packed.elements if "data-card" in e["attrs"]]
    text = packed.all("script", id="packed-cards")[0]["text"]
    cards = zlib.decompress(base64.b64decode(text)).decode("utf-8")
    assert cards in usual
    assert cards.count("data-card=") == len(packed.data["sites"]) == 2
    assert "sites.csv has the figures of the stations" in packed.all("noscript")[-1]["text"]


# What it does without


def test_the_extra_is_named_where_it_is_missing(stored, tmp_path, monkeypatch):
    monkeypatch.setattr("siting.report.leaflet._PACKAGE", "no-such-package")
    with pytest.raises(MissingExtraError, match=r"siting\[report\]"):
        study.write_report(stored, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_a_leaflet_that_was_changed_makes_no_report(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(leaflet, "KNOWN", {"1.9.3": ("0" * 64, "0" * 64)})
    with pytest.raises(MissingExtraError, match=r"not Leaflet 1\.9\.3 as it was released"):
        study.write_report(stored, tmp_path / "report.html")
    why = leaflet.why_no_report()
    assert "released" in why
    assert leaflet.is_why_no_report(why)
    assert not leaflet.is_why_no_report(f"{why}; approved")


@pytest.mark.slow
def test_a_leaflet_of_another_version_is_used_and_told(stored, tmp_path, monkeypatch):
    known = Page(study.write_report(stored, tmp_path / "a.html").read_text("utf-8"))
    monkeypatch.setattr(leaflet, "KNOWN", {})
    other = Page(study.write_report(stored, tmp_path / "b.html").read_text("utf-8"))
    said = [" ".join(e["text"] for e in page.all("footer")) for page in (known, other)]
    assert "does not know" not in said[0]
    assert leaflet.embedded_leaflet().sha256 in said[1]


@pytest.mark.slow
def test_a_plan_that_builds_nothing_still_has_a_report(tmp_path):
    run = make_run(tmp_path / "town", program={"budget_pkr": 10})
    page = Page(study.write_report(run).read_text(encoding="utf-8"))
    assert page.figure("New stations") == 0
    assert "No new station is built" in page.all("section", id="money")[0]["text"]
    assert page.data["sites"] == []


def test_the_policys_stations_stand_as_one_line_to_compare_with(page, stored):
    """12 people of 93.8 million: their part of 3,000 stations is next to nothing."""
    known = json.loads((stored / "run.json").read_text(encoding="utf-8"))["demand"]["national"]
    assert known["stations"] == 3_000
    assert known["by_people"] == pytest.approx(3_000 * 12 / 93_800_000)
    assert "NEV policy" in known["source"]
    text = page.all("body")[0]["text"]
    assert "The policy calls for 3,000 public stations in the whole country by 2030" in text
    assert text.count("The policy calls for") == 1
