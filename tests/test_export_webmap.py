"""The map to explore: what is on it, how heavy it is, and that a name cannot run."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from plan_pictures import NASTALIQ, WILD, make_plan

import siting
from siting.errors import MissingExtraError

pytest.importorskip("folium", reason="needs the extra siting[map]")
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser")) if p), None)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> siting.Plan:
    made = make_plan(tmp_path_factory.mktemp("town") / "town")
    names = [WILD, NASTALIQ][: len(made.sites)]
    return replace(made, sites=made.sites.assign(name=names), note=WILD)


def page_of(plan: siting.Plan, **options: bool) -> str:
    return str(plan.explore(**options).get_root().render())


def test_layers_are_there_and_cells_show_one_at_a_time(plan: siting.Plan) -> None:
    page = page_of(plan)
    control = page[page.index("base_layers :") :]
    bases, overlays = control.split("overlays :", 1)
    for name in ("Not served", "Wanted", "Wanted: two wheeler"):
        assert f'"{name}"' in bases
    for name in ("Streets", "Main roads", "Existing stations", "New stations"):
        assert f'"{name}"' in overlays.split("};")[0]
    assert "openstreetmap" in page.lower()
    assert "nobody" in page  # whose roads they are


def test_no_background_asks_no_tiles(plan: siting.Plan) -> None:
    assert "tile.openstreetmap" not in page_of(plan, background=False)


def test_a_name_cannot_run(plan: siting.Plan) -> None:
    page = page_of(plan)
    assert "<script>document.title" not in page
    assert WILD not in page


def test_the_same_town_is_light(plan: siting.Plan) -> None:
    assert len(page_of(plan)) < 200_000


def test_nothing_built_is_a_map_too(plan: siting.Plan) -> None:
    assert "New stations" in page_of(replace(plan, sites=plan.sites.iloc[:0]))


def test_without_the_extra_one_clear_error(
    plan: siting.Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "folium", None)
    with pytest.raises(MissingExtraError, match=r'folium: .*pip install "siting\[map\]"'):
        plan.explore()


CLICK = """<script>window.addEventListener("load", () => setTimeout(() => {
  document.querySelectorAll(".leaflet-control-layers-base input")[1].click();
  const found = [];
  LAYER.eachLayer((layer) => found.push(layer));
  const second = found.find((l) => l.feature.properties.id === "s0002") || found[0];
  second.fire("click", { latlng: second.getLatLng() }, true);
}, 500));</script></html>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
def test_it_opens_in_a_browser_and_a_click_tells(plan: siting.Plan, tmp_path: Path) -> None:
    """Leaflet comes from the internet; here it is put into the page, and the rest left out."""
    leaflet = pytest.importorskip("xstatic.pkg.leaflet", reason="needs the extra siting[report]")
    base = Path(leaflet.BASE_DIR)
    text = page_of(plan, background=False)
    script = (base / "leaflet.js").read_text("utf-8")
    style = (base / "leaflet.css").read_text("utf-8")
    text = re.sub(r'<script src="[^"]*leaflet@[^"]*"></script>',
                  lambda _: f"<script>{script}</script>", text)  # fmt: skip
    text = re.sub(r'<link rel="stylesheet" href="[^"]*leaflet@[^"]*"/>',
                  lambda _: f"<style>{style}</style>", text)  # fmt: skip
    text = re.sub(r'<(script src|link rel="stylesheet" href)="http[^"]*"(/>|></script>)', "", text)
    last = re.findall(r"var (geo_json_[0-9a-f]+) = L.geoJson", text)[-1]
    path = tmp_path / "map.html"
    path.write_text(text.replace("</html>", CLICK.replace("LAYER", last)), encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
         "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND",
         f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--dump-dom",
         path.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    dom = done.stdout
    assert "<title>owned" not in dom
    assert "leaflet-interactive" in dom
    popup = dom[dom.index('class="leaflet-popup-content"') :]
    words = (
        "s0002",
        "12 x" if "12 x" in json.dumps(plan.sites["chargers"].to_list()) else "socket",
    )
    for word in (*words, "kWh/day", NASTALIQ):
        assert word in popup
