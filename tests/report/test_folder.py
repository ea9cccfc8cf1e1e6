"""What the report refuses: folders that are incomplete, edited, broken or of another format."""

import json
import shutil
from functools import cache
from itertools import cycle

import pytest
from conftest import often
from report_page import edit_json, make_run

from siting import report
from siting.errors import InputError
from siting.report import folder
from siting.report.consistency import require_agreement
from siting.report.folder import read_run
from siting.report.page import render


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("town") / "town")


@pytest.fixture
def run_copy(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "run")


def refused(path):
    with pytest.raises(InputError) as caught:
        report.write_report(path)
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
    assert all("missing from the run folder" in f and "make the run again" in f for f in faults)


def test_another_format_is_the_only_fault_told(run_copy):
    edit_json(run_copy / "run.json", lambda f: (f.clear(), f.update(format=99, siting="9.0")))
    assert refused(run_copy) == [
        f"{run_copy / 'run.json'}, key format: format 99, written by siting 9.0; this version "
        "reads format 3; make the run again with `siting run`"
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("run.json", "{", "is not JSON"),
        ("run.json", "[]", "is not a JSON object"),
        ("sites.geojson", '{"type": "FeatureCollection"}', "not a GeoJSON feature collection"),
        ("demand.geojson", '{"features": [{"type": "Feature"}]}', "cannot be read as GeoJSON"),
        ("service.geojson", "\x00", "is not JSON"),
        ("plan.gpkg", "no database", "cannot be read"),
        ("config.yaml", "a: [", "is not YAML"),
        ("config.yaml", "- a", "is not a mapping"),
        ("figures.csv", "", "cannot be read as CSV"),
        ("offers.csv", "offer_id\nx\n", "is missing"),
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


def test_a_run_of_an_earlier_version_has_a_report_without_the_newer_parts(run_copy):
    def cut(facts):
        for key in ("limits", "alternatives", "headline", "aim", "proof_text", "demand",
                    "public_money"):  # fmt: skip
            del facts[key]
        for row in facts["inputs"]:
            row.pop("file_date", None)

    edit_json(run_copy / "run.json", cut)
    assert report.write_report(run_copy).stat().st_size > 100_000


def test_missing_keys_are_named_together(run_copy):
    def cut(facts):
        del facts["gap"], facts["inputs"]
        facts["budget_pkr"] = "much"
        facts["checks"][0] = {"check": "x"}

    edit_json(run_copy / "run.json", cut)
    text = "\n".join(refused(run_copy))
    for key in ("gap", "inputs", "budget_pkr", "checks"):
        assert f"key {key}" in text


def first(layer, **values):
    return lambda data: data["features"][0]["properties"].update(values)


@pytest.mark.parametrize(
    ("name", "change", "where"),
    [
        ("sites.geojson", first("sites", subsidy_pkr=5), "sum of subsidy_pkr"),
        ("sites.geojson", first("sites", served_kwh_day=5), "column served_kwh_day"),
        ("sites.geojson", first("sites", existing=True), "existing stations"),
        ("sites.geojson", first("sites", offer_id="s9:hub"), "column offer_id"),
        ("sites.geojson", first("sites", power_kw="strong"), "column power_kw"),
        ("sites.geojson", lambda d: d["features"].pop(), "new stations"),
        ("sites.geojson", lambda d: d["features"][0].update(geometry=None), "without a geometry"),
        ("demand.geojson", first("demand", served_two_wheeler_kwh_day=5), "sum of served_two"),
        ("demand.geojson", lambda d: d["features"].pop(), "cells"),
        ("service.geojson", first("service", site_id="s9999"), "column site_id"),
        ("service.geojson", first("service", cell_id="c9"), "column cell_id"),
        ("service.geojson", lambda d: d["features"].pop(), "two_wheeler served"),
        ("run.json", lambda d: d.update(objective_kwh_day=11.0), "sum of served_kwh_day"),
        ("run.json", lambda d: d.update(gap=0.5), "key gap"),
        ("run.json", lambda d: d.update(served_share=0.5), "key served_share"),
        ("run.json", lambda d: d.update(budget_pkr=1e9), "key program.budget_pkr"),
        ("run.json", lambda d: d["assumptions"][0].update(value=1.5), "differ from the assumpt"),
        ("run.json", lambda d: d["assumptions"].pop(), "assumptions"),
        ("run.json", lambda d: d["sizes"].update(edges=3), "roads"),
    ],
)
def test_an_edited_file_is_found(run_copy, name, change, where):
    edit_json(run_copy / name, change)
    text = "\n".join(refused(run_copy))
    assert where in text
    assert "make the run again" in text


def leaves(node, path=()):
    """Yield the place of every value in a JSON file; of a list, those of the first entry."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from leaves(value, (*path, key))
    elif isinstance(node, list) and node:
        yield from leaves(node[0], (*path, 0))
    else:
        yield path


@pytest.mark.parametrize(
    "name",
    often(["run.json", "sites.geojson", "demand.geojson", "service.geojson"], ["service.geojson"]),
)
def test_no_value_however_odd_ends_in_a_traceback(run_copy, name, monkeypatch):
    """Each value is replaced in turn, by one of three: there is a report, or there are faults."""
    if name == "run.json":
        # The other files do not change: they are read once.
        for reader in ("read_layer", "_read_roads", "_read_points", "read_yaml"):
            monkeypatch.setattr(folder, reader, cache(getattr(folder, reader)))
    data = json.loads((run_copy / name).read_text(encoding="utf-8"))
    ends = {"report": 0, "refused": 0}
    # Facts that the report does not show.
    places = [p for p in leaves(data) if p[0] not in ("packages", "seconds", "demand", "tie_break")]
    for path, value in zip(places, cycle([None, "odd", -1]), strict=False):
        changed = json.loads(json.dumps(data))
        node = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        (run_copy / name).write_text(json.dumps(changed), encoding="utf-8")
        try:
            run = read_run(run_copy)
            require_agreement(run)
            render(run)
            ends["report"] += 1
        except InputError:
            ends["refused"] += 1
    assert ends["refused"] > 3
    assert sum(ends.values()) == len(places) > 10
