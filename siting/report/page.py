"""The report as one HTML file, which loads data from the network only on request."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from siting.errors import needs_extra
from siting.export import owners_of
from siting.report import assumptions, content, figure_text
from siting.report.districts import districts
from siting.report.figure_text import is_urdu
from siting.report.leaflet import embedded_leaflet
from siting.report.mapdata import live_map_data, map_data
from siting.report.run_record import RunRecord
from siting.report.summary import summary
from siting.report.urdu import NOTE, font_style, glossary, page_in_urdu
from siting.texts import json_in_page, visible

TILES = "https://tile.openstreetmap.org"
# Above this number of stations, their cards (3 kB each) are compressed.
MOST_PLAIN_CARDS = 300
# The space between a number and its percent sign or unit, or the position of a missing space.
_UNIT = re.compile(
    r"(?<=\d) ?(?=%[\s.,;:)/]|%$)|(?<=PKR) (?=[\d−-])|(?<=\d) (?=(?:m|km|kW|kWh/day|min)\b)"
)
_PACKED = "The stations' cards need JavaScript; sites.csv has the figures of the stations."

# Functions that make a part of the page from the run alone; templates use their names.
SECTIONS: tuple[Callable[[RunRecord], Any], ...] = (
    *(content.headline, content.later_aims, content.aims, content.money, content.builds),
    *(content.chargers_in_words, content.years, content.robustness, content.stations),
    *(content.budget_bars, content.other_limits),
    *(assumptions.proof, assumptions.sources, assumptions.decides, assumptions.assumptions),
    *(assumptions.checks, assumptions.lacking),
)

if TYPE_CHECKING:
    import geopandas as gpd
    from jinja2 import Environment


def render(
    run: RunRecord, curve: dict[str, Any] | None = None, free: gpd.GeoDataFrame | None = None
) -> str:
    """Return the report of a run as the HTML of a page.

    `curve` is the run's budget curve (`siting.report.read_frontier`). `free` are places without a
    station (``site_id``, ``name``, points in lon/lat). If `free` is given, the map shows plans sent
    by a notebook (`siting.report.mapdata.standing`), and the notebook learns of clicks.
    """
    leaflet, script = embedded_leaflet(), asset("page.js")
    page = environment().get_template("page.html")
    data = map_data(run) if free is None else live_map_data(run, free)
    parts = districts(run)
    sections = {part.__name__: part(run) for part in SECTIONS}
    years = sections["years"] = sections["years"] if free is None else []
    # A page with Arabic letters embeds a font, so that names are legible on any system.
    arabic = run.urdu or is_urdu(json_in_page(data))
    of_run = {
        "title": run.facts["title"],
        "districts": parts["shapes"],
        "words": {e: u for e, u in glossary().items() if "*" not in e} if run.urdu else {},
        "credits": owners_of(run.facts["inputs"]),
    }
    text = page.render(
        facts=run.facts,
        written=_written(run.facts["written"]),
        policy=content_policy(leaflet.script, script, images=f"data: {TILES}", fonts=arabic),
        urdu=run.urdu,
        urdu_note=NOTE,
        font_style=font_style() if arabic else "",
        arabic=arabic,
        tiles=TILES,
        leaflet=leaflet,
        page_style=asset("page.css"),
        page_script=script,
        data=json_in_page(data | of_run),
        period=f"{years[0]['year']} to {years[-1]['year']}" if years else str(run.year),
        summary=summary(run, parts),
        districts=parts,
        curve=curve,
        areas=any(data["areas"]),
        minutes=bool(data["minutes"]),
        coarse=data["coarse"],
        builds_named=any(row["chargers"] != row["name"] for row in sections["builds"]),
        **sections,
    )
    return _packed(page_in_urdu(text) if run.urdu else text, len(run.sites))


def _packed(page: str, stations: int) -> str:
    """Return the page, with its cards compressed if there are many; a script restores them."""
    before, cards, after = re.split("<!--/?cards-->", page)
    if stations > MOST_PLAIN_CARDS:
        data = base64.b64encode(zlib.compress(cards.encode("utf-8"), 9)).decode("ascii")
        cards = f'<script type="text/plain" id="packed-cards">{data}</script>'
        cards += f"<noscript>{_PACKED}</noscript>"
    return before + cards + after


@cache
def environment() -> Environment:
    """Return the Jinja environment with the filters and tests of the templates."""
    with needs_extra("report", "jinja2", "is needed to make a report"):
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    made = Environment(
        loader=FunctionLoader(asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_seen,
    )
    made.tests |= {"urdu": is_urdu, "missing": figure_text.missing}
    # A value as in run.json, for programs that read the page.
    made.filters["exact"] = lambda v: "" if v is None else json.dumps(v, ensure_ascii=False)
    for show in ("number", "rupees", "percent", "figure", "label", "confidence"):
        made.filters[show] = getattr(figure_text, show)
    return made


def _seen(value: Any) -> Any:
    r"""Return a value for a template: control characters become visible, markup is unchanged.

    A number stays on one line with its unit. A space precedes a percent sign, as in ISO 80000.

    >>> _seen("gap 2.73%, PKR 60.00 m")
    'gap 2.73\xa0%, PKR\xa060.00\xa0m'
    """
    plain = isinstance(value, str) and not hasattr(value, "__html__")
    return _UNIT.sub("\xa0", visible(value)) if plain else value


def asset(name: str) -> str:
    """Return the text of a template, script or style sheet in this folder."""
    return (files("siting.report") / name).read_text(encoding="utf-8")


def content_policy(*scripts: str, images: str = "data:", fonts: bool = False) -> str:
    """Return a content security policy that allows only these scripts, `images` and `fonts`."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode('utf-8')).digest()).decode()}'"
        for s in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        f"img-src {images}{'; font-src data:' if fonts else ''}"
    )


def _written(text: str) -> str:
    try:
        return f"{datetime.fromisoformat(text):%d %B %Y, %H:%M %Z}".strip()
    except ValueError:
        return text
