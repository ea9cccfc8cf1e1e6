"""`siting nation FOLDER`: what was edited in a nation's folder shows, with mended hashes too."""

import json
import shutil

import pytest
from reseal import reseal, reseal_nation, text
from town import write_nation_by_year, write_nation_of
from typer.testing import CliRunner

from siting.cli import app
from siting.errors import InputError, SitingError
from siting.export import json_text
from siting.nation import Nation, read_nation, verify_nation


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nation")
    Nation(write_nation_of(folder)).solve(folder / "out")
    return folder / "out"


@pytest.fixture
def out(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "out")


@pytest.mark.slow
def test_a_folder_as_it_was_written_holds(out):
    found = verify_nation(out)
    assert found.faults == []
    checks = ["files", "sums", "plan", "town", "half", "bounds", "written"]
    assert list(found.held) == checks
    assert any("not provable from the folder alone" in note for note in found.notes)


@pytest.mark.slow
def test_the_verb_says_that_it_holds(out):
    done = CliRunner().invoke(app, ["nation", str(out), "--json", "-q"])
    assert json.loads(done.stdout)["holds"]


@pytest.mark.slow
def test_money_by_year_holds_too(tmp_path):
    Nation(write_nation_by_year(tmp_path, {2029: 2000, 2030: 1000})).solve(tmp_path / "out")
    assert verify_nation(tmp_path / "out").faults == []


def told(name, change):
    def edit(out):
        facts = json.loads((out / name).read_text(encoding="utf-8"))
        change(facts)
        (out / name).write_text(json_text(facts), encoding="utf-8")

    return edit


EDITS = {
    "page": text("index.html", "</h1>", " (approved)</h1>"),
    "stations": text("stations.geojson", "West pump", "Best pump"),
    "cities": text("cities.geojson", "town", "Town"),
    "splits": text("splits.csv", "population", "equal"),
    "frontier": text("frontier.csv", "750", "751"),
    "title": told("nation.json", lambda f: f.update(title="approved")),
    "written": told("nation.json", lambda f: f.update(written="by the auditor")),
    "a key more": told("nation.json", lambda f: f.update(approved=True)),
    "granted": told("basis.json", lambda f: f["granted"].update(town=[1500.0])),
    "people": told("basis.json", lambda f: f["facts"]["town"].update(people=9.0)),
    "a bound": told("answers.json", lambda f: f["answers"][0].update(bound_kwh_day=-1.0)),
    "a city's stages": lambda out: (out / "cities/town/stages/x.csv").write_text("a"),
    "a city's page": text("cities/half/sites.csv", "pump", "hub"),
    "a file": lambda out: (out / "approval.txt").write_text("a"),
    "a city more": lambda out: shutil.copytree(out / "cities/half", out / "cities/again"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_every_file_is_held_against_its_hash(out, name):
    EDITS[name](out)
    assert verify_nation(out).faults


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS)
def test_an_edit_with_mended_hashes_is_worked_out_again(out, name):
    EDITS[name](out)
    for run in (out / "cities").iterdir():
        reseal(run)
    reseal_nation(out)
    assert verify_nation(out).faults
    done = CliRunner().invoke(app, ["nation", str(out), "-q"])
    assert done.exit_code == 1


TEXTS = ("siting", "name", "title", "note", "written")
NUMBERS = ("budget_pkr", "granted_pkr", "subsidy_pkr", "gap", "floors_cost_kwh_day",
           "floors_cost_pkr", "seconds")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("value", [None, "x", 1.5, [], {}])
def test_facts_of_another_form_are_a_plain_fault(out, value):
    """Of read_nation, which `--explain` and `--compare` begin with."""
    facts = json.loads((out / "nation.json").read_text(encoding="utf-8"))
    # Of these one text, or one number, is as good as another to whoever adds up.
    others = {"x": TEXTS, 1.5: NUMBERS}.get(value if isinstance(value, str | float) else "", ())
    for key in (key for key in facts if facts[key] != value and key not in others):
        (out / "nation.json").write_text(json_text({**facts, key: value}), encoding="utf-8")
        reseal_nation(out)
        with pytest.raises(SitingError, match=r"nation\.json|cities\.csv|certificate|town"):
            read_nation(out)
    lacking = {k: v for k, v in facts.items() if k != "failed"}
    (out / "nation.json").write_text(json_text(lacking), encoding="utf-8")
    reseal_nation(out)
    with pytest.raises(InputError, match=r"nation\.json, key failed: is missing"):
        read_nation(out)
