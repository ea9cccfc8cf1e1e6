"""Trials of what is said: odd texts through every format, odd words in Python and on the terminal.

``PYTHONPATH=.:tests python tests/hostile/said.py 20000`` counts what is a traceback, no valid file,
no JSON, or another text than was given.
"""

from __future__ import annotations

import atexit
import io
import json
import random
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import pandas as pd
import pyogrio
from hostile import mutators as spoil
from hostile import trials
from town import write_town
from typer.testing import CliRunner

import siting
from siting.cli import app
from siting.config import words
from siting.export import styles_of, write_csv, write_exchange, write_geojson, write_geopackage
from siting.export.qgis_project import write_qgis_project
from siting.report.page import environment
from siting.terminal.screen import Screen
from siting.texts import CONTROL, cell_text, json_in_page, kml_text, visible

PIECES = [
    *spoil.NAMES, "[%", "%]", "[% env('HOME') %]", "[[%%]]", "'[%'", "]]>", "<![CDATA[", "<!--",
    "&#11;", "&#0;", "\\x0b", "\\u000b", "\\", '"', "'", "\x0b", "\x00", "\x1b", "\x7f", "\x85",
    "\u2028", "\ufffe", "\uffff", "\ufeff", "\U0001f50c", "لاہور", "\r\n", "\r",
    "-->", "constructor", "__proto__", "$\\frac{x}$", "%s", "{0}", "{{", "}}", "\u200f", "\u2066",
]  # fmt: skip


def odd_text(rng: random.Random) -> str:
    """Return a text that one format or another could take for its own."""
    parts = [rng.choice(PIECES) for _ in range(rng.choice((1, 1, 2, 4)))]
    if rng.random() < 0.3:
        parts.insert(0, "".join(chr(rng.choice((rng.randrange(160), rng.randrange(0x3000))))
                                for _ in range(rng.randrange(1, 9))))  # fmt: skip
    return "".join(parts)


def shown_by_qgis(text: str) -> str:
    """Return what QGIS makes of a label; the one expression in it is that of two characters."""

    def value(match: re.Match[str]) -> str:
        assert match[1].strip() == "'[%'", f"an expression: {match[0]!r}"
        return "[%"

    return re.sub(r"\[%(.*?)%\]", value, text, flags=re.DOTALL)


