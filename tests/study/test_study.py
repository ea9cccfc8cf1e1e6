"""Whole runs of the town, from the file to the run folder, with errors and no partial output."""

import html
import json
import shutil
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import replace
from datetime import date

import geopandas as gpd
import pandas as pd
import pytest
import yaml
from town import write_town

import siting
from siting import study as room
from siting.errors import ConfigError, InfeasibleError, InputError
from siting.study import Study

TODAY = date(2026, 1, 1)


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def test_the_towns_plan_is_the_one_solved_by_hand(town):
    # A hub costs 1,000 rupees and delivers 10 kWh/day (see town.py). The demand is 8 kWh/day in the
    # west and 4 in the east, so if the money pays for one hub, the hub is in the west.
    plan = siting.run(town, ["program.budget_pkr=1_000"])
    assert plan.new_sites["name"].tolist() == ["West pump"]
    assert plan.outcome.status == "optimal"
    assert plan.outcome.served_kwh_day == pytest.approx(8.0)
    assert plan.served_share == pytest.approx(8 / 12)
    both = siting.run(town, ["program.budget_pkr=2_000"])
    assert sorted(both.new_sites["name"]) == ["East pump", "West pump"]
    assert both.served_share == pytest.approx(1.0)


@pytest.mark.slow
def test_what_a_run_says_besides_is_computed_when_it_is_read(town):
    study = Study(town)
    plan = siting.run(study)
    besides = ("cards", "day", "what_if", "demand_range", "break_evens", "figure_swings")
    assert not any(study.has(name) for name in besides)
    facts = plan.facts
    assert all(study.has(name) for name in besides)
    assert facts["what_if"] == study.what_if
    assert plan.facts is facts
    assert study.plan.facts == {}


@pytest.mark.slow
def test_the_run_folder_is_whole_and_opens_elsewhere(town, tmp_path):
    out = tmp_path / "out"
    plan = siting.run(town, out=out)
    names = {p.name for p in out.iterdir()}
    assert names >= {
        "config.yaml", "run.json", "sites.geojson", "demand.geojson", "service.geojson",
        "plan.gpkg", "sites.csv", "figures.csv",
    }  # fmt: skip
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert facts["status"] == "optimal"
    assert facts["objective_kwh_day"] == pytest.approx(plan.outcome.served_kwh_day)
    assert facts["subsidy_pkr"] <= facts["budget_pkr"]
    people = next(i for i in facts["inputs"] if i["key"] == "demand.people")
    assert people["licence"] == "CC0"
    assert people["sha256"] == siting.files.sha256(town.parent / "people.csv")
    assert {"roads", "demand", "reach", "solve", "plan"} <= facts["seconds"].keys()
    assert facts["packages"]["osmnx"].count(".") == 2
    layer = gpd.read_file(out / "sites.geojson")
    assert sorted(layer["site_id"]) == sorted(plan.sites["site_id"])
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


