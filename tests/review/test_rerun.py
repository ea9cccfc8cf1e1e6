"""A run repeated from its folder: what is the same, what differs, and what cannot be."""

import json
import shutil

import pandas as pd
import pytest
import yaml
from config.test_load import FULL, write_study
from reseal import reseal
from typer.testing import CliRunner

from siting import Study
from siting.cli import app
from siting.config import input_files, load
from siting.errors import ConfigError, InputError
from siting.files import sha256
from siting.review import rerun


@pytest.fixture(scope="module")
def first(stored_town):
    return stored_town()


@pytest.fixture
def stored(first, tmp_path):
    """Return a copy of a run and of its town, which a test may change."""
    shutil.copytree(first / "town", tmp_path / "town")
    shutil.copytree(first / "run", tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    config.write_text(config.read_text().replace(str(first), str(tmp_path)))
    reseal(tmp_path / "run")
    return tmp_path


def part(found, what):
    (only,) = [p for p in found.compared if p.what == what]
    return only


def edit(path, **changes):
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | changes), encoding="utf-8")
    reseal(path.parent)


def here(*words):
    done = CliRunner().invoke(
        app, ["rerun", *map(str, words)], prog_name="siting", catch_exceptions=False
    )
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.slow
def test_the_same_again(stored):
    found = rerun(stored / "run", out=stored / "again")
    assert found.same
    assert all(p.same for p in found.compared)
    assert [p.what for p in found.compared] == [
        "inputs", "figures", "tables", "objective", "plan", "versions"
    ]  # fmt: skip
    assert part(found, "inputs").counted == "5 files"
    assert found.notes == ()
    for name in ("sites.csv", "offers.csv", "service.geojson"):
        assert (stored / "run" / name).read_bytes() == (stored / "again" / name).read_bytes()
    one, two = (json.loads((stored / d / "run.json").read_text()) for d in ("run", "again"))
    assert one["contents"] == two["contents"]
    assert set(one["contents"]) == {"roads", "cells", "demand", "candidates", "offers", "reach"}


@pytest.mark.slow
def test_the_verb_says_the_same_with_0_and_different_with_1(stored):
    code, out, err = here(stored / "run")
    assert code == 0
    assert "The same: " in out
    assert "Plan       same" in out
    assert err.splitlines()[0].startswith("roads")
    people = stored / "town" / "people.csv"
    people.write_text(people.read_text().replace("8\n", "7\n"))
    code, out, _ = here(stored / "run", "--json", "-q")
    assert code == 1
    said = json.loads(out)
    assert not said["same"]
    assert said["inputs"]["differences"][0].startswith("demand.people, people.csv: SHA-256 was ")
    assert said["plan"] == {"same": True, "differences": []}
    assert "Not the same" in here(stored / "run")[1]


@pytest.mark.slow
def test_each_difference_is_named(stored):
    people = stored / "town" / "people.csv"
    people.write_text(people.read_text().replace("8\n", "7\n"))
    sites = pd.read_csv(stored / "run" / "sites.csv")
    sites.loc[0, "offer_id"] = "s0009:hub"
    sites.to_csv(stored / "run" / "sites.csv", index=False)
    facts = json.loads((stored / "run" / "run.json").read_text())
    facts["packages"]["numpy"] = "1.0"
    facts["assumptions"][0]["value"] += 1
    edit(stored / "run" / "run.json", **facts)
    found = rerun(stored / "run")
    assert not found.same
    assert part(found, "objective").differences == (
        "energy served, kWh/day: was 12.000000, is 11.000000 (-8.33%)",
    )
    assert part(found, "plan").differences == (
        "s0009:hub: is not built in the rerun", "s0001:hub: was not built in the stored run"
    )  # fmt: skip
    assert part(found, "versions").differences[0].startswith("numpy: was 1.0, is ")
    assert "value: was" in part(found, "figures").differences[0]
    assert "cells: differs" in part(found, "tables").differences
    assert "roads: differs" not in part(found, "tables").differences


@pytest.mark.slow
def test_another_objective_differs_by_itself(stored):
    edit(stored / "run" / "run.json", objective_kwh_day=11.0)
    found = rerun(stored / "run")
    assert [p.what for p in found.compared if not p.same] == ["objective"]
    assert part(found, "objective").differences == (
        "energy served, kWh/day: was 11.000000, is 12.000000 (+9.09%)",
    )


