"""The report under axe-core in headless Chromium: no fault of accessibility, in either language."""

from importlib.resources import files

import pytest
from browser import in_chromium
from report_page import make_run

from siting import report

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
AXE = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
pytestmark = in_chromium
# Everything there is, at once: parts that fold, layers that are off, a station that is chosen.
OPEN = """() => {
  document.querySelectorAll("details").forEach((part) => (part.open = true));
  document.querySelectorAll("[data-layer]:not(:checked)").forEach((box) => box.click());
  document.querySelector("[data-goto]").click();
}"""
AXE_RUN = """async () => (await axe.run()).violations.map(
  (fault) => [fault.id, fault.help, fault.nodes.map((node) => node.html)])"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("town") / "town")


@pytest.mark.parametrize("language", ["en", "ur"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
def test_axe_finds_nothing(opened, stored, tmp_path, language, size):
    one = opened(report.write_report(stored, tmp_path / "r.html", None, language), size)
    one.ask(OPEN)
    one.ask(files(AXE).joinpath("axe.min.js").read_text(encoding="utf-8"))
    faults = one.ask(AXE_RUN)
    assert faults == []


def test_stations_and_districts_are_reached_by_keyboard(opened, stored, tmp_path):
    one = opened(report.write_report(stored, tmp_path / "r.html"))
    for selector in (".leaflet-marker-icon", "#map", "#district-table .link", "#site-table .link"):
        assert one.ask(f"() => document.querySelector('{selector}').tabIndex") == 0, selector
    one.page.locator(".leaflet-marker-icon").first.focus()
    one.page.keyboard.press("Enter")
    assert one.count("#panel h2") == 1