@pytest.mark.slow
def test_the_written_config_runs_again_to_the_same_plan(town, tmp_path):
    first = siting.run(town, out=tmp_path / "one")
    again = siting.run(tmp_path / "one" / "config.yaml", out=tmp_path / "two")
    assert first.outcome.offers == again.outcome.offers
    for name in ("sites.geojson", "demand.geojson", "service.geojson", "sites.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_second_run_does_not_parse_the_roads_again(town, monkeypatch):
    first = Study(town).network
    from siting.study import read_sources

    monkeypatch.setattr(read_sources, "read_network", lambda *_: pytest.fail("parsed again"))
    again = Study(town).network
    pd.testing.assert_frame_equal(
        pd.DataFrame(first.edges.drop(columns="geometry")),
        pd.DataFrame(again.edges.drop(columns="geometry")),
    )


def test_a_changed_setting_is_not_served_from_the_cache(town):
    peak = Study(town).network.edges["travel_min"].sum()
    free = Study(town, ["roads.peak=false"]).network.edges["travel_min"].sum()
    assert free < peak


def test_progress_tells_each_stage_once_with_its_own_seconds(town):
    events = []
    Study(town, progress=events.append).plan  # noqa: B018
    done = [e.stage for e in events if e.done]
    assert done == ["roads", "people", "cells", "surfaces", "demand", "candidates", "offers",
                    "reach", "solve", "plan"]  # fmt: skip
    assert all(e.text and e.seconds >= 0 for e in events)


@pytest.mark.slow
def test_money_for_nothing_builds_nothing_and_says_so(town):
    plan = siting.run(town, ["program.budget_pkr=999"])
    assert plan.new_sites.empty
    assert plan.outcome.status == "optimal"
    headline = dict(plan.headline())
    assert "cheapest offer needs" in headline["Built"]
    assert plan.outcome.subsidy_pkr == 0
    closed = replace(plan, offers=plan.offers.assign(reason="no grid"))
    assert dict(closed.headline())["Built"].startswith("nothing: no offer")


@pytest.mark.slow
def test_a_floor_that_cannot_hold_says_have_need_and_fix(town):
    with pytest.raises(InfeasibleError) as caught:
        siting.run(town, ["program.budget_pkr=1_000", "program.min_served_share=0.9"])
    text = str(caught.value)
    assert "floor, city: have 66.67 %, need 90 % of the demand; lower it to at most 0.6666" in text
    assert "budget: have PKR 1,000, need PKR 2,000; raise it to PKR 2,000" in text
    plan = siting.run(town, ["program.budget_pkr=1_000", "program.min_served_share=0.66"])
    assert plan.served_share > 0.66


def test_a_run_that_fails_leaves_nothing(town, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(InfeasibleError):
        siting.run(town, ["program.min_served_share=1", "program.budget_pkr=1"], out=out)
    assert not out.exists()
    assert not [p for p in tmp_path.iterdir() if "out" in p.name]


def test_a_folder_that_holds_something_is_refused_before_the_work(town, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    events = []
    with pytest.raises(InputError, match="not empty"):
        siting.run(town, out=out, progress=events.append)
    assert events == []
    assert (out / "mine.txt").read_text() == "keep"


def test_check_lists_faults_of_several_inputs_at_once(town):
    folder = town.parent
    (folder / "people.csv").write_text("lon,lat,people\n73.0,33.6,-5\n")
    (folder / "sites.csv").write_text("lon,lat,name\n70.0,30.0,Far pump\n")
    report = room.check(town, overrides=["offers.configurations.odd.warp_9=1"], today=TODAY)
    text = "\n".join(map(str, report.faults))
    assert "people.csv, column people" in text
    assert "sites.csv" in text
    assert not report.notes


def test_check_of_a_good_config_finds_nothing(town):
    report = room.check(town, today=TODAY)
    assert report.faults == []
    assert "no problems; 2 candidates" in report.notes[0]


def test_check_reports_config_faults_with_file_and_line(town):
    config = yaml.safe_load(town.read_text())
    config["reach"]["cutoff_min"] = 0
    town.write_text(yaml.safe_dump(config, sort_keys=False))
    report = room.check(town, today=TODAY)
    assert any("cutoff_min" in f.where and "line" in f.where for f in report.faults)


def test_a_year_gone_by_is_refused(town):
    with pytest.raises(ConfigError, match="year"):
        Study(town, ["year=2025"], today=TODAY)


@pytest.mark.parametrize("whole", [5, None])
def test_a_section_given_whole_and_in_part_is_refused(town, whole):
    study = Study(town, today=TODAY)
    with pytest.raises(ConfigError, match="is part of `solver`, which is set as a whole"):
        study.with_(**{"solver": whole, "solver.gap": 0.1})


@pytest.mark.slow
def test_no_candidate_within_reach_is_an_error_not_an_empty_plan(town):
    shutil.copy(town.parent / "sites_far.csv", town.parent / "sites.csv")
    with pytest.raises(InputError) as caught:
        siting.run(town, ["reach.cutoff_min=0.05"])
    assert "reach" in str(caught.value)


def test_the_part_of_the_city_that_the_roads_surround_names_its_sites(town):
    tags = '<tag k="place" v="suburb"/><tag k="name" v="{}"/>'
    node = f'<node id="{{}}" lat="{{}}" lon="73.006">{tags}</node>'
    parts = node.format(900, 33.6005, "Saddar") + node.format(901, 33.7, "Far")
    roads = town.parent / "roads.osm"
    roads.write_text(roads.read_text().replace("</osm>", f"{parts}</osm>"))
    study = Study(town)
    assert study.neighbourhoods["name"].tolist() == ["Saddar"]
    assert study.neighbourhoods.crs == study.network.crs
    where = study.candidates.set_index("name")["whereabouts"]
    assert where["West pump"] == "Saddar"
    assert where["East pump"].startswith("at 33.6000 N")  # too far from the middle of Saddar


@pytest.mark.slow
def test_row_order_of_the_inputs_changes_nothing(town):
    first = siting.run(town)
    for name in ("people.csv", "sites.csv"):
        frame = pd.read_csv(town.parent / name)
        frame.iloc[::-1].to_csv(town.parent / name, index=False)
    again = siting.run(town)
    assert first.outcome.offers == again.outcome.offers
    pd.testing.assert_frame_equal(first.service, again.service)


@pytest.mark.slow
def test_roads_of_openstreetmap_credit_it_in_every_output(town, tmp_path):
    whose = ", licence: CC0, attribution: nobody"
    text = town.read_text(encoding="utf-8")
    assert whose in text
    streets = "    - {kind: streets, spacing_m: 400}\noffers:"
    town.write_text(text.replace(whose, "").replace("offers:", streets, 1), encoding="utf-8")
    out = tmp_path / "out"
    siting.run(town, out=out)
    credit = "© OpenStreetMap contributors (ODbL 1.0, " + date.today().isoformat() + ")"
    inputs = json.loads((out / "run.json").read_text(encoding="utf-8"))["inputs"]
    for key in ("roads.source", "candidates.sources.1"):
        of_it = next(record for record in inputs if record["key"] == key)
        assert of_it["source"] == "© OpenStreetMap contributors"
        assert of_it["licence"] == "ODbL 1.0"
    for layer in ("sites", "demand", "service", "candidates"):
        assert credit in json.loads((out / f"{layer}.geojson").read_text("utf-8"))["description"]
    with closing(sqlite3.connect(out / "plan.gpkg")) as held:
        told = dict(held.execute("select table_name, description from gpkg_contents"))
    del told["layer_styles"]  # which QGIS reads for itself
    assert not {name: text for name, text in told.items() if credit not in text}
    with zipfile.ZipFile(out / "plan.qgz") as project:
        layout = project.read("plan.qgs").decode("utf-8")
    assert credit in layout[layout.index("<Layout ") :]
    assert pd.read_csv(out / "sites.csv")["note"].str.contains(credit, regex=False).all()
    stored = room.plan_from_run(out)
    drawn = " ".join(text.get_text() for text in stored.plot().texts).replace("\n", " ")
    assert credit in drawn
    whole = siting.Study(town).plan.to_geojson()
    assert credit in json.dumps(whole, ensure_ascii=False)


ROADS_ONLY = """
name: haripur
roads: {source: {kind: file, path: roads.osm}}
demand:
  city: Haripur
  like: peshawar
  city_people: 150_000
  people: {kind: streets, total: 150_000, basis: my estimate}
candidates:
  sources:
    - {kind: osm_file, path: roads.osm, tags: {amenity: [fuel]}}
    - {kind: streets, spacing_m: 900}
program: {budget_pkr: 2_000_000_000}
solver: {gap: 0.05, time_limit_s: 10}
"""


@pytest.mark.slow
def test_a_road_file_alone_makes_a_plan_that_says_what_it_lacks(town, caplog):
    text = (town.parent / "roads.osm").read_text(encoding="utf-8")
    assert "amenity" not in text
    path = town.parent / "haripur.yaml"
    path.write_text(ROADS_ONLY, encoding="utf-8")
    plan = siting.run(path, ["demand.fleet_csv=fleet.csv", "demand.vehicle_classes=[two_wheeler]"],
                      out=town.parent / "out")  # fmt: skip
    assert "candidates.sources.0 yields no place" in caplog.text
    assert set(plan.candidates["kind"]) == {"street"}
    facts = json.loads((town.parent / "out" / "run.json").read_text(encoding="utf-8"))
    assert facts["demand"]["city"] == "Haripur"
    (left_out,) = (line for line in facts["warnings"] if "yields no place" in line)
    assert left_out.startswith("candidates.sources.0 yields no place and is left out: ")
    page = (town.parent / "out" / "report.html").read_text(encoding="utf-8")
    assert html.escape(left_out) in page
    assert siting.study_from_run(town.parent / "out").empty_sources["key"].tolist() == [
        "candidates.sources.0"
    ]
    used_up = [line for line in facts["warnings"] if "where a station can be built has one" in line]
    assert bool(used_up) == (len(plan.new_sites) == len(plan.candidates))
    path.write_text(ROADS_ONLY.replace("    - {kind: streets, spacing_m: 900}\n", ""), "utf-8")
    with pytest.raises(InputError, match="none of the sources contains a usable site"):
        _ = Study(path).candidates
    path.write_text(
        ROADS_ONLY.replace("  people:", "  surfaces: {places: {kind: osm_file, path: roads.osm}}\n"
                                        "  people:"), "utf-8")  # fmt: skip
    with pytest.raises(InputError, match=r"leave out demand\.surfaces"):
        _ = Study(path).places


@pytest.mark.slow
def test_every_place_used_is_said_with_the_remedy(town):
    plan = siting.run(town, ["program.budget_pkr=1e9"], out=town.parent / "all")
    assert len(plan.new_sites) == len(plan.candidates) == 2
    warned = json.loads((town.parent / "all" / "run.json").read_text("utf-8"))["warnings"]
    assert any("every one of the 2 places" in line and "spacing_m" in line for line in warned)
    siting.run(town, ["program.budget_pkr=1_000"], out=town.parent / "one")
    warned = json.loads((town.parent / "one" / "run.json").read_text("utf-8"))["warnings"]
    assert not any("every one of the" in line for line in warned)


def test_a_city_that_is_like_another_needs_its_people(town):
    asked = ["demand.city=Haripur", "demand.like=peshawar", "demand.city_people=null"]
    with pytest.raises(ConfigError, match="missing, but Haripur uses figures of peshawar"):
        Study(town, asked)
    with pytest.raises(InputError, match=r"demand\.like"):
        _ = Study(town, ["demand.city=Haripur"]).city
