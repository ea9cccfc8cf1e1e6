"""Outputs named where something stands: refused, and all that was there is as it was."""

import hashlib
import shutil
from datetime import datetime

import pytest
from batch_driver import Inline, start_call
from town import write_nation_of
from typer.testing import CliRunner

import siting
from siting import study
from siting.batch import list_studies, run_batch
from siting.cli import app
from siting.errors import InputError
from siting.nation import Nation
from siting.review import verify_run
from siting.writing import claimed_folder

PATIENCE_S = 300


@pytest.fixture
def home(stored_town, tmp_path):
    """Return a copy of a town, its run, and a folder of the user's, to be spoilt."""
    shutil.copytree(stored_town() / "town", tmp_path / "home")
    shutil.copytree(stored_town() / "run", tmp_path / "home" / "run")
    notes = tmp_path / "home" / "notes"
    notes.mkdir()
    for name in ("index.html", "results.csv", "plan.xlsx"):
        (notes / name).write_text("mine", encoding="utf-8")
    return tmp_path / "home"


def all_of(folder):
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file() and p.relative_to(folder).parts[0] != "cache"
    }


REFUSED = [
    # The configuration, its inputs, and a file of the user's.
    ("run town.yaml --out other --write-lp town.yaml", "town.yaml: already exists"),
    ("run town.yaml --write-lp people.csv", "people.csv: already exists"),
    ("report run --out town.yaml", "town.yaml: already exists"),
    ("report run --out notes/index.html", "index.html: already exists"),
    ("export run --to notes/plan.xlsx", "plan.xlsx: already exists"),
    ("new multan --out town.yaml", "town.yaml: already exists"),
    ("run town.yaml --out notes", "notes: already exists and is not empty"),
    ("run town.yaml --out people.csv", "people.csv: already exists and is not a folder"),
    ("batch town.yaml --out notes", "notes: has files with the names of a batch"),
    # A run: its files, and new ones in it.
    ("export run --to run/sites.geojson", "sites.geojson: already exists"),
    ("export run --to run/mine.geojson", "must stay unchanged"),
    ("report run --out run/sites.csv", "sites.csv: already exists"),
    ("report run --out run/mine.html", "must stay unchanged"),
    ("run town.yaml --write-lp run/town.lp", "must stay unchanged"),
    ("new multan --out run/stages/multan.yaml", "must stay unchanged"),
    ("run town.yaml --out run/again", "must stay unchanged"),
    ("run town.yaml --out run", "run: already exists and is not empty"),
    ("batch town.yaml --out run", "must stay unchanged"),
    ("demand town.yaml --out run/demand", "must stay unchanged"),
    ("frontier town.yaml --budgets [1e3,2e3] --out notes", "already exists and is not empty"),
    ("evaluate town.yaml --sites sites.csv --out notes", "notes: already exists and is not empty"),
    ("simulate run --out notes", "notes: already exists and is not empty"),
    ("compare run run --out notes", "notes: already exists and is not empty"),
    ("replan run --budget 1000 --out notes", "notes: already exists and is not empty"),
    ("rerun run --out notes", "notes: already exists and is not empty"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "told"), REFUSED)
def test_no_verb_replaces_what_is_there(home, monkeypatch, words, told):
    monkeypatch.chdir(home)
    before = all_of(home)
    done = CliRunner().invoke(app, words.split(), prog_name="siting", catch_exceptions=False)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert "solve" not in done.stderr  # refused before the work
    assert all_of(home) == before


@pytest.mark.slow
def test_no_call_in_python_replaces_what_is_there(home):
    plan = siting.run(home / "town.yaml")
    run = siting.plan_from_run(home / "run")
    (home / "map.svg").write_text("mine", encoding="utf-8")
    before = all_of(home)
    town = home / "town.yaml"
    calls = [
        lambda: siting.run(town, write_lp=town),
        lambda: siting.run(town, out=home / "notes"),
        lambda: run.export(home / "notes" / "plan.xlsx"),
        lambda: run.export(home / "run" / "sites.geojson"),
        lambda: plan.export(home / "run" / "stages" / "sites.geojson"),
        lambda: plan.save(home / "run"),
        lambda: plan.explore().save(home / "notes" / "index.html"),
        lambda: plan.save_pictures(home),
        lambda: plan.study.program.write_lp(town),
        lambda: plan.study.network.to_parquet(home / "people.csv"),
        lambda: siting.study.write_report(home / "run", town),
        lambda: run_batch(list_studies([town]), Inline(), out=home / "notes"),
    ]
    for call in calls:
        with pytest.raises(InputError, match=r"already exists|must stay|no batch wrote them"):
            call()
    assert all_of(home) == before
    assert verify_run(home / "run").faults == []


