"""Kills, signals and full disks: nothing is lost, nothing half, and what is left over goes."""

import errno
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

import pulp
import pytest
import typer
from batch_driver import fetch_here, start_call, warm_up
from overpass_server import running
from town import write_place, write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.cli.app import errors_explained
from siting.engine.clock import Clock
from siting.errors import InputError, OutputError
from siting.review import verified, verify_run
from siting.roads import travel
from siting.study import write_report
from siting.writing import LOCK, PART, scratch_folder, whole_folder

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals of Unix")
PATIENCE_S = 300


def fill(out, ready, kept):
    with whole_folder(out) as part:
        (part / "x").write_text("x", encoding="utf-8")
        ready.set()
        kept.wait(PATIENCE_S)


def started(out, ready, kept):
    process = multiprocessing.get_context("fork").Process(target=fill, args=(out, ready, kept))
    process.start()
    assert ready.wait(PATIENCE_S)
    return process


def hidden(folder):
    return sorted(path.name for path in folder.glob(".*"))


def pair(name):
    """Return what a writer has beside a folder while it fills it."""
    return [f".{name}{PART}", f".{name}{PART}{LOCK}"]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_what_a_killed_writer_left_goes_and_what_a_living_one_fills_stays(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, kept = context.Event(), context.Event()
    dead = started(tmp_path / "dead", ready, kept)
    os.kill(dead.pid, signal.SIGKILL)
    dead.join(PATIENCE_S)
    assert hidden(tmp_path) == pair("dead")
    # A killed waiter may leave its event as it was: each has its own.
    ready, kept = context.Event(), context.Event()
    living = started(tmp_path / "living", ready, kept)
    assert hidden(tmp_path) == pair("living")
    with whole_folder(tmp_path / "mine"):
        assert hidden(tmp_path) == [*pair("living"), *pair("mine")]
    kept.set()
    living.join(PATIENCE_S)
    assert hidden(tmp_path) == []
    assert [sorted(p.name for p in d.iterdir()) for d in sorted(tmp_path.iterdir())] == [["x"], []]


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    return write_town(tmp_path_factory.mktemp("town"))


def kill_runs(town, folder, kills, seed):
    """Kill so many runs at random moments; return how many were met, how many came out whole."""
    warm_up(PATIENCE_S)
    begun = time.monotonic()
    siting.run(town, out=folder / "whole")
    seconds, rng = time.monotonic() - begun, random.Random(seed)
    met = whole = 0
    for turn in range(kills):
        out = folder / f"run-{turn}"
        process = start_call(siting.run, town, out=out)
        process.join(rng.uniform(0, 1.2) * seconds)
        met += process.exitcode is None
        process.kill()
        process.join(PATIENCE_S)
        if out.exists():
            whole += 1
            assert siting.plan_from_run(out).outcome.served_kwh_day == pytest.approx(12)
    with whole_folder(folder / "last"):
        pass
    assert hidden(folder) == []
    return met, whole


@pytest.mark.slow
def test_killed_runs_are_whole_or_not_there(town, tmp_path):
    met, whole = kill_runs(town, tmp_path, 3, 5)
    assert met + whole >= 3


@pytest.mark.slow
def test_many_killed_runs(town, tmp_path):
    met, whole = kill_runs(town, tmp_path, 20, 6)
    assert met >= 10
    assert met + whole >= 20


def kill_calls(kills, seed, call, *args):
    """Kill so many calls at random moments, each looked at after; at least half are met."""
    warm_up(PATIENCE_S)
    begun = time.monotonic()
    start_call(call, *args).join(PATIENCE_S)
    seconds, rng, met = time.monotonic() - begun, random.Random(seed), 0
    for _ in range(kills):
        process = start_call(call, *args)
        process.join(rng.uniform(0, 1) * seconds)
        met += process.exitcode is None
        process.kill()
        process.join(PATIENCE_S)
        yield process
    assert met >= kills // 2


@pytest.mark.slow
def test_killed_reports_are_the_old_page_or_the_new(town, tmp_path):
    run = tmp_path / "run"
    siting.run(town, out=run)
    page = (run / "report.html").read_bytes()
    for _ in kill_calls(10, 7, write_report, run):
        assert (run / "report.html").read_bytes() == page
    write_report(run)
    assert verify_run(run).faults == []


@pytest.mark.slow
def test_killed_fetches_keep_whole_answers_or_none(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as server:
        config = write_place(tmp_path, server.url)
        fetch_here(config)
        wanted = {p.name: p.read_bytes() for p in (tmp_path / "osm").glob("*.json")}
        assert wanted
        for _ in kill_calls(10, 8, fetch_here, config, tmp_path / "osm"):
            kept = {p.name: p.read_bytes() for p in (tmp_path / "osm").glob("*.json")}
            assert kept.items() <= wanted.items()
            siting.fetch(config)
    plan = siting.run(config, out=tmp_path / "run")
    assert plan.served_share > 0


@pytest.mark.slow
def test_four_runs_on_one_cache_at_once(town, tmp_path, caplog):
    """Each is whole and the same, and what they kept together is sound."""
    outs = [tmp_path / f"run-{n}" for n in range(4)]
    keys = [f"output.cache_dir={tmp_path / 'cache'}"]
    calls = [start_call(siting.run, town, keys, out=out) for out in outs]
    for call in calls:
        call.join(PATIENCE_S)
    assert [call.exitcode for call in calls] == [0] * 4
    plans = [siting.plan_from_run(out) for out in outs]
    assert [plan.outcome.offers for plan in plans] == [plans[0].outcome.offers] * 4
    kept = sorted(p for p in (tmp_path / "cache").rglob("*") if p.is_file())
    assert not [p for p in kept if p.suffix == ".lock" or ".part" in p.name]
    siting.run(town, keys, out=tmp_path / "after")
    assert caplog.messages == []  # nothing was found damaged, or built anew
    assert sorted(p for p in (tmp_path / "cache").rglob("*") if p.is_file()) == kept


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from siting.cli import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 9, 3_000, 20_000, 99_000])
def test_a_full_disk_is_an_error_in_words_and_nothing_is_left(town, tmp_path, limit):
    words = ["run", str(town), "--out", str(tmp_path / "runs" / "one"), "-q"]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(limit), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "runs").iterdir()) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 100])
