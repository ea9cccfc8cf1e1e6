"""Stored runs side by side, from their folders alone."""

import json
import shutil
from dataclasses import replace

import geopandas as gpd
import pandas as pd
import pytest
from reseal import reseal
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.review.compare import _compared, compare
from siting.study.report_page import record_of


def here(*words):
    return CliRunner().invoke(app, [*map(str, words)], prog_name="siting", catch_exceptions=False)


@pytest.fixture(scope="module")
def town(stored_town):
    return stored_town("program.budget_pkr=1_000") / "town" / "town.yaml"


@pytest.fixture(scope="module")
def runs(town, tmp_path_factory):
    """Return two runs: the west hub; both hubs."""
    folder = tmp_path_factory.mktemp("compare")
    shutil.copytree(town.parent.with_name("run"), folder / "one")
    siting.run(town, ["program.budget_pkr=2_000"], out=folder / "two")
    return folder


@pytest.fixture(scope="module")
def three_runs(town, runs):
    """Return the two runs and one of both hubs, the west one with two sockets or more."""
    keys = ["program.budget_pkr=4_000", "offers.configurations={hub: {socket: 2}}"]
    siting.run(town, keys, out=runs / "big")
    return runs


def test_figures_settings_and_stations_of_two_runs(runs):
    found = compare([runs / "one", runs / "two"])
    assert found.runs == ["one", "two"]
    figures = found.figures.set_index("figure")
    assert figures.loc["served_kwh_day", ["one", "two"]].tolist() == pytest.approx([8.0, 12.0])
    assert figures.loc["served_two_wheeler_share", "one"] == pytest.approx(2 / 3)
    assert figures.loc["new_stations", ["one", "two"]].tolist() == [1, 2]
    assert figures.loc["subsidy_pkr", ["one", "two"]].tolist() == [1000, 2000]
    assert found.settings["key"].tolist() == ["program.budget_pkr"]
    sites = found.sites.set_index("name")
    assert sites.loc["West pump", "status"] == "all"
    assert sites.loc["East pump", ["status", "in_runs", "not_in_runs"]].tolist() == [
        "some", "two", "one"
    ]  # fmt: skip
    assert pd.isna(sites.loc["East pump", "id_1"])
    assert found.counts == {"all": 1, "changed": 0, "only in two": 1}


@pytest.mark.slow
def test_a_station_with_other_chargers_is_told(three_runs):
    runs = three_runs
    found = compare([runs / "two", runs / "big"])
    assert found.counts == {"all": 0, "changed": 2}
    assert set(found.settings["key"]) == {
        "program.budget_pkr", "offers.configurations.hub.socket"
    }  # fmt: skip
    three = compare([runs / "one", runs / "two", runs / "big"])
    assert three.counts == {"all": 0, "changed": 1, "only in two; big": 1}


@pytest.mark.slow
def test_places_match_by_place_where_ids_differ(runs):
    two = record_of(runs / "two")
    ids = sorted(two.sites["site_id"])
    assert len(ids) == 2

    def other(**columns):
        return _compared(["two", "other"], [two, replace(two, sites=two.sites.assign(**columns))])

    swapped = other(site_id=two.sites["site_id"].map(dict(zip(ids, ids[::-1], strict=True))))
    assert swapped.counts == {"all": 2, "changed": 0}
    assert (swapped.sites["id_1"] != swapped.sites["id_2"]).all()

    def east(degrees):
        moved = two.sites.geometry.translate(degrees)
        one = two.sites["site_id"] == ids[1]
        return other(geometry=two.sites.geometry.mask(one, moved))

    assert east(0.0002).counts == {"all": 2, "changed": 0}  # 20 m, then 45 m
    assert east(0.0005).counts == {
        "all": 1, "changed": 0, "only in two": 1, "only in other": 1
    }  # fmt: skip


@pytest.mark.slow
def test_the_verb_writes_its_folder(runs, tmp_path):
    done = here("compare", runs / "one", runs / "two", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.stderr
    assert "1 the same in all runs, 0 with different chargers, 1 only in two" in done.stdout
    assert {"figures.csv", "compare.html"} <= {p.name for p in (tmp_path / "out").iterdir()}


@pytest.mark.slow
def test_the_verb_writes_tables_and_a_map(three_runs, tmp_path):
    runs = three_runs
    out = tmp_path / "out"
    done = here("compare", runs / "one", runs / "two", runs / "big", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "Energy served, kWh/day" in done.stdout
    assert "program.budget_pkr" in done.stdout
    said = "New stations: 0 the same in all runs, 1 with different chargers, 1 only in two; big"
    assert said in done.stdout
    names = {p.name for p in out.iterdir()}
    assert names >= {"figures.csv", "settings.csv", "sites.csv", "differences.geojson",
                     "compare.json", "differences.png"}  # fmt: skip
    layer = gpd.read_file(out / "differences.geojson")
    assert sorted(layer["status"]) == ["changed", "some"]
    facts = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert facts["runs"] == ["one", "two", "big"]


@pytest.mark.slow
def test_without_out_the_folder_stands_beside_the_first_run(runs, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(runs / name, tmp_path / name)
    done = here("compare", tmp_path / "one", tmp_path / "two", "--json")
    assert json.loads(done.stdout)["stations"]["all"] == 1
    (made,) = [p for p in tmp_path.iterdir() if p.name.startswith("compare-")]
    assert (made / "figures.csv").is_file()


@pytest.mark.slow
def test_runs_of_two_cities_are_refused(runs, tmp_path):
    shutil.copytree(runs / "two", tmp_path / "lahore")
    path = tmp_path / "lahore" / "config.yaml"
    path.write_text(path.read_text().replace("city: islamabad", "city: lahore"))
    reseal(tmp_path / "lahore")
    with pytest.raises(InputError, match=r"is a run of lahore, .* compare runs of one city"):
        compare([runs / "two", tmp_path / "lahore"])


def test_every_fault_of_every_folder_is_named(runs, tmp_path):
    shutil.copytree(runs / "two", tmp_path / "old")
    path = tmp_path / "old" / "run.json"
    path.write_text(path.read_text().replace('"format": 3', '"format": 99'))
    shutil.copytree(runs / "two", tmp_path / "half")
    (tmp_path / "half" / "service.geojson").unlink()
    done = here("compare", tmp_path / "old", tmp_path / "half", tmp_path / "none", "--out",
                tmp_path / "out")  # fmt: skip
    assert done.exit_code == 2
    for part in ("format 99", "service.geojson: is missing", "no such run folder"):
        assert part in done.stderr, part
    assert not (tmp_path / "out").exists()


def test_one_run_or_the_same_twice_is_no_comparison(runs):
    with pytest.raises(InputError, match="1 runs; name 2 to 12"):
        compare([runs / "one"])
    with pytest.raises(InputError, match="named twice"):
        compare([runs / "one", runs / "two", runs / "one"])


@pytest.mark.slow
def test_runs_of_one_name_are_told_apart_by_their_folder(runs, tmp_path):
    shutil.copytree(runs / "one", tmp_path / "a" / "run")
    shutil.copytree(runs / "two", tmp_path / "b" / "run")
    assert compare([tmp_path / "a" / "run", tmp_path / "b" / "run"]).runs == ["a/run", "b/run"]
