"""The script that makes the tables of the default plan, on a short run of the embedded city."""

import importlib.util

import pytest
from conftest import ROOT

SCRIPT = ROOT / "scripts" / "default_plan_tables.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("default_plan_tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_place_has_its_configuration_and_other_data_are_found(script, tmp_path, monkeypatch):
    assert all((ROOT / "configs" / f"{place}.yaml").is_file() for place in script.PLACES)
    monkeypatch.setenv("SITING_TEST_DATA", str(tmp_path / "elsewhere"))
    text = script.configuration("real-karachi-landhi", tmp_path).read_text(encoding="utf-8")
    assert f"path: {tmp_path.as_posix()}/elsewhere/data/karachi/" in text
    assert f"runs_dir: {ROOT.as_posix()}/runs" in text
    assert script.configuration("islamabad", tmp_path) == ROOT / "configs" / "islamabad.yaml"


@pytest.mark.slow
def test_one_command_prints_the_tables_and_reads_runs_that_are_there(script, tmp_path, capsys):
    asked = ["--out", str(tmp_path), "--places", "islamabad", "--presets", "central"]
    script.main([*asked, "--seconds", "6"])
    said = capsys.readouterr()
    assert said.err == ""
    written = (tmp_path / "islamabad-central-sizes" / "run.json").stat().st_mtime_ns
    script.main(asked)
    assert capsys.readouterr().out == said.out
    assert (tmp_path / "islamabad-central-sizes" / "run.json").stat().st_mtime_ns == written
    titles = [line for line in said.out.splitlines() if line.startswith("## ")]
    assert len(titles) == 4
    run = script.facts(tmp_path / "islamabad-central-sizes")
    row = script.plan_row("islamabad", "central", tmp_path / "islamabad-central-sizes")
    assert row["public money, PKR m"] == f"{run['subsidy_pkr'] / 1e6:,.1f} of 60.0"
    assert row["drivers served on the day"] == f"{run['day']['free']['served_share']:.1%}"
    rows = [line.split(" | ") for line in said.out.splitlines() if "Embedded city" in line]
    assert sum("six sets" in cells for cells in rows) == 1
