"""Ctrl-C and SIGTERM at every step of a run: a plan that was found is written, or nothing is."""

import os
import random
import signal
import time
from contextlib import suppress
from importlib import import_module

import pytest
from batch_driver import cli_to, start_call, warm_up
from town import write_nation_of, write_town
from typer.testing import CliRunner

import siting
from siting import writing
from siting.cli import app
from siting.nation import Nation, read_nation
from siting.nation import division as nation_steps
from siting.review import verify_run
from siting.study import facts, outcome_figures, recounted, runs, to_plan

PATIENCE_S = 300


@pytest.fixture(autouse=True)
def the_systems_own_handlers():
    """Let Ctrl-C and SIGTERM do what they do in a program of its own, whatever runs the tests."""
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in own.items()}
    yield
    left = {number: signal.getsignal(number) for number in own}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert left == own  # whoever listened has gone


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    path = write_town(tmp_path_factory.mktemp("town"))
    siting.run(path)  # the caches are there, so that each test is quick
    return path


def pressed(monkeypatch, place, name, times=1, number=signal.SIGINT, *, after=False):
    """Have a signal sent so many times when a function is called, or has returned."""
    function = getattr(place, name)
    left = [times]

    def press():
        while left[0]:
            left[0] -= 1
            signal.raise_signal(number)

    def instead(*args, **more):
        if not after:
            press()
        value = function(*args, **more)
        press()
        return value

    monkeypatch.setattr(place, name, instead)
    return left


# In the order of a run.
BEFORE = [(outcome_figures, "Effort"), (outcome_figures.Effort, "solve")]
AFTER = [
    (outcome_figures, "_Told"),
    (outcome_figures, "outcome_of"),
    (recounted, "make_plan"),
    (recounted, "recount"),
    (facts, "_run_facts"),
    (to_plan, "prices_of"),
    (runs, "write_run_tables"),
    (runs, "write_json"),
    (runs, "write_stages"),
    (runs, "write_text"),
    (writing, "_put"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), AFTER, ids=[name for _, name in AFTER])
@pytest.mark.parametrize("number", [signal.SIGINT])
def test_after_the_solve_the_first_waits_for_the_folder(
    town, tmp_path, monkeypatch, place, name, number
):
    left = pressed(monkeypatch, place, name, number=number)
    done = CliRunner().invoke(app, ["run", str(town), "--out", str(tmp_path / "run")])
    assert left == [0]
    assert done.exit_code == 0, done.output
    assert [p.name for p in tmp_path.iterdir()] == ["run"]
    monkeypatch.undo()
    assert verify_run(tmp_path / "run").faults == []
    assert siting.plan_from_run(tmp_path / "run").outcome.served_kwh_day == pytest.approx(12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(*step, marks=() if n == 5 else pytest.mark.slow, id=step[1])
        for n, step in enumerate(AFTER)
    ],
)
def test_the_second_stops_at_once_and_leaves_nothing(town, tmp_path, monkeypatch, place, name):
    left = pressed(monkeypatch, place, name, times=2)
    done = CliRunner().invoke(app, ["run", str(town), "--out", str(tmp_path / "run")])
    assert left == [0]
    assert done.exit_code == 130
    assert "the plan so far was discarded; nothing was written." in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), BEFORE, ids=[name for _, name in BEFORE])
