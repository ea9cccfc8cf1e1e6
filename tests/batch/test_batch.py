"""Batches: what is listed, that each study is done once, and what the table says."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pandas as pd
import pytest
import yaml
from batch_driver import Inline
from pandas.testing import assert_frame_equal
from town import write_town
from typer.testing import CliRunner

import siting.batch.worker as worker
from siting import run
from siting.batch import BatchStudy, dask_pool, list_studies, results_table, run_batch
from siting.batch.studies import study_sha256, value_words
from siting.cli import app
from siting.config import load, parse_sweeps
from siting.errors import ConfigError, InputError, MissingExtraError
from siting.locks import hold

BUDGET = "program.budget_pkr"


@pytest.fixture
def town(tmp_path):
    return write_town(tmp_path / "town")


@pytest.fixture
def never(monkeypatch):
    """Make any further study an error of the test."""

    def refuse():
        def fail(task):
            raise AssertionError(f"worked out again: {task['key']}")

        monkeypatch.setattr("siting.batch.run_studies.work", fail)

    return refuse


def faults(call):
    with pytest.raises((ConfigError, InputError)) as caught:
        call()
    return [str(fault) for fault in caught.value.faults]


# ---------------------------------------------------------------- what is listed


def test_every_fault_of_the_sweeps_at_once():
    texts = [
        "a=3",
        "b",
        "c=[]",
        "d=[1, 1]",
        "e=[[1]]",
        "f=[1",
        "g=[null]",
        "h i=[1]",
        "j=[1]",
        "j=[2]",
        "output.runs_dir=[a]",
    ]
    found = faults(lambda: parse_sweeps(texts))
    wanted = ["'3' is not a list", "is not KEY=", "is empty", "1 is repeated", "a list is not",
              "not valid YAML", "a blank is not", "is not a key path", "is given twice",
              "output cannot be swept"]  # fmt: skip
    assert len(found) == len(wanted)
    for text, words in zip(found, wanted, strict=True):
        assert words in text


@pytest.mark.parametrize(
    ("sweep", "key", "what"),
    [
        ({"year": [2030, 2030]}, "sweep.year.1", "2030 is repeated"),
        ({"year": 2030}, "sweep.year", "2030 is not a list"),
        ({"title": ["a", "b"]}, "sweep.title", "title cannot be swept"),
        ({"Year": [1]}, "sweep.Year", "'Year' does not fit; expected a key path such as program."),
        ({"year": []}, "sweep.year", "is empty"),
        ({"year": [[1]]}, "sweep.year.0", "a list is not a number, text, true or false"),
    ],
)
def test_faults_of_the_section_name_the_key(town, sweep, key, what):
    text = town.read_text(encoding="utf-8") + yaml.safe_dump({"sweep": sweep})
    town.write_text(text, encoding="utf-8")
    (found,) = faults(lambda: load(town))
    assert f"key {key}: {what}" in found


def test_a_matrix_of_section_and_option(town):
    text = town.read_text(encoding="utf-8")
    section = "sweep:\n  program.budget_pkr: [1e3, 2e3]\n  solver.seed: [1, 2]\n"
    town.write_text(text + section, encoding="utf-8")
    studies = list_studies(
        [town], ["solver.gap=0.1"], {"solver.seed": [7], "reach.cutoff_min": [4, 5]}
    )
    assert [dict(s.sweep) for s in studies] == [
        {BUDGET: budget, "solver.seed": 7, "reach.cutoff_min": minutes}
        for budget in (1000.0, 2000.0)
        for minutes in (4, 5)
    ]
    assert studies[0].label == "budget_pkr 1000, seed 7, cutoff_min 4"
    made = yaml.safe_load(studies[3].text)
    assert made["title"] == "A town by hand: budget_pkr 2000, seed 7, cutoff_min 5"
    assert (made["program"]["budget_pkr"], made["reach"]["cutoff_min"]) == (2000, 5)
    assert (made["solver"]["gap"], made["sweep"]) == (0.1, {})
    assert len({s.key for s in studies}) == 4
    assert all(s.key.startswith("town-") for s in studies)


@pytest.mark.slow
def test_a_run_says_that_it_did_not_sweep(town):
    text = town.read_text(encoding="utf-8")
    town.write_text(text + "sweep: {year: [2030, 2031]}\n", encoding="utf-8")
    warned = "the `sweep` section was not used, because only siting batch reads it"
    assert warned in run(town).facts["warnings"]
    assert warned not in run(town, ["sweep={}"]).facts["warnings"]


def test_the_key_is_made_of_content_alone(town, tmp_path):
    (one,) = list_studies([town])
    moved = write_town(tmp_path / "elsewhere")
    assert [s.key for s in list_studies([town, moved])] == [one.key]  # the same, so listed once
    for override in ("output.runs_dir=x", "output.cache_dir=y", "solver.threads=9"):
        assert list_studies([town], [override])[0].key == one.key
    for override in ("solver.seed=9", "title=another", "offers.headroom_kw=1"):
        assert list_studies([town], [override])[0].key != one.key
    people = town.parent / "people.csv"
    people.write_text(people.read_text().replace("8\n", "9\n"))
    assert list_studies([town])[0].key != one.key


def test_each_input_file_counts(town):
    config = load(town)
    before = study_sha256(config)
    for name in ("roads.osm", "people.csv", "sites.csv", "fleet.csv", "chargers.csv"):
        path = town.parent / name
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n")
        assert study_sha256(config) != before
        path.write_bytes(kept)
    assert study_sha256(config) == before


def test_what_cannot_be_read_is_one_study_with_its_fault(town, tmp_path):
    studies = list_studies([tmp_path / "no.yaml", town], sweep={BUDGET: [1, -1]})
    assert [s.name for s in studies] == ["no", "town", "town"]
    assert "no such file" in studies[0].fault
    assert studies[1].fault == ""
    assert "-1 is less than 0" in studies[2].fault
    assert studies[2].key == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [(4e7, "40,000,000"), (2030, "2030"), (True, "true"), (0.125, "0.125"), ("low", "low"),
     (1234567.5, "1,234,567.50")],
)  # fmt: skip
def test_values_in_words(value, words):
    assert value_words(value) == words


# ---------------------------------------------------------------- what is done


def test_a_batch_by_hand(town, tmp_path, never):
    """1,000 rupees serve the eight in the west, 2,000 all twelve; a floor of all needs both."""
    out, told = tmp_path / "out", []
    studies = list_studies(
        [town, tmp_path / "gone.yaml"],
        ["program.min_served_share=0.9"],
        {BUDGET: [1000, 2000]},
    )
    result = run_batch(studies, Inline(), out=out, progress=told.append)
    table = result.table
    assert table["status"].to_list() == ["failed", "optimal", "failed"]
    assert result.failed == 2
    assert table["served_kwh_day"].to_list()[1] == 12
    assert table["served_share"].to_list()[1] == 1
    assert table["subsidy_pkr"].to_list()[1] == 2000
    assert table["gap"].to_list()[1] == 0
    assert table["error"].to_list()[0].splitlines() == [
        "- floor, city: have 66.67 %, need 90 % of the demand; lower it to at most 0.6666",
        "- budget: have PKR 1,000, need PKR 2,000; raise it to PKR 2,000",
    ]
    assert "no such file" in table["error"].to_list()[2]
    assert table["config"].to_list() == [str(town)] * 2 + [str(tmp_path / "gone.yaml")]
    assert [e.done for e in told if e.study] == [1, 2, 3]

    # As CSV and as Parquet it is the same table.
    assert_frame_equal(pd.read_parquet(out / "results.parquet"), table)
    stored = pd.read_csv(out / "results.csv", keep_default_na=False, na_values={"gap": [""]})
    assert stored["study"].to_list() == table["study"].to_list()
    assert stored.columns.to_list() == table.columns.to_list()
    folder = out / table["folder"].to_list()[1]
    assert {"run.json", "plan.gpkg", "sites.csv", "config.yaml"} <= {
        p.name for p in folder.iterdir()
    }
    assert yaml.safe_load((folder / "config.yaml").read_text())["sweep"] == {}
    assert sorted(p.name for p in out.iterdir()) == [
        "failed", "index.html", "results.csv", "results.parquet", "runs"
    ]  # fmt: skip

    # Started again nothing is worked out: the plan is there, and what cannot hold still cannot.
    never()
    told.clear()
    again = run_batch(studies, Inline(), out=out, progress=told.append)
    assert_frame_equal(again.table, table)
    assert [e.kept for e in told if e.study] == [True, True, False]


@pytest.mark.slow
def test_retry_and_any_executor(town, tmp_path):
    out = tmp_path / "out"
    studies = list_studies([town], ["program.min_served_share=0.9"], {BUDGET: [1000, 1500]})
    with ThreadPoolExecutor(2) as pool:
        first = run_batch(studies, pool, out=out)
    assert first.table["status"].to_list() == ["failed", "failed"]
    before = {p: p.stat().st_mtime_ns for p in (out / "failed").iterdir()}
    assert len(before) == 2
    again = run_batch(studies, Inline(), out=out, retry=True)
    assert again.failed == 2
    after = {p: p.stat().st_mtime_ns for p in (out / "failed").iterdir()}
    assert after.keys() == before.keys()
    assert all(after[p] > before[p] for p in before)


@pytest.mark.slow
def test_a_passing_failure_is_tried_again_and_forgotten(town, tmp_path, monkeypatch):
    out, studies = tmp_path / "out", list_studies([town])

    def full(*args, **options):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr("siting.study.run", full)
        table = run_batch(studies, Inline(), out=out).table
    assert table["error"].to_list() == ["OSError: no space left"]
    assert not (out / "failed").exists()
    assert run_batch(studies, Inline(), out=out).failed == 0


@pytest.mark.slow
def test_inputs_that_changed_since_the_listing_are_not_used(town, tmp_path):
    studies = list_studies([town])
    (town.parent / "people.csv").write_text("lon,lat,people\n73.0,33.6,1\n")
    table = run_batch(studies, Inline(), out=tmp_path / "out").table
    assert "input files differ" in table["error"].to_list()[0]
    assert not (tmp_path / "out" / "failed").exists()


@pytest.mark.slow
def test_a_folder_that_somebody_damaged_is_told(town, tmp_path):
    studies = list_studies([town])
    folder = tmp_path / "out" / "runs" / studies[0].key
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{")
    table = run_batch(studies, Inline(), out=tmp_path / "out").table
    assert "was damaged" in table["error"].to_list()[0]


@pytest.mark.slow
def test_one_batch_at_a_time_in_a_folder(town, tmp_path):
    out = tmp_path / "out"
    with hold(out / ".work" / "batch.lock"):
        (found,) = faults(lambda: run_batch(list_studies([town]), Inline(), out=out))
    assert "is running a batch there" in found
    assert faults(lambda: run_batch([], out=out)) == [
        "batch: there are no studies; name a configuration"
    ]


@pytest.mark.slow
def test_a_worker_refuses_what_is_not_its_batch(town, tmp_path):
    (study,) = list_studies([town])
    task = {"key": study.key, "text": study.text, "out": str(tmp_path), "token": "a",
            "siting": worker.__version__, "threads": None}  # fmt: skip
    assert "is not the batch's folder on this worker's machine" in worker.work(task)["error"]
    assert "has siting" in worker.work({**task, "siting": "0.0.0"})["error"]
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "batch.json").write_text("a")
    assert worker.work(task)["status"] == "optimal"


@pytest.mark.slow
def test_solver_threads_go_to_the_run_and_not_into_its_name(town, tmp_path):
    studies = list_studies([town])
    run_batch(studies, Inline(), out=tmp_path, threads=3)
    facts = json.loads((tmp_path / "runs" / studies[0].key / "run.json").read_text())
    assert facts["solver"]["threads"] == 3


def test_mixed_values_become_text_in_both_files():
    studies = [BatchStudy("", "c", "n", {"a.b": v, "c.d": v}, fault="x") for v in (1, "low", True)]
    table = results_table(studies, [{"status": "failed", "error": "x"}] * 3)
    assert table["a.b"].to_list() == ["1", "low", "true"]


def test_without_dask_there_is_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(MissingExtraError, match=r'pip install "siting\[dask\]"'),
        dask_pool("tcp://x"),
    ):
        pass


# ---------------------------------------------------------------- the verb


@pytest.mark.slow
def test_the_verb(town, tmp_path, monkeypatch):
    """JSON alone on stdout, a line per study on stderr, a table without it, 1 for a failure."""
    monkeypatch.setattr(
        "siting.batch.run_studies.local_pool", lambda workers: nullcontext(Inline())
    )
    monkeypatch.chdir(tmp_path)
    words = ["batch", str(town), "none.yaml", "--sweep", "program.budget_pkr=[1000,2000]"]
    words += ["--out", "out", "--workers", "1"]

    def here(*more):
        return CliRunner().invoke(app, [*words, *more], prog_name="siting", catch_exceptions=False)

    done = here("--json")
    assert done.exit_code == 1
    rows = json.loads(done.stdout)
    assert [row["status"] for row in rows] == ["optimal", "optimal", "failed"]
    assert [row["served_kwh_day"] for row in rows] == [8, 12, None]
    lines = done.stderr.splitlines()
    assert lines[0] == "1/3  none: failed: none.yaml: no such file"
    assert lines[1].startswith("2/3  town budget_pkr 1000: optimal, 66.7% served, gap 0.00%, ")
    assert len(lines) == 3

    again = here()
    assert again.stderr.splitlines()[1].endswith("s, done before")
    assert "2000 100.0%" in " ".join(again.stdout.split())
    assert "Failed none.yaml:" in again.stdout
    assert "2 optimal, 1 failed. Written to " in again.stdout
    assert here("-q").output == ""


def test_the_verb_refuses_before_it_begins(town):
    def refused(*words):
        done = CliRunner().invoke(app, ["batch", str(town), *words], prog_name="siting")
        assert done.exit_code == 2
        return done.stderr

    assert "is not a list" in refused("--sweep", "year=2030")
    assert "cannot be set with --dask" in refused("--dask", "tcp://127.0.0.1:1", "--workers", "2")
