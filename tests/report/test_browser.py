"""The report in headless Chromium: no error, no request, and what a reader can click and print."""

import html
import io
import re

import numpy as np
import pytest
from browser import SIZES, Opened, in_chromium
from report_page import CLASSES, URDU, great_run

from siting import study
from siting.report.page import render
from siting.report.urdu import in_urdu

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = in_chromium

MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def plain(report_run, tmp_path_factory):
    return study.write_report(report_run, tmp_path_factory.mktemp("plain") / "report.html")


@pytest.fixture(scope="module")
def phased(report_years_run, tmp_path_factory):
    return study.write_report(report_years_run, tmp_path_factory.mktemp("years") / "report.html")


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_it_opens_whole_and_no_wider_than_the_screen(opened, plain, size):
    one = opened(plain, size)
    assert one.ask("() => document.body.dataset.ready") == "yes"
    assert one.page.title() == "A town by hand: charging stations 2030"
    assert one.count(".leaflet-marker-icon") == 2
    assert one.ask("() => document.documentElement.scrollWidth - innerWidth") <= 0
    assert one.ask("() => performance.getEntriesByType('resource').length") == 0
    assert one.count("#year") == 0  # a plan of one year has no slider


@pytest.mark.slow
def test_a_frame_without_a_size_shows_the_map_once_it_has_one(opened, plain, tmp_path):
    holder = tmp_path / "notebook.html"
    page = html.escape(plain.read_text(encoding="utf-8"))
    holder.write_text(
        f'<iframe style="width: 0; height: 700px; border: 0" srcdoc="{page}"></iframe>',
        encoding="utf-8",
    )
    one = opened(holder)
    inside = one.page.frame_locator("iframe")
    inside.locator("body[data-ready=yes]").wait_for(state="attached")
    one.ask("() => { document.querySelector('iframe').style.width = '1000px'; }")
    inside.locator(".site").first.wait_for()
    boxes = [mark.bounding_box() for mark in inside.locator(".site").all()]
    assert len({(box["x"], box["y"]) for box in boxes}) == 2
    # They stand apart as in a page of its own: the map is drawn around them.
    assert max(box["x"] for box in boxes) - min(box["x"] for box in boxes) > 100


@pytest.mark.slow
def test_layers_go_on_and_off(opened, plain):
    one = opened(plain)
    drawn = {
        "new": ".site.new",
        "wanted": ".leaflet-wanted-pane path",
        "roads": ".leaflet-roads-pane path",
        "areas": ".leaflet-areas-pane path",
    }
    for name, selector in drawn.items():
        box = one.page.locator(f"[data-layer={name}]")
        first = one.count(selector)
        assert (first > 0) == box.is_checked() == (name != "areas")
        box.click()
        second = one.count(selector)
        assert (second > 0) == (name == "areas")
        box.click()
        assert one.count(selector) == first
        assert max(first, second) == (3 if name == "roads" else 2)
    for name in ("old", "unserved"):
        one.page.locator(f"[data-layer={name}]").click()


