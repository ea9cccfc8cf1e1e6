"""The page of a batch: it stands alone, says what was found, and cannot be made to run anything."""

import re

import pytest

from siting.batch import BatchStudy, results_table
from siting.batch.batch_page import render, status_words
from siting.batch.chart import draw_chart
from siting.batch.studies import short_words

DONE = {
    "status": "optimal",
    "stopped": "gap reached",
    "served_share": 0.5,
    "served_kwh_day": 50.0,
    "bound_kwh_day": 60.0,
    "gap": 0.2,
    "proof": "",
    "subsidy_pkr": 4e7,
    "cost_pkr": 9e7,
    "new_stations": 3,
    "seconds": 1.5,
    "folder": "runs/x",
    "note": "",
    "error": "",
}


def table_of(*rows):
    studies = [BatchStudy("k", "c.yaml", name, sweep) for name, sweep, _ in rows]
    return results_table(studies, [{**DONE, **row} for _, _, row in rows])


def swept(table):
    return [c for c in table.columns if "." in c]


def circles(drawing):
    return [
        (float(x), float(y)) for x, y in re.findall(r'circle cx="([\d.]+)" cy="([\d.]+)"', drawing)
    ]


def test_lines_along_a_swept_number():
    """Served 25 % at 10 m and 50 % at 30 m: the second point is twice as high above the axis."""
    budgets = ((1e7, 0.25), (3e7, 0.5), (2e7, 0.375))
    rows = [("town", {"program.budget_pkr": b}, {"served_share": s, "served_kwh_day": 100 * s,
             "bound_kwh_day": 100 * s}) for b, s in budgets]  # fmt: skip
    table = table_of(*rows)
    drawing = draw_chart(table, swept(table), ["", "runs/b/report.html", ""])
    points = circles(drawing)
    assert len(points) == 3
    (x1, y1), (x2, y2), (x3, y3) = points  # in the order of the budget
    assert x2 - x1 == pytest.approx(x3 - x2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert drawing.count("<polyline") == 1
    assert "10 m" in drawing
    assert "30 m" in drawing
    assert drawing.count('href="runs/b/report.html"') == 1
    assert 'class="key"' not in drawing  # one line needs no key


def test_a_line_for_each_value_of_the_other_key_and_the_bound_above_each_point():
    rows = [
        ("town", {"program.budget_pkr": b, "demand.case": case}, {})
        for case in ("low", "high")
        for b in (1e7, 2e7)
    ]
    table = table_of(*rows)
    drawing = draw_chart(table, swept(table), [""] * 4)
    assert drawing.count("<polyline") == 2
    assert "case low" in drawing
    assert "case high" in drawing
    # 60 % is the least that the bound allows to hope for: a line from 50 % to there.
    ticks = re.findall(r'<line x1="([\d.]+)" x2="\1" y1="([\d.]+)" y2="([\d.]+)"', drawing)
    assert len(ticks) == 4
    assert all(float(top) < float(bottom) for _, bottom, top in ticks)


def test_bars_where_nothing_is_swept_by_number():
    table = table_of(("a", {"demand.case": "low"}, {}), ("b", {"demand.case": "high"}, {}))
    drawing = draw_chart(table, swept(table), ["", ""])
    assert drawing.count("<rect") == 2
    assert "b · high" in drawing
    many = table_of(*[(f"n{i}", {}, {}) for i in range(50)])
    assert "10 more studies are in the table but not drawn" in draw_chart(many, [], [""] * 50)


def test_no_drawing_without_a_plan():
    table = table_of(("a", {}, {"status": "failed", "served_share": None, "error": "x"}))
    assert draw_chart(table, [], [""]) == ""


def test_a_share_of_nothing_served_has_no_bound_to_draw():
    table = table_of(("a", {}, {"served_share": 0.0, "served_kwh_day": 0.0}))
    assert "0.0%" in draw_chart(table, [], [""])


def test_the_page_says_all_and_runs_nothing(tmp_path):
    evil = "<script>alert(1)</script>"
    (tmp_path / "runs" / "x").mkdir(parents=True)
    (tmp_path / "runs" / "x" / "report.html").touch()
    table = table_of(
        ("good", {"demand.case": evil}, {"note": f"SCHEMATIC {evil}"}),
        ("bad", {"demand.case": "low"}, {"status": "failed", "served_share": None, "folder": "",
         "error": f"people.csv: 2 rows {evil}\nsecond line"}),
        ("slow", {"demand.case": "high"}, {"status": "feasible", "folder": "runs/y"}),
        ("late", {"demand.case": "high"}, {"status": "waiting", "served_share": None,
         "folder": ""}),
    )  # fmt: skip
    page = render(table, tmp_path)
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert re.findall(r'(?:src|href)="([^"]+)"', page.replace("#", "")) == [
        "runs/x/report.html", "runs/y/", "runs/x/report.html", "runs/y/", "results.csv",
        "results.parquet",
    ]  # fmt: skip
    assert "1 optimal, 1 with a plan not proven optimal, 1 failed, 1 not finished" in page
    assert "second line" in page
    assert "SCHEMATIC &lt;script&gt;" in page
    assert '<td class="">not proven optimal</td>' in page
    assert render(table, tmp_path) == page


def test_words():
    table = table_of(("a", {}, {}), ("b", {}, {"status": "waiting"}))
    assert status_words(table) == "1 optimal, 1 not finished"
    assert [short_words(v) for v in (2.5e9, 4e7, 1500, True, "x")] == [
        "2.5 bn", "40 m", "1500", "true", "x"
    ]  # fmt: skip