def text(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Write an odd text to a file of some form, and read it back."""
    given = odd_text(rng)
    # A column of a table holds no half characters, wherever it comes from.
    name = re.sub("[\ud800-\udfff]", "", given)
    points = gpd.points_from_xy([73.0, 73.1], [33.6, 33.7], crs=4326)
    kinds = {"name": [name, "b"], "kind": [name, "fuel"], "reason": [name, "x"],
             "existing": [False, False], "power_kw": [60.0, 50.0], "site_id": ["a", "b"],
             "served_kwh_day": [1.0, 2.0]}  # fmt: skip
    layer = gpd.GeoDataFrame(kinds, geometry=points)
    form = rng.choice(list(FORMS))
    return lambda: FORMS[form](given, name, layer, folder)


def _project(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
    for kind in ("sites", "outside", "places"):
        styles = {kind: styles_of(kind, layer)}
        write_qgis_project(folder / "plan.qgz", {kind: layer}, styles, given, given, "")
        with zipfile.ZipFile(folder / "plan.qgz") as packed:
            root = ET.fromstring(packed.read("plan.qgs").decode().split("\n", 1)[1])
        labels = [e.get("labelText") for e in root.iter("LayoutItem") if "labelText" in e.attrib]
        assert [shown_by_qgis(label or "") for label in labels] == [visible(given)] * 2
        for one in root.iter():
            shown_by_qgis(one.get("label") or "")


def _geopackage(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
    path = folder / "plan.gpkg"
    write_geopackage(path, {"places": layer}, descriptions={"places": given},
                     styles={"places": styles_of("sites", layer)})  # fmt: skip
    assert visible(name) in set(pyogrio.read_dataframe(path, layer="places")["name"])
    with closing(sqlite3.connect(path)) as base:
        [said] = base.execute("SELECT description FROM gpkg_contents WHERE table_name = 'places'")
        for (style,) in base.execute("SELECT styleQML FROM layer_styles"):
            ET.fromstring(style.split("\n", 1)[1])
    assert said[0] == visible(given)


def _exchange(ending: str) -> Callable[[str, str, gpd.GeoDataFrame, Path], None]:
    def check(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
        path = folder / f"plan.{ending}"
        write_exchange({"places": layer}, path, ["places"], title=given, note=given)
        if ending == "kml":
            ET.fromstring(path.read_bytes())
            wanted = " ".join(str(kml_text(visible(name))).split())
            found = pyogrio.read_dataframe(path)["Name"].fillna("").astype(str)
            assert wanted in {" ".join(one.split()) for one in found}, (wanted, list(found))
        elif ending == "xlsx":
            with zipfile.ZipFile(path) as packed:
                for part in packed.namelist():
                    ET.fromstring(packed.read(part))
        elif ending == "geojson":
            json.loads(path.read_text("utf-8"))
        else:
            read = gpd.read_parquet(path) if ending == "parquet" else gpd.read_file(path)
            assert visible(name) in set(read["name"].fillna(""))

    return check


def _csv(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
    write_csv(layer, folder / "t.csv", note=given)
    found = pd.read_csv(folder / "t.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    assert found["name"].to_list() == [cell_text(name), "b"]
    assert not given or set(found["note"]) == {cell_text(given)}


def _page(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
    page = environment().from_string("<p>{{ text }}</p>").render(text=given)
    assert not CONTROL.search(page)
    assert "<" not in page.removeprefix("<p>").removesuffix("</p>")
    data = json_in_page({"a": given, given: 1})
    assert not re.search("[<>&\u2028\u2029]", data)
    assert not CONTROL.search(data)
    assert json.loads(data)["a"] == visible(given)


def _terminal(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
    screen = Screen(width=10_000, force_terminal=False, color_system=None, file=io.StringIO())
    screen.print(given, soft_wrap=True)
    assert not CONTROL.search(screen.file.getvalue())  # type: ignore[attr-defined]


def _layer(given: str, name: str, layer: gpd.GeoDataFrame, folder: Path) -> None:
    write_geojson(layer, folder / "a.geojson", name="a", note=name)
    read = json.loads((folder / "a.geojson").read_text("utf-8"))
    assert read["features"][0]["properties"]["name"] == name


FORMS: dict[str, Callable[[str, str, gpd.GeoDataFrame, Path], None]] = {
    "project": _project, "geopackage": _geopackage, "csv": _csv, "page": _page,
    "terminal": _terminal, "layer": _layer,
    **{ending: _exchange(ending) for ending in ("kml", "xlsx", "fgb", "parquet", "geojson")},
}  # fmt: skip


def python_word(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Give a key of the configuration an odd value in Python."""
    path = write_town(folder / "town")
    word, value = rng.choice(sorted(words())), spoil.value_of(rng)
    if rng.random() < 0.3:
        value = {rng.choice(("path", "kind", "cache_dir", 1, None, "x")): value}
    given = {word: value, "output": {"cache_dir": str(folder / "cache")}}
    if word == "output":
        given = {word: value}
    more = rng.random() < 0.5
    return lambda: siting.Study(path, **given) if more else siting.Study(path).with_(**given)


@cache
def _stored() -> Path:
    kept = tempfile.TemporaryDirectory(prefix="siting-said-")
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    siting.run(write_town(folder / "town"), out=folder / "run")
    return folder


def command(rng: random.Random, folder: Path) -> Callable[[], object]:
    """Ask a verb with odd words for JSON."""
    run, town = str(_stored() / "run"), str(_stored() / "town" / "town.yaml")
    odd = [str(rng.choice((spoil.one_word(rng), odd_text(rng)))) for _ in range(2)]
    key = rng.choice(trials._keys())
    asked = rng.choice([
        ["check", town, "--set", f"{key}={odd[0]}"], ["check", odd[0]], ["run", odd[0]],
        ["run", town, "--out", run, "--set", f"{key}={odd[0]}"], ["runs", "--in", odd[0]],
        ["open", odd[0]], ["verify", odd[0]], ["report", run, "--language", odd[0]],
        ["report", odd[0]], ["trace", run, odd[0]], ["trace", run, "s0001", "--class", odd[0]],
        ["trace", run, "s0001", "--scenario", odd[0]], ["trace", run, "s0001", "--year", odd[0]],
        ["explain", run, odd[0], "--alternatives", "0"], ["explain", run, "--time-limit", odd[0]],
        ["replan", run, "--drop", odd[0], "--require", odd[1], "--out", run],
        ["replan", run, "--budget", odd[0], "--out", run], ["replan", run, "--add", odd[0]],
        ["export", run, "--to", "plan.kml", "--layer", odd[0]], ["new", odd[0]],
        ["compare", run, odd[0]], ["simulate", run, "--days", odd[0]],
        ["batch", town, "--dry-run", "--sweep", f"{key}={odd[0]}"],
        ["batch", town, "--dry-run", "--sweep", odd[0]], ["batch", odd[0], "--dry-run"],
        ["frontier", town, "--budgets", odd[0]], ["nation", odd[0]], ["nation", run],
        ["evaluate", town, "--sites", odd[0]], ["evaluate", town, "--sites", "x.csv",
                                                "--map-config", odd[0]],
        ["rerun", run, "--set", f"roads.source.path={odd[0]}"], ["fetch", odd[0]],
        ["demand", odd[0]], [odd[0]], ["cities", odd[0]],
    ])  # fmt: skip

    def ask() -> None:
        done = CliRunner(charset="utf-8").invoke(app, [*asked, "--json"], prog_name="siting")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code in (0, 1, 2), (asked, done.exit_code)

        def none(number: str) -> Any:
            raise AssertionError(f"{number} is no JSON: {asked}")

        # After -- or as the value of an option it asks for nothing; help is no verb.
        if not {"--help", "-h", "--", "--version"} & set(asked):
            json.loads(done.stdout, parse_constant=none)

    return ask


KINDS = {"text": (text, 6), "python": (python_word, 3), "command": (command, 3)}

if __name__ == "__main__":
    trials.main(KINDS)
