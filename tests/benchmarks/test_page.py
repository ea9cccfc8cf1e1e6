"""The page of benchmarks: verdicts from stored figures, wrong values, peers that are missing."""

import json
import sys
import time
from pathlib import Path

import pytest

import benchmarks.__main__ as command
from benchmarks import goals, measure, page, record
from benchmarks.asked import Asked
from benchmarks.record import Finding, Line, Table

MACHINE = {
    "cores": 2, "processor": "a processor", "memory_gb": 24.0, "system": "Linux x86_64",
    "python": "3.13.5", "packages": {"numpy": "2.5"},
}  # fmt: skip


def goal(name: str) -> goals.Goal:
    return next(g for g in goals.GOALS if g.name == name)


@pytest.mark.parametrize(
    ("figures", "words", "verdict"),
    [
        (
            {"reach_over_networkx": 21.0, "reach_over_numba": 2.3},
            "21.0 × networkx, 2.30 × the kernel's time",
            "yes",
        ),
        (
            {"reach_over_networkx": 14.9, "reach_over_numba": 2.3},
            "14.9 × networkx, 2.30 × the kernel's time",
            "in part",
        ),
        (
            {"reach_over_networkx": 14.9, "reach_over_numba": 3.1},
            "14.9 × networkx, 3.10 × the kernel's time",
            "no",
        ),
        (
            {"reach_over_networkx": 21.0, "reach_over_numba": None},
            "21.0 × networkx, ? × the kernel's time",
            "as far as measured",
        ),
        ({"reach_over_networkx": None}, "", "not measured"),
        ({"reach_over_networkx": float("nan"), "reach_over_numba": 9.0}, None, "no"),
    ],
)
def test_a_goal_is_judged_by_its_figures(figures, words, verdict):
    found, said = goal("1").judged(figures)
    assert said == verdict
    assert words is None or found == words


def test_limits_themselves_reach_a_goal():
    assert goal("1").judged({"reach_over_networkx": 15.0, "reach_over_numba": 3.0})[1] == "yes"
    assert goal("12").judged({"start_cpu_s": 0.3})[1] == "yes"
    assert goal("12").judged({"start_cpu_s": 0.31})[1] == "no"


def test_every_goal_has_a_row_and_figures_of_its_own():
    names = [check.figure for g in goals.GOALS for check in g.checks]
    assert len(names) == len(set(names))
    assert [g.name for g in goals.GOALS] == [
        *"123456789", "10", "10b", *map(str, range(11, 23)),
    ]  # fmt: skip
    assert {g.row for g in goals.GOALS} <= set(command.ROWS)


def stored() -> dict[str, Finding]:
    start = Finding("start", "`siting --help`", {"start_cpu_s": 0.09}, date="2026-11-24")
    start.lines = [Line("siting --help", 0.09, 0.12, 17.0, "")]
    start.load = (0.5, 7.25)
    build = Finding("build", "building", {"build_over_spopt": None}, date="2026-11-24")
    build.lines = [Line("spopt", found="not installed: spopt (no uv to fetch it)")]
    grown = Finding("growth", "coverage as it grows", {"growth_cells": 1.0}, date="2026-11-24")
    grown.tables = [Table("coverage as it grows", ["demands", "outcome"], [["1,000", "a|b"]])]
    return {"start": start, "build": build, "growth": grown}


def test_the_page_says_what_was_stored(tmp_path):
    path = tmp_path / "kept.json"
    record.save(path, MACHINE, stored())
    text = page.page(MACHINE, record.load(path))
    assert "| 12 | `siting --help` | < 0.3 s | 0.09 CPU s | **yes** |" in text
    assert (
        "| 9 | building the model, 500 sites × 5 k demands | ≥ 50 × spopt |  | not measured |"
        in text
    )
    assert "| spopt |  |  |  | not installed: spopt (no uv to fetch it) |" in text
    assert "| 1,000 | a\\|b |" in text
    assert "2 cores (a processor), 24 GB, Linux x86_64; Python 3.13.5; numpy 2.5." in text
    assert "0.0 to 7.2 processes were running or waiting for a core" in text
    assert "**These figures are from a busy machine**" in text
    assert "Measured 2026-11-24;" in text
    assert "## Wrong values" not in text
    assert "## What falls short" in text
    assert str(measure.ROOT) not in text


def test_a_quiet_machine_is_not_called_busy():
    findings = stored()
    findings["start"].load = (0.5, 2.0)
    assert "busy machine" not in page.page(MACHINE, findings)


def test_findings_survive_being_stored(tmp_path):
    path = tmp_path / "kept.json"
    record.save(path, MACHINE, stored())
    assert record.load(path) == stored()
    assert record.load(tmp_path / "none.json") == {}


def finding_of(asked: Asked) -> Finding:
    finding = Finding("start", "made up", {"start_cpu_s": 0.1})
    finding.expect("optimum", 10.0, 10.0, 1e-9)
    finding.expect_bound("bound", 10.0, 10.0)
    return finding


def wrong_of(asked: Asked) -> Finding:
    finding = finding_of(asked)
    finding.expect("optimum", 10.0, 9.0, 1e-6)
    finding.expect("pairs", "7 pairs", "8 pairs")
    finding.expect_bound("bound", 10.0, 9.0)
    return finding


def broken_of(asked: Asked) -> Finding:
    raise ValueError("it fell over")


