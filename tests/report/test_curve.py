"""The budget curve in the report: what it draws, and what it refuses."""

import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import later
from report_page import Page, edit_json, page_of

from siting import study
from siting.errors import InputError
from siting.export import write_csv, write_json
from siting.report import render
from siting.report.curve import read_frontier
from siting.study.report_page import record_of


@pytest.fixture(scope="module")
def stored(report_poor_run):
    return report_poor_run


@pytest.fixture
def run_copy(stored, tmp_path):
    return shutil.copytree(stored, tmp_path / "run")


@pytest.fixture(scope="module")
def frontier(tmp_path_factory, stored):
    """A curve as `siting frontier` writes it, by hand: 0, 1,000 and 2,000 rupees."""
    folder = tmp_path_factory.mktemp("frontier")
    rows = pd.DataFrame(
        {
            "budget_pkr": [0.0, 1000.0, 2000.0],
            "served_kwh_day": [0.0, 8.0, 12.0],
            "served_share": [0.0, 2 / 3, 1.0],
            "bound_kwh_day": [0.0, 8.5, 12.0],
            "gap": [0.0, 0.0625, 0.0],
            "new_stations": [0, 1, 2],
            "worst_class_share": [0.0, 2 / 3, 1.0],
            "pkr_per_kwh_day": [np.nan, 125.0, 250.0],
            "knee": [False, True, False],
        }
    )
    write_csv(rows, folder / "frontier.csv")
    write_json({"name": "town", "frontier": rows.to_dict("records")}, folder / "frontier.json")
    shutil.copy(stored / "config.yaml", folder / "config.yaml")
    return folder


@pytest.mark.slow
def test_the_curve_is_drawn_with_its_bound_knee_and_fairness(run_copy, frontier):
    page = page_of(run_copy, frontier)
    section = page.all("section", id="curve")[0]["text"]
    assert "knee of the curve is at PKR\N{NO-BREAK SPACE}1,000" in section
    assert "settings that differ" not in section
    points = {
        e["attrs"]["class"]: [tuple(map(float, p.split(","))) for p in e["attrs"]["points"].split()]
        for e in page.all("polyline")
    }
    assert set(points) == {"served", "bound", "fair0"}
    for line in points.values():
        xs, ys = zip(*line, strict=True)
        assert list(xs) == sorted(xs)
        assert list(ys) == sorted(ys, reverse=True)  # more is higher up
    knees = [e["attrs"] for e in page.all("circle") if e["attrs"]["class"] == "knee"]
    assert len(knees) == 2
    run = record_of(run_copy)
    drawn = read_frontier(frontier, run)["charts"][0]["lines"][-1]["points"][1]
    assert (float(knees[0]["cx"]), float(knees[0]["cy"])) == drawn
    assert not Page(render(run)).all("section", id="curve")


@pytest.mark.slow
def test_a_curve_of_other_settings_says_so(run_copy, frontier, tmp_path):
    other = shutil.copytree(frontier, tmp_path / "frontier")
    settings = yaml.safe_load((other / "config.yaml").read_text(encoding="utf-8"))
    settings["reach"]["cutoff_min"] = 9
    settings["program"]["budget_pkr"] = 7  # the budget is what a curve is about
    (other / "config.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    assert (
        "settings that differ from this plan's: reach."
        in page_of(run_copy, other).all("section", id="curve")[0]["text"]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "frontier.csv").unlink(), "has no frontier.csv, so"),
        (
            lambda f: edit_json(f / "frontier.json", lambda d: d.update(name="lahore")),
            "belongs to study 'lahore', but the run is of 'town'",
        ),
        (lambda f: edit_table(f, served_kwh_day=99.0), "above its bound"),
        *later((lambda f: edit_table(f, served_kwh_day=0.5), "differs from frontier.json")),
        *later((lambda f: edit_table(f, budget_pkr=[2.0, 1.0, 0.0]), "is not in rising order")),
        *later((lambda f: edit_table(f, worst_class_share="low"), "is not a number")),
        *later(
            (lambda f: (f / "frontier.csv").write_text("a\n1\n"), "column budget_pkr: is missing")
        ),
    ],
)
def test_a_curve_that_does_not_fit_is_refused(run_copy, frontier, tmp_path, change, said):
    other = shutil.copytree(frontier, tmp_path / "frontier")
    change(other)
    with pytest.raises(InputError, match=said):
        study.write_report(run_copy, tmp_path / "out.html", other)
    assert not (tmp_path / "out.html").exists()


def edit_table(folder, **values):
    path = folder / "frontier.csv"
    table = pd.read_csv(path, encoding="utf-8-sig")
    table.assign(**values).to_csv(path, index=False)