@pytest.mark.slow
def test_a_run_of_its_own_gets_its_page_anew(home):
    page = home / "run" / "report.html"
    before = page.read_bytes()
    page.write_text("old", encoding="utf-8")
    for out in (None, page):
        assert siting.study.write_report(home / "run", out) == page
    assert page.read_bytes() == before


@pytest.mark.slow
def test_a_batch_goes_on_in_its_own_folder_and_leaves_what_else_is_there(home):
    out = home / "many"
    out.mkdir()
    (out / "readme.txt").write_text("mine", encoding="utf-8")
    (out / ".part-mine").write_text("mine", encoding="utf-8")
    (out / ".work" / "mine~1").mkdir(parents=True)
    (out / ".work" / "mine.lock").write_text("mine", encoding="utf-8")
    studies = list_studies([home / "town.yaml"])
    for _ in range(2):
        assert run_batch(studies, Inline(), out=out).failed == 0
        for kept in ("readme.txt", ".part-mine", ".work/mine.lock"):
            assert (out / kept).read_text(encoding="utf-8") == "mine"
        assert (out / ".work" / "mine~1").is_dir()
    (out / "results.parquet").write_bytes((home / "run" / "stages" / "demand.parquet").read_bytes())
    with pytest.raises(InputError, match=r"no batch wrote them .*index.html, results.parquet"):
        run_batch(studies, Inline(), out=out)


def run_now(town, now):
    study.run_to_folder(town, now=now)


@pytest.mark.slow
def test_two_default_runs_in_one_second_are_two_runs(home):
    now = datetime(2026, 11, 27, 12).astimezone()
    calls = [start_call(run_now, home / "town.yaml", now) for _ in range(2)]
    for call in calls:
        call.join(PATIENCE_S)
    assert [call.exitcode for call in calls] == [0, 0]
    made = sorted(home.glob("runs/*"))
    assert [p.name for p in made] == ["town-20261127-120000", "town-20261127-120000-2"]
    assert [verify_run(p).faults for p in made] == [[], []]
    assert list(home.glob("runs/.*")) == []


@pytest.mark.slow
def test_two_runs_to_one_folder_the_second_is_refused_before_it_reads(home):
    with claimed_folder(home / "one") as (part, _):
        done = CliRunner().invoke(
            app, ["run", str(home / "town.yaml"), "--out", str(home / "one")], prog_name="siting"
        )
        (part / "x").write_text("x", encoding="utf-8")
    assert done.exit_code == 2
    assert "is writing it; name another folder" in done.stderr
    assert "roads" not in done.stderr
    assert [p.name for p in (home / "one").iterdir()] == ["x"]


def test_a_nation_is_refused_before_a_city_is_asked(tmp_path):
    path = write_nation_of(tmp_path)
    told = []
    with pytest.raises(InputError, match="already exists and is not empty"):
        Nation(path, workers=1, progress=told.append).solve(tmp_path / "a")
    assert told == []


@pytest.mark.slow
def test_a_nation_that_is_being_written_is_refused_and_the_next_numbered(tmp_path):
    path = write_nation_of(tmp_path)
    told = []
    now = datetime(2026, 11, 27, 12).astimezone()
    name = "two-20261127-120000"
    with claimed_folder(tmp_path / "runs" / name):
        with pytest.raises(InputError, match="is writing it"):
            Nation(path, workers=1, progress=told.append).solve(tmp_path / "runs" / name)
        assert told == []
        _, folder = Nation(path, workers=1).to_folder(now=now)
    assert folder.name == f"{name}-2"
    assert (folder / "nation.json").is_file()
