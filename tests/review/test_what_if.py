"""What if a station goes, another comes or the money moves: the town solved by hand."""

import json

import pytest
from browser import CHROMIUM, in_chromium
from conftest import often
from town import write_town

import siting
from siting.errors import InputError, MissingExtraError
from siting.review.explain import opened
from siting.review.what_if import SCRIPT, Board, WhatIf

pytest.importorskip("jinja2", reason="needs the extra siting[report]")
WEST, EAST = "s0002", "s0001"
NONE = {"drop": [], "require": [], "budget_pkr": None}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    path = write_town(tmp_path_factory.mktemp("what-if") / "town")
    return siting.Study(path, ["program.budget_pkr=1_000", "program.then=[]"])


def told(asked):
    plan = asked.plan
    served = float(plan.service["served_kwh_day"].sum())
    return set(plan.new_sites["site_id"]), served, plan.outcome.subsidy_pkr


# --- valued at once ------------------------------------------------------------------------------


def test_the_stations_wished_serve_what_is_worked_out_by_hand(study):
    asked = WhatIf(study)
    assert told(asked) == ({WEST}, pytest.approx(8), 1_000)
    assert told(asked.wish(drop=["West pump"])) == (set(), 0, 0)
    assert told(asked.wish(drop=[WEST], require=[EAST])) == ({EAST}, pytest.approx(4), 1_000)
    assert asked.broken == []
    assert told(asked.wish(require=[EAST])) == ({WEST, EAST}, pytest.approx(12), 2_000)
    assert asked.broken == ["budget: PKR 0.00 m of subsidy, but PKR 0.00 m is available"]
    assert told(asked.wish()) == ({WEST}, pytest.approx(8), 1_000)
    figures = asked.wish(drop=[WEST]).figures.set_index("figure")
    assert figures.loc["served_share", ["before", "after"]].tolist() == pytest.approx([8 / 12, 0])


def test_money_alone_changes_the_rules_and_not_the_stations(study):
    asked = WhatIf(study).wish(budget_pkr=500)
    assert told(asked) == ({WEST}, pytest.approx(8), 1_000)
    assert len(asked.broken) == 1
    assert WhatIf(study).wish(require=[EAST], budget_pkr=2_000).broken == []


def test_what_is_lost_is_what_the_explanation_says(study):
    asked = WhatIf(study)
    before = told(asked)[1]
    loss = opened(study).losses
    assert before - told(asked.wish(drop=[WEST]))[1] == pytest.approx(loss[WEST])


@pytest.mark.slow
def test_solving_again_keeps_the_wishes_and_starting_over_does_not(study):
    asked = WhatIf(study).wish(drop=[WEST]).solve()
    assert told(asked) == ({EAST}, pytest.approx(4), 1_000)
    assert asked.told.startswith("Solved again: optimal")
    assert told(asked.wish(drop=[WEST], require=[EAST])) == ({EAST}, pytest.approx(4), 1_000)
    assert told(asked.start_over()) == ({WEST}, pytest.approx(8), 1_000)
    assert told(asked.wish(budget_pkr=2_000).solve()) == ({WEST, EAST}, pytest.approx(12), 2_000)


def test_a_wish_that_cannot_be_is_refused_and_changes_nothing(study):
    asked = WhatIf(study)
    for wishes, what in (
        ({"drop": ["nowhere"]}, "nowhere"),
        ({"drop": [WEST], "require": [WEST]}, "both dropped and required"),
    ):
        with pytest.raises(InputError, match=what):
            asked.wish(**wishes)
        assert told(asked) == ({WEST}, pytest.approx(8), 1_000)
        assert asked.drop == asked.require == ()


# --- shown ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [5, "s0001", [5], [None], [["a"]], None, b"s", [b"s"], 3.5, [{}]])
def test_wishes_of_another_form_are_told_in_words(study, names):
    asked = WhatIf(study)
    for wish in ({"drop": names}, {"require": names}):
        with pytest.raises(InputError, match=r"is not (a list|text)"):
            asked.wish(**wish)
    assert asked.drop == asked.require == ()


@pytest.mark.parametrize("money", ["x", "5", [], {}, True, float("nan"), float("inf"), -1, 10**400])
def test_money_that_is_none_is_told_in_words(study, money):
    with pytest.raises(InputError, match="is not an amount of money"):
        WhatIf(study).wish(budget_pkr=money)