@pytest.mark.slow
def test_other_versions_and_tables_alone_do_not_make_another_run(stored):
    facts = json.loads((stored / "run" / "run.json").read_text())
    edit(
        stored / "run" / "run.json",
        python="3.1",
        contents={**facts["contents"], "reach": "0"},
    )
    found = rerun(stored / "run")
    assert found.same
    assert [p.what for p in found.compared if not p.same] == ["tables", "versions"]


@pytest.mark.slow
def test_a_solve_that_was_stopped(stored):
    facts = json.loads((stored / "run" / "run.json").read_text())
    facts |= {"stopped": "time limit", "gap": 0.02, "written": "2026-03-01T10:00:00+05:00"}
    facts["solver"]["threads"] = 7
    (stored / "run" / "run.json").write_text(json.dumps(facts))
    reseal(stored / "run")
    found = rerun(stored / "run")
    assert "the first solve was stopped (time limit) at a gap of 2.00%" in found.notes[0]
    assert "a different plan is to be expected" in found.notes[0]
    assert found.notes[1] == "solver threads: 7 then, 2 now"


@pytest.mark.slow
def test_dates_are_held_against_the_day_of_the_first_run(stored):
    """A run of 2030 can be repeated in 2040; one that says 2039 never was."""
    edit(stored / "run" / "run.json", written="2039-03-01T10:00:00+05:00")
    with pytest.raises(ConfigError, match="2030 is before this year, 2039"):
        rerun(stored / "run")


@pytest.mark.slow
def test_an_input_that_has_moved(stored):
    (stored / "town" / "people.csv").rename(stored / "moved.csv")
    code, _, err = here(stored / "run")
    assert code == 2
    assert "key demand.people.path: no such file" in err
    found = rerun(stored / "run", [f"demand.people.path={stored / 'moved.csv'}"])
    assert found.notes == ("keys set by hand: demand.people.path",)
    assert found.same  # wherever it lies and whatever it is called
    (stored / "moved.csv").write_text("lon,lat,people\n73.0,33.6,99\n")
    code, _, err = here(stored / "run", "--set", f"demand.people.path={stored / 'moved.csv'}", "-q")
    assert code == 2
    assert "changed since the first run: demand.people, moved.csv: SHA-256 was " in err


@pytest.mark.slow
def test_what_is_no_run(tmp_path, stored):
    with pytest.raises(InputError) as caught:
        rerun(tmp_path / "nothing")
    assert [f.what for f in caught.value.faults] == ["no such run folder"]
    edit(stored / "run" / "run.json", format=99)
    with pytest.raises(InputError, match="format 99 and was written by"):
        rerun(stored / "run")
    (stored / "run" / "run.json").write_text('{"format": 3}')
    reseal(stored / "run")
    with pytest.raises(InputError, match="lacks keys"):
        rerun(stored / "run")
    (stored / "run" / "run.json").write_text("{")
    assert here(stored / "run")[0] == 2


@pytest.mark.slow
def test_where_no_plan_is_left_that_is_a_difference(stored):
    config = stored / "run" / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["program"] |= {"min_served_share": 0.9, "budget_pkr": 1000}
    config.write_text(yaml.safe_dump(settings))
    reseal(stored / "run")
    code, _, err = here(stored / "run", "-q")
    assert code == 1
    assert "the run had a plan, but now there is none" in err


def test_every_input_file_of_a_configuration_is_in_run_json(tmp_path):
    path = write_study(tmp_path, FULL)
    for i, file in enumerate(sorted(tmp_path.iterdir())):
        if file != path:
            file.write_text(str(i))
    config = load(path)
    files = input_files(config)
    assert len(files) > 15
    records = [r for r in Study(config).inputs if "file" in r]
    assert len(records) == len(files)
    wanted = sorted((file.name, sha256(file)) for file in files.values())
    assert sorted((r["file"], r["sha256"]) for r in records) == wanted
    assert len({r["key"] for r in Study(config).inputs}) == len(Study(config).inputs)
