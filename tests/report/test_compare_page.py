"""The page of differences in headless Chromium: no error, no request, layers and stations."""

import json

import pytest
from browser import in_chromium
from report_page import URDU, WILD, Page
from town import write_town

import siting
from siting.report.differences import figure_text, setting_text
from siting.review.compare import compare_to_folder


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Return the page of two runs, one station the same and one in one run only, oddly named."""
    from datetime import UTC, datetime

    folder = tmp_path_factory.mktemp("compare")
    town = write_town(folder / "town")
    sites = folder / "town" / "sites.csv"
    text = sites.read_text(encoding="utf-8")
    text = text.replace("West pump", f'"{WILD}"').replace("East pump", URDU)
    sites.write_text(text, encoding="utf-8")
    siting.run(town, ["program.budget_pkr=1_000"], out=folder / "one")
    siting.run(town, ["program.budget_pkr=2_000"], out=folder / "two")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    compare_to_folder([folder / "one", folder / "two"], out=folder / "out", now=now)
    return folder / "out" / "compare.html"


@pytest.mark.slow
def test_it_tells_what_differs_without_a_script(page):
    found = Page(page.read_text(encoding="utf-8"))
    (row,) = [e for e in found.all("tr") if "data-site" in e["attrs"]]
    assert URDU in row["text"]
    assert "1 x socket" in row["text"]
    tiles = [e["text"] for e in found.all("dt")]
    assert tiles == ["New stations, the same in all plans", "New stations, different chargers",
                     "New stations, only in two"]  # fmt: skip
    assert any("program.budget_pkr" in e["text"] for e in found.all("code"))
    assert found.data["credits"]
    assert {s["status"] for s in found.data["sites"]} == {"all", "some"}


@pytest.mark.slow
def test_a_name_cannot_run(page):
    text = page.read_text(encoding="utf-8")
    assert WILD not in text
    assert "<img src=x" not in text
    assert "default-src &#39;none&#39;" in text


@pytest.mark.slow
@in_chromium
def test_it_opens_without_an_error_or_a_request(page, opened):
    one = opened(page)
    assert one.ask("() => document.body.dataset.ready") == "yes"
    drawing = one.page.locator("#map canvas")
    assert drawing.get_attribute("aria-label").startswith("Roads and stations")
    labels = one.page.locator("label").all_inner_texts()
    assert [" ".join(text.split()) for text in labels] == [
        "in all plans, same chargers (1)",
        "only in two (1)",
    ]


def test_values_in_words():
    assert figure_text("gap", None) == ""
    assert figure_text("status", "optimal") == "optimal"
    assert setting_text(float("nan")) == "–"
    assert setting_text(True) == "True"
    assert setting_text(1_000_000) == "1,000,000"
    assert json.dumps(setting_text([1, 2])) == '"[1, 2]"'
