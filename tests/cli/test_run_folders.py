"""Runs by name: many of them, written anywhere, and beside what is not a run."""

import json
import os
from pathlib import Path

import pytest
from conftest import often
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app, run_folders
from siting.cli.run_folders import run_folder


@pytest.fixture
def near(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def put(name, **facts):
        (tmp_path / "runs" / name).mkdir(parents=True)
        text = json.dumps(facts, indent=2) + "\n"
        (tmp_path / "runs" / name / "run.json").write_text(text, encoding="utf-8")

    return put


def listed(*words):
    done = CliRunner().invoke(app, ["runs", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_the_latest_is_so_by_time_and_not_by_text(near):
    near("early", written="2026-01-02T03:00:00+05:00")  # 22:00 of the day before, in London
    near("late", written="2026-01-01T23:00:00+00:00")
    near("odd", written="yesterday")
    near("none")
    assert run_folder(Path("@latest")).name == "late"
    names = [row["run"].rpartition("/")[2] for row in json.loads(listed("--json"))]
    assert names == ["late", "early", "odd", "none"]


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, float("nan"), True, "x", [], None])
def test_no_number_beside_the_runs_stops_the_list(near, number):
    near("one", title="t", written="2026-01-01T00:00:00+00:00", status="optimal", gap=number,
         subsidy_pkr=number, new_stations=number, served_share=number)  # fmt: skip
    near("two", written="2026-01-01T23:00:00+00:00")
    assert "one" in listed()
    assert len(json.loads(listed("--json"))) == 2


def test_a_name_is_found_without_a_look_into_the_runs(near, monkeypatch):
    near("lahore-1", written="2026-01-01T00:00:00+00:00")
    monkeypatch.setattr(run_folders, "_facts", lambda _: pytest.fail("read"))
    assert run_folder(Path("lah")).name == "lahore-1"
    assert run_folders.names_like("lah") == ["lahore-1"]


@pytest.mark.skipif(os.name != "posix", reason="needs the umask of Unix")
@pytest.mark.parametrize("umask", often([0o022, 0o027, 0o002, 0o077], []))
def test_what_is_written_follows_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        siting.run(write_town(tmp_path / "town"), out=tmp_path / "run")
        siting.plan_from_run(tmp_path / "run").export(tmp_path / "plan.kml")
    finally:
        os.umask(before)
    modes = {
        p: p.stat().st_mode & 0o777 for p in [*(tmp_path / "run").rglob("*"), tmp_path / "run"]
    }
    files = {mode for path, mode in modes.items() if path.is_file()}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o777 & ~umask}
    # SQLite makes its files for the owner to write alone.
    assert files <= {0o666 & ~umask, 0o644 & ~umask}
    assert (tmp_path / "plan.kml").stat().st_mode & 0o777 == 0o666 & ~umask
