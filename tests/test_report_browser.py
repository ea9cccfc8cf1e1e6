"""The report in headless Chromium: no error, no request, and what a reader can click."""

import json
import re
import shutil
import subprocess

import pytest
from report_page import Page, make_run

from siting import report


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("town") / "town")


CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser")) if p), None)
in_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def browse(path, tmp_path, *words):
    """Return the page's DOM after its scripts ran with no network, and what the console said."""
    done = subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=10000",
            *words,
            path.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@in_chromium
def test_it_opens_without_an_error_or_a_request(stored, tmp_path):
    path = report.write_report(stored, tmp_path / "report.html")
    log = tmp_path / "net.json"
    dom, console = browse(path, tmp_path, "--dump-dom", f"--log-net-log={log}")
    assert console == []  # a script that is refused or fails, and a request, would stand here
    assert 'data-ready="yes"' in dom
    assert "owned" not in Page(dom).all("title")[0]["text"]
    assert len([e for e in Page(dom).elements if "leaflet-marker-icon" in classes_of(e)]) == 2
    assert asked_by_page(log) == set()


# Chromium asks these by itself, whatever the page: updates, the time, a dictionary, an account.
CHROMIUM_ASKS = re.compile(r"(^|\.)(google|googleapis|gvt1)\.com$")


def asked_by_page(log):
    hosts = re.findall(r'"url":"(?:https?|wss?)://([^/":]+)', log.read_text(encoding="utf-8"))
    return {host for host in hosts if not CHROMIUM_ASKS.search(host)}


@in_chromium
def test_a_request_would_be_seen(tmp_path):
    path, log = tmp_path / "asks.html", tmp_path / "net.json"
    path.write_text('<!doctype html><img src="http://tiles.invalid/1.png">', encoding="utf-8")
    browse(path, tmp_path, "--dump-dom", f"--log-net-log={log}")
    assert asked_by_page(log) == {"tiles.invalid"}


def classes_of(element):
    return (element["attrs"].get("class") or "").split()


CLICKS = """
const told = {};
const count = (s) => document.querySelectorAll(s).length;
document.querySelector('.site.new').click();
told.panel = document.getElementById('panel').textContent;
told.chosen = count('tr.chosen') + count('.site.chosen');
for (const box of document.querySelectorAll('[data-layer]')) {
  box.click(); box.click();
  if (box.dataset.layer === 'new') { box.click(); told.hidden = count('.site.new'); box.click(); }
}
told.shown = count('.site.new');
const pick = document.getElementById('class');
pick.value = '0'; pick.dispatchEvent(new Event('change'));
told.legend = document.getElementById('legend').textContent;
const ids = () => [...document.querySelectorAll('[data-site]')].map((r) => r.dataset.site);
const heads = document.querySelectorAll('#site-table th button');
heads[6].click(); told.down = ids();
heads[6].click(); told.up = ids();
heads[0].click(); told.byId = ids();
document.querySelector('[data-site="s0002"]').cells[1].click();
told.row = document.getElementById('panel').textContent;
dispatchEvent(new Event('beforeprint')); told.closed = count('details:not([open])');
dispatchEvent(new Event('afterprint')); told.again = count('details:not([open])');
told.requests = performance.getEntriesByType('resource').length;
told.wide = document.documentElement.scrollWidth - innerWidth;
document.body.append(Object.assign(document.createElement('pre'),
  {id: 'told', textContent: JSON.stringify(told)}));
"""


@in_chromium
@pytest.mark.parametrize("size", ["1400,900", "500,844"], ids=["desktop", "phone"])
def test_layers_cards_and_sorting_work(stored, tmp_path, size):
    path = report.write_report(stored, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    # The policy lets no script run but the page's own: here it must let the test's run too.
    text, times = re.subn(
        r"script-src .*?; style-src", "script-src 'unsafe-inline'; style-src", text
    )
    assert times == 1
    path.write_text(text.replace("</body>", f"<script>{CLICKS}</script></body>"), encoding="utf-8")
    dom, console = browse(path, tmp_path, "--dump-dom", f"--window-size={size}")
    assert console == []
    told = json.loads(Page(dom).all("pre", id="told")[0]["text"])
    assert "Build: 1 x socket" in told["panel"]
    assert told["chosen"] == 2
    assert (told["hidden"], told["shown"]) == (0, 2)
    assert "All of it is served" in told["legend"]
    assert told["down"] == told["up"][::-1]
    assert told["byId"] == ["s0001", "s0002"]
    assert "s0002" in told["row"]
    assert told["closed"] == 0
    assert told["again"] > 2
    assert told["requests"] == 0
    assert told["wide"] <= 0


@in_chromium
def test_a_script_in_a_page_that_is_not_its_own_does_not_run(stored, tmp_path):
    path = report.write_report(stored, tmp_path / "report.html")
    text = path.read_text(encoding="utf-8")
    text = text.replace("</body>", "<script>document.title = 'owned'</script></body>")
    path.write_text(text, encoding="utf-8")
    dom, console = browse(path, tmp_path, "--dump-dom")
    assert "owned" not in Page(dom).all("title")[0]["text"]
    assert len(console) == 1
