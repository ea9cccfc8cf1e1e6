"""A stored run's simulated day: the whole way from a folder, without solving."""

import json

import pandas as pd
import pytest
from town import LAT, LONS, write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.review import Rules, simulate
from siting.study import study_from_run, to_plan

SOLVE = to_plan.decide


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return the run of a town that wants a hundred sessions a day: 67 west, 33 east."""
    folder = tmp_path_factory.mktemp("simulate")
    town = write_town(folder / "town")
    siting.run(
        town, ["demand.figures.two_wheeler.km_day=10", "program.budget_pkr=2_000"],
        out=folder / "run",
    )  # fmt: skip
    return folder / "run"


@pytest.fixture(autouse=True)
def no_solving(monkeypatch):
    monkeypatch.setattr("siting.study.to_plan.decide", lambda *_, **__: pytest.fail("solved again"))


def here(*words):
    return CliRunner().invoke(app, [*map(str, words)], prog_name="siting", catch_exceptions=False)


@pytest.mark.slow
def test_the_towns_day_in_figures(run):
    found = simulate(study_from_run(run), Rules(days=15, seed=2))
    assert sorted(found.stations["name"]) == ["East pump", "West pump"]
    # A hub sells 10 kWh/day by its kW; a session of 1.2 kWh keeps its one socket 173 min.
    west = found.stations.set_index("name").loc["West pump"]
    assert west["allotted_kwh_day"] == pytest.approx(10.0)
    assert west["program_kwh_day"] == pytest.approx(10.0)
    assert west["standard_kwh_day"] < 2.0
    assert west["erlang_late_share"] == pytest.approx(1.0, abs=0.3)
    assert west["verdict"] == "allotted more than the waiting standard allows"
    arrivals = west["planned_arrivals_day"]
    assert arrivals == pytest.approx(10 / 1.2, rel=0.3)
    out = (
        west["planned_charged_day"]
        + west["planned_turned_away_day"]
        + west["planned_waiting_at_end"]
    )
    assert arrivals == pytest.approx(out)
    assert west["planned_late_share"] > 0.3
    whole = found.classes[found.classes["vehicle_class"] == "all"].set_index("case")
    assert (whole["out_of_reach_day"] == 0).all()
    assert whole.loc["free", "arrivals_day"] == pytest.approx(100, rel=0.1)
    assert len(found.hours) == 48
    text = "\n".join(found.lines)
    assert "counts kW, not the time for which a port is taken" in text
    assert "takes 1.2 kWh in 173 min" in text


@pytest.mark.slow
def test_a_plan_within_the_waiting_standard_holds(tmp_path, solving):
    # Twenty sockets for twelve vehicles: hardly anybody waits.
    town = write_town(tmp_path / "town")
    text = town.read_text(encoding="utf-8").replace("hub: {socket: 1}", "hub: {socket: 20}")
    town.write_text(text.replace("utilisation: 1.0", "utilisation: 0.05"), encoding="utf-8")
    siting.run(town, ["program.budget_pkr=2e5"], out=tmp_path / "run")
    found = simulate(study_from_run(tmp_path / "run"), Rules(days=10))
    assert found.stations["verdict"].tolist() == ["holds", "holds"]
    assert found.stations["planned_turned_away_day"].sum() == 0
    assert any("no station is allotted more than the waiting standard" in x for x in found.lines)
    allotted = found.stations["allotted_kwh_day"].sum()
    got = found.stations["planned_delivered_kwh_day"].sum()
    assert got == pytest.approx(allotted, rel=0.35)


@pytest.mark.slow
def test_the_folder_and_the_run_left_alone(run, tmp_path):
    before = {p.name: p.stat().st_mtime_ns for p in run.rglob("*")}
    out = tmp_path / "out"
    done = here("simulate", run, "--days", 3, "--seed", 4, "--out", out)
    assert done.exit_code == 0, done.stderr
    assert {p.name: p.stat().st_mtime_ns for p in run.rglob("*")} == before
    assert {p.name for p in out.iterdir()} == {
        "simulation.csv", "hours.csv", "classes.csv", "use_by_hour.csv", "simulation.json",
        "simulation.png",
    }  # fmt: skip
    facts = json.loads((out / "simulation.json").read_text(encoding="utf-8"))
    assert facts["rules"] == {
        "days": 3, "seed": 4, "balk_min": 30.0, "spread": 0.5, "warm_up_h": 24.0,
    }  # fmt: skip
    assert len(facts["hours"]) == 48
    table = pd.read_csv(out / "simulation.csv", encoding="utf-8-sig")
    assert len(table) == 2
    assert "As planned" in done.stdout
    assert "two wheeler" in done.stdout
    assert str(out) in done.stdout.replace("\n", "")
    tables = [
        line
        for line in done.stdout.splitlines()
        if "───" in line or line.startswith(" two wheeler ")
    ]
    assert max(map(len, tables)) <= 80
    assert "kWh/day" in done.stdout


@pytest.mark.slow
def test_json_and_quiet(run, tmp_path):
    done = here("simulate", run, "--days", 2, "--json", "--out", tmp_path / "one")
    assert json.loads(done.stdout)["peak_hour_late"].keys() == {"planned", "free"}
    done = here("simulate", run, "--days", 2, "-q", "--out", tmp_path / "two")
    assert (done.exit_code, done.stdout) == (0, "")
    one, two = ((tmp_path / n / "simulation.csv").read_bytes() for n in ("one", "two"))
    assert one == two


def test_patience_and_spread_do_what_they_say(run):
    study = study_from_run(run)
    patient = simulate(study, Rules(days=5, balk_min=10_000.0)).classes
    hasty = simulate(study, Rules(days=5, balk_min=0.0)).classes
    assert patient["turned_away_share"].iloc[0] == 0
    assert hasty["turned_away_share"].iloc[0] > 0.1
    assert hasty["wait_mean_min"].iloc[0] == pytest.approx(0.0)


@pytest.fixture
def solving(monkeypatch):
    """Let this test make a run of its own."""
    monkeypatch.setattr("siting.study.to_plan.decide", SOLVE)


@pytest.mark.slow
def test_an_empty_plan_has_nothing_to_simulate(tmp_path, solving):
    town = write_town(tmp_path / "town")
    siting.run(town, ["program.budget_pkr=0"], out=tmp_path / "run")
    done = here("simulate", tmp_path / "run", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "has no station to simulate" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_station_that_nobody_reaches_stands_idle(tmp_path, solving):
    town = write_town(tmp_path / "town")
    stands = tmp_path / "town" / "stands.csv"
    stands.write_text(f"name,power_kw,lon,lat\nOld,22,{LONS[2]},{LAT}\n", encoding="utf-8")
    text = town.read_text(encoding="utf-8").replace(
        "candidates:\n",
        "candidates:\n  existing: {path: stands.csv, source: by hand, licence: CC0}\n",
    )
    town.write_text(text, encoding="utf-8")
    siting.run(town, ["program.budget_pkr=0"], out=tmp_path / "run")
    found = simulate(study_from_run(tmp_path / "run"), Rules(days=2))
    assert found.stations["planned_arrivals_day"].tolist() == [0.0]
    whole = found.classes[found.classes["vehicle_class"] == "all"].set_index("case")
    assert whole.loc["free", "arrivals_day"] == 0  # two-wheelers cannot plug in there
    assert whole.loc["free", "out_of_reach_day"] > 5
    assert "100.0% of drivers have no station within reach" in found.lines[-1]
    assert "nan" not in "\n".join(found.lines)


def test_bad_figures_are_all_named():
    with pytest.raises(InputError) as caught:
        Rules(days=0, seed=-1, balk_min=-3.0, spread=9.0, warm_up_h=25.0)
    assert len(caught.value.faults) == 5


def test_no_run_folder_gets_one_clear_line(tmp_path):
    done = here("simulate", tmp_path / "nothing", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "Error" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_order_of_rows_does_not_matter(run):
    study = study_from_run(run)
    one = simulate(study, Rules(days=3)).stations
    turned = {
        name: getattr(study, name).iloc[::-1].reset_index(drop=True) for name in ("demand", "reach")
    }
    other = study.with_stages(turned | {"plan": study.plan})
    pd.testing.assert_frame_equal(one, simulate(other, Rules(days=3)).stations)
