"""The page of a batch: results, a chart, and a table with a link to each report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from siting.batch.chart import chart_words, draw_chart
from siting.batch.studies import value_words
from siting.batch.table import swept_of
from siting.texts import html_text
from siting.writing import write_whole

PAGE = "index.html"
# The page loads nothing and runs no script.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STATUS = {"feasible": "not proven optimal", "waiting": "not finished"}


def write_page(table: pd.DataFrame, out: Path) -> None:
    """Write ``index.html`` into a batch's folder, whole or not at all.

    It stands alone, fetches nothing, and links to the reports of the studies below the folder.
    `table` is as `siting.batch.results_table` returns it.
    """
    text = render(table, out)
    write_whole(
        out / PAGE,
        lambda path: path.write_text(text, encoding="utf-8", newline="\n"),
        replace=True,
    )


def render(table: pd.DataFrame, out: Path) -> str:
    """Return the page of a batch as HTML text."""
    swept = swept_of(table)
    links = [_link(out, str(folder)) for folder in table["folder"]]
    style = (files("siting.batch") / "page.css").read_text(encoding="utf-8")
    drawing = draw_chart(table, swept, links)
    figure = (
        f'<figure>{drawing}<figcaption id="chart-words">{html_text(chart_words(table, swept))} '
        "A thin line ends at what no plan for the money can exceed.</figcaption></figure>"
        if drawing
        else ""
    )
    notes = "".join(
        f'<p class="note"><b>{html_text(name)}</b>: {html_text(note)}</p>\n'
        for name, note in notes_of(table)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{len(table):,} studies</title>
<style>
{style}</style>
</head>
<body>
<h1>{_count(len(table), "study", "studies")}</h1>
<p>{html_text(status_words(table))}</p>
{f"<h2>Share of the energy wanted that is served</h2>{figure}" if figure else ""}
<h2>Results</h2>
<div class="wide">
{_table(table, swept, links)}
</div>
{notes}<p class="quiet">The same as figures: <a href="results.csv">results.csv</a>,
<a href="results.parquet">results.parquet</a>. Seconds are those of the stages.</p>
</body>
</html>
"""


def notes_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the caveats of the studies, each once with the name it belongs to."""
    noted = table[table["note"] != ""].drop_duplicates(["name", "note"])
    return list(zip(noted["name"].astype(str), noted["note"].astype(str), strict=True))


def status_words(table: pd.DataFrame) -> str:
    """Return the number of studies by status, in words.

    >>> status_words(pd.DataFrame({"status": ["optimal", "failed", "optimal"]}))
    '2 optimal, 1 failed'
    """
    words = {
        "optimal": "optimal",
        "feasible": "with a plan not proven optimal",
        "failed": "failed",
        "waiting": "not finished",
    }
    counts = table["status"].value_counts()
    return ", ".join(f"{counts[k]:,} {text}" for k, text in words.items() if k in counts)


def _link(out: Path, folder: str) -> str:
    if not folder:
        return ""
    page = f"{folder}/report.html"
    return page if (out / page).is_file() else f"{folder}/"


def _table(table: pd.DataFrame, swept: Sequence[str], links: Sequence[str]) -> str:
    failed = (table["error"] != "").any()
    heads = [("Study", ""), *((key.rpartition(".")[2], _side(table[key])) for key in swept)]
    heads += [("Status", "")]
    heads += [(name, "n") for name in ("Served", "kWh/day", "At most", "Gap", "Subsidy, PKR m",
                                       "Cost, PKR m", "Stations", "Seconds")]  # fmt: skip
    titles = dict(zip((key.rpartition(".")[2] for key in swept), swept, strict=True))
    parts = ["<table><thead><tr>"]
    parts += [
        f'<th class="{side}"' + (f' title="{html_text(titles[name])}"' if name in titles else "")
        + f">{html_text(name)}</th>"
        for name, side in heads
    ]  # fmt: skip
    parts.append("</tr></thead><tbody>")
    for row, link in zip(table.to_dict("records"), links, strict=True):
        parts.append(_row(row, swept, link, len(heads) if failed else 0))
    return "".join(parts) + "</tbody></table>"


def _side(values: pd.Series) -> str:
    return "n" if values.dtype == float else ""


def _row(row: Mapping[Any, Any], swept: Sequence[str], link: str, columns: int) -> str:
    name = html_text(str(row["name"]))
    cells = [("", f'<a href="{html_text(link)}">{name}</a>' if link else name)]
    for key in swept:
        value = row[key]
        side = "n" if isinstance(value, float) else ""
        cells.append((side, "" if pd.isna(value) else html_text(value_words(value))))
    status = _STATUS.get(str(row["status"]), str(row["status"]))
    cells.append(("", html_text(status)))
    if row["error"]:
        text = html_text(f"{row['config']}\n{row['error']}" if not row["study"] else row["error"])
        left = columns - len(cells)
        shown = "".join(f'<td class="{side}">{text_}</td>' for side, text_ in cells)
        return f'<tr class="failed">{shown}<td class="error" colspan="{left}">{text}</td></tr>'
    cells += [
        ("n", _number(row["served_share"], "{:.1%}")),
        ("n", _number(row["served_kwh_day"], "{:,.0f}")),
        ("n", _number(row["bound_kwh_day"], "{:,.0f}")),
        ("n", _number(row["gap"], "{:.2%}")),
        ("n", _number(row["subsidy_pkr"], "{:,.2f}", 1e6)),
        ("n", _number(row["cost_pkr"], "{:,.2f}", 1e6)),
        ("n", _number(row["new_stations"], "{:,.0f}")),
        ("n", _number(row["seconds"], "{:,.1f}")),
    ]
    shown = "".join(f'<td class="{side}">{text_}</td>' for side, text_ in cells)
    return f'<tr class="{html_text(str(row["status"]))}">{shown}</tr>'


def _number(value: Any, form: str, unit: float = 1.0) -> str:
    return "" if pd.isna(value) else form.format(float(value) / unit)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
