"""The report of each variant of the program: the figures that stand first are those of the run."""

import json
import re

import pytest
from report_page import make_run, page_of

VARIANTS = {
    "least_cost": {"program": {"budget_pkr": 5000, "least_cost": {"served_share": 0.5}}},
    "scenarios": {
        "program": {
            "budget_pkr": 1000,
            "scenarios": {
                "of": {"a": {"probability": 0.5}, "b": {"probability": 0.5, "case": "high"}},
                "criterion": "regret",
            },
        }
    },
    "weighted": {"program": {"budget_pkr": 1000, "objective": "people"}},
    "coverage": {"program": {"budget_pkr": 1000, "model": "coverage"}},
}


def first_screen(page):
    """Return the text of the answer beside the map, and of the figures under it."""
    sections = (page.all("section", id=name)[0]["text"] for name in ("plan-map", "headline"))
    return " ".join(" ".join(sections).split())


def as_on_the_page(text):
    """A percent sign stands apart from its number."""
    return re.sub(r"(?<=\d)%", " %", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_each_variant_has_a_readable_report(tmp_path, name):
    folder = make_run(tmp_path / "town", **VARIANTS[name])
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    page = page_of(folder)
    assert page.figure("Energy served") == facts["objective_kwh_day"] == pytest.approx(8)
    assert page.figure("Subsidy") == facts["subsidy_pkr"] == 1000
    assert page.figure("Proven gap") == facts["gap"] == 0
    first = first_screen(page)
    assert "For PKR 1,000 of public money, 1 new station would serve 66.7 % of the 12" in first
    for field, line in facts["headline"].items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", field)
        assert f"{line['label']} {as_on_the_page(line['text'])}" in first
    assert as_on_the_page(facts["aim"]) in first
    proven = {
        "least_cost": "no plan that serves as much energy needs less public money.",
        "coverage": "no plan for this money serves more.",
    }.get(name, "no other plan is better on the first aim.")
    assert f"It is proven that {proven}" in first
    budgets = page.all("table", **{"aria-label": "Public money used, out of the amount available"})
    assert len(budgets) == (0 if name == "least_cost" else 1)


@pytest.mark.slow
def test_a_plan_that_pays_what_the_business_case_lacks(tmp_path):
    offers = {
        "configurations": {"hub": {"socket": 1}},
        "chargers_csv": "chargers.csv",
        "utilisation": 1.0,
        "availability": 1.0,
        "subsidy": {"rule": "gap"},
    }
    page = page_of(make_run(tmp_path / "town", offers=offers))
    # Sockets that sell so little never earn their grid connection: nothing is built.
    assert page.figure("New stations") == page.figure("Energy served") == 0
    text = first_screen(page)
    said = "No new station is built. Without any station, the plan serves 0.0 % of the 12 kWh/day"
    assert said in text
    assert "where public money covers the shortfall of the business case" in text