@pytest.fixture
def one_row(monkeypatch):
    def only(function):
        monkeypatch.setitem(command.ROWS, "start", f"{__name__}:{function.__name__}")
        monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this())
        return ["--only", "start", "--minutes", "1"]

    return only


def _this():
    import types

    module = types.ModuleType(__name__)
    vars(module).update(globals())
    return module


def test_right_values_end_with_0_and_write_the_page(one_row, tmp_path, capsys):
    files = ["--out", str(tmp_path / "page.md"), "--kept", str(tmp_path / "kept.json")]
    assert command.main([*one_row(finding_of), *files]) == 0
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 12 | `siting --help` | < 0.3 s | 0.1 CPU s | **yes** |" in text
    assert "all values are right" in capsys.readouterr().out
    kept = json.loads((tmp_path / "kept.json").read_text(encoding="utf-8"))
    assert kept["findings"]["start"]["figures"] == {"start_cpu_s": 0.1}


def test_a_wrong_value_ends_with_1_and_is_named(one_row, tmp_path, capsys):
    files = ["--out", str(tmp_path / "page.md"), "--kept", str(tmp_path / "kept.json")]
    assert command.main([*one_row(wrong_of), *files]) == 1
    said = capsys.readouterr().err
    assert "WRONG start: optimum: expected 10.0, found 9.0" in said
    assert "WRONG start: pairs: expected 7 pairs, found 8 pairs" in said
    assert "WRONG start: bound: expected a bound of at least 10.0, found 9.0" in said
    assert "## Wrong values" in (tmp_path / "page.md").read_text(encoding="utf-8")


def test_a_row_that_breaks_ends_with_1(one_row, capsys):
    assert command.main(["--short", *one_row(broken_of)]) == 1
    assert "WRONG start: expected a measurement, found ValueError: it fell over" in (
        capsys.readouterr().err
    )


def test_no_time_is_no_wrong_value(one_row, capsys):
    assert command.main(["--only", "start,karachi,build", "--short", "--minutes", "0"]) == 0
    assert "no time left for it" in capsys.readouterr().out


def test_a_row_nobody_knows_is_named(capsys):
    assert command.main(["--only", "roads,rods"]) == 2
    assert "no benchmark rods; known names: start, reach" in capsys.readouterr().err


def test_other_rows_are_kept(one_row, tmp_path):
    kept = tmp_path / "kept.json"
    record.save(kept, MACHINE, stored())
    files = ["--out", str(tmp_path / "page.md"), "--kept", str(kept)]
    assert command.main([*one_row(finding_of), *files]) == 0
    found = record.load(kept)
    assert list(found) == ["start", "build", "growth"]
    assert found["start"].figures == {"start_cpu_s": 0.1}
    assert found["build"] == stored()["build"]


# --- calls in processes of their own -------------------------------------------------------------


def test_a_missing_peer_is_said_to_be_missing(monkeypatch):
    monkeypatch.setattr(measure.shutil, "which", lambda name: None)
    done = measure.call("benchmarks.machine:describe", 5, needs=("nosuchpackage",))
    assert done.value is None
    assert done.missing
    finding = Finding("build", "building")
    assert finding.add("spopt", done) is None
    assert finding.lines == [
        Line("spopt", found="not installed: nosuchpackage (no uv to fetch it)")
    ]
    assert finding.wrong == []


def test_a_call_brings_back_value_time_and_memory():
    done = measure.call("benchmarks.machine:describe", 60)
    assert done.why == ""
    assert done.value["cores"] >= 1
    assert 0 < done.cpu_s < 60
    assert 5 < done.peak_mb < 2000


@pytest.mark.slow
def test_a_call_is_ended_at_its_bound_with_its_children(tmp_path):
    mark = tmp_path / "mark"
    code = (
        "import time,pathlib\nend=time.time()+5\nwhile time.time()<end: pass\n"
        f"pathlib.Path({str(mark)!r}).touch()"
    )
    done = measure.call("subprocess:check_call", 2.0, args=[sys.executable, "-c", code])
    assert done.why == "not finished in 2 s"
    assert done.cpu_s > 0  # of the child of the child
    assert not done.missing
    time.sleep(4)
    assert not mark.exists()


@pytest.mark.slow
def test_a_call_that_fails_is_a_wrong_value():
    done = measure.call("benchmarks.cover:by_siting", 60, name="no such size", gap=0.1,
                        limit_s=1, times=1)  # fmt: skip
    assert done.why.startswith("failed (1): ValueError")
    finding = Finding("small", "S")
    finding.add("siting", done)
    assert finding.wrong[0].startswith("siting: expected an answer, found failed (1): ValueError")


def test_memory_is_bounded():
    done = measure.call("benchmarks.made_city:make_city", 60, memory_mb=600, side=20_000)
    assert done.value is None
    assert done.why == "not finished: memory limit reached"


def test_peaks_of_blocks_within_blocks():
    with measure.watch() as outer:
        with measure.watch() as inner:
            block = bytearray(80 * 2**20)
            block[::4096] = b"1" * len(block[::4096])
            del block
        with measure.watch() as later:
            pass
    assert inner.facts()["peak_mb"] > 60
    assert outer.facts()["peak_mb"] > 60
    assert later.facts()["peak_mb"] < 60


def test_no_path_of_a_machine_in_what_is_committed():
    folder = Path(command.__file__).parent
    for path in folder.glob("*.*"):
        assert str(measure.ROOT) not in path.read_text(encoding="utf-8"), path.name
