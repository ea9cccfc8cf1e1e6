"""--json: one valid document on stdout, whatever a verb finds, and the same exit code."""

import json
import os
import shutil
import subprocess
import sys
import webbrowser
from types import SimpleNamespace

import pytest
import typer.main
from conftest import often
from town import LAT, LONS, write_nation_of
from typer.testing import CliRunner

from siting.cli import app
from siting.cli.app import print_json
from siting.study import runs

VERBS = typer.main.get_command(app).commands


def here(*words, **how):
    done = CliRunner().invoke(app, [*map(str, words)], prog_name="siting", **how)
    return SimpleNamespace(
        returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr, failed=done.exception
    )


def no_such(number):
    raise ValueError(f"no number of JSON: {number}")


def document(text):
    """Return what a text says that is one document of JSON as the standard has it."""
    return json.loads(text, parse_constant=no_such)


@pytest.fixture(scope="module")
def made(stored_town, tmp_path_factory):
    """Return a folder with a town, a run of it and a nation."""
    folder = tmp_path_factory.mktemp("json")
    for name in ("town", "run"):
        shutil.copytree(stored_town() / name, folder / name)
    write_nation_of(folder / "nation")
    (folder / "layer.geojson").write_text("{", encoding="utf-8")
    (folder / "list.yaml").write_text("- a\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def planned(made):
    """Return the folder with the nation's plan in it too."""
    words = ("--workers", 1, "--out", made / "two", "--json", "-q")
    said = here("nation", made / "nation" / "nation.yaml", *words)
    assert said.returncode == 0, said.stderr
    assert document(said.stdout)["served_kwh_day"] > 0
    return made


FAULTS = [
    ["run", "no.yaml"], ["run", "list.yaml"], ["run", "{town}", "--set", "a=b"],
    ["run", "{town}", "--out", "run"], ["run", "{town}", "--write-lp", "no/x.lp", "--out", "o1"],
    ["run", "{town}", "--gap", "x"], ["run"], ["run", "{town}", "--nonsense"], ["nonsense"],
    ["run", "{town}", "--set", "program.limits.required_sites=[zz]", "--out", "o2"],
    ["run", "{town}", "--robust", "--out", "o3"], ["check", "no.yaml"], ["check"],
    ["fetch", "no.yaml"], ["demand", "no.yaml"], ["demand", "{town}", "--draws", "0"],
    ["frontier", "{town}", "--budgets", "x"], ["frontier", "{town}"],
    ["batch", "no.yaml", "--out", "o4"], ["batch", "{town}", "--sweep", "x"],
    ["batch", "{town}", "--dask", "tcp://127.0.0.1:1", "--workers", "1"],
    ["nation", "no.yaml"], ["nation", "run"], ["nation", "two", "--explain", "nowhere"],
    ["nation", "{nation}", "--explain", "a"], ["nation", "two", "--compare", "run"],
    ["runs", "--nonsense"], ["open", "nowhere"], ["open", "town"], ["report", "town"],
    ["report", "run", "--language", "xx"], ["verify", "town"], ["verify", "nowhere"],
    ["replan", "run", "--drop", "zz"], ["replan", "run", "--add", "layer.geojson"],
    ["export", "run", "--to", "x.zip"], ["export", "run", "--to", "x.kml", "--layer", "zz"],
    ["trace", "run", "zz"], ["trace", "town", "c00001"], ["explain", "run", "zz"],
    ["explain", "run", "--alternatives", "99"], ["rerun", "town"],
    ["rerun", "run", "--set", "roads.source.path=no.osm"],
    ["evaluate", "{town}", "--sites", "layer.geojson"],
    ["evaluate", "{town}", "--sites", "no.csv", "--map-config", "x"],
    ["compare", "run"], ["compare", "run", "nowhere"], ["simulate", "run", "--days", "1"],
    ["simulate", "run", "--spread", "-5"], ["demo", "--out", "list.yaml"],
    ["new", "nowhere"], ["new", "lahore", "--out", "list.yaml"], ["cities", "--nonsense"],
    ["schema"], ["lots", "run", "--lots", "9"], ["papers", "run", "--kind", "zz"],
    ["award", "{town}", "--bids", "no.csv", "--out", "o5"], ["award", "{town}"],
]  # fmt: skip


@pytest.mark.parametrize(
    "words", often(FAULTS, [words for words in FAULTS if "two" not in words][::4]), ids=" ".join
)
def test_a_fault_is_one_document_with_where_what_and_fix(made, words, monkeypatch, request):
    if "two" in words:
        request.getfixturevalue("planned")
    monkeypatch.chdir(made)
    words = [w.format(town="town/town.yaml", nation="nation/nation.yaml") for w in words]
    loud = here(*words, "--json")
    failed = (
        ["verify", "town"],
        ["nation", "run"],
        ["batch", "no.yaml"],
    )  # which were made, and found something
    assert loud.returncode == (1 if words[:2] in failed else 2)
    assert not isinstance(loud.failed, Exception), loud.failed
    said = document(loud.stdout)
    if words[0] == "check" and len(words) > 1:  # which has a form for each configuration
        assert said[0]["faults"]
        return
    if words[0] == "batch" and words[1] == "no.yaml":  # a row per study
        assert said[0]["error"]
        return
    if words[0] in ("verify", "nation") and "error" not in said:
        assert said["faults"]
        return
    assert said.keys() == {"error"}
    for fault in said["error"]:
        assert fault.keys() == {"where", "what", "fix"}
        assert fault["what"]
    if words[0] != "schema":
        assert loud.stderr


@pytest.mark.slow
def test_what_every_verb_says_is_one_document(planned, monkeypatch, tmp_path):
    monkeypatch.chdir(planned)
    monkeypatch.setattr(webbrowser, "get", lambda: SimpleNamespace(open=lambda _: True))
    theirs = tmp_path / "theirs.csv"
    shutil.copy(planned / "town" / "sites.csv", theirs)
    bids = tmp_path / "bids.csv"
    bids.write_text(f"bid,bidder,lon,lat,chargers,ask_pkr\na,X,{LONS[1]},{LAT},1 x socket,500\n")
    town, out = "town/town.yaml", iter(range(99))
    asked = {
        "run": [town, "--out", tmp_path / "a"], "check": [town], "fetch": [town],
        "demand": [town, "--draws", 10, "--out", tmp_path / "d"],
        "frontier": [town, "--budgets", "[1000,2000]", "--out", tmp_path / "f"],
        "batch": [town, "--workers", 1, "--out", tmp_path / "b"], "nation": ["two"],
        "runs": [], "open": ["run"], "report": ["run", "--out", tmp_path / "r.html"],
        "verify": ["run"], "replan": ["run", "--out", tmp_path / "p"],
        "export": ["run", "--to", tmp_path / "x.kml"], "trace": ["run", "s0001"],
        "explain": ["run", "s0001", "--alternatives", 0], "rerun": ["run"],
        "compare": ["run", "run", "--out", tmp_path / "c"],
        "simulate": ["run", "--days", 2, "--out", tmp_path / "s"],
        "demo": ["--files-only", "--out", tmp_path / "demo"], "cities": [],
        "new": ["multan", "--out", tmp_path / f"{next(out)}.yaml"],
        "lots": ["run", "--lots", 2, "--out", tmp_path / "l"],
        "papers": ["run", "--kind", "load", "--out", tmp_path / "load.docx"],
        "award": [town, "--bids", bids, "--out", tmp_path / "award"],
        "evaluate": [town, "--sites", theirs, "--map-config", "x=hub", "--out", tmp_path / "e"],
    }  # fmt: skip
    assert asked.keys() == set(VERBS) - {"schema"}
    for verb, words in asked.items():
        done = here(verb, *words, "--json")
        assert document(done.stdout) is not None, verb
        assert verb in ("evaluate", "compare") or done.returncode == 0, (verb, done.stderr)


@pytest.mark.slow
def test_two_questions_of_a_nation_are_one_document(planned, monkeypatch):
    monkeypatch.chdir(planned)
    done = here("nation", "two", "--explain", "town", "--compare", "two", "--json")
    assert done.returncode == 0, done.stderr
    assert {"lines", "plans", "changes"} <= document(done.stdout).keys()


def test_what_is_not_finite_is_null(capsys):
    print_json({"a": float("nan"), "b": [float("inf"), 1.5]})
    assert document(capsys.readouterr().out) == {"a": None, "b": [None, 1.5]}


@pytest.mark.parametrize(
    ("err", "code", "what"),
    [
        (KeyboardInterrupt(), 130, "Stopped; nothing was written."),
        (MemoryError(), 2, "not enough memory"),
        (OSError(28, "No space left on device", "x"), 2, "No space left"),
        (RuntimeError("odd"), 1, "siting itself failed: RuntimeError: odd"),
    ],
)
def test_what_no_one_expected_is_told_as_json_too(made, monkeypatch, err, code, what):
    def fails(*_, **__):
        raise err

    monkeypatch.setattr(runs, "Study", fails)
    done = here("run", made / "town" / "town.yaml", "--json")
    assert done.returncode == code
    assert what in document(done.stdout)["error"][0]["what"]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs limits of Unix")
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_of_any_encoding_costs_no_work(made, tmp_path, encoding):
    def said(*words):
        command = [sys.executable, "-m", "siting.cli", "run", str(made / "town" / "town.yaml")]
        return subprocess.run(
            [*command, "--set", "title=شہر → city", "--out", str(tmp_path / words[0]), *words[1:]],
            capture_output=True, check=False, env={**os.environ, "PYTHONIOENCODING": encoding},
        )  # fmt: skip

    done = said("a")
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"\\u0634" in done.stdout
    done = said("b", "--json", "-q")
    assert document(done.stdout.decode(encoding))["title"] == "شہر → city"
