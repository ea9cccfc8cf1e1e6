"""`siting verify`: what was edited in a stored run shows, with mended hashes too."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest
from conftest import often
from reseal import reseal, text
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import InputError
from siting.export import json_text
from siting.review import frontier_to_folder, replan, rerun, verify_run
from siting.study import plan_from_run, write_report

OWN_WORD = "claims that nothing in the run proves"


@pytest.fixture
def run(stored_town, tmp_path):
    return shutil.copytree(stored_town() / "run", tmp_path / "run")


def test_a_run_as_it_was_written_holds(run):
    found = verify_run(run)
    assert found.faults == []
    assert [note.split(":")[0] for note in found.notes] == [OWN_WORD]
    assert list(found.held) == ["files", "recount", "bound", "tables", "written"]
    assert "demand" in found.held["tables"]
    proven = "the certificate proves 12 kWh/day (in exact fractions), and the run states 12: proven"
    assert found.held["bound"] == proven


@pytest.mark.slow
@pytest.mark.parametrize("money", ["budget_pkr=0", "years={budgets_pkr: {2030: 0}}"])
def test_a_run_that_builds_nothing_holds(stored_town, money):
    folder = stored_town(f"program.{money}") / "run"
    assert plan_from_run(folder).outcome.offers == ()
    assert verify_run(folder).faults == []


@pytest.mark.slow
def test_the_verb_says_that_it_holds(run):
    done = CliRunner().invoke(app, ["verify", str(run), "-q", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["holds"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sites.geojson", "sites.csv", "plan.gpkg", "sites.qml"])
def test_every_file_is_held_against_its_hash_by_every_verb(run, name):
    data = (run / name).read_bytes()
    (run / name).write_bytes(data.replace(b"4", b"5", 1) if b"4" in data else data + b" ")
    with pytest.raises(InputError, match=f"{name}: was changed after the run was written"):
        plan_from_run(run)
    with pytest.raises(InputError, match="was changed"):
        rerun(run)
    assert f"{name}: was changed" in str(verify_run(run).faults[0])
    assert CliRunner().invoke(app, ["verify", str(run), "-q"]).exit_code == 1


def test_a_manifest_is_held_against_itself(run):
    path = run / "stages" / "stages.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["outcome"]["budget_pkr"] += 1
    path.write_text(json.dumps(record), encoding="utf-8")
    assert [str(f.where).endswith("stages.json") for f in verify_run(run).faults] == [True]
    (run / "extra.csv").write_text("a\n1\n", encoding="utf-8")
    reseal(run)
    record = json.loads(path.read_text(encoding="utf-8"))
    (run / "more.csv").write_text("a\n1\n", encoding="utf-8")
    assert verify_run(run).faults[0].ids == ("more.csv",)


def table(name, column, change):
    def edit(run):
        path = run / "stages" / f"{name}.parquet"
        geo = b"geo" in (pq.read_schema(path).metadata or {})
        frame = gpd.read_parquet(path) if geo else pd.read_parquet(path)
        frame[column] = change(frame[column])
        frame.to_parquet(path)

    return edit


def fact(key, change):
    def edit(run):
        facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
        facts[key] = change(facts[key])
        (run / "run.json").write_text(json_text(facts), encoding="utf-8")

    return edit


EDITS = {
    "capacity": table("offers", "capacity_lev_kwh_day", lambda v: v * 3),
    "energy": table("outcome_demand", "demand_kwh_day", lambda v: v * 1.1),
    "money": table("outcome_money", "spent_pkr", lambda v: v - 1),
    "demand": table("demand", "demand_kwh_day", lambda v: v * 1.1),
    "a table people read": text("sites.csv", "West pump", "Best pump"),
    "a figure of the summary": fact("mean_travel_min", lambda v: v / 2),
    "service": table("outcome_service", "served_kwh_day", lambda v: v * 1.1),
    "services": table("outcome_services", "served_kwh_day", lambda v: v * 0.9),
    "served": table("outcome_served", "served_kwh_day", lambda v: v * 1.1),
    "cost": table("offers", "cost_pkr", lambda v: v * 2),
    "subsidy": table("offers", "subsidy_pkr", lambda v: v * 0.5),
    "reach": table("reach", "travel_min", lambda v: v * 0.5),
    "use": table("energy", "kwh_km", lambda v: v * 2),
    "chargers": table("chargers", "power_kw", lambda v: v * 2),
    "a name on the map": text("sites.geojson", "West pump", "Best pump"),
    "an offer": text("offers.csv", "hub", "hut"),
    "the budget": text("config.yaml", "budget_pkr: 5000", "budget_pkr: 9000"),
    "the cutoff": text("config.yaml", "cutoff_min: 5", "cutoff_min: 4"),
    "subsidy told": fact("subsidy_pkr", lambda v: v - 100),
    "bound told": fact("bound_kwh_day", lambda v: v + 1),
    "headline": fact("headline", lambda v: {**v, "money": {"label": "A", "text": "PKR 0.00 m"}}),
    "checks": fact("checks", lambda v: v[:-1]),
    "range": fact("demand_range", lambda v: None),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", often(EDITS, {"capacity"}))
def test_an_edit_with_mended_hashes_is_recounted(run, name):
    EDITS[name](run)
    reseal(run)
    assert verify_run(run).faults


def edit_bound(run, bound):
    """Write another bound wherever the run tells of it."""
    path = run / "stages" / "stages.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    proof = record["outcome"]["proofs"][0]["proof"]
    proof |= {"bound": bound, "gap": bound / proof["objective"] - 1}
    path.write_text(json.dumps(record), encoding="utf-8")
    fact("bound_kwh_day", lambda _: bound)(run)


@pytest.mark.slow
def test_a_bound_that_was_edited_is_a_fault(run):
    edit_bound(run, 12.3)
    reseal(run)
    faults = verify_run(run).faults
    assert any(
        "12.3 kWh/day is claimed, but the certificate was written for 12" in f.what for f in faults
    )


@pytest.mark.slow
def test_a_bound_edited_with_its_certificate_is_told_as_not_proven(run):
    edit_bound(run, 12.0)
    table("certificate", "price", lambda p: p * 1.5)(run)
    table("certificate", "price", lambda p: p.where(p.index > 0, 12.0))(run)
    reseal(run)
    held = verify_run(run).held["bound"]
    words = "the certificate proves 18 kWh/day (in exact fractions); the 12 of the run"
    assert held.startswith(words)
    assert "not repeated" in held


@pytest.mark.slow
def test_prices_that_are_none_are_a_fault(run):
    table("certificate", "price", lambda p: p * float("nan"))(run)
    reseal(run)
    assert any("no prices" in fault.what for fault in verify_run(run).faults)


@pytest.mark.slow
def test_an_input_that_is_gone_leaves_the_run_unproven(tmp_path):
    """Else a path that leads nowhere would be all it takes to have nothing written again."""
    town = write_town(tmp_path / "town")
    siting.run(town, out=tmp_path / "run")
    (tmp_path / "town" / "fleet.csv").unlink()
    faults = verify_run(tmp_path / "run").faults
    assert all("fleet.csv" in fault.where and fault.fix == "put the file back" for fault in faults)
    assert any("the run cannot be recomputed" in fault.what for fault in faults)


@pytest.mark.slow
def test_a_run_made_again_with_other_wishes_holds(run, tmp_path):
    replan(run, drop=["s0001"], out=tmp_path / "again", now=datetime(2026, 1, 1, tzinfo=UTC))
    found = verify_run(tmp_path / "again")
    assert found.faults == []
    assert any("s0001" not in note and "changes.csv" in note for note in found.notes)
    forged = fact("warnings", lambda v: ["signed off by the auditor", *v])
    forged(tmp_path / "again")
    reseal(tmp_path / "again")
    assert any("key warnings" in fault.where for fault in verify_run(tmp_path / "again").faults)


# --- what a person signs -------------------------------------------------------------------------


def on_the_page(run):
    page = run / "report.html"
    page.write_text(page.read_text(encoding="utf-8").replace("</h1>", " (approved)</h1>", 1),
                    encoding="utf-8")  # fmt: skip


def in_the_geopackage(sql):
    def edit(run):
        with closing(sqlite3.connect(run / "plan.gpkg")) as base:
            base.execute(sql)
            base.commit()

    return edit


def told_by_the_solver(key, value):
    """Edit what the manifest keeps of the outcome, the summary, and write the page anew."""

    def edit(run):
        path = run / "stages" / "stages.json"
        record = json.loads(path.read_text(encoding="utf-8"))
        record["outcome"][key] = value
        path.write_text(json_text(record), encoding="utf-8")
        if key == "lines":
            lines = {field: {"label": label, "text": said} for field, label, said in value}
            fact("headline", lambda v: {**v, **lines})(run)
        reseal(run)
        write_report(run)

    return edit


SIGNED = {
    "the page": on_the_page,
    "no page": lambda run: (run / "report.html").unlink(),
    "a file in stages": lambda run: (run / "stages" / "x.csv").write_text("a", encoding="utf-8"),
    "a file beside": lambda run: (run / "approval.csv").write_text("a", encoding="utf-8"),
    "a warning first": fact("warnings", lambda v: ["signed off by the auditor", *v]),
    "a warning last": fact("warnings", lambda v: [*v, "signed off by the auditor"]),
    "no warnings": fact("warnings", lambda v: []),
    "written": fact("written", lambda v: "signed off by the auditor"),
    "written without a zone": fact("written", lambda v: v[:19]),
    "written in years": fact("written", lambda v: "2999-01-01T00:00:00+00:00"),
    "a platform": fact("platform", lambda v: "signed off by the auditor"),
    "a package": fact("packages", lambda v: {**v, "approval": "1"}),
    "a stage's time": fact("seconds", lambda v: {**v, "signed off by the auditor": 1.0}),
    "a trigger": in_the_geopackage(
        "CREATE TRIGGER t AFTER INSERT ON gpkg_contents BEGIN DELETE FROM sites; END"
    ),
    "a view": in_the_geopackage("CREATE VIEW approved AS SELECT 1 AS signed"),
    "a table": in_the_geopackage("CREATE TABLE approved (signed TEXT)"),
    "a layer's description": in_the_geopackage("UPDATE gpkg_contents SET description = 'x'"),
    "a headline": told_by_the_solver("lines", [["approved", "Approved", "by the auditor"]]),
    "an aim": told_by_the_solver("aim", "what the auditor approved"),
    "a guarantee": told_by_the_solver("guarantee", "the auditor's"),
    "a solver": told_by_the_solver("solver", "approved"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIGNED)
def test_what_a_person_signs_is_worked_out_again(run, name):
    SIGNED[name](run)
    reseal(run)
    assert CliRunner().invoke(app, ["verify", str(run), "-q"]).exit_code == 1  # there are faults


@pytest.mark.slow
def test_a_key_that_stands_twice_is_a_fault(run):
    """Readers differ in which of the two they take."""
    path = run / "run.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("{", '{\n  "warnings": ["approved"],', 1), encoding="utf-8")
    reseal(run)
    assert "format in which a run writes it" in str(verify_run(run).faults[0])


@pytest.mark.slow
def test_a_page_in_urdu_or_with_a_curve_is_the_run_s_too(run, tmp_path):
    write_report(run, language="ur")
    assert verify_run(run).held["written"].endswith("report.html does too, in Urdu")
    curve = tmp_path / "curve"
    now = datetime.now(UTC)
    frontier_to_folder(run / "config.yaml", [2000.0, 5000.0], out=curve, now=now)
    write_report(run, frontier=curve)
    assert "name the folder of that curve" in verify_run(run).faults[0].fix
    assert verify_run(run, frontier=curve).faults == []
    asked = ["verify", str(run), "-q", "--frontier", str(curve)]
    assert CliRunner().invoke(app, asked).exit_code == 0
