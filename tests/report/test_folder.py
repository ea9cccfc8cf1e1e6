"""What the report refuses: folders that are incomplete, edited, broken or of another format."""

import json
import shutil
from itertools import cycle

import pytest
from conftest import later, often
from report_page import edit_json

from siting import study
from siting.errors import InputError
from siting.export import layers_of
from siting.manifest import as_form
from siting.report import RunFacts, RunRecord
from siting.report.page import render
from siting.study import study_from_run
from siting.study.report_page import record_of, shown_beside


@pytest.fixture
def run_copy(report_run, tmp_path):
    return shutil.copytree(report_run, tmp_path / "run")


def refused(path):
    with pytest.raises(InputError) as caught:
        study.write_report(path)
    assert not (path / "report.html").exists()
    return [str(fault) for fault in caught.value.faults]


def test_a_folder_that_is_no_run(tmp_path):
    assert "no such run folder" in refused(tmp_path / "none")[0]
    assert "no run.json" in refused(tmp_path)[0]


def test_every_missing_file_is_named_at_once(run_copy):
    for name in ("sites.geojson", "plan.gpkg", "figures.csv"):
        (run_copy / name).unlink()
    faults = refused(run_copy)
    assert len(faults) == 3
    assert all("is missing" in f and "run the study again" in f for f in faults)


def test_another_format_is_the_only_fault_told(run_copy):
    edit_json(run_copy / "run.json", lambda f: (f.clear(), f.update(format=99, siting="9.0")))
    assert refused(run_copy) == [
        f"{run_copy / 'run.json'}, key format: has format 99 and was written by siting 9.0; this "
        "version reads format 3; run the study again"
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("run.json", "{", "cannot be read as JSON"),
        ("run.json", "[]", "is not a JSON object"),
        ("sites.geojson", '{"type": "FeatureCollection"}', "was changed"),
        ("plan.gpkg", "no database", "was changed"),
        ("config.yaml", "a: [", "was changed"),
        ("figures.csv", "", "was changed"),
    ],
)
def test_a_broken_file_is_named(run_copy, name, text, said):
    (run_copy / name).write_text(text, encoding="utf-8")
    faults = refused(run_copy)
    assert all(str(run_copy / name) in fault for fault in faults)
    assert said in faults[0]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("limits", 5),
        ("limits", [{"limit": "a"}]),
        ("alternatives", ["s0001"]),
        ("alternatives", {"s0001": 5}),
        ("headline", {"aim": None}),
        ("headline", {"aim": "most energy"}),
        ("headline", {"aim": {"label": "Aim"}}),
        ("aim", 7),
        ("public_money", 5),
        ("public_money", {"new_stations": "many"}),
        ("proof_text", []),
    ],
)
def test_an_odd_value_of_a_newer_key_is_named(run_copy, key, value):
    edit_json(run_copy / "run.json", lambda facts: facts.update({key: value}))
    assert f"key {key}" in "\n".join(refused(run_copy))


@pytest.mark.slow
def test_a_run_of_an_earlier_version_has_a_report_without_the_newer_parts(run_copy):
    def cut(facts):
        for key in ("limits", "alternatives", "headline", "aim", "proof_text", "demand",
                    "public_money"):  # fmt: skip
            del facts[key]
        for row in facts["inputs"]:
            row.pop("file_date", None)

    edit_json(run_copy / "run.json", cut)
    assert study.write_report(run_copy).stat().st_size > 100_000


def test_missing_keys_are_named_together(run_copy):
    def cut(facts):
        del facts["gap"], facts["inputs"]
        facts["budget_pkr"] = "much"
        facts["checks"][0] = {"check": "x"}

    edit_json(run_copy / "run.json", cut)
    text = "\n".join(refused(run_copy))
    for key in ("gap", "inputs", "budget_pkr", "checks"):
        assert f"key {key}" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(objective_kwh_day=11.0), "key objective_kwh_day"),
        *later((lambda d: d.update(gap=0.5), "key gap")),
        *later((lambda d: d.update(served_share=0.5), "key served_share")),
        *later((lambda d: d.update(budget_pkr=1e9), "key budget_pkr")),
        (lambda d: d.update(subsidy_pkr=5.0), "key subsidy_pkr"),
        *later((lambda d: d.update(new_stations=7), "key new_stations")),
        *later((lambda d: d.update(title="Another town"), "key title")),
        (lambda d: d["classes"][0].update(served_kwh_day=5.0), "key classes.1.served_kwh_day"),
        *later((lambda d: d["sizes"].update(edges=3), "key sizes.edges")),
    ],
)
def test_a_figure_that_the_plan_does_not_have_is_named(run_copy, change, where):
    edit_json(run_copy / "run.json", change)
    text = "\n".join(refused(run_copy))
    assert where in text
    assert "run the study again" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", often(["sites.geojson", "demand.geojson", "service.geojson"], {"sites.geojson"})
)
def test_a_layer_edited_with_its_hash_does_not_change_the_report(run_copy, name, tmp_path):
    before = study.write_report(run_copy, tmp_path / "before.html").read_bytes()
    edit_json(run_copy / name, lambda layer: layer["features"].pop())
    assert study.write_report(run_copy).read_bytes() == before


def leaves(node, path=()):
    """Yield the place of every value in a JSON file; of a list, those of the first entry."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list) and node:
        yield from leaves(node[0], (*path, 0))
    else:
        yield path


@pytest.mark.slow
@pytest.mark.parametrize("part", often(range(16), {0}))
def test_no_value_however_odd_ends_in_a_traceback(report_run, part):
    """Each value is replaced in turn, by one of three: there is a report, or there are faults."""
    record = record_of(report_run)
    plan = study_from_run(report_run)
    layers = layers_of(plan.plan, **shown_beside(plan, plan.plan))
    data = record.facts
    ends = {"report": 0, "refused": 0}
    # Facts that the report does not show.
    places = [p for p in leaves(data) if p[0] not in ("packages", "seconds", "demand", "tie_break")]
    cases = [*zip(places, cycle([None, "odd", -1]), strict=False)][part::16]
    for path, value in cases:
        changed = json.loads(json.dumps(data))
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        try:
            as_form(RunFacts, changed, "run.json")
            render(RunRecord.of(changed, record.settings, layers))
            ends["report"] += 1
        except InputError:
            ends["refused"] += 1
    assert ends["refused"] > 0
    assert sum(ends.values()) == len(cases) > 3
