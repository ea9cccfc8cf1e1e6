"""A stored run gives the same plan without a solve. A change keeps all unaffected stages."""

import json
import shutil

import geopandas as gpd
import pandas as pd
import pytest
from conftest import often
from geopandas.testing import assert_geodataframe_equal
from reseal import reseal

import siting
from siting.errors import ConfigError, InputError
from siting.manifest import FORMAT, RUN_FORMAT
from siting.study import Study, stored_run
from siting.study.depends import STORED


@pytest.fixture(scope="module")
def kept(stored_town):
    return stored_town("program.budget_pkr=1_000")


@pytest.fixture
def town(kept, tmp_path):
    return shutil.copytree(kept / "town", tmp_path / "town") / "town.yaml"


@pytest.fixture
def run(kept, town, tmp_path):
    """Return a copy of the run that names the test's own copy of the town's files."""
    config = shutil.copytree(kept / "run", tmp_path / "run") / "config.yaml"
    config.write_text(config.read_text().replace(str(kept / "town"), str(town.parent)))
    reseal(config.parent)
    return config.parent


@pytest.fixture
def no_solver(monkeypatch):
    monkeypatch.setattr("siting.study.to_plan.decide", lambda *_, **__: pytest.fail("solved"))


@pytest.fixture
def no_inputs(run, town):
    """Remove the town's files, because a run folder must work without them."""
    shutil.rmtree(town.parent)


def faults_of(folder, *overrides):
    with pytest.raises((InputError, ConfigError)) as caught:
        stored_run.study_from_run(folder, overrides)
    return [str(fault) for fault in caught.value.faults]


# --- the same again ------------------------------------------------------------------------------


def test_a_stored_plan_is_the_plan_without_solving(run, no_solver, no_inputs):
    plan = stored_run.plan_from_run(run)
    assert plan.new_sites["name"].tolist() == ["West pump"]
    assert plan.served_share == pytest.approx(8 / 12)
    assert plan.outcome.status == "optimal"
    assert plan.outcome.proof.bound == pytest.approx(8.0)
    assert plan.facts == json.loads((run / "run.json").read_text())
    assert plan.checks.to_dict("records") == plan.facts["checks"]
    with_geometry = gpd.read_file(run / "sites.geojson")
    assert with_geometry["site_id"].tolist() == plan.sites["site_id"].tolist()
    assert plan.note == ""
    assert "npv_subsidised_pkr" in plan.sites.columns


@pytest.mark.slow
def test_the_stages_are_those_of_the_run_to_the_last_bit(town, run):
    first = Study(town, ["program.budget_pkr=1_000"])
    again = stored_run.study_from_run(run)
    for name in ("cells", "candidates", "dropped"):
        assert_geodataframe_equal(getattr(first, name), getattr(again, name))
    for name in ("demand", "offers", "reach", "compatibility"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name))
    assert_geodataframe_equal(first.network.edges, again.network.edges)
    assert_geodataframe_equal(first.network.nodes, again.network.nodes)
    assert first.outcome.offers == again.outcome.offers
    assert again.demand_notes == first.demand_notes
    assert again.reused == STORED
    assert again.seconds == {}


def test_facts_of_a_study_opened_again_are_those_of_the_run(kept, run, no_inputs):
    again = stored_run.study_from_run(run)
    facts = json.loads((run / "run.json").read_text())
    assert again.inputs == facts["inputs"]
    found = json.loads(again.assumptions.to_json(orient="records"))
    assert [row["figure"] for row in found] == [row["figure"] for row in facts["assumptions"]]
    richer = stored_run.study_from_run(run, ["program.budget_pkr=2_000"])
    budget = richer.assumptions.set_index("figure").loc["budget_pkr", "value"]
    assert budget == 2_000


def test_more_money_solves_anew_on_the_stages_of_the_run(run, monkeypatch, no_inputs):
    monkeypatch.setattr(
        "siting.roads.reach", lambda *_, **__: pytest.fail("reach worked out again")
    )
    study = stored_run.study_from_run(run, ["program.budget_pkr=2_000"])
    assert study.reused == STORED[:-1]
    assert sorted(study.plan.new_sites["name"]) == ["East pump", "West pump"]
    assert study.plan.served_share == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("override", "gone"),
    [
        ("title=Another", ()),
        ("program.budget_pkr=3_000", ("outcome",)),
        ("reach.cutoff_min=20", ("reach", "outcome")),
        ("demand.case=high", ("demand", "factors", "outcome")),
        ("year=2031", ("demand", "factors", "offers", "sales", "limits", "outcome")),
        ("offers.headroom_kw=50", ("offers", "limits", "outcome")),
        ("program.limits.most_new_stations=1", ("limits", "outcome")),
        ("roads.peak=false", STORED),
    ],
)
def test_a_change_drops_what_rests_on_it_and_nothing_else(run, override, gone):
    study = stored_run.study_from_run(run, [override])
    assert study.reused == tuple(stage for stage in STORED if stage not in gone)


@pytest.mark.slow
@pytest.mark.parametrize(
    "override",
    ["reach.cutoff_min=20", "offers.headroom_kw=50", "roads.peak=false", "demand.case=high",
     "program.limits.most_new_stations=1", "candidates.merge_within_m=5000",
     "program.budget_pkr=2_500", "demand.cells.size_m=400"],
)  # fmt: skip
def test_a_plan_from_reused_stages_is_the_plan_from_none(town, run, override):
    overrides = ["program.budget_pkr=1_000", override]
    fresh = siting.run(town, overrides)
    again = stored_run.study_from_run(run, [override]).plan
    assert again.outcome.offers == fresh.outcome.offers
    pd.testing.assert_frame_equal(again.demand, fresh.demand)
    assert_geodataframe_equal(again.sites, fresh.sites)