def test_a_program_that_has_no_room_is_an_error_in_words(town, tmp_path, limit):
    lp = tmp_path / "town.lp"
    words = ["run", str(town), "--out", str(tmp_path / "runs" / "one"), "--write-lp", str(lp), "-q"]
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(limit), *words], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert not lp.exists()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulp.LpProblem, "writeLP", no_room)
        with pytest.raises(OutputError, match=r"town\.lp: cannot be written: .*limit on file size"):
            siting.run(town, write_lp=lp)
    assert not lp.exists()


def no_room(*_args):
    raise pulp.PulpError("File too large (os error 27)")


@pytest.mark.slow
def test_a_full_folder_for_temporary_files_is_no_fault_of_the_run(town, tmp_path, monkeypatch):
    siting.run(town, out=tmp_path / "run")

    def full(_study, out, _written):
        raise OSError(errno.ENOSPC, "No space left on device", str(out / "plan.gpkg"))

    with monkeypatch.context() as patch:
        patch.setattr(verified, "write_run", full)
        with pytest.raises(OutputError, match=r"temporary files in .*: cannot be .*TMPDIR"):
            verify_run(tmp_path / "run")
        done = CliRunner().invoke(app, ["verify", str(tmp_path / "run")])
    assert done.exit_code == 2
    assert "temporary files" in done.stderr
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(town / "below"))
        with pytest.raises(OutputError, match="temporary files"):
            verify_run(tmp_path / "run")
    with pytest.raises(ZeroDivisionError), scratch_folder():
        _ = 1 / 0
    assert verify_run(tmp_path / "run").faults == []


def test_a_place_that_is_taken_costs_no_reading(town, tmp_path):
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = CliRunner().invoke(app, ["run", str(town), "--out", str(out)])
        assert done.exit_code == 2
        assert "roads" not in done.stderr  # no stage was told of
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with whole_folder(tmp_path / "link") as part:
        (part / "x").write_text("x", encoding="utf-8")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "x").is_file()


@pytest.fixture
def the_systems_own_handlers():
    """Let Ctrl-C and SIGTERM do what they do in a program of its own, whatever runs the tests."""
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in own.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.slow
@pytest.mark.usefixtures("the_systems_own_handlers")
def test_the_second_ctrl_c_says_that_the_plan_is_gone(capsys):
    clock = Clock(9)
    with clock.listening():
        signal.raise_signal(signal.SIGINT)
        assert clock.over
        with pytest.raises(KeyboardInterrupt, match="the plan so far was discarded"):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(typer.Exit) as ended, errors_explained(), clock.listening():
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code == 130
    said = capsys.readouterr().err
    assert said == "Stopped at once; the plan so far was discarded; nothing was written.\n"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.slow
def test_a_reach_too_wide_for_the_memory_is_told_before_it_is_tried(town, tmp_path, monkeypatch):
    monkeypatch.setattr(travel, "free_bytes", lambda: 100.0)
    with pytest.raises(InputError, match=r"pairs of cells and sites lie .* take .* GB of memory"):
        siting.run(town, [f"output.cache_dir={tmp_path / 'cache'}"])


def test_memory_that_ends_is_told_in_words(capsys):
    with pytest.raises(typer.Exit) as ended, errors_explained():
        raise MemoryError
    assert ended.value.exit_code == 2
    assert "not enough memory" in capsys.readouterr().err


def test_a_stop_without_words_is_told_in_words(capsys):
    with pytest.raises(typer.Exit), errors_explained():
        raise KeyboardInterrupt
    assert capsys.readouterr().err == "Stopped; nothing was written.\n"