@pytest.mark.parametrize(
    "wishes", often([None, 5, [], "x", {"drop": 5}, {"require": [5]}, {"solve": 1}], [{"drop": 5}])
)
def test_whatever_a_page_sends_is_answered(board, wishes):
    state = board.follow(wishes)
    assert state["told"]
    board.follow({"again": True})


@pytest.fixture(scope="module")
def board(study):
    return Board(study)


def test_the_state_is_json_and_fits_the_page(board):
    first = board.begin()
    page = first.pop("page").split('id="run-data">')[1].split("</script>")[0]
    data = json.loads(page)
    state = json.loads(json.dumps(board.follow({**NONE, "drop": [WEST], "require": [EAST]})))
    assert [site["id"] for site in data["sites"]] == [WEST, EAST]
    assert len(state["map"]["served"]) == len(data["cells"])
    assert sum(map(sum, state["map"]["served"])) == pytest.approx(4)
    assert sum(map(sum, state["map"]["wanted"])) == pytest.approx(12)
    [site] = state["map"]["sites"]
    assert (site["id"], site["kwh"]) == (EAST, [4])
    served = [data["cells"][i]["wanted"] for i in site["service"][::3]]
    assert served == [[4]]
    assert state["figures"][0] == ["Energy served, kWh/day", "8", "4"]
    wrong = board.follow({**NONE, "drop": ["nowhere"]})
    assert "nowhere" in wrong["told"]
    assert wrong["new"] == [EAST]


# A notebook's side of the widget: its model, which asks Python and hears of the answer.
MODEL = """
import what from "SCRIPT";
const held = BEGIN, heard = [];
const model = {
  get: (name) => held[name],
  set: (name, value) => { held[name] = value; },
  save_changes: async () => {
    held.state = await window.follow(held.wishes);
    heard.forEach((f) => f());
  },
  on: (_, f) => heard.push(f), off: () => {},
};
what.render({ model, el: document.body });
"""


@pytest.mark.slow
@in_chromium
def test_a_click_on_the_map_drops_a_station_and_the_map_follows(board, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    board.asked.start_over()
    code = SCRIPT.read_text(encoding="utf-8")
    begin = json.dumps({**board.begin(), "height_px": 500}).replace("</", "<\\/")
    module = MODEL.replace("BEGIN", begin).replace("SCRIPT", "MODULE")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 700})
        page.set_default_timeout(20_000)
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.expose_function("follow", board.follow)
        page.set_content("<!doctype html><body></body>")
        page.evaluate(
            """async ([code, module]) => {
              const type = "text/javascript";
              const url = (text) => URL.createObjectURL(new Blob([text], { type }));
              await import(url(module.replace("MODULE", url(code))));
            }""",
            [code, module],
        )
        frame, root = page.frame_locator("iframe"), page.locator(".siting-what-if")
        frame.locator("#map .site").first.wait_for()
        assert frame.locator("#map .site").count() == 1
        frame.locator("#map .site").click()
        root.get_by_role("button", name="Drop it").click()
        root.get_by_text("Drop s0002 West pump").wait_for()
        assert frame.locator("#map .site").count() == 0
        root.get_by_label("Station or place").fill("s0001 East pump")
        root.get_by_label("Station or place").press("Enter")
        root.get_by_role("button", name="Require a station here").click()
        root.get_by_text("Require s0001 East pump").wait_for()
        frame.locator("#map .site").wait_for()
        assert frame.locator("#map .site").get_attribute("title") == "East pump"
        assert "Energy served, kWh/day84" in root.locator("table").inner_text().replace("\t", "")
        page.screenshot(path=tmp_path / "what-if.png")
        root.get_by_role("button", name="Start over").click()
        root.get_by_text("Drop s0002").wait_for(state="detached")
        assert [url for url in asked if url.startswith("http")] == []
        assert said == []
        browser.close()


@pytest.mark.slow
def test_the_widget_follows_its_wishes(study):
    pytest.importorskip("anywidget", reason="needs the extra siting[notebook]")
    widget = study.plan.what_if()
    widget.wishes = {**NONE, "drop": [WEST], "turn": 1}
    assert widget.state["new"] == []
    assert widget.asked.drop == (WEST,)


def test_without_the_package_it_says_how_to_get_it(study, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "anywidget", None)
    with pytest.raises(MissingExtraError, match=r"siting\[notebook\]"):
        siting.what_if(study)
