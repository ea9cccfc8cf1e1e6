"""The report under axe-core in headless Chromium: no fault of accessibility, in either language."""

from importlib.resources import files

import pytest
from browser import in_chromium

from siting import study

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
# Texts whose background axe cannot tell, as they stand over a map, with the contrast (WCAG 2) of
# their colour to their halo, or else to the nearest background that covers, black seen through it.
UNDECIDED = """async () => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, n) => {
    const v = rgb[n] / 255;
    return sum + part * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  const behind = (element) => {
    const halo = getComputedStyle(element).textShadow;
    if (halo !== "none") return numbers(halo);
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, seen = 1] = numbers(getComputedStyle(at).backgroundColor);
      if (seen > 0.5) return [r * seen, g * seen, b * seen];
    }
    return [255, 255, 255];
  };
  const faults = (await axe.run()).incomplete;
  return faults.flatMap((fault) => fault.nodes.map((node) => {
    const element = document.querySelector(node.target.at(-1));
    const style = getComputedStyle(element);
    const text = numbers(element instanceof SVGElement ? style.fill : style.color);
    const [less, more] = [light(text), light(behind(element))].sort((a, b) => a - b);
    return [fault.id, node.html, (more + 0.05) / (less + 0.05)];
  }));
}"""
LEAST_CONTRAST = 4.5  # AA, for text of usual size


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "size"),
    [
        ("en", "desktop"),
        ("ur", "phone"),
        ("en", "phone"),
        ("ur", "desktop"),
    ],
)
def test_axe_finds_nothing(opened, report_run, tmp_path, language, size):
    one = opened(study.write_report(report_run, tmp_path / "r.html", None, language), size)
    one.ask(OPEN)
    one.ask(files(AXE).joinpath("axe.min.js").read_text(encoding="utf-8"))
    faults = one.ask(AXE_RUN)
    assert faults == []
    undecided = one.ask(UNDECIDED)
    assert {kind for kind, *_ in undecided} <= {"color-contrast"}
    assert [html for _, html, contrast in undecided if contrast < LEAST_CONTRAST] == []


@pytest.mark.slow
def test_stations_and_districts_are_reached_by_keyboard(opened, report_run, tmp_path):
    one = opened(study.write_report(report_run, tmp_path / "r.html"))
    for selector in (".leaflet-marker-icon", "#map", "#district-table .link", "#site-table .link"):
        assert one.ask(f"() => document.querySelector('{selector}').tabIndex") == 0, selector
    one.page.locator(".leaflet-marker-icon").first.focus()
    one.page.keyboard.press("Enter")
    assert one.count("#panel h2") == 1
