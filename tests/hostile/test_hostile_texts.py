"""Texts of a configuration and its layers are texts wherever they come out, and nothing else."""

import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest
from hostile.mutators import NAMES
from report_page import Page
from rich.console import Console
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.errors import Fault
from siting.review import compare_to_folder
from siting.study.stages import stages_html
from siting.terminal.screen import Screen
from siting.texts import visible
from siting.writing import write_plain_csv

FORMULA = "=cmd()|'/c calc'!A0"
WILD = (
    "{{ cycler.__init__.__globals__.os.system('touch pwned') }}<script>document.title=1</script>"
    "<img src=x onerror=alert(1)>[red]x[/red][/] [% eval('1') %] ' || eval(1) || '"
)
BOUND = re.compile(r"\bon\w+$")


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """Write a town whose title, note, source and a pump's name are hostile; return its plan."""
    folder = tmp_path_factory.mktemp("wild")
    path = write_town(folder / "town")
    words = path.read_text("utf-8")
    for old, new in (
        ("title: A town by hand", f"title: {json.dumps(WILD)}\nnote: {json.dumps(WILD)}"),
        ("attribution: nobody", f"attribution: {json.dumps(WILD)}"),
        ("source: by hand}", f"source: {json.dumps(FORMULA)}}}"),
    ):
        assert old in words
        words = words.replace(old, new)
    path.write_text(words, "utf-8")
    sites = path.with_name("sites.csv")
    rows = sites.read_text("utf-8").replace("West pump", f'"{WILD}"')
    sites.write_text(rows.replace("East pump", f'"{FORMULA}"'), "utf-8")
    siting.run(path, out=folder / "run")
    return folder


def elements(path):
    return Page(path.read_text("utf-8")).elements


def harmless(path):
    """Return whether no element or attribute of a page comes from a text."""
    found = elements(path)
    images = [e for e in found if e["tag"] == "img" and e["attrs"].get("src") == "x"]
    bound = [k for e in found for k in e["attrs"] if BOUND.match(k)]
    wild = [e for e in found if e["tag"] == "script" and "document.title=1" in e["text"][:60]]
    return not images and not bound and not wild


@pytest.mark.slow
def test_report_and_comparison(town, tmp_path):
    assert harmless(town / "run" / "report.html")
    assert any("cycler" in e["text"] for e in elements(town / "run" / "report.html"))
    again = town / "again"
    if not again.exists():
        siting.run(town / "town" / "town.yaml", ["program.budget_pkr=1000"], out=again)
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    compare_to_folder([town / "run", again], out=tmp_path / "both", now=now)
    assert harmless(tmp_path / "both" / "compare.html")


@pytest.mark.slow
def test_batch_page(town, tmp_path):
    config = str(town / "town" / "town.yaml")
    words = ["batch", config, "--out", str(tmp_path / "many"), "--workers", "1", "-q"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert harmless(tmp_path / "many" / "index.html")


def test_notebook(tmp_path):
    class Tags(HTMLParser):
        seen = ()

        def handle_starttag(self, tag, attrs):
            self.seen += (tag,)

    tags = Tags()
    tags.feed(stages_html(WILD, WILD, [(WILD, WILD, WILD)]))
    assert set(tags.seen) <= {"h4", "p", "em", "table", "tr", "th", "td"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sites.csv", "figures.csv", "offers.csv", "business.csv"])
def test_no_cell_of_a_csv_is_a_formula(town, name):
    frame = pd.read_csv(town / "run" / name, dtype=str, keep_default_na=False)
    for column in frame.columns:
        for text in frame[column]:
            number = re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", text)
            assert number or not text.startswith(("=", "+", "-", "@", "\t", "\r")), (column, text)
    assert name != "sites.csv" or f"'{FORMULA}" in set(frame["name"])


def test_every_beginning_of_a_formula_is_quoted(tmp_path):
    table = pd.DataFrame({"name": NAMES, "kwh": range(len(NAMES))})
    write_plain_csv(table, tmp_path / "t.csv")
    found = pd.read_csv(tmp_path / "t.csv", keep_default_na=False)["name"]
    assert not found.str.startswith(("=", "+", "-", "@", "\t")).any()
    assert found.str.startswith("'=cmd").any()


@pytest.mark.slow
def test_no_text_is_an_expression_of_qgis(town):
    for path in (town / "run").glob("*.qml"):
        for word in ("eval(", "cmd()", "cycler"):
            assert word not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize("text", NAMES)
def test_no_text_commands_the_terminal(text, capsys):
    screen = Screen(width=10_000, force_terminal=False, color_system=None)
    screen.print(text, markup=False, soft_wrap=True)
    shown = capsys.readouterr().out
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", shown)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", str(Fault(text, text)))


def test_the_screen_keeps_its_own_colours():
    plain, ours = (
        kind(force_terminal=True, width=60, color_system="standard") for kind in (Console, Screen)
    )
    shown = []
    for console in (plain, ours):
        with console.capture() as got:
            console.print("[bold red]Failed[/] of [green]all[/]", highlight=False)
        shown.append(got.get())
    assert "\x1b[" in shown[0]
    assert shown[1] == "[bold red]Failed[/] of [green]all[/]\n"  # markup is text
    with ours.capture() as got:
        ours.note("all")
    assert "\x1b[33mNote:\x1b[0m all" in got.get()
    assert visible("\x1b[31m") == "\\x1b[31m"


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "explain", "trace", "rerun", "verify", "replan"])
def test_what_the_verbs_print(town, verb, tmp_path):
    stored, config = str(town / "run"), str(town / "town" / "town.yaml")
    words = {
        "run": [config, "--out", str(tmp_path / "r")],
        "replan": [stored, "--drop", "s0001", "--out", str(tmp_path / "p")],
        "trace": [stored, "s0001"],
        "explain": [stored, "s0001", "--alternatives", "0"],
    }.get(verb, [stored])
    done = CliRunner().invoke(app, [verb, *words], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    assert "\x1b" not in done.stdout.replace("\x1b[0m", "")
    if verb == "run":
        assert "[red]x[/red]" in done.stdout.replace("\n", "")