# --- what is refused -----------------------------------------------------------------------------


def test_a_file_that_is_gone_is_named_where_it_is_needed_and_only_there(run, no_inputs):
    assert stored_run.study_from_run(run, ["program.budget_pkr=5"]).reused == STORED[:-1]
    faults = faults_of(run, "demand.cells.size_m=300", "offers.headroom_kw=3")
    assert [f.split(":")[0] for f in faults] == [
        "demand.people.path",
        "demand.fleet_csv",
        "offers.chargers_csv",
    ]
    assert "no longer exists, and people and cells must be computed again" in faults[0]
    roads = faults_of(run, "roads.peak=false")
    assert len(roads) == 5
    assert roads[0].startswith("roads.source.path")


def test_an_override_that_makes_no_sense_is_a_fault_of_the_override(run):
    assert "override program.budgt_pkr" in faults_of(run, "program.budgt_pkr=5")[0]


def test_a_folder_that_is_no_run(tmp_path):
    assert "no such run folder" in faults_of(tmp_path / "none")[0]
    assert "no run.json" in faults_of(tmp_path)[0]


def test_a_run_of_an_earlier_version_kept_no_stages(run):
    shutil.rmtree(run / "stages")
    assert "which stored no stages" in faults_of(run)[0]


@pytest.mark.parametrize("name", ["run.json", "stages/stages.json"])
def test_another_format_is_the_only_fault_told(run, name):
    facts = json.loads((run / name).read_text()) | {"format": 99, "siting": "9.0"}
    (run / name).write_text(json.dumps(facts))
    (run / "stages" / "reach.parquet").unlink()
    (fault,) = faults_of(run)
    reads = RUN_FORMAT if name == "run.json" else FORMAT
    assert f"format 99 and was written by siting 9.0; this version reads format {reads}" in fault


def test_every_file_missing_or_edited_is_named_at_once(run):
    (run / "stages" / "reach.parquet").unlink()
    (run / "stages" / "demand.parquet").write_bytes(b"no table")
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("budget_pkr: 1000", "budget_pkr: 9000"))
    faults = faults_of(run)
    assert len(faults) == 3
    assert "config.yaml: was changed after the run" in faults[0]
    assert "override keys" in faults[0]
    assert "demand.parquet: was changed" in faults[1]
    assert "reach.parquet: is missing" in faults[2]


@pytest.mark.parametrize("text", ["{", "[]", "null", ""])
def test_a_broken_manifest_is_said_to_be_broken(run, text):
    (run / "stages" / "stages.json").write_text(text)
    (fault,) = faults_of(run)
    assert "stages.json" in fault


def test_a_manifest_without_its_keys_lists_them(run):
    path = run / "stages" / "stages.json"
    facts = json.loads(path.read_text())
    del facts["sha256"], facts["outcome"]
    path.write_text(json.dumps(facts))
    assert [f.split(":")[0].split()[-1] for f in faults_of(run)] == ["sha256", "outcome"]
    facts |= {"sha256": {}, "outcome": {"solution": {}}}
    path.write_text(json.dumps(facts))
    faults = faults_of(run)
    assert len(faults) == 2
    assert "lacks files" in faults[0]


@pytest.mark.slow
def test_an_empty_plan_is_stored_and_opened_like_any_other(town, tmp_path):
    out = tmp_path / "empty"
    siting.run(town, ["program.budget_pkr=0"], out=out)
    plan = stored_run.plan_from_run(out)
    assert plan.new_sites.empty
    assert plan.outcome.served_kwh_day == 0
    assert plan.service.empty


ZONES = "program.zones={kind: grid, size_m: 2000}"


QUESTIONS = {
    "people": ["program.objective=people", "program.decay={kind: linear, end_min: 5}"],
    "fairness": [ZONES, "program.fairness=max_min"],
    "least_cost": ["program.least_cost={served_share: 0.5}"],
    "years": [
        "program.years={budgets_pkr: {2028: 1000, 2030: 1000}}",
        "demand.fleet_csv=years.csv",
    ],
    "scenarios": [
        "program.scenarios={of: {a: {probability: 0.5}, b: {probability: 0.5, case: high}}}"
    ],
    "gap": ["offers.subsidy.rule=gap"],
    "alternatives": ["program.alternatives={count: 2, differ_by: 1}"],
    "limits": ["program.model=coverage", "program.limits.spacing_m=50"],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "asked",
    often(QUESTIONS, {"people", "years", "scenarios", "gap"}),
)
def test_every_question_is_opened_again_without_solving(town, tmp_path, monkeypatch, asked):
    rows = (town.parent / "fleet.csv").read_text().splitlines()
    years = [row for row in rows[1:] if row.startswith("2030")]
    more = [row.replace("2030", "2028", 1) for row in years]
    (town.parent / "years.csv").write_text("\n".join([rows[0], *more, *years]) + "\n")
    out = tmp_path / "question"
    made = siting.run(town, ["program.budget_pkr=2_000", *QUESTIONS[asked]], out=out)
    monkeypatch.setattr("siting.study.to_plan.decide", lambda *_, **__: pytest.fail("solved"))
    plan = stored_run.plan_from_run(out)
    assert_geodataframe_equal(plan.sites, made.sites)
    assert plan.headline() == made.headline()
    assert plan.tables.keys() == made.tables.keys()
    for name, table in made.tables.items():
        pd.testing.assert_frame_equal(plan.tables[name], table, check_dtype=False)