def test_before_the_solve_the_first_stops_at_once(town, tmp_path, monkeypatch, place, name):
    pressed(monkeypatch, place, name)
    done = CliRunner().invoke(app, ["run", str(town), "--out", str(tmp_path / "run")])
    assert done.exit_code == 130
    assert done.stderr.endswith("Stopped; nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_in_the_solve_the_first_ends_it_and_the_next_still_waits(town, tmp_path, monkeypatch):
    engine = import_module("siting.engine.solve")
    in_solve = pressed(monkeypatch, engine._Solve, "answer", after=True)
    later = pressed(monkeypatch, runs, "write_stages")
    plan = siting.run(town, out=tmp_path / "run")
    assert in_solve == later == [0]
    assert plan.outcome.served_kwh_day == pytest.approx(12)
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.slow
def test_alternatives_are_left_out_once_it_was_pressed(town, tmp_path, monkeypatch):
    keys = ["program.alternatives={count: 3}"]
    whole = siting.run(town, keys).tables["alternatives"]
    assert len(whole) > 1
    pressed(monkeypatch, outcome_figures, "outcome_of")
    plan = siting.run(town, keys, out=tmp_path / "run")
    assert len(plan.tables["alternatives"]) == 1
    assert (tmp_path / "run" / "run.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_a_nation_whose_money_is_divided_is_written(tmp_path, monkeypatch, times):
    path = write_nation_of(tmp_path)
    left = pressed(monkeypatch, nation_steps, "write_nation", times)
    asked = Nation(path, workers=1)
    if times == 2:
        with pytest.raises(KeyboardInterrupt):
            asked.to_folder(tmp_path / "out")
        assert not (tmp_path / "out").exists()
    else:
        plan, folder = asked.to_folder(tmp_path / "out")
        assert plan.served_kwh_day == pytest.approx(16)
        assert read_nation(folder)[0]["served_kwh_day"] == pytest.approx(16)
    assert left == [0]
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    ["frontier town.yaml --budgets [1e3,2e3]", "evaluate town.yaml --sites theirs.csv",
     "demand town.yaml"],
)  # fmt: skip
def test_other_verbs_write_what_they_found(town, tmp_path, monkeypatch, words):
    monkeypatch.chdir(town.parent)
    evaluate, frontier, demand = (
        import_module(f"siting.{name}")
        for name in ("review.evaluate", "review.frontier", "study.demand_run")
    )
    steps = {
        "frontier": (frontier.export, "write_csv"),
        "demand": (demand, "_write"),
        "evaluate": (evaluate, "write_evaluation"),
    }
    theirs = "lon,lat,name,configuration\n73.005,33.6,West pump,hub\n"
    (town.parent / "theirs.csv").write_text(theirs, encoding="utf-8")
    left = pressed(monkeypatch, *steps[words.split()[0]])
    done = CliRunner().invoke(app, [*words.split(), "--out", str(tmp_path / "out")])
    assert (done.exit_code, left) == (0, [0]), done.output
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


# ------------------------------------------------------------- at random moments, from outside


def struck(number, seed, turns, folder, *words, begun_by=None):
    """Start a verb so often and send it a signal at a random moment; yield what it left and said.

    Each time the moment is in a later part of what the verb takes; the last one is when there is a
    file of the pattern `begun_by` in the folder. ``{out}`` in `words` is a new folder each time; at
    least half are met before they end.
    """
    warm_up(PATIENCE_S)

    def start(n):
        out, log = folder / f"out-{n}", folder / f"log-{n}"
        asked = [str(word).replace("{out}", str(out)) for word in words]
        return out, log, start_call(cli_to, log, *asked)

    begun = time.monotonic()
    _, log, process = start("whole")
    process.join(PATIENCE_S)
    assert process.exitcode == 0, log.read_text()
    seconds, rng, met = time.monotonic() - begun, random.Random(seed), 0
    for n in range(turns):
        begun = time.monotonic()
        out, log, process = start(n)
        if begun_by is not None and n == turns - 1:
            while process.exitcode is None and not any(out.glob(begun_by)):
                process.join(0.02)
        else:
            process.join((0.1 + 0.9 * (n + rng.random()) / turns) * seconds)
        if process.exitcode is None:
            met += 1
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)
        else:  # a machine that was busy before is quicker now
            seconds = min(seconds, time.monotonic() - begun)
        process.join(PATIENCE_S)
        yield out, log.read_text() if log.exists() else "", process.exitcode
    assert met >= turns // 2


SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


def told_of_a_plan(said, stage):
    return any(line.split()[:1] == [stage] for line in said.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_a_run_that_is_struck_loses_no_plan(town, tmp_path, number):
    whole = nothing = 0
    strikes = struck(number, 11, 6, tmp_path, "run", town, "--out", "{out}")
    for out, said, code in strikes:
        assert "Traceback" not in said
        if out.exists():
            whole += 1
            assert verify_run(out).faults == []
        else:
            nothing += 1
            # Only SIGKILL takes a plan that was told of.
            assert number == signal.SIGKILL or not told_of_a_plan(said, "solve"), said
        if number != signal.SIGKILL and code >= 0:
            assert code == (0 if out.exists() else 130), said
    assert nothing
    with writing.whole_folder(tmp_path / "last"):
        pass
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS[2:])
def test_a_batch_that_is_struck_keeps_what_is_done_and_goes_on(town, tmp_path, number):
    words = ["batch", town, "--sweep", "program.budget_pkr=[1000,2000,3000]", "--workers", "1"]
    begun = 0
    first = "runs/*/run.json"
    strikes = struck(number, 12, 3, tmp_path, *words, "--out", "{out}", begun_by=first)
    for out, said, _ in strikes:
        assert "Traceback" not in said
        done = {p: p.stat().st_mtime_ns for p in out.glob("runs/*/*")}
        begun += bool(done)
        for run in out.glob("runs/*"):
            assert verify_run(run).faults == []
        process = start_call(cli_to, tmp_path / "log", *words, "--out", out)
        process.join(PATIENCE_S)
        assert process.exitcode == 0, (tmp_path / "log").read_text()
        assert done.items() <= {p: p.stat().st_mtime_ns for p in out.glob("runs/*/*")}.items()
        assert len(list(out.glob("runs/*"))) == 3
        assert list(out.rglob(".*")) == []
    assert begun


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS[::2])
def test_a_nation_that_is_struck_is_whole_or_not_there(tmp_path, number):
    path = write_nation_of(tmp_path / "cities")
    words = ["nation", path, "--workers", "1", "--out", "{out}"]
    for out, said, code in struck(number, 13, 4, tmp_path, *words):
        assert "Traceback" not in said
        if out.exists():
            assert read_nation(out)[0]["served_kwh_day"] == pytest.approx(16)
        else:
            # Once a report is told of, the money is divided.
            assert number == signal.SIGKILL or "report written" not in said, said
        if number != signal.SIGKILL and code >= 0:
            assert code == (0 if out.exists() else 130), said
    with writing.whole_folder(tmp_path / "last"):
        pass
    assert list(tmp_path.glob(".*")) == []
