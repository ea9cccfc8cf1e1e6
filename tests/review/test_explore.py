"""The report's map in a notebook's cell: alone, offline, and safe from what names say."""

from dataclasses import replace

import pytest
from browser import CHROMIUM, in_chromium
from town import write_town

import siting
from siting.review.explore import PlanMap

pytest.importorskip("jinja2", reason="needs the extra siting[report]")
WILD = "</iframe><script>document.title = 'ran'</script> \" {{ 6 * 7 }}"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("town")
    path = write_town(folder / "town")
    table = path.with_name("sites.csv")
    wild = '"' + WILD.replace('"', '""') + '"'
    table.write_text(table.read_text("utf-8").replace("West pump", wild), "utf-8")
    plan = siting.Study(path).plan
    return plan, plan.explore(), folder


@pytest.mark.slow
def test_a_plan_its_study_and_its_folder_give_one_map(found):
    plan, shown, folder = found
    assert plan.explore(300) == replace(shown, height_px=300)
    assert siting.explore(plan.study) == shown
    stored = siting.explore(plan.save(folder / "run"))
    assert len(stored.page) == pytest.approx(len(shown.page), rel=0.01)


def test_names_stay_inside_the_frame(found):
    cell = found[1]._repr_html_()
    assert cell.count("<iframe") == cell.count("</iframe>") == 1
    assert "<script" not in cell
    assert 'sandbox="allow-scripts"' in cell


@pytest.mark.slow
@in_chromium
def test_the_cell_shows_the_map_alone_and_asks_nobody(found, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    page_file = tmp_path / "cell.html"
    page_file.write_text(f"<!doctype html><body>{found[1]._repr_html_()}", encoding="utf-8")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(page_file.as_uri())
        frame = page.frame_locator("iframe")
        frame.locator("#map .site").first.wait_for()
        assert frame.locator("#map .site").count() == 2
        assert frame.locator("#headline").is_hidden()
        assert frame.locator("header").is_hidden()
        assert [url for url in asked if url.startswith("http")] == []
        assert said == []
        browser.close()


def test_it_is_one_file(found, tmp_path):
    path = found[1].save(tmp_path / "map.html")
    assert path.read_text("utf-8") == found[1].page
    assert isinstance(found[1], PlanMap)
