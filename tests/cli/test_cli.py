"""The terminal as a user meets it: exit codes, streams, and what is left on disk."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import webbrowser
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.main
from conftest import ROOT
from town import change, write_nation_of, write_town
from typer.testing import CliRunner

from siting import batch as many
from siting.cli import app
from siting.cli.app import FAR_FROM_PROVEN, GROUPS, _as_typed, errors_explained, items
from siting.cli.run_folders import run_folder
from siting.engine.proof import Proof
from siting.errors import Fault, InputError
from siting.nation import NationPlan


def siting(*words):
    """Run a command in a process of its own, as a user does: all that either stream gets."""
    command = [sys.executable, "-m", "siting.cli", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def here(*words):
    """Run a command in this process, which spares the imports; an error of Python goes through."""
    done = CliRunner().invoke(app, [*map(str, words)], prog_name="siting", catch_exceptions=False)
    return SimpleNamespace(returncode=done.exit_code, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


def test_a_run_prints_a_summary_and_writes_its_folder(town):
    done = siting("run", town)
    assert done.returncode == 0, done.stderr
    assert "optimal within a proven gap of 0.00%" in done.stdout
    assert "West pump" in done.stdout
    stages = [line.split()[0] for line in done.stderr.splitlines()]
    assert stages[0] == "roads"
    after = [*("plan", "cards", "day", "demand", "what", "certificate", "facts"),
             *("isochrones", "files", "report")]  # fmt: skip
    assert stages[-len(after) :] == after
    runs = list((town.parent / "runs").iterdir())
    assert len(runs) == 1
    assert runs[0].name.startswith("town-20")
    assert str(runs[0]) in done.stdout


@pytest.mark.slow
def test_json_alone_stands_on_stdout(town, tmp_path, capfd):
    done = here("run", town, "--json", "--out", tmp_path / "out")
    assert capfd.readouterr().out == ""  # not even from a solver's own code
    facts = json.loads(done.stdout)
    assert facts["status"] == "optimal"
    assert facts == json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_quiet_is_quiet(town, tmp_path, capfd):
    done = here("run", town, "--quiet", "--out", tmp_path / "out")
    assert capfd.readouterr() == ("", "")
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)
    assert (tmp_path / "out" / "run.json").is_file()


@pytest.mark.slow
def test_two_runs_give_the_same_plan(town, tmp_path):
    for name in ("one", "two"):
        assert here("run", town, "-q", "--out", tmp_path / name).returncode == 0
    for layer in ("sites.geojson", "service.geojson", "sites.csv", "offers.csv"):
        assert (tmp_path / "one" / layer).read_bytes() == (tmp_path / "two" / layer).read_bytes()


@pytest.mark.slow
def test_set_overrides_a_key(town, tmp_path):
    out = tmp_path / "out"
    done = here("run", town, "--set", "program.budget_pkr=999", "--out", out)
    assert done.returncode == 0
    assert "cheapest offer needs" in done.stdout
    assert json.loads((out / "run.json").read_text())["new_stations"] == 0
    verified = here("verify", out)  # a plan of nothing is recounted too
    assert verified.returncode == 0, verified.stdout + verified.stderr


@pytest.mark.slow
def test_an_infeasible_program_is_exit_1_with_what_cannot_hold(town):
    done = siting("run", town, "--set", "program.min_served_share=0.9",
                  "--set", "program.budget_pkr=1000")  # fmt: skip
    assert done.returncode == 1
    assert "Not all requirements can be met" in done.stderr
    assert (
        "floor, city: have 66.67 %, need 90 % of the demand; lower it to at most 0.6666"
        in done.stderr
    )
    assert "budget: have PKR 1,000, need PKR 2,000; raise it to PKR 2,000" in done.stderr
    assert not (town.parent / "runs").exists() or not list((town.parent / "runs").iterdir())


def write(path, text):
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda f: (f / "roads.osm").unlink(), "roads.osm"),
        (lambda f: write(f / "roads.osm", "<osm><node"), "roads.osm"),
        (lambda f: write(f / "roads.osm", '<osm version="0.6"></osm>'), "roads.osm"),
        (lambda f: change(f / "town.yaml", roads={"source": {"kind": "file", "path": "r.txt"}}),
         "ending"),
        (lambda f: write(f / "people.csv", "lon,lat,people\n73.0,33.6,-1\n"), "people.csv"),
        (lambda f: write(f / "people.csv", "lon,lat,people\n73.0,33.6,\n"), "people.csv"),
        (lambda f: write(f / "people.csv", "lon,lat,people\n67.0,24.8,5\n"), "km"),
        (lambda f: write(f / "people.csv", "id,lon,lat,people\n1,73,33.6,5\n1,73,33.6,5\n"),
         "same id"),
        (lambda f: write(f / "people.csv", "lon,lat,people\n33.6,73.0,5\n"), "swapped"),
        (lambda f: change(f / "town.yaml", program={"budget_pkr": -1}), "program.budget_pkr"),
        (lambda f: change(f / "town.yaml", reach={"cutoff_min": 0}), "reach.cutoff_min"),
        (lambda f: change(f / "town.yaml", year=2021), "year"),
        (lambda f: change(f / "town.yaml", reach={"cutof_min": 5}), "cutoff_min"),
        (lambda f: change(f / "town.yaml", offers={"configurations": {"x": {"warp_9": 1}}}),
         "warp_9"),
        (lambda f: change(f / "town.yaml", demand={"city": "Atlantis"}), "Atlantis"),
        (lambda f: change(f / "town.yaml", solver={"name": "NONE"}), "solver.name"),
        (lambda f: change(f / "town.yaml", solver={"name": "NONE", "method": "milp"}), "NONE"),
        (lambda f: write(f / "sites.csv", "lon,lat,name\n70,30,Far\n"), "sites.csv"),
        (lambda f: write(f / "town.yaml", "name: [broken\n"), "line"),
        (lambda f: (f / "town.yaml").unlink(), "town.yaml"),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_error_and_nothing_written(town, spoil, expected):
    spoil(town.parent)
    done = here("run", town)
    assert done.returncode == 2, done.stderr
    assert expected in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    runs = town.parent / "runs"
    assert not runs.exists() or not list(runs.iterdir())


@pytest.mark.slow
def test_bad_input_ends_a_process_with_2_and_no_traceback(town):
    write(town.parent / "people.csv", "lon,lat,people\n73.0,33.6,-1\n")
    done = siting("run", town)
    assert done.returncode == 2
    assert "people.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_check_lists_all_faults_of_all_files(town, tmp_path):
    other = write_town(tmp_path / "other")
    change(town, reach={"cutoff_min": 0}, program={"budget_pkr": -1})
    write(other.parent / "people.csv", "lon,lat,people\n73.0,33.6,-1\n")
    done = here("check", town, other)
    assert done.returncode == 2
    for words in ("cutoff_min", "budget_pkr", "people.csv"):
        assert words in done.stderr
    good = here("check", write_town(tmp_path / "good"))
    assert good.returncode == 0
    assert "no problems" in good.stdout


def test_every_shipped_config_is_valid():
    from siting.config import load, load_nation

    paths = sorted((ROOT / "configs").glob("*.yaml"))
    assert len(paths) >= 6
    for path in paths:
        if path.stem == "nation":
            load_nation(path)
        elif not path.stem.endswith("nation"):  # that of real roads needs their files
            load(path, check_files=path.name.startswith(("islamabad", "faisalabad", "quetta")))


def test_schema_is_json_that_names_every_section():
    schema = json.loads(here("schema").stdout)
    assert {"roads", "demand", "candidates", "offers", "reach", "program"} <= schema[
        "properties"
    ].keys()


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"]])
def test_help_needs_no_heavy_import(words):
    code = (
        f"import sys; sys.argv[1:] = {words!r}; from siting.cli import main\n"
        "try: main()\nexcept SystemExit as stop: assert not stop.code\n"
        "heavy = {'geopandas','pandas','osmnx','pulp','scipy','highspy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "siting" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_nothing_half_written(town, sent):
    process = subprocess.Popen(
        [sys.executable, "-m", "siting.cli", "run", str(town)],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stderr is not None
    process.stderr.readline()  # the first stage is done, the run is under way
    process.send_signal(sent)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    _, err = process.communicate(timeout=10)
    runs = town.parent / "runs"
    left = list(runs.iterdir()) if runs.exists() else []
    if process.returncode == 0:  # the signal met the solver, or came after the end
        assert (left[0] / "run.json").is_file()
    else:
        assert process.returncode == 130
        assert b"nothing was written" in err
        assert left == []
    assert b"Traceback" not in err


def test_cities_are_listed_and_a_new_config_is_written_once(tmp_path):
    listed = here("cities")
    assert listed.returncode == 0, listed.stderr
    assert "Gujranwala" in listed.stdout
    path = tmp_path / "multan.yaml"
    assert here("new", "Multan", "--out", path).returncode == 0
    from siting.config import load

    assert load(path).demand.city == "multan"
    again = here("new", "Multan", "--out", path)
    assert again.returncode == 2
    assert "already exists" in again.stderr
    unknown = here("new", "Lahoree", "--out", tmp_path / "x.yaml")
    assert unknown.returncode == 2
    assert "did you mean Lahore" in unknown.stderr
    # Not a slip of the pen, but a place of its own, which is said.
    assert "Lahor, tehsil of Swabi" in here("new", "Lahor", "--out", tmp_path / "y.yaml").stdout


@pytest.mark.slow
def test_a_road_file_needs_no_edit(town, tmp_path):
    (town.parent / "my roads.osm").write_bytes((town.parent / "roads.osm").read_bytes())
    path = tmp_path / "elsewhere" / "haripur.yaml"
    path.parent.mkdir()
    words = ["new", "haripur", "--people", 900, "--out", path]
    assert here(*words, "--roads", town.parent / "none.osm").returncode == 2
    done = here(*words, "--roads", town.parent / "my roads.osm")
    assert done.returncode == 0, done.stderr
    checked = here("check", path)
    assert checked.returncode == 0, checked.stderr
    assert "no problems" in checked.stdout
    from siting.config import load

    config = load(path)
    kinds = [source.kind for source in config.candidates.sources]
    assert (config.roads.source.kind, kinds) == ("file", ["osm_file", "streets"])
    assert (config.demand.surfaces, config.demand.city_people) == (None, 900)
    (tmp_path / "net.graphml").write_text("", encoding="utf-8")
    only = tmp_path / "only.yaml"
    here("new", "haripur", "--roads", tmp_path / "net.graphml", "--out", only)
    assert [source.kind for source in load(only).candidates.sources] == ["streets"]


VERBS = typer.main.get_command(app).commands


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_has_a_group_json_and_an_example_of_its_own_options(name):
    verb = VERBS[name]
    options = {option for param in verb.params for option in param.opts}
    assert verb.rich_help_panel in GROUPS
    assert name == "schema" or "--json" in options
    start = f"Example: siting {name}"
    assert verb.epilog.startswith(start)
    assert set(re.findall(r"--[\w-]+", verb.epilog)) <= options
    assert len(verb.epilog) <= 78  # else the help breaks it


@pytest.fixture
def stored(tmp_path):
    for name, day in (("runs/lahore-1", 3), ("runs/lahore-2", 1), ("demo/runs/quetta-1", 2)):
        (tmp_path / name).mkdir(parents=True)
        facts = {"written": f"2026-01-0{day}T10:00:00+05:00", "served_share": 0.5}
        (tmp_path / name / "run.json").write_text(json.dumps(facts))
    (tmp_path / "runs" / "broken").mkdir()
    (tmp_path / "runs" / "broken" / "run.json").write_text("{")
    return tmp_path


@pytest.mark.parametrize(
    ("word", "path"),
    [("@latest", "runs/lahore-1"), ("lahore-2", "runs/lahore-2"), ("que", "demo/runs/quetta-1")],
)
def test_a_run_is_meant_by_its_name_its_start_or_as_the_latest(stored, monkeypatch, word, path):
    monkeypatch.chdir(stored)
    assert run_folder(Path(word)).resolve() == stored / path
    listed = json.loads(here("runs", "--json").stdout)
    names = [row["run"].rpartition("/")[2] for row in listed]
    assert names == ["lahore-1", "quetta-1", "lahore-2"]


@pytest.mark.parametrize(
    ("word", "said"),
    [("lahore", "start of 2 runs"), ("lahor-1", "did you mean lahore-1"), ("x", "siting runs")],
)
def test_a_word_that_means_no_run_is_told_what_there_is(stored, monkeypatch, word, said):
    monkeypatch.chdir(stored)
    with pytest.raises(InputError, match=said):
        run_folder(Path(word))
    done = here("verify", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_open_prints_the_path_where_there_is_no_browser(stored, monkeypatch):
    def none():
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    run = stored / "runs" / "lahore-1"
    assert "siting report" in here("open", run).stderr  # which writes the page that is missing
    (run / "report.html").write_text("<p>")
    assert here("open", run).stdout == f"{run / 'report.html'}\n"


def test_a_list_is_written_the_same_way_everywhere(town, tmp_path):
    assert items(["[a, b]", "near X, Mall Road", '["c, d"]']) == [
        "a", "b", "near X, Mall Road", "c, d",
    ]  # fmt: skip
    out = tmp_path / "batch"
    done = here("batch", town, "--sweep", "program.budget_pkr=1e6:3e6:3", "--dry-run", "--json",
                "--gap", 0.01, "--out", out)  # fmt: skip
    assert [row["sweep"] for row in json.loads(done.stdout)] == [
        {"program.budget_pkr": pkr} for pkr in (1_000_000, 2_000_000, 3_000_000)
    ]
    assert not out.exists()
    assert "3 studies would be run" in here("batch", town, "--sweep",
                                            "program.budget_pkr=[1e6,2e6,3e6]", "--dry-run",
                                            "--out", out).stdout  # fmt: skip


@pytest.mark.slow
def test_a_terminal_of_80_columns_cuts_no_word(town, tmp_path, monkeypatch):
    out = tmp_path / "runs" / "one"
    here("run", town, "--budget", 5e6, "--out", out, "-q")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    for words in (["report", out, "-q"], ["explain", out], ["trace", out, "c00001"], ["runs"],
                  ["simulate", out, "--days", 2], ["compare", out, out], ["--help"], ["cities"],
                  ["frontier", town, "--budgets", "[1e3,5e6]", "--out", tmp_path / "front"],
                  ["run", town, "--budget", 5e6, "--time-limit", 5]):  # fmt: skip
        text = re.sub(r"\x1b\[[0-9;]*m", "", here(*words).stdout)
        long = [x for x in text.splitlines() if len(x) > 80 and str(tmp_path) not in x]
        assert long == [], words
        assert "…" not in text.replace("… and", ""), words


@pytest.mark.slow
def test_a_gap_above_100_percent_is_said_first_and_by_the_exit_code(town, tmp_path, monkeypatch):
    proven = Proof.of

    def as_if_far(value, bound, **more):
        if more["unit"] == "kWh/day":
            bound = value * (1 + 105.52)
        return proven(value, bound, **more)

    monkeypatch.setattr(Proof, "of", as_if_far)
    out = tmp_path / "out"
    done = here("run", town, "--out", out)
    assert done.returncode == FAR_FROM_PROVEN == 3
    words = "FAR FROM PROVEN: gap 10,552%, over 100%; raise the time limit (solver.time_limit_s)"
    assert done.stdout.splitlines()[0] == words
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert facts["far_from_proven"] is True
    assert facts["warnings"][0] == words
    assert "Exit code 3" in here("run", "--help").stdout


@pytest.mark.slow
def test_every_verb_that_solves_for_a_plan_says_so(town, tmp_path, monkeypatch):
    run = tmp_path / "run"
    assert here("run", town, "--out", run).returncode == 0
    proven = Proof.of

    def as_if_far(value, bound, **more):
        return proven(value, value * 2.5 if more["unit"] == "kWh/day" else bound, **more)

    monkeypatch.setattr(Proof, "of", as_if_far)
    theirs = run / "sites.geojson"
    for words in (
        ["replan", run, "--budget", 3e6, "--out", tmp_path / "again"],
        ["evaluate", town, "--sites", theirs, "--out", tmp_path / "theirs"],
        ["frontier", town, "--budgets", "[1e6,5e6]", "--out", tmp_path / "front"],
    ):
        done = here(*words)
        assert done.returncode == FAR_FROM_PROVEN, words
        assert done.stdout.splitlines()[0].startswith("FAR FROM PROVEN: gap 150%"), words
        assert "Exit code 3" in here(words[0], "--help").stdout, words


@pytest.mark.slow
def test_a_batch_says_so_too(town, tmp_path, monkeypatch):
    run_batch = many.run_batch

    def as_if_far(*args, **more):
        result = run_batch(*args, **more)
        return replace(result, table=result.table.assign(gap=1.5))

    monkeypatch.setattr(many, "run_batch", as_if_far)
    done = here("batch", town, "--workers", 1, "--out", tmp_path / "batch")
    assert done.returncode == FAR_FROM_PROVEN
    assert done.stdout.splitlines()[0].startswith("FAR FROM PROVEN: gap 150%")
    assert "1 of 1 studies" in done.stdout.splitlines()[1]


@pytest.mark.slow
def test_a_nation_says_so_too(tmp_path, monkeypatch):
    monkeypatch.setattr(NationPlan, "gap", property(lambda _: 1.5))
    config = write_nation_of(tmp_path / "nation")
    done = here("nation", config, "--workers", 1, "--out", tmp_path / "out")
    assert done.returncode == FAR_FROM_PROVEN
    assert done.stdout.splitlines()[0].startswith("FAR FROM PROVEN: gap 150%")
    facts = json.loads((tmp_path / "out" / "nation.json").read_text(encoding="utf-8"))
    assert facts["far_from_proven"] is True


def test_a_verb_says_within_a_second_that_it_is_at_work(monkeypatch, capsys):
    monkeypatch.setattr(sys.modules["siting.cli.app"], "FIRST_LINE_S", 0.02)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with errors_explained():
        time.sleep(0.3)
    assert re.fullmatch(r"siting( \w+)? is at work …\n", capsys.readouterr().err)
    with errors_explained(quiet=True):
        time.sleep(0.3)
    with errors_explained():
        pass  # done before anybody wonders
    time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_arguments_are_checked_before_a_run_is_opened(tmp_path, monkeypatch):
    def opened(*_args, **_keys):
        raise AssertionError("the run was opened")

    monkeypatch.setattr("siting.cli.after_run.run_folder", opened)
    refused = CliRunner().invoke(app, ["report", str(tmp_path), "--language", "fr"])
    assert refused.exit_code == 2
    assert "'fr' is not one of 'en', 'ur'" in " ".join(refused.output.split())
    refused = CliRunner().invoke(app, ["export", str(tmp_path), "--to", "plan.doc"])
    assert refused.exit_code == 2
    assert "unknown file extension .doc" in refused.output
    assert ".parquet" in refused.output


@pytest.mark.slow
@pytest.mark.parametrize("module", ["siting.review", "siting.report", "siting.study"])
def test_what_verbs_on_a_run_load_takes_two_seconds_of_cpu_at_most(module):
    # In CPU seconds, which another's load does not lengthen much; the best of two.
    code = f"import time, {module}; print(time.process_time())"
    took = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                             timeout=120, check=True).stdout)
        for _ in range(2)
    ]  # fmt: skip
    assert min(took) <= 2.5


@pytest.mark.slow
def test_money_is_taken_as_planners_write_it(town, tmp_path):
    for n, (text, pkr) in enumerate({"5m": 5e6, "0.2cr": 2e6, "3 lakh": 3e5, "1_000": 1e3}.items()):
        done = here("run", town, "--budget", text, "--json", "--out", tmp_path / f"out{n}")
        assert json.loads(done.stdout)["budget_pkr"] == pytest.approx(pkr), text
    for text in ("5x", "-3", "much", "nan"):
        done = here("run", town, "--budget", text, "--out", tmp_path / "none")
        assert done.returncode == 2
        assert "is not a rupee amount" in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.slow
def test_money_in_words_is_taken_wherever_rupees_are(town, tmp_path):
    done = here("frontier", town, "--budgets", "1k,0.02 lakh", "--json", "--out", tmp_path / "f")
    assert [row["budget_pkr"] for row in json.loads(done.stdout)] == [1e3, 2e3]
    done = here("run", town, "--set", "program.budget_pkr=2k", "--json", "--out", tmp_path / "r")
    assert json.loads(done.stdout)["budget_pkr"] == 2e3
    done = here("batch", town, "--sweep", "program.budget_pkr=[1k,2000]", "--dry-run", "--json")
    assert [one["sweep"] for one in json.loads(done.stdout)] == [
        {"program.budget_pkr": 1e3},
        {"program.budget_pkr": 2e3},
    ]
    done = here("run", town, "--set", "program.budget_pkr=much", "--out", tmp_path / "none")
    assert done.returncode == 2
    assert "program.budget_pkr" in done.stderr


def test_a_key_that_stands_in_a_section_is_told_with_its_path(town):
    done = here("run", town, "--set", "budget_pkr=5e6")
    assert done.returncode == 2
    assert "write program.budget_pkr" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--time-limit", "0"], "--time-limit: 0 is not greater than 0"),
        (["--gap", "1"], "--gap: 1 is not less than 1"),
        (["--budget", "1e15"], "--budget: 1000000000000000.0 is greater than 100000000000000"),
        (["--set", "solver.gap=2"], "--set solver.gap: 2 is not less than 1"),
        (["--set", "solver={gap: 2}"], "--set solver, key solver.gap: 2 is not less than 1"),
        (["--set", "solver.gap"], "--set solver.gap: is not KEY=VALUE"),
        (["--set", "solver.gap=[1", "--gap", "0.1"], "--set solver.gap: the value is not valid"),
        (["--write-lp", "none/a.lp"], "--write-lp: no such folder: none"),
    ],
)
def test_a_fault_names_the_option_that_was_typed(town, tmp_path, words, said):
    done = here("run", town, *words, "--out", tmp_path / "none")
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("--") == 1


def test_faults_name_options_in_json_in_a_batch_and_in_a_check(town, tmp_path):
    done = here("run", town, "--time-limit", 0, "--json", "--out", tmp_path / "none")
    assert [one["where"] for one in json.loads(done.stdout)["error"]] == ["--time-limit"]
    done = here("batch", town, "--time-limit", 0, "--dry-run", "--json")
    assert json.loads(done.stdout)[0]["fault"].startswith("--time-limit: ")
    done = here("batch", town, "--sweep", "solver.gap=[2]", "--dry-run", "--json")
    assert json.loads(done.stdout)[0]["fault"].startswith("sweep solver.gap: ")
    assert "--set solver.gap: 2" in here("check", town, "--set", "solver.gap=2").stderr


@pytest.mark.slow
def test_runs_go_beside_the_configuration(town, monkeypatch):
    monkeypatch.chdir(town.parent)
    text = town.read_text(encoding="utf-8")
    town.write_text(text.replace("output: {runs_dir: runs, cache_dir: cache}\n", ""), "utf-8")
    assert here("run", town.name, "-q").returncode == 0
    assert [path.name.startswith("town-2") for path in (town.parent / "runs").iterdir()] == [True]
    assert sorted(path.name for path in town.parent.parent.iterdir()) == ["town"]


def test_the_name_of_a_study_means_its_newest_run(tmp_path, monkeypatch):
    for name, day in (("haripur-1", 1), ("haripur-2", 2), ("haripur-east-1", 3)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        facts = {"name": name[:-2], "written": f"2026-01-0{day}T10:00:00+05:00"}
        (folder / "run.json").write_text(json.dumps(facts))
    monkeypatch.chdir(tmp_path)
    assert run_folder(Path("haripur")).name == "haripur-2"
    assert run_folder(Path("haripur-east")).name == "haripur-east-1"
    with pytest.raises(InputError, match="start of 3 runs"):
        run_folder(Path("hari"))


def test_a_fault_names_no_option_that_was_not_typed():
    command = typer.main.get_command(app)
    fault = Fault("budget_pkr", "is too low")
    for words, place in (["--budget=2"], "--budget"), (["--drop", "s1"], "budget_pkr"):
        command.make_context("siting", ["replan", "run", *words])
        assert _as_typed(fault).where == place