@pytest.fixture(scope="module")
def packed(report_run, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("siting.report.page.MOST_PLAIN_CARDS", 1)
        return study.write_report(report_run, tmp_path_factory.mktemp("packed") / "report.html")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_a_card_opens_from_the_map_from_the_table_and_from_the_list(opened, request, kind):
    one = opened(request.getfixturevalue(kind))
    one.page.locator("#card-s0001").wait_for(state="attached")
    one.page.locator(".site.new").first.click()
    panel = one.text("#panel")
    assert "Build: 1 x socket" in panel
    assert "With only this station removed, all of its" in panel
    assert one.count("tr.chosen") == one.count(".site.chosen") == 1
    assert one.count(".leaflet-service-pane path") == 2  # the line and the cell
    one.page.locator("[data-site=s0002] td.name").click()
    assert "s0002" in one.text("#panel h2")
    assert one.page.locator("#card-s0002").get_attribute("open") is None
    one.page.locator("[data-site=s0002] a").focus()
    one.page.keyboard.press("Enter")
    one.page.locator("#card-s0002 .body").wait_for(state="visible")
    assert not one.page.locator("#card-s0001 .body").is_visible()
    one.page.locator("#card-s0001 summary").click()
    assert "Nearest other station" in one.text("#card-s0001 .why")


@pytest.mark.slow
def test_every_graphic_is_labelled_in_words(opened, phased):
    one = opened(phased)
    off = "[data-layer]:not(:checked)"
    one.ask(f"() => document.querySelectorAll('{off}').forEach((box) => box.click())")
    one.page.locator("#year").press("ArrowLeft")  # in 2029, not all is served
    one.page.locator(".site.new").first.click()
    one.page.locator("#district-table button.link").last.click()
    labels = one.ask(
        "() => [...document.querySelectorAll('svg, canvas, img')]"
        ".map((g) => g.getAttribute('role') === 'img' ? g.getAttribute('aria-label') : g.alt)"
    )
    assert None not in labels
    assert len(labels) == len(set(labels)) > 5
    assert {"Demand", "Energy not served", "Roads", "Service areas"} <= set(labels)
    assert {label for label in labels if in_urdu(label) is None} == set()


@pytest.mark.slow
def test_a_class_can_be_chosen(opened, plain):
    one = opened(plain)
    everything = one.text("#legend")
    assert "All demand is served" in everything
    one.page.select_option("#class", label="Two wheeler")
    # The town has one class.
    assert one.text("#legend") == f"{everything} 2 of 2 stations serve this class"


@pytest.mark.slow
def test_tables_are_sorted_by_a_heading(opened, plain):
    one = opened(plain)

    def order(table, key):
        return one.ask(
            f"() => [...document.querySelectorAll('#{table} [data-{key}]')]"
            f".map((row) => row.dataset.{key})"
        )

    for table, key, head in (
        ("site-table", "site", "Served kWh/day"),
        ("district-table", "district", "People"),
    ):
        button = one.page.locator(f"#{table} th button", has_text=head)
        button.click()
        down = order(table, key)
        assert button.locator("..").get_attribute("aria-sort") == "descending"
        button.click()
        assert order(table, key) == down[::-1]
        assert len(down) == 2
    one.page.locator("#site-table th button", has_text="Site").click()
    assert order("site-table", "site") == ["s0001", "s0002"]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_a_district_zooms_the_map_to_it(opened, plain, size):
    one = opened(plain, size)
    before = one.centre()
    scale = one.text(".leaflet-control-scale")
    one.page.locator("#district-table button.link").last.focus()
    one.page.keyboard.press("Enter")
    assert one.count(".leaflet-district-pane path") == 1
    name = one.text("#district-table tr.chosen bdi >> nth=0")
    assert one.text(".leaflet-tooltip bdi") == name
    one.page.wait_for_function(
        "(was) => document.querySelector('.leaflet-control-scale').innerText !== was", arg=scale
    )
    assert one.centre() != before
    box = one.page.locator(".leaflet-district-pane path").bounding_box()
    frame = one.page.locator("#map").bounding_box()
    assert frame["x"] <= box["x"] <= box["x"] + box["width"] <= frame["x"] + frame["width"]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_the_year_slider_moves_by_keyboard(opened, phased, size):
    one = opened(phased, size)
    assert "2030 · 2 new stations so far" in one.text("#year-told")
    assert one.count(".site.new") == 2
    one.page.locator("[data-layer=areas]").click()
    assert one.count(".leaflet-areas-pane path") == 2
    one.page.locator("#year").focus()
    one.page.keyboard.press("ArrowLeft")
    # In 2029 nine want 1 kWh/day each, six of them at the west end, where the pump stands.
    assert "2029 · 1 new station so far, 0 of them built this year · 6 of 9 kWh/day" in one.text(
        "#year-told"
    )
    assert one.count(".site.new") == one.count(".leaflet-areas-pane path") == 1
    assert one.text("tr.chosen th") == "2029"
    assert "Largest circle" in one.text("#legend")
    assert one.count(".leaflet-unserved-pane path") == 1
    one.page.locator(".leaflet-wanted-pane path").last.click(force=True)
    assert "served" in one.text(".leaflet-popup-content")
    one.page.keyboard.press("Escape")
    one.page.locator("#year").focus()
    one.page.keyboard.press("End")
    assert one.count(".site.new") == 2
    assert one.page.locator("#year").get_attribute("aria-valuetext").startswith("2030: 2 new")
    assert one.ask("() => document.documentElement.scrollWidth - innerWidth") <= 0


def ink(picture):
    """Return where a picture of dark letters on a light ground is dark, by column, 0 to 1."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    grey = np.asarray(image.open(io.BytesIO(picture)).convert("L"), dtype=float)
    return ((grey < 140).sum(axis=0) > 0).astype(float)


@pytest.mark.slow
def test_urdu_runs_from_right_to_left_with_letters_joined(opened, plain):
    one = opened(plain)
    name = one.page.locator("#site-table bdi.urdu").first
    assert name.inner_text() == URDU
    told = one.ask(
        "() => { const e = document.querySelector('#site-table bdi.urdu');"
        " const s = getComputedStyle(e), r = document.createRange(), t = e.firstChild;"
        " const x = (i) => { r.setStart(t, i); r.setEnd(t, i + 1);"
        "   return r.getBoundingClientRect().x; };"
        " return { way: s.direction, lang: e.lang, first: x(0), last: x(t.length - 1) }; }"
    )
    assert (told["way"], told["lang"]) == ("rtl", "ur")
    assert told["first"] > told["last"]
    dark = ink(name.screenshot())
    assert 0.2 < dark.mean() < 1
    # Letters without a font are boxes of one width: each name would be as wide as its length.
    wide = one.ask(
        "() => ['ااااااااا', 'ششششششششش'].map((t) => { const e = document.createElement('bdi');"
        " e.className = 'urdu'; e.textContent = t; document.body.append(e);"
        " const w = e.getBoundingClientRect().width; e.remove(); return w; })"
    )
    assert wide[1] > 1.5 * wide[0]


@pytest.mark.slow
def test_on_paper_all_is_open_and_nothing_is_cut(opened, plain, tmp_path):
    one = opened(plain)
    before = one.count("details[open]")
    one.page.set_viewport_size({"width": 688, "height": 1000})  # 182 mm at 96 dots an inch
    one.page.emulate_media(media="print")
    one.ask("() => document.body.classList.add('annex')")
    one.ask("() => { dispatchEvent(new Event('beforeprint')); }")
    assert one.count("main details:not([open])") == 0
    assert not one.page.locator("#panel").is_visible()
    cut = one.ask(
        "() => [...document.querySelectorAll('main table')]"
        ".filter((t) => t.getBoundingClientRect().right > innerWidth + 1)"
        ".map((t) => t.getAttribute('aria-label') || t.caption?.textContent || '')"
    )
    assert cut == []
    assert one.ask("() => document.documentElement.scrollWidth - innerWidth") <= 0
    # A browser may leave a canvas out of a PDF: the map is drawn in lines.
    assert one.count("#map canvas") == 0
    assert one.count("#map svg path") > 4
    one.ask("() => { dispatchEvent(new Event('afterprint')); }")
    assert one.count("details[open]") == before
    paper = one.page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    assert paper.startswith(b"%PDF")
    assert len(paper) > 30_000


def drawn(run, folder):
    """Return the page of a record, written into a folder."""
    path = folder / "page.html"
    path.write_text(render(run), encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_summary_of_a_great_city_is_two_pages(opened, report_run, tmp_path):
    run = great_run(report_run)
    run.sites["name"] = "Shopping centre, parking 12 (schematic)"
    run.sites["chargers"] = run.sites["configuration"] = "64 x lev_3 + 1 x dc_120"
    one = opened(drawn(run, tmp_path))
    paper = one.page.pdf(prefer_css_page_size=True)
    (tmp_path / "two.pdf").write_bytes(paper)
    assert len(re.findall(rb"/Type ?/Page\b", paper)) == 2
    one.ask("() => document.body.classList.add('annex')")
    assert len(re.findall(rb"/Type ?/Page\b", one.page.pdf(prefer_css_page_size=True))) > 8


@pytest.mark.slow
def test_the_map_stands_on_the_first_screen_with_its_name_and_north(opened, plain):
    one = opened(plain)
    box = one.page.locator("#map").bounding_box()
    assert box["y"] + box["height"] <= SIZES["desktop"][1]
    assert one.text(".map-title") == "A town by hand N"


@pytest.mark.slow
def test_the_wheel_turns_the_page_until_the_map_is_asked_for(opened, plain):
    one = opened(plain)
    scale = one.text(".leaflet-control-scale")
    box = one.page.locator("#map").bounding_box()
    one.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    one.page.mouse.wheel(0, 200)
    one.page.wait_for_function("() => scrollY > 100")
    assert one.text(".leaflet-control-scale") == scale
    one.ask("() => scrollTo({ top: 0, behavior: 'instant' })")
    one.page.locator("#map").focus()
    one.page.mouse.wheel(0, -400)
    one.page.wait_for_function(
        "(was) => document.querySelector('.leaflet-control-scale').innerText !== was", arg=scale
    )
    assert one.ask("() => scrollY") == 0


@pytest.mark.slow
def test_a_station_is_found_by_name_and_shown_on_the_ground(opened, plain):
    one = opened(plain)
    one.page.locator("#find").fill(URDU[:6])
    one.page.keyboard.press("Enter")
    assert URDU in one.text("#panel h2")
    assert one.count("#panel .locator path") >= 3
    leads = one.ask("() => [...document.querySelectorAll('#panel a')].map((a) => a.href)")
    assert [lead.split(":")[0] for lead in leads] == ["geo", "https", "https"]
    assert all("33.6" in lead and "73.0" in lead for lead in leads)
    one.page.locator("#find").fill("no such place")
    one.page.keyboard.press("Enter")
    assert one.text("#found") == "Nothing has this name"


@pytest.mark.slow
def test_only_stations_that_serve_the_class_are_shown(opened, report_run, tmp_path):
    run = great_run(report_run)
    run.sites.loc[3, f"served_{CLASSES[0]}_kwh_day"] = 0.0
    one = opened(drawn(run, tmp_path))
    assert one.count(".site.new") == 150
    one.page.select_option("#class", index=1)
    assert one.count(".site.new") == 149
    assert "149 of 150 stations serve this class" in one.text("#legend")
    assert one.count("#site-table tbody tr[hidden]") == 1


@pytest.mark.slow
def test_online_tiles_are_asked_for_only_when_wanted_and_only_there(chromium, plain):
    one = Opened(chromium, plain)
    hosts = lambda: {u.split("/")[2] for u in one.asked if u.startswith("http")}  # noqa: E731
    one.page.route("https://**", lambda route: route.abort())
    assert hosts() == set()
    one.page.locator("#tiles").click()
    one.page.wait_for_timeout(300)
    assert hosts() == {"tile.openstreetmap.org"}
    assert "OpenStreetMap contributors" in one.text(".leaflet-control-attribution")
    one.page.close()


@pytest.mark.slow
def test_a_great_city_is_small_and_opens(opened, report_run, tmp_path):
    path = drawn(great_run(report_run), tmp_path)
    assert path.stat().st_size < MOST_BYTES
    one = opened(path)
    assert one.ask("() => document.body.dataset.ready") == "yes"
    assert one.count(".leaflet-marker-icon") == 150
    assert one.count(".leaflet-wanted-pane path") == 5000
    one.page.select_option("#class", label=CLASSES[3].replace("_", " ").capitalize())
    one.page.locator("[data-layer=areas]").click()
    assert one.count(".leaflet-areas-pane path") > 100
    one.page.locator("[data-site=s0007] td.name").click()
    assert "2 x DC 120 kW + 8 x socket" in one.text("#panel")


@pytest.mark.slow
def test_a_script_that_is_not_the_pages_own_does_not_run_and_a_request_is_seen(
    chromium, plain, tmp_path
):
    path = tmp_path / "odd.html"
    text = plain.read_text(encoding="utf-8")
    odd = "<script>document.title = 'owned'</script><img src='http://tiles.invalid/1.png'>"
    path.write_text(text.replace("</body>", f"{odd}</body>"), encoding="utf-8")
    one = Opened(chromium, path)
    assert one.page.title() != "owned"
    assert len(one.said) == 2
    assert all("Content Security Policy" in line for line in one.said)
    one.page.close()
    path.write_text(f"<!doctype html>{odd}", encoding="utf-8")
    two = Opened(chromium, path)
    assert two.page.title() == "owned"
    assert "http://tiles.invalid/1.png" in two.asked
    two.page.close()
