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
from town import write_town

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


def hostile(touched: Path) -> list[str]:
    """Return texts that write a file, count or stop, once somebody takes them for a template."""
    call = f"cycler.__init__.__globals__.os.system(%stouch {touched}%s)"
    return [
        "{{ " + call % ('"', '"') + " }}",
        "{{ " + call % ("'", "'") + " }}",
        "{{ 611 * 7 }} {% if true %}ran{% endif %} {# gone #}",
        "{% b",
        "{{",
    ]


@pytest.mark.parametrize("which", range(5))
def test_no_text_of_a_user_is_a_template(plan: siting.Plan, tmp_path: Path, which: int) -> None:
    text = hostile(tmp_path / "touched")[which]
    cell = plan.cells["cell_id"].iloc[0]
    wild = replace(
        plan,
        title=text,
        note=text,
        sites=plan.sites.assign(name=text, site_id=text, chargers=text, zone=text),
        cells=plan.cells.assign(
            cell_id=plan.cells["cell_id"].where(plan.cells["cell_id"] != cell, text), zone=text
        ),
        demand=plan.demand.assign(
            cell_id=plan.demand["cell_id"].where(plan.demand["cell_id"] != cell, text),
            vehicle_class=text,
        ),
        facts={**plan.facts, "roads": {"source": {"attribution": text, "licence": text}}},
    )
    page = page_of(wild)
    assert not (tmp_path / "touched").exists()
    assert "4277" not in page
    for sign in ("{{", "{%", "{#"):
        assert sign not in page
    # Legend, layer, place, cell, roads: each still says what it was given.
    assert page.count("&#123;") + page.count("u0026#123;") >= 6


def test_a_stored_run_and_a_configuration_are_no_templates(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    text = hostile(touched)[1]
    path = write_town(tmp_path / "town")
    quoted = json.dumps(text)
    words = path.read_text("utf-8")
    for old, new in (
        ("title: A town by hand", f"title: {quoted}\nnote: {quoted}"),
        ("licence: CC0", f"licence: {quoted}"),
        ("attribution: nobody", f"attribution: {quoted}"),
    ):
        assert old in words
        words = words.replace(old, new)
    path.write_text(words, "utf-8")
    table = path.with_name("sites.csv")
    rows = table.read_text("utf-8").replace("West pump", '"' + text + '"')
    table.write_text(rows, "utf-8")
    run = tmp_path / "run"
    for made in (siting.run(path, out=run), siting.plan_from_run(run)):
        assert text in made.title
        assert text in set(made.sites["name"])
        page = page_of(made)
        assert "{{" not in page
        assert "cycler" in page
    assert not touched.exists()


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
